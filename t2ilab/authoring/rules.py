"""What an assignment counts, and until when: read from an instructor's words, told to students, kept for the grader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from t2ilab.authoring.fragments import in_points

MOST_POINTS = 1000.0  # of one exercise, as the grader's policy has it


@dataclass(frozen=True)
class Rules:
    """The rules of one assignment.

    points: exercise -> points, of those that count; given: those that are handed out solved; due: with its time zone;
    grace_minutes: how late costs nothing; penalty_per_day: the share of the points that each begun day costs, at most
    `most`.
    Raises ValueError, in one sentence, where a number is out of its range, or lateness has nothing to count from.
    """

    points: Mapping[str, float]
    given: Sequence[str] = ()
    due: datetime | None = None
    grace_minutes: float = 0.0
    penalty_per_day: float = 0.0
    most: float = 1.0
    names: Sequence[str] = field(default=(), repr=False)  # all exercises of the lab, in its order

    def __post_init__(self) -> None:
        for name, value, most in (
            ("Grace", self.grace_minutes, 1e6),
            ("The penalty per day", self.penalty_per_day, 1.0),
            ("The most that lateness costs", self.most, 1.0),
        ):
            if not 0 <= value <= most:
                unit = "minutes" if most > 1 else "the points, as a share"
                raise ValueError(f"{name} is from 0 to {most:g} of {unit}, but you asked for {value:g}.")
        if self.due is None and (self.grace_minutes or self.penalty_per_day):
            raise ValueError("Lateness counts from a due date, but there is none; give one with --due.")

    def toml(self) -> str:
        """The file that `t2ilab grade --policy` reads. Exercises that are given have 0 points in it."""
        lines = ["# Written by t2ilab release, read by t2ilab grade --policy."]
        if self.due:
            lines += [
                f"due = {self.due.isoformat(timespec='seconds')}",
                f"grace_minutes = {self.grace_minutes:g}",
                f"penalty_per_day = {self.penalty_per_day:g}  # of the points; at most:",
                f"most = {self.most:g}",
            ]
        lines += ["", "[points]  # 0: given, already solved"]
        lines += [f"{name} = {self.points.get(name, 0):g}" for name in self.names]
        lines += ["", "[extensions]", '# "Tanaka Yuki" = 2026-12-03T23:59:00+09:00']
        return "\n".join(lines) + "\n"

    def said(self, language: str, variant: int | None) -> str:
        """The same for students, in markdown: what counts, what is given, when it is due, what lateness costs."""
        return (self._in_japanese if language == "ja" else self._in_english)(variant)

    def _in_english(self, variant: int | None) -> str:
        asked = ", ".join(f"`{name}` ({in_points(points)})" for name, points in self.points.items())
        text = f"**This is an assignment.** What counts: {asked}."
        if self.given:
            text += f" Given, already solved: {', '.join(f'`{name}`' for name in self.given)}."
        if self.due:
            text += f"\n\n**Due {_moment(self.due)}.**"
        if self.grace_minutes:
            text += f" A delay of up to {self.grace_minutes:g} minutes costs nothing."
        if self.penalty_per_day:
            cost, most = f"{100 * self.penalty_per_day:.4g}%", f"{100 * self.most:.4g}%"
            text += f" Each day that has begun after that costs {cost} of the points, {most} at most."
        return text if variant is None else f"{text}\n\nVariant {variant}."

    def _in_japanese(self, variant: int | None) -> str:
        asked = "、".join(f"`{name}`（{points:g} 点）" for name, points in self.points.items())
        text = f"**これは提出課題です。** 採点する演習は、{asked}です。"
        if self.given:
            text += f"{'、'.join(f'`{name}`' for name in self.given)} には、はじめから解答が入っています。"
        if self.due:
            text += f"\n\n**締め切りは {_moment(self.due)} です**。"
        if self.grace_minutes:
            text += f"{self.grace_minutes:g} 分までの遅れは減点しません。"
        if self.penalty_per_day:
            cost, most = f"{100 * self.penalty_per_day:.4g}%", f"{100 * self.most:.4g}%"
            text += (
                f"それより遅れると、24 時間以内で {cost}、その後も 24 時間ごとに {cost} ずつ減点します（最大 {most}）。"
            )
        return text if variant is None else f"{text}\n\n問題のバージョン：{variant}"


def read_points(text: str, asked: Sequence[str], own: Mapping[str, float]) -> dict[str, float]:
    """The points of each exercise asked: "add_noise=4,ddpm_step=6", and the lab's own for the rest.

    asked: the exercises of the assignment; own: all of the lab's exercises with their points.
    Raises ValueError, in one sentence, for what is no NAME=NUMBER, an unknown exercise or one that is not asked, one
    that is named twice, and points that are no number from 0 to 1000.
    """
    given: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"Points are given as NAME=NUMBER with commas between, but there stands {part!r}.")
        _known(name, own)
        if name not in asked:
            raise ValueError(f"Points are for exercises that are asked, but {name} is not; ask it with --exercises.")
        if name in given:
            raise ValueError(f"An exercise has its points once, but {name} is named twice in {text!r}.")
        try:
            given[name] = float(number)
        except ValueError:
            given[name] = math.nan
        if not 0 <= given[name] <= MOST_POINTS:
            raise ValueError(f"Points are a number from 0 to {MOST_POINTS:g}, but {name} has {number!r}.")
    return {name: given.get(name, float(own[name])) for name in asked}


def read_exercises(text: str, own: Mapping[str, float]) -> list[str]:
    """The exercises that are asked, in the lab's order: "add_noise,ddpm_step", and all of them for an empty text.

    Raises ValueError, in one sentence, for an unknown exercise.
    """
    wanted = [part for part in map(str.strip, text.split(",")) if part]
    for name in wanted:
        _known(name, own)
    return [name for name in own if name in wanted or not wanted]


def read_due(text: str) -> datetime:
    """A due date with its time zone, this machine's where none is said: "2026-11-30 23:59", "2026-11-30T23:59+09:00".

    A day without a time is over at 23:59. Raises ValueError, in one sentence, where it cannot be read.
    """
    try:
        try:
            due = datetime.combine(date.fromisoformat(text.strip()), time(23, 59))
        except ValueError:
            due = datetime.fromisoformat(text.strip())
        return due if due.tzinfo else due.astimezone()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"A due date is written 2026-11-30 23:59, with +09:00 after it for another time zone than this machine's, "
            f"but it says {text!r}."
        ) from None


def _known(name: str, own: Mapping[str, float]) -> None:
    if name not in own:
        raise ValueError(f"This lab has no exercise {name!r}; it has {', '.join(own)}.")


def _moment(due: datetime) -> str:
    zone = due.strftime("%z")
    return f"{due:%Y-%m-%d %H:%M} (UTC{zone[:3]}:{zone[3:5]})"
