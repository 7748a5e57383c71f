# %% [markdown]
# # Lab 11: Out of CLIP's own space
#
# <!-- badges -->
#
# **You will build** DALL-E 2. CLIP turns pictures into vectors; a **decoder** turns such vectors back into pictures; and a
# **prior** guesses, from the vector of a sentence, that of a picture which it could belong to. The paper calls the whole **unCLIP**: CLIP's tower of pictures, run backwards. You train a small prior of
# your own in a few minutes, and see what happens without one. Then you do with pictures what one can only do where pictures are vectors: vary them, mix
# two, move one along the difference of two sentences, and look at what is left when most of a vector is thrown away.
#
# | | |
# |---|---|
# | Time | about 75 minutes, three of which your machine computes alone |
# | You need | Python and PyTorch; Lab 01, or what CLIP is, and Lab 06, or what a denoiser and DDIM are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 11：CLIP の空間から描く
#
# <!-- badges -->
#
# **このラボで作るもの**：DALL-E 2 です。CLIP は、画像をベクトルにします。**デコーダ**（decoder）は、そのベクトルを画像に戻します。そして**プライア**（事前分布、prior）は、文のベクトルから、それに合いそうな画像のベクトルを推測します。論文は、全体を **unCLIP** と呼びます。CLIP の画像のタワーを、逆向きに動かすからです。小さなプライアを、数分で学習させましょう。プライアがないと何が起こるかも見ます。それから、画像がベクトルになっているからこそできることをします。画像のバリエーション、2 枚の混合、2 つの文の差に沿った移動。そして、ベクトルの大部分を捨てたとき、何が残るかを見ます。
#
# | | |
# |---|---|
# | 時間 | 約 75 分（そのうち、コンピュータの計算を待つのは 3 分） |
# | 必要なもの | Python と PyTorch。Lab 01、または CLIP とは何か。Lab 06、またはデノイザー（denoiser）と DDIM の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
from dataclasses import replace

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from t2ilab.data.captions import describe
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.distances import kid
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness, features
from t2ilab.nets.prior import Prior, PriorConfig
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.prior import Components, PriorSettings
from t2ilab.pipelines.stage import Guidance
from t2ilab.pipelines.unclip import UnCLIP
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device
unclip = UnCLIP.from_pretrained("shapes", str(device))
clip, schedule = unclip.clip, unclip.prior_schedule
clip.model.requires_grad_(False)
STEPS = budget(lesson=12, ci=2)  # of a walk from noise to a picture, or to an embedding
COUNT = budget(lesson=48, ci=4)  # of pictures that are counted
WORLD = World(size=32, seed=1, partial=0.0, japanese=0.0)

# %% [markdown]
# # 1. One space, two clouds
#
# **Where do pictures and sentences lie?** CLIP (Lab 01) has learnt to put a picture and its caption near each other, as vectors of
# length 1. DALL-E 2 ([Ramesh et al. 2022](https://arxiv.org/abs/2204.06125)) takes such a CLIP, frozen, and draws out of its space.
# So look at that space first: the cosines of pictures with their own captions, with other captions, and with other pictures.

# %% [markdown] tags=["ja"]
# # 1. ひとつの空間に、2 つの雲
#
# **画像と文は、どこにあるのでしょうか。** CLIP（Lab 01）は、画像とそのキャプション（caption）を、長さ 1 のベクトルとして、近くに置くように学習しました。DALL-E 2（[Ramesh et al. 2022](https://arxiv.org/abs/2204.06125)）は、その CLIP を凍結したまま使い、その空間から描きます。ですから、まず空間を見ておきましょう。画像と自分のキャプション、ほかのキャプション、そしてほかの画像とのコサインです。

# %% tags=["nbval-ignore-output"]
batch = WORLD.batch(0, budget(lesson=512, ci=32), device)
pictures, texts = clip.encode_image(batch["image"]), clip.encode_text(batch["caption"])  # (N, 128) each
same = torch.eye(len(pictures), dtype=torch.bool, device=device)
kinds = {
    tr("picture and its caption"): (pictures @ texts.T)[same],
    tr("picture and another caption"): (pictures @ texts.T)[~same],
    tr("two pictures"): (pictures @ pictures.T)[~same],
    tr("two captions"): (texts @ texts.T)[~same],
}
edges = torch.linspace(-1, 1, 61)
plots.lines(
    {
        name: ((edges[1:] + edges[:-1]) / 2, torch.histc(cosines.cpu(), 60, -1, 1) / len(cosines))
        for name, cosines in kinds.items()
    },
    "How often each cosine occurs, between pictures and captions of the shapes level.",
    "cosine",
    "share",
    percent=True,
)
for name, cosines in kinds.items():
    say("{name:30} cosine {mean:+.2f} on average", name=name, mean=cosines.mean())
gap = pictures.mean(0) - texts.mean(0)  # (128,), from the middle of the captions to that of the pictures
middle = (pictures.mean(0) + texts.mean(0)) / 2
apart = torch.cat([(pictures - middle) @ gap > 0, (texts - middle) @ gap < 0]).float().mean()
say(
    "The middles of the two clouds are {far:.2f} apart; one plane between them tells {apart:.1%} "
    "of all vectors apart, pictures from captions.",
    far=gap.norm(),
    apart=apart,
)

# %% [markdown]
# A picture is nearer to its own caption than to others: that is what CLIP was trained for. Still, how far from 1 does it stay? Now read the second and the third line. Nothing but chance
# joins these pairs, and yet *two pictures* are nearer to each other than a picture and a caption. The loss compares the cosines of pictures with captions, and only with one another: add the same number to all of them, and it stays as it is. The cosine of two pictures does not even occur in it. So nothing brings the two clouds together.
# This is called the **modality gap** ([Liang et al. 2022](https://arxiv.org/abs/2203.02053)).
#
# # 2. Straight across
#
# **So what if a decoder reads the caption's vector?** The zoo's decoder is a diffusion model as in Lab 08; where that reads words, it reads *one vector*, the
# embedding of a picture. (DALL-E 2's reads the caption's tokens besides, and the authors found that they help little, section 2.1.) It has never met the embedding of a caption. But they lie in one space, so nothing keeps us from handing it over. First what it was trained for: a picture's embedding, and the picture drawn anew from that alone.

