from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.lab.noise import CpuReading, Noise, noise_between, read_cpu

UNKNOWN = Noise(steal_share=None, foreign_share=None)


def write_process(proc, pid, parent, *, times=(0, 0, 0, 0), name="a (strange) name"):
    (proc / str(pid)).mkdir()
    before_times = f"R {parent} 1 1 0 -1 0 0 0 0 0"
    (proc / str(pid) / "stat").write_text(
        f"{pid} ({name}) {before_times} {' '.join(map(str, times))} 20 0 1 0\n"
    )


def test_own_time_is_that_of_the_whole_family(tmp_path):
    (tmp_path / "stat").write_text("cpu  100 0 50 800 30 5 5 10 0 0\ncpu0 1 1\n")
    write_process(tmp_path, 10, 1, times=(1, 2, 3, 4))  # us, with children already collected
    write_process(tmp_path, 11, 10, times=(10, 0, 0, 0))  # a keeper
    write_process(tmp_path, 12, 11, times=(20, 0, 0, 0))  # its server
    write_process(tmp_path, 99, 1, times=(500, 0, 0, 0))  # somebody else
    (tmp_path / "77").mkdir()  # a process that just ended
    (tmp_path / "uptime").touch()
    assert read_cpu(tmp_path, pid=10) == CpuReading(total=1000, idle=830, steal=10, own=40)


def test_shares_are_of_the_window():
    before = CpuReading(total=1000, idle=500, steal=0, own=100)
    after = CpuReading(total=2000, idle=700, steal=100, own=600)
    noise = noise_between(before, after)
    assert noise.steal_share == pytest.approx(0.1)
    assert noise.foreign_share == pytest.approx(0.2)


@pytest.mark.parametrize("text", ["", "cpu  0 0 0 0 0 0 0 0\n", "cpu  1 2 3\n", "intr 5\n"])
def test_what_cannot_be_read_is_unknown(tmp_path, text):
    (tmp_path / "stat").write_text(text)
    assert read_cpu(tmp_path) is None


def test_an_unknown_reading_makes_an_unknown_share(tmp_path):
    reading = CpuReading(total=1, idle=0, steal=0, own=0)
    assert read_cpu(tmp_path / "absent") is None
    assert noise_between(None, reading) == noise_between(reading, None) == UNKNOWN
    assert noise_between(reading, reading) == UNKNOWN


ticks = st.integers(0, 10**6)


@given(idle=ticks, steal=ticks, own=ticks, rest=ticks)
def test_shares_lie_between_0_and_1(idle, steal, own, rest):
    start = CpuReading(total=0, idle=0, steal=0, own=0)
    noise = noise_between(start, CpuReading(total=idle + steal + rest, idle=idle, steal=steal, own=own))
    if idle + steal + rest:
        assert 0 <= noise.steal_share <= 1
        assert 0 <= noise.foreign_share <= 1


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc here")
def test_this_machine_tells():
    first = read_cpu()
    while (second := read_cpu()) and first and second.total == first.total:
        pass
    assert noise_between(first, second).steal_share is None or noise_between(first, second).steal_share >= 0
