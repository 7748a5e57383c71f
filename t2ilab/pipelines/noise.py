"""The noise of a call: each picture has a stream of its own, so that it does not depend on who is drawn beside it."""

from __future__ import annotations

from operator import index

import torch
from torch import Tensor


class Noise:
    """Standard normal numbers for a batch, draw after draw.

    Args:
        count: of pictures.
        seed: picture i takes all its noise from the stream of seed + i; None for chance.
        generator: or one stream for the whole batch.

    Attributes:
        fresh: the stream of a sampler that adds noise on its way, one for the whole batch; None for chance.

    Raises:
        ValueError: a seed out of range, or that is no whole number.
    """

    def __init__(self, count: int, seed: int | None = None, generator: torch.Generator | None = None):
        self.count, self.generator, self.fresh = count, generator, generator
        self.streams: list[torch.Generator] = []
        if generator is None and seed is not None:
            if not hasattr(seed, "__index__") or not 0 <= index(seed) < 2**63 - count:
                raise ValueError(f"A seed is a whole number from 0 to 2^63; got {seed!r}.")
            self.streams = [torch.Generator().manual_seed(seed + i) for i in range(count)]
            # Not the seed itself: its stream begins with the very noise that the first picture started from.
            self.fresh = torch.Generator().manual_seed(seed ^ 0x5EED)

    def __call__(self, *shape: int) -> Tensor:
        """The next draw, (count, *shape) in float32, on the generator's device or the CPU."""
        if self.streams:
            return torch.stack([torch.randn(shape, generator=stream) for stream in self.streams])
        device = None if self.generator is None else self.generator.device
        return torch.randn((self.count, *shape), generator=self.generator, device=device)
