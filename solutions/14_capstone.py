# %% [markdown]
# # Lab 14: All of them, on the same prompts
#
# <!-- badges -->
#
# **You will build** the judge of this course. In the labs before, each family of models was at its best by its own figures. Here all of
# them meet: latent and pixel diffusion, unCLIP, the cascade, and the GANs that came before, on the same prompts, and those that take none
# on the same distribution. The three figures by which the field compares models you write yourself, find out what each of them
# does not see, and fill a table with them. Then you enter an idea of your own.
#
# | | |
# |---|---|
# | Time | about 80 minutes, up to five of which your machine computes alone |
# | You need | Python and PyTorch; of the other labs, whichever you have done |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | three, 9 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 14：すべてのモデルを、同じプロンプトで
#
# <!-- badges -->
#
# **このラボで作るもの**：このコースの審判です。これまでのラボでは、どの種類のモデルも、自分に合った指標で測ってきました。ここでは全員が集まります。潜在拡散と画素の拡散、unCLIP、カスケード、そしてその前の時代の GAN です。同じプロンプト（prompt）で、プロンプトを受け取らないものは同じ分布で比べます。この分野がモデルを比べるときに使う 3 つの指標を自分で書き、それぞれに何が見えないかを確かめ、表を埋めます。そして最後に、自分のアイデアで参加します。
#
# | | |
# |---|---|
# | 時間 | 約 80 分（そのうち、コンピュータの計算を待つのは最大 5 分） |
# | 必要なもの | Python と PyTorch。ほかのラボは、どれを済ませていてもかまいません |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | 3 問、9 点。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import dataclasses
import tempfile
import warnings
from pathlib import Path

import torch
from tqdm.auto import tqdm

from t2ilab import zoo
from t2ilab.comparison.entrant import Entrant
from t2ilab.comparison.families import USUAL, NotThereYet, find, opened
from t2ilab.comparison.families.world import the_world
from t2ilab.comparison.judge import Judge
from t2ilab.comparison.leaderboard import enter
from t2ilab.comparison.measuring import drawn, judged
from t2ilab.comparison.report import table as written
from t2ilab.comparison.run import Comparison
from t2ilab.comparison.task import Task
from t2ilab.data.layout import place_of
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.distances import kid, precision_recall
from t2ilab.lab import budget, check, exercise, hint, plots, say
from t2ilab.lab.comparing import at_a_glance, gallery
from t2ilab.lab.translate import tr
from t2ilab.metrics import features, read
from t2ilab.metrics.heaps import pairs
from t2ilab.pipelines.image_text import ImageText

machine = DeviceManager()
device = machine.device
STEPS = budget(lesson=20, ci=1)  # of every diffusion; half of them where a cascade enlarges
task = Task(count=budget(lesson=264, ci=8))  # on a slow machine lower this one: 128, or 64
judge = Judge.of()

# %% [markdown]
# # 1. Who takes part
#
# **What do these models have in common?** Only this: give one of them a prompt, or a few labels, or nothing, and it gives you a picture. So
# that is all that a judge may know of them. Each is wrapped as an *entrant* with one function, `draw(prompts, scenes, seed)`. The first
# entrant is the world itself, which draws every scene as the course does. It is no model. It shows what the figures
# are for somebody who makes no mistake.

# %% [markdown] tags=["ja"]
# # 1. 参加するモデル
#
# **これらのモデルに共通するものは何でしょうか。** ひとつだけです。プロンプトか、いくつかのラベルか、あるいは何も渡さずに頼むと、画像が出てきます。審判が知ってよいのは、それだけです。そこで、どのモデルも、`draw(prompts, scenes, seed)` という関数をひとつ持つ*参加者*として包みます。最初の参加者は、どのシーンもコースと同じように描く、世界そのものです。モデルではありません。間違いをひとつもしない人なら数がいくつになるかを、教えてくれます。

# %% tags=["nbval-ignore-output"]
HEARS = {"words": tr("words"), "labels": tr("labels"), "nothing": tr("nothing")}
entrants = {tr("the world itself"): the_world()}
for name in USUAL[task.level]:
    try:
        entrants[name] = opened(name, *find(name), None, STEPS)
    except NotThereYet as sentence:
        print(sentence)
for name, one in entrants.items():
    say(
        "{name:18} hears {hears:8} draws {size} pixels a side, holds {parameters:>9,} numbers",
        name=name,
        hears=HEARS[one.hears],
        size=one.size,
        parameters=one.parameters,
    )

