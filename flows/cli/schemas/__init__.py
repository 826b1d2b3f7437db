"""JSON Schemas of every file that a user writes, for editors: completion, and mistakes as they are typed.

Invariants:
1. A schema takes whatever Isthmus takes. What only the whole site can tell (two environments of one name, a
   column that is not there) it cannot say: `isthmus contract lint` and `isthmus up` do.
2. The contract's schema is the standard's own with ours put in; nothing refers to another file, so an editor
   without a network works.

`isthmus init` writes them into the site's folder `schemas`, and `make docs` into docs/schemas.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["editor_schemas"]

_HERE = Path(__file__).parent
_ORIGIN = (
    "The JSON Schema of the Open Data Contract Standard v3.1.0 (Bitol project, LF AI & Data, Apache-2.0), "
    "changed: only the versions that Isthmus takes, and the values of custom properties named isthmus…."
)


@cache
def editor_schemas() -> dict[str, str]:
    """Return the text of each schema by its file name."""
    from data_contracts.standard.validation import document

    made = {
        "contract.schema.json": _contract(),
        "environment.schema.json": _read("environment.schema.json"),
        "organisation.schema.json": _read("organisation.schema.json"),
        "samples.schema.json": document("isthmus-samples-v1.schema.json"),
        "site.schema.json": _read("site.schema.json"),
    }
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_HERE / name).read_text(encoding="utf-8"))
    return read


def _contract() -> dict[str, Any]:
    """Return the standard's schema with the values of our custom properties in their places."""
    from data_contracts.loading.reader import VERSIONS
    from data_contracts.standard.validation import document

    made = copy.deepcopy(document("odcs-json-schema-v3.1.0.json"))
    ours = _renamed(document("isthmus-terms-v1.schema.json")["$defs"])
    names = sorted(name for name in ours if name.startswith("isthmus"))
    made["$comment"] = _ORIGIN
    made["properties"]["apiVersion"] = {**made["properties"]["apiVersion"], "enum": list(VERSIONS)}
    custom = made["$defs"]["CustomProperty"]
    custom["allOf"] = [
        *custom.get("allOf", []),
        {
            "if": {"properties": {"property": {"pattern": "^[iI][sS][tT][hH][mM][uU][sS]"}}},
            "then": {"properties": {"property": {"enum": names}}},
        },
        *(
            {
                "if": {"properties": {"property": {"const": name}}},
                "then": {"properties": {"value": {"$ref": f"#/$defs/isthmus.{name}"}}},
            }
            for name in names
        ),
    ]
    made["$defs"] |= {f"isthmus.{name}": value for name, value in ours.items()}
    return made


def _renamed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return our definitions with references that fit beside the standard's."""
    if isinstance(value, dict):
        return {
            key: inner.replace("#/$defs/", "#/$defs/isthmus.") if key == "$ref" else _renamed(inner)
            for key, inner in value.items()
        }
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value
