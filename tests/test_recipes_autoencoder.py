"""The recipes of the autoencoders: a loss that depends on seed and step alone, and a scale that is measured."""

import math
from dataclasses import replace

import pytest
import torch
from published import diffusers_class

from t2ilab import metrics
from t2ilab.interop.stable_diffusion import read_vae
from t2ilab.nets.reader import Reader
from t2ilab.recipes import autoencoder, vae_shapes, vae_storybook_decoder
from t2ilab.recipes.reader import OF_THE_WHOLE, OF_THINGS
from t2ilab.training.loop import train


def small(device, seed, **changes):
    return vae_shapes.Recipe(device, seed, replace(vae_shapes.NUMBERS, batch=2, **changes))


@pytest.fixture
def recipe(cpu):
    return small(cpu, 3)


def test_the_loss_is_a_function_of_seed_and_step(recipe, cpu):
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert small(cpu, 3).loss(5).item() == first
    assert small(cpu, 4).loss(5).item() != first


def test_the_loss_is_kingma_and_wellings(cpu):
    """Against torch's own Gaussians: the squared error of a sample, and the divergence from the standard normal."""
    recipe = small(cpu, 3, kl_weight=0.5)
    x0 = recipe.world.batch(7, 2)["image"]
    mean, logvar = recipe.model.encode(x0)
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    kl = torch.distributions.kl_divergence(posterior, prior).sum(dim=(1, 2, 3)).mean()
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3 * 1_000_003 + 7))
    recon = recipe.model.decode(mean + posterior.stddev * noise)
    torch.testing.assert_close(recipe.loss(7), torch.nn.functional.mse_loss(recon, x0) + 0.5 * kl)


def test_half_precision_ends_where_the_loss_begins(cpu, monkeypatch):
    recipe = small(cpu, 3, kl_weight=0.5)
    whole = recipe.model.forward
    x0, exact = recipe.world.batch(7, 2)["image"], recipe.loss(7)

    def half(x0, noise):
        return tuple(one.bfloat16() for one in whole(x0, noise))

    rounded = []
    monkeypatch.setattr(recipe.model, "forward", lambda x0, noise: rounded.append(half(x0, noise)) or rounded[0])
    loss = recipe.loss(7)
    recon, mean, logvar = (one.double() for one in rounded[0])
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1).mean()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(((recon - x0).square().mean() + 0.5 * kl).item(), rel=1e-6)
    assert loss.item() != exact.item()


def test_it_learns_something_at_once(recipe):
    losses = [step.loss for step in train(recipe.model, recipe.loss, recipe.plan(30))]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_the_plan_remembers_what_makes_the_run(recipe):
    assert recipe.plan(7).facts == {"recipe": "vae-shapes", "seed": 3, "steps": 7}
    assert recipe.plan().steps == vae_shapes.STEPS


def test_psnr_is_the_highest_value_over_the_root_mean_square_error_in_decibels():
    generator = torch.Generator().manual_seed(0)
    images, originals = torch.rand(2, 4, 3, 8, 8, generator=generator, dtype=torch.float64) * 2 - 1
    levels = [(one.numpy() + 1) * 127.5 for one in (images, originals)]  # 0 to 255, as photographs have them
    rmse = [float(((a - b) ** 2).mean()) ** 0.5 for a, b in zip(*levels, strict=True)]
    expected = torch.tensor([20 * math.log10(255 / error) for error in rmse], dtype=torch.float64)
    torch.testing.assert_close(autoencoder.psnr(images, originals), expected)


def test_it_is_measured_on_pairs_never_seen(recipe, monkeypatch):
    torch.manual_seed(0)
    reader = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    monkeypatch.setattr(metrics, "default_reader", lambda: reader)
    scores = recipe.measure(recipe.model, count=3)
    assert scores.keys() == {"psnr (dB)", "read, as drawn", "read, come back", "scaled latents (standard deviation)"}


def test_its_sheet_is_pictures_and_what_comes_back(recipe):
    sheet = recipe.sheet(recipe.model)
    assert sheet.shape == (16, 3, 64, 64)
    assert torch.equal(sheet, recipe.sheet(recipe.model))


def test_what_it_saves_opens_in_diffusers_and_its_scaled_latents_have_unit_variance(recipe, tmp_path):
    recipe.save(recipe.model.eval(), tmp_path)
    theirs = diffusers_class("AutoencoderKL").from_pretrained(tmp_path, local_files_only=True)
    images = recipe.world.batch(0, 512)["image"]
    with torch.no_grad():
        latents = theirs.encode(images).latent_dist.mean * theirs.config.scaling_factor
    assert latents.std().item() == pytest.approx(1, abs=0.01)
    assert read_vae(tmp_path).config.scaling_factor == theirs.config.scaling_factor


