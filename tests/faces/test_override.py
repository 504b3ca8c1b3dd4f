"""`override`: started, shown, extended, ended, reported and reviewed from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.control.overrides.past import override
from tests.faces.conftest import Cli

from setpoint.config.override import Clash, EndReason, Link, LinkKind, LinkState, OverrideState, Review
from setpoint.engines.simulated.driver import server_at
from setpoint.faces.api import Setpoint
from setpoint.faces.cli.override_page import (
    link_rows,
    overdue_seconds,
    override_document,
    override_page,
    review_span,
    span_text,
    state_span,
)
from setpoint.faces.cli.page import Span, bare
from setpoint.faces.cli.printer import plain_text

WISH = ("sort_memory=64MB", "--for", "30m", "--because", "the night batch spills")
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOSTILE = "\x1b[2J\x07\u202eevil\r\n=cmd()"


@pytest.fixture
def fleet(web) -> Cli:
    web.good("instance", "set", "web", "--environment", "lab", "--because", "labelled")
    for name in ("api", "old"):
        web.add(name, "--environment", "lab")
        web.good("observe", name)
    return web


def start(cli, *words, where="web", code=0):
    return cli.json("override", "start", where, *(words or WISH), code=code)


def persisted(cli, name="web"):
    return dict(server_at(cli.target(name)).persisted)


def id_of(started) -> str:
    return started["instances"][0]["override"]["id"]


class TestLife:
    def test_it_starts_verified_and_says_until_when_and_what_would_end_it(self, web):
        text = web.good("override", "start", "web", *WISH, "--ticket", "OPS-7")
        assert "sort_memory = 64MB until" in text
        assert "(30 min left)" in text
        assert "read back" in text
        for kind in LinkKind:
            assert kind.value in text
        assert persisted(web) == {"sort_memory": "64MB"}

    def test_json_is_one_document_with_all_of_it(self, web):
        started = start(web)
        assert started["is_started_everywhere"]
        (each,) = started["instances"]
        made = each["override"]
        assert (each["instance"], each["fault"], made["state"]) == ("web", None, "active")
        assert (made["because"], made["is_open"], made["overdue_seconds"]) == (WISH[-1], True, None)
        assert 1790 < made["remaining_seconds"] <= 1800
        assert {link["kind"] for link in made["links"]} <= {kind.value for kind in LinkKind}

    def test_it_is_listed_shown_extended_ended_reported_and_reviewed(self, web):
        name = id_of(start(web))
        own = name.partition("/")[2]
        (listed,) = web.json("override", "list")
        assert listed["id"] == name
        assert name in web.good("override", "list", "--instance", "web")
        shown = web.json("override", "show", own)
        longer = web.json("override", "extend", own, "--for", "15m", "--because", "not done")
        assert longer["deadline"] > shown["deadline"]
        assert longer["extensions"][0]["because"] == "not done"
        ended = web.json("override", "end", own[:6])
        assert (ended["state"], ended["ending_because"], ended["is_open"]) == (
            "ended",
            "ended by hand",
            False,
        )
        assert persisted(web) == {}
        assert "review due" in web.good("override", "list")
        assert "Post-mortem of override" in web.good("override", "report", own)
        made = web.json("override", "review", own, "--conclusion", "it helped", "--keep", "sort_memory")
        assert made["review"]["change"].startswith("revision ")
        assert persisted(web) == {}
        assert web.json("settings", "web")
        assert web.json("override", "list") == []
        assert [each["id"] for each in web.json("override", "list", "--all")] == [name]
        assert "it helped" in web.good("override", "show", own)
        assert "no override is open" in web.good("override", "list")

    def test_what_is_kept_goes_the_normal_way(self, web):
        name = id_of(start(web))
        web.good("override", "end", name)
        text = web.good("override", "review", name, "--conclusion", "x", "--keep", "sort_memory")
        assert "next: setpoint plan web" in text
        assert web("drift", "web").exit_code == 1


class TestRefusals:
    def test_what_is_refused_ends_with_1_and_touches_nothing(self, web):
        start(web)
        again = web("override", "start", "web", "sort_memory=8MB", "--for", "5m", "--because", "b")
        assert again.exit_code == 1
        assert "holds sort_memory" in again.stderr
        assert persisted(web) == {"sort_memory": "64MB"}

    def test_an_unreachable_instance_ends_with_3(self, web):
        web.change_server("web", is_up=False)
        assert web("override", "start", "web", *WISH).exit_code == 3
        assert web.json("override", "list", "--all") == []

    def test_a_selector_is_reported_by_instance(self, fleet):
        start(fleet, where="api")
        done = start(fleet, where="environment=lab", code=1)
        assert [each["instance"] for each in done["instances"]] == ["api", "old", "web"]
        assert [each["fault"] is None for each in done["instances"]] == [False, True, True]
        assert "is so already" in done["instances"][0]["fault"]["what"]
        text = fleet("override", "start", "all", *WISH)
        assert text.exit_code == 1
        assert text.stdout.count("not started") == 3
        assert "3 instances" in text.stdout

    def test_where_all_the_others_are_only_not_reached_it_ends_with_3(self, fleet):
        fleet.change_server("old", is_up=False)
        done = start(fleet, where="environment=lab", code=3)
        assert [each["override"] is None for each in done["instances"]] == [False, True, False]

    def test_all_or_none_leaves_none(self, fleet):
        fleet.change_server("old", is_up=False)
        assert fleet("override", "start", "environment=lab", *WISH, "--all-or-none").exit_code == 1
        assert [persisted(fleet, name) for name in ("web", "api")] == [{}, {}]

    def test_a_selector_that_fits_nothing_is_bad_input(self, web):
        result = web("override", "start", "environment=moon", *WISH)
        assert result.exit_code == 2
        assert "no instance is within environment=moon" in result.stderr

    def test_one_that_cannot_be_put_back_now_ends_with_3_and_says_that_it_is_tried(self, web):
        name = id_of(start(web))
        web.change_server("web", is_up=False)
        result = web("override", "end", name, "--because", "enough")
        assert result.exit_code == 3, result.output
        assert "not put back yet" in result.stdout
        assert "tried until it is done" in result.stdout
        assert web.json("override", "show", name)["state"] == "ending"

    def test_a_persons_later_change_stands_and_ends_with_1(self, web):
        name = id_of(start(web))
        running = {**server_at(web.target("web")).running, "sort_memory": "7168"}
        web.change_server("web", persisted={"sort_memory": "7MB"}, running=running)
        result = web("override", "end", name)
        assert result.exit_code == 1
        assert "clash: somebody set sort_memory to 7MB" in result.stdout
        assert persisted(web) == {"sort_memory": "7MB"}
        assert "left as somebody changed it" in web.good("override", "report", name)

    def test_what_is_over_is_neither_extended_nor_ended(self, web):
        name = id_of(start(web))
        web.good("override", "end", name)
        assert web("override", "end", name).exit_code == 1
        assert web("override", "extend", name, "--for", "5m", "--because", "b").exit_code == 1

    def test_one_that_is_open_is_not_reviewed(self, web):
        name = id_of(start(web))
        assert web("override", "review", name, "--conclusion", "x").exit_code == 1

    def test_in_a_store_of_one_user_nobody_can_be_asked(self, web):
        assert web("override", "propose", "web", *WISH).exit_code == 1


class TestReport:
    @pytest.fixture
    def over(self, web):
        name = id_of(start(web))
        web.good("override", "end", name)
        return name

    def test_each_format_goes_to_stdout(self, web, over):
        assert web.good("override", "report", over).startswith("Post-mortem of override")
        assert web.good("override", "report", over, "--format", "markdown").startswith("# Post-mortem")
        assert web.good("override", "report", over, "--format", "html").startswith("<!doctype html>")
        for words in (("--format", "json"), ("--json",)):
            document = json.loads(web.good("override", "report", over, *words))
            assert document["override"]["id"] == over

    @pytest.mark.parametrize(
        ("name", "begin"),
        [("r.md", "# Post"), ("r.html", "<!doctype"), ("r.json", "{"), ("r.txt", "Post"), ("report", "Post")],
    )
    def test_a_file_is_written_as_its_name_says(self, web, over, name, begin):
        place = web.folder / name
        document = web.json("override", "report", over, "--output", str(place))
        assert (document["file"], document["override"]) == (str(place), over)
        assert place.read_text("utf-8").startswith(begin)

    def test_a_format_that_is_given_goes_before_the_name(self, web, over):
        place = web.folder / "r.md"
        web.good("override", "report", over, "--format", "html", "--out", str(place))
        assert place.read_text("utf-8").startswith("<!doctype")

    def test_free_text_steers_no_terminal(self, web):
        name = id_of(start(web, "sort_memory=8MB", "--for", "5m", "--because", HOSTILE))
        web.good("override", "end", name, "--because", HOSTILE)
        for words in (("show", name), ("list",), ("report", name), ("report", name, "--format", "markdown")):
            for more in ((), ("--json",)):
                if "--format" not in words or not more:
                    text = web.good("override", *words, *more)
                    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)


class TestPage:
    def test_overdue_is_loud_from_the_alarm_on(self):
        made = override(started_at=AT, deadline=AT + timedelta(minutes=5))
        due = made.deadline
        assert overdue_seconds(made, due - timedelta(seconds=1)) is None
        assert overdue_seconds(made, due + timedelta(seconds=1)) is None
        span = state_span(made, due + timedelta(seconds=90))
        assert (span.text, span.tone) == ("OVERDUE by 1 min 30 s", "bad")
        alarmed = msgspec.structs.replace(made, overdue_at=due)
        assert state_span(alarmed, due + timedelta(seconds=1)).tone == "bad"
        over = msgspec.structs.replace(alarmed, state=OverrideState.ENDED)
        assert overdue_seconds(over, due + timedelta(seconds=90)) is None
        assert override_document(made, due + timedelta(seconds=90))["overdue_seconds"] == 90

    def test_one_that_is_ended_early_is_due_from_then_on(self):
        made = override(started_at=AT, deadline=AT + timedelta(hours=9), state=OverrideState.ENDING,
                        ending_at=AT, ending_why=EndReason.GUARDRAIL, ending_by="setpoint")  # fmt: skip
        assert overdue_seconds(made, AT + timedelta(seconds=60)) == 60
        text = plain_text(override_page(made, AT + timedelta(seconds=60)))
        assert "OVERDUE by 1 min" in text
        assert "guardrail by setpoint" in text
        assert "tried until it is done" in text

    def test_every_link_is_shown_with_its_state(self):
        links = tuple(
            Link(kind=kind, state=state, at=AT) for kind, state in zip(LinkKind, LinkState, strict=True)
        )
        rows = link_rows(override(links=links))
        assert [row[0] for row in rows] == [kind.value for kind in LinkKind]
        assert [getattr(row[1], "tone", "") for row in rows] == ["good", "warn", "bad", "dim", "strong"]
        assert {bare(row[1]) for row in link_rows(override(links=()))} == {"not used"}

    def test_a_review_is_wanted_due_overdue_or_there(self):
        over = override(state=OverrideState.ENDED, ended_at=AT)
        assert review_span(over, AT).text == "review wanted"
        due = msgspec.structs.replace(over, review_due_at=AT + timedelta(days=1))
        assert review_span(due, AT).text.startswith("review due 2026-06-02")
        late = review_span(due, AT + timedelta(days=3))
        assert (late.text, late.tone) == ("REVIEW OVERDUE by 2 d", "bad")
        assert override_document(due, AT + timedelta(days=3))["is_review_late"]
        made = msgspec.structs.replace(due, review=Review(by="mia", at=AT, conclusion="c"))
        assert review_span(made, AT + timedelta(days=3)).text == "reviewed by mia"

    def test_late_reviews_are_named_below_the_list(self, web):
        long_ago = datetime.now(UTC) - timedelta(days=9)
        made = override(instance="web", id="web/oago", started_at=long_ago, deadline=long_ago)
        over = msgspec.structs.replace(
            made, state=OverrideState.ENDED, ended_at=long_ago, review_due_at=long_ago + timedelta(days=3)
        )
        with Setpoint.open(web.store) as setpoint:
            context = replace(setpoint._context)
            context.store.overrides.put(
                over.id, over, version=0, actor="ada", action="override.ended", detail={}, at=long_ago
            )
        text = web.good("override", "list")
        assert "REVIEW OVERDUE by 5 d 23 h" in text or "REVIEW OVERDUE by 6 d" in text
        assert "setpoint override review web/oago" in text
        assert "REVIEW OVERDUE" in web.good("override", "show", "web/oago")

    def test_clashes_are_told_in_red(self):
        clash = Clash(parameter="sort_memory", found=("a", "b"), ours=None, noticed_at=AT)
        page = override_page(override(state=OverrideState.CONFLICT, clashes=(clash,)), AT)
        (line,) = [each for each in page if "clash" in str(each)]
        assert isinstance(line, Span)
        assert line.tone == "bad"
        assert "set sort_memory to a, b while it was overridden with (no entry)" in line.text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (-1, "0 s"), (0, "0 s"), (0.421, "0.42 s"), (5, "5 s"), (12.4, "12 s"), (59.6, "1 min"),
            (90, "1 min 30 s"), (3600, "1 h"), (5400, "1 h 30 min"), (86400, "1 d"), (180000, "2 d 2 h"),
        ],
    )  # fmt: skip
    def test_spans_are_written_as_people_say_them(self, seconds, text):
        assert span_text(seconds) == text
