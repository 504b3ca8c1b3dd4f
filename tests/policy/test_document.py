"""Policy documents: what is read, what is refused and where, and that writing and reading agree."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.engines.registry import shipped_catalogs
from setpoint.errors import InputErrors
from setpoint.policy.classes import ParameterClass
from setpoint.policy.document import MAX_BYTES, MAX_RULES, check_policy, read_policy, write_policy
from setpoint.policy.person import Role
from setpoint.policy.rules import (
    Emergency,
    Freeze,
    Guardrail,
    Limit,
    Lock,
    MemoryBudget,
    Override,
    Policy,
    Separation,
    Window,
)
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.starters import starter_names, starter_text
from setpoint.policy.verdict import Outcome, Quorum

GOOD = """
policy: production-safety
why: committed data survives a crash
scope: {environment: [production], labels: {tier: gold}}
approvals:
  durability:
    {quorum: 2, from: [approver], owner: true, expires: 24h, service level: 4h, escalates to: [policy owner]}
  security: 1
governance: {policy: {quorum: 1, from: [policy owner]}, waiver: {quorum: 1, from: [approver]}}
classify: {log_statement: [security, performance]}
locks:
  - {id: crash-safety, parameters: [fsync, full_page_writes], value: "on", why: "a crash, and gone"}
  - {classes: [durability], outcome: ask, restore: true}
limits:
  - {id: wm, must: work_mem <= 64MB, outcome: ask, roles: [operator], severity: high, source: the house}
memory budget: {share: 90%}
guardrails:
  - {id: rollbacks, holds: txn_rollback <= before_txn_rollback * 2 + 1, watch: 60s, classes: [performance]}
windows: [{id: night, what: restart, days: [sat, sun], opens: "02:00", closes: "05:00", zone: Europe/Berlin}]
freezes: [{id: peak, starts: 2026-12-20T00:00:00+01:00, ends: 2027-01-03T00:00:00+01:00}]
separation: {author may apply: false}
overrides: {at most: 4h}
emergency:
  - id: glass
    roles: [emergency]
    may break: [windows, freezes, locks]
    classes: [performance]
    quorum: {quorum: 1, from: [approver]}
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        read_policy(text, "p.yaml")
    return [str(fault) for fault in caught.value.faults]


def fault_in(section: str) -> str:
    """The only fault of a document with one section."""
    (fault,) = faults_of(f"policy: p\n{section}\n")
    return fault


def test_a_document_is_read_with_everything_it_says():
    policy = read_policy(GOOD, "good.yaml")
    assert policy.name == "production-safety"
    assert policy.scope == Selector(environments=("production",), labels={"tier": ("gold",)})
    assert policy.approvals == {
        ParameterClass.DURABILITY: Quorum(
            count=2,
            needs_owner=True,
            service_level_seconds=4 * 3600,
            escalates_to=(Role.POLICY_OWNER,),
        ),
        ParameterClass.SECURITY: Quorum(),
    }
    assert policy.governance["waiver"] == Quorum()
    assert policy.classify == {"log_statement": (ParameterClass.SECURITY, ParameterClass.PERFORMANCE)}
    assert policy.locks == (
        Lock(
            id="crash-safety",
            parameters=("fsync", "full_page_writes"),
            value="on",
            why="a crash, and gone",
        ),
        Lock(id="locks.2", classes=(ParameterClass.DURABILITY,), outcome=Outcome.ASK, may_restore=True),
    )
    assert policy.limits == (
        Limit(
            id="wm",
            must="work_mem <= 64MB",
            outcome=Outcome.ASK,
            roles=(Role.OPERATOR,),
            severity="high",
            source="the house",
        ),
    )
    assert policy.budgets == (MemoryBudget(id="memory-budget.1", share=0.9),)
    assert policy.guardrails[0].watch_seconds == 60
    assert policy.windows[0].opens == time(2)
    assert policy.freezes[0].starts_at == datetime(2026, 12, 19, 23, tzinfo=UTC)
    assert policy.separation == (Separation(id="separation.1", author_may_apply=False),)
    assert policy.overrides == (Override(id="overrides.1", max_seconds=4 * 3600),)
    assert policy.emergency[0].quorum == Quorum()
    check_policy(policy, shipped_catalogs())


