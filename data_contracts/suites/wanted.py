"""One expectation as somebody wrote it, and the ways in which one can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Mode", "Unfamiliar", "Wanted"]


class Mode(StrEnum):
    """How an expectation is evaluated."""

    STREAMING = "streaming"
    SECOND_PASS = "second pass"  # noqa: S105 - a pass over data
    OWN_ENGINE = "own engine"
    REFUSED = "refused"


class Unfamiliar(Exception):  # noqa: N818 - it is no error: it hands the rule to GX's own engine
    """The arguments or the column's type are none that stream with one meaning: GX's own engine judges."""


@dataclass(frozen=True)
class Wanted:
    """One expectation.

    Attributes:
        id: stable in the suite; what verdicts name.
        type: GX's name of it, such as `expect_column_values_to_be_between`.
        kwargs: its arguments, as written.
        severity: `critical`, `warning` or `info`; shown, never a way to pass.
        meta: notes of its author; carried into results.
        given_id: the id that GX gave it, if it has one.
    """

    id: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str = "critical"
    meta: Mapping[str, Any] = field(default_factory=dict)
    given_id: str | None = None

    @property
    def column(self) -> str | None:
        """The one column that it is about, if it is about one."""
        name = self.kwargs.get("column")
        return name if isinstance(name, str) else None
