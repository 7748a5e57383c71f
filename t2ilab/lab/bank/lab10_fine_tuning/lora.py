"""A large layer that stays as it is, and two thin matrices beside it that learn."""

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab.bank.lab10_fine_tuning.lora_probe import lora_inputs, lora_probe
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text

LAB = "10_fine_tuning"


class LoRALinear(nn.Module):
    """A frozen linear layer and a low-rank update: base(x) + alpha / rank * up down x (Hu et al. 2021, eq. 3).

    base: an nn.Linear; rank, alpha: numbers. Attributes: base, frozen; the parameters down (rank, in), random,
    and up (out, rank), zero at the start; scale, alpha / rank. x: (..., in) gives (..., out).
    """

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        # Zero, so that a new layer does exactly what base does; down must not be, or neither would learn.
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x):
        # First down to rank numbers, then up: the matrix up @ down is never made.
        return self.base(x) + self.scale * F.linear(F.linear(x, self.down), self.up)


class _Mistaken(nn.Module):
    """A layer with one fault, for the wrong answers: see `_mistaken`."""

    def __init__(self, base, rank, alpha, options):
        super().__init__()
        self.base = base
        for name, parameter in base.named_parameters():
            parameter.requires_grad_(name in options["trained"])
        self.down = nn.Parameter(options["down"](rank, base.in_features), "down" not in options["frozen"])
        self.up = nn.Parameter(options["up"](base.out_features, rank), "up" not in options["frozen"])
        self.scale, self.through = options["scale"](alpha, rank), options["through"]

    def forward(self, x):
        return self.through(self, x)


def _right(layer, x):
    return layer.base(x) + layer.scale * F.linear(F.linear(x, layer.down), layer.up)


def _mistaken(
    down=torch.randn, up=torch.zeros, scale=lambda alpha, rank: alpha / rank, trained=(), frozen=(), through=_right
):
    """A class with one fault: first values, the scale, what is trained or frozen, or the way through it."""
    options = {"down": down, "up": up, "scale": scale, "trained": trained, "frozen": frozen, "through": through}

    class LoRALinear(_Mistaken):
        def __init__(self, base, rank, alpha):
            super().__init__(base, rank, alpha, options)

    return LoRALinear


def _starts_as_base(arrays, inputs):
    """Nothing is changed at first, and something can be learnt."""
    return arrays["untrained"].tolist() == [0, 0, 1] and arrays["trainable"].tolist()[2:] == [1, 1]


