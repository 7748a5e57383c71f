# %% [markdown]
# # Lab 07: A picture in 256 numbers
#
# <!-- badges -->
#
# **You will build** the autoencoder of latent diffusion: one network that writes a picture of 12,288 numbers in 256,
# and one that makes a picture of them again. Then the same diffusion works in those 256 numbers and in the pixels, for
# as many seconds each, and you see what the idea behind Stable Diffusion's name is worth.
#
# | | |
# |---|---|
# | Time | about 100 minutes, five of which your machine computes alone |
# | You need | Python and PyTorch; Lab 05, or what a U-Net, $\bar\alpha_t$, the signal-to-noise ratio and the velocity are; what DDIM is (Lab 06); what mean and variance of a normal distribution are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost
# nothing.

# %% [markdown] tags=["ja"]
# # Lab 07：256 個の数で描く
#
# <!-- badges -->
#
# **このラボで作るもの**：潜在拡散モデル（latent diffusion）のオートエンコーダ（autoencoder）です。ひとつのネットワークが、12,288 個の数でできた画像を 256 個の数で書き表し、もうひとつが、それを画像に戻します。次に、同じ拡散モデルを、その 256 個の数の上と画素の上で、同じ秒数だけ学習させます。Stable Diffusion の土台になった考えに、どれだけの価値があるのかを見ましょう。
#
# | | |
# |---|---|
# | 時間 | 約 100 分（そのうち、コンピュータの計算を待つのは 5 分） |
# | 必要なもの | Python と PyTorch。Lab 05、または U-Net、$\bar\alpha_t$、信号対雑音比、速度（velocity）の意味。DDIM とは何か（Lab 06）。正規分布の平均と分散の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import io
import math
import time

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab import zoo
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, all_scenes
from t2ilab.data.words import COLORS, PLACES, PLAIN, SHAPES, SIZES
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import to_pil
from t2ilab.interop.stable_diffusion import read_vae
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.metrics import faithfulness
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device
world = World(size=64, partial=0.0, japanese=0.0)  # 64x64 pixels, full captions

# %% [markdown]
# # 1. What are all those numbers for?
#
# **Must a painter decide every pixel?** Here is one sentence, "a big red star in the center on a light background",
# drawn six times. Place, size, turn and shade differ a little, and with them nearly every pixel along the edges. Which
# of those differences would you have asked for?

# %% [markdown] tags=["ja"]
# # 1. その数は何のためにあるのか
#
# **絵を描く人は、すべての画素を決めなければならないのでしょうか。** 同じひとつの文「明るい背景の中央に大きな赤い星」を、6 回描きました。場所、大きさ、傾き、色合いが少しずつ違い、そのため、ふちの画素はほとんどすべて違っています。そのうち、あなたが注文した違いはどれでしょうか。

# %% tags=["nbval-ignore-output"]
star = Scene(thing="star", color="red", size="big", place="center", background="light")
plots.images(
    render([star] * 6, 64, torch.Generator().manual_seed(0)),
    "Six pictures of one sentence, a big red star in the center on a light background: no two are alike.",
    columns=6,
)


def bits_without_loss(picture):
    """How many bits a picture (3, H, W) takes as a PNG, a common file without loss."""
    file = io.BytesIO()
    to_pil(picture[None])[0].save(file, "PNG", optimize=True)
    return 8 * len(file.getvalue())


some = world.batch(0, budget(lesson=64, ci=8))
sentences = len(list(all_scenes()))
bits = [bits_without_loss(picture) for picture in some["image"]]
say("One of {count:,} sentences: {said:.1f} bits. Its picture as a file without loss: {all:,.0f} bits.",
    count=sentences, said=math.log2(sentences), all=sum(bits) / len(bits))  # fmt: skip

# %% [markdown]
# Words decide next to nothing of all those bits. (The DDPM paper found the like on photographs: more than half of the
# bits that its model needs to store a picture without loss describe what nobody sees, section 4.3.) Yet the noise
# predictor of Lab 05 spends its work on all pixels alike.
#
# **So why not paint a small picture?** The course's reader, the network that names what it sees, is the judge: here
# are pictures brought down to $n \times n$ pixels by taking means, and back to full size.

# %% [markdown] tags=["ja"]
# そのビットのうち、言葉で決まるのはごくわずかです。（DDPM の論文も、写真で同じようなことを見つけています。画像を劣化なしで保存するのに必要なビットの半分以上は、人の目に見えないものを表していました。4.3 節。）それなのに、Lab 05 のネットワークは、どの画素にも同じだけの手間をかけていました。
#
# **それなら、小さな画像を描けばよいのではないでしょうか。** 審判は、見えるものの名前を答えるこのコースのネットワーク、読み取り器（reader）です。画像を平均で $n \times n$ 画素まで縮め、元の大きさに戻して見せます。


# %% tags=["nbval-ignore-output"]
def thumbnail(x, n):
    """Pictures (B, 3, H, W) as n x n means of their pixels, brought back to full size."""
    small = F.interpolate(x, size=n, mode="area")  # (B, 3, n, n)
    return F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)


sides = (64, 32, 24, 16, 12, 8)
plots.images(
    torch.cat([thumbnail(some["image"][:1], n) for n in sides]),
    "One picture from ever fewer pixels: {sides} a side.",
    columns=len(sides),
    sides=", ".join(map(str, sides)),
)
for n in sides:
    right = faithfulness(thumbnail(some["image"], n), some["scene"]).all
    say("{n:2} x {n:2} pixels, {numbers:6,} numbers: all that was said is read in {right:.0%}.",
        n=n, numbers=3 * n * n, right=right)  # fmt: skip

# %% [markdown]
# Much can go, but not everything: in a plain thumbnail of about 200 numbers hardly anything can be read
# any more. Something cleverer than means is asked for. First, though: what would a small space save? One step of training the course's U-Net, at 64x64
# pixels of 3 channels and at 8x8 places of 4:

# %% [markdown] tags=["ja"]
# たくさん減らせますが、減らしすぎると、200 個ほどの数の縮小画像からはもうほとんど何も読み取れません。平均よりも賢い方法が必要です。その前に、空間が小さくなると、どれだけの節約になるのかを測っておきましょう。このコースの U-Net を 1 ステップ学習させる時間を、64x64 画素で 3 チャンネルの場合と、8x8 の場所で 4 チャンネルの場合で比べます。


# %% tags=["nbval-ignore-output"]
def seconds_of_a_step(channels, size, attention):
    """Seconds for one step, forward and back, of a U-Net on two pictures (2, channels, size, size)."""
    layout = UNetConfig(channels, channels, block_out_channels=(48, 64), attention=attention)
    net = machine.place(UNet(layout))
    x, t, words = torch.randn(2, channels, size, size), torch.zeros(2).long(), torch.randn(2, 5, 128)
    x, t, words = x.to(device), t.to(device), words.to(device)
    took = []
    for _ in range(2):  # the first is to warm up
        began = time.perf_counter()
        net(x, t, words).square().mean().backward()
        took.append(time.perf_counter() - began)
    return took[-1]


FULL = budget(lesson=64, ci=32)
for attention in ((False, True), (True, True)):
    pixels, latents = seconds_of_a_step(3, FULL, attention), seconds_of_a_step(4, 8, attention)
    say("Attention at half size only:" if not attention[0] else "Attention at full size, too:")
    say("pixels {pixels:.2f} s, latents {latents:.3f} s: {ratio:.0f} times as long.",
        pixels=pixels, latents=latents, ratio=pixels / latents)  # fmt: skip

# %% [markdown]
# There are 64 times as many places. A convolution costs in proportion to their number; attention, in which each place
# looks at each other, in proportion to its *square*. (At 8x8, small as it is, much of the time goes into calling the
# layers at all.)
#
# # 2. Two networks
#
# **Who decides the details, then?** Rombach et al. ([2022](https://arxiv.org/abs/2112.10752), section 3) divide the
# work. An **autoencoder** is trained once: its **encoder** $\mathcal E$ brings a picture down to a small map of
# numbers, the **latents**, and its **decoder** $\mathcal D$ makes a picture of them, details and all. The diffusion
# model then works among latents only, and decides what the picture shows.
#
# Each side shrinks eightfold, in three halvings, and 3 channels become 4. All numbers of this lab's autoencoder are in
# this cell; with others, the very same class is Stable Diffusion's:

# %% [markdown] tags=["ja"]
# 場所の数は 64 倍です。畳み込みの手間は場所の数に比例します。けれども、どの場所もほかのすべての場所を見るアテンション（attention）では、場所の数の*2 乗*に比例します。（8x8 ではとても小さいので、層を呼び出すこと自体にも、かなりの時間がかかっています。）
#
# # 2. 2 つのネットワーク
#
# **では、細部はだれが決めるのでしょうか。** Rombach ら（[2022](https://arxiv.org/abs/2112.10752)、3 節）は、仕事を分けました。**オートエンコーダ**は一度だけ学習させます。その**エンコーダ**（encoder）$\mathcal E$ は、画像を、数を並べた小さなマップ、つまり**潜在変数**（latent）にします。**デコーダ**（decoder）$\mathcal D$ は、潜在変数から、細部まで含めて画像を作ります。拡散モデルは潜在変数の上だけで働き、何の絵にするかを決めます。
#
# 縦も横も、半分にすることを 3 回繰り返して 8 分の 1 になり、3 チャンネルは 4 チャンネルになります。このラボのオートエンコーダの数は、すべて次のセルにあります。数を変えれば、まったく同じクラスが Stable Diffusion のものになります。

