"""Steps that run only with a signed grant: looked at by the worker, and again inside the step's process.

Invariants:
1. Where an environment's file says `grant: required`, no run of the step begins without a grant that its own
   pinned trust document, its own clock and its own record of nonces let count.
2. A nonce is of the first run that shows it, on disk before the run begins.
3. What refuses is said as a rule's name; nothing of the grant is in it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from data_contracts.errors import NotVerifiableError, UsageError
from environments.ref import AssetRef
from environments.trust import load_pinned
from environments.trust.grants import GRANT_PARAMETER, GrantRefusedError, Wanted, check_grant
from environments.trust.nonces import Nonces
from environments.trust.tokens import read_token
from environments.workpools.sealed import Admitted, Request, admit

if TYPE_CHECKING:
    from environments.folder import EnvironmentFolder
    from environments.profile import Profile
    from environments.workpools.catalogue import Catalogue, Runnable

__all__ = ["Here", "admit_here", "demand_grant"]


class Here(Protocol):
    """What this module needs of the place where a run runs (`stepprocess.Place` has it)."""

    @property
    def folder(self) -> EnvironmentFolder:
        """The environment's folder."""

    @property
    def profile(self) -> Profile:
        """Its declaration."""

    @property
    def catalogue(self) -> Catalogue:
        """The flows that can run."""


def admit_here(request: Request, place: Here, run_id: uuid.UUID) -> Admitted:
    """Admit a run of this environment, with the grant that its step needs; or refuse it.

    Raises:
        UsageError: it is refused; the text is the reason.
        UnreachableError: the disk refuses.
    """
    admitted = admit(request, place.profile, place.catalogue)
    try:
        demand_grant(place, admitted.runnable, request.parameters, run_id)
    except (GrantRefusedError, NotVerifiableError) as refusal:
        raise UsageError(f"refused by {place.profile.name}: {refusal}") from None
    return admitted


def demand_grant(
    place: Here, runnable: Runnable, parameters: Mapping[str, object], run_id: uuid.UUID
) -> None:
    """Return if a run may begin, as far as grants go.

    Raises:
        GrantRefusedError: it needs one, and has none that counts.
        NotVerifiableError: the pinned trust document was changed.
        UnreachableError: the disk refuses.
    """
    grant = place.profile.grant(runnable.flow_name)
    if grant is None or not grant.grant:
        return
    now, token = dt.datetime.now(dt.UTC), parameters.get(GRANT_PARAMETER)
    pinned = load_pinned(place.folder)
    arguments = runnable.validate(parameters, grant)
    wanted = Wanted(
        environment=place.profile.name,
        step=runnable.flow_name,
        purpose=runnable.purpose,
        references={name: value for name, value in arguments.items() if isinstance(value, AssetRef)},
    )
    raw = None if token is None else read_token(token)
    found = check_grant(raw, None if pinned is None else pinned.document, wanted, now)
    if not Nonces(place.folder.trust / "grants").bind(found.nonce, str(run_id), now):
        raise GrantRefusedError(runnable.flow_name, "it was used for another run")
