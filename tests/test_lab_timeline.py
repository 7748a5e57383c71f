"""Ten years on a page: in order, true to the labs and to the papers, readable in both languages, nothing cut off."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from t2ilab.lab import plots, timeline

pytestmark = pytest.mark.usefixtures("no_figure_left")
ROOT = Path(__file__).resolve().parents[1]
# What the papers' numbers on arXiv say, one by one; a number begins with its year and month.
PAPERS = {
    "GAN": "1406.2661", "Conditional GAN": "1411.1784", "Diffusion": "1503.03585",
    "Sentences into pictures": "1605.05396", "CycleGAN": "1703.10593", "Progressive growing": "1710.10196",
    "Spectral normalisation": "1802.05957",
    "Self-attention GAN": "1805.08318", "Style-based generator": "1812.04948",
    "Score matching": "1907.05600", "DDPM": "2006.11239",
    "DDIM": "2010.02502", "DALL-E": "2102.12092", "CLIP": "2103.00020", "LoRA": "2106.09685",
    "LAION-400M": "2111.02114", "Latent diffusion": "2112.10752", "DALL-E 2": "2204.06125", "Imagen": "2205.11487",
    "Classifier-free guidance": "2207.12598", "Textual inversion, DreamBooth": "2208.01618", "LAION-5B": "2210.08402",
    "Flow matching": "2210.02747", "DPM-Solver++": "2211.01095", "ControlNet": "2302.05543",
    "Distilled by a judge": "2311.17042", "Stable Diffusion 3": "2403.03206",
}  # fmt: skip


@pytest.fixture(params=["en", "ja"])
def language(request, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", request.param)
    return request.param


def test_months_are_those_of_the_papers_and_in_order():
    months = {event.name.en: event.month for event in timeline.EVENTS}
    assert list(months.values()) == sorted(months.values())
    assert months.pop("Stable Diffusion") == "2022-08"  # a release without a paper of its own
    assert months == {name: f"20{number[:2]}-{number[2:4]}" for name, number in PAPERS.items()}
    table = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    known = set(re.findall(r"arxiv\.org/abs/([\d.]+)", table))
    assert set(PAPERS.values()) <= known


def test_every_lab_has_its_place():
    labs = {lab for event in timeline.EVENTS for lab in event.labs} | {timeline.LAST}
    rows = re.findall(r"^\| \[?(\d\d) ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert labs == set(rows)
    assert {event.family for event in timeline.EVENTS} == set(timeline.FAMILIES)


def boxes(figure):
    """The labs in boxes, and which of them are filled."""
    (axis,) = figure.axes
    framed = [text for text in axis.texts if text.get_bbox_patch() is not None]
    return [t.get_text() for t in framed], {t.get_text() for t in framed if t.get_color() == "white"}


def test_this_labs_boxes_are_filled(language):
    figure = timeline.timeline_figure("13")
    labs, filled = boxes(figure)
    assert sorted(labs) == sorted([lab for event in timeline.EVENTS for lab in event.labs] + [timeline.LAST])
    assert filled == {"13"}
    plt.close(figure)
    figure = timeline.timeline_figure()
    assert boxes(figure)[1] == set()
    plt.close(figure)


@pytest.mark.filterwarnings("error")
def test_nothing_is_cut_off_or_covered(language):
    figure = timeline.timeline_figure("13")
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    frames = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    for i, frame in enumerate(frames):
        assert frame.x0 >= 0
        assert frame.y0 >= 0
        assert frame.x1 <= figure.bbox.width
        assert frame.y1 <= figure.bbox.height
        assert not any(frame.overlaps(other) for other in frames[i + 1 :])
    plt.close(figure)


def test_the_page_is_told_in_words(language, shown):
    timeline.timeline(here="13")
    ((bundle,), _), _ = shown
    words = bundle["text/plain"]
    for event in timeline.EVENTS:
        assert f"{event.month} {event.name.say(language)}" in words
    assert plots.plt.get_fignums() == []


def test_a_lab_that_there_is_not_is_a_sentence():
    with pytest.raises(ValueError, match=r"here is the number of a lab, one of 00, .*, 14, or None; got '99'\."):
        timeline.timeline_figure("99")
