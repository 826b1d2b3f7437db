"""What one environment says to one step, given where the step's inputs are.

An input that is already there crosses nothing. Any other needs a lawful ruling for exactly this
pair, a declared price of egress, and terms: what arrived by a crossing has none left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from environments.placement.problem import DataNeed, EnvironmentOffer, Ruling, StepNeed, exact
from environments.placement.result import Exclusion, money

__all__ = ["Located", "egress_price", "own_reasons", "reasons_against"]

_GIB = 1024**3
_ABSENT = Ruling(lawful=False, rules=("no-terms",), reason="no terms permit it to cross")


@dataclass(frozen=True)
class Located:
    """An input and where it is in the plan under consideration.

    Attributes:
        need: the input.
        source: the environment that holds it.
        spent: whether it crosses no further, because the contract that it carries arrived by a crossing.
    """

    need: DataNeed
    source: str
    spent: bool


def egress_price(need: DataNeed, source: EnvironmentOffer, destination: str) -> Fraction | None:
    """Return the price of moving the input, or None where the source declares no price for it."""
    price = source.egress_gib.get(destination, source.egress_gib.get("*"))
    if price is None:
        return None
    where = f"egress from {source.name} to {destination}"
    return exact(price, where) * exact(need.size, where) / _GIB


def own_reasons(step: StepNeed, offer: EnvironmentOffer) -> Iterator[Exclusion]:
    """Yield what excludes the environment wherever the inputs are."""
    name = offer.name
    if step.step not in offer.steps:
        yield Exclusion(name, "step-not-listed", f"its file does not list {step.step}")
    if step.accelerator is not None and step.accelerator not in offer.accelerators:
        has = ", ".join(sorted(offer.accelerators)) or "none"
        yield Exclusion(name, "accelerator", f"needs {step.accelerator}, it offers {has}")
    if step.latency_ms is not None and offer.latency_ms is None:
        yield Exclusion(name, "latency", f"needs {step.latency_ms:g} ms, it declares none")
    elif step.latency_ms is not None and offer.latency_ms is not None and offer.latency_ms > step.latency_ms:
        text = f"needs {step.latency_ms:g} ms, it offers {offer.latency_ms:g} ms"
        yield Exclusion(name, "latency", text)
    ruling = step.refused.get(name)
    if ruling is not None and not ruling.lawful:
        yield from _refusals(name, ruling)


def reasons_against(
    step: StepNeed, offer: EnvironmentOffer, inputs: tuple[Located, ...], offers: dict[str, EnvironmentOffer]
) -> tuple[Exclusion, ...]:
    """Return everything that excludes the environment; empty where the step may run there."""
    found = list(own_reasons(step, offer))
    for located in inputs:
        if located.source != offer.name:
            found.extend(_against_crossing(located, offer.name, offers[located.source]))
    return tuple(found)


def _against_crossing(located: Located, destination: str, source: EnvironmentOffer) -> Iterator[Exclusion]:
    need = located.need
    ruling = need.rulings.get((located.source, destination), _ABSENT)
    if located.spent:
        text = f"{need.name} arrived by a crossing, and what arrived has no terms to cross further"
        yield Exclusion(destination, "no-terms", text, need.name)
    elif not ruling.lawful:
        yield from _refusals(destination, ruling, need.name)
    if egress_price(need, source, destination) is None:
        size = money(exact(need.size, need.name) / _GIB)
        text = f"{source.name} declares no price for the {size} GiB of {need.name} to leave for it"
        yield Exclusion(destination, "egress-price", text, need.name)


def _refusals(environment: str, ruling: Ruling, name: str = "") -> Iterator[Exclusion]:
    # A refusal without a rule is still a refusal: it is reported as unexplained, never dropped.
    for rule in ruling.rules or ("unexplained",):
        yield Exclusion(environment, rule, ruling.reason or "refused", name)
