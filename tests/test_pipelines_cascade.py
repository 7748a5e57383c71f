"""The cascade against its stages drawn one by one, what it reads against transformers, and what is refused."""

import errno

import pytest
import torch
from chains import DIM, cascade, stage
from published import difference, library

from t2ilab.diffusion.samplers import sample_ddpm, sample_euler_ancestral
from t2ilab.pipelines.cascade import Cascade, Reading
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.stage import Guidance

PROMPTS = ["a big red star", "a small blue circle on a dark background"]


@pytest.fixture
def pipe(cpu, tokenizer):
    return cascade(cpu, tokenizer)


@torch.no_grad()
def test_words_are_read_as_transformers_t5_reads_them(pipe, tmp_path):
    pipe.reading.save_pretrained(tmp_path)
    theirs = library("transformers").T5EncoderModel.from_pretrained(tmp_path).double()
    tokens, mask = pipe.reading([*PROMPTS, ""])
    ids = pipe.reading.tokenizer([*PROMPTS, ""])
    lengths = [len(pipe.reading.tokenizer.encode(text)) + 2 for text in (*PROMPTS, "")]
    assert mask.sum(1).tolist() == lengths
    for row, length, words in zip(ids, lengths, tokens, strict=True):
        alone = theirs(input_ids=row[None, :length]).last_hidden_state[0]  # without any padding
        assert difference(words[:length], alone) < 2e-2  # weights in half precision
        assert (words[length:] == 0).all()


@torch.no_grad()
def test_it_draws_stage_after_stage(pipe):
    how = [Guidance(5.0, 3), Guidance(2.0, 2, "static", augmentation_level=0.2), Guidance(1.0, 2)]
    drawn = pipe(PROMPTS, how=how, seed=3, output_type="pt", all_stages=True)
    told, mask = pipe.reading(PROMPTS)
    untold, nothing = pipe.reading([""])
    noise, x = Noise(2, 3), None
    for one, settings, picture in zip(pipe.stages, how, drawn, strict=True):
        both = mask if settings.guidance_scale == 1 else torch.cat([nothing, nothing, mask])
        x = one.draw(told, untold, settings, noise, x, both).clamp(-1, 1)
        torch.testing.assert_close(picture, (x / 2 + 0.5).float())
    assert [picture.shape[-1] for picture in drawn] == [4, 8, 16]


def test_pictures_are_pil_and_seeds_count_on(pipe):
    together = pipe(PROMPTS, seed=4, num_inference_steps=2)
    assert [picture.size for picture in together] == [(16, 16)] * 2
    alone = pipe(PROMPTS[1], seed=5, num_inference_steps=2)
    assert alone[0].tobytes() == together[1].tobytes()
    by_generator = pipe(PROMPTS, generator=torch.Generator().manual_seed(4), num_inference_steps=2)
    assert by_generator[0].tobytes() != together[0].tobytes()


@pytest.mark.parametrize("sampler", [sample_ddpm, sample_euler_ancestral])
def test_a_seed_fixes_what_samplers_add_on_their_way_too(pipe, sampler):
    settings = {"seed": 4, "num_inference_steps": 3, "sampler": sampler, "output_type": "pt"}
    torch.manual_seed(1)
    one = pipe(PROMPTS, **settings)
    torch.manual_seed(2)
    torch.testing.assert_close(pipe(PROMPTS, **settings), one, rtol=0, atol=0)
    assert (pipe(PROMPTS, **settings | {"seed": 5}) - one).abs().max() > 0.1


def test_a_sampler_is_named_as_in_one_stage(pipe):
    settings = {"seed": 4, "num_inference_steps": 2, "output_type": "pt"}
    named = pipe(PROMPTS, sampler="euler_ancestral", **settings)
    torch.testing.assert_close(named, pipe(PROMPTS, sampler=sample_euler_ancestral, **settings), rtol=0, atol=0)


def test_pictures_can_be_learnt_from(pipe):
    drawn = pipe(PROMPTS[0], seed=4, num_inference_steps=2, output_type="pt")
    layer = torch.nn.Conv2d(3, 1, 3)
    layer(drawn).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_words_matter_and_padding_does_not(pipe):
    settings = {"seed": 1, "num_inference_steps": 2, "output_type": "pt"}
    one, other = pipe(PROMPTS[0], **settings), pipe(PROMPTS[1], **settings)
    assert (one - other).abs().max() > 1e-3
    untouched = pipe.reading.encoder.shared.weight.requires_grad
    assert not untouched


