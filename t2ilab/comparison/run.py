"""Several models on one task, one after the other; what cannot be compared is said, and the others go on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from t2ilab.comparison.entrant import Entrant
from t2ilab.comparison.families import USUAL, Family, NotThereYet, find, opened
from t2ilab.comparison.families.world import the_world
from t2ilab.comparison.judge import Judge
from t2ilab.comparison.measuring import Result, measure
from t2ilab.comparison.task import Task
from t2ilab.device import DeviceManager
from t2ilab.zoo import Card

STEPS = 20


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Attributes:
        task, network: what was asked, and whose features the distances are of.
        instruments: the judge's fingerprint.
        machine: where it was measured, and why there.
        results: of the models, and first of the world itself where it was asked for.
        cards: of the models with cards, by name; fingerprints: likewise, of their weights.
        remarks: sentences on what was left out, and on what the figures are worth.
        failed: name -> why a model that is there could not be compared.
    """

    task: Task
    network: str
    instruments: str
    machine: str
    results: tuple[Result, ...]
    cards: dict[str, tuple[Card, ...]]
    fingerprints: dict[str, str]
    remarks: tuple[str, ...]
    failed: dict[str, str]


def compare(
    models: Sequence[str | Entrant] = (),
    task: Task | None = None,
    judge: Judge | None = None,
    steps: int = STEPS,
    device: str | None = None,
    world: bool = True,
    watch: Callable[[Result], None] | None = None,
) -> Comparison:
    """Measures models on the same prompts.

    Args:
        models: names of the zoo ("unclip-shapes" and "cascade-shapes" are put together of their parts), folders, ids of
            the hub, or entrants; by default all families at the task's level. What is not in the zoo yet is left out.
        task, judge: by default `Task()` and the zoo's reader.
        steps: of every model of diffusion; a cascade takes half of them where it enlarges.
        device: as for `DeviceManager`.
        world: whether the world itself is measured first, as if it were a model.
        watch: called with each result as it comes.

    Raises:
        ValueError: an unknown name, steps out of range, or nothing that could be compared.
        OSError: a folder whose files are not those of its card.
    """
    task = task or Task()
    if not 1 <= steps <= 1000:
        raise ValueError(f"steps lies in 1 to 1,000; got {steps}. {STEPS} is usual.")
    if len({_name(model) for model in models}) < len(models):
        raise ValueError(f"Each model takes part once; got {', '.join(_name(model) for model in models)}.")
    remarks, found = [], dict[str, tuple[Family, tuple[Card, ...]] | Entrant]()
    for model in models or USUAL[task.level]:
        try:
            found[_name(model)] = model if isinstance(model, Entrant) else find(model)
        except NotThereYet as error:
            remarks.append(str(error))
    if not found:
        raise ValueError(f"Nothing can be compared. {' '.join(remarks)}")
    judge = judge or Judge.of(device=device)
    results, failed = list[Result](), dict[str, Exception]()
    cards, fingerprints = dict[str, tuple[Card, ...]](), dict[str, str]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        todo: list[tuple[str, tuple[Family, tuple[Card, ...]] | Entrant]] = list(found.items())
        if world:
            todo.insert(0, ("", the_world()))
        for name, what in todo:
            try:
                entrant = what if isinstance(what, Entrant) else opened(name, *what, device, steps)
                results.append(measure(entrant, task, judge))
            except (ValueError, OSError, RuntimeError) as error:
                failed[name or "the world itself"] = error
                continue
            if name:
                cards[name], fingerprints[name] = entrant.cards, entrant.fingerprint
            if watch:
                watch(results[-1])
    said = dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning)
    manager = DeviceManager(device)
    machine = f"{manager.reason.rstrip('.')}. torch {torch.__version__}"
    if not cards:
        raise next(iter(failed.values()))
    return Comparison(
        task,
        judge.network,
        judge.fingerprint,
        machine,
        tuple(results),
        cards,
        fingerprints,
        (*remarks, *said),
        {name: str(error) for name, error in failed.items()},
    )


def _name(model: str | Entrant) -> str:
    return model.name if isinstance(model, Entrant) else str(model)