# %% [markdown] tags=["ja"]
# 画像は、ほかのキャプションよりも、自分のキャプションに近いところにあります。そのために CLIP は学習しました。それでも、1 からはどれくらい離れているでしょうか。次に、2 行目と 3 行目を見てください。どちらも、たまたま組になっただけです。それなのに、*画像どうし*のほうが、画像とキャプションよりも近いのです。損失（loss）は、画像とキャプションのコサインを、たがいに比べるだけです。すべてに同じ数を足しても、変わりません。画像どうしのコサインは、出てきさえしません。ですから、2 つの雲を近づけるものは、何もないのです。これを**モダリティギャップ**（modality gap、[Liang et al. 2022](https://arxiv.org/abs/2203.02053)）といいます。
#
# # 2. そのまま渡してみる
#
# **では、デコーダにキャプションのベクトルを読ませたら、どうなるでしょうか。** 学習済みモデル集（zoo）のデコーダは、Lab 08 のような拡散モデル（diffusion model）です。ただし、言葉の代わりに、*ひとつのベクトル*、画像の埋め込み（embedding）を読みます。（DALL-E 2 のデコーダは、キャプションのトークンも読みますが、あまり役に立たなかったそうです。2.1 節。）キャプションの埋め込みには、一度も出会っていません。でも、同じ空間にあるのですから、渡すことはできます。まずは、学習したとおりに。画像の埋め込みだけから、その画像をもう一度描きます。

# %% tags=["nbval-ignore-output"]
asked = World(size=32, seed=2, partial=0.0, japanese=0.0).batch(0, COUNT, device)
captions, scenes, images = asked["caption"], asked["scene"], asked["image"]
own, told = clip.encode_image(images), clip.encode_text(captions)  # (COUNT, 128)
SETTINGS = Guidance(2.0, STEPS)


def decoded(embeddings, seed=0):
    """Pictures (B, 3, 32, 32) in [-1, 1] of embeddings (B, 128), by the decoder without the upsampler."""
    nothing = torch.zeros_like(embeddings[:1])
    with torch.inference_mode():
        drawn = unclip.decoder.draw(embeddings, nothing, SETTINGS, Noise(len(embeddings), seed))
    return drawn.clamp(-1, 1)


def right(drawn, asked=scenes):
    """How often a picture shows everything that was asked for."""
    return faithfulness(drawn, asked).all


from_own, from_text = decoded(own), decoded(told)
plots.images(
    torch.cat([images[:8], from_own[:8], from_text[:8]]),
    "Eight pictures; decoded from their own embeddings; decoded from the embeddings of their captions.",
    columns=8,
)
say(
    "Right in everything: from pictures' embeddings {own:.0%}, from captions' {told:.0%}.",
    own=right(from_own),
    told=right(from_text),
)
ATTRIBUTES = {
    "thing": tr("shape"),
    "color": tr("colour"),
    "size": tr("size"),
    "place": tr("place"),
    "background": tr("background"),
}
across = faithfulness(from_text, scenes).attributes
for name, label in ATTRIBUTES.items():
    say("{name:12} from the caption's embedding: right in {share:.0%}", name=label, share=across[name])

# %% [markdown]
# The second row has lost what CLIP does not see, and kept nearly all that it does. Where a shape in it is spoiled, remember the picture: section 6 decodes the first four of these vectors again, from other noise. Does the vector lack the shape, or did the drawing fail? Now compare the third row with the second. Much of the caption does get across, yet hardly a picture has all of it; what gets across, and what is lost?
#
# # 3. The prior
#
# **What is missing is a translator**: from where captions lie to where pictures lie. To one caption there are many
# pictures, each with a vector of its own. A plain function could at best answer with their mean, and where they differ much, that is the vector of no picture. So the paper takes something
# that *draws*: a diffusion model, this time not of pictures but of embeddings, here vectors of 128 numbers. (It also tried an autoregressive prior, and kept the diffusion. How much the mean would lose in our world, section 5 measures.)
# The prior gets the noised image embedding $z_t$, the time $t$ and the text embedding $y$, beside it the caption's tokens, and is
# asked for the embedding itself, not for the noise (section 2.2; there $z_i$ is the picture's embedding, and $y$ the caption):
#
# $$ L = \mathbb{E}\left[\left\lVert f_\theta\left(z_t, t, y\right) - z \right\rVert^2\right], \qquad z_t = \sqrt{\bar\alpha_t}\, z + \sqrt{1 - \bar\alpha_t}\; \epsilon $$
#
# (The norm sums over the numbers of a vector. The exercise takes their mean, which only divides by their count, and lets a loss of 1 mean something.)
#
# ### Exercise 1: <!-- exercise prior_loss -->

# %% [markdown] tags=["ja"]
# 2 行目の絵は、CLIP に見えないものを失い、見えるものをほとんど残しています。形が崩れた絵があったら、覚えておいてください。6 節では、はじめの 4 つのベクトルを、別のノイズからもう一度デコードします。形はベクトルに入っていないのでしょうか。それとも、描くのに失敗しただけでしょうか。次に、3 行目を 2 行目と比べてください。キャプションのことはかなり伝わっていますが、すべてがそろった絵はほとんどありません。伝わったのは何で、失われたのは何でしょうか。
#
# # 3. プライア
#
# **足りないのは、キャプションのある場所から画像のある場所への通訳です。** ひとつのキャプションには、たくさんの画像があり、それぞれのベクトルがあります。ふつうの関数に答えられるのは、よくてもその平均です。画像どうしが大きく違えば、平均は、どの画像のベクトルでもありません。そこで論文は、*描く*ものを使います。拡散モデルです。ただし、画像ではなく埋め込み、ここでは 128 個の数のベクトルを描きます。（自己回帰のプライアも試したうえで、拡散を選びました。このコースの世界で、平均がどれだけ劣るかは、5 節で測ります。）プライアは、ノイズの入った画像の埋め込み $z_t$、時刻 $t$、文の埋め込み $y$、それにキャプションのトークンを受け取り、ノイズではなく、埋め込みそのものを答えます（2.2 節。論文では、画像の埋め込みが $z_i$、キャプションが $y$ です）。
#
# $$ L = \mathbb{E}\left[\left\lVert f_\theta\left(z_t, t, y\right) - z \right\rVert^2\right], \qquad z_t = \sqrt{\bar\alpha_t}\, z + \sqrt{1 - \bar\alpha_t}\; \epsilon $$
#
# （ノルムは、ベクトルの成分について合計します。演習では平均をとります。個数で割るだけですが、こうすると、損失 1 に意味ができます。）
#
# ### 演習 1：<!-- exercise prior_loss -->


