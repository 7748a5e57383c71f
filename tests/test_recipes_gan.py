"""The recipes of the GANs: chance from seed and step alone, weights that all learn, figures, folders, whole runs."""

from dataclasses import replace

import pytest
import torch

from t2ilab import metrics
from t2ilab.data.scenes import Scene, is_held_out
from t2ilab.interop.gan import read_painter, write_painter
from t2ilab.nets.gan.attention import AttentionConfig, AttentionGenerator
from t2ilab.nets.gan.conditional import ConditionalConfig, ConditionalGenerator
from t2ilab.nets.gan.cycle import CycleConfig, CycleGenerator
from t2ilab.nets.gan.progressive import ProgressiveConfig, ProgressiveGenerator
from t2ilab.nets.gan.style import StyleConfig, StyleGenerator
from t2ilab.nets.reader import Reader
from t2ilab.pipelines.labels_to_image import VALUES, LabelsToImage, labels_of
from t2ilab.recipes import adversarial, gan_attention, gan_conditional, gan_cycle, gan_progressive, gan_style
from t2ilab.recipes.reader import OF_THE_WHOLE, OF_THINGS
from t2ilab.recipes.run import Run

SMALL = {
    gan_conditional: ConditionalConfig(width=4),
    gan_attention: AttentionConfig(width=8),
    gan_progressive: ProgressiveConfig(latent_dim=8, widths=(8, 8, 4)),
    gan_style: StyleConfig(latent_dim=8, mapping_layers=2, widths=(8, 8, 8, 4)),
    gan_cycle: CycleConfig(width=4, blocks=1),
}


RECIPES = {module: module.Recipe for module in SMALL}


def small(module, device, seed=3):
    return RECIPES[module](device, seed, replace(module.NUMBERS, batch=4), SMALL[module])


@pytest.fixture(params=list(SMALL), ids=lambda module: module.NAME)
def module(request):
    return request.param


@pytest.fixture
def reader(monkeypatch):
    torch.manual_seed(0)
    reader = Reader(OF_THINGS, OF_THE_WHOLE, 8).eval()
    monkeypatch.setattr(metrics, "default_reader", lambda: reader)


def test_the_losses_are_functions_of_seed_and_step(module, cpu):
    recipe = small(module, cpu)
    recipe.model.eval()  # or norms would move their figures with each pass
    for loss in (recipe.judge_loss, recipe.painter_loss):
        first = loss(5).item()
        torch.rand(7)  # other draws in between change nothing
        assert loss(6).item() != first
        assert loss(5).item() == first
    again, other = small(module, cpu), small(module, cpu, 4)
    assert again.judge_loss(5).item() == small(module, cpu).judge_loss(5).item() != other.judge_loss(5).item()


def test_a_broken_run_goes_on_bit_for_bit(module, cpu, tmp_path, monkeypatch):
    from t2ilab.training import adversarial as loop

    monkeypatch.setattr(loop.train_adversarially, "__defaults__", (None, -1.0))  # saves after every step

    def steps(name, stop=5):
        recipe, found = small(module, cpu), []
        for step in recipe.training(recipe.plan(4), tmp_path / name):
            found.append((step.step, step.loss, step.judge_loss))
            if step.step == stop:
                break
        return found

    whole = steps("whole")
    assert steps("broken", 2) == whole[:2]
    assert steps("broken") == whole[1:]
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "broken").read_bytes()


def test_the_plan_remembers_what_makes_the_run(module, cpu):
    recipe = small(module, cpu)
    assert recipe.plan(7).facts == {"recipe": module.NAME, "seed": 3, "steps": 7}
    assert recipe.plan().steps == module.STEPS


def test_its_sheet_is_the_same_each_time(module, cpu):
    recipe = small(module, cpu)
    model = recipe.model.painter.eval()
    sheet = recipe.sheet(model)
    assert sheet.shape == (24 if module is gan_cycle else 16, 3, 32, 32)
    assert sheet.abs().max() <= 1
    assert torch.equal(sheet, recipe.sheet(model))