def test_the_reference_page_shows_a_sound_document():
    page = (Path(__file__).parents[2] / "docs/reference/policy.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    policy = read_policy(text, "policy.md")
    check_policy(policy, shipped_catalogs())
    assert all(getattr(policy, section) for section in SECTIONS)


def test_a_scope_may_be_the_text_the_command_line_takes():
    policy = read_policy("policy: p\nscope: environment=production|staging,label.tier=gold\n", "p")
    assert policy.scope == Selector(environments=("production", "staging"), labels={"tier": ("gold",)})


def test_dates_without_an_offset_count_in_the_named_zone():
    policy = read_policy(
        "policy: p\nfreezes: [{starts: 2026-07-01, ends: 2026-07-01T12:00, zone: Europe/Berlin}]\n", "p"
    )
    assert policy.freezes[0].starts_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert policy.freezes[0].ends_at == datetime(2026, 7, 1, 10, tzinfo=UTC)


BAD = """
policy: Prod
scop: all
scope: {environment: [], labels: {}}
approvals:
  durabilty: 0
  security: {quorum: 21, from: [aprover], service level: 30h}
locks:
  - {id: same, parameters: [fsync, FSYNC]}
  - {id: same, value: "x"}
  - [fsync]
limits:
  - must: >-
      work_mem <= 64MB and
      maintenance_work_mem $ 3
  - must: "shared_buffers <="
  - must: |
      work_mem
      <= (3
windows: [{opens: "2:00", closes: "24:00", zone: Europe/Berln}, {opens: 02:00, closes: 02:00}]
"""


def test_all_faults_come_at_once_with_line_and_column():
    found = faults_of(BAD)
    wanted = (
        "p.yaml:2:9: policy: 'Prod' is no policy name",
        "p.yaml:3:1: a policy has no 'scop' (did you mean scope?)",
        "p.yaml:4:22: 'environment' names nothing",
        "p.yaml:4:34: no label is named",
        "p.yaml:6:3: 'approvals' has no 'durabilty' (did you mean durability?)",
        "p.yaml:6:14: quorum: '0' is no quorum",
        "p.yaml:7:22: quorum: '21' is no quorum",
        "p.yaml:7:33: from: 'aprover' is no role (did you mean approver?)",
        "p.yaml:7:58: the service level ends no earlier",
        "p.yaml:9:28: 'FSYNC' stands twice",
        "p.yaml:10:5: a lock names neither parameters nor classes",
        "p.yaml:10:10: the id 'same' stands twice, first in line 9",
        "p.yaml:11:5: a lock must be a mapping",
        "p.yaml:15:28: '$' has no meaning",
        "p.yaml:16:29: the formula ends too early",
        "p.yaml:19:12: the formula ends too early",
        "p.yaml:20:19: opens: '2:00' is no time of day",
        "p.yaml:20:35: closes: '24:00' is no time of day",
        "p.yaml:20:50: zone: 'Europe/Berln' is no time zone (did you mean Europe/Berlin",
        "p.yaml:20:88: a window from 02:00 to 02:00 has no length",
    )
    for words in wanted:
        assert any(line.startswith(words) for line in found), (words, found)
    assert len(found) == len(wanted)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("freezes: [{starts: 2026-01-02Z, ends: 2026-01-04, zone: UTC}]", "is no date"),
        ("freezes: [{starts: 2026-01-02, ends: 2026-01-01T00:00Z}]", "names no time zone"),
        ("freezes: [{starts: 2026-01-02, ends: 2026-01-01, zone: UTC}]", "ends before it starts"),
        ("freezes: [{starts: 2026-01-02, ends: 2026-01-02, zone: UTC}]", "ends before it starts"),
        ("freezes: [{starts: 2026-03-29T02:30, ends: 2026-04-01, zone: Europe/Berlin}]", "is skipped in"),
        ("freezes: [{starts: 0001-01-01T00:00+14:00, ends: 2026-04-01T00:00Z}]", "outside of all calendars"),
        ("windows: [{opens: 02:00, closes: 03:00, zone: /etc/localtime}]", "is no time zone"),
        ("windows: [{opens: 02:00, closes: 03:00, zone: right/UTC}]", "is no time zone"),
        ("windows: [{opens: 02:00, closes: 03:00, days: []}]", "names nothing"),
        ("windows: [{opens: 02:00, closes: 03:00, days: [monday]}]", "is no day (did you mean mon"),
        ("windows: [{opens: 02:00, closes: 03:00, outcome: allow}]", "holds nothing back"),
        ("guardrails: [{holds: a < b, watch: 61m}]", "1s to 1h"),
        ("guardrails: [{holds: a < b, watch: 10s, every: 20s}]", "once while it watches"),
        ("guardrails: [{watch: 10s}]", "needs 'holds'"),
        ("guardrails: [{holds: a < b, watch: 10s, unknown: panic}]", "is no way to go about it"),
        ("memory budget: {share: 101%}", "above 0% and at most 100%"),
        ("memory budget: {share: 1.5}", "above 0% and at most 100%"),
        ("memory budget: {share: 0}", "above 0% and at most 100%"),
        ("memory budget: {share: nan}", "is no share"),
        ("overrides: {at most: 4 hours}", "is no duration"),
        ("overrides: {at most: 0h}", "a duration of nothing"),
        ("overrides: {at most: 999999999d}", "longer than 92 days"),
        ("overrides: []", "is empty"),
        ("overrides: 4h", "must be a list"),
        ("separation: {}", "says nothing"),
        ("separation: {author may apply: maybe}", "neither true nor false"),
        ("approvals: {durability: {from: [approver]}}", "needs 'quorum'"),
        ("approvals: {durability: 0}", "from 1 to 20"),
        ("approvals: {durability: \u0662}", "from 1 to 20"),
        ("approvals: {durability: {quorum: 1, escalates to: [approver]}}", "without a service level"),
        ("governance: {polcy: 1}", "did you mean policy?"),
        ("emergency: [{may break: [separation]}]", "kind of rules"),
        ("emergency: [{roles: [emergency]}]", "needs 'may break'"),
        ("locks: [{classes: [durability], value: x}]", "cannot suit whole classes"),
        ("locks: [{parameters: [fsync], outcome: allow}]", "holds nothing back"),
        ("locks: [{parameters: [fsync], value: }]", "has no value"),
        ("locks: [{parameters: [fs*nc]}]", "is no parameter name"),
        ("locks: [{id: fs\u0443nc, parameters: [fsync]}]", "'fs\\u0443nc' is no rule id"),
        ("locks: [{id: approvals.durability, parameters: [fsync]}]", "taken for a quorum"),
        ("locks: [{id: locks.2, parameters: [fsync]}, {parameters: [jit]}]", "stands twice"),
        ("classify: {fsync: [speed]}", "is no class"),
        ("classify: {fsync: []}", "names nothing"),
        ("classify: {fsync: [cost], FSYNC: [cost]}", "in another case"),
        ("scope: {environment: [prod*]}", "would be a pattern"),
        ("scope: environment=*", "would be a pattern"),
        ("scope: {environment: [pr\u043eduction]}", "mixes alphabets"),
        ("scope: label.tier=g\u03bfld", "mixes alphabets"),
        ("scope: {}", "names nothing"),
        ("scope: {environment: }", "has no value"),
        ("scope: {enviroment: [production]}", "did you mean environment?"),
        ("scope: {labels: {'a b': [c]}}", "is no label name"),
        ("scope: environment", "is no part of a selector"),
        ('why: "a\\u202eb"', "U+202E, which does not show"),
        ('why: "a\\u001b[31mb"', "U+001B, which does not show"),
        ("limits: [{must: work_mem <= 64MB}, {must: work_mem <= 65MB, id: limits.1}]", "stands twice"),
    ],
)
def test_what_makes_no_sense_is_refused(section, words):
    assert words in fault_in(section)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "p.yaml:1:1: the document is empty"),
        ("# only a remark\n", "the document is empty"),
        ("- policy\n", "must be a mapping"),
        ("locks: [{parameters: [fsync]}]\n", "needs 'policy'"),
        ("policy: a\npolicy: b\n", "stands twice"),
        ("policy: &a b\nwhy: *a\n", "anchor &a"),
        ("policy: !!python/object/apply:os.system [x]\n", "tag tag:yaml.org,2002:python"),
        ("policy: a\n---\npolicy: b\n", "a second document"),
        ("policy: a\n<<: {why: b}\n", "merge key"),
        ("policy: [", "not readable as YAML"),
        ("policy: a # \u202e ereht ton\n", "p.yaml:1:13: U+202E does not show"),
        ("policy: a\x00\n", "U+0000 does not show"),
        ("policy: a\nwhy: \ud800\n", "U+D800 does not show"),
        ("policy: a\nwhy: " + "[" * 5000 + "\n", "nested deeper"),
        ("policy: a\nwhy: " + "x" * MAX_BYTES, "bytes"),
        ("policy: a\nwhy: " + "x" * 4001, "4001 characters"),
        ("policy: a\nlocks:\n" + "  - {classes: [cost]}\n" * (MAX_RULES + 1), f"more than {MAX_RULES} rules"),
    ],
)
def test_tricks_and_excess_are_refused(text, words):
    assert any(words in fault for fault in faults_of(text))


