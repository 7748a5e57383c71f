# %% [markdown]
# # Lab 00: A sentence becomes a picture
#
# <!-- badges -->
#
# **You will** type a sentence, get a picture from a model that this course trained, and watch it come out of noise.
# Then you open the lid: how a picture and a sentence become numbers, and where in the course each part of the machine
# is rebuilt by your own hands.
#
# | | |
# |---|---|
# | Time | about 60 minutes, under one of which your machine computes alone |
# | You need | Python; a first look at PyTorch's tensors; to have seen a matrix |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | <!-- total -->; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs.

# %% [markdown] tags=["ja"]
# # Lab 00：ひとつの文が 1 枚の画像になる
#
# <!-- badges -->
#
# **このラボですること**：文をひとつ入力すると、このコースで学習したモデルが画像を描きます。画像がノイズの中から現れる様子も見てみましょう。そのあと、ふたを開けて中をのぞきます。画像と文はどのように数になるのでしょうか。そして、この仕組みのそれぞれの部品を、コースのどこで自分の手で作り直すのでしょうか。
#
# | | |
# |---|---|
# | 時間 | 約 60 分（そのうち、コンピュータの計算を待つのは 1 分未満） |
# | 必要なもの | Python。PyTorch のテンソル（tensor）と行列は、見たことがあれば十分です |
# | 不要なもの | GPU、ネットワーク接続、データセット |
# | 演習 | <!-- total -->。`check(...)` がその場で答え合わせをし、`hint("name")` が 3 つまでヒントを出します |
#
# 空欄のままにした演習には模範解答が入ります。ですから、ラボの続きはいつでも動きます。

# %% tags=["colab-install"]

# %%
import torch
import torch.nn.functional as F

from t2ilab import zoo
from t2ilab.data.understanding import understand
from t2ilab.data.words import DRAWN
from t2ilab.device import DeviceManager
from t2ilab.images import from_pil
from t2ilab.lab import check, exercise, hint, plots, say
from t2ilab.lab.translate import tr
from t2ilab.metrics import faithfulness, read
from t2ilab.pipelines.text_to_image import TextToImage

# %% [markdown]
# ## Where will it run?
#
# On whatever you have. The device manager looks for a GPU, takes the processor where there is none, chooses the
# precision to compute in, and says why. (In the code of the labs, `say` prints a sentence in the language of the edition, `tr`
# returns one, and `plots` draws.)

# %% [markdown] tags=["ja"]
# ## どこで計算する？
#
# 手元にあるもので計算します。デバイスマネージャは GPU を探し、なければ CPU を使います。さらに計算の精度を選び、その理由を（英語で）説明します。（ラボのコードの中では、`say` がその版の言語で文を出力し、`tr` がその文を返し、`plots` が図を描きます。）

# %% tags=["nbval-ignore-output"]
machine = DeviceManager()
print(machine.reason)

# %% [markdown]
# ## Type a prompt
#
# This model knows a storybook, of twenty-eight drawn things and eight plain shapes. They are red, orange, yellow, green, light
# blue, blue, purple, pink, grey, brown or white, or two of these at once; big or small; alone or in twos and threes, where one rides another,
# sits in it, heads towards it or is beside it; by day, at night, in the evening, by the sea, in a field, in a kitchen, on a light or
# a dark background. It was trained from nothing on a CPU, one core or two, in four runs of about six and a half hours in all, each going on
# from the last. (In Lab 05 you train one that draws the plain shapes; that takes minutes.)

# %% [markdown] tags=["ja"]
# ## プロンプトを入力する
#
# 描いてほしいものを伝える文を**プロンプト**（prompt）と呼びます。このモデルが知っているのは、ひとつの絵本の世界です。28 種類の絵と、8 種類の図形があります。色は赤、オレンジ、黄色、緑、水色、青、紫、ピンク、灰色、茶色、白で、2 色のものもあります。大きさは大小の 2 通りです。ひとつだけのこともあれば、2 つや 3 つのこともあります。そのときは、乗ったり、中に入ったり、向かったり、となりに並んだりします。背景は、昼、夜、夕方、海、野原、台所、明るい背景、暗い背景です。モデルは CPU の 1 コアか 2 コアだけを使い、ゼロから学習しました。4 回に分け、そのつど前回の続きから始めて、合わせて 6 時間半ほどです。（Lab 05 では、図形を描くモデルを自分で学習させます。こちらは数分で終わります。）

