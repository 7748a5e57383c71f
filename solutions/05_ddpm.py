# %% [markdown]
# # Lab 05: Pictures out of noise
#
# <!-- badges -->
#
# **You will build** a denoising diffusion model (DDPM, [Ho, Jain & Abbeel 2020](https://arxiv.org/abs/2006.11239)) from its
# first line to its last, train it from nothing on two CPU cores, and ask it for "a big red star on a dark background".
#
# | | |
# |---|---|
# | Time | about 75 minutes, 4 of which your machine computes alone |
# | You need | Python and PyTorch; a first idea of what a convolution and a gradient are |
# | No need for | a GPU, a network connection, any data set |
# | Exercises | eight, 21 points; `check(...)` tells you at once, `hint("name")` helps, up to three times |
#
# An exercise that you leave blank is filled in with the reference, so that the rest of the lab always runs.

# %% tags=["colab-install"]

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.render import World
from t2ilab.data.scenes import vocabulary
from t2ilab.device import DeviceManager
from t2ilab.lab import budget, check, exercise, hint, pace, plots, say
from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.training.ema import Average

machine = DeviceManager()
device = machine.device
machine.seed(5)

# %% [markdown]
# ## The pictures
#
# A diffusion model learns from examples and from nothing else. Ours come from a small world that the course draws itself:
# one shape, in one of eight colours, big or small, somewhere on a dark or a light background. Each picture is a tensor
# `(3, 32, 32)` with numbers in [-1, 1], and it comes with a caption, in English or in Japanese. `world.batch(i, n)` draws
# the `i`-th batch of `n`; there is no end to them.

# %%
world = World(size=32, seed=0)
batch = world.batch(0, 12)
plots.images(batch["image"], "Twelve pictures of the world, each one coloured shape on a plain background.", columns=6)
for caption in batch["caption"][:6]:
    print(caption)

# %% [markdown]
# # 1. The way in: a picture dissolves
#
# **How do you destroy a picture so gently that each step could be undone?** Add a little noise, and make the picture a
# little fainter so that the whole stays within bounds; repeat a thousand times. In one step,
#
# $$ q(x_t \mid x_{t-1}) = \mathcal N\big(x_t;\ \sqrt{1 - \beta_t}\,x_{t-1},\ \beta_t I\big) \qquad \text{(DDPM, eq. 2)} $$
#
# The numbers $\beta_t$ say how much noise step $t$ adds. DDPM chose the simplest list that works: from $10^{-4}$ up to
# $0.02$ in equal steps. (We count timesteps from 0, as Python and every published code base do; the paper counts from 1.)
#
# ### Exercise 1: `linear_betas` · ★☆☆☆☆ · 3 minutes · 1 point
#
# Expect a straight line of `T` numbers.

# %%
@exercise("linear_betas")
def linear_betas(T, start, end):
    """The variances of the noise that each step adds, from `start` to `end` in equal steps (DDPM, section 4).

    T: the number of steps; start, end: in (0, 1), both included. Returns (T,) floats.
    """
    raise NotImplementedError


# %%
check(linear_betas)

# %% [markdown]
# One step is a Gaussian, and a Gaussian of a Gaussian is a Gaussian. So a thousand steps need no loop: with
# $\alpha_t = 1 - \beta_t$ and their running product $\bar\alpha_t = \alpha_1 \cdots \alpha_t$, which all code calls
# `alphas_cumprod` and this lab `ac`,
#
# $$ x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon, \qquad \epsilon \sim \mathcal N(0, I)
# \qquad \text{(DDPM, eq. 4)} $$
#
# Look at the two factors. Their squares add up to one: what the picture loses, the noise gains.

# %%
T = 1000
betas = linear_betas(T, 1e-4, 0.02).to(device)
ac = (1 - betas).cumprod(dim=0)
plots.lines(
    {"picture: sqrt(ac)": (range(T), ac.sqrt()), "noise: sqrt(1 - ac)": (range(T), (1 - ac).sqrt())},
    "The picture's share falls from 1 to nearly 0 over a thousand timesteps while the noise's share rises to 1; "
    "they cross near timestep {crossing}.",
    xlabel="timestep t",
    ylabel="factor",
    crossing=int((ac < 0.5).int().argmax()),
)
say("At the last timestep {share:.4f} of the picture is left.", share=ac[-1].sqrt().item())

