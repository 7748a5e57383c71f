"""Learning one new thing without forgetting all the others: DreamBooth's loss."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.draws import noise_like
from t2ilab.lab.bank.lab10_fine_tuning.lora import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def prior_preservation_loss(eps, noise, eps_prior, noise_prior, weight):
    """The loss on the new pictures plus weight times that on the old ones (Ruiz et al. 2023, eq. 2).

    eps: (B, C, H, W), the guess of the noise in pictures of the new thing; noise: like it, what there is.
    eps_prior, noise_prior: (K, C, H, W), the same for pictures that the model drew itself before, of its class.
    weight: one number. Returns a 0-d tensor with a gradient; each of the two is a mean squared error.
    """
    return F.mse_loss(eps, noise) + weight * F.mse_loss(eps_prior, noise_prior)


def _inputs(generator):
    eps = torch.randn(2, 3, 4, 5, generator=generator)
    eps_prior = 0.3 + torch.randn(2, 3, 4, 5, generator=generator)
    return {
        "eps": eps,
        "noise": noise_like(generator, eps),
        "eps_prior": eps_prior,
        "noise_prior": 1.7 * noise_like(generator, eps_prior),
        "weight": 0.3 + 0.3 * torch.rand((), generator=generator).item(),
        "large_weight": 2.3 + torch.rand((), generator=generator).item(),
        # Other numbers of pictures: the two means are taken each by itself.
        "more_eps": torch.randn(5, 3, 2, 3, generator=generator),
        "more_noise": 0.5 * torch.randn(5, 3, 2, 3, generator=generator),
    }


@cases
def _probe(prior_preservation_loss, inputs):
    eps, noise, eps_prior, noise_prior, weight = (
        inputs[name] for name in ("eps", "noise", "eps_prior", "noise_prior", "weight")
    )
    more = (inputs["more_eps"], inputs["more_noise"])
    yield "batch", lambda: prior_preservation_loss(eps, noise, eps_prior, noise_prior, weight)
    yield "weight_zero", lambda: prior_preservation_loss(eps, noise, eps_prior, noise_prior, 0.0)
    yield "weight_large", lambda: prior_preservation_loss(eps, noise, eps_prior, noise_prior, inputs["large_weight"])
    yield "knows_new", lambda: prior_preservation_loss(noise, noise, eps_prior, noise_prior, weight)
    yield "knows_old", lambda: prior_preservation_loss(eps, noise, noise_prior, noise_prior, weight)
    yield "gradient", lambda: _slopes(prior_preservation_loss, inputs)
    yield "single", lambda: prior_preservation_loss(eps[:1], noise[:1], eps_prior[:1], noise_prior[:1], weight)
    double = [x.double() for x in (eps, noise, eps_prior, noise_prior)]
    yield "float64", lambda: prior_preservation_loss(*double, weight)
    yield "sizes", lambda: prior_preservation_loss(eps, noise, *more, weight)


def _slopes(loss_of, inputs):
    """The gradients for both guesses, one after the other, zero where none arrives."""
    guesses = [inputs[name].clone().requires_grad_() for name in ("eps", "eps_prior")]
    loss = loss_of(guesses[0], inputs["noise"], guesses[1], inputs["noise_prior"], inputs["weight"])
    if not (torch.is_tensor(loss) and loss.requires_grad):
        raise Unfit("no_gradient")
    slopes = torch.autograd.grad(loss.sum(), guesses, allow_unused=True)
    return torch.stack([torch.zeros_like(g) if s is None else s for g, s in zip(guesses, slopes, strict=True)])


def _mistaken(join, error=F.mse_loss):
    """A loss with one fault: in how its two parts are put together, or in what each part is."""

    def loss(eps, noise, eps_prior, noise_prior, weight):
        return join(error(eps, noise), error(eps_prior, noise_prior), weight)

    return loss


def _sum(guess, noise):
    return F.mse_loss(guess, noise, reduction="sum")


def _sum_over_pixels(guess, noise):
    return (guess - noise).square().flatten(1).sum(1).mean()


def _right(new, old, weight):
    return new + weight * old


def _one_mean(eps, noise, eps_prior, noise_prior, weight):
    new, old = (eps - noise).square(), weight * (eps_prior - noise_prior).square()
    return torch.cat([new.flatten(), old.flatten()]).mean()


def _error(inputs, which=""):
    return (inputs[f"eps{which}"] - inputs[f"noise{which}"]).square().mean().item()


PRIOR_PRESERVATION_LOSS = Exercise(
    name="prior_preservation_loss",
    lab=LAB,
    difficulty=1,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=prior_preservation_loss,
    hints=(
        Text(
            "Two losses, each the ordinary one: how wrong is the guess on the new pictures, how wrong on the old ones?",
            "損失は 2 つで、どちらもふつうのものです。新しい画像と以前の画像で、推定はそれぞれどれだけ外れていますか。",
        ),
        Text(
            "F.mse_loss(eps, noise), and the same of the two with _prior in their names; weight says how much the "
            "second counts.",
            "F.mse_loss(eps, noise) と、_prior の付いた 2 つの同じ計算です。"
            "weight は、2 つ目をどれだけ重く見るかを決めます。",
        ),
        Text(
            "F.mse_loss(eps, noise) + weight * F.mse_loss(eps_prior, noise_prior).",
            "F.mse_loss(eps, noise) + weight * F.mse_loss(eps_prior, noise_prior) です。",
        ),
    ),
    properties={
        "new": Property(
            lambda arrays, inputs: (
                abs(arrays["weight_zero"] - _error(inputs)) < 1e-4
                and arrays["weight_large"] > arrays["weight_zero"] + 1e-3
            ),
            0.25,
            Text(
                "At a weight of 0 only the error on the new pictures must be left.",
                "weight が 0 なら、新しい画像の誤差だけが残るはずです。",
            ),
        ),
        "old": Property(
            lambda arrays, inputs: abs(arrays["knows_new"] - inputs["weight"] * _error(inputs, "_prior")) < 1e-4,
            0.25,
            Text(
                "Where the guess on the new pictures is perfect, weight times the error on the old ones must be left.",
                "新しい画像の推定が完璧なら、以前の画像の誤差に weight を掛けたものが残るはずです。",
            ),
        ),
    },
    misconceptions={
        "weight_on_new": Misconception(
            _mistaken(lambda new, old, weight: weight * new + old),
            Text(
                "the weight is on the wrong part: it says how much the old pictures count, not the new ones.",
                "weight を掛けるところが逆です。重みは新しい画像ではなく、以前の画像に掛けます。",
            ),
        ),
        "weight_on_both": Misconception(
            _mistaken(lambda new, old, weight: weight * (new + old)),
            Text(
                "both parts are weighted; then the weight only makes all steps larger or smaller.",
                "両方に weight が掛かっています。これでは、全体の歩幅が変わるだけです。",
            ),
        ),
        "shares": Misconception(
            _mistaken(lambda new, old, weight: (1 - weight) * new + weight * old),
            Text(
                "the parts are mixed by shares that add up to one; the new pictures always count in full.",
                "合計が 1 になる割合で混ぜています。新しい画像は、いつもそのまま数えます。",
            ),
        ),
        "weight_forgotten": Misconception(
            _mistaken(lambda new, old, weight: new + old),
            Text("the weight is not used.", "weight を使っていません。"),
        ),
        "old_forgotten": Misconception(
            _mistaken(lambda new, old, weight: new + 0 * old),
            Text(
                "the old pictures are left out: nothing keeps the model from forgetting.",
                "以前の画像が抜けています。これでは、忘れるのを防ぐものがありません。",
            ),
        ),
        "new_forgotten": Misconception(
            _mistaken(lambda new, old, weight: 0 * new + weight * old),
            Text(
                "the new pictures are left out: nothing new is learnt.",
                "新しい画像が抜けています。新しいことを何も学べません。",
            ),
        ),
        "subtracted": Misconception(
            _mistaken(lambda new, old, weight: new - weight * old),
            Text(
                "the error on the old pictures is taken away, so that training makes it grow.",
                "以前の画像の誤差を引いているので、学習するほどその誤差が大きくなります。",
            ),
        ),
        "halved": Misconception(
            _mistaken(lambda new, old, weight: (new + weight * old) / 2),
            Text("there is a factor of one half too many.", "余分な 1/2 が掛かっています。"),
        ),
        "one_mean": Misconception(
            _one_mean,
            Text(
                "one mean is taken over both together; each part has a mean of its own, however many pictures it has.",
                "両方まとめて 1 つの平均をとっています。画像の数にかかわらず、それぞれ別に平均してください。",
            ),
        ),
        "exchanged": Misconception(
            lambda eps, noise, eps_prior, noise_prior, weight: (
                F.mse_loss(eps, noise_prior) + weight * F.mse_loss(eps_prior, noise)
            ),
            Text(
                "each guess is compared with the noise of the other pictures.",
                "推定とノイズの組み合わせが入れ替わっています。それぞれ自分の画像のノイズと比べてください。",
            ),
        ),
        "no_gradient_of_old": Misconception(
            lambda eps, noise, eps_prior, noise_prior, weight: (
                F.mse_loss(eps, noise) + weight * F.mse_loss(eps_prior.detach(), noise_prior)
            ),
            Text(
                "eps_prior is detached: its error is counted, but no step makes it smaller.",
                "eps_prior が detach されています。誤差は数えられても、小さくする勾配がありません。",
            ),
        ),
        "sum": Misconception(
            _mistaken(_right, _sum),
            Text(
                "you sum where you should average: the loss would grow with the pictures.",
                "平均ではなく合計になっています。これでは、画像が大きいほど損失も大きくなります。",
            ),
        ),
        "sum_over_pixels": Misconception(
            _mistaken(_right, _sum_over_pixels),
            Text(
                "you average over the batch, but sum over the pixels; average over everything.",
                "バッチについては平均ですが、画素については合計になっています。すべての要素で平均してください。",
            ),
        ),
        "absolute": Misconception(
            _mistaken(_right, F.l1_loss),
            Text(
                "these are mean absolute errors; square the differences.", "絶対値の平均です。差を 2 乗してください。"
            ),
        ),
    },
)
