"""A file becomes a version: read strictly, never a value turned into null, committed whole or not at all.

The order: (1) names and file are checked; (2) the file is read batch by batch into a draft, what
cannot be read into a second one; (3) unless every cell was read or the caller keeps the rejects, both
drafts are thrown away; (4) the contract's rules are checked on the draft's files, for the report;
(5) the rejects are committed, then the asset.

A crash between the two commits of (5) leaves rejects without their asset; the same command again
repeats the first commit as the version that is already there, and makes the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.model import Contract
from data_contracts.verdict import Verdict
from environments.assets.parquet import read_parquet
from environments.assets.rejects import rejects_contract
from environments.assets.report import AddReport, UnreadableCell, UnreadableError
from environments.assets.writing import PartWriter
from environments.private import disk_errors
from environments.ref import check_name
from environments.stores import AssetStore

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Progress", "add_file"]

Progress = Callable[[str, int], None]
"""Called with a phase (`reading`, `checking`, `committing`) and the rows so far."""
_SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


class _Batch(NamedTuple):
    accepted: pa.Table
    rejected: pa.Table | None
    unreadable: tuple[UnreadableCell, ...]


class _Read(NamedTuple):
    rows: int
    rejected: int
    unreadable: tuple[UnreadableCell, ...]


def _quiet(_phase: str, _rows: int) -> None:
    return


def add_file(
    store: AssetStore,
    file: Path,
    name: str,
    contract: Contract,
    *,
    reject_to: str | None = None,
    check: bool = True,
    on_progress: Progress | None = None,
) -> AddReport:
    """Commit a CSV or Parquet file as a version of an asset.

    Args:
        store: of the environment.
        file: ends in `.csv`, `.parquet` or `.pq`.
        name: the asset's.
        contract: of data; its rules are reported, its types and missing tokens are followed.
        reject_to: an asset's name for the rows that cannot be read, kept as text.
        check: False leaves the report of the rules out (a crossing checks them in any case).
        on_progress: see `Progress`.

    Raises:
        UsageError: a name is none, the file is not there, or the contract is a model's.
        DataBreaksContractError: the file is damaged, ragged, no UTF-8, or has other columns.
        UnreadableError: cells are not of their type, and `reject_to` is not given; or no row can be read.
        UnreachableError: the disk refuses. Nothing is committed on any of these.
    """
    kind = _check(file, name, contract, reject_to)
    progress = on_progress or _quiet
    with ExitStack() as drafts:
        draft = drafts.enter_context(store.begin(name))
        aside = drafts.enter_context(store.begin(reject_to)) if reject_to is not None else None
        batches = _csv(file, contract) if kind == "csv" else _parquet(file, contract)
        read = _pour(batches, contract, draft.path, aside.path if aside is not None else None, progress)
        if read.unreadable and (aside is None or read.rows == 0):
            raise UnreadableError(str(file), read.unreadable, read.rejected, read.rows + read.rejected)
        progress("checking", read.rows)
        verdict = _verdict(contract, sorted(draft.path.glob("*.parquet"))) if check else None
        progress("committing", read.rows)
        lineage: dict[str, object] = {"inputs": [], "crossing": None, "origin": "file"}
        rejects = None
        if aside is not None and read.unreadable:
            under = rejects_contract(contract)
            rejects = aside.commit(under, contract.labels, lineage=lineage, rows=read.rejected)
        before = len(store.versions(name))
        record = draft.commit(contract, contract.labels, lineage=lineage, rows=read.rows)
    return AddReport(record, len(store.versions(name)) > before, verdict, read.unreadable, rejects)


def _check(file: Path, name: str, contract: Contract, reject_to: str | None) -> str:
    check_name(name, "the asset")
    if reject_to is not None and check_name(reject_to, "the asset for rejected rows") == name:
        raise UsageError(
            f"{name}: the rejected rows would become a version of the asset itself",
            remedy="give --reject-to another name",
        )
    if contract.model is not None:
        raise UsageError(f"{contract.reference} is a model's contract", remedy="name a contract of data")
    if not file.is_file():
        raise UsageError(f"{file}: no such file", remedy="name a .csv or .parquet file")
    kind = _SUFFIXES.get(file.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{file}: neither CSV nor Parquet", remedy="name a file that ends in .csv or .parquet"
        )
    return kind


def _csv(file: Path, contract: Contract) -> Iterator[_Batch]:
    import pyarrow.compute as pc

    from data_contracts.parsing import parse_table
    from data_contracts.textfile import read_csv

    names = list(contract.object.names)
    for text in _reading(file, read_csv(file)):
        _compare_header(file, contract, text.column_names)
        parsed = parse_table(contract, text)
        if not parsed.unreadable:
            yield _Batch(parsed.table, None, ())
            continue
        cells = tuple(UnreadableCell(cell.id, cell.column, cell.count) for cell in parsed.unreadable)
        readable = pc.invert(parsed.rejected)
        yield _Batch(parsed.table.filter(readable), text.select(names).filter(parsed.rejected), cells)


def _reading(file: Path, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    with disk_errors(f"{file}: cannot be read"):
        yield from tables


def _parquet(file: Path, contract: Contract) -> Iterator[_Batch]:
    return (_Batch(table, None, ()) for table in read_parquet(file, contract))


def _compare_header(file: Path, contract: Contract, found: list[str]) -> None:
    """Refuse other columns. A name that only the file has is not shown: without a header it is data."""
    declared = contract.object.names
    missing = [f"{name}: is missing" for name in declared if name not in found]
    undeclared = [
        f"column {place} of the file is not declared"
        for place, name in enumerate(found, 1)
        if name not in declared
    ]
    if missing or undeclared:
        lines = "\n  ".join(missing + undeclared)
        raise DataBreaksContractError(
            f"{file}:1: the header is not that of {contract.reference}:\n  {lines}",
            remedy="the first line must name the contract's columns, each once, in any order",
        )


def _pour(
    batches: Iterator[_Batch], contract: Contract, target: Path, aside: Path | None, progress: Progress
) -> _Read:
    import pyarrow as pa

    from data_contracts.arrow import arrow_schema

    counts: Counter[tuple[str, str]] = Counter()
    rejected = 0
    with ExitStack() as writers:
        writer = writers.enter_context(PartWriter(target, arrow_schema(contract)))
        text = pa.schema([(name, pa.string()) for name in contract.object.names])
        second = writers.enter_context(PartWriter(aside, text)) if aside is not None else None
        for batch in batches:
            writer.write(batch.accepted)
            for cell in batch.unreadable:
                counts[cell.id, cell.column] += cell.count
            if batch.rejected is not None:
                rejected += batch.rejected.num_rows
                if second is not None:
                    second.write(batch.rejected)
            progress("reading", writer.rows)
    cells = tuple(UnreadableCell(rule, column, count) for (rule, column), count in sorted(counts.items()))
    return _Read(writer.rows, rejected, cells)


def _verdict(contract: Contract, paths: list[Path]) -> Verdict:
    from data_contracts.checks import check_files, compile_plan

    return check_files(compile_plan(contract), paths)
