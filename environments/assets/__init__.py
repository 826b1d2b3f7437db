"""How data comes into a store and out of it: files in, versions; versions, files out."""

from __future__ import annotations

from environments.assets.adding import add_file
from environments.assets.getting import get_file
from environments.assets.references import reference_files
from environments.assets.report import AddReport, UnreadableCell, UnreadableError
from environments.assets.writing import PartWriter

__all__ = [
    "AddReport",
    "PartWriter",
    "UnreadableCell",
    "UnreadableError",
    "add_file",
    "get_file",
    "reference_files",
]
