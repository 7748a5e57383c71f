"""The recipe of the measuring instrument: what it is shown, and that its loss depends on seed and step alone."""

import random
from dataclasses import replace

import pytest
import torch

from t2ilab.data.render import render, render_placed
from t2ilab.data.scenes import Scene, all_scenes, complete, is_held_out
from t2ilab.data.words import SHAPES, THINGS
from t2ilab.data.world import storybook_scene
from t2ilab.metrics import load_reader, save_reader
from t2ilab.nets.reader import Logits, Reader
from t2ilab.recipes import reader as recipes_reader
from t2ilab.recipes.reader import BREAKAGES, OF_THE_WHOLE, OF_THINGS, breakages, degrade, middles, reading_loss, told


@pytest.fixture
def recipe(cpu, monkeypatch):
    monkeypatch.setattr(recipes_reader, "BATCH", 16)
    monkeypatch.setattr(recipes_reader, "WIDTH", 8)
    return recipes_reader.Recipe(cpu, seed=3)


def pages(count, seed=0):
    rng = random.Random(seed)
    return [storybook_scene(rng) for _ in range(count)]


# ---- the loss ------------------------------------------------------------------------------------------------------


def test_the_loss_is_a_function_of_seed_and_step(recipe, cpu):
    first = recipe.loss(5).item()
    torch.rand(7)
    random.random()
    assert recipe.loss(5).item() == first
    assert recipe.loss(6).item() != first
    assert recipes_reader.Recipe(cpu, seed=3).loss(5).item() == first


def test_it_is_shown_both_sizes_in_turn(recipe, monkeypatch):
    seen = []

    def drawn(scenes, size, generator):
        seen.append(size)
        return render_placed(scenes, size, generator)

    monkeypatch.setattr(recipes_reader, "render_placed", drawn)
    for step in range(4):
        recipe.loss(step)
    assert seen == [32, 64, 32, 64]


def test_it_goes_on_from_a_reader_that_folds_nothing_and_sees_what_that_saw(recipe, tmp_path):
    coarse = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    save_reader(coarse, tmp_path)
    coarse = load_reader(tmp_path)
    recipe.start_from(str(tmp_path))
    images = render(pages(4), 32)
    twice = images.repeat_interleave(2, -1).repeat_interleave(2, -2)  # each pixel four times
    with torch.no_grad():
        ours, theirs = recipe.model(twice), coarse(images)
    assert torch.allclose(ours.center, theirs.center, atol=1e-4)
    assert torch.allclose(ours.things["accent"], theirs.things["accent"], atol=1e-4)
    save_reader(recipe.model, tmp_path)
    again = recipes_reader.Recipe(recipe.device, seed=4)
    again.start_from(str(tmp_path))
    assert torch.allclose(again.model.center.weight, recipe.model.center.weight, atol=1e-3)
    save_reader(Reader(OF_THINGS, OF_THE_WHOLE, 8, size=96, fold=3), tmp_path)
    with pytest.raises(ValueError, match=r"folds 3 pixels a side .* folds 2"):
        again.start_from(str(tmp_path))