# %%
@exercise("prior_loss")
def prior_loss(prior, text_embedding, image_embedding, t, noise, ac):
    """How far the prior's guess is from the image embedding (Ramesh et al. 2022, section 2.2).

    prior(x_t, t, text_embedding) gives a guess (B, D); text_embedding, image_embedding: (B, D), of
    pairs that belong together; t: int64 (B,) or one int; noise: like image_embedding;
    ac: (T,), alpha_bar of each timestep.
    Returns a 0-d tensor with a gradient, the mean squared error over everything.
    """
    raise NotImplementedError


# %%
check(prior_loss)

# %% [markdown]
# ## Train it
#
# The network is that of the paper, small: a causal transformer over the caption's tokens, the caption's embedding, the time, the noised embedding, and
# one token of its own at which the answer is read off. Embeddings are brought to mean 0 and deviation 1 in each of their 128
# numbers before noise is added, as the noise has those, too. Pictures are embedded once, as CLIP is frozen, and met again in other words.
# One caption in ten is left empty: that is for guidance, which a prior can have as well (section 2.2). Ours does without it in this lab; the zoo's pipeline does not.

# %% [markdown] tags=["ja"]
# ## 学習させる
#
# ネットワークは、論文のものを小さくしたものです。キャプションのトークン、キャプションの埋め込み、時刻、ノイズの入った埋め込み、そして答えを読み取るための専用のトークンを並べた、因果マスク（causal mask）付きのトランスフォーマーです。埋め込みは、ノイズを加える前に、128 個の数のそれぞれを、平均 0、標準偏差 1 にしておきます。ノイズがそうだからです。CLIP は凍結されているので、画像は一度だけ埋め込みにしておき、別の言い方のキャプションで何度も使います。キャプションの 10 分の 1 は空にします。ガイダンスのためで、プライアにも使えます（2.2 節）。このラボでは使いませんが、zoo のパイプラインは使います。

# %% tags=["nbval-ignore-output"]
BATCH, BATCHES = budget(lesson=64, ci=16), budget(lesson=60, ci=2)
learning = World(size=32, seed=11, partial=0.1, japanese=0.0)
known = torch.stack(
    [clip.encode_image(learning.batch(i, BATCH, device)["image"]) for i in tqdm(range(BATCHES))]
)  # (60, 64, 128)
config = PriorConfig(clip.model.config.embed_dim, clip.tokenizer.context_length, width=96, layers=2)


def new_prior():
    """A prior that has learnt nothing but the mean and the deviation of embeddings."""
    machine.seed(11)
    net = machine.place(Prior(config))
    net.clip_mean.copy_(known.flatten(0, 1).mean(0, keepdim=True))
    net.clip_std.copy_(known.flatten(0, 1).std(0, keepdim=True))
    return net


@torch.no_grad()
def read(captions):
    """Captions, which may be empty -> embeddings (B, 128), tokens (B, L, 128) and their mask (B, L)."""
    ids = clip.tokenizer(list(captions)).to(device)
    embedding = F.normalize(clip.model.encode_text(ids), dim=-1)
    return embedding, clip.model.text_model(ids), clip.tokenizer.mask(ids)


