"""`isthmus doctor` says where a medium is in single-writer mode."""

from __future__ import annotations

from pathlib import Path

from data_contracts.labels import Classification
from environments.embedded.doctor.transits import check_transits
from environments.profile import Profile
from environments.transits import DirectoryTransitSpec, HttpsTransitSpec, TransitSpec

HERE = Path("/x")


def told(*transits: TransitSpec) -> list[tuple[str, str]]:
    profile = Profile("clinic", "edge", "DE", Classification.INTERNAL, transits=transits)
    return [(finding.severity, finding.what) for finding in check_transits([profile])]


def test_nothing_declared_is_nothing_said() -> None:
    assert told() == []


def test_what_a_medium_promises_is_said() -> None:
    every = frozenset({"one-writer-wins", "durable"})
    sound = HttpsTransitSpec("lab", "https://x/", HERE, HERE, HERE, every)
    assert [severity for severity, _ in told(DirectoryTransitSpec("cloud", HERE), sound)] == ["ok", "ok"]


def test_single_writer_mode_is_said() -> None:
    [one, lost] = told(HttpsTransitSpec("lab", "https://x/", HERE, HERE, HERE))
    assert one[0] == lost[0] == "warning"
    assert "clinic with lab: https: single-writer mode" in one[1]
