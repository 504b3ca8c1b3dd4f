"""Acts 1 to 3: a server of its own, data larger than its buffers, a first look."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.catalog.parameter import Kind
from setpoint.config.configuration import Instance
from setpoint.config.facts import DeclaredFacts
from setpoint.config.observation import OriginKind
from setpoint.faces.demo.stage import INSTANCE
from setpoint.faces.demo.wording import amount, size

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.facts import Facts
    from setpoint.config.observation import Observation, Origin
    from setpoint.faces.demo.stage import Stage

_SHARE_OF_HOST = 2
_MOST_BYTES = 3 * 2**30
_SPARE_CONNECTIONS = 12
_ROWS = 10
_NOBODYS = frozenset({OriginKind.DEFAULT, OriginKind.BUILD, OriginKind.AUTO})


def present_server(stage: Stage) -> None:
    """Act 1: tell what was started."""
    server, cast, narrator = stage.player.server, stage.cast, stage.narrator
    version = ".".join(map(str, cast.version))
    narrator.act("A server of its own")
    narrator.say(f"{cast.script.product} {version} listens on {server.host}:{server.port}, {cast.manner}.")
    narrator.say(f"Everything lies in {stage.folder}; nothing else on this machine is touched.")
    stage.report.sections["server"] = {
        "engine": cast.script.engine,
        "version": version,
        "programs": str(cast.programs),
        "privileges": cast.privileges,
        "port": server.port,
    }


def load_data(stage: Stage) -> None:
    """Act 2: fill the load's tables."""
    narrator, script, scale = stage.narrator, stage.cast.script, stage.options.scale
    narrator.act("Data larger than its buffers")
    began = narrator.elapsed_s
    rows = f"{amount(scale * script.rows_per_scale, 0)} {script.rows}"
    stage.player.fill(lambda share: narrator.progress(share, f"loading {rows}"))
    data_bytes, pool_bytes = stage.player.measure_data()
    seconds = narrator.elapsed_s - began
    narrator.say(f"{script.program}, scale {scale}: {rows}, loaded in {seconds:.1f} s.")
    narrator.bars(
        [
            ("data", data_bytes, size(data_bytes)),
            (script.pool, pool_bytes, f"{size(pool_bytes)}, the default"),
        ]
    )
    stage.report.sections["data"] = {
        "scale": scale,
        "bytes": data_bytes,
        "pool": script.pool,
        "shared_buffers_bytes": pool_bytes,
        "seconds": seconds,
    }


def observe_first(stage: Stage) -> Observation:
    """Act 3: register, observe, tell facts, origins, and that there is no advice yet."""
    narrator, setpoint = stage.narrator, stage.setpoint
    narrator.act("Registered and observed")
    server = stage.player.server
    instance = Instance(
        engine=stage.cast.script.engine,
        target=server.dsn,
        restart_command=shlex.join(server.restart_command),
        agent_command=shlex.join(stage.player.agent_command),
    )
    setpoint.add_instance(INSTANCE, instance, reason="the demonstration's own server")
    observation, catalog = setpoint.observe(INSTANCE)
    narrator.say(
        f"One connection, one round trip, {observation.cost_ms:.0f} ms of server time: "
        f"{len(observation.settings)} settings and {len(observation.metrics)} metrics."
    )
    facts = _declare(stage, instance, observation.facts)
    _tell_facts(stage, facts)
    _tell_origins(stage, observation, catalog)
    _tell_silence(stage)
    return observation


def _declare(stage: Stage, instance: Instance, facts: Facts) -> Facts:
    """State what the server cannot tell: it shares this machine, and how many clients will come."""
    import msgspec

    host_bytes = facts.ram_bytes or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    declared = DeclaredFacts(
        ram_bytes=min(_MOST_BYTES, host_bytes // _SHARE_OF_HOST),
        vcpu=None if facts.vcpu else os.cpu_count(),
        connections=stage.options.clients + _SPARE_CONNECTIONS,
    )
    stage.setpoint.change_instance(
        INSTANCE,
        msgspec.structs.replace(instance, facts=declared),
        reason="it shares this machine with others, and a known number of clients will come",
    )
    return facts.with_declared(declared)


def _tell_facts(stage: Stage, facts: Facts) -> None:
    sources = facts.sources
    rows = [
        ("memory it may use", size(facts.ram_bytes or 0), sources.get("ram_bytes", "")),
        ("vCPU", f"{facts.vcpu or 0:g}", sources.get("vcpu", "")),
        ("data", size(facts.data_bytes or 0), sources.get("data_bytes", "")),
        ("clients to come", str(facts.connections), sources.get("connections", "")),
        ("storage", facts.storage or "unknown", sources.get("storage", "nobody said; it stays unknown")),
    ]
    stage.narrator.table(("fact", "value", "known from"), rows)
    stage.report.sections["facts"] = {
        "ram_bytes": facts.ram_bytes,
        "vcpu": facts.vcpu,
        "data_bytes": facts.data_bytes,
        "connections": facts.connections,
        "storage": facts.storage,
        "sources": facts.sources,
    }


def _tell_origins(stage: Stage, observation: Observation, catalog: Catalog) -> None:
    """Tell how many settings each kind of origin gave, and show those that somebody chose."""
    in_force = {
        name: setting.in_force
        for name, setting in observation.settings.items()
        if setting.in_force is not None
    }
    counts = Counter(origin.kind.value for origin in in_force.values())
    told = ", ".join(f"{count} from {kind}" for kind, count in counts.most_common())
    stage.narrator.say(f"What is set, and from where: {told}. Numbers and switches that somebody chose:")
    chosen = [
        (name, _shown(catalog, name, observation.settings[name].value), place(origin))
        for name, origin in sorted(in_force.items())
        if origin.kind not in _NOBODYS
        and catalog.get(name).kind in {Kind.BOOL, Kind.INTEGER, Kind.FLOAT, Kind.SIZE, Kind.DURATION}
    ]
    stage.narrator.table(("parameter", "value", "origin"), chosen[:_ROWS])
    stage.report.sections["origins"] = dict(counts)


def _tell_silence(stage: Stage) -> None:
    """Ask for advice before there is any load: the honest answer is none."""
    _, advice = stage.setpoint.advise(INSTANCE)
    waits = Counter(silence.waits_for for silence in advice.silent)
    given = [f"{each.parameter} = {each.proposed}" for each in advice.recommendations]
    head = f"Advice already: {', '.join(given)}." if given else "Advice: none yet."
    stage.narrator.say(f"{head} {len(advice.silent)} rules wait for evidence:")
    for reason, rules in waits.most_common():
        stage.narrator.show(f"{rules:>2} for {reason}")
    stage.report.sections["first_advice"] = {
        "settings": advice.settings(),
        "waiting": {silence.code: silence.waits_for for silence in advice.silent},
    }


def _shown(catalog: Catalog, name: str, text: str | None) -> str:
    return "-" if text is None else catalog.format(name, catalog.parse(name, text))


def place(origin: Origin) -> str:
    """Name an origin with the bare name of its file."""
    if not origin.file:
        return str(origin)
    return f"{origin.kind.value} {Path(origin.file).name}:{origin.line}"
