"""The contract benchmark's data and its 22 rules: once as an ODCS contract, once as a suite of GX's.

The data is made, not drawn: each row is a function of its number and the seed, so any size has the same kind
of rows, and a file of any size can be written in bounded memory. Row groups of 250,000 rows, zstd.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20
GROUP = 250_000
PLANTED = 3
OLDEST, WORST, BEST, LONGEST, LEAST_ROWS, MOST_NULLS = 120, -10, 10, 40, 1000, 5
COUNTRIES = ["DE", "FR", "NL", "PL", "US", "JP", "BR", "IN"]
STATES = ["new", "open", "closed", "void"]
FIRST_SEEN = datetime(2020, 9, 13, tzinfo=UTC)
FIRST_BIRTH = date(1900, 1, 1)
REFERENCE, POSTCODE = "^P[0-9]{13}$", "^[0-9]{5}$"


def scattered(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a number below 2^40 for each number, no two alike: a permutation, so ids come in no order."""
    mask = np.uint64((1 << 40) - 1)
    made = (numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) & mask
    made ^= made >> np.uint64(19)
    made = (made * np.uint64(0xBF58476D1CE4E5B9)) & mask
    return (made ^ (made >> np.uint64(21))).astype(np.int64)


def rows(start: int, count: int, twice: dict[int, int]) -> pa.Table:
    """Return rows `start` to `start + count` as an Arrow table.

    Args:
        start: number of the first row.
        count: how many.
        twice: row numbers whose id is another row's.
    """
    random = np.random.default_rng([SEED, start])
    numbers = np.arange(start, start + count)
    ids = numbers.copy()
    for row, other in twice.items():
        if start <= row < start + count:
            ids[row - start] = other
    codes = pl.Series(random.integers(0, 10**9, count))
    references = pl.Series(scattered(numbers + 10**11))
    frame = pl.DataFrame(
        {
            "id": scattered(ids),
            "reference": pl.select(pl.lit("P") + references.cast(pl.String).str.zfill(13)).to_series(),
            "age": random.integers(0, 111, count),
            "visits": random.poisson(3, count),
            "amount": np.round(random.gamma(2, 50, count), 2),
            "score": random.normal(0, 1, count).clip(-6, 6),
            "country": pl.Series(COUNTRIES).gather(random.integers(0, len(COUNTRIES), count)),
            "status": pl.Series(STATES).gather(random.integers(0, len(STATES), count)),
            "email": pl.select(
                pl.lit("user")
                + codes.cast(pl.String)
                + "@mail"
                + (codes % 97).cast(pl.String)
                + ".example.org"
            ).to_series(),
            "postcode": pl.Series(random.integers(0, 100_000, count)).cast(pl.String).str.zfill(5),
            "birth": pl.Series(random.integers(-14_000, 18_000, count).astype(np.int32)).cast(pl.Date),
            "seen": pl.Series(1_600_000_000_000_000 + random.integers(0, 10**14, count)).cast(
                pl.Datetime("us")
            ),
        }
    )
    shares = {"visits": 0.02, "score": 0.05, "postcode": 0.03}
    empty = [
        pl.when(pl.Series(random.random(count) >= share)).then(pl.col(name)).alias(name)
        for name, share in shares.items()
    ]
    table = frame.with_columns(empty).to_arrow()
    kinds = [pa.string() if pa.types.is_large_string(f.type) else f.type for f in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))


def write(path: Path, count: int, *, planted: bool = False) -> None:
    """Write the file; `planted`: three rows, in row groups of their own, have the id of a row in another."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    third = count // PLANTED
    twice = {count - 1 - k * third: k * third // 2 + 7 for k in range(PLANTED)} if planted else {}
    unfinished = path.with_suffix(".part")
    first = rows(0, 1, {})
    with pq.ParquetWriter(unfinished, first.schema, compression="zstd") as writer:
        for start in range(0, count, GROUP):
            writer.write_table(rows(start, min(GROUP, count - start), twice), row_group_size=GROUP)
    unfinished.rename(path)


def document() -> dict[str, Any]:
    """Return the ODCS contract: 22 promises on values, beside the types of its columns."""

    def column(name: str, logical: str, quality: object = None, **more: object) -> dict[str, Any]:
        options = {key: more.pop(key) for key in tuple(more) if key not in {"required", "unique"}}
        made: dict[str, Any] = {"name": name, "logicalType": logical, "classification": "internal", **more}
        made |= {"logicalTypeOptions": options} if options else {}
        return made | ({"quality": [quality]} if quality else {})

    def valid(name: str, values: list[str]) -> dict[str, Any]:
        return {"name": name, "metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0}

    few = {"name": "visits.few", "metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": MOST_NULLS}
    columns = [
        column("id", "integer", required=True, unique=True),
        column("reference", "string", required=True, unique=True, pattern=REFERENCE),
        column("age", "integer", minimum=0, maximum=OLDEST),
        column("visits", "integer", few, minimum=0),
        column("amount", "number", required=True, minimum=0),
        column("score", "number", minimum=WORST, maximum=BEST),
        column("country", "string", valid("country.valid", COUNTRIES)),
        column("status", "string", valid("status.valid", STATES)),
        column("email", "string", required=True, maxLength=LONGEST),
        column("postcode", "string", pattern=POSTCODE),
        column("birth", "date", minimum=FIRST_BIRTH.isoformat()),
        column("seen", "timestamp", required=True, minimum=FIRST_SEEN.replace(tzinfo=None).isoformat()),
    ]
    some = {"name": "rows.some", "metric": "rowCount", "mustBeGreaterOrEqualTo": LEAST_ROWS}
    schema = [{"name": "visits", "properties": columns, "quality": [some]}]
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "bench.visits", "version": "1.0.0"}
    return {**head, "status": "active", "schema": schema}


def suite() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the same 22 rules as expectations, by the contract's rule ids."""
    between = "expect_column_values_to_be_between"
    there = "expect_column_values_to_not_be_null"
    told: dict[str, tuple[str, dict[str, Any]]] = {
        f"{name}.unique": ("expect_column_values_to_be_unique", {"column": name})
        for name in ("id", "reference")
    }
    told |= {
        f"{name}.required": (there, {"column": name})
        for name in ("id", "reference", "amount", "email", "seen")
    }
    moment = FIRST_SEEN.replace(tzinfo=None)
    least = {
        "age": 0,
        "visits": 0,
        "amount": 0,
        "score": WORST,
        "birth": datetime(1900, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        "seen": moment,
    }
    told |= {
        f"{name}.minimum": (between, {"column": name, "min_value": value}) for name, value in least.items()
    }
    most = {"age": OLDEST, "score": BEST}
    told |= {
        f"{name}.maximum": (between, {"column": name, "max_value": value}) for name, value in most.items()
    }
    sets = {"country": COUNTRIES, "status": STATES}
    member = "expect_column_values_to_be_in_set"
    told |= {f"{name}.valid": (member, {"column": name, "value_set": of}) for name, of in sets.items()}
    match = "expect_column_values_to_match_regex"
    patterns = {"reference": REFERENCE, "postcode": POSTCODE}
    told |= {f"{name}.pattern": (match, {"column": name, "regex": regex}) for name, regex in patterns.items()}
    told["email.maxLength"] = (
        "expect_column_value_lengths_to_be_between",
        {"column": "email", "max_value": LONGEST},
    )
    told["visits.few"] = (there, {"column": "visits", "mostly": 1 - MOST_NULLS / 100})
    told["rows.some"] = ("expect_table_row_count_to_be_between", {"min_value": LEAST_ROWS})
    return told
