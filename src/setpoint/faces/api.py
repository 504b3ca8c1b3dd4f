"""The library's front: everything Setpoint does, as one object.

::

    from setpoint import Setpoint

    with Setpoint.open("setpoint.db") as setpoint:
        setpoint.add_instance("web-1", Instance(engine="postgresql", target="host=..."), reason="first")
        planned = setpoint.plan("web-1")
        setpoint.apply(planned.plan)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from setpoint.config.configuration import Configuration
from setpoint.config.diff import diff_configurations
from setpoint.config.fleet_document import NAME, read_document, write_fleet
from setpoint.config.view import FleetView, template_of
from setpoint.control import advice, change, configure, history, overridden, past, records, watch, words
from setpoint.control.desired import desired_of, fill_for
from setpoint.errors import InputError, RefusedError
from setpoint.faces import wiring
from setpoint.faces.front import witnessed
from setpoint.faces.fronts import Fronts
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from setpoint.catalog import Catalog, Upgrade
    from setpoint.config.configuration import Group, Instance, SettingText, TemplateUse
    from setpoint.config.diff import Edit
    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.config.resolve import Resolved
    from setpoint.config.revision import Revision
    from setpoint.control.change import Planned
    from setpoint.control.desired import Desired
    from setpoint.control.history import Blame
    from setpoint.control.records import AuditRow, Proof
    from setpoint.engines.plan import Plan
    from setpoint.engines.session import Verified
    from setpoint.recommend import Advice, Evidence
    from setpoint.templates.choose import Choice
    from setpoint.templates.filled import Filled


class Setpoint(Fronts):
    """One store and one acting person.

    Every method either does all of what it says or raises a `SetpointError`.
    """

    @classmethod
    def create(cls, where: str = "", *, actor: str = "", token: str | None = None) -> Self:
        """Make a store (or bring an older one up to date) and open it; `where` is a path or a URL."""
        return cls(wiring.make_context(wiring.create_store(where), actor=actor, token=token))

    @classmethod
    def open(
        cls, where: str = "", *, actor: str = "", timeout_seconds: float = 5.0, token: str | None = None
    ) -> Self:
        """Open a store; raise `StoreUnavailableError` when there is none at that place.

        `actor` is who acts in a store of one user. With people in it the `token` says who (None: the one in
        SETPOINT_TOKEN or in this user's own file).
        """
        store = wiring.open_store(where)
        return cls(wiring.make_context(store, actor=actor, timeout_seconds=timeout_seconds, token=token))

    def close(self) -> None:
        """End all connections to the store."""
        self._context.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def actor(self) -> str:
        """Who acts, as audit rows name them."""
        return self._context.actor

    @property
    def where(self) -> str:
        """The store's place, without password."""
        return self._context.store.where

    # The configuration.

    def configuration(self, revision: str = "HEAD") -> Configuration:
        """Answer the whole configuration at a revision (an id, its beginning, ``HEAD``, ``HEAD~2``)."""
        if revision == "HEAD":
            return self._context.head()[1]
        return self._context.store.revisions.load(self.revision(revision))

    def revision(self, name: str) -> Revision:
        """Answer a revision; raise `NotFoundError`."""
        return self._context.store.revisions.get(name)

    @witnessed(Right.EDIT, "name")
    def add_instance(self, name: str, instance: Instance, *, reason: str, ticket: str = "") -> Revision:
        """Register an instance; raise `RefusedError` when the name is taken."""
        _check_name(name)

        def edit(configuration: Configuration) -> Configuration:
            if name in configuration.instances:
                raise RefusedError(f"there is an instance {name} already", next_step="choose another name")
            return configure.with_instance(configuration, name, instance)

        return configure.commit(self._context, edit, reason=reason, ticket=ticket)[0]

    @witnessed(Right.EDIT, "name")
    def change_instance(self, name: str, instance: Instance, *, reason: str, ticket: str = "") -> Revision:
        """Replace what is known of a registered instance; raise `NotFoundError`."""
        self.configuration().instance(name)
        return configure.commit(
            self._context, lambda c: configure.with_instance(c, name, instance), reason=reason, ticket=ticket
        )[0]

    @witnessed(Right.EDIT, "name")
    def remove_instance(self, name: str, *, reason: str, ticket: str = "") -> Revision:
        """Take an instance out of the configuration; the server itself is not touched."""
        self.configuration().instance(name)
        return configure.commit(
            self._context, lambda c: configure.with_instance(c, name, None), reason=reason, ticket=ticket
        )[0]

    @witnessed(Right.EDIT, "name")
    def put_group(self, name: str, group: Group | None, *, reason: str, ticket: str = "") -> Revision:
        """Add, replace or (None) remove a group; a group that still has members is not removed."""
        _check_name(name)
        return configure.commit(
            self._context, lambda c: configure.with_group(c, name, group), reason=reason, ticket=ticket
        )[0]

    @witnessed(Right.EDIT, "part")
    def change_settings(
        self,
        part: str,
        changes: Mapping[str, SettingText],
        *,
        reason: str,
        ticket: str = "",
        removed: Iterable[str] = (),
    ) -> tuple[Revision, tuple[Edit, ...]]:
        """Change settings of one part (``fleet:ENGINE``, ``group:NAME``, ``instance:NAME``).

        A text of None takes the parameter out of management from that layer down. Raises `InputErrors` with
        every value the reached instances would refuse.
        """
        folded: dict[str, SettingText] = {name.lower(): text for name, text in changes.items()}
        gone = tuple(name.lower() for name in removed)
        configure.check_settings(self._context, self.configuration(), part, folded)
        return configure.commit(
            self._context,
            lambda c: configure.with_settings(c, part, folded, gone),
            reason=reason,
            ticket=ticket,
        )

    @witnessed(Right.EDIT, "name")
    def assign_template(
        self, name: str, use: TemplateUse | None, *, reason: str, ticket: str = ""
    ) -> Revision:
        """Pin a template version to an instance, or (None) take it away; raise `NotFoundError`."""
        import msgspec

        instance = self.configuration().instance(name)
        return self.change_instance(
            name, msgspec.structs.replace(instance, template=use), reason=reason, ticket=ticket
        )

    @witnessed(Right.EDIT)
    def import_fleet(
        self, text: str, source: str, *, reason: str, ticket: str = ""
    ) -> tuple[Revision, tuple[Edit, ...]]:
        """Make a fleet document the whole configuration; raise `InputErrors`, and then nothing changed."""
        document = read_document(text, source).over(self.configuration())
        configure.check_document(self._context, document)
        return configure.commit(self._context, lambda _: document, reason=reason, ticket=ticket)

    def export_fleet(self, revision: str = "HEAD") -> str:
        """Answer a revision as a fleet document; `import_fleet` reads it back to the same."""
        return write_fleet(self.configuration(revision))

    def history(self, *, limit: int | None = None, part: str = "") -> tuple[Revision, ...]:
        """Answer revisions, newest first; with `part`, those that changed it."""
        return self._context.store.revisions.log(limit, part or None)

    def diff(self, old: str, new: str) -> tuple[Edit, ...]:
        """Answer what differs between two revisions, field by field."""
        return diff_configurations(self.configuration(old), self.configuration(new))

    def edits_of(self, revision: Revision) -> tuple[Edit, ...]:
        """Answer what a revision changed against the one before it."""
        before = self.configuration(revision.parents[0]) if revision.parents else Configuration()
        return diff_configurations(before, self.configuration(revision.id))

    def edits_since(self, before: Configuration) -> tuple[Edit, ...]:
        """Answer what differs between an earlier configuration and the head."""
        return diff_configurations(before, self.configuration())

    @witnessed(Right.EDIT)
    def revert(self, revision: str, *, reason: str, ticket: str = "") -> tuple[Revision, tuple[Edit, ...]]:
        """Make an earlier revision's configuration the head again, as a new revision."""
        earlier = self.configuration(revision)
        return configure.commit(self._context, lambda _: earlier, reason=reason, ticket=ticket)

    def blame(self, part: str, parameter: str = "") -> tuple[Blame, ...]:
        """Answer which revision gave each setting of a part its text."""
        return history.blame(self._context, part, parameter)

    def setter(self, part: str, field: str) -> Revision | None:
        """Answer the revision that gave a field of a part what it has now; None when it has nothing."""
        return history.setter(self._context, part, field)

    # Effective settings.

    def view(self) -> FleetView:
        """Compile the effective settings of the whole fleet at the head, for many reads."""
        revision, configuration = self._context.head()
        base = revision.id if revision is not None else ""
        filled = self._filled_templates(configuration, base)
        layers = overridden.layers_by_instance(self._context)
        return FleetView(configuration, revision=base, filled=filled.get, overrides=layers)

    def effective(self, name: str) -> dict[str, Resolved]:
        """Answer an instance's desired settings with their origin chains, from its last observation."""
        return self.desired(name)[0].resolved

    def desired(self, name: str) -> tuple[Desired, Observation, Catalog]:
        """Answer what an instance should be set to, the observation that rests on, and its live catalog."""
        revision, configuration = self._context.head()
        instance = configuration.instance(name)
        observation, catalog = watch.last_seen(self._context, name, instance)
        engine = self._context.engine_of(instance)
        base = revision.id if revision is not None else ""
        now, layers = self._context.now(), overridden.layers(self._context, name)
        desired = desired_of(
            engine, configuration, observation, catalog, revision=base, at=now, overrides=layers
        )
        return desired, observation, catalog

    # Instances.

    @witnessed(Right.OBSERVE, "name")
    def observe(self, name: str) -> tuple[Observation, Catalog]:
        """Look at an instance in one round trip and remember it; raise `UnreachableError`."""
        return watch.observe(self._context, name)

    def last_seen(self, name: str) -> tuple[Observation, Catalog]:
        """Answer the newest remembered observation; raise `NotFoundError` when there is none."""
        return watch.last_seen(self._context, name, self.configuration().instance(name))

    def check_upgrade(self, name: str, version: str) -> tuple[Observation, Upgrade]:
        """Hold an instance as it was last seen, and should be, against a later version of its engine."""
        from setpoint.control import upgrade

        desired, observation, catalog = self.desired(name)
        return observation, upgrade.check(desired.resolved, observation, catalog, version)

    @witnessed(Right.OBSERVE, "name")
    def drift(
        self, name: str, *, is_fresh: bool = True, stale_after: timedelta | None = change.STALE_AFTER
    ) -> tuple[Observation, tuple[Drift, ...]]:
        """Judge an instance's managed parameters against what is desired."""
        return change.drift(self._context, name, is_fresh=is_fresh, stale_after=stale_after)

    def drift_of_snapshots(self) -> dict[str, tuple[Drift, ...]]:
        """Judge every instance that was ever observed from its last snapshot, without touching any."""
        return change.drift_of_snapshots(self._context)

    @witnessed(Right.OBSERVE, "name")
    def advise(self, name: str, *, is_fresh: bool = True) -> tuple[Evidence, Advice]:
        """Ask the rules about an instance; the same evidence gives the same advice."""
        return advice.advise_instance(self._context, name, is_fresh=is_fresh)

    def choose_template(self, name: str) -> Choice:
        """Weigh the shipped templates for an instance."""
        return advice.choose_template(self._context, name)

    def fill_template(self, name: str, use: TemplateUse) -> Filled:
        """Fill a template for an instance as it was last seen, without assigning it.

        Raises `OverBudgetError` when the host's memory cannot hold it.
        """
        configuration = self.configuration()
        instance = configuration.instance(name)
        observation, catalog = watch.last_seen(self._context, name, instance)
        engine = self._context.engine_of(instance)
        return fill_for(engine, configuration, observation, catalog, use, at=self._context.now())

    @witnessed(Right.OBSERVE, "name")
    def plan(self, name: str) -> Planned:
        """Observe an instance and plan what takes it to its desired settings."""
        return change.plan(self._context, name)

    def find_plan(self, plan_hash: str) -> Plan:
        """Answer a kept plan by its hash or the beginning of one."""
        return past.find_plan(self._context, plan_hash)

    @witnessed(Right.APPLY, "plan")
    def apply(
        self,
        plan: Plan,
        *,
        may_restart: bool = False,
        accept_risk: str = "",
        emergency: str = "",
        before_step: change.BeforeStep | None = None,
    ) -> Verified:
        """Apply a plan that was made here, and read everything back.

        See `setpoint.control.change.apply` for what it raises.
        """
        return change.apply(
            self._context,
            plan,
            may_restart=may_restart,
            accept_risk=words.check_note(accept_risk, "reason for the risk"),
            emergency=words.require_reason(emergency, "reason of the emergency") if emergency else "",
            before_step=before_step,
        )

    def is_left_open(self, name: str) -> bool:
        """Tell whether an apply to an instance runs, or did when its process died."""
        return self._context.store.journal.unfinished(name) is not None

    @witnessed(Right.APPLY, "name")
    def undo(self, name: str, *, may_restart: bool = False) -> tuple[Plan, Verified]:
        """Take back the last apply to an instance, complete or interrupted."""
        return change.undo(self._context, name, may_restart=may_restart)

    def audit_rows(
        self, *, limit: int | None = None, subject: str = "", action: str = ""
    ) -> tuple[AuditRow, ...]:
        """Answer audit rows, newest first; `action` takes a prefix such as ``apply.`` too."""
        return records.audit_rows(self._context, limit=limit, subject=subject, action=action)

    def verify_audit(
        self,
        *,
        noted: tuple[int, str] | None = None,
        anchors: Iterable[str] | None = None,
        public_keys: Sequence[bytes] = (),
    ) -> Proof:
        """Recompute the audit chain and check all it speaks of; see `setpoint.control.records.prove`."""
        return records.prove(self._context, noted=noted, anchors=anchors, public_keys=public_keys)

    def audit_lines(self) -> Iterator[str]:
        """Answer the audit log as JSON lines, which can be verified without Setpoint's store."""
        return self._context.store.audit.export()

    def now(self) -> datetime:
        """Answer the time the control plane goes by."""
        return self._context.now()

    def _filled_templates(
        self, configuration: Configuration, base: str
    ) -> dict[str, Mapping[str, SettingText]]:
        """Fill the templates of all observed instances; equal results share one mapping."""
        using = [
            name for name, instance in configuration.instances.items() if template_of(configuration, instance)
        ]
        shared: dict[tuple[tuple[str, str], ...], Mapping[str, SettingText]] = {}
        filled: dict[str, Mapping[str, SettingText]] = {}
        for name, observation in self._context.store.snapshots.latest_many(using).items():
            instance = configuration.instances[name]
            catalog = watch.catalog_of(self._context, instance, observation)
            engine = self._context.engine_of(instance)
            desired = desired_of(
                engine, configuration, observation, catalog, revision=base, at=self._context.now()
            )
            if desired.filled is not None:
                texts = desired.filled.texts()
                filled[name] = shared.setdefault(tuple(sorted(texts.items())), texts)
        return filled


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!a} is no name", next_step="letters, digits, dots, dashes and underscores, 63 at most"
        )
