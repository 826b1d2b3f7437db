"""Where environments meet, as far as an operator must know of it."""

from __future__ import annotations

from collections.abc import Iterable

from environments.embedded.doctor.finding import Finding
from environments.profile import Profile
from environments.transits import promised

__all__ = ["check_transits"]


def check_transits(profiles: Iterable[Profile]) -> list[Finding]:
    """Say what the media of declared transits do not promise; nothing where none is declared."""
    findings = []
    for profile in profiles:
        for spec in profile.transits:
            told = promised(spec).warnings
            findings += [
                Finding(
                    "transits",
                    "warning",
                    f"{profile.name} with {spec.peer}: {warning}",
                    "list under `promises` what the server's operator promises, or take another medium",
                )
                for warning in told
            ]
            if not told:
                what = f"{profile.name} with {spec.peer}: {spec.place[0]}, one writer wins"
                findings.append(Finding("transits", "ok", what))
    return findings
