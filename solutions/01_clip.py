# %% [markdown]
# # Lab 01: One space for pictures and words
#
# <!-- badges -->
#
# **You will build** CLIP: two networks, one that looks and one that reads, that end in the same space. Nobody tells them what a
# circle is. They are only shown pictures with their captions, and asked which belongs to which; after two minutes
# they find a picture from a sentence, and name things that nobody ever labelled.
#
# | | |
# |---|---|
# | Time | about 75 minutes, four of which your machine computes alone |
# | You need | Python and PyTorch; what softmax and cross-entropy are. Lab 00 is a good start |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | three, 8 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, blank it again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 01：画像と言葉をひとつの空間に
#
# <!-- badges -->
#
# **このラボで作るもの**：CLIP です。見るネットワークと読むネットワークが、同じひとつの空間にたどり着きます。「円とは何か」を教える人はいません。画像とキャプションを見せて、どれとどれが組になるかを当てさせるだけです。それだけで、2 分後には、文から画像を探し、だれもラベルを付けていないものの名前を言えるようになります。
#
# | | |
# |---|---|
# | 時間 | 約 75 分（そのうち、コンピュータの計算を待つのは 4 分） |
# | 必要なもの | Python と PyTorch。ソフトマックス（softmax）と交差エントロピー（cross-entropy）の意味。Lab 00 から始めるとよいでしょう |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | 3 問、8 点。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。先へ進みたいときは、もう一度空欄に戻してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, all_scenes, is_held_out
from t2ilab.data.words import COLORS, PLACES, PLAIN, SHAPES, SIZES
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device

# %% [markdown]
# # 1. Which belongs to which?
#
# **How do you teach a network what is in a picture?** For a long time the answer was: with labels. Somebody decides on a list, say a
# thousand words; somebody else looks at a million pictures and ticks one word for each. What is not on the list does
# not exist, and every new question needs new labels.
#
# But the web is full of pictures with a sentence beside them, and nobody was paid to write it. Radford et al.
# ([2021](https://arxiv.org/abs/2103.00020)) asked for less than a label and got more: they took 400 million such pairs
# and let a network guess **which sentence belongs to which picture**. Try it yourself. Here are eight pictures and
# eight captions of this course's world, shuffled:

# %% [markdown] tags=["ja"]
# # 1. どれとどれが組か
#
# **画像に何が写っているかを、どうやってネットワークに教えればよいのでしょうか。** 長いあいだ、答えは「ラベル」でした。だれかがたとえば 1,000 語の一覧を決め、別のだれかが 100 万枚の画像を見て、1 枚ごとにひとつの語に印を付けます。一覧にないものは存在しないことになり、新しい問いには新しいラベルが要ります。
#
# けれども、ウェブには、文の添えられた画像があふれています。だれかがお金をもらって書いたものではありません。Radford ら（[2021](https://arxiv.org/abs/2103.00020)）は、ラベルより少ないものを求めて、より多くを得ました。そのような組を 4 億集め、**どの文がどの画像のものか**をネットワークに当てさせたのです。まず自分で試してみましょう。このコースの世界から、8 枚の画像と 8 つのキャプションを、順序を変えて並べました。

# %%
world = World(size=32, seed=1, partial=0.0, japanese=0.0)  # full captions, in English
batch = world.batch(0, 8)
shuffled = torch.randperm(8, generator=torch.Generator().manual_seed(0)).tolist()
plots.images(batch["image"], "Eight pictures.", titles=list("ABCDEFGH"), columns=8)
for number, i in enumerate(shuffled, start=1):
    print(number, batch["caption"][i])

# %% [markdown]
# You did not need to be told what a ring is for the third time: each caption had to fit *its* picture better than the seven
# others, and that was enough to go by. A network that can do this for any eight, or any thousand, has understood shapes, colours,
# sizes, places, and the words for them. There is no list of classes in the task.
#
# # 2. One tower that reads, one that looks
#
# **How can a sentence and a picture be compared at all?** By turning both into vectors of the same length. CLIP has two networks for that, which share
# nothing, and calls them towers. Here they are at the size of this lab; the very same class holds OpenAI's 151,277,313 weights with other numbers in
# its configuration:

