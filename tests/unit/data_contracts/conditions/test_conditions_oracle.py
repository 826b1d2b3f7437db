"""Random conditions over random tables, against DuckDB: the same rows, by both of our ways."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.conditions import parse_condition

KINDS = {
    "age": "integer",
    "score": "number",
    "name": "string",
    "consent": "boolean",
    "born": "date",
    "seen": "timestamp",
    "sent": "timestamp-utc",
    "woke": "time",
    "paid": "decimal(9,2)",
    "end date": "date",
    "height": "integer",
}
SCHEMA = pa.schema(
    [
        ("age", pa.int64()),
        ("score", pa.float64()),
        ("name", pa.string()),
        ("consent", pa.bool_()),
        ("born", pa.date32()),
        ("seen", pa.timestamp("us")),
        ("sent", pa.timestamp("us", tz="UTC")),
        ("woke", pa.time64("us")),
        ("paid", pa.decimal128(9, 2)),
        ("end date", pa.date32()),
        ("height", pa.int64()),
    ]
)
_DAYS = st.sampled_from([date(1970, 1, 1), date(1999, 12, 31), date(2000, 2, 29), date(2024, 1, 1)])
_HOURS = st.sampled_from([time(0, 0), time(12, 30), time(23, 59, 59, 999999)])
_INTEGERS = st.one_of(st.integers(-3, 3), st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1]))
_FLOATS = st.sampled_from([0.0, -0.0, 0.5, -1.5, 1e300, 1e-300, math.nan, math.inf, -math.inf, 3.0])
_TEXTS = st.sampled_from(["", "a", "A", "b", "it's", 'say "x"', "é", "e\u0301", "日本", "zz", "null", "🙂"])
_DECIMALS = st.sampled_from([Decimal("0.00"), Decimal("-1.25"), Decimal("9999999.99"), Decimal("10.50")])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": _INTEGERS,
    "number": _FLOATS,
    "string": _TEXTS,
    "boolean": st.booleans(),
    "date": _DAYS,
    "timestamp": st.builds(datetime.combine, _DAYS, _HOURS),
    "timestamp-utc": st.builds(lambda d, t: datetime.combine(d, t, UTC), _DAYS, _HOURS),
    "time": _HOURS,
    "decimal(9,2)": _DECIMALS,
}


def written(value: Any) -> str:
    """A constant as our language, and DuckDB's, writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = value if isinstance(value, str) else str(value)
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


@st.composite
def predicates(draw: st.DrawFn, names: list[str]) -> str:
    name = draw(st.sampled_from(names))
    kind = KINDS[name]
    form = draw(st.sampled_from(["compare", "mirror", "columns", "in", "null"]))
    column = quoted(name)
    constants = VALUES[kind].filter(lambda v: not isinstance(v, float) or math.isfinite(v))
    operators = ["=", "!=", "<>"] if kind == "boolean" else ["=", "!=", "<>", "<", "<=", ">", ">="]
    operator = draw(st.sampled_from(operators))
    if form == "null":
        return f"{column} is {draw(st.sampled_from(['', 'not ', 'NOT ']))}null"
    if form == "in":
        values = ", ".join(map(written, draw(st.lists(constants, min_size=1, max_size=4))))
        return f"{column} {draw(st.sampled_from(['in', 'not in', 'NOT IN']))} ({values})"
    if form == "columns":
        other = draw(st.sampled_from([n for n in names if KINDS[n] == kind]))
        return f"{column} {operator} {quoted(other)}"
    value = written(draw(constants))
    return f"{value} {operator} {column}" if form == "mirror" else f"{column} {operator} {value}"


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    word = st.sampled_from(["and", "or", "AND", "Or"])
    chain = st.builds(lambda a, w, b: f"{a} {w} {b}", parts, word, parts)
    return st.one_of(chain, chain.map("({})".format), parts.map("not ({})".format))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[Any, ...]], str]:
    """A condition over few columns, and rows that differ in these."""
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3, unique=True))
    if "age" in names:
        names.append("height")
    text = draw(st.recursive(predicates(names), joined, max_leaves=6))
    values = (st.one_of(st.none(), VALUES[KINDS[n]]) if n in names else st.none() for n in KINDS)
    return draw(st.lists(st.tuples(*values), max_size=10)), text


def by_duckdb(table: pa.Table, text: str) -> list[bool]:
    # NaN is no number: what is compared with it is unknown. DuckDB would order it above all.
    known = "CASE WHEN isnan(score) THEN NULL ELSE score END AS known"
    text = text.replace("score is", "raw_score is").replace("score", "known").replace("raw_known", "score")
    with DATABASE.cursor() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.register("rows_", table)
        query = f"SELECT coalesce(({text}), false) FROM (SELECT *, {known} FROM rows_)"  # noqa: S608 - our own text
        return [row[0] for row in db.execute(query).fetchall()]


DATABASE = duckdb.connect(config={"threads": 1})
NAN = (None, math.nan, *(None,) * 9)


@settings(max_examples=120, deadline=None)
@given(case=cases())
@example(case=([(None,) * len(KINDS)], "not (age = 1 and name = 'a')"))
@example(case=([NAN], "score > 0"))
@example(case=([NAN], "not score > 0 or score is null"))
def test_the_same_rows_as_duckdb_by_both_ways(case: tuple[list[tuple[Any, ...]], str]) -> None:
    rows, text = case
    arrays = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(SCHEMA)]
    table = pa.table(arrays, schema=SCHEMA)
    condition = parse_condition(text, KINDS)
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    wanted = by_duckdb(table, text)
    ours = frame.select(met=condition.expression())["met"].to_list() if rows else []
    assert (ours * len(rows) if len(ours) != len(rows) else ours) == wanted
    columns = {name: table.column(name).combine_chunks() for name in condition.columns}
    assert condition.met(columns).to_pylist() == wanted
