"""What the resync benchmark counts, at a size for every day: the bytes that a change of a version sends."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import resync


def test_bytes_that_a_change_sends(tmp_path: Path) -> None:
    found = resync.measure(1_000_000, tmp_path)
    shares = {name: sent / whole for name, (sent, whole) in found.items()}
    assert shares["appended, ours"] <= 0.015
    # The list of contents alone.
    assert shares["unchanged"] <= 0.002
    # The part that was added, whole, and the list: nothing of the four that stood there.
    sent, part = found["one part more"]
    assert part <= sent <= part + 100_000
    # Were nothing held, everything would be sent: the counting itself can fail.
    files = resync.entries(tmp_path / "ours")
    assert resync.sent((), files) >= resync.size(files)
