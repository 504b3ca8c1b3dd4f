"""The engine: what is asked of an abacus, how its answers read, and the steps to what is desired."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from abacus.grammar import GRAMMAR
from abacus.server import FOLDER, AbacusDriver, catalog_of, default_of
from setpoint.catalog import Context
from setpoint.config.drift import judge
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade
from setpoint.errors import InputError, NotPermittedError


class AbacusEngine:
    """The `Engine` port."""

    name = "abacus"
    grammar = GRAMMAR
    data = FOLDER

    listing_arguments: tuple[str, ...] = ()

    def family(self, version):
        return str(version.major)

    def harvest(self, version, describe_config):
        yield Request(text="all")
        return catalog_of(str(version)).data

    def claims(self):
        return {}

    def observe(self, version):
        return Request(text="all")

    def read(self, instance, reply, *, at, version):
        state, catalog = json.loads(reply.rows[0][0]), catalog_of(str(version))
        observation = Observation(
            instance=instance,
            engine=self.name,
            at=at,
            facts=Facts(version=str(version)),
            settings={each.name: _setting(each, state) for each in catalog.parameters},
            catalog_hash=content_hash(canonical(catalog.data)),
        )
        return observation, catalog

    def entry(self, parameter):
        return Request(text=f"entry {parameter}")

    def unless_moved(self, request, parameter, entry):
        return msgspec.structs.replace(request, ahead=(json.dumps([parameter, entry]),))

    def read_entry(self, parameter, reply):
        return reply.rows[0][0]

    def steps(self, desired, releases, observation, catalog, reasons, passing=()):
        made, blocked, warnings = [], [], []
        for name in sorted(desired):
            try:
                catalog.parse(name, desired[name])
            except (InputError, LookupError) as fault:
                blocked.append(Blocked(parameter=name, desired=desired[name], why=str(fault)))
                continue
            drift = judge(name, desired[name], observation.setting(name), catalog)
            if drift.is_deviation and drift.drift_class.value != "pending restart":
                made.append(_step(name, desired[name], observation, catalog, reasons.get(name, "")))
        for each in releases:
            found = observation.settings[each.parameter].entry
            if found is None:
                continue
            if found.text == each.ours:
                made.append(_step(each.parameter, each.restore, observation, catalog, "released"))
            else:
                warnings.append(f"{each.parameter} was set by somebody else")
        if any(step.context is Context.RESTART for step in made):
            made.append(Step(kind=StepKind.RESTART))
        return StepsMade(steps=tuple(made), blocked=tuple(blocked), warnings=tuple(warnings))

    def order(self, parameter, *, is_growing):
        return "any"

    def reloading(self):
        return Step(kind=StepKind.RELOAD)

    def switch(self):
        return None

    def server_of(self, address):
        return address

    def connect(self, target, *, is_read_only):
        return AbacusDriver(target)

    def rules(self):
        return ()

    def native(self):
        return None

    def rewriter(self, version):
        return None

    def validator(self):
        return None

    def dump_readers(self):
        return ()

    def rescue(self, plan, data_directory):
        raise NotPermittedError("an abacus always starts", where=plan.instance)


def _setting(parameter, state: dict[str, Any]) -> ObservedSetting:
    name, running = parameter.name, state["running"][parameter.name]
    default, entry = default_of(name, state), state["entries"].get(name)
    wanted = default if entry is None else entry
    is_waiting = wanted != running
    origins = [Origin(kind=OriginKind.DEFAULT, text=default, is_in_force=entry is None or is_waiting)]
    if entry is not None:
        origins.append(Origin(kind=OriginKind.PERSISTED, text=entry, is_in_force=not is_waiting))
    return ObservedSetting(value=running, origins=tuple(origins), pending=wanted if is_waiting else None)


def _step(name, text, observation, catalog, reason) -> Step:
    observed = observation.settings[name]
    prior = observed.entry.text if observed.entry is not None else None
    return Step(
        kind=StepKind.RESET if text is None else StepKind.SET,
        parameter=name,
        text=text,
        context=catalog.get(name).context,
        prior=Prior(running=observed.value, persisted=prior),
        do=(_request(name, text),),
        undo=(_request(name, prior),),
        reason=reason,
    )


def _request(name, text) -> Request:
    return Request(text=f"drop {name}" if text is None else f"put {name} {text}", is_read_only=False)


ENGINE = AbacusEngine()
