"""The recipe of the measuring instrument: what it is shown, and that its loss depends on seed and step alone."""

import random

import pytest
import torch

from t2ilab.data.render import render
from t2ilab.data.scenes import ATTRIBUTES, all_scenes, is_held_out
from t2ilab.recipes import shapes_reader
from t2ilab.recipes.shapes_reader import BREAKAGES, VALUES, breakages, degrade, pictures


@pytest.fixture
def recipe(cpu, monkeypatch):
    monkeypatch.setattr(shapes_reader, "BATCH", 16)
    monkeypatch.setattr(shapes_reader, "WIDTH", 8)
    return shapes_reader.Recipe(cpu, seed=3)


def test_the_loss_is_a_function_of_seed_and_step(recipe, cpu):
    first = recipe.loss(5).item()
    torch.rand(7)
    random.random()
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert shapes_reader.Recipe(cpu, seed=3).loss(5).item() == first


def test_the_gradient_reaches_every_weight(recipe):
    recipe.loss(0).backward()
    assert [name for name, p in recipe.model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_it_learns_from_every_scene_held_out_pairs_too(recipe):
    assert len(recipe.scenes) == 2304
    assert any(is_held_out(scene) for scene in recipe.scenes)
    assert {attribute: list(names) for attribute, names in ATTRIBUTES.items()} == VALUES


def test_pictures_are_repeated_by_their_chance_alone():
    scenes = list(all_scenes())
    first, names = pictures(scenes, 6, random.Random(1))
    again, same = pictures(scenes, 6, random.Random(1))
    other, _ = pictures(scenes, 6, random.Random(2))
    assert torch.equal(first, again)
    assert names == same
    assert not torch.equal(first, other)
    assert first.shape == (6, 3, 32, 32)


def test_degrading_is_mild():
    scenes = list(all_scenes())[::20]
    clean = render(scenes, 32)
    error = (degrade(clean, random.Random(0)) - clean).square().mean(dim=(1, 2, 3)).sqrt()
    assert 0.01 < error.median() < 0.3
    assert error.max() < 0.5


@pytest.mark.parametrize("kind", BREAKAGES)
def test_a_wreck_is_as_large_as_the_picture_and_is_none(kind):
    clean = render(list(all_scenes())[:40], 32)
    broken = BREAKAGES[kind](clean, random.Random(0))
    assert broken.shape == clean.shape
    assert broken.isfinite().all()
    assert ((broken - clean).flatten(1).abs().amax(1) > 0.2).all()


def test_shuffling_keeps_every_pixel():
    clean = render(list(all_scenes())[:3], 32)
    shuffled = BREAKAGES["shuffled"](clean, random.Random(0))
    assert torch.equal(shuffled.flatten(2).sort(-1).values, clean.flatten(2).sort(-1).values)


def test_wrecks_of_every_kind_are_a_quarter_as_many():
    clean = render(list(all_scenes())[:96], 32)
    assert len(breakages(clean, random.Random(0))) == 24


def test_its_scores_name_what_was_measured(recipe):
    scores = recipe.measure(recipe.model, count=256)
    assert scores.keys() == {"clean", "degraded", *(f"refused {kind}" for kind in BREAKAGES)}
    assert all(0 <= score <= 1 for score in scores.values())


def test_what_it_saves_opens_as_a_reader(recipe, tmp_path):
    from t2ilab.metrics import load_reader

    recipe.save(recipe.model, tmp_path)
    assert load_reader(tmp_path).to_dict() == recipe.model.to_dict()
    assert recipe.sheet(recipe.model) is None
