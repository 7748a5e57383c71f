"""What a Codespace or VS Code's container installs: the same as Binder and the README."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


def test_it_has_binders_python():
    version = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    assert MADE["image"].endswith(f"/python:{version}")


def test_pytorch_for_the_cpu_comes_first_and_from_the_index_that_the_readme_names():
    first, second = MADE["postCreateCommand"].split(" && ")
    assert first in (ROOT / "README.md").read_text(encoding="utf-8").replace(".venv/bin/", "")
    assert second == "pip install -e '.[lab,studio]'"


def test_the_ports_are_those_that_the_commands_listen_on():
    import inspect

    from t2ilab.cli.studio import studio

    assert MADE["forwardPorts"] == [8888, inspect.signature(studio).parameters["port"].default]
    assert set(MADE["portsAttributes"]) == {str(port) for port in MADE["forwardPorts"]}
