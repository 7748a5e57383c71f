# %% [markdown]
# # Lab 04: The best guess
#
# <!-- badges -->
#
# **You will build** the best denoiser that there can be, in five lines and without a network. You will watch it melt a
# picture into the mean of its neighbours, read the slope of a probability off it, and let it draw. Then you find out
# why nobody uses it, and what a neural network does better by being wrong.
#
# | | |
# |---|---|
# | Time | about 75 minutes, one of which your machine computes alone |
# | You need | Python and PyTorch; Bayes' rule, the normal distribution, what a gradient is |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 04：最良の推定
#
# <!-- badges -->
#
# **このラボで作るもの**：これ以上はありえない、最良のデノイザー（denoiser）を、ネットワークを使わずに 5 行で書きます。それが画像を近くの画像の平均へと溶かしていく様子を眺め、確率の傾きを読み取り、絵も描かせます。そして、なぜ誰もこれを使わないのか、ニューラルネットワークは間違うことで何がうまくいくのかを突き止めます。
#
# | | |
# |---|---|
# | 時間 | 約 75 分（そのうち、コンピュータの計算を待つのは 1 分） |
# | 必要なもの | Python と PyTorch。ベイズの定理、正規分布、勾配（gradient）の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import torch
import torch.nn.functional as F

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import check, exercise, hint, plots, say, widgets
from t2ilab.pipelines.text_to_image import TextToImage

machine = DeviceManager()
device = machine.device

# %% [markdown]
# # 1. What may this have been?
#
# Here is a small world: a thousand pictures, and nothing else exists. Somebody picks one of them, $x_0$, each with
# the same chance, makes it fainter and adds noise:
#
# $$ x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon, \qquad \epsilon \sim \mathcal N(0, I) $$
#
# (The notation is that of DDPM, [Ho, Jain & Abbeel 2020](https://arxiv.org/abs/2006.11239), eq. 4, which Lab 05 derives.
# All you need here: $\bar\alpha_t$, in code `ac_t`, is the share of the picture's variance that is left at timestep $t$. It falls
# from nearly 1 at $t = 0$ to nearly 0 at $t = 999$. The next cell reads the list of them from one of the course's trained models,
# whose network waits for section 4.)

# %% [markdown] tags=["ja"]
# # 1. もとは何だったのか
#
# 小さな世界があります。画像は 1,000 枚あり、ほかには何もありません。だれかがそのうちの 1 枚 $x_0$ を等しい確率で選び、薄くして、ノイズを加えました。
#
# $$ x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon, \qquad \epsilon \sim \mathcal N(0, I) $$
#
# （記法は DDPM、[Ho, Jain & Abbeel 2020](https://arxiv.org/abs/2006.11239) の式 4 のものです。導き方は Lab 05 で学びます。ここで必要なのは次のことだけです。$\bar\alpha_t$（コードでは `ac_t`）は、時刻（timestep）$t$ に残っている、画像の分散の割合です。$t = 0$ ではほぼ 1 で、$t = 999$ ではほぼ 0 まで下がります。その一覧は、次のセルで、このコースの学習済みモデルのひとつから読み込みます。そのモデルのネットワークを使うのは 4 節です。）

# %%
COUNT = 1000
MODEL = "shapes-pixel"
pipe = TextToImage.from_pretrained(MODEL)
world = World(size=32, seed=4, level=pipe.world)
data = world.batch(0, COUNT)["image"].to(device)
schedule = pipe.schedule
ac = schedule.alphas_cumprod.to(device)
plots.images(data[:16], "Sixteen of the pictures that this world consists of.", columns=8)

# %%
some = [100, 400, 600, 750, 850, 950, 990]
noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
noisy = torch.cat([schedule.add_noise(data[:1], noise, t) for t in some])
plots.images(
    noisy,
    "One of the pictures at seven noise levels: hardly touched at timestep 100, "
    "hardly anything to be seen at 950.",
    titles=[f"t = {t}" for t in some],
    columns=7,
)

# %% [markdown] numbers={"chances": [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.4, 0.35, 0.25]]}
# You are shown $x_t$. **Which clean picture do you answer, if every number that is off costs you the square of
# the error?** Suppose that three pictures may have been it, with chances <!-- number chances[0] -->, <!-- number chances[1] --> and <!-- number chances[2] -->. Whatever you answer, $g$, you
# pay on average $<!-- number chances[0] -->\,\lVert g - a \rVert^2 + <!-- number chances[1] -->\,\lVert g - b \rVert^2 + <!-- number chances[2] -->\,\lVert g - c \rVert^2$. Take the
# gradient with respect to $g$ and set it to zero: $g = <!-- number chances[0] -->\,a + <!-- number chances[1] -->\,b + <!-- number chances[2] -->\,c$. The best answer is the **mean of all
# that is possible**, each by its chance, and it is usually none of them:
#
# $$ \hat x_0(x_t) = \mathbb E[x_0 \mid x_t] = \sum_i p(x_0 = x^{(i)} \mid x_t)\; x^{(i)} $$
#
# The chances follow from Bayes' rule. All pictures were equally likely at first, so what counts is how well each explains
# what you see. Under picture $x^{(i)}$, $x_t$ is normal around $\sqrt{\bar\alpha_t}\, x^{(i)}$, with variance
# $1 - \bar\alpha_t$ at every pixel:
#
# $$ p(x_0 = x^{(i)} \mid x_t) \;\propto\; \exp\!\Big( -\frac{\lVert x_t - \sqrt{\bar\alpha_t}\, x^{(i)} \rVert^2}{2 (1 - \bar\alpha_t)} \Big) $$
#
# ### Exercise 1: <!-- exercise mmse_denoiser -->
#
# The two formulas, for a batch. (`mmse` stands for minimum mean squared error.) Mind one thing: over 3,072 numbers (1,024 pixels, three colours each) the exponent easily
# reaches -1,500, and `exp(-1500)` is 0 for every computer. `torch.softmax` knows what to do.

