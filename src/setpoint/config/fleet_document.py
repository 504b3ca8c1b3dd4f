"""The fleet's configuration as a YAML document, read with all faults at once.

::

    setpoint: 1
    fleet:
      postgresql:
        log_min_duration_statement: 250ms
    groups:
      checkout:
        engine: postgresql
        template: oltp@1
    instances:
      checkout-1:
        engine: postgresql
        target: host=10.0.0.5 user=setpoint
        group: checkout
        settings:
          shared_buffers: 4GB
          shared_preload_libraries: [pg_stat_statements, auto_explain]
          jit: null          # not managed here, whatever lower layers say
    policies:
      production: |
        policy: production
        ...
"""

from __future__ import annotations

import re
from typing import Any, cast, get_args

import msgspec

from setpoint.config.configuration import (
    SECRET_ADVICE,
    Configuration,
    Group,
    Instance,
    Mode,
    Settings,
    SettingText,
    TemplateUse,
    holds_secret,
    is_secret_reference,
)
from setpoint.config.document import Faults, Mapping, Node, Scalar, Sequence, read_yaml
from setpoint.config.facts import DeclaredFacts, Storage
from setpoint.config.identifier import IDENTIFIER_ADVICE, is_identifier
from setpoint.errors import InputError, InputErrors, Place

FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.$ -]{0,126}")
PARAMETER_ADVICE = "letters, digits and _ . $ -, beginning with a letter or underscore, 127 at most"
MAX_BYTES = 16 * 2**20
"""How long a fleet document may be, in bytes of UTF-8."""

_TEMPLATE = re.compile(r"([a-z][a-z0-9_-]*)@(\d+)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)", re.IGNORECASE)
_MAX_SIZE = 2**60
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_MODES: tuple[Mode, ...] = get_args(Mode)
_TEXT_FIELDS = ("target", "password", "environment", "restart_command", "agent_command")


class FleetDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet document says. Without a section ``policies`` it says nothing of policies."""

    configuration: Configuration
    has_policies: bool

    def over(self, current: Configuration) -> Configuration:
        """Answer what the configuration is once this is imported: who is silent on policies keeps them."""
        if self.has_policies:
            return self.configuration
        return msgspec.structs.replace(self.configuration, policies=current.policies)


def read_document(text: str, source: str) -> FleetDocument:
    """Read a fleet document; raise `InputErrors` naming every fault with its line and column."""
    _check_size(text, source)
    faults = Faults()
    node = read_yaml(text, source, faults)
    configuration = _Reader(faults).configuration(node)
    faults.raise_any()
    has_policies = isinstance(node, Mapping) and "policies" in node.entries
    return FleetDocument(configuration=configuration, has_policies=has_policies)


def _check_size(text: str, source: str) -> None:
    try:
        # UTF-8 has a byte a character at least; what is too long for that need not be written out.
        size = len(text) if len(text) > MAX_BYTES else len(text.encode())
    except UnicodeEncodeError as fault:
        line = text.count("\n", 0, fault.start) + 1
        raise InputErrors([InputError("holds half a character", where=Place(source, line))]) from None
    if size > MAX_BYTES:
        what = f"a fleet document is at most {MAX_BYTES} bytes long"
        raise InputErrors([InputError(what, where=Place(source))])


def read_fleet(text: str, source: str) -> Configuration:
    """Read a fleet document as a whole configuration, as `read_document` does."""
    return read_document(text, source).configuration


def write_fleet(configuration: Configuration) -> str:
    """Write a configuration as a fleet document; `read_fleet` of it gives an equal configuration."""
    import yaml

    tree: dict[str, Any] = {"setpoint": str(FORMAT)}
    if configuration.fleet:
        tree["fleet"] = {
            engine: _plain_settings(settings) for engine, settings in sorted(configuration.fleet.items())
        }
    for title, table in (("groups", configuration.groups), ("instances", configuration.instances)):
        if table:
            tree[title] = {name: _plain_part(part) for name, part in sorted(table.items())}
    if configuration.policies:
        tree["policies"] = dict(sorted(configuration.policies.items()))
    return yaml.dump(tree, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=110)


def parse_size(text: str) -> int:
    """Read a size as people write it: ``16GB``, ``512 MiB``, bare bytes; raise `ValueError`.

    Multiples are powers of 1024.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is no size"
        raise ValueError(message)
    letters = match[2].upper().removesuffix("B").removesuffix("I")
    amount = float(match[1]) * 1024 ** _POWERS[letters]
    if amount > _MAX_SIZE:
        message = f"{text[:20]!r} is larger than any host"
        raise ValueError(message)
    return round(amount)


