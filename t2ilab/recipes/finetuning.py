"""What the recipes of fine-tuning share: a finished model goes on learning, from a few hundred pictures or from five.

The loss is the one that the base was trained with. What learns is the method's: all of the U-Net, a low-rank adapter
beside its attention, or one row of the token embedding.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.data.monsters import Monster, describe, draw, monsters
from t2ilab.data.words import PLAIN, SURROUNDINGS
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.distances import kid
from t2ilab.metrics import faithfulness
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.examples import TOGETHER, Examples, monster_examples, own_examples, pet_examples, thumbnails
from t2ilab.recipes.monster_scores import ColorReader, PetReader, features
from t2ilab.recipes.text_to_image import DROP, error_weights, noised
from t2ilab.training.loop import Plan

LECTURE = ("a drawing of a yellow and grey monster", "a robot, red and grey", "an astronaut riding a horse")
COUNT, FEW = 256, 24  # pictures that are measured: of a base of this world, and of a large one
MONSTERS = "The 416 monsters, as latents of the base's autoencoder, in twelve wordings each, two in five Japanese"
PICTURES = "or a folder or data set of one's own (--data)."


@dataclass(frozen=True)
class Numbers:
    """All that tells one fine-tuning from another; whoever runs it may change them (`t2ilab train --base ...`).

    Attributes:
        name: of the recipe.
        steps, batch, warmup: of the training; steps and warmup in optimizer steps.
        rates: the learning rate for a base of this world, and for a published one, which is larger and has seen more.
        base: a model of the zoo, a folder, or a model of the hub.
        data: a folder of pictures with captions or a data set of the hub; None for the monsters, or their pet.
        caption_column: of such a data set; None finds it by its usual names.
        learning_rate: in place of that of `rates`.
        japanese: the share of captions in Japanese.
        decay: of the averaged weights.
    """

    name: str
    steps: int
    batch: int
    rates: tuple[float, float]
    warmup: int = 30
    base: str = "storybook"
    data: str | None = None
    caption_column: str | None = None
    learning_rate: float | None = None
    japanese: float = 0.4
    decay: float = 0.99


class FineTuningRecipe:
    """Base, examples and loss; a recipe says what of the base learns, and how it is saved."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Any):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        if numbers.batch < 1:
            raise ValueError(f"A batch holds at least one picture; got {numbers.batch}.")
        self.pipe = self._opened()
        self.weights = None
        if self.pipe.world is not None:  # as it was trained; published models were trained without
            self.weights = error_weights(self.pipe.schedule, self.pipe.prediction_type).to(device.device)
        self.examples = self._examples()
        self.model = self._learner()

    def _opened(self) -> TextToImage:
        """The base, all of it frozen."""
        pipe = TextToImage.from_pretrained(self.numbers.base, str(self.device.device))
        pipe.device = self.device  # its precision is the run's
        if pipe.unet.config.reads_mask:
            raise ValueError(
                f"Text-to-image models are fine-tuned here; {self.numbers.base} fills masks. Take its base."
            )
        for part in (pipe.unet, pipe.text_encoder, pipe.vae):
            if part is not None:
                part.requires_grad_(False)
        return pipe

    def _learner(self) -> nn.Module:
        """What of the base learns: a module that shares its parameters."""
        raise NotImplementedError

    def _examples(self) -> Examples:
        raise NotImplementedError

    def start_from(self, start: str) -> None:
        """Not for fine-tuning, where the base says what it begins with."""
        raise ValueError(f"A fine-tuning begins with its base: give --base {start} in place of --start.")

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        rate = n.learning_rate if n.learning_rate is not None else n.rates[self.pipe.world is None]
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps}
        return Plan(steps or n.steps, rate, n.warmup, decay=n.decay, facts=facts)

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        rng = random.Random(f"{self.numbers.name} {self.seed} {step}")
        x0, captions = self.examples.batch(rng, self.numbers.batch)
        return self._error(step, x0.to(self.device.device), captions)

    def _error(self, step: int, x0: Tensor, captions: list[str], drop: float = DROP) -> Tensor:
        """The base's own loss on latents x0 (B, C, h, w), of whose captions such a share is left empty."""
        pipe = self.pipe
        x0, t, noise, captions = noised(self.seed, step, x0, captions, pipe.schedule, drop)
        with self.device.autocast():
            context = pipe.text_encoder(pipe.tokenizer(captions).to(self.device.device))
            weights = None if self.weights is None else self.weights[t]
            return diffusion_loss(
                lambda x_t, t: pipe.unet(x_t, t, context), x0, t, noise, pipe.schedule, pipe.prediction_type, weights
            )

    # ---- what it draws and leaves ------------------------------------------------------------------------------------

    @contextmanager
    def wearing(self, model: nn.Module) -> Iterator[TextToImage]:
        """The base with other values of what learns, such as their average, for as long as it draws."""
        pairs = [(a, b) for a, b in zip(self.model.parameters(), model.parameters(), strict=True) if a is not b]

        def exchange() -> None:
            for mine, theirs in pairs:
                mine.data, theirs.data = theirs.data, mine.data

        exchange()
        try:
            yield self.pipe
        finally:
            exchange()

    def prompts(self) -> list[str]:
        """What the sheets show."""
        if self.numbers.data:
            return [texts[0] for texts in self.examples.captions[:4]]
        return [*LECTURE, *(describe(monster) for monster in monsters(5, held_out=True))]

    def sheet(self, model: nn.Module) -> Tensor:
        """Pictures of fixed prompts (B, 3, H, W) in [-1, 1], to watch while it trains."""
        with self.wearing(model) as pipe:
            return pipe(self.prompts(), seed=0, num_inference_steps=10, output_type="pt") * 2 - 1

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes a folder that `TextToImage.from_pretrained` and diffusers open."""
        with self.wearing(model) as pipe:
            pipe.save_pretrained(folder)

    # ---- how it is measured ------------------------------------------------------------------------------------------

    def measure(self, model: nn.Module, count: int | None = None) -> dict[str, float]:
        """What it can do that the base could not, and what it can still do: the base's figures and the tuned one's.

        With a base that knows other words, and fewer pictures of it, only what can be said of any.
        """
        count = count or (COUNT if self.pipe.world else FEW)
        memory = self._memory()
        with self.wearing(model) as pipe:
            tuned = self.look(pipe, count)
            others = self.others(pipe, count)
        base = self.look(self._opened(), count)
        scores = {f"base: {name}": value for name, value in base.items()}
        scores |= {f"tuned: {name}": value for name, value in tuned.items()} | others
        learnt = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        scores["trained, of the U-Net's size"] = learnt / sum(p.numel() for p in self.pipe.unet.parameters())
        return scores | {"memory (MB)": memory}

    def _memory(self) -> float:
        """What the process held at most, on the accelerator where there is one."""
        if self.device.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device.device) / 1e6
        return self.device.memory()["peak"]

    def look(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """The figures of one model: what is new, and what is old."""
        return self.new(pipe, count) | old_prompts(pipe, count, self.seed)

    def new(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """What there was to be learnt."""
        raise NotImplementedError

    def others(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """What else there is to be said of the tuned model."""
        return {}


class StyleRecipe(FineTuningRecipe):
    """A fine-tuning on the monsters, or on many pictures of one's own."""

    def _examples(self) -> Examples:
        n = self.numbers
        if n.data:
            return own_examples(self.pipe, n.data, n.caption_column)
        return monster_examples(self.pipe, self.seed, n.japanese)

    def new(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """How far its pictures are from real ones, under captions that it learnt from or, of monsters, of pairs of
        colours that it did not; of monsters also how often they have the two colours that were asked for."""
        if self.numbers.data:
            rows = range(min(count, len(self.examples)))
            drawn = pictures(pipe, [self.examples.captions[row][0] for row in rows])
            return {"distance (KID)": kid(features(self.examples.images(len(rows))), features(drawn))}
        asked = monsters(count, held_out=True)
        drawn, real = pictures(pipe, [describe(monster) for monster in asked]), self._real(count)
        return {
            "distance (KID)": kid(features(real), features(drawn)),
            "colors": self._colors.right(drawn, asked),
        }

    def others(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """What its autoencoder leaves of drawings' colours, which is as much as can be reached."""
        if self.numbers.data:
            return {}
        back = torch.cat([seen_through(pipe, some) for some in self._real(count).split(TOGETHER)])
        return {"drawings: colors": self._colors.right(back, monsters(count, held_out=True))}

    @cache  # noqa: B019 (a recipe lives as long as its run)
    def _real(self, count: int) -> Tensor:
        return draw(monsters(count, held_out=True))

    @cached_property
    def _colors(self) -> ColorReader:
        known = monsters()
        return color_reader(self.pipe, self.examples.images(len(known)), known)


def color_reader(pipe: TextToImage, drawn: Tensor, shown: Sequence[Monster]) -> ColorReader:
    """A reader of colours that knows monsters (N, 3, H, W) as they are drawn and as an autoencoder blurs them."""
    back = torch.cat([seen_through(pipe, some) for some in drawn.split(TOGETHER)])
    return ColorReader(torch.cat([drawn, back]), [*shown, *shown])


def seen_through(pipe: TextToImage, images: Tensor) -> Tensor:
    """Pictures (B, 3, 64, 64) in [-1, 1] as a model's autoencoder gives them back; those of pixels as they are."""
    if pipe.vae is None or pipe.image_size != images.shape[-1]:
        return images
    return pipe.decode(to_latents(pipe, images)).float().clamp(-1, 1).cpu()


def pictures(pipe: TextToImage, prompts: Sequence[str], seed: int = 30_000) -> Tensor:
    """Pictures of prompts, on the CPU, at 64x64 (B, 3, 64, 64) in [-1, 1]."""
    together = TOGETHER if pipe.world else 4
    drawn = [
        pipe(list(prompts[first : first + together]), seed=seed + first, output_type="pt").cpu() * 2 - 1
        for first in range(0, len(prompts), together)
    ]
    return thumbnails(torch.cat(drawn))


def old_prompts(pipe: TextToImage, count: int, seed: int = 0) -> dict[str, float]:
    """How often a model still draws all that prompts of its world ask for, one thing in each; of another, nothing."""
    if pipe.world is None:
        return {}
    prompts, scenes = World(seed=seed, level=pipe.world).prompts(count, "en", 1)
    return {"old prompts": faithfulness(pictures(pipe, prompts), scenes).all}


def word_prompts(word: str, count: int) -> list[str]:
    """A thing on paper and in all surroundings of the storybook, in turn."""
    plain = [f" on a {words[0][0]} background" for words in PLAIN.values()]
    around = ["", *plain, *(f" {words[0][0]}" for name, words in SURROUNDINGS.items() if name not in PLAIN)]
    return [f"a drawing of {word}{around[i % len(around)]}" for i in range(count)]


class WordRecipe(FineTuningRecipe):
    """A fine-tuning on one thing in a few pictures, the pet's or one's own, and a word for it."""

    def _examples(self) -> Examples:
        n = self.numbers
        if not n.word.strip():
            raise ValueError(f"The thing that is learnt needs a word, such as 'mofu'; got {n.word!r}.")
        if n.data:
            return own_examples(
                self.pipe,
                n.data,
                n.caption_column,
                least=1,
                worded=lambda text: text if n.word in text else f"a picture of {n.word}",
            )
        return pet_examples(self.pipe, n.word)

    def prompts(self) -> list[str]:
        """What the sheets show."""
        return [*word_prompts(self.numbers.word, 5), *LECTURE]

    def new(self, pipe: TextToImage, count: int) -> dict[str, float]:
        """How often the pet is there with its word, and how often it is there where a monster, or another of its
        kind, is asked for; of a thing of one's own, how like its pictures they are to CLIP, as a cosine."""
        n = self.numbers
        asked = {"with the word": word_prompts(n.word, count), "without it": word_prompts(f"a {n.like}", count)}
        if n.data:
            own = features(self.examples.images(64))
            return {
                f"{name}: likeness (cosine)": float(
                    (features(pictures(pipe, prompts)) @ own.T / own.shape[1]).amax(1).mean()
                )
                for name, prompts in asked.items()
            }
        return {f"{name}: the pet": self._reader.share(pictures(pipe, prompts)) for name, prompts in asked.items()}

    @cached_property
    def _reader(self) -> PetReader:
        return PetReader(through=lambda images: seen_through(self.pipe, images))
