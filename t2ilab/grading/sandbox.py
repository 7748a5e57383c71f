"""The sandbox: a process for one submission, without network, home, secrets, answers or other students' files.

On Linux bubblewrap makes it (https://github.com/containers/bubblewrap). Its file system holds the Python installation,
read-only, a copy of the package without answers, and a small /tmp that vanishes with it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from t2ilab.grading.staging import PACKAGE, stage
from t2ilab.grading.wire import Broken, pack, read_message, unpack, write_message
from t2ilab.lab.definition import Exercise
from t2ilab.lab.messages import language
from t2ilab.launch import clone

_INSIDE = "/t2ilab-grading"  # where the copy of the package lies in the sandbox
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_NEEDED = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_PREFIX = "t2ilab-grading-"  # of a run's folder of temporary files; the number of its process follows
_STARTING = 300.0  # seconds until Python and torch must be there, on the slowest machine
_users = itertools.cycle(range(61_000, 61_500))  # no account has these numbers; each sandbox has its own


class Stopped(Exception):
    """The process did not live to answer: `reason` is "timeout", "memory" or "crash"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """What one submission may take. seconds: of one exercise, by the clock; memory: bytes of all its processes.

    processes: at once, threads too; file_bytes: of one file; disk: bytes of all files; answer_bytes: of one answer.
    """

    seconds: float = 10.0
    memory: int = 2 * 2**30
    processes: int = 64
    file_bytes: int = 16 * 2**20
    disk: int = 64 * 2**20
    answer_bytes: int = 32 * 2**20


