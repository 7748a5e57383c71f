"""`t2ilab doctor` as a user meets it."""


def test_the_doctor_says_what_it_found_and_fails_for_a_fault(command, small_zoo):
    result = command("doctor")
    assert result.code == 0
    assert "zoo storybook: whole" in result.out
    (small_zoo / "storybook" / "model_index.json").write_text("{}")
    result = command("doctor")
    assert result.code == 1
    assert "FAULT zoo storybook" in result.out
