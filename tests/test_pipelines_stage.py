"""A stage against diffusers' networks and schedulers, walked step by step, in float64."""

import errno

import pytest
import torch
import torch.nn.functional as F
from chains import DIM, LAYOUT, stage
from published import difference, diffusers_class, renamed

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.layouts import write_unet
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.stage import Guidance, Stage, check_follow


def words(count=2, seed=7):
    return torch.randn(count, 5, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small_pictures(count=2, side=4):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(8), dtype=torch.float64) * 2 - 1


def theirs_of(one):
    """diffusers' network with a stage's weights, and its DDIM with a stage's schedule."""
    written = {k: v for k, v in write_unet(one.unet.config, one.image_size).items() if not k.startswith("_")}
    net = diffusers_class("UNet2DConditionModel")(**written).double().eval()
    net.load_state_dict(renamed(one.unet.state_dict()))
    return net


def scheduler(thresholding, steps, prediction_type):
    kinds = {"dynamic": {"thresholding": True, "sample_max_value": 1e9}, "static": {"clip_sample": True}, "none": {}}
    made = diffusers_class("DDIMScheduler")(
        num_train_timesteps=100, beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing",
        prediction_type=prediction_type, dynamic_thresholding_ratio=0.8,
        **({"clip_sample": False} | kinds[thresholding]),
    )  # fmt: skip
    made.set_timesteps(steps)
    return made


@pytest.mark.parametrize("thresholding", ["dynamic", "static", "none"])
@pytest.mark.parametrize("enlarges", [False, True])
@torch.no_grad()
def test_a_walk_is_that_of_diffusers_nets_and_schedulers(cpu, thresholding, enlarges):
    one = stage(cpu, 8, enlarges)
    net, low_res = theirs_of(one), small_pictures() if enlarges else None
    told, untold = words(), words(1, 9)
    how = Guidance(6.0, 4, thresholding, 0.8, augmentation_level=0.3)
    ours = one.draw(told, untold, how, Noise(2, seed=5), low_res)

    streams = [torch.Generator().manual_seed(5 + i) for i in range(2)]

    def draw(*shape):
        return torch.stack([torch.randn(shape, generator=stream) for stream in streams]).double()

    beside, labels, small, scale = [], {}, 0, 1
    if enlarges:
        ddpm = diffusers_class("DDPMScheduler")(num_train_timesteps=100, beta_schedule="squaredcos_cap_v2")
        spoilt = ddpm.add_noise(low_res, draw(3, 4, 4), torch.tensor([29, 29]))  # level 0.3 of 100 timesteps
        beside = [F.interpolate(spoilt, (8, 8), mode="bilinear")]
        small, scale = ddpm.alphas_cumprod[29].sqrt() * beside[0], (1.0025 - ddpm.alphas_cumprod[29]).sqrt()
        labels = {"class_labels": torch.tensor([30, 30])}
    x, steps = draw(3, 8, 8), scheduler(thresholding, 4, "sample" if enlarges else "v_prediction")
    for t in steps.timesteps:
        read = torch.cat([x, *beside], 1)
        uncond, cond = (net(read, t, context, **labels).sample for context in (untold.expand_as(told), told))
        x = steps.step(small + scale * (uncond + 6 * (cond - uncond)), t, x, use_clipped_model_output=True).prev_sample
    assert difference(ours, x) < 1e-5  # levels of noise are kept in float32, on both sides
    assert (ours.abs().max() > 1) == (thresholding == "none")


@torch.no_grad()
def test_a_mask_hides_padding_and_one_is_no_guidance(cpu):
    one, told = stage(cpu, 8), words()
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    how = Guidance(1.0, 2)
    drawn = one.draw(told, words(1), how, Noise(2, seed=1), mask=mask)
    told[0, 3:] = 50.0
    changed = one.draw(told, 100 * words(1), how, Noise(2, seed=1), mask=mask)
    assert torch.equal(drawn, changed)


@torch.no_grad()
def test_a_picture_does_not_depend_on_who_is_drawn_beside_it(cpu):
    one, told, low_res = stage(cpu, 8, True), words(3), small_pictures(3)
    together = one.draw(told, words(1), Guidance(2.0, 2), Noise(3, seed=4), low_res)
    alone = one.draw(told[1:2], words(1), Guidance(2.0, 2), Noise(1, seed=5), low_res[1:2])
    torch.testing.assert_close(together[1:2], alone)


@torch.no_grad()
def test_without_augmentation_the_small_picture_is_read_as_it_is(cpu):
    one, low_res = stage(cpu, 8, True), small_pictures()
    drawn = one.draw(words(), words(1), Guidance(1.0, 1, "none", augmentation_level=0.0), Noise(2, seed=3), low_res)
    noise = Noise(2, seed=3)
    noise(3, 4, 4)
    x = noise(3, 8, 8).double()
    beside = F.interpolate(low_res, (8, 8), mode="bilinear")
    read, none = torch.cat([x, beside], 1), torch.zeros(2, dtype=torch.int64)
    torch.testing.assert_close(drawn, beside + 0.05 * one.unet(read, torch.tensor(99), words(), class_labels=none))


