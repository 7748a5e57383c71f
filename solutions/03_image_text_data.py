# %% [markdown]
# # Lab 03: A small LAION
#
# <!-- badges -->
#
# **You will build** a data set out of what a crawler brings home: pictures with whatever text stood beside them. You throw out the pairs that do
# not fit, and the pictures that say nothing new; you put the rest on a shelf and search it by typing a sentence. Then you type
# it in Japanese, for a tower that learnt to read without ever seeing a picture.
#
# | | |
# |---|---|
# | Time | about 75 minutes, three of which your machine computes alone |
# | You need | Python and PyTorch; what a cosine is. Lab 01 is a good start |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | five, 10 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, blank it again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 03：小さな LAION
#
# <!-- badges -->
#
# **このラボで作るもの**：クローラが集めてきたもの、つまり画像と、そのそばにあった文から、データセットを作ります。合っていない組を捨て、新しいことを何も語らない画像を捨て、残りを棚に並べて、文を打ち込んで検索します。最後は日本語で検索します。読むのは、画像を一度も見ずに読み方を覚えた塔です。
#
# | | |
# |---|---|
# | 時間 | 約 75 分（そのうち、コンピュータの計算を待つのは 3 分） |
# | 必要なもの | Python と PyTorch。コサインの意味。Lab 01 から始めるとよいでしょう |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | 5 問、10 点。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。先へ進みたいときは、もう一度空欄に戻してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import math
import random
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.clip.loss import clip_loss
from t2ilab.clip.model import CLIP
from t2ilab.data import emoji
from t2ilab.data.captions import describe
from t2ilab.data.noisy import SAYS_NOTHING, NoisyPairs
from t2ilab.data.render import render
from t2ilab.data.scenes import all_scenes, complete, is_held_out
from t2ilab.data.understanding import understand
from t2ilab.data.words import THINGS
from t2ilab.data.world import World
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.pipelines.image_text import ImageText
from t2ilab.training.muon import Muon

clip = ImageText.from_pretrained("clip-storybook")
machine = clip.device
device = machine.device

# %% [markdown]
# # 1. What a crawler brings home
#
# **Where do billions of captioned pictures come from?** Nobody sat down to write them. A web page may say, for those who cannot see a
# picture, what is in it: its alt text, `<img src="IMG_2041.jpg" alt="a cat asleep on a red sofa">`. Common Crawl has kept copies of billions of pages.
# LAION ([Schuhmann et al. 2021](https://arxiv.org/abs/2111.02114), [2022](https://arxiv.org/abs/2210.08402)) read through them for such tags, fetched
# the pictures, let CLIP compare each with its text, and threw away what did not fit: for LAION-5B about nine in ten of some 50 billion. What it gives
# away is no pictures but a list, of addresses and texts. Before it, no data of this size had been open to all.
#
# | LAION-5B | billions of pairs |
# |---|---|
# | in English | 2.3 |
# | in more than a hundred other languages | 2.3 |
# | of which in Japanese | 0.13 |
# | in none that could be told (names, places, products) | 1.3 |
# | together | 5.85 |
#
# OpenCLIP and Stable Diffusion were trained on parts of it. And here are sixteen pairs as a crawler might find them, had the web been written in
# our storybook. **Which of them would you keep?** Write down the numbers of those that you would not, and why, before you go on.

# %% [markdown] tags=["ja"]
# # 1. クローラが集めてきたもの
#
# **キャプションの付いた何十億枚もの画像は、どこから来るのでしょうか。** だれかが机に向かって書いたのではありません。ウェブページは、画像が見えない人のために、何が写っているかを書いておくことができます。代替テキスト（alt text）といい、`<img src="IMG_2041.jpg" alt="a cat asleep on a red sofa">` のように書きます。Common Crawl は、何十億ものページの写しを保存しています。LAION（[Schuhmann et al. 2021](https://arxiv.org/abs/2111.02114)、[2022](https://arxiv.org/abs/2210.08402)）は、その中からこのようなタグを探し、画像を取り寄せ、文と合っているかを CLIP に比べさせて、合わないものを捨てました。LAION-5B では、約 500 億組のうち、およそ 10 組に 9 組です。公開しているのは画像ではなく、アドレスと文の一覧です。それまで、この規模のデータで、だれでも使えるものはありませんでした。
#
# | LAION-5B | 組の数（10 億） |
# |---|---|
# | 英語 | 2.3 |
# | そのほかの 100 を超える言語 | 2.3 |
# | そのうち日本語 | 0.13 |
# | 言語がわからないもの（名前、地名、商品など） | 1.3 |
# | 合計 | 5.85 |
#
# OpenCLIP も Stable Diffusion も、その一部で学習しました。次の 16 組は、もしウェブがこの絵本の世界でできていたら、クローラが見つけそうなものです。**どれを残しますか。** 残さないものの番号と理由を書き留めてから、先へ進んでください。

# %%
COUNT = budget(lesson=1200, ci=64)
crawl = NoisyPairs(size=32, seed=19, mismatch=0.25, copies=0.12, noise=0.25)
sample = list(crawl.rows(16))
plots.images(
    torch.stack([pair["image"] for pair in sample]),
    "Sixteen pictures as a crawler found them, numbered from 1 to 16.",
    titles=[str(number) for number in range(1, 17)],
    columns=8,
)
for number, pair in enumerate(sample, start=1):
    print(f"{number:2}", pair["caption"])

# %% [markdown]
# The faults of this crawl were planted, so that for once the truth is known:

# %% [markdown] tags=["ja"]
# このデータの欠陥は、わざと仕込んだものです。ですから、ここでは例外的に正解がわかっています。


# %%
def numbers(wanted):
    """The numbers of the sample's pairs for which wanted(pair) is true, as text."""
    return ", ".join(str(number) for number, pair in enumerate(sample, start=1) if wanted(pair)) or "-"


say("The text of another picture: {numbers}.", numbers=numbers(lambda pair: pair["mismatch"]))
say("A text that says nothing: {numbers}.", numbers=numbers(lambda pair: pair["noise"] in SAYS_NOTHING))
say("A caption with noise around it: {numbers}.", numbers=numbers(lambda pair: pair["noise"] == "around"))
say("Near copies of an earlier picture: {numbers}.", numbers=numbers(lambda pair: pair["copy_of"] is not None))

# %% [markdown]
# How many did you find, and how long did it take? At ten seconds a pair, 50 billion pairs take one person 16,000 years. Somebody else has to
# look.
#
# # 2. Filter
#
# **Who can tell whether a text fits a picture?** A CLIP can (Lab 01): its two towers, one that looks and one that reads, end in one space, where fitting
# partners point the same way. The zoo's `clip-storybook` looks at the whole crawl, each picture beside its own text:

