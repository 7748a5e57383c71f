"""The same drawing by another hand: pencils, watercolour, stone and thread. What it shows stays where it is.

Each rendition takes a drawing of B pictures and a CPU generator for its chances (None takes the same ones every time),
and returns pictures (B, 3, H, W) in [-1, 1] of the same size. Lengths grow with the picture: the unit is H / 64 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.data.render import Drawing

Rendition = Callable[[Drawing, torch.Generator | None], Tensor]
PAPER = (0.975, 0.96, 0.925)
LINEN = (0.93, 0.90, 0.83)
CEMENT = (0.86, 0.84, 0.79)
GRAPHITE = (0.17, 0.15, 0.20)


def sketch(drawing: Drawing, generator: torch.Generator | None = None) -> Tensor:
    """Coloured pencils: outlines drawn twice that do not quite meet, and hatching, denser where it is darker."""
    chance = _Chance(drawing.image, generator)
    unit = drawing.image.shape[-1] / 64
    color = _blurred(chance.bent(_without_ink(drawing), 0.7 * unit, 5), 0.4 * unit)
    dark = 1 - (color * color.new_tensor([0.3, 0.6, 0.1])[:, None, None]).sum(1, keepdim=True)
    y, x = _pixels(color)
    page, grain = chance.paper(PAPER, 0.03), 0.8 + 0.4 * chance.grain(1)
    rich = (1.3 * color - 0.3 * color.mean(1, keepdim=True)).clamp(0, 1) * 0.95
    # Three layers of strokes, each across the one before, each from a certain darkness on.
    for turn, least in ((0.8, -0.12), (-0.6, 0.3), (0.2, 0.55)):
        across = x * math.sin(turn) + y * math.cos(turn) + 1.2 * unit * chance.smooth(5, 1)
        stroke = 0.5 + 0.5 * torch.cos(across * (2 * math.pi / max(2.5, 1.6 * unit)))
        press = ((dark - least) * 1.9).clamp(0, 0.95) * (0.7 + 0.6 * chance.smooth(9, 1)) * grain
        page = torch.lerp(page, torch.minimum(page, rich), ((0.25 + 0.75 * stroke) * press).clamp(0, 1))
    for firm in (0.85, 0.5):
        lines = chance.bent(_lines(drawing), 0.6 * unit, 6) * firm * (0.6 + 0.7 * chance.smooth(6, 1)) * grain
        page = torch.lerp(page, page.new_tensor(GRAPHITE)[:, None, None].expand_as(page), lines.clamp(0, 1))
    return _signed(page)


def watercolour(drawing: Drawing, generator: torch.Generator | None = None) -> Tensor:
    """Washes over a fine drawing: colours that run a little, settle unevenly and gather where a wash ends."""
    chance = _Chance(drawing.image, generator)
    unit = drawing.image.shape[-1] / 64
    color = _blurred(chance.bent(chance.bent(_without_ink(drawing), 1.0 * unit, 6), 0.4 * unit, 24), 0.3 * unit)
    # Light passes the wash twice, so that pigment adds up as the logarithm of what it lets through.
    wash = -(0.06 + 0.94 * color).clamp(0, 1).log()
    rim = (wash - _blurred(wash, 1.2 * unit)).clamp(min=0)
    settled = 0.5 + 0.5 * chance.smooth(5, 1) + 0.3 * chance.smooth(13, 1) + 0.12 * (chance.grain(1) - 0.5)
    y, x = _pixels(color)
    margin = torch.minimum(torch.minimum(x, y), len(x) - 1 - torch.maximum(x, y)) + 0.5
    reach = (margin / unit - 0.3 - 2.4 * chance.smooth(9, 1) - 0.6 * chance.smooth(30, 1)).clamp(0, 1)
    lines = 0.9 * chance.bent(_lines(drawing), 0.3 * unit, 6) * (0.45 + 0.6 * chance.smooth(8, 1))
    depth = (0.85 * wash * settled + 0.5 * rim) * reach + lines
    return _signed(chance.paper(PAPER, 0.04) * (-depth).exp())


def mosaic(drawing: Drawing, generator: torch.Generator | None = None) -> Tensor:
    """Small stones, each of one colour, as near to one another as their uneven sides allow, set in pale grout."""
    chance = _Chance(drawing.image, generator)
    count, _, size, _ = drawing.image.shape
    # Many stones can show outlines too; few are better spent on what is within them.
    image = _unit(drawing.image) if size >= 128 else _without_ink(drawing)
    side = 0.25 * size**0.61  # of a stone, in pixels: 20 across a picture of 64, 35 across one of 256
    across = math.ceil(size / side)
    y, x = (axis / side for axis in _pixels(image))
    # A stone is what is nearest to its middle, and the middles are on a grid that a hand has laid.
    middles = torch.rand(count, across + 2, across + 2, 2, generator=chance.generator).to(image.device) * 0.5 + 0.25
    near = image.new_full((count, size, size), torch.inf)
    second = near.clone()
    stone = torch.zeros(count, size, size, dtype=torch.int64, device=image.device)
    for up in (-1, 0, 1):
        for left in (-1, 0, 1):
            row, column = y.long() + up + 1, x.long() + left + 1
            middle = middles[:, row, column]  # (B, H, W, 2)
            distance = torch.hypot(x - column + 1 - middle[..., 0], y - row + 1 - middle[..., 1])
            closer = distance < near
            second = torch.where(closer, near, torch.minimum(second, distance))
            stone = torch.where(closer, row * (across + 2) + column, stone)
            near = torch.minimum(near, distance)
    spots = (middles + torch.stack(_grid(across + 2, image)[::-1], dim=-1) - 1) * (2 * side / size) - 1
    colors = F.grid_sample(_blurred(image, 0.3 * side / 2), spots, padding_mode="border", align_corners=False)
    tone = 1 + 0.18 * (torch.rand(count, 1, across + 2, across + 2, generator=chance.generator) - 0.5)
    colors = (colors * tone.to(image.device)).clamp(0, 1).flatten(2)
    laid = colors.gather(2, stone.flatten(1)[:, None].expand(-1, 3, -1)).view_as(image)
    gap = ((second - near) * side)[:, None]  # twice the way to the stone's side, in pixels
    shine = ((gap / side).clamp(0, 0.5) - 0.15) * 0.22
    grout = (1.1 - gap / max(0.8, 0.12 * side)).clamp(0, min(1, side / 7))
    bed = torch.lerp(chance.paper(CEMENT, 0.05), _blurred(image, side), 0.35)
    return _signed(torch.lerp((laid + shine).clamp(0, 1), bed, grout))


def embroidery(drawing: Drawing, generator: torch.Generator | None = None) -> Tensor:
    """Stitches of shiny thread, slanting one way for each thing, on a dyed linen that shows its weave."""
    chance = _Chance(drawing.image, generator)
    image = _unit(drawing.image)
    size = image.shape[-1]
    unit = size / 64
    thread, length = max(1.7, 1.5 * unit), max(6.0, 6.5 * unit)
    y, x = _pixels(image)
    weave = 0.5 + 0.25 * (torch.cos(math.pi * x / max(1, unit)) - torch.cos(math.pi * y / max(1, unit)))
    cloth = _blurred(image, 0.6 * unit)
    page = torch.lerp(cloth, cloth.new_tensor(LINEN)[:, None, None].expand_as(cloth), 0.22)
    page = page * (0.84 + 0.16 * weave) * (0.95 + 0.1 * chance.grain(1))
    sewn = drawing.masks.sum(1, keepdim=True)
    page = page * (1 - 0.5 * (_blurred(sewn, 1.2 * unit) - sewn).clamp(0, 1))  # thread lies on the cloth
    fill = _without_ink(drawing, beyond=True)
    for slot, turn in enumerate((0.95, -0.85, 0.3)):
        mask = drawing.masks[:, slot : slot + 1]
        page = torch.lerp(page, _stitches(fill, chance, turn, thread, length), mask)
    twist = 0.75 + 0.5 * torch.cos((x + y) * (2 * math.pi / max(3, 2 * unit)))
    cord = page.new_tensor(GRAPHITE)[:, None, None] * twist
    return _signed(torch.lerp(page, cord.expand_as(page), 0.9 * _lines(drawing)))


def _stitches(image: Tensor, chance: _Chance, turn: float, thread: float, length: float) -> Tensor:
    """The picture in rows of stitches, `thread` wide and `length` long in pixels, each of the colour in its middle."""
    y, x = _pixels(image)
    cos, sin = math.cos(turn), math.sin(turn)
    along, aside = cos * x + sin * y, cos * y - sin * x
    row = (aside / thread).floor()
    shift = (row * 0.382 % 1) * length  # rows begin at different places, as bricks do
    column = ((along + shift) / length).floor()
    u, v = (along + shift) / length - column, aside / thread - row  # where in its stitch a pixel is, in 0 to 1
    middle, beside = (column + 0.5) * length - shift, (row + 0.5) * thread
    # A stitch is shorter where the colour changes: it takes the colour halfway between its middle and the pixel.
    middle = 0.35 * middle + 0.65 * along
    size = image.shape[-1]
    spot = torch.stack([cos * middle - sin * beside, sin * middle + cos * beside], dim=-1)
    spot = ((spot + 0.5) * 2 / size - 1).expand(len(image), -1, -1, -1)
    color = F.grid_sample(image, spot, padding_mode="border", align_corners=False)
    number = (row * 57 + column * 131) % 997 / 997
    shine = 0.70 + 0.34 * (math.pi * v).sin() + 0.12 * (math.pi * u).sin() + 0.10 * (number - 0.5)
    gloss = 0.16 * ((math.pi * v).sin() * (math.pi * u).sin()) ** 3
    return (color * shine + gloss).clamp(0, 1)


class _Chance:
    """What differs from one sheet of paper to the next."""

    def __init__(self, image: Tensor, generator: torch.Generator | None):
        self.image = image
        self.generator = generator or torch.Generator().manual_seed(0)

    def grain(self, channels: int) -> Tensor:
        """Noise in [0, 1] from pixel to pixel, (B, channels, H, W)."""
        shape = (len(self.image), channels, *self.image.shape[2:])
        return torch.rand(shape, generator=self.generator).to(self.image.device)

    def smooth(self, cells: int, channels: int) -> Tensor:
        """Noise in about [0, 1] that changes softly, `cells` times across the picture: (B, channels, H, W)."""
        coarse = torch.rand(len(self.image), channels, cells + 1, cells + 1, generator=self.generator)
        size = self.image.shape[2:]
        return F.interpolate(coarse.to(self.image.device), size, mode="bicubic", align_corners=True).clamp(0, 1)

    def bent(self, images: Tensor, by: float, cells: int) -> Tensor:
        """Images moved here and there by up to `by` pixels, as by a hand that is not quite steady."""
        size = images.shape[-1]
        axis = (torch.arange(size, device=images.device) + 0.5) * (2 / size) - 1
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        offset = (self.smooth(cells, 2) * 2 - 1) * (2 * by / size)
        spots = torch.stack([x, y], dim=-1) + offset.permute(0, 2, 3, 1)
        return F.grid_sample(images, spots, padding_mode="border", align_corners=False)

    def paper(self, color: tuple[float, float, float], rough: float) -> Tensor:
        """Paper (B, 3, H, W) in [0, 1], a little lighter and darker from grain to grain."""
        fine = self.grain(1) + self.smooth(max(2, self.image.shape[-1] // 2), 1) - 1
        return (self.image.new_tensor(color)[:, None, None] + rough * fine).clamp(0, 1)


def _without_ink(drawing: Drawing, beyond: bool = False) -> Tensor:
    """The pictures (B, 3, H, W) in [0, 1], with the dark lines of the things filled in from what is beside them, and
    their surroundings too as far as a line is thick, if `beyond`."""
    image = _unit(drawing.image)
    inside = drawing.masks.sum(1, keepdim=True)
    color = ((image.amax(1, keepdim=True) - 0.22) / 0.1).clamp(0, 1) * inside  # 0 where it is as dark as ink
    sigma = 1.1 * image.shape[-1] / 64
    near = _blurred(color, sigma)
    filled = _blurred(image * color, sigma) / near.clamp(min=0.02)
    return torch.lerp(image, filled, ((1 if beyond else inside) - color).clamp(0, 1) * (near / 0.12).clamp(0, 1))


def _lines(drawing: Drawing) -> Tensor:
    """The edges (B, 1, H, W), fainter in pictures so small that they would cover what they surround."""
    return drawing.edges[:, None] * min(1, drawing.edges.shape[-1] / 64)


def _pixels(image: Tensor) -> tuple[Tensor, Tensor]:
    """The row and the column of each pixel, (H, W) each."""
    return _grid(image.shape[-1], image)


def _grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = torch.arange(size, device=like.device, dtype=like.dtype)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return y, x


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels."""
    reach = max(1, math.ceil(2.5 * sigma))
    reach = min(reach, images.shape[-1] - 1)
    taps = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = (-(taps**2) / (2 * max(sigma, 0.2) ** 2)).exp()
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel[:, :, None], groups=images.shape[1])
    return F.conv2d(rows, kernel[..., None], groups=images.shape[1])


def _unit(images: Tensor) -> Tensor:
    return images / 2 + 0.5


def _signed(page: Tensor) -> Tensor:
    return page.clamp(0, 1) * 2 - 1


RENDITIONS: dict[str, Rendition] = {f.__name__: f for f in (sketch, watercolour, mosaic, embroidery)}
