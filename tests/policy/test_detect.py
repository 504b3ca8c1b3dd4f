"""Incidents: locked parameters that moved without us, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.invented import CATALOG
from tests.policy.cases import AT, CLASSES, subject, waiver

from setpoint.catalog import Catalog, Context
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.policy.classes import ParameterClass
from setpoint.policy.detect import find_incidents
from setpoint.policy.policies import PolicySet
from setpoint.policy.rules import Lock, Policy
from setpoint.policy.selector import Selector
from setpoint.policy.verdict import Outcome

EARLIER = datetime(2026, 6, 3, 11, tzinfo=UTC)
LOCKED = Policy(name="p", locks=(Lock(id="l", parameters=("work",), outcome=Outcome.ASK),))


def entry(text: str, *, kind: OriginKind = OriginKind.FILE, line: int = 7, **more) -> Origin:
    return Origin(kind=kind, text=text, file="/etc/db.conf", line=line, is_in_force=True, **more)


def setting(value: str | None, *, origin: Origin | None = None, others=(), **more) -> ObservedSetting:
    own = origin or (entry(value) if value is not None else None)
    return ObservedSetting(value=value, origins=(*((own,) if own else ()), *others), **more)


def default(value: str, **more) -> ObservedSetting:
    return setting(value, origin=Origin(kind=OriginKind.DEFAULT, text=value, is_in_force=True), **more)


def role(text: str, name: str = "app") -> Origin:
    return Origin(kind=OriginKind.ROLE, text=text, scope=f"role {name}")


def seen(at: datetime = AT, **settings: ObservedSetting) -> Observation:
    return Observation(instance="db", engine="invented", at=at, facts=Facts(), settings=settings)


def found(now, before=None, desired=None, *, policy=LOCKED, waivers=(), at=AT, catalog=CATALOG):
    earlier = seen(EARLIER, work=before) if isinstance(before, ObservedSetting) else before
    look = seen(work=now) if isinstance(now, ObservedSetting) else now
    policies = PolicySet.of({policy.name: policy})
    here = subject(catalog=catalog)
    return find_incidents(here, earlier, look, desired or {}, catalog, policies, waivers, at)


def test_a_managed_parameter_that_runs_with_another_value_is_one():
    (incident,) = found(setting("64MB"), setting("8MB"), {"WORK": "8192kB"})
    assert (incident.parameter, incident.before, incident.after) == ("work", "8MB", "64MB")
    assert incident.origin == "file /etc/db.conf:7"
    assert (incident.is_managed, incident.rules) == (True, ("p/l",))
    assert (incident.found_at, incident.seen_before_at) == (AT, EARLIER)


def test_what_is_as_desired_or_normalised_or_ours_and_waiting_is_none():
    desired = {"work": "8MB"}
    assert found(setting("8192"), None, desired) == ()
    assert found(setting("8192", origin=entry("8MB")), setting("64MB"), desired) == ()
    assert found(setting("16MB", origin=entry("8MB")), None, desired) == ()
    assert found(setting("4MB", pending="8MB"), None, desired) == ()


def test_a_value_that_waits_for_a_restart_counts_although_the_right_one_runs():
    here = setting("8MB", pending="64MB", others=(Origin(kind=OriginKind.PERSISTED, text="64MB"),))
    (incident,) = found(here, setting("8MB"), {"work": "8MB"})
    assert (incident.after, incident.origin) == ("64MB", "persisted")
    assert incident.seen_before_at == EARLIER


def test_the_same_deviation_is_the_same_incident_wherever_its_line_moves():
    desired = {"work": "8MB"}
    (first,) = found(setting("64MB"), setting("8MB"), desired)
    later = AT + timedelta(hours=1)
    (again,) = found(setting("64MB", origin=entry("64MB", line=9)), setting("64MB"), desired, at=later)
    assert again.id == first.id
    assert again.seen_before_at is None
    (other,) = found(setting("32MB"), setting("64MB"), desired)
    assert other.id != first.id


def test_a_command_line_that_wins_is_one():
    below = Origin(kind=OriginKind.FILE, text="8MB", file="/etc/db.conf", line=3)
    line = Origin(kind=OriginKind.COMMAND_LINE, text="64MB", is_in_force=True)
    (incident,) = found(setting("64MB", origin=line, others=(below,)), None, {"work": "8MB"})
    assert incident.origin == "command line"


def test_an_entry_that_the_engine_cannot_use_is_one_though_the_value_stands():
    broken = entry("8QB", fault="no such unit")
    (incident,) = found(setting("8MB", origin=broken), setting("8MB"), {"work": "8MB"})
    assert (incident.before, incident.after, incident.seen_before_at) == ("8MB", "8QB", EARLIER)


def test_what_no_lock_speaks_of_is_none():
    assert found(setting("64MB"), None, {"work": "8MB"}, policy=Policy(name="p")) == ()
    elsewhere = msgspec.structs.replace(LOCKED, scope=Selector(environments=("test",)))
    assert found(setting("64MB"), None, {"work": "8MB"}, policy=elsewhere) == ()
    now = seen(cost=setting("9"))
    assert found(now, None, {"cost": "4"}) == ()


def test_a_lock_by_class_counts():
    by_class = Policy(name="p", locks=(Lock(id="c", classes=CLASSES["safe"]),))
    now = seen(safe=setting("off"), work=setting("64MB"))
    incidents = found(now, None, {"safe": "on", "work": "8MB"}, policy=by_class)
    assert [each.parameter for each in incidents] == ["safe"]


def test_an_unmanaged_parameter_is_one_when_it_changed_since_the_last_look():
    (incident,) = found(setting("64MB"), setting("4096"))
    assert (incident.before, incident.after, incident.is_managed) == ("4MB", "64MB", False)
    assert incident.seen_before_at == EARLIER
    assert found(setting("64MB")) == ()
    assert found(setting("4MB"), setting("4096")) == ()
    assert found(setting("64MB"), seen(EARLIER)) == ()
    (waiting,) = found(setting("4MB", pending="64MB"), setting("4MB"))
    assert waiting.after == "64MB"
    assert found(setting("4MB", pending="64MB"), setting("4MB", pending="65536kB")) == ()
    assert found(setting("64MB"), setting("4MB", pending="64MB")) == ()


def test_what_the_engine_works_out_itself_follows_other_settings():
    assert found(default("64MB"), default("4MB")) == ()
    assert len(found(default("64MB"), setting("4MB"))) == 1


def test_a_value_that_cannot_be_seen_is_no_change():
    assert found(setting(None), setting("4MB")) == ()
    assert found(setting(None), setting("4MB"), {"work": "4MB"}) == ()
    assert found(setting("4MB"), setting(None)) == ()


def test_a_value_that_a_lock_demands_is_held_to_managed_or_not():
    policy = Policy(name="p", locks=(Lock(id="l", parameters=("work",), value="8MB"),))
    assert found(setting("8192kB"), policy=policy) == ()
    (incident,) = found(setting("64MB"), policy=policy)
    assert (incident.before, incident.after) == ("8MB", "64MB")
    assert len(found(setting("64MB"), None, {"work": "64MB"}, policy=policy)) == 1
    assert len(found(setting("8MB", pending="64MB"), policy=policy)) == 1
    assert found(setting("64MB", pending="8MB"), policy=policy) == ()


def test_a_role_or_database_with_a_value_of_its_own_is_one_when_it_appeared():
    (incident,) = found(setting("4MB", others=(role("64MB"),)), setting("4MB"))
    assert (incident.before, incident.after, incident.origin) == ("4MB", "64MB", "role app")
    assert incident.seen_before_at == EARLIER
    here = setting("4MB", others=(role("64MB"),))
    assert found(here, setting("4MB", others=(role("65536kB"),))) == ()
    assert found(here) == ()
    (changed,) = found(here, setting("4MB", others=(role("8MB"),)))
    assert (changed.before, changed.after) == ("8MB", "64MB")
    assert len(found(setting("4MB", others=(role("8MB"), role("8MB", "web"))), setting("4MB"))) == 2


def test_a_role_that_deviates_from_what_is_desired_or_demanded_is_one_at_first_sight():
    here = setting("4MB", others=(role("64MB"),))
    assert len(found(here, None, {"work": "4MB"})) == 1
    assert found(setting("4MB", others=(role("4096kB"),)), None, {"work": "4MB"}) == ()
    demanding = Policy(name="p", locks=(Lock(id="l", parameters=("work",), value="4MB"),))
    assert len(found(here, policy=demanding)) == 1


def test_a_session_of_ours_is_no_incident():
    session = Origin(kind=OriginKind.SESSION, text="64MB")
    assert found(setting("4MB", others=(session,)), setting("4MB")) == ()


@pytest.mark.parametrize(
    ("accepted", "is_found"),
    [
        (waiver(parameter="WORK"), False),
        (waiver(parameter="work", rule="p/l"), False),
        (waiver(rule="p/l"), False),
        (waiver(parameter="work", rule="p/other"), True),
        (waiver(parameter="cost"), True),
        (waiver(parameter="work", ends_at=AT), True),
        (waiver(parameter="work", scope=Selector(instances=("other",))), True),
    ],
)
def test_what_is_waived_is_none(accepted, is_found):
    assert bool(found(setting("64MB"), None, {"work": "8MB"}, waivers=[accepted])) is is_found


def test_of_two_locks_the_one_that_is_not_waived_still_speaks():
    both = msgspec.structs.replace(LOCKED, locks=(*LOCKED.locks, Lock(id="m", parameters=("work",))))
    (incident,) = found(
        setting("64MB"), None, {"work": "8MB"}, policy=both, waivers=[waiver(parameter="work", rule="p/l")]
    )
    assert incident.rules == ("p/m",)


def test_what_nobody_can_set_is_locked_by_name_alone():
    fixed = tuple(
        msgspec.structs.replace(each, context=Context.FIXED) if each.name == "work" else each
        for each in CATALOG.parameters
    )
    catalog = Catalog(msgspec.structs.replace(CATALOG.data, parameters=fixed), CATALOG.grammar)
    by_class = Policy(name="p", locks=(Lock(id="c", classes=(ParameterClass.PERFORMANCE,)),))
    assert found(setting("64MB"), setting("4MB"), policy=by_class, catalog=catalog) == ()
    assert len(found(setting("64MB"), setting("4MB"), catalog=catalog)) == 1


def test_incidents_come_sorted_and_an_unlisted_parameter_says_nothing():
    policy = Policy(name="p", locks=(Lock(id="l", parameters=("work", "cost", "safe", "nope")),))
    now = seen(work=setting("64MB"), cost=setting("9"), nope=setting("x"))
    incidents = found(now, None, {"work": "8MB", "cost": "4", "safe": "on"}, policy=policy)
    assert [each.parameter for each in incidents] == ["cost", "work"]
