from __future__ import annotations

import pytest

from setpoint.catalog import Version
from setpoint.config.variables import Type
from setpoint.errors import InputErrors, NotFoundError
from setpoint.templates import Library, read_template

GOOD = """
template: small
version: 2
engine: invented
since: 1
until: 3
profile: mixed
description: >-
  A template
  over two lines.
inputs:
  share: {type: number, default: "0.25", description: Part of the memory}
signs:
  - {when: transactions > 5, for: busy}
  - {when: ram < 1GB, against: tiny}
settings:
  - parameter: pool
    formula: ram * share
    when: known(ram)
    reason: Because.
    source: The manual
  - {parameter: safe, value: on, until: 2, reason: Always., source: The manual}
"""


def test_a_template_is_read_with_everything_it_says() -> None:
    template = read_template(GOOD, "small.yaml")
    assert str(template) == "small@2"
    assert template.description == "A template over two lines."
    assert template.inputs[0].type is Type.NUMBER
    assert [sign.is_against for sign in template.signs] == [False, True]
    assert [(each.parameter, each.value, each.formula) for each in template.settings] == [
        ("pool", None, "ram * share"),
        ("safe", "on", ""),
    ]
    assert template.settings[0].line == 17
    assert template.is_for(Version.parse("2.9"))
    assert not template.is_for(Version.parse("3"))
    assert not template.is_for(Version.parse("0.9"))
    assert not template.settings[1].is_for(Version.parse("2"))


BAD = """
template: small
version: zero
engine: invented
since: new
profile: mixed
colour: blue
inputs:
  share: {type: colour, default: "0.25"}
signs:
  - {when: transactions > 5}
settings:
  - {parameter: pool, reason: Because., source: The manual}
  - pool
"""


def test_all_faults_come_at_once_with_their_places() -> None:
    with pytest.raises(InputErrors) as caught:
        read_template(BAD, "bad.yaml")
    found = [str(fault) for fault in caught.value.faults]
    for words in (
        "bad.yaml:2:1: 'description' is missing",
        "bad.yaml:3:10: 'version' needs a whole number",
        "bad.yaml:5:8: 'new' is no version",
        "bad.yaml:7:1: 'colour' is not known here",
        "bad.yaml:9:17: 'colour' is no type",
        "bad.yaml:9:10: 'description' is missing",
        "bad.yaml:11:5: a sign speaks either for or against",
        "bad.yaml:13:5: a setting has either a value or a formula",
        "bad.yaml:14:5: names with values are expected here",
    ):
        assert any(fault.startswith(words) for fault in found), (words, found)


@pytest.mark.parametrize("part", ["inputs: 3", "signs: {}", "settings: all"])
def test_parts_of_the_wrong_form_are_refused(part: str) -> None:
    with pytest.raises(InputErrors, match=r"(is|are) expected here"):
        read_template(part, "bad.yaml")


def test_texts_must_be_texts() -> None:
    with pytest.raises(InputErrors, match="'engine' needs a text"):
        read_template("engine: []", "bad.yaml")


def test_the_library_answers_by_name_version_and_newest() -> None:
    first = GOOD.replace("version: 2", "version: 1")
    library = Library.read({"b": GOOD, "a": first, "other": GOOD.replace("small", "other")})
    assert str(library.get("invented", "small")) == "small@2"
    assert str(library.get("invented", "small", 1)) == "small@1"
    assert [str(each) for each in library.of("invented")] == ["other@2", "small@2"]
    assert library.of("invented", Version.parse("5")) == ()
    assert library.of("nothing") == ()
    with pytest.raises(NotFoundError, match=r"'small@7'.*there are other@2, small@1, small@2"):
        library.get("invented", "small", 7)
    with pytest.raises(NotFoundError, match="no template is shipped"):
        library.get("nothing", "small")


def test_the_library_names_the_faults_of_all_texts() -> None:
    with pytest.raises(InputErrors) as caught:
        Library.read({"good": GOOD, "twice": GOOD, "bad": "engine: []"})
    text = str(caught.value)
    assert "twice: invented template small@2 is in good already" in text
    assert "bad:1:9: 'engine' needs a text" in text
