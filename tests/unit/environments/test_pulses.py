"""What a part says of itself: whole, now and then, and never a reason to stop."""

from __future__ import annotations

import json
from pathlib import Path

from environments.pulses import PulseFile


def test_it_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "worker.json"
    file = PulseFile(path)
    file.write({"pid": 1}, force=True)
    file.write({"pid": 2})  # within a second
    assert json.loads(path.read_text(encoding="utf-8")) == {"pid": 1}
    file.write({"pid": 3}, force=True)
    assert json.loads(path.read_text(encoding="utf-8")) == {"pid": 3}
    assert path.stat().st_mode & 0o077 == 0
    assert [found.name for found in tmp_path.iterdir()] == ["worker.json"]
    file.remove()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    """The worker ended with it, and every run in its environment: `No space left on device`."""
    (tmp_path / "worker.draft").mkdir()
    file = PulseFile(tmp_path / "worker.json")
    file.write({"pid": 1}, force=True)
    assert not (tmp_path / "worker.json").exists()
    (tmp_path / "worker.draft").rmdir()
    file.write({"pid": 1}, force=True)
    assert json.loads((tmp_path / "worker.json").read_text(encoding="utf-8")) == {"pid": 1}
