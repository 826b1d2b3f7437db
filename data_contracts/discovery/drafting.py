"""Profiles and findings to an ODCS document.

Invariants:
1. Of a column that may be personal nothing is written that comes from a value: neither bound nor length,
   pattern nor enumeration. What is written follows from its kind (`format: email`) or from words of ours
   (missing tokens).
2. Of any other column bounds are rounded outward, and an enumeration stands only where each of its words
   stands in `LEAST_ROWS` rows or more.
3. There are no boundary terms: nothing crosses under a draft.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from data_contracts.discovery.judging import Finding
from data_contracts.discovery.lexicon import load_lexicon
from data_contracts.discovery.profile import Profile
from data_contracts.discovery.profiling import Node

__all__ = ["LEAST_ROWS", "draft_document"]

LEAST_ROWS = 11
_MOST_WORDS = 20
_MOST_WORD = 64
_MOST_EXACT = 2**53 - 1
_LONGEST_PATTERN = 24
_YEARS = range(1, 10_000)
_LEAST_FOR_PATTERN = 20
_AMBIGUOUS = {"none", "-", ".", "--", "missing"}
_AS_TEXT = {
    "phone",
    "postal-code",
    "card-number",
    "national-id",
    "bank-account",
    "passport",
    "licence",
    "device-id",
}
_FORMATS = {"uuid": "uuid", "email": "email", "ipv4": "ipv4"}
_SHAPED = re.compile(r"[9Aa\-_./: ]+")
_CLASS = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}


def draft_document(
    nodes: Sequence[Node], findings: Mapping[str, Finding], *, identity: str, name: str, rows: int, kind: str
) -> dict[str, Any]:
    """Return the document of a contract.

    Args:
        nodes: the columns.
        findings: by path.
        identity: the contract's id.
        name: of its schema object.
        rows: of the data.
        kind: the format that was read (`formats.Source.kind`).
    """
    properties = [_column(node, findings, kind) for node in nodes]
    _mark_key(nodes, properties, findings)
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": identity,
        "name": name,
        "version": "0.1.0",
        "status": "draft",
        "description": {
            "purpose": "Drafted by `isthmus contract infer`; say here what the data is for.",
            "limitations": "A person has to read every column; a classification is lowered with a reason.",
        },
        "schema": [
            {
                "name": name,
                "logicalType": "object",
                "physicalType": "table",
                **({"quality": [_some_rows(name)]} if rows else {}),
                "properties": properties,
            }
        ],
    }


def _some_rows(name: str) -> dict[str, Any]:
    return {"name": f"{name}.some", "metric": "rowCount", "mustBeGreaterThan": 0}


def _column(node: Node, findings: Mapping[str, Finding], kind: str) -> dict[str, Any]:
    profile, finding = node.profile, findings[node.profile.path]
    logical, options, tokens = _typed(node, finding, kind)
    drafted: dict[str, Any] = {"name": node.name, "logicalType": logical}
    physical = _physical(node)
    if physical:
        drafted["physicalType"] = physical
    drafted["description"] = _told(finding, profile)
    if profile.rows and not profile.nulls and not tokens and not _inside(node):
        drafted["required"] = True
    drafted["classification"] = finding.classification.word
    options |= _format(profile) if logical == "string" else {}
    open_values = not finding.personal and not _inside(node)
    words = _words(profile, logical, tokens) if open_values else []
    if open_values and not words:
        options |= _bounds(profile, logical, options)
    if options:
        drafted["logicalTypeOptions"] = options
    if words:
        rule = {"name": f"{node.name}.known", "metric": "invalidValues", "mustBe": 0}
        drafted["quality"] = [{**rule, "arguments": {"validValues": words}}]
    drafted |= _own(finding, tokens)
    if logical == "object":
        drafted["properties"] = [_column(child, findings, kind) for child in node.children]
    elif logical == "array":
        drafted["items"] = _column(node.children[0], findings, kind)
    return drafted


def _own(finding: Finding, tokens: list[str]) -> dict[str, Any]:
    """Return our own properties of a column."""
    own: list[dict[str, Any]] = []
    if finding.categories:
        own.append({"property": "isthmusCategories", "value": list(finding.categories)})
    if tokens:
        own.append({"property": "isthmusMissing", "value": {"tokens": tokens}})
    return {"customProperties": own} if own else {}


def _inside(node: Node) -> bool:
    return "." in node.profile.path.removeprefix(node.name) or node.profile.path.endswith("[]")


def _typed(node: Node, finding: Finding, kind: str) -> tuple[str, dict[str, Any], list[str]]:
    """Return the logical type, its options and the missing tokens."""
    profile, logical = node.profile, node.logical
    if kind == "csv" or (kind == "jsonl" and logical == "string"):
        best = profile.types.best(json=kind == "jsonl") if profile.values else None
        logical = "string" if best is None else best.kind
        if logical in {"integer", "number"} and _AS_TEXT & set(finding.kinds):
            logical = "string"
        options = {} if best is None or logical == "string" else best.options
        return logical, dict(options), _tokens(profile, logical) if kind == "csv" else []
    if logical == "timestamp" and node.kind.tz is not None:
        return logical, {"timezone": True}, []
    if logical == "integer" and str(node.kind) == "uint64":
        return logical, {"format": "u64"}, []
    return logical, {}, []


def _tokens(profile: Profile, logical: str) -> list[str]:
    if logical != "string":
        return sorted(profile.tokens)
    codes = profile.signature in {"AA", "A", "aa"}
    spelled = {"na"} if codes else set[str]()
    return sorted(t for t in profile.tokens if t.strip().lower() not in _AMBIGUOUS | spelled)


def _physical(node: Node) -> str:
    from pyarrow import types

    kind = node.kind
    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        width = kind.byte_width if types.is_fixed_size_binary(kind) else 1
        return f"binary({width})"
    return ""


def _told(finding: Finding, profile: Profile) -> str:
    """Say the evidence in words: kinds and counts, and what the contract makes of NaN and infinity."""
    return _evidence(finding, profile) + _endless(profile)


def _endless(profile: Profile) -> str:
    if not profile.endless:
        return ""
    return (
        f" {profile.endless} of {profile.values} values are NaN or infinite, which no number of a contract"
        f" is: they break `{profile.path}.type`, and bounds are those of the others."
        " Write a missing number as null."
    )


def _evidence(finding: Finding, profile: Profile) -> str:
    if not finding.evidence:
        return f"{profile.values} values. Nothing says that it is personal; describe it."
    parts = []
    for item in finding.evidence:
        if item.basis == "name":
            parts.append(f"{item.kind} by its name")
        elif item.basis == "table":
            parts.append(f"{item.kind} by the columns beside it ({item.detector})")
        else:
            parts.append(f"{item.kind} by {item.count} of {item.of} values ({item.detector})")
    what = "May be personal" if finding.personal else "May help to tell people apart"
    return f"{what}: {'; '.join(parts)}."


def _format(profile: Profile) -> dict[str, Any]:
    """Return the `format` that every text has, blanks included."""
    present = profile.rows - profile.nulls
    for detector, word in _FORMATS.items():
        if present and profile.found[detector] == present:
            return {"format": word}
    return {}


def _words(profile: Profile, logical: str, tokens: Sequence[str]) -> list[str]:
    """Return the enumeration of a text column, if its words are few, short and each stands in many rows."""
    if logical != "string" or not profile.distinct or len(profile.distinct) > _MOST_WORDS:
        return []
    other = {text: rows for text, rows in profile.tokens.items() if text not in tokens}
    words = {**profile.distinct, **other}
    if any(rows < LEAST_ROWS or len(text) > _MOST_WORD for text, rows in words.items()):
        return []
    return sorted(words)


def _bounds(profile: Profile, logical: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if logical in {"integer", "number"} and profile.low is not None:
        low, high = _outward(profile.low, up=False), _outward(profile.high, up=True)
        found = {"minimum": low, "maximum": high}
        if logical == "integer":
            found = {key: int(value) for key, value in found.items()}
        return {key: value for key, value in found.items() if abs(value) <= _MOST_EXACT}
    if logical in {"date", "timestamp"} and profile.years is not None and profile.years[0] in _YEARS:
        clock = "" if logical == "date" else "T00:00:00" + ("Z" if options.get("timezone") else "")
        return {"minimum": f"{profile.years[0]:04d}-01-01{clock}"}
    if logical == "string" and profile.values and "format" not in options:
        return _lengths(profile)
    return {}


def _lengths(profile: Profile) -> dict[str, Any]:
    signature = profile.signature or ""
    shaped = _SHAPED.fullmatch(signature) and len(signature) <= _LONGEST_PATTERN
    if shaped and profile.different >= _LEAST_FOR_PATTERN and not profile.tokens:
        return {"pattern": f"^{_pattern(signature)}$"}
    longest = 2 ** max(3, math.ceil(math.log2(max(1, profile.longest))))
    return {"maxLength": longest}


def _pattern(signature: str) -> str:
    parts = []
    for run in re.finditer(r"(.)\1*", signature):
        letter, length = run[1], len(run[0])
        one = _CLASS.get(letter, re.escape(letter))
        parts.append(one if length == 1 else f"{one}{{{length}}}")
    return "".join(parts)


def _outward(value: Any, *, up: bool) -> int | float:  # noqa: ANN401 - a number of any type
    """Return the number at two digits, away from the middle of the data: no row's own value."""
    exact = Decimal(str(value))
    if not exact:
        return 0
    step = Decimal(1).scaleb(exact.adjusted() - 1)
    rounded = (exact / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
    whole = rounded == rounded.to_integral_value()
    return int(rounded) if whole else float(rounded)


def _mark_key(nodes: Sequence[Node], drafted: list[dict[str, Any]], findings: Mapping[str, Finding]) -> None:
    """Mark columns in which no value stands twice, and the likeliest of them as the primary key."""
    heads = load_lexicon().words["heads"]
    unique = []
    for node, column in zip(nodes, drafted, strict=True):
        plain = (
            column["logicalType"] in {"integer", "string"} and "free-text" not in findings[node.name].kinds
        )
        if plain and node.profile.unique and node.profile.values > 1:
            column["unique"] = True
            if column.get("required"):
                unique.append((node, column))
    named = [pair for pair in unique if heads & set(_name_words(pair[0].name))]
    for _, column in (named or [pair for pair in unique if pair[0] is nodes[0]])[:1]:
        column["primaryKey"] = True
        column["primaryKeyPosition"] = 1


def _name_words(name: str) -> list[str]:
    from data_contracts.discovery.folding import tokens

    return tokens(name)
