"""How a command ends that could not do what was asked."""


def sentence(result, code):
    """The one sentence that a command ended with, after whatever it had said before."""
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    line = result.err.splitlines()[-1]
    assert line.startswith("t2ilab: ")
    assert line.endswith((".", "?", "--help.")), line
    return line.removeprefix("t2ilab: ")
