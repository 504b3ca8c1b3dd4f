"""The clients of MySQL and MariaDB carry out what is written for them, with nothing but two files."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.chaos.site import await_that
from tests.live.mysql.native_client import SEAL, Client, job
from tests.live.mysql.scene import by_hand, running, target_of

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.frames import read_frames
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Plan, Request, Step, StepKind
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Reply
from setpoint.engines.session import observe
from setpoint.errors import TamperedError

pytestmark = pytest.mark.live
DESIRED = {"max_connections": "171", "innodb_io_capacity": "321", "sort_buffer_size": "4M"}
EVENTS = "SELECT COUNT(*) FROM information_schema.events WHERE event_name LIKE 'setpoint%'"
NONSENSE = Step(kind=StepKind.SET, do=(Request(text="this is no statement", is_read_only=False),))
NASTY = (
    r"""SET @a = 'it''s \\ // \g $(x) &b :c "d` -- e' # f""",
    "SET @a = 'it''s\nDELIMITER ;\n// \"x` ; -- y\n@setpoint end done'",
    "SET @a = '\u00e9\u20ac' /* // */",
)


@pytest.fixture
def client(mysql_family_each, tmp_path):
    by_hand(mysql_family_each, "SET GLOBAL event_scheduler = OFF")
    yield Client(mysql_family_each, tmp_path)
    for name in (*DESIRED, "init_connect", "sql_mode"):
        if mysql_family_each.binaries.kind == "mysql":
            by_hand(mysql_family_each, f"RESET PERSIST IF EXISTS {name}")
        by_hand(mysql_family_each, f"SET GLOBAL {name} = DEFAULT")


def look(client: Client, *, user: str = "root", has_agent: bool = False):
    target = target_of(client.server, has_agent=has_agent, user=user)
    with closing(client.engine.connect(target, is_read_only=True)) as driver:
        return observe(client.engine, driver, "db", at=datetime.now(UTC))


def looked(client: Client, told):
    version = client.engine.connect(target_of(client.server), is_read_only=True).version
    rows = client.native.rows(told.answer(1, SEAL))
    reply = Reply(rows=rows, fallback=told.fallbacks[1])
    return client.engine.read("db", reply, at=datetime.now(UTC), version=version)[0]


def asking(client: Client) -> str:
    with closing(client.engine.connect(target_of(client.server), is_read_only=True)) as driver:
        return client.native.asking(job(), 1, client.engine.observe(driver.version))


def plan(client: Client, desired: dict[str, str], *, has_agent: bool = False, passing: bool = False) -> Plan:
    observation, catalog = look(client, has_agent=has_agent)
    kind = LayerKind.OVERRIDE if passing else LayerKind.INSTANCE
    now = datetime.now(UTC)
    resolved = resolve([Layer(kind, "db", desired)], now)
    return make_plan(client.engine, resolved, observation, catalog, revision="r1")


def texts(client: Client) -> dict[str, str]:
    return {name: running(client.server, name) for name in DESIRED}


def order(client: Client, made: Plan, *, seconds: float) -> Order:
    now = datetime.now(UTC)
    steps = [step for step in made.steps if step.parameter]
    return Order(
        override=f"native-{now.timestamp():.0f}",
        instance="db",
        engine=client.engine.name,
        target="",
        backs=tuple(
            Back(parameter=s.parameter, ours=s.text, back=s.prior.persisted, running=s.prior.running)
            for s in steps
        ),
        deadline=now + timedelta(seconds=seconds),
        written_at=now,
    )


def states(told) -> list[tuple[int, str]]:
    return [(each.number, each.state) for each in told.steps]


def make_login(client: Client, name: str, *rights: str) -> None:
    by_hand(
        client.server,
        f"DROP USER IF EXISTS {name}",
        f"CREATE USER {name}",
        *(f"GRANT {right} TO {name}" for right in rights),
    )


