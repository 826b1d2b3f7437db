"""`drop`: the column does not cross. Nothing of it may be in the output, its name included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.arrow import Values
from data_contracts.labels import Classification, Labels
from data_contracts.model import Column
from data_contracts.obligations.base import ColumnAlone, Context, Evidence, Keeps

__all__ = ["Drop"]


class Drop(ColumnAlone):
    """No column."""

    name = "drop"
    keeps = Keeps.NOTHING

    def complaints(self, parameters: Mapping[str, Any], column: Column) -> list[tuple[str, str]]:  # noqa: ARG002
        """`drop` has no parameters."""
        return [("`drop` takes no parameters", "drop")] if parameters else []

    def labels(self, labels: Labels) -> Labels:  # noqa: ARG002 - the protocol's
        """Return what adds nothing: there is no column."""
        return Labels(Classification.PUBLIC)

    def arrival(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        declared: Mapping[str, Any],  # noqa: ARG002
    ) -> None:
        """No property."""
        return

    def transform(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        values: Values,  # noqa: ARG002
        context: Context,  # noqa: ARG002
    ) -> None:
        """No column."""
        return

    def prove(
        self,
        parameters: Mapping[str, Any],  # noqa: ARG002 - the protocol's
        column: Column,  # noqa: ARG002
        source: Values,
        output: Values | None,
        context: Context,  # noqa: ARG002
        key: bytes,  # noqa: ARG002
    ) -> Evidence:
        """Every row of a column that is still there is outside."""
        return Evidence(outside=0 if output is None else max(len(source), 1))
