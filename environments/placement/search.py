"""The search: an exact optimum over the whole plan, by dynamic programming along the call order.

Two partial plans are interchangeable when every later step sees the same: where the outputs that
are still needed lie, which of them may cross no further, and which crossings are paid for already.
Of interchangeable ones only the better is kept: cheaper first, then the one whose names come first.
So the work grows with how many outputs are alive at once, not with the number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from data_contracts.errors import UsageError
from environments.placement.law import Located, egress_price, reasons_against
from environments.placement.problem import EnvironmentOffer, PlacementProblem, StepNeed, exact
from environments.placement.result import Exclusion

__all__ = ["Blocked", "Course", "Purchase", "cheapest", "locate", "unpinned"]

MAX_STATES = 100_000

Purchase = tuple[str, str, str, str]
"""A crossing that is paid once: data, purpose, source, destination."""


@dataclass(frozen=True)
class Course:
    """A partial plan: the names chosen so far, what it cost, and what later steps may see of it."""

    cost: Fraction
    places: tuple[str, ...]
    spent: frozenset[tuple[str, str]]
    paid: frozenset[Purchase]

    def better_than(self, other: Course) -> bool:
        """Whether it is cheaper, or as cheap with names that come first."""
        return (self.cost, self.places) < (other.cost, other.places)


@dataclass(frozen=True)
class Blocked:
    """No course leads past this step; what every environment said in every course."""

    step: str
    reasons: tuple[Exclusion, ...]


def unpinned(problem: PlacementProblem, index: int) -> PlacementProblem:
    """Return the problem without the pin of the step at `index`."""
    steps = list(problem.steps)
    steps[index] = replace(steps[index], pinned=None)
    return replace(problem, steps=tuple(steps))


def locate(problem: PlacementProblem, step: StepNeed, course: Course) -> tuple[Located, ...]:
    """Return the step's inputs with where they are in this course."""
    order = {other.id: position for position, other in enumerate(problem.steps)}
    found = []
    for need in step.inputs:
        if need.producer is None:
            found.append(Located(need, str(need.source), spent=False))
            continue
        spent = need.inherits is not None and (need.producer, need.inherits) in course.spent
        found.append(Located(need, course.places[order[need.producer]], spent))
    return tuple(found)


def cheapest(problem: PlacementProblem, only: Mapping[int, str] | None = None) -> Course | Blocked:
    """Return the best course through all steps, or the step that nothing leads past.

    Args:
        problem: the plan's question.
        only: index of a step to the one environment to consider for it.
    """
    offers = {offer.name: offer for offer in sorted(problem.environments, key=lambda offer: offer.name)}
    courses = [Course(Fraction(0), (), frozenset(), frozenset())]
    for index, step in enumerate(problem.steps):
        allowed = None if only is None else only.get(index)
        best: dict[object, Course] = {}
        against: set[Exclusion] = set()
        horizon = _Horizon.after(problem, index)
        for course in courses:
            inputs = locate(problem, step, course)
            for offer in offers.values():
                if allowed is not None and offer.name != allowed:
                    continue
                reasons = _refuse(step, offer, inputs, offers)
                against.update(reasons)
                if reasons:
                    continue
                extended = _extend(course, step, offer, inputs, offers)
                key = horizon.view(extended)
                if key not in best or extended.better_than(best[key]):
                    best[key] = extended
        if not best:
            return Blocked(step.id, tuple(sorted(against)))
        if len(best) > MAX_STATES:
            raise UsageError(
                f"placement: too many outputs are alive at step {step.id}", remedy="pin steps with .on(ENV)"
            )
        courses = list(best.values())
    return min(courses, key=lambda course: (course.cost, course.places))


def _refuse(
    step: StepNeed, offer: EnvironmentOffer, inputs: tuple[Located, ...], offers: dict[str, EnvironmentOffer]
) -> tuple[Exclusion, ...]:
    reasons = reasons_against(step, offer, inputs, offers)
    if step.pinned is not None and step.pinned != offer.name:
        pin = Exclusion(offer.name, "pinned", f"the pipeline pins it to {step.pinned}")
        return (pin, *reasons)
    return reasons


def _extend(
    course: Course,
    step: StepNeed,
    offer: EnvironmentOffer,
    inputs: tuple[Located, ...],
    offers: dict[str, EnvironmentOffer],
) -> Course:
    cost = course.cost + exact(step.hours, step.id) * exact(offer.compute_hour, offer.name)
    spent, paid = set(course.spent), set(course.paid)
    for located in inputs:
        if located.source == offer.name:
            if located.spent:
                spent.add((step.id, located.need.name))
            continue
        spent.add((step.id, located.need.name))
        purchase = (located.need.data, step.purpose, located.source, offer.name)
        if purchase not in paid:
            cost += egress_price(located.need, offers[located.source], offer.name) or Fraction(0)
            paid.add(purchase)
    return Course(cost, (*course.places, offer.name), frozenset(spent), frozenset(paid))


@dataclass(frozen=True)
class _Horizon:
    """What the steps after one index can see of a course."""

    makers: frozenset[int]
    inherited: frozenset[tuple[str, str]]
    bought: frozenset[tuple[str, str]]

    @classmethod
    def after(cls, problem: PlacementProblem, index: int) -> _Horizon:
        later = [(step, need) for step in problem.steps[index + 1 :] for need in step.inputs]
        names = {need.producer for _, need in later}
        return cls(
            frozenset(position for position, step in enumerate(problem.steps) if step.id in names),
            frozenset((str(need.producer), need.inherits) for _, need in later if need.inherits is not None),
            frozenset((need.data, step.purpose) for step, need in later),
        )

    def view(self, course: Course) -> object:
        return (
            tuple(place for position, place in enumerate(course.places) if position in self.makers),
            course.spent & self.inherited,
            frozenset(purchase for purchase in course.paid if purchase[:2] in self.bought),
        )
