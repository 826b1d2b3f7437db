"""`isthmus contract docs`: a page for each contract, for people who do not read YAML."""

from __future__ import annotations

from pathlib import Path

import click

from environments.private import disk_errors
from environments.site import Site
from flows.cli.options import example, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(
    name="docs", epilog=example("isthmus contract docs pages", "isthmus contract docs pages --site my-site")
)
@click.argument("directory", metavar="[DIR]", default="contracts", type=click.Path(path_type=Path))
@site_option
@json_option
def command(directory: Path, *, site: Site, as_json: bool) -> None:
    """Write one readable Markdown page for each contract to DIR (default: contracts), and an index.

    Pages are written anew each time, byte for byte the same from the same contracts; no other file of DIR
    is touched.
    """
    from data_contracts.evolution import contract_page, index_page, page_name

    contracts = site.contracts.all()
    pages = {page_name(contract): contract_page(contract) for contract in contracts}
    pages["index.md"] = index_page(contracts)
    with disk_errors(f"{directory}: the pages cannot be written"):
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (directory / name).write_text(text, encoding="utf-8")
    if as_json:
        emit_json({"directory": str(directory), "pages": sorted(pages)})
        return
    click.echo(f"wrote {len(pages)} pages to {directory}; begin with {directory / 'index.md'}")
