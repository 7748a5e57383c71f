"""The plan of the house, held by reading the imports of every file, those inside functions too."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "t2ilab"

# A room imports only rooms with a smaller number, and its own folder. A room outside this table has no place yet.
ROOMS = {
    "": -1,  # t2ilab/__init__.py: the version
    "device": 0,
    "files": 0,
    "images": 0,
    "data": 1,
    "nets": 1,
    "diffusion": 1,
    "distances": 1,
    "clip": 2,
    "training": 2,
    "interop": 3,
    "output": 3,
    "zoo": 4,
    "doctor": 5,
    "metrics": 5,
    "pipelines": 5,
    "comparison": 6,
    "recipes": 6,
    "lab": 7,
    "launch": 7,
    "grading": 8,
    "authoring": 8,
    "studio": 8,
    "benchmark": 9,
    "cli": 10,
    "__main__": 11,
}
NOTEBOOK = {"IPython", "ipywidgets", "matplotlib", "matplotlib_fontja"}  # lab and above only
HEAVY = {"accelerate", "datasets", "diffusers", "gradio", "open_clip", "peft", "transformers"}  # loaded where used
LONGEST_FILE = 400
LONGEST_SAMPLER = 35


def files() -> dict[str, str]:
    """Every Python file of the package: its path below the package, with forward slashes -> its text."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))
    }


def room_of(name: str) -> str:
    """The room of a file ("nets/unet.py" -> "nets") or of a module below t2ilab ("nets.unet" -> "nets")."""
    room = re.split(r"[/.]", name.removesuffix(".py"))[0]
    return "" if room in ("__init__", "__version__") else room


def imports(name: str, text: str) -> Iterator[tuple[str, bool, int]]:
    """Each module that a file imports: (its absolute name, whether the import runs with the file's own, the line)."""
    tree = ast.parse(text)
    inside = {id(node) for outer in ast.walk(tree) if _waits(outer) for node in ast.walk(outer)}
    here = ["t2ilab", *name.removesuffix(".py").split("/")][:-1]
    for node in ast.walk(tree):
        at_once = id(node) not in inside
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_once, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = here[: len(here) + 1 - node.level] if node.level else []
            module = ".".join([*origin, *filter(None, [node.module])])
            # `from t2ilab import device` imports the room, not the package.
            names = [f"t2ilab.{alias.name}" for alias in node.names] if module == "t2ilab" else [module]
            yield from ((module, at_once, node.lineno) for module in names)


