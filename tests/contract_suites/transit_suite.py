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

import pytest

from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.transit import (
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
    """The duties of `environments.boundary.transit.port`, each with the test that would see it broken."""

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

    def test_an_empty_object_is_an_object(self, transit: Transit) -> None:
        transit.put(contents_name(CROSSING), b"")
        assert transit.get(contents_name(CROSSING), limit=0) == b""

    def test_nothing_larger_than_the_limit_is_read(self, transit: Transit) -> None:
        transit.put(manifest_name(CROSSING), b"12345")
        assert transit.get(manifest_name(CROSSING), limit=5) == b"12345"
        with pytest.raises(NotVerifiableError, match="4 bytes"):
            transit.get(manifest_name(CROSSING), limit=4)

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
        for use in (lambda: transit.put(name, b"x"), lambda: transit.get(name, limit=9)):
            with pytest.raises(UsageError):
                use()
        with pytest.raises(UsageError):
            transit.delete(name)
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
