"""A classifier made of words: one vector for each class, from its name in several sentences."""

import torch
import torch.nn.functional as F

from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

LAB = "02_zero_shot"
NAMES = ("cat", "fish", "horse", "rocket", "robot", "chef", "mushroom", "moon", "hot air balloon", "star", "tree")
TEMPLATES = ("a photo of a {}", "a drawing of the {}", "a small {}", "a {} in the sea", "{} at night", "one {}, big")
LETTERS = 59  # rows of a table of letters; a prime, so that all letters of a name have rows of their own


def zero_shot_weights(encode_text, class_names, templates):
    """One vector for each class, from its name put into each template (Radford et al. 2021, section 3.1.4).

    encode_text takes a list of N strings and gives (N, D), of any lengths; class_names: C strings; templates: T
    strings, each with one slot {} for the name. Returns (C, D): rows of length 1, in the order of class_names.
    """
    weights = []
    for name in class_names:
        features = encode_text([template.format(name) for template in templates])  # (T, D)
        # Every sentence has one vote: without this, those with long vectors would outvote the others.
        directions = F.normalize(features, dim=-1)
        # A mean of different directions is shorter than 1, and the shorter the less they agree.
        weights.append(F.normalize(directions.mean(dim=0), dim=-1))  # (D,)
    return torch.stack(weights)  # (C, D)


def encoder(letters, dtype=torch.float32):
    """encode_text over a table (LETTERS, D + 1): any strings to rows (N, D) of very different lengths.

    Raises Unfit, when it is called, for anything but a list of strings.
    """

    def one(text):
        rows = letters[torch.tensor([ord(letter) % LETTERS for letter in text])].double()
        mixed = (rows * torch.cos(torch.arange(1.0, len(text) + 1).double())[:, None]).sum(0)  # their order counts
        return mixed[:-1] * torch.exp(1.5 * torch.tanh(mixed[-1]))

    def encode_text(texts):
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
            raise Unfit("texts_wanted", received=repr(texts)[:60])
        return torch.stack([one(text) for text in texts]).to(dtype)

    return encode_text


def _inputs(generator):
    def some(of, count):
        return [of[i] for i in torch.randperm(len(of), generator=generator)[:count].tolist()]

    return {
        "class_names": some(NAMES, 3), "templates": some(TEMPLATES, 4),
        "letters": torch.randn(LETTERS, 6, generator=generator),
        "other_names": some(NAMES, 5), "other_templates": some(TEMPLATES, 2),
        "other_letters": torch.randn(LETTERS, 4, generator=generator),
    }  # fmt: skip


@cases
def _probe(zero_shot_weights, inputs):
    names, templates, letters = (inputs[name] for name in ("class_names", "templates", "letters"))
    encode_text = encoder(letters)
    yield "batch", lambda: zero_shot_weights(encode_text, names, templates)
    yield "one_by_one", lambda: torch.cat([zero_shot_weights(encode_text, [name], templates) for name in names])
    yield "one_template", lambda: zero_shot_weights(encode_text, names, templates[:1])
    yield "repeated", lambda: zero_shot_weights(encode_text, names, templates[::-1] * 2)
    yield "float64", lambda: zero_shot_weights(encoder(letters, torch.float64), names, templates)
    yield (
        "sizes",
        lambda: zero_shot_weights(encoder(inputs["other_letters"]), inputs["other_names"], inputs["other_templates"]),
    )


def _texts(class_names, templates):
    return [template.format(name) for name in class_names for template in templates]


def _from(weigh):
    """A wrong answer that encodes the right sentences: weigh(features) of (C, T, D) gives its result."""

    def wrong(encode_text, class_names, templates):
        features = encode_text(_texts(class_names, templates))
        return weigh(features.reshape(len(class_names), len(templates), -1))

    return wrong


def _mean(features):
    """The right result of features (C, T, D)."""
    return F.normalize(F.normalize(features, dim=-1).mean(1), dim=-1)


def _classes_mixed(encode_text, class_names, templates):
    features = encode_text(_texts(class_names, templates))
    return _mean(features.reshape(len(templates), len(class_names), -1).transpose(0, 1))


def _templates_mixed(encode_text, class_names, templates):
    features = encode_text([template.format(name) for template in templates for name in class_names])
    return _mean(features.reshape(len(class_names), len(templates), -1))


