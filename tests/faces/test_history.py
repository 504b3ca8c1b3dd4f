"""The configuration's history: import, show, history, diff, blame, revert."""

from __future__ import annotations

WHY = ("--because", "b")


def test_a_fleet_document_goes_out_and_in_and_is_the_same(web):
    web.good("settings", "web", "sort_memory=8MB", "compression=on", *WHY)
    text = web.good("show", "--yaml")
    before = web.state()
    again = web.good("import", "-", input=text)
    assert "nothing to change" in again
    assert web.state() == before
    document = web.json("show", "--yaml")
    assert document["yaml"] == text
    assert document["configuration"]["instances"]["web"]["settings"]["compression"] == "on"


def test_an_import_makes_the_document_the_whole_configuration(web):
    web.add("old")
    file = web.folder / "fleet.yaml"
    file.write_text("setpoint: 1\ninstances:\n  new: {engine: simulated, target: 'memory:new'}\n")
    imported = web.json("import", str(file), "--ticket", "T-2")
    assert imported["revision"]["reason"] == "imported"
    assert imported["revision"]["ticket"] == "T-2"
    assert [each["instance"] for each in web.json("instance", "list")] == ["new"]


def test_an_empty_store_shows_nothing_and_says_so(cli):
    assert "nothing was configured" in cli.good("show")
    assert cli.json("history") == []
    assert cli.good("show", "--yaml").startswith("setpoint:")
    assert cli.json("show")["revision"] is None


def test_history_diff_show_and_blame_tell_who_when_and_why(web):
    web.good("settings", "web", "sort_memory=8MB", "--because", "first", "--ticket", "T-1")
    web.good("settings", "web", "page_cost=2", "--because", "second")
    web.add("other")
    history = web.json("history", "--instance", "web")
    assert [each["reason"] for each in history] == ["second", "first", "registered"]
    assert web.json("history", "--part", "instance:other")[0]["reason"] == "registered"
    assert len(web.json("history", "--limit", "2")) == 2
    second = history[0]["short_id"]
    assert {"part": "instance:web", "field": "settings.page_cost", "new": "2"} in web.json("show", second)[
        "edits"
    ]
    assert web.json("diff", "HEAD", "HEAD") == []
    assert "no difference" in web.good("diff", "HEAD")
    assert {each["field"] for each in web.json("diff", second, "HEAD")} == {"engine", "target"}
    assert {each["part"] for each in web.json("diff")} == {"instance:other"}
    blamed = {each["parameter"]: each["revision"]["reason"] for each in web.json("blame", "web")}
    assert blamed == {"sort_memory": "first", "page_cost": "second"}
    assert "T-1" in web.good("blame", "web", "SORT_MEMORY")
    assert "sort_memory" in web.good("diff", "HEAD~3", "HEAD~2")


def test_revert_is_a_new_revision_with_the_old_content(web):
    before = web.good("show", "--yaml")
    web.good("settings", "web", "sort_memory=8MB", *WHY)
    reverted = web.json("revert", "HEAD~1", "--because", "it hurt")
    assert reverted["edits"] == [{"part": "instance:web", "field": "settings.sort_memory", "old": "8MB"}]
    assert web.good("show", "--yaml") == before
    assert web.json("history")[0]["reason"] == "it hurt"
