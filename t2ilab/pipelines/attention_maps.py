"""Which pixels look at which word: the cross-attention of a U-Net, recorded while it draws.

Prompt-to-prompt (Hertz et al. 2022, section 3) found in these maps where each word goes, and DAAM (Tang et al. 2022)
reads them as heat over the picture.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from types import TracebackType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.nets.layers import Attention, SpatialTransformer, TransformerBlock
from t2ilab.pipelines.arguments import prompts_of
from t2ilab.pipelines.text_to_image import TextToImage

Size = tuple[int, int]  # height and width of a map
JAPANESE = re.compile("[\u3005\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]")  # kana and kanji


class AttentionMaps:
    """Records while it is open; the pipeline computes what it computes without, and afterwards nothing is left in it::

        with AttentionMaps(pipe, "a red star") as maps:
            pictures = pipe("a red star", seed=0)
        heat = maps.word("red star")  # (h, w)

    Of each call of the U-Net it keeps one map for each size, the mean over heads and layers; where guidance asks twice,
    that of the prompt.

    Args:
        pipe: whose U-Net is watched, whatever calls it: `pipe` itself, `image_to_image`, ...
        prompt: what will be drawn, one caption or several.
        sizes: (height, width) of the maps to keep; by default all. At Stable Diffusion's 64x64 one step's maps of one
            picture are 1.3 MB, at 16x16 0.1 MB.

    Attributes:
        timesteps: of the calls, in their order. Most samplers call once a step, Heun twice.
    """

    def __init__(self, pipe: TextToImage, prompt: str | Sequence[str], sizes: Collection[Size] | None = None):
        self.pipe, self.prompts, self._kept = pipe, prompts_of(prompt), sizes
        self.timesteps: list[int] = []
        self._sums: list[dict[Size, Tensor]] = []  # for each call: size -> sum over layers (B, L, h, w)
        self._layers: dict[Size, int] = {}  # size -> how many layers have it
        self._size: Size = (0, 0)  # of the map that is in hand
        self._drawn: torch.Size | None = None  # the size of what the U-Net works on
        self._hooks: list[RemovableHandle] = []

    # ---- recording -------------------------------------------------------------------------------------------------

    def __enter__(self) -> AttentionMaps:
        self._hooks.append(self.pipe.unet.register_forward_pre_hook(self._begin))
        for layer in self.pipe.unet.modules():
            if isinstance(layer, SpatialTransformer):
                self._hooks.append(layer.register_forward_pre_hook(self._measure))
            elif isinstance(layer, TransformerBlock):
                looking = [layer.attn1, layer.attn2] if layer.only_cross else [layer.attn2]
                self._hooks += [attention.register_forward_pre_hook(self._look) for attention in looking]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._hooks:
            self._hooks.pop().remove()

    def _begin(self, unet: nn.Module, inputs: tuple[Any, ...]) -> None:
        x, t = inputs[:2]
        one, two = x[: len(self.prompts)], x[len(self.prompts) :]
        if len(one) < len(self.prompts) or (len(two) and not torch.equal(one, two)):  # guidance asks of the same twice
            raise ValueError(
                f"These maps are of {len(self.prompts)} prompts; got a call for {len(x)} pictures. Give AttentionMaps "
                "the prompts that are drawn."
            )
        if self._drawn not in (None, x.shape[-2:]):
            raise ValueError(
                f"One recording is of one size; got {tuple(x.shape[-2:])} after {tuple(self._drawn)}. Open another one."
            )
        self._drawn = x.shape[-2:]
        self.timesteps.append(int(t.flatten()[0]))
        self._sums.append({})
        self._layers = {}

    def _measure(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._size = tuple(inputs[0].shape[-2:])

    def _look(self, attention: Attention, inputs: tuple[Any, ...]) -> None:
        if self._kept is not None and self._size not in self._kept:
            return
        rows = slice(-len(self.prompts), None)  # with guidance, the negative prompts' come first
        given: list[Any] = [part if part is None else part[rows] for part in inputs]
        seen = attention_probabilities(attention, *given).mean(1)  # (B, N, L)
        seen = seen.mT.unflatten(-1, self._size).cpu()  # (B, L, h, w)
        sums = self._sums[-1]
        sums[self._size] = sums[self._size] + seen if self._size in sums else seen
        self._layers[self._size] = self._layers.get(self._size, 0) + 1

    # ---- reading ---------------------------------------------------------------------------------------------------

    @property
    def sizes(self) -> list[Size]:
        """The sizes that were recorded, the largest first."""
        return sorted(self._layers, reverse=True)

    def tokens(self, size: Size | None = None, calls: Sequence[int] | None = None) -> Tensor:
        """The mean over heads, layers and calls: (B, L, h, w), how much of its attention a pixel has for each token.

        Args:
            size: of the layers to take; by default all, the smaller maps enlarged to the largest.
            calls: which calls to take, as `timesteps` numbers them from 0; by default all.

        Returns:
            float32, from 0 to 1. Over L they sum to 1: the start token, the words, the end and its padding.

        Raises:
            ValueError: nothing was recorded, or not such a size or call.
        """
        if not self.sizes:
            raise ValueError("Nothing was recorded: draw inside of `with AttentionMaps(...)`, with sizes that it has.")
        if size is not None and size not in self._layers:
            raise ValueError(f"A size is one of {', '.join(map(str, self.sizes))}; got {size}.")
        calls = range(len(self._sums)) if calls is None else calls
        if not calls or not all(0 <= call < len(self._sums) for call in calls):
            raise ValueError(f"Calls are numbered 0 to {len(self._sums) - 1}, and at least one; got {list(calls)}.")
        sizes = self.sizes if size is None else [size]
        enlarge = partial(F.interpolate, size=sizes[0], mode="bilinear", align_corners=False)
        total = sum(enlarge(self._sums[call][size]) for call in calls for size in sizes)
        return total / (len(calls) * sum(self._layers[size] for size in sizes))  # type: ignore[return-value]

    def words(
        self, picture: int = 0, size: Size | None = None, calls: Sequence[int] | None = None
    ) -> list[tuple[str, Tensor]]:
        """Each word of a picture's prompt and its map (h, w): the attention that its tokens have together."""
        maps = self.tokens(size, calls)[picture]
        found = words_of(self.pipe.tokenizer, self.prompts[picture])
        return [(word, maps[places].sum(0)) for word, places in found]

    def word(self, word: str, picture: int = 0, size: Size | None = None, calls: Sequence[int] | None = None) -> Tensor:
        """The map (h, w) of any part of a picture's prompt, wherever it stands there: "red", "red star", 「赤い星」.

        Raises:
            ValueError: the prompt has no such part, or its end was cut.
        """
        return self.tokens(size, calls)[picture, places_of(self.pipe.tokenizer, self.prompts[picture], word)].sum(0)