LORA_LINEAR = Exercise(
    name="LoRALinear",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=4,
    make_inputs=lora_inputs,
    probe=lora_probe,
    reference=LoRALinear,
    hints=(
        Text(
            "What is learnt is a difference to base: the output is base(x) plus a correction of x.",
            "学ぶのは base との差です。出力は、base(x) に x の補正を足したものです。",
        ),
        Text(
            "The correction goes down to rank numbers and up again: F.linear(x, self.down), then F.linear with "
            "self.up. Which of the two may be zero at the start, and why not both?",
            "補正は、いったん rank 個の数に減らしてから元に戻します。"
            "F.linear(x, self.down) のあと、self.up でもう一度 F.linear です。"
            "はじめに 0 でよいのはどちらでしょうか。両方とも 0 ではいけないのはなぜでしょうか。",
        ),
        Text(
            "self.base = base.requires_grad_(False), nn.Parameter(torch.randn(rank, in)), "
            "nn.Parameter(torch.zeros(out, rank)), "
            "self.scale = alpha / rank; forward returns self.base(x) + self.scale * the correction.",
            "self.base = base.requires_grad_(False)、nn.Parameter(torch.randn(rank, in))、"
            "nn.Parameter(torch.zeros(out, rank))、self.scale = alpha / rank とし、"
            "forward では self.base(x) + self.scale * 補正 を返します。",
        ),
    ),
    properties={
        "starts_as_base": Property(
            _starts_as_base,
            0.25,
            Text(
                "A new layer must give exactly what base gives, and still be able to learn: up zero, down not.",
                "作ったばかりの層の出力は base とちょうど同じで、それでも学習できるはずです。"
                "up は 0、down は 0 でない値にします。",
            ),
        ),
        "frozen": Property(
            lambda arrays, inputs: arrays["trainable"].tolist() == [0, 0, 1, 1],
            0.2,
            Text(
                "Only down and up are to be trained: base needs no gradient, neither its weight nor its bias.",
                "学習するのは down と up だけです。base の weight と bias には勾配が要りません。",
            ),
        ),
    },
    misconceptions={
        "both_zero": Misconception(
            _mistaken(down=torch.zeros),
            Text(
                "down and up are both zero, and so is the gradient of each: this layer can never learn.",
                "down も up も 0 なので、どちらの勾配も 0 です。この層は、いつまでたっても学べません。",
            ),
        ),
        "both_random": Misconception(
            _mistaken(up=torch.randn),
            Text(
                "up is random too, so that a new layer is no longer base: it starts with a random error.",
                "up も乱数なので、作ったばかりの層がもう base と違います。でたらめな誤差から始まってしまいます。",
            ),
        ),
        "other_zero": Misconception(
            _mistaken(down=torch.zeros, up=torch.randn),
            Text(
                "down is zero and up is random; it is asked the other way round, as in the paper.",
                "down が 0 で up が乱数になっています。論文では逆で、0 にするのは up です。",
            ),
        ),
        "alpha_not_divided": Misconception(
            _mistaken(scale=lambda alpha, rank: alpha),
            Text(
                "the update is multiplied by alpha alone; divided by rank, another rank needs no other learning rate.",
                "補正に alpha をそのまま掛けています。rank で割ると、rank を変えても学習率を変えずに済みます。",
            ),
        ),
        "no_scale": Misconception(
            _mistaken(scale=lambda alpha, rank: 1.0),
            Text("alpha is not used: the update is added as it is.", "alpha を使わず、補正をそのまま足しています。"),
        ),
        "scale_inverted": Misconception(
            _mistaken(scale=lambda alpha, rank: rank / alpha),
            Text(
                "the scale is turned round: it is alpha / rank, not rank / alpha.",
                "係数が逆です。rank / alpha ではなく alpha / rank です。",
            ),
        ),
        "root_of_rank": Misconception(
            _mistaken(scale=lambda alpha, rank: alpha / rank**0.5),
            Text(
                "alpha is divided by the root of rank; Hu et al. divide by rank itself.",
                "alpha を rank の平方根で割っています。Hu らは rank そのもので割ります。",
            ),
        ),
        "alpha_times_rank": Misconception(
            _mistaken(scale=lambda alpha, rank: alpha * rank),
            Text(
                "alpha is multiplied by rank; it is to be divided by it.",
                "alpha に rank を掛けています。掛けるのではなく、割ってください。",
            ),
        ),
        "base_trainable": Misconception(
            _mistaken(trained=("weight", "bias")),
            Text(
                "base is not frozen: its weights would be trained too, and nothing would be saved.",
                "base が凍結されていません。base の重みまで学習され、何の節約にもなりません。",
            ),
        ),
        "bias_trainable": Misconception(
            _mistaken(trained=("bias",)),
            Text(
                "only the weight of base is frozen; its bias would still be trained.",
                "凍結されているのは base の weight だけです。bias がまだ学習されます。",
            ),
        ),
        "down_frozen": Misconception(
            _mistaken(frozen=("down",)),
            Text(
                "down needs no gradient, so that only up would learn.",
                "down に勾配がないので、up しか学習しません。",
            ),
        ),
        "no_base": Misconception(
            _mistaken(through=lambda layer, x: layer.scale * F.linear(F.linear(x, layer.down), layer.up)),
            Text(
                "base(x) is missing: the update is added to what the layer did before.",
                "base(x) がありません。補正は、もとの層の出力に足します。",
            ),
        ),
        "all_scaled": Misconception(
            _mistaken(through=lambda layer, x: layer.scale * (layer.base(x) + x @ layer.down.T @ layer.up.T)),
            Text(
                "base(x) is scaled too; alpha / rank belongs to the update alone.",
                "base(x) にも係数が掛かっています。alpha / rank は補正だけに掛けます。",
            ),
        ),
        "activated": Misconception(
            _mistaken(through=lambda layer, x: layer.base(x) + layer.scale * F.relu(x @ layer.down.T) @ layer.up.T),
            Text(
                "an activation stands between down and up; then the two could not be merged into one matrix.",
                "down と up の間に活性化関数があります。これでは、あとで 1 つの行列にまとめられません。",
            ),
        ),
    },
    off_limits=("t2ilab.nets.lora.LoRALinear", "peft.tuners.lora.layer.Linear"),
)
