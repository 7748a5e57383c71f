"""The U-Net against diffusers' UNet2DConditionModel with the same weights, in float64."""

import json
from contextlib import contextmanager

import pytest
import torch
from published import difference, diffusers_class, randomised, renamed
from torch import nn

from t2ilab.nets.layers import ResBlock, timestep_embedding
from t2ilab.nets.unet import UNet, UNetConfig

# 1e-7 would notice most faults, but not a wrong epsilon in the last norm, which moves this answer by 1e-9.
TOLERANCE = 1e-11
HALF_EXACT = 1e-6  # where words are pooled: diffusers takes that one softmax in float32, whatever the dtype


def tolerance(config):
    return HALF_EXACT if config.text_pooling_heads else TOLERANCE


SMALL = UNetConfig(
    in_channels=4,
    out_channels=4,
    block_out_channels=(16, 24, 32),
    attention=(True, True, False),
    cross_attention_dim=20,
    heads=4,
    norm_num_groups=8,
)
LAYOUTS = {
    "Stable Diffusion's order": SMALL,
    "two layers a block": UNetConfig(**{**SMALL.to_dict(), "layers_per_block": 2}),
    "ours, attention below": UNetConfig(
        block_out_channels=(24, 32), attention=(False, True), cross_attention_dim=12, heads=2, norm_num_groups=4
    ),
    "Stable Diffusion 2's heads and projections": UNetConfig(
        **{**SMALL.to_dict(), "heads": (2, 3, 4), "linear_projection": True}
    ),
    "inpainting: five channels more": UNetConfig(**{**SMALL.to_dict(), "in_channels": 9, "layers_per_block": 2}),
    "upscaling: classes, and words before pixels": UNetConfig(
        **{
            **SMALL.to_dict(),
            "in_channels": 7,
            "attention": (False, True, True),
            "only_cross_attention": (True, True, False),
            "num_class_embeds": 30,
            "linear_projection": True,
        }
    ),
    "super-resolution: told of a second timestep": UNetConfig(
        **{**SMALL.to_dict(), "in_channels": 6, "out_channels": 3, "class_timesteps": True}
    ),
    "Stable unCLIP: told of a vector": UNetConfig(
        **{**SMALL.to_dict(), "class_vector_dim": 10, "linear_projection": True}
    ),
    "pooled words beside the time, which scales and shifts": UNetConfig(
        **{**SMALL.to_dict(), "text_pooling_heads": 5, "scale_shift": True}
    ),
}


@pytest.fixture(scope="module")
def diffusers_unet():
    return diffusers_class("UNet2DConditionModel")


