"""`monsters-lora`: a low-rank adapter of the storybook's model, trained on 416 monsters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from t2ilab.device import DeviceManager
from t2ilab.interop.lora import save_adapter
from t2ilab.nets.lora import add_adapter, set_strength
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.finetuning import MONSTERS, PICTURES, Numbers, StyleRecipe, old_prompts


@dataclass(frozen=True)
class LoRANumbers(Numbers):
    """Those of all fine-tunings, and the rank.

    Attributes:
        rank: of each update; its alpha is the rank.
    """

    rank: int = 8


NUMBERS = LoRANumbers(name="monsters-lora", steps=600, batch=16, rates=(1.3e-3, 1e-4))
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = f"{MONSTERS}; {PICTURES}"
LIMITS = "For its base alone, beside which it lies; merged or at a strength, it draws monsters."


class Recipe(StyleRecipe):
    """LoRA (Hu et al. 2021): two thin matrices beside each projection of attention learn, and nothing else."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: LoRANumbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def _learner(self) -> nn.Module:
        layers = add_adapter(self.pipe.unet, self.numbers.rank)
        for layer in layers:
            self.device.place(layer)
        factors = [factor for layer in layers for factor in (layer.down, layer.up)]
        return nn.ParameterDict({f"{i:03}": factor for i, factor in enumerate(factors)})

    def others(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """What is kept of the old prompts at half the strength, and with the adapter off."""
        found = super().others(pipe, count)
        for name, strength in {"at half": 0.5, "off": 0.0}.items():
            set_strength(pipe.unet, strength)
            found |= {f"{name}: {what}": share for what, share in old_prompts(pipe, count, self.seed).items()}
        set_strength(pipe.unet, 1.0)
        return found

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes the adapter alone, in the file that diffusers' `load_lora_weights` opens."""
        with self.wearing(model) as pipe:
            save_adapter(folder, pipe.unet)
