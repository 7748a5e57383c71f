"""Training in several processes that each take their share of every batch, as if it were one.

`torchrun`, `accelerate launch` and `t2ilab train --processes 2` start them; in one process nothing here does anything.
Each draws the whole batch, whose chance comes from its number alone, and computes the loss of its own rows; gradients
are averaged before each update (Li et al. 2020, section 3.1, without the overlap), so all hold the same weights.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

_part = 0, 1  # which part of its rows this process is at, and of how many


def join() -> int:
    """Meets the other processes that a launcher started, and returns how many there are; 1 without a launcher.

    Raises:
        ValueError: the launcher's variables are not numbers, or it was to start several processes and started one.
        ImportError: accelerate is not installed.
        RuntimeError: the others cannot be reached.
    """
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal():
        raise ValueError(f"A launcher says in WORLD_SIZE how many processes there are, such as 2; got {said!r}.")
    # What `accelerate launch --num_processes 2` leaves where it finds no two GPUs: an address, and one process.
    if "WORLD_SIZE" not in os.environ and {"ACCELERATE_USE_CPU", "MASTER_PORT"} <= os.environ.keys():
        raise ValueError(
            "accelerate launch was to start several processes and has started one, as it does where it finds no two "
            "GPUs. Add --multi_gpu, without --cpu, to its options; on CPUs too."
        )
    if int(said) > 1 and not dist.is_initialized():
        try:
            from accelerate import PartialState
        except ImportError:
            raise ImportError("Several processes meet by accelerate; `pip install accelerate`.") from None

        # gloo on CPUs, NCCL on NVIDIA's GPUs; where the others are, the launcher's variables say
        PartialState(cpu=os.environ.get("T2ILAB_DEVICE") == "cpu" or not torch.cuda.is_available())
    return count()


def own_device() -> str | None:
    """The GPU of this process where several share a machine with GPUs; None leaves the choice to `DeviceManager`."""
    if count() == 1 or not torch.cuda.is_available() or os.environ.get("T2ILAB_DEVICE"):
        return None
    return f"cuda:{os.environ.get('LOCAL_RANK', rank())}"


def leave() -> None:
    """Parts from the others, so that a process may end while one still measures."""
    if dist.is_initialized():
        dist.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0; process 0 writes, the others keep silent."""
    return dist.get_rank() if count() > 1 else 0


@contextmanager
def part(index: int, of: int) -> Iterator[None]:
    """Within it, `share` gives the index-th of so many parts of this process's rows: of a batch that does not fit into
    memory, the gradients of the parts add up to its own."""
    global _part
    _part = index, of
    try:
        yield
    finally:
        _part = 0, 1


def parts() -> int:
    """In how many parts this process meets its rows."""
    return _part[1]


def share(rows: int) -> slice:
    """The rows of a batch that are this process's, or those of the part that it is at.

    Raises:
        ValueError: they cannot be shared out evenly, so that the mean of all means would not be that of the batch.
    """
    index, of = _part
    pieces = count() * of
    if rows % pieces:
        what = "parts" if of > 1 else "processes"
        raise ValueError(
            f"A batch is shared out evenly; {rows} rows and {pieces} {what} do not go together. Take a number that "
            f"divides {rows}."
        )
    each, piece = rows // pieces, rank() * of + index
    return slice(piece * each, (piece + 1) * each)


def average_(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in one message."""
    if count() == 1 or not tensors:
        return
    flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= count()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.detach().copy_(mean.reshape(tensor.shape))


def same(number: int) -> int:
    """What process 0 says, for all: of what each might measure otherwise."""
    if count() == 1:
        return number
    told = [number]
    dist.broadcast_object_list(told, src=0)
    return told[0]


@torch.no_grad()
def alike(model: nn.Module) -> None:
    """Gives all processes the weights and buffers of process 0."""
    if count() > 1:
        for tensor in [*model.parameters(), *model.buffers()]:
            dist.broadcast(tensor, src=0)