def learn(net, optimizer, step):
    """The step-th step of training; returns the loss."""
    again, index = divmod(step, BATCHES)
    chance = torch.Generator().manual_seed(step)
    empty = (torch.rand(BATCH, generator=chance) < 0.1).tolist()
    captions = learning.captions(index, BATCH, again)
    text, tokens, mask = read("" if e else c for e, c in zip(empty, captions, strict=True))
    z = net.normalise(known[index])
    t = (1000 * (torch.arange(BATCH) + torch.rand(BATCH, generator=chance)) / BATCH).long().to(device)
    noise = torch.randn(z.shape, generator=chance).to(device)
    loss = prior_loss(
        lambda z_t, t, y: net(z_t, t, y, tokens, mask),
        text,
        z,
        t,
        noise,
        schedule.alphas_cumprod.to(device),
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


TRAINING_STEPS = budget(lesson=900, ci=3)  # on a slow machine lower this one
trial = new_prior()
trial_optimizer = Muon(trial)
pace(lambda step: learn(trial, trial_optimizer, step), TRAINING_STEPS, "prior-shapes")
mine = new_prior()
optimizer, average, losses = Muon(mine), Average(mine, decay=0.99), []
for step in tqdm(range(TRAINING_STEPS)):
    for group in optimizer.param_groups:
        group["lr"] = 3e-3 * min(1, (step + 1) / 50) * (1 - step / TRAINING_STEPS)
    losses.append(learn(mine, optimizer, step))
    average.update(step + 1)
mine = average.model
plots.loss_curve(losses)

# %% [markdown]
# A loss of 1 is that of a network that always says the mean. It does not go to 0: nobody can tell from a caption where exactly
# the thing lies, and which of its many embeddings the picture has.
#
# To draw an embedding: the walk of Lab 06, from noise to $z$, in 128 numbers in place of pixels.

# %% [markdown] tags=["ja"]
# いつも平均を答えるネットワークなら、損失は 1 です。0 にはなりません。キャプションから、ものの正確な位置や、たくさんある埋め込みのどれなのかは、わからないからです。
#
# 埋め込みを描くには、Lab 06 の歩みを使います。画素の代わりに 128 個の数で、ノイズから $z$ まで歩きます。


# %%
@torch.inference_mode()
def imagined(net, captions, seed=0, candidates=1, mean=None, steps=STEPS):
    """Image embeddings (candidates, B, 128) of length 1 that a prior draws for captions.

    mean: what is added at the end, by default the mean of the embeddings of pictures. With one step
    from pure noise, it gives about the mean of all embeddings that fit.
    """
    text, tokens, mask = (
        one.repeat(candidates, *[1] * (one.ndim - 1)) for one in read(captions)
    )  # each caption so many times
    noise = Noise(len(captions), seed)(candidates, config.embed_dim).transpose(0, 1).flatten(0, 1)
    denoise = NetworkDenoiser(
        lambda z_t, t: net(z_t, t, text, tokens, mask), schedule, "sample", clip=5.0
    )
    z = sample_ddim(denoise, noise.to(device), schedule, schedule.timesteps(steps, "trailing"))
    z = z * net.clip_std + (net.clip_mean if mean is None else mean)
    return F.normalize(z, dim=-1).unflatten(0, (candidates, len(captions)))


def near(a, b):
    """The mean cosine of vectors of length 1, row by row."""
    return (a * b).sum(-1).mean().item()


# %% tags=["nbval-ignore-output"]
guess = imagined(mine, captions)[0]
for name, vectors in {tr("the caption's own"): told, tr("your prior's"): guess}.items():
    say(
        "{name:20} cosine with the picture's embedding {own:.2f}; "
        "that picture is the nearest of {count}: {found:.0%}",
        name=name,
        own=near(vectors, own),
        count=COUNT,
        found=((vectors @ own.T).argmax(1) == torch.arange(COUNT, device=device)).float().mean(),
    )

# %% [markdown]
# # 4. The better of two
#
# **What if the draw was unlucky?** A prior draws another embedding from every noise, and some fit the caption better than others. CLIP can tell which. DALL-E 2
# draws two, and keeps the one with the larger dot product with the text's embedding (section 2.2).
#
# ### Exercise 2: <!-- exercise best_of -->

# %% [markdown] tags=["ja"]
# # 4. 2 つのうち、良いほう
#
# **運が悪かったら、どうするのでしょうか。** プライアは、ノイズが変われば別の埋め込みを描きます。キャプションによく合うものも、そうでないものもあります。どちらかは、CLIP にわかります。DALL-E 2 は 2 つ描いて、文の埋め込みとの内積が大きいほうを使います（2.2 節）。
#
# ### 演習 2：<!-- exercise best_of -->


# %%
@exercise("best_of")
def best_of(candidates, text_embedding):
    """For each text, the candidate with the largest dot product with it (Ramesh et al. 2022, sec. 2.2).

    candidates: (K, B, D), K drawn for each text; text_embedding: (B, D), in the same order.
    The numbers are used as they are, not normalised. Returns (B, D).
    """
    raise NotImplementedError


# %%
check(best_of)

# %% [markdown]
# # 5. Why a prior?
#
# **The same decoder, the same captions, the same noise; only the vector differs.** Three figures for each:
#
# - **right**: how often the picture shows everything that was asked for;
# - **near**: the cosine with the embedding of the picture that the caption was written for;
# - **distance**: how far the pictures are from the world's own, by the features of the reader (KID; other pictures of the world are only near 0, above or below, and the first line says where: what differs by less is chance).
#
# There are two rivals. One costs nothing: section 1 found where the two clouds' middles lie, so move the caption's vector by their difference. The other is the plain function of section 3: asked once, of pure
# noise, your prior can only answer with the mean of all that fits.

# %% [markdown] tags=["ja"]
# # 5. なぜプライアなのか
#
# **同じデコーダ、同じキャプション、同じノイズで、ベクトルだけを変えます。** それぞれ、3 つの指標を見ます。
#
# - **正解**：頼んだことをすべて描いた割合。
# - **近さ**：そのキャプションが書かれた画像の埋め込みとのコサイン。
# - **距離**：この世界の画像からどれだけ離れているか。読み取り器の特徴で測ります（KID。この世界の別の画像なら 0 の近く、0 より下になることもあります。どれくらいかは、最初の行にあります。それより小さい差は偶然です）。
#
# ライバルは 2 つです。ひとつは、費用がかかりません。1 節で、2 つの雲の真ん中がわかりました。キャプションのベクトルを、その差だけ動かします。もうひとつは、3 節の「ふつうの関数」です。ノイズだけを見せて一度で答えさせると、プライアには、合うものすべての平均しか答えられません。

# %% tags=["nbval-ignore-output"]
real = features(World(size=32, seed=3).batch(0, 4 * COUNT, device)["image"])
zoos = unclip.prior
rivals = {
    tr("the caption's own"): told,
    tr("moved by the gap"): F.normalize(told + gap, dim=-1),
    tr("your prior, in one step"): imagined(mine, captions, steps=1)[0],
    tr("your prior"): guess,
    tr("your prior, better of 2"): F.normalize(best_of(imagined(mine, captions, 0, 2), told), dim=-1),
    tr("your prior, best of 8"): F.normalize(best_of(imagined(mine, captions, 0, 8), told), dim=-1),
    tr("the zoo's prior, better of 2"): F.normalize(
        best_of(imagined(zoos, captions, 0, 2), told), dim=-1
    ),
    tr("the picture's own"): own,
}


def show_row(name, vectors, drawn):
    """Prints the three figures, and the cosine with the caption's embedding."""
    say(
        "{name:30} right {right:4.0%}, near {near:.2f}, distance {distance:6.2f}; "
        "cosine with the caption {told:.2f}",
        name=name,
        right=right(drawn),
        near=near(vectors, own),
        distance=kid(real, features(drawn)),
        told=near(vectors, told),
    )


others = (World(size=32, seed=seed).batch(0, COUNT, device)["image"] for seed in (4, 5, 6))
say(
    "Distance of others of the world's own, as many: {distances}.",
    distances=", ".join(f"{kid(real, features(x)):.2f}" for x in others),
)
drawn_from = {name: decoded(vectors) for name, vectors in rivals.items()}
for name, drawn in drawn_from.items():
    show_row(name, rivals[name], drawn)
plots.images(
    torch.cat([drawn[:8] for drawn in drawn_from.values()]),
    "Eight captions, from top to bottom: {names}.",
    columns=8,
    names=", ".join(drawn_from),
)

# %% [markdown]
# What does the prior buy over the caption's own vector, and over the one that was merely moved? Why does one move for all not suffice? And why may the mean do as well as a draw in a world whose captions
# say nearly all that there is to see, and would it for photographs? (With 48 pictures a share is uncertain by up to 14 points, and the difference of two by up to 20. The last line is no ceiling, either: given a picture's own vector, the decoder still errs at times.) Look at the last column, too: the vector that fits the caption best is the
# caption's own. How does it draw? *Fitting a caption* and *being a picture* are two things, and the prior is there for the second.
#
# Single shapes leave little to choose: nearly every candidate is right. What would a prompt have to be like for more candidates to pay? By which figure would you choose their number?
#
# **Change one thing:** the worst of eight, by turning the sign of `told` in `best_of`.
#
# # 6. Variations
#
# **What does CLIP see in a picture, and what not?** Embed it, decode it several times, from other noise: what the
# embedding says should be there each time, and what it does not say, the decoder has to make up (section 3.1). The paper begins from the picture's own noise $x_T$, which walking DDIM backwards finds: embedding and $x_T$ together
# give the picture back, and chance on the way ($\eta > 0$) loosens what the embedding does not hold. Here $x_T$ is new each time.

# %% [markdown] tags=["ja"]
# プライアを使うと、キャプション自身のベクトルや、動かしただけのベクトルと比べて、何が良くなりますか。どれも同じだけ動かすのでは足りないのは、なぜでしょうか。この世界のキャプションは、見えるもののほとんどすべてを言っています。そんな世界で、平均でも、描いたときと同じくらいうまくいくとしたら、それはなぜでしょうか。写真でも、そうでしょうか。（48 枚では、割合に最大 14 ポイント、2 つの割合の差には最大 20 ポイントの誤差があります。最後の行が上限というわけでもありません。画像自身のベクトルを渡しても、デコーダはときどき描き間違えるからです。）最後の列も見てください。キャプションにいちばん合うベクトルは、キャプション自身のものです。それで描いた絵は、どうでしょうか。*キャプションに合う*ことと、*画像である*ことは別で、プライアがいるのは、2 つめのためです。
#
# 図形ひとつでは、選ぶ余地があまりありません。ほとんどの候補が正しいからです。候補を増やすことに意味があるのは、どんなプロンプトでしょうか。あなたなら、どの指標を見て、いくつにしますか。
#
# **ひとつ変えてみましょう**：`best_of` に渡す `told` の符号を変えて、8 つのうちでいちばん悪いものを選んでみてください。
#
# # 6. バリエーション
#
# **CLIP は、画像の何を見て、何を見ていないのでしょうか。** 画像を埋め込みにして、別のノイズから何度もデコードします。埋め込みに書いてあることは、いつも現れるはずです。書いていないことは、デコーダが補うしかありません（3.1 節）。論文では、DDIM を逆に歩いて見つけた、その画像のノイズ $x_T$ から始めます。埋め込みと $x_T$ がそろえば、もとの画像が戻り、途中に偶然を入れると（$\eta > 0$）、埋め込みにないところが変わります。ここでは、$x_T$ を毎回新しくします。

# %% tags=["nbval-ignore-output"]
TIMES = 4
seeds = range(TIMES)
varied = torch.stack([decoded(own[: COUNT // 2], 100 * (1 + seed)) for seed in seeds], 1)  # (24, 4, ...)
plots.images(
    torch.cat([images[: len(varied), None], varied], 1)[:4].flatten(0, 1),
    "Four pictures, each with four variations to the right of it.",
    columns=1 + TIMES,
)
kept = faithfulness(varied.flatten(0, 1), [scene for scene in scenes[: COUNT // 2] for _ in seeds])
for name, label in ATTRIBUTES.items():
    say("{name:12} kept in {share:.0%}", name=label, share=kept.attributes[name])
say("All of it kept in {share:.0%}.", share=kept.all)
source = images[: COUNT // 2, None]
say(
    "Mean distance of pixels, of 2 at most: variation and source {own:.3f}, two variations {two:.3f}, "
    "two other pictures {others:.3f}.",
    own=(varied - source).abs().mean(),
    two=(varied - varied.roll(1, 1)).abs().mean(),
    others=(source - source.roll(1, 0)).abs().mean(),
)

# %% [markdown]
# A decoder that drew from *all* pictures with this embedding would make two variations differ as much as one does from its source. Does ours? (Guidance keeps it from it: it goes for what is most likely.)
#
# **Change one thing:** `SETTINGS = Guidance(1.0, STEPS)`, for this cell alone.
#
# # 7. Between two pictures
#
# **What lies between a picture and another?** In pixels, a double exposure. In CLIP's space, other pictures (section 3.2). But the straight line
# between two vectors of length 1 runs through the inside of the sphere, where no embedding lies. The **arc** stays on it:
#
# $$ \text{slerp}(a, b, w) = \frac{\sin\left((1 - w)\,\theta\right)}{\sin\theta}\; a + \frac{\sin\left(w\,\theta\right)}{\sin\theta}\; b $$
#
# ### Exercise 3: <!-- exercise slerp -->

# %% [markdown] tags=["ja"]
# この埋め込みを持つ*すべて*の画像から描くデコーダなら、2 つのバリエーションの違いは、もとの画像との違いと同じくらいになるはずです。そうなっていますか。（ガイダンスが邪魔をします。いちばんありそうなものへ向かうからです。）
#
# **ひとつ変えてみましょう**：このセルだけ、`SETTINGS = Guidance(1.0, STEPS)` にしてみてください。
#
# # 7. 2 枚の画像のあいだ
#
# **画像ともうひとつの画像のあいだには、何があるでしょうか。** 画素の世界では、二重写しです。CLIP の空間では、別の画像です（3.2 節）。ただし、長さ 1 のベクトルどうしを結ぶ直線は、球の内側を通ります。そこには、どの埋め込みもありません。**弧**なら、球の上を進みます。
#
# $$ \text{slerp}(a, b, w) = \frac{\sin\left((1 - w)\,\theta\right)}{\sin\theta}\; a + \frac{\sin\left(w\,\theta\right)}{\sin\theta}\; b $$
#
# ### 演習 3：<!-- exercise slerp -->


# %%
@exercise("slerp")
def slerp(a, b, w):
    """From a to b along an arc (Shoemake 1985, section 3.3): a at w = 0, b at w = 1.

    a, b: (B, D), of any lengths, each row turned on its own; no row of a
    points the same or the opposite way as that row of b.
    w: a number in [0, 1]. The angle is the one between the normalised vectors; the formula is used on the
    given ones. Returns (B, D).
    """
    raise NotImplementedError


# %%
check(slerp)

# %% tags=["nbval-ignore-output"]
WAY = [i / 7 for i in range(8)]
first, second = own[:3], own[3:4].expand(3, -1) if len(own) < 6 else own[3:6]
arcs = torch.stack([slerp(first, second, w) for w in WAY], 1)  # (3, 8, 128)
straight = torch.stack([(1 - w) * first + w * second for w in WAY], 1)
say(
    "Shortest vector on the way: on the arc {arc:.2f}, on the straight line {line:.2f}.",
    arc=arcs.norm(dim=-1).min(),
    line=straight.norm(dim=-1).min(),
)
for row in arcs:
    plots.images(
        torch.cat([decoded(vector[None], 7) for vector in row]),
        "From one picture to another along the arc, with one noise throughout.",
        columns=8,
    )

# %% [markdown]
# Which attributes turn gradually, and which jump from one value to the other? A colour between red and blue is a colour. What is between
# two shapes?
#
# # 8. A difference of two sentences
#
# **Can words change a picture, and leave the rest as it is?** "A red star" less "a blue star" is a direction, and if CLIP's vectors add up as words do, it says nothing of stars. Turn a picture's embedding towards it (section 3.3):
#
# $$ z_w = \text{slerp}\left(z,\; \frac{y_{\text{after}} - y_{\text{before}}}{\left\lVert y_{\text{after}} - y_{\text{before}} \right\rVert},\; w\right) $$
#
# Here for many pictures at once: each is to get another colour, and to keep everything else.

# %% [markdown] tags=["ja"]
# 少しずつ変わる属性はどれで、ある値から別の値へ飛ぶのはどれでしょうか。赤と青のあいだの色は、やはり色です。では、2 つの形のあいだは、何でしょうか。
#
# # 8. 2 つの文の差
#
# **言葉で画像を変え、ほかはそのままにできるでしょうか。** 「赤い星」から「青い星」を引いたものは、ひとつの方向です。CLIP のベクトルが言葉のように足し引きできるなら、星のことは何も言っていません。画像の埋め込みを、そちらへ回します（3.3 節）。
#
# $$ z_w = \text{slerp}\left(z,\; \frac{y_{\text{あと}} - y_{\text{前}}}{\left\lVert y_{\text{あと}} - y_{\text{前}} \right\rVert},\; w\right) $$
#
# ここでは、たくさんの画像で一度に試します。どれも、色を変え、ほかはすべて残すのが目標です。

# %% tags=["nbval-ignore-output"]
OTHER = {
    "red": "blue",
    "blue": "red",
    "green": "purple",
    "purple": "green",
    "yellow": "pink",
    "pink": "yellow",
}
OTHER |= {"orange": "light blue", "light blue": "orange"}
chosen = scenes[: COUNT // 2]
turned = [replace(scene, color=OTHER[scene.color]) for scene in chosen]
before = clip.encode_text([describe(scene) for scene in chosen])
after = clip.encode_text([describe(scene) for scene in turned])
towards = F.normalize(after - before, dim=-1)
TURNS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5][:: budget(lesson=1, ci=5)]
moved = [decoded(slerp(own[: len(chosen)], towards, w), 9) for w in TURNS]
changed, others_kept, all_of_it = [], [], []
for drawn in moved:
    seen = faithfulness(drawn, turned)
    changed.append(seen.attributes["color"])
    others_kept.append(faithfulness(drawn, [replace(scene, color=None) for scene in chosen]).all)
    all_of_it.append(seen.all)
plots.lines(
    {
        "the new colour": (TURNS, changed),
        "all else as before": (TURNS, others_kept),
        "both": (TURNS, all_of_it),
    },
    "How often pictures have the new colour, and all else as it was, by how far they were turned.",
    "share of the arc",
    "share of pictures",
    markers=True,
    percent=True,
)
best = max(range(len(TURNS)), key=lambda i: all_of_it[i])
say(
    "At its best, a turn by {turn} of the arc: both in {share:.0%}.",
    turn=TURNS[best],
    share=all_of_it[best],
)
plots.images(
    torch.stack([drawn[:4] for drawn in moved], 1).flatten(0, 1),
    "Four pictures turned towards another colour by {turns} of the arc.",
    columns=len(TURNS),
    turns=", ".join(map(str, TURNS)),
)

# %% [markdown]
# No model was trained for this. What goes wrong on the way, and what where the turn is large? (At $w = 1$ nothing of the picture is left. And the direction is one of *captions*, on a picture.)
#
# **Change one thing:** another shape in place of another colour, `replace(scene, thing="ring")`. Is it as easy?
#
# # 9. What a vector is made of
#
# **How much of a picture is in how many numbers?** The vectors have 128, but do they use them all? Take the principal
# components of many embeddings, the directions in which they differ most, keep only the first $k$ of a picture's, and decode what is left (figure 7 of the paper). What comes back first?

# %% [markdown] tags=["ja"]
# このための学習をしたモデルは、ひとつもありません。途中では、そして大きく回したときには、何がうまくいかなくなりますか。（$w = 1$ では、画像は何も残りません。それに、これは*キャプション*の方向で、回すのは画像です。）
#
# **ひとつ変えてみましょう**：色の代わりに、形を変えてみてください。`replace(scene, thing="ring")` です。同じくらい簡単でしょうか。
#
# # 9. ベクトルは何からできているか
#
# **画像のどれだけが、いくつの数に入っているのでしょうか。** ベクトルには 128 個の数がありますが、すべてを使っているでしょうか。たくさんの埋め込みの主成分、つまりいちばん違いの大きい方向を求め、画像の埋め込みの最初の $k$ 個だけを残してデコードします（論文の図 7）。最初に戻ってくるのは何でしょうか。

# %% tags=["nbval-ignore-output"]
components = Components.of(torch.cat([pictures, known.flatten(0, 1)]))
KEPT = [0, 2, 4, 8, 12, 16, 32, 64, 128]
KEPT = [count for count in KEPT if count <= len(components.axes)][:: budget(lesson=1, ci=4)]
total = (pictures - components.mean).square().sum()
cut = {count: components.truncate(own, count) for count in KEPT}
redrawn = {count: decoded(vectors, 5) for count, vectors in cut.items()}
curves = {name: (KEPT, []) for name in ATTRIBUTES}
for count, drawn in redrawn.items():
    seen = faithfulness(drawn, scenes)
    for name, (_, shares) in curves.items():
        shares.append(seen.attributes[name])
    say(
        "{count:3} components: {variance:.0%} of the variance, right in everything {right:.0%}",
        count=count,
        variance=(components.truncate(pictures, count) - components.mean).square().sum() / total,
        right=seen.all,
    )
plots.lines(
    {ATTRIBUTES[name]: curve for name, curve in curves.items()},
    "How often each attribute comes back, by how many components of the embedding are kept.",
    "components kept",
    "share of pictures",
    markers=True,
    percent=True,
)
plots.images(
    torch.stack([drawn[:4] for drawn in redrawn.values()], 1).flatten(0, 1),
    "Four pictures, decoded from {counts} components of their embeddings.",
    columns=len(KEPT),
    counts=", ".join(map(str, KEPT)),
)

# %% [markdown]
# In which order do background, place, colour, size and shape come back? Read each curve beside what a guess would get: size and background half the time, the others one time in eight or so. (With no component at all it is no more than that: all are nearly the same picture, and hardly one.) CLIP never was told of any of them; it was told which caption belongs to
# which picture. Components are sorted by how much embeddings *differ* along them. Is what comes first also what tells captions apart best?
#
# # 10. Draw many, show the best
#
# **One more trick is as old as the first DALL-E**: draw many pictures of one prompt, have CLIP look at them, and show those
# that fit best ([Ramesh et al. 2021](https://arxiv.org/abs/2102.12092), section 2.6). `best_of` chose among embeddings, before
# anything was drawn. This chooses among pictures.
#
# ### Exercise 4: <!-- exercise rerank -->

# %% [markdown] tags=["ja"]
# 背景、場所、色、大きさ、形は、どの順に戻ってきますか。どの曲線も、あてずっぽうと比べて読んでください。あてずっぽうでも、大きさと背景は 2 回に 1 回、ほかは 8 回に 1 回ほど当たります。（主成分が 0 個のときは、あてずっぽうを超えません。どれもほとんど同じで、絵にもなっていないからです。）CLIP は、そのどれについても教わっていません。教わったのは、どのキャプションがどの画像のものか、だけです。主成分は、埋め込みの*違い*が大きい順に並んでいます。最初に戻ってくるものは、キャプションを見分けるのにもいちばん役立つものでしょうか。
#
# # 10. たくさん描いて、良いものを見せる
#
# **もうひとつの工夫は、最初の DALL-E からあるものです。** ひとつのプロンプト（prompt）で何枚も描き、CLIP に見てもらい、いちばん合うものだけを見せます（[Ramesh et al. 2021](https://arxiv.org/abs/2102.12092)、2.6 節）。`best_of` は、描く前に、埋め込みの中から選びました。こちらは、画像の中から選びます。
#
# ### 演習 4：<!-- exercise rerank -->


# %%
@exercise("rerank")
def rerank(image_features, text_feature, k):
    """The k pictures that fit a text best, as DALL-E's were chosen (Ramesh et al. 2021, section 2.6).

    image_features: (N, D), of N pictures; text_feature: (D,); both of any lengths, normalised inside.
    Returns k indices, int64 (k,), of the pictures with the largest cosine, best first.
    """
    raise NotImplementedError


# %%
check(rerank)

# %% tags=["nbval-ignore-output"]
EACH, ASKED = budget(lesson=8, ci=2), budget(lesson=12, ci=2)
prompts, wanted = captions[:ASKED], scenes[:ASKED]
many = imagined(mine, prompts, 50, EACH)  # (8, 12, 128)
drawn = decoded(many.flatten(0, 1), 60).unflatten(0, (EACH, ASKED))  # (8, 12, 3, 32, 32)
looks = clip.encode_image(drawn.flatten(0, 1)).unflatten(0, (EACH, ASKED))
words = clip.encode_text(prompts)
orders = torch.stack([rerank(looks[:, i], words[i], EACH) for i in range(ASKED)], 1)  # best first
ranked = torch.stack([drawn[orders[:, i], i] for i in range(ASKED)], 1)
for place in sorted({0, 1, EACH // 2, EACH - 1}):
    say(
        "In place {place}: right {right:.0%}.",
        place=place + 1,
        right=right(ranked[place], wanted),
    )
say(
    "All of them together: right {right:.0%}.",
    right=right(drawn.flatten(0, 1), [scene for _ in range(EACH) for scene in wanted]),
)
print(prompts[0])
plots.images(
    ranked[:, 0],
    "Pictures of one prompt by your prior, the one that CLIP finds fitting best at the left.",
    columns=8,
)

# %% [markdown]
# (Twelve pictures a place are few.) What does a better place cost, in pictures drawn? And who chooses? If CLIP is wrong about a caption, it is wrong twice: in
# what it tells the decoder, and in what it chooses.
#
# # 11. Larger
#
# All together, and at 64x64: your prior, the better of two, the decoder, and the zoo's upsampler. That is a super-resolution stage as in Lab 12. Ours
# reads the small picture and the embedding; the paper's two, up to 1024x1024, read nothing but the small picture, as the authors saw no use in telling them more (section 2.1).

# %% [markdown] tags=["ja"]
# （それぞれ 12 枚しかありません。）順位を上げるために、何枚描くことになりますか。それに、選んでいるのはだれでしょうか。CLIP がキャプションを取り違えていれば、二重に間違えます。デコーダに伝えるときと、選ぶときです。
#
# # 11. もっと大きく
#
# すべてを合わせて、64x64 で描きましょう。あなたのプライア、2 つのうちの良いほう、デコーダ、そして zoo の拡大モデル（upsampler）です。これは Lab 12 の超解像（super-resolution）と同じものです。このコースのモデルは、小さな絵と埋め込みを読みます。論文では、2 つのモデルで 1024x1024 にしますが、どちらも小さな絵しか読みません。ほかのことを教えても、役に立たなかったからです（2.1 節）。

# %% tags=["nbval-ignore-output"]
PROMPTS = [
    "a big red star in the center on a dark background",
    "a small blue ring at the top left on a light background",
    "a big green heart on the right on a light background",
    "a small yellow triangle at the bottom on a dark background",
]
vectors = F.normalize(
    best_of(imagined(mine, [*PROMPTS, *captions], 0, 2), clip.encode_text([*PROMPTS, *captions])), dim=-1
)
large = unclip.decode(vectors, SETTINGS, Noise(len(vectors), 0), "pt") * 2 - 1  # (52, 3, 64, 64)
say("Right in everything, at 64x64: {right:.0%}.", right=right(large[len(PROMPTS) :]))
as_here = PriorSettings(2, 1.0, STEPS)
by_zoo = unclip(captions, prior=as_here, how=SETTINGS, seed=0, output_type="pt") * 2 - 1
say("The same with the zoo's prior: {right:.0%}.", right=right(by_zoo))
plots.images(
    large[:4],
    "Four prompts, by your prior, the decoder and the upsampler.",
    titles=PROMPTS,
    columns=2,
    inches=3.4,
)

# %% [markdown]
# # Break it
#
# Somebody draws embeddings with your prior, and has changed one line at the very end. They say it is an improvement, and have a figure
# to show for it: the embeddings fit their captions *better*, and so do the candidates that `best_of` keeps. Run it. **Before you look at the code**, compare all the columns with
# those of the sound prior, and the pictures. What has happened to the embeddings? Why does the cosine with the caption
# go up? Which of the figures would you publish, and what does this say of choosing, or training, by the score of CLIP?

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# だれかが、あなたのプライアで埋め込みを描きました。最後の最後で、1 行だけ変えています。改良だそうです。証拠となる数値もあります。埋め込みはキャプションに*よりよく*合うようになり、`best_of` が選ぶ候補も同じだと言うのです。実行してみてください。**コードを見る前に**、すべての列を正常なプライアのものと比べ、それから画像を比べてください。埋め込みに何が起きたのでしょうか。なぜキャプションとのコサインが上がるのでしょうか。あなたなら、どの指標を公表しますか。そして、CLIP の点数で選ぶこと、あるいは学習させることについて、何が言えるでしょうか。

# %% tags=["nbval-ignore-output"]
words = torch.cat([read(learning.captions(i, BATCH))[0] for i in range(BATCHES)]).mean(0, keepdim=True)
for count in (1, 8):
    sound = F.normalize(best_of(imagined(mine, captions, 0, count), told), dim=-1)
    faulty = F.normalize(best_of(imagined(mine, captions, 0, count, mean=words), told), dim=-1)
    sound_drawn, faulty_drawn = decoded(sound), decoded(faulty)
    show_row(tr("sound, best of {count}", count=count), sound, sound_drawn)
    show_row(tr("faulty, best of {count}", count=count), faulty, faulty_drawn)
plots.images(
    torch.cat([images[:8], sound_drawn[:8], faulty_drawn[:8]]),
    "Eight pictures of the world; from their captions, by the sound prior and by the faulty one.",
    columns=8,
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Ramesh et al., [Hierarchical Text-Conditional Image Generation with CLIP Latents](https://arxiv.org/abs/2204.06125) (2022): section 2,
#   section 3 on what can be done in that space, and section 5.1 on whether a prior is needed: their question of section 5 above, on photographs.
# - Ramesh et al., [Zero-Shot Text-to-Image Generation](https://arxiv.org/abs/2102.12092) (2021): the first DALL-E, which drew
#   token by token; section 2.6 for reranking.
# - Liang et al., [Mind the Gap](https://arxiv.org/abs/2203.02053) (2022): where the two clouds come from.
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020)
#   (2021): CLIP.
#
# Next: Lab 12 does without CLIP, and draws small first.
#
# The same at full length: `t2ilab train prior-shapes`.
#
# ## Further: the gap of a published CLIP
#
# Are two clouds a habit of our small CLIP? The next cell downloads OpenAI's (`openai/clip-vit-base-patch32`, MIT licence, 605 MB), measures the same in its space, and has it rank pictures of this world. To run it, write `DOWNLOAD = True`.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Ramesh et al., [Hierarchical Text-Conditional Image Generation with CLIP Latents](https://arxiv.org/abs/2204.06125) (2022)：2 節、その空間でできることについての 3 節、そしてプライアが要るかどうかについての 5.1 節。このラボの 5 節の問いを、写真で調べています。
# - Ramesh et al., [Zero-Shot Text-to-Image Generation](https://arxiv.org/abs/2102.12092) (2021)：トークンをひとつずつ描いた、最初の DALL-E。並べ替えは 2.6 節です。
# - Liang et al., [Mind the Gap](https://arxiv.org/abs/2203.02053) (2022)：2 つの雲は、どこから来るのか。
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020) (2021)：CLIP。
#
# 次の Lab 12 は、CLIP を使わず、先に小さく描きます。
#
# 同じことを最後まで行うには：`t2ilab train prior-shapes`。
#
# ## 発展：公開されている CLIP のギャップ
#
# 2 つの雲は、このコースの小さな CLIP だけのものでしょうか。次のセルは、OpenAI の CLIP（`openai/clip-vit-base-patch32`、MIT ライセンス、605 MB）をダウンロードし、その空間で同じことを測り、この世界の画像を並べ替えさせます。実行するには `DOWNLOAD = True` と書いてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "openai/clip-vit-base-patch32"

if DOWNLOAD:
    from t2ilab.pipelines.image_text import ImageText

    published = ImageText.from_pretrained(PUBLISHED)
    shown = World(size=64, seed=4, partial=0.0, japanese=0.0).batch(0, 64, device)
    looked, heard = published.encode_image(shown["image"]), published.encode_text(shown["caption"])
    off = ~torch.eye(64, dtype=torch.bool, device=looked.device)
    say(
        "A published CLIP: cosine of a picture and its caption {own:.2f}, of two pictures {two:.2f}, "
        "of two captions {captions:.2f}.",
        own=(looked * heard).sum(-1).mean(),
        two=(looked @ looked.T)[off].mean(),
        captions=(heard @ heard.T)[off].mean(),
    )
    print(shown["caption"][0])
    plots.images(
        shown["image"][rerank(looked, heard[0], 8).to(device)],
        "Of 64 pictures of this world, the eight that a published CLIP finds nearest to that caption.",
        columns=8,
    )