# %% [markdown]
# **Change one thing:** set `end` to 0.002 above and look again. How much of the picture is left at the end? What would a
# sampler that starts from pure noise then get wrong? (Set it back before you go on.)
#
# ### Exercise 2: `add_noise` · ★★☆☆☆ · 8 minutes · 3 points
#
# Equation 4, for a whole batch in which **each picture has its own timestep**. `ac[t]` has the shape `(B,)`, the pictures
# `(B, 3, H, W)`: mind how the two meet.

# %%
@exercise("add_noise")
def add_noise(x0, noise, t, ac):
    """The picture at noise level t in one jump: x_t = sqrt(ac_t) x0 + sqrt(1 - ac_t) noise (DDPM, equation 4).

    x0: (B, 3, H, W) in [-1, 1]; noise: the same shape, standard normal; t: int64 (B,) or one int, from 0; ac: (T,).
    Returns x_t, like x0.
    """
    raise NotImplementedError


# %%
check(add_noise)

# %%
levels = torch.tensor([0, 50, 150, 300, 500, 999], device=device)
x0 = batch["image"][:1].to(device)
noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
plots.images(
    add_noise(x0.expand(6, -1, -1, -1), noise.expand(6, -1, -1, -1), levels, ac),
    "One picture at six noise levels: clear at timestep 0, a guess at 300, nothing but noise at 999.",
    titles=[f"t = {t}" for t in levels.tolist()],
    columns=6,
)

# %% [markdown]
# # 2. The way out: whoever knows the noise knows the picture
#
# **What should a network learn, if it is to walk this road backwards?** Equation 4 has three parts, and whoever knows
# two of them knows the third. Given $x_t$, guessing the picture and guessing the noise are the same task, written
# differently. DDPM found that the noise is the better thing to ask for: it has the same size at every timestep.
#
# ### Exercise 3: `eps_to_x0` · ★★☆☆☆ · 8 minutes · 2 points
#
# Solve equation 4 for $x_0$.

# %%
@exercise("eps_to_x0")
def eps_to_x0(eps, x_t, t, ac):
    """The clean picture that goes with x_t if its noise is eps: equation 4 solved for x0 (DDPM, equation 15).

    eps, x_t: (B, 3, H, W); t: int64 (B,) or one int; ac: (T,). Returns the estimate of x0, like x_t.
    """
    raise NotImplementedError


# %%
check(eps_to_x0)

# %% [markdown]
# A guess of the noise is never quite right. How wrong is the picture then? Below, a guess that is 5% off, at four
# timesteps. The same small error does nothing at the start of the road and ruins the picture at its end.

# %%
levels = torch.tensor([50, 300, 600, 900], device=device)
x_t = add_noise(x0.expand(4, -1, -1, -1), noise.expand(4, -1, -1, -1), levels, ac)
off = noise + 0.05 * torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
guesses = eps_to_x0(off, x_t, levels, ac)
errors = (guesses - x0).square().mean(dim=(1, 2, 3)).sqrt()
plots.images(
    guesses,
    "The picture that follows from a noise guess 5% off: sharp at timestep 50, unrecognisable at 900.",
    titles=[f"t = {t}" for t in levels.tolist()],
    columns=4,
)
say("Mean error of the picture at these timesteps: {errors}.", errors=", ".join(f"{e:.2f}" for e in errors.tolist()))

# %% [markdown]
# That is why one guess is not enough, and why the road back has many steps: a far guess is used only to take a small
# step towards it.
#
# # 3. The network
#
# **What kind of network turns a noisy picture into its noise?** It must see the whole (where is the shape?) and each
# pixel (where is its edge?), know how noisy its input is, and read the caption. The U-Net does all four:
#
# - the **way down** halves the picture again and again, so that a few convolutions see all of it;
# - the **way up** brings it back to full size, and **skips** carry the fine detail across;
# - the **timestep** is written as a vector and handed to every block;
# - the **words** are handed to it by cross-attention, which Lab 08 takes apart.
#
# ## The time
#
# A network that gets `t = 700` as one number can do little with it. Written as many cosines and sines, from fast to slow
# (like the hands of a clock), nearby timesteps get similar vectors and far ones different vectors.
#
# ### Exercise 4: `timestep_embedding` · ★★★☆☆ · 12 minutes · 3 points
#
# Cosines first, then sines. With `half = dim // 2`, frequency $i$ is $10000^{-i/\text{half}}$, for $i = 0, \dots, \text{half} - 1$.

