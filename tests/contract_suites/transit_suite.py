"""What every `Transit` must do; each implementation's test subclasses `TransitSuite`.

```python
class TestMyTransit(TransitSuite):
    def open_transit(self, place: Path) -> Transit:
        return MyTransit(place)
```
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.transit import (
    Transit,
    chunk_name,
    contents_name,
    crossing_prefix,
    manifest_name,
    receipt_name,
)

CROSSING, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ADDRESS = "c" * 64


class TransitSuite:
    """The duties of `environments.transit.port`, each with the test that would see it broken.

    `open_transit` of one place twice gives two ways into the same transit, as two machines have them.
    """

    def open_transit(self, place: Path) -> Transit:
        raise NotImplementedError

    @pytest.fixture
    def transit(self, tmp_path: Path) -> Transit:
        return self.open_transit(tmp_path / "transit")

    def test_what_was_put_is_there(self, transit: Transit) -> None:
        for name in (
            manifest_name(CROSSING),
            receipt_name(CROSSING),
            contents_name(CROSSING),
            chunk_name(CROSSING, ADDRESS),
        ):
            transit.put(name, name.encode())
            assert transit.get(name, limit=1000) == name.encode()
            assert transit.size(name) == len(name)

    def test_what_was_not_put_is_none(self, transit: Transit) -> None:
        assert transit.get(manifest_name(CROSSING), limit=10) is None
        assert transit.size(manifest_name(CROSSING)) is None
        assert list(transit.names(crossing_prefix(CROSSING))) == []
        transit.put(manifest_name(CROSSING), b"here")
        assert transit.get(receipt_name(CROSSING), limit=10) is None
        assert transit.get(chunk_name(CROSSING, ADDRESS), limit=10) is None

    def test_a_second_put_replaces_whole(self, transit: Transit) -> None:
        transit.put(manifest_name(CROSSING), b"long and old")
        transit.put(manifest_name(CROSSING), b"new")
        assert transit.get(manifest_name(CROSSING), limit=100) == b"new"

    def test_what_a_batch_puts_is_there_when_its_block_ends(self, transit: Transit) -> None:
        names = [chunk_name(CROSSING, f"{number:064x}") for number in range(12)]
        transit.put(names[3], b"long and old")
        part = memoryview(bytearray(b"part of a buffer that is used again"))[8:16]
        with transit.batch() as put, ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda name: put(name, name[-8:].encode()), names))
            put(contents_name(CROSSING), part)
            part[:] = b"reused.."
        assert list(transit.names(crossing_prefix(CROSSING))) == [*names, contents_name(CROSSING)]
        assert [transit.get(name, limit=99) for name in names] == [name[-8:].encode() for name in names]
        assert transit.get(contents_name(CROSSING), limit=99) == b"a buffer"

    def test_what_a_batch_put_before_an_error_is_there(self, transit: Transit) -> None:
        names = [chunk_name(CROSSING, f"{number:064x}") for number in range(12)]

        def write() -> None:
            with transit.batch() as put:
                for name in names:
                    put(name, name.encode())
                raise KeyError

        with pytest.raises(KeyError):
            write()
        assert list(transit.names(crossing_prefix(CROSSING))) == names
        assert [transit.get(name, limit=200) for name in names] == [name.encode() for name in names]

    def test_a_batch_of_nothing_makes_nothing(self, transit: Transit) -> None:
        with transit.batch():
            pass
        assert list(transit.crossings()) == []

    def test_an_empty_object_is_an_object(self, transit: Transit) -> None:
        transit.put(contents_name(CROSSING), b"")
        assert transit.get(contents_name(CROSSING), limit=0) == b""

    def test_nothing_larger_than_the_limit_is_read(self, transit: Transit) -> None:
        transit.put(manifest_name(CROSSING), b"12345")
        assert transit.get(manifest_name(CROSSING), limit=5) == b"12345"
        with pytest.raises(NotVerifiableError, match="4 bytes"):
            transit.get(manifest_name(CROSSING), limit=4)

    def test_an_object_is_read_into_room_that_is_lent(self, transit: Transit) -> None:
        room = memoryview(bytearray(b"." * 9))
        assert transit.get_into(contents_name(CROSSING), room) is None
        for words in (b"whole", b"", b"123456789"):
            transit.put(contents_name(CROSSING), words)
            assert transit.get_into(contents_name(CROSSING), room) == words
        transit.put(contents_name(CROSSING), b"1234567890")
        with pytest.raises(NotVerifiableError, match="9 bytes"):
            transit.get_into(contents_name(CROSSING), room)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "manifest",
            "../manifest",
            f"{'a' * 64}/../{'b' * 64}/manifest",
            f"/{'a' * 64}/manifest",
            f"{'a' * 64}/chunks/../manifest",
            f"{'A' * 64}/manifest",
            f"{'a' * 64}/manifest\n",
            f"{'a' * 64}/chunks/x",
        ],
    )
    def test_a_name_that_is_none_is_refused(self, transit: Transit, tmp_path: Path, name: str) -> None:
        room = memoryview(bytearray(9))
        asks = (lambda: transit.get(name, limit=9), lambda: transit.get_into(name, room))
        for use in (lambda: transit.put(name, b"x"), *asks):
            with pytest.raises(UsageError):
                use()
        for use in (lambda: transit.delete(name), lambda: transit.create(name, b"x")):
            with pytest.raises(UsageError):
                use()
        with transit.batch() as put, pytest.raises(UsageError):
            put(name, b"x")
        with pytest.raises(UsageError):
            transit.size(name)
        assert not (tmp_path / "transit").exists()

    def test_a_prefix_that_is_none_is_refused(self, transit: Transit) -> None:
        for prefix in ("", "..", "/", f"{'a' * 64}/chunks"):
            with pytest.raises(UsageError):
                transit.clear(prefix)
            with pytest.raises(UsageError):
                list(transit.names(prefix))

    def test_names_are_of_one_crossing(self, transit: Transit) -> None:
        mine = sorted([manifest_name(CROSSING), chunk_name(CROSSING, ADDRESS)])
        for name in (*mine, manifest_name(OTHER)):
            transit.put(name, b"x")
        assert list(transit.names(crossing_prefix(CROSSING))) == mine

    def test_names_go_on_after_any_of_them(self, transit: Transit) -> None:
        chunks = [chunk_name(CROSSING, f"{number:064x}") for number in range(12)]
        mine = sorted([*chunks, contents_name(CROSSING), manifest_name(CROSSING)])
        for name in mine:
            transit.put(name, b"x")
        for number, name in enumerate(mine):
            assert list(transit.names(crossing_prefix(CROSSING), after=name)) == mine[number + 1 :]
        assert list(transit.names(crossing_prefix(CROSSING), after=receipt_name(CROSSING))) == []

    def test_crossings_are_listed_and_go_on_after_any_of_them(self, transit: Transit) -> None:
        assert list(transit.crossings()) == []
        there = [f"{number:064x}" for number in range(5)]
        for number, prefix in enumerate(reversed(there)):
            transit.put(manifest_name(prefix), b"x")
            transit.put(contents_name(prefix), b"x")
            for part in range(number):
                transit.put(chunk_name(prefix, f"{part:064x}"), b"x")
        assert list(transit.crossings()) == there
        for number, prefix in enumerate(there):
            assert list(transit.crossings(after=prefix)) == there[number + 1 :]
        transit.clear(there[2])
        assert there[2] not in list(transit.crossings())

    @pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
    def test_any_buffer_is_stored(self, transit: Transit, form: type) -> None:
        transit.put(manifest_name(CROSSING), form(b"put"))
        assert transit.create(receipt_name(CROSSING), form(b"created"))
        part = memoryview(bytearray(b"part of a buffer that is used again"))[8:16]
        transit.put(contents_name(CROSSING), part)
        part[:] = b"reused.."
        assert transit.get(manifest_name(CROSSING), limit=9) == b"put"
        assert transit.get(receipt_name(CROSSING), limit=9) == b"created"
        assert transit.get(contents_name(CROSSING), limit=9) == b"a buffer"

    def test_create_makes_what_is_not_there_and_leaves_what_is(self, transit: Transit) -> None:
        for name in (manifest_name(CROSSING), chunk_name(CROSSING, ADDRESS)):
            assert transit.create(name, b"first")
            assert not transit.create(name, b"second, and longer")
            assert transit.get(name, limit=100) == b"first"
        transit.put(receipt_name(CROSSING), b"put")
        assert not transit.create(receipt_name(CROSSING), b"created")
        assert transit.get(receipt_name(CROSSING), limit=100) == b"put"
        transit.delete(receipt_name(CROSSING))
        assert transit.create(receipt_name(CROSSING), b"created")
        assert transit.get(receipt_name(CROSSING), limit=100) == b"created"

    def test_one_writer_wins(self, transit: Transit, tmp_path: Path) -> None:
        if not transit.capabilities.one_writer_wins:
            assert any("single-writer mode" in warning for warning in transit.capabilities.warnings)
            return
        writers = [transit, *(self.open_transit(tmp_path / "transit") for _ in range(3))]
        words = [bytes([65 + number]) * 50_000 for number in range(len(writers))]
        for attempt in range(5):
            name = chunk_name(CROSSING, f"{attempt:064x}")
            together = Barrier(len(writers))

            def write(number: int, name: str = name, together: Barrier = together) -> bool:
                together.wait(60)
                return writers[number].create(name, words[number])

            with ThreadPoolExecutor(len(writers)) as pool:
                won = list(pool.map(write, range(len(writers))))
            assert won.count(True) == 1
            assert transit.get(name, limit=50_000) == words[won.index(True)]
        left = list(transit.names(crossing_prefix(CROSSING)))
        assert left == [chunk_name(CROSSING, f"{attempt:064x}") for attempt in range(5)]

    def test_what_one_way_puts_the_other_reads(self, transit: Transit, tmp_path: Path) -> None:
        other = self.open_transit(tmp_path / "transit")
        transit.put(manifest_name(CROSSING), b"asked")
        other.put(receipt_name(CROSSING), b"answered")
        assert other.get(manifest_name(CROSSING), limit=9) == b"asked"
        assert transit.get(receipt_name(CROSSING), limit=9) == b"answered"
        other.clear(crossing_prefix(CROSSING))
        assert transit.get(manifest_name(CROSSING), limit=9) is None

    def test_clear_removes_one_crossing(self, transit: Transit) -> None:
        for crossing in (CROSSING, OTHER):
            transit.put(manifest_name(crossing), b"x")
            transit.put(chunk_name(crossing, ADDRESS), b"x")
        transit.clear(crossing_prefix(CROSSING))
        transit.clear(crossing_prefix(CROSSING))
        assert list(transit.names(crossing_prefix(CROSSING))) == []
        assert len(list(transit.names(crossing_prefix(OTHER)))) == 2

    def test_delete_removes_one_object(self, transit: Transit) -> None:
        transit.put(manifest_name(CROSSING), b"x")
        transit.put(receipt_name(CROSSING), b"x")
        transit.delete(manifest_name(CROSSING))
        transit.delete(manifest_name(CROSSING))
        assert list(transit.names(crossing_prefix(CROSSING))) == [receipt_name(CROSSING)]

    def test_readers_never_see_half(self, transit: Transit) -> None:
        name = contents_name(CROSSING)
        versions = [bytes([n]) * 200_000 for n in range(8)]
        transit.put(name, versions[0])

        def read(_: int) -> bytes | None:
            return transit.get(name, limit=200_000)

        with ThreadPoolExecutor(3) as pool:
            writing = [pool.submit(transit.put, name, data) for data in versions]
            seen = list(pool.map(read, range(40)))
            for future in writing:
                future.result()
        assert set(seen) <= set(versions)
