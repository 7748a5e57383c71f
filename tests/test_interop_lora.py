"""Adapters in the file of diffusers and peft: theirs opened here, ours opened by them, the same U-Net output."""

import json
import warnings

import pytest
import torch
from published import difference, diffusers_class, latent_pipe, library, randomised, renamed
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.interop.lora import FILE, METADATA, load_adapter, save_adapter
from t2ilab.nets.lora import LoRALinear, adapted, add_adapter, linear_layers, merge_adapters, set_strength, wrap
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.recipes import shapes, storybook

CONFIG = UNetConfig(
    4, 4, (16, 32), attention=(True, False), cross_attention_dim=24, heads=4, norm_num_groups=8, layers_per_block=1
)
CLOSE = 1e-10


def ours():
    return randomised(UNet(CONFIG))


def theirs(state):
    """The same U-Net as diffusers has it."""
    net = diffusers_class("UNet2DConditionModel")(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
    ).double()
    net.load_state_dict(renamed(state))
    return net.eval()


def inputs():
    generator = torch.Generator().manual_seed(4)
    x, context = (torch.randn(shape, generator=generator).double() for shape in ((2, 4, 8, 8), (2, 5, 24)))
    return x, torch.tensor([3, 700]), context


def answer(net):
    x, t, context = inputs()
    with torch.no_grad():
        return net(x, t, context)


def their_answer(net):
    x, t, context = inputs()
    with torch.no_grad():
        return net(x, t, context).sample


def taught(net, seed=1):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith((".down", ".up")) or ".lora_" in name:
                p.copy_(torch.randn(p.shape, generator=generator).double() * 0.3)
    return net


