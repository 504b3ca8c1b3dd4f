"""Reading effective settings, resolving, and judging drift at the size of large fleets."""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from figures import Figures, percentile

from setpoint.config.configuration import Configuration, Group, Instance, TemplateUse
from setpoint.config.drift import classify
from setpoint.config.facts import Facts
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.config.resolve import resolve
from setpoint.config.view import FleetView
from setpoint.engines.registry import get_engine, shipped_catalog
from setpoint.store import Store

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter

AT = datetime(2026, 1, 1, tzinfo=UTC)
MANAGED = 300
GROUPS = 50
LOOKUPS = 200_000


def catalog() -> Catalog:
    """The newest shipped catalog of PostgreSQL."""
    return shipped_catalog(get_engine("postgresql"), "18")


def texts(count: int) -> dict[str, str]:
    """Answer settings for the first parameters that have a default."""
    found = {}
    for parameter in catalog().core:
        if parameter.default is not None and len(found) < count:
            found[parameter.name] = parameter.format(parameter.default, catalog().grammar)
    return found


def fleet(instances: int) -> tuple[Configuration, dict[str, dict[str, str]]]:
    """Make a fleet: 300 managed settings each, from shared templates, groups and overrides of its own."""
    managed = texts(MANAGED)
    names = list(managed)
    templates = {name: dict(managed) for name in ("oltp", "olap", "mixed")}
    groups = {
        f"group-{number}": Group(engine="postgresql", settings={names[number]: managed[names[number]]})
        for number in range(GROUPS)
    }
    chance = random.Random(7)
    members = {}
    for number in range(instances):
        own = {name: managed[name] for name in chance.sample(names, 3)}
        members[f"db-{number}"] = Instance(
            engine="postgresql",
            target=f"host=10.0.{number // 250}.{number % 250}",
            group=f"group-{number % GROUPS}",
            template=TemplateUse(name=("oltp", "olap", "mixed")[number % 3], version=1),
            settings=own,
        )
    filled = {name: templates[instance.template.name] for name, instance in members.items()}
    return Configuration(fleet={"postgresql": {names[-1]: "1"}}, groups=groups, instances=members), filled


def read_settings(figures: Figures, instances: int) -> None:
    """Time single effective settings, each beside a plain dictionary lookup of the same keys."""
    configuration, filled = fleet(instances)
    view = FleetView(configuration, revision="r", filled=filled.get)
    chance = random.Random(11)
    members, names = list(configuration.instances), list(texts(MANAGED))
    pairs = [(chance.choice(members), chance.choice(names)) for _ in range(LOOKUPS)]
    plain = {member: index for index, member in enumerate(members)}
    taken, rival = [], []
    gc.collect()
    gc.disable()
    for member, name in pairs:
        start = time.perf_counter_ns()
        view.setting(member, name, AT)
        taken.append((time.perf_counter_ns() - start) / 1000)
        start = time.perf_counter_ns()
        plain[member]
        rival.append((time.perf_counter_ns() - start) / 1000)
    gc.enable()
    ratio = percentile(taken, 0.99) / percentile(rival, 0.99)
    beside = f"plain dict p99 {percentile(rival, 0.99):.2f} us, ratio {ratio:.1f}"
    what = f"one effective setting, {instances:,} instances, p99"
    figures.add(what, percentile(taken, 0.99), "us", target=20, rival=beside)
    figures.add(
        "... median", percentile(taken, 0.5), "us", rival=f"plain dict {percentile(rival, 0.5):.2f} us"
    )


def weigh(figures: Figures) -> None:
    """Measure the memory of 100 000 instances in a process of their own."""
    code = (
        "import resource, bench_fleet as b; from setpoint.config.view import FleetView;"
        "c, f = b.fleet(100_000); v = FleetView(c, revision='r', filled=f.get);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(v.settings('db-99', b.AT)))"
    )
    folder = str(Path(__file__).parent)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    kilobytes, settings = map(int, ended.stdout.split())
    what = f"memory of 100,000 instances x {settings} settings (peak RSS)"
    figures.add(what, kilobytes / 1024**2, "GiB", target=1.0)


def resolve_one(figures: Figures) -> None:
    """Time the resolution of one instance from six layers of 300 settings."""
    managed = texts(MANAGED)
    layers = [Layer(kind, kind.word, dict(managed)) for kind in LayerKind]
    merged: dict[str, str] = {}
    taken, rival = [], []
    for _ in range(300):
        start = time.perf_counter_ns()
        resolve(layers, AT)
        taken.append((time.perf_counter_ns() - start) / 1000)
        start = time.perf_counter_ns()
        for layer in layers:
            merged.update(layer.settings)
        rival.append((time.perf_counter_ns() - start) / 1000)
    beside = f"dict.update alone, no origins: {percentile(rival, 0.5):.0f} us"
    what = "resolve one instance, 6 layers x 300 settings, median"
    figures.add(what, percentile(taken, 0.5), "us", target=300, rival=beside)


def judge_snapshots(figures: Figures) -> None:
    """Time drift of 1 000 stored snapshots: read from the store, decoded, resolved and classified."""
    configuration, filled = fleet(1000)
    live = catalog()
    view = FleetView(configuration, revision="r", filled=filled.get)
    with tempfile.TemporaryDirectory() as folder, Store.create(f"{folder}/bench.db") as store:
        template = observed(live)
        for name in configuration.instances:
            store.snapshots.put(msgspec.structs.replace(template, instance=name), live.data)
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            judged = 0
            for name, observation in store.snapshots.latest_many().items():
                desired = {key: setting.text for key, setting in view.settings(name, AT).items()}
                judged += len(classify(desired, observation, live, at=AT, stale_after=timedelta(hours=1)))
            taken.append(time.perf_counter() - start)
        figures.add(
            f"drift of 1,000 stored snapshots ({judged:,} settings judged)", min(taken), "s", target=2.0
        )


def base_text(live: Catalog, parameter: Parameter) -> str | None:
    """Write a default as the server reports it: a bare number in the base unit."""
    value = parameter.default
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return None if value is None else parameter.format(value, live.grammar)


def observed(live: Catalog) -> Observation:
    """Make an observation of a server at its defaults, with the origins a real one has."""
    settings = {}
    for parameter in live.core:
        text = base_text(live, parameter)
        origins = (
            Origin(kind=OriginKind.DEFAULT, text=text, is_in_force=True),
            Origin(kind=OriginKind.FILE, text=text, file="/etc/postgresql/18/main/postgresql.conf", line=77),
        )
        settings[parameter.name] = ObservedSetting(value=text, origins=origins)
    return Observation(instance="", engine="postgresql", at=AT, facts=Facts(), settings=settings)


if __name__ == "__main__":
    found = Figures("Fleet: effective settings, resolution, drift")
    read_settings(found, 1_000)
    read_settings(found, 100_000)
    weigh(found)
    resolve_one(found)
    judge_snapshots(found)
    print(
        f"(peak RSS of this benchmark: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)"
    )
    found.end()
