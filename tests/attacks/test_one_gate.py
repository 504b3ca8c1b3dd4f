"""One gate: no face reaches the store around policy, and nothing that writes can be had without a right."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.attacks.scene import PART, POLICY, SHOP, Attacked

from setpoint import Setpoint
from setpoint.config.configuration import Group, Instance, TemplateUse
from setpoint.config.dump import Dump, DumpSetting
from setpoint.control.context import Context
from setpoint.control.overrides.wish import Wish
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.control.worker.inprocess import InProcessDispatch
from setpoint.engines.port import Driver
from setpoint.engines.simulated.client import Client
from setpoint.errors import NotPermittedError
from setpoint.faces.bundles import Bundles
from setpoint.faces.governance import Governance
from setpoint.faces.intake import Intake
from setpoint.faces.notices import Notices
from setpoint.faces.overrides import Overrides
from setpoint.faces.people import People
from setpoint.faces.rollouts import Rollouts
from setpoint.faces.workers import Workers
from setpoint.policy.approval import Change
from setpoint.policy.person import Grant, Person, Role
from setpoint.policy.selector import ALL, Selector
from setpoint.store import Store
from setpoint.store.audit import Audit
from setpoint.store.database import Database
from setpoint.store.registers import Register

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
WHY: dict[str, Any] = {"reason": "to see whether it works"}
EMERGENCY: dict[str, Any] = {"seconds": 600, "because": "it burns"}
FREE = Instance(engine="simulated", target="memory:free", environment="lab")


class Prize:
    """What there is to be changed when the attempts begin."""

    def __init__(self, town: Attacked) -> None:
        self.town = town
        pg = Instance(engine="postgresql", target="host=nowhere", environment="lab")
        town.olaf.add_instance("pg", pg, **WHY)
        self.policy = town.pola.governance.remove_policy("safety", **WHY)
        town.paul.governance.approve(self.policy.id)
        self.lent = town.mara.governance.people.delegate("olaf", lasts=timedelta(days=3), **WHY)
        self.token = town.founder.governance.people.tokens("olaf")[0]
        waiver = town.olaf.governance.add_waiver(
            owner="olaf", scope=ALL, parameter="durable", ends_at=town.clock() + timedelta(days=9), **WHY
        )
        assert isinstance(waiver, Change)
        town.mara.governance.approve(waiver.id)
        self.waiver = msgspec.json.decode(waiver.payload)["id"]
        town.olaf.governance.carry_out(waiver.id)
        self.shop = town.olaf.configuration().instance(SHOP)
        town.olaf.apply(town.wish(sort_memory="8MB"))
        self.rollout = town.olaf.rollouts.start(_rolled("12MB")).id
        self.change = town.propose(town.wish(durable="off"))
        self.made = town.olaf.find_plan(self.change.digest)
        begun = town.emil.overrides.start(SHOP, Wish(settings={"pool_pages": "32"}, **EMERGENCY))[0].override
        self.over = town.emil.overrides.end(begun.id, because="enough")
        self.override = town.emil.overrides.start(SHOP, Wish(settings={"pool_pages": "16"}, **EMERGENCY))[
            0
        ].override
        self.channel = town.ada.notices.add("ops", "log", **WHY)
        self.bundle = town.olaf.bundles.collect(SHOP)
        self.result = Client(self.shop.target).run(self.bundle.text)
        setting = DumpSetting(name="sort_memory", raw="8MB", value=8 << 20, unit="B")
        self.dumps = (Dump(path=__file__, engine="simulated", kind="x", version="1", settings=(setting,)),)


Attempt = Callable[[Any, Prize], object]

SETPOINT: dict[str, Attempt] = {
    "add_instance": lambda s, _p: s.add_instance("free", FREE, **WHY),
    "change_instance": lambda s, _p: s.change_instance("lab", FREE, **WHY),
    "remove_instance": lambda s, _p: s.remove_instance("lab", **WHY),
    "put_group": lambda s, _p: s.put_group("mine", Group(engine="simulated"), **WHY),
    "change_settings": lambda s, _p: s.change_settings(PART, {"sort_memory": "9MB"}, **WHY),
    "assign_template": lambda s, _p: s.assign_template("pg", TemplateUse(name="oltp", version=1), **WHY),
    "import_fleet": lambda s, _p: s.import_fleet("setpoint: 1\n", "f.yaml", **WHY),
    "revert": lambda s, _p: s.revert("HEAD~1", **WHY),
    "observe": lambda s, _p: s.observe(SHOP),
    "drift": lambda s, _p: s.drift(SHOP),
    "advise": lambda s, _p: s.advise(SHOP),
    "plan": lambda s, _p: s.plan(SHOP),
    "apply": lambda s, p: s.apply(p.made),
    "undo": lambda s, _p: s.undo(SHOP),
}
SETPOINT_READS: dict[str, Attempt] = {
    "configuration": lambda s, _p: s.configuration(),
    "revision": lambda s, _p: s.revision("HEAD"),
    "export_fleet": lambda s, _p: s.export_fleet(),
    "history": lambda s, _p: s.history(),
    "diff": lambda s, _p: s.diff("HEAD", "HEAD~1"),
    "edits_of": lambda s, _p: s.edits_of(s.revision("HEAD")),
    "edits_since": lambda s, _p: s.edits_since(s.configuration("HEAD~1")),
    "blame": lambda s, _p: s.blame(PART),
    "setter": lambda s, _p: s.setter(PART, "target"),
    "view": lambda s, _p: s.view(),
    "effective": lambda s, _p: s.effective(SHOP),
    "desired": lambda s, _p: s.desired(SHOP),
    "last_seen": lambda s, _p: s.last_seen(SHOP),
    "check_upgrade": lambda _s, _p: None,  # the simulated engine has no later version
    "drift_of_snapshots": lambda s, _p: s.drift_of_snapshots(),
    "choose_template": lambda _s, _p: None,  # nor has it any to choose from
    "fill_template": lambda _s, _p: None,  # the simulated engine has no templates
    "find_plan": lambda s, p: s.find_plan(p.made.hash),
    "is_left_open": lambda s, _p: s.is_left_open(SHOP),
    "audit_rows": lambda s, _p: s.audit_rows(),
    "verify_audit": lambda s, _p: s.verify_audit(),
    "audit_lines": lambda s, _p: list(s.audit_lines()),
    "now": lambda s, _p: s.now(),
    "governance": lambda s, _p: s.governance,
    "workers": lambda s, _p: s.workers,
    "overrides": lambda s, _p: s.overrides,
    "rollouts": lambda s, _p: s.rollouts,
    "notices": lambda s, _p: s.notices,
    "intake": lambda s, _p: s.intake,
    "bundles": lambda s, _p: s.bundles,
    "actor": lambda s, _p: s.actor,
    "where": lambda s, _p: s.where,
    "create": lambda _s, _p: None,  # makes or opens a store and changes nothing in one that is there
    "open": lambda _s, _p: None,
    "close": lambda _s, _p: None,
}
GOVERNANCE: dict[str, Attempt] = {
    "put_policy": lambda g, _p: g.put_policy("mine", "policy: mine\n", **WHY),
    "remove_policy": lambda g, _p: g.remove_policy("safety", **WHY),
    "propose": lambda g, p: g.propose(p.made.hash, **WHY),
    "propose_undo": lambda g, _p: g.propose_undo(SHOP, **WHY),
    "propose_document": lambda g, _p: g.propose_document("setpoint: 1\n", "f.yaml", **WHY),
    "propose_revert": lambda g, _p: g.propose_revert("HEAD~1", **WHY),
    "approve": lambda g, p: g.approve(p.change.id),
    "reject": lambda g, p: g.reject(p.change.id, **WHY),
    "withdraw": lambda g, p: g.withdraw(p.change.id, **WHY),
    "carry_out": lambda g, p: g.carry_out(p.policy.id),
    "add_waiver": lambda g, p: g.add_waiver(
        owner="olaf", scope=ALL, parameter="durable", ends_at=p.town.clock() + timedelta(days=5), **WHY
    ),
    "end_waiver": lambda g, p: g.end_waiver(p.waiver, **WHY),
    "compliance": lambda g, _p: g.compliance(is_recorded=True),
}
GOVERNANCE_READS: dict[str, Attempt] = {
    "whoami": lambda _g, _p: None,  # says who one is or that one is nobody
    "verdict": lambda _g, _p: None,  # is for somebody: asks who first, writes nothing
    "is_governed": lambda g, _p: g.is_governed,
    "people": lambda g, _p: g.people,
    "policies": lambda g, _p: g.policies(),
    "policy_text": lambda g, _p: g.policy_text("safety"),
    "locks": lambda g, _p: g.locks(SHOP),
    "limits": lambda g, _p: g.limits(SHOP),
    "change": lambda g, p: g.change(p.change.id),
    "changes": lambda g, _p: g.changes(),
    "waivers": lambda g, _p: g.waivers(),
    "waiver": lambda g, p: g.waiver(p.waiver),
    "waivers_ending_soon": lambda g, _p: g.waivers_ending_soon(),
    "incidents": lambda g, _p: g.incidents(),
}
MANY = timedelta(days=9)
PEOPLE: dict[str, Attempt] = {
    "put_first": lambda o, _p: o.put_first(_administrator("me"), lasts=MANY, **WHY),
    "put": lambda o, _p: o.put(_administrator("me"), **WHY),
    "remove": lambda o, _p: o.remove("mara", **WHY),
    "issue_token": lambda o, _p: o.issue_token("mara", lasts=MANY, **WHY),
    "revoke_token": lambda o, p: o.revoke_token(p.token.id, **WHY),
    "delegate": lambda o, _p: o.delegate("vic", lasts=MANY, **WHY),
    "end_delegation": lambda o, p: o.end_delegation(p.lent.id, **WHY),
    "anchor": lambda o, p: o.anchor(str(Path(p.town.founder.where).with_name("elsewhere"))),
}
PEOPLE_READS: dict[str, Attempt] = {
    "account": lambda o, _p: o.account,
    "all": lambda o, _p: o.all(),
    "get": lambda o, _p: o.get("mara"),
    "tokens": lambda o, _p: o.tokens(),
    "delegations": lambda o, _p: o.delegations(),
    "keys": lambda o, _p: o.keys(),
}
NOTICES: dict[str, Attempt] = {
    "add": lambda n, _p: n.add("mine", "log", **WHY),
    "remove": lambda n, p: n.remove(p.channel.id, **WHY),
    "test": lambda n, p: n.test(p.channel.id),
}
NOTICES_READS: dict[str, Attempt] = {
    "all": lambda n, _p: n.all(),
    "standing": lambda n, p: n.standing(p.channel.id),
}
WISH = Wish(settings={"sort_memory": "9MB"}, **EMERGENCY)
OVERRIDES: dict[str, Attempt] = {
    "start": lambda o, _p: o.start(SHOP, WISH),
    "propose": lambda o, _p: o.propose(SHOP, WISH),
    "extend": lambda o, p: o.extend(p.override.id, seconds=60, because="more time"),
    "end": lambda o, p: o.end(p.override.id, because="enough"),
    "review": lambda o, p: o.review(p.over.id, conclusion="it helped", keep=["pool_pages"]),
}
OVERRIDES_READS: dict[str, Attempt] = {
    "get": lambda o, p: o.get(p.override.id),
    "all": lambda o, _p: o.all(),
    "late_reviews": lambda o, _p: o.late_reviews(),
    "look_back": lambda o, p: o.look_back(p.over.id),
}
WORKERS: dict[str, Attempt] = {"crew": lambda w, _p: w.crew(InProcessDispatch(1))}
ROLLOUTS: dict[str, Attempt] = {
    "preview": lambda r, _p: r.preview(_rolled("9MB")),
    "start": lambda r, _p: r.start(_rolled("10MB")),
    "pause": lambda r, p: r.pause(p.rollout, because="to see"),
    "resume": lambda r, p: r.resume(p.rollout, because="to see"),
    "halt": lambda r, p: r.halt(p.rollout, because="to see"),
    "take_back": lambda r, p: r.take_back(p.rollout, because="to see"),
}
INTAKE: dict[str, Attempt] = {"keep": lambda i, p: i.keep(SHOP, p.dumps)}
BUNDLES: dict[str, Attempt] = {
    "collect": lambda b, _p: b.collect(SHOP),
    "export": lambda b, p: b.export(p.made),
    "export_temporary": lambda b, _p: b.export_temporary(SHOP, WISH),
    "export_back": lambda b, _p: b.export_back(SHOP),
    "accept": lambda b, p: b.accept(p.result, "x.out"),
    "void": lambda b, p: b.void(p.bundle.sheet.id, because="lost"),
}
BUNDLES_READS: dict[str, Attempt] = {
    "all": lambda b, _p: b.all(),
    "verify": lambda b, p: b.verify(p.bundle.text, "x.sql"),
    "rewrite_option_file": lambda _b, _p: None,  # the simulated engine has no option files
}
ROLLOUTS_READS: dict[str, Attempt] = {
    "all": lambda r, _p: r.all(),
    "get": lambda r, p: r.get(p.rollout),
}
WORKERS_READS: dict[str, Attempt] = {
    "all": lambda w, _p: w.all(),
    "is_silent": lambda w, _p: [w.is_silent(state) for state in w.all()],
    "sights": lambda w, _p: w.sights(),
    "last_seen": lambda w, _p: w.last_seen(),
}
OWNERS = {
    Setpoint: (SETPOINT, SETPOINT_READS, lambda front: front),
    Governance: (GOVERNANCE, GOVERNANCE_READS, lambda front: front.governance),
    People: (PEOPLE, PEOPLE_READS, lambda front: front.governance.people),
    Overrides: (OVERRIDES, OVERRIDES_READS, lambda front: front.overrides),
    Rollouts: (ROLLOUTS, ROLLOUTS_READS, lambda front: front.rollouts),
    Notices: (NOTICES, NOTICES_READS, lambda front: front.notices),
    Workers: (WORKERS, WORKERS_READS, lambda front: front.workers),
    Intake: (INTAKE, {}, lambda front: front.intake),
    Bundles: (BUNDLES, BUNDLES_READS, lambda front: front.bundles),
}
FOR_VIEWERS = {"observe", "drift", "advise", "plan", "compliance", "crew", "collect", "accept", "keep"}
"""What leaves something behind and is looking all the same."""


def _rolled(value: str) -> RolloutWish:
    return RolloutWish(
        selector=Selector(instances=(SHOP,)),
        settings={"sort_memory": value},
        because="to see whether it works",
    )


def _administrator(name: str) -> Person:
    return Person(name=name, grants=(Grant(role=Role.ADMINISTRATOR),))


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_every_public_method_is_known_here_as_one_that_writes_or_one_that_reads(owner):
    """A new method has to be added to one of the tables above, and then it is attacked or watched."""
    writes, reads, _ = OWNERS[owner]
    public = {name for each in owner.__mro__[:-1] for name in vars(each) if not name.startswith("_")}
    assert public == writes.keys() | reads.keys()
    assert not writes.keys() & reads.keys()


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_nobody_writes_without_a_right(town, owner):
    """Without a token, with what is none, with one taken back, and with somebody's who has no rights."""
    prize = Prize(town)
    attempts, _, reach = OWNERS[owner]
    gone = town.token("otto")
    town.remove("otto")
    strangers = {"": "no token was given", "sp_x": "is no token", gone: "revoked"}
    strangers[town.add(Person(name="zoe"))] = "zoe may not|the voice is"
    for name, attempt in attempts.items():
        for token, match in strangers.items():
            before = town.state()
            with town.refused(match, NotPermittedError) as caught:
                attempt(reach(town.front(token)), prize)
            assert [row.action for row in caught.rows] == ["gate.refused"], name
            assert town.state() == before, name


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_a_viewer_only_looks(town, owner):
    prize = Prize(town)
    attempts, _, reach = OWNERS[owner]
    for name, attempt in attempts.items():
        if name not in FOR_VIEWERS:
            before = town.state()
            with town.refused("vic may not|the voice is", NotPermittedError):
                attempt(reach(town.vic), prize)
            assert town.state() == before, name


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_what_is_said_to_read_writes_nothing(town, owner):
    prize = Prize(town)
    _, reads, reach = OWNERS[owner]
    for name, read in reads.items():
        before = len(town.rows()), town.context.head()[0], town.look("SELECT count(*) FROM record")
        read(reach(town.front("")), prize)
        after = len(town.rows()), town.context.head()[0], town.look("SELECT count(*) FROM record")
        assert after == before, name


