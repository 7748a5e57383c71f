# %% [markdown]
# # Lab 10: Something new for a finished model
#
# <!-- badges -->
#
# **You will build** what makes one model out of another. The zoo's `storybook` has never seen a monster. You train all of
# it on 416 drawings of monsters, watch it learn them, and measure what it forgets. Then you do the same with a fraction of
# the numbers: a **low-rank adapter** (LoRA), two thin matrices beside each large one, which can be turned down, mixed,
# merged, and saved in a file that `diffusers` opens. At the end five pictures of one particular creature have to do: a word
# for it, once by DreamBooth and once by textual inversion.
#
# | | |
# |---|---|
# | Time | about 90 minutes, five of which your machine computes alone |
# | You need | Python and PyTorch; Lab 08, or what latents, cross-attention and guidance are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | four, 11 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 10：できあがったモデルに、新しいことを
#
# <!-- badges -->
#
# **このラボで作るもの**：ひとつのモデルから、別のモデルを作ります。学習済みモデル集（zoo）の `storybook` は、モンスターを一度も見たことがありません。モンスターの絵 416 枚で全体を学習させ、覚えていくところを見て、何を忘れるかを測ります。次に、同じことを、ごくわずかなパラメータだけでやってみます。**低ランクアダプタ**（low-rank adapter、LoRA）です。大きな行列のそれぞれの横に、細い行列を 2 つ置きます。弱めることも、混ぜることも、まとめることもでき、`diffusers` が開けるファイルに保存できます。最後は、たったひとりの生き物の、5 枚の絵です。DreamBooth と textual inversion の 2 つの方法で、その子を指す言葉を教えます。
#
# | | |
# |---|---|
# | 時間 | 約 90 分（そのうち、コンピュータの計算を待つのは 5 分） |
# | 必要なもの | Python と PyTorch。Lab 08、または潜在変数（latent）、クロスアテンション（cross-attention）、ガイダンス（guidance）の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | 4 問、11 点。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import copy
import random
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.data.monsters import describe, draw, monsters, pet_items
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.distances import kid
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness
from t2ilab.nets.layers import Attention
from t2ilab.pipelines.editing import to_latents
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes.finetuning import color_reader, seen_through, word_prompts
from t2ilab.recipes.monster_scores import PetReader, features
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device
pipe = TextToImage.from_pretrained("storybook")
schedule = pipe.schedule
for part in (pipe.unet, pipe.text_encoder, pipe.vae):
    part.requires_grad_(False)
STEPS = budget(lesson=20, ci=3)  # of a walk from noise to a picture that is looked at
WALK = budget(lesson=10, ci=2)  # of one to a picture that is only counted
COUNT = budget(lesson=48, ci=4)  # of pictures that are counted
BATCH = budget(lesson=16, ci=4)

# %% [markdown]
# # 1. What it cannot draw
#
# **What does a model do with a word that it never learnt?** Three prompts of the lecture that this course follows: the
# first asks for what is to come. The second it has never got quite right: the robot is red, but hardly grey. The third it can do already.

# %% [markdown] tags=["ja"]
# # 1. まだ描けないもの
#
# **学んだことのない言葉を聞くと、モデルは何を描くのでしょうか。** このコースのもとになった講義のプロンプト（prompt）を 3 つ使います。ひとつめは、これから覚えるものです。2 つめは、うまく描けたことがありません。ロボットは赤くなりますが、灰色はほとんど現れません。3 つめは、もう描けます。

# %% tags=["nbval-ignore-output"]
PROMPTS = [
    "a drawing of a yellow and grey monster",
    "a robot, red and grey",
    "an astronaut riding a horse",
]


def with_unet(unet):
    """The zoo's model with another U-Net."""
    other = copy.copy(pipe)
    other.unet = unet
    return other


def pictures(model, prompts, steps=STEPS, seed=0):
    """Pictures (B, 3, 64, 64) of prompts."""
    drawn = [
        model(prompts[i : i + 32], seed=seed + i, num_inference_steps=steps, output_type="pt")
        for i in range(0, len(prompts), 32)
    ]
    return torch.cat(drawn).cpu() * 2 - 1


before = pictures(pipe, PROMPTS)
plots.images(
    before,
    "The three prompts, drawn by the zoo's model as it is.",
    titles=PROMPTS,
    columns=3,
    inches=3,
)
for prompt in PROMPTS[:1]:
    print(pipe.tokenizer.tokens(prompt))

# %% [markdown]
# Its vocabulary has no *monster*. The tokenizer cuts the word into pieces, and the text encoder has a vector for each of them,
# as random as on the first day: no training ever moved it. So the words that it knows decide what is drawn.
#
# Now the lesson: 416 drawings, in ink, on paper. Another hand, another style, and each with a caption that always says its two
# colours. Eleven of the 110 pairs (body, second colour) are kept back, and with these you will measure: a model that draws them
# has learnt more than 416 pictures by heart. A little more: the same two colours were there the other way round (a purple monster with yellow, where
# a yellow one with purple is asked for), and the figure below does not ask which of them is where.

# %% [markdown] tags=["ja"]
# このモデルの語彙に *monster* はありません。トークナイザは単語を切り分け、テキストエンコーダ（text encoder）は、そのひとつひとつのベクトルを持っています。でもそれは、最初の日の乱数のままです。どの学習でも動いたことがありません。ですから、何が描かれるかは、知っている言葉で決まります。
#
# では、教材です。紙にインクで描いた 416 枚の絵です。これまでの絵とは描き手も画風も違い、どのキャプションも 2 つの色を必ず言います。110 通りの（体の色、2 つめの色）の組のうち 11 組は、測るときに使うために取り分けてあります。それを描けるモデルは、416 枚を丸暗記したのではありません。ただし、少し先へ進んだだけです。同じ 2 色の逆の組は、教材にあるからです（体が黄色で紫の入ったモンスターを頼むとき、体が紫で黄色の入ったものは見ています）。しかも、下の指標は、どちらの色がどこにあるかを問いません。

# %%
chosen = monsters()[: budget(lesson=416, ci=32)]
drawn = draw(chosen)  # (416, 3, 64, 64)
latents = torch.cat([to_latents(pipe, some).cpu() for some in drawn.split(64)])  # (416, 16, 8, 8)
plots.images(drawn[:16], "Sixteen of the 416 monsters.", columns=8, inches=1)
for monster in chosen[:4]:
    print(describe(monster, "en", random.Random(1)), describe(monster, "ja", random.Random(1)), sep=" / ")

# %% [markdown]
# ## How far away is it?
#
# Three figures, for every model of this lab, each from the same noise:
#
# - **distance**: how far its monsters are from drawn ones, as the zoo's CLIP sees them. It is the kernel distance (KID,
#   [Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401), section 4.1): 0 on average for two halves of one set of pictures. (With few
#   pictures it scatters, and may come out a little below.)
# - **colours**: how often a monster has the two colours that were asked for, and no other in their place, whichever of the two is on the body. Its reader
#   counts pixels; it is tested first on drawn monsters.
# - **old prompts**: how often a picture shows everything that a prompt of the storybook asks for.

# %% [markdown] tags=["ja"]
# ## どれくらい遠いか
#
# このラボのどのモデルも、同じノイズから描かせて、3 つの指標で測ります。
#
# - **距離**：そのモデルのモンスターが、本物の絵からどれだけ離れているか。zoo の CLIP の目で測ります。カーネル距離（KID、[Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401)、4.1 節）といい、同じ画像集を 2 つに分けて比べると、平均 0 です。（枚数が少ないとばらつき、0 を少し下回ることもあります。）
# - **色**：頼んだ 2 色になっていて、ほかの色になっていない割合。どちらが体の色かは問いません。読み取り器は画素を数えます。まず、本物の絵で試します。
# - **以前のプロンプト**：絵本の世界のプロンプトが頼んだものを、すべて描いた割合。

