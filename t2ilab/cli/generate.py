"""`t2ilab generate`: a prompt becomes pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from t2ilab import zoo


def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw, in English or Japanese.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture: .png, .jpg or .webp.")] = Path(
        "picture.png"
    ),
    n: Annotated[int, typer.Option(help="How many; beyond one they are numbered, star-1.png, star-2.png, ...")] = 1,
    steps: Annotated[int, typer.Option(help="Denoising steps.")] = 20,
    guidance: Annotated[
        float | None, typer.Option(help="How closely to follow the words; 1 is off.", show_default="the model's own, 3")
    ] = None,
    seed: Annotated[int, typer.Option(help="Picture i starts from the noise of seed + i.")] = 0,
    negative: Annotated[str | None, typer.Option(help="What to steer away from.")] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="ddim, dpmpp_2m, heun, euler; or, with fresh noise and more steps, ddpm, euler_ancestral.",
            show_default="the model's own, ddim",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A model of the zoo, a folder (diffusers' too), or an id of the Hugging Face hub.")
    ] = zoo.DEFAULT,
    variant: Annotated[str | None, typer.Option(help="Of a published model's weights, such as fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a hub's model: a branch, tag or commit.")] = None,
    scale: Annotated[
        int | None,
        typer.Option(help="Each pixel becomes a square of so many.", show_default="8, and 1 beyond 128 pixels"),
    ] = None,
    gif: Annotated[Path | None, typer.Option(help="Also an animation of the denoising.")] = None,
) -> None:
    """Draw a prompt."""
    from t2ilab import output as files

    files.check_target(output, files.PICTURES)
    if gif:
        files.check_target(gif, (".gif",))
    if not 1 <= n <= 1024:
        raise ValueError(f"--n lies in 1 to 1024; got {n}.")
    if scale is not None and not 1 <= scale <= 64:
        raise ValueError(f"--scale lies in 1 to 64; got {scale}.")

    from t2ilab.data.understanding import spelled, unknown_words
    from t2ilab.pipelines.text_to_image import ADD_NOISE, TextToImage

    with _warnings_said():
        pipe = TextToImage.from_pretrained(model, revision=revision, variant=variant)
    if pipe.world:
        if sentence := unknown_words(prompt, pipe.world):
            typer.echo(sentence, err=True)
        prompt = spelled(prompt, pipe.world)
    frames = files.Frames(pipe.decode)
    sampler, scale = sampler or pipe.sampling.sampler, scale or (8 if pipe.image_size <= 128 else 1)
    guidance = pipe.guidance_scale if guidance is None else guidance
    # Without noise on the way, a batch gives what each seed alone would give; with it they go one by one, and so do
    # large pictures, a batch of which would fill the memory.
    together = 1 if sampler in ADD_NOISE or pipe.image_size > 128 else n
    settings = {"prompt": prompt, "negative_prompt": negative or "", "num_inference_steps": steps,
                "guidance_scale": guidance, "sampler": sampler, "model": model}  # fmt: skip
    last: list[Any] = []
    for first in range(0, n, together):
        with _warnings_said():
            drawn = pipe(
                [prompt] * together,
                negative_prompt=negative,
                num_inference_steps=steps,
                guidance_scale=guidance,
                seed=seed + first,
                sampler=sampler,
                callback=frames if gif and first == 0 else None,
            )
        for i, picture in enumerate(drawn, first):
            path = output if n == 1 else output.with_name(f"{output.stem}-{i + 1}{output.suffix}")
            files.save_picture(picture, path, scale, settings | {"seed": seed + i})
            typer.echo(path)
        last = last or drawn[:1]
    if gif:
        frames.save(gif, last, scale)
        typer.echo(gif)


@contextmanager
def _warnings_said() -> Iterator[None]:
    """What a pipeline warns of, as sentences on the terminal: what is drawn in another way, or left out."""
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("once", UserWarning)
        yield
    for remark in remarks:
        if remark.category is UserWarning:
            typer.echo(remark.message, err=True)
