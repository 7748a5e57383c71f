"""Folders of diffusers' StableDiffusionPipeline: opened, drawn with, written, and opened by diffusers again.

Each folder is made here, small and of random weights, by diffusers and transformers themselves.
"""

import copy
import json
import shutil
import warnings

import pytest
import torch
from published import BETAS, diffusers_class, latent_pipe, randomised, stable_diffusion
from safetensors.torch import load_file, save_file

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.schedulers import Sampling
from t2ilab.interop.stable_diffusion import (
    read_controlnet,
    read_text_encoder,
    read_unet,
    read_vae,
    write_controlnet,
)
from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.unet import UNetConfig
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a red cat and 猫"
CLOSE = 5e-6  # of pictures in [0, 1], in float32: 2.1e-6 was seen on an Intel Xeon
UNET_FILE, TEXT_FILE = "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"


@pytest.fixture(scope="module")
def tokenizer_():
    return CLIPTokenizer.train(["cat", "red", "a", "and", "猫"], 16)


@pytest.fixture(scope="module")
def published(tmp_path_factory, tokenizer_):
    """A StableDiffusionPipeline of diffusers' own, and its folder."""
    return stable_diffusion(tokenizer_, tmp_path_factory.mktemp("published"))


@pytest.fixture
def folder(published, tmp_path):
    """A copy of the folder, to be changed."""
    return shutil.copytree(published[1], tmp_path / "sd")


