"""What the resync benchmark counts, at a size for every day: the bytes that a change of a version sends."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import resync

ROWS = 1_000_000
APPENDED, INSERTED = 0.0275, 0.06
"""At 4,000,000 rows an append may send 1.5 %. Here one group of 16,384 rows is 1.64 % of the version and the
list of contents 0.1 %, so this is what an append can send at most. With groups of up to 131,072 rows it sent
4.3 %, and with ends at a number of rows an insertion sent half of the version."""


def test_bytes_that_a_change_sends(tmp_path: Path) -> None:
    found = resync.measure(ROWS, tmp_path, writers=(resync.ours,))
    shares = {name: sent / whole for name, (sent, whole) in found.items()}
    assert 0.01 < shares["appended, ours"] <= APPENDED
    assert 0.01 < shares["inserted, ours"] <= INSERTED
    # The list of contents alone.
    assert shares["unchanged"] <= 0.002
    # The part that was added, whole, and the list: nothing of the four that stood there.
    sent, part = found["one part more"]
    assert part <= sent <= part + 1.1 * found["unchanged"][0]
    # Were nothing held, everything would be sent: the counting itself can fail.
    files = resync.entries(tmp_path / "ours")
    assert resync.sent((), files) >= resync.size(files)
