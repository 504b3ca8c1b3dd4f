"""A post-mortem as text, Markdown, HTML and JSON: all of it told, and no text of a person taken for more."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.conftest import NAME
from tests.control.overrides.past import ID, Past, ended, override
from tests.control.town import START
from tests.faces.test_compliance import Reader

from setpoint.config.override import Clash, Extension, Held, OverrideState, Review
from setpoint.control.overrides.postmortem import PostMortem, look_back
from setpoint.faces.cli.page import escape
from setpoint.faces.cli.postmortem_document import markdown_text, postmortem_document, postmortem_text

FORMS = ("text", "markdown", "html", "json")
HOSTILE = (
    "\x1b[2J\u202e<script>alert(1)</script> <img src=x onerror=y> **b** [l](http://evil.example) `c` | x\n# h"
    " https://evil.example www.evil.example me@evil.example &lt; \\| ~~s~~ _i_"
)


@pytest.fixture
def past(setpoint_of_one) -> Past:
    return setpoint_of_one


@pytest.fixture
def setpoint_of_one(tmp_path):
    from uuid import uuid4

    from tests.control.conftest import Simulated

    from setpoint import Setpoint
    from setpoint.config.configuration import Instance

    server = Simulated(f"memory:{uuid4()}")
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        made.add_instance(NAME, Instance(engine="simulated", target=server.address), reason="registered")
        yield Past(made, server)


def minutes(count: float):
    return START + timedelta(minutes=count)


@pytest.fixture
def whole(past) -> PostMortem:
    """Give one with figures, a clash, an extension and a side effect."""
    committed = 0.0
    made = override(
        guards=("lock_waiters < 50",),
        extensions=(Extension(by="mia", at=minutes(20), deadline=minutes(30), because="not done"),),
    )
    for minute in range(-5, 70, 1):
        committed += 60 * (200 if 0 < minute <= 30 else 100)
        running = {"sort_memory": "65536" if 0 < minute <= 30 else "4096"}
        past.see(minutes(minute), {**running, "page_cost": "2" if minute > 10 else "4"}, txn_commit=committed)
        if minute == 0:
            past.keep(made, because=made.because, authority="single user")
        if minute == 30:
            clash = Clash(parameter="sort_memory", found="7MB", ours="64MB", noticed_at=minutes(30))
            past.keep(
                ended(made, state=OverrideState.CONFLICT, clashes=(clash,), overdue_at=minutes(31)),
                "override.conflict",
            )
    return look_back(past.context, ID)


def texts_of(found: PostMortem) -> dict[str, str]:
    return {form: postmortem_text(found, form) for form in FORMS}


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_form_for_people_tells_all_of_it(whole, form):
    text = Reader(postmortem_text(whole, form)).text if form == "html" else postmortem_text(whole, form)
    text = text.replace("\\", "").replace("&lt;", "<")
    for told in (
        f"Post-mortem of override {ID}",
        "the night batch spills",
        "OPS-7",
        "the only user of a store without people",
        "Extended by mia",
        "lock_waiters < 50",
        "64MB",
        "left as somebody changed it",
        "put back by the reconciler, 1 s after it was due",
        "Would not have ended it: target switch: failed (no right to)",
        "override.conflict",
        "Predicted: no prediction was made.",
        "txn.commit",
        "per second",
        "more than usual, and is back",
        "page_cost",
        "not through Setpoint",
        "No incident came up.",
        "Nobody has said yet what should stay",
        "review due 2026-11-26",
    ):
        assert told in text, told


def test_json_is_complete(whole):
    document = json.loads(postmortem_text(whole, "json"))
    assert set(PostMortem.__struct_fields__) <= document.keys()
    assert document["override"]["overdue_seconds"] is None
    assert document["override"]["links"][1]["state"] == "failed"
    (commits,) = [each for each in document["effects"] if each["metric"] == "txn.commit"]
    assert commits["before"]["values"] == 5
    assert len(document["timeline"]) == len(whole.timeline)
    assert document == json.loads(msgspec.json.encode(postmortem_document(whole)))


def test_html_needs_nothing_from_elsewhere_and_runs_nothing(whole):
    page = postmortem_text(whole, "html")
    assert page.isascii()
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    reader = Reader(page)
    assert {"script", "link", "img", "iframe", "a", "base", "form"}.isdisjoint(reader.tags)
    names = {name for name, _ in reader.attributes}
    assert {"src", "href", "srcset", "action"}.isdisjoint(names)
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in page
    assert reader.tags.count("svg") == 1
    assert reader.tags.count("circle") == len(whole.timeline)


def test_the_picture_stays_in_its_frame(whole):
    page = postmortem_text(whole, "html")
    width = float(re.findall(r'viewBox="0 0 (\d+)', page)[0])
    places = [float(x) for x in re.findall(r'\bc?x[12]?="([\d.]+)"', page)]
    assert places
    assert all(0 <= x <= width for x in places)


def test_one_that_has_just_begun_is_told_honestly(past):
    past.keep(override(state=OverrideState.STARTING, active_at=None, links=()))
    found = look_back(past.context, ID)
    text = postmortem_text(found, "text")
    assert "It has not ended" in text
    assert "not enough observations" in text
    assert "There is no figure of any metric." in text
    assert "Whether metrics moved cannot be told" in text
    assert "Whether other parameters changed cannot be told" in text
    assert "not over yet" in text
    assert "not seen" in text
    for form in FORMS:
        assert ID in postmortem_text(found, form)


def test_one_without_rows_and_without_any_length_is_drawn(past):
    made = override(deadline=START, active_at=START)
    past.clock.at = START
    past.keep(ended(made, timedelta(0), ended_at=START), "other.word")
    assert "<svg" in postmortem_text(look_back(past.context, ID), "html")


def test_a_review_is_told_with_who_wrote_it(past):
    kept = {"keep": ("sort_memory",), "change": "revision 1a2b", "rule": "no batch by day"}
    review = Review(by="ada", at=minutes(60), conclusion="once", **kept)
    past.keep(ended(override(review=review)), "override.reviewed")
    past.clock.at = minutes(61)
    text = postmortem_text(look_back(past.context, ID), "text")
    assert "once" in text
    assert "Kept: sort_memory (revision 1a2b)" in text
    assert "Rule that should follow: no batch by day" in text
    assert "Written by who started the override." in text


@pytest.fixture
def hostile(past) -> PostMortem:
    review = Review(by=HOSTILE, at=minutes(60), conclusion=HOSTILE, rule=HOSTILE)
    held = (Held(parameter=HOSTILE, ours=(HOSTILE, "x"), before=HOSTILE, running_before=HOSTILE),)
    fields = dict.fromkeys(("by", "account", "because", "ticket", "predicted", "ending_because"), HOSTILE)
    made = override(held=held, guards=(HOSTILE,), **fields)
    past.keep(ended(made, review=review), "override.ended", because=HOSTILE, link=[HOSTILE])
    return look_back(past.context, ID)


@pytest.mark.parametrize("form", FORMS)
def test_hostile_texts_steer_no_terminal(hostile, form):
    text = postmortem_text(hostile, form)
    for char in ("\x1b", "\x07", "\u202e", "\r"):
        assert char not in text


def test_hostile_texts_are_text_in_html(hostile):
    reader = Reader(postmortem_text(hostile, "html"))
    assert {"script", "img", "a"}.isdisjoint(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in reader.text


def test_hostile_texts_are_text_in_markdown(hostile):
    markdown_it = pytest.importorskip("markdown_it")
    made = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [inner for token in made.parse(postmortem_text(hostile, "markdown")) for inner in (
        token, *(token.children or ()))]  # fmt: skip
    kinds = {token.type for token in tokens}
    marked = {"link_open", "image", "em_open", "strong_open", "s_open", "code_inline", "code_block", "fence"}
    assert kinds.isdisjoint({"html_block", "html_inline", "blockquote_open", "list_item_open", "hr", *marked})
    assert len([token for token in tokens if token.type == "heading_open"]) == 10
    rows = [line for line in postmortem_text(hostile, "markdown").splitlines() if line.startswith("| ")]
    tables = len([token for token in tokens if token.type == "table_open"])
    assert len([token for token in tokens if token.type == "tr_open"]) == len(rows) - tables


def check_is_itself(text):
    markdown_it = pytest.importorskip("markdown_it")
    made = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    expected = escape(text).strip()
    tokens = made.parse(markdown_text(text))
    if not expected:
        assert tokens == []
        return
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inner = tokens[1].children
    assert {token.type for token in inner} <= {"text", "text_special"}
    assert "".join(token.content for token in inner) == expected


@given(st.text(max_size=60))
def test_any_text_is_itself_in_markdown(text):
    check_is_itself(text)


@given(st.text(alphabet="#>=+-*_`~[](){}<>&!|\\:/@.1a \t\n$", max_size=30))
def test_no_marks_make_markdown_of_a_text(text):
    check_is_itself(text)