# %%
print(", ".join(DRAWN))

# %%
pipe = TextToImage.from_pretrained("storybook-pixel")
picture = pipe("an astronaut riding a horse", seed=0)[0]
picture.resize((256, 256), 0)

# %% [markdown]
# Did it draw what was asked? A second, independent network, the *reader*, looks at the picture and tells what it sees.
# It has never seen the prompt.

# %% [markdown] tags=["ja"]
# 頼んだとおりに描けたでしょうか。もうひとつの独立したネットワーク、**読み取り器**（reader）が画像を見て、何が見えるかを答えます。読み取り器はプロンプトを一度も見ていません。

# %% tags=["nbval-ignore-output"]
print(read(from_pil(picture))[0])

# %% [markdown]
# Now you. Type something, press *draw*, then pull the slider back: every picture begins as noise.

# %% [markdown] tags=["ja"]
# では、あなたの番です。何か入力して「描く」を押してください。それからスライダーを左へ戻してみましょう。どの画像もノイズから始まります。

# %% tags=["nbval-ignore-output"]
from t2ilab.lab import widgets

widgets.prompt_box(pipe, "an astronaut riding a horse")

# %% [markdown]
# No widgets here? The same as a figure. The upper row is the picture itself at six of its twenty steps, the lower row
# what the model believes, at that moment, the finished picture to be. Watch the lower row: what comes first, and what last?

# %% [markdown] tags=["ja"]
# ウィジェットが使えない環境のために、同じものを図でも示します。上の段は、20 ステップのうち 6 つの時点での画像そのものです。下の段は、その時点でモデルが予想している完成画像です。下の段に注目してください。何が先に決まり、何が最後に決まりますか。

# %%
frames = []
pipe(
    "an astronaut riding a horse",
    seed=0,
    callback=lambda step, t, x_t, x0_hat: frames.append((x_t, x0_hat)),
)
some = [0, 4, 8, 12, 16, 19]
plots.images(
    torch.cat([frames[i][0] for i in some] + [frames[i][1] for i in some]),
    "Above, a picture coming out of noise in six moments; "
    "below, the model's estimate of the finished picture: "
    "the outlines at once, the colours and the background after them.",
    titles=[tr("step {i}", i=i) for i in some],
    columns=6,
)

# %% [markdown]
# ## Sixteen at once
#
# One good picture proves little. Here are sixteen prompts that a computer made up, and the share of pictures in which
# *everything* is as asked: each thing, its colours and size, its place or what it does with the others, and the surroundings. Pure guessing would
# practically never get there.

# %% [markdown] tags=["ja"]
# ## 16 枚まとめて
#
# うまくいった画像が 1 枚あるだけでは、証拠になりません。そこで、コンピュータに 16 個のプロンプトを作らせました。*すべて*が注文どおりになった画像は、どれくらいあるでしょうか。ひとつひとつのもの、その色と大きさ、場所やほかのものとの関係、そして背景のすべてです。当てずっぽうでは、まず当たりません。

# %%
from t2ilab.data.world import World

prompts, asked = World(seed=1, level=pipe.world).prompts(16)
pictures = pipe(prompts, seed=100, output_type="pt") * 2 - 1
plots.images(pictures, "Sixteen pictures for sixteen prompts, of one to three things.", columns=8)
result = faithfulness(pictures, asked)

# %% tags=["nbval-ignore-output"]
say("All attributes right: {all:.0%} of 16.", all=result.all)
for prompt, scene, seen in zip(prompts, asked, result.reads, strict=True):
    say("{mark}  {prompt}", mark="+" if seen and all(seen.shows(scene).values()) else "-", prompt=prompt)

# %% [markdown]
# Sixteen are few. Each model of the zoo has a card that says what it scored on hundreds, and how it was made; its shares,
# for one, two and three things, are what you should expect, whatever the sixteen above say. (The command is that of the last run, which went on
# from the one before.)

# %% [markdown] tags=["ja"]
# 16 枚では足りません。学習済みモデル集（zoo）のモデルには、どれもカードが付いています。何百枚で測った成績と、どのように作られたかが書いてあります。上の 16 枚がどうであれ、期待してよいのは、ものが 1 つ、2 つ、3 つのときの次の割合です。（コマンドは最後の学習のもので、その前の学習の続きから始まっています。）

