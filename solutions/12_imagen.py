# %% [markdown]
# # Lab 12: Small, larger, large
#
# <!-- badges -->
#
# **You will build** Imagen, as a chain of three diffusion models. A language model that has never seen a picture reads the
# prompt. A first model draws 16x16 pixels of it, a second makes them 32x32, a third 64x64. You write what is special about
# the chain: what a **super-resolution** reads, the noise that it is given *on purpose*, and a threshold with which
# colours glare less when the prompt is listened to ten times as hard. You train the middle model yourself, once with that noise and once
# without, and see what each makes of a small picture that is not quite right.
#
# | | |
# |---|---|
# | Time | about 80 minutes, seven of which your machine computes alone |
# | You need | Python and PyTorch; Lab 08, or what guidance and cross-attention are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 12：小さく描いて、大きくする
#
# <!-- badges -->
#
# **このラボで作るもの**：3 つの拡散モデル（diffusion model）をつないだ、Imagen です。画像を一度も見たことのない言語モデル（language model）が、プロンプト（prompt）を読みます。1 つめのモデルが 16x16 画素の絵を描き、2 つめが 32x32 に、3 つめが 64x64 にします。この連なりならではのところを、あなたが書きます。**超解像**（super-resolution）のモデルが読むもの、そこに*わざと*入れるノイズ、そして、プロンプトを 10 倍強く聞かせたとき、色のぎらつきを抑えるしきい値です。真ん中のモデルは、あなたが学習させます。ノイズありで 1 回、なしで 1 回。どこか少し間違っている小さな絵から、それぞれが何を作るかを見ましょう。
#
# | | |
# |---|---|
# | 時間 | 約 80 分（そのうち、コンピュータの計算を待つのは 7 分） |
# | 必要なもの | Python と PyTorch。Lab 08、またはガイダンス（guidance）とクロスアテンション（cross-attention）の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import random
import time
from itertools import pairwise

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from t2ilab import zoo
from t2ilab.data.captions import describe
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.diffusion.augmentation import low_res_scalings
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.distances import kid
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness, features
from t2ilab.nets.t5 import T5Encoder
from t2ilab.nets.unet import UNet
from t2ilab.pipelines.cascade import Cascade
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.stage import Guidance, Stage
from t2ilab.recipes.autoencoder import psnr
from t2ilab.recipes.language import corrupted
from t2ilab.recipes.stages import readable, shrunk
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

machine = DeviceManager()
device = machine.device
cascade = Cascade.from_pretrained("shapes", machine)
reading, stages = cascade.reading, cascade.stages  # a language model, and three diffusion models
schedule = stages[0].schedule  # all three have the same
T = schedule.num_train_timesteps
STEPS = budget(lesson=16, ci=2)  # of a walk from noise to picture
COUNT = budget(lesson=48, ci=4)  # of pictures that are counted

# %% [markdown]
# # 1. Three models in a row
#
# **Why would anybody draw small first?** *What* is to be seen, and where, is decided in a few pixels; all the others only have to go
# along. But a network at full size pays for every pixel at every step. Imagen
# ([Saharia et al. 2022](https://arxiv.org/abs/2205.11487)) decides at 64x64, and goes on to 256x256 and 1024x1024 with two models that do nothing
# but enlarge. Our world is smaller, and so is our chain:

# %% [markdown] tags=["ja"]
# # 1. 3 つのモデルをつなぐ
#
# **なぜ、先に小さく描くのでしょうか。** *何が*どこに見えるかは、わずかな画素で決まります。残りの画素は、それに合わせるだけです。ところが、はじめから大きく描くネットワークは、どのステップでも、すべての画素のために計算をします。Imagen（[Saharia et al. 2022](https://arxiv.org/abs/2205.11487)）は 64x64 で中身を決め、あとは、拡大しかしない 2 つのモデルで 256x256、1024x1024 と進みます。このコースの世界は小さいので、連なりも小さくします。

# %% tags=["nbval-ignore-output"]
PROMPTS = [
    "a big red star in the center on a dark background",
    "a small blue ring at the top left on a light background",
    "a big green heart on the right on a light background",
    "暗い背景の左下に小さな黄色い三角",
]


def at_64(x):
    """Pictures (B, 3, h, w) for the eye: each pixel a square, 64 pixels a side in all."""
    return F.interpolate(x, size=64)


with_settings = {"seed": 0, "num_inference_steps": STEPS, "output_type": "pt", "all_stages": True}
drawn = [x.cpu() * 2 - 1 for x in cascade(PROMPTS, **with_settings)]
plots.images(
    torch.cat([at_64(x) for x in drawn]),
    "Four prompts as the three models draw them: 16x16, made 32x32, made 64x64.",
    columns=4,
    inches=1.5,
)


# %% tags=["nbval-ignore-output"]
def thousands(blocks):
    """How many thousand weights each of the blocks has, to be read."""
    return ", ".join(f"{sum(p.numel() for p in block.parameters()) / 1000:.0f}" for block in blocks)


small = None
for stage, x in zip(stages, drawn, strict=True):
    began = time.perf_counter()
    cascade.stage(stage, PROMPTS, Guidance(num_inference_steps=STEPS), Noise(4, 0), small)
    seconds = (time.perf_counter() - began) / len(PROMPTS)
    small = x
    say(
        "{size}x{size}: {numbers:>9,} weights, {channels} channels read, {seconds:.3f} s a picture",
        size=stage.image_size,
        numbers=sum(p.numel() for p in stage.unet.parameters()),
        channels=stage.unet.config.in_channels,
        seconds=seconds,
    )
    say(
        "   in thousands: on the way down {down}; in the middle {middle}; on the way up {up}",
        down=thousands(stage.unet.down_blocks),
        middle=thousands([stage.unet.mid_block]),
        up=thousands(stage.unet.up_blocks),
    )

# %% [markdown]
# Look at the two rows of figures of each model. The first has the most weights and the fewest pixels. Maps are smallest in the last block of the way
# down, in the middle, and in the first block of the way up. Add these three up: more than half of the weights, in each model. A weight costs its multiplication once for each place of its map, so weights are cheapest at the bottom. The other two also fold every 2x2 pixels
# into channels first, so that nothing but the ends is computed at full size. The paper's **efficient U-Net** (section 2.5 and appendix B) follows the same thought by other means: more
# blocks at the bottom, and in each block the map is made smaller *before* its convolutions instead of after. Its three models have 2 billion, 600 million and 400 million weights.
#
# Do the three agree with each other? Made small again, the large picture should be the small one. How near two pictures are, this lab says in decibels (dB), as the
# PSNR of Lab 07: at 40 dB they differ by 1% of the way from black to white, in the root mean square, and 20 more are a tenth of the error.

# %% [markdown] tags=["ja"]
# それぞれのモデルの、2 行の数を見てください。1 つめは、重みがいちばん多く、画素がいちばん少ないモデルです。マップがいちばん小さいのは、下り道の最後のブロック、真ん中、そして上り道の最初のブロックです。この 3 つを足してみてください。どのモデルでも、重みの半分以上になります。重みひとつは、マップの場所の数だけ掛け算をしますから、底に置くのがいちばん安上がりです。あとの 2 つは、さらに、はじめに 2x2 画素ずつをチャンネルに折りたたみます。もとの大きさで計算するのは、両端だけになります。論文の**効率的な U-Net**（efficient U-Net、2.5 節と付録 B）も、手段は違いますが、同じ考えです。底のブロックを増やし、マップを小さくするのを、ブロックの畳み込みの後ではなく*前*にします。論文の 3 つのモデルの重みは、20 億、6 億、4 億個です。
#
# 3 つの絵は、たがいに合っているでしょうか。大きな絵をもう一度小さくすれば、小さな絵になるはずです。2 枚の絵の近さは、このラボでは、デシベル（dB）で表します。Lab 07 の PSNR です。40 dB なら、誤差は、2 乗平均の平方根で、黒から白までの 1% です。20 増えるごとに、誤差は 10 分の 1 になります。

# %% tags=["nbval-ignore-output"]
for small, large in pairwise(drawn):
    say(
        "{large}x{large} made {small}x{small} again is {near:.1f} dB near what it was made of.",
        large=large.shape[-1],
        small=small.shape[-1],
        near=psnr(shrunk(large, small.shape[-1]), small).mean(),
    )

