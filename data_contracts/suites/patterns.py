r"""Python's regular expressions in the syntax of the engine that evaluates them, where both mean the same.

GX searches with Python's `re`. The engine's own search (Rust's) runs in linear time, whatever the pattern.
The translation is by construction: Python's own parser gives the tree, and of whatever matches one character
(`\w`, `[^a-z]`, a letter without regard to case) Python's own matcher is asked, over all of Unicode, which
characters those are. What searching cannot express in linear time, or what would mean another thing
(look-around, references, `\b` over Unicode, `$` before something), is `Unfamiliar`.

Example:
    >>> to_linear(r"^ab[^c]?$")
    '\\Aab(?:[^c]){0,1}\\n?\\z'
"""

from __future__ import annotations

import re
import sys
import warnings
from functools import lru_cache
from importlib import import_module
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.suites.wanted import Unfamiliar

__all__ = ["to_linear"]

# The tree that Python's own compiler makes of a pattern; private, and the same in 3.11 and 3.12.
parser: Any = import_module("re._parser")
words: Any = import_module("re._constants")

_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.UNICODE | re.ASCII | re.VERBOSE
_MOST_REPEATS = 1000
_PLAIN = re.compile(r"[A-Za-z0-9_]")
_SURROGATES = (0xD800, 0xDFFF)