# %% tags=["nbval-ignore-output"]
card = zoo.card("storybook-pixel")
say("{parameters:,} numbers, made by: {command}", parameters=card.parameters, command=card.command)
for things in (1, 2, 3):
    say(
        "Things in the prompt: {things}. Everything right: {share:.0%} of 512 pictures.",
        things=things,
        share=card.scores[f"en {things}"],
    )

# %% [markdown]
# **Change one thing:** the prompts. `World(seed=1, level=pipe.world, held_out=True)` asks for pairs that the model was never shown: colours of
# certain things, and certain riders. The picture at the top is one of them. **No picture in its training had an astronaut on a horse.**
# Does it combine what it knows?
#
# # What is a picture?
#
# To a file, a picture is whole numbers from 0 (dark) to 255 (bright), three for each pixel. To a network it had better
# be something else: numbers around zero, about as large as the noise that it will be mixed with. The whole course uses
# the range [-1, 1].
#
# ### Exercise 1: <!-- exercise to_model_range -->
#
# Black (0) becomes -1, white (255) becomes 1, everything between lies on a straight line. Mind the type: `uint8` knows
# no fractions and no minus sign.

# %% [markdown] tags=["ja"]
# **ひとつ変えてみましょう**：プロンプトを変えます。`World(seed=1, level=pipe.world, held_out=True)` は、モデルに一度も見せていない組み合わせを注文します。あるものの特定の色や、乗るものと乗られるものの組などです。いちばん上の画像も、そのひとつです。**学習に使った画像の中に、馬に乗る宇宙飛行士は 1 枚もありませんでした。** モデルは、知っていることを組み合わせられるでしょうか。
#
# # 画像とは何か
#
# ファイルの中の画像は、0（暗い）から 255（明るい）までの整数で、1 画素（pixel）につき 3 つあります。ネットワークにとっては、別の形のほうが扱いやすくなります。0 を中心とし、あとで混ぜるノイズと同じくらいの大きさの数です。このコースでは、いつも [-1, 1] の範囲を使います。
#
# ### 演習 1：<!-- exercise to_model_range -->
#
# 黒（0）は -1 に、白（255）は 1 になり、その間は一直線に並びます。型に気をつけてください。`uint8` には小数もマイナスもありません。


# %%
@exercise("to_model_range")
def to_model_range(images_uint8):
    """Turns stored pixels into what a network sees.

    images_uint8: (B, 3, H, W), whole numbers from 0 to 255. Returns floats of the same shape in [-1, 1].
    """
    raise NotImplementedError


# %%
check(to_model_range)

# %% [markdown]
# The range matters because of the noise: mix noise of the usual strength into a picture that spans only [0, 1], and the
# contrast is halved: the signal-to-noise ratio falls to a quarter.

# %% [markdown] tags=["ja"]
# 範囲が大事なのは、ノイズを混ぜるからです。[0, 1] の範囲しか使わない画像にいつもの強さのノイズを混ぜると、コントラストは半分になり、信号対雑音比は 4 分の 1 に下がります。

# %% tags=["nbval-ignore-output"]
import numpy as np

stored = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]  # (1, 3, 32, 32) uint8
seen = to_model_range(stored)
say(
    "Stored: {low} to {high}. For the model: {a:.2f} to {b:.2f}.",
    low=int(stored.min()),
    high=int(stored.max()),
    a=seen.min().item(),
    b=seen.max().item(),
)

# %% [markdown]
# # What is a sentence?
#
# A network does not read letters either. A **tokenizer** cuts the text into pieces and gives each its number; a **text
# encoder** turns the row of numbers into a row of vectors, and it is these vectors that the painting network looks at.
# Both languages of this course go the same way.

# %% [markdown] tags=["ja"]
# # 文とは何か
#
# ネットワークは文字も読めません。**トークナイザ**（tokenizer）は、文を小さな単位に切り分けて、それぞれに番号を付けます。**テキストエンコーダ**（text encoder）は、その番号の列をベクトルの列に変えます。絵を描くネットワークが見るのは、このベクトルです。英語も日本語も、同じ道を通ります。

