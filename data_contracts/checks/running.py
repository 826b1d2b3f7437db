"""Run a plan in this process over tables or Parquet files, in as many passes as its rules need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.checks.files import Files
from data_contracts.checks.hashes import Hashes, spill
from data_contracts.checks.partial import Partial, merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.whole import whole_findings
from data_contracts.checks.workspace import Workspace
from data_contracts.errors import DataBreaksContractError
from data_contracts.measure import Finding, Reading
from data_contracts.verdict import RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Examination",
    "check_files",
    "check_source",
    "check_tables",
    "check_whole",
    "examine",
]


@dataclass(frozen=True)
class Examination:
    """A verdict, and what stays inside the environment.

    Attributes:
        verdict: counts, ids and reason codes.
        findings: by rule id, with what was observed, for the data's owner.
    """

    verdict: Verdict
    findings: Mapping[str, Finding]


def check_files(
    plan: CheckPlan,
    paths: Sequence[Path],
    *,
    on_progress: Callable[[int], None] | None = None,
    spill_to: Path | None = None,
) -> Verdict:
    """Check Parquet files row group by row group, in bounded memory.

    Args:
        plan: the compiled contract.
        paths: the asset's files.
        on_progress: called with the number of rows of each row group that was checked.
        spill_to: where to work when memory is not enough: an environment's own `tmp`.

    Raises:
        DataBreaksContractError: a file is no Parquet file.
    """
    return examine(plan, Files(tuple(paths)), on_progress, spill_to=spill_to).verdict


def check_tables(plan: CheckPlan, tables: Sequence[pa.Table]) -> Verdict:
    """Check tables that are in memory, as the parts of one asset."""

    def read(columns: list[str] | None) -> Iterator[pa.Table]:
        for table in tables:
            names = table.column_names
            yield table if columns is None else table.select([c for c in columns if c in names])

    return check_source(plan, read, None)


def check_whole(
    plan: CheckPlan,
    paths: Sequence[Path],
    partial: Partial | None = None,
    *,
    spill_to: Path | None = None,
) -> tuple[RuleResult, ...]:
    """Return what needs the whole asset: later passes, keys whose hashes repeat, foreign keys, GX's rules.

    Use it after partials were made elsewhere (over Dask), and put the results into the verdict with
    `Verdict.with_results`.

    Args:
        plan: the plan that made the partials.
        paths: the asset's files.
        partial: the merged partials; without it only rules on the whole asset are looked at.
        spill_to: where to work when memory is not enough.
    """
    known = Partial(plan.fingerprint) if partial is None else partial
    with Workspace(spill_to) as work:
        findings = whole_findings(plan, Files(tuple(paths)), known, work)
    return tuple(plan.judge(r, known, findings[r.id]) for r in plan.rules if r.id in findings)


def check_source(plan: CheckPlan, read: Reading, on_progress: Callable[[int], None] | None = None) -> Verdict:
    """Check whatever `read` reads, in as many passes as the rules need.

    Raises:
        DataBreaksContractError: there is no part at all.
    """
    return examine(plan, read, on_progress).verdict


def examine(
    plan: CheckPlan,
    read: Reading,
    on_progress: Callable[[int], None] | None = None,
    *,
    spill_to: Path | None = None,
) -> Examination:
    """Check whatever `read` reads, and keep what was found beside the verdict.

    Raises:
        DataBreaksContractError: there is no part at all.
    """
    with Workspace(spill_to) as work:
        merged: Partial | None = None
        row = 0
        for position, (names, table) in enumerate(_parts(plan, read)):
            made = plan.partial(table, position=position, first_row=row, names=names)
            merged = made if merged is None else merge([merged, made])
            merged = _within(merged, work)
            row += table.num_rows
            if on_progress is not None:
                on_progress(table.num_rows)
        if merged is None:
            raise DataBreaksContractError("no file to check", remedy="an asset has at least one file")
        later = whole_findings(plan, read, merged, work)
        findings = {r.id: later.get(r.id) or plan.finding(r, merged) for r in plan.rules}
        return Examination(plan.verdict(merged, findings), findings)


def _parts(plan: CheckPlan, read: Reading) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    if isinstance(read, Files):
        yield from read.parts(plan.columns, dictionaries=plan.shape.takes_dictionaries)
        return
    for table in read(None):
        yield tuple(table.column_names), table


def _within(partial: Partial, work: Workspace) -> Partial:
    """Keep the hashes that are in memory below the budget."""
    held = {rule: state for rule, state in partial.states.items() if isinstance(state, Hashes)}
    if sum(state.in_memory for state in held.values()) <= work.budget:
        return partial
    return replace(partial, states=partial.states | {r: spill(s, work.root) for r, s in held.items()})
