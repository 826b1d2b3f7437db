"""`isthmus contract lint`: what is wrong with a contract, before anyone relies on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from flows.cli.options import example, json_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.errors import Problem

__all__ = ["command"]

_BROKEN = 2


@click.command(
    name="lint",
    epilog=example(
        "isthmus contract lint tests.odcs.yaml",
        "isthmus contract lint --profile hipaa-safe-harbor tests.odcs.yaml",
    ),
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profile",
    default="",
    metavar="NAME",
    help="Hold every crossing against a shipped profile: hipaa-safe-harbor or hipaa-expert-determination.",
)
@json_option
def command(files: tuple[Path, ...], *, profile: str, as_json: bool) -> None:
    """Show every problem of a contract, with lines.

    Errors (exit 2) keep a contract from being used. Warnings (exit 0) are lawful and will not do what they
    seem to promise: rules that nothing here can evaluate and that will therefore fail, columns without a
    classification. Notes are worth knowing, such as a contract without boundary terms, or what a profile
    cannot prove. A crossing that does not keep the profile is an error.
    """
    from data_contracts.evolution.linting import lint

    _known(profile)
    found: list[tuple[Path, str | None, tuple[Problem, ...]]] = []
    for file in files:
        contract, problems = lint(file, profile=profile)
        sound = contract is not None and all(problem.severity != "error" for problem in problems)
        found.append((file, contract.reference if contract is not None and sound else None, problems))
    if as_json:
        emit_json([_json(*entry) for entry in found] if len(found) > 1 else _json(*found[0]))
    else:
        for entry in found:
            _print(*entry)
    if any(reference is None for _, reference, _ in found):
        raise click.exceptions.Exit(_BROKEN)


def _known(profile: str) -> None:
    from data_contracts.obligations.profiles import PROFILES

    if profile and profile not in PROFILES:
        raise UsageError(f"{profile}: no such profile", remedy=f"known: {', '.join(PROFILES)}")


def _json(file: Path, reference: str | None, problems: tuple[Problem, ...]) -> dict[str, object]:
    return {
        "file": str(file),
        "contract": reference,
        "success": reference is not None,
        "problems": [vars(problem) for problem in problems],
    }


def _print(file: Path, reference: str | None, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        click.echo(f"{problem.severity}: {problem}")
    counts = {
        severity: sum(problem.severity == severity for problem in problems)
        for severity in ("error", "warning")
    }
    verdict = f"{reference} is sound" if reference is not None else f"{file} is not sound"
    click.echo(f"{verdict}: {counts['error']} errors, {counts['warning']} warnings")
