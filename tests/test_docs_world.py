"""What docs/world.md teaches: its captions are read alike in both languages, and its code runs."""

import re
from pathlib import Path

import pytest
import torch

from t2ilab.data import geometry
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.things.figure import Figure, Paint
from t2ilab.data.understanding import understand
from t2ilab.data.words import ALL_COLORS, COLORS, DRAWN, PLAIN, SHAPES, SURROUNDINGS, THINGS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "world.md").read_text(encoding="utf-8")
TABLE = re.search(r"\| \| English \| Japanese \|\n\|.*\n((?:\|.*\n)+)", PAGE)[1]
ROWS = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in TABLE.splitlines()]
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("kind", "english", "japanese"), ROWS, ids=[row[0] for row in ROWS])
def test_both_languages_of_an_example_are_one_scene(kind, english, japanese):
    scene, unknown = understand(english)
    assert (scene, unknown) == understand(japanese)
    assert unknown == []
    assert scene.thing
    complete(scene)


def test_the_examples_go_through_all_that_can_be_said():
    said = {a.split()[-1] for _, english, _ in ROWS for a in understand(english)[0].asked()}
    assert said == {"thing", "color", "accent", "size", "place", "background", "relation"}


def test_the_numbers_of_the_page_are_those_of_the_tables():
    assert (len(SHAPES), len(DRAWN), len(THINGS), len(COLORS), len(ALL_COLORS)) == (8, 28, 36, 8, 11)
    assert (len(PLAIN), len(SURROUNDINGS)) == (2, 8)
    for words in ("8 plain shapes", "36: those, and 28 drawn things", "| 8 | 11, and two", "8: those, day"):
        assert words in PAGE


def test_the_code_for_a_caption_runs(capsys):
    space = {}
    exec(BLOCKS[0], space)
    assert space["image"].shape == (1, 3, 64, 64)
    assert understand(capsys.readouterr().out)[0] == understand("a robot in a boat at sea")[0]
    assert space["scene"] == Scene("robot", background="sea", relation="in", other=Scene("boat"))


def test_the_thing_that_is_added_fills_its_circle():
    space = vars(geometry) | {"Figure": Figure, "Paint": Paint}
    exec(BLOCKS[1], space)
    axis = torch.linspace(-1.5, 1.5, 61)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    figure = space["balloon"](torch.stack([x, y], dim=-1))
    inside = torch.stack([distance for _, distance in figure]).amin(0) < 0
    assert 0.1 < inside.float().mean() < 0.3
    assert not inside[torch.hypot(x, y) > 1.1].any()


def test_the_code_for_monsters_runs(capsys):
    space = {}
    exec(BLOCKS[2], space)
    assert space["image"].shape == (1, 3, 128, 128)
    assert (len(space["new"]), len(space["five"])) == (52, 5)
    assert "a drawing of a grey and light blue monster 灰色と水色のモンスターの絵" in capsys.readouterr().out
