"""`t2ilab lab` and `t2ilab build` as a user meets them; what they do is tested with launch and authoring."""

import pytest
from said import sentence

from t2ilab import launch


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lab", "99"], "There is no lab named '99'; try 00_welcome"),
        (["lab", "ddmp"], "There is no lab named 'ddmp'; try 05_ddpm"),
        (["lab", "05", "--language", "fr"], "language is 'fr'"),
        (["build", "nonsense"], "nonsense"),
    ],
)
def test_labs_that_are_none_get_one_sentence(command, tmp_path, monkeypatch, arguments, words):
    labs = tmp_path / "labs"
    labs.mkdir()
    for name in ("00_welcome", "05_ddpm"):
        (labs / f"{name}.ipynb").write_text("{}")
    monkeypatch.setattr(launch, "packaged", lambda: labs)
    result = command(*arguments)
    assert words in sentence(result, 2)
    assert (len(result.err.splitlines()), result.files) == (1, [])
