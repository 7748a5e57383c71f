"""What the studio answers, without a page: pictures, and a sentence where there are none."""

import re

import pytest
from PIL import Image
from published import latent_pipe

from t2ilab import zoo
from t2ilab.files import write_json
from t2ilab.studio import answers
from t2ilab.studio.answers import Asked, answer, first_picture
from t2ilab.studio.models import Models
from t2ilab.studio.settings import Settings
from t2ilab.studio.words import EXAMPLES, LABELS, SENTENCES, known_words, remark

RED = "a big red star on a dark background"
NOISE = Image.effect_noise((512, 512), 90).convert("RGB")


@pytest.fixture
def models(small_zoo):
    return Models(device="cpu")


def last(models, **changed):
    """The last answer to what is asked with a few steps, and how many came before it."""
    settings = {"prompt": RED, "model": "storybook", "num_inference_steps": 3, "seed": 4}
    mine = {name: changed.pop(name) for name in list(changed) if name in Settings.__dataclass_fields__}
    *before, end = answer(models, Asked(Settings(**(settings | mine)), **changed))
    return end, len(before)


def editor(box=None):
    layers = []
    if box:
        layers = [Image.new("RGBA", (512, 512))]
        layers[0].paste((255, 0, 0, 255), box)
    return {"background": NOISE, "layers": layers, "composite": NOISE}


def test_a_prompt_becomes_pictures(models):
    end, before = last(models, count=2)
    assert before >= 1
    assert [one.settings.seed for one in end.shown.drawn] == [4, 5]
    assert [one.settings.strength for one in end.shown.drawn] == [None, None]
    alts = re.findall(r'<img alt="([^"]*)"', end.stage)
    assert alts[:2] == [f"{RED} (seed 4)", f"{RED} (seed 5)"]
    assert "" not in alts
    assert 'download="a-big-red-star-on-a-dark-background-seed-4.png"' in end.stage
    assert "Drawn in" in end.status


def test_a_new_seed_is_new(models):
    seeds = {last(models, new_seed=True, num_inference_steps=1)[0].shown.drawn[0].settings.seed for _ in range(3)}
    assert len(seeds | {4}) == 4


def test_what_a_person_writes_is_no_html(models):
    prompt = 'a red star <img src=x onerror="alert(1)"> & ${value} {{value}}'
    end, _ = last(models, prompt=prompt)
    assert "<img src=x" not in end.stage + end.status
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in end.stage
    assert re.search(r'download="[\w-]+\.png"', end.stage)


@pytest.mark.parametrize(
    ("changed", "english", "japanese"),
    [
        ({"prompt": ""}, "at least one word", "空です"),
        ({"prompt": "a" * 100_000}, "at most 1,000 characters; got 100,000.", "1,000 文字まで"),
        ({"model": "../../etc"}, "has no model '../../etc'", "スタジオにありません"),
        ({"negative_prompt": "blue", "guidance_scale": 1.0}, "Raise the guidance", "ガイダンスを上げるか"),
        ({"part": "painted", "editor": editor()}, "Nothing is painted", "塗られたところがない"),
        ({"control": "no such net"}, "scribble is empty", "下描きがまだありません"),
        ({"count": 1000}, "got 1000.", "1000 になっています"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(models, changed, english, japanese):
    for language, said in (("en", english), ("ja", japanese)):
        end, before = last(models, language=language, **changed)
        assert (before, end.stage, end.shown) == (0, None, None)
        assert said in end.status.replace("&#x27;", "'")
        assert "t2-wrong" in end.status
        assert len(end.status) < 400


def test_one_persons_trouble_does_not_end_the_studio(models, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(answers, "draw", broken)
    assert "not enough memory" in last(models)[0].status
    monkeypatch.setattr(answers, "draw", lambda *a: {}["key"])
    assert "Something went wrong: KeyError" in last(models)[0].status
    assert caplog.records[-1].exc_info


def test_unknown_words_and_what_is_left_out_are_said(models):
    assert "does not know “dragon”, and draws the rest" in last(models, prompt="a red dragon")[0].status
    assert "「dragon」 を知らない" in last(models, prompt="a red dragon", language="ja")[0].status
    assert "longer than this model reads" in last(models, prompt=RED + " and red" * 30)[0].status


def test_a_picture_is_drawn_over_and_a_mask_filled(models):
    over, _ = last(models, editor=editor(), strength=0.5)
    assert over.shown.drawn[0].settings.strength == 0.5
    filled, _ = last(models, editor=editor((0, 0, 256, 512)), part="painted", strength=1.0)
    half, _ = last(models, editor=editor(), part="left", strength=1.0)
    assert filled.shown.drawn[0].png == half.shown.drawn[0].png != over.shown.drawn[0].png


def test_the_first_picture_is_the_first_example(models):
    (one,) = first_picture(models).drawn
    assert one.settings.prompt == EXAMPLES["en"][0]
    assert one.settings.model == models.names[0]


def test_the_models_are_those_that_draw_the_default_first(small_zoo, tmp_path, small_pipe, tokenizer, cpu, make_card):
    write_json(small_zoo / "reader" / "config.json", {})
    zoo.write_card(small_zoo / "reader", make_card("reader"))
    small_pipe.save_pretrained(small_zoo / "another")
    zoo.write_card(small_zoo / "another", make_card("another"))
    assert Models(device="cpu").names == [zoo.DEFAULT, "another"]
    latent_pipe(tokenizer, cpu).save_pretrained(tmp_path / "mine")  # a folder of diffusers' StableDiffusionPipeline
    models = Models([str(tmp_path / "mine")], device="cpu")
    assert models.names == ["mine", zoo.DEFAULT, "another"]
    assert last(models, model="mine")[0].shown.drawn[0].settings.model == "mine"
    with pytest.raises(ValueError, match="no 'nowhere'"):
        Models(["nowhere"], device="cpu")


def test_only_few_models_stay_open(small_zoo, small_pipe, make_card):
    for name in ("b", "c"):
        small_pipe.save_pretrained(small_zoo / name)
        zoo.write_card(small_zoo / name, make_card(name))
    models = Models(device="cpu")
    first = models.open(zoo.DEFAULT)
    models.open("b")
    assert models.open(zoo.DEFAULT) is first
    models.open("c")
    assert models.open(zoo.DEFAULT) is first
    assert len(models._open) == 2


def test_every_sentence_and_label_is_there_in_both_languages():
    for name, text in {**SENTENCES, **LABELS}.items():
        assert text.en, name
        assert text.ja, name

        assert set(re.findall(r"{(\w+)", text.en)) == set(re.findall(r"{(\w+)", text.ja)), name
        if name not in ("control", "seed"):
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text.ja), name
    assert len(EXAMPLES["en"]) == len(EXAMPLES["ja"])


@pytest.mark.parametrize("language", EXAMPLES)
def test_every_example_is_in_the_words_that_are_shown(language):
    for prompt in EXAMPLES[language]:
        assert remark(prompt, "storybook", language) is None, prompt
    assert ("お地蔵さん" if language == "ja" else "Jizo statue") in known_words("storybook", language)
    assert known_words(None, language)
