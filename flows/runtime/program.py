"""A traced pipeline: the calls that its body made, as data.

Invariants:
1. Nodes stand in call order; a node's links name nodes before it, in its own block or one around it.
2. Ids are unique and stable: the same text of a pipeline gives the same ids (`train`, `quarantine-2`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.ref import AssetRef
from flows.runtime.symbols import Link

__all__ = [
    "OUTCOMES",
    "REFUSALS",
    "Arm",
    "ChoiceNode",
    "Node",
    "Program",
    "RequireNode",
    "SourceAsset",
    "StepNode",
    "SyncNode",
    "arrivals",
    "walk",
]

OUTCOMES = ("permitted", "denied", "broken", "failed")
REFUSALS = ("denied", "broken", "failed")
ARRIVED = "arrived"
"""The output of a sync, and of a required one: the asset where it arrived."""


def arrivals(members: int) -> tuple[str, ...]:
    """Return the outputs of a crossing of so many assets, in the order in which they are asked for."""
    return (ARRIVED, *(f"{ARRIVED}-{number}" for number in range(2, members + 1)))


@dataclass(frozen=True)
class SourceAsset:
    """An asset that the pipeline starts from.

    Attributes:
        parameter: the pipeline's parameter.
        name: the asset's name.
        environment: where it lies.
        version: its digest; None is the latest when the run starts.
    """

    parameter: str
    name: str
    environment: str
    version: str | None = None


@dataclass(frozen=True)
class StepNode:
    """One call of a step.

    Attributes:
        id: unique in the program.
        step: the step's name.
        pinned: the environment that `.on(…)` names, or None.
        arguments: parameter to a link, or to a JSON value.
        place: FILE:LINE of the call.
    """

    id: str
    step: str
    pinned: str | None
    arguments: Mapping[str, Any]
    place: str = field(compare=False, default="")


@dataclass(frozen=True)
class SyncNode:
    """One crossing, of one asset or of several that stand or fall together.

    Attributes:
        id: unique in the program.
        ref: what crosses; of a set, its first member.
        to: where.
        purpose: what for.
        handled: whether something in the pipeline looks at how it ends.
        inserted: whether placement brought it.
        place: FILE:LINE of the call; of the step that needs it where it was inserted.
        more: of a set, the other members.
        queued: whether it goes through the source's outbox; then nobody in the run waits for it.
    """

    id: str
    ref: Link
    to: str
    purpose: str
    handled: bool = False
    inserted: bool = False
    place: str = field(compare=False, default="")
    more: tuple[Link, ...] = ()
    queued: bool = False

    @property
    def refs(self) -> tuple[Link, ...]:
        """Everything that crosses."""
        return (self.ref, *self.more)

    @property
    def arrived(self) -> tuple[Link, ...]:
        """Each member where it arrived; none where it is queued: it may arrive weeks after the run."""
        return () if self.queued else tuple(Link(self.id, output) for output in arrivals(len(self.refs)))


@dataclass(frozen=True)
class RequireNode:
    """`.require()`: a refusal ends the pipeline; `members` is how many assets then are there."""

    id: str
    sync: Link
    place: str = field(compare=False, default="")
    members: int = 1

    @property
    def arrived(self) -> tuple[Link, ...]:
        """Each member where it arrived."""
        return tuple(Link(self.id, output) for output in arrivals(self.members))

    @property
    def asked(self) -> tuple[Link, ...]:
        """The same, as outputs of the crossing."""
        return tuple(Link(self.sync.node, output) for output in arrivals(self.members))


@dataclass(frozen=True)
class Arm:
    """What happens for one outcome: the calls, and what `when` returns."""

    nodes: tuple[Node, ...]
    result: Link | None


@dataclass(frozen=True)
class ChoiceNode:
    """`when(outcome, …)`: exactly one arm runs; a refusal without an arm ends the pipeline."""

    id: str
    sync: Link
    arms: Mapping[str, Arm]
    place: str = field(compare=False, default="")


Node = StepNode | SyncNode | RequireNode | ChoiceNode


@dataclass(frozen=True)
class Program:
    """A whole traced pipeline.

    Attributes:
        pipeline: its name.
        home: its home environment.
        sources: the assets that it starts from.
        nodes: the calls, in order.
    """

    pipeline: str
    home: str
    sources: tuple[SourceAsset, ...]
    nodes: tuple[Node, ...]


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Yield every node, those of arms right after their choice."""
    for node in nodes:
        yield node
        if isinstance(node, ChoiceNode):
            for arm in node.arms.values():
                yield from walk(arm.nodes)


def json_argument(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return an argument as it stands in a plan's JSON."""
    if isinstance(value, Link):
        return {"from": str(value)}
    return value.to_json() if isinstance(value, AssetRef) else value
