"""Voices: whose counts, for what, for how long, and that no person counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.config.configuration import Instance
from setpoint.policy.approval import Change, Electorate, Voice, givers, is_overdue, stand
from setpoint.policy.person import Delegation, Grant, Person, Role
from setpoint.policy.selector import Selector
from setpoint.policy.verdict import Need, Quorum

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ON_TEST = Selector(environments=("test",))
SHOP = Instance(engine="postgresql", environment="production", labels={"owner": "olga, otto"})


def person(name: str, *roles: Role, scope: Selector | None = None, **more) -> Person:
    grants = tuple(Grant(role=role, scope=scope or Selector()) for role in roles)
    return Person(name=name, grants=grants, **more)


PEOPLE = {
    each.name: each
    for each in (
        person("ada", Role.OPERATOR, Role.APPROVER),
        person("bo", Role.APPROVER),
        person("cy", Role.APPROVER),
        person("dee", Role.OPERATOR),
        person("tess", Role.APPROVER, scope=ON_TEST),
        person("olga"),
        person("otto", Role.APPROVER),
        person("robot", Role.APPROVER, is_service=True),
        person("gone", Role.APPROVER, removed_at=NOON),
        person("eve", Role.ADMINISTRATOR),
    )
}


def change(*voices: Voice, **more) -> Change:
    given_ = {
        "kind": "plan",
        "subject": "shop",
        "digest": "d1",
        "base": "r1",
        "author": "ada",
        "reason": "because",
        "proposed_at": NOON,
        "expires_at": NOON + 24 * HOUR,
        **more,
    }
    return Change(id="c1", voices=voices, **given_)


def voice(by: str, *, at: datetime = NOON, digest: str = "d1", **more) -> Voice:
    return Voice(by=by, account=f"local:{by}@here", at=at, digest=digest, **more)


def need(count: int = 1, *, instance: str = "shop", **more) -> Need:
    return Need(key="durability", quorum=Quorum(count=count, **more), instance=instance, rules=("p/l",))


def electorate(*, at: datetime = NOON + HOUR, people=None, delegations=()) -> Electorate:
    return Electorate(
        people=people or PEOPLE, delegations=tuple(delegations), instances={"shop": SHOP}, at=at
    )


def lent(giver: str, to: str, **more) -> Delegation:
    given_ = {"starts_at": NOON - HOUR, "ends_at": NOON + 10 * HOUR, **more}
    return Delegation(id="l1", giver=giver, to=to, **given_)


def is_met(*voices: Voice, asked: Need | None = None, given_: Electorate | None = None, **more) -> bool:
    return stand(change(*voices, **more), [asked or need()], given_ or electorate()).is_complete


def test_one_approver_is_enough_for_one():
    assert is_met(voice("bo"))
    assert not is_met()


@pytest.mark.parametrize(
    ("given_voice", "why"),
    [
        (voice("ada"), "author"),
        (voice("bo", giver="ada"), "author"),
        (voice("bo", digest="d2"), "something else"),
        (voice("gone"), "not among the people"),
        (voice("nobody"), "not among the people"),
        (voice("robot"), "service"),
        (voice("bo", giver="robot"), "service"),
    ],
)
def test_a_voice_that_cannot_count_says_why(given_voice, why):
    delegations = [lent(given_voice.giver, "bo")] if given_voice.giver else []
    standing = stand(change(given_voice), [need()], electorate(delegations=delegations))
    assert not standing.is_complete
    assert why in standing.uncounted[0]
    assert standing.missing == ("durability on shop: 1 more of approver",)


def test_a_voice_counts_only_with_the_role_where_the_need_is():
    assert not is_met(voice("dee"))
    assert not is_met(voice("tess"))
    assert not is_met(voice("tess"), asked=need(instance=""))
    assert is_met(voice("bo"), asked=need(instance=""))


def test_the_role_is_looked_at_now_not_when_the_voice_was_given():
    demoted = {**PEOPLE, "bo": person("bo", Role.OPERATOR)}
    assert not is_met(voice("bo"), given_=electorate(people=demoted))
    removed = {**PEOPLE, "bo": msgspec.structs.replace(PEOPLE["bo"], removed_at=NOON)}
    assert not is_met(voice("bo"), given_=electorate(people=removed))


def test_two_voices_of_one_person_through_two_accounts_count_once():
    twice = [voice("bo"), Voice(by="bo", account="oidc:x#bo", at=NOON, digest="d1")]
    assert not is_met(*twice, asked=need(2))
    assert is_met(*twice, voice("cy"), asked=need(2))


def test_a_voice_expires_exactly_at_its_time():
    asked = need(expires_seconds=3600)
    assert is_met(voice("bo"), asked=asked, given_=electorate(at=NOON + HOUR - timedelta(seconds=1)))
    assert not is_met(voice("bo"), asked=asked, given_=electorate(at=NOON + HOUR))


def test_the_owner_speaks_besides_the_others():
    asked = need(1, needs_owner=True)
    assert not is_met(voice("bo"), asked=asked)
    assert not is_met(voice("olga"), asked=asked)
    assert is_met(voice("olga"), voice("bo"), asked=asked)
    # Otto owns it and approves: one person, one voice.
    assert not is_met(voice("otto"), asked=asked)
    assert is_met(voice("otto"), voice("bo"), asked=asked)
    assert is_met(voice("otto"), voice("olga"), asked=asked)
    (missing,) = stand(change(voice("bo")), [asked], electorate()).missing
    assert missing == "durability on shop: the owner of the instance"


def test_an_owner_who_is_the_author_does_not_count():
    asked = need(1, needs_owner=True)
    assert not is_met(voice("olga"), voice("bo"), asked=asked, author="olga")
    assert is_met(voice("otto"), voice("bo"), asked=asked, author="olga")


def test_a_lent_voice_counts_while_it_is_lent_and_for_its_giver():
    delegations = [lent("bo", "dee")]
    speaking = voice("dee", giver="bo")
    assert is_met(speaking, given_=electorate(delegations=delegations))
    assert not is_met(speaking)
    assert not is_met(voice("dee"), given_=electorate(delegations=delegations))
    over = [lent("bo", "dee", ends_at=NOON)]
    assert not is_met(speaking, given_=electorate(delegations=over))
    ended = [lent("bo", "dee", ended_at=NOON)]
    assert not is_met(speaking, given_=electorate(delegations=ended))
    elsewhere = [lent("bo", "dee", scope=ON_TEST)]
    assert not is_met(speaking, given_=electorate(delegations=elsewhere))
    other = [lent("bo", "cy")]
    assert not is_met(speaking, given_=electorate(delegations=other))


def test_who_speaks_for_another_does_not_count_for_both():
    delegations = [lent("bo", "cy")]
    both = [voice("cy"), voice("cy", giver="bo")]
    assert not is_met(*both, asked=need(2), given_=electorate(delegations=delegations))
    giver_too = [voice("bo"), voice("cy", giver="bo")]
    assert not is_met(*giver_too, asked=need(2), given_=electorate(delegations=delegations))


def test_after_the_service_level_those_it_escalates_to_may_speak_too():
    asked = need(service_level_seconds=7200, escalates_to=(Role.ADMINISTRATOR,))
    assert not is_met(voice("eve"), asked=asked, given_=electorate(at=NOON + HOUR))
    assert is_met(voice("eve"), asked=asked, given_=electorate(at=NOON + 2 * HOUR))
    waiting = change(needs=(asked, need()))
    assert not is_overdue(waiting, NOON + HOUR)
    assert is_overdue(waiting, NOON + 2 * HOUR)
    assert not is_overdue(change(needs=(need(),)), NOON + 20 * HOUR)
    assert not is_overdue(msgspec.structs.replace(waiting, state="rejected"), NOON + 2 * HOUR)


def test_every_need_is_met_by_itself():
    needs = [need(1), need(2)]
    standing = stand(change(voice("bo")), needs, electorate())
    assert [tally.is_met for tally in standing.tallies] == [True, False]
    assert not standing.is_complete


def test_for_whom_somebody_may_speak():
    delegations = (lent("bo", "dee"), lent("eve", "dee"), lent("cy", "dee", ends_at=NOON))
    here = electorate(delegations=delegations)
    assert givers("dee", need(), here, is_overdue=False) == ("bo",)
    assert givers("bo", need(), here, is_overdue=False) == ("",)
    assert givers("olga", need(), here, is_overdue=False) == ()
    assert givers("olga", need(needs_owner=True), here, is_overdue=False) == ("",)
    late = need(escalates_to=(Role.ADMINISTRATOR,))
    assert givers("dee", late, here, is_overdue=True) == ("bo", "eve")


def test_a_change_is_open_until_it_expires():
    waiting = change()
    assert waiting.is_open(NOON + 23 * HOUR)
    assert not waiting.is_open(NOON + 24 * HOUR)
    assert not msgspec.structs.replace(waiting, state="spent").is_open(NOON)


NAMES = st.sampled_from([*PEOPLE, "nobody"])
VOICES = st.lists(
    st.builds(
        voice,
        NAMES,
        at=st.sampled_from([NOON, NOON + timedelta(minutes=30)]),
        digest=st.sampled_from(["d1", "d1", "d1", "d2"]),
        giver=st.one_of(st.just(""), NAMES),
    ),
    max_size=6,
)
LENT = st.lists(st.builds(lent, NAMES, NAMES, scope=st.sampled_from([Selector(), ON_TEST])), max_size=6)


@given(VOICES, LENT, st.integers(1, 3), st.booleans())
def test_a_need_is_met_only_by_so_many_different_people_who_all_may(voices, delegations, count, needs_owner):
    asked = need(count, needs_owner=needs_owner)
    here = electorate(delegations=delegations)
    if not is_met(*voices, asked=asked, given_=here):
        return
    sound = [each for each in voices if _is_sound(each, delegations)]
    wanted = count + needs_owner
    assert any(_proves(chosen, count, is_owned=needs_owner) for chosen in combinations(sound, wanted))


def _is_sound(given_voice: Voice, delegations: list[Delegation]) -> bool:
    """Written on its own, from what the documentation says of a voice."""
    everybody = {given_voice.by, given_voice.giver} - {""}
    if "ada" in everybody or given_voice.digest != "d1":
        return False
    if any(name not in PEOPLE or name in ("gone", "robot") for name in everybody):
        return False
    is_own = not given_voice.giver
    return is_own or any(
        (each.giver, each.to) == (given_voice.giver, given_voice.by) and each.scope.is_all
        for each in delegations
    )


def _proves(chosen: tuple[Voice, ...], count: int, *, is_owned: bool) -> bool:
    names = [name for each in chosen for name in {each.by, each.giver} - {""}]
    if len(names) != len(set(names)):
        return False
    heads = [each.giver or each.by for each in chosen]
    approvers = {"bo", "cy", "otto"}
    if not is_owned:
        return sum(head in approvers for head in heads) >= count
    return any(
        owner in ("olga", "otto")
        and sum(head in approvers for place, head in enumerate(heads) if place != index) >= count
        for index, owner in enumerate(heads)
    )
