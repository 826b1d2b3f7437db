"""A query as DuckDB's own parser reads it: what it may contain, and which columns it reads.

Invariants:
1. Everything is an allow list: kinds of nodes, functions, tables. What DuckDB adds later is refused until
   somebody has looked at it.
2. The one table is the asset; other names are those that the query itself gives (`WITH`).
3. The columns are never too few: where a star or a whole row is asked for, they are all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["columns_of", "forbidden"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CLASSES = _words(
    """COLUMN_REF CONSTANT COMPARISON CONJUNCTION FUNCTION OPERATOR CASE CAST TYPE SUBQUERY STAR WINDOW
    BETWEEN LAMBDA COLLATE POSITIONAL_REFERENCE"""
)
_NODES = _words(
    """SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE SUBQUERY JOIN EMPTY
    TABLE_FUNCTION EXPRESSION_LIST ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER
    ORDER_DEFAULT ASCENDING DESCENDING"""
)
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
_OWN_TABLES = ("duckdb_", "pg_", "sqlite_", "pragma_", "information_schema")
_TYPE_KEYS = frozenset({"cast_type", "type_info"})
_FUNCTIONS = frozenset(
    line
    for line in Path(__file__).parent.with_name("functions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
)

Node = dict[str, Any]


def _nodes(value: Any) -> Iterator[Node]:  # noqa: ANN401 - JSON
    """Yield every object, without recursion: depth is what an author of bombs varies."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _path(node: Node) -> list[str]:
    """Return a name with whatever stands before it; DuckDB writes it in two forms."""
    written = (node.get("qualified_name") or {}).get("path") or []
    plain = [node.get(key) or "" for key in ("catalog", "catalog_name", "schema", "schema_name")]
    return [*(part for part in plain if part), *written] if len(written) <= 1 else list(written)


def forbidden(tree: Node, table: str) -> str | None:
    """Return a word for what the query may not contain; None if it may run."""
    statements = tree.get("statements") or []
    if len(statements) != 1:
        return "statements"
    if statements[0].get("named_param_map"):
        return "parameter"
    given = {entry["key"].casefold() for node in _nodes(tree) for entry in _entries(node)}
    if any(name.startswith(_OWN_TABLES) for name in given):
        return "table"
    known = given | {table.casefold()}
    for node in _nodes(statements[0]["node"]):
        found = _judge(node, known)
        if found is not None:
            return found
    return None


def _entries(node: Node) -> list[Node]:
    """Return the names that a WITH gives."""
    held = node.get("cte_map")
    return list(held.get("map") or []) if isinstance(held, dict) else []


def _judge(node: Node, tables: set[str]) -> str | None:
    kind = node.get("type")
    if node.get("sample") is not None or node.get("at_clause") is not None:
        return "sample"
    if "class" in node:
        if node["class"] not in _CLASSES:
            return "expression"
        return _function(node) if node["class"] in {"FUNCTION", "WINDOW"} else None
    if not isinstance(kind, str):
        return None
    if kind == "BASE_TABLE":
        path = _path(node)
        return None if len(path) == 1 and path[0].casefold() in tables else "table"
    if kind == "TABLE_FUNCTION":
        called = (node.get("function") or {}).get("function_name", "")
        return None if called.casefold() in _TABLE_FUNCTIONS else "function"
    return None if kind in _NODES or kind.endswith("_TYPE_INFO") else "clause"


def _function(node: Node) -> str | None:
    name = str(node.get("function_name", "")).casefold()
    if name not in _FUNCTIONS and node.get("type") in {"FUNCTION", "WINDOW_AGGREGATE"}:
        return "function"
    return None if len(_path(node)) <= 1 else "function"


def columns_of(tree: Node, names: list[str]) -> list[str]:
    """Return those of the asset's columns that the query can read."""
    asked: set[str] = set()
    rows: set[str] = set()
    for node in _nodes(tree):
        if node.get("class") == "STAR" or node.get("ref_type") == "NATURAL":
            return names
        if node.get("class") == "COLUMN_REF":
            asked.update(str(part).casefold() for part in node["column_names"])
            rows.add(str(node["column_names"][-1]).casefold())
        asked.update(str(part).casefold() for part in node.get("using_columns") or ())
    # A table's own name, where a column is expected, is its whole row.
    aliases = {
        str(node[key]).casefold() for node in _nodes(tree) for key in ("alias", "table_name") if node.get(key)
    }
    if rows & (aliases - {name.casefold() for name in names}):
        return names
    # Rows are counted in some column, also where the query reads none.
    return [name for name in names if name.casefold() in asked] or names[:1]
