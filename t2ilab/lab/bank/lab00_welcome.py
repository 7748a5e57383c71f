"""The exercises of Lab 00: the range that models see, and how alike two vectors are."""

import torch
import torch.nn.functional as F

from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

LAB = "00_welcome"


def to_model_range(images_uint8):
    """Turns stored pixels into what a network sees.

    images_uint8: (B, 3, H, W), whole numbers from 0 to 255. Returns floats of the same shape in [-1, 1].
    """
    # First to floats: uint8 knows neither fractions nor negative numbers.
    # Then [0, 255] -> [0, 2] -> [-1, 1].
    return images_uint8.float() / 127.5 - 1


def _to_model_range_inputs(generator):
    def pixels(*shape):
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)

    # Shuffled, so that no answer can lean on the first being black; a darkish picture has a range of its own.
    levels = torch.randperm(256, generator=generator).to(torch.uint8).reshape(1, 1, 16, 16)
    return {"images_uint8": pixels(2, 3, 4, 5), "picture": pixels(1, 3, 6, 4) // 2 + 7, "levels": levels}


@cases
def _to_model_range_probe(to_model_range, inputs):
    yield "batch", lambda: to_model_range(inputs["images_uint8"])
    yield "single", lambda: to_model_range(inputs["picture"])
    yield "levels", lambda: to_model_range(inputs["levels"])


def _by_level(arrays, inputs):
    """The answer for the pixel values 0 to 255, in that order."""
    return arrays["levels"].reshape(256)[inputs["levels"].reshape(256).argsort().numpy()]


def _own_range(images_uint8):
    x = images_uint8.float()
    return 2 * (x - x.min()) / (x.max() - x.min()) - 1


TO_MODEL_RANGE = Exercise(
    name="to_model_range",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=2,
    make_inputs=_to_model_range_inputs,
    probe=_to_model_range_probe,
    reference=to_model_range,
    hints=(
        Text(
            "Where should black (0) land, where white (255), and where the grey in the middle (127.5)?",
            "黒（0）と白（255）、そして中間の灰色（127.5）は、それぞれどの値になればよいでしょうか。",
        ),
        Text(
            "`images_uint8.float()` first: in uint8, 3 - 5 is 254. Then one division and one subtraction are enough.",
            "まず `images_uint8.float()` で小数にします。uint8 のままでは 3 - 5 が 254 "
            "になります。あとは割り算と引き算が 1 回ずつです。",
        ),
        Text(
            "Divide by 127.5, so that the pixels lie in [0, 2], then take away 1.",
            "127.5 で割ると [0, 2] の範囲になります。そこから 1 を引きます。",
        ),
    ),
    properties={
        "order": Property(
            lambda arrays, inputs: (
                (_by_level(arrays, inputs)[1:] >= _by_level(arrays, inputs)[:-1]).all()
                and _by_level(arrays, inputs)[-1] > _by_level(arrays, inputs)[0]
            ),
            0.1,
            Text(
                "A brighter pixel must get a larger number. Numbers wrap round at 256 in uint8: turn to floats first.",
                "明るい画素ほど大きな値になるはずです。uint8 の計算は 256 で 0 "
                "に戻ってしまうので、先に小数へ変換してください。",
            ),
        ),
        "levels": Property(
            lambda arrays, inputs: len(set(arrays["levels"].reshape(-1).tolist())) == 256,
            0.1,
            Text(
                "256 levels of brightness must give 256 different numbers; a whole-number division (`//`) merges them.",
                "256 段階の明るさは 256 通りの値になるはずです。"
                "整数の割り算（`//`）を使うと、値がまとめられてしまいます。",
            ),
        ),
        "ends": Property(
            lambda arrays, inputs: abs(_by_level(arrays, inputs)[[0, -1]] - [-1, 1]).max() < 1e-4,
            0.3,
            Text(
                "Black (0) must become -1, and white (255) must become 1.",
                "黒（0）は -1 に、白（255）は 1 になるはずです。",
            ),
        ),
    },
    misconceptions={
        "zero_to_one": Misconception(
            lambda images_uint8: images_uint8.float() / 255,
            Text(
                "your numbers run from 0 to 1. The models of this course see [-1, "
                "1], whose middle is 0, like the noise's.",
                "値の範囲が 0 から 1 になっています。このコースのモデルが見るのは [-1, 1] "
                "です。中央がノイズの平均と同じ 0 になります。",
            ),
        ),
        "integer_division": Misconception(
            lambda images_uint8: images_uint8 // 127.5 - 1,
            Text(
                "`//` drops the fraction, so that only -1, 0 and 1 are left of the picture; divide with `/`.",
                "`//` は小数部分を捨てるので、-1、0、1 しか残りません。`/` で割ってください。",
            ),
        ),
        "integer_division_by_255": Misconception(
            lambda images_uint8: (images_uint8 // 255).float() * 2 - 1,
            Text(
                "`// 255` turns everything that is not pure white into 0; divide with `/`.",
                "`// 255` では、真っ白以外の画素がすべて 0 になります。`/` で割ってください。",
            ),
        ),
        "overflow": Misconception(
            lambda images_uint8: images_uint8 * 2 / 255 - 1,
            Text(
                "you double while the pixels are still uint8, where 200 * 2 is "
                "144; divide first, or turn to floats first.",
                "uint8 のまま 2 倍しています。uint8 では 200 * 2 が 144 "
                "になります。先に割るか、小数に変換してください。",
            ),
        ),
        "unsigned_wrap": Misconception(
            lambda images_uint8: (images_uint8 - 128) / 128,
            Text(
                "uint8 has no negative numbers: 100 - 128 wraps round to 228. Turn to floats before you subtract.",
                "uint8 には負の数がなく、100 - 128 は 228 になります。引き算の前に小数へ変換してください。",
            ),
        ),
        "divided_by_128": Misconception(
            lambda images_uint8: images_uint8.float() / 128 - 1,
            Text(
                "128 is not the middle of 0 and 255: white ends at 0.992. The middle is 127.5.",
                "0 と 255 の中央は 128 ではありません。これでは白が 0.992 になります。中央は 127.5 です。",
            ),
        ),
        "own_range": Misconception(
            _own_range,
            Text(
                "you stretch each input from its own darkest to its own brightest "
                "pixel, so that a dark picture becomes bright. "
                "Always map 0 to -1 and 255 to 1.",
                "入力ごとに最も暗い画素と最も明るい画素で引き伸ばしているため、"
                "暗い画像が明るくなってしまいます。常に 0 を -1 に、255 を 1 に対応させてください。",
            ),
        ),
    },
)


def cosine_similarity(a, b):
    """How alike two sets of vectors are in direction: 1 the same, 0 at right angles, -1 opposite.

    a: (N, D), b: (M, D), of any lengths. Returns (N, M): row i compares a[i] with every row of b.
    """
    a = F.normalize(a, dim=-1)  # every row divided by its own length
    b = F.normalize(b, dim=-1)
    # The dot product of two vectors of length 1 is the cosine of the angle between them.
    return a @ b.T  # (N, M)


def _cosine_similarity_inputs(generator):
    def vectors(n, d):
        # Rows of very different lengths, with a common offset: only the direction may count.
        lengths = torch.rand(n, 1, generator=generator) * 5 + 0.2
        return (torch.randn(n, d, generator=generator) + 0.5) * lengths

    return {"a": vectors(3, 6), "b": vectors(5, 6), "c": vectors(4, 4), "d": vectors(4, 4)}


@cases
def _cosine_similarity_probe(cosine_similarity, inputs):
    a, b, c, d = (inputs[name] for name in "abcd")
    yield "batch", lambda: cosine_similarity(c, d)
    yield "sizes", lambda: cosine_similarity(a, b)
    yield "single", lambda: cosine_similarity(a[:1], b[:1])
    yield "float64", lambda: cosine_similarity(a.double(), b.double())
    yield "itself", lambda: cosine_similarity(c, c)
    yield "scaled", lambda: cosine_similarity(3 * a, 0.25 * b)


COSINE_SIMILARITY = Exercise(
    name="cosine_similarity",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=3,
    make_inputs=_cosine_similarity_inputs,
    probe=_cosine_similarity_probe,
    reference=cosine_similarity,
    hints=(
        Text(
            "The cosine of an angle does not depend on how long the two "
            "vectors are. What can you do about their lengths?",
            "角度のコサインは、2 つのベクトルの長さによりません。では、長さをどうすればよいでしょうか。",
        ),
        Text(
            "Divide each row by its own length, "
            "`a.norm(dim=-1, keepdim=True)`; `keepdim` lets it broadcast over the row.",
            "各行をその長さ `a.norm(dim=-1, keepdim=True)` で割ります。`keepdim` "
            "があると行全体にブロードキャストされます。",
        ),
        Text(
            "With both normalised, `a @ b.T` holds the dot product of every row of a with every row of b: (N, M).",
            "両方を正規化すれば、`a @ b.T` が a の各行と b の各行の内積、つまり (N, M) になります。",
        ),
    ),
    properties={
        "itself": Property(
            lambda arrays, inputs: abs(arrays["itself"].diagonal() - 1).max() < 1e-4 and arrays["itself"].min() < 0.999,
            0.2,
            Text(
                "A vector compared with itself must give 1. Divide each row by its own length.",
                "同じベクトルどうしを比べたら 1 になるはずです。各行をその行自身の長さで割ってください。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: (
                arrays["scaled"].shape == (3, 5)
                and arrays["scaled"].std() > 1e-3
                and abs(arrays["scaled"] - arrays["sizes"]).max() < 1e-4
            ),
            0.2,
            Text(
                "Making a vector longer must change nothing: only its direction counts.",
                "ベクトルを長くしても結果は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
    },
    misconceptions={
        "not_normalised": Misconception(
            lambda a, b: a @ b.T,
            Text(
                "this is the dot product, so that long vectors win. Divide every row by its length first.",
                "これは内積なので、長いベクトルほど大きくなります。先に各行をその長さで割ってください。",
            ),
        ),
        "only_a_normalised": Misconception(
            lambda a, b: F.normalize(a, dim=-1) @ b.T,
            Text(
                "only a is normalised; b's lengths still count.",
                "a だけが正規化されていて、b の長さが結果に残っています。",
            ),
        ),
        "only_b_normalised": Misconception(
            lambda a, b: a @ F.normalize(b, dim=-1).T,
            Text(
                "only b is normalised; a's lengths still count.",
                "b だけが正規化されていて、a の長さが結果に残っています。",
            ),
        ),
        "wrong_axis": Misconception(
            lambda a, b: F.normalize(a, dim=0) @ F.normalize(b, dim=0).T,
            Text(
                "you normalise down the columns (dim 0), mixing different vectors. Each vector is a row: use dim=-1.",
                "列方向（dim 0）に正規化しているため、別々のベクトルが混ざっています。"
                "ベクトルは行なので、dim=-1 を使ってください。",
            ),
        ),
        "whole_matrix": Misconception(
            lambda a, b: (a / a.norm()) @ (b / b.norm()).T,
            Text(
                "`a.norm()` without `dim` is one length for the whole matrix. Every row "
                "needs its own: `norm(dim=-1, keepdim=True)`.",
                "`dim` のない `a.norm()` は行列全体でひとつの長さです。行ごとに必要なので "
                "`norm(dim=-1, keepdim=True)` を使ってください。",
            ),
        ),
        "squared_length": Misconception(
            lambda a, b: (a / (a * a).sum(-1, keepdim=True)) @ (b / (b * b).sum(-1, keepdim=True)).T,
            Text(
                "you divide by the squared length: the square root is missing.",
                "長さの 2 乗で割っています。平方根が抜けています。",
            ),
        ),
        "absolute_sum": Misconception(
            lambda a, b: F.normalize(a, p=1, dim=-1) @ F.normalize(b, p=1, dim=-1).T,
            Text(
                "you divide by the sum of absolute values. A vector's length is the root of the sum of squares.",
                "絶対値の和で割っています。ベクトルの長さは、2 乗の和の平方根です。",
            ),
        ),
        "transposed": Misconception(
            lambda a, b: F.normalize(b, dim=-1) @ F.normalize(a, dim=-1).T,
            Text(
                "rows and columns are exchanged: a belongs in the rows, b in the columns, (N, M).",
                "行と列が入れ替わっています。a が行、b が列の (N, M) になるようにしてください。",
            ),
        ),
        "distance": Misconception(
            lambda a, b: torch.cdist(a, b),
            Text(
                "this is a distance: 0 for the same vector, and large for "
                "different ones. A similarity is 1 for the same.",
                "これは距離です。同じベクトルで 0、違うほど大きくなります。類似度は同じベクトルで 1 になります。",
            ),
        ),
    },
    off_limits=(
        "torch.cosine_similarity",
        "torch.nn.CosineSimilarity",
        "torchmetrics.functional.pairwise.cosine.pairwise_cosine_similarity",
        "sklearn.metrics.pairwise.cosine_similarity",
    ),
)

EXERCISES = (TO_MODEL_RANGE, COSINE_SIMILARITY)