# %% [markdown] tags=["ja"]
# 「輪とは何か」をあらためて教わる必要はありませんでした。どのキャプションも、ほかの 7 枚より*自分の*画像によく合っていればよい。手がかりはそれだけで足ります。どの 8 組でも、どの 1,000 組でもこれができるネットワークは、形、色、大きさ、場所と、それを表す言葉を理解しています。この課題に、クラスの一覧は出てきません。
#
# # 2. 読む塔と見る塔
#
# **そもそも、文と画像をどうやって比べるのでしょうか。** どちらも同じ長さのベクトルにするのです。CLIP には、そのためのネットワークが 2 つあり、塔（tower）と呼ばれます。2 つのあいだに共有するものはありません。次のセルにあるのは、このラボの大きさのものです。設定の数を変えれば、まったく同じクラスに OpenAI の 151,277,313 個の重みが入ります。

# %%
LENGTH = 24  # tokens of the longest caption, and a few to spare
tokenizer = CLIPTokenizer.train(vocabulary("shapes"), LENGTH)


def new_model():
    """A CLIP of random weights: pictures of 32x32 in patches of 8x8, captions of up to LENGTH tokens."""
    text = TextConfig(len(tokenizer.vocab), LENGTH, width=128, layers=2, heads=4)
    vision = VisionConfig(image_size=32, patch_size=8, width=192, layers=4, heads=4)
    return machine.place(CLIP(CLIPConfig(text, vision, embed_dim=128)))


machine.seed(1)
model = new_model()
towers = [(model.vision_model, model.visual_projection), (model.text_model, model.text_projection)]
sizes = [sum(p.numel() for part in tower for p in part.parameters()) for tower in towers]
say("The tower that looks has {look:,} weights, the tower that reads {read:,}.", look=sizes[0], read=sizes[1])

# %% [markdown]
# **The tower that looks** is a vision transformer ([Dosovitskiy et al. 2021](https://arxiv.org/abs/2010.11929)). It cuts the picture into
# patches, makes a vector of each, adds a vector that says where the patch was, and lets all of them look at each other for four
# rounds. One token more has no patch of its own; it is there to collect, and at the end it speaks for the whole picture.
#
# **The tower that reads** gets the caption as tokens, numbers of words, between a start token and an end token; the rest of the row is padding:

# %% [markdown] tags=["ja"]
# **見る塔**はビジョントランスフォーマー（vision transformer、[Dosovitskiy et al. 2021](https://arxiv.org/abs/2010.11929)）です。画像をパッチ（patch）に切り分け、それぞれをベクトルにし、どこにあったかを示すベクトルを足します。そして 4 回にわたって、互いに見合わせます。パッチを持たないトークンがもうひとつあります。これは情報を集める役で、最後に画像全体を代表します。
#
# **読む塔**は、キャプションをトークン（token）、つまり単語の番号の列として受け取ります。開始トークンと終端トークン（end token）にはさまれ、行の残りはパディング（padding）で埋められます。

# %%
patches = batch["image"][:1].unfold(2, 8, 8).unfold(3, 8, 8)[0].permute(1, 2, 0, 3, 4).reshape(16, 3, 8, 8)
plots.images(patches, "What the tower gets of the first picture: sixteen patches of 8x8 pixels.", columns=4, inches=0.5)
caption = batch["caption"][0]
ids = tokenizer(caption)[0]
print(tokenizer.tokens(caption))
print(ids.tolist())
say("Start token: {start}. End token, and padding: {end}.", start=tokenizer.start_id, end=tokenizer.end_id)

# %% [markdown]
# Each token sees itself and those before it, never those after it (a causal mask: the tower can also be trained to write). So which of
# its 24 output vectors has read the whole caption? Not the first, which saw only itself. The **end token**, which stands behind the last word, has. What comes after
# it is padding. CLIP takes the vector of the end token (section 2.4). Here, as in the Hugging Face files of OpenAI's CLIPs, the padding is the end token
# again, so it is the *first* one that counts.
#
# ### Exercise 1: <!-- exercise pool_text -->
#
# Pick the right vector from each row.

# %% [markdown] tags=["ja"]
# どのトークンも、自分とそれより前のトークンだけを見ます。後ろは見ません（因果マスク（causal mask）です。こうしておけば、この塔に文を書かせることもできます）。では、24 個の出力ベクトルのうち、キャプション全体を読み終えているのはどれでしょうか。最初のものではありません。自分しか見ていないからです。最後の単語のあとに立つ**終端トークン**なら、すべてを読んでいます。そのあとはパディングです。CLIP が使うのは、終端トークンのベクトルです（2.4 節）。ここでは、Hugging Face にある OpenAI の CLIP のファイルと同じように、パディングにも終端トークンを使います。ですから、数えるのは*最初の*終端トークンです。
#
# ### 演習 1：<!-- exercise pool_text -->
#
# 各行から、正しいベクトルを選び出してください。


