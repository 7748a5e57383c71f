"""A learned word: what diffusers makes of our file, we of a file of theirs, and what a model refuses."""

import pytest
import torch
from published import difference, library, stable_diffusion
from safetensors.torch import load_file, save_file

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.interop.textual_inversion import FILE, load_word, save_word
from t2ilab.nets.new_word import settle_word
from t2ilab.pipelines.new_words import begin_word, load_textual_inversion
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a big Mofu on a red star, mofu"


@pytest.fixture
def theirs(tmp_path):
    """A small pipeline of diffusers, and ours of the same folder."""
    pipe, folder = stable_diffusion(CLIPTokenizer.train(vocabulary(), 16), tmp_path)
    ours = TextToImage.from_pretrained(folder, "cpu")
    return pipe, ours


@pytest.fixture
def row():
    return torch.randn(24, generator=torch.Generator().manual_seed(3))


def their_tokens(pipe, prompt):
    """What their U-Net reads of a prompt, (1, L, D)."""
    ids = pipe.tokenizer(
        prompt, padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        return pipe.text_encoder(ids)[0]


def test_diffusers_opens_the_word_and_reads_it_as_we_do(theirs, row, tmp_path):
    pipe, ours = theirs
    path = save_word(tmp_path / "word", "mofu", row)
    assert path.name == FILE
    pipe.load_textual_inversion(str(tmp_path / "word"))
    assert load_textual_inversion(ours, tmp_path / "word") == "mofu"
    assert pipe.tokenizer.convert_tokens_to_ids("mofu") == ours.tokenizer.vocab["mofu"]
    assert ours.tokenizer.tokens(PROMPT).count("mofu") == 2
    with torch.no_grad():
        mine = ours.encode([PROMPT])
    assert difference(mine, their_tokens(pipe, PROMPT)) < 1e-5
    without = their_tokens(pipe, "a big cat on a red star, cat")
    assert difference(mine, without) > 1e-2


def test_a_word_of_diffusers_training_opens_here(theirs, row, tmp_path):
    _, ours = theirs
    save_file({"<mofu>": row[None]}, tmp_path / FILE)  # as its script writes it
    assert load_textual_inversion(ours, tmp_path, word="モフ") == "モフ"
    assert torch.equal(ours.text_encoder.embeddings.token_embedding.weight[-1], row)
    assert ours.tokenizer.tokens("モフの絵")[0] == "モフ"


def test_a_model_with_its_word_is_saved_and_opened_by_both(theirs, row, tmp_path):
    _, ours = theirs
    save_word(tmp_path / "word", "mofu", row)
    load_textual_inversion(ours, tmp_path / "word")
    with torch.no_grad():
        expected = ours.encode([PROMPT])
    ours.save_pretrained(tmp_path / "whole")
    again = TextToImage.from_pretrained(tmp_path / "whole", "cpu")
    assert again.tokenizer.words == ("mofu",)
    with torch.no_grad():
        assert difference(again.encode([PROMPT]), expected) < 2e-3  # in half precision
    pipe = library("diffusers").StableDiffusionPipeline.from_pretrained(tmp_path / "whole", safety_checker=None)
    assert difference(their_tokens(pipe, PROMPT), expected) < 2e-3


def test_a_word_begins_as_the_mean_of_others_and_ends_in_a_file(theirs, tmp_path):
    _, ours = theirs
    rows = ours.text_encoder.embeddings.token_embedding.weight.clone()
    word = begin_word(ours, "mofu", ("red", "star"))
    (red,), (star,) = (ours.tokenizer.encode(text) for text in ("red", "star"))
    torch.testing.assert_close(word.vector, (rows[red] + rows[star]) / 2)
    save_word(tmp_path, "mofu", word.vector, torch.float32)
    assert load_file(tmp_path / FILE)["mofu"].shape == (1, 24)
    settle_word(ours.text_encoder)
    said, vector = load_word(tmp_path, 24)
    assert said == "mofu"
    assert torch.equal(vector, word.vector)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("", "at least one letter and no spaces"),
        ("my pet", "at least one letter and no spaces"),
        ("red", "'red' is a word of this model already"),
        ("Red", "'red' is a word of this model already"),
    ],
)
def test_what_is_no_new_word_is_refused_and_the_model_stays(theirs, row, tmp_path, word, sentence):
    _, ours = theirs
    with pytest.raises(ValueError, match=sentence):
        begin_word(ours, word, ("star",))
    save_word(tmp_path / "word", "mofu", row)
    if word:
        with pytest.raises(ValueError, match=sentence):
            load_textual_inversion(ours, tmp_path / "word", word)
    assert ours.tokenizer.words == ()
    assert ours.text_encoder.config.vocab_size == len(ours.tokenizer.vocab)


