"""Which device, which precision, and the reasons; machines that this one is not are acted."""

import contextlib
import mmap
import os
import random
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from t2ilab import device as module
from t2ilab.device import DeviceManager, available_devices

measured_speedup = module._bfloat16_speedup  # before a fixture says a number for it


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch):
    monkeypatch.delenv("T2ILAB_DEVICE", raising=False)
    state = torch.get_rng_state(), random.getstate()
    yield
    torch.set_rng_state(state[0])
    random.setstate(state[1])


@pytest.fixture
def plain_cpu(monkeypatch):
    """A machine with nothing but a processor that has no half precision."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
    monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: False)


@pytest.fixture
def cuda(plain_cpu, monkeypatch):
    """A machine with two CUDA devices of compute capability 8.0."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Test GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))


# ---- which device --------------------------------------------------------------------------------------------------


def test_this_machine_gets_its_best():
    manager = DeviceManager()
    assert manager.device.type == available_devices()[0]
    assert available_devices()[-1] == "cpu"
    assert "the best that this machine has" in manager.reason
    assert manager.reason in repr(manager)


def test_a_plain_processor(plain_cpu):
    manager = DeviceManager()
    assert (manager.device, manager.dtype) == (torch.device("cpu"), torch.float32)
    assert manager.reason.startswith(f"CPU with {torch.get_num_threads()} thread")
    assert manager.reason.endswith("float32, because this processor has no bfloat16 instructions.")


def test_one_asks_by_argument_or_by_environment(cuda, monkeypatch):
    assert DeviceManager().device == torch.device("cuda")
    monkeypatch.setenv("T2ILAB_DEVICE", "cpu")
    by_environment = DeviceManager()
    assert by_environment.device == torch.device("cpu")
    assert "asked for by T2ILAB_DEVICE" in by_environment.reason
    by_argument = DeviceManager("cuda:1")  # the argument comes first
    assert by_argument.device == torch.device("cuda:1")
    assert "(asked for)" in by_argument.reason
    assert DeviceManager(torch.device("cuda:0")).device == torch.device("cuda:0")
    monkeypatch.setenv("T2ILAB_DEVICE", "")
    assert DeviceManager().device == torch.device("cuda")


@pytest.mark.parametrize("how", ["argument", "environment"])
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("gpu", r"A device is one of cpu; got 'gpu'\."),
        ("cpu:x", r"A device is one of cpu; got 'cpu:x'\."),
        ("cuda", r"This machine has cpu; got 'cuda'\. Leave both the argument and T2ILAB_DEVICE out"),
        ("meta", r"This machine has cpu; got 'meta'\."),
        ("cpu:3", r"This machine has 1 of 'cpu', numbered from 0; got 'cpu:3'\. Ask for 'cpu' alone"),
    ],
)
def test_a_device_that_is_not_there(how, asked, sentence, plain_cpu, monkeypatch):
    if how == "environment":
        monkeypatch.setenv("T2ILAB_DEVICE", asked)
    with pytest.raises(ValueError, match=sentence):
        DeviceManager(asked if how == "argument" else None)


def test_what_is_no_name_of_a_device(plain_cpu):
    with pytest.raises(ValueError, match=r"A device is one of cpu; got '1\.5'\."):
        DeviceManager(1.5)


def test_a_number_beyond_the_last_device(cuda):
    with pytest.raises(ValueError, match=r"This machine has 2 of 'cuda', numbered from 0; got 'cuda:2'\."):
        DeviceManager("cuda:2")


