# %% [markdown]
# # Lab 05: Pictures out of noise
#
# <!-- badges -->
#
# **You will build** a denoising diffusion model (DDPM, [Ho, Jain & Abbeel 2020](https://arxiv.org/abs/2006.11239)) from
# its first line to its last, train it from nothing on two CPU cores, and ask it for "a big red star in the
# center on a dark background".
#
# | | |
# |---|---|
# | Time | about two hours, 5 to 7 minutes of which your machine computes alone; 75 minutes if you leave exercises 1, 4, 5 and 7 blank |
# | You need | Python and PyTorch; a first idea of what a convolution and a gradient are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 05：ノイズから画像へ
#
# <!-- badges -->
#
# **このラボで作るもの**：ノイズ除去拡散モデル（denoising diffusion model、[Ho, Jain & Abbeel 2020](https://arxiv.org/abs/2006.11239) の DDPM）を、最初の 1 行から最後の 1 行まで自分で書きます。CPU の 2 コアだけでゼロから学習させ、「暗い背景の中央に大きな赤い星」を描いてもらいます。
#
# | | |
# |---|---|
# | 時間 | 約 2 時間（そのうち、コンピュータの計算を待つのは 5〜7 分）。演習 1、4、5、7 を空欄にすれば約 75 分 |
# | 必要なもの | Python と PyTorch。畳み込み（convolution）と勾配（gradient）のおおよその考え方 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device

# %% [markdown]
# ## The pictures
#
# A diffusion model learns from examples and from nothing else. Ours come from a small world that the course draws
# itself: one shape, in one of eight colours, big or small, somewhere on a dark or a light background. Each picture is a
# tensor `(3, 32, 32)` with numbers in [-1, 1], and it comes with a caption, in English or in Japanese.
# `world.batch(i, n)` draws the `i`-th batch of `n`; there is no end to them.

# %% [markdown] tags=["ja"]
# ## 画像
#
# 拡散モデルは、例だけから学びます。ここで使う例は、このコースが自分で描く小さな世界の画像です。暗い背景か明るい背景のどこかに、8 色のうちの 1 色で塗られた、大きな図形か小さな図形がひとつあります。画像は形状が `(3, 32, 32)` のテンソルで、値は [-1, 1] の範囲です。それぞれに、英語か日本語のキャプション（caption）が付いています。`world.batch(i, n)` は、`i` 番目のバッチ（batch）として `n` 枚を描きます。画像が尽きることはありません。

# %%
world = World(size=32, seed=0, partial=0.0, japanese=0.25)
batch = world.batch(0, 12)
plots.images(
    batch["image"],
    "Twelve pictures of the world, each one coloured shape on a plain background.",
    columns=6,
)
for caption in batch["caption"][:6]:
    print(caption)

# %% [markdown]
# # 1. The way in: a picture dissolves
#
# **How do you destroy a picture so gently that each step could be undone?** Add a little noise, and make the picture a
# little fainter so that the whole stays within bounds; repeat a thousand times. In one step,
#
# $$ q(x_t \mid x_{t-1}) = \mathcal N\big(x_t;\ \sqrt{1 - \beta_t}\,x_{t-1},\ \beta_t I\big) \qquad \text{(DDPM, eq. 2)} $$
#
# In words: given $x_{t-1}$, draw $x_t$ from a normal distribution $\mathcal N$ whose mean is the picture made fainter,
# $\sqrt{1 - \beta_t}\,x_{t-1}$, and whose variance is $\beta_t$ ($I$: the same at every pixel, each drawn on its own).
# So $\beta_t$ says how much noise step $t$ adds. DDPM chose the simplest list that works: from $10^{-4}$ up to
# $0.02$ in equal steps. (We count timesteps from 0, as Python and every published code base do, and the paper from 1.
# In formulas $x_0$ is always the clean picture, so our first timestep, `t = 0`, is already a little noisy, and the step
# before it is the picture itself.)
#
# ### Exercise 1: <!-- exercise linear_betas -->
#
# Expect a straight line of `T` numbers.

# %% [markdown] tags=["ja"]
# # 1. 行きの道：画像が溶けていく
#
# **1 歩ずつなら元に戻せるくらい、そっと画像を壊すには、どうすればよいでしょうか。** ノイズを少し加え、全体が大きくなりすぎないように、画像を少し薄くします。これを 1000 回繰り返します。1 ステップは次のとおりです。
#
# $$ q(x_t \mid x_{t-1}) = \mathcal N\big(x_t;\ \sqrt{1 - \beta_t}\,x_{t-1},\ \beta_t I\big) \qquad \text{(DDPM, eq. 2)} $$
#
# 言葉で言うと、$x_{t-1}$ が決まれば、$x_t$ は正規分布（normal distribution）$\mathcal N$ に従う乱数です。平均は薄くした画像 $\sqrt{1 - \beta_t}\,x_{t-1}$、分散（variance）は $\beta_t$ です（$I$ は、分散がどの画素でも同じで、画素どうしが独立であることを表します）。つまり、ステップ $t$ で加えるノイズの量を表すのが $\beta_t$ です。DDPM は、うまくいく列のうちでいちばん単純なものを選びました。$10^{-4}$ から $0.02$ までの等間隔の数です。（Python や公開されているすべてのコードと同じく、ここでは時刻（timestep）を 0 から数えます。論文では 1 から数えています。式の中の $x_0$ はいつもノイズのない画像です。ですから、最初の時刻 `t = 0` にはもうわずかにノイズがあり、そのひとつ前が画像そのものです。）
#
# ### 演習 1：<!-- exercise linear_betas -->
#
# `T` 個の数が一直線に並ぶはずです。


# %%
@exercise("linear_betas")
def linear_betas(T, start, end):
    """The variances of the noise that each step adds, from `start` to `end` in equal steps.

    DDPM, section 4. T: the number of steps; start, end: in (0, 1), both included. Returns (T,) floats.
    """
    raise NotImplementedError


# %%
check(linear_betas)

# %% [markdown]
# A thousand steps need no loop. Write $\alpha_t = 1 - \beta_t$ and take two steps at once:
#
# $$ x_t = \sqrt{\alpha_t \alpha_{t-1}}\, x_{t-2} + \sqrt{\alpha_t \beta_{t-1}}\, z + \sqrt{\beta_t}\, z' $$
#
# The variances of independent noises add, $\alpha_t (1 - \alpha_{t-1}) + 1 - \alpha_t = 1 - \alpha_t \alpha_{t-1}$, so
# two steps are one step with the product of their alphas. And so on, back to the picture: with the running product
# $\bar\alpha_t = \alpha_0 \cdots \alpha_t$, which all code calls `alphas_cumprod` and this lab `ac`,
#
# $$ x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon, \qquad \epsilon \sim \mathcal N(0, I)
# \qquad \text{(DDPM, eq. 4)} $$
#
# Look at the two factors. Their squares add up to one: what the picture loses, the noise gains.

# %% [markdown] tags=["ja"]
# 1000 ステップにループはいりません。$\alpha_t = 1 - \beta_t$ として、2 ステップをまとめてみましょう。
#
# $$ x_t = \sqrt{\alpha_t \alpha_{t-1}}\, x_{t-2} + \sqrt{\alpha_t \beta_{t-1}}\, z + \sqrt{\beta_t}\, z' $$
#
# 独立なノイズの分散は足し算になり、$\alpha_t (1 - \alpha_{t-1}) + 1 - \alpha_t = 1 - \alpha_t \alpha_{t-1}$ です。つまり 2 ステップは、アルファの積を使った 1 ステップと同じです。これを画像までさかのぼります。積を $\bar\alpha_t = \alpha_0 \cdots \alpha_t$ とします。どのコードでも `alphas_cumprod` と呼ばれていて、このラボでは `ac` と書きます。すると、次の式が成り立ちます。
#
# $$ x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon, \qquad \epsilon \sim \mathcal N(0, I)
# \qquad \text{(DDPM, eq. 4)} $$
#
# 2 つの係数を見てください。2 乗の和は 1 です。画像が失った分だけ、ノイズが増えます。

# %%
T = 1000
betas = linear_betas(T, 1e-4, 0.02).to(device)
ac = (1 - betas).cumprod(dim=0)
plots.lines(
    {"picture: sqrt(ac)": (range(T), ac.sqrt()), "noise: sqrt(1 - ac)": (range(T), (1 - ac).sqrt())},
    "The picture's factor falls from 1 to {picture:.4f} over a thousand timesteps "
    "while the noise's factor rises to {noise:.2f}; they cross near timestep {crossing}.",
    xlabel="timestep t",
    ylabel="factor",
    picture=ac[-1].sqrt().item(),
    noise=(1 - ac[-1]).sqrt().item(),
    crossing=int((ac < 0.5).int().argmax()),
)

