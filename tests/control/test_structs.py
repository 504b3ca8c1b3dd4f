"""No thread meets a type that another one is just working out, which would kill the process."""

from __future__ import annotations

import subprocess
import sys

RACE = """
import sys, threading, types
import msgspec
from setpoint.control.structs import work_out_structs

is_begun, may_end = threading.Event(), threading.Event()

def slow():
    is_begun.set()
    may_end.wait(30)
    return int

made = sys.modules["made"] = types.ModuleType("made")
made.slow = slow
exec('''
import msgspec
class Inner(msgspec.Struct):
    number: "slow()"
class Outer(msgspec.Struct):
    inner: "Inner"
''', made.__dict__)

if "work out" in sys.argv:
    may_end.set()
    work_out_structs()
    may_end.clear()

decode = lambda: msgspec.json.decode(b'{"inner": {"number": 7}}', type=made.Outer)
first = threading.Thread(target=decode, daemon=True)
is_begun.clear()
first.start()
is_begun.wait(1)
assert decode().inner.number == 7
may_end.set()
first.join()
"""


def race(*words: str) -> int:
    command = [sys.executable, "-c", RACE, *words]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_threads_that_decode_a_type_for_the_first_time_do_not_die():
    assert race("work out") == 0


def test_without_it_they_do():
    """What is guarded against is there still; once this fails, the guard can go."""
    assert race() != 0
