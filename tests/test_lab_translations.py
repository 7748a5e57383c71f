"""The Japanese edition says all that the English one says: in its table of sentences, and in its cells of prose."""

import ast
import functools
import re
from collections import Counter
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from t2ilab import authoring, lab
from t2ilab.lab.translate import tr
from t2ilab.lab.translations import JAPANESE

SOURCES = authoring.sources()
SPEAKERS = [
    *SOURCES,
    *(
        Path(lab.__file__).with_name(f"{name}.py")
        for name in ("cards", "comparing", "plots", "widgets", "canvas", "drawing", "pace", "timeline")
    ),
]
IS_JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠々]")
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
FENCE, DISPLAY = re.compile(r"```.*?```", re.DOTALL), re.compile(r"\$\$.*?\$\$", re.DOTALL)
CODE, FORMULA, LINK = re.compile(r"`[^`]+`"), re.compile(r"\$[^$]+\$"), re.compile(r"\]\(([^)]*)\)")
WORDS = re.compile(r"\\text\{[^{}]*\}")  # within a formula; they have a language, as all words
# Punctuation of English beside a Japanese character: 、。：；！？（） are meant.
NARROW = re.compile(r"(?<=[ぁ-んァ-ヶ一-龠々])[,.;:!?()]|[()](?=[ぁ-んァ-ヶ一-龠々])")
EXERCISE = re.compile(
    r"^### (?:Exercise|演習) (\d+)[:：] ?(`\w+`) · ([★☆]{5}) · (\d+) (?:minutes?|分) · (\d+) (?:points?|点)$"
)

each_source = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])
each_speaker = pytest.mark.parametrize("path", SPEAKERS, ids=[path.stem for path in SPEAKERS])


@functools.cache
def code(path):
    """The Python of a module, or of all code cells of a lab's source, without its magics."""
    if path not in SOURCES:
        return path.read_text(encoding="utf-8")
    cells = [cell.source for cell in authoring.read_source(path) if cell.cell_type == "code"]
    return "\n".join(re.sub(r"^\s*[%!].*$", "", cell, flags=re.MULTILINE) for cell in cells)


def calls(path):
    """Each call in a file, with the bare name of what it calls."""
    for node in ast.walk(ast.parse(code(path))):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def shown(path):
    """The expressions of a file that a student reads: the words of say() and tr(), and all that stands on a figure."""
    for name, call in calls(path):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in ("say", "tr"):
            yield from call.args[:1]
        elif name == "show":
            yield from [*call.args[1:2], *(named[key] for key in ("caption",) if key in named)]
        elif name == "denoising_box":
            yield from call.args[2].keys
        elif name in (
            "images",
            "lines",
            "heatmap",
            "plane",
            "bars",
            "scatter",
            "gallery",
            "similarities",
            "recognition",
        ):
            words = ("caption", "titles", "xlabel", "ylabel", "rows", "columns")
            yield from [*call.args[1:4], *(named[key] for key in words if key in named)]
            curves = call.args[0] if call.args else named.get("curves")
            if isinstance(curves, ast.Dict):
                yield from curves.keys


def literals(expression):
    """The string literals that an expression may come to. Those of variables are data, and stay as they are."""
    if isinstance(expression, ast.Constant | ast.JoinedStr):
        yield expression
    elif isinstance(expression, ast.List | ast.Tuple):
        for element in expression.elts:
            yield from literals(element)
    elif isinstance(expression, ast.ListComp):
        yield from literals(expression.elt)
    elif isinstance(expression, ast.IfExp):
        yield from [*literals(expression.body), *literals(expression.orelse)]


def template(literal):
    """A literal as the table would hold it: that of an f-string with its {names}."""
    if isinstance(literal, ast.JoinedStr):
        return ast.unparse(literal)[2:-1]
    return literal.value if isinstance(literal.value, str) else ""


def has_words(text):
    return bool(re.search("[A-Za-z]{2}", PLACEHOLDER.sub("", text))) and not IS_JAPANESE.search(text)


@functools.cache
def said(path):
    """The English that a file shows: text -> the literal."""
    found = {template(literal): literal for expression in shown(path) for literal in literals(expression)}
    return {text: literal for text, literal in found.items() if has_words(text)}


@functools.cache
def pairs(source):
    """The English and the Japanese text of each markdown cell; the Japanese is empty where there is none."""
    cells = [(cell, "ja" in cell.metadata.get("tags", [])) for cell in authoring.read_source(source)]
    return [
        (cell.source, after.source if after_is_japanese else "")
        for (cell, is_japanese), (after, after_is_japanese) in zip(cells, [*cells[1:], (None, False)], strict=True)
        if cell.cell_type == "markdown" and not is_japanese
    ]


