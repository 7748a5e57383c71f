"""A studio in a process of its own, which writes down whatever it asks of others."""

import contextlib
import os
import subprocess
import sys
import time

PROGRAM = """
import sys
from pathlib import Path
from t2ilab import zoo
zoo.ROOT = Path(sys.argv.pop(1))
asked = open(sys.argv.pop(1), "a", buffering=1)
def hook(event, args):
    if event == "socket.getaddrinfo" and str(args[0]) not in ("127.0.0.1", "0.0.0.0", "None", "localhost"):
        print("looks up", args[0], file=asked)
    if event == "socket.connect" and isinstance(args[1], tuple) and not str(args[1][0]).startswith("127."):
        print("connects to", args[1], file=asked)
sys.addaudithook(hook)
from t2ilab.cli import main
main()
"""


@contextlib.contextmanager
def studio(home, zoo, *arguments):
    """`t2ilab studio` in a process of its own: its address, its log, and the file of what it asked of others."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("GRADIO_", "T2ILAB_"))}
    kept |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "TMPDIR": str(home)}
    asked, log = home / "asked", home / "log"
    asked.touch()
    command = [sys.executable, "-c", PROGRAM, str(zoo), str(asked), "studio", "--no-browser", *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=home, env=kept, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 600
        while "The studio is open at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        while "Ctrl-C" not in log.read_text():
            time.sleep(0.05)
        yield process, log.read_text(), asked
    finally:
        process.kill()
        process.wait()
