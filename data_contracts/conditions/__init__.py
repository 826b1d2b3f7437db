"""Conditions on rows, as the boundary terms of a contract write them under `rows:`.

Invariants:
1. The language is comparisons, `in`, `is null`, `and`, `or`, `not` and parentheses over the contract's
   columns and constants. There is no function, no arithmetic, no subquery; nothing here runs text.
2. Logic is three-valued, as in SQL: a comparison with null is unknown, and so is one with NaN, which is
   no number. A row crosses only where the whole condition is true: unknown is false.
3. Every constant is read as the type of the column that it is compared with, exactly, while the contract
   is read: a fraction for an integer column or a date that is none is a problem of the contract.
4. Length, depth and number of parts are bounded, so reading and running a condition is too.

Words of the language may be written in either case. Text stands in single quotes (a quote in it twice),
as dates and times do; a column whose name is no plain word, or is a word of the language, in double quotes.

Example:
    >>> condition = parse_condition("consent = true and country in ('DE', 'FR')",
    ...                             {"consent": "boolean", "country": "string", "age": "integer"})
    >>> condition.columns
    ('consent', 'country')
"""

from __future__ import annotations

from data_contracts.conditions.condition import Condition
from data_contracts.conditions.nodes import Among, Both, Compare, Constant, Missing, Name, Negated, Node
from data_contracts.conditions.reading import ConditionError, parse_condition

__all__ = [
    "Among",
    "Both",
    "Compare",
    "Condition",
    "ConditionError",
    "Constant",
    "Missing",
    "Name",
    "Negated",
    "Node",
    "parse_condition",
]
