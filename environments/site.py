"""A site: the user's directory of environments, contracts, policies, flows and settings.

Invariants:
1. Without `--site`, everything is what ships with Isthmus; with it, environments come from the site alone
   (no environment exists that its owner did not write) and contracts from the catalogue and the site.
2. Nothing of a site is executed or imported by loading it: its flow files are only named.
3. Every problem of every file is reported at once.

    SITE/site.toml                    schedules, who asks for them, purposes that nothing else names
    SITE/environments/*.yaml          one environment each
    SITE/data_contracts/*.odcs.yaml   contracts
    SITE/policies/                    the organisation's rules
    SITE/flows/**/*.py                pipelines

Example:
    >>> sorted(Site.load().profiles)
    ['cloud', 'edge', 'onprem']
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import DeclarationError, Problem, UsageError
from environments.loading import load_profiles
from environments.profile import Profile
from environments.ref import NAME

if TYPE_CHECKING:
    from data_contracts.destination import OrganisationRule
    from data_contracts.registry import ContractRegistry

__all__ = ["SHIPPED_PROFILES", "Site"]

SHIPPED_PROFILES = Path(__file__).parent / "profiles"
_KNOWN_TABLES = frozenset({"policy", "purposes", "requesters", "schedules", "settings"})

_UNATTENDED = frozenset({"schedules", "ui"})


@dataclass(frozen=True)
class Site:
    """Where everything that is declared comes from.

    Attributes:
        root: the site's directory, absolute; None for what ships.
        settings: `site.toml` as it stands; empty without one.
    """

    root: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, path: Path | str | None = None) -> Site:
        """Open a site.

        Raises:
            UsageError: there is no such directory, or it is no site.
            DeclarationError: `site.toml` is not what it should be.
        """
        if path is None:
            return cls()
        root = Path(path).expanduser().resolve()
        if not (root / "environments").is_dir():
            raise UsageError(
                f"{root}: no site here (no folder `environments` in it)",
                remedy="name a site's directory, or write one with `isthmus init DIR`",
            )
        return cls(root, _read_settings(root / "site.toml"))

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """The declared environments by name.

        Raises:
            DeclarationError: every problem of every file.
        """
        return load_profiles(SHIPPED_PROFILES if self.root is None else self.root / "environments")

    @cached_property
    def contracts(self) -> ContractRegistry:
        """The catalogue's contracts and the site's."""
        from data_contracts.registry import CATALOG, ContractRegistry

        own = [] if self.root is None else [self.root / "data_contracts"]
        return ContractRegistry([CATALOG, *(folder for folder in own if folder.is_dir())])

    @cached_property
    def purposes(self) -> frozenset[str]:
        """Every purpose that is named here: by the catalogue's and the site's lists, terms, and rules.

        To be known permits nothing; it is what tells a request that is denied from a typing error.

        Raises:
            DeclarationError: a contract or an environment's file does not load.
        """
        from data_contracts.policy import named_purposes
        from data_contracts.registry import CATALOG

        listed = {*_read_settings(CATALOG / "purposes.toml")["purposes"], *self.settings.get("purposes", {})}
        sides = [profile.destination() for profile in self.profiles.values()]
        return named_purposes(self.contracts.all(), sides) | listed

    @cached_property
    def organisation(self) -> tuple[OrganisationRule, ...]:
        """The organisation's rules; without any file of them, one that adds nothing.

        Raises:
            DeclarationError: every problem of every file.
        """
        from environments.organisation import load_organisation

        return load_organisation(self.policies)

    @property
    def requesters(self) -> dict[str, str]:
        """Whose keys sign what nobody types: `ui` and `schedules`, each a requester's name, where named.

        Raises:
            DeclarationError: the table is something else.
        """
        table = self.settings.get("requesters", {})
        right = isinstance(table, Mapping) and all(
            key in _UNATTENDED and isinstance(name, str) and re.fullmatch(NAME, name)
            for key, name in table.items()
        )
        if not right:
            file = str((self.root or Path()) / "site.toml")
            raise DeclarationError(
                [Problem(file, 0, 0, "requesters", "not keys for runs", 'ui = "NAME", schedules = "NAME"')]
            )
        return {str(key): str(name) for key, name in table.items()}

    @property
    def flow_files(self) -> tuple[Path, ...]:
        """The site's Python files under `flows/`, sorted; none for what ships."""
        if self.root is None:
            return ()
        found = (self.root / "flows").rglob("*.py")
        return tuple(sorted(path for path in found if not path.name.startswith((".", "_"))))

    @property
    def policies(self) -> Path | None:
        """The folder of the organisation's rules; None where there is none."""
        folder = None if self.root is None else self.root / "policies"
        return folder if folder is not None and folder.is_dir() else None

    def profile(self, name: str) -> Profile:
        """Return one environment's profile.

        Raises:
            UsageError: no environment has this name; the text lists those that there are.
        """
        try:
            return self.profiles[name]
        except KeyError:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise UsageError(
                f"no environment is named {name!r}", remedy=f"the declared ones are: {known}"
            ) from None


def _read_settings(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeclarationError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise DeclarationError(
            [Problem(str(path), 0, 0, "", "bytes that are no UTF-8", "UTF-8 text")]
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError([Problem(str(path), 0, 0, "", f"no TOML: {error}")]) from None
    unknown = [key for key in settings if key not in _KNOWN_TABLES]
    if unknown:
        expected = "one of: " + ", ".join(sorted(_KNOWN_TABLES))
        raise DeclarationError(
            [Problem(str(path), 0, 0, key, "an unknown table", expected) for key in unknown]
        )
    _check_purposes(path, settings.get("purposes", {}))
    return settings


def _check_purposes(path: Path, purposes: object) -> None:
    """Refuse a list of purposes that is not `NAME = "what it is"`."""
    expected = 'NAME = "what it is", NAME as contracts write it'
    if not isinstance(purposes, Mapping):
        raise DeclarationError([Problem(str(path), 0, 0, "purposes", "not a table", expected)])
    problems = [
        Problem(str(path), 0, 0, f"purposes.{name}", "not a purpose and its description", expected)
        for name, text in purposes.items()
        if not re.fullmatch(NAME, name) or not isinstance(text, str)
    ]
    if problems:
        raise DeclarationError(problems)
