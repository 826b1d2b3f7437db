"""Shipped profiles: what a crossing that says it keeps one must do with each column.

`hipaa-safe-harbor` is 45 CFR 164.514(b)(2): each column says by `isthmusIdentifier` which of the 18
identifiers it holds (or `none`), and only what removes that identifier is allowed.
`hipaa-expert-determination` is (b)(1): an expert named in the crossing stands for the form in which
identifiers cross, as long as none crosses as it is, and free text is dropped.

Invariants:
1. A column that crosses and says nothing is a problem: nobody is believed to have meant `none`.
2. A rule of columns proves nothing about what is inside of a value, about several columns together, or about
   what anyone knows. `CAVEATS` says so, with every check.

Example:
    >>> [identifier.letter for identifier in IDENTIFIERS.values() if identifier.kind == "zip"]
    ['B']
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_contracts.model import Column
from data_contracts.terms import CrossingDeclaration, Treatment

__all__ = ["CAVEATS", "EXPERT", "IDENTIFIERS", "PROFILES", "SAFE_HARBOR", "Identifier", "profile_problems"]

SAFE_HARBOR = "hipaa-safe-harbor"
EXPERT = "hipaa-expert-determination"
PROFILES = (SAFE_HARBOR, EXPERT)
CAVEATS = (
    "what a column holds is its owner's word (isthmusIdentifier); `isthmus contract infer` looks for more",
    "an identifier inside of a value of another kind (a name in a product's title) is not seen",
    "whether several columns together single out a person is not seen; `anonymity` asks for k",
    "that nobody actually knows how to identify a person (45 CFR 164.514(b)(2)(ii)) cannot be proved",
)
_NONE, _FREE_TEXT = "none", "free-text"
_OLDEST = 90
_KEY = tuple[str, ...]
Complaint = tuple[_KEY, str, str]
"""Where inside the crossing, what is wrong, what is expected."""


@dataclass(frozen=True)
class Identifier:
    """One kind of identifier.

    Attributes:
        kind: the word of `isthmusIdentifier`.
        letter: of 45 CFR 164.514(b)(2)(i).
        text: what the regulation says, shortened.
        allowed: obligations that remove it, `OBLIGATION` or `OBLIGATION.FORM`.
    """

    kind: str
    letter: str
    text: str
    allowed: tuple[str, ...]


def _read() -> dict[str, Identifier]:
    raw = (Path(__file__).resolve().parent / "data" / "hipaa.toml").read_text(encoding="utf-8")
    items = tomllib.loads(raw)["identifier"]
    return {
        item["kind"]: Identifier(item["kind"], item["letter"], item["text"], tuple(item["allowed"]))
        for item in items
    }


IDENTIFIERS: Mapping[str, Identifier] = _read()
"""By kind. `none` is no identifier, and stands here not."""


def profile_problems(
    profile: str, declaration: CrossingDeclaration, columns: Mapping[str, Column]
) -> Iterator[Complaint]:
    """Find every column whose treatment does not keep the profile.

    Args:
        profile: one of `PROFILES`.
        declaration: the crossing.
        columns: the contract's columns by name; others that the crossing names are left to other checks.
    """
    if profile == EXPERT and declaration.expert is None:
        message = "no expert is named (45 CFR 164.514(b)(1))"
        yield ("profile",), message, "expertDetermination: {by: …, date: …, report: sha256:…}"
    for name, treatment in declaration.columns.items():
        if name not in columns or treatment.obligation == "drop":
            continue
        kind = columns[name].identifier
        check = _safe_harbor if profile == SAFE_HARBOR else _expert
        for message, expected in check(kind, treatment):
            yield ("columns", name), message, expected


def _undeclared() -> tuple[str, str]:
    return (
        "the column does not say which identifier it holds",
        f"customProperties: isthmusIdentifier, one of {', '.join(IDENTIFIERS)} or {_NONE}",
    )


def _expert(kind: str, treatment: Treatment) -> Iterator[tuple[str, str]]:
    if not kind:
        yield _undeclared()
    elif kind == _FREE_TEXT:
        yield "free text may only be dropped", "drop"
    elif kind != _NONE and treatment.obligation == "keep":
        yield f"{kind} crosses as it is", "any obligation that the expert's report names"


def _safe_harbor(kind: str, treatment: Treatment) -> Iterator[tuple[str, str]]:
    word = treatment.obligation
    if not kind:
        yield _undeclared()
        return
    if kind == _NONE:
        if word == "pseudonymise":
            yield "a keyed pseudonym of what is no identifier", "isthmusIdentifier: what it identifies"
        return
    known = IDENTIFIERS[kind]
    place = f"45 CFR 164.514(b)(2)(i)({known.letter})"
    forms = {word, *(f"{word}.{key}" for key in treatment.parameters)}
    if not forms & set(known.allowed):
        reason = f"{kind} ({place}) is not removed by {word}"
        if word == "pseudonymise":
            reason = f"a keyed pseudonym of {kind} is derived from it (45 CFR 164.514(c)(1))"
        yield reason, f"{', '.join(known.allowed)}; or profile {EXPERT}, with the expert named"
    elif kind == "age" and not _at_most_ninety(treatment):
        yield (
            f"ages over 89 would be told apart ({place})",
            f"one category from {_OLDEST} on, or from earlier",
        )
    elif word == "generalise" and "date" in treatment.parameters:
        yield from _years(kind, treatment, place)


def _at_most_ninety(treatment: Treatment) -> bool:
    """Whether all ages over 89 fall together."""
    if treatment.obligation in {"topCode", "clamp"}:
        return all(
            treatment.parameters[key] <= _OLDEST for key in ("at", "top") if key in treatment.parameters
        )
    if treatment.obligation == "generalise":
        return bool(max(treatment.parameters["bands"]) <= _OLDEST)
    return True


def _years(kind: str, treatment: Treatment, place: str) -> Iterator[tuple[str, str]]:
    part = treatment.parameters["date"]
    if part not in {"year", "decade"}:
        yield f"a {part} is more than the year ({place})", "{date: year} or {date: decade}"
    if kind == "birth-date" and "earliest" not in treatment.parameters:
        message = f"a year of birth tells an age over 89 ({place})"
        yield message, "earliest: the first year in which nobody in the data is 90"
