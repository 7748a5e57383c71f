"""The recipes of fine-tuning on a small base of random weights: what learns, from what, what is left, and what not."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from published import difference, latent_pipe, library, stable_diffusion
from safetensors.torch import load_file

from t2ilab import metrics
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.monsters import Monster, draw
from t2ilab.interop.lora import FILE as LORA_FILE
from t2ilab.interop.lora import load_adapter
from t2ilab.nets.reader import Reader
from t2ilab.pipelines.new_words import load_textual_inversion
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import (
    examples,
    finetuning,
    monsters,
    monsters_dreambooth,
    monsters_lora,
    monsters_textual_inversion,
)
from t2ilab.recipes.reader import OF_THE_WHOLE, OF_THINGS
from t2ilab.recipes.run import Run
from t2ilab.training.loop import train

RECIPES = (monsters, monsters_lora, monsters_dreambooth, monsters_textual_inversion)
STYLES, WORDS = RECIPES[:2], RECIPES[2:]
FEW = [Monster("red", "blue", chance=i) for i in range(6)] + [Monster("green", "white", chance=i) for i in range(6)]
names = {"ids": lambda module: module.NAME}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Twelve monsters of 416, and four old pictures of 128."""
    monkeypatch.setattr(examples, "monsters", lambda: FEW)
    monkeypatch.setattr(finetuning, "monsters", lambda count=12, **_: FEW[:count])
    monkeypatch.setattr(monsters_dreambooth, "PRIORS", 4)
    monkeypatch.setattr(monsters_dreambooth, "ALIKE", 1)
    monkeypatch.setattr(finetuning, "PetReader", lambda through: AlwaysThere())


class AlwaysThere:
    """A reader of pets that sees one in every picture whose first prompt it was not asked about."""

    def share(self, images):
        assert images.shape[1:] == (3, 64, 64)
        return 0.75


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a base of 16x16 pictures that has the words of the storybook."""
    from t2ilab.device import DeviceManager

    folder = tmp_path_factory.mktemp("base")
    pipe = latent_pipe(CLIPTokenizer.train(vocabulary("storybook"), 40), DeviceManager("cpu"))
    pipe.world = "storybook"
    pipe.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder of diffusers' own StableDiffusionPipeline, whose words are any."""
    _, folder = stable_diffusion(CLIPTokenizer.train(vocabulary(), 16), tmp_path_factory.mktemp("published"))
    return str(folder)


@pytest.fixture
def small(cpu, base):
    def make(module=monsters, seed=3, **changes):
        return module.Recipe(cpu, seed, replace(module.NUMBERS, **({"base": base, "batch": 4, "warmup": 2} | changes)))

    return make


@pytest.fixture
def reader(monkeypatch):
    """An instrument that reads nothing right, and quickly."""
    torch.manual_seed(0)
    untrained = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    monkeypatch.setattr(metrics, "default_reader", lambda: untrained)


@pytest.fixture
def own(tmp_path):
    """A folder of somebody's pictures: five with captions, one of them cut short, one without words."""
    folder = tmp_path / "own"
    folder.mkdir()
    rows = []
    for i in range(5):
        Image.new("RGB", (40, 24), (50 * i, 90, 200 - 40 * i)).save(folder / f"{i}.png")
        rows.append({"file_name": f"{i}.png", "text": f"a big blue thing {i}" if i != 3 else " "})
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:40])
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def trained(recipe, steps=6, rate=None):
    """The averaged model after a few steps, and what each of the losses was."""
    plan = recipe.plan(steps)
    found = list(train(recipe.model, recipe.loss, plan if rate is None else replace(plan, learning_rate=rate)))
    return found[-1].average, [step.loss for step in found]


def everything(pipe):
    """All weights of a model by their names."""
    parts = {"unet": pipe.unet, "text": pipe.text_encoder, "vae": pipe.vae}
    return {f"{part}.{name}": p.detach().clone() for part, net in parts.items() for name, p in net.named_parameters()}


