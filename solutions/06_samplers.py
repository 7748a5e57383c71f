# %% [markdown]
# # Lab 06: The same road in ten steps
#
# <!-- badges -->
#
# **You will build** the samplers that people use: DDIM, Euler, Heun and DPM-Solver++. One trained model, nothing learnt
# anew, and a picture after ten steps in place of a thousand. You will measure what "of second order" means, find a fault
# that no picture shows, and train a model on straight roads.
#
# | | |
# |---|---|
# | Time | about 120 minutes, three of which your machine computes alone |
# | You need | Python and PyTorch; Lab 05, or what $x_t$, $\hat x_0$ and $\bar\alpha_t$ stand for; what a derivative is |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 06：同じ道を 10 歩で
#
# <!-- badges -->
#
# **このラボで作るもの**：実際に使われているサンプラー（sampler）、DDIM、オイラー法、ホイン法、DPM-Solver++ を自分で書きます。学習済みのモデルをひとつ使い、何も学習し直さずに、1000 歩のかわりに 10 歩で画像を描きます。「2 次」とはどういうことかを測り、どの画像を見てもわからない誤りを見つけ、最後に、まっすぐな道でモデルを学習させます。
#
# | | |
# |---|---|
# | 時間 | 約 120 分（そのうち、コンピュータの計算を待つのは 3 分） |
# | 必要なもの | Python と PyTorch。Lab 05、または $x_t$、$\hat x_0$、$\bar\alpha_t$ の意味。微分の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import math
import time
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.data.captions import describe
from t2ilab.data.scenes import Scene
from t2ilab.data.words import DRAWN
from t2ilab.device import DeviceManager
from t2ilab.diffusion.samplers import sample_ddpm, sample_euler_ancestral
from t2ilab.lab import budget, check, exercise, hint, plots, say
from t2ilab.metrics import faithfulness
from t2ilab.pipelines.text_to_image import TextToImage

machine = DeviceManager()
device = machine.device
pipe = TextToImage.from_pretrained("storybook-pixel")
scenes = [Scene(thing=thing, size="big") for thing in DRAWN] * 2
scenes = scenes[: budget(lesson=len(scenes), ci=6)]
prompts = [describe(scene) for scene in scenes]

# %% [markdown]
# # 1. Must it be a thousand steps?
#
# DDPM walks from noise to picture in a thousand small steps, and adds fresh noise in every one. **What happens if it takes
# ten?** The zoo's model of the storybook draws for us today. Its prompts name a thing and little else, `"a big cat"`, so that much
# is left for it to decide. Here are the same noise at the start, and fewer and fewer steps:

# %% [markdown] tags=["ja"]
# # 1. 1000 歩も必要だろうか
#
# DDPM は、ノイズから画像まで、小さな 1000 歩で進みます。しかも 1 歩ごとに新しいノイズを加えます。**10 歩で歩かせたらどうなるでしょうか。** 今日は、絵本の世界（storybook）を描く、学習済みモデル集（zoo）のモデルを使います。プロンプトは `"a big cat"` のように、ほとんど名前だけです。ですから、モデルが自分で決めることがたくさんあります。同じノイズから始めて、歩数を減らしていきます。

# %% tags=["nbval-ignore-output"]
few = [budget(lesson=n, ci=m) for n, m in ((50, 6), (10, 5), (5, 4), (3, 3))]
rows = [
    pipe(prompts[:6], sampler="ddpm", num_inference_steps=n, seed=0, output_type="pt") * 2 - 1
    for n in few
]
plots.images(
    torch.cat(rows),
    "Six prompts by DDPM's sampler in {steps} steps, from top to bottom: "
    "the upper rows are about equally clear, and further down things fall apart.",
    columns=6,
    steps=", ".join(map(str, few)),
)

# %% [markdown]
# With three steps there are stains. DDPM draws each step from a Gaussian around the mean of all that is possible, and the way back is a Gaussian only
# if the step is small: after a long one *many* pictures are possible, and what lies around their mean is none of them.
# So leave the drawing out, and with it the fresh noise; but then $x_t$ must get
# its noise from somewhere, or it would hold less than its $t$ says (Lab 05's "Break it" shows what becomes of that).
# Song, Meng & Ermon's answer ([2021](https://arxiv.org/abs/2010.02502)): **keep the noise that is there.** If the guess $\hat x_0$ were the picture, then $x_t$
# would hold this noise,
#
# $$ \hat\epsilon = \frac{x_t - \sqrt{\bar\alpha_t}\,\hat x_0}{\sqrt{1 - \bar\alpha_t}} $$
#
# and at any lower noise level, near or far, the same picture with the same noise would look like this:
#
# $$ x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\,\hat\epsilon \qquad \text{(DDIM, eq. 12 with } \sigma = 0) $$
#
# ### Exercise 1: <!-- exercise ddim_step -->
#
# Both formulas. `ac_prev` is $\bar\alpha_{t'}$, at the next level of the road (DDPM's "previous" timestep, as time runs
# backwards).

# %% [markdown] tags=["ja"]
# 3 歩では、しみのようなものしか見えません。DDPM は、1 歩ごとに、可能なものすべての平均のまわりのガウス分布からサンプリングします。けれども、帰り道がガウス分布になるのは、歩幅が小さいときだけです。大きな 1 歩では*多くの*画像がありうるのに、その平均のまわりには、そのどれもありません。そこで、サンプリングをやめ、新しいノイズを加えるのもやめてみます。けれども、$x_t$ のノイズがどこからも来なければ、$t$ の示す量より少なくなってしまいます（そうなるとどうなるかは、Lab 05 の「壊してみる」で見ました）。Song、Meng、Ermon の答え（[2021](https://arxiv.org/abs/2010.02502)）は、**今あるノイズを使い続ける**ことでした。推定値 $\hat x_0$ が本当の画像だとすると、$x_t$ に入っているノイズは次のとおりです。
#
# $$ \hat\epsilon = \frac{x_t - \sqrt{\bar\alpha_t}\,\hat x_0}{\sqrt{1 - \bar\alpha_t}} $$
#
# 同じ画像に同じノイズが入っているとすると、もっとノイズの少ない段階では、近くでも遠くでも、次のようになるはずです。
#
# $$ x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\,\hat\epsilon \qquad \text{(DDIM, eq. 12 with } \sigma = 0) $$
#
# ### 演習 1：<!-- exercise ddim_step -->
#
# この 2 つの式です。`ac_prev` は、道の次の段階での $\bar\alpha_{t'}$ です（時刻は逆向きに進むので、DDPM では「前の」時刻と呼びます）。