# %% tags=["nbval-ignore-output"]
prompts, scenes = task.asked
images, seconds = {}, {}
for name, one in tqdm(entrants.items()):
    images[name], seconds[name] = drawn(one, prompts, scenes)

SHOWN = 6
gallery(
    images,
    prompts[:SHOWN],
    "Pictures of the same six prompts, a row for each entrant. Those that hear nothing answer no prompt.",
)

# %% [markdown]
# Before any figure: **which row would you choose, and why?** Write down your first three. At the end of the lab, see which figure agrees
# with you, and whether any does.
#
# # 2. Is it what was asked?
#
# **When is a picture right?** When *everything* that was asked for is in it. A red cat is no half-right blue cat: whoever ordered a blue one will not take it.
# So a picture counts or it does not. Somebody has to look at hundreds of them. That is the *reader*, a network that was trained on
# drawings of this world and has never seen a picture by any generator.
#
# ### Exercise 1: <!-- exercise faithfulness -->

# %% [markdown] tags=["ja"]
# どの指標を見るよりも前に、**あなたならどの行を選びますか。理由も考えてください。** 上位 3 つを書き留めておきましょう。ラボの最後に、どの指標があなたと同じ意見か、そもそも同じ意見の指標があるかを確かめます。
#
# # 2. 頼んだとおりか
#
# **画像が正しいとは、どういうことでしょうか。** 頼んだものが*すべて*そこにあることです。赤い猫は、半分正しい青い猫ではありません。青い猫を注文した人は、受け取ってくれないでしょう。ですから、1 枚の画像は、正解か不正解かのどちらかです。何百枚もの画像を、だれかが見なければなりません。それが*読み取り器*（reader）です。この世界の絵だけで学習した、生成モデルの画像を一度も見たことのないネットワークです。
#
# ### 演習 1：<!-- exercise faithfulness -->


# %%
@exercise("faithfulness")
def faithfulness(asked, read):
    """The share of pictures in which every attribute that was asked for was read.

    asked: a list of dicts, one a picture, such as {"thing": "cat", "color": "red"}; what is not named
    may be anything. read: a list of as many dicts, what a reader saw: perhaps more attributes, perhaps
    not all, {} where it saw nothing. Returns one number in [0, 1].
    """
    raise NotImplementedError


# %%
check(faithfulness)


# %% tags=["nbval-ignore-output"]
def as_dict(seen):
    """What was read in one picture: its clearest thing, and how many there are; {} for nothing."""
    if seen is None:
        return {}
    first = seen.things[0]
    return {
        "thing": first.thing,
        "color": first.color,
        "size": first.size,
        "place": place_of(first.thing, first.size, first.x, first.y),
        "background": seen.background,
        "number": len(seen.things),
    }


asked = [scene.asked() | {"number": 1} for scene in scenes]
reads = {name: [as_dict(seen) for seen in read(pictures)] for name, pictures in images.items()}
mine = {name: {} for name in entrants}
for name, one in entrants.items():
    mine[name]["faithfulness"] = None if one.hears == "nothing" else faithfulness(asked, reads[name])
    if mine[name]["faithfulness"] is None:
        say("{name:18} hears nothing, so there is nothing to be faithful to", name=name)
    else:
        say(
            "{name:18} {share:6.1%} of its pictures as asked", name=name, share=mine[name]["faithfulness"]
        )

# %% [markdown]
# By how much can such a share be wrong? With $n$ pictures, of which a share $p$ is right, chance alone moves it by about
# $2 \sqrt{p (1 - p) / n}$ to both sides. **Work it out for two models of your list**: may you say which of them is better? (For a difference both uncertainties count: take the root of the sum of their squares. And where $p$ is 1 the rule says 0, which is too sure of itself.)
#
# **Change one thing:** which attribute does a model get wrong most? `asked` and `reads` hold all that you need.

# %% [markdown] tags=["ja"]
# この割合は、どれくらいずれうるでしょうか。$n$ 枚のうち割合 $p$ が正しいとき、偶然だけで、上下に $2 \sqrt{p (1 - p) / n}$ ほど動きます。**一覧のモデルを 2 つ選んで計算してください**。どちらがよいと、言ってもよいでしょうか。（差には、両方のずれが効きます。2 乗の和の平方根を取ってください。また、$p$ が 1 のとき、この式は 0 になりますが、それは自信がありすぎます。）
#
# **ひとつ変えてみましょう**：モデルがいちばん間違えるのは、どの属性ですか。必要なものは、すべて `asked` と `reads` にあります。

