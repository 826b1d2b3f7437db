"""Reading an export back into an empty ledger; whether it verifies is asked afterwards.

Invariants:
1. Every line must be of the export's form, in its order, under the end that it names.
2. Memory does not grow with the file; a line is bounded.

Example:
    >>> import_lines(folder, identity.public, Path("onprem.jsonl"))
    12
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity.public import PublicIdentity
from environments.ledger.database import Row, add, writing
from environments.ledger.entry import MAX_ENTRY, Head
from environments.ledger.export import FORMAT
from environments.ledger.shown import write_shown
from environments.ledger.witness import replace_witnessed
from environments.private import disk_errors

__all__ = ["import_lines"]


def import_lines(folder: Path, public: PublicIdentity, path: Path) -> int:
    """Fill the empty ledger in `folder` from an export, and return how many entries that were.

    Raises:
        UsageError: it is the export of another environment.
        NotVerifiableError: it is no whole export.
    """
    count, lines = 0, _lines(path)
    header = _object(next(lines, b""), path)
    if {key: header.get(key) for key in FORMAT} != FORMAT:
        raise _damaged(path)
    if header.get("environment") != public.name:
        raise UsageError(f"{path}: not a backup of {public.name}'s ledger", remedy="name its own backup")
    ended = False
    with writing(folder) as database:
        for raw in lines:
            if ended:
                raise _damaged(path)
            if raw.startswith(b'{"body":'):
                count += 1
                add(database, Row(count, raw), None, "")
            else:
                ended = _other(folder, database, _object(raw, path), count)
        if not ended:
            raise _damaged(path)
    return count


def _damaged(path: Path) -> NotVerifiableError:
    return NotVerifiableError(f"{path}: not a whole backup of a ledger", remedy="use another backup")


def _lines(path: Path) -> Iterator[bytes]:
    with disk_errors(f"{path}: cannot be read"), path.open("rb") as file:
        while line := file.readline(16 * MAX_ENTRY):
            if not line.endswith(b"\n"):
                raise _damaged(path)
            yield line[:-1]


def _object(raw: bytes, path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def _other(folder: Path, database: sqlite3.Connection, value: Mapping[str, Any], count: int) -> bool:
    """Take a line that is no entry; return whether it was the end."""
    try:
        kind = value["isthmus"]
        if kind == "head":
            head = Head.from_json({key: value[key] for key in value if key not in {"isthmus", "key"}})
            values = (head.sequence, head.digest, head.signature, str(value["key"]))
            database.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", values)
        elif kind == "witnessed":
            head = Head.from_json({key: value[key] for key in value if key != "isthmus"})
            replace_witnessed(folder, head, head.trail)
        elif kind == "shown":
            write_shown(folder, value["peer"], (int(number) for number in value["sequences"]))
        return bool(kind == "end" and value["entries"] == count)
    except (KeyError, TypeError, ValueError):
        raise NotVerifiableError("not a backup of a ledger", remedy="use another backup") from None
