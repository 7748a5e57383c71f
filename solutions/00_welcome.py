# %% [markdown]
# # Lab 00: A sentence becomes a picture
#
# <!-- badges -->
#
# **You will** type a sentence, get a picture from a model that this course trained, and watch it come out of noise. Then you open the lid: how a picture and
# a sentence become numbers, and where in the course each part of the machine is rebuilt by your own hands.
#
# | | |
# |---|---|
# | Time | about 60 minutes, under one of which your machine computes alone |
# | You need | Python; to have seen a matrix |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | two, 5 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs.

# %% tags=["colab-install"]

# %%
import torch
import torch.nn.functional as F

from t2ilab.data.scenes import Scene, understand
from t2ilab.device import DeviceManager
from t2ilab.images import from_pil
from t2ilab.lab import budget, check, exercise, hint, plots, say
from t2ilab.metrics import faithfulness, read
from t2ilab.pipelines.text_to_image import TextToImage

# %% [markdown]
# ## Where will it run?
#
# On whatever you have. The device manager looks for a GPU, takes the processor where there is none, chooses the precision to compute in, and says why.

# %% tags=["nbval-ignore-output"]
machine = DeviceManager()
print(machine.reason)

# %% [markdown]
# ## Type a prompt
#
# This model knows a small world: a circle, square, triangle, star, heart, ring, cross or diamond; red, orange, yellow, green, light blue, blue, purple or pink; big or small;
# in nine places; on a dark or a light background. It was trained from nothing in minutes on two CPU cores, as you will train one yourself in Lab 05.

# %%
pipe = TextToImage.from_pretrained("shapes-pixel")
picture = pipe("a big red star on a dark background", seed=0)[0]
picture.resize((256, 256), 0)

# %% [markdown]
# Did it draw what was asked? A second, independent network, the *reader*, looks at the picture and tells what it sees. It has never seen the prompt.

# %%
print(read(from_pil(picture))[0])

# %% [markdown]
# Now you. Type something, press *draw*, then pull the slider back: every picture begins as noise.

# %% tags=["nbval-ignore-output"]
from t2ilab.lab import widgets

widgets.prompt_box(pipe)

# %% [markdown]
# No widgets here? The same as a figure. The upper row is the picture itself at six of its twenty steps, the lower row what the model believes, at that moment, the
# finished picture to be. Watch the lower row: place and colour come first, the outline last.

# %%
frames = []
pipe("a big red star on a dark background", seed=0, callback=lambda step, t, x_t, x0_hat: frames.append((x_t, x0_hat)))
some = [0, 4, 8, 12, 16, 19]
plots.images(
    torch.cat([frames[i][0] for i in some] + [frames[i][1] for i in some]),
    "Above, a picture coming out of noise in six moments; below, the model's estimate of the finished picture, a blur that sharpens into a star.",
    titles=[f"step {i}" for i in some],
    columns=6,
)

# %% [markdown]
# ## Sixteen at once
#
# One good picture proves little. Here are sixteen prompts that a computer made up, and the share of pictures in which *all* of shape, colour, size, place and background are as
# asked. Pure guessing would score one in 2,304.

# %%
from t2ilab.data.render import World

prompts, asked = World(seed=1).prompts(16)
pictures = pipe(prompts, seed=100, output_type="pt") * 2 - 1
plots.images(pictures, "Sixteen pictures for sixteen prompts, one shape each.", columns=8)
result = faithfulness(pictures, asked)

# %% tags=["nbval-ignore-output"]
say("All attributes right: {all:.0%} of 16.", all=result.all)
for prompt, scene, seen in zip(prompts[:4], asked, result.reads):
    say("{mark}  {prompt}", mark="+" if seen == scene else "-", prompt=prompt)

# %% [markdown]
# **Change one thing:** the prompts. `World(seed=1, held_out=True)` asks for pairs of shape and colour that the model was never shown, such as
# a red circle if no circle in its training was red. Does it combine what it knows?
#
# # What is a picture?
#
# To a file, a picture is whole numbers from 0 (dark) to 255 (bright), three for each pixel. To a network it had better be something else: numbers around zero, about as large as the noise that it
# will be mixed with. The whole course uses the range [-1, 1].
#
# ### Exercise 1: `to_model_range` · ★☆☆☆☆ · 5 minutes · 2 points
#
# Black (0) becomes -1, white (255) becomes 1, everything between lies on a straight line. Mind the type: `uint8` knows no fractions and no minus sign.

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
# What the model does with a range that is off is easy to see: noise of the usual strength in a picture that spans only [0, 1] leaves half the signal.

# %%
import numpy as np

stored = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]  # (1, 3, 32, 32) uint8
seen = to_model_range(stored)
say("Stored: {low} to {high}. For the model: {a:.2f} to {b:.2f}.", low=int(stored.min()), high=int(stored.max()), a=seen.min().item(), b=seen.max().item())

# %% [markdown]
# # What is a sentence?
#
# Neither does a network read letters. A **tokenizer** cuts the text into pieces and gives each its number; a **text encoder** turns the row of numbers into a row of vectors, and it is these vectors
# that the painting network looks at. Both languages of this course go the same way.

