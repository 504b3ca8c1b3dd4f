"""Texts of attackers in every field that takes one, shown through every face: kept whole or refused in words.

No control character reaches a terminal, `--json` stays one document, a page of HTML runs nothing, a
spreadsheet computes nothing, and no text becomes SQL.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.attacks.scene import PART, POLICY, SHOP, Attacked

from setpoint.config.configuration import Group, Instance
from setpoint.errors import InputError, RefusedError, SetpointError
from setpoint.faces.cli.program import PROGRAM
from setpoint.policy.person import Grant, Person, Role
from setpoint.policy.selector import ALL, Selector

POISON = (
    "=1+1;\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\u200b\ufeff\u2028\r\n-- intact: 9 rows\n"
    "'; DROP TABLE audit; --\"</td><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}%s{0}"
)
"""Escape sequences of seven and eight bits, reordering, invisible letters, a line that looks like ours, SQL,
HTML, templates and formats, and a spreadsheet's formula."""

STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def steering(text: str) -> set[str]:
    """Answer the characters of a text that steer a terminal or reorder what it shows."""
    return {hex(ord(char)) for char in text if unicodedata.category(char) in STEERING} - {"0xa"}


class Cli:
    """The command line at the town's store, with somebody's token."""

    def __init__(self, town: Attacked) -> None:
        self.town = town

    def __call__(self, *words: str, who: str = "olaf", input: str | None = None) -> Result:  # noqa: A002
        environment = {
            "SETPOINT_STORE": self.town.founder.where,
            "SETPOINT_TOKEN": self.town.tokens[who],
            "SETPOINT_ACTOR": "nobody",
        }
        return CliRunner().invoke(PROGRAM, words, env=environment, input=input)


@pytest.fixture
def now(town) -> Attacked:
    """The town at the time the command line goes by."""
    town.clock.at = datetime.now(UTC)
    town.tokens.update({name: town.token(name) for name in list(town.tokens)})
    return town


def attempt(what) -> str:
    """Do it; what is refused is refused in words, which steer nothing themselves once printed."""
    try:
        what()
    except (InputError, RefusedError) as told:
        assert str(told)  # noqa: PT017 - either is right: kept as it is, or refused in words
        return "refused"
    return "kept"


@pytest.fixture
def poisoned(now) -> Attacked:
    """The town after an attacker wrote into everything that takes a text."""
    town, bad, why = now, POISON, {"reason": POISON, "ticket": POISON[:200]}
    olaf, governed = town.olaf, town.olaf.governance
    fields = [
        {"target": f"memory:{bad}"},
        {"environment": bad},
        {"group": bad},
        {"labels": {"team": bad}},
        {"labels": {bad: "team"}},
        {"restart_command": f"echo {bad}"},
        {"password": f"env:{bad}"},
    ]
    for number, field in enumerate(fields):
        free = Instance(engine="simulated", **{"target": f"memory:{number}", **field})
        attempt(lambda free=free, number=number: olaf.add_instance(f"bad-{number}", free, **why))
    attempt(lambda: olaf.add_instance(bad, Instance(engine="simulated"), **why))
    attempt(lambda: olaf.put_group(bad, Group(engine="simulated"), **why))
    attempt(lambda: olaf.change_settings(PART, {"connection_greeting": bad}, **why))
    attempt(lambda: olaf.change_settings(PART, {bad: "x"}, **why))
    attempt(lambda: olaf.change_settings(PART, {"plugins": (bad, "x")}, **why))
    person = Person(name="nina", shown=bad[:200], grants=(Grant(role=Role.OPERATOR),))
    attempt(lambda: town.ada.governance.people.put(person, **why))
    attempt(lambda: town.ada.governance.people.issue_token("vic", lasts=timedelta(days=1), reason=bad))
    attempt(lambda: town.mara.governance.people.delegate("vic", lasts=timedelta(days=1), reason=bad))
    scope = Selector(environments=("production",))
    ends = town.clock() + timedelta(days=9)
    waiver = governed.add_waiver(
        owner="olaf", reason=bad, scope=scope, parameter="durable", ends_at=ends, ticket=bad[:200]
    )
    town.mara.governance.approve(waiver.id, reason=bad)
    governed.carry_out(waiver.id)
    attempt(lambda: governed.add_waiver(owner=bad, reason=bad, scope=ALL, parameter=bad, ends_at=ends))
    attempt(lambda: governed.add_waiver(owner="olaf", reason=bad, scope=ALL, rule=bad, ends_at=ends))
    text = POLICY.replace("nobody touches it", json.dumps(bad))
    attempt(lambda: town.pola.governance.put_policy("safety", text, **why))
    attempt(lambda: town.pola.governance.put_policy(bad, text, **why))
    made = town.wish(durable="off")
    change = governed.propose(made.hash, **why)
    attempt(lambda: town.mara.governance.approve(bad))
    attempt(lambda: town.mara.governance.approve(change.id, digest=bad))
    town.mara.governance.approve(change.id, reason=bad)
    attempt(lambda: town.otto.governance.reject(change.id, reason=bad))
    attempt(lambda: town.emil.apply(made, emergency=bad))
    attempt(lambda: olaf.apply(town.wish(cache_size="64GB"), accept_risk=bad))
    attempt(lambda: governed.withdraw(governed.propose(_other(town), **why).id, reason=bad))
    olaf.governance.compliance(is_recorded=True)
    town.server.set_by_hand("connection_greeting", bad)
    town.server.set_by_hand("durable", "off")
    olaf.observe(SHOP)
    return town


