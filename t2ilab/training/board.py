"""A run's curves for TensorBoard, where that is installed; without it the run writes its log.jsonl alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Board:
    """Writes rows of numbers into a folder that `tensorboard --logdir` shows.

    Args:
        folder: is made; other runs' files in it stay, so that a run that goes on has one curve.
        first_step: from which on it writes; what an earlier process wrote of later steps is no longer shown.
    """

    def __init__(self, folder: Path, first_step: int):
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=first_step)

    def note(self, row: Mapping[str, float]) -> None:
        """Each number of a row under its name, at the row's "step"."""
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        self.writer.close()


def open_board(folder: Path, first_step: int) -> Board | None:
    """A board, or None where TensorBoard is not installed."""
    try:
        return Board(folder, first_step)
    except ImportError:
        return None
