"""The studio as a server: its address, ten people at once, one who goes away, and nothing asked of anybody else."""

import json
import os
import socket
import threading
import time
import warnings

import pytest
from own_studio import studio

from t2ilab.studio import doors, server

gradio = pytest.importorskip("gradio", reason='needs gradio, which `pip install "t2ilab[studio]"` brings')
import httpx  # noqa: E402 (gradio brings it)

RED = "a big red star on a dark background"
OTHERS = {"count": 1, "new_seed": False, "watch": "noise", "editor": None, "part": "all", "control": "",
          "scribble": None, "language": "en", "drawn": None}  # fmt: skip


@pytest.fixture
def address(small_zoo, tmp_path, monkeypatch):
    """A studio with the small model, in this process; everybody knows its address."""
    import uvicorn

    from t2ilab.studio.models import Models

    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # so that what `quiet` sets is undone
    (tmp_path / "uploads").mkdir()
    server.quiet(str(tmp_path / "uploads"))
    with server.listen("127.0.0.1", 17_860) as listener, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries behind the page, at their import and in their threads
        app = server.application(Models(device="cpu"))
        running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def draw(client, session, **settings):
    """Presses Draw as the page does, for a visitor of that name."""
    usual = {"prompt": RED, "model": "storybook", "negative": "", "steps": 3, "guidance": 3, "sampler": "ddim",
             "seed": 0, "shape": "square", "strength": 0.7}  # fmt: skip
    config = client.get("/config").raise_for_status().json()
    (number,) = (one["id"] for one in config["dependencies"] if one["api_name"] == "draw")
    data = [*(usual | {k: v for k, v in settings.items() if k in usual}).values()]
    data += [*(OTHERS | {k: v for k, v in settings.items() if k in OTHERS}).values()]
    asked = client.post("/gradio_api/queue/join", json={"data": data, "fn_index": number, "session_hash": session})
    asked.raise_for_status()


def news(client, session):
    """What the page is told, message by message."""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line[5:])


def test_ten_at_once_are_served_in_order_and_none_is_refused(address):
    finished, told = [], {}

    def person(number):
        with httpx.Client(base_url=address, timeout=300) as client:
            told[number] = [message for message in news(client, f"person{number}") if message["msg"] != "heartbeat"]
            finished.append(number)

    people = []
    with httpx.Client(base_url=address, timeout=300) as client:
        for number in range(10):
            draw(client, f"person{number}", seed=number)
            people.append(threading.Thread(target=person, args=(number,)))
            people[-1].start()
    for one in people:
        one.join()
    assert len(told) == 10
    began = {}
    for number, messages in told.items():
        end = [message for message in messages if message["msg"] == "process_completed"]
        assert [message["success"] for message in end] == [True]
        assert f"seed {number}" in str(end[0]["output"]) or any(f"seed {number}" in str(m) for m in messages)
        ranks = [message["rank"] for message in messages if message["msg"] == "estimation"]
        assert ranks == sorted(ranks, reverse=True)
        began[number] = ranks[0] if ranks else 0
    assert finished == sorted(finished)


def test_who_goes_away_in_the_middle_of_a_picture_stops_it_and_the_next_is_served(address):
    def working():
        return [thread for thread in threading.enumerate() if thread.name == "t2ilab-drawing"]

    with httpx.Client(base_url=address, timeout=300) as client:
        began = time.monotonic()
        draw(client, "leaves", steps=100, count=8, sampler="ddpm")
        stream = news(client, "leaves")
        for message in stream:
            if message["msg"] == "process_generating":
                break
        assert working()
        stream.close()  # the browser is gone
    deadline = time.monotonic() + 60
    while working():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    left = time.monotonic() - began
    with httpx.Client(base_url=address, timeout=300) as client:
        draw(client, "stays")
        (end,) = [message for message in news(client, "stays") if message["msg"] == "process_completed"]
        assert end["success"]
        draw(client, "stays whole", steps=100, count=8, sampler="ddpm")
        began = time.monotonic()
        list(news(client, "stays whole"))
        assert left < time.monotonic() - began


