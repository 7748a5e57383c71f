"""Takes the README's pictures of labs as they stand in JupyterLab: `make pictures`. Needs a Chromium on the path.

The labs run at the lesson's budget, as a student runs them, and only as far as the picture. Nothing is trained on the
way: what is drawn is drawn by the zoo's models.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

from docs.screenshots import FOLDER, make_smaller, read_japanese
from tests.own_jupyterlab import BROWSERS, CHROMIUM, ERRORS, browsing, cell, drag, expect, loaded, menu, sheet

SOLUTIONS = Path(__file__).parents[1] / "solutions"
WIDTH = 1240
# The instructor's menus, which `pip install "t2ilab[lab]"` does not bring.
PLAIN = {"disabledExtensions": {"@jupyter/nbgrader": True}}


def lab_05(page) -> int:
    """An exercise with its answer, its check turned green, and the figure that the answer draws."""
    answer(page, "05_ddpm", "add_noise")
    run_to(page, "noise.expand(6, -1, -1, -1), levels, ac)")
    top(page, "h3:has-text('Exercise 2')")
    return 945


def lab_08(page) -> int:
    """Where each word of a prompt is painted."""
    run_to(page, "found = maps.words()")
    top(page, "h1:has-text('A map for every word')")
    return 1109


def lab_09(page) -> int:
    """A hole, painted with the mouse, and what fills it. (Section 1, which takes minutes, is left out.)"""
    answer(page, "09_control", "inpaint_blend")
    canvas = "drawing_box(canvas,"
    run(page, "machine = DeviceManager()", "KINDS = [", "def inpaint_blend(", "def fill(", canvas)
    box = cell(page, canvas)
    picture = box.locator("img.t2ilab-result")
    first = loaded(picture)
    box.get_by_role("button", name="begin anew", exact=True).click()
    box.get_by_label("width").first.fill("8")
    _, at = sheet(page, canvas, size=32, enlarged=8)
    drag(page, *(at(x, y) for y in (9, 13, 17, 22) for x in (10, 22)))
    box.get_by_role("button", name="draw", exact=True).click()
    loaded(picture, other_than=first)
    top(page, "p:has-text('Now with a pen')")
    return 940


LABS = {"05_ddpm": lab_05, "08_text_to_image": lab_08, "09_control": lab_09}


def main() -> None:
    """Writes lab_05.png, lab_08.png and lab_09.png, or those of the labs that the command line names ("05_ddpm")."""
    if CHROMIUM is None:
        sys.exit(f"Pictures of the labs need a browser on the path: {' or '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        read_japanese(home)
        (home / "config" / "labconfig").mkdir(parents=True)
        (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(PLAIN), encoding="utf-8")
        with browsing(home, budget="lesson", viewport={"width": WIDTH, "height": 960}, locale="en-US") as opened:
            for lab in sys.argv[1:] or LABS:
                take(opened, lab)


def take(opened, lab: str) -> None:
    """Opens a lab by itself, without the tabs of others, brings it to where it is to be seen, and takes its picture."""
    page = opened.page
    page.goto(opened.address.replace("/lab/tree/00_welcome", f"/doc/tree/{lab}"))
    page.get_by_role("button", name="| Idle").wait_for()
    height = LABS[lab](page)
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(1000)
    file = FOLDER / f"{LABS[lab].__name__}.png"
    page.screenshot(path=file)
    make_smaller(file)
    assert opened.faults == [], opened.faults


def answer(page, lab: str, exercise: str) -> None:
    """Writes an exercise's answer, as it stands in the solution, over its blank."""
    cells = json.loads((SOLUTIONS / f"{lab}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(one["source"]) for one in cells]
    cell(page, f"def {exercise}(").locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(next(source for source in sources if f'@exercise("{exercise}")' in source))


def run_to(page, code: str) -> None:
    """Runs all cells of the lab up to the one that holds these words."""
    cell(page, code).locator(".cm-content").click()
    menu(page, "Run", "Run All Above Selected Cell")
    run(page, code)


def run(page, *codes: str) -> None:
    """Runs the cells that hold these words, in this order, and waits for the last."""
    for code in codes:
        cell(page, code).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
    done = cell(page, codes[-1]).locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]"))
    expect(page.locator(ERRORS).or_(done).first).to_be_attached()
    assert page.locator(ERRORS).all_text_contents() == []


def top(page, heading: str) -> None:
    """Scrolls until this heading stands at the top of the window."""
    page.locator(f".jp-Notebook {heading}").evaluate("here => here.scrollIntoView()")


if __name__ == "__main__":
    main()
