"""What a pipeline's run did, read back from its steps' runs: crossings, refusals, numbers. As data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from environments.ref import AssetRef
from flows.runtime.endings import rules_in
from flows.runtime.labels import read_results
from flows.runtime.server import RunView
from tasks.steps.errors import BrokenRule

__all__ = ["Crossed", "Said", "Summary", "summarise"]


@dataclass(frozen=True)
class Crossed:
    """One crossing that was asked for.

    Attributes:
        asset: its name.
        source: from.
        destination: to.
        purpose: what for.
        outcome: `permitted`, `denied`, `broken`, or `failed`; `queued` where the source's outbox has it.
        rules: those that spoke against it.
        size: bytes that crossed; of what is queued, those of its version.
        rows: of what arrived; None where it has none.
        contract: under which it arrived; empty where it did not.
        classification: of what arrived; empty where nothing did.
        settled: whether the source has the receipt.
    """

    asset: str
    source: str
    destination: str
    purpose: str
    outcome: str
    rules: tuple[BrokenRule, ...] = ()
    size: int = 0
    rows: int | None = None
    contract: str = ""
    classification: str = ""
    settled: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**vars(self), "rules": [rule.to_json() for rule in self.rules]}


@dataclass(frozen=True)
class Said:
    """The numbers that one step said of its work."""

    step: str
    numbers: tuple[tuple[str, bool | int | float], ...]


@dataclass(frozen=True)
class Summary:
    """One run.

    Attributes:
        crossings: in the order in which they were asked for.
        said: by the steps that said numbers.
    """

    crossings: tuple[Crossed, ...]
    said: tuple[Said, ...]

    @property
    def permitted(self) -> tuple[Crossed, ...]:
        """What crossed."""
        return tuple(item for item in self.crossings if item.outcome == "permitted")

    @property
    def refused(self) -> tuple[Crossed, ...]:
        """What did not, and waits for nothing."""
        return tuple(item for item in self.crossings if item.outcome not in {"permitted", "queued"})

    @property
    def queued(self) -> tuple[Crossed, ...]:
        """What waits in an outbox, or has crossed since: the run does not say."""
        return tuple(item for item in self.crossings if item.outcome == "queued")

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "crossings": [item.to_json() for item in self.crossings],
            "said": {said.step: dict(said.numbers) for said in self.said},
        }


def summarise(parts: Sequence[RunView]) -> Summary:
    """Read the steps' runs of one pipeline's run."""
    by_crossing: dict[str, dict[str, RunView]] = {}
    for part in parts:
        crossing = part.labels.get("out.crossing")
        if crossing is not None:
            by_crossing.setdefault(str(crossing), {})[part.name.partition("@")[0]] = part
    crossings = [
        _crossed(runs) if "egress" in runs else _queued(runs["queue"])
        for runs in by_crossing.values()
        if {"egress", "queue"} & set(runs)
    ]
    said = []
    for part in parts:
        if "step" not in part.tags or part.type != "COMPLETED":
            continue
        numbers = tuple(
            (name, value)
            for name, value in read_results(part.labels).items()
            if isinstance(value, bool | int | float)
        )
        if numbers:
            said.append(Said(part.name, tuple(sorted(numbers))))
    return Summary(tuple(crossings), tuple(said))


def _crossed(runs: dict[str, RunView]) -> Crossed:
    egress, ingress = runs["egress"], runs.get("ingress")
    last = ingress or egress
    outcome = str(last.labels.get("out.outcome", "failed"))
    asked = egress.parameters
    arrived = read_results(ingress.labels) if ingress is not None else {}
    ref = arrived.get("ref")
    rows = arrived.get("rows")
    return Crossed(
        asset=str(asked.get("asset")),
        source=egress.name.partition("@")[2],
        destination=str(asked.get("to")),
        purpose=str(asked.get("purpose")),
        outcome=outcome,
        rules=rules_in(last.labels),
        size=int(egress.labels.get("out.bytes", 0)) if outcome == "permitted" else 0,
        rows=int(rows) if isinstance(rows, int) else None,
        contract=ref.contract if isinstance(ref, AssetRef) else "",
        classification=str(ref.labels.get("classification", "")) if isinstance(ref, AssetRef) else "",
        settled="settle" in runs and runs["settle"].type == "COMPLETED",
    )


def _queued(run: RunView) -> Crossed:
    asked = run.parameters
    return Crossed(
        asset=str(asked.get("asset")),
        source=run.name.partition("@")[2],
        destination=str(asked.get("to")),
        purpose=str(asked.get("purpose")),
        outcome="queued" if run.type == "COMPLETED" else "failed",
        size=int(run.labels.get("out.bytes", 0)),
    )