# %% [markdown] numbers={"weaker_end": [0.002, 0.003, 0.004, 0.005]}
# **Change one thing:** in the cell above, change `0.02` to `<!-- number weaker_end -->` and look again. How large is the picture's factor at
# the end? A **sampler** is what walks this road back, from pure noise to a picture: what would it then get wrong? (Set
# the number back before you go on.)
#
# ### Exercise 2: <!-- exercise add_noise -->
#
# Equation 4, for a whole batch in which **each picture has its own timestep**. `ac[t]` has the shape `(B,)`, the
# pictures `(B, 3, H, W)`: mind how the two meet.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：上のセルの `0.02` を `<!-- number weaker_end -->` に変えて、もう一度見てください。最後に画像の係数はどれくらいですか。純粋なノイズから画像まで、この道を逆向きに歩くものを**サンプラー**（sampler）と呼びます。サンプラーは、そのとき何を間違えるでしょうか。（見終わったら、元の値に戻してから先へ進んでください。）
#
# ### 演習 2：<!-- exercise add_noise -->
#
# 式 4 を、**画像ごとに時刻が違う**バッチ全体に対して計算します。`ac[t]` の形状は `(B,)` で、画像の形状は `(B, 3, H, W)` です。2 つがどう組み合わさるかに注意してください。


# %%
@exercise("add_noise")
def add_noise(x0, noise, t, ac):
    """The picture at noise level t in one jump: x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise.

    DDPM, equation 4. x0: (B, 3, H, W) in [-1, 1]; noise: the same shape, standard normal; t: int64 (B,)
    or one int, from 0; ac: (T,). Returns x_t, like x0.
    """
    raise NotImplementedError


# %%
check(add_noise)

# %% numbers={"noise": ["manual_seed(0)", "manual_seed(10)", "manual_seed(20)", "manual_seed(30)"]}
levels = torch.tensor([0, 50, 150, 300, 500, 999], device=device)
x0 = batch["image"][:1].to(device)
noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
plots.images(
    add_noise(x0.expand(6, -1, -1, -1), noise.expand(6, -1, -1, -1), levels, ac),
    "One picture at six noise levels: clear at timestep 0, still easy to make out at 300, "
    "a guess at 500, nothing but noise at 999.",
    titles=[f"t = {t}" for t in levels.tolist()],
    columns=6,
)

# %% [markdown]
# # 2. The way out: whoever knows the noise knows the picture
#
# **What should a network learn, if it is to walk this road backwards?** Given $t$, equation 4 has three unknowns, $x_t$, $x_0$ and $\epsilon$, and whoever
# knows two of them knows the third. Given $x_t$, guessing the picture and guessing the noise are the same task, written
# differently. DDPM's authors found that asking for the noise gave the better pictures (section 3.2).
# Section 6 shows what that choice quietly weighs.
#
# ### Exercise 3: <!-- exercise eps_to_x0 -->
#
# Solve equation 4 for $x_0$.

# %% [markdown] tags=["ja"]
# # 2. 帰りの道：ノイズがわかれば画像もわかる
#
# **この道を逆向きに歩くには、ネットワークは何を学べばよいでしょうか。** $t$ が決まっていれば、式 4 の未知数は $x_t$、$x_0$、$\epsilon$ の 3 つで、2 つがわかれば残りのひとつも決まります。$x_t$ がわかっているなら、画像を当てることとノイズを当てることは、書き方が違うだけで同じ問題です。DDPM の著者たちは、ノイズを当てさせるほうがよい画像になることを見つけました（3.2 節）。その選び方がひそかに何を重視しているのかは、6 節でわかります。
#
# ### 演習 3：<!-- exercise eps_to_x0 -->
#
# 式 4 を $x_0$ について解きます。


# %%
@exercise("eps_to_x0")
def eps_to_x0(eps, x_t, t, ac):
    """The clean picture that goes with x_t if its noise is eps: equation 4 solved for x0.

    DDPM, equation 15. eps, x_t: (B, 3, H, W); t: int64 (B,) or one int; ac: (T,).
    Returns the estimate of x0, like x_t.
    """
    raise NotImplementedError


# %%
check(eps_to_x0)

# %% [markdown]
# A guess of the noise is never quite right. How wrong is the picture then? Below, a guess that is 5% off, at four
# timesteps. The same small error does nothing at the start of the road and ruins the picture at its end.

# %% [markdown] tags=["ja"]
# ノイズの推定がぴったり当たることはありません。では、そのとき画像はどれくらい違ってしまうのでしょうか。下の図では、5% だけ外れた推定を、4 つの時刻で使っています。同じ小さな誤差でも、道の始まりではほとんど影響がなく、道の終わりでは画像を台なしにします。

# %% numbers={"wrong_guess": ["manual_seed(1)", "manual_seed(11)", "manual_seed(21)", "manual_seed(31)"]}
levels = torch.tensor([50, 300, 600, 900], device=device)
x_t = add_noise(x0.expand(4, -1, -1, -1), noise.expand(4, -1, -1, -1), levels, ac)
off = noise + 0.05 * torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
guesses = eps_to_x0(off, x_t, levels, ac)
errors = (guesses - x0).square().mean(dim=(1, 2, 3)).sqrt()
plots.images(
    guesses,
    "The picture that follows from a noise guess 5% off: sharp at timestep 50, unrecognisable at 900.",
    titles=[f"t = {t}" for t in levels.tolist()],
    columns=4,
)
say(
    "Root mean square error of the picture at these timesteps: {errors}.",
    errors=", ".join(f"{e:.2f}" for e in errors.tolist()),
)

# %% [markdown]
# And even a perfect network cannot name the noise: many pictures could have led to this $x_t$, and the guess of least
# square error is the mean over all of them, a blur. So the road back has many steps: we take a small one towards that
# guess, and ask again.
#
# # 3. The network
#
# **What kind of network turns a noisy picture into its noise?** It must see the whole (where is the shape?) and each
# pixel (where is its edge?), know how noisy its input is, and read the caption. The U-Net does all four:
#
# - the **way down** halves the picture again and again, so that a few convolutions see all of it;
# - the **way up** brings it back to full size, and **skips** carry the fine detail across;
# - the **timestep** is written as a vector and handed to every block;
# - the **words** come in twice: their sum travels along with the timestep, and cross-attention, which Lab 08 takes
#   apart, lets every place look them up one by one.
#
# ## The time
#
# A network that gets `t = 700` as one number can do little with it. Written as many cosines and sines, from fast to
# slow (like the hands of a clock), nearby timesteps get similar vectors and far ones different vectors. A number written
# so, as a vector, is called its **embedding**.
#
# ### Exercise 4: <!-- exercise timestep_embedding -->
#
# Cosines first, then sines. With `half = dim // 2`, frequency $i$ is $10000^{-i/\text{half}}$, for
# $i = 0, \dots, \text{half} - 1$.

# %% [markdown] tags=["ja"]
# それに、完璧なネットワークでも、ノイズを言い当てることはできません。この $x_t$ になりえた画像はたくさんあり、2 乗誤差がいちばん小さい推定は、それらすべての平均、つまりぼやけた画像だからです。そこで、帰りの道にはたくさんのステップがあります。推定のほうへ小さく 1 歩進んでは、また推定します。
#
# # 3. ネットワーク
#
# **ノイズの入った画像からノイズを取り出すのは、どのようなネットワークでしょうか。** まず、全体（図形はどこか）と 1 つ 1 つの画素（輪郭はどこか）の両方を見なければなりません。また、入力にノイズがどれくらい入っているかを知り、キャプションも読む必要があります。U-Net は、これらをすべて行います。
#
# - **下り**の道では、画像を何度も半分に縮めます。すると、少ない回数の畳み込みで全体が見渡せます。
# - **上り**の道では、画像を元の大きさに戻します。**スキップ接続**（skip connection）は、細かい部分を反対側へ運びます。
# - **時刻**はベクトルで表し、すべてのブロックに渡します。
# - **言葉**は 2 つの道から入ります。単語のベクトルの和は、時刻といっしょに渡します。さらに**クロスアテンション**（cross-attention）で、画像のどの場所からも単語を 1 つずつ調べられるようにします。その中身は Lab 08 で調べます。
#
# ## 時刻
#
# ネットワークに `t = 700` という数をひとつ渡しても、ほとんど役に立ちません。そこで、速いものから遅いものまで、時計の針のようにたくさんのコサインとサインで書きます。このように数をベクトルで表したものを、**埋め込み**（embedding）と呼びます。近い時刻は似たベクトルに、遠い時刻は違うベクトルになります。
#
# ### 演習 4：<!-- exercise timestep_embedding -->
#
# コサインをすべて並べてから、サインを並べます。`half = dim // 2` とすると、$i$ 番目の周波数は $10000^{-i/\text{half}}$ です（$i = 0, \dots, \text{half} - 1$）。


