"""A published network at its full size beside its reference: python -m tests.full_size unet both

Prints one line of JSON: with "both", the largest difference as a share of the largest value, the two sharing one set of
random weights; with "ours" or "theirs", the seconds of one forward pass (the fastest of a few) and the megabytes that
it took beyond weights and libraries. Always the most megabytes that the process held. `make course` asserts the first,
`make bench` compares the others.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from t2ilab.interop import layouts
from t2ilab.interop.clip import write_text
from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig

SIDE = 64  # of the latents of a 512x512 picture


@dataclass(frozen=True)
class Case:
    """Both networks on torch's "meta" device, which names ours has in theirs, and how each is asked."""

    make: Callable[[], nn.Module]
    make_theirs: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]


class _Tokens:
    """Where CLIP's own vocabulary starts, ends and pads."""

    start_id, end_id, pad_id = 49406, 49407, 49407


def _diffusers(name: str, config: dict[str, Any]) -> nn.Module:
    import diffusers

    with torch.device("meta"):
        return getattr(diffusers, name).from_config(config)


def _text_model() -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**write_text(TextConfig.stable_diffusion_1(), _Tokens())))  # type: ignore[arg-type]


def _flat(said: tuple[Any, Tensor]) -> list[Tensor]:
    return [*said[0], said[1]]


def _drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _noisy() -> tuple[Tensor, ...]:
    return _drawn(1, 4, SIDE, SIDE, seed=1), torch.tensor([681]), _drawn(1, 77, 768, seed=2)


def _tokens() -> tuple[Tensor, ...]:
    return (torch.randint(0, 49408, (1, 77), generator=torch.Generator().manual_seed(1)),)


UNET, VAE_, CONTROL = (
    UNetConfig.stable_diffusion_1(),
    VAEConfig.stable_diffusion(),
    ControlNetConfig.stable_diffusion_1(),
)
VAES = {
    "make": lambda: VAE(VAE_),
    "make_theirs": lambda: _diffusers("AutoencoderKL", layouts.write_vae(VAE_, 8 * SIDE)),
}
CASES: dict[str, Case] = {
    "unet": Case(
        lambda: UNet(UNET),
        lambda: _diffusers("UNet2DConditionModel", layouts.write_unet(UNET, SIDE)),
        _noisy,
        lambda net, *x: [net(*x)],
        lambda net, *x: [net(*x).sample],
    ),
    "vae encode": Case(
        **VAES,
        inputs=lambda: (_drawn(1, 3, 8 * SIDE, 8 * SIDE, seed=1).clamp(-1, 1),),
        ours=lambda net, x: net.encode(x),
        theirs=lambda net, x: [(found := net.encode(x).latent_dist).mean, found.logvar],
    ),
    "vae decode": Case(
        **VAES,
        inputs=lambda: (_drawn(1, 4, SIDE, SIDE, seed=1),),
        ours=lambda net, z: [net.decode(z)],
        theirs=lambda net, z: [net.decode(z).sample],
    ),
    "text": Case(
        lambda: TextEncoder(TextConfig.stable_diffusion_1()),
        _text_model,
        _tokens,
        lambda net, ids: [net(ids)],
        lambda net, ids: [net(ids).last_hidden_state],
    ),
    "controlnet": Case(
        lambda: ControlNet(CONTROL),
        lambda: _diffusers("ControlNetModel", layouts.write_controlnet(CONTROL)),
        lambda: (*_noisy(), torch.rand(1, 3, 8 * SIDE, 8 * SIDE, generator=torch.Generator().manual_seed(3))),
        lambda net, *x: _flat(net(*x)),
        lambda net, *x: _flat(net(*x, return_dict=False)),
    ),
}


def weights(net: nn.Module) -> dict[str, Tensor]:
    """Random weights for a network on "meta": as loud as a fresh layer's, norms near one, nothing zero."""
    generator, drawn = torch.Generator().manual_seed(0), {}
    for name, parameter in net.state_dict().items():
        fan = parameter[0].numel() if parameter.ndim > 1 and "embedding" not in name else 100
        drawn[name] = torch.randn(parameter.shape, generator=generator) * fan**-0.5 + (
            "norm" in name and "weight" in name
        )
    return drawn


def fill(net: nn.Module, state: dict[str, Tensor], case: str) -> nn.Module:
    """The reference with our weights in it, not a copy of them."""
    if case == "text":
        prefix = "text_model." if any(name.startswith("text_model.") for name in net.state_dict()) else ""
        net.load_state_dict({prefix + name: tensor for name, tensor in state.items()}, assign=True)
    else:
        net.load_state_dict({layouts.published_name(name): x for name, x in state.items()}, assign=True)
    return net.eval()


def compare(case: str, side: str) -> dict[str, float]:
    """What the process found; see above."""
    chosen, found = CASES[case], {}
    with torch.device("meta"):
        ours = chosen.make()
    state, inputs = weights(ours), chosen.inputs()
    with torch.inference_mode():
        answers = []
        if side in ("ours", "both"):
            ours.load_state_dict(state, assign=True)
            answers.append((chosen.ours, ours.eval()))
        if side in ("theirs", "both"):
            answers.append((chosen.theirs, fill(chosen.make_theirs(), state, case)))
        del state
        if side == "both":
            (a, b) = (list(ask(net, *inputs)) for ask, net in answers)
            pairs = list(zip(a, b, strict=True))
            found["difference"] = max(((x - y).abs().max() / y.abs().max()).item() for x, y in pairs)
            found["deviation"] = min(y.std().item() for _, y in pairs)
        else:
            ask, net = answers[0]
            ask(net, *inputs)  # what is made once is made now
            times, before = [], psutil.Process().memory_info().rss / 2**20
            forget_peak()
            for _ in range(5 if case == "text" else 2):
                began = time.perf_counter()
                ask(net, *inputs)
                times.append(time.perf_counter() - began)
            found |= {"seconds": min(times), "beyond": peak_megabytes() - before}
    return found | {"megabytes": most_megabytes()}


def forget_peak() -> None:
    """Has Linux count the process's most memory from now on; `make bench` needs that, and `make course` does not."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """The most memory since then."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def most_megabytes() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(compare(sys.argv[1], sys.argv[2])))