# %% [markdown]
# # 3. How much of the world does it draw?
#
# **Is a painter good who paints one thing very well?** Lab 13 showed a GAN that had settled on a few pictures: *mode collapse*. Nothing that looks at one picture
# at a time can see it. So count what occurs: training may show 56 pairs of shape and colour. How many of them turn up among a model's pictures?
#
# ### Exercise 2: <!-- exercise mode_coverage -->

# %% [markdown] tags=["ja"]
# # 3. 世界のどれだけを描くか
#
# **ひとつのものだけをとても上手に描く画家は、よい画家でしょうか。** Lab 13 では、わずかな絵に落ち着いてしまった GAN を見ました。*モード崩壊*（mode collapse）です。1 枚ずつ見ているかぎり、何をしても気づけません。そこで、現れたものを数えます。学習で見せてよい形と色の組は 56 通りです。モデルの画像の中に、そのうちいくつが現れるでしょうか。
#
# ### 演習 2：<!-- exercise mode_coverage -->


# %%
@exercise("mode_coverage")
def mode_coverage(labels, num_modes):
    """The share of the modes that occur at least once among the pictures.

    labels: int64 (N,), the mode that each picture was read as, 0 to num_modes - 1; num_modes: how many
    modes the world has. Returns one number in [0, 1]: 1 where none is left out, 1 / num_modes where only
    one is drawn.
    """
    raise NotImplementedError


# %%
check(mode_coverage)

# %% tags=["nbval-ignore-output"]
known = pairs(task.level)
for name in entrants:
    numbers = [known.get((seen.get("thing"), seen.get("color")), -1) for seen in reads[name]]
    labels = torch.tensor([number for number in numbers if number >= 0], dtype=torch.int64)
    mine[name]["coverage"] = float(mode_coverage(labels, len(known)))
    say(
        "{name:18} {share:6.1%} of {count} pairs occur",
        name=name,
        share=mine[name]["coverage"],
        count=len(known),
    )

# %% [markdown]
# A model that answers prompts has it easy here: the prompts name nearly all pairs, and it only has to obey. For one that hears nothing, every pair that is missing is
# one that it does not think of. Why is the world's own share perhaps not 100%?
#
# # 4. How near is the whole heap?
#
# **Can two heaps of pictures be compared without looking at any prompt?** The field's answer since 2017 is the **Fréchet distance**. A network turns every picture into
# a vector of features. Of each heap take the mean $\mu$ and the covariance $\Sigma$, as if the features were Gaussian:
#
# $$ d^2 = |\mu_1 - \mu_2|^2 + \operatorname{tr}\left(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\right) \qquad \text{(Heusel et al. 2017, eq. 6)} $$
#
# With the features of Inception it is called **FID**. Ours are the reader's, 256 numbers a picture, and a figure of one network says
# nothing beside a figure of another.
#
# ### Exercise 3: <!-- exercise frechet_distance -->

# %% [markdown] tags=["ja"]
# プロンプトに答えるモデルにとって、これは簡単です。プロンプトがほとんどの組を挙げるので、言うとおりにすればよいのです。何も聞かないモデルでは、欠けている組は、思いつかなかった組です。世界そのものの割合が 100% にならないことがあるのは、なぜでしょうか。
#
# # 4. 全体としてどれくらい近いか
#
# **プロンプトをまったく見ずに、2 つの画像の山を比べられるでしょうか。** 2017 年からのこの分野の答えが、**フレシェ距離**（Fréchet distance）です。ネットワークが、どの画像も特徴のベクトルにします。それぞれの山について、特徴がガウス分布であるかのように、平均 $\mu$ と共分散 $\Sigma$ をとります。
#
# $$ d^2 = |\mu_1 - \mu_2|^2 + \operatorname{tr}\left(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\right) \qquad \text{(Heusel et al. 2017, eq. 6)} $$
#
# Inception の特徴を使ったものが **FID** です。ここで使うのは読み取り器の特徴で、1 枚につき 256 個の数です。違うネットワークの数どうしを並べても、意味はありません。
#
# ### 演習 3：<!-- exercise frechet_distance -->


# %%
@exercise("frechet_distance")
def frechet_distance(mu1, cov1, mu2, cov2):
    """The squared Fréchet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017, eq. 6).

    mu1, mu2: (D,), the means; cov1, cov2: (D, D), the covariances, perhaps singular. Returns one number:
    |mu1 - mu2|^2 + trace(cov1 + cov2 - 2 (cov1 cov2)^(1/2)), with the root of a matrix, not of entries.
    """
    raise NotImplementedError


