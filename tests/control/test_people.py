"""People: each change has its row, nobody shares an account, and somebody always manages people."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.control.house import QUARTER, House, open_house

from setpoint.config.configuration import Configuration
from setpoint.control import people
from setpoint.control.permit import Permit
from setpoint.errors import ConflictError, InputError, NotFoundError, NotPermittedError, RefusedError
from setpoint.policy.person import Grant, Person, Principal, Right, Role
from setpoint.policy.selector import Selector

ADMINISTRATOR = (Grant(role=Role.ADMINISTRATOR),)
PRODUCTION = Selector(environments=("production",))


@pytest.fixture
def house(tmp_path):
    made = open_house(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def governed(house) -> House:
    return house.found()


def _first(house: House, person: Person):
    return people.put_first(
        house.inner, person, account="local:root@db1", lasts=QUARTER, reason="first", permit=house.permit()
    )


@pytest.mark.parametrize(
    "grants",
    [
        (),
        (Grant(role=Role.POLICY_OWNER),),
        (Grant(role=Role.ADMINISTRATOR, scope=PRODUCTION),),
    ],
)
def test_the_first_person_is_an_administrator_over_everything(house, grants) -> None:
    with pytest.raises(RefusedError, match="must be an administrator"):
        _first(house, Person(name="ann", grants=grants))
    (row,) = house.store.audit.rows()
    assert (row.action, row.actor) == ("gate.refused", "root")
    assert "must be an administrator" in row.detail["because"]


def test_the_first_person_comes_with_a_token_or_not_at_all(house) -> None:
    with pytest.raises(RefusedError, match="comes with a token"):
        people.put_person(
            house.inner, Person(name="ann", grants=ADMINISTRATOR), reason="x", permit=house.permit()
        )
    with pytest.raises(InputError, match="366"):
        people.put_first(
            house.inner,
            Person(name="ann", grants=ADMINISTRATOR),
            account="local:a@b",
            lasts=timedelta(days=367),
            reason="x",
            permit=house.permit(),
        )
    assert house.store.people.all() == {}


def test_the_first_persons_rows_say_that_nobody_was_asked(governed) -> None:
    added, issued = governed.store.audit.rows()
    assert (added.action, added.subject, issued.action) == ("person.add", "person:root", "token.issue")
    assert added.detail["authority"] == issued.detail["authority"] == "single user"
    assert issued.detail["bound_to"] == "local:root@db1"
    with pytest.raises(RefusedError, match="people already"):
        _first(governed, Person(name="ann", grants=ADMINISTRATOR))


def test_everything_that_is_done_to_people_leaves_one_row(governed) -> None:
    begin = governed.store.audit.head().seq
    governed.person("ann", Role.APPROVER)
    governed.person("bob", Role.APPROVER)
    governed.change("ann", shown="Ann Example")
    token = governed.token("ann").token
    people.revoke_token(governed.inner, token.id, reason="lost", permit=governed.permit())
    lent = _lend(governed, "ann", "bob")
    people.end_delegation(governed.inner, lent.id, reason="back", permit=governed.permit("ann"))
    people.remove_person(governed.inner, "bob", reason="left", permit=governed.permit())
    rows = governed.store.audit.rows(after_seq=begin)
    assert [row.action for row in rows] == [
        "person.add",
        "person.add",
        "person.change",
        "token.issue",
        "token.revoke",
        "delegation.begin",
        "delegation.end",
        "person.remove",
    ]
    assert all(row.detail["reason"] and row.detail["record"] for row in rows)
    assert rows[5].actor == "ann"
    assert governed.store.verify_records().faults == ()


@pytest.mark.parametrize(
    "name", ["Ann", "ann b", "\u0430nn", "ann\u200b", "-ann", "a" * 64, "", "ann\n", "../ann"]
)
def test_names_are_plain(governed, name) -> None:
    with pytest.raises(InputError, match="no name of a person") as caught:
        governed.person(name)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "account", ["ann", "local:", "local:a b", "local:\u0430nn@db1", "saml:x", "oidc:" + "x" * 200]
)
def test_accounts_are_plain(governed, account) -> None:
    with pytest.raises(InputError, match="no account"):
        governed.person("ann", accounts=(account,))


def test_texts_and_reasons_are_capped_and_given(governed) -> None:
    with pytest.raises(InputError, match="200"):
        governed.person("ann", shown="x" * 201)
    for reason, word in (("x" * 4001, "4000"), ("", "no reason"), ("  ", "no reason")):
        with pytest.raises(InputError, match=word):
            people.put_person(governed.inner, Person(name="ann"), reason=reason, permit=governed.permit())
    assert set(governed.store.people.all()) == {"root"}


def test_an_account_has_one_person(governed) -> None:
    governed.person("ann", accounts=("oidc:x#1",))
    with pytest.raises(RefusedError, match="is ann's"):
        governed.person("bob", accounts=("local:bob@db1", "oidc:x#1"))
    governed.change("ann", shown="Ann")
    people.remove_person(governed.inner, "ann", reason="left", permit=governed.permit())
    assert governed.person("bob", accounts=("oidc:x#1",)).accounts == ("oidc:x#1",)


def test_a_removed_name_stays_and_is_not_used_again(governed) -> None:
    governed.person("ann", Role.OPERATOR)
    token = governed.token("ann").token
    gone = people.remove_person(governed.inner, "ann", reason="left", permit=governed.permit())
    assert (gone.grants, gone.removed_at) == ((), governed.at)
    assert [each.name for each in people.everybody(governed.inner)] == ["ann", "root"]
    assert governed.store.tokens.get(token.id).value.revoked_why == "ann was removed"
    with pytest.raises(RefusedError, match="not used twice"):
        governed.person("ann")
    for act in (
        lambda: people.remove_person(governed.inner, "ann", reason="x", permit=governed.permit()),
        lambda: governed.token("ann"),
    ):
        with pytest.raises(RefusedError, match="was removed"):
            act()
    with pytest.raises(NotFoundError, match="bob"):
        people.remove_person(governed.inner, "bob", reason="x", permit=governed.permit())


def test_somebody_always_manages_people(governed) -> None:
    for act in (
        lambda: people.remove_person(governed.inner, "root", reason="x", permit=governed.permit()),
        lambda: governed.change("root", grants=()),
        lambda: governed.change("root", grants=(Grant(role=Role.ADMINISTRATOR, scope=PRODUCTION),)),
    ):
        with pytest.raises(RefusedError, match="last administrator"):
            act()
    governed.person("ann", Role.ADMINISTRATOR)
    governed.change("root", grants=())
    with pytest.raises(RefusedError, match="last administrator"):
        people.remove_person(governed.inner, "ann", reason="x", permit=governed.permit())


def test_a_person_changed_meanwhile_is_not_overwritten(governed) -> None:
    governed.person("ann")
    kept = governed.store.people.get("ann")
    row = {"actor": "x", "action": "person.change", "detail": {}, "at": governed.at}
    governed.store.people.put("ann", kept.value, version=kept.version, **row)
    with pytest.raises(ConflictError, match="meanwhile"):
        governed.store.people.put("ann", kept.value, version=kept.version, **row)


def test_a_tokens_reach_is_the_persons(governed) -> None:
    governed.person("ann", Role.OPERATOR, accounts=("local:ann@db1",))
    for narrowing, word in (
        ({"roles": (Role.ADMINISTRATOR,)}, "no administrator"),
        ({"account": "local:eve@db1"}, "no account of ann"),
        ({"lasts": timedelta(days=366, seconds=1)}, "366"),
        ({"lasts": timedelta()}, "366"),
    ):
        with pytest.raises(InputError, match=word):
            governed.token("ann", **narrowing)
    assert governed.token("ann", lasts=timedelta(days=366)).token.expires_at == governed.at + timedelta(
        days=366
    )
    assert people.tokens(governed.inner, "root") == (governed.root.token,)


def test_a_token_is_revoked_once(governed) -> None:
    issued = governed.token("root")
    people.revoke_token(governed.inner, issued.token.id, reason="lost", permit=governed.permit())
    with pytest.raises(RefusedError, match="already"):
        people.revoke_token(governed.inner, issued.token.id, reason="lost", permit=governed.permit())
    with pytest.raises(NotFoundError):
        people.revoke_token(governed.inner, "0" * 12, reason="lost", permit=governed.permit())


def test_where_people_change_by_approvals_no_token_passes_for_another(governed) -> None:
    text = "policy: house\nwhy: nobody alone\ngovernance: {people: {quorum: 1, from: [administrator]}}\n"
    governed.store.revisions.commit(
        Configuration(policies={"house": text}), base=None, author="root", reason="x", at=governed.at
    )
    governed.person("ann", Role.APPROVER, accounts=("local:ann@db1",))
    governed.person("robot", Role.OPERATOR, is_service=True)
    with pytest.raises(RefusedError, match="bound to an account"):
        governed.token("ann")
    assert governed.token("ann", account="local:ann@db1").token.account == "local:ann@db1"
    assert governed.token("robot").token.person == "robot"


def _lend(house: House, giver: str, to: str, **fields):
    fields = {"lasts": timedelta(days=14), **fields}
    return people.delegate(
        house.inner, to, reason="away", permit=house.permit(giver, Right.APPROVE), **fields
    )


def test_a_voice_is_ones_own_and_lent_to_a_person_for_a_while(governed) -> None:
    governed.person("ann", Role.APPROVER)
    governed.person("bob", Role.APPROVER)
    governed.person("cy", Role.OPERATOR)
    governed.person("robot", Role.APPROVER, is_service=True)
    lent = _lend(governed, "ann", "bob", scope=PRODUCTION, lasts=timedelta(days=92))
    assert (lent.giver, lent.to, lent.ends_at - lent.starts_at) == ("ann", "bob", timedelta(days=92))
    assert people.delegations(governed.inner) == (lent,)
    for giver, to, fields, word in (
        ("ann", "ann", {}, "one's own"),
        ("ann", "robot", {}, "only people"),
        ("ann", "dee", {}, "no person"),
        ("cy", "bob", {}, "no voice"),
        ("ann", "bob", {"lasts": timedelta(days=92, seconds=1)}, "92"),
        ("ann", "bob", {"lasts": timedelta(days=-1)}, "92"),
    ):
        with pytest.raises((InputError, RefusedError), match=word):
            _lend(governed, giver, to, **fields)


def test_who_lends_a_voice_is_there_in_full(governed, house) -> None:
    governed.person("ann", Role.APPROVER)
    narrow = Principal(name="ann", account="", grants=(Grant(role=Role.APPROVER),), is_narrowed=True)
    nobody = Principal(name="whoever", account="", is_single_user=True)
    for principal, word in ((narrow, "narrowed"), (nobody, "no voice")):
        with pytest.raises(RefusedError, match=word):
            people.delegate(
                house.inner, "root", lasts=QUARTER, reason="x", permit=Permit(principal, Right.APPROVE)
            )


def test_a_lent_voice_is_ended_by_those_it_concerns(governed) -> None:
    for name in ("ann", "bob", "cy"):
        governed.person(name, Role.APPROVER)
    for ender in ("ann", "bob", "root"):
        lent = _lend(governed, "ann", "bob")
        with pytest.raises(NotPermittedError, match="ann's"):
            people.end_delegation(governed.inner, lent.id, reason="x", permit=governed.permit("cy"))
        ended = people.end_delegation(governed.inner, lent.id, reason="x", permit=governed.permit(ender))
        assert not ended.is_in_force(governed.at)
        with pytest.raises(RefusedError, match="ended already"):
            people.end_delegation(governed.inner, lent.id, reason="x", permit=governed.permit(ender))


def test_voices_end_with_the_people(governed) -> None:
    for name in ("ann", "bob", "cy"):
        governed.person(name, Role.APPROVER)
    given, had = _lend(governed, "ann", "bob"), _lend(governed, "cy", "ann")
    kept = _lend(governed, "cy", "bob")
    people.remove_person(governed.inner, "ann", reason="left", permit=governed.permit())
    in_force = {each.id for each in people.delegations(governed.inner) if each.is_in_force(governed.at)}
    assert in_force == {kept.id} != {given.id, had.id}


def test_nothing_that_is_written_names_a_secret(governed) -> None:
    governed.person("ann", Role.OPERATOR, shown="password=hunter2")
    issued = governed.token("ann")
    lines = "".join(governed.store.audit.export())
    assert issued.text not in lines
    assert issued.token.digest not in lines
    assert "hunter2" not in lines
    assert msgspec.json.encode(issued.token).find(issued.text.rpartition("_")[2].encode()) == -1
