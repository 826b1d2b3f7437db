"""JSON Schemas of the files that users write, as `isthmus init` puts them into a site."""

from __future__ import annotations

from pathlib import Path

from flows.cli.schemas import editor_schemas
from generator.page import Page

__all__ = ["pages"]


def pages(root: Path) -> list[Page]:
    """Return every file of docs/schemas."""
    return [Page(root / "docs/schemas" / name, text) for name, text in editor_schemas().items()]