def test_what_it_collects_is_what_a_connection_observes(client):
    told = client.tell(asking(client))
    assert (told.end, told.refused, told.bundle) == ("done", "", "b1f3")
    found, direct = looked(client, told), look(client)[0]
    assert found.settings == direct.settings
    assert found.metrics.keys() == direct.metrics.keys()
    assert msgspec.structs.replace(found.facts, sources={}).version == direct.facts.version
    assert client.said == "" or "ssl-verify-server-cert" in client.said


def test_a_session_of_its_own_does_not_colour_what_it_collects(client):
    word = "PERSIST" if client.server.binaries.kind == "mysql" else "GLOBAL"
    by_hand(client.server, f"SET {word} sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'")
    assert looked(client, client.tell(asking(client))).settings == look(client)[0].settings


@pytest.mark.parametrize("rights", [(), ("PROCESS ON *.*",)])
def test_a_lesser_login_collects_what_it_may_see_and_says_what_not(client, rights):
    more = ("SELECT ON performance_schema.*",) if client.server.binaries.kind == "mysql" and rights else ()
    make_login(client, "lesser", *rights, *more)
    if client.server.binaries.kind == "mysql" and not rights:
        make_login(client, "lesser", "SELECT ON performance_schema.persisted_variables",
                   "SELECT ON performance_schema.variables_info")  # fmt: skip
    lesser = Client(client.server, client.folder, user="lesser")
    found, direct = looked(client, lesser.tell(asking(client))), look(client, user="lesser")[0]
    assert found.settings == direct.settings
    assert found.unseen == direct.unseen


def test_it_tells_the_same_identity_after_a_restart(client):
    first = client.tell().begin["identity"]
    client.server.restart()
    assert first
    assert client.tell().begin["identity"] == first


def test_a_plan_is_carried_out_and_seen_at_the_end(client):
    made = plan(client, DESIRED)
    script = client.native.applying(job(), made.steps, None)
    told = client.tell(script, asking(client), given=job(client.tell().begin["identity"]))
    assert told.end == "done"
    assert states(told) == [(n, state) for n in (1, 2, 3) for state in ("begun", "done")]
    assert texts(client) == {"max_connections": "171", "innodb_io_capacity": "321",
                             "sort_buffer_size": "4194304"}  # fmt: skip
    assert looked(client, told).settings["max_connections"].value == "171"
    again = client.tell(script)
    assert (again.refused, again.refusal["parameter"], again.steps) == ("base", made.steps[0].parameter, [])


@pytest.mark.parametrize("text", NASTY)
def test_values_arrive_as_they_are_meant(client, text):
    made = plan(client, {"init_connect": text})
    whole = dataclasses.replace(job(), bundle=text)
    told = client.tell(client.native.applying(whole, made.steps, None), asking(client), given=whole)
    assert (told.bundle, told.end) == (text, "done")
    assert running(client.server, "init_connect") == text
    assert looked(client, told).settings == look(client)[0].settings


def test_where_the_base_moved_nothing_is_written(client):
    made = plan(client, DESIRED)
    last = made.steps[-1].parameter
    word = "PERSIST" if client.server.binaries.kind == "mysql" else "GLOBAL"
    by_hand(client.server, f"SET {word} {last} = 3145728")
    before = texts(client)
    told = client.tell(client.native.applying(job(), made.steps, None), asking(client))
    assert (told.refused, told.refusal["parameter"]) == ("base", last)
    assert (told.steps, told.answers, told.end) == ([], {}, "failed")
    assert texts(client) == before


@pytest.mark.parametrize(
    ("kind", "given"), [("expired", job(seconds=-5)), ("identity", job("another's identity"))]
)
def test_too_late_or_elsewhere_nothing_is_written(client, kind, given):
    before = texts(client)
    made = plan(client, DESIRED)
    told = client.tell(client.native.applying(given, made.steps, None), asking(client), given=given)
    assert (told.refused, told.steps, told.answers, told.end) == (kind, [], {}, "failed")
    assert texts(client) == before


