"""Checkpoints: what goes in comes out, and whatever goes wrong with a file or a disk ends in one sentence."""

import errno
import json
import os
import stat
import sys

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from t2ilab.training import checkpoint
from t2ilab.training.checkpoint import load_checkpoint, save_checkpoint
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

FACTS = {"recipe": "a test", "seed": 3, "steps": 9}
MOMENTS = {1: {"step", "exp_avg", "exp_avg_sq"}, 4: {"step", "momentum_buffer"}}  # vector, convolution


def network(seed=0):
    """A model whose convolutions lie channels-last, its average and its optimizer, after three updates."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 3, 3, padding=1))
    model = model.to(memory_format=torch.channels_last)
    average = Average(model, 0.9)
    optimizer = Muon(model, 1e-2)
    for step in range(3):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        average.update(step + 1)
    return model, average, optimizer


@pytest.fixture
def saved(tmp_path):
    parts = network()
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_checkpoint(path, 3, *parts, FACTS)
    return path, parts


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_saved_comes_back_bit_for_bit(saved):
    path, (model, average, optimizer) = saved
    other, other_average, other_optimizer = network(seed=1)
    assert load_checkpoint(path, other, other_average, other_optimizer) == (3, FACTS)
    for mine, theirs in ((model, other), (average.model, other_average.model)):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        ours, loaded = optimizer.state[a], other_optimizer.state[b]
        assert ours.keys() == loaded.keys() == MOMENTS[a.ndim]
        for moment in ours:
            assert torch.equal(ours[moment], loaded[moment])


def test_moments_lie_in_memory_as_their_weights_do(saved):
    # A fused AdamW walks through memory: moments in another order than the weights would be other weights' moments.
    path, parts = saved
    load_checkpoint(path, *parts)
    for weight, state in parts[2].state.items():
        for moment in state.keys() - {"step"}:
            assert state[moment].stride() == weight.stride()


def test_the_same_state_gives_the_same_bytes(saved, tmp_path):
    path, parts = saved
    save_checkpoint(tmp_path / "again", 3, *parts, FACTS)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_checkpoint_cut_anywhere_is_refused(saved):
    path, parts = saved
    whole = path.read_bytes()
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(
            OSError, match=r"checkpoint\.safetensors is cut short, changed, .* Delete it to start again"
        ):
            load_checkpoint(path, *parts)


def test_a_changed_byte_anywhere_is_seen(saved):
    path, parts = saved
    whole = path.read_bytes()
    for position in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(OSError, match="is cut short, changed, or of another model"):
            load_checkpoint(path, *parts)


def test_a_checkpoint_of_another_model_is_refused(saved):
    path, _ = saved
    model = nn.Linear(2, 2)
    with pytest.raises(OSError, match="of another model"):
        load_checkpoint(path, model, Average(model), Muon(model))


def test_a_file_of_weights_alone_is_no_checkpoint(saved):
    path, parts = saved
    save_file({"model.weight": torch.zeros(2)}, path)
    with pytest.raises(OSError, match="is cut short, changed, or of another model") as error:
        load_checkpoint(path, *parts)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_keeps_the_checkpoint_before_and_leaves_nothing(saved, failure, monkeypatch):
    path, parts = saved
    before = contents(path.parent)

    def half(tensors, file, metadata):
        file.write_bytes(b"half of it")
        raise failure

    monkeypatch.setattr(checkpoint, "save_file", half)
    with pytest.raises(OSError, match=r"Could not write .*No space left on device.*free some space\.$"):
        save_checkpoint(path, 4, *parts, FACTS)
    assert contents(path.parent) == before


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_what_is_written_can_be_read_by_others_as_the_umask_says(saved, tmp_path):
    path, _ = saved
    (tmp_path / "usual").touch()
    usual = stat.S_IMODE(os.stat(tmp_path / "usual").st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == usual


def test_facts_are_kept_as_json(saved):
    from safetensors import safe_open

    with safe_open(saved[0], "pt") as file:
        assert json.loads(file.metadata()["run"])["facts"] == FACTS
