"""GX's own engine in a child process: gets an asset's rows once, and judges one expectation after the other.

Imported by the child alone (and by tests): it imports GX, which takes seconds. Its telemetry is off, and the
child has no network besides.

Invariants:
1. An answer is `success` and three counts, or null where GX did not evaluate it. GX's other fields, and the
   text of its exceptions, hold values of the data (under its BOOLEAN_ONLY format as well); they end here.
2. A row condition comes as this package wrote it (`condition_tree.query`), never as a suite said it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations.expectations.core  # noqa: F401 - registers the expectations
import pandas  # noqa: F401, ICN001 - before the child's memory is limited
import pyarrow as pa
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.validator.validator import Validator

__all__ = ["Judge"]

_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


class Judge:
    """Answers requests: rows first, then expectations."""

    def __init__(self) -> None:
        """Wait for the rows."""
        self._validator: Any = None

    def __call__(self, request: dict[str, Any], stream: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a file
        """Take the rows, or judge one expectation."""
        if stream is not None:
            return self._load(pa.ipc.open_stream(pa.PythonFile(stream, mode="r")).read_all())
        return self._judge(request)

    def _load(self, table: pa.Table) -> dict[str, Any]:
        # What somebody wrote about pandas into the file must not hide a column as an index.
        frame = table.replace_schema_metadata(None).to_pandas(use_threads=False)
        self._validator = Validator(execution_engine=PandasExecutionEngine(batch_data_dict={"asset": frame}))
        self._validator.metrics_calculator.show_progress_bars = False
        return {}

    def _judge(self, request: dict[str, Any]) -> dict[str, Any] | None:
        kwargs = dict(request["kwargs"])
        if request["query"] is not None:
            kwargs |= {"row_condition": request["query"], "condition_parser": "pandas"}
        try:
            wanted = get_expectation_impl(request["type"])(**kwargs)
            result = wanted.validate_(self._validator, runtime_configuration={"result_format": _FORMAT})
            success, details = result.success, dict(result.result or {})
            raised = _raised(result.exception_info)
        except Exception:  # noqa: BLE001 - GX raises what it likes, with values of the data in its text
            return None
        # numpy's booleans are no bool of Python.
        if raised or type(success).__name__.rstrip("_") != "bool":
            return None
        names = ("element_count", "missing_count", "unexpected_count")
        return {
            "success": bool(success),
            **{name: _count(details[name]) for name in names if name in details},
        }


def _raised(info: object) -> bool:
    """Whether GX says that something was raised; for some expectations it says so for each metric."""
    if not isinstance(info, Mapping):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(item) for item in info.values())


def _count(found: Any) -> int:  # noqa: ANN401 - GX's counts are of many types
    return int(found) if found is not None and found == found else 0  # noqa: PLR0124 - NaN
