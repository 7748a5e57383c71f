"""The prior against diffusers' PriorTransformer with the same weights, in float64, and its folders both ways."""

import json

import pytest
import torch
from published import difference, diffusers_class, randomised

from t2ilab.interop.prior import read_config_of, read_prior, write_prior, written_config_of
from t2ilab.nets.prior import Prior, PriorConfig

CONFIG = PriorConfig(embed_dim=10, context_length=7, width=24, layers=2, heads=3)


def drawn(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs(count=2):
    return drawn(count, 10), torch.tensor([3, 981])[:count], drawn(count, 10, seed=2), drawn(count, 7, 10, seed=3)


@pytest.fixture(scope="module")
def pair():
    ours = randomised(Prior(CONFIG))
    written = {k: v for k, v in written_config_of(CONFIG).items() if not k.startswith("_")}
    theirs = diffusers_class("PriorTransformer")(**written).double().eval()
    theirs.load_state_dict(ours.state_dict())  # strict: the same names and shapes
    return ours, theirs


@pytest.mark.parametrize("length", [7, 4])
@torch.no_grad()
def test_equals_diffusers(pair, length):
    ours, theirs = pair
    x, t, text, tokens = inputs()
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, length:] = False
    expected = theirs(x, t, text, tokens, mask).predicted_image_embedding
    assert expected.abs().max() > 0.1
    assert difference(ours(x, t, text, tokens, mask), expected) <= 1e-11
    if length == 7:
        assert difference(ours(x, t, text, tokens), expected) <= 1e-11


@torch.no_grad()
def test_one_timestep_serves_all_and_padding_is_not_read(pair):
    ours, _ = pair
    x, _, text, tokens = inputs()
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[:, 5:] = False
    one = ours(x, torch.tensor(5), text, tokens, mask)
    assert torch.equal(one, ours(x, torch.tensor([5, 5]), text, tokens, mask))
    tokens[:, 5:] = 100.0
    assert difference(ours(x, torch.tensor(5), text, tokens, mask), one) <= 1e-12


def test_every_input_is_heard():
    ours = randomised(Prior(CONFIG))
    x, t, text, tokens = inputs()
    given = [one.clone().requires_grad_() for one in (x, text, tokens)]
    ours(given[0], t, *given[1:]).sum().backward()
    assert all(one.grad.abs().amax(tuple(range(1, one.ndim))).min() > 1e-4 for one in given)
    assert difference(ours(x, t + 10, text, tokens), ours(x, t, text, tokens)) > 1e-3


def test_embeddings_are_normalised_and_restored():
    ours = randomised(Prior(CONFIG))
    ours.clip_mean.copy_(drawn(1, 10, seed=4))
    ours.clip_std.copy_(drawn(1, 10, seed=5).exp())
    embedding = drawn(3, 10)
    torch.testing.assert_close(ours.normalise(embedding) * ours.clip_std + ours.clip_mean, embedding)
    torch.testing.assert_close(ours.restore(ours.normalise(embedding)), embedding)


def test_karlos_is_a_configuration_of_this_class():
    config = PriorConfig.karlo()
    with torch.device("meta"):
        theirs = diffusers_class("PriorTransformer")()
        ours = Prior(config)
    shapes = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == shapes
    assert PriorConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert read_config_of(theirs.config) == config


@torch.no_grad()
def test_folders_go_both_ways(tmp_path):
    ours = randomised(Prior(CONFIG)).half().float()
    write_prior(tmp_path / "ours", ours)
    theirs = diffusers_class("PriorTransformer").from_pretrained(tmp_path / "ours")
    x, t, text, tokens = (one.float() if one.is_floating_point() else one for one in inputs())
    mask = torch.ones(2, 7, dtype=torch.bool)
    expected = theirs(x, t, text, tokens, mask).predicted_image_embedding
    torch.testing.assert_close(read_prior(tmp_path / "ours")(x, t, text, tokens), expected, rtol=1e-5, atol=1e-5)
    theirs.save_pretrained(tmp_path / "theirs")
    torch.testing.assert_close(read_prior(tmp_path / "theirs")(x, t, text, tokens), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"norm_in_type": "layer"}, "PriorTransformer has norm_in_type=None; got 'layer'"),
        ({"clip_embed_dim": 12}, "has clip_embed_dim=10; got 12, which is another network"),
        ({"surprise": 1}, "knows no 'surprise'"),
    ],
)
def test_a_prior_that_ours_is_not_is_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_config_of(written_config_of(CONFIG) | change)


def test_another_network_in_the_folder_is_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    with pytest.raises(ValueError, match="holds a AutoencoderKL; this call opens a PriorTransformer"):
        read_prior(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({0: torch.zeros(2, 12)}, r"works on image embeddings 10 wide, \(2, 10\); got \(2, 12\). Use the CLIP"),
        ({2: torch.zeros(2, 12)}, r"works on text embeddings 10 wide, \(2, 10\); got \(2, 12\)"),
        ({3: torch.zeros(2, 9, 10)}, r"reads text tokens \(2, 7, 10\); got \(2, 9, 10\)"),
        ({4: torch.zeros(2, 7)}, "True for the first, which is the start of the text"),
        ({4: torch.ones(2, 6)}, r"got \(2, 6\)"),
    ],
)
def test_what_does_not_fit_is_a_sentence(change, sentence):
    given = [*inputs(), torch.ones(2, 7)]
    for place, value in change.items():
        given[place] = value
    with pytest.raises(ValueError, match=sentence):
        Prior(CONFIG).double()(*given)


@pytest.mark.parametrize("change", [{"width": 25}, {"width": 26}, {"layers": 0}])
def test_a_layout_that_cannot_be_is_a_sentence(change):
    with pytest.raises(ValueError, match="A prior's"):
        PriorConfig(**(CONFIG.to_dict() | change))
