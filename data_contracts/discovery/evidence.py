"""From counts to findings: what a column may be, and what says so.

Invariants:
1. Evidence is a kind, where it comes from, and counts; never a value.
2. A weak word (`name`, `title`, `cap`) and a weak shape (ten digits) count only beside columns about people.
3. What contradicts a name outweighs it: a flag is no e-mail address, three codes are no free text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from data_contracts.discovery.checksums import DIGIT_NUMBERS
from data_contracts.discovery.detecting import KIND_OF
from data_contracts.discovery.folding import fold, letters
from data_contracts.discovery.lexicon import Lexicon
from data_contracts.discovery.profile import Profile
from data_contracts.discovery.shapes import INSIDE, SHAPES
from data_contracts.discovery.textnumbers import TEXT_NUMBERS
from data_contracts.discovery.wordlists import words_of

__all__ = ["Evidence", "contradicted", "value_evidence", "vocabulary_evidence"]

_CHANCE = {number.id: number.chance for number in (*DIGIT_NUMBERS, *TEXT_NUMBERS)}
_WEAK = {shape.id for shape in SHAPES if not shape.alone}
_IDENTIFIERS = {"uuid", "opaque"}  # something's; whose, the columns beside it tell
_PEOPLE_NAMES = {"given-name", "family-name", "full-name"}
_MOST_CHANCE = 1e-6
_MANY_PLACES = 5
_SHARES = {
    "street": 0.5,
    "phone": 0.5,
    "full-name": 0.25,
    "email": 0.5,
    "given-name": 0.6,
    "family-name": 0.6,
}
_TEXT_ONLY = {
    "given-name",
    "family-name",
    "full-name",
    "street",
    "city",
    "country",
    "region",
    "free-text",
    "ip-address",
}
_NO_FLAG = {
    "email",
    "phone",
    "birth-date",
    "postal-code",
    "national-id",
    "passport",
    "licence",
    "card-number",
}
_NO_FLAG |= {
    "bank-account",
    "record-number",
    "user-name",
    "secret",
    "coordinates",
    "age",
    "device-id",
    "income",
}
_WITH_DIGITS = {"postal-code", "phone", "card-number", "birth-date", "coordinates"}
_NO_DATE = {
    "phone",
    "email",
    "national-id",
    "card-number",
    "user-name",
    "postal-code",
    "age",
    "gender",
    "marital-status",
}
_SINGLE_GENDERS = ("mf", "mw", "hm", "mv", "km", "ek", "fhm", "мж", "男女")
_TELLING = {
    "ethnicity": {
        "caucasian",
        "hispanic",
        "asian",
        "africanamerican",
        "asianpacislander",
        "latino",
        "blackafrican",
    },
    "kinship": {"husband", "wife", "ownchild", "daughter", "son", "mother", "father", "spouse"},
    "salutation": {"mr", "mrs", "ms", "miss", "dr", "herr", "frau", "mme", "dhr", "sra"},
    "religion": {"christian", "muslim", "jewish", "hindu", "buddhist", "catholic", "islam", "christianity"},
    "gender": {
        "male",
        "female",
        "man",
        "woman",
        "mann",
        "frau",
        "homme",
        "femme",
        "hombre",
        "mujer",
        "masculino",
    }
    | {
        "femenino",
        "feminino",
        "maschio",
        "femmina",
        "mannlich",
        "weiblich",
        "man",
        "vrouw",
        "kobieta",
        "mezczyzna",
    }
    | {
        "erkek",
        "kadin",
        "мужской",
        "женский",
        "муж",
        "жен",
        "男",
        "女",
        "男性",
        "女性",
        "kvinna",
        "kvinde",
        "nainen",
    },
    "marital-status": {
        "married",
        "divorced",
        "widowed",
        "nevermarried",
        "verheiratet",
        "geschieden",
        "casado",
    }
    | {"casada", "soltero", "marie", "mariee", "divorce", "coniugato", "gehuwd", "evli", "bekar"},
}


@dataclass(frozen=True)
class Evidence:
    """One reason to think that a column is of a kind.

    Attributes:
        kind: of the lexicon.
        basis: `name` (of the column), `values` (how they are written, or their check digits), `words` (a
            closed list) or `table` (the columns beside it).
        detector: what found it: the phrase's language, a shape, a number's name.
        count: rows that show it; 0 for a name.
        of: rows with a value.
        weak: counts only beside columns about people.
    """

    kind: str
    basis: str
    detector: str
    count: int = 0
    of: int = 0
    weak: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": self.kind,
            "basis": self.basis,
            "detector": self.detector,
            "count": self.count,
            "of": self.of,
        }


def value_evidence(profile: Profile, lexicon: Lexicon) -> list[Evidence]:
    """Return what the values show, each detector with the rows it found."""
    values = profile.values
    if not values:
        return []
    if _all_in(profile, lexicon.vocabularies["colours"] | lexicon.vocabularies["calendar"]):
        return []
    evidence = []
    found = dict(profile.found)
    found["ipv4"] = min(values, found.get("ipv4", 0) + found.get("ipv6", 0))  # one column, both versions
    for name, count in found.items():
        if name in INSIDE:
            if count and profile.long * 5 >= values:
                evidence.append(Evidence("free-text", "values", name, count, values))
        elif name not in _IDENTIFIERS and _enough(profile, name, count, values):
            weak = name in _WEAK or name == "place" or (name == "full-name" and 2 * count < values)
            evidence.append(Evidence(KIND_OF[name], "values", name, count, values, weak=weak))
    return evidence or _mixed(profile, values)


def _enough(profile: Profile, name: str, count: int, values: int) -> bool:
    if not count:
        return False
    if name in _CHANCE:
        chance = _CHANCE[name]
        wanted = profile.different * 0.8
        return count >= 0.8 * values and chance ** max(1.0, wanted) < _MOST_CHANCE
    if name in _PEOPLE_NAMES or name == "place":
        many = profile.different >= min(8, max(2, values))
        return many and count >= _SHARES.get(name, 0.6) * values
    return count >= _SHARES.get(name, 0.8) * values


def _mixed(profile: Profile, values: int) -> list[Evidence]:
    """Several kinds in one column: none fills it, together they are a good part of it."""
    kinds = (
        "email",
        "phone",
        "street",
        "ipv4",
        "card",
        "iban",
        "us-ssn",
        "full-name",
        "given-name",
        "salutation-and-name",
    )
    found = {name: profile.found[name] for name in kinds if profile.found[name] * 50 >= values}
    total = sum(found.values())
    if len(found) > 1 and total * 10 >= 3 * values and profile.different >= min(20, values):
        return [Evidence("free-text", "values", "several-kinds", min(total, values), values)]
    return []


def _all_in(profile: Profile, vocabulary: Iterable[str]) -> bool:
    return bool(profile.distinct) and {letters(text) for text in profile.distinct or ()} <= set(vocabulary)


def vocabulary_evidence(profile: Profile, lexicon: Lexicon) -> list[Evidence]:
    """Return the closed lists that the column's values are words of."""
    if not profile.distinct or profile.values < 2:  # noqa: PLR2004 - one value shows nothing
        return []
    evidence = []
    plain = {text: _letters_alone(text) for text in profile.distinct}
    for kind in lexicon.kinds.values():
        name = kind.vocabulary
        if not name:
            continue
        words = frozenset(words_of(name)) if name == "countries" else lexicon.vocabularies[name]
        spelled = {text: _blood(text) for text in plain} if name == "blood-group" else plain
        count = sum(rows for text, rows in profile.distinct.items() if spelled[text] in words)
        seen = {word for word in spelled.values() if word in words}
        if count >= 0.95 * profile.values and _telling(name, seen):
            evidence.append(Evidence(kind.id, "words", name, count, profile.values))
    return evidence