# %%
for prompt in ("a big red star on a dark background", "暗い背景に大きな赤い星", "a crimson starfish"):
    print(pipe.tokenizer.tokens(prompt), pipe.tokenizer(prompt)[0, :10].tolist())

# %% [markdown]
# The last line shows a word that the tokenizer has never met: it falls back to single letters, and nothing is lost, but the model has no idea what they mean. `understand` says what this world makes of a text:

# %%
scene, unknown = understand("a crimson starfish at the top left, on a dark background")
print(scene)
print(unknown)

# %% [markdown]
# ## Alike or not?
#
# Two sentences that mean the same should have vectors that point the same way. The measure of that, all through this course, is the **cosine** of the angle between them: 1 for the same direction, 0 for a right
# angle, -1 for opposite directions.
#
# $$ \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\, \lVert b \rVert} $$
#
# ### Exercise 2: `cosine_similarity` · ★★☆☆☆ · 10 minutes · 3 points
#
# All pairs at once: every row of `a` against every row of `b`.

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
# Now compare six prompts by the vector that the text encoder gives their last word. This encoder was never told which sentences mean the same, nor that there are two languages. It only
# ever learned what helps to paint.

# %%
sentences = ["a red star", "赤い星", "a blue star", "青い星", "a red heart", "a small ring"]
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
# Look for pairs that mean the same in two languages. Are they closer to each other than to sentences that look like them? What does the number for "a red star" and "a red heart" tell you about
# what the last word's vector holds? In Lab 01 you train two networks whose *only* task is to bring the right pairs together.
#
# # How hard should it listen?
#
# One number decides how closely the picture follows the words: `guidance_scale`. At 0 the model paints whatever it likes, at 1 it follows the words as it learned to, above that it exaggerates.

# %%
scales = [0.0, 1.0, 3.0, 8.0]
rows = [pipe(["a small blue ring at the top left on a light background"] * 6, seed=7, guidance_scale=s, output_type="pt") for s in scales]
plots.images(
    torch.cat(rows) * 2 - 1,
    "Four rows of six pictures of one prompt at guidance 0, 1, 3 and 8: anything at all in the first row, rings at the top left in the later ones.",
    columns=6,
    inches=0.8,
)

# %% tags=["nbval-ignore-output"]
wanted = Scene("ring", "blue", "small", "top left", "light")
for scale, row in zip(scales, rows, strict=True):
    say("guidance {scale}: {all:.0%} as asked", scale=scale, all=faithfulness(row * 2 - 1, [wanted] * 6).all)

# %% [markdown]
# # How we got here
#
# While language models learned to write, image models learned to paint. Most of the breakthroughs are from ten years, and this course rebuilds them one by one:
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
# | 2022-2023 | Textual inversion, DreamBooth, LoRA, ControlNet | Lab 09, 10 |
# | today | Flow matching; the same ideas, larger | Lab 06, 14 |
#
# And this is the machine that you just used. Every later lab begins where one of its parts is opened up:
#
# ```text
# "a big red star" ─► tokenizer ─► text encoder ─► U-Net ◄─► sampler ─► picture
#                      Lab 01        Lab 01, 08     Lab 05    Lab 06
#                                                     ▲
#                                                   noise
# ```
#
# # Break it
#
# Somebody starts the sampler from noise that is only half as strong. The pictures come out like this. **Explain** what went wrong: what did the model believe about the noise that it was given?

# %% tags=["nbval-ignore-output"]
noise = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(3))
both = [pipe(prompts[:8], latents=strength * noise, output_type="pt") * 2 - 1 for strength in (1.0, 0.5)]
plots.images(torch.cat(both), "Eight prompts from noise of full strength, above, and of half strength, below.", columns=8)
for strength, row in zip((1.0, 0.5), both, strict=True):
    say("noise x {strength}: {all:.0%} as asked", strength=strength, all=faithfulness(row, asked[:8]).all)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Weng, [What are diffusion models?](https://lilianweng.github.io/posts/2021-07-11-diffusion-models/) (2021): the mathematics of Labs 04 to 06 on one page.
# - Rombach et al., [High-Resolution Image Synthesis with Latent Diffusion Models](https://arxiv.org/abs/2112.10752) (2022): the paper behind Stable Diffusion.
#
# ## Optional: the same sentence to a published model
#
# With a network connection, and better with a GPU, the cell below downloads a distilled Stable Diffusion (`segmind/tiny-sd`, CreativeML OpenRAIL-M licence, about 1 GB) from the Hugging Face hub and asks it. It needs the
# packages `diffusers` and `transformers`. Set `DOWNLOAD = True` first.

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "segmind/tiny-sd"

if DOWNLOAD:
    from diffusers import DiffusionPipeline

    published = DiffusionPipeline.from_pretrained(PUBLISHED).to(machine.device)
    photograph = published("a photograph of an astronaut riding a horse", num_inference_steps=20).images[0]
    plots.images(from_pil(photograph), "An astronaut riding a horse, by a published model.", inches=4)