def attention_probabilities(
    attention: Attention, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """softmax(q k^T / sqrt(d)), which the fused attention never writes down (Vaswani et al. 2017, eq. 1).

    Args:
        x, context, mask: as the layer takes them.

    Returns:
        float32 or float64 (B, heads, N, L).
    """
    context = x if context is None else context
    q, k = (  # (B, heads, N or L, dim / heads)
        split.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for split in (attention.to_q(x), attention.to_k(context))
    )
    scores = (q @ k.mT) * q.shape[-1] ** -0.5  # (B, heads, N, L)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    if mask is not None:
        scores = scores.masked_fill(~mask.bool()[:, None, None], -torch.inf)
    return scores.softmax(-1)


def words_of(tokenizer: CLIPTokenizer, prompt: str) -> list[tuple[str, list[int]]]:
    """The words of a prompt, each with the places of its tokens among those that the U-Net reads (0 is the start's).

    A word between spaces is one, whatever number of tokens it takes. Japanese has no spaces: there a word is what the
    vocabulary has as one, and what it has only the bytes of stays together. What was cut off has no places.
    """
    spans = tokenizer.spans(prompt)[: tokenizer.context_length - 2]
    shared = {i for i in range(1, len(spans)) if spans[i][0] < spans[i - 1][1]}  # a character with the token before
    pieces = shared | {i - 1 for i in shared}  # of characters, bytes
    words: list[tuple[int, int, list[int]]] = []  # start, end, places
    alone = True  # whether the token before is a word of its own
    for i, (start, end, word) in enumerate(spans):
        after_one, alone = alone, i not in pieces and JAPANESE.search(prompt[start:end]) is not None
        if after_one or alone or word != spans[i - 1][2]:
            words.append((start, end, [i + 1]))
        else:
            words[-1] = (words[-1][0], end, [*words[-1][2], i + 1])
    return [(prompt[start:end], places) for start, end, places in words]


def places_of(tokenizer: CLIPTokenizer, prompt: str, part: str) -> list[int]:
    """The places of the tokens that a part of a prompt is written with, wherever it stands there.

    Raises:
        ValueError: the prompt has no such part, or its end was cut.
    """
    before, after = ("(?<![a-z])", "(?![a-z])") if part.isascii() else ("", "")  # "red" is no part of "bored"
    found = [match.span() for match in re.finditer(before + re.escape(part) + after, prompt, re.IGNORECASE) if part]
    if not found:
        words = ", ".join(word for word, _ in words_of(tokenizer, prompt))
        raise ValueError(f"A word is a part of its prompt; got {part!r}, and the prompt has: {words}.")
    spans = tokenizer.spans(prompt)[: tokenizer.context_length - 2]
    places = [i for i, (a, b, _) in enumerate(spans, 1) if any(a < end and start < b for start, end in found)]
    if not places:
        raise ValueError(
            f"A word is among the {tokenizer.context_length} tokens that the text encoder reads; got {part!r}, which "
            "was cut off. Shorten the prompt."
        )
    return places
