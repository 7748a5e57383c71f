"""Every solution at its full lesson budget: what it claims, the seconds it computes and the memory it needs.

Run by `make course`, on a quiet machine; not part of `make test`.
"""

import re
import sys
from pathlib import Path

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
    "12_imagen": (r"^Right in everything: (\d+)%", 70),
    "13_gans": (r"^day to night: brought over (\d+)%", 90),
    "14_capstone": (r"^the world itself +(\d+)\.\d% of its pictures as asked", 98),
}


@pytest.mark.parametrize("source", authoring.sources(), ids=lambda path: path.stem)
def test_a_lesson_keeps_its_claims(source, tmp_path):
    notebook = tmp_path / f"{source.stem}.ipynb"
    built = authoring.build(source)[source.with_suffix(".ipynb")]
    notebook.write_bytes(authoring.to_bytes(built))
    seconds, megabytes = authoring.execute_watched(notebook, KILLED_AT)
    print(f"\n{source.stem}: {seconds:.0f} s, {megabytes:.0f} MB", file=sys.stderr)
    cells = authoring.read_notebook(notebook).cells
    printed = "".join(o.get("text", "") for c in cells for o in c.get("outputs", []) if o.output_type == "stream")
    if source.stem in CLAIMS:
        pattern, least = CLAIMS[source.stem]
        match = re.search(pattern, printed, re.MULTILINE)
        assert match, f"the notebook prints no line like {pattern}"
        assert int(match[1]) >= least
    assert seconds <= SECONDS
    assert megabytes <= MEGABYTES


def test_there_are_lessons():
    assert [Path(source).stem for source in authoring.sources()]