# %%
@exercise("pool_text")
def pool_text(hidden, token_ids, eos_id):
    """The vector of each caption: the text tower's output at the caption's first end token.

    hidden: (B, L, D), the tower's outputs; token_ids: int64 (B, L), at least one end token in each row; eos_id: int.
    Returns (B, D).
    """
    raise NotImplementedError


# %%
check(pool_text)

# %% [markdown]
# A last linear layer on each tower leads into the common space, here of 128 numbers. From now on these two functions are all that we
# need of the networks:

# %% [markdown] tags=["ja"]
# 最後に、塔ごとに線形層をひとつ通すと、共通の空間に入ります。ここでは 128 次元です。これから先、ネットワークについて必要なのは、次の 2 つの関数だけです。


# %%
def encode_image(model, images):
    """Pictures (B, 3, 32, 32) in [-1, 1] -> (B, 128)."""
    return model.encode_image(images.to(device))


def encode_text(model, captions):
    """B captions -> (B, 128), by your pool_text."""
    ids = tokenizer(captions).to(device)
    return model.text_projection(pool_text(model.text_model(ids), ids, tokenizer.end_id))


# %% [markdown]
# # 3. Everything beside everything
#
# **When do two vectors fit?** When they point the same way. CLIP looks at the cosine of the angle between them, so that length does not
# count, and multiplies it by a number, the `logit_scale` $s$, one over what is called the temperature:
#
# $$ \ell_{ij} = s \, \frac{u_i \cdot v_j}{\lVert u_i \rVert\, \lVert v_j \rVert} \qquad \text{(figure 3 of the paper)} $$
#
# with the picture $u_i$ in row $i$ and the text $v_j$ in column $j$. Why the scale? Cosines lie between -1 and 1; a softmax over eight
# of them can give its favourite at most $e^{1} / (e^{1} + 7 e^{-1})$, a bit over one half. Times 14 it can be certain.
#
# ### Exercise 2: <!-- exercise similarity_logits -->

# %% [markdown] tags=["ja"]
# # 3. すべてをすべてと比べる
#
# **2 つのベクトルは、どんなときに合っているのでしょうか。** 同じ方向を向いているときです。CLIP は 2 つのなす角のコサインを見ます。ですから長さは関係ありません。それに `logit_scale` という数 $s$ を掛けます。温度（temperature）と呼ばれるものの逆数です。
#
# $$ \ell_{ij} = s \, \frac{u_i \cdot v_j}{\lVert u_i \rVert\, \lVert v_j \rVert} \qquad \text{(figure 3 of the paper)} $$
#
# 画像 $u_i$ が $i$ 行目、テキスト $v_j$ が $j$ 列目です。なぜ数を掛けるのでしょうか。コサインは -1 から 1 までなので、8 つのコサインのソフトマックスでは、いちばん合うものでも確率は $e^{1} / (e^{1} + 7 e^{-1})$、つまり半分より少し大きいだけです。14 倍すれば、確信が持てます。
#
# ### 演習 2：<!-- exercise similarity_logits -->


# %%
@exercise("similarity_logits")
def similarity_logits(image_features, text_features, logit_scale):
    """How well each picture fits each text, as logits: the cosine of the angle between them, times logit_scale.

    image_features: (N, D), text_features: (M, D), of any lengths; logit_scale: 0-d tensor, the multiplier itself.
    Returns (N, M): pictures in rows.
    """
    raise NotImplementedError


# %%
check(similarity_logits)

# %% [markdown]
# What do two towers of random weights say about the eight pairs of section 1? One fits as well as any other:

# %% [markdown] tags=["ja"]
# 重みが乱数のままの 2 つの塔は、1 節の 8 組をどう見るでしょうか。どれも同じように合っていると言います。


# %%
@torch.no_grad()
def cosines(model, images, captions):
    """Every picture with every caption, without the scale: (N, M) in [-1, 1]."""
    return similarity_logits(
        encode_image(model, images), encode_text(model, captions), torch.tensor(1.0, device=device)
    )


def short(scene):
    """A scene in few words, for the side of a figure."""
    return f"{scene.size} {scene.color} {scene.thing}, {scene.place}"


before = cosines(model, batch["image"], batch["caption"])
plots.heatmap(
    before,
    "Cosines of eight pictures, in rows, and captions, in columns, before training: about one value in each column.",
    [short(scene) for scene in batch["scene"]],
    list("ABCDEFGH"),
)