def rewrite(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def scheduled(folder, kind, **values):
    """Gives the folder another scheduler, as diffusers writes it."""
    scheduler = diffusers_class(kind)(**(BETAS | values))
    scheduler.save_pretrained(folder / "scheduler")
    rewrite(folder / "model_index.json", scheduler=["diffusers", kind])
    return scheduler


def start(batch=1, size=8):
    return torch.randn(batch, 4, size, size, generator=torch.Generator().manual_seed(3))


def theirs_of(folder, latents, steps=5, **options):
    """What diffusers draws with the folder; it warns of its own settings, and numpy of its schedulers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = diffusers_class("StableDiffusionPipeline").from_pretrained(folder, local_files_only=True)
        pipe.set_progress_bar_config(disable=True)
        prompts = [PROMPT] * len(latents)
        if "negative_prompt" in options:
            options["negative_prompt"] = [options["negative_prompt"]] * len(latents)
        options = {"guidance_scale": 3.0, "height": 2 * latents.shape[-2], "width": 2 * latents.shape[-1]} | options
        return pipe(prompts, latents=latents, num_inference_steps=steps, output_type="pt", **options).images


def ours_of(folder, latents, steps=5, warned=None, **options):
    opening = pytest.warns(UserWarning, match=warned) if warned else warnings.catch_warnings()
    with opening:
        pipe = TextToImage.from_pretrained(folder, device="cpu")
    options = {"guidance_scale": 3.0, "height": 2 * latents.shape[-2], "width": 2 * latents.shape[-1]} | options
    return pipe([PROMPT] * len(latents), latents=latents, num_inference_steps=steps, output_type="pt", **options)


def farthest(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.05  # something to compare
    return (ours - theirs).abs().max().item()


# ---- the same picture ----------------------------------------------------------------------------------------------

SCHEDULERS = {
    "DDIM as Stable Diffusion 1.5's folder has it": ("DDIMScheduler", {"set_alpha_to_one": False, "steps_offset": 1}),
    "DDIM, trailing, to the clean picture": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "DDIM of velocities, zero terminal SNR": (
        "DDIMScheduler",
        {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    ),
    "DDIM of pictures, linear": ("DDIMScheduler", {"prediction_type": "sample", "beta_schedule": "linear"}),
    "DDIM, cosine": ("DDIMScheduler", {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"}),
    "Euler, leading": ("EulerDiscreteScheduler", {"timestep_spacing": "leading", "steps_offset": 1}),
    "Euler, trailing": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "Euler of velocities": (
        "EulerDiscreteScheduler",
        {"timestep_spacing": "leading", "prediction_type": "v_prediction"},
    ),
    "DPM-Solver++, linspace": ("DPMSolverMultistepScheduler", {}),
    "DPM-Solver++, leading": ("DPMSolverMultistepScheduler", {"timestep_spacing": "leading", "steps_offset": 1}),
    "DPM-Solver++, trailing": ("DPMSolverMultistepScheduler", {"timestep_spacing": "trailing"}),
    "DPM-Solver++, to the first level": (
        "DPMSolverMultistepScheduler",
        {"final_sigmas_type": "sigma_min", "lower_order_final": False},
    ),
}


@pytest.mark.parametrize(("kind", "values"), SCHEDULERS.values(), ids=SCHEDULERS)
def test_a_folder_of_diffusers_draws_the_same_picture(kind, values, folder):
    scheduled(folder, kind, **values)
    assert farthest(ours_of(folder, start()), theirs_of(folder, start())) <= CLOSE


@pytest.mark.parametrize("options", [
    {"guidance_scale": 1.0}, {"guidance_scale": 7.5, "negative_prompt": "cat"}, {"height": 24, "width": 8}
], ids=["no guidance", "a negative prompt", "another size"])  # fmt: skip
def test_so_it_does_with_other_arguments(options, folder):
    x = start(batch=2) if "height" not in options else torch.randn(1, 4, 12, 4)
    assert farthest(ours_of(folder, x, 4, **options), theirs_of(folder, x, 4, **options)) <= CLOSE


def test_a_pndm_folder_is_drawn_with_ddim_and_that_is_said(folder):
    pndm = scheduled(folder, "PNDMScheduler", skip_prk_steps=True, steps_offset=1)
    ours = ours_of(folder, start(), warned="This course has no PNDM; the model is drawn with DDIM")
    ddim = diffusers_class("DDIMScheduler").from_config(pndm.config, clip_sample=False, set_alpha_to_one=False)
    ddim.save_pretrained(folder / "scheduler")
    rewrite(folder / "model_index.json", scheduler=["diffusers", "DDIMScheduler"])
    assert farthest(ours, theirs_of(folder, start())) <= CLOSE


@pytest.mark.parametrize(("kind", "values", "sentence"), [
    ("EulerDiscreteScheduler", {}, "stops at whole timesteps here"),
    ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, "Karras spacing stops at whole timesteps"),
    ("UniPCMultistepScheduler", {}, r"no UniPCMultistepScheduler; the model is drawn with DPM-Solver\+\+\(2M\)"),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "its second-order form without noise"),
    ("DPMSolverMultistepScheduler", {"solver_type": "heun"}, "have solver_type='midpoint', and this model's 'heun'"),
    ("DPMSolverMultistepScheduler", {"use_exponential_sigmas": True}, "use_exponential_sigmas=False, and this model's"),
])  # fmt: skip
def test_what_is_drawn_in_another_way_is_said(kind, values, sentence, folder):
    scheduled(folder, kind, **values)
    assert ours_of(folder, start(), 3, warned=sentence).isfinite().all()


def test_a_safety_checker_that_does_not_run_is_said(folder):
    before = draw(folder)
    rewrite(folder / "model_index.json", safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    assert torch.equal(draw(folder, warned="This course runs no safety checker; diffusers would"), before)


def test_the_models_own_sampler_and_grid_may_be_named(folder):
    pipe = TextToImage.from_pretrained(folder, "cpu")  # ends at the first level, as Stable Diffusion 1.5's folder does
    options = {"latents": start(), "num_inference_steps": 3, "output_type": "pt"}
    own = pipe(PROMPT, **options)
    for named in ({"sampler": "ddim"}, {"spacing": "leading"}, {"sampler": "ddim", "spacing": "leading"}):
        assert torch.equal(pipe(PROMPT, **named, **options), own)
    assert not torch.equal(pipe(PROMPT, spacing="trailing", **options), own)


def test_as_many_steps_as_there_are(folder):
    scheduled(folder, "DPMSolverMultistepScheduler", num_train_timesteps=20)
    assert ours_of(folder, start(), 20).isfinite().all()


def test_thresholding_of_latents_is_refused(folder):
    rewrite(folder / "scheduler" / "scheduler_config.json", thresholding=True)
    with pytest.raises(ValueError, match="does not threshold; got a scheduler with thresholding=True"):
        TextToImage.from_pretrained(folder)


# ---- the forms in which folders come --------------------------------------------------------------------------------


def moved(folder, part, rename):
    path = folder / part
    save_file({rename(name): x for name, x in load_file(path).items()}, path, metadata={"format": "pt"})


def draw(folder, **options):
    return ours_of(folder, start(), 3, **options)


def test_half_precision_beside_or_alone(published, folder):
    before = draw(folder)
    copy.deepcopy(published[0]).to(torch.float16).save_pretrained(folder, variant="fp16")
    assert (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").exists()
    assert torch.equal(draw(folder), before)  # the plain files go first
    half = TextToImage.from_pretrained(folder, "cpu", variant="fp16")
    assert {p.dtype for p in half.unet.parameters()} == {torch.float32}
    picture = half(PROMPT, latents=start(), num_inference_steps=3, guidance_scale=3.0, output_type="pt")
    assert 0 < (picture - before).abs().max() < 0.01
    for path in folder.rglob("*.safetensors"):
        if ".fp16." not in path.name:
            path.unlink()
    assert torch.equal(draw(folder), picture)
    with pytest.raises(OSError, match=r"There is no diffusion_pytorch_model\.bf16\.safetensors here; there is"):
        TextToImage.from_pretrained(folder, "cpu", variant="bf16")


def test_weights_in_shards(published, folder):
    pipe, _ = published
    before = draw(folder)
    (folder / UNET_FILE).unlink()
    pipe.unet.save_pretrained(folder / "unet", max_shard_size="200KB")
    shards = sorted((folder / "unet").glob("*-of-*.safetensors"))
    assert len(shards) > 2
    assert torch.equal(draw(folder), before)
    shards[1].unlink()
    with pytest.raises(OSError, match=rf"{shards[1].name} is missing"):
        TextToImage.from_pretrained(folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    with pytest.raises(OSError, match="is not an index of shards"):
        TextToImage.from_pretrained(folder)


def test_the_older_names_of_the_vaes_attention(folder):
    before = draw(folder)
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def rename(name):
        for new, old in older.items():
            name = name.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
        return name

    moved(folder, "vae/diffusion_pytorch_model.safetensors", rename)
    assert torch.equal(draw(folder), before)


@pytest.mark.parametrize("prefix", ["", "text_model."])
def test_the_text_encoder_with_and_without_its_prefix(prefix, folder):
    before = draw(folder)
    moved(folder, TEXT_FILE, lambda name: prefix + name.removeprefix("text_model."))
    save_file(load_file(folder / TEXT_FILE) | {f"{prefix}embeddings.position_ids": torch.arange(16)[None]},
              folder / TEXT_FILE)  # fmt: skip
    assert torch.equal(draw(folder), before)


def test_keys_of_other_versions_change_nothing(folder):
    before = draw(folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    few = {
        k: v for k, v in config.items() if v not in (None, False, "default") and not k.startswith(("resnet_", "mid_"))
    }
    (folder / "unet" / "config.json").write_text(json.dumps(few))  # as the first folders were written
    rewrite(folder / "unet" / "config.json", upcast_attention=True)
    rewrite(folder / "text_encoder" / "config.json", dropout=0.0, something_of_transformers_6=3)
    assert torch.equal(draw(folder), before)


# ---- ours, saved, opened by diffusers -------------------------------------------------------------------------------


OUR_SAMPLINGS = {
    "ours": None,
    "DDIM, leading": Sampling("ddim", "leading", 1, to_first=True),
    "Euler": Sampling("euler", "trailing", from_sigma=True),
    "DPM++ 2M": Sampling("dpmpp_2m", "linspace", one_more=True),
}


@pytest.mark.parametrize("sampling", OUR_SAMPLINGS.values(), ids=OUR_SAMPLINGS)
def test_diffusers_opens_what_we_save_and_draws_the_same_picture(sampling, cpu, tokenizer_, tmp_path):
    # Cosine sigmas reach twenty thousand, at which float32 keeps three places of a picture: not Euler's schedule.
    euler = sampling is not None and sampling.sampler == "euler"
    pipe = latent_pipe(tokenizer_, cpu, sampling, NoiseSchedule.linear() if euler else None)
    pipe.save_pretrained(tmp_path / "mine")
    again = TextToImage.from_pretrained(tmp_path / "mine", device="cpu")
    assert again.world == "shapes"
    assert again.guidance_scale == 2.5
    assert again.image_size == 16
    assert again.sampling == pipe.sampling
    assert again.unet.config == pipe.unet.config
    assert again.vae.config == pipe.vae.config
    expected = theirs_of(tmp_path / "mine", start(), guidance_scale=2.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diffusers_class("StableDiffusionPipeline").from_pretrained(tmp_path / "mine", local_files_only=True)
    assert {p.dtype for part in (theirs.unet, theirs.vae, theirs.text_encoder) for p in part.parameters()} == {
        torch.float32
    }
    ours = again(PROMPT, latents=start(), num_inference_steps=5, output_type="pt")
    assert farthest(ours, expected) <= CLOSE
    # Half precision is what the trip costs.
    first = pipe(PROMPT, latents=start(), num_inference_steps=5, output_type="pt")
    assert farthest(first, expected) < 0.02
    # And diffusers' own folder of it comes back.
    theirs.save_pretrained(tmp_path / "theirs")
    back = ours_of(tmp_path / "theirs", start(), guidance_scale=2.5)
    assert farthest(back, expected) <= CLOSE


@pytest.mark.parametrize("layout", [{}, {"text_pooling_heads": 2, "scale_shift": True}])
def test_a_negative_prompt_and_japanese_make_the_trip(layout, cpu, tokenizer_, tmp_path):
    latent_pipe(tokenizer_, cpu, **layout).save_pretrained(tmp_path)
    options = {"negative_prompt": "猫", "guidance_scale": 4.0}
    expected = theirs_of(tmp_path, start(2), **options)
    assert farthest(ours_of(tmp_path, start(2), **options), expected) <= CLOSE


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        ({"pooled_context": True}, "no U-Net with pooled_context=True"),
        ({"patch_size": 2}, "no U-Net with patch_size=2"),
    ],
)
def test_what_diffusers_has_no_class_for_keeps_our_layout_and_says_why(layout, why, cpu, tokenizer_, tmp_path):
    pipe = latent_pipe(tokenizer_, cpu, **layout)
    pipe.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "TextToImage"
    assert why in index["_why_not_diffusers"]
    again = TextToImage.from_pretrained(tmp_path, device="cpu")
    assert (again.unet.config, again.vae.config) == (pipe.unet.config, pipe.vae.config)
    assert again.guidance_scale == 2.5
    picture = again(PROMPT, latents=start(), num_inference_steps=2, output_type="pt")
    assert (picture - pipe(PROMPT, latents=start(), num_inference_steps=2, output_type="pt")).abs().max() < 0.02


def test_networks_of_their_own_make_the_trip(tmp_path):
    controls = ControlNetConfig(UNetConfig(4, 4, (8, 16), attention=(True, False), cross_attention_dim=12, heads=2,
                                           norm_num_groups=4), condition_widths=(4, 6))  # fmt: skip
    net = randomised(ControlNet(controls)).float()
    write_controlnet(tmp_path / "control", net)
    theirs = diffusers_class("ControlNetModel").from_pretrained(tmp_path / "control", local_files_only=True)
    x, t, words, picture = start(), torch.tensor([7]), torch.randn(1, 3, 12), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        expected, middle = theirs(x, t, words, picture, return_dict=False)
        again = read_controlnet(tmp_path / "control")
        assert again.control_config == controls
        ours, mid = again(x, t, words, picture)
    for a, b in zip([*ours, mid], [*expected, middle], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_an_inpainting_and_an_upscaling_network_are_read_alone(tmp_path):
    for channels, more in ((9, {}), (7, {"num_class_embeds": 10, "only_cross_attention": [True, False]})):
        theirs = diffusers_class("UNet2DConditionModel")(
            in_channels=channels, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=12,
            down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
            attention_head_dim=2, norm_num_groups=4, **more,
        )  # fmt: skip
        randomised(theirs).float().save_pretrained(tmp_path / str(channels))
        ours = read_unet(tmp_path / str(channels))
        x, words = torch.randn(1, channels, 8, 8), torch.randn(1, 3, 12)
        told = {"class_labels": torch.tensor([4])} if more else {}
        with torch.no_grad():
            expected = theirs(x, torch.tensor([7]), words, **told).sample
            assert (ours(x, torch.tensor([7]), words, **told) - expected).abs().max() <= 1e-5 * expected.abs().max()


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_each_part_opens_alone(folder):
    whole = TextToImage.from_pretrained(folder, "cpu")
    for read, part in ((read_unet, "unet"), (read_vae, "vae"), (read_text_encoder, "text_encoder")):
        alone = read(str(folder / part))
        pairs = zip(alone.parameters(), getattr(whole, part).parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_single_file_is_said(folder):
    for name in (str(folder / UNET_FILE), "models/sd15.ckpt"):
        with pytest.raises(ValueError, match="is a single file; this call opens folders"):
            TextToImage.from_pretrained(name)


def test_a_save_that_broke_off_over_an_old_model_leaves_no_mixture(cpu, tokenizer_, tmp_path, monkeypatch):
    pipe = latent_pipe(tokenizer_, cpu)
    pipe.save_pretrained(tmp_path)
    monkeypatch.setattr(type(pipe.tokenizer), "save_pretrained", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        pipe.save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"model_index\.json is missing"):
        TextToImage.from_pretrained(tmp_path)


def test_tensors_that_are_missing_too_many_or_of_another_shape_are_named(folder):
    whole, name = load_file(folder / UNET_FILE), "down_blocks.0.resnets.0.time_emb_proj.weight"
    save_file({k: v for k, v in whole.items() if k != name}, folder / UNET_FILE)
    with pytest.raises(OSError, match=r"missing \['down_blocks\.0\.resnets\.0\.time_proj\.weight'\], not known \[\]"):
        TextToImage.from_pretrained(folder)
    save_file(whole | {"lora.up": torch.zeros(1)}, folder / UNET_FILE)
    with pytest.raises(OSError, match=r"missing \[\], not known \['lora\.up'\]"):
        TextToImage.from_pretrained(folder)
    save_file(whole | {name: torch.zeros(2, 3)}, folder / UNET_FILE)
    with pytest.raises(OSError, match=rf"{name} is \(2, 3\), and the model needs \(16, 64\)"):
        TextToImage.from_pretrained(folder)


@pytest.mark.parametrize(
    ("part", "values", "sentence"),
    [
        ("unet", {"wings": 2}, "unet.config.json: This course's UNet2DConditionModel knows no 'wings'"),
        ("unet", {"down_block_types": ["AttnDownBlock2D", "DownBlock2D"]}, "got 'AttnDownBlock2D'"),
        ("unet", {"up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]}, "mirror its down_block_types"),
        (
            "unet",
            {"addition_embed_type": "text_time"},
            "addition_embed_type is None or 'text' here, or 'image' with .*; got 'text_time'",
        ),
        ("unet", {"only_cross_attention": True}, "one flag for each level"),
        ("unet", {"block_out_channels": [16, 33]}, "multiple of norm_num_groups=8"),
        (
            "unet",
            {"resnet_time_scale_shift": "spatial"},
            "resnet_time_scale_shift is 'default' or 'scale_shift' here; got 'spatial'",
        ),
        ("unet", {"layers_per_block": [1, 1]}, "one number for all levels here"),
        ("unet", {"attention_head_dim": 0}, "A U-Net's heads is a whole number from 1, or some; got 0"),
        ("unet", {"block_out_channels": None}, "unet.config.json lays out no network"),
        ("unet", {"block_out_channels": [16, -32]}, r"whole number from 1, or some; got \(16, -32\)"),
        ("vae", {"norm_num_groups": 0}, "norm_num_groups is a whole number from 1, or some; got 0"),
        ("text_encoder", {"vocab_size": -4}, "vocab_size is a whole number from 1, or some; got -4"),
        ("scheduler", {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "models of noise and not of flows"),
        ("vae", {"act_fn": "relu"}, "act_fn='silu' or 'swish'; got 'relu'"),
        ("vae", {"down_block_types": ["AttnDownEncoderBlock2D"]}, "made of DownEncoderBlock2D; got 'AttnDown"),
        ("vae", {"shift_factor": 0.1}, "shift_factor=None"),
        ("text_encoder", {"hidden_act": "relu"}, "quick_gelu or gelu inside; got 'relu'"),
        ("scheduler", {"beta_schedule": "sigmoid"}, "beta_schedule"),
        ("scheduler", {"prediction_type": "flow"}, "prediction_type"),
    ],
)
def test_a_configuration_that_ours_is_not(part, values, sentence, folder):
    path = folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    rewrite(path, **values)
    with pytest.raises(ValueError, match=sentence) as error:
        TextToImage.from_pretrained(folder)
    assert "\n" not in str(error.value)


def test_another_pipeline_is_said(folder):
    rewrite(folder / "model_index.json", _class_name="StableDiffusionXLPipeline")
    with pytest.raises(ValueError, match="holds a StableDiffusionXLPipeline; this call opens a TextToImage"):
        TextToImage.from_pretrained(folder)
    rewrite(folder / "model_index.json", _class_name="StableDiffusionPipeline", vae=["diffusers", "VQModel"])
    with pytest.raises(ValueError, match="its vae is a VQModel; this call opens a AutoencoderKL"):
        TextToImage.from_pretrained(folder)


def test_an_upscaling_network_in_the_pipeline_is_said(folder):
    rewrite(folder / "unet" / "config.json", in_channels=7)
    whole = load_file(folder / UNET_FILE)
    save_file(whole | {"conv_in.weight": torch.zeros(16, 7, 3, 3)}, folder / UNET_FILE)
    with pytest.raises(ValueError, match="U-Net reads 7 channels and its autoencoder's latents have 4"):
        TextToImage.from_pretrained(folder)


@pytest.mark.parametrize("length", [0, 5, 1000, -7])
def test_a_file_cut_short(length, folder):
    path = folder / UNET_FILE
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(OSError, match=r"unet.diffusion_pytorch_model\.safetensors is cut short"):
        TextToImage.from_pretrained(folder)


# "{}" is no broken configuration of a network or a scheduler: every key of diffusers' has a default.
BROKEN = [(name, content) for name in ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json")
          for content in (None, "{", "[]", '"a"', "{}") if content != "{}" or name == "model_index.json"]  # fmt: skip


@pytest.mark.parametrize(("name", "content"), BROKEN)
def test_a_configuration_that_is_broken(name, content, folder):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(OSError, match=str(folder)) as error:
        TextToImage.from_pretrained(folder)
    assert "\n" not in str(error.value)


def test_a_pickle_is_refused(folder):
    (folder / UNET_FILE).unlink()
    torch.save({}, folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(OSError, match=r"a pickle, diffusion_pytorch_model\.bin, .*Convert it where you trust"):
        TextToImage.from_pretrained(folder)
