"""Reading SHOW ENGINE INNODB STATUS: the numbers of its sections, under names of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, Problem, Sample, Severity
from setpoint.engines.document import Likeness
from setpoint.engines.mysql.dumps.evidence import likeness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_MARK = "INNODB MONITOR OUTPUT"
_HEAD_CHARACTERS = 20_000
_PLACE = "{}"
_NUMBER = r"(-?\d{1,20}(?:\.\d{1,10})?)"
_OF_MYSQL = ("Log buffer assigned up to", "Number of system rows inserted", "Log minimum file id")

# A line as InnoDB writes it, with {} for each number, and the names of those numbers.
_LINES: tuple[tuple[str, str], ...] = (
    ("Per second averages calculated from the last {} seconds", "averaged_seconds"),
    ("srv_master_thread loops: {} srv_active, {} srv_shutdown, {} srv_idle",
     "master_loops_active master_loops_shutdown master_loops_idle"),
    ("srv_master_thread log flush and writes: {}", "master_log_flushes_and_writes"),
    ("OS WAIT ARRAY INFO: reservation count {}, signal count {}", "os_wait_reservations os_wait_signals"),
    ("OS WAIT ARRAY INFO: reservation count {}", "os_wait_reservations"),
    ("OS WAIT ARRAY INFO: signal count {}", "os_wait_signals"),
    ("Mutex spin waits {}, rounds {}, OS waits {}", "mutex_spin_waits mutex_rounds mutex_os_waits"),
    ("RW-shared spins {}, rounds {}, OS waits {}", "rw_shared_spins rw_shared_rounds rw_shared_os_waits"),
    ("RW-excl spins {}, rounds {}, OS waits {}", "rw_excl_spins rw_excl_rounds rw_excl_os_waits"),
    ("RW-sx spins {}, rounds {}, OS waits {}", "rw_sx_spins rw_sx_rounds rw_sx_os_waits"),
    ("RW-shared spins {}, OS waits {}; RW-excl spins {}, OS waits {}",
     "rw_shared_spins rw_shared_os_waits rw_excl_spins rw_excl_os_waits"),
    ("Spin rounds per wait: {} RW-shared, {} RW-excl, {} RW-sx",
     "rw_shared_rounds_per_wait rw_excl_rounds_per_wait rw_sx_rounds_per_wait"),
    ("Spin rounds per wait: {} mutex, {} RW-shared, {} RW-excl",
     "mutex_rounds_per_wait rw_shared_rounds_per_wait rw_excl_rounds_per_wait"),
    ("Trx id counter {}", "trx_id_counter"),
    ("Purge done for trx's n:o < {} undo n:o < {}", "purged_to_trx purged_to_undo"),
    ("History list length {}", "history_list_length"),
    ("Pending normal aio reads: {}, aio writes: {}", "pending_aio_reads pending_aio_writes"),
    ("Pending flushes (fsync) log: {}; buffer pool: {}", "pending_log_fsyncs pending_buffer_pool_fsyncs"),
    ("{} OS file reads, {} OS file writes, {} OS fsyncs", "os_file_reads os_file_writes os_fsyncs"),
    ("{} reads/s, {} avg bytes/read, {} writes/s, {} fsyncs/s",
     "os_file_reads_per_second os_file_bytes_per_read os_file_writes_per_second os_fsyncs_per_second"),
    ("{} pending preads, {} pending pwrites", "pending_preads pending_pwrites"),
    ("{} pending reads, {} pending writes", "pending_reads pending_writes"),
    ("Ibuf: size {}, free list len {}, seg size {}, {} merges",
     "ibuf_size ibuf_free_list_length ibuf_segment_size ibuf_merges"),
    ("{} hash searches/s, {} non-hash searches/s", "hash_searches_per_second non_hash_searches_per_second"),
    ("Log sequence number {}", "log_sequence_number"),
    ("Log buffer assigned up to {}", "log_buffer_assigned_up_to"),
    ("Log buffer completed up to {}", "log_buffer_completed_up_to"),
    ("Log written up to {}", "log_written_up_to"),
    ("Log flushed up to {}", "log_flushed_up_to"),
    ("Added dirty pages up to {}", "dirty_pages_added_up_to"),
    ("Pages flushed up to {}", "pages_flushed_up_to"),
    ("Last checkpoint at {}", "last_checkpoint_at"),
    ("Log minimum file id is {}", "log_minimum_file_id"),
    ("Log maximum file id is {}", "log_maximum_file_id"),
    ("Modified age no less than {}", "modified_age"),
    ("Modified age {}", "modified_age"),
    ("Checkpoint age {}", "checkpoint_age"),
    ("Max checkpoint age {}", "max_checkpoint_age"),
    ("Checkpoint age target {}", "checkpoint_age_target"),
    ("{} log i/o's done, {} log i/o's/second", "log_ios log_ios_per_second"),
    ("{} pending log flushes, {} pending chkp writes", "pending_log_flushes pending_checkpoint_writes"),
    ("{} pending log writes, {} pending chkp writes", "pending_log_writes pending_checkpoint_writes"),
    ("Total large memory allocated {}", "large_memory_allocated_bytes"),
    ("Total memory allocated {}; in additional pool allocated {}",
     "memory_allocated_bytes additional_pool_allocated_bytes"),
    ("Dictionary memory allocated {}", "dictionary_memory_allocated_bytes"),
    ("Buffer pool size, bytes {}", "buffer_pool_bytes"),
    ("Buffer pool size {}", "buffer_pool_pages"),
    ("Free buffers {}", "free_buffers"),
    ("Database pages {}", "database_pages"),
    ("Old database pages {}", "old_database_pages"),
    ("Modified db pages {}", "modified_pages"),
    ("Percent of dirty pages(LRU & free pages): {}", "dirty_pages_percent"),
    ("Max dirty pages percent: {}", "max_dirty_pages_percent"),
    ("Pending reads {}", "pending_pool_reads"),
    ("Pending writes: LRU {}, flush list {}, single page {}",
     "pending_lru_writes pending_flush_list_writes pending_single_page_writes"),
    ("Pending writes: LRU {}, flush list {}", "pending_lru_writes pending_flush_list_writes"),
    ("Pages made young {}, not young {}", "pages_made_young pages_not_made_young"),
    ("{} youngs/s, {} non-youngs/s", "youngs_per_second non_youngs_per_second"),
    ("Pages read {}, created {}, written {}", "pages_read pages_created pages_written"),
    ("{} reads/s, {} creates/s, {} writes/s",
     "pages_read_per_second pages_created_per_second pages_written_per_second"),
    ("Buffer pool hit rate {} / {}, young-making rate {} / {} not {} / {}",
     "hit_rate hit_rate_of young_making_rate young_making_rate_of not_young_rate not_young_rate_of"),
    ("Pages read ahead {}/s, evicted without access {}/s, Random read ahead {}/s",
     "read_ahead_per_second evicted_unused_per_second random_read_ahead_per_second"),
    ("LRU len: {}, unzip_LRU len: {}", "lru_length unzip_lru_length"),
    ("I/O sum[{}]:cur[{}], unzip sum[{}]:cur[{}]", "io_sum io_current unzip_sum unzip_current"),
    ("{} queries inside InnoDB, {} queries in queue", "queries_inside queries_in_queue"),
    ("{} read views open inside InnoDB", "read_views_open"),
    ("{} RW transactions active inside InnoDB", "rw_transactions_active"),
    ("Number of rows inserted {}, updated {}, deleted {}, read {}",
     "rows_inserted rows_updated rows_deleted rows_read"),
    ("Number of system rows inserted {}, updated {}, deleted {}, read {}",
     "system_rows_inserted system_rows_updated system_rows_deleted system_rows_read"),
    ("{} inserts/s, {} updates/s, {} deletes/s, {} reads/s",
     "rows_inserted_per_second rows_updated_per_second rows_deleted_per_second rows_read_per_second"),
    ("Hash table size {}, node heap has {} buffer(s)", "hash_table_size hash_heap_buffers"),
)  # fmt: skip
_BY_INSTANCE = re.compile(r"---BUFFER POOL (\d+)")
_SYSTEM_ROWS = "Number of system rows"
_LABELLED = frozenset({"hash_table_size", "hash_heap_buffers"})


def _compiled() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    def pattern(shape: str) -> re.Pattern[str]:
        words = [re.escape(part).replace(r"\ ", r"\s+") for part in shape.split(_PLACE)]
        joined = words[0] + "".join(rf"(?:\s*){_NUMBER}{word}" for word in words[1:])
        return re.compile(joined)

    return tuple((pattern(shape), tuple(names.split())) for shape, names in _LINES)


_PATTERNS = _compiled()


@dataclass(frozen=True)
class InnodbStatusReader:
    """Reads the monitor's output."""

    engine: Kind
    meanings: Meanings
    kind: str = "SHOW ENGINE INNODB STATUS"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the monitor's own heading."""
        head = document.text[:_HEAD_CHARACTERS]
        if document.is_binary or _MARK not in head:
            return None
        if any(words in document.text for words in _OF_MYSQL):
            return Likeness(90 if self.engine == "mysql" else 15, "it is InnoDB's monitor, of mysql")
        found = likeness(document, self.engine, "it is InnoDB's monitor")
        return Likeness(found.points, found.why)

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the numbers; of transactions and their statements nothing is kept."""
        samples = tuple(_samples(document))
        is_cut = f"END OF {_MARK}" not in document.text
        words = "it ends before the monitor's last line: the server cuts long outputs"
        problems = (Problem(severity=Severity.WARNING, message=words),) if is_cut else ()
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=version,
                samples=samples,
                problems=problems,
            ),
        )


def _samples(document: Document) -> Iterator[Sample]:
    instance = ""
    is_system = False
    hashes = 0
    for number, line in _lines(document):
        found = _BY_INSTANCE.match(line)
        if found is not None:
            instance = f"buffer_pool={found[1]}"
        elif line.startswith("ROW OPERATIONS"):
            instance = ""
        is_system = line.startswith(_SYSTEM_ROWS) or (is_system and "inserts/s" in line)
        for pattern, names in _PATTERNS:
            match = pattern.match(line)
            if match is None:
                continue
            labels = instance
            if names[0] in _LABELLED:
                labels, hashes = f"part={hashes}", hashes + 1
            prefix = "system_" if is_system and names[0] == "rows_inserted_per_second" else ""
            for name, text in zip(names, match.groups(), strict=True):
                yield Sample(name=prefix + name, value=float(text), labels=labels, line=number)
            break


def _lines(document: Document) -> Iterator[tuple[int, str]]:
    """Answer the monitor's lines; in a batch they are one line, with its line ends written out."""
    is_markup = "<" in document.text[:200]
    for number, written in enumerate(document.lines, start=1):
        line = unescape(written) if is_markup and "&" in written else written
        parts = line.split("\\n") if "\\n" in line and _MARK in line else (line,)
        for part in parts:
            yield number, part.strip(" |")[:400]