# %% [markdown] tags=["ja"]
# あなたに見えるのは $x_t$ だけです。**どの値についても誤差の 2 乗だけ損をするとしたら、もとの画像として何と答えますか。** 候補が 3 枚あり、その確率が <!-- number chances[0] -->、<!-- number chances[1] -->、<!-- number chances[2] --> だとしましょう。答えを $g$ とすると、損失の平均は $<!-- number chances[0] -->\,\lVert g - a \rVert^2 + <!-- number chances[1] -->\,\lVert g - b \rVert^2 + <!-- number chances[2] -->\,\lVert g - c \rVert^2$ です。$g$ について微分して 0 と置けば、$g = <!-- number chances[0] -->\,a + <!-- number chances[1] -->\,b + <!-- number chances[2] -->\,c$ となります。最良の答えは、**可能なものすべての平均**（確率による重み付き）で、たいていはどの画像とも違います。
#
# $$ \hat x_0(x_t) = \mathbb E[x_0 \mid x_t] = \sum_i p(x_0 = x^{(i)} \mid x_t)\; x^{(i)} $$
#
# 確率はベイズの定理からわかります。はじめはどの画像も同じ確率でした。ですから、見えているものをそれぞれの画像がどれだけうまく説明するかで決まります。画像 $x^{(i)}$ のもとで、$x_t$ は平均 $\sqrt{\bar\alpha_t}\, x^{(i)}$、画素ごとの分散 $1 - \bar\alpha_t$ の正規分布に従います。
#
# $$ p(x_0 = x^{(i)} \mid x_t) \;\propto\; \exp\!\Big( -\frac{\lVert x_t - \sqrt{\bar\alpha_t}\, x^{(i)} \rVert^2}{2 (1 - \bar\alpha_t)} \Big) $$
#
# ### 演習 1：<!-- exercise mmse_denoiser -->
#
# この 2 つの式を、バッチに対して計算します。（`mmse` は、最小平均二乗誤差（minimum mean squared error）の略です。）ひとつだけ注意があります。3,072 個の値（1,024 画素に 3 色ずつ）について足すと、指数はすぐに -1,500 ほどになり、`exp(-1500)` はどのコンピュータでも 0 です。`torch.softmax` は、その扱い方を知っています。


# %%
@exercise("mmse_denoiser")
def mmse_denoiser(x_t, data, ac_t):
    """E[x0 | x_t], the mean of all clean pictures that x_t may come from.

    x_t: (B, 3, H, W), noisy; data: (N, 3, H, W), all pictures that there are, each equally likely;
    ac_t: 0-d tensor in (0, 1). Returns the estimate of x0, like x_t.
    """
    raise NotImplementedError


# %%
check(mmse_denoiser)

# %% [markdown]
# Now look at what the best guess looks like, for this picture and for three others. In the first row is what you are shown
# of the first picture, in the four below what is best to answer:

# %% [markdown] tags=["ja"]
# 最良の推定はどのように見えるでしょうか。この画像と、ほかの 3 枚で見てみましょう。1 行目は最初の画像について見えているもの、その下の 4 行は最良の答えです。

# %%
guesses = [
    mmse_denoiser(schedule.add_noise(data[i : i + 1], noise, t), data, ac[t])
    for i in range(4)
    for t in some
]
plots.images(
    torch.cat([noisy, *guesses]),
    "First row: one picture under more and more noise. "
    "Below: the best guess for it and for three others. Each is the picture itself "
    "as long as only this one fits, then it melts into the mean of others that fit, "
    "and at last nearly of the whole world.",
    titles=[f"t = {t}" for t in some],
    columns=7,
)

# %% [markdown]
# From left to right it is the picture itself, until other pictures become possible; then it is their mean, and where
# next to nothing can be seen it is nearly the mean of the whole world. What is lost first, and what last? Why does a small thing melt before
# a large one?
#
# Look at the last row, too: on its way the small heart becomes another thing of the list, and a sharp one. By chance the noise makes
# that picture look likelier than the true one. **Best** means right on average over all noises, not right every time; and
# to be sure is not to be right.
#
# How many pictures are still possible? If $n$ of them had the same chance, the entropy of the chances would be
# $\ln n$; so turn it round: $e^{\text{entropy}}$ is an effective number of pictures.

