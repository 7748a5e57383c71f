# %% [markdown]
# # Lab 09: Beyond words
#
# <!-- badges -->
#
# **You will build** what people do with a diffusion model besides typing a prompt. You draw a picture over by beginning
# half-way (SDEdit). You fill a hole in it, and not a pixel around the hole changes (inpainting). Then you tell a model
# *where*, in a drawing that no words could replace: a second network, a ControlNet, looks at a map and whispers to the
# first, which stays as it is. You build its silent layers, train it, and measure how well the picture keeps to the map. It is built as Stable Diffusion's own ControlNets are.
#
# | | |
# |---|---|
# | Time | about 80 minutes, five of which your machine computes alone |
# | You need | Python and PyTorch; Labs 06 and 08, or what a denoiser, DDIM and a latent are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs. (A wrong
# answer stays in use: to go on without it, put `raise NotImplementedError` back and run its cell again.) Hints cost nothing.

# %% [markdown] tags=["ja"]
# # Lab 09：言葉のほかに
#
# <!-- badges -->
#
# **このラボで作るもの**：プロンプト（prompt）を打つ以外に、拡散モデルでできることを作ります。道の途中から歩き始めて、画像を描き直します（SDEdit）。画像にあけた穴を埋め、まわりの画素はひとつも変えません（インペインティング、inpainting）。そして、言葉では言い表せない*場所*を、図で伝えます。マップを見る第 2 のネットワーク、ControlNet が、もとのモデルにささやきかけます。もとのモデルは変わりません。はじめは何も言わないその層を作り、学習させて、描いた画像がどれだけマップどおりかを測ります。つくりは、Stable Diffusion の ControlNet と同じです。
#
# | | |
# |---|---|
# | 時間 | 約 80 分（そのうち、コンピュータの計算を待つのは 5 分） |
# | 必要なもの | Python と PyTorch。Lab 06 と 08、またはデノイザー（denoiser）、DDIM、潜在変数（latent）の意味 |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。（間違った答えはそのまま使われます。それを使わずに先へ進みたいときは、`raise NotImplementedError` に戻して、そのセルをもう一度実行してください。）ヒントを見ても点は減りません。

# %% tags=["colab-install"]

# %%
import random

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.data.render import draw
from t2ilab.data.scenes import complete
from t2ilab.data.understanding import understand
from t2ilab.data.words import PLACES, PLAIN, SHAPES
from t2ilab.device import DeviceManager
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness
from t2ilab.nets.controlnet import ConditionEmbedding
from t2ilab.nets.unet import UNet, UNetEncoder
from t2ilab.pipelines.text_to_image import TextToImage

machine = DeviceManager()
device = machine.device
pipe = TextToImage.from_pretrained("storybook-pixel")
schedule = pipe.schedule
STEPS = budget(lesson=20, ci=4)  # of a walk from noise to picture
COUNT = budget(lesson=24, ci=8)  # of pictures that are counted

# %% [markdown]
# # 1. Begin half-way
#
# **How do you ask for this picture, only otherwise?** A prompt describes a picture, but not *this* one. And a walk from
# noise to picture never sees one: it begins with noise alone. So begin it later. At timestep $t$ the model expects a
# picture with a certain share of noise. Take yours, add that much noise, and put it where the walk has got to by then:
#
# $$ x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon $$
#
# ($\bar\alpha_t$ is `schedule.alphas_cumprod[t]`.) From there on the model walks as always, with your new words. What the noise has drowned is drawn anew; what still
# shows through is kept. This is **SDEdit** ([Meng et al. 2022](https://arxiv.org/abs/2108.01073)), and what libraries call
# image-to-image. (The paper's algorithm 1 is for noise that is added without fading the picture; its appendix has the form above.) How far back the walk begins is its **strength**: the share of the steps that are taken.
#
# Eight kinds of things, each red, by day, to be changed in three ways:

# %% [markdown] tags=["ja"]
# # 1. 途中から始める
#
# **「この画像で、ここだけ変えて」と頼むには、どうすればよいでしょうか。** プロンプトは画像を説明しますが、*この*画像だとは言えません。それに、ノイズから画像への道は画像を見ません。ノイズだけから始まるからです。では、もっとあとから始めましょう。時刻 $t$ のモデルは、決まった割合でノイズの入った画像を待っています。手元の画像に同じだけノイズを加えて、道のその場所に置きます。
#
# $$ x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon $$
#
# （$\bar\alpha_t$ は `schedule.alphas_cumprod[t]` です。）そこから先は、モデルはいつもどおり、新しい言葉に従って歩きます。ノイズに沈んだものは新しく描かれ、まだ透けて見えるものは残ります。これが **SDEdit**（[Meng et al. 2022](https://arxiv.org/abs/2108.01073)）で、ライブラリでは image-to-image と呼ばれます。（論文のアルゴリズム 1 は、画像を薄めずにノイズを足す場合のものです。上の形は付録にあります。）どこまでさかのぼって歩き始めるかが**強さ**（strength）で、全体の歩数のうち、実際に歩く割合です。
#
# 8 種類のものを用意します。どれも赤く、昼間です。これを 3 通りに変えてみましょう。

# %%
KINDS = ["cat", "horse", "house", "robot", "boat", "tree", "astronaut", "flower"]
kinds = [KINDS[i % len(KINDS)] for i in range(COUNT)]
others = [KINDS[(i + 3) % len(KINDS)] for i in range(COUNT)]
captions = [f"a big red {kind} in the center by day" for kind in kinds]
wishes = {
    tr("another thing"): [f"a big red {kind} in the center by day" for kind in others],
    tr("another colour"): [f"a big blue {kind} in the center by day" for kind in kinds],
    tr("other surroundings"): [f"a big red {kind} in the center at night" for kind in kinds],
}


def scenes(captions):
    """What captions ask for."""
    return [understand(caption)[0] for caption in captions]  # [1] is what was not understood


def drawn(captions, size=32, seed=0):
    """Pictures of captions, drawn by the storybook itself, and what is where in them."""
    whole = [complete(scene, random.Random(i)) for i, scene in enumerate(scenes(captions))]
    return draw(whole, size, torch.Generator().manual_seed(seed), device)


originals = drawn(captions).image  # (B, 3, 32, 32)
plots.images(originals[:8], "Eight pictures to be drawn over.", columns=8, inches=1)

# %% [markdown]
# **Your turn.** Which timesteps are left, and how noisy is the picture at the first of them?
#
# ### Exercise 1: <!-- exercise sdedit_start -->

# %% [markdown] tags=["ja"]
# **あなたの番です。** どの時刻が残り、残った最初の時刻では、画像にどれだけノイズが入っているのでしょうか。
#
# ### 演習 1：<!-- exercise sdedit_start -->


# %%
@exercise("sdedit_start")
def sdedit_start(x0, noise, strength, schedule, timesteps):
    """Where to begin when a picture is to be drawn over (SDEdit, Meng et al. 2022, with DDPM's noise).

    x0: (B, 3, H, W), the picture; noise: like x0, standard normal; strength: in [0, 1], the share of
    the walk that is taken, rounded to the nearest whole number of steps; schedule: a NoiseSchedule, with
    its alphas_cumprod (T,); timesteps: int64, descending. Returns the noised picture and the timesteps
    that remain, the least noisy ones; with strength 0 they are x0 itself and no timesteps.
    """
    raise NotImplementedError


# %%
check(sdedit_start)


