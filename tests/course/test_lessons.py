"""Every solution at its full lesson budget: what it claims, the seconds it computes and the memory it needs.

Run by `make course`, on a quiet machine; not part of `make test`.
"""

import contextlib
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from t2ilab import authoring

SECONDS = 300
MEGABYTES = 1500
KILLED_AT = 2000  # megabytes, as Binder does
# What must be reached at the end of a lab, per cent of prompts or of overlap, or decibels, and the words around it.
CLAIMS = {
    "01_clip": (r"^One of [\d,]+ sentences, the right one: (\d+)%", 80),
    "05_ddpm": (r"^Right in everything: (\d+)%", 60),
    "07_latent_diffusion": (r"^From your autoencoder: (\d+)[.\d]* dB", 30),
    "08_text_to_image": (r"^Right in everything: (\d+)%", 70),
    "09_control": (r"^with your ControlNet +overlap 0\.(\d\d)", 60),
    "10_fine_tuning": (r"^Of the base's distance to the drawings, (\d+)% is gone", 80),
    "11_dalle2": (r"^your prior +right +(\d+)%", 85),
    "12_imagen": (r"^Right in everything: (\d+)%", 65),
    "13_gans": (r"^day to night: brought over (\d+)%", 90),
    "14_capstone": (r"^the world itself +(\d+)\.\d% of its pictures as asked", 98),
}


@contextlib.contextmanager
def limited(megabytes: float) -> Iterator[list[float]]:
    """Kills a kernel that this process starts once it holds so many megabytes, and gives all that it was seen to hold.

    What counts is resident memory, as on Binder. The system has no such limit for one process: RLIMIT_AS counts
    addresses, of which torch takes many more than it fills, and Linux heeds RLIMIT_RSS no longer.
    """
    stop, found = threading.Event(), [0.0]

    def watch() -> None:
        while not stop.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has just ended
                    if "ipykernel" in " ".join(child.cmdline()):
                        found.append(child.memory_info().rss / 1e6)
                        if found[-1] >= megabytes:
                            child.kill()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    except RuntimeError as error:
        if max(found) < megabytes:
            raise
        pytest.fail(f"The kernel held {max(found):.0f} MB and was killed, as from {megabytes:.0f} MB on: {error}")
    finally:
        stop.set()
        watcher.join()


@pytest.mark.parametrize("source", authoring.sources(), ids=lambda path: path.stem)
def test_a_lesson_keeps_its_claims(source, tmp_path, monkeypatch):
    monkeypatch.delenv("T2ILAB_BUDGET", raising=False)
    notebook = tmp_path / f"{source.stem}.ipynb"
    built = authoring.build(source)[source.with_suffix(".ipynb")]
    notebook.write_bytes(authoring.to_bytes(built))
    began = time.perf_counter()
    with limited(KILLED_AT) as found:
        authoring.execute(notebook)
    seconds = time.perf_counter() - began
    print(f"\n{source.stem}: {seconds:.0f} s, {max(found):.0f} MB", file=sys.stderr)
    cells = authoring.read_notebook(notebook).cells
    printed = "".join(o.get("text", "") for c in cells for o in c.get("outputs", []) if o.output_type == "stream")
    if source.stem in CLAIMS:
        pattern, least = CLAIMS[source.stem]
        match = re.search(pattern, printed, re.MULTILINE)
        assert match, f"the notebook prints no line like {pattern}"
        assert int(match[1]) >= least
    assert seconds <= SECONDS
    assert max(found) <= MEGABYTES


def test_there_are_lessons():
    assert [Path(source).stem for source in authoring.sources()]


def test_a_kernel_beyond_the_limit_is_killed_and_the_cell_is_named(tmp_path):
    code = "import time\nheld = b'1' * 600_000_000\ntime.sleep(60)"
    cells = [nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell(code, id="greedy")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "greedy.ipynb")
    with (
        pytest.raises(pytest.fail.Exception, match=r"held \d+ MB and was killed, as from 400 MB on: .* in cell greedy"),
        limited(400),
    ):
        authoring.execute(tmp_path / "greedy.ipynb")