# %% [markdown] tags=["ja"]
# 左から見ていくと、はじめは画像そのものです。ほかの画像の可能性が出てくると、それらの平均になり、ほとんど何も見えなくなると、世界全体の平均に近づきます。最初に失われるのは何でしょうか。最後まで残るのは何でしょうか。小さなものが大きなものより先に溶けるのはなぜでしょうか。
#
# 最後の行にも注目してください。小さなハートは、途中でリストの中の別のものに、しかもくっきりと変わります。たまたまノイズが、本物よりもその画像らしく見せたのです。**最良**とは、あらゆるノイズについて平均すると正しいという意味です。毎回正しいわけではありません。自信があることと、正しいことは違います。
#
# では、可能な画像はあと何枚あるのでしょうか。$n$ 枚が同じ確率なら、確率のエントロピー（entropy）は $\ln n$ です。逆に考えると、$e^{\text{entropy}}$ は実質的な枚数を表します。


# %%
def effective_number(x_t, ac_t):
    """How many rows of data x_t (B, 3, H, W) may come from: e to the entropy of their chances, (B,)."""
    squares = torch.cdist(x_t.flatten(1), ac_t.sqrt() * data.flatten(1)).square()
    log_chances = torch.log_softmax(-squares / (2 * (1 - ac_t)), dim=1)
    return (-(log_chances.exp() * log_chances).sum(dim=1)).exp()


grid = list(range(0, 1000, 25))
fresh = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
numbers = [effective_number(schedule.add_noise(data[:16], fresh, t), ac[t]).mean().item() for t in grid]
plots.lines(
    {"": (grid, numbers)},
    "How many of the {count} pictures are still possible at each timestep, on average: "
    "one for the first half of the road, then, within a few hundred timesteps, more than half of them.",
    xlabel="timestep t",
    ylabel="effective number of pictures",
    log="y",
    count=COUNT,
)
last = max(t for t, number in zip(grid, numbers, strict=True) if number < 1.1)
say("Up to timestep {t} there is practically one picture that it may have been.", t=last)

# %% [markdown] numbers={"smaller": [200, 100, 150, 300]}
# **Change one thing:** make the world larger or smaller (`COUNT = <!-- number smaller -->`, in the cell that draws it) and run the cells
# again. Where does the guess begin to melt now, and why? (Set it back before you go on.)
#
# # 2. The guess holds the slope
#
# **Where does a noisy picture have to move to become more likely?** The density of noisy pictures is a sum of a
# thousand bells, $p(x_t) = \tfrac1N \sum_i \mathcal N\big(x_t; \sqrt{\bar\alpha_t}\,x^{(i)}, (1 - \bar\alpha_t) I\big)$.
# Differentiate its logarithm. Each bell gives its own slope, $(\sqrt{\bar\alpha_t}\,x^{(i)} - x_t) / (1 - \bar\alpha_t)$,
# weighed by its share of the sum, and those shares are the very chances of section 1. What comes out is the mean again:
#
# $$ \nabla_{x_t} \log p(x_t) = \frac{\sqrt{\bar\alpha_t}\;\mathbb E[x_0 \mid x_t] - x_t}{1 - \bar\alpha_t} $$
#
# This holds for any distribution of $x_0$, not only for lists. Robbins reported such formulas in 1956, crediting Tweedie; Miyasawa published
# this one, for normal noise, in 1961. Whoever can denoise knows the slope of the log density, its **score**, without ever knowing
# the density; whoever knows the score can denoise. All diffusion in this course lives on this line.
#
# ### Exercise 2: <!-- exercise tweedie_score -->
#
# One line. The check compares it with the gradient that autograd finds.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：世界を大きく、または小さくして（世界を描くセルで `COUNT = <!-- number smaller -->` とします）、もう一度セルを実行してください。推定はどこから溶け始めますか。それはなぜでしょうか。（見終わったら、元の値に戻してから先へ進んでください。）
#
# # 2. 推定値は傾きを知っている
#
# **ノイズの入った画像は、どちらへ動けば、より確率の高いものになるでしょうか。** ノイズの入った画像の確率密度（probability density）は、1,000 個の釣鐘形の和 $p(x_t) = \tfrac1N \sum_i \mathcal N\big(x_t; \sqrt{\bar\alpha_t}\,x^{(i)}, (1 - \bar\alpha_t) I\big)$ です。その対数を微分しましょう。釣鐘のひとつひとつの傾き $(\sqrt{\bar\alpha_t}\,x^{(i)} - x_t) / (1 - \bar\alpha_t)$ に、和に占める割合の重みが付きます。その割合は、1 節の確率そのものです。ですから、ここでも平均が現れます。
#
# $$ \nabla_{x_t} \log p(x_t) = \frac{\sqrt{\bar\alpha_t}\;\mathbb E[x_0 \mid x_t] - x_t}{1 - \bar\alpha_t} $$
#
# これは、有限個の画像だけでなく、$x_0$ のどのような分布でも成り立ちます。このような式を 1956 年に紹介したのは Robbins で、Tweedie の名を挙げています。正規分布のノイズについてのこの式は、宮沢（Miyasawa）が 1961 年に発表しました。ノイズを除去できるなら、確率密度そのものを知らなくても、その対数の勾配、つまり**スコア**（score）がわかります。スコアがわかれば、ノイズを除去できます。このコースの拡散モデルは、すべてこの 1 行の上に成り立っています。
#
# ### 演習 2：<!-- exercise tweedie_score -->
#
# 1 行で書けます。答え合わせでは、自動微分（autograd）で求めた勾配と比べます。