# ---- what is learnt from ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", RECIPES, **names)
def test_the_loss_is_a_function_of_seed_and_step(module, small):
    recipe = small(module)
    first = recipe.loss(5).item()
    torch.rand(7)  # other draws in between change nothing
    assert recipe.loss(5).item() == first
    assert small(module).loss(5).item() == first
    assert small(module, seed=4).loss(5).item() != first
    assert recipe.loss(6).item() != first


def test_examples_are_the_monsters_as_latents_in_several_wordings(small):
    found = small().examples
    pictures = draw(FEW, 16)
    pipe = small().pipe
    mean, _ = pipe.vae.encode(pictures)
    torch.testing.assert_close(found.latents.float(), 0.7 * mean, rtol=2e-3, atol=2e-3)
    assert all(1 <= len(set(texts)) <= 12 and "" not in texts for texts in found.captions)
    assert any(not text.isascii() for texts in found.captions for text in texts)
    assert all("red" in text or "blue" in text or not text.isascii() for text in found.captions[0])
    assert found.pictures.shape == (12, 3, 64, 64)
    assert not any(pipe.tokenizer.unread(text) for texts in found.captions for text in texts)


def test_the_pet_has_five_pictures_and_its_word_in_both_languages(small):
    found = small(monsters_dreambooth, word="zuzu").examples
    assert len(found) == 5
    assert all("zuzu" in text for texts in found.captions for text in texts)
    assert any(not text.isascii() for text in found.captions[1])


# ---- what learns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", RECIPES, **names)
def test_only_what_the_method_says_learns(module, small):
    recipe = small(module)
    before = everything(recipe.pipe)
    trained(recipe)
    after = everything(recipe.pipe)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    if module in (monsters, monsters_dreambooth):
        assert moved == {name for name in before if name.startswith("unet.")}
    elif module is monsters_lora:
        assert moved == {name for name in before if name.endswith((".down", ".up"))}
        assert len(moved) == 2 * 8 * sum("attn1.to_q.base" in name for name in before)
    else:
        assert moved == {"text.embeddings.token_embedding.vector"}


@pytest.mark.parametrize("module", RECIPES, **names)
def test_the_loss_falls(module, small):
    recipe = small(module, batch=8)
    first = sum(recipe.loss(step).item() for step in range(4))
    trained(recipe, 40, rate=None if module is monsters_textual_inversion else 0.02)
    # One row of a random text encoder can do little for a random U-Net.
    assert sum(recipe.loss(step).item() for step in range(4)) < 0.9998 * first


def test_dreambooth_adds_the_loss_on_what_the_base_drew_before(small):
    with_prior, twice, without = (small(monsters_dreambooth, prior=p) for p in (1.0, 2.0, 0.0))
    assert without.prior is None
    assert len(with_prior.prior) == 4
    of_its_kind, *of_its_world = [texts[0] for texts in with_prior.prior.captions]
    assert of_its_kind == "a drawing of a monster"
    assert not any("monster" in text for text in of_its_world)
    new, one, two = (recipe.loss(3).item() for recipe in (without, with_prior, twice))
    assert two - one == pytest.approx(one - new, rel=1e-4)
    assert one > new


# ---- what it draws and leaves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", RECIPES, **names)
def test_a_base_wears_other_values_only_while_it_draws(module, small):
    recipe = small(module)
    average, _ = trained(recipe, rate=0.05)
    live, kept = (list(m.parameters()) for m in (recipe.model, average))
    before = [p.clone() for p in (*live, *kept)]
    sheet = recipe.sheet(average)
    assert sheet.shape[1:] == (3, 16, 16)
    assert not torch.equal(sheet, recipe.sheet(recipe.model))
    assert all(torch.equal(p, q) for p, q in zip((*live, *kept), before, strict=True))


