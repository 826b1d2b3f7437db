"""Great Expectations is the oracle: random tables, expectations and partitionings, the same answers.

A longer run by hand: `ISTHMUS_ORACLE_CASES=20000 ISTHMUS_ORACLE_SEED=7 pytest …/test_suite_oracle.py`.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
import suite_cases
from suite_runner import cut, find

from data_contracts.suites import TABLE, Mode, Wanted, compile_expectation
from data_contracts.suites.own_engine import OwnEngine, quiet

CASES = int(os.environ.get("ISTHMUS_ORACLE_CASES", "450"))
SEED = int(os.environ.get("ISTHMUS_ORACLE_SEED", "1"))
GENERAL = {
    "id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "severity",
    "windows", "batch_id", "library_metadata",
}  # fmt: skip
EVALUATED = [name for name, row in TABLE.items() if row.build is not None]


def oracle(data: pa.Table, kind: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what GX says, on the whole table at once."""
    with quiet():
        from great_expectations.execution_engine import PandasExecutionEngine
        from great_expectations.expectations.registry import get_expectation_impl
        from great_expectations.validator.validator import Validator

        engine = PandasExecutionEngine(batch_data_dict={"asset": data.to_pandas()})
        validator = Validator(execution_engine=engine)
        validator.metrics_calculator.show_progress_bars = False
        form = {"result_format": {"result_format": "BASIC", "partial_unexpected_count": 0}}
        try:
            result = get_expectation_impl(kind)(**kwargs).validate_(validator, runtime_configuration=form)
        except Exception as error:  # noqa: BLE001 - an argument that GX refuses
            return {"success": False, "raised": type(error).__name__}
    if raised(result.exception_info):
        return {"success": False, "raised": "in a metric"}
    return {"success": bool(result.success), **(result.result or {})}


def raised(info: Any) -> bool:
    if not isinstance(info, Mapping):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(map(raised, info.values()))


def judged(measure: OwnEngine, data: pa.Table) -> Any:
    """Return what GX's own engine finds: the child's part, in this process."""
    with quiet():
        from data_contracts.suites.gx_judge import Judge

        judge = Judge()
        names = data.column_names if measure.columns is None else list(measure.columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, data.select(names).schema) as writer:
            writer.write_table(data.select(names))
        judge({}, io.BytesIO(sink.getvalue().to_pybytes()))
        return OwnEngine.finding(judge(measure.request, None), data.num_rows)


def differences(data: pa.Table, kind: str, kwargs: dict[str, Any], order: random.Random) -> list[str]:
    """Return what is not the same; empty where everything is, or where the difference is a decision."""
    made = compile_expectation(Wanted("rule", kind, kwargs), data.schema)
    if suite_cases.kept(made, data):
        return []
    his = oracle(data, kind, kwargs)
    if made.measure is None:
        return ["refused"] if his["success"] else []
    ours = (
        judged(made.measure, data)
        if made.mode is Mode.OWN_ENGINE
        else find(made.measure, cut(data, order), order)
    )
    if ours.success != his["success"]:
        return ["success"]
    if "raised" in his:
        return []
    told = {"unexpected_count": ours.unexpected_count, "element_count": ours.element_count}
    told |= {"missing_count": ours.missing_count}
    return [name for name, count in told.items() if name in his and int(his[name]) != count]


@pytest.mark.parametrize("kind", sorted(EVALUATED))
def test_each_row_of_the_table_says_what_gx_says(kind: str) -> None:
    """Fourteen cases, of which some do not go to GX's own engine, for every expectation that is evaluated."""
    own = 0
    for case in range(14):
        seed = f"{kind} {case}"
        data, _, kwargs = suite_cases.case(seed, [kind])
        own += compile_expectation(Wanted("rule", kind, kwargs), data.schema).mode is Mode.OWN_ENGINE
        assert differences(data, kind, kwargs, random.Random(seed)) == [], (seed, kwargs)  # noqa: S311
    assert own <= 12


def test_random_expectations_of_random_tables() -> None:
    found = {}
    for case in range(CASES):
        seed = f"{SEED} {case}"
        data, kind, kwargs = suite_cases.case(seed, EVALUATED)
        told = differences(data, kind, kwargs, random.Random(seed))  # noqa: S311
        if told:
            found[seed] = (kind, kwargs, told)
    assert found == {}


def test_the_table_has_a_row_for_every_expectation_of_gx_and_no_other() -> None:
    with quiet():
        import great_expectations.expectations.core  # noqa: F401 - registers them
        from great_expectations.expectations import registry

        known = set(registry.list_registered_expectation_implementations())
        arguments = {name: set(registry.get_expectation_impl(name).__fields__) - GENERAL for name in known}
    assert set(TABLE) == known
    assert len(TABLE) == 59
    assert {name: set(row.arguments) for name, row in TABLE.items() if row.build} == {
        name: arguments[name] for name in EVALUATED
    }


@pytest.mark.parametrize("kind", sorted(set(TABLE) - set(EVALUATED)))
def test_what_is_refused_gx_itself_does_not_evaluate_on_a_table(kind: str) -> None:
    given: dict[str, Any] = {
        "like_pattern": "a%", "like_pattern_list": ["a%"], "column": "s", "other_table_name": "t",
        "base_query": "SELECT 1", "comparison_data_source_name": "d", "comparison_query": "SELECT 1",
        "unexpected_rows_query": "SELECT * FROM {batch}",
    }  # fmt: skip
    data = pa.table({"s": ["a"]})
    with quiet():
        from great_expectations.expectations.registry import get_expectation_impl

        fields = get_expectation_impl(kind).__fields__
    kwargs = {name: item for name, item in given.items() if name in fields}
    assert "raised" in oracle(data, kind, kwargs)
    made = compile_expectation(Wanted("rule", kind, kwargs), data.schema)
    assert (made.mode, made.measure) == (Mode.REFUSED, None)
    assert made.why
