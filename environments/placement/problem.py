"""The question: steps with their needs, environments with what they offer and what they cost.

Invariants:
1. Amounts are exact: a number given as `str`, `int`, `float`, `Decimal` or `Fraction` is read as
   the decimal number that it prints as, and is never negative, infinite or NaN.
2. Steps stand in call order: an input names only a producer that stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from data_contracts.errors import UsageError

__all__ = ["Amount", "DataNeed", "EnvironmentOffer", "PlacementProblem", "Ruling", "StepNeed", "exact"]

Amount = str | int | float | Decimal | Fraction


def exact(value: Amount, what: str) -> Fraction:
    """Return a non-negative number exactly as it is written.

    Raises:
        UsageError: it is no finite number, or negative.
    """
    try:
        number = value if isinstance(value, Fraction) else Fraction(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        raise UsageError(f"{what}: not a finite number") from None
    if number < 0:
        raise UsageError(f"{what}: negative", remedy="prices, sizes and hours are zero or more")
    return number


@dataclass(frozen=True)
class Ruling:
    """Whether one input may cross from one environment to another for the step's purpose.

    Attributes:
        lawful: the decision of terms, clearance, jurisdiction and both sides' own rules.
        rules: the ids of the rules that refused (`no-terms`, `purpose`, `clearance`, …).
        reason: one sentence for people; no value from the data.
    """

    lawful: bool
    rules: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class DataNeed:
    """One data input of a step.

    Attributes:
        name: the parameter's name.
        data: what it is, the same text wherever the same version is meant (an asset's name and
            environment, or a step call and its output): one crossing serves every step that needs it.
        source: the environment where it lies; None for what a step of this plan makes.
        producer: the id of the step that makes it; None for what lies somewhere already.
        size: bytes that would cross.
        rulings: (from, to) to the ruling; a pair that is absent is refused with rule `no-terms`.
            An input that is already where the step runs crosses nothing and needs none.
        inherits: the producer's input whose contract this output carries (`same_as`), if any. Once
            that input crossed, this one crosses no further: an arrival contract has no terms.
    """

    name: str
    data: str
    source: str | None = None
    producer: str | None = None
    size: int = 0
    rulings: Mapping[tuple[str, str], Ruling] = field(default_factory=dict)
    inherits: str | None = None


@dataclass(frozen=True)
class StepNeed:
    """One call of a step.

    Attributes:
        id: unique in the plan (`train`, `quarantine-2`).
        step: the name that environments list (`hospital.train`).
        purpose: for which its inputs may cross.
        inputs: its data.
        hours: the compute that it is expected to take.
        accelerator: what it needs (`gpu`), or None.
        latency_ms: the most that its answer may take to reach whoever asked, or None.
        pinned: the environment that `.on(…)` names, or None.
        refused: environment to a ruling that the caller knows of besides (a number out of the grant's range).
    """

    id: str
    step: str
    purpose: str
    inputs: tuple[DataNeed, ...] = ()
    hours: Amount = 1
    accelerator: str | None = None
    latency_ms: float | None = None
    pinned: str | None = None
    refused: Mapping[str, Ruling] = field(default_factory=dict)


@dataclass(frozen=True)
class EnvironmentOffer:
    """What one environment offers, and its declared prices.

    Attributes:
        name: the environment's name.
        steps: names of the steps that its file lists.
        compute_hour: price of one hour of compute.
        egress_gib: destination (or `*` for any other) to the price of one GiB that leaves for it.
        accelerators: what it has.
        latency_ms: how soon its answers reach whoever asked; None is unknown.
        currency: of both prices; one for the whole problem.
    """

    name: str
    steps: frozenset[str] = frozenset()
    compute_hour: Amount = 0
    egress_gib: Mapping[str, Amount] = field(default_factory=dict)
    accelerators: frozenset[str] = frozenset()
    latency_ms: float | None = None
    currency: str = "EUR"


@dataclass(frozen=True)
class PlacementProblem:
    """The whole plan's question; refuses what is not well-formed.

    Attributes:
        environments: every declared environment, in any order.
        steps: every call, in call order.
    """

    environments: tuple[EnvironmentOffer, ...]
    steps: tuple[StepNeed, ...]

    def __post_init__(self) -> None:
        """Check names, order, amounts and currency."""
        names = [offer.name for offer in self.environments]
        if len(set(names)) != len(names):
            raise UsageError("placement: two environments with one name")
        if len({offer.currency for offer in self.environments}) > 1:
            raise UsageError("placement: prices in more than one currency", remedy="declare all in one")
        for offer in self.environments:
            exact(offer.compute_hour, f"environment {offer.name}, compute hour")
            for destination, price in offer.egress_gib.items():
                exact(price, f"environment {offer.name}, egress to {destination}")
        before: dict[str, StepNeed] = {}
        for step in self.steps:
            if step.id in before:
                raise UsageError(f"placement: two steps with the id {step.id}")
            exact(step.hours, f"step {step.id}, hours")
            if step.pinned is not None and step.pinned not in names:
                raise UsageError(f"step {step.id}: no environment is named {step.pinned}")
            for need in step.inputs:
                _check_input(step, need, before, names)
            before[step.id] = step


def _check_input(step: StepNeed, need: DataNeed, before: Mapping[str, StepNeed], names: list[str]) -> None:
    where = f"step {step.id}, input {need.name}"
    exact(need.size, f"{where}, size")
    if (need.source is None) == (need.producer is None):
        raise UsageError(f"{where}: either a source or a producer is needed")
    if need.source is not None and need.source not in names:
        raise UsageError(f"{where}: no environment is named {need.source}")
    if need.producer is None:
        if need.inherits is not None:
            raise UsageError(f"{where}: only what a step made can inherit a contract")
        return
    maker = before.get(need.producer)
    if maker is None:
        raise UsageError(f"{where}: no step before it is named {need.producer}")
    if need.inherits is not None and need.inherits not in {other.name for other in maker.inputs}:
        raise UsageError(f"{where}: step {maker.id} has no input {need.inherits}")
