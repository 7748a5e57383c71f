"""Low-rank adapters: a large layer stays as it is, and two thin matrices beside it learn what is new (Hu et al. 2021).

In a U-Net they sit at the four projections of each attention. Several can sit there at once, one around the other, each
with a name and a strength of its own; merged, they are gone, and the layers are as fast as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2ilab.nets.layers import Attention

TARGETS = ("to_q", "to_k", "to_v", "to_out")
NAME = "default"


class LoRALinear(nn.Module):
    """A frozen linear layer and a low-rank update: h = W0 x + (alpha / rank) B A x (Hu et al. 2021, eq. 3).

    Args:
        base: the layer; it is frozen. It may be a LoRALinear itself, and then both updates are added.
        rank: of the update, from 1 to the narrower side of the layer.
        alpha: what the update is multiplied by, times 1 / rank (section 4.1), so that another rank needs no other
            learning rate.
        name: of the adapter that it belongs to.

    Attributes:
        down: A, (rank, in), random at the start. up: B, (out, rank), zero at the start: a new adapter changes nothing.
        strength: how much of the update is added: 1 all, 0 none.

    Raises:
        ValueError: a base that is no linear layer, or a rank that it cannot have.
    """

    in_features: int
    out_features: int

    def __init__(self, base: nn.Module, rank: int, alpha: float, name: str = NAME):
        super().__init__()
        base = _check(base, rank)
        self.base: nn.Linear | LoRALinear = base.requires_grad_(False)
        self.rank, self.alpha, self.name, self.strength = rank, alpha, name, 1.0
        self.in_features, self.out_features = base.in_features, base.out_features
        weight = innermost(base).weight
        self.down = nn.Parameter(weight.new_empty(rank, base.in_features).normal_(std=base.in_features**-0.5))
        self.up = nn.Parameter(weight.new_zeros(base.out_features, rank))

    @property
    def scale(self) -> float:
        """alpha / rank."""
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        h = self.base(x)
        if self.strength == 0:
            return h
        return h + self.strength * self.scale * F.linear(F.linear(x, self.down), self.up)

    @torch.no_grad()
    def update(self) -> Tensor:
        """What it adds to the weights, (out, in): strength * (alpha / rank) * B A."""
        return self.strength * self.scale * self.up @ self.down


def _check(base: nn.Module, rank: int) -> nn.Linear | LoRALinear:
    """The layer, if an update of that rank can be put beside it."""
    if not isinstance(base, nn.Linear | LoRALinear):
        raise ValueError(f"LoRALinear adapts an nn.Linear; got {type(base).__name__}. Give it a linear layer.")
    width = min(base.in_features, base.out_features)
    if not 1 <= rank <= width:
        raise ValueError(
            f"The rank of an update is from 1 to the narrower side of its layer, {width} here; got {rank}. 4 is usual."
        )
    return base


def innermost(layer: nn.Linear | LoRALinear) -> nn.Linear:
    """The layer that all adapters sit around."""
    while isinstance(layer, LoRALinear):
        layer = layer.base
    return layer


@torch.no_grad()
def merge(layer: nn.Module) -> nn.Linear:
    """A linear layer that does what the adapted one does, W = W0 + (alpha / rank) B A (Hu et al. 2021, section 4.1).

    Every adapter of the layer goes in, at its strength; the adapted layer stays as it is.

    Raises:
        ValueError: a layer without an adapter, as one is that was merged before.
    """
    if not isinstance(layer, LoRALinear):
        raise ValueError(
            f"merge takes a LoRALinear; got {type(layer).__name__}, which has no adapter. Was it merged before?"
        )
    base = innermost(layer)
    weight = base.weight.clone()
    for adapter in _around(layer):
        weight += adapter.update()
    with torch.device("meta"):
        merged = nn.Linear(layer.in_features, layer.out_features, base.bias is not None)
    state = {"weight": weight} if base.bias is None else {"weight": weight, "bias": base.bias.clone()}
    merged.load_state_dict(state, assign=True)
    return merged


# ---- a whole network ------------------------------------------------------------------------------------------------


def add_adapter(
    net: nn.Module, rank: int = 4, alpha: float | None = None, name: str = NAME, targets: tuple[str, ...] = TARGETS
) -> list[LoRALinear]:
    """Adapts the projections of every attention in a network, in place; all other parameters are frozen.

    Args:
        net: such as a `UNet`.
        rank: of each update.
        alpha: None for the rank, so that updates are added as they are.
        name: of the adapter; each has its own.
        targets: which projections, of `TARGETS`.

    Returns:
        The new layers, in the order of the network. Their `down` and `up` are what is to be trained.

    Raises:
        ValueError: a target or a rank that there is not, a name that is taken, or a network without attention.
    """
    if not targets or (unknown := set(targets) - set(TARGETS)):
        raise ValueError(
            f"targets are some of {', '.join(TARGETS)}; got {', '.join(sorted(unknown)) if targets else ()}."
        )
    paths = [
        f"{path}.{target}{'.0' if target == 'to_out' else ''}".lstrip(".")
        for path, module in net.named_modules()
        if isinstance(module, Attention)
        for target in targets
    ]
    if not paths:
        raise ValueError(f"An adapter sits at the projections of attention, and this {type(net).__name__} has none.")
    return wrap(net, dict.fromkeys(paths, (rank, rank if alpha is None else alpha)), name)


def wrap(net: nn.Module, layers: Mapping[str, tuple[int, float]], name: str = NAME) -> list[LoRALinear]:
    """Adapts the named linear layers of a network, in place, each with its rank and alpha. As `add_adapter`."""
    if name in adapter_names(net):
        raise ValueError(f"Each adapter has a name of its own, and {name!r} is here already; choose another.")
    bare = linear_layers(net)
    for path, (rank, _) in layers.items():  # where one cannot be, the network stays as it was
        _check(bare[path], rank)
    made = {path: LoRALinear(bare[path], rank, alpha, name) for path, (rank, alpha) in layers.items()}
    net.requires_grad_(False)
    for path, layer in made.items():
        _put(net, path, layer)
        layer.down.requires_grad_(True)
        layer.up.requires_grad_(True)
    return list(made.values())


def linear_layers(net: nn.Module) -> dict[str, nn.Linear | LoRALinear]:
    """All linear layers of a network, adapted or not, by their place in the bare one."""
    found: dict[str, nn.Linear | LoRALinear] = {}
    for name, child in net.named_children():
        if isinstance(child, nn.Linear | LoRALinear):
            found[name] = child
        else:
            found |= {f"{name}.{path}": layer for path, layer in linear_layers(child).items()}
    return found


def adapted(net: nn.Module, name: str | None = None) -> dict[str, LoRALinear]:
    """The layers of one adapter, or the outermost of all, by their place in the bare network ("...attn1.to_q")."""
    found: dict[str, LoRALinear] = {}
    for path, layer in linear_layers(net).items():
        for one in _around(layer):
            if name in (None, one.name):
                found.setdefault(path, one)
    return found


def adapter_names(net: nn.Module) -> list[str]:
    """The names of a network's adapters, those added last first."""
    return list(dict.fromkeys(one.name for layer in linear_layers(net).values() for one in _around(layer)))


