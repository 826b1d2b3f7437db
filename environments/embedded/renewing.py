"""New keys of an environment that joined: asked for in its own home, and named where documents are issued.

Invariants:
1. The new keys are made beside the old ones and act in nothing until the pinned trust document names them.
2. Asking twice asks for the same keys, until they are named.
3. A person says that the fingerprint is right before the document names anything.

Example:
    >>> raw, renewal = ask_renewal(home, "cloud", now)      # in the home that joined
    >>> take_renewal(home, raw, now, confirm, None).version   # where the document is issued
    4
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from data_contracts.errors import IsthmusError, UsageError
from environments.embedded.forks import ask_all
from environments.embedded.trustwork import Spread, authority, issue
from environments.home import EnvironmentFolder, Home
from environments.identity import PublicIdentity
from environments.joining import Renewal, open_renewal, seal_renewal
from environments.joining.answer import spoken_identity
from environments.members import read_membership
from environments.trust.changing import OVERLAP, rotated

if TYPE_CHECKING:
    from environments.identity.signers import KmsKey

__all__ = ["ask_renewal", "take_renewal"]


def ask_renewal(
    home: Home, name: str, now: dt.datetime, token: KmsKey | None = None
) -> tuple[bytes, Renewal]:
    """Make new keys in a home that joined, and return the file that asks for them.

    Raises:
        UsageError: the environment lives in another home.
    """
    joined = read_membership(home.check())
    if joined is None or joined.name != name:
        raise UsageError(
            f"{name}: this home did not join as it", remedy="do it where it lives (`isthmus env list`)"
        )
    told = ask_all({name: partial(_renewal, home.environment(name), token, now.isoformat())})[name]
    if isinstance(told, IsthmusError):
        raise told
    public, raw = told
    return str(raw).encode("ascii"), Renewal(PublicIdentity.from_json(public), now.replace(microsecond=0))


def _renewal(folder: EnvironmentFolder, token: KmsKey | None, now: str) -> list[object]:
    """Make the keys that wait, or find them, and sign with the old one; runs in a child of its own."""
    from environments.identity import add_generation, pending
    from environments.identity.keys import load_keyring

    waiting = pending(folder.check()) if token is None else None
    public = spoken_identity(waiting or add_generation(folder, token))
    renewal = Renewal(public, dt.datetime.fromisoformat(now).replace(microsecond=0))
    raw = seal_renewal(renewal, load_keyring(folder).acting.signer())
    return [public.to_json(), raw.decode("ascii")]


def take_renewal(
    home: Home,
    raw: bytes,
    now: dt.datetime,
    confirm: Callable[[Renewal], None],
    overlap: dt.timedelta | None,
) -> Spread:
    """Name the new keys of an environment of another home, beside the old ones.

    Raises:
        JoiningRefusedError: the file does not verify, or nobody says that its fingerprint is right.
        TrustRefusedError: the trust document may not follow what was issued before.
    """
    document = authority(home).need().document
    renewal = open_renewal(raw, document, now)
    following = rotated(document, renewal.public, now, overlap=OVERLAP if overlap is None else overlap)
    confirm(renewal)
    return issue(home, following, now)
