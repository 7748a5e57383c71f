"""The recipes of the CLIP of emoji: they learn, go on where they stopped, and are measured on what they never read."""

import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from t2ilab.data import emoji, emoji_pairs
from t2ilab.data.emoji_pairs import NEW_SENTENCES, SENTENCES, EmojiPairs
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.recipes import clip_emoji, clip_emoji_ja
from t2ilab.recipes.recognition import name_scores
from t2ilab.recipes.run import Run, names
from t2ilab.training import loop
from t2ilab.training.loop import train

ALL = {"name, R@10", "name in a new sentence, R@10", "new wording, R@10", "new picture, R@10"}


@pytest.fixture
def small(monkeypatch, drawn_emoji):
    monkeypatch.setattr(emoji_pairs, "emojis", lambda font: emoji.catalogue()[::30])
    monkeypatch.setattr(clip_emoji, "BATCH", 16)
    monkeypatch.setattr(clip_emoji, "VISION", VisionConfig(32, 8, width=16, layers=1, heads=2))
    monkeypatch.setattr(clip_emoji, "TEXT_WIDTH", 16)
    monkeypatch.setattr(clip_emoji, "EMBED_DIM", 16)
    monkeypatch.setattr(clip_emoji_ja, "BATCH", 32)
    for recipe in (clip_emoji, clip_emoji_ja):
        monkeypatch.setattr(recipe, "CONTEXT_LENGTH", 77)  # of few names few words are learnt, so most are many tokens


def test_both_are_recipes_and_what_they_share_is_none():
    assert {"clip-emoji", "clip-emoji-ja", "clip-storybook"} <= set(names())
    assert "towers" not in names()


def test_the_loss_is_a_function_of_seed_and_step(small, cpu):
    recipe = clip_emoji.Recipe(cpu, 3)
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert clip_emoji.Recipe(cpu, 3).loss(5).item() == first
    assert clip_emoji.Recipe(cpu, 4).loss(5).item() != first


def test_a_run_that_stopped_goes_on_bit_for_bit_and_leaves_a_model_with_its_card(small, cpu, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.train, "__defaults__", (None, -1.0))  # a checkpoint after every step
    whole = Run("clip-emoji", tmp_path / "whole", steps=4, seed=1, device=cpu)
    *_, last = whole.steps()
    broken = Run("clip-emoji", tmp_path / "broken", steps=4, seed=1, device=cpu)
    for step in broken.steps():
        if step.step == 3:  # killed before it is saved
            break
    again = Run("clip-emoji", tmp_path / "broken", device=cpu, seed=1)
    *_, resumed = again.steps()
    assert [row["loss"] for row in again.log()] == [row["loss"] for row in whole.log()]
    for name, x in last.average.state_dict().items():
        assert torch.equal(x, resumed.average.state_dict()[name]), name
    card = again.finish(resumed.average)
    assert card.scores.keys() == ALL
    assert all(0 <= score <= 1 for score in card.scores.values())
    opened = ImageText.from_pretrained(tmp_path / "broken" / "model", "cpu")
    ours = again.recipe.pipeline(resumed.average)
    torch.testing.assert_close(opened.encode_text(["a cat"]), ours.encode_text(["a cat"]), rtol=0, atol=2e-3)
    assert json.loads((tmp_path / "broken" / "model" / "config.json").read_text())["model_type"] == "clip"


def test_it_learns_a_batch_by_heart(small, cpu):
    recipe = clip_emoji.Recipe(cpu, 0)
    plan = replace(recipe.plan(60), warmup=5, learning_rate=0.03)
    losses = [step.loss for step in train(recipe.model, lambda step: recipe.loss(0), plan)]
    assert losses[-1] < 0.5 * losses[0]


def test_japanese_words_come_near_their_teachers_without_a_picture(small, cpu, tmp_path):
    recipe = clip_emoji.Recipe(cpu, 0)
    recipe.save(recipe.model, tmp_path)
    student = clip_emoji_ja.Recipe(cpu, 0, tmp_path)
    before = {name: x.clone() for name, x in student.teacher.model.state_dict().items()}
    assert student.loss(3).item() == clip_emoji_ja.Recipe(cpu, 0, tmp_path).loss(3).item()
    losses = [step.loss for step in train(student.model, student.loss, student.plan(60))]
    assert losses[-1] < 0.8 * losses[0]
    assert all(torch.equal(x, before[name]) for name, x in student.teacher.model.state_dict().items())
    scores = student.measure(student.model)
    assert scores.keys() == ALL | {f"before: {name}" for name in ALL}
    student.save(student.model, tmp_path / "ja")
    both = ImageText.from_pretrained(tmp_path, "cpu").with_words(tmp_path / "ja")
    ours = student.pipeline(student.model).encode_text(["猫", "ウサギの絵文字"])
    torch.testing.assert_close(both.encode_text(["猫", "ウサギの絵文字"]), ours, rtol=0, atol=2e-3)
    torch.testing.assert_close(
        both.encode_image(student.pairs.plain()), student.teacher.encode_image(student.pairs.plain())
    )


