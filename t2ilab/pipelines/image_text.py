"""Pictures and texts into one space, with a CLIP of the zoo, of a folder or of the hub."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab import zoo
from t2ilab.clip.model import CLIP
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.device import DeviceManager
from t2ilab.interop.clip import load_clip, load_words, save_clip


class ImageText:
    """A CLIP with what belongs to it: the tokenizer of its words, and the numbers that it sees pictures in.

    Args:
        model, tokenizer: as they were trained together.
        mean, std: three each; pictures in [0, 1] are normalised with them.
        device: by default the best that there is.
    """

    def __init__(
        self,
        model: CLIP,
        tokenizer: CLIPTokenizer,
        mean: tuple[float, ...] = (0.5, 0.5, 0.5),
        std: tuple[float, ...] = (0.5, 0.5, 0.5),
        device: DeviceManager | None = None,
    ):
        self.device = device or DeviceManager()
        self.model = self.device.place(model).eval()
        self.tokenizer, self.mean, self.std = tokenizer, mean, std

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str | None = None) -> ImageText:
        """Opens a CLIP of the zoo, of a folder, or of the Hugging Face hub.

        Args:
            name: "clip-storybook", a folder as transformers or open_clip writes it, or an id such as
                "openai/clip-vit-base-patch32".
            device: as for `DeviceManager`.

        Raises:
            ValueError: another kind of model.
            OSError: a file that is missing or damaged, or a hub that is out of reach.
        """
        known = str(name) in zoo.names()
        return cls(*load_clip(zoo.folder(str(name)) if known else name), device=DeviceManager(device))

    def with_words(self, name: str | Path) -> ImageText:
        """The same pictures beside another tower of words: "clip-storybook-ja" of the zoo, or a folder.

        Raises:
            ValueError: words of a space of another width.
            OSError: a file that is missing or damaged.
        """
        folder = zoo.folder(str(name)) if str(name) in zoo.names() else Path(name)
        model, tokenizer = load_words(folder, self.model)
        return ImageText(model, tokenizer, self.mean, self.std, self.device)

    @property
    def logit_scale(self) -> float:
        """What the cosines are multiplied by before they are chances."""
        return self.model.logit_scale.exp().item()

    @torch.no_grad()
    def encode_image(self, images: Tensor, batch_size: int = 128) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], of any size -> features (B, D) of length 1.

        What is not square is brought to the size of the tower by its shorter side and cut in the middle, as published
        CLIPs do it.

        Raises:
            ValueError: another shape, no picture, whole numbers, or pictures that are not finite.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not len(images):
            raise ValueError(f"Pictures are (B, 3, H, W), at least one; got {tuple(images.shape)}.")
        if not images.is_floating_point():
            raise ValueError(f"Pictures are floats in [-1, 1]; got {images.dtype}. Bytes become so by x / 127.5 - 1.")
        if not images.isfinite().all():
            raise ValueError("Pictures must be finite, in [-1, 1]; got NaN or infinity.")
        features = [self.model.encode_image(self._seen(part)) for part in images.split(batch_size)]
        return F.normalize(torch.cat(features), dim=-1)

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str], batch_size: int = 512) -> Tensor:
        """N texts -> features (N, D) of length 1. A text beyond the context is cut at its end, with a warning.

        Raises:
            ValueError: no text, one that is empty or none, or one string in place of a list.
        """
        alone = isinstance(texts, str)
        texts = [texts] if isinstance(texts, str) else list(texts)
        wrong = [repr(text) for text in texts if alone or not (isinstance(text, str) and text.strip())]
        if wrong or not texts:
            raise ValueError(f"encode_text takes a list of texts, none of them empty; got {(wrong or ['none'])[0]}.")
        room = self.tokenizer.context_length - 2
        for text in texts:
            if len(text) > room and len(self.tokenizer.encode(text)) > room:  # a token is at least one letter
                warnings.warn(f"This CLIP reads at most {room} tokens of a text; cut: {text[:60]!r}.", stacklevel=3)
        ids = self.tokenizer(texts).to(self.device.device)
        return F.normalize(torch.cat([self.model.encode_text(part) for part in ids.split(batch_size)]), dim=-1)

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
        """Writes a folder that transformers' CLIPModel opens, its weights in that precision."""
        save_clip(folder, self.model, self.tokenizer, self.mean, self.std, dtype)

    def _seen(self, images: Tensor) -> Tensor:
        """Pictures as the tower sees them: its size, its numbers."""
        images = images.float()
        size = self.model.config.vision.image_size
        height, width = images.shape[-2:]
        if (height, width) != (size, size):
            short = min(height, width)
            to = (height * size // short, width * size // short)  # rounded down, as published CLIPs do
            images = F.interpolate(images, to, mode="bicubic", antialias=True).clamp(-1, 1)
            top, left = (to[0] - size) // 2, (to[1] - size) // 2
            images = images[..., top : top + size, left : left + size]
        images = images.to(self.device.device)  # only now: PyTorch had no such resizing on Apple's GPUs before 2.8
        mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (self.mean, self.std))
        return ((images + 1) / 2 - mean) / std
