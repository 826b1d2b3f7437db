"""Verdicts as validation results of GX: the JSON that its tools read and its Data Docs render.

Invariants:
1. An allow-list: of a finding, success and counts; of an expectation, what its author wrote. No value of the
   data, whatever GX would put there: no lists of unexpected values, no observed value, no exception text.
2. What was not evaluated is a result that raised, as GX tells it, with our reason in the place of its text.
3. Percentages are computed as GX computes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from data_contracts.suites.compiling import Compiled
from data_contracts.suites.document import Suite
from data_contracts.suites.wanted import Wanted
from data_contracts.verdict import Reason, RuleResult, Verdict

__all__ = ["to_validation_result"]

_MAP = ("column_values", "column_pair", "multicolumn", "select_column", "compound")
_SILENT = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_null"}
"""Of these GX tells no missing values: they are what it is about."""


def to_validation_result(
    suite: Suite,
    compiled: Sequence[Compiled],
    verdict: Verdict,
    *,
    asset: str,
    moment: datetime,
) -> dict[str, Any]:
    """Return an `ExpectationSuiteValidationResult` as JSON.

    Args:
        suite: the suite.
        compiled: its expectations, as they were evaluated.
        verdict: what was found, in the suite's order.
        asset: the name of what was checked.
        moment: when, with a time zone.
    """
    found = {rule.id: rule for rule in verdict.rules}
    results = [_result(made, found[made.wanted.id]) for made in compiled]
    succeeded = sum(1 for result in results if result["success"])
    return {
        "success": verdict.success,
        "suite_name": suite.name,
        "results": results,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": succeeded,
            "unsuccessful_expectations": len(results) - succeeded,
            "success_percent": succeeded / len(results) * 100 if results else None,
        },
        "meta": {
            "great_expectations_version": "1.24",
            "active_batch_definition": {"data_asset_name": asset},
            "run_id": {"run_name": asset, "run_time": moment.isoformat()},
            "validation_time": moment.isoformat(),
        },
        "id": None,
    }


def _result(made: Compiled, rule: RuleResult) -> dict[str, Any]:
    raised = rule.reason in {Reason.NOT_EVALUATED, Reason.COLUMN_MISSING, Reason.WRONG_TYPE}
    return {
        "success": rule.success,
        "expectation_config": _configuration(made.wanted),
        "result": {} if raised else _counts(made.wanted.type, rule),
        "meta": {},
        "exception_info": {
            "raised_exception": raised,
            "exception_message": _told(made, rule) if raised else None,
            "exception_traceback": "" if raised else None,
        },
    }


def _configuration(wanted: Wanted) -> dict[str, Any]:
    return {
        "type": wanted.type,
        "kwargs": dict(wanted.kwargs),
        "meta": dict(wanted.meta),
        "id": wanted.given_id,
        "severity": wanted.severity,
    }


def _told(made: Compiled, rule: RuleResult) -> str:
    code = "" if rule.reason is None else rule.reason.value
    # Where GX's own engine judged, what it raised holds values; the name of an argument is all that is known.
    return f"{code}: {made.why}" if made.measure is None and made.why else code


def _counts(kind: str, rule: RuleResult) -> Mapping[str, Any]:
    if (
        not kind.removeprefix("expect_").startswith(_MAP)
        and "value_lengths" not in kind
        and "z_scores" not in kind
    ):
        return {"observed_value": None} | (
            {"unexpected_count": rule.unexpected_count} if "set" in kind else {}
        )
    rows, missing, unexpected = rule.element_count, rule.missing_count, rule.unexpected_count
    present = rows - missing
    told: dict[str, Any] = {
        "element_count": rows,
        "unexpected_count": unexpected,
        "unexpected_percent": unexpected / present * 100 if present else None,
    }
    if kind not in _SILENT:
        told |= {
            "missing_count": missing,
            "missing_percent": missing / rows * 100 if rows else None,
            "unexpected_percent_total": unexpected / rows * 100 if rows else None,
            "unexpected_percent_nonmissing": told["unexpected_percent"],
        }
    return told
