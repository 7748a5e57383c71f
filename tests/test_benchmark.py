"""The suite itself: fair turns, honest outcomes, missing rows, the table and its file. No speed is asserted."""

import gc
import itertools
import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from t2ilab.benchmark import contest, gpu, memory, report, suite, timing
from t2ilab.benchmark.contest import Contest
from t2ilab.benchmark.row import Row


def test_turns_go_forth_and_back_with_the_collector_off():
    order, collecting = [], []

    def call(name):
        def turn():
            order.append(name)
            collecting.append(gc.isenabled())
            return name + str(len(order))

        return turn

    found = timing.by_turns([call("a"), call("b")], rounds=3)
    assert "".join(order) == "abbaabba"
    assert found == [["a4", "a5", "a8"], ["b3", "b6", "b7"]]  # the first round is thrown away
    assert collecting == [False] * 8
    assert gc.isenabled()


def test_the_collector_comes_back_after_a_fault():
    with pytest.raises(ZeroDivisionError):
        timing.by_turns([lambda: 1 / 0], 1)
    assert gc.isenabled()


def test_quartiles_are_those_of_numpy():
    import numpy as np

    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    assert timing.quartiles(values) == pytest.approx(tuple(np.percentile(values, [25, 75])))
    assert timing.quartiles(values[:3]) is None


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the turns move."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def slow(clock, seconds, outcome):
    """What makes a side whose turns last so long."""

    def turn():
        clock[0] += seconds
        return torch.tensor(outcome)

    return lambda: turn


def test_a_ratio_says_how_many_times_as_fast_ours_is(clock):
    race = Contest("a", "ours with theirs", "one", slow(clock, 2.0, [1.0]), slow(clock, 3.0, [1.0]), 1e-4, rounds=5)
    row = race.held(quick=True)
    assert (row.ours, row.theirs, row.ratio, row.spread) == (2.0, 3.0, 1.5, (1.5, 1.5))
    assert row.memory is None


def test_a_machine_that_slows_down_changes_no_ratio(clock):
    slower = iter([1.0, 1.0, 5.0, 5.0, 9.0, 9.0, 2.0, 2.0, 7.0, 7.0])  # the first round warms up

    def side(seconds):
        def turn():
            clock[0] += seconds * next(slower)
            return torch.ones(1)

        return lambda: turn

    row = Contest("a", "", "", side(2.0), side(3.0), None, rounds=4).held(quick=True)
    assert row.ratio == pytest.approx(1.5)


@pytest.mark.parametrize("wrong", [1.001, float("nan")])
def test_sides_that_do_other_work_are_refused(clock, wrong):
    race = Contest("a", "", "", slow(clock, 1.0, [2.0, 1.0]), slow(clock, 1.0, [2.0, wrong]), 1e-4)
    with pytest.raises(RuntimeError, match=r"a: both sides must come to the same; they differ by (5\.0e-04|nan)"):
        race.held(quick=True)
    replace(race, tolerance=None).held(quick=True)


def test_as_many_turns_are_compared_as_it_says(clock):
    def side(*outcomes):
        following = iter([*outcomes, *[1.0] * 99])

        def turn():
            clock[0] += 1
            return torch.tensor([next(following)])

        return lambda: turn

    race = Contest("a", "", "", side(1.0, 2.0, 3.0), side(1.0, 2.0, 3.1), 1e-4, rounds=1)
    assert race.held(quick=True).name == "a"
    with pytest.raises(RuntimeError, match=r"differ by 3\.2e-02"):
        replace(race, ours=side(1.0, 2.0, 3.0), theirs=side(1.0, 2.0, 3.1), checked=3).held(quick=True)


def test_memory_is_what_a_call_takes():
    """In a process of its own: one that has freed as much before may take it from there, and nothing is seen."""
    program = """
import json, numpy as np
from t2ilab.benchmark import memory
from t2ilab.device import DeviceManager
cpu = DeviceManager("cpu")
took = memory.beyond(lambda: np.ones(60_000_000 // 8).sum(), cpu)
print(json.dumps({"took": took, "nothing": memory.beyond(lambda: None, cpu)}))
"""
    answer = memory.answer_of([sys.executable, "-c", program])
    assert answer["took"] >= 50
    if sys.platform == "linux":  # where an old peak is forgotten
        assert answer["nothing"] < 20


def test_a_process_that_fails_is_quoted():
    with pytest.raises(RuntimeError, match="ended with 3: so it ends"):
        memory.answer_of([sys.executable, "-c", "import sys; print('so it ends', file=sys.stderr); sys.exit(3)"])


def test_the_launcher_counts_its_child_alone():
    held = bytearray(300_000_000)  # which Linux would count to a child of this process
    program = "x = bytearray(60_000_000); import time; time.sleep(0.2)"
    answer = memory.answer_of([sys.executable, "-m", "t2ilab.benchmark.launcher", sys.executable, "-c", program])
    assert answer["seconds"] >= 0.2
    assert sys.platform == "win32" or 60 <= answer["megabytes"] < 200
    assert len(held) == 300_000_000
    ended = subprocess.run(
        [sys.executable, "-m", "t2ilab.benchmark.launcher", sys.executable, "-c", "raise SystemExit(5)"],
        capture_output=True,
    )
    assert ended.returncode == 5


# ---- which rows ----------------------------------------------------------------------------------------------------


