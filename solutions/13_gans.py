# %% [markdown]
# # Lab 13: A game for two
#
# <!-- badges -->
#
# **You will build** what painted before diffusion did. Two networks play against each other: a **painter** (generator)
# makes pictures out of noise, and a **judge** (discriminator) tells them from real ones. Neither ever sees an answer to
# copy, and yet pictures appear, in one pass. You train a painter that is told what to paint; you find out why its first
# loss was thrown away; you watch a painter that paints the same few pictures over and over, beside a diffusion model that
# does not; and you take apart what came of it between 2014 and 2018: a judge kept calm, a network that
# grows, a style at every size, and day turned into night without a single pair to learn from.
#
# | | |
# |---|---|
# | Time | about 90 minutes, five of which your machine computes alone |
# | You need | Python and PyTorch; Lab 05, or what a diffusion model is |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | six, 17 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 13：2 人の勝負
#
# <!-- badges -->
#
# **このラボで作るもの**：拡散モデル（diffusion model）より前に、絵を描いていたものです。2 つのネットワークが勝負をします。**生成器**（generator）はノイズから画像を作り、**識別器**（discriminator）は、それを本物と見分けます。どちらも、まねるべき正解を一度も見ません。それでも画像が現れます。しかも、1 回の計算で。何を描くかを言われる生成器を学習させ、最初に考えられた損失（loss）がなぜ使われなくなったかを確かめ、同じ数枚を描き続ける生成器を、そうはならない拡散モデルと並べて観察します。それから、2014 年から 2018 年までに生まれたものを分解します。落ち着いた識別器、育つネットワーク、大きさごとのスタイル、そして、組になった例なしに昼を夜に変えるネットワークです。
#
# | | |
# |---|---|
# | 時間 | 約 90 分（そのうち、コンピュータの計算を待つのは 5 分） |
# | 必要なもの | Python と PyTorch。Lab 05、または拡散モデルの意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | 6 問、17 点。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import copy
import math
import random
import time
from itertools import islice, pairwise

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab import zoo
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.words import COLORS, SHAPES
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.flow import FlowMatching, flow_matching_loss
from t2ilab.distances import kid, precision_recall
from t2ilab.interop.gan import read_painter
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.timeline import timeline
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness, features
from t2ilab.nets.gan.conditional import (
    ConditionalConfig,
    ConditionalDiscriminator,
    ConditionalGenerator,
)
from t2ilab.nets.gan.cycle import CycleGenerator
from t2ilab.nets.gan.progressive import ProgressiveGenerator, minibatch_deviation
from t2ilab.nets.gan.style import StyleGenerator
from t2ilab.pipelines.labels_to_image import VALUES, LabelsToImage, labels_of
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.recipes import gan_cycle
from t2ilab.recipes.adversarial import PAIRS, pairs_covered
from t2ilab.training.adversarial import AdversarialPlan, Rivals, train_adversarially
from t2ilab.training.adversarial_losses import (
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    saturating_generator_loss,
)

machine = DeviceManager()
device = machine.device
COUNT = budget(lesson=256, ci=16)  # of pictures that are measured
BATCH = budget(lesson=32, ci=8)


def normal(*shape, seed):
    """Standard normal numbers, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


# %% [markdown]
# # 1. Painter and judge
#
# **How do you teach somebody to paint whom nobody can correct?** Most networks that painted before 2014 were told how far each of their pixels was
# from the right one, and where several were right they painted the mean: a blur. The idea of
# [Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661) is not to say what is right at all, but to train somebody
# who can tell. The painter $G$ makes a picture $G(z)$ of noise $z$; the judge $D$ gives the probability that a
# picture is real. One makes $V$ large, the other small:
#
# $$ \min_G \max_D \; V(D, G) = \mathbb E_{x} \big[\log D(x)\big] + \mathbb E_{z} \big[\log (1 - D(G(z)))\big] \qquad \text{(eq. 1)} $$
#
# If the judge had all the time in the world, its answer would be the share of real pictures among those that look like this one, and
# the painter could do no better than to make each picture as often as the world does. Then the judge can only say one half, everywhere.
#
# Our judge ends in a logit, so $D(x) = \text{sigmoid}(\text{logit})$. To make $V$ large is to make $-V$ small, and that is a
# loss that you know: the cross-entropy of two answers, *real* for what is real and *painted* for what is painted.
#
# ### Exercise 1: <!-- exercise discriminator_loss -->
#
# Expect $2 \ln 2 \approx 1.386$ where the judge has no idea.

# %% [markdown] tags=["ja"]
# # 1. 生成器と識別器
#
# **だれにも直してもらえない人に、絵を教えるには、どうすればよいでしょうか。** 2014 年より前、絵を描くネットワークのほとんどは、画素のひとつひとつが正解からどれだけ離れているかを教わっていました。正解がいくつもあるときは、その平均、つまりぼやけた絵を描きました。[Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661) の考えは、正解を教えるのをやめて、見分けられる相手を育てることです。生成器 $G$ は、ノイズ $z$ から画像 $G(z)$ を作ります。識別器 $D$ は、画像が本物である確率を答えます。一方は $V$ を大きく、もう一方は小さくしようとします。
#
# $$ \min_G \max_D \; V(D, G) = \mathbb E_{x} \big[\log D(x)\big] + \mathbb E_{z} \big[\log (1 - D(G(z)))\big] \qquad \text{(eq. 1)} $$
#
# もし識別器に時間がいくらでもあれば、その答えは、この画像と同じように見えるもののうち、本物が占める割合になります。そして生成器は、どの画像も現実の世界と同じ頻度で描くしかなくなります。そうなると、識別器はどこでも 2 分の 1 としか言えません。
#
# ここでの識別器の出力はロジット（logit）なので、$D(x) = \text{sigmoid}(\text{logit})$ です。$V$ を大きくすることは、$-V$ を小さくすることです。これは、もう知っている損失です。本物には*本物*、描かれたものには*描かれたもの*と答える、2 択の交差エントロピー（cross-entropy）です。
#
# ### 演習 1：<!-- exercise discriminator_loss -->
#
# 識別器に何もわからないとき、$2 \ln 2 \approx 1.386$ になるはずです。


# %%
@exercise("discriminator_loss")
def discriminator_loss(real_logits, fake_logits):
    """How badly the judge tells real from painted, in nats (Goodfellow et al. 2014, eq. 1, as a loss).

    real_logits: any shape, what it says of real pictures; fake_logits: of painted ones, perhaps of
    another shape. Above 0 means "real": the probability is sigmoid(logit).
    Returns a 0-d tensor with a gradient: the mean over the real ones plus the mean over the painted ones.
    """
    raise NotImplementedError


# %%
check(discriminator_loss)

# %% [markdown]
# Now the painter. The game says: make $\log(1 - D(G(z)))$ small. The paper states that game, and before its section 3 ends
# it advises against playing it so: *train G to make* $\log D(G(z))$ *large instead*. (Section 4 proves where the game leads.) Both want the same, a judge that
# is fooled.
#
# **Before you go on:** at the beginning everything that is painted is noise, and the judge sees it at once: its
# logit for a painted picture is, say, $-10$. How steep is each of the two there? (The slope of $\log(1 - \text{sigmoid}(\ell))$ is
# $-\text{sigmoid}(\ell)$, that of $-\log \text{sigmoid}(\ell)$ is $-\text{sigmoid}(-\ell)$.)
#
# ### Exercise 2: <!-- exercise generator_loss -->

# %% [markdown] tags=["ja"]
# 次は生成器です。勝負の式によれば、$\log(1 - D(G(z)))$ を小さくすればよいはずです。論文は、この勝負を定義しておいて、同じ 3 節のうちに、このまま使わないようにと勧めます。*かわりに* $\log D(G(z))$ *が大きくなるように G を学習させる*のです。識別器をだますという望みは、どちらも同じです。（勝負の行き着く先は、4 節で証明されています。）
#
# **先へ進む前に**：はじめのうち、描かれるものはどれもノイズで、識別器はすぐに見抜きます。描かれた画像へのロジットは、たとえば $-10$ です。そこで、2 つの式の傾きはどれくらいでしょうか。（$\log(1 - \text{sigmoid}(\ell))$ の傾きは $-\text{sigmoid}(\ell)$、$-\log \text{sigmoid}(\ell)$ の傾きは $-\text{sigmoid}(-\ell)$ です。）
#
# ### 演習 2：<!-- exercise generator_loss -->


# %%
@exercise("generator_loss")
def generator_loss(fake_logits):
    """How seldom the judge takes painted pictures for real: the non-saturating loss, in nats.

    fake_logits: any shape, what the judge says of painted pictures; above 0 means "real".
    Returns a 0-d tensor with a gradient, a mean (Goodfellow et al. 2014, the end of section 3).
    """
    raise NotImplementedError


# %%
check(generator_loss)

# %% [markdown]
# Measure it on a real pair of networks. The painter stands still; the judge learns alone. After each of its steps, how
# long is the gradient that the painter *would* get, from one loss and from the other?
#
# The networks are those of the next section: convolutions, as [Radford et al. 2016](https://arxiv.org/abs/1511.06434) made them work, and a
# condition, as in [Mirza & Osindero 2014](https://arxiv.org/abs/1411.1784). The condition is five labels: shape, colour, size, place, background.

# %% [markdown] tags=["ja"]
# 本物のネットワークで測ってみましょう。生成器は動かさず、識別器だけが学びます。1 ステップごとに、生成器がもし学ぶとしたら受け取る勾配（gradient）の長さを、2 つの損失で比べます。
#
# ネットワークは、次の節で使うものです。畳み込み（convolution）は [Radford et al. 2016](https://arxiv.org/abs/1511.06434) がうまく働くようにした形で、[Mirza & Osindero 2014](https://arxiv.org/abs/1411.1784) のように条件も聞きます。条件は 5 つのラベル（label）です。形、色、大きさ、場所、背景です。

# %% tags=["nbval-ignore-output"]
world = World(size=32, seed=0)
CONFIG = ConditionalConfig(width=24)


def batch_of(step):
    """The step-th batch: real pictures (B, 3, 32, 32) and what they show, labels (B, 5)."""
    batch = world.batch(step, BATCH, device)
    return batch["image"], labels_of(batch["scene"]).to(device)


def new_rivals(config=CONFIG, seed=13):
    """A painter and a judge that have learnt nothing yet."""
    machine.seed(seed)
    return machine.place(Rivals(ConditionalGenerator(config), ConditionalDiscriminator(config)))


def slope(loss, net):
    """The length of the gradient of a loss by a network's weights."""
    gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    return torch.cat([g.flatten() for g in gradients]).norm().item()