# %% [markdown] tags=["ja"]
# いくつ見つけられましたか。どれくらい時間がかかりましたか。1 組に 10 秒かけると、500 億組では、ひとりで 1 万 6,000 年かかります。だれか、ほかのものに見てもらうしかありません。
#
# # 2. 選別
#
# **文が画像に合っているかどうかを判断できるのは、だれでしょうか。** CLIP ならできます（Lab 01）。見る塔と読む塔（tower）が同じひとつの空間にたどり着き、そこでは、合っているものどうしが同じ方向を向いています。学習済みモデル集（zoo）の `clip-storybook` に、集めたものをすべて、画像とそれに付いた文の組（pair）ごとに見てもらいましょう。

# %% tags=["nbval-ignore-output"]
warnings.filterwarnings("ignore", message="This CLIP reads at most")  # some texts are longer; their ends are cut
pairs = list(tqdm(crawl.rows(COUNT), total=COUNT))
images = torch.stack([pair["image"] for pair in pairs])  # (N, 3, 32, 32)
image_features = clip.encode_image(images)  # (N, D)
text_features = clip.encode_text([pair["caption"] for pair in pairs])  # (N, D)

wrong = torch.tensor([pair["mismatch"] for pair in pairs])
empty = torch.tensor([pair["noise"] in SAYS_NOTHING for pair in pairs])
fits = ~wrong & ~empty
cosines = F.cosine_similarity(image_features, text_features).cpu()
edges = torch.linspace(-1, 1, 41)
middles = (edges[1:] + edges[:-1]) / 2


def shares(values):
    """The share of some cosines in each of forty bins from -1 to 1."""
    return torch.histogram(values, edges).hist / max(1, len(values))


plots.lines(
    {
        "its own caption": (middles, shares(cosines[fits])),
        "the text of another picture": (middles, shares(cosines[wrong])),
        "a text that says nothing": (middles, shares(cosines[empty])),
    },
    "How the cosines of pictures and their texts are spread, for pairs that fit, for texts of other pictures, and for texts "
    "that say nothing: three hills, that of the fitting pairs farthest to the right.",
    xlabel="cosine of picture and text",
    ylabel="share of these pairs",
)
for name, some in (
    ("its own caption", fits),
    ("the text of another picture", wrong),
    ("a text that says nothing", empty),
):
    print(f"{cosines[some].mean().item():5.2f}", end="  ")
    say(name)

# %% [markdown]
# How far apart are the hills, and how far do their feet overlap? LAION's filter is one cut through this figure: with the picture's vector $u_i$ and the text's
# vector $v_i$ it keeps the pairs with
#
# $$ \frac{u_i \cdot v_i}{\lVert u_i \rVert\, \lVert v_i \rVert} \;\ge\; \tau $$
#
# where $\tau$ was 0.3 for LAION-400M (2021, section 2), and 0.28 for the English part of LAION-5B (2022, section 3.1).
#
# ### Exercise 1: <!-- exercise clip_filter -->
#
# Each picture beside its own text, and nobody else's.

# %% [markdown] tags=["ja"]
# 山はどれくらい離れ、すそ野はどれくらい重なっているでしょうか。LAION の選別は、この図をひとつのしきい値（threshold）で切ることです。画像のベクトルを $u_i$、文のベクトルを $v_i$ とすると、残すのは次の組です。
#
# $$ \frac{u_i \cdot v_i}{\lVert u_i \rVert\, \lVert v_i \rVert} \;\ge\; \tau $$
#
# $\tau$ は、LAION-400M では 0.3（2021 年の論文の 2 節）、LAION-5B の英語の部分では 0.28（2022 年の論文の 3.1 節）でした。
#
# ### 演習 1：<!-- exercise clip_filter -->
#
# どの画像も、自分の文とだけ比べます。


# %%
@exercise("clip_filter")
def clip_filter(image_features, text_features, threshold):
    """Which pairs to keep: those whose picture and text are at least as alike as the threshold.

    image_features: (N, D) and text_features: (N, D), of any lengths; row i of both is one pair. threshold: a cosine.
    Returns (N,) booleans: True keeps the pair.
    """
    raise NotImplementedError


# %%
check(clip_filter)

# %% [markdown]
# **Where to cut?** Two numbers pull in opposite directions. **Precision**: how many of the kept pairs fit? **Recall**: how many of
# the fitting pairs are kept?

# %% [markdown] tags=["ja"]
# **どこで切ればよいでしょうか。** 2 つの数が、反対の方向へ引っ張り合います。**適合率**（precision）は、残した組のうち、本当に合っているものの割合です。**再現率**（recall）は、合っている組のうち、残ったものの割合です。

# %% tags=["nbval-ignore-output"]
thresholds = [round(0.1 * i - 0.3, 1) for i in range(12)]
precision, recall = [], []
for threshold in thresholds:
    keep = clip_filter(image_features, text_features, threshold).cpu()
    precision.append((fits & keep).sum().item() / max(1, keep.sum().item()))
    recall.append((fits & keep).sum().item() / fits.sum().item())
    say(
        "Threshold {tau:4.1f}: {kept} of {count} pairs stay. Precision {p:.1%}, recall {r:.1%}.",
        tau=threshold,
        kept=keep.sum().item(),
        count=COUNT,
        p=precision[-1],
        r=recall[-1],
    )
plots.lines(
    {"precision": (thresholds, precision), "recall": (thresholds, recall)},
    "Precision and recall of the filter against its threshold: the first rises while the second falls.",
    xlabel="threshold",
    ylabel="share",
    markers=True,
)

# %% [markdown]
# Which threshold would you take, if these pairs were for training? Is a wrong caption worse than a lost one? Set yours; the lab
# goes on with it. And look at where the filter errs:

# %% [markdown] tags=["ja"]
# 学習に使うとしたら、どのしきい値を選びますか。間違ったキャプションと、失われたキャプションでは、どちらが困るでしょうか。自分の値を入れてください。ラボの続きでは、その値を使います。選別が間違えるところも見てみましょう。

# %% tags=["nbval-ignore-output"]
THRESHOLD = 0.5
keep = clip_filter(image_features, text_features, THRESHOLD).cpu()
fooled = torch.where(wrong, cosines, -2.0).topk(4).indices.tolist()
refused = torch.where(fits, cosines, 2.0).topk(4, largest=False).indices.tolist()
plots.images(
    images[fooled + refused],
    "Above: the four pictures with another's text that the filter likes best. Below: the four with their own that it likes least. "
    "The cosine stands above each.",
    titles=[f"{cosines[i].item():.2f}" for i in fooled + refused],
    columns=4,
)
for i in fooled + refused:
    print(f"{cosines[i].item():5.2f}", pairs[i]["caption"])
