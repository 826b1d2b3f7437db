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
from data_contracts.formats import kind_of_file, open_source
from data_contracts.model import Contract
from data_contracts.sandbox.probing import probe_files
from data_contracts.verdict import Verdict
from environments.assets.conforming import compare_columns, convert_table
from environments.assets.references import reference_files
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


def add_file(  # noqa: PLR0913 - each is a choice of the caller
    store: AssetStore,
    file: Path,
    name: str,
    contract: Contract,
    *,
    reject_to: str | None = None,
    check: bool = True,
    expected: str | None = None,
    on_progress: Progress | None = None,
) -> AddReport:
    """Commit a file, or a folder of partitioned Parquet, as a version of an asset.

    Args:
        store: of the environment.
        file: its name says the format, see `data_contracts.formats`.
        name: the asset's.
        contract: of data; its rules are reported, its types and missing tokens are followed.
        reject_to: an asset's name for the rows that cannot be read, kept as text.
        expected: the latest version that this one is made on top of; `none` where there shall be none yet.
        check: False leaves the report of the rules out (a crossing checks them in any case).
        on_progress: see `Progress`.

    Raises:
        UsageError: a name is none, the file is not there, or the contract is a model's.
        DataBreaksContractError: the file is damaged, ragged, no UTF-8, mixes types, or has other columns.
        UnreadableError: cells are not of their type, and `reject_to` is not given; or no row can be read.
        ConflictError: the latest version is another one than `expected`.
        UnreachableError: the disk refuses. Nothing is committed on any of these.
    """
    _check(file, name, contract, reject_to)
    progress = on_progress or _quiet
    # A file of others is decoded in a child first: what ends the child is not read here.
    probe_files([file])
    with ExitStack() as drafts:
        draft = drafts.enter_context(store.begin(name))
        aside = drafts.enter_context(store.begin(reject_to)) if reject_to is not None else None
        beside = aside.path if aside is not None else None
        read = _pour(_batches(file, contract), contract, draft.path, beside, progress)
        if read.unreadable and (aside is None or read.rows == 0):
            raise UnreadableError(str(file), read.unreadable, read.rejected, read.rows + read.rejected)
        progress("checking", read.rows)
        verdict = _verdict(store, contract, sorted(draft.path.glob("*.parquet"))) if check else None
        progress("committing", read.rows)
        lineage: dict[str, object] = {"inputs": [], "crossing": None, "origin": "file"}
        rejects = None
        if aside is not None and read.unreadable:
            under = rejects_contract(contract)
            rejects = aside.commit(under, contract.labels, lineage=lineage, rows=read.rejected)
        before = len(store.versions(name))
        record = draft.commit(contract, contract.labels, lineage=lineage, rows=read.rows, expected=expected)
    return AddReport(record, len(store.versions(name)) > before, verdict, read.unreadable, rejects)


def _check(file: Path, name: str, contract: Contract, reject_to: str | None) -> None:
    check_name(name, "the asset")
    if reject_to is not None and check_name(reject_to, "the asset for rejected rows") == name:
        raise UsageError(
            f"{name}: the rejected rows would become a version of the asset itself",
            remedy="give --reject-to another name",
        )
    if contract.model is not None:
        raise UsageError(f"{contract.reference} is a model's contract", remedy="name a contract of data")
    kind_of_file(file)


def _batches(file: Path, contract: Contract) -> Iterator[_Batch]:
    """Yield the file's rows in the contract's types, and those that cannot be read as text."""
    from data_contracts.arrow import arrow_schema, compute

    names, schema = list(contract.object.names), arrow_schema(contract)
    with disk_errors(f"{file}: cannot be read"):
        if kind_of_file(file) == "csv":
            _compare_header(file, contract)
        source = open_source(file, contract)
        if source.typed:
            compare_columns(file, contract, source.schema)
        for batch in source.batches(None):
            table, text = batch.table, batch.text
            if source.typed:
                table = convert_table(file, table, schema)
            if batch.rejected is None or text is None:
                yield _Batch(table, None, ())
                continue
            cells = tuple(UnreadableCell(cell.id, cell.column, cell.count) for cell in batch.unreadable)
            aside = text.select(names).filter(batch.rejected)
            yield _Batch(table.filter(compute().invert(batch.rejected)), aside, cells)


def _compare_header(file: Path, contract: Contract) -> None:
    """Refuse other columns. A name that only the file has is not shown: without a header it is data."""
    found = open_source(file).schema.names
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


def _verdict(store: AssetStore, contract: Contract, paths: list[Path]) -> Verdict:
    from data_contracts.checks import check_files, compile_plan

    return check_files(compile_plan(contract, references=reference_files(store, contract, paths)), paths)
