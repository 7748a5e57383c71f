"""Figures of recognition: what a card says is true, is told in words, and can be read without colour."""

import io

import pytest
import torch
from PIL import Image

from t2ilab.lab import cards, translate

pytestmark = pytest.mark.usefixtures("no_figure_left")

JAPANESE = {
    "Two cards, {n}.": "2 枚のカード、{n}。",
    "food": "食べ物",
    "{chance:.1%}, ranked {rank} out of {count} labels": "{chance:.1%}、{count} 個のラベル中 {rank} 位",
}
LABELS = ["a cat", "a dog", "a fish", "a bird", "a horse", "a moon"]
CHANCES = torch.tensor([0.05, 0.4, 0.02, 0.3, 0.2, 0.03])


def card(truth="a bird", picture=None):
    return cards.Card(torch.zeros(3, 8, 8) if picture is None else picture, LABELS, CHANCES, truth)


def words_of(shown):
    """The words of the one figure that was shown, the same in all its forms."""
    (((bundle,), how), ((markdown,), _)) = shown
    assert how["metadata"]["image/png"]["alt"] == bundle["text/plain"]
    assert markdown.data == f"*{bundle['text/plain']}*"
    with Image.open(io.BytesIO(bundle["image/png"])) as picture:
        assert len(set(picture.convert("L").tobytes())) > 5  # something is drawn
    return bundle["text/plain"]


def lightness(color):
    r, g, b, *_ = color
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


# ---- a card ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "chance", "rank"), [("a dog", 0.4, 1), ("a bird", 0.3, 2), ("a cat", 0.05, 4), ("a fish", 0.02, 6)]
)
def test_a_card_knows_the_chance_and_the_rank_of_its_truth(truth, chance, rank):
    # Independently: its place in the sorted list.
    by_chance = sorted(zip(CHANCES.tolist(), LABELS, strict=True), reverse=True)
    assert [label for _, label in by_chance].index(truth) + 1 == rank
    assert card(truth).rank() == rank
    assert card(truth).chance == pytest.approx(chance)


def test_the_truth_stands_among_its_likeliest_rivals_wherever_it_is():
    def named(truth, rivals):
        return [LABELS[i] for i in card(truth).shown(rivals)]

    assert named("a dog", 2) == ["a dog", "a bird", "a horse"]
    assert named("a bird", 2) == ["a dog", "a bird", "a horse"]
    assert named("a fish", 2) == ["a dog", "a bird", "a fish"]
    assert named("a fish", 99) == ["a dog", "a bird", "a horse", "a cat", "a moon", "a fish"]


def test_equal_chances_share_a_rank_and_the_truth_stands_first():
    even = cards.Card(torch.zeros(3, 8, 8), LABELS, torch.full((6,), 1 / 6), "a fish")
    assert [even.rank(i) for i in range(6)] == [1] * 6
    assert [LABELS[i] for i in even.shown(2)] == ["a fish", "a cat", "a dog"]


@pytest.mark.parametrize(
    ("picture", "labels", "chances", "truth", "message"),
    [
        (torch.zeros(1, 3, 8, 8), LABELS, CHANCES, "a cat", "one picture"),
        (torch.zeros(3, 8, 8), LABELS, CHANCES[:5], "a cat", "one chance for each of its labels"),
        (torch.zeros(3, 8, 8), LABELS, CHANCES[None], "a cat", "one chance for each of its labels"),
        (torch.zeros(3, 8, 8), LABELS, CHANCES, "a cow", "'a cow' is among them 0 times"),
        (torch.zeros(3, 8, 8), [*LABELS[:5], "a cat"], CHANCES, "a cat", "'a cat' is among them 2 times"),
    ],
)
def test_a_card_that_would_lie_is_refused(picture, labels, chances, truth, message):
    with pytest.raises(ValueError, match=message):
        cards.Card(picture, labels, chances, truth)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_cards_are_told_in_words(shown, monkeypatch, language):
    monkeypatch.setenv("T2ILAB_LANG", language)
    monkeypatch.setattr(translate, "JAPANESE", JAPANESE)
    cards.recognition([card(), card("a fish")], "Two cards, {n}.", titles=["food"], n=7)
    if language == "ja":
        assert words_of(shown) == (
            "2 枚のカード、7。 · [食べ物] a bird: 30.0%、6 個のラベル中 2 位 · a fish: 2.0%、6 個のラベル中 6 位"
        )
    else:
        assert words_of(shown) == (
            "Two cards, 7. · [food] a bird: 30.0%, ranked 2 out of 6 labels · a fish: 2.0%, ranked 6 out of 6 labels"
        )


