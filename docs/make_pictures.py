"""Draws the pictures of the README with the zoo's model: `make pictures`. No seed is picked; they count from 0."""

from pathlib import Path

import matplotlib.pyplot as plt
import matplotlib_fontja  # noqa: F401 (a font that has Japanese)

from t2ilab.data.render import World
from t2ilab.images import grid, to_pil
from t2ilab.output import Frames, enlarged
from t2ilab.pipelines.text_to_image import TextToImage

FOLDER = Path(__file__).parent / "pictures"
PROMPTS = [
    "a big red star on a dark background",
    "a small blue circle at the top left on a light background",
    "a big green heart in the center on a light background",
    "a big yellow ring at the bottom on a dark background",
    "暗い背景の左上に大きな赤い星",
    "明るい背景の中央に大きな紫の四角",
]


def main() -> None:
    """Writes prompts.png, denoising.gif and sheet.png."""
    FOLDER.mkdir(exist_ok=True)
    pipe = TextToImage.from_pretrained("shapes-pixel")

    figure, axes = plt.subplots(1, len(PROMPTS), figsize=(11, 2.5))
    for axis, picture, prompt in zip(axes, pipe(PROMPTS, seed=0), PROMPTS, strict=True):
        axis.imshow(picture, interpolation="nearest")
        words = (
            prompt.replace(" at ", "\nat ").replace(" on ", "\non ").replace(" in ", "\nin ").replace("の", "の\n", 1)
        )
        axis.set_title(words, fontsize=8)
        axis.axis("off")
    figure.tight_layout(pad=0.5)
    figure.savefig(FOLDER / "prompts.png", dpi=110)
    plt.close(figure)

    frames = Frames()
    last = pipe(PROMPTS[:1], seed=0, callback=frames)
    frames.save(FOLDER / "denoising.gif", last, 6)

    prompts, _ = World(seed=1).prompts(16)
    sheet = grid(pipe(prompts, seed=0, output_type="pt") * 2 - 1, columns=8)
    enlarged(to_pil(sheet[None])[0], 3).save(FOLDER / "sheet.png")


if __name__ == "__main__":
    main()
