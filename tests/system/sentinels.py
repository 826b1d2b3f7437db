"""Values that occur nowhere by chance, planted in restricted columns, and a search that finds them again.

Invariants:
1. Every planted value holds one of its place's marks: as text, as decimal digits, and as the bytes of a
   64-bit integer or float. So one search finds any of them, whole or in part of a longer text.
2. The search reads every file raw, and decodes every Parquet file besides: compression hides nothing there.
   What a database compresses in its own files is read through the database, row by row.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import polars as pl
import pyarrow.parquet as pq
from prefect_view import every

_LISTED = ("flow_runs", "task_runs", "logs", "artifacts", "variables", "block_documents", "deployments")
_RESTRICTED = ("subject_id", "fake_first_name", "fake_last_name")
_LOW = 0xFFFF
_OF_DOUBLE = 5


@dataclass(frozen=True)
class Sentinel:
    """The marks of one place's data.

    Attributes:
        word: in every name; lower case, as a change of case must not hide it.
        base: added to every subject id; its low 16 bits are zero.
    """

    word: str
    base: int

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """What finds any of the planted values in bytes."""
        digits = str(self.base)[: len(str(self.base)) - 5]
        assert str(self.base + _LOW).startswith(digits)
        word, high = self.word.encode(), (self.base >> 16).to_bytes(6, "big")
        double = struct.pack(">d", self.base)[:_OF_DOUBLE]
        assert struct.pack(">d", self.base + _LOW).startswith(double)
        shapes = [
            word,
            word.hex().encode(),
            self.word.encode("utf-16-le"),
            self.word.encode("utf-16-be"),
            *(_base64(word, shift) for shift in range(3)),
            digits.encode(),
            high,
            high[::-1],  # little-endian: Parquet, Arrow, NumPy
            double,
            double[::-1],
        ]
        pickled = rb"\x8a\x06.." + re.escape(high.lstrip(b"\0")[::-1])
        return re.compile(b"|".join([*map(re.escape, shapes), pickled]), re.IGNORECASE | re.DOTALL)

    def plant(self, source: Path, target: Path) -> None:
        """Write a copy of a CSV file whose restricted values are all ours."""
        rows = pl.read_csv(source, infer_schema=False)
        number = pl.col("subject_id").cast(pl.Int64)
        assert rows.select(number.is_between(1, _LOW).all()).item()
        rows.with_columns(
            (number + self.base).cast(pl.String).alias("subject_id"),
            pl.format(f"{self.word}first{{}}", pl.col("subject_id")).alias("fake_first_name"),
            pl.format(f"{self.word}last{{}}", pl.col("subject_id")).alias("fake_last_name"),
        ).select(rows.columns).write_csv(target)
        assert {column for column in rows.columns if column in _RESTRICTED} == set(_RESTRICTED)


def _base64(word: bytes, shift: int) -> bytes:
    """Return what every base64 text holds in which `word` begins `shift` bytes after a whole group."""
    whole = base64.b64encode(b"\0" * shift + word)
    first = -(-shift * 4 // 3)
    last = (shift + len(word)) * 8 // 6
    return whole[first:last]


def in_files(sentinel: Sentinel, folder: Path) -> list[str]:
    """Return the files below `folder` that hold a planted value, each with how it was seen."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        if sentinel.pattern.search(path.read_bytes()) or sentinel.pattern.search(str(path).encode()):
            found.append(f"{path.relative_to(folder)} (raw)")
        if path.suffix == ".parquet":
            told = str(pq.read_schema(path)) + str(pq.read_metadata(path).metadata)
            columns = pq.read_table(path).columns
            values = [told.encode(), *(str(column.to_pylist()).encode() for column in columns)]
            values += [value for column in columns for value in column.to_pylist() if type(value) is bytes]
            if any(sentinel.pattern.search(value) for value in values):
                found.append(f"{path.relative_to(folder)} (decoded)")
    return found


def in_texts(sentinel: Sentinel, texts: Iterator[tuple[str, str]]) -> list[str]:
    """Return the names of the texts that hold a planted value."""
    return [name for name, text in texts if sentinel.pattern.search(text.encode())]


def api_texts(client: httpx.Client) -> Iterator[tuple[str, str]]:
    """Yield everything that the API returns, as (what, JSON)."""
    for what in _LISTED:
        yield what, json.dumps(every(client, what), ensure_ascii=False)
    for run in every(client, "flow_runs"):
        states = client.get("/flow_run_states/", params={"flow_run_id": run["id"]})
        yield "flow run states", json.dumps(states.raise_for_status().json(), ensure_ascii=False)
    for run in every(client, "task_runs"):
        states = client.get("/task_run_states/", params={"task_run_id": run["id"]})
        yield "task run states", json.dumps(states.raise_for_status().json(), ensure_ascii=False)
    page = client.post("/events/filter", json={"limit": 50}).raise_for_status().json()
    while True:
        yield "events", json.dumps(page["events"], ensure_ascii=False)
        if page["next_page"] is None:
            return
        page = client.get(page["next_page"]).raise_for_status().json()


async def database_texts(socket_folder: Path, password: str) -> list[tuple[str, str]]:
    """Return every row of every table of the database, as (table, text)."""
    connection = await asyncpg.connect(
        host=str(socket_folder), user="isthmus", password=password, database="postgres"
    )
    try:
        tables = await connection.fetch(
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables "
            "where schemaname <> 'pg_catalog' and schemaname <> 'information_schema'"
        )
        texts = []
        for table in tables:
            rows = await connection.fetch(f"select t::text as row from {table['name']} t")  # noqa: S608
            texts += [(table["name"], row["row"]) for row in rows]
        await connection.execute("checkpoint")
        return texts
    finally:
        await connection.close()