# %%
@exercise("timestep_embedding")
def timestep_embedding(t, dim):
    """A timestep as `dim` numbers: a clock with many hands.

    Vaswani et al. 2017, section 3.5, in another order. t: (B,), whole or fractional steps; dim: even.
    Returns (B, dim) floats in [-1, 1]: the cosines of t times each frequency 10000^(-i / (dim / 2)),
    i = 0, 1, ..., then the sines.
    """
    raise NotImplementedError


# %%
check(timestep_embedding)

# %%
some = torch.tensor([0, 10, 20, 100, 200, 500, 999])
vectors = F.normalize(timestep_embedding(some, 64), dim=-1)
names = [f"t = {t}" for t in some.tolist()]
plots.heatmap(
    vectors @ vectors.T,
    "How alike the vectors of seven timesteps are: "
    "each is most like itself, and mostly near ones are more alike than far ones. "
    "Look for the exceptions: there the fast hands happen to agree.",
    rows=names,
    columns=names,
)

# %% [markdown]
# ## The block
#
# A U-Net is one block, repeated: the **residual block**. It corrects its input by two convolutions and adds the correction to what came in:
# whatever the block has nothing to say about passes through unchanged. Between the two convolutions it hears the time,
# one number for each channel, the same at every pixel. Before each of the two stand a **norm** (group
# normalisation: each group of channels gets mean 0 and variance 1, then each channel its learnt scale and shift) and
# **SiLU** (a number times its sigmoid, a smooth ReLU).
#
# ```text
# x ──► norm1 ─► SiLU ─► conv1 ─► (+) ─► norm2 ─► SiLU ─► conv2 ─► (+) ──►
# │                                ▲                                ▲
# │              temb ─► SiLU ─► time_proj                          │
# └───────────────────────────── skip ──────────────────────────────┘
# ```
#
# ### Exercise 5: <!-- exercise ResBlock -->
#
# `norm1`, `norm2`: `nn.GroupNorm` with 8 groups and eps 1e-5. `conv1`, `conv2`: 3x3, padding 1. `time_proj`:
# `nn.Linear(time_dim, out_channels)`. `skip`: a 1x1 convolution where the channels differ, else `nn.Identity()`. Once
# it is right, and with 32 groups in place of 8, it is the block inside Stable Diffusion.

# %% [markdown] tags=["ja"]
# ## ブロック
#
# U-Net は、ひとつのブロックの繰り返しです。この**残差ブロック**（residual block）は、2 回の畳み込みで入力への補正を作り、それを元の入力に足します。ですから、補正がゼロのところでは、入力（またはその 1x1 畳み込み）がそのまま先へ伝わります。2 回の畳み込みの間に、時刻を受け取ります。チャンネルごとにひとつの数で、どの画素でも同じです。どちらの畳み込みの前にも、**グループ正規化**（group normalisation。チャンネルのグループごとに平均を 0、分散を 1 にそろえ、学習した倍率とずれをチャンネルごとに付けます）と **SiLU**（数にそのシグモイド（sigmoid）を掛けたもので、滑らかな ReLU です）があります。
#
# ```text
# x ──► norm1 ─► SiLU ─► conv1 ─► (+) ─► norm2 ─► SiLU ─► conv2 ─► (+) ──►
# │                                ▲                                ▲
# │              temb ─► SiLU ─► time_proj                          │
# └───────────────────────────── skip ──────────────────────────────┘
# ```
#
# ### 演習 5：<!-- exercise ResBlock -->
#
# `norm1` と `norm2` は 8 グループ、eps 1e-5 の `nn.GroupNorm` です。`conv1` と `conv2` は 3x3 の畳み込みで、padding は 1 です。`time_proj` は `nn.Linear(time_dim, out_channels)` です。`skip` は、チャンネル数が違うときは 1x1 の畳み込み、同じときは `nn.Identity()` です。正しく書けると、8 グループを 32 グループに変えるだけで、Stable Diffusion の中のブロックになります。


# %%
@exercise("ResBlock")
class ResBlock(nn.Module):
    """The residual block of a U-Net: two convolutions that correct x, told what time it is.

    DDPM, appendix B. x: (B, in_channels, H, W) and temb: (B, time_dim) give (B, out_channels, H, W).
    Channels are multiples of 8. With the same weights it equals diffusers' ResnetBlock2D.
    """

    def __init__(self, in_channels, out_channels, time_dim):
        raise NotImplementedError

    def forward(self, x, temb):
        raise NotImplementedError


# %%
check(ResBlock)

# %% [markdown]
# ## The whole
#
# Now your block and your embedding go into the course's U-Net. The class is the one that holds Stable Diffusion's
# 859,520,964 weights; ours differs in its settings only. `patch_size=2` folds each 2x2 patch of pixels into channels
# first, which leaves four times fewer places to compute at. The last two settings of `config` below, which Stable Diffusion does
# without, help a network that has minutes instead of weeks: `pooled_context` adds the sum of the words to the time embedding, so that **your** block hears them too, and
# `positions` tells the attention where in the picture it is.

# %% [markdown] tags=["ja"]
# ## 全体
#
# では、あなたのブロックと埋め込みを、このコースの U-Net に入れましょう。このクラスは、Stable Diffusion の 859,520,964 個の重みが入るクラスと同じものです。違うのは設定だけです。`patch_size=2` は、まず 2x2 画素のパッチをチャンネルに折りたたみます。計算する場所は 4 分の 1 になります。下の `config` の最後の 2 つの設定は Stable Diffusion では使われませんが、何週間ではなく数分しか学習しないネットワークのための助けです。`pooled_context` は言葉の和を時刻の埋め込みに足すので、**あなたの**ブロックにも言葉が届きます。`positions` は、画像のどこを見ているのかをアテンション（attention）に教えます。

# %%
config = UNetConfig(
    block_out_channels=(32, 32, 64),
    attention=(False, False, True),
    cross_attention_dim=64,
    patch_size=2,
    ff_multiple=2,
    pooled_context=True,
    positions=True,
)
tokenizer = CLIPTokenizer.train(vocabulary(), context_length=24)


class Painter(nn.Module):
    """A U-Net and the text encoder that tells it what to paint."""

    def __init__(self):
        super().__init__()
        self.text_encoder = TextEncoder(TextConfig(len(tokenizer.vocab), context_length=24, width=64))
        self.unet = UNet(config, res_block=ResBlock, embed_time=timestep_embedding)

    def forward(self, x_t, t, captions):
        context = self.text_encoder(tokenizer(captions).to(x_t.device))  # (B, 24, 64)
        return self.unet(x_t, t, context)  # (B, 3, 32, 32)


machine.seed(5)
painter = machine.place(Painter())
for name, part in painter.unet.named_children():
    say("{name:15} {count:>9,} weights", name=name, count=sum(p.numel() for p in part.parameters()))
say(
    "{name:15} {count:>9,} weights",
    name="text_encoder",
    count=sum(p.numel() for p in painter.text_encoder.parameters()),
)
print(tokenizer.tokens("a big red star on a dark background"), tokenizer.tokens("暗い背景に大きな赤い星"))

# %% [markdown]
# # 4. Learning
#
# **What does it cost to be wrong about the noise?** Its mean square. Ho et al. began with a bound on the likelihood of
# the data (the variational lower bound) with a weight for every timestep, threw all weights away, and found that the pictures got better:
#
# $$ L_\text{simple} = \mathbb E_{t,\,x_0,\,\epsilon}\ \big\lVert \epsilon - \epsilon_\theta\big(\sqrt{\bar\alpha_t}\,x_0 +
# \sqrt{1 - \bar\alpha_t}\,\epsilon,\ t\big) \big\rVert^2 \qquad \text{(DDPM, eq. 14)} $$
#
# ### Exercise 6: <!-- exercise ddpm_loss -->

