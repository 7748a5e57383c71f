"""Files that are there whole or not at all: written beside, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` only when all went well; else nothing is left behind.

    Raises:
        OSError: the disk is full or the folder cannot be written, in one sentence.
    """
    from safetensors import SafetensorError  # here, as the command's help reads this file too

    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
        mode = stat.S_IMODE(beside.stat().st_mode)  # what the user's umask gives; safetensors makes files private
        yield beside
        beside.chmod(mode)
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno is None:
            raise  # a sentence of our own, such as of a source that could not be read
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        full = "space" in reason.lower() or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        fix = "free some space" if full else "choose another folder, or see to it that this one can be written"
        raise OSError(f"Could not write {path}: {reason}. What was there before is untouched; {fix}.") from error
    finally:
        with contextlib.suppress(OSError):  # where a file lies in place of the folder, there is nothing to remove
            beside.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so, making the folders that it needs. Raises OSError as `written_beside` does."""
    with written_beside(path) as beside:
        beside.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, beside and then renamed."""
    with written_beside(path) as beside:
        beside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_config(path: Path) -> dict[str, Any]:
    """Reads JSON that names values, as configurations do. Raises OSError where it is missing, broken or another."""
    if isinstance(value := read_json(path), dict):
        return value
    raise OSError(f"{path} holds no configuration, names with values, but {str(value)[:20]!r}; the file is changed.")


def read_json(path: Path) -> Any:
    """Reads JSON. Raises OSError where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OSError(f"{path} is missing, so {path.parent} is not a whole checkpoint.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise OSError(f"{path} is not readable as JSON ({error}); the file is cut short or changed.") from error
