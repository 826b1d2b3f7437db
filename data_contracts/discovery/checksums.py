"""Check digits of numbers that states, banks and standards give out, over whole columns at once.

Every function takes a matrix of digits (one row for each value) and returns one flag per row. The rule's
source stands in each docstring; `chance` of the table says how often a random number of the shape passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DIGIT_NUMBERS", "DigitNumber", "digits_of", "luhn", "verhoeff"]

Digits: TypeAlias = Any
"""A numpy matrix of uint8, or a vector of one flag per row."""

_D = ["0123456789", "1234067895", "2340178956", "3401289567", "4012395678"]
_D += ["5987604321", "6598710432", "7659821043", "8765932104", "9876543210"]
_P = ["0123456789", "1576283094", "5803796142", "8916043527"]
_P += ["9453126870", "4286573901", "2793806415", "7046913258"]


def digits_of(values: pl.Series) -> Digits:
    """Return texts of digits of one length as a matrix."""
    import numpy as np

    joined = "".join(values.to_list()).encode()
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(values), -1) - 48


def _weighted(digits: Digits, weights: Sequence[int]) -> Digits:
    import numpy as np

    return digits[:, : len(weights)].astype(np.int64) @ np.array(weights)


def _number(digits: Digits) -> Digits:
    import numpy as np

    return digits.astype(np.int64) @ (10 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64))


def luhn(digits: Digits) -> Digits:
    """ISO/IEC 7812-1, annex B: cards, IMEI, and the numbers of several states."""
    import numpy as np

    doubled = digits.astype(np.int64)
    doubled[:, -2::-2] *= 2
    return (doubled - 9 * (doubled > 9)).sum(axis=1) % 10 == 0  # noqa: PLR2004 - a digit


def verhoeff(digits: Digits) -> Digits:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): Aadhaar, SNOMED CT."""
    import numpy as np

    table = np.array([[int(c) for c in row] for row in _D])
    turn = np.array([[int(c) for c in row] for row in _P])
    state = np.zeros(len(digits), dtype=np.int64)
    for place in range(digits.shape[1]):
        state = table[state, turn[place % 8, digits[:, -1 - place]]]
    return state == 0


def _remainder(check: Digits, found: Digits, most: int = 9) -> Digits:
    return (check <= most) & (check == found)


def nhs(digits: Digits) -> Digits:
    """NHS number (England and Wales): weights 10 to 2, modulus 11."""
    check = (11 - _weighted(digits, range(10, 1, -1)) % 11) % 11
    return _remainder(check, digits[:, 9])


def bsn(digits: Digits) -> Digits:
    """Dutch burgerservicenummer: the eleven-test, weights 9 to 2 and -1."""
    return (_weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0) & (digits.sum(axis=1) > 0)


def steuer_id(digits: Digits) -> Digits:
    """German tax id: ISO 7064 MOD 11,10; one digit of the first ten repeats, no leading zero."""
    import numpy as np

    product = np.full(len(digits), 10, dtype=np.int64)
    for place in range(10):
        total = (digits[:, place] + product) % 10
        product = (2 * np.where(total == 0, 10, total)) % 11
    counts = np.stack([(digits[:, :10] == digit).sum(axis=1) for digit in range(10)])
    repeats = ((counts > 1).sum(axis=0) == 1) & (counts.max(axis=0) <= 3)  # noqa: PLR2004 - thrice at most
    return ((11 - product) % 10 == digits[:, 10]) & repeats & (digits[:, 0] > 0)


def cpf(digits: Digits) -> Digits:
    """Brazilian CPF: two check digits, modulus 11; eleven equal digits are none."""
    first = (_weighted(digits, range(10, 1, -1)) * 10 % 11) % 10
    second = (_weighted(digits, range(11, 1, -1)) * 10 % 11) % 10
    different = digits.min(axis=1) != digits.max(axis=1)
    return (first == digits[:, 9]) & (second == digits[:, 10]) & different


def aadhaar(digits: Digits) -> Digits:
    """Indian Aadhaar: Verhoeff; the first digit is 2 to 9."""
    return verhoeff(digits) & (digits[:, 0] > 1)


