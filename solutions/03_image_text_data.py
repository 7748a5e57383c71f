# %% [markdown]
# # Lab 03: A small LAION
#
# <!-- badges -->
#
# **You will build** a data set out of what a crawler brings home: pictures with whatever text stood beside them. You throw out the pairs that do
# not fit, and the pictures that say nothing new; you put the rest on a shelf and search it by typing a sentence. Then you type
# it in Japanese, for a text encoder that learnt its language without ever seeing a picture.
#
# | | |
# |---|---|
# | Time | about 75 minutes, three of which your machine computes alone |
# | You need | Python and PyTorch; what a cosine is. Lab 01 is a good start |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run the cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 03：小さな LAION
#
# <!-- badges -->
#
# **このラボで作るもの**：クローラが集めてきたもの、つまり画像と、そのそばにあった文から、データセットを作ります。合っていない組を捨て、新しいことを何も語らない画像を捨て、残りを棚に並べて、文を打ち込んで検索します。最後は日本語で検索します。読むのは、画像を一度も見ずに日本語を覚えたテキストエンコーダです。
#
# | | |
# |---|---|
# | 時間 | 約 75 分（そのうち、コンピュータの計算を待つのは 3 分） |
# | 必要なもの | Python と PyTorch。コサインの意味。Lab 01 から始めるとよいでしょう |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、セルをもう一度実行してください。）ヒントを見ても点は減りません。

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
from t2ilab.data.noisy import fits as fits_scene
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
# | in English | 2.32 |
# | in more than a hundred other languages (0.13 of them in Japanese) | 2.26 |
# | in none that could be told (names, places, products) | 1.27 |
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
# | 英語 | 2.32 |
# | そのほかの 100 を超える言語（そのうち日本語が 0.13） | 2.26 |
# | 言語がわからないもの（名前、地名、商品など） | 1.27 |
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
say(
    "Near copies of an earlier picture: {numbers}.",
    numbers=numbers(lambda pair: pair["copy_of"] is not None),
)

# %% [markdown]
# How many did you find, and how long did it take? At ten seconds a pair, 50 billion pairs take one person 16,000 years. Somebody else has to
# look.
#
# # 2. Filter
#
# **Who can tell whether a text fits a picture?** A CLIP can (Lab 01): its image encoder and its text encoder, also called its two towers, end in one space,
# where fitting partners point the same way. The zoo's `clip-storybook` looks at the whole crawl, each picture beside its own text:

# %% [markdown] tags=["ja"]
# いくつ見つけられましたか。どれくらい時間がかかりましたか。1 組に 10 秒かけると、500 億組では、ひとりで 1 万 6,000 年かかります。だれか、ほかのものに見てもらうしかありません。
#
# # 2. 選別
#
# **文が画像に合っているかどうかを判断できるのは、だれでしょうか。** CLIP ならできます（Lab 01）。画像エンコーダとテキストエンコーダ（CLIP では「塔（tower）」とも呼びます）が、画像と文を同じひとつの空間に移し、そこでは、合っているものどうしが同じ方向を向いています。学習済みモデル集（zoo）の `clip-storybook` に、集めたものをすべて、画像とそれに付いた文の組（pair）ごとに見てもらいましょう。

# %% tags=["nbval-ignore-output"]
# Some texts are longer than CLIP reads; their ends are cut.
warnings.filterwarnings("ignore", message="This CLIP reads at most")
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
    "How the cosines of pictures and their texts are spread, for pairs that fit, "
    "for texts of other pictures, and for texts that say nothing: one curve for each.",
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
# where $\tau$ was 0.3 for LAION-400M (section 2 of the paper of 2021), and 0.28 for the English part of LAION-5B (section 3.1 of that of 2022).
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

    image_features: (N, D) and text_features: (N, D), of any lengths; row i of both is one pair.
    threshold: a cosine. Returns (N,) booleans: True keeps the pair.
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
    if not keep.any():
        break  # of nothing, no share is right or wrong
    precision.append((fits & keep).sum().item() / keep.sum().item())
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
    {
        "precision": (thresholds[: len(precision)], precision),
        "recall": (thresholds[: len(recall)], recall),
    },
    "Precision and recall of the filter against its threshold, as far as any pair is kept.",
    xlabel="threshold",
    ylabel="share",
    markers=True,
)

# %% [markdown]
# Which threshold would you take, if these pairs were for training? Which, if a wrong caption does as much harm as five lost ones? Set yours; the lab
# goes on with it.
#
# A precision like this is flattered: `clip-storybook` learnt from faultless pairs of this very world, so the judge knows all that the crawl can show. LAION's judge, OpenAI's CLIP, had learnt from
# pairs of the web, faults and all. **Who filters the data of the filter?**
#
# And look at where it errs, or would at a lower threshold:

# %% [markdown] tags=["ja"]
# 学習に使うとしたら、どのしきい値を選びますか。間違ったキャプションと、失われたキャプションでは、どちらが困るでしょうか。間違ったキャプション 1 つの害が、失われたキャプション 5 つ分だとしたら、どうでしょうか。自分の値を入れてください。ラボの続きでは、その値を使います。
#
# ここでの適合率は、実際よりもよく見えています。`clip-storybook` は、まさにこの世界の完璧な組で学習したので、クローラの集めてくるものをすべて知っている審判です。LAION の審判だった OpenAI の CLIP が学習したのは、欠陥も含んだままのウェブの組でした。**選別に使うモデルのデータは、だれが選別するのでしょうか。**
#
# 選別が間違えるところと、しきい値を下げれば間違えるところも見てみましょう。

