"""Running a plan: each node as soon as what it needs is there, exactly as the plan says.

Invariants:
1. A node runs where the plan put it, or not at all; nothing is decided here.
2. Exactly one arm of a `when` runs. What stands in an arm waits for the outcome.
3. After the first failure nothing new begins; what runs is waited for; the failure that comes first in
   the pipeline's text is the one that is told.
4. A refusal that nothing handles is a failure.

Independent nodes run at the same time: a pipeline is its data flow, not the order of its lines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import DefectError
from environments.ref import AssetRef
from environments.trust.grants import GRANT_PARAMETER
from flows.runtime.calls import Call, Caller
from flows.runtime.crossing import PATIENCE, Crosser, CrossingAsk, CrossingEnd
from flows.runtime.plan import Plan
from flows.runtime.program import ChoiceNode, Node, RequireNode, StepNode, SyncNode
from flows.runtime.symbols import Link

__all__ = ["Known", "Runner"]

PATIENT = None
"""No time limit: a step waits in its queue as long as it takes, and whoever wants may cancel."""


@dataclass(frozen=True)
class Known:
    """A value that is there.

    Attributes:
        value: an AssetRef, number or boolean; for an outcome, the `CrossingEnd`.
        origins: the flow runs that it came from.
    """

    value: Any
    origins: tuple[str, ...] = ()


class _SkippedError(Exception):
    """Something that this needs failed, or the run is stopping; said elsewhere already."""


class Runner:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        caller: Caller,
        *,
        run_id: str,
        started: dict[str, Known],
        signed: str | None = None,
        grants: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Run `plan` through `caller`; `started` holds the pinned assets by parameter, `signed` who asks.

        `grants` holds, by node, the signed grants of steps that need one.
        """
        self._plan, self._caller = plan, caller
        self._run_id, self._say, self._signed = run_id, say, signed
        self._grants = dict(grants or {})
        self._values: dict[Link, Future[Known]] = {}
        self._stopping = threading.Event()
        self._crosser = Crosser(caller, patience=PATIENCE, stopping=self._stopping, say=say)
        self.ends: dict[str, CrossingEnd] = {}
        for parameter, known in started.items():
            self._promise(Link(parameter, "ref")).set_result(known)

    def run(self) -> None:
        """Run everything.

        Raises:
            IsthmusError: the first failure, in the order of the pipeline's text.
        """
        error = self._block(self._plan.program.nodes, ())
        if error is not None:
            raise error

    # Blocks

    def _block(self, nodes: tuple[Node, ...], because: tuple[str, ...]) -> BaseException | None:
        errors: dict[str, BaseException] = {}
        for node in nodes:
            for link in _promised(node, self._plan):
                self._promise(link)

        def work(node: Node) -> None:
            try:
                self._node(node, because)
            except _SkippedError as skipped:
                self._fail(node, skipped)
            except BaseException as error:  # noqa: BLE001 - carried to the thread that waits for it
                self._stopping.set()
                errors[node.id] = error
                self._fail(node, _SkippedError())

        threads = [threading.Thread(target=work, args=(node,), name=node.id) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENT)
        return next((errors[node.id] for node in nodes if node.id in errors), None)

    def _node(self, node: Node, because: tuple[str, ...]) -> None:
        if isinstance(node, StepNode):
            self._step(node, because)
        elif isinstance(node, SyncNode):
            (self._queue if node.queued else self._sync)(node, because)
        elif isinstance(node, RequireNode):
            end = self._end(node.sync)
            if end.outcome != "permitted":
                raise end.refusal()
            for link, asked in zip(node.arrived, node.asked, strict=True):
                self._set(link, self._wait(asked))
        else:
            self._choose(node)

    def _begin(self) -> None:
        if self._stopping.is_set():
            raise _SkippedError

    # Kinds of nodes

    def _step(self, node: StepNode, because: tuple[str, ...]) -> None:
        arguments = {
            name: self._wait(value) if isinstance(value, Link) else Known(value)
            for name, value in node.arguments.items()
        }
        self._begin()
        place = self._plan.places[node.id]
        inputs = {name: known.origins for name, known in arguments.items() if known.origins}
        if because:
            inputs["because"] = because
        parameters = {name: _json(known.value) for name, known in arguments.items()}
        if node.id in self._grants:
            parameters[GRANT_PARAMETER] = self._grants[node.id]
        finished = self._caller.call(Call(node.id, place.step, place.environment, parameters, inputs))
        for link in _promised(node, self._plan):
            if link.output not in finished.results:
                raise DefectError(f"{place.step} did not say its result {link.output}")
            self._set(link, Known(finished.results[link.output], (finished.run.id,)))

    def _asked(self, node: SyncNode) -> tuple[CrossingAsk, list[Known], tuple[str, ...]]:
        """Return what shall cross, once it is there, and the runs that it came from."""
        known = [self._wait(ref) for ref in node.refs]
        self._begin()
        crossing = self._plan.crossings[node.id]
        ref, *more = (asset.value for asset in known)
        if any(asset.environment != crossing.source for asset in (ref, *more)):
            raise DefectError(f"{node.id}: the asset is not where the plan says")
        request = f"{self._run_id}/{node.id}"
        ask = CrossingAsk(node.id, ref, node.to, node.purpose, request, signed=self._signed, more=tuple(more))
        return ask, known, tuple(dict.fromkeys(run for asset in known for run in asset.origins))

    def _queue(self, node: SyncNode, because: tuple[str, ...]) -> None:
        ask, _, origins = self._asked(node)
        if self._plan.crossings[node.id].local:
            self._say(f"{ask.ref.name} is in {node.to} already")
            return
        self._crosser.queue(ask, origins, because)
        self._say(f"{ask.title}: queued")

    def _sync(self, node: SyncNode, because: tuple[str, ...]) -> None:
        ask, known, origins = self._asked(node)
        if self._plan.crossings[node.id].local:
            end = CrossingEnd(f"{ask.ref.name} is in {node.to} already", "permitted", arrived=ask.ref)
            for link, asset in zip(node.arrived, known, strict=True):
                self._set(link, asset)
            self._set(Link(node.id, "outcome"), Known(end, origins))
            return
        end = self._crosser.send(ask, origins, because)
        self.ends[node.id] = end
        why = ", ".join(map(str, end.rules)) or str(end.error or "")
        self._say(f"{end.title}: {end.outcome}{f': {why}' if why else ''}")
        if end.outcome != "permitted" and not node.handled:
            raise end.refusal()
        # What arrived may be used at once; the receipt is settled meanwhile.
        for number, link in enumerate(node.arrived):
            if end.arrived is not None:
                self._set(link, Known(end.members[number], end.runs[-1:]))
            else:
                self._values[link].set_exception(_SkippedError())
        self._set(Link(node.id, "outcome"), Known(end, end.runs[-1:]))
        self._crosser.settle(ask, end)

    def _choose(self, node: ChoiceNode) -> None:
        end = self._end(node.sync)
        arm = node.arms.get(end.outcome)
        if arm is None:
            raise end.refusal()
        self._begin()
        because = self._wait(node.sync).origins if arm.nodes else ()
        error = self._block(arm.nodes, because)
        if error is not None:
            raise error
        chosen = Link(node.id, "chosen")
        if chosen in self._values and arm.result is not None:
            self._set(chosen, self._wait(arm.result))

    # Values

    def _promise(self, link: Link) -> Future[Known]:
        return self._values.setdefault(link, Future())

    def _set(self, link: Link, known: Known) -> None:
        self._values[link].set_result(known)

    def _wait(self, link: Link) -> Known:
        return self._values[link].result(PATIENT)

    def _end(self, link: Link) -> CrossingEnd:
        end: CrossingEnd = self._wait(link).value
        return end

    def _fail(self, node: Node, error: BaseException) -> None:
        for link in _promised(node, self._plan):
            future = self._values[link]
            if not future.done():
                future.set_exception(error)


def _promised(node: Node, plan: Plan) -> Iterable[Link]:
    """Return the links that a node gives."""
    if isinstance(node, StepNode):
        return [Link(node.id, output) for output in plan.outputs[node.id]]
    if isinstance(node, SyncNode):
        return [] if node.queued else [Link(node.id, "outcome"), *node.arrived]
    if isinstance(node, RequireNode):
        return node.arrived
    return [Link(node.id, "chosen")]


def _json(value: Any) -> Any:  # noqa: ANN401 - any argument
    return value.to_json() if isinstance(value, AssetRef) else value
