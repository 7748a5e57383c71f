"""What counts as shown, the shares by hand, and the zoo's reader on renderings that it has never seen."""

import math
import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from t2ilab import metrics, zoo
from t2ilab.data.layout import layout
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, all_scenes, complete, is_held_out
from t2ilab.data.words import ALL_COLORS, SIZES, SURROUNDINGS, THINGS
from t2ilab.data.world import storybook_scene
from t2ilab.metrics import Reading, Seen, faithfulness, load_reader, read, save_reader
from t2ilab.nets.reader import Logits, Reader

OF_THINGS = {
    "thing": list(THINGS),
    "color": list(ALL_COLORS),
    "accent": ["none", *ALL_COLORS],
    "size": list(SIZES),
    "role": ["none", "riding", "in", "heading towards"],
}
OF_THE_WHOLE = {"background": list(SURROUNDINGS)}
GRID = 16
STAR = Scene("star", "red", "big", "top", "dark")


def cell(v):
    """The middle of the cell that v in [-1, 1] is in, which is what a reading says of it."""
    return (2 * int((v + 1) * GRID / 2) + 1) / GRID - 1


def seen(thing, x=0.0, y=0.0, color="red", accent="none", size="big", role="none"):
    return Seen(thing, color, accent, size, role, cell(x), cell(y))


def reading(*things, background="dark"):
    return Reading(things, background)


def truth(scene):
    """The reading of a scene's plain picture by somebody who makes no mistake."""
    roles = {one.thing: one.relation if one.relation in OF_THINGS["role"] else "none" for one in scene.chain()}
    return Reading(
        tuple(
            seen(p.scene.thing, p.x, p.y, p.scene.color, p.scene.accent or "none", p.scene.size, roles[p.scene.thing])
            for p in layout(scene)
        ),
        scene.background,
    )


# ---- what counts as shown ------------------------------------------------------------------------------------------


def test_everything_that_is_asked_of_one_thing_is_counted():
    assert reading(seen("star", 0, -0.5)).shows(STAR) == {
        "thing": True,
        "color": True,
        "size": True,
        "place": True,
        "background": True,
        "number": True,
    }
    wrong = {
        "thing": reading(seen("ring", 0, -0.5)),
        "color": reading(seen("star", 0, -0.5, color="blue")),
        "size": reading(seen("star", 0, -0.5, size="small")),
        "place": reading(seen("star", 0.5, -0.5)),
        "background": reading(seen("star", 0, -0.5), background="sea"),
        "number": reading(seen("star", 0, -0.5), seen("cat", 0.5, 0.5)),
    }
    for name, got in wrong.items():
        right = got.shows(STAR)
        assert {a for a, hit in right.items() if not hit} == {name}


def test_only_what_was_asked_is_counted():
    got = reading(seen("star", 0, -0.5))
    assert got.shows(Scene()) == {}
    assert got.shows(Scene(color="blue")) == {"color": False}
    assert got.shows(Scene(background="dark", size="big")) == {"background": True, "size": True}
    assert got.shows(Scene(place="top")) == {"place": True}


def test_the_second_colour_counts_where_it_is_asked_for():
    robot = Scene("robot", "red", accent="grey")
    assert reading(seen("robot", accent="grey")).shows(robot)["accent"]
    assert not reading(seen("robot", accent="light blue")).shows(robot)["accent"]
    assert not reading(seen("robot")).shows(robot)["accent"]
    assert "accent" not in reading(seen("robot")).shows(Scene("robot", "red"))


def test_a_picture_without_things_shows_only_its_ground():
    right = reading(background="dark").shows(STAR)
    assert {a for a, hit in right.items() if hit} == {"background"}


def two(first, relation, second, **whole):
    return Scene(first, relation=relation, other=Scene(second), **whole)


def test_the_wrong_thing_in_the_right_colour_has_the_right_colour():
    reading = Reading((Seen("dog", "red", "white", "big", "none", 0.0, 0.0),), "day")
    shown = reading.shows(Scene("cat", "red", "small", "center", "day"))
    assert shown == {
        "thing": False,
        "color": True,
        "size": False,
        "place": True,
        "background": True,
        "number": True,
    }


