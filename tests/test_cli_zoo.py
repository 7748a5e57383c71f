"""`t2ilab zoo` as a user meets it."""

import re

from said import sentence


def test_the_zoo_is_listed_and_a_card_is_shown(command, small_zoo):
    assert re.search(r"^storybook +storybook, for a test\.$", command("zoo").out, re.MULTILINE)
    shown = command("zoo", "storybook").out
    for words in ("command: t2ilab train storybook --steps 1 --seed 0", "hardware: none", "  en: 0.5", "sha256:"):
        assert words in shown


def test_a_name_that_is_none_gets_one_sentence(command, small_zoo):
    result = command("zoo", "storybook-pixl")
    assert "the nearest it has: storybook" in sentence(result, 2)
    assert (len(result.err.splitlines()), result.files) == (1, [])
