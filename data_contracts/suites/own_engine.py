"""GX's own engine, on the whole asset: for what does not stream with one meaning.

Invariants:
1. GX is imported only where such a rule runs, and with its telemetry off.
2. It sees the whole asset, never a sample. An asset over `MAX_BYTES`, an expectation that GX cannot
   evaluate, and one that raises: the rule has failed, as `not_evaluated`.
3. Of what GX returns, `success` and three counts are taken. Its other fields, and the text of its
   exceptions, hold values of the data (under its BOOLEAN_ONLY format as well) and go nowhere.
4. A row condition reaches it only as this package writes it (`condition_tree.query`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data_contracts.measure import Asset, Finding
from data_contracts.suites.wanted import Wanted
from data_contracts.verdict import Reason

__all__ = ["MAX_BYTES", "OwnEngine", "quiet"]

MAX_BYTES = 1024**3
_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_LEFT_OUT = {
    "result_format",
    "row_condition",
    "condition_parser",
    "meta",
    "notes",
    "batch_id",
    "catch_exceptions",
}
_PARAMETER = "$PARAMETER"


@dataclass(frozen=True)
class OwnEngine:
    """One expectation for GX.

    Attributes:
        type: its name.
        kwargs: its arguments as JSON text, without a row condition.
        query: the row condition, as this package writes it; None where there is none.
        columns: the columns that it reads; None is all.
    """

    type: str
    kwargs: str
    query: str | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, wanted: Wanted, query: str | None, known: Collection[str]) -> OwnEngine:
        """Return the measure of an expectation; `known` are the table's columns."""
        kwargs = {key: item for key, item in wanted.kwargs.items() if key not in _LEFT_OUT}
        return cls(wanted.type, json.dumps(kwargs), query, _columns(kwargs, query, known))

    def evaluate(self, asset: Asset) -> Finding:
        """Run it over the whole asset; what cannot be evaluated has failed."""
        found = _frame(asset, self.columns)
        if found is None:
            return _refused(asset.rows)
        with quiet():
            return self._run(found, asset.rows)

    def _run(self, validator: Any, rows: int) -> Finding:  # noqa: ANN401 - GX's validator
        from great_expectations.expectations.registry import get_expectation_impl

        kwargs = json.loads(self.kwargs)
        if self.query is not None:
            kwargs |= {"row_condition": self.query, "condition_parser": "pandas"}
        try:
            wanted = get_expectation_impl(self.type)(**kwargs)
            result = wanted.validate_(validator(), runtime_configuration={"result_format": _FORMAT})
            success, details = result.success, dict(result.result or {})
            raised = _raised(result.exception_info)
        except Exception:  # noqa: BLE001 - GX raises what it likes, with values of the data in its text
            return _refused(rows)
        # numpy's booleans are no bool of Python.
        if raised or str(type(success).__name__).rstrip("_") != "bool":
            return _refused(rows)
        return _finding(bool(success), details, rows)


def _finding(success: bool, details: Mapping[str, Any], rows: int) -> Finding:
    counted = "unexpected_count" in details or "missing_count" in details
    unexpected = _count(details, "unexpected_count") if counted else int(not success)
    reason = None if success else Reason.UNEXPECTED_VALUES if counted else Reason.OUT_OF_BOUNDS
    elements = _count(details, "element_count") if "element_count" in details else rows
    return Finding(success, elements, _count(details, "missing_count"), unexpected, reason)


def _refused(rows: int) -> Finding:
    return Finding(False, rows, 0, 0, Reason.NOT_EVALUATED)


def _columns(kwargs: Mapping[str, Any], query: str | None, known: Collection[str]) -> tuple[str, ...] | None:
    """Return the columns that the arguments name, or None where it may be about more."""
    found: list[str] = []
    for key, item in kwargs.items():
        if key in {"column", "column_A", "column_B"} and isinstance(item, str):
            found.append(item)
        elif key == "column_list" and isinstance(item, list) and all(isinstance(name, str) for name in item):
            found.extend(item)
    about_table = not set(found) <= set(known) or "column_set" in kwargs or "column_index" in kwargs
    about_table = about_table or not found
    return None if about_table or query is not None else tuple(dict.fromkeys(found))


def _frame(asset: Asset, columns: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - makes GX's validator
    """Return what makes GX's validator of the asset, shared by all rules; None where it is too large."""
    key = ("great expectations", columns)
    if key not in asset.shared:
        asset.shared[key] = _validator(asset, columns)
    return asset.shared[key]


def _validator(asset: Asset, columns: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - a function or None
    import pyarrow as pa

    parts, size = [], 0
    for part in asset.read(None if columns is None else list(columns)):
        size += part.nbytes
        if size > MAX_BYTES:
            return None
        # What somebody wrote about pandas into the file must not hide a column as an index.
        parts.append(part.replace_schema_metadata(None))
    if not parts:
        return None
    try:
        table = pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowInvalid:
        return None
    made: list[Any] = []

    def validator() -> Any:  # noqa: ANN401 - GX's
        if not made:
            from great_expectations.execution_engine import PandasExecutionEngine
            from great_expectations.validator.validator import Validator

            engine = PandasExecutionEngine(batch_data_dict={"asset": table.to_pandas()})
            made.append(Validator(execution_engine=engine))
            made[0].metrics_calculator.show_progress_bars = False
        return made[0]

    return validator


@contextmanager
def quiet() -> Iterator[None]:
    """GX phones home unless told not to before its import; its logs, warnings and prints may hold values."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import contextlib
    import io
    import logging
    import warnings

    logger, silent = logging.getLogger("great_expectations"), logging.NullHandler()
    before, logger.propagate = logger.propagate, False  # What its own loggers say ends here.
    logger.addHandler(silent)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(silent)
        logger.propagate = before


def _raised(info: object) -> bool:
    """Whether GX says that something was raised; for some expectations it says so for each metric."""
    if not isinstance(info, Mapping):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(item) for item in info.values())


def _count(details: Mapping[str, Any], key: str) -> int:
    found = details.get(key)
    return int(found) if isinstance(found, int | float) and found == found else 0  # noqa: PLR0124 - NaN
