"""Small stages, language models and unCLIPs of random weights, for the tests of what is put together of them."""

import torch
from published import randomised

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.nets.prior import Prior, PriorConfig
from t2ilab.nets.t5 import T5Config, T5Encoder
from t2ilab.nets.text import TextConfig
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.cascade import Cascade, Reading
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.stage import Stage
from t2ilab.pipelines.unclip import UnCLIP

DIM = 16  # of words and of image embeddings
LAYOUT = {"block_out_channels": (8, 16), "attention": (False, True), "cross_attention_dim": DIM, "heads": 2}
SCHEDULE = NoiseSchedule.cosine(100)


def stage(device, size, enlarges=False, seed=0, **layout):
    """A stage that draws `size` pixels a side, in float64."""
    reads = {"in_channels": 6, "class_timesteps": True} if enlarges else {}
    unet = randomised(UNet(UNetConfig(**(LAYOUT | reads | layout))), seed)
    return Stage(unet, SCHEDULE, "sample" if enlarges else "v_prediction", size, device)


def cascade(device, tokenizer, sizes=(4, 8, 16)):
    """A cascade of random weights, in float64."""
    encoder = randomised(T5Encoder(T5Config(len(tokenizer.vocab), DIM, 1, 2, 8, 24)), 3)
    stages = [stage(device, size, enlarges=i > 0, seed=i) for i, size in enumerate(sizes)]
    return Cascade(Reading(encoder, tokenizer, device), stages)


def small_clip(device, tokenizer):
    """A CLIP of random weights, in float32."""
    text = TextConfig(len(tokenizer.vocab), tokenizer.context_length, width=DIM, layers=1, heads=2)
    torch.manual_seed(0)
    model = CLIP(CLIPConfig(text, VisionConfig(16, 8, width=DIM, layers=1, heads=2), DIM))
    return ImageText(model, tokenizer, device=device)


def unclip(device, tokenizer, upsampler=True, tokens=4):
    """An unCLIP of random weights: the prior in float32, the stages in float64."""
    clip = small_clip(device, tokenizer)
    prior = randomised(Prior(PriorConfig(DIM, tokenizer.context_length, 24, 1, 2)), 4).float()
    prior.clip_mean.copy_(0.1 * torch.randn(1, DIM, generator=torch.Generator().manual_seed(5)))
    prior.clip_std.fill_(0.3)
    told = {"image_embed_dim": DIM, "image_tokens": tokens}
    above = stage(device, 16, True, 1, **told) if upsampler else None
    return UnCLIP(clip, prior, SCHEDULE, stage(device, 8, False, 0, **told), above)
