"""What of a notebook is run for an exercise, and what is left alone."""

import ast
from pathlib import Path

import pytest
from grading_class import LABS

from t2ilab.grading.extract import programs
from t2ilab.grading.submissions import code_cells
from t2ilab.lab import bank

ROOT = Path(__file__).resolve().parents[1]
ADD = "def add(x):\n    return x + one"


def program(*cells, name="add"):
    (found,) = programs(dict(enumerate(cells, 1)), [name])
    return found


def lines(*cells, name="add"):
    """The statements that are run, one line each."""
    found = program(*cells, name=name)
    assert found.state == "attempted", found
    trees = {number: ast.parse(cell) for number, cell in found.cells.items()}
    return [ast.unparse(trees[cell].body[place]).split("\n")[0] for cell, place in found.run]


def test_only_what_the_definition_reads_is_run():
    assert lines("train(); one = 1\nprint(one)\ntwo = 2", "import torch", ADD, "add(3)") == ["one = 1", "def add(x):"]


def test_local_names_are_no_reason():
    inside = "def add(x, loss=None):\n    noise = x\n    return [t for t in noise] + (lambda y: y)(noise)"
    assert lines("loss = train()", "noise = draw()", "t = 3; y = 4; x = 5", inside) == ["def add(x, loss=None):"]


def test_helpers_constants_and_imports_come_along_in_order():
    cells = (
        "from math import pi, tau\nimport torch.nn.functional as F, os",
        "SCALE = 2 * pi",
        "class Helper:\n    factor = SCALE\n    def apply(self, x):\n        return F.silu(x) * helper2(x)",
        "def helper2(x):\n    return x",
        "@exercise('add')\ndef add(x):\n    def inner():\n        return Helper().apply(x)\n    return inner()",
    )
    assert lines(*cells) == [
        "from math import pi, tau", "import torch.nn.functional as F, os", "SCALE = 2 * pi", "class Helper:",
        "def helper2(x):", "@exercise('add')",
    ]  # fmt: skip
    found = program(*cells)
    assert {"pi", "F", "exercise", "Helper", "SCALE"} <= found.names
    assert not {"tau", "os"} & found.names
    assert found.reads == {"exercise", "Helper"}


def test_stars_come_along_and_neighbours_do_not():
    cells = ("from math import *", "one, two = 1, 2", "two = train()", ADD)
    assert lines(*cells) == ["from math import *", "one, two = (1, 2)", "def add(x):"]


def test_tables_that_are_filled_later_are_whole():
    filling = ["one = {}", "one['a'] = 1", "one.update(b=2)", "for i in range(3):\n    one[i] = i", "one |= {4: 4}"]
    other = ["two['one'] = 3", "print(one)", "torch.manual_seed(0)"]
    assert lines("import torch", *filling, *other, ADD) == [
        "one = {}", "one['a'] = 1", "one.update(b=2)", "for i in range(3):", "one |= {4: 4}", "def add(x):"
    ]  # fmt: skip


def test_what_is_done_to_a_library_is_not_done_here():
    wrong = "import torch\ntorch.allclose = lambda *a: True\ntorch.manual_seed(0)"
    assert lines(wrong, "def add(x):\n    return torch.add(x, 1)") == ["import torch", "def add(x):"]


def test_conditions_and_attempts_that_bind_a_name_are_run():
    cells = ("try:\n    import fast\nexcept ImportError:\n    fast = None", "if fast:\n    one = 1\nelse:\n    one = 2")
    assert lines(*cells, ADD) == ["try:", "if fast:", "def add(x):"]


def test_the_last_of_two_definitions_counts():
    blank = "def add(x):\n    raise NotImplementedError"
    assert program(blank, ADD).state == "attempted"
    assert program(ADD, blank).state == "blank"
    assert lines(ADD, "add = cached(add)", "def cached(f):\n    return f")[-2:] == [
        "add = cached(add)",
        "def cached(f):",
    ]