def published(config, model):
    """diffusers' network of the same layout, in float64."""
    return model(
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        block_out_channels=config.block_out_channels,
        down_block_types=["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attention],
        up_block_types=["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attention)],
        layers_per_block=config.layers_per_block,
        cross_attention_dim=config.cross_attention_dim,
        attention_head_dim=config.heads,  # its name in Stable Diffusion's configuration, where it counts heads
        norm_num_groups=config.norm_num_groups,
        use_linear_projection=config.linear_projection,
        num_class_embeds=config.num_class_embeds or None,
        class_embed_type="timestep" if config.class_timesteps else "projection" if config.class_vector_dim else None,
        projection_class_embeddings_input_dim=config.class_vector_dim or None,
        only_cross_attention=config.only_cross_attention or False,
        addition_embed_type="text" if config.text_pooling_heads else None,
        addition_embed_type_num_heads=config.text_pooling_heads or 64,
        resnet_time_scale_shift="scale_shift" if config.scale_shift else "default",
    ).double()


def inputs(config, height=8, width=8, batch=2):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, config.in_channels, height, width, generator=generator, dtype=torch.float64)
    context = torch.randn(batch, 6, config.cross_attention_dim, generator=generator, dtype=torch.float64)
    return x, torch.tensor([3, 981, 0, 500])[:batch], context


def classes(config):
    """What a network that knows classes is told besides, in both libraries' words."""
    labels = torch.tensor([20, 3])
    if config.class_vector_dim:
        labels = torch.randn(2, config.class_vector_dim, generator=torch.Generator().manual_seed(2)).double()
    return {"class_labels": labels} if config.reads_class else {}


@pytest.fixture(scope="module", params=LAYOUTS)
def pair(request, diffusers_unet):
    config = LAYOUTS[request.param]
    ours, theirs = randomised(UNet(config)), published(config, diffusers_unet)
    theirs.load_state_dict(renamed(ours.state_dict()))  # strict: the same names and shapes
    return ours, theirs.eval()


# ---- against diffusers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 7), (5, 16)])
@torch.no_grad()
def test_equals_diffusers(height, width, pair):
    ours, theirs = pair
    x, t, context = inputs(ours.config, height, width)
    told = classes(ours.config)
    expected = theirs(x, t, context, **told).sample
    assert expected.abs().max() > 0.1  # something to compare
    assert difference(ours(x, t, context, **told), expected) <= tolerance(ours.config)


@contextmanager
def masked_throughout(theirs, mask):
    """diffusers' mask of the words stops at the second attention; where the first looks at words too, as in the
    upscaler, it sees those that are masked. Ours does not, so there theirs is told as well."""
    bias = (~mask).double()[:, None] * -10_000.0

    def tell(layer, args, kwargs):
        return args, kwargs | {"attention_mask": bias}

    blocks = [m for m in theirs.modules() if hasattr(m, "attn1") and m.only_cross_attention]
    hooks = [block.attn1.register_forward_pre_hook(tell, with_kwargs=True) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def test_equals_diffusers_with_a_mask(pair):
    ours, theirs = pair
    x, t, context = inputs(ours.config, 9, 7)
    told, mask = classes(ours.config), torch.tensor([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 0]]).bool()
    with masked_throughout(theirs, mask):
        expected = theirs(x, t, context, encoder_attention_mask=mask, **told).sample
    masked = ours(x, t, context, mask=mask, **told)
    assert difference(masked, expected) <= tolerance(ours.config)
    assert difference(ours(x, t, context, **told), expected) > 1e-4
    # What is masked may be anything; but pooling knows of no mask, there as here.
    context[~mask] = 100.0
    assert (difference(ours(x, t, context, mask=mask, **told), masked) <= TOLERANCE) != bool(
        ours.config.text_pooling_heads
    )


def test_gradients_equal_diffusers(pair):
    ours, theirs = pair
    x, t, context = inputs(ours.config)
    grads = []
    told = classes(ours.config)
    for net, answer in ((ours, lambda *a: ours(*a, **told)), (theirs, lambda *a: theirs(*a, **told).sample)):
        x_in, words = x.clone().requires_grad_(), context.clone().requires_grad_()
        grads.append(torch.autograd.grad(answer(x_in, t, words).square().sum(), [x_in, words, net.conv_in.weight]))
    assert max(difference(a, b) for a, b in zip(*grads, strict=True)) <= 10 * tolerance(ours.config)


@pytest.mark.parametrize(("kind", "eps"), [("norm1", 1e-6), ("norm", 1e-5), ("conv_norm_out", 1e-6)])
@torch.no_grad()
def test_the_comparison_notices_a_wrong_epsilon(kind, eps, diffusers_unet):
    ours, theirs = randomised(UNet(SMALL)), published(SMALL, diffusers_unet)
    theirs.load_state_dict(renamed(ours.state_dict()))
    for name, layer in ours.named_modules():
        if isinstance(layer, nn.GroupNorm) and name.split(".")[-1] == kind:
            layer.eps = eps
    assert difference(ours(*inputs(SMALL)), theirs(*inputs(SMALL)).sample) > 10 * TOLERANCE


@torch.no_grad()
def test_the_comparison_notices_a_tanh_gelu(diffusers_unet, monkeypatch):
    ours, theirs = randomised(UNet(SMALL)), published(SMALL, diffusers_unet)
    theirs.load_state_dict(renamed(ours.state_dict()))
    expected, gelu = theirs(*inputs(SMALL)).sample, nn.functional.gelu
    monkeypatch.setattr("t2ilab.nets.layers.F.gelu", lambda x: gelu(x, approximate="tanh"))
    assert difference(ours(*inputs(SMALL)), expected) > 1e-7 > TOLERANCE


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (UNetConfig.stable_diffusion_1(), 859_520_964),
        (UNetConfig.stable_diffusion_1(in_channels=9), 859_535_364),
        (UNetConfig.stable_diffusion_2(), 865_910_724),
        (UNetConfig.upscaler(), 473_398_020),
        (UNetConfig.stable_unclip(), 870_173_124),
    ],
    ids=["Stable Diffusion 1", "its inpainting", "Stable Diffusion 2", "the 4x upscaler", "Stable unCLIP"],
)
def test_the_published_networks_are_configurations_of_this_class(config, parameters):
    with torch.device("meta"):  # shapes only: no memory
        assert sum(p.numel() for p in UNet(config).parameters()) == parameters
    assert UNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


