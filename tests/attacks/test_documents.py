"""Documents: YAML's tricks, depth and size; formulas without end; policies that are none."""

from __future__ import annotations

import pytest
from tests.attacks.scene import POLICY, SHOP

from setpoint.errors import InputErrors

HEAD = "policy: safety\n"
TRICKS = {
    "anchor and alias": ("why: &a text\nscope: {environment: [*a]}\n", "anchor|alias"),
    "merge key": ("<<: {why: text}\n", "merge key"),
    "tag of Python": ("why: !!python/object/apply:os.system ['touch /tmp/owned']\n", "tag"),
    "tag of YAML": ("why: !!binary aGk=\n", "tag"),
    "duplicate key": ("why: a\nwhy: b\n", "stands twice"),
    "duplicate scope": ("scope: {environment: [a]}\nscope: {environment: [b]}\n", "stands twice"),
    "duplicate name": ("policy: other\n", "stands twice"),
    "second document": ("---\npolicy: other\n", "second document"),
    "directive": ("...\n%YAML 1.1\n---\npolicy: other\n", "second document|readable"),
    "complex key": ("? [a, b]\n: c\n", "key must be|readable"),
    "null name": ("why:\n", "has no value"),
    "empty scope": ("scope: {}\n", "names nothing"),
    "empty list": ("scope: {environment: []}\n", "names nothing"),
    "pattern": ("scope: {environment: ['*']}\n", "pattern"),
    "unknown key": ("lock: []\n", "has no 'lock'"),
    "key in other letters": ("lосks: []\n", r"has no 'l\\u043e\\u0441ks'"),  # noqa: RUF001 - Cyrillic
    "key that does not show": ("locks\u200b: []\n", r"U\+200B"),
    "right to left": ("why: \u202eon\n", r"U\+202E"),
    "escape in quotes": ('why: "\\e[2J"\n', r"U\+001B"),
    "NUL in quotes": ('why: "\\0"\n', r"U\+0000"),
    "raw escape": ("why: \x1b[2J\n", r"U\+001B|readable"),
    "allowing lock": ("locks: [{parameters: [durable], outcome: allow}]\n", "holds nothing back"),
    "lock on nothing": ("locks: [{id: x}]\n", "neither parameters nor classes"),
    "lock on an unknown": ("locks: [{parameters: [durabel]}]\n", "durabel"),
    "wide digits": ("approvals: {durability: {quorum: ２}}\n", "no quorum"),  # noqa: RUF001
    "quorum of nobody": ("approvals: {durability: {quorum: 0}}\n", "no quorum"),
    "quorum below nobody": ("approvals: {durability: {quorum: -1}}\n", "no quorum"),
    "quorum of words": ("approvals: {durability: {quorum: 1e0}}\n", "no quorum"),
    "governed by nobody": ("governance: {policy: {quorum: 0}}\n", "no quorum"),
    "endless approval": ("approvals: {durability: {quorum: 1, expires: 99999999d}}\n", "longer than 92 days"),
    "approval of no length": ("approvals: {durability: {quorum: 1, expires: 0s}}\n", "nothing"),
    "zone outside": ("windows: [{opens: 01:00, closes: 02:00, zone: ../../etc/passwd}]\n", "no time zone"),
    "id of a quorum": ("locks: [{id: approvals.durability, classes: [durability]}]\n", "taken for a quorum"),
    "id in other letters": ("locks: [{id: раge, classes: [durability]}]\n", "no rule id"),  # noqa: RUF001
    "id twice": ("locks: [{id: a, classes: [cost]}]\nlimits: [{id: a, must: sort_memory <= 1MB}]\n", "twice"),
    "formula of code": ("limits: [{must: __import__('os').system('id') <= 1}]\n", "limits|must|readable|:"),
    "formula of depth": (
        f"limits: [{{must: '{'(' * 5000}1{')' * 5000} <= sort_memory'}}]\n",
        "at most 1000 are read",
    ),
    "formula of powers": ("limits: [{must: sort_memory <= 9**9**9**9}]\n", ":"),
    "formula of digits": (f"limits: [{{must: 'sort_memory <= {'9' * 5000}'}}]\n", "at most 1000 are read"),
    "depth": (f"why: {'[' * 3000}{']' * 3000}\n", "nested deeper"),
    "depth of maps": ("".join(f"{' ' * n}a:\n" for n in range(200)), "nested deeper|has no"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_refused_with_its_line(town, trick):
    text, match = TRICKS[trick]
    with town.misread(match):
        town.pola.governance.put_policy("safety", HEAD + text, reason="harmless, look")


def test_a_hostile_document_leaves_an_audit_row(town):
    """Whoever tries is noted, although nothing was done."""
    with town.refused("tag"):
        town.pola.governance.put_policy("safety", HEAD + TRICKS["tag of Python"][0], reason="harmless")


@pytest.mark.parametrize("size", [300_000, 10_000_000])
def test_a_policy_has_an_end(town, size):
    with town.misread("bytes"):
        town.pola.governance.put_policy("safety", HEAD + "#" * size, reason="long")


def test_a_policy_has_so_many_rules(town):
    rules = "locks:\n" + "".join(f"- {{id: r{n}, classes: [cost]}}\n" for n in range(2001))
    with town.misread("more than 2000 rules"):
        town.pola.governance.put_policy("safety", HEAD + rules, reason="many")


def test_a_fleet_document_has_an_end(town):
    """As long as a policy's, ten thousand times over, and then it is no document."""
    text = town.olaf.export_fleet() + "# nothing\n" * 4_000_000
    with town.misread("bytes|long|large"):
        town.olaf.import_fleet(text, "f.yaml", reason="long")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("setpoint: 1\nfleet: &a {simulated: {sort_memory: 8MB}}\n", "anchor"),
        ("setpoint: 1\nfleet: !!python/name:os.system {}\n", "tag"),
        ("setpoint: 1\nsetpoint: 1\n", "twice"),
        ("setpoint: 1\ninstances: {<<: {}}\n", "merge key"),
        ("setpoint: 1\ninstances: {../../x: {engine: simulated}}\n", "is no name"),
        ("setpoint: 1\ninstances: {shор: {engine: simulated}}\n", "is no name"),  # noqa: RUF001 - Cyrillic
        (f"setpoint: 1\nfleet: {'[' * 3000}\n", "nested deeper|readable"),
        ("setpoint: 1\npolicies: {SAFETY: x}\n", "is no name of a policy"),
        ("setpoint: 1\x00\n", "readable"),
    ],
)
def test_a_fleet_document_is_read_as_strictly(town, text, match):
    with town.misread(match):
        town.olaf.import_fleet(text, "f.yaml", reason="harmless, look")