class Sandbox:
    """Makes workers for one lab: `with Sandbox(exercises) as sandbox, sandbox.worker() as worker: worker.ask(...)`.

    private: files and folders that no student's code may see, wherever they lie. unsafe: workers are ordinary
    processes, with limits but without walls.
    Raises ValueError, with the command that installs it, where there is no bubblewrap and `unsafe` was not asked for.
    """

    def __init__(
        self,
        exercises: Sequence[Exercise],
        limits: Limits | None = None,
        private: Sequence[Path] = (),
        unsafe: bool = False,
    ) -> None:
        self.limits, self.unsafe = limits or Limits(), unsafe
        self._exercises, self._private = exercises, [path.resolve() for path in private]

    def __enter__(self) -> Sandbox:
        bubblewrap = None if self.unsafe else _bubblewrap()
        if sys.platform == "win32":
            raise ValueError("Notebooks are graded on Linux, or with --unsafe on macOS, but this is Windows; use WSL.")
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            self._folder.chmod(0o755)  # as root, workers are another user's
            stage(self._exercises, self._folder)
            (self._folder / "work").mkdir()
            self._walls = self._arguments(bubblewrap) if bubblewrap else []
            if bubblewrap:
                self._try_out()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def worker(self) -> Worker:
        """A worker that is still to be started (`with`)."""
        return Worker(self._command(), self._environment(), self._folder / "work", self.limits)

    def _command(self) -> list[str]:
        if not self._walls:
            return [sys.executable, "-P", "-s"]
        # As root the user is changed inside, where the walls stand already: root itself has no limit on processes.
        user = str(next(_users))
        drop = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--bounding-set", "-all"]
        return [*self._walls, *(drop * (os.geteuid() == 0)), sys.executable, "-P", "-s"]

    def _environment(self) -> dict[str, str]:
        """All that a worker's environment holds."""
        package, home = (_INSIDE, "/tmp") if self._walls else (str(self._folder), str(self._folder / "work"))
        others = [] if self._walls else [name for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ]
        return {name: os.environ[name] for name in others} | {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([package, *map(str, _site_packages())]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "HOME": home,
            "TMPDIR": home,
            "MPLCONFIGDIR": home,
            "MPLBACKEND": "agg",
            "TQDM_DISABLE": "1",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "T2ILAB_STRICT": "1",
            "T2ILAB_BUDGET": "ci",
            "T2ILAB_DEVICE": "cpu",
            "T2ILAB_LANG": language(),
        }

    def _arguments(self, bubblewrap: str) -> list[str]:
        """bubblewrap's command line. What lies deeper is mounted later, so that each wall covers what came before."""
        mounts: dict[Path, list[str]] = {}
        system = [path for path in map(Path, _SYSTEM) if path.exists()]
        bound = {path for path in system if not path.is_symlink()}
        bound |= {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)} | set(_site_packages())
        bound |= {Path(sys.prefix), Path(sys.base_prefix)}
        for path in bound:
            mounts[path] = ["--ro-bind", str(path), str(path)]
        hidden = [PACKAGE, *self._private]
        if root := clone():
            hidden += [root, root / "solutions"]
        hidden += [folder for name in _elsewhere(self._exercises) for folder in _folders_of(name)]
        for path in hidden:
            if any(path.is_relative_to(outer) for outer in bound - {path}):
                mounts[path] = ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", os.devnull, str(path)]
        size = ["--size", str(self.limits.disk)] if _knows_sizes(bubblewrap) else []
        command = [bubblewrap, "--die-with-parent", "--new-session", "--unshare-net", "--unshare-pid", "--unshare-ipc"]
        command += ["--unshare-uts", "--unshare-cgroup-try"]
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"] * (
            os.geteuid() == 0
        ) or ["--unshare-user"]
        command += [*size, "--perms", "1777", "--tmpfs", "/tmp"] if size else ["--tmpfs", "/tmp"]
        for path in system:
            if path.is_symlink():
                command += ["--symlink", os.readlink(path), str(path)]
        command += ["--perms", "0755", "--dir", "/etc"]
        for name in _NEEDED:
            command += ["--ro-bind-try", name, name]
        for path in sorted(mounts, key=lambda path: len(path.parts)):
            if not any(path.is_relative_to(outer) for outer in bound - {path}):
                for parent in reversed(path.parents[:-1]):  # bubblewrap would close them to other users
                    command += ["--perms", "0755", "--dir", str(parent)]
            command += mounts[path]
        command += ["--ro-bind", str(self._folder), _INSIDE, "--proc", "/proc", "--dev", "/dev"]
        command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
        return command if size else [*command, "--remount-ro", "/tmp"]

    def _try_out(self) -> None:
        """Raises ValueError, with bubblewrap's own words, where a sandbox cannot be made."""
        command = [*self._command(), "-c", "import encodings"]
        tried = subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=_STARTING)
        if tried.returncode:
            words = (tried.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise ValueError(
                f"Student code runs in a sandbox, but bubblewrap cannot make one here ({words}); in a container allow "
                "user namespaces, or say --unsafe if you trust every notebook."
            )


class Worker:
    """One process. A context manager; `ask` may raise Stopped, after which another worker is to be started."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, limits: Limits) -> None:
        self._command, self._environment, self._folder = command, environment, folder
        self.limits, self.peak = limits, 0

    def __enter__(self) -> Worker:
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        settings = json.dumps({key: int(value) for key, value in asdict(self.limits).items()})
        arguments = ["-m", "t2ilab.grading.worker", str(read), str(write), settings]
        try:
            self._process = subprocess.Popen(
                [*self._command, *arguments],
                env=self._environment,
                cwd=self._folder,
                pass_fds=(read, write),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            os.close(read)
            os.close(write)
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        try:
            unpack(read_message(self._read, 1000, time.monotonic() + _STARTING))
        except (Broken, TimeoutError) as error:
            words = self._last_words()
            self.__exit__(None, None, None)
            raise RuntimeError(f"The sandbox's Python did not start: {words or type(error).__name__}.") from error
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process and all that it has started."""
        for one in self._family():
            with contextlib.suppress(psutil.Error):
                one.kill()
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        for descriptor in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def ask(self, request: dict[str, Any]) -> Any:
        """The answer to one request, unpacked and not trusted. Raises Stopped when there is none."""
        until = time.monotonic() + self.limits.seconds
        try:
            write_message(self._write, pack(request), until)
            return unpack(read_message(self._read, self.limits.answer_bytes, until, self._look))
        except TimeoutError:
            raise Stopped("timeout") from None
        except Broken:
            raise Stopped("crash") from None

    def _look(self) -> None:
        """Raises Stopped when all processes of the sandbox together hold too much memory."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak = max(self.peak, total)
        if total > self.limits.memory:
            raise Stopped("memory")

    def _family(self) -> list[psutil.Process]:
        try:
            own = psutil.Process(self._process.pid)
            return [*own.children(recursive=True), own]
        except psutil.Error:
            return []

    def _last_words(self) -> str:
        self._process.kill()
        lines = (self._process.stderr.read() if self._process.stderr else b"").decode("utf-8", "replace").split("\n")
        return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "")


def _sweep() -> None:
    """Removes what runs have left that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            is_ours = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
            if is_ours and process.isdecimal() and not psutil.pid_exists(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


def _bubblewrap() -> str:
    """The path of bubblewrap. Raises ValueError, with the one command that installs it."""
    found = shutil.which("bwrap")
    if found and sys.platform == "linux":
        return found
    if sys.platform != "linux":
        fix = "on this system there is none, so grade on Linux"
    else:
        managers = {"apt-get": "apt-get install -y", "dnf": "dnf install -y", "pacman": "pacman -S --noconfirm"}
        manager = next((name for name in managers if shutil.which(name)), "apt-get")
        fix = f"install it with `sudo {managers[manager]} bubblewrap`"
    raise ValueError(
        f"Student code runs in a sandbox that bubblewrap makes, but it is not here; {fix}, or say --unsafe if you "
        "trust every notebook."
    )


def _knows_sizes(bubblewrap: str) -> bool:
    """Whether this bubblewrap can bound a tmpfs (0.7 and newer); without, nothing at all can be written."""
    return "--size" in subprocess.run([bubblewrap, "--help"], capture_output=True, text=True).stdout


def _site_packages() -> list[Path]:
    """The folders that torch and its companions were installed into."""
    companions = [_folders_of(name) for name in ("torch", "numpy", "safetensors")]
    return list(dict.fromkeys(folder.parent for folders in companions for folder in folders))


def _elsewhere(exercises: Sequence[Exercise]) -> set[str]:
    """The libraries that hold an exercise's answer and nothing that an answer needs."""
    return {name.partition(".")[0] for one in exercises for name in one.off_limits} - {"torch", "t2ilab"}


def _folders_of(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(place).resolve() for place in (spec.submodule_search_locations or [])] if spec else []