# %%
check(frechet_distance)


# %% tags=["nbval-ignore-output"]
def fid(real, fake):
    """Your distance of two heaps of features (N, D) and (M, D), in float64."""
    real, fake = real.double().cpu(), fake.double().cpu()
    return float(frechet_distance(real.mean(0), torch.cov(real.T), fake.mean(0), torch.cov(fake.T)))


seen_of = {name: features(pictures) for name, pictures in images.items()}
real_of = {size: features(task.real(size)) for size in {one.size for one in entrants.values()}}
for name, one in entrants.items():
    real = real_of[one.size]
    mine[name]["FID"] = fid(real, seen_of[name])
    mine[name]["KID"] = kid(real, seen_of[name])
    mine[name]["precision"], mine[name]["recall"] = precision_recall(real, seen_of[name])
    say(
        "{name:18} FID {fid:7.2f}  KID {kid:7.3f}  precision {precision:4.0%}  recall {recall:4.0%}",
        name=name,
        fid=mine[name]["FID"],
        kid=mine[name]["KID"],
        precision=mine[name]["precision"],
        recall=mine[name]["recall"],
    )

# %% [markdown]
# Three more figures came along. **KID** ([Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401)) compares the same features pair by pair. **Precision** and **recall**
# ([Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)) take one distance apart: precision is the share of its pictures that could be real ones, recall is the share of real ones that
# it could have drawn. A single good picture, drawn again and again, has a precision of 100% and next to no recall.
#
# ## What FID does with few pictures
#
# Look at the first line again. The world drew these pictures itself, and yet its distance to the world is not 0. **Why?** Let the world draw two heaps
# anew, and compare ever larger ones. Whatever distance there is comes from their number alone.

# %% [markdown] tags=["ja"]
# 数が 3 つ増えました。**KID**（[Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401)）は、同じ特徴を 1 組ずつ比べます。**適合率**（precision）と**再現率**（recall）（[Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)）は、ひとつの距離を 2 つに分けたものです。適合率は、そのモデルの画像のうち本物でもおかしくないものの割合、再現率は、本物のうちそのモデルに描けそうなものの割合です。よい画像を 1 枚だけ、何度も描けば、適合率は 100%、再現率はほとんど 0 になります。
#
# ## 枚数が少ないと、FID はどうなるか
#
# 最初の行をもう一度見てください。世界そのものが描いたのに、世界までの距離が 0 になりません。**なぜでしょうか。** 世界に新しく 2 つの山を描かせて、だんだん大きくしながら比べてみましょう。そこに現れる距離は、枚数だけのせいです。

# %% tags=["nbval-ignore-output"]
MOST = budget(lesson=2048, ci=128)
NUMBERS = [n for n in (32, 64, 128, 256, 512, 1024, 2048) if n <= MOST]
heaps = [features(World(seed=seed).batch(0, NUMBERS[-1])["image"]) for seed in (101, 102)]
apart = [fid(heaps[0][:n], heaps[1][:n]) for n in NUMBERS]
kernel = [kid(heaps[0][:n], heaps[1][:n]) for n in NUMBERS]
plots.lines(
    {"FID": (NUMBERS, apart), "KID": (NUMBERS, kernel)},
    "FID and KID between two heaps of the world's own pictures, which differ in nothing, against the "
    "number of pictures in each. At {numbers} pictures: FID {fid}, KID {kid}.",
    xlabel="pictures in each heap",
    ylabel="distance",
    log="x",
    markers=True,
    numbers=", ".join(map(str, NUMBERS)),
    fid=", ".join(f"{value:.1f}" for value in apart),
    kid=", ".join(f"{value:.2f}" for value in kernel),
)
say(
    "From {few} pictures to {many}, the FID of the world to itself falls from {first:.1f} to {last:.1f}.",
    few=NUMBERS[0],
    many=NUMBERS[-1],
    first=apart[0],
    last=apart[-1],
)

# %% [markdown]
# Mean and covariance of a few pictures miss the true ones a little, those of each heap in directions of its own. FID adds up squares of these misses, so they do not cancel: it is *biased*, too large, and the more so the fewer
# pictures there are. Look at the right half of the curve: twice the pictures, about half the distance. On the left it is worse. The features have 256 directions, and fewer pictures than that lie in some of them only, each heap in others. KID has no such bias. It scatters instead, around 0, and may come out below. From this follow three rules:
#
# - Compare FIDs of equally many pictures only, and of more than there are features.
# - Name the network and the number beside the figure, always.
# - Ask what the world itself would get. A model whose FID is that of the world's own row can hardly get better by this figure.
#
# **Change one thing:** Inception has 2,048 features. How many pictures would you take there? (The authors of the paper took 50,000, and advise at least 10,000.)

