"""`t2ilab lab` where another program has the port that JupyterLab would take."""

import re
import socket
import urllib.request

from own_jupyterlab import jupyterlab


def test_a_port_in_use_gives_way_to_another_and_that_is_said(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with jupyterlab(tmp_path, port) as (_, address):
            assert int(re.search(r":(\d+)/", address)[1]) != port
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=300) as answer:
                assert "JupyterLab" in answer.read().decode()
    assert f"The port {port} is already in use, trying another port." in (tmp_path / "log").read_text()
