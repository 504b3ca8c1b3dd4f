"""Dispatch on PostgreSQL, for workers on any number of machines: Procrastinate on the store's own database.

Its tables live in a schema of their own, `SCHEMA`. They hold triggers only, nothing that is not in the
store's rows too, so they may be emptied or dropped at any time while no worker runs. asyncio stays in here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from setpoint.errors import StoreUnavailableError
from setpoint.integrations.dispatch import Task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping

    from procrastinate import App
    from procrastinate.jobs import Job
    from procrastinate.worker import Worker

    from setpoint.integrations.dispatch import Fault, Handler

SCHEMA = "setpoint_queue"
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
"""After so long without a heartbeat a worker is dead to the others, and its tasks are done anew."""

_LONGEST_PAUSE_SECONDS = 10.0
_CONNECT_SECONDS = 5
_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
_LOG = logging.getLogger("setpoint.dispatch")

_WAITING = (
    "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%(names)s)"
)
_DEPTH = (
    "SELECT task_name, count(*) AS count FROM procrastinate_jobs WHERE status = 'todo' GROUP BY task_name"
)
_KNOWN = "SELECT obj_description(to_regnamespace(%(schema)s)::oid, 'pg_namespace') AS mark"
_LIVING = (
    "SELECT count(*) AS count FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute'"
)


class ProcrastinateDispatch:
    """Tasks wait in the store's database; this process does as many at once as it has threads."""

    def __init__(
        self,
        url: str,
        threads: int,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        """Say where; nothing is opened yet. `url` is the store's, ``postgresql://...``."""
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._threads = threads
        self._heartbeat = heartbeat_seconds
        self._stalled = stalled_seconds
        self._lock = threading.Lock()
        self._app: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Worker | None = None
        self._runner: threading.Thread | None = None
        self._is_ending = threading.Event()

    def submit(self, tasks: Iterable[Task]) -> int:
        """Let tasks wait for their turn; answer how many were taken; raise `StoreUnavailableError`."""
        fresh = {_name(task): task for task in tasks}
        if not fresh:
            return 0
        with _translated():
            app = self._submitter()
            for row in app.connector.execute_query_all(_WAITING, names=list(fresh)):
                del fresh[row["queueing_lock"]]
            return _defer(app, [_job(task) for task in fresh.values()])

    def start(self, handlers: Mapping[str, Handler], on_fault: Fault | None = None) -> None:
        """Begin to do tasks; only kinds that have a handler here are taken."""
        self._is_ending.clear()
        self._runner = threading.Thread(
            target=self._keep_at, args=[dict(handlers), on_fault], name="dispatch", daemon=True
        )
        self._runner.start()

    def stop(self) -> None:
        """Finish what is being done; what waits is left to other workers."""
        self._is_ending.set()
        with self._lock:
            loop, server = self._loop, self._server
        if loop is not None and server is not None:
            with suppress(RuntimeError):  # it came to its end by itself
                loop.call_soon_threadsafe(server.stop)
        if self._runner is not None:
            self._runner.join()
            self._runner = None
        with self._lock:
            app, self._app = self._app, None
        if app is not None:
            with _translated():
                app.close()

    def depth(self) -> dict[str, int]:
        """Answer by kind how many tasks wait, for whatever worker; raise `StoreUnavailableError`."""
        with _translated():
            rows = self._submitter().connector.execute_query_all(_DEPTH)
        return {row["task_name"]: row["count"] for row in rows}

    def _submitter(self) -> App:
        """Answer the way to the queue, opened at the first call."""
        with self._lock:
            if self._app is None:
                app = _opened(self._url)
                try:
                    prepare(app)
                except BaseException:
                    app.close()
                    raise
                self._app = app
            return self._app

    def _keep_at(self, handlers: dict[str, Handler], on_fault: Fault | None) -> None:
        """Do tasks until told to end, beginning again whenever the database was away."""
        pause = 0.2
        while not self._is_ending.is_set():
            try:
                asyncio.run(self._serve(handlers, on_fault))
                pause = 0.2
            except Exception as fault:  # noqa: BLE001 - whatever it is, the next try may go well
                _LOG.warning("the queue is away: %s", type(fault).__name__)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._is_ending.wait(pause)

    async def _serve(self, handlers: dict[str, Handler], on_fault: Fault | None) -> None:
        from procrastinate import App, PsycopgConnector
        from procrastinate.worker import Worker

        with _translated():
            self._submitter()
        app = App(connector=PsycopgConnector(configure=_aim_async, **_pool_arguments(self._url, 4)))
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="dispatch")
        for kind, handler in handlers.items():
            app.task(name=kind, queue=kind)(_doer(kind, handler, on_fault, pool))
        try:
            async with app.open_async():
                reaper = asyncio.create_task(self._reap(app))
                # Asked to stop, not cancelled: a cancellation can get lost between a query and its answer.
                server = Worker(
                    app=app,
                    queues=list(handlers),
                    concurrency=self._threads,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=self._heartbeat,
                    stalled_worker_timeout=self._stalled,
                )
                work = asyncio.create_task(server.run())
                await asyncio.sleep(0)  # it forgets what was asked of it before it begins
                with self._lock:
                    self._loop, self._server = loop, server
                if self._is_ending.is_set():
                    server.stop()
                try:
                    await work
                finally:
                    reaper.cancel()
        finally:
            with self._lock:
                self._loop = self._server = None
            pool.shutdown(wait=True)

    async def _reap(self, app: App) -> None:
        """Let the tasks of workers that died be done anew."""
        from procrastinate.exceptions import ConnectorException

        while True:
            with suppress(ConnectorException):
                for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._stalled):
                    await _revive(app, job)
            await asyncio.sleep(self._heartbeat)


