"""What a sealed worker can run: the types between the worker and whoever installed the code.

Invariants:
1. Code comes from the catalogue that this environment's own installation built, never from the
   server; the server only names an entry of it.
2. `validate` runs before anything else of the run does, in the worker, on what the server holds.
   It returns the parameters that will be used, or raises `UsageError`: then nothing runs.
3. `execute` runs in a process that serves this one run and ends with it.

Example:
    >>> class Nothing:
    ...     def find(self, flow_name):
    ...         return None
    >>> Nothing().find("hospital.train") is None
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from environments.embedded.api import ApiAddress
    from environments.home import EnvironmentFolder
    from environments.profile import Profile, StepGrant
    from environments.site import Site

__all__ = ["QUEUES", "Catalogue", "Queue", "RunContext", "Runnable"]

Queue = Literal["pipelines", "steps"]
QUEUES: tuple[Queue, ...] = ("pipelines", "steps")


@dataclass(frozen=True)
class RunContext:
    """One run, in its own process.

    Attributes:
        flow_run: what the server says of the run; only its id, name and parent may be used.
        parameters: the validated ones, as `Runnable.validate` returned them.
        folder: the folder of the environment that runs it, and the only one it may open.
        profile: that environment's declaration.
        api: where the Prefect server is, with the credential.
        site: the site whose contracts and flows are installed here.
    """

    flow_run: FlowRun
    parameters: Mapping[str, object]
    folder: EnvironmentFolder
    profile: Profile
    api: ApiAddress
    site: Site


class Runnable(Protocol):
    """One locally installed flow: a pipeline, or a step of one."""

    @property
    def flow_name(self) -> str:
        """`hospital` for a pipeline, `hospital.train` for a step."""

    @property
    def queue(self) -> Queue:
        """The queue whose slots its runs take."""

    @property
    def purpose(self) -> str:
        """What it reads data for; empty where a pipeline's steps say it."""

    @property
    def phases(self) -> frozenset[str]:
        """The literals of its code that may stand in its lines of progress."""

    def validate(self, parameters: Mapping[str, object], grant: StepGrant | None) -> Mapping[str, object]:
        """Return the parameters to run with.

        Called in the worker, before a process is given to the run: it must be quick, open no
        file of the store and import nothing heavy. `grant` is what this environment's file says
        of the step; None where the file lists it without bounds.

        Raises:
            UsageError: the parameters are refused; the text becomes the run's state, so it
                carries no value from them.
        """

    def execute(self, run: RunContext) -> None:
        """Run it under Prefect's engine, which sets the run's final state.

        Called once, in a process of its own, with stdout and stderr already in the run's log.
        Raising ends the run as crashed.
        """


class Catalogue(Protocol):
    """Everything that is installed here."""

    def find(self, flow_name: str) -> Runnable | None:
        """Return the entry of that exact name; None where there is none."""
