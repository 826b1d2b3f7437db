"""The API for other machines: TLS on an address of the network, passed on to the server on loopback.

Invariants:
1. Nothing listens before a certificate that counts now and its key, a file of ours alone, were read. In the
   clear nothing is answered: TLS 1.3 or nothing.
2. It knows no credential and reads no request: who may do what, the server says, as to everybody.
3. Every wait ends: a handshake in 10 s, a connection that says nothing in 120 s, one whose link is down
   sooner. At most 256 connections are open; the next one is closed.
4. The server may be away, and come back on another port: it is looked up for each connection.

Example:
    >>> parse_place("10.0.0.4:4443")
    ('10.0.0.4', 4443)
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import re
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from data_contracts.errors import IsthmusError, UnreachableError, UsageError
from environments.embedded.api import read_api
from environments.home import Home
from environments.links import watch_link
from environments.members import read_membership
from environments.objects.credentials import private_file

__all__ = ["Listener", "listen", "load_certificate", "open_context", "parse_place"]

_HANDSHAKE_S, _IDLE_S, _CONNECT_S, _GRACE_S = 10.0, 120.0, 5.0, 2.0
_MOST, _PIECE = 256, 64 * 1024
_PLACE = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+)):(?P<port>[0-9]{1,5})")


def parse_place(text: str) -> tuple[str, int]:
    """Return address and port of `ADDRESS:PORT`, `[ADDRESS]:PORT` for IPv6.

    Raises:
        UsageError: it is none.
    """
    found = _PLACE.fullmatch(text)
    try:
        address = ipaddress.ip_address(found["six"] or found["four"] if found else "")
    except ValueError:
        address = None
    if found is None or address is None or int(found["port"]) not in range(1, 65536):
        raise UsageError(
            f"--on {text}: not an address and a port", remedy="such as 10.0.0.4:4443, or [fd00::4]:4443"
        )
    return str(address), int(found["port"])


def open_context(certificate: Path, key: Path, *, now: dt.datetime | None = None) -> ssl.SSLContext:
    """Return what speaks TLS with a certificate (with those that signed it behind it) and its key.

    Raises:
        UsageError: a file is missing, the two do not belong together, or the certificate does not count now.
        NotVerifiableError: others could read or replace the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    load_certificate(context, certificate, key, now=now)
    return context


def load_certificate(
    context: ssl.SSLContext, certificate: Path, key: Path, *, now: dt.datetime | None = None
) -> None:
    """Have new connections see this certificate; errors as in `open_context`, and then nothing changed."""
    private_file(key, "the private key of the API's certificate")
    try:
        first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        probe.load_cert_chain(certificate, key, password=lambda: b"")
    except FileNotFoundError:
        raise UsageError(f"{certificate}: no file here (the API's certificate)") from None
    except (OSError, ValueError):  # ssl's errors are OSErrors
        raise UsageError(
            f"{certificate}: no certificate in PEM, or {key} is not its key",
            remedy="the server's certificate first, then those that signed it; a key without a passphrase",
        ) from None
    moment = now or dt.datetime.now(dt.UTC)
    if not first.not_valid_before_utc <= moment < first.not_valid_after_utc:
        raise UsageError(
            f"{certificate}: counts from {first.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ} to "
            f"{first.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}, and not now",
            remedy="have it renewed, or look at this machine's clock",
        )
    context.load_cert_chain(certificate, key)


def _port_of(home: Home) -> int:
    """Return the loopback port of this home's own server.

    Raises:
        UsageError: the home joined another machine's, whose server is not here.
        UnreachableError: no system runs here.
    """
    if read_membership(home) is not None:
        raise UsageError(
            "this home joined another machine's: the server is there, and listens there",
            remedy="run `isthmus api listen` in the home that has the server",
        )
    port = urlsplit(read_api(home).url).port
    if port is None:
        raise UnreachableError(
            f"{home.root}: its API has no port", remedy="`isthmus down`, then `isthmus up`"
        )
    return port


@dataclass(eq=False)
class Listener:
    """The connections that are passed on.

    Attributes:
        port: says where the server is, now.
        idle: seconds after which a connection that says nothing is closed.
        handshake: seconds in which it must have begun to speak TLS.
        most: how many may be open.
    """

    port: Callable[[], int]
    idle: float = _IDLE_S
    handshake: float = _HANDSHAKE_S
    most: int = _MOST
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, place: tuple[str, int], context: ssl.SSLContext) -> asyncio.Server:
        """Listen.

        Raises:
            UnreachableError: the address is not this machine's, or the port is taken.
        """
        try:
            return await asyncio.start_server(
                self._take, *place, ssl=context, ssl_handshake_timeout=self.handshake, limit=_PIECE
            )
        except OSError as error:
            raise UnreachableError(
                f"{place[0]} port {place[1]} cannot be listened on: {error.strerror or type(error).__name__}",
                remedy="name an address of this machine and a free port with --on",
            ) from None

    async def close(self) -> None:
        """Close every connection."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= self.most:
            writer.close()
            return
        self._open.add(task)
        watch_link(writer.get_extra_info("socket"))
        try:
            with suppress(OSError, TimeoutError, IsthmusError):
                await self._pass_on(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_CONNECT_S):
            near_reader, near_writer = await asyncio.open_connection("127.0.0.1", self.port(), limit=_PIECE)
        loop = asyncio.get_running_loop()
        heard = loop.time()

        def hear() -> None:
            nonlocal heard
            heard = loop.time()

        ways = [
            asyncio.create_task(_copy(reader, near_writer, hear)),
            asyncio.create_task(_copy(near_reader, writer, hear)),
        ]
        try:
            # As long as both directions go on, and one of them says something now and then.
            while (rest := heard + self.idle - loop.time()) > 0:
                done, _ = await asyncio.wait(ways, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    break
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            near_writer.close()
            if loop.time() - heard >= self.idle:
                writer.transport.abort()  # whoever does not answer takes no farewell either


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[], None]) -> None:
    """Pass on what comes, no faster than the other side takes it."""
    while piece := await reader.read(_PIECE):
        hear()
        writer.write(piece)
        await writer.drain()


def listen(
    home: Home,
    place: tuple[str, int],
    files: tuple[Path, Path],
    ready: Callable[[], None],
    tell: Callable[[str], None],
) -> int:
    """Listen until SIGTERM or Ctrl-C; SIGHUP reads the files (certificate, key) again. Return the status.

    Raises:
        UsageError, NotVerifiableError: the files, as in `open_context`; or the home has no server.
        UnreachableError: no system runs here, or the address cannot be had.
    """
    context = open_context(*files)
    _port_of(home)
    return asyncio.run(_listen(home, place, context, files, ready, tell))


async def _listen(
    home: Home,
    place: tuple[str, int],
    context: ssl.SSLContext,
    files: tuple[Path, Path],
    ready: Callable[[], None],
    tell: Callable[[str], None],
) -> int:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def again() -> None:
        try:
            load_certificate(context, *files)
        except IsthmusError as error:
            tell(f"the certificate of before is kept: {error}")
        else:
            tell("the certificate was read again")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_signal_handler(signal.SIGHUP, again)
    listener = Listener(lambda: _port_of(home))
    server = await listener.start(place, context)
    ready()
    await over.wait()
    server.close()
    async with asyncio.timeout(_GRACE_S):
        await listener.close()
    return 0
