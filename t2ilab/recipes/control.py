"""What the recipes share in which a model of the zoo learns to heed a second picture.

Most are ControlNets, Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models" (2023): the loss is
the base's own, the base stays as it is, and half of the captions are left empty, so that the picture has to say what
they do not. The others train a wider copy of the base, which reads the picture beside x_t, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.data.captions import describe
from t2ilab.data.render import Drawing
from t2ilab.data.scenes import Scene
from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.metrics import faithfulness
from t2ilab.nets.controlnet import ControlNet
from t2ilab.pipelines.control import control_to_image, open_controlnet, save_controlnet
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.text_to_image import error_weights, noised
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

BASE = "storybook"  # of the zoo
TOGETHER = 64  # pictures drawn at a time
# What a ControlNet keeps as the base has it: a picture of what is where has nothing to say about time and words, and
# without them its file is a third as large. (Zhang et al. train the whole copy.)
KEPT = {"time_embedding", "add_embedding", "attentions", "mid_block"}
Condition = Callable[[Drawing, Sequence[Scene]], Tensor]


@dataclass(frozen=True)
class Numbers:
    """All that tells one ControlNet from another.

    Attributes:
        name: of the ControlNet.
        condition: what it looks at, of a drawing: pictures (B, 3, H, W) in [-1, 1].
        base: the model of the zoo that it helps, or a folder.
        people: whether each of its pictures has somebody in it who can take a pose.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        condition_widths: as in `ControlNetConfig`: four, since 64 pixels become 8 latents. Stable Diffusion's are
            (16, 32, 96, 256), for 512 pixels of photographs; these are for 64 of drawings.
        drop, partial, japanese: shares of the captions: left empty (section 3.3), and as in `World`.
        cached: so many batches are drawn and encoded when they are first met, and met again and again, in other words
            each time (12 kilobytes for a picture of 64x64 and its condition).
    """

    name: str
    condition: Condition
    base: str = BASE
    people: bool = False
    steps: int = 3_000
    batch: int = 32
    learning_rate: float = 4e-3
    warmup: int = 100
    condition_widths: tuple[int, ...] = (8, 16, 24, 32)
    drop: float = 0.5
    partial: float = 0.2
    japanese: float = 0.25
    cached: int = 250


class ControlRecipe:
    """Base, data, net and loss; a recipe adds its numbers and how well its pictures follow, and the runner does the
    rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.base = TextToImage.from_pretrained(numbers.base, str(device.device))
        self.base.device = device  # its precision is the run's
        if self.base.world is None:
            raise ValueError(f"A ControlNet's base knows the words of this world; {numbers.base} knows others.")
        for part in (self.base.unet, self.base.text_encoder):
            part.requires_grad_(False)
        self.model: Any = device.place(self.new_model())
        self.world = self._world(seed, numbers.partial, numbers.japanese)
        self.weights = error_weights(self.base.schedule, self.base.prediction_type).to(device.device)
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def new_model(self) -> nn.Module:
        """What is to be trained; at first the base draws with it as it does without."""
        net = ControlNet.from_unet(self.base.unet, condition_widths=self.numbers.condition_widths)
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(not KEPT & set(name.split(".")))
        return net

    def _world(self, seed: int, partial: float, japanese: float) -> World:
        return World(
            size=self.base.image_size,
            seed=seed,
            partial=partial,
            japanese=japanese,
            level=str(self.base.world),
            people=self.numbers.people,
        )

    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved ControlNet, also of one that was trained beside an earlier base. Raises
        ValueError for one of other widths."""
        theirs = open_controlnet(start, any_base=True)
        if theirs.control_config != self.model.control_config:
            raise ValueError(f"{start} has other widths than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.state_dict())

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps, "base": n.base}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, facts=facts)

    def batch(self, step: int) -> dict[str, Any]:
        """The step-th batch: {"x0": (B, C, h, w), "condition": (B, 3, H, W) in [0, 1], "caption": B strings}."""
        again, index = divmod(step, self.numbers.cached)
        if index not in self.kept:
            batch = self.world.drawings(index, self.numbers.batch, self.device.device)
            condition = self.numbers.condition(batch["drawing"], batch["scene"])
            in_bytes = ((condition + 1) * 127.5).round().to(torch.uint8)
            self.kept[index] = to_latents(self.base, batch["drawing"].image).half(), in_bytes
        x0, in_bytes = self.kept[index]
        captions = self.world.captions(index, self.numbers.batch, again)
        return {"x0": x0.float(), "condition": in_bytes / 255, "caption": captions}

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch (eq. 5); all its chance comes from the seed and the step."""
        batch, base = self.batch(step), self.base
        drop = self.numbers.drop
        x0, t, noise, captions = noised(self.seed, step, batch["x0"], batch["caption"], base.schedule, drop)
        with self.device.autocast():
            guess, context = self.guess(batch["condition"], step), base.encode(captions)

            def net(x_t: Tensor, t: Tensor) -> Tensor:
                return guess(x_t, t, context)

            weights = self.weights[t]
            return diffusion_loss(net, x0, t, noise, base.schedule, base.prediction_type, weights)

    def guess(self, condition: Tensor, step: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """(x_t, t, context) -> what is compared with the target, under the step-th conditions (B, 3, H, W) in [0, 1],
        of which this process takes its share."""
        condition = condition[share(len(condition))]

        def net(x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
            return self.base.unet(x_t, t, context, residuals=self.model(x_t, t, context, condition))

        return net

    def follows(self, images: Tensor, drawing: Drawing, scenes: Sequence[Scene]) -> dict[str, float]:
        """How well pictures (B, 3, H, W) in [-1, 1] follow what was asked: shares in [0, 1]."""
        raise NotImplementedError

    def measure(self, model: Any, count: int = 256) -> dict[str, float]:
        """How well it follows conditions that training never showed, under captions that leave place and size to them,
        and how often the reader reads what these say: with the ControlNet, without it, and for the world's own
        pictures, as they come back from the base's autoencoder, which is as much as can be reached."""
        drawing, scenes, condition, asked = self._unseen(count)
        captions = [describe(scene) for scene in asked]
        pictures = {
            "with": self._drawn(model, captions, condition, 1.0),
            "without": self._drawn(model, captions, condition, 0.0),
            "of the world": torch.cat(
                [self.base.decode(to_latents(self.base, some)) for some in drawing.image.split(TOGETHER)]
            ).clamp(-1, 1),
        }
        scores: dict[str, float] = {}
        for name, images in pictures.items():
            said = faithfulness(images, asked)
            found = self.follows(images, drawing, scenes) | {"all that was said": said.all} | dict(said.attributes)
            scores |= {f"{name}: {what}": share for what, share in found.items()}
        return scores

    def _unseen(self, count: int) -> tuple[Drawing, list[Scene], Tensor, list[Scene]]:
        """Drawings that no training shows, their scenes and conditions, and what captions are to say of them."""
        batch = self._world(self.seed + 1, 0.0, 0.0).drawings(0, count, self.device.device)
        asked = [_unplaced(understand(caption, str(self.base.world))[0]) for caption in batch["caption"]]
        return batch["drawing"], batch["scene"], self.numbers.condition(batch["drawing"], batch["scene"]), asked

    def _drawn(self, model: Any, captions: list[str], condition: Tensor, scale: float) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] under conditions (B, 3, H, W) in [-1, 1]."""
        drawn = [
            control_to_image(
                self.base,
                model,
                captions[first : first + TOGETHER],
                condition[first : first + TOGETHER] / 2 + 0.5,
                controlnet_conditioning_scale=scale,
                seed=10_000 + first,
                output_type="pt",
            )
            for first in range(0, len(captions), TOGETHER)
        ]
        return torch.cat(drawn) * 2 - 1

    def sheet(self, model: Any) -> Tensor:
        """Eight conditions, then eight pictures under them (16, 3, H, W) in [-1, 1], to watch while it trains."""
        _, _, condition, asked = self._unseen(8)
        return torch.cat([condition, self._drawn(model, [describe(scene) for scene in asked], condition, 1.0)])

    def save(self, model: Any, folder: Path) -> None:
        """Writes a folder that `open_controlnet` opens."""
        save_controlnet(folder, model, self.base, self.numbers.base)


def _unplaced(scene: Scene) -> Scene:
    """The scene without what a picture beside the words says better: where things are, and how large."""
    return replace(scene, place=None, size=None, other=scene.other and _unplaced(scene.other))
