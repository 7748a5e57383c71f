"""Files that are there whole or not at all: written beside, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_beside(path: Path, config: dict[str, Any] | None = None) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` only when all went well; else nothing is left behind.

    With `config`, of a network whose weights are written, the config.json beside them is replaced with them: both are
    whole before the older one is taken away, and it is put there last, so that no mixture of two networks opens.

    Raises:
        OSError: the disk is full or the folder cannot be written, in one sentence.
    """
    from safetensors import SafetensorError  # here, as the command's help reads this file too

    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    settings, settings_beside = path.with_name("config.json"), path.with_name(f".config.json.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
        mode = stat.S_IMODE(beside.stat().st_mode)  # what the user's umask gives; safetensors makes files private
        yield beside
        beside.chmod(mode)
        if config is not None:
            settings_beside.write_text(_as_json(config), encoding="utf-8")
            settings.unlink(missing_ok=True)
        os.replace(beside, path)
        if config is not None:
            os.replace(settings_beside, settings)
    except (OSError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno is None:
            raise  # a sentence of our own, such as of a source that could not be read
        raise _unwritten(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # where a file lies in place of the folder, there is nothing to remove
            beside.unlink(missing_ok=True)
            settings_beside.unlink(missing_ok=True)


def remove_first(path: Path) -> None:
    """Takes away the file without which nobody takes a folder of several files for a model. It is written again when
    the others are, so that a save cut short leaves no mixture that opens. Raises OSError as `written_beside` does."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


def remove_parts(folder: Path, pattern: str, keep: Collection[str] = ()) -> None:
    """Takes away what an older model left in a model's folder: those folders of that pattern which hold a part, that
    is its config.json, and are not named in `keep`. Raises OSError as `written_beside` does."""
    for part in sorted(folder.glob(pattern)):
        if part.name not in keep and (part / "config.json").is_file() and not part.is_symlink():
            remove_first(part / "config.json")
            try:
                shutil.rmtree(part)
            except OSError as error:
                raise _unwritten(part, error) from error


def _unwritten(path: Path, error: Exception) -> OSError:
    """What failed, in one sentence that is true of one file as of the last of many."""
    reason = getattr(error, "strerror", None) or str(error).rstrip(".")
    full = "space" in reason.lower() or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    fix = "free some space" if full else "choose another folder, or see to it that this one can be written"
    return OSError(f"Could not write {path}: {reason}. A file that was there before is untouched; {fix}.")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so, making the folders that it needs. Raises OSError as `written_beside` does."""
    with written_beside(path) as beside:
        beside.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, beside and then renamed."""
    with written_beside(path) as beside:
        beside.write_text(_as_json(value), encoding="utf-8")


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


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
