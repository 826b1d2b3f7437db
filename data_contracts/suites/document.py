"""Suites as JSON: a GX 1.x suite document, or its list of expectations alone.

Invariants:
1. Strict: an unknown key, a wrong type or a repeated id is an error, and all are reported at once. What
   would not be read would not be checked.
2. Arguments of an expectation are kept as written; whether they make sense is judged when the suite is
   compiled for a table (an argument that an expectation does not have makes it `not_evaluated`).

Example::

    {"name": "tests", "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "subject_id"}}]}
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_contracts.errors import DeclarationError, Problem, UsageError
from data_contracts.suites.wanted import Wanted

__all__ = ["Suite", "load_suite", "read_suite"]

_SUITE = {"name", "id", "expectations", "meta", "notes", "suite_parameters", "rendered_content"}
_ITEM = {"type", "kwargs", "id", "meta", "notes", "description", "severity", "rendered_content"}
_OLD = {
    "expectation_type": "type",
    "expectation_suite_name": "name",
    "data_asset_type": "",
    "ge_cloud_id": "id",
}
_SEVERITIES = ("critical", "warning", "info")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,199}")
_PARAMETER = "$PARAMETER"
_MOST_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Suite:
    """A suite of expectations.

    Attributes:
        name: for people, and for Data Docs.
        expectations: in the suite's order, with ids that differ.
        meta: as written.
    """

    name: str
    expectations: tuple[Wanted, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)


def load_suite(path: Path) -> Suite:
    """Read a suite's file.

    Raises:
        DeclarationError: it is no suite; every problem is told.
        UsageError: it cannot be read, or is larger than 64 MiB.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: more than 64 MiB", remedy="a suite is a list of rules; split it")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return read_suite(raw, file=str(path))


def read_suite(raw: bytes, *, file: str) -> Suite:
    """Read a suite.

    Raises:
        DeclarationError: it is no suite; every problem is told.
    """
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise _one(file, 0, "not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _one(file, error.lineno, f"not JSON: {error.msg}") from None
    except (RecursionError, _RepeatedError) as error:
        what = f"the key {error} stands twice" if isinstance(error, _RepeatedError) else "nested too deeply"
        raise _one(file, 0, what) from None
    if isinstance(data, list):
        data = {"name": Path(file).stem, "expectations": data}
    problems = list(_suite_problems(data))
    if problems:
        raise DeclarationError([Problem(file, 0, 0, path, text, hint) for path, text, hint in problems])
    return _suite(data, Path(file).stem)


class _RepeatedError(ValueError):
    """A key occurs twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedError(next(key for key, count in Counter(k for k, _ in pairs).items() if count > 1))
    return found


def _one(file: str, line: int, message: str) -> DeclarationError:
    return DeclarationError([Problem(file, line, 0, "", message, "a GX suite as JSON")])


Complaint = tuple[str, str, str]


def _suite_problems(data: object) -> Iterator[Complaint]:
    if not isinstance(data, dict):
        yield "", "no suite", "an object with `name` and `expectations`, or a list of expectations"
        return
    yield from _unknown(data, _SUITE, "")
    if not isinstance(data.get("suite_parameters") or {}, dict):
        yield "suite_parameters", "no parameters", "an object of names and values"
    items = data.get("expectations")
    if not isinstance(items, list):
        yield "expectations", "no list of expectations", "a list"
        return
    for index, item in enumerate(items):
        yield from _item_problems(item, f"expectations.{index}")
    ids = Counter(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))
    for name, count in ids.items():
        if count > 1:
            yield "expectations", f"the id {name} stands {count} times", "an id for each"


def _item_problems(item: object, path: str) -> Iterator[Complaint]:
    if not isinstance(item, dict):
        yield path, "no expectation", "an object with `type` and `kwargs`"
        return
    yield from _unknown(item, _ITEM, path + ".")
    kind = item.get("type")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        yield path + ".type", "no name of an expectation", "such as expect_column_values_to_not_be_null"
    if not isinstance(item.get("kwargs", {}), dict):
        yield path + ".kwargs", "no arguments", "an object"
    if not isinstance(item.get("meta") or {}, dict):
        yield path + ".meta", "no notes", "an object"
    if not isinstance(item.get("id"), str | None):
        yield path + ".id", "no id", "text"
    if item.get("severity", "critical") not in _SEVERITIES:
        yield path + ".severity", "no severity", ", ".join(_SEVERITIES)


def _unknown(data: Mapping[str, Any], known: set[str], path: str) -> Iterator[Complaint]:
    for key in sorted(set(data) - known):
        hint = _OLD.get(key)
        text = "a key of GX before 1.0" if hint is not None else "unknown key"
        yield path + key, text, f"`{hint}`" if hint else ", ".join(sorted(known))


def _suite(data: Mapping[str, Any], stem: str) -> Suite:
    known = data.get("suite_parameters") or {}
    wanted = tuple(_numbered([_wanted(item, known) for item in data["expectations"]]))
    return Suite(str(data.get("name") or stem), wanted, data.get("meta") or {})


def _filled(said: Any, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return arguments with the suite's own parameters in place; one without a value stays, and fails."""
    if isinstance(said, dict):
        if set(said) == {_PARAMETER} and isinstance(said[_PARAMETER], str) and said[_PARAMETER] in known:
            return known[said[_PARAMETER]]
        return {key: _filled(item, known) for key, item in said.items()}
    return [_filled(item, known) for item in said] if isinstance(said, list) else said


def _wanted(item: Mapping[str, Any], known: Mapping[str, Any]) -> Wanted:
    kwargs = _filled(item.get("kwargs", {}), known)
    name = kwargs.get("column")
    kind = str(item["type"])
    return Wanted(
        f"{name}.{kind}" if isinstance(name, str) and name else kind,
        kind,
        kwargs,
        str(item.get("severity", "critical")),
        item.get("meta") or {},
        item.get("id"),
    )


def _numbered(items: list[Wanted]) -> Iterator[Wanted]:
    """Number expectations of one type on one column: `age.expect_…`, `age.expect_…-2`."""
    from dataclasses import replace

    seen: Counter[str] = Counter()
    for item in items:
        seen[item.id] += 1
        yield item if seen[item.id] == 1 else replace(item, id=f"{item.id}-{seen[item.id]}")
