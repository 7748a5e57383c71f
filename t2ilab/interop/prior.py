"""A prior in a folder as diffusers' PriorTransformer lies in one <-> our class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from t2ilab.files import read_config
from t2ilab.interop.layouts import WRITTEN_FOR, Layout
from t2ilab.interop.weights import files_of, read_weights, write_weights
from t2ilab.nets.prior import ADDED, Prior, PriorConfig

STEM = "diffusion_pytorch_model"
PRIOR = Layout(
    "PriorTransformer",
    {
        "num_attention_heads": 32,
        "attention_head_dim": 64,
        "num_layers": 20,
        "embedding_dim": 768,
        "num_embeddings": 77,
        "time_embed_dim": None,
        "embedding_proj_dim": None,
        "clip_embed_dim": None,
    },
    {
        "additional_embeddings": (ADDED,),
        "time_embed_act_fn": ("silu",),
        "norm_in_type": (None,),
        "embedding_proj_norm_type": (None,),
        "encoder_hid_proj_type": ("linear",),
        "added_emb_type": ("prd",),
    },
    frozenset({"dropout"}),
)


def read_config_of(config: Mapping[str, Any]) -> PriorConfig:
    """The layout of one of diffusers' PriorTransformers. Raises ValueError for one that our class is not."""
    values = PRIOR.values(config)
    width = values["num_attention_heads"] * values["attention_head_dim"]
    usual = {"time_embed_dim": width} | dict.fromkeys(
        ("embedding_proj_dim", "clip_embed_dim"), values["embedding_dim"]
    )  # fmt: skip
    for key, one in usual.items():
        if values[key] not in (None, one):
            raise ValueError(f"This course's prior has {key}={one}; got {values[key]}, which is another network.")
    return PriorConfig(
        values["embedding_dim"], values["num_embeddings"], width, values["num_layers"], values["num_attention_heads"]
    )


def written_config_of(config: PriorConfig) -> dict[str, Any]:
    """diffusers' configuration of it."""
    return {
        "_class_name": PRIOR.kind,
        "_diffusers_version": WRITTEN_FOR,
        "num_attention_heads": config.heads,
        "attention_head_dim": config.width // config.heads,
        "num_layers": config.layers,
        "embedding_dim": config.embed_dim,
        "num_embeddings": config.context_length,
        "additional_embeddings": ADDED,
    }


def read_prior(folder: str | Path, variant: str | None = None) -> Prior:
    """Opens a folder of diffusers' PriorTransformer, weights in float32.

    Raises:
        ValueError: a prior that our class is not, or another network.
        OSError: a file that is missing, cut short or a pickle.
    """
    folder = Path(folder)
    given = read_config(folder / "config.json")
    if (kind := given.get("_class_name", PRIOR.kind)) != PRIOR.kind:
        raise ValueError(f"{folder} holds a {kind}; this call opens a {PRIOR.kind}.")
    config = read_config_of(given)
    with torch.device("meta"):  # without memory, so that its weights are held once
        prior = Prior(config)
    read_weights(files_of(folder, STEM, variant), prior)
    return prior.eval()


def write_prior(folder: Path, prior: Prior) -> None:
    """Writes a folder that diffusers' PriorTransformer.from_pretrained opens, in half precision.

    Raises:
        OSError: the folder cannot be written.
    """
    write_weights(folder / f"{STEM}.safetensors", prior, config=written_config_of(prior.config))