# %%
for prompt in ("an astronaut riding a horse", "馬に乗る宇宙飛行士", "a crimson starfish"):
    print(pipe.tokenizer.tokens(prompt), pipe.tokenizer(prompt)[0, :10].tolist())

# %% [markdown]
# The last line shows two words that the tokenizer has never met: they fall into letters and short pieces, and nothing is
# lost, but the model has no idea what they mean. `understand` says what this world makes of a text:

# %% [markdown] tags=["ja"]
# 最後の行には、トークナイザが一度も見たことのない単語が 2 つあります。そのような単語は、1 文字ずつ、または短い断片に分けられます。情報は何も失われませんが、モデルにはその意味がまったくわかりません。この世界が文をどう理解するかは、`understand` が教えてくれます。

# %%
scene, unknown = understand("a crimson starfish at the top left, on a dark background")
print(scene.asked())
print(unknown)

# %% [markdown]
# ## Alike or not?
#
# Two sentences that mean the same should have vectors that point the same way. The measure of that, all through this
# course, is the **cosine** of the angle between them: 1 for the same direction, 0 for a right angle, -1 for opposite
# directions.
#
# $$ \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} $$
#
# ### Exercise 2: <!-- exercise cosine_similarity -->
#
# All pairs at once: every row of `a` against every row of `b`.

# %% [markdown] tags=["ja"]
# ## 似ている？ 似ていない？
#
# 同じ意味の 2 つの文は、同じ向きのベクトルになってほしいものです。このコースを通して、その尺度には 2 つのベクトルのなす角の**コサイン**（cosine）を使います。同じ向きなら 1、直角なら 0、反対向きなら -1 です。
#
# $$ \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} $$
#
# ### 演習 2：<!-- exercise cosine_similarity -->
#
# すべての組を一度に計算します。`a` の各行と `b` の各行を比べます。


# %%
@exercise("cosine_similarity")
def cosine_similarity(a, b):
    """How alike two sets of vectors are in direction: 1 the same, 0 at right angles, -1 opposite.

    a: (N, D), b: (M, D), of any lengths. Returns (N, M): row i compares a[i] with every row of b.
    """
    raise NotImplementedError


# %%
check(cosine_similarity)

# %% [markdown]
# Now compare six prompts by the vector that the text encoder gives their last word. This encoder was never told which
# sentences mean the same, nor that there are two languages. It only ever learned what helps to paint.

# %% [markdown] tags=["ja"]
# では、6 つのプロンプトを、それぞれの最後の単語にテキストエンコーダが与えるベクトルで比べてみましょう。このエンコーダは、どの文とどの文が同じ意味かを教わったことがありません。言語が 2 つあることも知りません。絵を描くのに役立つことだけを学びました。

# %%
sentences = ["a red cat", "赤い猫", "a blue cat", "青い猫", "a red house", "a small boat"]
with torch.no_grad():
    tokens = pipe.encode(sentences)  # (6, 24, D)
last = torch.tensor([len(pipe.tokenizer.encode(s)) for s in sentences])
vectors = tokens[torch.arange(6), last].cpu()  # (6, D): the vector at each sentence's last word
vectors = vectors - vectors.mean(dim=0)  # what all have in common says nothing about their differences
plots.heatmap(
    cosine_similarity(vectors, vectors),
    "Cosines between the vectors of six sentences; the diagonal is 1.",
    rows=sentences,
    columns=sentences,
)

# %% [markdown]
# Look for pairs that mean the same in two languages. Are they closer to each other than to sentences that look like
# them? What does the number for "a red cat" and "a red house" tell you about what the last word's vector holds? (Below 0
# means less alike than the average here, not the opposite.) In Lab
# 01 you train two networks whose *only* task is to bring the right pairs together.
#
# # How hard should it listen?
#
# One number decides how closely the picture follows the words: `guidance_scale`. At 0 the model paints whatever it
# likes, at 1 it follows the words as it learned to, above that it exaggerates.

