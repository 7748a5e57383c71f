"""The filter's threshold, what is kept, and how right that was: against slow counts and a truth that is known."""

import random

import pytest
import torch
import torch.nn.functional as F
from toy_pairs import Oracle, Toy

from t2ilab.data.noisy import SAYS_NOTHING
from t2ilab.pipelines.copies import near_copies
from t2ilab.pipelines.embedding import Embedded, load_embedded
from t2ilab.pipelines.index import PairIndex
from t2ilab.pipelines.pairs import SHIFTS, Cleaned, build, choose_threshold, clean_pairs, measure


def rows(count=60, width=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    texts = torch.randn(count, width, generator=generator)
    return texts + torch.randn(count, width, generator=generator) * 0.7, 3 * texts


def cosine(a, b):
    return F.cosine_similarity(a, b, dim=0).item()


def test_a_threshold_is_taken_as_it_is():
    assert choose_threshold(*rows(), threshold=0.3) == 0.3
    assert choose_threshold(*rows(), threshold=-1) == -1


@pytest.mark.parametrize("keep", [0.01, 0.25, 0.9, 1.0])
def test_a_share_is_kept(keep):
    images, texts = rows()
    found = choose_threshold(images, texts, keep=keep)
    cosines = sorted((cosine(i, t) for i, t in zip(images, texts, strict=True)), reverse=True)
    assert found == pytest.approx(cosines[max(1, round(60 * keep)) - 1], abs=1e-6)
    kept = clean_pairs(embedded(images, texts), keep=keep, look=False, alike=1.0).fits
    assert kept.sum() == max(1, round(60 * keep))


@pytest.mark.parametrize("strangers", [None, 0.05, 0.5])
def test_so_many_captions_of_others_would_pass(strangers):
    images, texts = rows()
    cosines = [cosine(images[i], texts[(i - shift) % 60]) for i in range(60) for shift in SHIFTS]
    found = choose_threshold(images, texts, strangers=strangers)
    passing = sum(value >= found - 1e-6 for value in cosines)
    assert passing == round((0.01 if strangers is None else strangers) * len(cosines))


def test_strangers_are_never_the_pair_itself():
    for count in (2, 3, 8, 13):
        unit = torch.eye(count)
        assert choose_threshold(unit, unit, strangers=0.01) == 0


def embedded(images, texts, pairs=None):
    looks = torch.zeros(len(images), 3, 32, 32, dtype=torch.uint8)
    return Embedded(images, texts, looks, pairs or [{}] * len(images), {})


def test_copies_are_sought_among_those_that_fit():
    images = torch.tensor([[1.0, 0.0], [1.0, 0.01], [1.0, 0.02], [0.0, 1.0]])
    texts = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    cleaned = clean_pairs(embedded(images, texts), threshold=0.5, look=False, alike=0.9)
    assert cleaned.fits.tolist() == [False, True, True, True]
    assert cleaned.copies.tolist() == [False, False, True, False]  # the first is gone, so the second stays
    assert cleaned.kept.tolist() == [False, True, False, True]
    assert str(cleaned) == "2 of 4 pairs are kept: 1 have a cosine below 0.500, and 1 are near copies."
    nothing = clean_pairs(embedded(images[:1], texts[:1]), threshold=0.5)
    assert nothing.kept.tolist() == [False]


def test_pictures_are_looked_at_where_it_is_asked_for():
    generator = torch.Generator().manual_seed(0)
    images = torch.ones(6, 3)
    looks = torch.randint(0, 255, (6, 3, 32, 32), generator=generator, dtype=torch.uint8)
    looks[3] = looks[0]
    all_pairs = Embedded(images, images, looks, [{}] * 6, {})
    assert clean_pairs(all_pairs, threshold=0.5, look=False).copies.tolist() == [False] + [True] * 5
    seen = clean_pairs(all_pairs, threshold=0.5)
    assert seen.copies.tolist() == near_copies(images, looks).tolist() == [False, False, False, True, False, False]


def test_captions_are_a_second_witness(monkeypatch):
    witness = []

    def heard(features, looks, alike, texts):
        witness.append(texts)
        return torch.zeros(len(features), dtype=torch.bool)

    monkeypatch.setattr("t2ilab.pipelines.pairs.near_copies", heard)
    images = torch.eye(4) + 0.1
    texts = images.flip(0) + images
    texts[0] = -images[0]
    clean_pairs(embedded(images, texts), threshold=0.0)
    clean_pairs(embedded(images, texts), threshold=0.0, look=False)
    assert torch.equal(witness[0], texts[1:])
    assert witness[1] is None


def test_wrong_wishes_are_refused():
    images, texts = rows()
    for more, words in (
        ({"threshold": 0.3, "keep": 0.5}, "Give threshold, keep or strangers, one of them; got 0.3, 0.5 and None"),
        ({"threshold": 1.5}, "from -1 to 1; got 1.5"),
        ({"threshold": -1.01}, "from -1 to 1; got -1.01"),
        ({"threshold": float("nan")}, "from -1 to 1; got nan"),
        ({"keep": 0.0}, "more than 0 and at most 1; got 0.0"),
        ({"keep": 1.2}, "at most 1; got 1.2"),
        ({"strangers": -0.1}, "at most 1; got -0.1"),
    ):
        with pytest.raises(ValueError, match=words):
            choose_threshold(images, texts, **more)
    with pytest.raises(ValueError, match="at least two pairs; got 1"):
        choose_threshold(images[:1], texts[:1])
    with pytest.raises(ValueError, match="come in pairs"):
        choose_threshold(images, texts[:9])
    with pytest.raises(ValueError, match="finite"):
        choose_threshold(images * float("inf"), texts)
    with pytest.raises(ValueError, match="from -1 to 1; got 2"):
        clean_pairs(embedded(images, texts), alike=2)


def some_truth(count=200, seed=0):
    """Pairs with a truth and decisions of chance over them."""
    chance = random.Random(seed)
    pairs = []
    for i in range(count):
        copy_of = chance.choice([None, None, chance.randrange(i)]) if i else None
        if copy_of is not None and pairs[copy_of]["copy_of"] is not None:
            copy_of = pairs[copy_of]["copy_of"]
        shows = pairs[copy_of]["shows"] if copy_of is not None else f"scene {chance.randrange(40)}"
        noise = chance.choice([None, None, "around", "banner", "file name"])
        pairs.append({"pair": i, "copy_of": copy_of, "mismatch": chance.random() < 0.3, "noise": noise, "shows": shows})
    fits = torch.tensor([chance.random() < 0.7 for _ in pairs])
    return pairs, Cleaned(fits, fits & torch.tensor([chance.random() < 0.5 for _ in pairs]), 0.3)


def test_scores_are_those_of_a_slow_count():
    pairs, cleaned = some_truth()
    wrong = [pair["mismatch"] or pair["noise"] in SAYS_NOTHING for pair in pairs]
    fits, copies = cleaned.fits.tolist(), cleaned.copies.tolist()
    right = right_drops = drops = true = found = 0
    for i, pair in enumerate(pairs):
        if not fits[i]:
            continue
        before = [pairs[j] for j in range(i) if fits[j]]
        me = pair["pair"] if pair["copy_of"] is None else pair["copy_of"]
        is_copy = any(me in (other["pair"], other["copy_of"]) for other in before)
        right += 1
        if is_copy:
            true += 1
            found += copies[i]
        if copies[i] and (is_copy or not any(other["shows"] == pair["shows"] for other in before)):
            drops += 1
            right_drops += is_copy
    told = list(zip(pairs, fits, strict=True))
    plain = [(pair["mismatch"], f) for pair, f in told if pair["noise"] is None]
    nothing = [f for pair, f in told if pair["noise"] in SAYS_NOTHING]
    around = [f for pair, f in told if pair["noise"] == "around" and not pair["mismatch"]]
    kept = cleaned.kept.tolist()
    assert 15 < right_drops < drops
    assert measure(pairs, cleaned) == pytest.approx(
        {
            "mismatches, precision": plain.count((True, False)) / sum(not f for _, f in plain),
            "mismatches, recall": plain.count((True, False)) / sum(m for m, _ in plain),
            "only noise, dropped": nothing.count(False) / len(nothing),
            "noise around a right caption, kept": around.count(True) / len(around),
            "near copies, precision": right_drops / drops,
            "near copies, recall": found / true,
            "wrong captions before": sum(wrong) / 200,
            "wrong captions after": sum(w and k for w, k in zip(wrong, kept, strict=True)) / sum(kept),
        }
    )


def test_where_nothing_is_to_find_nothing_is_wrong():
    pairs = [{"pair": i, "copy_of": None, "mismatch": False, "noise": None, "shows": f"scene {i}"} for i in range(3)]
    none = torch.zeros(3, dtype=torch.bool)
    assert set(measure(pairs, Cleaned(~none, none, 0.1)).values()) == {0.0, 1.0}
    assert measure(pairs, Cleaned(none, none, 0.1))["mismatches, precision"] == 0
    with pytest.raises(ValueError, match="got 2 for 3"):
        measure(pairs[:2], Cleaned(~none, none, 0.1))
    with pytest.raises(ValueError, match="Only pairs of the noisy storybook know the truth"):
        measure([{"caption": "a cat"}] * 3, Cleaned(~none, none, 0.1))


def test_all_the_way_with_an_encoder_that_is_never_wrong(tmp_path):
    done = []
    embedded_pairs, cleaned = build(
        Toy(), Oracle(150), tmp_path, 150, name="oracle", shard_size=64, progress=done.append, threshold=0.9
    )
    assert done == [0, 64, 128, 150]
    scores = measure(embedded_pairs.pairs, cleaned)
    before = scores.pop("wrong captions before")
    assert 0.15 < before < 0.4
    assert scores.pop("wrong captions after") == 0
    assert set(scores.values()) == {1.0}, scores
    originals = [p for p in embedded_pairs.pairs if not p["mismatch"] and not p["noise"] and p["copy_of"] is None]
    index = PairIndex(tmp_path, Oracle(150))
    assert len(originals) <= len(index.numbers) <= len(originals) + 3  # a copy stays whose original said nothing
    kept = index.numbers
    again = build(Toy(), Oracle(150), tmp_path, 150, name="oracle", shard_size=64, keep=0.95)[1]
    assert 142 <= again.fits.sum() < 150
    assert again.threshold < 0.9
    assert PairIndex(tmp_path, Oracle(150)).numbers != kept
    assert len(load_embedded(tmp_path).pairs) == 150


def test_where_nothing_is_kept_there_is_no_index(tmp_path):
    class Blind(Oracle):
        def encode_text(self, texts):
            return -torch.ones(len(texts), 24)

        def encode_image(self, images):
            return torch.ones(len(images), 24)

    with pytest.raises(ValueError, match="Not one of 12 pairs is kept, so there is nothing to search; lower"):
        build(Toy(), Blind(), tmp_path, 12, threshold=0.2)
    assert not (tmp_path / "index.json").exists()
