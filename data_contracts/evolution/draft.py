"""A first draft of boundary terms: every column by name, each decided by its labels, for a person to edit.

Invariants:
1. Every column stands there by name, so a column that the contract gets later crosses only when somebody
   writes it down.
2. A draft never proposes more than the labels allow by themselves: a column above the destination's
   clearance, and one that helps to identify a person, is dropped, with the reason beside it.
3. What is proposed can be pasted into the contract and loads, unless every column would be dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from data_contracts.arrow import kind_of
from data_contracts.destination import Destination
from data_contracts.model import Column, Contract

__all__ = ["draft_terms", "proposal"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFYING = {
    "direct-identifier": "or an obligation such as pseudonymise",
    "free-text": "free text may only be dropped",
    "quasi-identifier": "or an obligation such as generalise",
}


def proposal(column: Column, destination: Destination) -> tuple[str, str]:
    """Return (`keep` or `drop`, why) for one column."""
    held = next((word for word in _IDENTIFYING if word in column.categories), None)
    if held is not None:
        return "drop", f"{column.classification.word}, {held}; {_IDENTIFYING[held]}"
    if column.classification > destination.clearance:
        cleared = destination.clearance.word
        return (
            "drop",
            f"{column.classification.word}, above {cleared}; or an obligation that lowers it",
        )
    if kind_of(column) in {"object", "array"}:
        return "drop", "a nested column crosses whole or not at all: look at each of its parts first"
    notes = [column.classification.word, *sorted(column.categories)]
    return "keep", ", ".join(notes)


def draft_terms(contract: Contract, destination: Destination, purpose: str) -> str:
    """Return one entry of `crossings` as YAML, with the reason of each line."""
    return "\n".join(_lines(contract, destination, purpose)) + "\n"


def _lines(contract: Contract, destination: Destination, purpose: str) -> Iterator[str]:
    yield f"# A draft for {contract.reference}, cleared for {destination.clearance.word} at its destination."
    yield "# Read every line, change what is wrong, and put it under `crossings` of `isthmusBoundary`."
    yield "# A column that is not named may not cross, so one that the contract gets later denies by itself."
    yield f"- to: {destination.environment}"
    yield f"  purposes: [{purpose}]"
    if contract.model is not None:
        yield "  # A model crosses whole: it has no columns to name."
        return
    yield '  # rows: "consent = true"   # what every row that crosses must meet'
    yield "  columns:"
    chosen = [(column.name, *proposal(column, destination)) for column in contract.object.columns]
    keys = [_key(name) for name, _, _ in chosen]
    width = max(map(len, keys), default=0) + len(": keep")
    for key, (_, word, why) in zip(keys, chosen, strict=True):
        yield f"    {f'{key}: {word}':<{width}}  # {' '.join(why.split())}"
    if not any(word == "keep" for _, word, _ in chosen):
        yield "  # Every column is dropped: give at least one an obligation, or nothing can cross."


def _key(name: str) -> str:
    """Return a column's name as a YAML key."""
    plain = _PLAIN.fullmatch(name) and name not in {"true", "false", "null"}
    return name if plain else json.dumps(name, ensure_ascii=False)
