"""`isthmus doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from environments.embedded.doctor import examine
from environments.home import Home
from environments.site import Site
from flows.cli.options import home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]

_UNREACHABLE = 5
_SIGNS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "error": ("FIX", "red")}


@click.command(name="doctor")
@home_option
@site_option
@json_option
def command(home: Home, site: Site, as_json: bool) -> None:
    """Look for trouble: ports, disk, memory, versions, clocks, limits, certificates, leftovers.

    Each finding says what to do. Nothing is changed. Exits with 5 if something must be fixed.

    \b
    Example:
      isthmus doctor
      isthmus doctor --json | jq '.findings[] | select(.severity != "ok")'
    """  # noqa: D301 - click's own mark for lines that stay as they are
    findings = examine(home, site)
    broken = any(finding.severity == "error" for finding in findings)
    if as_json:
        emit_json({"healthy": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            word, colour = _SIGNS[finding.severity]
            click.echo(f"  {click.style(f'{word:<4}', fg=colour)}  {finding.check:<12}  {finding.what}")
            if finding.remedy and finding.severity != "ok":
                click.echo(f"        what to do:   {finding.remedy}")
    if broken:
        raise click.exceptions.Exit(_UNREACHABLE)
