"""Configurations and names of U-Net, VAE and ControlNet: those of diffusers <-> those of our classes.

Each network's table says which keys we read, which must have the one value that our class has, and which say nothing
about the network. A key in none of them is refused: what it asks for, our class would not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from t2ilab.nets.controlnet import ControlNetConfig
from t2ilab.nets.unet_config import UNetConfig
from t2ilab.nets.vae import VAEConfig

WRITTEN_FOR = "0.31.0"  # the diffusers whose format is written; without a version it corrects what it takes for old


@dataclass(frozen=True)
class Layout:
    """The keys of a published configuration.

    Attributes:
        kind: its class, for errors.
        read: those that shape the network, with the values that stand for those that are missing.
        fixed: those for which our class has one value, or these.
        ignored: those that do not shape it.
    """

    kind: str
    read: Mapping[str, Any]
    fixed: Mapping[str, tuple[Any, ...]]
    ignored: frozenset[str] = field(default_factory=frozenset)

    def values(self, config: Mapping[str, Any], strict: bool = True) -> dict[str, Any]:
        """What is read, from a configuration. Raises ValueError for a key or a value that our class does not know."""
        known = self.read.keys() | self.fixed.keys() | self.ignored
        if strict and (unknown := sorted(k for k in config if k not in known and not k.startswith("_"))):
            raise ValueError(f"This course's {self.kind} knows no {unknown[0]!r} in a configuration; got {unknown}.")
        for key, allowed in self.fixed.items():
            if (value := config.get(key, allowed[0])) not in allowed:
                raise ValueError(
                    f"This course's {self.kind} has {key}={' or '.join(map(repr, allowed))}; got {value!r}, which is "
                    "another network."
                )
        return {key: config.get(key, default) for key, default in self.read.items()}


_NONE = (None,)
_DOWN = {"CrossAttnDownBlock2D": True, "DownBlock2D": False}
_UP = {"CrossAttnUpBlock2D": True, "UpBlock2D": False}

_SHARED_BY_UNETS: dict[str, tuple[Any, ...]] = {
    "flip_sin_to_cos": (True,),
    "freq_shift": (0,),
    "mid_block_type": ("UNetMidBlock2DCrossAttn",),
    "downsample_padding": (1,),
    "mid_block_scale_factor": (1,),
    "act_fn": ("silu", "swish"),
    "norm_eps": (1e-5,),
    "transformer_layers_per_block": (1,),
    "num_attention_heads": _NONE,
    "addition_time_embed_dim": _NONE,
}
_READ_FROM_UNETS: dict[str, Any] = {
    "in_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "only_cross_attention": False,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "cross_attention_dim": 1280,
    "attention_head_dim": 8,
    "use_linear_projection": False,
    "num_class_embeds": None,
    "resnet_time_scale_shift": "default",
    "addition_embed_type": None,
    "addition_embed_type_num_heads": 64,
    "class_embed_type": None,
    "projection_class_embeddings_input_dim": None,
    "encoder_hid_dim_type": None,
    "encoder_hid_dim": None,
}
_IMAGE_TOKENS = 32  # that diffusers makes of an image embedding
# upcast_attention asks for attention in float32, which is what we compute in anyway unless autocast says otherwise.
_IGNORED_IN_UNETS = frozenset({"upcast_attention", "dropout"})

UNET = Layout(
    "UNet2DConditionModel",
    _READ_FROM_UNETS
    | {"out_channels": 4, "sample_size": None, "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3},
    _SHARED_BY_UNETS
    | {
        "center_input_sample": (False,),
        "reverse_transformer_layers_per_block": _NONE,
        "dual_cross_attention": (False,),
        "resnet_skip_time_act": (False,),
        "resnet_out_scale_factor": (1.0,),
        "time_embedding_type": ("positional",),
        "time_embedding_dim": _NONE,
        "time_embedding_act_fn": _NONE,
        "timestep_post_act": _NONE,
        "time_cond_proj_dim": _NONE,
        "conv_in_kernel": (3,),
        "conv_out_kernel": (3,),
        "attention_type": ("default",),
        "class_embeddings_concat": (False,),
        "mid_block_only_cross_attention": (None, False),
        "cross_attention_norm": _NONE,
    },
    _IGNORED_IN_UNETS,
)

CONTROLNET = Layout(
    "ControlNetModel",
    _READ_FROM_UNETS | {"conditioning_channels": 3, "conditioning_embedding_out_channels": (16, 32, 96, 256)},
    _SHARED_BY_UNETS | {"controlnet_conditioning_channel_order": ("rgb",), "global_pool_conditions": (False,)},
    _IGNORED_IN_UNETS | {"sample_size"},
)

VAE = Layout(
    "AutoencoderKL",
    {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "block_out_channels": (64,),
        "layers_per_block": 1,
        "norm_num_groups": 32,
        "scaling_factor": 0.18215,
        "down_block_types": ("DownEncoderBlock2D",),
        "up_block_types": ("UpDecoderBlock2D",),
    },
    {
        "act_fn": ("silu", "swish"),
        "shift_factor": (None, 0, 0.0),
        "latents_mean": _NONE,
        "latents_std": _NONE,
        "use_quant_conv": (True,),
        "use_post_quant_conv": (True,),
        "mid_block_add_attention": (True,),
    },
    frozenset({"sample_size", "force_upcast"}),
)


# ---- configurations -------------------------------------------------------------------------------------------------


def read_unet(config: Mapping[str, Any]) -> UNetConfig:
    """The layout of one of diffusers' UNet2DConditionModels. Raises ValueError for one that our class is not."""
    values = UNET.values(config)
    blocks = [_UP.get(kind) for kind in values["up_block_types"]]
    shared = _read_shared(values, UNET.kind)
    if blocks != list(reversed(shared["attention"])):
        raise ValueError(
            f"A U-Net's up_block_types mirror its down_block_types, each one of {', '.join(_UP)}; got "
            f"{list(values['up_block_types'])}."
        )
    return UNetConfig(out_channels=values["out_channels"], **shared)


