"""A model that is shared out among processes: each holds its rows of every weight, gradient, moment and average.

By torch's `fully_shard` (FSDP, Zhao et al. 2023, after the third stage of ZeRO, Rajbhandari et al. 2020): the weights
of a block are gathered when it computes and dropped after, forward and backward, and of its gradients each process gets
the mean of all for its own rows. Where nothing is shared out, every tensor is its own part.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from t2ilab.training import processes
from t2ilab.training.calls import Calls


def share_out(model: nn.Module, calls: Calls) -> nn.Module:
    """Leaves to each process its rows of all weights that the networks of a step use.

    Weights that lie beside its networks, such as a CLIP's one temperature, stay whole in each.

    Args:
        model: alike in all processes.
        calls: of a step, as `calls.watched` found them.

    Returns:
        A copy of the model without weights (on torch's device "meta"), to be filled by `Average.whole`.

    Raises:
        ImportError: torch is too old.
    """
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, fully_shard

        FSDPModule.set_force_sum_reduction_for_comms  # noqa: B018 (gloo has no mean)
    except (ImportError, AttributeError):
        raise ImportError(
            f"--fsdp needs torch's fully_shard with sums over gloo, which torch 2.14 has; this is {torch.__version__}. "
            "Install a newer one, or leave it out."
        ) from None
    empty: dict[int, Any] = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), requires_grad=p.requires_grad)
        for p in model.parameters()
    }
    shell = copy.deepcopy(model, empty)
    # An autoencoder's two outputs lie in one tensor; nobody here writes into what a network gives.
    warnings.filterwarnings("ignore", r"FSDP2-wrapped module .* returned a view tensor", UserWarning)
    model.to(memory_format=torch.contiguous_format)  # it knows no other
    mesh = init_device_mesh(next(model.parameters()).device.type, (processes.count(),))
    for unit in [*_units(model, calls), *([model] if model in calls else [])]:
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)
        unit.set_force_sum_reduction_for_comms(True)
    return shell


def _units(module: nn.Module, calls: Calls, around: nn.Module | None = None, listed: bool = False) -> Iterator[Any]:
    """What is gathered together, inner ones before outer ones: each network, in it the blocks that its lists hold, and
    whatever is also called from outside of these."""
    around = module if around is None and module in calls else around
    for child in module.children():
        block = isinstance(module, nn.ModuleList) and not listed
        own = child in calls and (block or around not in calls[child])
        yield from _units(child, calls, child if own else around, listed or (own and block))
        if own:
            yield child


def is_split(tensor: Tensor) -> bool:
    """Whether processes share it, each with its rows; torch's DTensor, which is slow to import, has placements."""
    return hasattr(tensor, "placements")


def part(tensor: Any) -> Tensor:
    """This process's rows, in the memory of the tensor itself."""
    return tensor.detach().to_local() if is_split(tensor) else tensor


def learner(parameter: nn.Parameter) -> nn.Parameter:
    """What an optimizer moves of a parameter: itself, or this process's rows, which know it as their `whole`."""
    if not is_split(parameter):
        return parameter
    rows = nn.Parameter(part(parameter))
    rows.whole = parameter  # type: ignore[attr-defined]
    return rows


def origin(parameter: Tensor) -> Tensor:
    """The parameter that an optimizer's `learner` is of."""
    return getattr(parameter, "whole", parameter)


def rows_of(tensor: Tensor, like: Tensor) -> Tensor:
    """Those rows of a whole tensor that this process has of `like`; all, where that is not shared out."""
    if not is_split(like):
        return tensor
    each = -(-len(tensor) // processes.count())
    return tensor[processes.rank() * each : (processes.rank() + 1) * each]


def whole(rows: Tensor, like: Tensor) -> Tensor:
    """A tensor of which each process gives its rows, as it has them of `like`; all of them call this together."""
    if not is_split(like):
        return rows
    each = -(-len(like) // processes.count())
    mine = rows.new_zeros(each, *like.shape[1:])  # the last processes may have fewer, or none
    mine[: len(rows)] = rows
    theirs = [torch.empty_like(mine) for _ in range(processes.count())]
    dist.all_gather(theirs, mine)
    return torch.cat(theirs)[: len(like)]


def laid_out(tensor: Tensor, like: Any) -> Tensor:
    """A whole tensor in the way in which `like` is shared out."""
    if not is_split(like):
        return tensor
    from torch.distributed.tensor import DTensor

    form = {"shape": like.shape, "stride": like.stride()}
    rows = rows_of(tensor, like).contiguous()
    return DTensor.from_local(rows, like.device_mesh, like.placements, run_check=False, **form)


@torch.no_grad()
def clip_(parameters: Sequence[Tensor], longest: float) -> Tensor:
    """As `nn.utils.clip_grad_norm_`, where the gradient's length is that of all parts together. Returns the length."""
    given = [p.grad for p in parameters if p.grad is not None]
    parts, alike = [part(g) for g in given if is_split(g)], [g for g in given if not is_split(g)]
    square = nn.utils.get_total_norm(parts).square()
    dist.all_reduce(square)
    length = (square + nn.utils.get_total_norm(alike).square().to(square.device)).sqrt()
    torch._foreach_mul_(parts + alike, torch.clamp(longest / (length + 1e-6), max=1.0))
    return length
