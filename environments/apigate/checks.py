"""What a field may hold, on its way to the server and back: one small check for each kind of field.

Invariants:
1. A check returns the value to forward, made anew, or raises `RefusedError`; nothing is forwarded that no
   check returned. A key that is not named does not pass.
2. A text that has no permitted form becomes the mark of its message's one incident, and is kept for it.
3. A request whose *shape* is wrong is refused whole; a *text* that may not be told is replaced, and the rest
   of its request goes on.

Example:
    >>> passing = Passing(Speaker("worker"), "cloud", "1a2b3c4d5e6f")
    >>> record({"name": one_of("a", "b"), "on": boolean})({"name": "a", "on": True, "pickle": "..."}, passing)
    {'name': 'a', 'on': True}
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from data_contracts.errors import DeniedError
from environments.apigate.forms import is_token, mark_of
from environments.apigate.speaker import Speaker

__all__ = [
    "Check",
    "Passing",
    "RefusedError",
    "anything_of",
    "boolean",
    "given",
    "hidden",
    "integer",
    "listing",
    "maybe",
    "moment",
    "number",
    "one_of",
    "own_run",
    "record",
    "said",
    "shown",
    "table",
    "token",
    "uid",
]

_LONGEST, _DEEPEST, _MOST = 65_536, 12, 5_000


class RefusedError(DeniedError):
    """A message is not one that may pass."""


@dataclass
class Passing:
    """One message on its way through the gate.

    Attributes:
        speaker: who sent it.
        environment: whose gate it is.
        incident: the id under which withheld texts are kept.
        withheld: those texts, each with what it was.
        owns: whether a run is the speaker's own, or one that it made.
    """

    speaker: Speaker
    environment: str
    incident: str
    withheld: list[tuple[str, str]] = field(default_factory=list)
    owns: Callable[[str], bool] = lambda _run: False

    def withhold(self, what: str, text: object) -> str:
        """Keep a text for the incident, and return what stands in its place."""
        self.withheld.append((what, text if isinstance(text, str) else repr(text)))
        return mark_of(self.incident)


Check = Callable[[Any, Passing], Any]


def _refuse(what: str) -> RefusedError:
    return RefusedError(what, remedy="docs/guides/api-gate.md lists what passes")


def uid(value: object, _passing: Passing) -> str:
    """An id of the server's."""
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else _raise("an id")
    except ValueError:
        return _raise("an id")


def _raise(what: str) -> NoReturn:
    raise _refuse(f"not {what}")


def own_run(value: object, passing: Passing) -> str:
    """The id of a run that the speaker may speak for."""
    run = uid(value, passing)
    if not passing.owns(run):
        raise _refuse("a run of somebody else")
    return run


def moment(value: object, _passing: Passing) -> str:
    """A time, ISO 8601."""
    try:
        return dt.datetime.fromisoformat(value).isoformat() if isinstance(value, str) else _raise("a time")
    except ValueError:
        return _raise("a time")


def boolean(value: object, _passing: Passing) -> bool:
    """True or false."""
    return value if isinstance(value, bool) else _raise("true or false")


def number(value: object, _passing: Passing) -> float:
    """A finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    _raise("a number")


def integer(low: int, high: int) -> Check:
    """Return a check of a whole number between two."""

    def check(value: object, _passing: Passing) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        _raise("a whole number in its bounds")

    return check


def one_of(*words: str) -> Check:
    """Return a check of a word out of some."""

    def check(value: object, _passing: Passing) -> str:
        return value if isinstance(value, str) and value in words else _raise(f"one of {', '.join(words)}")

    return check


def token(value: object, _passing: Passing) -> str:
    """One word of an identifier's letters."""
    return value if isinstance(value, str) and is_token(value) else _raise("a name")


def shown(value: object, _passing: Passing) -> str:
    """A text that comes from the server, of a bounded length; control characters are replaced."""
    if not isinstance(value, str):
        return _raise("a text")
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in value[:_LONGEST])


def said(what: str, permitted: Callable[[str, Speaker], bool]) -> Check:
    """Return a check of a text for people: withheld where its form is not permitted."""

    def check(value: object, passing: Passing) -> str:
        if isinstance(value, str) and permitted(value, passing.speaker):
            return value
        return passing.withhold(what, value)

    return check


def hidden(what: str) -> Check:
    """Return a check of something that never passes: withheld, unless there is nothing."""

    def check(value: object, passing: Passing) -> Any:  # noqa: ANN401 - what is empty, or the mark
        return value if value in (None, "", [], {}) else passing.withhold(what, value)

    return check


def given(constant: object) -> Check:
    """Return a check that forwards a constant, whatever was there."""
    return lambda _value, _passing: constant


def maybe(check: Check) -> Check:
    """Return a check that lets null pass as well."""
    return lambda value, passing: None if value is None else check(value, passing)


def record(fields: Mapping[str, Check], needs: tuple[str, ...] = ()) -> Check:
    """Return a check of an object: these keys pass, others do not."""

    def check(value: object, passing: Passing) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not set(needs) <= set(value):
            return _raise(f"an object with {', '.join(needs) or 'fields'}")
        return {key: one(value[key], passing) for key, one in fields.items() if key in value}

    return check


def table(key: Callable[[str, Passing], str | None], item: Callable[[str], Check]) -> Check:
    """Return a check of an object whose keys are data, too: `key` gives what stands for one, None nothing."""

    def check(value: object, passing: Passing) -> dict[str, Any]:
        if not isinstance(value, Mapping) or len(value) > _MOST:
            return _raise("an object")
        made = ((key(str(name), passing), name, inner) for name, inner in value.items())
        return {new: item(name)(inner, passing) for new, name, inner in made if new is not None}

    return check


def listing(item: Check, most: int = _MOST) -> Check:
    """Return a check of a list of a bounded length."""

    def check(value: object, passing: Passing) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            return _raise(f"a list of at most {most}")
        return [item(one, passing) for one in value]

    return check


def anything_of(leaf: Check) -> Check:
    """Return a check of any JSON value of bounded depth whose texts all pass `leaf`, keys included."""

    def check(value: object, passing: Passing, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
        if depth > _DEEPEST:
            return _raise("a value of bounded depth")
        if isinstance(value, Mapping):
            return {leaf(key, passing): check(inner, passing, depth + 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [check(inner, passing, depth + 1) for inner in value[:_MOST]]
        if value is None or isinstance(value, bool):
            return value
        return leaf(value, passing) if isinstance(value, str) else number(value, passing)

    return check