# %% [markdown] tags=["ja"]
# 少ない枚数から求めた平均と共分散は、本当の値から少しずれます。ずれの方向は、山ごとに違います。FID はそのずれの 2 乗を足すので、打ち消し合いません。つまり*偏り*（bias）があります。値は大きめに出て、枚数が少ないほどひどくなります。曲線の右半分を見てください。枚数が 2 倍になると、距離はほぼ半分です。左半分では、もっと悪くなります。特徴の方向は 256 あり、それより少ない画像は、その一部の方向にしか広がりません。山ごとに、別の方向に、です。KID にこの偏りはありません。その代わり 0 のまわりにばらつき、0 を下回ることもあります。ここから、3 つの決まりが出てきます。
#
# - FID どうしを比べるのは、枚数が同じときだけ。そして、枚数は特徴の数より多くする。
# - 数値の横には、いつもネットワークの名前と枚数を書く。
# - 世界そのものならいくつになるかを調べる。世界の行と同じ FID のモデルは、この指標ではもうほとんどよくなりません。
#
# **ひとつ変えてみましょう**：Inception の特徴は 2,048 個です。あなたなら、何枚使いますか。（論文の著者たちは 50,000 枚を使い、少なくとも 10,000 枚を勧めています。）

# %% [markdown]
# # 5. The table
#
# **Does the course's own command say what you say?** `t2ilab compare` measures the same figures by the package's own code. The next cell hands it the pictures
# that you judged, adds what only it knows (diversity, the minutes that the cards tell), and takes the largest difference between its figures and yours.

# %% [markdown] tags=["ja"]
# # 5. 表にする
#
# **コースのコマンドは、あなたと同じことを言うでしょうか。** `t2ilab compare` は、パッケージ自身のコードで同じ数を測ります。次のセルでは、あなたが判定した画像を渡し、あちらだけが知っていること（多様性、カードにある学習時間）を足してもらい、あなたの数との差のうち、いちばん大きなものを調べます。

# %% tags=["nbval-ignore-output"]
results, largest = [], 0.0
for name, one in tqdm(entrants.items()):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what few pictures do, you have seen
        theirs = judged(one, task, judge, images[name], seconds[name])
    results.append(theirs)
    for ours, figure in (
        ("faithfulness", "faithfulness"),
        ("coverage", "coverage"),
        ("FID", "fid"),
        ("KID", "kid"),
    ):
        if mine[name][ours] is not None:
            there = getattr(theirs, figure)
            largest = max(largest, abs(mine[name][ours] - there) / max(1.0, abs(there)))
say("Your figures and those of t2ilab compare differ by at most {largest:.0e}.", largest=largest)
print(written(results))

# %% [markdown]
# The columns, once more: **as asked** and **pairs** are exercises 1 and 2. **Diverse** asks how different the pictures of one vague prompt ("a red star") are, in place and
# surroundings; those that hear labels have to be told everything, so they have no figure there. For those that hear nothing it is taken over all their pictures, and a blob of no shape at a place of chance counts there as something, too. (Look at `gan-style`: nearly always different, and hardly any pair of shape and colour. Which of the two figures do you believe?) **Minutes** are of training, by the cards of all parts, each on the machine that its card names; a + says that
# more went before. From a terminal the same table is `t2ilab compare`; with other prompts, `t2ilab compare --seed 1`; in the storybook, `t2ilab compare --level storybook`.
#
# # 6. At a glance
#
# **Which model is the best?** Look at both figures before you answer.

# %% [markdown] tags=["ja"]
# 列をもう一度見ておきましょう。**as asked** と **pairs** は、演習 1 と 2 です。**diverse** は、あいまいなプロンプト（「赤い星」）の画像が、場所と背景でどれだけ違っているかです。ラベルを聞くモデルには、すべてを言わなければならないので、この値はありません。何も聞かないモデルでは、その画像すべてから求めます。図形になっていない染みが偶然の場所にあるだけでも、違うものに数えられます。（`gan-style` を見てください。ほとんどいつも違っていますが、現れた形と色の組はほとんどありません。どちらの値を信じますか。）**minutes** は学習時間で、すべての部品のカードから足し合わせました。測ったコンピュータは、カードごとに書いてあります。+ は、その前にも学習があったという印です。ターミナルでは、同じ表が `t2ilab compare` で出ます。ほかのプロンプトなら `t2ilab compare --seed 1`、絵本の世界なら `t2ilab compare --level storybook` です。
#
# # 6. ひと目で見る
#
# **いちばんよいモデルはどれでしょうか。** 答える前に、2 つの図を見てください。