# %% [markdown] tags=["ja"]
# # 4. 学習
#
# **ノイズの推定を間違えると、どれだけの損失（loss）になるでしょうか。** 誤差の 2 乗の平均です。Ho らは、データの尤度（likelihood）の変分下界（variational lower bound）から出発しました。その式には、時刻ごとに重みが付いています。ところが、重みをすべて捨ててみると、画像はかえってよくなりました。
#
# $$ L_\text{simple} = \mathbb E_{t,\,x_0,\,\epsilon}\ \big\lVert \epsilon - \epsilon_\theta\big(\sqrt{\bar\alpha_t}\,x_0 +
# \sqrt{1 - \bar\alpha_t}\,\epsilon,\ t\big) \big\rVert^2 \qquad \text{(DDPM, eq. 14)} $$
#
# ### 演習 6：<!-- exercise ddpm_loss -->


# %%
@exercise("ddpm_loss")
def ddpm_loss(net, x0, t, noise, ac):
    """How far the network's guess of the noise is from the noise that was added (DDPM, equation 14).

    net(x_t, t) gives a guess like x_t; x0: (B, 3, H, W) in [-1, 1]; t: int64 (B,) or one int;
    noise: like x0; ac: (T,). Returns a 0-d tensor, the mean squared error over everything, from which
    `backward()` reaches the network's weights.
    """
    raise NotImplementedError


# %%
check(ddpm_loss)

# %% [markdown]
# A network that knows nothing and answers 0 has a loss of 1, the variance of the noise. Keep that number in mind: it is
# where every model that predicts the noise starts, if its last layer starts at zero.
#
# ### Exercise 7: <!-- exercise training_step -->
#
# One step of DDPM's algorithm 1: loss, gradient, update. `optimizer` is any optimizer of PyTorch's kind. `net` is a plain
# function, as the loop below gives one: it can be called, `net(x_t, t)`, and nothing else.

# %% [markdown] tags=["ja"]
# 何も知らずに 0 と答えるネットワークの損失は 1、つまりノイズの分散です。この数を覚えておいてください。ノイズを当てるモデルは、最後の層がゼロから始まるなら、どれもここから始まります。
#
# ### 演習 7：<!-- exercise training_step -->
#
# DDPM のアルゴリズム 1 の 1 ステップです。損失、勾配、更新の順に進みます。`optimizer` は PyTorch のオプティマイザ（optimizer）です。`net` は、下のループが渡すとおり、ただの関数です。`net(x_t, t)` と呼ぶことしかできません。


# %%
@exercise("training_step")
def training_step(net, optimizer, x0, t, noise, ac):
    """One step of training: look at the error, find out which way is down, go there (DDPM, algorithm 1).

    net, x0, t, noise, ac: as in ddpm_loss; optimizer: one of torch.optim, over net's parameters, which
    change. Returns the loss before the step, one number.
    """
    raise NotImplementedError


# %%
check(training_step)

# %% [markdown]
# Now the loop. Each step draws a new batch, a timestep and a noise for each picture, and calls **your**
# `training_step`. Five things around it come from practice and not from the paper's algorithm:
#
# - the timesteps of a batch are drawn one from each of 32 equal parts of the road, so that every batch sees the whole of
#   it and the loss jumps less;
# - one caption in ten is left empty, so that the model also learns to paint without being told what; section 5 needs
#   that;
# - the optimizer is **Muon** ([Jordan et al. 2024](https://kellerjordan.github.io/posts/muon/)). The gradient of a
#   weight matrix points mostly along a few loud directions, such as the background's; what a rare word asks for is a
#   faint one. Muon moves weight matrices about equally far along each, and its authors suspect that this is why it
#   learns sooner. Biases, norms, embeddings and the first and last layer stay with AdamW;
# - the learning rate rises for a moment and then falls towards zero, because small steps at the end leave less noise in
#   the weights;
# - a **running average** of the weights is kept, and it is the average that paints (DDPM does so too, appendix B). After each
#   step it moves a little towards them, $\bar\theta \leftarrow k\,\bar\theta + (1 - k)\,\theta$. Here $k = \min\big(0.995, \tfrac{1 + n}{10 + n}\big)$ after step $n$, which makes it
#   roughly the mean over the last ninth of the training so far: what one batch did to the weights and the next undid cancels out. Section 6 measures what that is worth.
#
# First, ten steps by the clock. If your machine would need more than eight minutes for this lab's training, the cell
# says so, and what to do.

# %% [markdown] tags=["ja"]
# 次はループです。各ステップでは、新しいバッチと、画像ごとの時刻とノイズを乱数で選び、**あなたの** `training_step` を呼びます。まわりにある次の 5 つは、論文のアルゴリズムではなく、実践から生まれた工夫です。
#
# - バッチの時刻は、道を 32 等分した区間からひとつずつ選びます。どのバッチも道の全体を見るので、損失の揺れが小さくなります。
# - キャプションの 10 個に 1 個は空にします。何を描くか言われなくても描けるようにするためです。これは 5 節で必要になります。
# - 最適化には **Muon** を使います（[Jordan et al. 2024](https://kellerjordan.github.io/posts/muon/)）。重み行列の勾配は、たいてい背景の色のような目立つ少数の方向を向いています。めったに出ない言葉が求めるものは、かすかな方向にしか現れません。Muon は、重み行列をどの方向にもほぼ同じだけ動かします。学習が速いのはそのためだろう、と著者たちは考えています。バイアス、正規化、埋め込み、最初と最後の層は AdamW が受け持ちます。
# - 学習率（learning rate）は少しの間だけ上がり、そのあとゼロに向かって下がります。終わりの歩幅が小さいと、重みに残るノイズが減るからです。
# - 重みの**移動平均**（running average）をとっておきます。絵を描くのは、この平均のほうです（DDPM も同じです。付録 B）。1 ステップごとに、$\bar\theta \leftarrow k\,\bar\theta + (1 - k)\,\theta$ として、重みのほうへ少しだけ動かします。$n$ ステップ目では $k = \min\big(0.995, \tfrac{1 + n}{10 + n}\big)$ で、およそ、それまでの学習の最後の 9 分の 1 の平均になります。あるバッチが重みを動かし、次のバッチが戻した分は、打ち消し合います。その価値は 6 節で測ります。
#
# まず、10 ステップにかかる時間を計ります。このラボの学習に 8 分より長くかかりそうなら、次のセルがそう知らせ、どうすればよいかを示します。

# %% tags=["nbval-ignore-output"]
FIRST_STEPS = budget(lesson=60, ci=6)
STEPS = budget(lesson=1500, ci=12)
BATCH = 32


def learn(model, optimizer, step, take_step=training_step, betas=betas):
    """The step-th training step: all its chance comes from the number of the step."""
    ac = (1 - betas).cumprod(dim=0)
    chance = torch.Generator().manual_seed(step)
    batch = world.batch(step, BATCH, device)
    # One timestep in each of BATCH equal parts of the road.
    parts = (torch.arange(BATCH) + torch.rand(BATCH, generator=chance)) / BATCH
    t = (T * parts).long().to(device)
    noise = torch.randn(BATCH, 3, 32, 32, generator=chance).to(device)
    empty = (torch.rand(BATCH, generator=chance) < 0.1).tolist()
    captions = ["" if e else caption for e, caption in zip(empty, batch["caption"], strict=True)]
    return take_step(lambda x_t, t: model(x_t, t, captions), optimizer, batch["image"], t, noise, ac)


def train(model, steps, take_step=training_step, betas=betas):
    """The whole training; returns the running average of the model and the loss of each step."""
    optimizer = Muon(model, lr=3e-3)

    def rate(step):
        return min(1, 8 * (step + 1) / steps) * (0.505 + 0.495 * math.cos(math.pi * step / steps))

    warm_then_cool = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    average = Average(model, decay=0.995)
    losses = []
    for step in tqdm(range(steps)):
        losses.append(float(learn(model, optimizer, step, take_step, betas)))
        warm_then_cool.step()
        average.update(step + 1)
    return average.model, losses


machine.seed(5)
trial = machine.place(Painter())
trial_optimizer = Muon(trial)
minutes = pace(
    lambda step: learn(trial, trial_optimizer, step),
    FIRST_STEPS + STEPS,
    checkpoint="shapes-pixel",
)

# %% [markdown]
# Less than a minute of it, for a first look.

# %% [markdown] tags=["ja"]
# まずは 1 分足らずだけ学習して、様子を見てみましょう。

# %% tags=["nbval-ignore-output"]
first, losses = train(painter, FIRST_STEPS)
plots.loss_curve(losses)

