"""Check a CSV file where it lies: nothing of it is written anywhere else.

The file is read once for each pass that the rules need (one, unless keys repeat or an expectation needs the
whole asset). A cell that cannot be read as its type breaks `COLUMN.type`, with reason `unreadable_values`;
for every other rule of its column it is neither a value nor a missing one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.running import check_source
from data_contracts.model import Contract
from data_contracts.parsing import parse_table
from data_contracts.textfile import read_csv
from data_contracts.verdict import Reason, RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_csv", "with_unreadable"]


def check_csv(
    plan: CheckPlan, contract: Contract, path: Path, *, on_progress: Callable[[int], None] | None = None
) -> Verdict:
    """Check a CSV file against its contract.

    Raises:
        DataBreaksContractError: the file is no strict CSV, or its columns are not the contract's.
        OSError: it cannot be read.
    """
    unreadable: list[Counter[str]] = []

    def read(columns: list[str] | None) -> Iterator[pa.Table]:
        counts: Counter[str] = Counter()
        unreadable.append(counts)
        for text in read_csv(path):
            parsed = parse_table(contract, text)
            for cells in parsed.unreadable:
                counts[cells.column] += cells.count
            yield parsed.table if columns is None else parsed.table.select(columns)

    return with_unreadable(check_source(plan, read, on_progress), unreadable[0])


def with_unreadable(verdict: Verdict, counts: Mapping[str, int]) -> Verdict:
    """Return a verdict on text with the cells that could not be read, by column; they were read as null."""
    rules = tuple(_judged(rule, counts.get(rule.column or "", 0)) for rule in verdict.rules)
    return replace(verdict, rules=rules)


def _judged(rule: RuleResult, count: int) -> RuleResult:
    """Put what could not be read into the result; it was read as null."""
    if not count or rule.rule == "custom":
        return rule
    present = replace(rule, missing_count=max(0, rule.missing_count - count))
    if rule.rule == "type":
        broken = rule.unexpected_count + count
        return replace(present, success=False, unexpected_count=broken, reason=Reason.UNREADABLE_VALUES)
    if rule.rule == "required":
        missing = rule.unexpected_count - count
        return replace(
            present, success=not missing, unexpected_count=missing, reason=rule.reason if missing else None
        )
    return present
