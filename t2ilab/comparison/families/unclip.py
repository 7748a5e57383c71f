"""unCLIP: a prior, a decoder and an upsampler over a CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from t2ilab.comparison.entrant import Entrant, as_pictures, numbers_in
from t2ilab.data.scenes import Scene
from t2ilab.pipelines.prior import PriorSettings
from t2ilab.pipelines.unclip import UnCLIP

CLIP = "clip-storybook"
ZOO = {
    f"unclip-{level}": (f"prior-{level}", f"decoder-{level}", f"upsampler-{level}", CLIP)
    for level in ("shapes", "storybook")
}


def recognises(folder: Path) -> bool:
    """A folder as UnCLIP.save_pretrained writes it."""
    return (folder / "prior").is_dir() and (folder / "decoder").is_dir()


def enter(name: str, device: str | None, steps: int) -> Entrant:
    """One of the zoo, which is put together of its parts, or of a folder, with the CLIP of the zoo."""
    pipe = UnCLIP.from_pretrained(name.removeprefix("unclip-") if name in ZOO else name, device, CLIP)
    stages = [stage for stage in (pipe.decoder, pipe.upsampler) if stage is not None]

    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        prior = PriorSettings(num_inference_steps=steps)
        return as_pictures(pipe(prompts, prior=prior, seed=seed, num_inference_steps=steps, output_type="pt"))

    return Entrant(
        name,
        "unCLIP",
        stages[-1].image_size,
        draw,
        level=name.removeprefix("unclip-") if name in ZOO else None,
        steps=steps,
        parameters=numbers_in(pipe.clip.model, pipe.prior, *(stage.unet for stage in stages)),
    )