def test_two_things_are_counted_each_with_its_own_colour():
    asked = Scene("cat", "red", relation="and", other=Scene("dog", "blue", "small"), background="sea")
    got = reading(seen("dog", 0.5, 0, "blue", size="small"), seen("cat", -0.5, 0, "red"), background="sea")
    assert got.shows(asked) == {
        "thing": True,
        "color": True,
        "second thing": True,
        "second color": True,
        "second size": True,
        "background": True,
        "relation": True,
        "number": True,
    }
    swapped = reading(seen("dog", 0.5, 0, "red", size="small"), seen("cat", -0.5, 0, "blue"), background="sea")
    assert [a for a, hit in swapped.shows(asked).items() if not hit] == ["color", "second color"]
    alone = reading(seen("cat"), background="sea").shows(asked)
    assert [a for a, hit in alone.items() if not hit] == [
        "second thing",
        "second color",
        "second size",
        "relation",
        "number",
    ]


@pytest.mark.parametrize(
    ("relation", "x", "y"), [("left of", -0.5, 0.0), ("right of", 0.5, 0.0), ("above", 0.0, -0.5), ("below", 0.0, 0.5)]
)
def test_beside_and_above_need_a_margin_in_their_own_direction(relation, x, y):
    asked = two("cat", relation, "dog")

    def holds(x, y):
        cat, dog = (Seen(name, "red", "none", "big", "none", *at) for name, at in (("cat", (x, y)), ("dog", (0, 0))))
        return reading(cat, dog).shows(asked)["relation"]

    assert holds(x, y)
    assert not holds(-x, -y)
    assert not holds(y, x)
    assert not holds(0.15 * x, 0.15 * y)  # hardly to one side
    assert holds(x + 0.5 * y, y + 0.5 * x)
    assert not holds(x + 1.4 * y, y + 1.4 * x)  # further the other way


@pytest.mark.parametrize("relation", ["riding", "in"])
def test_riding_needs_the_role_and_the_mount_nearest(relation):
    asked = two("cat", relation, "horse")
    assert reading(seen("cat", 0, -0.3, role=relation), seen("horse", 0, 0.3)).shows(asked)["relation"]
    assert not reading(seen("cat", 0, -0.3), seen("horse", 0, 0.3)).shows(asked)["relation"]
    assert not reading(seen("cat", 0, -0.3), seen("horse", 0, 0.3, role=relation)).shows(asked)["relation"]
    far = reading(seen("cat", -0.6, -0.3, role=relation), seen("horse", 0.6, 0.3), seen("dog", -0.6, 0.3))
    assert not far.shows(asked)["relation"]
    assert not far.shows(asked)["number"]


def test_heading_towards_needs_the_role_alone():
    asked = two("rocket", "heading towards", "moon")
    aim = seen("moon", 0.6, -0.6)
    assert reading(seen("rocket", -0.4, 0.4, role="heading towards"), aim).shows(asked)["relation"]
    assert not reading(seen("rocket", -0.4, 0.4), aim).shows(asked)["relation"]
    assert not reading(seen("rocket", -0.4, 0.4, role="riding"), aim).shows(asked)["relation"]


def test_three_things_are_counted_link_by_link():
    asked = Scene("brain", relation="riding", other=two("rocket", "heading towards", "moon"), background="night")
    brain, moon = seen("brain", -0.4, 0.0, role="riding"), seen("moon", 0.6, -0.6)
    rocket = seen("rocket", -0.3, 0.5, role="heading towards")
    right = reading(brain, rocket, moon, background="night").shows(asked)
    assert right == dict.fromkeys(
        ["thing", "second thing", "third thing", "background", "relation", "second relation", "number"], True
    )
    still = reading(brain, seen("rocket", -0.3, 0.5), moon, background="night").shows(asked)
    assert [a for a, hit in still.items() if not hit] == ["second relation"]
    walking = reading(seen("brain", -0.4, 0.0), rocket, moon, background="night").shows(asked)
    assert [a for a, hit in walking.items() if not hit] == ["relation"]
    moonless = reading(brain, rocket, background="night").shows(asked)
    assert [a for a, hit in moonless.items() if not hit] == ["third thing", "second relation", "number"]