@torch.no_grad()
def test_a_stage_is_saved_and_opened(cpu, tmp_path):
    one, low_res = stage(cpu, 8, True), small_pictures()
    one.save_pretrained(tmp_path)
    again = Stage.from_pretrained(tmp_path, cpu)
    assert (again.unet.config, again.image_size, again.prediction_type) == (one.unet.config, 8, "sample")
    how = Guidance(2.0, 2)
    drawn = again.draw(words(), words(1), how, Noise(2, seed=1), low_res)
    wanted = one.draw(words(), words(1), how, Noise(2, seed=1), low_res)
    torch.testing.assert_close(drawn, wanted.float(), rtol=0, atol=0.05)  # half precision in between


def test_a_save_that_fails_leaves_the_stage_that_was_there(cpu, tmp_path, monkeypatch):
    one = stage(cpu, 8)
    one.save_pretrained(tmp_path)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("t2ilab.interop.weights.save_file", full)
    other = stage(cpu, 16, seed=1, heads=4)
    with pytest.raises(OSError, match="free some space"):
        other.save_pretrained(tmp_path)
    again = Stage.from_pretrained(tmp_path, cpu)
    assert (again.unet.config, again.image_size) == (one.unet.config, 8)
    assert torch.equal(again.unet.conv_in.weight, one.unet.conv_in.weight.half().to(again.unet.conv_in.weight))


def test_another_kind_of_folder_is_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"_class_name": "PriorTransformer"}')
    with pytest.raises(ValueError, match="holds a PriorTransformer; this call opens one Stage"):
        Stage.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "Stage"}')
    with pytest.raises(OSError, match="lays out no Stage"):
        Stage.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"guidance_scale": float("inf")}, "guidance_scale must be a finite number; got inf"),
        ({"thresholding": "soft"}, "one of dynamic, static, none; got 'soft'"),
        ({"percentile": 0.0}, r"percentile must lie in \(0, 1\], got 0.0"),
        ({"percentile": 1.5}, r"percentile must lie in \(0, 1\], got 1.5"),
        ({"augmentation_level": -0.1}, r"An augmentation level lies in \[0, 1\], 0 for no noise; got -0.1"),
        ({"augmentation_level": 1.1}, "got 1.1"),
    ],
)
def test_settings_out_of_range_are_sentences(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Guidance(**change)


@pytest.mark.parametrize("steps", [0, 101])
def test_too_many_steps_are_a_sentence(cpu, steps):
    with pytest.raises(ValueError, match=f"num_inference_steps lies in 1 to 100; got {steps}"):
        stage(cpu, 8).draw(words(), words(1), Guidance(num_inference_steps=steps), Noise(2))


@pytest.mark.parametrize(
    ("enlarges", "low_res", "sentence"),
    [
        (False, small_pictures(), r"begins with noise alone; got \(2, 3, 4, 4\)"),
        (True, None, "reads a small picture beside x_t; got none"),
        (True, small_pictures(side=9), r"enlarges to 8 pixels a side; got \(9, 9\). Shrink it first"),
    ],
)
def test_small_pictures_that_do_not_fit_are_sentences(cpu, enlarges, low_res, sentence):
    with pytest.raises(ValueError, match=sentence):
        stage(cpu, 8, enlarges).draw(words(), words(1), Guidance(), Noise(2), low_res)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"in_channels": 7}, "3 or 6 channels; got 7"),
        ({"in_channels": 6}, "class_timesteps=True for 6 channels; got False"),
        ({"class_timesteps": True}, "class_timesteps=False for 3 channels; got True"),
        ({"in_channels": 6, "class_timesteps": True}, "prediction_type is 'sample'; got 'v_prediction'"),
    ],
)
def test_a_network_that_is_no_stage_is_a_sentence(cpu, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Stage(UNet(UNetConfig(**(LAYOUT | change))), NoiseSchedule.cosine(), device=cpu)


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ([], "got none"),
        ([(8, True)], "got .'super-resolution'."),
        ([(8, False), (16, False)], "got .'first', 'first'."),
        ([(8, False), (8, True)], "got 8 -> 8"),
        ([(8, False), (12, True)], "got 8 -> 12"),
        ([(8, False), (16, True), (4, True)], "got 8 -> 16 -> 4"),
    ],
)
def test_stages_that_do_not_follow_each_other_are_a_sentence(cpu, chain, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_follow([stage(cpu, size, enlarges) for size, enlarges in chain])


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_a_sentence(seed):
    with pytest.raises(ValueError, match=r"whole number from 0 to 2\^63"):
        Noise(2, seed)


def test_one_stream_serves_the_batch_where_it_is_asked_for():
    noise = Noise(2, generator=torch.Generator().manual_seed(3))
    assert torch.equal(noise(4), torch.randn(2, 4, generator=torch.Generator().manual_seed(3)))
