"""Notebooks from their source: a tiny lab with two exercises, built, compared, executed and searched for leaks."""

import ast
import copy
import json
import re
import sys
from types import SimpleNamespace

import nbformat
import pytest

from t2ilab import authoring
from t2ilab.authoring import running

SOURCE = '''# %% [markdown]
# # A tiny lab
# <!-- badges -->

# %% [markdown] tags=["ja"]
# # 小さな実習
# <!-- badges -->

# %% tags=["colab-install"]
# %pip install -q t2ilab

# %%
import math


def exercise(name):
    return lambda definition: definition


# %% [markdown]
# ## Exercise: double

# %% [markdown] tags=["ja"]
# ## 課題: 二倍

# %%
@exercise("double")
def double(x: float, times=2):
    """Twice x."""
    raise NotImplementedError


# %%
@exercise("Counter")
class Counter:
    """Counts."""

    def __init__(self, start):
        super().__init__()
        raise NotImplementedError  # yours

    def given(self):
        return self.count

    def step(self, by=1):
        """One step."""
        raise NotImplementedError


# %% tags=["nbval-ignore-output", "slow"]
print(double(3), math.pi)
'''


def double(x, times=2):
    """The reference's own words stay out."""
    # adding is what doubling means
    total = sum(x for _ in range(times))

    return total  # 2 x


class Counter:
    """The reference."""

    def __init__(self, start):
        super().__init__()
        # where it begins
        self.count = start

    def given(self):
        return self.count

    def step(self, by=1):
        self.count = self.count + by * 1
        return self.count


REFERENCES = {"double": double, "Counter": Counter}


def find(name):
    return SimpleNamespace(reference=REFERENCES[name])


