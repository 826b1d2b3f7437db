"""GX's own engine, on the whole asset, in a child process: for what does not stream with one meaning.

Invariants:
1. It sees the whole asset, never a sample. An asset over `MAX_BYTES`, an expectation that GX cannot evaluate,
   one that raises, and one that takes more than `LIMITS` (a pattern that searches for ever): the rule has
   failed, as `not_evaluated`.
2. GX is never imported here. The child has no network and no files; what it answers is `success` and counts.
3. One child serves all rules of a check, with the columns of one rule at a time; after a limit the next
   rule gets a new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Asset, Finding
from data_contracts.sandbox import GIB, Child, Limits, SandboxError
from data_contracts.suites.wanted import Wanted
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LIMITS", "MAX_BYTES", "WORK", "OwnEngine", "quiet"]

MAX_BYTES = GIB
LIMITS = Limits(memory_bytes=12 * GIB, cpu_seconds=600, wall_seconds=300)
WORK = "data_contracts.suites.gx_judge:Judge"
_KEY = "great expectations"
_LEFT_OUT = {
    "result_format",
    "row_condition",
    "condition_parser",
    "meta",
    "notes",
    "batch_id",
    "catch_exceptions",
}


class _TooLarge(Exception):  # noqa: N818 - it ends a reading, and is caught here
    """The asset has more bytes than GX gets."""


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

    @property
    def request(self) -> dict[str, Any]:
        """What the child is asked."""
        return {"type": self.type, "kwargs": json.loads(self.kwargs), "query": self.query}

    def evaluate(self, asset: Asset) -> Finding:
        """Run it over the whole asset; what cannot be evaluated has failed."""
        import pyarrow as pa

        told = None
        try:
            child = _loaded(asset, self.columns)
            told = None if child is None else child.call(self.request)
        except (SandboxError, pa.ArrowInvalid):
            asset.shared.pop(_KEY, None)
        return self.finding(told, asset.rows)

    @staticmethod
    def finding(told: Mapping[str, Any] | None, rows: int) -> Finding:
        """Return the finding of an answer."""
        if told is None:
            return Finding(False, rows, 0, 0, Reason.NOT_EVALUATED)
        success = bool(told["success"])
        counted = "unexpected_count" in told or "missing_count" in told
        unexpected = int(told.get("unexpected_count", 0)) if counted else int(not success)
        reason = Reason.UNEXPECTED_VALUES if counted else Reason.OUT_OF_BOUNDS
        elements, missing = int(told.get("element_count", rows)), int(told.get("missing_count", 0))
        return Finding(success, elements, missing, unexpected, None if success else reason)


def _columns(kwargs: Mapping[str, Any], query: str | None, known: Collection[str]) -> tuple[str, ...] | None:
    """Return the columns that the arguments name, or None where it may be about more."""
    found: list[str] = []
    for key, item in kwargs.items():
        if key in {"column", "column_A", "column_B"} and isinstance(item, str):
            found.append(item)
        elif key == "column_list" and isinstance(item, list) and all(isinstance(name, str) for name in item):
            found.extend(item)
    about_table = not set(found) <= set(known) or "column_set" in kwargs or "column_index" in kwargs
    return None if about_table or not found or query is not None else tuple(dict.fromkeys(found))


def _loaded(asset: Asset, columns: tuple[str, ...] | None) -> Child | None:
    """Return a child that has these columns of the asset; None where they are too many bytes."""
    child: Child | None
    child, held = asset.shared.get(_KEY, (None, ()))
    if child is not None and held == columns:
        return child
    child = child or Child(WORK, LIMITS)
    try:
        child.call({}, _bounded(asset, columns))
    except BaseException as error:
        # What it was sent of this is not whole: nobody asks this child again.
        child.close()
        asset.shared.pop(_KEY, None)
        if isinstance(error, _TooLarge):
            return None
        raise
    asset.shared[_KEY] = (child, columns)
    return child


def _bounded(asset: Asset, columns: tuple[str, ...] | None) -> Iterator[pa.Table]:
    size = 0
    for part in asset.read(None if columns is None else list(columns)):
        size += part.nbytes
        if size > MAX_BYTES:
            raise _TooLarge
        yield part.replace_schema_metadata(None)


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
