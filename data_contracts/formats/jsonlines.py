"""Strict JSON Lines: one object a line, UTF-8, or one clear refusal with the line and no value.

Invariants:
1. A line holds one JSON object (RFC 8259). An empty line, a key that stands twice in any object, `NaN` and
   `Infinity`, a lone surrogate, a NUL, bytes that are no UTF-8 and anything behind the object are refused.
2. A line is at most `MAX_LINE` bytes and nested at most `MAX_DEPTH` deep; both are looked at before it is
   parsed.
3. Numbers stay the text that was written (`Number`), so that no digit is lost before the contract's type is
   known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from data_contracts.formats.base import BATCH_ROWS, refusal

__all__ = ["MAX_DEPTH", "MAX_LINE", "Number", "read_objects"]

MAX_LINE = 16 * 1024 * 1024
MAX_DEPTH = 32
_BOM = b"\xef\xbb\xbf"


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class _RefusedError(ValueError):
    """What is wrong with a line, in words of ours."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError("a key that stands twice in one object")
    return found


def _constant(_word: str) -> NoReturn:
    raise _RefusedError("NaN or Infinity, which JSON does not have")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=Number, parse_int=Number
)


def read_objects(path: Path, *, rows: int = BATCH_ROWS) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield (number of the first line, objects) of at most `rows` lines; an empty file yields none.

    Raises:
        DataBreaksContractError: the file breaks an invariant above.
        OSError: the file cannot be read.
    """
    batch: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for number, raw in _lines(path, file):
            batch.append(_parsed(path, number, raw))
            if len(batch) == rows:
                yield number - rows + 1, batch
                batch = []
        if batch:
            yield number - len(batch) + 1, batch


def _lines(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while raw := file.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            raise refusal(path, number, "a line that is too long", f"at most {MAX_LINE} bytes in a line")
        if number == 1:
            raw = raw.removeprefix(_BOM)
        yield number, raw


def _parsed(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise refusal(path, number, "bytes that are no UTF-8", "UTF-8 text") from None
    if not text.strip(" \t\r\n"):
        raise refusal(path, number, "an empty line", "one JSON object in every line")
    try:
        _check_depth(text)
        value = _DECODER.decode(text)
        if "\\u" in text or "\x00" in text:
            _check_text(value)
    except _RefusedError as error:
        raise refusal(path, number, str(error), "plain JSON") from None
    except (json.JSONDecodeError, RecursionError):
        # The parser's own text quotes what it met.
        raise refusal(path, number, "no lawful JSON", "one JSON object in every line") from None
    if not isinstance(value, dict):
        raise refusal(path, number, "a JSON value that is no object", "one JSON object in every line")
    return value


def _check_depth(text: str) -> None:
    """Count brackets outside of strings, where there are enough of them to matter."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth, inside, escaped = 0, False, False
    for letter in text:
        if inside:
            inside = letter != '"' or escaped
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            inside, escaped = True, False
        elif letter in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise _RefusedError(f"nested deeper than {MAX_DEPTH}")
        elif letter in "}]":
            depth -= 1


def _check_text(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, str):
        if "\x00" in value:
            raise _RefusedError("a NUL character")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _RefusedError("half of a surrogate pair")