duel = new_rivals()
learner = torch.optim.Adam(duel.judge.parameters(), 1e-3, (0.5, 0.99))
slopes = {tr("log(1 - D(G(z))), as the game has it"): [], tr("-log D(G(z)), yours"): []}
seen_through = []
for step in tqdm(range(budget(lesson=40, ci=3))):
    images, labels = batch_of(step)
    painted = duel.painter(normal(BATCH, 32, seed=step), labels)
    logits = duel.judge(painted, labels)
    for name, loss in zip(slopes, (saturating_generator_loss, generator_loss), strict=True):
        slopes[name].append(slope(loss(logits), duel.painter))
    seen_through.append(logits.sigmoid().mean().item())
    loss = discriminator_loss(duel.judge(images, labels), duel.judge(painted.detach(), labels))
    learner.zero_grad()
    loss.backward()
    learner.step()
plots.lines(
    {name: (range(len(found)), found) for name, found in slopes.items()},
    "The length of the gradient that a painter who has learnt nothing gets, while only the judge "
    "learns. With the "
    "judge surer from step to step, that of the game's own loss shrinks against the other.",
    "steps of the judge",
    "length of the painter's gradient",
    log="y",
)
first, last = (found[-1] for found in slopes.values())
say(
    "After {steps} steps the judge gives painted pictures a probability of {p:.1e} to be real, and "
    "your loss pulls "
    "{times:,.0f} times as hard as the game's.",
    steps=len(seen_through),
    p=seen_through[-1],
    times=last / first,
)

# %% [markdown]
# The two slopes differ by the factor $D / (1 - D)$, at each picture. So the worse the painter, the less it would
# have heard: the loss is **saturated**. Your loss is steep exactly where the painter is bad. (It is another game now:
# no longer one number that one side makes large and the other small.)

# %% [markdown] tags=["ja"]
# 2 つの傾きの比は、どの画像でも $D / (1 - D)$ です。つまり、生成器が下手なほど、何も聞こえなくなるところでした。損失が**飽和**（saturate）しているのです。あなたの損失は、生成器が下手なところでこそ急になります。（もう、ひとつの数を一方が大きく、もう一方が小さくする勝負ではありません。別の勝負になりました。）

# %% [markdown]
# # 2. A painter that is told what to paint
#
# **Can two networks that only quarrel learn a language?** The painter gets noise and labels. The judge gets a picture and labels, and one more
# kind of mistake to catch: a real picture with *wrong* labels is wrong too
# ([Reed et al. 2016](https://arxiv.org/abs/1605.05396), algorithm 1). Without that a painter could please it with any good
# picture.
#
# One step is two turns. First the judge's, with the painter's pictures of the moment; then the painter's, with the
# judge of the moment. Every eighth step the judge also pays for being steep at real pictures (R1,
# [Mescheder et al. 2018](https://arxiv.org/abs/1801.04406), eq. 9), which keeps it from running away.

# %% [markdown] tags=["ja"]
# # 2. 何を描くかを言われる生成器
#
# **言い争うだけの 2 つのネットワークに、言葉が覚えられるでしょうか。** 生成器には、ノイズとラベルを渡します。識別器には画像とラベルを渡し、見つけるべき間違いをもうひとつ増やします。本物の画像でも、ラベルが*違って*いれば間違いです（[Reed et al. 2016](https://arxiv.org/abs/1605.05396)、アルゴリズム 1）。そうしないと、生成器は、きれいでさえあればどんな画像でも識別器を満足させられます。
#
# 1 ステップは 2 つの手番です。まず識別器の番で、今の生成器の画像を使います。次に生成器の番で、今の識別器を使います。8 ステップに 1 回、識別器は、本物の画像で急になりすぎた分の罰も受けます（R1、[Mescheder et al. 2018](https://arxiv.org/abs/1801.04406)、式 9）。識別器だけが先へ行ってしまわないようにするためです。


# %%
def wrong(labels, step):
    """The labels (B, 5) with one of each picture exchanged for another one."""
    chance = torch.Generator().manual_seed(step)
    which, row = torch.randint(len(VALUES), (len(labels),), generator=chance), torch.arange(len(labels))
    values = torch.tensor(VALUES)[which]
    further = 1 + (torch.rand(len(labels), generator=chance) * (values - 1)).long()
    changed = labels.clone()
    changed[row, which] = ((labels.cpu()[row, which] + further) % values).to(device)
    return changed


def judges_turn(rivals, step):
    """The judge's loss: real against painted, and against real with a wrong label."""
    images, labels = batch_of(step)
    painted = rivals.painter(normal(BATCH, 32, seed=2 * step), labels)
    real = rivals.judge(images, labels)
    loss = discriminator_loss(real, rivals.judge(painted, labels)) / 2
    loss = loss + discriminator_loss(real, rivals.judge(images, wrong(labels, step))) / 2
    if step % 8 == 0:
        # gamma / 2 with gamma = 1, and eight times that, as only every eighth step pays
        loss = loss + 8 / 2 * gradient_penalty(lambda x: rivals.judge(x, labels), images)
    return loss


def painters_turn(rivals, step):
    """The painter's loss: to be taken for real."""
    _, labels = batch_of(step)
    return generator_loss(
        rivals.judge(rivals.painter(normal(BATCH, 32, seed=2 * step + 1), labels), labels)
    )


def game(rivals, judges, painters, steps, rate=1e-3, betas=(0.5, 0.99), judge_rate=1.0):
    """Both turns, step after step; yields what `train_adversarially` does."""
    plan = AdversarialPlan(steps, rate, judge_rate, betas)
    return train_adversarially(
        rivals, lambda step: judges(rivals, step), lambda step: painters(rivals, step), plan
    )


