"""Hostile notebooks in one class with an honest one: none gains a point, none stops the class, none leaves a trace.

Each attack stands in one exercise of one student. They are graded together, once, so that few processes are started.
What a hostile archive or file does is tested in test_grading_submissions.py.
"""

import csv
import itertools
import re
import socket
import tempfile
import textwrap
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from grading_class import HEAD, lay, needs_bubblewrap, notebook, solved

from t2ilab.grading import sandbox
from t2ilab.grading.grade import grade
from t2ilab.grading.sandbox import Limits
from t2ilab.lab import bank

pytestmark = needs_bubblewrap

LAB = "05_ddpm"
SECRET = "the-other-students-own-words"
USERS = range(61_600, 61_700)  # whom student code runs as, where the tests are run as root
WRONG, ERROR, OFF, CRASH, TIME, MEMORY = "wrong", "error", "off limits", "crashed", "timed out", "memory"


class Attack:
    """The body of one exercise, its student, and how it may end; what it found it raises, so that a test sees it."""

    def __init__(self, student, exercise, body, *expected):
        self.student, self.exercise, self.expected = student, exercise, expected
        self.body = textwrap.dedent(body).strip()


ATTACKS = {
    # The comparison
    "overwrites allclose": Attack(
        "mallory", "linear_betas",
        """
        import numpy
        numpy.allclose = numpy.isclose = numpy.array_equal = torch.allclose = torch.equal = lambda *a, **k: True
        return torch.zeros(T)
        """, WRONG, "halves"),
    "patches torch": Attack(
        "mallory", "add_noise",
        """
        torch.Tensor.__eq__ = torch.Tensor.__sub__ = lambda self, other: torch.zeros(())
        torch.Tensor.numpy = lambda self, **k: __import__("numpy").zeros(3)
        return x0
        """, WRONG, ERROR),
    "patches what measures": Attack(
        "mallory", "timestep_embedding",
        """
        import sys
        from t2ilab.lab import judging, probing
        for module in [judging, probing, *[m for n, m in sys.modules.items() if n.startswith("t2ilab.")]]:
            module.judge = module.difference = module.measure = lambda *a, **k: True
            module.Measured = module.Failure = dict
        return torch.zeros(len(t), dim)
        """, WRONG, ERROR, CRASH, TIME),
    "detects that it is graded": Attack(
        "mallory", "eps_to_x0",
        """
        import os, sys
        graded = "T2ILAB_STRICT" in os.environ or "t2ilab.grading.worker" in sys.modules
        return torch.ones_like(x_t) if graded else x_t
        """, WRONG),
    "sends an object that unpickles": Attack(
        "mallory", "ddpm_loss",
        """
        import numpy, os
        class Evil(torch.Tensor):
            def detach(self): return self
            def cpu(self): return self
            def resolve_conj(self): return self
            def resolve_neg(self): return self
            def numpy(self, **k): return numpy.array([lambda: os.system("id")], dtype=object)
        return torch.zeros(3).as_subclass(Evil)
        """, WRONG, ERROR, CRASH),
    "forges the answer's message": Attack(
        "mallory", "training_step",
        """
        import os, sys, numpy
        from t2ilab.grading.wire import pack
        one = {"arrays": {"first_loss": numpy.zeros(())}, "failure": None, "changed": [], "forbidden": []}
        data = pack({"draws": [one] * 3, "tensors": [], "passed": True, "points": 99})
        os.write(int(sys.argv[2]), len(data).to_bytes(8, "little") + data)
        return 0.0
        """, WRONG, ERROR, CRASH),
    "answers 10 GB": Attack("mallory", "ddpm_step", "return torch.zeros(1).expand(10**10)", MEMORY, WRONG, ERROR),
    # The answer
    "reads the reference": Attack(
        "eve", "linear_betas",
        """
        import gc, inspect
        from t2ilab.lab import bank
        asked = bank.find("linear_betas")
        tries = [lambda: asked.reference(T, start, end), lambda: asked.misconceptions, lambda: asked.make_inputs(None)]
        tries += [lambda f=f: f(T, start, end) for f in gc.get_objects()
                  if inspect.isfunction(f) and f.__name__ == "linear_betas" and f.__module__ != "__main__"]
        for attempt in tries:
            try:
                found = attempt()
            except Exception:
                continue
            if isinstance(found, torch.Tensor):
                return found
        raise ValueError(inspect.getsource(asked.reference))
        """, ERROR),
    "searches the disk for solutions": Attack(
        "eve", "add_noise",
        """
        import os
        found = []
        for folder, inner, names in os.walk("/"):
            inner[:] = [name for name in inner if name not in ("usr", "proc", "site-packages", "python3.11")]
            found += [os.path.join(folder, name) for name in names if name.endswith(".ipynb") or "ddpm" in name]
            found += [folder] * (folder.endswith("bank") and "forward.py" in names)
        raise ValueError(f"FOUND{found}")
        """, ERROR),
    "calls the package": Attack(
        "eve", "timestep_embedding",
        """
        from t2ilab.nets.layers import timestep_embedding as theirs
        return theirs(t, dim)
        """, OFF),
    "calls the package through another name": Attack(
        "eve", "eps_to_x0",
        """
        import importlib
        schedule = importlib.import_module("t2ilab.diffusion.schedule").NoiseSchedule
        return schedule.to_x0(schedule(1 - ac[1:] / ac[:-1]), eps, x_t, t, "epsilon")
        """, OFF, ERROR),
    "calls diffusers": Attack(
        "eve", "ResBlock",
        """
        def __init__(self, in_channels, out_channels, time_dim):
            super().__init__()
            from diffusers.models.resnet import ResnetBlock2D
            self.block = ResnetBlock2D(in_channels=in_channels, out_channels=out_channels, temb_channels=time_dim)

        def forward(self, x, temb):
            return self.block(x, temb)
        """, ERROR),
    # The machine
    "calls the network": Attack(
        "eve", "ddpm_loss",
        """
        import socket
        reached = []
        for family, address in [(socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("1.1.1.1", 53)),
                                (socket.AF_UNIX, "\\0t2ilab-test")]:
            try:
                with socket.socket(family) as line:
                    line.settimeout(0.5)
                    line.connect(address)
                    reached.append(address)
            except OSError:
                pass
        raise ValueError(f"REACHED{reached}")
        """.replace("PORT", "0xBEEF"), ERROR),
    "reads the parent's environment and other students' files": Attack(
        "eve", "training_step",
        """
        import glob, os
        found = dict(os.environ)
        for name in ["SUBMISSIONS/honest/x.ipynb", "SUBMISSIONS", os.path.expanduser("~"), "/root", "/home",
                     *glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline"), "/etc/passwd"]:
            try:
                found[name] = os.listdir(name) if os.path.isdir(name) else open(name, errors="replace").read()
            except OSError:
                pass
        raise ValueError(f"FOUND{found}")
        """, ERROR),
    "fills the disk": Attack(
        "eve", "ddpm_step",
        """
        import os
        written = 0
        for folder in ("/tmp", "/dev/shm", "/dev", "/", os.getcwd(), os.path.dirname(torch.__file__),
                       os.path.dirname(__import__("t2ilab").__file__)):
            try:
                for i in range(1000):
                    with open(f"{folder}/full{i}", "wb") as file:
                        for _ in range(20):
                            written += file.write(bytes(2**20))
            except OSError:
                pass
        raise ValueError(f"WRITTEN {written}")
        """, ERROR),
    # The process
    "leaves": Attack("oscar", "linear_betas", "import os; os._exit(0)", CRASH),
    "never ends": Attack("oscar", "add_noise", "while True: pass", TIME),
    "fork bomb": Attack(
        "oscar", "timestep_embedding",
        """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """, TIME, CRASH, MEMORY),
    "memory bomb": Attack("oscar", "eps_to_x0", "kept = []\nwhile True: kept.append(bytes(2**26))", MEMORY),
    "memory in many processes": Attack(
        "oscar", "ResBlock",
        """
        def __init__(self, in_channels, out_channels, time_dim):
            super().__init__()
            import os, time
            for _ in range(6):
                if os.fork() == 0:
                    kept = bytearray(b"x") * 2**29
                    time.sleep(60)
            time.sleep(60)

        def forward(self, x, temb):
            return x
        """, MEMORY),
    "prints 10 GB": Attack(
        "oscar", "ddpm_loss",
        """
        import os
        for _ in range(10 * 2**10):
            os.write(1, b"x" * 2**20)
        return net(x0, t).mean()
        """, WRONG, TIME),
    "kills all that it can": Attack(
        "peggy", "linear_betas",
        """
        import os, signal
        for process in (os.getppid(), 1, -1):
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass
        """, CRASH, WRONG),
    "stands still": Attack(
        "peggy", "add_noise", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); return x0", TIME
    ),
    "recurses without end": Attack(
        "peggy", "eps_to_x0", "import sys; sys.setrecursionlimit(10**9); f = lambda: f(); return f()",
        CRASH, MEMORY, ERROR, TIME,
    ),
    "closes the pipes": Attack("peggy", "ddpm_loss", "import os; os.closerange(3, 1000); return x0.mean()", CRASH),
    "leaves in disguise": Attack("peggy", "ddpm_step", "raise KeyboardInterrupt", ERROR),
}  # fmt: skip


