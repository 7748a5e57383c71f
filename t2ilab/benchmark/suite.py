"""The suite: every row by its name, run one after the other; what cannot be measured says why, and the rest goes on."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial

import torch

from t2ilab.benchmark import (
    autoencoder,
    clips,
    faithfulness,
    from_scratch,
    full_size,
    gpu,
    notebooks,
    recognition,
    sampling,
    shares,
    starting,
    unets,
)
from t2ilab.benchmark.contest import Contest
from t2ilab.benchmark.row import Row

CONTESTS: dict[str, Callable[[bool], Contest]] = {
    "unet-training": partial(unets.training, "unet-training", unets.SMALL),
    "unet-training-wide": partial(unets.training, "unet-training-wide", unets.LARGE),
    "from-scratch": from_scratch.contest,
    "sampling": partial(sampling.sampling, "sampling", sampling.SMALL),
    "sampling-wide": partial(sampling.sampling, "sampling-wide", sampling.LARGE),
    "vae-encode": autoencoder.encoding,
    "vae-decode": autoencoder.decoding,
    "clip-training": partial(clips.training, "clip-training", clips.SMALL),
    "clip-training-wide": partial(clips.training, "clip-training-wide", clips.LARGE),
    "gpu-training": partial(unets.training, "gpu-training", unets.PUBLISHED),
    "gpu-training-compiled": partial(unets.training, "gpu-training-compiled", unets.PUBLISHED, compiled=True),
    "gpu-sampling": partial(sampling.sampling, "gpu-sampling", sampling.PUBLISHED),
    "gpu-sampling-compiled": partial(sampling.sampling, "gpu-sampling-compiled", sampling.PUBLISHED, compiled=True),
}
SINGLE: dict[str, Callable[[bool], Row]] = {
    "data": shares.data,
    "peak-float32": partial(shares.peak, torch.float32),
    "peak-bfloat16": partial(shares.peak, torch.bfloat16),
    "peak-layers": shares.layers,
    "samplers": shares.samplers,
    "embed-pictures": partial(recognition.embedding, "pictures"),
    "embed-captions": partial(recognition.embedding, "captions"),
    "search": recognition.search,
    "import": starting.importing,
    "help": starting.help_,
    "generate": starting.generating,
    "gpu-peak": lambda quick: gpu.peak("gpu-peak"),
    "gpu-peak-compiled": lambda quick: gpu.peak("gpu-peak-compiled", compiled=True),
}
FULL_SIZE = tuple(f"full-{case}" for case in full_size.CASES)
FAITHFULNESS = "faithfulness"
# In the order of the table: what CUDA alone can do comes last, and what takes long only when it is asked for.
USUAL = tuple(sorted([*CONTESTS, *SINGLE], key=lambda name: name.startswith("gpu-")))
NAMES = (*USUAL, *FULL_SIZE, *notebooks.NAMES, FAITHFULNESS)
PACKAGES = {"open_clip": "open_clip_torch"}  # where a library's package has another name


def chosen(
    only: Sequence[str] = (),
    quick: bool = False,
    with_full_size: bool = False,
    minutes: float = 0.0,
    with_notebooks: bool = False,
) -> list[str]:
    """The rows that are asked for, in the table's order.

    Raises:
        ValueError: a name that is none, with the nearest; minutes that are negative, or the row of faithfulness without
            them; or a trial run of published networks at their full size.
    """
    if not 0 <= minutes < math.inf:
        raise ValueError(f"--minutes, of training for each side, is a positive number; got {minutes:g}. 10 is usual.")
    for name in only:
        if name not in NAMES:
            near = get_close_matches(name, NAMES, 3, 0.4) or NAMES
            raise ValueError(f"There is no row {name!r}; the nearest: {', '.join(near)}.")
    if FAITHFULNESS in only and not minutes:
        raise ValueError(f"The row {FAITHFULNESS} trains both sides; say how long with --minutes 10.")
    asked = set(only or USUAL) | set(FULL_SIZE if with_full_size else ()) | set([FAITHFULNESS] if minutes else ())
    asked |= set(notebooks.NAMES if with_notebooks else ())
    if quick and (large := sorted(asked & set(FULL_SIZE))):
        raise ValueError(f"--quick makes everything tiny, and {large[0]} is of its full size; leave one of them out.")
    return [name for name in NAMES if name in asked]


def run(
    names: Sequence[str], quick: bool = False, minutes: float = 0.0, watch: Callable[[Row], None] | None = None
) -> list[Row]:
    """Measures these rows.

    Args:
        names: as `chosen` gives them.
        quick: tiny sizes and budgets, few turns: whether everything runs, and no figure to quote.
        minutes: of training for each side of the row of faithfulness.
        watch: called with each row as it comes.
    """
    rows = []
    for name in names:
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of others' libraries, about themselves
            rows.append(_measured(name, quick, minutes))
        if watch:
            watch(rows[-1])
    return rows


def _measured(name: str, quick: bool, minutes: float) -> Row:
    if name.startswith("gpu-") and not gpu.there():
        return Row(name, missing=gpu.ONLY)
    try:
        if name in CONTESTS:
            return CONTESTS[name](quick).held(quick)
        if name in SINGLE:
            return SINGLE[name](quick)
        if name in notebooks.NAMES:
            return notebooks.row(name, quick)
        if name == FAITHFULNESS:
            return faithfulness.row(minutes)
        return full_size.row(name.removeprefix("full-"))
    except ImportError as error:
        if not error.name:  # it says itself what to install
            return Row(name, missing=str(error))
        library = error.name.partition(".")[0]
        return Row(name, missing=f"it needs {library}; pip install {PACKAGES.get(library, library)}.")
    except (RuntimeError, OSError) as error:
        return Row(name, missing=str(error), failed=True)