def set_strength(net: nn.Module, strength: float | Mapping[str, float]) -> None:
    """Says how much of its adapters a network uses: one number for all, or one for each name.

    At 0 an adapter is off and costs nothing; with all off the network is its base, bit for bit. Several are mixed by
    adding them up, each at its strength.

    Raises:
        ValueError: a network without adapters, or a name that none of them has.
    """
    names = adapter_names(net)
    asked = strength if isinstance(strength, Mapping) else dict.fromkeys(names, strength)
    if not names:
        raise ValueError(f"This {type(net).__name__} has no adapters, so none has a strength; add_adapter adds one.")
    if unknown := sorted(set(asked) - set(names)):
        raise ValueError(f"The adapters of this network are {', '.join(names)}; got {', '.join(unknown)}.")
    for layer in linear_layers(net).values():
        for one in _around(layer):
            one.strength = float(asked.get(one.name, one.strength))


def merge_adapters(net: nn.Module) -> None:
    """Merges all adapters of a network into its weights, in place. Raises ValueError where there are none (left)."""
    layers = adapted(net)
    if not layers:
        raise ValueError(f"This {type(net).__name__} has no adapters to merge. Were they merged before?")
    for path, layer in layers.items():
        _put(net, path, merge(layer))


def remove_adapters(net: nn.Module) -> None:
    """Takes all adapters of a network away, in place: its layers are the very ones that were there before."""
    for path, layer in adapted(net).items():
        _put(net, path, innermost(layer))


def count_parameters(net: nn.Module) -> tuple[int, int]:
    """How many numbers of a network are to be trained, and how many it has in all."""
    sizes = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)


def _around(layer: nn.Module) -> Iterator[LoRALinear]:
    """The adapters of a layer, from the outside in."""
    while isinstance(layer, LoRALinear):
        yield layer
        layer = layer.base


def _put(net: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, layer)
