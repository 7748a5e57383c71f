"""Lab 09's references against something independent: picture to picture, our ControlNet, diffusers, slow loops."""

import pytest
import torch
from published import diffusers_class
from torch import nn

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import bank, check
from t2ilab.nets.controlnet import ControlNet
from t2ilab.nets.unet import UNet, UNetConfig


def reference(name):
    return bank.find(name).reference


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(9)


def test_sdedit_begins_where_diffusers_does(generator):
    img2img = diffusers_class("StableDiffusionImg2ImgPipeline")
    scheduler = diffusers_class("DDIMScheduler")(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    scheduler.set_timesteps(20)
    theirs, _ = img2img.get_timesteps(type("Self", (), {"scheduler": scheduler})(), 20, 0.3, "cpu")
    schedule = NoiseSchedule.scaled_linear()
    x0, noise = torch.randn(2, 2, 3, 4, 4, generator=generator)
    x_t, remaining = reference("sdedit_start")(x0, noise, 0.3, schedule, scheduler.timesteps)
    assert torch.equal(remaining, theirs)
    torch.testing.assert_close(x_t, scheduler.add_noise(x0, noise, remaining[:1]))


def test_what_is_put_back_has_the_noise_of_its_timestep(generator):
    schedule = NoiseSchedule.linear()
    known = torch.full((1, 3, 200, 200), 0.5)
    noise = torch.randn(known.shape, generator=generator)
    blended = reference("inpaint_blend")(
        torch.zeros_like(known), known, torch.zeros(1, 1, 200, 200), noise, 300, schedule
    )
    ac = schedule.alphas_cumprod[300].item()
    assert blended.mean().item() == pytest.approx(0.5 * ac**0.5, abs=0.02)
    assert blended.var().item() == pytest.approx(1 - ac, rel=0.02)


def test_the_silent_layer_is_the_one_of_diffusers():
    from diffusers.models.controlnets.controlnet import zero_module

    ours, theirs = reference("ZeroConv")(6), zero_module(nn.Conv2d(6, 6, 1))
    mine, yours = (sorted((tuple(p.shape), p.abs().sum().item()) for p in net.parameters()) for net in (ours, theirs))
    assert mine == yours


def test_injecting_by_hand_is_what_the_networks_do(generator):
    config = UNetConfig(block_out_channels=(8, 16), attention=(False, True), cross_attention_dim=8, heads=2)
    unet = UNet(config).double()
    control = ControlNet.from_unet(unet, condition_widths=(4, 8)).double()
    with torch.no_grad():
        for p in [*unet.parameters(), *control.parameters()]:
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.1)
    x, context = torch.randn(2, 3, 8, 8, dtype=torch.float64), torch.randn(2, 5, 8, dtype=torch.float64)
    t, picture = torch.tensor([3, 700]), torch.rand(2, 3, 16, 16, dtype=torch.float64)
    said = control(x, t, context, picture)
    temb = unet.tell(x, t, context)
    middle, skips = unet.descend(unet.conv_in(x), temb, context)
    skips, middle = reference("inject")(skips, middle, *said, 0.7)
    quiet = control(x, t, context, picture, scale=0.7)
    torch.testing.assert_close(unet.ascend(middle, skips, temb, context), unet(x, t, context, residuals=quiet))


def test_a_one_hot_map_by_loops(generator):
    numbers = torch.randint(0, 4, (2, 3, 5), generator=generator)
    slow = torch.zeros(2, 6, 3, 5)
    for b in range(2):
        for y in range(3):
            for x in range(5):
                slow[b, numbers[b, y, x], y, x] = 1
    assert torch.equal(reference("one_hot_map")(numbers, 6), slow)


def test_a_list_that_is_changed_in_place_is_noticed(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")

    def inject(skips, mid, control_skips, control_mid, scale):
        for i, control in enumerate(control_skips):
            skips[i] = skips[i] + scale * control
        return skips, mid + scale * control_mid

    result = check(inject)
    assert not result.passed
    assert "changes its input `skips` in place" in result.message
