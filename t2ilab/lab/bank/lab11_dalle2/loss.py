"""What a diffusion prior is trained for: to guess, from a text's embedding, that of the picture which belongs to it."""

import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab.bank.draws import noise_like
from t2ilab.lab.bank.lab05_ddpm.tiny import loss_gradient
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases

LAB = "11_dalle2"
T = 10  # of betas that are large for it, so that float32 leaves no doubt which formula was used


def prior_loss(prior, text_embedding, image_embedding, t, noise, ac):
    """How far the prior's guess is from the image embedding (Ramesh et al. 2022, section 2.2).

    prior(x_t, t, text_embedding) gives a guess (B, D); text_embedding, image_embedding: (B, D), of pairs that
    belong together; t: int64 (B,) or one int; noise: like image_embedding; ac: (T,), alpha_bar of each timestep.
    Returns a 0-d tensor with a gradient, the mean squared error over everything.
    """
    ac_t = ac[t].reshape(-1, 1)  # (B, 1): each pair has its own t
    x_t = ac_t.sqrt() * image_embedding + (1 - ac_t).sqrt() * noise
    # A U-Net predicts noise; the paper found it better for the prior to predict the embedding itself.
    return F.mse_loss(prior(x_t, t, text_embedding), image_embedding)


class _TinyPrior(nn.Module):
    """prior(x_t, t, text_embedding) -> like x_t: two linear maps, and a bias that turns with t."""

    def __init__(self, weights):
        super().__init__()
        self.mix, self.words, self.bias = (nn.Parameter(weights[name].clone()) for name in ("mix", "words", "bias"))

    def forward(self, x_t, t, text_embedding):
        if torch.is_tensor(t) and t.ndim == 2:
            raise Unfit("prior_swapped")
        time = torch.as_tensor(t).to(x_t.dtype).reshape(-1, 1)
        return x_t.tanh() @ self.mix + text_embedding @ self.words + self.bias * time.cos()


def _inputs(generator):
    # As many pairs as numbers in the first batch: ac[t] along the wrong axis raises no error there, but is seen.
    image, other = torch.randn(4, 4, generator=generator), 1.3 * torch.randn(2, 6, generator=generator)
    return {
        "text_embedding": 0.8 * torch.randn(4, 4, generator=generator),
        "image_embedding": image,
        "t": torch.randperm(T - 2, generator=generator)[:4] + 1,
        "noise": noise_like(generator, image),
        "ac": (0.95 - 0.25 * torch.rand(T, generator=generator)).cumprod(0),
        "prior": _weights(generator, 4),
        "other_text": torch.randn(2, 6, generator=generator),
        "other_image": other,
        "other_t": torch.randperm(T - 2, generator=generator)[:2] + 1,
        "other_noise": noise_like(generator, other),
        "other_prior": _weights(generator, 6),
    }


def _weights(generator, d):
    return {
        "mix": torch.randn(d, d, generator=generator),
        "words": torch.randn(d, d, generator=generator),
        "bias": torch.randn(d, generator=generator),
    }


@cases
def _probe(prior_loss, inputs):
    text, image, t, noise, ac = (inputs[name] for name in ("text_embedding", "image_embedding", "t", "noise", "ac"))
    prior = _TinyPrior(inputs["prior"])
    other = [inputs[f"other_{name}"] for name in ("text", "image", "t", "noise")]
    yield "batch", lambda: prior_loss(prior, text, image, t, noise, ac)
    yield "single", lambda: prior_loss(prior, text[:1], image[:1], t[:1], noise[:1], ac)

    def knows(x_t, t, told):
        return image[(told[:, None] == text).all(-1).int().argmax(1)]  # by its text, also where pairs come one by one

    yield "knows_embedding", lambda: prior_loss(knows, text, image, t, noise, ac)
    yield "prior_says_zero", lambda: prior_loss(lambda x_t, t, told: x_t * 0, text, image, t, noise, ac)
    yield "gradient", lambda: loss_gradient(prior, prior_loss(prior, text, image, t, noise, ac))
    double = [x.double() for x in (text, image)]
    yield "float64", lambda: prior_loss(_TinyPrior(inputs["prior"]).double(), *double, t, noise.double(), ac.double())
    yield "sizes", lambda: prior_loss(_TinyPrior(inputs["other_prior"]), *other, ac)
    yield "one_t", lambda: prior_loss(prior, text, image, int(t[0]), noise, ac)


