"""What every configuration can do: be written as JSON has it, and come back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, Self


class Config:
    """Base of the frozen dataclasses that say what a network looks like; `what` names the network in errors."""

    what: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Names and plain values; a configuration inside becomes a dict too."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration of such a dict, lists read as tuples. Raises ValueError for a key that is not known."""
        if extra := set(values) - set(cls.__dataclass_fields__):
            raise ValueError(
                f"{cls.what}'s configuration has no {sorted(extra)}; it has {sorted(cls.__dataclass_fields__)}."
            )
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
