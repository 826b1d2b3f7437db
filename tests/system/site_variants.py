"""What ships, written as a site directory, so that a test can change exactly one thing of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from data_contracts.registry import CATALOG
from environments.site import SHIPPED_PROFILES


def shipped_site(root: Path) -> Path:
    """Write a site that declares what ships: the same environments; contracts come from the catalogue."""
    (root / "data_contracts").mkdir(parents=True)
    (root / "flows").mkdir()
    shutil.copytree(SHIPPED_PROFILES, root / "environments", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def change(path: Path, old: str, new: str) -> None:
    """Replace the one place where `old` stands; anything else is a mistake of the test."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} holds {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def without_cloud_terms(root: Path) -> Path:
    """Add the next version of the hospital's contract: the same document without its boundary terms."""
    text = (CATALOG / "hospital.covid-tests.odcs.yaml").read_text(encoding="utf-8")
    head, terms, _ = text.partition("\ncustomProperties:\n  - property: isthmusBoundary\n")
    assert terms
    path = root / "data_contracts" / "hospital.covid-tests.odcs.yaml"
    path.write_text(head + "\n", encoding="utf-8")
    change(path, "\nversion: 1.0.0\n", "\nversion: 1.1.0\n")
    return root
