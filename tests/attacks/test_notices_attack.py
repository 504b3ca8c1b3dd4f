"""Notices: what people write steers no receiver, and what stands in the store's cursors silences no alarm."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.attacks.scene import SHOP
from tests.attacks.test_overrides import wish, worker
from tests.attacks.test_texts import POISON, Cli, _Page, now, steering
from tests.control.notices.scene import Scene

from setpoint.control.overrides.wish import Wish
from setpoint.errors import InputError, InputErrors, NotPermittedError, SetpointError
from setpoint.integrations import notices_webhook
from setpoint.policy.notice import EVENTS, make_notice
from setpoint.store import Store

__all__ = ["now", "worker"]


@pytest.fixture
def scene(tmp_path):
    with Store.create(str(tmp_path / "notices.db")) as store:
        made = Scene(store)
        yield made
        made.close()


# Places


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org/x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "http://0x7f000001/",
        "https://user:word@example.org/",
        "https://example.org/\r\nX-Evil: 1",
        "https://example.org/ x",
        "https://ex\u0430mple.org/",
        "https://example.org:99999/",
        "https://",
        "ftp://example.org/",
        "gopher://127.0.0.1:25/",
        "",
    ],
)
def test_a_place_that_is_none_is_refused(scene, place):
    with pytest.raises((InputErrors, InputError)) as caught:
        scene.add(kind="webhook", place=place, secret="env:HOOK")
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("place", ["relative", "/var/x/", "/var/a\nb", "/var/\x1b[2J", "~/x", ""])
def test_a_file_that_is_none_is_refused(scene, place):
    with pytest.raises((InputErrors, InputError)):
        scene.add(kind="file", place=place)


def test_the_stores_own_files_are_no_places(scene):
    own = scene.store.file
    link = own.with_name("link")
    link.symlink_to(own)
    for place in (own, link, own.with_name(f"{own.name}-wal"), own.parent / "." / own.name):
        with pytest.raises(InputErrors, match="store's own"):
            scene.add(kind="file", place=str(place))


@pytest.mark.parametrize("who", ["vic", "olaf", "mara", "pola", "emil"])
def test_only_administrators_say_where_notices_go(town, who):
    with town.refused("may not manage people", NotPermittedError):
        getattr(town, who).notices.add("ops", "log", reason="mine")


# Bodies


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_what_people_write_steers_no_receiver(event):
    detail = {"because": POISON, "settings": {POISON[:50]: POISON}, "parameters": [POISON], POISON: POISON}
    notice = make_notice(
        store="s\r\nX-Evil: 1",
        seq=1,
        at=datetime.now(UTC),
        event=event,
        subject=POISON,
        actor="{0.__class__}",
        detail=detail,
    )
    assert not steering(notice.text)
    assert "\n" not in notice.text
    body = notice.body
    assert body.isascii()
    assert b"\n" not in body
    assert json.loads(body)["event"] == event


def test_a_reason_is_not_read_as_a_format(scene):
    notice = make_notice(
        store="s", seq=1, at=datetime.now(UTC), event="override.started", subject="{actor.__class__}",
        actor="{subject}", detail={"because": "{0}{actor}%s"},
    )  # fmt: skip
    assert "{actor.__class__}" in notice.text
    assert "{0}{actor}%s" in notice.text


def test_a_huge_reason_makes_no_huge_notice():
    detail = {"settings": {f"p{number}": "x" * 10_000 for number in range(5_000)}, "because": "y" * 10**6}
    notice = make_notice(
        store="s",
        seq=1,
        at=datetime.now(UTC),
        event="override.started",
        subject="shop",
        actor="lin",
        detail=detail,
    )
    assert len(notice.body) < 64_000


def test_a_deep_detail_is_cut():
    deep: dict = {}
    for _ in range(500):
        deep = {"x": deep}
    make_notice(
        store="s",
        seq=1,
        at=datetime.now(UTC),
        event="override.started",
        subject="shop",
        actor="lin",
        detail={"why": deep},
    )


def test_a_password_in_a_reason_reaches_no_receiver(town):
    town.emil.overrides.start(
        SHOP,
        Wish(settings={"sort_memory": "8192"}, seconds=60, because="password=hunter22 was it", guards=()),
    )
    assert "hunter22" not in " ".join(json.dumps(row.detail) for row in town.rows())
    assert b"hunter22" not in Path(town.founder.where).read_bytes()


def test_a_signature_binds_time_and_body():
    one = notices_webhook.sign("secret", "1", b"23")
    assert (
        len({one, notices_webhook.sign("secret", "12", b"3"), notices_webhook.sign("secret", "1", b"2.3")})
        == 3
    )


# Cursors


def test_a_cursor_put_forward_silences_no_alarm(scene):
    """Whoever can write to the store could say that all was told that will ever happen."""
    receiver = scene.add()
    for urgent in (True, False):
        scene.store.cursors.put(f"notices:{'urgent' if urgent else 'other'}:ops", 2**62)
    scene.row("override.overdue", because="it is late")
    scene.row("override.started", because="why")
    scene.poll(scene.controller())
    told = [notice.event for notice in receiver.got]
    assert [each for each in told if each.startswith("override.")] == ["override.overdue", "override.started"]
    assert "beyond the end" in scene.rows("notice.failed")[0]["because"]
    scene.row("override.overdue", because="again")
    scene.poll(scene.controllers[0])
    again = [notice.event for notice in receiver.got][len(told) :]
    assert [each for each in again if each.startswith("override.")] == ["override.overdue"]


def test_a_cursor_put_forward_is_told(scene):
    scene.add()
    for urgent in (True, False):
        scene.store.cursors.put(f"notices:{'urgent' if urgent else 'other'}:ops", 2**62)
    scene.row("override.overdue", because="it is late")
    assert scene.standing().behind == 1


def test_a_bent_channel_silences_no_other(scene):
    scene.add("ops")
    other = scene.add("night")
    edit = "UPDATE record SET body = replace(body, 'a reason', 'no') WHERE kind = 'channel' AND id = 'ops'"
    with closing(sqlite3.connect(scene.store.file)) as connection, connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        assert connection.execute(edit).rowcount == 1
    scene.row("override.overdue", because="it is late")
    scene.poll(scene.controller())
    assert [notice.event for notice in other.got] == ["override.overdue"]


def test_refusals_are_no_notices(town):
    for _ in range(3):
        with pytest.raises(SetpointError):
            town.olaf.overrides.start(SHOP, wish(sort_memory="8192"))
    from setpoint.policy.notice import is_told

    assert not [row for row in town.rows("gate.refused") if is_told(row.action, row.detail)]


# Pages


@pytest.fixture
def written(now, worker):
    """An override and a rollout with an attacker's words in every place that takes some."""
    town = now
    bad = POISON
    wanted = Wish(
        settings={"connection_greeting": bad, "sort_memory": "8192"},
        seconds=60,
        because=f"| a |\n# head\n[x](javascript:alert(1)) ![i](http://x/y) `tick` <b>{bad}",
        ticket=bad[:200],
    )
    try:
        town.emil.overrides.start(SHOP, wanted)
    except SetpointError:
        town.emil.overrides.start(
            SHOP, Wish(settings={"sort_memory": "8192"}, seconds=60, because=wanted.because, ticket=bad[:200])
        )
    id_ = town.founder.overrides.all()[0].id
    town.emil.overrides.extend(id_, seconds=60, because=bad)
    town.server.set_by_hand("sort_memory", "9000")
    town.emil.overrides.end(id_, because=bad)
    town.emil.overrides.review(id_, conclusion=bad, rule=bad)
    return town, id_