# %% tags=["nbval-ignore-output"]
at_a_glance(results)

# %% [markdown]
# A model is *dominated* when another one is at least as good in everything and better in something. **Which models of your figures are dominated by none?** Between these there is no best one: there
# is only what somebody needs. One pass of a GAN, or twenty steps. Eleven minutes of training, or two hours. Words that leave things open, or five labels.
# Take out your note from section 1. Which figure would have chosen as you did?
#
# # 7. What the lecture claimed
#
# **Six sentences close the lecture that this course follows. Which of them would you sign now?** Four were put to the test; two, public data and open models, you could only see at work:
#
# | The claim | Where you tested it | Where it shows here |
# |---|---|---|
# | CLIP holds the semantics of words and pictures | Lab 01, Lab 02 | in the entrant that draws from a CLIP embedding, Lab 11 |
# | A denoiser is easy to condition | Lab 08, Lab 09 | in what hears words, beside what hears labels or nothing |
# | Public data made it possible | Lab 03 | in no column: all learnt from one world, so that only the models differ |
# | Open models made it possible | Lab 08, Lab 10 | in the names: anything that the package opens can be entered |
# | Data matter more than architecture | Lab 03 | compare two architectures on the same data, then the same one on two levels |
# | Diversity will matter most | Lab 03, Lab 08, Lab 13 | in pairs, diverse and recall, which faithfulness does not see |
#
# **Choose one.** Name the figure of yours that speaks for it, one that speaks against it, and what you would have to measure to be sure. That is a final project already: see
# `docs/project.md` for a template and how it is graded.

# %% [markdown] tags=["ja"]
# あるモデルが、ほかのどれかに、すべての点で勝てず、少なくとも 1 点で負けているとき、そのモデルは*支配されている*といいます。**図の中で、どれにも支配されていないモデルはどれですか。** その中には、いちばんよいものはありません。あるのは、だれが何を必要としているかだけです。GAN の 1 回か、20 ステップか。11 分の学習か、2 時間か。あいまいさを残せる言葉か、5 つのラベルか。1 節のメモを出してください。あなたと同じものを選んだのは、どの指標でしたか。
#
# # 7. 講義の主張
#
# **このコースのもとになった講義は、6 つの文でしめくくられます。今のあなたなら、どれに署名しますか。** 4 つは試しました。残りの 2 つ、公開データと公開モデルは、働いているところを見ただけです。
#
# | 主張 | 試したところ | ここで見えるところ |
# |---|---|---|
# | CLIP は言葉と画像の意味をとらえている | Lab 01、Lab 02 | CLIP の埋め込みから描く参加者（Lab 11） |
# | デノイザーには条件を付けやすい | Lab 08、Lab 09 | 言葉を聞くものと、ラベルだけ、または何も聞かないものとの違い |
# | 公開データが可能にした | Lab 03 | どの列にもない。全員が同じ世界で学んだので、違いはモデルだけ |
# | 公開モデルが可能にした | Lab 08、Lab 10 | 名前の列。パッケージが開けるものなら、何でも参加できる |
# | アーキテクチャよりデータが大事 | Lab 03 | 同じデータで 2 つのアーキテクチャを比べ、次に同じものを 2 つのレベルで比べる |
# | いちばん大事になるのは多様性 | Lab 03、Lab 08、Lab 13 | pairs、diverse、recall の列。忠実度には見えない |
#
# **ひとつ選んでください。** あなたの数の中から、その主張を支えるもの、反対するものをひとつずつ挙げ、確かめるには何を測ればよいかを書きましょう。それだけで、もう最終課題になります。ひな形と採点の仕方は `docs/project.md` にあります。

# %% [markdown]
# # 8. Your own idea
#
# **What would you change?** An entrant is anything with a `draw`. Here is a small idea to start from: draw each prompt four times in few steps, and keep the picture
# that a CLIP finds nearest to the words, as DALL-E did with its 512 candidates. Replace it by yours: another guidance, another sampler, two models one after the other, something that you
# trained. (May the *reader* choose the picture? It would raise the figure. Would it raise what the figure stands for?)

