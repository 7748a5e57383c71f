"""T5 against transformers' with the same weights, in float64, and its folders both ways."""

import json

import pytest
import torch
from published import difference, library, randomised

from t2ilab.interop.t5 import read_config_of, read_t5_encoder, write_t5_encoder, written_config_of
from t2ilab.nets.t5 import T5, T5Config, T5Encoder, distance_buckets

CONFIG = T5Config(vocab_size=50, width=24, layers=2, heads=3, head_dim=10, hidden=32)
TOLERANCE = 1e-6  # transformers takes each norm's variance in float32, whatever the dtype


@pytest.fixture(scope="module")
def pair():
    transformers = library("transformers")
    ours = randomised(T5(CONFIG))
    config = transformers.T5Config(**(written_config_of(CONFIG) | {"is_encoder_decoder": True, "dropout_rate": 0.0}))
    theirs = transformers.T5ForConditionalGeneration(config)
    theirs.lm_head = torch.nn.Linear(CONFIG.width, CONFIG.vocab_size, bias=False)  # transformers 5 ties a new one
    theirs.double().eval()
    missing, extra = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not extra
    assert set(missing) <= {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}  # the shared one
    return ours, theirs


def inputs(length=40):
    generator = torch.Generator().manual_seed(1)
    ids, given = torch.randint(50, (2, length), generator=generator), torch.randint(50, (2, 9), generator=generator)
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, 25:] = False
    return ids, mask, given


@torch.no_grad()
def test_the_encoder_equals_transformers(pair):
    ours, theirs = pair
    ids, mask, _ = inputs(200)  # farther than the farthest distance
    expected = theirs.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    assert difference(ours(ids, mask)[mask], expected[mask]) <= TOLERANCE
    assert difference(ours(ids), theirs.encoder(input_ids=ids).last_hidden_state) <= TOLERANCE


@torch.no_grad()
def test_the_decoder_equals_transformers(pair):
    ours, theirs = pair
    ids, mask, given = inputs()
    expected = theirs(input_ids=ids, attention_mask=mask, decoder_input_ids=given).logits
    assert expected.abs().max() > 0.1
    assert difference(ours.predict(ids, mask, given), expected) <= TOLERANCE


@torch.no_grad()
def test_padding_is_not_read_and_nothing_looks_ahead(pair):
    ours, _ = pair
    ids, mask, given = inputs()
    logits = ours.predict(ids, mask, given)
    changed, later = ids.clone(), given.clone()
    changed[~mask] = 7
    later[:, 5:] = 3
    assert difference(ours.predict(changed, mask, given), logits) < 1e-12
    assert difference(ours.predict(ids, mask, later)[:, :5], logits[:, :5]) < 1e-12
    assert difference(ours.predict(ids, mask, later), logits) > 1e-3


@pytest.mark.parametrize("both_ways", [True, False])
def test_distances_are_transformers(both_ways):
    attention = library("transformers.models.t5.modeling_t5").T5Attention
    distance = torch.arange(300)[None] - torch.arange(300)[:, None]
    expected = attention._relative_position_bucket(distance, both_ways)
    assert torch.equal(distance_buckets(300, 300, both_ways), expected)


def test_the_published_one_is_a_configuration_of_this_class():
    config = T5Config.v1_1_xxl()
    with torch.device("meta"):
        assert sum(p.numel() for p in T5Encoder(config).parameters()) == 4_762_310_656
    assert T5Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@torch.no_grad()
def test_folders_go_both_ways(tmp_path, pair):
    transformers = library("transformers")
    ours, theirs = pair
    ids, mask, _ = inputs()
    write_t5_encoder(tmp_path / "ours", ours, torch.float32)
    opened = transformers.T5EncoderModel.from_pretrained(tmp_path / "ours")
    expected = ours(ids, mask).float()
    torch.testing.assert_close(opened(ids, mask).last_hidden_state[mask], expected[mask], rtol=1e-4, atol=1e-4)
    theirs.save_pretrained(tmp_path / "whole")
    for folder in ("ours", "whole"):
        torch.testing.assert_close(read_t5_encoder(tmp_path / folder)(ids, mask), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"feed_forward_proj": "relu"}, "feed_forward_proj='gated-gelu'; got 'relu'"), ({"d_model": 0}, "A T5's width")],
)
def test_a_t5_that_ours_is_not_is_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_config_of(written_config_of(CONFIG) | change)


@pytest.mark.parametrize("mask", [torch.ones(2, 4), torch.zeros(2, 5)])
def test_a_mask_that_does_not_fit_is_a_sentence(mask):
    with pytest.raises(ValueError, match=r"one entry for each id, \(2, 5\), and shows at least one"):
        T5Encoder(CONFIG)(torch.zeros(2, 5, dtype=torch.int64), mask)
