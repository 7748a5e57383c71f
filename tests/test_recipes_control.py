"""The recipes of the ControlNets, on a small base of random weights: what is learnt, from what, how it is measured."""

from dataclasses import replace

import pytest
import torch
from published import latent_pipe

from t2ilab import metrics
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.edges import canny
from t2ilab.data.maps import MAPS
from t2ilab.data.things.people import PEOPLE
from t2ilab.data.understanding import understand
from t2ilab.nets.reader import Reader
from t2ilab.pipelines.control import control_to_image, open_controlnet
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import control_edges, control_pose, control_scribble, control_semantic
from t2ilab.recipes.reader import OF_THE_WHOLE, OF_THINGS
from t2ilab.recipes.run import Run
from t2ilab.training.loop import train

RECIPES = (control_edges, control_pose, control_scribble, control_semantic)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a base of 16x16 pictures that has the words of the storybook."""
    from t2ilab.device import DeviceManager

    folder = tmp_path_factory.mktemp("base")
    pipe = latent_pipe(CLIPTokenizer.train(vocabulary("storybook"), 40), DeviceManager("cpu"), text_pooling_heads=2)
    pipe.world = "storybook"
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture
def small(cpu, base):
    def make(module=control_semantic, seed=3, **changes):
        options = {"batch": 8, "cached": 3, "base": str(base), "condition_widths": (4, 6), "warmup": 5} | changes
        return module.Recipe(cpu, seed, replace(module.NUMBERS, **options))

    return make


@pytest.fixture
def reader(monkeypatch):
    """An instrument that reads nothing right, and quickly."""
    torch.manual_seed(0)
    untrained = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    monkeypatch.setattr(metrics, "default_reader", lambda: untrained)


def loud(net):
    """What begins at zero, no longer."""
    torch.manual_seed(1)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return net


# ---- what is learnt from ---------------------------------------------------------------------------------------------


def test_the_loss_is_a_function_of_seed_and_step(small):
    recipe = small()
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert small().loss(5).item() == first
    assert small(seed=4).loss(5).item() != first
    assert recipe.loss(6).item() != first


@pytest.mark.parametrize("module", RECIPES, ids=lambda module: module.NAME)
def test_a_batch_is_latents_their_condition_and_what_is_said(module, small):
    recipe = small(module)
    batch, drawn = recipe.batch(1), recipe.world.drawings(1, 8)
    drawing, scenes = drawn["drawing"], drawn["scene"]
    mean, _ = recipe.base.vae.encode(drawing.image)
    torch.testing.assert_close(batch["x0"], 0.7 * mean, rtol=2e-3, atol=2e-3)  # the VAE's factor; in half precision
    kind = module.NAME.removeprefix("control-")
    if kind == "edges":
        expected = canny(drawing.image)[:, None].expand(-1, 3, -1, -1).float()
    else:
        expected = MAPS[kind](drawing, scenes) / 2 + 0.5
    torch.testing.assert_close(batch["condition"], expected, rtol=0, atol=0.5 / 255 + 1e-6)
    assert batch["condition"].shape == (8, 3, 16, 16)
    assert batch["condition"].std() > 0.02
    assert batch["caption"] == drawn["caption"]
    assert (kind == "pose") == all({one.thing for one in scene.chain()} & PEOPLE.keys() for scene in scenes)


def test_a_picture_is_met_again_in_other_words_that_are_as_true(small):
    recipe = small(partial=0.0)
    first, again = recipe.batch(1), recipe.batch(4)
    assert torch.equal(first["x0"], again["x0"])
    assert torch.equal(first["condition"], again["condition"])
    assert first["caption"] != again["caption"]
    assert [understand(c)[0].thing for c in first["caption"]] == [understand(c)[0].thing for c in again["caption"]]


def test_half_of_the_captions_are_left_empty(small, monkeypatch):
    recipe, said = small(), []
    encode = recipe.base.encode
    monkeypatch.setattr(recipe.base, "encode", lambda captions: said.extend(captions) or encode(captions))
    for step in range(12):
        recipe.loss(step)
    assert 30 < said.count("") < 66  # of 96
    assert {c for c in said if c} <= {c for step in range(12) for c in recipe.batch(step)["caption"]}


# ---- what is trained -------------------------------------------------------------------------------------------------


def test_it_begins_as_the_base_and_only_the_controlnet_learns(small):
    recipe = small()
    batch = recipe.batch(0)
    context = recipe.base.encode(batch["caption"])
    t = torch.full((8,), 500)
    with torch.no_grad():
        added = recipe.model(batch["x0"], t, context, batch["condition"])
        before = recipe.base.unet(batch["x0"], t, context)
        assert torch.equal(recipe.base.unet(batch["x0"], t, context, residuals=added), before)
    frozen = [p for part in (recipe.base.unet, recipe.base.text_encoder, recipe.base.vae) for p in part.parameters()]
    kept = [p.clone() for p in frozen]
    first = sum(recipe.loss(step).item() for step in range(3))
    *_, last = train(recipe.model, lambda step: recipe.loss(step % 3), replace(recipe.plan(30), learning_rate=5e-3))
    assert sum(recipe.loss(step).item() for step in range(3)) < 0.98 * first
    assert last.step == 30
    assert all(torch.equal(a, b) for a, b in zip(kept, frozen, strict=True))


def test_the_gradient_reaches_every_weight_once_the_zeros_speak(small):
    recipe = small()
    loud(recipe.model)
    before = {name: tensor.clone() for name, tensor in recipe.model.state_dict().items()}
    recipe.loss(0).backward()
    silent = {name for name, p in recipe.model.named_parameters() if p.grad is None or not p.grad.any()}
    kept = {"time_embedding", "add_embedding", "attentions", "mid_block"}  # which stay as the base has them
    assert silent == {name for name in before if kept & set(name.split("."))}
    list(train(recipe.model, recipe.loss, recipe.plan(1)))
    changed = {name for name, tensor in recipe.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == before.keys() - silent
    assert all(p.grad is None for part in (recipe.base.unet, recipe.base.text_encoder) for p in part.parameters())


# ---- what it leaves --------------------------------------------------------------------------------------------------


def test_what_it_saves_opens_and_can_be_gone_on_from(small, base, tmp_path):
    recipe = small()
    loud(recipe.model)
    recipe.save(recipe.model, tmp_path / "model")
    net = open_controlnet(tmp_path / "model", "cpu")
    assert net.control_config == recipe.model.control_config
    pipe = TextToImage.from_pretrained(base, "cpu")
    assert control_to_image(pipe, net, "a cat", torch.rand(1, 3, 16, 16), seed=0)[0].size == (16, 16)
    other = small(seed=4)
    other.start_from(str(tmp_path / "model"))
    for mine, theirs in zip(other.model.parameters(), recipe.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="other widths than control-semantic, so it cannot be its start"):
        small(condition_widths=(8, 6)).start_from(str(tmp_path / "model"))


def test_a_run_leaves_a_card(cpu, small, reader, tmp_path, monkeypatch):
    recipe = control_semantic.Recipe
    numbers = small().numbers
    monkeypatch.setattr(control_semantic, "Recipe", lambda device, seed: recipe(device, seed, numbers))
    measure = control_semantic.ControlRecipe.measure
    monkeypatch.setattr(control_semantic.ControlRecipe, "measure", lambda self, model: measure(self, model, 2))
    run = Run("control-semantic", tmp_path / "run", steps=2, device=cpu)
    *_, last = run.steps()
    card = run.finish(last.average)
    assert card.command == "t2ilab train control-semantic --steps 2 --seed 0"
    assert card.parameters == sum(p.numel() for p in run.recipe.model.parameters())
    assert {"with: overlap", "without: overlap", "of the world: overlap"} <= card.scores.keys()
    assert open_controlnet(tmp_path / "run" / "model", "cpu")


# ---- how it is measured ----------------------------------------------------------------------------------------------

FOLLOWED = {
    control_edges: {"asked edges drawn", "drawn edges asked"},
    control_pose: {"joints"},
    control_scribble: {"asked lines drawn", "drawn edges asked"},
    control_semantic: {"overlap"},
}


@pytest.mark.parametrize("module", RECIPES, ids=lambda module: module.NAME)
def test_it_is_measured_with_and_without_and_against_the_world(module, small, reader, monkeypatch):
    recipe, asked = small(module), []
    drawn = recipe._drawn

    def spying(model, captions, condition, scale):
        asked.append((captions, scale))
        return drawn(model, captions, condition, scale)

    monkeypatch.setattr(recipe, "_drawn", spying)
    scores = recipe.measure(loud(recipe.model), count=3)
    assert all(0 <= score <= 1 for score in scores.values())
    for whose in ("with", "without", "of the world"):
        found = {name.removeprefix(f"{whose}: ") for name in scores if name.startswith(f"{whose}: ")}
        assert FOLLOWED[module] | {"all that was said", "thing", "background"} <= found
        assert not {"place", "size"} & found  # the captions leave them to the condition
    (captions, _), (same, _) = asked
    assert captions == same
    assert [scale for _, scale in asked] == [1.0, 0.0]
    said = [understand(caption)[0] for caption in captions]
    assert all(scene.thing and scene.background and not scene.place for scene in said)


@pytest.mark.parametrize("module", RECIPES, ids=lambda module: module.NAME)
def test_the_worlds_own_pictures_follow_and_others_do_not(module, small):
    recipe = small(module)
    batch = replace(recipe.world, size=64).drawings(0, 12)
    drawing, scenes = batch["drawing"], batch["scene"]
    followed = recipe.follows(drawing.image, drawing, scenes)
    name = sorted(followed)[0]  # of the two shares of edges, that of the asked ones
    assert followed[name] > 0.8
    assert recipe.follows(drawing.image.flip(3), drawing, scenes)[name] < followed[name] - 0.2


def test_its_sheet_has_conditions_and_then_pictures(small):
    recipe = small()
    sheet = recipe.sheet(recipe.model)
    assert sheet.shape == (16, 3, 16, 16)
    assert -1 <= sheet.min() <= sheet.max() <= 1
    assert torch.equal(sheet, recipe.sheet(recipe.model))


def test_a_base_of_other_words_is_refused(cpu, base, tmp_path):
    pipe = TextToImage.from_pretrained(base, "cpu")
    pipe.world = None
    pipe.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="knows the words of this world"):
        control_semantic.Recipe(cpu, 0, replace(control_semantic.NUMBERS, base=str(tmp_path)))


def test_the_zoos_base_has_the_size_that_the_widths_are_for(cpu):
    """Maps of 8x8 under pictures of 64x64: four widths."""
    recipe = control_semantic.Recipe(cpu, 0)
    assert recipe.model.control_config.factor == 8
    x, words = torch.zeros(1, 16, 8, 8), recipe.base.encode([""])
    assert recipe.model(x, torch.tensor([3]), words, torch.zeros(1, 3, 64, 64))
    assert sum(p.numel() for p in recipe.model.parameters()) < 2_000_000
