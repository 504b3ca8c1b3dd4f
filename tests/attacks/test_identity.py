"""Tokens and people: expired, revoked, borrowed, bent; time turned back."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.scene import PART, SHOP, at_account

from setpoint.control import people
from setpoint.errors import InputError, NotPermittedError, RefusedError
from setpoint.policy.person import Grant, Person, Role
from setpoint.policy.selector import parse_selector
from setpoint.store import Store

WHY: dict[str, Any] = {"reason": "to see whether it works"}


def act(front) -> None:
    front.change_settings(PART, {"sort_memory": "8MB"}, reason="mine")


def test_an_expired_token_is_refused(town):
    town.clock.pass_by(days=31)
    with town.refused("expired at", NotPermittedError):
        act(town.olaf)


def test_a_token_ends_exactly_at_its_end(town):
    town.clock.pass_by(days=30)
    with town.refused("expired at", NotPermittedError):
        act(town.olaf)


def test_the_token_of_a_removed_person_is_refused(town):
    town.remove("olaf")
    with town.refused("revoked", NotPermittedError):
        act(town.olaf)


def test_a_revoked_token_is_refused(town):
    id_ = town.tokens["olaf"].split("_")[1]
    town.ada.governance.people.revoke_token(id_, reason="lost")
    with town.refused("was revoked", NotPermittedError):
        act(town.olaf)


@pytest.mark.parametrize(
    ("bend", "match"),
    [
        (lambda _: "", "no token was given"),
        (lambda token: token[:-1], "is no token"),
        (lambda token: token + "0", "is no token"),
        (lambda token: token + "\n", "is no token"),
        (lambda token: token.upper(), "is no token"),
        (lambda token: f" {token}", "is no token"),
        (lambda token: token.replace("sp_", "sp＿"), "is no token"),  # noqa: RUF001 - wide
        (lambda token: token[:-1] + "١", "is no token"),  # noqa: RUF001 - Arabic
        (lambda _: "sp_" + "0" * 12 + "_" + "0" * 64, "does not know the token"),
        (lambda token: token[:-64] + "0" * 64, "secret is wrong"),
        (lambda token: token * 100_000, "is no token"),
        (lambda _: "sp_' OR 1=1 --_" + "0" * 64, "is no token"),
        (lambda _: "sp_%_" + "0" * 64, "is no token"),
    ],
)
def test_a_bent_token_is_refused(town, bend, match):
    with town.refused(match, NotPermittedError) as caught:
        act(town.front(bend(town.tokens["olaf"])))
    secret = town.tokens["olaf"].rpartition("_")[2]
    assert secret not in str(caught.error)
    assert all(secret not in str(row.detail) for row in caught.rows)


def test_one_persons_secret_with_anothers_number_is_no_token(town):
    number, secret = town.tokens["ada"].rpartition("_")[0], town.tokens["olaf"].rpartition("_")[2]
    with town.refused("secret is wrong", NotPermittedError):
        act(town.front(f"{number}_{secret}"))


def test_a_token_bound_to_an_account_is_worth_nothing_at_another(town):
    account = "local:nina@desk"
    people.put_person(
        town.context,
        Person(name="nina", accounts=(account,), grants=(Grant(role=Role.OPERATOR),)),
        reason="joins",
        permit=town.permit(),
    )
    bound = town.token("nina", account=account)
    act(at_account(town, bound, account))
    for elsewhere in ("local:olaf@desk", "", "local:nina@desk2", "local:NINA@desk"):
        with town.refused("belongs to another account", NotPermittedError):
            act(at_account(town, bound, elsewhere))


def test_a_token_does_not_survive_the_account_it_is_bound_to(town):
    account = "local:nina@desk"
    nina = Person(name="nina", accounts=(account,), grants=(Grant(role=Role.OPERATOR),))
    people.put_person(town.context, nina, reason="joins", permit=town.permit())
    bound = town.token("nina", account=account)
    gone = Person(name="nina", grants=nina.grants)
    people.put_person(town.context, gone, reason="no desk", permit=town.permit())
    with town.refused("not theirs any more", NotPermittedError):
        act(at_account(town, bound, account))


def test_a_narrowed_token_does_no_more_than_it_says(town):
    for narrowed, match in (
        ({"scope": parse_selector("environment=lab")}, "may not edit"),
        ({"scope": parse_selector("instance=other|another")}, "may not edit"),
        ({"scope": parse_selector("label.tier=gold")}, "may not edit"),
    ):
        with town.refused(match, NotPermittedError):
            act(town.front(town.token("olaf", **narrowed)))


def test_a_token_is_not_narrowed_to_more(town):
    town.grant("olaf", Grant(role=Role.OPERATOR, scope=parse_selector("environment=lab")))
    wide = town.front(town.token("olaf", scope=parse_selector("environment=production")))
    with town.refused("may not edit", NotPermittedError):
        act(wide)
    with pytest.raises(InputError, match="olaf is no administrator"):
        town.token("olaf", roles=(Role.ADMINISTRATOR,))


def test_rights_taken_away_are_gone_at_once(town):
    front = town.olaf
    act(front)
    town.grant("olaf", Grant(role=Role.VIEWER))
    with town.refused("may not edit", NotPermittedError):
        front.change_settings(PART, {"sort_memory": "9MB"}, reason="still here")


def test_an_operator_makes_nobody_known_and_issues_no_token(town):
    for attempt in (
        lambda: town.olaf.governance.people.put(Person(name="me"), **WHY),
        lambda: town.olaf.governance.people.issue_token("mara", lasts=timedelta(days=1), **WHY),
        lambda: town.olaf.governance.people.remove("mara", **WHY),
    ):
        with town.refused("may not manage people", NotPermittedError):
            attempt()


def test_an_administrator_of_a_part_manages_nobody(town):
    town.settle("alf", Role.ADMINISTRATOR, scope=parse_selector("environment=lab"))
    with town.refused("may not manage people", NotPermittedError):
        town.alf.governance.people.put(Person(name="me"), **WHY)


def test_the_last_administrator_stays(town):
    with town.refused("last administrator", RefusedError):
        town.ada.governance.people.remove("ada", **WHY)
    with town.refused("last administrator", RefusedError):
        town.ada.governance.people.put(Person(name="ada", grants=(Grant(role=Role.OPERATOR),)), **WHY)


def test_somebody_removed_does_not_come_back_under_their_name(town):
    town.ada.governance.people.remove("otto", **WHY)
    with town.refused("a name is not used twice|was removed", RefusedError):
        town.ada.governance.people.put(Person(name="otto", grants=(Grant(role=Role.APPROVER),)), **WHY)


def test_a_store_has_one_first_person(town):
    with town.refused("there are people already", RefusedError):
        town.ada.governance.people.put_first(
            Person(name="eve", grants=(Grant(role=Role.ADMINISTRATOR),)), lasts=timedelta(days=1), **WHY
        )


PEOPLE_BY_TWO = "policy: people\ngovernance: {people: {quorum: 1, from: [policy owner]}}\n"


def test_where_people_need_a_second_voice_an_administrator_makes_no_second_self(town):
    """With somebody else's token, or a sock puppet, one person would be two."""
    town.decide(PEOPLE_BY_TWO, "people")
    front = town.ada.governance.people
    proposed = front.put(Person(name="puppet", grants=(Grant(role=Role.APPROVER),)), **WHY)
    assert proposed.kind == "people"
    assert town.context.store.people.find("puppet") is None
    with town.refused("approv", RefusedError):
        front.issue_token("mara", lasts=timedelta(days=1), **WHY)