# %% [markdown] tags=["ja"]
# 2 つの言語で同じことを言っている組を探してください。その組は、見た目の似た文よりも互いに近いでしょうか。"a red cat" と "a red house" の値から、最後の単語のベクトルに何が入っているとわかりますか（負の値は、反対の意味ということではなく、ここでの平均より似ていないということです）。Lab 01 では、正しい組どうしを近づけることだけを目的に、2 つのネットワークを学習させます。
#
# # どれくらい言葉に従うべきか
#
# 画像がどれくらい言葉に従うかは、ひとつの数 `guidance_scale` で決まります。これは**ガイダンス**（guidance）の強さです。0 ならモデルは好きなものを描きます。1 なら学んだとおりに言葉に従い、それより大きいと言葉の影響を誇張します。

# %%
scales = [0.0, 1.0, 3.0, 8.0]
prompt = "a purple cat in a boat"
rows = [pipe([prompt] * 6, seed=7, guidance_scale=s, output_type="pt") for s in scales]
plots.images(
    torch.cat(rows) * 2 - 1,
    "Four rows of six pictures of one prompt at guidance 0, 1, 3 and 8: "
    "anything at all in the first row, the words in the others, and ever less variety.",
    columns=6,
    inches=0.8,
)

# %% tags=["nbval-ignore-output"]
wanted, _ = understand(prompt)
for scale, row in zip(scales, rows, strict=True):
    score = faithfulness(row * 2 - 1, [wanted] * 6)
    say("guidance {scale}: {all:.0%} as asked", scale=scale, all=score.all)

# %% [markdown]
# From 1 on all six are as asked, so the count says no more. Look at what it does not count: how many different *surroundings*
# are in each row? Lab 08 measures that price.
#
# # How we got here
#
# While language models learned to write, image models learned to paint. Most of the breakthroughs are from ten years,
# and this course rebuilds them one by one:
#
# | Year | Breakthrough | Where you build it |
# |---|---|---|
# | 2014 | Generative adversarial networks: a painter and a critic | Lab 13 |
# | 2015 | Diffusion: destroy a picture slowly, learn the way back | Lab 04, 05 |
# | 2017-2018 | CycleGAN, progressive growing, style-based generators | Lab 13 |
# | 2020 | DDPM: diffusion that paints as well as a GAN | Lab 05 |
# | 2020-2022 | DDIM, DPM-Solver: ten steps where there were a thousand | Lab 06 |
# | 2021 | CLIP: pictures and sentences in one space | Lab 01, 02 |
# | 2021-2022 | LAION: 5.85 billion pairs, for everybody | Lab 03 |
# | 2022 | Latent diffusion, Stable Diffusion | Lab 07, 08 |
# | 2022 | DALL-E 2 and Imagen | Lab 11, 12 |
# | 2021-2023 | LoRA, Textual inversion, DreamBooth, ControlNet | Lab 09, 10 |
# | 2022 to today | Flow matching; the same ideas, larger | Lab 06, 14 |
#
# And this is the machine that you just used. Below each part stand the labs that open it up:
#
# ```text
# "a purple cat" ──► tokenizer ─► text encoder ─► U-Net ◄─► sampler ─► picture
#                      Lab 01        Lab 01, 08     Lab 05    Lab 06
#                                                     ▲
#                                                   noise
# ```
#
# # Break it
#
# Somebody starts the sampler from noise that is only half as strong. **Before you look**, write down what you expect.
# Then count, and explain what you see: in its first steps, what does the model have to go by, the noise or the words?
# Try 0 and 5 in place of 0.5: how far can you go until something breaks?