# %% tags=["nbval-ignore-output"]
THRESHOLD = 0.5
keep = clip_filter(image_features, text_features, THRESHOLD).cpu()
fooled = torch.where(wrong, cosines, -2.0).topk(4).indices.tolist()
refused = torch.where(fits, cosines, 2.0).topk(4, largest=False).indices.tolist()
plots.images(
    images[fooled + refused],
    "Above: the four pictures with another's text that the filter likes best. "
    "Below: the four with their own that it likes least. The cosine stands above each.",
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
# A caption with noise around it is a good caption, and many are lost only for the words beside it: would you lower the threshold for their sake, or clean the texts first?
#
# **What does 0.3 mean?** By itself, nothing. It is a cosine of one model, OpenAI's ViT-B/32, for which even fitting pairs are seldom much above it: all its pictures lie in one
# narrow cone, all its texts in another ([Liang et al. 2022](https://arxiv.org/abs/2203.02053)). Another model has other cosines: here
# fitting pairs lie around 0.6. If 0.3 cuts well here, too, that is only because it happens to lie between the hills of this model.
#
# **And what does the filter do to what the model does not know?** It cannot tell a wrong caption from one that it cannot read. So
# it throws both away, and a model trained on what is left knows still less of it. On real pairs this falls upon people: such a filter keeps some groups less often than others
# ([Hong et al. 2024](https://arxiv.org/abs/2405.08209)). What fits is also not what is good: LAION-5B was taken offline in 2023, when links to child sexual abuse
# material were found in it ([Thiel 2023](https://purl.stanford.edu/kh752sm9123)), and came back the year after, without those that were known, as Re-LAION-5B. Nobody had looked at all of it, as nobody can.
# And nobody had been asked: not the people in the pictures for their consent, nor those who made them, whose copyright no list of addresses takes away.
#
# # 3. The same picture twice
#
# **What is the harm in a copy?** A popular picture stands on thousands of pages, each time cut, scaled and compressed a little
# differently. By one estimate about 700 million of LAION-2B's pictures, three in ten, are copies ([Webster et al. 2023](https://arxiv.org/abs/2303.12733)). A model that sees one picture again and again may learn it by heart, and paint it
# once more ([Carlini et al. 2023](https://arxiv.org/abs/2301.13188)). And if a copy of a test picture is among the training pictures, the test measures memory. Some of this crawl's:

# %% [markdown] tags=["ja"]
# 上の 4 つの文を、1 語ずつ画像と見比べてください。どれくらい共通しているでしょうか。下の 4 つに共通するものは何でしょうか。余計な語が付いていても、キャプションそのものは正しいのに、そばにある語のせいで失われるものが少なくありません。そのためにしきい値を下げますか。それとも、先に文をきれいにしますか。
#
# **0.3 とは何でしょうか。** それだけでは何の意味もありません。OpenAI の ViT-B/32 という、ひとつのモデルのコサインです。このモデルでは、合っている組でも、それを大きく上回ることはめったにありません。すべての画像がひとつの細い円錐の中に、すべての文が別の円錐の中にあるからです（[Liang et al. 2022](https://arxiv.org/abs/2203.02053)）。モデルが変われば、コサインの値も変わります。ここでは、合っている組のコサインは 0.6 前後です。ここでも 0.3 でうまく切れるとすれば、たまたまこのモデルの山と山の間にあるからにすぎません。
#
# **では、モデルの知らないものは、選別でどうなるでしょうか。** 間違ったキャプションと、自分に読めないキャプションとを、モデルは区別できません。ですから、両方とも捨ててしまいます。残ったもので学習したモデルは、それについてもっと無知になります。現実のデータで影響を受けるのは人間です。このような選別では、残りやすい集団と残りにくい集団があります（[Hong et al. 2024](https://arxiv.org/abs/2405.08209)）。また、合っていることは、よいことと同じではありません。LAION-5B は、児童性的虐待コンテンツへのリンクが見つかったために（[Thiel 2023](https://purl.stanford.edu/kh752sm9123)）2023 年に公開を止め、翌年、わかっているものを除いた Re-LAION-5B として再び公開されました。すべてに目を通した人はいませんでした。だれにもできないことです。また、写っている人に同意を求めた人も、作者に許可を求めた人もいませんでした。アドレスの一覧にしても、著作権がなくなるわけではありません。
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
    cosine = F.cosine_similarity(image_features[i], image_features[original], dim=0)
    print(f"{cosine.item():.3f}", pairs[i]["caption"])

# %% [markdown]
# Hardly a pixel agrees, so comparing files finds nothing. But the image encoder cares for what there is to be seen. The cosines of both vectors
# are printed above: how near to 1 are they?
#
# ### Exercise 2: <!-- exercise near_duplicates -->
#
# Go through the pictures from the first to the last, and drop each that is too much like one that you have *kept*. Of a family of copies exactly one is
# to stay.

# %% [markdown] tags=["ja"]
# 同じ値の画素はほとんどないので、ファイルを比べても見つかりません。けれども、画像エンコーダが気にするのは、何が見えるかです。上に、2 つのベクトルのコサインを示してあります。どれくらい 1 に近いでしょうか。
#
# ### 演習 2：<!-- exercise near_duplicates -->
#
# 最初の画像から順に見ていき、すでに*残した*ものに似すぎている画像を捨ててください。複製の仲間からは、ちょうど 1 枚だけが残るはずです。


# %%
@exercise("near_duplicates")
def near_duplicates(features, threshold):
    """Which pictures to drop: those at least as alike as the threshold to an earlier one that was kept.

    features: (N, D), of any lengths; threshold: a cosine. Returns (N,) booleans: True drops the picture.
    """
    raise NotImplementedError


# %%
check(near_duplicates)

# %% [markdown]
# **Again, where to cut?** Count the copies that it finds, and the pictures that it drops though they are copies of none:

# %% [markdown] tags=["ja"]
# **今度も、どこで切ればよいでしょうか。** 見つけた複製の数と、どの画像の複製でもないのに捨ててしまった画像の数を数えます。

# %% tags=["nbval-ignore-output"]
stay = keep.nonzero()[:, 0]  # the pairs that passed the filter
source = [pairs[i]["copy_of"] if pairs[i]["copy_of"] is not None else i for i in stay.tolist()]
# Shown before: a copy.
again = torch.tensor([original in source[:place] for place, original in enumerate(source)])
cuts = [0.84, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98]
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
    "What is dropped at each threshold of the cosine, "
    "of the copies and of the other pictures: the higher the threshold, the fewer, of both.",
    xlabel="threshold",
    ylabel="share",
    markers=True,
)

# %% [markdown]
# Which cut would you take? What does it cost if a copy stays, and what if a picture goes that was no copy? Set yours; the lab goes on with it.

# %% [markdown] tags=["ja"]
# どこで切りますか。複製が残ると何が困り、複製でない画像が捨てられると何が困るでしょうか。自分の値を入れてください。ラボの続きでは、その値を使います。

