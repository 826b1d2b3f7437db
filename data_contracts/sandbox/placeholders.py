"""The names that a query may leave open: `${table}`, `${column}` and their kin.

ODCS 3.1 shows `${table}` and `${column}`; its earlier texts and tools write `{object}`, `{property}`,
`{model}` and `{field}` too, with the dollar sign or without. Each becomes a quoted identifier, so that a
name with a space or a quote in it stays a name.

Example:
    >>> fill("SELECT count(*) FROM ${table} WHERE {column} < 0", table="tests", column="age")
    'SELECT count(*) FROM "tests" WHERE "age" < 0'
"""

from __future__ import annotations

import re

__all__ = ["fill"]

_TABLE = ("object", "table", "model")
_COLUMN = ("property", "column", "field")
_NAME = r"\$?\{\s*(" + "|".join(_TABLE + _COLUMN) + r")\s*\}"
# Where the author quoted the place already, those are the quotes.
_OPEN = re.compile(f'"{_NAME}"|{_NAME}')


def fill(query: str, *, table: str, column: str | None) -> str:
    """Return the query with its open names filled in; one that has no meaning here stays as it is.

    Args:
        query: as the contract has it.
        table: the object's name.
        column: the path of the rule's column; None for a rule on the object.
    """

    def name(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        parts = [table] if word in _TABLE else column.split(".") if column else None
        if parts is None:
            return match[0]
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)

    return _OPEN.sub(name, query)