# %% tags=["nbval-ignore-output"]
def draw_over(images, captions, strength, seed=1):
    """Pictures (B, 3, 32, 32) drawn over, so that they show the captions."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    timesteps = schedule.timesteps(STEPS, spacing="trailing")
    x, remaining = sdedit_start(images, noise, strength, schedule, timesteps)
    if len(remaining) == 0:
        return x
    denoise = pipe.denoiser(pipe.encode(captions))
    return sample_ddim(denoise, x, schedule, remaining).clamp(-1, 1)


strengths = [0.2, 0.4, 0.6, 0.8, 1.0]
right, rows = {}, []
for wish, asked in wishes.items():
    over = [draw_over(originals, asked, strength) for strength in strengths]
    right[wish] = [faithfulness(one, scenes(asked)).all for one in over]
    rows += [over[i][:8] for i in (1, 2, 3)]
plots.images(
    torch.cat([originals[:8], *rows]),
    "The pictures, and below, in threes, at strengths 0.4, 0.6 and 0.8: another thing, another colour, "
    "other surroundings.",
    columns=8,
    inches=1,
)

# %% tags=["nbval-ignore-output"]
plots.lines(
    {wish: (strengths, shares) for wish, shares in right.items()},
    "How many of {count} pictures show all that the new words ask for, against the strength. "
    "Another thing: {thing}; another colour: {color}; other surroundings: {around}.",
    xlabel="strength",
    ylabel="share",
    count=COUNT,
    **{
        name: ", ".join(f"{share:.0%}" for share in right[wish])
        for name, wish in zip(("thing", "color", "around"), wishes, strict=True)
    },
)

# %% [markdown]
# Noise drowns a picture in a certain order. Independent from pixel to pixel, it averages out over large patches and not
# over small ones: details go first, the sky last. So at low strength the model may choose again what is fine, and finds
# everything coarse already decided. **Read your curves with that:** which of the three wishes is about the coarsest thing
# in the picture, and at which strength is it granted? (At strength 1 the walk begins at the noisiest timestep, where next to
# nothing of the picture is left. One picture of 24 is 4 points; such a share is uncertain by up to 20.)
#
# But why not always take strength 1? Because then it is any picture, and not yours. In the next figure the things stand in nine places,
# another thing is asked for, and **nothing is said of the place**. How often is the new thing as asked, how often does it
# stand where the old one stood, and how often both? Of nine places one is right by chance. Which strength would you take?

# %% [markdown] tags=["ja"]
# ノイズが画像を沈めていく順番は、決まっています。ノイズは画素ごとに独立なので、広い範囲では平均されて消えますが、狭い範囲では消えません。細部から先に見えなくなり、空は最後まで残ります。ですから、強さが小さいとき、モデルが選び直せるのは細かいところだけで、大まかなことはもう決まっています。**そのつもりで、曲線を読んでみましょう。** 3 つの願いのうち、画像の中でいちばん大まかなものについての願いはどれですか。それは、どの強さでかないますか。（強さ 1 では、道はノイズのいちばん多い時刻から始まります。そこには、もとの画像はほとんど残っていません。24 枚のうち 1 枚が 4 ポイントです。割合には、最大 20 ポイントほどの誤差があります。）
#
# では、なぜいつも強さ 1 にしないのでしょうか。それでは、あなたの画像ではなくなってしまうからです。次の図では、ものが 9 つの場所に立っています。別のものを頼みますが、**場所のことは何も言いません**。新しいものが注文どおりになる割合、もとの場所に立つ割合、その両方になる割合は、どれくらいでしょうか。場所は 9 つなので、偶然なら 9 回に 1 回です。あなたなら、どの強さにしますか。

# %% tags=["nbval-ignore-output"]
spots = [words[0][0] for words in PLACES.values()]  # "at the top left", "at the top", ...
placed = [f"a big red {kind} {spots[i % 9]} by day" for i, kind in enumerate(kinds)]
asked = [f"a big red {kind} by day" for kind in others]
both = [f"a big red {kind} {spots[i % 9]} by day" for i, kind in enumerate(others)]
standing = drawn(placed).image
shares = {tr("as asked"): [], tr("in the old place"): [], tr("both"): []}
for strength in strengths:
    over = draw_over(standing, asked, strength)
    found = faithfulness(over, scenes(both))
    each = [faithfulness(over, scenes(asked)).all, found.attributes["place"], found.all]
    for name, share in zip(shares, each, strict=True):
        shares[name].append(share)
plots.lines(
    {name: (strengths, share) for name, share in shares.items()},
    "Another thing, and not a word about its place. "
    "As asked: {asked}; in the old place: {place}; both: {both}.",
    xlabel="strength",
    ylabel="share",
    **{
        name: ", ".join(f"{share:.0%}" for share in values)
        for name, values in zip(("asked", "place", "both"), shares.values(), strict=True)
    },
)

# %% [markdown]
# **Change one thing:** add a wish of your own to `wishes`, in Japanese if you like; or ask for a place as well, another
# than the old one: what does strength 0.6 do with a thing that is to move?

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：`wishes` に自分の願いを足してみてください。日本語でもかまいません。あるいは、もとと違う場所も頼んでみましょう。動いてほしいものは、強さ 0.6 でどうなりますか。

# %% [markdown]
# # 2. Fill a hole
#
# **How do you change one part, and nothing else?** Cut the part out. A **mask** is 1 where something new is to come. You
# could let the model draw a whole picture and paste its middle into the hole; but the two would know nothing of each
# other. So let the model see what is around the hole, at every step. It expects each place to be equally noisy; the known
# picture therefore goes in with the noise of the moment ([Lugmayr et al. 2022](https://arxiv.org/abs/2201.09865), RePaint,
# equation 8):
#
# $$ x_t \leftarrow m \odot x_t + (1 - m) \odot \big(\sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon\big) $$
#
# (The paper's mask is the other way round, 1 where the picture is known, and it blends at the end of a step, at $t - 1$.)
# Any diffusion model can do it, without being trained for it.
#
# ### Exercise 2: <!-- exercise inpaint_blend -->

# %% [markdown] tags=["ja"]
# # 2. 穴を埋める
#
# **一部分だけを変えて、ほかには手を付けないでおくには、どうすればよいでしょうか。** その部分を切り抜きます。**マスク**（mask）は、新しく描くところが 1 です。モデルに 1 枚まるごと描かせて、その真ん中を穴に貼ることもできます。でもそれでは、穴の中と外がおたがいを知りません。そこで、穴のまわりを、モデルに 1 歩ごとに見せることにします。モデルは、どの場所にも同じだけノイズが入っていると思っています。ですから、わかっている画像にも、その時刻のノイズを加えて入れます（[Lugmayr et al. 2022](https://arxiv.org/abs/2201.09865)、RePaint の式 8）。
#
# $$ x_t \leftarrow m \odot x_t + (1 - m) \odot \big(\sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon\big) $$
#
# （論文のマスクは逆で、わかっているところが 1 です。また、混ぜるのは 1 歩の終わり、$t - 1$ のところです。）どの拡散モデルでもできます。このための学習はいりません。
#
# ### 演習 2：<!-- exercise inpaint_blend -->


# %%
@exercise("inpaint_blend")
def inpaint_blend(x_t, known_x0, mask, noise, t, schedule):
    """x_t where the mask is 1, the known picture with the noise of t elsewhere (RePaint, eq. 8).

    x_t: (B, 3, H, W), what the model has drawn so far; known_x0: like it, the picture; mask:
    (B, 1, H, W), 1 where something new is to come, 0 where the picture is kept; noise: like x_t, standard
    normal; t: one int, the timestep of x_t; schedule: a NoiseSchedule, with its alphas_cumprod (T,).
    Returns (B, 3, H, W), at the same t. (The paper's mask is 1 where the picture is known.)
    """
    raise NotImplementedError


# %%
check(inpaint_blend)

# %% [markdown]
# The walk is DDIM's, from Lab 06, with your line at the head of each step:

# %% [markdown] tags=["ja"]
# 道は Lab 06 の DDIM です。1 歩ごとに、はじめにあなたの 1 行が入ります。


# %% tags=["nbval-ignore-output"]
@torch.inference_mode()
def fill(images, mask, captions, blend=inpaint_blend, seed=1):
    """Pictures (B, 3, 32, 32) whose holes, where the mask (B, 1, 32, 32) is 1, show the captions."""
    chance = torch.Generator().manual_seed(seed)
    denoise = pipe.denoiser(pipe.encode(captions))
    timesteps = schedule.timesteps(STEPS, spacing="trailing")
    levels = [*schedule.alphas_cumprod[timesteps], torch.tensor(1.0)]
    x = torch.randn(images.shape, generator=chance).to(device)
    for i, t in enumerate(timesteps.tolist()):
        x = blend(x, images, mask, torch.randn(images.shape, generator=chance).to(device), t, schedule)
        x0_hat = denoise(x, torch.full((len(x),), t, device=device))
        eps = (x - levels[i].sqrt() * x0_hat) / (1 - levels[i]).sqrt()
        x = levels[i + 1].sqrt() * x0_hat + (1 - levels[i + 1]).sqrt() * eps
    return mask * x.clamp(-1, 1) + (1 - mask) * images


def seam(images, mask):
    """How much neighbours differ where one is in the hole and the other is not, in grey levels of 256."""
    jumps = [(images.diff(dim=axis).abs().mean(1), mask[:, 0].diff(dim=axis - 1) != 0) for axis in (2, 3)]
    return 127.5 * torch.cat([jump[at] for jump, at in jumps]).mean().item()


AROUND = ["by day", "at night", "at sunset", "in a field", "at sea", "in the kitchen"]
whole = [f"a big red {kind} in the center {AROUND[i % len(AROUND)]}" for i, kind in enumerate(kinds)]
scenery = drawn(whole).image
hole = torch.zeros(COUNT, 1, 32, 32, device=device)
hole[:, :, 5:27, 5:27] = 1
asked = [f"a big blue {kind} in the center" for kind in others]  # not a word of what is around it
filled = fill(scenery, hole, asked)
pasted = fill(scenery, hole, asked, blend=lambda x_t, *rest: x_t)  # nothing is put back on the way
plots.images(
    torch.cat([torch.where(hole == 1, 0.0, scenery)[:8], filled[:8], pasted[:8]]),
    "The holes; filled by a model that sees what is around them; filled by one that does not.",
    columns=8,
    inches=1,
)
for name, images in {
    tr("as they were drawn"): scenery,
    tr("filled"): filled,
    tr("pasted"): pasted,
}.items():
    say(
        "{name:20} as asked {all:4.0%}; "
        "at the edge of the hole neighbours differ by {jump:4.1f} grey levels",
        name=name,
        all=faithfulness(images, scenes(whole if images is scenery else asked)).all,
        jump=seam(images, hole),
    )

# %% [markdown]
# Outside of the hole nothing has moved, in either: the last line of `fill` sees to that. Your line sees to what is inside.
# Both holes hold what you asked for; only one knows whether it is day or night. Even that one is not perfect: what
# is put back at each step knows nothing of what has just been drawn in the hole. The model can fit the hole to it, but not it to the hole, and it
# has one step for that before it is put back again. RePaint therefore takes every step several times, back and forth, so that both sides can
# settle. **Inpainting models** are trained for it: their U-Net has five channels more, for the mask and for the latents
# of the picture with its hole (Stable Diffusion's is in the table of Lab 08). `t2ilab.pipelines.inpainting` fills with either model,
# without the back and forth.
#
# **Change one thing:** move the hole so that it cuts the thing in half. Ask for the thing that is there already; then for
# another.

# %% [markdown] tags=["ja"]
# 穴の外は、どちらも動いていません。`fill` の最後の行がそうしているからです。あなたの行が決めるのは、穴の中です。どちらの穴にも、頼んだものが入っています。でも、昼か夜かを知っているのは、片方だけです。それも完璧ではありません。1 歩ごとに戻される画像は、穴の中に何が描かれたかを知りません。モデルは穴のほうを合わせるしかなく、また戻されるまでに 1 歩しかありません。そこで RePaint は、両側がなじむように、どの 1 歩も何度か行ったり来たりします。**インペインティング用のモデル**は、このために学習したものです。U-Net はチャンネルが 5 つ多く、そこにマスクと、穴のあいた画像の潜在変数が入ります（Stable Diffusion のものは、Lab 08 の表にあります）。`t2ilab.pipelines.inpainting` は、どちらのモデルでも穴を埋めます（行ったり来たりはしません）。
#
# **ひとつ変えてみましょう**：穴を動かして、描かれたものを半分に切ってみてください。もともとそこにあるものを頼むとどうなりますか。別のものを頼むと？

# %% [markdown]
# Now with a pen. **Paint** over what is to change, say what the *whole* picture is to show, and press *draw*: the hole is
# whatever you have painted, and the model that fills it walks with your `inpaint_blend`. Try half of the cat; a thin line
# across it; everything but the cat. How small may a hole be, and still get a new thing into it?

# %% [markdown] tags=["ja"]
# 今度はペンを使いましょう。変えたいところを**塗り**、画像*全体*に何が見えるはずかを書いて、「描く」を押してください。塗ったところがそのまま穴になります。穴を埋めるモデルは、あなたの `inpaint_blend` を使って歩きます。猫を半分だけ塗る、猫の上に細い線を引く、猫以外をぜんぶ塗る、などを試してみましょう。新しいものが入る穴は、どこまで小さくできるでしょうか。

# %% tags=["nbval-ignore-output"]
from t2ilab.lab.canvas import Mask, Scribble
from t2ilab.lab.drawing import drawing_box

canvas = Mask(scenery[0])
canvas.stroke([(9, 10), (23, 10), (9, 22), (23, 22)], width=10)  # a first hole, to be undone if you like


def fill_painted(prompt, painted, seed):
    """The picture on the canvas, filled where it is painted (32, 32)."""
    hole = torch.from_numpy(painted)[None, None].float().to(device)
    return fill(scenery[:1], hole, [prompt], seed=seed)


drawing_box(canvas, fill_painted, "a big blue robot in the center by day", seed=1, world="storybook")

# %% [markdown]
# What was painted is an array, `canvas.value`, True in the hole. No widgets here? Then put an array there, or draw with
# `canvas.stroke([(x, y), ...], width)`, and look at the same as a figure:

# %% [markdown] tags=["ja"]
# 塗ったものは、このキャンバス（canvas）の `canvas.value` という配列で、穴のところが True です。ウィジェットが表示されませんか。それなら、配列を代入するか、`canvas.stroke([(x, y), ...], width)` で描いてください。同じものを図で示します。

# %% tags=["nbval-ignore-output"]
painted = torch.from_numpy(canvas.value).to(device)
plots.images(
    torch.cat(
        [
            torch.where(painted, 0.0, scenery[:1]),
            fill_painted("a big blue robot in the center by day", canvas.value, 1),
        ]
    ),
    "A picture with the hole that is painted on the canvas, and what fills it.",
    columns=2,
)

# %%
say("Painted: {count} of {all} pixels.", count=int(canvas.value.sum()), all=canvas.value.size)

# %% [markdown]
# # 3. A second network that whispers
#
# **How do you say *here*?** Words know nine places. A drawing can show any place. A model that has learnt only words cannot
# look at one, and to train it anew might spoil what it can do. The **ControlNet**
# ([Zhang et al. 2023](https://arxiv.org/abs/2302.05543)) leaves it exactly as it is, and puts a second network beside it:
#
# - a *copy* of the way down and the middle, with their weights, which sees the drawing too;
# - on each feature map that it hands over (a *skip*, and the one in the *middle*), a 1x1 convolution whose weights and
#   biases begin at **zero**;
# - what comes out is *added* to the same feature maps of the frozen U-Net, before its way up.
#
# At the first step the copy therefore says nothing at all, and the model draws as before. **Can something that is zero
# learn?** For $y = wx + b$, the loss's gradient by $w$ is $x$ times its gradient by $y$. It does not ask what $w$ is. But
# its gradient by $x$ is $w$ times that: while $w$ is zero, nothing gets through to what lies before. (Section 3.1; the
# gradients are in its supplement.)
#
# ### Exercise 3: <!-- exercise ZeroConv -->

# %% [markdown] tags=["ja"]
# # 3. ささやく第 2 のネットワーク
#
# **「ここに」と言うには、どうすればよいでしょうか。** 言葉が知っている場所は 9 つだけですが、図ならどこでも示せます。言葉しか学んでいないモデルは、図を見ることができません。学習し直すと、いまできることができなくなるかもしれません。**ControlNet**（[Zhang et al. 2023](https://arxiv.org/abs/2302.05543)）は、もとのモデルには手を付けず、横に第 2 のネットワークを置きます。
#
# - U-Net の下りと中央を、重みごと*コピー*したもの。こちらは図も見ます。
# - コピーが渡す特徴マップ（feature map）、つまり*スキップ*（skip）と*中央*（middle）のそれぞれに、1x1 の畳み込み（convolution）。重みもバイアスも **0** で始まります。
# - その出力を、凍結した U-Net の特徴マップに、上りの前に*足します*。
#
# ですから、最初のステップでは、コピーは何も言いません。モデルはいままでどおりに描きます。**0 のものが、学べるのでしょうか。** $y = wx + b$ のとき、損失を $w$ で微分したものは、$y$ で微分したものの $x$ 倍です。$w$ がいくつかは関係ありません。一方、$x$ で微分したものは $w$ 倍なので、$w$ が 0 のあいだ、手前には何も届きません（3.1 節。勾配の計算は補足資料にあります）。
#
# ### 演習 3：<!-- exercise ZeroConv -->


# %%
@exercise("ZeroConv")
class ZeroConv(nn.Module):
    """A 1x1 convolution with everything in it zero at first (Zhang et al. 2023, section 3.1).

    x: (B, channels, H, W) gives the same shape: zeros, until it has learnt something.
    """

    def __init__(self, channels):
        super().__init__()
        raise NotImplementedError

    def forward(self, x):
        raise NotImplementedError


# %%
check(ZeroConv)

# %% [markdown]
# What the copy says has to reach the other network. Its skips come in a list, in the order of the way down.
#
# ### Exercise 4: <!-- exercise inject -->

# %% [markdown] tags=["ja"]
# コピーの言うことを、もうひとつのネットワークに届けましょう。スキップは、下りの順に並んだリストで渡されます。
#
# ### 演習 4：<!-- exercise inject -->


# %%
@exercise("inject")
def inject(skips, mid, control_skips, control_mid, scale):
    """The maps of a U-Net with what a ControlNet has to say about each (Zhang et al. 2023, figure 3).

    skips: a list of the U-Net's maps on its way down, each (B, C, H, W); mid: its middle; control_skips
    and control_mid: the ControlNet's, in the same order and of the same shapes; scale: how loud it is, 0
    for silent. Returns (skips, mid), both new; the lists and tensors that came in stay as they are.
    """
    raise NotImplementedError


# %%
check(inject)

# %% [markdown]
# Now the whole. The frozen model is the zoo's `shapes`, which draws 64x64 pictures in latents of 8x8. The copy's drawing
# has 64x64 pixels, so a few convolutions bring it to 8x8 first (`ConditionEmbedding`; its last one begins at zero too).
# Copy, embedding and U-Net are the course's classes; the `ZeroConv`s and what they are for are **yours**:

# %% [markdown] tags=["ja"]
# では、全体を組み立てましょう。凍結するのは zoo の `shapes` です。64x64 の画像を、8x8 の潜在変数の中で描きます。コピーが見る図は 64x64 画素なので、まずいくつかの畳み込み層で 8x8 にします（`ConditionEmbedding`。その最後の層も 0 で始まります）。コピーと埋め込みと U-Net はコースのクラス、`ZeroConv` とその使い方は**あなたのもの**です。

# %%
base = TextToImage.from_pretrained("shapes")
unet = base.unet.requires_grad_(False)
base.text_encoder.requires_grad_(False)


class Control(nn.Module):
    """A copy of a U-Net's way down: looks at a drawing, and speaks through layers that begin silent."""

    def __init__(self, unet, channels, widths=(8, 16, 32, 48)):
        super().__init__()
        self.copy = UNetEncoder(unet.config)
        own = self.copy.state_dict().keys()
        self.copy.load_state_dict({name: w for name, w in unet.state_dict().items() if name in own})
        self.look = ConditionEmbedding(channels, widths, unet.config.block_out_channels[0])
        self.speak = nn.ModuleList(ZeroConv(width) for width in unet.skip_widths)
        self.speak_mid = ZeroConv(unet.config.block_out_channels[-1])

    def forward(self, x, t, context, drawing):
        temb = self.copy.tell(x, t, context)
        x = self.copy.conv_in(x) + self.look(drawing)  # (B, C, 8, 8)
        mid, skips = self.copy.descend(x, temb, context)
        return [zero(skip) for zero, skip in zip(self.speak, skips, strict=True)], self.speak_mid(mid)


def controlled(control, x, t, context, drawing, scale=1.0):
    """The frozen U-Net's guess, with what the copy has to say about its feature maps."""
    temb = unet.tell(x, t, context)  # time and words, for every block
    mid, skips = unet.descend(unet.conv_in(x), temb, context)  # the way down, and the middle
    skips, mid = inject(skips, mid, *control(x, t, context, drawing), scale)
    return unet.ascend(mid, skips, temb, context)  # the way up


# %% [markdown]
# # 4. A map of what is where
#
# **What does the copy look at?** A **semantic map**: for each pixel, the class of what it shows. A class is a name, and
# its number means nothing: class 4 is not twice class 2. So each class gets a channel of its own, 1 where it is and 0
# elsewhere.
#
# ### Exercise 5: <!-- exercise one_hot_map -->

# %% [markdown] tags=["ja"]
# # 4. どこに何があるかのマップ
#
# **コピーには、何を見せるのでしょうか。** **意味マップ**（semantic map）です。画素ごとに、そこに見えるもののクラスが書いてあります。クラスは名前なので、番号の大きさに意味はありません。クラス 4 はクラス 2 の 2 倍ではないのです。そこで、クラスごとにチャンネルをひとつ用意し、そのクラスのところを 1、ほかを 0 にします。
#
# ### 演習 5：<!-- exercise one_hot_map -->


# %%
@exercise("one_hot_map")
def one_hot_map(semantic_map, classes):
    """One channel for each class, 1 where it is and 0 elsewhere.

    semantic_map: int64 (B, H, W), the number of the class at each pixel, 0 to classes - 1; classes: one
    int. Returns float32 (B, classes, H, W).
    """
    raise NotImplementedError


# %%
check(one_hot_map)

# %%
from dataclasses import replace

from t2ilab.data.captions import describe
from t2ilab.data.maps import CLASSES, colored, semantic_map
from t2ilab.data.world import World

NAMES = [*PLAIN, *SHAPES]  # two backgrounds and eight shapes: the classes of this world
number = torch.zeros(len(CLASSES), dtype=torch.int64)
for i, name in enumerate(NAMES):
    number[CLASSES.index(name)] = i


def lesson(world, index, count):
    """Pictures, their maps (B, 64, 64), and captions that say neither where a shape is nor how large."""
    batch = world.drawings(index, count, device)
    maps = number.to(device)[semantic_map(batch["drawing"], batch["scene"])]
    said = [replace(scene, place=None, size=None) for scene in batch["scene"]]
    chance = random.Random(index)
    return batch["drawing"].image, maps, [describe(scene, "en", chance) for scene in said], said


pictures, maps, told, _ = lesson(World(size=64, seed=4), 0, 4)
for caption in told:
    print(caption)


def in_colours(maps):
    """Maps (B, H, W) as pictures (B, 3, H, W), each class in a colour of its own."""
    return colored(torch.tensor([CLASSES.index(name) for name in NAMES])[maps.cpu()]).to(maps.device)


plots.images(
    torch.cat([pictures, in_colours(maps)]),
    "Four pictures and their semantic maps. The captions say what there is; only the map says where.",
    columns=4,
)
plots.images(
    in_colours(torch.arange(len(NAMES))[:, None, None].expand(-1, 8, 8)),
    "The colour of each class in these maps.",
    titles=NAMES,
    columns=len(NAMES),
    inches=0.7,
)
say("As the copy sees them: {shape}.", shape=tuple(one_hot_map(maps, len(NAMES)).shape))

# %% [markdown]
# Before anything is learnt, both networks together must guess what the one guesses alone:

# %% [markdown] tags=["ja"]
# 学習の前には、2 つのネットワークを合わせても、予測はひとつのときと同じはずです。

# %%
machine.seed(9)
control = machine.place(Control(unet, len(NAMES)))
x = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0)).to(device)
t, context, drawing = (
    torch.full((4,), 500, device=device),
    base.encode(told),
    one_hot_map(maps, len(NAMES)),
)
with torch.no_grad():
    one, both = unet(x, t, context), controlled(control, x, t, context, drawing)
