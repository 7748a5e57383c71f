"""Weights in files: what is written, what is read, and what each kind of broken file is told."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from t2ilab.interop import weights as weights_module
from t2ilab.interop.prior import read_prior
from t2ilab.interop.prior import written_config_of as written_prior
from t2ilab.interop.t5 import read_t5_encoder
from t2ilab.interop.t5 import written_config_of as written_t5
from t2ilab.interop.weights import choose, files_of, read_weights, renaming, write_weights
from t2ilab.nets.prior import Prior, PriorConfig
from t2ilab.nets.t5 import T5Config, T5Encoder


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    module = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    write_weights(tmp_path / "w.safetensors", module)
    return tmp_path / "w.safetensors", module


def test_weights_are_written_in_half_precision_and_read_in_the_modules_own(weights):
    path, module = weights
    assert {t.dtype for t in load_file(path).values()} == {torch.float16}
    other = nn.Conv2d(3, 4, 3)
    read_weights(path, other)
    assert other.weight.dtype == torch.float32
    assert torch.equal(other.weight, module.weight.half().float())


def test_what_was_read_is_the_network_and_not_a_copy_beside_it(tmp_path, monkeypatch):
    nets = {
        read_t5_encoder: (T5Encoder(T5Config(20, 8, 1, 2, 4, 12)), written_t5, "model"),
        read_prior: (Prior(PriorConfig(6, 5, 8, 1, 2)), written_prior, "diffusion_pytorch_model"),
    }
    given, tensors_of = [], weights_module.tensors_of

    def noted(files):
        for path, name, tensor in tensors_of(files):
            given.append(tensor)
            yield path, name, tensor

    monkeypatch.setattr(weights_module, "tensors_of", noted)
    for read, (net, config_of, stem) in nets.items():
        folder = tmp_path / read.__name__
        write_weights(folder / f"{stem}.safetensors", net, dtype=torch.float32, config=config_of(net.config))
        given.clear()
        opened = read(folder)
        assert {t.data_ptr() for t in opened.state_dict().values()} == {tensor.data_ptr() for tensor in given}
        assert all(parameter.requires_grad for parameter in opened.parameters())
        assert all(torch.equal(a, b) for a, b in zip(opened.parameters(), net.parameters(), strict=True))


def test_weights_of_another_layout_are_named(weights):
    path, _ = weights
    larger = nn.Conv2d(3, 4, 3)
    larger.extra = nn.Parameter(torch.zeros(1))
    with pytest.raises(OSError, match=r"missing \['extra'\], not known \[\]"):
        read_weights(path, larger)
    with pytest.raises(OSError, match=r"not known \['bias'\]"):
        read_weights(path, nn.Conv2d(3, 4, 3, bias=False))
    with pytest.raises(OSError, match=r"weight is \(4, 3, 3, 3\), and the model needs \(4, 3, 5, 5\)"):
        read_weights(path, nn.Conv2d(3, 4, 5))


def test_weights_that_are_no_numbers_are_refused(weights):
    path, module = weights
    tensors = load_file(path)
    tensors["bias"][1] = math.nan
    save_file(tensors, path)
    before = module.weight.clone()
    with pytest.raises(OSError, match="bias holds numbers that are not finite"):
        read_weights(path, module)
    assert torch.equal(module.weight, before)


def test_weights_too_large_for_their_precision_are_not_written(weights):
    path, module = weights
    before = path.read_bytes()
    with torch.no_grad():
        module.bias[1], module.bias[2] = 7e4, math.inf  # what is infinite itself is no matter of precision
    with pytest.raises(
        ValueError, match=r"bias reaches 70000, and torch\.float16 ends at 65,504\. .*dtype=torch\.float32"
    ):
        write_weights(path, module)
    assert path.read_bytes() == before
    with torch.no_grad():
        module.bias[2] = 65504
    write_weights(path, module, dtype=torch.float32)
    read_weights(path, other := nn.Conv2d(3, 4, 3))
    assert torch.equal(other.bias, module.bias)


@pytest.mark.parametrize("length", [0, 4, 60, -1])
def test_weights_cut_short_are_refused(weights, length):
    path, module = weights
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(OSError, match=r"w\.safetensors is cut short or no safetensors file"):
        read_weights(path, module)
    path.unlink()
    with pytest.raises(OSError, match=r"w\.safetensors is missing"):
        read_weights(path, module)


# ---- names, shards, variants ----------------------------------------------------------------------------------------


def test_names_are_changed_both_ways_and_a_module_without_memory_is_filled(weights, tmp_path):
    _, module = weights
    path = tmp_path / "named.safetensors"
    write_weights(path, module, rename=lambda name: f"conv.{name}", dtype=torch.float32)
    save_file(load_file(path) | {"position_ids": torch.arange(3)}, path)
    with torch.device("meta"):
        empty = nn.Conv2d(3, 4, 3)
    bare = renaming(lambda name: name.removeprefix("conv."))
    read_weights(path, empty, lambda name, x: [] if name == "position_ids" else bare(name, x))
    assert torch.equal(empty.weight, module.weight)
    assert isinstance(empty.weight, nn.Parameter)
    with pytest.raises(OSError, match=r"missing \[\], not known \['position_ids'\]"):
        read_weights(path, empty, bare)


@pytest.fixture
def sharded(weights, tmp_path):
    """The weights in two shards with their index, as diffusers and transformers write large ones."""
    path, module = weights
    folder = tmp_path / "sharded"
    folder.mkdir()
    names = {"weight": "model-00001-of-00002.safetensors", "bias": "model-00002-of-00002.safetensors"}
    for name, file in names.items():
        save_file({name: load_file(path)[name]}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return folder, module


def test_shards_are_read_as_their_index_lists_them(sharded):
    folder, module = sharded
    files = files_of(folder, "model")
    assert [file.name[:11] for file in files] == ["model-00001", "model-00002"]
    other = nn.Conv2d(3, 4, 3)
    read_weights(files, other)
    assert torch.equal(other.bias, module.bias.half().float())
    files[1].unlink()
    with pytest.raises(OSError, match=r"model-00002-of-00002\.safetensors is missing"):
        read_weights(files_of(folder, "model"), other)
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(OSError, match=r"index\.json is not an index of shards: it has no 'weight_map'"):
        files_of(folder, "model")


def test_an_index_cannot_lead_out_of_its_folder(sharded):
    folder, _ = sharded
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"weight": "../../secret"}}))
    assert files_of(folder, "model") == [folder / "secret"]


@pytest.mark.parametrize(
    ("there", "variant", "chosen"),
    [
        (["model.fp16.safetensors", "model.safetensors", "model.bin"], None, ["model.safetensors"]),
        (["model.fp16.safetensors", "model.safetensors"], "fp16", ["model.fp16.safetensors"]),
        (["model.fp16.safetensors", "pytorch_model.bin"], None, ["model.fp16.safetensors"]),
        (
            [
                "model-1-of-2.safetensors",
                "model-2-of-2.safetensors",
                "model.safetensors.index.json",
                "model.fp16-1-of-1.safetensors",
            ],
            None,
            ["model.safetensors.index.json", "model-1-of-2.safetensors", "model-2-of-2.safetensors"],
        ),
        (
            ["model.fp16-1-of-1.safetensors", "model.safetensors.index.fp16.json"],
            None,
            ["model.safetensors.index.fp16.json", "model.fp16-1-of-1.safetensors"],
        ),
    ],
)
def test_the_weights_of_a_variant_are_chosen(there, variant, chosen):
    assert choose(there, "model", variant) == chosen


def test_a_pickle_is_refused_with_the_reason_and_the_way_out():
    with pytest.raises(OSError, match=r"a pickle, pytorch_model\.bin, .* whatever program is in it\. Convert it"):
        choose(["config.json", "pytorch_model.bin"], "model")
    with pytest.raises(OSError, match=r"no model\.fp16\.safetensors here; there is config\.json, model\.safetensors"):
        choose(["model.safetensors", "config.json"], "model", "fp16")


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OSError, match=r"unet is missing, so .* is not a whole model"):
        files_of(tmp_path / "unet", "model")