# %% [markdown] tags=["ja"]
# 強さが 1 以上の段では、6 枚とも注文どおりです。ですから、数えても、もう違いはわかりません。数えていないものを見てください。それぞれの段に、*背景*は何種類ありますか。この代償は、Lab 08 で測ります。
#
# # ここまでの歩み
#
# 言語モデルが書くことを覚えていく間に、画像のモデルは描くことを覚えました。大きな進歩のほとんどは 10 年のうちに起きています。このコースでは、それをひとつずつ作り直します。
#
# | 年 | 大きな進歩 | 作る場所 |
# |---|---|---|
# | 2014 | 敵対的生成ネットワーク（GAN）：描き手と批評家 | Lab 13 |
# | 2015 | 拡散モデル（diffusion model）：画像をゆっくり壊し、戻り道を学ぶ | Lab 04、05 |
# | 2017-2018 | CycleGAN、段階的な成長、スタイルに基づく生成器 | Lab 13 |
# | 2020 | DDPM：GAN に負けない画像を描く拡散モデル | Lab 05 |
# | 2020-2022 | DDIM、DPM-Solver：1000 ステップを 10 ステップに | Lab 06 |
# | 2021 | CLIP：画像と文を同じ空間に | Lab 01、02 |
# | 2021-2022 | LAION：58.5 億組のデータをすべての人に | Lab 03 |
# | 2022 | 潜在拡散モデル（latent diffusion）、Stable Diffusion | Lab 07、08 |
# | 2022 | DALL-E 2 と Imagen | Lab 11、12 |
# | 2021-2023 | LoRA、Textual inversion、DreamBooth、ControlNet | Lab 09、10 |
# | 2022 から | フローマッチング（flow matching）。同じ考えを、より大きく | Lab 06、14 |
#
# そして、これがいま使った仕組みの全体です。プロンプトは、トークナイザ（tokenizer）、テキストエンコーダ（text encoder）、U-Net の順に進みます。**サンプラー**（sampler）は U-Net を繰り返し呼び出し、ノイズ（noise）を画像（picture）に変えていきます。それぞれの部品の下に、その部品を開けて中を調べるラボを書きました。
#
# ```text
# "a purple cat" ──► tokenizer ─► text encoder ─► U-Net ◄─► sampler ─► picture
#                      Lab 01        Lab 01, 08     Lab 05    Lab 06
#                                                     ▲
#                                                   noise
# ```
#
# # 壊してみる
#
# だれかがサンプラーを、強さが半分しかないノイズから始めてしまいました。**結果を見る前に**、どうなるかを予想して書いてください。そのあと、注文どおりの画像が何枚あるかを数えて、結果を説明してください。はじめの数ステップで、モデルは何を頼りにしているのでしょうか。ノイズでしょうか、言葉でしょうか。0.5 の代わりに 0 や 5 も試してみましょう。どこまで変えると壊れるでしょうか。

# %% tags=["nbval-ignore-output"]
noise = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(3))
strengths = (1.0, 0.5)
both = [pipe(prompts[:8], latents=strength * noise, output_type="pt") * 2 - 1 for strength in strengths]
plots.images(
    torch.cat(both),
    "Eight prompts: from noise of the first strength, above, and of the second, below.",
    columns=8,
)
for strength, row in zip(strengths, both, strict=True):
    say("noise x {strength}: {all:.0%} as asked", strength=strength, all=faithfulness(row, asked[:8]).all)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Weng, [What are diffusion models?](https://lilianweng.github.io/posts/2021-07-11-diffusion-models/) (2021): the
#   mathematics of Labs 04 to 06 on one page.
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752)
#   (2022): the paper behind Stable Diffusion.
#
# ## Optional: the same sentence to a published model
#
# With a network connection, and better with a GPU, the cell below downloads a distilled Stable Diffusion
# (`segmind/tiny-sd`, CreativeML OpenRAIL-M licence, about 1 GB) from the Hugging Face hub and asks it. It needs the
# packages `diffusers` and `transformers`. Set `DOWNLOAD = True` first.

# %% [markdown] tags=["ja"]
# *あなたの説明：*
#
# # もっと知りたい人のために
#
# - Weng, [What are diffusion models?](https://lilianweng.github.io/posts/2021-07-11-diffusion-models/) (2021)：Lab 04 から 06 までの数学が 1 ページにまとまっています。
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022)：Stable Diffusion のもとになった論文です。
#
# ## 発展：公開されているモデルに同じことを頼む
#
# 次のセルは、蒸留された Stable Diffusion（`segmind/tiny-sd`、CreativeML OpenRAIL-M ライセンス、約 1 GB）を Hugging Face Hub からダウンロードして、画像を 1 枚描かせます。ネットワーク接続が必要です。GPU もあると快適です。また、パッケージ `diffusers` と `transformers` を使います。実行する前に `DOWNLOAD = True` としてください。

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "segmind/tiny-sd"

if DOWNLOAD:
    from diffusers import DiffusionPipeline

    published = DiffusionPipeline.from_pretrained(PUBLISHED).to(machine.device)
    output = published("a photograph of an astronaut riding a horse", num_inference_steps=20)
    photograph = output.images[0]
    plots.images(from_pil(photograph), "An astronaut riding a horse, by a published model.", inches=4)
