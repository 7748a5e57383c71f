"""CLIP, and its tower of words alone, in the layouts of transformers and open_clip <-> our classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.files import read_config, remove_first, write_json
from t2ilab.interop.hub import fetch
from t2ilab.interop.layouts import Layout
from t2ilab.interop.weights import check_plain, files_of, read_weights, write_tensors, write_weights
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig

# transformers writes several dozen keys that say nothing about a network, others in every version: only these are read.
TEXT = Layout(
    "CLIPTextModel",
    {
        "vocab_size": 49408,
        "max_position_embeddings": 77,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 8,
        "hidden_act": "quick_gelu",
        "eos_token_id": 49407,
    },
    {"layer_norm_eps": (1e-5,), "model_type": ("clip_text_model", "clip")},
)
VISION = Layout(
    "CLIPVisionModel",
    {
        "image_size": 224,
        "patch_size": 32,
        "num_channels": 3,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "hidden_act": "quick_gelu",
    },
    {"layer_norm_eps": (1e-5,), "model_type": ("clip_vision_model", "clip")},
)


def read_text(config: Mapping[str, Any]) -> TextConfig:
    """The layout of one of transformers' CLIPTextModels. Raises ValueError for one that our class is not."""
    values = TEXT.values(config, strict=False)
    words, end = values["vocab_size"], values["eos_token_id"]
    return TextConfig(
        vocab_size=words,
        context_length=values["max_position_embeddings"],
        # Old configurations say 2 whatever the tokenizer; transformers then takes the largest id, and so do we.
        end_id=None if end in (None, 2) or end >= words - 1 else end,
        **_read_tower(values),
    )


def write_text(config: TextConfig, tokenizer: CLIPTokenizer) -> dict[str, Any]:
    """transformers' configuration of it and of the tokenizer that it was trained with."""
    return {
        "architectures": [TEXT.kind],
        "model_type": "clip_text_model",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "bos_token_id": tokenizer.start_id,
        "eos_token_id": tokenizer.end_id,
        "pad_token_id": tokenizer.pad_id,
        "dtype": "float32",  # that it computes in: transformers 5 would take the file's own, half
        **_write_tower(config),
    }


def read_vision(config: Mapping[str, Any]) -> VisionConfig:
    """The layout of one of transformers' CLIPVisionModels. Raises ValueError for one that our class is not."""
    values = VISION.values(config, strict=False)
    return VisionConfig(
        values["image_size"], values["patch_size"], in_channels=values["num_channels"], **_read_tower(values)
    )


def write_vision(config: VisionConfig) -> dict[str, Any]:
    """transformers' configuration of it."""
    return {
        "model_type": "clip_vision_model",
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "num_channels": config.in_channels,
        **_write_tower(config),
    }


_ACTIVATIONS = {"quick_gelu": True, "gelu": False}


def _read_tower(values: Mapping[str, Any]) -> dict[str, Any]:
    width, wide = values["hidden_size"], values["intermediate_size"]
    if wide != 4 * width:
        raise ValueError(f"The layers of this course's CLIP are four times wider inside; got {wide} for {width}.")
    if (activation := values["hidden_act"]) not in _ACTIVATIONS:
        raise ValueError(f"This course's CLIP has {' or '.join(_ACTIVATIONS)} inside; got {activation!r}.")
    return {
        "width": width,
        "layers": values["num_hidden_layers"],
        "heads": values["num_attention_heads"],
        "quick_gelu": _ACTIVATIONS[activation],
    }


def _write_tower(config: TextConfig | VisionConfig) -> dict[str, Any]:
    return {
        "hidden_size": config.width,
        "intermediate_size": 4 * config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "hidden_act": "quick_gelu" if config.quick_gelu else "gelu",
        "layer_norm_eps": 1e-5,
    }


# ---- names ----------------------------------------------------------------------------------------------------------


