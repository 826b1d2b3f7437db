"""The answer: a place for every step, the crossings that this brings, and the reasons against the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from data_contracts.errors import DeniedError

__all__ = ["Chosen", "Exclusion", "Placement", "PlacementRefused", "PlannedCrossing", "money"]

_DIGITS = 6


def money(amount: Fraction) -> str:
    """Render an exact amount with up to six decimals, half away from zero."""
    scaled = (amount * 10**_DIGITS * 2 + 1) // 2 if amount >= 0 else -((-amount * 10**_DIGITS * 2 + 1) // 2)
    whole, rest = divmod(abs(scaled), 10**_DIGITS)
    text = f"{whole}.{rest:0{_DIGITS}d}".rstrip("0").rstrip(".")
    return f"-{text}" if scaled < 0 else text


@dataclass(frozen=True, order=True)
class Exclusion:
    """One reason why an environment does not run a step.

    Attributes:
        environment: the environment not chosen.
        rule: what excluded it: `step-not-listed`, `pinned`, `accelerator`, `latency`, `egress-price`,
            a contract's rule (`no-terms`, `purpose`, `clearance`, …), `cost`, `tie-by-name`, or
            `downstream` where a later step could then stand nowhere.
        reason: one sentence, with the number where a number decided.
        input: the input that it is about; empty for the step itself.
    """

    environment: str
    rule: str
    reason: str
    input: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the reason as a JSON object."""
        return {
            "environment": self.environment,
            "rule": self.rule,
            "reason": self.reason,
            "input": self.input or None,
        }


@dataclass(frozen=True)
class PlannedCrossing:
    """A crossing that the placement brings.

    Attributes:
        data: what crosses, as `DataNeed.data`.
        source: from.
        destination: to.
        purpose: for which; the purpose of the steps that need it.
        size: bytes.
        cost: its price.
        needs: (step id, input name) of everyone that it serves.
    """

    data: str
    source: str
    destination: str
    purpose: str
    size: int
    cost: Fraction
    needs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chosen:
    """Where one step runs, and why nowhere else.

    Attributes:
        step: the step call's id.
        environment: where it runs.
        compute_cost: the price of its compute there.
        excluded: at least one reason for every other environment, sorted.
    """

    step: str
    environment: str
    compute_cost: Fraction
    excluded: tuple[Exclusion, ...]


@dataclass(frozen=True)
class Placement:
    """The cheapest lawful plan.

    Attributes:
        chosen: one for each step, in call order.
        crossings: what must cross first, in the order of the steps that need it.
        cost: of everything.
        currency: of every cost.
    """

    chosen: tuple[Chosen, ...]
    crossings: tuple[PlannedCrossing, ...]
    cost: Fraction
    currency: str

    def __getitem__(self, step: str) -> str:
        """Return the environment of the step call with this id."""
        for choice in self.chosen:
            if choice.step == step:
                return choice.environment
        raise KeyError(step)

    def to_json(self) -> dict[str, Any]:
        """Return the placement as a JSON object; amounts are decimal strings."""
        return {
            "cost": money(self.cost),
            "currency": self.currency,
            "steps": [
                {
                    "step": choice.step,
                    "environment": choice.environment,
                    "compute_cost": money(choice.compute_cost),
                    "excluded": [reason.to_json() for reason in choice.excluded],
                }
                for choice in self.chosen
            ],
            "crossings": [
                {
                    "data": crossing.data,
                    "from": crossing.source,
                    "to": crossing.destination,
                    "purpose": crossing.purpose,
                    "bytes": crossing.size,
                    "cost": money(crossing.cost),
                    "needs": [{"step": step, "input": name} for step, name in crossing.needs],
                }
                for crossing in self.crossings
            ],
        }


class PlacementRefused(DeniedError):  # noqa: N818 - a refusal is an outcome by name, as in the design
    """No environment may lawfully run a step.

    Attributes:
        step: the step call that has no place.
        reasons: every environment's reasons, sorted.
    """

    def __init__(self, step: str, reasons: Iterable[Exclusion]) -> None:
        """Keep the reasons and put all of them into the text."""
        self.step = step
        self.reasons = tuple(sorted(set(reasons)))
        lines = [f"  {reason.environment}: {reason.rule}: {reason.reason}" for reason in self.reasons]
        super().__init__(
            "\n".join([f"no environment may run step {step}", *lines]),
            remedy="change what a line above names: the contract's terms, or the environment's file",
        )
