"""DuckDB in the child: one table, one SELECT, one number.

Invariants:
1. The database lives in memory, beside a private folder for what does not fit; external access, extensions
   and replacement of unknown tables by Python's own variables are off, and its settings are locked before a
   query of others runs.
2. A query runs only after its tree was judged (`sqltree`), and after the same text was found to be exactly
   one SELECT statement.
3. DuckDB takes `Age` and `age` for one name, a contract does not: a query that can read columns whose names
   differ in case only is refused, whichever of them it means.
4. An answer is a number as text, or a word out of a fixed list; never a value of another kind, never the
   engine's own message.
"""

from __future__ import annotations

import json
import math
import os
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from data_contracts.sandbox.work.sqltree import columns_of, forbidden

__all__ = ["Query"]

_MOST = 100_000
_CONFIG = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "1",
}


class Query:
    """Answers requests: `prepare`, `load`, `run`."""

    def __init__(self) -> None:
        """Open the database when the first request says how large it may be."""
        self._database: Any = None
        self._table = ""
        self._names: list[str] = []

    def __call__(self, request: dict[str, Any], stream: Any) -> dict[str, Any]:  # noqa: ANN401 - the arrow stream
        """Answer one request."""
        if request["do"] == "open":
            return self._open(request)
        if request["do"] == "load":
            return self._load(request, stream)
        return self._prepare(request) if request["do"] == "prepare" else self._run(request)

    def _open(self, request: dict[str, Any]) -> dict[str, Any]:
        config = _CONFIG | {
            "memory_limit": f"{request['memory']}B",
            "temp_directory": os.getcwd(),  # noqa: PTH109 - as text
            "max_temp_directory_size": f"{request['temporary']}B",
        }
        self._database = duckdb.connect(":memory:", config=config)  # type: ignore[arg-type]
        # Compressed: what is held is then about as large as the file was.
        self._do("ATTACH ':memory:' AS isthmus (COMPRESS)")
        self._do("USE isthmus")
        self._table = str(request["table"])
        return {}

    def _load(self, request: dict[str, Any], stream: Any) -> dict[str, Any]:  # noqa: ANN401 - the arrow stream
        del request
        reader = pa.ipc.open_stream(pa.PythonFile(stream, mode="r"))
        self._database.register("isthmus_incoming", reader)
        # The name is quoted: whatever stands in it is a name.
        name = '"' + self._table.replace('"', '""') + '"'
        self._do(f"CREATE TABLE {name} AS SELECT * FROM isthmus_incoming")  # noqa: S608
        self._database.unregister("isthmus_incoming")
        self._do("SET lock_configuration = true")
        return {}

    def _do(self, statement: str, parameters: list[str] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement of ours to its end: a connection takes the next one only then."""
        found: list[tuple[Any, ...]] = self._database.execute(statement, parameters).fetchall()
        return found

    def _prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        self._names = [str(name) for name in request["names"]]
        refused, tree = self._parse(request["query"])
        return {"refused": refused} if refused else {"columns": columns_of(tree, self._names)}

    def _parse(self, query: str) -> tuple[str | None, dict[str, Any]]:
        if len(query) > _MOST:
            return "length", {}
        try:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                return "statements", {}
            [[written]] = self._do("SELECT json_serialize_sql(?::VARCHAR)", [query])
            tree = json.loads(written)
        except (duckdb.Error, ValueError, RecursionError):
            return "syntax", {}
        if tree.get("error"):
            return "syntax", {}
        return forbidden(tree, self._table) or self._ambiguous(tree), tree

    def _ambiguous(self, tree: dict[str, Any]) -> str | None:
        read = columns_of(tree, self._names)
        return None if len({name.casefold() for name in read}) == len(read) else "names"

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        refused, _ = self._parse(request["query"])
        if refused:
            return {"refused": refused}
        try:
            result = self._database.execute(request["query"])
            rows = result.fetchmany(2)
            result.abort()
        except duckdb.OutOfMemoryException:
            return {"refused": "memory"}
        except (duckdb.Error, ValueError, OverflowError):
            return {"refused": "run"}
        if len(rows) != 1 or len(rows[0]) != 1:
            return {"refused": "shape"}
        return _number(rows[0][0])


def _number(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"number": str(int(value))}
    if isinstance(value, int | Decimal) or (isinstance(value, float) and math.isfinite(value)):
        return {"number": str(value)} if len(str(value)) <= 400 else {"refused": "number"}  # noqa: PLR2004 - digits
    return {"refused": "number"}
