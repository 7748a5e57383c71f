"""Every exercise of every bank: its reference passes, each of its misconceptions is named, both languages are there."""

import inspect

import pytest
import torch

from t2ilab.lab import bank, check
from t2ilab.lab.case_names import CASES
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.judging import judge
from t2ilab.lab.messages import TABLE, Text
from t2ilab.lab.probing import measure

EVERY_MISTAKE = [(exercise, name) for exercise in bank.ALL for name in exercise.misconceptions]


def judged(exercise, answer):
    """What check would say, without its guard against the reference itself, and on inputs of a fixed seed."""
    generator = torch.Generator().manual_seed(7)
    draws = [exercise.make_inputs(generator) for _ in range(2)]
    return judge(exercise, draws, [measure(exercise, answer, inputs) for inputs in draws])


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_the_reference_is_right(exercise):
    result = judged(exercise, exercise.reference)
    assert result.passed, result
    assert result.points == exercise.points
    assert all(result.properties.values())


@pytest.mark.parametrize(("exercise", "name"), EVERY_MISTAKE, ids=lambda value: getattr(value, "name", value))
def test_every_misconception_is_wrong_and_gets_its_own_sentence(exercise, name, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    result = judged(exercise, exercise.misconceptions[name].wrong)
    assert not result.passed
    assert result.misconception == name
    assert exercise.misconceptions[name].sentence.en in result.message
    assert result.points < exercise.points


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_an_exercise_knows_at_least_four_mistakes_with_different_sentences(exercise):
    sentences = [item.sentence for item in exercise.misconceptions.values()]
    assert len(sentences) >= 4
    assert len({text.en for text in sentences}) == len({text.ja for text in sentences}) == len(sentences)


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_every_sentence_is_there_in_both_languages(exercise):
    texts = [*exercise.hints]
    texts += [item.sentence for item in (*exercise.properties.values(), *exercise.misconceptions.values())]
    for text in texts:
        assert isinstance(text, Text)
        assert text.en.isascii(), text.en
        assert text.en.endswith((".", "?")), text.en
        assert has_japanese(text.ja), text.ja
        assert text.ja.endswith(("。", "か？", "か。")), text.ja


@pytest.mark.parametrize("key", TABLE)
def test_the_table_of_messages_names_the_same_values_in_both_languages(key):
    fields = [
        {part.split("}")[0].split("!")[0] for part in sentence.split("{")[1:]}
        for sentence in TABLE[key]
        if "{" in sentence
    ]
    assert not fields or fields[0] == fields[-1]
    assert key == "error" or has_japanese(TABLE[key].ja)


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_every_case_has_a_name_to_read(exercise):
    arrays = exercise.probe(exercise.reference, exercise.make_inputs(torch.Generator().manual_seed(0)))
    assert arrays.error is None
    assert set(arrays) <= set(CASES)


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_inputs_are_fresh_plain_values_that_the_generator_alone_decides(exercise):
    def plain(value):
        if isinstance(value, dict):
            return all(map(plain, value.values()))
        if isinstance(value, list):
            return all(map(plain, value))
        return isinstance(value, torch.Tensor | int | float | str)

    torch.manual_seed(0)
    first = exercise.make_inputs(torch.Generator().manual_seed(3))
    torch.manual_seed(1)
    again = exercise.make_inputs(torch.Generator().manual_seed(3))
    other = exercise.make_inputs(torch.Generator().manual_seed(4))
    assert plain(first)
    assert repr(first) == repr(again) != repr(other)


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
@pytest.mark.parametrize("trivial", ["zeros", "first"])
def test_an_answer_that_does_nothing_earns_next_to_nothing(exercise, trivial):
    if inspect.isclass(exercise.reference):
        pytest.skip("a class that does nothing has no layers to fill")
    names = list(inspect.signature(exercise.reference).parameters)

    def lazy(*args):
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        given = tensors[0].float() if tensors else torch.ones(args[0])
        return given.clone() if trivial == "first" else torch.zeros_like(given)

    assert len(names) > 1 or exercise.name in ("to_model_range", "latent_scale", "merge_lora", "generator_loss")
    assert judged(exercise, lazy).score <= 0.25


@pytest.mark.parametrize("exercise", bank.ALL, ids=lambda exercise: exercise.name)
def test_a_reference_can_be_read_as_a_solution(exercise):
    """Its docstring is there, and it uses only names that the lab's setup cell and earlier exercises give."""
    earlier = set(bank.names(exercise.lab)[: bank.names(exercise.lab).index(exercise.name)])
    functions = [exercise.reference]
    if inspect.isclass(exercise.reference):
        functions = [value for value in vars(exercise.reference).values() if inspect.isfunction(value)]
    for function in functions:
        names = set(inspect.getclosurevars(function).globals)
        assert names <= {"torch", "nn", "F", "math"} | earlier
    assert exercise.reference.__doc__
    assert inspect.getsource(exercise.reference)


def test_exercises_are_found_by_name_and_by_lab():
    assert bank.labs() == (
        "00_welcome",
        "01_clip",
        "02_zero_shot",
        "03_image_text_data",
        "04_denoising",
        "05_ddpm",
        "06_samplers",
        "07_latent_diffusion",
        "08_text_to_image",
        "09_control",
        "10_fine_tuning",
        "11_dalle2",
        "12_imagen",
        "13_gans",
        "14_capstone",
    )
    assert bank.names("00_welcome") == ("to_model_range", "cosine_similarity")
    assert bank.names("05_ddpm") == (
        "linear_betas",
        "add_noise",
        "timestep_embedding",
        "eps_to_x0",
        "ResBlock",
        "ddpm_loss",
        "training_step",
        "ddpm_step",
    )
    assert bank.find("add_noise").reference.__name__ == "add_noise"
    assert len({exercise.name for exercise in bank.ALL}) == len(bank.ALL)


def test_unknown_names_are_answered_with_the_nearest(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    with pytest.raises(ValueError, match=r"no exercise called 'ad_noise'; the nearest names are add_noise"):
        bank.find("ad_noise")
    with pytest.raises(ValueError, match=r"'99_nowhere'; there are banks for 00_welcome, 01_clip, 02_zero_shot, 0"):
        bank.exercises("99_nowhere")


# Twenty lines are enough for an instructor's own exercise; this one also tests the rules of Exercise.
def double(x):
    """Twice x."""
    return 2 * x


def own_exercise(**changes):
    nudge = Text("Twice.", "2 倍です。")
    return Exercise(
        **{
            "name": "double",
            "lab": "99_own",
            "difficulty": 1,
            "minutes": 1,
            "points": 2,
            "make_inputs": lambda generator: {"x": torch.randn(3, generator=generator)},
            "probe": lambda answer, inputs: {"batch": answer(inputs["x"]).numpy()},
            "reference": double,
            "hints": (nudge, nudge, nudge),
            "properties": {
                "sign": Property(lambda arrays, inputs: (arrays["batch"] * inputs["x"].numpy() >= 0).all(), 0.5, nudge)
            },
            "misconceptions": {"squared": Misconception(lambda x: x * x, Text("you square.", "2 乗しています。"))},
        }
        | changes
    )


def test_an_exercise_of_ones_own_works_with_a_plain_probe(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    own = own_exercise()
    assert check(lambda x: x + x, own).passed
    assert "you square." in check(lambda x: x**2, own).message
    assert check(lambda x: 3 * x, own).points == 1
    assert "ZeroDivisionError" in check(lambda x: 1 / 0, own).message


def test_a_property_decides_even_where_the_arrays_agree(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    never = {"never": Property(lambda arrays, inputs: False, 0.5, Text("It never holds.", "成り立ちません。"))}
    result = check(lambda x: x + x, own_exercise(properties=never))
    assert not result.passed
    assert "It never holds." in result.message


def test_an_error_from_the_start_is_told_even_where_a_known_mistake_fails_alike(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    mistakes = {"divided": Misconception(lambda x: x / (1 // 0), Text("you divide.", "割っています。"))}
    result = check(lambda x: [][1 // 0], own_exercise(misconceptions=mistakes))
    assert (result.status, result.misconception) == ("error", None)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "triple"}, "has its reference's name, but 'triple' has the reference 'double'"),
        ({"difficulty": 6}, "A difficulty is 1 to 5, but double has 6"),
        ({"hints": ()}, "three hints, but double has 0"),
        ({"properties": {}}, "add up to 0"),
        ({"properties": {"all": Property(lambda arrays, inputs: True, 1.0, Text("a", "あ"))}}, "add up to 1"),
    ],
)
def test_a_broken_definition_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        own_exercise(**changes)


def has_japanese(text):
    return any("\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff" for letter in text)