def test_rows_name_who_was_authenticated_whatever_a_process_calls_itself(town):
    """SETPOINT_ACTOR, or the library's `actor`, is a name for a store of one user and nobody's proof."""
    made, _ = town.approved(durable="off")
    town.olaf.apply(made)
    with pytest.raises(NotPermittedError):
        town.vic.undo(SHOP)
    actors = {(row.actor, row.action) for row in town.rows() if row.actor == "somebody"}
    assert not actors


# What can be reached by public names alone.

FORBIDDEN = (Context, Store, Database, Register, Audit, Driver)


def test_no_store_is_within_reach(town):
    """Walk every public attribute of everything a face answers; nothing that can write is among it."""
    prize = Prize(town)
    front = town.olaf
    answers: list[Any] = [front, front.governance, front.governance.people, front.plan(SHOP)]
    for _, reads, reach in OWNERS.values():
        answers += [read(reach(front), prize) for read in reads.values()]
    seen: set[int] = set()
    for answer in answers:
        for path, value in walk(answer, type(answer).__name__, seen):
            assert not isinstance(value, FORBIDDEN[:-1]), f"{path} is a {type(value).__name__}"
            is_driver = hasattr(value, "run") and hasattr(value, "reconnect")
            assert not is_driver, f"{path} is a driver"


