"""Reading what is set and from where; saying what should be."""

from __future__ import annotations

WHY = ("--because", "b")


def test_it_shows_what_is_managed_and_what_is_no_default(web):
    assert web.json("settings", "web") == []
    web.good("settings", "web", "sort_memory=8MB", *WHY)
    web.change_server("web", persisted={"page_cost": "2"})
    web.good("instance", "list")
    names = [each["name"] for each in web.json("settings", "web", "--fresh")]
    assert names == ["page_cost", "sort_memory"]
    assert len(web.json("settings", "web", "--all")) == 12
    assert "10 unmanaged defaults not shown" in web.good("settings", "web")


def test_one_parameter_with_its_chain_on_both_sides(web):
    web.good("settings", "--fleet", "simulated", "sort_memory=2MB", "--because", "everywhere")
    web.good("settings", "web", "sort_memory=8MB", "--because", "sorts spill", "--ticket", "T-7")
    web.good("settings", "web", "page_cost=1", "--because", "other")
    (found,) = web.json("settings", "web", "sort_memory", "--origin")
    head = web.json("history", "--limit", "2")[1]["id"]
    assert (found["value"], found["unit"], found["running"], found["desired"]) == (4096, "kB", "4MB", "8MB")
    assert (found["layer"], found["revision"], found["managed"]) == ("instance web", head, True)
    assert found["origin"] == "default"
    assert [(each["kind"], each["in_force"]) for each in found["origins"]] == [("default", True)]
    assert [(each["kind"], each["text"]) for each in found["layers"]] == [
        ("fleet", "2MB"),
        ("instance", "8MB"),
    ]
    text = web.good("settings", "web", "sort_memory", "--origin")
    assert "sorts spill" in text
    assert "everywhere" in text
    assert "in force" in text


def test_a_value_that_waits_for_a_restart_says_so(web):
    web.good("settings", "web", "cache_size=1GB", *WHY)
    web.good("apply", "web", "--yes")
    (found,) = web.json("settings", "web", "cache_size")
    assert (found["running"], found["pending"]) == ("128MB", "1GB")
    assert "restart" in found["pending_reason"]
    assert "waits for a restart" in web.good("settings", "web")


def test_an_instance_never_seen_is_looked_at(cli):
    cli.add("web")
    assert len(cli.json("settings", "web", "--all")) == 12


def test_null_stops_managing_and_unset_takes_the_layers_word_away(web):
    web.good("settings", "--fleet", "simulated", "sort_memory=2MB", *WHY)
    web.good("settings", "web", "sort_memory=null", *WHY)
    assert web.json("settings", "web") == []
    web.good("settings", "web", "--unset", "sort_memory", *WHY)
    assert web.json("settings", "web", "sort_memory")[0]["desired"] == "2MB"


def test_writing_answers_the_revision_and_its_edits_and_the_same_again_changes_nothing(web):
    written = web.json("settings", "web", "sort_memory=8MB", "plugins=a,b", *WHY)
    assert written["edits"] == [
        {"part": "instance:web", "field": "settings.plugins", "new": "a,b"},
        {"part": "instance:web", "field": "settings.sort_memory", "new": "8MB"},
    ]
    before = web.state()
    again = web.json("settings", "web", "sort_memory=8MB", *WHY)
    assert again["is_changed"] is False
    assert "nothing to change" in web.good("settings", "web", "sort_memory=8MB", *WHY)
    assert web.state() == before


def test_a_groups_and_the_fleets_settings_are_read_with_who_set_them(web):
    web.good("instance", "group", "add", "shop", "--engine", "simulated")
    assert web.json("settings", "--group", "shop") == []
    web.good("settings", "--group", "shop", "page_cost=2", "--because", "shops")
    (found,) = web.json("settings", "--group", "shop")
    assert (found["name"], found["desired"], found["layer"]) == ("page_cost", "2", "group shop")
    assert "shops" in web.good("settings", "--group", "shop", "PAGE_COST")


def test_an_override_by_the_command_line_is_named_as_the_origin(web):
    running = {"sort_memory": "16384"}
    from setpoint.engines.simulated.driver import server_at

    server = server_at(web.target("web"))
    web.change_server("web", command_line={"sort_memory": "16MB"}, running={**server.running, **running})
    (found,) = web.json("settings", "web", "sort_memory", "--fresh")
    assert (found["running"], found["origin"]) == ("16MB", "command line")
