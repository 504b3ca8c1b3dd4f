"""Harvesting a catalog from a running server: what needs a restart, and what can be kept, is tried out on it.

Each variable is set to the value it has, and some for a moment to others. No value is changed in the end, but
the server takes all of them for set by hand then: harvest from a server of your own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Context, Kind, Parameter
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.mysql.dialect.contexts import DYNAMIC, FILE_ONLY, FIXED, NOT_KEPT, PERSIST_ONLY
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dialect.statements import checked_name, quote_literal, reset_persist
from setpoint.engines.mysql.observe.parameters import read_parameter
from setpoint.engines.mysql.observe.query import statement
from setpoint.engines.mysql.observe.reading import EVIDENCE, is_global
from setpoint.engines.mysql.observe.reply import decode_answer
from setpoint.engines.plan import Request
from setpoint.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from setpoint.catalog import Version
    from setpoint.engines.mysql.observe.reading import Flavour
    from setpoint.engines.mysql.observe.reply import Answer, VariableRow
    from setpoint.engines.port import Reply

_MOST_WORDS = 40
_BLOCKS = (8, 64, 100, 128, 512, 1024, 2048, 4096, 8192, 16384, 65536, 1 << 20)
"""What servers cut numbers down to multiples of."""
_NOT_TRIED = frozenset({
    "innodb_buffer_pool_size", "innodb_redo_log_capacity", "server_id", "innodb_undo_tablespaces",
    "max_prepared_stmt_count", "innodb_thread_concurrency",
})  # fmt: skip
"""Trying these would resize something large, or change what the server is."""
_OF_BUILD = ("datadir", "basedir", "_dir", "tmpdir", "_path", "_file", "socket", "hostname", "uuid", "port",
             "character_sets", "log_error", "plugin_dir", "ssl_", "tls_", "_basename",
             "_index", "timezone", "relay_log")  # fmt: skip
_OF_HOST = frozenset({
    "innodb_page_cleaners", "innodb_purge_threads", "innodb_buffer_pool_instances", "thread_pool_size",
    "open_files_limit", "table_open_cache", "back_log", "thread_cache_size", "host_cache_size",
    "innodb_parallel_read_threads", "innodb_read_io_threads", "temptable_max_ram",
    "innodb_log_writer_threads",
    "innodb_open_files", "large_page_size", "innodb_use_native_aio", "lower_case_table_names",
    "innodb_numa_interleave", "report_port", "replica_parallel_workers", "server_memory",
})  # fmt: skip


def harvest(
    version: Version, listing: str, known: Mapping[str, Parameter], flavour: Flavour
) -> Generator[Request, Reply, CatalogData]:
    """Ask a server for its whole catalog.

    `listing` (``mysqld --verbose --help``) tells the defaults of what was given at the start; `known` are the
    parameters of a catalog that is there already.
    """
    answer = decode_answer((yield Request(text=statement(version, is_full=False))))
    rows = {row.name.lower(): row for row in answer.variables if is_global(row)}
    defaults = read_listing(listing)
    parameters: list[Parameter] = []
    for name, row in sorted(rows.items()):
        parameter = read_parameter(row, known.get(name))
        context = yield from _try(parameter, row)
        words = yield from _words(parameter)
        parameter = yield from with_compounds(parameter)
        block = (yield from _block(parameter, row.value)) if context in (DYNAMIC, NOT_KEPT) else 0
        finished = _finished(parameter, row, context, words, defaults)
        parameters.append(msgspec.structs.replace(finished, multiple=block))
    return catalog_of(answer, version, flavour, parameters)


def catalog_of(
    answer: Answer, version: Version, flavour: Flavour, parameters: list[Parameter]
) -> CatalogData:
    """Answer the catalog that is shipped."""
    return CatalogData(
        engine=flavour.name,
        version=str(version),
        evidence=EVIDENCE,
        source=f"{answer.server.version} {answer.server.comment}".strip(),
        parameters=tuple(parameters),
    )


def read_listing(text: str) -> dict[str, str]:
    """Read the table of defaults at the end of the server program's own help: names and values."""
    _, _, table = text.partition("Variables (--variable-name=value)")
    found: dict[str, str] = {}
    for line in table.splitlines():
        name, _, value = line.partition(" ")
        if value.strip() and name[:1].isalpha():
            found[GRAMMAR.fold_name(name)] = "" if "(No default value)" in value else value.strip()
    return found


def with_compounds(parameter: Parameter) -> Generator[Request, Reply, Parameter]:
    """Find out in this session which words of a set stand for several."""
    if parameter.kind is not Kind.FLAGS or parameter.context is not Context.RECONNECT:
        return parameter
    name, found = checked_name(parameter.name), dict[str, str]()
    for word in parameter.values:
        try:
            yield Request(text=f"SET SESSION {name} = {quote_literal(word)}")
            reply = yield Request(text=f"SELECT @@SESSION.{name}")
        except RefusedError:
            continue
        if "," in str(reply.rows[0][0]):
            found[word.lower()] = str(reply.rows[0][0])
    yield Request(text=f"SET SESSION {name} = DEFAULT")
    return msgspec.structs.replace(parameter, aliases=found)


