"""Decisions: numbered without a gap, of one shape, and every one in the index."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["problems"]

SECTIONS = ("## Context", "## Decision", "## Rejected", "## Consequences")
_FILE = re.compile(r"(\d{4})-[a-z0-9-]+\.md")


def problems(root: Path) -> list[str]:
    """Return what is wrong with docs/adr."""
    folder = root / "docs/adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    found = []
    for expected, path in enumerate(files, start=1):
        place, text = f"docs/adr/{path.name}:1:", path.read_text(encoding="utf-8")
        match = _FILE.fullmatch(path.name)
        if match is None or int(match[1]) != expected:
            found.append(f"{place} expected number {expected:04} and a title in lower case")
        if f"]({path.name})" not in index:
            found.append(f"{place} missing from docs/adr/README.md")
        found += [f"{place} no section `{name}`" for name in SECTIONS if f"\n{name}\n" not in text]
    return found
