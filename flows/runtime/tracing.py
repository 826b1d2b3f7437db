"""Tracing: run a pipeline's body once over symbols, and keep what it called.

Invariants:
1. Nothing runs: no step's code, no file, no server.
2. Both arms of every `when` are traced.
3. A symbol of one trace, or of one arm, is refused anywhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from data_contracts.errors import UsageError
from environments.ref import check_name
from flows.runtime.errors import PlanError, call_site
from flows.runtime.program import (
    ARRIVED,
    REFUSALS,
    Arm,
    ChoiceNode,
    Node,
    RequireNode,
    StepNode,
    SyncNode,
)
from flows.runtime.symbols import Link, Outcome, Ref, Results, Symbol, Value
from tasks.steps import AssetRef
from tasks.steps.caller import use_caller
from tasks.steps.definition import AnyStep

__all__ = ["Tracer", "current_tracer"]

_CURRENT: ContextVar[Tracer | None] = ContextVar("isthmus_tracer", default=None)


def current_tracer(what: str) -> Tracer:
    """Return the running trace.

    Raises:
        UsageError: none runs here.
    """
    tracer = _CURRENT.get()
    if tracer is None:
        raise UsageError(
            f"{what} was called outside a pipeline", remedy="call it in a function with @pipeline"
        )
    return tracer


class Tracer:
    """Takes the calls of one pipeline's body."""

    def __init__(self, steps: Mapping[str, AnyStep]) -> None:
        """Trace calls of these steps, by name."""
        self._steps = steps
        self._counts: Counter[str] = Counter()
        self._blocks: list[list[Node]] = [[]]
        self._known: list[set[str]] = [set()]
        self._handled: set[str] = set()
        self._sets: set[str] = set()

    def trace(self, body: Callable[[], object], sources: Mapping[str, Ref]) -> tuple[Node, ...]:
        """Run the body and return its calls."""
        for symbol in sources.values():
            symbol._trace = self  # noqa: SLF001 - our own symbols
            self._known[0].add(symbol._link.node)  # noqa: SLF001
        token = _CURRENT.set(self)
        try:
            with use_caller(self):
                body()
        finally:
            _CURRENT.reset(token)
        return self._finish(tuple(self._blocks[0]))

    def _finish(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        done: list[Node] = []
        for node in nodes:
            if isinstance(node, SyncNode):
                done.append(replace(node, handled=node.id in self._handled))
            elif isinstance(node, ChoiceNode):
                arms = {key: Arm(self._finish(arm.nodes), arm.result) for key, arm in node.arms.items()}
                done.append(replace(node, arms=arms))
            else:
                done.append(node)
        return tuple(done)

    def _id(self, word: str) -> str:
        self._counts[word] += 1
        return word if self._counts[word] == 1 else f"{word}-{self._counts[word]}"

    def _add(self, node: Node) -> None:
        self._blocks[-1].append(node)
        self._known[-1].add(node.id)

    def _link(self, symbol: Symbol, place: str) -> Link:
        link: Link = symbol._link  # noqa: SLF001 - our own symbols
        mine = symbol._trace is self  # noqa: SLF001
        if not mine or not any(link.node in known for known in self._known):
            raise PlanError(
                "a ref that was made elsewhere",
                place,
                remedy="what an arm of when() makes is its result: use what when() returns",
            )
        return link

    def call(self, step: AnyStep, environment: str | None, arguments: Mapping[str, object]) -> object:
        """Take a call of a step."""
        place = call_site()
        if self._steps.get(step.name) is not step:
            raise PlanError(
                f"the pipeline's module does not hold the step {step.name} under its own name",
                place,
                remedy="import the step at the top of the pipeline's file; two steps need two names",
            )
        node = StepNode(
            self._id(step.name), step.name, environment, self._arguments(step, arguments, place), place
        )
        self._add(node)
        symbols: dict[str, Symbol] = {
            name: (Ref if name in step.outputs else Value)(Link(node.id, name), f"{node.id}.{name}", self)
            for name in step.results
        }
        if step.shape is None:
            return next(iter(symbols.values()), None)
        return Results(Link(node.id, "*"), node.id, symbols, self)

    def _arguments(self, step: AnyStep, arguments: Mapping[str, object], place: str) -> dict[str, object]:
        taken: dict[str, object] = {}
        for name, value in arguments.items():
            kind = step.inputs[name]
            if isinstance(value, Results | Outcome):
                raise PlanError(
                    f"{step.name}({name}=…): a whole result, not one asset",
                    place,
                    remedy="name the output: quarantine(tests).accepted, or sync(…).require()",
                )
            if isinstance(value, Symbol):
                taken[name] = self._link(value, place)
                continue
            try:
                written = kind.write(value)
                kind.read(written)
            except (UsageError, TypeError, ValueError, AttributeError):
                raise PlanError(f"{step.name}({name}=…): not {kind.word}", place) from None
            taken[name] = written
        return taken

    def sync(self, what: AssetRef | Sequence[AssetRef], to: str, purpose: str) -> Outcome:
        """Take a crossing of one asset, or of several that stand or fall together."""
        several = isinstance(what, list | tuple)
        node = self._crossing("sync", what, to, purpose)
        if several:
            self._sets.add(node.id)
        link, members = Link(node.id, "outcome"), len(node.refs) if several else None
        return Outcome(link, node.id, lambda: self._require(link, members), self)

    def queue(self, what: AssetRef | Sequence[AssetRef], to: str, purpose: str) -> None:
        """Take a crossing that goes through the outbox: the run does not wait for it."""
        self._crossing("queue", what, to, purpose)

    def _crossing(self, word: str, what: AssetRef | Sequence[AssetRef], to: str, purpose: str) -> SyncNode:
        place = call_site()
        refs = list(what) if isinstance(what, list | tuple) else [what]
        if not refs or not all(isinstance(ref, Ref) for ref in refs):
            raise PlanError(f"{word}() of what is no asset", place, remedy=f"{word}(ref, to=…, purpose=…)")
        first, *more = (self._link(ref, place) for ref in refs if isinstance(ref, Ref))
        if len({first, *more}) != len(refs):
            raise PlanError(f"{word}() of a set that holds an asset twice", place)
        node = SyncNode(
            self._id(word),
            first,
            check_name(to, "to"),
            check_name(purpose, "purpose"),
            place=place,
            more=tuple(more),
            queued=word == "queue",
        )
        self._add(node)
        return node

    def _require(self, sync: Link, members: int | None) -> Ref | tuple[Ref, ...]:
        self._handled.add(sync.node)
        node = RequireNode(self._id(f"{sync.node}-required"), sync, call_site(), members or 1)
        self._add(node)
        found = tuple(Ref(link, f"{sync.node}.{link.output}", self) for link in node.arrived)
        return found[0] if members is None else found

    def when(self, outcome: object, arms: Mapping[str, Callable[[], object] | None]) -> object:
        """Take a branch: trace every arm."""
        place = call_site()
        if not isinstance(outcome, Outcome):
            raise PlanError("when() needs what sync() returned", place)
        sync = self._link(outcome, place)
        self._handled.add(sync.node)
        identifier = self._id(f"{sync.node}-when")
        traced = {name: self._arm(arm, place) for name, arm in arms.items() if arm is not None}
        if "permitted" not in traced:
            # A set has no one asset to give: who goes on with its members says so in an arm, or requires it.
            traced["permitted"] = Arm((), None if sync.node in self._sets else Link(sync.node, ARRIVED))
        if not any(name in traced for name in REFUSALS):
            raise PlanError("when() without an arm for a refusal", place, remedy="use .require() instead")
        ordered = {name: traced[name] for name in ("permitted", *REFUSALS) if name in traced}
        self._add(ChoiceNode(identifier, sync, ordered, place))
        if any(arm.result is None for arm in ordered.values()):
            return None
        return Ref(Link(identifier, "chosen"), f"{identifier}.chosen", self)

    def _arm(self, body: Callable[[], object], place: str) -> Arm:
        with self._block() as nodes:
            result = body()
            if result is not None and not isinstance(result, Ref):
                raise PlanError("an arm of when() must return one asset or nothing", place)
            link = None if result is None else self._link(result, place)
        return Arm(tuple(nodes), link)

    @contextmanager
    def _block(self) -> Iterator[list[Node]]:
        self._blocks.append([])
        self._known.append(set())
        try:
            yield self._blocks[-1]
        finally:
            self._blocks.pop()
            self._known.pop()