# %%
@exercise("ddim_step")
def ddim_step(x0_hat, x_t, ac_t, ac_prev):
    """From noise level ac_t down to ac_prev, without fresh noise.

    Song, Meng & Ermon 2021, equation 12, sigma = 0. x0_hat, x_t: (B, 3, H, W); ac_t < ac_prev: 0-d
    tensors in (0, 1], alphas_cumprod here and at the next level. Returns the picture at the next level,
    like x_t.
    """
    raise NotImplementedError


# %%
check(ddim_step)

# %% [markdown]
# # 2. A road is a differential equation
#
# **What does DDIM do when its steps become very short?** Divide the picture's fading out: $x = x_t / \sqrt{\bar\alpha_t}$ is
# the picture at full size plus noise of the deviation $\sigma = \sqrt{(1 - \bar\alpha_t) / \bar\alpha_t}$. Divide DDIM's step likewise:
#
# $$ x' = \hat x_0 + \sigma'\,\hat\epsilon = x + (\sigma' - \sigma)\,\hat\epsilon, \qquad \hat\epsilon = \frac{x - \hat x_0}{\sigma} $$
#
# That is the step that Euler took in 1768 for the differential equation
#
# $$ \frac{\mathrm d x}{\mathrm d \sigma} = \frac{x - \hat x_0(x, \sigma)}{\sigma} \qquad \text{(Karras et al. 2022, eqs. 1 and 3)} $$
#
# with $\sigma$ in the place of time: stand somewhere, look at the slope, go straight on for a while. (If you know
# Lab 04: by Tweedie's line this slope is $-\sigma$ times the score. If not, nothing here needs it.) So a sampler *is* a solver of differential equations, and two hundred years of numerical mathematics apply.
#
# ### Exercise 2: <!-- exercise euler_step -->
#
# Euler's step, down from `sigma` to `sigma_next`.

# %% [markdown] tags=["ja"]
# # 2. 道とは微分方程式である
#
# **DDIM の歩幅をとても小さくすると、どうなるでしょうか。** まず、画像の薄まりを割り戻します。$x = x_t / \sqrt{\bar\alpha_t}$ は、元の濃さの画像に、標準偏差 $\sigma = \sqrt{(1 - \bar\alpha_t) / \bar\alpha_t}$ のノイズを加えたものです。DDIM の 1 歩も、同じように書き直します。
#
# $$ x' = \hat x_0 + \sigma'\,\hat\epsilon = x + (\sigma' - \sigma)\,\hat\epsilon, \qquad \hat\epsilon = \frac{x - \hat x_0}{\sigma} $$
#
# これは、オイラー（Euler）が 1768 年に、次の形の微分方程式に使った 1 歩です。
#
# $$ \frac{\mathrm d x}{\mathrm d \sigma} = \frac{x - \hat x_0(x, \sigma)}{\sigma} \qquad \text{(Karras et al. 2022, eqs. 1 and 3)} $$
#
# 時間の役をするのは $\sigma$ です。今いる場所で傾きを見て、しばらくまっすぐ進みます。（Lab 04 を終えた人へ：Tweedie の式によれば、この傾きはスコア（score）の $-\sigma$ 倍です。ここから先では使わないので、知らなくてもかまいません。）つまり、サンプラー*とは*微分方程式を解くものなのです。200 年にわたる数値計算の知恵が、ここで使えます。
#
# ### 演習 2：<!-- exercise euler_step -->
#
# `sigma` から `sigma_next` まで下りる、オイラー法の 1 歩です。


# %%
@exercise("euler_step")
def euler_step(x0_hat, x, sigma, sigma_next):
    """A straight step down the flow dx / dsigma = (x - x0_hat) / sigma.

    Karras et al. 2022, equations 1 and 3. x0_hat, x: (B, 3, H, W), with x = x0 + sigma noise;
    sigma > sigma_next >= 0: 0-d tensors. Returns x at sigma_next.
    """
    raise NotImplementedError


# %%
check(euler_step)

# %% [markdown]
# Now two walks. Both take `denoise(x, sigma)`, a start, and a falling list of sigmas; DDIM's goes over to $x_t$ and back
# for each step. The last function lets the course's pipeline walk with them, words, guidance and all: it translates sigmas into
# the timesteps that the network was trained with. (Guidance follows the words more closely than the network would on its own; Lab 05 used it, too.)

# %% [markdown] tags=["ja"]
# 2 つの歩き方を書いておきます。どちらも `denoise(x, sigma)`、出発点、減っていく sigma の列を受け取ります。DDIM では、1 歩ごとに $x_t$ に直し、また戻します。次の関数を使うと、言葉やガイダンス（guidance）も含めて、このコースのパイプライン（pipeline）がこの歩き方で進みます。sigma を、ネットワークが学習した時刻に言い換えるのです。（ガイダンスは、ネットワークだけのときよりも忠実に言葉に従わせる仕組みで、Lab 05 でも使いました。）


# %%
def level(sigma):
    """alphas_cumprod where the noise has this deviation."""
    return 1 / (1 + sigma**2)


def by_ddim(denoise, x, sigmas):
    for sigma, sigma_next in pairwise(sigmas):
        ac_t, ac_next = level(sigma), level(sigma_next)
        x = ddim_step(denoise(x, sigma), x * ac_t.sqrt(), ac_t, ac_next) / ac_next.sqrt()
    return x


def by_euler(denoise, x, sigmas):
    for sigma, sigma_next in pairwise(sigmas):
        x = euler_step(denoise(x, sigma), x, sigma, sigma_next)
    return x


def for_pipeline(by):
    """A walk in sigmas as the pipeline's `sampler`, which is given x_t and whole timesteps."""

    def sampler(denoise, x, schedule, timesteps, **_):
        sigmas = torch.cat([schedule.sigmas[timesteps].double(), torch.zeros(1, dtype=torch.float64)])
        time_of = dict(zip(sigmas.tolist(), timesteps.tolist(), strict=False))

        def denoise_at(x, sigma):
            return denoise((x * level(sigma).sqrt()).float(), time_of[sigma.item()]).double()

        return by(denoise_at, x.double() / level(sigmas[0]).sqrt(), sigmas).float()

    return sampler


def draw(prompts, sampler, steps, spacing="trailing"):
    """Pictures of the prompts, (B, 3, H, W) in [-1, 1], always from the same noise."""
    pictures = pipe(
        prompts,
        sampler=sampler,
        num_inference_steps=steps,
        spacing=spacing,
        seed=0,
        output_type="pt",
    )
    return pictures * 2 - 1


