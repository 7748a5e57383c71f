"""Recognition from words alone: a class is the mean of what is said of it (Radford et al. 2021, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

EncodeText = Callable[[list[str]], Tensor]

# Sentences around a class's name. Photographs on the web are rarely captioned with one word, so a name alone is not
# what a CLIP was trained on; and the mean of several sentences errs less than any one of them (section 3.1.4).
PHOTOGRAPHS = (
    "a photo of a {}.", "a photo of the {}.", "a photo of one {}.", "a photo of many {}.", "a photo of my {}.",
    "a good photo of a {}.", "a bad photo of a {}.", "a photo of a big {}.", "a photo of a small {}.",
    "a photo of a clean {}.", "a photo of a dirty {}.", "a photo of a strange {}.", "a photo of a pretty {}.",
    "a bright photo of a {}.", "a dark photo of a {}.", "a blurred photo of a {}.", "a pixelated photo of a {}.",
    "a grey photo of a {}.", "a close photo of a {}.", "a photo of a {} from far away.", "a photo of part of a {}.",
    "a photo of a hidden {}.", "a drawing of a {}.", "a painting of a {}.", "a sketch of a {}.", "a cartoon of a {}.",
    "a sculpture of a {}.", "a toy {}.", "a {} of plastic.", "an embroidered {}.", "a tattoo of a {}.",
    "a {} in a video game.", "an origami {}.", "graffiti of a {}.",
)  # fmt: skip


def zero_shot_weights(encode_text: EncodeText, class_names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """One direction for each class: the normalised mean of the normalised features of its sentences.

    Args:
        encode_text: a list of N texts -> features (N, D) of any length.
        class_names: C names.
        templates: sentences, each with one `{}` for the name.

    Returns:
        (C, D), rows of length 1.

    Raises:
        ValueError: no class, a name that is empty or there twice, no template, one without its slot, or features that
            are not finite.
    """
    names, sentences = list(class_names), list(templates)
    if isinstance(class_names, str) or not names or not all(name.strip() for name in names):
        raise ValueError(
            f"Zero-shot recognition chooses among at least one class, each with a name; got {class_names!r}."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Each class has a name of its own, or nobody could choose; {twice!r} is there twice.")
    if isinstance(templates, str) or not sentences:
        raise ValueError(f"Templates are a list of sentences such as 'a photo of a {{}}.'; got {templates!r}.")
    for sentence in sentences:
        if sentence.count("{}") != 1 or set(sentence.replace("{}", "")) & set("{}"):
            raise ValueError(f"A template has one {{}}, where the name goes; got {sentence!r}.")
    texts = [sentence.replace("{}", name) for name in names for sentence in sentences]
    features = _finite(encode_text(texts))  # (C * templates, D)
    if len(features) != len(texts):
        raise ValueError(f"encode_text gives one row a text; got {len(features)} rows for {len(texts)} texts.")
    each = F.normalize(features, dim=-1).unflatten(0, (len(names), len(sentences)))  # (C, templates, D)
    return F.normalize(each.mean(dim=1), dim=-1)  # (C, D)


def zero_shot_predict(image_features: Tensor, weights: Tensor, logit_scale: Tensor | float) -> Tensor:
    """How likely each class is for each picture: (B, D) and (C, D) -> (B, C), rows that add up to 1.

    Raises:
        ValueError: other shapes, or features that are not finite.
    """
    if image_features.ndim != 2 or weights.ndim != 2 or image_features.shape[1] != weights.shape[1]:
        raise ValueError(
            f"Pictures (B, D) are compared with classes (C, D); got {tuple(image_features.shape)} and "
            f"{tuple(weights.shape)}."
        )
    images = F.normalize(_finite(image_features), dim=-1)
    return (logit_scale * images @ F.normalize(weights, dim=-1).T).softmax(dim=-1)  # (B, C)


def topk_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """The share of rows whose label is among the k classes of highest logit.

    Args:
        logits: (B, C), anything that grows with the chance.
        labels: int64 (B,), each in [0, C).
        k: 1 to C.

    Raises:
        ValueError: other shapes, no row, a label that is none, or another k.
    """
    return _hits(logits, labels, k).float().mean().item()


def evaluate(
    encode_image: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    weights: Tensor,
    ks: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Top-k accuracies over any number of pictures, a batch at a time, in the form that is used for ImageNet.

    Args:
        encode_image: pictures (B, 3, H, W) -> features (B, D).
        batches: (pictures, labels (B,)) each.
        weights: (C, D) of `zero_shot_weights`.
        ks: which accuracies; those above the number of classes count as that number.

    Returns:
        {"top-1": ..., "top-5": ..., "pictures": how many}.

    Raises:
        ValueError: no picture, or as `topk_accuracy`.
    """
    right, count = dict.fromkeys(ks, 0), 0
    with torch.no_grad():
        for pictures, labels in batches:
            logits = zero_shot_predict(encode_image(pictures), weights, 1.0)
            for k in ks:
                right[k] += int(_hits(logits, labels.to(logits.device), min(k, len(weights))).sum())
            count += len(labels)
    if not count:
        raise ValueError("An evaluation needs at least one picture; the batches were empty.")
    return {f"top-{k}": hits / count for k, hits in right.items()} | {"pictures": count}


def _hits(logits: Tensor, labels: Tensor, k: int) -> Tensor:
    """Whether each row's label is among its k best: bool (B,)."""
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(
            f"logits (B, C) have one label a row, B at least 1; got {tuple(logits.shape)} and {tuple(labels.shape)}."
        )
    classes = logits.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"k is between 1 and the number of classes, {classes}; got {k}.")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"Labels lie in [0, {classes}); got {labels.min().item()} to {labels.max().item()}.")
    return (logits.topk(k, dim=-1).indices == labels[:, None]).any(dim=-1)


def _finite(features: Tensor) -> Tensor:
    if not features.isfinite().all():
        raise ValueError("Features must be finite; got NaN or infinity. Look at the pictures, or at the weights.")
    return features