def test_what_it_saves_it_can_start_from(module, cpu, tmp_path):
    recipe, other = small(module, cpu), small(module, cpu, 4)
    recipe.save(recipe.model.painter, tmp_path)
    other.start_from(str(tmp_path))
    for mine, theirs in zip(other.model.painter.parameters(), recipe.model.painter.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    assert other.model.training
    wide = module.Recipe(cpu, 3, replace(module.NUMBERS, batch=4))
    with pytest.raises(ValueError, match=f"other widths than {module.NAME}, so it cannot be its start"):
        wide.start_from(str(tmp_path))


@pytest.mark.filterwarnings("ignore:.* pictures span at most")
def test_it_is_measured(module, cpu, reader):
    recipe = small(module, cpu)
    scores = recipe.measure(recipe.model.painter.eval(), count=8)
    assert all(isinstance(score, float) for score in scores.values())
    wanted = {
        gan_conditional: {"en", "held out place", "pairs covered", "FID (reader)", "recall"},
        gan_attention: {"en color", "held out", "KID (reader)"},
        gan_progressive: {"8x8 FID (reader)", "16x16 FID (reader)", "32x32 precision", "pairs covered"},
        gan_style: {"8x8 FID (reader)", "FID (reader)", "FID, truncated to 0.7 (reader)", "recall, truncated to 0.7"},
        gan_cycle: {"to night: brought over", "to day: all else kept", "way back (mean absolute error)"},
    }
    assert wanted[module] <= scores.keys()
    assert all(0 <= score <= 1 for name, score in scores.items() if not name.endswith(")"))


@pytest.mark.filterwarnings("ignore:.* pictures span at most")
def test_a_whole_run_leaves_a_model_and_a_card(module, cpu, reader, tmp_path, monkeypatch):
    measure = module.Recipe.measure
    monkeypatch.setattr(module.Recipe, "measure", lambda self, model: measure(self, model, 8))
    monkeypatch.setattr(module, "Recipe", lambda device, seed: small(module, device, seed))
    run = Run(module.NAME, tmp_path / "run", steps=2, device=cpu)
    *_, last = run.steps()
    card = run.finish(last.average)
    assert (card.name, card.steps) == (module.NAME, 2)
    assert card.parameters == sum(t.numel() for t in last.average.state_dict().values())
    assert [set(row) for row in run.log()] == 2 * [{"step", "loss", "seconds", "judge_loss"}]
    (step,) = Run(module.NAME, tmp_path / "run", device=cpu).steps()
    assert (step.step, step.loss) == (2, run.log()[-1]["loss"])


def test_minutes_are_turned_into_steps_for_a_loop_of_its_own(cpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gan_conditional, "Recipe", lambda device, seed: small(gan_conditional, device, seed))
    assert Run("gan-conditional", tmp_path / "run", minutes=0.001, device=cpu).plan.steps >= 1


def test_as_small_as_a_laptop_needs(module, cpu):
    assert sum(p.numel() for p in module.Recipe(cpu).model.parameters()) < 1_500_000


# What each does by itself


def test_one_label_of_each_picture_is_wrong(cpu):
    recipe = small(gan_conditional, cpu)
    seen = torch.zeros(5)
    for step in range(40):
        right, wrong = recipe.labels(step), recipe.wrong_labels(step)
        assert ((right != wrong).sum(1) == 1).all()
        assert ((wrong >= 0) & (wrong < torch.tensor(VALUES))).all()
        seen += (right != wrong).sum(0)
    assert seen.min() > 15  # of 160 labels, a fifth each


@pytest.mark.parametrize("module", [gan_progressive, gan_style])
def test_stages_grow_and_fade_in(module, cpu):
    recipe = small(module, cpu)
    recipe.plan(700)
    stages = [recipe.stage(step) for step in range(700)]
    assert [sum(stage == s for stage, _ in stages) for s in range(3)] == [100, 200, 400]
    assert all(alpha == 1 for stage, alpha in stages if stage == 0)
    for stage, begun, length in ((1, 100, 60), (2, 300, 120)):  # three tenths of its steps
        alphas = [alpha for s, alpha in stages if s == stage]
        assert alphas[0] == 0
        assert alphas[length // 2] == pytest.approx(0.5)
        assert alphas == sorted(alphas)
        assert alphas[length:] == [1.0] * (len(alphas) - length), begun
    assert recipe.real(100).shape == (4, 3, 16, 16)
    small_ones = torch.nn.functional.avg_pool2d(recipe.batch(100)["image"], 4)
    torch.testing.assert_close(recipe.real(100), small_ones.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_the_heaps_of_a_cycle_share_no_picture(cpu):
    recipe = small(gan_cycle, cpu)
    day, night = (recipe.heap(d, 0, 20)[1] for d in ("day", "night"))
    assert {scene.background for scene in day} == {"day"}
    assert {scene.background for scene in night} == {"night"}
    assert [s.thing for s in day] != [s.thing for s in night]
    assert recipe.heap("day", 0, 20)[1] == day != recipe.heap("day", 0, 20, "measured")[1]


def test_pairs_are_those_that_training_shows():
    assert len(adversarial.PAIRS) == 56
    assert not any(is_held_out(Scene(thing=t, color=c)) for t, c in adversarial.PAIRS)


def test_an_own_world_is_near_itself_and_covered():
    from t2ilab.data.world import World

    real, more = (World(seed=seed).batch(0, 400)["image"] for seed in (0, 1))
    same = adversarial.compared(real, more)
    noisy = adversarial.compared(real, (more + torch.randn(more.shape)).clamp(-1, 1))
    assert same["FID (reader)"] < 0.2 * noisy["FID (reader)"]
    assert min(same["precision"], same["recall"]) > 0.8 > 0.2 > noisy["recall"]
    assert adversarial.pairs_covered(real) > 0.95
    assert adversarial.pairs_covered(real[:1].expand(20, -1, -1, -1)) == pytest.approx(1 / 56)


# Folders and prompts


def test_labels_and_scenes():
    scene = Scene("star", "red", "small", "bottom right", "light")
    assert labels_of([scene]).tolist() == [[3, 0, 1, 8, 1]]
    for broken in (Scene("star", "red"), Scene("cat", "red", "big", "center", "light")):
        with pytest.raises(ValueError, match=r"Labels are of full scenes of the shapes level; got"):
            labels_of([broken])


@pytest.mark.parametrize("kind", [ConditionalGenerator, AttentionGenerator])
def test_prompts_in_both_languages_and_a_folder(kind, cpu, tmp_path):
    torch.manual_seed(0)
    config = ConditionalConfig(width=4) if kind is ConditionalGenerator else AttentionConfig(width=8)
    pipe = LabelsToImage(kind(config), cpu)
    prompts = ["a big red star at the top left on a dark background", "左上に大きな赤い星、暗い背景に"]
    images = pipe(prompts, seed=1, output_type="pt")
    assert images.shape == (2, 3, 32, 32)
    assert 0 <= images.min() <= images.max() <= 1
    assert torch.equal(images, pipe(prompts, seed=1, output_type="pt"))
    assert not torch.equal(images, pipe(prompts, seed=2, output_type="pt"))
    assert torch.equal(images, pipe(prompts, seed=torch.tensor(1), output_type="pt"))
    for broken in (-1, 1.5, None):
        with pytest.raises(ValueError, match=rf"A seed is a whole number from 0 to 2\^63; got {broken}"):
            pipe(prompts, seed=broken)
    pipe.save_pretrained(tmp_path)
    again = LabelsToImage.from_pretrained(tmp_path, "cpu")
    torch.testing.assert_close(again(prompts, seed=1, output_type="pt"), images, rtol=0, atol=0.02)
    assert pipe("a star")[0].size == (32, 32)
    with pytest.raises(ValueError, match="at least one word"):
        pipe("")


def test_a_painter_of_other_labels_or_none(cpu, tmp_path):
    with pytest.raises(ValueError, match=r"\(8, 8, 2, 9, 2\); got one of \(3, 2\)"):
        LabelsToImage(ConditionalGenerator(ConditionalConfig(values=(3, 2), width=4)), cpu)
    write_painter(tmp_path, StyleGenerator(SMALL[gan_style]))
    with pytest.raises(OSError, match="of the kind StyleGenerator, and ConditionalGenerator or AttentionGenerator is"):
        LabelsToImage.from_pretrained(tmp_path)


@pytest.mark.parametrize(("kind", "config"), [
    (CycleGenerator, SMALL[gan_cycle]),
    (ProgressiveGenerator, SMALL[gan_progressive]),
    (StyleGenerator, SMALL[gan_style]),
])  # fmt: skip
def test_a_folder_gives_the_painter_back(kind, config, tmp_path):
    painter = kind(config)
    write_painter(tmp_path, painter)
    again = read_painter(tmp_path, kind)
    assert again.config == config
    assert not again.training
    for mine, theirs in zip(again.state_dict().values(), painter.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    (tmp_path / "config.json").write_text('{"_class_name": "%s", "wide": 3}' % kind.__name__)  # noqa: UP031
    with pytest.raises(OSError, match=rf"is no {kind.__name__}'s \(.* has no \['wide'\]"):
        read_painter(tmp_path, kind)