@pytest.mark.parametrize("module", [monsters, monsters_dreambooth], **names)
def test_a_whole_model_is_saved_for_us_and_for_diffusers(module, small, tmp_path):
    recipe = small(module)
    average, _ = trained(recipe, rate=0.02)
    recipe.save(average, tmp_path / "model")
    again = TextToImage.from_pretrained(tmp_path / "model", "cpu")
    assert again.world == "storybook"
    for mine, theirs in zip(average.parameters(), again.unet.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    theirs = library("diffusers").StableDiffusionPipeline.from_pretrained(tmp_path / "model", safety_checker=None)
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([500]), torch.randn(1, 40, 16)
    with torch.no_grad():
        assert difference(again.unet(x, t, context), theirs.unet(x, t, context).sample) < 1e-4


def test_an_adapter_is_saved_alone_and_opens_at_its_base(small, base, tmp_path):
    recipe = small(monsters_lora, rank=2)
    average, _ = trained(recipe, rate=0.05)
    x, t = torch.randn(1, 4, 8, 8), torch.tensor([500])
    with torch.no_grad(), recipe.wearing(average) as pipe:
        expected = pipe.unet(x, t, pipe.encode(["a cat"]))
    recipe.save(average, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LORA_FILE]
    pipe = TextToImage.from_pretrained(base, "cpu")
    with torch.no_grad():
        before = pipe.unet(x, t, pipe.encode(["a cat"]))
        load_adapter(tmp_path, pipe.unet)
        assert difference(pipe.unet(x, t, pipe.encode(["a cat"])), expected) < 2e-3
    assert difference(before, expected) > 5e-3


def test_a_word_is_saved_alone_and_opens_at_its_base(small, base, tmp_path):
    recipe = small(monsters_textual_inversion, word="zuzu", like="cat")
    average, _ = trained(recipe)
    with torch.no_grad(), recipe.wearing(average) as pipe:
        expected = pipe.encode(["a drawing of zuzu"])
    recipe.save(average, tmp_path)
    assert load_file(tmp_path / "learned_embeds.safetensors").keys() == {"zuzu"}
    pipe = TextToImage.from_pretrained(base, "cpu")
    assert load_textual_inversion(pipe, tmp_path) == "zuzu"
    with torch.no_grad():
        torch.testing.assert_close(pipe.encode(["a drawing of zuzu"]), expected)


# ---- how it is measured ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", RECIPES, **names)
def test_it_is_measured_beside_its_base(module, small, reader, monkeypatch):
    monkeypatch.setattr(finetuning, "faithfulness", lambda images, scenes: type("Found", (), {"all": 0.5}))
    recipe = small(module)
    scores = recipe.measure(recipe.model, count=4)
    new = {"distance (KID)", "colors"} if module in STYLES else {"with the word: the pet", "without it: the pet"}
    for whose in ("base", "tuned"):
        assert {f"{whose}: {name}" for name in new | {"old prompts"}} <= scores.keys()
    assert scores["memory (MB)"] > 100
    share = scores["trained, of the U-Net's size"]
    assert (share == 1) == (module in (monsters, monsters_dreambooth))
    assert ("at half: old prompts" in scores) == (module is monsters_lora)
    assert all(value == value for value in scores.values())


def test_an_untrained_adapter_measures_as_its_base(small, reader):
    recipe = small(monsters_lora)
    scores = recipe.measure(recipe.model, count=4)
    assert scores["base: distance (KID)"] == pytest.approx(scores["tuned: distance (KID)"], abs=1e-4)


# ---- one's own pictures, and published models ------------------------------------------------------------------------


def test_ones_own_pictures_are_cut_to_size_and_the_broken_ones_listed(small, own, capsys):
    recipe = small(data=str(own))
    assert len(recipe.examples) == 3
    assert recipe.examples.captions == (("a big blue thing 0",), ("a big blue thing 1",), ("a big blue thing 2",))
    said = capsys.readouterr().err
    assert "2 of the 5 pictures" in said
    assert "Row 3" in said
    assert "says nothing" in said
    assert "Row 4" in said
    assert recipe.prompts() == ["a big blue thing 0", "a big blue thing 1", "a big blue thing 2"]
    scores = recipe.measure(recipe.model, count=3)
    assert scores["tuned: distance (KID)"] == pytest.approx(scores["base: distance (KID)"], abs=1e-3)
    _, losses = trained(recipe, 3)
    assert all(loss > 0 for loss in losses)


@pytest.mark.parametrize("module", WORDS, **names)
def test_one_thing_of_ones_own_gets_the_word(module, small, own, reader):
    recipe = small(module, data=str(own), word="zuzu")
    assert recipe.examples.captions[0] == ("a picture of zuzu",)
    scores = recipe.measure(recipe.model, count=2)
    assert -1 <= scores["tuned: with the word: likeness (cosine)"] <= 1


@pytest.mark.filterwarnings("ignore:This model reads")  # few tokens, and it has few words
@pytest.mark.parametrize("module", RECIPES, **names)
def test_a_published_folder_is_fine_tuned_by_the_same_recipe(module, small, published, own, tmp_path):
    recipe = small(module, base=published, data=str(own), batch=2)
    assert recipe.pipe.world is None
    assert recipe.weights is None
    assert recipe.plan(3).learning_rate == module.NUMBERS.rates[1] < module.NUMBERS.rates[0]
    average, losses = trained(recipe, 2)
    assert len(losses) == 2
    recipe.save(average, tmp_path / "model")
    pipe = library("diffusers").StableDiffusionPipeline.from_pretrained(
        published if module in (monsters_lora, monsters_textual_inversion) else tmp_path / "model", safety_checker=None
    )
    if module is monsters_lora:
        pipe.load_lora_weights(tmp_path / "model")
        assert pipe.get_active_adapters()
    if module is monsters_textual_inversion:
        pipe.load_textual_inversion(str(tmp_path / "model"))
        assert "mofu" in pipe.tokenizer.get_vocab()
    scores = recipe.measure(average, count=2)
    assert not any("old prompts" in name for name in scores)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "got"), [(0, 0), (-1, -1), (17, 17)])
