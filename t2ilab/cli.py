"""The `t2ilab` command: a thin face over public calls. Heavy imports wait until a command needs them."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="t2ilab: rebuild the breakthroughs of text-to-image generation by hand.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="Pairs of pictures and captions at scale: build an index of many, and search it.")
app.add_typer(data, name="data")
PAIRS = Path("runs/pairs")


def main() -> None:
    """Runs the command. A bad value ends in one sentence and exit code 2, a failure in one sentence and 1."""
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="t2ilab", standalone_mode=False)
    except typer.Abort:
        code = 130
    except ValueError as error:
        _stop(str(error), 2)
    except (OSError, ImportError, FloatingPointError, RuntimeError) as error:
        _stop(str(error), 1)
    except MemoryError as error:
        _stop(f"Out of memory: {error}. Ask for fewer or smaller pictures.", 1)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        usage = getattr(error, "format_message", None)  # an unknown command or option, in the parser's own words
        if usage is None:
            raise
        _stop(f"{usage()}{'' if usage().endswith(('.', '?')) else '.'} See t2ilab --help.", 2)
    if code == 130:  # Ctrl-C, which typer may have caught before us
        _stop("Stopped.", 130)
    sys.exit(code)


def _stop(sentence: str, code: int) -> None:
    print(f"t2ilab: {sentence}", file=sys.stderr)
    sys.exit(code)


@app.command()
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
    ] = "storybook-pixel",
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

    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always", UserWarning)
        pipe = TextToImage.from_pretrained(model, revision=revision, variant=variant)
    for remark in remarks:  # what is drawn in another way than diffusers draws it
        if remark.category is UserWarning:
            typer.echo(remark.message, err=True)
    if pipe.world:
        if sentence := unknown_words(prompt, pipe.world):
            typer.echo(sentence, err=True)
        prompt = spelled(prompt, pipe.world)
    frames = files.Frames(pipe.decode)
    sampler, scale = sampler or pipe.sampling.sampler, scale or (8 if pipe.image_size <= 128 else 1)
    guidance = pipe.guidance_scale if guidance is None else guidance
    # Without noise on the way, a batch gives what each seed alone would give; with it they go one by one, and so do
    # large pictures, a batch of which would fill the memory.
    together = 1 if sampler in ADD_NOISE or pipe.vae is not None else n
    settings = {"prompt": prompt, "negative_prompt": negative or "", "num_inference_steps": steps,
                "guidance_scale": guidance, "sampler": sampler, "model": model}  # fmt: skip
    last: list[Any] = []
    for first in range(0, n, together):
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


@app.command()
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


@app.command()
def lab(
    name: Annotated[str, typer.Argument(help="Which lab: its number or its name.")] = "00",
    language: Annotated[str | None, typer.Option(help="en or ja.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser; --no-browser for servers.")] = True,
    folder: Annotated[Path | None, typer.Option(help="Where to lay the labs out, without a clone.")] = None,
    jupyter: Annotated[
        list[str] | None, typer.Argument(help="After --, JupyterLab's own options: -- --port=9999 --allow-root")
    ] = None,
) -> None:
    """Open JupyterLab on a lab."""
    from t2ilab import launch

    more = jupyter or []
    if name.startswith("-"):  # options of JupyterLab's, and no lab before them
        name, more = "00", [name, *more]
    raise typer.Exit(launch.open_lab(name, language=language, browser=browser, folder=folder, extra_args=more))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe, such as shapes-pixel.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Its folder; runs/RECIPE by default.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps; the recipe's own number by default.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Instead: as many steps as fit, by timing ten.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, data and noise.")] = 0,
    start: Annotated[str | None, typer.Option(help="A model to go on from: of the zoo, or a folder.")] = None,
) -> None:
    """Train a model of the zoo again. Run once more in the same folder, it goes on where it stopped."""
    from tqdm.auto import tqdm

    from t2ilab.lab import plots
    from t2ilab.recipes.run import Run

    run = Run(recipe, output or Path("runs") / recipe, steps, minutes, seed, start=start)
    typer.echo(f"{recipe}: {run.plan.steps} steps in {run.folder}. {run.device.reason}", err=True)
    with tqdm(total=run.plan.steps, unit="step") as bar:
        for step in run.steps():
            bar.update(step.step - bar.n)
            bar.set_postfix(loss=f"{step.loss:.4f}", refresh=False)
    card = run.finish(step.average)
    run.draw(step)
    plots.loss_curve([row["loss"] for row in run.log()], run.folder / "loss.png")
    typer.echo(f"{run.folder / 'model'}: " + ", ".join(f"{name} {score:.1%}" for name, score in card.scores.items()))


@app.command()
def zoo(name: Annotated[str | None, typer.Argument(help="One checkpoint, to see its card.")] = None) -> None:
    """List the checkpoints that come with the course, or show the card of one."""
    from dataclasses import asdict

    from t2ilab import zoo as checkpoints

    if name:
        checkpoints.folder(name)  # which checks the hashes
        for key, value in asdict(checkpoints.card(name)).items():
            if isinstance(value, dict):
                typer.echo(f"{key}:")
                for k, v in value.items():
                    typer.echo(f"  {k}: {v}")
            else:
                typer.echo(f"{key}: {value}")
        return
    for each in checkpoints.names():
        typer.echo(f"{each:18} {checkpoints.card(each).summary}")


@app.command()
def doctor() -> None:
    """Say what this machine has, which versions, what is missing and how to get it."""
    from t2ilab.doctor import examine

    findings = examine()
    for line in findings.lines:
        typer.echo(line)
    raise typer.Exit(1 if findings.faults else 0)


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Labs by number or name; all by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare; nothing is written.")] = False,
    run: Annotated[bool, typer.Option(help="Execute the solutions whose code changed.")] = True,
) -> None:
    """Build the notebooks of labs/ and solutions/ from solutions/*.py."""
    from t2ilab import authoring

    if check:
        differences = authoring.compare()
        for difference in differences:
            typer.echo(difference)
        raise typer.Exit(1 if differences else 0)
    for path in authoring.build_all(names, run=run):
        typer.echo(path)