def test_things_without_a_name_are_whatever_else_is_there():
    got = reading(seen("cat", -0.5, 0, "red"), seen("dog", 0.5, 0, "blue"))
    asked = Scene(color="blue", relation="right of", other=Scene("cat"))
    assert got.shows(asked) == {"color": True, "second thing": True, "relation": True}
    nobody = Scene(relation="riding", other=Scene())
    assert reading(seen("cat", role="riding")).shows(nobody) == {"relation": False}
    assert reading().shows(nobody) == {"relation": False}


def test_the_layout_shows_what_its_scene_says():
    """So that a reader which makes no mistake is right everywhere."""
    rng = random.Random(0)
    for scene in [*list(all_scenes())[::5], *(storybook_scene(rng) for _ in range(3000))]:
        right = truth(scene).shows(scene)
        assert all(right.values()), (scene, right)


# ---- the shares ----------------------------------------------------------------------------------------------------


class Told(nn.Module):
    """A reader that was told what to see: the first pixel's red is the number of the reading, negative is nothing."""

    things, whole = OF_THINGS, OF_THE_WHOLE

    def __init__(self, *readings):
        super().__init__()
        self.readings, self.anything = readings, nn.Parameter(torch.zeros(1))
        self.batches = []

    def forward(self, images):
        self.batches.append(len(images))
        numbers = (images[:, 0, 0, 0] * 10).round().long().tolist()
        center = torch.full((len(numbers), GRID, GRID), -9.0)
        things = {a: torch.zeros(len(numbers), len(v), GRID, GRID) for a, v in OF_THINGS.items()}
        ground = torch.zeros(len(numbers), len(SURROUNDINGS))
        for i, n in enumerate(numbers):
            got = self.readings[max(0, n)]
            ground[i, list(SURROUNDINGS).index(got.background)] = 1
            for k, one in enumerate(got.things):
                x, y = (int((v + 1) * GRID / 2) for v in (one.x, one.y))
                center[i, y, x] = 9 - k  # the first is the clearest
                for attribute, values in OF_THINGS.items():
                    things[attribute][i, values.index(getattr(one, attribute)), y, x] = 1
        recognised = torch.tensor([1.0 if n >= 0 else -1.0 for n in numbers])
        return Logits(center, things, {"background": ground}, recognised)


def pictures(*numbers):
    return torch.tensor(numbers).view(-1, 1, 1, 1).expand(-1, 3, 4, 4) / 10


FULL = reading(seen("star", 0, -0.5))
BLUE = reading(seen("star", 0, -0.5, color="blue"))
SMALL_BLUE = reading(seen("star", 0, -0.5, color="blue", size="small"))


def test_shares_are_counted_as_by_hand():
    asked = [
        STAR,  # seen: all right
        STAR,  # seen: blue
        Scene(thing="star", size="big"),  # seen: small, blue; the colour was not asked for
        Scene(color="red"),  # seen: nothing
    ]
    result = faithfulness(pictures(0, 1, 2, -1), asked, Told(FULL, BLUE, SMALL_BLUE))
    assert result.all == 1 / 4
    assert result.attributes == {
        "thing": 3 / 3,  # of three that asked
        "color": 1 / 3,
        "size": 2 / 3,
        "place": 2 / 2,
        "background": 2 / 2,
        "number": 3 / 3,
    }
    assert result.recognised == 3 / 4
    assert result.reads == (FULL, BLUE, SMALL_BLUE, None)
    assert str(result).startswith("all attributes 25.0% (thing 100.0%, color 33.3%, size 66.7%,")


def test_half_asked_is_judged_by_what_was_asked():
    result = faithfulness(pictures(0, 0), [Scene(color="red"), Scene(color="blue")], Told(FULL))
    assert result.all == 0.5
    assert result.attributes == {"color": 0.5}


