"""Labels: how sensitive an asset is, and of what kind. They are sticky.

Invariants:
1. Classifications are ordered `public < internal < confidential < restricted`; any other word is
   none of them, and whoever meets it denies.
2. `join` never lowers: the result is at least as sensitive as each part, with every category.
3. The jurisdiction of the people whom data is about is a category too (`subjects-de`, `subjects-us-ca`): it
   sticks as every category does, and labels that were stored or signed before it was known still read.

Example:
    >>> a = Labels(Classification.INTERNAL, frozenset({"health"}))
    >>> b = Labels(Classification.RESTRICTED, frozenset({"direct-identifier"}))
    >>> join(a, b).classification.word
    'restricted'
    >>> sorted(Labels(Classification.INTERNAL, frozenset({subjects("US-CA"), "health"})).jurisdictions)
    ['US-CA']
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from data_contracts.errors import UsageError

__all__ = ["CATEGORIES", "Classification", "Labels", "join", "subjects"]

CATEGORIES = {
    "personal": "about a person who can be told apart (GDPR art. 4(1))",
    "special-category": "origin, belief, health, sexuality, biometrics, convictions (GDPR art. 9, 10)",
    "health": "about a person's health or care",
    "financial": "about a person's money, accounts or cards",
    "direct-identifier": "tells who it is by itself (45 CFR 164.514(b)(2) lists eighteen)",
    "quasi-identifier": "tells people apart together with other columns",
    "pseudonym": "stands for an identifier; whoever holds the key can go back",
}
"""The categories that this project gives itself. A contract may use others: they stick alike."""
_SUBJECTS = "subjects-"
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class Classification(IntEnum):
    """How sensitive a column or an asset is (design §4)."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def word(self) -> str:
        """The word as contracts and environments write it."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: object) -> Classification:
        """Return the classification of a word.

        Raises:
            UsageError: it is none of the four words.
        """
        level = _LEVELS.get(word) if isinstance(word, str) else None
        if level is None:
            raise UsageError(
                "not a classification",
                remedy="say public, internal, confidential or restricted, in lower case",
            )
        return level


_LEVELS = {level.word: level for level in Classification}


@dataclass(frozen=True)
class Labels:
    """What sticks to an asset and to everything that is made from it.

    Attributes:
        classification: the highest of its columns'.
        categories: kinds of data in it, such as `health` or `direct-identifier`.
    """

    classification: Classification = Classification.RESTRICTED
    categories: frozenset[str] = frozenset()

    @property
    def jurisdictions(self) -> frozenset[str]:
        """The jurisdictions of the people whom the data is about (`DE`, `US-CA`); empty: not said."""
        named = (name for name in self.categories if name.startswith(_SUBJECTS))
        said = (name.removeprefix(_SUBJECTS).upper() for name in named)
        return frozenset(word for word in said if _JURISDICTION.fullmatch(word))

    def to_json(self) -> dict[str, Any]:
        """Return the labels as a JSON value."""
        return {"classification": self.classification.word, "categories": sorted(self.categories)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Labels:
        """Read what `to_json` wrote.

        Raises:
            UsageError: it is something else; nothing is guessed.
        """
        categories = value.get("categories")
        if set(value) != {"classification", "categories"} or not isinstance(categories, list):
            raise UsageError("not labels: they have a classification and a list of categories")
        if not all(isinstance(item, str) for item in categories):
            raise UsageError("not labels: a category is a word")
        return cls(Classification.parse(value["classification"]), frozenset(categories))


def join(*labels: Labels) -> Labels:
    """Return the labels of something made from all of `labels`; of nothing known, the highest."""
    if not labels:
        return Labels()
    return Labels(
        max(item.classification for item in labels),
        frozenset().union(*(item.categories for item in labels)),
    )


def subjects(jurisdiction: str) -> str:
    """Return the category that says whose law the people in the data live under.

    Raises:
        UsageError: it is no jurisdiction as environments write them.
    """
    if not _JURISDICTION.fullmatch(jurisdiction):
        raise UsageError("not a jurisdiction", remedy="say a country (DE) or a part of one (US-CA)")
    return _SUBJECTS + jurisdiction.lower()