def loaded(net, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.load_lora_adapter(folder, prefix="unet", weight_name=FILE)
    return net


@pytest.fixture
def peft():
    pytest.importorskip("peft")
    return library("peft")


def adapter_of_theirs(peft, **config):
    """A U-Net of diffusers' with an adapter that peft made, and ours of the same base."""
    own = ours()
    net = theirs(own.state_dict())
    options = {"r": 3, "lora_alpha": 5, "target_modules": ["to_q", "to_k", "to_v", "to_out.0"]} | config
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.add_adapter(peft.LoraConfig(**options))
    return own, taught(net.double())


@pytest.mark.parametrize("alpha", [4, 1.5, 16])
def test_ours_is_opened_by_diffusers(alpha, peft, tmp_path):
    net = ours()
    base = answer(net)
    other = theirs(net.state_dict())
    add_adapter(net, rank=4, alpha=alpha)
    taught(net)
    save_adapter(tmp_path, net, dtype=torch.float64)
    loaded(other, tmp_path)
    assert difference(answer(net), their_answer(other)) < CLOSE
    assert difference(answer(net), base) > 0.01
    merge_adapters(net)
    assert difference(answer(net), their_answer(other)) < CLOSE
    other.fuse_lora()
    assert difference(answer(net), their_answer(other)) < CLOSE


def test_ours_of_several_ranks_is_opened_by_diffusers(peft, tmp_path):
    net = ours()
    other = theirs(net.state_dict())
    places = [place for place in linear_layers(net) if ".attn" in place]
    wrap(net, {place: (1 + i % 3, 2.0 + i % 2) for i, place in enumerate(places)})
    taught(net)
    save_adapter(tmp_path, net, dtype=torch.float64)
    assert difference(answer(net), their_answer(loaded(other, tmp_path))) < CLOSE
    again = ours()
    load_adapter(tmp_path, again)
    assert torch.equal(answer(again), answer(net))


def test_a_pipeline_opens_ours(peft, tmp_path, cpu):
    tokenizer = CLIPTokenizer.train(["cat", "red", "a", "and"], 16)
    pipe = latent_pipe(tokenizer, cpu)
    pipe.save_pretrained(tmp_path / "base")
    add_adapter(pipe.unet, rank=2, alpha=3, name="pet")
    taught(pipe.unet)
    save_adapter(tmp_path, pipe.unet)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = diffusers_class("StableDiffusionPipeline").from_pretrained(tmp_path / "base", local_files_only=True)
        other.load_lora_weights(tmp_path, weight_name=FILE, adapter_name="pet")
    assert other.get_active_adapters() == ["pet"]
    layer = other.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2.to_k
    assert (layer.r["pet"], layer.scaling["pet"]) == (2, 1.5)


@pytest.mark.parametrize("how", ["save_lora_adapter", "save_lora_weights", "without metadata"])
def test_theirs_is_opened_here(how, peft, tmp_path):
    own, net = adapter_of_theirs(peft, lora_alpha=3 if how == "without metadata" else 5)
    if how == "save_lora_adapter":
        net.save_lora_adapter(tmp_path)
    else:
        layers = peft.utils.get_peft_model_state_dict(net, adapter_name="default")
        metadata = net.peft_config["default"].to_dict() if how == "save_lora_weights" else None
        diffusers_class("StableDiffusionPipeline").save_lora_weights(
            tmp_path, layers, unet_lora_adapter_metadata=metadata
        )
    load_adapter(tmp_path, own)
    assert difference(answer(own), their_answer(net)) < CLOSE
    assert {layer.scale for layer in adapted(own).values()} == {1.0 if how == "without metadata" else 5 / 3}


def test_theirs_of_other_linear_layers_is_opened_here(peft, tmp_path):
    own, net = adapter_of_theirs(
        peft, target_modules=["to_k", "ff.net.2", "time_emb_proj"], rank_pattern={"to_k": 2}, alpha_pattern={"to_k": 7}
    )
    net.save_lora_adapter(tmp_path)
    load_adapter(tmp_path, own)
    assert difference(answer(own), their_answer(net)) < CLOSE


def test_what_was_saved_is_what_is_opened(tmp_path):
    net = ours()
    add_adapter(net, rank=2, alpha=5, name="first")
    add_adapter(net, rank=3, alpha=1, name="second", targets=("to_v",))
    taught(net)
    for name in ("first", "second"):
        assert save_adapter(tmp_path / name, net, name, torch.float64).name == FILE
    again = ours()
    for name in ("first", "second"):
        load_adapter(tmp_path / name, again, name)
    assert torch.equal(answer(again), answer(net))
    set_strength(again, {"first": 0.0})
    assert difference(answer(again), answer(net)) > 1e-3
    with safe_open(tmp_path / "second" / FILE, "pt") as file:
        config = json.loads(file.metadata()[METADATA])
        assert len(list(file.keys())) == 2 * len(adapted(net, "second"))
    assert (config["unet.r"], config["unet.lora_alpha"], config["unet.alpha_pattern"]) == (3, 1, {})
    assert len(config["unet.target_modules"]) == len(adapted(net, "second"))


def test_older_names_and_alphas_that_are_tensors(tmp_path):
    net = ours()
    add_adapter(net, rank=2, alpha=6)
    taught(net)
    old = {}
    for place, layer in adapted(net).items():
        place = place.removesuffix(".0")  # as the attention processors of 2023 had it
        old |= {
            f"unet.{place}.lora.down.weight": layer.down.detach(),
            f"unet.{place}.lora.up.weight": layer.up.detach(),
        }
        old[f"unet.{place}.alpha"] = torch.tensor(6.0)
    save_file(old, tmp_path / "old.safetensors")
    again = ours()
    load_adapter(tmp_path / "old.safetensors", again)
    assert torch.equal(answer(again), answer(net))
    processors = {k.replace(".to_", ".processor.to_").replace(".lora.", "_lora."): v for k, v in old.items()}
    save_file({k: v for k, v in processors.items() if not k.endswith("alpha")}, tmp_path / "older.safetensors")
    again = ours()
    load_adapter(tmp_path / "older.safetensors", again)
    assert {layer.scale for layer in adapted(again).values()} == {1.0}


@pytest.mark.parametrize("recipe", [shapes, storybook], ids=lambda recipe: recipe.NAME)
def test_the_file_of_an_adapter_is_small(recipe, tmp_path):
    net = UNet(recipe.NUMBERS.unet)
    add_adapter(net, rank=4)
    assert save_adapter(tmp_path, net).stat().st_size < 500_000


def saved(tmp_path, change=lambda tensors: tensors, metadata=None):
    net = ours()
    add_adapter(net, rank=2)
    path = save_adapter(tmp_path, net)
    save_file(change(load_file(path)), path, metadata=metadata)
    return path


FIRST = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight"


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda x: x | {FIRST: torch.zeros(2, 5)},
     r"another model: it changes down_blocks\.0\.\S*\.attn1\.to_q \(16, 5\), and here there is \(16, 16\)"),
    (lambda x: {k.replace("down_blocks.0", "down_blocks.7"): v for k, v in x.items()},
     r"it changes down_blocks\.7\.\S* \(16, 16\), and here there is no such linear layer"),
    (lambda x: x | {FIRST.replace("lora_A", "lora_magnitude_vector"): torch.zeros(2)}, "no plain low-rank adapter"),
    (lambda x: x | {"text_encoder.layers.0.lora_A.weight": torch.zeros(2, 2)}, "adapts the text encoder too"),
    (lambda x: {f"lora_unet_{k}": v for k, v in x.items()}, "has kohya's names"),
])  # fmt: skip
def test_an_adapter_for_another_model_is_refused(change, sentence, tmp_path):
    net = ours()
    with pytest.raises(ValueError, match=sentence) as error:
        load_adapter(saved(tmp_path, change), net)
    assert "\n" not in str(error.value)
    assert not any(isinstance(layer, LoRALinear) for layer in net.modules())


