"""The noise of a call: each picture has a stream of its own, so that it does not depend on who is drawn beside it."""

from __future__ import annotations

from operator import index
from typing import Any

import torch
from torch import Tensor


def whole_seed(seed: Any, count: int = 1) -> int:
    """A seed as Python's int, which is what torch's generators take: of numpy's whole numbers too, or a tensor of one.

    Raises ValueError where it is no whole number, or leaves no room for those of `count` pictures.
    """
    try:
        plain = index(seed)
    except TypeError:
        plain = -1
    if not 0 <= plain < 2**63 - count:
        raise ValueError(f"A seed is a whole number from 0 to 2^63; got {seed!r}.")
    return plain


def fresh_stream(seed: int) -> torch.Generator:
    """The stream of a sampler that adds noise on its way.

    Not that of the seed itself, which begins with the very noise that the first picture started from.
    """
    return torch.Generator().manual_seed(whole_seed(seed) ^ 0x5EED)


class Noise:
    """Standard normal numbers for a batch, draw after draw.

    Args:
        count: of pictures.
        seed: picture i takes all its noise from the stream of seed + i; None for chance.
        generator: or one stream for the whole batch.

    Attributes:
        fresh: the stream of a sampler that adds noise on its way, one for the whole batch; None for chance.

    Raises:
        ValueError: a seed out of range, or that is no whole number; a generator that is none, such as a list of them.
    """

    def __init__(self, count: int, seed: int | None = None, generator: torch.Generator | None = None):
        self.count, self.generator, self.fresh = count, generator, generator
        self.streams: list[torch.Generator] = []
        if not isinstance(generator, torch.Generator | None):
            raise ValueError(
                f"generator is one torch.Generator for the whole batch; got a {type(generator).__name__}. For a stream "
                "for each picture give a seed: picture i has that of seed + i."
            )
        if generator is None and seed is not None:
            first = whole_seed(seed, count)
            self.streams = [torch.Generator().manual_seed(first + i) for i in range(count)]
            self.fresh = fresh_stream(first)

    def __call__(self, *shape: int) -> Tensor:
        """The next draw, (count, *shape) in float32, on the generator's device or the CPU."""
        if self.streams:
            return torch.stack([torch.randn(shape, generator=stream) for stream in self.streams])
        device = None if self.generator is None else self.generator.device
        return torch.randn((self.count, *shape), generator=self.generator, device=device)
