"""The families that a comparison knows, each opened by a file of its own, and which of them a name or a folder is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from t2ilab import zoo
from t2ilab.comparison.entrant import Entrant
from t2ilab.comparison.families import cascade, labelled, text_to_image, unclip, unprompted
from t2ilab.zoo import Card


@dataclass(frozen=True)
class Family:
    """How one family is opened.

    Attributes:
        zoo: its models in the zoo -> the checkpoints that each is made of.
        recognises: whether a folder holds one.
        enter: called as enter(name or folder, device, steps).
    """

    zoo: Mapping[str, tuple[str, ...]]
    recognises: Callable[[Path], bool]
    enter: Callable[[str, str | None, int], Entrant]


FAMILIES = tuple(
    Family(module.ZOO, module.recognises, module.enter)
    for module in (text_to_image, unclip, cascade, labelled, unprompted)
)
USUAL = {  # what is compared where nobody names a model
    "shapes": ("shapes", "shapes-pixel", "storybook", "storybook-pixel", "unclip-shapes", "cascade-shapes",
               "gan-conditional", "gan-attention", "gan-progressive", "gan-style"),
    "storybook": ("storybook", "storybook-pixel", "unclip-storybook", "cascade-storybook"),
}  # fmt: skip


class NotThereYet(Exception):
    """A model that the course knows, and of which the zoo lacks a part: it is left out, with this sentence."""


def find(name: str) -> tuple[Family, tuple[Card, ...]]:
    """Which family a name of the zoo, a folder or an id of the hub is of, and its cards, which a folder may lack.

    Raises:
        NotThereYet: a part of it is not in the zoo.
        ValueError: no such model, or one that draws nothing.
        OSError: a folder whose card is broken, or whose files are not those of its card.
    """
    for family in FAMILIES:
        if name in family.zoo:
            missing = [part for part in family.zoo[name] if part not in zoo.names()]
            if missing:
                raise NotThereYet(
                    f"{name} is left out: the zoo has no {', '.join(missing)} yet; `t2ilab train {missing[0]}` makes "
                    "it, and its model/ belongs into the zoo."
                )
            return family, tuple(zoo.card(part) for part in family.zoo[name])
    folder = zoo.ROOT / name if name in zoo.names() else Path(name)
    if folder.is_dir():
        own = next((family for family in FAMILIES if family.recognises(folder)), None)
        if own is None:
            raise ValueError(
                f"{name} holds nothing that draws by itself. Name a model such as {', '.join(USUAL['shapes'][:2])}, or "
                "a folder that save_pretrained or `t2ilab train` wrote."
            )
        return own, _cards_in(folder)
    if "/" in name and not name.startswith((".", "/", "~")):
        return FAMILIES[0], ()  # of the hub
    known = sorted({*(one for family in FAMILIES for one in family.zoo), *zoo.drawing_names()})
    near = get_close_matches(name, known, 3, 0.4) or known
    raise ValueError(f"There is no model or folder {name!r}; the nearest that there is: {', '.join(near)}.")


def opened(name: str, family: Family, cards: tuple[Card, ...], device: str | None, steps: int) -> Entrant:
    """The model itself, with its cards."""
    return replace(family.enter(name, device, steps), cards=cards)


def _cards_in(folder: Path) -> tuple[Card, ...]:
    """The card of a folder, or else those of its parts, each checked against the files beside it."""
    places = [folder] if (folder / "card.json").exists() else sorted(p.parent for p in folder.glob("*/card.json"))
    cards = tuple(zoo.card_of(place) for place in places)
    for place, card in zip(places, cards, strict=True):
        zoo.verify(place, card)
    return cards
