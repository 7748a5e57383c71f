"""The readers of monsters, on drawings whose colours are known, and the kernel distance against torchmetrics."""

import pytest
import torch
from torch import nn

from t2ilab.data.monsters import PET, Monster, draw, monsters, pet_items
from t2ilab.data.render import PAINT
from t2ilab.metrics import kernel_distance
from t2ilab.recipes.monster_scores import (
    ColorReader,
    PetReader,
    cielab,
    features,
    other_pictures,
    palette,
    pet_pictures,
    shares,
)


@pytest.fixture(scope="module")
def learnt():
    chosen = monsters()
    return ColorReader(draw(chosen, 48), chosen)


@pytest.fixture(scope="module")
def pet_reader():
    return PetReader(count=96)


# ---- the kernel distance ---------------------------------------------------------------------------------------------


def slow_distance(x, y):
    """Binkowski et al. 2018, eq. 4, pair by pair."""

    def k(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_the_kernel_distance_is_the_papers():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    y = 0.5 + torch.randn(9, 5, generator=generator, dtype=torch.float64)
    assert kernel_distance(x, y) == pytest.approx(slow_distance(x, y), rel=1e-12)


def test_the_kernel_distance_is_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance

    class Flat(nn.Module):
        num_features = 12

        def forward(self, images):
            return images.flatten(1)

    generator = torch.Generator().manual_seed(1)
    x, y = torch.rand(20, 3, 2, 2, generator=generator), torch.rand(20, 3, 2, 2, generator=generator) ** 2
    theirs = KernelInceptionDistance(Flat(), subsets=1, subset_size=20, normalize=False).double()
    theirs.set_dtype(torch.float64)
    theirs.update(x.double(), real=True)
    theirs.update(y.double(), real=False)
    assert kernel_distance(y.flatten(1), x.flatten(1)) == pytest.approx(theirs.compute()[0].item(), rel=1e-9)


def test_the_kernel_distance_has_no_bias():
    """Of one source it is 0 on average; with pictures compared with themselves it would lie far above."""
    generator = torch.Generator().manual_seed(2)
    found = [kernel_distance(*torch.randn(2, 6, 16, generator=generator)) for _ in range(300)]
    assert abs(sum(found)) / 300 < 0.15
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (torch.zeros(1, 4), torch.zeros(3, 4), r"two of each; got \(1, 4\) and \(3, 4\)"),
        (torch.zeros(3, 4), torch.zeros(3, 5), r"got \(3, 4\) and \(3, 5\)"),
        (torch.zeros(3), torch.zeros(3, 5), "needs features"),
        (torch.full((3, 5), float("nan")), torch.zeros(3, 5), "must be finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(x, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        kernel_distance(x, y)


# ---- colours ---------------------------------------------------------------------------------------------------------


def test_cielab_is_scikit_images():
    """Black, white, grey and the primaries, as CIE 15 has them for D65."""
    rgb = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    expected = torch.tensor(
        [
            [0.0, 0, 0],
            [100, 0, 0],
            [53.39, 0, 0],
            [53.24, 80.09, 67.20],
            [87.73, -86.18, 83.18],
            [32.30, 79.19, -107.86],
        ]
    )
    torch.testing.assert_close(cielab(rgb), expected, rtol=0, atol=0.15)


def test_shares_are_of_what_is_on_the_paper():
    picture = draw([Monster("green", "red")], 48)
    share = shares(picture)[0]
    assert share.sum() == pytest.approx(1, abs=1e-5)
    green = list(PAINT).index("green")
    assert share[[green, green + 11, green + 22]].sum() > 0.25
    assert shares(picture, everywhere=True)[0, 44] > share[44] + 0.2  # the paper itself
    assert palette().shape == (49, 3)


def test_colours_of_monsters_that_it_never_saw_are_read(learnt):
    unseen = monsters(96, held_out=True)
    pictures = draw(unseen, 48)
    assert learnt.right(pictures, unseen) > 0.9
    assert learnt.right(pictures, unseen[1:] + unseen[:1]) < 0.15
    assert learnt(pictures)[0] == {unseen[0].color, unseen[0].accent}


def test_a_reader_needs_a_monster_for_each_picture():
    with pytest.raises(ValueError, match="got 2 pictures and 1 monsters"):
        ColorReader(torch.zeros(2, 3, 48, 48), [PET])


# ---- the pet ---------------------------------------------------------------------------------------------------------


def test_the_pet_is_told_from_monsters_of_its_colours(pet_reader):
    assert pet_reader.share(pet_pictures(32, seed=7)) > 0.9
    assert pet_reader.share(torch.stack([item["image"] for item in pet_items()])) > 0.75
    others = other_pictures(64, seed=7)
    assert others.shape == (64, 3, 64, 64)
    assert pet_reader.share(others) < 0.12


def test_a_reader_may_look_through_something_else():
    calls = []

    def blur(images):
        calls.append(len(images))
        return nn.functional.avg_pool2d(images, 3, 1, 1)

    reader = PetReader(through=blur, count=16)
    assert sum(calls) == 32
    assert len(reader(pet_pictures(2))) == 2


def test_features_have_the_length_that_the_distance_takes():
    seen = features(pet_pictures(2))
    assert seen.square().sum(1).tolist() == pytest.approx([seen.shape[1]] * 2, rel=1e-4)
