"""Filtering, copies, search and recall: against slow and obvious versions, in blocks and at once."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab.clip import retrieval
from t2ilab.clip.retrieval import clip_filter, near_duplicates, recall_at_k, search


def rows(count, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) * (0.2 + torch.rand(count, 1, generator=generator))


def cosine(a, b):
    return F.cosine_similarity(a, b, dim=0).item()


def test_the_filter_keeps_what_fits():
    images, texts = rows(50), rows(50, seed=1)
    want = [cosine(i, t) >= 0.1 for i, t in zip(images, texts, strict=True)]
    assert clip_filter(images, texts, 0.1).tolist() == want
    assert 0 < sum(want) < 50
    assert clip_filter(images, images, 0.999).all()


@pytest.mark.parametrize("block", [1, 3, 1024])
@pytest.mark.parametrize("threshold", [0.6, 0.9])
def test_copies_are_those_of_a_slow_loop_whatever_the_block(block, threshold, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    originals = rows(60, 4)
    features = torch.cat([originals, 2 * originals[::3], originals[::2] + 0.1 * rows(30, 4, seed=2)])
    kept, want = [], []
    for row in features:
        alike = any(cosine(row, other) >= threshold for other in kept)
        want.append(alike)
        kept += [] if alike else [row]
    assert near_duplicates(features, threshold).tolist() == want
    assert 0 < sum(want) < len(features)


def test_a_copy_of_a_dropped_copy_stays():
    angles = torch.tensor([0.0, 0.3, 0.6])  # each is like its neighbour, the first and the last are not alike
    assert near_duplicates(torch.stack([angles.cos(), angles.sin()], 1), math.cos(0.4)).tolist() == [False, True, False]


@pytest.mark.parametrize("block", [2, 1024])
def test_search_finds_what_a_slow_loop_finds(block, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    queries, index = rows(5), rows(40, seed=3)
    scores, found = search(queries, index, 7)
    for query, values, best in zip(queries, scores, found, strict=True):
        order = sorted(range(40), key=lambda i: -cosine(query, index[i]))[:7]
        assert best.tolist() == order
        assert values.tolist() == pytest.approx([cosine(query, index[i]) for i in order], abs=1e-6)


def test_recall_counts_rows_that_find_their_own():
    similarities = rows(30, 30, 4) + 0.7 * torch.eye(30)
    for k in (1, 4, 30):
        want = sum(i in row.argsort(descending=True)[:k].tolist() for i, row in enumerate(similarities)) / 30
        assert recall_at_k(similarities, k) == pytest.approx(want)
    assert recall_at_k(similarities, 1) != recall_at_k(similarities.T, 1)
    assert recall_at_k(similarities, 30) == 1


def test_bad_input_is_refused_in_one_sentence():
    broken = rows(3)
    broken[1, 1] = math.nan
    for call in (
        lambda: clip_filter(broken, rows(3), 0.1),
        lambda: near_duplicates(broken, 0.9),
        lambda: search(rows(2), broken, 1),
    ):
        with pytest.raises(ValueError, match="Features must be finite"):
            call()
    with pytest.raises(ValueError, match=r"come in pairs, \(N, D\) both"):
        clip_filter(rows(3), rows(4), 0.1)
    for call in (lambda: clip_filter(rows(3), rows(3), 1.5), lambda: near_duplicates(rows(3), math.nan)):
        with pytest.raises(ValueError, match="A threshold is a cosine, from -1 to 1; got"):
            call()
    with pytest.raises(ValueError, match="got widths 8 and 4"):
        search(rows(2), rows(3, 4), 1)
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"between 1 and the 3 rows of the index; got {k}"):
            search(rows(2), rows(3), k)
        with pytest.raises(ValueError, match=f"between 1 and the 3 columns; got {k}"):
            recall_at_k(rows(3, 3), k)
    with pytest.raises(ValueError, match=r"similarities are \(N, N\); got \(3, 8\)"):
        recall_at_k(rows(3), 1)
    with pytest.raises(ValueError, match=r"at least one row; got \(0, 8\)"):
        near_duplicates(rows(0), 0.9)