# ---- folding pixels ------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_patch_size_folds_pixels_into_channels_and_back():
    folding = UNetConfig(**{**SMALL.to_dict(), "in_channels": 3, "out_channels": 3, "patch_size": 2})
    plain = UNetConfig(**{**SMALL.to_dict(), "in_channels": 12, "out_channels": 12})
    ours, inner = randomised(UNet(folding)), UNet(plain).double()
    inner.load_state_dict(ours.state_dict())
    x, t, context = inputs(folding, 16, 12)
    folded = x.reshape(2, 3, 8, 2, 6, 2).permute(0, 1, 3, 5, 2, 4).reshape(2, 12, 8, 6)
    expected = inner(folded, t, context).reshape(2, 3, 2, 2, 8, 6).permute(0, 1, 4, 2, 5, 3).reshape(2, 3, 16, 12)
    assert difference(ours(x, t, context), expected) <= 1e-12


# ---- how it starts and what it takes -------------------------------------------------------------------------------


def test_a_fresh_network_answers_zero_and_still_learns():
    net = UNet(LAYOUTS["ours, attention below"])
    x, t, context = (a.float() if a.is_floating_point() else a for a in inputs(net.config))
    out = net(x, t, context)
    assert out.shape == x.shape
    assert torch.equal(out, torch.zeros_like(out))
    (out - 1).square().sum().backward()
    assert net.conv_out.bias.grad.abs().min() > 0
    quiet = [name for name, p in net.named_parameters() if name.endswith("weight") and not p.any()]
    assert {name.split(".")[-2] for name in quiet} == {"conv_out"}  # blocks are heard from the start


@torch.no_grad()
def test_rows_of_a_batch_do_not_mix():
    net = randomised(UNet(SMALL))
    x, t, context = inputs(SMALL, batch=3)
    for i in range(3):
        alone = net(x[i : i + 1], t[i : i + 1], context[i : i + 1])
        assert difference(net(x, t, context)[i : i + 1], alone) < 1e-12


@torch.no_grad()
def test_time_and_words_matter_and_one_timestep_serves_all():
    net = randomised(UNet(SMALL))
    x, t, context = inputs(SMALL)
    assert difference(net(x, t, context), net(x, t + 1, context)) > 1e-4
    assert difference(net(x, t, context), net(x, t, context.flip(1) * 2)) > 1e-4
    assert torch.equal(net(x, torch.tensor(7), context), net(x, torch.tensor([7, 7]), context))


@torch.no_grad()
def test_channels_last_changes_nothing():
    net = randomised(UNet(SMALL))
    x, t, context = inputs(SMALL)
    before = net(x, t, context)
    net.to(memory_format=torch.channels_last)
    assert difference(net(x.to(memory_format=torch.channels_last), t, context), before) < 1e-12