# %% tags=["nbval-ignore-output"]
COPY = 0.88
drop = near_duplicates(image_features[stay], COPY).cpu()
alike = F.normalize(image_features[stay], dim=-1)
alike = (alike @ alike.T).cpu().tril(-1)  # each with the earlier ones only
nearest, which = torch.where(again, -1.0, alike.amax(dim=1)).topk(4)
plots.images(
    images[stay[torch.cat([which, alike[which].argmax(dim=1)])]],
    "Above: four pictures that are no copies, "
    "and yet are very much like an earlier one, which stands below. The cosine is above each.",
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
# sure lay one picture on the other. (Whether such pairs should stay is another question: dropping half of the data by *meaning* hardly hurt a CLIP,
# [Abbas et al. 2023](https://arxiv.org/abs/2303.09540).)
#
# **And the test?** Suppose that the last fifth of what passed the filter were put aside to test a model, before anybody thought of copies:

# %% [markdown] tags=["ja"]
# 同じものが、同じ場所に、同じ背景の前に 2 回描かれていたら、それは複製でしょうか。特徴ベクトル（feature vector）は、何が描かれているかを表すものなので、答えられません。確実に知りたければ、2 枚の画像を重ねて比べます。（このような画像を残すべきかどうかは、また別の問題です。*意味*の重なりでデータを半分捨てても、CLIP はほとんど悪くなりませんでした。[Abbas et al. 2023](https://arxiv.org/abs/2303.09540)。）
#
# **では、テストはどうなるでしょうか。** 選別を通ったもののうち最後の 5 分の 1 を、複製のことを考えずに、モデルのテスト用に取り分けたとしましょう。

# %% tags=["nbval-ignore-output"]
first = len(stay) * 4 // 5
leak = [place >= first and original in source[:first] for place, original in enumerate(source)]
leak = torch.tensor(leak)
say(
    "Of {count} test pictures {leaked} are near copies of training pictures. "
    "Your function drops {found} of these {leaked}, and {more} others.",
    count=len(stay) - first,
    leaked=leak.sum().item(),
    found=(leak & drop).sum().item(),
    more=(drop[first:] & ~leak[first:]).sum().item(),
)
left = (leak & ~drop).nonzero()[:, 0][:6].tolist()
if left:
    # The same picture, among those for training.
    partners = [source.index(source[place]) for place in left]
    plots.images(
        images[stay[left + partners]],
        "Above: test pictures that leak and that your function lets stay. "
        "Below: the same picture among the training pictures. The cosine is above each.",
        titles=[f"{cosine:.3f}" for cosine in alike[left, partners].tolist()],
        columns=len(left),
    )

# %% [markdown]
# Does any remain? Set `COPY = 0.97`, run that cell and this one again, and look at those that do: what was done to them that the vectors notice? (Then set it back.) And the others that were dropped: are they all mistakes? (A copy of a *test* picture is no leak, but no new question either.)
# The lower the cut, the more of the leaks it finds, and the more it drops that are none. For a test that is a good bargain: a test that is a little smaller is still a test, one that leaks is none.
#
# # 4. Search
#
# **What is in it?** Ask. The vectors of all pictures together are an **index**; a sentence becomes a **query** in the same space, and what lies nearest is
# the answer. LAION opened such a page for its data, where everybody could see what models are trained on.
#
# ### Exercise 3: <!-- exercise search -->
#
# A search engine, the whole of it.

# %% [markdown] tags=["ja"]
# 残ってしまったものはありますか。`COPY = 0.97` として、そのセルとこのセルをもう一度実行し、残ったものを見てください。ベクトルが変わってしまうほどの、どんな加工をされているのでしょうか。（見終わったら、元の値に戻してください。）また、捨てられたそのほかの画像は、すべて間違いでしょうか。（*テスト用*の画像どうしの複製は、リーク（leak）ではありませんが、新しい問題でもありません。）しきい値が低いほど、リークは多く見つかりますが、リークでないものも多く捨てられます。テストにとっては、悪くない取引です。少し小さくなってもテストはテストですが、リークのあるテストは、もうテストではありません。
#
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
    Returns (scores, indices), both (Q, k), best first: cosines, and the numbers of the rows that have
    them.
    """
    raise NotImplementedError


# %%
check(search)


# %%
def asked_for(said, shown):
    """Whether a picture's scene shows the things of a query, with all that is said of them."""
    said_so, shown_so = (
        {(one.thing, one.relation, one.other.thing) for one in scene.chain() if one.other}
        for scene in (said, shown)
    )
    return fits_scene(said, shown) and said_so <= shown_so


def span(scores):
    """The lowest and the highest of some scores, as text."""
    return f"{min(scores):.2f} - {max(scores):.2f}" if scores else "-"


# %% tags=["nbval-ignore-output"]
index = image_features[shelf]
gallery = images[shelf]
# The truth: all that each picture shows.
inside = [understand(pairs[i]["shows"])[0] for i in shelf.tolist()]
for query in ("an astronaut", "a snowman at night", "a brain riding a horse"):
    scores, places = search(clip.encode_text([query]), index, 8)
    plots.images(
        gallery[places[0].cpu()],
        'The eight of {count} pictures that fit "{query}" best.',
        titles=[f"{score:.2f}" for score in scores[0].tolist()],
        columns=8,
        count=len(index),
        query=query,
    )
    holds = [asked_for(understand(query)[0], scene) for scene in inside]
    marks = [holds[i] for i in places[0].tolist()]
    say(
        "{right} of the eight are right, of {all} such pictures on the shelf. "
        "Scores of the right ones: {good}; of the wrong ones: {bad}.",
        right=sum(marks),
        all=sum(holds),
        good=span([score for score, mark in zip(scores[0].tolist(), marks, strict=True) if mark]),
        bad=span([score for score, mark in zip(scores[0].tolist(), marks, strict=True) if not mark]),
    )

# %% [markdown]
# **Change one thing:** type something else.
#
# Look at the failures. Where a wrong picture stands among the eight, are the right ones used up, or did the model not recognise them? The numbers below each row tell.
# **Can you tell from the scores that nothing fits?** Take a query that no picture answers, and compare its best score with those of right answers to the other queries. A cosine puts the pictures in order for *one*
# query. What it is worth differs from query to query: sentences about what the model knows less well, or that name several things, have their right answers at other heights. So one threshold for all queries either
# lets in wrong answers or throws out right ones, and an engine that must say "nothing" needs a second look, such as comparing the sentence with others for the same picture (Lab 02).
#
# Exact search multiplies each query with every row. For billions of rows, real engines look only at the neighbourhoods that seem promising and keep the vectors compressed
# ([Johnson, Douze & Jégou 2017](https://arxiv.org/abs/1702.08734)). They find nearly what yours finds.
#
# **How good is it?** Take pictures of distinct scenes, a full caption for each, and ask with every caption for its own picture. The share that is found among the first $k$
# is called recall at k, R@k:
#
# $$ \mathrm{R@}k = \frac1N \sum_{i=1}^{N} \big[\, s_{ii} \text{ is among the } k \text{ largest (of row } i \text{)} \,\big] $$
#
# with $s_{ij}$ the similarity of query $i$ and picture $j$; the brackets are 1 where what they say is true, and 0 elsewhere.
#
# ### Exercise 4: <!-- exercise recall_at_k -->
#
# Anywhere among the $k$ is good enough.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：ほかのものを探してみてください。
#
# 失敗しているところを見てください。8 枚の中に間違った画像があるのは、正しい画像が足りないからでしょうか。それとも、あるのに見分けられなかったのでしょうか。それぞれの下の数を見ればわかります。**合うものが 1 枚もないことは、スコアからわかるでしょうか。** 答えのないクエリを選んで、その最高のスコアを、ほかのクエリの正しい答えのスコアと比べてください。コサインは、*ひとつの*クエリについて画像を順に並べるものです。値そのものの意味は、クエリごとに違います。モデルがあまりよく知らないものについての文や、いくつものものを含む文では、正しい答えのスコアの高さが変わります。ですから、すべてのクエリに同じしきい値を使えば、間違った答えが入るか、正しい答えが捨てられるかのどちらかになります。「ありません」と答えなければならない検索エンジンには、もう一段の確認が必要です。たとえば、同じ画像に対して、ほかの文と比べてみることです（Lab 02）。
#
# 正確に検索するには、クエリをすべての行と掛け合わせます。何十億行もあるとき、実際の検索エンジンは、有望そうな近傍だけを調べ、ベクトルを圧縮しておきます（[Johnson, Douze & Jégou 2017](https://arxiv.org/abs/1702.08734)）。それでも、あなたのものとほとんど同じ答えを見つけます。
#
# **どれくらい優秀でしょうか。** 互いに異なるシーンの画像を用意し、それぞれに完全なキャプションを付け、どのキャプションからも自分の画像を探させます。上位 $k$ 個の中で見つかった割合を、再現率（recall）R@k と呼びます。
#
# $$ \mathrm{R@}k = \frac1N \sum_{i=1}^{N} \big[\, s_{ii} \text{ は上位 } k \text{ 個に入る（第 } i \text{ 行の中で）} \,\big] $$
#
# 角括弧は、中の文が正しければ 1、正しくなければ 0 です。$s_{ij}$ は、クエリ $i$ と画像 $j$ の類似度です。
#
# ### 演習 4：<!-- exercise recall_at_k -->
#
# $k$ 個の中にあれば、何番目でもかまいません。


# %%
@exercise("recall_at_k")
def recall_at_k(similarities, k):
    """The share of rows whose own column is among their k largest.

    similarities: (N, N), queries in rows; row i belongs to column i. k: at most N.
    Returns one number in [0, 1].
    """
    raise NotImplementedError


# %%
check(recall_at_k)

# %% tags=["nbval-ignore-output"]
_, asked = World(seed=77, level="storybook").prompts(budget(lesson=500, ci=24))
distinct = list(dict.fromkeys(asked))
chance = random.Random(7)
scenes = [complete(scene, chance) for scene in distinct]
distinct_pictures = render(scenes, 32, torch.Generator().manual_seed(7))
drawn = clip.encode_image(distinct_pictures)  # (M, D)


def recall_of(reader, language, k):
    """Your recall_at_k of a text encoder that is asked with captions of that language.

    It searches among the pictures of the distinct scenes.
    """
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

# The things in each picture of the shelf.
shown = [{one.thing for one in scene.chain()} for scene in inside]
english_words = {thing: names[0][0] for thing, names in THINGS.items()}  # "cat", "Jizo statue"


def hits(reader, words, k):
    """How many of the first k pictures show the thing that was asked for: a mean over {thing: word}."""
    places = search(reader.encode_text(list(words.values())), index, k)[1].tolist()
    shares = [sum(thing in shown[i] for i in row) / k for thing, row in zip(words, places, strict=True)]
    return sum(shares) / len(shares)


by_chance = sum(len(things) for things in shown) / len(shown) / len(THINGS)
say(
    "{things} single words: {one:.1%} of the first pictures show the thing, "
    "and {eight:.1%} of the first eight. By chance: {chance:.1%}.",
    things=len(THINGS),
    one=hits(clip, english_words, 1),
    eight=hits(clip, english_words, 8),
    chance=by_chance,
)

# %% [markdown]
# A full caption finds its own picture nearly always: it says all that there is to tell pictures apart by. People type less. Which of the two numbers would you look at to choose between two search engines?
# (And can you write R@k in one line, with `topk_accuracy` of Lab 02?)
#
# # 5. The same pictures in another language
#
# **And if somebody asks for 「猫」?** The text encoder has seen English captions only. Its tokenizer cuts Japanese into tokens, too, but nobody
# has told it what they mean:

# %% [markdown] tags=["ja"]
# 完全なキャプションは、ほとんどいつも自分の画像を見つけます。画像を見分ける手がかりが、すべて書いてあるからです。けれども、人が打ち込むのはもっと短い文です。2 つの検索エンジンのどちらかを選ぶなら、どちらの数を見ますか。（また、R@k を、Lab 02 の `topk_accuracy` を使って 1 行で書けるでしょうか。）
#
# # 5. 同じ画像をほかの言語で
#
# **「猫」と尋ねられたら、どうなるでしょうか。** テキストエンコーダが見たことのあるのは、英語のキャプションだけです。トークナイザは日本語もトークン（token）に分けますが、その意味をだれも教えていません。


# %%
japanese_words = {thing: names[1][0] for thing, names in THINGS.items()}  # 猫, お地蔵さん


def named_rows(*queries):
    """Titles that name each row of eight pictures, above its first."""
    return [title for query in queries for title in (query, *[""] * 7)]


def side_by_side(reader, english, japanese):
    """The same search in two languages: English by clip, Japanese by the given reader."""
    asked_both = ((clip, english), (reader, japanese))
    places = [search(one.encode_text([query]), index, 8)[1][0].cpu() for one, query in asked_both]
    plots.images(
        gallery[torch.cat(places)],
        'Above: the eight pictures that fit "{english}" best. '
        'Below: the eight that fit "{japanese}" best.',
        titles=named_rows(english, japanese),
        columns=8,
        english=english,
        japanese=japanese,
    )


# %% tags=["nbval-ignore-output"]
side_by_side(clip, "cat", "猫")
side_by_side(clip, "Jizo", "お地蔵さん")
before = {"en": hits(clip, english_words, 8), "ja": hits(clip, japanese_words, 8)}
recall_before = {language: recall_of(clip, language, 1) for language in ("en", "ja")}
say(
    "{things} words, the thing among the first eight: "
    "English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.",
    things=len(THINGS),
    chance=by_chance,
    **before,
)
say(
    "R@1: English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.",
    chance=1 / len(distinct),
    **recall_before,
)

# %% [markdown]
# **Must we caption all pictures again, in Japanese?** No. The pictures have their places in the space already, and the English text encoder has put "a red cat" beside
# the red cats. Whoever learns to put 「赤い猫」 where the English one puts "a red cat" has found the cats, **without a single picture**. All that it takes is sentences with their translations. The English text encoder is the
# teacher, its weights frozen; another one, of random weights, is the student:
#
# $$ L = 1 - \frac1B \sum_{i=1}^{B} \cos\big(h(\text{Japanese}_i),\; g(\text{English}_i)\big) $$
#
# with the student $h$ and the teacher $g$. (After [Reimers & Gurevych 2020](https://arxiv.org/abs/2004.09813), section 2, who take squared distances. The model that filtered LAION-5B's other hundred languages was made in this manner: Multilingual CLIP, [Carlsson et al. 2022](https://aclanthology.org/2022.lrec-1.739/).)
# There are no negatives in it, unlike in Lab 01's contrastive loss. Why does it not all fall into one point?
#
# ### Exercise 5: <!-- exercise alignment_loss -->

# %% [markdown] tags=["ja"]
# **すべての画像に、日本語のキャプションを付け直さなければならないのでしょうか。** いいえ。画像は、もう空間の中に自分の場所を持っています。英語のテキストエンコーダは、"a red cat" を赤い猫たちのそばに置きました。それと同じところに「赤い猫」を置けるようになれば、猫が見つかります。**画像は 1 枚もいりません。** 必要なのは、文とその翻訳だけです。英語のテキストエンコーダが教師（teacher）で、教師の重みは凍結します。重みが乱数のもうひとつのテキストエンコーダが、生徒（student）です。
#
# $$ L = 1 - \frac1B \sum_{i=1}^{B} \cos\big(h(\text{日本語}_i),\; g(\text{英語}_i)\big) $$
#
# $h$ が生徒、$g$ が教師です。（[Reimers & Gurevych 2020](https://arxiv.org/abs/2004.09813) の 2 節によります。そこでは距離の 2 乗を使います。LAION-5B のほかの 100 の言語を選別したモデル、Multilingual CLIP も、このようにして作られました。[Carlsson et al. 2022](https://aclanthology.org/2022.lrec-1.739/)。）Lab 01 の対照損失（contrastive loss）と違って、負例（negative）はありません。それでも、すべてが一点に集まってしまわないのはなぜでしょうか。
#
# ### 演習 5：<!-- exercise alignment_loss -->


# %%
@exercise("alignment_loss")
def alignment_loss(student_text, teacher_text):
    """How far a student's text features point away from its teacher's: one minus the mean cosine.

    student_text: (B, D) and teacher_text: (B, D), of any lengths; row i of both means the same.
    Returns a 0-d tensor in [0, 2], from which `backward()` reaches the student's features.
    """
    raise NotImplementedError


# %%
check(alignment_loss)

# %% [markdown]
# It does not fall into one point because the teacher does not move: its vectors lie apart from one another, and no single point is near to all of them. If both learnt,
# one point for all sentences would make the loss 0.
#
# The student has the teacher's size. It gets sentences of this world in both languages, half of them short, since people who search
# type single words:

# %% [markdown] tags=["ja"]
# 一点に集まらないのは、教師が動かないからです。教師のベクトルは互いに離れているので、そのすべてに近い点はありません。もし両方が学習すれば、すべての文を一点に集めるだけで、損失は 0 になります。
#
# 生徒の大きさは、教師と同じです。この世界の文を、両方の言語で読ませます。半分は短い文にします。検索する人は、単語ひとつしか打ち込まないことも多いからです。

# %% tags=["nbval-ignore-output"]
STEPS = budget(lesson=500, ci=3)
BATCH = budget(lesson=128, ci=16)
sayings = World(seed=5, partial=0.5, level="storybook")
for english, japanese in zip(*sayings.translations(0, 4).values(), strict=True):
    print(english, "|", japanese)


def new_reader():
    """What sees as clip does, and reads with a text encoder of random weights."""
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

# %% [markdown]
# The same searches again, in the same pictures:

# %% [markdown] tags=["ja"]
# 同じ画像の中から、もう一度、同じものを探してみましょう。

# %% tags=["nbval-ignore-output"]
side_by_side(student, "cat", "猫")
side_by_side(student, "Jizo", "お地蔵さん")
after, recall_after = hits(student, japanese_words, 8), recall_of(student, "ja", 1)
say(
    "{things} Japanese words, the thing among the first eight: "
    "before {before:.1%}, after {after:.1%}; English {en:.1%}.",
    things=len(THINGS),
    before=before["ja"],
    after=after,
    en=before["en"],
)
say(
    "R@1 in Japanese: before {before:.1%}, after {after:.1%}; English {en:.1%}.",
    before=recall_before["ja"],
    after=recall_after,
    en=recall_before["en"],
)

# %% [markdown]
# **How good can a student become?** Search in English for what its teacher confuses, then in Japanese. (The zoo's `clip-storybook-ja` is such a student, taught four times as long: `clip.with_words("clip-storybook-ja")`.)
#
# **Emoji** were drawn by people who do not know our storybook, and have names in many languages. The same search among thirty of them, drawn half as
# large as their pictures, as things are in our storybook. There is no Jizo; which one is nearest?

# %% [markdown] tags=["ja"]
# **生徒は、どこまで上達できるでしょうか。** 教師が取り違えるものを英語で探し、同じものを日本語でも探してみてください。（学習済みモデル集の `clip-storybook-ja` は、このような生徒を、4 倍の時間をかけて学習させたものです。`clip.with_words("clip-storybook-ja")` で使えます。）
#
# **絵文字**（emoji）は、この絵本の世界を知らない人たちが描いたもので、多くの言語で名前が付いています。30 個の絵文字の中から、同じものを探してみましょう。この絵本の世界のものと同じくらいの大きさになるように、画像の半分の大きさで描きます。お地蔵さんはありません。いちばん近いのは、どれでしょうか。

# %% tags=["nbval-ignore-output"]
SMALL_PICTURES = "🐈🐕🐟🐦🐎🦘🐘🐧🤖⛄🌳🌷🍄🌙🏠⛵🚗🚀🧠🍎☂⭐🔴🔷🎈🗿🐭🍣🎸🍕"
try:
    glyphs = F.pad(emoji.draw(list(SMALL_PICTURES), 16), (8, 8, 8, 8), value=1.0)  # white around them
except FileNotFoundError as missing:
    say("The emoji are left out: {why}", why=missing)
else:
    seen = clip.encode_image(glyphs)
    for english, japanese in (("cat", "猫"), ("Jizo", "お地蔵さん")):
        asked_three = ((clip, english), (clip, japanese), (student, japanese))
        places = [search(one.encode_text([query]), seen, 8)[1][0].cpu() for one, query in asked_three]
        plots.images(
            glyphs[torch.cat(places)],
            'The eight emoji that fit best: above "{english}", '
            'in the middle "{japanese}" before the training, below "{japanese}" after it.',
            titles=named_rows(english, japanese, japanese),
            columns=8,
            inches=0.9,
            english=english,
            japanese=japanese,
        )

# %% [markdown]
# Where the first and the last row fail alike, whose fault is it, the words' or the pictures'?
#
# # 6. Data or architecture?
#
# **Does it help to choose?** DataComp ([Gadre et al. 2023](https://arxiv.org/abs/2304.14108)) fixes network, code and compute, and lets people compete with data alone. Let us play that with our shelf. A small image encoder is
# trained on three sets of **equally many pairs**, for equally many steps: pairs as they were crawled; pairs that passed your filter; and pairs that passed it and are no copies. To save time the text encoder is clip's, kept as it
# is, and only the image encoder learns (as in [Zhai et al. 2022](https://arxiv.org/abs/2111.07991), with the roles exchanged). It is a convolutional one, and the loss is Lab 01's. The test is section 4's: distinct scenes
# with faultless captions. **Before you run it**, write down what you expect of each of the two steps. Each set is trained on twice, from other random weights: what differs between two such runs is chance.

# %% [markdown] tags=["ja"]
# いちばん上の行といちばん下の行が同じように失敗しているところは、どちらのせいでしょうか。言葉でしょうか、画像でしょうか。
#
# # 6. データか、アーキテクチャか
#
# **データを選ぶと、よくなるのでしょうか。** DataComp（[Gadre et al. 2023](https://arxiv.org/abs/2304.14108)）は、ネットワークもコードも計算量も固定し、データだけで競わせます。同じことを、棚に並べたデータでやってみましょう。小さな画像エンコーダを、**同じ数の組**からなる 3 つのデータで、同じステップ数だけ学習させます。集めたままの組、選別を通った組、選別を通って複製でもない組の 3 つです。時間を節約するため、テキストエンコーダは clip のものをそのまま使い、画像エンコーダだけを学習させます（[Zhai et al. 2022](https://arxiv.org/abs/2111.07991) の方法で、役割を入れ替えたものです）。画像エンコーダは畳み込み（convolution）のネットワーク、損失は Lab 01 のものです。テストは 4 節と同じで、互いに異なるシーンと完璧なキャプションです。**実行する前に**、2 つの段階のそれぞれについて、予想を書いてください。どのデータでも、違う乱数の重みから 2 回ずつ学習させます。その 2 回の差が、偶然による差です。


# %%
def new_encoder(width):
    """An image encoder: three convolutions that halve the picture, then one layer into clip's space."""

    def halved(narrow, wide):
        convolution = nn.Conv2d(narrow, wide, 3, stride=2, padding=1)
        return nn.Sequential(convolution, nn.GroupNorm(4, wide), nn.SiLU())

    body = [halved(3, width), halved(width, 2 * width), halved(2 * width, 4 * width), nn.Flatten()]
    last = nn.Linear(4 * width * 16, text_features.shape[1], bias=False)
    return machine.place(nn.Sequential(*body, last))


def trained(width, pictures, texts, seed):
    """An image encoder of that width after STEPS_EACH batches of up to 64 of these pairs.

    pictures: (N, 3, 32, 32); texts: (N, D), clip's vectors of their captions.
    seed: of the weights and of the batches.
    """
    machine.seed(seed)
    encoder = new_encoder(width)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=3e-3)
    cool = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 20) * max(0.05, 1 - step / STEPS_EACH)
    )
    chooser = torch.Generator().manual_seed(seed)
    for _ in range(STEPS_EACH):
        some = torch.randperm(len(pictures), generator=chooser)[:64]
        meant = texts[some.to(texts.device)].to(device)
        loss = clip_loss(encoder(pictures[some].to(device)), meant, 20.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cool.step()
    return encoder


# %% tags=["nbval-ignore-output"]
STEPS_EACH = budget(lesson=300, ci=2)
RUNS = budget(lesson=2, ci=1)
original_of = [i if pair["copy_of"] is None else pair["copy_of"] for i, pair in enumerate(pairs)]


def copies_among(some):
    """Of the pictures with these numbers, the share that shows what another one before it shows."""
    return 1 - len({original_of[i] for i in some.tolist()}) / max(1, len(some))


wanted = clip.encode_text([describe(scene) for scene in distinct]).clone()  # (M, D), section 4's captions


def learnt_from(some):
    """Prints what is in the pairs with these numbers, and what encoders that learnt from them find."""
    say(
        "  of these pairs {faulty:.1%} do not fit, {copies:.1%} are copies",
        faulty=(wrong | empty)[some].float().mean().item(),
        copies=copies_among(some),
    )
    for seed in range(RUNS):
        encoder = trained(12, images[some], text_features[some.to(text_features.device)], seed)
        with torch.no_grad():
            looked = F.normalize(encoder(distinct_pictures.to(device)), dim=-1)
        match = F.normalize(wanted, dim=-1) @ looked.T
        one, ten = (float(recall_at_k(match, k)) for k in (1, 10))
        say("  R@1 {one:5.1%}, R@10 {ten:5.1%}", one=one, ten=ten)


say("{count} pairs as they were crawled:", count=len(shelf))
learnt_from(torch.arange(len(shelf)))
say("As many that passed the filter:")
learnt_from(stay[: len(shelf)])
say("As many that passed it, without copies:")
learnt_from(shelf)
say("By chance: R@1 {one:.1%}, R@10 {ten:.1%}.", one=1 / len(distinct), ten=10 / len(distinct))

# %% [markdown]
# Which of the two steps makes a difference that is larger than that between two runs of one set? In our runs the filter did, by far: at the same number of pairs, R@1 more than doubled.
# What dropping the copies adds to R@1 was less than the difference between two runs of one set: most pairs of the two filtered sets are the same. (That is no argument against
# dropping them: else the leaks of section 3 stay.) And mind two favours: judge, text encoder and test come from the same faultless world; and the sets are equally large only because the crawl was larger.
# From a given crawl a filter makes fewer pairs. When is it better to keep them?
#
# **And the network?** Now the number of pairs, against the number of weights, **each times four**: two image encoders, trained on more and more different pairs of the `shapes` level. What they are tested on are pictures of
# scenes of which **no** training picture was drawn, of whatever number: else more pairs would be good simply because they hold more of the test. Right is who finds both shape and colour, 56 possible pairs.
# All take equally many steps: who has few pairs sees each more often. But four times the weights also cost more computing, four times the pairs do not.

# %% [markdown] tags=["ja"]
# 同じデータで 2 回学習させたときの差よりも大きな差が出たのは、2 つの段階のどちらでしょうか。作者が試したときは、選別の効果がはっきりと出ました。組の数が同じでも、R@1 は 2 倍を超えました。複製を除いたときの R@1 の伸びは、同じデータで 2 回学習させたときの差よりも小さなものでした。選別を通った 2 つのデータは、大部分が同じ組だからです。（だからといって、除かなくてよいことにはなりません。除かなければ、3 節で見たリークが残ります。）また、この実験には、結果に有利な点が 2 つあります。審判も、テキストエンコーダも、テストも、同じ完璧な世界のものです。そして、3 つのデータの大きさが同じなのは、もとのデータがもっと大きかったからです。決まった量のデータを選別すれば、組は減ります。捨てずに残したほうがよいのは、どんなときでしょうか。
#
# **では、ネットワークはどうでしょうか。** 今度は、組の数と重みの数を、**どちらも 4 倍**にして比べます。2 つの大きさの画像エンコーダを、`shapes` の世界の、だんだん多くの異なる組で学習させます。テストするのは、組の数にかかわらず、学習用の画像に**一度も**出てこないシーンの画像です。そうしないと、組を増やすほど、テストのシーンが多く含まれるというだけで、結果がよくなってしまいます。形と色の両方が合っていれば正解で、その組み合わせは 56 通りです。ステップ数はどれも同じです。組の種類が少なければ、同じものを何度も見ることになります。ただし、重みを 4 倍にすると計算も増えますが、組を 4 倍にしても増えません。

# %% tags=["nbval-ignore-output"]
WIDTHS = (8, 28)  # of a small and of a large image encoder
NUMBERS = [256, 1024, 4096][: budget(lesson=3, ci=2)]  # of different pairs
shape_scenes = [scene for scene in all_scenes() if not is_held_out(scene)]
random.Random(3).shuffle(shape_scenes)
sentences = clip.encode_text([describe(scene) for scene in shape_scenes]).clone()  # (C, D)
# The first scenes are for the test; the pictures to learn from show the others.
TESTED = budget(lesson=500, ci=32)


def pictures_of(scene_numbers, seed):
    """A picture of each of these scenes, (N, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(seed)
    some = [shape_scenes[i] for i in scene_numbers]
    return torch.cat([render(some[i : i + 256], 32, generator) for i in range(0, len(some), 256)])


@torch.no_grad()
def right(encoder):
    """The share of test pictures whose nearest sentence, of all, has the right shape and colour."""
    looked = F.normalize(encoder(test_pictures.to(device)), dim=-1)
    best = (looked @ F.normalize(sentences, dim=-1).T).argmax(dim=1)
    answers = [(shape_scenes[a], shape_scenes[b]) for b, a in enumerate(best.tolist())]
    return sum(a.thing == b.thing and a.color == b.color for a, b in answers) / len(answers)


test_pictures = pictures_of(range(TESTED), seed=2)
chance = random.Random(31)
pool = torch.tensor([chance.randrange(TESTED, len(shape_scenes)) for _ in range(NUMBERS[-1])])
pool_pictures = pictures_of(pool.tolist(), seed=1)
places_in = sentences[pool.to(sentences.device)]
accuracy = {}  # width -> for each number, the share of each run
for width in WIDTHS:
    weights = sum(parameter.numel() for parameter in new_encoder(width).parameters())
    say("An image encoder of {weights:,} weights:", weights=weights)
    accuracy[width] = []
    for number in NUMBERS:
        runs = [
            right(trained(width, pool_pictures[:number], places_in[:number], seed))
            for seed in range(RUNS)
        ]
        accuracy[width].append(sum(runs) / RUNS)
        shares_of_runs = ", ".join(f"{share:.1%}" for share in runs)
        say("{number:5} different pairs: {runs}", number=number, runs=shares_of_runs)
pairs_of_both = len({(scene.thing, scene.color) for scene in shape_scenes})
say("By chance: {share:.1%}.", share=1 / pairs_of_both)
plots.lines(
    {
        "small encoder": (NUMBERS, accuracy[WIDTHS[0]]),
        "large encoder": (NUMBERS, accuracy[WIDTHS[1]]),
        "by chance": (NUMBERS, [1 / pairs_of_both] * len(NUMBERS)),
    },
    "Share of pictures of scenes outside the training set whose shape and colour are named right "
    "(mean of the runs), against the number of different training pairs, on a logarithmic axis, "
    "for an image encoder and one with four times as many weights.",
    xlabel="different pairs",
    ylabel="shape and colour right",
    log="x",
    markers=True,
)

# %% [markdown]
# Stand on one point of the lower curve. One step to the right is four times the pairs; one step up is four times the weights. Which is worth more, and is the answer the same everywhere? Is the difference larger than
# that between the two runs?
#
# **Number, or diversity?** Once more the small one: as many pictures as the last had, each drawn anew, but of 64 scenes only.

# %% [markdown] tags=["ja"]
# 下の線の上の 1 点に立ってみましょう。右へ 1 つ進めば組が 4 倍、上の線に移れば重みが 4 倍です。どちらの効果が大きいでしょうか。答えは、どの点でも同じでしょうか。その差は、2 回の学習の差よりも大きいでしょうか。
#
# **数か、多様性か。** 小さいほうを、もう一度学習させます。画像の枚数は最後のものと同じで、どれも新しく描きます。ただし、シーンは 64 通りしかありません。

# %% tags=["nbval-ignore-output"]
few = pool[:64].repeat(NUMBERS[-1] // 64)
few_texts = sentences[few.to(sentences.device)]
of_few = right(trained(WIDTHS[0], pictures_of(few.tolist(), seed=3), few_texts, 0))
say(
    "{number} pictures of 64 scenes: {few:.1%}; "
    "as many of all training scenes: {all:.1%}; {less} of them: {first:.1%}.",
    number=NUMBERS[-1],
    few=of_few,
    all=accuracy[WIDTHS[0]][-1],
    less=NUMBERS[0],
    first=accuracy[WIDTHS[0]][0],
)

# %% [markdown]
# **What this shows, and what it does not.**
#
# - It compares *one* factor, four, at this size and with this many steps. Where the pairs are few, more weights have little to learn from; where they are many, more weights make more of them. Your curves say where you stand.
# - Two widths of one kind of network are no two architectures. And two runs are few: they may lie as far apart as the steps that you compare.
# - The text encoder knew the words of this world already.
# - *How many* pairs and *which* pairs are two questions. With billions of pairs the number saturates, unless network and compute grow with it ([Cherti et al. 2023](https://arxiv.org/abs/2212.07143)). Choice helps where number does not: in Lab 02's
#   figure of published models, L/14 gains 3.9 points from better chosen and *fewer* pairs, nearly as much as a network gains that costs six times the operations.
#
# What would you have to measure to convince somebody who doubts it?
#
# # Break it
#
# Somebody wants a data set in two languages. They have pairs with **faultless captions**, half English and half Japanese, and to be on the safe side they run the filter of section 2
# over them, with its CLIP and its threshold. **Before you run the cell**, write down: how many of each language will be left? When they see it, they lower the threshold until nine in
# ten of the Japanese pairs stay. What comes in with them? Explain all the numbers, then say what you would do.

# %% [markdown] tags=["ja"]
# **この実験が示すことと、示さないこと。**
#
# - 比べたのは、この大きさとこのステップ数で、4 倍という*ひとつの*倍率だけです。組が少なければ、重みを増やしても学ぶものがありません。組が多ければ、重みが多いほどそれを活かせます。今どちらにいるのかは、あなたの曲線が示しています。
# - 1 種類のネットワークの 2 つの幅では、2 つのアーキテクチャの比較とは言えません。また、2 回では足りません。2 回の結果の差が、比べたい差と同じくらいになることもあります。
# - テキストエンコーダは、この世界の言葉をすでに知っていました。
# - *いくつの*組かと、*どの*組かは、別の問いです。何十億組もあると、ネットワークと計算量も一緒に大きくしないかぎり、数を増やす効果は頭打ちになります（[Cherti et al. 2023](https://arxiv.org/abs/2212.07143)）。数を増やしても効果がないところで、選ぶことには効果があります。Lab 02 の公開モデルの図では、L/14 の正解率は、よりよく選んだ、しかも*より少ない*組で 3.9 ポイント上がりました。計算量が 6 倍のネットワークにしたときの差に近い大きさです。
#
# 疑っている人を納得させるには、何を測ればよいでしょうか。
#
# # 壊してみる
#
# だれかが、2 つの言語のデータセットを作ろうとしています。集めた組の**キャプションは完璧**で、半分が英語、半分が日本語です。念のため、2 節の選別を、同じ CLIP と同じしきい値で行うことにしました。**セルを実行する前に**、予想を書いてください。それぞれの言語の組は、どれくらい残るでしょうか。結果を見ただれかは、日本語の組の 10 組に 9 組が残るまで、しきい値を下げました。一緒に入ってくるものは何でしょうか。すべての数値を説明し、あなたならどうするかを答えてください。

# %% tags=["nbval-ignore-output"]
two_languages = World(size=32, seed=8, partial=0.0, japanese=0.5, level="storybook")
faultless = two_languages.batch(0, budget(lesson=400, ci=32))
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
    "Kept at {tau:.2f}: 90% of the Japanese pairs, and of the crawl {wrong:.1%} of the texts "
    "of other pictures and {empty:.1%} of those that say nothing.",
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
    kept = clip_filter(looked, told, 0.3).sum().item()
    say("LAION's threshold of 0.3 keeps {kept} of {count}.", kept=kept, count=64)
    _, places = search(published.encode_text(["a drawing of an animal"]), looked, 8)
    plots.images(
        found_pictures[places[0].cpu()],
        'The eight of {count} pictures that fit "{query}" best.',
        columns=8,
        count=64,
        query="a drawing of an animal",
    )