def _other(town: Attacked) -> str:
    return town.wish(durable="on").hash


VERBS = [
    ("instance", "list"),
    ("instance", "show", SHOP),
    ("instance", "show", "bad-1"),
    ("instance", "group", "list"),
    ("settings", SHOP),
    ("settings", SHOP, "--origin"),
    ("drift", SHOP),
    ("verify", SHOP),
    ("observe", SHOP),
    ("advise", SHOP),
    ("plan", SHOP),
    ("show",),
    ("show", "HEAD"),
    ("history",),
    ("diff", "HEAD~3", "HEAD"),
    ("blame", SHOP),
    ("change", "list"),
    ("policy", "list"),
    ("policy", "show", "safety"),
    ("lock", "list"),
    ("lock", "list", SHOP),
    ("limit", "list"),
    ("limit", "check"),
    ("waiver", "list"),
    ("compliance", "report"),
    ("compliance", "report", "--format", "csv"),
    ("compliance", "report", "--format", "html"),
    ("person", "list"),
    ("person", "show", "nina"),
    ("person", "show", "mara"),
    ("token", "list"),
    ("whoami",),
    ("audit", "log", "--limit", "1000"),
    ("audit", "verify"),
    ("audit", "export"),
]


def test_no_face_shows_what_steers(poisoned):
    """Every verb that shows something, for people and as JSON; and each change and waiver by its id."""
    cli = Cli(poisoned)
    verbs = list(VERBS)
    verbs += [("change", "show", each.id) for each in poisoned.olaf.governance.changes()]
    verbs += [("waiver", "show", each.id) for each in poisoned.olaf.governance.waivers()]
    faults: list[str] = []
    for verb in verbs:
        for words in (verb,) if "--format" in verb else (verb, (*verb, "--json")):
            result = cli(*words)
            shown = " ".join(words)
            if result.exit_code not in (0, 1):
                faults.append(f"{shown}: ended with {result.exit_code}: {result.stderr[:200]}")
            found = steering(result.stdout) | steering(result.stderr)
            if found:
                faults.append(f"{shown}: lets {sorted(found)} through")
            if "--json" in words and result.exit_code < 2:
                try:
                    json.loads(result.stdout)
                except ValueError:
                    faults.append(f"{shown}: is not one document: {result.stdout[:80]!r}")
    assert not faults, "\n".join(faults)


