"""What stands for one instance, held against another version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.catalog.versions import NEWER, OLDER, catalog, parameter, succession

from setpoint.catalog import Context, Kind, Standing, Upgrade, check_upgrade
from setpoint.catalog.succession import Fate

FILE = "file server.conf:3"


def standing(text, place: str = FILE, *, decides_start: bool = True) -> Standing:
    return Standing(place=place, text=text, decides_start=decides_start)


def check(at_default=(), newer=NEWER, **standings) -> Upgrade:
    places = {name: [standing(text)] for name, text in standings.items()}
    return check_upgrade(places, at_default, OLDER, newer, succession())


def test_an_unknown_name_keeps_the_server_from_starting():
    found = check(gone="1")
    assert not found.is_free
    (trouble,) = found.obstacles
    assert (trouble.parameter, trouble.place, trouble.text) == ("gone", FILE, "1")
    assert "2 does not know it" in trouble.why


def test_a_name_that_is_taken_without_effect_is_told_and_nothing_more():
    found = check(idle="1")
    assert found.is_free
    assert [each.parameter for each in found.notices] == ["idle"]
    assert found.notices[0].next_step == "take it out"


def test_a_name_that_has_another_now_is_refused_with_the_new_one():
    found = check(old_cache="2MB", days="7")
    assert [each.next_step for each in found.obstacles] == [
        "write seconds instead: multiply by 86400",
        "write cache instead",
    ]
    assert {(each.parameter, each.new, each.fate) for each in found.renamed} == {
        ("days", "seconds", Fate.REFUSED),
        ("old_cache", "cache", Fate.REFUSED),
    }


def test_an_old_name_that_is_taken_still_has_its_value_looked_at():
    strict = catalog("2", parameter("kept_on", min=5, max=9))
    assert check(kept="7", newer=strict).is_free
    found = check(kept="7", newer=strict)
    assert [each.fate for each in found.renamed] == [Fate.ALIAS]
    found = check(kept="2", newer=strict)
    assert found.is_free
    assert [each.parameter for each in found.notices] == ["kept"]


def test_a_word_that_went_keeps_it_from_starting():
    found = check(mode="never")
    assert [each.parameter for each in found.obstacles] == ["mode"]
    assert "slow, fast" in found.obstacles[0].next_step
    assert check(mode="slow").obstacles == ()


def test_a_number_beyond_the_bounds_is_taken_otherwise_where_the_engine_does_so():
    found = check(level="70")
    assert found.is_free
    assert [each.parameter for each in found.notices] == ["level"]
    strict = succession("engine: invented\nsource: s\n")
    refused = check_upgrade({"level": [standing("70")]}, (), OLDER, NEWER, strict)
    assert [each.parameter for each in refused.obstacles] == ["level"]


def test_a_value_that_the_own_catalog_cannot_read_is_not_judged():
    found = check(level="many")
    assert found.is_free
    assert [each.parameter for each in found.unjudged] == ["level"]


def test_what_belongs_to_a_module_is_not_judged():
    places = {name: [standing("3")] for name in ("pace", "extra_speed", "module.speed")}
    found = check_upgrade(places, (), OLDER, NEWER, succession())
    assert found.is_free
    assert {each.parameter for each in found.unjudged} == places.keys()


def test_what_is_read_for_some_sessions_only_keeps_nothing_from_starting():
    places = {"gone": [standing("1", "role app", decides_start=False)]}
    found = check_upgrade(places, (), OLDER, NEWER, succession())
    assert found.is_free
    assert [each.place for each in found.notices] == ["role app"]


def test_every_place_of_a_name_is_told():
    places = {"gone": [standing("1"), standing("2", "desired by instance web")]}
    found = check_upgrade(places, (), OLDER, NEWER, succession())
    assert [each.place for each in found.obstacles] == [FILE, "desired by instance web"]


def test_a_name_that_stands_without_a_value_has_none_to_be_judged():
    assert check(level=None).is_free
    assert not check(gone=None).is_free


def test_what_cannot_be_set_any_more_keeps_it_from_starting():
    newer = catalog("2", parameter("level", context=Context.FIXED))
    assert [each.why for each in check(level="3", newer=newer).obstacles] == [
        "invented 2 does not let it be set any more"
    ]


def test_the_defaults_that_change_under_it_are_those_it_runs():
    found = check(at_default=["mode", "kept", "days", "level", "gone", "release"], toggles="a")
    assert {each.name: (each.old, each.new) for each in found.redefaulted} == {
        "mode": ("slow", "fast"),
        "kept_on": ("1", "2"),
    }


def test_what_waits_for_a_restart_from_now_on_is_told_of_what_stands():
    assert [each.parameter for each in check(eager="1", late="1").restarts] == ["eager"]
    assert check(at_default=["eager"]).restarts == ()


def test_how_the_facts_are_known_is_told_where_the_catalog_is_weaker():
    older = catalog("1", parameter("fresh"))
    found = check_upgrade({"fresh": [standing("1")]}, (), older, NEWER, succession())
    assert found.evidence == "invented"
    assert found.weak == {"fresh": "hearsay"}


@given(
    st.dictionaries(
        st.sampled_from([each.name for each in OLDER.parameters]), st.sampled_from(["1", "fast", "2MB", "a"])
    )
)
def test_an_upgrade_to_the_same_version_meets_nothing(settings):
    places = {name: [standing(text)] for name, text in settings.items()}
    at_default = [each.name for each in OLDER.parameters if each.name not in settings]
    found = check_upgrade(places, at_default, OLDER, OLDER, succession("engine: invented\nsource: s\n"))
    assert found.is_free
    assert (found.notices, found.redefaulted, found.restarts, found.renamed) == ((), (), (), ())


def test_a_flag_that_went_is_named():
    newer = catalog("2", parameter("toggles", Kind.FLAGS, default=("b",), values=("b", "c")))
    assert "'a'" in check(toggles="a, b", newer=newer).obstacles[0].why
