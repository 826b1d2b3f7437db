"""A supervisor of the control plane alone, or with stand-in hosts: `launch(…, entry=[this file])`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from environments.embedded.api import ApiAddress
from environments.embedded.composition import Composition
from environments.embedded.progress import pipe_reporter
from environments.embedded.readiness import HOST_CHECKS
from environments.embedded.supervisor import supervise
from environments.home import EnvironmentFolder, Home
from environments.private import write_private
from environments.profile import Profile
from environments.site import Site


def stand_in(folder: EnvironmentFolder, profile: Profile, _api: ApiAddress, _site: Site) -> int:
    cluster = {"address": "tls://127.0.0.1:1", "workers": profile.capacity.workers[0]}
    write_private(folder.run / "cluster.json", json.dumps(cluster).encode())
    write_private(folder.run / "worker.json", json.dumps({"last_poll": time.time()}).encode())
    while True:
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--site", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--report", type=int)
    options = parser.parse_args()
    hosts = os.environ.get("STAND_IN_HOSTS") == "1"
    composition = Composition(
        home=Home(options.home),
        site=Site.load(options.site),
        port=options.port,
        unsafe_without_gates=True,
        run_host=stand_in if hosts else None,
        host_checks=HOST_CHECKS if hosts else {},
        shared=("prefect",),
    )
    return supervise(composition, pipe_reporter(options.report))


if __name__ == "__main__":
    sys.exit(main())
