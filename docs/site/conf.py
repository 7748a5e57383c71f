"""How sphinx builds the course's web site; `docs/make_site.py` lays its pages out beside this file and calls it."""

import re
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from t2ilab import __version__

project, author, copyright = "t2ilab", "the t2ilab authors", "the t2ilab authors"
release = version = __version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the solutions are executed when they are built, at the lesson budget
nb_ipywidgets_js: dict = {}  # nothing is fetched from elsewhere
nb_merge_streams = True
# A lab's first cell is a title with sections of the same level below it; downloads and hub links are no pages.
suppress_warnings = ["myst.header", "myst.xref_missing", "mystnb.unknown_mime_type"]
default_role = "code"  # docstrings write `name` as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "separated"

html_theme = "sphinx_book_theme"
html_title = "t2ilab"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "repository_url": "",  # make_site.py sets it, from the one setting in pyproject.toml
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 1,
    "navbar_persistent": [],  # the sidebar has the search box
}
html_context = {"default_mode": "light"}


def papers() -> dict[str, str]:
    """What docstrings cite -> its address, from docs/papers.md."""
    table = (Path(__file__).parent / "docs" / "papers.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([^|\[]+) \| \[[^\]]+\]\((\S+)\) \|$", table, re.MULTILINE))


PAPERS = papers()
CITED = re.compile("|".join(re.escape(name).replace(r"\ ", r"\s+") for name in sorted(PAPERS, key=len, reverse=True)))


def link_papers(app, what, name, obj, options, lines):
    """Makes each citation of a docstring a link, also one that goes on in the next line; |x| and * mean themselves."""
    pieces = re.split(r"(`+[^`]*`+)", "\n".join(lines))
    for i in range(0, len(pieces), 2):  # what stands outside backticks
        plain = re.sub(r"([|*])", r"\\\1", pieces[i])
        pieces[i] = CITED.sub(lambda m: f"`{' '.join(m[0].split())} <{PAPERS[' '.join(m[0].split())]}>`__", plain)
    lines[:] = "".join(pieces).split("\n")


def visit_math(self, node):
    """A formula as MathML, which browsers show by themselves: MathJax would be fetched from elsewhere."""
    self.body.append(convert(node.astext()))
    raise SkipNode


def visit_math_block(self, node):
    """The same in a line of its own, which may be scrolled."""
    self.body.append(f'<div class="math-block">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(visit_math, None), block_renderers=(visit_math_block, None))
    app.connect("autodoc-process-docstring", link_papers)
