"""JSON Schemas of a suite, if they can be used here: local, without a pattern, and sound."""

from __future__ import annotations

import json
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.suites.wanted import Unfamiliar

__all__ = ["local_schema"]

_DEEPEST = 50
_REFERENCES = {"$ref", "$dynamicRef", "$recursiveRef"}
_PATTERNS = {"pattern", "patternProperties"}


def local_schema(said: Any) -> str:  # noqa: ANN401 - JSON
    """Return the schema as text.

    Raises: UsageError: it refers to another document, which somebody would have to fetch. Unfamiliar: it
    is none, or has a pattern (Python's search can take for ever; GX's own engine has a limit).
    """
    from jsonschema import SchemaError, validators

    if not isinstance(said, dict):
        raise Unfamiliar("json_schema")
    _look(said, 0)
    try:
        validators.validator_for(said).check_schema(said)
    except SchemaError:
        raise Unfamiliar("json_schema") from None
    return json.dumps(said)


def _look(said: Any, depth: int) -> None:  # noqa: ANN401 - JSON
    if depth > _DEEPEST:
        raise UsageError("a JSON Schema that is nested too deeply")
    items = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, item in items:
        if key in _REFERENCES and not (isinstance(item, str) and item.startswith("#")):
            raise UsageError("a JSON Schema that refers to another document")
        if key in {"$id", "id", "$schema"} and isinstance(item, str) and "://" in item and key != "$schema":
            raise Unfamiliar("json_schema")
        if key in _PATTERNS:
            raise Unfamiliar("json_schema")
        _look(item, depth + 1)
