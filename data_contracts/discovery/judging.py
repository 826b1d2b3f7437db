"""All columns of a table together: which are about people, and so which words and shapes count.

Invariants:
1. Every column that may be personal has at least one evidence; a column without evidence is none.
2. The order of the columns matters only to pairs of coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_contracts.discovery.evidence import Evidence, contradicted, value_evidence, vocabulary_evidence
from data_contracts.discovery.lexicon import ROLE, Lexicon, NameMatch, load_lexicon
from data_contracts.discovery.profile import Profile
from data_contracts.labels import Classification, subjects

__all__ = ["Facts", "Finding", "judge", "merged"]

_PEOPLE = {
    "given-name",
    "family-name",
    "full-name",
    "email",
    "birth-date",
    "death-date",
    "age",
    "gender",
    "marital-status",
    "national-id",
    "passport",
    "income",
    "ethnicity",
    "sexuality",
    "belief",
    "user-name",
    "record-number",
    "family",
    "name-affix",
    "criminal",
    "care-date",
    "health",
}
_ADDRESS = {"street", "city", "postal-code", "coordinates"}
_NEED_ADDRESS = {"five-digits", "postal-code"}
_BORN_BEFORE = 1970
_BORN_SPAN = 35
_LONGITUDE, _NO_SHARE = 180.0, 1.5


@dataclass(frozen=True)
class Facts:
    """A column as judged: its profile and its logical type."""

    profile: Profile
    logical: str


@dataclass(frozen=True)
class Finding:
    """What a column may be.

    Attributes:
        personal: whether it is restricted until a person lowers it.
        kinds: of the lexicon, the best shown first.
        categories: of all kinds.
        evidence: every reason.
    """

    personal: bool
    kinds: tuple[str, ...]
    categories: tuple[str, ...]
    evidence: tuple[Evidence, ...]

    @property
    def classification(self) -> Classification:
        """The classification to draft."""
        if self.personal:
            return Classification.RESTRICTED
        return Classification.CONFIDENTIAL if self.kinds else Classification.INTERNAL

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values: counts and kinds."""
        return {
            "personal": self.personal,
            "classification": self.classification.word,
            "kinds": list(self.kinds),
            "categories": list(self.categories),
            "evidence": [item.to_json() for item in self.evidence],
        }


def merged(inside: Sequence[Finding]) -> Finding:
    """Return the finding of a column that holds others: all that was found in them."""
    evidence = tuple(item for finding in inside for item in finding.evidence)
    return Finding(
        any(finding.personal for finding in inside),
        tuple(dict.fromkeys(kind for finding in inside for kind in finding.kinds)),
        tuple(sorted({name for finding in inside for name in finding.categories})),
        tuple(dict.fromkeys(evidence)),
    )


def judge(columns: Sequence[Facts]) -> list[Finding]:
    """Return a finding for each column, in order."""
    lexicon = load_lexicon()
    seen = [_own_evidence(facts, lexicon) for facts in columns]
    people = [_shows(evidence, _PEOPLE) for evidence in seen]
    address = [_shows(evidence, _ADDRESS) for evidence in seen]
    found = []
    for at, own in enumerate(seen):
        beside_people = any(shown for other, shown in enumerate(people) if other != at)
        beside_address = any(shown for other, shown in enumerate(address) if other != at)
        beside = _table_evidence(columns, at, lexicon, own) if beside_people else []
        evidence = [*own, *beside]
        name = columns[at].profile.path.rsplit(".", 1)[-1]
        beside_each = _Beside(beside_people, beside_address, lexicon.says_nothing(name))
        kept = [item for item in evidence if _counts(item, evidence, lexicon, beside_each)]
        found.append(_finding(kept, lexicon))
    return found


def _own_evidence(facts: Facts, lexicon: Lexicon) -> list[Evidence]:
    """Return what the column's name and values say, without looking at other columns."""
    profile, logical = facts.profile, facts.logical
    name = profile.path.replace("[]", "").rsplit(".", 1)[-1]
    named = [
        Evidence(match.kind, "name", match.language, weak=match.weak)
        for match in (_role(match, facts) for match in lexicon.matches(name))
        if not contradicted(match.kind, profile, logical) and not (match.language == ROLE and _few(profile))
    ]
    shown = [*vocabulary_evidence(profile, lexicon), *value_evidence(profile, lexicon)]
    shown += _born(facts, bool(shown))
    if not any(item.kind not in {"city", "given-name", "family-name"} for item in shown):
        shown += _prose(profile)
    return [*named, *shown]


def _role(match: NameMatch, facts: Facts) -> NameMatch:
    """Return what a role alone names (`PATIENT`): an identifier by its values, else a person's name."""
    if match.language == ROLE and (facts.logical == "integer" or _opaque(facts.profile)):
        return NameMatch("record-number", ROLE)
    return match


