"""Advice from a real load on a real server, and values that the server takes and keeps."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.live.mysql.scene import by_hand, target_of

from setpoint.catalog import Catalog, Version
from setpoint.config.budget import compile_claims, typed_values
from setpoint.config.facts import DeclaredFacts
from setpoint.config.observation import Observation
from setpoint.engines.port import Engine
from setpoint.engines.registry import get_engine, template_texts
from setpoint.engines.session import observe
from setpoint.lab.mysql_server import PrivateMysql
from setpoint.lab.sysbench import Sysbench, SysbenchBinary
from setpoint.recommend import Evidence, advise
from setpoint.templates import Library, choose, prepare

pytestmark = pytest.mark.live
MB, GB = 2**20, 2**30
POOL = "innodb_buffer_pool_size"
DECLARED = DeclaredFacts(ram_bytes=2 * GB, connections=20, storage="ssd")
SMALL_POOL_MB, TABLES, ROWS = 24, 4, 60_000
SECONDS, EVIDENCE_SECONDS = 8, 31
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

    def set(self, name: str, text: str, catalog: Catalog) -> None:
        value = catalog.parse(name, text)
        by_hand(self.server, f"SET GLOBAL {name} = {value if isinstance(value, int) else repr(text)}")

    def misses_per_transaction(self) -> float:
        """Run the load and answer how many pages were read for each transaction."""
        before = self.observe()[0].metrics
        self.load.run(SECONDS)
        after = self.observe()[0].metrics
        reads, commits = (after[name] - before[name] for name in ("buf.physical_reads", "txn.commit"))
        return reads / commits


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


@pytest.fixture(scope="module")
def loaded(scene: Scene) -> Evidence:
    """Evidence of a load of its own window, under settings that are neither safe nor meant for ssd."""
    for statement in ("innodb_flush_log_at_trx_commit = 2", "innodb_flush_neighbors = 1"):
        by_hand(scene.server, f"SET GLOBAL {statement}")
    before, _ = scene.observe()
    while True:
        scene.load.run(SECONDS)
        evidence = scene.evidence(before)
        window = evidence.window
        if window is not None and window.is_between and window.seconds >= EVIDENCE_SECONDS:
            return evidence


def test_a_load_over_a_small_pool_makes_the_rules_speak(scene, loaded):
    advice = advise(scene.engine.rules(), loaded)
    assert not [silence for silence in advice.silent if silence.code == "MY001"]
    assert {POOL, "innodb_flush_log_at_trx_commit", "innodb_flush_neighbors"} <= advice.settings().keys()
    (recommendation,) = [each for each in advice.recommendations if each.code == "MY001"]
    assert recommendation.is_from_workload
    assert not recommendation.needs_restart
    assert advice == advise(scene.engine.rules(), loaded)


def test_every_value_is_taken_and_kept_and_the_larger_pool_spares_reads(scene, loaded):
    misses = scene.misses_per_transaction()
    advice, catalog = advise(scene.engine.rules(), loaded), loaded.catalog
    settings = {each.parameter: each.proposed for each in advice.recommendations if not each.needs_restart}
    for name, text in settings.items():
        scene.set(name, text, catalog)
    observed = scene.observe()[0].settings
    assert [
        name for name, text in settings.items() if not catalog.is_same(name, observed[name].value or "", text)
    ] == []

    scene.load.run(SECONDS)  # fills the pool
    assert scene.misses_per_transaction() < misses / 4
    again = advise(scene.engine.rules(), scene.evidence(loaded.observation))
    assert not again.settings().keys() & settings.keys()


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