# %% tags=["nbval-ignore-output"]
ten = budget(lesson=10, ci=5)
drawn = {by: draw(prompts[:6], for_pipeline(by), ten) for by in (by_ddim, by_euler)}
plots.images(drawn[by_ddim], "The same six prompts in {steps} steps of DDIM.", columns=6, steps=ten)
say("DDIM and Euler differ by at most {d:.4f}.", d=(drawn[by_ddim] - drawn[by_euler]).abs().max().item())

# %% [markdown]
# Compare these ten steps with the ten of DDPM in section 1. Are they better? Section 5 counts. And the two walks are one, found twice: by Song, Meng & Ermon in 2020 (who say so
# themselves, eqs. 13 and 14), and by Euler in 1768.
#
# # 3. Cutting corners less
#
# **How wrong is a walk of ten steps?** With a trained network only a very long walk can tell. So take a world whose road is
# known. If $x_0$ is normal around 0 with the deviation $s$, then the best guess is $\hat x_0 = x\, s^2 / (s^2 + \sigma^2)$, and the
# solution of the differential equation is $x(\sigma) \propto \sqrt{s^2 + \sigma^2}$ (put it in and see).
#
# A method is **of order $p$** if half the step makes the error $2^p$ times smaller. Euler goes straight on where the road
# bends; twice the steps, half the error. The cure is to look twice. Go Euler's step tentatively; look at
# the slope *there*; then, from the start again, go along the mean of both slopes. Heun published it in 1900, and Karras et al.
# made it popular for diffusion ([2022](https://arxiv.org/abs/2206.00364), algorithm 1).
#
# ### Exercise 3: <!-- exercise heun_step -->
#
# Mind the last step: at `sigma_next = 0` there is no second slope.

# %% [markdown] tags=["ja"]
# この 10 歩を、1 節の DDPM の 10 歩と比べてください。よくなっているでしょうか。5 節で数えます。なお、2 つの歩き方は同じものでした。2020 年に Song、Meng、Ermon によって（論文の式 13 と 14 で自ら指摘しています）、1768 年にオイラーによって、二度見つかったのです。
#
# # 3. 近道をしすぎない
#
# **10 歩で歩くと、どれくらい間違うのでしょうか。** 学習したネットワークでは、とても多い歩数で歩いてみるしかありません。そこで、道がわかっている世界を使います。$x_0$ が平均 0、標準偏差 $s$ の正規分布に従うなら、最良の推定は $\hat x_0 = x\, s^2 / (s^2 + \sigma^2)$ で、微分方程式の解は $x(\sigma) \propto \sqrt{s^2 + \sigma^2}$ です（代入して確かめてください）。
#
# 歩幅を半分にすると誤差が $2^p$ 分の 1 になる方法を、**$p$ 次**の方法といいます。オイラー法は、道が曲がっていてもまっすぐ進みます。歩数を 2 倍にして、やっと誤差が半分になります。よくするには、二度見ることです。ためしにオイラー法で 1 歩進み、*その場所で*傾きを見ます。それから、もう一度出発点に戻って、2 つの傾きの平均で進みます。ホイン（Heun）が 1900 年に発表し、Karras らが拡散モデルで広めました（[2022](https://arxiv.org/abs/2206.00364)、アルゴリズム 1）。
#
# ### 演習 3：<!-- exercise heun_step -->
#
# 最後の 1 歩に気をつけてください。`sigma_next = 0` では、2 つ目の傾きがありません。


# %%
@exercise("heun_step")
def heun_step(denoise, x, sigma, sigma_next):
    """A step with the mean of the slopes at both its ends; to sigma_next = 0 it is Euler's.

    Karras et al. 2022, algorithm 1. denoise(x, sigma) -> x0_hat; x: (B, 3, H, W), x0 + sigma noise;
    sigma > sigma_next >= 0: 0-d tensors. Returns x at sigma_next.
    """
    raise NotImplementedError


# %%
check(heun_step)


# %%
def by_heun(denoise, x, sigmas):
    for sigma, sigma_next in pairwise(sigmas):
        x = heun_step(denoise, x, sigma, sigma_next)
    return x


# %% [markdown]
# # 4. Second order for one look
#
# Heun looks twice in each step, so ten of its steps cost as much as twenty of Euler's. **Is there anything that one already knows and
# could use instead?** The guess of the step before. DPM-Solver++ ([Lu et al. 2022](https://arxiv.org/abs/2211.01095)) has
# two ideas. First: while the guess stands still, the equation can be solved exactly. Measure the noise by
# $\lambda = \tfrac12 \log\big(\bar\alpha / (1 - \bar\alpha)\big)$, which rises as the noise falls; then $\sigma = e^{-\lambda}$. Divide section 2's $x$
# by it: $y = x / \sigma = x_t / \sqrt{1 - \bar\alpha_t}$. For $y$ the equation of section 2 is (put it in and see)
#
# $$ \frac{\mathrm d y}{\mathrm d \lambda} = e^{\lambda}\,\hat x_0 $$
#
# If the guess stands still, $y' = y + (e^{\lambda'} - e^{\lambda})\,\hat x_0$, for a step of any length. Times $\sqrt{1 - \bar\alpha_{t'}}$, and with
# $h = \lambda' - \lambda$, this is
#
# $$ x_{t'} = \sqrt{\frac{1 - \bar\alpha_{t'}}{1 - \bar\alpha_t}}\; x_t + \sqrt{\bar\alpha_{t'}}\,\big(1 - e^{-h}\big)\, D $$
#
# where $D$ stands for the guess along the step. With $D = \hat x_0$ this is DDIM once more. Second: the guess changes along the
# way, so put a line through the last two guesses, over $\lambda$, and take its value in the middle of the step:
#
# $$ D = \hat x_0 + \frac{h}{2\,h_\text{before}}\,\big(\hat x_0 - \hat x_0^\text{before}\big), \qquad h_\text{before} = \lambda_t - \lambda_\text{before} $$
#
# ### Exercise 4: <!-- exercise dpmpp_2m_step -->
#
# Both together. (Its first step has nothing before it, and its last one goes to $\lambda = \infty$; there `by_dpmpp` below takes DDIM's.)

