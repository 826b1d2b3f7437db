"""Numbers with letters in them, or longer than an integer: each as a shape and, where it has one, its check.

A shape keeps the engine's loop short; only what has the shape is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_uppercase, digits

__all__ = ["TEXT_NUMBERS", "TextNumber"]

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = dict(zip(digits + ascii_uppercase, (*_ODD_DIGITS, *_ODD_LETTERS), strict=True))
_RRN = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_RUT_K = 10


def _always(_text: str) -> bool:
    return True


def _iban(text: str) -> bool:
    """ISO 13616: moved to the end, letters as 10 to 35, the remainder by 97 is 1."""
    turned = text[4:] + text[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _dni(text: str) -> bool:
    """Spanish DNI and NIE: the number modulo 23 names the letter."""
    first = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0])
    return _DNI[int(first + text[1:-1]) % 23] == text[-1]


def _codice_fiscale(text: str) -> bool:
    """Italian codice fiscale: odd places by a table, even ones by rank, modulo 26 (D.M. 12 March 1974)."""
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in text[1:15:2])
    return ascii_uppercase[(even + sum(_ODD[c] for c in text[0:15:2])) % 26] == text[15]


def _hetu(text: str) -> bool:
    """Finnish personal identity code: the digits modulo 31 name the letter."""
    return _HETU[int(text[:6] + text[7:10]) % 31] == text[10]


def _rrn(text: str) -> bool:
    """South Korean resident registration number: weights, modulo 11."""
    total = sum(int(c) * w for c, w in zip(text[:12], _RRN, strict=True))
    return (11 - total % 11) % 10 == int(text[12])


def _rut(text: str) -> bool:
    """Chilean RUT: weights 2 to 7 from the right, modulo 11, ten is K."""
    total = sum(int(c) * (2 + at % 6) for at, c in enumerate(reversed(text[:-1])))
    check = (11 - total % 11) % 11
    return text[-1] == ("K" if check == _RUT_K else str(check))


def _resident_x(text: str) -> bool:
    """Chinese resident identity number that ends in X: ISO 7064 MOD 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return sum(int(c) * w for c, w in zip(text[:17], weights, strict=True)) % 11 == 2  # noqa: PLR2004 - X


def _corsican(text: str) -> bool:
    """French NIR of Corsica: 2A counts as 19, 2B as 18."""
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(text[13:])


@dataclass(frozen=True)
class TextNumber:
    """A number of a known shape.

    Attributes:
        id: such as `es-dni`.
        kind: of the lexicon.
        shape: a whole value, in upper case; see `bare`.
        passes: the check; always true where there is none.
        bare: spaces, dots and hyphens are taken out first.
        chance: how likely another text of the shape is to pass: what needs many different values.
    """

    id: str
    kind: str
    shape: str
    passes: Callable[[str], bool] = _always
    bare: bool = True
    chance: float = 1e-6


_DAY = "(0[1-9]|[12][0-9]|3[01])"
_MONTH = "(0[1-9]|1[0-2])"
TEXT_NUMBERS = (
    TextNumber("iban", "bank-account", "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", _iban),
    TextNumber("us-ssn", "national-id", "[0-9]{3}-[0-9]{2}-[0-9]{4}", bare=False),
    TextNumber("es-dni", "national-id", "([0-9]{8}|[XYZ][0-9]{7})[A-Z]", _dni),
    TextNumber(
        "it-codice-fiscale",
        "national-id",
        "[A-Z]{6}[0-9L-V]{2}[A-Z][0-9L-V]{2}[A-Z][0-9L-V]{3}[A-Z]",
        _codice_fiscale,
    ),
    TextNumber(
        "fi-hetu", "national-id", f"{_DAY}{_MONTH}[0-9]{{2}}[+A-FU-Y-][0-9]{{3}}[0-9A-Y]", _hetu, bare=False
    ),
    TextNumber("dk-cpr", "national-id", f"{_DAY}{_MONTH}[0-9]{{2}}-[0-9]{{4}}", bare=False, chance=0.01),
    TextNumber(
        "se-personnummer-text",
        "national-id",
        f"([0-9]{{2}})?[0-9]{{2}}{_MONTH}{_DAY}[-+][0-9]{{4}}",
        bare=False,
        chance=0.01,
    ),
    TextNumber("kr-rrn", "national-id", f"[0-9]{{2}}{_MONTH}{_DAY}[0-9]{{7}}", _rrn, chance=0.01),
    TextNumber(
        "cl-rut", "national-id", "[0-9]{7,8}-[0-9K]", lambda text: _rut(text.replace("-", "")), bare=False
    ),
    TextNumber("cl-rut-dotted", "national-id", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]", bare=False),
    TextNumber("br-cpf-dotted", "national-id", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", bare=False),
    TextNumber(
        "cn-resident-id-x",
        "national-id",
        f"[1-9][0-9]{{5}}(19|20)[0-9]{{2}}{_MONTH}{_DAY}[0-9]{{3}}X",
        _resident_x,
    ),
    TextNumber("fr-nir-corsica", "national-id", "[1-8][0-9]{4}2[AB][0-9]{8}", _corsican),
    TextNumber("mx-curp", "national-id", f"[A-Z]{{4}}[0-9]{{2}}{_MONTH}{_DAY}[HM][A-Z]{{5}}[A-Z0-9][0-9]"),
    TextNumber("in-pan", "national-id", "[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]", chance=0.01),
    TextNumber("gb-nino", "national-id", "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]"),
    TextNumber("icd-10", "health", r"[A-TV-Z][0-9][0-9AB]\.[0-9A-TV-Z]{1,4}", bare=False, chance=0.01),
    TextNumber("loinc", "health", "[0-9]{3,5}-[0-9]", bare=False, chance=0.01),
)
