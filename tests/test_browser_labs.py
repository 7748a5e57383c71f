"""More labs in a real browser, one after the other in one JupyterLab: opened, run, their first blanks answered."""

from types import SimpleNamespace

import pytest
from own_jupyterlab import (
    answer_both_ways,
    browsing,
    captions,
    cell,
    drag,
    loaded,
    menu,
    needs_browser,
    pixels,
    run_all,
    sheet,
)

pytestmark = needs_browser

# Of each lab, an exercise with one blank line, its points, a right and a wrong line, and what the wrong one is told.
BLANKS = {
    "05_ddpm": (
        *("linear_betas", 1, "return torch.linspace(start, end, T)"),
        *("return torch.linspace(end, start, T)", "your betas fall"),
    ),
    "08_text_to_image": (
        *("guide", 2, "return uncond + guidance_scale * (cond - uncond)"),
        *("return uncond + guidance_scale * (uncond - cond)", "the sign is wrong"),
    ),
    "09_control": (
        *("one_hot_map", 1, "return F.one_hot(semantic_map, classes).permute(0, 3, 1, 2).float()"),
        *("return F.one_hot(semantic_map, classes).float()", "the classes are on the last axis"),
    ),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("student")) as opened:
        yield opened


@pytest.fixture(scope="module", params=BLANKS)
def lab(request, opened):
    """The page with one lab, all its cells run, and its name. Of the labs before it, no tab and no kernel is left."""
    page = opened.page
    page.goto(opened.address.replace("00_welcome", request.param) + "&reset")
    run_all(page)
    yield SimpleNamespace(page=page, name=request.param)
    menu(page, "Kernel", "Shut Down Kernel")
    page.get_by_role("button", name="No Kernel", exact=True).wait_for()


@pytest.fixture(autouse=True)
def _no_faults(opened):
    """Whatever a test does: the page reports no error, and asks for nothing from elsewhere."""
    yield
    assert opened.faults == []
    assert opened.asked == set()


def test_every_figure_is_there_and_told_in_words(lab):
    assert captions(lab.page)


def test_a_right_answer_turns_green_and_a_wrong_one_gets_its_sentence(lab):
    answer_both_ways(lab.page, *BLANKS[lab.name])


@pytest.mark.parametrize("lab", ["09_control"], indirect=True)
def test_a_hole_is_painted_with_a_narrower_pen_and_only_it_is_filled(lab):
    code = "drawing_box(canvas,"
    box = cell(lab.page, code)
    picture = box.locator("img.t2ilab-result")
    draw = box.get_by_role("button", name="draw", exact=True)
    first = loaded(picture)
    box.get_by_role("button", name="begin anew", exact=True).click()
    draw.click()
    whole = loaded(picture, other_than=first)
    box.get_by_label("width").first.fill("4")
    _, at = sheet(lab.page, code, size=32, enlarged=8)
    drag(lab.page, at(6, 16), at(26, 16))
    draw.click()
    filled = loaded(picture, other_than=whole)
    changed = (pixels(*whole) != pixels(*filled)).any(axis=-1)
    assert changed[14:18, 6:26].mean() > 0.9
    assert changed.sum() == changed[13:19, 3:29].sum()
