"""What is looked up and advised: templates, advice, catalogs, the audit log."""

from __future__ import annotations

import json

import pytest

from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions
from setpoint.engines.simulated.engine import SimulatedEngine
from setpoint.recommend import Proposal, Remark, Rule

OLTP = ["template", "fill", "oltp@1", "--engine", "postgresql", "--version", "18"]


def test_templates_are_listed_and_shown_with_reasons_and_sources(cli):
    listed = {each["template"] for each in cli.json("template", "list")}
    assert {"oltp@1", "olap@1", "mixed@1"} <= listed
    assert cli.json("template", "list", "simulated") == []
    shown = cli.json("template", "show", "oltp@1", "--engine", "postgresql")
    assert all(each["reason"] and each["source"] for each in shown["settings"])
    assert "shared_buffers" in cli.good("template", "show", "oltp@1", "--engine", "postgresql")


def test_a_template_is_filled_for_a_described_host(cli):
    filled = cli.json(*OLTP, "--ram", "16GB", "--vcpu", "4", "--storage", "ssd", "--connections", "100")
    texts = {each["parameter"]: each["text"] for each in filled["settings"]}
    assert texts["shared_buffers"] == "4GB"
    assert filled["budget"]["fits"] is True
    bare = cli.json(*OLTP)
    assert any("ram" in each["why"] for each in bare["left_out"])
    room = cli.json(*OLTP, "--ram", "64GB", "--input", "wal_room=2GB")
    assert {each["parameter"]: each["text"] for each in room["settings"]}["max_wal_size"] == "1GB"
    assert "left out" in cli.good(*OLTP, "--vcpu", "2")


def test_a_host_that_is_too_small_is_refused_with_what_would_fit(cli):
    result = cli(*OLTP, "--ram", "1GB", "--connections", "5000")
    assert result.exit_code == 1
    assert "it fits with" in result.stderr


def test_a_template_is_assigned_and_removed(cli):
    target = ["--engine", "postgresql", "--target", "host=nowhere"]
    cli.good("instance", "add", "web", *target)
    assigned = cli.json("template", "assign", "web", "oltp@1", "--input", "wal_room=2GB", "--because", "b")
    assert assigned["edits"][0]["field"] == "template"
    assert cli.json("instance", "show", "web")["inputs"] == {"wal_room": "2GB"}
    assert cli("template", "assign", "web", "oltp@1", "--input", "nope=1", "--because", "b").exit_code == 2
    cli.good("template", "remove", "web", "--because", "b")
    assert cli.json("instance", "show", "web")["template"] == ""


def test_an_instance_never_seen_cannot_be_chosen_for(cli):
    cli.good("instance", "add", "web", "--engine", "postgresql", "--target", "host=nowhere")
    result = cli("template", "choose", "web")
    assert result.exit_code == 2
    assert "never observed" in result.stderr


def test_no_advice_is_an_answer(web):
    document = web.json("advise", "web")
    assert document["recommendations"] == []
    assert "no advice" in web.good("advise", "web", "--last")


@pytest.fixture
def advised(web, monkeypatch):
    """Give an instance whose engine has three rules: one proposes, one remarks, one waits."""

    def propose(_):
        """Propose more memory for sorts."""
        yield Proposal("sort_memory", 8 * 2**20, "sorts spill", "fewer temporary files", "more memory")

    def remark(_):
        """Remark that it is a simulation."""
        yield Remark("nothing here is real", {"engine": "simulated"}, "look elsewhere")

    rules = (
        Rule(code="SM001", title="sorts spill", examine=propose, source="invented"),
        Rule(code="SM002", title="not real", examine=remark, source="invented"),
        Rule(code="SM003", title="idle", examine=remark, source="invented", seconds=60),
    )
    monkeypatch.setattr(SimulatedEngine, "rules", lambda _: rules)
    return web


def test_advice_shows_its_evidence_and_what_the_silent_rules_wait_for(advised):
    document = advised.json("advise", "web")
    assert [each["proposed"] for each in document["recommendations"]] == ["8MB"]
    assert [each["code"] for each in document["findings"]] == ["SM002"]
    assert [each["code"] for each in document["silent"]] == ["SM003"]
    text = advised.good("advise", "web")
    for word in ("sorts spill", "4MB -> 8MB", "fewer temporary files", "look elsewhere", "60 seconds"):
        assert word in text
    assert advised.json("advise", "web", "sm002")["recommendations"] == []


def test_advice_is_taken_into_the_instances_layer(advised):
    refused = advised("advise", "web", "SM002", "--accept", "--because", "b")
    assert refused.exit_code == 2
    taken = advised.json("advise", "web", "SM001", "--accept", "--because", "the rules say so")
    assert taken["edits"] == [{"part": "instance:web", "field": "settings.sort_memory", "new": "8MB"}]
    assert advised("drift", "web").exit_code == 1
    assert advised("advise", "web", "--accept", "--because", "b").exit_code == 2


def test_every_shipped_catalog_is_listed_and_shown_in_full(cli):
    listed = {(each["engine"], each["family"]): each for each in cli.json("catalog", "list")}
    assert set(listed) == {(n, f) for n in engine_names() for f in shipped_versions(get_engine(n))}
    shown = cli.json("catalog", "show", "postgresql", "18.6")
    assert len(shown) == listed["postgresql", "18"]["parameters"] == 399
    fields = {"name", "kind", "unit", "default", "min", "max", "values", "context", "engine_context"}
    fields |= {"description", "aliases", "build", "extension", "evidence"}
    assert all(fields <= set(each) for each in shown)
    assert len(cli.json("catalog", "show", "postgresql", "18", "--extensions")) > 399
    assert "399 parameters" in cli.good("catalog", "show", "postgresql", "18")


