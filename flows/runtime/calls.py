"""Calling a step in its environment, through the control plane, and waiting for its word.

A call is a task run in the pipeline's run (tagged with pool, kind and jurisdiction; its inputs are
the graph's edges), and a flow run of the deployment `PIPELINE.STEP/ENVIRONMENT` that the
environment's own worker pulls. Names, digests and counts come back as labels; nothing else does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import DefectError
from environments.ref import AssetRef
from environments.site import Site
from flows.runtime.endings import error_of
from flows.runtime.labels import read_results
from flows.runtime.server import Ask, RunView, Server
from flows.runtime.watching import Looks

__all__ = ["Call", "Caller", "Finished", "tags_of"]

POLL = 0.2


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        key: unique and stable in the pipeline's run: a retry is the same call.
        flow: `hospital.train`, `isthmus.egress`.
        environment: where.
        parameters: JSON values.
        inputs: parameter to the flow runs that it came from.
    """

    key: str
    flow: str
    environment: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """`train@cloud`: the name of the task and of the run."""
        return f"{self.flow.partition('.')[2]}@{self.environment}"


@dataclass(frozen=True)
class Finished:
    """A call that completed.

    Attributes:
        run: the flow run.
        results: by name.
    """

    run: RunView
    results: Mapping[str, Any]

    def ref(self, name: str = "ref") -> AssetRef:
        """Return a result that is an asset.

        Raises:
            TypeError: it is none; a defect of the step's, not of the caller's.
        """
        value = self.results.get(name)
        if not isinstance(value, AssetRef):
            raise TypeError(f"{self.run.name} returned no asset {name}")
        return value


def tags_of(site: Site, environment: str) -> tuple[str, ...]:
    """Return the tags of everything that runs in an environment."""
    profile = site.profile(environment)
    return (f"pool:{profile.work_pool}", f"kind:{profile.kind}", f"jurisdiction:{profile.jurisdiction}")


class Caller:
    """Makes calls for one pipeline's run, or for the command line where `parent` is None."""

    def __init__(
        self,
        server: Server,
        site: Site,
        *,
        parent: str | None,
        prefix: str,
        watch: Callable[[RunView], None] = lambda _: None,
        hear: Callable[[RunView, str], None] | None = None,
    ) -> None:
        """Call in the name of flow run `parent`; `prefix` makes keys unique.

        `watch` sees every change of a run, `hear` every line that a run says of itself; without it the lines
        are not asked for.
        """
        self._server, self._site, self._parent, self._prefix = server, site, parent, prefix
        self._watch, self._hear = watch, hear

    def call(self, call: Call) -> Finished:
        """Create the run, wait until it ends, and return its word.

        Raises:
            IsthmusError: it did not complete; of the family that its state names.
        """
        finished = self.finish(call, self.begin(call))
        if finished is None:
            raise DefectError(f"{call.title}: a wait without an end ended")
        return finished

    def begin(self, call: Call) -> str:
        """Create the run, and return its id; its environment's worker may be away."""
        tags = tags_of(self._site, call.environment)
        deployment = self._server.deployment(call.flow, call.environment)
        task = None
        if self._parent is not None:
            task = self._server.create_task(self._parent, call.key, call.title, tags, call.inputs)
        return self._server.create_run(
            Ask(deployment, call.title, call.parameters, f"{self._prefix}/{call.key}", tags, task)
        )

    def finish(self, call: Call, run_id: str, *, until: float | None = None) -> Finished | None:
        """Wait until a run ends, and return its word; None where it has not by the moment `until`.

        Raises:
            IsthmusError: it did not complete; of the family that its state names.
        """
        view = self._wait(run_id, until)
        if view is None:
            return None
        if view.type != "COMPLETED":
            raise error_of(view, call.title)
        return Finished(view, read_results(view.labels))

    def _wait(self, run_id: str, until: float | None = None) -> RunView | None:
        looks, seen, heard = Looks(self._server, run_id), "", 0
        while True:
            view = looks.now()
            if self._hear is not None and view.start is not None:
                for line in self._server.lines(run_id, after=heard):
                    heard += 1
                    self._hear(view, line)
            if view.state != seen:
                seen = view.state
                self._watch(view)
            if view.final:
                return view
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(POLL)
