"""One step of training: the loss, its gradient, and the way down."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab05_ddpm.draws import LAB, middle_timesteps
from t2ilab.lab.bank.lab05_ddpm.forward import add_noise
from t2ilab.lab.bank.lab05_ddpm.loss import ddpm_loss, loss_inputs
from t2ilab.lab.bank.lab05_ddpm.tiny import OnlyCalled, TinyNet, flat, loss_gradient
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def training_step(net, optimizer, x0, t, noise, ac):
    """One step of training: look at the error, find out which way is down, go there (DDPM, algorithm 1).

    net, x0, t, noise, ac: as in ddpm_loss; optimizer: one of torch.optim, over net's parameters, which change.
    Returns the loss before the step, one number.
    """
    loss = ddpm_loss(net, x0, t, noise, ac)
    optimizer.zero_grad()  # backward adds to the gradients of before, so clear those first
    loss.backward()
    optimizer.step()
    return loss.item()


def _step_inputs(generator):
    return loss_inputs(generator) | {"second_t": middle_timesteps(generator, 3), "rate": 0.3}


@cases
def _training_step_probe(training_step, inputs):
    x0, t, noise, ac = (inputs[name] for name in ("x0", "t", "noise", "ac"))
    net = TinyNet(inputs["net"])
    called = OnlyCalled(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=inputs["rate"])
    yield "first_loss", lambda: training_step(called, optimizer, x0, t, noise, ac)
    yield "after_first", lambda: flat(net)
    # Other pictures, so that a gradient left over from the first step shows.
    yield "second_loss", lambda: training_step(called, optimizer, x0.flip(0), inputs["second_t"], noise, ac)
    yield "after_second", lambda: flat(net)
    wide = TinyNet(inputs["net"]).double()
    adam = torch.optim.AdamW(wide.parameters(), lr=0.1)
    single = (x0[:1].double(), t[:1], noise[:1].double(), ac.double())
    yield "single", lambda: training_step(OnlyCalled(wide), adam, *single)
    yield "after_single", lambda: flat(wide)


def _true_step(inputs, parameters, second=False):
    """The loss and the gradient at the given parameters: what the properties compare with."""
    net = TinyNet(inputs["net"])
    torch.nn.utils.vector_to_parameters(torch.from_numpy(parameters), net.parameters())
    x0 = inputs["x0"].flip(0) if second else inputs["x0"]
    loss = ddpm_loss(net, x0, inputs["second_t"] if second else inputs["t"], inputs["noise"], inputs["ac"])
    return loss.item(), loss_gradient(net, loss).numpy()


def _start(inputs):
    return flat(TinyNet(inputs["net"])).numpy()


def _went_downhill(arrays, inputs):
    start = _start(inputs)
    return abs(start - inputs["rate"] * _true_step(inputs, start)[1] - arrays["after_first"]).max() < 1e-4


def _fresh_gradient(arrays, inputs):
    after = arrays["after_first"]
    moved = abs(after - _start(inputs)).max() > 1e-5
    return moved and (
        abs(after - inputs["rate"] * _true_step(inputs, after, second=True)[1] - arrays["after_second"]).max() < 1e-4
    )


def _steps(order, report="before", sign=1):
    """A training step that does the named things in this order; report: the loss before or after it."""

    def training_step(net, optimizer, x0, t, noise, ac):
        loss = ddpm_loss(net, x0, t, noise, ac)
        for action in order.split():
            (sign * loss).backward() if action == "backward" else getattr(optimizer, action)()
        return loss.item() if report == "before" else ddpm_loss(net, x0, t, noise, ac).item()

    return training_step


def _towards_x0(net, optimizer, x0, t, noise, ac):
    loss = F.mse_loss(net(add_noise(x0, noise, t, ac), t), x0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


TRAINING_STEP = Exercise(
    name="training_step",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_step_inputs,
    probe=_training_step_probe,
    reference=training_step,
    hints=(
        Text(
            "The loss, the gradient of the loss, a step of the optimizer. What does "
            "backward do to gradients that are already there?",
            "損失、その勾配、オプティマイザの 1 ステップ。すでに勾配があるとき、backward は何をするでしょうか。",
        ),
        Text(
            "backward adds to what is there: `optimizer.zero_grad()` once in every step, before it.",
            "backward は今ある勾配に足し込みます。毎回、その前に `optimizer.zero_grad()` を呼んでください。",
        ),
        Text(
            "loss = ddpm_loss(...); optimizer.zero_grad(); loss.backward(); optimizer.step(); return loss.item().",
            "loss = ddpm_loss(...)、optimizer.zero_grad()、loss.backward()、"
            "optimizer.step()、return loss.item() の順です。",
        ),
    ),
    properties={
        "loss": Property(
            lambda arrays, inputs: abs(arrays["first_loss"] - _true_step(inputs, _start(inputs))[0]) < 1e-4,
            0.2,
            Text(
                "The number returned must be the loss before the step.",
                "返す値は、ステップを行う前の損失になるはずです。",
            ),
        ),
        "downhill": Property(
            _went_downhill,
            0.2,
            Text(
                "After the first step the parameters must have moved against the gradient: zero_grad, backward, step.",
                "最初のステップのあと、"
                "パラメータは勾配と逆向きに動いているはずです。zero_grad、backward、step の順です。",
            ),
        ),
        "fresh_gradient": Property(
            _fresh_gradient,
            0.2,
            Text(
                "The second step must follow its own gradient only: clear the gradients in every step.",
                "2 回目のステップは、そのときの勾配だけに従うはずです。毎回、勾配を消してください。",
            ),
        ),
    },
    misconceptions={
        "not_cleared": Misconception(
            _steps("backward step"),
            Text(
                "the gradients are never cleared, so that every step drags those of "
                "all steps before along: optimizer.zero_grad().",
                "勾配が消されていないので、これまでの勾配がすべて積み重なります。"
                "optimizer.zero_grad() を呼んでください。",
            ),
        ),
        "does_not_move": Misconception(
            _steps("backward zero_grad step"),
            Text(
                "the parameters do not move at all. The order is zero_grad, backward, "
                "step; is one missing, or does zero_grad come "
                "after backward?",
                "パラメータがまったく動いていません。順序は zero_grad、backward、step です。"
                "抜けているものや、backward のあとの zero_grad はありませんか？",
            ),
        ),
        "step_before_backward": Misconception(
            _steps("step zero_grad backward"),
            Text(
                "the step comes before backward, and so uses the gradient of the batch before.",
                "step が backward より先なので、ひとつ前のバッチの勾配を使っています。",
            ),
        ),
        "loss_after": Misconception(
            _steps("zero_grad backward step", report="after"),
            Text(
                "you return the loss after the step; return the one before it.",
                "ステップ後の損失を返しています。ステップ前の損失を返してください。",
            ),
        ),
        "uphill": Misconception(
            _steps("zero_grad backward step", sign=-1),
            Text(
                "the step goes uphill: the loss itself is minimised, without a minus sign.",
                "損失が増える向きに進んでいます。マイナスを付けず、損失そのものを最小化してください。",
            ),
        ),
        "two_steps": Misconception(
            _steps("zero_grad backward step step"),
            Text("the optimizer steps twice for one gradient.", "ひとつの勾配で step を 2 回行っています。"),
        ),
        "target_x0": Misconception(
            _towards_x0,
            Text(
                "the network is trained towards x0; the target is the noise, as in ddpm_loss.",
                "x0 を目標に学習しています。ddpm_loss と同じく、目標はノイズです。",
            ),
        ),
    },
    off_limits=(),
)