def test_bars_are_as_long_as_the_chances_and_the_truth_is_marked_without_colour(shown, figures):
    picture = torch.rand(3, 8, 8) * 2 - 1
    cards.recognition([card("a fish", picture)], "A card.", rivals=2)
    left, right = figures[0].axes
    expected = ((picture.permute(1, 2, 0) + 1) * 127.5).round().numpy()
    assert (left.images[0].get_array() == expected).all()
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0.4, 0.3, 0.02])
    assert [bar.get_hatch() for bar in right.patches] == ["////", "////", None]
    lines = [text.get_text() for text in right.texts]
    assert lines == ["a fish", "2.0%, ranked 6 out of 6 labels", "1. a dog", "40.0%", "2. a bird", "30.0%",
                     "6. a fish ✓", "2.0%"]  # fmt: skip
    assert min(lightness(bar.get_facecolor()) for bar in right.patches) > 0.6  # what is written over them is black


@pytest.mark.parametrize("count", [1, 3, 4])
def test_any_number_of_cards_has_its_place(shown, figures, count):
    cards.recognition([card() for _ in range(count)], "Cards.")
    assert len(figures[0].axes) == 2 * count
    words_of(shown)


# ---- similarities ----------------------------------------------------------------------------------------------------


def test_sentences_stand_in_rows_and_pictures_above_the_columns(shown, figures):
    matrix = torch.tensor([[0.9, -0.1], [0.05, 0.7], [0.1, 0.8]])
    pictures = torch.rand(2, 3, 8, 8) * 2 - 1
    texts = ["a cat", "a dog in a long, long sentence that needs two lines", "a fish"]
    cards.similarities(pictures, texts, matrix, "Three sentences and two pictures.")
    assert words_of(shown) == "Three sentences and two pictures."
    (axis,) = figures[0].axes
    assert [" ".join(label.get_text().split()) for label in axis.get_yticklabels()] == texts
    assert axis.yaxis_inverted()  # the first row is on top
    numbers = {text.get_position(): text.get_text() for text in axis.texts}
    assert numbers == {(j, i): f"{matrix[i, j]:.2f}" for i in range(3) for j in range(2)}
    squares, *above = axis.images
    for text in axis.texts:
        x, y = text.get_position()
        dark = lightness(squares.cmap(squares.norm(matrix[y, x].item()))) < 0.35
        assert (text.get_color() == "white") == dark
    for j, image in enumerate(above):
        expected = ((pictures[j].permute(1, 2, 0) + 1) * 127.5).round().numpy()
        assert (image.get_array() == expected).all()
        left, right, bottom, top = image.get_extent()
        assert (round((left + right) / 2), bottom > top) == (j, True)
        assert max(bottom, top) < -0.5  # above the first row
    framed = {(round(frame.get_x() + 0.47), round(frame.get_y() + 0.47)) for frame in axis.patches}
    assert framed == {(0, 0), (1, 2)}  # the largest of each column


def test_of_photographs_of_any_shape_the_square_in_the_middle_is_shown(shown, figures):
    wide, tall = torch.rand(3, 4, 9) * 2 - 1, torch.rand(3, 7, 4) * 2 - 1
    cards.similarities([wide, tall], ["a", "b"], torch.eye(2), "Two.")
    words_of(shown)
    _, *above = figures[0].axes[0].images
    for image, middle in zip(above, (wide[:, :, 2:6], tall[:, 1:5]), strict=True):
        assert (image.get_array() == ((middle.permute(1, 2, 0) + 1) * 127.5).round().numpy()).all()


def test_a_matrix_the_other_way_round_is_refused():
    with pytest.raises(ValueError, match=r"\(3, 2\); got \(2, 3\)"):
        cards.similarities(torch.zeros(2, 3, 8, 8), list("abc"), torch.zeros(2, 3), "Wrong.")