say("The guesses differ by at most {d:.1e}.", d=(one - both).abs().max().item())
for name, part in {tr("the frozen U-Net"): unet, tr("the copy and its layers"): control}.items():
    say("{name:24} {count:>9,} weights", name=name, count=sum(p.numel() for p in part.parameters()))

# %% [markdown]
# **Train it.** The loss is the base's own, the error of the velocity with Lab 08's weights; only the copy and its layers learn.
# Three captions in ten are left empty: so the copy learns to see *what* is asked for, not only where, and meets a map
# without words, as guidance will show it at every step (the paper empties half, section 3.3).

# %% [markdown] tags=["ja"]
# **学習させましょう。** 損失は、もとのモデルと同じ、Lab 08 の重みを付けた速度の誤差です。学習するのは、コピーとその層だけです。キャプションの 10 分の 3 は空にします。こうするとコピーは、どこに描くかだけでなく、何を描くかもマップから読むようになります。ガイダンスが毎回見せる、言葉のないマップにも慣れます（論文では半分を空にします。3.3 節）。

# %% tags=["nbval-ignore-output"]
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.pipelines.editing import to_latents
from t2ilab.training.ema import Average
from t2ilab.training.muon import Muon

# On a slow machine lower this one; section 5 takes as long again.
TRAINING_STEPS = budget(lesson=500, ci=6)
BATCH = budget(lesson=32, ci=8)
world = World(size=64, seed=3)
weights = (5 / (base.schedule.snr + 1)).clamp(max=1).to(device)  # as in Lab 08