# %% [markdown]
# # 4. The loss: find your partner
#
# **What should the numbers of that matrix be?** Large on the diagonal, small elsewhere. Read row $i$ as a classification: eight
# classes, and the right one is number $i$. That is a cross-entropy, and no label was needed for it. Then read the columns the same way: each text
# chooses among the pictures. CLIP takes the mean of both:
#
# $$ L = -\frac{1}{2B} \sum_i \left( \log \frac{e^{\ell_{ii}}}{\sum_j e^{\ell_{ij}}} + \log \frac{e^{\ell_{ii}}}{\sum_j e^{\ell_{ji}}} \right) $$
#
# The other pairs of the batch are the **negatives**. They cost nothing, they are there anyway.
#
# ### Exercise 3: <!-- exercise clip_loss -->

# %% [markdown] tags=["ja"]
# # 4. 損失：相手を見つける
#
# **この行列の数は、どうなるべきでしょうか。** 対角線上では大きく、ほかでは小さくなるべきです。$i$ 行目を分類問題とみなしましょう。クラスは 8 つ、正解は $i$ 番目です。すると交差エントロピーになります。ラベルは要りませんでした。次に、列も同じように読みます。どのテキストも、画像の中から相手を選ぶのです。CLIP は 2 つの平均をとります。
#
# $$ L = -\frac{1}{2B} \sum_i \left( \log \frac{e^{\ell_{ii}}}{\sum_j e^{\ell_{ij}}} + \log \frac{e^{\ell_{ii}}}{\sum_j e^{\ell_{ji}}} \right) $$
#
# バッチの中のほかの組は**負例**（negative）になります。はじめからそこにあるのですから、手間はかかりません。
#
# ### 演習 3：<!-- exercise clip_loss -->


# %%
@exercise("clip_loss")
def clip_loss(image_features, text_features, logit_scale):
    """How badly pictures and captions find each other: the symmetric contrastive loss (Radford et al. 2021, figure 3).

    image_features, text_features: (B, D), of any lengths, row i of one belongs to row i of the other; logit_scale: 0-d
    tensor, the multiplier itself. Returns one number with its gradient, in nats: the mean of both directions.
    """
    raise NotImplementedError


# %%
check(clip_loss)

# %% [markdown]
# Who knows nothing gives each of the $B$ candidates the chance $1/B$, and pays $-\ln \tfrac1B = \ln B$. That is where the loss begins, and
# it is worth remembering: **a CLIP whose loss stays at $\ln B$ is learning nothing**, and one that is trained with $B = 1$ has a loss of
# 0 for ever, since there is nothing to confuse.

# %% [markdown] tags=["ja"]
# 何も知らなければ、$B$ 個の候補のどれにも確率 $1/B$ を与え、損失は $-\ln \tfrac1B = \ln B$ になります。損失はここから始まります。覚えておきましょう。**損失が $\ln B$ から動かない CLIP は、何も学んでいません。** また、$B = 1$ で学習させると、取り違えようがないので、損失はいつまでも 0 です。

# %%
for size in (2, 8, 32, 128):
    pairs = world.batch(1, size)
    with torch.no_grad():
        scale = model.logit_scale.exp()
        loss = clip_loss(encode_image(model, pairs["image"]), encode_text(model, pairs["caption"]), scale)
    say("B = {size}: the loss begins at {loss:.2f}; ln B = {log:.2f}.", size=size, loss=loss.item(), log=math.log(size))

# %% [markdown]
# # 5. Training
#
# Nothing else is needed. Each step draws a new batch of pairs, and **your** `clip_loss` pulls partners together and pushes
# all others apart. The scale is learnt too, as its logarithm, so that it stays positive; it starts at $1 / 0.07 \approx 14.3$ and is stopped
# at 100 (section 2.5). The optimizer is Muon, which Lab 05 explains; AdamW would do, and take longer.
#
# Eight pairs of shape and colour, such as the blue square, appear in no batch at all. Section 6 asks for them.

# %% [markdown] tags=["ja"]
# # 5. 学習
#
# ほかに必要なものはありません。各ステップで新しい組のバッチを作り、**あなたの** `clip_loss` が、組どうしを引き寄せ、ほかを遠ざけます。コサインに掛ける数も学習します。いつも正になるように、対数で持っておきます。$1 / 0.07 \approx 14.3$ から始まり、100 で止めます（2.5 節）。オプティマイザ（optimizer）は Muon です（Lab 05 で説明します）。AdamW でもできますが、もっと時間がかかります。
#
# 形と色の組み合わせのうち 8 つは、どのバッチにも出てきません。6 節で、それを尋ねます。

