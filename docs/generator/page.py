"""A generated page, and the little Markdown that all of them need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Page", "reference", "table"]


@dataclass(frozen=True)
class Page:
    """A page of the reference.

    Attributes:
        path: where it stands.
        text: what must stand there, to the byte.
    """

    path: Path
    text: str


def reference(root: Path, name: str, title: str, *parts: str) -> Page:
    """Make the page NAME of the reference of parts of Markdown."""
    head = f"# {title}\n\n<!-- Written by `make docs` from the code. Do not edit. -->"
    text = "\n\n".join(part.strip("\n") for part in (head, *parts))
    return Page(root / "docs/reference" / f"{name}.md", text + "\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render rows as a Markdown table; a bar inside a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
