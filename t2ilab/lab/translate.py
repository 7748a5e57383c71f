"""What a lab prints and writes on its figures, in the language of the edition.

The notebooks of both editions hold the same code. It says things in English; in the Japanese edition each sentence is
looked up in one table, `translations.JAPANESE`, by its English text.
"""

from __future__ import annotations

from t2ilab.lab.messages import language
from t2ilab.lab.translations import JAPANESE


def tr(text: str, **values: object) -> str:
    """The text in the language of the edition, with its `{names}` filled in. English where no translation is known."""
    chosen = JAPANESE.get(text, text) if language() == "ja" else text
    return chosen.format(**values) if values else chosen


def say(text: str, **values: object) -> None:
    """Prints the text in the language of the edition: say("loss {loss:.3f}", loss=0.1)."""
    print(tr(text, **values))