# %% [markdown] tags=["ja"]
# # 4. 一度見るだけで 2 次
#
# ホイン法は 1 歩ごとに二度見るので、10 歩でもオイラー法の 20 歩分の手間がかかります。**もう知っているもので、かわりに使えるものはないでしょうか。** 前の 1 歩での推定値があります。DPM-Solver++（[Lu et al. 2022](https://arxiv.org/abs/2211.01095)）には、2 つの考えがあります。ひとつめ。推定値が動かないあいだは、方程式を正確に解けます。ノイズの量を $\lambda = \tfrac12 \log\big(\bar\alpha / (1 - \bar\alpha)\big)$ で測りましょう。ノイズが減ると増える値で、$\sigma = e^{-\lambda}$ です。これで 2 節の $x$ を割り、$y = x / \sigma = x_t / \sqrt{1 - \bar\alpha_t}$ とします。2 節の方程式は、$y$ については次のようになります（代入して確かめてください）。
#
# $$ \frac{\mathrm d y}{\mathrm d \lambda} = e^{\lambda}\,\hat x_0 $$
#
# 推定値が動かなければ、歩幅がどれだけ大きくても $y' = y + (e^{\lambda'} - e^{\lambda})\,\hat x_0$ です。$\sqrt{1 - \bar\alpha_{t'}}$ を掛け、$h = \lambda' - \lambda$ と書くと、次の式になります。
#
# $$ x_{t'} = \sqrt{\frac{1 - \bar\alpha_{t'}}{1 - \bar\alpha_t}}\; x_t + \sqrt{\bar\alpha_{t'}}\,\big(1 - e^{-h}\big)\, D $$
#
# $D$ は、その 1 歩の間の推定値を表します。$D = \hat x_0$ とすれば、またしても DDIM です。ふたつめ。推定値は途中で変わっていきます。そこで、$\lambda$ を横軸にとり、最近の 2 つの推定値を通る直線を引いて、1 歩の真ん中での値を使います。
#
# $$ D = \hat x_0 + \frac{h}{2\,h_\text{before}}\,\big(\hat x_0 - \hat x_0^\text{before}\big), \qquad h_\text{before} = \lambda_t - \lambda_\text{before} $$
#
# ### 演習 4：<!-- exercise dpmpp_2m_step -->
#
# 2 つを合わせたものです。（最初の 1 歩には前がなく、最後の 1 歩は $\lambda = \infty$ へ進みます。下の `by_dpmpp` では、そこだけ DDIM で進みます。）


# %%
@exercise("dpmpp_2m_step")
def dpmpp_2m_step(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before):
    """From ac_t to ac_next < 1 at second order, by the guess of the step before.

    Lu et al. 2022, algorithm 2. x0_hat, x0_hat_before, x_t: (B, 3, H, W), the guess here, the guess at
    ac_before, and the picture here; ac_before < ac_t < ac_next < 1: 0-d tensors, alphas_cumprod.
    Returns the picture at ac_next, like x_t.
    """
    raise NotImplementedError


# %%
check(dpmpp_2m_step)


# %%
def by_dpmpp(denoise, x, sigmas):
    before = ac_before = None
    for sigma, sigma_next in pairwise(sigmas):
        ac_t, ac_next = level(sigma), level(sigma_next)
        x0_hat, x_t = denoise(x, sigma), x * ac_t.sqrt()
        if before is None or sigma_next == 0:
            x_t = ddim_step(x0_hat, x_t, ac_t, ac_next)
        else:
            x_t = dpmpp_2m_step(x0_hat, before, x_t, ac_t, ac_next, ac_before)
        x, before, ac_before = x_t / ac_next.sqrt(), x0_hat, ac_t
    return x


# %% [markdown]
# Now measure. In the world whose road is known, four walks from $\sigma = <!-- number far -->$ to $\sigma = <!-- number near -->$, with more and more steps.
# (Not onto the clean picture: the last jump would be of first order for all.)

# %% [markdown] tags=["ja"]
# では、測ってみましょう。道がわかっている世界で、$\sigma = <!-- number far -->$ から $\sigma = <!-- number near -->$ まで、4 つの方法で、歩数を増やしながら歩きます。（ノイズのない画像までは行きません。最後の 1 歩は、どの方法でも 1 次になってしまうからです。）

# %% numbers={"spread": [0.3, 0.25, 0.4, 0.5], "far": [20, 15, 25, 30], "near": [0.1, 0.08, 0.09, 0.12]}
SPREAD = 0.3  # the deviation s of the known world


def known(x, sigma):
    """The best guess in the known world."""
    return x * SPREAD**2 / (SPREAD**2 + sigma**2)


def error_of(by, steps):
    """How far a walk of so many steps ends from where the road leads."""
    sigmas = torch.linspace(20 ** (1 / 3), 0.1 ** (1 / 3), steps + 1, dtype=torch.float64) ** 3
    x = torch.linspace(-30, 30, 7, dtype=torch.float64).reshape(7, 1, 1, 1)
    road = x * ((SPREAD**2 + sigmas[-1] ** 2) / (SPREAD**2 + sigmas[0] ** 2)).sqrt()
    return (by(known, x, sigmas) - road).abs().max().item()


counts = [25, 50, 100, 200, 400, 800]
errors = {by: [error_of(by, steps) for steps in counts] for by in (by_ddim, by_euler, by_heun, by_dpmpp)}
plots.lines(
    {
        "DDIM": (counts, errors[by_ddim]),
        "Euler": (counts, errors[by_euler]),
        "Heun": (counts, errors[by_heun]),
        "DPM++ 2M": (counts, errors[by_dpmpp]),
    },
    "The error of four walks in a world whose road is known, against the number of steps, "
    "both axes logarithmic. DDIM and Euler lie on each other; Heun and DPM++ 2M fall twice as steeply.",
    xlabel="steps",
    ylabel="error",
    log="xy",
    markers=True,
)


def order(values):
    """The power of the number of steps with which the error falls, from the last doubling."""
    return math.log2(values[-2] / values[-1])


say(
    "Orders measured. DDIM: {a:.2f}, Euler: {b:.2f}, Heun: {c:.2f}, DPM++ 2M: {d:.2f}.",
    a=order(errors[by_ddim]),
    b=order(errors[by_euler]),
    c=order(errors[by_heun]),
    d=order(errors[by_dpmpp]),
)

