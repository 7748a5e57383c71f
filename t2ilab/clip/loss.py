"""What brings pictures and words into one space: each is to find its own partner among all others of the batch."""

from __future__ import annotations

import warnings

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def clip_loss(image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float) -> Tensor:
    """The symmetric contrastive loss (Radford et al. 2021, figure 3; Oord et al. 2018, eq. 4, in both directions).

    Args:
        image_features: (B, D), of any length; normalised here.
        text_features: (B, D); row i belongs to picture i.
        logit_scale: what the cosines are multiplied by, one over the temperature.

    Returns:
        A scalar in nats: the mean of picture to text and text to picture. ln B where nothing is told apart. Of one pair
        it is 0, with a warning, as there is nothing to tell apart.

    Raises:
        ValueError: other shapes, no pair, or features that are not finite.
    """
    images, texts = _normalised(image_features, text_features)
    if len(images) == 1:
        warnings.warn(
            "One pair has no other to be told from: its loss is 0 whatever the weights, and nothing is learned. Take "
            "batches of two pairs at least; a hundred are better.",
            stacklevel=2,
        )
    logits = logit_scale * images @ texts.T  # (B, B): pictures in rows
    own = torch.arange(len(logits), device=logits.device)  # the partner of picture i is text i
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def siglip_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, logit_bias: Tensor | float
) -> Tensor:
    """Every pair by itself, fitting or not, in place of a choice among all (Zhai et al. 2023, eq. 1 and algorithm 1).

    Args:
        image_features, text_features: (B, D) each, as in `clip_loss`.
        logit_scale, logit_bias: cosines c become logits logit_scale * c + logit_bias. As nearly all pairs do not fit,
            the bias starts at -10, and the scale at 10.

    Returns:
        A scalar in nats: summed over the texts, averaged over the pictures.

    Raises:
        ValueError: other shapes, no pair, or features that are not finite.
    """
    images, texts = _normalised(image_features, text_features)
    logits = logit_scale * images @ texts.T + logit_bias  # (B, B)
    fits = 2 * torch.eye(len(logits), device=logits.device, dtype=logits.dtype) - 1  # 1 for partners, -1 for others
    return -F.logsigmoid(fits * logits).sum() / len(logits)


def alignment_loss(student_text: Tensor, teacher_text: Tensor) -> Tensor:
    """How far a student's texts are from a teacher's of the same meaning: 1 - the mean cosine, from 0 to 2.

    So a tower of another language comes into the space of a CLIP without any picture: the teacher reads the English
    caption, the student its translation (in the manner of Reimers & Gurevych 2020, section 2, who take squares).

    Args:
        student_text: (B, D), of any length; normalised here.
        teacher_text: (B, D); no gradient goes there.

    Raises:
        ValueError: other shapes, no text, or features that are not finite.
    """
    students, teachers = _normalised(student_text, teacher_text.detach())
    return 1 - (students * teachers).sum(dim=-1).mean()


def gathered(features: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks, each with its gradient; as they are with one process.

    The loss over the rows of all, `clip_loss(gathered(images), gathered(texts), scale)`, is the same in every process,
    and the gradients that DistributedDataParallel averages are those of one process with the whole batch. Gathering
    without gradients, as plain `all_gather` does, would leave out how a row's features serve as others' negatives.

    Args:
        features: (B, D), as many rows in every process.

    Returns:
        (processes * B, D).
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return features
    return _Gather.apply(features)


class _Gather(torch.autograd.Function):
    """All rows forward; backward, the sum over all processes of what they ask of this process's rows."""

    @staticmethod
    def forward(ctx, features):
        parts = [torch.empty_like(features) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, features.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # autograd may lend it to others, too
        dist.all_reduce(gradient)  # every process's loss holds every row
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]


def _normalised(image_features: Tensor, text_features: Tensor) -> tuple[Tensor, Tensor]:
    """Both with rows of length 1, after a look at them."""
    if image_features.ndim != 2 or image_features.shape != text_features.shape or not len(image_features):
        raise ValueError(
            f"Pictures and texts come in pairs, (B, D) both with B at least 1; got {tuple(image_features.shape)} and "
            f"{tuple(text_features.shape)}."
        )
    if not (image_features.isfinite().all() and text_features.isfinite().all()):
        raise ValueError(
            "Features must be finite; got NaN or infinity. Has training diverged? A lower learning rate helps."
        )
    return F.normalize(image_features, dim=-1), F.normalize(text_features, dim=-1)