around = torch.tensor([pair["noise"] == "around" for pair in pairs]) & fits
say(
    "Of the fitting captions {plain:.1%} stay; of those with noise around them {around:.1%}.",
    plain=keep[fits & ~around].float().mean().item(),
    around=keep[around].float().mean().item() if around.any() else 0.0,
)

# %% [markdown]
# Compare the upper four texts with their pictures, word by word: how much do they share? And what do the lower four have in common?
#
# **What does 0.3 mean?** By itself, nothing. It is a cosine of one model, OpenAI's ViT-B/32, for which even fitting pairs are seldom much above it: all its pictures lie in one
# narrow cone, all its texts in another ([Liang et al. 2022](https://arxiv.org/abs/2203.02053)). Another model has another number, as you see.
#
# **And what does the filter do to what the model does not know?** It cannot tell a wrong caption from one that it cannot read. So
# it throws both away, and a model trained on what is left knows still less of it. On real pairs this falls upon people: such a filter keeps some groups less often than others
# ([Hong et al. 2024](https://arxiv.org/abs/2405.08209)). What fits is also not what is good: LAION-5B was taken offline in 2023, when links to pictures of crimes were found in it,
# and came back the year after, without those that were known, as Re-LAION-5B. Nobody had looked at all of it, as nobody can.
#
# # 3. The same picture twice
#
# **What is the harm in a copy?** A popular picture stands on thousands of pages, each time cut, scaled and compressed a little
# differently. By one estimate about 700 million of LAION-2B's pictures, three in ten, are copies ([Webster et al. 2023](https://arxiv.org/abs/2303.12733)). A model that sees one picture again and again may learn it by heart, and paint it
# once more ([Carlini et al. 2023](https://arxiv.org/abs/2301.13188)). And if a copy of a test picture is among the training pictures, the test measures memory. Some of this crawl's:

# %% [markdown] tags=["ja"]
# 上の 4 つの文を、画像とひとつひとつ見比べてください。どれくらい共通しているでしょうか。下の 4 つに共通するものは何でしょうか。
#
# **0.3 とは何でしょうか。** それだけでは何の意味もありません。OpenAI の ViT-B/32 という、ひとつのモデルのコサインです。このモデルでは、合っている組でも、それを大きく上回ることはめったにありません。すべての画像がひとつの細い円錐の中に、すべての文が別の円錐の中にあるからです（[Liang et al. 2022](https://arxiv.org/abs/2203.02053)）。見てのとおり、モデルが変われば数も変わります。
#
# **では、モデルの知らないものは、選別でどうなるでしょうか。** 間違ったキャプションと、自分に読めないキャプションとを、モデルは区別できません。ですから、両方とも捨ててしまいます。残ったもので学習したモデルは、それについてもっと無知になります。現実のデータで影響を受けるのは人間です。このような選別では、残りやすい集団と残りにくい集団があります（[Hong et al. 2024](https://arxiv.org/abs/2405.08209)）。また、合っていることは、よいことと同じではありません。LAION-5B は、犯罪にあたる画像へのリンクが見つかったために 2023 年に公開を止め、翌年、わかっているものを除いた Re-LAION-5B として再び公開されました。すべてに目を通した人はいませんでした。だれにもできないことです。
#
# # 3. 同じ画像が 2 枚
#
# **複製があると、何が困るのでしょうか。** 人気のある画像は何千ものページに載っていて、そのたびに切り方や大きさや圧縮が少しずつ違います。ある推定によれば、LAION-2B のおよそ 7 億枚、つまり 10 枚に 3 枚が重複しています（[Webster et al. 2023](https://arxiv.org/abs/2303.12733)）。このような画像の重複（near-duplicate）には、2 つの害があります。同じ画像を何度も見たモデルは、それを丸暗記して、そのまま描いてしまうことがあります（[Carlini et al. 2023](https://arxiv.org/abs/2301.13188)）。また、テスト用の画像の複製が学習用の画像に交じっていると、テストで測れるのは記憶力だけになります。集めたものの中から、いくつか見てみましょう。

# %% tags=["nbval-ignore-output"]
copied = [i for i, pair in enumerate(pairs) if pair["copy_of"] is not None][:6]
originals = [pairs[i]["copy_of"] for i in copied]
plots.images(
    images[originals + copied],
    "Above: pictures of the crawl. Below: a near copy of each, as another page shows it.",
    columns=len(copied),
)
for i, original in zip(copied, originals, strict=True):
    print(f"{F.cosine_similarity(image_features[i], image_features[original], dim=0).item():.3f}", pairs[i]["caption"])

# %% [markdown]
# Hardly a pixel agrees, so comparing files finds nothing. But the tower that looks cares for what there is to be seen. The cosines of both vectors
# are printed above: how near to 1 are they?
#
# ### Exercise 2: <!-- exercise near_duplicates -->
#
# Go through the pictures from the first to the last, and drop each that is too much like one that you have *kept*. Of a family of copies exactly one is
# to stay.

# %% [markdown] tags=["ja"]
# 同じ値の画素はほとんどないので、ファイルを比べても見つかりません。けれども、見る塔が気にするのは、何が見えるかです。上に、2 つのベクトルのコサインを示してあります。どれくらい 1 に近いでしょうか。
#
# ### 演習 2：<!-- exercise near_duplicates -->
#
# 最初の画像から順に見ていき、すでに*残した*ものに似すぎている画像を捨ててください。複製の仲間からは、ちょうど 1 枚だけが残るはずです。


# %%
@exercise("near_duplicates")
def near_duplicates(features, threshold):
    """Which pictures to drop: those at least as alike as the threshold to an earlier picture that was kept.

    features: (N, D), of any lengths; threshold: a cosine. Returns (N,) booleans: True drops the picture.
    """
    raise NotImplementedError


# %%
check(near_duplicates)

# %% [markdown]
# **Again, where to cut?** Count the copies that it finds, and the pictures that it drops though they are nobody's copy:

# %% [markdown] tags=["ja"]
# **今度も、どこで切ればよいでしょうか。** 見つけた複製の数と、だれの複製でもないのに捨ててしまった画像の数を数えます。