def test_what_is_sent_by_programs_is_checked_too(address):
    with httpx.Client(base_url=address, timeout=300) as client:
        for bad, said in (
            ({"prompt": "a" * 100_000}, "got 100,000."),
            ({"prompt": None}, "at least one word"),
            ({"negative": "red", "guidance": 1}, "Raise the guidance"),
            ({"steps": 10**6}, "greater than maximum value 100"),  # gradio's own
            ({"model": "../.."}, "not in the list of choices"),
        ):
            draw(client, "program", **bad)
            messages = str(list(news(client, "program")))
            assert said in messages, bad
            assert "t2-save" not in messages


def test_a_file_beyond_the_limit_is_not_taken(address):
    with httpx.Client(base_url=address, timeout=300) as client:
        answer = client.post("/gradio_api/upload", files={"files": ("big.png", bytes(server.LARGEST_UPLOAD + 1))})
    assert answer.status_code == 413


def test_the_page_names_no_other_server(address):
    with httpx.Client(base_url=address, timeout=300) as client:
        page = client.get("/")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert "fonts.googleapis" not in page.text + client.get("/theme.css").text
        assert client.get("/config").json()["analytics_enabled"] is False
        assert client.get("/docs").status_code == 404
        assert client.get("/", headers={"host": "evil.example"}).status_code == 403


def test_a_port_in_use_gives_way_to_the_next():
    with server.listen("127.0.0.1", 20_860) as first:
        taken = first.getsockname()[1]
        with server.listen("127.0.0.1", taken) as second:
            assert taken < second.getsockname()[1] < taken + server.TRIED


def test_no_port_is_a_sentence(monkeypatch):
    monkeypatch.setattr(server, "TRIED", 1)
    with server.listen("127.0.0.1", 21_860) as first, pytest.raises(OSError, match=r"No port from .* Name another"):
        server.listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["no such host", "192.0.2.7", "a" * 100])
def test_a_host_that_is_none_is_a_sentence(host, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    if host != "192.0.2.7":
        monkeypatch.setattr(socket, "getaddrinfo", unknown)  # no test asks the network
    with pytest.raises(ValueError, match=r"--host is an address of this machine.*\.$"):
        server.listen(host, 22_860)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.7", False), ("example.org", False)],
)  # fmt: skip
def test_only_this_machine_is_loopback(host, local):
    assert doors.is_loopback(host) is local


def test_beyond_this_machine_the_token_is_said_once_and_asked_for(small_zoo, tmp_path):
    with server.listen("127.0.0.1", 23_860) as taken:
        port = taken.getsockname()[1]
        with studio(tmp_path, small_zoo, "--host", "0.0.0.0", "--port", str(port)) as (process, said, asked):
            assert f"Port {port} is taken, so the studio takes " in said
            (line,) = [line for line in said.splitlines() if "?token=" in line]
            got, token = line.rsplit(":", 1)[1].split("/?token=")
            assert said.count(token) == 1
            with httpx.Client(base_url=f"http://127.0.0.1:{got}", timeout=300) as client:
                for path in ("/", "/config", "/gradio_api/info", "/theme.css", "/gradio_api/file=/etc/passwd"):
                    assert client.get(path).status_code == 401
                assert client.post("/gradio_api/queue/join", json={}).status_code == 401
                assert client.get("/", params={"token": token}).status_code == 303
                assert client.get("/").status_code == 200  # by the cookie
                draw(client, "guest")
                assert [m["success"] for m in news(client, "guest") if m["msg"] == "process_completed"] == [True]
            process.send_signal(2)  # Ctrl-C
            assert process.wait(120) == 0
        assert asked.read_text() == ""
    assert [path.name for path in tmp_path.glob("t2ilab-studio-*")] == []  # its files are gone with it