def pesel(digits: Digits) -> Digits:
    """Polish PESEL: weights 1 3 7 9, and a month and day in it."""
    check = (10 - _weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10
    month, day = _number(digits[:, 2:4]) % 20, _number(digits[:, 4:6])
    return (check == digits[:, 10]) & _day(month, day)


def _day(month: Digits, day: Digits) -> Digits:
    return (month > 0) & (month < 13) & (day > 0) & (day < 32)  # noqa: PLR2004 - a calendar


def fodselsnummer(digits: Digits) -> Digits:
    """Norwegian birth number: two check digits, modulus 11."""
    first = (11 - _weighted(digits, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11
    second = (11 - _weighted(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11
    return _remainder(first, digits[:, 9]) & _remainder(second, digits[:, 10])


def personnummer(digits: Digits) -> Digits:
    """Swedish personal number, its last ten digits: Luhn, and a month and day in it."""
    ten = digits[:, -10:]
    month, day = _number(ten[:, 2:4]), _number(ten[:, 4:6]) % 60
    return luhn(ten) & _day(month, day)


def rijksregister(digits: Digits) -> Digits:
    """Belgian national number: 97 less the remainder of the first nine, a 2 before them from 2000 on."""
    nine, check = _number(digits[:, :9]), _number(digits[:, 9:])
    return (97 - nine % 97 == check) | (97 - (2_000_000_000 + nine) % 97 == check)


def nir(digits: Digits) -> Digits:
    """French NIR with its key: 97 less the remainder of the first thirteen; month or a fictive one in it."""
    key = 97 - _number(digits[:, :13]) % 97
    return (key == _number(digits[:, 13:])) & (digits[:, 0] > 0) & (digits[:, 0] < 9)  # noqa: PLR2004 - 1 to 8


def ahv(digits: Digits) -> Digits:
    """Swiss AHV number: 756 and an EAN-13 check digit."""
    check = (10 - _weighted(digits, [1, 3] * 6) % 10) % 10
    return (check == digits[:, 12]) & (_number(digits[:, :3]) == 756)  # noqa: PLR2004 - Switzerland's


def resident_id(digits: Digits) -> Digits:
    """Chinese resident identity number without X: ISO 7064 MOD 11-2, with a year, month and day in it."""
    total = _weighted(digits, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
    year, day = _number(digits[:, 6:10]), _day(_number(digits[:, 10:12]), _number(digits[:, 12:14]))
    plausible = (year > 1850) & (year < 2100)  # noqa: PLR2004 - years
    return ((12 - total % 11) % 11 == digits[:, 17]) & plausible & day


def tckn(digits: Digits) -> Digits:
    """Turkish identity number: two check digits."""
    odd, even = digits[:, 0:9:2].sum(axis=1, dtype=int), digits[:, 1:8:2].sum(axis=1, dtype=int)
    tenth = (7 * odd - even) % 10
    eleventh = digits[:, :10].sum(axis=1, dtype=int) % 10
    return (tenth == digits[:, 9]) & (eleventh == digits[:, 10]) & (digits[:, 0] > 0)


def cnp(digits: Digits) -> Digits:
    """Romanian CNP: weights 2 7 9 1 4 6 3 5 8 2 7 9, modulus 11, with a month and day in it."""
    check = _weighted(digits, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11
    check = check - 9 * (check == 10)  # noqa: PLR2004 - ten is written as one
    return (check == digits[:, 12]) & _day(_number(digits[:, 3:5]), _number(digits[:, 5:7]))


def south_africa(digits: Digits) -> Digits:
    """South African identity number: Luhn, with a month and day in it."""
    return luhn(digits) & _day(_number(digits[:, 2:4]), _number(digits[:, 4:6]))


def card(digits: Digits) -> Digits:
    """Payment card: Luhn, and a first digit of an issuer (ISO/IEC 7812-1: 2 to 6)."""
    return luhn(digits) & (digits[:, 0] > 1) & (digits[:, 0] < 7)  # noqa: PLR2004 - banks' digits


def snomed(digits: Digits) -> Digits:
    """SNOMED CT identifier: Verhoeff, and a partition identifier before the check digit."""
    partition = _number(digits[:, -3:-1])
    return verhoeff(digits) & (partition % 10 < 3) & (partition < 13) & (digits[:, 0] > 0)  # noqa: PLR2004


@dataclass(frozen=True)
class DigitNumber:
    """A number of digits with a check.

    Attributes:
        id: such as `br-cpf`.
        kind: of the lexicon.
        lengths: of its digits.
        passes: see above.
        chance: share of random numbers of the shape that pass.
    """

    id: str
    kind: str
    lengths: tuple[int, ...]
    passes: Callable[[Digits], Digits]
    chance: float


DIGIT_NUMBERS = (
    DigitNumber("card", "card-number", tuple(range(13, 20)), card, 0.06),
    DigitNumber("imei", "device-id", (15,), luhn, 0.1),
    DigitNumber("gb-nhs", "national-id", (10,), nhs, 0.09),
    DigitNumber("nl-bsn", "national-id", (9,), bsn, 0.09),
    DigitNumber("ca-sin", "national-id", (9,), luhn, 0.1),
    DigitNumber("de-steuer-id", "national-id", (11,), steuer_id, 0.04),
    DigitNumber("br-cpf", "national-id", (11,), cpf, 0.01),
    DigitNumber("in-aadhaar", "national-id", (12,), aadhaar, 0.08),
    DigitNumber("pl-pesel", "national-id", (11,), pesel, 0.02),
    DigitNumber("no-fodselsnummer", "national-id", (11,), fodselsnummer, 0.01),
    DigitNumber("se-personnummer", "national-id", (10, 12), personnummer, 0.03),
    DigitNumber("be-rijksregister", "national-id", (11,), rijksregister, 0.02),
    DigitNumber("fr-nir", "national-id", (15,), nir, 0.01),
    DigitNumber("ch-ahv", "national-id", (13,), ahv, 0.001),
    DigitNumber("cn-resident-id", "national-id", (18,), resident_id, 0.001),
    DigitNumber("tr-kimlik", "national-id", (11,), tckn, 0.01),
    DigitNumber("ro-cnp", "national-id", (13,), cnp, 0.03),
    DigitNumber("za-id", "national-id", (13,), south_africa, 0.03),
    DigitNumber("snomed-ct", "health", tuple(range(7, 19)), snomed, 0.01),
)