# %% tags=["nbval-ignore-output"]
stay = keep.nonzero()[:, 0]  # the pairs that passed the filter
source = [pairs[i]["copy_of"] if pairs[i]["copy_of"] is not None else i for i in stay.tolist()]
again = torch.tensor([original in source[:place] for place, original in enumerate(source)])  # shown before: a copy
cuts = [0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99]
found, lost = [], []
for cut in cuts:
    drop = near_duplicates(image_features[stay], cut).cpu()
    found.append(drop[again].float().mean().item() if again.any() else 0.0)
    lost.append(drop[~again].float().mean().item())
    say(
        "Cosine {cut}: {found:.1%} of the copies are dropped, and {lost:.1%} of the others.",
        cut=cut,
        found=found[-1],
        lost=lost[-1],
    )
plots.lines(
    {"copies that are dropped": (cuts, found), "others that are dropped": (cuts, lost)},
    "What is dropped at each threshold of the cosine: many of the copies, and of the pictures that are no copies the fewer, the higher it is.",
    xlabel="threshold",
    ylabel="share",
    markers=True,
)

# %% tags=["nbval-ignore-output"]
COPY = 0.94
drop = near_duplicates(image_features[stay], COPY).cpu()
alike = F.normalize(image_features[stay], dim=-1)
alike = (alike @ alike.T).cpu().tril(-1)  # each with the earlier ones only
nearest, which = torch.where(again, -1.0, alike.amax(dim=1)).topk(4)
plots.images(
    images[stay[torch.cat([which, alike[which].argmax(dim=1)])]],
    "Above: four pictures that are no copies, and yet are very much like an earlier one, which stands below. The cosine is above each.",
    titles=[f"{cosine:.3f}" for cosine in nearest.tolist()],
    columns=4,
)
shelf = stay[~drop]  # the numbers of the pairs that our small LAION consists of
say(
    "{crawled} pairs were crawled, {fit} passed the filter, and {left} are left without copies.",
    crawled=COUNT,
    fit=len(stay),
    left=len(shelf),
)

# %% [markdown]
# What if the same thing was drawn twice, at the same place, in front of the same sky: is that a copy? The features say what a picture shows and cannot answer; those who must be
# sure lay the two pictures upon each other. (Whether such pairs should stay is another question: dropping half of the data by *meaning* hardly hurt a CLIP,
# [Abbas et al. 2023](https://arxiv.org/abs/2303.09540).)
#
# **And the test?** Suppose that the last fifth of what passed the filter were put aside to test a model, before anybody thought of copies:

# %% [markdown] tags=["ja"]
# 同じものが、同じ場所に、同じ背景の前に 2 回描かれていたら、それは複製でしょうか。特徴ベクトル（feature vector）は、何が描かれているかを表すものなので、答えられません。確実に知りたければ、2 枚の画像を重ねて比べます。（このような画像を残すべきかどうかは、また別の問題です。*意味*の重なりでデータを半分捨てても、CLIP はほとんど悪くなりませんでした。[Abbas et al. 2023](https://arxiv.org/abs/2303.09540)。）
#
# **では、テストはどうなるでしょうか。** 選別を通ったもののうち最後の 5 分の 1 を、複製のことを考えずに、モデルのテスト用に取り分けたとしましょう。

# %% tags=["nbval-ignore-output"]
first = len(stay) * 4 // 5
leaked = sum(original in source[:first] for original in source[first:])
say(
    "Of {count} test pictures {leaked} are near copies of training pictures. Your function drops {dropped} of the {count}.",
    count=len(stay) - first,
    leaked=leaked,
    dropped=drop[first:].sum().item(),
)

# %% [markdown]
# # 4. Search
#
# **What is in it?** Ask. The vectors of all pictures together are an **index**; a sentence becomes a **query** in the same space, and what lies nearest is
# the answer. LAION opened such a page for its data, where everybody could see what models are trained on.
#
# ### Exercise 3: <!-- exercise search -->
#
# A search engine, the whole of it.

# %% [markdown] tags=["ja"]
# # 4. 検索
#
# **中には何があるのでしょうか。** 尋ねてみましょう。すべての画像のベクトルを集めたものが**索引**（index）です。文は、同じ空間の**クエリ**（query）になり、そのいちばん近くにあるものが答えです。LAION は、自分のデータを調べられるこのようなページを公開しました。モデルが何から学んでいるのかを、だれでも自分の目で確かめられるようになったのです。
#
# ### 演習 3：<!-- exercise search -->
#
# 検索エンジンを、まるごと書きます。


# %%
@exercise("search")
def search(queries, index, k):
    """The k rows of the index that are most similar to each query.

    queries: (Q, D) and index: (N, D), of any lengths; k: at most N.
    Returns (scores, indices), both (Q, k), best first: cosines, and the numbers of the rows that have them.
    """
    raise NotImplementedError


# %%
check(search)

# %% tags=["nbval-ignore-output"]
index = image_features[shelf]
gallery = images[shelf]
for query in ("an astronaut", "a red rocket at night", "a brain riding a horse"):
    scores, places = search(clip.encode_text([query]), index, 8)
    plots.images(
        gallery[places[0].cpu()],
        'The eight of {count} pictures that fit "{query}" best.',
        titles=[f"{score:.2f}" for score in scores[0].tolist()],
        columns=8,
        count=len(index),
        query=query,
    )

# %% [markdown]
# **Change one thing:** type something else. (How can you tell from the scores that nothing fits?)
#
# Exact search multiplies each query with every row. With 768 numbers of two bytes for each, the rows of LAION-5B fill 9 terabytes, so real engines
# look only at the neighbourhoods that seem promising and keep the vectors compressed ([Johnson, Douze & Jégou 2017](https://arxiv.org/abs/1702.08734)). They find nearly
# what yours finds.
#
# **How good is it?** Take pictures of distinct scenes, a full caption for each, and ask with every caption for its own picture. The share that is found among the first $k$
# is called recall at k, R@k:
#
# $$ \mathrm{R@}k = \frac1N \sum_{i=1}^{N} \big[\, s_{ii} \text{ is among the } k \text{ largest of row } i \,\big] $$
#
# with $s_{ij}$ the similarity of query $i$ and picture $j$.
#
# ### Exercise 4: <!-- exercise recall_at_k -->
#
# Anywhere among the $k$ is good enough.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：ほかのものを探してみてください。（合うものがないことは、スコアのどこを見ればわかるでしょうか。）
#
# 正確に検索するには、クエリをすべての行と掛け合わせます。1 行が 2 バイトの数 768 個だとすると、LAION-5B の索引は 9 テラバイトになります。そこで実際の検索エンジンは、有望そうな近所だけを調べ、ベクトルを圧縮しておきます（[Johnson, Douze & Jégou 2017](https://arxiv.org/abs/1702.08734)）。それでも、あなたのものとほとんど同じ答えを見つけます。
#
# **どれくらい優秀でしょうか。** 互いに異なるシーンの画像を用意し、それぞれに完全なキャプションを付け、どのキャプションからも自分の画像を探させます。上位 $k$ 個の中で見つかった割合を、再現率（recall）R@k と呼びます。
#
# $$ \mathrm{R@}k = \frac1N \sum_{i=1}^{N} \big[\, s_{ii} \text{ is among the } k \text{ largest of row } i \,\big] $$
#
# $s_{ij}$ は、クエリ $i$ と画像 $j$ の類似度です。
#
# ### 演習 4：<!-- exercise recall_at_k -->
#
# $k$ 個の中にあれば、何番目でもかまいません。


