"""The plan: what will run where, what will cross, and why nothing runs elsewhere.

Invariants:
1. A run executes exactly a plan: the program's nodes, each step where `places` says, each crossing
   from where `crossings` says. Nothing is decided again on the way.
2. The digest covers everything that the run does, and no path of this machine: the same pipeline over
   the same versions, contracts and environments has the same digest on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from data_contracts.digest import digest_json
from environments.placement import Exclusion
from environments.ref import AssetRef
from flows.runtime.program import (
    ChoiceNode,
    Node,
    Program,
    RequireNode,
    StepNode,
    SyncNode,
    json_argument,
    walk,
)

__all__ = ["Crossing", "Place", "Plan", "Start"]


@dataclass(frozen=True)
class Start:
    """An asset that the run starts from.

    Attributes:
        parameter: the pipeline's parameter.
        name: the asset's name.
        environment: where it lies.
        ref: the pinned version; None in a plan before the asset exists.
        contract: `id@version`.
        contract_digest: of the contract's document.
        size: bytes; 0 where it is not there yet.
        rows: None where unknown.
    """

    parameter: str
    name: str
    environment: str
    ref: AssetRef | None
    contract: str
    contract_digest: str
    size: int = 0
    rows: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "parameter": self.parameter,
            "name": self.name,
            "environment": self.environment,
            "version": None if self.ref is None else self.ref.version,
            "contract": self.contract,
            "contract_digest": self.contract_digest,
            "bytes": self.size,
            "rows": self.rows,
        }


@dataclass(frozen=True)
class Place:
    """Where one step call runs.

    Attributes:
        step: the name that environments list (`hospital.train`).
        environment: where.
        pinned: whether the pipeline says so.
        purpose: for which its inputs may cross.
        compute_cost: the declared price, as a decimal text.
        excluded: what speaks against every other environment.
    """

    step: str
    environment: str
    pinned: bool
    purpose: str
    compute_cost: str
    excluded: tuple[Exclusion, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "step": self.step,
            "environment": self.environment,
            "pinned": self.pinned,
            "purpose": self.purpose,
            "compute_cost": self.compute_cost,
            "excluded": [reason.to_json() for reason in self.excluded],
        }


@dataclass(frozen=True)
class Crossing:
    """What one crossing will do, as far as terms and policy say; the data's check comes in the run.

    Attributes:
        asset: what crosses, for people (`tests`, `quarantine.accepted`).
        source: from; equal to `destination` where it is there already and nothing crosses.
        destination: to.
        purpose: what for.
        contract: `id@version` at the source.
        arrival: `id@version` at the destination; None where the crossing is denied.
        outcome: `permit`, `permit-with-obligations`, `deny`, or `local`.
        denials: (rule, reason) of everything that denies.
        columns: column to what happens to it (`keep`, `drop`, `generalise bands …`).
        asks: what the terms ask of the rows as a whole, where they do: `rows` (a condition), `anonymity`,
            `minimum_cell`; the run verifies each on the output.
        size: bytes before obligations.
        inserted: whether placement brought it.
        approval: what of it needs a second person's word, and whose; empty where nothing does.
        members: of a set, what each will do; then `asset`, `contract` and `arrival` list those of all.
    """

    asset: str
    source: str
    destination: str
    purpose: str
    contract: str
    arrival: str | None
    outcome: str
    denials: tuple[tuple[str, str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    inserted: bool = False
    asks: Mapping[str, Any] = field(default_factory=dict)
    approval: str = ""
    members: tuple[Crossing, ...] = ()

    @property
    def local(self) -> bool:
        """Whether it is there already."""
        return self.source == self.destination

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "asset": self.asset,
            "from": self.source,
            "to": self.destination,
            "purpose": self.purpose,
            "contract": self.contract,
            "arrival": self.arrival,
            "outcome": self.outcome,
            "denials": [{"id": rule, "reason": reason} for rule, reason in self.denials],
            "columns": dict(self.columns),
            "asks": dict(self.asks),
            "bytes": self.size,
            "inserted": self.inserted,
        } | self._sometimes()

    def _sometimes(self) -> dict[str, Any]:
        told: dict[str, Any] = {"approval": self.approval} if self.approval else {}
        if self.members:
            told["members"] = [member.to_json() for member in self.members]
        return told


@dataclass(frozen=True)
class Plan:
    """Everything that a run will do.

    Attributes:
        program: the traced calls, with the crossings that placement brought.
        starts: the assets to start from.
        places: step call to its place.
        crossings: sync to what it will do.
        outputs: step call to the names of its results.
        cost: of compute and egress, as a decimal text.
        currency: of the cost.
    """

    program: Program
    starts: tuple[Start, ...]
    places: Mapping[str, Place]
    crossings: Mapping[str, Crossing]
    outputs: Mapping[str, tuple[str, ...]]
    cost: str
    currency: str

    @cached_property
    def digest(self) -> str:
        """The digest that the run's labels carry."""
        return digest_json(self._body())

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object, its digest included."""
        return {"digest": self.digest, **self._body()}

    def _body(self) -> dict[str, Any]:
        return {
            "pipeline": self.program.pipeline,
            "home": self.program.home,
            "starts": [start.to_json() for start in self.starts],
            "calls": [self._node(node) for node in self.program.nodes],
            "cost": self.cost,
            "currency": self.currency,
        }

    def _node(self, node: Node) -> dict[str, Any]:
        head: dict[str, Any] = {"id": node.id}
        if isinstance(node, StepNode):
            arguments = {name: json_argument(value) for name, value in node.arguments.items()}
            return head | {"call": "step", **self.places[node.id].to_json(), "arguments": arguments}
        if isinstance(node, SyncNode):
            told = {"call": "queue"} if node.queued else {"call": "sync", "handled": node.handled}
            ref = ", ".join(map(str, node.refs))
            return head | told | {"ref": ref, **self.crossings[node.id].to_json()}
        if isinstance(node, RequireNode):
            return head | {"call": "require", "outcome": str(node.sync)}
        return head | {"call": "when", "outcome": str(node.sync), "arms": self._arms(node)}

    def _arms(self, node: ChoiceNode) -> dict[str, Any]:
        return {
            name: {
                "calls": [self._node(inner) for inner in arm.nodes],
                "result": None if arm.result is None else str(arm.result),
            }
            for name, arm in node.arms.items()
        }

    def nodes(self) -> tuple[Node, ...]:
        """Return every node, those of arms included."""
        return tuple(walk(self.program.nodes))
