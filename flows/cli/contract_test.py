"""`isthmus contract test`: sample rows that must pass and fail, and lies that they must notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from flows.cli.options import example, json_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    import pyarrow as pa

    from data_contracts.evolution import SampleReport
    from data_contracts.model import Contract
    from data_contracts.verdict import Verdict

__all__ = ["command", "samples_beside"]

_WRONG = 1


def samples_beside(file: Path) -> Path:
    """Return where the samples of a contract's file stand: NAME.samples.yaml beside NAME.odcs.yaml."""
    name = file.name.removesuffix(".yaml").removesuffix(".odcs")
    return file.with_name(f"{name}.samples.yaml")


@click.command(
    name="test",
    epilog=example(
        "isthmus contract test clinic.readings.odcs.yaml",
        "isthmus contract test clinic.readings.odcs.yaml --samples more.samples.yaml",
    ),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The sample rows (default: NAME.samples.yaml beside the contract).",
)
@click.option("--no-mutations", is_flag=True, help="Run the samples only.")
@json_option
def command(file: Path, *, samples: Path | None, no_mutations: bool, as_json: bool) -> None:
    """Run a contract's sample rows: these must pass, these must fail by the rules that they name.

    Then each rule of the contract is changed a little, one at a time (a bound moved by one, an operator
    turned, a listed value left out), and some sample must notice. What none notices is told: a rule that the
    samples do not test. Exit code 1: a sample is wrong, or a change survived.
    """
    from data_contracts.evolution import read_samples, try_samples
    from data_contracts.loading import load_contract
    from data_contracts.yamlsource import load_yaml

    contract = load_contract(file)
    told = read_samples(load_yaml(_samples(file, samples)))
    report = try_samples(contract, told, _judge, mutate=not no_mutations)
    if as_json:
        emit_json({"contract": contract.reference, **report.to_json()})
    else:
        for line in _lines(report):
            click.echo(line)
    if not report.success:
        raise click.exceptions.Exit(_WRONG)


def _samples(file: Path, named: Path | None) -> Path:
    path = named or samples_beside(file)
    if not path.exists():
        remedy = (
            "write rows that must pass and fail there (the guide to contracts shows how), or name --samples"
        )
        raise UsageError(f"{path}: no such file of samples", remedy=remedy)
    return path


def _judge(contract: Contract, table: pa.Table) -> Verdict:
    from data_contracts.checks import check_tables, compile_plan

    return check_tables(compile_plan(contract), [table])


def _lines(report: SampleReport) -> Iterator[str]:
    for result in report.results:
        yield f"{'ok   ' if result.success else 'WRONG'}  {result.name}"
        yield from (f"         {rule} failed, and the sample does not say so" for rule in result.unexpected)
        yield from (f"         {rule} did not fail" for rule in result.missing)
    yield from (f"survived: {name}" for name in report.survivors)
    yield from (f"accepted, and noticed or gone: {name}" for name in report.stale)
    yield from (f"not tested: rule {name} is not evaluated here" for name in report.untested)
    wrong = sum(not result.success for result in report.results)
    tail = f"{report.mutations} changes of the contract, {len(report.survivors)} survived"
    if report.accepted:
        tail += f", {len(report.accepted)} more accepted"
    yield f"{len(report.results)} samples, {wrong} wrong; {tail if report.mutations else 'no changes tried'}"