# %%
@exercise("timestep_embedding")
def timestep_embedding(t, dim):
    """A timestep as `dim` numbers: a clock with many hands (Vaswani et al. 2017, section 3.5, in another order).

    t: (B,), whole or fractional steps; dim: even. Returns (B, dim) floats in [-1, 1]: the cosines of t times each
    frequency 10000^(-i / (dim / 2)), i = 0, 1, ..., then the sines.
    """
    raise NotImplementedError


# %%
check(timestep_embedding)

# %%
some = torch.tensor([0, 10, 20, 100, 200, 500, 999])
vectors = F.normalize(timestep_embedding(some, 64), dim=-1)
names = [f"t = {t}" for t in some.tolist()]
plots.heatmap(
    vectors @ vectors.T,
    "How alike the vectors of seven timesteps are: neighbours are close to 1, and likeness falls with distance.",
    rows=names,
    columns=names,
)

# %% [markdown]
# ## The block
#
# A U-Net is one block, repeated. It corrects its input by two convolutions and adds the correction to what came in, so
# that a fresh network starts out passing everything through. Between the two it hears the time: one number for each
# channel, the same at every pixel.
#
# ```text
# x ──► norm1 ─► SiLU ─► conv1 ─► (+) ─► norm2 ─► SiLU ─► conv2 ─► (+) ──►
# │                                ▲                                ▲
# │              temb ─► SiLU ─► time_proj                          │
# └───────────────────────────── skip ──────────────────────────────┘
# ```
#
# ### Exercise 5: `ResBlock` · ★★★★☆ · 15 minutes · 5 points
#
# `norm1`, `norm2`: `nn.GroupNorm` with 8 groups and eps 1e-5. `conv1`, `conv2`: 3x3, padding 1. `time_proj`:
# `nn.Linear(time_dim, out_channels)`. `skip`: a 1x1 convolution where the channels differ, else `nn.Identity()`. Once it is
# right it equals the block inside Stable Diffusion, weight for weight.

# %%
@exercise("ResBlock")
class ResBlock(nn.Module):
    """The residual block of a U-Net: two convolutions that correct x, told what time it is (DDPM, appendix B).

    x: (B, in_channels, H, W) and temb: (B, time_dim) give (B, out_channels, H, W). Channels are multiples of 8.
    With the same weights it equals diffusers' ResnetBlock2D.
    """

    def __init__(self, in_channels, out_channels, time_dim):
        raise NotImplementedError

    def forward(self, x, temb):
        raise NotImplementedError


# %%
check(ResBlock)

# %% [markdown]
# ## The whole
#
# Now your block and your embedding go into the course's U-Net. The class is the one that holds Stable Diffusion's
# 859,520,964 weights; ours differs in its numbers only. `patch_size=2` folds each 2x2 patch of pixels into channels first:
# four times fewer places to compute at, which on a CPU is the difference between four minutes and a quarter of an hour.

# %%
config = UNetConfig(
    block_out_channels=(32, 32, 64), attention=(False, False, True), cross_attention_dim=64, patch_size=2, ff_multiple=2
)
tokenizer = CLIPTokenizer.train(vocabulary(), context_length=24)


class Painter(nn.Module):
    """A U-Net and the text encoder that tells it what to paint."""

    def __init__(self):
        super().__init__()
        self.text_encoder = TextEncoder(TextConfig(len(tokenizer.vocab), context_length=24, width=64))
        self.unet = UNet(config, res_block=ResBlock, embed_time=timestep_embedding)

    def forward(self, x_t, t, captions):
        context = self.text_encoder(tokenizer(captions).to(x_t.device))  # (B, 24, 64)
        return self.unet(x_t, t, context)  # (B, 3, 32, 32)


machine.seed(5)
painter = machine.place(Painter())
for name, part in painter.unet.named_children():
    say("{name:15} {count:>9,} weights", name=name, count=sum(p.numel() for p in part.parameters()))
say("{name:15} {count:>9,} weights", name="text_encoder", count=sum(p.numel() for p in painter.text_encoder.parameters()))
print(tokenizer.tokens("a big red star on a dark background"), tokenizer.tokens("暗い背景に大きな赤い星"))

