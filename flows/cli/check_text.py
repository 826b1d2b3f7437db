"""A verdict as a table: failing rules first, with counts and reason codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_contracts.verdict import RuleResult, Verdict

__all__ = ["print_verdict"]


def print_verdict(verdict: Verdict, reference: str) -> None:
    """Print the table and a closing line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "rule", "rows", "missing", "unexpected", "reason"):
        table.add_column(
            name, justify="right" if name in {"rows", "missing", "unexpected"} else "left", no_wrap=True
        )
    for rule in sorted(verdict.rules, key=lambda rule: rule.success):
        table.add_row(*(Text(cell, style="" if rule.success else "red") for cell in _cells(rule)))
    console = Console(highlight=False)
    # Where the output is no terminal, nothing is cut to a terminal's width.
    console.print(table, width=None if console.is_terminal else 4096, crop=console.is_terminal)
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
