"""All families side by side: each against its own pipeline, the figures against torchmetrics and counts by hand."""

import dataclasses
import json
import math

import own_zoo
import pytest
import torch

from t2ilab import metrics, zoo
from t2ilab.comparison import families, report
from t2ilab.comparison.entrant import Entrant
from t2ilab.comparison.families.world import the_world
from t2ilab.comparison.judge import Judge
from t2ilab.comparison.measuring import diversity, drawn, measure
from t2ilab.comparison.run import compare
from t2ilab.comparison.task import EACH, VAGUE, Task
from t2ilab.data.scenes import is_held_out
from t2ilab.metrics import Reading, Seen
from t2ilab.pipelines.cascade import Cascade
from t2ilab.pipelines.labels_to_image import LabelsToImage
from t2ilab.pipelines.prior import PriorSettings
from t2ilab.pipelines.stage import Guidance
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.pipelines.unclip import UnCLIP

TASK = Task(count=8)
FAMILIES = {
    "shapes": ("pixel diffusion", "words", 16), "shapes-pixel": ("pixel diffusion", "words", 16),
    "unclip-shapes": ("unCLIP", "words", 16), "cascade-shapes": ("cascade", "words", 16),
    "gan-conditional": ("conditional GAN", "labels", 16), "gan-attention": ("GAN with attention", "labels", 32),
    "gan-progressive": ("growing GAN", "nothing", 16), "gan-style": ("style-based GAN", "nothing", 16),
}  # fmt: skip


@pytest.fixture
def whole_zoo(tmp_path, monkeypatch, small_pipe, cpu, tokenizer, make_card):
    own_zoo.fill(tmp_path / "zoo", small_pipe, cpu, tokenizer, make_card)
    monkeypatch.setattr(zoo, "ROOT", tmp_path / "zoo")
    return tmp_path / "zoo"


def entrant(name, steps=2):
    return families.opened(name, *families.find(name), "cpu", steps)


def still(images, **more):
    """An entrant that gives these pictures, whatever is asked."""
    return Entrant("mine", "my own", images.shape[-1], lambda prompts, scenes, seed: images[: len(prompts)], **more)


@pytest.mark.filterwarnings("ignore:8 pictures span")
def test_every_family_takes_part(whole_zoo):
    found = compare(task=TASK, steps=1, device="cpu")
    assert {r.name: (r.family, r.hears, r.size) for r in found.results[1:]} == FAMILIES
    assert found.results[0].name == "the world itself"
    assert found.failed == {}
    for result in found.results:
        assert (result.faithfulness is None) == (result.hears == "nothing")
        assert (result.diversity is None) == (result.hears == "labels")
        assert result.network == "reader"
        assert all(math.isfinite(v) for v in dataclasses.asdict(result).values() if isinstance(v, float))
    # What is not there yet is a sentence, and so is what few pictures do to a distance.
    left_out = [r for r in found.remarks if r.startswith("storybook")]
    assert [r.split()[0] for r in left_out] == ["storybook", "storybook-pixel"]
    assert "the zoo has no storybook, vae-storybook yet; `t2ilab train storybook` makes it" in left_out[0]
    assert any("8 pictures span at most 7 of 256 directions" in r and "too large" in r for r in found.remarks)
    card = {name: zoo.card(name).minutes for name in zoo.names()}
    minutes = {r.name: r.minutes for r in found.results}
    assert minutes["shapes"] == card["shapes"] + card["vae-shapes"]
    assert minutes["cascade-shapes"] == card["language-shapes"] + sum(
        card[f"cascade-shapes-{size}"] for size in (16, 32, 64)
    )
    assert minutes["the world itself"] is None


def test_each_draws_what_its_pipeline_draws(whole_zoo):
    prompts, scenes = TASK.asked

    def plain(pipe, **more):
        return pipe(prompts, seed=5, num_inference_steps=2, output_type="pt", **more) * 2 - 1

    halved = [Guidance(num_inference_steps=n) for n in (2, 1, 1)]
    expected = {
        "shapes-pixel": plain(TextToImage.from_pretrained("shapes-pixel", "cpu")),
        "unclip-shapes": plain(UnCLIP.from_pretrained("shapes", "cpu"), prior=PriorSettings(num_inference_steps=2)),
        "cascade-shapes": Cascade.from_pretrained("shapes", "cpu")(prompts, how=halved, seed=5, output_type="pt") * 2
        - 1,
        "gan-conditional": LabelsToImage.from_pretrained("gan-conditional", "cpu").draw(scenes, 5).clamp(-1, 1),
    }
    for name, images in expected.items():
        ours = entrant(name).pictures(prompts, scenes, 5)
        assert torch.allclose(ours, images.float(), atol=1e-5), name
    for name in ("gan-progressive", "gan-style"):
        one = entrant(name)
        images = one.pictures(prompts, scenes, 5)
        assert torch.equal(images, one.pictures(prompts, scenes, 5))
        assert not torch.equal(images, one.pictures(prompts, scenes, 6))
        painter = own_zoo.PAINTERS[name]
        assert one.parameters == sum(p.numel() for p in painter.parameters())