# %%
@exercise("tweedie_score")
def tweedie_score(x_t, x0_hat, ac_t):
    """The gradient of log p(x_t) with respect to x_t, from the best guess at the clean picture.

    x_t: (B, 3, H, W), noisy; x0_hat: like x_t, E[x0 | x_t]; ac_t: 0-d tensor in (0, 1).
    Returns a gradient like x_t.
    """
    raise NotImplementedError


# %%
check(tweedie_score)

# %% [markdown]
# In 3,072 dimensions nobody can see a slope. So here is a world of four points in a plane, three around and one in the
# middle. (For your functions they are pictures of one pixel with two channels.) The arrows are your scores, all drawn with one
# length, the longer ones darker. And at timestep $t$ the points have moved towards the middle, to $\sqrt{\bar\alpha_t}$ of where they were: there the picture has faded.

# %% [markdown] tags=["ja"]
# 3,072 次元の傾きは、だれにも見えません。そこで、平面の上の 4 つの点からなる世界を見てみましょう。3 つが周りに、1 つが真ん中にあります。（あなたの関数にとっては、2 チャンネルで 1 画素の画像です。）矢印があなたのスコアです。長さはどれも同じに描き、長いものほど濃くしてあります。時刻 $t$ の点は、真ん中からの距離がもとの $\sqrt{\bar\alpha_t}$ 倍に縮んでいます。画像が薄くなるのと同じことです。

# %%
four = torch.tensor([[0.0, 1.6], [-1.39, -0.8], [1.39, -0.8], [0.0, 0.0]], device=device)
axis = torch.linspace(-2.4, 2.4, 21, device=device)
places = torch.cartesian_prod(axis, axis)  # (441, 2)


def as_pictures(points):
    return points.reshape(-1, 2, 1, 1)


def slopes(t):
    """Your score at every place: (441, 2)."""
    x_t = as_pictures(places)
    return tweedie_score(x_t, mmse_denoiser(x_t, as_pictures(four), ac[t]), ac[t]).reshape(-1, 2)


plots.plane(
    ac[700].sqrt() * four,
    "At timestep 700 the four points are one hill: all arrows lead to the middle.",
    arrows=(places, slopes(700)),
)
plots.plane(
    ac[350].sqrt() * four,
    "At timestep 350 each of the four points has a hill of its own, with watersheds in between.",
    arrows=(places, slopes(350)),
)

# %% [markdown]
# Compare the two. Under strong noise there is one hill, and only under weaker noise do the four part.
#
# # 3. Denoising, again and again, makes pictures
#
# **What happens if you start from nothing but noise and keep asking?** The best guess for pure noise is the mean of
# everything. Do not jump there: go a little way, to where there is a little less noise, and ask again. The road
# that does this without ever adding noise is a flow, and the course's `sample_ddim` follows it (Lab 06 takes it apart;
# all it ever asks for is a denoiser). First in the plane, two hundred walkers:

# %% [markdown] tags=["ja"]
# 2 つの図を比べてください。ノイズが強いうちは山がひとつしかなく、ノイズが弱くなってから 4 つに分かれます。
#
# # 3. ノイズ除去を繰り返すと、絵になる
#
# **ノイズだけから始めて、推定を繰り返すとどうなるでしょうか。** 純粋なノイズに対する最良の推定は、すべての平均です。そこへ一気に飛んではいけません。ノイズが少しだけ減ったところまで進み、また推定します。ノイズをまったく加えずにこれを行う道は流れ（flow）になります。このコースの `sample_ddim` は、この流れに沿って進みます（その中身は Lab 06 で調べます。必要なのはデノイザーだけです）。まず平面の上で、200 人に歩いてもらいましょう。


# %% numbers={"walkers": ["manual_seed(2)", "manual_seed(12)", "manual_seed(22)", "manual_seed(32)"]}
def best_of(data):
    """Your denoiser for a world, as samplers ask for it: denoise(x_t, t)."""
    return lambda x_t, t: mmse_denoiser(x_t, data, ac[t])


def flow(denoise, x, steps):
    """Every moment of a walk down the flow from x to clean pictures: (steps + 1, B, ...)."""
    moments = []
    timesteps = schedule.timesteps(steps, spacing="trailing")

    def remember(step, t, x_t, x0_hat):
        moments.append(x_t)

    end = sample_ddim(denoise, x, schedule, timesteps, callback=remember)
    return torch.stack([*moments, end])


walkers = torch.randn(200, 2, generator=torch.Generator().manual_seed(2)).to(device)
paths = flow(best_of(as_pictures(four)), as_pictures(walkers), 100).reshape(101, 200, 2)
plots.plane(
    four,
    "Two hundred walkers on their way from noise (grey dots) to the four points. "
    "They hardly move while the noise is strong; then each is drawn to one of the four.",
    paths=paths,
)
arrived = (paths[-1][:, None] - four).norm(dim=2).argmin(dim=1).bincount(minlength=4)
say("Arrived at each of the four points: {counts}.", counts=", ".join(map(str, arrived.tolist())))