def test_as_many_rules_as_are_allowed_are_read():
    text = "policy: a\nlocks:\n" + "  - {classes: [cost]}\n" * MAX_RULES
    assert len(read_policy(text, "p").locks) == MAX_RULES


# Writing and reading


IDS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True).filter(
    lambda text: not text.startswith(("approvals.", "governance."))
)
PROSE = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters="'\":#{}[],&*!|>%@`-"),
    max_size=60,
).map(lambda text: " ".join(text.split()))
WORDS = (
    st.text("abcXYZ019 ._-äöüß,=|:#'\"{}[]&!%@`?日本", min_size=1, max_size=20).map(str.strip).filter(bool)
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,20}", fullmatch=True)
SECONDS = st.one_of(
    st.integers(1, 92 * 86400).map(float), st.integers(1, 10**9).map(lambda micros: micros / 1_000_000)
)
CLASSES = st.lists(st.sampled_from(ParameterClass), unique=True, max_size=3).map(tuple)
ROLES = st.lists(st.sampled_from(Role), unique=True, max_size=3).map(tuple)
SOME_ROLES = ROLES.filter(bool)
HOLDING = st.sampled_from([Outcome.ASK, Outcome.REFUSE])
TIMES = st.times().map(lambda moment: moment.replace(microsecond=0))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
FORMULAS = st.sampled_from(
    ["work_mem <= 64MB", "a = 'x: {y}, # z'", "not jit", "max(a, b) >= 3 and\n c in ('1', '2')"]
)
SELECTORS = st.builds(
    Selector,
    engines=st.lists(WORDS, unique=True, max_size=2).map(tuple),
    groups=st.lists(WORDS, unique=True, max_size=2).map(tuple),
    environments=st.lists(WORDS, unique=True, max_size=2).map(tuple),
    instances=st.lists(WORDS, unique=True, max_size=2).map(tuple),
    labels=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        st.lists(WORDS, unique=True, min_size=1, max_size=2).map(tuple),
        max_size=2,
    ),
)