@pytest.mark.parametrize(
    "blank",
    [
        'def add(x):\n    """Says."""\n    raise NotImplementedError("yours")  # here',
        "class add(nn.Module):\n    def __init__(self):\n        super().__init__()\n        raise NotImplementedError",
    ],
)
def test_a_blank_is_not_attempted_and_nothing_is_run(blank):
    found = program(blank)
    assert (found.state, found.run) == ("blank", ())


def test_a_deleted_exercise_is_missing():
    assert program("one = 1").state == program().state == "missing"


def test_a_cell_that_is_no_python_is_said_where_it_matters():
    found = program("one = 1", "def add(x:\n    return x")
    assert (found.state, found.problem) == (
        "broken", "Cell 2 is not Python: '(' was never closed (line 1: `def add(x:`)."
    )  # fmt: skip
    assert program("def other(:", ADD).state == "attempted"
    # The kernel, too, would have kept the definition of before.
    assert program(ADD, "def add(x:").state == "attempted"


@pytest.mark.parametrize(
    ("magic", "kept"),
    [
        ("%matplotlib inline\n", True),
        ("!pip install torch \\\n   diffusers\n", True),
        ("%%time\n", True),
        ("%%capture out\n", True),
        ("%%bash\n", False),
        ("%%writefile x.py\n", False),
        ("torch.nn?\n", True),
        ("files = !ls\n", True),
        ("%load_ext autoreload\n%autoreload 2\n", True),
    ],
)
def test_magics_and_shell_escapes_do_no_harm(magic, kept):
    found = program(magic + ADD)
    assert found.state == ("attempted" if kept else "missing")
    if kept:
        tree = ast.parse(found.cells[1])
        assert tree.body[-1].lineno == magic.count("\n") + 1  # an error names the line that the student sees


def test_magics_inside_definitions_are_skipped_and_timed_lines_run():
    inside = "def add(x):\n    !nvidia-smi\n    files = !ls\n    %time y = x + 1\n    return y"
    found = program(inside)
    namespace = {}
    exec(found.cells[1], namespace)
    assert namespace["add"](1) == 2


def test_percent_in_plain_python_is_no_magic():
    inside = "def add(x):\n    return (x\n        % 5)"
    assert program(inside).cells[1] == inside


@pytest.mark.parametrize(
    "hostile",
    [
        "x = " + "+".join("1" * 9000),
        "x = " + "-" * 50_000 + "1",
        "(" * 300,
        "if a:\n pass\n" + "elif b:\n pass\n" * 5000,
        "x = '\ud800'",
        "x = 1\0",
        " " * 100_000,
        "%a\n" + "a" * 50_000 + "?",
    ],
    ids=["sum", "minus", "brackets", "elif", "surrogate", "null", "spaces", "question"],
)
def test_code_that_no_parser_likes_costs_its_own_cell(hostile):
    assert program(hostile, "one = 1", ADD).state == "attempted"


def test_a_long_chain_of_names_is_followed_in_time():
    chain = "a0 = 0\n" + "".join(f"a{i + 1} = a{i} + 1\n" for i in range(2000)) + "one = a2000"
    assert len(lines(chain, ADD)) == 2003


@pytest.mark.parametrize("lab", LABS)
def test_of_a_solution_no_training_is_run_and_of_a_lab_nothing(lab):
    cells = code_cells((ROOT / f"solutions/{lab}.ipynb").read_bytes(), lab)
    for found in programs(cells, bank.names(lab)):
        assert found.state == "attempted"
        for cell, place in found.run:
            text = ast.unparse(ast.parse(found.cells[cell]).body[place])
            assert "exercise(" in text or "import" in text, text
    blank = code_cells((ROOT / f"labs/ja/{lab}.ipynb").read_bytes(), lab)
    assert {found.state for found in programs(blank, bank.names(lab))} == {"blank"}
