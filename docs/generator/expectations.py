"""Expectations of Great Expectations: each with how it is evaluated, from the table in the code."""

from __future__ import annotations

from pathlib import Path

from data_contracts.suites import TABLE, Mode, Row
from generator.page import Page, reference, table

__all__ = ["page"]

_TITLES = {
    Mode.STREAMING: "One pass",
    Mode.SECOND_PASS: "Several passes",
    Mode.REFUSED: "Refused",
}


def page(root: Path) -> Page:
    """Return docs/reference/expectations.md."""
    parts = []
    for mode, title in _TITLES.items():
        rows = sorted((row for row in TABLE.values() if row.mode is mode), key=lambda row: row.type)
        last = "why" if mode is Mode.REFUSED else "streams on"
        parts.append(f"## {title}\n\n" + table(["expectation", last], map(_cells, rows)))
    return reference(
        root,
        "expectations",
        "Expectations",
        f"All {len(TABLE)} "
        "core expectations of Great Expectations 1.24. What streams is evaluated in parts that "
        "merge, with GX's own meaning and without GX. On other columns and with other arguments (a "
        "value set of mixed types, `row_condition` where it says so), the same expectation is "
        "judged by GX's own engine, on the whole asset and never on a sample, up to 1 GiB of it; "
        "beyond that it is `not_evaluated`, and has failed. Meanings, limits and the differences "
        "that we keep: [check with a suite](../guides/expectations.md).",
        *parts,
    )


def _cells(row: Row) -> tuple[str, str]:
    return f"`{row.type}`", row.streams
