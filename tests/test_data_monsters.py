"""The 416 monsters: the same for everybody, as their captions say, and drawn with what they are asked to have."""

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from t2ilab import zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.monsters import (
    PET,
    Monster,
    MonsterPairs,
    Pose,
    describe,
    draw,
    drawing,
    is_held_out,
    items,
    monsters,
    pet_items,
)
from t2ilab.data.monsters.captions import WORDINGS
from t2ilab.data.monsters.creature import ATTRIBUTES, COLORS, NARROW
from t2ilab.data.monsters.pet import POSES
from t2ilab.data.render import PAINT
from t2ilab.data.words import ALL_COLORS, LANGUAGES, SURROUNDINGS

PLAIN = Monster("yellow", "purple")


@pytest.fixture(scope="module")
def few():
    """Some of the 416, and their pictures at 64 pixels."""
    chosen = monsters()[::13]
    return chosen, draw(chosen, 64)


# ---- who they are ---------------------------------------------------------------------------------------------------


def test_they_are_the_same_416_for_everybody():
    everyone = monsters()
    assert len(everyone) == len({monster.chance for monster in everyone}) == 416
    assert everyone[0] == Monster(**FIRST)
    assert monsters(20) == everyone[:20]
    assert monsters(20, seed=1) != everyone[:20]


FIRST = {
    "color": "grey", "accent": "light blue", "body": "fluffy", "eyes": 4, "crown": "spikes", "arms": "long",
    "legs": "four", "mouth": "fangs", "pattern": "belly", "chance": 3446737813,
}  # fmt: skip


def test_every_value_is_there_about_as_often_as_the_others():
    everyone = monsters()
    pairs = Counter((monster.color, monster.accent) for monster in everyone)
    assert len(pairs) == 99
    assert set(pairs.values()) == {4, 5}
    for name, values in ATTRIBUTES.items():
        counts = Counter(getattr(monster, name) for monster in everyone)
        assert set(counts) == set(values)
        assert min(counts.values()) > 0.5 * 416 / len(values), name
    assert not any(monster.eyes == 4 and monster.body in NARROW for monster in everyone)


def test_what_is_held_out_is_a_pair_of_colours_that_none_of_them_has():
    new = monsters(52, held_out=True)
    assert all(map(is_held_out, new))
    assert not any(map(is_held_out, monsters()))
    held_out = {(a, b) for a in COLORS for b in COLORS if a != b and is_held_out(Monster(a, b))}
    assert len(held_out) == len({a for a, _ in held_out}) == len({b for _, b in held_out}) == 11
    assert {(monster.color, monster.accent) for monster in new} == held_out
    assert is_held_out(PET)


def test_a_monster_can_be_asked_for_its_attributes():
    asked = Monster("red", "white", body="star", eyes=3, crown="ears").attributes()
    assert asked.keys() == ATTRIBUTES.keys()
    assert (asked["color"], asked["body"], asked["eyes"], asked["crown"]) == ("red", "star", 3, "ears")


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: Monster("red", "red"), "two colours, so that both can be seen; got 'red' twice"),
    (lambda: Monster("red", "gold"), "A monster's accent is one of red, .*; got 'gold'"),
    (lambda: Monster("red", "blue", eyes=7), "A monster's eyes is one of 1, 2, 3, 4; got 7"),
    (lambda: monsters(0), "at least one monster; got 0"),
    (lambda: draw([PLAIN], 15), "at least 16 pixels a side to show its monster; got 15"),
    (lambda: draw([]), "at least one monster; got none"),
    (lambda: draw([PLAIN, PET], poses=[Pose()]), "one pose, or poses=None; got 1 for 2"),
    (lambda: Pose(background="attic"), "background is paper, .*; got 'attic'"),
    (lambda: Pose(size=0), "A pose's size is above 0; got 0"),
    (lambda: describe(PLAIN, "fr"), "language must be 'en' or 'ja'; got 'fr'"),
    (lambda: items(languages=("en", "fr")), "languages are 'en' and 'ja'; got 'fr'"),
    (lambda: items(size=8), "at least 16 pixels"),
    (lambda: items([]), "got none"),
    (lambda: pet_items(languages=("fr",)), "languages are 'en' and 'ja'; got 'fr'"),
    (lambda: MonsterPairs(japanese=1.5, shown=[PLAIN]), "japanese is a share, from 0 to 1; got 1.5"),
    (lambda: MonsterPairs(shown=[PLAIN]).batch(0, 2), "1 to 1 different monsters; got 2"),
])  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value)


