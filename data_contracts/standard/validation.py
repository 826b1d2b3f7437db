"""JSON Schema complaints as problems with lines, in words of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from data_contracts.digest import canonical
from data_contracts.errors import Problem
from data_contracts.standard.shapes import MAX_SHAPES, Alike, alike
from data_contracts.yamlsource import Source

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["document", "odcs_problems", "own_problems", "terms_problems"]

Json: TypeAlias = Any
_HERE = Path(__file__).resolve().parent
_ODCS = "odcs-json-schema-v3.1.0.json"
_TERMS = "isthmus-terms-v1.schema.json"
_REMEMBERED_BYTES = 1 << 16
_CLOSED = {"additionalProperties", "unevaluatedProperties"}


@cache
def document(name: str) -> dict[str, Any]:
    """Return one of the schema files of this folder, not to be changed."""
    loaded: dict[str, Any] = json.loads((_HERE / name).read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(name: str, definition: str | None) -> Validator:
    from jsonschema import Draft201909Validator
    from referencing import Registry

    schema = document(name)
    if definition is not None:
        schema = {**schema, "$ref": f"#/$defs/{definition}"}
    # An empty registry fetches nothing: a reference that is not in the file is an error.
    return Draft201909Validator(schema, registry=Registry())


def _known_as_right(name: str, definition: str | None, value: Json) -> bool:
    """Whether there is no problem: most have none, and a process meets the same few again and again."""
    try:
        raw = canonical(value)
    except ValueError:  # what JSON has no form for: the schema says where
        return False
    return len(raw) <= _REMEMBERED_BYTES and _right(name, definition, raw)


@lru_cache(maxsize=256)
def _right(name: str, definition: str | None, raw: bytes) -> bool:
    return bool(_validator(name, definition).is_valid(json.loads(raw)))


def odcs_problems(source: Source) -> list[Problem]:
    """Return what ODCS's own JSON Schema (v3.1.0) finds wrong with the document."""
    shapes = alike(source.data)
    if shapes.excess is not None:
        place = ("schema", shapes.excess, "properties")
        return [source.problem(place, "columns of too many shapes", f"at most {MAX_SHAPES} that differ")]
    return _problems(_ODCS, None, source, shapes.data, (), shapes)


def terms_problems(
    definition: str, source: Source, value: Json, place: tuple[str | int, ...]
) -> list[Problem]:
    """Return what our schema finds wrong with the value of one `isthmus…` property at `place`."""
    return _problems(_TERMS, definition, source, value, place)


def own_problems(name: str, source: Source) -> list[Problem]:
    """Return what one of our schema files (by its file name) finds wrong with a whole document."""
    return _problems(name, None, source, source.data, ())


def _problems(
    name: str,
    definition: str | None,
    source: Source,
    value: Json,
    place: tuple[str | int, ...],
    shapes: Alike | None = None,
) -> list[Problem]:
    if _known_as_right(name, definition, value):
        return []
    errors = list(_validator(name, definition).iter_errors(value))
    found: list[tuple[tuple[str | int, ...], str, str]] = []
    for error in errors:
        path = (*place, *error.absolute_path)
        if error.validator in _CLOSED:
            unknown = _unknown_keys(error, document(name))
            found.extend(((*path, key), "unknown key", "a key of the schema") for key in unknown)
            alone = all(
                list(error.absolute_path) != list(e.absolute_path)[: len(error.absolute_path)] or e is error
                for e in errors
            )
            if not unknown and alone:
                found.append((path, "keys that do not go together here", ""))
        else:
            found.append((path, *_words(error)))
    # A branch of the standard's schema that is reached twice complains twice.
    return [
        source.problem(there, message, expected)
        for path, message, expected in dict.fromkeys(found)
        for there in (shapes.places(path) if shapes is not None else (path,))
    ]


def _unknown_keys(error: ValidationError, document: Mapping[str, Any]) -> list[str]:
    """Keys that no branch of the schema declares.

    A validator reports every key of a branch that failed for another reason; those are noise.
    """
    declared = set(_declared(error.schema, document))
    instance: Json = error.instance
    return sorted(key for key in instance if key not in declared)


def _declared(schema: object, document: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > 16:  # noqa: PLR2004 - deeper than any schema here
        return
    yield from schema.get("properties", {})
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        yield from _declared(document["$defs"].get(name), document, depth + 1)
    for key in ("then", "else", "if"):
        yield from _declared(schema.get(key), document, depth + 1)
    for key in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(key, ()):
            yield from _declared(branch, document, depth + 1)


def _words(error: ValidationError) -> tuple[str, str]:
    """Return (what is wrong, what is expected) for one complaint."""
    wanted: Json = error.validator_value
    instance: Json = error.instance
    if error.validator == "required":
        missing = [key for key in wanted if key not in instance]
        return f"the key {', '.join(missing)} is missing", ""
    if error.validator == "type":
        return "a value of the wrong type", wanted if isinstance(wanted, str) else " or ".join(wanted)
    if error.validator == "enum":
        return "not one of the values that may stand here", ", ".join(map(str, wanted))
    if error.validator == "const":
        return "not the value that must stand here", str(wanted)
    if error.validator == "pattern":
        return "not in the form that must stand here", f"text that matches {wanted}"
    if error.validator in {"oneOf", "anyOf"}:
        return "not exactly one of the forms that may stand here", _forms(wanted)
    return f"breaks {error.validator} of the schema", str(wanted) if not isinstance(wanted, dict) else ""


def _forms(branches: list[Any]) -> str:
    keys = [key for branch in branches if isinstance(branch, dict) for key in branch.get("required", ())]
    return f"exactly one of {', '.join(keys)}" if keys else ""
