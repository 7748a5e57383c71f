"""`t2ilab data ...`: pairs of pictures and captions at scale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(help="Pairs of pictures and captions at scale: index many and search them, or shard them.")
PAIRS, SHARDS = Path("runs/pairs"), Path("runs/shards")


@data.command("build")
def data_build(
    folder: Annotated[Path, typer.Option(help="Its own; run again in it, it goes on where it stopped.")] = PAIRS,
    source: Annotated[str, typer.Option(help="storybook, or a folder, a file, an id of the hub.")] = "storybook",
    count: Annotated[int | None, typer.Option(help="Pairs; 2000 of the storybook, else all.", show_default="")] = None,
    model: Annotated[str, typer.Option(help="A CLIP of the zoo, of a folder or of the hub.")] = "clip-storybook",
    seed: Annotated[int, typer.Option(help="Of the storybook.")] = 0,
    split: Annotated[str | None, typer.Option(help="Of a data set.")] = None,
    shard: Annotated[int, typer.Option(help="Pairs in a shard.")] = 1000,
    threshold: Annotated[float | None, typer.Option(help="Keep pairs of this cosine; else it is chosen.")] = None,
    keep: Annotated[float | None, typer.Option(help="Instead: the share of pairs to keep, the best.")] = None,
    look: Annotated[bool, typer.Option(help="Compare near copies; --no-look trusts the features.")] = True,
) -> None:
    """Embed pairs, drop those that do not fit and near copies, and index the rest."""
    from tqdm.auto import tqdm

    from t2ilab.data.noisy import NoisyPairs
    from t2ilab.pipelines import pairs
    from t2ilab.pipelines.image_text import ImageText
    from t2ilab.pipelines.pair_sources import DataSet, Storybook

    clip = ImageText.from_pretrained(model)
    size = clip.model.config.vision.image_size
    drawn = source == "storybook"
    made = Storybook(NoisyPairs(size, seed)) if drawn else DataSet(source, size, {"split": split} if split else {})
    count = 2000 if count is None and drawn else count
    with tqdm(total=count, unit="pair", disable=None) as bar:
        embedded, cleaned = pairs.build(
            made, clip, folder, count, name=model, shard_size=shard, progress=lambda rows: bar.update(rows - bar.n),
            threshold=threshold, keep=keep, look=look,
        )  # fmt: skip
    typer.echo(f"{folder}: {cleaned}")
    for name, share in pairs.measure(embedded.pairs, cleaned).items() if drawn else ():
        typer.echo(f"  {name}: {share:.1%}")


@data.command("search")
def data_search(
    text: Annotated[str | None, typer.Argument(help="What to find, in the words of the folder's CLIP.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Instead: what looks like this picture.")] = None,
    folder: Annotated[Path, typer.Option(help="As t2ilab data build made it.")] = PAIRS,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 9,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also a sheet of the pictures.")] = None,
) -> None:
    """Find pictures in an index, by words or by a picture."""
    from t2ilab import output as files

    if (text is None) == (picture is None):
        raise ValueError("A search is by a text or by --picture, one of them.")
    if text is not None and not text.strip():
        raise ValueError(f"A search needs at least one word; got {text!r}. Say what to find, or give --picture.")
    if output:
        files.check_target(output, files.PICTURES)

    import torch

    from t2ilab.images import grid, to_pil
    from t2ilab.pipelines.index import open_index, read_picture

    index = open_index(folder)
    (found,) = index.search(read_picture(picture) if picture else [text or ""], k)
    for one in found:
        typer.echo(one)
    if output:
        pictures = torch.stack(index.pictures(found))
        scale = max(1, 128 // pictures.shape[-1])
        sheet = to_pil(grid(pictures)[None])[0]
        files.save_picture(sheet, output, scale, {"query": text or picture, "folder": folder})
        typer.echo(output)


@data.command("shards")
def data_shards(
    folder: Annotated[Path, typer.Option(help="Its own; run again in it, it goes on with what is missing.")] = SHARDS,
    source: Annotated[
        str, typer.Option(help="storybook, shapes, or a folder, a file, an id of the hub.")
    ] = "storybook",
    count: Annotated[int | None, typer.Option(help="Rows; 2000 of the world, else all.", show_default="")] = None,
    model: Annotated[
        str | None, typer.Option(help="Keep latents and embeddings of this model, such as storybook.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side; the model's, or 64.", show_default="")] = None,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 0,
    split: Annotated[str | None, typer.Option(help="Of a data set.")] = None,
    caption_column: Annotated[str | None, typer.Option(help="Of a data set.")] = None,
    shard: Annotated[int, typer.Option(help="Rows in a shard.")] = 1000,
    workers: Annotated[int, typer.Option(help="Processes that make shards beside one another.")] = 1,
) -> None:
    """Write shards in WebDataset's form, with what a model is trained on beside each picture."""
    from tqdm.auto import tqdm

    from t2ilab.data.words import LEVELS
    from t2ilab.pipelines.pair_sources import DataSet, Drawn
    from t2ilab.pipelines.sharding import PairEncoder, prepare

    encoder = PairEncoder(model) if model else None
    size = size if size is not None else encoder.pipe.image_size if encoder else 64
    given = {"split": split, "caption_column": caption_column}
    options = {name: value for name, value in given.items() if value is not None}
    drawn = source in LEVELS
    if drawn and options:
        raise ValueError(f"The world has no {' and no '.join(options)}; these are for data sets.")
    count = 2000 if count is None and drawn else count
    rows = Drawn(source, size, seed) if drawn else DataSet(source, size, options)
    with tqdm(total=count, unit="pair", disable=None) as bar:
        made = prepare(rows, folder, count, encoder, shard_size=shard, workers=workers,
                       progress=lambda rows: bar.update(rows - bar.n))  # fmt: skip
    total, spans, cut = (sum(one[what] for one in made["shards"]) for what in ("rows", "span", "cut"))
    typer.echo(f"{folder}: {total} pairs in {len(made['shards'])} shards.")
    if spans > total:
        typer.echo(f"  {spans - total} rows are left out: their picture cannot be opened, or there is no caption.")
    if cut:
        typer.echo(f"  {cut} captions are longer than {model} reads; the rest of them is not in their embedding.")
