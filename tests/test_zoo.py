"""The zoo: what a card must say, and that no changed file is ever opened; on a small zoo and on the real one."""

import dataclasses
import json
import math
import re

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from t2ilab import zoo
from t2ilab.files import write_json

LIMIT_MB = 48
WANTED = (
    "shapes-pixel",
    "storybook-pixel",
    "reader",
    "clip-storybook",
    "clip-storybook-ja",
    "clip-emoji",
    "clip-emoji-ja",
    "vae-shapes",
    "shapes",
    "vae-storybook",
    "storybook",
    "gan-attention",
    "gan-conditional",
    "gan-cycle",
    "gan-progressive",
    "gan-style",
    "language-shapes",
    "cascade-shapes-16",
    "cascade-shapes-32",
    "cascade-shapes-64",
    "prior-shapes",
    "decoder-shapes",
    "upsampler-shapes",
    "control-semantic",
    "control-scribble",
    "control-edges",
    "control-pose",
)


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


# ---- on a small zoo -------------------------------------------------------------------------------------------------


def test_a_whole_checkpoint_is_given(small_zoo):
    assert zoo.names() == ["storybook"]
    assert zoo.folder("storybook") == small_zoo / "storybook"


def test_a_card_holds_the_hash_of_every_file_below_it(small_zoo):
    folder = small_zoo / "storybook"
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert zoo.card("storybook").sha256.keys() == files - {"card.json"}
    assert "unet/diffusion_pytorch_model.safetensors" in files


@pytest.mark.parametrize("position", [0, 1000, -1])
def test_a_changed_byte_is_seen(small_zoo, position):
    flip(small_zoo / "storybook" / "unet" / "diffusion_pytorch_model.safetensors", position)
    with pytest.raises(
        OSError, match=r"is not the file that was trained: its SHA-256 begins with \w{12}, not \w{12}\."
    ):
        zoo.folder("storybook")


def test_a_changed_byte_in_a_small_file_is_seen_too(small_zoo):
    for file in zoo.card("storybook").sha256:
        path = small_zoo / "storybook" / file
        before = path.read_bytes()
        flip(path, len(before) // 2)
        with pytest.raises(OSError, match=re.escape(path.name)):
            zoo.folder("storybook")
        path.write_bytes(before)
    assert zoo.folder("storybook")


def test_a_file_cut_in_half_is_seen(small_zoo):
    path = small_zoo / "storybook" / "text_encoder" / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        OSError, match=r"cut short or changed; install the package again, or run `t2ilab train storybook "
    ):
        zoo.folder("storybook")


def test_a_missing_file_is_seen(small_zoo):
    (small_zoo / "storybook" / "tokenizer" / "vocab.json").unlink()
    with pytest.raises(
        OSError, match=r"vocab\.json is missing; install the package again, or run `t2ilab train storybook "
    ):
        zoo.folder("storybook")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "not readable as JSON"), ("{}", "is not a card"), ('{"name": "x", "color": 1}', "is not a card")],
)
def test_a_broken_card_is_said(small_zoo, content, sentence):
    (small_zoo / "storybook" / "card.json").write_text(content)
    with pytest.raises(OSError, match=sentence):
        zoo.card("storybook")


@pytest.mark.parametrize("name", ["story-pixels", "", "../zoo/storybook", "STORY"])
def test_an_unknown_name_gets_the_nearest(small_zoo, name):
    with pytest.raises(ValueError, match=r"The zoo has no .*; the nearest it has: storybook\.$"):
        zoo.folder(name)


def test_an_empty_zoo_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "ROOT", tmp_path / "nowhere")
    assert zoo.names() == []
    with pytest.raises(ValueError, match=r"the nearest it has: nothing at all\.$"):
        zoo.folder("shapes-pixel")


def test_files_that_another_has_too_lie_there_and_are_checked(small_zoo, make_card):
    part = small_zoo / "storybook" / "unet"
    zoo.write_card(part, make_card("drawn"))
    made = zoo.card_of(part)
    (part / "card.json").unlink()
    write_json(
        small_zoo / "drawn" / "card.json", dataclasses.asdict(dataclasses.replace(made, within="storybook/unet"))
    )
    assert zoo.folder("drawn") == part
    assert zoo.names() == ["drawn", "storybook"]
    flip(part / "diffusion_pytorch_model.safetensors", -1)
    with pytest.raises(OSError, match="is not the file that was trained"):
        zoo.folder("drawn")


# ---- on the zoo that the course brings ------------------------------------------------------------------------------


def test_the_zoo_holds_what_the_labs_need():
    assert set(WANTED) <= set(zoo.names())


@pytest.mark.parametrize("name", WANTED)
def test_every_file_of_the_zoo_is_whole_and_hashed(name):
    folder = zoo.folder(name)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert zoo.card(name).sha256.keys() == files - {"card.json"}


@pytest.mark.parametrize("name", WANTED)
def test_a_card_says_how_its_checkpoint_was_made_and_what_it_can_do(name):
    from t2ilab.recipes.run import names

    card = zoo.card(name)
    assert card.name == name
    assert name in names()
    command, _, start = card.command.partition(" --start ")
    recipes = (name, f"{name}-decoder")  # an autoencoder's decoder may have been trained on alone
    assert command in [f"t2ilab train {recipe} --steps {card.steps} --seed {card.seed}" for recipe in recipes]
    assert start in ("", name)
    assert card.steps > 0
    assert card.minutes > 0
    for text in (card.summary, card.hardware, card.data, card.limits):
        assert len(text) > 20
        assert "\n" not in text
    assert card.scores
    assert all(0 <= score <= 1 for name, score in card.scores.items() if not name.endswith(")"))
    parameters = 0
    for file in card.sha256:
        if file.endswith(".safetensors"):
            with safe_open(zoo.folder(name) / file, "pt") as tensors:
                parameters += sum(math.prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118
    assert card.parameters == parameters
    text = (zoo.ROOT / name / "card.json").read_text(encoding="utf-8")
    assert json.loads(text).keys() - {"within"} == {field.name for field in dataclasses.fields(zoo.Card)} - {"within"}


def test_the_picture_model_keeps_its_promise():
    scores = zoo.card("shapes-pixel").scores
    assert min(scores["en"], scores["ja"], scores["held out"]) >= 0.95


def test_the_readers_card_states_the_accuracy_that_the_course_promises():
    scores = zoo.card("reader").scores
    assert min(scores["shapes clean"], scores["shapes degraded"]) >= 0.995
    assert scores["storybook clean, 1 thing"] >= 0.98


def test_the_readers_card_states_the_accuracy_that_the_storybook_promises():
    assert zoo.card("reader").scores["storybook clean"] >= 0.98


def test_the_latent_model_draws_as_the_course_asks():
    scores = zoo.card("shapes").scores
    assert min(scores["en"], scores["ja"]) >= 0.95
    assert scores["held out"] >= 0.9


def test_the_shapes_come_back_from_a_forty_eighth():
    scores = zoo.card("vae-shapes").scores
    assert scores["psnr (dB)"] >= 34
    assert scores["read, come back"] >= scores["read, as drawn"] - 0.01
    assert zoo.said({"psnr (dB)": 34.5, "right": 0.125}) == "psnr (dB) 34.50, right 12.5%"


def test_the_zoo_is_small_and_in_half_precision():
    files = [path for path in zoo.ROOT.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LIMIT_MB * 1e6
    for path in files:
        if path.suffix == ".safetensors":
            assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}, path
    assert not [path for path in files if path.suffix in (".pt", ".bin", ".pkl", ".ckpt")]
