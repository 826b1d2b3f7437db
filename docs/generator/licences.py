"""Licences of everything in the lock file: each is on the allow list, or is an exception with a reason.

Invariants:
1. A licence that is not known is not allowed.
2. `A AND B` needs both, `A OR B` needs one, AND binds tighter (SPDX 2.3, annex D); several trove
   classifiers mean all of them.
3. What only the tools of the machine brought (pip itself) is not ours to judge: the lock file says what is.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.page import Page, reference, table

__all__ = ["Installed", "allowed", "installed", "page", "problems"]


_PARENTHESES = re.compile(r"\(([^()]*)\)")
_YES, _NO = "#yes", "#no"  # no licence is called so


@dataclass(frozen=True)
class Installed:
    """One installed distribution of the lock file.

    Attributes:
        name: as it calls itself.
        version: what is installed.
        licence: what it declares.
    """

    name: str
    version: str
    licence: str


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def installed(root: Path) -> dict[str, Installed]:
    """Return normalised name to distribution, for what is both locked and installed."""
    locked = re.findall(
        r"^([a-zA-Z0-9._-]+)==", (root / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    program = Path(sys.executable).with_name("pip-licenses")
    command = [str(program), "--format=json", "--with-system", "--from=mixed"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    everything = {_key(one["Name"]): Installed(one["Name"], one["Version"], one["License"]) for one in told}
    return {key: everything[key] for key in sorted(map(_key, locked)) if key in everything}


@functools.cache
def _policy(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "docs/licences.toml").read_text(encoding="utf-8"))


def allowed(declared: str, licences: frozenset[str]) -> bool:
    """Whether a declaration (SPDX expression, name or classifiers) needs only allowed licences."""
    if declared in licences:  # before the grammar: some names hold parentheses
        return True
    if ";" in declared:
        return all(allowed(part.strip(), licences) for part in declared.split(";"))
    inner = _PARENTHESES.search(declared)
    if inner:
        value = _YES if allowed(inner[1], licences) else _NO
        return allowed(declared[: inner.start()] + value + declared[inner.end() :], licences)
    alternatives = (re.split(r"\s+AND\s+", one.strip()) for one in re.split(r"\s+OR\s+", declared))
    return any(all(term in licences | {_YES} for term in terms) for terms in alternatives)


def page(root: Path) -> Page:
    """Return docs/reference/licences.md."""
    exceptions = _policy(root)["exceptions"]
    rows = [[f"`{one.name}`", one.version, one.licence] for one in installed(root).values()]
    reviewed = [
        [f"`{name}`", entry["licence"], entry["reason"]] for name, entry in sorted(exceptions.items())
    ]
    return reference(
        root,
        "licences",
        "Licences",
        "Everything that the lock file installs on Linux with Python 3.11. The allow list and the exceptions "
        "stand in `docs/licences.toml`; `make check` fails on any other.",
        "## Reviewed one by one\n\n" + table(["distribution", "licence", "why it is in order"], reviewed),
        "## All\n\n" + table(["distribution", "version", "licence as declared"], rows),
    )


def problems(root: Path) -> list[str]:
    """Return what is installed under a licence that nobody allowed, and exceptions that nothing needs."""
    policy, have = _policy(root), installed(root)
    licences, exceptions = frozenset(policy["allowed"]), policy["exceptions"]
    found = []
    for key, one in have.items():
        if key in exceptions:
            if exceptions[key]["licence"] != one.licence:
                found.append(
                    f"docs/licences.toml:1: {key} was reviewed under another licence than {one.licence}"
                )
        elif not allowed(one.licence, licences):
            found.append(f"requirements.lock:1: {key}: {one.licence} is not in docs/licences.toml")
    found += [
        f"docs/licences.toml:1: the exception for {key} is not needed"
        for key in sorted(set(exceptions) - set(have))
    ]
    return found
