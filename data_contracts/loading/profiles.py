"""A whole contract against a shipped profile, whatever its crossings say of themselves."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.errors import Problem
from data_contracts.model import Contract
from data_contracts.obligations.profiles import CAVEATS, profile_problems
from data_contracts.yamlsource import Source

__all__ = ["lint_profile"]


def lint_profile(source: Source, contract: Contract, profile: str) -> Iterator[Problem]:
    """Find what keeps each crossing of a sound contract from the profile, and say what no check can see."""
    place = _terms_place(source)
    if contract.terms is None or contract.model is not None:
        message = f"nothing to hold against {profile}: no columns cross under this contract"
        yield source.problem(place, message, severity="note")
        return
    columns = {column.name: column for column in contract.object.columns}
    for index, crossing in enumerate(contract.terms.crossings):
        for inside, message, expected in profile_problems(profile, crossing, columns):
            yield source.problem((*place, "value", "crossings", index, *inside), message, expected)
    for caveat in CAVEATS:
        yield source.problem(place, f"{profile} is not proved: {caveat}", severity="note")


def _terms_place(source: Source) -> tuple[str | int, ...]:
    for index, item in enumerate(source.data.get("customProperties") or []):
        if item["property"] == "isthmusBoundary":
            return ("customProperties", index)
    return ("customProperties",)