def test_one_parameter_and_the_difference_of_two_versions(cli):
    (found,) = cli.json("catalog", "show", "postgresql", "18", "SHARED_BUFFERS")
    assert (found["kind"], found["unit"], found["context"]) == ("size", "8kB", "restart")
    assert "restart (postmaster)" in cli.good("catalog", "show", "postgresql", "18", "shared_buffers")
    diff = cli.json("catalog", "diff", "postgresql", "17", "18")
    assert "io_method" in diff["added"]
    assert {each["field"] for each in diff["changed"]} <= {
        "kind",
        "unit",
        "default",
        "min",
        "max",
        "values",
        "context",
    }
    assert "+ io_method" in cli.good("catalog", "diff", "postgresql", "17", "18")


def test_what_an_upgrade_changes_is_told_apart(cli):
    diff = cli.json("catalog", "diff", "postgresql", "17", "18")
    assert "ssl_ecdh_curve" in diff["removed"]
    assert [(each["old"], each["new"], each["old_name"]) for each in diff["renamed"]] == [
        ("ssl_ecdh_curve", "ssl_groups", "alias")
    ]
    assert ("effective_io_concurrency", "1", "16") in {
        (each["name"], each["old"], each["new"]) for each in diff["redefaulted"]
    }
    moved = {each["name"]: each["needs_no_restart_now"] for each in diff["contexts"]}
    assert moved == {"autovacuum_max_workers": True}
    assert {each["name"] for each in diff["bounds"]} == {"io_combine_limit", "log_rotation_size"}
    assert set(diff["evidence"]) == {"old", "new"}
    page = cli.good("catalog", "diff", "postgresql", "17", "18")
    assert page.index("re-defaulted: 3") < page.index("renamed: 1") < page.index("added in 18")
    words = cli.json("catalog", "diff", "postgresql", "15", "16")["words"]
    assert all(each["gone"] or each["come"] for each in words)


def test_how_each_fact_is_known_is_shown(cli):
    shown = {each["name"]: each["evidence"] for each in cli.json("catalog", "show", "mysql", "8.0")}
    assert all("not verified on an engine" in evidence for evidence in shown.values())
    assert shown["expire_logs_days"].startswith("from the manual of 8.0")
    assert shown["max_connections"].startswith("as 9.7 has it")
    assert "known from    as 9.7 has it" in cli.good("catalog", "show", "mysql", "8.0", "max_connections")


def test_a_catalog_is_harvested_as_the_data_that_is_shipped(cli, tmp_path):
    harvest = ["catalog", "harvest", "simulated", "--target", "memory:harvest"]
    shipped = shipped_catalog(get_engine("simulated"), "1")
    document = json.loads(cli.good(*harvest))
    assert [each["name"] for each in document["parameters"]] == sorted(p.name for p in shipped.parameters)
    assert json.loads(cli.good(*harvest, "--json")) == document
    file = tmp_path / "1.json"
    listing = tmp_path / "listing"
    listing.write_text("")
    assert "12 parameters" in cli.good(*harvest, "--out", str(file), "--describe-config", str(listing))
    assert json.loads(file.read_text()) == document


@pytest.mark.parametrize(
    ("body", "code"), [('test "$*" = "--list --all"', 0), ("echo no >&2; exit 4", 3), ("exit", 2)]
)
def test_the_server_program_is_asked_for_its_listing_in_its_own_words(cli, tmp_path, monkeypatch, body, code):
    program = tmp_path / "server"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    words = () if code == 2 else ("--list", "--all")
    monkeypatch.setattr(SimulatedEngine, "listing_arguments", words, raising=False)
    harvest = ["catalog", "harvest", "simulated", "--target", "memory:harvest"]
    assert cli(*harvest, "--describe-config", str(program)).exit_code == code


def test_the_audit_log_is_read_verified_and_exported(web):
    rows = web.json("audit", "log", "--limit", "1")
    assert rows[0]["action"] == "configuration.commit"
    assert "registered" in web.good("audit", "log", "--subject", "fleet")
    assert "no such row" in web.good("audit", "log", "--action", "apply.")
    proof = web.json("audit", "verify")
    head = f"{proof['head']['seq']}:{proof['head']['hash']}"
    assert proof["is_intact"] is True
    file = web.folder / "audit.jsonl"
    web.good("audit", "export", "--out", str(file))
    assert file.read_text() == web.good("audit", "export")
    assert web.json("audit", "export")[-1] == {"head": proof["head"]}
    assert web.json("audit", "verify", "--export", str(file), "--head", head)["is_head_compared"] is True
    assert "intact" in web.good("audit", "verify", "--head", head)


def test_a_changed_log_ends_with_1_and_names_the_row(web):
    file = web.folder / "audit.jsonl"
    web.good("audit", "export", "--out", str(file))
    file.write_text(file.read_text().replace("registered", "restricted"))
    broken = web.json("audit", "verify", "--export", str(file), code=1)
    assert broken["faults"][0]["row"] == 1
    assert "broken" in web("audit", "verify", "--export", str(file)).stdout
    assert web("audit", "verify", "--head", f"1:{'0' * 64}").exit_code == 1
