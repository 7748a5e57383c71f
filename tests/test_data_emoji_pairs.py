"""Emoji to learn from: what training may see, what it must never see, and how a drawing is varied."""

import random
import unicodedata
from itertools import pairwise

import pytest
import torch
from drawn_emoji import CHOSEN, drawn

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.emoji import catalogue
from t2ilab.data.emoji_pairs import (
    INK,
    LANGUAGES,
    NEW_SENTENCES,
    SENTENCES,
    SIBLINGS,
    EmojiPairs,
    is_held_out,
    respelled,
)


@pytest.fixture
def pairs(drawn_emoji):
    return EmojiPairs(3)


def letters(text):
    return "".join(letter for letter in text.lower() if letter.isalnum())


def test_a_batch_is_a_function_of_seed_and_index(pairs):
    first = pairs.batch(5, 16)
    torch.rand(3)
    random.random()
    again = EmojiPairs(3).batch(5, 16)
    assert again["caption"] == first["caption"]
    assert torch.equal(again["image"], first["image"])
    for other in (pairs.batch(6, 16), EmojiPairs(4).batch(5, 16)):
        assert other["caption"] != first["caption"]
        assert not torch.equal(other["image"], first["image"])
    assert pairs.translations(5, 16) == EmojiPairs(3).translations(5, 16) != pairs.translations(6, 16)


def test_a_batch_holds_groups_of_neighbours_and_nobody_twice(pairs):
    for index, count in ((0, 16), (1, 17), (2, len(pairs.shown))):
        batch = pairs.batch(index, count)
        assert batch["image"].shape == (count, 3, 32, 32)
        assert batch["image"].abs().max() <= 1
        assert len(batch["caption"]) == count
        places = [pairs.shown.index(emoji) for emoji in batch["emoji"]]
        assert len(set(places)) == count
        steps = [(b - a) % len(pairs.shown) for a, b in pairwise(places)]
        assert steps.count(1) >= (count // SIBLINGS) * (SIBLINGS - 1) - SIBLINGS
    chosen = {emoji.character for index in range(40) for emoji in pairs.batch(index, 16)["emoji"]}
    assert len(chosen) > 0.8 * len(pairs.shown)


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_a_batch_of_none_or_of_too_many_is_refused(pairs, count):
    with pytest.raises(ValueError, match=rf"1 to {len(pairs.shown)} of them; got {count}"):
        pairs.batch(0, count)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_kept_from_training_is_never_said(pairs, language):
    rng = random.Random(0)
    said = {pairs.caption(emoji, language, rng) for emoji in pairs.shown for _ in range(60)}
    said = {letters(text) for text in said}
    wordings = [text for emoji in pairs.shown for text in pairs.new_wordings(emoji, language)]
    names = [emoji.names[language] for emoji in pairs.new_pictures(language)]
    assert len(wordings) >= 10
    assert len(names) >= 10
    for text in (*wordings, *names):
        for sentence in ("{}", *SENTENCES[language]):
            assert letters(sentence.replace("{}", text)) not in said, text
    assert not set(SENTENCES[language]) & set(NEW_SENTENCES[language])
    for emoji in pairs.shown:
        for sentence in NEW_SENTENCES[language]:
            assert letters(sentence.replace("{}", emoji.names[language])) not in said


def test_a_shortened_name_never_becomes_one_that_is_kept(drawn_emoji, monkeypatch):
    names = ("sun behind small cloud", "sun behind cloud", "winking face with tongue", "face with tongue")
    chosen = [emoji for emoji in catalogue() if emoji.names["en"] in names]
    monkeypatch.setattr("t2ilab.data.emoji_pairs.emojis", lambda font: chosen)
    pairs = EmojiPairs()
    assert {emoji.names["en"] for emoji in pairs.new_pictures("en")} == {names[1], names[3]}
    rng = random.Random(0)
    said = {letters(pairs.caption(emoji, "en", rng)) for emoji in pairs.shown for _ in range(300)}
    assert {"sunbehindsmall", "winkingwithtongue"} <= said
    for kept in (names[1], names[3]):
        for sentence in ("{}", *SENTENCES["en"]):
            assert letters(sentence.replace("{}", kept)) not in said


def test_names_aliases_and_shortened_names_are_said_alone_and_in_sentences(pairs):
    rng = random.Random(0)
    person = next(emoji for emoji in pairs.shown if len(emoji.names["en"].split()) > 2 and emoji.group != "flag")
    said = [pairs.caption(person, "en", rng) for _ in range(400)]
    name = person.names["en"]
    assert 50 < said.count(name) < 300
    assert any(text != name and name in text for text in said)
    shorter = [" ".join(word for word in name.split() if word != one) for one in name.split()]
    assert any(text in said for text in shorter)
    free = next(emoji for emoji in pairs.shown if emoji.aliases and not emoji.aliases[0].startswith("flag")
                and not pairs.new_wordings(emoji, "en"))  # fmt: skip
    assert any(alias in [pairs.caption(free, "en", rng) for _ in range(200)] for alias in free.aliases)


def test_translations_are_names_of_the_same_emoji(pairs):
    batch = pairs.translations(2, 60)
    for emoji, english, japanese in zip(batch["emoji"], batch["en"], batch["ja"], strict=True):
        assert emoji in pairs.shown
        assert english == emoji.names["en"]
        name = emoji.names["ja"].removeprefix("旗 ")
        assert name in japanese or respelled(name) in japanese
    assert any(text.endswith("の旗") for i in range(20) for text in pairs.translations(i, 60)["ja"])


def test_one_emoji_in_ten_is_kept_and_no_flag():
    kept = [emoji for emoji in catalogue() if is_held_out(emoji)]
    rest = [emoji for emoji in catalogue() if emoji.group != "flag"]
    assert 0.07 < len(kept) / len(rest) < 0.13
    assert all(emoji.group != "flag" for emoji in kept)


def test_new_wordings_are_aliases_and_respelled_names(pairs):
    for emoji in pairs.shown:
        assert set(pairs.new_wordings(emoji, "en")) <= set(emoji.aliases)
        for text in pairs.new_wordings(emoji, "ja"):
            scripts = [{unicodedata.name(letter).split()[0] for letter in one if letter != "ー"}
                       for one in (emoji.names["ja"], text)]  # fmt: skip
            assert scripts in ([{"HIRAGANA"}, {"KATAKANA"}], [{"KATAKANA"}, {"HIRAGANA"}]), text
        if emoji.group == "flag":
            assert not pairs.new_wordings(emoji, "en")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ウサギ", "うさぎ"),
        ("くり", "クリ"),
        ("サッカー", "さっかー"),
        ("走る人", "走ル人"),
        ("白猫", "白猫"),
        ("ヴ", "ゔ"),
    ],
)
def test_respelled(name, other):
    assert respelled(name) == other


