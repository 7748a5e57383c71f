"""Diffusion from words, in the latents of an autoencoder or in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from t2ilab.comparison.entrant import Entrant, as_pictures, numbers_in
from t2ilab.data.scenes import Scene
from t2ilab.pipelines.text_to_image import TextToImage

ZOO = {  # a name -> the checkpoints that it took to make it
    "shapes": ("shapes", "vae-shapes"),
    "shapes-pixel": ("shapes-pixel",),
    "storybook": ("storybook", "vae-storybook"),
    "storybook-pixel": ("storybook-pixel",),
}


def recognises(folder: Path) -> bool:
    """A folder of ours or of diffusers', with an index of its parts."""
    return (folder / "model_index.json").exists()


def enter(name: str, device: str | None, steps: int) -> Entrant:
    """A model of the zoo, of a folder or of the hub, drawn by its own sampler and guidance."""
    pipe = TextToImage.from_pretrained(name, device)

    def draw(prompts: Sequence[str], scenes: Sequence[Scene], seed: int) -> Tensor:
        return as_pictures(pipe(prompts, seed=seed, num_inference_steps=steps, output_type="pt"))

    return Entrant(
        name,
        "pixel diffusion" if pipe.vae is None else "latent diffusion",
        pipe.image_size,
        draw,
        level=pipe.world,
        steps=steps,
        parameters=numbers_in(pipe.unet, pipe.text_encoder, pipe.vae),
    )
