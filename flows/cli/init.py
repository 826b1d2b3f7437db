"""`isthmus init`: a commented site that runs.

The site is written beside DIR and put in its place by one rename: interrupted, it leaves nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import click

from data_contracts.errors import UsageError
from environments.private import disk_errors
from flows.cli.options import example, json_option
from flows.cli.report import emit_json
from flows.cli.schemas import editor_schemas

__all__ = ["TEMPLATE", "command", "write_site"]

TEMPLATE = Path(__file__).parent / "site_template"


def write_site(directory: Path) -> list[Path]:
    """Write the example site to a directory that is empty or not there; return its files, relative.

    Raises:
        UsageError: the directory holds something, or is none, or its parent is not there.
        UnreachableError: the disk refuses.
    """
    target = directory.absolute()
    _refuse_occupied(target)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with disk_errors(f"{directory}: the site cannot be written"):
        try:
            shutil.copytree(TEMPLATE, draft, ignore=shutil.ignore_patterns("__pycache__"))
            (draft / "schemas").mkdir()
            for name, text in editor_schemas().items():
                (draft / "schemas" / name).write_text(text, encoding="utf-8")
            for path in (draft, *draft.rglob("*")):
                # Whatever the modes of the installed package: files to edit, folders to enter.
                path.chmod(0o755 if path.is_dir() else 0o644)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())


def _refuse_occupied(target: Path) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: no such folder", remedy="make it first")
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise UsageError(f"{target}: is no folder", remedy="name one that is empty or not there")
    with disk_errors(f"{target}: cannot be read"):
        if any(target.iterdir()):
            raise UsageError(f"{target}: is not empty", remedy="name a folder that is empty or not there")


@click.command(name="init", epilog=example("isthmus init my-site", "isthmus up --site my-site"))
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def command(directory: Path, *, as_json: bool) -> None:
    """Write a commented site that runs: environments, a contract, a pipeline, a schedule and some rows.

    DIR must be empty or not there. Read its README.md next.
    """
    files = write_site(directory)
    if as_json:
        emit_json({"site": str(directory.absolute()), "files": [path.as_posix() for path in files]})
        return
    click.echo(f"wrote {len(files)} files to {directory}:")
    for path in files:
        click.echo(f"  {path}")
    click.echo("next:")
    click.echo(f"  export ISTHMUS_SITE={directory.absolute()}")
    click.echo("  isthmus up")
    click.echo(f"  less {directory / 'README.md'}")