def write_unet(config: UNetConfig, sample_size: int) -> dict[str, Any]:
    """diffusers' configuration of it; `sample_size` is the side of its pictures or latents.

    Raises:
        ValueError: it has what no class of diffusers has; the sentence names it.
    """
    usual = UNetConfig()
    for name in ("patch_size", "pooled_context", "positions", "ff_multiple"):
        if getattr(config, name) != getattr(usual, name):
            raise ValueError(f"diffusers has no U-Net with {name}={getattr(config, name)}.")
    if config.image_embed_dim and config.image_tokens != _IMAGE_TOKENS:
        raise ValueError(f"diffusers has no U-Net with image_tokens={config.image_tokens}; its own makes 32.")
    return {
        "_class_name": UNET.kind,
        "_diffusers_version": WRITTEN_FOR,
        "sample_size": sample_size,
        "out_channels": config.out_channels,
        "up_block_types": [_name_of(_UP, attend) for attend in reversed(config.attention)],
        **_write_shared(config),
    }


def read_controlnet(config: Mapping[str, Any]) -> ControlNetConfig:
    """The layout of one of diffusers' ControlNetModels. Raises ValueError for one that our class is not."""
    values = CONTROLNET.values(config)
    unet = UNetConfig(out_channels=values["in_channels"], **_read_shared(values, CONTROLNET.kind))
    return ControlNetConfig(unet, values["conditioning_channels"], tuple(values["conditioning_embedding_out_channels"]))


def write_controlnet(config: ControlNetConfig) -> dict[str, Any]:
    """diffusers' configuration of it. Raises ValueError as `write_unet` does."""
    unet = write_unet(config.unet, sample_size=0)
    own = {key: unet[key] for key in CONTROLNET.read if key in unet}
    return {
        "_class_name": CONTROLNET.kind,
        "_diffusers_version": WRITTEN_FOR,
        **own,
        "conditioning_channels": config.condition_channels,
        "conditioning_embedding_out_channels": list(config.condition_widths),
    }


