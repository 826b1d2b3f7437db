"""Proofs of many partitions merge to what one would show, at a cost that does not grow with their square."""

from __future__ import annotations

import numpy as np

from data_contracts.obligations import ProofPartial, merge_proofs
from data_contracts.obligations.base import Evidence

PARTS, HASHES = 61, 100


def partials() -> list[ProofPartial]:
    random = np.random.default_rng(1)
    made = []
    for number in range(PARTS):
        hashes = np.unique(random.integers(0, 1 << 63, HASHES).astype(np.uint64))
        made.append(ProofPartial(rows=number, evidence={"a": Evidence(1, (hashes,), (hashes[:10],))}))
    return made


def test_all_of_every_part_is_there() -> None:
    merged, parts = merge_proofs(iter(partials())), partials()
    assert merged.rows == sum(range(PARTS))
    assert merged.evidence["a"].outside == PARTS
    wanted = np.sort(np.concatenate([run for part in parts for run in part.evidence["a"].originals]))
    found = np.concatenate(merged.evidence["a"].originals)
    assert np.array_equal(np.sort(found), wanted)
    assert merge_proofs(iter(())) == ProofPartial()
    assert merge_proofs([parts[7]]) is parts[7]


def test_no_hash_is_sorted_or_copied() -> None:
    parts = partials()
    merged = merge_proofs(parts)
    for name in ("originals", "outputs"):
        runs = [run for part in parts for run in getattr(part.evidence["a"], name)]
        assert sorted(map(id, getattr(merged.evidence["a"], name))) == sorted(map(id, runs))