# %% tags=["nbval-ignore-output"]
STEPS = budget(lesson=260, ci=4)
BATCH = budget(lesson=128, ci=16)


def learn(model, optimizer, pairs):
    """One step of training on a batch of pairs; returns the loss before it."""
    scale = model.logit_scale.exp().clamp(max=100)
    loss = clip_loss(encode_image(model, pairs["image"]), encode_text(model, pairs["caption"]), scale)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def train(model, steps, pairs_of):
    """The whole training on pairs_of(step); returns the loss of each step."""
    optimizer = Muon(model, lr=2e-3)
    warm_then_cool = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 40) * (0.505 + 0.495 * math.cos(math.pi * step / steps))
    )
    losses = []
    for step in tqdm(range(steps)):
        losses.append(learn(model, optimizer, pairs_of(step)))
        warm_then_cool.step()
    return losses


trial = new_model()
trial_optimizer = Muon(trial)
minutes = pace(lambda step: learn(trial, trial_optimizer, world.batch(step, BATCH)), STEPS, checkpoint="clip-storybook")

# %% tags=["nbval-ignore-output"]
losses = train(model, STEPS, lambda step: world.batch(step, BATCH))
plots.loss_curve(losses)
say(
    "The loss began at {first:.2f} and ended at {last:.2f}; the scale at {scale:.1f}.",
    first=losses[0],
    last=losses[-1],
    scale=model.logit_scale.exp().item(),
)

# %% [markdown]
# For a while next to nothing happens. Then, within some dozens of steps, it finds the first distinction that helps: which one, do you think? (The
# matrix after 80 steps would tell.) And here are the eight pairs again:

# %% [markdown] tags=["ja"]
# しばらくは、ほとんど何も起こりません。それから数十ステップのうちに、役に立つ最初の区別を見つけます。それは何だと思いますか。（80 ステップのところで行列を見ればわかります。）もう一度、あの 8 組を見てみましょう。

# %% tags=["nbval-ignore-output"]
plots.heatmap(
    cosines(model, batch["image"], batch["caption"]),
    "The same eight pictures and captions after training: the highest cosines are on the diagonal.",
    [short(scene) for scene in batch["scene"]],
    list("ABCDEFGH"),
)

# %% [markdown]
# Look at what is high beside the diagonal: those are pairs that share something.
#
# # 6. What has it learnt?
#
# **How many pictures does it name?** Write a sentence for each possible answer and take the one that fits best: that is a
# classifier, and it was never trained as one ("zero-shot"; Lab 02 makes an art of it). First the whole world, one sentence for each of its
# scenes; then one attribute at a time.

# %% [markdown] tags=["ja"]
# 対角線のほかにも値の高いところがあります。何かが共通している組です。
#
# # 6. 何を学んだのか
#
# **どれくらいの画像の名前を言えるでしょうか。** ありうる答えのひとつひとつを文にして、いちばん合うものを選びます。これで分類器になります。分類器として学習させたことは一度もないのに、です（「ゼロショット」（zero-shot）といいます。Lab 02 で腕を磨きます）。まず世界の全体について、シーンごとに 1 文ずつ用意します。次に、属性をひとつずつ調べます。

# %%
every = list(all_scenes())


def sentence(scene):
    return f"a {scene.size} {scene.color} {scene.thing} {PLACES[scene.place][0][0]} on a {scene.background} background"


@torch.no_grad()
def named(model, scenes):
    """Which of all scenes of this world the model sees in the pictures of the given ones."""
    texts = F.normalize(
        torch.cat([encode_text(model, list(map(sentence, every[i : i + 256]))) for i in range(0, len(every), 256)]),
        dim=-1,
    )
    pictures = render(scenes, 32, torch.Generator().manual_seed(9))
    best = []
    for part in pictures.split(128):
        best += (F.normalize(encode_image(model, part), dim=-1) @ texts.T).argmax(dim=1).tolist()
    return [every[i] for i in best]


def report(model, scenes):
    """Shares of pictures: all right, and each attribute by itself."""
    seen = named(model, scenes)
    right = {
        a: [getattr(s, a) == getattr(t, a) for s, t in zip(seen, scenes, strict=True)]
        for a in ("thing", "color", "size", "place", "background")
    }
    everything = [s == t for s, t in zip(seen, scenes, strict=True)]
    return sum(everything) / len(scenes), {a: sum(hits) / len(scenes) for a, hits in right.items()}


