"""Hostile files, made by seeded code: none lies in the repository."""

from __future__ import annotations

import gzip
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 300


def table() -> pa.Table:
    return pa.table(
        {
            "id": list(range(ROWS)),
            "name": [f"name {x}" if x % 5 else None for x in range(ROWS)],
            "score": [x / 7 for x in range(ROWS)],
            "tags": [["a", "b"][: x % 3] for x in range(ROWS)],
        }
    )


def parquet(path: Path, **options: Any) -> bytes:
    pq.write_table(table(), path, **options)
    return path.read_bytes()


def arrow(path: Path) -> bytes:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table().schema) as writer:
        writer.write_table(table(), max_chunksize=50)
    return path.read_bytes()


def csv(path: Path) -> bytes:
    rows = "".join(f'{x},"name ""{x}""",{x / 7}\r\n' for x in range(ROWS))
    path.write_text("id,name,score\r\n" + rows, newline="")
    return path.read_bytes()


def jsonl(path: Path) -> bytes:
    rows = ({"id": x, "name": f"name {x}", "deep": {"a": [x, None]}} for x in range(ROWS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.read_bytes()


KINDS: dict[str, Callable[[Path], bytes]] = {
    "parquet": parquet,
    "arrow": arrow,
    "csv": csv,
    "jsonl": jsonl,
}


def mutants(raw: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield truncated, flipped, cut, doubled and overwritten copies."""
    rng = random.Random(seed)  # noqa: S311 - a seed, no secret
    for number in range(count):
        copy = bytearray(raw)
        place = rng.randrange(len(copy))
        kind = number % 6
        if kind == 0:
            del copy[place:]
        elif kind == 1:
            for at in range(place % 37, len(copy), 97 + place % 400):
                copy[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            copy[place] = rng.randrange(256)
        elif kind == 3:
            del copy[place : place + rng.randrange(1, 64)]
        elif kind == 4:
            copy[place:place] = copy[place : place + rng.randrange(1, 64)]
        else:
            copy[place : place + 8] = struct.pack("<q", rng.choice([-1, 2**62, 2**31, 2**63 - 1]))
        yield bytes(copy)


def bombs(folder: Path) -> dict[str, Path]:
    """Write files of a few KB that expand to gigabytes, or claim to."""
    made: dict[str, Path] = {}

    def add(name: str) -> Path:
        made[name] = folder / name
        return made[name]

    # One text of 10 KB in a dictionary, and a million rows that name it: 10 GB when it is read.
    indices = pa.nulls(1_000_000, pa.int32()).fill_null(0)
    named = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 10_000]))
    for codec in ("zstd", "gzip", "snappy"):
        options: dict[str, Any] = {"compression": codec, "store_schema": False, "row_group_size": 1_000_000}
        pq.write_table(pa.table({"s": named}), add(f"dictionary-{codec}.parquet"), **options)
    # Many numbers in one run.
    sevens = pa.table({"n": pa.nulls(30_000_000, pa.int64()).fill_null(7)})
    pq.write_table(sevens, add("runs.parquet"), compression="zstd", row_group_size=30_000_000)
    text = pa.table({"s": pa.array(["x" * 50_000_000] * 3)})
    pq.write_table(text, add("text-dictionary.parquet"), compression="zstd", row_group_size=3)
    raw = parquet(folder / "plain.parquet", compression="zstd")
    # The footer's number of rows, in Thrift's own form, replaced by 2^62: longer, so the length grows.
    length = int.from_bytes(raw[-8:-4], "little")
    footer = raw[-8 - length : -8]
    claimed = footer.replace(_zigzag(ROWS), _zigzag(2**62))
    claims = raw[: -8 - length] + claimed + len(claimed).to_bytes(4, "little") + b"PAR1"
    add("claims.parquet").write_bytes(claims)
    nothing = pa.table({"n": pa.nulls(2_000_000_000)})
    with pa.OSFile(str(add("nulls.arrow")), "wb") as sink, pa.ipc.new_file(sink, nothing.schema) as writer:
        writer.write_table(nothing)
    add("deep.jsonl").write_text('{"a":' + "[" * 200_000 + "]" * 200_000 + "}\n")
    add("long.jsonl").write_text('{"a": "' + "x" * 60_000_000 + '"}\n')
    add("gzip.csv").write_bytes(gzip.compress(b"a,b\n" * 10_000_000))
    add("cell.csv").write_text('a,b\n"' + "x" * 40_000_000 + '",1\n')
    add("wide.csv").write_text(",".join(f"c{x}" for x in range(100_000)) + "\n")
    return made


def _zigzag(value: int) -> bytes:
    number, made = value << 1, bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])