def test_a_step_that_fails_has_all_taken_back(client):
    before = look(client)[0].settings
    made = plan(client, DESIRED)
    steps = (*made.steps[:2], NONSENSE, *made.steps[2:])
    told = client.tell(client.native.applying(job(), steps, None), asking(client))
    assert states(told) == [
        (1, "begun"), (1, "done"), (2, "begun"), (2, "done"), (3, "begun"), (3, "failed"),
        (3, "back done"), (2, "back done"), (1, "back done"),
    ]  # fmt: skip
    assert told.end == "failed"
    assert look(client)[0].settings == before
    assert looked(client, told).settings["max_connections"].value == before["max_connections"].value


def test_what_a_server_refuses_is_told_in_its_words(client):
    made = plan(client, {"max_connections": "171"})
    step = made.steps[0]
    text = step.do[0].text.replace("171", "'many'")
    bad = msgspec.structs.replace(step, do=(Request(text=text, is_read_only=False),))
    told = client.tell(client.native.applying(job(), (bad,), None))
    assert states(told) == [(1, "begun"), (1, "failed"), (1, "back done")]
    assert "# Incorrect argument type to variable 'max_connections'" in client.output


def test_a_client_that_would_end_at_an_error_writes_nothing(client):
    before = texts(client)
    client.left_out = ("--force",)
    told = client.tell(client.native.applying(job(), plan(client, DESIRED).steps, None))
    assert (told.steps, told.end) == ([], "")
    assert texts(client) == before


def test_a_login_without_the_right_is_refused_before_the_first_write(client):
    sees = ("SELECT ON performance_schema.*",) if client.server.binaries.kind == "mysql" else ()
    make_login(client, "lesser", *sees)
    made = plan(client, DESIRED)
    told = Client(client.server, client.folder, user="lesser").tell(
        client.native.applying(job(), made.steps, None)
    )
    assert (told.refused, told.steps) == ("right", [])
    assert "SYSTEM_VARIABLES_ADMIN" in told.refusal["why"] or "SUPER" in told.refusal["why"]


def test_a_login_with_the_least_rights_may(client):
    is_mysql = client.server.binaries.kind == "mysql"
    rights = ("SYSTEM_VARIABLES_ADMIN ON *.*", "SELECT ON performance_schema.*")
    make_login(client, "lesser", *(rights if is_mysql else ("SUPER, CONNECTION ADMIN ON *.*",)))
    made = plan(client, DESIRED)
    lesser = Client(client.server, client.folder, user="lesser")
    assert lesser.tell(client.native.applying(job(), made.steps, None)).end == "done"


def test_what_cannot_be_asked_is_told_in_the_servers_words(client):
    told = client.tell(client.native.asking(job(), 1, Request(text="SELECT no_such_column")))
    assert (told.refused, told.answers, told.end) == ("statement", {}, "failed")
    assert "'no_such_column'" in told.refusal["why"]


def test_while_another_holds_the_instance_nothing_is_written(client):
    made = plan(client, DESIRED)
    with closing(client.engine.connect(target_of(client.server), is_read_only=False)) as driver:
        driver.lock("apply by ada")
        told = client.tell(client.native.applying(job(), made.steps, None))
    assert (told.refused, told.steps) == ("held", [])


def test_a_tampered_result_is_found_out(client):
    output = client.carry(client.script(asking(client)))
    client.folder.joinpath("out.txt").write_text(output.replace("max_connections", "max_connection5", 1))
    told = read_frames(client.output, "out.txt")
    with pytest.raises(TamperedError, match="answer 1"):
        told.answer(1, SEAL)
    assert SEAL not in output


def test_a_persons_own_settings_of_the_client_do_not_matter(client):
    conf = "[client]\ntable\nhtml\nshow-warnings\nsafe-updates\n[mysql]\nvertical\ncolumn-names\nxml\n"
    odd = Client(client.server, client.folder, conf=conf)
    told = odd.tell(asking(client))
    assert looked(client, told).settings == look(client)[0].settings


