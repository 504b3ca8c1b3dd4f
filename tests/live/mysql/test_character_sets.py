"""A character set takes its collation with it: after whatever way back both are as they were."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.chaos.site import await_that
from tests.chaos.site_mysql import ENGINES, MysqlSite, clear
from tests.live.mysql.scene import agent_command, by_hand, target_of

from setpoint.config.configuration import Instance
from setpoint.config.override import LinkKind, LinkState
from setpoint.control.overrides import ending, guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.mysql.dialect.coupling import own_collation
from setpoint.engines.session import observe
from setpoint.errors import InputErrors

NAMES = [
    f"{what}_{scope}"
    for scope in ("server", "database", "connection")
    for what in ("character_set", "collation")
]
BOTH = {"character_set_server": "latin1", "collation_server": "latin1_bin"}
OF_A_PERSON = "utf8mb4_bin"
"""The own collation of no character set: what a character set alone does not bring back."""


def state(server) -> tuple[dict[str, str], dict[str, str]]:
    names = ", ".join(f"@@GLOBAL.{name}" for name in NAMES)
    running = dict(zip(NAMES, by_hand(server, f"SELECT {names}")[0], strict=True))
    if server.binaries.kind == "mariadb":
        return running, {}
    kept = by_hand(server, "SELECT * FROM performance_schema.persisted_variables")
    return running, {str(name): str(text) for name, text in kept}


@pytest.fixture
def server(mysql_family_each):
    server = mysql_family_each
    before = state(server)[0]
    by_hand(server, "SET GLOBAL event_scheduler = ON", f"SET GLOBAL collation_server = '{OF_A_PERSON}'")
    yield server
    clear(server)
    server.fragment_path.unlink(missing_ok=True)
    by_hand(server, *(f"SET GLOBAL {name} = '{text}'" for name, text in before.items()))


@pytest.fixture
def site(server, tmp_path):
    made = MysqlSite(tmp_path, server)
    yield made
    made.setpoint.close()


@pytest.fixture
def host(site):
    context = site.host()
    yield context
    for order in Spool(context.state / "guardian").orders():
        guardian.disarm(context.state / "guardian", order.override)


def with_agent(site) -> None:
    kind, command = site.server.binaries.kind, agent_command(site.server)
    instance = Instance(engine=kind, target=site.server.dsn, agent_command=command)
    site.setpoint.change_instance("shop", instance, reason="it has an agent")


def ask(site, **settings: str | None):
    site.setpoint.change_settings("instance:shop", settings, reason="wanted")
    return site.setpoint.plan("shop").plan


@pytest.mark.parametrize("has_agent", [False, True], ids=["no agent", "agent"])
@pytest.mark.parametrize(
    "wanted",
    [
        BOTH,
        {"character_set_server": "latin1"},
        {"collation_server": "latin1_bin"},
        {"collation_server": "utf8mb4_unicode_ci"},
        {"character_set_database": "ascii"},
        {"character_set_connection": "ascii", "collation_connection": "ascii_bin"},
    ],
    ids=" ".join,
)
def test_both_are_taken_back(site, wanted, has_agent):
    if has_agent:
        with_agent(site)
    before = state(site.server)
    plan = ask(site, **wanted)
    assert not plan.blocked
    site.setpoint.apply(plan)
    during = state(site.server)[0]
    assert {name: during[name] for name in wanted} == wanted
    assert site.setpoint.plan("shop").plan.is_empty
    site.setpoint.undo("shop")
    assert state(site.server) == before


def test_both_go_back_once_nobody_asks_for_them_any_more(site):
    with_agent(site)
    before = state(site.server)
    site.setpoint.apply(ask(site, **BOTH))
    site.setpoint.apply(ask(site, **dict.fromkeys(BOTH)))
    assert state(site.server) == before
    assert site.setpoint.plan("shop").plan.is_empty


def test_a_character_set_that_stays_leaves_its_collation(site):
    if site.server.binaries.kind == "mysql":
        plan = ask(site, character_set_server="utf8mb4")
        assert plan.is_empty
        return
    with_agent(site)
    plan = ask(site, character_set_server="utf8mb4")
    assert not plan.is_empty
    site.setpoint.apply(plan)
    assert state(site.server)[0]["collation_server"] == OF_A_PERSON


def test_a_kept_collation_comes_back_with_its_character_set(site):
    if site.server.binaries.kind == "mariadb":
        pytest.skip("MariaDB keeps nothing itself")
    by_hand(site.server, f"SET PERSIST collation_server = '{OF_A_PERSON}'")
    before = state(site.server)
    site.setpoint.apply(ask(site, **BOTH))
    site.setpoint.undo("shop")
    assert state(site.server) == before


def test_it_is_told_that_a_character_set_takes_its_collation_with_it(site):
    (told,) = (said for said in ask(site, character_set_server="latin1").warnings if "takes c" in said)
    assert told == (
        "character_set_server = latin1 takes collation_server with it (utf8mb4_bin now): set both to choose"
    )
    assert not any("takes c" in said for said in ask(site, **BOTH).warnings)


def test_a_collation_of_another_character_set_is_refused(site):
    plan = ask(site, character_set_server="latin1", collation_server="utf8mb4_bin")
    assert plan.is_empty
    assert {each.parameter for each in plan.blocked} <= {*BOTH}
    assert "is none of" in plan.blocked[0].why


def test_an_override_that_would_leave_another_collation_behind_is_refused(site, host):
    with pytest.raises(InputErrors, match="collation_server with it, and going back to utf8mb4 would bring"):
        site.start(host, character_set_server="latin1")
    assert state(site.server)[0]["collation_server"] == OF_A_PERSON


def test_an_override_of_both_is_ended_with_both_as_they_were(site, host):
    before = state(site.server)
    override = site.start(host, **BOTH)
    ending.end(host, override.id, because="enough")
    assert not site.now(override.id).clashes
    assert state(site.server) == before


def test_the_event_puts_both_back(site, host):
    before = state(site.server)
    override = site.start(host, seconds=2.0, **BOTH)
    assert {link.kind: link.state for link in override.links}[LinkKind.TARGET_SWITCH] is LinkState.ARMED
    assert state(site.server) != before
    await_that(lambda: not site.events, "the event has acted")
    assert state(site.server) == before


def test_what_is_taken_for_a_character_sets_own_collation_is_what_a_server_brings(server):
    engine = ENGINES[server.binaries.kind]
    with closing(engine.connect(target_of(server), is_read_only=True)) as driver:
        observation, _ = observe(engine, driver, "db", at=datetime(2026, 1, 1, tzinfo=UTC))
    told = observation.settings.get("default_collation_for_utf8mb4")
    names = [
        row[0] for row in by_hand(server, "SELECT character_set_name FROM information_schema.character_sets")
    ]
    brought = {}
    for name in names:
        if name in ("ucs2", "utf16", "utf16le", "utf32", "filename"):
            continue
        by_hand(server, f"SET GLOBAL character_set_server = {name}")
        brought[name] = state(server)[0]["collation_server"]
    assert brought == {name: own_collation(name, told.value if told else None) for name in brought}
    assert len(brought) > 30