# %% [markdown]
# # 4. Learning
#
# **What does it cost to be wrong about the noise?** Its mean square. Ho et al. began with a bound on the likelihood of the data
# with a weight for every timestep, threw all weights away, and found that the pictures got better:
#
# $$ L_\text{simple} = \mathbb E_{t,\,x_0,\,\epsilon}\ \big\lVert \epsilon - \epsilon_\theta\big(\sqrt{\bar\alpha_t}\,x_0 +
# \sqrt{1 - \bar\alpha_t}\,\epsilon,\ t\big) \big\rVert^2 \qquad \text{(DDPM, eq. 14)} $$
#
# ### Exercise 6: `ddpm_loss` · ★★☆☆☆ · 8 minutes · 3 points

# %%
@exercise("ddpm_loss")
def ddpm_loss(net, x0, t, noise, ac):
    """How far the network's guess of the noise is from the noise that was added (DDPM, equation 14).

    net(x_t, t) gives a guess like x_t; x0: (B, 3, H, W) in [-1, 1]; t: int64 (B,) or one int; noise: like x0;
    ac: (T,). Returns one number with its gradient, the mean squared error over everything.
    """
    raise NotImplementedError


# %%
check(ddpm_loss)

# %% [markdown]
# A network that knows nothing and answers 0 has a loss of 1, the variance of the noise. Keep that number in mind: it is
# where every diffusion model starts.
#
# ### Exercise 7: `training_step` · ★★☆☆☆ · 8 minutes · 2 points
#
# One step of DDPM's algorithm 1: loss, gradient, update. `optimizer` is any of `torch.optim`.

# %%
@exercise("training_step")
def training_step(net, optimizer, x0, t, noise, ac):
    """One step of training: look at the error, find out which way is down, go there (DDPM, algorithm 1).

    net, x0, t, noise, ac: as in ddpm_loss; optimizer: one of torch.optim, over net's parameters, which change.
    Returns the loss before the step, one number.
    """
    raise NotImplementedError


# %%
check(training_step)

# %% [markdown]
# Now the loop. Each step draws a new batch, a timestep and a noise for each picture, and calls **your** `training_step`.
# Three things around it come from practice and not from the paper's algorithm:
#
# - one caption in ten is left empty, so that the model also learns to paint without being told what; section 5 needs that;
# - the learning rate rises for a moment and then falls to nothing, because small steps at the end leave less noise in the weights;
# - a **running average** of the weights is kept, and it is the average that paints (DDPM does so too, appendix B).
#
# First, ten steps by the clock. If your machine would need more than eight minutes, this cell says so, and what to do.

# %% tags=["nbval-ignore-output"]
STEPS = budget(lesson=2000, ci=12)
BATCH = 64


def learn(model, optimizer, step):
    """The step-th training step: all its chance comes from the number of the step."""
    chance = torch.Generator().manual_seed(step)
    batch = world.batch(step, BATCH, device)
    t = torch.randint(0, T, (BATCH,), generator=chance).to(device)
    noise = torch.randn(BATCH, 3, 32, 32, generator=chance).to(device)
    empty = (torch.rand(BATCH, generator=chance) < 0.1).tolist()
    captions = ["" if e else caption for e, caption in zip(empty, batch["caption"], strict=True)]
    return training_step(lambda x_t, t: model(x_t, t, captions), optimizer, batch["image"], t, noise, ac)


machine.seed(5)
trial = machine.place(Painter())
trial_optimizer = torch.optim.AdamW(trial.parameters(), lr=2e-3)
pace(lambda step: learn(trial, trial_optimizer, step), STEPS, checkpoint="shapes-pixel")

# %%
optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3, betas=(0.9, 0.99))
warm_then_cool = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min(1, (step + 1) / 100) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * step / STEPS)))
)
average = Average(painter, decay=0.995)
losses = []

# %% tags=["nbval-ignore-output"]
for step in tqdm(range(STEPS)):
    losses.append(learn(painter, optimizer, step))
    warm_then_cool.step()
    average.update(step + 1)

# %% tags=["nbval-ignore-output"]
plots.loss_curve(losses)

# %% [markdown]
# The loss falls fast and then hardly at all, and yet the pictures keep getting better for a long time: most of the loss is made
# at noise levels where nobody could do better. Never judge a diffusion model by its loss alone.
#
# # 5. The way back
#
# **How do you step from $x_t$ to $x_{t-1}$ with a guess of the noise in hand?** If you knew $x_0$, Bayes' rule would tell you exactly
# where you had come from: a Gaussian with a known mean and variance (DDPM, eqs. 6-7). You do not know $x_0$, but the network's guess
# of the noise stands for one. Put it in, simplify, and there is algorithm 2:
#
# $$ x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \epsilon_\theta \Big) + \sigma_t z,
# \qquad \sigma_t^2 = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t, \qquad z \sim \mathcal N(0, I) $$
#
# with no noise added in the last step, which leads to the picture itself.
#
# ### Exercise 8: `ddpm_step` · ★★★☆☆ · 12 minutes · 3 points
#
# `t` is one int, counted from 0; the step from `t = 0` gives the finished picture.