def test_a_picture_in_which_nothing_is_recognised_shows_nothing_even_if_nothing_was_asked():
    result = faithfulness(pictures(0, -1), [Scene(), Scene()], Told(FULL))
    assert (result.all, result.attributes, result.recognised) == (0.5, {}, 0.5)


def test_several_things_are_counted_by_name_and_number():
    riding = reading(seen("cat", 0, -0.3, role="riding"), seen("horse", 0, 0.3), background="sea")
    result = faithfulness(pictures(0, 1), [two("cat", "riding", "horse")] * 2, Told(riding, FULL))
    assert result.all == 0.5
    assert result.attributes == dict.fromkeys(["thing", "second thing", "relation", "number"], 0.5)
    assert result.reads == (riding, FULL)


def test_a_reading_has_three_things_at_most_and_each_kind_once():
    crowd = reading(
        *(seen(t, x, x) for t, x in (("cat", -0.8), ("dog", -0.3), ("cat", 0.2), ("sun", 0.5), ("moon", 0.8)))
    )
    (got,) = read(pictures(0), Told(crowd))
    assert [one.thing for one in got.things] == ["cat", "dog", "sun"]
    assert got.things[0].x == crowd.things[0].x


def test_of_two_neighbouring_cells_only_the_peak_is_a_thing():
    near = reading(seen("cat", 0.0, 0.0), seen("dog", 0.125, 0.0))  # one cell apart: one bump
    (got,) = read(pictures(0), Told(near))
    assert [one.thing for one in got.things] == ["cat"]


def test_without_a_middle_nothing_is_recognised():
    assert read(pictures(0), Told(reading())) == [None]


def test_batches_do_not_change_what_is_read():
    reader = Told(FULL, reading(seen("cat", 0.3, 0.3, "pink"), background="kitchen"))
    numbers = [0, 1, -1, 1, 0]
    assert read(pictures(*numbers), reader, batch_size=2) == [None if n < 0 else reader.readings[n] for n in numbers]
    assert reader.batches == [2, 2, 1]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_picture_that_is_not_finite_shows_nothing_and_spoils_no_other(broken):
    images = pictures(0, 0, 0).clone()
    images[1, 2, 3, 3] = broken
    assert read(images, Told(FULL)) == [FULL, None, FULL]


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8), (2, 8, 8, 3)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be \(B, 3, H, W\); got"):
        read(torch.zeros(shape), Told(FULL))


@pytest.mark.parametrize(("pictures_", "scenes"), [(2, 1), (0, 0)])
def test_one_scene_a_picture_is_needed(pictures_, scenes):
    with pytest.raises(ValueError, match=f"got {pictures_} pictures and {scenes} scenes"):
        faithfulness(torch.zeros(pictures_, 3, 8, 8), [STAR] * scenes, Told(FULL))


def test_a_reader_is_saved_and_loaded(tmp_path):
    torch.manual_seed(0)
    reader = Reader(OF_THINGS, OF_THE_WHOLE, 8)
    save_reader(reader, tmp_path)
    again = load_reader(tmp_path)
    assert not again.training
    assert again.to_dict() == reader.to_dict()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    expected, got = reader.half().float()(images), again(images)
    torch.testing.assert_close(got.center, expected.center)
    for name, rows in expected.things.items():
        torch.testing.assert_close(got.things[name], rows)