def _noised(image, t, noise, ac):
    ac_t = ac[t].reshape(-1, 1)
    return ac_t.sqrt() * image + (1 - ac_t).sqrt() * noise


def _mistaken(seen=None, told=None, target=None, error=F.mse_loss):
    """A loss with one fault: what the prior sees, what it is told of, what it is compared with, or by what error."""

    def loss(prior, text_embedding, image_embedding, t, noise, ac):
        x_t = (seen or _noised)(image_embedding, t, noise, ac)
        time, text = (told or (lambda t, text, image: (t, text)))(t, text_embedding, image_embedding)
        wanted = target(text_embedding, noise, x_t) if target else image_embedding
        return error(prior(x_t, time, text), wanted)

    return loss


def _text_noised(prior, text_embedding, image_embedding, t, noise, ac):
    return F.mse_loss(prior(_noised(text_embedding, t, noise, ac), t, text_embedding), image_embedding)


def _wrong_axis(image, t, noise, ac):
    return ac[t].sqrt() * image + (1 - ac[t]).sqrt() * noise


def _no_roots(image, t, noise, ac):
    ac_t = ac[t].reshape(-1, 1)
    return ac_t * image + (1 - ac_t) * noise


PRIOR_LOSS = Exercise(
    name="prior_loss",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=3,
    make_inputs=_inputs,
    probe=_probe,
    reference=prior_loss,
    hints=(
        Text(
            "It is the diffusion that you know, of vectors in place of pictures. What is noised, what is only told, "
            "and "
            "what is to be guessed?",
            "画像の代わりにベクトルを使うだけで、いつもの拡散モデルと同じです。ノイズを加えるもの、"
            "条件として渡すだけのもの、"
            "当てるものは、それぞれ何でしょうか。",
        ),
        Text(
            "Three lines: ac[t] as (B, 1), x_t from image_embedding and noise, and the error of "
            "`prior(x_t, t, text_embedding)`. This network does not guess the noise.",
            "3 行で書けます。ac[t] を (B, 1) の形状にし、image_embedding と noise から x_t を作り、"
            "`prior(x_t, t, text_embedding)` の誤差を求めます。このネットワークが当てるのはノイズではありません。",
        ),
        Text(
            "x_t = ac_t.sqrt() * image_embedding + (1 - ac_t).sqrt() * noise, and "
            "F.mse_loss(prior(x_t, t, text_embedding), image_embedding).",
            "x_t = ac_t.sqrt() * image_embedding + (1 - ac_t).sqrt() * noise として、"
            "F.mse_loss(prior(x_t, t, text_embedding), image_embedding) を返します。",
        ),
    ),
    properties={
        "knows": Property(
            lambda arrays, inputs: abs(arrays["knows_embedding"]) < 1e-6 and arrays["prior_says_zero"] > 1e-3,
            0.25,
            Text(
                "A prior that names the image embedding exactly must have a loss of 0.",
                "画像の埋め込みを正確に当てるネットワークの損失は、0 になるはずです。",
            ),
        ),
        "says_zero": Property(
            lambda arrays, inputs: (
                abs(arrays["prior_says_zero"] - inputs["image_embedding"].square().mean().item()) < 1e-4
            ),
            0.25,
            Text(
                "A prior that always says 0 must have the loss mean(image_embedding ** 2).",
                "常に 0 と答えるネットワークの損失は、mean(image_embedding ** 2) になるはずです。",
            ),
        ),
    },
    misconceptions={
        "target_noise": Misconception(
            _mistaken(target=lambda text, noise, x_t: noise),
            Text(
                "the prior's guess is compared with the noise; it is to name the image embedding itself.",
                "ネットワークの出力をノイズと比べています。当てるのは、画像の埋め込みそのものです。",
            ),
        ),
        "target_text": Misconception(
            _mistaken(target=lambda text, noise, x_t: text),
            Text(
                "the prior's guess is compared with the text embedding, which it was given; the picture's is wanted.",
                "ネットワークの出力を、渡したテキストの埋め込みと比べています。求めたいのは画像の埋め込みです。",
            ),
        ),
        "target_x_t": Misconception(
            _mistaken(target=lambda text, noise, x_t: x_t),
            Text(
                "the prior's guess is compared with its own input x_t, noise and all.",
                "ネットワークの出力を、ノイズの入った入力 x_t と比べています。",
            ),
        ),
        "sees_clean": Misconception(
            _mistaken(seen=lambda image, t, noise, ac: image),
            Text(
                "the prior sees the clean image embedding and has only to repeat it; give it x_t.",
                "ノイズのない画像の埋め込みを見せています。これでは写すだけです。x_t を渡してください。",
            ),
        ),
        "sees_noise": Misconception(
            _mistaken(seen=lambda image, t, noise, ac: noise),
            Text(
                "the prior sees nothing but noise; there has to be something of the image embedding in x_t.",
                "ノイズだけを見せています。x_t には画像の埋め込みも含まれます。",
            ),
        ),
        "text_noised": Misconception(
            _text_noised,
            Text(
                "the text embedding is what you add noise to; it is told as it is, and the image embedding is noised.",
                "ノイズをテキストの埋め込みに加えています。テキストはそのまま渡し、ノイズは画像の埋め込みに加えます。",
            ),
        ),
        "no_roots": Misconception(
            _mistaken(seen=_no_roots),
            Text(
                "your x_t is made without the square roots of ac_t and 1 - ac_t.",
                "x_t を作るとき、ac_t と 1 - ac_t の平方根が抜けています。",
            ),
        ),
        "plain_sum": Misconception(
            _mistaken(seen=lambda image, t, noise, ac: image + noise),
            Text(
                "image_embedding + noise is not x_t: both have factors, which depend on t.",
                "image_embedding + noise は x_t ではありません。どちらにも t に応じた係数が付きます。",
            ),
        ),
        "wrong_axis": Misconception(
            _mistaken(seen=_wrong_axis),
            Text(
                "ac[t] has the shape (B,), and broadcasting lines it up with the numbers of a vector; make it (B, 1).",
                "ac[t] の形状は (B,) なので、ベクトルの成分の軸に合わせてブロードキャストされます。(B, 1) "
                "にしてください。",
            ),
        ),
        "time_forgotten": Misconception(
            _mistaken(told=lambda t, text, image: (t * 0, text)),
            Text(
                "the prior is always told t = 0; tell it the t at which the noise was added.",
                "ネットワークに渡す t が常に 0 です。ノイズを加えたときの t を渡してください。",
            ),
        ),
        "words_forgotten": Misconception(
            _mistaken(told=lambda t, text, image: (t, text * 0)),
            Text(
                "the prior is told of no text, so that it can only guess the mean of all pictures.",
                "ネットワークにテキストが渡っていません。これでは、すべての画像の平均しか答えられません。",
            ),
        ),
        "told_the_answer": Misconception(
            _mistaken(told=lambda t, text, image: (t, image)),
            Text(
                "the prior is given the image embedding in the place of the text's: that is the answer itself.",
                "テキストの埋め込みの代わりに、画像の埋め込みを渡しています。それは答えそのものです。",
            ),
        ),
        "cosine": Misconception(
            _mistaken(error=lambda guess, wanted: (1 - F.cosine_similarity(guess, wanted)).mean()),
            Text(
                "you compare directions only; the lengths of the vectors count as well.",
                "向きだけを比べています。ベクトルの長さも数に入ります。",
            ),
        ),
        "sum": Misconception(
            _mistaken(error=lambda guess, wanted: F.mse_loss(guess, wanted, reduction="sum")),
            Text(
                "you sum where you should average: the loss would grow with the batch.",
                "平均ではなく合計になっています。これでは、バッチが大きいほど損失も大きくなります。",
            ),
        ),
        "sum_over_width": Misconception(
            _mistaken(error=lambda guess, wanted: (guess - wanted).square().sum(1).mean()),
            Text(
                "you average over the batch, but sum over the numbers of a vector; average over everything.",
                "バッチについては平均ですが、ベクトルの成分については合計になっています。"
                "すべての要素で平均してください。",
            ),
        ),
        "absolute": Misconception(
            _mistaken(error=F.l1_loss),
            Text(
                "this is the mean absolute error; square the differences.",
                "これは絶対値の平均です。差を 2 乗してください。",
            ),
        ),
        "root": Misconception(
            _mistaken(error=lambda guess, wanted: F.mse_loss(guess, wanted).sqrt()),
            Text(
                "a square root is left over; the loss is the mean square itself.",
                "平方根が余分です。損失は 2 乗の平均そのものです。",
            ),
        ),
    },
    off_limits=("t2ilab.diffusion.losses.diffusion_loss",),
)
