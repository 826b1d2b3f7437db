"""`isthmus contract infer`: a draft of a contract from data, and why columns may be personal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from flows.cli.options import example, json_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.discovery import ColumnReport, Draft

__all__ = ["command"]


@click.command(
    name="infer",
    epilog=example(
        "isthmus contract infer tests.csv --name hospital.tests --out data_contracts/tests.odcs.yaml",
        "isthmus contract infer visits.jsonl --json",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", "identity", metavar="ID", help="The contract's id; else made from the file's name.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the contract here.")
@json_option
def command(*, file: Path, identity: str | None, out: Path | None, as_json: bool) -> None:
    """Draft a contract from FILE: CSV, JSON Lines, Parquet, Arrow, or a folder of partitioned Parquet.

    The whole file is read. Types, required columns, keys, ranges and enumerations are drafted; a column that
    may be personal is restricted, says why (kinds and counts, never values), and nothing of its values is in
    the draft. The draft loads, and FILE passes it, unless numbers in it are NaN or infinite: the draft says
    so. It has no terms: nothing crosses under it.

    Without --out the contract is printed, and the evidence goes to the error output.
    """
    if out is not None and (out.exists() or not out.parent.is_dir()):
        raise UsageError(f"{out}: exists, or its folder does not", remedy="name a new file: --out FILE")
    from data_contracts.discovery import infer_contract

    try:
        draft = infer_contract(file, identity=identity)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    if out is not None:
        _write(out, draft.text)
    if as_json:
        emit_json(_json(draft, out))
        return
    if out is None:
        click.echo(draft.text, nl=False)
    _print(draft, out)


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None


def _json(draft: Draft, out: Path | None) -> dict[str, object]:
    return {
        "contract": draft.contract.reference,
        "out": None if out is None else str(out),
        "rows": draft.rows,
        "unmet": list(draft.unmet),
        "columns": [column.to_json() for column in draft.columns],
        "document": draft.contract.document,
    }


def _print(draft: Draft, out: Path | None) -> None:
    """Print the evidence: to the error output where the contract itself stands on the other."""
    personal = [column for column in draft.columns if column.finding.personal]
    width = max(len(column.path) for column in draft.columns)
    for column in draft.columns:
        if column.finding.evidence:
            click.echo(f"{column.path:{width}}  {_said(column)}", err=out is None)
    where = "" if out is None else f"{out}: "
    says = f"{len(personal)} of {len(draft.columns)} columns may be personal and are restricted"
    click.echo(f"{where}{draft.contract.reference}, {draft.rows:,} rows; {says}", err=out is None)
    if draft.unmet:
        counts = ", ".join(f"{column.path}: {column.endless}" for column in draft.columns if column.endless)
        click.echo(
            f"the file does not pass this draft: NaN or infinity in {counts}; "
            f"breaks {', '.join(draft.unmet)}. Write a missing number as null",
            err=out is None,
        )


def _said(column: ColumnReport) -> str:
    finding = column.finding
    shown = [
        f"{item.kind} ({item.basis} {item.detector}{f' {item.count}/{item.of}' if item.of else ''})"
        for item in finding.evidence
    ]
    return f"{finding.classification.word}: {', '.join(shown)}"
