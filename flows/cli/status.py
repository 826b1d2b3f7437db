"""`isthmus status`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from environments.embedded.status import SystemStatus, system_status
from environments.home import Home
from flows.cli.options import home_option, json_option
from flows.cli.report import emit_json

__all__ = ["command"]

_UNREACHABLE = 5
_COLOURS = {"ok": "green", "starting": "yellow", "failing": "red", "down": "red"}


@click.command(name="status")
@home_option
@json_option
@click.option(
    "--watch", "watching", is_flag=True, help="Show it again and again, with each environment's numbers."
)
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
def command(home: Home, as_json: bool, watching: bool, every: float) -> None:
    """Show every part: health, version, address, queue lengths, and the last run of each pipeline.

    Exits with 0 when everything is well, with 5 when something is not or nothing runs. With `--watch` it
    goes on until Ctrl-C (exit 130) and shows what waits, what crossed, and what is behind; `--json` then
    writes one document a line (JSON Lines).

    \b
    Example:
      isthmus status
      isthmus status --json | jq .healthy
      isthmus status --watch
      isthmus status --watch --every 10 --json > isthmus.jsonl
    """  # noqa: D301 - click's own mark for lines that stay as they are
    if watching:
        from flows.cli.status_watch import watch

        watch(home, every, as_json=as_json)
    status = system_status(home)
    if as_json:
        emit_json(status.to_json())
    else:
        _show(status)
    if not status.healthy:
        raise click.exceptions.Exit(_UNREACHABLE)


def _table(rows: Sequence[tuple[str, ...]], *, colour: int | None = None) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if colour is not None and row[colour] in _COLOURS:
            cells[colour] = click.style(cells[colour], fg=_COLOURS[row[colour]])
        click.echo("  " + "  ".join(cells).rstrip())


def _show(status: SystemStatus) -> None:
    if status.phase == "down":
        click.echo(f"Nothing runs in {status.home}. Start it with `isthmus up`.")
        return
    mib = status.memory / 2**20
    click.echo(f"{status.url}  {status.phase}, {status.processes} processes, {mib:.0f} MiB (sum of PSS)")
    click.echo(f"home {status.home}\n")
    rows = [("PART", "HEALTH", "VERSION", "ADDRESS", "RESTARTS", "DETAIL")]
    rows += [(p.name, p.health, p.version, p.address, str(p.restarts), p.detail) for p in status.parts]
    _table(rows, colour=1)
    if status.queues:
        click.echo()
        rows_of_queues = [("QUEUE", "DUE", "RUNNING", "LIMIT", "SCHEDULED LATER")]
        rows_of_queues += [
            (
                f"{q.environment}/{q.name}",
                str(q.due),
                str(q.running),
                "-" if q.limit is None else str(q.limit),
                str(q.scheduled),
            )
            for q in status.queues
        ]
        _table(rows_of_queues)
    if status.outboxes:
        click.echo()
        waiting = [("OUTBOX", "TO", "WAITING", "SENT", "BYTES", "OLDEST", "TRIED AGAIN", "WHY")]
        waiting += [
            (
                one.environment,
                one.destination,
                str(one.waiting),
                str(one.sent),
                f"{one.bytes:,}",
                one.oldest[:19],
                (one.rests_until or "-")[:19],
                one.reason or "-",
            )
            for one in status.outboxes
        ]
        _table(waiting)
    if status.pipelines:
        click.echo()
        rows_of_runs = [("PIPELINE", "LAST RUN", "STARTED", "SECONDS", "RUN")]
        rows_of_runs += [
            (
                r.pipeline,
                r.state,
                (r.started or "-")[:19],
                "-" if r.seconds is None else str(r.seconds),
                r.run or "-",
            )
            for r in status.pipelines
        ]
        _table(rows_of_runs)
    for problem in status.problems:
        click.echo(f"\n  cannot be asked: {problem}", err=True)