def test_one_word_to_begin_as_is_that_word_and_not_its_letters(theirs):
    _, ours = theirs
    (star,) = ours.tokenizer.encode("star")
    row = ours.text_encoder.embeddings.token_embedding.weight[star].clone()
    assert torch.equal(begin_word(ours, "mofu", "star").vector, row)


def test_a_word_needs_another_to_begin_as(theirs):
    with pytest.raises(ValueError, match="begins as one that the model knows; got none"):
        begin_word(theirs[1], "mofu", ())


def test_a_second_word_waits_until_the_first_is_settled(theirs, row, tmp_path):
    _, ours = theirs
    begin_word(ours, "mofu", ("red",))
    save_word(tmp_path, "pet", row)
    with pytest.raises(ValueError, match=r"is learning a word already; settle_word ends that\."):
        begin_word(ours, "pet", ("star",))
    with pytest.raises(ValueError, match=r"is learning a word already; settle_word ends that\."):
        load_textual_inversion(ours, tmp_path)
    assert ours.tokenizer.words == ("mofu",)
    settle_word(ours.text_encoder)
    assert load_textual_inversion(ours, tmp_path) == "pet"
    assert ours.tokenizer.words == ("mofu", "pet")


@pytest.mark.parametrize("more", [8, -1])
def test_a_word_whose_row_would_never_be_read_is_refused(theirs, row, tmp_path, more):
    _, ours = theirs
    weight = ours.text_encoder.embeddings.token_embedding.weight.detach()
    tokens = len(weight)
    weight = torch.cat([weight, torch.zeros(more, 24)]) if more > 0 else weight[:more]
    ours.text_encoder.embeddings.token_embedding = torch.nn.Embedding.from_pretrained(weight)
    save_word(tmp_path, "mofu", row)
    sentence = f"the tokenizer gives 'mofu' {tokens}, and the embedding has {tokens + more} rows"
    with pytest.raises(ValueError, match=sentence):
        begin_word(ours, "mofu", ("star",))
    with pytest.raises(ValueError, match=sentence):
        load_textual_inversion(ours, tmp_path)
    assert ours.tokenizer.words == ()
    assert torch.equal(ours.text_encoder.embeddings.token_embedding.weight, weight)


def test_files_that_are_no_word_of_this_model_are_refused(theirs, row, tmp_path):
    _, ours = theirs
    path = tmp_path / FILE
    with pytest.raises(OSError, match="is missing"):
        load_textual_inversion(ours, path)
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a pickle"):
        load_textual_inversion(ours, tmp_path / "a.bin")
    for tensors, error, sentence in (
        ({"mofu": row[None, :16].contiguous()}, ValueError, r"is \(1, 16\), and this model's words are 24 wide"),
        ({"mofu": torch.stack([row, row])}, ValueError, "has 2 rows"),
        ({"a": row.clone(), "b": row.clone()}, OSError, "holds 2"),
        ({"mofu": row * float("nan")}, OSError, "not finite"),
    ):
        save_file(tensors, path)
        with pytest.raises(error, match=sentence):
            load_textual_inversion(ours, path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(OSError, match="cut short"):
        load_textual_inversion(ours, path)
    with pytest.raises(ValueError, match="one row of finite numbers"):
        save_word(tmp_path, "mofu", row[None])
    assert ours.tokenizer.words == ()
