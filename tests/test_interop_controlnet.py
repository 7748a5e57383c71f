"""ControlNets in diffusers' folders: ours opened by it, its own opened by ours, and the same picture from both."""

import warnings

import pytest
import torch
from published import diffusers_class, latent_pipe, randomised, stable_diffusion

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.interop.layouts import read_controlnet as read_config
from t2ilab.interop.layouts import write_controlnet as write_config
from t2ilab.interop.stable_diffusion import read_controlnet, write_controlnet
from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.unet import UNetConfig
from t2ilab.pipelines.control import control_to_image
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a red cat and 猫"
CLOSE = 1e-5  # of pictures in [0, 1], in float32
STEPS = 5  # a divisor of 1000, or diffusers' DDIM steps off its own grid
HOW = {  # how each number of nets is heard
    1: {"controlnet_conditioning_scale": 0.6, "control_guidance_start": 0.2, "control_guidance_end": 0.8},
    2: {
        "controlnet_conditioning_scale": [0.7, -0.4],
        "control_guidance_start": [0.0, 0.35],
        "control_guidance_end": [0.5, 1.0],
    },
}


@pytest.fixture(scope="module")
def tokenizer_():
    return CLIPTokenizer.train(["cat", "red", "a", "and", "猫"], 16)


def noise():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3))


def pictures(count):
    generator = torch.Generator().manual_seed(2)
    return [torch.rand(2, 3, 16, 16, generator=generator) for _ in range(count)]


def theirs_of(base, nets, **options):
    """What diffusers draws with folders of a base and of ControlNets; it warns of its own settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = [diffusers_class("ControlNetModel").from_pretrained(net, local_files_only=True) for net in nets]
        one = len(opened) == 1
        pipe = diffusers_class("StableDiffusionControlNetPipeline").from_pretrained(
            base, controlnet=opened[0] if one else opened, local_files_only=True
        )
        pipe.set_progress_bar_config(disable=True)
        image = pictures(len(nets))
        return pipe(
            [PROMPT] * 2, image[0] if one else image, latents=noise(), num_inference_steps=STEPS, guidance_scale=3.0,
            negative_prompt=["cat"] * 2, output_type="pt", **options,
        ).images  # fmt: skip


def ours_of(base, nets, **options):
    pipe = TextToImage.from_pretrained(base, "cpu")
    return control_to_image(
        pipe, [read_controlnet(net) for net in nets], [PROMPT] * 2, pictures(len(nets)), latents=noise(),
        num_inference_steps=STEPS, guidance_scale=3.0, negative_prompt="cat", output_type="pt", **options,
    )  # fmt: skip


def random_net(config, seed):
    """With random numbers in every tensor, those that begin at zero too."""
    return randomised(ControlNet(config), seed).float()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "layout", [{}, {"text_pooling_heads": 2, "scale_shift": True}], ids=["Stable Diffusion's", "the course's"]
)
def test_diffusers_opens_what_we_write_and_draws_the_same_picture(layout, count, cpu, tokenizer_, tmp_path):
    pipe = latent_pipe(tokenizer_, cpu, **layout)
    pipe.save_pretrained(tmp_path / "base")
    folders = [tmp_path / f"net {i}" for i in range(count)]
    for seed, folder in enumerate(folders):
        write_controlnet(folder, random_net(ControlNetConfig(pipe.unet.config, condition_widths=(4, 6)), seed))
    expected = theirs_of(tmp_path / "base", folders, **HOW[count])
    assert expected.std() > 0.05
    assert (ours_of(tmp_path / "base", folders, **HOW[count]) - expected).abs().max() <= CLOSE
    # It would be seen if a net were not heard, or heard at other steps.
    silent = {"controlnet_conditioning_scale": 0.0} if count == 1 else {"controlnet_conditioning_scale": [0.7, 0.0]}
    for other in (silent, {"control_guidance_start": 0.0, "control_guidance_end": 1.0}):
        drawn = ours_of(tmp_path / "base", folders, **HOW[count] | other)
        assert (drawn - expected).abs().max() > 100 * CLOSE


def test_ours_opens_what_diffusers_writes_and_draws_the_same_picture(tokenizer_, tmp_path):
    _, base = stable_diffusion(tokenizer_, tmp_path)
    theirs = diffusers_class("ControlNetModel")(
        block_out_channels=(16, 32), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), layers_per_block=1,
        cross_attention_dim=24, attention_head_dim=4, norm_num_groups=8, conditioning_embedding_out_channels=(4, 6),
    )  # fmt: skip
    folders = []
    for seed in (5, 6):
        folders.append(tmp_path / f"theirs {seed}")
        randomised(theirs, seed).float().save_pretrained(folders[-1])
    expected = theirs_of(base, folders, **HOW[2])
    assert expected.std() > 0.05
    assert (ours_of(base, folders, **HOW[2]) - expected).abs().max() <= CLOSE
    # And the trip back.
    write_controlnet(tmp_path / "back", read_controlnet(folders[0]))
    assert read_controlnet(tmp_path / "back").control_config == read_controlnet(folders[0]).control_config


def test_the_published_configuration_is_stable_diffusions():
    """That of the ControlNets for Stable Diffusion 1.5, as their folders have it."""
    published = {
        "_class_name": "ControlNetModel",
        "_diffusers_version": "0.14.0.dev0",
        "act_fn": "silu",
        "attention_head_dim": 8,
        "block_out_channels": [320, 640, 1280, 1280],
        "class_embed_type": None,
        "conditioning_embedding_out_channels": [16, 32, 96, 256],
        "controlnet_conditioning_channel_order": "rgb",
        "cross_attention_dim": 768,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "downsample_padding": 1,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "in_channels": 4,
        "layers_per_block": 2,
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-05,
        "norm_num_groups": 32,
        "num_class_embeds": None,
        "only_cross_attention": False,
        "projection_class_embeddings_input_dim": None,
        "resnet_time_scale_shift": "default",
        "upcast_attention": False,
        "use_linear_projection": False,
    }
    config = read_config(published)
    assert config == ControlNetConfig.stable_diffusion_1()
    written = write_config(config)
    assert {key: written[key] for key in written.keys() & published.keys() if not key.startswith("_")} == {
        key: value for key, value in published.items() if key in written and not key.startswith("_")
    }


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"global_pool_conditions": True}, "global_pool_conditions=False; got True, which is another network"),
        ({"controlnet_conditioning_channel_order": "bgr"}, "got 'bgr'"),
        (
            {"addition_embed_type": "text_time"},
            "addition_embed_type is None or 'text' here, or 'image' with .*; got 'text_time'",
        ),
        ({"num_control_type": 6}, "knows no 'num_control_type'"),
    ],
)
def test_a_controlnet_that_ours_is_not_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_config(write_config(ControlNetConfig.stable_diffusion_1()) | values)


@pytest.mark.parametrize(
    "layout", [{"patch_size": 2}, {"pooled_context": True}, {"positions": True}, {"ff_multiple": 2}]
)
def test_what_diffusers_has_no_class_for_is_refused_and_nothing_written(layout, tmp_path):
    unet = UNetConfig(block_out_channels=(8, 16), attention=(False, True), cross_attention_dim=16, **layout)
    (name,) = layout
    with pytest.raises(ValueError, match=f"diffusers has no U-Net with {name}={layout[name]}"):
        write_controlnet(tmp_path / "net", ControlNet(ControlNetConfig(unet, condition_widths=(4, 6))))
    assert not (tmp_path / "net").exists()