@st.composite
def quorums(draw) -> Quorum:
    expires = draw(SECONDS)
    level = draw(st.none() | SECONDS.filter(lambda seconds: seconds < expires)) if expires > 1 else None
    return Quorum(
        count=draw(st.integers(1, 20)),
        roles=draw(SOME_ROLES),
        needs_owner=draw(st.booleans()),
        expires_seconds=expires,
        service_level_seconds=level,
        escalates_to=draw(ROLES) if level is not None else (),
    )


def rules(kind, **fields):
    return st.lists(
        st.builds(kind, id=IDS, scope=st.just(ALL) | SELECTORS, why=PROSE, **fields), max_size=2
    ).map(tuple)


LOCKS = st.one_of(
    rules(
        Lock,
        parameters=st.lists(NAMES, unique_by=str.lower, min_size=1, max_size=3).map(tuple),
        outcome=HOLDING,
        value=st.none() | PROSE | st.sampled_from(["", "null", "~", " on ", "0x1", "2026-01-01", "yes"]),
        may_restore=st.booleans(),
    ),
    rules(Lock, classes=CLASSES.filter(bool), outcome=HOLDING),
)
WATCHES = st.tuples(st.integers(1, 3600), st.integers(1, 3600)).map(lambda both: (max(both), min(both)))
GUARDRAILS = st.lists(
    st.builds(
        lambda watch, **fields: Guardrail(watch_seconds=watch[0], every_seconds=watch[1], **fields),
        WATCHES,
        id=IDS,
        holds=FORMULAS,
        unknown=st.sampled_from(["go on", "hold", "take back"]),
        parameters=st.lists(NAMES, unique_by=str.lower, max_size=2).map(tuple),
        classes=CLASSES,
    ),
    max_size=2,
).map(tuple)
FREEZES = st.lists(
    st.builds(
        lambda both, **fields: Freeze(starts_at=min(both), ends_at=max(both), **fields),
        st.tuples(MOMENTS, MOMENTS).filter(lambda both: both[0] != both[1]),
        id=IDS,
        what=st.sampled_from(["change", "restart"]),
        outcome=HOLDING,
    ),
    max_size=2,
).map(tuple)
DAYS = st.lists(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), unique=True, min_size=1
).map(tuple)
SEPARATIONS = rules(Separation, author_may_apply=st.booleans(), approver_may_apply=st.booleans())
POLICIES = st.builds(
    Policy,
    name=IDS,
    why=PROSE,
    scope=st.just(ALL) | SELECTORS,
    classify=st.dictionaries(NAMES.map(str.lower), CLASSES.filter(bool), max_size=2),
    approvals=st.dictionaries(st.sampled_from(ParameterClass), quorums(), max_size=2),
    governance=st.dictionaries(st.sampled_from(["policy", "waiver", "people"]), quorums(), max_size=2),
    locks=LOCKS,
    limits=rules(
        Limit,
        must=FORMULAS,
        outcome=st.sampled_from(Outcome),
        roles=ROLES,
        severity=st.sampled_from(["low", "medium", "high"]),
        source=PROSE,
    ),
    budgets=rules(
        MemoryBudget,
        share=st.floats(1e-4, 1).map(lambda share: round(share, 6)),
        outcome=st.sampled_from(Outcome),
    ),
    guardrails=GUARDRAILS,
    windows=rules(
        Window,
        what=st.sampled_from(["change", "restart"]),
        days=DAYS,
        opens=TIMES,
        closes=TIMES,
        zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Ushuaia"]),
        outcome=HOLDING,
    ),
    freezes=FREEZES,
    separation=SEPARATIONS,
    overrides=rules(Override, max_seconds=SECONDS),
    emergency=rules(
        Emergency,
        roles=SOME_ROLES,
        may_break=st.lists(
            st.sampled_from(["locks", "limits", "guardrails", "windows", "freezes"]), unique=True, min_size=1
        ).map(tuple),
        classes=CLASSES,
        quorum=st.none() | quorums(),
    ),
)

