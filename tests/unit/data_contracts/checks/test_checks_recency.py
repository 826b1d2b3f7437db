"""Freshness, latency and retention, at a moment that is given."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract

from data_contracts.checks import check_tables, compile_plan
from data_contracts.checks.recency import before

NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)


def result(
    prop: str, value: Any, unit: str, seen: list[Any], kind: Any = None, **more: Any
) -> tuple[Any, ...]:
    made = contract(
        column("at", more.pop("logical", "timestamp"), **more),
        slaProperties=[{"property": prop, "value": value, "unit": unit, "element": "t.at"}],
    )
    table = pa.table({"at": pa.array(seen, kind or pa.timestamp("us"))})
    verdict = check_tables(compile_plan(made, now=NOW), [table.slice(0, 1), table.slice(1)])
    rule = next(rule for rule in verdict.rules if rule.rule == prop)
    return rule.success, rule.unexpected_count, rule.missing_count, rule.reason


def ago(**length: int) -> datetime:
    return NOW.replace(tzinfo=None) - timedelta(**length)


@pytest.mark.parametrize("prop", ["freshness", "latency"])
def test_the_latest_value_decides_to_the_second(prop: str) -> None:
    assert result(prop, 2, "d", [ago(days=9), ago(days=2), None]) == (True, 0, 1, None)
    assert result(prop, 2, "d", [ago(days=9), ago(days=2, seconds=1)]) == (False, 1, 0, "out_of_bounds")
    assert result(prop, 90, "min", [ago(minutes=90)]) == (True, 0, 0, None)


def test_data_without_values_is_not_fresh_and_holds_nothing_too_old() -> None:
    assert result("freshness", 2, "d", [None]) == (False, 1, 1, "out_of_bounds")
    assert result("freshness", 2, "d", []) == (False, 1, 0, "out_of_bounds")
    assert result("retention", 2, "d", []) == (True, 0, 0, None)


def test_retention_counts_each_value_that_is_too_old() -> None:
    limit = datetime(2021, 3, 10, 12, tzinfo=UTC).replace(tzinfo=None)
    seen = [limit, limit - timedelta(minutes=1), limit - timedelta(days=400), None]
    assert result("retention", 3, "y", seen) == (False, 2, 1, "unexpected_values")


def test_dates_and_zones() -> None:
    days = [date(2024, 3, 8)]
    assert result("freshness", 2, "d", days, pa.date32(), logical="date") == (True, 0, 0, None)
    assert result("freshness", 1, "d", days, pa.date32(), logical="date")[0] is False
    zoned = pa.timestamp("us", tz="UTC")
    seen = [NOW - timedelta(hours=1)]
    assert result("freshness", 1, "h", seen, zoned, options={"timezone": True})[0]
    local = [NOW.replace(tzinfo=None, minute=30)]  # 11:30 in UTC
    assert result("freshness", 1, "h", local, options={"defaultTimezone": "Europe/Berlin"})[0]
    assert not result("freshness", 29, "min", local, options={"defaultTimezone": "Europe/Berlin"})[0]


@pytest.mark.parametrize(("value", "unit"), [(2, "fortnights"), ("two", "d"), (1.5, "mo"), (10**9, "y")])
def test_what_is_no_length_of_time_is_not_evaluated(value: Any, unit: str) -> None:
    assert result("freshness", value, unit, [ago(days=1)]) == (False, 0, 0, "not_evaluated")


def test_a_column_that_is_not_there_or_holds_no_times_is_not_evaluated() -> None:
    sla = [{"property": "latency", "value": 2, "unit": "d", "element": "t.n"}]
    made = contract(column("n"), slaProperties=sla)
    verdict = check_tables(compile_plan(made, now=NOW), [pa.table({"n": [1]})])
    assert [rule.reason for rule in verdict.failed] == ["not_evaluated"]


def test_without_a_clock_nothing_is_said_about_time() -> None:
    sla = [{"property": "latency", "value": 2, "unit": "d", "element": "t.n"}]
    made = contract(column("n"), slaProperties=sla)
    assert [rule.id for rule in compile_plan(made).rules] == ["schema.columns", "n.type"]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1, "mo", datetime(2024, 2, 10, 12, tzinfo=UTC)),
        (13, "mo", datetime(2023, 2, 10, 12, tzinfo=UTC)),
        (2, "w", NOW - timedelta(days=14)),
        (0, "s", NOW),
        (-1, "d", None),
        (True, "d", None),
    ],
)
def test_lengths_are_those_of_the_calendar(value: Any, unit: str, expected: datetime | None) -> None:
    assert before(NOW, value, unit) == expected


def test_a_month_before_the_last_of_march_is_the_last_of_february() -> None:
    assert before(datetime(2024, 3, 31, tzinfo=UTC), 1, "mo") == datetime(2024, 2, 29, tzinfo=UTC)