def learn(guess, optimizer, step):
    """The step-th step of training; guess(x_t, t, context, drawing) is to be the velocity."""
    chance = torch.Generator().manual_seed(step)
    pictures, maps, told, _ = lesson(world, step, BATCH)
    told = [
        "" if e else c
        for e, c in zip((torch.rand(BATCH, generator=chance) < 0.3).tolist(), told, strict=True)
    ]
    with torch.no_grad():
        x0, context = to_latents(base, pictures), base.encode(told)  # (B, 4, 8, 8), (B, L, 64)
    t = (1000 * (torch.arange(BATCH) + torch.rand(BATCH, generator=chance)) / BATCH).long().to(device)
    noise = torch.randn(x0.shape, generator=chance).to(device)
    drawing = one_hot_map(maps, len(NAMES))

    def net(x_t, t):
        return guess(x_t, t, context, drawing)

    loss = diffusion_loss(net, x0, t, noise, base.schedule, base.prediction_type, weights[t])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def train(model, guess, rate=4e-3):
    """The whole training; returns the running average of the model and the losses."""
    optimizer, average, losses = Muon(model), Average(model, decay=0.99), []
    for step in tqdm(range(TRAINING_STEPS)):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 30) * (1 - step / TRAINING_STEPS)
        losses.append(learn(guess, optimizer, step))
        average.update(step + 1)
    return average.model, losses