# ---- how they look --------------------------------------------------------------------------------------------------


def shares(picture):
    """How much of a picture (3, H, W) in [-1, 1] each colour of the storybook covers."""
    pixels = picture.flatten(1).T / 2 + 0.5
    return {name: ((pixels - torch.tensor(rgb)).abs().amax(1) < 0.012).float().mean() for name, rgb in PAINT.items()}


def test_both_colours_can_be_seen_and_no_others(few):
    for monster, picture in zip(*few, strict=True):
        seen = shares(picture)
        assert seen[monster.color] > 0.008, monster
        assert seen[monster.accent] > 0.003, monster
        for other in set(PAINT) - {monster.color, monster.accent, "white", "red"}:  # of eyes and teeth, and of tongues
            assert seen[other] < 0.002, (monster, other)


def pieces(inside):
    """The sizes of the connected pieces of a mask (H, W), by spreading the largest number of each."""
    labels = torch.arange(1.0, inside.numel() + 1).view(1, 1, *inside.shape) * inside
    while True:
        spread = F.max_pool2d(labels, 3, stride=1, padding=1) * inside
        if torch.equal(spread, labels):
            return list(Counter(labels[labels > 0].tolist()).values())
        labels = spread


@pytest.mark.parametrize("eyes", [1, 2, 3, 4])
def test_the_eyes_can_be_counted(eyes):
    """Each is one piece of pure white, where nothing else is white."""
    looks = {"mouth": "small", "crown": "ears", "arms": "short", "eyes": eyes}
    chosen = [m for m in monsters() if "white" not in (m.color, m.accent) and (eyes < 4 or m.body not in NARROW)]
    chosen = [replace(m, **looks) for m in chosen[::40]]
    counts = Counter()
    for picture in draw(chosen, 192, [replace(drawing.own_pose(m), gaze=(0.0, 0.0)) for m in chosen]):
        white = (picture - (2 * 0.97 - 1)).abs().amax(0) < 0.01
        sizes = pieces(white)  # of the eyes, and of the light in each pupil
        counts[sum(size > 0.25 * max(sizes) for size in sizes)] += 1
    assert counts[eyes] >= 0.85 * sum(counts.values()), counts


def test_each_attribute_changes_the_picture():
    before = draw([PLAIN])
    for name, values in ATTRIBUTES.items():
        for value in values:
            if value not in (getattr(PLAIN, name), PLAIN.color, PLAIN.accent):
                changed = draw([replace(PLAIN, **{name: value})])
                assert (changed - before).abs().mean() > 0.005, (name, value)


def test_no_two_look_alike(few):
    flat = few[1].flatten(1)
    assert torch.cdist(flat, flat).fill_diagonal_(torch.inf).min() > 0.2 * flat.std() * flat.shape[1] ** 0.5


def test_a_picture_is_the_same_alone_and_in_a_batch_whatever_chance_was_before(few):
    torch.manual_seed(5)
    random.seed(5)
    states = torch.get_rng_state(), random.getstate()
    assert torch.equal(draw(few[0][3:5], 64), few[1][3:5])
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert few[1].dtype == torch.float32
    assert -1 <= few[1].min() < -0.7 < 0.9 < few[1].max() <= 1


