"""AssetRef: the only thing that a flow passes around. Never the bytes.

Invariants:
1. A ref names one version in one environment; `latest` is a request to pin, and no ref.
2. Labels on a ref are for display. Decisions read the store's own record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import DIGEST_PATTERN, is_digest
from data_contracts.errors import UsageError

__all__ = ["ASSET", "CONTRACT_REFERENCE", "MAX_SET", "NAME", "AssetRef", "check_name", "parse_asset"]

NAME = r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"
"""Names of environments, assets, pipelines and steps: lower case, at most 63 characters."""
ASSET = rf"{NAME}(?:@(?:latest|{DIGEST_PATTERN}))?"
"""How a request names an asset: its latest version, without one or as `latest`, or one version."""
MAX_SET = 100
"""How many assets one request through the control plane may name: its parameters and labels stay small."""
CONTRACT_REFERENCE = r"[a-z0-9]+(?:[._-][a-z0-9]+)*@[0-9]+\.[0-9]+\.[0-9]+"
_NAME = re.compile(NAME)
_CONTRACT = re.compile(CONTRACT_REFERENCE)
_ASSET = re.compile(rf"(?P<name>{NAME})(?:@(?P<version>latest|{DIGEST_PATTERN}))?")
_MAX_NAME = 63


def check_name(name: object, what: str) -> str:
    """Return `name` if it is one.

    Raises:
        UsageError: it is not; the text says what a name looks like.
    """
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise UsageError(
            f"{what}: not a name",
            remedy="use lower-case letters, digits, '_' and '-', starting with a letter, at most 63",
        )
    return name


def parse_asset(text: str) -> tuple[str, str | None]:
    """Split `NAME[@VERSION]` into name and version digest; `latest` and no version give None.

    Raises:
        UsageError: it has neither form.
    """
    match = _ASSET.fullmatch(text)
    if match is None or len(match["name"]) > _MAX_NAME:
        raise UsageError("not an asset", remedy="say NAME, NAME@latest or NAME@sha256:<64 hex digits>")
    version = match["version"]
    return match["name"], None if version in (None, "latest") else version


@dataclass(frozen=True)
class AssetRef:
    """One version of one asset in one environment.

    Attributes:
        name: the asset's name.
        environment: the environment whose store holds it.
        version: `sha256:<hex>`.
        contract: `ID@VERSION` of the contract that it was committed under.
        labels: for display only: `classification` and `categories`.
    """

    name: str
    environment: str
    version: str
    contract: str
    labels: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Refuse anything that is not exactly of the shape."""
        check_name(self.name, "the ref's name")
        check_name(self.environment, "the ref's environment")
        if not is_digest(self.version):
            raise UsageError("the ref's version: not a digest", remedy="pin the asset's version first")
        if not _CONTRACT.fullmatch(str(self.contract)):
            raise UsageError("the ref's contract: not ID@MAJOR.MINOR.PATCH")

    def __str__(self) -> str:
        """Render as NAME@VERSION."""
        return f"{self.name}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        """Return the ref as the JSON object that crosses process borders."""
        return {
            "name": self.name,
            "environment": self.environment,
            "version": self.version,
            "contract": self.contract,
            "labels": dict(self.labels),
        }

    @classmethod
    def from_json(cls, value: object) -> AssetRef:
        """Read a ref; an unknown or missing key is refused.

        Raises:
            UsageError: the value is no ref.
        """
        if not isinstance(value, Mapping) or not {"name", "environment", "version", "contract"} <= set(value):
            raise UsageError("not an asset reference: name, environment, version and contract are needed")
        unknown = set(value) - {"name", "environment", "version", "contract", "labels"}
        if unknown:
            raise UsageError(f"not an asset reference: {len(unknown)} unknown keys")
        labels = value.get("labels") or {}
        if not isinstance(labels, Mapping):
            raise UsageError("not an asset reference: labels must be an object")
        return cls(value["name"], value["environment"], value["version"], value["contract"], dict(labels))