# %% [markdown]
# It starts at 1, as it should, and falls fast. Does that mean that the model can paint? For an answer, it has to walk
# back.
#
# # 5. The way back
#
# **How do you step from $x_t$ to $x_{t-1}$ with a guess of the noise in hand?** If you knew $x_0$, Bayes' rule would
# tell you how likely each place is from which you may have come: a Gaussian with a known mean and variance (the
# **posterior**, DDPM, eqs. 6-7). You do not know $x_0$, but the network's guess of the noise gives one, $\hat x_0$, by your exercise 3:
#
# $$ \tilde\mu_t(x_t, \hat x_0) = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1 - \bar\alpha_t}\, \hat x_0 + \frac{\sqrt{\alpha_t}\,
# (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t}\, x_t, \qquad \hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\, \epsilon_\theta}
# {\sqrt{\bar\alpha_t}} $$
#
# Put the second into the first, with $\sqrt{\bar\alpha_{t-1}} / \sqrt{\bar\alpha_t} = 1 / \sqrt{\alpha_t}$. Because
# $\beta_t + \alpha_t = 1$, the factors of $x_t$ add up to
# $\big(\beta_t + \alpha_t - \bar\alpha_t\big) / \big(\sqrt{\alpha_t}\,(1 - \bar\alpha_t)\big) = 1 / \sqrt{\alpha_t}$;
# the factor of $\epsilon_\theta$ is $-\beta_t / \big(\sqrt{\alpha_t} \sqrt{1 - \bar\alpha_t}\big)$. The variance is the
# other half of Bayes' answer (eq. 7), and there is algorithm 2:
#
# $$ x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \epsilon_\theta \Big) + \sigma_t z,
# \qquad \sigma_t^2 = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t, \qquad z \sim \mathcal N(0, I) $$
#
# with no noise added in the last step, which leads to the picture itself.
#
# ### Exercise 8: <!-- exercise ddpm_step -->
#
# `t` is one int, counted from 0; the step from `t = 0` gives the finished picture.

# %% [markdown] tags=["ja"]
# 損失は予想どおり 1 から始まり、急に下がります。では、このモデルはもう絵を描けるのでしょうか。確かめるには、帰り道を歩かせなければなりません。
#
# # 5. 帰り道を歩く
#
# **ノイズの推定が手元にあるとき、$x_t$ から $x_{t-1}$ へはどう進むのでしょうか。** もし $x_0$ を知っていれば、どの場所から来たのがどれくらい確からしいかを、ベイズの定理が教えてくれます。それは、平均と分散のわかっているガウス分布です（**事後分布**（posterior）、DDPM の式 6 と 7）。$x_0$ はわかりませんが、ネットワークによるノイズの推定と演習 3 の式から、推定値（estimate）$\hat x_0$ が作れます。
#
# $$ \tilde\mu_t(x_t, \hat x_0) = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1 - \bar\alpha_t}\, \hat x_0 + \frac{\sqrt{\alpha_t}\,
# (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t}\, x_t, \qquad \hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\, \epsilon_\theta}
# {\sqrt{\bar\alpha_t}} $$
#
# $\sqrt{\bar\alpha_{t-1}} / \sqrt{\bar\alpha_t} = 1 / \sqrt{\alpha_t}$ に注意して、2 つめの式を 1 つめに代入します。$\beta_t + \alpha_t = 1$ なので、$x_t$ の係数の和は $\big(\beta_t + \alpha_t - \bar\alpha_t\big) / \big(\sqrt{\alpha_t}\,(1 - \bar\alpha_t)\big) = 1 / \sqrt{\alpha_t}$ です。$\epsilon_\theta$ の係数は $-\beta_t / \big(\sqrt{\alpha_t} \sqrt{1 - \bar\alpha_t}\big)$ になります。分散もベイズの定理から求まり（式 7）、アルゴリズム 2 が得られます。
#
# $$ x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \epsilon_\theta \Big) + \sigma_t z,
# \qquad \sigma_t^2 = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t, \qquad z \sim \mathcal N(0, I) $$
#
# ただし、最後のステップではノイズを加えません。そこで画像が完成します。
#
# ### 演習 8：<!-- exercise ddpm_step -->
#
# `t` は 0 から数える整数ひとつです。`t = 0` のステップで画像が完成します。


# %%
@exercise("ddpm_step")
def ddpm_step(eps, x_t, t, betas, noise):
    """One step of sampling, x_t -> x_{t-1}.

    DDPM, algorithm 2, with the posterior variance of equation 7. eps: the network's guess of the noise in
    x_t; eps, x_t, noise: (B, 3, H, W), noise standard normal; t: one int, from 0; betas: (T,). Returns
    x_{t-1}; at t = 0, the finished picture, without fresh noise.
    """
    raise NotImplementedError


# %%
check(ddpm_step)

# %% [markdown]
# A thousand steps of your function, from pure noise to a picture. (On two CPU cores such a walk, with up to eight
# pictures, takes less than a minute, and the bar counts along; section 6 and "Break it" take one more each.) The network is asked twice
# in each step: once with the caption, once without, and the difference is taken a little further than the caption alone
# would go. That is **classifier-free guidance** ([Ho & Salimans 2022](https://arxiv.org/abs/2207.12598), eq. 6; our
# `guidance_scale` is their 1 + w); Lab 08 will be about it.

# %% [markdown] tags=["ja"]
# 純粋なノイズから画像まで、あなたの関数で 1000 ステップ進みます。（CPU の 2 コアなら、8 枚の画像でも 1 分かかりません。どこまで進んだかはバーでわかります。6 節と「壊してみる」でも 1 回ずつ、同じように歩きます。）ネットワークには、ステップごとに 2 回たずねます。1 回はキャプションを付けて、もう 1 回は付けずにです。そして、その差の方向へ、キャプションだけの場合よりも少し先まで進みます。これが**分類器なしガイダンス**（classifier-free guidance、[Ho & Salimans 2022](https://arxiv.org/abs/2207.12598) の式 6。このコースの `guidance_scale` は論文の 1 + w にあたります）です。Lab 08 で詳しく学ぶ予定です。


# %% numbers={"walk": ["seed=0", "seed=1", "seed=2", "seed=3"]}
@torch.no_grad()
def guess_noise(model, x_t, t, captions, predicts="noise", ac=ac, guidance_scale=2.0):
    """The guess of the noise (B, 3, H, W), pushed from that for any picture towards what is asked for."""
    times = torch.full((2 * len(x_t),), t, device=x_t.device)
    without, told = model(torch.cat([x_t, x_t]), times, [""] * len(captions) + captions).chunk(2)
    guess = without + guidance_scale * (told - without)
    if predicts == "picture":  # equation 4 once more, solved for the noise; section 6 needs it
        guess = (x_t - ac[t].sqrt() * guess.clamp(-1, 1)) / (1 - ac[t]).sqrt()
    return guess


# A walk visits all timesteps; under the small budget, where the models have hardly learnt anything and a
# walk only has to run, every fiftieth.
STRIDE = budget(lesson=1, ci=50)


def sample(model, captions, seed=0, step=ddpm_step, predicts="noise", betas=betas, keep=()):
    """Walks from noise to pictures (B, 3, 32, 32).

    Also returns x_t and the guessed picture at the times in `keep`.
    """
    ac = (1 - betas).cumprod(dim=0)
    chance = torch.Generator().manual_seed(seed)
    x_t = torch.randn(len(captions), 3, 32, 32, generator=chance).to(device)
    kept = []
    times = sorted({*range(0, T, STRIDE), *keep}, reverse=True)  # T - 1, ..., 1, 0
    for t in tqdm(times):
        eps = guess_noise(model, x_t, t, captions, predicts, ac)
        if t in keep:
            kept += [x_t[:1], eps_to_x0(eps, x_t, t, ac)[:1].clamp(-1, 1)]
        x_t = step(eps, x_t, t, betas, torch.randn(x_t.shape, generator=chance).to(device))
    return x_t.clamp(-1, 1), kept


prompts = [
    "a big red star in the center on a dark background",
    "a small blue circle at the top left on a light background",
    "a big green heart in the center on a light background",
    "a big yellow ring at the bottom on a dark background",
    "暗い背景の左上に大きな赤い星",
    "明るい背景の中央に大きな紫の四角",
]
for prompt in prompts:
    print(prompt)

# %% tags=["nbval-ignore-output"]
pictures, _ = sample(first, prompts[:2])
plots.images(
    pictures,
    "Two prompts after a first look at the training: still nothing but noise.",
    columns=2,
)

