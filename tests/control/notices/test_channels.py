"""Channels: added, refused, removed and tried, and what the audit log says of it."""

from __future__ import annotations

import logging

import pytest
from tests.control.notices.scene import PERMIT, START, Scene

from setpoint.control.notices import channels
from setpoint.errors import InputError, InputErrors, NotFoundError, RefusedError, UnavailableError
from setpoint.policy.channel import Channel

HOOK = {"kind": "webhook", "place": "https://example.org/hunter2?key=hunter2", "secret": "env:HOOK"}


def add(scene: Scene, name: str = "ops", **fields) -> Channel:
    draft = Channel(**{"id": name, "kind": "log", "by": "", "at": START, "because": "a reason", **fields})
    return channels.add(scene.context, draft, permit=PERMIT)


def test_a_channel_listens_from_the_end_of_the_log_and_says_who_added_it(scene):
    seq = scene.row()
    made = add(scene, **HOOK)
    assert (made.since_seq, made.by, made.at) == (seq, "lin", scene.at)
    (told,) = scene.rows("channel.added")
    assert (told["to"], told["signed_by"]) == ("https://example.org", "env:HOOK")
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "a b"}, "name of a channel"),
        ({"kind": "pigeon"}, "no kind of channel"),
        ({"because": " "}, "no reason"),
        ({"events": ()}, "no event"),
        ({"events": ("overide.*",)}, "overide"),
        ({"place": "root"}, "setpoint.notices"),
        ({"secret": "env:X"}, "not signed"),
        ({"kind": "file"}, "whole path"),
        ({"kind": "file", "place": "notices"}, "whole path"),
        ({**HOOK, "secret": ""}, "--secret"),
        ({**HOOK, "secret": "hunter2"}, "by a reference"),
        ({**HOOK, "secret": "env:SETPOINT_TOKEN"}, "SETPOINT_"),
        ({**HOOK, "place": "http://example.org/"}, "https"),
        ({**HOOK, "place": "https://lin:hunter2@example.org/"}, "login"),
        ({**HOOK, "place": "env:SETPOINT_TOKEN"}, "SETPOINT_"),
        ({**HOOK, "place": "https://example.org/" + "x" * 3000}, "longer"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_kept(scene, fields, named):
    with pytest.raises(InputErrors) as caught:
        add(scene, **fields)
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert channels.channels(scene.context) == ()


def test_all_faults_are_reached_at_once(scene):
    with pytest.raises(InputErrors) as caught:
        add(scene, **{**HOOK, "secret": "", "place": "x", "events": ("bogus",), "because": ""})
    assert len(caught.value.faults) == 4


def test_the_stores_own_files_are_no_place_for_notices(scene):
    if scene.store.file is None:
        pytest.skip("a store on a server has no files here")
    for name in ("", "-wal", ".key", ".ed25519"):
        with pytest.raises(InputError, match="the store's own"):
            add(scene, kind="file", place=f"{scene.store.file}{name}")
    add(scene, kind="file", place=str(scene.store.file.with_name("notices.jsonl")))


def test_there_is_one_channel_of_a_name_and_not_too_many(scene, monkeypatch):
    add(scene)
    with pytest.raises(RefusedError, match="already"):
        add(scene)
    monkeypatch.setattr(channels, "MOST_CHANNELS", 2)
    add(scene, "second")
    with pytest.raises(RefusedError, match="2 channels"):
        add(scene, "third")


def test_a_removed_channel_is_not_there_and_its_name_is_free(scene):
    add(scene)
    channels.remove(scene.context, "ops", reason="no more", permit=PERMIT)
    with pytest.raises(NotFoundError):
        channels.find(scene.context, "ops")
    with pytest.raises(NotFoundError):
        channels.remove(scene.context, "ops", reason="again", permit=PERMIT)
    assert add(scene, events=("override.*",)).is_active
    assert len(scene.rows("channel.added")) == 2


def test_a_channel_is_tried_with_a_row_and_without_moving_its_place(scene, caplog):
    add(scene)
    seq = scene.row()
    with caplog.at_level(logging.INFO, logger="setpoint.notices"):
        sent = channels.try_out(scene.context, "ops", permit=PERMIT)
    assert sent.seq == seq + 1
    assert sent.id in caplog.text
    assert scene.standing().behind == 1


def test_a_channel_that_does_not_take_it_says_so(scene, tmp_path):
    add(scene, kind="file", place=str(tmp_path / "none" / "x"))
    with pytest.raises(UnavailableError):
        channels.try_out(scene.context, "ops", permit=PERMIT)


def test_a_standing_counts_what_is_waited_for_and_says_when_it_was_told_last(scene):
    add(scene, events=("override.*",))
    assert (scene.standing().behind, scene.standing().reached_at) == (0, None)
    scene.row()
    scene.row("apply.step")
    scene.row("override.overdue")
    assert scene.standing().behind == 2
    scene.receivers["ops"] = type("R", (), {"deliver": lambda *_: None, "gate": None})()
    scene.poll(scene.controller())
    assert (scene.standing().behind, scene.standing().reached_at) == (0, scene.at)