def test_a_proposed_document_is_read_as_strictly(town):
    with town.misread("calls itself"):
        town.pola.governance.propose_document(
            town.olaf.export_fleet().replace("policy: safety", "policy: other"), "f.yaml", reason="renamed"
        )


def test_a_policy_is_not_put_in_force_under_anothers_name(town):
    with town.misread("calls itself safety, not other"):
        town.pola.governance.put_policy("other", POLICY, reason="two of them")


def test_no_document_without_sense_gets_in_while_the_store_has_one_user(place, server, tmp_path):
    """What cannot be read would lock everybody out of plans, and out of putting it right."""
    from setpoint import Setpoint

    text = "setpoint: 1\npolicies:\n  safety: nonsense\n"
    with Setpoint.create(str(tmp_path / "single.db"), actor="one", token="") as one:
        with pytest.raises(InputErrors):
            one.import_fleet(text, "f.yaml", reason="begins")
        assert not one.governance.policies()


def test_a_name_from_outside_is_no_path(town):
    """Nothing that a person names is opened as a file of the store's host."""
    for what in (
        lambda: town.olaf.find_plan("../../../etc/passwd"),
        lambda: town.olaf.revision("../../etc/passwd"),
        lambda: town.olaf.configuration().instance("../../etc/passwd"),
        lambda: town.olaf.governance.policy_text("../../etc/passwd"),
        lambda: town.olaf.governance.people.get("../../etc/passwd"),
        lambda: town.olaf.governance.waiver("../../etc/passwd"),
    ):
        with town.misread("passwd|does not name"):
            what()
    assert SHOP in town.olaf.configuration().instances
