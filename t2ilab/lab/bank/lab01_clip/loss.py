"""What trains CLIP: each picture is to find its caption among all others of the batch, and each caption its picture."""

import math

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab01_clip.draws import LAB, features, gradient, scale
from t2ilab.lab.bank.lab01_clip.logits import similarity_logits
from t2ilab.lab.bank.lab01_clip.loss_mistakes import MISTAKES
from t2ilab.lab.definition import Exercise, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def clip_loss(image_features, text_features, logit_scale):
    """How badly pictures and captions find each other: the symmetric contrastive loss (Radford et al. 2021, figure 3).

    image_features, text_features: (B, D), of any lengths, row i of one belongs to row i of the other; logit_scale: 0-d
    tensor, the multiplier itself. Returns a 0-d tensor with a gradient, in nats: the mean of both directions.
    """
    logits = similarity_logits(image_features, text_features, logit_scale)  # (B, B): pictures in rows
    # A classification of B classes: the right text for picture i is text i.
    # All others of the batch are wrong ones.
    partners = torch.arange(len(logits), device=logits.device)
    of_images = F.cross_entropy(logits, partners)  # each row: a picture chooses among the texts
    of_texts = F.cross_entropy(logits.T, partners)  # each column: a text chooses among the pictures
    return (of_images + of_texts) / 2


def _inputs(generator):
    # Pairs that fit a little, as in the middle of training, so that no part of the loss is near 0.
    images = features(generator, 5, 6)
    u, v, w = F.normalize(features(generator, 3, 6), dim=-1)
    nearly = 0.1 * F.normalize(features(generator, 3, 6), dim=-1)
    return {
        "image_features": images, "text_features": features(generator, 5, 6) + 0.5 * images,
        "logit_scale": scale(generator, 4, 9),
        "other_image_features": features(generator, 3, 7), "other_text_features": features(generator, 3, 7),
        # A pair that fits, a picture whose own text says the opposite, and that picture again with a text that fits.
        "sharp_image_features": torch.stack([3 * u, v, v + 0.1 * w]),
        "sharp_text_features": torch.stack([u, -v, v]) + nearly,
    }  # fmt: skip


@cases
def _probe(clip_loss, inputs):
    images, texts, logit_scale = (inputs[name] for name in ("image_features", "text_features", "logit_scale"))
    same = images[:1].expand(len(images), -1)

    def slopes():
        given = [x.clone().requires_grad_() for x in (images, texts, logit_scale)]
        loss = clip_loss(*given)
        if not (torch.is_tensor(loss) and loss.requires_grad):
            raise Unfit("no_gradient")
        return gradient(loss, given)

    yield "batch", lambda: clip_loss(images, texts, logit_scale)
    yield "swapped", lambda: clip_loss(texts, images, logit_scale)
    yield "permuted", lambda: clip_loss(images.flip(0), texts.flip(0), logit_scale)
    yield "scaled", lambda: clip_loss(3 * images, 0.2 * texts, logit_scale)
    yield "equal_features", lambda: clip_loss(same, same, logit_scale)
    yield "single", lambda: clip_loss(images[:1], texts[:1], logit_scale)
    yield "float64", lambda: clip_loss(images.double(), texts.double(), logit_scale.double())
    yield "sizes", lambda: clip_loss(inputs["other_image_features"], inputs["other_text_features"], logit_scale)
    yield (
        "large_scale",
        lambda: clip_loss(inputs["sharp_image_features"], inputs["sharp_text_features"], torch.tensor(100.0)),
    )
    yield "gradient", slopes


def _differs_from_0(arrays):
    """Whether the loss of a batch is a number that says something."""
    return arrays["batch"].shape == () and abs(arrays["batch"]) > 1e-2


def _as_the_batch(arrays, case):
    """Whether a case has the loss of the batch, but for rounding."""
    return _differs_from_0(arrays) and abs(arrays[case] - arrays["batch"]) < 1e-4 * abs(arrays["batch"])


CLIP_LOSS = Exercise(
    name="clip_loss",
    lab=LAB,
    difficulty=3,
    minutes=15,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=clip_loss,
    hints=(
        Text(
            "Think of each row of the logits as a classification: B classes, and one of them is right. Which one, for "
            "picture i?",
            "ロジットの各行を、B クラスの分類問題とみなしてみましょう。正解はひとつです。画像 i の正解は何番ですか。",
        ),
        Text(
            "The right class of row i is i. Take the cross-entropy over the rows (a picture chooses among texts), then "
            "over the columns (a text chooses among pictures), and the mean of the two.",
            "i 行目の正解は i です。行についての交差エントロピー（画像がテキストを選ぶ）と、列についての"
            "交差エントロピー（テキストが画像を選ぶ）を求め、2 つの平均をとります。",
        ),
        Text(
            "With the logits of similarity_logits and the labels 0, 1, ..., B - 1: `F.cross_entropy` of the logits, "
            "and once more of the transposed logits with the same labels; half of their sum.",
            "similarity_logits のロジットと、ラベル 0, 1, ..., B - 1 を使います。`F.cross_entropy` をロジットに対して"
            "求め、転置したロジットに対しても同じラベルで求めます。その和の半分です。",
        ),
    ),
    properties={
        "equal_features": Property(
            lambda arrays, inputs: (
                abs(arrays["equal_features"] - math.log(5)) < 1e-3
                and _differs_from_0(arrays)
                and abs(arrays["batch"] - arrays["equal_features"]) > 1e-4
            ),
            0.1,
            Text(
                "Where all features are equal, nobody can choose better than by chance: the loss must be ln B.",
                "特徴ベクトルがすべて同じなら、でたらめに選ぶしかありません。損失は ln B になるはずです。",
            ),
        ),
        "single": Property(
            lambda arrays, inputs: abs(arrays["single"]) < 1e-5 and _differs_from_0(arrays),
            0.05,
            Text(
                "In a batch of one there is nothing to confuse: the loss must be 0.",
                "組が 1 つだけのバッチでは、間違えようがありません。損失は 0 になるはずです。",
            ),
        ),
        "permuted": Property(
            lambda arrays, inputs: _as_the_batch(arrays, "permuted"),
            0.1,
            Text(
                "The order of the pairs must not matter: the same permutation of both changes nothing.",
                "組の順序は関係ないはずです。画像とテキストを同じように並べ替えても、損失は変わりません。",
            ),
        ),
        "swapped": Property(
            lambda arrays, inputs: _as_the_batch(arrays, "swapped"),
            0.15,
            Text(
                "Pictures and texts have equal rights: exchanging the two changes nothing.",
                "画像とテキストは対等です。2 つを入れ替えても、損失は変わらないはずです。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: _as_the_batch(arrays, "scaled"),
            0.1,
            Text(
                "Making features longer or shorter must change nothing: only their direction counts.",
                "特徴ベクトルの長さを変えても損失は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
    },
    misconceptions=MISTAKES,
    off_limits=(
        "t2ilab.clip.loss.clip_loss",
        "open_clip.loss.ClipLoss",
        "transformers.models.clip.modeling_clip.contrastive_loss",
        "transformers.models.clip.modeling_clip.image_text_contrastive_loss",
    ),
)