class Oracle:
    """A CLIP that knows by heart what a picture may be called, for every other emoji; the rest it takes for the last.

    The last emoji are alike to it: whoever is taken for the last finds ten of them, so only those count as found.
    """

    def __init__(self, pairs, language):
        self.meant, self.total = {}, len(pairs.all)
        for place, one in enumerate(pairs.all):
            known = place if place % 2 == 0 else self.total - 1
            for text in (one.names[language], *pairs.new_wordings(one, language)):
                for sentence in ("{}", *SENTENCES[language], *NEW_SENTENCES[language]):
                    self.meant[sentence.replace("{}", text)] = known

    def encode_image(self, images):
        assert len(images) == self.total
        return torch.eye(self.total)

    def encode_text(self, texts):
        places = torch.arange(self.total)
        return torch.stack([1.0 / (1 + (places - self.meant[text]).abs()) for text in texts])


@pytest.mark.parametrize("language", ["en", "ja"])
def test_scores_count_who_is_among_the_ten_nearest(small, language):
    pairs = EmojiPairs()
    scores = name_scores(Oracle(pairs, language), pairs, language)
    total = len(pairs.all)
    asked = {
        "name": [(one, 1) for one in pairs.shown],
        "name in a new sentence": [(one, 1) for one in pairs.shown],
        "new wording": [(one, len(pairs.new_wordings(one, language))) for one in pairs.shown],
        "new picture": [(one, 1) for one in pairs.new_pictures(language)],
    }
    for what, ones in asked.items():
        places = [(pairs.all.index(one), weight) for one, weight in ones if weight]
        found = sum(weight for place, weight in places if place % 2 == 0 or place >= total - 10)
        expected = found / sum(weight for _, weight in places)
        assert scores[f"{what}, R@10"] == pytest.approx(expected, abs=1e-6), what
        assert 0.2 < expected < 0.9


def test_who_knows_nothing_finds_what_chance_finds(small, cpu):
    recipe = clip_emoji.Recipe(cpu, 0)
    pairs = recipe.pairs
    generator = torch.Generator().manual_seed(0)

    class Chance:
        def encode_image(self, images):
            return F.normalize(torch.randn(len(images), 8, generator=generator), dim=-1)

        def encode_text(self, texts):
            return F.normalize(torch.randn(len(texts), 8, generator=generator), dim=-1)

    scores = name_scores(Chance(), pairs, "en")
    assert scores["name in a new sentence, R@10"] == pytest.approx(10 / len(pairs.all), abs=0.06)


@pytest.mark.parametrize("name", ["clip-emoji", "clip-emoji-ja"])
def test_without_a_font_it_ends_in_one_sentence(command, monkeypatch, name):
    monkeypatch.setattr(emoji, "_font_folders", list)
    monkeypatch.setattr("sys.platform", "linux")
    result = command("train", name, "--steps", "1")
    assert result.code == 1
    assert result.err.strip().splitlines()[-1] == (
        "t2ilab: Emoji need a colour emoji font, and this machine has none: sudo apt-get install "
        "fonts-noto-color-emoji (on Debian, Ubuntu and Colab) brings one."
    )
    assert "Traceback" not in result.err


def test_glyphs_of_a_real_font(cpu, monkeypatch):
    try:
        emoji.find_font()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    chosen = [one for one in emoji.catalogue() if one.character in "🐈🐕🐟🐦🐎🐘🐧🤖🌳🍄🏠🚗🚀🧠🍎⭐🎈🗿🍕🎸🐱🐭🍣🌷"]
    monkeypatch.setattr(emoji_pairs, "emojis", lambda font: chosen)
    monkeypatch.setattr(clip_emoji, "BATCH", 8)
    recipe = clip_emoji.Recipe(cpu, 0)
    assert recipe.loss(0).isfinite()
    batch = recipe.pairs.batch(0, 8)
    assert batch["image"].shape == (8, 3, 32, 32)
    assert len({picture.mean().item() for picture in batch["image"]}) == 8
    assert recipe.measure(recipe.model).keys() <= ALL


def test_they_are_small(small, monkeypatch):
    """At most 2.5 MB in half precision, with 2,400 tokens of English and 4,200 of Japanese, as all emoji give."""
    from t2ilab.clip.model import CLIP, CLIPConfig
    from t2ilab.nets.text import TextConfig
    from t2ilab.recipes.towers import Words

    monkeypatch.undo()
    for kind, tokens in ((CLIP, 2400), (Words, 4200)):
        text = TextConfig(tokens, 40, clip_emoji.TEXT_WIDTH, layers=2, heads=4)
        model = kind(CLIPConfig(text, clip_emoji.VISION, clip_emoji.EMBED_DIM))
        assert 2 * sum(p.numel() for p in model.parameters()) < 2.5e6
