"""Near copies: pictures laid upon each other, against what Pillow did to them; which rows go, against a slow loop."""

import random

import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance

from t2ilab.clip.retrieval import near_duplicates
from t2ilab.data.noisy import near_copy
from t2ilab.data.render import render
from t2ilab.data.scenes import complete
from t2ilab.data.understanding import understand
from t2ilab.images import from_pil, to_pil
from t2ilab.pipelines import copies
from t2ilab.pipelines.copies import ALIKE, AT_HALF, DIFFERENCE, difference, looks_of, near_copies

CAPTIONS = (
    "a red cat on the left at night",
    "a blue boat at sea",
    "a chef in the kitchen",
    "a robot riding a horse in a field",
    "a big green umbrella on a light background",
)


def drawn(captions=CAPTIONS, size=32):
    return render([complete(understand(caption)[0]) for caption in captions], size)


def cut(images, box):
    """The same box out of each, brought to the old size, by Pillow."""
    size = images.shape[-1]
    pictures = [p.resize((size, size), Image.Resampling.BICUBIC, box=box) for p in to_pil(images)]
    return from_pil(pictures)


def apart(a, b):
    return (a - b).square().mean((1, 2, 3)).sqrt()


def test_a_picture_is_no_different_from_itself():
    assert difference(drawn(), drawn()).max() < 1e-4


@pytest.mark.parametrize("box", [(2, 1, 32, 31), (0, 0, 30, 30), (1.2, 0.3, 31.4, 30.5)])
def test_a_cut_is_undone(box):
    images = drawn()
    other = cut(images, box)
    for first, second in ((images, other), (other, images)):
        assert difference(first, second).max() < 0.95 * DIFFERENCE
    assert difference(images, other.roll(1, 0)).min() > 2 * DIFFERENCE


def test_light_is_undone():
    images = drawn()
    darker = from_pil([ImageEnhance.Brightness(p).enhance(0.9) for p in to_pil(images)])
    assert difference(images, darker).max() < 0.2 * DIFFERENCE
    assert apart(images, darker).min() > 0.03


def test_one_thing_or_one_colour_makes_the_difference():
    others = drawn(
        (
            "a red dog on the left at night",
            "a green boat at sea",
            "a chef by day",
            "a robot riding a dog in a field",
            "a big green mushroom on a light background",
        )
    )
    images = drawn()
    assert difference(images, others).min() > 1.4 * DIFFERENCE
    chance = random.Random(0)
    near = torch.stack([near_copy(image, chance) for image in images])
    assert difference(images, near).max() < DIFFERENCE
    assert difference(images, near).min() > 0


def test_each_row_is_compared_by_itself():
    images, other = drawn(), cut(drawn(), (1, 1, 31, 31)).roll(2, 0)
    alone = torch.cat([difference(a[None], b[None]) for a, b in zip(images, other, strict=True)])
    assert difference(images, other) == pytest.approx(alone, abs=1e-4)


def test_flat_pictures_and_pictures_that_are_not_square():
    flat = torch.full((2, 3, 32, 32), -1.0)
    flat[1] = 0.5
    assert difference(flat, flat).max() < 1e-4
    assert difference(flat, flat.flip(0)).isfinite().all()
    wide = F.interpolate(drawn(), (32, 48), mode="bilinear")
    moved = from_pil([p.resize((48, 32), Image.Resampling.BICUBIC, box=(1, 1, 46, 31)) for p in to_pil(wide)])
    assert difference(wide, moved).max() < DIFFERENCE


def test_looks_are_small_bytes():
    images = drawn(size=64)
    looks = looks_of(images)
    assert (looks.shape, looks.dtype) == ((5, 3, 32, 32), torch.uint8)
    assert (looks.float() / 127.5 - 1 - F.avg_pool2d(images, 2)).abs().mean() < 0.03
    exact = drawn()
    assert (looks_of(exact).float() / 127.5 - 1 - exact).abs().max() < 0.01