def walk(value: Any, path: str, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    plain = (str, bytes, int, float, types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType)
    if value is None or isinstance(value, plain) or id(value) in seen or depth > 12:
        return
    seen.add(id(value))
    yield path, value
    if isinstance(value, dict):
        for key, each in list(value.items())[:50]:
            yield from walk(each, f"{path}[{key!r:.30}]", seen, depth + 1)
        return
    if isinstance(value, (tuple, list, set, frozenset)):
        for number, each in enumerate(list(value)[:50]):
            yield from walk(each, f"{path}[{number}]", seen, depth + 1)
        return
    if isinstance(value, types.MethodType):
        return  # its object was walked, and its arguments are what it is handed
    for name in dir(value):
        if not name.startswith("_"):
            try:
                each = getattr(value, name)
            except Exception:  # noqa: BLE001, S112 - a property that does not answer shows nothing
                continue
            yield from walk(each, f"{path}.{name}", seen, depth + 1)


def test_no_public_method_hands_a_callback_more_than_plain_data(town):
    """`before_step` is called in the middle of an apply: it is told a number and a step, and nothing else."""
    made = town.wish(sort_memory="8MB")
    told: list[tuple[Any, ...]] = []
    town.olaf.apply(made, before_step=lambda *given: told.append(given))
    for number, step in told:
        assert type(number) is int
        assert not [path for path, value in walk(step, "step", set()) if isinstance(value, FORBIDDEN[:-1])]


# What the sources say.


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((SOURCE / "setpoint").rglob("*.py")):
        name = ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(file.read_text(encoding="utf-8"))


def test_only_the_gate_and_admission_make_permits():
    makers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Permit"
    }
    assert makers == {"setpoint.control.gate", "setpoint.control.admission"}