def to_linear(pattern: str) -> str:
    """Return an expression that finds something in exactly the texts in which Python's finds something.

    Raises:
        Unfamiliar: there is none.
        UsageError: the pattern is none of Python's.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = parser.parse(pattern)
    except Warning:
        raise Unfamiliar("regex") from None
    except (re.error, RecursionError, OverflowError, ValueError):
        raise UsageError("no regular expression of Python") from None
    flags = tree.state.flags
    if flags & ~int(_FLAGS):
        raise Unfamiliar("regex")
    return _sequence(tree, flags, last=True)


def _sequence(items: Any, flags: int, *, last: bool) -> str:  # noqa: ANN401 - a tree of `re`
    """Translate one after the other; `last`: nothing can be matched after them."""
    nodes = list(items)
    return "".join(
        _node(kind, operand, flags, last=last and index == len(nodes) - 1)
        for index, (kind, operand) in enumerate(nodes)
    )


def _node(kind: Any, operand: Any, flags: int, *, last: bool) -> str:  # noqa: ANN401 - a tree of `re`
    if kind in {words.LITERAL, words.NOT_LITERAL, words.IN, words.ANY}:
        return _one(kind, operand, flags)
    if kind is words.AT:
        return _place(operand, flags, last=last)
    if kind is words.BRANCH:
        return "(?:" + "|".join(_sequence(branch, flags, last=last) for branch in operand[1]) + ")"
    if kind is words.SUBPATTERN:
        _, add, remove, inner = operand
        return f"(?:{_sequence(inner, (flags | add) & ~remove, last=last)})"
    if kind in {words.MAX_REPEAT, words.MIN_REPEAT}:
        low, high, inner = operand
        most = "" if high is words.MAXREPEAT else str(high)
        if low > _MOST_REPEATS or (most and high > _MOST_REPEATS):
            raise Unfamiliar("regex")
        # Which of several matches is found first does not matter: only whether there is one.
        return f"(?:{_sequence(inner, flags, last=False)}){{{low},{most}}}"
    raise Unfamiliar("regex")


def _place(operand: Any, flags: int, *, last: bool) -> str:  # noqa: ANN401 - a tree of `re`
    lines = bool(flags & re.MULTILINE)
    if operand is words.AT_BEGINNING_STRING or (operand is words.AT_BEGINNING and not lines):
        return r"\A"
    if operand is words.AT_BEGINNING:
        return "(?m:^)"
    if operand is words.AT_END_STRING:
        return r"\z"
    if operand is words.AT_END and lines:
        return "(?m:$)"
    if operand is words.AT_END and last:
        return r"\n?\z"  # Python's `$` also stands before a line's end that is the text's last character.
    raise Unfamiliar("regex")


def _one(kind: Any, operand: Any, flags: int) -> str:  # noqa: ANN401 - a tree of `re`
    """Translate what matches one character."""
    relevant = flags & (re.IGNORECASE | re.ASCII)
    if kind is words.ANY:
        return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
    if kind is words.LITERAL and not (relevant & re.IGNORECASE and chr(operand).swapcase() != chr(operand)):
        return _character(operand)
    if kind is words.NOT_LITERAL and not relevant & re.IGNORECASE:
        return f"[^{_character(operand)}]"
    if kind is words.IN and not relevant & re.IGNORECASE and all(k is not words.CATEGORY for k, _ in operand):
        return _set(operand)
    return _asked(_source(kind, operand), relevant)


def _character(code: int) -> str:
    if _SURROGATES[0] <= code <= _SURROGATES[1]:
        raise Unfamiliar("regex")
    return chr(code) if _PLAIN.fullmatch(chr(code)) else f"\\x{{{code:X}}}"


def _set(items: Any) -> str:  # noqa: ANN401 - a tree of `re`
    negate, parts = "", []
    for kind, operand in items:
        if kind is words.NEGATE:
            negate = "^"
        elif kind is words.LITERAL:
            parts.append(_character(operand))
        elif kind is words.RANGE and not (operand[0] <= _SURROGATES[1] and operand[1] >= _SURROGATES[0]):
            parts.append(f"{_character(operand[0])}-{_character(operand[1])}")
        else:
            raise Unfamiliar("regex")
    return f"[{negate}{''.join(parts)}]"


_CATEGORIES = {
    words.CATEGORY_DIGIT: r"\d",
    words.CATEGORY_NOT_DIGIT: r"\D",
    words.CATEGORY_SPACE: r"\s",
    words.CATEGORY_NOT_SPACE: r"\S",
    words.CATEGORY_WORD: r"\w",
    words.CATEGORY_NOT_WORD: r"\W",
}


def _source(kind: Any, operand: Any) -> str:  # noqa: ANN401 - a tree of `re`
    """Return Python's own source of what matches one character."""
    if kind is words.LITERAL:
        return _python(operand)
    if kind is words.NOT_LITERAL:
        return f"[^{_python(operand)}]"
    parts = []
    for item, inner in operand:
        if item is words.NEGATE:
            parts.append("^")
        elif item is words.LITERAL:
            parts.append(_python(inner))
        elif item is words.RANGE:
            parts.append(f"{_python(inner[0])}-{_python(inner[1])}")
        elif item is words.CATEGORY and inner in _CATEGORIES:
            parts.append(_CATEGORIES[inner])
        else:
            raise Unfamiliar("regex")
    return f"[{''.join(parts)}]"


def _python(code: int) -> str:
    return f"\\U{code:08x}"


@lru_cache(maxsize=1)
def _all_characters() -> str:
    import numpy as np

    codes = np.arange(sys.maxunicode + 1, dtype="<u4")
    sound = (codes < _SURROGATES[0]) | (codes > _SURROGATES[1])
    return codes[sound].tobytes().decode("utf-32-le")


@lru_cache(maxsize=256)
def _asked(source: str, flags: int) -> str:
    """Return the characters that Python's matcher takes, as ranges."""
    runs = [_run(match.group()) for match in re.finditer(f"(?:{source})+", _all_characters(), flags)]
    if not runs:
        return r"[^\x{0}-\x{10FFFF}]"
    return "[" + "".join(runs) + "]"


def _run(text: str) -> str:
    """Return a run of neighbours as one range, or as two where it spans the surrogates."""
    first, last = ord(text[0]), ord(text[-1])
    if first < _SURROGATES[0] and last > _SURROGATES[1]:
        return f"\\x{{{first:X}}}-\\x{{D7FF}}\\x{{E000}}-\\x{{{last:X}}}"
    return f"\\x{{{first:X}}}-\\x{{{last:X}}}"