def some_rows(count=30, seed=0):
    """Pictures, most of them copies of one another, and features in which other pictures may be near, too."""
    generator, chance = torch.Generator().manual_seed(seed), random.Random(seed)
    originals = drawn()
    pictures, features = [], []
    for _ in range(count):
        which = chance.randrange(len(originals))
        pictures.append(originals[which] if chance.random() < 0.3 else near_copy(originals[which], chance))
        features.append(torch.eye(8)[which // 2] + 0.3 * torch.randn(8, generator=generator))
    return torch.stack(features), looks_of(torch.stack(pictures))


def same(first, second, differs=DIFFERENCE):
    """Which rows are one picture: at half the size, and at their own."""
    first, second = first / 127.5 - 1, second / 127.5 - 1
    at_half = difference(F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)) <= AT_HALF * differs
    return at_half & (difference(first, second) <= differs)


def slow_copies(features, looks, alike, differs, texts=None):
    def cosine(a, b):
        return F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()

    def limit(a, b):
        return 1.18 if cosine(a, b) >= 0.9 else 0.82

    small = F.adaptive_avg_pool2d(looks.float(), 8)
    small = small - small.mean((1, 2, 3), keepdim=True)
    return [
        any(
            (cosine(features[i], features[j]) + cosine(small[i], small[j])) / 2 >= alike
            and same(looks[[i]], looks[[j]], differs * (1 if texts is None else limit(texts[i], texts[j])))
            for j in range(i)
        )
        for i in range(len(features))
    ]


@pytest.mark.parametrize("block", [1, 4, 1024])
def test_copies_are_those_of_a_slow_loop_whatever_the_block(block, monkeypatch):
    monkeypatch.setattr(copies, "BLOCK", block)
    monkeypatch.setattr(copies, "NEIGHBOURS", 100)
    monkeypatch.setattr(copies, "TOGETHER", 7)
    features, looks = some_rows()
    for alike, differs in ((0.8, DIFFERENCE), (0.5, 0.05)):
        want = slow_copies(features, looks, alike, differs)
        assert near_copies(features, looks, alike, differs).tolist() == want
        assert 0 < sum(want) < len(want)


@pytest.mark.parametrize("block", [4, 1024])
def test_captions_move_the_limit_as_in_a_slow_loop(block, monkeypatch):
    monkeypatch.setattr(copies, "BLOCK", block)
    monkeypatch.setattr(copies, "NEIGHBOURS", 100)
    monkeypatch.setattr(copies, "TOGETHER", 7)
    features, looks = some_rows()
    texts = 3.0 * torch.eye(4)[torch.arange(len(looks)) % 4]
    differs = 0.18  # in the midst of how far these copies differ
    dropped = {}
    for name, said in (("none", None), ("same", 5 * torch.ones(len(looks), 2)), ("four", texts)):
        want = slow_copies(features, looks, 0.5, differs, said)
        dropped[name] = near_copies(features, looks, 0.5, differs, said)
        assert dropped[name].tolist() == want
    counts = {name: int(rows.sum()) for name, rows in dropped.items()}
    assert counts["four"] < counts["none"] < counts["same"], counts


def test_what_is_called_the_same_may_differ_more():
    """One picture, and what it is with a spot upon it: as far from it as a copy is at most, nearly."""
    (image,) = drawn(CAPTIONS[:1])
    for strength in torch.arange(0.0, 1.0, 0.02):
        spotted = image.clone()
        spotted[:, 4:7, 4:7] += strength * (1 - 2 * (spotted[:, 4:7, 4:7] > 0))
        looks = looks_of(torch.stack([image, spotted]))
        first, second = looks.float() / 127.5 - 1
        far = difference(first[None], second[None]).item()
        if far > 0.29:
            break
    assert 0.28 < far < DIFFERENCE
    features, one = torch.ones(2, 3), torch.tensor([[1.0, 0.0], [2.0, 0.5]])
    assert near_copies(features, looks).tolist() == [False, True]
    assert near_copies(features, looks, texts=one).tolist() == [False, True]
    assert near_copies(features, looks, texts=torch.eye(2)).tolist() == [False, False]


def test_without_looks_the_features_decide():
    features, looks = some_rows()
    for alike in (0.7, 0.9):
        assert torch.equal(near_copies(features, None, alike), near_duplicates(features, alike))
    assert not torch.equal(near_copies(features, looks, 0.7), near_duplicates(features, 0.7))


def test_only_the_nearest_are_looked_at(monkeypatch):
    features, looks = some_rows(40)
    monkeypatch.setattr(copies, "NEIGHBOURS", 2)
    counted = []
    monkeypatch.setattr(copies, "difference", lambda a, b: counted.append(len(a)) or difference(a, b))
    near_copies(features, looks, 0.0)
    at_half = sum(counted[::2])  # each pair is compared at half the size, and then perhaps at its own
    assert 40 < at_half <= 3 * 40  # two for each, and, for each that is a copy of a copy, the original
    assert sum(counted[1::2]) < at_half


def test_of_many_copies_one_stays(monkeypatch):
    """Though the nearest of most are copies, which are dropped themselves."""
    monkeypatch.setattr(copies, "NEIGHBOURS", 3)
    (image,), chance = drawn(CAPTIONS[:1]), random.Random(0)
    looks = looks_of(torch.stack([image, *(near_copy(image, chance) for _ in range(24))]))
    features = torch.ones(25, 4) + 0.01 * torch.randn(25, 4, generator=torch.Generator().manual_seed(0))
    alone = ~same(looks[:1].expand(25, -1, -1, -1), looks)
    assert near_copies(features, looks).tolist()[0] is False
    assert (~near_copies(features, looks)).sum() <= 1 + alone.sum()


def test_a_copy_of_a_copy_is_one():
    (image,) = drawn(CAPTIONS[:1])
    spotted = [image.clone(), image.clone(), image.clone()]
    for strength, picture in zip((0.0, 0.5, 1.0), spotted, strict=True):
        picture[:, 4:7, 4:7] += strength * (1 - 2 * (picture[:, 4:7, 4:7] > 0))
    looks, features = looks_of(torch.stack(spotted)), torch.ones(3, 4)
    first, second, third = looks.float()[:, None] / 127.5 - 1
    differs = 0.8 * difference(first, third).item()
    assert max(difference(first, second).item(), difference(second, third).item()) < differs
    assert near_copies(features, looks, differs=differs).tolist() == [False, True, True]
    assert near_copies(features[::2], looks[::2], differs=differs).tolist() == [False, False]


def test_one_row_and_no_near_row():
    features, looks = some_rows(1)
    assert near_copies(features, looks).tolist() == [False]
    assert near_copies(torch.eye(5), looks_of(drawn()), ALIKE).tolist() == [False] * 5


def test_bad_input_is_refused():
    features, looks = some_rows(6)
    broken = features.clone()
    broken[2, 3] = float("nan")
    for rows in (broken,):
        for seen in (looks, None):
            with pytest.raises(ValueError, match="Features must be finite"):
                near_copies(rows, seen)
    for alike in (1.5, float("nan")):
        with pytest.raises(ValueError, match="A threshold is a cosine, from -1 to 1"):
            near_copies(features, looks, alike)
    with pytest.raises(ValueError, match="Features must be finite"):
        near_copies(features, looks, texts=broken)
    with pytest.raises(ValueError, match=r"Texts are \(6, D\), one a row, and go with looks; got \(6, 8\), without"):
        near_copies(features, texts=features)
    with pytest.raises(ValueError, match=r"got \(5, 8\), with looks"):
        near_copies(features, looks, texts=features[:5])
    with pytest.raises(ValueError, match=r"Looks are uint8 \(6, 3, 32, 32\), one a row; got torch.uint8 \(5, 3"):
        near_copies(features, looks[:5])
    with pytest.raises(ValueError, match=r"got torch\.float32"):
        near_copies(features, looks.float())
    with pytest.raises(ValueError, match=r"Both are \(B, 3, H, W\)"):
        difference(drawn(), drawn()[:2])