# %% tags=["nbval-ignore-output"]
COUNT = budget(lesson=512, ci=16)
chooser = torch.Generator().manual_seed(2)
seen_scenes = [s for s in every if not is_held_out(s)]
unseen_scenes = [s for s in every if is_held_out(s)]
known = [seen_scenes[i] for i in torch.randperm(len(seen_scenes), generator=chooser)[:COUNT].tolist()]
new = [unseen_scenes[i] for i in torch.randperm(len(unseen_scenes), generator=chooser)[:COUNT].tolist()]
everything, each = report(model, known)
say("One of {count:,} sentences, the right one: {all:.0%} of the pictures.", count=len(every), all=everything)
say("Shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, background {background:.0%}.", **each)

# %% [markdown]
# And the pairs of shape and colour that no batch showed, blue squares and their like? Each of them is a shape that it knows, in a colour that it
# knows:

# %% [markdown] tags=["ja"]
# では、どのバッチにも出てこなかった、形と色の組み合わせはどうでしょうか。形も色も、それぞれなら知っています。

# %% tags=["nbval-ignore-output"]
everything, each = report(model, new)
say("Pairs never seen, all right: {all:.0%}.", all=everything)
say("Shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, background {background:.0%}.", **each)

# %% [markdown]
# **Search** is the same matrix, read along a column: one sentence, many pictures. The sentence may leave things open, though the model has never read such a
# short one:

# %% [markdown] tags=["ja"]
# **検索**は、同じ行列を列に沿って読むことです。文がひとつ、画像がたくさんあります。文に書かれていないことがあってもかまいません。モデルは、こんなに短い文を読んだことがないのですが。

# %% tags=["nbval-ignore-output"]
gallery = world.batch(50, budget(lesson=512, ci=32))
with torch.no_grad():
    shelf = F.normalize(torch.cat([encode_image(model, part) for part in gallery["image"].split(128)]), dim=-1)


def search(model, query, count=8):
    """The pictures of the gallery that fit the query best."""
    with torch.no_grad():
        word = F.normalize(encode_text(model, [query]), dim=-1)
    return gallery["image"][(shelf @ word.T)[:, 0].topk(count).indices.cpu()]


for query in ("a small red star", "a pink heart at the top left", "a ring"):
    plots.images(
        search(model, query),
        'The eight of {count} pictures that fit "{query}" best.',
        columns=8,
        count=len(shelf),
        query=query,
    )

# %% [markdown]
# **Change one thing:** ask for something else, and for something that is not there. What does it return for `"a brown dog"`, and why can it not say
# "nothing fits"?
#
# # 7. How many negatives, and how sharp?
#
# **Does it matter how many pairs a batch has?** CLIP was trained with 32,768. Here are three short trainings of equally many steps, with batches
# of different sizes. The losses cannot be compared, since each starts at its own $\ln B$, so we let each model name pictures:

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：ほかのものを探してみてください。どこにもないものも探してみましょう。`"a brown dog"` と尋ねると何が出てきますか。「合うものはない」と言えないのはなぜでしょうか。
#
# # 7. 負例の数と温度
#
# **バッチに何組あるかは重要でしょうか。** CLIP の学習では 32,768 組でした。ここでは、バッチの大きさだけを変えて、同じステップ数の短い学習を 3 回行います。損失はそれぞれの $\ln B$ から始まるので、比べられません。そこで、どのモデルにも画像の名前を言わせます。

# %% tags=["nbval-ignore-output"]
some = known[: budget(lesson=256, ci=8)]
for size in (8, 32, 128):
    machine.seed(1)
    pupil = new_model()
    train(pupil, budget(lesson=160, ci=2), lambda step, size=size: world.batch(step, size))
    everything, each = report(pupil, some)
    say(
        "Batches of {size}: all right {all:.0%}; shape {thing:.0%}, colour {color:.0%}.",
        size=size,
        all=everything,
        thing=each["thing"],
        color=each["color"],
    )

# %% [markdown]
# What do you conclude, and what would you have to hold fixed to be sure? (In a larger batch each picture has more to be told apart from; but its model has also
# seen more pairs in all. There are two things at work, and these figures do not separate them.)
#
# **And the scale?** It says how much the nearest negatives count. With $s$ fixed at 1 the softmax can never be sure, so that even a perfect matrix has a large loss: put
# a 1 for partners and a 0 for all others into the formula of section 4, with $B = 128$, and compute it. With 100 from the start only the very
# hardest negatives push. So CLIP lets it be learnt.

