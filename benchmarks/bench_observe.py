"""Observing a real PostgreSQL: the server's time, the client's, and the round trips."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from figures import Figures, percentile

from setpoint.engines import session
from setpoint.engines.port import Target
from setpoint.engines.registry import get_engine
from setpoint.lab.binaries import choose_binaries
from setpoint.lab.launch import PrivatePostgres

RUNS = 40


if __name__ == "__main__":
    found = Figures("Observation of a private PostgreSQL 18")
    engine = get_engine("postgresql")
    with PrivatePostgres(choose_binaries(18)) as server:
        target = Target(instance="bench", address=server.dsn, secret=lambda: None)
        start = time.perf_counter()
        driver = engine.connect(target, is_read_only=True)
        connecting = (time.perf_counter() - start) * 1000
        served, whole = [], []
        for _ in range(RUNS):
            start = time.perf_counter()
            observation, catalog = session.observe(engine, driver, "bench", at=datetime.now(UTC))
            whole.append((time.perf_counter() - start) * 1000)
            served.append(observation.cost_ms)
        driver.close()
        settings = len(observation.settings)
        found.add(f"server time, {settings} settings, median", percentile(served, 0.5), "ms", target=30)
        found.add("server time, p95", percentile(served, 0.95), "ms")
        found.add("round trip with reading and typing, median", percentile(whole, 0.5), "ms")
        found.add("connecting, once", connecting, "ms")
    found.end()