def test_a_terminal_is_not_steered_either():
    """On a terminal answers are laid out by another writer, in colours of ours only."""
    from setpoint.faces.cli import printer
    from setpoint.faces.cli.page import Span, Table, Verbatim

    text = io.StringIO()
    table = Table(("WHAT", "WHY"), [(POISON, Span(POISON, "bad"))])
    printer._print_richly([POISON, (POISON, Span(POISON, "good")), table, Verbatim(POISON)], text)
    assert not steering(text.getvalue())


def test_no_line_of_an_attackers_looks_like_one_of_ours(poisoned):
    """A line break in a reason starts no line of its own, so it can forge no answer."""
    for verb in VERBS:
        if verb[0] not in ("policy", "show") and "--format" not in verb and verb != ("audit", "export"):
            lines = Cli(poisoned)(*verb).stdout.splitlines()
            assert not [line for line in lines if line.startswith("-- intact")], verb


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_a_page_of_html_runs_nothing_and_fetches_nothing(poisoned):
    page = _Page()
    result = Cli(poisoned)("compliance", "report", "--format", "html")
    page.feed(result.stdout)
    assert "script" not in page.tags
    assert not {"img", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [name for name, value in page.attributes if name in ("src", "href") and ":" in (value or "")]
    assert "&lt;script&gt;" in result.stdout or "<script>" not in result.stdout


def test_a_spreadsheet_computes_nothing(poisoned):
    result = Cli(poisoned)("compliance", "report", "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(result.stdout)) for cell in row]
    assert cells
    assert not [cell for cell in cells if cell.lstrip()[:1] in ("=", "+", "-", "@") and cell.strip("-")]
    assert not steering("".join(cells))


def test_no_text_became_a_statement(poisoned):
    assert poisoned.founder.verify_audit().is_intact
    tables = {name for (name,) in poisoned.look("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"audit", "plan", "record", "revision", "snapshot"} <= tables


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "log", "--subject", POISON),
        ("audit", "log", "--action", POISON),
        ("audit", "log", "--subject", "%"),
        ("change", "show", POISON),
        ("change", "approve", POISON),
        ("policy", "show", POISON),
        ("policy", "put", POISON, POISON, "--because", POISON),
        ("waiver", "show", POISON),
        ("person", "show", POISON),
        ("person", "add", POISON, "--role", POISON, "--because", POISON),
        ("token", "revoke", POISON, "--because", POISON),
        ("instance", "show", POISON),
        ("instance", "add", POISON, "--engine", POISON, "--because", POISON),
        ("plan", POISON),
        ("apply", SHOP, "--plan", POISON),
        ("show", POISON),
        ("diff", POISON, POISON),
        ("compliance", "report", "--scope", POISON),
        ("compliance", "report", POISON),
        (POISON,),
        ("--" + POISON,),
        ("instance", "list", "--store", POISON),
    ],
    ids=lambda words: " ".join(words)[:24].encode("ascii", "replace").decode(),
)
def test_what_is_wrong_is_told_without_repeating_what_steers(now, words):
    result = Cli(now)(*words)
    assert result.exit_code in (0, 1, 2, 3), result.output
    assert "Setpoint failed" not in result.stderr, result.stderr
    assert not steering(result.stdout) | steering(result.stderr)


LONG = "x" * 10_000_000


@pytest.mark.parametrize("field", ["reason", "ticket"])
def test_a_text_without_end_is_no_reason_and_no_ticket(town, field):
    made = town.wish(durable="off")
    words = {"reason": "r", "ticket": "t", field: LONG}
    front = town.olaf
    for what in (
        lambda: front.change_settings(PART, {"sort_memory": "9MB"}, **words),
        lambda: front.put_group("g", Group(engine="simulated"), **words),
        lambda: front.governance.propose(made.hash, **words),
    ):
        with town.misread("longer than"):
            what()


@pytest.mark.parametrize(
    "given",
    [
        {"target": f"memory:{LONG}"},
        {"environment": LONG},
        {"labels": {"team": LONG}},
        {"labels": {LONG: "x"}},
        {"labels": {f"l{number}": "x" for number in range(100_000)}},
        {"restart_command": LONG[:1_000_000]},
        {"settings": {"connection_greeting": LONG}},
    ],
    ids=lambda given: next(iter(given)),
)
def test_an_instance_is_not_described_without_end(town, given):
    with town.misread("long|many|large|characters|is no"):
        town.olaf.add_instance(
            "big", Instance(engine="simulated", **{"target": "memory:big", **given}), reason="r"
        )


def test_an_emergency_and_a_risk_are_told_in_so_many_words(town):
    made = town.wish(cache_size="64GB")
    with town.misread("longer than"):
        town.olaf.apply(made, accept_risk=LONG)
    with town.misread("longer than"):
        town.emil.apply(made, emergency=LONG)


def test_other_reasons_are_not_without_end_either(town):
    change = town.propose(town.wish(durable="off"))
    people = town.ada.governance.people
    for what in (
        lambda: town.mara.governance.approve(change.id, reason=LONG),
        lambda: town.mara.governance.reject(change.id, reason=LONG),
        lambda: town.olaf.governance.withdraw(change.id, reason=LONG),
        lambda: people.remove("otto", reason=LONG),
        lambda: people.put(Person(name="n", shown=LONG), reason="r"),
        lambda: people.issue_token("otto", lasts=timedelta(days=1), reason=LONG),
        lambda: town.mara.governance.people.delegate("vic", lasts=timedelta(days=1), reason=LONG),
    ):
        with town.misread("longer than"):
            what()


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"], ids=ascii)
def test_half_a_character_is_refused_in_words(town, text):
    """It can be neither stored nor shown; a library's caller can hand it in all the same."""
    change = town.propose(town.wish(durable="off"))
    person = Person(name="nina", shown=text)
    free = Instance(engine="simulated", target=f"memory:{text}", environment="lab")
    for what in (
        lambda: town.olaf.change_settings(PART, {"sort_memory": "9MB"}, reason=text),
        lambda: town.olaf.change_settings(PART, {"sort_memory": "9MB"}, reason="r", ticket=text),
        lambda: town.olaf.change_settings(PART, {"connection_greeting": text}, reason="r"),
        lambda: town.olaf.add_instance("free", free, reason="r"),
        lambda: town.mara.governance.approve(change.id, reason=text),
        lambda: town.ada.governance.people.put(person, reason="r"),
        lambda: town.pola.governance.put_policy("mine", f"policy: mine\nwhy: {text}\n", reason="r"),
        lambda: town.olaf.audit_rows(subject=text),
        lambda: town.olaf.import_fleet(f"setpoint: 1 # {text}\n", "f.yaml", reason="r"),
    ):
        try:
            what()
        except SetpointError as told:
            assert told.what  # noqa: PT017 - answered or refused in words, never a trace


def test_a_guardrail_may_have_any_name(town):
    """A rule's id is a key nowhere: one that looks like a secret's name must not break an apply."""
    rule = "guardrails:\n  - {id: token, holds: txn_rollback <= 1, watch: 1s}\n"
    town.decide(POLICY + rule)
    town.olaf.apply(town.wish(sort_memory="8MB"))
    assert town.rows("guardrail.")


def test_secrets_in_texts_are_masked_wherever_they_are_kept(town):
    """Nobody should write one into a reason; who does finds it neither in the log nor in the history."""
    secret = "hunter2hunter2"
    text = f"login with password={secret} or postgresql://me:{secret}@db1/x"
    town.olaf.change_settings(PART, {"sort_memory": "8MB"}, reason=text)
    change = town.olaf.governance.propose(town.wish(durable="off").hash, reason=text)
    town.mara.governance.approve(change.id, reason=text)
    assert secret not in str([msgspec.to_builtins(row) for row in town.rows()])
    shown = [Cli(town)(*words).output for words in (("history",), ("change", "list"), ("audit", "log"))]
    assert all(secret not in text for text in shown)