# %% [markdown]
# **Change one thing:** measure over calls of the denoiser in place of steps (Heun needs two for each). Which of the two
# methods of second order is ahead now, and by how much?
#
# # 5. One model, six samplers, two roads
#
# **Does it matter for pictures?** Two of the six you can strike off at once: as Euler is DDIM, so *Euler ancestral*, which many
# programs offer, is DDPM in sigmas. Four are left. The next question is **which noise levels to visit**: timesteps at equal distances
# (`"trailing"`), or those that Karras et al. recommend (eq. 5, `"karras"`), close to one another where there is little noise.
#
# There are two judges. The reader, the course's network that names what it sees, says whether the thing that was asked for is there. And as the road from
# a given noise has one end, there is a distance to it: to the pictures that DPM++ draws with very many steps. (A walk with
# fresh noise goes somewhere else, so for DDPM the distance says nothing.) The budget is about 5, 10, 20 and 40 calls of the network.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：横軸を、歩数のかわりに、デノイザー（denoiser）を呼び出した回数にしてください（ホイン法は 1 歩に 2 回です）。2 つの 2 次の方法では、どちらがどれくらい優れていますか。
#
# # 5. ひとつのモデル、6 つのサンプラー、2 つの道
#
# **画像にとって、その違いは重要でしょうか。** 6 つのうち 2 つは、すぐに外せます。オイラー法が DDIM だったように、多くのソフトにある *Euler ancestral* は、DDPM を sigma で書いたものだからです。残りは 4 つです。次の問題は、**どのノイズの段階を通るか**です。時刻を等間隔にする（`"trailing"`）か、Karras らが勧める列（式 5、`"karras"`）にするか。後者は、ノイズの少ないところほど間隔が細かくなります。
#
# 審判は 2 人います。ひとりは読み取り器（reader）です。見えるものの名前を答えるこのコースのネットワークで、注文したものが描かれているかどうかを判定します。もうひとりは距離です。決まったノイズから出る道の終わりはひとつしかないので、そこまでの距離、つまり DPM++ がとても多い歩数で描いた画像との差を測れます。（新しいノイズを加える歩き方は別の場所に着くので、DDPM の距離に意味はありません。）ネットワークを呼び出せる回数は、およそ 5、10、20、40 回です。

# %% tags=["nbval-ignore-output"]
twins = [draw(prompts[:6], sampler, ten, "karras") for sampler in (sample_ddpm, sample_euler_ancestral)]
say("DDPM and Euler ancestral differ by at most {d:.3f}.", d=(twins[0] - twins[1]).abs().max().item())

# %% tags=["nbval-ignore-output"]
samplers = {
    "DDPM": sample_ddpm,
    "DDIM": for_pipeline(by_ddim),
    "Heun": for_pipeline(by_heun),
    "DPM++ 2M": for_pipeline(by_dpmpp),
}
calls = [budget(lesson=n, ci=m) for n, m in ((5, 3), (10, 4), (20, 5), (40, 6))]
end = draw(prompts, samplers["DPM++ 2M"], budget(lesson=100, ci=8), "karras")  # of the road
rows = [(name, spacing) for spacing in ("trailing", "karras") for name in samplers]
right, seconds, distance = {}, {}, {}
for name, spacing in tqdm(rows):
    for n in calls:
        steps = (n + 1) // 2 if name == "Heun" else n  # Heun looks twice
        began = time.perf_counter()
        pictures = draw(prompts, samplers[name], steps, spacing)
        seconds[name, spacing, n] = time.perf_counter() - began
        distance[name, spacing, n] = (pictures - end).square().mean().sqrt().item()
        right[name, spacing, n] = faithfulness(pictures, scenes).all

# %% tags=["nbval-ignore-output"]
plots.heatmap(
    torch.tensor([[right[*row, n] for n in calls] for row in rows]),
    "Share of {count} pictures in which the reader finds what was asked for, "
    "for four samplers on two roads (rows) and numbers of network calls (columns).",
    rows=[f"{name}, {spacing}" for name, spacing in rows],
    columns=[str(n) for n in calls],
    xlabel="calls of the network",
    count=len(prompts),
)
plots.lines(
    {
        name: (calls, [distance[name, "karras", n] for n in calls])
        for name in ("DDIM", "Heun", "DPM++ 2M")
    },
    "How far three walks over Karras's noise levels end from the end of the road, against the calls "
    "of the network, both axes logarithmic. With few calls DPM++ is nearest and Heun far off; "
    "then Heun approaches fastest.",
    xlabel="calls of the network",
    ylabel="distance from the end of the road",
    log="xy",
    markers=True,
)
say("For each number of calls of the network: right, time, distance from the end of the road.")
print(" " * 19, *(f"{n:^19}" for n in calls))
for name, spacing in rows:
    figures = []
    for n in calls:
        cell = name, spacing, n
        far = "-" if name == "DDPM" else f"{distance[cell]:.2f}"  # fresh noise leads elsewhere
        figures.append(f"{right[cell]:5.0%} {seconds[cell]:5.1f} s {far:>5}")
    print(f"{name:9} {spacing:9}", *figures)

# %% [markdown]
# Read it all together. (With 56 pictures a share is uncertain by about 13 points; all
# rows had the same prompts and began in the same noise, so their differences are surer than the shares.)
#
# - More calls hardly help. On equal distances DDIM and DPM++ are judged at forty about as at ten: what they gain is less than chance allows. (The road's own
#   end is judged no better: DPM++ over Karras's levels is nearly there at forty.) DDPM, which adds fresh noise, is often ahead of them with the same model.
#   A walk without noise keeps every error of its early guesses; fresh noise covers some of them, and the network decides again (Karras et al. 2022, section 4).
#   So fewer steps are not the reason to leave the noise out here. That the road has one end, and can be measured, is.
# - **With few calls the noise levels matter.** At 5 calls DDPM, DDIM and DPM++ do better on equal distances than on Karras's levels. Look at the
#   levels: `pipe.schedule.sigmas[pipe.schedule.timesteps(5, "karras")]`. Of Karras's five, three lie above $\sigma = 5$, where hardly anything can be seen yet,
#   and one at 0.006, where all has been decided. That leaves one for the range in which this picture is decided; equal distances (`"trailing"`) spend four of
#   five there. Karras et al. chose their levels for other models and for more steps. With many calls they lead nearest to the end of the road.
# - By distance, on Karras's levels, order shows: Heun and DPM++ go on approaching where the reader has long been content. To name
#   a picture one need not be at the very end of the road.
# - The seconds go with the calls. (Where one row took longer than another with as many calls, our machine had other work.) The sampler itself costs next to nothing.
# - **Order is a promise about small steps.** With few calls Heun's pictures are rubbish, and here is why. Put Euler's step into Heun's: beyond it, Heun moves
#   $x$ by
#
# $$ \frac{\sigma - \sigma'}{2 \sigma'}\,\big(\hat x_0(x', \sigma') - \hat x_0(x, \sigma)\big) $$
#
# How large does that factor get?

