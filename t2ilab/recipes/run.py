"""Runs a recipe in a folder: steps, log, sheets of pictures, checkpoints, and at the end model and card."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import platform
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor, nn

from t2ilab import recipes, zoo
from t2ilab.device import DeviceManager
from t2ilab.files import read_json, write_json, written_beside
from t2ilab.images import grid, to_pil
from t2ilab.output import check_target
from t2ilab.training import processes
from t2ilab.training.adversarial import AdversarialPlan, AdversarialStep
from t2ilab.training.board import open_board
from t2ilab.training.compiling import works
from t2ilab.training.loop import Plan, Step, train

# Files of this room that recipes share.
NOT_RECIPES = {
    *("run", "text_to_image", "drawn", "latents", "recognition", "autoencoder", "towers", "control"),
    *("adversarial", "labelled", "finetuning", "examples", "monster_scores", "language", "stages", "priors"),
    *("growing", "sharded"),
}


class Recipe(Protocol):
    """What every recipe's file offers, as its class `Recipe`.

    Instead of `loss` it may have a loop of its own, `training(plan, checkpoint)`, as those of GANs do. Where
    there is a `goes_on(start)`, it is called in a run that began with a model, also when it goes on from a checkpoint.
    """

    model: nn.Module

    def start_from(self, start: str) -> None: ...
    def plan(self, steps: int) -> Plan | AdversarialPlan: ...
    def loss(self, step: int) -> Tensor: ...
    def measure(self, model: Any) -> dict[str, float]: ...
    def sheet(self, model: Any) -> Tensor | None: ...
    def save(self, model: Any, folder: Path) -> None: ...


def names() -> list[str]:
    """The recipes that there are, by the names of their models."""
    files = [m.name for m in pkgutil.iter_modules(recipes.__path__) if m.name not in NOT_RECIPES]
    return sorted(name.replace("_", "-") for name in files)


def find(name: str) -> ModuleType:
    """The file of a recipe. Raises ValueError for a name that is none; the sentence gives the nearest."""
    if name not in names():
        near = get_close_matches(name, names(), 3, 0.4) or names()
        raise ValueError(f"There is no recipe {name!r}; the nearest: {', '.join(near)}.")
    return importlib.import_module(f"t2ilab.recipes.{name.replace('-', '_')}")


class Run:
    """One training run in a folder of its own. Started again in the same folder, it goes on where it was.

    Of several processes (`processes.join`) each makes a run in the same folder, and the first one writes.

    Args:
        name: of the recipe.
        folder: holds checkpoint.safetensors, plan.json, log.jsonl, sheets/ and at the end model/.
        steps: how many; or
        minutes: as many as fit into these, by timing ten steps first. By default the recipe's own number.
        seed: of the weights, the data and the noise.
        device: where.
        start: a model of the zoo, or a folder, whose weights it begins with; None for random ones.
        changes: numbers of the recipe to be replaced, by their names, such as {"rank": 4}. A run that goes on keeps
            those that it began with.
        accumulate: in how many parts each batch is met, as in `Plan`; one by default.
        compile: whether torch.compile builds the networks; it changes the last bits, so a run that goes on keeps it.
        fsdp: whether the processes share out the model too, as in `Plan`; likewise.

    Raises:
        ValueError: an unknown recipe, a number that it does not have, a seed out of range, or steps and minutes that
            are not positive, or both; a recipe that cannot be met in parts, compiled or shared out.
        RuntimeError: torch.compile does not work here.
        OSError: a folder that cannot be written, or that holds another run.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        steps: int | None = None,
        minutes: float | None = None,
        seed: int = 0,
        device: DeviceManager | None = None,
        start: str | None = None,
        changes: Mapping[str, Any] | None = None,
        accumulate: int | None = None,
        compile: bool | None = None,
        fsdp: bool | None = None,
    ):
        module = find(name)
        if steps is not None and minutes is not None:
            raise ValueError(f"A run takes steps or minutes; got both, {steps} and {minutes}. Leave one of them out.")
        if (steps is not None and steps < 1) or (minutes is not None and not 0 < minutes < 1e6):
            got = minutes if steps is None else steps
            raise ValueError(f"A run needs at least one step or a positive number of minutes; got {got}.")
        if not 0 <= seed < 2**32:
            raise ValueError(f"A seed is a whole number from 0 to 2^32 - 1; got {seed}.")
        self.name, self.folder, self.seed, self.start = name, Path(folder), seed, start
        self.accumulate, self.compile, self.fsdp = accumulate, compile, fsdp
        if unknown := sorted((changes or {}).keys() - _numbers_of(module)):
            raise ValueError(f"The recipe {name} has no {', '.join(unknown)}; {_having(unknown[0])}.")
        self.device = device or DeviceManager(processes.own_device())
        if processes.count() > 1:  # whether half precision is faster, each might measure otherwise
            self.device.dtype = (torch.float32, torch.bfloat16)[processes.same(self.device.dtype == torch.bfloat16)]
        self.module, self.changes = module, dict(changes or {})
        self.writes = processes.rank() == 0
        settings = self.folder / "plan.json"
        there = bool(processes.same(settings.exists()))  # what the first process writes, the others may not have seen
        if there:
            steps = self._resume(read_json(settings), steps)
        if self.compile:
            works(self.device.device)
        if not there and self.writes:
            check_target(settings, (".json",))  # known before a minute is spent
        if steps is None:
            steps = module.STEPS if minutes is None else processes.same(self._steps_in(minutes))
        if self.writes:
            for leftover in [*self.folder.glob(".*.part"), *self.folder.glob(".tmp*")]:
                leftover.unlink()  # of a process that was killed while it wrote
        self.recipe = self._made()
        self.plan = self._plan(self.recipe, steps)
        if self.changes:
            self.plan = replace(self.plan, facts=self.plan.facts | {"changes": self.changes})
        if self.start:
            if not (self.folder / "checkpoint.safetensors").exists():
                self.recipe.start_from(self.start)
            if hasattr(self.recipe, "goes_on"):
                self.recipe.goes_on(self.start)
            facts = self.plan.facts | {"start": self.start}
            self.plan = replace(self.plan, learning_rate=self.plan.learning_rate / 2, facts=facts)  # to lose less of it
        if processes.count() > 1:
            if hasattr(self.recipe, "training"):
                raise ValueError(f"Two networks against each other train in one process; {name} was to in several.")
            self.plan = replace(self.plan, facts=self.plan.facts | {"processes": processes.count()})
        precision = {"device": self.device.device.type, "dtype": str(self.device.dtype).removeprefix("torch.")}
        if self.writes:
            write_json(settings, self.plan.facts | precision)

    def _resume(self, facts: Any, steps: int | None) -> int:
        """The steps of the run whose plan.json says `facts`; takes over its precision. Raises OSError for another."""
        if not (isinstance(facts, dict) and {"recipe", "seed", "steps"} <= facts.keys()):
            raise OSError(f"{self.folder} holds another run ({facts}). Choose another folder with -o, or delete it.")
        has: dict[str, Any] = {"start": None, "changes": {}, "accumulate": 1, "compile": False, "fsdp": False} | facts
        asked: dict[str, Any] = {
            "recipe": self.name,
            "seed": self.seed,
            "steps": steps,
            "start": self.start,
            "changes": self.changes,
        }
        asked |= {"accumulate": self.accumulate, "compile": self.compile, "fsdp": self.fsdp}
        others = [name for name, value in asked.items() if value not in (None, {}, has[name])]
        if others:
            theirs, ours = (", ".join(f"{name} {one[name]}" for name in others) for one in (has, asked))
            raise OSError(
                f"{self.folder} holds another run, with {theirs}; asked for: {ours}. Choose another folder with -o, or "
                "delete it."
            )
        had = facts.get("processes", 1)
        if had != processes.count():
            raise OSError(
                f"{self.folder} holds a run in {had} processes, and this is one in {processes.count()}. Go on with "
                f"--processes {had}, or choose another folder with -o."
            )
        self.start, self.changes, self.accumulate = has["start"], has["changes"], has["accumulate"]
        self.compile, self.fsdp = has["compile"], has["fsdp"]
        # Whether half precision is the faster one is measured, so the next process might find otherwise, and the run
        # would no longer be the same bit for bit.
        if facts.get("device") == self.device.device.type:
            self.device.dtype = getattr(torch, facts.get("dtype", ""), self.device.dtype)
        return facts["steps"]

    def _plan(self, recipe: Recipe, steps: int) -> Any:
        """The recipe's plan, with what is asked for beside it. Raises ValueError where these do not go together."""
        plan: Any = recipe.plan(steps)
        asked: dict[str, Any] = {"accumulate": self.accumulate} if self.accumulate not in (None, 1) else {}
        asked |= {name: True for name, is_so in (("compile", self.compile), ("fsdp", self.fsdp)) if is_so}
        if not asked:
            return plan
        if "accumulate" in asked and isinstance(plan, AdversarialPlan):
            raise ValueError(f"Two networks against each other look at whole batches; {self.name} was to at parts.")
        draws = isinstance(plan, AdversarialPlan) or hasattr(recipe, "wearing")  # with the networks that it trains
        if draws and (self.compile or self.fsdp):
            raise ValueError(f"{self.name} trains its networks as they are; leave --{[*asked][-1]} out.")
        if self.fsdp and processes.count() == 1:
            raise ValueError("--fsdp shares a model out among processes; got one. Add --processes 2, or leave it out.")
        compiler = "inductor" if self.compile else None
        more: dict[str, Any] = {"accumulate": self.accumulate or 1, "compiler": compiler, "fsdp": bool(self.fsdp)}
        return replace(plan, facts=plan.facts | asked, **more)

    def _made(self) -> Recipe:
        """The recipe, with what is changed of its numbers."""
        if not self.changes:
            return self.module.Recipe(self.device, self.seed)
        return self.module.Recipe(self.device, self.seed, replace(self.module.NUMBERS, **self.changes))

    def _steps_in(self, minutes: float) -> int:
        """How many steps fit, from the median of ten after two to warm up, on a model that is thrown away."""
        trial = self._made()
        seconds = sorted(step.seconds for step in list(_training(trial, self._plan(trial, 12)))[2:])
        return max(1, int(60 * minutes / seconds[len(seconds) // 2]))

    def steps(self, sheet_seconds: float = 60.0) -> Iterator[Step]:
        """Trains, logging each step and drawing a sheet every so often; yields after each step.

        A run that is complete yields its last step once more, so that it can be measured and saved again.

        Raises:
            FloatingPointError: training diverged.
            OSError: what is in the folder cannot be read, or the disk is full; the last checkpoint is kept.
        """
        log = self.folder / "log.jsonl"
        checkpoint = self.folder / "checkpoint.safetensors"
        kept = log.read_text(encoding="utf-8").splitlines() if log.exists() and checkpoint.exists() else []
        drawn = time.perf_counter()
        file, board = None, None
        try:
            for step in _training(self.recipe, self.plan, checkpoint):
                if not self.writes:
                    yield step
                    continue
                if math.isnan(step.loss):  # there was nothing left to do
                    yield replace(step, loss=json.loads(kept[-1])["loss"]) if kept else step
                    return
                if file is None:  # a resumed run may repeat steps that it had logged: the first lines stay
                    with written_beside(log) as beside:
                        beside.write_text("".join(f"{line}\n" for line in kept[: step.step - 1]), encoding="utf-8")
                    file = log.open("a", encoding="utf-8", buffering=1)  # a line at a time, to outlive a kill
                    board = open_board(self.folder / "tensorboard", step.step)
                row = {"step": step.step, "loss": round(step.loss, 6), "seconds": round(step.seconds, 4)}
                if isinstance(step, AdversarialStep):
                    row["judge_loss"] = round(step.judge_loss, 6)
                file.write(json.dumps(row) + "\n")
                if board:
                    board.note(row)
                if step.whole and time.perf_counter() - drawn > sheet_seconds:
                    self.draw(step)
                    drawn = time.perf_counter()
                yield step
        except OSError as error:
            if file is None:  # it did not begin, and the sentence says why
                raise
            reason = f"{error.strerror}." if error.strerror else error
            raise OSError(f"The run stopped: {reason} The last checkpoint is kept; start again to go on.") from error
        finally:
            if file:
                file.close()
            if board:
                board.close()

    def draw(self, step: Step) -> Path | None:
        """Saves the recipe's sheet of pictures as sheets/STEP.png, enlarged three times."""
        images = self.recipe.sheet(step.average)
        if images is None:
            return None
        path = self.folder / "sheets" / f"{step.step:06d}.png"
        with written_beside(path) as beside:
            sheet = to_pil(grid(images.cpu())[None])[0]
            sheet.resize((3 * sheet.width, 3 * sheet.height), 0).save(beside, "PNG")
        return path

    def log(self) -> list[dict[str, float]]:
        """Every logged step: {"step", "loss", "seconds"}."""
        path = self.folder / "log.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def finish(self, model: nn.Module) -> zoo.Card:
        """Measures the averaged model, and saves it with its card into model/."""
        scores = self.recipe.measure(model)
        folder = self.folder / "model"
        begun = f" --start {shlex.quote(self.start)}" if self.start else ""
        for name, value in self.changes.items():
            begun += f" --{name.replace('_', '-')}" + ("" if value is True else f" {shlex.quote(str(value))}")
        self.recipe.save(model, folder)
        card = zoo.Card(
            name=self.name,
            summary=str(self.module.__doc__).strip().splitlines()[0],
            command=f"t2ilab train {self.name} --steps {self.plan.steps} --seed {self.seed}" + begun,
            seed=self.seed,
            steps=self.plan.steps,
            minutes=round(sum(row["seconds"] for row in self.log()) / 60, 2),
            hardware=f"{platform.machine()}, {self.device.reason} torch {torch.__version__.split('+')[0]}",
            parameters=numbers_in(folder),
            scores={name: round(score, 4) for name, score in scores.items()},
            data=self.module.DATA,
            limits=self.module.LIMITS,
        )
        zoo.write_card(folder, card)
        return zoo.card_of(folder)


def _training(recipe: Any, plan: Any, checkpoint: Path | None = None) -> Iterator[Step]:
    """The recipe's own loop, where it has one, or that of a single loss."""
    if own := getattr(recipe, "training", None):
        return own(plan, checkpoint)
    return train(recipe.model, recipe.loss, plan, checkpoint)


def _numbers_of(module: ModuleType) -> set[str]:
    """The names of a recipe's numbers that may be changed: all but whole configurations."""
    numbers = getattr(module, "NUMBERS", None)
    return {f.name for f in fields(numbers) if not is_dataclass(getattr(numbers, f.name))} if numbers else set()


def _having(number: str) -> str:
    """Which recipes have a number of that name."""
    having = [name for name in names() if number in _numbers_of(find(name))]
    return f"these have it: {', '.join(having)}" if having else "no recipe has"


def numbers_in(folder: Path) -> int:
    """How many numbers the weights in a folder hold, an autoencoder that was trained before among them."""
    count = 0
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            count += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return count
