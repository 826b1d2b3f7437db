"""Direct dependencies: each has its reason in docs/dependencies.toml, and nothing else stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from generator.licences import installed
from generator.page import Page, reference, table

__all__ = ["page", "problems"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _direct(root: Path) -> dict[str, list[tuple[str, str]]]:
    """Return group to (name, requirement) as pyproject.toml declares them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"run": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: [(_NAME.match(line)[0].lower(), line) for line in lines]  # type: ignore[index]
        for group, lines in groups.items()
    }


def _reasons(root: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads((root / "docs/dependencies.toml").read_text(encoding="utf-8"))


def page(root: Path) -> Page:
    """Return docs/reference/dependencies.md."""
    reasons, have = _reasons(root), installed(root)
    titles = {"run": "To run", "dev": "To develop"}
    parts = []
    for group, members in _direct(root).items():
        rows = [
            [f"`{line}`", have[name].licence if name in have else "?", reasons.get(group, {}).get(name, "?")]
            for name, line in sorted(members)
        ]
        parts.append(
            f"## {titles.get(group, f'With the extra {group}')}\n\n"
            + table(["requirement", "licence", "why it is here"], rows)
        )
    return reference(
        root,
        "dependencies",
        "Dependencies",
        "Direct dependencies. All of them, with what they bring, are locked by hash in `requirements.lock` "
        "([ADR-0009](../adr/0009-locked-dependencies.md)); every licence: [licences.md](licences.md).",
        *parts,
    )


def problems(root: Path) -> list[str]:
    """Return direct dependencies without a reason, and reasons without a dependency."""
    reasons = _reasons(root)
    found = []
    for group, members in _direct(root).items():
        names, told = {name for name, _ in members}, set(reasons.get(group, {}))
        found += [
            f"docs/dependencies.toml:1: [{group}] no reason for {name}" for name in sorted(names - told)
        ]
        found += [
            f"docs/dependencies.toml:1: [{group}] {name} is no dependency" for name in sorted(told - names)
        ]
    return found