# %% [markdown]
# # 2. A reader that has never seen a picture
#
# **Who should read the prompt?** The first Stable Diffusion reads with CLIP's tower of words, which has learnt from captions *and their pictures*.
# Imagen's point is that this is not needed: a language model, trained on text alone, and **frozen**, does as well or better, and to make
# it larger helps more than to make the U-Net larger (section 4.4 of the paper). How do the authors know? By automatic figures on COCO's captions the two are about
# equal as readers. People who were shown pictures of 200 prompts that were written to be hard, **DrawBench** (section 4.3), preferred those that T5 had read for. It takes T5
# ([Raffel et al. 2020](https://arxiv.org/abs/1910.10683)), whose training is a game. Somebody cuts gaps into a text; what stood there has to be guessed. Ours, of
# the same class, has played it with the captions of this world:

# %% [markdown] tags=["ja"]
# # 2. 画像を見たことのない読み手
#
# **プロンプトは、だれが読むのがよいでしょうか。** はじめの Stable Diffusion は、CLIP のテキストエンコーダで読みます。キャプション（caption）*とその画像*から学んだものです。Imagen が示したのは、その必要がないということでした。テキストだけで学習し、**凍結した**（frozen）言語モデルでも同じか、それ以上の結果になり、U-Net を大きくするよりも、こちらを大きくするほうが効きます（論文の 4.4 節）。どうしてそれがわかったのでしょうか。COCO のキャプションでの自動的な指標では、どちらが読んでもほぼ同じでした。わざと難しくした 200 のプロンプト（**DrawBench**、4.3 節）の絵を人に見せると、T5 が読んだほうが選ばれたのです。Imagen が使う T5（[Raffel et al. 2020](https://arxiv.org/abs/1910.10683)）の学習は、いわばゲームです。だれかが文に穴をあけ、そこに何があったかを当てます。このコースの T5 も同じクラスで、この世界のキャプションでこのゲームをしました。

# %%
tokenizer = reading.tokenizer
spelt = {number: word.removesuffix("</w>") for word, number in tokenizer.vocab.items()}


def in_words(ids):
    """Token ids as a person reads them, up to the end token; what lies beyond the vocabulary is a gap."""
    words = []
    for number in ids[ids >= 0].tolist():
        if number == tokenizer.end_id:
            break
        if number != tokenizer.start_id:
            words.append(spelt.get(number, f"<{number - len(tokenizer.vocab) + 1}>"))
    return " ".join(words)


examples, _ = World(seed=5).prompts(4)
ids = tokenizer(examples)
cut, answers = corrupted(ids, tokenizer.end_id, len(tokenizer.vocab), torch.Generator().manual_seed(2))
for given, wanted in zip(cut, answers, strict=True):
    print(f"{in_words(given):70} {in_words(wanted)}")
scores = zoo.card("language-shapes").scores
say(
    "Share of the missing words guessed right, in captions not seen in training: English {en:.0%}, "
    "Japanese {ja:.0%}; English, of a shape and a colour never seen together, {rare:.0%}.",
    en=scores["en"],
    ja=scores["ja"],
    rare=scores["held out"],
)

# %% [markdown]
# (It cannot reach 100%: where a colour is cut out, any of eight may have stood there.) What is there to be learnt from such a game? That "red" and "blue"
# stand in the same places, and "red" and "circle" do not. Here is what the encoder makes of twelve words, each on average over many captions, as
# cosines; beside it the same for a network of the same kind that has not played yet:

# %% [markdown] tags=["ja"]
# （100% にはなりません。色が抜けていれば、8 色のどれでもありえます。）こんなゲームから、何が学べるのでしょうか。たとえば、「red」と「blue」は同じ場所に現れ、「red」と「circle」はそうではない、ということです。12 の単語がエンコーダでどんなベクトルになるかを、たくさんのキャプションで平均して、コサインで比べます。横に並べるのは、同じつくりで、まだゲームをしていないネットワークです。


# %% tags=["nbval-ignore-output"]
KINDS = [
    ["red", "blue", "green"],
    ["circle", "star", "heart"],
    ["big", "large", "small"],
    ["top", "left", "right"],
]
WORDS = [word for kind in KINDS for word in kind]
machine.seed(12)
untrained = machine.place(T5Encoder(reading.encoder.config)).eval()


@torch.no_grad()
def tokens_of(encoder, texts):
    """What an encoder makes of texts: tokens (B, L, D), their ids and their mask (B, L)."""
    ids = tokenizer(texts).to(device)
    mask = tokenizer.mask(ids)
    return encoder(ids, mask), ids, mask


def word_cosines(encoder, texts):
    """The cosines of WORDS, each the mean over texts, with the mean of all words taken away."""
    tokens, ids, _ = tokens_of(encoder, texts)
    vectors = torch.stack([tokens[ids == tokenizer.encode(word)[0]].mean(0) for word in WORDS])
    vectors = F.normalize(vectors - vectors.mean(0), dim=-1)
    return (vectors @ vectors.T).cpu()


texts, _ = World(seed=6).prompts(400)
alike = torch.tensor([[any(a in kind and b in kind for kind in KINDS) for a in WORDS] for b in WORDS])
other = ~torch.eye(len(WORDS), dtype=torch.bool)
for name, encoder in {tr("trained"): reading.encoder, tr("untrained"): untrained}.items():
    cosines = word_cosines(encoder, texts)
    plots.heatmap(
        cosines,
        "Cosines of twelve words as an encoder reads them ({name}): three colours, three shapes, "
        "three sizes, three places.",
        WORDS,
        WORDS,
        limits=(-1, 1),
        name=name,
    )
    say(
        "{name}: cosine of two words of one kind {same:+.2f}, of two kinds {different:+.2f}",
        name=name,
        same=cosines[alike & other].mean(),
        different=cosines[~alike].mean(),
    )
    big, large, little = (WORDS.index(word) for word in ("big", "large", "small"))
    say(
        "   big and large {same:+.2f}, big and small {opposite:+.2f}",
        same=cosines[big, large],
        opposite=cosines[big, little],
    )

# %% [markdown]
# Look for squares along the diagonal. Nobody has told it what a colour is. The last square is broken: which of its three words does not go with the others, and why? (Where in
# a caption can each of them stand? Which word could stand in its place?) Then look inside the square of sizes: two of these words mean the same, and two are
# opposites. Does it know which? What would a text have to say for it to know? (The captions of this world never do. Real texts are full of it, and that is why T5 reads the web.)
#
# Words make captions. **Do two captions lie the nearer, the more of what they say is the same?** A scene has five things to be
# said: shape, colour, size, place, background. Each scene is described twice in English and once in Japanese; a caption is the mean of its
# tokens. Then the question that matters to a U-Net: **can everything still be read off?** A linear reader is fitted to 400 captions, and asked about 200 others.

# %% [markdown] tags=["ja"]
# 対角線に沿った四角を探してください。色とは何かを、教えた人はいません。最後の四角は欠けています。3 つのうち、仲間外れはどの単語でしょうか。それはなぜでしょうか。（それぞれ、キャプションのどこに現れますか。その単語と入れ替われるのは、どの単語でしょうか。）次に、大きさの四角の中を見てください。2 つは同じ意味で、2 つは反対の意味です。どれがどれか、わかっているでしょうか。それがわかるには、テキストに何が書いてあればよいでしょうか。（この世界のキャプションには、書いてありません。現実の文章にはいくらでも書いてあります。だから T5 は、ウェブの文章を読むのです。）
#
# 単語が集まって、キャプションになります。**言うことに同じところが多いほど、2 つのキャプションは近くにあるでしょうか。** ひとつのシーンについて言えることは、形、色、大きさ、場所、背景の 5 つです。どのシーンも、英語で 2 通り、日本語で 1 通りに書きます。キャプションのベクトルは、トークンの平均とします。それから、U-Net にとって大切な問いです。**すべてを、まだ読み取れるでしょうか。** 400 のキャプションに合わせた線形の読み取り器に、別の 200 を読ませます。

# %% tags=["nbval-ignore-output"]
FIT, ASKED = 400, 200
_, scenes = World(seed=7).prompts(FIT + ASKED)
wordings = {
    name: [describe(scene, language, random.Random(f"{name} {i}")) for i, scene in enumerate(scenes)]
    for name, language in (("one", "en"), ("two", "en"), ("ja", "ja"))
}
ATTRIBUTES = ["thing", "color", "size", "place", "background"]
answers = {}  # attribute -> (B,), the number of its value
for attribute in ATTRIBUTES:
    values = sorted({getattr(scene, attribute) for scene in scenes})
    answers[attribute] = torch.tensor([values.index(getattr(scene, attribute)) for scene in scenes])
shared = sum((a[:ASKED, None] == a[:ASKED]).int() for a in answers.values())  # (200, 200), 0 to 5


