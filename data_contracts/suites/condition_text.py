"""The text of a `row_condition`, read by recursive descent.

    condition := `and`, `or`, `not` of comparisons, and parentheses (`&` and `|` are `and` and `or`)
    comparison := COLUMN OP CONSTANT | CONSTANT OP COLUMN [OP CONSTANT]
                | COLUMN [not] in [CONSTANT, …]
                | [~] COLUMN.isnull() | .isna() | .notnull() | .notna()
    OP := == != < <= > >=       COLUMN := name | `any name`

GX's own language (`condition_parser: great_expectations`) is one comparison, or one `col("name").notnull()`.

Every step consumes a token, and depth is bounded: it ends, whatever it is given.
"""

from __future__ import annotations

import re
from typing import Any

from data_contracts.suites.condition_tree import MOST, OPERATORS, Leaf, Tree, leaf, unknown

__all__ = ["parse_condition"]

_TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LONGEST = 10_000
_KEYWORDS = {"and", "or", "not", "in", "True", "False", "None"}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<column>`[^`\n]+`)
    |(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<nullity>\.(?:isnull|isna|notnull|notna)\(\s*\))
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,|&|\||~)
    )""",
    re.VERBOSE | re.ASCII,
)


def parse_condition(text: str, *, called: bool) -> Leaf | Tree:
    """Read a condition; `called`: in GX's own language, where columns are `col("name")`.

    Raises:
        UsageError: the grammar does not know it.
    """
    if len(text) > _LONGEST:
        raise unknown()
    if called:
        return _called(text)
    parser = _Parser(text)
    found = parser.either()
    if parser.tokens:
        raise unknown()
    return found


# What GX's grammar takes inside of quotes: Latin letters, digits, punctuation without quotes, blanks.
_QUOTED = r"[A-Za-z0-9\xc0-\xd6\xd8-\xf6\xf8-\xff!#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~ \t]+"
_CALLED = re.compile(
    r"""\s*col\("(?P<column>[^"\n]+)"\)\s*(?:
    (?P<nullity>\.(?i:notnull)\(\))
    |(?P<op>==|!=|<=|>=|<|>)\s*(?:(?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|"(?P<text>{text})"|'(?P<other>{text})')
    )\s*""".replace("{text}", _QUOTED.replace("#", r"\#").replace(" ", r"\ ")),
    re.VERBOSE | re.ASCII,
)


def _called(text: str) -> Leaf:
    """Read GX's own language: one comparison with a number or with text, or `notnull()`."""
    match = _CALLED.fullmatch(text)
    if match is None:
        raise unknown()
    if match["nullity"]:
        return Leaf(match["column"], "notnull")
    if match["number"]:
        return leaf(match["column"], match["op"], _number(match["number"]))
    return leaf(match["column"], match["op"], match["text"] or match["other"])


def _number(word: str) -> float | int:
    return int(word) if re.fullmatch(r"[+-]?[0-9]+", word) else float(word)


class _Parser:
    def __init__(self, text: str) -> None:
        self.depth = 0
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise unknown()
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()

    def peek(self) -> tuple[str, str]:
        return self.tokens[0] if self.tokens else ("end", "")

    def take(self, *signs: str) -> str | None:
        if self.peek()[0] in {"sign", "word"} and self.peek()[1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MOST:
            raise unknown()

    def either(self) -> Leaf | Tree:
        self.deeper()
        parts = [self.both()]
        while self.take("or", "|"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Tree("or", tuple(parts))

    def both(self) -> Leaf | Tree:
        parts = [self.negated()]
        while self.take("and", "&"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else Tree("and", tuple(parts))

    def negated(self) -> Leaf | Tree:
        if self.take("not"):
            self.deeper()
            return Tree("not", (self.negated(),))
        # `~` binds tighter than a comparison does: only of what needs no comparing is it a negation.
        inverted = bool(self.take("~"))
        if self.take("("):
            found = self.either()
            if not self.take(")"):
                raise unknown()
        else:
            found = self.comparison()
            if inverted and not (isinstance(found, Leaf) and found.op in {"null", "notnull"}):
                raise unknown()
        return Tree("not", (found,)) if inverted else found

    def comparison(self) -> Leaf | Tree:
        kind, word = self.peek()
        if kind in {"text", "number"} or word in {"True", "False"}:
            return self.turned()
        name = self.column()
        if self.peek()[0] == "nullity":
            return Leaf(name, "null" if ".is" in self.tokens.pop(0)[1] else "notnull")
        negative = bool(self.take("not"))
        if self.take("in"):
            return leaf(name, "not in" if negative else "in", self.members())
        op = self.take(*OPERATORS)
        if op is None or negative:
            raise unknown()
        return leaf(name, op, self.constant())

    def turned(self) -> Leaf | Tree:
        """Read a comparison whose constant stands first, and perhaps one more after the column."""
        constant, op = self.constant(), self.take(*OPERATORS)
        if op is None:
            raise unknown()
        name = self.column()
        first, again = leaf(name, _TURNED[op], constant), self.take(*OPERATORS)
        return first if again is None else Tree("and", (first, leaf(name, again, self.constant())))

    def column(self) -> str:
        kind, word = self.peek()
        if kind not in {"column", "word"} or word in _KEYWORDS:
            raise unknown()
        self.tokens.pop(0)
        return word if kind == "word" else word[1:-1]

    def constant(self) -> Any:  # noqa: ANN401 - JSON
        kind, word = self.peek()
        if kind not in {"text", "number"} and word not in {"True", "False"}:
            raise unknown()
        self.tokens.pop(0)
        if kind == "text":
            return word[1:-1]
        if kind == "number":
            return _number(word)
        return word == "True"

    def members(self) -> list[Any]:
        if not self.take("["):
            raise unknown()
        found: list[Any] = []
        while not self.take("]"):
            if found and not self.take(","):
                raise unknown()
            found.append(self.constant())
        return found
