"""Run a plan in this process over tables or Parquet files, whole-asset rules included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.checks.expectations import columns_of, run_expectations
from data_contracts.checks.partial import Partial, merge
from data_contracts.checks.plan import CheckPlan
from data_contracts.checks.uniqueness import candidates, exact_duplicates
from data_contracts.errors import DataBreaksContractError
from data_contracts.verdict import RuleResult, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Reading", "check_files", "check_source", "check_tables", "check_whole", "read_row_groups"]

Reading = Callable[[list[str] | None], Iterator["pa.Table"]]
"""Reads an asset from its beginning: all columns, or those named. Called once for each pass."""


def read_row_groups(paths: Sequence[Path], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of Parquet files, one at a time; a file without any yields one empty table.

    Raises:
        DataBreaksContractError: a file is truncated or no Parquet file; nothing of its content is told.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        try:
            with pq.ParquetFile(path, memory_map=False) as file:
                names = None if columns is None else [c for c in columns if c in file.schema_arrow.names]
                if not file.num_row_groups:
                    empty = file.schema_arrow.empty_table()
                    yield empty if names is None else empty.select(names)
                for index in range(file.num_row_groups):
                    yield file.read_row_group(index, columns=names)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DataBreaksContractError(
                f"{path.name}: not a whole Parquet file", remedy="write the file again"
            ) from None


def check_files(
    plan: CheckPlan, paths: Sequence[Path], *, on_progress: Callable[[int], None] | None = None
) -> Verdict:
    """Check Parquet files row group by row group, in bounded memory.

    Args:
        plan: the compiled contract.
        paths: the asset's files.
        on_progress: called with the number of rows of each row group that was checked.

    Raises:
        DataBreaksContractError: a file is no Parquet file.
    """
    return check_source(plan, lambda columns: read_row_groups(paths, columns), on_progress)


def check_tables(plan: CheckPlan, tables: Sequence[pa.Table]) -> Verdict:
    """Check tables that are in memory, as the parts of one asset."""

    def read(columns: list[str] | None) -> Iterator[pa.Table]:
        for table in tables:
            names = table.column_names
            yield table if columns is None else table.select([c for c in columns if c in names])

    return check_source(plan, read, None)


def check_whole(
    plan: CheckPlan, paths: Sequence[Path], partial: Partial | None = None
) -> tuple[RuleResult, ...]:
    """Return what needs the whole asset at once: GX's rules, and keys whose hashes repeat.

    Use it after partials were made elsewhere (over Dask), and put the results into the verdict with
    `Verdict.with_results`.

    Args:
        plan: the plan that made the partials.
        paths: the asset's files.
        partial: the merged partials; without it keys are not compared again.
    """
    return _whole(plan, lambda columns: read_row_groups(paths, columns), partial)


def check_source(plan: CheckPlan, read: Reading, on_progress: Callable[[int], None] | None = None) -> Verdict:
    """Check whatever `read` reads, in as many passes as the rules need.

    Raises:
        DataBreaksContractError: there is no part at all.
    """
    partials: list[Partial] = []
    for table in read(None):
        partials.append(plan.partial(table))
        if on_progress is not None:
            on_progress(table.num_rows)
    if not partials:
        raise DataBreaksContractError("no file to check", remedy="an asset has at least one file")
    merged = merge(partials)
    return plan.verdict(merged).with_results(_whole(plan, read, merged))


def _whole(plan: CheckPlan, read: Reading, partial: Partial | None) -> tuple[RuleResult, ...]:
    results: list[RuleResult] = []
    for rule in plan.unique_rules if partial is not None else ():
        wanted = candidates(partial.hashes.get(rule.id, ())) if partial is not None else ()
        if partial is None or not len(wanted):
            continue
        frames = (plan.frame(table)[0] for table in read(list(rule.columns)))
        count = exact_duplicates(frames, rule.columns, plan.seed, wanted)
        results.append(plan.judge(rule, partial, duplicates=count))
    rules = plan.whole_asset_rules
    if rules:
        import pyarrow as pa

        columns = columns_of(rules)
        table = pa.concat_tables(list(read(None if columns is None else sorted(columns))))
        results.extend(run_expectations(rules, table))
    return tuple(results)
