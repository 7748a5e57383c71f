"""Millions of pairs, handled by the angles between their features: filtered, cleaned of copies, and searched.

So LAION was made of the web (Schuhmann et al. 2021, section 2; 2022, section 3): pairs whose cosine is too low were
dropped, near-duplicates found, and an index built in which people search. All of it goes a block of rows at a time.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 1024  # rows at a time: 1,024 x 100,000 cosines are 410 MB


def clip_filter(image_features: Tensor, text_features: Tensor, threshold: float) -> Tensor:
    """Which pairs fit: bool (N,), True where the cosine is at least the threshold.

    Args:
        image_features, text_features: (N, D) each, of any length; row i belongs to row i.
        threshold: in [-1, 1]. LAION-400M kept 0.3 and more by the cosines of OpenAI's ViT-B/32.

    Raises:
        ValueError: other shapes, features that are not finite, or a threshold that no cosine has.
    """
    if image_features.ndim != 2 or image_features.shape != text_features.shape:
        raise ValueError(
            f"Pictures and texts come in pairs, (N, D) both; got {tuple(image_features.shape)} and "
            f"{tuple(text_features.shape)}."
        )
    _check_cosine(threshold)
    return (unit_rows(image_features) * unit_rows(text_features)).sum(dim=-1) >= threshold


def near_duplicates(features: Tensor, threshold: float) -> Tensor:
    """Which rows to drop: bool (N,), True where the cosine to an earlier row that is kept is at least the threshold.

    Args:
        features: (N, D), of any length.
        threshold: in [-1, 1]; 0.97 and the like.

    Raises:
        ValueError: another shape, features that are not finite, or a threshold that no cosine has.
    """
    rows = unit_rows(features)
    _check_cosine(threshold)
    dropped = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    kept = torch.empty_like(rows)
    count = 0
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        gone = torch.zeros(len(block), dtype=torch.bool, device=rows.device)
        for first in range(0, count, 32 * BLOCK):  # those kept before this block
            gone |= (block @ kept[first : min(count, first + 32 * BLOCK)].T >= threshold).any(dim=1)
        # Within the block order matters: a copy of a copy that was itself dropped stays.
        alike = (block @ block.T >= threshold).tril(-1)
        for i in alike.any(dim=1).nonzero()[:, 0].tolist():
            gone[i] = gone[i] or bool((alike[i] & ~gone).any())
        dropped[start : start + BLOCK] = gone
        rest = block[~gone]
        kept[count : count + len(rest)] = rest
        count += len(rest)
    return dropped


def search(queries: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k rows of an index that are nearest to each query, exactly, the best first.

    Args:
        queries: (Q, D), of any length.
        index: (N, D), of any length.
        k: 1 to N.

    Returns:
        Cosines and row numbers, (Q, k) each.

    Raises:
        ValueError: other shapes, features that are not finite, or another k.
    """
    return nearest(unit_rows(queries), unit_rows(index), k)


def nearest(queries: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """As `search`, among rows that have length 1 already: an index that is asked often is normalised once."""
    if queries.shape[1] != index.shape[1]:
        raise ValueError(
            f"Queries and index come from one space; got widths {queries.shape[1]} and {index.shape[1]}. Are they of "
            "the same CLIP?"
        )
    if not 1 <= k <= len(index):
        raise ValueError(f"k is between 1 and the {len(index)} rows of the index; got {k}.")
    found = [(block @ index.T).topk(k, dim=-1) for block in queries.split(BLOCK)]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def unit_rows(features: Tensor) -> Tensor:
    """(N, D) with rows of length 1. Raises ValueError for other shapes, no rows, and what is not finite."""
    if features.ndim != 2 or not len(features):
        raise ValueError(f"Features are (N, D) with at least one row; got {tuple(features.shape)}.")
    if not features.isfinite().all():
        raise ValueError("Features must be finite; got NaN or infinity. Look at the pictures, or at the weights.")
    return F.normalize(features, dim=-1)


def recall_at_k(similarities: Tensor, k: int) -> float:
    """The share of rows whose own column is among their k highest: R@k, where row i belongs to column i.

    Args:
        similarities: (N, N), queries in rows.
        k: 1 to N.

    Raises:
        ValueError: another shape, no row, or another k.
    """
    if similarities.ndim != 2 or similarities.shape[0] != similarities.shape[1] or not len(similarities):
        raise ValueError(f"Row i matches column i, so similarities are (N, N); got {tuple(similarities.shape)}.")
    if not 1 <= k <= len(similarities):
        raise ValueError(f"k is between 1 and the {len(similarities)} columns; got {k}.")
    own = torch.arange(len(similarities), device=similarities.device)[:, None]
    return (similarities.topk(k, dim=-1).indices == own).any(dim=-1).float().mean().item()


def _check_cosine(threshold: float) -> None:
    if not -1 <= threshold <= 1:
        raise ValueError(f"A threshold is a cosine, from -1 to 1; got {threshold}.")
