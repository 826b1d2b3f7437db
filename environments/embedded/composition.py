"""What the composition root hands to the supervisor: everything that this package must not import itself.

The supervisor sits below workers, clusters and flows, which know its API's address; so what it starts for
them comes in as functions, and every one of them is called in a child, never in the supervisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from environments.embedded.api import ApiAddress
from environments.home import EnvironmentFolder, Home
from environments.profile import Profile
from environments.site import Site

__all__ = ["Composition", "HostCheck", "HostRunner", "Registrar"]

HostRunner = Callable[[EnvironmentFolder, Profile, ApiAddress, Site], int]
"""Runs one environment's host until it is told to stop."""
HostCheck = Callable[[EnvironmentFolder, Profile, float], str | None]
"""Says how one part of an environment that started after the given Unix time is ready; None: not yet."""
Registrar = Callable[[Home, Site], Any]
"""Registers deployments with the server; runs with the API's settings in its environment."""


@dataclass(frozen=True)
class Composition:
    """What runs.

    Attributes:
        home: where.
        site: what is declared.
        port: the API's, where the user named one; else the remembered one, else a free one.
        run_host: an environment's host; None brings up the control plane alone.
        host_checks: what must be ready in every environment, in the order in which it is told.
        register: registers deployments at the end; None where nothing does.
        shared: modules imported before the server is forked: the server and all hosts share them.
        preload: modules imported after that, shared by the hosts. None of either may start a thread.
    """

    home: Home
    site: Site
    port: int | None = None
    run_host: HostRunner | None = None
    host_checks: dict[str, HostCheck] = field(default_factory=dict)
    register: Registrar | None = None
    shared: Sequence[str] = ()
    preload: Sequence[str] = ()
