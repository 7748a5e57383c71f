"""What LAION did to the web, on a laptop: pairs are embedded, filtered, cleaned of near copies, indexed and measured.

Schuhmann et al. 2021, section 2, and 2022, section 3; the filter by CLIP's cosine is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.clip.retrieval import clip_filter
from t2ilab.data.noisy import SAYS_NOTHING
from t2ilab.pipelines.copies import near_copies
from t2ilab.pipelines.embedding import SHARD, Embedded, Encoder, embed_pairs, load_embedded
from t2ilab.pipelines.index import write_index
from t2ilab.pipelines.pair_sources import PairSource

STRANGERS = 0.01
SHIFTS = (1, 2, 3, 5, 8, 13, 21, 34)  # which other pair's caption each picture is paired with, to see what chance gives


@dataclass(frozen=True)
class Cleaned:
    """What becomes of N pairs.

    Attributes:
        fits: bool (N,), whether picture and caption are near enough.
        copies: bool (N,), whether the picture is a near copy of an earlier one that is kept; only of pairs that fit.
        threshold: of the cosine of picture and caption.
    """

    fits: Tensor
    copies: Tensor
    threshold: float

    @property
    def kept(self) -> Tensor:
        """bool (N,)."""
        return self.fits & ~self.copies

    def __str__(self) -> str:
        return (
            f"{int(self.kept.sum())} of {len(self.fits)} pairs are kept: {int((~self.fits).sum())} have a cosine below "
            f"{self.threshold:.3f}, and {int(self.copies.sum())} are near copies."
        )


def choose_threshold(
    images: Tensor,
    texts: Tensor,
    threshold: float | None = None,
    keep: float | None = None,
    strangers: float | None = None,
) -> float:
    """The cosine from which on pairs fit, chosen in one of three ways, none of which knows the truth.

    Args:
        images, texts: (N, D); row i belongs to row i.
        threshold: the cosine itself. LAION-400M took 0.3.
        keep: the share of pairs that stays, the best.
        strangers: of captions of other pairs, the share that would pass: it tells what a wrong caption may look like.
            With none of the three it is 1%.

    Raises:
        ValueError: more than one of them, a share outside (0, 1], a cosine outside [-1, 1], other shapes, or fewer than
            two pairs where strangers are asked for.
    """
    if sum(value is not None for value in (threshold, keep, strangers)) > 1:
        raise ValueError(f"Give threshold, keep or strangers, one of them; got {threshold}, {keep} and {strangers}.")
    clip_filter(images, texts, 0.0 if threshold is None else threshold)  # for what it refuses
    if threshold is not None:
        return threshold
    share = keep if keep is not None else STRANGERS if strangers is None else strangers
    if not 0 < share <= 1:
        raise ValueError(f"A share of pairs is more than 0 and at most 1; got {share}.")
    images, texts = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
    if keep is not None:
        cosines = (images * texts).sum(-1)
    else:
        if len(images) < 2:
            raise ValueError("Captions of other pairs need at least two pairs; got 1. Give a threshold instead.")
        shifts = [shift for shift in SHIFTS if shift < len(images)]
        cosines = torch.cat([(images * texts.roll(shift, 0)).sum(-1) for shift in shifts])
    found = cosines.topk(max(1, round(share * len(cosines)))).values[-1].item()
    return min(1.0, max(-1.0, found))  # rounding makes a cosine of 1.0000001


def clean_pairs(
    embedded: Embedded,
    threshold: float | None = None,
    keep: float | None = None,
    strangers: float | None = None,
    alike: float | None = None,
    look: bool = True,
) -> Cleaned:
    """Filters pairs, and then finds near copies among those that fit.

    Args:
        embedded: the pairs.
        threshold, keep, strangers: as in `choose_threshold`.
        alike: as in `near_copies`.
        look: whether near copies are looked at; False lets the features alone decide.

    Raises:
        ValueError: as `choose_threshold` and `near_copies` do.
    """
    chosen = choose_threshold(embedded.images, embedded.texts, threshold, keep, strangers)
    fits = clip_filter(embedded.images, embedded.texts, chosen)
    copies = torch.zeros_like(fits)
    if fits.any():
        looks, texts = (embedded.looks[fits], embedded.texts[fits]) if look else (None, None)
        copies[fits] = near_copies(embedded.images[fits], looks, alike, texts=texts)
    return Cleaned(fits, copies, chosen)


def measure(pairs: Sequence[Mapping[str, Any]], cleaned: Cleaned) -> dict[str, float]:
    """How right the cleaning was, where the truth is known, as of `NoisyPairs`.

    Mismatches are counted among captions without noise; noise is counted by itself. A near copy is one among the pairs
    that fit, after another of the same picture. Where a picture was only drawn anew of a scene that an earlier pair
    shows, either answer is right, and it counts in neither number.

    Args:
        pairs: "pair", "mismatch", "copy_of", "noise" and "shows" of each, as `Embedded.pairs` has them.
        cleaned: what became of them.

    Returns:
        Shares: precision and recall of mismatches and of near copies; of the captions that are nothing but noise, those
        that are dropped; of the right ones with noise around them, those that stay; and of all captions those that are
        another picture's or nothing, before and after. 1 where there is nothing to count, but for the last two.

    Raises:
        ValueError: pairs without the truth, or of another number.
    """
    if len(pairs) != len(cleaned.fits):
        raise ValueError(f"There is a truth for each pair; got {len(pairs)} for {len(cleaned.fits)}.")
    if any(name not in pair for pair in pairs for name in ("pair", "mismatch", "copy_of", "noise", "shows")):
        raise ValueError("Only pairs of the noisy storybook know the truth; these are from elsewhere.")
    mismatch = torch.tensor([bool(pair["mismatch"]) for pair in pairs])
    noisy = torch.tensor([pair["noise"] is not None for pair in pairs])
    nothing = torch.tensor([pair["noise"] in SAYS_NOTHING for pair in pairs])
    wrong = mismatch | nothing
    copy, either = torch.zeros_like(wrong), torch.zeros_like(wrong)
    originals: set[int] = set()
    scenes: set[str] = set()
    for i, pair in enumerate(pairs):
        if not cleaned.fits[i]:
            continue
        original = pair["pair"] if pair["copy_of"] is None else pair["copy_of"]
        copy[i] = original in originals
        either[i] = not copy[i] and pair["shows"] in scenes
        originals.add(original)
        scenes.add(pair["shows"])
    counted = cleaned.copies & ~either
    return {
        "mismatches, precision": _share(mismatch, ~cleaned.fits & ~noisy),
        "mismatches, recall": _share(~cleaned.fits, mismatch & ~noisy),
        "only noise, dropped": _share(~cleaned.fits, nothing),
        "noise around a right caption, kept": _share(cleaned.fits, noisy & ~wrong),
        "near copies, precision": _share(copy, counted),
        "near copies, recall": _share(cleaned.copies, copy),
        "wrong captions before": wrong.float().mean().item(),
        "wrong captions after": _share(wrong, cleaned.kept) if cleaned.kept.any() else 0.0,
    }


def build(
    source: PairSource,
    clip: Encoder,
    folder: str | Path,
    count: int | None = None,
    *,
    name: str = "a CLIP",
    shard_size: int = SHARD,
    progress: Callable[[int], None] = lambda rows: None,
    **cleaning: Any,
) -> tuple[Embedded, Cleaned]:
    """From a source to an index that can be searched: embeds, filters, drops near copies, and writes the index.

    Args:
        source, clip, folder, count, name, shard_size, progress: as in `embed_pairs`, which goes on where it stopped.
        cleaning: as in `clean_pairs`.

    Raises:
        ValueError, OSError: as those do; and where not one pair is kept.
    """
    embed_pairs(source, clip, folder, count, name=name, shard_size=shard_size, progress=progress)
    embedded = load_embedded(folder)
    cleaned = clean_pairs(embedded, **cleaning)
    write_index(folder, embedded, cleaned.kept, {"threshold": cleaned.threshold, "summary": str(cleaned)})
    return embedded, cleaned


def _share(what: Tensor, among: Tensor) -> float:
    return what[among].float().mean().item() if among.any() else 1.0
