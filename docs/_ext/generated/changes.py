"""What changed: the fragments that wait for the next release, then the changelog."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
KINDS = ("added", "changed", "fixed", "removed", "security")


def write() -> str:
    """Write the unreleased fragments by kind, and the changelog's releases below them."""
    sections = ["## Not released yet\n"]
    for kind in KINDS:
        texts = [
            path.read_text("utf-8").strip() for path in sorted((ROOT / "changelog.d").glob(f"*.{kind}.md"))
        ]
        if texts:
            bullets = "\n".join("- " + text.replace("\n", "\n  ") for text in texts)
            sections.append(f"### {kind.capitalize()}\n\n{bullets}\n")
    released = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("\n## ")
    sections.append(released[1].lstrip("\n") + released[2])
    return "\n".join(sections)
