"""A pipeline as the sealed worker of its home runs it: pin, plan, run the plan.

Invariants:
1. What the run starts from is pinned first, each asset by its own environment, and recorded.
2. The plan is made once, here, and its digest is on the run before the first step begins.
3. The pipeline's process opens no asset of any environment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import DefectError, IsthmusError, UsageError
from data_contracts.labels import Labels
from environments.profile import StepGrant
from environments.site import Site
from environments.trust import load_pinned
from environments.trust.grants import GRANTS_PARAMETER
from environments.trust.requests import UNATTRIBUTED, attribute
from environments.trust.tokens import REQUEST_PARAMETER, read_token
from environments.workpools.catalogue import Queue, RunContext
from flows.runtime.calls import Call, Caller, Finished
from flows.runtime.endings import Ending, ending_of
from flows.runtime.granting import read_grants
from flows.runtime.guard import run_guarded
from flows.runtime.labels import PLAN, start_label
from flows.runtime.pipeline import Pipeline
from flows.runtime.planning import AssetFacts, make_plan
from flows.runtime.program import SourceAsset
from flows.runtime.progress import Progress
from flows.runtime.runner import Known, Runner
from flows.runtime.server import Server
from tasks.sync import SIGNED_KIND

__all__ = ["PipelineRunnable"]


@dataclass(frozen=True)
class PipelineRunnable:
    """One pipeline in its home."""

    pipeline: Pipeline
    site: Site

    @property
    def flow_name(self) -> str:
        """The pipeline's name."""
        return self.pipeline.name

    @property
    def queue(self) -> Queue:
        """Pipelines have slots of their own, so that they never starve their steps."""
        return "pipelines"

    @property
    def purpose(self) -> str:
        """Empty: its steps say it."""
        return ""

    @property
    def phases(self) -> frozenset[str]:
        """None: what a pipeline says is the runner's."""
        return frozenset()

    def validate(self, parameters: Mapping[str, object], _grant: StepGrant | None) -> Mapping[str, object]:
        """Return the parameters as they are, once they can be read.

        Raises:
            UsageError: refused.
        """
        self.pipeline.read(_own(parameters))
        if parameters.get(REQUEST_PARAMETER, "") != "":
            SIGNED_KIND.parse(parameters[REQUEST_PARAMETER], REQUEST_PARAMETER, None)
        read_grants(parameters.get(GRANTS_PARAMETER, ""))
        return dict(parameters)

    def execute(self, run: RunContext) -> None:
        """Pin, plan, and run the plan."""

        def body(server: Server, progress: Progress) -> Mapping[str, Any] | Ending:
            try:
                return work(server, progress)
            except DefectError:
                raise
            except IsthmusError as error:
                # A step's end, a refusal or a plan's error: its text is ours, and where it happened
                # the true error is kept already.
                return ending_of(error, None, trusted=True)

        def work(server: Server, progress: Progress) -> Mapping[str, Any]:
            if run.profile.name != self.pipeline.home:
                raise UsageError(f"{self.pipeline.name} is at home in {self.pipeline.home}")
            run_id = str(run.flow_run.id)
            caller = Caller(server, run.site, parent=run_id, prefix=run_id)
            parameters = _own(run.parameters)
            sources, _ = self.pipeline.read(parameters)
            with ThreadPoolExecutor(max_workers=8) as pool:
                pinned = dict(
                    zip(
                        [source.parameter for source in sources],
                        pool.map(lambda source: _pin(caller, source), sources),
                        strict=True,
                    )
                )
            facts = {name: _facts(finished) for name, finished in pinned.items()}
            server.label(run_id, {start_label(name): str(fact.ref) for name, fact in facts.items()})
            signed, requester = _who_asks(run, self.pipeline.name)
            progress.say(f"asked by {requester}")
            plan = make_plan(self.pipeline, run.site, facts, parameters, requester=requester)
            server.label(run_id, {PLAN: plan.digest})
            progress.say(f"plan {plan.digest}")
            for node, place in plan.places.items():
                progress.say(f"{node} runs in {place.environment}")
            started = {name: Known(finished.ref(), (finished.run.id,)) for name, finished in pinned.items()}
            grants = read_grants(run.parameters.get(GRANTS_PARAMETER, ""))
            Runner(
                plan, caller, run_id=run_id, started=started, signed=signed, grants=grants, say=progress.say
            ).run()
            return {}

        # The body of a pipeline holds symbols only: what its errors say is ours, and names.
        run_guarded(run, self.flow_name, body, trusted=True)


def _own(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return a pipeline's own parameters: all but those that say who asks and who grants."""
    signed = (REQUEST_PARAMETER, GRANTS_PARAMETER)
    return {name: value for name, value in parameters.items() if name not in signed}


def _who_asks(run: RunContext, pipeline: str) -> tuple[str | None, str]:
    """Return the token that goes to the steps, and whose it is by this environment's trust document.

    This is for the plan; each gate asks again, by its own document. A statement over another pipeline than
    this one goes to no step.
    """
    token = run.parameters.get(REQUEST_PARAMETER)
    if not token:
        return None, UNATTRIBUTED
    pinned = load_pinned(run.folder)
    document = None if pinned is None else pinned.document
    found = attribute(read_token(token), document, now=dt.datetime.now(dt.UTC), used=())
    if found.statement is not None and found.statement.subject != pipeline:
        return None, UNATTRIBUTED
    return str(token), found.requester


def _pin(caller: Caller, source: SourceAsset) -> Finished:
    parameters = {"asset": source.name}
    if source.version is not None:
        parameters["version"] = source.version
    return caller.call(Call(f"pin-{source.parameter}", "isthmus.pin", source.environment, parameters))


def _facts(finished: Finished) -> AssetFacts:
    ref = finished.ref()
    rows = finished.results.get("rows")
    return AssetFacts(
        ref=ref,
        contract_digest=str(finished.results["contract_digest"]),
        labels=Labels.from_json(ref.labels),
        size=int(finished.results["size"]),
        rows=None if rows is None else int(rows),
    )
