"""The text encoder against transformers' CLIPTextModel with the same weights, in float64 to 1e-7."""

from dataclasses import replace

import pytest
import torch
from published import bare, difference, library, randomised

from t2ilab.nets.text import TextConfig, TextEncoder

CONFIG = TextConfig(vocab_size=50, context_length=9, width=24, layers=3, heads=4)


@pytest.fixture(scope="module")
def clip():
    transformers = library("transformers")

    def make(config, activation="quick_gelu", eps=1e-5):
        return transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                vocab_size=config.vocab_size,
                max_position_embeddings=config.context_length,
                hidden_size=config.width,
                intermediate_size=4 * config.width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                hidden_act=activation,
                layer_norm_eps=eps,
                bos_token_id=48,
                eos_token_id=49,
                pad_token_id=49,
            )
        )

    return make


def ids(length=9, batch=3):
    return torch.randint(0, 50, (batch, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("prefix", ["", "text_model."])
@pytest.mark.parametrize("length", [9, 4, 1])
@torch.no_grad()
def test_equals_transformers(prefix, length, clip):
    theirs = randomised(clip(CONFIG))
    published = {prefix + k: v for k, v in bare(theirs.state_dict()).items()}
    ours = TextEncoder(CONFIG).double()
    ours.load_state_dict(bare(published))  # strict: the same names and shapes
    expected = theirs(ids(length)).last_hidden_state
    assert expected.abs().max() > 0.1
    assert difference(ours(ids(length)), expected) <= 1e-7


@torch.no_grad()
def test_equals_transformers_with_a_mask(clip):
    theirs = randomised(clip(CONFIG))
    ours = TextEncoder(CONFIG).double()
    ours.load_state_dict(bare(theirs.state_dict()))
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4, [1, 0, 1, 1, 0, 1, 1, 1, 0]])
    expected = theirs(ids(), attention_mask=mask).last_hidden_state
    assert difference(ours(ids(), mask), expected) <= 1e-7
    assert difference(ours(ids(), mask.bool()), expected) <= 1e-7
    assert difference(ours(ids()), expected) > 1e-3


@torch.no_grad()
def test_the_pooled_token_is_transformers(clip):
    theirs = randomised(clip(CONFIG))
    ours = TextEncoder(CONFIG).double()
    ours.load_state_dict(bare(theirs.state_dict()))
    texts = torch.tensor([[48, 3, 7, 49, 49, 49, 49, 49, 49], [48, 3, 7, 8, 9, 10, 11, 12, 49], [48, 49] + [0] * 7])
    expected = theirs(texts).pooler_output
    assert difference(ours.pooled(texts), expected) <= 1e-7


@pytest.mark.parametrize("end_id", [None, 49])
@torch.no_grad()
def test_the_pooled_token_is_transformers_beside_learned_words(end_id, clip):
    """Of 52 tokens the last two were learned after the end token; transformers' id 2 is our None: the largest."""
    layout = replace(CONFIG, vocab_size=52, end_id=end_id)
    theirs = randomised(clip(layout))
    theirs.eos_token_id = getattr(theirs, "text_model", theirs).eos_token_id = end_id or 2
    ours = TextEncoder(layout).double()
    ours.load_state_dict(bare(theirs.state_dict()))
    texts = torch.tensor([[48, 51, 7, 49, 49, 49, 49, 49, 49], [48, 3, 50, 51, 9, 10, 11, 12, 49]])
    assert difference(ours.pooled(texts), theirs(texts).pooler_output) <= 1e-7
    expected = [1, 3] if end_id is None else [3, 8]
    assert difference(ours.pooled(texts), ours(texts)[[0, 1], expected]) <= 1e-12


@pytest.mark.parametrize("wrong", [{"activation": "gelu"}, {"activation": "gelu_pytorch_tanh"}, {"eps": 1e-6}])
@torch.no_grad()
def test_the_comparison_notices_another_activation_or_epsilon(wrong, clip):
    ours, theirs = randomised(TextEncoder(CONFIG)), randomised(clip(CONFIG, **wrong))
    names = bare(theirs.state_dict())
    theirs.load_state_dict({k: ours.state_dict()[k.removeprefix("text_model.")] for k in theirs.state_dict()})
    assert len(names) == len(ours.state_dict())
    assert difference(ours(ids()), theirs(ids()).last_hidden_state) > 1e-7


@torch.no_grad()
def test_a_token_sees_itself_and_those_before_it_only():
    net, tokens = randomised(TextEncoder(CONFIG)), ids()
    for i in range(9):
        changed = tokens.clone()
        changed[:, i] = (changed[:, i] + 1) % 50
        moved = (net(changed) - net(tokens)).abs().amax(dim=(0, 2))
        assert not moved[:i].any()
        assert (moved[i:] > 1e-6).all()


@torch.no_grad()
def test_the_exact_gelu_of_stable_diffusion_2_equals_transformers_too(clip):
    config = replace(CONFIG, quick_gelu=False)
    theirs = randomised(clip(config, activation="gelu"))
    ours = TextEncoder(config).double()
    ours.load_state_dict(bare(theirs.state_dict()))
    expected = theirs(ids()).last_hidden_state
    assert difference(ours(ids()), expected) <= 1e-7
    quick = TextEncoder(CONFIG).double()
    quick.load_state_dict(ours.state_dict())
    assert difference(quick(ids()), expected) > 1e-7


@pytest.mark.parametrize(
    ("config", "parameters"),
    [(TextConfig.stable_diffusion_1(), 123_060_480), (TextConfig.stable_diffusion_2(), 340_387_840)],
    ids=["Stable Diffusion 1", "Stable Diffusion 2"],
)
def test_the_published_text_encoders_are_configurations_of_this_class(config, parameters):
    with torch.device("meta"):  # shapes only: no memory
        assert sum(p.numel() for p in TextEncoder(config).parameters()) == parameters


def test_a_fresh_encoder_tells_words_and_places_apart():
    torch.manual_seed(0)
    out = TextEncoder(CONFIG)(torch.tensor([[1, 1, 2]]))
    assert out.shape == (1, 3, 24)
    assert out.isfinite().all()
    assert (out[0, 0] - out[0, 1]).abs().max() > 1e-3
    assert (out[0, 1] - out[0, 2]).abs().max() > 1e-3


def test_a_configuration_survives_a_dict():
    assert TextConfig.from_dict(CONFIG.to_dict()) == CONFIG
    with pytest.raises(ValueError, match=r"has no \['depth'\]; it has \['context_length'"):
        TextConfig.from_dict({**CONFIG.to_dict(), "depth": 2})
    with pytest.raises(ValueError, match=r"multiple of heads=4; got 30\."):
        TextConfig(vocab_size=50, width=30)
    with pytest.raises(ValueError, match=r"A text encoder's layers is a whole number from 1, or some; got 2\.5\."):
        TextConfig(vocab_size=50, layers=2.5)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"one entry for each id, \(3, 9\); got \(3, 8\)"):
        TextEncoder(CONFIG)(ids(), torch.ones(3, 8))


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=r"at most 9 tokens; got 10\. Use the tokenizer"):
        TextEncoder(CONFIG)(ids(10))