def prepare(app: App) -> None:
    """Make the queue's tables, or make them anew where they are another version's; raises what it meets."""
    from procrastinate.exceptions import ConnectorException

    script = app.schema_manager.get_schema()
    mark = f"procrastinate {sha256(script.encode()).hexdigest()}"
    known = _mark(app)
    if known == mark:
        return
    if known is not None and app.connector.execute_query_one(_LIVING)["count"]:
        raise StoreUnavailableError(
            "workers of another version are at work on this store's queue",
            next_step="stop them first; what waits in the queue is handed out anew",
        )
    head = f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; " if known is not None else ""
    # Of our own constants and the library's script, all in one transaction.
    query: Any = f"{head}CREATE SCHEMA {SCHEMA}; {script.replace('%', '%%')};"
    query += f" COMMENT ON SCHEMA {SCHEMA} IS '{mark}'"
    try:
        app.connector.execute_query(query)
    except ConnectorException:
        if _mark(app) != mark:  # else another worker did it in this very moment
            raise


def _mark(app: App) -> str | None:
    return app.connector.execute_query_one(_KNOWN, schema=SCHEMA)["mark"]


def _opened(url: str) -> App:
    from procrastinate import App, SyncPsycopgConnector

    app = App(connector=SyncPsycopgConnector(configure=_aim, **_pool_arguments(url, 2)))
    app.open()
    return app


def _pool_arguments(url: str, size: int) -> dict[str, Any]:
    named = {"application_name": "setpoint-dispatch", "connect_timeout": _CONNECT_SECONDS}
    return {"conninfo": url, "kwargs": named, "min_size": 1, "max_size": size, "timeout": _CONNECT_SECONDS}


def _aim(connection: Any) -> None:
    """Let a connection find the queue's tables."""
    connection.execute(f"SET search_path TO {SCHEMA}")
    connection.commit()


async def _aim_async(connection: Any) -> None:
    await connection.execute(f"SET search_path TO {SCHEMA}")
    await connection.commit()


def _doer(
    kind: str, handler: Handler, on_fault: Fault | None, pool: ThreadPoolExecutor
) -> Callable[..., Awaitable[None]]:
    """Make what the library calls for a task of a kind: the handler, in a thread of our own."""

    async def do(key: str, argument: dict[str, str], priority: int) -> None:
        task = Task(kind, key, argument, priority)
        try:
            await asyncio.get_running_loop().run_in_executor(pool, handler, task)
        except Exception as fault:  # noqa: BLE001 - whatever a task raises, the worker goes on
            if on_fault is not None:
                on_fault(task, fault)

    return do


def _name(task: Task) -> str:
    """Answer what no two tasks that wait share."""
    return f"{task.kind}:{task.key}"


def _job(task: Task) -> Job:
    from procrastinate.jobs import Job

    return Job(
        queue=task.kind,
        task_name=task.kind,
        priority=task.priority,
        lock=task.key,
        queueing_lock=_name(task),
        task_kwargs={"key": task.key, "argument": dict(task.argument), "priority": task.priority},
    )


def _defer(app: App, jobs: list[Job]) -> int:
    """Put tasks into the queue, all at once where nobody was faster with one of them."""
    from procrastinate.exceptions import AlreadyEnqueued

    if not jobs:
        return 0
    try:
        return len(app.job_manager.batch_defer_jobs(jobs))
    except AlreadyEnqueued:
        if len(jobs) == 1:
            return 0
        half = len(jobs) // 2
        return _defer(app, jobs[:half]) + _defer(app, jobs[half:])


async def _revive(app: App, job: Job) -> None:
    """Let a dead worker's task wait again, or end it where another like it waits already."""
    from procrastinate.exceptions import ConnectorException, UniqueViolation
    from procrastinate.jobs import Status

    # Another worker may be doing the same: then there is nothing left to do.
    with suppress(ConnectorException):
        try:
            await app.job_manager.retry_job(job, retry_at=_AT_ONCE)
        except UniqueViolation:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


@contextmanager
def _translated() -> Generator[None]:
    """Turn what the library raises over its database into our error, without its texts."""
    from procrastinate.exceptions import ConnectorException
    from psycopg_pool import PoolClosed, PoolTimeout

    try:
        yield
    except (ConnectorException, PoolTimeout, PoolClosed, OSError) as fault:
        cause = fault.__cause__ or fault
        raise StoreUnavailableError(
            f"the queue in the store does not answer: {type(cause).__name__}",
            next_step="check that the database runs, and that this login may create a schema in it",
        ) from None
