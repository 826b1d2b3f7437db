"""A snapshot beside writers who never pause: they wait once, for one look."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from store_basis import LABELS, contract

from data_contracts.errors import ConflictError
from environments.stores import LocalStore, snapshot
from environments.stores.locking import store_lock


def put(store: LocalStore, text: str) -> None:
    with store.begin("readings") as draft:
        draft.path.joinpath("part-00000.parquet").write_text(text)
        draft.commit(contract(), LABELS, rows=1)


def test_whoever_writes_at_every_look_is_held_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, written, held = LocalStore(tmp_path / "store"), 0, []
    put(store, "0")
    look = snapshot._look

    def meanwhile(histories: object) -> object:
        nonlocal written
        try:
            with store_lock(tmp_path / "store" / "assets"):
                pass
        except ConflictError:  # a writer would wait
            held.append(written)
            return look(histories)  # type: ignore[arg-type]
        found = look(histories)  # type: ignore[arg-type]
        written += 1
        put(store, str(written))
        return found

    monkeypatch.setattr("environments.locking.PATIENCE_S", 0.05)
    monkeypatch.setattr(snapshot, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(snapshot, "_look", meanwhile)
    view = store.snapshot(["readings"])
    assert held == [written], "no look was taken while writers wait"
    assert len(view.versions("readings")) == written + 1
