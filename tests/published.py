"""What the comparisons with diffusers, transformers and open_clip share: their classes, random weights, a measure."""

import warnings

import torch

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def library(name):
    """diffusers, transformers or open_clip, imported where it is used; they warn while they are."""
    import importlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def diffusers_class(name):
    """One of diffusers' classes, which it imports only when it is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(library("diffusers"), name)


def randomised(module, seed=0, std=0.2):
    """The module in float64 with every tensor drawn at random: default initialisation hides affine mistakes, and at its
    start a U-Net's answer is zero, and so is a ControlNet's."""
    generator = torch.Generator().manual_seed(seed)
    module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * std)
    return module


def renamed(state):
    """Our names of a U-Net, ControlNet or VAE as the published files have them: the one renaming, on its own here."""
    return {name.replace("time_proj", "time_emb_proj").replace("skip", "conv_shortcut"): x for name, x in state.items()}


def difference(ours, theirs):
    """The largest difference as a share of the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def bare(state):
    """A tower of CLIP by our names: transformers 4 writes the prefix and once wrote position_ids, 5 does neither."""
    names = {k: k.removeprefix("text_model.").removeprefix("vision_model.") for k in state}
    return {names[k]: v for k, v in state.items() if not k.endswith("position_ids")}


def latent_pipe(tokenizer, device, sampling=None, schedule=None, upscales=False, **layout):
    """A small text-to-image model of latents, of random weights, in our classes; `layout` is its U-Net's."""
    from t2ilab.diffusion.augmentation import LowResNoise
    from t2ilab.diffusion.schedule import NoiseSchedule
    from t2ilab.nets.text import TextConfig, TextEncoder
    from t2ilab.nets.unet import UNet, UNetConfig
    from t2ilab.nets.vae import VAE, VAEConfig
    from t2ilab.pipelines.text_to_image import TextToImage

    options = {"block_out_channels": (8, 16), "layers_per_block": 1, "attention": (False, True), "heads": 2,
               "norm_num_groups": 4, "cross_attention_dim": 16, "in_channels": 4, "out_channels": 4}  # fmt: skip
    unet = UNet(UNetConfig(**(options | layout)))
    text = TextEncoder(TextConfig(len(tokenizer.vocab), tokenizer.context_length, width=16, layers=1, heads=2))
    vae = VAE(VAEConfig(block_out_channels=(8, 16), scaling_factor=0.08333 if upscales else 0.7))
    for seed, part in enumerate((unet, text, vae)):
        randomised(part, seed).float()
    parts = (unet, text, tokenizer, schedule or NoiseSchedule.cosine(), "v_prediction", 16, device, "shapes", vae)
    noise = LowResNoise(NoiseSchedule.cosine(), layout["num_class_embeds"] - 1) if upscales else None
    return TextToImage(*parts, sampling, guidance_scale=2.5, low_res_noise=noise)


def stable_diffusion(tokenizer, root):
    """A small StableDiffusionPipeline of diffusers' own, of random weights, and the folder below root that it is in."""
    tokenizer.save_pretrained(root / "tokenizer")
    transformers = library("transformers")
    unet = diffusers_class("UNet2DConditionModel")(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    vae = diffusers_class("AutoencoderKL")(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=16,
    )
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=len(tokenizer.vocab),
            hidden_size=24,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=16,
            bos_token_id=tokenizer.start_id,
            eos_token_id=tokenizer.end_id,
            pad_token_id=tokenizer.end_id,
        )
    )
    for seed, part in enumerate((unet, vae, text)):
        randomised(part, seed).float()
    pipe = diffusers_class("StableDiffusionPipeline")(
        vae=vae,
        text_encoder=text,
        tokenizer=transformers.CLIPTokenizer.from_pretrained(root / "tokenizer"),
        unet=unet,
        scheduler=diffusers_class("DDIMScheduler")(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(root / "sd")
    return pipe, root / "sd"
