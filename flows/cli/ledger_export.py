"""`isthmus ledger export`: the record of one environment as a file for others.

The file is made beside its name and takes it when it is whole; what stands there is never replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import export_lines, export_parquet
from environments.private import disk_errors
from environments.site import Site
from flows.cli.ledger_folder import open_folder
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["export", "new_file"]


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose bytes stand under `path`, private and durable, once the block ended well.

    Raises:
        UsageError: something stands there already.
        UnreachableError: the disk refuses.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path}: is there already", remedy="name another file, or move this one away")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with disk_errors(f"{path}: cannot be written"):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(draft, flags, 0o600), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, path)
        except FileExistsError:
            raise UsageError(f"{path}: is there already", remedy="name another file") from None
        finally:
            draft.unlink(missing_ok=True)


@click.command(
    "export",
    epilog=example(
        "isthmus ledger export onprem.jsonl --env onprem",
        "isthmus ledger export onprem.parquet --env onprem --format parquet",
        "python infra/auditor/verify_ledger.py onprem.jsonl cloud.jsonl",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    help="jsonl: all that an auditor needs to verify it. parquet: the entries as a table.",
)
@home_option
@site_option
@json_option
def export(*, file: Path, env: str, form: str, home: Home, site: Site, as_json: bool) -> None:
    """Write the whole record of one environment into FILE, which must not be there yet.

    An auditor verifies the JSON Lines with `infra/auditor/verify_ledger.py`, one file that needs nothing of
    isthmus; exports of several environments are held against one another.
    """
    folder = open_folder(home, site, env)
    public = load_identity(folder).public
    with new_file(file) as stream:
        if form == "jsonl":
            entries = export_lines(folder.ledger, public, stream)
        else:
            entries = export_parquet(folder.ledger, public, stream)
    if as_json:
        emit_json({"environment": env, "entries": entries, "file": str(file), "key": public.key_id})
        return
    click.echo(f"{entries} entries of {env} in {file}; its key is {public.key_id}")
