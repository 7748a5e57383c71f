"""A class's grades: every submission marked, in parallel, resumable; then the table, the feedback, the class page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from tqdm.auto import tqdm

from t2ilab.grading import feedback, table
from t2ilab.grading.journal import Journal
from t2ilab.grading.marking import Mark, Marker
from t2ilab.grading.sandbox import Limits, Sandbox
from t2ilab.grading.submissions import Submission, collect
from t2ilab.lab import bank
from t2ilab.lab.messages import language

_STACK = 16 * 2**20  # bytes of a thread's stack: hostile code is nested deeply, and Python reads it by recursion


def grade(
    submissions: str | Path,
    lab: str,
    output: str | Path = "grades.csv",
    pages: str | Path | None = None,
    *,
    policy: str | Path | None = None,
    overrides: str | Path | None = None,
    workers: int = 2,
    limits: Limits | None = None,
    unsafe: bool = False,
) -> table.Table:
    """Grades a class: writes the table to `output` and, if asked, a page for each student into `pages`.

    submissions: a folder or a zip; lab: such as "05_ddpm"; policy: a TOML file of points and late rules; overrides: a
    CSV of points that a human gave, `overrides.csv` beside the output by default. workers: notebooks at a time.
    Started again after it was stopped, it goes on where it was; unchanged notebooks are not run again.
    Returns the table. Raises ValueError for what is not there or not allowed.
    """
    exercises, output = bank.exercises(lab), Path(output)
    if output.suffix.lower() != ".csv":
        raise ValueError(f"Grades go into a file of the kind .csv, but you asked for {output.name!r}.")
    if workers < 1:
        raise ValueError(f"At least one notebook is graded at a time, but workers is {workers}.")
    rules = table.read_policy(Path(policy) if policy else None, exercises)
    given = Path(overrides) if overrides else output.with_name("overrides.csv")
    if overrides and not given.is_file():
        raise ValueError(f"There is no file of overrides {given}; name one that is there, or none.")
    limits = limits or Limits()
    handed_in, left_out = collect(submissions, lab, {name: bank.names(name) for name in bank.labs()})
    about = {"lab": lab, "language": language(), "limits": asdict(limits), "unsafe": unsafe}
    journal = Journal(output.with_name(f"{output.stem}.journal.jsonl"), about)
    waiting = list({one.digest: one for one in handed_in if not one.problem and one.digest not in journal}.values())
    if waiting:
        private = [Path(submissions), output.parent, *([Path(pages)] if pages else [])]
        with Sandbox(exercises, limits, private, unsafe) as sandbox:
            _mark_all(waiting, Marker(exercises, sandbox, journal.seed), journal, workers)
    marks = {one.digest: journal[one.digest] for one in handed_in if not one.problem}
    made = table.make(lab, exercises, handed_in, marks, rules, given, left_out)
    table.write(made, output)
    if pages:
        feedback.write(made, Path(pages))
    return made


def _mark_all(waiting: Sequence[Submission], marker: Marker, journal: Journal, workers: int) -> None:
    before = threading.stack_size(_STACK)
    pool = ThreadPoolExecutor(workers)
    try:
        running = {pool.submit(_marked, marker, one): one for one in waiting}
        for done in tqdm(as_completed(running), total=len(running), unit="notebook", disable=None):
            journal.add(running[done].digest, done.result())
    finally:
        pool.shutdown(cancel_futures=True)
        threading.stack_size(before)


def _marked(marker: Marker, submission: Submission) -> list[Mark]:
    return marker.mark(submission.cells)