def whisper(control, scale=1.0):
    """A copy's guess together with the frozen U-Net's."""
    return lambda x, t, context, drawing: controlled(control, x, t, context, drawing, scale)


trial = machine.place(Control(unet, len(NAMES)))
trial_optimizer = Muon(trial)
pace(lambda step: learn(whisper(trial), trial_optimizer, step), TRAINING_STEPS)
machine.seed(9)
control = machine.place(Control(unet, len(NAMES)))  # a new one each time that this cell is run
control, losses = train(control, whisper(control))
plots.loss_curve(losses)

# %% [markdown]
# **Does it draw where it is told?** The overlap of two areas is what they share over what they cover together, the
# *intersection over union*: 1 where they are the same. The drawn area is where a pixel is more like the shape than like
# the background in the corner. The same captions and the same noise, for the base alone and with the copy; then with every map
# moved by seven pixels up and to the right, to places that no word of this world names and no picture of the training had:

# %% [markdown] tags=["ja"]
# **言われたところに描いているでしょうか。** 2 つの領域の重なりは、共通部分の面積を、合わせた面積で割ったもの（intersection over union）で測ります。同じ領域なら 1 です。描かれた領域は、画素が、隅の背景よりも図形のほうに似ているところとします。同じキャプションと同じノイズで、もとのモデルだけの場合と、コピーを付けた場合を比べましょう。さらに、どのマップも右上に 7 画素ずつ動かしてみます。この世界の言葉では言い表せず、学習した画像にもなかった場所です。


# %% tags=["nbval-ignore-output"]
@torch.inference_mode()
def draw_to(guess, maps, told, seed=1):
    """Pictures (B, 3, 64, 64) of what is told, drawn to maps (B, 64, 64)."""
    tokens = torch.cat([base.encode([""] * len(told)), base.encode(told)])
    drawing = one_hot_map(maps, len(NAMES)).repeat(2, 1, 1, 1)

    def guided(x, t):
        uncond, cond = guess(torch.cat([x, x]), torch.cat([t, t]), tokens, drawing).chunk(2)
        return uncond + base.guidance_scale * (cond - uncond)

    denoise = NetworkDenoiser(guided, base.schedule, base.prediction_type)
    x = torch.randn(len(told), 4, 8, 8, generator=torch.Generator().manual_seed(seed)).to(device)
    latents = sample_ddim(denoise, x, base.schedule, base.schedule.timesteps(STEPS, spacing="trailing"))
    return base.decode(latents).clamp(-1, 1)


def overlap(pictures, maps):
    """The intersection over union (B,) of where a shape is asked for and where one is drawn."""
    ground = pictures[:, :, :2, :2].mean((2, 3), keepdim=True)
    away = (pictures - ground).norm(dim=1)  # (B, 64, 64)
    seen, asked = away > away.amax((1, 2), keepdim=True) / 2, maps >= len(PLAIN)
    return (seen & asked).sum((1, 2)) / (seen | asked).sum((1, 2)).clamp(min=1)


def alone(x, t, context, drawing):
    """The frozen U-Net's guess, which sees no drawing."""
    return unet(x, t, context)


TESTED = budget(lesson=64, ci=12)
truth, maps, told, said = lesson(World(size=64, seed=4), 1, TESTED)
# Of these, the pictures that leave their shape room to move, seven pixels up and seven to the right.
room = [i for i, m in enumerate(maps) if (m[7:, :-7] >= len(PLAIN)).sum() == (m >= len(PLAIN)).sum()]
truth, maps, told, said = truth[room], maps[room], [told[i] for i in room], [said[i] for i in room]
moved = maps.roll((-7, 7), (1, 2))


def measure(name, guess, maps=maps):
    """Draws, and says how well the pictures keep to the maps and to the words."""
    pictures = draw_to(guess, maps, told)
    iou, right = overlap(pictures, maps).mean().item(), faithfulness(pictures, said).all
    say("{name:34} overlap {iou:.2f}, as told {right:4.0%}", name=name, iou=iou, right=right)
    return pictures


back = base.decode(to_latents(base, truth)).clamp(-1, 1)
for name, pictures, asked in (
    (tr("the pictures that the maps are of"), truth, maps),
    (tr("these through the autoencoder"), back, maps),
    (tr("had nobody heeded the move"), truth, moved),
):
    say("{name:34} overlap {iou:.2f}", name=name, iou=overlap(pictures, asked).mean().item())
drawn_alone = measure(tr("the base alone"), alone)
drawn_to_map = measure(tr("with your ControlNet"), whisper(control))
drawn_moved = measure(tr("the maps moved"), whisper(control), moved)
_ = measure(tr("at scale 0"), whisper(control, 0.0))

# %%
plots.images(
    torch.cat([in_colours(maps[:8]), drawn_alone[:8], drawn_to_map[:8], drawn_moved[:8]]),
    "Eight maps; drawn by the base alone, which does not see them; with your ControlNet; "
    "the same with each map moved up and to the right.",
    columns=8,
    inches=1,
)

# %% [markdown]
# A caption without a place leaves it to chance, so the base alone meets the map only by accident. And the copy was taught
# nothing but nine places and two sizes. **Did it learn places, or nine of them?** Look at *where* the moved shapes are,
# and then at what has become of their outlines and colours, and at the share that is still as told. (The map shows shape
# and background as well: which of "as told" is left to the words? And with some 45 pictures, a share is uncertain by up
# to 15 points.)
#
# **Change one thing:** move the maps by eight pixels in place of seven, which is one place of the latents, and measure
# again; draw at scale 0.5 and 1.5; tell nothing, `[""] * len(maps)`; or make a map of your own out of the numbers of `NAMES` (two stars? a heart on its side? a
# circle that the caption calls a star?). Which of the two does the picture believe where map and words disagree? To begin
# with, two shapes, which no picture of this world has:

# %% [markdown] tags=["ja"]
# キャプションが場所を言わなければ、場所は偶然に決まります。もとのモデルだけがマップと合うのは、たまたまです。一方、コピーが学んだのは、9 つの場所と 2 つの大きさだけでした。**場所というものを学んだのでしょうか、それとも 9 つの場所を覚えただけでしょうか。** 動かした図形が*どこに*あるかを見て、それから輪郭と色がどうなったか、言葉どおりの割合がどう変わったかを見てください。（マップには形と背景も描いてあります。言葉だけが伝えているのは、どれでしょうか。また、約 45 枚では、割合に最大 15 ポイントほどの誤差があります。）
#
# **ひとつ変えてみましょう**：マップを 7 画素ではなく、潜在変数の場所ひとつ分の 8 画素動かして、もう一度測ってみてください。scale を 0.5 や 1.5 にして描いてみてください。`[""] * len(maps)` として、何も言わずに描いてみてください。あるいは、`NAMES` の番号を並べて、自分のマップを作ってみてください（星を 2 つ？ 横向きのハート？ キャプションでは星と言い、マップには円を描く？）。マップと言葉が食い違うとき、画像はどちらを信じるでしょうか。手始めに、この世界のどの画像にもない、2 つの図形を描いてみます。

