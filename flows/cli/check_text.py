"""A verdict as a table: failing rules first, with counts and reason codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_contracts.verdict import RuleResult, Verdict

__all__ = ["print_verdict"]

_HEADER = ("", "rule", "rows", "missing", "unexpected", "reason")
_COUNTS = frozenset({"rows", "missing", "unexpected"})
_WIDE = 4096


def print_verdict(verdict: Verdict, reference: str) -> None:
    """Print the table and a closing line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [(rule, _cells(rule)) for rule in sorted(verdict.rules, key=lambda rule: rule.success)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(_HEADER):
        # A narrow terminal folds names of rules, and cuts no count.
        whole = None if name == "rule" else max(len(cells[at]) for cells in (_HEADER, *(c for _, c in rows)))
        table.add_column(
            name,
            justify="right" if name in _COUNTS else "left",
            no_wrap=whole is not None,
            min_width=whole,
            overflow="fold",
        )
    for rule, cells in rows:
        table.add_row(*(Text(cell, style="" if rule.success else "red") for cell in cells))
    # Where the output is no terminal, nothing is cut to a terminal's width.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(table)
    failed = len(verdict.failed)
    says = (
        f"keeps {reference}"
        if verdict.success
        else f"breaks {reference}: {failed} of {len(verdict.rules)} rules"
    )
    console.print(f"\n{verdict.rows:,} rows; the data {says}", soft_wrap=True, markup=False)


def _cells(rule: RuleResult) -> tuple[str, ...]:
    counts = (rule.element_count, rule.missing_count, rule.unexpected_count)
    reason = "" if rule.reason is None else rule.reason.value
    return ("ok" if rule.success else "FAIL", rule.id, *(f"{count:,}" for count in counts), reason)