# ---- which precision -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capability", "dtype", "reason"),
    [((8, 0), torch.bfloat16, "compute natively"), ((7, 5), torch.float32, "has no bfloat16")],
)
def test_cuda_takes_bfloat16_where_it_is_native(capability, dtype, reason, cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    manager = DeviceManager()
    assert manager.dtype == dtype
    assert manager.reason.startswith("CUDA on Test GPU (the best that this machine has); ")
    assert reason in manager.reason


def test_apple_computes_in_float32_and_keeps_the_usual_layout(plain_cpu, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 3_000_000)
    manager, moves = DeviceManager(), []

    class Module:
        def to(self, *args, **options):
            moves.append((args, options))

    manager.place(Module())
    assert manager.device == torch.device("mps")
    assert manager.dtype == torch.float32
    assert manager.reason.startswith("Apple's GPU by MPS (the best that this machine has); float32, because")
    assert moves == [((torch.device("mps"),), {})]
    assert manager.memory()["device"] == 3


def test_intel_takes_bfloat16(plain_cpu, monkeypatch):
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 1)
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda device: "Test XPU")
    monkeypatch.setattr(torch.xpu, "memory_allocated", lambda device: 5_000_000)
    manager = DeviceManager()
    assert (manager.device, manager.dtype) == (torch.device("xpu"), torch.bfloat16)
    assert manager.reason.startswith("Intel's XPU, Test XPU")
    assert manager.memory()["device"] == 5


@pytest.mark.parametrize(
    ("speedup", "dtype", "reason"),
    [
        (2.34, torch.bfloat16, "bfloat16, measured 2.3 times as fast as float32"),
        (1.05, torch.float32, "float32, because bfloat16 measured only 1.1 times its speed"),
        (0.2, torch.float32, "float32, because bfloat16 measured only 0.2 times its speed"),
    ],
)
def test_a_processor_takes_bfloat16_where_it_measures_faster(speedup, dtype, reason, plain_cpu, monkeypatch):
    monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(module, "_bfloat16_speedup", lambda: speedup)
    manager = DeviceManager()
    assert manager.dtype == dtype
    assert reason in manager.reason
    with manager.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_the_measurement_is_a_ratio_of_times():
    assert 0 < measured_speedup() < 1000


def test_other_work_for_a_while_does_not_make_half_precision_the_faster(monkeypatch):
    """A machine that is busy for the first half of the measurement and equally fast in both."""
    ticks = iter([tick for k in range(12) for tick in (10 * k, 10 * k + (3 if k < 6 else 1))])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    assert measured_speedup() == 1


def test_autocast_is_no_context_in_float32(plain_cpu):
    assert isinstance(DeviceManager().autocast(), contextlib.nullcontext)


# ---- seeds, memory, places -----------------------------------------------------------------------------------------


def test_a_seed_means_the_same_numbers(plain_cpu):
    manager, drawn = DeviceManager(), []
    for seed in (3, 3, 4):
        generator = manager.seed(seed)
        assert generator.device == torch.device("cpu")
        drawn.append((random.random(), torch.rand(3).tolist(), torch.rand(3, generator=generator).tolist()))
    assert drawn[0] == drawn[1]
    assert all(a != b for a, b in zip(drawn[0], drawn[2], strict=True))


def test_memory_is_in_megabytes(plain_cpu):
    manager = DeviceManager()
    before = manager.memory()
    # 100 MB straight from the system: malloc may have as much left of earlier tests, and nothing would be seen.
    block = torch.frombuffer(mmap.mmap(-1, 100_000_000), dtype=torch.uint8).fill_(1)
    after = manager.memory()
    assert before.keys() == {"now", "peak", "device"}
    assert 50 < before["now"] < 100_000
    assert before["device"] == 0
    assert 80 < after["now"] - before["now"] < 130
    assert after["peak"] >= max(before["peak"], 0.99 * after["now"])
    del block
    assert manager.memory()["peak"] >= 0.99 * after["now"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux carries the parent's peak over")
def test_the_peak_is_not_the_parents():
    block = torch.ones(75_000_000)  # 300 MB
    code = "import t2ilab.device as d; print(d._peak_memory() / 1e6, d.psutil.Process().memory_info().rss / 1e6)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    peak, now = map(float, ran.stdout.split())
    mine = module.psutil.Process().memory_info().rss / 1e6
    assert now <= 1.01 * peak < mine
    assert len(block)


def test_a_placed_network_is_channels_last_and_computes_the_same(plain_cpu):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 4, 2))
    x = torch.rand(2, 3, 4, 4)
    before = net(x)
    placed = DeviceManager().place(net)
    assert placed is net
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert net[2].weight.is_contiguous()
    assert torch.allclose(net(x), before, atol=1e-6)
