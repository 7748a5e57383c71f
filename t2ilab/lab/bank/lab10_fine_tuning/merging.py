"""An adapter that has learnt enough becomes part of its layer, which is then as fast as before."""

import torch
from torch import nn

from t2ilab.lab.bank.lab10_fine_tuning.lora import LAB
from t2ilab.lab.bank.lab10_fine_tuning.lora_probe import IN, OTHER_RANK, OUT, RANK, base_of, lora_inputs
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def merge_lora(layer):
    """One plain nn.Linear that does what the layer with its update does (Hu et al. 2021, section 4.1).

    layer: a LoRALinear, with base (an nn.Linear), down (rank, in), up (out, rank) and scale. Returns a new
    nn.Linear of base's dtype and on its device, with a bias if base has one; the layer that came in stays as it is.
    """
    base = layer.base
    has_bias, w = base.bias is not None, base.weight
    merged = nn.Linear(base.in_features, base.out_features, has_bias, dtype=w.dtype, device=w.device)
    with torch.no_grad():
        merged.weight.copy_(w + layer.scale * layer.up @ layer.down)
        if has_bias:
            merged.bias.copy_(base.bias)
    return merged


class LoRALinear(nn.Module):
    """A layer with an update, written otherwise: the reference must not come along where a probe goes."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down, self.up = nn.Parameter(torch.zeros(rank, IN)), nn.Parameter(torch.zeros(OUT, rank))

    def forward(self, x):
        return self.base(x) + x @ torch.einsum("or,ri->io", self.up, self.scale * self.down)


@cases
def _probe(merge_lora, inputs):
    x = inputs["x"]
    layer = _adapted(inputs)
    yield "batch", lambda: _merged(merge_lora, layer)(x)
    yield "layer_after", lambda: layer(x)
    yield "base_after", lambda: layer.base.weight
    yield "again", lambda: _merged(merge_lora, layer)(x)
    yield "weight", lambda: _merged(merge_lora, _adapted(inputs)).weight
    yield "no_bias", lambda: _merged(merge_lora, _adapted(inputs, bias=False))(x)
    yield "other_rank", lambda: _merged(merge_lora, _adapted(inputs, which="other_"))(x)
    yield "float64", lambda: _merged(merge_lora, _adapted(inputs).double())(x.double())
    yield "device", lambda: _elsewhere(merge_lora, _adapted(inputs))


def _adapted(inputs, which="", bias=True):
    """A layer whose update has learnt something."""
    layer = LoRALinear(base_of(inputs, bias), OTHER_RANK if which else RANK, inputs["alpha"])
    with torch.no_grad():
        layer.down.copy_(inputs[f"{which}down"])
        layer.up.copy_(inputs[f"{which}up"])
    return layer


def _merged(merge_lora, layer):
    """What comes back, its chance the same for every answer. Raises Unfit where it is no plain layer."""
    torch.manual_seed(3)
    merged = merge_lora(layer)
    if not isinstance(merged, nn.Linear):
        raise Unfit("layer_wanted", received=type(merged).__name__, expected="nn.Linear")
    if merged.weight.shape != (OUT, IN):
        raise Unfit("parameter_shape", parameter="weight", received=tuple(merged.weight.shape), expected=(OUT, IN))
    wanted = layer.base.weight.dtype
    for parameter in merged.parameters():
        if parameter.dtype != wanted:
            received, expected = (str(kind).removeprefix("torch.") for kind in (parameter.dtype, wanted))
            raise Unfit("dtype_of_base", received=received, expected=expected)
    return merged


def _elsewhere(merge_lora, layer):
    """1 where the merged layer lies on base's device: here torch's "meta", which has no numbers, only places."""
    try:
        merged = merge_lora(layer.to("meta"))
        there = all(parameter.is_meta for parameter in merged.parameters())
    except (RuntimeError, TypeError):  # as when numbers are to be copied from one device to another
        there = False
    if not there:
        raise Unfit("device_of_base")
    return torch.tensor(1)


def _linear(weight, bias):
    """A linear layer of these numbers."""
    merged = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        merged.weight.copy_(weight)
        if bias is not None:
            merged.bias.copy_(bias)
    return merged


def _mistaken(weight=lambda layer, update: layer.base.weight + update, bias=lambda layer: layer.base.bias):
    """A merge with one fault: another weight or another bias."""

    def merge_lora(layer):
        return _linear(weight(layer, layer.scale * layer.up @ layer.down), bias(layer))

    return merge_lora


def _no_bias(layer):
    base = layer.base
    return _linear(base.weight + layer.scale * layer.up @ layer.down, None)


def _random_bias(layer):
    base, like = layer.base, {"dtype": layer.base.weight.dtype, "device": layer.base.weight.device}
    merged = nn.Linear(base.in_features, base.out_features, base.bias is not None, **like)
    merged.weight.data = base.weight + layer.scale * layer.up @ layer.down
    return merged


def _in_place(layer):
    layer.base.weight.data += layer.scale * layer.up @ layer.down
    return layer.base


def _emptied(layer):
    merged = _in_place(layer)
    layer.up.data.zero_()
    return merged


def _update(layer, update):
    return update / layer.scale


def _true(inputs):
    """The weight and the output that are to come, from the inputs alone."""
    weight = inputs["weight"] + inputs["alpha"] / RANK * inputs["up"] @ inputs["down"]
    return weight, inputs["x"] @ weight.T + inputs["bias"]


def _same_output(arrays, inputs):
    return abs(arrays["batch"] - _true(inputs)[1].numpy()).max() < 1e-3


def _untouched(arrays, inputs):
    """The layer does afterwards what it did before, and something came back that is not base alone."""
    before, plain = _true(inputs)[1].numpy(), (inputs["x"] @ inputs["weight"].T + inputs["bias"]).numpy()
    return abs(arrays["layer_after"] - before).max() < 1e-3 and abs(arrays["batch"] - plain).max() > 1e-3


MERGE_LORA = Exercise(
    name="merge_lora",
    lab=LAB,
    difficulty=3,
    minutes=10,
    points=3,
    make_inputs=lora_inputs,
    probe=_probe,
    reference=merge_lora,
    hints=(
        Text(
            "base(x) is W x + b, and the update is scale * up (down x). Which single matrix does both?",
            "base(x) は W x + b、補正は scale * up (down x) です。両方をまとめて行う 1 つの行列は何でしょうか。",
        ),
        Text(
            "W + scale * up @ down. Put it into a new nn.Linear; where base.bias is not None, the bias goes with it.",
            "W + scale * up @ down です。新しい nn.Linear に入れます。"
            "base.bias が None でなければ、バイアスも移します。",
        ),
        Text(
            "merged = nn.Linear(base.in_features, base.out_features, base.bias is not None, "
            "dtype=base.weight.dtype, device=base.weight.device), then under torch.no_grad() "
            "merged.weight.copy_(...) and merged.bias.copy_(base.bias).",
            "merged = nn.Linear(base.in_features, base.out_features, base.bias is not None, "
            "dtype=base.weight.dtype, device=base.weight.device) とし、"
            "torch.no_grad() の中で merged.weight.copy_(...) と merged.bias.copy_(base.bias) を行います。",
        ),
    ),
    properties={
        "same_output": Property(
            _same_output,
            0.3,
            Text(
                "The merged layer must give what the layer with its update gave.",
                "まとめた層の出力は、補正付きの層の出力と同じになるはずです。",
            ),
        ),
        "untouched": Property(
            _untouched,
            0.25,
            Text(
                "The layer that came in must do afterwards what it did before.",
                "渡した層は、あとでも前と同じ出力を返すはずです。",
            ),
        ),
    },
    misconceptions={
        "in_place": Misconception(
            _in_place,
            Text(
                "the update is added to the weights of base itself. The layer still adds its own on top, and so it "
                "counts twice.",
                "base の重みそのものに補正を足しています。層は自分の補正をさらに足すので、二重になります。",
            ),
        ),
        "emptied": Misconception(
            _emptied,
            Text(
                "base itself is changed and the update emptied; the layer that came in is to stay as it is.",
                "base を書き換えて、補正を空にしています。渡された層は、そのまま残してください。",
            ),
        ),
        "scale_forgotten": Misconception(
            _mistaken(lambda layer, update: layer.base.weight + _update(layer, update)),
            Text("the update is added without its scale.", "補正に scale が掛かっていません。"),
        ),
        "scale_squared": Misconception(
            _mistaken(lambda layer, update: layer.base.weight + layer.scale * update),
            Text("the scale is there twice.", "scale が 2 回掛かっています。"),
        ),
        "all_scaled": Misconception(
            _mistaken(lambda layer, update: layer.scale * (layer.base.weight + _update(layer, update))),
            Text(
                "the weights of base are scaled too; the scale belongs to the update alone.",
                "base の重みにも scale が掛かっています。scale は補正だけに掛けます。",
            ),
        ),
        "subtracted": Misconception(
            _mistaken(lambda layer, update: layer.base.weight - update),
            Text("the update is taken away; it is to be added.", "補正を引いています。足してください。"),
        ),
        "averaged": Misconception(
            _mistaken(lambda layer, update: (layer.base.weight + update) / 2),
            Text(
                "weights and update are averaged; they are to be added.",
                "重みと補正を平均しています。平均ではなく、足してください。",
            ),
        ),
        "base_only": Misconception(
            _mistaken(lambda layer, update: layer.base.weight),
            Text(
                "what comes back is base without the update: all that was learnt is lost.",
                "返ってくるのは、補正のない base です。学習したことがすべて失われます。",
            ),
        ),
        "update_only": Misconception(
            _mistaken(lambda layer, update: update),
            Text(
                "the weights are those of the update alone; those of base are missing.",
                "重みが補正だけになっています。base の重みがありません。",
            ),
        ),
        "bias_forgotten": Misconception(
            _no_bias,
            Text("the bias of base is left out.", "base のバイアスが抜けています。"),
        ),
        "bias_random": Misconception(
            _random_bias,
            Text(
                "the new layer keeps the random bias that torch gave it; copy that of base.",
                "新しい層のバイアスが、torch の付けた乱数のままです。base のバイアスを写してください。",
            ),
        ),
        "bias_scaled": Misconception(
            _mistaken(bias=lambda layer: None if layer.base.bias is None else layer.scale * layer.base.bias),
            Text(
                "the bias is scaled; it is not part of the update.",
                "バイアスに scale が掛かっています。補正ではありません。",
            ),
        ),
    },
    off_limits=("t2ilab.nets.lora.merge", "t2ilab.nets.lora.merge_adapters"),
)
