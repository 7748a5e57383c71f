"""A U-Net that reads an image embedding against diffusers' with the same weights, in float64."""

import pytest
import torch
from published import difference, diffusers_class, randomised, renamed

from t2ilab.interop.layouts import read_unet, write_unet
from t2ilab.nets.unet import UNet, UNetConfig

CONFIG = UNetConfig(
    block_out_channels=(16, 24), attention=(False, True), cross_attention_dim=20, heads=4, image_embed_dim=10,
    image_tokens=32, scale_shift=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def pair():
    ours = randomised(UNet(CONFIG))
    written = {k: v for k, v in write_unet(CONFIG, 8).items() if not k.startswith("_")}
    theirs = diffusers_class("UNet2DConditionModel")(**written).double().eval()
    theirs.load_state_dict(renamed(ours.state_dict()))  # strict: the same names and shapes
    return ours, theirs


def drawn(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@torch.no_grad()
def test_equals_diffusers(pair):
    ours, theirs = pair
    x, t, embedding = drawn(2, 3, 9, 7), torch.tensor([3, 981]), drawn(2, 10, seed=2)
    expected = theirs(x, t, None, added_cond_kwargs={"image_embeds": embedding}).sample
    assert expected.abs().max() > 0.1
    assert difference(ours(x, t, embedding), expected) <= 1e-11


@torch.no_grad()
def test_it_is_told_in_both_ways():
    x, t, embedding = drawn(2, 3, 8, 8), torch.tensor([3, 981]), drawn(2, 10, seed=2)
    for silenced in ("encoder_hid_proj", "add_embedding"):
        net = randomised(UNet(CONFIG))
        for parameter in getattr(net, silenced).parameters():
            parameter.zero_()
        assert difference(net(x, t, embedding), net(x, t, -embedding)) > 1e-3


@pytest.mark.parametrize("change", [{}, {"image_embed_dim": 0, "class_timesteps": True}, {"class_vector_dim": 12}])
def test_the_layout_is_read_as_it_was_written(change):
    config = UNetConfig(**(CONFIG.to_dict() | change))
    if not config.image_embed_dim:
        config = UNetConfig(**(config.to_dict() | {"image_tokens": 4}))
    assert read_unet(write_unet(config, 8)) == config


def test_what_diffusers_has_not_is_said():
    with pytest.raises(ValueError, match="diffusers has no U-Net with image_tokens=4; its own makes 32"):
        write_unet(UNetConfig(**(CONFIG.to_dict() | {"image_tokens": 4})), 8)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2, 12), r"one image embedding a picture, \(2, 10\); got \(2, 12\). Use the CLIP that it was trained with"),
        ((2, 3, 10), r"got \(2, 3, 10\)"),
        ((1, 10), r"got \(1, 10\)"),
    ],
)
def test_an_embedding_of_another_clip_is_a_sentence(shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        UNet(CONFIG)(torch.zeros(2, 3, 8, 8), torch.tensor([1, 2]), torch.zeros(shape))


def test_a_vector_of_another_width_is_a_sentence():
    net = UNet(UNetConfig(**(CONFIG.to_dict() | {"class_vector_dim": 6})))
    with pytest.raises(ValueError, match=r"class_labels are vectors \(2, 6\) here; got \(2, 7\)"):
        net(torch.zeros(2, 3, 8, 8), torch.tensor([1, 2]), torch.zeros(2, 10), class_labels=torch.zeros(2, 7))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pooled_context": True}, "pools no words: leave pooled_context"),
        ({"num_class_embeds": 3, "class_timesteps": True}, "share one place, so choose one; got 3, True and 0"),
        ({"image_embed_dim": -1}, "image_embed_dim is a whole number from 0"),
    ],
)
def test_a_layout_that_contradicts_itself_is_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        UNetConfig(**(CONFIG.to_dict() | change))