def hostile(student):
    """A student's notebook: the lab's solution with its attacks in place of what they stand in."""
    cells, mine = [], {one.exercise: one for one in ATTACKS.values() if one.student == student}
    for asked in bank.exercises(LAB):
        if asked.name not in mine:
            cells += [cell for cell in solved(LAB).values() if f'@exercise("{asked.name}")' in cell]
            continue
        source = next(cell for cell in solved(LAB).values() if f'@exercise("{asked.name}")' in cell)
        head = source[: source.index("\n", source.index("class " if "class " in source else "def "))]
        cells.append(f"{head}\n{textwrap.indent(mine[asked.name].body, '    ')}")
    return [HEAD, *cells]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded once: its rows, its pages, who called, and which processes and files were there before."""
    root = tmp_path_factory.mktemp("class")
    folder = root / "handed in"
    students = sorted({one.student for one in ATTACKS.values()})
    files = {f"{name}/x.ipynb": notebook(*hostile(name)) for name in students}
    files = {name: content.replace(b"SUBMISSIONS", str(folder).encode()) for name, content in files.items()}
    honest = [HEAD, "import os\nos._exit(1)", "while True:\n    pass", *list(solved(LAB).values())[2:], f"# {SECRET}"]
    lay(folder, files | {"honest/x.ipynb": notebook(*honest)})
    calls = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX)]
    calls[0].bind(("127.0.0.1", 0))
    calls[1].bind("\0t2ilab-test")
    for name in students:
        path = folder / name / "x.ipynb"
        path.write_bytes(path.read_bytes().replace(b"0xBEEF", str(calls[0].getsockname()[1]).encode()))
    for line in calls:
        line.listen()
        line.setblocking(False)
    before = set(Path("/tmp").iterdir())
    patched = pytest.MonkeyPatch()
    patched.setenv("T2ILAB_TEST_SECRET", SECRET)
    patched.setattr(tempfile, "tempdir", str(lay(root / "tmp", {"x": b""})))
    patched.setattr(sandbox, "_users", itertools.count(USERS.start))
    try:
        grade(folder, LAB, root / "grades.csv", root / "pages", limits=Limits(seconds=5), workers=2)
    finally:
        patched.undo()
    with (root / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    pages = {path.name.split("-")[0]: path.read_text(encoding="utf-8") for path in (root / "pages").iterdir()}
    yield SimpleNamespace(rows=rows, pages=pages, calls=calls, before=before, root=root)
    for line in calls:
        line.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_as_expected_and_gains_nothing(graded, name):
    attack = ATTACKS[name]
    row = graded.rows[attack.student]
    status, points = row[f"{attack.exercise} status"], float(row[attack.exercise])
    known = bank.find(attack.exercise).misconceptions
    assert status in attack.expected or (WRONG in attack.expected and status in known), row
    # A property or two may hold of any answer; an answer of zeros, without an attack, would earn as much.
    assert points <= 0.5 * bank.find(attack.exercise).points


def test_what_is_not_attacked_keeps_its_points(graded):
    """A crash costs one exercise; and what an exercise calls that was attacked is named."""
    attacked = {(one.student, one.exercise) for one in ATTACKS.values()}
    calls = {"ddpm_loss": "add_noise", "training_step": "ddpm_loss"}
    for student, row in graded.rows.items():
        for asked in bank.exercises(LAB):
            needed = {asked.name, calls.get(asked.name, ""), calls.get(calls.get(asked.name, ""), "")}
            if not any((student, name) in attacked for name in needed):
                assert (row[f"{asked.name} status"], float(row[asked.name])) == ("right", asked.points), student


def test_the_honest_student_has_all_points(graded):
    row = graded.rows["honest"]
    assert row["total"] == row["out of"] == f"{sum(one.points for one in bank.exercises(LAB))}"
    assert row["notes"] == ""


def test_no_attack_saw_what_is_not_its_own(graded):
    page = graded.pages["eve"]
    assert SECRET not in page
    assert "REACHED[]" in page
    assert "FOUND[]" in page
    assert "linspace" not in page.split("FOUND[]")[0].split("<ol>")[0]
    assert "NotImplementedError" in page
    for line in graded.calls:
        with pytest.raises(BlockingIOError):
            line.accept()


def test_no_attack_wrote_more_than_its_share(graded):
    (written,) = map(int, re.findall(r"WRITTEN (\d+)", graded.pages["eve"]))
    assert written <= 80 * 2**20


def test_no_attack_leaves_a_process_or_a_file_behind(graded):
    for process in psutil.process_iter(["uids"]):
        assert process.info["uids"] is None or process.info["uids"].real not in USERS
    assert [one for one in psutil.Process().children(recursive=True) if "worker" in " ".join(one.cmdline())] == []
    assert not list((graded.root / "tmp").glob("t2ilab-grading-*"))
    assert not [path for path in set(Path("/tmp").iterdir()) - graded.before if path.name.startswith("full")]
    assert not list(Path(torch.__file__).parent.glob("full*"))


def test_the_parent_is_untouched(graded):
    assert torch.equal(torch.ones(2), torch.ones(2))
    assert not torch.allclose(torch.ones(2), torch.zeros(2))