def test_a_step_of_the_agent_is_left_to_the_operator_with_its_file(client):
    if client.server.binaries.kind != "mariadb":
        pytest.skip("MySQL keeps such values itself")
    made = plan(client, {"thread_stack": "327680", "max_connections": "171"}, has_agent=True)
    told = client.tell(client.native.applying(job(), made.steps, None))
    assert told.end == "done"
    left = {number for number, state in states(told) if state == "left"}
    assert [step.parameter for n, step in enumerate(made.steps, 1) if n in left] == [
        "max_connections", "thread_stack", "",
    ]  # fmt: skip
    assert running(client.server, "max_connections") == "171"
    client.server.fragment_path.write_text(client.native.fragment(made.steps), encoding="utf-8")
    client.server.restart()
    try:
        assert running(client.server, "thread_stack") == "327680"
        assert plan(client, {"thread_stack": "327680", "max_connections": "171"}, has_agent=True).is_empty
    finally:
        client.server.fragment_path.unlink()
        client.server.restart()


def test_a_temporary_change_is_ended_by_an_event_with_nobody_connected(client):
    by_hand(client.server, "SET GLOBAL event_scheduler = ON")
    before = texts(client)
    made = plan(client, DESIRED)
    told = client.tell(client.native.applying(job(), made.steps, order(client, made, seconds=4)))
    assert (told.end, told.armed["state"]) == ("done", "armed")
    assert "event of the server" in told.armed["detail"]
    assert texts(client) != before
    await_that(lambda: not by_hand(client.server, EVENTS)[0][0], "the event has acted")
    assert texts(client) == before


def test_without_a_scheduler_the_client_stays_and_ends_it_itself(client):
    before = texts(client)
    made = plan(client, DESIRED)
    script = client.native.applying(job(), made.steps, order(client, made, seconds=4))
    with client.start(client.script(script, asking(client))) as process:
        await_that(lambda: running(client.server, "max_connections") == "171", "it was written")
        process.communicate(timeout=60)
    told = read_frames(client.output, "out.txt")
    assert (told.end, told.armed["state"]) == ("done", "armed")
    assert "this client stays" in told.armed["detail"]
    assert "the scheduler is off" in told.armed["detail"]
    assert states(told)[-3:] == [(3, "back done"), (2, "back done"), (1, "back done")]
    assert texts(client) == before
    assert looked(client, told).settings["max_connections"].value == before["max_connections"]
    assert running(client.server, "event_scheduler") == "OFF"


def test_a_client_that_stays_leaves_a_persons_later_change(client):
    before = texts(client)
    made = plan(client, DESIRED)
    script = client.native.applying(job(), made.steps, order(client, made, seconds=4))
    word = "PERSIST" if client.server.binaries.kind == "mysql" else "GLOBAL"
    with client.start(client.script(script)) as process:
        await_that(lambda: running(client.server, "sort_buffer_size") == "4194304", "it was written")
        by_hand(client.server, f"SET {word} max_connections = 181")
        process.communicate(timeout=60)
    assert texts(client) == {**before, "max_connections": "181"}


def test_a_temporary_change_that_fails_leaves_no_event(client):
    by_hand(client.server, "SET GLOBAL event_scheduler = ON")
    before = texts(client)
    made = plan(client, DESIRED)
    script = client.native.applying(job(), (*made.steps, NONSENSE), order(client, made, seconds=3600))
    told = client.tell(script)
    assert told.end == "failed"
    assert texts(client) == before
    assert by_hand(client.server, EVENTS)[0][0] == 0


def test_after_its_deadline_a_temporary_change_is_not_begun(client):
    before = texts(client)
    made = plan(client, DESIRED)
    told = client.tell(client.native.applying(job(), made.steps, order(client, made, seconds=-1)))
    assert (told.refused, told.steps) == ("unarmed", [])
    assert texts(client) == before
