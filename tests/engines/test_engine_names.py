"""No module outside `engines/` asks which engine it has: what differs between engines is behind the port."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from setpoint.engines.registry import engine_names

SOURCE = Path(__file__).parents[2] / "src" / "setpoint"
NAMES = {*engine_names(), "mariadb", "mysql", "oracle", "postgresql", "sqlserver"}

_STORE = "the database the store itself lives in, by the scheme of its URL or its SQLAlchemy dialect"
_PROGRAMS = "the lab starts server programs, and the two programs of one family take other words"
_CASTS = "which server the demonstration is played on: a choice of its own, with a module for each"
ALLOWED = {
    "faces/demo/casts.py": _CASTS,
    "faces/demo/mariadb.py": _CASTS,
    "faces/wiring.py": _STORE,
    "store/connections.py": _STORE,
    "store/schema.py": _STORE,
    "lab/counters.py": _PROGRAMS,
    "lab/mysql_binaries.py": _PROGRAMS,
    "lab/mysql_data.py": _PROGRAMS,
    "lab/mysql_replica.py": _PROGRAMS,
    "lab/mysql_server.py": _PROGRAMS,
}
"""Where an engine's name decides something all the same, and why. This list only ever gets shorter."""


def named_in(node: ast.AST) -> Iterator[str]:
    """Answer the engines' names among the constants that a node holds itself, or in a collection of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in NAMES:
        yield node.value
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for each in node.elts:
            yield from named_in(each)
    if isinstance(node, ast.Call):  # frozenset({...}), tuple([...])
        for each in node.args:
            yield from named_in(each)


def deciding(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Answer where an engine's name decides: a comparison, a case, a key to look something up by."""
    for node in ast.walk(tree):
        asked: list[ast.AST | None] = []
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        elif isinstance(node, ast.Dict):
            asked = [*node.keys]
        elif isinstance(node, ast.Subscript):
            asked = [node.slice]
        for each in asked:
            for name in named_in(each) if each is not None else ():
                yield getattr(node, "lineno", 0), name


def found() -> dict[str, list[str]]:
    """Answer every module outside `engines/` in which an engine's name decides, with the places."""
    places: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        if module.startswith("engines/"):
            continue
        hits = [f"{line}: {name}" for line, name in deciding(ast.parse(path.read_text("utf-8")))]
        if hits:
            places[module] = hits
    return places


def test_no_module_outside_engines_asks_which_engine_it_has():
    unexpected = {module: hits for module, hits in found().items() if module not in ALLOWED}
    assert unexpected == {}


def test_the_list_of_exceptions_holds_no_more_than_there_are():
    assert sorted(ALLOWED) == sorted(found())
    assert all(ALLOWED.values())


def test_every_way_of_asking_is_seen():
    ways = """
if engine == "mysql": pass
if engine in ("mysql", "mariadb"): pass
if "PostgreSQL".lower() != engine or engine not in frozenset({"oracle"}): pass
match engine:
    case "sqlserver" | "mysql": pass
makers = {"mysql": 1, "other": 2}
chosen = makers["mysql"]
"""
    lines = sorted({line for line, _ in deciding(ast.parse(ways))})
    assert lines == [2, 3, 4, 6, 7, 8]
    assert not list(deciding(ast.parse('name = "mysql"\nprint("mysql")\nif engine == other: pass')))
