"""Great Expectations rules: read from a contract here, run by GX's own engine on the whole asset.

Invariants:
1. GX is imported only where such a rule is run, and with its telemetry off.
2. It sees the whole asset, never a sample. An asset over `MAX_BYTES`, an expectation that GX does not
   know, and one that raises: the rule has failed, as `not_evaluated`.
3. Of what GX returns, `success` and three counts are taken. Its other fields, and the text of its
   exceptions, hold values of the data (under its BOOLEAN_ONLY format as well) and go nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from data_contracts.errors import DeclarationError
from data_contracts.model import QualityRule
from data_contracts.verdict import Reason, RuleResult
from data_contracts.yamlsource import parse_yaml

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MAX_BYTES", "columns_of", "expectation", "run_expectations"]

MAX_BYTES = 1024**3
_TYPE = re.compile(r"expect_[a-z_]+")
_KEYS = {"type", "kwargs", "meta"}
_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


class Wanted(Protocol):
    """A rule that holds one expectation."""

    @property
    def id(self) -> str:
        """The rule's id."""

    @property
    def column(self) -> str | None:
        """The column that it stands under."""

    @property
    def word(self) -> str:
        """Its kind, as verdicts show it."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """`{type, kwargs}`."""


def expectation(rule: QualityRule) -> dict[str, Any] | None:
    """Return `{type, kwargs}` of a custom rule, or None where it is no single expectation of GX.

    The implementation is a mapping, or text that holds one as YAML or JSON.
    """
    said = rule.implementation
    if isinstance(said, str):
        try:
            said = parse_yaml(said.encode(), file=rule.id).data
        except DeclarationError:
            return None
    if not isinstance(said, Mapping) or not set(said) <= _KEYS:
        return None
    kind, kwargs = said.get("type"), said.get("kwargs", {})
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind) or not isinstance(kwargs, Mapping):
        return None
    named = {key: value for key, value in kwargs.items() if key != "result_format"}
    if rule.column is not None and not any(key.startswith("column") for key in named):
        named["column"] = rule.column
    return {"type": kind, "kwargs": named}


def columns_of(rules: Sequence[Wanted]) -> set[str] | None:
    """Return the columns that the expectations name, or None where one is about the whole table."""
    found: set[str] = set()
    for rule in rules:
        kwargs = rule.arguments["kwargs"]
        named = [value for key, value in kwargs.items() if key.startswith("column")]
        for value in named:
            found.update([value] if isinstance(value, str) else value if isinstance(value, list) else ())
        if not named or "row_condition" in kwargs:
            return None
    return found


def run_expectations(rules: Sequence[Wanted], table: pa.Table) -> tuple[RuleResult, ...]:
    """Run the rules over the whole asset; one that cannot be evaluated has failed."""
    rows = table.num_rows
    if table.nbytes > MAX_BYTES:
        return tuple(_refused(rule, rows) for rule in rules)
    frame = table.to_pandas()
    with _quiet():
        return tuple(_run(rule, frame, rows) for rule in rules)


def _refused(rule: Wanted, rows: int) -> RuleResult:
    return RuleResult(rule.id, rule.column, rule.word, False, rows, 0, 0, Reason.NOT_EVALUATED)


@contextmanager
def _quiet() -> Iterator[None]:
    """GX phones home unless told not to before its import; its logs and warnings may hold values."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import logging
    import warnings

    logger = logging.getLogger("great_expectations")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _run(rule: Wanted, frame: Any, rows: int) -> RuleResult:  # noqa: ANN401 - a pandas frame
    try:
        result = _evaluate(rule, frame)
        success = result.success
        details = dict(result.result or {})
        raised = _raised(result.exception_info)
    except Exception:  # noqa: BLE001 - GX raises what it likes, with values of the data in its text
        return _refused(rule, rows)
    if raised or not isinstance(success, bool | int):
        return _refused(rule, rows)
    missing, unexpected = _count(details, "missing_count"), _count(details, "unexpected_count")
    elements = _count(details, "element_count") or rows
    return RuleResult(
        rule.id,
        rule.column,
        rule.word,
        bool(success),
        elements,
        missing,
        unexpected,
        None if success else Reason.UNEXPECTED_VALUES,
    )


def _evaluate(rule: Wanted, frame: Any) -> Any:  # noqa: ANN401 - GX's types
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.registry import get_expectation_impl
    from great_expectations.validator.validator import Validator

    wanted = get_expectation_impl(rule.arguments["type"])(**rule.arguments["kwargs"])
    validator = Validator(execution_engine=PandasExecutionEngine(batch_data_dict={"asset": frame}))
    validator.metrics_calculator.show_progress_bars = False
    return wanted.validate_(validator, runtime_configuration={"result_format": _FORMAT})


def _raised(info: object) -> bool:
    """Whether GX says that something was raised; for some expectations it says so for each metric."""
    if not isinstance(info, Mapping):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(value) for value in info.values())


def _count(details: Mapping[str, Any], key: str) -> int:
    value = details.get(key)
    return int(value) if isinstance(value, int | float) and value == value else 0  # noqa: PLR0124 - NaN
