"""`isthmus terms`: boundary terms, begun by the machine and finished by a person."""

from __future__ import annotations

from pathlib import Path

import click

from environments.private import disk_errors
from environments.ref import check_name
from environments.site import Site
from flows.cli.contract_find import find_contract
from flows.cli.options import example, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]

_EXAMPLE = "isthmus terms draft clinic.readings --to cloud --purpose statistics"


def _word(_ctx: click.Context, param: click.Parameter, value: str) -> str:
    return check_name(value, f"--{param.name}")


@click.group(name="terms", no_args_is_help=True, epilog=example(_EXAMPLE))
def command() -> None:
    """Work on boundary terms: what of a contract's data may cross to where, and in which form."""


@command.command("draft", epilog=example(_EXAMPLE, f"{_EXAMPLE} --out draft.yaml"))
@click.argument("named", metavar="ID|FILE")
@click.option(
    "--to", "destination", required=True, metavar="ENV", help="The environment that would receive the data."
)
@click.option("--purpose", required=True, callback=_word, metavar="NAME", help="What for.")
@click.option(
    "--out",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the draft there, if nothing is there yet; else it is printed.",
)
@site_option
@json_option
def draft(
    named: str, *, destination: str, purpose: str, output: Path | None, site: Site, as_json: bool
) -> None:
    """Write the explicit list of a contract's columns as terms, for a person to read and edit.

    Every column stands there by name with what is proposed for it and why: above the destination's clearance,
    or helping to identify a person, it is dropped. A column that the contract gets later is not in the list,
    and so does not cross. Nothing is changed: the draft permits only once it stands in the contract.
    """
    from data_contracts.evolution import draft_terms

    contract = find_contract(named, site)
    text = draft_terms(contract, site.profile(destination).destination(), purpose)
    if output is not None:
        with (
            disk_errors(f"{output}: the draft cannot be written"),
            output.open("x", encoding="utf-8") as file,
        ):
            file.write(text)
    if as_json:
        emit_json({"contract": contract.reference, "to": destination, "purpose": purpose, "terms": text})
    elif output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {output}; read every line, then put it into the contract")