# %% tags=["nbval-ignore-output"]
STEPS = budget(lesson=1600, ci=6)
LOOKS = sorted({max(1, STEPS * part // 20) for part in (1, 3, 6, 10, 20)})  # when pictures are looked at
prompts, scenes = World(seed=0).prompts(COUNT)
trial = game(new_rivals(), judges_turn, painters_turn, 100)
minutes = pace(lambda step: next(trial), STEPS, checkpoint="gan-conditional")

# %% tags=["nbval-ignore-output"]
rivals = new_rivals()
losses = {tr("judge"): [], tr("painter"): []}
over_time, shares = [], {}
began = time.perf_counter()
for state in tqdm(game(rivals, judges_turn, painters_turn, STEPS), total=STEPS):
    losses[tr("judge")].append(state.judge_loss)
    losses[tr("painter")].append(state.loss)
    if state.step in LOOKS:
        drawn = LabelsToImage(copy.deepcopy(state.average), machine).draw(scenes)
        over_time.append(drawn[:8])
        shares[state.step] = (faithfulness(drawn, scenes).all, pairs_covered(drawn))
seconds = time.perf_counter() - began
painter = state.average.eval()
plots.images(
    torch.cat(over_time),
    "Eight prompts by your painter after {steps} steps, one row for each.",
    columns=8,
    inches=1,
    steps=", ".join(map(str, LOOKS)),
)
for prompt in prompts[:8]:
    print(prompt)

# %% tags=["nbval-ignore-output"]
width = max(1, STEPS // 60)  # of a running mean
plots.lines(
    {
        name: (
            range(width, STEPS + 1),
            [sum(found[i - width : i]) / width for i in range(width, STEPS + 1)],
        )
        for name, found in losses.items()
    },
    "The two losses while training.",
    "step",
    "loss",
)
for step, (right, covered) in shares.items():
    say(
        "after {step:5} steps: right in everything {right:4.0%}, pairs of shape and colour covered "
        "{covered:4.0%}",
        step=step,
        right=right,
        covered=covered,
    )

# %% [markdown]
# **What do the losses say of the pictures?** Little. In which steps is the painter's loss lowest, and what does it paint there? A painter's loss is low when it is better than its judge, and
# both get better. This is the first thing that people missed in GANs: a number that says how far one is. That is why the
# lab measures with a third party, the reader.
#
# Now beside others: the zoo's painter of the same kind, trained longer, and a diffusion model, `shapes-pixel`. The last
# column is what kept GANs in use long after: a picture is **one pass** of the network.

# %% [markdown] tags=["ja"]
# **損失は、画像について何を教えてくれますか。** あまり教えてくれません。生成器の損失がいちばん低いのは、どのあたりのステップで、そこではどんな絵を描いていますか。生成器の損失が低いのは、識別器より上手なときです。そして、両方とも上達します。どこまで進んだかを示す数がありません。GAN（敵対的生成ネットワーク、generative adversarial network）で、人々がまず困ったのはこのことでした。ですから、このラボでは第三者である読み取り器で測ります。
#
# 次に、ほかのモデルと並べます。もっと長く学習した、zoo の同じ種類の生成器と、拡散モデル `shapes-pixel` です。最後の列が、GAN があとまで使われ続けた理由です。1 枚の画像が、ネットワークの **1 回の計算**で描けるのです。


# %% tags=["nbval-ignore-output"]
def timed(draw):
    """Pictures, and the milliseconds that one took."""
    began = time.perf_counter()
    drawn = draw()
    return drawn, 1000 * (time.perf_counter() - began) / len(drawn)


diffusion = TextToImage.from_pretrained("shapes-pixel")
DRAWN = budget(lesson=64, ci=4)
mine = LabelsToImage(painter, machine)
zoos = LabelsToImage.from_pretrained("gan-conditional")
mine.draw(scenes[:1])  # what is made once is made before the clock runs
rows = []
for name, draw in {
    tr("your painter"): lambda: mine.draw(scenes[:DRAWN]),
    tr("the zoo's gan-conditional"): lambda: zoos.draw(scenes[:DRAWN]),
    tr("the zoo's shapes-pixel, 20 steps"): lambda: (
        diffusion(prompts[:DRAWN], seed=0, num_inference_steps=20, output_type="pt").cpu() * 2 - 1
    ),
}.items():
    drawn, milliseconds = timed(draw)
    rows.append(drawn[:8])
    say(
        "{name:34} right in everything {right:4.0%}, {ms:6.1f} milliseconds a picture",
        name=name,
        right=faithfulness(drawn, scenes[:DRAWN]).all,
        ms=milliseconds,
    )
say("Your training took {seconds:.0f} seconds.", seconds=seconds)
plots.images(
    torch.cat(rows),
    "The same prompts by your painter, by the zoo's GAN, trained longer, and by diffusion in twenty "
    "steps.",
    columns=min(8, DRAWN),
    inches=1,
)

# %% [markdown]
# **Change one thing:** leave the wrong labels out of the judge's turn (the second `discriminator_loss`). Which of the shares falls, and do
# the pictures get uglier?

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：識別器の番から、違うラベルの項（2 つめの `discriminator_loss`）を外してみてください。どの割合が下がりますか。画像は汚くなりますか。

# %% [markdown]
# # 3. The same few pictures, over and over
#
# **What stops a painter from painting one good picture for ever?** Nothing in its loss: that asks of each picture to look real, and never
# whether all kinds of pictures are there. The judge should notice, as one that appears too often is probably painted. But it looks at one
# picture at a time, and by the time it has learnt, the painter has moved on to the next. This is **mode collapse**.
#
# A world small enough to be seen whole: seven little clouds of points on a ring. The painter maps noise, a point of the plane, to another
# point. Both learn by Adam as it comes out of the box, with a momentum of 0.9. Beside it a diffusion model (by flow matching, as in Lab 06) with a network of the same size, the same points, the same rate, the same number of steps.

# %% [markdown] tags=["ja"]
# # 3. 同じ数枚ばかり
#
# **生成器が、上手な 1 枚だけをいつまでも描き続けるのを、何が止めるのでしょうか。** 損失の中には、止めるものがありません。損失は、1 枚 1 枚が本物らしいことを求めるだけで、あらゆる種類の画像がそろっているかは問いません。出すぎる画像はおそらく描かれたものだと、識別器は気づくはずです。けれども、識別器が見るのは 1 度に 1 枚です。そして、覚えたころには、生成器は次の画像に移っています。これが**モード崩壊**（mode collapse）です。
#
# 全体を見渡せるほど小さな世界で試します。輪の上に並んだ、7 つの小さな点の雲です。生成器は、平面の 1 点であるノイズを、別の点に写します。生成器も識別器も、Adam を初期設定のまま、モーメンタム 0.9 で使います。隣は拡散モデルです（Lab 06 のフローマッチング（flow matching）を使います）。ネットワークの大きさも、見せる点も、学習率も、ステップ数も同じです。


# %%
angles = 2 * math.pi * torch.arange(7) / 7
CENTRES = (2 * torch.stack([angles.cos(), angles.sin()], dim=1)).to(device)  # (7, 2)
POINTS = budget(lesson=128, ci=16)


def ring(step, count=POINTS):
    """Points of the ring (count, 2)."""
    chance = torch.Generator().manual_seed(step)
    which = torch.randint(7, (count,), generator=chance)
    return CENTRES[which] + 0.05 * torch.randn(count, 2, generator=chance).to(device)


def small_net(inputs, outputs):
    return nn.Sequential(
        *(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))
    )


def clouds_reached(points):
    """The share of the seven clouds in which at least one point in a hundred lies."""
    distance, nearest = torch.cdist(points, CENTRES).min(1)
    counts = torch.bincount(nearest[distance < 0.3], minlength=7)
    return (counts > 0.01 * len(points)).double().mean().item()


# %% tags=["nbval-ignore-output"]
RING_STEPS, RING_RATE = budget(lesson=1500, ci=4), 3e-3
RING_LOOKS = sorted({max(1, RING_STEPS * part // 12) for part in range(1, 13)})
start = normal(400, 2, seed=99)
reached = {tr("the GAN"): [], tr("the diffusion model"): []}

machine.seed(3)
toy = machine.place(Rivals(small_net(2, 2), small_net(2, 1)))


def toy_judges(rivals, step):
    return discriminator_loss(
        rivals.judge(ring(step)), rivals.judge(rivals.painter(normal(POINTS, 2, seed=3 * step)))
    )


def toy_painters(rivals, step):
    return generator_loss(rivals.judge(rivals.painter(normal(POINTS, 2, seed=3 * step + 1))))


ends = []
twice = game(toy, toy_judges, toy_painters, 2 * RING_STEPS, RING_RATE, betas=(0.9, 0.999))
for state in islice(twice, RING_STEPS):  # the first half, in which the rate does not fall
    if state.step in RING_LOOKS:
        with torch.no_grad():
            ends.append(toy.painter(start))
        reached[tr("the GAN")].append(clouds_reached(ends[-1]))

machine.seed(3)
flow, roads = machine.place(small_net(3, 2)), FlowMatching()
optimizer = torch.optim.Adam(flow.parameters(), RING_RATE)


def velocity(x_t, t):
    return flow(torch.cat([x_t, t.expand(len(x_t))[:, None]], dim=1))


for step in range(RING_STEPS):
    chance = torch.Generator().manual_seed(step)
    t = torch.rand(POINTS, generator=chance).to(device)
    loss = flow_matching_loss(velocity, ring(step), normal(POINTS, 2, seed=3 * step + 2), t)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step + 1 in RING_LOOKS:
        x = start
        with torch.no_grad():
            for now, after in pairwise(roads.times(40).to(x)):
                x = x + (after - now) * velocity(x, now)
        reached[tr("the diffusion model")].append(clouds_reached(x))

for name, found in ((tr("the GAN"), ends[-1]), (tr("the diffusion model"), x)):
    plots.plane(
        CENTRES,
        "Where {name} takes 200 points of noise, grey, after its training: each line ends at what "
        "was made of "
        "one, and has the colour of the cloud that it is nearest to. The seven large marks are the "
        "clouds.",
        paths=torch.stack([start, found])[:, :200],
        name=name,
    )
plots.lines(
    {name: (RING_LOOKS, found) for name, found in reached.items()},
    "The share of the seven clouds that points reach, while training.",
    "step",
    "clouds reached",
    markers=True,
    percent=True,
)
for name, found in reached.items():
    say(
        "{name}: {last:.0%} of the clouds at the end, {least:.0%} to {most:.0%} in the second half.",
        name=name,
        last=found[-1],
        least=min(found[len(found) // 2 :]),
        most=max(found[len(found) // 2 :]),
    )

# %% [markdown]
# **Look at two things.** How many clouds each of them reaches, and whether the GAN's curve *stays* where it is or jumps. And at the lines: where does it take all its
# noise? A painter that wants all seven has to tear a plane into seven pieces, and what lies between two clouds on the way is the tear. Diffusion has
# to do it too, but it was told for every point where its road goes. It cannot please anybody by going to one cloud only: each real point that was
# shown asked for its own road.
#
# **Change one thing:** `betas=(0.5, 0.99)` in the call of `game` above, and nothing else. Momentum goes on in the direction of old gradients; here the goal
# runs away from them. The people who made GANs work found this out by trying, and it is in every recipe since.
#
# ## The same with pictures
#
# Shapes once more, so small that several trainings fit: 16x16 pixels, one big shape in the middle, and no labels. The painter may paint whatever
# it likes. What it should paint is known exactly. Of the world's 64 pairs of shape and colour, training shows 56, all equally often, and the reader says which of
# them a picture shows. **Coverage** is the share of the 56 that occur among the measured pictures.
#
# The first painter plays as it was done in 2014: nothing keeps the judge in check. Network, seed, rate and momentum stand in the last lines of the cell.

# %% [markdown] tags=["ja"]
# **2 つのことを見てください。** それぞれがいくつの雲に届くか。そして、GAN の曲線は、その場に*とどまる*か、飛び回るか。線も見てください。ノイズを、どこへ連れていくでしょうか。7 つすべてに届きたい生成器は、平面を 7 つに裂かなければならず、雲と雲の途中にある点が、その裂け目です。拡散モデルも同じことをしますが、どの点についても、自分の道がどこへ続くかを教わりました。ひとつの雲に行くだけでは、だれも満足させられません。見せられた本物の点のひとつひとつが、自分への道を求めたからです。
#
# **ひとつ変えてみましょう**：上の `game` の呼び出しで `betas=(0.5, 0.99)` としてみてください。ほかはそのままです。モーメンタムは、古い勾配の方向へ進み続けます。ところが、ここでは目標のほうが逃げていきます。GAN を動くようにした人たちは、試しながらこれを見つけました。それからは、どのレシピにも入っています。
#
# ## 画像でも同じことを
#
# もう一度、図形の画像です。いくつも学習できるように、小さくします。16x16 画素で、大きな図形が中央にひとつ。ラベルはなく、生成器は好きなものを描いてかまいません。何を描くべきかは、正確にわかっています。この世界の形と色の組 64 通りのうち、学習で見せるのは 56 通りで、どれも同じ頻度です。画像がどの組を描いているかは、読み取り器が答えます。**カバー率**（coverage）は、測った画像の中に現れた組の、56 通りに対する割合です。
#
# 最初の生成器は、2014 年の流儀で勝負します。識別器を抑えるものは、何もありません。ネットワーク、シード、学習率（learning rate）、モーメンタムは、セルの終わりの数行にあります。

# %% tags=["nbval-ignore-output"]


def tiny(step, count=BATCH):
    """Pictures (count, 3, 16, 16): big shapes in the middle, all pairs of training equally often."""
    chance = random.Random(f"tiny {step}")
    shown = [chance.choice(list(PAIRS)) for _ in range(count)]
    shown = [complete(Scene(t, c, size="big", place="center"), chance) for t, c in shown]
    return render(shown, 16, torch.Generator().manual_seed(step), device)


NOTHING = torch.zeros(BATCH, 1, dtype=torch.long, device=device)  # one label with one value
TINY = ConditionalConfig(values=(1,), size=16, width=16)
TINY_STEPS = budget(lesson=1000, ci=4)
TINY_LOOKS = sorted({max(1, TINY_STEPS * part // 8) for part in range(1, 9)})


def enlarged(images):
    """Pictures of 16x16 as 32x32, which is what the reader reads."""
    return F.interpolate(images, scale_factor=2, mode="bicubic").clamp(-1, 1).cpu()


def paints(painter, count=COUNT):
    """What a painter that is told nothing paints (count, 3, 16, 16)."""
    with torch.no_grad():
        return painter(normal(count, 32, seed=7), NOTHING[:1].expand(count, -1))


def tiny_turns(judged, painted):
    """Both turns without labels, of any two losses."""

    def judges(rivals, step):
        fake = rivals.painter(normal(BATCH, 32, seed=3 * step), NOTHING)
        real = tiny(step)
        return judged(rivals.judge(real, NOTHING), rivals.judge(fake, NOTHING))

    def painters(rivals, step):
        fake = rivals.painter(normal(BATCH, 32, seed=3 * step + 1), NOTHING)
        return painted(rivals.judge(fake, NOTHING))

    return judges, painters


coverage, tiny_pictures = {}, {}


def watch(name, rivals, turns, **numbers):
    """Trains two rivals, and notes the coverage as they go."""
    coverage[name] = []
    for state in tqdm(game(rivals, *turns, TINY_STEPS, **numbers), total=TINY_STEPS):
        if state.step in TINY_LOOKS:
            tiny_pictures[name] = enlarged(paints(state.average))
            coverage[name].append(pairs_covered(tiny_pictures[name]))


real = enlarged(tiny(10_000, COUNT))
say(
    "Coverage of {count} pictures of the world itself: {share:.0%}.",
    count=COUNT,
    share=pairs_covered(real),
)
watch(
    tr("a GAN with the losses of 2014"),
    new_rivals(TINY, seed=0),
    tiny_turns(discriminator_loss, generator_loss),
    rate=1e-3,
    betas=(0.5, 0.99),
)


# %% [markdown]
# And diffusion? It is the slower learner: after as many steps as this GAN had, a small U-Net on the same pictures draws hardly anything that can be read. On the ring
# both had as many steps. Here we take a finished model, `shapes-pixel`, tell it nothing, and ask only what it leaves out. Its pictures are larger and
# its shapes lie anywhere, so its precision and recall are measured against pictures of *its* world; the 56 pairs are the same, and equally frequent.

# %% [markdown] tags=["ja"]
# では、拡散モデルは？ 学ぶのは、拡散モデルのほうが遅いのです。この GAN と同じステップ数では、小さな U-Net が同じ画像で学んでも、読み取れるものはほとんど描けません。輪の上では、どちらも同じステップ数でした。ここでは、できあがったモデル `shapes-pixel` に何も教えずに描かせ、何を抜かすかだけを調べます。画像はもっと大きく、図形の場所もさまざまなので、適合率（precision）と再現率（recall）は、*その*世界の画像と比べて測ります。56 通りの組は同じで、どれも同じ頻度です。

# %% tags=["nbval-ignore-output"]
name = tr("the finished diffusion model")
told_nothing = diffusion.encode([""] * COUNT)
tiny_pictures[name] = torch.cat(
    [
        diffusion(
            prompt_embeds=part, seed=500 * i, num_inference_steps=10, guidance_scale=1.0, output_type="pt"
        ).cpu()
        * 2
        - 1
        for i, part in enumerate(told_nothing.split(64))
    ]
)
coverage[name] = [pairs_covered(tiny_pictures[name])] * len(TINY_LOOKS)
of_world = {name: world.batch(10_000, COUNT)["image"]}  # what its pictures compare with


def show_coverage():
    """Pictures and curves of all that was watched so far."""
    plots.images(
        torch.cat([real[:12], *(pictures[:12] for pictures in tiny_pictures.values())]),
        "Twelve pictures each, none picked: of the world; then, row by row, by {names}.",
        columns=12,
        inches=0.8,
        names=", ".join(tiny_pictures),
    )
    plots.lines(
        {name: (TINY_LOOKS, found) for name, found in coverage.items()},
        "The share of the 56 pairs of shape and colour that occur in the measured pictures, while "
        "training.",
        "step",
        "coverage",
        markers=True,
        percent=True,
    )
    for name, found in coverage.items():
        ours, theirs = features(of_world.get(name, real)), features(tiny_pictures[name])
        precision, recall = precision_recall(ours, theirs)
        say(
            "{name:32} coverage {last:4.0%}; could be real {precision:4.0%}, of the real could be "
            "painted {recall:4.0%}",
            name=name,
            last=found[-1],
            precision=precision,
            recall=recall,
        )


show_coverage()

# %% [markdown]
# **Read the rows before the curves.** Which of them repeats itself? Which backgrounds, colours and shapes does it leave out? (The level line is the finished model's one figure.) Then the last lines. The first share is the coverage. The other two come from
# features of the reader ([Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)): **precision**, how many of the painted pictures could be real ones,
# and **recall**, how many of the real ones could have been painted. A painter that has collapsed onto one good picture has
# high precision and next to no recall. One figure for both would hide that. (Yours has little of either after a thousand steps, as most of its shapes are no shapes yet; the reader, which has to name a pair for each picture, is generous with them.)
#
# A diffusion model cannot leave a picture out so easily. Its loss goes through the training pictures one by one, and each that it
# denoises badly costs. The GAN's loss goes through what the *painter* makes: whatever it never makes is never asked for.

# %% [markdown] tags=["ja"]
# **曲線より先に、画像の行を見てください。** 同じものを繰り返しているのは、どの行でしょうか。どの背景、色、形が抜けていますか。（水平な線は、できあがったモデルの、ただひとつの値です。）それから、最後の行です。ひとつめの割合がカバー率です。あとの 2 つは、読み取り器の特徴から求めます（[Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)）。**適合率**は、描かれた画像のうち、本物でありうるものの割合です。**再現率**は、本物の画像のうち、描かれることがありうるものの割合です。上手な 1 枚に崩壊した生成器は、適合率が高く、再現率はほとんどありません。ひとつの指標にまとめると、それが隠れてしまいます。（あなたの生成器は、千ステップのあとでは、どちらも低いままです。図形がまだ図形になっていないからです。どの画像にも組の名前をひとつ言わなければならない読み取り器は、カバー率に甘い点を付けます。）
#
# 拡散モデルは、そう簡単には画像を抜かせません。その損失は、学習用の画像を 1 枚ずつ回り、うまくノイズを除けない画像があれば、その分だけ大きくなります。GAN の損失が回るのは、*生成器*が作ったものです。一度も作らないものは、一度も求められません。

# %% [markdown]
# # 4. A judge kept calm
#
# **What if the judge may not be so sure?** A judge that goes from "painted" to "real" within a hair's breadth of a picture says nothing
# about the way there. So bound its steepness: no layer may lengthen a difference. (Of a convolution, the matrix of its weights is bounded. The convolution itself may still lengthen a little, by no more than the root of the number of places in its kernel, 3 for a 3x3; the paper leaves it at that.) The most that a matrix lengthens any vector is its largest **singular value** $\sigma(W)$, so divide by
# that ([Miyato et al. 2018](https://arxiv.org/abs/1802.05957)):
#
# $$ W_{\text{SN}} = \frac{W}{\sigma(W)}, \qquad v \leftarrow \frac{W^{\top} u}{\lVert W^{\top} u \rVert}, \quad u \leftarrow \frac{W v}{\lVert W v \rVert}, \quad \sigma(W) \approx u^{\top} W v \qquad \text{(algorithm 1)} $$
#
# The right-hand side is **power iteration**: multiply by $W^\top$ and $W$ again and again, and a vector turns to where they stretch most. A full decomposition in
# every step would cost far too much. One iteration is enough, as the weights hardly change from step to step, if $u$ is kept.
#
# ### Exercise 3: <!-- exercise spectral_normalize -->

# %% [markdown] tags=["ja"]
# # 4. 落ち着いた識別器
#
# **識別器が、そんなに自信を持ってはいけないとしたら、どうでしょうか。** ほんのわずかな違いで「描かれたもの」から「本物」に変わる識別器は、そこへ至る道について何も教えてくれません。そこで、急になりすぎないようにします。どの層も、差を引き伸ばしてはいけません。（畳み込みで抑えるのは、重みの行列です。畳み込みそのものは、まだ少し引き伸ばすことがあります。その倍率は、カーネルの場所の数の平方根まで、3x3 なら 3 までです。論文も、そこまでにしています。）行列がベクトルを最も引き伸ばすときの倍率は、最大の**特異値**（singular value）$\sigma(W)$ です。ですから、これで割ります（[Miyato et al. 2018](https://arxiv.org/abs/1802.05957)）。
#
# $$ W_{\text{SN}} = \frac{W}{\sigma(W)}, \qquad v \leftarrow \frac{W^{\top} u}{\lVert W^{\top} u \rVert}, \quad u \leftarrow \frac{W v}{\lVert W v \rVert}, \quad \sigma(W) \approx u^{\top} W v \qquad \text{(algorithm 1)} $$
#
# 右側は**べき乗法**（power iteration）です。$W^\top$ と $W$ を何度も掛けると、ベクトルは最も引き伸ばされる方向を向きます。毎ステップ特異値分解をするのは、高くつきすぎます。重みは 1 ステップではほとんど変わらないので、$u$ を取っておけば、1 回の反復で足ります。
#
# ### 演習 3：<!-- exercise spectral_normalize -->


# %%
@exercise("spectral_normalize")
def spectral_normalize(weight, u, iterations):
    """The flattened weight over its largest singular value (Miyato et al. 2018, algorithm 1).

    By power iteration. weight: (rows, ...), of a linear layer or a convolution, read as a matrix with a
    row for each output. u: (rows,), a first guess of the left singular vector, of length 1; iterations:
    at least 1.
    Returns (rows, columns). (In the shape of `weight` it is right too.)
    """
    raise NotImplementedError


# %%
check(spectral_normalize)

# %% [markdown]
# PyTorch has it built in. The same layer, yours and theirs, each after many iterations; and a proper decomposition, which is right for certain:

# %% [markdown] tags=["ja"]
# PyTorch にも、同じものがあります。同じ層を、あなたの関数と PyTorch で、それぞれ何度も反復してから比べます。必ず正しい、特異値分解とも比べます。

# %%
machine.seed(4)
layer = nn.Conv2d(8, 16, 3)
raw = layer.weight.detach().clone()
yours = spectral_normalize(raw, F.normalize(torch.randn(16), dim=0), 200).flatten(1)
theirs = nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=200)
theirs(torch.zeros(1, 8, 8, 8))  # in training each pass iterates
exact = raw.flatten(1) / torch.linalg.matrix_norm(raw.flatten(1), 2)
say(
    "Largest singular value before {before:.2f}, after {after:.4f}. Yours, torch's and the exact one "
    "agree: {small}.",
    before=torch.linalg.matrix_norm(raw.flatten(1), 2).item(),
    after=torch.linalg.matrix_norm(yours, 2).item(),
    small=bool(
        (yours - exact).abs().max() < 1e-4 and (theirs.weight.flatten(1) - exact).abs().max() < 1e-4
    ),
)

# %% [markdown]
# Put yours around every layer of the judge from before, and give it the loss that goes with it. The **hinge** asks only for a margin: real pictures above 1,
# painted ones below $-1$, and what is there already has no say any more ([Lim & Ye 2017](https://arxiv.org/abs/1705.02894)). Painter, data, seed, steps, rate and momentum are those of the first. One thing more a calm judge can bear: it may learn four times as fast as its painter ([Heusel et al. 2017](https://arxiv.org/abs/1706.08500)), as it did in the paper on attention below.
#
# **Predict first:** will the coverage at the end be higher than that of the GAN with the losses of 2014, and how far from the diffusion model's will it be?

# %% [markdown] tags=["ja"]
# さきほどの識別器のすべての層に、あなたの関数をかぶせます。損失も、それに合うものにします。**ヒンジ**（hinge）損失が求めるのは、マージン（margin）だけです。本物は 1 より上、描かれたものは $-1$ より下で、すでにその外側にあるものは、損失に影響しなくなります（[Lim & Ye 2017](https://arxiv.org/abs/1705.02894)）。生成器もデータも、シードも、ステップ数も、学習率もモーメンタムも、最初と同じです。落ち着いた識別器には、もうひとつできることがあります。生成器の 4 倍の速さで学んでも大丈夫なのです（[Heusel et al. 2017](https://arxiv.org/abs/1706.08500)）。あとで出てくるアテンションの論文でも、そうしています。
#
# **まず予想してください**：最後のカバー率は、2014 年の流儀の GAN より高くなるでしょうか。拡散モデルとの差は、どれくらいでしょうか。


# %% tags=["nbval-ignore-output"]
class Calm(nn.Module):
    """A layer that runs with your normalised weight; u gets better by one iteration in each pass."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.register_buffer("u", F.normalize(torch.randn(len(layer.weight)), dim=0))

    def forward(self, x):
        raw = self.layer.weight
        weight = spectral_normalize(raw, self.u, 1).view_as(raw)
        if self.training:
            with torch.no_grad():
                matrix = raw.flatten(1)
                self.u = F.normalize(matrix @ F.normalize(matrix.T @ self.u, dim=0), dim=0)
        return torch.func.functional_call(self.layer, {"weight": weight}, (x,))


def calmed(net):
    """The network with each convolution and each linear layer made calm."""
    for name, child in list(net.named_children()):
        if isinstance(child, nn.Conv2d | nn.Linear):
            setattr(net, name, Calm(child))
        else:
            calmed(child)
    return net


calm = new_rivals(TINY, seed=0)
calmed(calm.judge)
machine.place(calm)
watch(
    tr("with your calm judge and hinge"),
    calm,
    tiny_turns(hinge_discriminator_loss, hinge_generator_loss),
    rate=1e-3,
    betas=(0.5, 0.99),
    judge_rate=4,
)
show_coverage()

# %% [markdown]
# Three things were changed at once here: the judge, its loss and its rate. A paper would have to tell them apart; you can, with a name or a number in the cell above, or by giving the first judge that rate.
#
# **If yours came out lower**, or hardly higher: a thousand steps of a game end where chance has it, and another seed moves each of these shares by ten points and more. A calm judge is also a slow teacher. Its slope is bounded, and so is what a painter learns from it in a step. The promise is that the game goes on, not that it is won sooner. **Change one thing:** what does three times the painter's rate do, to this game and to the first?
#
# The zoo's `gan-attention` puts three ideas of [Zhang et al. 2019](https://arxiv.org/abs/1805.08318) (a preprint of 2018) together: spectral normalisation in *both*
# networks, the hinge, and **self-attention**. A convolution sees a few pixels around. With attention each place of a
# map looks at all others, and takes from them what it needs: the U-Nets of diffusion have had the same layer ever since. Where does a place look? The first row shows pictures, the second marks one place, the third shows how much that place takes from each other one.
# (It is a quarter of an hour old: places and colours are right, most shapes not yet, and its attention has hardly any weight so far, as the line below says: do not read much into the map.)

# %% [markdown] tags=["ja"]
# ここでは、識別器と、その損失と、その学習率の 3 つを一度に変えました。論文なら、区別しなければなりません。上のセルの名前か数を変えるか、最初の識別器に同じ学習率を与えれば、あなたにもできます。
#
# **結果が低かったり、ほとんど高くならなかったりしたら**：千ステップの勝負の終わりは、偶然に左右されます。シードを変えれば、どの割合も 10 ポイント以上動きます。それに、落ち着いた識別器は、教えるのもゆっくりです。傾きに上限があるので、生成器が 1 ステップで学べる量にも上限があります。約束されているのは、勝負が続くことで、早く勝つことではありません。**ひとつ変えてみましょう**：生成器の学習率を 3 倍にすると、この勝負と、はじめの勝負は、それぞれどうなりますか。
#
# zoo の `gan-attention` は、[Zhang et al. 2019](https://arxiv.org/abs/1805.08318)（プレプリントは 2018 年）の 3 つの考えを合わせたものです。*両方*のネットワークのスペクトル正規化（spectral normalisation）、ヒンジ損失、そして**セルフアテンション**（self-attention）です。畳み込みに見えるのは、まわりの数画素だけです。アテンションがあれば、特徴マップのどの場所も、ほかのすべての場所を見て、必要なものを取り入れます。それ以来、拡散モデルの U-Net にも同じ層があります。ひとつの場所は、どこを見ているのでしょうか。1 行目は画像、2 行目は目印を付けたひとつの場所、3 行目は、その場所がほかの場所のそれぞれからどれだけ取り入れるかです。（学習は 15 分ほどです。位置と色は正しく描けますが、形はまだほとんど描けません。下の行にあるとおり、アテンションの重みもまだほとんどないので、マップを深読みしないでください。落ち着いた識別器は、ここでも教えるのがゆっくりです。）

# %% tags=["nbval-ignore-output"]
attentive = LabelsToImage.from_pretrained("gan-attention")
layer, maps = attentive.painter.attention, []


def note(_, inputs):
    """Keeps how much each place takes from each other one, (B, places, places)."""
    q, k = (to(inputs[0]).flatten(2).mT for to in (layer.to_q, layer.to_k))
    maps.append((q @ k.mT).softmax(-1).cpu())


hook = layer.register_forward_pre_hook(note)
asked = [Scene(thing, color, size="big", place="center", background="dark") for thing, color in zip(
    list(SHAPES)[:6], list(COLORS)[:6], strict=True
)]  # fmt: skip
drawn = attentive.draw(asked)
hook.remove()
side = math.isqrt(maps[0].shape[-1])
row, column = side // 2, side // 4  # left of the middle
looked_at = maps[0][:, row * side + column].unflatten(1, (1, side, side))  # (6, 1, side, side)
looked_at = looked_at / looked_at.amax((2, 3), keepdim=True)
mark = torch.full((6, 1, side, side), -1.0)
mark[:, :, row, column] = 1
plots.images(
    torch.cat(
        [drawn, *(F.interpolate(m.expand(-1, 3, -1, -1), size=32) for m in (mark, 2 * looked_at - 1))]
    ),
    "Six pictures by the zoo's GAN with attention; a place left of the middle; and how much it takes "
    "from each place.",
    columns=6,
    inches=1,
)
right = faithfulness(attentive.draw(scenes), scenes)
say(
    "gan-attention: right in everything {right:.0%}; its attention has a weight of {gamma:.2f} (it "
    "began at 0).",
    right=right.all,
    gamma=layer.gamma.item(),
)

# %% [markdown]
# # 5. Small first
#
# **Could the game be made easier in the beginning?** In large pictures a judge finds a thousand faults at once. So let both begin with tiny ones,
# where there is little to get wrong, and grow: **progressive growing** ([Karras et al. 2018](https://arxiv.org/abs/1710.10196), a preprint of 2017).
# When a size is learnt, both networks get a layer for twice as many pixels. A new layer is random, and would spoil what is there. It is
# therefore faded in: at first the picture is the small one enlarged, and then more and more what the new layer makes of it (figure 2 of the paper).
#
# ### Exercise 4: <!-- exercise fade_in -->

# %% [markdown] tags=["ja"]
# # 5. まず小さく
#
# **はじめのうちだけ、勝負をやさしくできないでしょうか。** 大きな画像では、識別器は欠点を一度に千も見つけます。そこで、両方とも、間違えるところの少ない小さな画像から始めて、育てます。**段階的な成長**（progressive growing）です（[Karras et al. 2018](https://arxiv.org/abs/1710.10196)、プレプリントは 2017 年）。ひとつの大きさを覚えたら、両方のネットワークに、2 倍の画素のための層を足します。新しい層は乱数なので、そのままでは、できたものを壊してしまいます。そこで、少しずつ混ぜていきます。はじめは小さな画像を拡大したもので、だんだんと、新しい層が描いたものに変わります（論文の図 2）。
#
# ### 演習 4：<!-- exercise fade_in -->


# %%
@exercise("fade_in")
def fade_in(low, high, alpha):
    """From the small picture to the large one (Karras et al. 2018, figure 2).

    low: (B, 3, H, W), what the network drew before it grew; high: (B, 3, 2H, 2W), what it draws now;
    alpha: one number in [0, 1]. Returns (B, 3, 2H, 2W): all of `low` at 0, each pixel of it now four
    equal ones; all of `high` at 1.
    """
    raise NotImplementedError


# %%
check(fade_in)

# %% [markdown]
# The zoo's `gan-progressive` has grown from 8 to 32 pixels, and still draws all three sizes. Your function between the two largest:

# %% [markdown] tags=["ja"]
# zoo の `gan-progressive` は、8 画素から 32 画素まで育ちました。今も、3 つの大きさのどれでも描けます。大きいほうの 2 つの間を、あなたの関数でつなぎます。

# %% tags=["nbval-ignore-output"]
growing = machine.place(read_painter(zoo.folder("gan-progressive"), ProgressiveGenerator))
SIZES = growing.config.sizes
z = normal(8, growing.config.latent_dim, seed=5)
ALPHAS = (0.0, 0.5, 1.0)
with torch.no_grad():
    stages = [growing(z, stage).cpu() for stage in range(len(SIZES))]
    faded = [fade_in(stages[-2], stages[-1], alpha) for alpha in ALPHAS]
    own = growing(z, len(SIZES) - 1, 0.5).cpu()
plots.images(
    torch.cat([F.interpolate(s, size=SIZES[-1]) for s in (*stages, *faded)]).clamp(-1, 1),
    "The same noise at each size, {sizes} pixels; below, your fading into the last, with alpha {alphas}.",
    columns=8,
    inches=0.9,
    sizes=", ".join(map(str, SIZES)),
    alphas=", ".join(map(str, ALPHAS)),
)
say(
    "Yours and the network's own half-way picture agree: {small}.",
    small=bool((faded[1] - own).abs().max() < 1e-4),
)
whole = World(size=SIZES[-1], seed=1).batch(0, COUNT)["image"]
with torch.no_grad():
    z = normal(COUNT, growing.config.latent_dim, seed=6)
    for stage, size in enumerate(SIZES):
        some = F.avg_pool2d(whole, SIZES[-1] // size)
        made = growing(z, stage).cpu().clamp(-1, 1)
        say(
            "{size:2} pixels: distance to the world's pictures of that size {distance:6.2f}; "
            "of two halves of these {halves:5.2f}",
            size=size,
            distance=kid(features(some), features(made)),
            halves=kid(features(some[::2]), features(some[1::2])),
        )

# %% [markdown]
# (The distance is Lab 10's kernel distance, by the reader's features: about 0 for two halves of one heap. The pictures are far from that still: the paper's painter learnt for days on eight GPUs, this one for a quarter of an hour. At 8 pixels there is little to read, so the three do not compare with each other, but each with what another training reaches.)
#
# The paper has a remedy for collapse, too, of a charming simplicity (its section 3). Tell the judge, as one more number beside each picture, how much the pictures of its batch *differ*. If a painter always paints the
# same, that number gives it away. A varied batch against one picture repeated:

# %% [markdown] tags=["ja"]
# （距離は、Lab 10 のカーネル距離を、読み取り器の特徴で測ったものです。同じ画像集を 2 つに分ければ、ほぼ 0 です。まだ、そこからは遠いところにいます。論文の生成器は 8 台の GPU で何日も学習しましたが、これは 15 分ほどです。8 画素では読み取れることが少ないので、3 つの数どうしは比べられません。それぞれを、別の学習で得られる数と比べてください。）
#
# この論文には、崩壊への、あざやかなほど単純な対策もあります（3 節）。バッチの中の画像どうしがどれだけ*違う*かを、数をひとつ添えて、識別器に教えるのです。いつも同じものを描いていれば、その数でわかってしまいます。さまざまな画像のバッチと、1 枚を繰り返したバッチで比べます。

# %%
varied = world.batch(3, 16)["image"]
for name, images in {
    tr("sixteen pictures"): varied,
    tr("one picture sixteen times"): varied[:1].expand(16, -1, -1, -1),
}.items():
    say(
        "{name}: the judge is also told {deviation:.3f}",
        name=name,
        deviation=minibatch_deviation(images)[0, -1, 0, 0].item(),
    )

# %% [markdown]
# # 6. A style at every size
#
# **Why does all the noise have to go in at the front door?** In the **style-based generator** ([Karras et al. 2019](https://arxiv.org/abs/1812.04948), a preprint of 2018) the
# picture begins as a *constant*. The noise $z$ first becomes a style $w$, by a small network of its own, and at every layer $w$ says how strong each feature map is to
# be: scale and bias, after whatever the map had of its own has been taken out.
#
# $$ \text{AdaIN}(x_i, y) = y_{s,i} \, \frac{x_i - \mu(x_i)}{\sigma(x_i)} + y_{b,i} \qquad \text{(eq. 1)} $$
#
# It comes from work on style transfer ([Huang & Belongie 2017](https://arxiv.org/abs/1703.06868)). The diffusion models that you know do nearly the same when they
# tell a residual block the time by scale and shift.
#
# ### Exercise 5: <!-- exercise adain -->

# %% [markdown] tags=["ja"]
# # 6. 大きさごとのスタイル
#
# **ノイズは、どうして全部を入口から入れなければならないのでしょうか。** **スタイルに基づく生成器**（style-based generator、[Karras et al. 2019](https://arxiv.org/abs/1812.04948)、プレプリントは 2018 年）では、画像は*定数*から始まります。ノイズ $z$ は、まず専用の小さなネットワークでスタイル $w$ になります。そして、どの層でも、$w$ が特徴マップのそれぞれの強さを決めます。マップがもともと持っていたものを取り除いてから、倍率とバイアスを入れるのです。
#
# $$ \text{AdaIN}(x_i, y) = y_{s,i} \, \frac{x_i - \mu(x_i)}{\sigma(x_i)} + y_{b,i} \qquad \text{(eq. 1)} $$
#
# もとは、画風変換の研究です（[Huang & Belongie 2017](https://arxiv.org/abs/1703.06868)）。これまでに見た拡散モデルも、倍率とずれで残差ブロックに時刻を教えるとき、ほとんど同じことをしています。
#
# ### 演習 5：<!-- exercise adain -->


# %%
@exercise("adain")
def adain(content, style_scale, style_bias):
    """Adaptive instance normalisation (Huang & Belongie 2017, eq. 8; Karras et al. 2019, eq. 1).

    content: (B, C, H, W); style_scale, style_bias: (B, C). Returns (B, C, H, W): each map of each picture
    is brought to mean 0 and variance 1 (eps 1e-5 under the root, the biased variance), then multiplied by
    its scale and shifted by its bias.
    """
    raise NotImplementedError


# %%
check(adain)

# %% [markdown]
# The zoo's `gan-style`, run by hand through your `adain`, layer by layer, so that each layer can be given a style of its own:

# %% [markdown] tags=["ja"]
# zoo の `gan-style` を、あなたの `adain` を使って 1 層ずつ動かします。こうすれば、層ごとに違うスタイルを渡せます。

# %% tags=["nbval-ignore-output"]
stylist = machine.place(read_painter(zoo.folder("gan-style"), StyleGenerator))
LAYERS = stylist.config.layers


@torch.no_grad()
def styled(styles, seed=0):
    """Pictures of styles (B, LAYERS, latent_dim), by the zoo's weights and your adain."""
    chance = torch.Generator().manual_seed(seed)
    h = stylist.start.expand(len(styles), -1, -1, -1)  # (B, C, 4, 4), the constant
    for i, layer in enumerate(stylist.layers):
        if layer.up:
            h = F.interpolate(h, scale_factor=2, mode="nearest")  # (B, C, 2H, 2W)
        noise = torch.randn(len(h), 1, *h.shape[2:], generator=chance).to(device)
        h = F.leaky_relu(layer.conv(h) + layer.noise_scale[:, None, None] * noise, 0.2)
        scale, bias = layer.style(styles[:, i]).chunk(2, dim=1)  # (B, C) each
        h = adain(h, 1 + scale, bias)
    return stylist.to_rgb[-1](h).clamp(-1, 1).cpu()


def alike(w):
    """One style for all layers: (B, latent_dim) -> (B, LAYERS, latent_dim)."""
    return w[:, None].expand(-1, LAYERS, -1)


with torch.no_grad():
    w = stylist.styles(normal(11, stylist.config.latent_dim, seed=8))
    whole_network = stylist(w, torch.Generator().manual_seed(0)).clamp(-1, 1).cpu()
say(
    "Layer by layer with your adain, and by the network itself, agree: {small}.",
    small=bool((styled(alike(w)) - whole_network).abs().max() < 1e-3),
)
rows_of, columns_of = w[:4], w[4:11]
HALF = LAYERS // 2
mixed = torch.cat(
    [alike(rows_of).repeat_interleave(7, 0)[:, :HALF], alike(columns_of).repeat(4, 1, 1)[:, HALF:]], 1
)
table = styled(mixed).unflatten(0, (4, 7))
left, above = styled(alike(rows_of))[:, None], styled(alike(columns_of))
plots.images(
    torch.cat([torch.ones(1, *above.shape[1:]), above, torch.cat([left, table], 1).flatten(0, 1)]),
    "Mixed styles: the first {half} layers have the style of the picture on the left, the others "
    "that of the picture "
    "above.",
    columns=8,
    inches=0.9,
    half=HALF,
)

# %% [markdown]
# **What comes from the left, and what from above?** Nobody told the network what a place or a colour is. Change `HALF` and see
# at which layer the colour changes sides. (In training half of the batches were mixed in this way, or the layers would rely on each other; section 3.1 of the paper.)
#
# One more lever came with it. Styles near the **mean style** are the best practised, so pull each one towards it, $w' = \bar w + \psi (w - \bar w)$ (the truncation trick, in the paper's appendix):

# %% [markdown] tags=["ja"]
# **左から来るものは何で、上から来るものは何でしょうか。** 場所や色が何であるかを、ネットワークに教えた人はいません。`HALF` を変えて、どの層で色の出どころが変わるかを見てください。（学習では、バッチの半分をこのように混ぜました。そうしないと、層が互いに頼ってしまうからです。論文の 3.1 節です。）
#
# もうひとつ、調節できるものが付いてきました。**平均のスタイル**に近いスタイルほど、よく練習できています。そこで、それぞれを平均に近づけます。$w' = \bar w + \psi (w - \bar w)$（論文の付録にある、切り詰め（truncation trick）です）。

# %% tags=["nbval-ignore-output"]
PSIS = (1.0, 0.7, 0.4, 0.0)
truncated = []
with torch.no_grad():
    w = stylist.styles(normal(COUNT, stylist.config.latent_dim, seed=9))
for psi in PSIS:
    made = torch.cat([styled(alike(stylist.truncate(part, psi))) for part in w.split(128)])
    truncated.append(made[:8])
    precision, recall = precision_recall(features(whole), features(made))
    say(
        "psi {psi:.1f}: could be real {precision:4.0%}, of the real could be painted {recall:4.0%}, "
        "coverage {covered:4.0%}",
        psi=psi,
        precision=precision,
        recall=recall,
        covered=pairs_covered(made),
    )
plots.images(
    torch.cat(truncated),
    "Eight pictures with psi {psis}, from top to bottom: nearer and nearer to the mean style.",
    columns=8,
    inches=0.9,
    psis=", ".join(map(str, PSIS)),
)

# %% [markdown]
# In the paper this trades variety for quality, like the guidance scale of Lab 08, and at 0 it is a collapse that one has asked for. Ours can show you only the half of it: even at 1 the reader takes next to none of its pictures for
# real ones, so there is no quality to be gained (`gan-style` is half an hour old; the paper's took a week on eight GPUs). **Which of the figures notices the collapse? And which would you print in an advertisement, if your painter were as good as the paper's?**

# %% [markdown] tags=["ja"]
# 論文では、Lab 08 のガイダンス（guidance）の強さと同じく、多様性を手放して、質を得ます。0 では、みずから望んで崩壊させたことになります。ここで見えるのは、その半分だけです。1 のままでも、読み取り器はほとんどどの画像も本物と認めないので、手に入る質がありません（`gan-style` の学習は 30 分、論文のものは 8 台の GPU で 1 週間です）。**崩壊に気づくのは、どの指標でしょうか。あなたの生成器が論文のものほど上手だったら、広告に載せたくなるのはどれでしょうか。**

# %% [markdown]
# # 7. Day into night, without a pair
#
# **How do you learn to translate without a dictionary?** Here are a heap of pictures by day and a heap of pictures by night, and no two of them belong together.
# A judge of nights can teach a painter $G$ to make nights out of days. But any night would please it: a day with a red cat might become a night with a blue boat.
# What says that it has to stay a red cat? **CycleGAN** ([Zhu et al. 2017](https://arxiv.org/abs/1703.10593)) trains a second painter $F$ for the way back, and asks that one gets home:
#
# $$ \mathcal L_{\text{cyc}}(G, F) = \mathbb E_x \big[ \lVert F(G(x)) - x \rVert_1 \big] + \mathbb E_y \big[ \lVert G(F(y)) - y \rVert_1 \big] \qquad \text{(eq. 2)} $$
#
# Who forgets the cat on the way out cannot paint it on the way home. (We take the mean over the pixels in place of their sum, so that it does not depend on the size.)
#
# ### Exercise 6: <!-- exercise cycle_loss -->

# %% [markdown] tags=["ja"]
# # 7. 組なしで、昼を夜に
#
# **辞書なしで翻訳を学ぶには、どうすればよいでしょうか。** ここに、昼の画像の山と、夜の画像の山があります。対応する画像は、ひと組もありません。夜を見分ける識別器がいれば、生成器 $G$ に、昼から夜を作ることを教えられます。けれども、夜でさえあれば識別器は満足します。赤い猫のいる昼が、青い船のある夜になってもよいのです。赤い猫のままでなければならないと言うのは、だれでしょうか。**CycleGAN**（[Zhu et al. 2017](https://arxiv.org/abs/1703.10593)）は、帰り道のために 2 人目の生成器 $F$ を学習させ、家に帰り着くことを求めます。
#
# $$ \mathcal L_{\text{cyc}}(G, F) = \mathbb E_x \big[ \lVert F(G(x)) - x \rVert_1 \big] + \mathbb E_y \big[ \lVert G(F(y)) - y \rVert_1 \big] \qquad \text{(eq. 2)} $$
#
# 行きに猫を忘れてしまえば、帰りに描くことはできません。（画素についての和のかわりに、平均をとります。画像の大きさによらないようにするためです。）
#
# ### 演習 6：<!-- exercise cycle_loss -->


# %%
@exercise("cycle_loss")
def cycle_loss(x, y, g, f):
    """How far from home one is after going there and back again (Zhu et al. 2017, eq. 2, with means).

    x: (B, 3, H, W), pictures of one domain; y: (B', 3, H, W), of the other, no partners of x; g: a
    function from x's domain to y's; f: from y's to x's.
    Returns a 0-d tensor with a gradient: the mean of |f(g(x)) - x| plus the mean of |g(f(y)) - y|.
    """
    raise NotImplementedError


# %%
check(cycle_loss)

# %% [markdown]
# The zoo's `gan-cycle` was trained with it. What is measured, on pictures that it has never seen: how often the reader says "night" of a day that was brought over; how often all
# else is read as it was asked of the original; and your loss, beside that of two painters who change nothing, and that of the zoo's two with each picture compared to another one's original.

# %% [markdown] tags=["ja"]
# zoo の `gan-cycle` は、この損失で学習しました。一度も見たことのない画像で測ります。夜に変えた昼の画像を、読み取り器が「夜」と答える割合。ほかのすべてが、もとの画像のとおりに読まれる割合。そして、あなたの損失です。何も変えない 2 人の損失と、zoo の 2 人で、戻った画像を別の画像の原画と比べた場合の損失も並べます。

# %% tags=["nbval-ignore-output"]
folder = zoo.folder("gan-cycle")
to_night, to_day = (
    machine.place(read_painter(folder / way, CycleGenerator)) for way in ("to_night", "to_day")
)
heaps = gan_cycle.Recipe(machine)
day, day_scenes = heaps.heap("day", 0, COUNT, "measured")
night, night_scenes = heaps.heap("night", 0, COUNT, "measured")
with torch.no_grad():
    there, back = to_night(day), to_day(to_night(day))
    there_too, back_too = to_day(night), to_night(to_day(night))
plots.images(
    torch.cat([part[:8].cpu() for part in (day, there, back, night, there_too, back_too)]),
    "Pictures by day, brought to night, and home again; below, pictures by night, brought to day, "
    "and home.",
    columns=8,
    inches=1,
)
for name, before, after, which, goal in (
    (tr("day to night"), day, there, day_scenes, "night"),
    (tr("night to day"), night, there_too, night_scenes, "day"),
):
    kept = [Scene(**{**scene.asked(), "background": None}) for scene in which]
    say(
        "{name}: brought over {over:.0%}; all else kept {kept:.0%} (read so in the originals: "
        "{read:.0%})",
        name=name,
        over=faithfulness(after.cpu(), [Scene(background=goal)] * COUNT).all,
        kept=faithfulness(after.cpu(), kept).all,
        read=faithfulness(before.cpu(), kept).all,
    )
with torch.no_grad():
    for name, x, y, g, f in (
        (tr("the zoo's two painters"), day, night, to_night, to_day),
        (tr("two that change nothing"), day, night, nn.Identity(), nn.Identity()),
        (
            tr("each compared with another's original"),
            day,
            night,
            to_night,
            lambda x: to_day(x).roll(1, 0),
        ),
    ):
        say("{name}: cycle loss {loss:.3f}", name=name, loss=cycle_loss(x, y, g, f).item())

# %% [markdown]
# **Two that change nothing have a perfect loss.** So why did training not end there? And look closely at the pictures on the way: what
# has to be added to a day to make a night, and what taken away? Something that a network has no room to keep in sight can be hidden: in faint patterns that you
# do not see and the second painter reads ([Chu et al. 2017](https://arxiv.org/abs/1712.02950)). A small cycle loss proves that the information is there, not that it is *shown*. That is why the
# attributes are read as well.

# %% [markdown] tags=["ja"]
# **何も変えない 2 人の損失は、完璧です。** では、なぜ学習はそこで終わらなかったのでしょうか。途中の画像もよく見てください。昼を夜にするには、何を足し、何を取り除かなければなりませんか。見えるところに残しておけないものは、隠すことができます。あなたには見えず、2 人目の生成器には読める、かすかな模様の中に（[Chu et al. 2017](https://arxiv.org/abs/1712.02950)）。サイクル損失が小さいことは、情報がそこにあることを証明しますが、*見えている*ことは証明しません。ですから、属性も読み取ります。

# %% [markdown]
# # 8. Ten years on one page
#
# **What became of all this?** Six years after Goodfellow's paper diffusion drew as well as GANs, and a year later better, on data with a thousand kinds of pictures, without collapse, and with a loss that says
# how far one is ([Dhariwal & Nichol 2021](https://arxiv.org/abs/2105.05233)). But the judge has not gone. It sits in the autoencoder of Stable Diffusion, whose loss has an adversarial term
# ([Rombach et al. 2022](https://arxiv.org/abs/2112.10752)), and it teaches diffusion models to draw in one to four steps ([Sauer et al. 2023](https://arxiv.org/abs/2311.17042)): one pass, as in 2014.

# %% [markdown] tags=["ja"]
# # 8. 10 年間を 1 枚に
#
# **これらはみな、どうなったのでしょうか。** Goodfellow の論文から 6 年後、拡散モデルは GAN と同じくらい上手に描くようになり、その翌年には追い越しました。千種類の画像のデータで、崩壊もなく、どこまで進んだかがわかる損失を持って（[Dhariwal & Nichol 2021](https://arxiv.org/abs/2105.05233)）。けれども、識別器はいなくなったわけではありません。Stable Diffusion のオートエンコーダ（autoencoder）の損失には敵対的（adversarial）な項があり（[Rombach et al. 2022](https://arxiv.org/abs/2112.10752)）、拡散モデルに 1 ステップから 4 ステップで描くことを教えるのも識別器です（[Sauer et al. 2023](https://arxiv.org/abs/2311.17042)）。2014 年と同じ、1 回の計算です。

# %%
timeline(here="13")

# %% [markdown]
# # Break it
#
# Somebody puts your painter behind a web page. One line is missing in their copy. There is no error and no warning, and in their test, the prompts in the order in which they came, all was well. Then a teacher asks for a whole class
# set: all prompts, sorted. Model, prompts and noise are the same in every line below; only the order differs, and how many are drawn together.
#
# **Before you look at the code of `faulty`**: run it, and compare its lines with those of its sound twin. What does a picture depend on
# that it should not depend on? Why did the test not show it? Mend it in one line. And: which of the networks of this lab look at the neighbours in the batch *on purpose*, and why is it no harm there?

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# だれかが、あなたの生成器をウェブページで動かしました。その写しには、1 行足りません。エラーも警告も出ません。プロンプトが届いた順のまま試したときには、何の問題もありませんでした。ところが、ある先生がクラス全員分を頼みます。すべてのプロンプトを、並べ替えて。下のどの行でも、モデルもプロンプトもノイズも同じです。違うのは順番と、いっしょに描く枚数だけです。
#
# **`faulty` のコードを見る前に**、実行して、正常なものと行ごとに比べてください。画像は、何に左右されていますか。左右されてはいけないものです。試したときにわからなかったのは、なぜでしょうか。1 行で直してください。そして、このラボのネットワークのうち、バッチの隣の画像を*わざと*見ているのはどれで、そこではなぜ害がないのでしょうか。

# %% tags=["nbval-ignore-output"]
sound = copy.deepcopy(painter).eval()
faulty = copy.deepcopy(painter).train()
everything, wanted = labels_of(scenes).to(device), normal(COUNT, 32, seed=11)
came = torch.arange(COUNT)
by_label = torch.tensor(sorted(range(COUNT), key=lambda i: everything[i].flip(0).tolist()))
ORDERS = {
    tr("as they came, 32 together"): (came, 32),
    tr("sorted, 32 together"): (by_label, 32),
    tr("as they came, one at a time"): (came, 1),
}


def served(net, order, together):
    """All prompts, drawn in this order, so many together, put back into the order in which they came."""
    made = torch.empty(COUNT, 3, 32, 32)
    with torch.no_grad():
        for part in order.split(together):
            made[part] = net(wanted[part], everything[part]).cpu()
    return made


shown = []
for name, (order, together) in ORDERS.items():
    for who, net in {tr("sound"): sound, tr("faulty"): faulty}.items():
        made = served(net, order, together)
        shown.append(made[by_label[:8]])
        result = faithfulness(made, scenes)
        say(
            "{name:30} {who:8} right in everything {all:4.0%}, background {background:4.0%}, colour "
            "{color:4.0%}",
            name=name,
            who=who,
            all=result.all,
            background=result.attributes["background"],
            color=result.attributes["color"],
        )
plots.images(
    torch.cat(shown),
    "The same eight pictures, two rows for each order, sound above faulty: {orders}.",
    columns=8,
    inches=0.9,
    orders="; ".join(ORDERS),
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Goodfellow et al., [Generative Adversarial Nets](https://arxiv.org/abs/1406.2661) (2014): sections 3 and 4.
# - Miyato et al., [Spectral Normalization for Generative Adversarial Networks](https://arxiv.org/abs/1802.05957) (2018): section 2.
# - Karras et al., [A Style-Based Generator Architecture](https://arxiv.org/abs/1812.04948) (2019): figure 1, and section 3 on mixing.
# - Zhu et al., [Unpaired Image-to-Image Translation](https://arxiv.org/abs/1703.10593) (2017): section 3; and the failures at its end.
# - Dhariwal & Nichol, [Diffusion Models Beat GANs on Image Synthesis](https://arxiv.org/abs/2105.05233) (2021): the handover.
#
# Next: Lab 14 puts all families on the same prompts.
#
# All five again, at full length: `t2ilab train gan-conditional`, and `gan-attention`, `gan-progressive`, `gan-style`, `gan-cycle`.
#
# ## Further: one pass, ten years later
#
# The next cell downloads SD-Turbo (`stabilityai/sd-turbo`, about 2.6 GB in half precision, under a licence of Stability AI that is named before anything is loaded), a Stable Diffusion that a judge has taught to draw in a single step, and has it
# draw the lecture's prompts in one. To run it, write `DOWNLOAD = True`. On a CPU it takes a minute or two and some 6 GB of memory.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Goodfellow et al., [Generative Adversarial Nets](https://arxiv.org/abs/1406.2661) (2014)：3 節と 4 節。
# - Miyato et al., [Spectral Normalization for Generative Adversarial Networks](https://arxiv.org/abs/1802.05957) (2018)：2 節。
# - Karras et al., [A Style-Based Generator Architecture](https://arxiv.org/abs/1812.04948) (2019)：図 1 と、スタイルを混ぜることについての 3 節。
# - Zhu et al., [Unpaired Image-to-Image Translation](https://arxiv.org/abs/1703.10593) (2017)：3 節。終わりのほうにある失敗例も。
# - Dhariwal & Nichol, [Diffusion Models Beat GANs on Image Synthesis](https://arxiv.org/abs/2105.05233) (2021)：主役の交代。
#
# 次の Lab 14 では、すべての種類のモデルを同じプロンプトで比べます。
#
# 5 つとも、最後まで学習するには：`t2ilab train gan-conditional`。ほかは `gan-attention`、`gan-progressive`、`gan-style`、`gan-cycle` です。
#
# ## 発展：10 年後の、1 回の計算
#
# 次のセルは、SD-Turbo（`stabilityai/sd-turbo`、半精度で約 2.6 GB、Stability AI のライセンスで、名前は読み込む前に表示されます）をダウンロードします。識別器に教わって、1 ステップで描けるようになった Stable Diffusion です。講義のプロンプトを 1 ステップで描かせます。実行するには `DOWNLOAD = True` と書いてください。CPU では 1、2 分かかり、メモリを 6 GB ほど使います。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "stabilityai/sd-turbo"

if DOWNLOAD:
    from t2ilab.pipelines.text_to_image import TextToImage

    turbo = TextToImage.from_pretrained(PUBLISHED, variant="fp16")
    lecture = ["an astronaut riding a horse", "a hot air balloon", "a chef in the kitchen"]
    drawn = turbo(lecture, seed=0, num_inference_steps=1, guidance_scale=1.0, output_type="pt")
    plots.images(
        drawn.cpu() * 2 - 1,
        "Three of the lecture's prompts in a single step, by a model that a judge has taught.",
        titles=lecture,
        columns=3,
        inches=2.5,
    )
