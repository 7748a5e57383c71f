# %% [markdown]
# # Lab 08: Words into pictures
#
# <!-- badges -->
#
# **You will build** what makes a diffusion model listen: cross-attention, by which each place of a picture looks for its
# words; classifier-free guidance, by which it follows them; and the whole way from a sentence to a picture. You train a
# text-to-image model on latents from nothing, save it, and open the folder with `diffusers`, the library in which Stable
# Diffusion is used all over the world: from the same noise it has to draw the same picture. Then you walk through Stable
# Diffusion 1.5 itself, part by part. Its classes are the ones in your hands; only the numbers are larger.
#
# | | |
# |---|---|
# | Time | about 105 minutes, five of which your machine computes alone |
# | You need | Python and PyTorch; what a softmax is; Labs 05 to 07, or what $x_t$, $\hat x_0$, $\bar\alpha_t$ and a latent stand for |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 08：言葉を画像に
#
# <!-- badges -->
#
# **このラボで作るもの**：拡散モデルに言葉を聞かせる仕組みです。画像のそれぞれの場所が自分の言葉を探すクロスアテンション（cross-attention）、その言葉に従わせる分類器なしガイダンス（classifier-free guidance）、そして文から画像までの道のりのすべてです。潜在変数（latent）の上で、text-to-image のモデルをゼロから学習させて保存し、そのフォルダを `diffusers` で開きます。世界中で Stable Diffusion を動かしているライブラリです。同じノイズからは、同じ画像が描かれるはずです。そのあと、Stable Diffusion 1.5 の中を、部品ごとに見て回ります。クラスは手元のものと同じで、数が大きいだけです。
#
# | | |
# |---|---|
# | 時間 | 約 105 分（そのうち、コンピュータの計算を待つのは 5 分） |
# | 必要なもの | Python と PyTorch。ソフトマックス（softmax）の意味。Lab 05 から 07、または $x_t$、$\hat x_0$、$\bar\alpha_t$ と潜在変数の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import math
import tempfile
import time
from itertools import combinations
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab import zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import describe, vocabulary
from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.interop.stable_diffusion import read_vae
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness, read
from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.layers import Attention
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.pipelines.attention_maps import AttentionMaps, places_of
from t2ilab.pipelines.interpolation import interpolate
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

STORYBOOK = "storybook"  # the model of the zoo that sections 1 to 4 look into
machine = DeviceManager()
device = machine.device
pipe = TextToImage.from_pretrained(STORYBOOK)
STEPS = budget(lesson=20, ci=4)  # of a walk from noise to picture
QUICK = budget(lesson=10, ci=3)  # of one whose pictures are mostly counted

# %% [markdown]
# # 1. A place asks, the words answer
#
# **How does a word get to the place where it is painted?** Inside the U-Net, a picture is a small map: a few dozen places,
# each with a vector. The text encoder has made a row of vectors of the prompt, one for each token. Nobody tells the network
# which token belongs to which place. So the places *ask*. From the vector of a place, a matrix makes a **query**: what it
# is looking for. From the vector of a token, two other matrices make a **key**, what it answers to, and a **value**, what it
# has to say. The better query and key fit, the more of the value is heard:
#
# $$ \text{Attention}(Q, K, V) = \text{softmax}\Big(\frac{Q K^\top}{\sqrt{D}}\Big)\, V \qquad \text{(Vaswani et al. 2017, eq. 1)} $$
#
# A row of the softmax belongs to one place. It is positive and adds up to 1, so that every place has the same amount of attention to
# give away. Where queries come from one thing and keys and values from another, it is called **cross-attention**;
# [Rombach et al. 2022](https://arxiv.org/abs/2112.10752) (section 3.3) put it between picture and text.
#
# Here is a model of the zoo at work, and what its last cross-attention gets half-way through the walk:

# %% [markdown] tags=["ja"]
# # 1. 場所がたずね、言葉が答える
#
# **言葉は、自分が描かれる場所へ、どうやって届くのでしょうか。** U-Net の中では、画像は小さな特徴マップ（feature map）になっています。場所は数十か所しかなく、それぞれにベクトルがひとつあります。テキストエンコーダ（text encoder）は、プロンプト（prompt）からベクトルの列を作ります。トークン（token）ごとにひとつです。どのトークンがどの場所のものかを、ネットワークに教える人はいません。そこで、場所のほうから*たずねます*。場所のベクトルから、ひとつの行列が**クエリ**（query）を作ります。その場所が探しているものです。トークンのベクトルからは、別の 2 つの行列が**キー**（key）と**バリュー**（value）を作ります。キーは何を聞かれたら答えるか、バリューはその答えです。クエリとキーがよく合うほど、バリューが大きく聞こえます。
#
# $$ \text{Attention}(Q, K, V) = \text{softmax}\Big(\frac{Q K^\top}{\sqrt{D}}\Big)\, V \qquad \text{(Vaswani et al. 2017, eq. 1)} $$
#
# ソフトマックスの 1 行が、ひとつの場所のものです。どの数も正で、合計は 1 です。つまり、どの場所も、配れるアテンション（attention）の量は同じです。クエリの出どころと、キーとバリューの出どころが違うとき、これを**クロスアテンション**といいます。[Rombach et al. 2022](https://arxiv.org/abs/2112.10752)（3.3 節）は、これを画像とテキストのあいだに置きました。
#
# 学習済みモデル集（zoo）のモデルが描いている途中を見てみましょう。道の半ばで、最後のクロスアテンションが受け取るものです。

