"""A hundred thousand pairs with a fifth of faults planted, through the whole of `t2ilab data build`.

Run by `make course`. The tests' small form of it is in test_pipelines_pairs.py.
"""

import sys
import time

import torch

from t2ilab.data.noisy import NoisyPairs
from t2ilab.pipelines import pairs
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.index import PairIndex
from t2ilab.pipelines.pair_sources import Storybook

COUNT = 100_000
MISMATCHES, COPIES = 0.98, 0.99


def test_a_hundred_thousand_pairs_lose_their_faults(tmp_path):
    clip = ImageText.from_pretrained("clip-storybook", "cpu")
    source = Storybook(NoisyPairs(clip.model.config.vision.image_size, seed=4, mismatch=0.1, copies=0.1))
    began = time.perf_counter()
    embedded, cleaned = pairs.build(source, clip, tmp_path, COUNT, name="clip-storybook")
    seconds = time.perf_counter() - began
    scores = pairs.measure(embedded.pairs, cleaned)
    print(f"\n{COUNT} pairs: {seconds:.0f} s, {COUNT / seconds:.0f} a second with all; {cleaned}", file=sys.stderr)
    print(", ".join(f"{name} {share:.2%}" for name, share in scores.items()), file=sys.stderr)
    assert scores["mismatches, precision"] >= MISMATCHES
    assert scores["mismatches, recall"] >= MISMATCHES
    assert scores["near copies, precision"] >= COPIES
    assert scores["near copies, recall"] >= COPIES
    # A picture on the shelf finds itself.
    kept = cleaned.kept.nonzero().flatten()[:64].tolist()
    pictures = torch.stack([source.pairs[row]["image"] for row in kept])
    found = [best.number for (best,) in PairIndex(tmp_path, clip).search(pictures, 1)]
    assert sum(number == row for number, row in zip(found, kept, strict=True)) >= 60
