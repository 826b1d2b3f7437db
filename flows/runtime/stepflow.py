"""A step as the sealed worker runs it: a flow of its own, in its environment, over its cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import UsageError
from environments.profile import StepGrant
from environments.ref import AssetRef
from environments.trust.grants import GRANT_PARAMETER
from environments.workpools.catalogue import Queue, RunContext
from flows.runtime.endings import RULES, Ending, dump_rules
from flows.runtime.guard import run_guarded
from flows.runtime.labels import write_results
from flows.runtime.phases import phases_of
from flows.runtime.progress import Progress
from flows.runtime.server import Server
from tasks.steps.cluster import Cluster, DaskCluster
from tasks.steps.definition import AnyStep
from tasks.steps.execution import run_step
from tasks.sync import BuiltIn, Side

__all__ = ["BuiltInRunnable", "StepRunnable"]

_REFUSALS = {"denied": "Denied", "broken": "ContractBroken"}


@contextmanager
def _cluster(run: RunContext) -> Iterator[Callable[[], Cluster]]:
    """Give a way to connect to the environment's cluster, and close what was opened."""
    opened: list[DaskCluster] = []

    def connect() -> Cluster:
        from environments.clusters.binding import connect as bind

        cluster = DaskCluster(bind(run.folder, run.profile), workers=run.profile.capacity.workers[1])
        opened.append(cluster)
        return cluster

    try:
        yield connect
    finally:
        for cluster in opened:
            cluster.client.close()


@dataclass(frozen=True)
class StepRunnable:
    """One step of one pipeline.

    Attributes:
        pipeline: the pipeline's name.
        step: the step.
    """

    pipeline: str
    step: AnyStep

    @property
    def flow_name(self) -> str:
        """`hospital.train`."""
        return f"{self.pipeline}.{self.step.name}"

    @property
    def queue(self) -> Queue:
        """Steps take the slots of steps."""
        return "steps"

    @property
    def purpose(self) -> str:
        """The step's."""
        return self.step.purpose

    @property
    def phases(self) -> frozenset[str]:
        """The phases that the step's code names, and ours."""
        return phases_of(self.step.fn)

    def validate(self, parameters: Mapping[str, object], grant: StepGrant | None) -> Mapping[str, object]:
        """Return the arguments; every one of its declared kind, numbers inside the grant.

        Raises:
            UsageError: refused.
        """
        signed = {GRANT_PARAMETER} if grant is not None and grant.grant else set()
        unknown = set(parameters) - set(self.step.inputs) - signed
        if unknown:
            raise UsageError(f"{len(unknown)} unknown parameters")
        bounds = {} if grant is None else grant.numbers
        arguments: dict[str, object] = {}
        for name, kind in self.step.inputs.items():
            if name in parameters:
                arguments[name] = kind.parse(parameters[name], name, bounds.get(name))
            elif name in self.step.defaults:
                arguments[name] = self.step.defaults[name]
            else:
                raise UsageError(f"without parameter {name}")
        return arguments

    def execute(self, run: RunContext) -> None:
        """Run the step over the environment's store and cluster."""

        def body(_: Server, progress: Progress) -> Mapping[str, Any]:
            from environments.stores import open_store

            for name, value in run.parameters.items():
                if isinstance(value, AssetRef) and value.environment != run.profile.name:
                    raise UsageError(f"{name} is in {value.environment}, not in {run.profile.name}")
            with _cluster(run) as connect:
                results = run_step(
                    self.step,
                    run.parameters,
                    environment=run.profile.name,
                    store=open_store(run.folder, run.profile),
                    contracts=run.site.contracts,
                    connect=connect,
                    report=progress.report,
                    lineage={"run": str(run.flow_run.id), "pipeline": self.pipeline},
                    scratch=run.folder.tmp,
                )
            return write_results(results)

        run_guarded(run, self.flow_name, body, trusted=False)


@dataclass(frozen=True)
class BuiltInRunnable:
    """One of the built-in steps: `isthmus.egress` and its like."""

    step: BuiltIn

    @property
    def flow_name(self) -> str:
        """`isthmus.egress`."""
        return f"isthmus.{self.step.name}"

    @property
    def queue(self) -> Queue:
        """Steps take the slots of steps."""
        return "steps"

    @property
    def purpose(self) -> str:
        """Empty: each crossing has its own."""
        return ""

    @property
    def phases(self) -> frozenset[str]:
        """None: what a built-in step says is ours."""
        return frozenset()

    def validate(self, parameters: Mapping[str, object], _grant: StepGrant | None) -> Mapping[str, object]:
        """Return the parameters; names, digests and request ids only.

        Raises:
            UsageError: refused.
        """
        if set(parameters) - set(self.step.parameters):
            raise UsageError("unknown parameters")
        missing = set(self.step.parameters) - set(parameters) - self.step.optional
        if missing:
            raise UsageError(f"without parameters {', '.join(sorted(missing))}")
        return {
            name: self.step.parameters[name].parse(value, name, None) for name, value in parameters.items()
        }

    def execute(self, run: RunContext) -> None:
        """Run it with the environment's own folder."""

        def body(_: Server, progress: Progress) -> Ending:
            with _cluster(run) as connect:
                side = Side(run.folder, run.site, connect, progress.report, progress.moved)
                answer = self.step.run(side, run.parameters)
            results = dict(answer.results)
            if answer.outcome:
                results["outcome"] = answer.outcome
            labels = write_results(results)
            if answer.rules:
                labels[RULES] = dump_rules(answer.rules)
            return Ending(
                "COMPLETED",
                _REFUSALS.get(answer.outcome, "Completed"),
                "; ".join(map(str, answer.rules)),
                labels,
            )

        run_guarded(run, self.flow_name, body, trusted=True)
