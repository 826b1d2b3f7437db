"""What the composition root hands to the supervisor: everything that this package must not import itself.

The supervisor sits below workers, clusters and flows, which know its API's address; so what it starts for
them comes in as functions, and every one of them is called in a child, never in the supervisor.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from environments.embedded.api import ApiAddress
from environments.home import EnvironmentFolder, Home
from environments.profile import Profile
from environments.site import Site

__all__ = ["Composition", "Gates", "HostCheck", "HostRunner", "PumpRunner", "Registrar"]

HostRunner = Callable[[EnvironmentFolder, Profile, ApiAddress, Site], int]
"""Runs one environment's host until it is told to stop."""
PumpRunner = Callable[[EnvironmentFolder, Site], int]
"""Sends and takes in what was queued, for one environment, until it is told to stop."""
HostCheck = Callable[[EnvironmentFolder, Profile, float], str | None]
"""Says how one part of an environment that started after the given Unix time is ready; None: not yet."""
Registrar = Callable[[Home, Site], Any]
"""Registers deployments with the server; runs with the API's settings in its environment."""


@dataclass(frozen=True)
class Gates:
    """The gates for API traffic, one for each environment.

    Attributes:
        bind: a listening socket on loopback; called in the supervisor, so that the port outlives the gate.
        url: the address of what listens on a socket.
        prepare: makes the gate's own credential in the environment's folder.
        run: serves with the real credential until told to stop.
    """

    bind: Callable[[], socket.socket]
    url: Callable[[socket.socket], str]
    prepare: Callable[[EnvironmentFolder, str], object]
    run: Callable[[EnvironmentFolder, ApiAddress, socket.socket], int]


@dataclass(frozen=True)
class Composition:
    """What runs.

    Attributes:
        home: where.
        site: what is declared.
        port: the API's, where the user named one; else the remembered one, else a free one.
        gates: between each environment and the server; hosts never get the server's credential.
        unsafe_without_gates: hosts talk to the server themselves; for tests that show what a gate withholds.
        run_host: an environment's host; None brings up the control plane alone.
        run_pump: sends what waits in an environment's outbox; None where nothing does.
        host_checks: what must be ready in every environment, in the order in which it is told.
        register: registers deployments at the end; None where nothing does.
        shared: modules imported before the server is forked: the server and all hosts share them.
        preload: modules imported after that, shared by the hosts. None of either may start a thread.
    """

    home: Home
    site: Site
    port: int | None = None
    gates: Gates | None = None
    unsafe_without_gates: bool = False
    run_host: HostRunner | None = None
    run_pump: PumpRunner | None = None
    host_checks: dict[str, HostCheck] = field(default_factory=dict)
    register: Registrar | None = None
    shared: Sequence[str] = ()
    preload: Sequence[str] = ()