# %%
@exercise("ddpm_step")
def ddpm_step(eps, x_t, t, betas, noise):
    """One step of sampling, x_t -> x_{t-1} (DDPM, algorithm 2, with the posterior variance of equation 7).

    eps: the network's guess of the noise in x_t; eps, x_t, noise: (B, 3, H, W), noise standard normal; t: one int,
    from 0; betas: (T,). Returns x_{t-1}; at t = 0, the finished picture, without fresh noise.
    """
    raise NotImplementedError


# %%
check(ddpm_step)

# %% [markdown]
# A thousand steps of your function, from pure noise to a picture. The network is asked twice in each: once with the caption, once without,
# and the difference is taken a little further than the caption alone would go. That is **classifier-free guidance**
# ([Ho & Salimans 2022](https://arxiv.org/abs/2207.12598), eq. 6); Lab 08 is about it.

# %%
@torch.no_grad()
def guided_eps(model, x_t, t, captions, guidance_scale=2.0):
    """The guess of the noise (B, 3, H, W), pushed from what any picture would have towards what the caption asks."""
    both = model(torch.cat([x_t, x_t]), torch.full((2 * len(x_t),), t, device=x_t.device), [""] * len(captions) + captions)
    without, told = both.chunk(2)
    return without + guidance_scale * (told - without)


def sample(model, captions, seed=0, step=ddpm_step, keep=()):
    """Walks from noise to pictures (B, 3, 32, 32); also returns x_t and the estimate of x0 at the timesteps in `keep`."""
    chance = torch.Generator().manual_seed(seed)
    x_t = torch.randn(len(captions), 3, 32, 32, generator=chance).to(device)
    kept = []
    for t in tqdm(reversed(range(T)), total=T):
        eps = guided_eps(model, x_t, t, captions)
        if t in keep:
            kept += [x_t[:1], eps_to_x0(eps, x_t, t, ac)[:1].clamp(-1, 1)]
        x_t = step(eps, x_t, t, betas, torch.randn(x_t.shape, generator=chance).to(device))
    return x_t.clamp(-1, 1), kept


prompts = [
    "a big red star on a dark background",
    "a small blue circle at the top left on a light background",
    "a big green heart in the center on a light background",
    "a big yellow ring at the bottom on a dark background",
    "暗い背景の左上に大きな赤い星",
    "明るい背景の中央に大きな紫の四角",
]

# %% tags=["nbval-ignore-output"]
moments = (999, 800, 600, 400, 200, 50, 0)
pictures, kept = sample(average.model, prompts, seed=0, keep=moments)
plots.images(
    torch.cat([*kept[0::2], *kept[1::2]]),
    "Above: one picture on its way out of the noise. Below: what the network thinks it will be, a blur at first, then a shape.",
    titles=[f"t = {t}" for t in moments],
    columns=len(moments),
)

# %% tags=["nbval-ignore-output"]
plots.images(pictures, "Six prompts, four in English and two in Japanese, painted by your model.", columns=6)
for prompt in prompts:
    print(prompt)

# %% [markdown]
# ## Did it paint what was asked?
#
# Looking is good, counting is better. The course has a **reader**, a small network that knows nothing of your model: it looks at a picture and
# names its shape, colour, size, place and background. A picture counts when all five are as asked. Guessing would get one in 2,304.
#
# A thousand steps for each of 128 pictures would take a while. The course's `sample_ddim` jumps along the same road in 25 (Lab 06 shows why it may).

# %% tags=["nbval-ignore-output"]
from functools import partial

from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.metrics import faithfulness

schedule = NoiseSchedule(betas.cpu())


def measure(model, count=budget(lesson=128, ci=8)):
    """The share of new prompts whose picture shows all that was asked, and of each attribute."""
    asked, scenes = world.prompts(count)
    net = partial(guided_eps, captions=asked)
    denoise = NetworkDenoiser(lambda x_t, t: net(model, x_t, int(t[0])), schedule, "epsilon", clip=1.0)
    x = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
    painted = sample_ddim(denoise, x, schedule, schedule.timesteps(25, spacing="trailing"))
    return painted, faithfulness(painted, scenes)


