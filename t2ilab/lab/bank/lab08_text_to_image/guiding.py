"""Classifier-free guidance: from the guess without words, through the guess with them, and on."""

import torch

from t2ilab.lab.bank.draws import level, pictures
from t2ilab.lab.bank.lab08_text_to_image.attention import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def guide(uncond, cond, guidance_scale):
    """From the guess without words towards the guess with them, and beyond (Ho & Salimans 2022, eq. 6).

    uncond, cond: (B, C, H, W), the two guesses; guidance_scale: a number; 0 gives uncond, 1 gives cond,
    and the paper's w is guidance_scale - 1. Returns the guided guess, like cond.
    """
    return uncond + guidance_scale * (cond - uncond)


def _inputs(generator):
    uncond, cond = pictures(generator, 2, 3, 4, 4), pictures(generator, 2, 3, 4, 4)
    return {
        "uncond": uncond, "cond": cond, "scale": level(generator, 2.5, 4.0).item(),
        "weak": level(generator, 0.2, 0.4).item(),
        "other_uncond": pictures(generator, 3, 4, 2, 5), "other_cond": pictures(generator, 3, 4, 2, 5),
    }  # fmt: skip


@cases
def _probe(guide, inputs):
    uncond, cond, scale = (inputs[name] for name in ("uncond", "cond", "scale"))
    yield "batch", lambda: guide(uncond, cond, scale)
    yield "scale_zero", lambda: guide(uncond, cond, 0.0)
    yield "scale_one", lambda: guide(uncond, cond, 1.0)
    yield "scale_weak", lambda: guide(uncond, cond, inputs["weak"])
    yield "same_guess", lambda: guide(cond, cond, scale)
    yield "single", lambda: guide(uncond[:1], cond[:1], scale)
    yield "sizes", lambda: guide(inputs["other_uncond"], inputs["other_cond"], scale)
    yield "float64", lambda: guide(uncond.double(), cond.double(), scale)
    yield "scale_tensor", lambda: guide(uncond, cond, torch.tensor(scale))


def _is(case, guess):
    """Whether a case is one of the two guesses, where the answer does not say the same at every scale."""
    return lambda arrays, inputs: (
        abs(arrays[case] - inputs[guess].numpy()).max() < 1e-5
        and abs(arrays["batch"] - inputs[guess].numpy()).max() > 1e-2
    )


GUIDE = Exercise(
    name="guide",
    lab=LAB,
    difficulty=1,
    minutes=6,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=guide,
    hints=(
        Text(
            "What must come out at 0, and what at 1? Think of a straight line through both guesses.",
            "0 のとき、そして 1 のとき、何になるべきでしょうか。2 つの推定を通る直線を考えてください。",
        ),
        Text(
            "`cond - uncond` is what the words change. Go that way from `uncond`, guidance_scale times as far.",
            "`cond - uncond` は、言葉があることで変わる分です。"
            "`uncond` からその方向に、guidance_scale 倍だけ進みます。",
        ),
        Text("uncond + guidance_scale * (cond - uncond).", "uncond + guidance_scale * (cond - uncond) です。"),
    ),
    properties={
        "zero": Property(
            _is("scale_zero", "uncond"),
            0.2,
            Text(
                "At 0 the words must not count: the guess without them comes out.",
                "0 のとき、言葉は数に入りません。言葉なしの推定になるはずです。",
            ),
        ),
        "one": Property(
            _is("scale_one", "cond"),
            0.2,
            Text("At 1 the guess with the words must come out.", "1 のとき、言葉ありの推定になるはずです。"),
        ),
        "same": Property(
            lambda arrays, inputs: (
                abs(arrays["same_guess"] - inputs["cond"].numpy()).max() < 1e-5
                and abs(arrays["batch"] - inputs["cond"].numpy()).max() > 1e-2
            ),
            0.2,
            Text(
                "Where the words change nothing, guidance must change nothing.",
                "言葉があってもなくても推定が同じなら、ガイダンスをかけても変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "scale_plus_one": Misconception(
            lambda uncond, cond, scale: cond + scale * (cond - uncond),
            Text(
                "this is the paper's w, which counts from the guess with words; our guidance_scale is 1 + w.",
                "これは論文の w で、言葉ありの推定から数えています。ここでの guidance_scale は 1 + w です。",
            ),
        ),
        "exchanged": Misconception(
            lambda uncond, cond, scale: cond + scale * (uncond - cond),
            Text(
                "the two guesses are exchanged: it goes away from the words.",
                "2 つの推定が逆です。言葉から遠ざかっています。",
            ),
        ),
        "backwards": Misconception(
            lambda uncond, cond, scale: uncond - scale * (cond - uncond),
            Text(
                "the sign is wrong: the step leads away from what the words ask.",
                "符号が逆です。言葉の求めるほうから離れていきます。",
            ),
        ),
        "no_start": Misconception(
            lambda uncond, cond, scale: scale * (cond - uncond),
            Text(
                "this is only the way; it starts at `uncond`, which is missing.",
                "これは進む分だけです。出発点の `uncond` が抜けています。",
            ),
        ),
        "louder": Misconception(
            lambda uncond, cond, scale: scale * cond,
            Text(
                "you multiply the guess with words; it is the difference between both guesses that is multiplied.",
                "言葉ありの推定を大きくしています。大きくするのは、2 つの推定の差です。",
            ),
        ),
        "uncond_once": Misconception(
            lambda uncond, cond, scale: scale * cond - uncond,
            Text(
                "uncond is taken away once, whatever the scale; its share is 1 - guidance_scale.",
                "uncond を、強さに関係なく 1 回だけ引いています。uncond の割合は 1 - guidance_scale です。",
            ),
        ),
        "added": Misconception(
            lambda uncond, cond, scale: uncond + scale * cond,
            Text(
                "the guess with words is added whole; add what it has and `uncond` has not.",
                "言葉ありの推定を丸ごと足しています。足すのは、`uncond` にない分だけです。",
            ),
        ),
        "weighted_mean": Misconception(
            lambda uncond, cond, scale: (uncond + scale * cond) / (1 + scale),
            Text(
                "this is a mean of both, which never leaves the stretch between them; guidance goes beyond.",
                "これは 2 つの平均なので、その間から出ません。ガイダンスは、さらに先へ進みます。",
            ),
        ),
        "scale_less_one": Misconception(
            lambda uncond, cond, scale: uncond + (scale - 1) * (cond - uncond),
            Text(
                "it starts at uncond but goes one unit too short: at 1 it must arrive at cond.",
                "uncond から始めているのに、1 だけ足りません。1 のとき cond に着くはずです。",
            ),
        ),
        "clamped": Misconception(
            lambda uncond, cond, scale: (uncond + scale * (cond - uncond)).clamp(-1, 1),
            Text(
                "the result is clamped to [-1, 1]; latents have no such range, leave it as it is.",
                "結果を [-1, 1] にクリップ（clamp）しています。潜在変数にそのような範囲はありません。"
                "そのまま返してください。",
            ),
        ),
        "never_less": Misconception(
            lambda uncond, cond, scale: uncond + max(float(scale), 1.0) * (cond - uncond),
            Text(
                "scales below 1 are taken for 1; between 0 and 1 the words count less.",
                "1 より小さい強さを 1 とみなしています。0 と 1 の間では、言葉の効き目が弱くなります。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.guidance.GuidedDenoiser",
        "t2ilab.pipelines.text_to_image.TextToImage._guided",
    ),
)
