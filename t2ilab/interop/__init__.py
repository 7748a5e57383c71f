"""Published checkpoints <-> this course's classes, both ways."""

from t2ilab.interop.clip import load_clip

__all__ = ["load_clip"]