# %% tags=["nbval-ignore-output"]
asked = monsters(COUNT, held_out=True)
real = draw(asked)
real_features = features(real)
wishes = [describe(monster) for monster in asked]
old_prompts, old_scenes = World(seed=1, level="storybook").prompts(COUNT, "en", 1)
colors = color_reader(pipe, drawn, chosen)
say(
    "Colours read in drawings of pairs that the reader never saw: {drawn:.0%} right; "
    "in the same through the model's autoencoder: {back:.0%}.",
    drawn=colors.right(real, asked),
    back=colors.right(seen_through(pipe, real), asked),
)
say(
    "Distance of the same drawings through the autoencoder: {back:.2f}; of the two halves of them: "
    "{halves:.2f}.",
    back=kid(real_features, features(seen_through(pipe, real))),
    halves=kid(real_features[::2], real_features[1::2]),
)
table = {}


def measure(name, unet):
    """Draws new and old prompts with a U-Net, and notes the three figures."""
    model = with_unet(unet)
    new, old = pictures(model, wishes, WALK, 100), pictures(model, old_prompts, WALK, 200)
    table[name] = {
        "distance": kid(real_features, features(new)),
        "colors": colors.right(new, asked),
        "old": faithfulness(old, old_scenes).all,
    }
    say(
        "{name:36} distance {distance:5.2f}, colours {colors:4.0%}, old prompts {old:4.0%}",
        name=name,
        **table[name],
    )
    return new


base_monsters = measure(tr("the base"), pipe.unet)

# %% [markdown]
# What the autoencoder blurs, no U-Net behind it can draw: the second per cent is about the most that can be reached. Of the
# two distances, the one farther from 0 says how much chance there is in that figure: do not read an order into what differs by less.
# (With 48 pictures, a share is uncertain by up to 14 points.)

# %% [markdown] tags=["ja"]
# オートエンコーダがぼかしてしまうものは、そのうしろの U-Net には描けません。2 つめの割合が、届く限界のおおよそです。2 つの距離のうち 0 から遠いほうは、この指標にどれだけ偶然が入るかを示しています。差がそれより小さければ、順番を読んではいけません。（48 枚では、割合に最大 14 ポイントほどの誤差があります。）

# %% [markdown]
# # 2. Train all of it
#
# **Why not simply go on training?** The loss is the base's own, the error of the velocity with Lab 08's weights. The
# pictures are new, and the training begins where the other one ended. That is all of **fine-tuning**.
# The lecture's model, hundreds of times as large, took 15,000 iterations on 416 pictures, and draws with 1,000 denoising steps. Here
# a few hundred iterations have to do, and at most twenty denoising steps. One caption in ten is left empty, so that guidance still works.

# %% [markdown] tags=["ja"]
# # 2. 全体を学習させる
#
# **そのまま学習を続けるだけでは、いけないのでしょうか。** 損失は、もとのモデルと同じ、Lab 08 の重みを付けた速度の誤差です。画像は新しく、学習は、前の学習が終わったところから始まります。**ファインチューニング**（fine-tuning）とは、それだけのことです。講義で紹介されたモデルは、数百倍の大きさで、416 枚を 15,000 回の繰り返しで学び、1,000 ステップで描きます。こちらの学習は数百回、描くのは多くて 20 ステップです。キャプションの 10 分の 1 は空にして、ガイダンスが働き続けるようにします。

# %% tags=["nbval-ignore-output"]
weights = (5 / (schedule.snr + 1)).clamp(max=1).to(device)  # as in Lab 08


def worded(seed):
    """A caption for each monster, in other words for each seed, two in five Japanese."""
    chance = random.Random(seed)
    return [describe(m, "ja" if chance.random() < 0.4 else "en", chance) for m in chosen]


def fitting(texts):
    """The texts, with the plainest caption for one that is too long for the model."""
    return [describe(m) if pipe.tokenizer.unread(c) else c for m, c in zip(chosen, texts, strict=True)]


LESSONS = [(latents, fitting(worded(seed))) for seed in range(4)]  # the same pictures, in four wordings


def batch_of(lessons, step, empty=0.1):
    """The step-th batch: latents x0 and what is said of them, of which such a share is left empty."""
    chance = random.Random(step)
    x0, captions = lessons[step % len(lessons)]
    rows = [chance.randrange(len(x0)) for _ in range(BATCH)]
    return x0[rows].to(device), ["" if chance.random() < empty else captions[row] for row in rows]


def guess(unet, x0, context, seed):
    """What the U-Net guesses of noised latents, and what there is, velocities; and timesteps (B,)."""
    chance = torch.Generator().manual_seed(seed)
    t = (
        (1000 * (torch.arange(len(x0)) + torch.rand(len(x0), generator=chance)) / len(x0))
        .long()
        .to(device)
    )
    noise = torch.randn(x0.shape, generator=chance).to(device)
    return unet(schedule.add_noise(x0, noise, t), t, context), schedule.velocity(x0, noise, t), t


def error(unet, lessons, step):
    """The loss of the step-th batch."""
    x0, captions = batch_of(lessons, step)
    output, target, t = guess(unet, x0, pipe.encode(captions), step)
    return (weights[t] * (output - target).square().flatten(1).mean(1)).mean()


