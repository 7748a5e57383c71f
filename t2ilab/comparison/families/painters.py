"""How a folder with a painter of a GAN is told from others: by the class that its configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t2ilab.files import read_json


def is_painter(folder: Path, *kinds: Any) -> bool:
    """Whether it holds a painter of one of these classes."""
    if not (folder / "config.json").is_file():
        return False
    config = read_json(folder / "config.json")
    return isinstance(config, dict) and config.get("_class_name") in [kind.__name__ for kind in kinds]
