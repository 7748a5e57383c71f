"""A new word: one row that learns, beside a frozen embedding, against torch's own embedding with a masked gradient."""

import pytest
import torch
import torch.nn.functional as F
from published import randomised
from torch import nn

from t2ilab.nets.new_word import NewWord, add_word, settle_word
from t2ilab.nets.text import TextConfig, TextEncoder

IDS = torch.tensor([[8, 3, 11, 9], [8, 11, 11, 9]])  # 11 is the first id that there is not


@pytest.fixture
def encoder():
    return randomised(TextEncoder(TextConfig(11, 6, width=12, layers=2, heads=3)))


@pytest.fixture
def start():
    return torch.randn(12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def larger(encoder, start):
    """The slow and obvious way: an embedding of a row more, all of which could learn."""
    weight = torch.cat([encoder.embeddings.token_embedding.weight.detach(), start[None]]).requires_grad_()
    return weight, F.embedding(IDS, weight)


def test_it_reads_as_an_embedding_of_a_row_more(encoder, start):
    _, expected = larger(encoder, start)
    assert torch.equal(NewWord(encoder.embeddings.token_embedding, start)(IDS), expected)


def test_its_gradient_is_that_of_its_row_alone(encoder, start):
    weight, read = larger(encoder, start)
    wanted = torch.randn(read.shape, dtype=torch.float64)
    (read - wanted).square().sum().backward()
    word = NewWord(encoder.embeddings.token_embedding, start)
    (word(IDS) - wanted).square().sum().backward()
    torch.testing.assert_close(word.vector.grad, weight.grad[11], rtol=0, atol=1e-12)
    assert word.base.weight.grad is None


def test_only_the_word_learns_and_the_others_read_as_before(encoder, start):
    known = IDS.clamp(max=10)
    before = encoder(known)
    word = add_word(encoder, start)
    assert [name for name, p in encoder.named_parameters() if p.requires_grad] == ["embeddings.token_embedding.vector"]
    assert torch.equal(encoder(known), before)
    first = encoder(IDS)
    first.square().sum().backward()
    with torch.no_grad():
        word.vector -= 0.1 * word.vector.grad
    assert not torch.allclose(encoder(IDS), first)
    assert torch.equal(encoder(known), before)


def test_a_settled_word_is_a_row_as_all_others(encoder, start):
    add_word(encoder, start)
    before = encoder(IDS)
    settle_word(encoder)
    assert isinstance(encoder.embeddings.token_embedding, nn.Embedding)
    assert torch.equal(encoder(IDS), before)
    again = TextEncoder(encoder.config).double()
    again.load_state_dict(encoder.state_dict())
    assert encoder.config.vocab_size == 12
    assert torch.equal(again(IDS), before)
    add_word(encoder, start)  # and one more
    assert encoder.config.vocab_size == 13


@torch.no_grad()
def test_a_text_with_new_words_ends_where_it_did(encoder, start):
    texts = torch.tensor([[8, 3, 10, 10, 10, 10], [8, 3, 4, 5, 6, 10]])  # 10 is the end token, the largest so far
    before = encoder.pooled(texts)
    for new in (11, 12):
        add_word(encoder, start)
        settle_word(encoder)
        assert torch.equal(encoder.pooled(texts), before)
        with_word = texts.clone()
        with_word[:, 1] = new
        torch.testing.assert_close(
            encoder.pooled(with_word), encoder(with_word)[[0, 1], [2, 5]], rtol=1e-12, atol=1e-12
        )
    assert type(encoder.config).from_dict(encoder.config.to_dict()) == encoder.config


@pytest.mark.parametrize("start", [torch.zeros(11), torch.zeros(1, 12), torch.full((12,), float("nan"))])
def test_a_start_that_is_no_row_is_refused(encoder, start):
    with pytest.raises(ValueError, match="starts from 12 finite numbers"):
        add_word(encoder, start)
    assert encoder.config.vocab_size == 11


def test_one_word_at_a_time(encoder, start):
    with pytest.raises(ValueError, match="has no new word"):
        settle_word(encoder)
    add_word(encoder, start)
    with pytest.raises(ValueError, match="is learning a word already"):
        add_word(encoder, start)
