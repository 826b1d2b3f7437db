"""Where the control plane's API answers, and the settings with which one of our processes talks to it.

Invariants:
1. The file (`HOME/system/api.json`, 0600) holds the address and the one credential; nobody else writes it.
2. A client's settings are complete: analytics off, no results sent, no logs sent, no server of its own
   started behind our back, and Prefect's own files in a folder that the caller owns.
3. The credential appears in no representation of the address.
4. A home that joined another machine's has that machine's address, and the credential that was sealed for it
   (`HOME/secrets/joined`), whatever runs here.

Example:
    >>> api = ApiAddress("http://127.0.0.1:4200/api", "isthmus:secret")
    >>> client_settings(api)["PREFECT_API_URL"]
    'http://127.0.0.1:4200/api'
    >>> "secret" in repr(api)
    False
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.home import Home
from environments.members import CREDENTIAL, Membership, read_membership
from environments.private import read_private, write_private

if TYPE_CHECKING:
    import ssl

__all__ = [
    "ApiAddress",
    "HomeRoot",
    "api_file",
    "authorities",
    "client_settings",
    "read_api",
    "use_api",
    "write_api",
]

_START = "start the system with `isthmus up` (the same --home), or set ISTHMUS_HOME"


class HomeRoot(Protocol):
    """What this module needs of a home: its folder."""

    @property
    def root(self) -> Path:
        """The folder that holds everything of one system."""


@dataclass(frozen=True)
class ApiAddress:
    """The API of one control plane.

    Attributes:
        url: `http://127.0.0.1:PORT/api`.
        auth_string: `USER:PASSWORD` of HTTP basic authentication.
    """

    url: str
    auth_string: str = field(repr=False)

    @property
    def ui_url(self) -> str:
        """Where a browser finds the control plane."""
        return self.url.removesuffix("/api")


def authorities(api: ApiAddress) -> ssl.SSLContext | Literal[False]:
    """Return what verifies the server's certificate, for every client alike: this machine's authorities.

    Not the list that an HTTP library brings: a house's own authority is in its machines' store, or in the
    file that SSL_CERT_FILE names. Without TLS there is nobody to verify, and reading the store would take
    15 ms of every run's start.
    """
    if not api.url.startswith("https:"):
        return False
    import ssl

    return ssl.create_default_context()


def api_file(home: HomeRoot) -> Path:
    """Return the file that holds the address."""
    return home.root / "system" / "api.json"


def write_api(home: HomeRoot, api: ApiAddress) -> None:
    """Record the address, readable by its owner alone, in one step."""
    document = {"url": api.url, "auth_string": api.auth_string}
    write_private(api_file(home), json.dumps(document).encode())


def read_api(home: HomeRoot) -> ApiAddress:
    """Read the address of this home's control plane.

    Raises:
        UnreachableError: no system was ever started here, or it was taken down; or the home joined another
            machine's without an API.
        NotVerifiableError: the file is not ours alone, or not what we wrote.
    """
    joined = read_membership(Home(home.root))
    if joined is not None:
        return _joined_api(Home(home.root), joined)
    target = api_file(home)
    try:
        document = json.loads(read_private(target))
        return ApiAddress(url=str(document["url"]), auth_string=str(document["auth_string"]))
    except FileNotFoundError:
        raise UnreachableError(f"no system runs in {home.root}", remedy=_START) from None
    except (ValueError, KeyError, TypeError):
        raise NotVerifiableError(f"{target}: not an API address", remedy=_START) from None


def _joined_api(home: Home, joined: Membership) -> ApiAddress:
    if joined.state == "waiting":
        raise UnreachableError(
            f"this home waits to be admitted as {joined.name}",
            remedy="have its answer admitted on the other machine, then `isthmus env complete FILE`",
        )
    if not joined.api:
        raise UnreachableError(
            f"this home joined as {joined.name} without an API",
            remedy="carry crossings on a disk: `isthmus media`",
        )
    path = home.secrets / CREDENTIAL
    try:
        return ApiAddress(joined.api, read_private(path).decode("ascii"))
    except (FileNotFoundError, UnicodeDecodeError):
        raise NotVerifiableError(
            f"{path}: not the credential that was admitted",
            remedy="take the admission again: `isthmus env complete FILE`",
        ) from None


def client_settings(api: ApiAddress, *, prefect_home: Path | None = None) -> dict[str, str]:
    """Return the environment variables of a process that talks to the API.

    Args:
        api: the address.
        prefect_home: a folder of the caller's own for Prefect's files (`folder.root / "prefect"` in an
            environment). Without it only the talking is configured, for `isthmus shell-env`.
    """
    settings = {
        "PREFECT_API_URL": api.url,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
        "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_LOGGING_LOG_PRINTS": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    }
    if api.auth_string:
        settings["PREFECT_API_AUTH_STRING"] = api.auth_string
    if prefect_home is not None:
        settings |= {
            "PREFECT_HOME": str(prefect_home),
            "PREFECT_PROFILES_PATH": str(prefect_home / "profiles.toml"),
            "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(prefect_home / "results"),
        }
    return settings


def use_api(settings: Mapping[str, str]) -> None:
    """Make `settings` this process's, in place of any other PREFECT_* it inherited.

    A proxy that the environment names is for the world outside: loopback never goes through it.
    """
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(settings)
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))