painted, result = measure(average.model)
say("Right in everything: {all:.0%} of the pictures.", all=result.all)
for attribute, share in result.attributes.items():
    say("{attribute:12} {share:.0%}", attribute=attribute, share=share)

# %% [markdown]
# **Change one thing:** measure `painter` in place of `average.model`. What was the average worth? Then `guidance_scale=1.0` in
# `guided_eps`, and 4.0.
#
# ## The same network, ten minutes and one better question
#
# The zoo holds `shapes-pixel`: the same class of network, trained by `t2ilab train shapes-pixel`. It differs from yours in time, and in what it is asked for. Near $t = 999$ the
# noise is all there is to see, and to guess it is no achievement; yet what the noise guess leaves of the picture is divided by $\sqrt{\bar\alpha_t} \approx 0.006$. The **velocity**
# $v = \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1 - \bar\alpha_t}\,x_0$ ([Salimans & Ho 2022](https://arxiv.org/abs/2202.00512), section 4) asks for the noise where the picture is clear, and for the picture
# where the noise is strong: for the harder half, always.

# %% tags=["nbval-ignore-output"]
from t2ilab.pipelines.text_to_image import TextToImage

zoo_pipe = TextToImage.from_pretrained("shapes-pixel")
asked, scenes = world.prompts(budget(lesson=128, ci=8))
zoo_pictures = zoo_pipe(asked, seed=1, output_type="pt") * 2 - 1
zoo_result = faithfulness(zoo_pictures, scenes)
say("The zoo's model, right in everything: {all:.0%}. Yours: {yours:.0%}.", all=zoo_result.all, yours=result.all)
plots.images(
    torch.cat([painted[:8].cpu(), zoo_pictures[:8].cpu()]),
    "The same eight prompts, painted by your model above and by the zoo's below.",
    columns=8,
)

# %% [markdown]
# # Break it
#
# Below, somebody found the fresh noise in `ddpm_step` wasteful (why add noise to a picture that you want to clean?) and left it out.
# **Before you run the cell**, write down what you expect. Then explain what you see: what does the mean of all pictures that could have led here look like, and
# what did the fresh noise do about it?

# %% tags=["nbval-ignore-output"]
def thrifty_step(eps, x_t, t, betas, noise):
    return ddpm_step(eps, x_t, t, betas, torch.zeros_like(noise))


broken, _ = sample(average.model, prompts, seed=0, step=thrifty_step)
plots.images(
    torch.cat([pictures, broken]), "The same six prompts with fresh noise in each step, above, and without it, below.", columns=6
)

# %% [markdown]
# *Your explanation:*
#
# # To read
#
# - Ho, Jain & Abbeel, [Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2006.11239) (2020): sections 2 and 3, algorithms 1 and 2. You have now written all of them.
# - Sohl-Dickstein et al., [Deep Unsupervised Learning using Nonequilibrium Thermodynamics](https://arxiv.org/abs/1503.03585) (2015): where the idea came from, five years before it worked.
# - Nichol & Dhariwal, [Improved Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2102.09672) (2021): a better list of betas, and fewer steps.
#
# Next: Lab 06 walks the same road in ten steps.
#
# ## Optional: your sampler on a published model
#
# With a network connection, the cell below downloads `google/ddpm-cifar10-32` from the Hugging Face hub (Apache-2.0, about 143 MB), the model of the DDPM paper for
# small photographs, and lets **your** `linear_betas` and `ddpm_step` draw with it. It needs the package `diffusers`.
# Set `DOWNLOAD = True` first. A thousand steps of its 35.7 million weights take some minutes on a CPU.

# %% tags=["published"]
DOWNLOAD = False
PUBLISHED = "google/ddpm-cifar10-32"

if DOWNLOAD:
    from diffusers import UNet2DModel

    published = machine.place(UNet2DModel.from_pretrained(PUBLISHED))
    size = published.config.sample_size
    x_t = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    published_betas = linear_betas(1000, 1e-4, 0.02).to(device)
    for t in tqdm(reversed(range(1000)), total=1000):
        with torch.no_grad():
            eps = published(x_t, t).sample
        x_t = ddpm_step(eps, x_t, t, published_betas, torch.randn_like(x_t))
    plots.images(x_t.clamp(-1, 1), "Four small photographs that never were, by a published model and your sampler.", columns=4)
