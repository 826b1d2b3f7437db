"""`isthmus demo`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from data_contracts.errors import StepFailedError
from environments.embedded.api import read_api
from environments.home import Home
from environments.site import Site
from flows.cli.options import home_option, json_option
from flows.cli.report import emit_json, on_interrupt

__all__ = ["command"]

_DATA = Path(__file__).resolve().parents[1] / "hospital" / "data"
_ASSETS = (
    # (parameter of the pipeline, file, environment, asset, contract)
    ("tests", "onprem_tests.csv", "onprem", "covid_tests", "hospital.covid-tests"),
    ("newest", "clinic_tests.csv", "edge", "clinic_tests", "hospital.clinic-tests"),
)


@click.command(name="demo")
@click.option("--down", "stop", is_flag=True, help="Stop the system at the end; without it, it stays up.")
@home_option
@json_option
def command(home: Home, stop: bool, as_json: bool) -> None:
    """Run the hospital's pipeline from nothing, and show what crossed and what was refused.

    Starts the embedded system if it is down, adds the shipped data if it is not there, registers
    everything, runs the pipeline while you watch, and ends with one page. After Ctrl-C, the same command
    goes on from where it was.

    \b
    Example:
      isthmus demo
      isthmus demo --home /tmp/isthmus --down
    """  # noqa: D301 - click's own mark for lines that stay as they are
    with on_interrupt(
        "interrupted; what was done stays, nothing is half-done",
        remedy="`isthmus demo` goes on from here, `isthmus down` stops what is up",
    ):
        _demo(home, stop=stop, as_json=as_json)


def _demo(home: Home, *, stop: bool, as_json: bool) -> None:
    from flows.cli.demo_text import page
    from flows.cli.run_text import ask_to_run, follow, next_step, started
    from flows.deployment import register
    from flows.runtime.endings import exit_code_of
    from flows.runtime.server import Server
    from flows.runtime.summary import summarise

    began = time.monotonic()
    say: Callable[[str], None] = (lambda _: None) if as_json else click.echo
    site = Site.load()
    say("1 of 4  the embedded system: PostgreSQL, Prefect server, and three environments")
    _up(home, site, say)
    say("2 of 4  the data: each file goes into the environment that owns it, and stays there")
    _add_missing(home, site, say)
    say("3 of 4  pipelines, steps and forms are registered with the server")
    report = register(home, site)
    say(f"        {len(report.deployments)} deployments")
    say("4 of 4  the pipeline: every line is a step, where it runs")
    with Server(read_api(home)) as server:
        run = ask_to_run(server, site, "hospital", {})
        for line in started(server, run):
            say(line)
        end = follow(server, run.id, say)
        summary = summarise(server.parts(run.id))
    seconds = round(time.monotonic() - began, 1)
    if stop:
        _down(home)
    if as_json:
        emit_json(
            {"run": end.id, "state": end.state, "seconds": seconds, "url": server.api.ui_url}
            | summary.to_json()
        )
    else:
        for line in page(summary, end, server.api.ui_url, seconds, stopped=stop):
            click.echo(line)
        if next_step(end, "hospital"):
            click.echo(next_step(end, "hospital"), err=True)
    raise click.exceptions.Exit(exit_code_of(end))


def _up(home: Home, site: Site, say: Callable[[str], None]) -> None:
    from environments.embedded.launch import launch
    from environments.embedded.progress import Event, render

    def tell(event: Event) -> None:
        if event.kind != "ready":
            say(render(event))

    launch(home, site, None, tell)


def _down(home: Home) -> None:
    from environments.embedded.takedown import take_down

    take_down(home)


def _add_missing(home: Home, site: Site, say: Callable[[str], None]) -> None:
    """Add what is not there, each file by a process of its own: none opens two environments."""
    from flows.runtime.facts import ask_stores
    from flows.runtime.program import SourceAsset

    wanted = [SourceAsset(parameter, name, env) for parameter, _, env, name, _ in _ASSETS]
    there = ask_stores(home, site, wanted)
    missing = [asset for asset in _ASSETS if asset[0] not in there]
    for parameter, _, environment, name, _ in _ASSETS:
        if parameter in there:
            say(f"        {name} is in {environment}: {there[parameter].rows:,} rows")
    with ThreadPoolExecutor(len(_ASSETS)) as pool:
        for text in pool.map(lambda asset: _add(home, *asset[1:]), missing):
            say(text)


def _add(home: Home, file: str, environment: str, name: str, contract: str) -> str:
    entry = "import flows.cli.main; flows.cli.main.main()"
    arguments = [str(_DATA / file), "--env", environment, "--name", name, "--contract", contract]
    child = subprocess.run(
        [sys.executable, "-P", "-c", entry, "asset", "add", *arguments, "--home", str(home.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise StepFailedError(f"{name} was not added: {child.stderr.strip()}")
    return "\n".join(f"        {line}" for line in child.stdout.splitlines())