# %% tags=["nbval-ignore-output"]
CONFIG = VAEConfig(block_out_channels=(8, 16, 32, 64), norm_num_groups=2)
STEPS = budget(lesson=1100, ci=4)
BATCH = budget(lesson=8, ci=2)
LEARNING_RATE, WARM_UP, DECAY = 4e-3, 30, 0.995  # of the optimizer; of the running average of the weights
KL_WEIGHT = 4e-9  # what a nat costs; section 4 says what that is

machine.seed(7)
vae = machine.place(VAE(CONFIG))
held = World(size=64, seed=1, held_out=True, partial=0.0, japanese=0.0).batch(
    0, budget(lesson=64, ci=8), device
)
with torch.no_grad():
    mean, logvar = vae.encode(held["image"])
say("Pictures {pictures} become latents {latents}: {ratio:.0f} times fewer numbers.",
    pictures=tuple(held["image"].shape), latents=tuple(mean.shape),
    ratio=held["image"].numel() / mean.numel())  # fmt: skip
say("This autoencoder has {parameters:,} weights.", parameters=sum(p.numel() for p in vae.parameters()))
with torch.device("meta"):  # laid out without its numbers, so that it takes no memory
    stable = VAE(VAEConfig.stable_diffusion())
say("Stable Diffusion's, in the same class: {parameters:,} weights.",
    parameters=sum(p.numel() for p in stable.parameters()))  # fmt: skip

# %% [markdown]
# How good is what comes back? The usual measure is the peak signal-to-noise ratio, in decibels:
# $10 \log_{10}(2^2 / \text{MSE})$ where pictures span 2, from -1 to 1. Six decibels more are a quarter of the MSE, half the
# typical error of a number. Here is the new autoencoder, which has not learnt anything yet:

# %% [markdown] tags=["ja"]
# 戻ってきた画像はどれくらいよいでしょうか。ふつうは、ピーク信号対雑音比（peak signal-to-noise ratio、PSNR）をデシベルで測ります。画像の値が -1 から 1 まで、つまり幅 2 なら、$10 \log_{10}(2^2 / \text{MSE})$ です。6 デシベル増えると、MSE は 4 分の 1 に、値ひとつあたりのふつうの誤差は半分になります。まだ何も学んでいない、新しいオートエンコーダを見てみましょう。


# %% tags=["nbval-ignore-output"]
def psnr(images, originals):
    """Peak signal-to-noise ratio in decibels, the mean over pictures (B, 3, H, W) in [-1, 1]."""
    return (10 * torch.log10(4 / (images - originals).square().flatten(1).mean(1))).mean().item()


@torch.no_grad()
def there_and_back(vae, x):
    """What comes back of pictures (B, 3, H, W) from the means of their latents, in [-1, 1]."""
    return torch.cat([vae.decode(vae.encode(part)[0]) for part in x.split(32)]).clamp(-1, 1)


untrained = there_and_back(vae, held["image"])
plots.images(
    torch.cat([held["image"][:8], untrained[:8]]),
    "Eight pictures, above, and what a new autoencoder gives back of them, below.",
    columns=8,
)
say("Before training: {psnr:.1f} dB.", psnr=psnr(untrained, held["image"]))

# %% [markdown]
# Not noise but a very coarse copy in false colours, in which small things may be lost, and that is on purpose. A network
# of random weights says nothing about colour, and neither does one that reads it; while both are silent, neither learns
# from the other. The class therefore begins with layers that pass on what they get (`VAE._initialise`). What is left to
# learn is to put more into the 256 numbers than a thumbnail has.
#
# # 3. A cloud for a point
#
# **Why not simply train that?** Encode, decode, make the squared error small. It would work, and be a plain
# autoencoder. But who will live in the latent space? A diffusion model, and what it paints is never exactly one of the
# points that the decoder has been trained on. A decoder that knows only these points may do anything between them.
#
# Kingma & Welling's answer ([2014](https://arxiv.org/abs/1312.6114)) is that the encoder names no point but a cloud:
# for each latent a normal distribution, by its mean $\mu$ and, so that any number is allowed, the logarithm of its
# variance, $\log \sigma^2$. The decoder gets a sample of it, another one each time, and has to do with whatever comes.
# That is a **variational autoencoder**, VAE for short.
#
# And how does the encoder learn, through a draw of chance? If you draw with `torch.normal(mean, std)`, no gradient
# tells it in which direction to move. So move the chance outside: take noise $\epsilon$ that depends on nothing, and
# make the sample of it (section 2.4 of the paper).
#
# $$ z = \mu + \sigma\, \epsilon, \qquad \epsilon \sim \mathcal N(0, 1) $$
#
# Now $z$ is an ordinary function of $\mu$ and $\sigma$. That is the **reparameterisation trick**.
#
# ### Exercise 1: <!-- exercise reparameterize -->
#
# The sample. You are given $\log \sigma^2$; what is $\sigma$?

# %% [markdown] tags=["ja"]
# ノイズではなく、色の違う、とても粗いコピーが戻ってきました。小さなものは失われているかもしれません。わざとそうしてあります。重みが乱数のネットワークは、色について何も語らず、それを読むネットワークも同じです。どちらも黙っているかぎり、互いに何も学べません。そこで、このクラスは、受け取ったものをそのまま渡す層から始まります（`VAE._initialise`）。残る仕事は、256 個の数に、縮小画像よりも多くのものを詰め込むことです。
#
# # 3. 点ではなく雲を
#
# **それなら、このまま学習させればよいのではないでしょうか。** エンコードし、デコードし、2 乗誤差を小さくする。それでも動きます。ただのオートエンコーダです。けれども、この潜在空間（latent space）に住むのはだれでしょうか。拡散モデルです。それが描くものは、デコーダが学習した点とぴったり同じにはなりません。学習した点しか知らないデコーダは、点と点の間では何をするかわかりません。
#
# Kingma と Welling（[2014](https://arxiv.org/abs/1312.6114)）の答えはこうです。エンコーダは、点ではなく雲を答えます。潜在変数ごとにひとつの正規分布を、平均 $\mu$ と、どんな数でもよいように分散の対数 $\log \sigma^2$ で表すのです。デコーダが受け取るのは、そこから毎回新しく取り出したサンプルで、どれが来ても画像に戻さなければなりません。これが**変分オートエンコーダ**（variational autoencoder）、略して VAE です。
#
# では、乱数で選ばれたサンプルを通して、エンコーダはどうやって学ぶのでしょうか。`torch.normal(mean, std)` で取り出すと、どちらへ動けばよいかを教える勾配（gradient）が届きません。そこで、乱数を外に出します。何にもよらないノイズ $\epsilon$ を用意し、それからサンプルを作るのです（論文の 2.4 節）。
#
# $$ z = \mu + \sigma\, \epsilon, \qquad \epsilon \sim \mathcal N(0, 1) $$
#
# こうすれば、$z$ は $\mu$ と $\sigma$ のふつうの関数です。これを**再パラメータ化トリック**（reparameterisation trick）といいます。
#
# ### 演習 1：<!-- exercise reparameterize -->
#
# サンプルを作ってください。与えられるのは $\log \sigma^2$ です。$\sigma$ はどうなりますか。


# %%
@exercise("reparameterize")
def reparameterize(mean, logvar, noise):
    """A sample of each latent's normal distribution, made of given noise (Kingma & Welling, section 2.4).

    mean, logvar: (B, C, h, w), the mean and the logarithm of the variance; noise: like them, standard
    normal. Returns the sample, like mean, with gradients to mean and logvar.
    """
    raise NotImplementedError


# %%
check(reparameterize)

# %% [markdown]
# Does the gradient pass, and is it the right one? For a cloud with $\mu = 0.7$ and $\log \sigma^2 = -1$ the mean of
# $z^2$ is $\mu^2 + \sigma^2$. Its slope along $\mu$ is $2\mu$; along $\log \sigma^2$, the number that the encoder gives,
# it is $\sigma^2$. Measured on a hundred thousand samples:

# %% [markdown] tags=["ja"]
# 勾配は届くでしょうか。それは正しい勾配でしょうか。$\mu = 0.7$、$\log \sigma^2 = -1$ の雲では、$z^2$ の平均は $\mu^2 + \sigma^2$ です。その傾きは、$\mu$ については $2\mu$、エンコーダが答える $\log \sigma^2$ については $\sigma^2$ です。10 万個のサンプルで測ってみます。


# %%
def slopes(sample):
    """The gradient of the mean of z ** 2 to the mean and the logvar of the cloud that z is drawn from."""
    mean, logvar = torch.tensor(0.7, requires_grad=True), torch.tensor(-1.0, requires_grad=True)
    many = mean.expand(100_000, 1, 1, 1), logvar.expand(100_000, 1, 1, 1)
    (sample(*many) ** 2).mean().backward()
    return [slope.item() for slope in (mean.grad, logvar.grad)]


