"""Columns whose names say nothing: what values, check digits, closed lists and neighbours tell."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pytest

from data_contracts.discovery import ColumnReport
from data_contracts.discovery.wordlists import words_of
from data_contracts.textfile import read_csv

Told = Callable[[Mapping[str, Sequence[object]]], dict[str, ColumnReport]]
ROWS = 200
R = random.Random(5)  # noqa: S311 - a reproducible table, no secret
GIVEN = ["Anna", "Juan", "Maria", "Peter", "Sofia", "Lars", "Giulia", "Pierre", "Katarzyna", "Ahmet", "Olga"]
FAMILY = ["Smith", "Garcia", "Müller", "Rossi", "Dupont", "Kowalski", "Jansen", "Yilmaz", "Ivanova", "Jones"]


def some(make: Callable[[], object]) -> list[object]:
    return [make() for _ in range(ROWS)]


def digits(count: int) -> str:
    return "".join(R.choices("0123456789", k=count))


def luhn(body: str) -> str:
    total = sum(sum(divmod(int(c) * (2 - at % 2), 10)) for at, c in enumerate(reversed(body)))
    return body + str(-total % 10)


def day(first: int, last: int) -> str:
    return (dt.date(first, 1, 1) + dt.timedelta(days=R.randrange(365 * (last - first)))).isoformat()


PERSONAL: dict[str, Callable[[], object]] = {
    "given-name": lambda: R.choice(GIVEN),
    "family-name": lambda: R.choice(FAMILY),
    "full-name": lambda: f"{R.choice(GIVEN)} {R.choice(FAMILY)}",
    "email": lambda: f"{R.choice(GIVEN).lower()}{digits(3)}@example.{R.choice(['org', 'co.uk'])}",
    "phone": lambda: R.choice([f"+49 {digits(3)} {digits(7)}", f"({digits(3)}) {digits(3)}-{digits(4)}"]),
    "street": lambda: R.choice(
        [f"{digits(3)} Oak Street", f"Lindenstraße {digits(2)}", f"12 rue de {digits(2)}"]
    ),
    "card-number": lambda: luhn("4" + digits(14)),
    "bank-account": lambda: R.choice(["DE89370400440532013000", "GB29NWBK60161331926819"]),
    "national-id": lambda: f"{R.randrange(100, 700)}-{R.randrange(10, 99)}-{digits(4)}",
    "ip-address": lambda: ".".join(str(R.randrange(1, 255)) for _ in range(4)),
    "device-id": lambda: ":".join(f"{R.randrange(256):02x}" for _ in range(6)),
    "gender": lambda: R.choice(["Male", "Female"]),
    "marital-status": lambda: R.choice(["single", "married", "divorced"]),
    "health": lambda: R.choice(
        ["195662009", "38341003", "444814009", "15777000", "10509002", "65363002", "43878008"]
    ),
    "secret": lambda: "$2b$12$" + "".join(R.choices("abcdefghijkXYZ0123", k=53)),
    "free-text": lambda: (
        f"She called on {digits(2)} and said that the bill was {R.choice(['wrong', 'late'])}, again."
    ),
}
NOTHING: dict[str, Callable[[], object]] = {
    "status": lambda: R.choice(["open", "closed", "pending"]),
    "price": lambda: f"{R.random() * 100:.2f}",
    "count": lambda: R.randrange(100),
    "colour": lambda: R.choice(["white", "black", "brown", "green", "gray", "pink", "olive", "violet"]),
    "month": lambda: R.choice(["April", "May", "June", "August", "January", "March", "July", "October"]),
    "version": lambda: f"{R.randrange(9)}.{R.randrange(20)}.{R.randrange(99)}",
    "code": lambda: R.choice(["LAX", "JFK", "KIM", "LEE", "ATL", "ANN", "MAY", "IDA", "EVA", "LEO"]),
    "moment": lambda: day(2020, 2023) + "T10:00:00",
    "product": lambda: R.choice(["steel bolt", "copper wire", "glass pane", "oak board", "brass hinge"]),
    "company": lambda: f"{R.choice(FAMILY)} {R.choice(['Ltd', 'Inc', 'GmbH', '& Sons'])}",
    "reading": lambda: f"{20 + R.random():.6f}",
    "ratio": lambda: f"{R.random():.4f}",
    "yes": lambda: R.choice(["Y", "N"]),
    "reference": lambda: f"{digits(4)}-{digits(4)}",
    "numbers": lambda: digits(8),
}


@pytest.mark.parametrize("kind", PERSONAL)
def test_values_alone_tell(told: Told, kind: str) -> None:
    column = told({"c1": some(PERSONAL[kind])})["c1"]
    assert column.finding.personal
    assert kind in column.finding.kinds
    assert column.finding.classification.word == "restricted"
    shown = [item for item in column.finding.evidence if item.kind == kind]
    assert all(0.25 * ROWS <= item.count <= item.of == ROWS for item in shown)


@pytest.mark.parametrize("name", NOTHING)
def test_values_of_things_tell_nothing_alone_and_beside_people(told: Told, name: str) -> None:
    values = some(NOTHING[name])
    assert not told({"c1": values})["c1"].finding.personal
    beside = told({name: values, "mail": some(PERSONAL["email"]), "c9": some(PERSONAL["full-name"])})
    assert not beside[name].finding.personal, beside[name].finding.evidence


def test_neighbours_make_identifiers_places_and_degrees_personal(told: Told) -> None:
    places = words_of("places").to_list()
    table: dict[str, list[object]] = {
        "c1": some(lambda: str(uuid.UUID(int=R.getrandbits(128)))),
        "c2": some(lambda: R.choice(places[1000:]).title()),
        "c3": some(lambda: f"{40 + R.random() * 9:.6f}"),
        "c4": some(lambda: f"{-70 - R.random() * 40:.6f}"),
        "c5": some(lambda: day(1930, 2005)),
        "c6": some(lambda: digits(5)),
        "c7": list(range(1, ROWS + 1)),
    }
    alone = told(table)
    assert [name for name, column in alone.items() if column.finding.personal] == []
    people = told({**table, "c8": some(PERSONAL["email"]), "c9": some(PERSONAL["street"])})
    kinds = {name: column.finding.kinds for name, column in people.items()}
    assert kinds["c1"] == ("record-number",)
    assert kinds["c2"] == ("city",)
    assert kinds["c3"] == kinds["c4"] == ("coordinates",)
    assert kinds["c5"] == ("birth-date",)
    assert kinds["c6"] == ("postal-code",)
    assert kinds["c7"] == (), "a number of the row is nobody's"


def test_weak_names_count_only_beside_people(told: Told) -> None:
    table = {
        "name": some(NOTHING["product"]),
        "city": some(NOTHING["status"]),
        "balance": some(NOTHING["price"]),
    }
    assert not any(column.finding.personal for column in told(table).values())
    beside = told({**table, "date_of_birth": some(lambda: day(1930, 2005))})
    assert all(column.finding.personal for column in beside.values())


def test_what_contradicts_a_name_outweighs_it(told: Told) -> None:
    flags = some(lambda: R.randrange(2))
    for name in ("email", "phone", "address", "first_name", "birth_date", "iban", "city", "comments"):
        assert not told({name: flags})[name].finding.personal, name
    codes = some(lambda: R.choice("ABC"))
    assert not told({"notes": codes})["notes"].finding.personal
    assert told({"pregnant": flags})["pregnant"].finding.personal


def test_a_column_of_nothing_is_judged_by_its_name(told: Told) -> None:
    table = told({"ssn": [""] * 5, "width": [""] * 5})
    assert table["ssn"].finding.personal
    assert not table["width"].finding.personal


def test_several_kinds_in_one_column_are_told(told: Told) -> None:
    kinds = [some(make) for make in (PERSONAL["email"], PERSONAL["phone"], NOTHING["product"])]
    column = told({"c1": [value for values in zip(*kinds, strict=True) for value in values]})["c1"]
    assert column.finding.kinds == ("free-text",)


def test_one_address_late_in_long_texts_is_found(told: Told) -> None:
    texts = ["nothing to see in this long line of words"] * 60_000 + [
        "please write to jane.roe@example.org about it"
    ]
    column = told({"c1": texts})["c1"]
    assert [(item.detector, item.count) for item in column.finding.evidence] == [("email-inside", 1)]


def test_a_national_number_says_whose_people_they_are(told: Told) -> None:
    column = told({"c1": some(PERSONAL["national-id"])})["c1"]
    assert "subjects-us" in column.finding.categories


def test_the_cut_into_batches_changes_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {name: some(make) for name, make in {**PERSONAL, **NOTHING}.items()}
    whole = told(table)
    monkeypatch.setattr("data_contracts.formats.csvtyped.read_csv", partial(read_csv, rows=70))
    assert told(table) == whole
