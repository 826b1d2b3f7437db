"""Where trust documents are issued: the newest one, every one before, and root keys that lie here.

An embedded system starts with one root key, made by itself and kept here; `isthmus trust upgrade` moves to
root keys that people keep elsewhere, with a threshold. This folder belongs to no environment.

Invariants:
1. What is issued passes `update.accept` against what was issued before, like at every environment.
2. What the keys that lie here cannot sign alone becomes a proposal, a file for the other holders, and is
   issued when it comes back with their signatures.
3. One change at a time, under a lock, from the look at what was issued before to the last write: of two
   changes of the same document one is issued, and the other is told to look again. No version stands twice.
4. No key of an environment that the document knows is replaced because the environment shows another one:
   that is a rotation, which its operator asks for.

Example:
    >>> Authority(folder).settle({"cloud": cloud_public}, {}, now).document.version
    1
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from data_contracts.errors import ConflictError, NotVerifiableError, UsageError
from environments.identity.public import PublicIdentity
from environments.identity.signers import FileSigner, Signer, load_file_signer, make_file_signer
from environments.locking import held
from environments.private import make_private, read_private, write_private
from environments.trust.changing import environment_of, first_document, with_environments
from environments.trust.document import LIFETIME, TrustDocument
from environments.trust.envelope import (
    SignedTrust,
    TrustRefusedError,
    open_document,
    sign_document,
)
from environments.trust.members import Roots, TrustedEnvironment
from environments.trust.update import accept

__all__ = ["Authority", "Unsigned"]

_ROOT, _NEWEST = "root.key", "newest.json"
_RENEW = LIFETIME / 2


@dataclass(frozen=True)
class Unsigned:
    """A document that needs more signatures than the keys that lie here give.

    Attributes:
        document: what it will say.
        raw: the envelope, signed as far as possible.
    """

    document: TrustDocument
    raw: bytes


@dataclass(frozen=True)
class Authority:
    """The folder where one system's trust documents are issued."""

    folder: Path

    def newest(self) -> SignedTrust | None:
        """Return the newest document; None before the first.

        Raises:
            NotVerifiableError: its file was changed.
        """
        try:
            return open_document(read_private(self.folder / _NEWEST), trusted=None)
        except FileNotFoundError:
            return None

    def need(self) -> SignedTrust:
        """Return the newest document.

        Raises:
            UsageError: none was issued yet.
        """
        newest = self.newest()
        if newest is None:
            raise UsageError("no trust document was issued here yet", remedy="run `isthmus up` once")
        return newest

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_private(self.folder)
        with held(self.folder / ".lock", "the trust documents that are issued here"):
            yield

    def signers(self) -> tuple[FileSigner, ...]:
        """Return the root keys that lie here."""
        path = self.folder / _ROOT
        return (load_file_signer(path),) if path.exists() else ()

    def issue(self, document: TrustDocument, now: dt.datetime) -> SignedTrust | Unsigned:
        """Sign a next version with the keys that lie here, and issue it if that is enough.

        Raises:
            TrustRefusedError: it may not follow what was issued before.
            ConflictError: another change was issued since this one was made; nothing was changed.
        """
        with self._alone():
            return self._issue(document, now)

    def _issue(self, document: TrustDocument, now: dt.datetime) -> SignedTrust | Unsigned:
        before = self.newest()
        if before is not None and before.document.version >= document.version:
            raise ConflictError(
                f"the trust document was changed meanwhile: version {before.document.version} is issued, and "
                f"this was to be version {document.version}; nothing was changed",
                remedy="look at it with `isthmus trust show`, then run this again",
            )
        known = set(document.roots.keys) | set(before.document.roots.keys if before else ())
        signers: list[Signer] = [signer for signer in self.signers() if signer.public in known]
        raw = sign_document(document, signers)
        try:
            return self._take(raw, now)
        except TrustRefusedError as error:
            if error.reason != "threshold":
                raise
            return Unsigned(document, raw)

    def take(self, raw: bytes, now: dt.datetime) -> SignedTrust:
        """Issue a document that carries its signatures.

        Raises:
            TrustRefusedError: it may not follow what was issued before; nothing was changed.
            ConflictError: another process was changing it all the time.
        """
        with self._alone():
            return self._take(raw, now)

    def _take(self, raw: bytes, now: dt.datetime) -> SignedTrust:
        issued = accept(raw, pinned=self.newest(), now=now)
        write_private(self.folder / f"{issued.document.version:08}.json", issued.raw)
        write_private(self.folder / _NEWEST, issued.raw)
        return issued

    def settle(
        self, publics: Mapping[str, PublicIdentity], dask: Mapping[str, str], now: dt.datetime
    ) -> SignedTrust:
        """Return the document under which these environments start; make or renew it where that is ours.

        Args:
            publics: what each environment shows of itself.
            dask: digests of their clusters' authorities, by name, where known.
            now: the time.

        Raises:
            NotVerifiableError: an environment shows keys that the document does not name for it.
            TrustRefusedError: the document has expired, and the keys that lie here cannot renew it.
            ConflictError: another process was changing it all the time.
        """
        with self._alone():
            return self._settle(publics, dask, now)

    def _settle(
        self, publics: Mapping[str, PublicIdentity], dask: Mapping[str, str], now: dt.datetime
    ) -> SignedTrust:
        before = self.newest()
        if before is None:
            return self._first(publics, dask, now)
        document = before.document
        changed = {name: _changed(document, public, dask.get(name), now) for name, public in publics.items()}
        differs = {name: one for name, one in changed.items() if document.environments.get(name) != one}
        if not differs and now < document.expires - _RENEW:
            return before
        issued = self._issue(with_environments(document, differs, now), now)
        if isinstance(issued, SignedTrust):
            return issued
        # The holders of the root keys decide; meanwhile the newest document counts, if it still does.
        document.check_current(now)
        return before

    def _first(
        self, publics: Mapping[str, PublicIdentity], dask: Mapping[str, str], now: dt.datetime
    ) -> SignedTrust:
        path = self.folder / _ROOT
        root = load_file_signer(path) if path.exists() else make_file_signer(path)
        named = [environment_of(public, now, dask.get(name)) for name, public in sorted(publics.items())]
        return self._take(sign_document(first_document(Roots(1, (root.public,)), named, now), [root]), now)


def _changed(
    document: TrustDocument, public: PublicIdentity, dask_ca: str | None, now: dt.datetime
) -> TrustedEnvironment:
    known = document.environments.get(public.name)
    if known is None:
        return environment_of(public, now, dask_ca)
    if public.pair != known.pair or public.signing not in {key.public for key in known.signing}:
        raise NotVerifiableError(
            f"{public.name} shows other keys than those that the trust document names for it",
            remedy="restore its keys from their backup; an environment that was made anew needs a new name",
        )
    return replace(known, dask_ca=dask_ca or known.dask_ca)
