"""The composition root: what the embedded system runs, put together from all layers.

`isthmus up` starts it as `python -P -m flows.supervisor`. It must stay light and start no thread: what is
imported here before the supervisor forks is in every process of the system.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from data_contracts.errors import IsthmusError
from environments.collecting import collect_seldom
from environments.embedded.api import ApiAddress
from environments.embedded.composition import Composition, Gates, Registrar
from environments.embedded.progress import Event, Reporter, pipe_reporter, text_reporter
from environments.embedded.readiness import GATE_CHECKS, HOST_CHECKS
from environments.embedded.supervisor import supervise
from environments.home import EnvironmentFolder, Home
from environments.profile import Profile
from environments.site import Site

__all__ = ["main"]

SHARED = ("prefect", "prefect.client.orchestration")
PRELOAD = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "distributed",
    "numpy",
    "pyarrow.compute",
    "pyarrow.parquet",
    "uvicorn",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "environments.apigate.serving",
    "environments.identity",
    "environments.embedded.pumping",
    "environments.clusters.embedded",
    "environments.clusters.nodes",
    "environments.workpools.host",
    "environments.workpools.worker",
    "flows.runtime.catalogue",
)


def _run_host(folder: EnvironmentFolder, profile: Profile, api: ApiAddress, site: Site) -> int:
    from environments.workpools.host import run_host
    from flows.runtime.catalogue import build_catalogue

    return run_host(folder, profile, api, partial(build_catalogue, site), site=site)


def _gates() -> Gates:
    from environments.apigate.address import write_gate
    from environments.apigate.serving import bind_gate, gate_url, run_gate

    return Gates(bind_gate, gate_url, write_gate, run_gate)


def _run_pump(folder: EnvironmentFolder, site: Site) -> int:
    from environments.embedded.pumping import run_pump

    return run_pump(folder, site)


def _registrar() -> Registrar | None:
    spec = find_spec("flows.deployment")
    if spec is None or spec.origin is None:
        return None

    def register(home: Home, site: Site) -> object:
        from flows.deployment import register as register_deployments

        return register_deployments(home, site)

    return register


def main() -> int:
    """Run one system until it is told to stop."""
    collect_seldom()
    parser = argparse.ArgumentParser(prog="flows.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--site", type=Path)
    parser.add_argument("--port", type=int)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--report", type=int, metavar="DESCRIPTOR")
    whom.add_argument("--foreground", action="store_true")
    options = parser.parse_args()
    report: Reporter = text_reporter if options.foreground else pipe_reporter(options.report)
    try:
        site = Site.load(options.site)
        _ = site.profiles, site.organisation
    except IsthmusError as error:
        report(Event("failed", str(error.exit_code), str(error), remedy=error.remedy))
        return error.exit_code
    composition = Composition(
        home=Home(options.home),
        site=site,
        port=options.port,
        gates=_gates(),
        run_host=_run_host,
        run_pump=_run_pump,
        host_checks=GATE_CHECKS | HOST_CHECKS,
        register=_registrar(),
        shared=SHARED,
        preload=PRELOAD,
    )
    return supervise(composition, report)


if __name__ == "__main__":
    sys.exit(main())
