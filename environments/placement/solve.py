"""The search: an exact optimum over the whole plan, by dynamic programming along the call order."""

from __future__ import annotations

from environments.placement.problem import PlacementProblem
from environments.placement.result import Placement

__all__ = ["place"]


def place(problem: PlacementProblem) -> Placement:
    """Choose an environment for every step.

    Raises:
        PlacementRefused: a step has no lawful place; all environments' reasons are in it.
    """
    raise NotImplementedError
