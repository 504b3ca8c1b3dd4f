"""Material of imports: small files of every kind that is read, and the samples where they are at hand.

Each comes with lines that may stand in such a file and hold a secret. The files are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
SECRET = "S3CR3T-zq7"  # noqa: S105 - planted to be looked for
_TEXTS = Path(__file__).with_name("import_material.txt")
_MARK = "=====> "

_CNF = (
    f"[client]\npassword={SECRET}",
    f"report-password={SECRET}",
    f"[mysqld]\nwsrep_sst_auth=root:{SECRET}",
)
_CONF = (
    f"primary_conninfo = 'host=h password={SECRET} port=1'",
    f"primary_conninfo = 'postgres://u:{SECRET}@h/d'",
    f"ssl_passphrase_command = 'echo {SECRET}'",
)
_SQL = (
    f"CREATE ROLE app LOGIN PASSWORD '{SECRET}';",
    f"ALTER SYSTEM SET primary_conninfo TO 'password={SECRET}';",
    f"CREATE LOGIN app WITH PASSWORD = N'{SECRET}';",
)
_BATCH = (f"report_password\t{SECRET}", f"wsrep_sst_auth\troot:{SECRET}")
_VERTICAL = (f"{'*' * 27} 99. row {'*' * 27}\nVariable_name: report_password\n        Value: {SECRET}",)
_ARGUMENTS = (f"--password={SECRET}", f"--report-password={SECRET}")
_ENGINES = {
    _CNF: ("mysql", "mariadb"),
    _BATCH: ("mysql", "mariadb"),
    _VERTICAL: ("mysql", "mariadb"),
    _ARGUMENTS: ("mysql", "mariadb"),
    _CONF: ("postgresql",),
    _SQL: ("postgresql", "sqlserver"),
}
"""Whose names these are: who reads a damaged file as another product's cannot know them."""

_PLANTS = {
    "cnf": _CNF,
    "conf": _CONF,
    "j2": _CONF,
    "sql": _SQL,
    "batch": _BATCH,
    "arguments": _ARGUMENTS,
}
_BY_SAMPLE = {
    "vertical": _VERTICAL,
    "variables": _BATCH,
    "print_defaults": _ARGUMENTS,
    "printdef": _ARGUMENTS,
    "vars-": _BATCH,
    "tsv_baron": _BATCH,
}


@dataclass(frozen=True)
class Seed:
    """A file to start from: its name, its text, and lines with a secret that may be put into it."""

    name: str
    text: str
    plants: tuple[str, ...] = ()

    @property
    def engines(self) -> tuple[str, ...]:
        """Whose names hold a secret in those lines."""
        return _ENGINES.get(self.plants, ())


def own_seeds() -> list[Seed]:
    """Answer our own small files: the part of a name before the first dot tells what may be planted."""
    parts = _TEXTS.read_text(encoding="utf-8").replace("<TAB>", "\t").split(_MARK)[1:]
    seeds: list[Seed] = []
    for part in parts:
        name, _, text = part.partition("\n")
        seeds.append(Seed(name, text, _PLANTS.get(name.partition(".")[0], ())))
    return seeds


def sample_seeds() -> list[Seed]:
    """Answer the samples, nothing where they are not beside the house."""
    seeds: list[Seed] = []
    for path in sorted(SAMPLES.glob("*/*")):
        plants = _PLANTS.get(path.suffix[1:], ())
        if path.suffix in {".txt", ".tsv"}:
            plants = next((lines for word, lines in _BY_SAMPLE.items() if word in path.name), ())
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
        seeds.append(Seed(f"{path.parent.name}/{path.name}", text, plants))
    return seeds