# %% [markdown] tags=["ja"]
# まとめて読みましょう。（56 枚で測った割合には、上下に 13 ポイントほどの幅があります。ただし、どの行も同じプロンプトと同じノイズから始めたので、行どうしの差は、それぞれの割合よりも確かです。）
#
# - 呼び出しを増やしても、ほとんどよくなりません。等間隔の時刻では、DDIM と DPM++ の 40 回の成績は、10 回のときとほぼ同じで、差は偶然でも出るくらいです。（道の終わりそのものの成績も、それよりよくはありません。Karras らの段階を DPM++ で 40 回歩けば、もうほとんど道の終わりです。）新しいノイズを加える DDPM は、同じモデルなのに、しばしばその上を行きます。ノイズを加えない歩き方では、はじめのころの推定の誤りがすべて残ります。新しいノイズはその一部を覆い隠し、ネットワークはそこを決め直します（Karras et al. 2022 の 4 節）。ですから、ここでノイズを加えない理由は、歩数を減らすためではありません。道の終わりがひとつに決まり、そこまでの距離を測れるからです。
# - **呼び出しが少ないときは、ノイズの段階の選び方が効きます。** 5 回では、DDPM も DDIM も DPM++ も、Karras らの段階より等間隔の時刻のほうでよい成績です。`pipe.schedule.sigmas[pipe.schedule.timesteps(5, "karras")]` で、その段階を見てください。Karras らの 5 つの段階のうち、3 つは $\sigma = 5$ より上にあり、そこではまだほとんど何も見えません。ひとつは 0.006 で、そこではもうすべてが決まっています。この画像が決まっていく範囲には、ひとつしか残りません。等間隔の時刻（`"trailing"`）では、5 つのうち 4 つがその範囲にあります。Karras らがこの段階を選んだのは、別のモデルと、もっと多い歩数のためでした。呼び出しが多ければ、道の終わりに最も近づきます。
# - Karras らの段階で距離を見ると、次数の違いがわかります。ホイン法と DPM++ は、読み取り器がとうに満足したあとも近づき続けます。何の絵かを言い当てるのに、道の終わりまで行く必要はないのです。
# - 秒数は、呼び出しの回数で決まります。（回数が同じなのに、ほかの行より時間のかかった行があるのは、作者のコンピュータがほかの仕事もしていたからです。）サンプラー自身の計算は、ほとんどかかりません。
# - **次数とは、歩幅が小さいときの約束です。** 呼び出しが少ないと、ホイン法の絵はめちゃくちゃです。その理由はこうです。ホイン法の式をオイラー法の 1 歩と比べると、ホイン法はそこからさらに、$x$ を次の分だけ動かします。
#
# $$ \frac{\sigma - \sigma'}{2 \sigma'}\,\big(\hat x_0(x', \sigma') - \hat x_0(x, \sigma)\big) $$
#
# この倍率は、どこまで大きくなるでしょうか。

# %%
say("Where the steps begin, and their factors in order (of many, the first three and the last two):")
for spacing in ("trailing", "karras"):
    for steps in (3, 5, 10, 20):
        sigmas = pipe.schedule.sigmas[pipe.schedule.timesteps(steps, spacing)].tolist()
        factors = [f"{(sigma - after) / (2 * after):.1f}" for sigma, after in pairwise(sigmas)]
        if len(factors) > 5:
            factors[3:-2] = ["..."]
        say(
            "{spacing:9} {steps:3} steps from sigma = {largest:6,.0f}: {factors}",
            spacing=spacing,
            steps=steps,
            largest=sigmas[0],
            factors=", ".join(factors),
        )

# %% [markdown]
# With a factor of 10, a small change of the guess counts ten times. On this schedule, which begins at about $\sigma = 20{,}000$, even many timesteps at equal
# distances begin with a factor far larger than that. Karras's levels begin at 160, and with few of them it is the last factor that is too large; with twenty
# none is. DDIM and DPM++ never divide by $\sigma'$.
#
# # 6. Straight roads
#
# All of this is work to follow bends. **Why not train the network on roads that are straight?** Join each picture to some
# noise by a straight line and let $t$ run from 0 to 1 along it:
#
# $$ x_t = (1 - t)\, x_0 + t\, \epsilon, \qquad \frac{\mathrm d x_t}{\mathrm d t} = \epsilon - x_0 $$
#
# The network learns the velocity, at every point the mean of all roads that run through it. This is **flow matching** ([Lipman et al.
# 2023](https://arxiv.org/abs/2210.02747)), or rectified flow ([Liu et al. 2023](https://arxiv.org/abs/2209.03003)), and
# Stable Diffusion 3 learns so. (It counts $t$ as we do; in both papers $t$ runs the other way, from noise to picture.)
#
# ### Exercise 5: <!-- exercise flow_matching_loss -->
#
# The loss. `t` is a time in [0, 1] here, one for each picture, and no timestep.

# %% [markdown] tags=["ja"]
# 倍率が 10 なら、推定値のわずかな変化が 10 倍になります。このスケジュールはおよそ $\sigma = 20{,}000$ から始まるので、等間隔の時刻では、歩数が多くても、最初の 1 歩の倍率がそれよりはるかに大きくなります。Karras らの段階は 160 から始まります。歩数が少ないうちは、最後の倍率が大きすぎますが、20 歩なら、大きな倍率はありません。DDIM と DPM++ は、$\sigma'$ で割ることがありません。
#
# # 6. まっすぐな道
#
# ここまでの工夫は、どれも道の曲がりについていくためのものでした。**それなら、まっすぐな道でネットワークを学習させてはどうでしょうか。** 画像とノイズを直線で結び、$t$ をその上で 0 から 1 まで動かします。
#
# $$ x_t = (1 - t)\, x_0 + t\, \epsilon, \qquad \frac{\mathrm d x_t}{\mathrm d t} = \epsilon - x_0 $$
#
# ネットワークが学習するのは速度です。どの点でも、そこを通るすべての道の平均の速度を答えます。これを**フローマッチング**（flow matching、[Lipman et al. 2023](https://arxiv.org/abs/2210.02747)）、または rectified flow（[Liu et al. 2023](https://arxiv.org/abs/2209.03003)）といいます。Stable Diffusion 3 も、こうして学習しました。（$t$ の向きも、ここと同じです。2 つの論文では、$t$ は逆に、ノイズから画像へ進みます。）
#
# ### 演習 5：<!-- exercise flow_matching_loss -->
#
# 損失です。ここでの `t` は、画像ごとにひとつずつある、[0, 1] の時間です。時刻（timestep）の番号ではありません。


