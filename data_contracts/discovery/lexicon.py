"""What a column's name says: `lexicon.toml`, and how its phrases are found in a name.

Invariants:
1. The longest phrase wins where phrases overlap: `ip address` is no address, `email address` is an e-mail.
2. A word behind the phrase that makes it a fact about the thing (`phone_type`, `email_sent`) takes the word
   back.
3. Nothing here looks at a value.

Example:
    >>> [match.kind for match in load_lexicon().matches("billing_zip")]
    ['postal-code']
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from data_contracts.discovery.folding import fold, tokens

__all__ = ["ROLE", "Kind", "Lexicon", "NameMatch", "load_lexicon"]

_FILE = Path(__file__).with_name("lexicon.toml")
ROLE = "role"
_MOST_WORDS = 5
_LEAST_PART = 6
_SHORT = 3
_ROMAN = 0x250


@dataclass(frozen=True)
class Kind:
    """A kind of data that a column may hold.

    Attributes:
        id: such as `given-name`.
        categories: labels of the column (docs/guides/infer.md).
        personal: whether the column is restricted until a person lowers it.
        needs: `people` or `address`: what the rest of the table must show first; empty for nothing.
        vocabulary: the closed list of words that its values are; empty for none.
    """

    id: str
    categories: tuple[str, ...]
    personal: bool = True
    needs: str = ""
    vocabulary: str = ""


@dataclass(frozen=True)
class NameMatch:
    """A phrase of the lexicon in a column's name.

    Attributes:
        kind: the kind's id.
        language: of the phrase, such as `de`; `*` where it is more than one's.
        weak: the phrase says this only among columns about people (`name`, `title`).
    """

    kind: str
    language: str
    weak: bool = False


@dataclass(frozen=True)
class _Phrase:
    kind: str
    language: str
    alone: bool


@dataclass(frozen=True)
class Lexicon:
    """The file, ready to be asked."""

    kinds: Mapping[str, Kind]
    vocabularies: Mapping[str, frozenset[str]]
    phrases: Mapping[str, tuple[_Phrase, ...]]
    parts: Mapping[str, str]
    words: Mapping[str, frozenset[str]]

    def matches(self, name: str) -> list[NameMatch]:
        """Return what the name says, the likeliest first; empty where it says nothing of ours."""
        words = tokens(name)
        found = [*self._roles(words), *self._spans(words)]
        found = found or list(self._endings(words, name))
        seen: dict[str, NameMatch] = {}
        for match in found:
            seen.setdefault(match.kind, match)
        return sorted(seen.values(), key=lambda match: match.weak)

    def says_nothing(self, name: str) -> bool:
        """Whether the name is one that tools give (`c1`, `col_7`), or `id` and the like."""
        return all(word.isdigit() or word in self.words["nothing"] for word in tokens(name))

    def about_thing(self, name: str) -> bool:
        """Whether the name is an identifier of something that is no role of a person: `order_id`."""
        words = [word for word in tokens(name) if not word.isdigit()]
        others = [word for word in words if word not in self.words["heads"] and word not in self._roles_]
        return bool(others) and len(others) < len(words)

    @cached_property
    def _roles_(self) -> frozenset[str]:
        return self.words["roles"]

    def _roles(self, words: list[str]) -> Iterator[NameMatch]:
        """A role with an identifier's word: `customer_id`. A role alone may be a name, or an identifier."""
        known = [word for word in words if not word.isdigit()]
        roles = [word for word in known if word in self._roles_]
        heads = [word for word in known if word in self.words["heads"]]
        others = set(known) - set(roles) - set(heads) - self.words["which"]
        if roles and not others:
            yield NameMatch("record-number", "*") if heads else NameMatch("full-name", ROLE, weak=True)

    def _spans(self, words: list[str]) -> Iterator[NameMatch]:
        taken = [False] * len(words)
        spans = sorted(
            ((start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)),
            key=lambda span: (span[0] - span[1], -span[0]),
        )
        for start, end in spans:
            if end - start > _MOST_WORDS or any(taken[start:end]):
                continue
            for phrase in self.phrases.get("".join(words[start:end]), ()):
                rest = words[:start] + words[end:]
                if phrase.alone and not self._only_which(rest):
                    continue
                taken[start:end] = [True] * (end - start)
                if not self._cancelled(words[:start], words[end:]):
                    yield NameMatch(phrase.kind, phrase.language, phrase.alone)

    def _only_which(self, rest: list[str]) -> bool:
        return all(word.isdigit() or word in self._roles_ or word in self.words["which"] for word in rest)

    def _cancelled(self, before: list[str], after: list[str]) -> bool:
        return bool(
            set(after) & self.words["cancel_after"] or (before and set(before) & self.words["cancel_before"])
        )

    def _endings(self, words: list[str], name: str) -> Iterator[NameMatch]:
        """Long words that end in a phrase (Kundenvorname); scripts without spaces hold it anywhere."""
        whole = fold(name)
        for part, kind in self.parts.items():
            roman = ord(part[0]) < _ROMAN
            if roman and len(part) >= _LEAST_PART and any(word.endswith(part) for word in words):
                yield NameMatch(kind, "*")
            if not roman and part in whole:
                yield NameMatch(kind, "*")


def _joined(phrase: str) -> str:
    return "".join(tokens(phrase))


@cache
def load_lexicon() -> Lexicon:
    """Return the lexicon; it is read once."""
    with _FILE.open("rb") as file:
        return _built(tomllib.load(file))


def _built(document: Mapping[str, Any]) -> Lexicon:
    words = {name: frozenset(fold(text).split()) for name, text in document["words"].items()}
    kinds: dict[str, Kind] = {}
    phrases: dict[str, dict[str, _Phrase]] = {}
    parts: dict[str, str] = {}
    for item in document["kind"]:
        identity = item["id"]
        kinds[identity] = Kind(
            identity,
            tuple(item["categories"]),
            item.get("personal", True),
            item.get("needs", ""),
            item.get("vocabulary", ""),
        )
        for group, alone in (("names", False), ("alone", True)):
            for language, said in item.get(group, {}).items():
                for phrase in said:
                    joined = _joined(phrase)
                    short = len(joined) <= _SHORT and joined.isascii() and joined not in words["short"]
                    places = phrases.setdefault(joined, {})
                    places.setdefault(identity, _Phrase(identity, language, alone or short))
        parts |= {_joined(part): identity for part in item.get("parts", ())}
    return Lexicon(
        kinds,
        {name: frozenset(map(fold, words)) for name, words in document["vocabulary"].items()},
        {joined: tuple(found.values()) for joined, found in phrases.items()},
        parts,
        words,
    )