# %% [markdown] tags=["ja"]
# ここから何が言えるでしょうか。確かめるには、何を固定しておく必要がありますか。（大きなバッチでは、どの画像にも、区別すべき相手がたくさんいます。けれども、見た組の総数も多くなります。2 つのことが同時に働いていて、この結果からは区別できません。）
#
# **では、掛ける数のほうはどうでしょうか。** この数は、いちばん紛らわしい負例をどれだけ重く見るかを決めます。$s$ を 1 に固定すると、ソフトマックスは決して確信を持てません。完璧な行列でも損失は大きいままです。4 節の式で、組のコサインを 1、ほかをすべて 0 とし、$B = 128$ として計算してみてください。はじめから 100 にすると、いちばん難しい負例しか押しのけません。ですから CLIP では、この数も学習させます。

# %%
B = 128
for s in (1, 14.3, 100):
    best = math.log1p((B - 1) * math.exp(-s))
    say("Scale {s:g}: the loss of a perfect matrix of 1 and 0 is {best:.2g}.", s=s, best=best)

# %% [markdown]
# # 8. The same for a whole storybook
#
# The zoo's `clip-storybook` is this lab's network and this lab's loss, trained longer, on scenes of one to three things. Its batches hold eight scenes
# in a row that differ in one thing or one colour only; "Break it", below, shows what that is good for. `ImageText`
# wraps it with its tokenizer. Eight pictures, eight captions:

# %% [markdown] tags=["ja"]
# # 8. 絵本の世界でも同じことを
#
# 学習済みモデル集（zoo）の `clip-storybook` は、このラボと同じネットワーク、同じ損失を使い、1 つから 3 つのものが出てくるシーンで、もっと長く学習させたものです。バッチには、もの、または色がひとつだけ違うシーンが 8 つずつ並んでいます。それが何の役に立つのかは、このあとの「壊してみる」でわかります。`ImageText` は、それにトークナイザを添えたものです。8 枚の画像と 8 つのキャプションを見せてみましょう。

# %%
clip = ImageText.from_pretrained("clip-storybook")
storybook = World(size=32, seed=5, partial=0.0, japanese=0.0, level="storybook").batch(0, 8)
matrix = clip.encode_image(storybook["image"]) @ clip.encode_text(storybook["caption"]).T
plots.images(storybook["image"], "Eight pictures of the storybook.", titles=list("ABCDEFGH"), columns=8)
for letter, words in zip("ABCDEFGH", storybook["caption"], strict=True):
    print(letter, words)
plots.heatmap(
    matrix,
    "Cosines of the eight pictures, in rows, and captions, in columns, by clip-storybook: the diagonal stands out.",
    list("ABCDEFGH"),
    list("ABCDEFGH"),
)
right = (matrix.argmax(dim=1).cpu() == torch.arange(8)).sum().item()
say("Pictures that find their caption: {right} of 8.", right=right)

# %% [markdown]
# What it recognises, how well, and where it stops, is Lab 02. The tower that reads is what Stable Diffusion reads its prompts with (Lab 08); the space in
# which the two meet is what DALL-E 2 draws from (Lab 11).
#
# # Break it
#
# Somebody finds that loading is faster if the data lie sorted on the disk, and so **each batch holds only one shape on one
# background**: a batch of circles on dark, a batch of stars on light, and so on. Over the whole training every picture is seen as often as
# before. **Before you run the cell**, write down: what will this model be good at, and what will it not know? Then explain the row of
# figures. (What does the loss ask for, within one batch?)

# %% [markdown] tags=["ja"]
# 何を、どれくらい見分けられるのか、どこに限界があるのかは、Lab 02 で調べます。この読む塔は、Stable Diffusion がプロンプトを読むのに使っているものです（Lab 08）。2 つの塔が出会う空間は、DALL-E 2 が絵を描くときの出発点になります（Lab 11）。
#
# # 壊してみる
#
# データを並べ替えてディスクに置くと、読み込みが速くなることに、だれかが気づきました。その結果、**どのバッチも、ひとつの背景の上の、ひとつの形だけ**になりました。暗い背景の円ばかりのバッチ、明るい背景の星ばかりのバッチ、という具合です。学習全体では、どの画像も前と同じ回数だけ現れます。**セルを実行する前に**、予想を書いてください。このモデルは何が得意になり、何を知らないままでしょうか。そして、結果の数値を説明してください。（ひとつのバッチの中で、損失は何を求めているでしょうか。）

# %% tags=["nbval-ignore-output"]
groups = {}
for scene in seen_scenes:
    groups.setdefault((scene.thing, scene.background), []).append(scene)
