"""The keys of an environment file: from the types that it is read into."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from environments import approval, boundaries, profile, transits
from environments.outbox import limits
from generator.page import Page, reference, table

__all__ = ["page"]

_INNER = (transits.Capabilities, boundaries.Hold)
_WRITTEN = {"peer": "with"}
"""Attribute to key, where Python has the key's word for itself."""
_ENTRY = re.compile(r"^(\w+): (.+(?:\n(?! {0,4}\w+: ).+)*)", re.MULTILINE)


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Return attribute to meaning, from the `Attributes:` of the docstring."""
    _, _, attributes = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    return dict(_ENTRY.findall(inspect.cleandoc(attributes)))


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "none"
    if field.default is dataclasses.MISSING:
        return "**required**"
    if dataclasses.is_dataclass(field.default):
        return "see below"
    return f"`{field.default}`" if field.default not in (None, "", ()) else "none"


def _sections() -> Iterator[tuple[str, type[Any]]]:
    modules = (profile, approval, transits, boundaries, limits)
    named = [getattr(module, name) for module in modules for name in module.__all__]
    kinds = [
        kind
        for kind in named
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in _INNER
    ]
    for kind in sorted(kinds, key=lambda kind: kind is not profile.Profile):
        yield inspect.cleandoc(kind.__doc__ or "").splitlines()[0], kind


def page(root: Path) -> Page:
    """Return docs/reference/environment-file.md."""
    parts = []
    for title, kind in _sections():
        meanings = _meanings(kind)
        rows = [
            [f"`{_WRITTEN.get(field.name, field.name)}`", _default(field), meanings.get(field.name, "")]
            for field in dataclasses.fields(kind)
            if field.name != "file"
        ]
        parts.append(f"## {kind.__name__}\n\n{title}\n\n" + table(["key", "default", "meaning"], rows))
    return reference(
        root,
        "environment-file",
        "Environment file",
        "What `environments/NAME.yaml` of a site declares. How to write one: "
        "[write an environment](../guides/environments.md).",
        *parts,
    )