machine.seed(0)
drawn = slopes(lambda mean, logvar: torch.normal(mean, torch.exp(0.5 * logvar)))
made = slopes(lambda mean, logvar: reparameterize(mean, logvar, torch.randn_like(mean)))
say("By torch.normal: {a:.2f} and {b:.2f}.", a=drawn[0], b=drawn[1])
say("By your function: {a:.2f} and {b:.2f}.", a=made[0], b=made[1])
say("By the formula: {a:.2f} and {b:.2f}.", a=2 * 0.7, b=math.exp(-1))

# %% [markdown]
# # 4. What a cloud costs
#
# **What will the encoder do with its clouds?** It makes the decoder's life easy: it shrinks them to points, or moves
# them so far apart that their width does not matter. Either way the noise does nothing any more, and all that it was
# good for is lost. So clouds get a price: how far they are from one and the same cloud for all pictures, the standard
# normal one. The measure is the Kullback-Leibler divergence, **KL** for short: how much likelier a sample of the cloud
# $q$ is under $q$ itself than under the other, $p$, in logarithms and on average.
#
# $$ D_\text{KL}(q \,\|\, p) = \mathbb E_{z \sim q} \big[ \log q(z) - \log p(z) \big] $$
#
# Put in the two normal densities. Under $q$, $(z - \mu)^2$ has the mean $\sigma^2$ and $z^2$ the mean
# $\mu^2 + \sigma^2$, and what is left is (appendix B of the paper, where it stands with a minus sign)
#
# $$ D_\text{KL}\big(\mathcal N(\mu, \sigma^2)\, \|\, \mathcal N(0, 1)\big) = \tfrac12 \sum_j \big( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \big) $$
#
# over all latents $j$ of a picture. It is counted in nats, and divided by $\ln 2$ in bits: as many as the sample tells
# about *this* picture, reckoned against somebody who only knows the standard normal cloud.
#
# ### Exercise 2: <!-- exercise kl_to_standard_normal -->
#
# The formula, for each picture of a batch. Which of the four terms in the bracket stands in what you are given as it
# is, and which has to be made of it?

# %% [markdown] tags=["ja"]
# # 4. 雲の値段
#
# **エンコーダは、雲をどう使うでしょうか。** デコーダが楽になるように、雲を点まで縮めるか、幅が気にならないほど遠くに離します。どちらにしても、ノイズは何の働きもしなくなり、ノイズを入れた甲斐がなくなります。そこで、雲に値段を付けます。すべての画像に共通のひとつの雲、標準正規分布（standard normal distribution）から、どれだけ離れているかです。それを測るのがカルバック・ライブラー・ダイバージェンス（Kullback-Leibler divergence）、略して **KL** です。雲 $q$ から取り出したサンプルが、もう一方の $p$ よりも $q$ 自身でどれだけ起こりやすいかを、対数で比べて平均します。
#
# $$ D_\text{KL}(q \,\|\, p) = \mathbb E_{z \sim q} \big[ \log q(z) - \log p(z) \big] $$
#
# ここに 2 つの正規分布の密度を入れます。$q$ のもとでは、$(z - \mu)^2$ の平均は $\sigma^2$、$z^2$ の平均は $\mu^2 + \sigma^2$ なので、次の式が残ります（論文の付録 B。そこではマイナスの符号が付いています）。
#
# $$ D_\text{KL}\big(\mathcal N(\mu, \sigma^2)\, \|\, \mathcal N(0, 1)\big) = \tfrac12 \sum_j \big( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \big) $$
#
# 和は、ひとつの画像のすべての潜在変数 $j$ についてとります。単位はナット（nat）で、$\ln 2$ で割るとビットになります。標準正規分布しか知らない人に比べて、サンプルが*この*画像について何ビット教えてくれるかを表します。
#
# ### 演習 2：<!-- exercise kl_to_standard_normal -->
#
# この式を、バッチの画像ごとに計算してください。かっこの中の 4 つの項のうち、渡されるものの中にそのままあるのはどれですか。そこから作らなければならないのはどれですか。


# %%
@exercise("kl_to_standard_normal")
def kl_to_standard_normal(mean, logvar):
    """How far each picture's cloud is from the standard normal one (Kingma & Welling, appendix B).

    mean, logvar: (B, C, h, w), the mean and the logarithm of the variance of each latent. Returns (B,),
    the KL divergence in nats, the sum over a picture's latents.
    """
    raise NotImplementedError


# %%
check(kl_to_standard_normal)

# %%
for mu, sigma in ((0, 1), (1, 1), (3, 1), (0, 0.1), (3, 0.1), (30, 0.1), (30, 1)):
    cloud = torch.full((1, 1, 1, 1), float(mu)), torch.full((1, 1, 1, 1), 2 * math.log(sigma))
    say("A mean of {mu:2} and a deviation of {sigma:3}: {nats:6.2f} nats.",
        mu=mu, sigma=sigma, nats=kl_to_standard_normal(*cloud).item())  # fmt: skip

# %% [markdown]
# Narrowness is cheap, as it costs its logarithm; distance is dear, as it costs its square. So the cheapest way to be
# told apart is to be narrow *near 0*.
#
# # 5. Training
#
# **How much of either?** The loss is the error of what comes back, and so many times the price:
#
# $$ L = \frac{1}{N} \lVert \mathcal D(z) - x \rVert^2 + w\, D_\text{KL} $$
#
# with $N = 12{,}288$ numbers in a picture. In an autoencoder that serves a diffusion model, $w$ is ours to choose, and
# very small (so it is in Rombach et al.'s appendix G, too). Here it is `KL_WEIGHT`; section 7 tries others.
#
# **If you know the likelihood bound** (the paper's eq. 10): there $w$ is no free choice. Grant each number of a picture
# normal noise of variance $s^2$, and minus the bound is, but for a constant,
# $\frac{1}{2 s^2} \lVert \mathcal D(z) - x \rVert^2 + D_\text{KL}$. Times $\frac{2 s^2}{N}$ that is our loss, with
# $N w = 2 s^2$. So our $w = 4 \cdot 10^{-9}$ stands for noise with a deviation of $s = 0.005$.
#
# ### Exercise 3: <!-- exercise vae_loss -->
#
# The loss of a batch. Which function of yours gives the second term? And mind the means: over the pictures of a batch
# both terms are means; within a picture only the error is.

# %% [markdown] tags=["ja"]
# 細い雲は安く（値段は対数で増えます）、遠い雲は高くつきます（値段は 2 乗で増えます）。ですから、ほかの雲と見分けがつくようにするには、*0 の近くで*細くなるのが、いちばん安上がりです。
#
# # 5. 学習
#
# **それぞれをどれくらい重く見るのでしょうか。** 損失は、戻ってきた画像の誤差に、値段を何倍かして足したものです。
#
# $$ L = \frac{1}{N} \lVert \mathcal D(z) - x \rVert^2 + w\, D_\text{KL} $$
#
# 画像 1 枚の数は $N = 12{,}288$ 個です。拡散モデルに使うオートエンコーダでは、$w$ は自由に選べます。しかも、とても小さい値を選びます（Rombach らの付録 G でもそうしています）。このラボでは `KL_WEIGHT` です。ほかの値は 7 節で試します。
#
# **尤度の下界を知っている人へ**（論文の式 10）：そこでは、$w$ を自由に選ぶことはできません。画像のそれぞれの数に分散 $s^2$ の正規分布のノイズを許すと、下界に負の符号を付けたものは、定数の違いを除いて $\frac{1}{2 s^2} \lVert \mathcal D(z) - x \rVert^2 + D_\text{KL}$ です。これに $\frac{2 s^2}{N}$ を掛けると、$N w = 2 s^2$ とした上の損失になります。ですから、このラボの $w = 4 \cdot 10^{-9}$ は、標準偏差 $s = 0.005$ のノイズにあたります。
#
# ### 演習 3：<!-- exercise vae_loss -->
#
# バッチの損失を求めてください。2 つめの項は、自分で書いたどの関数からわかりますか。どこが平均かにも気をつけてください。バッチの画像については、どちらの項も平均です。1 枚の画像の中では、平均するのは誤差だけです。


# %%
@exercise("vae_loss")
def vae_loss(recon, x0, mean, logvar, kl_weight):
    """What comes back wrong, and what the clouds cost: mean squared error + kl_weight * mean KL.

    recon, x0: (B, 3, H, W), the decoder's pictures and the true ones; mean, logvar: (B, C, h, w), of the
    latents; kl_weight: a number. Returns a 0-d tensor, from which `backward()` reaches recon, mean and
    logvar: the error is a mean over everything, the KL a sum over a picture's latents and a mean over
    the pictures.
    """
    raise NotImplementedError


# %%
check(vae_loss)

# %% [markdown]
# That is all. A step encodes, draws, decodes and compares; the optimizer is Muon and the weights are averaged on the
# way, as in Lab 05. No caption is needed: an autoencoder learns from pictures alone.

# %% [markdown] tags=["ja"]
# これで全部です。1 ステップは、エンコードし、サンプルを作り、デコードし、比べるだけです。オプティマイザ（optimizer）は Muon で、Lab 05 と同じように、途中の重みの移動平均をとります。キャプションは要りません。オートエンコーダは、画像だけから学びます。


