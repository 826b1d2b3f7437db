"""How `isthmus asset` shows its answers: text for people, and the larger JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from environments.assets import AddReport, UnreadableError
from environments.stores import AssetRecord

__all__ = ["added_json", "print_added", "print_list", "print_record", "unreadable_json"]

_SHORT = len("sha256:") + 12
_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1000


def _size(count: float) -> str:
    unit = 0
    while count >= _STEP and unit < len(_UNITS) - 1:
        count, unit = count / _STEP, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def _rows(record: AssetRecord) -> str:
    return "-" if record.rows is None else f"{record.rows:,}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def added_json(report: AddReport, env: str) -> dict[str, Any]:
    """Return the document of `asset add --json`."""
    rejects = report.rejects
    return {
        "asset": report.record.ref(env).to_json(),
        "new": report.fresh,
        "rows": report.record.rows,
        "bytes": report.record.size,
        "verdict": None if report.verdict is None else report.verdict.to_json(),
        "unreadable": [cell.to_json() for cell in report.unreadable],
        "rejects": None
        if rejects is None
        else {"asset": rejects.ref(env).to_json(), "rows": rejects.rows, "bytes": rejects.size},
    }


def unreadable_json(error: UnreadableError) -> dict[str, Any]:
    """Return the document of an `asset add --json` that committed nothing."""
    return {
        "error": str(error),
        "remedy": error.remedy,
        "exit_code": error.exit_code,
        "kind": type(error).__name__,
        "unreadable": [cell.to_json() for cell in error.unreadable],
        "rejected_rows": error.rows,
    }


def print_added(report: AddReport, env: str) -> None:
    """Print what was committed, what was set aside, and which rules the data breaks."""
    record = report.record
    word = "added" if report.fresh else "already here"
    click.echo(f"{word}: {record.name}@{record.version}")
    click.echo(
        f"  in {env}: {_rows(record)} rows, {_size(record.size)}, under {record.contract_ref},"
        f" {record.labels.classification.word}"
    )
    if report.rejects is not None:
        click.echo(f"  set aside: {_rows(report.rejects)} rows that cannot be read, as text, with its labels")
        click.echo(f"    {report.rejects.name}@{report.rejects.version}")
        for cell in report.unreadable:
            click.echo(f"    {cell.id}: {cell.count}")
    if report.verdict is None:
        click.echo("  its rules were not checked here; a crossing checks them")
        return
    failed = report.verdict.failed
    if not failed:
        click.echo(f"  all {len(report.verdict.rules)} rules of the contract hold")
        return
    click.echo(
        f"  {len(failed)} of {len(report.verdict.rules)} rules do not hold (a crossing would refuse it):"
    )
    for rule in failed:
        click.echo(f"    {rule.id}: {rule.unexpected_count} ({rule.reason})")


def print_list(rows: Sequence[tuple[AssetRecord, int]], env: str) -> None:
    """Print one line for each asset."""
    if not rows:
        click.echo(f"no assets in {env} yet; add one with `isthmus asset add`")
        return
    header = ("NAME", "LATEST", "ROWS", "SIZE", "CONTRACT", "CLASSIFICATION", "VERSIONS", "CREATED")
    _table(
        header,
        [
            (
                record.name,
                record.version[:_SHORT],
                _rows(record),
                _size(record.size),
                record.contract_ref,
                record.labels.classification.word,
                str(count),
                record.created,
            )
            for record, count in rows
        ],
    )


def print_record(record: AssetRecord, history: Sequence[AssetRecord], env: str) -> None:
    """Print one version's record and the asset's history."""
    labels = record.labels
    for label, text in (
        ("asset", f"{record.name}@{record.version}"),
        ("environment", env),
        ("contract", f"{record.contract_ref} ({record.contract_digest})"),
        ("labels", ", ".join([labels.classification.word, *sorted(labels.categories)])),
        ("rows", _rows(record)),
        ("size", _size(record.size)),
        ("created", record.created),
        ("crossing", str(record.lineage.get("crossing") or "-")),
        ("inputs", str(len(record.lineage.get("inputs") or ()))),
    ):
        click.echo(f"{label + ':':<13}{text}")
    click.echo("files:")
    for entry in record.files:
        click.echo(f"  {entry.path}  {_size(entry.size)}  {len(entry.chunks)} chunks")
    click.echo("history:")
    for item in history:
        mark = "*" if item.sequence == record.sequence else " "
        click.echo(f"{mark} {item.sequence:>4}  {item.version}  {_rows(item)} rows  {item.created}")