groups = list(groups.values())


def sorted_batch(step):
    """A batch of one shape on one background, with all that is left to chance otherwise."""
    chance = torch.Generator().manual_seed(step)
    group = groups[step % len(groups)]
    scenes = [group[i] for i in torch.randint(len(group), (BATCH // 2,), generator=chance).tolist()]
    return {"image": render(scenes, 32, chance), "caption": list(map(sentence, scenes))}


machine.seed(1)
sorted_model = new_model()
losses = train(sorted_model, budget(lesson=160, ci=4), sorted_batch)
everything, each = report(sorted_model, some)
say(
    "The loss began at {first:.2f} and ended at {last:.2f}; all right: {all:.0%}.",
    first=losses[0],
    last=losses[-1],
    all=everything,
)
say("Shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, background {background:.0%}.", **each)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020) (2021): section 2, and
#   the nine lines of code in figure 3, which you have now written.
# - van den Oord, Li & Vinyals, [Representation Learning with Contrastive Predictive Coding](https://arxiv.org/abs/1807.03748) (2018): the loss, and why
#   $\ln B$ minus it is a lower bound of the mutual information (section 2.3).
# - Zhai et al., [Sigmoid Loss for Language Image Pre-Training](https://arxiv.org/abs/2303.15343) (2023): each pair by itself in place of a choice among all. It is in
#   this package as `t2ilab.clip.loss.siglip_loss`: put it into `learn`.
# - Cherti et al., [Reproducible scaling laws for contrastive language-image learning](https://arxiv.org/abs/2212.07143) (2023): OpenCLIP, on LAION's pairs.
#
# Next: Lab 02 recognises things that nobody ever labelled.
#
# ## Optional: OpenAI's and OpenCLIP's weights in this class
#
# With a network connection, the cell below downloads `openai/clip-vit-base-patch32` from the Hugging Face hub (about 605 MB; OpenAI's code is under the MIT licence) into **the same
# class** and shows it the storybook. Set `DOWNLOAD = True` first. (`laion/CLIP-ViT-B-32-laion2B-s34B-b79K` works as well, trained on LAION-2B.) It has
# seen 400 million pairs of the web, but never this world. What does it know of it?

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Radford et al., [Learning Transferable Visual Models From Natural Language Supervision](https://arxiv.org/abs/2103.00020) (2021)：2 節と、図 3 のコード 9 行。もう自分で書きました。
# - van den Oord, Li & Vinyals, [Representation Learning with Contrastive Predictive Coding](https://arxiv.org/abs/1807.03748) (2018)：この損失と、$\ln B$ からそれを引いたものが相互情報量（mutual information）の下界になる理由（2.3 節）。
# - Zhai et al., [Sigmoid Loss for Language Image Pre-Training](https://arxiv.org/abs/2303.15343) (2023)：すべての中から選ぶのではなく、組をひとつずつ判定します。このパッケージの `t2ilab.clip.loss.siglip_loss` がそれです。`learn` の中で使ってみてください。
# - Cherti et al., [Reproducible scaling laws for contrastive language-image learning](https://arxiv.org/abs/2212.07143) (2023)：LAION の組で学習した OpenCLIP。
#
# 次の Lab 02 では、だれもラベルを付けなかったものを見分けます。
#
# ## 発展：OpenAI と OpenCLIP の重みをこのクラスで
#
# 次のセルは、`openai/clip-vit-base-patch32`（約 605 MB。OpenAI のコードは MIT ライセンス）を Hugging Face Hub からダウンロードし、**同じクラス**に読み込んで、絵本の世界を見せます。ネットワーク接続が必要です。実行する前に `DOWNLOAD = True` としてください。（LAION-2B で学習した `laion/CLIP-ViT-B-32-laion2B-s34B-b79K` でも動きます。）ウェブの 4 億組を見てきたモデルですが、この世界を見たことはありません。何がわかるでしょうか。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "openai/clip-vit-base-patch32"

if DOWNLOAD:
    published = ImageText.from_pretrained(PUBLISHED)
    matrix = published.encode_image(storybook["image"]) @ published.encode_text(storybook["caption"]).T
    best = matrix.argmax(dim=1).tolist()
    plots.images(
        storybook["image"],
        "The eight pictures again, A to H, and above each the letter of the caption that a published CLIP gives it.",
        titles=["ABCDEFGH"[i] for i in best],
        columns=8,
    )
    say("Pictures that find their caption: {right} of 8.", right=sum(i == own for own, i in enumerate(best)))
