"""Claims of the threat model: each one that says "stopped" names a test, and the test exists.

A line of a table in docs/threat-model.md whose last cell is not empty names tests as `FILE::NAME`, FILE
below tests/. A claim that no test holds yet says `not yet` there: then nobody reads it as a promise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["problems"]

_PAGE = "docs/threat-model.md"
_TEST = re.compile(r"`([A-Za-z0-9_/]+\.py)::([A-Za-z0-9_]+)`")
_OPEN = "not yet"
_RULE = re.compile(r"^\|[\s|:-]+\|$")


def problems(root: Path) -> list[str]:
    """Return every claim without a test, and every named test that does not exist."""
    page = root / _PAGE
    if not page.exists():
        return [f"{_PAGE}:1: there is no threat model"]
    lines = page.read_text(encoding="utf-8").splitlines()
    return [
        f"{_PAGE}:{at}: {what}" for at, line in enumerate(lines, 1) for what in _wrong(root, line, lines, at)
    ]


def _wrong(root: Path, line: str, lines: list[str], at: int) -> Iterator[str]:
    named = _TEST.findall(line)
    yield from (
        f"no test {name} in tests/{file}" for file, name in named if name not in _tests(root / "tests" / file)
    )
    is_row = line.startswith("|") and not _RULE.match(line)
    is_header = at < len(lines) and bool(_RULE.match(lines[at]))
    if is_row and not is_header and not named and _OPEN not in line.rsplit("|", 2)[1]:
        yield f"a claim without a test, nor the words '{_OPEN}'"


@cache
def _tests(file: Path) -> frozenset[str]:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return frozenset(re.findall(r"^\s*(?:async )?def (test_\w+)", text, re.MULTILINE))
