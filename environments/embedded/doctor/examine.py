"""Every check, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from data_contracts.errors import IsthmusError
from environments.embedded.api import read_api
from environments.embedded.client import Client
from environments.embedded.doctor.environment import examine_environment
from environments.embedded.doctor.finding import Finding, Severity
from environments.embedded.doctor.joined import check_joined
from environments.embedded.doctor.limits import check_limits
from environments.embedded.doctor.machine import check_clock, check_disk, check_memory, check_port
from environments.embedded.doctor.software import check_versions
from environments.embedded.doctor.stores import check_store, is_remote
from environments.embedded.doctor.transits import check_transits
from environments.embedded.forks import ask_all
from environments.embedded.launch import running
from environments.embedded.settings import load_settings
from environments.embedded.sweep import leftovers
from environments.home import Home
from environments.members import environments_here, read_membership
from environments.site import Site

__all__ = ["examine"]


def examine(home: Home, site: Site) -> list[Finding]:
    """Look at everything; the machine first, then the home, then each environment."""
    findings = check_versions()
    try:
        home.check()
    except IsthmusError as error:
        severity: Severity = "warning" if error.exit_code == 5 else "error"  # noqa: PLR2004 - 5: none was made yet
        findings += [Finding("home", severity, str(error), error.remedy)]
        findings += [check_disk(home.root, "home"), check_memory(runs=False), *check_clock(None, home.root)]
        return findings
    try:
        state, settings = running(home), load_settings(home)
    except IsthmusError as error:
        return [*findings, Finding("home", "error", str(error), error.remedy)]
    port = settings.port if settings else None
    try:
        joined = read_membership(home)
    except IsthmusError as error:
        return [*findings, Finding("home", "error", str(error), error.remedy)]
    findings += [
        Finding("home", "ok", f"{home.root} is private"),
        check_port(port, ours=state is not None) if joined is None else check_joined(home, joined),
        check_disk(home.root, "home"),
        check_memory(runs=state is not None),
        *check_clock(port if state is not None else None, home.system),
        _leftovers(home, runs=state is not None),
    ]
    if state is not None:
        findings += _limits(home, site, None if joined is None else joined.name)
    return findings + _environments(home, site)


def _limits(home: Home, site: Site, own: str | None) -> list[Finding]:
    """Look at the limits of all pools, or of the one of a home that joined."""
    try:
        client = Client(read_api(home))
        pools = sorted(p.work_pool for name, p in site.profiles.items() if own in (None, name))
    except IsthmusError as error:
        return [Finding("limits", "warning", f"could not be asked for: {error}", error.remedy)]
    return check_limits(client, pools)


def _leftovers(home: Home, *, runs: bool) -> Finding:
    if runs:
        return Finding("leftovers", "ok", "a supervisor looks after every process")
    left = [process for group in leftovers(home).values() for process in group]
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        what = f"{len(left)} processes of a system without supervisor: {pids}"
        return Finding("leftovers", "error", what, "run `isthmus down`: it ends them")
    stale = [path for path in (home.system / "api.json", home.system / "state.json") if path.exists()]
    if stale:
        return Finding(
            "leftovers",
            "warning",
            f"{stale[0]} of a system that is gone",
            "run `isthmus down` or `isthmus up`",
        )
    return Finding("leftovers", "ok", "nothing is left of earlier systems")


def _told(check: str, questions: dict[str, Callable[[], list[dict[str, Any]]]]) -> list[Finding]:
    """Ask a child of each environment; one that cannot answer is a finding."""
    findings = []
    for name, answer in ask_all(questions).items():
        if isinstance(answer, IsthmusError):
            findings.append(Finding(check, "error", f"{name}: {answer}", answer.remedy))
        else:
            findings += [Finding(**finding) for finding in answer]
    return findings


def _environments(home: Home, site: Site) -> list[Finding]:
    try:
        _ = site.profiles
    except IsthmusError as error:
        return [Finding("home", "error", str(error), "correct the files named here")]
    try:
        names = environments_here(home, site.profiles)
    except IsthmusError as error:
        return [Finding("home", "error", str(error), error.remedy)]
    made = [name for name in names if (home.environments / name).exists()]
    findings = [
        Finding("home", "warning", f"{name}: was never set up in this home", "run `isthmus up`")
        for name in names
        if name not in made
    ]
    findings += _told("home", {name: partial(examine_environment, home.environment(name)) for name in made})
    remote = {name: site.profiles[name] for name in made if is_remote(site.profiles[name])}
    findings += _told(
        "stores", {name: partial(check_store, home.environment(name), each) for name, each in remote.items()}
    )
    return findings + check_transits(site.profiles[name] for name in made)