SECTIONS = (
    "locks",
    "limits",
    "budgets",
    "guardrails",
    "windows",
    "freezes",
    "separation",
    "overrides",
    "emergency",
)


def is_sound(policy: Policy) -> bool:
    ids = [rule.id for section in SECTIONS for rule in getattr(policy, section)]
    return len(set(ids)) == len(ids) and all(window.opens != window.closes for window in policy.windows)


@given(POLICIES.filter(is_sound))
def test_reading_what_was_written_gives_the_same_policy(policy):
    assert read_policy(write_policy(policy), "p") == policy


def test_ids_that_were_made_are_not_written():
    policy = read_policy(GOOD, "p")
    assert "locks.2" not in write_policy(policy)
    assert read_policy(write_policy(policy), "p") == policy


@given(st.text(max_size=200) | st.text(st.sampled_from("policy: [{}],&*!|>-\n  id'\"#%"), max_size=200))
def test_no_text_makes_reading_fail_otherwise_than_by_its_faults(text):
    with contextlib.suppress(InputErrors):
        read_policy(text, "p")


# Against catalogs

AGAINST_CATALOGS = """
policy: p
classify: {fsyncc: [security]}
locks:
  - {id: value, parameters: [fsync], value: maybe}
  - {id: name, parameters: [work_memm]}
limits:
  - {id: types, must: work_mem <= 3}
  - {id: constant, must: 1 < 2}
  - {id: unknown, must: work_memm <= 3MB}
  - {id: list, must: shared_preload_libraries = 'x'}
  - {id: versions, must: promote_trigger_file = 'x' and summarize_wal}
  - {id: word, must: wal_level = 'full'}
  - {id: no-truth, must: work_mem + 1MB}
  - {id: engine, must: work_mem <= 3MB, scope: engine=postgres}
guardrails:
  - {id: metric, holds: txn_rolback < 3, watch: 60s}
"""


