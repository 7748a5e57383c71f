"""What a picture is to show, as numbers: several labels a picture, each with its own values."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def rows_of(labels: Tensor, values: tuple[int, ...]) -> Tensor:
    """Labels as rows of one table, in which the values of all labels stand below one another.

    Args:
        labels: int64 (B, L), the number of a value for each label, from 0.
        values: how many values each of the L labels has.

    Returns:
        int64 (B, L), each number in a range of its own.

    Raises:
        ValueError: another number of labels, numbers that are not whole, or one that is no value of its label.
    """
    if labels.ndim != 2 or labels.shape[1] != len(values) or labels.is_floating_point():
        raise ValueError(
            f"Labels are whole numbers (B, {len(values)}), one a label; got {tuple(labels.shape)} of {labels.dtype}. "
            "Add a batch axis with labels[None], or call .long()."
        )
    most = torch.tensor(values, device=labels.device)
    if ((labels < 0) | (labels >= most)).any():
        raise ValueError(f"Labels count from 0 to below {values}; got {labels.amin(0).tolist()} to "
                         f"{labels.amax(0).tolist()}.")  # fmt: skip
    return labels + most.cumsum(0) - most


class OneHot(nn.Module):
    """Labels as zeros and a one for each of them: (B, L) -> float (B, sum of values)."""

    def __init__(self, values: tuple[int, ...]):
        super().__init__()
        self.values = values

    def forward(self, labels: Tensor) -> Tensor:
        """int64 (B, L) -> float (B, sum(values))."""
        rows = rows_of(labels, self.values)
        return torch.zeros(len(rows), sum(self.values), device=rows.device).scatter_(1, rows, 1.0)


class LabelEmbedding(nn.Module):
    """Labels as the sum of one learnt vector for each: (B, L) -> (B, dim).

    Args:
        values: how many values each label has.
        dim: width of the vectors.
    """

    def __init__(self, values: tuple[int, ...], dim: int):
        super().__init__()
        self.values = values
        self.table = nn.Embedding(sum(values), dim)

    def forward(self, labels: Tensor) -> Tensor:
        """int64 (B, L) -> (B, dim)."""
        return self.table(rows_of(labels, self.values)).sum(1)