def skeleton(text):
    """The shape of a cell: the levels of its headings, its list items, its table rows with their number of columns."""
    shape = []
    for line in DISPLAY.sub("", FENCE.sub("", text)).splitlines():
        if mark := re.match(r"(#+ |- |\d+\. |\|)", line):
            shape.append(mark[1] if mark[1] != "|" else line.count("|"))
    return shape


# The table


@each_speaker
def test_all_that_is_said_has_a_translation(path):
    assert [text for text in said(path) if text not in JAPANESE] == []


@each_speaker
def test_words_are_whole_sentences_with_named_gaps(path):
    """An f-string is filled in before it could be looked up: write tr("step {i}", i=i) for f"step {i}"."""
    assert [text for text, literal in said(path).items() if isinstance(literal, ast.JoinedStr)] == []


@each_source
def test_words_are_said_and_not_printed(source):
    printed = [
        template(word) for name, call in calls(source) if name == "print" for arg in call.args for word in literals(arg)
    ]
    assert [text for text in printed if has_words(text)] == []


def test_nothing_in_the_table_is_unused():
    used = {text for path in SPEAKERS for text in said(path)}
    assert sorted(set(JAPANESE) - used) == []


@pytest.mark.parametrize("english", JAPANESE)
def test_a_translation_is_japanese_with_the_same_gaps(english, monkeypatch):
    japanese = JAPANESE[english]
    assert IS_JAPANESE.search(japanese)
    assert Counter(PLACEHOLDER.findall(japanese)) == Counter(PLACEHOLDER.findall(english))
    assert NARROW.findall(PLACEHOLDER.sub("1", japanese)) == []
    assert "*" not in japanese  # captions are shown as markdown
    assert english.endswith(".") == japanese.endswith("。")
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert tr(english) == japanese
    monkeypatch.setenv("T2ILAB_LANG", "en")
    assert tr(english) == english


# The prose


@each_source
def test_every_english_cell_has_its_japanese_one(source):
    assert [english[:60] for english, japanese in pairs(source) if not japanese] == []


@each_source
def test_every_paragraph_of_a_japanese_cell_is_japanese(source):
    for _, japanese in pairs(source):
        for paragraph in re.split(r"\n\s*\n", DISPLAY.sub("", FENCE.sub("", japanese))):
            bare = re.sub(r"<!--.*?-->", "", LINK.sub("", CODE.sub("", FORMULA.sub("", paragraph))))
            assert IS_JAPANESE.search(bare) or not re.search("[A-Za-z]{2}", bare), paragraph


@each_source
def test_both_languages_show_the_same_things(source):
    for english, japanese in pairs(source):
        for pattern in (FENCE, DISPLAY, LINK):
            shown_in = [
                [WORDS.sub(r"\\text{}", part) for part in pattern.findall(text)] for text in (english, japanese)
            ]
            assert shown_in[1] == shown_in[0]
        english, japanese = (DISPLAY.sub("", FENCE.sub("", text)) for text in (english, japanese))
        for pattern in (CODE, FORMULA, re.compile("<!--.*?-->")):  # the order of words may differ
            assert Counter(pattern.findall(japanese)) == Counter(pattern.findall(english))


@each_source
def test_both_languages_have_the_same_shape(source):
    for english, japanese in pairs(source):
        assert skeleton(japanese) == skeleton(english), english[:60]


@each_source
def test_exercises_have_the_same_headings(source):
    headings = []
    for texts in zip(*pairs(source), strict=True):
        lines = [line for text in texts for line in text.splitlines() if re.match("### .*★", line)]
        headings.append([EXERCISE.match(line).groups() if EXERCISE.match(line) else line for line in lines])
    english, japanese = headings
    assert japanese == english
    assert [heading for heading in english if isinstance(heading, str)] == []  # all are written as all others are
    assert [int(heading[0]) for heading in english] == list(range(1, len(english) + 1))


@each_source
def test_japanese_punctuation_is_wide(source):
    for _, japanese in pairs(source):
        bare = LINK.sub("]", CODE.sub("`", FORMULA.sub("$", DISPLAY.sub("", FENCE.sub("", japanese)))))
        assert NARROW.findall(bare) == [], bare


@each_source
def test_emphasis_is_shown_as_emphasis(source):
    """CommonMark does not close **「bold」** before a Japanese letter: the asterisks would be seen."""
    for _, japanese in pairs(source):
        blocks = MarkdownIt().enable("table").parse(FORMULA.sub("$", DISPLAY.sub("", japanese)))
        texts = [part.content for block in blocks for part in block.children or [] if part.type == "text"]
        assert [text for text in texts if "*" in text] == []
