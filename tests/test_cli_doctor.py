"""`t2ilab doctor` as a user meets it."""


def test_the_doctor_says_what_it_found_and_fails_for_a_fault(command, small_zoo):
    result = command("doctor")
    assert result.code == 0
    assert "zoo storybook: whole" in result.out
    (small_zoo / "storybook" / "model_index.json").write_text("{}")
    result = command("doctor")
    assert result.code == 1
    assert "FAULT zoo storybook" in result.out


def test_offline_it_counts_the_labs_too(command, small_zoo, monkeypatch, tmp_path):
    result = command("doctor", "--offline")
    assert result.code == 0
    assert "ok    labs: " in result.out
    monkeypatch.setattr("t2ilab.launch.packaged", lambda: (_ for _ in ()).throw(ValueError("The labs are gone.")))
    result = command("doctor", "--offline")
    assert result.code == 1
    assert "FAULT labs: The labs are gone." in result.out