# %% [markdown] tags=["ja"]
# # 8. 自分のアイデア
#
# **あなたなら、何を変えますか。** `draw` があれば、何でも参加者になれます。まず、小さなアイデアをひとつ。どのプロンプトも少ないステップで 4 回描き、CLIP が言葉にいちばん近いとみなした画像を残します。DALL-E が 512 枚の候補でしたことです。これを、自分のものに取り替えてください。別のガイダンス（guidance）、別のサンプラー、2 つのモデルの組み合わせ、自分で学習させたもの。（*読み取り器*に選ばせてもよいでしょうか。数は上がります。その数が表しているものも、上がるでしょうか。）

# %% tags=["nbval-ignore-output"]
BASE = "shapes-pixel"
FEW = budget(lesson=5, ci=1)
base = opened(BASE, *find(BASE), None, FEW)
clip = ImageText.from_pretrained("clip-storybook")
CANDIDATES = budget(lesson=4, ci=2)


def my_draw(prompts, scenes, seed):
    """Several pictures a prompt in few steps, of which CLIP chooses the one nearest to the words."""
    tries = torch.stack([base.pictures(prompts, scenes, seed + 100_000 * i) for i in range(CANDIDATES)])
    seen = clip.encode_image(tries.flatten(0, 1)).unflatten(0, tries.shape[:2])  # (K, B, D)
    best = (seen * clip.encode_text(prompts)).sum(-1).argmax(0).cpu()  # (B,)
    return tries[best, torch.arange(len(prompts))]


card = dataclasses.replace(
    zoo.card(BASE),
    name="my idea",
    summary="Several pictures in few steps, the best by CLIP.",
    limits="As its base; as slow as all its tries together.",
)
idea = Entrant(
    "my idea",
    "my own",
    base.size,
    my_draw,
    steps=CANDIDATES * FEW,
    parameters=base.parameters + sum(p.numel() for p in clip.model.parameters()),
    cards=(card, zoo.card("clip-storybook")),
)
images["my idea"], seconds["my idea"] = drawn(idea, prompts, scenes)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    own = judged(idea, task, judge, images["my idea"], seconds["my idea"])
print(written([one for one in results if one.name == BASE] + [own]))

# %% [markdown]
# What did the idea gain, and what did it pay? Does the gain pass the test of section 2?
#
# ## Onto the leaderboard
#
# A leaderboard is a file that a class shares. An entry needs its **card**: what it is made of, how long it was trained and where, and above all its limits.
# The card names the files with their hashes, so that nobody has to take the figures on trust: anyone can measure again. What was measured with other prompts, another number of pictures or another
# network is refused. A model that lies in a folder enters from the terminal, `t2ilab compare MODEL... --leaderboard board.json`; an idea that lives in this notebook enters like this:

# %% [markdown] tags=["ja"]
# このアイデアで何が手に入り、何を払いましたか。手に入ったものは、2 節の試験に合格しますか。
#
# ## リーダーボードへ
#
# リーダーボードは、クラスで共有するファイルです。参加するには**カード**が要ります。何からできているか、どこでどれだけ学習したか、そして何よりも、何ができないか。カードにはファイルの名前とハッシュもあるので、数を信じてもらう必要はありません。だれでも測り直せます。ほかのプロンプト、ほかの枚数、ほかのネットワークで測ったものは、受け付けられません。フォルダにあるモデルは、ターミナルから `t2ilab compare MODEL... --leaderboard board.json` で参加します。このノートブックの中にあるアイデアは、こうして参加します。

# %% tags=["nbval-ignore-output"]
board_file = Path(tempfile.mkdtemp()) / "board.json"  # take one that your class shares
entered = [idea, *(one for name, one in entrants.items() if one.cards)]
found = Comparison(
    task,
    network=judge.network,
    instruments=judge.fingerprint,
    machine=machine.reason,
    results=(own, *results),
    cards={one.name: one.cards for one in entered},
    fingerprints={one.name: one.fingerprint for one in entered},
    remarks=(),
    failed={},
)
board = enter(board_file, found)
for place, entry in enumerate(board.entries, 1):
    print(f"{place:2}. {entry.result.name:18} {entry.fingerprint}  {entry.cards[0].summary}")

# %% [markdown]
# # Break it
#
# Somebody enters a `champion`. Run it: no error, no warning. **Before you look at the code**: where does it stand in each column, and beside
# the world's own row? Would you use it? Which figure of the table says that something is wrong with it? When you know what it does:
# which figure would you add to the board, so that the next one of its kind is found out, and what would that figure be for this one?

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# だれかが `champion` を参加させました。実行してみてください。エラーも警告も出ません。**コードを見る前に**、どの列で何番目か、世界そのものの行と比べてどうかを見てください。使いたいと思いますか。何かがおかしいと教えてくれるのは、表のどの指標ですか。何をしているかがわかったら、考えてください。次に同じようなものが来ても見破れるように、どんな指標を表に足しますか。そして、その指標は、これについてはいくつになるでしょうか。