def test_a_rank_that_no_layer_can_have_is_refused(small, rank, got):
    with pytest.raises(
        ValueError, match=rf"rank of an update is from 1 to the narrower side of its layer, .*got {got}"
    ):
        small(monsters_lora, rank=rank)


def test_a_base_that_fills_masks_is_refused(small, base, tmp_path, cpu):
    from t2ilab.nets.widening import widened

    pipe = TextToImage.from_pretrained(base, "cpu")
    pipe.unet = widened(pipe.unet, 9)
    pipe.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="fills masks"):
        small(base=str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch": 0}, "A batch holds at least one picture; got 0"),
        ({"base": "storybok"}, "The zoo has no 'storybok'; the nearest it has"),
        ({"data": "/nowhere"}, "There is no folder '/nowhere'"),
    ],
)
@pytest.mark.parametrize("module", RECIPES, **names)
def test_numbers_and_names_that_are_none_are_refused(module, small, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(module, **changes)


def test_a_word_that_is_none_is_refused(small):
    for word in ("", " "):
        with pytest.raises(ValueError, match="needs a word"):
            small(monsters_dreambooth, word=word)
    with pytest.raises(ValueError, match="'cat' is a word of this model already"):
        small(monsters_textual_inversion, word="cat")
    for prior in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="prior is how much the old pictures count"):
            small(monsters_dreambooth, prior=prior)


def test_a_learning_rate_that_is_none_is_refused(small):
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="A learning rate is a positive number"):
            small(learning_rate=rate).plan(3)


