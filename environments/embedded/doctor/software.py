"""The software: Python and the versions that were measured to work together (docs/adr)."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires, version

from environments.embedded.doctor.finding import Finding

__all__ = ["check_versions"]

_DISTRIBUTION = "isthmus-hybrid"
_PYTHON = ((3, 11), (3, 13))


def check_versions() -> list[Finding]:
    """Compare what is installed with what this distribution asks for."""
    from packaging.requirements import Requirement

    findings = []
    low, high = _PYTHON
    if not low <= sys.version_info[:2] < high:
        what = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        findings.append(Finding("versions", "error", what, "use Python 3.11 or 3.12"))
    checked = 0
    for line in requires(_DISTRIBUTION) or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        checked += 1
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            findings.append(Finding("versions", "error", f"{wanted.name} is missing", "run `make setup`"))
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            what = f"{wanted.name} {found}, but {wanted.specifier} is needed"
            findings.append(
                Finding("versions", "error", what, "run `make setup`: it installs what is locked")
            )
    python = ".".join(map(str, sys.version_info[:3]))
    return findings or [Finding("versions", "ok", f"Python {python} and {checked} packages are as needed")]