# %% [markdown]
# Each of the four gets about a quarter, as it should. The walkers do not know of each other; the slope alone tells
# each of them where to go. There is no chance on the way, so where they end was decided when they began. But from which timestep on could *you*
# tell, from the best guess alone? (`paths[i]` is where all stand at timestep `999 - 10 * i`, and
# `best_of(as_pictures(four))(as_pictures(paths[i]), 999 - 10 * i)[0].flatten()` is the best guess for the first of them.
# Print it for `i` = 10, 30, 50 and 70, and where that walker arrives, `paths[-1][0]`.)
#
# Now the same with pictures. Twelve walkers in 3,072 dimensions:

# %% [markdown] tags=["ja"]
# 4 つの点には、それぞれおよそ 4 分の 1 ずつが着きました。期待どおりです。歩く人どうしは、お互いのことを知りません。どこへ行けばよいかは、傾きだけが教えてくれます。途中に偶然はないので、行き先は出発したときに決まっています。けれども、最良の推定だけを見て、*あなた*に行き先がわかるのは、どの時刻からでしょうか。（`paths[i]` は、時刻 `999 - 10 * i` での全員の位置です。そのうち最初の人についての最良の推定は、`best_of(as_pictures(four))(as_pictures(paths[i]), 999 - 10 * i)[0].flatten()` です。`i` を 10、30、50、70 として出力し、その人が着いた場所 `paths[-1][0]` と比べてください。）
#
# 同じことを画像でやってみましょう。3,072 次元の空間を、12 人が歩きます。

# %% numbers={"starts": ["manual_seed(3)", "manual_seed(13)", "manual_seed(23)", "manual_seed(33)"]}
starts = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(3)).to(device)
road = flow(best_of(data), starts, 40)
painted = road[-1]
plots.images(road[::5, 0], "The first of the twelve on its way out of the noise.", columns=9)
plots.images(painted, "Twelve pictures, made of noise by denoising alone.", columns=6)

# %% [markdown]
# Not a network in sight, no training, and sharp pictures out of noise! **Too good to be true?** Look for each of them
# in the world's thousand:

# %% [markdown] tags=["ja"]
# ネットワークも学習もなしに、ノイズからくっきりした画像ができました。**話がうますぎませんか。** それぞれの画像を、この世界の 1,000 枚の中から探してみましょう。


# %%
def nearest(pictures):
    """The row of data nearest to each picture, and how far it is: root mean square over the pixels."""
    distance = torch.cdist(pictures.flatten(1), data.flatten(1)) / data[0].numel() ** 0.5
    return data[distance.argmin(dim=1)], distance.amin(dim=1)


twins, distance = nearest(painted)
plots.images(
    torch.cat([painted[:6], twins[:6]]),
    "Above: six of the pictures just made. Below: the nearest picture of the world. They are the same.",
    columns=6,
)
say("The largest distance of the twelve to a picture of the world: {d:.2f}.", d=distance.max().item())

# %% [markdown]
# They are copies. Of course: at the end of the road one picture is left that fits, and the best guess *is* that picture.
# The best denoiser of a list of pictures knows the list by heart, and draws from it, each picture with the same chance.
# It never makes anything new.
#
# # 4. Wrong in the right way
#
# **So what is a network good for?** It is trained for the same thing, to guess $x_0$ with the least square error, and if
# it got there on a finite list it would only copy. How does it learn the mean without knowing the chances? It is shown a noisy
# picture and told one of those that it may have been; another time another one; and the square error
# pulls it to their mean. For any guess $g(x_t)$ the error splits in two,
#
# $$ \mathbb E\,\lVert g - x_0 \rVert^2 = \mathbb E\,\lVert g - \mathbb E[x_0 \mid x_t] \rVert^2 + \mathbb E\,\lVert x_0 - \mathbb E[x_0 \mid x_t] \rVert^2 $$
#
# (the mixed term vanishes: given $x_t$, $x_0$ minus its mean is 0 on average). The first part is all that a network can change, and it is least
# at the best guess. The second is what nobody can know, and the reason why such a loss never reaches 0
# ([Vincent 2011](https://doi.org/10.1162/NECO_a_00142)).
#
# ### Exercise 3: <!-- exercise denoising_loss -->
#
# The loss of any denoiser at one noise level, yours or a network. (Samplers tell a denoiser the timestep, `denoise(x_t, t)`; this function
# knows no list of timesteps, so it tells the level itself, `denoise(x_t, ac_t)`.)