def captions_of(encoder, texts):
    """One vector a caption, the mean of its tokens."""
    tokens, _, mask = tokens_of(encoder, texts)
    return ((tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).cpu()


def read_off(vectors, others, values):
    """The share of the last captions whose value a linear reader names, fitted to the first ones."""
    x, y = (F.pad(v, (0, 1), value=1.0) for v in (vectors[:FIT], others[FIT:]))
    gram = x.T @ x + 1e-2 * torch.eye(x.shape[1])
    weights = torch.linalg.solve(gram, x.T @ F.one_hot(values[:FIT]).float())
    return ((y @ weights).argmax(1) == values[FIT:]).float().mean().item()


curves = {}
for name, encoder, rival in (
    (tr("trained, English and English"), reading.encoder, "two"),
    (tr("untrained, English and English"), untrained, "two"),
    (tr("trained, English and Japanese"), reading.encoder, "ja"),
):
    one, other_words = (captions_of(encoder, wordings[key]) for key in ("one", rival))
    near_one, near_other = (F.normalize((v - v.mean(0))[:ASKED], dim=-1) for v in (one, other_words))
    cosines = near_one @ near_other.T
    curves[name] = range(6), [cosines[shared == count].mean().item() for count in range(6)]
    say(
        "{name}: read off shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, "
        "background {background:.0%}",
        name=name,
        **{attribute: read_off(one, other_words, answers[attribute]) for attribute in ATTRIBUTES},
    )
plots.lines(
    curves,
    "The mean cosine of two captions, by how much of what they say is the same.",
    "things that both captions say",
    "cosine",
    markers=True,
)

# %% [markdown]
# The untrained network is no poor rival. In so small a language it is enough to keep words apart; the game has moved words of one kind *together*, and
# what is near is alike in kind, if not the same. But nearness is not what is needed: a U-Net with cross-attention reads single tokens, and all five things are there to be read. And
# Japanese? No text of the training says the same in two languages, so nothing tells the encoder that "red" and 「赤い」 are
# one colour. It is the diffusion models that learn it: of both, the picture is the same.
#
# **Change one thing:** in `captions_of`, return the token of the first word, `tokens[:, 1].cpu()`, in place of the mean. Which of the five things can still be read off, and how can
# one word's token know of the words behind it?
#
# # 3. What makes a picture larger
#
# **What is missing in a small picture?** An enlargement by interpolation has as many pixels as one wants, and no more to be seen. A
# super-resolution is a diffusion model: it draws a *new* picture out of noise, and looks at the small one while it does.
# So its estimate at every step is
#
# $$ \hat x_\theta\left(x_t,\; t,\; \tilde z,\; s,\; c\right), \qquad \tilde z = \sqrt{\bar\alpha_s}\, z + \sqrt{1 - \bar\alpha_s}\; \epsilon' $$
#
# with the small picture $z$ and the words $c$. The strange part is $\tilde z$: **noise in the small picture, on purpose**, of a level $s$ that the network is told. It
# is called **noise conditioning augmentation** (Saharia et al., section 2.4; it comes from [Ho et al. 2022](https://arxiv.org/abs/2106.15282),
# section 3.3), and in section 4 of this lab you will see what for. While training, $s$ is drawn anew for each picture, from no noise at all to
# nothing but noise.
#
# ### Exercise 1: <!-- exercise augment_low_res -->

# %% [markdown] tags=["ja"]
# 学習していないネットワークも、手ごわい相手です。これほど小さな言語なら、単語を区別できれば足りるからです。ゲームは、同じ種類の単語を*近づけ*ました。近いものは、同じとは限りませんが、同じ種類です。けれども、必要なのは近さではありません。クロスアテンションのある U-Net は、トークンをひとつずつ読みます。5 つのことは、どれもそこに書いてあります。日本語はどうでしょうか。学習したテキストの中に、同じことを 2 つの言語で言うものはありません。ですから、「red」と「赤い」が同じ色だと、エンコーダが知るすべはありません。それを学ぶのは、拡散モデルです。どちらの言葉でも、画像は同じですから。
#
# **ひとつ変えてみましょう**：`captions_of` で、平均の代わりに、最初の単語のトークン `tokens[:, 1].cpu()` を返してみてください。5 つのうち、まだ読み取れるのはどれでしょうか。ひとつの単語のトークンが、後ろの単語のことまで知っているのは、なぜでしょうか。
#
# # 3. 絵を大きくするもの
#
# **小さな絵には、何が足りないのでしょうか。** 補間で拡大すれば、画素はいくらでも増えますが、見えるものは増えません。超解像は、拡散モデルです。ノイズから*新しい*絵を描き、そのあいだ、小さな絵を見ています。どのステップでも、その推定値は次のとおりです。
#
# $$ \hat x_\theta\left(x_t,\; t,\; \tilde z,\; s,\; c\right), \qquad \tilde z = \sqrt{\bar\alpha_s}\, z + \sqrt{1 - \bar\alpha_s}\; \epsilon' $$
#
# $z$ は小さな絵、$c$ は言葉です。不思議なのは $\tilde z$ です。**小さな絵に、わざとノイズを入れて**います。その強さ $s$ は、ネットワークに伝えます。これを**ノイズ条件付け拡張**（noise conditioning augmentation）といいます（Saharia et al.、2.4 節。もとは [Ho et al. 2022](https://arxiv.org/abs/2106.15282)、3.3 節）。何のためかは、このラボの 4 節で見ます。学習では、画像ごとに新しい $s$ を選びます。まったくノイズのないものから、ノイズだけのものまであります。
#
# ### 演習 1：<!-- exercise augment_low_res -->


# %%
@exercise("augment_low_res")
def augment_low_res(low_res, level, noise, schedule):
    """The small picture with noise of a chosen level (Saharia et al. 2022, section 2.4; Ho et al. 2022).

    low_res: (B, 3, h, w) in [-1, 1]; level: a number in [0, 1]; noise: like low_res, standard normal;
    schedule: a NoiseSchedule, with its alphas_cumprod (T,). The noise is that of timestep
    round(level * T) - 1; below timestep 0 nothing changes. Returns (B, 3, h, w).
    """
    raise NotImplementedError


# %%
check(augment_low_res)

# %%
LEVELS = [0.0, 0.1, 0.2, 0.3, 0.5, 0.8]
some = World(size=32, seed=1).batch(0, 1, device)["image"]  # (1, 3, 32, 32)
fresh = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(device)
plots.images(
    torch.cat([at_64(augment_low_res(shrunk(some, 16), level, fresh, schedule)) for level in LEVELS]),
    "One small picture with noise of the levels {levels}.",
    columns=len(LEVELS),
    levels=", ".join(map(str, LEVELS)),
)

# %% [markdown]
# **And how does a U-Net look at a second picture?** As Lab 09's maps were looked at in latent diffusion: it stands beside $x_t$, as further channels. For that it has to be
# as large as $x_t$; bilinear interpolation is what Ho et al. take.
#
# ### Exercise 2: <!-- exercise super_resolution_input -->

# %% [markdown] tags=["ja"]
# **では、U-Net はどうやって 2 枚目の絵を見るのでしょうか。** Lab 09 で見た、潜在拡散モデルでのマップと同じです。$x_t$ の横に、チャンネルとして並べます。そのためには、$x_t$ と同じ大きさでなければなりません。Ho et al. は、双線形補間（bilinear interpolation）で拡大します。
#
# ### 演習 2：<!-- exercise super_resolution_input -->


# %%
@exercise("super_resolution_input")
def super_resolution_input(x_t, low_res):
    """x_t with the small picture, enlarged to its size, as further channels (Ho et al. 2022, section 2).

    x_t: (B, 3, H, W), the noisy large picture; low_res: (B, 3, h, w), the small one. It is enlarged by
    bilinear interpolation, as F.interpolate has it with align_corners=False. Returns (B, 6, H, W), with
    x_t first.
    """
    raise NotImplementedError


# %%
check(super_resolution_input)

# %% [markdown]
# **And what does it give?** Asked for the whole large picture, a network has to learn first of all to copy what it has just read, with each of the noises
# in it. (Our middle model, trained like that, took about 3,000 steps to come level with interpolation.) Let it *add* instead: the small picture is kept as far as it can be trusted, and the network gives what is missing,
#
# $$ \hat x_\theta = \sqrt{\bar\alpha_s}\; \tilde z_{\uparrow} + \sqrt{1 - \bar\alpha_s + e^2}\; F_\theta $$
#
# where $\tilde z_{\uparrow}$ is the enlarged one and $e = 0.05$ about how far off a mere enlargement is. For pixels of mean 0 and variance 1 the first factor makes the best guess that a multiple of
# $\tilde z$ can be, and the second says how wrong that guess will be. Ours are near enough to it, so $F_\theta$ always has to give numbers of about the same size, whether the small picture is clean or drowned; and each
# squared error is divided by the square of the second factor.
# They are the $c_\text{skip}$ and $c_\text{out}$ of [Karras et al. 2022](https://arxiv.org/abs/2206.00364) (equations 7 and 8), with the small picture in the place of $x_t$. `low_res_scalings` has them.
#
# ## Train one yourself
#
# The middle model, 16x16 to 32x32, from nothing. The data need no second look: a large picture makes its own
# small one, by taking the mean of each 2x2 pixels. One caption in ten is left empty, for guidance.
#
# Two of them, on the same batches: **with** augmentation, a level in [0, 1] drawn for each picture, and a **twin without**, whose small pictures are always clean.

# %% [markdown] tags=["ja"]
# **では、何を答えさせるのでしょうか。** 大きな絵をまるごと答えさせると、ネットワークはまず、いま読んだばかりの絵を写すことから覚えなければなりません。ノイズの強さも、そのつど違います。（真ん中のモデルをそのように学習させたときは、補間に追いつくのに 3,000 ステップほどかかりました。）そこで、*足りないもの*だけを答えさせます。小さな絵を、信じられる分だけ残し、残りをネットワークが足します。
#
# $$ \hat x_\theta = \sqrt{\bar\alpha_s}\; \tilde z_{\uparrow} + \sqrt{1 - \bar\alpha_s + e^2}\; F_\theta $$
#
# $\tilde z_{\uparrow}$ は拡大した絵、$e = 0.05$ は、拡大しただけの絵がどれだけ違うかの、おおよその値です。画素の平均が 0、分散が 1 なら、1 つめの係数を掛けたものが、$\tilde z$ の定数倍で表せる推定のうち最良になり、2 つめの係数が、それがどれだけ外れるかになります。このコースの画像は、だいたいそれに近いものです。ですから、小さな絵がきれいでもノイズに沈んでいても、$F_\theta$ の答える大きさは、ほぼそろいます。2 乗誤差も、2 つめの係数の 2 乗で割ります。[Karras et al. 2022](https://arxiv.org/abs/2206.00364) の $c_\text{skip}$ と $c_\text{out}$（式 7 と 8）で、$x_t$ の代わりに小さな絵を置いたものです。`low_res_scalings` が計算します。
#
# ## 自分で学習させる
#
# 真ん中のモデル、16x16 から 32x32 を、ゼロから学習させます。データを別に用意する必要はありません。大きな画像の 2x2 画素ずつの平均をとれば、小さな画像になります。キャプションの 10 分の 1 は、ガイダンスのために空にします。
#
# 同じバッチで、2 つ学習させます。拡張**あり**のもの（画像ごとに、[0, 1] の強さを選びます）と、拡張**なしの双子**（小さな画像には、いつもノイズがありません）です。

# %% tags=["nbval-ignore-output"]
# On a slow machine lower this one; the twin takes as long again.
TRAINING_STEPS = budget(lesson=400, ci=3)
BATCH = budget(lesson=32, ci=4)
SMALL, LARGE = 16, 32
world = World(size=LARGE, seed=12, partial=0.0, japanese=0.25)
weights = (schedule.snr + 1).clamp(max=5).to(device)  # as an error of the velocity counts, up to a limit


def lesson(step, most):
    """The step-th batch: large pictures, their captions, spoilt small ones, what is told of the noise.

    most: the largest level; 0 for small pictures without noise. Told is 0 for none, else
    the timestep plus 1.
    """
    batch, chance = world.batch(step, BATCH, device), torch.Generator().manual_seed(step)
    empty = (torch.rand(BATCH, generator=chance) < 0.1).tolist()
    captions = ["" if e else c for e, c in zip(empty, batch["caption"], strict=True)]
    low_res = shrunk(batch["image"], SMALL)  # (B, 3, 16, 16)
    levels = most * torch.rand(BATCH, generator=chance)
    noise = torch.randn(low_res.shape, generator=chance).to(device)
    spoilt = [
        augment_low_res(z[None], level, n[None], schedule)
        for z, level, n in zip(low_res, levels.tolist(), noise, strict=True)
    ]
    return batch["image"], captions, torch.cat(spoilt), (T * levels).round().long().to(device)


def super_resolution(unet, x_t, t, low_res, told, context, mask):
    """The estimate of the large picture: the small one, and what the network adds to it."""
    read = super_resolution_input(x_t, low_res)  # (B, 6, H, W)
    kept, missing = (c[:, None, None, None] for c in low_res_scalings(told - 1, schedule))
    return kept * read[:, 3:] + missing * unet(read, t, context, mask=mask, class_labels=told)


def learn(unet, optimizer, step, most):
    """The step-th step of training; returns the loss."""
    x0, captions, low_res, told = lesson(step, most)
    context, mask = reading(captions)
    chance = torch.Generator().manual_seed(10_000 + step)
    t = (T * (torch.arange(len(x0)) + torch.rand(len(x0), generator=chance)) / len(x0)).long().to(device)
    noise = torch.randn(x0.shape, generator=chance).to(device)

    def net(x_t, t):
        return super_resolution(unet, x_t, t, low_res, told, context, mask)

    missing = low_res_scalings(told - 1, schedule)[1]
    loss = diffusion_loss(net, x0, t, noise, schedule, "sample", weights[t] / missing**2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def new_unet():
    """A U-Net that adds nothing yet."""
    torch.manual_seed(0)
    unet = machine.place(UNet(stages[1].unet.config))
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet


def train(most, rate=3e-3):
    """The training; returns the U-Net's running average, and the losses."""
    unet = new_unet()
    optimizer, average, losses = Muon(unet), Average(unet, decay=0.99), []
    for step in tqdm(range(TRAINING_STEPS)):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * (1 - step / TRAINING_STEPS)
        losses.append(learn(unet, optimizer, step, most))
        average.update(step + 1)
    return average.model, losses


trial = new_unet()
trial_optimizer = Muon(trial)
pace(lambda step: learn(trial, trial_optimizer, step, 1.0), TRAINING_STEPS, "cascade-shapes-32")
mine, losses = train(1.0)
plots.loss_curve(losses)

# %% tags=["nbval-ignore-output"]
twin, losses = train(0.0)
plots.loss_curve(losses)

# %% [markdown]
# Do not compare the two losses. Each squared error is divided by how wrong a mere enlargement would be: $e^2$ for the twin, and up to 400 times as much where a small picture is
# drowned. In pixels the twin has the easier task, as its small picture is always clean. What that means for the pictures that they draw is another matter. To draw with either, a walk from noise to picture, as in Lab 06, through both of your functions:

# %% [markdown] tags=["ja"]
# 2 つの損失（loss）は、比べないでください。どの 2 乗誤差も、拡大しただけの絵がどれだけ外れるかで割ってあります。双子では $e^2$ ですが、小さな絵がノイズに沈んでいれば、最大でその 400 倍です。画素で見れば、双子の課題のほうがやさしいのです。小さな絵が、いつもきれいですから。それが描く絵にとって何を意味するかは、また別の話です。どちらを使っても描けるように、Lab 06 と同じ、ノイズから画像への歩みを書きます。あなたの 2 つの関数を使います。


# %%
def static(x0_hat):
    """Clipping, the plain way to bring an estimate back into the range of pictures."""
    return x0_hat.clamp(-1, 1)


@torch.inference_mode()
def walk(
    unet,
    size,
    prompts,
    low_res=None,
    level=0.0,
    said=None,
    scale=1.0,
    threshold=static,
    noise=None,
    steps=STEPS,
):
    """Pictures (B, 3, size, size) of prompts; threshold may let them leave [-1, 1].

    low_res: small pictures, for a super-resolution, into which noise of this level is put; said: the
    level that the network is told, by default the true one. scale: of guidance. threshold: x0_hat ->
    x0_hat. noise: where chance comes from.
    """
    noise = noise or Noise(len(prompts), 0)
    told, mask = reading(prompts)
    untold, nothing = reading([""])
    labels = None
    if low_res is not None:
        fresh = noise(*low_res.shape[1:]).to(device)
        low_res = augment_low_res(low_res.to(device), level, fresh, schedule)
        labels = torch.full((len(prompts),), round(T * (level if said is None else said)), device=device)

    def net(x_t, t):
        def guess(context, mask):
            if low_res is None:
                return unet(x_t, t, context, mask=mask)
            return super_resolution(unet, x_t, t, low_res, labels, context, mask)

        cond = guess(told, mask)
        if scale == 1:
            return cond
        uncond = guess(untold.expand_as(told), nothing.expand_as(mask))
        return uncond + scale * (cond - uncond)

    estimate = NetworkDenoiser(net, schedule, "sample")
    x = noise(3, size, size).to(device)
    return sample_ddim(
        lambda x_t, t: threshold(estimate(x_t, t)), x, schedule, schedule.timesteps(steps, "trailing")
    )


# %% tags=["nbval-ignore-output"]
batch = World(size=LARGE, seed=13, partial=0.0, japanese=0.0).batch(0, COUNT, device)
truth, captions, asked = batch["image"], batch["caption"], batch["scene"]
true_small = shrunk(truth, SMALL)
by_mine = walk(mine, LARGE, captions, true_small)
by_twin = walk(twin, LARGE, captions, true_small)
interpolated = F.interpolate(true_small, size=LARGE, mode="bilinear")
plots.images(
    torch.cat([at_64(x[:8]) for x in (true_small, interpolated, by_mine, by_twin, truth)]),
    "From top to bottom: small pictures; made larger by interpolation, by your stage, by the twin; "
    "and the large pictures that they were made of.",
    columns=8,
)
for name, pictures in {
    tr("interpolation"): interpolated,
    tr("your stage"): by_mine,
    tr("the twin"): by_twin,
}.items():
    say(
        "{name:16} {near:5.1f} dB near the true large picture",
        name=name,
        near=psnr(pictures, truth).mean(),
    )

# %% [markdown]
# # 4. What the noise is for
#
# **Who makes the small picture?** In training: the world, and it makes no mistakes. When drawing: another network, and it does. A stage that has only seen
# faultless small pictures believes every pixel of them. So let the base, the first model, make its mistakes. It is shown a small picture mostly drowned in
# noise, and says at once, without any further step, what it thinks is underneath: right as a whole, and wrong in detail. In which details? Look at the two rows of pictures.

# %% [markdown] tags=["ja"]
# # 4. ノイズは何のためか
#
# **小さな絵は、だれが作るのでしょうか。** 学習のときは、この世界です。間違えません。描くときは、別のネットワークです。こちらは間違えます。完璧な小さな絵しか見たことのないモデルは、その画素をひとつ残らず信じます。そこで、1 つめのモデルに間違えてもらいましょう。大部分がノイズに沈んだ小さな絵を見せ、下に何があると思うかを、その場で一度だけ言わせます。全体は合っていて、細かいところが違います。どんなところが違うでしょうか。2 段の絵を見比べてください。


# %% tags=["nbval-ignore-output"]
@torch.inference_mode()
def guessed(low_res, prompts, level=0.65):
    """The base's estimate, in one step, of small pictures (B, 3, 16, 16) that are drowned in noise."""
    base = stages[0].unet
    told, mask = reading(prompts)
    noise = torch.randn(low_res.shape, generator=torch.Generator().manual_seed(4)).to(device)
    t = round(level * T) - 1
    estimate = NetworkDenoiser(lambda x, t: base(x, t, told, mask=mask), schedule, "sample", clip=1.0)
    return estimate(schedule.add_noise(low_res, noise, t), t)


wrong_small = guessed(true_small, captions)
say("The base's guesses are {near:.1f} dB near the true ones.", near=psnr(wrong_small, true_small).mean())
plots.images(
    torch.cat([at_64(x[:8]) for x in (true_small, wrong_small)]),
    "Eight true small pictures, and what the base guesses of them.",
    columns=8,
)
STRENGTHS = [0.0, 0.05, 0.1, 0.2, 0.4, 1.0][:: budget(lesson=1, ci=3)]
near = {
    name: [psnr(walk(mine, LARGE, captions, low_res, level), truth).mean().item() for level in STRENGTHS]
    for name, low_res in (("true", true_small), ("wrong", wrong_small))
}
flat = {
    name: [psnr(walk(twin, LARGE, captions, low_res), truth).mean().item()] * len(STRENGTHS)
    for name, low_res in (("true", true_small), ("wrong", wrong_small))
}
plots.lines(
    {
        "your stage, of true small pictures": (STRENGTHS, near["true"]),
        "your stage, of the base's guesses": (STRENGTHS, near["wrong"]),
        "the twin without noise, of true ones": (STRENGTHS, flat["true"]),
        "the twin without noise, of guesses": (STRENGTHS, flat["wrong"]),
    },
    "How near the enlarged pictures are to the true large ones, by the level of the noise that is put "
    "into the small ones. The twin knows no noise, so it has one figure.",
    "augmentation level",
    "nearness (dB)",
    markers=True,
)
for level, true, wrong in zip(STRENGTHS, near["true"], near["wrong"], strict=True):
    say(
        "level {level:4}: of true ones {true:5.1f} dB, of guesses {wrong:5.1f} dB",
        level=level,
        true=true,
        wrong=wrong,
    )
say(
    "the twin:   of true ones {true:5.1f} dB, of guesses {wrong:5.1f} dB",
    true=flat["true"][0],
    wrong=flat["wrong"][0],
)

# %% [markdown]
# With *true* small pictures every bit of noise is a loss. With the base's guesses it hides what is true *and* what is wrong: see whether any level above 0 pays by this figure, and what is left
# at level 1, where the stage draws from the words alone. It is a hard judge: decibels reward whoever keeps, never whoever repairs. Then the twin's two lines. It falls farther from true ones to guesses than yours; but where does it end, beside
# yours? Both had the same number of steps. The twin has spent all of them on clean small pictures; yours has spread them over all levels.
#
# Now the real thing: pictures that the base draws of prompts. It is in a hurry, two steps in place of sixteen, so that there is something wrong with them.
# There is no true large picture any more. Three figures take its place, for your stage, for the twin, and for the zoo's, which has the same layout and has learnt seven times as long:
#
# - **right**: how often a picture shows everything that was asked for;
# - **distance**: how far the pictures are from the world's own, by the features of the reader (KID, as in Lab 10; other pictures of the world are only near 0, above or below, and the last line says where);
# - **kept**: how near the large picture, made small again, is to the small one.

# %% [markdown] tags=["ja"]
# *本物*の小さな絵なら、ノイズは少しでも損になります。1 つめのモデルの推定なら、ノイズは正しいところ*も*、間違ったところ*も*隠します。この指標で、0 より大きくて得になる強さがあるでしょうか。強さ 1 では、小さな絵は何も残らず、言葉だけから描きます。何が残っていますか。これは厳しい指標です。デシベルが報いるのは、保つことだけで、直すことではありません。次に、双子の 2 本の線です。本物から推定へ移ると、双子のほうが大きく下がります。でも、下がった先は、あなたのモデルと比べてどうでしょうか。ステップ数は同じです。双子はそのすべてを、きれいな小さな絵に使い、あなたのモデルは、すべての強さに分けました。
#
# では、本番です。1 つめのモデルが、プロンプトから描いた絵を使います。ただし急がせて、16 ステップのところを 2 ステップで描かせます。そうすれば、間違いがあるはずです。本物の大きな絵は、もうありません。代わりに、3 つの指標を見ます。あなたのモデル、双子、それに zoo のモデル（つくりは同じで、7 倍長く学習させたもの）を比べます。
#
# - **正解**：頼んだことをすべて描いた割合。
# - **距離**：この世界の画像からどれだけ離れているか。読み取り器の特徴で測ります（Lab 10 と同じ KID。この世界の別の画像なら 0 の近く、0 より下になることもあります。どれくらいかは、最後の行にあります）。
# - **保存**：大きな絵をもう一度小さくしたとき、もとの小さな絵にどれだけ近いか。

# %% tags=["nbval-ignore-output"]
HURRY = 2  # steps of the base; STEPS for as good as it can be
base_small = walk(stages[0].unet, SMALL, captions, scale=3.0, steps=HURRY).clamp(-1, 1)
plots.images(at_64(base_small[:8]), "What the hurried base draws of the first eight captions.", columns=8)
real = features(readable(World(size=64, seed=14, partial=0.0).batch(0, 4 * COUNT, device)["image"]))


def judged(pictures):
    """The figures of pictures of the captions: right, distance, kept."""
    return {
        "right": faithfulness(readable(pictures), asked).all,
        "distance": kid(real, features(readable(pictures))),
        "kept": psnr(shrunk(pictures, SMALL), base_small).mean().item(),
    }


def show_row(name, row):
    """Prints the three figures."""
    say("{name:28} right {right:4.0%}, distance {distance:6.2f}, kept {kept:5.1f} dB", name=name, **row)


table = {level: judged(walk(mine, LARGE, captions, base_small, level)) for level in STRENGTHS}
longer = {level: judged(walk(stages[1].unet, LARGE, captions, base_small, level)) for level in STRENGTHS}
without = judged(walk(twin, LARGE, captions, base_small))
for level in STRENGTHS:
    show_row(tr("your stage, level {level}", level=level), table[level])
    show_row(tr("the zoo's, level {level}", level=level), longer[level])
show_row(tr("the twin without noise"), without)
say(
    "The small pictures themselves, interpolated: right {right:.0%}; "
    "the world's own small ones: {own:.0%}.",
    right=faithfulness(readable(base_small), asked).all,
    own=faithfulness(readable(true_small), asked).all,
)
others = [World(size=64, seed=seed, partial=0.0).batch(0, COUNT, device)["image"] for seed in (15, 16)]
say(
    "Distance of others of the world's own, as many: {distances}.",
    distances=", ".join(f"{kid(real, features(x)):.2f}" for x in others),
)


def curves(figure, most=1.0):
    """One of the three figures, of all three, by level, up to the level `most`."""
    levels = [level for level in STRENGTHS if level <= most]
    flat = {tr("the twin without noise"): (levels, [without[figure]] * len(levels))}
    rows = {tr("your stage"): table, tr("the zoo's stage"): longer}
    return {name: (levels, [by[level][figure] for level in levels]) for name, by in rows.items()} | flat


plots.lines(
    curves("distance", most=0.2),  # beyond, it only grows
    "How far the hurried base's pictures, enlarged, are from the world's own, by the level of the noise.",
    "augmentation level",
    "distance",
    markers=True,
)
plots.lines(
    curves("right"),
    "How often the enlarged pictures of the base show all that was asked for, by the level of the noise.",
    "augmentation level",
    "right in everything",
    markers=True,
    percent=True,
)

# %% [markdown]
# Two wishes pull in two directions. *Kept* wants no noise: follow it from level 0 on. *Distance* and *right* might gain from a little noise, as the stage then puts something that it knows
# in the place of what no picture of the world looks like; from some level on they lose, as nothing is left to go by. Do they gain here, by more than chance, for either of the two stages? And which is better
# after as many steps, your stage or the twin? What would you have to train to put the paper's question fairly? (A twin with as many steps as the zoo's. Ho et al. find the noise essential, for a base that has whole
# photographs to get wrong.)
# (With 48 pictures a share is uncertain by up to 14 points, and the difference of two by up to 20; somewhat less here, as all draw the same captions.)
# The paper tries a sweep of levels when drawing, and keeps what looks best. What would you take here, and by which figure?
#
# **Change one thing:** give the base its time: `HURRY = STEPS`. Does the best level move?

# %% [markdown] tags=["ja"]
# 2 つの望みが、反対の方向に引っぱります。*保存*にとっては、ノイズはないほうがよいのです。強さ 0 からたどってみてください。*距離*と*正解*は、少しのノイズで良くなるかもしれません。この世界にありえないところを、モデルが、知っているもので埋めるからです。ある強さからは悪くなります。手がかりがなくなっていくからです。2 つのモデルのどちらかで、偶然より大きく良くなっていますか。同じステップ数では、あなたのモデルと双子のどちらが上でしょうか。論文の問いに公平に答えるには、何を学習させればよいでしょうか。（zoo のモデルと同じステップ数の双子です。Ho et al. によれば、写真をまるごと間違えることもある 1 つめのモデルには、ノイズが欠かせません。）（48 枚では、割合に最大 14 ポイント、2 つの割合の差には最大 20 ポイントの誤差があります。ここでは同じキャプションを描くので、もう少し小さくなります。）論文では、描くときにいろいろな強さを試して、いちばん良いものを選びます。あなたなら、どの指標を見て、どの強さを選びますか。
#
# **ひとつ変えてみましょう**：1 つめのモデルに時間をやってみてください。`HURRY = STEPS` です。いちばん良い強さは動きますか。

# %% [markdown]
# # 5. Listen ten times as hard
#
# **What happens when the prompt is followed too eagerly?** Guidance goes from the estimate without words through the one with
# words, and on:
#
# $$ \hat x = \hat x_{\text{uncond}} + w \left(\hat x_{\text{cond}} - \hat x_{\text{uncond}}\right) $$
#
# With a larger $w$ pictures show more often what is asked for, up to a point, as in Lab 08. But *on* may lead out of the range of pictures: training never had
# a number beyond [-1, 1], and at $w = 10$ the estimate is full of them. Imagen's authors want such $w$ (section 2.3). Beside doing nothing there are two ways to go on from there: to clip each estimate to
# [-1, 1], **static thresholding**; or **dynamic thresholding**, which first measures how far out this picture is, and makes all of it smaller (here $s$ is a size, as in the paper, and no longer the level of section 3):
#
# $$ s = \max\left(1,\; \text{quantile}_p\left(|\hat x|\right)\right), \qquad \hat x \leftarrow \text{clip}\left(\hat x, -s, s\right) / s $$
#
# ### Exercise 3: <!-- exercise dynamic_threshold -->

# %% [markdown] tags=["ja"]
# # 5. 10 倍強く聞かせる
#
# **プロンプトを聞きすぎると、何が起こるでしょうか。** ガイダンスは、言葉なしの推定から、言葉ありの推定を通って、その先へ進みます。
#
# $$ \hat x = \hat x_{\text{条件なし}} + w \left(\hat x_{\text{条件あり}} - \hat x_{\text{条件なし}}\right) $$
#
# $w$ を大きくすると、Lab 08 で見たとおり、ある程度までは、頼んだことがよく現れます。けれども*その先*は、画像の範囲の外かもしれません。学習した画像には、[-1, 1] を超える数はひとつもありませんでした。$w = 10$ の推定には、たくさんあります。Imagen の著者たちは、そんな $w$ を使いたいのです（2.3 節）。何もしないほかに、2 つのやり方があります。推定のたびに [-1, 1] にクリップする（clip）、**静的なしきい値処理**（static thresholding）。そして、その画像がどこまではみ出しているかをまず分位数（quantile）で測り、全体を小さくする、**動的なしきい値処理**（dynamic thresholding）です（この $s$ は、論文に合わせた記号で、大きさを表します。3 節のノイズの強さではありません）。
#
# $$ s = \max\left(1,\; \text{分位数}_p\left(|\hat x|\right)\right), \qquad \hat x \leftarrow \text{clip}\left(\hat x, -s, s\right) / s $$
#
# ### 演習 3：<!-- exercise dynamic_threshold -->


# %%
@exercise("dynamic_threshold")
def dynamic_threshold(x0_hat, percentile):
    """Each picture back into [-1, 1] by a threshold of its own (Saharia et al. 2022, section 2.3).

    x0_hat: (B, 3, H, W), estimates that guidance may have pushed far out of [-1, 1]; percentile: in
    (0, 1]. For each picture s is that quantile of its |x0_hat|, but at least 1; it is clipped to [-s, s]
    and divided by s. Returns (B, 3, H, W) in [-1, 1].
    """
    raise NotImplementedError


# %%
check(dynamic_threshold)

# %% [markdown]
# First, how far out does it go? Here is what nothing holds back: at each step of the base's walk the quantile $s$ of the estimate, on
# average over the pictures. Then all three ways at several $w$, with two figures beside what is right. (At the end of the walk every picture is cut off at -1 and 1, whatever the way:
# "nothing" is nothing *on* the way.)
#
# - **saturation**: how far the three channels of a picture are apart, on average, in [0, 1]; 0 is grey;
# - **pinned**: the share of numbers that are as black or as white as can be, beyond 0.98 in absolute value.
#
# Neither is to be large or small. Both are to be as in the world's own pictures.

# %% [markdown] tags=["ja"]
# まず、どこまではみ出すのでしょうか。何もしない場合に、1 つめのモデルの歩みの各ステップで、推定の分位数 $s$ がいくつになるかを、画像の平均で見ます。次に、いくつかの $w$ で 3 つのやり方を試し、正解の割合のほかに、2 つの指標を測ります。（歩み終わった絵は、どのやり方でも、-1 と 1 で切ります。「なし」とは、歩みの*途中で*何もしないことです。）
#
# - **鮮やかさ**：画像の 3 つのチャンネルが平均してどれだけ離れているか。[0, 1] で、0 は灰色です。
# - **張り付き**：それ以上白くも黒くもなれない数の割合。絶対値が 0.98 を超えるものです。
#
# どちらも、大きいほどよいものでも、小さいほどよいものでもありません。この世界の画像と同じになればよいのです。

# %% tags=["nbval-ignore-output"]
SCALES = [1.0, 3.0, 6.0, 10.0][:: budget(lesson=1, ci=3)]
reaches = {}
for scale in SCALES[1:]:
    reach = []

    def watching(x0_hat, reach=reach):
        reach.append(x0_hat.abs().flatten(1).quantile(0.995, dim=1).mean().item())
        return x0_hat

    walk(stages[0].unet, SMALL, captions, scale=scale, threshold=watching)
    reaches[f"w = {scale:g}"] = range(1, len(reach) + 1), reach
plots.lines(
    reaches,
    "How far the base's estimates reach when nothing is done: the 99.5% quantile of their absolute "
    "values at each step. The data end at 1.",
    "step",
    "quantile s",
    markers=True,
)

# %% tags=["nbval-ignore-output"]
WAYS = {
    tr("nothing"): lambda x0_hat: x0_hat,
    tr("static"): static,
    tr("dynamic"): lambda x0_hat: dynamic_threshold(x0_hat, 0.995),
}


def saturation(pictures):
    """How far the three channels of pictures are apart, on average, in [0, 1]."""
    return ((pictures.amax(1) - pictures.amin(1)) / 2).mean().item()


def pinned(pictures):
    """The share of their numbers that are as black or as white as can be."""
    return (pictures.abs() > 0.98).float().mean().item()


loud, saturations = {}, {name: [] for name in WAYS}
say(
    "the world's pictures: saturation {saturation:.2f}, pinned {pinned:.0%}",
    saturation=saturation(true_small),
    pinned=pinned(true_small),
)
for scale in SCALES:
    for name, way in WAYS.items():
        pictures = walk(stages[0].unet, SMALL, captions, scale=scale, threshold=way).clamp(-1, 1)
        loud[name, scale] = pictures
        saturations[name].append(saturation(pictures))
        say(
            "w = {scale:4g}, {name:8} right {right:4.0%}, saturation {saturation:.2f} "
            "({more:+.0%} of the world's), pinned {pinned:.0%}",
            scale=scale,
            name=name,
            right=faithfulness(readable(pictures), asked).all,
            saturation=saturations[name][-1],
            more=saturations[name][-1] / saturation(true_small) - 1,
            pinned=pinned(pictures),
        )
plots.lines(
    {name: (SCALES, values) for name, values in saturations.items()}
    | {tr("the world's pictures"): (SCALES, [saturation(true_small)] * len(SCALES))},
    "Saturation of the base's pictures, by guidance scale and by what brings estimates back.",
    "guidance scale w",
    "saturation",
    markers=True,
)

# %% tags=["nbval-ignore-output"]
plots.images(
    torch.cat([at_64(x[:8]) for x in (true_small, *(loud[name, SCALES[-1]] for name in WAYS))]),
    "Eight pictures of the world; from their captions at guidance {scale:g}: "
    "nothing done, static, dynamic.",
    columns=8,
    scale=SCALES[-1],
)

# %% [markdown]
# Look at the backgrounds first. The world's dark is not black, and its light is not white. What do the three ways make of
# them, and at which $w$ does each begin to differ from the world? Which is nearest to it at the largest $w$, by each figure? Clipping keeps every estimate in range, and yet the picture creeps to
# the edge of it: what lies *at* the edge is in range, too. Is clipping at every step less glaring than doing nothing before the end? If not, what may the reason be: what does the
# network see in its next step of an estimate that was clipped, and what of one that was not? And does "right" still rise there? (Our prompts say five plain things, and little is
# to be gained beyond a small $w$. Imagen's are long and odd.)
#
# **Change one thing:** percentile 0.9, or 1.0. What is lost at each end? (A 16x16 picture has 768 numbers, of which the 99.5% quantile leaves about four beyond it. Imagen's
# base draws 12,288.)
#
# # 6. The whole chain
#
# What you have written, together: the base with guidance and your threshold; your own stage in the middle; the
# zoo's last stage. Only exercise 1 rests: the base has its time here, its small pictures may be believed, so `LEVEL` is 0, and at level 0 they stay as they are. Then the same with the package's pipeline, which has its own of each of your functions.

# %% [markdown] tags=["ja"]
# まず背景を見てください。この世界の「暗い」は真っ黒ではなく、「明るい」は真っ白ではありません。3 つのやり方で、それぞれどうなりますか。どの $w$ から、この世界と違ってくるでしょうか。いちばん大きな $w$ で、それぞれの指標がこの世界にいちばん近いのは、どのやり方ですか。クリップすれば、推定はいつも範囲に収まります。それなのに、絵は範囲の端へとにじり寄っていきます。端に*張り付いた*ものも、範囲内だからです。ステップごとにクリップすると、最後まで何もしないよりも、ぎらつきは抑えられているでしょうか。そうでないなら、なぜだと思いますか。クリップした推定と、しなかった推定とで、次のステップのネットワークに見えるものは、どう違うでしょうか。そして、「正解」は、そこでもまだ増えているでしょうか。（このコースのプロンプトは、わかりやすいことを 5 つ言うだけなので、小さな $w$ で足ります。Imagen のプロンプトは、長くて変わったものばかりです。）
#
# **ひとつ変えてみましょう**：percentile を 0.9 に、あるいは 1.0 に。それぞれ、何が失われますか。（16x16 の画像には数が 768 個しかなく、99.5% の分位数を超えるのは 4 個ほどです。Imagen の 1 つめのモデルが描くのは、12,288 個です。）
#
# # 6. 全体をつなぐ
#
# あなたが書いたものを、つなぎます。1 つめのモデルは、ガイダンスと、あなたのしきい値で。真ん中は、あなたのモデル。最後は zoo のモデルです。ただし、演習 1 の出番はありません。ここでは 1 つめのモデルに時間をかけるので、小さな絵は信じてよいのです。そこで `LEVEL` を 0 とします。強さ 0 では、小さな絵はそのままです。それから、同じことを、あなたの関数をそれぞれ自前で持っている、パッケージのパイプラインでも行います。

# %% tags=["nbval-ignore-output"]
SCALE, LEVEL = 3.0, 0.0  # no noise: the base has its time here, so the small pictures may be believed


def chain(middle, prompts, seed=0):
    """Pictures of prompts at 16x16, 32x32 and 64x64, a list of three."""
    noise, dynamic, x, drawn = Noise(len(prompts), seed), WAYS[tr("dynamic")], None, []
    for unet, size in ((stages[0].unet, 16), (middle, 32), (stages[2].unet, 64)):
        scale = SCALE if x is None else 1.0
        x = walk(unet, size, prompts, x, LEVEL, scale=scale, threshold=dynamic, noise=noise).clamp(-1, 1)
        drawn.append(x)
    return drawn


PIXELS = ("16x16", "32x32", "64x64")
final = chain(mine, captions)
kept = [psnr(shrunk(x, 16), final[0]).mean().item() for x in final[1:]]
say(
    "Made 16x16 again, the 32x32 are {a:.1f} dB near what the base drew, the 64x64 {b:.1f} dB.",
    a=kept[0],
    b=kept[1],
)
for size, pictures in zip(PIXELS, final, strict=True):
    say("{size}: right {right:.0%}", size=size, right=faithfulness(readable(pictures), asked).all)

package = Cascade(reading, [stages[0], Stage(mine, schedule, "sample", LARGE, machine), stages[2]])
how = [Guidance(scale, STEPS, augmentation_level=LEVEL) for scale in (SCALE, 1.0, 1.0)]
theirs = package(captions, how=how, seed=0, output_type="pt").cpu() * 2 - 1
say(
    "Your chain and the package's differ by {off:.5f} on average.",
    off=(theirs - final[2].cpu()).abs().mean(),
)
plots.images(
    torch.cat([at_64(x[:6]) for x in final]),
    "Six prompts through the chain with your stage in the middle: 16x16, 32x32, 64x64.",
    columns=6,
    inches=1.3,
)
rows = [list(x) for x in chain(mine, PROMPTS, seed=7)]
plots.images(
    torch.cat([at_64(torch.stack(row)) for row in rows]),
    "The four prompts of the beginning, by your chain.",
    columns=4,
    inches=1.5,
)

# %% [markdown]
# **What could be lost on the way?** Read the row of "right" from 16x16 to 64x64. By how many of the pictures does it change, and is that more than chance (section 4)? A stage that only enlarges cannot know
# better than the base what was meant. The two that enlarge here read the words, too; but without noise they have no reason to doubt what they see. (The reader is not sure of everything either: section 4 has its figure for the world's own small pictures.)
#
# **Change one thing:** `LEVEL = 0.1`, and run the cell once more. Now the two stages have a reason. Does it help? What does it do to what is kept of the base's pictures?
#
# # Break it
#
# Somebody enlarges with your walk, with noise in the small pictures, as it should be, and makes a mistake in calling it. The stage is the zoo's and in order, the small pictures are the
# hurried base's, and there is no error and no warning. **Read `faulty` before you run it**; it is one line. What does the network see, and what is it told? Write down what you expect of the
# pictures, and which of the three figures will give it away, from which level on. Then run it, and compare with the sound walk. What is it that one
# sees in the pictures, and where does it come from? Which *other* mistake of the same kind would go
# unnoticed, or nearly, and why? (Try it: another number for `said` is enough. Compare the rows of all levels.)

# %% [markdown] tags=["ja"]
# **途中で、何が失われるでしょうか。** 「正解」の行を、16x16 から 64x64 まで読んでください。変わったのは何枚分で、それは偶然より大きいでしょうか（4 節）。拡大しかしないモデルに、1 つめのモデルよりもよく、何を描くはずだったかがわかるわけはありません。ここで拡大している 2 つのモデルは、同じ言葉も読んでいます。けれども、ノイズがなければ、見えるものを疑う理由がありません。（読み取り器も、何でも正しく読めるわけではありません。この世界の画像を小さくしたものをどれだけ読めるかは、4 節にあります。）
#
# **ひとつ変えてみましょう**：`LEVEL = 0.1` にして、セルをもう一度実行してください。これで、2 つのモデルに疑う理由ができました。良くなりますか。1 つめのモデルの絵は、どれだけ保たれますか。
#
# # 壊してみる
#
# だれかが、あなたの歩みを使って、絵を大きくしました。もちろん、小さな絵にはノイズを入れています。ただ、呼び出し方をひとつ間違えました。モデルは zoo のもので、正常です。小さな絵は、1 つめのモデルが急いで描いたものです。エラーも警告も出ません。**実行する前に、`faulty` を読んでください**。1 行です。ネットワークには何が見え、何が伝えられるでしょうか。画像がどうなるか、3 つの指標のどれに、どの強さから現れるかを予想して、書いてください。それから実行して、正常な歩みと比べましょう。画像に見えているものは何で、どこから来たのでしょうか。同じ種類の*別の*間違いで、気づかれない、またはほとんど気づかれないものはどれで、それはなぜでしょうか。（試してみましょう。`said` の数を変えるだけです。ほかの強さの行とも比べてください。）


# %% tags=["nbval-ignore-output"]
def faulty(level):
    return walk(stages[1].unet, LARGE, captions, base_small, level, said=0.0)


spoilt = {}
for level in (0.1, 0.2, 0.4):
    spoilt[level] = faulty(level)
    show_row(
        tr("sound, level {level}", level=level),
        judged(walk(stages[1].unet, LARGE, captions, base_small, level)),
    )
    show_row(tr("faulty, level {level}", level=level), judged(spoilt[level].clamp(-1, 1)))
plots.images(
    torch.cat(
        [at_64(base_small[:8]), at_64(walk(stages[1].unet, LARGE, captions, base_small, 0.4)[:8])]
        + [at_64(x[:8]) for x in spoilt.values()]
    ),
    "Small pictures of the base; made larger by the sound walk at level 0.4; "
    "by the faulty one at 0.1, 0.2 and 0.4.",
    columns=8,
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Saharia et al., [Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding](https://arxiv.org/abs/2205.11487)
#   (2022): section 2, and section 4.4 on what mattered: the language model more than the U-Net, and dynamic thresholding.
# - Ho et al., [Cascaded Diffusion Models for High Fidelity Image Generation](https://arxiv.org/abs/2106.15282) (2022): section 3.3,
#   where the noise comes from, and how much depends on it.
# - Raffel et al., [Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer](https://arxiv.org/abs/1910.10683)
#   (2020): section 3.1.4, the game of the gaps.
# - Nichol & Dhariwal, [Improved Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2102.09672) (2021): section 3.2, the
#   cosine schedule that all stages here have.
#
# The same at full length: `t2ilab train cascade-shapes-32`.
#
# ## Further: DeepFloyd's IF
#
# Imagen's weights were never published. IF, by DeepFloyd, is built after it. The next cell downloads its smallest first stage
# (`DeepFloyd/IF-I-M-v1.0`, DeepFloyd IF licence, which has to be accepted on its page once; about 11 GB, most of it the T5 of 4.8 billion numbers). Its language model is read by the class of section 2, and your
# threshold brings its estimates back. It needs `pip install sentencepiece` and about 12 GB of memory, and takes many minutes on a CPU. To run it, write `DOWNLOAD = True`.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Saharia et al., [Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding](https://arxiv.org/abs/2205.11487) (2022)：2 節と、何が効いたかについての 4.4 節。U-Net よりも言語モデル、そして動的なしきい値処理です。
# - Ho et al., [Cascaded Diffusion Models for High Fidelity Image Generation](https://arxiv.org/abs/2106.15282) (2022)：3.3 節。ノイズを入れる考えの始まりと、それがどれほど大切か。
# - Raffel et al., [Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer](https://arxiv.org/abs/1910.10683) (2020)：3.1.4 節。穴埋めのゲーム。
# - Nichol & Dhariwal, [Improved Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2102.09672) (2021)：3.2 節。このラボのモデルがどれも使っている、コサインスケジュール。
#
# 同じことを最後まで行うには：`t2ilab train cascade-shapes-32`。
#
# ## 発展：DeepFloyd の IF
#
# Imagen の重みは、公開されませんでした。DeepFloyd の IF は、それにならって作られたものです。次のセルは、そのいちばん小さい 1 段目（`DeepFloyd/IF-I-M-v1.0`、DeepFloyd IF ライセンス。一度、そのページで同意しておく必要があります）をダウンロードします。約 11 GB で、その大部分は 48 億個のパラメータを持つ T5 です。言語モデルを読むのは 2 節のクラスで、推定を範囲に戻すのはあなたのしきい値です。`pip install sentencepiece` と約 12 GB のメモリが必要で、CPU では何分もかかります。実行するには `DOWNLOAD = True` と書いてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "DeepFloyd/IF-I-M-v1.0"

if DOWNLOAD:
    from diffusers import IFPipeline

    from t2ilab.diffusion.samplers import sample_ddim
    from t2ilab.diffusion.schedule import NoiseSchedule
    from t2ilab.interop.t5 import read_config_of
    from t2ilab.nets.t5 import T5Encoder

    nobody = {"safety_checker": None, "feature_extractor": None, "watermarker": None}
    published = IFPipeline.from_pretrained(
        PUBLISHED, variant="fp16", torch_dtype=torch.bfloat16, requires_safety_checker=False, **nobody
    )
    with torch.device("meta"):  # the layout alone; the numbers are taken over where they lie
        reader = T5Encoder(read_config_of(published.text_encoder.config.to_dict()))
    state = published.text_encoder.state_dict()
    reader.load_state_dict({name: state[name] for name in reader.state_dict()}, assign=True)
    prompts = ["a photograph of a cat in a boat", "an astronaut riding a horse"]
    words = published.tokenizer(
        ["", "", *prompts], padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    if_unet, if_schedule = published.unet.eval(), NoiseSchedule.cosine()
    with torch.inference_mode():
        context = reader(words.input_ids, words.attention_mask.bool())

        def if_net(x_t, t):
            read = torch.cat([x_t, x_t]).to(context.dtype)
            guess = if_unet(read, t.repeat(2), context).sample[:, :3].float()  # the rest is a variance
            without, told = guess.chunk(2)
            return without + 10 * (told - without)

        estimate = NetworkDenoiser(if_net, if_schedule, "epsilon")
        side = if_unet.config.sample_size
        start = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
        grid = if_schedule.timesteps(25)
        drawn = [
            sample_ddim(lambda x, t, way=way: way(estimate(x, t)), start, if_schedule, grid).clamp(-1, 1)
            for way in (lambda x: x, lambda x: x.clamp(-1, 1), lambda x: dynamic_threshold(x, 0.95))
        ]
    plots.images(
        torch.cat(drawn),
        "Two prompts by IF's first stage at guidance 10: nothing done, static, dynamic thresholding.",
        columns=2,
        inches=1.5,
    )
