"""The documentation is complete, and what it tells people to type exists.

Pages are read as Sphinx reads them, with their generated parts, but without Sphinx: `make docs` builds them.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
import pytest
from docs._ext.generated import commands, expand, rooms

from setpoint.engines.registry import engine_names, get_engine, shipped_versions, template_texts
from setpoint.templates.document import read_template

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(setpoint [^`]+)`")
SHELL_WORDS = frozenset({"|", ">", "&&", ";"})

VOCABULARY = """
    instance, fleet, group, role, facts, parameter, setting, context, pending restart, restart debt, layer,
    origin, managed, unmanaged, desired, observed, revision, diff, drift, in sync, drifted, normalised,
    shadowed, unknown, stale, template, profile, workload, regime, baseline, lock, limit, guardrail, verdict,
    approval, waiver, change, plan, step, wave, canary, override, finding, recommendation, prediction, ledger,
    knob, entry, passing, agent, option file, managed file, event, switch, switches
"""
"""The words that have one meaning each."""


def sources() -> dict[str, str]:
    """Every page as written, by its path below the root."""
    found = [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8") for path in [*found, ROOT / "CONTRIBUTING.md"]
    }


@cache
def read(name: str) -> str:
    """A page with its generated parts."""
    return expand((ROOT / name).read_text("utf-8"))


@cache
def entries() -> dict[str, commands.Entry]:
    return {entry.name: entry for entry in commands.walk()}


def typed() -> list[tuple[str, str]]:
    """Every `setpoint` command that a page shows, with the page."""
    found: list[tuple[str, str]] = []
    for name, text in sources().items():
        for language, body in BLOCK.findall(text):
            lines = [line.strip() for line in body.splitlines()]
            if language == "console":
                found += [(name, line[2:]) for line in lines if line.startswith("$ setpoint ")]
        found += [(name, words) for words in INLINE.findall(BLOCK.sub("", text))]
    return found


def split(line: str) -> list[str]:
    words = shlex.split(line)
    ends = [number for number, word in enumerate(words) if word in SHELL_WORDS]
    return words[1 : min(ends, default=len(words))]


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Follow the words down the tree of commands; answer the command and the words left."""
    command, rest = commands.find_root(), words
    while isinstance(command, click.Group) and rest:
        word = next(each for each in rest if not each.startswith("-"))
        below = command.get_command(click.Context(command), word)
        assert below is not None, f"there is no command {word!r}"
        rest = [each for each in rest if each is not word]
        command = below
    return command, rest


