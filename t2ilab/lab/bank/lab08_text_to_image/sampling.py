"""The whole of it: from noise to a picture of the words, by DDIM."""

import torch
import torch.nn.functional as F

from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab.bank.lab08_text_to_image.attention import LAB
from t2ilab.lab.bank.lab08_text_to_image.guiding import guide
from t2ilab.lab.definition import Exercise, Misconception, Property, Tolerance
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

STEPS = 12  # T of the schedule; its betas are large, so that float32 leaves no doubt which level was used


def text_to_image(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    """From noise to pictures of the words: DDIM (Song, Meng & Ermon 2021, eq. 12), then the decoder.

    denoise_cond(x_t, t), denoise_uncond(x_t, t): estimates of x0 with and without the words, t one int;
    decode(x0): pictures (B, 3, H, W) of latents; x: standard normal noise (B, C, h, w);
    schedule: a NoiseSchedule, with its alphas_cumprod (T,); timesteps: int64, descending, one or more;
    the last step leads to x0 itself; guidance_scale: as in guide. Returns what decode gives.
    """
    levels = [*schedule.alphas_cumprod[timesteps], torch.tensor(1.0)]  # at the end no noise
    for i, t in enumerate(timesteps.tolist()):
        ac_t, ac_next = levels[i], levels[i + 1]
        x0_hat = guide(denoise_uncond(x, t), denoise_cond(x, t), guidance_scale)
        eps = (x - ac_t.sqrt() * x0_hat) / (1 - ac_t).sqrt()  # the noise that goes with this guess
        x = ac_next.sqrt() * x0_hat + (1 - ac_next).sqrt() * eps
    return decode(x)


def _inputs(generator):
    grid = torch.randperm(STEPS - 2, generator=generator)[:4].sort(descending=True).values + 1
    return {
        "betas": 0.08 + 0.2 * torch.rand(STEPS, generator=generator),
        "timesteps": grid,
        "x": torch.randn(2, 4, 4, 4, generator=generator),
        "other_x": torch.randn(3, 4, 2, 5, generator=generator),
        "picture": torch.randn(2, 4, 4, 4, generator=generator),
        "cond_gain": 0.5 + torch.rand(STEPS, generator=generator),
        "uncond_gain": 0.5 + torch.rand(STEPS, generator=generator),
        "wish": torch.randn(4, generator=generator),
        "scale": 1.6 + 0.8 * torch.rand((), generator=generator).item(),
    }


@cases
def _probe(text_to_image, inputs):
    schedule = NoiseSchedule(inputs["betas"])
    x, timesteps, scale = inputs["x"], inputs["timesteps"], inputs["scale"]

    def denoiser(gain, wish):
        """An estimate that depends on the time and is not linear in x_t; t may be an int or a tensor."""

        def denoise(x_t, t):
            own = gain[torch.as_tensor(t).reshape(-1)].reshape(-1, 1, 1, 1)
            return torch.tanh(own * x_t) + wish.reshape(1, -1, 1, 1)

        return denoise

    def decode(z):
        return F.interpolate(z[:, :3] - 0.5 * z[:, 3:], scale_factor=2)

    cond = denoiser(inputs["cond_gain"], inputs["wish"])
    uncond = denoiser(inputs["uncond_gain"], 0 * inputs["wish"])

    def knows(x_t, t):
        return inputs["picture"]

    yield "batch", lambda: text_to_image(cond, uncond, decode, x, schedule, timesteps, scale)
    yield "scale_one", lambda: text_to_image(cond, uncond, decode, x, schedule, timesteps, 1.0)
    yield "words_alone", lambda: text_to_image(cond, cond, decode, x, schedule, timesteps, scale)
    yield "knows_picture", lambda: text_to_image(knows, knows, decode, x, schedule, timesteps, scale)
    yield "float64", lambda: text_to_image(cond, uncond, decode, x.double(), schedule, timesteps, scale)
    yield "single", lambda: text_to_image(cond, uncond, decode, x[:1], schedule, timesteps, scale)
    yield "sizes", lambda: text_to_image(cond, uncond, decode, inputs["other_x"], schedule, timesteps, scale)
    yield (
        "every_timestep",
        lambda: text_to_image(cond, uncond, decode, x, schedule, torch.arange(STEPS - 1, -1, -1), scale),
    )
    yield "one_step", lambda: text_to_image(cond, uncond, decode, x, schedule, timesteps[:1], scale)


def _walk(after=None, last=None, guess=None, noise=None, mix=None, order=None, end=None):
    """A wrong walk: what is not given is as it should be.

    after(schedule, timesteps, i): the next level; last: the one behind the last timestep; guess(uncond, cond, scale);
    noise(x, guess, cond, uncond, ac_t, start); mix(guess, eps, ac_next); order(timesteps); end(x, decode).
    """

    def wrong(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
        start, ac = x, schedule.alphas_cumprod
        timesteps = order(timesteps) if order else timesteps
        for i, t in enumerate(timesteps.tolist()):
            ac_t = ac[t]
            behind = torch.tensor(1.0) if last is None else last(ac)
            if after:
                ac_next = after(ac, t)
            else:
                ac_next = ac[timesteps[i + 1]] if i + 1 < len(timesteps) else behind
            cond, uncond = denoise_cond(x, t), denoise_uncond(x, t)
            x0_hat = (guess or guide)(uncond, cond, guidance_scale)
            eps = noise(x, x0_hat, cond, uncond, ac_t, start) if noise else _eps(x, x0_hat, ac_t)
            x = mix(x0_hat, eps, ac_next) if mix else ac_next.sqrt() * x0_hat + (1 - ac_next).sqrt() * eps
        return end(x, decode) if end else decode(x)

    return wrong


def _eps(x, x0_hat, ac_t):
    return (x - ac_t.sqrt() * x0_hat) / (1 - ac_t).sqrt()


def _stops_early(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    for t, t_next in zip(timesteps[:-1].tolist(), timesteps[1:].tolist(), strict=True):
        ac_t, ac_next = schedule.alphas_cumprod[t], schedule.alphas_cumprod[t_next]
        x0_hat = guide(denoise_uncond(x, t), denoise_cond(x, t), guidance_scale)
        x = ac_next.sqrt() * x0_hat + (1 - ac_next).sqrt() * _eps(x, x0_hat, ac_t)
    return decode(x)


TEXT_TO_IMAGE = Exercise(
    name="text_to_image",
    lab=LAB,
    difficulty=3,
    minutes=15,
    points=4,
    make_inputs=_inputs,
    probe=_probe,
    reference=text_to_image,
    tolerance=Tolerance(float32=(1e-3, 1e-4), float64=(1e-5, 1e-5)),
    hints=(
        Text(
            "One loop over the timesteps. In each: both estimates, your guide, and a step to the level of the next "
            "timestep. After the loop: decode.",
            "timesteps についてのループをひとつ書きます。その中で、2 つの推定、自分の guide、"
            "そして次の時刻の段階への 1 歩。ループのあとに decode です。",
        ),
        Text(
            "A step keeps the guess and the noise that goes with it, eps = (x - sqrt(ac_t) x0_hat) / sqrt(1 - ac_t), "
            "and mixes them anew for the next level. Behind the last timestep that level is 1.",
            "1 歩では、推定値と、それに対応するノイズ eps = (x - sqrt(ac_t) x0_hat) / sqrt(1 - ac_t) をそのまま使い、"
            "次の段階の割合で混ぜ直します。最後の時刻の次の段階は 1 です。",
        ),
        Text(
            "x0_hat = guide(denoise_uncond(x, t), denoise_cond(x, t), guidance_scale); "
            "x = sqrt(ac_next) x0_hat + sqrt(1 - ac_next) eps, with ac_next = schedule.alphas_cumprod of the next "
            "timestep, or 1; at the end decode(x).",
            "x0_hat = guide(denoise_uncond(x, t), denoise_cond(x, t), guidance_scale)、"
            "x = sqrt(ac_next) x0_hat + sqrt(1 - ac_next) eps です。ac_next は次の時刻の schedule.alphas_cumprod、"
            "最後だけは 1 です。終わったら decode(x) を返します。",
        ),
    ),
    properties={
        "arrives": Property(
            lambda arrays, inputs: (
                abs(
                    arrays["knows_picture"]
                    - F.interpolate(inputs["picture"][:, :3] - 0.5 * inputs["picture"][:, 3:], scale_factor=2).numpy()
                ).max()
                < 1e-3
                and abs(arrays["batch"] - arrays["knows_picture"]).max() > 1e-2
            ),
            0.25,
            Text(
                "Where both estimates know the picture, that picture must come out, decoded and without noise.",
                "2 つの推定がどちらも正しい画像を知っているなら、それを decode した、ノイズのない画像になるはずです。",
            ),
        ),
        "off": Property(
            lambda arrays, inputs: (
                abs(arrays["scale_one"] - arrays["words_alone"]).max() < 1e-3
                and abs(arrays["scale_one"] - arrays["batch"]).max() > 1e-2
            ),
            0.2,
            Text(
                "At guidance_scale 1 the walk must be that of denoise_cond alone.",
                "guidance_scale が 1 なら、denoise_cond だけで歩くのと同じになるはずです。",
            ),
        ),
    },
    misconceptions={
        "not_decoded": Misconception(
            _walk(end=lambda x, decode: x),
            Text(
                "these are latents; decode makes pictures of them.", "これは潜在変数です。decode で画像にしてください。"
            ),
        ),
        "not_guided": Misconception(
            _walk(guess=lambda uncond, cond, scale: cond),
            Text(
                "only the estimate with words is used: guidance_scale changes nothing.",
                "言葉ありの推定しか使っていません。guidance_scale を変えても、何も変わりません。",
            ),
        ),
        "exchanged": Misconception(
            _walk(guess=lambda uncond, cond, scale: guide(cond, uncond, scale)),
            Text(
                "guide takes the estimate without words first; exchanged, it leads away from them.",
                "guide の 1 つめの引数は、言葉なしの推定です。逆にすると、言葉から遠ざかります。",
            ),
        ),
        "scale_plus_one": Misconception(
            _walk(guess=lambda uncond, cond, scale: guide(uncond, cond, 1 + scale)),
            Text(
                "guidance is one unit too strong: guidance_scale is the paper's 1 + w already.",
                "ガイダンスが 1 だけ強すぎます。guidance_scale は、もう論文の 1 + w になっています。",
            ),
        ),
        "stops_early": Misconception(
            _stops_early,
            Text(
                "the walk ends at the last timestep, where there is still noise; one more step leads to x0 itself.",
                "最後の時刻で終わっているので、まだノイズが残っています。もう 1 歩で x0 そのものに着きます。",
            ),
        ),
        "ends_at_first_level": Misconception(
            _walk(last=lambda ac: ac[0]),
            Text(
                "the last step leads to alphas_cumprod[0], where a little noise is left; here it leads to 1.",
                "最後の 1 歩で alphas_cumprod[0] に進んでいるので、少しノイズが残ります。ここでは 1 まで進みます。",
            ),
        ),
        "next_door": Misconception(
            _walk(after=lambda ac, t: ac[t - 1] if t > 0 else torch.tensor(1.0)),
            Text(
                "each step leads to the level of t - 1; the next of `timesteps` lies many levels below.",
                "どの 1 歩も t - 1 の段階に進んでいます。進む先は `timesteps` の次の時刻で、ずっと先です。",
            ),
        ),
        "uphill": Misconception(
            _walk(order=lambda timesteps: timesteps.flip(0)),
            Text(
                "the timesteps are taken from the wrong end: x starts as pure noise, at the largest of them.",
                "timesteps を逆の端から使っています。x は純粋なノイズなので、いちばん大きい時刻から始めます。",
            ),
        ),
        "keeps_first_noise": Misconception(
            _walk(noise=lambda x, x0_hat, cond, uncond, ac_t, start: start),
            Text(
                "the noise that you started from is mixed in at every step; take the one that this x and this guess "
                "imply.",
                "出発点のノイズを毎回混ぜています。使うのは、今の x と今の推定値から求まるノイズです。",
            ),
        ),
        "noise_of_cond": Misconception(
            _walk(noise=lambda x, x0_hat, cond, uncond, ac_t, start: _eps(x, cond, ac_t)),
            Text(
                "the noise is that of the estimate with words; it must go with the guided one.",
                "ノイズを言葉ありの推定から求めています。ガイダンスをかけた推定値に対応するノイズを使ってください。",
            ),
        ),
        "no_noise": Misconception(
            _walk(mix=lambda x0_hat, eps, ac_next: ac_next.sqrt() * x0_hat),
            Text(
                "the noise is gone after the first step; sqrt(1 - ac_next) of it belongs to the next level.",
                "最初の 1 歩でノイズがなくなっています。次の段階には sqrt(1 - ac_next) 倍のノイズがあります。",
            ),
        ),
        "jumps": Misconception(
            _walk(mix=lambda x0_hat, eps, ac_next: x0_hat),
            Text(
                "each step jumps to the guess; go only as far as the next level.",
                "毎回、推定値へ一気に飛んでいます。次の段階までだけ進んでください。",
            ),
        ),
        "no_roots": Misconception(
            _walk(mix=lambda x0_hat, eps, ac_next: ac_next * x0_hat + (1 - ac_next) * eps),
            Text(
                "the square roots are missing where guess and noise are mixed for the next level.",
                "次の段階のために推定値とノイズを混ぜる式で、平方根が抜けています。",
            ),
        ),
        "clamped": Misconception(
            _walk(guess=lambda uncond, cond, scale: guide(uncond, cond, scale).clamp(-1, 1)),
            Text(
                "the guess is clamped to [-1, 1]; latents have no such range.",
                "推定値を [-1, 1] にクリップ（clamp）しています。潜在変数にそのような範囲はありません。",
            ),
        ),
    },
    off_limits=(
        "t2ilab.diffusion.samplers.sample_ddim",
        "t2ilab.diffusion.samplers.sample_euler",
        "t2ilab.diffusion.guidance.GuidedDenoiser",
        "t2ilab.pipelines.text_to_image.TextToImage.__call__",
        "t2ilab.pipelines.text_to_image.TextToImage.walk",
        "diffusers.schedulers.scheduling_ddim.DDIMScheduler.step",
        "diffusers.schedulers.scheduling_euler_discrete.EulerDiscreteScheduler.step",
        "diffusers.StableDiffusionPipeline",
    ),
)
