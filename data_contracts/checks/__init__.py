"""Checks (being filled in): plan -> partial per partition -> merge -> verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.model import Contract
from data_contracts.verdict import Reason, RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CheckPlan",
    "Partial",
    "Reason",
    "RuleResult",
    "Verdict",
    "check_files",
    "check_tables",
    "check_whole",
    "compile_plan",
    "merge",
]


@dataclass(frozen=True)
class Partial:
    """Counts of one part of the data; picklable."""


@dataclass(frozen=True)
class CheckPlan:
    """A contract's compiled rules; picklable."""

    contract: Contract

    @property
    def whole_asset_rules(self) -> tuple[str, ...]:
        """Ids of the rules that need the whole asset at once."""
        raise NotImplementedError

    def partial(self, table: pa.Table) -> Partial:
        """Look at one part."""
        raise NotImplementedError

    def verdict(self, partial: Partial) -> Verdict:
        """Judge the merged partial; whole-asset rules stand as `not_evaluated`."""
        raise NotImplementedError

    def violations(self, table: pa.Table) -> pa.BooleanArray:
        """Rows that break any row-level rule."""
        raise NotImplementedError


def compile_plan(contract: Contract, *, side: str | None = None) -> CheckPlan:
    """Compile a contract; `side` is `inputs` or `outputs` for a model contract."""
    raise NotImplementedError


def merge(partials: Iterable[Partial]) -> Partial:
    """Merge, in any order and grouping."""
    raise NotImplementedError


def check_whole(plan: CheckPlan, paths: Sequence[Path]) -> tuple[RuleResult, ...]:
    """Run the whole-asset rules over the files; use `verdict.with_results(...)`."""
    raise NotImplementedError


def check_files(
    plan: CheckPlan, paths: Sequence[Path], *, on_progress: Callable[[int], None] | None = None
) -> Verdict:
    """Check Parquet files in this process, row group by row group."""
    raise NotImplementedError


def check_tables(plan: CheckPlan, tables: Iterable[pa.Table]) -> Verdict:
    """Check tables in this process; whole-asset rules included."""
    raise NotImplementedError
