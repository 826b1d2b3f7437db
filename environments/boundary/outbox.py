"""Where one environment keeps its side of a crossing: `OUTBOX/CROSSING-HEX/`.

    lock        one process at a time works on a crossing
    work/       the output in the making, in clear; removed before the manifest is published, or by what
                comes next at this crossing
    sealed      the attempt: its key and parts, so that a retry sees what lies intact and seals the rest
    listed      digests of the chunks that this crossing's versions have, one asset after the other
    assets      the assets' names, and how many of these digests each has
    request     the signed statement of who asks, that the manifest was made under, for a disk to carry
    manifest    the envelope that this side signed or accepted
    receipt     the envelope that the destination signed

Invariants:
1. An envelope is kept here, durably, before it is recorded or published: a retry publishes the same bytes.
2. The lock is the kernel's: a killed process holds none, and who waits for a living one gives up.
3. The key of an attempt is kept until the crossing is settled, beside the data that it sealed and no longer.
4. What a destination is taken to hold is what it signed a receipt for (`OUTBOX/at/DESTINATION/NAME`, the
   crossing's hex); after any refusal it is taken to hold nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.digest import canonical
from data_contracts.errors import ConflictError, NotVerifiableError, UsageError
from environments.boundary.crossing import Member, check_crossing
from environments.boundary.envelope import MAX_ENVELOPE
from environments.home import EnvironmentFolder
from environments.locking import held
from environments.private import (
    disk_errors,
    make_private,
    read_private,
    remove_drafts,
    sync_folder,
    write_private,
)
from environments.ref import check_name

__all__ = ["Attempt", "Outbox", "unattended", "working_on"]


@dataclass(frozen=True)
class Attempt:
    """One sealing of one list of contents.

    Attributes:
        key: the crossing's key.
        listed: digest of the list of contents, in clear.
        parts: address and plain size of each part.
        contents: digest of the sealed list; empty until everything lies in the transit.
    """

    key: bytes = field(repr=False)
    listed: str
    parts: tuple[tuple[str, int], ...]
    contents: str = ""


@dataclass(frozen=True)
class Outbox:
    """One crossing's folder."""

    folder: Path

    @classmethod
    def of(cls, folder: EnvironmentFolder, crossing: str) -> Outbox:
        """Return where an environment keeps its side of a crossing; it need not be there."""
        return cls(folder.outbox / crossing.removeprefix("sha256:"))

    def read(self, name: str) -> bytes | None:
        """Return a kept envelope; None where there is none."""
        try:
            raw = read_private(self.folder / name)
        except FileNotFoundError:
            return None
        if len(raw) > MAX_ENVELOPE:
            raise NotVerifiableError(f"the kept {name}: larger than an envelope is")
        return raw

    def keep(self, name: str, raw: bytes) -> None:
        """Keep an envelope, durably."""
        write_private(self.folder / name, raw)

    def keep_request(self, signed: bytes | None) -> None:
        """Keep the statement of who asks, until the crossing is settled; None: nobody's."""
        if signed is None:
            self.forget("request")
        else:
            self.keep("request", signed)

    def read_attempt(self) -> Attempt | None:
        """Return the attempt that was begun last; None where there is none."""
        try:
            found = json.loads(read_private(self.folder / "sealed"))
            parts = tuple((str(address), int(size)) for address, size in found["parts"])
            return Attempt(bytes.fromhex(found["key"]), found["listed"], parts, found["contents"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def begun(self) -> bool:
        """Whether something of this crossing may lie in its transit that it goes on from."""
        return any((self.folder / name).exists() for name in ("manifest", "sealed"))

    def keep_attempt(self, attempt: Attempt) -> None:
        """Keep an attempt, durably."""
        known = {"key": attempt.key.hex(), "listed": attempt.listed, "contents": attempt.contents}
        write_private(self.folder / "sealed", canonical(known | {"parts": [list(p) for p in attempt.parts]}))

    def pin(self, members: Iterable[Member]) -> None:
        """Keep which versions this crossing sends, so that they are not removed before it has ended."""
        raw = canonical([[member.name, member.version] for member in members])
        if not (self.folder / "pinned").exists():
            write_private(self.folder / "pinned", raw)

    def pinned(self) -> tuple[Member, ...]:
        """Return the versions that this crossing sends; none once it has ended.

        Raises:
            NotVerifiableError: what was kept is not that.
        """
        try:
            found = json.loads(read_private(self.folder / "pinned"))
            return tuple(Member(name, version) for name, version in found)
        except FileNotFoundError:
            return ()
        except (UsageError, ValueError, TypeError):
            raise NotVerifiableError(f"{self.folder / 'pinned'}: not what was kept there") from None

    def keep_listed(self, listed: Iterable[tuple[str, Collection[str]]]) -> None:
        """Keep which assets cross, and which chunks each has."""
        counts, raw = list[list[str | int]](), bytearray()
        for name, digests in listed:
            counts.append([name, len(digests)])
            raw += b"".join(bytes.fromhex(digest.removeprefix("sha256:")) for digest in digests)
        write_private(self.folder / "listed", bytes(raw))
        write_private(self.folder / "assets", canonical(counts))

    def assets(self) -> dict[str, int]:
        """Return the names of the assets of this crossing, and how many chunks each has; none if unknown."""
        try:
            found = json.loads(read_private(self.folder / "assets"))
            return {check_name(name, "asset"): int(count) for name, count in found}
        except (FileNotFoundError, UsageError, ValueError, TypeError):
            return {}

    def held_by(self, destination: str, names: Iterable[str]) -> frozenset[str]:
        """Return the digests of the chunks that a destination last acknowledged of each of some assets."""
        held, read = set[str](), dict[str, dict[str, list[str]]]()
        for name in names:
            try:
                crossing = read_private(self._arrival(destination, name)).decode("ascii")
                where = Outbox(self.folder.parent / check_crossing(f"sha256:{crossing}")[7:])
                if crossing not in read:
                    read[crossing] = where._listed()
            except (FileNotFoundError, UsageError, ValueError):
                continue
            # What an earlier Isthmus kept has no list of assets: there it was one.
            held.update(read[crossing].get(name, read[crossing].get("", [])))
        return frozenset(held)

    def _listed(self) -> dict[str, list[str]]:
        raw, at = read_private(self.folder / "listed"), 0
        digests = ["sha256:" + raw[start : start + 32].hex() for start in range(0, len(raw), 32)]
        listed: dict[str, list[str]] = {}
        for name, count in (self.assets() or {"": len(digests)}).items():
            listed[name] = digests[at : at + count]
            at += count
        return listed

    def arrived(self, destination: str, names: Iterable[str], *, permitted: bool) -> None:
        """Note that a destination committed this crossing, or that it refused it.

        A note that a power cut loses costs bytes: then everything is sent.
        """
        with disk_errors("the outbox cannot be used"):
            for name in names:
                path = self._arrival(destination, name)
                if permitted:
                    make_private(path.parent)
                    _note(path, self.folder.name)
                else:
                    path.unlink(missing_ok=True)

    def _arrival(self, destination: str, name: str) -> Path:
        return self.folder.parent / "at" / check_name(destination, "destination") / check_name(name, "asset")

    def forget(self, name: str) -> None:
        """Keep an envelope no longer."""
        with disk_errors(f"the kept {name} cannot be removed"), suppress(FileNotFoundError):
            (self.folder / name).unlink()
            sync_folder(self.folder)

    def fresh_work(self) -> Path:
        """Return an empty folder for the output; what a killed attempt left in it is gone."""
        self.clear_work()
        return make_private(self.folder / "work")

    def clear_killed(self) -> None:
        """Remove what a process that was killed at work on this crossing left; the caller holds the lock."""
        self.clear_work()
        with disk_errors("the outbox cannot be cleared"):
            remove_drafts(self.folder)

    def clear_work(self) -> None:
        """Remove the output in clear."""
        with disk_errors("the outbox cannot be cleared"):
            if (self.folder / "work").exists():
                shutil.rmtree(self.folder / "work")


def _note(path: Path, text: str) -> None:
    """Replace a note, whole; that it is lost with the power is nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="ascii") as stream:
        stream.write(text)
    draft.replace(path)


@contextmanager
def working_on(folder: EnvironmentFolder, crossing: str) -> Iterator[Outbox]:
    """Hold one crossing's folder for this process alone.

    Raises:
        ConflictError: another process works on it, and did so for as long as we were ready to wait.
        UnreachableError: the disk refuses.
    """
    make_private(folder.outbox)
    outbox = Outbox.of(folder, crossing)
    with held(make_private(outbox.folder) / "lock", f"crossing {crossing}"):
        outbox.clear_killed()
        yield outbox


def unattended(folder: EnvironmentFolder, name: str) -> Iterator[tuple[str, Path]]:
    """Give each crossing in whose folder something of this name stands, and that, held meanwhile.

    A crossing that somebody works on is left out: whoever does clears what is over.

    Raises:
        UnreachableError: the disk refuses.
    """
    for place in sorted(folder.outbox.glob(f"*/{name}")):
        crossing = f"sha256:{place.parent.name}"
        what = f"crossing {check_crossing(crossing)}"
        with suppress(ConflictError), held(place.parent / "lock", what, patience=0.0):
            if place.exists():
                yield crossing, place
