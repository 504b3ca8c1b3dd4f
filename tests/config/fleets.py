"""Strategies for whole configurations, shared by the laws of merge, revisions and documents."""

from __future__ import annotations

from hypothesis import strategies as st

from setpoint.config.configuration import Configuration, Group, Instance, TemplateUse
from setpoint.config.facts import DeclaredFacts

NAMES = st.sampled_from(["a", "b", "web-1", "web.2", "db_3"])
PARAMETERS = st.sampled_from(["work_mem", "jit", "shared_preload_libraries", "x.y"])
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12)
TRICKY = st.sampled_from(
    ["on", "off", "null", "~", "", "010", "1e3", "12:30", "0600", "yes", "- x", "# no", "a: b"]
)
TEXTS = st.none() | TRICKY | WORDS | st.lists(TRICKY | WORDS, max_size=3).map(tuple)
SETTINGS = st.dictionaries(PARAMETERS, TEXTS, max_size=3)
TEMPLATES = st.none() | st.builds(
    TemplateUse, name=st.sampled_from(["oltp", "olap"]), version=st.integers(1, 9), inputs=st.just({})
)
FACTS = st.none() | st.builds(
    DeclaredFacts,
    ram_bytes=st.none() | st.integers(1, 2**40),
    vcpu=st.none() | st.sampled_from([0.5, 2.0, 64.0]),
    storage=st.none() | st.sampled_from(["ssd", "hdd"]),
    connections=st.integers(1, 1000),
)
GROUPS = st.builds(Group, engine=st.just("postgresql"), template=TEMPLATES, settings=SETTINGS)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    groups = draw(st.dictionaries(NAMES, GROUPS, max_size=2))
    membership = st.sampled_from(["", *groups])
    instances = st.builds(
        Instance,
        engine=st.just("postgresql"),
        target=st.sampled_from(["", "host=10.0.0.1", "host=10.0.0.2"]),
        group=membership,
        environment=st.sampled_from(["", "production"]),
        labels=st.dictionaries(NAMES, TRICKY | WORDS, max_size=2),
        facts=FACTS,
        template=TEMPLATES,
        settings=SETTINGS,
    )
    lines = st.lists(TRICKY | WORDS | TRICKY.map("  {}".format), max_size=4)
    texts = lines.map("\n".join) | lines.map("\n".join).map("{}\n".format)
    return Configuration(
        fleet=draw(st.dictionaries(st.just("postgresql"), SETTINGS.filter(bool), max_size=1)),
        groups=groups,
        instances=draw(st.dictionaries(NAMES, instances, max_size=3)),
        policies=draw(st.dictionaries(st.sampled_from(["safety", "night.windows"]), texts, max_size=2)),
    )
