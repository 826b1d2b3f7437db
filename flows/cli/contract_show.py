"""`isthmus contract show`: one contract on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from environments.site import Site
from flows.cli.contract_find import find_contract
from flows.cli.options import example, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.evolution import Passage
    from data_contracts.model import Contract

__all__ = ["command"]


@click.command(
    name="show",
    epilog=example("isthmus contract show hospital.covid-tests", "isthmus contract show my.odcs.yaml"),
)
@click.argument("named", metavar="ID|FILE")
@site_option
@json_option
def command(named: str, *, site: Site, as_json: bool) -> None:
    """Show what a contract promises, and what may cross under it between this site's environments."""
    from data_contracts.evolution import passages

    contract = find_contract(named, site)
    found = passages([contract], [profile.destination() for profile in site.profiles.values()])
    if as_json:
        emit_json(_json(contract, found))
        return
    for line in _lines(contract, found):
        click.echo(line)


def _json(contract: Contract, found: tuple[Passage, ...]) -> dict[str, Any]:
    from data_contracts.evolution.words import column_rows, promises

    keys = ("column", "type", "labels", "promises", "description")
    return {
        "contract": contract.reference,
        "digest": contract.digest,
        "name": contract.name,
        "status": contract.status,
        "labels": contract.labels.to_json(),
        "objects": [
            {
                "name": item.name,
                "promises": list(promises(item)),
                "columns": [dict(zip(keys, row, strict=True)) for row in column_rows(item)],
            }
            for item in contract.objects
        ],
        "crossings": [passage.to_json() for passage in found],
        "document": contract.document,
    }


def _lines(contract: Contract, found: tuple[Passage, ...]) -> Iterator[str]:
    from data_contracts.evolution.words import column_rows, promises

    yield f"{contract.reference}  {contract.name}  ({contract.status})"
    yield f"digest {contract.digest}"
    if contract.description:
        yield contract.description
    for item in contract.objects:
        yield ""
        yield f"{item.name}: {'; '.join(promises(item))}".rstrip(": ")
        rows = [row[:4] for row in column_rows(item)]
        widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
        for row in rows:
            padded = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
            yield f"  {'  '.join(padded)}  {row[3]}".rstrip()
    yield ""
    if not found:
        yield "Between this site's environments nothing may cross under it."
    for passage in found:
        yield f"{passage.id}  from {', '.join(passage.sources)}"
        yield from (f"  {name}: {_form(form)}" for name, form in passage.columns.items())
        yield from ("  only rows that meet the condition" for _ in passage.conditions[:1])
        if passage.anonymity is not None:
            yield f"  k = {passage.anonymity['k']}"


def _form(form: str) -> str:
    """Return a column's form in words: an obligation's name, with its parameters where it has some."""
    if not form.startswith("{"):
        return form
    ((word, parameters),) = json.loads(form).items()
    return f"{word} {json.dumps(parameters)}" if parameters else str(word)
