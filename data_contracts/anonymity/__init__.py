"""Anonymity of a whole table: k rows at least that cannot be told apart, and the proof of it.

Invariants:
1. Rows are read twice and never gathered: once to count combinations, once to recode each by itself.
2. The same rows give the same result, however they are cut into parts.
3. What is anonymous is what was verified on the output; what made it is not asked.

Example, on parts that are Polars frames::

    counts = merge_counts(count(part, asked) for part in parts)
    found = search(counts, asked, hierarchies, max_suppressed=0.02)
    output = [recode(part, found) for part in parts]
    print(found.levels, found.loss.information, found.loss.share)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data_contracts.anonymity.arxfile import parse_table, read_table
from data_contracts.anonymity.counting import Counts, count, merge_counts
from data_contracts.anonymity.declaration import (
    PROPERTY,
    Declaration,
    declaration_of,
    declaration_problems,
    hierarchy_of,
)
from data_contracts.anonymity.declassifying import Declassified, declassify, would_leave
from data_contracts.anonymity.hierarchy import TOP, Bands, Hierarchy, NoLabelError, Star, Table, label
from data_contracts.anonymity.parts import DateParts, Prefix
from data_contracts.anonymity.recoding import Loss, Recoding, recode
from data_contracts.anonymity.requirement import Diversity, Requirement
from data_contracts.anonymity.verifying import (
    AnonymityCheck,
    AnonymityPartial,
    check_of_terms,
    merge_anonymity,
    verify_anonymity,
)

if TYPE_CHECKING:
    from data_contracts.anonymity.lattice import NotAnonymousError, evaluate, search

__all__ = [
    "PROPERTY",
    "TOP",
    "AnonymityCheck",
    "AnonymityPartial",
    "Bands",
    "Counts",
    "DateParts",
    "Declaration",
    "Declassified",
    "Diversity",
    "Hierarchy",
    "Loss",
    "NoLabelError",
    "NotAnonymousError",
    "Prefix",
    "Recoding",
    "Requirement",
    "Star",
    "Table",
    "check_of_terms",
    "count",
    "declaration_of",
    "declaration_problems",
    "declassify",
    "evaluate",
    "hierarchy_of",
    "label",
    "merge_anonymity",
    "merge_counts",
    "parse_table",
    "read_table",
    "recode",
    "search",
    "verify_anonymity",
    "would_leave",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of three names
    """Import the search when it is first asked for: it needs numpy, and reading a contract does not."""
    if name in {"NotAnonymousError", "evaluate", "search"}:
        from data_contracts.anonymity import lattice

        return getattr(lattice, name)
    raise AttributeError(name)