# %%
@exercise("flow_matching_loss")
def flow_matching_loss(net, x0, noise, t):
    """How far the network's velocity is from that of the straight road.

    Lipman et al. 2023; Liu et al. 2023. net(x_t, t) is to be noise - x0, at x_t = (1 - t) x0 + t noise;
    x0: (B, 3, H, W) in [-1, 1]; noise: like x0; t: (B,) in [0, 1]. Returns a 0-d tensor, the mean squared
    error over everything, from which `backward()` reaches the network's weights.
    """
    raise NotImplementedError


# %%
check(flow_matching_loss)

# %% [markdown]
# In a plane with four points, a world small enough to be seen whole (Lab 04 has it, too; a point is a picture of one pixel with two channels), a small
# network learns it in seconds. Its loss cannot go to 0: at each place roads of all four points cross, and the network may name only their mean; what is left
# is their spread. Nor does a loss of 1 mean, as in Lab 05, that nothing has been learnt: an answer of 0 would cost about 2 here, the variance of the noise
# and that of the points.

# %% [markdown] tags=["ja"]
# 平面に 4 つの点だけがある、全体を見渡せる世界で試します（Lab 04 でも使った世界で、ひとつの点は、2 チャンネルで 1 画素の画像です）。小さなネットワークが数秒で学習します。損失は 0 にはなりません。どの場所でも 4 点すべての道が交わっていて、ネットワークに答えられるのはその平均だけなので、道のばらつきが損失として残るのです。また、Lab 05 とは違って、損失が 1 でも、何も学んでいないわけではありません。ここで 0 と答えれば、損失は、ノイズの分散と点の分散を足した、およそ 2 になります。

# %% tags=["nbval-ignore-output"]
four = torch.tensor([[0.0, 1.6], [-1.39, -0.8], [1.39, -0.8], [0.0, 0.0]])


def as_pictures(points):
    return points.reshape(-1, 2, 1, 1)


class Velocity(nn.Module):
    """A point of the plane and a time in, a velocity out."""

    def __init__(self, width=96):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, x_t, t):
        clock = torch.stack([t, torch.cos(math.pi * t), torch.sin(math.pi * t)], dim=1)  # (B, 3)
        return self.layers(torch.cat([x_t.flatten(1), clock], dim=1)).reshape(x_t.shape)


machine.seed(6)
velocity = Velocity()
optimizer = torch.optim.Adam(velocity.parameters(), lr=3e-3)
STEPS = budget(lesson=3000, ci=30)
cool = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
losses = []
for _ in tqdm(range(STEPS)):
    x0 = as_pictures(four[torch.randint(4, (256,))])
    loss = flow_matching_loss(velocity, x0, torch.randn_like(x0), torch.rand(256))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    cool.step()
    losses.append(loss.item())
plots.loss_curve(losses)


# %% tags=["nbval-ignore-output"] numbers={"walkers": ["manual_seed(2)", "manual_seed(12)", "manual_seed(22)", "manual_seed(32)"]}
@torch.no_grad()
def follow(x, steps):
    """Euler's walk along the learnt velocity, from t = 1 to t = 0: every moment, (steps + 1, B, 2)."""
    moments = [x]
    for t, t_next in pairwise(torch.linspace(1, 0, steps + 1).tolist()):
        x = x + (t_next - t) * velocity(as_pictures(x), torch.full((len(x),), t)).reshape(-1, 2)
        moments.append(x)
    return torch.stack(moments)


walkers = torch.randn(200, 2, generator=torch.Generator().manual_seed(2))
plots.plane(
    four,
    "Two hundred walkers along the learnt velocity in fifty steps. Grey dots: where they begin. "
    "Colour and small marker: which of the four points they end nearest to. "
    "A small marker that lies loose: a walker that has not arrived.",
    paths=follow(walkers, 50),
)
plots.plane(four, "The same in four steps: more have not arrived.", paths=follow(walkers, 4))
end = follow(walkers, 200)[-1]
for steps in (1, 2, 4, 8, 50):
    off = (follow(walkers, steps)[-1] - end).norm(dim=1).mean().item()
    say("steps: {steps:2}, and on average {off:.2f} from where two hundred lead", steps=steps, off=off)

# %% [markdown]
# Each road that it was shown was straight, and yet the walkers bend. Straight roads may cross; two paths along *one* velocity cannot, as
# at each point there is one velocity only, the mean of all roads through it. And on a walker's way that mean changes, as roads drop out. One step leads to the mean of
# everything, as ever (which in this world happens to be one of its points).
#
# And it is the same flow as a diffusion's. Divide $x_t$ by $1 - t$, and it is the picture plus noise of $\sigma = t / (1 - t)$. So is a step along the
# velocity anything new?

# %% [markdown] tags=["ja"]
# 見せられた道はどれもまっすぐでしたが、歩く人の道は曲がっています。まっすぐな道どうしは交わることができます。けれども、*ひとつの*速度に沿う 2 つの道は交われません。どの点でも速度はひとつ、そこを通る道すべての平均だからです。進むうちに外れていく道があり、その平均も変わっていきます。1 歩で進むと、いつものように、すべての平均に着きます（この世界では、それがたまたま 4 点のひとつです）。
#
# しかも、これは拡散モデルと同じ流れです。$x_t$ を $1 - t$ で割れば、画像に $\sigma = t / (1 - t)$ のノイズを加えたものになります。では、速度に沿う 1 歩は、何か新しいものなのでしょうか。

# %% tags=["nbval-ignore-output"]
t, t_next = torch.tensor(0.7), torch.tensor(0.4)
x_t = as_pictures(walkers)
with torch.no_grad():
    v = velocity(x_t, t.expand(len(x_t)))
along_the_velocity = x_t + (t_next - t) * v
x0_hat = x_t - t * v  # the end of the straight road that this velocity points along
in_sigmas = euler_step(x0_hat, x_t / (1 - t), t / (1 - t), t_next / (1 - t_next)) * (1 - t_next)
say("Both steps differ by at most {d:.4f}.", d=(along_the_velocity - in_sigmas).abs().max().item())

# %% [markdown]
# Not new: it *is* Euler's step, and so DDIM's. What flow matching changes is what the loss weighs and which noise levels are visited. To have roads
# that are straight indeed takes a second training, on the pairs of noise and picture that the first flow joins (*reflow*, Liu et al.).
#
# # Break it
#
# Somebody wrote the walk of DPM-Solver++ from memory. It calls your step, and yet it has a fault. Here are section 4's walk and this one, a row each, from the
# same noise and in as many steps. **By the pictures alone, which row is the faulty walk's?**

