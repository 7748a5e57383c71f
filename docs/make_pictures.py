"""Draws the pictures of the README and of docs/world.md: `make pictures`. No seed is picked; they count from 0.

`python docs/make_pictures.py world years` draws only those that need no model: the world itself, and ten years of it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import matplotlib_fontja  # noqa: F401 (a font that has Japanese)
import torch

from t2ilab import zoo
from t2ilab.data.maps import MAPS
from t2ilab.data.monsters import draw as draw_monsters
from t2ilab.data.monsters import monsters, pet_items
from t2ilab.data.render import draw
from t2ilab.data.renditions import RENDITIONS
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.understanding import understand
from t2ilab.data.words import THINGS
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.images import grid, to_pil
from t2ilab.lab.timeline import timeline_figure
from t2ilab.metrics import faithfulness
from t2ilab.output import Frames, enlarged
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import shapes, shapes_pixel
from t2ilab.recipes.drawn import LECTURE
from t2ilab.recipes.text_to_image import TextToImageRecipe
from t2ilab.training.loop import train

FOLDER = Path(__file__).parent / "pictures"
PROMPTS = [
    "an astronaut riding a horse",
    "a brain riding a rocket\nheading towards the moon",
    "a purple cat in a boat",
    "a big penguin in the kitchen",
    "夜空の下、\n馬に乗る宇宙飛行士",
    "海辺の\n赤い家",
]
SCENES = ("an astronaut riding a horse in a field", "a robot in a boat at sea", "a big orange cat in the kitchen")


def world() -> None:
    """Writes things.png, world.png, renditions.png, monsters.png and pet.png, drawn without a model."""
    figure, axes = plt.subplots(4, 9, figsize=(9, 5.2))
    things = [complete(Scene(name, size="big", place="center", background="light")) for name in THINGS]
    for axis, picture, name in zip(axes.flat, draw(things, 192).image, THINGS, strict=True):
        (closer,) = to_pil(picture[None, :, 34:158, 34:158])
        axis.imshow(closer)
        axis.set_title(f"{name}\n{THINGS[name][1][0]}", fontsize=8.5, y=-0.42)
        axis.axis("off")
    figure.subplots_adjust(left=0.005, right=0.995, top=0.99, bottom=0.09, wspace=0.05, hspace=0.42)
    figure.savefig(FOLDER / "things.png", dpi=100)
    plt.close(figure)

    batches = [World(150, level="storybook").drawings(i, 1) for i in range(18)]  # as `t2ilab scenes` draws them
    sheet = grid(torch.cat([batch["drawing"].image for batch in batches]), columns=6)
    to_pil(sheet[None])[0].save(FOLDER / "world.png")

    rows = []
    for caption in SCENES:
        scenes = [complete(understand(caption)[0])]
        drawing = draw(scenes, 128)
        rows += [drawing.image, *[made(drawing, None) for made in RENDITIONS.values()]]
        rows += [look(drawing, scenes) for look in MAPS.values()]
    to_pil(grid(torch.cat(rows), columns=8)[None])[0].save(FOLDER / "renditions.png")

    sheet = grid(draw_monsters(monsters(60), 100), columns=10)
    to_pil(sheet[None])[0].quantize(64).save(FOLDER / "monsters.png", optimize=True)
    pets = torch.stack([item["image"] for item in pet_items(180)])
    to_pil(grid(pets, columns=5)[None])[0].save(FOLDER / "pet.png")


def years() -> None:
    """Writes timeline.png and timeline_ja.png, what happened from 2014 to today."""
    kept = os.environ.get("T2ILAB_LANG")
    for language, name in (("en", "timeline.png"), ("ja", "timeline_ja.png")):
        os.environ["T2ILAB_LANG"] = language
        figure = timeline_figure()
        figure.savefig(FOLDER / name, dpi=90)
        plt.close(figure)
    os.environ.pop("T2ILAB_LANG") if kept is None else os.environ.update(T2ILAB_LANG=kept)


def model() -> None:
    """Writes prompts.png, denoising.gif, lecture.png and sheet.png, drawn by the zoo's models."""
    pipe = TextToImage.from_pretrained("storybook")
    prompts = [prompt.replace("\n", " " if prompt.isascii() else "") for prompt in PROMPTS]

    figure, axes = plt.subplots(1, len(PROMPTS), figsize=(11, 2.4))
    for axis, picture, prompt in zip(axes, pipe(prompts, seed=0), PROMPTS, strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(prompt, fontsize=8)
        axis.axis("off")
    figure.tight_layout(pad=0.5)
    figure.savefig(FOLDER / "prompts.png", dpi=110)
    plt.close(figure)

    frames = Frames(pipe.decode)
    last = pipe(prompts[:1], seed=0, callback=frames)
    frames.save(FOLDER / "denoising.gif", last, 4)

    rows = [pipe([prompt] * 16, seed=0, output_type="pt") * 2 - 1 for prompt in LECTURE]
    to_pil(grid(torch.cat(rows), columns=16)[None])[0].save(FOLDER / "lecture.png")

    prompts, _ = World(seed=1).prompts(16)
    sheet = grid(TextToImage.from_pretrained("shapes-pixel")(prompts, seed=0, output_type="pt") * 2 - 1, columns=8)
    enlarged(to_pil(sheet[None])[0], 3).save(FOLDER / "sheet.png")


def spaces(minutes: float = 8.0, every: float = 1.0) -> None:
    """Writes spaces.png: one recipe at 64x64 in latents and in pixels, as many minutes each, and prints the figures.

    Measuring does not count. The latents' autoencoder was trained before; its minutes stand beside the curve.
    """
    card = zoo.card(str(shapes.NUMBERS.vae))
    in_pixels = replace(shapes_pixel.NUMBERS, name="shapes-pixel at 64x64", size=64)
    figure, axis = plt.subplots(figsize=(7, 3.4))
    for make, label, style in (
        (shapes.Recipe, f"in latents (autoencoder: {card.minutes:.0f} minutes before)", "o-"),
        (partial(shapes_pixel.Recipe, numbers=in_pixels), "in pixels", "s--"),
    ):
        curve = list(learning(make, minutes, every))
        print(label, " ".join(f"{at:.1f} min {right:.1%}" for at, right in curve), flush=True)
        axis.plot(*zip(*curve, strict=True), style, label=label)
    axis.set(xlabel="minutes of training", ylabel="prompts right in everything", ylim=(0, 1))
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.legend()
    figure.tight_layout()
    figure.savefig(FOLDER / "spaces.png", dpi=110)
    plt.close(figure)


def learning(
    make: Callable[[DeviceManager], TextToImageRecipe], minutes: float, every: float
) -> Iterator[tuple[float, float]]:
    """Trains for so many minutes; every so often these minutes, and the share of 256 prompts that are drawn right."""
    trial, recipe = make(DeviceManager()), make(DeviceManager())
    recipe.loss(0)  # what is made once is made before the clock runs
    seconds = sorted(step.seconds for step in list(train(trial.model, trial.loss, trial.plan(12)))[2:])[5]
    prompts, scenes = World(seed=1).prompts(256)
    spent = measured = 0.0
    plan = recipe.plan(int(60 * minutes / seconds))
    for step in train(recipe.model, recipe.loss, plan):
        spent += step.seconds / 60
        if spent - measured >= every or step.step == plan.steps:
            measured = spent
            images = recipe.pipeline(step.average)(prompts, seed=0, output_type="pt") * 2 - 1
            yield spent, faithfulness(images, scenes).all


if __name__ == "__main__":
    parts = {"world": world, "years": years, "model": model, "spaces": spaces}
    if unknown := [part for part in sys.argv[1:] if part not in parts]:
        sys.exit(f"The parts are {', '.join(parts)}; got {', '.join(unknown)}. Without any, all are drawn.")
    FOLDER.mkdir(exist_ok=True)
    for part in sys.argv[1:] or parts:
        parts[part]()