def train(unet, loss_of, steps, rate, look=()):
    """Trains what is not frozen; returns the averaged U-Net, losses, and pictures after some steps."""
    optimizer, average, losses, seen = Muon(unet, weight_decay=0.0), Average(unet, decay=0.98), [], {}
    for step in tqdm(range(steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 20) * (1 - step / steps)
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update(step + 1)
        losses.append(loss.item())
        if step + 1 in look:
            seen[step + 1] = pictures(with_unet(average.model), PROMPTS, WALK)
    return average.model, losses, seen


# %% tags=["nbval-ignore-output"]
# On a slow machine lower this one; LORA_STEPS, SHORT and PET_STEPS below are of its kind.
FULL_STEPS = budget(lesson=320, ci=4)
LOOK = [FULL_STEPS // 16, FULL_STEPS // 4, FULL_STEPS]
trial = copy.deepcopy(pipe.unet).requires_grad_(True)
pace(lambda step: error(trial, LESSONS, step).backward(), FULL_STEPS)
full = copy.deepcopy(pipe.unet).requires_grad_(True)
full, losses, seen = train(full, lambda step: error(full, LESSONS, step), FULL_STEPS, 1e-3, LOOK)
plots.loss_curve(losses)
plots.images(
    torch.cat([before, *seen.values()]),
    "The three prompts: as the base draws them, and after {steps} steps.",
    columns=3,
    inches=1.3,
    steps=", ".join(map(str, seen)),
)

# %% tags=["nbval-ignore-output"]
full_monsters = measure(tr("full fine-tuning"), full)
gone = 1 - table[tr("full fine-tuning")]["distance"] / table[tr("the base")]["distance"]
say("Of the base's distance to the drawings, {gone:.0%} is gone.", gone=gone)
plots.images(
    torch.cat([real[:8], base_monsters[:8], full_monsters[:8]]),
    "Eight monsters of pairs of colours that no lesson had: drawn by the course; "
    "by the base from their captions; by the model that you trained.",
    columns=8,
    inches=1,
)

# %% [markdown]
# Read the second and the third column of the picture above it, from top to bottom: **what became of the robot and of the
# astronaut?** Nobody told the model to keep them. No lesson ever asked for them either, and every step moved every weight. That is
# **forgetting** (catastrophic forgetting, [McCloskey & Cohen 1989](https://doi.org/10.1016/S0079-7421(08)60536-8)), and "old
# prompts" measures it. Sometimes it is wanted: the lecture's model turns *everything* into a monster, and that was its charm.
#
# **Change one thing:** a third of the rate, or a quarter of the steps. Do it in a new cell, since `full` is needed again later:
#
# ```python
# other = copy.deepcopy(pipe.unet).requires_grad_(True)
# other, _, _ = train(other, lambda step: error(other, LESSONS, step), FULL_STEPS // 4, 1e-3)
# _ = measure("a quarter of the steps", other)
# ```
#
# Compare its line with those of the base and of `full`: which of the three figures has come farthest on its way from one to the other, and which has hardly left?

# %% [markdown] tags=["ja"]
# その上の図の 2 列目と 3 列目を、上から下へ見てください。**ロボットと宇宙飛行士は、どうなりましたか。** 取っておくように言った人はいません。教材にも一度も出てこず、どのステップでも、すべての重みが動きました。これが**忘却**（破滅的忘却、catastrophic forgetting、[McCloskey & Cohen 1989](https://doi.org/10.1016/S0079-7421(08)60536-8)）で、「以前のプロンプト」が測っているものです。忘れてほしいときもあります。講義のモデルは*何でも*モンスターにしてしまい、それが魅力でした。
#
# **ひとつ変えてみましょう**：学習率を 3 分の 1 にしてみてください。あるいは、ステップ数を 4 分の 1 にしてみてください。`full` はあとでまた使うので、新しいセルで行います。
#
# ```python
# other = copy.deepcopy(pipe.unet).requires_grad_(True)
# other, _, _ = train(other, lambda step: error(other, LESSONS, step), FULL_STEPS // 4, 1e-3)
# _ = measure("a quarter of the steps", other)
# ```
#
# もとのモデルの行と、`full` の行に比べてください。3 つの指標のうち、そこまでの道をいちばん遠くまで進んだのはどれで、ほとんど動いていないのはどれですか。

# %% [markdown]
# # 3. Two thin matrices
#
# **How much does a model have to move to learn a style?** Full fine-tuning makes a second model, as large as the first, for each style. But the
# *difference* of the two may be simple. **LoRA** ([Hu et al. 2021](https://arxiv.org/abs/2106.09685)) supposes that the
# change of a weight matrix has a low **rank** $r$: whatever comes in, only $r$ independent directions of it are looked at, and only
# $r$ directions come out. Every such matrix is a product of a tall one, with $r$ columns, and a flat one, with $r$ rows:
#
# $$ h = W_0 x + \frac{\alpha}{r} B A x \qquad \text{(eq. 3, and section 4.1 for the factor)} $$
#
# $W_0$ is frozen. $A$ ($r \times$ in, `down`) begins with random numbers and $B$ (out $\times r$, `up`) with zeros: so nothing is
# changed at first, as with the ControlNet of Lab 09. The random numbers are normal, with a standard deviation of
# $1/\sqrt{n}$ for $n$ inputs: then the numbers of $Ax$ are about as large as those of $x$, however wide the layer is.
# $\alpha$ is a constant. Divided by $r$, it is meant to spare another learning rate for each rank. (This lab always takes
# $\alpha = r$, so that the factor is 1; adapters of others often have another.)
#
# The formula has $x$ as a column. In code the vectors are the rows of `x`, and `F.linear(x, A)` computes $Ax$ for each of them.
#
# **Before you go on:** how many numbers has the product $BA$ at a layer of 96x96, and how many have $B$ and $A$ together, at $r = 8$?
#
# ### Exercise 1: <!-- exercise LoRALinear -->

# %% [markdown] tags=["ja"]
# # 3. 細い行列を 2 つ
#
# **画風を覚えるために、モデルはどれだけ動けばよいのでしょうか。** 全体のファインチューニングでは、画風ごとに、もとと同じ大きさのモデルがもうひとつできます。けれども、2 つの*差*は単純かもしれません。**LoRA**（[Hu et al. 2021](https://arxiv.org/abs/2106.09685)）は、重み行列の変化の**ランク**（rank）$r$ が低いと仮定します。何が入ってきても、見るのはその中の独立な $r$ 方向だけで、出ていくのも $r$ 方向だけ、ということです。そのような行列は、$r$ 列の縦長の行列と $r$ 行の横長の行列の積で書けます。
#
# $$ h = W_0 x + \frac{\alpha}{r} B A x \qquad \text{(eq. 3, and section 4.1 for the factor)} $$
#
# $W_0$ は凍結します。$A$（$r \times$ 入力、`down`）は乱数から、$B$（出力 $\times r$、`up`）は 0 から始まります。ですから、Lab 09 の ControlNet と同じく、はじめは何も変わりません。乱数は正規乱数で、入力が $n$ 個なら、標準偏差は $1/\sqrt{n}$ です。こうすると、層の幅によらず、$Ax$ の数は $x$ の数と同じくらいの大きさになります。$\alpha$ は定数です。$r$ で割るのは、ランクごとに学習率を選び直さずにすむようにするためです。（このラボではいつも $\alpha = r$ なので、係数は 1 です。ほかの人のアダプタでは、たいてい違います。）
#
# 式の $x$ は列です。コードでは、ベクトルは `x` の行に並んでいて、`F.linear(x, A)` が、それぞれについて $Ax$ を計算します。
#
# **先へ進む前に**：96x96 の層では、積 $BA$ の数はいくつで、$B$ と $A$ を合わせるといくつですか。$r = 8$ とします。
#
# ### 演習 1：<!-- exercise LoRALinear -->


# %%
@exercise("LoRALinear")
class LoRALinear(nn.Module):
    """A frozen linear layer and a low-rank update: base(x) + alpha / rank * up down x (Hu et al., eq. 3).

    base: an nn.Linear; rank, alpha: numbers. Attributes: base, frozen; the parameters down (rank, in), at
    the start normal with a standard deviation of 1 / sqrt(in), and up (out, rank), zero; scale,
    alpha / rank, a number that forward uses and that may be changed later. x: (..., in) gives (..., out).
    """

    def __init__(self, base, rank, alpha):
        super().__init__()
        raise NotImplementedError

    def forward(self, x):
        raise NotImplementedError


# %%
check(LoRALinear)

# %% [markdown]
# As the paper does it (section 4.2), your layer goes around the projections of attention, here all four of them, and
# around nothing else. Everything else stays frozen. At a layer of 96x96 that is $2 \cdot 8 \cdot 96 = 1,536$ numbers in place of 9,216.
# What share of the whole U-Net do you expect? (Its convolutions get none.)

# %% [markdown] tags=["ja"]
# 論文（4.2 節）にならって、あなたの層を、アテンション（attention）の射影のまわりだけに置きます。ここでは 4 つすべてです。ほかは凍結したままです。96x96 の層なら、9,216 個のかわりに $2 \cdot 8 \cdot 96 = 1,536$ 個です。U-Net 全体では、どれだけの割合になると思いますか。（畳み込みには付けません。）

# %%
NAMES = ("to_q", "to_k", "to_v", "to_out")


def projections(unet):
    """Each projection of attention: what holds it, and its name there."""
    for layer in unet.modules():
        if isinstance(layer, Attention):
            yield from ((layer.to_out, "0") if name == "to_out" else (layer, name) for name in NAMES)


def adapted(unet, rank, alpha=None):
    """A copy of a U-Net with your layers around its projections."""
    machine.seed(10)
    unet = copy.deepcopy(unet).requires_grad_(False)
    for holder, name in list(projections(unet)):
        setattr(holder, name, LoRALinear(getattr(holder, name), rank, rank if alpha is None else alpha))
    return machine.place(unet)


def learns(unet):
    """How many numbers of a network learn."""
    return sum(p.numel() for p in unet.parameters() if p.requires_grad)


RANK = 8
lora = adapted(pipe.unet, RANK)
whole = sum(p.numel() for p in pipe.unet.parameters())
say(
    "Of {whole:,} numbers, {few:,} learn: {share:.1%}.",
    whole=whole,
    few=learns(lora),
    share=learns(lora) / whole,
)
x, t, context = latents[:4].to(device), torch.full((4,), 500, device=device), pipe.encode(PROMPTS[:1] * 4)
with torch.no_grad():
    say(
        "A new adapter changes a guess by {d:.1e}.",
        d=(lora(x, t, context) - pipe.unet(x, t, context)).abs().max().item(),
    )

# %% tags=["nbval-ignore-output"]
LORA_STEPS = budget(lesson=250, ci=4)
lora, lora_losses, seen = train(
    lora, lambda step: error(lora, LESSONS, step), LORA_STEPS, 3.2e-3, [LORA_STEPS]
)
plots.loss_curve(lora_losses)
lora_monsters = measure(tr("LoRA of rank {rank}").format(rank=RANK), lora)
plots.images(
    torch.cat([before, seen[LORA_STEPS], full_monsters[:3], lora_monsters[:3]]),
    "The three prompts, drawn by the base and with the adapter; three monsters by full fine-tuning, "
    "and the same three with the adapter.",
    columns=3,
    inches=1.3,
)

# %% [markdown]
# **Which of the two is the better painter of monsters?** By the distance the adapter may well be about as near as full fine-tuning. Would you say so from the pictures?
# The distance sees with a CLIP that has never seen a monster, and it forgives much once the paper and the ink are there. Look at the colours beside it, and at the old prompts: one figure is never enough.
# (The two were also trained for different numbers of steps.)
#
# **Turn it down.** An adapter is a difference, so one may add half of it, or none. (None: to the last bit, the base.)

# %% [markdown] tags=["ja"]
# **モンスターを描くのが上手なのは、どちらでしょうか。** 距離では、アダプタは全体のファインチューニングと、ほぼ同じくらい近いかもしれません。画像を見ても、そう言えるでしょうか。距離は、モンスターを見たことのない CLIP の目で測ります。紙とインクになっていれば、ほかのことは大目に見てしまいます。色と、以前のプロンプトも見てください。ひとつの指標では足りません。（学習のステップ数も違います。）
#
# **弱めてみましょう。** アダプタは差なので、半分だけ足すことも、まったく足さないこともできます。（足さなければ、最後の 1 ビットまで、もとのモデルです。）


# %% tags=["nbval-ignore-output"]
def turned(unet, strength):
    """A copy of an adapted U-Net that adds so much of its updates."""
    unet = copy.deepcopy(unet)
    for layer in unet.modules():
        if isinstance(layer, LoRALinear):
            layer.scale = layer.scale * strength
    return unet


measure(tr("LoRA at half"), turned(lora, 0.5))
strengths = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]
plots.images(
    torch.cat([pictures(with_unet(turned(lora, s)), PROMPTS, WALK) for s in strengths])
    .unflatten(0, (len(strengths), 3))
    .transpose(0, 1)
    .flatten(0, 1),
    "The three prompts with the adapter at strength {strengths}.",
    columns=len(strengths),
    inches=1,
    strengths=", ".join(map(str, strengths)),
)
with torch.no_grad():
    off = (turned(lora, 0.0)(x, t, context) - pipe.unet(x, t, context)).abs().max()
say("Off, its guess differs from the base's by {d:.1e}.", d=off.item())

# %% [markdown]
# Going back and going half the way cost nothing here; with full fine-tuning you need both whole models for that. Where does the style appear, and
# where do the old prompts go?
#
# **Merge it.** While it is an adapter, every projection runs three matrices in place of one. But
# $W_0 x + \frac{\alpha}{r} B A x$ is linear in $x$: there is *one* matrix that does it all (section 4.1 of the paper).
#
# ### Exercise 2: <!-- exercise merge_lora -->

# %% [markdown] tags=["ja"]
# 元に戻すことも、途中までにすることも、ここではただでできます。全体のファインチューニングでは、そのために 2 つのモデルをまるごと持っていなければなりません。画風が現れるのはどこで、以前のプロンプトが失われるのはどこでしょうか。
#
# **まとめましょう。** アダプタのままだと、どの射影も、行列を 1 つではなく 3 つ計算します。けれども $W_0 x + \frac{\alpha}{r} B A x$ は $x$ について線形です。全部を*ひとつ*で行う行列があります（論文の 4.1 節）。
#
# ### 演習 2：<!-- exercise merge_lora -->


# %%
@exercise("merge_lora")
def merge_lora(layer):
    """One plain nn.Linear that does what the layer with its update does (Hu et al. 2021, section 4.1).

    layer: a LoRALinear, with base (an nn.Linear), down (rank, in), up (out, rank) and scale. Returns a
    new nn.Linear of base's dtype and on its device, with a bias if base has one; the layer that came in
    stays as it is.
    """
    raise NotImplementedError


# %%
check(merge_lora)


# %%
def merged(unet):
    """A copy of an adapted U-Net with plain layers."""
    unet = copy.deepcopy(unet)
    for holder, name in list(projections(unet)):
        setattr(holder, name, merge_lora(getattr(holder, name)))
    return unet


exact = copy.deepcopy(lora).double()
with torch.no_grad():
    inputs = x.double(), t, context.double()
    far = (merged(exact)(*inputs) - exact(*inputs)).abs().max()
say("Merged and unmerged agree in float64: {small}.", small=bool(far < 1e-12))
say(
    "Adapted, it holds {many:,} numbers; merged, {few:,}.",
    many=sum(p.numel() for p in lora.parameters()),
    few=sum(p.numel() for p in merged(lora).parameters()),
)

# %% [markdown]
# ## How thin may they be?
#
# **What rank does a style need?** The same lessons, steps and rate, with the thinnest matrices that there are, and with others sixteen times as wide. (These trainings are short, and at three times the rate, so compare them
# with each other, not with the one above. $\alpha$ is the rank in both, so the factor is 1 in both.) Does rank 1 get as near? Hu et al. (section 7.2) found that very little can be enough.

# %% [markdown] tags=["ja"]
# ## どこまで細くできるか
#
# **画風には、どれだけのランクが要るのでしょうか。** 教材もステップ数も学習率も同じで、ランクだけを、いちばん細い 1 と、その 16 倍にします。（どちらも短い学習で、学習率は 3 倍です。上のものとではなく、おたがいに比べてください。$\alpha$ はどちらもランクと同じで、係数は 1 です。）ランク 1 でも、同じくらい近づくでしょうか。Hu ら（7.2 節）は、ごく細くても足りることがあるのを見つけました。

# %% tags=["nbval-ignore-output"]
SHORT = budget(lesson=90, ci=3)
ranks = [1, 16]
swept = []
for rank in ranks:
    unet = adapted(pipe.unet, rank)
    unet, losses, _ = train(unet, lambda step, unet=unet: error(unet, LESSONS, step), SHORT, 1e-2)
    swept.append(measure(tr("LoRA of rank {rank}, shorter").format(rank=rank), unet))
plots.images(
    torch.cat([some[:6] for some in swept]),
    "Six monsters, drawn with adapters of rank {ranks}, from top to bottom.",
    columns=6,
    inches=1,
    ranks=", ".join(map(str, ranks)),
)

# %% [markdown]
# ## Two at once
#
# **What does an adapter know of another one?** Nothing. Here is a second one, trained on the storybook's own scenes with the colour
# taken out. Both are differences of the same weights, so both can be added: $W_0 + a\,B_1 A_1 + b\,B_2 A_2$ (each with a factor of 1, as said above). Nobody has ever
# trained a model on grey monsters. (The drawn ones are coloured, so grey ones must come out farther from them. But are these still monsters?)

# %% [markdown] tags=["ja"]
# ## 2 つ同時に
#
# **アダプタは、別のアダプタについて、何を知っているでしょうか。** 何も知りません。ここに 2 つめを作ります。絵本の世界のシーン（scene）から、色を抜いたもので学習させます。どちらも同じ重みからの差なので、両方を足せます。$W_0 + a\,B_1 A_1 + b\,B_2 A_2$ です（前に述べたとおり、係数はどちらも 1）。灰色のモンスターで学習したモデルは、どこにもありません。（教材のモンスターには色があるので、灰色のものは、それらからは遠くなるはずです。でも、それはまだモンスターでしょうか。）

# %% tags=["nbval-ignore-output"]
scenes = World(size=64, seed=6, level="storybook").batch(0, budget(lesson=256, ci=8))
grey = scenes["image"].mean(1, keepdim=True).expand(-1, 3, -1, -1)
grey_lessons = [(torch.cat([to_latents(pipe, some).cpu() for some in grey.split(64)]), scenes["caption"])]
colorless = adapted(pipe.unet, RANK)
colorless, losses, _ = train(
    colorless, lambda step: error(colorless, grey_lessons, step), budget(lesson=100, ci=3), 1e-2
)


def mixed(*parts):
    """The base's U-Net with shares of what others learnt; each part is a merged U-Net and its share."""
    unet = copy.deepcopy(pipe.unet)
    with torch.no_grad():
        for name, weight in unet.named_parameters():
            start = weight.clone()
            for other, share in parts:
                weight += share * (other.get_parameter(name) - start)
    return unet


def saturation(images):
    """How far the three channels of pictures are apart, on average, in [0, 1]."""
    return ((images.amax(1) - images.amin(1)) / 2).mean().item()


monster, grey_only = merged(lora), merged(colorless)
rows = []
for name, parts in {
    tr("monsters"): [(monster, 1.0)],
    tr("without colour"): [(grey_only, 1.0)],
    tr("both"): [(monster, 1.0), (grey_only, 1.0)],
}.items():
    model = with_unet(mixed(*parts))
    rows.append(pictures(model, PROMPTS))
    new = pictures(model, wishes[:16], WALK, 100)
    say(
        "{name:20} distance of its monsters {distance:5.2f}, their saturation {saturation:.2f}",
        name=name,
        distance=kid(real_features, features(new)),
        saturation=saturation(new),
    )
plots.images(
    torch.cat(rows),
    "The three prompts with the adapter of the monsters; with that without colour; with both.",
    columns=3,
    inches=1.3,
)

# %% [markdown]
# **Change one thing:** mix 0.5 and 1; or subtract, with a share of -0.5: what is the opposite of a monster? (The function takes any
# U-Net of the same shape: try `full` as well.)

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：0.5 と 1 で混ぜてみてください。あるいは、割合を -0.5 にして引いてみてください。モンスターの反対は、何でしょうか。（この関数には、同じ形の U-Net なら何でも渡せます。`full` も試してみてください。）

# %% [markdown]
# # 4. A file that others can open
#
# **What do you send to a friend who has the base model?** Two thin matrices a layer. The course's own `LoRALinear`
# (`t2ilab.nets.lora`) has the same two parameters as yours, and `save_adapter` writes them as `diffusers` and `peft` know
# them. Yours go in, and `diffusers`, which shares no code with this course, opens base and adapter. (It will remark that it
# found no LoRA keys of the text encoder. That is as it should be: your adapter is one of the U-Net alone.)

# %% [markdown] tags=["ja"]
# # 4. だれでも開けるファイル
#
# **もとのモデルを持っている友だちに、何を送ればよいでしょうか。** 層ごとに、細い行列を 2 つです。コース自身の `LoRALinear`（`t2ilab.nets.lora`）も、あなたのものと同じ 2 つのパラメータを持っていて、`save_adapter` が、`diffusers` と `peft` の形式で書き出します。あなたの数をそこに入れ、このコースと共通のコードを持たない `diffusers` に、もとのモデルとアダプタを開かせます。（テキストエンコーダの LoRA が見つからない、というメッセージが出ますが、それでよいのです。あなたのアダプタは、U-Net だけのものです。）

# %% tags=["nbval-ignore-output"]
from diffusers import StableDiffusionPipeline

from t2ilab.interop.lora import save_adapter
from t2ilab.nets.lora import add_adapter

carrier = copy.deepcopy(pipe.unet)
mine = [getattr(holder, name) for holder, name in projections(lora)]
for theirs, yours in zip(add_adapter(carrier, RANK), mine, strict=True):
    theirs.down.data, theirs.up.data = yours.down.data, yours.up.data
scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # gone when the notebook is
folder = Path(scratch.name)
file = save_adapter(folder / "adapter", carrier)
pipe.save_pretrained(folder / "base")
size = sum(path.stat().st_size for path in (folder / "base").rglob("*.safetensors"))
say(
    "{file}: {small:,.0f} kB, beside a base of {large:,.0f} kB.",
    file=file.name,
    small=file.stat().st_size / 1000,
    large=size / 1000,
)
published = StableDiffusionPipeline.from_pretrained(folder / "base", local_files_only=True).to(device)
published.load_lora_weights(file.parent)
with torch.no_grad():
    theirs = published.unet(x, t, context).sample
    difference = (theirs - lora(x, t, context)).abs().max() / theirs.abs().max()
say(
    "Their guess with your adapter differs from yours by {d:.1e} of its largest number.",
    d=difference.item(),
)

# %% [markdown]
# (The file holds half precision, so the difference is as large as its rounding.)
#
# # 5. One new word
#
# **How do you teach a model *your* pet, and not pets?** There are five pictures of it. Nothing has its name yet: call it *mofu*.
# Whether a picture shows it, a `PetReader` says, from what CLIP sees and from the colours. It has learnt that from drawings alone: of the pet in other
# poses and places, of other monsters, most of them in its very colours, and of scenes.

# %% [markdown] tags=["ja"]
# （ファイルは半精度なので、差はその丸めの大きさになります。）
#
# # 5. 新しい言葉をひとつ
#
# **ペットというものではなく、*うちの子*を教えるには、どうすればよいでしょうか。** 画像は 5 枚あります。名前はまだないので、*mofu* と呼ぶことにします。画像にこの子がいるかどうかは、`PetReader` が、CLIP の見たものと色から判断します。学んだのは、きちんとした絵からだけです。別のポーズや場所のこの子、ほかのモンスター（多くは、この子と同じ色）、そして絵本のシーンです。

# %% tags=["nbval-ignore-output"]
WORD = "mofu"
SHOWN = [0, 1, 4, 6, 7, 8]  # of the nine kinds of prompts: on paper, in the dark, at night, ...
PLACES = [word_prompts(WORD, 9)[i].removeprefix("a drawing of ") for i in SHOWN]
pet = pet_items(words=(WORD, "モフ"))
pet_images = torch.stack([item["image"] for item in pet])
pet_lessons = [(to_latents(pipe, pet_images).cpu(), [item["caption"] for item in pet])]
plots.images(
    pet_images,
    "The five pictures of the pet.",
    titles=[item["caption"] for item in pet],
    columns=5,
    inches=1.6,
)
reader = PetReader(through=lambda images: seen_through(pipe, images), count=budget(lesson=192, ci=8))
say("Of its five pictures, the reader of pets recognises {share:.0%}.", share=reader.share(pet_images))
say("Of other monsters: {share:.0%}.", share=reader.share(real))


def look_for_pet(name, model, word=WORD):
    """How often a model draws the pet with its word, and without it; returns pictures with it."""
    found = pictures(model, word_prompts(word, max(9, COUNT)), WALK, 300)
    without = pictures(model, word_prompts("a monster", COUNT), WALK, 300)
    kept = faithfulness(pictures(model, old_prompts, WALK, 200), old_scenes).all
    say(
        "{name:36} the pet with its word {there:4.0%}, without it {elsewhere:4.0%}, "
        "old prompts {old:4.0%}",
        name=name,
        there=reader.share(found),
        elsewhere=reader.share(without),
        old=kept,
    )
    return found[SHOWN]


shown = [look_for_pet(tr("the base"), pipe)]

# %% [markdown]
# ## DreamBooth
#
# Fine-tune the whole U-Net on the five pictures, with a rare word in their captions: that is **DreamBooth**
# ([Ruiz et al. 2023](https://arxiv.org/abs/2208.12242)). A whole network has room for five pictures many times over, and you have seen what
# it does with the rest of its knowledge. So the paper lets the model *draw*, before anything is changed, what it knows; and
# it has to go on drawing that, while it learns the new (eq. 2, the **prior preservation** loss):
#
# $$ \mathcal{L} = \frac{1}{n} \lVert \hat\epsilon - \epsilon \rVert^2 + \lambda\, \frac{1}{n_{\text{pr}}} \lVert \hat\epsilon_{\text{pr}} - \epsilon_{\text{pr}} \rVert^2 $$
#
# where $n$ and $n_{\text{pr}}$ count the numbers of each batch: both terms are means. (The paper writes it for the picture in place of the noise, with weights; ours guesses a velocity, and takes the same two
# terms of that, without the weights of section 2: so the loss below is the plain one of your exercise. The pet's captions are
# never left empty, or the model would learn to draw the pet unasked; of the prior's, one in ten is, as before.) The paper draws things of the pet's class, so that not every monster becomes *yours*. Here one picture in four is what
# the model makes of "a monster", which it never learnt, and three are of its old world.
#
# ### Exercise 3: <!-- exercise prior_preservation_loss -->

# %% [markdown] tags=["ja"]
# ## DreamBooth：全体に覚えさせる
#
# 5 枚の画像で U-Net 全体をファインチューニングし、キャプションにはめったにない単語を使う。これが **DreamBooth** です（[Ruiz et al. 2023](https://arxiv.org/abs/2208.12242)）。ネットワーク全体には、5 枚の画像を何度覚えてもまだ余る広さがあります。そして、残りの知識がどうなるかは、もう見ました。そこで論文では、何かを変える前に、知っているものをモデル自身に*描かせて*おきます。新しいことを学びながら、それも描き続けなければなりません（式 2、**事前保存**（prior preservation）の損失）。
#
# $$ \mathcal{L} = \frac{1}{n} \lVert \hat\epsilon - \epsilon \rVert^2 + \lambda\, \frac{1}{n_{\text{pr}}} \lVert \hat\epsilon_{\text{pr}} - \epsilon_{\text{pr}} \rVert^2 $$
#
# $n$ と $n_{\text{pr}}$ は、それぞれのバッチにある数の個数です。どちらの項も平均です。（論文では、ノイズではなく画像について、重みを付けて書いてあります。ここのモデルは速度を予測するので、同じ 2 つの項を速度について計算します。2 節の重みは付けません。下で使う損失は、あなたが書く、そのままのものです。ペットのキャプションは、空にしません。空にすると、頼まれなくてもペットを描くようになるからです。以前の画像のキャプションは、これまでどおり 10 分の 1 を空にします。）論文では、ペットと同じ種類のものを描かせます。モンスターならどれでもうちの子、とならないようにです。ここでは 4 枚に 1 枚が「a monster」で、習ったことのないこの言葉からモデルが描くもの、残りの 3 枚が以前の世界です。
#
# ### 演習 3：<!-- exercise prior_preservation_loss -->


# %%
@exercise("prior_preservation_loss")
def prior_preservation_loss(eps, noise, eps_prior, noise_prior, weight):
    """The loss on the new pictures plus weight times that on the old ones (Ruiz et al. 2023, eq. 2).

    eps: (B, C, H, W), the guess of the noise in pictures of the new thing; noise: like it, what there
    is. eps_prior, noise_prior: (K, C, H, W), the same for pictures that the model drew itself before.
    weight: one number. Returns a 0-d tensor with a gradient; each of the two is a mean squared error.
    """
    raise NotImplementedError


# %%
check(prior_preservation_loss)


# %% tags=["nbval-ignore-output"]
OLD = budget(lesson=64, ci=4)
prior_prompts = word_prompts("a monster", OLD // 4)
prior_prompts += World(seed=7, level="storybook").prompts(OLD - OLD // 4)[0]
prior_lessons = [(to_latents(pipe, pictures(pipe, prior_prompts, WALK, 400)).cpu(), prior_prompts)]


def pet_error(unet, step, weight):
    """DreamBooth's loss of the step-th batch; with a weight of 0, no old pictures are looked at."""
    x0, captions = batch_of(pet_lessons, step, empty=0)
    output, target, _ = guess(unet, x0[::2], pipe.encode(captions[::2]), step)
    if weight == 0:
        return F.mse_loss(output, target)
    x0, captions = batch_of(prior_lessons, step)
    old, was, _ = guess(unet, x0[::2], pipe.encode(captions[::2]), step + 10_000)
    return prior_preservation_loss(output, target, old, was, weight)


PET_STEPS = budget(lesson=200, ci=3)
DREAMS = {tr("DreamBooth without the prior"): (0.0, PET_STEPS), tr("DreamBooth"): (1.0, 2 * PET_STEPS)}
for name, (weight, steps) in DREAMS.items():  # to learn and to remember takes longer
    dreamt = copy.deepcopy(pipe.unet).requires_grad_(True)
    dreamt, losses, _ = train(dreamt, lambda step, u=dreamt, w=weight: pet_error(u, step, w), steps, 1e-3)
    shown.append(look_for_pet(name, with_unet(dreamt)))
plots.images(
    torch.cat(shown),
    "With the new word: by the base, by DreamBooth without the prior, and with it. "
    "The kitchen, the sunset and the dark were in none of the five pictures.",
    titles=PLACES,
    columns=6,
    inches=1.6,
)

# %% [markdown]
# Two figures of each line to read. **The pet without its word**: does a monster, any monster, now look like yours? The paper calls that *language
# drift*. **Old prompts**: what did the second term buy? And what did it cost? The share with the word may differ by
# no more than chance allows; the pictures show it better: look for the places where the pet is missing. (With the prior, a step looks at twice as many pictures, and there
# were twice as many steps, since the model has both to learn and to remember. With 48 pictures, shares that are less than 20 points apart may be equal.)
#
# **Change one thing:** weigh the prior by 5; or train three times as long without it.

# %% [markdown] tags=["ja"]
# 各行で見る数は 2 つです。**言葉なしのペット**：モンスターならどれでも、うちの子に似てしまったでしょうか。論文では*言語のずれ*（language drift）といいます。**以前のプロンプト**：2 つめの項で、何が手に入りましたか。何を払いましたか。言葉を付けたときの割合の差は、偶然でも出るくらいかもしれません。画像のほうがよくわかります。ペットがいなくなった場所を探してください。（事前保存を付けると、1 ステップに 2 倍の枚数を使います。覚えることと忘れないことの両方が要るので、ステップ数も 2 倍にしました。48 枚の割合では、20 ポイントより小さい差は、差とはいえません。）
#
# **ひとつ変えてみましょう**：事前保存の重みを 5 にしてみてください。あるいは、それなしで 3 倍の長さの学習をしてみてください。

# %% [markdown]
# ## Textual inversion
#
# **And if nothing may move at all?** A word is a row in the table of the text encoder. **Textual inversion**
# ([Gal et al. 2022](https://arxiv.org/abs/2208.01618), section 4) adds one row, and learns only that: of all that the frozen model
# can draw, it looks for the name that fits the five pictures best. The whole network takes part in finding
# the gradient of the table of words, and of that gradient all rows but one are thrown away. (The loss is the plain one again, and no caption is left empty.)
#
# ### Exercise 4: <!-- exercise token_only_gradient -->

# %% [markdown] tags=["ja"]
# ## Textual inversion：1 行だけに覚えさせる
#
# **では、何も動かしてはいけないとしたら、どうでしょうか。** 単語は、テキストエンコーダの表の 1 行です。**Textual inversion**（[Gal et al. 2022](https://arxiv.org/abs/2208.01618)、4 節）は、行をひとつ足して、それだけを学びます。凍結したモデルに描けるものの中から、5 枚の画像にいちばん合う名前を探すのです。単語の表の勾配を求めるにはネットワーク全体を使い、その勾配のうち、1 行だけを残してほかの行は捨てます。（損失は、ここでも重みなしです。キャプションは空にしません。）
#
# ### 演習 4：<!-- exercise token_only_gradient -->


# %%
@exercise("token_only_gradient")
def token_only_gradient(grad, token_id):
    """The gradient of a table of words, with nothing in it but the row of one word (Gal et al. 2022).

    grad: (V, D), one row for each word, which stays as it is; token_id: the number of the new word.
    Returns (V, D): that row as it is, and zeros in all others.
    """
    raise NotImplementedError


# %%
check(token_only_gradient)


# %% tags=["nbval-ignore-output"]
def inverted(model, rate=0.05):
    """A model with one word more, which it has learnt, and nothing else."""
    new = copy.copy(model)
    new.tokenizer = model.tokenizer.with_word(WORD)
    new.text_encoder = copy.deepcopy(model.text_encoder)
    rows = model.text_encoder.embeddings.token_embedding.weight
    # It begins as the pieces of "monster", which for the base mean nothing.
    start = rows[model.tokenizer.encode("monster")].mean(0, keepdim=True)
    table = nn.Embedding.from_pretrained(torch.cat([rows, start]), freeze=False)
    new.text_encoder.embeddings.token_embedding = table
    unet = copy.deepcopy(model.unet).requires_grad_(False)
    optimizer = torch.optim.Adam([table.weight], lr=rate)
    for step in tqdm(range(PET_STEPS)):
        x0, captions = batch_of(pet_lessons, step, empty=0)
        output, target, _ = guess(unet, x0[::2], new.encode(captions[::2]), step)
        optimizer.zero_grad()
        F.mse_loss(output, target).backward()
        table.weight.grad = token_only_gradient(table.weight.grad, new.tokenizer.vocab[WORD])
        optimizer.step()
    moved = (table.weight[:-1] != rows).any(1).sum() + (table.weight[-1:] != start).any(1).sum()
    say("Rows that moved: {moved} of {rows:,}.", moved=int(moved), rows=len(table.weight))
    return new


for name, model in {
    tr("a word for the base"): pipe,
    tr("a word for the model of monsters"): with_unet(full),
}.items():
    shown.append(look_for_pet(name, inverted(model)))
plots.images(
    torch.cat(shown[-2:]),
    "With the new word, for the base and for the model that you trained on monsters; all else is frozen.",
    titles=PLACES,
    columns=6,
    inches=1.6,
)

# %% [markdown]
# **Is either of them the pet?** Both shares are well behind DreamBooth's, and too near each other to say which of the two is ahead. And what do they count? The word
# for the base draws patches of ink and colour, and no creature. The reader of pets takes hardly any other drawn monster for
# yours, but among the drawings that it learnt from, no patch had to be told from it. The second model draws monsters, of a sort, and none that you see here is yours. So look at the
# pictures before you believe the shares.
# A word can only point at what a model can draw, and the base has no monster among that. (The old prompts of each are its own,
# whatever the word: nothing else moved.) Stable Diffusion has seen hundreds of millions of pictures, and so a word gets it far.

# %% [markdown] tags=["ja"]
# **どちらかは、うちの子でしょうか。** どちらの割合も DreamBooth にはずっと及ばず、2 つの差も、どちらが上かを言えるほどではありません。それに、割合は何を数えているのでしょうか。もとのモデルの言葉が描くのはインクと色のしみで、生き物ではありません。ペットの読み取り器は、絵のモンスターなら、ほかの子をうちの子と間違えることはほとんどありません。けれども、学んだ絵の中に、うちの子と見分けるべきしみは、ひとつもありませんでした。2 つめのモデルはモンスターらしいものを描きますが、ここに見える中に、うちの子はいません。ですから、割合を信じる前に、画像を見てください。言葉は、モデルが描けるものを指すことしかできません。（以前のプロンプトは、どちらも、言葉を足す前のモデルのままです。ほかは何も動いていません。）Stable Diffusion は何億枚もの画像を見ているので、言葉ひとつで遠くまで届きます。

# %% [markdown]
# # 6. What each of them costs
#
# **What has to be in memory for one step?** The weights, for all. Beside them, for each number that *learns*, its gradient and what the optimizer
# remembers of it: two more numbers with Adam, which is what the table reckons with. (Your U-Nets were trained with Muon, which remembers one for each number of a matrix.) And whatever the backward pass will ask for again. Then what has to be
# kept on a disk afterwards, in half precision:

# %% [markdown] tags=["ja"]
# # 6. それぞれ、いくらかかるか
#
# **1 ステップには、何がメモリになければならないでしょうか。** どの方法でも、重みは要ります。それに加えて、*学習する*パラメータひとつごとに、その勾配と、オプティマイザ（optimizer）が覚えておくもの。Adam なら、あと 2 つの数で、下の表はそれで計算しています。（このラボの U-Net の学習に使った Muon が覚えるのは、行列の要素ひとつごとに 1 つの数です。）それから、逆伝播がもう一度使うものすべてです。そして、あとでディスクに残すもの（半精度）も並べます。


# %% tags=["nbval-ignore-output"]
def kept_for_backward(loss_of, *nets):
    """Bytes that the backward pass of a loss will ask for, besides the weights."""
    own = {p.untyped_storage().data_ptr() for net in nets for p in net.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = loss_of()
    del loss
    return sum(kept.values())


one_word = copy.deepcopy(pipe.text_encoder)
one_word.embeddings.token_embedding.requires_grad_(True)
frozen = copy.deepcopy(pipe.unet).requires_grad_(False)
x0, captions = batch_of(LESSONS, 0)


def of_word():
    context = one_word(pipe.tokenizer(captions).to(device))
    output, target, _ = guess(frozen, x0, context, 0)
    return F.mse_loss(output, target)


learner = adapted(pipe.unet, RANK)
costs = {
    tr("full fine-tuning"): (learns(full.requires_grad_(True)), lambda: error(full, LESSONS, 0), [full]),
    tr("LoRA of rank {rank}").format(rank=RANK): (
        learns(learner),
        lambda: error(learner, LESSONS, 0),
        [learner],
    ),
    tr("textual inversion"): (pipe.text_encoder.config.width, of_word, [frozen, one_word]),
}
for name, (numbers, loss_of, nets) in costs.items():
    say(
        "{name:24} learns {numbers:>9,} numbers, saved in {saved:>8,.1f} kB; in memory: gradients "
        "and optimizer {learning:>8,.1f} kB, for the backward pass {backward:>8,.0f} kB",
        name=name,
        numbers=numbers,
        saved=2 * numbers / 1000,
        learning=12 * numbers / 1000,
        backward=kept_for_backward(loss_of, *nets) / 1000,
    )

# %% [markdown]
# For this model all that is small change. **Work it out for Stable Diffusion 1.5**: 859,520,964 numbers in its U-Net, four bytes each. How much do gradients and optimizer take when all of it learns? And with
# an adapter on a hundredth of that? (What the backward pass needs hardly shrinks: the way back leads through the frozen layers, too.)
#
# All models of this lab, once more:

# %% [markdown] tags=["ja"]
# このモデルなら、どれもわずかなものです。**Stable Diffusion 1.5 ではどうなるか、計算してみましょう。** U-Net のパラメータは 859,520,964 個で、ひとつ 4 バイトです。全体が学習するとき、勾配とオプティマイザにどれだけ要りますか。その 100 分の 1 のアダプタなら？（逆伝播に要るものは、ほとんど減りません。帰り道は、凍結した層も通るからです。）
#
# このラボのモデルを、もう一度並べます。

# %% tags=["nbval-ignore-output"]
for name, row in table.items():
    say(
        "{name:36} distance {distance:5.2f}, colours {colors:4.0%}, old prompts {old:4.0%}",
        name=name,
        **row,
    )

# %% [markdown]
# # Break it
#
# Somebody trains an adapter of the monsters, and on the way from the disk to the model something happens to the captions. Run it. There is no error
# and no warning. **Before you look at the code of `faulty`**: compare its loss with that of the sound one, then
# the three figures, then the pictures. Which of them tell you that something is wrong? What has this adapter
# learnt, and what has it not? Why does the loss show so little of it? (Both trainings saw the same pictures with the same noise,
# so that the curves, `lora_losses` and `losses`, may be subtracted step by step. What do you see then?)

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# だれかがモンスターのアダプタを学習させました。ディスクからモデルまでのどこかで、キャプションに何かが起きています。実行してみてください。エラーも警告も出ません。**`faulty` のコードを見る前に**、正常なものと損失を比べ、次に 3 つの指標を、それから画像を比べてください。何かがおかしいと教えてくれるのは、どれですか。このアダプタは、何を学び、何を学んでいないでしょうか。なぜ、損失にはほとんど現れないのでしょうか。（2 つの学習では、画像もノイズも同じでした。ですから、損失の曲線 `lora_losses` と `losses` を、ステップごとに引き算できます。すると、何が見えますか。）

# %% tags=["nbval-ignore-output"]
faulty = [
    (pictures_, [texts[(i + 7) % len(texts)] for i in range(len(texts))]) for pictures_, texts in LESSONS
]
unet = adapted(pipe.unet, RANK)
unet, losses, _ = train(unet, lambda step: error(unet, faulty, step), LORA_STEPS, 3.2e-3)
for name, curve in {tr("sound"): lora_losses, tr("faulty"): losses}.items():
    late = curve[len(curve) // 2 :]
    say("{name}: loss of the last half {loss:.3f}", name=name, loss=sum(late) / len(late))
say(
    "{name:36} distance {distance:5.2f}, colours {colors:4.0%}, old prompts {old:4.0%}",
    name=tr("sound"),
    **table[tr("LoRA of rank {rank}").format(rank=RANK)],
)
faulty_monsters = measure(tr("faulty"), unet)
plots.images(
    torch.cat([real[:8], lora_monsters[:8], faulty_monsters[:8]]),
    "Eight drawn monsters; from their captions, by the sound adapter and by the faulty one.",
    columns=8,
    inches=1,
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Hu et al., [LoRA: Low-Rank Adaptation of Large Language Models](https://arxiv.org/abs/2106.09685) (2021): section 4.1, and section 7
#   on the rank that is needed: often very little.
# - Ruiz et al., [DreamBooth](https://arxiv.org/abs/2208.12242) (2023): section 3, and its ablation of the prior.
# - Gal et al., [An Image is Worth One Word](https://arxiv.org/abs/2208.01618) (2022): section 4; what one row can carry.
# - Kumari et al., [Multi-Concept Customization of Text-to-Image Diffusion](https://arxiv.org/abs/2212.04488) (2023): which weights move most when all
#   may, and several new words at once.
#
# Next: Lab 11 draws from CLIP's own space, as DALL-E 2 does.
#
# The same at full length, and for pictures of your own: `t2ilab train monsters --method lora`, and with `--data FOLDER`.
#
# ## Further: an adapter for Stable Diffusion
#
# The next cell downloads Stable Diffusion 1.5 (`stable-diffusion-v1-5/stable-diffusion-v1-5`, licence CreativeML
# OpenRAIL-M, about 2.1 GB in half precision), puts your layers around its projections, and takes three steps. To run it, write `DOWNLOAD = True`. On a CPU it takes minutes and some 6 GB
# of memory.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Hu et al., [LoRA: Low-Rank Adaptation of Large Language Models](https://arxiv.org/abs/2106.09685) (2021)：4.1 節と、必要なランクについての 7 節（たいてい、ごくわずかです）。
# - Ruiz et al., [DreamBooth](https://arxiv.org/abs/2208.12242) (2023)：3 節と、事前保存を外した実験。
# - Gal et al., [An Image is Worth One Word](https://arxiv.org/abs/2208.01618) (2022)：4 節。1 行に、どれだけのことが入るか。
# - Kumari et al., [Multi-Concept Customization of Text-to-Image Diffusion](https://arxiv.org/abs/2212.04488) (2023)：すべてが動けるとき、いちばん動くのはどの重みか。また、いくつもの新しい言葉を同時に。
#
# 次の Lab 11 では、DALL-E 2 のように、CLIP の空間から描きます。
#
# 同じことを最後まで、また自分の画像で行うには：`t2ilab train monsters --method lora`、自分の画像なら `--data FOLDER` を付けます。
#
# ## 発展：Stable Diffusion のアダプタ
#
# 次のセルは、Stable Diffusion 1.5（`stable-diffusion-v1-5/stable-diffusion-v1-5`、CreativeML OpenRAIL-M ライセンス、半精度で約 2.1 GB）をダウンロードし、射影のまわりにあなたの層を置いて、3 ステップ学習させます。実行するには `DOWNLOAD = True` と書いてください。CPU では数分かかり、メモリを 6 GB ほど使います。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "stable-diffusion-v1-5/stable-diffusion-v1-5"

if DOWNLOAD:
    from t2ilab.data.monsters import describe as caption_of
    from t2ilab.data.monsters import draw as drawing_of
    from t2ilab.data.monsters import monsters as some_monsters
    from t2ilab.diffusion.losses import diffusion_loss
    from t2ilab.nets.layers import Attention
    from t2ilab.pipelines.editing import to_latents
    from t2ilab.pipelines.text_to_image import TextToImage

    stable = TextToImage.from_pretrained(PUBLISHED, variant="fp16")
    for part in (stable.unet, stable.text_encoder, stable.vae):
        part.requires_grad_(False)
    whole = sum(p.numel() for p in stable.unet.parameters())
    for layer in list(stable.unet.modules()):
        if isinstance(layer, Attention):
            for name in ("to_q", "to_k", "to_v"):
                setattr(layer, name, LoRALinear(getattr(layer, name), 4, 4))
            layer.to_out[0] = LoRALinear(layer.to_out[0], 4, 4)
    machine.place(stable.unet)
    thin = [p for p in stable.unet.parameters() if p.requires_grad]
    few = sum(p.numel() for p in thin)
    say("Of {whole:,} numbers, {few:,} learn: {share:.1%}.", whole=whole, few=few, share=few / whole)
    one = some_monsters(1)
    picture = drawing_of(one, max(64, stable.image_size))
    x0, told = to_latents(stable, picture), stable.encode([caption_of(one[0])])
    optimizer = torch.optim.AdamW(thin, lr=1e-4)
    for step in range(3):
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(step)).to(x0)
        loss = diffusion_loss(
            lambda x_t, t: stable.unet(x_t, t, told),
            x0,
            torch.tensor([500], device=device),
            noise,
            stable.schedule,
            stable.prediction_type,
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"{loss.item():.4f}")
    plots.images(picture, "The monster that Stable Diffusion was shown.")
