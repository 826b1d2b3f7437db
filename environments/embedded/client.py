"""A small client of the API for commands that must start light: no Prefect is imported.

Invariants:
1. It never talks through a proxy, and in the clear to loopback only; with the one credential.
2. An error names the address and what the server said of the request, never a request's body.

Example:
    >>> Client(read_api(home)).get("/admin/version")
    '3.8.8'
"""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.embedded.api import ApiAddress

__all__ = ["Client"]


class Client:
    """One control plane, as seen from a command."""

    def __init__(self, api: ApiAddress, *, timeout: float = 10.0) -> None:
        """Name it; nothing is sent."""
        self._address = urlsplit(api.url)
        token = base64.b64encode(api.auth_string.encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self._timeout = timeout

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Ask.

        Raises:
            UnreachableError: the server does not answer, or says that it cannot.
            NotVerifiableError: it refuses the credential.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - any JSON value
        """Ask with a body; errors as in `get`."""
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> Any:  # noqa: ANN401 - any JSON value
        where = self._address.netloc
        secure = self._address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(where, timeout=self._timeout)
        try:
            connection.request(method, f"{self._address.path}{path}", body, self._headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"the server at {where} does not answer ({type(error).__name__})",
                remedy="look at it with `isthmus status`; start it with `isthmus up`",
            ) from None
        finally:
            connection.close()
        if response.status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
            raise NotVerifiableError(
                f"the server at {where} refuses this home's credential",
                remedy="another system uses this port: run `isthmus down` and `isthmus up`; in a home that "
                "joined another's, have its answer admitted again",
            )
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise UnreachableError(
                f"the server at {where} answered {response.status} to {method} {path}",
                remedy="read the server's log: `isthmus logs`",
            )
        try:
            return json.loads(answer) if answer else None
        except ValueError:
            raise UnreachableError(f"what answers at {where} is no Prefect server") from None
