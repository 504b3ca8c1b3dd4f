"""Registering instances and groups."""

from __future__ import annotations


def test_an_instance_is_registered_listed_shown_changed_and_removed(cli):
    cli.add("web", "--environment", "test", "--label", "team=a", "--ram", "16GB", "--vcpu", "2.5")
    (listed,) = cli.json("instance", "list")
    assert listed["instance"] == "web"
    assert listed["labels"] == {"team": "a"}
    assert listed["facts"] == {"ram_bytes": 16 * 2**30, "vcpu": 2.5}
    assert "never observed" in cli.good("instance", "show", "web")
    cli.good(
        "instance",
        "set",
        "web",
        "--label",
        "team=",
        "--label",
        "tier=1",
        "--environment",
        "",
        "--because",
        "b",
    )
    shown = cli.json("instance", "show", "web")
    assert shown["labels"] == {"tier": "1"}
    assert shown["environment"] == ""
    assert shown["facts"]["ram_bytes"] == 16 * 2**30
    assert shown["seen"] is None
    cli.good("instance", "remove", "web", "--because", "gone")
    assert cli.json("instance", "list") == []
    assert "no instance is registered" in cli.good("instance", "list")


def test_a_name_that_is_taken_is_refused(cli):
    cli.add("web")
    result = cli("instance", "add", "web", "--engine", "simulated", "--target", "memory:x")
    assert result.exit_code == 1
    assert "already" in result.stderr


def test_what_was_last_seen_is_shown_with_the_operators_word_over_it(web):
    shown = web.json("instance", "show", "web")
    assert shown["seen"]["facts"]["ram_bytes"] == 16 * 2**30
    assert shown["seen"]["facts"]["sources"]["ram_bytes"] == "operator"
    assert "operator" in web.good("instance", "show", "web")


def test_reasons_and_tickets_are_kept(cli):
    cli.add("web")
    cli.good("instance", "set", "web", "--environment", "prod", "--because", "it is", "--ticket", "T-1")
    newest, first = cli.json("history")
    assert (newest["reason"], newest["ticket"], newest["author"]) == ("it is", "T-1", "tester")
    assert first["reason"] == "registered"


def test_groups_are_made_listed_and_removed_when_empty(cli):
    cli.good("instance", "group", "add", "shop", "--engine", "simulated")
    cli.add("web", "--group", "shop")
    (group,) = cli.json("instance", "group", "list")
    assert group["instances"] == ["web"]
    assert "shop" in cli.good("instance", "group", "list")
    assert cli("instance", "group", "remove", "shop", "--because", "b").exit_code == 2
    cli.good("instance", "set", "web", "--group", "", "--because", "b")
    cli.good("instance", "group", "remove", "shop", "--because", "b")
    assert "no group" in cli.good("instance", "group", "list")


def test_a_group_that_is_there_is_refused_and_one_of_another_engine_takes_nobody(cli):
    cli.good("instance", "group", "add", "shop", "--engine", "postgresql")
    assert cli("instance", "group", "add", "shop", "--engine", "postgresql").exit_code == 1
    result = cli("instance", "add", "web", "--engine", "simulated", "--target", "m", "--group", "shop")
    assert result.exit_code == 2
    assert "one engine" in result.stderr
