"""YAML with positions, read strictly, as JSON values only.

Invariants:
1. The result holds dict, list, str, int, float, bool and None; dates and times stay strings.
2. A duplicate key, an alias (`*name`), a tag, a second document, a key that is no string and a number
   that JSON cannot carry are problems, not guesses: a reader never sees a document that differs from
   what a person reads. `012`, `0x1F`, `yes` and `.inf` are text, as a person who knows no YAML reads them.
3. Every value has a position; a missing one reports its nearest parent's.
4. A file over `MAX_BYTES` or nested deeper than `MAX_DEPTH` is refused before it is built.

Aliases are refused rather than counted: no declaration of ours needs them, and without them a
"billion laughs" document cannot exist.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from data_contracts.errors import DeclarationError, Problem

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Source", "load_yaml", "parse_yaml"]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_MAX_EXACT = 2**53 - 1  # RFC 8785, section 3.2.2.3, and I-JSON (RFC 7493, section 2.2)
_SCIENTIFIC = 1e21  # from here on RFC 8785 writes an exponent
_MAX_DIGITS = 300
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_QUOTED = frozenset("'\"|>")
_NO_NUMBER = object()
Key = str | int


@dataclass(frozen=True)
class Source:
    """A document and where each of its values stands.

    Attributes:
        file: the file as the user named it.
        data: the document as JSON values.
        raw: the bytes that were read.
        positions: path (tuple of keys and indices) to 1-based (line, column).
    """

    file: str
    data: Any
    raw: bytes = field(repr=False)
    positions: dict[tuple[Key, ...], tuple[int, int]] = field(repr=False)

    def position(self, *path: Key) -> tuple[int, int]:
        """Return (line, column) of the value at `path`, or of its nearest parent."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (0, 0))

    def problem(
        self, path: tuple[Key, ...], message: str, expected: str = "", *, severity: str = "error"
    ) -> Problem:
        """Make a problem that points at the value at `path`."""
        line, column = self.position(*path)
        return Problem(self.file, line, column, ".".join(map(str, path)), message, expected, severity)


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[tuple[Key, ...], tuple[int, int]] = {}
        self.problems: list[Problem] = []

    def complain(self, node: yaml.Node, path: tuple[Key, ...], message: str, expected: str) -> None:
        mark = node.start_mark
        place = ".".join(map(str, path))
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, place, message, expected))

    def build(self, node: yaml.Node, path: tuple[Key, ...]) -> Any:  # noqa: ANN401 - any JSON value
        self.positions[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        value = _scalar(node)
        if value is _NO_NUMBER:
            self.complain(
                node,
                path,
                "a number too large",
                "at most 2**53 - 1 (a float also 1e21 to 1e308), or text in quotes",
            )
        return value

    def mapping(self, node: yaml.MappingNode, path: tuple[Key, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self.complain(key_node, path, "a key that is no string", "text; quote it")
                continue
            if key in result:
                self.complain(key_node, (*path, key), "the key stands here a second time", "each key once")
                continue
            result[key] = self.build(value_node, (*path, key))
        return result


def _scalar(node: yaml.Node) -> Any:  # noqa: ANN401 - any JSON scalar
    text = node.value
    if getattr(node, "style", None) in _QUOTED:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        return _NO_NUMBER
    number = int(text) if _INT.fullmatch(text) else float(text)
    # Between 2**53 and 1e21 the canonical form of a float is digits that read back as an integer.
    is_large_float = isinstance(number, float) and _SCIENTIFIC <= abs(number) < math.inf
    return number if abs(number) <= _MAX_EXACT or is_large_float else _NO_NUMBER


def _guard(raw: bytes, file: str) -> None:
    """Refuse aliases, tags, depth and second documents on the event stream, before anything is built."""
    depth, documents = 0, 0
    for event in yaml.parse(raw, Loader=_LOADER):
        mark: Any = event.start_mark

        def refuse(message: str, expected: str, mark: Any = mark) -> None:  # noqa: ANN401 - yaml's Mark
            raise DeclarationError([Problem(file, mark.line + 1, mark.column + 1, "", message, expected)])

        if isinstance(event, yaml.AliasEvent):
            refuse("an alias (*name) is not taken", "the value written out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            refuse(f"the tag {tag} is not taken", "plain values")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                refuse("a second document in one file", "one document")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                refuse("nested too deep", f"at most {MAX_DEPTH} levels")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def parse_yaml(raw: bytes, *, file: str) -> Source:
    """Parse one YAML (or JSON) document.

    Raises:
        DeclarationError: it is too large, no UTF-8, no YAML, or uses what invariant 2 refuses.
    """
    if len(raw) > MAX_BYTES:
        raise DeclarationError([Problem(file, 0, 0, "", "a file too large", f"at most {MAX_BYTES} bytes")])
    try:
        raw.decode("utf-8")
        _guard(raw, file)
        node = yaml.compose(raw, Loader=_LOADER)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DeclarationError(
            [Problem(file, line, 0, "", "bytes that are no UTF-8", "UTF-8 text")]
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise DeclarationError([Problem(file, line, column, "", f"no YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise DeclarationError(
            [Problem(file, 0, 0, "", "no YAML: a character that YAML does not allow")]
        ) from None
    builder = _Builder(file)
    data = None if node is None else builder.build(node, ())
    if builder.problems:
        raise DeclarationError(builder.problems)
    return Source(file, data, raw, builder.positions)


def load_yaml(path: Path) -> Source:
    """Read and parse one YAML file.

    Raises:
        DeclarationError: it cannot be read, or `parse_yaml` refuses it.
    """
    try:
        # A pipe would be waited for, and a device may never end.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DeclarationError([Problem(str(path), 0, 0, "", "cannot be read: no ordinary file")])
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DeclarationError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from None
    return parse_yaml(raw, file=str(path))