def _blood(text: str) -> str:
    return fold(text).replace(" ", "")


def _letters_alone(text: str) -> str:
    return "" if any(letter.isdigit() for letter in text) else letters(text)


def _telling(name: str, seen: set[str]) -> bool:
    """Whether the words seen mean this and hardly anything else."""
    if name == "blood-group":
        return len(seen) > 2 and any(word[-1] in "+-" for word in seen)  # noqa: PLR2004 - A, B, O are also marks
    if name in {"us-states", "countries"}:
        return len(seen) >= _MANY_PLACES
    if name == "gender" and all(len(word) == 1 for word in seen):
        return any(set(pair) <= seen for pair in _SINGLE_GENDERS)
    return len(seen) > 1 and bool(seen & _TELLING[name])


def contradicted(kind: str, profile: Profile, logical: str) -> bool:
    """Whether the values are none of a kind, whatever the column's name says."""
    if not profile.values:
        return False
    if logical == "boolean" and kind in _NO_FLAG | _TEXT_ONLY:
        return True
    if logical in {"date", "timestamp", "time"} and kind in _TEXT_ONLY | _NO_DATE:
        return True
    if logical in {"integer", "number"}:
        flag = profile.distinct is not None and len(profile.distinct) <= 2 < profile.values  # noqa: PLR2004
        return kind in _TEXT_ONLY or (flag and kind in _NO_FLAG)
    if logical != "string":
        return False
    few = profile.distinct is not None and len(profile.distinct) <= 20 <= profile.values // 10  # noqa: PLR2004
    if kind == "free-text" and few:
        return True
    return kind in _WITH_DIGITS and profile.digits * 2 < profile.values
