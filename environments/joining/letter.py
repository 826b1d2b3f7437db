"""What the three files of a joining have in common: who signed, for how long, and where the API answers.

Example:
    >>> check_address("https://isthmus.example.org/api")
    'https://isthmus.example.org/api'
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data_contracts.errors import NotVerifiableError, UsageError
from environments.members.record import is_nonce
from environments.members.refusal import JoiningRefusedError
from environments.trust.document import TrustDocument
from environments.trust.keys import SKEW
from environments.trust.statement import Opened

__all__ = ["LONGEST", "as_shape", "check_address", "check_signer", "check_time", "nonce_of"]

LONGEST = dt.timedelta(days=31)
"""How long an invitation may count."""
_LOCAL = r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}"
_ADDRESS = re.compile(rf"(?:https://[^\s/@?#\\]+|{_LOCAL})(?:/[A-Za-z0-9._~-]+)*")


def check_address(url: str) -> str:
    """Return the address of the API if it is one: with TLS, or on this machine itself.

    Raises:
        UsageError: it is not.
    """
    if _ADDRESS.fullmatch(url) is None:
        raise UsageError(
            "--api: no address that a gate may speak to",
            remedy="say https://HOST[:PORT]/api, without a name or password in it; http only on 127.0.0.1",
        )
    return url


def nonce_of(value: object) -> str:
    """Return a nonce in its one form.

    Raises:
        NotVerifiableError: it is none.
    """
    if not is_nonce(value):
        raise NotVerifiableError("the nonce: not 32 hexadecimal digits")
    return str(value)


def check_signer(opened: Opened[Any], document: TrustDocument, inviter: str, now: dt.datetime) -> None:
    """Return if the environment that invites signed this, by a key that counts in `document`.

    Raises:
        JoiningRefusedError: it did not.
    """
    try:
        signer = document.identity(inviter, now)
        signer.verify(opened.covered, opened.signature, key_id=opened.key_id)
    except NotVerifiableError:
        raise JoiningRefusedError(
            "signature",
            f"this file is not signed by a key of {inviter} that counts in the trust document",
            remedy="have it written again where it came from; being given such a file may be an attack",
        ) from None


def check_time(
    issued: dt.datetime,
    expires: dt.datetime,
    now: dt.datetime,
    what: str = "the invitation",
    command: str = "isthmus env invite",
) -> None:
    """Return if what was issued for a time counts now.

    Raises:
        JoiningRefusedError: not yet, or no more.
    """
    if issued > now + SKEW:
        raise JoiningRefusedError("early", f"{what} is from the future", remedy="set this machine's clock")
    if now >= expires:
        raise JoiningRefusedError(
            "expired",
            f"{what} expired at {expires:%Y-%m-%dT%H:%M:%SZ}",
            remedy=f"have a new one written where it came from: `{command}`",
        )


@contextmanager
def as_shape() -> Iterator[None]:
    """Name the check `shape` for whatever is not of its one form."""
    try:
        yield
    except JoiningRefusedError:
        raise
    except NotVerifiableError as error:
        remedy = (
            error.remedy or "take the file as it was written; it may not be edited, nor cut by a mail program"
        )
        raise JoiningRefusedError("shape", str(error), remedy=remedy) from None
