"""What must hold of a whole table: k rows at least in each class, and l values of what is sensitive.

A class is all rows that share one combination of quasi-identifiers. k-anonymity (Sweeney, 2002) hides a
person among k; l-diversity (Machanavajjhala and others, 2007) keeps the class from telling the sensitive
value all the same. Neither says anything of a column that is not named: a column by which someone
outside could recognise a person is a quasi-identifier, whether it is listed or not.

Example:
    >>> Requirement(5, ("age", "zip"), {"diagnosis": Diversity(distinct=2)}).sensitive["diagnosis"].distinct
    2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_contracts.terms import AnonymityTerms

__all__ = ["Diversity", "Requirement"]


@dataclass(frozen=True)
class Diversity:
    """How diverse a sensitive column must be within each class.

    Attributes:
        distinct: different values at least; null counts as one.
        entropy: the exponential of the entropy of its values at least, so that `entropy=l` asks as much as l
            values that are equally frequent; 1 asks nothing.
    """

    distinct: int = 1
    entropy: float = 1.0

    @property
    def monotone(self) -> bool:
        """Whether a class that reaches it still does after any other class joined it."""
        return self.entropy <= 1.0


@dataclass(frozen=True)
class Requirement:
    """What every class must reach.

    Attributes:
        k: rows at least in each class.
        quasi_identifiers: the columns that make the classes.
        sensitive: by column.
    """

    k: int
    quasi_identifiers: tuple[str, ...]
    sensitive: Mapping[str, Diversity] = field(default_factory=dict)

    @classmethod
    def of_terms(cls, terms: AnonymityTerms) -> Requirement:
        """Return what the boundary terms of a crossing ask."""
        sensitive = {name: Diversity(distinct=least) for name, least in terms.sensitive.items()}
        return cls(terms.k, terms.quasi_identifiers, sensitive)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it looks at, each once."""
        return tuple(dict.fromkeys((*self.quasi_identifiers, *self.sensitive)))

    @property
    def monotone(self) -> bool:
        """Whether a coarser table never has more rows in classes that fail."""
        return all(diversity.monotone for diversity in self.sensitive.values())

    def complaints(self) -> list[tuple[str, str]]:
        """Return (what is wrong, what is expected)."""
        found = []
        if self.k < 1:
            found.append(("k is no number of rows", "a whole number of at least 1, in earnest at least 2"))
        if not self.quasi_identifiers:
            found.append(
                ("no quasi-identifier is named", "each column by which a person could be recognised")
            )
        if set(self.quasi_identifiers) & set(self.sensitive):
            found.append(("a column is quasi-identifier and sensitive", "one of both"))
        if any(item.distinct < 1 or item.entropy < 1 for item in self.sensitive.values()):
            found.append(("a diversity below 1", "how many values at least"))
        return found
