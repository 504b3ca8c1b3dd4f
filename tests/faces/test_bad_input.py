"""Bad input to every command: exit code 2, the place named, the store and the server unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faces.test_program import LEAVES

WHY = ("--because", "b")
WHY_ONLY = [*WHY]
WISH = ("sort_memory=8MB", "--for", "5m", *WHY)
WAIVER = ("--owner", "lin", "--scope", "all")
CASES: dict[str, list[tuple[list[str], str]]] = {
    "init": [(["--store", "mysql://host/db"], "store"), (["x"], "x")],
    "demo": [(["--bogus"], "--bogus")],
    "instance add": [
        (["a b", "--engine", "simulated", "--target", "memory:a"], "a b"),
        (["a", "--engine", "bogus", "--target", "x"], "bogus"),
        (["a", "--engine", "simulated"], "--target"),
        (["a", "--engine", "simulated", "--target", "m", "--offline"], "--offline"),
        (["a", "--engine", "simulated", "--target", "host=h password=p"], "password"),
        (["a", "--engine", "simulated", "--target", "m", "--password", "hunter2"], "in the clear"),
        (["a", "--engine", "simulated", "--target", "m", "--group", "none"], "none"),
        (["a", "--engine", "simulated", "--target", "m", "--label", "x"], "'x'"),
        (["a", "--engine", "simulated", "--target", "m", "--ram", "lots"], "lots"),
        (["a", "--engine", "simulated", "--target", "m", "--ram", "9" * 400 + "TB"], "--ram"),
        (["a", "--engine", "simulated", "--target", "m", "--vcpu", "nan"], "nan"),
        (["a", "--engine", "simulated", "--target", "m", "--storage", "tape"], "tape"),
        (["a", "--engine", "simulated", "--target", "m", "--connections", "0"], "0"),
        (["a", "--engine", "simulated", "--target", "m", "--template", "oltp"], "oltp"),
        (["a", "--engine", "postgresql", "--target", "m", "--template", "oltp@99"], "oltp@99"),
        (["a", "--engine", "simulated", "--target", "m", "--because", " "], "reason"),
    ],
    "instance set": [
        (["web", "--target", "x"], "--because"),
        (["nobody", "--target", "x", *WHY], "nobody"),
        (["web", "--mode", "bogus", *WHY], "bogus"),
        (["web", *WHY], "nothing to change"),
        (["web", "--group", "none", *WHY], "none"),
    ],
    "instance remove": [(["nobody", *WHY], "nobody"), (["web"], "--because")],
    "instance list": [(["x"], "x")],
    "instance show": [(["nobody"], "nobody")],
    "instance group add": [(["g", "--engine", "bogus"], "bogus"), (["g/", "--engine", "simulated"], "g/")],
    "instance group list": [(["x"], "x")],
    "instance group remove": [(["none", *WHY], "none")],
    "notify add": [
        (["a b", "log", *WHY], "a b"),
        (["ops", "pigeon", *WHY], "pigeon"),
        (["ops", "log"], "--because"),
        (["ops", "log", *WHY, "--events", "bogus"], "bogus"),
        (["ops", "log", *WHY, "--events", ","], "no event"),
        (["ops", "log", *WHY, "--on", "bogus"], "bogus"),
        (["ops", "webhook", "https://h/", *WHY], "--secret"),
        (["ops", "webhook", "https://h/", "--secret", "hunter2", *WHY], "reference"),
        (["ops", "webhook", "http://h/", "--secret", "env:X", *WHY], "https"),
        (["ops", "file", "relative", *WHY], "relative"),
    ],
    "notify list": [(["x"], "x")],
    "notify remove": [(["none", *WHY_ONLY], "none"), (["none"], "--because")],
    "notify test": [(["none"], "none")],
    "observe": [([], "no instance"), (["nobody"], "nobody"), (["web", "--all"], "--all")],
    "settings": [
        ([], "no instance"),
        (["nobody"], "nobody"),
        (["web", "sort_memry"], "sort_memory"),
        (["web", "sort_memory=8MB"], "--because"),
        (["web", "sort_memory=lots", *WHY], "sort_memory"),
        (["web", "bogus=1", "page_cost=x", *WHY], "page_cost"),
        (["web", "sort_memory", "page_cost=1", *WHY], "sort_memory"),
        (["web", "sort_memory=1MB", "sort_memory=2MB", *WHY], "twice"),
        (["web", "=1", *WHY], "'=1'"),
        (["web", "--unset", "sort_memory", *WHY], "sort_memory"),
        (["web", *WHY], "nothing to set"),
        (["web", "page_cost=1", "--origin", *WHY], "--origin"),
        (["--group", "none", "page_cost=1", *WHY], "none"),
        (["--group", "none"], "none"),
        (["--fleet", "bogus", "page_cost=1", *WHY], "bogus"),
        (["--fleet", "bogus"], "bogus"),
        (["--fleet", "simulated", "page_cost"], "page_cost"),
        (["--fleet", "simulated", "--group", "g"], "both"),
    ],
    "drift": [([], "no instance"), (["nobody"], "nobody")],
    "advise": [
        (["nobody"], "nobody"),
        (["web", "--accept"], "--because"),
        (["web", "--accept", *WHY], "nothing to accept"),
        (["web", *WHY], "nothing to write"),
        (["web", "XX999"], "XX999"),
    ],
    "import": [
        (["/no/such.yaml"], "/no/such.yaml"),
        (["FOLDER/broken.yaml"], "broken.yaml:4:1"),
        (["FOLDER/engine.yaml"], "bogus"),
        (["FOLDER/engine.yaml"], "x@1"),
        (["FOLDER/group.yaml"], "group.yaml:3:3"),
        (["FOLDER/value.yaml"], "sort_memory"),
        (["FOLDER/latin.yaml"], "latin.yaml:2"),
        (["FOLDER/latin.yaml", "--engine", "simulated"], "fleet document"),
        (["FOLDER/latin.yaml", "--validate"], "fleet document"),
        (["FOLDER/plain.conf", "--validate", "--engine", "bogus"], "bogus"),
        (["FOLDER/plain.conf", "--engine", "bogus"], "bogus"),
        (["FOLDER/plain.conf", "--version", "new"], "new"),
        (["FOLDER/plain.conf", "--at", "2026-01-01"], "--instance"),
        (["FOLDER/plain.conf", "--instance", "web", "--at", "soon"], "soon"),
        (["FOLDER/plain.conf", "--instance", "nobody"], "nobody"),
        (["FOLDER/plain.conf", "/no/such.conf"], "/no/such.conf"),
    ],
    "template list": [(["bogus"], "bogus")],
    "template show": [(["oltp"], "oltp"), (["oltp@99"], "oltp@99")],
    "template fill": [
        (["oltp@1"], "no host"),
        (["oltp@1", "--engine", "bogus", "--version", "18"], "bogus"),
        (["oltp@1", "--engine", "postgresql", "--version", "9"], "9"),
        (["oltp@1", "--engine", "postgresql", "--version", "x"], "x"),
        (["oltp@1", "--engine", "postgresql", "--version", "18", "--input", "nope=1"], "nope"),
        (["oltp@1", "--instance", "web", "--ram", "1GB"], "--instance"),
        (["oltp@1", "--instance", "nobody"], "nobody"),
    ],
    "template choose": [(["nobody"], "nobody"), (["web"], "no template")],
    "template assign": [(["nobody", "oltp@1", *WHY], "nobody"), (["web", "oltp@1", *WHY], "oltp")],
    "template remove": [(["nobody", *WHY], "nobody"), (["web", *WHY], "no template")],
    "plan": [(["nobody"], "nobody"), (["web", "--out", "/no/such/folder/plan"], "/no/such/folder/plan")],
    "apply": [
        (["nobody"], "nobody"),
        (["nobody", "--undo", "--yes"], "nobody"),
        (["web", "--plan", "0123abcd"], "0123abcd"),
        (["web", "--plan", "/no/such/plan"], "/no/such/plan"),
        (["web", "--plan", "FOLDER/broken.yaml"], "broken.yaml"),
        (["web", "--undo", "--partial"], "--undo"),
    ],
    "verify": [(["nobody"], "nobody")],
    "override start": [
        (["nobody", *WISH], "nobody"),
        (["web", "--for", "5m", *WHY], "PARAMETER=VALUE"),
        (["web", "sort_memory", "--for", "5m", *WHY], "'sort_memory'"),
        (["web", "sort_memory=8MB", *WHY], "--for"),
        (["web", "sort_memory=8MB", "--for", "soon", *WHY], "soon"),
        (["web", "sort_memory=8MB", "--for", "0s", *WHY], "0s"),
        (["web", "sort_memory=8MB", "--for", "5m"], "--because"),
        (["web", "sort_memory=lots", "--for", "5m", *WHY], "sort_memory"),
        (["web", "sort_memry=8MB", "--for", "5m", *WHY], "sort_memry"),
        (["web", *WISH, "--guard", "lock_waiters <"], "--guard"),
        (["web", *WISH, "--guard", "bogus < 5"], "bogus"),
        (["environment=moon", *WISH], "environment=moon"),
        (["colour=red", *WISH], "colour"),
    ],
    "override propose": [(["nobody", *WISH], "nobody"), (["web", "sort_memory=8MB", *WHY], "--for")],
    "override extend": [
        (["o0000", "--for", "5m", *WHY], "o0000"),
        (["o0000", "--for", "soon", *WHY], "soon"),
        (["o0000", "--for", "5m"], "--because"),
    ],
    "override end": [(["o0000"], "o0000")],
    "override list": [(["x"], "x"), (["--instance", "nobody"], "nobody")],
    "override show": [(["o0000"], "o0000")],
    "override review": [(["o0000", "--conclusion", "c"], "o0000"), (["o0000"], "--conclusion")],
    "override report": [
        (["o0000"], "o0000"),
        (["o0000", "--format", "pdf"], "pdf"),
        (["o0000", "--out", "/no/such/folder/report"], "/no/such/folder/report"),
        (["o0000", "--json", "--format", "html"], "--format html"),
    ],
    "waiver add": [
        ([*WAIVER, *WHY, "--until", "3d"], "neither a parameter nor a rule"),
        ([*WAIVER, *WHY, "--until", "3d", "--parameter", "sort_memry"], "sort_memry"),
        ([*WAIVER, *WHY, "--until", "3d", "--rule", "none/none"], "none/none"),
        ([*WAIVER, *WHY, "--until", "soon", "--parameter", "sort_memory"], "soon"),
        ([*WAIVER, *WHY, "--until", "400d", "--parameter", "sort_memory"], "366 days"),
        ([*WAIVER, "--until", "3d", "--parameter", "sort_memory"], "--because"),
        (["--owner", "lin", "--scope", "colour=red", "--until", "3d", *WHY], "colour"),
    ],
    "waiver list": [(["x"], "x")],
    "waiver show": [(["w0"], "w0")],
    "waiver end": [(["w0", *WHY], "w0"), (["w0"], "--because")],
    "compliance report": [
        (["nobody"], "nobody"),
        (["web", "--scope", "all"], "--scope"),
        (["--scope", "group=none"], "group=none"),
        (["--stale-after", "soon"], "soon"),
        (["--format", "pdf"], "pdf"),
        (["--record", "--out", "/no/such/folder/report"], "/no/such/folder/report"),
    ],
    "show": [(["zzzz"], "zzzz"), (["HEAD~99"], "HEAD~99")],
    "history": [(["--limit", "0"], "0"), (["--part", "web"], "web"), (["--part", "a:b"], "a:b")],
    "diff": [(["zzzz"], "zzzz"), (["HEAD", "zzzz"], "zzzz")],
    "blame": [
        ([], "no instance"),
        (["nobody"], "nobody"),
        (["web", "a", "b"], "more than one"),
        (["web", "sort_memory"], "sort_memory"),
        (["--group", "g", "--fleet", "e"], "both"),
    ],
    "revert": [(["zzzz", *WHY], "zzzz"), (["HEAD"], "--because")],
    "audit log": [(["--limit", "x"], "x")],
    "audit verify": [(["--head", "7"], "7"), (["--export", "/no/such"], "/no/such")],
    "audit export": [(["--out", "/no/such/folder/log"], "/no/such/folder/log")],
    "catalog list": [(["x"], "x")],
    "catalog show": [(["bogus", "1"], "bogus"), (["postgresql", "18", "shared_bufers"], "shared_buffers")],
    "catalog diff": [(["postgresql", "17", "99"], "99")],
    "catalog upgrade": [
        (["nobody", "2"], "nobody"),
        (["web", "2"], "no catalog of simulated 2"),
        (["web", "1"], "web runs 1"),
        (["web", "newest"], "newest"),
    ],
    "catalog harvest": [
        (["postgresql"], "--target"),
        (["bogus", "--target", "x"], "bogus"),
        (["postgresql", "--target", "password=p"], "in the clear"),
        (["postgresql", "--target", "no conninfo"], "connection string"),
        (["simulated", "--target", "memory:h", "--describe-config", "/no/such"], "/no/such"),
        (["simulated", "--target", "memory:h", "--describe-config", "/bin/true"], "no server program"),
    ],
    "audit anchor": [
        ([], "--to"),
        (["--to", "/no/such/folder/heads"], "/no/such/folder"),
        (["--to", "ftp://x/y"], "ftp"),
    ],
    "change propose": [
        (["nobody", *WHY], "nobody"),
        (["web"], "--because"),
        (WHY_ONLY, "name an instance"),
        (["web", "--revert", "HEAD", *WHY], "one of the three"),
        (["web", "--plan", "beef", *WHY], "beef"),
        (["--document", "/no/such", *WHY], "/no/such"),
        (["--document", "FOLDER/broken.yaml", *WHY], "broken.yaml:4"),
        (["--revert", "beef", *WHY], "beef"),
        (["--revert", "HEAD", "--undo", *WHY], "--undo"),
    ],
    "change show": [(["c0ffee"], "c0ffee")],
    "change list": [(["x"], "x")],
    "change approve": [(["c0ffee"], "c0ffee"), ([], "CHANGE")],
    "change reject": [(["c0ffee", *WHY], "c0ffee"), (["c0ffee"], "--because")],
    "change withdraw": [(["c0ffee", *WHY], "c0ffee"), (["c0ffee"], "--because")],
    "change apply": [(["c0ffee"], "c0ffee")],
    "policy list": [(["x"], "x")],
    "policy show": [(["none"], "none")],
    "policy check": [(["/no/such"], "/no/such"), (["FOLDER/broken.yaml"], "broken.yaml:4")],
    "policy put": [
        (["p", "/no/such", *WHY], "/no/such"),
        (["p", "FOLDER/policy.yaml", *WHY], "other"),
        (["other", "FOLDER/policy.yaml", *WHY], "fsyncc"),
        (["other", "FOLDER/policy.yaml"], "--because"),
    ],
    "policy remove": [(["none", *WHY], "none")],
    "policy starter": [(["none"], "none")],
    "lock list": [(["nobody"], "nobody")],
    "limit list": [(["nobody"], "nobody")],
    "limit check": [(["nobody"], "nobody")],
    "person add": [
        (["lin", "--role", "king", *WHY], "king"),
        (["l\u0131n", "--role", "administrator", *WHY], "name"),
        (["lin", "--role", "operator"], "--because"),
        (["lin", "--role", "operator", "--on", "planet=mars", *WHY], "planet"),
    ],
    "person list": [(["x"], "x")],
    "person show": [(["nobody"], "nobody")],
    "person grant": [(["nobody", "operator", *WHY], "nobody"), (["nobody", "king", *WHY], "king")],
    "person revoke": [(["nobody", "operator", *WHY], "nobody")],
    "person remove": [(["nobody", *WHY], "nobody")],
    "person delegate": [(["nobody", "--for", "long", *WHY], "long"), (WHY_ONLY, "")],
    "token issue": [(["nobody", *WHY], "nobody"), (["nobody", "--for", "0d", *WHY], "0d")],
    "token list": [(["nobody", "x"], "x")],
    "token revoke": [(["beef", *WHY], "beef"), (["beef"], "--because")],
    "whoami": [(["x"], "x")],
    "completion": [(["tcsh"], "tcsh")],
    "rollout start": [
        (["planet=mars", "sort_memory=8MB", *WHY], "planet"),
        (["instance=nobody", "sort_memory=8MB", *WHY], "nobody"),
        (["all", "sort_memory", *WHY], "sort_memory"),
        (["all", "no_such=1", *WHY], "no_such"),
        (["all", "sort_memory=lots", *WHY], "lots"),
        (["all", "sort_memory=8MB"], "--because"),
        (["all", "sort_memory=8MB", "--canary", "few", *WHY], "few"),
        (["all", "sort_memory=8MB", "--canary", "0", *WHY], "canary"),
        (["all", "sort_memory=8MB", "--waves", "10%,101%", *WHY], "101%"),
        (["all", "sort_memory=8MB", "--tolerance", "5", *WHY], "--tolerance"),
        (["all", "sort_memory=8MB", "--budget", "-1", *WHY], "-1"),
        (["all", "sort_memory=8MB", "--soak", "long", *WHY], "long"),
        (["all", "sort_memory=8MB", "--site-limit", "1", *WHY], "label"),
        (["all", "sort_memory=8MB", "--unknown", "panic", *WHY], "panic"),
    ],
    "rollout list": [(["x"], "x")],
    "rollout show": [(["r0000"], "r0000")],
    "rollout pause": [(["r0000", *WHY], "r0000"), (["r0000"], "--because")],
    "rollout resume": [(["r0000", *WHY], "r0000"), (["r0000"], "--because")],
    "rollout halt": [(["r0000", *WHY], "r0000"), (["r0000"], "--because")],
    "rollout take-back": [
        (["r0000", *WHY], "r0000"),
        (["r0000", "--wave", "last", *WHY], "last"),
        (["r0000"], "--because"),
    ],
    "run": [
        (["--workers", "0"], "0"),
        (["--interval", "soon"], "soon"),
        (["--once", "--interval", "0s"], "interval"),
        (["--once", "--for", "x"], "x"),
        (["--once", "--metrics-file", "FOLDER/none/m.prom"], "none"),
        (["--bogus"], "--bogus"),
    ],
    "worker list": [(["x"], "x"), (["--bogus"], "--bogus")],
    "bundle collect": [
        (["nobody"], "nobody"),
        (["web", "--valid", "soon"], "soon"),
        (["web", "--valid", "400d"], "90 days"),
        (["web", "-o", "FOLDER/none/x.sql"], "none"),
        (["web", "--version", "new"], "new"),
    ],
    "bundle export": [
        (["nobody"], "nobody"),
        (["web", "--plan", "0000"], "0000"),
        (["web", "--undo", "--emergency", "now"], "--undo"),
        (["web", "-o", "FOLDER/none/x.sql"], "none"),
    ],
    "bundle override": [
        (["nobody", "sort_memory=8MB", "--for", "1h", *WHY], "nobody"),
        (["web", "sort_memory", "--for", "1h", *WHY], "sort_memory"),
        (["web", "sort_memory=8MB", "--for", "soon", *WHY], "soon"),
        (["web", "sort_memory=8MB", *WHY], "--for"),
        (["web", "sort_memory=8MB", "--for", "1h"], "--because"),
        (["web", "sort_memory=8MB", "--for", "1h", *WHY, "-o", "FOLDER/none/x.sql"], "none"),
    ],
    "bundle verify": [
        (["/no/such.sql"], "/no/such.sql"),
        (["FOLDER/broken.yaml"], "no bundle"),
        (["FOLDER/broken.yaml", "--public-key", "FOLDER/none"], "none"),
    ],
    "bundle list": [(["nobody"], "nobody"), (["--bogus"], "--bogus")],
    "bundle void": [(["b0", *WHY], "b0"), (["b0"], "--because")],
}
TABLE = [(command, words, named) for command, cases in CASES.items() for words, named in cases]


def test_every_command_is_given_bad_input():
    assert set(CASES) == {" ".join(path) for path in LEAVES}


@pytest.fixture
def folder(web) -> Path:
    (web.folder / "broken.yaml").write_text("setpoint: 1\ninstances:\n    a: [\n")
    (web.folder / "engine.yaml").write_text(
        "setpoint: 1\ninstances:\n  a: {engine: bogus}\n  b: {engine: simulated, template: x@1}\n"
    )
    (web.folder / "group.yaml").write_text("setpoint: 1\ninstances:\n  b: {engine: simulated, group: none}\n")
    text = f"setpoint: 1\ninstances:\n  web:\n    engine: simulated\n    target: {web.target('web')}\n"
    (web.folder / "value.yaml").write_text(f"{text}    settings: {{sort_memory: lots}}\n")
    (web.folder / "policy.yaml").write_text(
        "policy: other\nscope: {engine: [postgresql]}\nlocks: [{parameters: [fsyncc]}]\n"
    )
    (web.folder / "plain.conf").write_text("work_mem = 4MB\n")
    (web.folder / "latin.yaml").write_bytes(b"setpoint: 1\n# gr\xfc\xdfe\n")
    return web.folder


@pytest.mark.parametrize(
    ("command", "words", "named"), TABLE, ids=[" ".join((c, *w))[:80] for c, w, _ in TABLE]
)
def test_bad_input_ends_with_2_names_the_fault_and_changes_nothing(web, folder, command, words, named):
    before = web.state(), (folder / "web.json").read_bytes() if (folder / "web.json").exists() else b""
    result = web(*command.split(), *(word.replace("FOLDER", str(folder)) for word in words))
    after = web.state(), (folder / "web.json").read_bytes() if (folder / "web.json").exists() else b""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert named in result.stderr
    assert "hunter2" not in result.stderr
    assert after == before


def test_all_faults_are_told_at_once(web):
    result = web("settings", "web", "bogus=1", "page_cost=x", "sort_memory=lots", *WHY)
    assert result.exit_code == 2
    assert all(word in result.stderr for word in ("bogus", "page_cost", "sort_memory", "3 faults"))
