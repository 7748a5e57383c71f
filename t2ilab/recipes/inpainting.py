"""`inpainting`: a U-Net that reads a mask and the picture with its hole, and fills it as the words have it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.data.captions import describe
from t2ilab.data.holes import holes_over_things, random_holes
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.data.words import LEVELS
from t2ilab.device import DeviceManager
from t2ilab.diffusion.inpainting import reading_mask
from t2ilab.metrics import faithfulness
from t2ilab.nets.widening import widened
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.inpainting import inpaint
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.control import TOGETHER, ControlRecipe, Numbers
from t2ilab.training.processes import share

NUMBERS = Numbers(
    name="inpainting",
    condition=lambda drawing, scenes: drawing.image,  # with a new hole each time that it is met
    base="shapes",  # latents of 4 channels, so that with a mask it reads 9, and diffusers opens it
    learning_rate=3e-3,
    drop=0.1,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "8,000 scenes of the base's level of the world, in new words and with new holes each time they are met: boxes, "
    "thick strokes, and one in four everything; a tenth of the captions empty, of the others a quarter Japanese and a "
    "fifth partial."
)
LIMITS = "As its base: only its words, and only such pictures. Fills what is masked, and does not see what is there."


class Recipe(ControlRecipe):
    """What is trained, as Stable Diffusion's inpainting (Rombach et al. 2022, section 4.5), and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def new_model(self) -> nn.Module:
        """The base's U-Net, which can read a mask and a masked picture too, and makes nothing of them yet."""
        return widened(self.base.unet, 2 * self.base.unet.config.out_channels + 1).requires_grad_(True)

    def guess(self, condition: Tensor, step: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """With holes in the pictures (B, 3, H, W) in [0, 1], all their chance from the seed and the step."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        holes = random_holes(len(condition), condition.shape[-1], generator).to(condition)
        rows = share(len(condition))
        condition, holes = condition[rows], holes[rows]
        grey = to_latents(self.base, (condition * 2 - 1) * (1 - holes))
        # As where it is used: the pixel in the corner of each latent stands for it.
        return reading_mask(self.model, F.interpolate(holes, grey.shape[-2:]), grey)

    def start_from(self, start: str) -> None:
        """Takes over the U-Net of a saved model. Raises ValueError for one of another layout."""
        theirs = TextToImage.from_pretrained(start, str(self.device.device)).unet
        if theirs.config != self.model.config:
            raise ValueError(f"{start} has other widths than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def pipeline(self, model: Any) -> TextToImage:
        """The trained U-Net with the base's other parts."""
        base = self.base
        return TextToImage(
            model,
            base.text_encoder,
            base.tokenizer,
            base.schedule,
            base.prediction_type,
            base.image_size,
            base.device,
            base.world,
            base.vae,
            base.sampling,
            base.guidance_scale,
        )

    def measure(self, model: Any, count: int = 256) -> dict[str, float]:
        """A box over the things of pictures that training never showed is filled with others, in other colours.

        How often the reader reads all that is asked for, and the surroundings, of which the captions say nothing and
        the hole has kept the edge; how much neighbours differ across that edge; and how far the rest is as it was, in
        grey levels of 256. The same for the base, which blends, and for pictures that the world draws.
        """
        drawing, scenes, _, _ = self._unseen(count)
        holes = holes_over_things(drawing)
        asked = [_another(scene, random.Random(i), str(self.base.world)) for i, scene in enumerate(scenes)]
        scores: dict[str, float] = {}
        for name, pipe in {"with": self.pipeline(model), "blended": self.base}.items():
            images = self._filled(pipe, drawing, holes, asked)
            said = faithfulness(
                images, [replace(a, background=s.background) for a, s in zip(asked, scenes, strict=True)]
            )
            change = ((images - drawing.image).abs() * (1 - holes)).amax().item() * 127.5
            found = {"all that was said": said.all, **said.attributes, "seam": seam(images, holes), "change": change}
            scores |= {f"{name}: {what}": value for what, value in found.items()}
        return scores | {"of the world: seam": seam(drawing.image, holes)}

    def _filled(self, pipe: TextToImage, drawing: Drawing, holes: Tensor, asked: list[Scene]) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] whose holes show what is asked for."""
        filled = []
        for first in range(0, len(asked), TOGETHER):
            some = slice(first, first + TOGETHER)
            prompts = [describe(scene) for scene in asked[some]]
            image = drawing.image[some] / 2 + 0.5
            filled.append(inpaint(pipe, prompts, image, holes[some], seed=10_000 + first, output_type="pt"))
        return torch.cat(filled) * 2 - 1

    def sheet(self, model: Any) -> Tensor:
        """Eight pictures with holes, then what fills them (16, 3, H, W) in [-1, 1], to watch while it trains."""
        drawing, scenes, _, _ = self._unseen(8)
        holes = holes_over_things(drawing)
        asked = [_another(scene, random.Random(i), str(self.base.world)) for i, scene in enumerate(scenes)]
        return torch.cat([drawing.image * (1 - holes), self._filled(self.pipeline(model), drawing, holes, asked)])

    def save(self, model: Any, folder: Path) -> None:
        """Writes a whole model; in latents of four channels, one for diffusers' StableDiffusionInpaintPipeline."""
        self.pipeline(model).save_pretrained(folder)


def seam(images: Tensor, holes: Tensor) -> float:
    """How much neighbours differ where one is in the hole (B, 1, H, W) and the other is not, in grey levels of 256."""
    jumps = [(images.diff(dim=axis).abs().mean(1), holes[:, 0].diff(dim=axis - 1) != 0) for axis in (2, 3)]
    return 127.5 * torch.cat([jump[at] for jump, at in jumps]).mean().item()


def _another(scene: Scene, rng: random.Random, level: str) -> Scene:
    """One thing in one colour, neither of which the scene has, and not a word of where and in front of what."""
    chain = scene.chain()
    words = LEVELS[level]
    thing = rng.choice([name for name in words["thing"] if name not in [one.thing for one in chain]])
    return Scene(thing, rng.choice([color for color in words["color"] if color not in [one.color for one in chain]]))