class TestCompleteness:
    def test_every_command_has_its_section(self):
        page = read("docs/reference/commands.md")
        missing = [
            name for name in entries() if not re.search(rf"^##+ {re.escape(name)}$", page, re.MULTILINE)
        ]
        assert len(entries()) > 20
        assert not missing

    def test_every_option_is_explained(self):
        page = read("docs/reference/commands.md")
        options = {word for entry in entries().values() for option in entry.options for word in option.opts}
        assert sorted(word for word in options if f"`{word}" not in page and f", {word}" not in page) == []
        assert [
            (entry.name, option.opts[0])
            for entry in entries().values()
            for option in entry.options
            if not getattr(option, "help", "")
        ] == []

    def test_every_exported_name_is_in_the_library_reference(self):
        page = read("docs/reference/library.md")
        documented = set(re.findall(r"^\.\. auto(?:class|function|data|module):: (\S+)$", page, re.MULTILINE))
        reexported = set(re.findall(r"^\*(\w+)\* is documented above", page, re.MULTILINE))
        names = rooms.public_names()
        assert len(names) > 50
        assert [n for n in names if n not in documented and n.rpartition(".")[2] not in reexported] == []

    def test_every_module_of_the_rooms_is_in_the_library_reference(self):
        page = read("docs/reference/library.md")
        modules = [module.__name__ for room in rooms.find_rooms() for module in (room.module, *room.inside)]
        assert [name for name in modules if f".. automodule:: {name}\n" not in page] == []

    def test_no_name_is_documented_twice(self):
        page = read("docs/reference/library.md")
        documented = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)$", page, re.MULTILINE)
        assert len(documented) == len(set(documented))

    def test_every_rule_has_its_section_with_its_own_words(self):
        page = read("docs/reference/rules.md")
        rules = [rule for name in engine_names() for rule in get_engine(name).rules()]
        assert len(rules) >= 10
        for rule in rules:
            assert page.count(f"### {rule.code}: ") == 1
            assert rule.documentation.split()[0] in page.partition(f"### {rule.code}: ")[2][:300]

    def test_every_engine_lists_all_its_rules(self):
        page = read("docs/reference/rules.md")
        for name in engine_names():
            _, _, section = page.partition(f"## {name}\n")
            section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
            links = [f"[{rule.code}](#rule-{rule.code.lower()})" for rule in get_engine(name).rules()]
            assert [link for link in links if link not in section] == []

    def test_every_template_and_every_setting_of_it_is_shown(self):
        page = read("docs/reference/templates.md")
        for name in engine_names():
            for source, text in template_texts(get_engine(name)):
                template = read_template(text, source)
                _, _, section = page.partition(f"## {name} {template}\n")
                assert [s.parameter for s in template.settings if f"`{s.parameter}`" not in section] == []

    def test_every_shipped_catalog_has_a_row(self):
        page = read("docs/reference/parameters.md")
        for name in engine_names():
            _, _, section = page.partition(f"## {name}\n")
            section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
            for version in shipped_versions(get_engine(name)):
                assert re.search(rf"^\| {re.escape(version)} \| {re.escape(version)}", section, re.MULTILINE)

    @pytest.mark.parametrize("word", [word.strip() for word in VOCABULARY.split(",")])
    def test_every_word_of_the_vocabulary_has_its_one_meaning(self, word):
        glossary = read("docs/glossary.md")
        assert re.findall(rf"^{re.escape(word)}$", glossary, re.MULTILINE) == [word]

    def test_every_drift_class_is_in_glossary_and_explanation(self):
        from setpoint.config.drift import DriftClass

        for page in ("docs/glossary.md", "docs/explanation/drift.md"):
            lines = read(page).splitlines()
            assert [each.value for each in DriftClass if each.value not in lines] == []


class TestTruth:
    @pytest.mark.parametrize(("page", "line"), typed())
    def test_what_a_page_says_to_type_exists(self, page, line):
        command, rest = find_command(split(line))
        if isinstance(command, click.Group):
            assert not rest, page
        elif "`" not in line and "$ " not in line and len(rest) > 0:
            context = click.Context(command, info_name=command.name, resilient_parsing=True)
            command.make_parser(context).parse_args(list(rest))

    def test_decisions_are_numbered_without_gaps_and_say_the_same_things(self):
        records = sorted((DOCS / "decisions").glob("0*.md"))
        numbers = [int(path.name[:4]) for path in records]
        assert numbers[0] == 1
        assert all(after == before + 1 for before, after in pairwise(numbers))
        for number, path in zip(numbers, records, strict=True):
            text = path.read_text("utf-8")
            assert text.startswith(f"# {number}. ")
            assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
                "Context",
                "Decision",
                "Consequences",
                "Looked at",
            ]
            assert re.search(r"^\*\*Status:\*\* (accepted|superseded by)", text, re.MULTILINE)

    def test_pages_load_nothing_from_elsewhere(self):
        pattern = re.compile(r"!\[[^\]]*\]\(https?:|<(?:script|img|link)\b")
        assert [name for name, text in sources().items() if pattern.search(text)] == []

    def test_pictures_follow_no_link_and_name_themselves(self):
        for path in (DOCS / "pictures").glob("*.svg"):
            text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert "http" not in text
            assert "<title" in text
            assert "<desc" in text

    def test_python_in_pages_compiles(self):
        for name, text in sources().items():
            for language, body in BLOCK.findall(text):
                if language == "python":
                    compile(body, name, "exec")
