"""The `t2ilab` command: a thin face over public calls. Heavy imports wait until a command needs them.

A command is a function of one of the files here: its signature says the options, its docstring what the help says of
it, and its name stands in `COMMANDS`. A group of commands, such as `t2ilab data`, is a `typer.Typer` in `GROUPS`.
"""

from __future__ import annotations

import sys

import typer

from t2ilab.cli import (
    benchmarking,
    comparing,
    data,
    doctor,
    generate,
    grading,
    notebooks,
    releasing,
    scenes,
    studio,
    training,
    zoo,
)

COMMANDS = (  # in the order of the help
    generate.generate,
    studio.studio,
    scenes.scenes,
    notebooks.lab,
    training.train,
    comparing.compare,
    releasing.release,
    grading.grade,
    zoo.zoo,
    doctor.doctor,
    benchmarking.bench,
    notebooks.build,
)
GROUPS = {"data": data.data}

app = typer.Typer(
    help="t2ilab: rebuild the breakthroughs of text-to-image generation by hand.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command()(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Runs the command. A bad value ends in one sentence and exit code 2, a failure in one sentence and 1."""
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="t2ilab", standalone_mode=False)
    except typer.Abort:
        code = 130
    except ValueError as error:
        _stop(str(error), 2)
    except (OSError, ImportError, FloatingPointError, RuntimeError) as error:
        _stop(str(error), 1)
    except MemoryError as error:
        _stop(f"Out of memory: {error}. Ask for fewer or smaller pictures.", 1)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        usage = getattr(error, "format_message", None)  # an unknown command or option, in the parser's own words
        if usage is None:
            raise
        _stop(f"{usage()}{'' if usage().endswith(('.', '?')) else '.'} See t2ilab --help.", 2)
    if code == 130:  # Ctrl-C, which typer may have caught before us
        _stop("Stopped.", 130)
    sys.exit(code)


def _stop(sentence: str, code: int) -> None:
    print(f"t2ilab: {sentence}", file=sys.stderr)
    sys.exit(code)