# %% tags=["nbval-ignore-output"]
own = torch.full((1, 64, 64), NAMES.index("dark"), device=device)
own[:, 36:54, 8:26] = NAMES.index("square")
own[:, 10:28, 36:54] = NAMES.index("square")
plots.images(
    torch.cat(
        [in_colours(own), draw_to(whisper(control), own, ["a yellow square on a dark background"])]
    ),
    "A map with two squares, and what your ControlNet makes of it.",
    columns=2,
)

# %% [markdown]
# Nor need it be numbers. **Draw an outline** with the mouse, closed all around, and name the shape and its background in
# the line: what lies within the outline becomes that class of the map, the rest the other. How crooked may a star be? And
# what is drawn where you draw a heart and say "circle"?

# %% [markdown] tags=["ja"]
# 番号を並べる必要もありません。マウスで**輪郭を描いて**ください。ぐるりと閉じた線にします。そして、図形の名前と背景を言葉で書きましょう。輪郭の中がマップのその図形のクラスに、外が背景のクラスになります。星はどこまでゆがんでいてもよいでしょうか。ハートの形を描いて「円」と言うと、何が描かれるでしょうか。

# %% tags=["nbval-ignore-output"]
from t2ilab import metrics

sketch = Scribble(64)
sketch.stroke([(30, 14), (50, 50), (12, 44), (30, 14)])  # a crooked triangle


def map_of(prompt, lines):
    """A map (1, 64, 64) of what a prompt names, in the outline that lines (64, 64) are."""
    asked = understand(prompt, "shapes")[0]
    shape, ground = NAMES.index(asked.thing or "circle"), NAMES.index(asked.background or "dark")
    within = metrics.filled(torch.from_numpy(lines)[None] > 0.5)
    return torch.where(within, shape, ground).to(device)


def draw_outlined(prompt, lines, seed):
    """What your ControlNet makes of an outline (64, 64)."""
    return draw_to(whisper(control), map_of(prompt, lines), [prompt], seed)


drawing_box(sketch, draw_outlined, "a yellow triangle on a dark background", seed=1, world="shapes")

# %% [markdown]
# And the same as a figure, with what is on the canvas now (`sketch.value`, 1 on a line and 0 elsewhere):

# %% [markdown] tags=["ja"]
# 同じものを、いまキャンバスにあるもの（`sketch.value`。線の上が 1、ほかは 0 です）を使って、図でも示します。

# %% tags=["nbval-ignore-output"]
prompt = "a yellow triangle on a dark background"
outlined = map_of(prompt, sketch.value)
pictures = draw_outlined(prompt, sketch.value, 1)
plots.images(
    torch.cat([sketch.picture.to(device) * 2 - 1, in_colours(outlined), pictures]),
    "An outline, the map that it becomes, and what your ControlNet draws there.",
    columns=3,
)
iou = overlap(pictures, outlined).item()
say("{name:34} overlap {iou:.2f}", name=tr("your own drawing"), iou=iou)


# %% [markdown]
# # 5. The other way: put the map into the input
#
# **Why not simply show the map to the U-Net itself?** Latent diffusion did, from the start of its training
# ([Rombach et al. 2022](https://arxiv.org/abs/2112.10752), section 4.3.2): the map, brought to the size of the latents, is *concatenated* to them as
# further channels. A finished U-Net can learn it too, as Stable Diffusion's inpainting did: its first convolution gets
# weights for the new channels, zero at first (why?), and the whole U-Net is trained on. The same number of steps, the same
# batches, the same rate; but not all else is the same: of the map, only the share of each class in each of the 8x8 places
# comes in. So do not take the two overlaps for a verdict.

# %% [markdown] tags=["ja"]
# # 5. もうひとつの方法：マップを入力に加える
#
# **U-Net 自身にマップを見せるだけでは、いけないのでしょうか。** 潜在拡散（latent diffusion）は、はじめからそうして学習しました（[Rombach et al. 2022](https://arxiv.org/abs/2112.10752)、4.3.2 節）。マップを潜在変数の大きさにして、チャンネルとして*連結*（concatenate）するのです。できあがった U-Net に、あとから学ばせることもできます。Stable Diffusion のインペインティングがそうです。最初の畳み込みに新しいチャンネルの重みを 0 で加え（なぜ 0 でしょう？）、U-Net 全体の学習を続けます。ステップ数もバッチも学習率も同じです。ただし、ほかの条件は同じではありません。マップは、8x8 の場所ごとの、各クラスの割合だけになります。ですから、2 つの重なりだけで優劣は決まりません。


# %% tags=["nbval-ignore-output"]
class Concatenated(nn.Module):
    """A U-Net of its own that sees the map beside the latents."""

    def __init__(self, unet, channels):
        super().__init__()
        wide = replace(unet.config, in_channels=unet.config.in_channels + channels)
        self.unet = UNet(wide)
        state = unet.state_dict()
        new = torch.zeros_like(state["conv_in.weight"][:, :1]).repeat(1, channels, 1, 1)
        state["conv_in.weight"] = torch.cat([state["conv_in.weight"], new], dim=1)
        self.unet.load_state_dict(state)

    def forward(self, x, t, context, drawing):
        small = F.adaptive_avg_pool2d(
            drawing, x.shape[-2:]
        )  # the share of each class in each place of the latents
        return self.unet(torch.cat([x, small], dim=1), t, context)


machine.seed(9)
concatenated = machine.place(Concatenated(unet, len(NAMES)))
concatenated, losses = train(concatenated, concatenated)
plots.loss_curve(losses)

# %% tags=["nbval-ignore-output"]
measure(tr("the map in the input"), concatenated)
concatenated_moved = measure(tr("the maps moved"), concatenated, moved)
plots.images(
    torch.cat([in_colours(moved[:8]), drawn_moved[:8], concatenated_moved[:8]]),
    "Eight moved maps; drawn with your ControlNet; drawn with the map in the input.",
    columns=8,
    inches=1,
)
say(
    "Weights trained: {control:,} beside a frozen U-Net, and {concatenated:,}, a whole new U-Net.",
    control=sum(p.numel() for p in control.parameters()),
    concatenated=sum(p.numel() for p in concatenated.parameters()),
)

# %% [markdown]
# Both loss curves stand still at first and then fall. Is it the layers of zeros? And the moved maps: which model, if any,
# follows the map to the new place, which keeps to shape and words, and what would you train on to have both?
#
# Then what else the two ways differ in. The concatenated U-Net is another model, and has never been without a map since its
# training began. The next kind of drawing takes a training in either way: there a whole U-Net, here one more copy beside
# the same base, and several can whisper at once. At scale 0 the base draws exactly what it always drew. The price: at every step two networks
# run.
#
# **Change one thing:** give the second way the whole map, `F.pixel_unshuffle(drawing, 8)`, 64 channels for each class:
# `Concatenated(unet, 64 * len(NAMES))`.

# %% [markdown] tags=["ja"]
# どちらの損失の曲線も、しばらく動かず、それから下がります。0 の層のせいでしょうか。また、動かしたマップで、新しい場所まで付いていくのはどちらのモデルで、形と言葉を守るのはどちらでしょうか。両方かなえるには、何を使って学習させればよいでしょうか。
#
# 2 つの方法には、ほかにも違いがあります。マップをつなげた U-Net は別のモデルで、その学習が始まってからは、マップなしで描いたことがありません。別の種類の図には、どちらの方法でも学習が必要です。つなげる方法では U-Net がまるごともうひとつ、こちらでは同じモデルの横にコピーがもうひとつで、いくつでも同時にささやけます。scale が 0 なら、もとのモデルとまったく同じ画像になります。その代わり、1 歩ごとに 2 つのネットワークを動かします。
#
# **ひとつ変えてみましょう**：`F.pixel_unshuffle(drawing, 8)` で、2 つめの方法にマップをそのまま渡してみてください（クラスごとに 64 チャンネル、`Concatenated(unet, 64 * len(NAMES))`）。

