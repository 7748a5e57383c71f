"""The exercises of every lab, each defined once; a lab's file is named after it, and lists them in its own order."""

import difflib

from t2ilab.lab.bank import (
    lab00_welcome,
    lab01_clip,
    lab02_zero_shot,
    lab03_image_text_data,
    lab04_denoising,
    lab05_ddpm,
    lab06_samplers,
    lab07_latent_diffusion,
    lab08_text_to_image,
    lab09_control,
    lab10_fine_tuning,
    lab11_dalle2,
    lab12_imagen,
    lab13_gans,
    lab14_capstone,
)
from t2ilab.lab.definition import Exercise
from t2ilab.lab.messages import say

ALL: tuple[Exercise, ...] = (
    *lab00_welcome.EXERCISES,
    *lab01_clip.EXERCISES,
    *lab02_zero_shot.EXERCISES,
    *lab03_image_text_data.EXERCISES,
    *lab04_denoising.EXERCISES,
    *lab05_ddpm.EXERCISES,
    *lab06_samplers.EXERCISES,
    *lab07_latent_diffusion.EXERCISES,
    *lab08_text_to_image.EXERCISES,
    *lab09_control.EXERCISES,
    *lab10_fine_tuning.EXERCISES,
    *lab11_dalle2.EXERCISES,
    *lab12_imagen.EXERCISES,
    *lab13_gans.EXERCISES,
    *lab14_capstone.EXERCISES,
)


def find(name: str) -> Exercise:
    """The exercise of that name. Raises ValueError, with the nearest names, when there is none."""
    for exercise in ALL:
        if exercise.name == name:
            return exercise
    everything = [exercise.name for exercise in ALL]
    nearest = difflib.get_close_matches(name, everything, n=3, cutoff=0.3) or everything[:3]
    raise ValueError(say("unknown_exercise", name=name, nearest=", ".join(nearest)))


def exercises(lab: str) -> tuple[Exercise, ...]:
    """A lab's exercises in its order; lab: such as "05_ddpm". Raises ValueError when no bank has that lab."""
    found = tuple(exercise for exercise in ALL if exercise.lab == lab)
    if not found:
        raise ValueError(say("unknown_lab", name=lab, nearest=", ".join(labs())))
    return found


def names(lab: str) -> tuple[str, ...]:
    """The names of a lab's exercises, in its order."""
    return tuple(exercise.name for exercise in exercises(lab))


def labs() -> tuple[str, ...]:
    """The labs that have a bank, in order."""
    return tuple(dict.fromkeys(exercise.lab for exercise in ALL))
