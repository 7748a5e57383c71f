"""`gan-cycle`: pictures by day into pictures by night and back, learnt from two heaps without a single pair."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab import zoo
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.words import ALL_COLORS, THINGS
from t2ilab.device import DeviceManager
from t2ilab.interop.gan import read_painter, write_painter
from t2ilab.metrics import faithfulness
from t2ilab.nets.gan.cycle import CycleConfig, CycleGenerator, PatchDiscriminator
from t2ilab.recipes.adversarial import AdversarialRecipe, Numbers
from t2ilab.training.adversarial import Rivals
from t2ilab.training.adversarial_losses import (
    cycle_loss,
    identity_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)

NUMBERS = Numbers(
    name="gan-cycle", steps=3_000, batch=8, learning_rate=6e-4, betas=(0.5, 0.99),
)  # fmt: skip
CONFIG = CycleConfig(width=16, blocks=3, blends=True)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "One thing a picture, big or small, in any colour, by day or by night; the heaps share no scene on purpose."
LIMITS = "One thing a picture, 32x32 pixels; it knows day and night and nothing else."
DOMAINS = ("day", "night")
# A fifth of the paper's weights, lambda 10 and half of it for the identity loss: a painter that blends can keep all of
# a picture, and under those it did.
CYCLE, IDENTITY = 2.0, 1.0
SIZE = 32


class Painters(nn.Module):
    """Both directions."""

    def __init__(self, config: CycleConfig):
        super().__init__()
        self.config = config
        self.to_night, self.to_day = CycleGenerator(config), CycleGenerator(config)


class Judges(nn.Module):
    """One for each domain."""

    def __init__(self, config: CycleConfig):
        super().__init__()
        self.day, self.night = PatchDiscriminator(config), PatchDiscriminator(config)


class Recipe(AdversarialRecipe):
    """The networks, the losses, and two heaps of pictures."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS, config: CycleConfig = CONFIG):
        self.config = config
        super().__init__(device, seed, numbers, SIZE)

    def make(self) -> Rivals:
        return Rivals(Painters(self.config), Judges(self.config))

    def heap(self, domain: str, index: int, count: int, which: str = "training") -> tuple[Tensor, list[Scene]]:
        """Pictures (count, 3, 32, 32) of one domain, and their scenes; of each domain and index others."""
        rng = random.Random(f"cycle {self.seed} {which} {domain} {index}")
        scenes = []
        for _ in range(count):
            drawn = Scene(thing=rng.choice(list(THINGS)), color=rng.choice(list(ALL_COLORS)), background=domain)
            scenes.append(complete(drawn, rng))
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        return render(scenes, SIZE, generator, self.device.device), scenes

    def batch(self, step: int) -> dict[str, Any]:
        """{"day": (B, 3, 32, 32), "night": (B, 3, 32, 32)}, kept until the next step."""
        if self._kept[0] != step:
            self._kept = step, {d: self.heap(d, step, self.numbers.batch)[0] for d in DOMAINS}
        return self._kept[1]

    def judge_loss(self, step: int) -> Tensor:
        """Both judges: real pictures of their domain against those that were brought over."""
        day, night = (self.batch(step)[d] for d in DOMAINS)
        painters, judges = self.model.painter, self.model.judge
        assert isinstance(painters, Painters) and isinstance(judges, Judges)  # noqa: PT018
        of_night = least_squares_discriminator_loss(judges.night(night), judges.night(painters.to_night(day)))
        of_day = least_squares_discriminator_loss(judges.day(day), judges.day(painters.to_day(night)))
        return of_night + of_day

    def painter_loss(self, step: int) -> Tensor:
        """Both painters: to pass for real, to find the way back, and to leave alone what is right (eq. 3)."""
        day, night = (self.batch(step)[d] for d in DOMAINS)
        painters, judges = self.model.painter, self.model.judge
        assert isinstance(painters, Painters) and isinstance(judges, Judges)  # noqa: PT018
        g, f = painters.to_night, painters.to_day
        brought = g(day), f(night)
        loss = least_squares_generator_loss(judges.night(brought[0]))
        loss = loss + least_squares_generator_loss(judges.day(brought[1]))
        back = (f(brought[0]) - day).abs().mean() + (g(brought[1]) - night).abs().mean()  # cycle_loss, drawn once
        return loss + CYCLE * back + IDENTITY * identity_loss(day, night, g, f)

    @torch.no_grad()
    def measure(self, model: nn.Module, count: int = 512) -> dict[str, float]:
        """For both directions, on pictures that training never showed: how often the reader reads the other domain, how
        often all else is read as before, and each attribute; the same of the pictures as they were; the way back."""
        assert isinstance(model, Painters)
        ways = {"to night": ("day", model.to_night), "to day": ("night", model.to_day)}
        scores: dict[str, float] = {}
        for name, (start, painter) in ways.items():
            images, scenes = self.heap(start, 0, count, "measured")
            brought = torch.cat([painter(part) for part in images.split(128)])
            goal = next(d for d in DOMAINS if d != start)
            kept = [replace(scene, background=None) for scene in scenes]
            there, before, after = (
                faithfulness(brought, [Scene(background=goal)] * count),
                faithfulness(images, kept),
                faithfulness(brought, kept),
            )
            scores |= {f"{name}: brought over": there.all, f"{name}: all else kept": after.all}
            scores |= {f"{name}: {a} kept": share for a, share in after.attributes.items()}
            scores[f"{name}: all else read before"] = before.all
        day, night = (self.heap(d, 0, count, "measured")[0] for d in DOMAINS)
        scores["way back (mean absolute error)"] = cycle_loss(day, night, model.to_night, model.to_day).item() / 2
        return scores

    @torch.no_grad()
    def sheet(self, model: nn.Module) -> Tensor:
        """Eight pictures by day, brought to night, and back again; to watch while it trains."""
        assert isinstance(model, Painters)
        day, _ = self.heap("day", 0, 8, "measured")
        night = model.to_night(day)
        return torch.cat([day, night, model.to_day(night)])

    def start_from(self, start: str) -> None:
        """Takes over the weights of both painters. Raises ValueError for other widths."""
        folder = zoo.folder(start) if start in zoo.names() else Path(start)
        for name, painter in self.model.painter.named_children():
            theirs = read_painter(folder / name, CycleGenerator)
            if theirs.config != self.config:
                raise ValueError(f"{start} has other widths than {NAME}, so it cannot be its start.")
            painter.load_state_dict(theirs.state_dict())

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes both painters, each into a folder of its own."""
        for name, painter in model.named_children():
            write_painter(folder / name, painter)  # type: ignore[arg-type]
