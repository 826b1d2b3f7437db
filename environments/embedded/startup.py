"""The order of the start: what waits for what, and what is told when.

Everything that can overlap does: PostgreSQL starts while Python imports, environments make their keys while
the server starts, clusters and workers come up while it migrates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from environments.embedded.binaries import server_version
from environments.embedded.composition import HostCheck
from environments.embedded.forks import Answer, ask
from environments.embedded.parts import Part
from environments.embedded.postgres import is_ready
from environments.embedded.prepare import issue_trust, joined_trust, make_environment, meet_peers
from environments.embedded.progress import Kind
from environments.embedded.server import server_answers
from environments.embedded.system import System
from environments.home import EnvironmentFolder
from environments.profile import Profile

__all__ = ["start_all"]

_TIMEOUT = 180.0
"""Seconds for everything; generous, for a machine that is busy with other things."""
_Pending = dict[str, Callable[[], str | None]]


class Keeper(Protocol):
    """What the start needs of whoever keeps the parts alive (the supervisor)."""

    phase: str

    @property
    def system(self) -> System:
        """What is started."""

    def tell(self, name: str, detail: str = "", *, kind: Kind = "part") -> None:
        """Report an event."""

    def add(self, part: Part) -> None:
        """Start a part and write it down."""

    def write(self) -> None:
        """Write down what runs."""

    def until(self, ready: Callable[[], bool], what: str, *, timeout: float) -> None:
        """Wait, keeping everything alive meanwhile."""


def start_all(supervisor: Keeper) -> None:
    """Start every part and return when all are ready.

    Raises:
        UnreachableError: a part did not come up.
        StopRequested: someone wants it undone.
    """
    system = supervisor.system
    if system.composition.run_host:
        _ = system.profiles  # before anything starts
    system.settle_in()
    if system.joined is not None:
        _start_joined(supervisor)
    else:
        _start_whole(supervisor)
    supervisor.phase = "ready"
    supervisor.write()
    supervisor.tell("all", system.url.removesuffix("/api"), kind="ready")


def _start_joined(supervisor: Keeper) -> None:
    """Start the one environment of a home whose control plane is another machine's."""
    system = supervisor.system
    supervisor.write()
    silent = str(_answers(supervisor, {"api": system.ask_joined})["api"])
    system.preload(system.composition.shared)
    system.prepare_hosts()
    if silent:
        supervisor.tell("api", f"{silent}: the worker goes on asking", kind="note")
    else:
        supervisor.tell("api", f"{system.url}, on another machine")
    pending = _hosts(supervisor)
    # A link that is down at the start is no reason to give up: the worker polls for as long as it takes.
    _all_ready(supervisor, {k: v for k, v in pending.items() if not (silent and k.startswith("worker@"))})


def _start_whole(supervisor: Keeper) -> None:
    """Start the control plane, and the environments that live here."""
    system = supervisor.system
    note = system.bind()
    if note:
        supervisor.tell("port", note, kind="note")
    supervisor.write()
    _answers(supervisor, {"secrets": system.publish})
    supervisor.add(system.postgresql())
    system.preload(system.composition.shared)
    supervisor.add(system.server())
    system.prepare_hosts()
    version, port = f"{server_version()}, private socket, no network", system.settings.port or 0
    control: _Pending = {
        "postgresql": lambda: version if is_ready(system.data) else None,
        # A child asks: the port takes connections before the server does, so that asking waits.
        "prefect server": partial(_said, ask(partial(_server_answered, port, system.url))),
    }
    hosts = _hosts(supervisor) if system.composition.run_host else {}
    _all_ready(supervisor, control | hosts)
    if system.composition.register is not None:
        _answers(supervisor, {"deployments": system.register})
        supervisor.tell("deployments", "registered")


def _answers(supervisor: Keeper, questions: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Ask children, wait for all, and return what they said."""
    answers: dict[str, Answer] = {name: ask(question) for name, question in questions.items()}
    try:
        supervisor.until(
            lambda: all(answer.poll() for answer in answers.values()), ", ".join(answers), timeout=_TIMEOUT
        )
    finally:
        for answer in answers.values():
            if not answer.poll():
                answer.cancel()
    return {name: answer.value() for name, answer in answers.items()}


def _hosts(supervisor: Keeper) -> _Pending:
    """Set every environment up, start its host, and return what to wait for."""
    system = supervisor.system
    profiles = system.profiles
    folders = {name: system.home.environment(name) for name in profiles}
    identities = _answers(
        supervisor, {name: partial(make_environment, folder) for name, folder in folders.items()}
    )
    for name in profiles:
        supervisor.tell(f"keys@{name}", "identity, certificates, store")
    trust = _trust(supervisor, identities)
    urls = {name: system.gate_url(name) for name in profiles}
    gates = system.composition.gates
    prepare = gates.prepare if gates is not None else None

    def introduce(name: str) -> None:
        url = urls[name]
        meet_peers(folders[name], identities, trust)
        if prepare is not None and url is not None:
            prepare(folders[name], url)

    _answers(supervisor, {name: partial(introduce, name) for name in profiles})
    began = time.time()
    if gates is None:
        supervisor.tell("gates", "UNSAFE: environments talk to the server without a gate", kind="note")
    for profile in profiles.values():
        if gates is not None:
            supervisor.add(system.gate(profile))
        supervisor.add(system.host(profile))
    for profile in profiles.values() if system.composition.run_pump is not None else ():
        supervisor.add(system.pump(profile))
    pending: _Pending = {}
    for part, check in system.composition.host_checks.items():
        for name, profile in profiles.items():
            answer = ask(_wait_for(check, folders[name], profile, began))
            pending[f"{part}@{name}"] = partial(_said, answer)
    return pending


def _trust(supervisor: Keeper, identities: Mapping[str, Any]) -> str:
    """Return the trust document under which the environments start."""
    system = supervisor.system
    if system.joined is None:
        question: Callable[[], str] = partial(issue_trust, system.home, identities)
    else:
        name = system.joined.name
        question = partial(joined_trust, system.home.environment(name), identities[name])
    return str(_answers(supervisor, {"trust": question})["trust"])


def _server_answered(port: int, url: str) -> str:
    while not server_answers(port, timeout=10.0):
        time.sleep(0.05)
    return url


def _said(answer: Answer) -> str | None:
    return str(answer.value()) if answer.poll() else None


def _wait_for(
    check: HostCheck, folder: EnvironmentFolder, profile: Profile, began: float
) -> Callable[[], str]:
    def question() -> str:
        while True:
            detail = check(folder, profile, began)
            if detail is not None:
                return detail
            time.sleep(0.05)

    return question


def _all_ready(supervisor: Keeper, pending: _Pending) -> None:
    """Tell each part as it becomes ready, and return when all are."""

    def step() -> bool:
        for name, check in list(pending.items()):
            detail = check()
            if detail is not None:
                del pending[name]
                supervisor.tell(name, detail)
        return not pending

    try:
        supervisor.until(step, "the system", timeout=_TIMEOUT)
    except Exception as error:
        if pending:
            error.args = (
                f"{error.args[0] if error.args else error} (still waited for: {', '.join(pending)})",
            )
        raise