def test_what_was_proposed_of_people_is_carried_out_by_who_may_and_as_things_are(town):
    """An approved change of a person does not bring back what was taken from them in between."""
    town.decide(PEOPLE_BY_TWO, "people")
    more = Person(name="vic", grants=(Grant(role=Role.OPERATOR),))
    change = town.ada.governance.people.put(more, **WHY)
    town.pola.governance.approve(change.id)
    town.remove("vic")
    with town.refused("was removed|withdrawn", RefusedError):
        town.ada.governance.carry_out(change.id)


def test_a_clock_set_back_brings_no_token_and_no_approval_back(town):
    """The audit log knows how late it is at least."""
    made, _ = town.approved(durable="off")
    town.clock.pass_by(days=2)
    town.lin.change_settings("instance:lab", {"sort_memory": "8MB"}, reason="two days later")
    with town.refused("needs approvals"):
        town.olaf.apply(made)
    town.clock.pass_by(days=-2)
    with town.refused("clock|time"):
        town.olaf.apply(made)


def test_a_clock_set_forward_makes_no_approval_last_longer(town):
    """A voice given in the future counts no longer than one given now."""
    made = town.wish(durable="off")
    town.clock.pass_by(days=10)
    change = town.propose(made)
    town.mara.governance.approve(change.id)
    town.clock.pass_by(days=-10)
    with town.refused("clock|time|lacks approvals"):
        town.olaf.apply(made)


def test_a_window_is_not_opened_by_a_clock_set_back(town):
    window = "policy: night\nwindows:\n  - {id: night, opens: 01:00, closes: 02:00}\n"
    town.decide(window, "night")
    made = town.wish(sort_memory="8MB")
    with town.refused("policy refuses it: .*a change may happen"):
        town.olaf.apply(made)
    town.clock.pass_by(hours=-11)
    with town.refused("clock|time"):
        town.olaf.apply(made)


def test_a_second_authenticator_is_judged_by_the_same_register(town):
    """OIDC at the port: an account nobody has, or of somebody removed, is nobody."""
    from dataclasses import replace

    from setpoint import Setpoint
    from setpoint.control.credential import Claim, Credential

    nina = Person(name="nina", accounts=("oidc:https://id#7",), grants=(Grant(role=Role.OPERATOR),))
    people.put_person(town.context, nina, reason="joins", permit=town.permit())

    def believe(store: Store, credential: Credential, at: datetime) -> Claim:
        del store, at
        return Claim(credential.account)

    def front(account: str) -> Setpoint:
        credential = Credential(account=account, authenticator=believe)
        return Setpoint(replace(town.context, credential=credential))

    act(front("oidc:https://id#7"))
    for nobody in ("", "oidc:https://id#8", "oidc:https://ID#7", "oidc:https://id#7 "):
        with town.refused("not among the people", NotPermittedError):
            front(nobody).undo(SHOP)
    town.remove("nina")
    with town.refused("not among the people", NotPermittedError):
        front("oidc:https://id#7").undo(SHOP)


def test_no_secret_is_in_what_is_shown_of_a_token(town):
    issued = town.ada.governance.people.issue_token("olaf", lasts=timedelta(days=1), **WHY)
    secret = issued.text.rpartition("_")[2]
    front = town.front(issued.text)
    shown = [
        repr(issued),
        repr(front._context),
        repr(front._context.credential),
        repr(front.governance.whoami()),
    ]
    shown += [repr(row) for row in town.rows()]
    assert all(secret not in text for text in shown)
    assert secret.encode() not in Path(town.founder.where).read_bytes()