def _few(profile: Profile) -> bool:
    """Whether a few words stand in many rows: ways of contact, not contacts."""
    return profile.distinct is not None and len(profile.distinct) <= 20 <= profile.values // 10  # noqa: PLR2004


def _opaque(profile: Profile) -> bool:
    found = profile.found["uuid"] + profile.found["opaque"]
    return bool(profile.values) and found >= 0.9 * profile.values


def _born(facts: Facts, known: bool) -> list[Evidence]:
    """Dates without a time of day over a lifetime, hardly one of them twice: as dates of birth are."""
    profile = facts.profile
    plain = facts.logical == "date" or (facts.logical == "string" and profile.types.plain_dates)
    if known or not plain or profile.years is None or profile.values < 10:  # noqa: PLR2004 - too few to see a spread
        return []
    first, last = profile.years
    if first < _BORN_BEFORE and last - first >= _BORN_SPAN and profile.different * 3 >= profile.values:
        return [
            Evidence("birth-date", "values", "lifetime-of-dates", profile.values, profile.values, weak=True)
        ]
    return []


def _prose(profile: Profile) -> list[Evidence]:
    """Sentences: most texts have five words or more, and they differ."""
    values = profile.values
    if values and profile.long * 2 >= values and profile.different * 3 >= values:
        return [Evidence("free-text", "values", "sentences", profile.long, values)]
    return []


def _shows(evidence: Sequence[Evidence], kinds: set[str]) -> bool:
    """Whether a column by itself is of one of the kinds, by no weak sign; of health by codes alone."""
    return any(
        item.kind in kinds and not item.weak and (item.kind != "health" or item.basis == "values")
        for item in evidence
    )


@dataclass(frozen=True)
class _Beside:
    """What stands beside a column, and whether its own name says nothing."""

    people: bool
    address: bool
    nameless: bool


def _counts(item: Evidence, evidence: Sequence[Evidence], lexicon: Lexicon, beside: _Beside) -> bool:
    needs = lexicon.kinds[item.kind].needs
    if (needs and not beside.people) or (needs == "address" and not beside.address):
        return False
    if not item.weak or any(other.kind == item.kind and other.basis != item.basis for other in evidence):
        return True
    if item.basis == "name" or item.detector == "place":
        return beside.people
    # A weak shape under a name that says something else is that something else.
    return beside.people and beside.nameless and (beside.address or item.detector not in _NEED_ADDRESS)


def _table_evidence(
    columns: Sequence[Facts], at: int, lexicon: Lexicon, evidence: Sequence[Evidence]
) -> list[Evidence]:
    """Return what a column may be because of the columns beside it, in a table about people."""
    facts = columns[at]
    profile, values = facts.profile, facts.profile.values
    name = profile.path.rsplit(".", 1)[-1]
    if not values or any(not item.weak for item in evidence):
        return []
    whole = facts.logical == "integer"
    numbered = whole and profile.unique and not profile.running and values >= 10  # noqa: PLR2004
    if (numbered or _opaque(profile)) and lexicon.says_nothing(name):
        return [Evidence("record-number", "table", "identifier-beside-people", values, values)]
    if _coordinate(facts) and any(
        _coordinate(columns[other]) for other in (at - 1, at + 1) if 0 <= other < len(columns)
    ):
        return [Evidence("coordinates", "table", "pair-of-degrees", profile.fine, values)]
    return []


def _coordinate(facts: Facts) -> bool:
    """Whether the numbers can be degrees: four digits after the point, inside the globe."""
    profile = facts.profile
    if facts.logical != "number" or profile.fine < 0.8 * profile.values or profile.low is None:
        return False
    low, high = float(profile.low), float(profile.high)
    return max(abs(low), abs(high)) <= _LONGITUDE and max(abs(low), abs(high)) > _NO_SHARE


def _finding(kept: Sequence[Evidence], lexicon: Lexicon) -> Finding:
    order = {"values": 0, "words": 1, "name": 2, "table": 3}
    ranked = sorted(kept, key=lambda item: (order[item.basis], -item.count))
    kinds = tuple(dict.fromkeys(item.kind for item in ranked))
    categories = {name for kind in kinds for name in lexicon.kinds[kind].categories}
    # A national number says whose national: `nl-bsn`, `us-ssn`.
    categories |= {
        subjects(item.detector[:2].upper())
        for item in kept
        if item.kind == "national-id" and item.basis == "values" and item.detector[2:3] == "-"
    }
    personal = any(lexicon.kinds[kind].personal for kind in kinds)
    return Finding(personal, kinds, tuple(sorted(categories)), tuple(kept))
