"""The kinds of value that the built-in steps take: words of one form each, read strictly."""

from __future__ import annotations

import re

from data_contracts.digest import DIGEST_PATTERN
from environments.ref import ASSET, MAX_SET, NAME
from environments.trust.tokens import ONE_WORD, read_token
from tasks.steps.parameters import Kind

__all__ = [
    "ASSET_KIND",
    "DIGEST_KIND",
    "NAME_KIND",
    "PINNED_KIND",
    "REQUEST",
    "REQUEST_KIND",
    "SIGNED_KIND",
    "list_of",
]

REQUEST = r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}"
"""A request id: the pipeline's run and call site, or what `isthmus sync` made."""


def _text(word: str, pattern: str) -> Kind:
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError
        return value

    return Kind(word, {"type": "string", "pattern": f"^{pattern}$"}, read, lambda value: value)


NAME_KIND = _text("a name", NAME)
DIGEST_KIND = _text("a digest", DIGEST_PATTERN)
REQUEST_KIND = _text("a request id", REQUEST)
PINNED_KIND = _text("NAME@VERSION", f"{NAME}@{DIGEST_PATTERN}")
ASSET_KIND = _text("NAME or NAME@VERSION", ASSET)


def list_of(item: Kind) -> Kind:
    """Return the kind of a list of these, of which there is one at least."""

    def read(value: object) -> list[str]:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_SET:
            raise ValueError
        return [str(item.read(each)) for each in value]

    schema = {"type": "array", "items": item.schema, "minItems": 1, "maxItems": MAX_SET}
    return Kind(f"a list of {item.word}", schema, read, lambda value: value)


def _one_token(value: object) -> str:
    read_token(value)
    return str(value)


SIGNED_KIND = Kind(
    "a signed request", {"type": "string", "pattern": f"^{ONE_WORD}$"}, _one_token, lambda value: value
)
"""Who asks, signed: a word of one form, whose worth only an environment's own trust document says."""
