"""Identity: who acts is proven anew at every call, and every way to prove nothing is told apart."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from tests.control.house import House, open_house

from setpoint.config.configuration import Instance
from setpoint.control import identity, people
from setpoint.control.credential import Claim, Credential
from setpoint.control.identity import meet, narrowed
from setpoint.errors import InputError, NotPermittedError, TamperedError, UnavailableError
from setpoint.faces import wiring
from setpoint.policy.person import Grant, Right, Role
from setpoint.policy.selector import ALL, Selector
from setpoint.store.schema import records

PRODUCTION = Selector(environments=("production",))
STAGING = Selector(environments=("staging",))


@pytest.fixture
def house(tmp_path):
    made = open_house(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def governed(house) -> House:
    return house.found()


def test_an_empty_store_has_a_single_user(house) -> None:
    context = house.context()
    assert not identity.is_governed(context)
    who = identity.authenticate(context)
    assert (who.name, who.account, who.is_single_user, who.grants) == ("whoever", "local:root@db1", True, ())
    assert identity.authenticate(_without_credential(context)).name == "whoever"


def _without_credential(context):
    """The same context, of somebody who never heard of credentials."""
    return dataclasses.replace(context, credential=None)


def test_the_first_person_governs_the_store_for_good(governed) -> None:
    assert identity.is_governed(governed.context())
    who = governed.who(governed.root.text)
    assert (who.name, who.is_single_user, who.is_narrowed) == ("root", False, False)
    assert who.may_everywhere(Right.MANAGE_PEOPLE)
    with pytest.raises(NotPermittedError, match="no token was given"):
        identity.authenticate(_without_credential(governed.context()))


def test_people_taken_away_do_not_bring_the_single_user_back(governed) -> None:
    with governed.store._database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER record_no_delete")
        connection.exec_driver_sql("DELETE FROM record")
    assert identity.is_governed(governed.context())
    with pytest.raises(TamperedError, match="taken away"):
        governed.who(governed.root.text)


def _refused(house: House, token: str, **who: str) -> str:
    with pytest.raises(NotPermittedError) as caught:
        house.who(token, **who)
    assert len(token) < 8 or token not in str(caught.value)
    return caught.value.what


def test_each_way_to_prove_nothing_has_its_own_words(governed) -> None:
    governed.person("ann", Role.OPERATOR, accounts=("local:ann@db1",))
    issued = governed.token("ann")
    good, id_ = issued.text, issued.token.id
    revoked, removed, bound = (
        governed.token("ann"),
        governed.token("root"),
        governed.token("ann", account="local:ann@db1"),
    )
    people.revoke_token(governed.inner, revoked.token.id, reason="lost", permit=governed.permit())
    assert governed.who(good).name == "ann"
    told = [
        _refused(governed, ""),
        _refused(governed, "sp_"),
        _refused(governed, f"sp_{'0' * 12}_{'0' * 64}"),
        _refused(governed, f"sp_{id_}_{'0' * 64}"),
        _refused(governed, revoked.text),
        _refused(governed, bound.text, account="local:eve@db1"),
    ]
    governed.at = issued.token.expires_at
    told.append(_refused(governed, good))
    assert len(set(told)) == len(told)
    for word, text in zip(
        ("no token", "no token", "not know", "secret is wrong", "revoked", "another account", "expired"),
        told,
        strict=True,
    ):
        assert word in text
    assert removed.token.person == "root"


def test_a_wrong_secret_is_told_before_anything_else(governed) -> None:
    issued = governed.token("root")
    wrong = issued.text[:-1] + ("0" if issued.text[-1] != "0" else "1")
    people.revoke_token(governed.inner, issued.token.id, reason="lost", permit=governed.permit())
    governed.at += timedelta(days=400)
    assert "secret is wrong" in _refused(governed, wrong)


def test_a_token_counts_until_the_moment_it_expires(governed) -> None:
    issued = governed.token("root")
    governed.at = issued.token.expires_at - timedelta(microseconds=1)
    assert governed.who(issued.text).name == "root"
    governed.at = issued.token.expires_at
    assert "expired" in _refused(governed, issued.text)


def test_a_removed_person_is_out_at_the_next_call(governed) -> None:
    governed.person("ann", Role.OPERATOR)
    issued = governed.token("ann")
    context = governed.context(issued.text)
    assert identity.authenticate(context).name == "ann"
    people.remove_person(governed.inner, "ann", reason="left", permit=governed.permit())
    with pytest.raises(NotPermittedError, match="revoked"):
        identity.authenticate(context)


def test_a_person_removed_with_a_token_left_is_out(governed) -> None:
    governed.person("ann", Role.OPERATOR)
    issued = governed.token("ann")
    kept = governed.store.people.get("ann")
    gone = msgspec.structs.replace(kept.value, removed_at=governed.at)
    governed.store.people.put(
        "ann", gone, version=kept.version, actor="root", action="person.remove", detail={}, at=governed.at
    )
    assert "not among the people" in _refused(governed, issued.text)


def test_a_token_bound_to_an_account_taken_away_is_out(governed) -> None:
    governed.person("ann", Role.OPERATOR, accounts=("local:ann@db1",))
    issued = governed.token("ann", account="local:ann@db1")
    assert governed.who(issued.text, account="local:ann@db1").account == "local:ann@db1"
    governed.change("ann", accounts=())
    assert "not theirs any more" in _refused(governed, issued.text, account="local:ann@db1")


def test_rights_are_as_they_are_now(governed) -> None:
    governed.person("ann", Role.OPERATOR)
    issued = governed.token("ann")
    governed.change("ann", grants=(Grant(role=Role.VIEWER),))
    assert [grant.role for grant in governed.who(issued.text).grants] == [Role.VIEWER]


def test_a_token_edited_in_the_store_is_refused_as_bent(governed) -> None:
    issued = governed.token("root")
    forged = msgspec.structs.replace(issued.token, expires_at=governed.at + timedelta(days=9999))
    with governed.store._database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER record_no_update")
        body = msgspec.json.encode(forged)
        connection.execute(update(records).where(records.c.id == forged.id).values(body=body))
    with pytest.raises(TamperedError):
        governed.who(issued.text)


def test_a_copy_of_the_store_without_its_key_checks_no_token(governed) -> None:
    identity.store_keys(governed.store).token_key_file.unlink()
    with pytest.raises(UnavailableError, match=r"setpoint.db.key"):
        governed.who(governed.root.text)


def test_a_token_made_with_another_key_is_wrong(governed) -> None:
    identity.store_keys(governed.store).token_key_file.write_text("00" * 32)
    assert "secret is wrong" in _refused(governed, governed.root.text)


def test_the_store_and_its_log_never_hold_a_secret(governed, tmp_path) -> None:
    secret = governed.root.text.rpartition("_")[2]
    assert secret not in "".join(governed.store.audit.export())
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert secret not in repr(governed.root) + repr(Credential("local:a@b", governed.root.text))


def test_a_token_narrows_what_the_person_may_do(governed) -> None:
    governed.person(
        "ann", Role.OPERATOR, Role.APPROVER, scope=Selector(environments=("production", "staging"))
    )
    issued = governed.token(
        "ann", roles=(Role.OPERATOR,), scope=Selector(environments=("production", "test"))
    )
    who = governed.who(issued.text)
    assert who.is_narrowed
    assert who.grants == (Grant(role=Role.OPERATOR, scope=PRODUCTION),)
    nowhere = governed.token("ann", scope=Selector(environments=("test",)))
    assert governed.who(nowhere.text).grants == ()


def prove_by_subject(store, credential: Credential, at) -> Claim:
    """Another way in: the subject that an OpenID provider vouched for, which the test plays."""
    if credential.token != "vouched":
        raise NotPermittedError("nobody vouches for this")
    return Claim(credential.account)


def test_another_authenticator_maps_a_subject_to_a_person(governed) -> None:
    subject = "oidc:https://id.example#248289761001"
    governed.person("ann", Role.APPROVER, accounts=(subject, "local:ann@db1"))
    who = governed.who("vouched", account=subject, authenticator=prove_by_subject)
    assert (who.name, who.account, who.is_narrowed) == ("ann", subject, False)
    for account in ("oidc:https://id.example#2", "", "oidc:https://id.example#24828976100"):
        with pytest.raises(NotPermittedError, match="not among the people"):
            governed.who("vouched", account=account, authenticator=prove_by_subject)
    with pytest.raises(NotPermittedError, match="nobody vouches"):
        governed.who("forged", account=subject, authenticator=prove_by_subject)
    people.remove_person(governed.inner, "ann", reason="left", permit=governed.permit())
    with pytest.raises(NotPermittedError, match="not among the people"):
        governed.who("vouched", account=subject, authenticator=prove_by_subject)


WORDS = st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("b", "a")])
LABELS = st.dictionaries(st.sampled_from(["x", "y"]), WORDS.filter(bool), max_size=2)
SELECTORS = st.builds(
    Selector, engines=WORDS, groups=WORDS, environments=WORDS, instances=WORDS, labels=LABELS
)
WORD = st.sampled_from(["a", "b", "c"])
INSTANCES = st.builds(
    Instance,
    engine=WORD,
    group=WORD,
    environment=WORD,
    labels=st.dictionaries(st.sampled_from(["x", "y"]), WORD),
)


@given(SELECTORS, SELECTORS, WORD, INSTANCES)
def test_two_selectors_meet_exactly_where_both_fit(one, other, name, instance) -> None:
    both = one.fits(name, instance) and other.fits(name, instance)
    met = meet(one, other)
    assert (met is not None and met.fits(name, instance)) == both


@given(SELECTORS, SELECTORS)
def test_narrowing_never_widens(one, other) -> None:
    met = meet(one, other)
    assert met is None or not met.is_all or (one.is_all and other.is_all)
    assert meet(one, ALL) == meet(ALL, one) == one
    assert narrowed((Grant(role=Role.VIEWER, scope=one),), (Role.OPERATOR,), other) == ()


def test_the_local_account_is_of_the_user_id_whatever_the_environment_says(monkeypatch) -> None:
    before = wiring.local_account()
    for name in ("USER", "LOGNAME", "USERNAME", "SETPOINT_ACTOR", "HOSTNAME"):
        monkeypatch.setenv(name, "mallory")
    assert wiring.local_account() == before
    assert before.startswith("local:")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    assert wiring.local_account().startswith(f"local:uid-{2**31 - 7}@")


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SETPOINT_TOKEN", raising=False)
    return tmp_path / "setpoint" / "token"


def test_a_token_is_looked_for_in_order(own, tmp_path, monkeypatch) -> None:
    assert wiring.read_token() == ""
    assert wiring.keep_token("sp_kept") == str(own)
    assert wiring.read_token() == "sp_kept"
    monkeypatch.setenv("SETPOINT_TOKEN", "sp_environment")
    assert wiring.read_token() == "sp_environment"
    named = tmp_path / "named"
    named.write_text("sp_named\n")
    named.chmod(0o600)
    assert wiring.read_token(str(named)) == "sp_named"
    with pytest.raises(InputError, match="no token"):
        wiring.read_token(str(tmp_path / "none"))


def test_a_token_others_can_read_is_refused(own) -> None:
    wiring.keep_token("sp_kept")
    own.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600") as caught:
        wiring.read_token()
    assert "sp_kept" not in str(caught.value)