# %% [markdown]
# # 6. Other ears
#
# **What else can be shown?** Whatever can be drawn beside a picture: its edges, a scribble, the pose of somebody in it. Each is
# one more copy, trained as yours was. Four of them are in the zoo, beside `storybook`, the model of Lab 08; each was
# trained on 8,000 scenes, with half of the captions left empty. (To fit beside the others there, they learnt with the
# convolutions of the way down alone: what has to do with time and words, and the middle, is still the base's.) A scene
# that training never showed, and what each ear hears of it:

# %% [markdown] tags=["ja"]
# # 6. ほかの耳
#
# **ほかには、何を見せられるでしょうか。** 画像の横に描けるものなら、何でも見せられます。輪郭でも、落書きでも、人のポーズ（pose）でもかまいません。どれも、あなたのものと同じように学習した、もうひとつのコピーです。zoo には 4 つあり、Lab 08 の `storybook` の横でささやきます。どれも 8,000 のシーン（scene）で学習し、キャプションの半分は空でした。（zoo に収まるように、学習したのは下りの畳み込みだけです。時刻や言葉を扱う部分と中央は、もとのモデルのままです。）学習に出てこなかったシーンと、それぞれの耳に聞こえるものを見てみましょう。

# %% tags=["nbval-ignore-output"]
from t2ilab.data.edges import canny
from t2ilab.data.maps import JOINTS, MAPS, poses
from t2ilab.metrics.joints import joints, joints_met
from t2ilab.pipelines.control import control_to_image, open_controlnet

story = TextToImage.from_pretrained("storybook")
ears = {
    name: open_controlnet(f"control-{name}", str(device))
    for name in ("semantic", "scribble", "edges", "pose")
}
SHOWN = budget(lesson=16, ci=4)
people = World(size=64, seed=5, level="storybook", people=True, partial=0.0, japanese=0.0)
batch = people.drawings(0, SHOWN, device)
seen, whole = batch["drawing"], batch["scene"]
unplaced = [
    replace(s, place=None, size=None, other=s.other and replace(s.other, place=None, size=None))
    for s in scenes(batch["caption"])
]
words = [describe(scene) for scene in unplaced]  # neither where things are nor how large
shown = {
    "semantic": MAPS["semantic"](seen, whole),
    "scribble": MAPS["scribble"](seen, whole),
    "edges": (canny(seen.image)[:, None].float() * 2 - 1).expand(-1, 3, -1, -1),
    "pose": MAPS["pose"](seen, whole),
}  # (B, 3, 64, 64) in [-1, 1] each


def listen(names, scale=1.0, seed=1, **how):
    """Pictures (B, 3, 64, 64) of the words, by storybook and the ears of these names."""
    nets, looks = [ears[name] for name in names], [shown[name] / 2 + 0.5 for name in names]
    options = {"controlnet_conditioning_scale": scale, "seed": seed, "num_inference_steps": STEPS} | how
    return control_to_image(story, nets, words, looks, output_type="pt", **options) * 2 - 1


heard = {name: listen([name]) for name in ears} | {"": listen(["pose"], scale=0.0)}
pairs = [pictures[name][:6] for name in ears for pictures in (shown, heard)]
plots.images(
    torch.cat([seen.image[:6], *pairs, heard[""][:6]]),
    "Six scenes, then in pairs what an ear is shown and what is drawn with it: a semantic map, "
    "a scribble, edges, poses. Last row: nobody listens.",
    columns=6,
    inches=1,
)

# %% [markdown]
# The captions name no place and no size. But who stands beside whom says much about places, and the last row shows how
# much: that is what the words alone make of the same noise. What is nearer to the scenes above it came through an ear. (Look at the
# sixth, of which the words know least.) In numbers, each ear by what it was told: how far silhouettes overlap; how many of the lines, and of the edges, are met by an edge within 2
# pixels; how many joints of the figures are within 3 pixels of where they were asked for, as a program finds them that
# fits figures to pictures (below, too, how many of those in the scenes above it finds, and in these scenes when they come back from the
# autoencoder: more cannot be had). Each figure has a unit of its own: compare it with its "without it", not with its neighbours. These are few pictures; the cards have the
# same of 256 (`t2ilab zoo control-pose`).

# %% [markdown] tags=["ja"]
# キャプションは場所も大きさも言っていません。でも、何の隣に何があるかを聞けば、場所はかなり決まります。どれくらい決まるかは、いちばん下の行でわかります。同じノイズから、言葉だけで描いたものです。それより上のシーンに近いところが、耳から入ったものです。（6 番目を見てください。言葉がいちばん少ないシーンです。）それぞれの耳を、聞いたことで測りましょう。シルエットの重なり。線や輪郭のうち、2 画素以内に輪郭が描かれた割合。人物の関節（joint）のうち、頼んだ場所から 3 画素以内にある割合です。関節は、人物の形を画像に当てはめるプログラムが探します（上のシーンそのものと、オートエンコーダを通したシーンで、いくつ見つかるかも、下に出力します。それより多くは望めません）。どの数にもそれぞれの単位があるので、隣とではなく、「なし」のときと比べてください。ここでは枚数が少ないので、256 枚で測った値は、カードを見てください（`t2ilab zoo control-pose`）。

# %% tags=["nbval-ignore-output"]
lines = {
    "scribble": seen.edges > 0.5,
    "edges": canny(seen.image),
}
area = metrics.filled(seen.masks.sum(1) > 0.5)


def follow(name, pictures):
    """How much of what the ear was shown is in the pictures, from 0 to 1."""
    if name == "semantic":
        return metrics.overlap(area, metrics.silhouettes(pictures, whole)).mean().item()
    if name == "pose":
        return joints_met(poses(seen, whole), joints(pictures, whole))
    return metrics.edges_met(lines[name], canny(pictures)).mean().item()


returned = story.decode(to_latents(story, seen.image)).clamp(-1, 1)
say(
    "Joints met by the scenes themselves: {own:.0%}; by the scenes through the autoencoder: {back:.0%}.",
    own=follow("pose", seen.image),
    back=follow("pose", returned),
)
for name in ears:
    say(
        "{name:10} met {heard:4.0%}, without it {alone:4.0%}; "
        "as told {told:4.0%}, without it {free:4.0%}",
        name=name,
        heard=follow(name, heard[name]),
        alone=follow(name, heard[""]),
        told=faithfulness(heard[name], unplaced).all,
        free=faithfulness(heard[""], unplaced).all,
    )

# %% [markdown]
# **Which ear hears most, and which leaves most open?** A map knows every class, edges every detail; a pose only where nine
# joints are. So a prompt may say that a snowman stands where an astronaut's pose was drawn. Move the joints with the
# mouse (or by the sliders), and ask for somebody:

# %% [markdown] tags=["ja"]
# **どの耳がいちばん多くを聞き、どの耳がいちばん多くを任せているでしょうか。** マップはすべてのクラスを、輪郭はあらゆる細部を知っています。ポーズが知っているのは、9 つの関節の場所だけです。ですから、宇宙飛行士のポーズの場所に、雪だるまを頼むこともできます。関節をマウスで（またはスライダーで）動かして、だれかを描かせてみましょう。

# %% tags=["nbval-ignore-output"]
from t2ilab.lab.canvas import Pose
from t2ilab.lab.drawing import control_box

doll = Pose(torch.tensor(JOINTS["astronaut"]) * 0.5 + torch.tensor([0.3, 0.1]))
control_box(story, ears["pose"], doll, "an astronaut at night", num_inference_steps=STEPS)

# %% [markdown]
# The same pose as a figure (`doll.value` holds the joints, `doll.picture` what the ear is shown), for five who can take one:

# %% [markdown] tags=["ja"]
# 同じポーズ（`doll.value` が関節、`doll.picture` が耳に見せる図です）を、ポーズの取れる 5 人に頼んで、図で示します。

# %% tags=["nbval-ignore-output"]
PEOPLE = ("an astronaut", "a robot", "a chef", "a Jizo statue", "a snowman")
somebody = [f"{one} at night" for one in PEOPLE]
posed = control_to_image(
    story, ears["pose"], somebody, doll.picture, num_inference_steps=STEPS, seed=1, output_type="pt"
)
plots.images(
    torch.cat([doll.picture.to(device), posed.to(device)]) * 2 - 1,
    "A pose; an astronaut, a robot, a chef, a Jizo statue and a snowman who were asked to take it.",
    columns=6,
    inches=1,
)

