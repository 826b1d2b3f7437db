"""Links: each relative one leads to a file and a heading; each document that code names exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["problems"]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_NAMED = re.compile(r"\bdocs/[A-Za-z0-9_/.-]+\.md\b|\bdocs/adr/(\d{4})\b|\bADR-(\d{4})\b")

_NAMES_ON_PURPOSE = {"links.py", "test_house_docs.py"}  # they name documents that do not exist


def _without_code(text: str) -> str:
    """Blank out fenced blocks and keep the lines' numbers."""
    return _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    plain = (
        re.sub(r"[^\w\- ]", "", heading.lower().strip()) for heading in _HEADING.findall(_without_code(text))
    )
    return {heading.replace(" ", "-") for heading in plain}


def _tracked(root: Path, *patterns: str) -> list[Path]:
    """Return what git knows or would take: neither build output nor another checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted({root / line for line in listed if (root / line).exists()})


def _broken(root: Path, path: Path) -> Iterator[str]:
    text = _without_code(path.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        target, _, anchor = match[1].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = f"{path.relative_to(root)}:{text[: match.start()].count(chr(10)) + 1}:"
        other = (path.parent / target).resolve() if target else path
        if not other.exists():
            yield f"{place} link to {target}, which does not exist"
        elif anchor and anchor not in _anchors(other.read_text(encoding="utf-8")):
            yield f"{place} link to a heading #{anchor}, which {other.name} does not have"


def _unknown(root: Path, path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    for match in _NAMED.finditer(text):
        number = match[1] or match[2]
        exists = any((root / "docs/adr").glob(f"{number}-*.md")) if number else (root / match[0]).exists()
        if not exists:
            line = text[: match.start()].count("\n") + 1
            yield f"{path.relative_to(root)}:{line}: names {match[0]}, which does not exist"


def problems(root: Path) -> list[str]:
    """Return links that lead nowhere and documents that code names in vain."""
    pages, code = _tracked(root, "*.md"), _tracked(root, "*.py", "*.toml", "*.yaml", "Makefile", ".ci/run")
    broken = [finding for path in pages for finding in _broken(root, path)]
    unknown = [
        finding for path in code if path.name not in _NAMES_ON_PURPOSE for finding in _unknown(root, path)
    ]
    return [*broken, *unknown]