# %% tags=["nbval-ignore-output"]
prompt = "a red cat riding a blue horse by day"
# Where pixels look at words:
names = [name for name, _ in pipe.unet.named_modules() if name.endswith("attn2")]
layer = pipe.unet.get_submodule(names[-1])
heard = []
listener = layer.register_forward_pre_hook(lambda layer, inputs: heard.append(inputs))
picture = pipe(prompt, seed=0, num_inference_steps=STEPS, guidance_scale=1.0, output_type="pt") * 2 - 1
listener.remove()
x, context = (part.float() for part in heard[len(heard) // 2][:2])  # half precision, on some machines
print(pipe.tokenizer.tokens(prompt))
say(
    "Cross-attentions in this U-Net: {count}. The last one gets {places} places of {width} numbers each, "
    "and {tokens} tokens of {wide} numbers each.",
    count=len(names),
    places=x.shape[1],
    width=x.shape[2],
    tokens=context.shape[1],
    wide=context.shape[2],
)


def in_heads(vectors):
    """(B, L, dim) -> (B, heads, L, dim / heads): each head gets its part of every vector."""
    return vectors.unflatten(-1, (layer.heads, -1)).transpose(1, 2)


with torch.no_grad():
    q, k, v = in_heads(layer.to_q(x)), in_heads(layer.to_k(context)), in_heads(layer.to_v(context))
print(tuple(q.shape), tuple(k.shape), tuple(v.shape))

# %% [markdown]
# The vectors come in **heads**: they are cut into equal parts, and each part asks and answers by itself, so that a place can
# look for several things at once. A head's queries and keys have $D$ numbers each. If those were independent draws of mean 0 and variance 1,
# the product of a query and a key, a sum of $D$ terms, would have the variance $D$, and with a large $D$ the softmax would give nearly everything to one token.
# Hence the root.
#
# A **mask** says where a place may look (True). What it may not see must get no attention at all, and the rest must still add up
# to 1.
#
# ### Exercise 1: <!-- exercise cross_attention -->
#
# The formula, for all samples and heads at once, and the mask.

# %% [markdown] tags=["ja"]
# ベクトルは**ヘッド**（head）に分かれています。同じ長さに切り分けられ、それぞれが別々にたずね、別々に答えます。ですから、ひとつの場所が、いくつものものを同時に探せます。ひとつのヘッドでは、クエリもキーも $D$ 個の数です。どれも平均 0、分散 1 の独立な乱数だとすると、クエリとキーの内積は $D$ 個の項の和なので、分散は $D$ になります。$D$ が大きいと、ソフトマックスはほとんどすべてをひとつのトークンに与えてしまいます。そこで、平方根で割ります。
#
# **マスク**（mask）は、場所がどこを見てよいかを示します（True なら見てよい）。見てはいけないものには、アテンションをまったく与えません。それでも、残りの合計は 1 でなければなりません。
#
# ### 演習 1：<!-- exercise cross_attention -->
#
# この式を、すべてのサンプルとヘッドについて一度に計算します。マスクも使います。


# %%
@exercise("cross_attention")
def cross_attention(q, k, v, mask=None):
    """Each query's mean of the values, weighted by how well its key fits (Vaswani et al. 2017, eq. 1).

    q: (B, heads, Lq, D), from the places of a picture; k, v: (B, heads, Lk, D), from the words;
    mask: bool, broadcasts to (B, heads, Lq, Lk), True where a query may look; None: everywhere.
    Returns (B, heads, Lq, D).
    """
    raise NotImplementedError


# %%
check(cross_attention)

# %% [markdown]
# One more matrix mixes the heads, and the layer is complete. Is it the network's own?

# %% [markdown] tags=["ja"]
# あとは、もうひとつの行列でヘッドを混ぜ合わせれば、この層の出来上がりです。ネットワーク自身の層と同じでしょうか。

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    side_by_side = cross_attention(q, k, v).transpose(1, 2).flatten(2)  # heads together again
    difference = (layer.to_out[0](side_by_side) - layer(x, context)).abs().max()
say("Your layer and the network's own differ by at most {d:.1e}.", d=difference.item())

# %% [markdown]
# ## What does a head look at?
#
# The weights stay inside of your function, but it can be made to tell. Give the value 1 to one word and 0 to all others:
# what comes back is **how much of its attention each place gives to that word**.

# %% [markdown] tags=["ja"]
# ## ヘッドは何を見ているか
#
# 重みはあなたの関数の中にあって、外には出てきません。けれども、聞き出すことはできます。ひとつの単語のバリューを 1、ほかをすべて 0 にするのです。戻ってくるのは、**それぞれの場所がその単語に与えるアテンションの割合**です。


# %% tags=["nbval-ignore-output"]
def attention_to(tokens):
    """How much of its attention each place gives to the tokens of these numbers: (heads, h, w)."""
    values = torch.zeros_like(v)
    values[:, :, tokens] = 1
    side = math.isqrt(q.shape[2])
    return cross_attention(q, k, values)[0, :, :, 0].unflatten(1, (side, side))


def as_picture(heat):
    """A map (h, w) as a picture (1, 3, H, W): black where it is 0, white where it is largest."""
    grey = (heat / heat.max()).expand(1, 3, *heat.shape)
    return F.interpolate(grey, size=picture.shape[-2:]).cpu() * 2 - 1


rows, titles = [], []
for word in ("cat", "horse"):
    heads = attention_to(places_of(pipe.tokenizer, prompt, word))
    rows += [picture.cpu(), *[as_picture(head) for head in heads]]
    titles += ["", *[f"{word} {number}" for number in range(1, len(heads) + 1)]]
plots.images(
    torch.cat(rows),
    "The picture, and beside it where each head of the layer looks for a cat, above, and for a horse, "
    "below: the lighter, the more attention.",
    titles=titles,
    columns=1 + layer.heads,
)
last = len(pipe.tokenizer.tokens(prompt))  # the number of its last word; the start token is 0
groups = [0], range(1, last + 1), range(last + 1, context.shape[1])
shares = [attention_to(tokens).mean().item() for tokens in groups]
say(
    "Of all the attention in this layer, {start:.0%} goes to the start token, {words:.0%} to the words, "
    "{rest:.0%} to the end token and its padding.",
    start=shares[0],
    words=shares[1],
    rest=shares[2],
)

# %% [markdown]
# Why should anybody look at padding? Remember Lab 01: in the text encoder every token sees all that stand before it. So what have the
# tokens behind the last word read? Hide them from the places (that is what the mask is for) and see how much of the layer's
# output changes:

# %% [markdown] tags=["ja"]
# なぜパディング（padding）を見るのでしょうか。Lab 01 を思い出してください。テキストエンコーダでは、どのトークンも自分より前をすべて見ます。では、最後の単語より後ろにあるトークンは、何を読み終えているのでしょうか。それらを場所から隠して（そのためのマスクです）、この層の出力がどれだけ変わるかを見てみましょう。

# %% tags=["nbval-ignore-output"]
mask = torch.arange(context.shape[1], device=device) <= last  # (Lk,): the start token and the words
with torch.no_grad():
    both = cross_attention(q, k, v), cross_attention(q, k, v, mask)
say(
    "Without the end and the padding, the output of the attention changes by {d:.0%} of its size.",
    d=((both[1] - both[0]).norm() / both[0].norm()).item(),
)

# %% [markdown]
# Stable Diffusion passes no mask to its U-Net: its places may look at all 77 tokens, too.
#
# ## Your attention, in all of the network
#
# Now let every cross-attention of the U-Net call **your** function. The layers keep their weights; only what they do with them is yours.

# %% [markdown] tags=["ja"]
# Stable Diffusion は、U-Net にマスクを渡しません。どの場所も、77 個のトークンすべてを見てよいのです。
#
# ## あなたのアテンションをネットワーク全体に
#
# では、U-Net にあるすべてのクロスアテンションに、**あなたの**関数を呼ばせましょう。層の重みはそのままで、それをどう使うかだけがあなたのものになります。


# %% tags=["nbval-ignore-output"]
class YourAttention(Attention):
    """The course's layer, with your function in its middle."""

    def forward(self, x, context=None, mask=None):
        """x (B, N, dim), context (B, L, context_dim), mask (B, L) -> (B, N, dim)."""
        context = x if context is None else context
        q, k, v = (
            vectors.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for vectors in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        heard = cross_attention(q, k, v, None if mask is None else mask.bool()[:, None, None])
        return self.to_out[0](heard.transpose(1, 2).flatten(2))


def listen(unet):
    """Every cross-attention of a U-Net calls your function from now on."""
    for name, layer in unet.named_modules():
        if name.endswith("attn2"):
            layer.__class__ = YourAttention  # the same object with the same weights, and another forward


before = pipe(prompt, seed=0, num_inference_steps=QUICK, output_type="pt")
listen(pipe.unet)
after = pipe(prompt, seed=0, num_inference_steps=QUICK, output_type="pt")
difference = (after - before).abs().max()
say("The picture drawn with your attention differs by at most {d:.1e}.", d=difference.item())

# %% [markdown]
# (The U-Net's *self*-attention is the same formula, with queries, keys and values all from the places: they ask one another.)
#
# # 2. A map for every word
#
# **Where does each word go?** One layer, one head, one step is a small sample. `AttentionMaps` records them all while the pipeline
# draws, and takes the mean: Hertz et al. ([2022](https://arxiv.org/abs/2208.01626)) edited pictures through such maps, and Tang et
# al. ([2022](https://arxiv.org/abs/2210.04885)) read them as heat over the picture.

# %% [markdown] tags=["ja"]
# （U-Net の*自己*注意（self-attention）も同じ式です。クエリもキーもバリューも場所から作られ、場所どうしがたずね合います。）
#
# # 2. 単語ごとのアテンションマップ
#
# **それぞれの単語は、どこへ行くのでしょうか。** ひとつの層、ひとつのヘッド、1 歩だけでは、ほんの一部です。`AttentionMaps` は、パイプライン（pipeline）が描くあいだ、そのすべてを記録して平均します。Hertz ら（[2022](https://arxiv.org/abs/2208.01626)）は、このようなマップを通して画像を編集しました。Tang ら（[2022](https://arxiv.org/abs/2210.04885)）は、画像に重ねたヒートマップとして読みました。

# %% tags=["nbval-ignore-output"]
with AttentionMaps(pipe, prompt) as maps:
    picture = pipe(prompt, seed=0, num_inference_steps=STEPS, output_type="pt") * 2 - 1
found = maps.words()
plots.images(
    torch.cat([picture.cpu(), *[as_picture(heat) for _, heat in found]]),
    "A picture, and for each word of its prompt the places that looked at it, over all layers and steps; "
    "each map is as bright as it can be.",
    titles=["", *[word for word, _ in found]],
    columns=5,
)
(reading,) = read(picture)
for word in ("cat", "horse"):
    heat = maps.word(word)
    down, across = divmod(int(heat.argmax()), heat.shape[1])
    peak = [(2 * place + 1) / side - 1 for place, side in zip((across, down), heat.T.shape, strict=True)]
    seen = reading and reading.find(word)
    if seen:
        say(
            "{word}: looked at most at ({x:+.1f}, {y:+.1f}); the reader sees it at ({a:+.1f}, {b:+.1f}).",
            word=word,
            x=peak[0],
            y=peak[1],
            a=seen.x,
            b=seen.y,
        )

# %% [markdown]
# (The reader gives the middle of a thing. The brightest place may be any part of it, such as a leg.) And when? The same word in five moments of the walk:

# %% [markdown] tags=["ja"]
# （読み取り器が答えるのは、ものの真ん中です。いちばん明るい場所は、脚のような、どこか一部分かもしれません。）では、いつでしょうか。同じ単語を、道のりの 5 つの時点で見てみましょう。

# %% tags=["nbval-ignore-output"]
moments = sorted({round(share * (STEPS - 1)) for share in (0, 0.15, 0.35, 0.65, 1)})
rows = [maps.word(word, calls=[call]) for word in ("cat", "horse") for call in moments]
plots.images(
    torch.cat([as_picture(heat) for heat in rows]),
    "Where the network looks for a cat, above, and for a horse, below, at timesteps {times}.",
    columns=len(moments),
    times=", ".join(str(maps.timesteps[call]) for call in moments),
)

# %% [markdown]
# In the first moment $x_t$ is nothing but noise. Does a map show something there all the same? What has the network to go by, then?
# (A map says where the network looked, and not yet why it painted what it painted. In our models the words have a second way in: all of them together are added to
# the timestep, for every residual block to hear. Stable Diffusion 1 does without that; section 7 comes back to it.)
#
# **Change one thing:** draw 「青い馬に乗る赤い猫、青空の下」, with the same words for `AttentionMaps`. Japanese has no spaces; where do the words begin? Do they
# look at the same places as in English?
#
# # 3. Learning to do without
#
# **Does a network that hears the words also heed them?** Not as much as we like. Its guess is the mean of all pictures that fit, and often the noisy
# picture alone tells most of it. The words make a difference, but a small one. So make the difference larger. For that, one has to know it:
# the guess *with* the words, and the guess *without* them.
#
# Two networks? Ho & Salimans ([2022](https://arxiv.org/abs/2207.12598), algorithm 1) use one, and take the words away from it now and then, in
# one sample of ten or of five. What stands in their place must be something that can be given again later, when nothing is asked for. Ours is the empty
# caption: its tokens, start, end and padding, go through the text encoder as any others. A sample loses all of its words or none: the
# network is to learn what pictures are like, and not what they are like where a word is missing.
#
# ### Exercise 2: <!-- exercise drop_condition -->
#
# `drop` says which samples lose their words. Section 5 trains with it.

# %% [markdown] tags=["ja"]
# 最初の時点では、$x_t$ はノイズでしかありません。それでも、マップに何か見えるでしょうか。そのときネットワークは、何を手がかりにしているのでしょうか。（マップが示すのは、ネットワークがどこを見たかであって、なぜそれを描いたかではありません。わたしたちのモデルでは、言葉の入る道がもうひとつあります。言葉全体をまとめたものが時刻（timestep）に足され、どの残差ブロック（residual block）にも届くのです。Stable Diffusion 1 にはそれがありません。7 節でもう一度取り上げます。）
#
# **ひとつ変えてみましょう**：「青い馬に乗る赤い猫、青空の下」を描かせてください。`AttentionMaps` にも同じ言葉を渡します。日本語には空白がありませんが、単語の切れ目はどこになりますか。英語のときと同じ場所を見ていますか。
#
# # 3. 言葉なしでも描けるように
#
# **言葉が聞こえるネットワークは、言葉に従うでしょうか。** 期待するほどではありません。推定値は、当てはまる画像すべての平均です。しかも、ノイズの入った画像だけで、たいていのことがわかってしまいます。言葉で変わる分はありますが、小さいのです。それなら、その差を大きくしましょう。そのためには差を知らなければなりません。言葉が*ある*ときの推定と、*ない*ときの推定です。
#
# ネットワークが 2 つ要るのでしょうか。Ho と Salimans（[2022](https://arxiv.org/abs/2207.12598)、アルゴリズム 1）は、ひとつで済ませます。ときどき、10 個に 1 個か 5 個に 1 個のサンプルから、言葉を取り上げるのです。その代わりに入れるものは、あとで何も注文しないときにも、同じように渡せるものでなければなりません。ここでは、空のキャプション（caption）を使います。開始トークン、終端トークン、パディングだけの列が、ほかの文と同じようにテキストエンコーダを通ります。ひとつのサンプルは、言葉をすべて失うか、まったく失わないかのどちらかです。学んでほしいのは、画像とはどういうものかであって、単語が欠けた文の画像とはどういうものかではないからです。
#
# ### 演習 2：<!-- exercise drop_condition -->
#
# `drop` は、どのサンプルが言葉を失うかを示します。5 節の学習で使います。


# %%
@exercise("drop_condition")
def drop_condition(cond, null, drop):
    """Some samples' words replaced by those of the empty caption (Ho & Salimans 2022, algorithm 1).

    cond: (B, L, D), the tokens of each sample's caption; null: (L, D), those of the empty caption;
    drop: bool (B,), True for a sample that is to learn without its words. Returns (B, L, D).
    """
    raise NotImplementedError


# %%
check(drop_condition)

# %% [markdown]
# The zoo's model learnt so. Now its two guesses can be put together. The paper writes, with $w = 0$ for no guidance,
#
# $$ \tilde\epsilon_\theta(x_t, c) = (1 + w)\,\epsilon_\theta(x_t, c) - w\,\epsilon_\theta(x_t) \qquad \text{(Ho \& Salimans 2022, eq. 6)} $$
#
# In words: start at the guess without words, go to the guess with words, and go on in that direction. Nearly all programs count from the
# start, with `guidance_scale` $s = 1 + w$. At 0 the words do not count, at 1 they count as they were learnt, above that they are exaggerated.
#
# Why is that direction the right one? By Bayes' rule, for the scores of Lab 04,
#
# $$ \nabla \log p(c \mid x_t) = \nabla \log p(x_t \mid c) - \nabla \log p(x_t) $$
#
# The difference of both guesses of the picture points to where somebody who has to guess the words finds that easier: a classifier,
# though nobody trained one (*classifier-free*). (That of the guesses of the noise points the other way, as noise is taken away.) And since noise, picture and score are straight-line functions of one another at each $t$, it does not matter which of them is guided. We
# guide the picture, $\hat x_0$.
#
# ### Exercise 3: <!-- exercise guide -->

# %% [markdown] tags=["ja"]
# zoo のモデルも、このように学習しました。では、2 つの推定を組み合わせましょう。論文の式では、ガイダンスなしが $w = 0$ です。
#
# $$ \tilde\epsilon_\theta(x_t, c) = (1 + w)\,\epsilon_\theta(x_t, c) - w\,\epsilon_\theta(x_t) \qquad \text{(Ho \& Salimans 2022, eq. 6)} $$
#
# 言葉で言うと、こうです。言葉なしの推定から出発して、言葉ありの推定まで進み、そのまま同じ方向へ進み続けます。ほとんどのプログラムは出発点から数え、`guidance_scale` を $s = 1 + w$ とします。0 なら言葉は効かず、1 なら学んだとおりに効き、それより大きいと誇張されます。
#
# なぜその方向でよいのでしょうか。Lab 04 のスコア（score）について、ベイズの定理から次の式が成り立ちます。
#
# $$ \nabla \log p(c \mid x_t) = \nabla \log p(x_t \mid c) - \nabla \log p(x_t) $$
#
# 画像の 2 つの推定の差が指すのは、画像から言葉を当てる人にとって、もっと当てやすくなる方向です。つまり分類器ですが、だれもそれを学習させてはいません（だから*分類器なし*といいます）。（ノイズは取り除くものなので、ノイズの推定の差は逆を向きます。）また、どの $t$ でも、ノイズ、画像、スコアは互いに 1 次式で結ばれているので、どれにガイダンスをかけても同じです。ここでは画像 $\hat x_0$ にかけます。
#
# ### 演習 3：<!-- exercise guide -->


# %%
@exercise("guide")
def guide(uncond, cond, guidance_scale):
    """From the guess without words towards the guess with them, and beyond (Ho & Salimans 2022, eq. 6).

    uncond, cond: (B, C, H, W), the two guesses; guidance_scale: a number; 0 gives uncond, 1 gives cond,
    and the paper's w is guidance_scale - 1. Returns the guided guess, like cond.
    """
    raise NotImplementedError


# %%
check(guide)

# %% [markdown]
# ## The whole way
#
# Two denoisers, one that was told and one that was not, your guidance, a walk without fresh noise (DDIM, which Lab 06 takes apart), and at the end a decoder
# that makes a picture of what the walk arrives at. That is all of text-to-image:
#
# ```text
# repeat:  x_t ──► without words ─┐
#           │                     ├─► guide ─► x0_hat ─► the same guess and its noise, mixed for the next level
#           └────► with words ────┘
# at last:  decode(x0)
# ```
#
# From a guess $\hat x_0$ at the level $\bar\alpha_t$ to the next level $\bar\alpha_{t'}$ of the road:
#
# $$ \hat\epsilon = \frac{x_t - \sqrt{\bar\alpha_t}\,\hat x_0}{\sqrt{1 - \bar\alpha_t}}, \qquad
# x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\,\hat\epsilon \qquad \text{(Song, Meng \& Ermon 2021, eq. 12 with } \sigma = 0) $$
#
# ### Exercise 4: <!-- exercise text_to_image -->
#
# `schedule.alphas_cumprod` holds $\bar\alpha$ for every timestep. Behind the last timestep lies the picture itself, $\bar\alpha = 1$.

# %% [markdown] tags=["ja"]
# ## 道のりのすべて
#
# 言葉を聞いたデノイザー（denoiser）と聞いていないデノイザー、あなたのガイダンス、新しいノイズを加えない歩き方（Lab 06 で詳しく調べる DDIM）、そして、着いたところから画像を作るデコーダ（decoder）。text-to-image は、これで全部です。次の図では、言葉なしと言葉ありの 2 つの推定から、ガイダンスがひとつの推定値を作り、それとノイズを次の段階の割合で混ぜることを繰り返して、最後にデコードします。
#
# ```text
# repeat:  x_t ──► without words ─┐
#           │                     ├─► guide ─► x0_hat ─► the same guess and its noise, mixed for the next level
#           └────► with words ────┘
# at last:  decode(x0)
# ```
#
# 段階 $\bar\alpha_t$ での推定値 $\hat x_0$ から、道の次の段階 $\bar\alpha_{t'}$ へは、次のように進みます。
#
# $$ \hat\epsilon = \frac{x_t - \sqrt{\bar\alpha_t}\,\hat x_0}{\sqrt{1 - \bar\alpha_t}}, \qquad
# x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\,\hat\epsilon \qquad \text{(Song, Meng \& Ermon 2021, eq. 12 with } \sigma = 0) $$
#
# ### 演習 4：<!-- exercise text_to_image -->
#
# `schedule.alphas_cumprod` に、すべての時刻の $\bar\alpha$ が入っています。最後の時刻の先は画像そのもので、$\bar\alpha = 1$ です。


# %%
@exercise("text_to_image")
def text_to_image(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    """From noise to pictures of the words: DDIM (Song, Meng & Ermon 2021, eq. 12), then the decoder.

    denoise_cond(x_t, t), denoise_uncond(x_t, t): estimates of x0 with and without the words, t one int;
    decode(x0): pictures (B, 3, H, W) of latents; x: standard normal noise (B, C, h, w);
    schedule: a NoiseSchedule, with its alphas_cumprod (T,); timesteps: int64, descending, one or more;
    the last step leads to x0 itself; guidance_scale: as in guide. Returns what decode gives.
    """
    raise NotImplementedError


# %%
check(text_to_image)

# %% [markdown]
# Nearly every picture of this lab will now be drawn by it. A pipeline of the course lends its networks and its noise, and does nothing else:

# %% [markdown] tags=["ja"]
# このラボの画像は、ここからほとんどすべて、この関数が描きます。コースのパイプラインから借りるのは、ネットワークとノイズだけです。


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def draw(pipe, prompts, guidance_scale=3.0, without="", steps=QUICK, seed=0):
    """Pictures (B, 3, H, W) near [-1, 1] by your functions; the second denoiser is told `without`."""
    told = pipe.denoiser(pipe.encode(prompts), guidance_scale=1)
    untold = pipe.denoiser(pipe.encode([without] * len(prompts)), guidance_scale=1)
    noise, timesteps = pipe.noise(len(prompts), seed=seed), pipe.timesteps(steps)
    return text_to_image(told, untold, pipe.decode, noise, pipe.schedule, timesteps, guidance_scale).cpu()


four = [prompt, "a big green boat at sea", "a big yellow house in a field", "赤いきのこに乗る象"]
yours = draw(pipe, four)
own = pipe(four, guidance_scale=3.0, num_inference_steps=QUICK, seed=0, output_type="pt").cpu() * 2 - 1
plots.images(
    yours,
    "Four prompts, one of them in Japanese, from noise to picture by your functions.",
    columns=4,
)
difference = (yours.clamp(-1, 1) - own).abs().max()
say("Your pictures and the pipeline's differ by at most {d:.1e}.", d=difference.item())

# %% [markdown]
# What is left is rounding. (This model works on latents, which know no bounds. One that paints pixels, such as the zoo's `storybook-pixel`, cuts its guesses off at -1 and 1: here each of the two would be cut, and then you
# mix them; the pipeline mixes first and cuts once. There the walks part at a few edges. Try it: the model's name stands in the cell of the imports.)
#
# # 4. How hard should it listen?
#
# **If guidance makes pictures follow their words, why not use a lot of it?** Two judges. **Faithfulness** is the share of pictures in which the
# course's reader finds all that was asked for. **Diversity** asks the opposite: do the pictures of one prompt still differ, where the prompt
# leaves them free? Our four prompts say nothing of the surroundings, of which this world has eight. So take two pictures of one prompt: how often does the reader see
# different surroundings? (This is the Gini–Simpson index of ecologists.) If all eight are equally frequent, in seven pairs of eight.

# %% [markdown] tags=["ja"]
# 残った差は丸め誤差です。（このモデルは潜在変数の上で働き、潜在変数に上限や下限はありません。zoo の `storybook-pixel` のように画素を描くモデルでは、推定値が -1 から 1 の範囲にクリップ（clip）されます。ここでは 2 つの推定値をそれぞれクリップしてから混ぜますが、パイプラインは先に混ぜてから一度だけクリップするので、ふちのいくつかの画素で道が分かれます。インポートのセルのモデル名を変えて、試してみてください。）
#
# # 4. どれくらい言葉に従うべきか
#
# **ガイダンスで画像が言葉に従うのなら、なぜたくさんかけないのでしょうか。** 審判は 2 人です。**忠実度**（faithfulness）は、注文したものがすべて描かれていると、コースの読み取り器（reader）が認めた画像の割合です。**多様性**（diversity）は、逆のことをたずねます。プロンプトが何も言わないところで、同じプロンプトの画像どうしはまだ違っているでしょうか。次の 4 つのプロンプトは、背景のことを何も言いません。この世界に背景は 8 種類あります。そこで、同じプロンプトの画像を 2 枚取り出したとき、読み取り器に見える背景が違っている割合を数えます（生態学でいうジニ・シンプソン指数です）。8 種類が同じ頻度なら、8 組のうち 7 組で違うはずです。

# %% tags=["nbval-ignore-output"]
free = [
    "a purple cat riding a fish",
    "a red robot and a blue star",
    "a green mushroom left of a house",
    "an orange dog in a boat",
]
free = free[: budget(lesson=4, ci=1)]
EACH = budget(lesson=8, ci=2)
asked = [prompt for prompt in free for _ in range(EACH)]
wanted = [understand(prompt)[0] for prompt in asked]
scales = [0, 1, 2, 4, 8, 12]


def diversity(reads):
    """The share of pairs of pictures of one prompt in which the reader sees different surroundings."""
    groups = [reads[i : i + EACH] for i in range(0, len(reads), EACH)]
    pairs = [pair for group in groups for pair in combinations(group, 2) if all(pair)]  # None: unreadable
    return sum(a.background != b.background for a, b in pairs) / max(1, len(pairs))


rows, right, varied = [], [], []
for scale in tqdm(scales):
    pictures = draw(pipe, asked, guidance_scale=scale)
    result = faithfulness(pictures, wanted)
    right.append(result.all)
    varied.append(diversity(result.reads))
    rows.append(pictures[: min(6, EACH)])
plots.images(
    torch.cat(rows),
    "Pictures of one prompt at guidance {scales}, from top to bottom; each column from the same noise.",
    columns=len(rows[0]),
    inches=0.8,
    scales=", ".join(map(str, scales)),
)

# %% tags=["nbval-ignore-output"]
plots.lines(
    {"faithfulness": (scales, right), "diversity": (scales, varied)},
    "Faithfulness and diversity against the guidance scale, from {count} pictures each. At {scales}: "
    "faithfulness {right}, diversity {varied}.",
    xlabel="guidance scale",
    ylabel="share",
    markers=True,
    percent=True,
    count=len(asked),
    scales=", ".join(map(str, scales)),
    right=", ".join(f"{share:.0%}" for share in right),
    varied=", ".join(f"{share:.0%}" for share in varied),
)
for scale, share, other in zip(scales, right, varied, strict=True):
    say("guidance {scale:4}: {right:4.0%} as asked; {varied:4.0%} of pairs with different surroundings",
        scale=scale, right=share, varied=other)  # fmt: skip

# %% [markdown]
# Read both curves together. (With 32 pictures a share is uncertain by up to 18 points.) Where would you work: where the pictures are most often right, or a little before? What do you lose
# on the way there, and what happens beyond?
#
# ## A world in which everything is known
#
# **Why would very strong guidance spoil what it is to improve?** A network may be wrong, so take a world that needs none. Its pictures have one pixel. Cats lie around $-\mu = -1$, dogs around $\mu = 1$, both as a bell curve
# with a spread of $\sigma = 0.7$, and there are equally many: some dogs might as well be cats. Both denoisers are then exact. Told "a dog", one is a straight line, as in the known world of Lab 06 (section 3); told nothing, the other weighs the two lines by how well each kind
# explains what it sees:
#
# $$ \mathbb{E}[x_0 \mid x_t, \text{dog}] = \mu + \frac{\sqrt{\bar\alpha_t}\,\sigma^2}{v_t}\left(x_t - \sqrt{\bar\alpha_t}\,\mu\right), \quad v_t = \bar\alpha_t \sigma^2 + 1 - \bar\alpha_t, \qquad
# p(\text{dog} \mid x_t) = \frac{1}{1 + e^{-2 \sqrt{\bar\alpha_t}\,\mu\,x_t / v_t}} $$
#
# Nothing is learnt here, and nothing can be blamed on training. Your `text_to_image` walks, in a hundred small steps; a decoder is not needed. **Before you run it**, draw on paper where twenty thousand dogs will lie at guidance 1, at 2, at 12.

# %% [markdown] tags=["ja"]
# 2 つの曲線を合わせて読みましょう。（32 枚で測った割合には、上下に 18 ポイントほどの幅があります。）あなたなら、正しい画像がいちばん多いところを使いますか。それとも、その少し手前ですか。そこまで進むあいだに何が失われますか。その先では何が起こりますか。
#
# ## すべてが分かっている世界
#
# **とても強いガイダンスが、よくするはずのものを壊してしまうのは、なぜでしょうか。** ネットワークは間違うことがあるので、ネットワークのいらない世界で考えましょう。この世界の画像は 1 画素です。猫は $-\mu = -1$ のあたり、犬は $\mu = 1$ のあたりに、どちらも広がり $\sigma = 0.7$ の釣り鐘形に散らばっていて、数は同じです。猫と言われても通りそうな犬もいます。このとき、デノイザーは 2 つとも正確に書けます。"a dog" と聞いたほうは 1 次式で、Lab 06 の 3 節で見た、道がわかっている世界の推定と同じ形です。何も聞いていないほうは、見えているものをそれぞれの種類がどれだけうまく説明するかで重みをつけて、2 つの 1 次式を混ぜます。
#
# $$ \mathbb{E}[x_0 \mid x_t, \text{dog}] = \mu + \frac{\sqrt{\bar\alpha_t}\,\sigma^2}{v_t}\left(x_t - \sqrt{\bar\alpha_t}\,\mu\right), \quad v_t = \bar\alpha_t \sigma^2 + 1 - \bar\alpha_t, \qquad
# p(\text{dog} \mid x_t) = \frac{1}{1 + e^{-2 \sqrt{\bar\alpha_t}\,\mu\,x_t / v_t}} $$
#
# ここでは何も学習しないので、学習のせいにはできません。歩くのはあなたの `text_to_image` で、小さな 100 歩で進みます。デコーダはいりません。**実行する前に**、ガイダンスの強さが 1、2、12 のとき、2 万匹の犬がどこに散らばるか、紙に描いてみてください。

# %%
MEAN, SPREAD, DRAWN = 1.0, 0.7, 20_000


def expected(x_t, t, mean):
    """What lay below x_t, on average, if it was drawn from a bell curve around `mean`."""
    signal = pipe.schedule.alphas_cumprod[t]
    variance = signal * SPREAD**2 + 1 - signal
    return mean + signal.sqrt() * SPREAD**2 / variance * (x_t - signal.sqrt() * mean)


def told_a_dog(x_t, t):
    return expected(x_t, t, MEAN)


def told_nothing(x_t, t):
    signal = pipe.schedule.alphas_cumprod[t]
    dog = torch.sigmoid(2 * signal.sqrt() * MEAN * x_t / (signal * SPREAD**2 + 1 - signal))
    return dog * expected(x_t, t, MEAN) + (1 - dog) * expected(x_t, t, -MEAN)


def bell(x, mean):
    return torch.exp(-((x - mean) ** 2) / (2 * SPREAD**2)) / (SPREAD * (2 * torch.pi) ** 0.5)


noise = torch.randn(DRAWN, 1, 1, 1, generator=torch.Generator().manual_seed(0))
steps = torch.linspace(999, 0, 100).long()
x = torch.linspace(-4, 5, 61)
middles = (x[:-1] + x[1:]) / 2
curves = {tr("all cats"): (middles, bell(middles, -MEAN)), tr("all dogs"): (middles, bell(middles, MEAN))}
for scale in (1, 2, 4, 12):
    dogs = text_to_image(
        told_a_dog, told_nothing, lambda x0: x0, noise, pipe.schedule, steps, scale
    ).flatten()
    curves[tr("guidance {scale}", scale=scale)] = (middles, dogs.histogram(x, density=True).hist)
    product = bell(x, MEAN) * torch.sigmoid(2 * MEAN * x / SPREAD**2) ** (scale - 1)
    say("guidance {scale:2}: around {mean:.2f}, spread {spread:.2f}; {cats:4.1%} left of the middle, "
        "{far:4.1%} beyond {edge:.1f}, where {rare:.1%} of all dogs are; the product would lie "
        "around {product:.2f}",
        scale=scale, mean=dogs.mean().item(), spread=dogs.std().item(),
        cats=(dogs < 0).float().mean().item(),
        far=(dogs > MEAN + 2 * SPREAD).float().mean().item(), edge=MEAN + 2 * SPREAD,
        rare=torch.special.ndtr(torch.tensor(-2.0)).item(),
        product=((product * x).sum() / product.sum()).item())  # fmt: skip
plots.lines(
    curves,
    "Where the dogs of a one-pixel world lie, drawn at four guidance scales by your functions with "
    "exact denoisers, and where all cats and all dogs are. The stronger the guidance, the narrower the "
    "heap, and the further it lies from the cats.",
    xlabel="the one pixel",
    ylabel="density",
)

# %% [markdown]
# - **At 1** the walk draws dogs as they are, also those that might be cats. Nothing is gained and nothing lost.
# - **At 2** hardly a dog is left that might be a cat. That is faithfulness, and the price is on the same line: the spread.
# - **At 12** nearly all lie where one dog in forty-four is. They are the surest dogs, and hardly any dog looks like that: the loud colours in the last rows of your pictures. (Imagen's cure is in Lab 12.)
#
# At each level of noise the guided guess belongs to the product $p(x_t \mid c)\, p(c \mid x_t)^w$: not what pictures of the words are like, but what makes the words easiest to guess. Yet the walk goes far beyond what that product would give at
# $t = 0$, the last figure of each line. Under strong noise nearly every $x_t$ might still be a cat, so the push is strong and long; and the products of different levels are no noised versions of one another, so no walk leads from one to the next (Bradley & Nakkiran 2024).
#
# **Change one thing:** a `SPREAD` of 0.3. No dog might be a cat any more. Does guidance leave them alone now?
#
# ## What may stand in the place of nothing
#
# **Can one also say what one does *not* want?** In guidance the empty caption is only where the arrow starts. Put other words there, a **negative prompt**, and the picture is pushed away from
# them. It is a trick of programmers, found in no formula of the paper. Four ways to ask for a house that is not yellow, in this world the usual colour of houses:

# %% [markdown] tags=["ja"]
# - **強さ 1** では、犬がありのままに描かれます。猫と言われても通りそうな犬も混ざっています。得るものも、失うものもありません。
# - **強さ 2** では、猫と見まちがえそうな犬は、ほとんど残りません。これが忠実度です。その代償が、同じ行に出ている広がりです。
# - **強さ 12** では、ほとんどすべてが、44 匹に 1 匹しかいないところに集まります。どこから見ても犬ですが、そんな犬はめったにいません。上の図の、下のほうの段のどぎつい色と同じです。（Imagen の対処法は Lab 12 で扱います。）
#
# どのノイズの段階でも、ガイダンスをかけた推定は、積 $p(x_t \mid c)\, p(c \mid x_t)^w$ のものです。その言葉の画像はどういうものかではなく、どうすれば言葉がいちばん当てやすいかを描くのです。ところが歩いて行き着く先は、$t = 0$ でのこの積（それぞれの行の最後の数）よりも、ずっと遠くにあります。ノイズが強いうちは、ほとんどどの $x_t$ も猫かもしれないので、強く、長く押されます。また、段階ごとの積は、互いにノイズを加えた関係にはないので、ひとつから次へ続く道はありません（Bradley & Nakkiran 2024）。
#
# **ひとつ変えてみましょう**：`SPREAD` を 0.3 にしてください。猫と見まちがえそうな犬はもういません。ガイダンスは、犬をそのままにしておくでしょうか。
#
# ## 「何もない」の代わりに置けるもの
#
# **欲しく*ない*ものを言うことも、できるでしょうか。** ガイダンスでは、空のキャプションは矢印の出発点にすぎません。そこに別の言葉を置けば、画像はその言葉から遠ざかります。これが**ネガティブプロンプト**（negative prompt）です。論文の式にはない、プログラマーの工夫です。この世界の家は、ふつう黄色です。黄色くない家を、4 通りのやり方で頼んでみましょう。

# %% tags=["nbval-ignore-output"]
HOUSES = budget(lesson=16, ci=2)
rows = []
print(pipe.tokenizer.tokens("a house without yellow"))
for asked, unwanted in (
    ("a house", ""),
    ("a house without yellow", ""),
    ("a house", "yellow"),
    ("a house", "a yellow house"),
):
    pictures = draw(pipe, [asked] * HOUSES, without=unwanted)
    reads = [reading for reading in read(pictures) if reading]
    say("{asked!r:25} and negative {unwanted!r:17} {yellow:4.0%} yellow, {house:4.0%} with a house",
        asked=asked, unwanted=unwanted,
        yellow=sum(reading.things[0].color == "yellow" for reading in reads) / HOUSES,
        house=sum(reading.find("house") is not None for reading in reads) / HOUSES)  # fmt: skip
    rows.append(pictures[: min(8, HOUSES)])
plots.images(
    torch.cat(rows),
    "Four ways to ask for a house that is not yellow, from top to bottom: not at all; with the word "
    "without; with the negative prompt yellow; with the negative prompt a yellow house.",
    columns=len(rows[0]),
    inches=0.8,
)

# %% [markdown]
# Explain the second and the fourth line before you read on.
#
# - **A model has no "not".** The captions it learnt from say what a picture shows. Whoever writes "without yellow" has written *yellow*. (And "without" is in none of these captions: the
#   tokenizer had to put it together from pieces, as you see above.)
# - **The arrow leads away from more than was meant.** Guidance goes along the *difference*. "A house" and "a yellow house" are nearly the same wish here, as yellow is what a house of this world usually is: in their difference nothing pulls towards a house, and twice that difference leads away from the houses that the model knows. Look at the last row: of what are these pictures? A negative
#   prompt should hold what is unwanted and nothing else.
#
# **Change one thing:** the negative prompt "at night". Surroundings fill the whole picture: what is farthest from night? Then a word that "a house" would not have led to anyway, such as "fish".
#
# ## Two languages
#
# Two captions in five of its training were Japanese, and nobody told the model that there are two languages. The same scenes, from the same noise, once in each:

# %% [markdown] tags=["ja"]
# 続きを読む前に、2 行目と 4 行目を説明してください。
#
# - **モデルに「〜ない」はありません。** 学んだキャプションは、画像に写っているものを述べたものです。"without yellow" と書いた人は、*yellow* と書いたのです。（しかも、"without" はどのキャプションにもない単語です。上に見えるように、トークナイザは断片から組み立てるしかありません。）
# - **矢印は、思ったより多くのものから遠ざかります。** ガイダンスが進むのは*差*の方向です。この世界の家は、ふつう黄色なので、"a house" と "a yellow house" は、ここではほとんど同じ願いです。その差の中に、家へ引き寄せるものは何もなく、差の 2 倍は、モデルの知っている家から遠ざかります。いちばん下の段を見てください。何の絵になっているでしょうか。ネガティブプロンプトには、欲しくないものだけを書くべきです。
#
# **ひとつ変えてみましょう**：ネガティブプロンプトを "at night" にしてください。背景は画像全体に広がっています。夜からいちばん遠いものは何でしょうか。次に、"a house" からはもともと出てきそうにない単語、たとえば "fish" を試してください。
#
# ## 2 つの言語
#
# 学習に使ったキャプションの 5 個に 2 個は日本語でしたが、言語が 2 つあることを、モデルに教えた人はいません。同じシーン（scene）を、同じノイズから、それぞれの言語で描かせます。

# %% tags=["nbval-ignore-output"]
COUNT = budget(lesson=32, ci=4)
_, scenes = World(seed=8, level="storybook").prompts(COUNT)
drawn = {}
for language in ("en", "ja"):
    prompts = [describe(scene, language) for scene in scenes]
    drawn[language] = draw(pipe, prompts)
    print(prompts[:4])
plots.images(
    torch.cat([drawn["en"][:8], drawn["ja"][:8]]),
    "Eight scenes asked for in English, above, and in Japanese, below, each pair from the same noise.",
    columns=8,
    inches=0.8,
)
results = {language: faithfulness(pictures, scenes) for language, pictures in drawn.items()}
agree = [str(a) == str(b) for a, b in zip(results["en"].reads, results["ja"].reads, strict=True)]
say(
    "All as asked: English {en:.0%}, Japanese {ja:.0%} of {count} scenes; the reader reads the same in "
    "both: {agree:.0%}.",
    en=results["en"].all,
    ja=results["ja"].all,
    count=COUNT,
    agree=sum(agree) / COUNT,
)

# %% [markdown]
# (Two shares of 32 pictures each: only a difference of more than 20 points or so would mean something. The cards of the zoo's models, `t2ilab zoo storybook` for example, have both languages measured on 512.)
#
# ## Between two prompts
#
# A row of tokens is a row of vectors, and between two of those lie others, which no sentence has. `interpolate` goes from one prompt to the other, with the noise held still:

# %% [markdown] tags=["ja"]
# （32 枚ずつの割合なので、20 ポイントほどより大きい差でなければ、意味はありません。zoo のモデルのカードには、どちらの言語も 512 枚で測った値があります。たとえば `t2ilab zoo storybook` で読めます。）
#
# ## 2 つのプロンプトのあいだ
#
# トークンの列はベクトルの列です。2 つの列のあいだには、どんな文にもならないベクトルの列があります。`interpolate` は、ノイズを止めたまま、一方のプロンプトからもう一方へ進みます。

# %% tags=["nbval-ignore-output"]
how = {"num_inference_steps": QUICK, "output_type": "pt"}
ends = "a big orange cat in a field", "a big purple fish in the kitchen"
between = budget(lesson=8, ci=3)
strip = interpolate(pipe, *ends, between, 5, 5, **how)
plots.images(
    strip * 2 - 1,
    "From the first prompt to the second in even steps of their tokens, all from the same noise.",
    columns=between,
)
for reading in read(strip * 2 - 1):
    print(reading)

# %% [markdown]
# Does the picture change evenly? What changes first, and is there a picture of both? **Change one thing:** the two 5s are the seeds of both ends. Make them differ: the noise now turns from one to the other, too. What is lost?
#
# # 5. Your own, from nothing
#
# Now train one. As in Lab 07, the pictures are never seen by the diffusion model: the zoo's autoencoder has made 64x64x3 numbers into 8x8x4, once and for all. All names and numbers of the training stand in this cell:

# %% [markdown] tags=["ja"]
# 画像は一定の速さで変わっていきますか。最初に変わるのは何ですか。両方が写った画像はありますか。**ひとつ変えてみましょう**：2 つの 5 は、両端のシード（seed）です。違う数にしてください。今度はノイズも、一方からもう一方へ変わっていきます。何が失われますか。
#
# # 5. ゼロから自分のモデルを
#
# では、自分のモデルを学習させましょう。Lab 07 と同じように、拡散モデルは画像そのものを見ません。zoo のオートエンコーダ（autoencoder）が、64x64x3 個の数を 8x8x4 個に、はじめに一度だけ縮めておきます。学習に使う名前と数は、すべて次のセルにあります。

# %%
AUTOENCODER = "vae-shapes"  # of the zoo
TRAINED_LONGER = "shapes"  # a model of the zoo like the one to be trained
SIZE, LENGTH = 64, 24  # pixels a side; tokens of the longest caption, and a few to spare
LAYOUT = UNetConfig(
    in_channels=4,
    out_channels=4,
    block_out_channels=(48, 64),
    attention=(False, True),
    cross_attention_dim=64,
    text_pooling_heads=4,
    scale_shift=True,
)
PREDICTION = "v_prediction"
BATCH = budget(lesson=32, ci=8)
LEARNING_RATE, DROPPED = 3e-3, 0.1
CACHED = budget(lesson=200, ci=2)  # batches of latents
TRAINING_STEPS = budget(lesson=2000, ci=10)

world = World(size=SIZE, seed=0, partial=0.0, japanese=0.25)
vae = machine.place(read_vae(zoo.folder(AUTOENCODER)))
tokenizer = CLIPTokenizer.train(vocabulary(), LENGTH)
schedule = NoiseSchedule.cosine()
weights = (5 / (schedule.snr + 1)).clamp(max=1).to(device)  # an error of x0 counts at most 5 times

# %% [markdown]
# `attention=(False, True)` gives the lower level of the U transformers with cross-attention. `text_pooling_heads` is the second way in for the words, pooled by an attention of their own and added to the
# timestep, as in DeepFloyd's IF; SDXL has something like it, Stable Diffusion 1 has not. We have minutes in place of weeks, and a small network learns its words sooner that way. The velocity, its weights and the cosine schedule are Lab 05's, sections 6 and after.
#
# First, the latents:

# %% [markdown] tags=["ja"]
# `attention=(False, True)` は、U の下の段に、クロスアテンションのあるトランスフォーマー（transformer）を付けます。`text_pooling_heads` は、言葉の 2 つめの入り口です。言葉が専用のアテンションでまとめられ、時刻に足されます。DeepFloyd の IF と同じやり方です。SDXL にも似たものがありますが、Stable Diffusion 1 にはありません。学習の時間が何週間もなく数分しかないので、小さなネットワークが早く言葉を覚えられるようにするためです。速度（velocity）とその重み、コサインスケジュールは、Lab 05 の 6 節以降のものです。
#
# まず、潜在変数を作ります。

# %% tags=["nbval-ignore-output"]
began = time.perf_counter()
latents = []
with torch.no_grad():
    for index in tqdm(range(CACHED)):
        batch = world.batch(index, BATCH, device)
        latents.append(vae.encode(batch["image"])[0] * vae.config.scaling_factor)  # (B, 4, 8, 8)
    there_and_back = vae.decode(latents[-1][:6] / vae.config.scaling_factor)
plots.images(
    torch.cat([batch["image"][:6], there_and_back]),
    "Six pictures of the world, above, and what comes back of them from their latents, below.",
    columns=6,
)
say(
    "{count:,} pictures in {seconds:.0f} s: {pixels:.1f} MB as pictures, {small:.1f} MB as latents, "
    "whose standard deviation is {deviation:.2f}.",
    count=CACHED * BATCH,
    seconds=time.perf_counter() - began,
    pixels=CACHED * batch["image"].nbytes / 1e6,
    small=sum(part.nbytes for part in latents) / 1e6,
    deviation=torch.cat(latents).std().item(),
)

# %% [markdown]
# Then one step of training, from captions to update. It calls your `drop_condition`, and the U-Net in it hears by your `cross_attention`. The pictures come round again, but each time in other words.
# Optimizer, stratified timesteps, learning rate and running average are Lab 05's (section 4).

# %% [markdown] tags=["ja"]
# 次は、キャプションから重みの更新までの、学習の 1 ステップです。ここで、あなたの `drop_condition` が呼ばれます。U-Net は、あなたの `cross_attention` で言葉を聞きます。同じ画像が何度も出てきますが、そのたびに別の言葉が添えられます。オプティマイザ（optimizer）、区間ごとに選ぶ時刻、学習率（learning rate）、移動平均（running average）は、Lab 05 の 4 節と同じです。


# %%
class Painter(nn.Module):
    """A U-Net that hears by your attention, and the text encoder that learns with it."""

    def __init__(self):
        super().__init__()
        words = TextConfig(len(tokenizer.vocab), LENGTH, width=LAYOUT.cross_attention_dim)
        self.text_encoder = TextEncoder(words)
        self.unet = UNet(LAYOUT)
        listen(self.unet)


def learn(model, optimizer, step):
    """One step of training, all its chance from its number; returns the loss before it."""
    chance = torch.Generator().manual_seed(step)
    again, index = divmod(step, CACHED)
    x0, captions = latents[index], world.captions(index, BATCH, again)
    parts = (torch.arange(BATCH) + torch.rand(BATCH, generator=chance)) / BATCH  # one in each part
    t = (schedule.num_train_timesteps * parts).long().to(device)
    noise = torch.randn(x0.shape, generator=chance).to(device)
    drop = (torch.rand(BATCH, generator=chance) < DROPPED).to(device)

    with machine.autocast():
        tokens = model.text_encoder(tokenizer([*captions, ""]).to(device))  # (B + 1, L, D)
        told = drop_condition(tokens[:-1], tokens[-1], drop)  # the last caption is the empty one

        def net(x_t, t):
            return model.unet(x_t, t, told)

        loss = diffusion_loss(net, x0, t, noise, schedule, PREDICTION, weights[t])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def train(model, steps):
    """The whole training; returns the running average of the model and the loss of each step."""
    optimizer = Muon(model, lr=LEARNING_RATE)

    def share(step):
        """Of the learning rate: up over the first twelfth, and all the time down along a cosine."""
        return min(1, 12 * (step + 1) / steps) * (0.505 + 0.495 * math.cos(math.pi * step / steps))

    warm_then_cool = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    average = Average(model, decay=0.995)
    losses = []
    for step in tqdm(range(steps)):
        losses.append(learn(model, optimizer, step))
        warm_then_cool.step()
        average.update(step + 1)
    return average.model, losses


# %% tags=["nbval-ignore-output"]
machine.seed(8)
trial = machine.place(Painter())
trial_optimizer = Muon(trial)
minutes = pace(lambda step: learn(trial, trial_optimizer, step), TRAINING_STEPS, TRAINED_LONGER)

# %% tags=["nbval-ignore-output"]
machine.seed(8)
model, losses = train(machine.place(Painter()), TRAINING_STEPS)
plots.loss_curve(losses)

# %% [markdown]
# The parts of a Stable Diffusion are all there now: tokenizer, text encoder, U-Net, schedule, autoencoder. The course's `TextToImage` holds them together. You trained three of them, the tokenizer among them; the autoencoder is the zoo's, and of the kind that you trained in Lab 07. And your `draw` can ask it:

# %% [markdown] tags=["ja"]
# これで、Stable Diffusion の部品がすべてそろいました。トークナイザ（tokenizer）、テキストエンコーダ、U-Net、スケジュール、オートエンコーダです。それをまとめるのが、このコースの `TextToImage` です。トークナイザも含めて 3 つは、いまあなたが学習させたもので、オートエンコーダは zoo のもの、Lab 07 で学習させたものと同じ種類です。あなたの `draw` で、頼んでみましょう。

# %% tags=["nbval-ignore-output"]
mine = TextToImage(
    model.unet,
    model.text_encoder,
    tokenizer,
    schedule,
    prediction_type=PREDICTION,
    image_size=SIZE,
    device=machine,
    world="shapes",
    vae=vae,
)
six = [
    "a big red star in the center on a dark background",
    "a small blue circle at the top left on a light background",
    "a big green heart at the bottom on a light background",
    "a small yellow ring on the right on a dark background",
    "暗い背景の左上に大きな赤い星",
    "明るい背景の中央に大きな紫の四角",
]
plots.images(
    draw(mine, six, steps=STEPS),
    "Six prompts, four in English and two in Japanese, painted by your model.",
    columns=6,
)

# %% [markdown]
# Count it, as in Lab 05: a picture is right when shape, colour, size, place and background are all as asked. And since you have both guesses in hand, count also what guidance was worth.

# %% [markdown] tags=["ja"]
# Lab 05 と同じように数えましょう。形、色、大きさ、場所、背景がすべて注文どおりなら、その画像は合格です。2 つの推定が手元にあるので、ガイダンスにどれだけの価値があったかも数えます。

# %% tags=["nbval-ignore-output"]
COUNT = budget(lesson=128, ci=8)
asked, scenes = world.prompts(COUNT)
painted = draw(mine, asked, seed=100)
result = faithfulness(painted, scenes)
say("Right in everything: {all:.0%} of the pictures.", all=result.all)
for attribute, share in result.attributes.items():
    say("{attribute:12} {share:.0%}", attribute=attribute, share=share)
alone = faithfulness(draw(mine, asked, guidance_scale=1.0, seed=100), scenes)
say("Without guidance, from the same noise: {all:.0%}.", all=alone.all)

# %% tags=["nbval-ignore-output"]
theirs = TextToImage.from_pretrained(TRAINED_LONGER)
half = len(asked) // 2
zoo_painted = draw(theirs, asked[:half], seed=100)
say(
    "The first {count} prompts, right in everything: the zoo's model {all:.0%}, yours {yours:.0%}.",
    count=half,
    all=faithfulness(zoo_painted, scenes[:half]).all,
    yours=faithfulness(painted[:half], scenes[:half]).all,
)
plots.images(
    torch.cat([painted[:8], zoo_painted[:8]]),
    "The same eight prompts, painted by your model above and by the zoo's below.",
    columns=8,
)

# %% [markdown]
# The zoo's model has the same layout and was trained longer, by `t2ilab train shapes`. (128 pictures give a share to within nine points.) Where does *your* network look? Its attention lives on the lower level of the U, of 4x4 places. Are these maps as clear as those of section 2? If not, which other way have the words into this network?

# %% [markdown] tags=["ja"]
# zoo のモデルは同じ構成で、`t2ilab train shapes` によってもっと長く学習したものです。（128 枚で測った割合には、上下に 9 ポイントほどの幅があります。）*あなたの*ネットワークは、どこを見ているでしょうか。アテンションがあるのは、4x4 か所しかない、U の下の段です。マップは、2 節のものと同じくらいはっきりしていますか。そうでないなら、言葉はほかのどこから、このネットワークに入るのでしょうか。

# %% tags=["nbval-ignore-output"]
wish = "a big red star at the top left on a dark background"
with AttentionMaps(mine, wish) as maps:
    picture = mine(wish, seed=3, num_inference_steps=STEPS, output_type="pt") * 2 - 1
parts = ["red", "star", "top left", "dark"]
plots.images(
    torch.cat([picture.cpu(), *[as_picture(maps.word(part)) for part in parts]]),
    "A picture of your model, and the places that looked at four parts of its prompt.",
    titles=["", *parts],
    columns=5,
)

# %% [markdown]
# ## On with a larger one
#
# Yours knows eight shapes. The zoo's model of the storybook knows 28 drawn things besides, which ride, follow and stand beside one another. Two of these prompts describe what no picture of its training
# showed: an astronaut on a horse, and a brain on a rocket. To draw them it has to put together what it learnt apart. (One of the six may well be wrong: read the card's shares.)

# %% [markdown] tags=["ja"]
# ## もっと大きなモデルで
#
# あなたのモデルが知っているのは 8 種類の図形です。zoo にある絵本の世界のモデルは、そのほかに 28 種類の絵を知っています。乗ったり、向かったり、並んだりもします。次のプロンプトのうち 2 つは、学習に使った画像に一度も出てこなかったものです。馬に乗った宇宙飛行士と、ロケットに乗った脳です。描くには、別々に学んだことを組み合わせなければなりません。（6 つのうちひとつは、失敗しているかもしれません。カードの割合を読んでください。）

# %% tags=["nbval-ignore-output"]
lecture = [
    "an astronaut riding a horse",
    "a brain riding a rocket heading towards the moon",
    "a hot air balloon",
    "a chef in the kitchen",
    "猫",
    "お地蔵さん",
]
plots.images(
    draw(pipe, lecture, steps=STEPS, seed=2),
    "Six prompts of the lecture, by the zoo's model of the storybook.",
    columns=6,
)
shares = zoo.card("storybook").scores  # of sixteen seeds each, as it was measured for the model's card
for wish in lecture[:4]:
    say("{wish:50} {share:.0%} of 16 as asked, by the model's card", wish=wish, share=shares[wish])

# %% [markdown]
# # 6. A folder that the world can open
#
# **When is it a Stable Diffusion?** When the world's programs take it for one. `save_pretrained` writes your model as `diffusers` lays models out, weights in half precision:

# %% [markdown] tags=["ja"]
# # 6. 世界中で開けるフォルダ
#
# **どうなれば Stable Diffusion といえるでしょうか。** 世界中のプログラムが、そう扱ってくれればよいのです。`save_pretrained` は、`diffusers` のフォルダ構成で、重みを半精度にして、あなたのモデルを書き出します。

# %% tags=["nbval-ignore-output"]
scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # gone when the notebook is
folder = Path(scratch.name) / "mine"
mine.save_pretrained(folder)
for path in sorted(folder.rglob("*")):
    if path.is_file():
        size = path.stat().st_size / 1000
        say("{file:50} {size:9,.1f} kB", file=path.relative_to(folder).as_posix(), size=size)

# %% [markdown]
# This is the layout of Stable Diffusion 1.5's folder, file by file:
#
# | File | What it holds |
# |---|---|
# | `model_index.json` | the list of parts, each with the class that opens it |
# | `tokenizer/vocab.json`, `merges.txt` | tokens and their numbers; which pieces join into one (Lab 01's pieces of words) |
# | `tokenizer/tokenizer_config.json` | which tokens are start, end and padding, and how many a text has |
# | `text_encoder/config.json`, `model.safetensors` | the transformer that reads |
# | `unet/config.json`, `diffusion_pytorch_model.safetensors` | the U-Net |
# | `vae/config.json`, `diffusion_pytorch_model.safetensors` | the autoencoder, and the factor that brings its latents to unit variance |
# | `scheduler/scheduler_config.json` | the betas, what the network predicts, and how to walk |
#
# Theirs has a `special_tokens_map.json` besides, which says start, end and padding once more, and a `safety_checker` with its `feature_extractor`, which looks at finished pictures and blacks some of them out.
#
# Now the test. `diffusers` shares no line of code with this course. It opens your folder with classes of its own, and gets the same noise:

# %% [markdown] tags=["ja"]
# Stable Diffusion 1.5 のフォルダも同じ構成です。ファイルごとに見ると、次のとおりです。
#
# | ファイル | 中身 |
# |---|---|
# | `model_index.json` | 部品の一覧と、それぞれを開くクラス |
# | `tokenizer/vocab.json`、`merges.txt` | トークンとその番号、どの断片がつながってひとつになるか（Lab 01 で見た単語の断片） |
# | `tokenizer/tokenizer_config.json` | 開始、終端、パディングのトークンと、1 文のトークンの数 |
# | `text_encoder/config.json`、`model.safetensors` | 文を読むトランスフォーマー |
# | `unet/config.json`、`diffusion_pytorch_model.safetensors` | U-Net |
# | `vae/config.json`、`diffusion_pytorch_model.safetensors` | オートエンコーダと、潜在変数の分散を 1 にそろえる係数 |
# | `scheduler/scheduler_config.json` | ベータの列、ネットワークが何を予測するか、どう歩くか |
#
# Stable Diffusion には、このほかに、開始、終端、パディングをもう一度書いた `special_tokens_map.json` と、`feature_extractor` を使って出来上がった画像を調べ、一部を黒く塗りつぶす `safety_checker` があります。
#
# では、試してみましょう。`diffusers` には、このコースと共通のコードが 1 行もありません。自分のクラスであなたのフォルダを開き、同じノイズを受け取ります。

# %% tags=["nbval-ignore-output"]
from diffusers import StableDiffusionPipeline

published = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True).to(device)
published.set_progress_bar_config(disable=True)
reopened = TextToImage.from_pretrained(folder)  # the half-precision weights, as diffusers has them
reopened.device.dtype = torch.float32  # and the precision that it computes in
noise = torch.randn(len(six), 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(6))
how = {"num_inference_steps": STEPS, "guidance_scale": 3.0, "output_type": "pt"}
how["latents"] = noise.to(device)
ours, others = reopened(six, **how).cpu(), published(six, **how).images.cpu()
plots.images(
    torch.cat([ours, others]) * 2 - 1,
    "Six prompts, drawn by this course, above, and by diffusers, below.",
    columns=6,
)
for part in (published.text_encoder, published.unet, published.vae, published.scheduler):
    print(f"{type(part).__module__}.{type(part).__name__}")
difference = (ours - others).abs().max()
say("The largest difference of any number, on a scale from 0 to 1: {d:.1e}.", d=difference.item())

# %% [markdown]
# Whatever is built on `diffusers` now opens yours: you could put the folder on the Hugging Face hub.
#
# # 7. Stable Diffusion 1.5, part by part
#
# **How far is it from here to the real one?** Not one class. On torch's "meta" device networks have a structure and no numbers, so the largest fits into any laptop. Yours, and Stable Diffusion's:

# %% [markdown] tags=["ja"]
# `diffusers` を使うプログラムなら、どれでもあなたのモデルを開けます。このフォルダを Hugging Face Hub に置くこともできます。
#
# # 7. Stable Diffusion 1.5 を部品ごとに
#
# **ここから本物までは、どれくらい遠いのでしょうか。** 新しいクラスは、ひとつも要りません。torch の "meta" デバイスでは、ネットワークに構造はあっても数はありません。ですから、いちばん大きなネットワークでも、どのノートパソコンにも入ります。あなたのモデルと Stable Diffusion を並べます。

# %%
with torch.device("meta"):
    sd = {
        "text_encoder": TextEncoder(TextConfig.stable_diffusion_1()),
        "unet": UNet(UNetConfig.stable_diffusion_1()),
        "vae": VAE(VAEConfig.stable_diffusion()),
    }


def count(net):
    """How many numbers a network has learnt."""
    return sum(parameter.numel() for parameter in net.parameters())


for part, net in sd.items():
    say("{part:16} yours {ours:>11,}   Stable Diffusion 1.5 {theirs:>13,}",
        part=part, ours=count(getattr(mine, part)), theirs=count(net))  # fmt: skip
print()
settings = {
    "text_encoder": "vocab_size context_length width layers heads",
    "unet": "in_channels block_out_channels layers_per_block attention cross_attention_dim heads",
    "vae": "latent_channels block_out_channels layers_per_block scaling_factor",
}
for part, names in settings.items():
    for name in names.split():
        ours, theirs = (getattr(net.config, name) for net in (getattr(mine, part), sd[part]))
        print(f"{part + '.' + name:30} {ours!s:20} {theirs}")

# %% [markdown]
# Where do the 859,520,964 numbers of the U-Net live? First by module, then by what they are for:

# %% [markdown] tags=["ja"]
# U-Net の 859,520,964 個のパラメータは、どこにあるのでしょうか。まずモジュールごとに、次に役割ごとに数えます。

# %%
for module, theirs in sd["unet"].named_children():
    print(f"{module:16} {count(mine.unet.get_submodule(module)):>11,} {count(theirs):>13,}")
print()


def roles(unet):
    """What the numbers of a U-Net are for: part of the name -> how many."""
    found = dict.fromkeys(("resnets", "attn1", "attn2", "ff"), 0)
    for name, parameter in unet.named_parameters():
        for role in found:
            if f".{role}." in name:
                found[role] += parameter.numel()
    return found


both = roles(mine.unet), roles(sd["unet"])
for role in both[0]:
    print(f"{role:16} {both[0][role]:>11,} {both[1][role]:>13,}")
print()
for unet in (mine.unet, sd["unet"]):
    where = [name for name, _ in unet.named_modules() if name.endswith("attn2")]
    first = unet.get_submodule(where[0])
    print(len(where), where[0], tuple(first.to_q.weight.shape), tuple(first.to_k.weight.shape))

# %% [markdown]
# `resnets` are Lab 05's blocks, `attn1` is where places ask one another, `attn2` where they ask the words, `ff` what each place thinks over by itself. (What is missing to the sum is convolutions that shrink and grow the maps, norms, and the matrices around the
# attentions; in yours also the pooled words.) In Stable Diffusion words enter in its sixteen layers `attn2`, and nowhere else. Each of them computes what you wrote in exercise 1. At full size:

# %% [markdown] tags=["ja"]
# `resnets` は Lab 05 のブロック、`attn1` は場所どうしがたずね合うところ、`attn2` は場所が言葉にたずねるところ、`ff` はそれぞれの場所がひとりで考えるところです。（合計に足りない分は、特徴マップを縮めたり広げたりする畳み込み、正規化、アテンションの前後の行列です。あなたのモデルには、まとめた言葉の分もあります。）Stable Diffusion に言葉が入るのは、16 個の `attn2` の層からで、ほかに入り口はありません。どの層も、あなたが演習 1 で書いたものを計算しています。実際の大きさで動かしてみましょう。

# %%
chance = torch.Generator().manual_seed(0)
queries = torch.randn(1, 8, 64 * 64, 40, generator=chance)  # 64x64 places, 8 heads
keys, values = torch.randn(2, 1, 8, 77, 40, generator=chance)  # 77 tokens
print(tuple(cross_attention(queries, keys, values).shape), f"{8 * 64 * 64 * 77:,}")

# %% [markdown]
# That is one layer's answer, and how many weights it looked at for it. (They fill 10 MB. The same for `attn1`, where 4,096 places ask 4,096, would be 537 MB: hence fused attention, which never writes them down.)
#
# ## The family
#
# Around Stable Diffusion grew a family, and nearly all of it is made of the parts that you know by now:

# %% [markdown] tags=["ja"]
# これが 1 層の答えと、そのために見た重みの数です。（重みだけで 10 MB になります。4,096 か所が 4,096 か所にたずねる `attn1` で同じことをすると、537 MB です。そこで、重みを書き出さずに計算するアテンションが使われます。）
#
# ## 派生モデル
#
# Stable Diffusion からは、たくさんのモデルが生まれました。そのほとんどは、もう知っている部品でできています。

# %%
with torch.device("meta"):
    family = {
        "inpainting U-Net": UNet(UNetConfig.stable_diffusion_1(in_channels=9)),
        "ControlNet": ControlNet(ControlNetConfig.stable_diffusion_1()),
        "4x upscaler U-Net": UNet(UNetConfig.upscaler()),
        "2.1 U-Net": UNet(UNetConfig.stable_diffusion_2()),
        "2.1 text encoder": TextEncoder(TextConfig.stable_diffusion_2()),
    }
for name, net in family.items():
    print(f"{name:18} {count(net):>13,}")
more = count(family["inpainting U-Net"]) - count(sd["unet"])
print(f"{more:,}", tuple(family["inpainting U-Net"].conv_in.weight.shape))

# %% [markdown]
# - **Inpainting** (859,535,364). The first convolution reads nine channels in place of four: the noisy latents, the latents of the picture with a hole, and the mask. That is 14,400 numbers more, and everything else as it was. Lab 09.
# - **ControlNet** (361,279,120). A copy of the U-Net's way down and middle that looks at a second picture, edges or a pose, and adds what it sees to the maps of the U-Net, which itself stays as it is. Lab 09.
# - **The 4x upscaler** (473,398,020). A U-Net over seven channels, four of latents and three of the small picture, with an autoencoder of factor 4. Lab 12 has a relative.
# - **Fine-tunes.** The same layout and other weights: trained on with pictures of one kind, as few as 416 in the lecture, or with five of one dog. **LoRA** leaves the weights alone and adds two thin matrices to those of
#   the attention, a few megabytes in place of gigabytes. Lab 10.
# - **Stable Diffusion 2.1** (U-Net 865,910,724, text encoder 340,387,840). OpenCLIP reads in place of OpenAI's CLIP, its tokens are 1,024 wide, and the 768-pixel model predicts the velocity, as yours does.
# - **SDXL** (U-Net 2,567,463,684). Two text encoders side by side, most of the attention on the lower levels, and the pooled text added to the timestep, a second way in as in your model.
#
# # Break it
#
# Your walk calls the network twice in each step. Real pipelines make it one call with twice the batch, half of it with the words and half without. Somebody wrote that, with your `guide`:

# %% [markdown] tags=["ja"]
# - **インペインティング**（inpainting、859,535,364）。最初の畳み込みが、4 チャンネルではなく 9 チャンネルを読みます。ノイズの入った潜在変数、穴のあいた画像の潜在変数、そしてマスクです。増えるのは 14,400 個だけで、ほかは元のままです。Lab 09 で扱います。
# - **ControlNet**（361,279,120）。U-Net の下り道と真ん中の複製です。輪郭やポーズ（pose）など、もう 1 枚の画像を見て、見たものを U-Net の特徴マップに足します。U-Net そのものは変えません。Lab 09 で扱います。
# - **4 倍の超解像モデル**（upscaler、473,398,020）。潜在変数の 4 チャンネルと、小さな画像の 3 チャンネルを合わせた 7 チャンネルを読む U-Net と、倍率 4 のオートエンコーダです。Lab 12 に仲間が出てきます。
# - **ファインチューニング**（fine-tuning）したモデル。構成は同じで、重みが違います。ある種類の画像で学習を続けたもので、講義では 416 枚、1 匹の犬なら 5 枚で済みます。**LoRA** は重みをそのままにして、アテンションの行列に細い行列を 2 つずつ添えます。ギガバイトではなく、数メガバイトです。Lab 10 で扱います。
# - **Stable Diffusion 2.1**（U-Net 865,910,724、テキストエンコーダ 340,387,840）。文を読むのは、OpenAI の CLIP ではなく OpenCLIP です。トークンの幅は 1,024 で、768 画素のモデルは、あなたのモデルと同じように速度を予測します。
# - **SDXL**（U-Net 2,567,463,684）。テキストエンコーダを 2 つ並べ、アテンションの多くを下の段に置き、まとめた言葉を時刻に足します。あなたのモデルにもある、2 つめの入り口です。
#
# # 壊してみる
#
# あなたの歩き方では、1 歩ごとにネットワークを 2 回呼びます。実際のパイプラインは、2 倍の大きさのバッチ（batch）で 1 回呼びます。半分には言葉を付け、半分には付けません。だれかが、あなたの `guide` を使って、次のように書きました。


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def in_one_call(pipe, prompts, guidance_scale, seed=0):
    """Pictures (B, 3, H, W), both questions in one call of the U-Net."""
    tokens = pipe.encode([*prompts, *[""] * len(prompts)])  # (2B, L, D)
    both = pipe.denoiser(tokens, guidance_scale=1)

    def guided(x_t, t):
        uncond, cond = both(torch.cat([x_t, x_t]), t).chunk(2)
        return guide(uncond, cond, guidance_scale)

    noise, timesteps = pipe.noise(len(prompts), seed=seed), pipe.timesteps(QUICK)
    return pipe.decode(sample_ddim(guided, noise, pipe.schedule, timesteps)).cpu()


SOME = budget(lesson=16, ci=4)
asked, scenes = World(seed=5, level="storybook").prompts(SOME, things=1)
rows = []
for scale in (0.0, 1.0, 3.0):
    pictures = in_one_call(pipe, asked, scale)
    result = faithfulness(pictures, scenes)
    say("guidance {scale}: {all:.0%} as asked, {clear:.0%} show something that the reader knows",
        scale=scale, all=result.all, clear=result.recognised)  # fmt: skip
    rows.append(pictures[:8])
plots.images(
    torch.cat(rows),
    "Eight prompts at guidance 0, 1 and 3, from top to bottom, in one call.",
    columns=len(rows[0]),
    inches=0.8,
)
print(*asked[:8], sep="\n")

# %% [markdown]
# **Before you read the code again**, look at the three numbers and at the pictures. There is no error and no warning. At which scale does it do what it is asked, and what does that tell you? What does it paint at 3: anything at all, or
# something in particular? Then find the line, mend it, and run the cell again.
#
# *Your explanation:*
#
# # To read
#
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022): section 3.3 is exercise 1 in its place.
# - Ho & Salimans, [Classifier-Free Diffusion Guidance](https://arxiv.org/abs/2207.12598) (2022): exercises 2 and 3, and the bargain of section 4 measured on ImageNet.
# - Bradley & Nakkiran, [Classifier-Free Guidance is a Predictor-Corrector](https://arxiv.org/abs/2408.09000) (2024): what guidance draws, and what it does not, on bell curves like ours.
# - Hertz et al., [Prompt-to-Prompt Image Editing with Cross Attention Control](https://arxiv.org/abs/2208.01626) (2022): change a word, keep the maps of all others, and the rest of the picture stays.
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020) (2021): CLIP, whose text encoder Stable Diffusion reads with.
# - Saharia et al., [Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding](https://arxiv.org/abs/2205.11487) (2022): Imagen, which found that a larger frozen encoder, trained on text alone, helps more than a larger U-Net.
#
# ## Optional: where does Stable Diffusion look?
#
# With a network connection, the cell below downloads Stable Diffusion 1.5 (`stable-diffusion-v1-5/stable-diffusion-v1-5`, CreativeML OpenRAIL-M licence, about 2.1 GB in half precision) into the course's own classes, and **your** `text_to_image` draws with it. It needs about 6 GB of
# memory, and on a CPU several minutes; a GPU takes seconds. Set `DOWNLOAD = True` first.

# %% [markdown] tags=["ja"]
# **コードを読み返す前に**、3 つの数と画像を見てください。エラーも警告も出ません。注文どおりに描くのは、どの強さのときですか。そこから何がわかりますか。3 のときに描いているのは、何でもよいものですか、それとも何か特定のものですか。それから、誤りのある行を見つけて直し、セルをもう一度実行してください。
#
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022)：3.3 節に、演習 1 のアテンションが置かれる場所があります。
# - Ho & Salimans, [Classifier-Free Diffusion Guidance](https://arxiv.org/abs/2207.12598) (2022)：演習 2 と 3。4 節で見た損得を、ImageNet で測っています。
# - Bradley & Nakkiran, [Classifier-Free Guidance is a Predictor-Corrector](https://arxiv.org/abs/2408.09000) (2024)：ガイダンスが何を描き、何を描かないかを、ここと同じような釣り鐘形の分布で示しています。
# - Hertz et al., [Prompt-to-Prompt Image Editing with Cross Attention Control](https://arxiv.org/abs/2208.01626) (2022)：単語をひとつ変えて、ほかの単語のマップをそのままにすると、画像のほかの部分は変わりません。
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020) (2021)：CLIP の論文です。Stable Diffusion は、そのテキストエンコーダで文を読みます。
# - Saharia et al., [Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding](https://arxiv.org/abs/2205.11487) (2022)：Imagen の論文です。文だけで学習して凍結したエンコーダを大きくするほうが、U-Net を大きくするよりも効く、という発見があります。
#
# ## 発展：Stable Diffusion はどこを見ているか
#
# 次のセルは、Stable Diffusion 1.5（`stable-diffusion-v1-5/stable-diffusion-v1-5`、CreativeML OpenRAIL-M ライセンス、半精度で約 2.1 GB）をダウンロードし、このコースのクラスで開きます。描くのは**あなたの** `text_to_image` です。ネットワーク接続と、約 6 GB のメモリが必要です。CPU では数分、GPU なら数秒かかります。実行する前に `DOWNLOAD = True` としてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "stable-diffusion-v1-5/stable-diffusion-v1-5"

