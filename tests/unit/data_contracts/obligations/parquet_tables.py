"""Tables of every type that a contract can have, and files of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa


def every_type(rows: int, seed: int = 1) -> pa.Table:
    r = np.random.default_rng(seed)
    n = range(rows)
    day, now = dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)  # noqa: DTZ001 - the zone is the type's
    return pa.table(
        {
            "i": r.integers(-5, 1000, rows),
            "i32": pa.array(r.integers(0, 9, rows), pa.int32()),
            "u8": pa.array(r.integers(0, 255, rows), pa.uint8()),
            "u64": pa.array(r.integers(0, 2**63, rows), pa.uint64()),
            "f": r.random(rows),
            "f32": r.random(rows).astype("f4"),
            "zero": np.where(r.random(rows) < 0.5, 0.0, -0.0),
            "nan": np.where(r.random(rows) < 0.5, np.nan, 1.0),
            "s": [f"name {x}" if x % 7 else None for x in n],
            "few": [f"c{x % 5}" for x in n],
            "b": [bool(x % 3) if x % 11 else None for x in n],
            "bin": [bytes([x % 256]) * 16 for x in n],
            "fixed": pa.array([bytes([x % 256]) * 16 for x in n], pa.binary(16)),
            "none": pa.nulls(rows, pa.string()),
            "date": [day + dt.timedelta(days=x % 900) for x in n],
            "ts": pa.array([now + dt.timedelta(seconds=x) for x in n], pa.timestamp("us", tz="UTC")),
            "time": pa.array([dt.time(x % 24, x % 60) for x in n], pa.time64("us")),
            "dec": pa.array([Decimal(x) / 100 if x % 5 else None for x in n], pa.decimal128(10, 2)),
            "list": pa.array([[1, 2, None][: x % 4] if x % 6 else None for x in n], pa.list_(pa.int64())),
            "struct": [{"a": x, "b": f"x{x % 9}" if x % 2 else None} if x % 8 else None for x in n],
            "deep": [[{"k": str(x)}] * (x % 3) if x % 6 else None for x in n],
            "empty": [""] * rows,
        }
    )
