"""Monsters: 416 creatures drawn in ink, to fine-tune a model of the storybook on, and a pet in five pictures."""

from t2ilab.data.monsters.captions import describe
from t2ilab.data.monsters.creature import COUNT, Monster, is_held_out, monsters
from t2ilab.data.monsters.drawing import Pose, draw
from t2ilab.data.monsters.pairs import MonsterPairs, items
from t2ilab.data.monsters.pet import PET, pet_items

__all__ = [
    "COUNT",
    "PET",
    "Monster",
    "MonsterPairs",
    "Pose",
    "describe",
    "draw",
    "is_held_out",
    "items",
    "monsters",
    "pet_items",
]
