"""From one picture to another, through pictures: the noise turns from one to the other, and so do the words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from t2ilab.pipelines.arguments import prompts_of
from t2ilab.pipelines.text_to_image import TextToImage


def slerp(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """The great arc from a to b (Shoemake 1985, section 3.3): `weight` 0 is a, 1 is b, and lengths on the way stay.

    A straight line between two draws of noise would pass through noise of a smaller variance, by a half in its middle,
    which no network was trained on.

    Args:
        a, b: (..., D), each row turned on its own. Rows that point the same way are joined by a straight line.
        weight: in [0, 1], one for all.

    Raises:
        ValueError: other shapes, or rows that point to opposite ways, which no one arc joins.
    """
    if a.shape != b.shape:
        raise ValueError(f"Both ends have one shape; got {tuple(a.shape)} and {tuple(b.shape)}.")
    one, other = (x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12) for x in (a, b))
    # From the lengths of sum and difference: arccos would lose half of the digits where the angle is small.
    angle = 2 * torch.atan2((one - other).norm(dim=-1, keepdim=True), (one + other).norm(dim=-1, keepdim=True))
    if (angle > 3.14).any():
        raise ValueError("Between opposite ends runs no one arc; got b that points away from a. Take another seed.")
    sine = angle.sin()
    arc = ((1 - weight) * angle).sin() / sine * a + (weight * angle).sin() / sine * b
    return torch.where(sine > 1e-4, arc, torch.lerp(a, b, torch.as_tensor(weight).to(a)))


def interpolate(
    pipe: TextToImage,
    prompt_a: str,
    prompt_b: str,
    count: int = 8,
    seed_a: int = 0,
    seed_b: int = 0,
    *,
    mix: Callable[[Tensor, Tensor, Tensor], Tensor] = torch.lerp,
    height: int | None = None,
    width: int | None = None,
    output_type: str = "pil",
    **how: Any,
) -> Any:
    """Draws `count` pictures from pipe(prompt_a, seed=seed_a) to pipe(prompt_b, seed=seed_b), evenly spaced.

    They are drawn one after the other, so that many take no more memory than one, and the two ends are exactly the
    pictures of the plain calls.

    Args:
        prompt_a, prompt_b: a caption each; the same one twice changes the noise only.
        count: at least 2, both ends among them.
        seed_a, seed_b: of the noise, which goes by `slerp`; one seed twice changes the words only.
        mix: how tokens (1, L, D) go: `torch.lerp` or `slerp`, token by token, or a function with their arguments.
        height, width, output_type: as in `TextToImage`.
        how: what else `TextToImage` takes, for all of them. A sampler of `ADD_NOISE` draws the noise on its way from
            seed_a for every picture, so that they hang together; the last is then a picture of its own.

    Returns:
        A list of PIL pictures, or a tensor (count, 3, H, W) in [0, 1].

    Raises:
        ValueError: fewer than 2 pictures, several prompts in one, or what `TextToImage` does not draw.
    """
    if count < 2:
        raise ValueError(f"An interpolation has two ends, so count is at least 2; got {count}.")
    ends = prompts_of([prompt_a, prompt_b])
    if taken := {"seed", "generator", "latents", "prompt", "prompt_embeds"} & how.keys():
        raise ValueError(f"An interpolation has two seeds and two prompts of its own; got {', '.join(sorted(taken))}.")
    with torch.no_grad():
        words_a, words_b = (pipe.encode([prompt]) for prompt in ends)  # (1, L, D)
        noise_a, noise_b = (pipe.noise(1, height, width, seed=seed) for seed in (seed_a, seed_b))  # (1, C, h, w)
        drawn = []
        for weight in torch.linspace(0, 1, count, dtype=words_a.dtype).to(words_a.device):
            latents = slerp(noise_a.flatten(1), noise_b.flatten(1), weight).view_as(noise_a)
            embeds = mix(words_a, words_b, weight)
            drawn.append(pipe(prompt_embeds=embeds, latents=latents, seed=seed_a, output_type=output_type, **how))
    return torch.cat(drawn) if output_type == "pt" else [picture for pictures in drawn for picture in pictures]