def _waits(node: ast.AST) -> bool:
    """Whether what stands in a node does not run when its file is imported."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def faults(texts: dict[str, str]) -> list[str]:
    """Where a package leaves the plan, one sentence each."""
    found = []
    for name, text in texts.items():
        room = room_of(name)
        if room not in ROOMS:
            found.append(f"{name} is in no room of the house; give it a place in DESIGN.md and in this table")
            continue
        if Path(name).name == "utils.py":
            found.append(f"{name}: a helper lives with its caller, not in a utils.py")
        if len(text.splitlines()) > LONGEST_FILE:
            found.append(f"{name} has {len(text.splitlines())} lines, and {LONGEST_FILE} is the ceiling")
        for module, at_once, line in imports(name, text):
            library, _, inner = module.partition(".")
            if library == "t2ilab":
                other = room_of(inner)
                if other != room and ROOMS.get(other, 99) >= ROOMS[room]:
                    found.append(f"{name}:{line} imports {module}: {room} may not know of {other}")
            elif library in NOTEBOOK and ROOMS[room] < ROOMS["lab"]:
                found.append(f"{name}:{line} imports {library}: nothing below lab knows of notebooks and plots")
            elif library == "accelerate" and room != "training":
                found.append(f"{name}:{line} imports accelerate, which only training may")
            elif library in HEAVY and at_once:
                found.append(f"{name}:{line} imports {library} at once; heavy libraries load where they are used")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "cuda":
                found.append(f"{name}:{node.lineno} calls .cuda(): DeviceManager decides")
            if name == "diffusion/samplers.py" and isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_SAMPLER:
                    found.append(
                        f"{name}: {node.name} has {length} lines, and {LONGEST_SAMPLER} is the most for a sampler"
                    )
    return found


def test_the_house_stands_as_planned():
    assert faults(files()) == []


def test_data_nets_and_diffusion_never_meet():
    # Equal numbers keep them apart, so the numbers have to stay equal.
    assert ROOMS["data"] == ROOMS["nets"] == ROOMS["diffusion"]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("nets/unet.py", "from t2ilab.diffusion.schedule import NoiseSchedule", "nets may not know of diffusion"),
        ("nets/unet.py", "def f():\n    from t2ilab.data import scenes", "nets/unet.py:2 imports t2ilab.data"),
        ("data/render.py", "import t2ilab.nets.unet as u", "data may not know of nets"),
        ("diffusion/losses.py", "from t2ilab import data", "diffusion may not know of data"),
        ("diffusion/losses.py", "from ..nets import unet", "diffusion may not know of nets"),
        ("device.py", "from t2ilab.images import to_pil", "device may not know of images"),
        ("device.py", "from . import images", "device may not know of images"),
        ("zoo.py", "from t2ilab.cli import main", "zoo may not know of cli"),
        ("__init__.py", "from t2ilab.device import DeviceManager", "may not know of device"),
        ("nets/unet.py", "import t2ilab.magic", "nets may not know of magic"),
        ("magic.py", "", "magic.py is in no room"),
        ("nets/utils.py", "", "not in a utils.py"),
        ("metrics.py", "def f():\n    import matplotlib.pyplot as plt", "nothing below lab knows"),
        ("pipelines/a.py", "from IPython.display import display", "nothing below lab knows"),
        ("recipes/a.py", "async def f():\n    from accelerate import Accelerator", "which only training may"),
        ("training/loop.py", "from accelerate import Accelerator", "at once; heavy libraries"),
        ("interop.py", "import diffusers.models", "at once; heavy libraries"),
        ("nets/unet.py", "class A:\n    from transformers import CLIPModel", "at once; heavy libraries"),
        ("nets/unet.py", "net = net.cuda()", "calls .cuda()"),
        ("nets/unet.py", "\n" * 401, "has 401 lines"),
        ("diffusion/samplers.py", "def sample_x():\n" + "    a = 1\n" * 35, "sample_x has 36 lines"),
    ],
)
def test_a_fault_would_be_seen(name, text, fault):
    (found,) = faults({name: text})
    assert fault in found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "recipes/shapes.py",
            "from t2ilab.data import render\nfrom t2ilab.nets.unet import UNet\nfrom t2ilab import diffusion",
        ),
        ("nets/unet.py", "from t2ilab.nets.layers import ResBlock\nfrom .layers import ResBlock\nfrom . import layers"),
        ("nets/unet.py", "from t2ilab import __version__\nimport t2ilab\nfrom .. import device"),
        ("training/loop.py", "def f():\n    from accelerate import Accelerator"),
        ("interop.py", "def f():\n    import diffusers"),
        ("interop.py", "if TYPE_CHECKING:\n    import diffusers"),
        ("lab/plots.py", "import matplotlib.pyplot as plt"),
        ("device.py", "import torch\nready = torch.cuda.is_available()"),
        (
            "cli/notebooks.py",
            "from t2ilab.cli import data\ndef f():\n    from t2ilab.lab import exercise\n    from t2ilab import launch",
        ),
        ("diffusion/samplers.py", "def sample_x():\n" + "    a = 1\n" * 34),
    ],
)
def test_what_the_plan_allows_is_no_fault(name, text):
    assert faults({name: text}) == []


@pytest.mark.parametrize("module", ["t2ilab", "t2ilab.cli", "t2ilab.launch"])
def test_a_fresh_process_imports_it_without_torch(module):
    program = f"import sys, {module}; print(sorted({{'torch', 'numpy', 'IPython', 'jupytext'}} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert (answer.stdout, answer.stderr) == ("[]\n", "")
