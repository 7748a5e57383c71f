"""The four notebooks of a tiny lab: what is built, what is written, and what differs on the disk."""

import copy
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from authoring_lab import SOURCE, built, code, edit, find, write_lab
from markdown_it import MarkdownIt

from t2ilab import authoring
from t2ilab.authoring import fragments

GLOSSARY = "https://github.com/someone/course/blob/main/docs/glossary.md"  # of the address that write_lab sets


@pytest.fixture
def root(tmp_path):
    return write_lab(tmp_path)


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


def test_the_cell_for_colab_installs_from_the_one_address(root):
    install = code(built(root, "labs"))[0]
    assert '%pip install -q "t2ilab @ git+https://github.com/someone/course"' in install
    assert '"google.colab" in sys.modules' in install


def test_an_exercise_is_labelled_from_its_bank():
    bank = {"double": SimpleNamespace(difficulty=2, minutes=5, points=1)}
    assert fragments.label("double", "en", bank.get) == "`double` · ★★☆☆☆ · 5 minutes · 1 point"
    assert fragments.label("double", "ja", bank.get) == "`double` · ★★☆☆☆ · 5 分 · 1 点"


@pytest.mark.parametrize(
    ("place", "links"),
    [
        ("labs", ["Open in Colab", "Open in Binder", "日本語 ja/01_tiny.ipynb", f"Glossary {GLOSSARY}"]),
        ("labs/ja", ["Colab で開く", "Binder で開く", "English ../01_tiny.ipynb", f"用語集 {GLOSSARY}"]),
        ("solutions", ["Open in Colab", "Open in Binder", f"Glossary {GLOSSARY}"]),
        ("solutions/ja", ["Colab で開く", "Binder で開く", f"用語集 {GLOSSARY}"]),
    ],
)
def test_the_links_at_the_top_lead_to_this_very_notebook(root, place, links):
    header = built(root, place).cells[0].source
    quoted = f"{place}/01_tiny.ipynb".replace("/", "%2F")
    links[0] += f" https://colab.research.google.com/github/someone/course/blob/main/{place}/01_tiny.ipynb"
    links[1] += f" https://mybinder.org/v2/gh/someone/course/HEAD?urlpath=lab%2Ftree%2F{quoted}"
    # As CommonMark has it, which JupyterLab, GitHub and Colab all show: one line of words, no picture from elsewhere.
    (line,) = [block for block in MarkdownIt().parse(header) if block.type == "inline" and "colab" in block.content]
    assert {part.type for part in line.children} == {"link_open", "text", "link_close", "softbreak"}
    assert [
        f"{word.content} {opened.attrs['href']}"
        for opened, word in pairwise(line.children)
        if opened.type == "link_open"
    ] == links
    assert "<!--" not in header


def test_the_glossary_that_labs_link_to_is_there():
    assert (Path(__file__).resolve().parents[1] / fragments.GLOSSARY).is_file()


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


def test_build_all_writes_what_changed_and_then_nothing_differs(root):
    assert len(authoring.build_all(root=root, find=find)) == 4
    assert authoring.build_all(root=root, find=find) == []
    assert authoring.compare(root, find) == []
    edit(root, "# # A tiny lab", "# # A small lab")
    assert {path.relative_to(root).as_posix() for path in authoring.build_all(["1"], root=root, find=find)} == {
        "labs/01_tiny.ipynb",
        "solutions/01_tiny.ipynb",
    }
    assert [path for path in root.rglob("*") if path.suffix == ".part"] == []
    (root / "solutions" / "02_other.py").write_text("# %%\n")
    edit(root, "# # A small lab", "# # A lab")
    assert {path.stem for path in authoring.build_all(["02"], root=root, find=find)} == {"02_other"}


def test_line_ends_of_windows_are_no_difference(root):
    authoring.build_all(root=root, find=find)
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
    authoring.build_all(root=root, find=find)
    change(root / place / "01_tiny.ipynb", how)
    (difference,) = authoring.compare(root, find)
    assert difference.startswith(f"{place}/01_tiny.ipynb {sentence}")
    assert difference.endswith("; edit only solutions/01_tiny.py, then run `t2ilab build`.")


def test_compare_says_what_is_missing_cut_or_left_over(root):
    authoring.build_all(root=root, find=find)
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
    authoring.build_all(root=root, find=find)
    solution = root / "solutions" / "01_tiny.ipynb"
    output = nbformat.v4.new_output("stream", text="6 3.14\n")

    def run(notebook):
        for count, cell in enumerate([cell for cell in notebook.cells if cell.cell_type == "code"], 1):
            cell.execution_count = count
        notebook.cells[-1].outputs = [copy.deepcopy(output)]

    change(solution, run)
    assert authoring.compare(root, find) == []
    edit(root, "# # A tiny lab", "# # A small lab")
    authoring.build_all(root=root, find=find)
    kept = authoring.read_notebook(solution)
    assert "small" in kept.cells[0].source
    assert kept.cells[-1].outputs == [output]
    assert authoring.is_executed(kept)
    edit(root, "double(3)", "double(4)")
    (difference,) = [line for line in authoring.compare(root, find) if line.startswith("solutions/01")]
    assert "has another source in cell 01_tiny-008" in difference
    authoring.build_all(root=root, find=find)
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
