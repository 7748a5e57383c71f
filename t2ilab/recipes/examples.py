"""What a fine-tuning learns from: a few hundred pictures, or a handful, as latents with their captions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.hub import stream
from t2ilab.data.monsters import Monster, describe, draw, monsters, pet_items
from t2ilab.data.opening import say
from t2ilab.data.words import LANGUAGES
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.text_to_image import TextToImage

WORDINGS = 12  # of each monster's caption, from which a step chooses
TOGETHER = 32  # pictures encoded at a time
THUMBNAIL = 64  # pixels a side in which pictures are kept to be compared with
MOST = 20_000  # pictures of a data set of one's own; of more, the first are taken


@dataclass(frozen=True)
class Examples:
    """Captioned pictures as a model's U-Net takes them.

    Attributes:
        latents: half precision (N, C, h, w).
        captions: of each picture, one or several; a step takes one of them.
        pictures: uint8 (N, 3, 64, 64), what there is to compare with.
    """

    latents: Tensor
    captions: tuple[tuple[str, ...], ...]
    pictures: Tensor

    def __len__(self) -> int:
        return len(self.captions)

    def batch(self, rng: random.Random, count: int) -> tuple[Tensor, list[str]]:
        """So many of them: latents in float32 (B, C, h, w) and captions, no picture twice where there are enough."""
        rows = rng.sample(range(len(self)), count) if count <= len(self) else rng.choices(range(len(self)), k=count)
        return self.latents[rows].float(), [rng.choice(self.captions[row]) for row in rows]

    def images(self, count: int) -> Tensor:
        """The first of them, float (count, 3, 64, 64) in [-1, 1]."""
        return self.pictures[:count].float() / 127.5 - 1


def encoded(pipe: TextToImage, pairs: Iterable[tuple[Tensor, tuple[str, ...]]]) -> Examples:
    """Examples of pictures (3, H, W) in [-1, 1] with their captions, as one model sees them."""
    latents, captions, small = [], [], []
    rest = iter(pairs)
    while chunk := list(islice(rest, TOGETHER)):
        images = torch.stack([image for image, _ in chunk])
        latents.append(to_latents(pipe, images).half())
        captions += [texts for _, texts in chunk]
        small.append((thumbnails(images) * 127.5 + 127.5).round().to(torch.uint8).cpu())
    made = Examples(torch.cat(latents), tuple(captions), torch.cat(small))
    cut = sum(bool(pipe.tokenizer.unread(text)) for texts in captions for text in texts[:1])
    if cut:
        say(f"{cut} of {len(made)} captions are longer than the {pipe.tokenizer.context_length - 2} tokens that this "
            "model reads; what is beyond is not learnt.")  # fmt: skip
    return made


def thumbnails(images: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [-1, 1] at 64x64."""
    if images.shape[-2:] == (THUMBNAIL, THUMBNAIL):
        return images
    return F.interpolate(images.float(), (THUMBNAIL, THUMBNAIL), mode="bicubic", antialias=True).clamp(-1, 1)


def monster_examples(pipe: TextToImage, seed: int, japanese: float) -> Examples:
    """The 416 monsters, each in several wordings, that share of them Japanese."""
    rng = random.Random(f"fine-tuning {seed}")
    chosen = monsters()

    def worded(monster: Monster) -> tuple[str, ...]:
        texts = [describe(monster, LANGUAGES[rng.random() < japanese], rng) for _ in range(WORDINGS)]
        return tuple(text for text in texts if not pipe.tokenizer.unread(text)) or (describe(monster),)

    device = pipe.device.device  # at 512 pixels drawing takes a while on a CPU
    parts = (chosen[first : first + TOGETHER] for first in range(0, len(chosen), TOGETHER))
    drawn = (
        (image, monster)
        for part in parts
        for image, monster in zip(draw(part, pipe.image_size, device=device), part, strict=True)
    )
    return encoded(pipe, ((image, worded(monster)) for image, monster in drawn))


def pet_examples(pipe: TextToImage, word: str) -> Examples:
    """The pet's five pictures, called by that word in English and in Japanese."""
    items = pet_items(pipe.image_size, ("en", "ja"), (word, word))
    return encoded(
        pipe,
        [
            (en["image"], (en["caption"], en["caption"], ja["caption"]))
            for en, ja in zip(items[::2], items[1::2], strict=True)
        ],
    )


def own_examples(
    pipe: TextToImage,
    source: str,
    caption_column: str | None = None,
    least: int = 2,
    worded: Callable[[str], str] = str,
) -> Examples:
    """The pictures of one's own folder or data set, cut to the model's size; those that cannot be opened are listed.

    Args:
        pipe: of the model.
        source: a folder of pictures with metadata.jsonl, Parquet files, or an id of the hub; as `data.hub.stream`.
        caption_column: where the captions are; None finds it by its usual names.
        least: so many there have to be.
        worded: makes the caption that is learnt of the one that is given.

    Raises:
        ValueError: no such folder or data set, no captions, or fewer pictures than `least`.
        OSError: the hub is out of reach, or a file is broken.
    """
    rows = stream(source, size=pipe.image_size, caption_column=caption_column)
    pairs: list[tuple[Tensor, tuple[str, ...]]] = []
    parts: list[Examples] = []
    for item in rows:
        pairs.append((item["image"], tuple(worded(text) for text in item.get("captions", [item["caption"]]))))
        if len(pairs) == TOGETHER:
            parts.append(encoded(pipe, pairs))
            pairs = []
        if len(parts) * TOGETHER >= MOST:
            say(f"{source} has more than {MOST:,} pictures; the first {MOST:,} are taken.")
            break
    if pairs:
        parts.append(encoded(pipe, pairs))
    if rows.skipped:
        say(f"{rows.skipped} of the {rows.position} pictures of {source} cannot be used: {' '.join(rows.broken)}")
    count = sum(len(part) for part in parts)
    if count < least:
        why = f" {rows.skipped} could not be used." if rows.skipped else ""
        raise ValueError(
            f"This method learns from at least {least} picture{'s' * (least > 1)}; {source} has {count}.{why} One "
            "thing in a few pictures is learnt by --method dreambooth or textual-inversion."
        )
    return joined(parts)


def joined(parts: Sequence[Examples]) -> Examples:
    """Several as one."""
    return Examples(
        torch.cat([part.latents for part in parts]),
        tuple(captions for part in parts for captions in part.captions),
        torch.cat([part.pictures for part in parts]),
    )