# %% tags=["nbval-ignore-output"]
shelf, stored = {}, []
for i in range(budget(lesson=16, ci=1)):
    batch = World(seed=5).batch(i, 512)
    for scene, image in zip(batch["scene"], batch["image"], strict=True):
        shelf.setdefault(tuple(scene.asked().items()), []).append(len(stored))
        stored.append(image)


def champion_draw(prompts, scenes, seed):
    chance = torch.Generator().manual_seed(seed)
    rows = []
    for scene in scenes:
        wanted = scene.asked().items()
        fit = shelf.get(tuple(wanted)) or [
            i for key, some in shelf.items() if wanted <= set(key) for i in some
        ]
        fit = fit or range(len(stored))
        rows.append(fit[int(torch.randint(len(fit), (), generator=chance))])
    return torch.stack([stored[row] for row in rows])


champion = Entrant("champion", "unknown", 32, champion_draw)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    last = judged(champion, task, judge, *drawn(champion, prompts, scenes))
print(written([*results, own, last]))

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Heusel et al., [GANs Trained by a Two Time-Scale Update Rule](https://arxiv.org/abs/1706.08500) (2017): eq. 6 and appendix A1, where FID comes from.
# - Bińkowski et al., [Demystifying MMD GANs](https://arxiv.org/abs/1801.01401) (2018): section 4, why FID is biased and KID is not.
# - Kynkäänniemi et al., [Improved Precision and Recall Metric for Assessing Generative Models](https://arxiv.org/abs/1904.06991) (2019): one figure taken apart.
# - Jayasumana et al., [Rethinking FID](https://arxiv.org/abs/2401.09603) (2024): what Inception's features do not see in today's pictures.
#
# This was the last lab. What you can do now: every one of the systems in the table you have built, and you can say which of them you would take, and why.
#
# ## Further: a published model on the same prompts
#
# The next cell downloads a small Stable Diffusion (`segmind/tiny-sd`, licence CreativeML OpenRAIL-M, about 1 GB) and puts two prompts of ours before it. It has seen hundreds of millions of
# pictures, and none of this world: what does our reader make of it? To run it, write `DOWNLOAD = True`. On a CPU it takes some minutes and 4 GB of memory.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Heusel et al., [GANs Trained by a Two Time-Scale Update Rule](https://arxiv.org/abs/1706.08500) (2017)：式 6 と付録 A1。FID の出どころです。
# - Bińkowski et al., [Demystifying MMD GANs](https://arxiv.org/abs/1801.01401) (2018)：4 節。なぜ FID には偏りがあり、KID にはないのか。
# - Kynkäänniemi et al., [Improved Precision and Recall Metric for Assessing Generative Models](https://arxiv.org/abs/1904.06991) (2019)：ひとつの指標を 2 つに分ける。
# - Jayasumana et al., [Rethinking FID](https://arxiv.org/abs/2401.09603) (2024)：今の画像について、Inception の特徴に見えないもの。
#
# これが最後のラボです。表にあるどのシステムも、あなたは自分で作りました。そして、どれを選ぶか、なぜ選ぶかを、自分の言葉で言えます。
#
# ## 発展：公開されているモデルを、同じプロンプトで
#
# 次のセルは、小さな Stable Diffusion（`segmind/tiny-sd`、CreativeML OpenRAIL-M ライセンス、約 1 GB）をダウンロードし、このコースのプロンプトを 2 つ渡します。何億枚もの画像を見ていて、この世界は一度も見たことがないモデルです。わたしたちの読み取り器には、どう見えるでしょうか。実行するには `DOWNLOAD = True` と書いてください。CPU では数分かかり、メモリを 4 GB ほど使います。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "segmind/tiny-sd"

if DOWNLOAD:
    from t2ilab.comparison.families import find, opened
    from t2ilab.data.world import World
    from t2ilab.metrics import read

    stable = opened(PUBLISHED, *find(PUBLISHED), None, 20)
    questions, wanted = World(seed=1).prompts(2)
    answers = stable.pictures(questions, wanted, 0)
    for question, seen in zip(questions, read(answers), strict=True):
        print(question, seen, sep=": ")
    plots.images(
        answers, "Two prompts of this world, drawn by a published model.", titles=questions, inches=3
    )
