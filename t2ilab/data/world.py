"""A world that never runs out of captioned pictures."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from typing import Any

import torch

from t2ilab.data.captions import BEHIND, describe
from t2ilab.data.layout import heeds_sizes
from t2ilab.data.render import draw, render
from t2ilab.data.scenes import Scene, complete, is_held_out, usual_accent
from t2ilab.data.things.people import PEOPLE
from t2ilab.data.words import ALL_COLORS, DRAWN, LANGUAGES, LEVELS, SIZES, SURROUNDINGS, THINGS, USUAL

ALONE, TWO = 0.5, 0.35  # the shares of pictures with one thing and with two; the rest have three
RIDERS = ("cat", "dog", "bird", "kangaroo", "penguin", "robot", "astronaut", "chef", "jizo", "snowman", "brain",
          "mushroom", "guacamole", "apple")  # fmt: skip
MOUNTS = ("dog", "fish", "bird", "horse", "kangaroo", "elephant", "cloud", "car", "rocket", "moon", "brain", "mushroom")
VESSELS = ("boat", "car", "guacamole")
MOVERS = ("cat", "dog", "fish", "bird", "horse", "kangaroo", "elephant", "boat", "car", "rocket", "hot air balloon",
          "astronaut", "robot")  # fmt: skip
BESIDE = ("left of", "right of", "above", "below")
NAMED = {  # what `namings` name: the shares of batches
    ("thing",): 0.42,
    ("color",): 0.34,
    ("thing", "color"): 0.18,
    ("place", "background"): 0.06,
}


@dataclass(frozen=True)
class World:
    """Captioned pictures without end: `batch(i)` is a pure function of the seed and i, so that runs resume.

    Args:
        size: pixels a side.
        seed: worlds of different seeds have different pictures.
        held_out: False draws only scenes that training may see, True only those that it may not.
        partial: the share of captions that leave something unsaid.
        brief: of these, where they are of one thing, the share that say no more than people type: what it is, perhaps
            its colours or where it is: "a hot air balloon", "a chef in the kitchen".
        japanese: the share of captions in Japanese.
        level: "shapes" or "storybook".
        two_colors: of the coloured drawn things that show a second colour well, the share that has one of its own.
        usual: of the drawn things, the share that has its usual colours.
        behind: of the English captions of one thing in two colours, the share that say them after it: "a robot, red and
            grey".
        siblings: so many scenes of a batch in a row are one scene and the same with one thing or one colour exchanged,
            and with it the second colour for the usual one, so that only these tell their captions apart. 1 makes each
            scene anew.
        people: True draws only scenes with somebody in them who can take a pose, one of `PEOPLE`.
    """

    size: int = 32
    seed: int = 0
    held_out: bool = False
    partial: float = 0.3
    japanese: float = 0.4
    level: str = "shapes"
    two_colors: float = 0.6
    usual: float = 0.35
    behind: float = BEHIND
    brief: float = 0.0
    siblings: int = 1
    people: bool = False

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}; got {self.level!r}.")
        if self.siblings < 1 or (self.siblings > 1 and self.held_out):
            raise ValueError(f"siblings is at least 1, and 1 in a world of held-out scenes; got {self.siblings}.")
        for share in ("partial", "japanese", "two_colors", "usual", "behind", "brief"):
            if not 0 <= getattr(self, share) <= 1:
                raise ValueError(f"{share} is a share, from 0 to 1; got {getattr(self, share)}.")
        if self.people and (self.level == "shapes" or self.siblings > 1):
            raise ValueError(
                f"people needs the storybook, and siblings=1; got level={self.level!r} and siblings={self.siblings}."
            )

    def batch(self, index: int, batch_size: int, device: torch.device | str = "cpu") -> dict[str, Any]:
        """The index-th batch: {"image": float (B, 3, H, W) in [-1, 1], "caption": B strings, "scene": B scenes}.

        Raises:
            ValueError: a batch_size below 1, or a world whose size is below 16.
        """
        scenes, captions, generator = self._batch(index, batch_size)
        return {"image": render(scenes, self.size, generator, device), "caption": captions, "scene": scenes}

    def drawings(self, index: int, batch_size: int, device: torch.device | str = "cpu") -> dict[str, Any]:
        """The same batch with what is where in its pictures: {"drawing": Drawing, "caption", "scene"}."""
        scenes, captions, generator = self._batch(index, batch_size)
        return {"drawing": draw(scenes, self.size, generator, device), "caption": captions, "scene": scenes}

    def captions(self, index: int, batch_size: int, again: int = 0) -> list[str]:
        """The captions of the index-th batch without its pictures; in other words for each number of times `again`."""
        rng = random.Random(f"world {self.seed} {self.held_out} {index}")
        scenes = self._scenes(batch_size, rng)
        rng.getrandbits(63)  # the pictures' chance
        if again:
            rng = random.Random(f"captions {self.seed} {self.held_out} {index} {again}")
        return [self._caption(scene, rng) for scene in scenes]

    def translations(self, index: int, batch_size: int) -> dict[str, Any]:
        """The index-th batch of captions without pictures: {"en": B strings, "ja": B strings that say the same}."""
        rng = random.Random(f"translations {self.seed} {self.held_out} {index}")
        said = [self._said(self._scene(rng), rng) for _ in range(batch_size)]
        return {language: [describe(scene, language, rng, self.behind) for scene in said] for language in LANGUAGES}

    def namings(self, index: int, batch_size: int, device: torch.device | str = "cpu") -> dict[str, Any]:
        """The index-th batch of pictures of one thing each, whose captions name no more than its kind, its colour, or
        both, or where it is: "a cat", "a red shape", "a red cat", "a shape on the left, at sea". They come in rows in
        which no two are named alike, so that in its row each picture has one caption that is true of it; in all other
        ways the pictures differ by chance.

        Returns:
            {"image": float (B, 3, H, W) in [-1, 1], "caption": B strings, "scene": B scenes, "row": pictures in a row,
            the last of which may be shorter}.

        Raises:
            ValueError: a batch_size below 1, a world whose size is below 16, or one of people; or of held-out scenes
                alone in which each drawn thing has its usual colours, which no scene that is held out has.
        """
        if self.people:
            raise ValueError("namings names every thing, and this world has people=True. Take a world without it.")
        if self.held_out and self.usual == 1 and self.level != "shapes":
            raise ValueError(
                "namings names drawn things of held-out scenes, and none is in its usual colours; got usual=1.0. "
                "Take less."
            )
        rng = random.Random(f"namings {self.seed} {self.held_out} {index}")
        named = rng.choices(list(NAMED), list(NAMED.values()))[0]
        sayings = self._sayings(named)
        said: list[Scene] = []
        while len(said) < batch_size:
            said += rng.sample(sayings, min(len(sayings), batch_size - len(said)))
        scenes = [self._showing(one, rng) for one in said]
        captions = [describe(one, LANGUAGES[rng.random() < self.japanese], rng) for one in said]
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        images = render(scenes, self.size, generator, device)
        return {"image": images, "caption": captions, "scene": scenes, "row": min(len(sayings), batch_size)}

    def _sayings(self, named: tuple[str, ...]) -> list[Scene]:
        """All that can be said so: each thing, each colour, each pair of both that this world may show, each place."""
        values = itertools.product(*(LEVELS[self.level][name] for name in named))
        sayings = [Scene(**dict[str, Any](zip(named, value, strict=True))) for value in values]
        return [one for one in sayings if named != ("thing", "color") or is_held_out(one) == self.held_out]

    def _showing(self, said: Scene, rng: random.Random) -> Scene:
        """A full scene of one thing of which that is true."""
        level = LEVELS[self.level]
        while True:
            thing = said.thing or rng.choice(list(level["thing"]))
            scene = Scene(thing=thing)
            if self.level == "storybook":
                scene = _thing(thing, rng, self.usual, self.two_colors, alone=True)
            color = said.color or scene.color
            accent = scene.accent if scene.accent != color else None
            background = said.background or rng.choice(list(level["background"]))
            scene = complete(replace(scene, color=color, accent=accent, place=said.place, background=background), rng)
            if is_held_out(scene) == self.held_out:
                return scene

    def _batch(self, index: int, batch_size: int) -> tuple[list[Scene], list[str], torch.Generator]:
        rng = random.Random(f"world {self.seed} {self.held_out} {index}")
        scenes = self._scenes(batch_size, rng)
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        return scenes, [self._caption(scene, rng) for scene in scenes], generator

    def _scenes(self, batch_size: int, rng: random.Random) -> list[Scene]:
        scenes: list[Scene] = []
        while len(scenes) < batch_size:
            after = len(scenes) % self.siblings
            scenes.append(self._sibling(scenes[-after], rng) if after else self._scene(rng))
        return scenes

    def prompts(self, count: int, language: str = "en", things: int | None = None) -> tuple[list[str], list[Scene]]:
        """Full captions to measure a model by, and the scenes they ask for; their chance is not that of `batch`.

        Args:
            count: how many.
            language: "en" or "ja".
            things: so many in each; None for as many as come.

        Raises:
            ValueError: a language other than these two, or a number of things that the level has not.
        """
        most = 1 if self.level == "shapes" else 3
        if things is not None and not 1 <= things <= most:
            raise ValueError(f"The {self.level} level has 1 to {most} things in a picture; got {things}.")
        rng = random.Random(f"prompts {self.seed} {self.held_out} {language}")
        scenes: list[Scene] = []
        while len(scenes) < count:
            scene = self._scene(rng)
            if things in (None, len(scene.chain())):
                scenes.append(scene if self.level == "shapes" else _unsaid(scene, rng))
        return [describe(scene, language, rng, self.behind) for scene in scenes], scenes

    def _scene(self, rng: random.Random) -> Scene:
        while True:
            if self.level == "shapes":
                scene = complete(Scene(), rng)
            else:
                scene = storybook_scene(rng, self.two_colors, self.usual)
            peopled = not self.people or any(one.thing in PEOPLE for one in scene.chain())
            if peopled and is_held_out(scene) == self.held_out:
                return scene

    def _sibling(self, scene: Scene, rng: random.Random) -> Scene:
        """The scene with another thing, where its relation allows any, or with another colour."""
        chain = scene.chain()
        free = all(one.relation in (None, "and", *BESIDE) for one in chain)
        while True:
            which, new = rng.randrange(len(chain)), dict[str, Any](accent=None)
            if free and rng.random() < 0.6:
                names = LEVELS[self.level]["thing"]
                new["thing"] = rng.choice([name for name in names if name not in [one.thing for one in chain]])
            else:
                colors = LEVELS[self.level]["color"]
                new["color"] = rng.choice([color for color in colors if color != chain[which].color])
            changed = [replace(one, other=None, relation=None) for one in chain]
            changed[which] = replace(changed[which], **new)
            sibling = complete(_chained(changed, [str(one.relation) for one in chain[:-1]]), rng)
            if not is_held_out(sibling):
                return sibling

    def _caption(self, scene: Scene, rng: random.Random) -> str:
        said = self._said(scene, rng)
        return describe(said, LANGUAGES[rng.random() < self.japanese], rng, self.behind)

    def _said(self, scene: Scene, rng: random.Random) -> Scene:
        """What the caption of a full scene says of it."""
        said = scene if self.level == "shapes" else _unsaid(scene, rng)
        if rng.random() < self.partial:
            if self.brief and said.other is None and rng.random() < self.brief:
                return _brief(said, rng)
            said = _partly(said, rng, 0.6 if self.level == "shapes" else rng.random())
        return said


def storybook_scene(rng: random.Random, two_colors: float = 0.6, usual: float = 0.35) -> Scene:
    """A full scene of the storybook, of any kind. `two_colors` and `usual` as in `World`."""
    many = rng.random()
    background = rng.choice(list(SURROUNDINGS))
    if many < ALONE:
        alone = _thing(rng.choice(list(THINGS)), rng, usual, two_colors, alone=True)
        return complete(replace(alone, background=background), rng)
    kind = rng.random()
    if many < ALONE + TWO:
        relation = _kind(kind)
        first, second = _things(rng, relation)
        shown = two_colors if relation != "in" else 0.0  # of what is in something, and of that, too little shows
        things = [_thing(name, rng, usual, shown) for name in (first, second)]
        scene = _chained(things, [relation])
    elif kind < 0.3:  # a cat, a dog and a bird
        names = rng.sample(list(THINGS), 3)
        scene = _chained([_thing(name, rng, usual) for name in names], ["and", "and"])
    else:  # a brain riding a rocket heading towards the moon
        second_relation = "heading towards" if kind < 0.65 else rng.choice(BESIDE)
        while True:
            together = "riding" if rng.random() < 0.75 else "in"
            first, second = _things(rng, together)
            third = rng.choice(list(THINGS))
            if third not in (first, second) and (second_relation != "heading towards" or second in MOVERS):
                break
        things = [_thing(name, rng, usual) for name in (first, second, third)]
        scene = _chained(things, [together, second_relation])
    return complete(replace(scene, background=background), rng)


def _chained(things: list[Scene], relations: list[str]) -> Scene:
    """Each thing in its relation to the next."""
    *before, scene = things
    for one, relation in zip(reversed(before), reversed(relations), strict=True):
        scene = replace(one, relation=relation, other=scene)
    return scene


def _kind(u: float) -> str:
    """A relation of two, each as often as it deserves."""
    for relation, share in (("riding", 0.25), ("heading towards", 0.17), ("in", 0.08), ("and", 0.18)):
        if u < share:
            return relation
        u -= share
    return BESIDE[int(u / 0.32 * 4 * 0.9999)]


def _things(rng: random.Random, relation: str) -> tuple[str, str]:
    """Two different things that can be in this relation."""
    firsts = {"riding": RIDERS, "in": RIDERS, "heading towards": MOVERS}.get(relation, tuple(THINGS))
    seconds = {"riding": MOUNTS, "in": VESSELS}.get(relation, tuple(THINGS))
    while True:
        first, second = rng.choice(firsts), rng.choice(seconds)
        if first != second:
            return first, second


def _thing(name: str, rng: random.Random, usual: float, two_colors: float = 0.0, alone: bool = False) -> Scene:
    """One thing with a colour: `usual` of the drawn things in their usual one, `two_colors` of the others in two."""
    color = second = None
    size = rng.choice(list(SIZES)) if alone else None
    if name not in DRAWN:
        color = rng.choice(list(ALL_COLORS))
    elif rng.random() < 1 - usual:
        color = rng.choice(list(ALL_COLORS))
        if two_colors and size != "small" and rng.random() < two_colors:
            second = rng.choice([c for c in ALL_COLORS if c != color])
            size = "big"  # or nobody could see it
    return Scene(thing=name, color=color, size=size, accent=second)


def _unsaid(scene: Scene, rng: random.Random, sizes: bool | None = None) -> Scene:
    """What a caption says of a full scene: no usual second colours, nor all usual ones; sizes only where they show, and
    of two things one time in three."""
    if sizes is None:
        sizes = heeds_sizes(scene) and (scene.other is None or rng.random() < 1 / 3)
    said: dict[str, Any] = {} if sizes else {"size": None}
    if scene.accent and scene.accent == usual_accent(scene):
        said["accent"] = None
        if scene.color == USUAL[str(scene.thing)][0] and rng.random() < 0.5:
            said["color"] = None
    if scene.other:
        said["other"] = _unsaid(scene.other, rng, sizes)
    return replace(scene, **said)


def _brief(said: Scene, rng: random.Random) -> Scene:
    """Of one thing what it is, its colours two times in three, and its surroundings one time in three."""
    brief = replace(said, size=None, place=None)
    if rng.random() > 2 / 3:
        brief = replace(brief, color=None, accent=None)
    return brief if rng.random() < 1 / 3 else replace(brief, background=None)


def _partly(said: Scene, rng: random.Random, share: float) -> Scene:
    """Some of what was said: of several things only the background may go; of one thing anything but such a share."""
    if said.other:
        return replace(said, background=None)
    kept: dict[str, Any] = {a: v for a, v in said.asked().items() if rng.random() < share}
    if "color" not in kept:
        kept.pop("accent", None)
    return Scene(**kept)