def without_host(parameter: Parameter) -> Parameter:
    """Take out of a parameter what is the machine's: folders, and what is worked out from its size."""
    name = parameter.name
    if parameter.kind is Kind.STRING and any(part in name for part in _OF_BUILD):
        return msgspec.structs.replace(parameter, default=None, build="depends on the installation")
    if name in _OF_HOST:
        return msgspec.structs.replace(parameter, default=None, build="worked out from the host at the start")
    return parameter


def _try(parameter: Parameter, row: VariableRow) -> Generator[Request, Reply, str]:
    """Find out by which means a variable can be changed."""
    if parameter.engine_context == FIXED:
        return FIXED
    name = checked_name(parameter.name)
    same = f"{name} = @@GLOBAL.{name}"
    if (yield from _is_of_session(f"SET GLOBAL {same}")):
        return FIXED
    if (yield from _is_taken(f"SET GLOBAL {same}")):
        is_kept = row.persisted is not None or (yield from _is_kept(f"SET PERSIST {same}", name))
        return DYNAMIC if is_kept else NOT_KEPT
    is_kept = row.persisted is not None or (yield from _is_kept(f"SET PERSIST_ONLY {same}", name))
    return PERSIST_ONLY if is_kept else FILE_ONLY


def _is_kept(text: str, name: str) -> Generator[Request, Reply, bool]:
    is_kept = yield from _is_taken(text)
    if is_kept:
        yield Request(text=reset_persist(name), is_read_only=False)
    return is_kept


def _is_of_session(text: str) -> Generator[Request, Reply, bool]:
    """Tell whether a variable that is listed for the whole server is one of sessions alone."""
    try:
        yield Request(text=text, is_read_only=False)
    except RefusedError as fault:
        return "(1228)" in fault.what
    return False


def _is_taken(text: str) -> Generator[Request, Reply, bool]:
    try:
        yield Request(text=text, is_read_only=False)
    except RefusedError as fault:
        # Set to what it is, a variable may be refused for its value; that it is read only has a number.
        return "(1238)" not in fault.what and "read only" not in fault.what and "(1621)" not in fault.what
    return True


def _words(parameter: Parameter) -> Generator[Request, Reply, tuple[str, ...]]:
    """Count through an enum's words in this session, where it has the variable; else what is known."""
    if parameter.kind is not Kind.ENUM or parameter.values or parameter.context is not Context.RECONNECT:
        return parameter.values
    name = checked_name(parameter.name)
    words: list[str] = []
    for number in range(_MOST_WORDS):
        try:
            yield Request(text=f"SET SESSION {name} = {number}")
            reply = yield Request(text=f"SELECT @@SESSION.{name}")
        except RefusedError:
            break
        words.append(str(reply.rows[0][0]))
    yield Request(text=f"SET SESSION {name} = DEFAULT")
    return tuple(words)


def _finished(
    parameter: Parameter,
    row: VariableRow,
    engine_context: str,
    words: tuple[str, ...],
    defaults: Mapping[str, str],
) -> Parameter:
    context = parameter.context
    if engine_context in (PERSIST_ONLY, FILE_ONLY):
        context = Context.RESTART
    if engine_context == FIXED:
        context = Context.FIXED
    made = msgspec.structs.replace(parameter, context=context, engine_context=engine_context, values=words)
    text = row.value if row.source == "COMPILED" else defaults.get(parameter.name)
    if text is None:
        return without_host(made)
    try:
        default = made.read(text, GRAMMAR)
    except ValueError:
        default = made.default
    return without_host(msgspec.structs.replace(made, default=default))


def _block(parameter: Parameter, value: str | None) -> Generator[Request, Reply, int]:
    """Find out what numbers have to be multiples of; 0 where the server takes all."""
    if parameter.kind not in (Kind.INTEGER, Kind.SIZE) or value is None or parameter.name in _NOT_TRIED:
        return parameter.multiple
    name, stands = checked_name(parameter.name), int(value)
    found = 0
    for block in (1, *_BLOCKS):
        tried = next((n for n in _multiples(stands, block) if _is_within(parameter, n)), None)
        if tried is not None and (yield from _taken(name, tried)) == tried:
            found = block
            break
    yield Request(text=f"SET GLOBAL {name} = {stands}", is_read_only=False)
    return found if found > 1 else 0


def _multiples(number: int, block: int) -> tuple[int, int]:
    """Answer the next odd multiple above a number and the next below."""
    above = number // block + 1
    below = (number - 1) // block
    return (above + 1 - above % 2) * block, (below - 1 + below % 2) * block


def _is_within(parameter: Parameter, number: int) -> bool:
    is_low = parameter.min is not None and number < parameter.min
    return number > 0 and not is_low and (parameter.max is None or number <= parameter.max)


def _taken(name: str, number: int) -> Generator[Request, Reply, int]:
    """Set a number and answer what the server made of it."""
    with suppress(RefusedError):  # it says that it took another
        yield Request(text=f"SET GLOBAL {name} = {number}", is_read_only=False)
    reply = yield Request(text=f"SELECT @@GLOBAL.{name}")
    return int(reply.rows[0][0])
