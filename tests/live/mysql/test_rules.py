"""Advice from a real load on a real server, and values that the server takes and keeps."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.live.mysql.scene import by_hand, running, target_of

from setpoint.catalog import Catalog, Version
from setpoint.config.budget import compile_claims, typed_values
from setpoint.config.facts import DeclaredFacts
from setpoint.config.observation import Observation
from setpoint.engines.port import Engine
from setpoint.engines.registry import get_engine, template_texts
from setpoint.engines.session import observe
from setpoint.lab.mysql_server import PrivateMysql
from setpoint.lab.sysbench import Sysbench, SysbenchBinary
from setpoint.recommend import Advice, Evidence, advise
from setpoint.templates import Library, choose, prepare

pytestmark = pytest.mark.live
MB, GB = 2**20, 2**30
POOL = "innodb_buffer_pool_size"
DECLARED = DeclaredFacts(ram_bytes=2 * GB, connections=20, storage="ssd")
SMALL_POOL_MB, TABLES, ROWS, SECONDS = 24, 4, 60_000, 8
PARAMETERS = (POOL, "max_connections", "sort_buffer_size", "innodb_io_capacity", "innodb_flush_neighbors")


class Scene(NamedTuple):
    server: PrivateMysql
    engine: Engine
    load: Any = None

    def observe(self) -> tuple[Observation, Catalog]:
        with closing(self.engine.connect(target_of(self.server), is_read_only=True)) as driver:
            return observe(self.engine, driver, "db", at=datetime.now(UTC))

    def evidence(self, earlier: Observation | None = None) -> Evidence:
        observation, catalog = self.observe()
        facts = observation.facts.with_declared(DECLARED)
        claims = compile_claims(self.engine.claims(), catalog)
        return Evidence(observation, catalog, facts, claims, earlier=earlier)

    def advise(self, earlier: Observation | None = None) -> tuple[Advice, Evidence]:
        evidence = self.evidence(earlier)
        return advise(self.engine.rules(), evidence), evidence

    def advise_after_load(self, before: Observation) -> tuple[Advice, Evidence]:
        """Run the load until it has told enough for a window of its own: at most about a minute."""
        while True:
            self.load.run(SECONDS)
            advice, evidence = self.advise(before)
            if evidence.window is not None and evidence.window.is_between:
                return advice, evidence

    def set(self, name: str, text: str, catalog: Catalog) -> None:
        value = catalog.parse(name, text)
        by_hand(self.server, f"SET GLOBAL {name} = {value if isinstance(value, int) else repr(text)}")

    def misses(self) -> tuple[float, float]:
        metrics = self.observe()[0].metrics
        return metrics["buf.physical_reads"], metrics["txn.commit"]


@pytest.fixture(scope="module")
def scene(mariadb: PrivateMysql, sysbench: SysbenchBinary) -> Scene:
    """Data of about 60 MB, and a pool that holds less than half of it."""
    engine = get_engine("mariadb")
    load = Sysbench(
        sysbench, mariadb.binaries, mariadb.connection, tables=TABLES, rows=ROWS, threads=4, choice="uniform"
    )
    load.fill()
    by_hand(mariadb, f"SET GLOBAL {POOL} = {SMALL_POOL_MB * MB}")
    return Scene(mariadb, engine, load)


def test_a_load_over_a_small_pool_makes_the_pool_s_rule_speak_and_the_server_takes_its_value(scene):
    before, _ = scene.observe()
    reads_before, commits_before = scene.misses()
    advice, evidence = scene.advise_after_load(before)
    assert not [silence for silence in advice.silent if silence.code == "MY001"]
    assert POOL in advice.settings()
    (recommendation,) = [each for each in advice.recommendations if each.code == "MY001"]
    assert recommendation.is_from_workload
    assert not recommendation.needs_restart
    assert advice == advise(scene.engine.rules(), evidence)

    reads, commits = scene.misses()
    misses_small = (reads - reads_before) / (commits - commits_before)
    scene.set(POOL, recommendation.proposed, evidence.catalog)
    wanted = evidence.catalog.parse(POOL, recommendation.proposed)
    assert running(scene.server, POOL) == str(wanted)

    scene.load.run(SECONDS)  # fills the pool
    reads, commits = scene.misses()
    scene.load.run(SECONDS)
    more_reads, more_commits = scene.misses()
    misses_large = (more_reads - reads) / (more_commits - commits)
    assert misses_large < misses_small / 4

    again, _ = scene.advise(before)
    assert POOL not in again.settings()


def test_every_value_that_is_recommended_is_taken_and_kept_by_the_server(scene):
    for statement in (
        "innodb_flush_log_at_trx_commit = 2",
        "innodb_io_capacity = 200",
        "innodb_flush_neighbors = 1",
    ):
        by_hand(scene.server, f"SET GLOBAL {statement}")
    before, _ = scene.observe()
    advice, evidence = scene.advise_after_load(before)
    assert {"innodb_flush_log_at_trx_commit", "innodb_flush_neighbors"} <= advice.settings().keys()
    for recommendation in advice.recommendations:
        if not recommendation.needs_restart:
            scene.set(recommendation.parameter, recommendation.proposed, evidence.catalog)
    observed = scene.observe()[0].settings
    for recommendation in advice.recommendations:
        if not recommendation.needs_restart:
            name = recommendation.parameter
            assert evidence.catalog.is_same(name, observed[name].value or "", recommendation.proposed)


def test_the_template_that_the_load_chooses_is_taken_as_it_is_filled(scene):
    observation, catalog = scene.observe()
    version = Version.parse(observation.facts.version)
    library = Library.read(dict(template_texts(scene.engine)))
    facts = observation.facts.with_declared(DECLARED)
    before = observation.metrics
    scene.load.run(SECONDS)
    after = scene.observe()[0].metrics
    growth = {name: after[name] - before[name] for name in after.keys() & before.keys()}
    choice = choose(library.of(scene.engine.name, version), facts, growth, catalog.grammar.units)
    assert choice.best.template.name == "oltp"

    current = typed_values({name: each.value for name, each in observation.settings.items()}, catalog)
    claims = compile_claims(scene.engine.claims(), catalog)
    filled = prepare(choice.best.template, claims).fill(facts, current=current)
    assert filled.verdict.fits
    texts = filled.texts()
    assert set(PARAMETERS) <= texts.keys()
    for name, text in texts.items():
        if not catalog.get(name).needs_restart:
            scene.set(name, text, catalog)
    settings = scene.observe()[0].settings
    for name, text in texts.items():
        if not catalog.get(name).needs_restart:
            assert catalog.is_same(name, settings[name].value or "", text), name


@pytest.mark.parametrize("name", ["oltp", "mixed", "olap"])
def test_each_template_is_taken_by_every_server_as_it_is_filled(mysql_family_each, name):
    server = mysql_family_each
    engine = get_engine(server.binaries.kind)
    scene = Scene(server, engine)
    observation, catalog = scene.observe()
    facts = msgspec.structs.replace(observation.facts.with_declared(DECLARED), ram_bytes=4 * GB)
    template = Library.read(dict(template_texts(engine))).get(engine.name, name)
    current = typed_values({each: set_.value for each, set_ in observation.settings.items()}, catalog)
    filled = prepare(template, compile_claims(engine.claims(), catalog)).fill(facts, current=current)
    dynamic = {each: text for each, text in filled.texts().items() if not catalog.get(each).needs_restart}
    assert POOL in dynamic
    for each, text in dynamic.items():
        scene.set(each, text, catalog)
    settings = scene.observe()[0].settings
    assert [
        each for each, text in dynamic.items() if not catalog.is_same(each, settings[each].value or "", text)
    ] == []
