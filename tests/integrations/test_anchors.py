"""Anchors: a line in a file, or at a real web server that takes it, refuses it, sends it on or is silent."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest

from setpoint.errors import InputError, UnavailableError
from setpoint.integrations.anchors import anchor

LINE = '{"checkpoint":{"seq":1}}'


class Server(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Webhook)
        self.taken: list[tuple[str, str | None, bytes]] = []
        self.gate = Event()


class Webhook(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.taken.append((self.path, self.headers["Content-Type"], self.rfile.read(length)))
        if self.path == "/silent":
            self.server.gate.wait(30)
            return
        status, _, where = self.path.strip("/").partition("/")
        self.send_response(int(status[:3]))
        if where:
            self.send_header("Location", f"{where}:///etc/passwd" if where == "file" else f"/{where}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.gate.set()
        made.shutdown()
        thread.join()


def _url(server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_a_file_gets_one_line_more_each_time(tmp_path) -> None:
    file = tmp_path / "anchors"
    assert anchor(LINE, str(file)) == str(file)
    anchor(LINE, str(file))
    assert file.read_text() == f"{LINE}\n{LINE}\n"
    with pytest.raises(InputError, match="cannot be written"):
        anchor(LINE, str(tmp_path / "none" / "anchors"))


def test_a_webhook_is_sent_the_line(server) -> None:
    shown = anchor(LINE, _url(server, "/200?key=hunter2"))
    ((path, kind, body),) = server.taken
    assert (path, kind, json.loads(body)) == ("/200?key=hunter2", "application/json", json.loads(LINE))
    assert shown == f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("answer", ["/302/200", "/307/200", "/301/file", "/400", "/500"])
def test_a_webhook_that_does_not_take_it_is_told_and_never_followed(server, answer) -> None:
    with pytest.raises(UnavailableError, match=f"status {answer[1:4]}") as caught:
        anchor(LINE, _url(server, answer))
    assert len(server.taken) == 1
    assert answer not in str(caught.value)


def test_a_silent_webhook_is_not_waited_for(server) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        anchor(LINE, _url(server, "/silent"), timeout_seconds=0.05)


def test_a_webhook_that_is_not_there_is_told() -> None:
    with Server() as gone:
        url = _url(gone, "/200")
    with pytest.raises(UnavailableError, match="does not answer"):
        anchor(LINE, url)


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org/hook",
        "http://127.0.0.1.example.org/",
        "ftp://localhost/x",
        "file:///etc/passwd",
        "https:///path",
        "http://[::2]/",
        "https://host:port/",
    ],
)
def test_nothing_is_sent_in_the_clear_or_elsewhere(place) -> None:
    with pytest.raises(InputError):
        anchor(LINE, place)