def test_it_goes_on_from_a_saved_one_of_its_own_widths(recipe, cpu, tmp_path):
    recipe.save(recipe.model, tmp_path / "vae")
    other = small(cpu, 4)
    other.start_from(str(tmp_path / "vae"))
    for mine, theirs in zip(other.model.parameters(), recipe.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    assert other.model.training
    wide = small(cpu, 4, vae=replace(vae_shapes.NUMBERS.vae, block_out_channels=(8, 16, 32, 32)))
    with pytest.raises(ValueError, match="other widths than vae-shapes, so it cannot be its start"):
        wide.start_from(str(tmp_path / "vae"))
    with pytest.raises(ValueError, match="The zoo has no 'vae-shpes'"):
        other.start_from("vae-shpes")


def test_a_wider_one_begins_with_the_channels_of_its_start_and_its_latents_are_held_to_them(cpu, tmp_path):
    narrow = small(cpu, 3)
    narrow.save(narrow.model, tmp_path / "vae")
    theirs = autoencoder.open_vae(str(tmp_path / "vae"), cpu)
    doubled = replace(vae_shapes.NUMBERS.vae, block_out_channels=(16, 32, 64, 128), norm_num_groups=4)
    free, wide = small(cpu, 4, vae=doubled), small(cpu, 4, vae=doubled, held=0.5)
    wide.start_from(str(tmp_path / "vae"))
    wide.goes_on(str(tmp_path / "vae"))
    x0 = wide.world.batch(6, 2)["image"]
    with torch.no_grad():
        ours, old = wide.model.encoder.conv_in(x0), theirs.encoder.conv_in(x0)
        for wider, narrower in zip(wide.model.encoder.down_blocks, theirs.encoder.down_blocks, strict=True):
            ours, old = wider(ours), narrower(old)
            torch.testing.assert_close(ours[:, : old.shape[1]], old)
            assert ours[:, old.shape[1] :].std() > 0
        free.model.load_state_dict(wide.model.state_dict())
        apart = (wide.model.encode(x0)[0] - theirs.encode(x0)[0]).square().mean()
        torch.testing.assert_close(wide.loss(6), free.loss(6) + 0.5 * apart)
    assert apart > 0
    wide.save(wide.model, tmp_path / "wide")
    assert read_vae(tmp_path / "wide").config == replace(doubled, scaling_factor=theirs.config.scaling_factor)
    assert wide.scaling_factor(wide.model) != free.scaling_factor(free.model)
    wide.loss(6).backward()
    assert all(parameter.grad is None for parameter in wide.began.parameters())


def test_a_wider_one_has_no_skip_convolution_between_levels_that_have_become_as_wide(cpu, tmp_path):
    narrow = small(cpu, 3)  # 8, 16, 32, 64
    narrow.save(narrow.model, tmp_path / "vae")
    wide = small(cpu, 4, vae=replace(vae_shapes.NUMBERS.vae, block_out_channels=(16, 16, 32, 64)), held=1.0)
    wide.start_from(str(tmp_path / "vae"))
    assert any("skip" in name for name in narrow.model.encoder.down_blocks[1].state_dict())
    assert not any("skip" in name for name in wide.model.encoder.down_blocks[1].state_dict())
    assert wide.loss(0).isfinite()
    wide.save(wide.model, tmp_path / "wide")
    unequal = small(cpu, 5, vae=replace(vae_shapes.NUMBERS.vae, block_out_channels=(16, 32, 32, 64)), held=1.0)
    with pytest.raises(ValueError, match="levels of one width that vae-shapes makes unequal, so it"):
        unequal.start_from(str(tmp_path / "wide"))


@pytest.mark.parametrize(
    "other", [{"block_out_channels": (8, 16, 32, 32)}, {"block_out_channels": (8, 16, 64)}, {"latent_channels": 8}]
)
def test_latents_are_not_held_to_those_of_a_wider_one_or_of_another_size(cpu, tmp_path, other):
    recipe = small(cpu, 3)
    recipe.save(recipe.model, tmp_path / "vae")
    held = small(cpu, 4, vae=replace(vae_shapes.NUMBERS.vae, **other), held=1.0)
    with pytest.raises(ValueError, match="other widths than vae-shapes, so it cannot be its start"):
        held.start_from(str(tmp_path / "vae"))


def test_what_is_not_held_keeps_nothing_of_its_start(recipe, cpu, tmp_path):
    recipe.save(recipe.model, tmp_path / "vae")
    before = recipe.loss(3)
    recipe.goes_on(str(tmp_path / "vae"))
    assert recipe.loss(3).item() == before.item()


def test_a_decoder_goes_on_alone(cpu, tmp_path):
    """Its encoder, its latents and their scale stay as they were, and it comes nearer to the pictures."""
    began = vae_storybook_decoder.Recipe(cpu, 3, replace(vae_storybook_decoder.NUMBERS, batch=2, warmup=1))
    theirs = autoencoder.open_vae("vae-storybook", cpu)
    assert all(
        torch.equal(a, b) for a, b in zip(began.model.state_dict().values(), theirs.state_dict().values(), strict=True)
    )
    with torch.no_grad():
        began.model.decoder.conv_out.weight.mul_(0.8)  # something to learn
    losses = [step.loss for step in train(began.model, began.loss, began.plan(20))]
    assert sum(losses[-5:]) < sum(losses[:5])
    began.save(began.model, tmp_path / "model")
    after = read_vae(tmp_path / "model")
    assert after.config == theirs.config
    x0 = began.world.batch(0, 2)["image"]
    for ours, old in zip(after.encode(x0), theirs.encode(x0), strict=True):
        torch.testing.assert_close(ours, old, rtol=0, atol=1e-3)  # the file is in half precision
    assert not torch.allclose(after.decoder.conv_out.weight, theirs.decoder.conv_out.weight)
    began.start_from(str(tmp_path / "model"))
    with torch.no_grad():
        after.encoder.conv_in.weight.mul_(1.01)
    began.save(after, tmp_path / "another")
    with pytest.raises(ValueError, match="another encoder than vae-storybook, so its decoder reads other latents"):
        began.start_from(str(tmp_path / "another"))
