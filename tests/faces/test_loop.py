"""Observe, drift, plan, apply, verify, take back: the loop, and how it ends when it cannot go on."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest

from setpoint.faces.cli.frame import Frame

WHY = ("--because", "b")


@pytest.fixture
def planned(web):
    """Give an instance that has something to do: one parameter now, one that is rounded, one at a restart."""
    web.good("settings", "web", "sort_memory=8MB", "pool_pages=100", "cache_size=1GB", *WHY)
    return web


def test_observe_answers_what_was_seen(web):
    web.add("second")
    web.change_server("second", is_up=True)
    found = web.json("observe", "--all")
    assert [(each["instance"], each["is_observed"], each["parameters"]) for each in found] == [
        ("second", True, 12),
        ("web", True, 12),
    ]
    result = web("observe", "web", "web")
    assert result.stdout.count("web") == 1
    assert "[1/1] web" in result.stderr


def test_an_unreachable_instance_is_listed_beside_the_others_and_ends_with_3(web):
    web.add("gone")
    web.change_server("gone", is_up=False)
    found = web.json("observe", "--all", code=3)
    assert [each["is_observed"] for each in found] == [False, True]
    assert found[0]["is_unreachable"] is True
    assert "the server is down" in web("observe", "--all").stdout


def test_drift_ends_with_1_when_something_is_to_be_done_and_0_when_not(planned):
    (judged,) = planned.json("drift", "web", code=1)
    assert {each["parameter"]: each["class"] for each in judged["drifts"]} == {
        "cache_size": "drifted",
        "pool_pages": "drifted",
        "sort_memory": "drifted",
    }
    assert planned("verify", "web").exit_code == 1
    planned.good("apply", "web", "--yes", "--restart")
    assert "as it should be" in planned.good("drift", "--all")
    planned.good("verify", "web")
    (judged,) = planned.json("drift", "web", "--last")
    assert {each["class"] for each in judged["drifts"]} == {"in sync", "normalised"}
    planned.change_server("web", persisted={"sort_memory": "1MB"})
    assert planned("drift", "web", "--last").exit_code == 0


def test_an_instance_that_does_not_answer_is_judged_by_what_was_last_seen(planned):
    planned.good("apply", "web", "--yes", "--restart")
    planned.change_server("web", is_up=False)
    (judged,) = planned.json("drift", "web", code=3)
    assert {each["class"] for each in judged["drifts"]} == {"stale"}
    assert judged["is_reachable"] is False
    assert "down" in planned("drift", "web").stdout
    planned.good("settings", "web", "page_cost=1", *WHY)
    assert planned.json("drift", "web", code=1)[0]["is_deviating"] is True
    assert planned("verify", "web").exit_code == 3
    assert planned("plan", "web").exit_code == 3


def test_an_instance_never_seen_that_does_not_answer_is_said_to_be_unknown(cli):
    cli.add("gone")
    cli.change_server("gone", is_up=False)
    result = cli("drift", "gone")
    assert result.exit_code == 3
    assert "never observed" in result.stdout


def test_one_instance_that_cannot_be_judged_does_not_hide_the_others(planned):
    planned.add("new")
    found = planned.json("drift", "--all", "--last", code=1)
    assert [(each["instance"], bool(each["error"])) for each in found] == [("new", True), ("web", False)]
    result = planned("drift", "new", "--last")
    assert result.exit_code == 2
    assert "never observed" in result.stdout


def test_a_plan_shows_steps_reasons_restarts_and_its_hash(planned):
    document = planned.json("plan", "web")
    assert [each["kind"] for each in document["steps"]] == ["set", "set", "set", "reload", "restart"]
    assert document["steps"][0]["reason"] == "instance web"
    assert document["restarts"] == ["cache_size"]
    assert document["budget"]["fits"] is True
    text = planned.good("plan", "web")
    for word in ("needs a restart: cache_size", "instance web", document["hash"][:12], "128MB", "memory:"):
        assert word in text


def test_a_kept_plan_is_applied_by_hash_and_by_file(planned):
    file = planned.folder / "web.plan"
    document = planned.json("plan", "web", "--out", str(file))
    applied = planned.json("apply", "web", "--plan", document["hash"][:12])
    assert applied["plan"] == document["hash"]
    assert {each["parameter"]: each["class"] for each in applied["parameters"]} == {
        "cache_size": "pending restart",
        "pool_pages": "normalised",
        "sort_memory": "in sync",
    }
    assert applied["restart_debt"] == ["cache_size"]
    stale = planned("apply", "web", "--plan", str(file))
    assert stale.exit_code == 1
    assert "changed after the plan" in stale.stderr


def test_a_plan_file_that_was_changed_is_refused(planned):
    file = planned.folder / "web.plan"
    planned.good("plan", "web", "--out", str(file))
    plan = json.loads(file.read_text())
    plan["steps"][0]["do"][0]["text"] = "set durable off"
    file.write_text(json.dumps(plan))
    result = planned("apply", "web", "--plan", str(file))
    assert result.exit_code == 1
    assert "keeps no such plan" in result.stderr


def test_a_plan_for_another_instance_is_refused(planned):
    planned.add("other")
    digest = planned.json("plan", "web")["hash"]
    assert planned("apply", "other", "--plan", digest).exit_code == 2


def test_without_a_terminal_it_does_not_apply_unless_told_to(planned):
    before = (planned.folder / "web.json").exists()
    result = planned("apply", "web")
    assert result.exit_code == 1
    assert "needs a restart" in result.stderr
    assert result.stdout == ""
    assert (planned.folder / "web.json").exists() == before
    applied = planned("apply", "web", "--yes")
    assert applied.exit_code == 0
    assert "waiting for a restart: cache_size" in applied.stdout


def test_a_person_is_asked(planned, monkeypatch):
    monkeypatch.setattr("setpoint.faces.cli.apply._is_someone_there", lambda: True)
    assert planned("apply", "web", input="n\n").exit_code == 1
    assert planned("apply", "web", input="y\n").exit_code == 0


def test_nothing_to_do_is_0(web):
    assert "nothing to do" in web.good("apply", "web", "--yes")
    assert "nothing to do" in web.good("plan", "web")


def test_blocked_settings_are_named_and_the_rest_applied_only_on_request(planned):
    server = planned.json("observe", "web")
    assert server
    planned.change_server("web", command_line={"sort_memory": "1MB"}, persisted={"sort_memory": "8MB"})
    from setpoint.engines.simulated.driver import restart

    restart(planned.target("web"))
    document = planned.json("plan", "web")
    assert [each["parameter"] for each in document["blocked"]] == ["sort_memory"]
    assert "blocked" in planned.good("plan", "web")
    refused = planned("apply", "web", "--yes")
    assert refused.exit_code == 1
    assert "sort_memory" in refused.stderr
    partial = planned.json("apply", "web", "--yes", "--partial", code=1)
    assert {each["parameter"] for each in partial["parameters"]} == {"cache_size", "pool_pages"}


def test_an_apply_is_taken_back(planned):
    before = planned.json("settings", "web", "--all", "--fresh")
    planned.good("apply", "web", "--yes", "--restart")
    undone = planned.json("apply", "web", "--undo", "--yes", "--restart")
    assert undone["was_restarted"] is True
    after = planned.json("settings", "web", "--all")
    assert [each["running"] for each in after] == [each["running"] for each in before]
    assert planned("apply", "web", "--undo", "--yes").exit_code == 1
    assert planned("apply", "web", "--undo").exit_code == 1


def test_memory_that_could_be_exceeded_needs_a_persons_word(planned):
    planned.good("settings", "web", "cache_size=64GB", *WHY)
    assert planned.json("plan", "web")["over_budget"]
    assert "memory: " in planned.good("plan", "web")
    refused = planned("apply", "web", "--yes")
    assert refused.exit_code == 1
    planned.good("apply", "web", "--yes", "--accept-risk", "the host grows tomorrow")
    rows = planned.json("audit", "log", "--action", "risk.")
    assert rows[0]["detail"]["because"] == "the host grows tomorrow"


def test_ctrl_c_in_the_middle_takes_back_what_was_begun(planned, monkeypatch):
    say = Frame.say

    def say_and_interrupt(frame, text):
        say(frame, text)
        if text.startswith("  2."):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Frame, "say", say_and_interrupt)
    result = planned("apply", "web", "--yes")
    assert result.exit_code == 130, result.output
    assert "everything was taken back" in result.stderr
    assert result.stdout == ""
    monkeypatch.undo()
    assert all(each["origin"] == "default" for each in planned.json("settings", "web", "--fresh", "--all"))
    document = planned.json("plan", "web")
    assert document["unfinished"] is None
    assert len(document["steps"]) == 5
    planned.good("audit", "verify")


def test_ctrl_c_during_the_last_step_lets_it_end_and_says_so(planned):
    mark = planned.folder / "mark"
    os.mkfifo(mark)
    wait = f"open({str(mark)!r}, 'w').close(); open({str(mark)!r}).close()"
    planned.good("instance", "set", "web", "--restart-command", planned.restart_command("web", wait), *WHY)
    process = planned.start("apply", "web", "--yes", "--restart", "--json")
    mark.open().close()  # the restart command has begun
    process.send_signal(signal.SIGINT)
    stopping = b""
    while b"stopping" not in stopping:
        stopping = process.stderr.readline()
    mark.open("w").close()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["was_restarted"] is True
    assert b"applied whole" in err


def test_a_killed_apply_is_told_by_the_next_plan_and_can_be_finished_or_taken_back(planned):
    mark = planned.folder / "mark"
    os.mkfifo(mark)
    wait = f"open({str(mark)!r}, 'w').close(); open({str(mark)!r}).close()"
    slow = planned.restart_command("web", wait, f"open({str(mark)!r}, 'w').close()")
    planned.good("instance", "set", "web", "--restart-command", slow, *WHY)
    process = planned.start("apply", "web", "--yes", "--restart")
    mark.open().close()
    process.kill()
    process.communicate(timeout=60)
    mark.open("w").close()
    mark.open().close()  # the orphaned restart command has ended
    planned.good("instance", "set", "web", "--restart-command", planned.restart_command("web"), *WHY)
    document = planned.json("plan", "web")
    assert [each["kind"] for each in document["unfinished"]["begun"]][-1] == "restart"
    text = planned.good("plan", "web")
    assert "--undo" in text
    assert "1. set cache_size = 1GB" in text
    planned.good("apply", "web", "--undo", "--yes", "--restart")
    assert planned.json("plan", "web")["unfinished"] is None
    planned.good("audit", "verify")


def test_sigint_at_a_verb_that_waits_ends_with_130_and_says_how_things_stand(cli):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        target = f"host=127.0.0.1 port={port} user=u dbname=d"
        cli.good("instance", "add", "mute", "--engine", "postgresql", "--target", target)
        process = cli.start("plan", "mute", "--json")
        connection, _ = mute.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert b"interrupted: every write" in err


def test_a_server_that_never_answers_and_a_closed_port_end_with_3(cli):
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for name, place in (("mute", mute), ("closed", closed)):
            target = f"host=127.0.0.1 port={place.getsockname()[1]} user=u dbname=d"
            cli.good("instance", "add", name, "--engine", "postgresql", "--target", target)
        code, out, err = cli.run("observe", "--all", "--json")
        assert code == 3
        assert [each["is_unreachable"] for each in json.loads(out)] == [True, True]
        assert "no answer within 5 s" in err
        for words in (["plan"], ["verify"], ["settings"], ["drift"], ["advise"], ["apply", "--yes"]):
            assert cli(words[0], "closed", *words[1:]).exit_code == 3, words
        harvest = [
            "catalog",
            "harvest",
            "postgresql",
            "--target",
            f"host=127.0.0.1 port={closed.getsockname()[1]}",
        ]
        assert cli(*harvest).exit_code == 3


def test_a_password_that_is_not_there_is_bad_input(cli):
    cli.good(
        "instance", "add", "a", "--engine", "postgresql", "--target", "host=x", "--password", "env:NOT_THERE"
    )
    result = cli("observe", "a")
    assert result.exit_code == 2
    assert "NOT_THERE" in result.stderr
