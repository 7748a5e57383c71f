"""Blanks: found, filled with their answers, and searched for in labs that should not hold them."""

import ast

import pytest
from authoring_lab import REFERENCES, built, double, edit, write_lab

from t2ilab import authoring


@pytest.fixture
def root(tmp_path):
    return write_lab(tmp_path)


@pytest.mark.parametrize(
    ("stub", "sentence"),
    [
        (
            "def double(x):\n    raise NotImplementedError",
            r"double is `\(x\)` in the lab and `\(x, times=2\)` in the bank",
        ),
        ("def double(x, times=3):\n    raise NotImplementedError", r"`\(x, times=3\)` in the lab"),
        ("def double(x, times=2):\n    return x", "but double has none"),
        ("def double(x, times=2): raise NotImplementedError", "on a line of its own, but in double it does not"),
        ("def triple(x, times=2):\n    raise NotImplementedError", "this one has no double"),
    ],
)
def test_a_stub_that_does_not_fit_its_reference(stub, sentence):
    with pytest.raises(ValueError, match=sentence):
        authoring.fill(stub, double)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("step(self, by=1)", "step(self)", r"Counter.step is `\(self\)` in the lab and `\(self, by=1\)` in the bank"),
        ("def given(self)", "def other(self)", r"Counter.other is `\(self\)` in the lab and `missing` in the bank"),
        (
            "class Counter:",
            "class Counter(dict):",
            r"Counter is `class \(dict\)` in the lab and `class \(\)` in the bank",
        ),
        ('@exercise("Counter")', '@exercise("double")', "double stands over Counter"),
        ('@exercise("Counter")', '@exercise("Counter")\n!ls', "plain Python"),
    ],
)
def test_building_names_the_blank_that_does_not_fit(root, old, new, sentence):
    edit(root, old, new)
    with pytest.raises(ValueError, match=sentence):
        built(root, "solutions")


def test_partial_code_stays_and_indentation_follows_the_stub():
    stub = "def double(x, times=2):\n  # two lines\n  values = []\n  raise NotImplementedError('here')\n\n\nafter = 1"
    filled = authoring.fill(stub, double)
    assert filled.startswith("def double(x, times=2):\n  # two lines\n  values = []\n  # adding is what")
    assert filled.endswith("\n\n  return total  # 2 x\n\n\nafter = 1")
    ast.parse(filled)


def commented(x):
    # what comes first
    values = []
    # then this
    return [*values, x, x, x, x, x, x, x]  # seven
    # and a last word


def test_comments_come_along_and_shown_statements_do_not():
    stub = "def commented(x):\n    raise NotImplementedError"
    assert authoring.fill(stub, commented) == (
        "def commented(x):\n    # what comes first\n    values = []\n    # then this\n"
        "    return [*values, x, x, x, x, x, x, x]  # seven\n    # and a last word"
    )
    stub = 'def commented(x):\n    """Doc."""\n    values = []\n    raise NotImplementedError'
    assert authoring.fill(stub, commented) == (
        'def commented(x):\n    """Doc."""\n    values = []\n    # then this\n'
        "    return [*values, x, x, x, x, x, x, x]  # seven\n    # and a last word"
    )


def test_exercises_are_found_however_they_are_marked():
    cell = '@exercise\ndef a(): ...\n@lab.exercise("b")\ndef b(): ...\n@exercise()\nclass C: ...\n@other\ndef d(): ...'
    assert [name for name, _ in authoring.exercises(cell)] == ["a", "b", "C"]


def test_a_blank_lab_leaks_nothing(root):
    assert authoring.leaks(built(root, "labs"), REFERENCES) == []


def test_a_solution_leaks_everything(root):
    found = authoring.leaks(built(root, "solutions"), REFERENCES)
    assert found == [
        f"Cell 01_tiny-00{i} gives {name} away: it has no `raise NotImplementedError`."
        for i, name in ((6, "double"), (7, "Counter"))
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("answer = sum( x for _ in range(times) ) + 1", "double"),
        ("# total = sum(x for _ in range(times))", "double"),
        ("self.count = self.count+by * 1", "Counter"),
    ],
)
def test_a_line_of_an_answer_elsewhere_is_a_leak(root, line, name):
    lab = built(root, "labs")
    lab.cells[-1].source += f"\n{line}"
    if name == "double":
        answer = "sum(xfor_inrange(times))"
        REFERENCE = {"double": one_line}
    else:
        answer, REFERENCE = "self.count=self.count+by*1", REFERENCES
    assert authoring.leaks(lab, REFERENCE) == [
        f"Cell 01_tiny-008 gives {name} away: it holds `{answer}` of the reference."
    ]


def one_line(x, times):
    return sum(x for _ in range(times))


def test_comments_hide_no_leak_and_short_lines_are_none(root):
    lab = built(root, "labs")
    lab.cells[-1].source += "\nvalues = []\ntotal = 3"
    assert authoring.leaks(lab, {"commented": commented} | REFERENCES) == []
    lab.cells[-1].source += "\nmine = [*values, x, x, x, x, x, x, x]"
    assert authoring.leaks(lab, {"commented": commented}) == [
        "Cell 01_tiny-008 gives commented away: it holds `[*values,x,x,x,x,x,x,x]` of the reference."
    ]


def test_what_the_prose_shows_is_no_leak(root):
    lab = built(root, "labs")
    lab.cells[-1].source += "\nself.count = self.count + by * 1"
    lab.cells[0].source += "\nThe step is `self.count = self.count + by * 1`."
    assert authoring.leaks(lab, REFERENCES) == []