if DOWNLOAD:
    from t2ilab.pipelines.attention_maps import AttentionMaps
    from t2ilab.pipelines.text_to_image import TextToImage

    stable = TextToImage.from_pretrained(PUBLISHED, variant="fp16")
    sentence = "an astronaut riding a horse"
    maps = AttentionMaps(stable, sentence)
    with torch.no_grad():
        words = stable.denoiser(stable.encode([sentence]), guidance_scale=1)
        nothing = stable.denoiser(stable.encode([""]), guidance_scale=1)

        def told(x_t, t):
            with maps:  # records only where the sentence is read
                return words(x_t, t)

        noise, grid = stable.noise(1, seed=0), stable.timesteps(20)
        picture = text_to_image(told, nothing, stable.decode, noise, stable.schedule, grid, 7.5).cpu()
    shown = [(word, heat) for word, heat in maps.words() if heat.max() > 0]
    heats = [(heat / heat.max()).expand(1, 3, *heat.shape) for _, heat in shown]
    heats = [torch.nn.functional.interpolate(heat, size=picture.shape[-2:]) * 2 - 1 for heat in heats]
    plots.images(
        torch.cat([picture.float().clamp(-1, 1), *heats]),
        "An astronaut riding a horse by Stable Diffusion 1.5, and the places that looked at each word.",
        titles=["", *[word for word, _ in shown]],
        columns=3,
        inches=2.2,
    )
