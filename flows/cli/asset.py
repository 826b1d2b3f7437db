"""`isthmus asset`: the assets of one environment, in and out.

Each command opens the folder of the one environment that it names, and no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from data_contracts.digest import is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.home import Home
from environments.members import check_here
from environments.ref import parse_asset
from environments.site import Site
from environments.stores import AssetRecord, AssetStore, open_store
from environments.stores.protocol import NOTHING
from flows.cli.asset_gc import gc
from flows.cli.asset_status import status
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.group(
    name="asset",
    no_args_is_help=True,
    epilog=example(
        "isthmus asset add tests.csv --env onprem --name covid_tests --contract hospital.covid-tests",
        "isthmus asset list --env onprem",
    ),
)
def command() -> None:
    """Add, list, show, get and verify the assets of one environment."""


def _store(home: Home, site: Site, env: str) -> AssetStore:
    """Open a store for reading; an environment that was never used has an empty one."""
    profile = site.profile(env)
    return open_store(home.environment(env), profile)


def _reference(store: AssetStore, text: str) -> AssetRecord:
    name, version = parse_asset(text)
    return store.record(name, version)


def _expected(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value != NOTHING and not is_digest(value):
        raise UsageError(
            "--expect: not a version", remedy="say sha256:…, as `isthmus asset show` prints it, or `none`"
        )
    return value


@command.command(
    "add",
    epilog=example(
        "isthmus asset add tests.csv --env onprem --name covid_tests --contract hospital.covid-tests"
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@env_option
@click.option("--name", required=True, metavar="NAME", help="The asset's name.")
@click.option("--contract", "contract_id", required=True, metavar="ID[@VERSION]", help="Its data contract.")
@click.option("--reject-to", metavar="NAME", help="Keep rows that cannot be read as this asset, as text.")
@click.option("--no-check", is_flag=True, help="Leave out the report of the contract's quality rules.")
@click.option(
    "--expect",
    "expected",
    metavar="VERSION",
    callback=_expected,
    help="The latest version that this one is made on top of, or `none`; exit 7 if another came first.",
)
@home_option
@site_option
@json_option
def add(  # noqa: PLR0913 - one parameter for each option
    file: Path,
    *,
    env: str,
    name: str,
    contract_id: str,
    reject_to: str | None,
    no_check: bool,
    expected: str | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Commit FILE as a new version: CSV, JSON Lines, Parquet, Arrow, or a folder of Parquet files.

    Types and missing tokens come from the contract; no other text becomes null. Cells that cannot be read
    are exit 1 and nothing is committed, unless --reject-to keeps their rows. The contract's quality rules
    are reported here, not enforced: a crossing enforces them.
    """
    from environments.assets import UnreadableError, add_file
    from flows.cli.asset_text import added_json, print_added, unreadable_json

    profile = site.profile(env)
    check_here(home, site.profiles, env)
    contract = site.contracts.get(contract_id)
    folder = home.create().environment(env).create()
    store = open_store(folder, profile)
    try:
        report = add_file(
            store, file, name, contract, reject_to=reject_to, check=not no_check, expected=expected
        )
    except UnreadableError as error:
        if not as_json:
            raise
        emit_json(unreadable_json(error))
        raise click.exceptions.Exit(error.exit_code) from None
    if as_json:
        emit_json(added_json(report, env))
    else:
        print_added(report, env)


@command.command("list", epilog=example("isthmus asset list --env cloud"))
@env_option
@home_option
@site_option
@json_option
def list_(*, env: str, home: Home, site: Site, as_json: bool) -> None:
    """List the assets of an environment, each with its latest version."""
    from flows.cli.asset_text import print_list

    store = _store(home, site, env)
    rows = [(versions[-1], len(versions)) for versions in map(store.versions, store.names()) if versions]
    if as_json:
        assets = [
            {**record.ref(env).to_json(), "versions": count, **_facts(record)} for record, count in rows
        ]
        emit_json({"environment": env, "assets": assets})
    else:
        print_list(rows, env)


def _facts(record: AssetRecord) -> dict[str, Any]:
    return {"rows": record.rows, "bytes": record.size, "created": record.created}


@command.command("show", epilog=example("isthmus asset show covid_tests --env onprem"))
@click.argument("asset", metavar="NAME[@VERSION]")
@env_option
@home_option
@site_option
@json_option
def show(asset: str, *, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Show what the store knows of one version, and the asset's history."""
    from flows.cli.asset_text import print_record

    store = _store(home, site, env)
    record = _reference(store, asset)
    history = store.versions(record.name)
    if as_json:
        versions = [{"version": item.version, **_facts(item)} for item in history]
        emit_json({"environment": env, **record.to_json(), "bytes": record.size, "history": versions})
    else:
        print_record(record, history, env)


@command.command("get", epilog=example("isthmus asset get covid_tests --env onprem --out tests.parquet"))
@click.argument("asset", metavar="NAME[@VERSION]")
@env_option
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Where to.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@home_option
@site_option
@json_option
def get(asset: str, *, env: str, out: Path, force: bool, home: Home, site: Site, as_json: bool) -> None:
    """Write a version to a file: Parquet for data, ONNX for a model. Every byte is verified first."""
    from environments.assets import get_file

    store = _store(home, site, env)
    record = _reference(store, asset)
    size = get_file(store, record, out, force=force)
    if as_json:
        emit_json({"asset": record.ref(env).to_json(), "out": str(out), "bytes": size})
    else:
        click.echo(f"{out}: {size} bytes of {record.name}@{record.version}")
        click.echo(
            f"  it carries the labels {record.labels.classification.word}: handle it as such", err=True
        )
        form = Path(record.files[0].path).suffix
        if out.suffix.lower() != form:
            click.echo(f"  its bytes are {form.removeprefix('.')}, whatever the name says", err=True)


@command.command("verify", epilog=example("isthmus asset verify --env onprem"))
@click.argument("asset", metavar="[NAME[@VERSION]]", required=False)
@env_option
@home_option
@site_option
@json_option
def verify(asset: str | None, *, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Read every byte of an asset's versions, or of all assets, and compare with what was committed."""
    store = _store(home, site, env)
    results = _verify_all(store, asset)
    bad = [result for result in results if not result["sound"]]
    if as_json:
        emit_json({"environment": env, "sound": not bad, "versions": results})
    else:
        for result in results:
            mark = "sound  " if result["sound"] else "ALTERED"
            click.echo(f"{mark}  {result['asset']}  {result['reason'] or ''}".rstrip())
        click.echo(f"{len(results)} checked, {len(bad)} altered, in {env}")
    if bad:
        raise click.exceptions.Exit(NotVerifiableError.exit_code)


def _verify_all(store: AssetStore, asset: str | None) -> list[dict[str, Any]]:
    name, version = parse_asset(asset) if asset is not None else (None, None)
    if name is not None and version is not None:
        return [_verify_one(store, store.record(name, version))]
    if name is not None and name not in store.names():
        store.record(name)  # says that there is none, and which there are
    results: list[dict[str, Any]] = []
    for each in store.names() if name is None else (name,):
        try:
            versions = store.versions(each)
        except NotVerifiableError as error:
            results.append({"asset": each, "sound": False, "reason": str(error)})
            continue
        results += [_verify_one(store, record) for record in versions]
    return results


def _verify_one(store: AssetStore, record: AssetRecord) -> dict[str, Any]:
    reason = None
    try:
        store.verify(record)
    except NotVerifiableError as error:
        reason = str(error)
    return {"asset": f"{record.name}@{record.version}", "sound": reason is None, "reason": reason}


for _part in (status, gc):
    command.add_command(_part)
