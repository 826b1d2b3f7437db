"""The table of random codes of one environment: in its own folder, encrypted, and never anywhere else.

Invariants:
1. A value has one code in one domain, for ever: whichever process asks first draws it, and every other gets
   that one. A code stands for one value.
2. A code is 16 bytes from the operating system's random source. Nothing of the value goes into it.
3. The file holds, beside the code, the value's keyed hash to find it by and the value itself encrypted
   (AES-256-GCM, bound to that hash), under keys derived from the environment's pseudonym key. Whoever has the
   file without the key learns how many codes there are.
4. What was returned is on disk: a crash afterwards, and the same crossing again, gives the same codes.

Example:
    >>> table = open_codes(folder)
    >>> table.assign(b"domain", [b"p1"]) == table.assign(b"domain", [b"p1"])
    True
"""

from __future__ import annotations

import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.home import EnvironmentFolder
from environments.identity import load_identity
from environments.private import check_private, disk_errors, make_private

__all__ = ["WIDTH", "LocalCodes", "open_codes"]

WIDTH = 16
_NONCE = 12
_PATIENCE = 60.0
_SOME = 500
_LAYOUT = """
CREATE TABLE IF NOT EXISTS codes (
    place BLOB PRIMARY KEY,
    code BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class LocalCodes:
    """Codes in one SQLite file (`data_contracts.obligations.CodeTable`); it pickles without its key.

    Attributes:
        folder: the environment's folder; its key is loaded by the process that uses it.
    """

    folder: EnvironmentFolder
    _keys: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[LocalCodes], tuple[EnvironmentFolder]]:
        return LocalCodes, (self.folder,)

    def assign(self, domain: bytes, values: Sequence[bytes]) -> list[bytes]:
        """Return the code of each value, drawing one for each that has none yet.

        Raises:
            UnreachableError: the disk refuses, or another process holds the table for a minute.
            NotVerifiableError: the table is damaged, or others may open it.
        """
        places = {self._place(domain, value): value for value in values}
        with self._open() as table:
            known = dict(_known(table, places))
            fresh = {place: secrets.token_bytes(WIDTH) for place in places if place not in known}
            rows = [(place, code, self._seal(place, places[place])) for place, code in fresh.items()]
            table.executemany("INSERT INTO codes VALUES (?, ?, ?)", rows)
        known |= fresh
        return [known[self._place(domain, value)] for value in values]

    def find(self, domain: bytes, values: Sequence[bytes]) -> list[bytes | None]:
        """Return the code of each value; None for one that has none.

        Raises:
            UnreachableError: as `assign`.
            NotVerifiableError: as `assign`.
        """
        places = [self._place(domain, value) for value in values]
        with self._open() as table:
            known = dict(_known(table, places))
        return [known.get(place) for place in places]

    def originals(self, domain: bytes, codes: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return code to value, for those codes that this domain's values have.

        Raises:
            UnreachableError: as `assign`.
            NotVerifiableError: as `assign`, or an entry was altered.
        """
        found: dict[bytes, bytes] = {}
        with self._open() as table:
            for some in _chunks(codes):
                marks = ",".join("?" * len(some))
                query = f"SELECT place, code, sealed FROM codes WHERE code IN ({marks})"  # noqa: S608 - marks only
                for place, code, sealed in table.execute(query, some):
                    value = self._unseal(place, sealed)
                    if hmac.compare_digest(self._place(domain, value), place):
                        found[code] = value
        return found

    def _place(self, domain: bytes, value: bytes) -> bytes:
        # The domain is canonical JSON and holds no raw NUL, so it cannot run into the value.
        return hmac.digest(self._key("place"), domain + b"\x00" + value, "sha256")

    def _seal(self, place: bytes, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._key("value")).encrypt(nonce, value, place)

    def _unseal(self, place: bytes, sealed: bytes) -> bytes:
        try:
            return AESGCM(self._key("value")).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except (InvalidTag, ValueError):
            raise _damaged() from None

    def _key(self, use: str) -> bytes:
        if use not in self._keys:
            own = load_identity(self.folder).pseudonym_key()
            self._keys[use] = hmac.digest(own, b"isthmus/1/codes/" + use.encode(), "sha256")
        return self._keys[use]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give the table for one transaction; what it did is durable when the block ends."""
        path = make_private(self.folder.root / "codes") / "codes.sqlite"
        _make(path)
        table = None
        try:
            table = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            table.execute("PRAGMA synchronous = FULL")
            table.execute(_LAYOUT)
            table.execute("BEGIN IMMEDIATE")
            yield table
            table.execute("COMMIT")
        except sqlite3.OperationalError as error:
            # SQLite's words here are of locks, disks and schemas; they hold no value.
            raise UnreachableError(
                f"the table of codes cannot be used: {error}", remedy="free the disk, or run it again"
            ) from None
        except sqlite3.DatabaseError:
            raise _damaged() from None
        finally:
            if table is not None:
                table.close()


def _known(table: sqlite3.Connection, places: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for some in _chunks(places):
        marks = ",".join("?" * len(some))
        query = f"SELECT place, code FROM codes WHERE place IN ({marks})"  # noqa: S608 - marks only
        yield from table.execute(query, some)


def _chunks(items: Iterable[bytes]) -> Iterator[list[bytes]]:
    whole = list(items)
    yield from (whole[at : at + _SOME] for at in range(0, len(whole), _SOME))


def _make(path: Path) -> None:
    """Make an empty file of mode 0600, or check the one that stands; SQLite's journals take its mode."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with disk_errors(f"{path}: cannot be made"), suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))
    check_private(path)


def _damaged() -> NotVerifiableError:
    return NotVerifiableError(
        "the table of codes is damaged",
        remedy="restore this environment's codes/codes.sqlite from its backup",
    )


def open_codes(folder: EnvironmentFolder) -> LocalCodes:
    """Name the environment's table of codes; it is made when the first code is drawn."""
    return LocalCodes(folder)