def test_the_gradient_reaches_every_weight(recipe):
    recipe.loss(0).backward()
    assert [name for name, p in recipe.model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_it_learns_from_every_scene_held_out_pairs_too(recipe):
    assert len(recipe.shapes) == 2304
    assert any(is_held_out(scene) for scene in recipe.shapes)
    rng = random.Random(0)
    scenes = [recipe._scene(rng) for _ in range(600)]
    assert any(is_held_out(scene) and scene.thing not in SHAPES for scene in scenes)
    assert {one.thing for scene in scenes for one in scene.chain()} == set(THINGS)
    assert OF_THINGS["thing"] == list(THINGS)


def said(scenes, placed, extra=0, loud=12.0):
    """The logits of a reader that makes no mistake, with `extra` pictures in which there is nothing."""
    center = torch.full((len(scenes) + extra, 16, 16), -loud)
    things = {name: torch.zeros(len(scenes) + extra, len(v), 16, 16) for name, v in OF_THINGS.items()}
    spots = middles(scenes, placed)
    ground = torch.zeros(len(scenes) + extra, len(OF_THE_WHOLE["background"]))
    for i, scene in enumerate(scenes):
        ground[i, OF_THE_WHOLE["background"].index(scene.background)] = loud
        for one, (x, y) in zip(scene.chain(), ((spots[i] + 1) * 8).tolist(), strict=False):
            x, y = int(x), int(y)
            center[i, y, x] = loud
            role = one.relation if one.relation in OF_THINGS["role"] else "none"
            values = {
                "thing": one.thing,
                "color": one.color,
                "accent": one.accent or "none",
                "size": one.size,
                "role": role,
            }
            for name, value in values.items():
                things[name][i, OF_THINGS[name].index(value), y, x] = loud
    return Logits(center, things, {"background": ground}, torch.zeros(len(center)))


def test_a_reading_without_a_mistake_costs_least():
    scenes = pages(40, seed=1)
    _, placed = render_placed(scenes, 32)
    truth = said(scenes, placed, extra=4)
    best = reading_loss(replace(truth, center=truth.center.clone()), scenes, placed)
    for name in OF_THINGS:
        wrong = dict(truth.things) | {name: truth.things[name].roll(1, 1)}
        assert reading_loss(replace(truth, things=wrong), scenes, placed) > best + 5, name
    wrong = {"background": truth.whole["background"].roll(1, 1)}
    assert reading_loss(replace(truth, whole=wrong), scenes, placed) > best + 5
    assert reading_loss(replace(truth, center=-truth.center), scenes, placed) > best + 5
    assert reading_loss(replace(truth, center=truth.center.transpose(1, 2)), scenes, placed) > best + 0.5
    haunted = truth.center.clone()
    haunted[-4:] = 12.0  # things where there are none
    assert reading_loss(replace(truth, center=haunted), scenes, placed) > best + 1


def test_sizes_that_the_picture_does_not_show_cost_nothing():
    riders = complete(Scene("cat", relation="riding", other=Scene("horse")))
    apart = complete(Scene("cat", relation="left of", other=Scene("horse")))
    for scene, counted in ((riders, False), (apart, True)):
        _, placed = render_placed([scene], 32)
        truth = said([scene], placed)
        wrong = dict(truth.things) | {"size": truth.things["size"].roll(1, 1)}
        dearer = reading_loss(replace(truth, things=wrong), [scene], placed) - reading_loss(truth, [scene], placed)
        assert (dearer > 1) == counted


def test_told_keeps_all_but_sizes_that_do_not_show_and_usual_second_colours():
    for scene in pages(300):
        kept = told(scene)
        assert told(kept) == kept
        dropped = scene.asked().items() - kept.asked().items()
        assert {attribute.split()[-1] for attribute, _ in dropped} <= {"size", "accent"}
    alone = complete(Scene("cat", size="small"))
    assert alone.accent == "white"
    assert told(alone) == replace(alone, accent=None)
    two_colors = complete(Scene("cat", color="red", accent="grey"))
    assert told(two_colors) == two_colors
    pair = complete(Scene("cat", relation="above", other=Scene("dog")))
    assert [one.size for one in told(pair).chain()] == [one.size for one in pair.chain()]
    ride = told(complete(Scene("cat", relation="riding", other=Scene("dog"))))
    assert [one.size for one in ride.chain()] == [None, None]
    three = complete(Scene("cat", relation="and", other=Scene("dog", relation="and", other=Scene("sun"))))
    assert [one.size for one in told(three).chain()] == [None, None, None]


def test_a_thing_is_read_at_its_middle_but_one_in_something_where_it_shows():
    scenes = [complete(Scene("cat", relation=r, other=Scene("boat"))) for r in ("riding", "in")]
    _, placed = render_placed(scenes, 32)
    spots = middles(scenes, placed)
    assert torch.equal(spots[0, :2], placed[0, :2, :2])
    assert spots[1, 0, 1] < placed[1, 0, 1]  # higher
    assert spots[1, 1, 1] > placed[1, 1, 1]  # lower
    assert torch.equal(spots[:, :2, 0], placed[:, :2, 0])
    scenes = pages(300, seed=2)
    for scene, rows in zip(scenes, middles(scenes, render_placed(scenes, 32)[1]), strict=True):
        there = rows[: len(scene.chain())]
        gap = (there[:, None] - there[None]).norm(dim=-1) + 9 * torch.eye(len(there))
        assert gap.min() > 0.18, scene  # nearly two cells of the reader's grid


# ---- what it is shown ----------------------------------------------------------------------------------------------


def test_degrading_is_mild():
    for scenes in (list(all_scenes())[::20], pages(120)):
        clean = render(scenes, 32)
        error = (degrade(clean, random.Random(0)) - clean).square().mean(dim=(1, 2, 3)).sqrt()
        assert 0.01 < error.median() < 0.3
        assert error.max() < 0.5


def test_degrading_is_repeated_by_its_chance_alone():
    clean = render(pages(8), 32)
    assert torch.equal(degrade(clean, random.Random(1)), degrade(clean, random.Random(1)))
    assert not torch.equal(degrade(clean, random.Random(1)), degrade(clean, random.Random(2)))
    assert not torch.equal(clean, degrade(clean, random.Random(1)))


@pytest.mark.parametrize("kind", BREAKAGES)
@pytest.mark.parametrize("size", [32, 64])
def test_a_wreck_is_as_large_as_the_picture_and_is_none(kind, size):
    clean = render([*list(all_scenes())[:20], *pages(20)], size)
    broken = BREAKAGES[kind](clean, random.Random(0))
    assert broken.shape == clean.shape
    assert broken.isfinite().all()
    assert ((broken - clean).flatten(1).abs().amax(1) > 0.2).all()


def test_shuffling_keeps_every_pixel():
    clean = render(pages(3), 32)
    shuffled = BREAKAGES["shuffled"](clean, random.Random(0))
    assert torch.equal(shuffled.flatten(2).sort(-1).values, clean.flatten(2).sort(-1).values)


def test_wrecks_of_every_kind_are_a_quarter_as_many():
    clean = render(list(all_scenes())[:96], 32)
    assert len(breakages(clean, random.Random(0))) == 24


# ---- what comes of it ----------------------------------------------------------------------------------------------


def test_its_scores_name_what_was_measured(recipe):
    scores = recipe.measure(recipe.model, count=64)
    stories = ("storybook", "storybook 64x64")
    expected = {f"{level} {how}" for level in ("shapes", *stories) for how in ("clean", "degraded")}
    expected |= {
        f"{level} {how}, {things}"
        for level in stories
        for how in ("clean", "degraded")
        for things in ("1 thing", "2 things", "3 things")
    }
    assert scores.keys() == expected | {f"refused {kind}" for kind in BREAKAGES}
    assert all(0 <= score <= 1 for score in scores.values())


def test_what_it_saves_opens_as_a_reader(recipe, tmp_path):
    recipe.save(recipe.model, tmp_path)
    assert load_reader(tmp_path).to_dict() == recipe.model.to_dict()
    assert recipe.sheet(recipe.model) is None


def test_the_plan_remembers_what_makes_the_run(recipe):
    assert recipe.plan(7).facts == {"recipe": "reader", "seed": 3, "steps": 7}
    assert recipe.plan().steps == recipes_reader.STEPS