# %% tags=["nbval-ignore-output"]
def learn(vae, optimizer, x, kl_weight):
    """One step of training on pictures (B, 3, H, W); returns the loss before it."""
    mean, logvar = vae.encode(x)
    z = reparameterize(mean, logvar, torch.randn_like(mean))
    loss = vae_loss(vae.decode(z), x, mean, logvar, kl_weight)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def warm_then_cool(optimizer, done):
    """A rate that rises, then falls like a cosine; done(step): the share of the training gone by."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, (step + 1) / WARM_UP) * (0.505 + 0.495 * math.cos(math.pi * done(step))),
    )


def train(vae, steps, pictures_of, kl_weight, learning_rate=LEARNING_RATE):
    """The training on pictures_of(step); the autoencoder's running average, and each step's loss."""
    optimizer = Muon(vae, lr=learning_rate)
    rate = warm_then_cool(optimizer, lambda step: step / steps)
    average = Average(vae, DECAY)
    losses = []
    for step in tqdm(range(steps)):
        losses.append(learn(vae, optimizer, pictures_of(step), kl_weight))
        rate.step()
        average.update(step + 1)
    return average.model, losses


def pictures_of(step):
    return world.batch(step, BATCH, device)["image"]


trial = machine.place(VAE(CONFIG))
trial_optimizer = Muon(trial)
minutes = pace(
    lambda step: learn(trial, trial_optimizer, pictures_of(step), KL_WEIGHT),
    STEPS,
    checkpoint="vae-shapes",
)

# %% tags=["nbval-ignore-output"]
machine.seed(7)
yours, losses = train(machine.place(VAE(CONFIG)), STEPS, pictures_of, KL_WEIGHT)
plots.loss_curve(losses)

# %% [markdown]
# Eight pictures with pairs of shape and colour that it has never seen, and what comes back of them: from your
# autoencoder, and from the zoo's `vae-shapes`, which is the same one after more steps (`t2ilab zoo vae-shapes` tells
# how many). The reader looks at all of them, too.

# %% [markdown] tags=["ja"]
# 学習に出てこなかった形と色の組み合わせの画像を 8 枚、往復させてみましょう。あなたのオートエンコーダと、学習済みモデル集（zoo）の `vae-shapes` です。後者は、同じものをもっと長く学習させたものです（何ステップかは `t2ilab zoo vae-shapes` でわかります）。読み取り器にも、すべて見てもらいます。

# %% tags=["nbval-ignore-output"]
theirs = machine.place(read_vae(zoo.folder("vae-shapes")))
from_yours, from_theirs = there_and_back(yours, held["image"]), there_and_back(theirs, held["image"])
plots.images(
    torch.cat([held["image"][:8], from_yours[:8], from_theirs[:8]]),
    "Eight pictures, above; what comes back of them from your autoencoder; and from the zoo's, below.",
    columns=8,
)
say(
    "As they were drawn, all is read in {right:.0%}.",
    right=faithfulness(held["image"], held["scene"]).all,
)
say("From your autoencoder: {psnr:.1f} dB; all is read in {right:.0%}.",
    psnr=psnr(from_yours, held["image"]), right=faithfulness(from_yours, held["scene"]).all)  # fmt: skip
say("From the zoo's: {psnr:.1f} dB; all is read in {right:.0%}.",
    psnr=psnr(from_theirs, held["image"]),
    right=faithfulness(from_theirs, held["scene"]).all)  # fmt: skip
vae = yours  # `theirs` in its place goes on with the zoo's, if yours had no time to learn

# %% [markdown]
# **Change one thing:** new autoencoders begin with a small copy of the picture. Train one for 200 steps from random
# weights instead: make it, call `reset_parameters()` on each of its layers that has this method, and train on. What is
# learnt late?
#
# # 6. Quality for a number
#
# **Is that good, for 256 numbers?** Compare with what needs no network. A *thumbnail* keeps means. *Principal
# components* keep, of all ways to write the pictures as sums of fixed patterns, the one with the least squared error
# on the pictures that it was made from (here fifteen hundred). On those no linear code of as many numbers can beat it;
# what you see below are held-out pictures, on which it does a little worse.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：新しいオートエンコーダは、画像の小さなコピーを渡すところから始まります。そのかわりに、乱数の重みから 200 ステップだけ学習させてみてください。作ってから、`reset_parameters()` を持つすべての層でそれを呼び出し、学習させます。学ぶのが遅いのは何でしょうか。
#
# # 6. 数ひとつあたりの画質
#
# **256 個の数としては、よい成績でしょうか。** ネットワークの要らない方法と比べてみます。*縮小画像*は、平均を残します。*主成分*（principal components）は、画像を決まった模様の足し合わせで書く方法のうち、元にした画像（ここでは 1,500 枚ほど）での 2 乗誤差がいちばん小さいものです。数の個数が同じなら、元にした画像については、どんな線形の符号もこれを超えられません。下で測るのは使わなかった画像なので、成績は少し下がります。

# %% tags=["nbval-ignore-output"]
batches = [world.batch(i, 64, device) for i in range(budget(lesson=24, ci=1))]
collection = torch.cat([batch["image"] for batch in batches])  # (1536, 3, 64, 64)
collected = [scene for batch in batches for scene in batch["scene"]]
del batches
flat = collection.flatten(1)  # (1536, 12288)
middle = flat.mean(dim=0)
machine.seed(0)
_, _, patterns = torch.pca_lowrank(
    flat, q=budget(lesson=768, ci=48)
)  # (12288, 768), the most useful first


def by_patterns(x, some):
    """Pictures as the mean picture and some patterns (12288, n), each with a number of its own."""
    return (middle + (x.flatten(1) - middle) @ some @ some.T).view_as(x).clamp(-1, 1)


grids = [n for n in (4, 6, 8, 12, 16) if 3 * n * n <= patterns.shape[1]]
numbers = [3 * n * n for n in grids]
thumbs = [psnr(thumbnail(held["image"], n), held["image"]) for n in grids]
parts = [psnr(by_patterns(held["image"], patterns[:, :n]), held["image"]) for n in numbers]
plots.lines(
    {
        "thumbnail": (numbers, thumbs),
        "principal components": (numbers, parts),
        "your autoencoder": ([256], [psnr(from_yours, held["image"])]),
        "the zoo's autoencoder": ([256], [psnr(from_theirs, held["image"])]),
    },
    "How close pictures come back against the numbers that they are written in: curves for thumbnails "
    "and principal components, single points at 256 numbers for the two autoencoders.",
    xlabel="numbers for a picture",
    ylabel="PSNR in dB",
    markers=True,
)
del flat, patterns  # they are large
for n, by_means, by_parts in zip(numbers, thumbs, parts, strict=True):
    say("{n:4} numbers: thumbnail {thumb:.1f} dB, principal components {parts:.1f} dB.",
        n=n, thumb=by_means, parts=by_parts)  # fmt: skip

# %% [markdown]
# Patterns that are fixed cannot move, and here everything moves about. A decoder has no fixed patterns: what one
# latent adds depends on all the others.
#
# How many *bits* are those 256 numbers? The encoder's clouds say it, or you round each latent to one of 256 values,
# one byte:

# %% [markdown] tags=["ja"]
# 決まった模様は動けませんが、この世界では何もかもが動きます。デコーダには、決まった模様がありません。ひとつの潜在変数が何を描き足すかは、ほかのすべての潜在変数によって変わります。
#
# この 256 個の数は、何*ビット*にあたるのでしょうか。エンコーダの雲からわかります。あるいは、潜在変数をひとつずつ 256 通りの値、つまり 1 バイトに丸めてみます。

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    mean, logvar = vae.encode(held["image"])
    low, high = mean.min(), mean.max()
    rounded = ((mean - low) / (high - low) * 255).round() / 255 * (high - low) + low
    from_bytes = psnr(vae.decode(rounded).clamp(-1, 1), held["image"])
    from_clouds = psnr(
        vae.decode(reparameterize(mean, logvar, torch.randn_like(mean))).clamp(-1, 1), held["image"]
    )
nats = kl_to_standard_normal(mean, logvar).mean().item()
say("From means {a:.1f} dB, from samples of clouds {b:.1f} dB, from means rounded to bytes {c:.1f} dB.",
    a=psnr(there_and_back(vae, held["image"]), held["image"]), b=from_clouds, c=from_bytes)  # fmt: skip
say("The clouds tell {nats:,.0f} nats, {bits:,.0f} bits. The bytes are {bytes:,} bits.",
    nats=nats, bits=nats / math.log(2), bytes=8 * mean[0].numel())  # fmt: skip

# %% [markdown]
# In bits that is no miracle: pictures as plain as these make small files even without any loss (section 1 tells how
# small). The clouds' figure is an upper bound besides: their price is reckoned by the standard normal cloud, and your
# latents are spread wider than that, as section 9 will measure. Nobody could paint in a zipped file, though, where one
# wrong bit ruins all. The point is fewer numbers *in which one can paint*.
#
# # 7. Too much, too little
#
# **How much should a cloud cost?** To try that within seconds, take a smaller autoencoder still: thumbnails of 16x16
# pixels, 16 latents, a few plain layers. Your functions train it four times, with a price from nearly nothing to far
# too much. **Before you run it**: what will come back if clouds are very dear?

# %% [markdown] tags=["ja"]
# ビットで数えれば、奇跡ではありません。これほど単純な画像なら、劣化なしのファイルも小さくなります（その大きさは 1 節にあります）。それに、雲から求めたビット数は上限です。値段は標準正規分布の雲を基準に決めていますが、あなたの潜在変数はそれよりも広がっているからです（どれだけ広いかは 9 節で測ります）。けれども、圧縮したファイルの中では、だれも絵を描けません。1 ビット間違えただけで、すべてが壊れてしまうからです。大事なのは、*絵が描ける*空間のまま、数が減ることです。
#
# # 7. 高すぎる雲、安すぎる雲
#
# **雲の値段は、いくらにすればよいのでしょうか。** 数十秒で試せるように、もっと小さなオートエンコーダを使います。16x16 画素の縮小画像、16 個の潜在変数、ふつうの層が数枚です。あなたの関数で、4 回学習させます。値段は、ほとんどただから、高すぎるところまで変えます。**実行する前に**考えてください。雲がとても高いと、何が戻ってくるでしょうか。


# %% tags=["nbval-ignore-output"]
class Small(nn.Module):
    """An autoencoder of thumbnails (B, 3, 16, 16) in 16 latents (B, 16, 1, 1)."""

    def __init__(self, width=128):
        super().__init__()
        self.down = nn.Sequential(
            nn.Flatten(), nn.Linear(768, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 32), nn.Unflatten(1, (32, 1, 1)),
        )  # fmt: skip
        self.up = nn.Sequential(
            nn.Flatten(), nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 768), nn.Unflatten(1, (3, 16, 16)),
        )  # fmt: skip

    def encode(self, x):
        return self.down(x).chunk(2, dim=1)

    def decode(self, z):
        return self.up(z)


tiny = F.interpolate(collection, size=16, mode="area")
tiny_held = F.interpolate(held["image"], size=16, mode="area")
rows = [tiny_held[:8]]
chance = torch.Generator().manual_seed(4)
SMALL_STEPS = budget(lesson=400, ci=5)
for weight in (1e-8, 1e-4, 1e-3, 1e-1):
    machine.seed(4)
    small = Small().to(device)
    optimizer = Muon(small, lr=8e-3)
    rate = warm_then_cool(optimizer, lambda step: step / SMALL_STEPS)
    for _ in range(SMALL_STEPS):
        learn(small, optimizer, tiny[torch.randint(len(tiny), (64,), generator=chance)], weight)
        rate.step()
    with torch.no_grad():
        mean, logvar = small.encode(tiny_held)
        came_back = small.decode(mean).clamp(-1, 1)
        from_nothing = small.decode(torch.randn(8, 16, 1, 1, device=device)).clamp(-1, 1)
        missed = small.decode(mean + 0.2 * mean.std() * torch.randn_like(mean)).clamp(-1, 1)
    rows += [came_back[:8], from_nothing]
    each = [
        kl_to_standard_normal(mean[:, i : i + 1], logvar[:, i : i + 1]).mean().item() for i in range(16)
    ]
    say("Price {weight:g}: {psnr:.1f} dB, from near by {missed:.1f}; {nats:.1f} nats in {used} of 16.",
        weight=weight, psnr=psnr(came_back, tiny_held), nats=sum(each),
        used=sum(n > 0.1 for n in each), missed=psnr(missed, tiny_held))  # fmt: skip
plots.images(
    torch.cat(rows),
    "First row: eight thumbnails. Then for each price, from the lowest to the highest, two rows: what "
    "comes back of them, and what is made of standard normal noise.",
    columns=8,
    inches=0.7,
)

# %% [markdown]
# Read the rows in pairs. The printed figures tell, too, what comes back *from near by*: each latent moved at random by
# a fifth of their spread, as a diffusion model might miss it.
#
# - **Nearly free:** clouds are narrow and lie wherever it suits. What comes back is at its best, and decoding standard
#   normal noise gives nothing like this world: where no cloud lies, the decoder has seen nothing. Compare how much
#   each price loses from near by (a tenth of a decibel either way is chance).
# - **Dear:** a latent is used only if it saves more error than it costs. The others become standard normal whatever
#   the picture, and the decoder learns to overlook them. That is **posterior collapse**. Look at the last pair: what
#   is it that still comes through? (A fair coin would need $\ln 2 = 0.69$ nats. Clouds pay more for the same news, as
#   one for heads and one for tails do not make up the standard normal cloud that the price is reckoned by.)
# - **Between them** things blur: where the sample leaves open which of several pictures it was, the least squared
#   error is their mean (Lab 04).
#
# A VAE that is to paint by itself needs a price at which noise decodes to pictures, and pays with blur. None of our
# four prices gets there: before the noise decodes to shapes, the shapes are gone. Latent diffusion gets out of that: a
# price so small that nearly nothing is lost, and *the diffusion model learns where the clouds are*.
#
# # 8. What do latents look like?
#
# **Is a latent map a picture?** Four channels, each from its darkest to its lightest value:

# %% [markdown] tags=["ja"]
# 2 行ずつ読んでください。出力された数値には、*少しずれたところから*戻ってきた画像の値もあります。拡散モデルが少し外したときのように、潜在変数を、その広がりの 5 分の 1 だけでたらめに動かしたものです。
#
# - **ほとんどただの場合**：雲は細く、好きな場所にあります。戻ってくる画像はいちばんよいのですが、標準正規分布のノイズをデコードしても、この世界のものは何も出てきません。雲のないところを、デコーダは見たことがないのです。少しずれただけでどれだけ悪くなるかを、値段ごとに比べてください（0.1 デシベルほどの差は偶然です）。
# - **高い場合**：潜在変数は、値段よりも多く誤差を減らせるときだけ使われます。ほかの潜在変数は、どんな画像でも標準正規分布になり、デコーダはそれを無視することを覚えます。これを**事後崩壊**（posterior collapse）といいます。最後の 2 行を見てください。まだ伝わっているものは何でしょうか。（表と裏が等しく出る硬貨 1 枚なら、$\ln 2 = 0.69$ ナットで足ります。雲では、同じことを伝えるのにもっとかかります。表の雲と裏の雲を合わせても、値段の基準である標準正規分布にはならないからです。）
# - **その中間**では、ぼやけます。いくつかの画像のどれだったのかがサンプルからはわからないとき、2 乗誤差がいちばん小さいのは、それらの平均だからです（Lab 04）。
#
# ひとりで絵を描く VAE には、ノイズが画像になるような値段が必要で、その代償がぼやけた絵です。ここで試した 4 つの値段は、どれもそこまで届きません。ノイズから形が出てくるより先に、形のほうが失われます。潜在拡散モデルは、ここから抜け出しました。ほとんど何も失わないほど値段を下げ、*雲がどこにあるかは拡散モデルに学ばせる*のです。
#
# # 8. 潜在変数はどう見えるか
#
# **潜在変数のマップは、画像なのでしょうか。** 4 つのチャンネルを、それぞれいちばん小さい値が黒、いちばん大きい値が白になるように描きます。


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def latents_of(x):
    """The means of the latents of pictures (B, 3, 64, 64): (B, 4, 8, 8), as the encoder gives them."""
    return torch.cat([vae.encode(part)[0] for part in x.split(64)])


@torch.no_grad()
def decoded(z):
    return torch.cat([vae.decode(part) for part in z.split(32)]).clamp(-1, 1)


z = latents_of(held["image"])
first_two = z[:2].transpose(0, 1)  # (4, 2, 8, 8), channels first
low, high = first_two.amin((1, 2, 3), keepdim=True), first_two.amax((1, 2, 3), keepdim=True)
maps = ((first_two - low) / (high - low) * 2 - 1).transpose(0, 1)  # (2, 4, 8, 8) in [-1, 1]
maps = F.interpolate(maps, size=64).flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
plots.images(
    torch.cat([held["image"][:1], maps[:4], held["image"][1:2], maps[4:]]),
    "Two pictures, and beside each the four channels of its latents, maps of 8x8.",
    titles=["picture", "channel 1", "channel 2", "channel 3", "channel 4"],
    columns=5,
)

# %% [markdown]
# The thing stands where it stands in the picture. Both networks are made almost only of convolutions, which see a small
# neighbourhood and treat all places alike. (Only the norms, and one attention in the middle, look at all places.) So a
# latent should describe mostly its own place, and if you move the map by one cell, the decoder should move the picture
# by eight pixels. **Does it?** And a walk from one picture to the other, in the latents and in the pixels?

# %% [markdown] tags=["ja"]
# どのマップでも、ものは画像と同じ場所にあります。どちらのネットワークも、ほとんど畳み込みだけでできています。畳み込みは近くだけを見て、どの場所も同じように扱います。（すべての場所を見るのは、正規化と、中央にあるひとつのアテンションだけです。）ですから、潜在変数はおもに自分の場所を表し、マップを 1 マスずらせば、デコーダは画像を 8 画素ずらすはずです。**本当にそうなるでしょうか。** では、ひとつの画像からもうひとつの画像まで、潜在変数の上と画素の上で歩くとどうなるでしょうか。

# %% tags=["nbval-ignore-output"]
moved = decoded(torch.roll(z, 1, dims=-1))
expected = torch.roll(decoded(z), 8, dims=-1)
inside = slice(16, 56)  # away from the sides, where something comes in anew
say("Moved in latents against moved in pixels: {near:.1f} dB; against not moved at all: {far:.1f} dB.",
    near=psnr(moved[..., inside], expected[..., inside]),
    far=psnr(moved[..., inside], decoded(z)[..., inside]))  # fmt: skip

shares = torch.linspace(0, 1, 6, device=device).reshape(-1, 1, 1, 1)
plots.images(
    torch.cat(
        [
            decoded((1 - shares) * z[:1] + shares * z[1:2]),
            (1 - shares) * held["image"][:1] + shares * held["image"][1:2],
        ]
    ),
    "A walk from one picture to another in six stops: in the latents, above, and in the pixels, below.",
    columns=6,
)
noise = torch.randn(z[:6].shape, generator=torch.Generator().manual_seed(1)).to(device)
plots.images(
    decoded(z.mean() + z.std() * noise),
    "Six times noise as large as latents are, decoded.",
    columns=6,
)

# %% [markdown]
# Compare the two rows of the walk. Do you find a shape that turns into another, or two that fade? These latents
# describe *places*, not ideas: nowhere is written "a star, at the top left". And the odd colours halfway? At this
# small price the clouds are narrow, and between two of them the decoder has seen nothing, as section 3 feared. The
# diffusion model has to stay where the clouds are. And noise makes no picture; the autoencoder cannot paint, it only
# translates. Who paints is the next question.
#
# # 9. Where 0.18215 comes from
#
# **How large are latents?** As large as the encoder likes; with so small a price nobody stops it. A noise schedule,
# however, was made for data of a certain size. Lab 05's signal-to-noise ratio,
# $\frac{\bar\alpha_t}{1 - \bar\alpha_t}$, takes data of variance 1 for granted. In
# $x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$ only the noise has that for sure; with data of
# any variance the ratio is
#
# $$ \text{SNR}(t) = \frac{\bar\alpha_t}{1 - \bar\alpha_t}\, \mathrm{Var}(x_0) $$
#
# and data of three times the size are at every timestep nine times plainer to see. So latents are multiplied by a
# factor first, which makes their variance 1 and Lab 05's ratio the right one (Rombach et al. 2022, appendix G; what it
# does to large pictures is appendix D.1). Stable Diffusion's factor is 0.18215: its latents have a deviation of
# $1 / 0.18215 = 5.49$, a variance of 30.
#
# ### Exercise 4: <!-- exercise latent_scale -->
#
# One number for all four channels, though they differ: see `latents_of(collection).std(dim=(0, 2, 3))`. Why not four?
# (Some later models do take one for each.) What would change about when a quiet channel drowns in the noise?

# %% [markdown] tags=["ja"]
# 歩いた 2 行を比べてください。ひとつの形が別の形に変わっていくでしょうか。それとも、2 つの形が薄れていくだけでしょうか。この潜在変数が表しているのは、考えではなく*場所*です。「左上に星」とは、どこにも書いてありません。では、途中に現れるおかしな色は何でしょうか。値段がこれほど安いと雲は細く、2 つの雲の間を、デコーダは見たことがありません。3 節で心配したとおりです。拡散モデルは、雲のあるところにとどまらなければなりません。また、ノイズは画像になりませんでした。オートエンコーダは絵を描けず、翻訳するだけです。では、だれが描くのでしょうか。それが次の問題です。
#
# # 9. 0.18215 はどこから来たのか
#
# **潜在変数の大きさは、どれくらいでしょうか。** エンコーダの好きなだけです。値段がこれほど安ければ、だれも止めません。けれども、ノイズスケジュール（noise schedule）は、ある大きさのデータのために作られています。Lab 05 の信号対雑音比（signal-to-noise ratio、SNR）$\frac{\bar\alpha_t}{1 - \bar\alpha_t}$ は、データの分散が 1 であることを前提にしています。$x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$ で分散が必ず 1 なのは、ノイズだけです。データの分散が 1 とは限らないとき、比は次のとおりです。
#
# $$ \text{SNR}(t) = \frac{\bar\alpha_t}{1 - \bar\alpha_t}\, \mathrm{Var}(x_0) $$
#
# つまり、データが 3 倍の大きさなら、どの時刻でも 9 倍はっきり見えてしまいます。そこで、まず潜在変数に係数を掛けます。そうすれば分散は 1 になり、Lab 05 の比がそのまま使えます（Rombach et al. 2022 の付録 G。大きな画像への影響は付録 D.1）。Stable Diffusion の係数は 0.18215 です。つまり、潜在変数の標準偏差は $1 / 0.18215 = 5.49$、分散は 30 です。
#
# ### 演習 4：<!-- exercise latent_scale -->
#
# チャンネルは 4 つあり、`latents_of(collection).std(dim=(0, 2, 3))` で見ると広がりも違いますが、係数はひとつです。なぜ 4 つにしないのでしょうか。（もっと新しいモデルには、チャンネルごとに決めるものもあります。）4 つにすると、広がりの小さいチャンネルは、いつノイズに埋もれるようになるでしょうか。


# %%
@exercise("latent_scale")
def latent_scale(latents):
    """The factor that brings latents to unit variance: 1 / their deviation (Rombach et al. 2022, app. G).

    latents: (B, C, h, w), as the encoder gives them. Returns one number, for all channels and places.
    """
    raise NotImplementedError


# %%
check(latent_scale)

# %% tags=["nbval-ignore-output"]
scale = latent_scale(latents_of(collection))
say("Standard deviation of your latents: {spread:.2f}; so the factor is {scale:.4f}.",
    spread=float(1 / scale), scale=float(scale))  # fmt: skip
last = NoiseSchedule.scaled_linear().snr[-1].item()  # Stable Diffusion's schedule at its noisiest
say(
    "Stable Diffusion's schedule ends at a signal-to-noise ratio of {scaled:.4f}; without the factor "
    "that would be {plain:.3f}.",
    scaled=last,
    plain=last / 0.18215**2,
)

# %% [markdown]
# A ratio of 0.141 leaves latents more than a third as large as the noise ($\sqrt{0.141} = 0.38$) at the very timestep
# that should be noise alone. Sampling starts with noise alone, and such a training never showed it. (Even 0.0047 still
# tells how bright a picture is, and models trained with it are bound to medium brightness:
# [Lin et al. 2023](https://arxiv.org/abs/2305.08891).)
#
# **And at all other timesteps?** Take the latents of the held-out pictures, add the noise of a timestep, and decode
# what is left, so that you see what the denoiser gets to see. The reader tells how many pictures are still all there.
# Once with the factor, once without:

# %% [markdown] tags=["ja"]
# 比が 0.141 なら、ノイズだけになるはずの時刻に、潜在変数がノイズの 3 分の 1 以上の大きさで残っています（$\sqrt{0.141} = 0.38$）。サンプリングはノイズだけから始まりますが、それでは、学習で一度もノイズだけを見ていないことになります。（0.0047 でも、画像の明るさはまだわかります。そのように学習したモデルは、中くらいの明るさの絵しか描けません。[Lin et al. 2023](https://arxiv.org/abs/2305.08891)）
#
# **では、ほかの時刻ではどうでしょうか。** 学習に使わなかった画像の潜在変数に、ある時刻のノイズを加え、そのままデコードしてみます。デノイザー（denoiser）が見るものを、自分の目で見るためです。まだすべて読み取れる画像がどれだけあるかは、読み取り器が教えてくれます。係数を掛けた場合と、掛けない場合です。

# %% tags=["nbval-ignore-output"]
schedule = NoiseSchedule.cosine()
moments = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]


def seen_at(t, factor):
    """The latents times the factor, with the noise of timestep t, decoded with the fading undone.

    Returns the first picture, (1, 3, 64, 64), and the share of all pictures in which all is read.
    """
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(t)).to(device)
    x_t = schedule.add_noise(z * factor, noise, torch.full((len(z),), t, device=device))
    seen = decoded(x_t / schedule.alphas_cumprod[t].sqrt() / factor)
    return seen[:1].clone(), faithfulness(seen, held["scene"]).all


scaled, scaled_read = zip(*(seen_at(t, scale) for t in moments), strict=True)
plain, plain_read = zip(*(seen_at(t, 1.0) for t in moments), strict=True)
plots.images(
    torch.cat([*scaled[::2], *plain[::2]]),
    "One picture's latents with the noise of the timesteps 0, 200, 400, 600 and 800, decoded: with the "
    "factor, above, and without it, below.",
    columns=5,
)
plots.lines(
    {"with the factor": (moments, scaled_read), "without it": (moments, plain_read)},
    "Share of pictures in which the reader still finds all, against the timestep whose noise was added "
    "to the latents, with the factor and without it.",
    xlabel="timestep t",
    ylabel="all is read",
    percent=True,
    markers=True,
)
for t, with_it, without in zip(moments, scaled_read, plain_read, strict=True):
    say(
        "t = {t:3}: {scaled:4.0%} with the factor, {plain:4.0%} without it.",
        t=t,
        scaled=with_it,
        plain=without,
    )

# %% [markdown]
# Where everything can still be read, there is nothing left to decide, and practising there only teaches to wipe off
# noise. Say that a model can practise deciding where less than 95% are read. Timesteps are drawn equally often: **which
# share of the practice is left for deciding, with the factor and without it?** (The other end is safe in this lab: the
# cosine schedule ends with noise alone, whatever the size of its data.)
#
# # 10. One diffusion, two spaces
#
# **Now the race.** The same U-Net class, the same loss, the same pictures and as many seconds: in latents, and in
# pixels. The clock of the latents includes encoding all pictures, which is done once. Pixels at full size would take
# tens of times as long for a step, as you measured, and be no match; to give them a chance, their network first folds
# each 4x4 pixels into the channels (`patch_size=4`).
#
# Each space gets the question that suits it, and errors of the picture are weighed alike in both (by SNR + 1 and at
# most 5, Lab 05, section 6). In latents the network is asked for the velocity. A velocity is partly noise, though, and
# the noise of 4x4 pixels is 48 numbers without a pattern, all of which would have to get through a network 48 channels
# wide; so in pixels it is asked for the picture, as in Lab 05. Words are kept simple: each of the five words of a scene
# has a vector of its own, learnt along. (Sentences are Lab 08.)

# %% [markdown] tags=["ja"]
# まだすべて読み取れるところでは、決めることが何も残っていません。そこで練習しても、ノイズを拭き取ることを覚えるだけです。すべて読み取れる画像が 95% より少ないところで、モデルは「決める」練習ができるとしましょう。時刻は、どれも同じ回数だけ選ばれます。**決める練習に使えるのは、係数があるときと、ないときで、全体のどれだけでしょうか。**（反対の端は、このラボでは心配ありません。コサインのスケジュールは、データの大きさにかかわらず、ノイズだけで終わります。）
#
# # 10. 同じ拡散を 2 つの空間で
#
# **いよいよ競争です。** 同じ U-Net のクラス、同じ損失、同じ画像を使い、同じ秒数だけ、潜在変数の上と画素の上で学習させます。潜在変数の時計には、すべての画像をエンコードする時間も入れます（一度だけです）。画素のほうは、そのままの大きさでは、先ほど測ったとおり 1 ステップに何十倍もの時間がかかり、勝負になりません。そこで、4x4 画素ずつチャンネルに折りたたんでから始めるようにします（`patch_size=4`）。
#
# 問いは、それぞれの空間に合うものにします。画像の誤差に付ける重みは、どちらも同じです（SNR + 1 で、上限は 5。Lab 05 の 6 節）。潜在変数では、速度（velocity）を当てさせます。けれども、速度の一部はノイズです。4x4 画素のノイズは、規則性のない 48 個の数で、そのすべてが、幅 48 チャンネルのネットワークを通り抜けなければなりません。そこで、画素では、Lab 05 と同じように画像そのものを当てさせます。言葉は簡単にしておきます。シーンを表す 5 つの語に、それぞれひとつずつベクトルを持たせ、いっしょに学習させます。（文は Lab 08 で扱います。）

# %% tags=["nbval-ignore-output"]
WORDS = {word: i for i, word in enumerate([*SIZES, *COLORS, *SHAPES, *PLACES, *PLAIN])}
SECONDS = budget(lesson=45.0, ci=1.5)


def told(scenes):
    """The five words of each scene, as numbers: (B, 5)."""
    parts = ("size", "color", "thing", "place", "background")
    return torch.tensor(
        [[WORDS[getattr(scene, part)] for part in parts] for scene in scenes], device=device
    )


class Painter(nn.Module):
    """A U-Net told five words: x_t (B, channels, H, W), t (B,), words (B, 5) -> an answer like x_t."""

    def __init__(self, channels, patch_size):
        super().__init__()
        layout = UNetConfig(
            channels, channels, block_out_channels=(48, 64), attention=(False, True),
            cross_attention_dim=64, patch_size=patch_size, text_pooling_heads=4, scale_shift=True,
        )  # fmt: skip
        self.unet, self.words = UNet(layout), nn.Embedding(len(WORDS), 64)

    def forward(self, x_t, t, words):
        return self.unet(x_t, t, self.words(words))


def race(painter, encoded, decode, asks, scenes, looks=3):
    """Trains for SECONDS on encoded(), the data; measures on the way, the clock stopped.

    Returns the averaged painter, and (seconds, steps, share of what was asked that is read, share of
    pictures in which all of it is, the pictures) at each look.
    """
    clock, began = 0.0, time.perf_counter()
    x0s, words = encoded(), told(collected)
    # An error of the picture counts SNR + 1 times, at most 5 times, whatever the network is asked for.
    weight = (schedule.snr + 1).clamp(max=5) / (1 if asks == "sample" else schedule.snr + 1)
    optimizer = Muon(painter, lr=3e-3)
    rate = warm_then_cool(optimizer, lambda step: min(1, clock / SECONDS))
    average = Average(painter, decay=0.99)
    found, step = [], 0
    while clock < SECONDS:
        chance = torch.Generator().manual_seed(step)
        which = torch.randint(len(x0s), (budget(lesson=32, ci=4),), generator=chance)
        t = torch.randint(schedule.num_train_timesteps, which.shape, generator=chance)
        noise = torch.randn(which.shape + x0s.shape[1:], generator=chance)
        x0, t, noise, w = x0s[which.to(device)], t.to(device), noise.to(device), weight[t].to(device)
        spoken = words[which.to(device)]
        loss = diffusion_loss(
            lambda x_t, t, spoken=spoken: painter(x_t, t, spoken), x0, t, noise, schedule, asks, w
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(painter.parameters(), 1.0)
        optimizer.step()
        rate.step()
        step += 1
        average.update(step)
        clock = time.perf_counter() - began
        if clock >= SECONDS * (len(found) + 1) / looks:
            pictures = decode(paint(average.model, x0s.shape[1:], asks, scenes))
            result = faithfulness(pictures, scenes)
            share = sum(result.attributes.values()) / len(result.attributes)
            found.append((clock, step, share, result.all, pictures))
            began = time.perf_counter() - clock  # the clock stood still
    return average.model, found


@torch.no_grad()
def paint(painter, shape, asks, scenes, steps=10):
    """What the painter makes of noise for these scenes, in its own space: (B, *shape)."""
    words = told(scenes)
    denoise = NetworkDenoiser(
        lambda x_t, t: painter(x_t, t, words), schedule, asks, clip=1.0 if asks == "sample" else None
    )
    x = torch.randn(len(scenes), *shape, generator=torch.Generator().manual_seed(1)).to(device)
    return sample_ddim(denoise, x, schedule, schedule.timesteps(steps, spacing="trailing"))


_, asked = world.prompts(budget(lesson=48, ci=4))
machine.seed(10)
latent_painter, in_latents = race(
    machine.place(Painter(4, 1)),
    lambda: latents_of(collection) * scale,
    lambda z: decoded(z / scale),
    "v_prediction",
    asked,
)
machine.seed(10)
pixel_painter, in_pixels = race(
    machine.place(Painter(3, 4)), lambda: collection, lambda x: x.clamp(-1, 1), "sample", asked
)

# %% tags=["nbval-ignore-output"]
plots.lines(
    {
        "in latents": ([look[0] for look in in_latents], [look[2] for look in in_latents]),
        "in pixels": ([look[0] for look in in_pixels], [look[2] for look in in_pixels]),
    },
    "Share of all that was asked for that the reader finds in the pictures, against the seconds of "
    "training: one curve for diffusion in latents, one for diffusion in pixels.",
    xlabel="seconds of training",
    ylabel="of what was asked, read",
    percent=True,
    markers=True,
)
plots.images(
    torch.cat([in_latents[-1][-1][:8], in_pixels[-1][-1][:8]]),
    "Eight scenes after as many seconds of training: painted in latents, above, and in pixels, below.",
    columns=8,
)
for run in (in_latents, in_pixels):
    say("In latents:" if run is in_latents else "In pixels:")
    for at, steps, share, whole, _ in run:
        say("{at:3.0f} s, {steps:4} steps: {share:.0%} of what was asked is read, all in {whole:.0%}.",
            at=at, steps=steps, share=share, whole=whole)  # fmt: skip

# %% [markdown]
# Did the pixels get less than guessing? The figure counts six things for each picture: the five words, and that there is
# one thing and no more. Whoever paints one thing and guesses the words is right in about 39% of them. But where the
# reader finds no thing at all, as in blots, nothing counts, not even a background that you can see. So a figure far
# below 39% says that so few steps are too few for pixels, not how far behind they would be in the end. (Your machine
# decides how many steps there are. If yours had time for fewer than 150 in latents, raise `SECONDS`.)
#
# **To be fair:** the seconds in which the autoencoder was trained are not in the figure. It is trained once, and any
# number of diffusion models use it; but whoever trains just one model has to count them. What else could be said for
# the pixels? They have no ceiling: what the decoder cannot draw, a latent model never will (how high yours hangs is in
# section 5, as the reader's share of what comes back). And at *small* sizes there is little to save: Lab 05 painted
# 32x32 pixels without any of this.
#
# **Change one thing:** fold less, with `Painter(3, 2)` in place of `Painter(3, 4)`: each step sees finer pixels, and
# there are fewer steps.
#
# # 11. What the squared error does not see
#
# Your autoencoder was trained on the squared error alone. For shapes of one colour that does. For hair, leaves or the
# print of a newspaper it does not: details that 256 numbers (or Stable Diffusion's $64 \cdot 64 \cdot 4 = 16{,}384$)
# cannot hold come back as the mean of all that they could have been, and that is blur. Nobody minds *which* hairs are drawn, but everybody minds none. So Stable
# Diffusion's autoencoder has two terms more (Rombach et al. 2022, section 3.1; Esser et al. 2021):
#
# - a **perceptual** one: the error is measured not in pixels alone but also in the features of a network that was
#   trained to recognise pictures, which find two tufts of hair much alike and hair and blur different;
# - an **adversarial** one: a second network learns to tell patches of true pictures from those that come back, and the
#   decoder learns to deceive it. So it invents details that look right (Lab 13 trains such pairs).
#
# Both usually *cost* PSNR, and make better pictures. And they explain what you may have seen in Stable Diffusion's
# pictures: lettering that looks like lettering and says nothing.
#
# # Break it
#
# Somebody saves your model in diffusers' format, and forgets to write the factor into the autoencoder's configuration.
# Nothing complains: there is a default, 0.18215. Opened again, the model paints as before, in *its* latents, and then
# divides by the factor that stands in the file.

# %% [markdown] tags=["ja"]
# 画素のほうは、当てずっぽうより悪くなっていませんか。図では、画像ごとに 6 つのことを数えています。5 つの言葉と、ものがひとつだけあることです。ものをひとつ描いて、言葉を当てずっぽうで選ぶだけでも、39% ほどは当たります。けれども、しみのような絵では、読み取り器はものをひとつも見つけられません。そのときは、目で見てわかる背景まで含めて、何も数えません。ですから、39% を大きく下回る値からわかるのは、これだけのステップ数では画素には足りないということです。最後にどれだけの差が残るかは、わかりません。（ステップ数は、コンピュータの速さで決まります。潜在変数のほうが 150 ステップに届かなかったら、`SECONDS` を増やしてください。）
#
# **公平のために**：オートエンコーダを学習させた秒数は、この図に入っていません。一度学習させれば、いくつもの拡散モデルで使えるからです。けれども、モデルをひとつだけ学習させる人は、それも数えなければなりません。画素の側には、ほかにも言い分があります。画素には天井がありません。デコーダに描けないものは、潜在変数のモデルには決して描けません（あなたの天井の高さは、5 節の、往復した画像をすべて読み取れた割合です）。また、*小さな*画像では、節約できるものもあまりありません。Lab 05 では、こうした工夫なしに 32x32 画素を描きました。
#
# **ひとつ変えてみましょう**：`Painter(3, 4)` を `Painter(3, 2)` として、折りたたみ方を小さくしてみてください。1 ステップで細かい画素まで見えますが、ステップ数は減ります。
#
# # 11. 2 乗誤差に見えないもの
#
# あなたのオートエンコーダは、2 乗誤差だけで学習しました。1 色の図形なら、それで足ります。髪の毛や木の葉や新聞の文字では、足りません。256 個（Stable Diffusion なら $64 \cdot 64 \cdot 4 = 16{,}384$ 個）の数に入りきらない細部は、ありえたものすべての平均として戻ってきます。つまり、ぼやけます。*どの*髪の毛が描かれているかは、だれも気にしません。けれども、1 本もなければ、だれもが気づきます。そこで、Stable Diffusion のオートエンコーダには、あと 2 つの項があります（Rombach et al. 2022 の 3.1 節、Esser et al. 2021）。
#
# - **知覚的**（perceptual）な項：誤差を、画素だけでなく、画像認識を学習したネットワークの特徴でも測ります。その特徴では、髪の毛の 2 つの束はよく似ていて、髪の毛とぼやけは違って見えます。
# - **敵対的**（adversarial）な項：もうひとつのネットワークが、本物の画像と戻ってきた画像の小さな部分を見分けることを学び、デコーダは、それをだますことを学びます。その結果、もっともらしい細部を作り出すようになります（Lab 13 では、このような組を学習させます）。
#
# どちらの項も、たいてい PSNR を*下げます*が、画像はよくなります。Stable Diffusion の絵で、文字のように見えるのに何も書いていないものを見たことがあるでしょうか。その理由も、ここにあります。
#
# # 壊してみる
#
# だれかが、あなたのモデルを diffusers の形式で保存しましたが、係数をオートエンコーダの設定に書き込むのを忘れました。エラーは出ません。既定値の 0.18215 があるからです。もう一度開くと、モデルは前と同じように*自分の*潜在変数で描き、そのあと、ファイルに書かれている係数で割ります。

# %% tags=["nbval-ignore-output"]
forgotten = 0.18215
painted = paint(latent_painter, z.shape[1:], "v_prediction", asked)
by_measure, by_default = decoded(painted / scale), decoded(painted / forgotten)
plots.images(
    torch.cat([by_measure[:8], by_default[:8]]),
    "Eight scenes painted in latents, decoded with the measured factor, above, and the default, below.",
    columns=8,
)

# %% [markdown]
# **Before you run the next cell**, explain what you see. Are the latents now too large or too small, and by how much?
# What became of the shapes, of the colours, of the background, and why does the picture not just gain in contrast, as
# it would if the decoder were linear? Would you have noticed, if your factor had been 0.2? Then: how could a test notice?

# %% [markdown] tags=["ja"]
# **次のセルを実行する前に**、見えたものを説明してください。潜在変数は大きすぎるのでしょうか、小さすぎるのでしょうか。それは何倍でしょうか。形、色、背景はどうなりましたか。デコーダが線形なら、コントラストが強くなるだけのはずです。そうならないのは、なぜですか。もし係数が 0.2 だったら、気づいたでしょうか。どのようなテストなら気づけるでしょうか。

# %% tags=["nbval-ignore-output"]
say("Latents are {ratio:.2f} times as large as they should be.", ratio=float(scale) / forgotten)


def share_read(images):
    """The share of all that was asked for that is read in the pictures."""
    attributes = faithfulness(images, asked).attributes
    return sum(attributes.values()) / len(attributes)


say("With the factor measured, {share:.0%} of what was asked is read.", share=share_read(by_measure))
say("With the default, {share:.0%} of what was asked is read.", share=share_read(by_default))

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Kingma & Welling, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114) (2014): sections 2.3 and 2.4,
#   and appendix B. You have now written all of it.
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752)
#   (2022): sections 3.1 to 3.3, and appendix G for the weight of the KL and the scaling. Section 4.1 compares
#   compressions, from none to 32 a side.
# - Esser, Rombach & Ommer, [Taming Transformers for High-Resolution Image Synthesis](https://arxiv.org/abs/2012.09841)
#   (2021): the same division of work with a codebook in place of clouds, and where the adversarial and perceptual
#   terms come from.
# - Higgins et al., [beta-VAE](https://openreview.net/forum?id=Sy2fzU9gl) (2017): what a weight on the KL does.
#
# Next: Lab 08 lets words in, and puts all parts together.
#
# ## Optional: Stable Diffusion's autoencoder in this class
#
# With a network connection, the cell below downloads `stabilityai/sd-vae-ft-mse` from the Hugging Face hub (MIT
# licence, about 335 MB), an autoencoder of Stable Diffusion, into **the same class**, and sends two pictures of the
# storybook through it. It has been trained on photographs, and never seen this world. How large are its latents here,
# by **your** `latent_scale`? Set `DOWNLOAD = True` first.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Kingma & Welling, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114) (2014)：2.3 節と 2.4 節、付録 B。すべて、もう自分で書きました。
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022)：3.1 節から 3.3 節まで。KL の重みと係数については付録 G。4.1 節では、縮小なしから 32 分の 1 までを比べています。
# - Esser, Rombach & Ommer, [Taming Transformers for High-Resolution Image Synthesis](https://arxiv.org/abs/2012.09841) (2021)：雲のかわりに符号帳（codebook）を使った、同じ分業です。敵対的な項と知覚的な項は、ここから来ています。
# - Higgins et al., [beta-VAE](https://openreview.net/forum?id=Sy2fzU9gl) (2017)：KL に付けた重みの働き。
#
# 次の Lab 08 では、言葉を入れ、すべての部品を組み立てます。
#
# ## 発展：Stable Diffusion のオートエンコーダをこのクラスで
#
# 次のセルは、Stable Diffusion のオートエンコーダ `stabilityai/sd-vae-ft-mse`（MIT ライセンス、約 335 MB）を Hugging Face Hub からダウンロードし、**同じクラス**に読み込んで、絵本の世界（storybook）の画像を 2 枚往復させます。写真で学習したもので、この世界を見たことはありません。ここでの潜在変数の大きさは、**あなたの** `latent_scale` で測るとどうなるでしょうか。ネットワーク接続が必要です。実行する前に `DOWNLOAD = True` としてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "stabilityai/sd-vae-ft-mse"

if DOWNLOAD:
    from pathlib import Path

    from t2ilab.interop.hub import fetch
    from t2ilab.interop.stable_diffusion import STEM, read_vae

    folder = (
        PUBLISHED if Path(PUBLISHED).is_dir() else fetch(PUBLISHED, {"": STEM})
    )  # it says the size first
    published = machine.place(read_vae(folder))
    large = World(size=256, level="storybook").batch(0, 2, device)["image"]
    with torch.no_grad():
        latents, _ = published.encode(large)
        came_back = published.decode(latents).clamp(-1, 1)
    say("The factor for these pictures: {scale:.4f}. Stable Diffusion's: 0.18215.",
        scale=float(latent_scale(latents)))  # fmt: skip
    plots.images(
        torch.cat([large, came_back]),
        "Two pictures of the storybook, above, and what comes back from a published autoencoder, below.",
        columns=2,
        inches=2.4,
    )
