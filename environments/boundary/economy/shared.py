"""What the terms made for one destination and is as good for another: kept at the source, used again.

Two destinations whose terms say the same, with joinable keys, get the same bytes: those that the gate wrote
and proved for the first. The terms are not applied, nor their output judged, a second time.

Invariants:
1. An output is shared only where nothing in it depends on whom it is for: its obligations look at values
   alone, or have a key that the terms declare joinable. What is not known to be so is not shared.
2. It is found again only for the same version, contract digest, purpose, terms, arrival contract (but for its
   name), pseudonym key and engine: our code for contracts and the gate, and the libraries below it.
3. Each entry is signed by this environment and names every file by the digests of its chunks. Files are
   copied into the crossing's own folder, and every byte of the copies is compared before they are used. An
   entry that does not verify is removed, and the terms are applied.
4. Only what passed everything is kept; only where another destination could use it; the newest, a bounded
   number of entries and bytes, and nothing that the disk has little room for. Members of sets are not kept.
5. It lies in the environment's own folder, private. When a recall erases anything here, it all goes too.

Example:
    >>> found = sharing(env, request, record, terms, arrival, contract).take(into=work) or transform()
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import data_contracts
import environments
from data_contracts import policy
from data_contracts.digest import digest_json
from data_contracts.errors import ConflictError, NotVerifiableError
from data_contracts.projection import project
from environments.boundary.economy.entries import open_entry, seal_entry
from environments.boundary.economy.known import by_bytes_alone, engine
from environments.locking import held
from environments.private import disk_errors, make_private, read_private, write_private
from environments.stores import FileEntry
from environments.stores.cutting import verify_file

if TYPE_CHECKING:
    from data_contracts.model import Contract
    from data_contracts.terms import CrossingTerms
    from environments.boundary.context import EnvironmentContext
    from environments.boundary.crossing import CrossingRequest
    from environments.stores import AssetRecord

__all__ = ["Kept", "Share", "forget_outputs", "sharing"]

_MOST, _MOST_BYTES, _LARGEST = 16, 4 * 1024**3, 1024**3
_ROOM = 4  # times its size must be free on the disk for an output to be kept
_PATIENCE_S, _STALE_S = 20.0, 3600.0
_KIND, _KEY = b"isthmus-shared-1", b"isthmus-shared-key-1"
_ALONE = frozenset({"keep", "drop", "generalise", "mask", "topCode", "bottomCode", "clamp"})
_BY_GROUP = frozenset({"pseudonymise", "shift"})
"""Obligations that look at values alone, and those that do so where the terms say `joinable`. Random codes
are neither: their table may be taken away, and an output that was kept would go on telling of it."""


@dataclass(frozen=True)
class Kept:
    """An output: its files by name, their entries, and its rows."""

    files: dict[str, Path]
    entries: tuple[FileEntry, ...]
    rows: int


@dataclass(frozen=True)
class Share:
    """The place of one output that may be shared.

    Attributes:
        env: the source.
        about: everything that the output follows from, as JSON.
        wanted: whether another destination could use it.
    """

    env: EnvironmentContext
    about: dict[str, Any] = field(repr=False)
    wanted: bool

    @property
    def place(self) -> Path:
        """Its folder."""
        return self.env.folder.economy / "shared" / digest_json(self.about).removeprefix("sha256:")

    def take(self, *, into: Path) -> Kept | None:
        """Return the output, copied into an empty folder and compared there; None where none is to be had.

        Raises:
            UnreachableError: the disk refuses.
        """
        if not self.place.exists():
            return None
        try:
            with self._locked(shared=True):
                raw = read_private(self.place / "entry.json")
                told = open_entry(self.env, _KIND, raw, self.about)
                entries = tuple(FileEntry(n, size, tuple(c), tuple(s)) for n, size, c, s in told["files"])
                files = {entry.path: self._copied(entry, into) for entry in entries}
                rows = int(told["rows"])
                with disk_errors(f"{self.place}: cannot be used"):
                    os.utime(self.place)
        except ConflictError:  # somebody writes there, and for long: the terms are applied here
            return None
        except (FileNotFoundError, NotVerifiableError, ValueError, KeyError, TypeError):
            with disk_errors(f"{into}: cannot be cleared"):
                for path in into.iterdir():
                    path.unlink()
            with suppress(ConflictError), self._locked():
                _remove(self.place)
            return None
        return Kept(files, entries, rows)

    def keep(self, output: Kept) -> None:
        """Keep an output that passed everything, if another destination could use it and there is room.

        Raises:
            UnreachableError: the disk refuses.
        """
        size = sum(entry.size for entry in output.entries)
        if not self.wanted or size > _LARGEST:
            return
        folder = make_private(self.place.parent)
        with disk_errors(f"{folder}: cannot be used"):
            if size * _ROOM > shutil.disk_usage(folder).free:
                return
        files = [[entry.path, entry.size, list(entry.chunks), list(entry.sizes)] for entry in output.entries]
        told = {"about": self.about, "files": files, "rows": output.rows}
        draft = make_private(folder / f"draft-{secrets.token_hex(8)}")
        try:
            with disk_errors(f"{draft}: cannot be written"):
                for name, path in output.files.items():
                    shutil.copyfile(path, draft / name)
                    (draft / name).chmod(0o400)
            write_private(draft / "entry.json", seal_entry(self.env, _KIND, told))
            with suppress(ConflictError), self._locked():
                _remove(self.place)
                draft.rename(self.place)
                _bound(folder, draft_before=self.place.stat().st_mtime - _STALE_S)
        finally:
            _remove(draft)

    @contextmanager
    def _locked(self, *, shared: bool = False) -> Iterator[None]:
        folder = make_private(self.place.parent)
        with held(folder / "lock", "the outputs that are kept", patience=_PATIENCE_S, shared=shared):
            yield

    def _copied(self, entry: FileEntry, into: Path) -> Path:
        source, target = self.place / entry.path, into / entry.path
        if not source.exists():
            raise NotVerifiableError(f"{entry.path}: is gone")
        with disk_errors(f"{entry.path}: an output that was kept cannot be copied"):
            shutil.copyfile(source, target, follow_symlinks=False)
        verify_file(target, entry, entry.path)
        return target


def sharing(
    env: EnvironmentContext,
    request: CrossingRequest,
    record: AssetRecord,
    terms: CrossingTerms,
    arrival: Contract,
    contract: Contract,
) -> Share | None:
    """Return where the output of these terms is shared; None where it may not be."""
    if not _independent(terms) or not by_bytes_alone(arrival):
        return None
    about = _about(env, record, terms, arrival, contract)
    return Share(env, about, _of_use(env, request, record, contract, about))


def forget_outputs(env: EnvironmentContext) -> None:
    """Remove every output that is kept: a version that is erased here must stay in none.

    Raises:
        ConflictError: another process uses them for long; run it again.
        UnreachableError: the disk refuses.
    """
    folder = env.folder.economy / "shared"
    if folder.exists():
        with held(folder / "lock", "the outputs that are kept", patience=_PATIENCE_S):
            for path in set(folder.iterdir()) - {folder / "lock"}:
                _remove(path)


def _independent(terms: CrossingTerms) -> bool:
    """Whether the output of these terms is the same, whomever it is for."""
    return terms.anonymity is None and all(
        treatment.obligation in _ALONE
        or (treatment.obligation in _BY_GROUP and bool(treatment.parameters.get("joinable")))
        for treatment in terms.columns.values()
    )


def _about(
    env: EnvironmentContext,
    record: AssetRecord,
    terms: CrossingTerms,
    arrival: Contract,
    contract: Contract,
) -> dict[str, Any]:
    said = {
        "columns": {
            name: [treatment.obligation, dict(treatment.parameters)]
            for name, treatment in terms.columns.items()
        },
        "rows": None if terms.rows is None else terms.rows.text,
        "minimumCell": None if terms.minimum_cell is None else asdict(terms.minimum_cell),
        "reidentify": sorted(terms.reidentify),
    }
    return {
        "version": record.version,
        "contract": contract.digest,
        "purpose": terms.purpose,
        "terms": digest_json(said),
        "arrival": digest_json({**arrival.document, "id": contract.id}),
        "key": hmac.digest(env.identity.pseudonym_key(), _KEY, "sha256").hex(),
        "engine": engine(),
        "gate": _gate(),
    }


def _of_use(
    env: EnvironmentContext,
    request: CrossingRequest,
    record: AssetRecord,
    contract: Contract,
    about: dict[str, Any],
) -> bool:
    """Whether the terms of some other destination give the same."""
    for name, peer in env.peers.items():
        to, purpose = peer.destination(), request.purpose
        terms = policy.select_terms(contract, to, purpose)
        if name == request.destination or terms is None or not _independent(terms):
            continue
        if _about(env, record, terms, project(contract, to, purpose), contract) == about:
            return True
    return False


@cache
def _gate() -> str:
    """Return the digest of the gate's own code, and of what our code for contracts reads beside itself."""
    found = hashlib.sha256()
    for root in (*data_contracts.__path__, *environments.__path__):
        for path in sorted(Path(root).rglob("*")):
            if path.suffix != ".pyc" and path.is_file():
                found.update(path.relative_to(root).as_posix().encode() + b"\0")
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return "sha256:" + found.hexdigest()


def _bound(folder: Path, *, draft_before: float) -> None:
    """Remove what is more than is kept, the oldest first, and drafts of processes that were killed."""
    with disk_errors(f"{folder}: cannot be cleared"):
        kept: list[tuple[float, Path]] = []
        for path in folder.iterdir():
            if path.name.startswith("draft-"):
                if path.stat().st_mtime < draft_before:
                    _remove(path)
            elif path.is_dir():
                kept.append((path.stat().st_mtime, path))
        room = _MOST_BYTES
        for number, (_, path) in enumerate(sorted(kept, reverse=True)):
            room -= sum(file.stat().st_size for file in path.iterdir())
            if number >= _MOST or room < 0:
                _remove(path)


def _remove(folder: Path) -> None:
    with disk_errors(f"{folder}: cannot be removed"):
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)
