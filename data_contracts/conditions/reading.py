"""Text to a condition: tokens, then recursive descent, all of it bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.conditions.condition import Condition
from data_contracts.conditions.constants import read_constant
from data_contracts.conditions.nodes import Among, Both, Compare, Constant, Missing, Name, Negated, Node
from data_contracts.errors import UsageError

__all__ = ["ConditionError", "parse_condition"]

MAX_LENGTH = 4000
MAX_DEPTH = 32
MAX_TOKENS = 1000
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "true", "false"})
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?![A-Za-z_0-9.])
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark><=|>=|!=|<>|=|<|>|\(|\)|,))""",
    re.VERBOSE,
)


class ConditionError(UsageError):
    """A text that is no condition.

    Attributes:
        at: 1-based position of the character where it goes wrong.
        complaint: what is wrong there.
        expected: what would be right; may be empty.
    """

    def __init__(self, at: int, complaint: str, expected: str = "") -> None:
        """Say where and what."""
        super().__init__(f"condition, character {at}: {complaint}", remedy=expected)
        self.at, self.complaint, self.expected = at, complaint, expected


def parse_condition(text: str, columns: Mapping[str, str]) -> Condition:
    """Read a condition.

    Args:
        text: as written.
        columns: the kind of each column that it may name: `string`, `integer`, `number`, `boolean`, `date`,
            `timestamp`, `timestamp-utc`, `time`, or `decimal(PRECISION,SCALE)`.

    Raises:
        ConditionError: it is none, or longer or deeper than what is taken.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(MAX_LENGTH, "a condition too long", f"at most {MAX_LENGTH} characters")
    reader = _Reader(list(_tokens(text)), columns, len(text) + 1)
    node = reader.choice(0)
    if reader.tokens[reader.next :]:
        raise reader.error("something after the condition's end", "`and`, `or` or nothing")
    return Condition(text, tuple(sorted(reader.seen)), node)


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    place, count = 0, 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        start = place + len(text[place:]) - len(text[place:].lstrip()) + 1
        count += 1
        if match is None:
            raise ConditionError(start, "nothing of the language", "a column, a constant, or a comparison")
        if count > MAX_TOKENS:
            raise ConditionError(start, "a condition of too many parts", f"at most {MAX_TOKENS}")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "text":
            value = value[1:-1].replace("''", "'")
        elif kind == "quoted":
            value = value[1:-1].replace('""', '"')
        elif kind == "word" and value.lower() in _WORDS:
            kind, value = "key", value.lower()
        elif value == "<>":
            value = "!="
        yield _Token(kind, value, start)
        place = match.end()


class _Reader:
    """Recursive descent; every method leaves `next` behind what it read."""

    def __init__(self, tokens: list[_Token], columns: Mapping[str, str], end: int) -> None:
        self.tokens, self.columns, self.end = tokens, columns, end
        self.next = 0
        self.seen: set[str] = set()

    def error(self, complaint: str, expected: str = "") -> ConditionError:
        token = self.peek()
        return ConditionError(self.end if token is None else token.at, complaint, expected)

    def peek(self) -> _Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def take(self, *values: str) -> str | None:
        """Take one of these words or marks, or nothing."""
        token = self.peek()
        if token is None or token.kind not in {"key", "mark"} or token.value not in values:
            return None
        self.next += 1
        return token.value

    def need(self, value: str) -> None:
        if self.take(value) is None:
            raise self.error("something else stands here", f"`{value}`")

    def choice(self, depth: int) -> Node:
        return self._joined("or", self._all, depth)

    def _all(self, depth: int) -> Node:
        return self._joined("and", self._one, depth)

    def _joined(self, word: str, part: Any, depth: int) -> Node:  # noqa: ANN401 - a method of this class
        parts = [part(depth)]
        while self.take(word):
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def _one(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.error("nested too deep", f"at most {MAX_DEPTH} levels")
        if self.take("not"):
            return Negated(self._one(depth + 1))
        if self.take("("):
            node = self.choice(depth + 1)
            self.need(")")
            return node
        return self._predicate()

    def _predicate(self) -> Node:
        token = self.peek()
        if token is None or token.kind not in {"word", "quoted"}:
            return self._mirrored()
        left = self._name()
        if self.take("is"):
            negated = self.take("not")
            self.need("null")
            return Negated(Missing(left)) if negated else Missing(left)
        negated = self.take("not")
        if negated or ((token := self.peek()) is not None and token.value == "in" and token.kind == "key"):
            self.need("in")
            among = Among(left, self._list(left))
            return Negated(among) if negated else among
        operator = self._operator(left)
        return Compare(operator, left, self._operand(left))

    def _mirrored(self) -> Node:
        """`5 < age`: the constant stands first, and is read as the column's type."""
        first, place = self.peek(), self.next
        if first is None or (first.kind == "key" and first.value not in {"true", "false"}):
            raise self.error("no comparison", "a column, a constant, `not` or `(`")
        if first.kind == "mark":
            raise self.error("no comparison", "a column, a constant, `not` or `(`")
        self.next += 1
        operator = self.take(*_COMPARISONS)
        if operator is None:
            raise self.error("no comparison", ", ".join(_COMPARISONS))
        right = self._name()
        end, self.next = self.next, place
        constant = self._constant(right)
        self.next = end
        self._allowed(operator, right)
        return Compare(_MIRRORED.get(operator, operator), right, constant)

    def _operator(self, left: Name) -> str:
        operator = self.take(*_COMPARISONS)
        if operator is None:
            raise self.error("no comparison", f"{', '.join(_COMPARISONS)}, `in` or `is null`")
        self._allowed(operator, left)
        return operator

    def _allowed(self, operator: str, name: Name) -> None:
        if name.kind == "boolean" and operator not in {"=", "!="}:
            self.next -= 1
            raise self.error(f"{name.column} is true or false and has no order", "= or !=")

    def _list(self, left: Name) -> tuple[Constant, ...]:
        self.need("(")
        values = [self._constant(left)]
        while self.take(","):
            values.append(self._constant(left))
        self.need(")")
        return tuple(values)

    def _name(self) -> Name:
        token = self.peek()
        if token is None or token.kind not in {"word", "quoted"}:
            raise self.error("no column stands here", "the name of a column")
        kind = self.columns.get(token.value)
        if kind is None:
            raise self.error(
                f"no column {token.value} that conditions can look at", "a column of the contract"
            )
        self.next += 1
        self.seen.add(token.value)
        return Name(token.value, kind)

    def _operand(self, left: Name) -> Name | Constant:
        token = self.peek()
        if token is None or token.kind not in {"word", "quoted"}:
            return self._constant(left)
        right = self._name()
        if right.kind != left.kind:
            self.next -= 1
            raise self.error(f"{left.kind} is compared with {right.kind}", "two columns of one type")
        return right

    def _constant(self, name: Name) -> Constant:
        token = self.peek()
        if token is not None and token.value == "null" and token.kind == "key":
            raise self.error("a comparison with null is never true", "`is null` or `is not null`")
        if token is None or token.kind not in {"number", "text", "key"}:
            raise self.error("no constant stands here", f"a constant for {name.column}")
        value = read_constant(token.kind, token.value, name.kind)
        if value is None:
            raise self.error(f"no constant of {name.column}'s type", name.kind)
        self.next += 1
        return Constant(value, name.kind)
