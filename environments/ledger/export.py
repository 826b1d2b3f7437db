"""The record as others read it: JSON Lines for whoever verifies it, Parquet for whoever asks of it.

The first line says whose ledger it is and which keys sign it. Then each entry, the very bytes that were
hashed; then the kept heads, the heads that this environment keeps of its peers, what it showed to them, and
a last line that says how many entries there are. Every line is RFC 8785 JSON; a line that is no entry has
the key `isthmus`.

Invariants:
1. An export is of one moment: an entry added meanwhile is not in it.
2. Nothing private is in it: it may be given to whoever may read the record.

Example:
    >>> with Path("onprem.jsonl").open("xb") as file:
    ...     export_lines(folder.ledger, identity.public, file)
    12
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from data_contracts.digest import canonical, digest_bytes
from environments.encoding import encode
from environments.ledger.database import head_pages, last_row, newest_head, pages, reading
from environments.ledger.entry import GENESIS, Head, parse_entry
from environments.ledger.migrate import take_over
from environments.ledger.shown import all_shown
from environments.ledger.witness import all_witnessed

if TYPE_CHECKING:
    from environments.identity.public import PublicIdentity

__all__ = ["FORMAT", "export_lines", "export_parquet"]

FORMAT = {"isthmus": "ledger-export", "version": 1}


def _end(folder: Path, environment: str) -> tuple[tuple[Head, str] | None, int]:
    """Return the newest head, with its key's id, and the last sequence, of one moment."""
    with reading(folder) as database:
        if database is None:
            return None, 0
        database.execute("BEGIN")
        head, row = newest_head(database, environment), last_row(database)
        database.execute("COMMIT")
    return head, row.sequence if row else 0


def _heads(folder: Path, environment: str, newest: tuple[Head, str] | None) -> Iterator[tuple[Head, str]]:
    """Give the kept heads before the newest, and it: a later append may have replaced it since."""
    if newest is not None:
        with reading(folder) as database:
            if database is not None:
                yield from head_pages(database, environment, until=newest[0].sequence)
        yield newest


def _payloads(folder: Path, until: int) -> Iterator[bytes]:
    with reading(folder) as database:
        if database is not None:
            for page in pages(database, until=until):
                for _, payload in page:
                    yield payload


def export_lines(folder: Path, public: PublicIdentity, stream: IO[bytes]) -> int:
    """Write the whole ledger as JSON Lines, and return how many entries that were.

    Raises:
        NotVerifiableError: the file is no ledger. (Whether it verifies is for the reader to find.)
        UnreachableError: the disk refuses.
    """
    take_over(folder, public)
    newest, until = _end(folder, public.name)
    whole = public.ever
    keys = [{"key": digest_bytes(key), "public": encode(key)} for key in (whole.signing, *whole.also)]
    _line(stream, FORMAT | {"environment": public.name, "keys": keys})
    count, digest = 0, GENESIS
    for payload in _payloads(folder, until):
        stream.write(payload + b"\n")
        count, digest = count + 1, "sha256:" + hashlib.sha256(payload).hexdigest()
    for head, key in _heads(folder, public.name, newest):
        _line(stream, {"isthmus": "head", "key": key, **head.to_json()})
    for head in all_witnessed(folder):
        _line(stream, {"isthmus": "witnessed", **head.to_json()})
    for peer, sequences in all_shown(folder).items():
        _line(stream, {"isthmus": "shown", "peer": peer, "sequences": sequences})
    _line(stream, {"isthmus": "end", "entries": count, "digest": digest})
    return count


def _line(stream: IO[bytes], value: dict[str, Any]) -> None:
    stream.write(canonical(value) + b"\n")


def export_parquet(folder: Path, public: PublicIdentity, stream: IO[bytes]) -> int:
    """Write the entries as a table, and return how many; what is verified is the export as JSON Lines.

    Raises:
        NotVerifiableError: an entry is none.
        UnreachableError: the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    take_over(folder, public)
    texts = ("environment", "kind", "previous", "digest", "crossing", "outcome", "name", "body")
    typed: list[tuple[str, Any]] = [("sequence", pa.int64()), ("time", pa.timestamp("ms", tz="UTC"))]
    schema = pa.schema([*typed, *((name, pa.string()) for name in texts)])
    _, until = _end(folder, public.name)
    count, page = 0, []
    with pq.ParquetWriter(stream, schema) as writer:
        for payload in _payloads(folder, until):
            page.append(_row(payload))
            if len(page) == _GROUP:
                writer.write_table(pa.Table.from_pylist(page, schema))
                count, page = count + len(page), []
        writer.write_table(pa.Table.from_pylist(page, schema))
    return count + len(page)


_GROUP = 65536


def _row(payload: bytes) -> dict[str, Any]:
    import datetime as dt

    entry = parse_entry(payload)
    shown = {name: entry.body.get(name) for name in ("crossing", "outcome", "name")}
    return {
        "sequence": entry.sequence,
        "time": dt.datetime.fromisoformat(entry.time),
        "environment": entry.environment,
        "kind": entry.kind,
        "previous": entry.previous,
        "digest": digest_bytes(payload),
        **{name: value if isinstance(value, str) else None for name, value in shown.items()},
        "body": json.dumps(entry.body, ensure_ascii=False, sort_keys=True),
    }