# %% [markdown]
# # 6. A better question
#
# The loss fell to about a quarter in sixty steps, and the pictures are noise still. Sixty steps are few; but the loss is
# no help in telling how far we are. **What does it care about?** Write equation 4 for $(x_0, \epsilon)$ and for the
# guesses $(\hat x_0, \hat\epsilon)$ with the same $x_t$, and subtract:
# $\sqrt{1 - \bar\alpha_t}\,(\epsilon - \hat\epsilon) = -\sqrt{\bar\alpha_t}\,(x_0 - \hat x_0)$. So an error in the noise
# *is* an error in the picture, only weighed,
#
# $$ \lVert \epsilon - \hat\epsilon \rVert^2 = \mathrm{SNR}(t)\, \lVert x_0 - \hat x_0 \rVert^2, \qquad
# \mathrm{SNR}(t) = \frac{\bar\alpha_t}{1 - \bar\alpha_t} $$
#
# and the weight, the signal-to-noise ratio, falls by a factor of more than 200 million along the road. Where the noise is strong,
# and the words are all there is to go by, a wrong picture costs nothing. Stable Diffusion 1, which was trained on the noise
# too, learnt its words all the same, in weeks on hundreds of GPUs. We have a few minutes, so we ask another question: **guess the picture**, and weigh all timesteps about alike,
# by SNR + 1 but no more than 5. ([Hang et al. 2023](https://arxiv.org/abs/2303.09556)
# put a ceiling of 5 on the SNR itself; with SNR + 1 the noisiest timesteps keep a weight of 1.)

# %% [markdown] tags=["ja"]
# # 6. もっとよい問い
#
# 損失は 60 ステップで 4 分の 1 ほどに下がりましたが、画像はまだノイズのままです。60 ステップはたしかに短いのですが、損失を見ても、どこまで来たのかはわかりません。**この損失は何を気にしているのでしょうか。** 同じ $x_t$ について、$(x_0, \epsilon)$ の式 4 から、推定 $(\hat x_0, \hat\epsilon)$ の式 4 を引いてみましょう。$\sqrt{1 - \bar\alpha_t}\,(\epsilon - \hat\epsilon) = -\sqrt{\bar\alpha_t}\,(x_0 - \hat x_0)$ となり、ノイズの誤差は画像の誤差に重みを付けたものだとわかります。
#
# $$ \lVert \epsilon - \hat\epsilon \rVert^2 = \mathrm{SNR}(t)\, \lVert x_0 - \hat x_0 \rVert^2, \qquad
# \mathrm{SNR}(t) = \frac{\bar\alpha_t}{1 - \bar\alpha_t} $$
#
# この重みが信号対雑音比（signal-to-noise ratio）で、道を進むあいだに 2 億分の 1 より小さくなります。ノイズが強く、言葉だけが頼りになるところでは、画像を間違えても損失はほとんど増えません。同じようにノイズを当てる Stable Diffusion 1 は、それでも何百台もの GPU で何週間もかけて言葉を覚えました。わたしたちには数分しかありません。そこで問いを変えて、**画像そのものを当てさせます**。そして、どの時刻もほぼ同じ重みで数えます。重みは SNR + 1 で、上限は 5 です（[Hang et al. 2023](https://arxiv.org/abs/2303.09556) は SNR そのものに 5 の上限を付けました。SNR + 1 なら、ノイズがもっとも強い時刻にも重み 1 が残ります）。

# %%
snr = ac / (1 - ac)
plots.lines(
    {"noise: SNR": (range(T), snr), "picture: SNR + 1, at most 5": (range(T), (snr + 1).clamp(max=5))},
    "How much an error in the picture counts at each timestep. "
    "Asked for the noise, 200 million times more at the start of the road than at its end; "
    "asked for the picture, never more than five times.",
    xlabel="timestep t",
    ylabel="weight",
    log="y",
)

# %% [markdown]
# ## The third question
#
# Why SNR + 1? It is what a third question weighs by, the **velocity** ([Salimans & Ho 2022](https://arxiv.org/abs/2202.00512),
# section 4 and appendix D), with which the 768-pixel version of Stable Diffusion 2 was finished:
#
# $$ v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1 - \bar\alpha_t}\,x_0 $$
#
# Near the picture $v$ is the noise, near the noise it is minus the picture: everywhere it asks for what cannot be seen. And $v$ holds all
# of the answer. Put equation 4 beside it, and $\sqrt{\bar\alpha_t}\,x_t - \sqrt{1 - \bar\alpha_t}\,v = \bar\alpha_t\,x_0 + (1 - \bar\alpha_t)\,x_0 = x_0$.
# Now let $x_0$ be wrong, with $x_t$ as it is: the noise is wrong by $\sqrt{\bar\alpha_t} / \sqrt{1 - \bar\alpha_t}$ of that, the other way round,
# so $v$ is wrong by $\frac{\bar\alpha_t}{\sqrt{1 - \bar\alpha_t}} + \sqrt{1 - \bar\alpha_t} = \frac{1}{\sqrt{1 - \bar\alpha_t}}$ of it. Squared, that is
# $\frac{1}{1 - \bar\alpha_t} = \mathrm{SNR}(t) + 1$. Three questions, one answer, three weights. Believe it after measuring:

# %% [markdown] tags=["ja"]
# ## 3 つめの問い
#
# なぜ SNR + 1 なのでしょうか。これは、3 つめの問いである**速度**（velocity）の重みです（[Salimans & Ho 2022](https://arxiv.org/abs/2202.00512) の 4 節と付録 D）。Stable Diffusion 2 の 768 画素版は、この問いで仕上げられました。
#
# $$ v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1 - \bar\alpha_t}\,x_0 $$
#
# 画像の近くでは $v$ はほとんどノイズで、ノイズの近くではほとんど画像のマイナスです。つまり、どこでも、目に見えないほうをたずねています。しかも、$v$ がわかれば、すべてがわかります。式 4 と並べると、$\sqrt{\bar\alpha_t}\,x_t - \sqrt{1 - \bar\alpha_t}\,v = \bar\alpha_t\,x_0 + (1 - \bar\alpha_t)\,x_0 = x_0$ です。次に、$x_t$ はそのままで、$x_0$ の推定が間違っているとしましょう。ノイズの推定は、その誤差の $\sqrt{\bar\alpha_t} / \sqrt{1 - \bar\alpha_t}$ 倍だけ、逆向きにずれます。ですから $v$ のずれは、$\frac{\bar\alpha_t}{\sqrt{1 - \bar\alpha_t}} + \sqrt{1 - \bar\alpha_t} = \frac{1}{\sqrt{1 - \bar\alpha_t}}$ 倍になります。2 乗すると $\frac{1}{1 - \bar\alpha_t} = \mathrm{SNR}(t) + 1$ です。問いは 3 つ、答えはひとつ、重みは 3 通り。測って確かめましょう。

# %%
some = torch.tensor([50, 500, 950], device=device)
generators = [torch.Generator().manual_seed(i) for i in range(3)]
x0, noise, guess = (torch.randn(3, 3, 32, 32, generator=g).to(device) for g in generators)
root, rest = ac[some].sqrt().reshape(-1, 1, 1, 1), (1 - ac[some]).sqrt().reshape(-1, 1, 1, 1)
x_t = root * x0 + rest * noise
velocity, guessed_velocity = (root * (x_t - root * x) / rest - rest * x for x in (x0, guess))
difference = (root * x_t - rest * velocity - x0).abs().max().item()
say("The picture from the velocity is off by {d:.4f}.", d=difference)
for i, t in enumerate(some.tolist()):
    ratio = (velocity - guessed_velocity)[i].square().mean() / (x0 - guess)[i].square().mean()
    say("t = {t}: the velocity's error is {ratio:.2f} times the picture's; SNR + 1 is {weight:.2f}.",
        t=t, ratio=ratio.item(), weight=1 + snr[t].item())  # fmt: skip

# %% [markdown]
# So the step below trains the velocity's question in the picture's words, with a ceiling. Your `training_step` need not
# change for that: it squares the answer minus the noise, so we give it the answer noise + $\sqrt w$ (net - $x_0$). The
# noise drops out, and $w\,(\text{net} - x_0)^2$ is left:

# %% [markdown] tags=["ja"]
# ですから、次の学習ステップは、速度の問いを画像の言葉で言い換えて、上限を付けたものです。そのために、あなたの `training_step` を変える必要はありません。この関数は、答えからノイズを引いて 2 乗します。そこで、「ノイズ + $\sqrt w$（ネットワークの出力 - $x_0$）」を答えとして渡します。ノイズは打ち消され、$w\,(\text{net} - x_0)^2$ が残ります（net はネットワークの出力です）。


