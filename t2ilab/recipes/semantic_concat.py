"""`semantic-concat`: a U-Net that reads a map of what is where beside its latents, a colour for each class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.maps import MAPS
from t2ilab.device import DeviceManager
from t2ilab.interop.stable_diffusion import read_unet, write_unet
from t2ilab.nets.widening import widened
from t2ilab.pipelines.concatenation import beside, beside_channels, concatenation_to_image
from t2ilab.recipes.control import TOGETHER, Numbers
from t2ilab.recipes.control_semantic import Recipe as ControlSemantic
from t2ilab.training.processes import share

NUMBERS = Numbers(name="semantic-concat", condition=MAPS["semantic"], learning_rate=3e-3)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the base's level of the world as latents and semantic maps, in new words each time they are met; "
    "half of the captions empty, of the others a quarter Japanese and a fifth partial."
)
LIMITS = "A U-Net alone: words and latents are its base's. For maps in the colours of this world's classes (`PALETTE`)."


class Recipe(ControlSemantic):
    """What is trained, as latent diffusion had it (Rombach et al. 2022, section 4.3.2), and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def new_model(self) -> nn.Module:
        """The base's U-Net, wide enough for the map, of which it makes nothing yet."""
        unet = widened(self.base.unet, self.base.unet.config.in_channels + beside_channels(self.base))
        return unet.requires_grad_(True)

    def guess(self, condition: Tensor, step: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        return beside(self.base, self.model, condition[share(len(condition))] * 2 - 1)

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved U-Net. Raises ValueError for one of another layout."""
        theirs = read_unet(zoo.folder(start) if start in zoo.names() else start)
        if theirs.config != self.model.config:
            raise ValueError(f"{start} has other widths than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def _drawn(self, model: Any, captions: list[str], condition: Tensor, scale: float) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] under conditions (B, 3, H, W) in [-1, 1]; with scale 0 by the base alone."""
        drawn = []
        for first in range(0, len(captions), TOGETHER):
            said = captions[first : first + TOGETHER]
            how: dict[str, Any] = {"seed": 10_000 + first, "output_type": "pt"}
            if scale:
                maps = condition[first : first + TOGETHER] / 2 + 0.5
                drawn.append(concatenation_to_image(self.base, model, said, maps, **how))
            else:
                drawn.append(self.base(said, **how))
        return torch.cat(drawn) * 2 - 1

    def save(self, model: Any, folder: Path) -> None:
        """Writes a folder that diffusers' UNet2DConditionModel opens."""
        factor = 1 if self.base.vae is None else self.base.vae.config.factor
        write_unet(folder, model, self.base.image_size // factor)
