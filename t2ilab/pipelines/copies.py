"""Near copies of pictures: their features propose, and the pictures themselves, laid upon each other, decide.

Features say what a picture shows, so two pictures of one subject are as near to each other as a picture and its own
copy, cut a little. What tells them apart is whether one can be laid upon the other: Lucas & Kanade 1981, for a scale,
a shift and a gain, by Gauss-Newton. How well it lies there is judged as JPEG (ITU-T T.81; JFIF) treats pictures: light
is kept sharp and colours are not, so colours are compared blurred; and what resampling costs grows with contrast, so
what is left is divided by that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.clip.retrieval import near_duplicates

LOOK = 32  # pixels a side of what is compared
SMALL = 8  # pixels a side of a picture's own features: where it is light and dark
ALIKE = 0.82  # from this mean of two cosines on, of features and of small pictures, two pictures are looked at
ALONE = 0.97  # the cosine of features from which on pictures count as near copies that nobody looks at
DIFFERENCE = 0.34  # chosen on 100,000 pairs of seed 5 of `NoisyPairs`
SAME_WORDS = 0.9  # the cosine of texts from which on they say the same; both chosen like that limit
SWAY = 0.18  # the share by which texts that say the same widen that limit, and texts that do not narrow it
AT_HALF = 1.35  # times as much near copies may differ when both are made half as large
NEIGHBOURS = 8  # so many are looked at, the nearest first
PATCH = 6  # pixels a side of the patch that decides: things are small, and most of two pictures is the same sky
FLAT = 0.15  # a variance that is added to a patch's own: in flat ones noise is all there is
LUMA = (0.299, 0.587, 0.114)  # how much red, green and blue weigh in what JFIF calls light
BLOCK = 1024  # rows at a time
TOGETHER = 512  # pairs of pictures at a time
STEPS = (2, 2, 1, 1, 1, 0)  # of Gauss-Newton: the radius of the blur, coarse first
SCALES, SHIFT, GAINS = (0.92, 1.08), 0.1, (0.85, 1.18)  # how far one may be moved; a shift of 2 is a whole picture


def looks_of(images: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [-1, 1] as small as they are compared and kept: uint8 (B, 3, 32, 32)."""
    small = F.interpolate(images.float(), (LOOK, LOOK), mode="bilinear", antialias=True, align_corners=False)
    return ((small.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()


def difference(first: Tensor, second: Tensor) -> Tensor:
    """How far pictures differ where they differ most, after the second was laid upon the first.

    Args:
        first, second: (B, 3, H, W) in [-1, 1]; row i is compared with row i.

    Returns:
        (B,): of the patch of 6 x 6 pixels in which they differ most, the root mean square of what is left, as a share
        of the patch's contrast: 0 for a picture and itself, about 1 where one thing stands for another.

    Raises:
        ValueError: other shapes.
    """
    if first.ndim != 4 or first.shape != second.shape or first.shape[1] != 3:
        raise ValueError(f"Both are (B, 3, H, W); got {tuple(first.shape)} and {tuple(second.shape)}.")
    xy = [(torch.arange(size, device=first.device) + 0.5) * 2 / size - 1 for size in first.shape[-1:-3:-1]]
    y, x = torch.meshgrid(xy[1], xy[0], indexing="ij")
    moved = torch.tensor([1.0, 0.0, 0.0, 1.0], device=first.device).repeat(len(first), 1)  # scale, right, down, gain
    a, b = first, second
    for radius in STEPS:
        a, b = _blurred(first, radius) + 1, _blurred(second, radius) + 1  # from 0 on, where a gain means light
        scale, gain = moved[:, 0, None, None, None], moved[:, 3, None, None, None]
        warped = F.grid_sample(b, _grid(moved, x, y), padding_mode="border", align_corners=False)
        right, down = _slopes(warped)
        slopes = [gain * (right * x + down * y) / scale, gain * right / scale, gain * down / scale, warped]
        jacobian = torch.stack(slopes, 1).flatten(2)  # (B, 4, 3 H W)
        rest = (a - gain * warped).flatten(1)[..., None]  # (B, 3 H W, 1)
        square = jacobian @ jacobian.transpose(1, 2)
        # A flat picture has no slopes: a little on the diagonal, and it stays where it is.
        square = square + 1e-5 * jacobian.shape[2] * torch.eye(4, device=first.device)
        moved = moved + torch.linalg.solve(square, jacobian @ rest)[..., 0]
        low = moved.new_tensor([SCALES[0], -SHIFT, -SHIFT, GAINS[0]])
        moved = moved.clamp(low, moved.new_tensor([SCALES[1], SHIFT, SHIFT, GAINS[1]]))
    grid = _grid(moved, x, y)
    both = (grid.abs().amax(-1) <= 1)[:, None]  # what only one of them shows says nothing
    gain = moved[:, 3, None, None, None]

    def laid(radius: int) -> tuple[Tensor, Tensor]:
        """Both blurred, the second upon the first."""
        warped = F.grid_sample(_blurred(second, radius) + 1, grid, "bicubic", "border", align_corners=False)
        return (_blurred(first, radius) + 1) * both, gain * warped * both

    a, b = laid(0)
    light_a, light_b = _light(a), _light(b)
    blurred_a, blurred_b = laid(1)
    colors = (blurred_b - _light(blurred_b)) - (blurred_a - _light(blurred_a))
    left = F.avg_pool2d((light_b - light_a).square() + colors.square().mean(1, keepdim=True), PATCH, 1)
    contrast = torch.maximum(_contrast(light_a, a), _contrast(light_b, b))
    return (left / (contrast + FLAT)).amax((1, 2, 3)).sqrt()


def near_copies(
    features: Tensor,
    looks: Tensor | None = None,
    alike: float | None = None,
    differs: float = DIFFERENCE,
    texts: Tensor | None = None,
) -> Tensor:
    """Which rows to drop: bool (N,), True where the picture is a near copy of an earlier one.

    With looks it does not matter whether that one is dropped itself: a copy of a copy is one, too, however much the two
    have changed together (as in the code of Abbas et al. 2023, SemDeDup). Without, it is one that is kept.

    Args:
        features: (N, D), of any length.
        looks: uint8 (N, 3, 32, 32), as `looks_of` makes them; None lets the features alone decide, as
            `near_duplicates` does.
        alike: a cosine: of the features, from which on they are near copies, by default 0.97; with looks, the mean of
            that and of the cosine of the pictures made very small, from which on both are looked at, by default 0.82.
        differs: how far a near copy differs at most, by `difference`.
        texts: features (N, D) of the captions, of any length, as a second witness: what only looks alike is seldom
            called the same. Where two say the same, the pictures may differ by 18% more than `differs`, and elsewhere
            by 18% less.

    Raises:
        ValueError: other shapes, features that are not finite, an `alike` that no cosine is, or texts without looks.
    """
    if texts is not None and (looks is None or texts.ndim != 2 or len(texts) != len(features)):
        raise ValueError(
            f"Texts are ({len(features)}, D), one a row, and go with looks; got {tuple(texts.shape)}, "
            f"{'without' if looks is None else 'with'} looks."
        )
    if looks is None:
        return near_duplicates(features, ALONE if alike is None else alike)
    alike = ALIKE if alike is None else alike
    if looks.shape != (len(features), 3, LOOK, LOOK) or looks.dtype != torch.uint8:
        raise ValueError(
            f"Looks are uint8 ({len(features)}, 3, {LOOK}, {LOOK}), one a row; got {looks.dtype} {tuple(looks.shape)}."
        )
    if not -1 <= alike <= 1:
        raise ValueError(f"A threshold is a cosine, from -1 to 1; got {alike}.")
    if not all(part.isfinite().all() for part in (features, texts) if part is not None):
        raise ValueError("Features must be finite; got NaN or infinity. Look at the pictures, or at the weights.")
    said = None if texts is None else F.normalize(texts.float(), dim=-1)
    rows = _proposing(features, looks)
    copies = torch.zeros(len(rows), dtype=torch.bool)
    for start in range(0, len(rows), BLOCK):
        one, other = _neighbours(rows, start, min(start + BLOCK, len(rows)), alike)
        limits = torch.full((len(one),), differs)
        if said is not None:
            agree = (said[one] * said[other]).sum(-1) >= SAME_WORDS
            limits = limits * torch.where(agree, 1 + SWAY, 1 - SWAY)
        copies[one[_same(looks, one, other, limits)]] = True
    return copies


def _proposing(features: Tensor, looks: Tensor) -> Tensor:
    """Rows of length 1 whose cosine is the mean of two: of the features, and of the pictures made very small."""
    small = torch.cat([F.adaptive_avg_pool2d(part.float(), SMALL).flatten(1) for part in looks.split(BLOCK)])
    small = small - small.mean(1, keepdim=True)
    return torch.cat([F.normalize(part.float(), dim=-1) for part in (features, small)], 1) / 2**0.5


def _neighbours(rows: Tensor, start: int, end: int, alike: float) -> tuple[Tensor, Tensor]:
    """Pairs of rows that are alike, as two lists of numbers: one from start to end, and another before it, of which
    each has the `NEIGHBOURS` nearest at most."""
    block, numbers = torch.arange(start, end), torch.zeros(end - start, 0, dtype=torch.int64)
    best = rows.new_zeros(end - start, 0)
    for first in range(0, end, 32 * BLOCK):
        others = torch.arange(first, min(first + 32 * BLOCK, end))
        cosines = rows[start:end] @ rows[first : first + len(others)].T
        cosines = cosines.masked_fill(others >= block[:, None], -2.0)
        found = cosines.topk(min(NEIGHBOURS, len(others)), dim=1)
        best, numbers = torch.cat([best, found.values], 1), torch.cat([numbers, others[found.indices]], 1)
    order = best.topk(min(NEIGHBOURS, best.shape[1]), dim=1)
    numbers = numbers.gather(1, order.indices)
    one, which = (order.values >= alike).nonzero().T
    return block[one], numbers[one, which]


def _same(looks: Tensor, one: Tensor, other: Tensor, limits: Tensor) -> Tensor:
    """Which of P pairs of rows differ no more than each pair's limit: bool (P,)."""
    found = [torch.zeros(0, dtype=torch.bool)]
    for *pair, limit in zip(*(part.split(TOGETHER) for part in (one, other, limits)), strict=True):
        first, second = (looks[rows].float() / 127.5 - 1 for rows in pair)
        # At half the size it takes a quarter of the time, and most are strangers there already.
        near = difference(F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)) <= AT_HALF * limit
        near[near.clone()] = difference(first[near], second[near]) <= limit[near]
        found.append(near)
    return torch.cat(found)


def _grid(moved: Tensor, x: Tensor, y: Tensor) -> Tensor:
    scale, right, down = (moved[:, i, None, None] for i in range(3))
    return torch.stack([scale * x + right, scale * y + down], -1)


def _slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    """How fast pictures change to the right and downwards, where a picture is 2 wide and 2 high."""
    height, width = images.shape[-2:]
    wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
    right = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]
    down = wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    return right * width / 4, down * height / 4


def _blurred(images: Tensor, radius: int) -> Tensor:
    return F.avg_pool2d(F.pad(images, (radius,) * 4, mode="replicate"), 2 * radius + 1, 1)


def _light(images: Tensor) -> Tensor:
    """How light pictures (B, 3, H, W) are, whatever their colours: (B, 1, H, W)."""
    return (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def _contrast(light: Tensor, images: Tensor) -> Tensor:
    """The variance within each patch, of light and, on average, of the three colours without it."""

    def variance(of: Tensor) -> Tensor:
        return F.avg_pool2d(of.square(), PATCH, 1) - F.avg_pool2d(of, PATCH, 1).square()

    return variance(light) + variance(images - light).mean(1, keepdim=True)