def test_a_save_that_fails_leaves_the_reader_that_was_there(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("the disk is full")

    save_reader(Reader(OF_THINGS, OF_THE_WHOLE, 8), tmp_path)
    monkeypatch.setattr("t2ilab.interop.weights.write_tensors", full)
    with pytest.raises(OSError, match="the disk is full"):
        save_reader(Reader(OF_THINGS, OF_THE_WHOLE, 16), tmp_path)
    assert load_reader(tmp_path).to_dict() == Reader(OF_THINGS, OF_THE_WHOLE, 8).to_dict()


@pytest.mark.parametrize(
    "config", ["{}", "[]", '{"things": {}, "whole": {}, "wings": 2}', '{"things": 3, "whole": 3}', "{",
               '{"things": {}, "whole": {}, "size": 30}']
)  # fmt: skip
def test_a_broken_readers_folder_is_said(tmp_path, config):
    save_reader(Reader(OF_THINGS, OF_THE_WHOLE, 8), tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(OSError, match=r"config\.json is not"):
        load_reader(tmp_path)


def test_an_untrained_reader_reads_anything_without_falling_over():
    torch.manual_seed(0)
    reader = Reader(OF_THINGS, OF_THE_WHOLE, 8).eval()
    images = torch.cat([torch.randn(6, 3, 20, 40) * 3, torch.zeros(1, 3, 20, 40)])
    for got in read(images, reader):
        assert got is None or 1 <= len(got.things) <= 3


# ---- the zoo's reader -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes():
    return list(all_scenes())


@pytest.fixture(scope="module")
def pages():
    rng = random.Random("pages that no recipe has seen")
    return [storybook_scene(rng) for _ in range(1500)]


def drawn(scenes, size=32, seed=987_654_321):
    """Every scene, drawn with a jitter that no recipe has used."""
    return render(scenes, size, torch.Generator().manual_seed(seed))


def told(scene):
    from t2ilab.recipes.reader import told

    return told(scene)


def right(images, scenes):
    return faithfulness(images, [told(scene) for scene in scenes]).all


def blur(images, share):
    """A share (B, 1, 1, 1) in [0, 1] of the mean over 3x3 pixels, the rest the picture."""
    return torch.lerp(images, F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1), share)


def harmed(images, seed=13):
    """With some blur and some noise."""
    generator = torch.Generator().manual_seed(seed)
    share, strength = torch.rand(2, len(images), 1, 1, 1, generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    return blur(images, 0.6 * share) + 0.12 * strength * noise


def test_the_reader_is_right_on_jittered_noisy_and_blurred_shapes(shapes):
    images = drawn(shapes)
    assert right(images, shapes) >= 0.995
    result = faithfulness(harmed(images), shapes)
    assert result.all >= 0.995
    for attribute, hits in result.attributes.items():
        assert hits >= 0.997, attribute


def test_the_reader_is_right_on_the_storybook_and_on_what_training_never_sees(pages):
    images = drawn(pages)
    result = faithfulness(images, [told(scene) for scene in pages])
    assert result.all >= 0.96, str(result)
    held_out = [i for i, scene in enumerate(pages) if is_held_out(scene)]
    assert len(held_out) > 100
    assert right(images[held_out], [pages[i] for i in held_out]) >= 0.92
    assert right(harmed(images), pages) >= 0.93


def test_the_reader_names_every_thing():
    for size in SIZES:
        scenes = [complete(Scene(thing, size=size)) for thing in THINGS] * 30
        hits = dict.fromkeys(THINGS, 0)
        for got, scene in zip(read(drawn(scenes)), scenes, strict=True):
            hits[scene.thing] += got is not None and [one.thing for one in got.things] == [scene.thing]
        assert min(hits.values()) >= 29, hits  # of 30


def test_it_reads_pictures_of_other_sizes(shapes):
    some = shapes[:: len(shapes) // 256]
    for size in (48, 64, 100):
        assert right(drawn(some, size), some) >= 0.99


def test_it_reads_storybook_pictures_of_other_sizes(pages):
    for size in (48, 64):
        assert right(drawn(pages[:256], size), pages[:256]) >= 0.95


def test_it_sees_nothing_in_noise_blanks_and_broken_pictures(shapes, pages):
    generator = torch.Generator().manual_seed(14)
    some = drawn([*shapes[::18], *pages[:128]])
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


def test_it_reads_the_same_whatever_else_is_in_the_batch(shapes, pages):
    images = drawn([*shapes[::100], *pages[:30]])
    assert read(images) == [read(image[None])[0] for image in images]


def test_the_zoos_reader_is_loaded_once_and_knows_the_whole_world():
    assert metrics.default_reader() is metrics.default_reader()
    assert metrics.default_reader().things == OF_THINGS
    assert metrics.default_reader().whole == OF_THE_WHOLE
    assert load_reader(zoo.folder("reader")).to_dict() == metrics.default_reader().to_dict()
