"""Lab 00 in a real browser, as a student has it: opened, run, its slider pulled, its first exercise answered."""

import json
import shutil
from types import SimpleNamespace

import psutil
import pytest
from own_jupyterlab import (
    PATIENT,
    answer_both_ways,
    browsing,
    captions,
    cell,
    expect,
    loaded,
    menu,
    needs_browser,
    roughness,
    run_all,
    save,
)

from t2ilab import launch

pytestmark = needs_browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The page with Lab 00, all its cells run; what went wrong on it; the notebook's file. Shut down from the menu."""
    home = tmp_path_factory.mktemp("student")
    with browsing(home) as opened:
        page, server = opened.page, opened.server
        page.goto(opened.address)
        run_all(page)
        yield SimpleNamespace(
            page=page, faults=opened.faults, asked=opened.asked, file=home / "labs" / "00_welcome.ipynb"
        )

        started = psutil.Process(server.pid).children(recursive=True)
        assert len(started) >= 2  # JupyterLab and a kernel
        save(page)
        menu(page, "File", "Shut Down")
        page.locator(".jp-Dialog .jp-mod-accept").click()
        assert server.wait(PATIENT / 1000) == 0
        assert psutil.wait_procs(started, timeout=PATIENT / 1000)[1] == []


@pytest.fixture(autouse=True)
def _no_faults(lab):
    """Whatever a test does: the page reports no error, and asks for nothing from elsewhere."""
    yield
    assert lab.faults == []
    assert lab.asked == set()


def test_nothing_stands_before_the_lab(lab):  # JupyterLab would ask whether one wants its news
    assert lab.page.locator(".Toastify__toast, .jp-Dialog").all_text_contents() == []
    assert lab.page.get_by_role("button", name="No", exact=True).count() == 0
    # That is our default, and not a choice made in the name of a user.
    assert list(lab.file.parents[1].rglob("notification.jupyterlab-settings")) == []


def test_a_lab_that_was_run_and_saved_gives_way_to_its_next_edition(lab, tmp_path, monkeypatch):
    save(lab.page)
    first = launch.packaged() / lab.file.name
    mine = shutil.copytree(lab.file.parent, tmp_path / "mine") / lab.file.name
    assert mine.read_bytes() != first.read_bytes()  # JupyterLab has written its own into it
    (tmp_path / "newer").mkdir()
    newer = tmp_path / "newer" / lab.file.name
    newer.write_text(first.read_text(encoding="utf-8").replace("# Lab 00", "# The new Lab 00"), encoding="utf-8")
    monkeypatch.setattr(launch, "packaged", lambda: newer.parent)
    said = []
    launch.lay_out(mine.parent, said.append)
    assert said == []
    assert mine.read_bytes() == newer.read_bytes() != first.read_bytes()


def test_every_figure_is_there_and_told_in_words(lab):
    told = captions(lab.page)

    # JupyterLab itself puts no text in the place of a picture; what reads the saved notebook aloud finds it there.
    save(lab.page)
    cells = json.loads(lab.file.read_text(encoding="utf-8"))["cells"]
    shown = [o for c in cells for o in c.get("outputs", ()) if o["output_type"] == "display_data"]
    figures = [o for o in shown if "image/png" in o["data"]]
    assert [figure["metadata"]["image/png"]["alt"] for figure in figures] == told


def test_the_slider_goes_back_to_the_noise(lab):
    box = cell(lab.page, "widgets.prompt_box")
    box.scroll_into_view_if_needed()
    pictures, slider = box.locator(".jp-OutputArea img"), box.locator(".widget-hslider", has_text="step")
    expect(pictures).to_have_count(2)
    cut = "all => all.filter(label => label.scrollWidth > label.clientWidth).map(label => label.textContent)"
    assert box.locator(".widget-label").evaluate_all(cut) == []
    expect(slider.locator(".widget-readout")).to_have_text("20")
    finished = loaded(pictures)
    slider.locator(".noUi-handle").hover()
    lab.page.mouse.down()
    slider.locator(".noUi-base").hover(position={"x": 0, "y": 1}, force=True)
    lab.page.mouse.up()
    expect(slider.locator(".widget-readout")).to_have_text("0")
    noise, guess = loaded(pictures, other_than=finished)
    assert roughness(noise) > 2 * roughness(finished[0])
    assert roughness(noise) > 2 * roughness(guess)


def test_a_right_answer_turns_green_and_a_wrong_one_gets_its_sentence(lab):
    right, wrong = "return images_uint8.float() / 127.5 - 1", "return images_uint8.float() / 255"
    answer_both_ways(lab.page, "to_model_range", 2, right, wrong, "your numbers run from 0 to 1.")
