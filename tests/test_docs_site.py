"""The web site, built small: its pages hold together, ask nothing of anywhere else, and can be used without sight."""

import ast
import functools
import http.server
import importlib.util
import re
import shutil
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
CITATION = re.compile(r"[A-Z][\w\-]+(?: et al\.|, [A-Z][\w\-]+ & [A-Z][\w\-]+| & [A-Z][\w\-]+),?\s+(?:19|20)\d\d")

for name in ("sphinx", "myst_nb", "sphinx_book_theme", "latex2mathml"):
    pytest.importorskip(name, reason=f'needs {name}, which `pip install "t2ilab[site]"` brings')


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_site", ROOT / "docs" / "make_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(maker, tmp_path_factory):
    """One lab and one room, with all the pages of docs/; a warning of sphinx fails here."""
    home = tmp_path_factory.mktemp("site")
    maker.lay_out(home / "source", ["04_denoising"], ["diffusion"])
    maker.build(home / "source", home / "site")
    return home / "site"


def test_a_lab_its_translation_and_the_reference_are_pages(site):
    english = (site / "solutions" / "04_denoising.html").read_text(encoding="utf-8")
    japanese = (site / "solutions" / "ja" / "04_denoising.html").read_text(encoding="utf-8")
    assert "def mmse_denoiser" in re.sub(r"<[^>]+>", "", english)
    assert english.count("<img") == japanese.count("<img") > 10  # lent outputs
    assert "<math" in english
    reference = (site / "reference" / "diffusion.html").read_text(encoding="utf-8")
    assert "t2ilab.diffusion.samplers.sample_ddim" in reference
    assert '<a class="reference external" href="https://arxiv.org/abs/2206.00364">Karras et al. 2022</a>' in reference
    assert (site / "gallery.html").is_file()
    assert "mmse" in (site / "searchindex.js").read_text(encoding="utf-8")


def pages(site):
    return [page for page in site.rglob("*.html") if "_static" not in page.parts]


def test_every_picture_has_a_text(site):
    for page in pages(site):
        for tag in re.findall(r"<img[^>]*>", page.read_text(encoding="utf-8")):
            assert re.search(r'alt="[^"]+"', tag), (page.name, tag)


def test_links_within_the_site_arrive(site):
    for page in pages(site):
        for target in re.findall(r'href="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match(r"https?:|mailto:|data:", target):
                assert (page.parent / target).exists(), (page.name, target)


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser on the path: chromium")
def test_in_a_browser_nothing_is_fetched_from_elsewhere_and_no_serious_fault_is_found(site):
    api, axe = pytest.importorskip("playwright.sync_api"), pytest.importorskip("axe_playwright_python.sync_playwright")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    elsewhere, faults = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith((address, "data:")) else None)
            page.on("pageerror", lambda error: faults.append(str(error)))
            for name in ("index", "gallery", "solutions/04_denoising", "reference/diffusion", "docs/teaching"):
                page.goto(f"{address}{name}.html")
                found = axe.Axe().run(page).response["violations"]
                faults += [
                    (name, v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
                ]
            page.goto(f"{address}search.html?q=tweedie")
            page.get_by_role("link", name=re.compile("The best guess")).first.wait_for()
            browser.close()
        server.shutdown()
    assert elsewhere == []
    assert faults == []


def test_a_picture_that_no_lab_draws_any_more_is_a_sentence(maker, tmp_path, monkeypatch):
    monkeypatch.setitem(maker.GALLERY, "04_denoising", "A picture of nothing")
    with pytest.raises(ValueError, match="04_denoising that begins 'A picture of nothing', but the executed notebook"):
        maker.lay_out(tmp_path / "source", ["04_denoising"], [])


def test_what_is_no_page_of_the_site_is_looked_for_in_the_repository(maker):
    page = ROOT / "docs" / "teaching.md"
    kept = {ROOT / "docs" / "data.md", ROOT / "solutions" / "05_ddpm.ipynb"}
    text = "[a](data.md#x) [b](../README.md#start) [c](../labs/05_ddpm.ipynb) [d](../t2ilab) [e](https://a.org) [f](#g)"
    there = maker.rewritten(text, page, kept, ROOT)
    assert there.split() == [
        "[a](data.md#x)",
        "[b](https://github.com/t2ilab/t2ilab/blob/main/README.md#start)",
        "[c](../solutions/05_ddpm.ipynb)",
        "[d](https://github.com/t2ilab/t2ilab/tree/main/t2ilab)",
        "[e](https://a.org)",
        "[f](#g)",
    ]
    assert maker.rewritten("[![On Colab](https://x/y.svg)](https://z)", page, kept, ROOT) == "[On Colab](https://z)"


def test_every_paper_that_a_docstring_cites_is_in_the_table():
    table = re.findall(r"^\| ([^|\[]+) \| \[", (ROOT / "docs" / "papers.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert table == sorted(table, key=str.lower)
    missing = set()
    for path in (ROOT / "t2ilab").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for cited in CITATION.findall(ast.get_docstring(node) or ""):
                    cited = " ".join(cited.split())
                    if cited not in table:
                        missing.add((path.name, cited))
    assert missing == set()