# %%
def better_step(net, optimizer, x0, t, noise, ac):
    """Your training_step, asked for the picture: the noise cancels; the loss is weight * (net - x0)^2."""
    weight = (1 / (1 - ac[t])).clamp(max=5)  # 1 / (1 - ac) is SNR + 1
    weight = weight.reshape(-1, 1, 1, 1)  # (B, 1, 1, 1)

    def picture_error(x_t, t):
        return noise + weight.sqrt() * (net(x_t, t) - x0)

    return training_step(picture_error, optimizer, x0, t, noise, ac)


# %% [markdown]
# **And where along the road do we practise?** Each timestep is drawn equally often, so the list of betas decides. With
# the linear list, on more than half of the road less than a tenth of the picture's variance is left. At the very end of
# it the best answer is one mean picture for each caption, learnt soon, and practised over and over. Nichol & Dhariwal ([2021](https://arxiv.org/abs/2102.09672), section 3.2) noticed, and proposed a list
# whose $\bar\alpha_t$ falls like a squared cosine. It spends its steps in the middle, where a shape is neither plain
# to see nor lost, and where the words can decide which one it was.

# %% [markdown] tags=["ja"]
# **では、道のどのあたりで練習するのでしょうか。** どの時刻も同じ回数だけ選ばれますから、それを決めるのはベータの列です。線形の列では、道の半分以上で、画像の分散が 10 分の 1 も残っていません。道の終わりでのいちばんよい答えは、キャプションごとの平均的な画像ひとつです。これはすぐに覚えられますから、同じ練習を何百回も繰り返すことになります。Nichol と Dhariwal（[2021](https://arxiv.org/abs/2102.09672)、3.2 節）はこれに気づき、$\bar\alpha_t$ がコサイン（cosine）の 2 乗のように減る列を提案しました。この列は、道の中ほどに多くのステップを使います。そこでは、形ははっきりとは見えませんが、失われてもいません。どの形だったのかを、言葉で決められるところです。

# %%
from t2ilab.diffusion.schedule import NoiseSchedule

cosine_betas = NoiseSchedule.cosine(T).betas.to(betas)
cosine_ac = (1 - cosine_betas).cumprod(dim=0)
plots.lines(
    {"linear": (range(T), ac.cpu()), "cosine": (range(T), cosine_ac.cpu())},
    "How much of the picture's variance is left in x_t. The linear list falls early and fast, "
    "the cosine list slowly, with most of its timesteps in the middle.",
    xlabel="timestep t",
    ylabel="share of the picture's variance",
)
say(
    "Less than a tenth of the picture's variance is left at {linear:.0%} of the linear list's timesteps, "
    "at {cosine:.0%} of the cosine's.",
    linear=(ac < 0.1).float().mean().item(),
    cosine=(cosine_ac < 0.1).float().mean().item(),
)

# %% [markdown]
# Now the long training. It takes about as long as the ten steps by the clock foretold. Its loss is another one than that
# of section 4: it is about the picture, and weighted. So do not look for the 1 of section 4 here (a network that answers
# 0 pays the weight times the picture's mean square), and do not compare the two curves.

# %% [markdown] tags=["ja"]
# では、長い学習です。先ほど 10 ステップから見積もったくらいの時間がかかります。この損失は 4 節のものとは別で、画像の誤差に重みを付けたものです。ですから、4 節の 1 という数は、ここでは目安になりません（0 と答えるネットワークの損失は、画像の 2 乗の平均に重みを掛けたものになります）。2 つの曲線を比べることもできません。

# %% tags=["nbval-ignore-output"]
machine.seed(5)
painter = machine.place(Painter())
model, losses = train(painter, STEPS, better_step, cosine_betas)
plots.loss_curve(losses)

# %% tags=["nbval-ignore-output"]
moments = (999, 800, 600, 400, 200, 50, 0)
walked = [*prompts[:2], "", "", *prompts[2:]]  # "Break it" looks at those with empty captions
pictures, kept = sample(model, walked, predicts="picture", betas=cosine_betas, keep=moments)
plots.images(
    torch.cat([*kept[0::2], *kept[1::2]]),
    "Above: one picture on its way out of the noise. "
    "Below: what the network thinks it will be. Place, colour and background follow the words "
    "from the start; the outline keeps changing for long, and not always for the better.",
    titles=[f"t = {t}" for t in moments],
    columns=len(moments),
)

# %% tags=["nbval-ignore-output"]
plots.images(
    pictures[[0, 1, 4, 5, 6, 7]],
    "Six prompts, four in English and two in Japanese, painted by your model.",
    columns=6,
)

# %% [markdown]
# ## Did it paint what was asked?
#
# Looking is good, counting is better. The course has a **reader**, a small network that knows nothing of your model: it
# looks at a picture, names its shape, colour, size, place and background, and counts the things. A picture counts when
# all is as asked. Guessing the five words would get one in 2,304.
#
# A thousand steps for each of 128 pictures would take a while. The course's `sample_ddim` jumps along the same road in
# 20 (Lab 06 shows why it may).

# %% [markdown] tags=["ja"]
# ## 頼んだとおりに描けた？
#
# 目で見るのはよいことですが、数えるのはもっとよいことです。このコースには**読み取り器**（reader）があります。あなたのモデルのことを何も知らない、小さなネットワークです。画像を見て、形（shape）、色（colour）、大きさ（size）、場所（place）、背景（background）を答え、ものの数（number）を数えます。すべてが注文どおりなら、その画像は合格です。5 つの言葉が当てずっぽうで全部当たるのは、2,304 枚に 1 枚です。
#
# 128 枚の画像に 1000 ステップずつかけると、時間がかかります。このコースの `sample_ddim` は、同じ道を 20 歩で飛び越えます（それでよい理由は Lab 06 でわかります）。

# %% tags=["nbval-ignore-output"]
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.metrics import faithfulness


def measure(model, predicts, betas, count):
    """The share of fresh prompts whose picture shows all that was asked, and that of each attribute."""
    schedule, ac = NoiseSchedule(betas.cpu()), (1 - betas).cumprod(dim=0)
    asked, scenes = world.prompts(count)

    def guess(x_t, t):
        return guess_noise(model, x_t, int(t[0]), asked, predicts, ac)

    denoise = NetworkDenoiser(guess, schedule, "epsilon", clip=1.0)
    x = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
    painted = sample_ddim(denoise, x, schedule, schedule.timesteps(20, spacing="trailing"))
    return painted, faithfulness(painted, scenes)


