"""Which models the studio offers, and how they are opened: each once, the least used closed again."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from t2ilab import zoo
from t2ilab.nets.controlnet import ControlNet
from t2ilab.pipelines.control import open_controlnet
from t2ilab.pipelines.text_to_image import TextToImage
from t2ilab.studio.words import sentence

LINES = ("control-scribble", "control-edges")  # those of the zoo that look at what one can scribble
KEPT = 2  # models that stay open; a published one fills gigabytes


class Models:
    """The models that draw, by the names that the page shows.

    Args:
        more: folders, diffusers' too, or ids of the hub, offered before those of the zoo; each is opened at once, so
            that a wrong one is said before the page is there.
        controlnets: folders of ControlNets, offered beside those of the zoo.
        device: "cpu", "cuda", ...; by default the machine's best.

    Raises:
        ValueError, OSError: as `TextToImage.from_pretrained` and `open_controlnet`.
    """

    def __init__(self, more: Sequence[str] = (), controlnets: Sequence[str] = (), device: str | None = None):
        self.device = device
        self._sources = _named(more) | {name: name for name in zoo.drawing_names()}
        self._controls = _named(controlnets) | {name: name for name in LINES if name in zoo.names()}
        if not self._sources:
            raise ValueError("The studio needs a model that draws; the zoo has none. Name a folder with --model.")
        self._open: dict[str, TextToImage] = {}
        self._open_controls: dict[str, ControlNet] = {}
        self._lock = threading.Lock()
        self.remarks: dict[str, list[str]] = {}
        for name in [*_named(more)] or self.names[:1]:
            self.open(name)
        for name in _named(controlnets):
            self.open_control(name)

    @property
    def names(self) -> list[str]:
        """Of the models, the first of them where nobody chooses."""
        return list(self._sources)

    @property
    def control_names(self) -> list[str]:
        """Of the ControlNets; empty where there is none."""
        return list(self._controls)

    def open(self, name: str, language: str = "en") -> TextToImage:
        """The model of that name; what is drawn in another way than by diffusers is kept in `remarks`.

        Raises:
            ValueError: a name that is not offered, in that language, or what `TextToImage.from_pretrained` refuses.
            OSError: a file that is missing, cut short or changed.
        """
        if name not in self._sources:
            raise ValueError(sentence("model", language, got=repr(name)[:80], known=", ".join(self.names)))
        with self._lock:
            if name not in self._open:
                while len(self._open) >= KEPT:
                    del self._open[next(iter(self._open))]
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always", UserWarning)
                    self._open[name] = TextToImage.from_pretrained(self._sources[name], self.device)
                self.remarks[name] = [str(one.message) for one in said if one.category is UserWarning]
            self._open[name] = self._open.pop(name)  # the last used goes last
            return self._open[name]

    def open_control(self, name: str) -> ControlNet:
        """The ControlNet of that name. Raises as `open_controlnet`, and ValueError for one that is not offered."""
        if name not in self._controls:
            raise ValueError(
                f"This studio has no ControlNet {name[:80]!r}; it has {', '.join(self._controls) or 'none'}."
            )
        with self._lock:
            if name not in self._open_controls:
                self._open_controls[name] = open_controlnet(self._controls[name], self.device)
            return self._open_controls[name]


def _named(sources: Sequence[str]) -> dict[str, str]:
    """Folders and ids by their last part, which is short, or whole where two would share it."""
    short = [Path(source).resolve().name if Path(source).is_dir() else source for source in sources]
    taken = set(zoo.names())
    return {
        source if short.count(name) > 1 or name in taken else name: source
        for name, source in zip(short, sources, strict=True)
    }
