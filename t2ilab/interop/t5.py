"""T5 v1.1 in a folder as transformers lays it out <-> our classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab.files import read_config
from t2ilab.interop.layouts import Layout
from t2ilab.interop.weights import files_of, read_weights, write_weights
from t2ilab.nets.t5 import BUCKETS, FARTHEST, T5Config, T5Encoder

# Of transformers' keys only these say something about the network; the rest is not looked at.
LAYOUT = Layout(
    "T5EncoderModel",
    {"vocab_size": 32128, "d_model": 512, "num_layers": 6, "num_heads": 8, "d_kv": 64, "d_ff": 2048},
    {
        "feed_forward_proj": ("gated-gelu",),
        "relative_attention_num_buckets": (BUCKETS,),
        "relative_attention_max_distance": (FARTHEST,),
        "layer_norm_epsilon": (1e-6,),
        "model_type": ("t5",),
    },
)


def read_config_of(config: Mapping[str, Any]) -> T5Config:
    """The layout of one of transformers' T5s. Raises ValueError for one that our class is not."""
    values = LAYOUT.values(dict(config), strict=False)
    return T5Config(
        values["vocab_size"],
        values["d_model"],
        values["num_layers"],
        values["num_heads"],
        values["d_kv"],
        values["d_ff"],
    )


def written_config_of(config: T5Config) -> dict[str, Any]:
    """transformers' configuration of it."""
    return {
        "architectures": [LAYOUT.kind],
        "model_type": "t5",
        "vocab_size": config.vocab_size,
        "d_model": config.width,
        "num_layers": config.layers,
        "num_decoder_layers": config.layers,
        "num_heads": config.heads,
        "d_kv": config.head_dim,
        "d_ff": config.hidden,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": False,
        "tie_word_embeddings": False,
    }


def read_t5_encoder(folder: str | Path, variant: str | None = None) -> T5Encoder:
    """Opens the encoder of a folder of transformers' T5EncoderModel, or of a whole T5, weights in float32.

    Raises:
        ValueError: a T5 that our class is not, such as the first version's.
        OSError: a file that is missing, cut short or a pickle.
    """
    folder = Path(folder)
    config = read_config_of(read_config(folder / "config.json"))
    with torch.device("meta"):  # without memory, so that its weights are held once
        encoder = T5Encoder(config)

    def kept(name: str, tensor: Tensor) -> Iterable[tuple[str, Tensor]]:
        # A whole model has a decoder, and the words may lie there a second time.
        other = name.startswith(("decoder.", "lm_head.")) or name == "encoder.embed_tokens.weight"
        return [] if other else [(name, tensor)]

    read_weights(files_of(folder, "model", variant), encoder, kept)
    return encoder.eval()


def write_t5_encoder(folder: Path, encoder: T5Encoder, dtype: torch.dtype = torch.float16) -> None:
    """Writes a folder that transformers' T5EncoderModel opens, in half precision by default; of a T5, its encoder.

    Raises:
        OSError: the folder cannot be written.
    """
    with torch.device("meta"):
        alone = T5Encoder(encoder.config)
    own = {name: tensor for name, tensor in encoder.state_dict().items() if name in alone.state_dict()}
    alone.load_state_dict(own, assign=True)
    write_weights(folder / "model.safetensors", alone, dtype=dtype, config=written_config_of(encoder.config))
