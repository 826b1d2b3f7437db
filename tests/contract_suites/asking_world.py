"""A world in which requests are signed: anna may ask, bob may approve, nightly is a service.

Every gate's lines are for whoever signs (`requesters: ["*"]`), unless a test says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from boundary_world import NAMES, World

from environments.boundary import CrossingRequest
from environments.identity import load_identity
from environments.identity.signers import FileSigner
from environments.trust import Authority, Permission, Requester, SignedTrust, TrustDocument, adopt_document
from environments.trust.changing import revoked, with_requester
from environments.trust.keys import KEY_LIFETIME, SigningKey, Window
from environments.trust.requests import NOTHING_MORE, Action, new_request, sign_request, sync_asks

KEYS = {
    name: FileSigner(bytes([number]) * 32)
    for number, name in enumerate(("anna", "bob", "carol", "nightly", "mallory"), 40)
}
ASKS = Permission(("onprem",), ("visits",), ("cloud",), ("model-training",))
MAY = {
    "anna": ASKS,
    "bob": replace(ASKS, approves=("onprem",)),
    "carol": Permission(approves=("*",)),
    "nightly": Permission(*[("*",)] * 4),
}


class AskingWorld(World):
    """Environments that share a trust document with requesters, and demand a name of who asks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        publics = {name: load_identity(self.folder(name)).public for name in NAMES}
        document = self.authority.settle(publics, {}, self.now).document
        for name, may in MAY.items():
            key = SigningKey(KEYS[name].public, Window(self.now, self.now + KEY_LIFETIME))
            kind = "service" if name == "nightly" else "user"
            document = with_requester(document, Requester(name, kind, (key,), may), self.now)
        self.share(replace(document, version=2))
        self.demand(*NAMES, requesters=("*",))

    @property
    def authority(self) -> Authority:
        return Authority(self.home.secrets / "trust")

    def share(self, document: TrustDocument, *names: str) -> None:
        issued = self.authority.issue(document, self.now)
        assert isinstance(issued, SignedTrust)
        for name in names or NAMES:
            adopt_document(self.folder(name), issued.raw, self.now)

    def revoke(self, name: str, *where: str) -> None:
        document = self.authority.need().document
        self.share(revoked(document, name, document.requesters[name].keys[0].key_id, self.now), *where)

    def demand(self, *names: str, requesters: tuple[str, ...]) -> None:
        """Let these environments' lines be for these requesters."""
        for name in names:
            profile = self.profiles[name]
            self.profiles[name] = replace(
                profile,
                egress=tuple(replace(rule, requesters=requesters) for rule in profile.egress),
                ingress=tuple(replace(rule, requesters=requesters) for rule in profile.ingress),
            )

    def sync(self, who: str, request: CrossingRequest, *, key: str | None = None, **changes: str) -> bytes:
        """Sign for one crossing; `changes` to what is asked, `key` of another than the name."""
        asked = {
            "asset": request.name,
            "version": request.version,
            "destination": request.destination,
            "purpose": request.purpose,
            **changes,
        }
        asks = sync_asks("onprem", **asked)
        return self.sign(who, "sync", asked["asset"], asks, key=key)

    def sign(
        self,
        who: str,
        action: Action,
        subject: str = "clinic",
        asks: str = NOTHING_MORE,
        *,
        key: str | None = None,
    ) -> bytes:
        return sign_request(new_request(who, action, subject, self.now, asks), KEYS[key or who])
