"""From the audit log to a real web server that fails in every way and comes back."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from threading import Thread

import pytest
from tests.integrations.hook import Server

from setpoint.control.notices import NoticeController
from setpoint.integrations.notices_webhook import WebhookSink

SECRET = "correct horse battery staple"
FAILS = ["/500", "/reset", "/302/200", "/silent", "/drip", "/404"]


@pytest.fixture
def server():
    with Server() as made:
        thread = Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.gate.set()
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
def test_all_that_was_recorded_arrives_signed_and_in_order_whatever_the_server_does(scene, server):
    place = f"http://127.0.0.1:{server.server_port}/200"
    scene.add(kind="webhook", place=place, secret="env:HOOK")
    context = replace(scene.context, read_secret={"env:HOOK": SECRET}.get)
    seqs = [scene.row() for _ in range(4)]
    server.answers = ["/200", *FAILS, "/200", "/500"]
    while scene.standing().behind:
        controller = NoticeController(
            patience_seconds=30,
            make_sink=lambda channel, read: WebhookSink(channel.place, channel.secret, read, 0.5),
        )
        controller.poll(context)
        controller.stop()
        scene.pass_by(seconds=61)
    bodies = [json.loads(body) for _, _, body in server.taken]
    tried = [each["seq"] for each in bodies if each["event"] == "override.started"]
    assert list(dict.fromkeys(tried)) == seqs
    assert tried == sorted(tried)
    assert len(tried) >= len(seqs) + len(FAILS) + 1
    for _, headers, body in server.taken:
        text = headers["X-Setpoint-Timestamp"].encode() + b"." + body
        digest = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        assert headers["X-Setpoint-Signature"] == f"sha256={digest}"
        assert headers["X-Setpoint-Id"] == json.loads(body)["id"]
    assert scene.standing().behind == 0
