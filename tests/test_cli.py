"""The command itself: its help, how fast it is there, and one sentence for whatever ends it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from said import sentence

from t2ilab import cli, output

RED = "a big red star on a dark background"


def leaves(typer_app, *before):
    """Every command that can be given, with its group's name before it: (("data", "search"), its function)."""
    for info in typer_app.registered_commands:
        yield (*before, info.name or info.callback.__name__), info.callback
    for group in typer_app.registered_groups:
        yield from leaves(group.typer_instance, *before, group.name)


COMMANDS = dict(leaves(cli.app))


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["generate", "--stepz", "3"]])
def test_help_and_bad_options_load_no_torch(arguments):
    program = f"""
import atexit, sys
atexit.register(lambda: print(sorted({{"torch", "numpy", "matplotlib", "safetensors"}} & sys.modules.keys())))
sys.argv = ["t2ilab", *{arguments}]
from t2ilab.cli import main
main()
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert answer.stdout.splitlines()[-1] == "[]"
    assert "Traceback" not in answer.stderr


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "t2ilab", "generatte"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "t2ilab: No such command 'generatte'. Did you mean 'generate'? See t2ilab --help.\n"


def test_every_public_function_of_its_files_is_a_command():
    functions = set()
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.stem != "__init__":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            functions |= {(f"t2ilab.cli.{path.stem}", n.name) for n in tree.body if isinstance(n, ast.FunctionDef)}
    public = {(module, name) for module, name in functions if not name.startswith("_")}
    assert public == {(function.__module__, function.__name__) for function in COMMANDS.values()}


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command, names):
    result = command(*names, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: t2ilab")
    assert len(result.out.splitlines()) > 4
    *group, name = names
    summary = COMMANDS[names].__doc__.split(".")[0].split(":")[0][:40]
    assert re.search(rf"^  {name} +{re.escape(summary)}", command(*group, "--help").out, re.MULTILINE)


def test_without_arguments_help_is_shown(command):
    result = command()
    assert result.code == 0
    assert "generate" in result.out
    assert result.err == ""


def test_a_command_that_is_none_gets_one_sentence(command):
    result = command("generatte", RED)
    assert "No such command 'generatte'. Did you mean 'generate'?" in sentence(result, 2)
    assert len(result.err.splitlines()) == 1


def test_ctrl_c_is_no_traceback(command, small_zoo, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "check_target", stop)
    result = command("generate", RED, "-o", "a.png")
    assert (result.code, result.err) == (130, "t2ilab: Stopped.\n")


def test_memory_that_is_not_there_is_said(command, small_zoo, monkeypatch):
    def much(*_):
        raise MemoryError("Unable to allocate 9 TB")

    monkeypatch.setattr(output, "check_target", much)
    assert sentence(command("generate", RED), 1) == (
        "Out of memory: Unable to allocate 9 TB. Ask for fewer or smaller pictures."
    )


def test_a_fault_of_our_own_is_not_hidden(monkeypatch):
    def wrong(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(output, "check_target", wrong)
    monkeypatch.setattr(sys, "argv", ["t2ilab", "generate", RED])
    with pytest.raises(ZeroDivisionError):
        cli.main()