def test_what_no_catalog_knows_is_refused_with_what_is_near():
    policy = read_policy(AGAINST_CATALOGS, "p")
    with pytest.raises(InputErrors) as caught:
        check_policy(policy, shipped_catalogs("postgresql"))
    found = [str(fault) for fault in caught.value.faults]
    for wanted in (
        "p/classify: no parameter is called 'fsyncc' (did you mean fsync",
        "p/value: fsync: 'maybe' is not a boolean",
        "p/name: no parameter is called 'work_memm' (did you mean work_mem",
        "p/types:1:10: <= does not compare",
        "p/constant: '1 < 2' says the same everywhere",
        "p/unknown: no parameter is called 'work_memm'",
        "p/list: shared_preload_libraries is a list",
        "p/versions: no version has all of promote_trigger_file, summarize_wal",
        "p/word:1:13: wal_level is never 'full'",
        "p/no-truth:1:10: a truth is needed",
        "p/engine: no engine is called 'postgres' (did you mean postgresql?)",
        "p/metric:1:1: nothing is called 'txn_rolback'",
    ):
        assert any(line.startswith(wanted) for line in found), (wanted, found)
    assert len(found) == 12


def test_what_only_some_versions_have_is_fine():
    text = "policy: p\nlimits: [{must: summarize_wal}, {must: promote_trigger_file = ''}]\n"
    check_policy(read_policy(text, "p"), shipped_catalogs("postgresql"))


@pytest.mark.parametrize("name", starter_names())
def test_every_starter_reads_checks_and_has_its_own_name(name):
    policy = read_policy(starter_text(name), name)
    assert policy.name == name
    check_policy(policy, shipped_catalogs())
    assert read_policy(write_policy(policy), name) == policy


def test_the_starters_are_those_that_the_pages_speak_of():
    assert starter_names() == ("mysql-safety", "postgresql-safety", "production")
