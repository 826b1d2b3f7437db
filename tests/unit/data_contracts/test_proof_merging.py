"""Proofs of many partitions merge to what one would show, at a cost that does not grow with their square."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data_contracts.obligations import ProofPartial, merge_proofs, proof
from data_contracts.obligations.base import Evidence

PARTS, HASHES = 61, 100


def partials() -> list[ProofPartial]:
    random = np.random.default_rng(1)
    made = []
    for number in range(PARTS):
        hashes = np.unique(random.integers(0, 1 << 63, HASHES).astype(np.uint64))
        made.append(ProofPartial(rows=number, evidence={"a": Evidence(1, hashes, hashes[:10])}))
    return made


def test_all_of_every_part_is_there() -> None:
    merged, parts = merge_proofs(iter(partials())), partials()
    assert merged.rows == sum(range(PARTS))
    assert merged.evidence["a"].outside == PARTS
    wanted = np.unique(np.concatenate([part.evidence["a"].originals for part in parts]))
    assert np.array_equal(merged.evidence["a"].originals, wanted)
    assert merge_proofs(iter(())) == ProofPartial()
    assert merge_proofs([parts[7]]) is parts[7]


def test_each_hash_is_sorted_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_so_far = 0

    def counting(left: Any, right: Any) -> Any:
        nonlocal sorted_so_far
        sorted_so_far += left.size + right.size
        return np.union1d(left, right)

    monkeypatch.setattr(proof, "union", counting)
    merge_proofs(partials())
    # All hashes in six rounds of pairs; one partition after the other each would be sorted thirty times.
    assert 0 < sorted_so_far <= 6 * PARTS * (HASHES + 10)