@pytest.fixture
def root(tmp_path):
    """A repository with one source in it."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_tiny.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.t2ilab]\nrepository = "https://github.com/someone/course"\n')
    return tmp_path.resolve()


def built(root, place):
    return authoring.build(root / "solutions" / "01_tiny.py", find)[root / place / "01_tiny.ipynb"]


def edit(root, old, new):
    path = root / "solutions" / "01_tiny.py"
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# ---------------------------------------------------------------- what is built


def test_each_edition_has_its_language_and_the_same_code(root):
    for kind in ("labs", "solutions"):
        english, japanese = built(root, kind), built(root, f"{kind}/ja")
        assert code(english) == code(japanese)
        assert [cell.source.split("\n")[0] for cell in english.cells if cell.cell_type == "markdown"] == [
            "# A tiny lab",
            "## Exercise: double",
        ]
        assert [cell.source.split("\n")[0] for cell in japanese.cells if cell.cell_type == "markdown"] == [
            "# 小さな実習",
            "## 課題: 二倍",
        ]
        ids = [[cell.id for cell in edition.cells if cell.cell_type == "code"] for edition in (english, japanese)]
        assert ids[0] == ids[1] == [f"01_tiny-{i:03d}" for i in (2, 3, 6, 7, 8)]


def test_prose_without_a_translation_stays_in_both(root):
    edit(root, "# %%\nimport math", "# %% [markdown]\n# $x_0$\n\n# %%\nimport math")
    assert all("$x_0$" in [cell.source for cell in built(root, place).cells] for place in ("labs", "labs/ja"))


def test_labs_hold_blanks_and_solutions_hold_answers(root):
    lab, solution = code(built(root, "labs")), code(built(root, "solutions"))
    assert lab[2] == SOURCE.split("# %%\n")[2].strip()
    assert solution[2] == (
        '@exercise("double")\ndef double(x: float, times=2):\n    """Twice x."""\n'
        "    # adding is what doubling means\n    total = sum(x for _ in range(times))\n\n    return total  # 2 x"
    )
    assert "raise" not in solution[3]
    assert "    def __init__(self, start):\n        super().__init__()\n        # where it begins\n" in solution[3]
    assert solution[3].count("super().__init__()") == 1
    space: dict = {}
    exec("\n".join(solution[1:4]), space)
    counter = space["Counter"](4)
    assert (space["double"](3), counter.step(2), counter.given()) == (6, 6, 6)


def test_notebooks_are_clean_and_the_same_bytes_every_time(root):
    for path, notebook in authoring.build(root / "solutions" / "01_tiny.py", find).items():
        content = authoring.to_bytes(notebook)
        assert content == authoring.to_bytes(authoring.build(root / "solutions" / "01_tiny.py", find)[path])
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert content.endswith(b"}\n")
        assert not content.endswith(b"\n\n")
        assert {key for cell in notebook.cells for key in cell.metadata} == {"tags"}
        assert notebook.cells[-1].metadata == {"tags": ["nbval-ignore-output", "slow"]}
    japanese = authoring.to_bytes(built(root, "labs/ja"))
    assert "小さな実習".encode() in japanese
    assert b'"ja"' not in japanese


def test_magics_for_colab_come_alive(root):
    assert code(built(root, "labs"))[0] == "%pip install -q t2ilab"


@pytest.mark.parametrize(
    ("place", "links"),
    [
        ("labs", ["[日本語](ja/01_tiny.ipynb)"]),
        ("labs/ja", ["[English](../01_tiny.ipynb)"]),
        ("solutions", []),
        ("solutions/ja", []),
    ],
)
def test_badges_lead_to_this_very_notebook(root, place, links):
    header = built(root, place).cells[0].source
    quoted = f"{place}/01_tiny.ipynb".replace("/", "%2F")
    assert f"(https://colab.research.google.com/github/someone/course/blob/main/{place}/01_tiny.ipynb)" in header
    assert f"(https://mybinder.org/v2/gh/someone/course/HEAD?urlpath=lab%2Ftree%2F{quoted})" in header
    assert "[![Open in Colab](" in header
    assert re.findall(r"^\[[^!].*$", header, re.MULTILINE) == links
    assert "<!--" not in header


@pytest.mark.parametrize("address", ['"https://example.org/a/b"', '""', '"https://github.com/only"'])
def test_badges_need_an_address(root, address):
    (root / "pyproject.toml").write_text(f"[tool.t2ilab]\nrepository = {address}\n")
    with pytest.raises(
        ValueError, match=r"repository in pyproject.toml is .*write it as https://github.com/owner/name"
    ):
        built(root, "labs")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "# # A tiny lab\n# <!-- badges -->\n\n# %% [markdown]",
            '# # A\n\n# %% [markdown] tags=["ja"]\n# あ\n\n# %% [markdown]',
        ),
        ("# %% [markdown]\n# # A tiny lab\n# <!-- badges -->\n\n", ""),
        ("# %% [markdown]\n# ## Exercise: double\n\n", ""),
        ('# %% tags=["colab-install"]', '# %% tags=["ja"]'),
    ],
)
def test_a_japanese_cell_must_translate_something(root, old, new):
    edit(root, old, new)
    with pytest.raises(ValueError, match=r"tagged ja follows the English one .* 01_tiny.py does not"):
        built(root, "labs")


# ---------------------------------------------------------------- blanks


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


# ---------------------------------------------------------------- leaks


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


# ---------------------------------------------------------------- on the disk


def test_build_all_writes_what_changed_and_then_nothing_differs(root):
    assert len(authoring.build_all(root, find=find)) == 4
    assert authoring.build_all(root, find=find) == []
    assert authoring.compare(root, find) == []
    edit(root, "# # A tiny lab", "# # A small lab")
    assert {path.relative_to(root).as_posix() for path in authoring.build_all(root, labs=["1"], find=find)} == {
        "labs/01_tiny.ipynb",
        "solutions/01_tiny.ipynb",
    }
    assert [path for path in root.rglob("*") if path.suffix == ".part"] == []
    (root / "solutions" / "02_other.py").write_text("# %%\n")
    edit(root, "# # A small lab", "# # A lab")
    assert {path.stem for path in authoring.build_all(root, labs=["02"], find=find)} == {"02_other"}


def test_line_ends_of_windows_are_no_difference(root):
    authoring.build_all(root, find=find)
    for path in root.rglob("*.ipynb"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert authoring.compare(root, find) == []


def change(path, how):
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    how(notebook)
    path.write_bytes(authoring.to_bytes(notebook))


@pytest.mark.parametrize(
    ("place", "how", "sentence"),
    [
        (
            "labs",
            lambda nb: nb.cells[2].update(source="1"),
            "has another source in cell 01_tiny-003 (code: 'import math",
        ),
        ("labs/ja", lambda nb: nb.cells[0].update(source="x"), "has another source in cell 01_tiny-001 (markdown"),
        ("solutions", lambda nb: nb.cells[-1].metadata.tags.pop(), "has another metadata in cell 01_tiny-008"),
        ("solutions/ja", lambda nb: nb.cells[0].update(id="other"), "has another id in cell 01_tiny-001"),
        ("labs", lambda nb: nb.cells.pop(), "has 6 cells, and its source makes 7"),
        ("labs", lambda nb: nb.metadata.update(title="x"), "has other metadata or another layout"),
        ("labs", lambda nb: nb.cells[-1].update(execution_count=3), "has another execution_count in cell 01_tiny-008"),
    ],
)
def test_compare_says_where_a_notebook_was_edited(root, place, how, sentence):
    authoring.build_all(root, find=find)
    change(root / place / "01_tiny.ipynb", how)
    (difference,) = authoring.compare(root, find)
    assert difference.startswith(f"{place}/01_tiny.ipynb {sentence}")
    assert difference.endswith("; edit only solutions/01_tiny.py, then run `t2ilab build`.")


def test_compare_says_what_is_missing_cut_or_left_over(root):
    authoring.build_all(root, find=find)
    lab = root / "labs" / "01_tiny.ipynb"
    (root / "labs" / "ja" / "09_old.ipynb").write_bytes(lab.read_bytes())
    lab.write_bytes(lab.read_bytes()[:200])
    (root / "solutions" / "01_tiny.ipynb").unlink()
    assert authoring.compare(root, find) == [
        "labs/01_tiny.ipynb cannot be read; run `t2ilab build`.",
        "solutions/01_tiny.ipynb is missing; run `t2ilab build`.",
        "labs/ja/09_old.ipynb has no source in solutions/; delete it or write its source.",
    ]


def test_outputs_live_as_long_as_the_code_is_the_same(root):
    authoring.build_all(root, find=find)
    solution = root / "solutions" / "01_tiny.ipynb"
    output = nbformat.v4.new_output("stream", text="6 3.14\n")

    def run(notebook):
        for count, cell in enumerate([cell for cell in notebook.cells if cell.cell_type == "code"], 1):
            cell.execution_count = count
        notebook.cells[-1].outputs = [copy.deepcopy(output)]

    change(solution, run)
    assert authoring.compare(root, find) == []
    edit(root, "# # A tiny lab", "# # A small lab")
    authoring.build_all(root, find=find)
    kept = authoring.read_notebook(solution)
    assert "small" in kept.cells[0].source
    assert kept.cells[-1].outputs == [output]
    assert authoring.is_executed(kept)
    edit(root, "double(3)", "double(4)")
    (difference,) = [line for line in authoring.compare(root, find) if line.startswith("solutions/01")]
    assert "has another source in cell 01_tiny-008" in difference
    authoring.build_all(root, find=find)
    dropped = authoring.read_notebook(solution)
    assert dropped.cells[-1].outputs == []
    assert not authoring.is_executed(dropped)


def test_sources_come_in_order_and_only_from_a_clone(root, monkeypatch):
    (root / "solutions" / "00_first.py").touch()
    (root / "solutions" / "notes.py").touch()
    assert [path.name for path in authoring.sources(root)] == ["00_first.py", "01_tiny.py"]
    monkeypatch.setattr("t2ilab.authoring.notebooks.clone", lambda: None)
    with pytest.raises(ValueError, match="runs from a wheel; clone it"):
        authoring.sources()


def test_a_missing_tool_is_named_with_its_extra(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(ImportError, match=r'built with jupytext, .* `pip install "t2ilab\[test\]"`'):
        built(root, "labs")


# ---------------------------------------------------------------- running


RUNNABLE = """# %%
import os, pathlib
print(pathlib.Path().resolve().name, os.environ.get("T2ILAB_BUDGET"), os.environ["T2ILAB_LANG"])

