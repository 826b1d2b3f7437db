"""`keep`: the column crosses as it is, with all its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values, compute
from data_contracts.labels import Labels
from data_contracts.model import Column
from data_contracts.obligations.base import ColumnAlone, Context, Evidence, Keeps, rewritten
from data_contracts.obligations.canonical import python_values

__all__ = ["Keep"]

_HOLDS = (
    "logicalType",
    "logicalTypeOptions",
    "physicalType",
    "unique",
    "primaryKey",
    "primaryKeyPosition",
    "properties",
    "items",
    "quality",
)


class Keep(ColumnAlone):
    """Every value, unchanged."""

    name = "keep"
    keeps = Keeps.VALUES

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:  # noqa: ARG002
        """`keep` has no parameters."""
        return [("`keep` takes no parameters", "keep")] if parameters else []

    def labels(self, labels: Labels) -> Labels:
        """Return the source's labels: nothing was lowered."""
        return labels

    def arrival(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,
        declared: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Every rule of the column still holds."""
        holds = {key: declared[key] for key in _HOLDS if key in declared}
        custom = declared.get("customProperties", [])
        missing = [item for item in custom if item["property"] == "isthmusMissing"]
        if missing:
            holds["customProperties"] = missing
        return rewritten(column, declared, column.labels, holds)

    def transform(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        values: Values,
        context: Context,  # noqa: ARG002
    ) -> Values:
        """Return the values."""
        return values

    def prove(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Count rows that are not what they were."""
        import pyarrow as pa

        if output is None or len(output) != len(source) or output.type != source.type:
            return Evidence(outside=max(len(source), 1))
        if output.equals(source):
            return Evidence(outside=0)
        if pa.types.is_nested(source.type):
            pairs = zip(python_values(source), python_values(output), strict=True)
            return Evidence(outside=sum(not _alike(one, other) for one, other in pairs))
        pc = compute()
        # Null equals null here; a NaN is equal to itself as a value that was kept.
        same = pc.fill_null(pc.equal(source, output), fill_value=False)
        same = pc.or_(same, pc.and_(pc.is_null(source), pc.is_null(output)))
        if str(source.type) in {"double", "float"}:
            both = pc.and_(pc.is_nan(source), pc.is_nan(output))
            same = pc.or_(same, pc.fill_null(both, fill_value=False))
        return Evidence(outside=len(source) - int(pc.sum(same).as_py() or 0))


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401 - an object, an array, or a part of one
    """Whether two values are the same; Arrow compares no nested ones, and a NaN is the same as itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN
