"""The optimum, and for every environment not chosen what the plan would be with the step there.

The reason against an environment is found by asking the same question again with the step held to
it: either something forbids it (its own rules, or a later step that would then stand nowhere), or
it is lawful and costs this much more, or as much and its name comes later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from environments.placement.law import egress_price
from environments.placement.problem import PlacementProblem, exact
from environments.placement.result import (
    Chosen,
    Exclusion,
    Placement,
    PlacementRefused,
    PlannedCrossing,
    money,
)
from environments.placement.search import Blocked, Course, cheapest, locate, unpinned

__all__ = ["place"]


def place(problem: PlacementProblem) -> Placement:
    """Choose an environment for every step: lawful, and together the cheapest.

    Args:
        problem: the plan's question.

    Returns:
        The placement, the same for the same problem whatever the order of its environments.

    Raises:
        PlacementRefused: a step has no lawful place; all environments' reasons are in it.
        UsageError: more outputs are alive at once than the search takes on.
    """
    best = cheapest(problem)
    if isinstance(best, Blocked):
        raise PlacementRefused(best.step, best.reasons)
    hour = {offer.name: exact(offer.compute_hour, offer.name) for offer in problem.environments}
    chosen = tuple(
        Chosen(
            step.id,
            name,
            exact(step.hours, step.id) * hour[name],
            tuple(sorted(set(_excluded(problem, best, index)))),
        )
        for index, (step, name) in enumerate(zip(problem.steps, best.places, strict=True))
    )
    currency = problem.environments[0].currency if problem.environments else ""
    return Placement(chosen, tuple(_crossings(problem, best)), best.cost, currency)


def _excluded(problem: PlacementProblem, best: Course, index: int) -> Iterator[Exclusion]:
    step = problem.steps[index]
    for offer in problem.environments:
        if offer.name == best.places[index]:
            continue
        if step.pinned is not None:
            yield Exclusion(offer.name, "pinned", f"the pipeline pins it to {step.pinned}")
        there = cheapest(unpinned(problem, index), {index: offer.name})
        if isinstance(there, Course):
            if step.pinned is None:
                yield _dearer(offer.name, there, best, problem)
        elif there.step == step.id:
            yield from there.reasons
        else:
            yield _downstream(offer.name, there)


def _dearer(name: str, there: Course, best: Course, problem: PlacementProblem) -> Exclusion:
    currency = problem.environments[0].currency
    if there.cost == best.cost:
        return Exclusion(name, "tie-by-name", f"as cheap ({money(best.cost)} {currency}); names decide")
    more = f"the plan would cost {money(there.cost)} instead of {money(best.cost)} {currency}"
    return Exclusion(name, "cost", f"{more}: {money(there.cost - best.cost)} more")


def _downstream(name: str, blocked: Blocked) -> Exclusion:
    rules = sorted({f"{reason.environment}: {reason.rule}" for reason in blocked.reasons})
    return Exclusion(name, "downstream", f"step {blocked.step} would have no place ({', '.join(rules)})")


def _crossings(problem: PlacementProblem, best: Course) -> list[PlannedCrossing]:
    offers = {offer.name: offer for offer in problem.environments}
    found: dict[tuple[str, str, str, str], PlannedCrossing] = {}
    for index, step in enumerate(problem.steps):
        destination = best.places[index]
        for located in locate(problem, step, best):
            if located.source == destination:
                continue
            need = located.need
            key = (need.data, step.purpose, located.source, destination)
            user = (step.id, need.name)
            if key in found:
                found[key] = replace(found[key], needs=(*found[key].needs, user))
                continue
            price = egress_price(need, offers[located.source], destination) or Fraction(0)
            found[key] = PlannedCrossing(
                need.data, located.source, destination, step.purpose, need.size, price, (user,)
            )
    return list(found.values())
