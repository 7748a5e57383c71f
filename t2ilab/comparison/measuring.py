"""One model on the task: it draws, the judge reads, and a dozen figures come of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from t2ilab.comparison.entrant import Entrant
from t2ilab.comparison.judge import Judge
from t2ilab.comparison.task import EACH, Task
from t2ilab.data.layout import place_of
from t2ilab.data.scenes import Scene
from t2ilab.data.words import LEVELS
from t2ilab.metrics import Faithfulness, Reading, faithfulness, read
from t2ilab.metrics.heaps import alike, pair_coverage

TOGETHER = 32  # pictures drawn at a time, by all families
SEED = 10_000  # from which noise is counted, as in the recipes
MANY = 256  # pictures of a model that hears nothing, whose pairs are compared


@dataclass(frozen=True)
class Result:
    """The figures of one model; shares lie in [0, 1], and None is what a family cannot have.

    Attributes:
        name, family, hears, size, steps, parameters: of the model.
        faithfulness: share of pictures that show all that was asked.
        coverage: share of the pairs of thing and colour, of those that training may show, that occur.
        diversity: how different pictures of one vague prompt are, 1 for as different as in the world.
        precision, recall: share of its pictures that could be real, and of real ones that it could draw.
        fid, kid: distances to the world's pictures, by the features of `network`; lower is better.
        network: whose features these are.
        seconds: of drawing, a picture, in batches of 32.
        minutes: of training, by its cards; None where there is none.
        went_on: whether those minutes are a part, as a card tells of a run that went on from another.
    """

    name: str
    family: str
    hears: str
    size: int
    faithfulness: float | None
    coverage: float
    diversity: float | None
    precision: float
    recall: float
    fid: float
    kid: float
    network: str
    seconds: float
    parameters: int
    minutes: float | None
    went_on: bool
    steps: int


def measure(entrant: Entrant, task: Task, judge: Judge) -> Result:
    """All figures of one model, which draws. Raises and warns as `judged`; ValueError for a model of another level."""
    if entrant.level == "shapes" and task.level != "shapes":
        raise ValueError(f"{entrant.name} knows the shapes level only, and this task is of the {task.level}.")
    return judged(entrant, task, judge, *drawn(entrant, *task.asked))


def judged(entrant: Entrant, task: Task, judge: Judge, images: Tensor, seconds: float) -> Result:
    """All figures of one model, of what `drawn` gave for the task's prompts; pictures of the vague ones it draws now.

    Raises:
        ValueError: a model that does not draw what it should; features that are not finite.

    Warns:
        UserWarning: as `distances.frechet`, of too few pictures.
    """
    if entrant.hears == "nothing":
        reads, right = read(images, judge.reader), None
    else:
        found: Faithfulness = faithfulness(images, task.asked[1], judge.reader)
        reads, right = list(found.reads), found.all
    with torch.no_grad():
        real, fake = judge.features(task.real(entrant.size)), judge.features(images)
    figures = alike(real.cpu(), fake.cpu())
    return Result(
        name=entrant.name,
        family=entrant.family,
        hears=entrant.hears,
        size=entrant.size,
        faithfulness=right,
        coverage=pair_coverage(reads, task.level),
        diversity=_diversity_of(entrant, task, judge, reads),
        precision=figures["precision"],
        recall=figures["recall"],
        fid=figures["FID"],
        kid=figures["KID"],
        network=judge.network,
        seconds=seconds,
        parameters=entrant.parameters,
        minutes=entrant.minutes,
        went_on=entrant.went_on,
        steps=entrant.steps,
    )


def drawn(entrant: Entrant, prompts: Sequence[str], scenes: Sequence[Scene]) -> tuple[Tensor, float]:
    """Its pictures (B, 3, size, size) in [-1, 1], and the seconds a picture, after one that is not counted."""
    entrant.pictures(prompts[:1], scenes[:1], SEED)
    parts, begun = [], time.perf_counter()
    for i in range(0, len(prompts), TOGETHER):
        parts.append(entrant.pictures(prompts[i : i + TOGETHER], scenes[i : i + TOGETHER], SEED + i))
    return torch.cat(parts), (time.perf_counter() - begun) / len(prompts)


def diversity(groups: Sequence[Sequence[Reading | None]], level: str = "shapes") -> float:
    """How different the pictures of a group are in what was left open: places and surroundings.

    Of two pictures of a group, how often is the one or the other read as different (Simpson's index)? That share is
    divided by what it would be if all places, or all surroundings, came equally often; the mean of both is given.

    Args:
        groups: what was read in the pictures of one prompt each; None, for nothing, is left out.
        level: of the world.

    Returns:
        0 where all are alike, about 1 where they differ as in the world, which is the most; 0 where nothing is read.
    """
    shares = []
    for attribute, value in (("place", _place), ("background", lambda seen: seen.background)):
        values = [[value(seen) for seen in group if seen] for group in groups]
        pairs = [a != b for group in values for a, b in combinations(group, 2)]
        even = 1 - 1 / len(LEVELS[level][attribute])
        shares.append(min(1.0, sum(pairs) / max(1, len(pairs)) / even))
    return sum(shares) / len(shares)


def _place(seen: Reading) -> str:
    first = seen.things[0]
    return place_of(first.thing, first.size, first.x, first.y)


def _diversity_of(entrant: Entrant, task: Task, judge: Judge, reads: Sequence[Reading | None]) -> float | None:
    if entrant.hears == "labels":  # it has to be told all of them, and dice would say what is open
        return None
    if entrant.hears == "nothing":
        return diversity([reads[:MANY]], task.level)
    images, _ = drawn(entrant, *task.vague)
    reads = read(images, judge.reader)
    return diversity([reads[i : i + EACH] for i in range(0, len(reads), EACH)], task.level)