# %% [markdown] tags=["ja"]
# どれも複製でした。考えてみれば当然です。道の終わりでは、当てはまる画像が 1 枚しか残りません。最良の推定は、その画像*そのもの*です。画像のリストに対する最良のデノイザーは、リストを丸暗記していて、そこから等しい確率で 1 枚を取り出すだけです。新しいものは何も作りません。
#
# # 4. 正しく間違える
#
# **では、ネットワークは何の役に立つのでしょうか。** ネットワークが学習するのも同じこと、つまり 2 乗誤差が最小になるように $x_0$ を当てることです。もし有限のリストで完璧にできたら、複製するだけになってしまいます。ところで、確率を知らないネットワークが、どうやって平均を学ぶのでしょうか。ノイズの入った画像を見せられ、もとだったかもしれない 1 枚を教えられます。別のときには別の 1 枚を教えられます。すると 2 乗誤差が、推定をそれらの平均へ引き寄せるのです。どのような推定 $g(x_t)$ でも、誤差は次の 2 つに分かれます。
#
# $$ \mathbb E\,\lVert g - x_0 \rVert^2 = \mathbb E\,\lVert g - \mathbb E[x_0 \mid x_t] \rVert^2 + \mathbb E\,\lVert x_0 - \mathbb E[x_0 \mid x_t] \rVert^2 $$
#
# （$x_t$ を決めたとき、$x_0$ とその平均との差は平均すると 0 なので、積の項は消えます。）ネットワークが変えられるのは 1 つめだけで、それは最良の推定で最小になります。2 つめは、だれにも知りようのない部分です。このような損失が 0 にならないのは、そのためです（[Vincent 2011](https://doi.org/10.1162/NECO_a_00142)）。
#
# ### 演習 3：<!-- exercise denoising_loss -->
#
# あるノイズの段階での、デノイザーの損失（loss）です。あなたのデノイザーにもネットワークにも使えます。（サンプラーは `denoise(x_t, t)` のように時刻を渡します。この関数は時刻の列を知らないので、段階そのものを渡します。`denoise(x_t, ac_t)` です。）


# %%
@exercise("denoising_loss")
def denoising_loss(denoise, x0, noise, ac_t):
    """How far a denoiser's guesses are from the pictures, at one noise level: the mean squared error.

    denoise(x_t, ac_t) gives a guess like x_t; x0: (B, 3, H, W) in [-1, 1]; noise: like x0;
    ac_t: 0-d tensor in (0, 1). Returns a 0-d tensor, from which `backward()` reaches
    the denoiser's weights.
    """
    raise NotImplementedError


# %%
check(denoising_loss)

# %% [markdown]
# The network comes from the zoo, the course's collection of trained models: `shapes-pixel`, asked with an empty caption. It has seen about
# 150,000 pictures of such a world, hardly one of them twice; your denoiser knows its thousand by heart. Both are given **new** pictures that neither has ever seen:

# %% [markdown] tags=["ja"]
# ネットワークは学習済みモデル集（zoo）の `shapes-pixel` で、空のキャプションを渡して使います。この世界の画像を約 15 万枚見てきましたが、同じものを二度見たことはほとんどありません。あなたのデノイザーは、1,000 枚を丸暗記しています。どちらも見たことのない**新しい**画像を、両方に渡してみましょう。


# %% numbers={"new_pictures": ["seed=44", "seed=45", "seed=46", "seed=47"]}
def unet(x_t, t):
    """The zoo's network with an empty caption."""
    return pipe.unet(x_t, t, nothing_said.expand(len(x_t), -1, -1))


with torch.no_grad():
    nothing_said = pipe.encode([""])  # (1, L, D)
network = NetworkDenoiser(unet, schedule, pipe.prediction_type, clip=1.0)
new = World(size=32, seed=44, level=pipe.world).batch(0, 16)["image"].to(device)
fresh = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(4)).to(device)


@torch.no_grad()
def errors(denoise, pictures, timesteps):
    """The loss of denoise(x_t, t) at each of the timesteps, eight pictures at a time."""
    totals = []
    for t in timesteps:

        def guess(x_t, ac_t, t=t):
            return denoise(x_t, t)

        halves = [
            denoising_loss(guess, pictures[i : i + 8], fresh[i : i + 8], ac[t])
            for i in range(0, len(pictures), 8)
        ]
        totals.append(torch.stack(halves).mean().item())
    return totals


grid = list(range(25, 1000, 75))
mine, mine_on_new = errors(best_of(data), data[:16], grid), errors(best_of(data), new, grid)
networks = errors(network, new, grid)
plots.lines(
    {
        "yours, on its own pictures": (grid, [max(error, 1e-6) for error in mine]),
        "yours, on new pictures": (grid, mine_on_new),
        "the network, on new pictures": (grid, networks),
    },
    "The error of three guesses at each timestep. On its own pictures the best denoiser makes hardly any "
    "until the noise is strong. On new ones its error stays, however little noise there is, "
    "and the network's falls. (Below a millionth all is drawn alike.)",
    xlabel="timestep t",
    ylabel="mean squared error",
    log="y",
    markers=True,
)
say(
    "At timestep {t}: yours on its own pictures {mine:.4f}, on new ones {new:.4f}; "
    "the network on new ones {net:.4f}.",
    t=grid[2],
    mine=mine[2],
    new=mine_on_new[2],
    net=networks[2],
)