def _read_shared(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    for block in values["down_block_types"]:
        if block not in _DOWN:
            raise ValueError(f"This course's {kind} is made of {' and '.join(_DOWN)}; got {block!r}.")
    if not isinstance(values["layers_per_block"], int):
        raise ValueError(f"layers_per_block is one number for all levels here; got {values['layers_per_block']}.")
    levels = len(values["block_out_channels"])
    crosses = values["only_cross_attention"]
    if crosses is True:
        raise ValueError("only_cross_attention is one flag for each level here; got True, which is another network.")
    shifts = {"default": False, "scale_shift": True}
    if (shift := values["resnet_time_scale_shift"]) not in shifts:
        raise ValueError(f"resnet_time_scale_shift is {' or '.join(map(repr, shifts))} here; got {shift!r}.")
    pooling, tokens = values["addition_embed_type"], values["encoder_hid_dim_type"]
    if (pooling, tokens) not in ((None, None), ("text", None), ("image", "image_proj")):
        raise ValueError(
            f"addition_embed_type is None or 'text' here, or 'image' with encoder_hid_dim_type='image_proj'; got "
            f"{pooling!r} with {tokens!r}, which is another network."
        )
    if (told := values["class_embed_type"]) not in (None, "timestep", "projection"):
        raise ValueError(f"class_embed_type is None, 'timestep' or 'projection' here; got {told!r}.")
    heads = values["attention_head_dim"]  # its name notwithstanding, it counts heads
    return {
        "in_channels": values["in_channels"],
        "block_out_channels": tuple(values["block_out_channels"]),
        "layers_per_block": values["layers_per_block"],
        "attention": tuple(_DOWN[kind] for kind in values["down_block_types"]),
        "cross_attention_dim": values["cross_attention_dim"],
        "heads": heads if isinstance(heads, int) else tuple(heads),
        "norm_num_groups": values["norm_num_groups"],
        "linear_projection": values["use_linear_projection"],
        "num_class_embeds": (told is None and values["num_class_embeds"]) or 0,
        "class_timesteps": told == "timestep",
        "class_vector_dim": values["projection_class_embeddings_input_dim"] if told == "projection" else 0,
        "image_embed_dim": values["encoder_hid_dim"] if tokens else 0,
        "image_tokens": _IMAGE_TOKENS if tokens else UNetConfig.image_tokens,
        "only_cross_attention": tuple(crosses) if crosses and any(crosses[:levels]) else (),
        "scale_shift": shifts[shift],
        "text_pooling_heads": values["addition_embed_type_num_heads"] if pooling == "text" else 0,
    }


def _write_shared(config: UNetConfig) -> dict[str, Any]:
    return {
        "in_channels": config.in_channels,
        "block_out_channels": list(config.block_out_channels),
        "layers_per_block": config.layers_per_block,
        "down_block_types": [_name_of(_DOWN, attend) for attend in config.attention],
        "cross_attention_dim": config.cross_attention_dim,
        "attention_head_dim": config.heads if isinstance(config.heads, int) else list(config.heads),
        "norm_num_groups": config.norm_num_groups,
        "use_linear_projection": config.linear_projection,
        "num_class_embeds": config.num_class_embeds or None,
        "only_cross_attention": list(config.only_cross_attention) or False,
        "resnet_time_scale_shift": "scale_shift" if config.scale_shift else "default",
        "class_embed_type": "timestep" if config.class_timesteps else "projection" if config.class_vector_dim else None,
        "projection_class_embeddings_input_dim": config.class_vector_dim or None,
        "encoder_hid_dim_type": "image_proj" if config.image_embed_dim else None,
        "encoder_hid_dim": config.image_embed_dim or None,
        "addition_embed_type": "text" if config.text_pooling_heads else "image" if config.image_embed_dim else None,
        "addition_embed_type_num_heads": config.text_pooling_heads or 64,
    }


def _name_of(kinds: dict[str, bool], attend: bool) -> str:
    return next(name for name, flag in kinds.items() if flag == attend)


def read_vae(config: Mapping[str, Any]) -> VAEConfig:
    """The layout of one of diffusers' AutoencoderKLs. Raises ValueError for one that our class is not."""
    values = VAE.values(config)
    for key, kind in (("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")):
        if others := sorted(set(values.pop(key)) - {kind}):
            raise ValueError(f"This course's autoencoder is made of {kind}; got {others[0]!r}.")
    return VAEConfig(**(values | {"block_out_channels": tuple(values["block_out_channels"])}))


def write_vae(config: VAEConfig, sample_size: int) -> dict[str, Any]:
    """diffusers' configuration of it; `sample_size` is the side of its pictures."""
    levels = len(config.block_out_channels)
    return {
        "_class_name": VAE.kind,
        "_diffusers_version": WRITTEN_FOR,
        **config.to_dict(),
        "block_out_channels": list(config.block_out_channels),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "sample_size": sample_size,
    }


# ---- names ----------------------------------------------------------------------------------------------------------

_OLDER_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def own_name(name: str) -> str:
    """Our name of a tensor in diffusers' files, those of the VAE before 2023 among them."""
    name = name.replace(".time_emb_proj.", ".time_proj.").replace(".conv_shortcut.", ".skip.")
    for old, new in _OLDER_ATTENTION.items():
        name = name.replace(f".attentions.0.{old}.", f".attentions.0.{new}.")
    return name


def published_name(name: str) -> str:
    """diffusers' name of one of our tensors."""
    return name.replace(".time_proj.", ".time_emb_proj.").replace(".skip.", ".conv_shortcut.")
