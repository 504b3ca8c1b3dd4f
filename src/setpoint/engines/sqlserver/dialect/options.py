"""What sys.configurations does not tell of its options: unit, default, what they are about.

The defaults are those of the engine, not of its setup program (which writes ``max degree of parallelism`` and
``max server memory (MB)`` since 2019). Facts: the manual, "Server configuration options", and the defaults
that sys.configurations shows on a fresh server. The words are our own.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from setpoint.engines.sqlserver.dialect.grammar import fold


class Known(NamedTuple):
    """One option: the vendor's name, its unit (empty: a bare number), default and so on."""

    name: str
    unit: str
    default: int | None
    category: str
    is_advanced: bool
    description: str

    @property
    def folded(self) -> str:
        """Our spelling of its name."""
        return fold(self.name)


def find_known(name: str) -> Known | None:
    """Answer what is known of an option, in either spelling of its name; None for one of a later version."""
    return _known().get(fold(name))


@cache
def _known() -> dict[str, Known]:
    lines = _TABLE.strip().splitlines()
    return {row.folded: row for row in map(_read, lines[::2], lines[1::2])}


def _read(facts: str, description: str) -> Known:
    name, unit, default, category, level = facts.split(" | ")
    return Known(
        name, unit, int(default) if default else None, category, level == "advanced", description.strip()
    )