def test_no_page_of_an_override_steers(written):
    town, id_ = written
    cli = Cli(town)
    faults = []
    verbs = [
        ("override", "list", "--all"),
        ("override", "show", id_),
        ("override", "report", id_),
        ("override", "report", id_, "--format", "markdown"),
        ("override", "report", id_, "--format", "html"),
        ("override", "report", id_, "--format", "json"),
        ("worker", "list"),
        ("rollout", "list"),
        ("notify", "list"),
    ]
    for words in verbs:
        for given in (words,) if "--format" in words else (words, (*words, "--json")):
            result = cli(*given)
            if result.exit_code not in (0, 1):
                faults.append(f"{given}: {result.exit_code}: {result.stderr[:300]}")
            found = steering(result.stdout) | steering(result.stderr)
            if found:
                faults.append(f"{given}: lets {sorted(found)} through")
    assert not faults, "\n".join(faults)


def test_a_post_mortem_of_html_runs_nothing(written):
    town, id_ = written
    page = _Page()
    result = Cli(town)("override", "report", id_, "--format", "html")
    assert result.exit_code == 0, result.stderr
    page.feed(result.stdout)
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base", "b"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [name for name, value in page.attributes if name in ("src", "href") and ":" in (value or "")]


def test_a_post_mortem_of_markdown_holds_no_markup_of_an_attackers(written):
    town, id_ = written
    text = Cli(town)("override", "report", id_, "--format", "markdown").stdout
    assert not [line for line in text.splitlines() if line.startswith(("# head", "-- intact", "| a |"))]
    for markup in ("[x](javascript", "![i](http", "<script>", "<img", "<b>"):
        assert markup not in text, markup
