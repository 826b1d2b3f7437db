r"""ECMA-262 patterns (what ODCS says `pattern` is) in the syntax of the engine that evaluates them.

Rust's engine runs in linear time, whatever the pattern: none can hang a check. It lacks look-around and
back-references; a pattern with one makes a rule that fails as `not_evaluated`.

A pattern is searched for, as ECMA-262 and JSON Schema do: `^` and `$` anchor it.

Example:
    >>> to_engine(r"^ACC[\d]{8}\/")
    '^ACC[0-9]{8}/'
"""

from __future__ import annotations

__all__ = ["to_engine"]

# In ECMA-262 these are ASCII; in the engine they would be Unicode.
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_"}
_NEGATED = {"D": "[^0-9]", "W": "[^0-9A-Za-z_]"}


def to_engine(pattern: str) -> str:
    """Return the pattern in the engine's syntax; what it cannot take is refused when it is compiled."""
    result: list[str] = []
    inside = False
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and index + 1 < len(pattern):
            result.append(_escape(pattern[index + 1], inside=inside))
            index += 2
            continue
        if char == "[" and inside:
            result.append("\\")  # A bracket in a class is itself; the engine would nest.
        elif char == "[":
            inside = True
        elif char == "]":
            inside = False
        elif inside and char in "&~" and pattern[index + 1 : index + 2] == char:
            result.append("\\")  # `&&` and `~~` are set operations to the engine only.
        result.append(char)
        index += 1
    return "".join(result)


def _escape(char: str, *, inside: bool) -> str:
    if char in _CLASSES:
        return _CLASSES[char] if inside else f"[{_CLASSES[char]}]"
    if char in _NEGATED and not inside:
        return _NEGATED[char]
    return "/" if char == "/" else f"\\{char}"