# %%
@exercise("recall_at_k")
def recall_at_k(similarities, k):
    """The share of rows whose own column is among their k largest.

    similarities: (N, N), queries in rows; row i belongs to column i. k: at most N. Returns one number in [0, 1].
    """
    raise NotImplementedError


# %%
check(recall_at_k)

# %% tags=["nbval-ignore-output"]
_, asked = World(seed=77, level="storybook").prompts(budget(lesson=500, ci=24))
distinct = list(dict.fromkeys(asked))
chance = random.Random(7)
scenes = [complete(scene, chance) for scene in distinct]
drawn = clip.encode_image(render(scenes, 32, torch.Generator().manual_seed(7)))  # (M, D)


def recall_of(reader, language, k):
    """Your recall_at_k of a tower that reads captions of that language, among the pictures of the distinct scenes."""
    captions = [describe(scene, language) for scene in distinct]
    return float(recall_at_k(reader.encode_text(captions) @ drawn.T, k))


for k in (1, 5, 10):
    say(
        "English, R@{k}: {share:.1%} of {count}. By chance: {chance:.1%}.",
        k=k,
        share=recall_of(clip, "en", k),
        count=len(distinct),
        chance=k / len(distinct),
    )

# %% [markdown]
# # 5. The same pictures in another language
#
# **And if somebody asks for 「猫」?** The tower that reads has seen English captions only. Its tokenizer cuts Japanese into tokens, too, but nobody
# has told it what they mean:

# %% [markdown] tags=["ja"]
# # 5. 同じ画像をほかの言語で
#
# **「猫」と尋ねられたら、どうなるでしょうか。** 読む塔が見たことのあるのは、英語のキャプションだけです。トークナイザは日本語もトークン（token）に分けますが、その意味をだれも教えていません。


# %%
shown = [{one.thing for one in understand(pairs[i]["shows"])[0].chain()} for i in shelf.tolist()]
english_words = {thing: names[0][0] for thing, names in THINGS.items()}  # "cat", "Jizo statue"
japanese_words = {thing: names[1][0] for thing, names in THINGS.items()}  # 猫, お地蔵さん


def side_by_side(reader, english, japanese):
    """The same search in two languages: English by clip, Japanese by the given reader."""
    places = [
        search(one.encode_text([query]), index, 8)[1][0].cpu() for one, query in ((clip, english), (reader, japanese))
    ]
    plots.images(
        gallery[torch.cat(places)],
        'Above: the eight pictures that fit "{english}" best. Below: the eight that fit "{japanese}" best.',
        columns=8,
        english=english,
        japanese=japanese,
    )


def hits(reader, words):
    """How many of the first eight pictures show the thing that was asked for: the mean share over {thing: word}."""
    places = search(reader.encode_text(list(words.values())), index, 8)[1].tolist()
    shares = [sum(thing in shown[i] for i in row) / 8 for thing, row in zip(words, places, strict=True)]
    return sum(shares) / len(shares)


# %% tags=["nbval-ignore-output"]
side_by_side(clip, "cat", "猫")
side_by_side(clip, "Jizo", "お地蔵さん")
by_chance = sum(len(things) for things in shown) / len(shown) / len(THINGS)
before = {"en": hits(clip, english_words), "ja": hits(clip, japanese_words)}
recall_before = {language: recall_of(clip, language, 10) for language in ("en", "ja")}
say(
    "{things} words, the thing among the first eight: English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.",
    things=len(THINGS),
    chance=by_chance,
    **before,
)
say("R@10: English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.", chance=10 / len(distinct), **recall_before)

# %% [markdown]
# **Must we caption all pictures again, in Japanese?** No. The pictures have their places in the space already, and the English tower has put "a red cat" beside
# the red cats. Whoever learns to put 「赤い猫」 where the English tower puts "a red cat" has found the cats, **without a single picture**. All that it takes is sentences with their translations. One tower is the
# teacher and stays as it is; another, of random weights, is the student:
#
# $$ L = 1 - \frac1B \sum_{i=1}^{B} \cos\big(h(\text{Japanese}_i),\; g(\text{English}_i)\big) $$
#
# with the student $h$ and the teacher $g$. (After [Reimers & Gurevych 2020](https://arxiv.org/abs/2004.09813), section 2, who take squared distances. The models that filtered LAION-5B's other hundred languages were made in this manner.)
# There are no negatives in it, unlike in Lab 01's contrastive loss. Why does it not all fall into one point?
#
# ### Exercise 5: <!-- exercise alignment_loss -->

# %% [markdown] tags=["ja"]
# **すべての画像に、日本語のキャプションを付け直さなければならないのでしょうか。** いいえ。画像は、もう空間の中に自分の場所を持っています。英語の塔は、"a red cat" を赤い猫たちのそばに置きました。英語の塔が "a red cat" を置くところに「赤い猫」を置けるようになれば、猫が見つかります。**画像は 1 枚もいりません。** 必要なのは、文とその翻訳だけです。ひとつの塔が教師（teacher）になり、もう変わりません。重みが乱数のもうひとつの塔が、生徒（student）です。
#
# $$ L = 1 - \frac1B \sum_{i=1}^{B} \cos\big(h(\text{Japanese}_i),\; g(\text{English}_i)\big) $$
#
# $h$ が生徒、$g$ が教師です。（[Reimers & Gurevych 2020](https://arxiv.org/abs/2004.09813) の 2 節によります。そこでは距離の 2 乗を使います。LAION-5B のほかの 100 の言語を選別したモデルも、このようにして作られました。）Lab 01 の対照損失（contrastive loss）と違って、負例（negative）はありません。それでも、すべてが一点に集まってしまわないのはなぜでしょうか。
#
# ### 演習 5：<!-- exercise alignment_loss -->


