"""Commits in bad weather, over any objects: each ends in one version or in a refusal; readers see no half.

```python
storm_over(bucket, tmp_path, "lost writes")
```
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from faulty_transit import Faults, FaultyTransit, Weather
from store_basis import LABELS, contract
from stormy_crossing import REFUSALS, STORMS

from environments.objects.bucket import Objects
from environments.stores.remote import RemoteStore
from environments.transit import Transit

BODIES = [bytes([65 + number]) * (1000 + number) for number in range(3)]


def faulty(bucket: Objects, weather: Weather) -> Objects:
    """Return objects in some weather; those of a transit fail as those of a store do."""
    return cast("Objects", FaultyTransit(cast("Transit", bucket), weather))


def commit(store: RemoteStore, body: bytes) -> None:
    with store.begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(body)
        draft.commit(contract(), LABELS, rows=1)


def whole(bucket: Objects, folder: Path) -> list[bytes]:
    """Return what a reader elsewhere finds, every version of it compared."""
    reader = RemoteStore(bucket, folder, medium="suite", limit=1 << 30)
    found = []
    for record in reader.versions("readings"):
        reader.verify(record)
        found.append(reader.open(record)[0].read_bytes())
    return found


def storm_over(bucket: Objects, folder: Path, storm: str, seed: int = 0) -> None:
    weather = Weather(STORMS[storm], seed)
    store = RemoteStore(faulty(bucket, weather), folder / "writer", medium="suite", limit=1 << 30)
    expected: list[bytes] = []
    for round_, body in enumerate(BODIES):
        for _ in range(5):
            with suppress(*REFUSALS):
                commit(store, body)
            seen = whole(bucket, folder / f"reader-{round_}")
            assert seen in (expected, [*expected, body]), "half, twice, or another one"
        # The weather clears, and the writer runs it once more.
        kept, weather.faults = weather.faults, Faults()
        weather.arrive(all_of_it=True)
        commit(store, body)
        expected.append(body)
        assert whole(bucket, folder / f"reader-{round_}") == expected
        weather.faults = kept
    if not weather.happened:
        pytest.fail("the storm never came")
