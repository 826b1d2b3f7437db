"""`isthmus check`: what a contract says about a file or an asset, rule by rule, without a value of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.model import Contract
    from data_contracts.verdict import RuleResult, Verdict

__all__ = ["command"]

_BROKEN = 1
_SUFFIXES = {".csv", ".parquet", ".pq"}


@click.command(
    name="check",
    epilog=example(
        "isthmus check tests.csv --contract hospital.covid-tests",
        "isthmus check tests.parquet --contract ./my-tests.odcs.yaml --json",
        "isthmus check --asset covid_tests --env onprem",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--contract", "contract_name", metavar="C", help="ID, ID@VERSION, or the path of a contract's file."
)
@click.option("--asset", metavar="NAME[@VERSION]", help="An asset instead of a file; needs --env.")
@click.option("--env", metavar="NAME", help="The environment of the asset.")
@home_option
@site_option
@json_option
def command(
    *,
    file: Path | None,
    contract_name: str | None,
    asset: str | None,
    env: str | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Check FILE (CSV or Parquet), or an asset, against its data contract.

    Prints every rule with counts, failing rules first, and never a value of the data. An asset is checked
    against the contract that its store holds, unless --contract names another. Exit 1 if a rule fails.
    """
    if (file is None) == (asset is None) or (asset is None) != (env is None):
        raise UsageError("what to check is not said", remedy="name a FILE, or --asset NAME and --env NAME")
    given = None if contract_name is None else _contract(site, contract_name)
    if file is not None:
        if given is None:
            raise UsageError("no contract is named", remedy="add --contract ID, or the path of its file")
        contract, verdict = given, _check_file(file, given)
    else:
        contract, verdict = _check_asset(home, site, str(env), str(asset), given)
    if as_json:
        emit_json(verdict.to_json())
    else:
        _print(verdict, contract.reference)
    if not verdict.success:
        raise click.exceptions.Exit(_BROKEN)


def _contract(site: Site, name: str) -> Contract:
    from data_contracts.loading import load_contract

    if "/" in name or name.endswith((".yaml", ".yml")):
        return load_contract(Path(name))
    return site.contracts.get(name)


def _check_file(file: Path, contract: Contract) -> Verdict:
    if contract.model is not None:
        raise UsageError(f"{contract.reference} is a model's contract", remedy="name a contract of data")
    if file.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{file}: neither CSV nor Parquet", remedy="name a .csv or .parquet file")
    if not file.is_file():
        raise UsageError(f"{file}: no such file", remedy="name a file that is there")
    from data_contracts.checks import check_csv, check_files, compile_plan

    plan = compile_plan(contract)
    try:
        if file.suffix.lower() == ".csv":
            return check_csv(plan, contract, file)
        return check_files(plan, [file])
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None


def _check_asset(
    home: Home, site: Site, env: str, asset: str, given: Contract | None
) -> tuple[Contract, Verdict]:
    from data_contracts.checks import check_files, compile_plan
    from environments.ref import check_name, parse_asset
    from environments.stores import open_store

    profile = site.profile(check_name(env, "--env"))
    store = open_store(home.environment(env), profile)
    record = store.record(*parse_asset(asset))
    contract = given or store.contract(record)
    if contract.model is not None:
        raise UsageError(
            f"{asset} is a model", remedy="models are checked at the gate: isthmus sync NAME --from … --to …"
        )
    paths = [path for path in store.open(record) if path.suffix == ".parquet"]
    return contract, check_files(compile_plan(contract), paths)


def _print(verdict: Verdict, reference: str) -> None:
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
    console.print(f"\n{verdict.rows:,} rows; the data {says}", soft_wrap=True)


def _cells(rule: RuleResult) -> tuple[str, ...]:
    counts = (rule.element_count, rule.missing_count, rule.unexpected_count)
    reason = "" if rule.reason is None else rule.reason.value
    return ("ok" if rule.success else "FAIL", rule.id, *(f"{count:,}" for count in counts), reason)
