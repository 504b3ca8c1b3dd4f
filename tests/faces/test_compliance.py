"""`compliance report`: text, JSON, CSV and HTML, each stable, and none that a hostile text could bend."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.conftest import Cli

from setpoint.engines.simulated.driver import server_at
from setpoint.faces.cli.compliance_document import report_csv, report_document
from setpoint.faces.cli.compliance_page import report_html
from setpoint.faces.cli.compliance_view import gather, report_page, score_text, sparkline
from setpoint.faces.cli.printer import plain_text
from setpoint.policy.compliance import (
    Control,
    Counts,
    Exhibit,
    InstanceReport,
    Profile,
    Report,
    ReportPoint,
    Result,
    Status,
    roll_up,
    roll_up_groups,
)
from setpoint.policy.rules import Limit
from setpoint.policy.selector import Selector

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICY = """
policy: house
why: we sleep at night
locks:
  - {id: durable, parameters: [durable], value: "on"}
limits:
  - {id: modest, must: sort_memory <= 16MB, severity: low}
"""


@pytest.fixture
def house(web) -> Cli:
    (web.folder / "house.yaml").write_text(POLICY)
    web.good("policy", "put", "house", str(web.folder / "house.yaml"), "--because", "begins")
    return web


@pytest.fixture
def failing(house) -> Cli:
    house.change_server("web", running=house_running(house, durable="off"), persisted={"durable": "off"})
    house.good("observe", "web")
    return house


def house_running(cli, **texts):
    return {**server_at(cli.target("web")).running, **texts}


def test_all_that_holds_ends_with_0_and_shows_the_evidence_of_one_instance(house):
    text = house.good("compliance", "report", "web")
    assert "2 passed" in text
    assert "score 100.0%" in text
    assert "durable = on" in text
    assert "sort_memory <= 16MB holds, because sort_memory is 4MB" in text


def test_a_failure_ends_with_1_in_every_form(failing):
    for form in ("text", "json", "csv", "html"):
        result = failing("compliance", "report", "--format", form)
        assert result.exit_code == 1
        assert "durable runs off and must be on" in result.stdout
    assert failing("compliance", "report", "--json").exit_code == 1


def test_json_is_json_however_it_is_asked_for(failing):
    one = failing("compliance", "report", "--format", "json").stdout
    document = json.loads(one)
    assert document["is_failing"]
    assert document["fleet"]["counts"] == {
        "failed": 1,
        "unknown": 0,
        "waived": 0,
        "passed": 1,
        "not_applicable": 0,
    }
    (instance,) = document["instances"]
    assert instance["observed_at"]
    first = instance["results"][0]
    assert (first["control"], first["status"]) == ("house/durable", "fail")
    assert first["exhibits"][0] == {
        "parameter": "durable",
        "text": "off",
        "origin": "persisted",
        "status": "fail",
        "note": "durable runs off and must be on",
    }
    assert failing.json("compliance", "report", code=1).keys() == document.keys()
    assert failing("compliance", "report", "--json", "--format", "csv").exit_code == 2


def test_a_file_is_written_and_the_answer_is_short(failing):
    for form in ("text", "json", "csv", "html"):
        place = failing.folder / f"report.{form}"
        result = failing("compliance", "report", "--format", form, "--out", str(place))
        assert result.exit_code == 1
        assert result.stdout.splitlines()[-1] == f"written to {place}"
        body = place.read_text("utf-8")
        assert "durable runs off and must be on" in body
    assert (failing.folder / "report.html").read_text("utf-8").startswith("<!doctype html>")
    document = failing.json("compliance", "report", "--out", str(failing.folder / "r.json"), code=1)
    assert (document["format"], document["is_failing"]) == ("json", True)
    assert json.loads((failing.folder / "r.json").read_text())["controls"]
    assert failing("compliance", "report", "--out", str(failing.folder / "no" / "r")).exit_code == 2


def test_waivers_and_recorded_reports_show(failing):
    failing("compliance", "report", "--record")
    failing.good(
        *("waiver", "add", "--parameter", "durable", "--scope", "all", "--owner", "lin"),
        *("--until", "30d", "--because", "a test machine"),
    )
    text = failing.good("compliance", "report", "--record")
    assert "by lin: a test machine; durable runs off and must be on" in text
    assert "trend ▅█" in text
    html = failing.good("compliance", "report", "--format", "html")
    assert html.count("<circle") == 2
    assert "a test machine" in html
    assert len(failing.json("compliance", "report")["trend"]) == 2


def test_staleness_is_what_one_says_it_is(failing):
    document = failing.json("compliance", "report", "--stale-after", "1s", code=1)
    assert document["stale_after_seconds"] == 1
    assert failing("compliance", "report", "--stale-after", "soon").exit_code == 2


def test_bad_words_end_with_2(house):
    for words in (
        ("nobody",),
        ("web", "--scope", "all"),
        ("--scope", "group=none"),
        ("--scope", "nonsense"),
        ("--format", "pdf"),
    ):
        assert house("compliance", "report", *words).exit_code == 2


def test_without_policies_it_says_so(web):
    assert "no policy demands anything" in web.good("compliance", "report")


# Reports made by hand.


def control(key="p/c", **fields) -> Control:
    fields = {"title": "x", "severity": "high", "why": "", "source": "", "scopes": (), **fields}
    return Control(id=key, rule=Limit(id="c", must="x <= 1"), **fields)


def result(key="p/c", status=Status.FAIL, **fields) -> Result:
    exhibit = Exhibit(parameter="x", text="2", origin="file a.conf:1")
    fields = {"explanation": "x is 2", "exhibits": (exhibit,), **fields}
    return Result(control=key, status=status, **fields)


def judged(name="web", results=(), **fields) -> InstanceReport:
    results = results or (result(),)
    counts = Counts(failed=sum(each.status is Status.FAIL for each in results), passed=1)
    fields = {
        "engine": "simulated",
        "version": "1",
        "group": "",
        "environment": "",
        "observed_at": AT,
        "age_seconds": 60.0,
        "is_stale": False,
        **fields,
    }
    return InstanceReport(name=name, counts=counts, results=tuple(results), **fields)


def report(*instances, controls=None, trend=(), **fields) -> Report:
    instances = instances or (judged(),)
    profile = Profile(name="own", title="the policies in force", controls=tuple(controls or (control(),)))
    fields = {"scope": "all", "at": AT, "revision": "r" * 64, "stale_after_seconds": 86400.0, **fields}
    return Report(
        profile=profile,
        fleet=roll_up("", instances),
        groups=roll_up_groups(instances),
        instances=instances,
        trend=tuple(trend),
        **fields,
    )


def point(day: int, **counts: int) -> ReportPoint:
    return ReportPoint(
        profile="own", scope="all", at=AT + timedelta(days=day), counts=Counts(**counts), instances=1
    )


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\x1b[2J\u202e</style></title><!--"


def hostile() -> Report:
    """Answer a report in which every text that somebody could have written is hostile."""
    exhibit = Exhibit(parameter=HOSTILE, text=HOSTILE, origin=HOSTILE, status=Status.FAIL, note=HOSTILE)
    told = result(HOSTILE, explanation=HOSTILE, exhibits=(exhibit,), waivers=(HOSTILE,))
    fields = dict.fromkeys(("engine", "version", "group", "environment"), HOSTILE)
    bad = control(HOSTILE, title=HOSTILE, why=HOSTILE, source=HOSTILE, scopes=(Selector(groups=(HOSTILE,)),))
    idle = control(HOSTILE + "2", title=HOSTILE)
    return report(
        judged(HOSTILE, (told,), **fields),
        judged("web", (told,)),
        controls=(bad, idle),
        scope=HOSTILE,
        revision=HOSTILE,
        trend=(point(0, failed=1),),
    )


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.comments: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        self.text += data


TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "p",
    "code",
    "ul",
    "li",
    "b",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "span",
    "svg",
    "line",
    "text",
    "polyline",
    "circle",
}
ATTRIBUTES = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "viewbox",
    "width",
    "height",
    "role",
    "x1",
    "y1",
    "x2",
    "y2",
    "x",
    "y",
    "points",
    "cx",
    "cy",
    "r",
}


def test_no_text_becomes_markup_in_html():
    page = report_html(hostile())
    seen = Reader(page)
    assert set(seen.tags) <= TAGS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    assert seen.comments == []
    assert seen.text.count("<script>alert(1)</script>") >= 15
    for raw in ("<script", "<img", "onerror=alert(1)>", "\x1b", "\u202e"):
        assert raw not in page


def test_html_needs_nothing_from_elsewhere_and_runs_nothing():
    page = report_html(report(trend=(point(0, failed=1), point(1, passed=1))))
    seen = Reader(page)
    assert "script" not in seen.tags
    assert not {"src", "href", "style", "onclick"} & {name for name, _ in seen.attributes}
    assert "url(" not in page
    assert "@import" not in page
    assert "@media print" in page
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in seen.attributes
    assert page.isascii()


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_any_text_is_text_in_html(text):
    told = result(explanation=text, exhibits=(Exhibit(parameter="x", text=text, origin=text),))
    page = report_html(report(judged("web", (told,), group=text), judged("two", group="")))
    assert set(Reader(page).tags) <= TAGS


ACTIVE = set("=+-@＝＋－＠")  # noqa: RUF001


def read_csv(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize(
    "active",
    ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", " =1", "＝1", "＋1", "－1", "＠x"],  # noqa: RUF001
)
def test_no_cell_is_a_formula_in_any_column(active):
    exhibit = Exhibit(parameter=active, text=active, origin=active)
    told = result(active, explanation=active, exhibits=(exhibit,), waivers=(active,))
    fields = dict.fromkeys(("engine", "version", "group", "environment"), active)
    made = report(judged(active, (told,), **fields), controls=(control(active),))
    _, row = read_csv(report_csv(made))
    assert sum(cell.startswith("'") for cell in row) == 11
    assert not any(cell.lstrip()[:1] in ACTIVE for cell in row if cell)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_any_text_stays_in_its_cell_and_steers_nothing(text):
    told = result(explanation=text, exhibits=(Exhibit(parameter="x", text=text, origin=text),))
    body = report_csv(report(judged("web", (told,))))
    head, row = read_csv(body)
    assert len(head) == len(row)
    assert not any(cell.lstrip()[:1] in ACTIVE for cell in row if cell)
    assert body.count("\n") == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", body)


def test_csv_is_sorted_whatever_the_order_of_the_report():
    controls = (control("p/b"), control("p/a"))
    two = (
        Exhibit(parameter="b", text="1", status=Status.PASS),
        Exhibit(parameter="a", text="1", status=Status.FAIL, note="a is 1"),
    )
    results = (result("p/b"), result("p/a", exhibits=two))
    made = report(judged("web", results), judged("db", results), controls=controls)
    rows = read_csv(report_csv(made))[1:]
    assert [(row[0], row[5], row[8]) for row in rows] == [
        ("db", "p/a", "a"),
        ("db", "p/a", "b"),
        ("db", "p/b", "x"),
        ("web", "p/a", "a"),
        ("web", "p/a", "b"),
        ("web", "p/b", "x"),
    ]
    assert [row[7] for row in rows[:2]] == ["fail", "pass"]
    shuffled = report(judged("db", results[::-1]), judged("web", results[::-1]), controls=controls[::-1])
    assert read_csv(report_csv(shuffled))[1:] == rows


def test_a_result_without_evidence_has_a_line_of_its_own():
    told = result(status=Status.UNKNOWN, explanation="never observed", exhibits=())
    made = report(judged("web", (told,), observed_at=None, age_seconds=None))
    (row,) = read_csv(report_csv(made))[1:]
    assert row[7:] == ["unknown", "", "", "", "never observed", "", "", ""]


def test_what_is_stale_is_unknown_in_every_line():
    exhibit = Exhibit(parameter="x", text="2", status=Status.FAIL, note="x is 2")
    told = result(
        status=Status.UNKNOWN, explanation="last seen 48 h ago, then fail: x is 2", exhibits=(exhibit,)
    )
    made = report(judged("web", (told,), is_stale=True))
    (row,) = read_csv(report_csv(made))[1:]
    assert (row[7], row[11]) == ("unknown", "last seen 48 h ago, then fail: x is 2")


def test_the_document_can_be_read_back_and_names_every_control():
    document = msgspec.json.decode(msgspec.json.encode(report_document(hostile())))
    assert document["controls"][0]["scope"] == f"group={HOSTILE}"
    assert document["instances"][0]["results"][0]["exhibits"][0]["origin"] == HOSTILE
    assert document["trend"][0]["score"] == 0


def test_like_results_stand_together_and_long_lists_are_cut_in_text_alone():
    names = [f"db-{number}" for number in range(8)]
    made = report(*(judged(name) for name in names), judged("odd", (result(explanation="other"),)))
    assert [each.instances for each in gather(made)] == [tuple(names), ("odd",)]
    assert "db-0, db-1, db-2, db-3, db-4 and 3 more" in plain_text(report_page(made))
    assert "8: " + ", ".join(names) in report_html(made)


def test_a_terminal_gets_no_control_characters():
    text = plain_text(report_page(hostile()))
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (Counts(), "-"),
        (Counts(passed=1), "100.0%"),
        (Counts(passed=9999, failed=1), "99.9%"),
        (Counts(passed=57, failed=43), "57.0%"),
        (Counts(failed=1), "0.0%"),
    ],
)
def test_only_what_passes_wholly_is_a_hundred(counts, text):
    assert score_text(counts) == text


def test_a_trend_of_one_point_or_of_nothing_is_drawn_too():
    assert (
        sparkline([point(0, failed=1), point(1, passed=1, failed=1), point(2), point(3, passed=1)]) == "▁▅ █"
    )
    assert report_html(report(trend=(point(0, passed=1),))).count("<circle") == 1
    assert "<svg" not in report_html(report(trend=(point(0),)))
    assert "Trend" not in report_html(report())


def test_what_does_not_apply_says_why_unless_it_is_out_of_scope():
    lacking = result(status=Status.NOT_APPLICABLE, explanation="simulated 1 has no fsync", exhibits=())
    elsewhere = result("p/d", status=Status.NOT_APPLICABLE, explanation="out of scope", exhibits=())
    made = report(judged("web", (lacking, elsewhere)), controls=(control(), control("p/d")))
    for text in (plain_text(report_page(made)), report_html(made)):
        assert "simulated 1 has no fsync" in text
        assert "out of scope" not in text
    assert "Controls that mean no instance" in report_html(made)
    fleet = report(judged("web", (lacking,)), judged("two", (lacking,)))
    assert "simulated 1 has no fsync" not in plain_text(report_page(fleet))
