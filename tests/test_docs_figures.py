"""docs/figures.md and the README say what the zoo's cards say."""

import pytest

from docs.make_figures import FIGURE, PAGE, PAGES, filled
from t2ilab import zoo

CARDLESS = {"language-shapes"}  # a language model draws nothing; what it is good for shows in the cascade


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_has_the_figures_of_the_cards(page):
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "run `python docs/make_figures.py`"


def test_every_model_of_the_zoo_is_on_it():
    named = {found[1] for found in FIGURE.finditer(PAGE.read_text(encoding="utf-8"))}
    assert set(zoo.names()) - CARDLESS == named


def test_a_changed_figure_is_mended_and_keeps_its_form():
    assert filled("a <!--storybook: en 1-->0% b") == f"a <!--storybook: en 1-->{100 * score('en 1'):.0f}% b"
    assert filled("<!--storybook: en 1-->0.00") == f"<!--storybook: en 1-->{score('en 1'):.2f}"


def score(name):
    return zoo.card("storybook").scores[name]


def test_a_score_that_no_card_has_is_said():
    with pytest.raises(ValueError, match=r"The card of storybook has no score 'en 9'; it has en 1, "):
        filled("<!--storybook: en 9-->1%")


def test_every_marker_is_a_figure():
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("<!--") == len(FIGURE.findall(text))
