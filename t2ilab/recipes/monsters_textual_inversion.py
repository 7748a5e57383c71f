"""`monsters-textual-inversion`: one word that a frozen model learns from five pictures of one pet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import nn

from t2ilab.device import DeviceManager
from t2ilab.interop.textual_inversion import save_word
from t2ilab.nets.new_word import NewWord
from t2ilab.pipelines.new_words import begin_word
from t2ilab.recipes.finetuning import Numbers, WordRecipe


@dataclass(frozen=True)
class WordNumbers(Numbers):
    """Those of all fine-tunings, and the word.

    Attributes:
        word: that is new.
        like: a word, or several, that it begins as.
    """

    word: str = "mofu"
    like: str = "monster"


NUMBERS = WordNumbers(name="monsters-textual-inversion", steps=1200, batch=8, rates=(5e-2, 5e-4))
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = "Five pictures of one pet; or a folder of one's own (--data)."
LIMITS = "For its base alone: a word for the nearest that the base can draw, which it learns nothing new to draw."


class Recipe(WordRecipe):
    """Textual inversion (Gal et al. 2022): one row of the token embedding learns, and nothing else (eq. 2)."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: WordNumbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def _learner(self) -> nn.Module:
        word = begin_word(self.pipe, self.numbers.word, (self.numbers.like,))
        return nn.ParameterDict({"vector": word.vector})

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes the word alone, in the file that diffusers' `load_textual_inversion` opens."""
        with self.wearing(model) as pipe:
            word = cast(NewWord, pipe.text_encoder.embeddings.token_embedding)
            save_word(folder, self.numbers.word, word.vector)
