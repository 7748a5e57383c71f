"""A zoo of random weights in which every family of a comparison has its checkpoints; the reader is the real one."""

import shutil

import torch
from chains import cascade, small_clip, unclip

from t2ilab import zoo
from t2ilab.interop.gan import write_painter
from t2ilab.nets.gan.attention import AttentionConfig, AttentionGenerator
from t2ilab.nets.gan.conditional import ConditionalConfig, ConditionalGenerator
from t2ilab.nets.gan.progressive import ProgressiveConfig, ProgressiveGenerator
from t2ilab.nets.gan.style import StyleConfig, StyleGenerator
from t2ilab.pipelines.prior import save_prior

PAINTERS = {
    "gan-conditional": ConditionalGenerator(ConditionalConfig(width=4, size=16)),
    "gan-attention": AttentionGenerator(AttentionConfig(width=8)),
    "gan-progressive": ProgressiveGenerator(ProgressiveConfig(latent_dim=8, widths=(8, 4))),
    "gan-style": StyleGenerator(StyleConfig(latent_dim=8, mapping_layers=2, widths=(8, 8, 4))),
}


def fill(root, pipe, device, tokenizer, make_card):
    """Writes all of it into an empty folder; the storybook's own models are left out."""
    shutil.copytree(zoo.ROOT / "reader", root / "reader")
    for name in ("shapes", "vae-shapes", "shapes-pixel"):  # the autoencoder is there for its card
        pipe.save_pretrained(root / name)
    small_clip(device, tokenizer).save_pretrained(root / "clip-storybook")
    stages = unclip(device, tokenizer)
    save_prior(root / "prior-shapes", stages.prior, stages.prior_schedule)
    stages.decoder.save_pretrained(root / "decoder-shapes")
    stages.upsampler.save_pretrained(root / "upsampler-shapes")
    chain = cascade(device, tokenizer)
    chain.reading.save_pretrained(root / "language-shapes")
    for stage, size in zip(chain.stages, (16, 32, 64), strict=True):  # named so; they are smaller
        stage.save_pretrained(root / f"cascade-shapes-{size}")
    torch.manual_seed(0)
    for name, painter in PAINTERS.items():
        write_painter(root / name, painter)
    for minutes, folder in enumerate(sorted(root.iterdir()), 1):
        if folder.name != "reader":
            zoo.write_card(folder, make_card(folder.name, minutes=float(minutes)))