# %%
@exercise("alignment_loss")
def alignment_loss(student_text, teacher_text):
    """How far a student's text features point away from its teacher's: one minus the mean cosine.

    student_text: (B, D) and teacher_text: (B, D), of any lengths; row i of both means the same.
    Returns one number in [0, 2] with its gradient.
    """
    raise NotImplementedError


# %%
check(alignment_loss)

# %% [markdown]
# The student has the teacher's size. It gets sentences of this world in both languages, half of them short, since people who search
# type single words:

# %% [markdown] tags=["ja"]
# 生徒の大きさは、教師と同じです。この世界の文を、両方の言語で読ませます。半分は短い文にします。検索する人は、単語ひとつしか打ち込まないことも多いからです。

# %% tags=["nbval-ignore-output"]
STEPS = budget(lesson=500, ci=3)
BATCH = budget(lesson=128, ci=16)
sayings = World(seed=5, partial=0.5, level="storybook")
for english, japanese in zip(*sayings.translations(0, 4).values(), strict=True):
    print(english, "|", japanese)


def new_reader():
    """What sees as clip does, and reads with a tower of random weights."""
    model = CLIP(clip.model.config)
    model.vision_model, model.visual_projection = clip.model.vision_model, clip.model.visual_projection
    return ImageText(model, clip.tokenizer, device=machine)


def optimizer_of(reader):
    return Muon(nn.ModuleList([reader.model.text_model, reader.model.text_projection]), lr=2e-3)


def teach(reader, optimizer, step):
    """One step: the teacher reads English, the student Japanese; returns the loss before it."""
    said = sayings.translations(step, BATCH)
    teacher_text = clip.encode_text(said["en"]).clone()  # made without gradients
    student_text = reader.model.encode_text(clip.tokenizer(said["ja"]).to(device))
    loss = alignment_loss(student_text, teacher_text)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


machine.seed(3)
trial = new_reader()
trial_optimizer = optimizer_of(trial)
minutes = pace(lambda step: teach(trial, trial_optimizer, step), STEPS, checkpoint="clip-storybook-ja")

# %% tags=["nbval-ignore-output"]
machine.seed(3)
student = new_reader()
optimizer = optimizer_of(student)
warm_then_cool = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min(1, (step + 1) / 20) * (0.505 + 0.495 * math.cos(math.pi * step / STEPS))
)
losses = []
for step in tqdm(range(STEPS)):
    losses.append(teach(student, optimizer, step))
    warm_then_cool.step()
plots.loss_curve(losses)
say("The loss began at {first:.2f} and ended at {last:.2f}.", first=losses[0], last=losses[-1])

# %% [markdown]
# The same searches again, in the same pictures:

# %% [markdown] tags=["ja"]
# 同じ画像の中から、もう一度、同じものを探してみましょう。

# %% tags=["nbval-ignore-output"]
side_by_side(student, "cat", "猫")
side_by_side(student, "Jizo", "お地蔵さん")
after, recall_after = hits(student, japanese_words), recall_of(student, "ja", 10)
say("{things} Japanese words, the thing among the first eight: before {before:.1%}, after {after:.1%}; English {en:.1%}.",
    things=len(THINGS), before=before["ja"], after=after, en=before["en"])  # fmt: skip
say(
    "R@10 in Japanese: before {before:.1%}, after {after:.1%}; English {en:.1%}.",
    before=recall_before["ja"],
    after=recall_after,
    en=recall_before["en"],
)

# %% [markdown]
# **How good can a student become?** Search in English for what its teacher confuses, then in Japanese. (The zoo's `clip-storybook-ja` is such a student, taught three times as long: `clip.with_words("clip-storybook-ja")`.)
#
# **Emoji** were drawn by people who do not know our storybook, and have names in many languages. The same search among thirty of them:

# %% [markdown] tags=["ja"]
# **生徒は、どこまで上達できるでしょうか。** 教師が取り違えるものを英語で探し、同じものを日本語でも探してみてください。（学習済みモデル集の `clip-storybook-ja` は、このような生徒を 3 倍長く教えたものです。`clip.with_words("clip-storybook-ja")` で使えます。）
#
# **絵文字**（emoji）は、この絵本の世界を知らない人たちが描いたもので、多くの言語で名前が付いています。30 個の絵文字の中から、同じものを探してみましょう。

# %% tags=["nbval-ignore-output"]
SMALL_PICTURES = "🐈🐕🐟🐦🐎🦘🐘🐧🤖⛄🌳🌷🍄🌙🏠⛵🚗🚀🧠🍎☂⭐🔴🔷🎈🗿🐭🍣🎸🍕"
try:
    glyphs = emoji.draw(list(SMALL_PICTURES), 32)
except FileNotFoundError as missing:
    say("The emoji are left out: {why}", why=missing)
else:
    seen = clip.encode_image(glyphs)
    places = [search(one.encode_text([query]), seen, 8)[1][0].cpu() for one, query in ((clip, "cat"), (student, "猫"))]
    plots.images(
        glyphs[torch.cat(places)],
        'Above: the eight emoji that fit "{english}" best. Below: the eight that fit "{japanese}" best.',
        columns=8,
        english="cat",
        japanese="猫",
    )

# %% [markdown]
# Where both rows fail alike, whose fault is it, the words' or the pictures'?
#
# # 6. Data or architecture?
#
# **What matters more, the network or what it is shown?** The best-known answer comes from holding one still: DataComp ([Gadre et al. 2023](https://arxiv.org/abs/2304.14108)) fixes network, code and
# compute, and lets people compete with data alone. Here is a small experiment that moves both: two sizes of a tower that looks, trained on more and more *different* pairs of the
# `shapes` level. To save time the tower that reads is clip's, kept as it is, and only the other one learns (as in [Zhai et al. 2022](https://arxiv.org/abs/2111.07991), with the roles exchanged); it is a convolutional one, and
# the loss is Lab 01's. All see equally many pairs: who has few of them sees each more often.

# %% [markdown] tags=["ja"]
# 2 つの行が同じように失敗しているところは、どちらのせいでしょうか。言葉でしょうか、画像でしょうか。
#
# # 6. データか、アーキテクチャか
#
# **ネットワークと、見せるデータと、どちらが重要でしょうか。** いちばんよく知られた答えは、片方を固定した研究から得られました。DataComp（[Gadre et al. 2023](https://arxiv.org/abs/2304.14108)）は、ネットワークもコードも計算量も固定し、データだけで競わせます。ここでは、両方を動かす小さな実験をしましょう。2 つの大きさの見る塔を、`shapes` の世界の、だんだん多くの*異なる*組で学習させます。時間を節約するため、読む塔は clip のものをそのまま使い、見る塔だけを学習させます（[Zhai et al. 2022](https://arxiv.org/abs/2111.07991) の方法で、役割を入れ替えたものです）。見る塔は畳み込み（convolution）のネットワーク、損失は Lab 01 のものです。どれも、見る組の数は同じです。組の種類が少なければ、同じものを何度も見ることになります。

