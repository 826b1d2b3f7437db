"""What parameters and labels may hold: references, digests, tokens, counts, and the names of a set's members.

Invariants:
1. A step's own code sets no parameter to a text, and names no label but its declared results.
2. A reference passes in its one form, with its labels in theirs.
3. A list passes only from our own code, and only as the members of a set.

Example:
    >>> parameter(["model", "Jane Doe"], Passing(Speaker("pipeline"), "cloud", "0" * 12))
    '[withheld: incident 000000000000]'
"""

from __future__ import annotations

import json
import re
from typing import Any

from data_contracts.digest import is_digest
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from environments.apigate.checks import Check, Passing, RefusedError
from environments.apigate.forms import is_incident, is_plain, is_rules, is_token
from environments.ref import ASSET, MAX_SET, NAME, AssetRef
from environments.trust.grants import GRANT_PARAMETER
from environments.trust.tokens import ONE_WORD, REQUEST_PARAMETER

__all__ = ["SIGNED", "label", "label_key", "parameter", "parameter_key", "reference", "signed_word"]

_LABEL = re.compile(rf"(?:out|in)\.{NAME}|isthmus\.(?:plan|rules|incident)")
_MEMBER_LABEL = re.compile(rf"out\.ref\.{NAME}")
"""What our own code says of each member of a set."""
_REF = "ref:"
SIGNED = frozenset({REQUEST_PARAMETER, GRANT_PARAMETER})
"""Parameters that are signed statements."""


def reference(value: object, _passing: Passing) -> dict[str, Any]:
    """A reference, with its labels in their one form."""
    try:
        ref = AssetRef.from_json(value)
        labels = Labels.from_json(ref.labels).to_json() if ref.labels else {}
    except (UsageError, ValueError, KeyError, TypeError):
        raise RefusedError("not a reference") from None
    return AssetRef(ref.name, ref.environment, ref.version, ref.contract, labels).to_json()


def parameter(value: object, passing: Passing) -> Any:  # noqa: ANN401 - any JSON value
    """A reference, a digest, a token, a number or a truth; a step's own only where it can be no data."""
    if value is None or isinstance(value, bool) or is_digest(value):
        return value
    if isinstance(value, dict):
        try:
            return reference(value, passing)
        except RefusedError:
            return passing.withhold("parameter", value)
    if isinstance(value, list):
        return value if passing.speaker.trusted and _members(value) else passing.withhold("parameter", value)
    simple = isinstance(value, int | float) or (isinstance(value, str) and is_token(value))
    return value if passing.speaker.trusted and simple else passing.withhold("parameter", value)


def _members(value: list[object]) -> bool:
    """Whether a list names the members of a set: assets and their versions, and nothing else."""
    return len(value) <= MAX_SET and all(isinstance(one, str) and re.fullmatch(ASSET, one) for one in value)


def signed_word(value: object, passing: Passing) -> Any:  # noqa: ANN401 - a signed statement, or the mark
    """A signed statement as one word: public, and worth what each environment's trust document says."""
    fits = isinstance(value, str) and (value == "" or re.fullmatch(ONE_WORD, value) is not None)
    return value if fits and passing.speaker.trusted else passing.withhold("parameter", value)


def label(name: str) -> Check:
    """Return the check of one label's value."""

    def check(value: object, passing: Passing) -> Any:  # noqa: ANN401 - a text, a number or a truth
        fits = False
        if name == "isthmus.incident":
            fits = isinstance(value, str) and is_incident(value)
        elif name == "isthmus.plan":
            fits = is_digest(value)
        elif name == "isthmus.rules":
            fits = isinstance(value, str) and is_rules(value, plain=passing.speaker.trusted)
        elif _known_label(name, passing):
            fits = _result(value, passing)
        return value if fits else passing.withhold(f"label {name[:80]}", value)

    return check


def _result(value: object, passing: Passing) -> bool:
    if isinstance(value, bool | int | float) or is_digest(value):
        return True
    if not isinstance(value, str):
        return False
    if value.startswith(_REF):
        try:
            return bool(reference(json.loads(value.removeprefix(_REF)), passing))
        except (RefusedError, ValueError):
            return False
    return passing.speaker.trusted and is_plain(value)


def _known_label(name: str, passing: Passing) -> bool:
    of_member = passing.speaker.trusted and _MEMBER_LABEL.fullmatch(name) is not None
    return of_member or _LABEL.fullmatch(name) is not None


def label_key(name: str, passing: Passing) -> str:
    """The name of a label; what is no name of ours stands under one that says so."""
    return name if _known_label(name, passing) else "isthmus.withheld"


def parameter_key(name: str, passing: Passing) -> str:
    """The name of a parameter, which only our own code gives."""
    return (
        name
        if re.fullmatch(NAME, name) and passing.speaker.trusted
        else passing.withhold("parameter's name", name)
    )
