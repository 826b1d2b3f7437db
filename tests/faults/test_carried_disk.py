"""A disk that is full, write-protected or pulled out: told, nothing lost, and the same command goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_a_disk_that_is_full_protected_or_pulled_out(tmp_path: Path) -> None:
    place = tmp_path / "stick"
    place.mkdir()
    child = Path(__file__).with_name("carried_disk.py")
    command = ["unshare", "--mount", "--map-root-user", sys.executable, child, tmp_path / "world", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    if "Operation not permitted" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    said = {name: (code, message, remedy) for name, code, message, remedy in found["said"]}
    for name, word in (("pulled out", "plug it in"), ("full", "make room"), ("read-only", "can be written")):
        code, message, remedy = said[f"write: {name}"]
        assert (code, word in remedy) == (5, True), message
    for name in ("take: read-only", "home: read-only again"):
        code, message, remedy = said[name]
        assert (code, "can be written" in remedy) == (5, True), message
    assert "unanswered" in said["home: read-only"][1]
    # What was complete when the disk was full is not written again.
    assert said["write"][1] == "['there', 'there', 'written']"
    assert said["take"][1].count("permitted") == 3
    assert said["home"][1].count("permitted") == 3
    assert (found["kept"], found["versions"]) == (["index"], 3)
    assert not list(place.iterdir())  # and nothing was written where the disk was not
