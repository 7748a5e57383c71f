"""A training step of CLIP beside open_clip's: one size, the same weights, pictures and captions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from t2ilab.benchmark.contest import Contest, Turn, own_device
from t2ilab.benchmark.twins import drawn, filled, parameters, weights
from t2ilab.clip.loss import clip_loss
from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.interop.clip import to_open_clip
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.recipes import clip_storybook


@dataclass(frozen=True)
class Size:
    """Two towers, of so many tokens, and a batch."""

    what: str
    vision: VisionConfig
    width: int
    layers: int
    tokens: int
    embed_dim: int
    batch: int

    def config(self, words: int) -> CLIPConfig:
        text = TextConfig(words, self.tokens, self.width, self.layers, heads=4)
        return CLIPConfig(text, self.vision, self.embed_dim)


SMALL = Size("the CLIP of the recipe clip-storybook", clip_storybook.VISION, 128, 2, clip_storybook.CONTEXT_LENGTH,
             clip_storybook.EMBED_DIM, clip_storybook.BATCH)  # fmt: skip
LARGE = Size("half of ViT-B/32's widths and layers", VisionConfig(224, 32, 384, 6, 6), 256, 6, 77, 256, 32)
TINY = Size("a trial", VisionConfig(16, 8, 16, 1, 2), 16, 1, 32, 8, 4)


def training(name: str, size: Size, quick: bool = False) -> Contest:
    """Both towers, the contrastive loss, backward and AdamW."""
    size = TINY if quick else size
    tokenizer = CLIPTokenizer.train(vocabulary("storybook"), size.tokens)
    with torch.device("meta"):
        count = parameters(CLIP(size.config(len(tokenizer.vocab))))
    return Contest(
        name,
        "A training step (both towers, contrastive loss, backward, the same AdamW) of our CLIP beside "
        "open_clip's: one size, the same weights, pictures and captions.",
        f"{size.what}, {count}, {size.batch} pairs, {size.tokens} tokens",
        lambda: _ours(size, tokenizer, own_device()),
        lambda: _theirs(size, tokenizer, own_device()),
        tolerance=1e-4 if own_device().dtype == torch.float32 else 0.05,
        rounds=2 if quick else 10,
    )


def _pairs(size: Size, tokenizer: CLIPTokenizer, device: DeviceManager) -> tuple[Tensor, Tensor]:
    side = size.vision.image_size
    captions = World(seed=1, level="storybook", japanese=0.0).captions(0, size.batch)
    pictures = drawn(size.batch, 3, side, side, seed=1)
    return pictures.to(device.device), tokenizer(captions).to(device.device)


def _ours(size: Size, tokenizer: CLIPTokenizer, device: DeviceManager) -> Turn:
    with torch.device("meta"):
        net = CLIP(size.config(len(tokenizer.vocab)))
    model = device.place(filled(net)).train()
    pictures, ids = _pairs(size, tokenizer, device)

    def loss() -> Tensor:
        with device.autocast():
            images, texts = model.encode_image(pictures), model.encode_text(ids)
        return clip_loss(images.float(), texts.float(), model.logit_scale.exp())

    return _turn(model, loss)


def _theirs(size: Size, tokenizer: CLIPTokenizer, device: DeviceManager) -> Turn:
    import open_clip
    from open_clip.loss import ClipLoss

    config = size.config(len(tokenizer.vocab))
    seen, read = config.vision, config.text
    model = open_clip.CLIP(
        config.embed_dim,
        open_clip.CLIPVisionCfg(layers=seen.layers, width=seen.width, head_width=seen.width // seen.heads,
                                patch_size=seen.patch_size, image_size=seen.image_size),
        open_clip.CLIPTextCfg(context_length=read.context_length, vocab_size=read.vocab_size, width=read.width,
                              heads=read.heads, layers=read.layers),
        quick_gelu=True,
    )  # fmt: skip
    with torch.device("meta"):
        net = CLIP(config)
    model.load_state_dict(to_open_clip(weights(net)))
    model = model.to(device.device).train()
    pictures, ids = _pairs(size, tokenizer, device)
    contrast = ClipLoss()

    def loss() -> Tensor:
        with device.autocast():
            images, texts, scale = model(pictures, ids)
        return contrast(images.float(), texts.float(), scale)

    return _turn(model, loss)


def _turn(model: nn.Module, loss_of: Turn) -> Turn:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def turn() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return turn