# %% [markdown] numbers={"longer": [4000, 2500, 3000, 3500]}
# Read it from right to left. Under strong noise all three say about the same, the mean of the world. Then the ways part.
# Your denoiser can say nothing but its own pictures and their mixtures: on a new one it goes wrong by as much as the
# new one differs from all of them, **even if there is hardly any noise**. The network never had a list: it hardly saw a picture twice.
# (Trained on a small list for long enough, such networks do begin to copy,
# [Kadkhodaie et al. 2024](https://arxiv.org/abs/2310.02557).) With many pictures it is easier to learn the rule than the list, and
# convolutions help: they treat every place alike, and build what they see from edges and patches. Why that gives *good* new pictures is
# still being studied ([Kamb & Ganguli 2024](https://arxiv.org/abs/2412.20292)).
#
# **Change one thing:** a longer list, `COUNT = <!-- number longer -->`, in the cell that draws the world. Run only that cell and the one with the figure above:
# section 3, with twelve walkers at once, could need more memory than Binder gives. How much does it help your denoiser on new pictures?
# How long would the list have to be, do you think, before it matches the network? And if a picture of this world had not five, but twenty
# things to decide?
#
# Pull the sliders and see for yourself:

# %% [markdown] tags=["ja"]
# 右から左へ見ていきましょう。ノイズが強いところでは、3 つともほぼ同じ答え、つまり世界の平均です。そこから道が分かれます。あなたのデノイザーに答えられるのは、自分の画像とその混ぜ合わせだけです。新しい画像に対しては、それがどの画像とも違っている分だけ、必ず間違えます。**ノイズがほとんどなくても**です。ネットワークには、そもそもリストがありません。同じ画像をほとんど二度見ていないのです。（少ない画像で長く学習させれば、このようなネットワークも複製を始めます。[Kadkhodaie et al. 2024](https://arxiv.org/abs/2310.02557)。）画像が多ければ、リストより規則を覚えるほうが楽です。畳み込み（convolution）も助けになります。どの場所も同じように扱い、見たものを輪郭や小さな断片から組み立てるからです。それがなぜ*よい*新しい画像になるのかは、今も研究されています（[Kamb & Ganguli 2024](https://arxiv.org/abs/2412.20292)）。
#
# **ひとつ変えてみましょう**：世界を描くセルで `COUNT = <!-- number longer -->` とし、リストを長くしてください。実行し直すのは、そのセルと、上の図を描くセルだけにします（12 人が一度に歩く 3 節では、Binder のメモリが足りなくなることがあります）。新しい画像に対するあなたのデノイザーは、どれくらいよくなりますか。ネットワークに追いつくには、リストはどれくらいの長さが必要でしょうか。この世界の画像で決めることが、5 つではなく 20 もあったらどうでしょうか。
#
# スライダーを動かして、自分の目で確かめてください。

# %% tags=["nbval-ignore-output"]
widgets.denoising_box(new[:12], schedule, {"your denoiser": best_of(data), "the network": network})

# %% [markdown]
# No widgets here? The same as a figure:

# %% [markdown] tags=["ja"]
# ウィジェットが表示されませんか。同じものを図で示します。

# %%
some = [150, 400, 600, 750]
rows = []
with torch.no_grad():
    for t in some:
        x_t = schedule.add_noise(new[:1], fresh[:1], t)
        rows += [new[:1], x_t, best_of(data)(x_t, t), network(x_t, t)]
plots.images(
    torch.cat(rows),
    "A new picture at timesteps {times}, from top to bottom. "
    "From left to right: clean, noisy, your denoiser's guess, the network's.",
    titles=("clean", "noisy, x_t", "your denoiser", "the network"),
    columns=4,
    times=", ".join(map(str, some)),
)

# %% [markdown]
# And if the network draws? The same noise, the same flow:

# %% [markdown] tags=["ja"]
# では、ネットワークに描かせるとどうなるでしょうか。同じノイズから、同じ流れに沿って進みます。

# %%
with torch.no_grad():
    invented = flow(network, starts, 40)[-1]
twins, distance = nearest(invented)
plots.images(
    torch.cat([invented[:6], twins[:6]]),
    "Above: six pictures that the network makes of the same noise. "
    "Below: the nearest picture of the world. They are not the same.",
    columns=6,
)
say("The smallest distance of the twelve to a picture of the world: {d:.2f}.", d=distance.min().item())
say("That of sixteen new pictures of the same world: {d:.2f}.", d=nearest(new)[1].min().item())

# %% [markdown]
# They are about as far from the thousand as new pictures are. (The network's own training pictures were others, too many to keep.) Not all of
# them are shapes that have a name, though: asked for nothing in particular, this small network makes
# up things between a heart and a square. New is not yet good; Lab 05 gives such a network words.
#
# # Break it
#
# "A mean of pictures is a blur," somebody says. "A sharp answer must be better!" and answers with the single most
# likely picture. **Before you run the cell**, write down: will its error be smaller or larger than yours? And where will
# the two hundred walkers arrive? Then explain what you see. (What does a walker far outside take for the most likely
# point? Which of the four is never the nearest to anybody out there?)

