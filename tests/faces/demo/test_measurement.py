from __future__ import annotations

import pytest

from setpoint.faces.demo.measurement import claim
from setpoint.faces.demo.wording import change, count, interval, size
from setpoint.lab.compare import contrast


def test_a_change_far_above_the_scatter_is_claimed():
    assert claim(contrast([100, 101, 99, 100], [150, 151, 149, 150])) == "better"
    assert claim(contrast([150, 151, 149, 150], [100, 101, 99, 100])) == "worse"


def test_no_change_is_not_claimed():
    assert claim(contrast([100, 120, 90, 110], [105, 110, 95, 112])) == "not shown"


def test_a_change_that_only_the_pairs_can_tell_is_probable():
    assert claim(contrast([100, 200, 300, 400], [110, 219, 332, 440])) == "probably better"


def test_a_counter_that_goes_to_nothing_is_claimed():
    assert claim(contrast([1.01, 1.0, 1.02, 1.01], [0, 0.001, 0, 0], is_more_better=False)) == "better"


def test_nothing_before_and_after_is_none_at_all():
    assert claim(contrast([0, 0, 0], [0, 0, 0], is_more_better=False)) == "none at all"


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 B"), (1023, "1023 B"), (3 * 2**30, "3.0 GB"), (493_042_397, "470 MB")]
)
def test_sizes_are_written_as_people_read_them(amount, text):
    assert size(amount) == text


def test_intervals_that_say_nothing_are_dashes():
    assert interval(-0.95, 22.5) == "-"
    assert interval(None, None) == "-"
    assert interval(-0.126, 0.088) == "-13% to +9%"


def test_changes_carry_their_sign():
    assert (change(0.031), change(-0.5), change(None)) == ("+3.1%", "-50.0%", "-")


def test_one_is_singular():
    assert (count(1, "edit"), count(0, "edit"), count(2, "edit")) == ("1 edit", "0 edits", "2 edits")
