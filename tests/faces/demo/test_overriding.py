from __future__ import annotations

import os

import pytest

from setpoint.faces.demo.overriding import allow, chapter


@pytest.mark.parametrize("load", [0.0, 2.0])
def test_a_machine_that_keeps_up_is_allowed_what_was_promised(monkeypatch, load):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    assert (allow(2.0).seconds, allow(2.0).text) == (2.0, "2 s allowed")


def test_a_busy_machine_is_allowed_more_and_it_is_told(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (8.0, 0.0, 0.0))
    assert allow(2.0).seconds == 8.0
    assert allow(2.0).text == "2 s allowed, 8.0 s on a machine as busy as this"


def test_a_post_mortem_is_told_in_short():
    told = "Post-mortem of x\n\nIn short\nended\nlin set it.\n\nWhat happened\nmuch\n"
    assert chapter(told) == ["ended", "lin set it."]