def test_syllables_are_those_of_unicode():
    for code in range(0x30A1, 0x30F7):
        name = unicodedata.name(chr(code)).replace("KATAKANA", "HIRAGANA")
        assert unicodedata.name(respelled(chr(code))) == name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_vocabulary_is_of_words_that_training_may_see_and_each_is_one_token(pairs, language):
    words = pairs.vocabulary(language)
    assert words == sorted(set(words))
    said = [emoji.names[language].lower() for emoji in pairs.shown] + list(SENTENCES[language])
    if language == "en":
        said += [alias.lower() for emoji in pairs.shown for alias in emoji.aliases]
    else:
        said += [respelled(text) for text in said]
    for word in words:
        assert any(word in text for text in said), word
    tokenizer = CLIPTokenizer.train(words[::5], 32)
    assert all(len(tokenizer.encode(word)) == 1 for word in words[::5])


def test_the_drawings_fit_any_background(pairs):
    ink = pairs._ink.float() / 255
    colors, opacity = ink[:, :3], ink[:, 3:]
    for background in ((0.2, -0.6, 0.9), (-1.0, 0.0, 1.0)):
        level = (torch.tensor(background)[None, :, None, None] + 1) / 2
        expected = drawn(pairs.shown, INK, None, background)
        torch.testing.assert_close(2 * (colors + (1 - opacity) * level) - 1, expected, atol=0.02, rtol=0)


def halves(image):
    """Centres of what is red and of what is blue in a picture (3, H, W), as (x, y) in pixels; None where too little."""
    red, green, blue = (image + 1) / 2
    centres = []
    for what in (red - green - blue, blue - green - red):
        y, x = (what > 0.4).nonzero().unbind(1)
        centres.append((x.float().mean().item(), y.float().mean().item(), len(x)) if len(x) > 12 else None)
    return centres


def test_only_what_a_mirror_leaves_alone_is_mirrored_and_places_and_sizes_vary(pairs, monkeypatch):
    monkeypatch.setattr("t2ilab.data.emoji_pairs._backgrounds", lambda n, size, _: torch.ones(n, 3, size, size))
    sides, places, sizes = {True: [], False: []}, [], []
    for index in range(12):
        batch = pairs.batch(index, 32)
        for emoji, image in zip(batch["emoji"], batch["image"], strict=True):
            red, blue = halves(image)
            if red and blue:
                sides[emoji.group in ("face", "nature", "food")].append(red[0] < blue[0])
                places.append((red[0] + blue[0]) / 2)
                sizes.append(red[2] + blue[2])
                assert abs(red[1] - blue[1]) < abs(red[0] - blue[0]) * 0.3  # turned by ten degrees at most
    assert len(sides[False]) > 100
    assert all(sides[False])
    assert 0.3 < sum(sides[True]) / len(sides[True]) < 0.7
    assert max(places) - min(places) > 8
    assert max(sizes) > 2.5 * min(sizes)


def test_backgrounds_are_white_plain_and_graded(pairs):
    corners = torch.cat([pairs.batch(i, 32)["image"][:, :, [0, 0, -1, -1], [0, -1, 0, -1]] for i in range(8)])
    white = (corners > 0.99).all(dim=2).all(dim=1).float().mean().item()
    spread = (corners.amax(dim=2) - corners.amin(dim=2)).amax(dim=1)
    assert 0.2 < white < 0.55
    assert (spread < 0.01).float().mean() > white + 0.1
    assert (spread > 0.3).float().mean() > 0.15


def test_plain_pictures_are_those_of_the_font(pairs):
    assert torch.equal(pairs.plain(), drawn(CHOSEN, 32)[: len(pairs.all)])
    assert set(pairs.shown) | {emoji for emoji in pairs.all if is_held_out(emoji)} == set(pairs.all)