def test_folders_that_teach_nothing_are_refused(small, own, tmp_path):
    (own / "metadata.jsonl").unlink()
    with pytest.raises(ValueError, match=r"has pictures but neither captions nor classes.*add metadata\.jsonl"):
        small(data=str(own))
    one = tmp_path / "one"
    one.mkdir()
    Image.new("RGB", (20, 20)).save(one / "a.png")
    (one / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": "my cat"}))
    with pytest.raises(ValueError, match=r"at least 2 pictures; .* has 1\. One thing in a few pictures is learnt by"):
        small(data=str(one))
    assert len(small(monsters_dreambooth, data=str(one)).examples) == 1
    (one / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"at least 1 pictures?; .* has 0\. 1 could not be used"):
        small(monsters_dreambooth, data=str(one))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no data set"):
        small(data=str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="caption_column must be one of them, got 'said'"):
        small(data=str(one), caption_column="said")


# ---- a run -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_numbers(small, monkeypatch, base):
    """The recipes as `Run` finds them, with small numbers, and nothing that takes long to measure."""
    for module in RECIPES:
        monkeypatch.setattr(module, "NUMBERS", replace(module.NUMBERS, base=base, batch=2, warmup=1))
        monkeypatch.setattr(module.Recipe.__init__, "__defaults__", (0, module.NUMBERS))
        monkeypatch.setattr(module.Recipe, "measure", lambda self, model: {"distance (KID)": 0.5})


def test_a_run_keeps_what_was_changed_and_says_it(cpu, few_numbers, tmp_path):
    run = Run("monsters-lora", tmp_path / "run", steps=2, device=cpu, changes={"rank": 3, "learning_rate": 0.01})
    *_, last = run.steps()
    assert run.plan.learning_rate == 0.01
    assert run.recipe.numbers.rank == 3
    card = run.finish(last.average)
    assert card.command == "t2ilab train monsters-lora --steps 2 --seed 0 --rank 3 --learning-rate 0.01"
    assert card.parameters == sum(p.numel() for p in run.recipe.model.parameters())
    again = Run("monsters-lora", tmp_path / "run", device=cpu)
    assert again.recipe.numbers.rank == 3
    assert [step.step for step in again.steps()] == [2]
    for changes in ({"rank": 4}, {"rank": 3}):
        with pytest.raises(OSError, match="holds another run"):
            Run("monsters-lora", tmp_path / "run", device=cpu, changes=changes)


def test_a_number_that_a_recipe_has_not_is_refused_before_anything_is_written(cpu, few_numbers, tmp_path):
    with pytest.raises(ValueError, match=r"monsters has no rank; these have it: monsters-lora\."):
        Run("monsters", tmp_path / "run", steps=2, device=cpu, changes={"rank": 3})
    with pytest.raises(ValueError, match=r"reader has no base; these have it: control-edges, .*monsters"):
        Run("reader", tmp_path / "run", steps=2, device=cpu, changes={"base": "shapes"})
    with pytest.raises(ValueError, match=r"begins with its base: give --base shapes in place of --start"):
        Run("monsters", tmp_path / "run", steps=2, device=cpu, start="shapes")
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_rate_that_diverges_stops_at_the_first_loss_and_keeps_what_was_good(cpu, few_numbers, tmp_path, monkeypatch):
    from t2ilab.training import loop

    monkeypatch.setattr(loop.train, "__defaults__", (None, -1.0))  # a checkpoint after every step
    run = Run("monsters", tmp_path / "run", steps=30, device=cpu, changes={"learning_rate": 1e30})
    with pytest.raises(FloatingPointError, match=r"both must be finite\. Lower the learning rate \(1e\+30\)"):
        list(run.steps())
    kept = load_file(tmp_path / "run" / "checkpoint.safetensors")
    assert all(tensor.isfinite().all() for tensor in kept.values())
    assert all(row["loss"] < float("inf") for row in run.log())
    assert not (tmp_path / "run" / "model").exists()