# %% [markdown] tags=["ja"]
# 新しいものではありません。オイラー法の 1 歩*そのもの*であり、したがって DDIM の 1 歩でもあります。フローマッチングで変わるのは、損失の重みと、どのノイズの段階を通るかです。道を本当にまっすぐにするには、最初の流れが結んだノイズと画像の組で、もう一度学習させます（Liu らの *reflow*）。
#
# # 壊してみる
#
# だれかが、DPM-Solver++ の歩き方を、何も見ないで書きました。1 歩の計算には、あなたの関数を使っていますが、どこかに誤りがあります。4 節の歩き方とこの歩き方で、同じノイズから、同じ歩数で、1 段ずつ描いてみます。**画像だけを見て、どちらの段が誤った歩き方のものか、わかりますか。**


# %%
def from_memory(denoise, x, sigmas):
    before, ac_before = None, level(sigmas[0])
    for sigma, sigma_next in pairwise(sigmas):
        ac_t, ac_next = level(sigma), level(sigma_next)
        x0_hat, x_t = denoise(x, sigma), x * ac_t.sqrt()
        first_or_last = before is None or sigma_next == 0
        if first_or_last:
            x_t = ddim_step(x0_hat, x_t, ac_t, ac_next)
        else:
            x_t = dpmpp_2m_step(x0_hat, before, x_t, ac_t, ac_next, ac_before)
        x, before = x_t / ac_next.sqrt(), x0_hat
    return x


# %% tags=["nbval-ignore-output"]
many = budget(lesson=50, ci=6)
plots.images(
    torch.cat([draw(prompts[:6], for_pipeline(by), many) for by in (by_dpmpp, from_memory)]),
    "The same six prompts in {steps} steps by two walks, a row each. One was written from memory.",
    columns=6,
    steps=many,
)

# %% [markdown]
# The lower row is `from_memory`'s. Would you have known?
#
# **Before you run the next cell:** read `from_memory` closely. Is it DPM-Solver++? What order do you expect, and why? Then find the fault, mend it,
# and measure again. What does this tell you about how to test a sampler?

# %% [markdown] tags=["ja"]
# 下の段が `from_memory` のものです。画像だけでわかったでしょうか。
#
# **次のセルを実行する前に**：`from_memory` をよく読んでください。これは DPM-Solver++ でしょうか。次数はいくつになると思いますか。それはなぜですか。そのあと、誤りを見つけて直し、もう一度測ってください。サンプラーをどのようにテストすればよいか、ここから何がわかりますか。

# %%
from_memory_errors = [error_of(from_memory, steps) for steps in counts]
say(
    "Order measured: {order:.2f}. Error with {steps} steps: {a:.4f}, and that of DPM++ 2M: {b:.6f}.",
    order=order(from_memory_errors),
    steps=counts[-1],
    a=from_memory_errors[-1],
    b=errors[by_dpmpp][-1],
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Song, Meng & Ermon, [Denoising Diffusion Implicit Models](https://arxiv.org/abs/2010.02502) (2021): exercise 1, and what lies
#   between it and DDPM.
# - Song et al., [Score-Based Generative Modeling through Stochastic Differential
#   Equations](https://arxiv.org/abs/2011.13456) (2021): the road as a differential equation.
# - Karras et al., [Elucidating the Design Space of Diffusion-Based Generative Models](https://arxiv.org/abs/2206.00364)
#   (2022): everything in sigmas, and which sigmas to visit.
# - Lu et al., [DPM-Solver++](https://arxiv.org/abs/2211.01095) (2022): exercise 4.
# - Esser et al., [Scaling Rectified Flow Transformers](https://arxiv.org/abs/2403.03206) (2024): flow matching at the size of Stable
#   Diffusion 3.
#
# ## Optional: your solver on a published model
#
# With a network connection, the cell below downloads `google/ddpm-cifar10-32` from the Hugging Face hub (Apache-2.0,
# about 143 MB) and lets **your** `ddim_step` draw small photographs in twenty steps, where Lab 05 took a thousand. It needs
# the package `diffusers`. Set `DOWNLOAD = True` first.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Song, Meng & Ermon, [Denoising Diffusion Implicit Models](https://arxiv.org/abs/2010.02502) (2021)：演習 1 と、それと DDPM の間にあるもの。
# - Song et al., [Score-Based Generative Modeling through Stochastic Differential Equations](https://arxiv.org/abs/2011.13456) (2021)：微分方程式としての道。
# - Karras et al., [Elucidating the Design Space of Diffusion-Based Generative Models](https://arxiv.org/abs/2206.00364) (2022)：すべてを sigma で書き、どの sigma を通るかを調べた論文です。
# - Lu et al., [DPM-Solver++](https://arxiv.org/abs/2211.01095) (2022)：演習 4。
# - Esser et al., [Scaling Rectified Flow Transformers](https://arxiv.org/abs/2403.03206) (2024)：Stable Diffusion 3 の規模でのフローマッチング。
#
# ## 発展：公開されているモデルを自分のソルバーで
#
# 次のセルは、`google/ddpm-cifar10-32`（Apache-2.0、約 143 MB）を Hugging Face Hub からダウンロードします。そして、**あなたの** `ddim_step` に、小さな写真を 20 歩で描かせます。Lab 05 では 1000 歩かかりました。ネットワーク接続とパッケージ `diffusers` が必要です。実行する前に `DOWNLOAD = True` としてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "google/ddpm-cifar10-32"

if DOWNLOAD:
    from diffusers import UNet2DModel

    from t2ilab.diffusion.schedule import NoiseSchedule

    published = machine.place(UNet2DModel.from_pretrained(PUBLISHED))
    linear = NoiseSchedule.linear()
    size = published.config.sample_size
    x_t = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    levels = [*linear.alphas_cumprod[linear.timesteps(20, "trailing")], torch.tensor(1.0)]
    for t, (ac_t, ac_prev) in zip(linear.timesteps(20, "trailing"), pairwise(levels), strict=True):
        with torch.no_grad():
            x0_hat = linear.to_x0(published(x_t, t).sample, x_t, t, "epsilon")
        x_t = ddim_step(x0_hat.clamp(-1, 1), x_t, ac_t, ac_prev)
    plots.images(x_t.clamp(-1, 1), "Four small photographs that never were, in twenty steps.", columns=4)