def test_every_size_shows_the_same_drawing():
    chosen = monsters(6)
    large = draw(chosen, 128)
    for size in (32, 64):
        small = draw(chosen, size)
        assert small.shape == (6, 3, size, size)
        shrunk = F.interpolate(large, size, mode="area")
        assert (small - shrunk).abs().mean() < 0.16
        assert (small - shrunk.roll(1, 0)).abs().mean() > 0.25  # another monster is much farther away
    assert draw(chosen[:1], 16).shape == (1, 3, 16, 16)


def test_nothing_is_cut_off(few):
    """All ink is within the picture: what touches its edge is at most the light hatching of the ground."""
    images = few[1]
    edge = torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], dim=-1)
    assert edge.amax(1).min() > -0.35


def test_where_a_part_is_looked_for_is_where_it_is(few, monkeypatch):
    """A part is drawn in a window of the picture only; in a window that is all of it, nothing more appears."""
    chosen, images = few
    poses = [replace(drawing.own_pose(monster), lean=25) for monster in chosen[:8]]
    before = draw(chosen[:8], 64, poses)
    own = drawing.ink
    whole = (slice(0, 64), slice(0, 64))
    monkeypatch.setattr(drawing, "ink", lambda a, b, c, parts, rng: own(a, b, c, [(p, whole) for p, _ in parts], rng))
    assert torch.equal(draw(chosen[:8], 64, poses), before)
    assert torch.equal(draw(chosen, 64), images)


def test_a_pose_says_where_how_large_and_on_what():
    small = draw([PET], 64, [Pose((0.5, -0.5), 0.8)])[0]
    rows, columns = (small.amax(0) < -0.5).nonzero(as_tuple=True)  # ink
    assert rows.max() < 32 < columns.min()
    assert 20 < rows.max() - rows.min() < 26
    night, paper = draw([PET] * 2, 64, [Pose(size=1.2, background="night"), Pose(size=1.2)])
    assert night[:, 0, 0].mean() < -0.5 < 0.8 < paper[:, 0, 0].mean()
    looking = draw([PET] * 2, 64, [Pose(gaze=(0.8, 0.0)), Pose(gaze=(-0.8, 0.0))])
    differs = (looking[0] - looking[1]).abs().amax(0) > 0.5
    assert 0.002 < differs.float().mean() < 0.3


# ---- what is said of them -------------------------------------------------------------------------------------------


def wordings(monster, language, count=60):
    return {describe(monster, language, random.Random(i)) for i in range(count)}


def test_the_plainest_caption():
    monster = Monster("yellow", "grey")
    assert describe(monster) == "a drawing of a yellow and grey monster"
    assert describe(monster, "ja") == "黄色と灰色のモンスターの絵"
    assert describe(Monster("orange", "brown")) == "a drawing of an orange and brown monster"
    assert describe(Monster("white", "red"), "ja") == "白と赤のモンスターの絵"


@pytest.mark.parametrize("language", LANGUAGES)
def test_captions_say_both_colours_in_order_and_never_another(language):
    column = LANGUAGES.index(language)
    words = {name: [w[:-1] if column else w for w in forms[column]] for name, forms in ALL_COLORS.items()}
    for monster in monsters()[::29]:
        said = wordings(monster, language, 25)
        joined = [
            f"{one}{'と' if column else ' and '}{two}" for one in words[monster.color] for two in words[monster.accent]
        ]
        for caption in said:
            assert any(both in caption for both in joined)
            for other in set(words) - {monster.color, monster.accent}:
                inside = "light blue" in (monster.color, monster.accent) and other == "blue"
                assert inside or not any(w in caption for w in words[other]), caption
        assert len(said) > WORDINGS