def parse_template(text: str) -> TemplateUse:
    """Read ``name@version``; raise `ValueError`."""
    match = _TEMPLATE.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} names no template version; write it as oltp@1"
        raise ValueError(message)
    return TemplateUse(name=match[1], version=int(match[2]))


class _Reader:
    """Reads nodes into the configuration's structs; a faulty part is left out and its fault kept."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def configuration(self, node: Node) -> Configuration:
        """Read the whole document."""
        fields = self._mapping(node, {"setpoint", "fleet", "groups", "instances", "policies"}, "the document")
        version = self._text(fields["setpoint"]) if "setpoint" in fields else ""
        if version != str(FORMAT):
            place = fields["setpoint"].place if "setpoint" in fields else node.place
            self._faults.add(
                place, f"format {version or 'not given'}", f"start the document with `setpoint: {FORMAT}`"
            )
        fleet = {engine: self._settings(settings) for engine, settings in self._table(fields.get("fleet"))}
        groups = {name: self._group(part) for name, part in self._table(fields.get("groups"))}
        instances = {name: self._instance(part) for name, part in self._table(fields.get("instances"))}
        self._check_references(fields.get("instances"), groups, instances)
        policies = {name: self._text(text) for name, text in self._policies(fields.get("policies"))}
        return Configuration(fleet=fleet, groups=groups, instances=instances, policies=policies)

    def _policies(self, node: Node | None) -> list[tuple[str, Node]]:
        for name, place in node.key_places.items() if isinstance(node, Mapping) else ():
            if NAME.fullmatch(name) and not is_identifier(name):
                self._faults.add(place, f"{name!r} is no name of a policy", IDENTIFIER_ADVICE)
        return self._table(node)

    def _group(self, node: Node) -> Group:
        fields = self._mapping(node, {"engine", "template", "settings"}, "a group")
        return Group(
            engine=self._engine(fields, node),
            template=self._template(fields.get("template")),
            settings=self._settings(fields.get("settings")),
        )

    def _instance(self, node: Node) -> Instance:
        known = {"engine", "group", "labels", "facts", "template", "settings", "mode", *_TEXT_FIELDS}
        fields = self._mapping(node, known, "an instance")
        texts = {name: self._text(fields[name]) for name in _TEXT_FIELDS if name in fields}
        if not is_secret_reference(texts.get("password", "")):
            self._faults.add(fields["password"].place, "a password stands here in the clear", SECRET_ADVICE)
            texts["password"] = ""
        if holds_secret(texts.get("target", "")):
            self._faults.add(
                fields["target"].place, "a password stands in the target", "use `password: env:NAME` instead"
            )
            texts["target"] = ""
        return Instance(
            engine=self._engine(fields, node),
            group=self._text(fields["group"]) if "group" in fields else "",
            labels={name: self._text(value) for name, value in self._table(fields.get("labels"))},
            facts=self._facts(fields.get("facts")),
            template=self._template(fields.get("template")),
            settings=self._settings(fields.get("settings")),
            mode=self._mode(fields.get("mode")),
            **texts,
        )

    def _mode(self, node: Node | None) -> Mode:
        word = self._text(node) if node is not None else _MODES[0]
        if node is not None and word not in _MODES:
            self._faults.add(node.place, f"{word[:80]!r} is no mode", f"one of {', '.join(_MODES)}")
            return _MODES[0]
        return cast("Mode", word)

    def _check_references(
        self, node: Node | None, groups: dict[str, Group], instances: dict[str, Instance]
    ) -> None:
        for name, instance in instances.items():
            place = node.key_places[name] if isinstance(node, Mapping) else cast("Node", node).place
            if instance.group and instance.group not in groups:
                self._faults.add(
                    place, f"{name}: no group is called {instance.group!r}", "add it under `groups:`"
                )
            elif instance.group and groups[instance.group].engine != instance.engine:
                other = groups[instance.group].engine
                what = f"{name}: a {instance.engine} instance in the {other} group {instance.group}"
                self._faults.add(place, what, "a group holds instances of one engine")

    def _engine(self, fields: dict[str, Node], node: Node) -> str:
        if "engine" not in fields:
            self._faults.add(node.place, "no engine is given", "add `engine: postgresql`")
            return ""
        return self._text(fields["engine"])

    def _template(self, node: Node | None) -> TemplateUse | None:
        if node is None:
            return None
        if isinstance(node, Scalar):
            return self._template_name(node)
        fields = self._mapping(node, {"use", "inputs"}, "a template")
        if "use" not in fields:
            self._faults.add(node.place, "no template is named", "add `use: oltp@1`")
            return None
        used = self._template_name(fields["use"])
        inputs = {name: self._text(value) for name, value in self._table(fields.get("inputs"))}
        return msgspec.structs.replace(used, inputs=inputs) if used is not None else None

    def _template_name(self, node: Node) -> TemplateUse | None:
        try:
            return parse_template(self._text(node))
        except ValueError as fault:
            self._faults.add(node.place, str(fault))
            return None

    def _facts(self, node: Node | None) -> DeclaredFacts | None:
        if node is None:
            return None
        sizes = {"ram": "ram_bytes", "neighbours": "neighbours_bytes"}
        fields = self._mapping(node, {*sizes, "vcpu", "connections", "storage"}, "facts")
        known: dict[str, Any] = {}
        for name, value in fields.items():
            text = self._text(value)
            try:
                if name in sizes:
                    known[sizes[name]] = parse_size(text)
                elif name == "storage":
                    known[name] = self._storage(text)
                else:
                    known[name] = float(text) if name == "vcpu" else int(text)
            except ValueError as fault:
                self._faults.add(value.place, f"{name}: {fault}")
        return DeclaredFacts(**known)

    def _storage(self, text: str) -> Storage:
        if text not in get_args(Storage):
            message = f"{text!r} is none of {', '.join(get_args(Storage))}"
            raise ValueError(message)
        return cast("Storage", text)

    def _settings(self, node: Node | None) -> Settings:
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self._faults.add(node.place, "settings must be `parameter: value` lines")
            return {}
        settings: Settings = {}
        for name, value in node.entries.items():
            place = node.key_places[name]
            if not PARAMETER.fullmatch(name):
                self._faults.add(place, f"{name[:80]!r} is no parameter name", PARAMETER_ADVICE)
            elif name.lower() in settings:
                self._faults.add(place, f"{name!r} stands twice in another case", "keep one of them")
            else:
                settings[name.lower()] = self._setting(value)
        return settings

    def _setting(self, node: Node) -> SettingText:
        if isinstance(node, Scalar):
            return None if node.is_null else node.text
        if isinstance(node, Sequence):
            return tuple(self._text(item) for item in node.items)
        self._faults.add(node.place, "a setting is one value or a list, not a mapping")
        return None

    def _mapping(self, node: Node, known: set[str], what: str) -> dict[str, Node]:
        if not isinstance(node, Mapping):
            self._faults.add(node.place, f"{what} must be a mapping")
            return {}
        for key in node.entries.keys() - known:
            self._faults.add(
                node.key_places[key], f"{what} has no {key!r}", f"known are {', '.join(sorted(known))}"
            )
        return node.entries

    def _table(self, node: Node | None) -> list[tuple[str, Node]]:
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return []
        if not isinstance(node, Mapping):
            self._faults.add(node.place, "must be a mapping of names")
            return []
        for name, place in node.key_places.items():
            if not NAME.fullmatch(name):
                self._faults.add(
                    place, f"{name!r} is no name", "letters, digits, dots, dashes and underscores, 63 at most"
                )
        return list(node.entries.items())

    def _text(self, node: Node) -> str:
        if isinstance(node, Scalar):
            return node.text
        place: Place = node.place
        self._faults.add(place, "must be one value")
        return ""


def _plain_settings(settings: Settings) -> dict[str, Any]:
    return {name: list(text) if isinstance(text, tuple) else text for name, text in sorted(settings.items())}


def _plain_part(part: Group | Instance) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(part).items():
        if value is None or value in ("", {}) or (name, value) == ("mode", _MODES[0]):
            continue
        if name == "template":
            plain[name] = _plain_template(value)
        elif name == "facts":
            plain[name] = _plain_facts(value)
        else:
            plain[name] = _plain_settings(value) if name == "settings" else value
    return plain


def _plain_template(use: TemplateUse) -> str | dict[str, Any]:
    return {"use": str(use), "inputs": dict(use.inputs)} if use.inputs else str(use)


def _plain_facts(facts: DeclaredFacts) -> dict[str, Any]:
    known = {name.removesuffix("_bytes"): value for name, value in msgspec.structs.asdict(facts).items()}
    return {name: str(value) for name, value in known.items() if value is not None}


def _dumper() -> Any:
    """Answer a dumper that leaves texts plain wherever YAML 1.2 reads them back as the same text."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Scalars are texts; only a text that looks like null needs quotes."""

    def write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "'" if text in ("", "~", "null", "Null", "NULL") else "|" if "\n" in text else None
        return dumper.represent_scalar(  # pyright: ignore[reportUnknownMemberType] - untyped in PyYAML
            "tag:yaml.org,2002:str", text, style=style
        )

    Dumper.add_representer(str, write_text)
    Dumper.yaml_implicit_resolvers = {
        "n": [("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"))]
    }  # type: ignore[assignment]
    return Dumper