@torch.no_grad()
def test_the_students_own_parts_are_used():
    calls = []

    class Mine(ResBlock):
        def forward(self, x, temb):
            calls.append("block")
            return super().forward(x, temb)

    def embed(t, dim):
        calls.append("time")
        return timestep_embedding(t + 1, dim)

    net, plain = UNet(SMALL, res_block=Mine, embed_time=embed), UNet(SMALL)
    randomised(net)
    plain.double().load_state_dict(net.state_dict())
    x, t, context = inputs(SMALL)
    assert torch.equal(net(x, t, context), plain(x, t + 1, context))
    assert calls.count("time") == 1
    assert calls.count("block") == 3 + 2 + 6  # down, middle, up


# ---- configurations and bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_configuration_survives_json(name):
    import json

    config = LAYOUTS[name]
    assert UNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"attention": (True,)}, r"one attention flag a level; got 1 flags for 3 levels"),
        ({"block_out_channels": (16, 20, 32)}, r"multiple of norm_num_groups=8 and heads=4; got 20\."),
        ({"block_out_channels": (), "attention": ()}, r"at least one level; got block_out_channels=\(\)\."),
        ({"layers_per_block": 1.5}, r"layers_per_block is a whole number from 1, or some; got 1\.5\."),
        ({"heads": (2, 2.0, 4)}, r"heads is a whole number from 1, or some; got \(2, 2\.0, 4\)\."),
        ({"heads": 5}, r"heads=5; got 16\."),
        ({"heads": (2, 4)}, r"one for each level; got \(2, 4\) for 3 levels"),
        ({"heads": (2, 5, 4)}, r"heads=5; got 24\."),
        ({"only_cross_attention": (True,)}, r"one flag for each level; got \(True,\) for 3 levels"),
        ({"depth": 3, "wings": 2}, r"has no \['depth', 'wings'\]; it has \['attention'"),
    ],
)
def test_a_layout_that_cannot_be(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        UNetConfig.from_dict({**SMALL.to_dict(), **values})


@pytest.mark.parametrize(
    ("shape", "context_width", "sentence"),
    [
        ((2, 4, 8, 7), 20, r"multiples of 2; got \(8, 7\)\."),
        ((2, 4, 8, 8), 21, r"text tokens 20 wide; got 21\. Use the text encoder"),
        ((2, 3, 8, 8), 20, r"reads pictures \(B, 4, H, W\); got \(2, 3, 8, 8\)\."),
        ((4, 8, 8), 20, r"got \(4, 8, 8\)\. Add a batch axis"),
    ],
)
def test_bad_input(shape, context_width, sentence):
    net = UNet(UNetConfig(**{**SMALL.to_dict(), "patch_size": 2}))
    with pytest.raises(ValueError, match=sentence):
        net(torch.zeros(shape), torch.zeros(2), torch.zeros(2, 6, context_width))


def test_masks_and_classes_that_do_not_fit():
    net, (x, t, context) = UNet(SMALL), inputs(SMALL)
    x, context = x.float(), context.float()
    with pytest.raises(ValueError, match=r"one entry for each token, \(2, 6\); got \(2, 5\)"):
        net(x, t, context, mask=torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"num_class_embeds=0 knows no classes; got tensor\(\[1, 2\]\)"):
        net(x, t, context, class_labels=torch.tensor([1, 2]))
    for wrong in (context[:1, 0], torch.cat([context, context[:1]])):
        with pytest.raises(ValueError, match=r"A text is \(B, L, 20\) for B=2 pictures, or one for all; got"):
            net(x, t, wrong)
    torch.testing.assert_close(net(x, t, context[:1]), net(x, t, context[[0, 0]]))
    with pytest.raises(ValueError, match=r"t is one timestep for each of the 2 pictures, or one for all; got \(3,\)"):
        net(x, torch.tensor([1, 2, 3]), context)
    knows = UNet(UNetConfig(**{**SMALL.to_dict(), "num_class_embeds": 4}))
    with pytest.raises(ValueError, match=r"class_labels are one for each of the 2 pictures, .* got \(3,\)"):
        knows(x, t, context, class_labels=torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match=r"num_class_embeds=4 needs class_labels; got None\. An upscaler's"):
        knows(x, t, context)
