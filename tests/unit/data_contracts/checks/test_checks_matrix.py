"""Every ODCS metric by operator, unit and level, on data on both sides of each bound; each mutation shows."""

from __future__ import annotations

import operator as op
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, document

from data_contracts.checks import check_tables, compile_plan
from data_contracts.loading import contract_from_document

ROWS = 20
COUNTS = [0, 2, 3, 4, 5, 6, 7]  # no one row alone can be a duplicate
UNITS = ["rows", "percent"]
PAIRS = {"mustBeBetween", "mustNotBeBetween"}
MEANING: dict[str, Any] = {
    "mustBe": op.eq,
    "mustNotBe": op.ne,
    "mustBeGreaterThan": op.gt,
    "mustBeGreaterOrEqualTo": op.ge,
    "mustBeLessThan": op.lt,
    "mustBeLessOrEqualTo": op.le,
    "mustBeBetween": lambda value, bound: bound[0] <= value <= bound[1],
    "mustNotBeBetween": lambda value, bound: not bound[0] <= value <= bound[1],
}
COLUMN_METRICS: dict[str, dict[str, Any]] = {
    "nullValues": {},
    "missingValues": {"missingValues": ["", "n/a"]},
    "invalidValues": {"validValues": ["a", "b"]},
    "duplicateValues": {},
}


def rules_of(metric: str, unit: str, level: str) -> list[dict[str, Any]]:
    """The eight operators around 4 rows of 20, and for each of them every mutation."""
    middle = 4 if unit == "rows" else 20
    step = 1 if unit == "rows" else 5
    if metric == "rowCount":
        middle, step = ROWS, 1
    arguments = COLUMN_METRICS.get(metric, {})
    if level == "object" and metric == "duplicateValues":
        arguments = {"properties": ["k", "n"]}
    made = []
    for word in MEANING:
        base: Any = [middle, middle + step] if word in PAIRS else middle
        mutated: list[tuple[str, Any]] = [(word, base)]
        others = PAIRS if word in PAIRS else set(MEANING) - PAIRS
        mutated += [(other, base) for other in sorted(others - {word})]
        if word in PAIRS:
            mutated += [(word, [middle - step, middle + step]), (word, [middle, middle + 2 * step])]
        else:
            mutated += [(word, middle - step), (word, middle + step)]
        for index, (used, bound) in enumerate(mutated):
            rule = {"name": f"{level}.{metric}.{unit}.{word}.{index}", "metric": metric, used: bound}
            made.append(rule | ({"unit": unit} if unit != "rows" else {}))
            if arguments:
                made[-1]["arguments"] = arguments
    return made


FAMILIES = [
    *((metric, unit, "column") for metric in COLUMN_METRICS for unit in UNITS),
    *(("duplicateValues", unit, "object") for unit in UNITS),
    ("rowCount", "rows", "object"),
]


def table_of(metric: str, count: int) -> pa.Table:
    """Twenty rows, of which `count` break the metric; for rowCount, 16 and `count` rows."""
    good = [f"v{index}" for index in range(ROWS)]
    bad: list[str | None]
    if metric == "nullValues":
        bad = [None] * count
    elif metric == "missingValues":
        bad = [[None, "", "n/a"][index % 3] for index in range(count)]
    elif metric == "invalidValues":
        good, bad = ["a", "b"] * (ROWS // 2), ["c"] * count
    elif metric == "duplicateValues":
        bad = ["twice"] * count
    else:
        return pa.table({"k": good[:16] + good[:count], "n": [1] * (16 + count)})
    return pa.table({"k": pa.array([*bad, *good[count:]], pa.string()), "n": [1] * ROWS})


def value_of(metric: str, unit: str, count: int) -> int:
    if metric == "rowCount":
        return 16 + count
    return count if unit == "rows" else 100 * count // ROWS


@pytest.mark.parametrize(("metric", "unit", "level"), FAMILIES)
def test_each_operator_means_what_it_says_and_every_mutation_flips_a_verdict(
    metric: str, unit: str, level: str
) -> None:
    rules = rules_of(metric, unit, level)
    own = rules if level == "column" else None
    made = document(
        column("k", "string", **({"quality": own} if own else {})),
        column("n"),
        quality=rules if level == "object" else None,
    )
    plan = compile_plan(contract_from_document(made))
    outcomes: dict[str, list[bool]] = {rule["name"]: [] for rule in rules}
    for count in COUNTS:
        verdict = check_tables(plan, [table_of(metric, count).slice(0, 7), table_of(metric, count).slice(7)])
        found = {rule.id: rule for rule in verdict.rules}
        for rule in rules:
            [(word, bound)] = [(key, value) for key, value in rule.items() if key in MEANING]
            expected = bool(MEANING[word](value_of(metric, unit, count), bound))
            assert found[rule["name"]].success is expected, (rule, count)
            if metric != "rowCount":
                assert found[rule["name"]].unexpected_count == count
            outcomes[rule["name"]].append(expected)
    for word in MEANING:
        family = [flags for name, flags in outcomes.items() if name.split(".")[3] == word]
        assert True in family[0], f"no data keeps {word}"
        assert False in family[0], f"no data breaks {word}"
        assert all(flags != family[0] for flags in family[1:]), f"a mutation of {word} shows nowhere"


def test_percentages_are_compared_as_their_digits_say() -> None:
    """A third is no multiple of a hundredth; 7 of 1,000 are exactly 0.7 percent, in no binary fraction."""
    quality = [{"name": "r", "metric": "nullValues", "mustBeLessOrEqualTo": 0.7, "unit": "percent"}]
    plan = compile_plan(contract_from_document(document(column("n", quality=quality))))
    for nulls, holds in ((7, True), (8, False)):
        table = pa.table({"n": pa.array([None] * nulls + [1] * (1000 - nulls), pa.int64())})
        assert next(r for r in check_tables(plan, [table]).rules if r.id == "r").success is holds


def test_nothing_is_percent_of_no_rows() -> None:
    quality = [{"name": "r", "metric": "nullValues", "mustBe": 0, "unit": "percent"}]
    plan = compile_plan(contract_from_document(document(column("n", quality=quality))))
    assert check_tables(plan, [pa.table({"n": pa.array([], pa.int64())})]).success