COUNT = budget(lesson=128, ci=8)
_, first_result = measure(first, "noise", betas, COUNT // 4)
say("After the first look, right in everything: {all:.0%} of the pictures.", all=first_result.all)
painted, result = measure(model, "picture", cosine_betas, COUNT)
say("Right in everything: {all:.0%} of the pictures.", all=result.all)
labels = {"thing": "shape", "color": "colour"}  # in this world all things are shapes
for attribute, share in result.attributes.items():
    say("{attribute:12} {share:.0%}", attribute=labels.get(attribute, attribute), share=share)
_, last = measure(painter, "picture", cosine_betas, COUNT)
say("With the weights of the last step in place of their running average: {all:.0%}.", all=last.all)

# %% [markdown] numbers={"guidance": [[1.0, 4.0], [1.0, 3.0], [1.0, 5.0], [1.5, 4.0]]}
# With $n$ pictures a share $p$ is uncertain by about $2\sqrt{p (1 - p) / n}$ up or down: with 128 pictures that is
# nine points at most.
#
# Does the running average beat the last weights? (Both had the same prompts and the same noise, so their difference is surer than either share.) As the learning rate falls to nearly nothing here, the last
# weights hardly move any more, and little is left to average; where the rate stays high, as in DDPM's own training, the average is worth much.
#
# **Change one thing:** change
# the default of `guidance_scale` in the cell of `guess_noise` to <!-- number guidance[0] --> and to <!-- number guidance[1] -->; run that cell and the measuring one
# again. And was it the question, or only the longer training? `old, _ = train(machine.place(Painter()), STEPS)` asks
# the old question as long, which takes as many minutes again; measure it with `measure(old, "noise", betas, COUNT)`.
#
# ## The same question, longer
#
# The zoo holds `shapes-pixel`: the same layout, asked the same question, trained for eleven minutes by
# `t2ilab train shapes-pixel`; `t2ilab zoo shapes-pixel` shows its card. Only its residual blocks differ: time and words also *scale* their channels
# (Dhariwal & Nichol [2021](https://arxiv.org/abs/2105.05233), section 3.1). The words are learnt in an order: background,
# place, size and colour within the first thousand steps; the shapes come last and take the rest of the time. How far did yours get, and how far the zoo's? The same prompts, both models:

# %% [markdown] tags=["ja"]
# $n$ 枚で測った割合 $p$ には、上下に $2\sqrt{p (1 - p) / n}$ ほどの幅があります。128 枚なら、大きくても 9 ポイントです。
#
# 移動平均は、最後の重みよりもよくなっていますか。（どちらも同じプロンプトと同じノイズなので、差はそれぞれの割合よりも確かです。）ここでは学習率がほとんど 0 まで下がるので、最後の重みはもうあまり動かず、平均してもあまり変わりません。DDPM のもとの学習のように学習率を高いままにするときは、移動平均の価値が大きくなります。
#
# **ひとつ変えてみましょう**：`guess_noise` のセルで `guidance_scale` の既定値を <!-- number guidance[0] --> や <!-- number guidance[1] --> に変え、そのセルと測るセルをもう一度実行してください。ところで、よくなったのは問いのおかげでしょうか、それとも長く学習しただけでしょうか。`old, _ = train(machine.place(Painter()), STEPS)` で、元の問いを同じ長さだけ学習させられます（同じだけ時間がかかります）。`measure(old, "noise", betas, COUNT)` で測ってみてください。
#
# ## 同じ問いを、もっと長く
#
# 学習済みモデル集（zoo）には `shapes-pixel` があります。同じ構成のネットワークに同じ問いを出し、`t2ilab train shapes-pixel` で 11 分間学習したものです。`t2ilab zoo shapes-pixel` で説明を読めます。違うのは残差ブロックだけで、時刻と言葉がチャンネルの*倍率も変えます*（Dhariwal & Nichol [2021](https://arxiv.org/abs/2105.05233) の 3.1 節）。言葉は順番に身につきます。まず背景、場所、大きさ、色で、ここまでが最初の 1,000 ステップです。形は最後で、残りの時間はすべてそのために使われます。あなたのモデルはどこまで進みましたか。zoo のモデルはどうでしょうか。同じプロンプトで、2 つのモデルを比べてみましょう。

# %% tags=["nbval-ignore-output"]
from t2ilab.pipelines.text_to_image import TextToImage

zoo_pipe = TextToImage.from_pretrained("shapes-pixel")
asked, scenes = (part[: COUNT // 2] for part in world.prompts(COUNT))
zoo_pictures = zoo_pipe(asked, seed=1, output_type="pt") * 2 - 1
zoo_result = faithfulness(zoo_pictures, scenes)
yours = faithfulness(painted[: len(asked)], scenes)
say(
    "The first {count} prompts, right in everything: the zoo's model {all:.0%}, yours {yours:.0%}.",
    count=len(asked),
    all=zoo_result.all,
    yours=yours.all,
)
for number, prompt in enumerate(asked[:8], start=1):
    print(number, prompt)
plots.images(
    torch.cat([painted[:8].cpu(), zoo_pictures[:8].cpu()]),
    "The same eight prompts, painted by your model above and by the zoo's below.",
    titles=[str(number) for number in range(1, 9)],
    columns=8,
)

# %% [markdown]
# # Break it
#
# Below, somebody found the fresh noise in `ddpm_step` wasteful (why add noise to a picture that you want to clean?) and
# left it out. Two pictures are asked for in words, two with an empty caption. **Before you run the cell**, write down
# what you expect of each kind. When nobody has asked for anything, the guess of least square error begins as the mean of
# *all* pictures: what does that look like?

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# だれかが、`ddpm_step` で新しいノイズを加えるのは無駄だと考え（きれいにしたい画像に、なぜノイズを足すのでしょう？）、省いてしまいました。**セルを実行する前に**、どうなるかを予想して書いてください。2 枚は言葉で頼み、2 枚は空のキャプションで頼みます。何も頼まれないとき、2 乗誤差がいちばん小さい推定は、はじめは*すべての*画像の平均です。それはどのような画像でしょうか。


# %% tags=["nbval-ignore-output"]
def thrifty_step(eps, x_t, t, betas, noise):
    return ddpm_step(eps, x_t, t, betas, torch.zeros_like(noise))


broken, _ = sample(model, walked[:4], predicts="picture", betas=cosine_betas, step=thrifty_step)
plots.images(
    torch.cat([pictures[:4], broken]),
    "Two prompts and two empty captions, with fresh noise in each step, above, and without it, below.",
    columns=4,
)

# %% [markdown]
# Explain what you see. Three questions on the way:
#
# - Without fresh noise, $x_t$ soon holds far less noise than its $t$ says. What does the network take it for?
# - Two walks with an empty caption began with different noise: why do they come to the same picture? The last of the
#   cosine list's betas is 0.999. By which factor does the first step multiply $x_t$ (section 5, $\tilde\mu_t$), and what is
#   $x_t$ made of after that?
# - The mean of all pictures is a plain grey. Why does a walk that begins there not stay there?
#
# (With fresh noise, above, an empty caption may end in a mere background: where no word asks for a shape, a small model
# does not always come to one.)
#
# *Your explanation:*
#
# # To read
#
# - Ho, Jain & Abbeel, [Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2006.11239) (2020): sections 2
#   and 3, algorithms 1 and 2. You have now written all of them.
# - Sohl-Dickstein et al., [Deep Unsupervised Learning using Nonequilibrium
#   Thermodynamics](https://arxiv.org/abs/1503.03585) (2015): where the idea came from, five years before it worked.
# - Nichol & Dhariwal, [Improved Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2102.09672) (2021): a
#   better list of betas, and fewer steps.
#
# Next: Lab 06 walks the same road in ten steps.
#
# ## Optional: your sampler on a published model
#
# With a network connection, the cell below downloads `google/ddpm-cifar10-32` from the Hugging Face hub (Apache-2.0,
# about 143 MB), the model of the DDPM paper for small photographs, and lets **your** `linear_betas` and `ddpm_step`
# draw with it. It needs the package `diffusers`. Set `DOWNLOAD = True` first. A thousand steps of its 35.7 million
# weights take some minutes on a CPU.

# %% [markdown] tags=["ja"]
# 結果を説明してください。手がかりになる問いが 3 つあります。
#
# - 新しいノイズを加えないと、$x_t$ のノイズは、$t$ の示す量よりずっと少なくなります。ネットワークはそれを何だと思うでしょうか。
# - 空のキャプションの 2 枚は、違うノイズから出発したのに、なぜ同じ画像になるのでしょうか。コサインの列の最後のベータは 0.999 です。最初のステップで $x_t$ は何倍になりますか（5 節の $\tilde\mu_t$）。そのあとの $x_t$ は、何からできていますか。
# - すべての画像の平均は、一様な灰色です。そこから出発するのに、なぜ灰色のままではいないのでしょうか。
#
# （上の行のように新しいノイズを加えても、空のキャプションでは、背景だけの画像になることがあります。小さなモデルは、言葉で頼まれないと、図形を描かないこともあるのです。）
#
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Ho, Jain & Abbeel, [Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2006.11239) (2020)：2 節と 3 節、アルゴリズム 1 と 2。どちらのアルゴリズムも、もう自分で書きました。
# - Sohl-Dickstein et al., [Deep Unsupervised Learning using Nonequilibrium Thermodynamics](https://arxiv.org/abs/1503.03585) (2015)：この考えが生まれた論文です。うまく動くようになる 5 年前のことでした。
# - Nichol & Dhariwal, [Improved Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2102.09672) (2021)：よりよいベータの列と、より少ないステップ。
#
# 次の Lab 06 では、同じ道を 10 歩で歩きます。
#
# ## 発展：公開されているモデルで自分のサンプラーを使う
#
# 次のセルは、`google/ddpm-cifar10-32`（Apache-2.0、約 143 MB）を Hugging Face Hub からダウンロードします。DDPM の論文で作られた、小さな写真のためのモデルです。そして、**あなたの** `linear_betas` と `ddpm_step` で写真を描かせます。ネットワーク接続とパッケージ `diffusers` が必要です。実行する前に `DOWNLOAD = True` としてください。3570 万個の重みを 1000 ステップ計算するので、CPU では数分かかります。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "google/ddpm-cifar10-32"

if DOWNLOAD:
    from diffusers import UNet2DModel

    published = machine.place(UNet2DModel.from_pretrained(PUBLISHED))
    size = published.config.sample_size
    x_t = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    published_betas = linear_betas(1000, 1e-4, 0.02).to(device)
    for t in tqdm(reversed(range(1000)), total=1000):
        with torch.no_grad():
            eps = published(x_t, t).sample
        x_t = ddpm_step(eps, x_t, t, published_betas, torch.randn_like(x_t))
    plots.images(
        x_t.clamp(-1, 1),
        "Four small photographs that never were, by a published model and your sampler.",
        columns=4,
    )