# %% tags=["nbval-ignore-output"]
WIDTHS = (8, 32)  # of a small and of a large tower
AMOUNTS = budget(lesson=4, ci=2)  # of the numbers of different pairs below
NUMBERS = [64, 256, 1024, 4096][:AMOUNTS]
shape_scenes = [scene for scene in all_scenes() if not is_held_out(scene)]
number_of = {scene: number for number, scene in enumerate(shape_scenes)}
sentences = clip.encode_text([describe(scene) for scene in shape_scenes]).clone()  # (C, D), one for each scene


def drawn_pairs(scenes, seed):
    """A picture of each scene, and the number of its sentence."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.cat([render(scenes[i : i + 256], 32, generator) for i in range(0, len(scenes), 256)])
    return pictures, torch.tensor([number_of[scene] for scene in scenes])


def new_tower(width):
    """A tower that looks: three convolutions that halve the picture, then one layer into clip's space."""

    def halved(narrow, wide):
        return nn.Sequential(nn.Conv2d(narrow, wide, 3, stride=2, padding=1), nn.GroupNorm(4, wide), nn.SiLU())

    body = [halved(3, width), halved(width, 2 * width), halved(2 * width, 4 * width), nn.Flatten()]
    return machine.place(nn.Sequential(*body, nn.Linear(4 * width * 16, sentences.shape[1], bias=False)))


