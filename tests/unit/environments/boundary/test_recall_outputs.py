"""What is erased stays in no output that was kept for a second destination."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from recall_world import RecallWorld

from environments.private import make_private


def test_a_recall_removes_the_outputs_that_are_kept(tmp_path: Path) -> None:
    world = RecallWorld(tmp_path)
    record = world.fill()
    kept = {name: world.folder(name).economy / "shared" / ("a" * 64) for name in ("onprem", "cloud")}
    for folder in kept.values():
        make_private(folder)
        (folder / "part-00000.parquet").write_bytes(b"a copy of what is recalled")
        (folder.parent / "draft-of-a-killed-one").write_bytes(b"and a part of one")
    [(destination, request)] = world.recall(record).requests
    assert world.pursue("onprem", destination, request) == "erased"
    assert [path.name for path in kept["cloud"].parent.iterdir()] == ["lock"]
    assert kept["onprem"].exists(), "the source erases nothing of its own"
