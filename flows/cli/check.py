"""`isthmus check`: what a contract or a suite says about data, rule by rule, without a value of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from data_contracts.sandbox.probing import Probe
from environments.home import Home
from environments.site import Site
from flows.cli.check_input import Checked, check_asset, check_contract, check_suite, read_references
from flows.cli.check_text import print_verdict
from flows.cli.options import example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.model import Contract

__all__ = ["command"]

_BROKEN = 1
_PATH = click.Path(path_type=Path)


@click.command(
    name="check",
    epilog=example(
        "isthmus check tests.csv --contract hospital.covid-tests",
        "isthmus check tests.parquet --contract ./my-tests.odcs.yaml --json",
        "isthmus check tests.parquet --suite suite.json --data-docs docs/",
        "isthmus check tests.csv --contract ./tests.odcs.yaml --failed-rows failed.parquet",
        "isthmus check --asset covid_tests --env onprem",
    ),
)
@click.argument("file", type=_PATH, required=False)
@click.option(
    "--contract", "contract_name", metavar="C", help="ID, ID@VERSION, or the path of a contract's file."
)
@click.option("--suite", metavar="S", type=_PATH, help="A suite of Great Expectations, as JSON.")
@click.option("--asset", metavar="NAME[@VERSION]", help="An asset instead of a file; needs --env.")
@click.option("--env", metavar="NAME", help="The environment of the asset.")
@click.option(
    "--reference",
    "references",
    metavar="NAME=FILE",
    multiple=True,
    help="The other side of a foreign key: an object's name, and the file that holds it.",
)
@click.option(
    "--failed-rows",
    metavar="P",
    type=_PATH,
    help="Write the rows that break rules to this new Parquet file, for the data's owner alone.",
)
@click.option(
    "--data-docs", metavar="DIR", type=_PATH, help="With --suite: write Data Docs of Great Expectations."
)
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    file: Path | None,
    contract_name: str | None,
    suite: Path | None,
    asset: str | None,
    env: str | None,
    references: tuple[str, ...],
    failed_rows: Path | None,
    data_docs: Path | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Check FILE, or an asset, against its data contract, or against a suite of Great Expectations.

    FILE is CSV, JSON Lines, Parquet or Arrow, or a folder of Parquet files. Prints every rule with
    counts, failing rules first, and never a value of the data. An asset is checked against the contract
    that its store holds, unless --contract names another. Exit 1 if a rule fails.
    """
    _look(file, contract_name, suite, asset, env)
    if data_docs is not None and suite is None:
        raise UsageError("Data Docs are of a suite", remedy="add --suite SUITE.json")
    # Files of others are decoded in a child first; it starts while the contract is read.
    with Probe(_foreign(file, references)) as probe:
        given = None if contract_name is None else _contract(site, contract_name)
        _warm()
        probe.finish()
    others = read_references(references)
    if suite is not None and file is not None:
        checked = check_suite(file, suite)
    elif file is not None and given is not None:
        checked = check_contract(file, given, others)
    else:
        checked = check_asset(home, site, str(env), str(asset), given)
    written = None if failed_rows is None else _failed_rows(checked, failed_rows)
    if data_docs is not None:
        _data_docs(checked, data_docs)
    if as_json:
        emit_json(checked.verdict.to_json())
    else:
        print_verdict(checked.verdict, checked.reference)
        if written is not None:
            click.echo(f"{written:,} rows that break rules are in {failed_rows}")
        if data_docs is not None:
            click.echo(f"Data Docs: {data_docs}/index.html")
    if not checked.verdict.success:
        raise click.exceptions.Exit(_BROKEN)


def _look(
    file: Path | None, contract: str | None, suite: Path | None, asset: str | None, env: str | None
) -> None:
    """Refuse what does not say one thing to check, against one thing."""
    if (file is None) == (asset is None) or (asset is None) != (env is None):
        raise UsageError("what to check is not said", remedy="name a FILE, or --asset NAME and --env NAME")
    if suite is not None and asset is not None:
        raise UsageError("a suite is checked alone, on a file", remedy="name FILE and --suite")
    if suite is not None and contract is not None:
        raise UsageError(
            "--suite and --contract are two checks: each is done alone, with a verdict of its own",
            remedy="run isthmus check FILE --contract C for what the data's contract promises (expectations "
            "may stand in it, as quality of type custom), or isthmus check FILE --suite S for the suite",
        )
    if file is not None and contract is None and suite is None:
        raise UsageError(
            "no contract is named", remedy="add --contract ID or its file, or --suite SUITE.json"
        )


def _foreign(file: Path | None, references: tuple[str, ...]) -> list[Path]:
    """Return the files that this command will parse, whoever wrote them."""
    named = [Path(item.partition("=")[2]) for item in references]
    return [path for path in (file, *named) if path is not None and path.name]


def _warm() -> None:
    """Import what every check needs, beside the child that is at work."""
    import polars  # noqa: F401, ICN001
    import pyarrow.parquet  # noqa: F401

    import data_contracts.checks  # noqa: F401


def _contract(site: Site, name: str) -> Contract:
    from data_contracts.loading import load_contract

    if "/" in name or name.endswith((".yaml", ".yml")):
        return load_contract(Path(name))
    return site.contracts.get(name)


def _failed_rows(checked: Checked, path: Path) -> int:
    from flows.cli.check_failed import write_failed_rows

    return write_failed_rows(checked, path)


def _data_docs(checked: Checked, directory: Path) -> None:
    from datetime import UTC, datetime

    from data_contracts.suites.pages import write_data_docs
    from data_contracts.suites.results import to_validation_result

    if checked.suite is None:
        raise UsageError("Data Docs are of a suite", remedy="add --suite SUITE.json")
    result = to_validation_result(
        checked.suite, checked.compiled, checked.verdict, asset=checked.name, moment=datetime.now(UTC)
    )
    write_data_docs(result, directory)