_TABLE = """
access check cache bucket count |  | 0 | security | advanced
  Hash buckets of the cache of access check results; 0 lets the server choose.
access check cache quota |  | 0 | security | advanced
  Entries that the cache of access check results may hold; 0 lets the server choose.
Ad Hoc Distributed Queries |  | 0 | external data | advanced
  Allow queries that name a remote source in the statement itself.
ADR cleaner lock timeout (s) | s | 5 | recovery | advanced
  How long the cleaner of the version store waits for a lock.
ADR cleaner retry timeout (min) | min | 15 | recovery | advanced
  How long the cleaner of the version store goes on trying an object it could not lock.
ADR Cleaner Thread Count |  | 1 | recovery | advanced
  Threads that clean the persistent version store.
ADR Preallocation Factor |  | 4 | recovery | advanced
  How far ahead pages of the persistent version store are allocated, in blocks of 512.
affinity I/O mask |  | 0 | processors | advanced
  The first 32 processors that carry out disk I/O, as bits; 0 means all.
affinity mask |  | 0 | processors | advanced
  The first 32 processors that run the server's threads, as bits; 0 means all.
affinity64 I/O mask |  | 0 | processors | advanced
  Processors 33 to 64 that carry out disk I/O, as bits.
affinity64 mask |  | 0 | processors | advanced
  Processors 33 to 64 that run the server's threads, as bits.
Agent XPs |  | 0 | features | advanced
  The procedures of SQL Server Agent; the Agent turns them on itself when it starts.
allow filesystem enumeration |  | 1 | security | advanced
  Allow the functions and procedures that list files of the host.
allow polybase export |  | 0 | external data | basic
  Allow inserting into external tables.
allow server scoped db credentials |  | 0 | security | basic
  Allow database credentials that speak for the whole server.
allow updates |  | 0 | compatibility | basic
  Without effect since 2005; it only makes RECONFIGURE fail.
automatic soft-NUMA disabled |  | 0 | processors | advanced
  Do not split large NUMA nodes into smaller ones at start.
backup checksum default |  | 0 | backup | basic
  Write and verify checksums in backups that do not say whether to.
backup compression algorithm |  | 0 | backup | basic
  Which algorithm compresses backups that do not name one.
backup compression default |  | 0 | backup | basic
  Compress backups that do not say whether to.
blocked process threshold (s) | s | 0 | diagnostics | advanced
  After how long a blocked process is reported; 0 reports none.
c2 audit mode |  | 0 | security | advanced
  Record every access to statements and objects; the server stops when it cannot.
clr enabled |  | 0 | features | basic
  Allow user assemblies to run in the server.
clr strict security |  | 1 | security | advanced
  Treat every assembly as unsafe unless it is signed or trusted.
column encryption enclave type |  | 0 | security | basic
  The kind of secure enclave for Always Encrypted.
common criteria compliance enabled |  | 0 | security | advanced
  Clear memory before it is used again, and record logins.
contained database authentication |  | 0 | security | basic
  Allow databases that authenticate their own users.
cost threshold for parallelism |  | 5 | parallelism | advanced
  The estimated cost above which a parallel plan is considered.
cross db ownership chaining |  | 0 | security | basic
  Extend ownership chains across all databases.
cursor threshold |  | -1 | query | advanced
  Rows from which a keyset is filled in the background; -1 never, 0 always.
Data processed daily limit in TB |  | 2147483647 | cost | basic
  Terabytes that a serverless pool may process a day.
Data processed monthly limit in TB |  | 2147483647 | cost | basic
  Terabytes that a serverless pool may process a month.
Data processed weekly limit in TB |  | 2147483647 | cost | basic
  Terabytes that a serverless pool may process a week.
Database Mail XPs |  | 0 | features | advanced
  The procedures of Database Mail.
default full-text language |  | 1033 | full-text | advanced
  The language of full-text columns that do not name one.
default language |  | 0 | connections | basic
  The language of logins that do not name one, by its number.
default trace enabled |  | 1 | diagnostics | advanced
  Keep the trace of configuration changes and errors running.
disallow results from triggers |  | 0 | programming | advanced
  Make a trigger that returns rows an error.
EKM provider enabled |  | 0 | security | advanced
  Allow keys to be kept by an external device.
external AI runtimes enabled |  | 0 | features | basic
  Allow runtimes for AI models beside the server.
external rest endpoint enabled |  | 0 | external data | basic
  Allow the procedure that calls an HTTP endpoint.
external scripts enabled |  | 0 | features | basic
  Allow scripts of R, Python and Java to run beside the server.
external xtp dll gen util enabled |  | 0 | features | basic
  Compile natively compiled modules with a program outside the server.
filestream access level |  | 0 | features | basic
  How files behind FILESTREAM columns can be reached: not, by T-SQL, or as files too.
fill factor (%) |  | 0 | storage | advanced
  How full index pages are made; 0 and 100 fill them.
ft crawl bandwidth (max) |  | 100 | full-text | advanced
  Most buffers that a full-text crawl may hold; 0 sets no limit.
ft crawl bandwidth (min) |  | 0 | full-text | advanced
  Buffers that a full-text crawl keeps when it rests.
ft notify bandwidth (max) |  | 100 | full-text | advanced
  Most buffers that full-text change notifications may hold; 0 sets no limit.
ft notify bandwidth (min) |  | 0 | full-text | advanced
  Buffers that full-text change notifications keep when they rest.
hadoop connectivity |  | 0 | external data | basic
  Which kind of Hadoop or blob storage PolyBase reaches, by its number.
hardware offload config |  | 0 | processors | advanced
  Which hardware accelerators are set up, as bits.
hardware offload enabled |  | 0 | processors | advanced
  Use hardware accelerators.
hardware offload mode |  | 0 | processors | advanced
  How accelerators are used, as bits.
in-doubt xact resolution |  | 0 | recovery | advanced
  How distributed transactions in doubt end: not by itself, committed, or aborted.
index create memory (KB) | KB | 0 | memory | advanced
  Memory that making an index begins with; 0 lets the server choose.
lightweight pooling |  | 0 | processors | advanced
  Schedule by fibers instead of threads.
locks |  | 0 | memory | advanced
  Locks that may be held; 0 lets the server choose.
max degree of parallelism |  | 0 | parallelism | advanced
  Most processors that one statement may use; 0 means all, up to 64.
max full-text crawl range |  | 4 | full-text | advanced
  Parts in which a full crawl splits a table.
max RPC request params (KB) | KB | 0 | memory | advanced
  Memory that the parameters of one batch of calls may take; 0 sets no limit.
max server memory (MB) | MB | 2147483647 | memory | advanced
  The most memory that the server's pools and caches may take.
max text repl size (B) | B | 65536 | replication | basic
  The largest text or binary value that replicates in one statement; -1 sets no limit.
max worker threads |  | 0 | processors | advanced
  Threads for requests; 0 lets the server choose by the processors.
media retention | d | 0 | backup | advanced
  Days that a backup medium is kept before it may be overwritten.
min memory per query (KB) | KB | 1024 | memory | advanced
  The least memory granted to a query that sorts or hashes.
min server memory (MB) | MB | 0 | memory | advanced
  What the server does not give back once it has taken it.
nested triggers |  | 1 | programming | basic
  Allow the changes of a trigger to fire others.
network packet size (B) | B | 4096 | network | advanced
  Size of the packets for clients that do not ask for another.
Ole Automation Procedures |  | 0 | security | advanced
  Allow OLE objects to be made from T-SQL.
open objects |  | 0 | compatibility | advanced
  Without effect since 2005.
openrowset auto_create_statistics |  | 1 | query | advanced
  Make statistics on files that OPENROWSET reads.
optimize for ad hoc workloads |  | 0 | query | advanced
  Keep a stub instead of the plan when a batch is compiled for the first time.
PH timeout (s) | s | 60 | full-text | advanced
  How long the full-text protocol handler waits for a database.
polybase enabled |  | 0 | external data | basic
  Allow PolyBase.
polybase network encryption |  | 1 | external data | basic
  Encrypt what PolyBase sends between its nodes.
precompute rank |  | 0 | full-text | advanced
  Without effect since 2008.
priority boost |  | 0 | processors | advanced
  Run the server at a higher priority than other programs; not supported any more.
query governor cost limit |  | 0 | query | advanced
  Estimated seconds above which a query is refused; 0 refuses none.
query wait (s) | s | -1 | memory | advanced
  How long a query waits for its memory; -1 waits 25 times its estimated cost.
recovery interval (min) | min | 0 | recovery | advanced
  How long recovery of a database may take, which spaces checkpoints; 0 means about a minute.
remote access |  | 1 | security | basic
  Allow procedures to be called from and on linked servers the old way.
remote admin connections |  | 0 | connections | basic
  Allow the administrator's own connection from other hosts.
remote data archive |  | 0 | features | basic
  Allow tables to be stretched to Azure.
remote login timeout (s) | s | 10 | network | basic
  How long a login at a linked server may take; 0 waits for ever.
remote proc trans |  | 0 | network | basic
  Make every remote call part of a distributed transaction.
remote query timeout (s) | s | 600 | network | basic
  How long a query at a linked server may take; 0 waits for ever.
Replication XPs |  | 0 | replication | advanced
  Internal; turned on by replication.
scan for startup procs |  | 0 | features | advanced
  Run the procedures that are marked for it at each start.
server trigger recursion |  | 1 | programming | basic
  Allow server triggers to fire themselves.
set working set size |  | 0 | compatibility | advanced
  Without effect since 2005.
show advanced options |  | 0 | display | basic
  Let sp_configure list and change advanced options.
SLOG memory quota (%) |  | 75 | recovery | advanced
  Share of the memory target that the recovery log in memory may take.
SMO and DMO XPs |  | 1 | features | advanced
  The procedures that management programs use.
suppress recovery model errors |  | 0 | backup | advanced
  Warn instead of failing when a recovery model is refused.
tempdb metadata memory-optimized |  | 0 | storage | advanced
  Keep the system tables of tempdb in memory.
transform noise words |  | 0 | full-text | advanced
  Leave stop words out of a full-text query that would find nothing because of them.
two digit year cutoff |  | 2049 | programming | advanced
  The last year that a year of two digits can mean.
user connections |  | 0 | connections | advanced
  Connections at a time; 0 means the most there can be, 32767.
user instance timeout | min | 60 | features | advanced
  After how long a user's own idle instance ends.
user instances enabled |  | 0 | features | advanced
  Let users of an Express edition start their own instances.
user options |  | 0 | connections | basic
  SET options that every session begins with, as bits.
version high part of SQL Server |  |  | internal | advanced
  Internal.
version low part of SQL Server |  |  | internal | advanced
  Internal.
xp_cmdshell |  | 0 | security | advanced
  Allow commands of the operating system to be run from T-SQL.
"""
