"""A transit in a collection of an HTTPS server that knows its callers by their certificates.

What the server must do: GET, HEAD, PUT, DELETE of files and of collections, MKCOL, and PROPFIND with depth 1
(RFC 9110, RFC 4918): Apache's mod_dav does, and many others.

Invariants:
1. The server's certificate is checked against the declared authority alone, by its name; ours is shown to it.
2. Redirections, proxies of the process's environment and compressed answers are not followed.
3. Of a listing only what has the form of an object's name is read; no XML is parsed.
4. What the medium promises is what the declaration says that it does; by itself, nothing.

Example:
    >>> transit = HttpsTransit(spec, "onprem/cloud")
    >>> transit.capabilities.one_writer_wins
    False
"""

from __future__ import annotations

import re
import ssl
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.links import link_options
from environments.objects.credentials import private_file
from environments.transit.names import (
    check_object,
    check_prefix,
    listed,
    listed_crossings,
)
from environments.transit.port import BytesOfItsOwn, Data, Put
from environments.transits import HttpsTransitSpec, promised

__all__ = ["HttpsTransit"]

_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_MAX_LISTING = 256 * 1024 * 1024
_OK = range(200, 300)
_GONE = (404, 410)
_MEMBER = re.compile(rb"/([0-9a-f]{64})/?<")
"""How a listing names a crossing's collection, whatever stands before it in the address."""


def _context(spec: HttpsTransitSpec) -> ssl.SSLContext:
    for path, what in ((spec.ca, "the server's authority"), (spec.cert, "our client certificate")):
        if not path.is_file():
            raise UsageError(f"{path}: no file here ({what} of a transit)", remedy="mend the declaration")
    private_file(spec.key, "the private key of a transit")
    try:
        context = ssl.create_default_context(cafile=str(spec.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(spec.cert, spec.key)
    except (ssl.SSLError, OSError):
        raise UsageError(
            f"{spec.cert}: not a certificate with the key {spec.key}, or {spec.ca} is no authority",
            remedy="PEM files without a passphrase",
        ) from None
    return context


@contextmanager
def _server_errors(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{what}: {type(error).__name__}",
            # TLS 1.3 tells a refused client at its first read, not in the handshake.
            remedy="look whether the server is there, and takes our certificate (its log says so; we see a "
            "broken connection)",
        ) from None


def _refused(what: str, status: int) -> UnreachableError:
    remedy = "look at the server's log"
    if status in (401, 403):
        remedy = "the server knows us and lets us not: look at what our certificate may do there"
    elif status in (405, 501):
        remedy = "the server must do GET, HEAD, PUT, DELETE, MKCOL and PROPFIND (WebDAV)"
    return UnreachableError(f"{what}: the server answers {status}", remedy=remedy)


class HttpsTransit(BytesOfItsOwn):
    """Objects as resources below one collection."""

    def __init__(self, spec: HttpsTransitSpec, below: str) -> None:
        """Read our certificate; nothing is connected yet."""
        self._below = below
        self.capabilities = promised(spec)
        self._client = httpx.Client(
            base_url=spec.url,
            transport=httpx.HTTPTransport(verify=_context(spec), socket_options=link_options()),
            timeout=_TIMEOUT,
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
        )
        weakref.finalize(self, self._client.close)

    def _path(self, name: str) -> str:
        return f"{self._below}/{name}"

    def put(self, name: str, data: Data) -> None:
        """Store one object whole."""
        status = self._put(check_object(name), data, {})
        if status not in _OK:
            raise _refused("the transit cannot be written", status)

    def batch(self) -> AbstractContextManager[Put]:
        """Give a `put` for many objects: each is on its way by itself."""
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name."""
        if not self.capabilities.one_writer_wins and self.size(name) is not None:
            return False
        status = self._put(check_object(name), data, {"if-none-match": "*"})
        if status == httpx.codes.PRECONDITION_FAILED:
            return False
        if status not in _OK:
            raise _refused("the transit cannot be written", status)
        return True

    def _put(self, name: str, data: Data, headers: dict[str, str]) -> int:
        body = data if isinstance(data, bytes) else bytes(data)
        with _server_errors("the transit cannot be written"):
            answer = self._client.put(self._path(name), content=body, headers=headers)
            if answer.status_code in (404, 409):
                self._make_collections(name)
                answer = self._client.put(self._path(name), content=body, headers=headers)
        return answer.status_code

    def _make_collections(self, name: str) -> None:
        path = ""
        for part in self._path(name).split("/")[:-1]:
            path += f"{part}/"
            status = self._client.request("MKCOL", path).status_code
            # 405: it is there already.
            if status not in _OK and status != httpx.codes.METHOD_NOT_ALLOWED:
                raise _refused("the transit cannot be written", status)

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""
        return self._read("GET", self._path(check_object(name)), httpx.codes.OK, limit)

    def _read(self, method: str, path: str, expected: int, limit: int) -> bytes | None:
        what = "the transit cannot be read"
        depth = {"depth": "1"} if method == "PROPFIND" else {}
        with _server_errors(what), self._client.stream(method, path, headers=depth) as answer:
            if answer.status_code in _GONE:
                return None
            if answer.status_code != expected:
                raise _refused(what, answer.status_code)
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise NotVerifiableError("an object in the transit comes in another coding than it was put")
            pieces, size = [], 0
            for piece in answer.iter_raw():
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise NotVerifiableError(f"an object in the transit is larger than {limit} bytes")
        return b"".join(pieces)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        path = self._path(check_object(name))
        with _server_errors("the transit cannot be read"):
            answer = self._client.head(path)
        if answer.status_code in _GONE:
            return None
        told = answer.headers.get("content-length", "")
        if answer.status_code != httpx.codes.OK or not re.fullmatch(r"[0-9]{1,18}", told):
            raise _refused("the transit cannot be read", answer.status_code)
        return int(told)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names of the objects of one crossing that sort after `after`, sorted."""
        found: set[str] = set()
        pattern = re.compile(rf"{check_prefix(prefix)}/(?:[a-z]+/)?[0-9a-z]+".encode())
        for folder in (f"{prefix}/", f"{prefix}/chunks/"):
            listing = self._read("PROPFIND", self._path(folder), httpx.codes.MULTI_STATUS, _MAX_LISTING)
            found |= {match.decode() for match in pattern.findall(listing or b"")}
        return listed(sorted(found), prefix, after)

    def crossings(self, *, after: str = "") -> Iterator[str]:
        """Return the prefixes of the crossings that lie here and sort after `after`, sorted."""
        listing = self._read("PROPFIND", self._path(""), httpx.codes.MULTI_STATUS, _MAX_LISTING)
        found = {match.decode() for match in _MEMBER.findall(listing or b"")}
        return listed_crossings(sorted(found), after)

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        self._delete(self._path(check_object(name)))

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""
        self._delete(self._path(f"{check_prefix(prefix)}/"))

    def _delete(self, path: str) -> None:
        with _server_errors("the transit cannot be written"):
            status = self._client.delete(path).status_code
        if status not in _OK and status not in _GONE:
            raise _refused("the transit cannot be written", status)