def test_nobody_else_even_holds_the_word_at_run_time():
    """Elsewhere a permit is a type that is handed on; importing it for more than its name is a way to one."""
    holders = set()
    for name, tree in modules():
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            is_import = isinstance(node, ast.ImportFrom) and node.module == "setpoint.control.permit"
            if is_import and id(node) not in guarded:
                holders.add(name)
    assert holders == {"setpoint.control.gate", "setpoint.control.admission"}


def test_principals_are_made_where_somebody_is_authenticated():
    makers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if name.startswith(("setpoint.control", "setpoint.faces"))
        and isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "Principal"
    }
    assert makers == {"setpoint.control.identity", "setpoint.control.gate"}


def test_no_face_touches_what_its_context_holds_to_write():
    """Faces read through the context's store; the words that write stand in `control` alone."""
    words = {
        "put",
        "append",
        "announce",
        "commit",
        "begin",
        "finish",
        "add_checkpoint",
        "transaction",
    }
    for name, tree in modules():
        if not name.startswith("setpoint.faces") or ".demo" in name:
            continue
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in words
            ):
                assert "store" not in ast.unparse(node.func.value), f"{name}: {ast.unparse(node)}"


# What the import contracts say, asked of a copy in which somebody tries.

TRIES = {
    "around the gate to the store": (
        "faces/cli/shortcut.py",
        "from setpoint.store import Store\n",
        "Only faces.wiring picks adapters",
    ),
    "around the gate to the database": (
        "faces/shortcut.py",
        "from setpoint.store.database import Database\n",
        "Only faces.wiring picks adapters",
    ),
    "with a permit of one's own": (
        "faces/shortcut.py",
        "from setpoint.control.permit import Permit\n",
        "Faces are let through",
    ),
    "to an engine": (
        "faces/cli/shortcut.py",
        "from setpoint.engines.postgresql.driver import connect\n",
        "Only faces.wiring picks adapters",
    ),
    "to SQL": ("faces/shortcut.py", "import sqlalchemy\n", "Database clients only"),
    "from below": (
        "policy/shortcut.py",
        "from setpoint.store import Store\n",
        "The floors",
    ),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed here")
    return subprocess.run(
        [program, "--config", "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def _copy(folder: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "*.json", "*.yaml")
    shutil.copytree(SOURCE / "setpoint", folder / "src" / "setpoint", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_a_face_that_tries_breaks_a_contract(tmp_path):
    """All tries stand in one copy, each in a module of its own, so that the linter runs once."""
    folder = _copy(tmp_path)
    for number, (place, text, _) in enumerate(TRIES.values()):
        file = folder / "src" / "setpoint" / place.replace("shortcut", f"shortcut_{number}")
        file.write_text(text, encoding="utf-8")
    told = _lint(folder)
    assert told.returncode == 1, told.stdout + told.stderr
    broken = [line for line in told.stdout.splitlines() if " BROKEN" in line]
    for number, (what, (_, _, contract)) in enumerate(TRIES.items()):
        assert any(contract in line for line in broken), (what, broken)
        assert f"shortcut_{number}" in told.stdout, what


def test_policies_are_not_judged_by_who_wants_to_pass():
    """Every face's method takes words and values; no verdict, permit or principal comes in."""
    for owner in OWNERS:
        for name, method in inspect.getmembers(owner, inspect.isfunction):
            given = set(inspect.signature(method).parameters)
            assert not given & {"permit", "verdict", "principal", "policies", "now", "at"}, name


def test_an_empty_edit_by_a_viewer_leaves_nothing(town):
    """Nothing changes, so nothing is refused; but nothing is written in the viewer's name either."""
    before = town.context.head()[0]
    with suppress(NotPermittedError):
        town.vic.import_fleet(town.olaf.export_fleet(), "f.yaml", reason="look, I was here")
    assert town.context.head()[0] == before
    assert POLICY.strip() in town.olaf.governance.policy_text("safety")