def own_text(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """A tensor of transformers' CLIPTextModel under our name: without the prefix that version 4 writes."""
    name = name.removeprefix("text_model.")
    return [] if name.endswith("position_ids") else [(name, tensor)]


def own_clip(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """A tensor of transformers' CLIPModel under our name, which is the same."""
    return [] if name.endswith("position_ids") else [(name, tensor)]


_OPEN_CLIP = {  # of names that stay whole: open_clip's -> ours; those of the layers are below
    "logit_scale": "logit_scale",
    "text_projection": "text_projection.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.proj": "visual_projection.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
}
_MATRICES = {"text_projection", "visual.proj"}  # plain matrices (in, out), where a linear layer keeps (out, in)
_TOWERS = {
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "transformer.resblocks.": "text_model.encoder.layers.",
}
_PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def own_open_clip(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """A tensor of open_clip's CLIP under our names; queries, keys and values lie in one there."""
    if name in _OPEN_CLIP:
        return [(_OPEN_CLIP[name], tensor.T if name in _MATRICES else tensor)]
    for theirs, ours in _TOWERS.items():
        if name.startswith(theirs):
            index, _, rest = name.removeprefix(theirs).partition(".")
            part, _, kind = rest.rpartition(".")
            if rest.startswith("attn.in_proj_"):
                kind = rest.removeprefix("attn.in_proj_")
                names = [f"{ours}{index}.self_attn.{w}_proj.{kind}" for w in "qkv"]
                return list(zip(names, tensor.chunk(3), strict=True))
            return [(f"{ours}{index}.{_PARTS.get(part, part)}.{kind}", tensor)]
    return [(name, tensor)]


def to_open_clip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of our CLIP under open_clip's names."""
    whole = {ours: theirs for theirs, ours in _OPEN_CLIP.items()}
    parts = {ours: theirs for theirs, ours in _PARTS.items()}
    given: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name in whole:
            given[whole[name]] = tensor.T if whole[name] in _MATRICES else tensor
            continue
        theirs, ours = next((theirs, ours) for theirs, ours in _TOWERS.items() if name.startswith(ours))
        index, _, rest = name.removeprefix(ours).partition(".")
        part, _, kind = rest.rpartition(".")
        if part == "self_attn.q_proj":
            together = [state[name.replace("q_proj", f"{w}_proj")] for w in "qkv"]
            given[f"{theirs}{index}.attn.in_proj_{kind}"] = torch.cat(together)
        elif part in parts:
            given[f"{theirs}{index}.{parts[part]}.{kind}"] = tensor
    return given


# ---- folders --------------------------------------------------------------------------------------------------------

OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class PublishedCLIP(NamedTuple):
    """A CLIP with what belongs to it: `mean` and `std` (3,) normalise pictures that lie in [0, 1]."""

    model: CLIP
    tokenizer: CLIPTokenizer
    mean: tuple[float, ...] = OPENAI_MEAN
    std: tuple[float, ...] = OPENAI_STD


def load_clip(name: str | Path, revision: str | None = None, variant: str | None = None) -> PublishedCLIP:
    """Opens a CLIP as transformers or open_clip writes it.

    Args:
        name: a folder, or the id of one on the Hugging Face hub, such as "openai/clip-vit-large-patch14".
        revision: of the hub's: a branch, tag or commit.
        variant: of the weights, such as "fp16".

    Raises:
        ValueError: another kind of model, or a layout that our class is not.
        OSError: a file that is missing, cut short or a pickle, or a hub that is out of reach.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = fetch(str(name), {"": "model"}, revision=revision, variant=variant)
    theirs = folder / "open_clip_config.json"
    try:
        if theirs.exists() and any(folder.glob("open_clip_model*safetensors*")):
            return _load_open_clip(folder, read_config(theirs), variant)
        config = read_config(folder / "config.json")
        if (kind := config.get("model_type")) != "clip":
            raise ValueError(f"{folder} holds a {kind}; this call opens a CLIP.")
        vision, text = config["vision_config"], config["text_config"]
        layout = CLIPConfig(read_text(text), read_vision(vision), config.get("projection_dim", 512))
        with torch.device("meta"):
            model = CLIP(layout)
        read_weights(files_of(folder, "model", variant), model, own_clip)
        mean, std = _normalisation(folder)
    except (AttributeError, LookupError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise OSError(f"{folder} is not a whole CLIP: {reason}. Copy it again.") from error
    return PublishedCLIP(model.eval(), CLIPTokenizer.from_pretrained(folder), mean, std)


def _normalisation(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation as the folder says, in the file of its image processor or, since transformers 5, of both."""
    given: dict[str, Any] = {}
    if (file := folder / "preprocessor_config.json").exists():
        given = read_config(file)
    elif (file := folder / "processor_config.json").exists():
        given = read_config(file).get("image_processor", {})
    return tuple(given.get("image_mean", OPENAI_MEAN)), tuple(given.get("image_std", OPENAI_STD))


_OPEN_CLIP_TOWER = {"width", "layers", "heads", "mlp_ratio"}


def _load_open_clip(folder: Path, config: dict[str, Any], variant: str | None) -> PublishedCLIP:
    layout = read_open_clip(config["model_cfg"])
    with torch.device("meta"):
        model = CLIP(layout)
    read_weights(files_of(folder, "open_clip_model", variant), model, own_open_clip)
    given = config.get("preprocess_cfg", {})
    mean, std = tuple(given.get("mean", OPENAI_MEAN)), tuple(given.get("std", OPENAI_STD))
    return PublishedCLIP(model.eval(), CLIPTokenizer.from_pretrained(folder), mean, std)


def read_open_clip(config: Mapping[str, Any]) -> CLIPConfig:
    """The layout of one of open_clip's models. Raises ValueError for one that our class is not."""
    quick = bool(config.get("quick_gelu", False))
    text, vision = dict(config["text_cfg"]), dict(config["vision_cfg"])
    keys = {
        "configuration": (config, {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}),
        "text_cfg": (text, {"context_length", "vocab_size", *_OPEN_CLIP_TOWER}),
        "vision_cfg": (vision, {"image_size", "patch_size", "head_width", *_OPEN_CLIP_TOWER} - {"heads"}),
    }
    for where, (values, known) in keys.items():
        if unknown := sorted(set(values) - known):
            raise ValueError(f"This course's CLIP knows no {unknown[0]!r} in open_clip's {where}; got {unknown}.")
    if isinstance(vision.get("layers"), list):
        raise ValueError("This course's CLIP sees with a vision transformer; got a ResNet.")
    for values in (text, vision):
        if (ratio := values.get("mlp_ratio", 4.0)) != 4.0:
            raise ValueError(f"The layers of this course's CLIP are four times wider inside; got {ratio} times.")
    width = vision.get("width", 768)
    return CLIPConfig(
        TextConfig(
            text.get("vocab_size", 49408),
            text.get("context_length", 77),
            text.get("width", 512),
            text.get("layers", 12),
            text.get("heads", 8),
            quick,
        ),
        VisionConfig(
            vision.get("image_size", 224),
            vision.get("patch_size", 16),
            width,
            vision.get("layers", 12),
            width // vision.get("head_width", 64),
            quick_gelu=quick,
        ),
        config["embed_dim"],
    )


def save_clip(
    folder: str | Path,
    model: CLIP,
    tokenizer: CLIPTokenizer,
    mean: tuple[float, ...] = OPENAI_MEAN,
    std: tuple[float, ...] = OPENAI_STD,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Writes a CLIP as transformers does, so that its CLIPModel and CLIPTokenizer open it, in that precision."""
    folder, config = Path(folder), model.config
    check_plain(model)
    text = write_text(config.text, tokenizer) | {"projection_dim": config.embed_dim}
    vision = write_vision(config.vision) | {"projection_dim": config.embed_dim}
    whole = {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": config.embed_dim}
    remove_first(folder / "config.json")
    tokenizer.save_pretrained(folder)
    size = config.vision.image_size
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "do_resize": True,
            "size": {"shortest_edge": size},
            "do_center_crop": True,
            "crop_size": {"height": size, "width": size},
            "resample": 3,
            "do_rescale": True,
            "do_normalize": True,
            "image_mean": list(mean),
            "image_std": list(std),
        },
    )
    whole |= {"text_config": text, "vision_config": vision}
    write_weights(folder / "model.safetensors", model, dtype=dtype, config=whole)


def save_words(folder: str | Path, model: CLIP, tokenizer: CLIPTokenizer, dtype: torch.dtype = torch.float32) -> None:
    """Writes the tower of words alone, as transformers' CLIPTextModelWithProjection, in that precision."""
    folder = Path(folder)
    parts = {name: x for name, x in model.state_dict().items() if name.startswith(("text_model.", "text_projection."))}
    config = write_text(model.config.text, tokenizer) | {"projection_dim": model.config.embed_dim}
    config |= {"architectures": ["CLIPTextModelWithProjection"]}
    remove_first(folder / "config.json")
    tokenizer.save_pretrained(folder)
    write_tensors(folder / "model.safetensors", parts, dtype, config=config)


def load_words(folder: str | Path, beside: CLIP) -> tuple[CLIP, CLIPTokenizer]:
    """A CLIP with the tower of words that `save_words` wrote, and with the pictures and the scale of another.

    Args:
        folder: of the words.
        beside: whose tower of pictures and logit_scale it shares.

    Raises:
        ValueError: words that end in a space of another width.
        OSError: a file that is missing or damaged, or that holds something else.
    """
    folder = Path(folder)
    config = read_config(folder / "config.json")
    if (kind := config.get("model_type")) != "clip_text_model" or "projection_dim" not in config:
        raise OSError(f"{folder} holds no tower of words with its projection; got model_type {kind!r}.")
    if (width := config["projection_dim"]) != beside.config.embed_dim:
        raise ValueError(
            f"Words and pictures meet in one space; these words end in {width} numbers, the pictures in "
            f"{beside.config.embed_dim}. They are of two CLIPs."
        )
    model = CLIP(replace(beside.config, text=read_text(config)))
    words = nn.ModuleDict({"text_model": model.text_model, "text_projection": model.text_projection})
    read_weights(folder / "model.safetensors", words)
    model.vision_model, model.visual_projection = beside.vision_model, beside.visual_projection
    model.logit_scale = beside.logit_scale
    return model.eval(), CLIPTokenizer.from_pretrained(folder)
