"""Who comes into the studio: by token, by a local name, or not at all; and what every answer forbids the browser."""

import asyncio
import hmac

import pytest

from t2ilab.studio import doors

TOKEN = "a-token_of-our-own"


async def _behind(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-behind", b"1")]})
    await send({"type": "http.response.body", "body": b"the studio"})


def ask(token, query="", headers=None, kind="http", method="GET"):
    """What comes back: status, headers, body."""
    sent = []

    async def send(message):
        sent.append(message)

    said = {"host": "127.0.0.1:7860"} | (headers or {})
    raw = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
    scope = {"type": kind, "query_string": query.encode(), "headers": raw, "path": "/", "method": method}
    asyncio.run(doors.Doors(_behind, token)(scope, None, send))
    if kind == "websocket":
        return sent
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, sent[1]["body"].decode()


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1:1", "[::1]:7860", "[::1]", "LOCALHOST:80",
                                  "127.0.0.2:7860"])  # fmt: skip
def test_on_this_machine_nobody_needs_a_token(host):
    assert ask(None, headers={"host": host})[::2] == (200, "the studio")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "192.168.1.7:7860"]
)
def test_another_sites_name_for_this_machine_does_not_open_it(host):
    assert ask(None, headers={"host": host})[0] == 403


@pytest.mark.parametrize("query", ["", "token=", "token=wrong", f"token={TOKEN}x", f"token={TOKEN[:-1]}", "token=é",
                                   f"token={TOKEN.upper()}"])  # fmt: skip
def test_without_the_token_there_is_a_form_and_no_more(query):
    status, headers, body = ask(TOKEN, query)
    assert status == 401
    assert "<label for='token'>" in body
    assert ("That is not the token" in body) == (query not in ("", "token="))
    assert TOKEN not in body + str(headers)
    assert "x-behind" not in headers


def test_the_token_becomes_a_cookie_and_leaves_the_address():
    status, headers, _ = ask(TOKEN, f"lang=ja&token={TOKEN}")
    assert (status, headers["location"]) == (303, "./?lang=ja")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    for host in ("127.0.0.1:7860", "my-laptop.local:7860"):
        assert ask(TOKEN, "", {"cookie": cookie.split(";")[0], "host": host})[2] == "the studio"


@pytest.mark.parametrize("cookie", [f"{doors.COOKIE}=wrong", f"{doors.COOKIE}=", "a=b; ;;=", f"other={TOKEN}", '"'])
def test_another_cookie_does_not_open_it(cookie):
    assert ask(TOKEN, "", {"cookie": cookie})[0] == 401


def test_it_is_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    ask(TOKEN, "token=guess")
    ask(TOKEN, "", {"cookie": f"{doors.COOKIE}=guess"})
    assert compared.count((b"guess", TOKEN.encode())) == 2


def test_tokens_are_long_and_new():
    tokens = {doors.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 32


@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_answer_forbids_what_lies_elsewhere(token):
    for _, headers, _ in (ask(token), ask(token, headers={"host": "evil.example"})):
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert not any(word.startswith(("http", "*", "//")) for rule in policy.values() for word in rule.split())
        assert headers["referrer-policy"] == "no-referrer"


def test_a_request_beyond_reason_is_refused():
    assert ask(None, headers={"content-length": str(doors.LARGEST_BODY + 1)})[0] == 413
    assert ask(None, headers={"content-length": "many"})[0] == 200


def test_a_request_of_unknown_length_is_refused():
    assert ask(None, headers={"transfer-encoding": "chunked"}, method="POST")[0] == 411


@pytest.mark.parametrize("token", [None, TOKEN])
def test_another_sites_page_has_nothing_done_here(token):
    known = {"cookie": f"{doors.COOKIE}={TOKEN}"}
    for site, status in (("cross-site", 403), ("same-origin", 200), ("same-site", 200), ("none", 200)):
        assert ask(token, headers=known | {"sec-fetch-site": site}, method="POST")[0] == status
    assert ask(token, headers=known | {"sec-fetch-site": "cross-site"})[0] == 200  # a link leads here


def test_there_are_no_websockets():
    assert ask(None, kind="websocket") == [{"type": "websocket.close", "code": 1008}]
