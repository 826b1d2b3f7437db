"""What a transit lists is not believed: only names of objects pass, once each, in order, and not for ever."""

from __future__ import annotations

from itertools import count, islice

import pytest

from data_contracts.errors import NotVerifiableError
from environments.transit import names
from environments.transit.names import listed, listed_crossings
from environments.transit.port import Capabilities

PREFIX, OTHER = "a" * 64, "b" * 64
CHUNKS = [f"{PREFIX}/chunks/{number:064x}" for number in range(4)]


def test_only_this_crossings_objects_pass() -> None:
    found = [
        f"/{PREFIX}/manifest",
        *CHUNKS,
        f"{PREFIX}/chunks/../manifest",
        f"{PREFIX}/manifest",
        f"{PREFIX}/x\ny",
        f"{OTHER}/manifest",
    ]
    assert list(listed(found, PREFIX)) == [*CHUNKS, f"{PREFIX}/manifest"]


def test_repeated_names_pass_once_and_earlier_ones_not_at_all() -> None:
    assert list(listed([CHUNKS[0], CHUNKS[1], CHUNKS[1], CHUNKS[2]], PREFIX, CHUNKS[0])) == CHUNKS[1:3]


def test_no_order_is_refused() -> None:
    with pytest.raises(NotVerifiableError, match="no order"):
        list(listed([CHUNKS[1], CHUNKS[0]], PREFIX))


def test_no_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 100)
    endless = (f"{PREFIX}/chunks/{number:064x}" for number in count())
    with pytest.raises(NotVerifiableError, match="more than 100"):
        list(listed(endless, PREFIX))
    nothing_of_ours = ("junk" for _ in count())
    with pytest.raises(NotVerifiableError, match="more than 100"):
        list(listed(nothing_of_ours, PREFIX))


def test_pages_are_read_as_they_are_asked_for() -> None:
    endless = (f"{PREFIX}/chunks/{number:064x}" for number in count())
    assert list(islice(listed(endless, PREFIX), 4)) == CHUNKS


def test_only_crossings_pass_once_and_in_order() -> None:
    found = [".staging", "A" * 64, PREFIX, PREFIX, f"{PREFIX}/", OTHER, "index"]
    assert list(listed_crossings(found)) == [PREFIX, OTHER]
    assert list(listed_crossings(found, PREFIX)) == [OTHER]
    with pytest.raises(NotVerifiableError, match="no order"):
        list(listed_crossings([OTHER, PREFIX]))


def test_crossings_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_CROSSINGS", 100)
    for endless in ((f"{number:064x}" for number in count()), ("junk" for _ in count())):
        with pytest.raises(NotVerifiableError, match="more than 100"):
            list(listed_crossings(endless))


def test_what_a_medium_does_not_promise_is_said() -> None:
    assert Capabilities("s3").warnings == ()
    assert len(Capabilities("https", one_writer_wins=False, durable=False).warnings) == 2
