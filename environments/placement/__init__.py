"""Which environment runs each step, and for every other environment the rule or the number against it.

Pure: the caller says where data lies, how large it is and which crossings the contracts permit;
nothing here reads a file, a clock or a network.

Invariants:
1. Law is a constraint of the search: no price makes an unlawful environment eligible.
2. What is not stated is refused: an absent ruling, price or latency excludes the environment.
3. The answer is the optimum of the whole plan, exact (rational arithmetic), and the same for the
   same problem: among equally cheap plans the one whose environments' names come first, step by step.
4. Every environment not chosen has at least one reason.

Example:
    >>> near = EnvironmentOffer("cloud", compute_hour="0.4", steps=frozenset({"hospital.train"}))
    >>> place(PlacementProblem((near,), (StepNeed("train", "hospital.train", "model-training"),)))["train"]
    'cloud'
"""

from __future__ import annotations

from environments.placement.problem import (
    DataNeed,
    EnvironmentOffer,
    PlacementProblem,
    Ruling,
    StepNeed,
)
from environments.placement.result import (
    Chosen,
    Exclusion,
    Placement,
    PlacementRefused,
    PlannedCrossing,
)
from environments.placement.solve import place

__all__ = [
    "Chosen",
    "DataNeed",
    "EnvironmentOffer",
    "Exclusion",
    "Placement",
    "PlacementProblem",
    "PlacementRefused",
    "PlannedCrossing",
    "Ruling",
    "StepNeed",
    "place",
]
