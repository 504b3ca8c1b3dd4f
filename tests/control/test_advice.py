"""Templates, advice and harvests: what control hands to the rooms below."""

from __future__ import annotations

import msgspec
import pytest
from tests.control.conftest import Simulated

from setpoint import Setpoint
from setpoint.catalog import Catalog, encode_catalog
from setpoint.config.configuration import Group, Instance, TemplateUse
from setpoint.config.facts import DeclaredFacts
from setpoint.control.harvest import harvest
from setpoint.engines.registry import get_engine
from setpoint.errors import UnreachableError

OLTP, OLAP = TemplateUse(name="oltp", version=1), TemplateUse(name="olap", version=1)


@pytest.fixture
def real(tmp_path, postgresql):
    with Setpoint.create(str(tmp_path / "real.db"), actor="ada") as made:
        facts = DeclaredFacts(ram_bytes=16 * 1024**3, vcpu=4.0, storage="ssd")
        made.put_group("shops", Group(engine="postgresql", template=OLTP), reason="group")
        instance = Instance(engine="postgresql", target=postgresql.dsn, group="shops", facts=facts)
        made.add_instance("db", instance, reason="registered")
        made.observe("db")
        yield made


def test_a_template_comes_by_group_or_by_instance_and_the_nearer_wins(real):
    assert str(real.effective("db")["work_mem"].layer) == "template oltp@1"
    by_group = real.plan("db").plan
    real.assign_template("db", OLAP, reason="reports")
    assert str(real.effective("db")["work_mem"].layer) == "template olap@1"
    assert real.plan("db").plan.expected != by_group.expected
    real.change_settings("instance:db", {"work_mem": "3MB"}, reason="measured")
    assert [str(each) for each in real.effective("db")["work_mem"].chain] == [
        "template olap@1",
        "instance db",
    ]
    real.change_settings("instance:db", {}, removed=["work_mem"], reason="back")
    real.assign_template("db", None, reason="the group's")
    assert real.plan("db").plan.expected == by_group.expected
    assert dict(real.view().settings("db", real.now())) == real.effective("db")


def test_advice_waits_where_there_is_no_load_and_is_the_same_twice(real):
    _, advice = real.advise("db")
    assert not [each for each in advice.recommendations if each.is_from_workload]
    assert advice.silent
    evidence, first = real.advise("db", is_fresh=False)
    again, second = real.advise("db", is_fresh=False)
    assert (evidence.observation, first) == (again.observation, second)


def test_a_harvest_reads_back_as_the_catalog_it_came_from():
    engine = get_engine("simulated")
    data = harvest(engine, "memory:harvested", secret=lambda: None, describe_config="", timeout_seconds=5)
    text = encode_catalog(data)
    read = msgspec.json.decode(text, type=type(data))
    assert Catalog(read, engine.grammar).data == Catalog(data, engine.grammar).data
    assert len(text.splitlines()) == len(data.parameters) + 2


def test_a_server_that_is_down_is_not_harvested():
    server = Simulated("memory:down")
    server.take_down()
    with pytest.raises(UnreachableError):
        harvest(
            get_engine("simulated"),
            server.address,
            secret=lambda: None,
            describe_config="",
            timeout_seconds=1,
        )
