"""Check digits: numbers that their issuers publish as examples pass, and no neighbour of them does."""

from __future__ import annotations

import random

import polars as pl
import pytest

from data_contracts.discovery.checksums import DIGIT_NUMBERS, digits_of
from data_contracts.discovery.textnumbers import TEXT_NUMBERS

DIGITS = {
    # by detector: examples made by the rule's own text, or published as specimens
    "card": ["4111111111111111", "5500000000000004", "378282246310005", "6011111111111117", "30569309025904"],
    "imei": ["490154203237518"],
    "gb-nhs": ["9434765919", "4010232137"],
    "nl-bsn": ["111222333", "123456782"],
    "ca-sin": ["046454286"],
    "de-steuer-id": ["86095742719", "47036892816", "65929970489"],
    "br-cpf": ["52998224725", "39053344705"],
    "in-aadhaar": ["234123412346"],
    "pl-pesel": ["44051401359", "02070803628"],
    "no-fodselsnummer": ["15108695088"],
    "se-personnummer": ["8112189876", "198112189876"],
    "be-rijksregister": ["85073003328", "17073003384"],
    "fr-nir": ["295109912611193"],
    "ch-ahv": ["7569217076985"],
    "cn-resident-id": ["11010519491231002X"[:17] + "X", "440524188001010014"],
    "tr-kimlik": ["10000000146"],
    "ro-cnp": ["1630615123457"],
    "za-id": ["8001015009087"],
    "snomed-ct": ["195662009", "38341003"],
}
TEXTS = {
    "iban": ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"],
    "es-dni": ["12345678Z", "X1234567L"],
    "it-codice-fiscale": ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    "fi-hetu": ["131052-308T"],
    "kr-rrn": ["9710139019902"],
    "cl-rut": ["12345678-5", "30686957-4"],
    "cn-resident-id-x": ["11010519491231002X"],
    "fr-nir-corsica": ["253072A07300443"],
}
BY_ID = {number.id: number for number in DIGIT_NUMBERS}
BY_TEXT = {number.id: number for number in TEXT_NUMBERS}


@pytest.mark.parametrize("name", DIGITS)
def test_specimens_pass_and_one_changed_digit_does_not(name: str) -> None:
    number = BY_ID[name]
    for text in DIGITS[name]:
        if not text.isdigit():
            continue
        assert number.passes(digits_of(pl.Series([text])))[0], text
        others = [text[:-1] + digit for digit in "0123456789" if digit != text[-1]]
        assert not number.passes(digits_of(pl.Series(others))).any(), text


@pytest.mark.parametrize("number", DIGIT_NUMBERS, ids=lambda number: str(number.id))
def test_random_digits_pass_no_more_often_than_said(number: object) -> None:
    wanted = BY_ID[getattr(number, "id", "")]
    chosen = random.Random(11)  # noqa: S311 - chance is what is measured
    for length in wanted.lengths[:2]:
        texts = ["".join(chosen.choices("0123456789", k=length)) for _ in range(20_000)]
        share = float(wanted.passes(digits_of(pl.Series(texts))).mean())
        assert share <= wanted.chance + 0.01


@pytest.mark.parametrize("name", TEXTS)
def test_numbers_with_letters(name: str) -> None:
    number = BY_TEXT[name]
    shaped = pl.Series(TEXTS[name]).str.contains(f"^({number.shape})$")
    assert shaped.all()
    for text in TEXTS[name]:
        assert number.passes(text), text
        spoiled = text[:-1] + ("1" if text[-1] != "1" else "2")
        if pl.Series([spoiled]).str.contains(f"^({number.shape})$").all():
            assert not number.passes(spoiled), spoiled


def test_every_number_with_a_check_has_a_specimen() -> None:
    assert set(DIGITS) == set(BY_ID)
    checked = {name for name, number in BY_TEXT.items() if number.passes.__name__ != "_always"}
    assert checked - {"cl-rut"} <= set(TEXTS) | {"cl-rut"}