def test_what_takes_long_has_to_be_asked_for():
    assert suite.chosen() == list(suite.USUAL)
    assert not set(suite.chosen()) & {*suite.FULL_SIZE, *suite.notebooks.NAMES, "faithfulness"}
    assert suite.chosen(with_full_size=True) == [*suite.USUAL, *suite.FULL_SIZE]
    assert suite.chosen(["search", "data"]) == ["data", "search"]
    assert suite.chosen(["data"], minutes=0.5) == ["data", "faithfulness"]
    assert suite.chosen(["full-unet"]) == ["full-unet"]
    assert suite.chosen(["notebook-05"], quick=True) == ["notebook-05"]
    assert suite.chosen(["data"], with_notebooks=True) == ["data", *suite.notebooks.NAMES]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"only": ["unet-trainning"]}, "no row 'unet-trainning'; the nearest: unet-training"),
        ({"only": ["faithfulness"]}, "say how long with --minutes 10"),
        ({"minutes": -1.0}, "got -1"),
        ({"minutes": float("nan")}, "got nan"),
        ({"quick": True, "with_full_size": True}, "full-controlnet is of its full size"),
        ({"quick": True, "only": ["full-text"]}, "full-text is of its full size"),
    ],
)
def test_what_cannot_be_asked_for_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        suite.chosen(**arguments)


@pytest.mark.parametrize(
    ("name", "library", "how"),
    [
        ("unet-training", "diffusers", "it needs diffusers; pip install diffusers."),
        ("clip-training", "open_clip", "it needs open_clip; pip install open_clip_torch."),
        ("generate", "diffusers", "it needs diffusers; pip install diffusers."),
    ],
)
def test_without_a_library_the_row_says_how_to_get_it_and_the_rest_runs(name, library, how, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(suite.SINGLE, "data", lambda quick: Row("data", ours=1.0, theirs=2.0, ratio=0.5))
    missing, there = suite.run([name, "data"], quick=True)
    assert (missing.missing, missing.failed) == (how, False)
    assert there.ratio == 0.5


def test_without_the_tools_of_notebooks_the_row_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    (row,) = suite.run(["notebook-00"], quick=True)
    assert not row.failed
    assert row.missing.endswith('nbclient, which is not installed; get it with `pip install "t2ilab[test]"`.')


def test_a_fault_is_a_row_too(monkeypatch):
    def broken(quick):
        raise RuntimeError("They differ.")

    monkeypatch.setitem(suite.SINGLE, "data", broken)
    (row,) = suite.run(["data"])
    assert (row.missing, row.failed) == ("They differ.", True)


def test_without_cuda_its_rows_say_so(monkeypatch):
    monkeypatch.setattr(gpu, "there", lambda: False)
    names = [name for name in suite.NAMES if name.startswith("gpu-")]
    assert len(names) == 6
    assert {row.missing for row in suite.run(names)} == {"it needs an NVIDIA GPU with CUDA."}


# ---- the table -----------------------------------------------------------------------------------------------------

ROWS = [
    Row("unet-training", "Ours with theirs.", "small", "s", 0.1234, 0.2468, 2.0, False, (1.9, 2.1), (1234.5, 9.0)),
    Row("data", "Drawing.", "32 pictures", "s", 0.003, 0.1, 0.03, share=True),
    Row("peak-float32", "Reached.", "all", "GFLOP/s", 40.24, 123.4, 0.326, share=True),
    Row("notebook-05", "Its solution.", "all", "s", 123.4, memory=(1234.5, None)),
    Row("gpu-peak", missing="it needs an NVIDIA GPU with CUDA."),
]  # fmt: skip


def test_the_table():
    assert report.table(ROWS).splitlines() == [
        "row                    ours       theirs  ratio       quartiles  MB ours  MB theirs",
        "-" * 83,
        "unet-training        123 ms       247 ms  2.00x  1.90x to 2.10x    1,234          9",
        "data                   3 ms       100 ms   3.0%               -        -          -",
        "peak-float32   40.2 GFLOP/s  123 GFLOP/s  32.6%               -        -          -",
        "notebook-05           123 s            -      -               -    1,234          -",
        "gpu-peak                  -            -      -               -        -          -",
    ]


def test_a_row_in_short():
    assert [report.in_short(row) for row in ROWS] == ["2.00x", "3.0%", "32.6%", "123 s", "-"]


def test_the_notes_say_what_and_where():
    first, *_, last, where = report.notes(ROWS)
    assert first == "unet-training: Ours with theirs. small."
    assert last == "gpu-peak: not measured, it needs an NVIDIA GPU with CUDA."
    assert where.startswith("Measured on ")
    assert f"torch {torch.__version__.partition('+')[0]}" in where
    assert "its figures mean nothing" in report.notes(ROWS, quick=True)[0]


def test_the_file_holds_every_figure(tmp_path):
    report.save(ROWS, tmp_path / "bench.json", quick=True)
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert (found["format"], found["quick"]) == ("t2ilab bench 1", True)
    assert [row["name"] for row in found["rows"]] == [row.name for row in ROWS]
    assert found["rows"][0]["ours"] == 0.1234
    assert found["rows"][0]["memory"] == [1234.5, 9.0]
    assert found["rows"][3]["memory"] == [1234.5, None]
    assert found["rows"][4]["ratio"] is None


def test_every_name_is_one_row():
    assert len(set(suite.NAMES)) == len(suite.NAMES)
    assert not suite.CONTESTS.keys() & suite.SINGLE.keys()
    pairs = itertools.chain(((n, c(True).name) for n, c in suite.CONTESTS.items()))
    assert [(name, own) for name, own in pairs if name != own] == []


def test_both_sides_compute_in_float32_on_a_cpu(monkeypatch):
    monkeypatch.setenv("T2ILAB_DEVICE", "cpu")
    monkeypatch.setattr("t2ilab.device.cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr("t2ilab.device._bfloat16_speedup", lambda: 9.0)
    assert contest.own_device().dtype == torch.float32
