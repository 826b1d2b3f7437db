"""Every shipped obligation, in each of its forms, under the shared conformance suite."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from contract_builder import column
from obligation_suite import ObligationSuite

from data_contracts.obligations import OBLIGATIONS

DAY = dt.date(2020, 2, 29)
TIME = dt.datetime(2020, 3, 28, 23, 30)  # noqa: DTZ001 - a column without a zone
NAME = "restricted"


class TestKeep(ObligationSuite):
    obligation = OBLIGATIONS["keep"]
    declared = column(
        "age", "number", options={"minimum": 0}, quality=[{"metric": "nullValues", "mustBe": 0}]
    )
    values = (1.5, 2.0, 2.0)


class TestKeepObjects(ObligationSuite):
    obligation = OBLIGATIONS["keep"]
    declared = column("x", "object", properties=[column("a", "string"), column("b", "number")])
    values = ({"a": "x", "b": 2.0}, {"a": "x", "b": 1.0}, {"a": None, "b": None})


class TestKeepArrays(ObligationSuite):
    obligation = OBLIGATIONS["keep"]
    declared = column("x", "array", items=column("i", "integer"))
    values = ([1, 2], [], [None], [1, 2])


class TestDrop(ObligationSuite):
    obligation = OBLIGATIONS["drop"]
    declared = column("name", "string", classification=NAME)
    values = ("a", "b", "a")


class Keyed(ObligationSuite):
    """Both ways to 16 bytes, on every kind of value."""

    __test__ = False
    wrong_parameters: ClassVar = ({"x": 1}, {"joinable": ""}, {"joinable": "Not A Name"}, {"joinable": 3})
    needs_secret = True


class TestPseudonymiseText(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("id", "string", classification=NAME, required=True)
    values = ("p1", "p2", "p1", "", "patient-00000099", "é\x00")


class TestPseudonymiseJoinable(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    parameters: ClassVar = {"joinable": "patients"}
    declared = column("id", "string", classification=NAME)
    values = ("p1", "p2", "p1")


class TestPseudonymiseManyTexts(Keyed):
    """Enough of them for the native code."""

    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("id", "string", classification=NAME)
    values = tuple(None if index % 7 == 3 else f"p{index % 600}" for index in range(700))


class TestPseudonymiseNumber(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("id", "integer", classification=NAME, options={"minimum": 1})
    values = (1, 2, 1, 2**62)


class TestPseudonymiseFloat(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("id", "number", classification=NAME)
    values = (1.0, 2.5, 1.0)


class TestPseudonymiseDecimal(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("id", "number", classification=NAME, physicalType="decimal(12,2)")
    values = (Decimal("1.00"), Decimal("2.50"), Decimal("1.00"))


class TestPseudonymiseDate(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("born", "date", classification=NAME)
    values = (DAY, dt.date(1, 1, 1), DAY)


class TestPseudonymiseTimestamp(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("seen", "timestamp", classification=NAME)
    values = (TIME, TIME.replace(microsecond=1), TIME)


class TestPseudonymiseObject(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column(
        "address",
        "object",
        classification=NAME,
        properties=[column("street", "string"), column("since", "date")],
    )
    values = ({"street": "a", "since": DAY}, {"street": "b", "since": None}, {"street": "a", "since": DAY})


class TestPseudonymiseArray(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["pseudonymise"]
    declared = column("codes", "array", classification=NAME, items=column("code", "integer"))
    values = ([1, 2], [2, 1], [1, 2])


class TestCodeText(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["code"]
    declared = column("id", "string", classification=NAME, required=True, unique=False)
    values = ("p1", "p2", "p1", "")


class TestCodeNumberJoinable(Keyed):
    __test__ = True
    obligation = OBLIGATIONS["code"]
    parameters: ClassVar = {"joinable": "patients"}
    declared = column("id", "integer", classification=NAME)
    values = (1, 2, 1)


class TestMask(ObligationSuite):
    obligation = OBLIGATIONS["mask"]
    parameters: ClassVar = {"first": 1, "last": 2}
    wrong_parameters: ClassVar = (
        {"middle": 1},
        {"first": -1},
        {"last": "2"},
        {"last": 4},
        {"last": 2, "length": 2},
        {"length": "short"},
        {"length": True},
    )
    declared = column("card", "string", classification=NAME, options={"minLength": 6, "maxLength": 9})
    values = ("123456", "a\nc*ef789", "123456")


class TestMaskOfTheSameLength(TestMask):
    parameters: ClassVar = {"last": 2, "length": "same"}


class TestMaskOfEverything(TestMask):
    parameters: ClassVar = {"length": "same"}
    declared = column("card", "string", classification=NAME)
    values = ("", "x", "xy", "xy")


class TestBands(ObligationSuite):
    obligation = OBLIGATIONS["generalise"]
    parameters: ClassVar = {"bands": [0, 18, 40, 65, 90]}
    wrong_parameters: ClassVar = (
        {},
        {"bands": [0, 18, 18]},
        {"bands": []},
        {"bands": "0"},
        {"bands": [0], "level": 1},
        {"bands": [0], "zip": 3},
        {"date": "year"},
        {"zip": 3},
        {"file": "a.csv"},
    )
    declared = column("age", "number", classification="confidential", options={"minimum": 0})
    values = (0.0, 17.9, 18.0, 90.0, 138.0)


class TestTable(ObligationSuite):
    obligation = OBLIGATIONS["generalise"]
    parameters: ClassVar = {"table": "11th;Secondary;*\nHS-grad;Secondary;*\nMasters;Higher;*\n", "level": 1}
    wrong_parameters: ClassVar = (
        {"table": "a;b;*"},
        {"table": "a;b;*", "level": 2},
        {"table": "a;b;*", "level": 0},
        {"table": "a;b;*", "level": True},
        {"table": "a;b;*\na;c;*", "level": 1},
        {"table": "a;b;*\nb;*", "level": 1},
        {"table": "", "level": 1},
        {"table": 'a;"b', "level": 1},
        {"table": 3, "level": 1},
        {"table": "a;b;*", "level": 1, "digest": "x"},
    )
    declared = column("education", "string", classification=NAME)
    values = ("11th", "Masters", "HS-grad", "11th")


class TestTableOfNumbers(TestTable):
    parameters: ClassVar = {"table": "1;low\n2;low\n3;high\n", "level": 1}
    declared = column("grade", "integer", classification=NAME)
    values = (1, 3, 2)


class TestYear(ObligationSuite):
    obligation = OBLIGATIONS["generalise"]
    parameters: ClassVar = {"date": "year"}
    wrong_parameters: ClassVar = (
        {"date": "week"},
        {"date": ["year"]},
        {"date": "year", "earliest": "1936"},
        {"date": "year", "earliest": 0},
        {"date": "year", "x": 1},
        {"bands": [0]},
    )
    declared = column("born", "date", classification=NAME, options={"minimum": "0001-01-01"})
    values = (DAY, dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31), dt.date(1970, 1, 1))


class TestYearWithTheEarliest(TestYear):
    parameters: ClassVar = {"date": "year", "earliest": 1970}


class TestQuarter(TestYear):
    parameters: ClassVar = {"date": "quarter"}


class TestMonth(TestYear):
    parameters: ClassVar = {"date": "month", "earliest": 1936}


class TestDecade(TestYear):
    parameters: ClassVar = {"date": "decade"}


class TestMonthOfTimestamps(TestYear):
    parameters: ClassVar = {"date": "month"}
    declared = column("seen", "timestamp", classification=NAME)
    values = (TIME, dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(1970, 1, 1))  # noqa: DTZ001


class TestMonthOfZonedTimestamps(TestYear):
    parameters: ClassVar = {"date": "month"}
    declared = column("seen", "timestamp", classification=NAME, options={"timezone": True})
    values = (
        dt.datetime(2020, 3, 31, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-2))),
        dt.datetime(2020, 3, 31, 23, 30, tzinfo=dt.UTC),
    )


class TestZip(ObligationSuite):
    obligation = OBLIGATIONS["generalise"]
    parameters: ClassVar = {"zip": 3}
    wrong_parameters: ClassVar = ({"zip": 5}, {"zip": 3, "level": 1}, {"zip": "3"}, {"bands": [1]})
    declared = column("zip", "string", classification=NAME)
    values = ("19104", "19104-1234", "191041234", "03601", "00501", "89301")


class TestShiftDates(ObligationSuite):
    obligation = OBLIGATIONS["shift"]
    parameters: ClassVar = {"subject": "who", "days": 30}
    wrong_parameters: ClassVar = (
        {},
        {"subject": "who"},
        {"subject": "visit", "days": 30},
        {"subject": 3, "days": 30},
        {"subject": "who", "days": 0},
        {"subject": "who", "days": True},
        {"subject": "who", "days": 30, "joinable": "No"},
        {"subject": "who", "days": 30, "x": 1},
    )
    declared = column("visit", "date", classification=NAME, options={"minimum": "0001-01-05"})
    values = (DAY, DAY, dt.date(1, 1, 5), dt.date(2020, 12, 31))
    beside: ClassVar = {"who": ("a", "b", "b", "a")}
    needs_secret = True


class TestShiftTimestamps(TestShiftDates):
    parameters: ClassVar = {"subject": "who", "days": 365, "joinable": "patients"}
    declared = column("visit", "timestamp", classification=NAME, options={"maximum": "2020-12-31T00:00:00"})
    values = (TIME, TIME, TIME.replace(month=10))
    beside: ClassVar = {"who": (1, 2, 2)}


class TestShiftZonedTimestamps(TestShiftDates):
    parameters: ClassVar = {"subject": "who", "days": 365}
    declared = column("visit", "timestamp", classification=NAME, options={"timezone": True})
    values = (TIME.replace(tzinfo=dt.UTC), TIME.replace(tzinfo=dt.UTC))
    beside: ClassVar = {"who": ("a", "b")}


class TestTopCode(ObligationSuite):
    obligation = OBLIGATIONS["topCode"]
    parameters: ClassVar = {"at": 90}
    wrong_parameters: ClassVar = (
        {},
        {"at": 90.5},
        {"at": True},
        {"at": "90"},
        {"at": 0},
        {"at": 90, "top": 1},
    )
    declared = column("age", "integer", classification=NAME, options={"minimum": 0, "maximum": 130})
    values = (0, 89, 90, 91, 130)


class TestBottomCode(ObligationSuite):
    obligation = OBLIGATIONS["bottomCode"]
    parameters: ClassVar = {"at": -1.5}
    wrong_parameters: ClassVar = ({}, {"at": 100}, {"bottom": 1})
    declared = column("x", "number", classification=NAME, options={"exclusiveMaximum": 100})
    values = (-1e300, -1.5, 0.0, 99.5, float("-inf"))


class TestClamp(ObligationSuite):
    obligation = OBLIGATIONS["clamp"]
    parameters: ClassVar = {"bottom": 0, "top": 1000}
    wrong_parameters: ClassVar = ({"bottom": 1}, {"bottom": 5, "top": 5}, {"bottom": 9, "top": 5})
    declared = column("income", "number", classification=NAME, physicalType="decimal(12,2)")
    values = (Decimal("-3.00"), Decimal("1000.01"), Decimal("7.25"))
