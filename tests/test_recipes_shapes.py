"""The recipe of the latent models: the pixels' loss, on latents that are made once and met in other words."""

from dataclasses import replace

import pytest
import torch

from t2ilab.data.understanding import understand
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.files import read_json
from t2ilab.interop.stable_diffusion import write_vae
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import shapes
from t2ilab.recipes.run import Run
from t2ilab.recipes.text_to_image import error_weights, timesteps
from t2ilab.training.loop import train


def test_timesteps_stay_on_the_schedule_where_a_float_is_rounded_up():
    """Of batches of 2,048 about one in 16,000 has a last row whose share of the way rounds to 1; this is one."""
    schedule = NoiseSchedule.cosine()
    t = timesteps(2048, schedule, torch.Generator().manual_seed(12651))
    assert t.max() == 999
    assert (t.diff() >= 0).all()
    for seed in range(20):
        t = timesteps(64, schedule, torch.Generator().manual_seed(seed))
        assert (t * 64 // 1000 - torch.arange(64)).abs().max() <= 1


@pytest.fixture
def vae_folder(tmp_path):
    torch.manual_seed(0)
    config = VAEConfig(block_out_channels=(8, 16, 16, 16), norm_num_groups=2, scaling_factor=1.25)
    write_vae(tmp_path / "vae", VAE(config), 64)
    return str(tmp_path / "vae")


@pytest.fixture
def small(cpu, vae_folder):
    def make(seed=3, **changes):
        return shapes.Recipe(
            cpu, seed, replace(shapes.NUMBERS, **{"batch": 8, "cached": 2, "vae": vae_folder} | changes)
        )

    return make


def test_the_loss_is_a_function_of_seed_and_step(small):
    recipe = small()
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert small().loss(5).item() == first
    assert small(4).loss(5).item() != first


def test_its_pictures_are_scaled_latents_and_those_that_are_kept_are_the_same(small):
    kept, fresh = small(), small(cached=0)
    image = fresh.world.batch(1, 8)["image"]
    with torch.no_grad():
        mean, _ = fresh.vae.encode(image)
    torch.testing.assert_close(fresh.batch(1)["x0"], 1.25 * mean)
    torch.testing.assert_close(kept.batch(1)["x0"], 1.25 * mean, rtol=1e-3, atol=1e-3)  # half precision
    torch.testing.assert_close(kept.batch(3)["x0"], kept.batch(1)["x0"])


def test_it_learns_in_the_latents_of_an_autoencoder_of_ones_own(tmp_path, cpu, vae_folder, monkeypatch):
    monkeypatch.setattr(shapes, "NUMBERS", replace(shapes.NUMBERS, batch=8, cached=2))
    run = Run("shapes", tmp_path / "run", steps=1, device=cpu, changes={"vae": vae_folder})
    assert [step.step for step in run.steps()] == [1]
    assert run.recipe.vae.config.scaling_factor == 1.25
    assert read_json(tmp_path / "run" / "plan.json")["changes"] == {"vae": vae_folder}


def test_latents_of_another_kind_are_refused_before_anything_is_computed(small):
    with pytest.raises(ValueError, match=r"vae-storybook has latents of 16 channels, and this model learns in 4\."):
        small(vae="vae-storybook")
    with pytest.raises(OSError, match="is not a whole checkpoint"):  # and not a model of pixels
        small(vae="")


def test_a_picture_is_met_again_in_other_words_that_are_as_true(small):
    recipe = small(whole=100)
    first, again = recipe.batch(1)["caption"], recipe.batch(3)["caption"]
    assert first == recipe.whole.batch(1, 8)["caption"]
    assert first != again
    assert [understand(c)[0] for c in first] == [understand(c)[0] for c in again]


def test_only_the_networks_that_learn_are_trained(small):
    recipe = small()
    before = [p.clone() for p in recipe.vae.parameters()]
    losses = [step.loss for step in train(recipe.model, recipe.loss, replace(recipe.plan(40), warmup=5))]
    assert sum(losses[-10:]) / 10 < 0.9 * sum(losses[:5]) / 5
    assert all(torch.equal(a, b) for a, b in zip(before, recipe.vae.parameters(), strict=True))


@pytest.mark.parametrize("prediction_type", ["sample", "v_prediction", "epsilon"])
def test_an_error_of_the_picture_counts_alike_whatever_the_network_gives(prediction_type, small):
    """At a timestep that the cap does not reach, for one and the same guess of the picture."""
    recipe = small()
    schedule, weights = recipe.schedule, error_weights(recipe.schedule, prediction_type)
    t = torch.tensor([700])
    generator = torch.Generator().manual_seed(0)
    x0, guess, noise = torch.randn(3, 1, 4, 8, 8, generator=generator)
    x_t = schedule.add_noise(x0, noise, t)
    guessed_noise = schedule.to_eps(guess, x_t, t, "sample")
    given, asked = {
        "sample": (guess, x0),
        "epsilon": (guessed_noise, noise),
        "v_prediction": (schedule.velocity(guess, guessed_noise, t), schedule.velocity(x0, noise, t)),
    }[prediction_type]
    expected = (schedule.snr[700] + 1) * (guess - x0).square().mean()
    torch.testing.assert_close(weights[700] * (given - asked).square().mean(), expected, rtol=1e-3, atol=1e-6)


def test_what_it_saves_is_a_folder_of_diffusers(small, tmp_path):
    recipe = small()
    recipe.save(recipe.model, tmp_path / "model")
    pipe = TextToImage.from_pretrained(tmp_path / "model", device="cpu")
    assert (pipe.image_size, pipe.prediction_type, pipe.world) == (64, "v_prediction", "shapes")
    assert pipe.vae.config.scaling_factor == 1.25
    assert '"StableDiffusionPipeline"' in (tmp_path / "model" / "model_index.json").read_text()
    assert pipe("a red star", num_inference_steps=1, seed=0, output_type="pt").shape == (1, 3, 64, 64)
    other = small(4)
    other.start_from(str(tmp_path / "model"))
    torch.testing.assert_close(other.model.unet.conv_in.weight, recipe.model.unet.conv_in.weight, rtol=1e-3, atol=1e-3)
