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

    def check_numbers(self, from_zero: tuple[str, ...] = ()) -> None:
        """Raises ValueError for a count that is no whole number from 1, or from 0 where a field is named here.

        None is right where it is the field's default.
        """
        real = {name for name, field in self.__dataclass_fields__.items() if field.type in ("float", float)}
        for name, value in vars(self).items():
            if value is None and self.__dataclass_fields__[name].default is None:
                continue
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, bool | Config) or (name in real and isinstance(number, int | float)):
                    continue
                least = 0 if name in from_zero else 1
                if not isinstance(number, int) or number < least:
                    raise ValueError(f"{self.what}'s {name} is a whole number from {least}, or some; got {value!r}.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration of such a dict, lists read as tuples. Raises ValueError for a key that is not known."""
        if extra := set(values) - set(cls.__dataclass_fields__):
            raise ValueError(
                f"{cls.what}'s configuration has no {sorted(extra)}; it has {sorted(cls.__dataclass_fields__)}."
            )
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
