"""The recipes of the CLIPs: losses that depend on seed and step alone, and scores that one who knows the world gets."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.scenes import is_held_out
from t2ilab.data.understanding import understand
from t2ilab.data.words import ALL_COLORS, PLACES, SIZES, SURROUNDINGS, THINGS
from t2ilab.metrics import read
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.recipes import clip_storybook, clip_storybook_ja
from t2ilab.recipes.recognition import retrieval_scores, single_things, zero_shot_scores
from t2ilab.training.loop import train


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(clip_storybook, "BATCH", 16)
    monkeypatch.setattr(clip_storybook, "VISION", VisionConfig(32, 8, width=32, layers=1, heads=2))
    monkeypatch.setattr(clip_storybook, "EMBED_DIM", 16)


def test_the_loss_is_a_function_of_seed_and_step(small, cpu):
    recipe = clip_storybook.Recipe(cpu, 3)
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert clip_storybook.Recipe(cpu, 3).loss(5).item() == first
    assert clip_storybook.Recipe(cpu, 4).loss(5).item() != first


def test_a_picture_meets_the_captions_of_its_row_alone(small, cpu):
    recipe = clip_storybook.Recipe(cpu, 3)
    batch = recipe.world.namings(0, 10)
    images, texts = (
        recipe.model.encode_image(batch["image"]),
        recipe.model.encode_text(recipe.tokenizer(batch["caption"])),
    )
    logits = recipe.model.logit_scale.exp() * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
    slow = []
    for i in range(10):  # rows of 4, 4 and 2
        row = slice(i // 4 * 4, min(10, i // 4 * 4 + 4))
        slow += [-logits[i, row].log_softmax(0)[i % 4], -logits[row, i].log_softmax(0)[i % 4]]
    torch.testing.assert_close(recipe.contrast(batch["image"], batch["caption"], 4), torch.stack(slow).mean())
    torch.testing.assert_close(
        recipe.contrast(batch["image"], batch["caption"]),
        (F.cross_entropy(logits, torch.arange(10)) + F.cross_entropy(logits.T, torch.arange(10))) / 2,
    )


def test_it_begins_with_names_and_comes_to_whole_captions(small, cpu, monkeypatch):
    recipe = clip_storybook.Recipe(cpu, 3)
    recipe.plan(1000)
    kinds = []
    monkeypatch.setattr(recipe, "contrast", lambda images, captions, row=None: kinds.append(row is not None))
    for step in (*range(30), *range(900, 1000)):
        recipe.loss(step)
    assert sum(kinds[:30]) >= 29
    assert 30 <= sum(kinds[30:]) <= 58  # a little more than two in five


def test_it_trains_saves_and_opens(small, cpu, tmp_path):
    recipe = clip_storybook.Recipe(cpu, 3)
    steps = list(train(recipe.model, recipe.loss, recipe.plan(3)))
    recipe.save(steps[-1].average, tmp_path)
    again = ImageText.from_pretrained(tmp_path, "cpu")
    ours = recipe.pipeline(steps[-1].average).encode_text(["a cat"])
    torch.testing.assert_close(again.encode_text(["a cat"]), ours, rtol=0, atol=1e-3)  # half precision
    other = clip_storybook.Recipe(cpu, 4)
    other.start_from(str(tmp_path))
    torch.testing.assert_close(other.pipeline(other.model).encode_text(["a cat"]), again.encode_text(["a cat"]))
    scores = recipe.measure(steps[-1].average, 8, 8)
    assert len(scores) == 8
    assert all(0 <= score <= 1 for score in scores.values())


def test_japanese_words_come_near_their_teachers_without_a_picture(small, cpu, tmp_path):
    recipe = clip_storybook.Recipe(cpu, 3)
    recipe.save(recipe.model, tmp_path)
    student = clip_storybook_ja.Recipe(cpu, 0, tmp_path)
    pictures = {name: x.clone() for name, x in student.teacher.model.state_dict().items()}
    plan = replace(student.plan(25), warmup=2)  # its own warm-up is longer than this test
    losses = [step.loss for step in train(student.model, student.loss, plan)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(x, pictures[name]) for name, x in student.teacher.model.state_dict().items())
    captions = student.world.translations(4, 30)
    for english, japanese in zip(captions["en"], captions["ja"], strict=True):
        assert understand(english)[0] == understand(japanese)[0]
    student.save(student.model, tmp_path / "ja")
    both = ImageText.from_pretrained(tmp_path, "cpu").with_words(tmp_path / "ja")
    assert both.encode_text(["猫"]).shape == (1, 16)


VALUES = {"thing": THINGS, "color": ALL_COLORS, "accent": ALL_COLORS, "size": SIZES}
WHOLE = {"place": PLACES, "background": SURROUNDINGS}


def said(things, whole):
    """Features of what is said: a one for each value of each thing, and those of the picture as a whole."""
    vector = []
    for i in range(3):
        for name, values in VALUES.items():
            vector += [float(len(things) > i and things[i].get(name) == value) for value in values]
    for name, values in WHOLE.items():
        vector += [float(whole.get(name) == value) for value in values]
    return torch.tensor([*vector, 1e-3])  # of length above 0 even where nothing is said


class Oracle:
    """A CLIP that nobody trained: it reads pictures with the zoo's reader and captions with the course's own parser."""

    logit_scale = 100.0

    def encode_text(self, texts):
        rows = []
        for text in texts:
            scene = understand(text)[0]
            chain = sorted((one.asked() for one in scene.chain()), key=lambda one: one.get("thing", ""))
            rows.append(said(chain, scene.asked()))
        return F.normalize(torch.stack(rows), dim=-1)

    def encode_image(self, images):
        rows = []
        for reading in read(images):
            seen = sorted(reading.things, key=lambda one: one.thing) if reading else []
            rows.append(said([vars(one) for one in seen], {"background": reading.background if reading else ""}))
        return F.normalize(torch.stack(rows), dim=-1)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_scores_are_high_for_who_knows_the_world_and_at_chance_for_who_does_not(language, cpu):
    oracle = Oracle()
    scores = zero_shot_scores(oracle, language, 100)
    assert scores["things"] > 0.95
    assert scores["pairs"] > 0.85  # it leaves nothing unsaid, which costs a little where words do
    assert scores["pairs, held out"] > 0.85
    words = CLIPTokenizer.train(vocabulary("storybook"), 32)
    text = TextConfig(len(words.vocab), 32, width=16, layers=1, heads=2)
    guess = ImageText(CLIP(CLIPConfig(text, VisionConfig(32, 16, width=16, layers=1, heads=2), 8)), words, device=cpu)
    assert zero_shot_scores(guess, language, 100)["things"] < 0.15
    assert max(retrieval_scores(guess, language, 100).values()) < 0.1


def test_held_out_pictures_are_of_pairs_that_training_never_shows():
    for held_out in (False, True):
        images, scenes = single_things(40, held_out, 0)
        assert images.shape == (40, 3, 32, 32)
        assert {is_held_out(scene) for scene in scenes} == {held_out}
        assert all(scene.color and scene.thing for scene in scenes)


def test_captions_of_retrieval_are_all_different():
    class Notes(SimpleNamespace):
        def encode_text(self, texts):
            self.texts = texts
            return F.normalize(torch.eye(len(texts)), dim=-1)

        def encode_image(self, images):
            return torch.eye(len(images)).roll(1, 0)

    notes = Notes()
    assert retrieval_scores(notes, "en", 50) == {"picture to caption, R@1": 0, "caption to picture, R@1": 0}
    scenes = [understand(text)[0] for text in notes.texts]
    assert len(set(scenes)) == 50
