"""The readers of monsters, on drawings whose colours are known, and on pets and monsters that look like one."""

import pytest
import torch
from torch import nn

from t2ilab.data.monsters import PET, Monster, draw, monsters, pet_items
from t2ilab.data.render import PAINT
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
    chosen = monsters(240)
    return ColorReader(draw(chosen, 48), chosen)


@pytest.fixture(scope="module")
def pet_reader():
    return PetReader()


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
    assert share[[green, green + 11, green + 22]].sum() > 0.15
    assert shares(picture, everywhere=True)[0, 44] > share[44] + 0.2  # the paper itself
    assert palette().shape == (49, 3)


def test_colours_of_monsters_that_it_never_saw_are_read(learnt):
    unseen = monsters(48, held_out=True)
    pictures = draw(unseen, 48)
    assert learnt.right(pictures, unseen) > 0.85
    assert learnt.right(pictures, unseen[1:] + unseen[:1]) < 0.15
    assert learnt(pictures)[0] == {unseen[0].color, unseen[0].accent}


def test_a_reader_needs_a_monster_for_each_picture():
    with pytest.raises(ValueError, match="got 2 pictures and 1 monsters"):
        ColorReader(torch.zeros(2, 3, 48, 48), [PET])


# ---- the pet ---------------------------------------------------------------------------------------------------------


def test_the_pet_is_told_from_monsters_of_its_colours(pet_reader):
    assert pet_reader.share(pet_pictures(32, seed=7)) > 0.9
    assert pet_reader.share(torch.stack([item["image"] for item in pet_items()])) > 0.75
    others = torch.cat([other_pictures(64, seed=seed) for seed in range(7, 11)])
    assert others.shape == (256, 3, 64, 64)
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