def test_it_is_saved_and_opened(pipe, tmp_path, cpu):
    pipe.save_pretrained(tmp_path)
    again = Cascade.from_pretrained(tmp_path, cpu)
    assert [one.image_size for one in again.stages] == [4, 8, 16]
    settings = {"seed": 1, "num_inference_steps": 2, "guidance_scale": 1.0, "output_type": "pt"}
    assert (again(PROMPTS, **settings) - pipe(PROMPTS, **settings)).abs().max() < 0.1


def test_a_shorter_cascade_replaces_a_longer_one(pipe, cpu, tokenizer, tmp_path):
    pipe.save_pretrained(tmp_path)
    (tmp_path / "stage-notes").mkdir()  # no part of a model
    cascade(cpu, tokenizer, (4, 8)).save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"language", "stage-4", "stage-8", "stage-notes"}
    (tmp_path / "stage-8 copy").mkdir()  # as file managers make them
    assert [one.image_size for one in Cascade.from_pretrained(tmp_path, cpu).stages] == [4, 8]


def test_a_save_cut_short_leaves_no_mixture(pipe, cpu, tokenizer, tmp_path, monkeypatch):
    pipe.save_pretrained(tmp_path)
    other = cascade(cpu, tokenizer)

    def full_disk(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(other.stages[1], "save_pretrained", full_disk)
    with pytest.raises(OSError, match="No space"):
        other.save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"config\.json"):
        Cascade.from_pretrained(tmp_path, cpu)


def test_a_folder_of_that_name_does_not_hide_the_zoos(tmp_path, monkeypatch, cpu):
    (tmp_path / "shapes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [stage.image_size for stage in Cascade.from_pretrained("shapes", cpu).stages] == [16, 32, 64]


def test_the_zoos_stages_are_sorted_by_their_whole_size(monkeypatch):
    opened = []

    class Part:
        device = None

        @classmethod
        def from_pretrained(cls, name, device=None):
            opened.append(name)
            return cls()

    names = ["cascade-tall-128", "cascade-tall-64", "cascade-tall-256", "language-tall"]
    monkeypatch.setattr("t2ilab.zoo.names", lambda: names)
    monkeypatch.setattr("t2ilab.pipelines.cascade.Reading", Part)
    monkeypatch.setattr("t2ilab.pipelines.cascade.Stage", Part)
    monkeypatch.setattr(Cascade, "__init__", lambda self, reading, stages: None)
    Cascade.from_pretrained("tall")
    assert opened == ["language-tall", "cascade-tall-64", "cascade-tall-128", "cascade-tall-256"]


def test_what_the_zoo_has_not_is_a_sentence():
    with pytest.raises(ValueError, match="'language-nowhere'"):
        Cascade.from_pretrained("nowhere")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prompt": ""}, "A prompt needs at least one word"),
        ({"output_type": "np"}, "output_type is 'pil' or 'pt'"),
        ({"how": [Guidance()]}, "once or for each of the 3 stages; got 1"),
        ({"guidance": 3.0}, "A stage has the settings guidance_scale, .*; got guidance"),
        ({"percentile": 0}, r"percentile must lie in \(0, 1\]"),
        ({"augmentation_level": 2}, r"An augmentation level lies in \[0, 1\]"),
        ({"seed": -1}, "whole number from 0"),
        ({"num_inference_steps": 0}, "num_inference_steps lies in 1 to 100; got 0"),
        ({"sampler": "dimm"}, "There is no sampler 'dimm'; the nearest: ddim"),
        ({"sampler": 3}, "A sampler is a function, or one of ddim, .*; got 3"),
    ],
)
def test_what_it_does_not_draw_is_a_sentence(pipe, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        pipe(**({"prompt": PROMPTS} | arguments))


def test_parts_that_do_not_fit_are_sentences(pipe, cpu):
    with pytest.raises(ValueError, match="got 4 -> 6"):
        Cascade(pipe.reading, [pipe.stages[0], stage(cpu, 6, True)])
    other = stage(cpu, 8, True, cross_attention_dim=DIM + 4)
    with pytest.raises(ValueError, match="as wide as the language model's, 16; got 20"):
        Cascade(pipe.reading, [pipe.stages[0], other])


def test_reading_is_frozen(pipe):
    assert isinstance(pipe.reading, Reading)
    assert not any(parameter.requires_grad for parameter in pipe.reading.encoder.parameters())
