"""A whole air-gapped round trip, the same for every engine: the program, its own client, and files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from tests.faces.conftest import Cli

FAR = "bank-3"
WHY = ("--because", "through files")


def forged(result: str) -> str:
    """Change one digit of what was answered."""
    head, mark, answer = result.partition("@setpoint answer 1")
    first_line, newline, rest = answer.partition("\n")
    at = next(index for index, character in enumerate(rest) if character == "1")
    return f"{head}{mark}{first_line}{newline}{rest[:at]}7{rest[at + 1 :]}"


class AirGap:
    """Sits on the near side with the program; what is over there is reached with `carry` alone.

    A test class of an engine gives `engine`, `wish` (a parameter and two values as the server shows them),
    `hand_text` (what a person sets it to), `persisted()`, `meddle(name, text)` and `carry(script)`.
    """

    engine: str
    wish: tuple[str, str, str]
    hand_text: str

    cli: Cli
    folder: Path

    def carry(self, script: str) -> str:
        raise NotImplementedError

    def persisted(self) -> dict[str, str]:
        raise NotImplementedError

    def meddle(self, name: str, text: str) -> None:
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def out(self, text: str) -> str:
        place = self.folder / "far.out"
        place.write_text(text, encoding="utf-8")
        return str(place)

    def collect(self) -> tuple[Path, str]:
        """Issue a collecting bundle and run it; answer its file, and what the client printed."""
        words = ("bundle", "collect", FAR, "--version", self.version(), "-o", str(self.folder))
        bundle = Path(self.cli.json(*words)["file"])
        return bundle, self.carry(bundle.read_text("utf-8"))

    def registered(self) -> None:
        self.cli.good("init")
        self.cli.good("instance", "add", FAR, "--engine", self.engine, "--offline", *WHY)
        self.cli.good("import", self.out(self.collect()[1]))

    def exported(self, *words: str) -> Path:
        return Path(self.cli.json("bundle", "export", FAR, "-o", str(self.folder), *words)["file"])

    def wished(self, text: str) -> Path:
        self.cli.good("settings", FAR, f"{self.wish[0]}={text}", *WHY)
        return self.exported()

    def refused(self, text: str, *words: str) -> str:
        result = self.cli("import", self.out(text))
        assert result.exit_code == 1, result.output
        for word in words:
            assert word in result.output
        return result.output

    def test_it_is_looked_at_planned_for_changed_and_taken_back(self):
        name, first, _ = self.wish
        self.registered()
        assert f"reset {name}" not in self.cli.good("plan", FAR)
        script = self.wished(first).read_text("utf-8")
        assert self.cli("drift", FAR).exit_code == 1
        result = self.carry(script)
        assert name in self.persisted()
        document = self.cli.json("import", self.out(result))["results"][0]
        assert [each["class"] for each in document["parameters"]] == ["in sync"]
        assert self.cli("drift", FAR).exit_code == 0
        back = self.exported("--undo").read_text("utf-8")
        self.cli.good("import", self.out(self.carry(back)))
        assert name not in self.persisted()
        assert "ago" in self.cli.good("instance", "list")
        assert "bundle" in self.cli.good("instance", "show", FAR)
        self.cli.good("audit", "verify")

    def test_each_bundle_that_is_not_to_be_trusted_is_refused_in_its_own_words(self):
        name, first, second = self.wish
        self.registered()
        bundle, result = self.collect()
        self.refused(forged(result), "not what the script")
        self.cli.good("import", self.out(result))
        self.refused(result, "replay")
        text = bundle.read_text("utf-8")
        self.cli.good("bundle", "verify", str(bundle))
        for old, new, words in (
            (text[-40:], text[-40:].upper() + " ", "script was changed"),
            (f'"instance":"{FAR}"', '"instance":"bank-4"', "sheet was changed"),
        ):
            bundle.write_text(text.replace(old, new), encoding="utf-8")
            refused = self.cli("bundle", "verify", str(bundle))
            assert refused.exit_code == 1
            assert words in refused.output
        script = self.wished(first)
        self.meddle(name, self.hand_text)
        before = self.persisted()
        self.refused(self.carry(script.read_text("utf-8")), "changed since the plan was made", name)
        assert self.persisted() == before
        self.cli.good("import", self.out(self.collect()[1]))
        self.wished(second)

    def test_one_that_expired_and_one_of_another_instance_do_nothing(self, other):
        name, first, _ = self.wish
        self.registered()
        self.cli.good("settings", FAR, f"{name}={first}", *WHY)
        short = self.exported("--valid", "2s")
        expires_at = self.cli.json("bundle", "list", FAR)["bundles"][0]["sheet"]["expires_at"]
        left = datetime.fromisoformat(expires_at) - datetime.now(UTC)
        Event().wait(max(left.total_seconds(), 0) + 1.1)  # clients count whole seconds
        self.refused(self.carry(short.read_text("utf-8")), "expired")
        script = self.exported().read_text("utf-8")
        self.refused(other(script), "another instance")
        assert name not in self.persisted()
