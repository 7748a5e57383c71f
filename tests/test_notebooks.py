"""Every notebook of the course: built from its source, complete in both languages, and without answers in the labs."""

import functools
import re
import tomllib

import nbformat
import pytest
from markdown_it import MarkdownIt

from t2ilab import authoring
from t2ilab.authoring.notebooks import code_of, exercise_names
from t2ilab.authoring.variants import MARK, numbers
from t2ilab.lab.bank import ALL

SOURCES = authoring.sources()
LARGEST = 5 * 2**20  # bytes of one notebook's file
WIDEST = 106  # characters: JupyterLab shows so many of a code cell's line, and a wider one needs a scroll bar
BREAKS_NBVAL = r"\binteract\b|\bwidgets\.Output\b|\bclear_output\b"

each_source = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


@functools.cache
def built(source):
    """The four notebooks: (kind, language) -> notebook."""
    root = source.parent.parent
    return {
        (path.relative_to(root).parts[0], "ja" if path.parent.name == "ja" else "en"): notebook
        for path, notebook in authoring.build(source).items()
    }


def stored(source):
    """The files of the four notebooks that lie on the disk."""
    return [path for path in authoring.build(source) if path.is_file()]


def bank(source):
    """The exercises that the bank holds for a lab: name -> Exercise."""
    return {exercise.name: exercise for exercise in ALL if exercise.lab == source.stem}


def code(notebook):
    return [(cell.source, cell.metadata.get("tags")) for cell in notebook.cells if cell.cell_type == "code"]


def words(markdown):
    """What there is to translate in a markdown cell: not its formulas, code, links' addresses and comments."""
    return re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->", "", markdown, flags=re.DOTALL)


def test_what_is_committed_is_what_the_sources_make():
    assert authoring.compare() == []


@each_source
def test_no_lab_holds_an_answer(source):
    references = {name: exercise.reference for name, exercise in bank(source).items()}
    assert authoring.leaks(built(source)["labs", "en"], references) == []
    for path in stored(source):
        if "labs" in path.relative_to(source.parent.parent).parts:
            assert authoring.leaks(authoring.read_notebook(path), references) == []


@each_source
def test_every_exercise_of_the_bank_stands_in_the_source_once(source):
    cells = [cell.source for cell in authoring.read_source(source) if cell.cell_type == "code"]
    assert sorted(name for cell in cells for name, _ in authoring.exercises(cell)) == sorted(bank(source))


@each_source
def test_notebooks_are_valid_and_light(source):
    for path in stored(source):
        assert path.stat().st_size < LARGEST, path
        nbformat.validate(authoring.read_notebook(path))


@each_source
@pytest.mark.parametrize("kind", ["labs", "solutions"])
def test_both_languages_have_the_same_code(source, kind):
    assert code(built(source)[kind, "en"]) == code(built(source)[kind, "ja"])


@each_source
def test_all_prose_is_there_in_both_languages(source):
    cells = authoring.read_source(source)
    japanese = ["ja" in cell.metadata.get("tags", []) for cell in cells]
    untranslated = [
        cell.source
        for i, cell in enumerate(cells)
        if cell.cell_type == "markdown" and not japanese[i] and japanese[i + 1 : i + 2] != [True]
        if re.search(r"[A-Za-z]{2}", words(cell.source))
    ]
    assert untranslated == []
    unjapanese = [
        cell.source for i, cell in enumerate(cells) if japanese[i] and not re.search("[ぁ-んァ-ン一-龥]", cell.source)
    ]
    assert unjapanese == []


@each_source
def test_numbers_that_vary_are_said_alike_in_both_languages(source):
    cells = authoring.read_source(source)
    prose = [[], []]
    for cell in cells:
        if cell.cell_type == "markdown":
            prose["ja" in cell.metadata.get("tags", [])] += MARK.findall(cell.source)
    assert prose[0] == prose[1]
    said = {re.match(r"\w+", mark)[0] for mark in prose[0]}
    declared = {name for cell in cells if cell.cell_type == "markdown" for name in cell.metadata.get("numbers", {})}
    assert declared <= said


@each_source
def test_every_number_that_varies_leaves_code_that_python_reads(source):
    cells, declared = authoring.read_source(source), numbers(authoring.read_source(source), source.name)
    own = {name: values[0] for name, values in declared.items()}
    for name, values in declared.items():
        for value in values[1:]:
            code = code_of(cells, source, own | {name: value}, exercise_names(cells))
            changed = [
                new
                for new, old in zip(code, code_of(cells, source, own, exercise_names(cells)), strict=True)
                if new != old
            ]
            assert len(changed) == any(
                name in cell.metadata.get("numbers", {}) for cell in cells if cell.cell_type == "code"
            )
            for text in changed:
                compile(text, source.name, "exec")


@each_source
def test_it_opens_with_its_links(source):
    for notebook in built(source).values():
        assert notebook.cells[0].source.startswith("# ")
        assert [i for i, cell in enumerate(notebook.cells) if "https://mybinder.org/" in cell.source] == [0]
        assert "https://colab.research.google.com/" in notebook.cells[0].source


@each_source
def test_no_picture_comes_from_elsewhere(source):  # it would be broken without a network
    for notebook in built(source).values():
        blocks = [b for c in notebook.cells if c.cell_type == "markdown" for b in MarkdownIt().parse(c.source)]
        parts = blocks + [part for block in blocks for part in block.children or ()]
        assert [part.attrs["src"] for part in parts if part.type == "image" and "//" in part.attrs["src"]] == []
        assert [
            part.content for part in parts if "html" in part.type and re.search(r"src\W+\w*:?//", part.content)
        ] == []


@each_source
def test_nothing_in_it_breaks_nbval(source):
    cells = [cell.source for cell in authoring.read_source(source) if cell.cell_type == "code"]
    assert [cell for cell in cells if re.search(BREAKS_NBVAL, cell)] == []


@each_source
def test_no_code_needs_a_scroll_bar(source):
    assert [
        f"{cell.id}: {line}"
        for kind in ("labs", "solutions")
        for cell in built(source)[kind, "en"].cells
        for line in cell.source.splitlines() * (cell.cell_type == "code")
        if len(line) > WIDEST
    ] == []


def test_the_formatter_holds_sources_to_the_same_width():
    settings = tomllib.loads((SOURCES[0].parent / "ruff.toml").read_text(encoding="utf-8"))
    assert settings["line-length"] == WIDEST


@each_source
def test_the_english_solution_has_been_run(source):
    notebook = authoring.read_notebook(source.with_suffix(".ipynb"))
    assert notebook is not None, "run `t2ilab build --run`"
    assert authoring.is_executed(notebook), "some cells hold no outputs, so nbval would never compare them"