def trained(width, pictures, numbers, steps):
    """A tower of that width after so many batches of 64 of these pairs, no pair twice in a batch."""
    machine.seed(2)
    tower = new_tower(width)
    optimizer = torch.optim.AdamW(tower.parameters(), lr=3e-3)
    cool = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 20) * max(0.05, 1 - step / steps)
    )
    chooser = torch.Generator().manual_seed(0)
    for _ in tqdm(range(steps)):
        some = 64 * torch.randint(len(pictures) // 64, (64,), generator=chooser) + torch.arange(64)
        loss = clip_loss(tower(pictures[some].to(device)), sentences[numbers[some].to(device)], 20.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cool.step()
    return tower


@torch.no_grad()
def right(tower, pictures, numbers):
    """Of new pictures, the share for which the nearest of all sentences has the right shape and the right colour."""
    best = (F.normalize(tower(pictures.to(device)), dim=-1) @ sentences.T).argmax(dim=1).tolist()
    scenes = [(shape_scenes[a], shape_scenes[b]) for a, b in zip(best, numbers.tolist(), strict=True)]
    return sum(a.thing == b.thing and a.color == b.color for a, b in scenes) / len(scenes)


# %% tags=["nbval-ignore-output"]
LOOKS = budget(lesson=500, ci=2)  # batches of 64
pool = drawn_pairs(World(seed=31).prompts(NUMBERS[-1])[1], seed=1)
test = drawn_pairs(World(seed=32).prompts(budget(lesson=512, ci=32))[1], seed=2)
accuracy = {}
for width in WIDTHS:
    accuracy[width] = [right(trained(width, *(part[:number] for part in pool), LOOKS), *test) for number in NUMBERS]
    say("A tower of {weights:,} weights:", weights=sum(p.numel() for p in new_tower(width).parameters()))
    for number, share in zip(NUMBERS, accuracy[width], strict=True):
        say("{number:5} different pairs: {share:.1%}", number=number, share=share)
plots.lines(
    {"small tower": (NUMBERS, accuracy[WIDTHS[0]]), "large tower": (NUMBERS, accuracy[WIDTHS[1]])},
    "Share of new pictures whose shape and colour are named right, against the number of different pairs that were seen in training, "
    "on a logarithmic axis, for two sizes of the tower that looks.",
    xlabel="different pairs",
    ylabel="shape and colour right",
    log="x",
    markers=True,
)

# %% [markdown]
# Compare two steps: from the fewest pairs to the most, with the same tower; and from the small tower to the large one, with the same pairs. Which is worth
# more, and does the answer depend on where you stand?
#
# **Number, or diversity?** One more run of each: as many pictures as the last had, each drawn anew, but of 64 scenes only.

# %% [markdown] tags=["ja"]
# 2 つの変化を比べてください。同じ塔のまま、組をいちばん少ない数からいちばん多い数まで増やすこと。同じ組のまま、小さな塔を大きな塔に替えること。どちらの効果が大きいでしょうか。答えは、どこから出発するかによって変わるでしょうか。
#
# **数か、多様性か。** もう 1 回ずつ学習させます。画像の枚数は最後のものと同じで、どれも新しく描きます。ただし、シーンは 64 通りしかありません。

# %% tags=["nbval-ignore-output"]
few = World(seed=31).prompts(64)[1]
same_scenes = drawn_pairs(few * (NUMBERS[-1] // 64), seed=3)
for width in WIDTHS:
    say(
        "Width {width}: {number} pictures of 64 scenes {few:.1%}, as many of all scenes {all:.1%}, 64 pictures {first:.1%}.",
        width=width,
        number=NUMBERS[-1],
        few=right(trained(width, *same_scenes, LOOKS), *test),
        all=accuracy[width][-1],
        first=accuracy[width][0],
    )

# %% [markdown]
# **What this shows, and what it does not.** It weighs, at this size and with this many steps, different pairs and different scenes against four times the width; your own
# numbers say which counts for more. It does not show that architecture is of no account. Two widths of one kind of network are no architectures; each point is one run, and
# another seed moves it; the tower that reads knew the words of this world already; and 4,096 pairs hold nearly all that there is in a world of two thousand scenes. With
# billions of pairs the question changes: there data are plenty, and the size of the network and the compute decide how much of them can be used (Cherti et al. 2023). Data come first where data
# are what is missing. What would you have to measure to convince somebody who doubts it?
#
# # Break it
#
# Somebody wants a data set in two languages. They have pairs with **faultless captions**, half English and half Japanese, and to be on the safe side they run the filter of section 2
# over them, with its CLIP and its threshold. **Before you run the cell**, write down: how many of each language will be left? When they see it, they lower the threshold until nine in
# ten of the Japanese pairs stay. What comes in with them? Explain all the numbers, then say what you would do.

# %% [markdown] tags=["ja"]
# **この実験が示すことと、示さないこと。** この大きさとこのステップ数で、異なる組や異なるシーンの効果と、幅を 4 倍にする効果とを比べました。どちらが大きいかは、あなたの結果が示しています。けれども、アーキテクチャはどうでもよい、ということまでは示していません。1 種類のネットワークの 2 つの幅では、アーキテクチャの比較とは言えません。どの点も 1 回の結果で、シードを変えれば動きます。読む塔は、この世界の言葉をすでに知っていました。そして、シーンが 2,000 ほどしかない世界では、4,096 組にほとんどすべてが含まれています。何十億組もあると、問いが変わります。データは十分にあるので、そのうちどれだけを活かせるかは、ネットワークの大きさと計算量で決まります（Cherti et al. 2023）。データがものを言うのは、足りないものがデータのときです。疑っている人を納得させるには、何を測ればよいでしょうか。
#
# # 壊してみる
#
# だれかが、2 つの言語のデータセットを作ろうとしています。集めた組の**キャプションは完璧**で、半分が英語、半分が日本語です。念のため、2 節の選別を、同じ CLIP と同じしきい値で行うことにしました。**セルを実行する前に**、予想を書いてください。それぞれの言語の組は、どれくらい残るでしょうか。結果を見ただれかは、日本語の組の 10 組に 9 組が残るまで、しきい値を下げました。一緒に入ってくるものは何でしょうか。すべての数値を説明し、あなたならどうするかを答えてください。

# %% tags=["nbval-ignore-output"]
faultless = World(size=32, seed=8, partial=0.0, japanese=0.5, level="storybook").batch(0, budget(lesson=400, ci=32))
in_japanese = torch.tensor([not caption.isascii() for caption in faultless["caption"]])
seen, read = clip.encode_image(faultless["image"]), clip.encode_text(faultless["caption"])
kept = clip_filter(seen, read, THRESHOLD).cpu()
say(
    "Kept at {tau:.2f}: {en:.1%} of the English pairs, {ja:.1%} of the Japanese.",
    tau=THRESHOLD,
    en=kept[~in_japanese].float().mean().item(),
    ja=kept[in_japanese].float().mean().item(),
)
lower = F.cosine_similarity(seen, read).cpu()[in_japanese].quantile(0.1).item()
passed = clip_filter(image_features, text_features, lower).cpu()
say(
    "Kept at {tau:.2f}: 90% of the Japanese pairs, and of the crawl {wrong:.1%} of the texts of other pictures and {empty:.1%} of those that say nothing.",
    tau=lower,
    wrong=passed[wrong].float().mean().item(),
    empty=passed[empty].float().mean().item() if empty.any() else 0.0,
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Schuhmann et al., [LAION-5B](https://arxiv.org/abs/2210.08402) (2022): section 3 is this lab's first half; its datasheet says what the data should not be used for.
# - Birhane, Prabhu & Kahembwe, [Multimodal datasets](https://arxiv.org/abs/2110.01963) (2021): what they found when they searched LAION-400M.
# - Gadre et al., [DataComp](https://arxiv.org/abs/2304.14108) (2023): filters measured, with the network held still.
# - Cherti et al., [Reproducible scaling laws for contrastive language-image learning](https://arxiv.org/abs/2212.07143) (2023): accuracy against data, size and compute.
# - Reimers & Gurevych, [Making Monolingual Sentence Embeddings Multilingual](https://arxiv.org/abs/2004.09813) (2020): students of another language.
#
# Next: Lab 04 turns to noise, and to the best guess at what lies under it.
#
# ## Optional: a CLIP of photographs as the judge
#
# With a network connection, the cell below downloads `openai/clip-vit-base-patch32` from the Hugging Face hub (about 605 MB; OpenAI's code is under the MIT licence), the very model whose cosines LAION's 0.3 is
# about, and lets **your** functions work with it on the first pictures of the crawl. Set `DOWNLOAD = True` first. It has never seen this world. What would LAION's threshold keep? For pictures of the web with their alt texts,
# `t2ilab.data.hub.stream("image-text")` reads some from the hub; it says first how large they are.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Schuhmann et al., [LAION-5B](https://arxiv.org/abs/2210.08402) (2022)：3 節が、このラボの前半です。付録のデータシートには、何に使うべきでないかが書かれています。
# - Birhane, Prabhu & Kahembwe, [Multimodal datasets](https://arxiv.org/abs/2110.01963) (2021)：LAION-400M を検索して見つかったもの。
# - Gadre et al., [DataComp](https://arxiv.org/abs/2304.14108) (2023)：ネットワークを固定して、選別の方法を測った研究。
# - Cherti et al., [Reproducible scaling laws for contrastive language-image learning](https://arxiv.org/abs/2212.07143) (2023)：データ、大きさ、計算量に応じた正解率。
# - Reimers & Gurevych, [Making Monolingual Sentence Embeddings Multilingual](https://arxiv.org/abs/2004.09813) (2020)：ほかの言語の生徒の育て方。
#
# 次の Lab 04 では、ノイズと、その下に何があるかの最良の推定に進みます。
#
# ## 発展：写真の CLIP に判定してもらう
#
# 次のセルは、`openai/clip-vit-base-patch32`（約 605 MB。OpenAI のコードは MIT ライセンス）を Hugging Face Hub からダウンロードします。LAION の 0.3 は、まさにこのモデルのコサインです。集めた画像の最初の何枚かに、**あなたの**関数をこのモデルで使ってみます。ネットワーク接続が必要です。実行する前に `DOWNLOAD = True` としてください。この世界を見たことのないモデルです。LAION のしきい値では、何が残るでしょうか。ウェブの画像とその代替テキストなら、`t2ilab.data.hub.stream("image-text")` で Hub から読み込めます。読み込む前に、大きさが表示されます。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "openai/clip-vit-base-patch32"

if DOWNLOAD:
    published = ImageText.from_pretrained(PUBLISHED)
    found_pairs = list(NoisyPairs(size=64, seed=19, mismatch=0.25, copies=0.12, noise=0.25).rows(64))
    found_pictures = torch.stack([pair["image"] for pair in found_pairs])
    looked, told = (
        published.encode_image(found_pictures),
        published.encode_text([pair["caption"] for pair in found_pairs]),
    )
    say("LAION's threshold of 0.3 keeps {kept} of {count}.", kept=clip_filter(looked, told, 0.3).sum().item(), count=64)
    _, places = search(published.encode_text(["a drawing of an animal"]), looked, 8)
    plots.images(
        found_pictures[places[0].cpu()],
        'The eight of {count} pictures that fit "{query}" best.',
        columns=8,
        count=64,
        query="a drawing of an animal",
    )
