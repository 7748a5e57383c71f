"""Imagen's cascade: a language model, a small picture, and stages that make it larger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from t2ilab.comparison.entrant import Entrant, as_pictures, numbers_in
from t2ilab.data.scenes import Scene
from t2ilab.pipelines.cascade import Cascade
from t2ilab.pipelines.stage import Guidance

SIZES = (16, 32, 64)
ZOO = {
    f"cascade-{level}": (f"language-{level}", *(f"cascade-{level}-{size}" for size in SIZES))
    for level in ("shapes", "storybook")
}


def recognises(folder: Path) -> bool:
    """A folder as Cascade.save_pretrained writes it."""
    return (folder / "language").is_dir() and any(folder.glob("stage-*"))


def enter(name: str, device: str | None, steps: int) -> Entrant:
    """One of the zoo, put together of its parts, or of a folder; half of the steps where a stage enlarges."""
    pipe = Cascade.from_pretrained(name.removeprefix("cascade-") if name in ZOO else name, device)

    each = [Guidance(num_inference_steps=max(1, steps // 2) if stage.enlarges else steps) for stage in pipe.stages]

    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        return as_pictures(pipe(prompts, how=each, seed=seed, output_type="pt"))

    return Entrant(
        name,
        "cascade",
        pipe.stages[-1].image_size,
        draw,
        level=name.removeprefix("cascade-") if name in ZOO else None,
        steps=steps,
        parameters=numbers_in(pipe.reading.encoder, *(stage.unet for stage in pipe.stages)),
    )
