"""`t2ilab scenes`: the world itself, drawn without a model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer


def scenes(
    caption: Annotated[str | None, typer.Argument(help="A caption to draw; without one, a sheet of many.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; scenes.png by default.")] = None,
    count: Annotated[int | None, typer.Option(help="1 of a caption, 24 in a sheet, 1000 in a data set.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side: 64, or 256 for one picture of a caption.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all chance; without it a caption is drawn plainly.")] = None,
    level: Annotated[str, typer.Option(help="storybook or shapes.")] = "storybook",
    language: Annotated[str, typer.Option(help="Of the captions that are printed: en or ja.")] = "en",
    rendition: Annotated[str | None, typer.Option(help="sketch, watercolour, mosaic or embroidery.")] = None,
    map_name: Annotated[str | None, typer.Option("--map", help="Instead: semantic, scribble or pose.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Write pairs: imagefolder, parquet or webdataset.")] = None,
) -> None:
    """Draw the world itself, without a model: a sheet of scenes, the scene of a caption, or a data set."""
    if dataset and (caption is not None or map_name or output is None):
        raise ValueError("A data set needs a name with -o, and has captions and all maps of its own: leave those out.")
    if rendition and map_name:
        raise ValueError("A map is the same for every rendition; give --rendition or --map, and not both.")
    if count is None:
        count = 1000 if dataset else 24 if caption is None else 1
    if size is None:
        size = 256 if caption is not None and count == 1 else 64
    if not 16 <= size <= 1024 or count < 1 or (not dataset and count * size**2 > 2**26):
        raise ValueError(
            f"--size lies in 16 to 1024, --count is at least 1, and a sheet has at most 64 million pixels; "
            f"got {size} and {count}."
        )
    if dataset:
        assert output
        _write_dataset(output, dataset, count, size=size, seed=seed or 0, level=level, rendition=rendition)
    else:
        _save_sheet(output or Path("scenes.png"), caption, count, size, seed, level, language, rendition, map_name)


def _write_dataset(output: Path, form: str, count: int, **options: Any) -> None:
    from tqdm.auto import tqdm

    from t2ilab.data.export import write_dataset

    write_dataset(output, count, form, progress=lambda rows: tqdm(rows, total=count, disable=None), **options)
    typer.echo(output)


def _save_sheet(
    output: Path, caption: str | None, count: int, size: int, seed: int | None, level: str, language: str,
    rendition: str | None, map_name: str | None,
) -> None:  # fmt: skip
    """Draws one after the other, so that the first of many are the same as of few, and prints the captions."""
    from t2ilab import output as files

    files.check_target(output, files.PICTURES)

    import random

    import torch

    from t2ilab.data.captions import describe
    from t2ilab.data.maps import MAPS
    from t2ilab.data.render import draw
    from t2ilab.data.renditions import RENDITIONS
    from t2ilab.data.scenes import Scene, complete
    from t2ilab.data.understanding import nearest, understand, unknown_words
    from t2ilab.data.words import LANGUAGES
    from t2ilab.data.world import World
    from t2ilab.images import grid, to_pil

    for value, names in ((rendition, RENDITIONS), (map_name, MAPS), (language, LANGUAGES)):
        if value is not None and value not in names:
            raise ValueError(f"There is no {value!r}; there are {', '.join(names)}.")
    world = World(size, seed or 0, partial=0.0, japanese=float(language == "ja"), level=level)
    asked = Scene()
    if caption is not None:
        asked, unknown = understand(caption, level)
        if asked == Scene():
            raise ValueError(
                f"Nothing in {caption!r} is understood. Captions are read in English and Japanese: try 'a cat' or '猫'."
                f"{nearest(unknown, level)}"
            )
        if sentence := unknown_words(caption, level, who="This world"):
            typer.echo(sentence, err=True)
    pictures = []
    for i in range(count):
        if caption is None:
            batch = world.drawings(i, 1)
            drawing, scene, words = batch["drawing"], batch["scene"], batch["caption"][0]
        else:
            chance = None if seed is None and i == 0 else random.Random(f"scene {seed or 0} {i}")
            scene = [complete(asked, chance)]
            generator = torch.Generator().manual_seed(chance.getrandbits(63)) if chance else None
            drawing, words = draw(scene, size, generator), describe(scene[0], language)
        typer.echo(words)
        paper = torch.Generator().manual_seed(i)
        made = MAPS[map_name](drawing, scene) if map_name else drawing.image
        pictures.append(RENDITIONS[rendition](drawing, paper) if rendition else made)
    sheet = grid(torch.cat(pictures), columns=math.ceil((1.5 * count) ** 0.5) if count > 1 else 1)
    settings = {"caption": caption or "", "level": level, "seed": "" if seed is None else seed}
    files.save_picture(to_pil(sheet[None])[0], output, 1, settings)
    typer.echo(output)
