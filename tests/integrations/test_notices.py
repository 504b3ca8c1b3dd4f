"""Sinks: a file, the log, and a real web server that takes notices, refuses them, or takes its time."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import resource
import socket
import ssl
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from tests.integrations.hook import Server

from setpoint.errors import InputError, SetpointError, UnavailableError
from setpoint.integrations.notices import KINDS, sink_of
from setpoint.integrations.notices_log import LOGGER
from setpoint.integrations.notices_webhook import WebhookSink
from setpoint.policy.channel import Channel
from setpoint.policy.notice import make_notice

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "correct horse battery staple"
SECRETS = {"env:HOOK": SECRET, "env:EMPTY": ""}


def notice(seq: int = 1, event: str = "override.overdue"):
    return make_notice(
        store="ab" * 16, seq=seq, at=AT, event=event, subject="shop", actor="lin", detail={"because": "ü"}
    )


@pytest.fixture
def server():
    with Server() as made:
        thread = Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.gate.set()
        made.shutdown()
        thread.join()


def url(server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


REFERENCE = "env:HOOK"


def webhook(place: str, secret: str = REFERENCE, timeout_seconds: float = 5.0, **secrets: str) -> WebhookSink:
    known = {**SECRETS, **{name.replace("_", ":"): text for name, text in secrets.items()}}
    return WebhookSink(place, secret, known.get, timeout_seconds)


def channel(kind: str, place: str, secret: str = "") -> Channel:
    return Channel(id="ops", kind=kind, place=place, secret=secret, by="lin", at=AT)


class TestWebhook:
    def test_is_posted_signed_and_can_be_verified_as_documented(self, server):
        sink_of(channel("webhook", url(server, "/200?room=7"), "env:HOOK"), SECRETS.get).deliver(notice(), AT)
        ((path, headers, body),) = server.taken
        stamp, signature = headers["X-Setpoint-Timestamp"], headers["X-Setpoint-Signature"]
        text = f"{stamp}.".encode() + body
        assert signature == "sha256=" + hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        assert int(stamp) == int(AT.timestamp())
        assert headers["X-Setpoint-Id"] == json.loads(body)["id"] == "ab" * 16 + "-1"
        assert headers["Content-Type"] == "application/json"
        assert (path, json.loads(body)["event"]) == ("/200?room=7", "override.overdue")

    def test_a_second_time_the_body_and_the_id_are_the_same(self, server):
        sink = webhook(url(server, "/204"))
        sink.deliver(notice(), AT)
        sink.deliver(notice(), datetime(2026, 3, 2, tzinfo=UTC))
        (_, first, one), (_, second, two) = server.taken
        assert one == two
        assert first["X-Setpoint-Id"] == second["X-Setpoint-Id"]
        assert first["X-Setpoint-Signature"] != second["X-Setpoint-Signature"]

    @pytest.mark.parametrize("answer", ["/302/200", "/307/200", "/308/200", "/400", "/404", "/500", "/503"])
    def test_any_other_answer_is_a_no_and_no_redirect_is_followed(self, server, answer):
        with pytest.raises(UnavailableError, match=f"status {answer[1:4]}"):
            webhook(url(server, answer)).deliver(notice(), AT)
        assert len(server.taken) == 1

    @pytest.mark.parametrize("path", ["/silent", "/drip"])
    def test_who_takes_their_time_is_not_waited_for(self, server, path):
        with pytest.raises(UnavailableError, match="too slow"):
            webhook(url(server, path), timeout_seconds=0.2).deliver(notice(), AT)

    def test_what_comes_behind_the_headers_is_not_waited_for(self, server):
        webhook(url(server, "/200/slow-body")).deliver(notice(), AT)

    def test_a_connection_that_breaks_is_told(self, server):
        with pytest.raises(UnavailableError, match="does not answer"):
            webhook(url(server, "/reset")).deliver(notice(), AT)

    def test_a_server_that_is_not_there_is_told(self):
        with closing(socket.socket()) as gone:
            gone.bind(("127.0.0.1", 0))
            place = f"http://127.0.0.1:{gone.getsockname()[1]}/x"
            with pytest.raises(UnavailableError, match="does not answer"):
                webhook(place).deliver(notice(), AT)

    def test_an_address_can_be_a_secret_itself(self, server):
        webhook("env:PLACE", env_PLACE=url(server, "/200/../hunter2")).deliver(notice(), AT)
        with pytest.raises(UnavailableError) as caught:
            webhook("env:PLACE", env_PLACE=url(server, "/500")).deliver(notice(), AT)
        assert str(caught.value) == "env:PLACE: the webhook answered with status 500"
        assert KINDS["webhook"].show("env:PLACE") == "env:PLACE"

    @pytest.mark.parametrize("secret", ["env:EMPTY", "env:NONE"])
    def test_nothing_is_sent_unsigned(self, server, secret):
        with pytest.raises(InputError, match=secret):
            webhook(url(server, "/200"), secret).deliver(notice(), AT)
        assert not server.taken

    def test_no_error_shows_a_path_or_a_secret(self, server):
        with pytest.raises(SetpointError) as caught:
            webhook(url(server, "/500/hunter2?key=hunter2")).deliver(notice(), AT)
        assert "hunter2" not in str(caught.value)
        assert SECRET not in str(caught.value)
        assert KINDS["webhook"].show("https://example.org/hunter2") == "https://example.org"

    @pytest.mark.parametrize(
        "place",
        [
            "",
            "example.org",
            "http://example.org/hook",
            "http://127.0.0.1.example.org/",
            "http://localhost.example.org/",
            "ftp://localhost/x",
            "https:///path",
            "https://host:port/",
            "https://[::2/",
            "https://lin:hunter2@example.org/",
            "https://example.org/a b",
            "https://example.org/a\r\nX-Evil: 1",
            "https://exämple.org/",
        ],
    )
    def test_nothing_goes_in_the_clear_or_to_what_is_no_address(self, place):
        with pytest.raises(InputError) as caught:
            KINDS["webhook"].show(place)
        assert "hunter2" not in str(caught.value)
        with pytest.raises(InputError):
            webhook("env:PLACE", env_PLACE=place or "x").deliver(notice(), AT)


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path):
        """Make a certificate that nobody else signed, with its key, in one file."""
        x509 = pytest.importorskip("cryptography.x509")
        ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
        hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
        forms = pytest.importorskip("cryptography.hazmat.primitives.serialization")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1))
        builder = builder.not_valid_after(datetime.now(UTC) + timedelta(days=1))
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
        private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
        file = tmp_path / "certificate.pem"
        file.write_bytes(private + made.public_bytes(forms.Encoding.PEM))
        return str(file)

    @pytest.fixture
    def place(self, server, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return f"https://localhost:{server.server_port}/200"

    def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(self, server, place):
        with pytest.raises(UnavailableError, match="does not answer"):
            webhook(place).deliver(notice(), AT)
        assert not server.taken

    def test_one_that_somebody_vouches_for_is_told(self, server, place, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        webhook(place).deliver(notice(), AT)
        assert len(server.taken) == 1


class TestFile:
    def test_gets_a_line_for_each_notice_readable_to_its_owner_only(self, tmp_path):
        file = tmp_path / "notices.jsonl"
        sink = sink_of(channel("file", str(file)), SECRETS.get)
        sink.deliver(notice(1), AT)
        sink.deliver(notice(2), AT)
        assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_may_be_moved_away_between_two_notices(self, tmp_path):
        file = tmp_path / "notices.jsonl"
        sink = sink_of(channel("file", str(file)), SECRETS.get)
        sink.deliver(notice(1), AT)
        file.rename(tmp_path / "old")
        sink.deliver(notice(2), AT)
        assert json.loads(file.read_text())["seq"] == 2

    def test_a_line_cut_short_spoils_no_other(self, tmp_path):
        file = tmp_path / "notices.jsonl"
        file.write_bytes(notice(1).body[:50])
        sink_of(channel("file", str(file)), SECRETS.get).deliver(notice(1), AT)
        torn, whole = file.read_bytes().splitlines()
        assert torn == notice(1).body[:50]
        assert whole == notice(1).body

    def test_what_is_no_plain_file_is_not_written(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "folder").mkdir()
        for name in ("link", "pipe", "folder", "none/file"):
            with pytest.raises(UnavailableError):
                sink_of(channel("file", str(tmp_path / name)), SECRETS.get).deliver(notice(), AT)
        with pytest.raises(UnavailableError):
            sink_of(channel("file", "/dev/null"), SECRETS.get).deliver(notice(), AT)
        assert not (tmp_path / "elsewhere").exists()

    def test_a_full_disk_is_told_and_what_it_took_is_a_line_of_its_own(self, tmp_path):
        file = tmp_path / "notices.jsonl"
        sink = sink_of(channel("file", str(file)), SECRETS.get)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60, limits[1]))
        try:
            with pytest.raises(UnavailableError, match="full"):
                sink.deliver(notice(1), AT)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sink.deliver(notice(1), AT)
        torn, whole = file.read_bytes().splitlines()
        assert (torn, whole) == (notice(1).body[:60], notice(1).body)

    @pytest.mark.parametrize("place", ["", "notices.jsonl", "~/x", "/var/", "/var/a\nb"])
    def test_a_path_is_whole(self, place):
        with pytest.raises(InputError):
            KINDS["file"].show(place)


class TestLog:
    def test_urgent_notices_are_warnings(self, caplog):
        sink = sink_of(channel("log", LOGGER), SECRETS.get)
        with caplog.at_level(logging.INFO, logger=LOGGER):
            sink.deliver(notice(1), AT)
            sink.deliver(notice(2, "override.ended"), AT)
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert caplog.records[0].getMessage().startswith("override.overdue: OVERDUE: shop")
        assert caplog.records[0].getMessage().endswith("-1]")

    def test_there_is_one_logger(self):
        with pytest.raises(InputError):
            KINDS["log"].show("root")