def _rows(arrays):
    """Whether there is a row for each class, each of length 1, and no two alike."""
    batch = arrays["batch"]
    different = abs(batch[:, None] - batch[None]).max(-1)[~torch.eye(3, dtype=torch.bool).numpy()]
    return batch.shape == (3, 5) and different.min() > 1e-4 and abs((batch**2).sum(1) - 1).max() < 1e-4


def _text_itself(arrays, inputs):
    features = encoder(inputs["letters"])(_texts(inputs["class_names"], inputs["templates"][:1]))
    return abs(arrays["one_template"] - F.normalize(features, dim=-1).numpy()).max() < 1e-4


ZERO_SHOT_WEIGHTS = Exercise(
    name="zero_shot_weights",
    lab=LAB,
    difficulty=3,
    minutes=12,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=zero_shot_weights,
    hints=(
        Text(
            "One class has several sentences, and each of them a vector. Should a sentence count more because its "
            "vector is long?",
            "ひとつのクラスにいくつもの文があり、それぞれがベクトルになります。"
            "ベクトルが長い文ほど、重く扱ってよいでしょうか。",
        ),
        Text(
            "For each class: put the name into every template with `template.format(name)`, encode these sentences, "
            "make every row of length 1, average them, and make the mean of length 1.",
            "クラスごとに、`template.format(name)` で名前を各テンプレートに入れ、できた文をエンコードし、"
            "各行の長さを 1 にして平均し、最後にその平均の長さも 1 にします。",
        ),
        Text(
            "For one class, `encode_text` gives (T, D): `F.normalize(..., dim=-1)`, the mean over dim 0, and "
            "`F.normalize` once more. Collect the vectors of all classes with `torch.stack`.",
            "ひとつのクラスについて `encode_text` の結果は (T, D) です。`F.normalize(..., dim=-1)` のあと dim 0 で"
            "平均し、もう一度 `F.normalize` を使います。全クラスのベクトルを `torch.stack` でまとめます。",
        ),
    ),
    properties={
        "unit_rows": Property(
            lambda arrays, inputs: _rows(arrays),
            0.1,
            Text(
                "Every class must have a row of its own, and every row the length 1.",
                "クラスごとに別々の行があり、どの行の長さも 1 になるはずです。",
            ),
        ),
        "one_template": Property(
            _text_itself,
            0.15,
            Text(
                "With one template, the result must be the sentences' own vectors, made of length 1.",
                "テンプレートが 1 つなら、結果は各文のベクトルの長さを 1 にしたものになるはずです。",
            ),
        ),
        "one_by_one": Property(
            lambda arrays, inputs: abs(arrays["one_by_one"] - arrays["batch"]).max() < 1e-4 and _rows(arrays),
            0.15,
            Text(
                "A class's vector must not depend on which other classes there are.",
                "クラスのベクトルは、ほかにどんなクラスがあるかによらないはずです。",
            ),
        ),
        "repeated": Property(
            lambda arrays, inputs: (
                abs(arrays["repeated"] - arrays["batch"]).max() < 1e-4
                and abs(arrays["batch"] - arrays["one_template"]).max() > 1e-3
            ),
            0.1,
            Text(
                "Giving all templates twice, in another order, must change nothing.",
                "すべてのテンプレートを順序を変えて 2 回ずつ渡しても、結果は変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "average_first": Misconception(
            _from(lambda features: F.normalize(features.mean(1), dim=-1)),
            Text(
                "you average the vectors as they come and normalise only the mean, so that long ones outvote others.",
                "ベクトルをそのまま平均し、平均だけを正規化しています。これでは、長いベクトルの影響が大きくなります。",
            ),
        ),
        "mean_not_normalised": Misconception(
            _from(lambda features: F.normalize(features, dim=-1).mean(1)),
            Text(
                "the mean itself is not normalised: it is the shorter, the less the sentences agree.",
                "平均そのものが正規化されていません。文どうしの向きがそろわないほど、平均は短くなります。",
            ),
        ),
        "not_normalised": Misconception(
            _from(lambda features: features.mean(1)),
            Text(
                "nothing is normalised, neither the sentences' vectors nor their mean.",
                "各文のベクトルも、その平均も、正規化されていません。",
            ),
        ),
        "sum": Misconception(
            _from(lambda features: F.normalize(features, dim=-1).sum(1)),
            Text(
                "this is the sum of the sentences' directions, which grows with the number of templates.",
                "各文の向きの合計になっていて、テンプレートの数とともに大きくなります。",
            ),
        ),
        "first_template": Misconception(
            _from(lambda features: F.normalize(features[:, 0], dim=-1)),
            Text("only the first template is used.", "最初のテンプレートしか使われていません。"),
        ),
        "last_template": Misconception(
            _from(lambda features: F.normalize(features[:, -1], dim=-1)),
            Text(
                "only the last template is left: each pass of your loop overwrites the one before.",
                "最後のテンプレートしか残っていません。ループのたびに、前の結果が上書きされています。",
            ),
        ),
        "bare_names": Misconception(
            lambda encode_text, class_names, templates: F.normalize(encode_text(class_names), dim=-1),
            Text(
                "you encode the bare class names; the templates are not used.",
                "クラス名をそのままエンコードしていて、テンプレートが使われていません。",
            ),
        ),
        "slot_left": Misconception(
            lambda encode_text, class_names, templates: _mean(
                torch.stack([encode_text([template + name for template in templates]) for name in class_names])
            ),
            Text(
                "the {} is still in your sentences: the name goes into it, not behind it.",
                "文の中に {} が残っています。名前は、文のうしろではなく {} の中に入れてください。",
            ),
        ),
        "slot_left_and_spaced": Misconception(
            lambda encode_text, class_names, templates: _mean(
                torch.stack([encode_text([f"{template} {name}" for template in templates]) for name in class_names])
            ),
            Text(
                "the {} is still in your sentences: the name goes into it, not behind a space.",
                "文の中に {} が残っています。名前は、空白のうしろではなく {} の中に入れてください。",
            ),
        ),
        "classes_mixed": Misconception(
            _classes_mixed,
            Text(
                "your sentences run class by class, but you reshape them to (T, C, D), which mixes the classes.",
                "文はクラスごとに並んでいますが、(T, C, D) に変形しているため、クラスが混ざっています。",
            ),
        ),
        "templates_mixed": Misconception(
            _templates_mixed,
            Text(
                "your sentences run template by template, but you reshape them to (C, T, D), which mixes the classes.",
                "文はテンプレートごとに並んでいますが、(C, T, D) に変形しているため、クラスが混ざっています。",
            ),
        ),
        "over_the_templates": Misconception(
            _from(lambda features: F.normalize(F.normalize(features, dim=1).mean(1), dim=-1)),
            Text(
                "you normalise (C, T, D) over the templates, which is what `F.normalize` does when `dim` is left out.",
                "(C, T, D) をテンプレートの軸で正規化しています。`F.normalize` で `dim` を省くと、こうなります。",
            ),
        ),
        "over_the_classes": Misconception(
            _from(lambda features: F.normalize(F.normalize(features, dim=-1).mean(1), dim=0)),
            Text(
                "you normalise the means over the classes (dim 0), not each class's own vector.",
                "平均を正規化するとき、クラスの軸（dim 0）を使っています。各クラスのベクトルの長さは 1 になりません。",
            ),
        ),
        "mean_over_classes": Misconception(
            _from(lambda features: F.normalize(F.normalize(features, dim=-1).mean(0), dim=-1)),
            Text(
                "you average over the classes and keep the templates, (T, D).",
                "クラスについて平均していて、テンプレートのほうが残っています。結果が (T, D) です。",
            ),
        ),
        "not_averaged": Misconception(
            _from(lambda features: F.normalize(features.flatten(0, 1), dim=-1)),
            Text(
                "every sentence has a row of its own; the mean over the templates is missing.",
                "文ごとに 1 行ずつあります。テンプレートについての平均がありません。",
            ),
        ),
        "in_columns": Misconception(
            _from(lambda features: _mean(features).T),
            Text(
                "your classes stand in columns, (D, C), as in CLIP's own notebook; here they are rows.",
                "クラスが列に並んで (D, C) になっています。CLIP の公式ノートブックと同じ並びですが、ここでは行です。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.clip.zeroshot.zero_shot_weights",
        "open_clip.zero_shot_classifier.build_zero_shot_classifier",
        "open_clip.zero_shot_classifier.build_zero_shot_classifier_legacy",
    ),
)
