"""From nothing: what an import, the help and a first picture cost, in seconds and in memory of a fresh process."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from t2ilab import zoo
from t2ilab.benchmark.memory import answer_of
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.sampling import GUIDANCE, PROMPT
from t2ilab.benchmark.timing import by_turns, ratios

THEIR_PICTURE = """
import sys
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], local_files_only=True)
pipe.set_progress_bar_config(disable=True)
pipe(sys.argv[2], num_inference_steps=int(sys.argv[3]), guidance_scale=float(sys.argv[4])).images[0].save(sys.argv[5])
"""


def importing(quick: bool = False) -> Row:
    """`import t2ilab`, which loads no torch, beside what one imports to use diffusers."""
    return _row(
        "import",
        "A fresh Python's `import t2ilab` beside `from diffusers import StableDiffusionPipeline`.",
        ["-c", "import t2ilab"],
        ["-c", "from diffusers import StableDiffusionPipeline"],
        1 if quick else 4,
    )


def help_(quick: bool = False) -> Row:
    """The two commands' help."""
    theirs = ["-c", "import sys; sys.argv[1:] = ['--help']; from diffusers.commands.diffusers_cli import main; main()"]
    return _row(
        "help", "`t2ilab --help` beside `diffusers-cli --help`.", ["-m", "t2ilab", "--help"], theirs, 1 if quick else 4
    )


def generating(quick: bool = False) -> Row:
    """A picture on disk from a cold start, of the same folder."""
    steps = "2" if quick else "20"
    with tempfile.TemporaryDirectory() as folder:
        ours = ["-m", "t2ilab", "generate", PROMPT, "--model", "shapes", "--steps", steps, "--guidance", str(GUIDANCE),
                "-o", str(Path(folder) / "ours.png")]  # fmt: skip
        theirs = ["-c", THEIR_PICTURE, str(zoo.folder("shapes")), PROMPT, steps, str(GUIDANCE),
                  str(Path(folder) / "theirs.png")]  # fmt: skip
        return _row(
            "generate",
            "`t2ilab generate` cold, until the picture is on disk, beside a script that does so with diffusers.",
            ours,
            theirs,
            1 if quick else 4,
            f"the zoo's shapes, 64x64, {steps} steps",
        )


def _row(
    name: str, compared: str, ours: Sequence[str], theirs: Sequence[str], rounds: int, size: str = "a fresh process"
) -> Row:
    if find_spec("diffusers") is None:
        raise ModuleNotFoundError(name="diffusers")
    launcher = [sys.executable, "-m", "t2ilab.benchmark.launcher", sys.executable]
    calls = [lambda command=command: answer_of([*launcher, *command]) for command in (ours, theirs)]
    found = by_turns(calls, rounds, warm_up=0 if rounds == 1 else 1)
    seconds, memory = ([[run[key] for run in side] for side in found] for key in ("seconds", "megabytes"))
    mine, other = (statistics.median(side) for side in seconds)
    held = None if None in memory[0] else (max(memory[0]), max(memory[1]))
    ratio, spread = ratios(seconds[1], seconds[0])
    return Row(name, compared, size, "s", mine, other, ratio, spread=spread, memory=held)