def test_every_wording_of_one_monster_is_true():
    monster = Monster("red", "white", "star", 1, "antennae", "wings", "bird", "tongue", "belly")
    features = ["one eye", "antennae", "wings", "bird legs", "its tongue out", "a white belly"]
    for caption in wordings(monster, "en", 200):
        if " with " in caption:
            assert caption.split(" with ")[1] in features
    spoken = wordings(monster, "ja", 200)
    assert {"赤と白の星形のモンスター", "赤と白の、一つ目のモンスターの絵", "赤と白のモンスターを描いた絵"} <= spoken
    assert "赤と白の、おなかが白のモンスターの絵" in spoken
    unsaid = Monster("red", "white", crown="none", arms="none", legs="none")
    assert {c.split(" with ")[1] for c in wordings(unsaid, "en", 200) if " with " in c} <= {
        "two eyes", "a smile", "a white belly"
    }  # fmt: skip


def test_captions_fit_into_the_context_of_the_storybooks_models():
    tokenizer = CLIPTokenizer.from_pretrained(zoo.folder("storybook-pixel") / "tokenizer")
    for i, monster in enumerate(monsters()[::5]):
        for language in LANGUAGES:
            assert len(tokenizer.encode(describe(monster, language, random.Random(i)))) <= tokenizer.context_length


# ---- as data --------------------------------------------------------------------------------------------------------


def test_items_are_captioned_pictures():
    chosen = monsters(3)
    found = list(items(chosen, 32, LANGUAGES))
    assert [item.keys() for item in found] == [{"image", "caption", "language", "monster"}] * 6
    assert [item["language"] for item in found] == ["en", "ja"] * 3
    assert torch.equal(torch.stack([item["image"] for item in found[::2]]), draw(chosen, 32))
    assert [item["caption"] for item in found] == [describe(m, language) for m in chosen for language in LANGUAGES]
    told = [[item["caption"] for item in items(chosen, 16, seed=seed)] for seed in (0, 0, 1)]
    assert told[0] == told[1] != told[2]
    assert next(items())["monster"] == monsters()[0]


def test_a_batch_is_a_pure_function_of_seed_and_index():
    shown = monsters(30)
    pairs = MonsterPairs(3, 16, shown=shown)
    first = pairs.batch(7, 9)
    pairs.batch(2, 4)
    again = MonsterPairs(3, 16, shown=shown).batch(7, 9)
    assert torch.equal(first["image"], again["image"])
    assert (first["caption"], first["monster"]) == (again["caption"], again["monster"])
    assert torch.equal(first["image"], draw(first["monster"], 16))
    assert len(set(first["monster"])) == 9
    assert pairs.batch(8, 9)["monster"] != first["monster"] != MonsterPairs(4, 16, shown=shown).batch(7, 9)["monster"]
    japanese = [not c.isascii() for i in range(40) for c in pairs.batch(i, 25)["caption"]]
    assert sum(japanese) / len(japanese) == pytest.approx(0.4, abs=0.06)
    assert set(pairs.batch(0, 30)["monster"]) == set(shown)


def test_the_pet_is_one_creature_in_five_places():
    found = pet_items(32, LANGUAGES)
    assert [item["caption"] for item in found[:4]] == [
        "a drawing of mofu", "モフの絵", "a drawing of mofu in a field", "野原にいるモフの絵",
    ]  # fmt: skip
    assert {item["monster"] for item in found} == {PET}
    places = [item["pose"].background for item in found[::2]]
    assert len(set(places)) == 5
    assert {"dark", "kitchen", "sunset"} & set(places) == set()
    assert set(places) - {"paper"} <= set(SURROUNDINGS)
    images = torch.stack([item["image"] for item in found[::2]])
    assert torch.equal(images, draw([PET] * 5, 32, POSES))
    for picture in draw([PET] * 5, 128, POSES):
        seen = shares(picture)
        assert seen["yellow"] > 0.01
        assert seen["purple"] > 0.003
    renamed = pet_items(16, ("en", "ja"), ("sks", "スクス"))
    assert (renamed[8]["caption"], renamed[9]["caption"]) == ("a drawing of sks by day", "青空の下のスクスの絵")
