"""The reader's arithmetic by hand, and the zoo's reader on renderings that it has never seen."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from t2ilab import metrics
from t2ilab.data.render import render
from t2ilab.data.scenes import ATTRIBUTES, Scene, all_scenes
from t2ilab.metrics import faithfulness, load_reader, read, save_reader
from t2ilab.nets.reader import Reader

VALUES = {attribute: list(names) for attribute, names in ATTRIBUTES.items()}
FULL = {"thing": "star", "color": "red", "size": "big", "place": "top", "background": "dark"}


class Told(nn.Module):
    """A reader that was told what to see: the first pixel's red is the number of the scene, negative is nothing."""

    values = VALUES

    def __init__(self, scenes):
        super().__init__()
        self.scenes, self.anything = scenes, nn.Parameter(torch.zeros(1))
        self.batches = []

    def forward(self, images):
        self.batches.append(len(images))
        numbers = (images[:, 0, 0, 0] * 10).round().long()
        logits = {}
        for attribute, names in VALUES.items():
            index = [names.index(getattr(self.scenes[max(0, n)], attribute)) for n in numbers.tolist()]
            logits[attribute] = F.one_hot(torch.tensor(index), len(names)).float()
        return logits, (numbers >= 0).float() * 2 - 1


def pictures(*numbers):
    return torch.tensor(numbers).view(-1, 1, 1, 1).expand(-1, 3, 4, 4) / 10


def test_shares_are_counted_as_by_hand():
    scenes = [Scene(**FULL), Scene(**FULL | {"color": "blue"}), Scene(**FULL | {"color": "blue", "size": "small"})]
    asked = [
        Scene(**FULL),  # seen: all right
        Scene(**FULL),  # seen: blue
        Scene(thing="star", size="big"),  # seen: small, blue; the colour was not asked for
        Scene(color="red"),  # seen: nothing
    ]
    result = faithfulness(pictures(0, 1, 2, -1), asked, Told(scenes))
    assert result.all == 1 / 4
    assert result.attributes == {
        "thing": 3 / 3,  # of three that asked
        "color": 1 / 3,
        "size": 2 / 3,
        "place": 2 / 2,
        "background": 2 / 2,
    }
    assert result.recognised == 3 / 4
    assert result.reads == (scenes[0], scenes[1], scenes[2], None)
    assert str(result).startswith("all attributes 25.0% (thing 100.0%, color 33.3%, size 66.7%,")


def test_half_asked_is_judged_by_what_was_asked():
    scene = Scene(**FULL)
    result = faithfulness(pictures(0, 0), [Scene(color="red"), Scene(color="blue")], Told([scene]))
    assert result.all == 0.5
    assert result.attributes == {"color": 0.5}


def test_batches_do_not_change_what_is_read():
    reader = Told([Scene(**FULL), Scene(**FULL | {"color": "pink"})])
    numbers = [0, 1, -1, 1, 0]
    assert read(pictures(*numbers), reader, batch_size=2) == [None if n < 0 else reader.scenes[n] for n in numbers]
    assert reader.batches == [2, 2, 1]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_picture_that_is_not_finite_shows_nothing_and_spoils_no_other(broken):
    images = pictures(0, 0, 0).clone()
    images[1, 2, 3, 3] = broken
    reader = Told([Scene(**FULL)])
    assert read(images, reader) == [reader.scenes[0], None, reader.scenes[0]]


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8), (2, 8, 8, 3)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be \(B, 3, H, W\); got"):
        read(torch.zeros(shape), Told([Scene(**FULL)]))


@pytest.mark.parametrize(("pictures_", "scenes"), [(2, 1), (0, 0)])
def test_one_scene_a_picture_is_needed(pictures_, scenes):
    with pytest.raises(ValueError, match=f"got {pictures_} pictures and {scenes} scenes"):
        faithfulness(torch.zeros(pictures_, 3, 8, 8), [Scene(**FULL)] * scenes, Told([Scene(**FULL)]))


def test_a_reader_is_saved_and_loaded(tmp_path):
    torch.manual_seed(0)
    reader = Reader(VALUES, 8)
    save_reader(reader, tmp_path)
    again = load_reader(tmp_path)
    assert not again.training
    assert again.to_dict() == reader.to_dict()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    for name, rows in reader.half().float()(images)[0].items():
        torch.testing.assert_close(again(images)[0][name], rows)


@pytest.mark.parametrize("config", ["{}", "[]", '{"values": {}, "wings": 2}', '{"values": 3}', "{"])
def test_a_broken_readers_folder_is_said(tmp_path, config):
    save_reader(Reader(VALUES, 8), tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(OSError, match=r"config\.json is not"):
        load_reader(tmp_path)


# ---- the zoo's reader -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scenes():
    return list(all_scenes())


def seen(scenes, size=32, seed=987_654_321):
    """Every scene, drawn with a jitter that no recipe has used."""
    return render(scenes, size, torch.Generator().manual_seed(seed))


def right(images, scenes):
    return sum(got == scene for got, scene in zip(read(images), scenes, strict=True)) / len(scenes)


def blur(images, share):
    """A share (B, 1, 1, 1) in [0, 1] of the mean over 3x3 pixels, the rest the picture."""
    return torch.lerp(images, F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1), share)


def test_the_reader_is_right_on_jittered_noisy_and_blurred_renderings(scenes):
    generator = torch.Generator().manual_seed(13)
    images = seen(scenes)
    assert right(images, scenes) >= 0.995
    share, strength = torch.rand(2, len(images), 1, 1, 1, generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    result = faithfulness(blur(images, 0.6 * share) + 0.12 * strength * noise, scenes)
    assert result.all >= 0.995
    for attribute, hits in result.attributes.items():
        assert hits >= 0.997, attribute


def test_it_reads_pictures_of_other_sizes(scenes):
    some = scenes[:: len(scenes) // 256]
    for size in (48, 64, 100):
        assert right(seen(some, size), some) >= 0.99


def test_it_sees_nothing_in_noise_blanks_and_broken_pictures(scenes):
    generator = torch.Generator().manual_seed(14)
    some = seen(scenes[::9])
    empty = {
        "noise": torch.randn(some.shape, generator=generator),
        "even noise": torch.rand(some.shape, generator=generator) * 2 - 1,
        "one colour": (torch.rand(len(some), 3, 1, 1, generator=generator) * 2 - 1).expand_as(some),
        "its own background": some[:, :, :1, :1].expand_as(some),
        "pixels shuffled": some.flatten(2)[:, :, torch.randperm(1024, generator=generator)].view_as(some),
        "not a number": some * math.nan,
    }
    for name, images in empty.items():
        nothing = sum(got is None for got in read(images)) / len(images)
        assert nothing >= 0.99, f"{name}: {nothing:.3f}"
    for level in (-1.0, 0.0, 1.0):
        assert read(torch.full((1, 3, 32, 32), level)) == [None]


def test_it_reads_the_same_whatever_else_is_in_the_batch(scenes):
    some = scenes[::50]
    images = seen(some)
    assert read(images) == [read(image[None])[0] for image in images]


def test_it_is_loaded_once():
    assert metrics.default_reader() is metrics.default_reader()