# %% [markdown] tags=["ja"]
# 1,000 枚からの距離は、新しい画像の場合と同じくらいです。（ネットワークが学習に使った画像は別のもので、とっておくには多すぎました。）けれども、どれもが名前のある図形というわけではありません。何を描くかを言われないと、この小さなネットワークは、ハートと四角の間のようなものを作り出します。新しいからといって、よいものとは限りません。Lab 05 では、このようなネットワークに言葉を教えます。
#
# # 壊してみる
#
# 「画像の平均なんて、ぼやけているだけだ。くっきりした答えのほうがよいに決まっている！」と言って、だれかが、確率のいちばん高い 1 枚を答えることにしました。**セルを実行する前に**、予想を書いてください。誤差はあなたのデノイザーより小さくなりますか、大きくなりますか。200 人は、それぞれどこに着くでしょうか。そして、結果を説明してください。（ずっと外側にいる人にとって、確率のいちばん高い点はどれでしょうか。外側のだれからも最も近くならないのは、4 つのうちどれでしょうか。）


# %%
def likeliest(data):
    """The single most likely picture, as a denoiser."""

    def denoise(x_t, t):
        distance = torch.cdist(x_t.flatten(1), ac[t].sqrt() * data.flatten(1))
        return data[distance.argmin(dim=1)]

    return denoise


mine, theirs = (errors(denoise, new, [900])[0] for denoise in (best_of(data), likeliest(data)))
say(
    "Mean squared error at timestep 900: yours {mine:.3f}, the most likely picture {theirs:.3f}.",
    mine=mine,
    theirs=theirs,
)
paths = flow(likeliest(as_pictures(four)), as_pictures(walkers), 100).reshape(101, 200, 2)
plots.plane(four, "The same two hundred walkers, each heading for the most likely point.", paths=paths)
arrived = (paths[-1][:, None] - four).norm(dim=2).argmin(dim=1).bincount(minlength=4)
say("Arrived at each of the four points: {counts}.", counts=", ".join(map(str, arrived.tolist())))

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Kadkhodaie & Simoncelli, [Solving Linear Inverse Problems Using the Prior Implicit in a
#   Denoiser](https://arxiv.org/abs/2007.13640) (2020): Miyasawa's identity, and pictures from denoising alone.
# - Song & Ermon, [Generative Modeling by Estimating Gradients of the Data
#   Distribution](https://arxiv.org/abs/1907.05600) (2019): the score, learnt, and walks that follow it.
# - Karras et al., [Elucidating the Design Space of Diffusion-Based Generative
#   Models](https://arxiv.org/abs/2206.00364) (2022): appendix B.3 has your exercise 1 as a formula.
# - Efron, [Tweedie's Formula and Selection Bias](https://doi.org/10.1198/jasa.2011.tm11181) (2011): the same line in
#   statistics.
#
# Next: Lab 05 trains such a network from nothing, with words.
#
# ## Optional: a denoiser of photographs
#
# With a network connection, the cell below downloads `google/ddpm-cifar10-32` from the Hugging Face hub (Apache-2.0,
# about 143 MB), a network that has only ever seen small photographs, and gives it pictures of our world. It needs the
# package `diffusers`. Set `DOWNLOAD = True` first. What does it make of what it does not know?

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Kadkhodaie & Simoncelli, [Solving Linear Inverse Problems Using the Prior Implicit in a Denoiser](https://arxiv.org/abs/2007.13640) (2020)：宮沢の恒等式と、ノイズ除去だけから生まれる画像。
# - Song & Ermon, [Generative Modeling by Estimating Gradients of the Data Distribution](https://arxiv.org/abs/1907.05600) (2019)：学習したスコアと、それに沿って進む方法。
# - Karras et al., [Elucidating the Design Space of Diffusion-Based Generative Models](https://arxiv.org/abs/2206.00364) (2022)：付録 B.3 に、演習 1 の式があります。
# - Efron, [Tweedie's Formula and Selection Bias](https://doi.org/10.1198/jasa.2011.tm11181) (2011)：統計学から見た、同じ 1 行。
#
# 次の Lab 05 では、このようなネットワークを、言葉も付けて、ゼロから学習させます。
#
# ## 発展：写真のデノイザー
#
# 次のセルは、`google/ddpm-cifar10-32`（Apache-2.0、約 143 MB）を Hugging Face Hub からダウンロードします。小さな写真しか見たことのないネットワークです。それに、この世界の画像を見せてみます。ネットワーク接続とパッケージ `diffusers` が必要です。実行する前に `DOWNLOAD = True` としてください。知らないものを、どのように見るでしょうか。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "google/ddpm-cifar10-32"

if DOWNLOAD:
    from diffusers import UNet2DModel

    published = machine.place(UNet2DModel.from_pretrained(PUBLISHED))
    photographs = NetworkDenoiser(
        lambda x_t, t: published(x_t, t).sample,
        NoiseSchedule.linear(),
        "epsilon",
        clip=1.0,
    )
    rows = []
    with torch.no_grad():
        for t in (100, 300, 500):
            x_t = photographs.schedule.add_noise(data[:4], torch.randn_like(data[:4]), t)
            rows += [x_t, photographs(x_t, t)]
    plots.images(
        torch.cat(rows),
        "Four pictures at three noise levels, and below each what a network of photographs sees.",
        columns=4,
    )