def test_folders_of_ones_own_are_told_apart(whole_zoo, tmp_path, cpu, tokenizer):
    from chains import cascade, unclip

    cascade(cpu, tokenizer).save_pretrained(tmp_path / "a")
    unclip(cpu, tokenizer).save_pretrained(tmp_path / "b")
    prompts, scenes = TASK.asked
    for folder, family, name in (("a", "cascade", "cascade-shapes"), ("b", "unCLIP", "unclip-shapes")):
        own = entrant(str(tmp_path / folder))
        assert (own.family, own.cards) == (family, ())
        assert torch.equal(own.pictures(prompts, scenes, 0), entrant(name).pictures(prompts, scenes, 0))
    for name in FAMILIES:
        if name not in ("unclip-shapes", "cascade-shapes"):  # those lie in parts
            assert entrant(str(whole_zoo / name)).family == FAMILIES[name][0]


@pytest.mark.parametrize(("name", "sentence"), [
    ("shapes-pixl", "no model or folder 'shapes-pixl'; the nearest that there is: shapes-pixel"),
    ("reader", "reader holds nothing that draws by itself"),
])  # fmt: skip
def test_names_that_draw_nothing(whole_zoo, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare([name], TASK)


def test_nothing_left_is_an_error(whole_zoo):
    with pytest.raises(ValueError, match=r"Nothing can be compared\. storybook is left out"):
        compare(["storybook"], TASK)


def test_a_changed_file_is_said(whole_zoo):
    (whole_zoo / "gan-style" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(OSError, match="is not the file that was trained"):
        compare(["gan-style"], TASK)


# The figures


def test_distances_are_those_of_torchmetrics_with_the_same_network():
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import poly_mmd

    task, judge = Task(count=300, seed=3), Judge.of()
    result = measure(the_world(), task, judge)
    real, fake = task.real(32), drawn(the_world(), *task.asked)[0]

    class Seen(torch.nn.Module):
        num_features = 256

        def forward(self, images):
            return judge.reader.features(images.float() * 2 - 1)

    theirs = FrechetInceptionDistance(Seen(), normalize=True, input_img_size=(3, 32, 32)).set_dtype(torch.float64)
    theirs.update(real / 2 + 0.5, real=True)
    theirs.update(fake / 2 + 0.5, real=False)
    assert result.fid == pytest.approx(theirs.compute().item(), rel=1e-5)  # its features pass through float32
    with torch.no_grad():
        x, y = (judge.reader.features(images).double() for images in (real, fake))
    assert result.kid == pytest.approx(poly_mmd(x, y).item(), abs=1e-6)
    # Of the world itself all is as good as it can be.
    assert result.faithfulness == 1
    assert result.coverage > 0.95
    assert result.diversity > 0.85
    assert min(result.precision, result.recall) > 0.85


def seen(x, y, background, thing="star"):
    return Reading((Seen(thing, "red", "none", "big", "none", x, y),), background)


def test_diversity_by_hand():
    a, b, c = seen(-0.5, -0.5, "dark"), seen(0.5, 0.5, "light"), seen(0.5, 0.5, "dark")
    assert diversity([[a, a, a], [b, b]]) == 0
    # Places: a differs from b and c; backgrounds: b differs from a and c. Of 9 places and 2 backgrounds.
    assert diversity([[a, b, c, None]]) == pytest.approx((2 / 3 / (8 / 9) + min(1, 2 / 3 / (1 / 2))) / 2)
    assert diversity([[None, None], []]) == 0


def test_the_task_asks_all_the_same():
    prompts, scenes = Task(count=50).asked
    assert (prompts, scenes) == Task(count=50).asked
    assert len(prompts) == 50
    assert not any(is_held_out(scene) for scene in scenes)
    vague, open_scenes = TASK.vague
    assert len(vague) == VAGUE * EACH
    assert len(set(vague)) == VAGUE
    assert {scene.place for scene in open_scenes} == {None}
    assert Task(count=50, seed=1).asked[0] != prompts
    storybook = Task("storybook", 8)
    assert storybook.real(32).shape == (8, 3, 32, 32)
    assert len(storybook.vague[0]) == VAGUE * EACH
    pairs = Task("storybook", 8, things=2)
    assert {len(scene.chain()) for scene in pairs.asked[1]} == {2}
    assert pairs.real(32).shape == (8, 3, 32, 32)
    assert not torch.equal(pairs.real(32), storybook.real(32))


@pytest.mark.filterwarnings("ignore:8 pictures span")
def test_features_of_a_clip_are_named(whole_zoo):
    found = compare(["gan-conditional"], TASK, Judge.of("clip-storybook", "cpu"), device="cpu", world=False)
    assert found.results[0].network == found.network == "clip-storybook"
    assert found.instruments != Judge.of().fingerprint


# What is refused


@pytest.mark.parametrize(("images", "sentence"), [
    (torch.zeros(32, 3, 16, 8), r"a tensor \(1, 3, 8, 8\), a picture a prompt; got \(1, 3, 16, 8\)"),
    (torch.zeros(32, 1, 16, 16), r"got \(1, 1, 16, 16\)"),
    (torch.zeros(0, 3, 16, 16), r"got \(0, 3, 16, 16\)"),
    (torch.full((32, 3, 16, 16), 255.0), "in \\[-1, 1\\]; got numbers from 255 to 255. Divide bytes by 127.5"),
    (torch.full((32, 3, 16, 16), math.nan), "NaN or infinity"),
])  # fmt: skip
def test_pictures_that_are_none(images, sentence):
    with pytest.raises(ValueError, match=f"mine .*{sentence}"):
        compare([still(images)], TASK, world=False)


def test_a_tensor_is_asked_for():
    one = Entrant("mine", "my own", 16, lambda *_: [1, 2])
    with pytest.raises(ValueError, match=r"got list\. See that draw"):
        one.pictures(["a star"], [TASK.asked[1][0]], 0)
    with pytest.raises(ValueError, match="hears one of words, labels, nothing; got 'music'"):
        still(torch.zeros(1, 3, 16, 16), hears="music")


@pytest.mark.filterwarnings("ignore:8 pictures span")
def test_one_that_fails_does_not_stop_the_others():
    good = dataclasses.replace(the_world(16), name="good")
    found = compare([still(torch.full((32, 3, 16, 16), 9.0)), good], TASK, world=False)
    assert [result.name for result in found.results] == ["good"]
    assert "numbers from 9 to 9" in found.failed["mine"]
    assert any(note.startswith("mine: mine was to draw") for note in report.notes(found))


def test_features_that_are_not_finite():
    judge = Judge(metrics.default_reader(), lambda images: torch.full((len(images), 4), math.nan), "broken")
    with pytest.raises(ValueError, match="Features must be finite"):
        measure(the_world(16), TASK, judge)


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: Task(count=7), "takes 8 to 20,000 prompts; got 7"),
    (lambda: Task("circus"), "one of shapes, storybook; got 'circus'"),
    (lambda: Task(seed=-1), "got -1"),
    (lambda: Task(things=2), "The shapes level has 1 to 1 things in a picture; got 2"),
    (lambda: compare([the_world()], TASK, steps=0), "steps lies in 1 to 1,000; got 0"),
    (lambda: compare([the_world(), the_world()], TASK), "takes part once; got the world itself, the world itself"),
])  # fmt: skip
def test_numbers_out_of_range(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_model_of_the_shapes_is_not_asked_of_the_storybook():
    with pytest.raises(ValueError, match="knows the shapes level only"):
        compare([still(torch.zeros(32, 3, 16, 16), level="shapes")], Task("storybook", 8), world=False)


# What is written


@pytest.mark.filterwarnings("ignore:8 pictures span")
def test_table_json_and_csv_say_the_same(tmp_path):
    found = compare([dataclasses.replace(the_world(16), name="mine", hears="nothing")], TASK)
    lines = report.table(found.results).splitlines()
    assert lines[0].split()[:2] == ["model", "family"]
    assert len({len(line) for line in lines[:2]}) == 1
    assert lines[3].split()[4] == "-"  # "no model" are two words; nothing was asked of it
    report.save(found, tmp_path / "a.json")
    report.save(found, tmp_path / "a.csv")
    whole = json.loads((tmp_path / "a.json").read_text())
    assert whole["task"] == {"level": "shapes", "count": 8, "seed": 0, "things": None}
    assert [r["name"] for r in whole["results"]] == ["the world itself", "mine"]
    header, _, mine = (tmp_path / "a.csv").read_text().splitlines()
    row = dict(zip(header.split(","), mine.split(","), strict=True))
    assert row["faithfulness"] == ""
    assert float(row["kid"]) == whole["results"][1]["kid"]
    with pytest.raises(ValueError, match=r"must end in \.json or \.csv"):
        report.save(found, tmp_path / "a.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]
