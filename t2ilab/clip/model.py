"""CLIP: a tower for pictures and a tower for words that end in one space (Radford et al. 2021, figure 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from t2ilab.nets.config import Config
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.vision import VisionConfig, VisionEncoder


@dataclass(frozen=True)
class CLIPConfig(Config):
    """What a CLIP looks like.

    Args:
        text, vision: its two towers.
        embed_dim: width of the space in which they meet.

    Raises:
        ValueError: an embed_dim that is no count.
    """

    what: ClassVar[str] = "A CLIP"

    text: TextConfig
    vision: VisionConfig
    embed_dim: int = 128

    def __post_init__(self) -> None:
        self.check_numbers()

    @classmethod
    def vit_b_32(cls, quick_gelu: bool = True) -> CLIPConfig:
        """ViT-B/32. OpenAI's has quick GELUs; OpenCLIP's exact ones, unless its name says "quickgelu"."""
        return cls(
            TextConfig(49408, context_length=77, width=512, layers=12, heads=8, quick_gelu=quick_gelu),
            VisionConfig(224, patch_size=32, width=768, layers=12, heads=12, quick_gelu=quick_gelu),
            embed_dim=512,
        )

    @classmethod
    def vit_l_14(cls) -> CLIPConfig:
        """ViT-L/14, whose words Stable Diffusion 1 reads with."""
        vision = VisionConfig(224, patch_size=14, width=1024, layers=24, heads=16)
        return cls(TextConfig.stable_diffusion_1(), vision, embed_dim=768)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Raises ValueError for a key that no CLIP, or none of its towers, has."""
        towers = {"text": TextConfig.from_dict(values["text"]), "vision": VisionConfig.from_dict(values["vision"])}
        return super().from_dict(values | towers)


class CLIP(nn.Module):
    """Pictures and texts -> vectors of one space; the closer, the better they fit.

    Args:
        config: its layout.
    """

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.config = config
        self.text_model = TextEncoder(config.text)
        self.vision_model = VisionEncoder(config.vision)
        self.text_projection = nn.Linear(config.text.width, config.embed_dim, bias=False)
        self.visual_projection = nn.Linear(config.vision.width, config.embed_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # section 2.5

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Pictures (B, 3, image_size, image_size), normalised as the model was trained -> (B, embed_dim)."""
        return self.visual_projection(self.vision_model.pooled(pixels))

    def encode_text(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids (B, L), and a mask as `TextEncoder` takes -> (B, embed_dim)."""
        return self.text_projection(self.text_model.pooled(ids, mask))

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pictures (B, ...) and texts (N, L) -> logits (B, N): cosines of the angles between them, scaled."""
        images = nn.functional.normalize(self.encode_image(pixels), dim=-1)
        texts = nn.functional.normalize(self.encode_text(ids, mask), dim=-1)
        return self.logit_scale.exp() * images @ texts.T