# %%

# %% tags=["nbval-ignore-output"]
from IPython.display import display
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "  0%|"}, raw=True)
1 + 1

# %%
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "IntSlider()"}, raw=True)

# %% tags=["raises-exception"]
raise KeyError("planted")
"""


def test_running_stores_outputs_and_nothing_that_changes(root, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    monkeypatch.setenv("T2ILAB_BUDGET", "ci")
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    (root / "solutions" / "01_tiny.py").write_text(RUNNABLE)
    solution = root / "solutions" / "01_tiny.ipynb"
    assert solution in authoring.build_all(root, run=True, find=find)
    first = solution.read_bytes()
    cells = authoring.read_notebook(solution).cells
    assert cells[0].outputs[0].text == "solutions None en\n"
    assert [cell.execution_count for cell in cells] == [1, None, 2, 3, 4]
    assert [(output.output_type, output.data) for output in cells[2].outputs] == [
        ("execute_result", {"text/plain": "2"})
    ]
    assert cells[3].outputs[0].data == {"text/plain": "IntSlider()"}
    assert cells[4].outputs[0].ename == "KeyError"
    assert set(json.loads(first)["metadata"]["language_info"]) == {"name"}
    assert authoring.build_all(root, run=True, find=find) == []  # nothing is run twice
    assert authoring.compare(root, find) == []


def test_what_differs_from_run_to_run_is_taken_out(root):
    error = nbformat.v4.new_output("error", traceback=[f"{root}/t2ilab/lab.py", "1"], ename="E", evalue="x")
    result = nbformat.v4.new_output("execute_result", {"text/plain": "1"}, execution_count=9)
    cells = [
        nbformat.v4.new_code_cell("a", execution_count=7, outputs=[error], metadata={"execution": {"at": "noon"}}),
        nbformat.v4.new_code_cell("", execution_count=8),
        nbformat.v4.new_code_cell("b", execution_count=9, outputs=[result]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {}})
    running._settle(notebook, root)
    assert [cell.execution_count for cell in notebook.cells] == [1, None, 2]
    assert notebook.cells[2].outputs[0].execution_count == 2
    assert notebook.cells[0].outputs[0].traceback == ["t2ilab/lab.py", "1"]
    assert notebook.cells[0].metadata == {}
    assert "widgets" not in notebook.metadata


def test_a_cell_that_fails_is_named_and_nothing_is_stored(root, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    (root / "solutions" / "01_tiny.py").write_text('# %%\nprint(1)\n\n# %%\nint("x")\n')
    authoring.build_all(root, find=find)
    solution = root / "solutions" / "01_tiny.ipynb"
    before = solution.read_bytes()
    with pytest.raises(RuntimeError, match=r"01_tiny.ipynb stopped in cell 01_tiny-001 \(ValueError: invalid literal"):
        authoring.execute(solution)
    assert solution.read_bytes() == before
    assert sorted(path.name for path in solution.parent.iterdir()) == ["01_tiny.ipynb", "01_tiny.py", "ja"]