@pytest.mark.parametrize(("metadata", "error", "sentence"), [
    ({METADATA: "{"}, OSError, "its configuration is not readable"),
    ({METADATA: json.dumps({"unet.use_dora": True})}, ValueError, "was trained with use_dora=True"),
])  # fmt: skip
def test_a_configuration_that_ours_is_not(metadata, error, sentence, tmp_path):
    with pytest.raises(error, match=sentence):
        load_adapter(saved(tmp_path, metadata=metadata), ours())


def test_files_that_are_none(tmp_path):
    with pytest.raises(OSError, match="is missing"):
        load_adapter(tmp_path, ours())
    path = saved(tmp_path, lambda x: {k: v for k, v in x.items() if k != FIRST})
    with pytest.raises(OSError, match="has only half of its adapter"):
        load_adapter(path, ours())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(OSError, match="cut short"):
        load_adapter(path, ours())


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_an_adapter_of_numbers_that_are_not_finite_is_refused(wrong, tmp_path):
    net = ours()
    with pytest.raises(OSError, match=r"to_q\.lora_A\.weight holds numbers that are not finite; the file is damaged"):
        load_adapter(saved(tmp_path, lambda x: x | {FIRST: torch.full_like(x[FIRST], wrong)}), net)
    assert not any(isinstance(layer, LoRALinear) for layer in net.modules())


def test_an_adapter_too_loud_for_half_precision_is_not_written(tmp_path):
    net = ours()
    layer = add_adapter(net, rank=2)[0]
    with torch.no_grad():
        layer.up[0, 1] = -1e6
    with pytest.raises(ValueError, match=r"lora_B\.weight reaches 1e\+06, and torch\.float16 ends at 65,504"):
        save_adapter(tmp_path, net)
    assert not list(tmp_path.iterdir())
    save_adapter(tmp_path, net, dtype=torch.float32)
    assert min(layer.up.min() for layer in load_adapter(tmp_path, ours())) == -1e6


def test_which_adapter_to_save_is_named(tmp_path):
    net = ours()
    with pytest.raises(ValueError, match="one of none; got None"):
        save_adapter(tmp_path, net)
    add_adapter(net, name="first")
    add_adapter(net, name="second")
    with pytest.raises(ValueError, match="one of second, first; got None"):
        save_adapter(tmp_path, net)
    assert not list(tmp_path.iterdir())


def test_a_network_with_adapters_is_not_saved_as_if_it_had_none(tmp_path, cpu):
    pipe = latent_pipe(CLIPTokenizer.train(["cat", "red", "a", "and"], 16), cpu)
    add_adapter(pipe.unet, rank=2, name="pet")
    with pytest.raises(ValueError, match="saved without adapters; this one has pet"):
        pipe.save_pretrained(tmp_path / "model")
    merge_adapters(pipe.unet)
    pipe.save_pretrained(tmp_path / "model")
