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

    base: an nn.Linear; rank, alpha: numbers. Attributes: base, frozen; the parameters down (rank, in), at the
    start normal with a standard deviation of 1 / sqrt(in), and up (out, rank), zero; scale, alpha / rank, a number
    that forward uses and that may be changed later. x: (..., in) gives (..., out).
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
        self.scale, self.through, self.own = options["scale"](alpha, rank), options["through"], alpha / rank

    def forward(self, x):
        return self.through(self, x)


def _normal(rank, width):
    return torch.randn(rank, width) / width**0.5


def _right(layer, x):
    return layer.base(x) + layer.scale * F.linear(F.linear(x, layer.down), layer.up)


def _mistaken(
    down=_normal, up=torch.zeros, scale=lambda alpha, rank: alpha / rank, trained=(), frozen=(), through=_right
):
    """A class with one fault: first values, the scale, what is trained or frozen, or the way through it."""
    options = {"down": down, "up": up, "scale": scale, "trained": trained, "frozen": frozen, "through": through}

    class LoRALinear(_Mistaken):
        def __init__(self, base, rank, alpha):
            super().__init__(base, rank, alpha, options)

    return LoRALinear


def _base_cut(layer, x):
    with torch.no_grad():
        h = layer.base(x)
    return h + layer.scale * x @ layer.down.T @ layer.up.T


def _without_bias(layer, x):
    return F.linear(x, layer.base.weight) + layer.scale * x @ layer.down.T @ layer.up.T


def _starts_as_base(arrays, inputs):
    """Nothing is changed at first, and something can be learnt."""
    return arrays["untrained"].tolist() == [0, 0, 1] and arrays["trainable"].tolist()[2:4] == [1, 1]


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
            "self.base = base.requires_grad_(False), nn.Parameter(torch.randn(rank, n) / n**0.5) with "
            "n = base.in_features, nn.Parameter(torch.zeros(base.out_features, rank)), "
            "self.scale = alpha / rank; forward returns self.base(x) + self.scale * the correction.",
            "self.base = base.requires_grad_(False)、n = base.in_features として "
            "nn.Parameter(torch.randn(rank, n) / n**0.5)、nn.Parameter(torch.zeros(base.out_features, rank))、"
            "self.scale = alpha / rank とし、forward では self.base(x) + self.scale * 補正 を返します。",
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
            lambda arrays, inputs: arrays["trainable"].tolist() == [0, 0, 1, 1, 0],
            0.15,
            Text(
                "Only down and up are to be trained: base needs no gradient, neither its weight nor its bias, and "
                "there is no third parameter.",
                "学習するのは down と up だけです。base の weight と bias には勾配が要りません。"
                "3 つめのパラメータもありません。",
            ),
        ),
        "random": Property(
            lambda arrays, inputs: arrays["spread"].tolist() == [1, 1, 1],
            0.05,
            Text(
                "down is to begin with normal numbers around 0, other ones in each row, with a standard deviation of "
                "1 / sqrt(in): torch.randn(rank, n) / n**0.5, where n is base.in_features.",
                "down は、平均 0 で標準偏差 1 / sqrt(in) の正規乱数から始めます。行ごとに違う数です。"
                "n を base.in_features として、torch.randn(rank, n) / n**0.5 です。",
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
        "own_number": Misconception(
            _mistaken(through=lambda layer, x: layer.base(x) + layer.own * x @ layer.down.T @ layer.up.T),
            Text(
                "forward does not use self.scale, but works alpha / rank out by itself: then the update could not be "
                "turned down later, which is done by changing scale.",
                "forward が self.scale を使わず、alpha / rank を自分で計算しています。"
                "これでは、あとで scale を変えて補正を弱めることができません。",
            ),
        ),
        "scale_trained": Misconception(
            _mistaken(scale=lambda alpha, rank: nn.Parameter(torch.tensor(alpha / rank))),
            Text(
                "scale is an nn.Parameter, so that it would be trained too; it is a plain number, alpha / rank.",
                "scale が nn.Parameter なので、これも学習されてしまいます。ただの数 alpha / rank にしてください。",
            ),
        ),
        "scale_undivided": Misconception(
            _mistaken(
                scale=lambda alpha, rank: alpha,
                through=lambda layer, x: layer.base(x) + layer.own * x @ layer.down.T @ layer.up.T,
            ),
            Text(
                "scale holds alpha, and it is divided by rank in forward; scale itself is to be alpha / rank.",
                "scale が alpha のままで、forward で rank で割っています。scale そのものを alpha / rank にします。",
            ),
        ),
        "down_too_large": Misconception(
            _mistaken(down=torch.randn),
            Text(
                "down is torch.randn as it comes. Divided by the root of the number of inputs, down x has numbers "
                "about as large as those of x, however wide the layer is.",
                "down が torch.randn のままです。入力の数の平方根で割ると、層の幅によらず、down x の数は x の数と"
                "同じくらいの大きさになります。",
            ),
        ),
        "down_positive": Misconception(
            _mistaken(down=torch.rand),
            Text(
                "all numbers of down are positive, as torch.rand makes them, so that its rows are much alike; take "
                "torch.randn, which scatters around 0.",
                "down の数がすべて正です（torch.rand）。これでは、どの行も似てしまいます。"
                "0 のまわりに散らばる torch.randn を使ってください。",
            ),
        ),
        "down_constant": Misconception(
            _mistaken(down=torch.ones),
            Text(
                "all numbers of down are the same. Then its rows see the same of x, and learn the same, for ever: the "
                "update has rank 1.",
                "down の数がすべて同じです。これでは、どの行も x の同じところを見て、いつまでも同じことを学びます。"
                "補正のランクは 1 です。",
            ),
        ),
        "base_cut": Misconception(
            _mistaken(through=_base_cut),
            Text(
                "base(x) is computed without gradients. Frozen weights need none, but through them the gradient has to "
                "reach x, and the layers before this one.",
                "base(x) を勾配なしで計算しています。凍結した重みに勾配は要りませんが、その先の x と、"
                "前の層には、勾配が届かなければなりません。",
            ),
        ),
        "bias_dropped": Misconception(
            _mistaken(through=_without_bias),
            Text(
                "the bias of base is left out, so that a new layer does not give what base gives: call base(x).",
                "base のバイアスが抜けているので、作ったばかりの層の出力が base と違います。base(x) を使ってください。",
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
