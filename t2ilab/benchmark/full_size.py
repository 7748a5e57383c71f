"""A published network at its full size beside its reference: python -m t2ilab.benchmark.full_size unet both

Prints one line of JSON: with "both", the largest difference as a share of the largest value, the two sharing one set of
random weights, and the most megabytes that the process held; with "ours" or "theirs", the seconds of one forward pass
(the fastest of a few) and the megabytes that it took beyond weights and libraries. `make course` asserts the first,
`t2ilab bench --full-size` compares the others.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from t2ilab.benchmark.memory import answer_of, beyond
from t2ilab.benchmark.row import Row
from t2ilab.benchmark.timing import by_turns
from t2ilab.benchmark.twins import drawn, of_diffusers, weights
from t2ilab.device import DeviceManager
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


def _text_model() -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**write_text(TextConfig.stable_diffusion_1(), _Tokens())))  # type: ignore[arg-type]


def _flat(said: tuple[Any, Tensor]) -> list[Tensor]:
    return [*said[0], said[1]]


def _noisy() -> tuple[Tensor, ...]:
    return drawn(1, 4, SIDE, SIDE, seed=1), torch.tensor([681]), drawn(1, 77, 768, seed=2)


def _tokens() -> tuple[Tensor, ...]:
    return (torch.randint(0, 49408, (1, 77), generator=torch.Generator().manual_seed(1)),)


UNET, VAE_, CONTROL = (
    UNetConfig.stable_diffusion_1(),
    VAEConfig.stable_diffusion(),
    ControlNetConfig.stable_diffusion_1(),
)
VAES: dict[str, Any] = {
    "make": lambda: VAE(VAE_),
    "make_theirs": lambda: of_diffusers("AutoencoderKL", layouts.write_vae(VAE_, 8 * SIDE)),
}
CASES: dict[str, Case] = {
    "unet": Case(
        lambda: UNet(UNET),
        lambda: of_diffusers("UNet2DConditionModel", layouts.write_unet(UNET, SIDE)),
        _noisy,
        lambda net, *x: [net(*x)],
        lambda net, *x: [net(*x).sample],
    ),
    "vae-encode": Case(
        **VAES,
        inputs=lambda: (drawn(1, 3, 8 * SIDE, 8 * SIDE, seed=1).clamp(-1, 1),),
        ours=lambda net, x: net.encode(x),
        theirs=lambda net, x: [(found := net.encode(x).latent_dist).mean, found.logvar],
    ),
    "vae-decode": Case(
        **VAES,
        inputs=lambda: (drawn(1, 4, SIDE, SIDE, seed=1),),
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
        lambda: of_diffusers("ControlNetModel", layouts.write_controlnet(CONTROL)),
        lambda: (*_noisy(), torch.rand(1, 3, 8 * SIDE, 8 * SIDE, generator=torch.Generator().manual_seed(3))),
        lambda net, *x: _flat(net(*x)),
        lambda net, *x: _flat(net(*x, return_dict=False)),
    ),
}


def row(case: str) -> Row:
    """Seconds and memory of a forward pass, each side in processes of its own, by turns; the faster of two counts."""

    def ask(side: str) -> Callable[[], dict[str, float]]:
        return lambda: answer_of([sys.executable, "-m", "t2ilab.benchmark.full_size", case, side])

    sides = by_turns([ask("ours"), ask("theirs")], 2, warm_up=0)
    ours, theirs = ({key: min(found[key] for found in side) for key in side[0]} for side in sides)
    return Row(
        f"full-{case}",
        f"A forward pass of the {case.replace('-', ' ')} beside its reference (diffusers, transformers) at its "
        "published size: the same weights.",
        "Stable Diffusion 1.5, 64x64 latents, one picture",
        "s",
        ours["seconds"],
        theirs["seconds"],
        theirs["seconds"] / ours["seconds"],
        memory=(ours["beyond"], theirs["beyond"]),
    )


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
    chosen, found, device = CASES[case], dict[str, float](), DeviceManager("cpu")
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
            found["megabytes"] = device.memory()["peak"]
        else:
            ask, net = answers[0]
            ask(net, *inputs)  # what is made once is made now
            times: list[float] = []

            def turns() -> None:
                for _ in range(5 if case == "text" else 2):
                    began = time.perf_counter()
                    ask(net, *inputs)
                    times.append(time.perf_counter() - began)

            found["beyond"] = beyond(turns, device)
            found["seconds"] = min(times)
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(compare(sys.argv[1], sys.argv[2])))