# %% [markdown]
# **And two at once?** What they whisper is summed: `inject` twice. Below, the pose says where somebody is, the edges all the
# rest; then the edges at half their loudness, and heard in the first third of the walk alone (`control_guidance_end`).
# Lab 05 and the first section of this one say what is decided there. The figures below hardly tell the three apart. Do your eyes? What did the model make of the freedom it got?

# %% [markdown] tags=["ja"]
# **2 つ同時に聞くと、どうなるでしょうか。** ささやきは足し合わされます。`inject` を 2 回することと同じです。次の図では、人がどこにいるかをポーズが、残りのすべてを輪郭が伝えます。それから、輪郭の声を半分にした場合と、道の最初の 3 分の 1 だけ聞いた場合（`control_guidance_end`）です。そこで何が決まるのかは、Lab 05 と、このラボの最初の節で見ました。下の数では、3 つの違いはほとんどわかりません。目で見ると、どうでしょうか。モデルは、もらった自由をどう使ったでしょうか。

# %% tags=["nbval-ignore-output"]
ways = {
    tr("pose and edges"): listen(["pose", "edges"]),
    tr("edges at half"): listen(["edges"], scale=0.5),
    tr("edges for a third"): listen(["edges"], control_guidance_end=1 / 3),
}
plots.images(
    torch.cat([seen.image[:6], *(pictures[:6] for pictures in ways.values())]),
    "The scenes; drawn by pose and edges together; by edges at half their loudness; by edges that are "
    "heard in the first third of the steps.",
    columns=6,
    inches=1,
)
for name, pictures in ways.items():
    say(
        "{name:20} edges met {edges:4.0%}; as told {told:4.0%}",
        name=name,
        edges=follow("edges", pictures),
        told=faithfulness(pictures, unplaced).all,
    )

# %% [markdown]
# **Change one thing:** give the doll a hand above its head, which nobody in this world ever raises: is the arm drawn? Let two ears
# contradict each other, the pose of one scene and the scribble of another (`shown["pose"].roll(1, 0)`). Or say nothing at
# all, `words = [""] * SHOWN`: which ear still knows what is to be drawn?
#
# Each of the four is a ControlNet as diffusers has them: `write_controlnet` of `t2ilab.interop.stable_diffusion` writes one as a
# folder that its `ControlNetModel` opens, and `open_controlnet` opens the published ones.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：人形の手を頭の上に上げてみてください。この世界では、だれも手を上げません。腕は描かれますか。2 つの耳に食い違うことを聞かせてみましょう。あるシーンのポーズと、別のシーンの落書きです（`shown["pose"].roll(1, 0)`）。あるいは、`words = [""] * SHOWN` として何も言わないでおくと、それでも何を描くかわかるのは、どの耳でしょうか。
#
# 4 つとも、diffusers の ControlNet と同じものです。`t2ilab.interop.stable_diffusion` の `write_controlnet` で、`ControlNetModel` が開けるフォルダになります。公開されている ControlNet は `open_controlnet` で開けます。

# %% [markdown]
# # Break it
#
# "A layer of zeros is a waste of time," somebody says, and lets the layers of a new ControlNet begin with random numbers.
# Below, three new ControlNets meet the frozen model: with zeros, with random numbers about as large as torch makes them,
# and with numbers four times as large. **Before you run the cell**, write down what you expect each to draw before any training. Then
# explain the table of their first three steps of training. What does a random network gain in the first step, and what
# has it cost? In which step does each part of the silent one get its first gradient? Between the map and the U-Net there
# are *two* layers of zeros, the last of `look` and yours: why does this network learn all the same, and how would they
# have to stand for it never to learn anything *of the map*? (Whether the random one recovers takes a whole training: section
# 4.2 of the paper.)

# %% [markdown] tags=["ja"]
# # 壊してみる
#
# 「0 の層なんて、時間の無駄だ」とだれかが言い、新しい ControlNet の層を、乱数から始めました。次のセルでは、新しい ControlNet を 3 つ、凍結したモデルにつなぎます。0 から始まるもの、torch の初期値くらいの乱数から始まるもの、その 4 倍の乱数から始まるものです。**セルを実行する前に**、学習前のそれぞれが何を描くか、予想を書いてください。それから、学習の最初の 3 ステップの表を説明してください。乱数のネットワークは、最初のステップで何を得て、何を失っていますか。0 から始めたほうでは、それぞれの部分に、何ステップ目ではじめて勾配が届きますか。マップと U-Net のあいだには、0 の層が*2 つ*あります。`look` の最後の層と、あなたの層です。それでも学べるのは、なぜでしょうか。どう並べると、*マップのことを*いつまでも学べなくなるでしょうか。（乱数のほうが立ち直るかどうかは、最後まで学習させないとわかりません。論文の 4.2 節です。）

# %% tags=["nbval-ignore-output"]
DEVIATIONS = (0.0, 0.08, 0.3)


def begin(deviation):
    """A new copy whose speaking layers begin with random numbers of that standard deviation."""
    machine.seed(9)
    new = machine.place(Control(unet, len(NAMES)))
    for layer in [*new.speak, new.speak_mid]:
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=deviation)
    return new


beginners = [begin(deviation) for deviation in DEVIATIONS]
plots.images(
    torch.cat([draw_to(guess, maps[:4], told[:4]) for guess in (alone, *map(whisper, beginners))]),
    "Before any training: the base alone; with layers of zeros; of random numbers; "
    "of larger random numbers.",
    columns=4,
)


def loudness(*parts):
    """The root mean square of the gradients of some layers, 0 where there is none."""
    squares = [p.grad.square().mean() for part in parts for p in part.parameters() if p.grad is not None]
    return torch.stack(squares).mean().sqrt().item() if squares else 0.0


for deviation, beginner in zip(DEVIATIONS, beginners, strict=True):
    optimizer = torch.optim.SGD(beginner.parameters(), lr=0.1)
    for step in range(3):
        loss = learn(whisper(beginner), optimizer, step)
        say(
            "from {deviation}, step {step}: loss {loss:.3f}; "
            "gradients of the speaking layers {speak:.0e}, of the copy {copy:.0e}, "
            "of the last layer that looks {last:.0e}, of those before it {look:.0e}",
            deviation=deviation,
            step=step + 1,
            loss=loss,
            speak=loudness(beginner.speak, beginner.speak_mid),
            copy=loudness(beginner.copy),
            last=loudness(beginner.look.conv_out),
            look=loudness(beginner.look.conv_in, beginner.look.blocks),
        )

# %% [markdown]
# *Your explanation:*

# %% [markdown] tags=["ja"]
# *あなたの説明：*

# %% [markdown]
# # To read
#
# - Zhang, Rao & Agrawala, [Adding Conditional Control to Text-to-Image Diffusion Models](https://arxiv.org/abs/2302.05543)
#   (2023): section 3, and figure 4: thanks to the zeros its pictures are good all through the training, and
#   at some step it suddenly heeds the map ("sudden convergence"). Their ablation (section 4.2) puts
#   random layers in place of yours.
# - Meng et al., [SDEdit](https://arxiv.org/abs/2108.01073) (2022): how noise decides what of a picture is kept.
# - Lugmayr et al., [RePaint](https://arxiv.org/abs/2201.09865) (2022): inpainting with any model.
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022),
#   section 4.3.2: conditions by concatenation.
#
# Next: Lab 10 teaches a finished model a new style, and a new word.

# %% [markdown] tags=["ja"]
# # もっと知りたい人のために
#
# - Zhang, Rao & Agrawala, [Adding Conditional Control to Text-to-Image Diffusion Models](https://arxiv.org/abs/2302.05543) (2023)：3 節と図 4（0 の層のおかげで、学習中いつでも画像がきれいで、あるステップから突然マップに従います。「突然の収束」、sudden convergence）。4.2 節では、この層を乱数から始める実験もしています。
# - Meng et al., [SDEdit](https://arxiv.org/abs/2108.01073) (2022)：画像の何が残るかを、ノイズがどう決めるか。
# - Lugmayr et al., [RePaint](https://arxiv.org/abs/2201.09865) (2022)：どのモデルでもできるインペインティング。
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022)、4.3.2 節：連結（concatenation）による条件付け。
#
# 次の Lab 10 では、できあがったモデルに、新しい画風と、新しい言葉をひとつ教えます。
