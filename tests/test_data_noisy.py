"""A crawl with planted faults: the truth beside each pair is the truth, and all chance comes from the seed."""

import random

import pytest
import torch

from t2ilab.data.noisy import BANNERS, BUTTONS, NOISE, SAYS_NOTHING, SHOP, NoisyPairs, fits, near_copy
from t2ilab.data.scenes import Scene
from t2ilab.data.understanding import understand
from t2ilab.data.world import World

COUNT = 400


@pytest.fixture(scope="module")
def pairs():
    return NoisyPairs(size=16, seed=3)


@pytest.fixture(scope="module")
def items(pairs):
    return list(pairs.rows(COUNT))


def read(text):
    return understand(text)[0]


def things(scene):
    return [(one.thing, one.color, one.size, one.accent) for one in scene.chain()]


def contradicts(said, shown):
    """Slow and by names: is anything said that no arrangement of the shown scene has?"""
    if said.background not in (None, shown.background):
        return True
    if said.place is not None and said.place != shown.place:
        return True
    for asked in things(said):
        candidates = things(shown)
        for i, value in enumerate(asked):
            candidates = [thing for thing in candidates if value is None or thing[i] == value]
        if not candidates:
            return True
    return False


def same(a, b):
    return all(torch.equal(a[k], b[k]) if k == "image" else a[k] == b[k] for k in a) and a.keys() == b.keys()


def test_a_pair_is_a_function_of_the_seed_and_its_number(pairs, items):
    assert same(pairs[37], items[37])
    assert all(same(a, b) for a, b in zip(NoisyPairs(16, 3).rows(5, first=200), items[200:205], strict=True))
    assert not same(NoisyPairs(16, 4)[37], items[37])
    assert items[0]["image"].shape == (3, 16, 16)
    assert all(item["image"].abs().max() <= 1 for item in items)


def test_the_shares_are_as_asked(items):
    shares = [
        sum(item["mismatch"] for item in items) / COUNT,
        sum(item["copy_of"] is not None for item in items) / COUNT,
        sum(item["noise"] is not None for item in items) / COUNT,
    ]
    assert shares == pytest.approx([0.1, 0.1, 0.1], abs=0.04)  # 2.7 standard deviations
    assert {item["noise"] for item in items} == {None, *NOISE}
    many = list(NoisyPairs(16, 1, mismatch=0.4, copies=0.3, noise=0.5).rows(150))
    assert sum(item["mismatch"] for item in many) / 150 == pytest.approx(0.4, abs=0.11)
    assert sum(item["copy_of"] is not None for item in many) / 150 == pytest.approx(0.3, abs=0.11)
    assert sum(item["noise"] is not None for item in many) / 150 == pytest.approx(0.5, abs=0.11)


def test_without_faults_it_is_a_world():
    plain = list(NoisyPairs(16, mismatch=0, copies=0, noise=0).rows(30))
    assert not any(item["mismatch"] or item["noise"] or item["copy_of"] is not None for item in plain)
    assert not any(contradicts(read(item["caption"]), read(item["shows"])) for item in plain)
    drawn = {World(16, level="storybook").batch(i, 1)["image"].sum().item() for i in range(30)}
    assert not drawn & {
        item["image"].sum().item() for item in plain
    }  # what a model of seed 0 was trained on is not in it


def test_a_mismatch_contradicts_its_picture_and_nothing_else_does(items):
    for item in items:
        if item["noise"] is None:
            assert contradicts(read(item["caption"]), read(item["shows"])) == item["mismatch"], item["caption"]
    assert any(item["mismatch"] and item["noise"] for item in items)


def test_a_copy_is_of_an_earlier_good_pair_and_looks_like_it(items):
    copies = [(i, item) for i, item in enumerate(items) if item["copy_of"] is not None]
    reworded = 0
    for i, item in copies:
        original = items[item["copy_of"]]
        assert item["copy_of"] < i
        assert not original["mismatch"]
        assert original["copy_of"] is None
        assert not item["mismatch"]
        assert item["shows"] == original["shows"]
        difference = (item["image"] - original["image"]).abs().mean()
        assert 0 < difference < 0.25
        assert difference < (item["image"] - items[(i + 7) % COUNT]["image"]).abs().mean()
        if item["noise"] is None and original["noise"] is None:
            assert read(item["caption"]) == read(original["caption"])
            reworded += item["caption"] != original["caption"]
    assert 0.2 * len(copies) < reworded < 0.6 * len(copies)


def test_noise_says_nothing_of_a_picture_or_keeps_the_caption(items):
    for item in items:
        if item["noise"] in SAYS_NOTHING:
            assert read(item["caption"]) == Scene(), item["caption"]
            assert not item["mismatch"]
        elif item["noise"] == "around" and not item["mismatch"]:
            said = read(item["caption"])
            assert said != Scene()
            assert not contradicts(said, read(item["shows"]))
    for words in (*BUTTONS, *BANNERS, *SHOP):
        assert read(words) == Scene(), words
    assert any(item["caption"].endswith((".jpg", ".JPG", ".png", ".jpeg")) for item in items)


def test_partial_captions_say_less():
    def said(partial):
        return sum(len(read(p["caption"]).asked()) for p in NoisyPairs(16, 5, 0, 0, 0, partial).rows(40))

    assert said(1.0) < 0.8 * said(0.0)


def test_the_shapes_level_has_no_drawn_things():
    assert all(len(understand(p["shows"], "shapes")[1]) == 0 for p in NoisyPairs(16, level="shapes").rows(20))


def test_fits_is_generous():
    shown = read("a small red cat riding a big blue horse at night")
    for text in ("a cat", "a blue horse", "a horse riding a cat", "a red cat at night", "a shape"):
        assert fits(read(text), shown), text
    for text in ("a dog", "a blue cat", "a red cat by day", "a cat and a dog", "a cat on the left"):
        assert not fits(read(text), shown), text
    assert fits(read("a cat on the left"), read("a red cat on the left"))


def test_a_near_copy_keeps_its_size_and_its_range():
    image = 2 * torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0)) - 1
    first, second = (near_copy(image, random.Random(seed)) for seed in (1, 2))
    assert first.shape == image.shape
    assert first.abs().max() <= 1
    assert not torch.equal(first, second)
    assert torch.equal(first, near_copy(image, random.Random(1)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mismatch": 1.2}, "mismatch is a share, from 0 to 1; got 1.2"),
        ({"copies": -0.1}, "copies is a share, from 0 to 1; got -0.1"),
        ({"noise": float("nan")}, "noise is a share, from 0 to 1; got nan"),
        ({"mismatch": 0.7, "copies": 0.6}, "at most 1 together; got 0.7 and 0.6"),
        ({"level": "novel"}, "level must be one of"),
    ],
)
def test_bad_settings_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        NoisyPairs(**arguments)
    with pytest.raises(ValueError, match="counted from 0; got -1"):
        NoisyPairs()[-1]
