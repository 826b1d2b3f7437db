"""The line to an SSH server: opened when it is used, again after it broke, closed when nobody holds it.

Invariants:
1. The server's key is compared with the pinned one before our own is used.
2. Our key is a file of ours alone.
3. A channel is used by one thread at a time: the library gives one thread's answer to another otherwise.

Example:
    >>> line = Line(spec)
    >>> with line.channel() as sftp:
    ...     sftp.listdir("/in")
"""

from __future__ import annotations

import base64
import binascii
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.sftp import CMD_EXTENDED

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.links import watch_link
from environments.objects.credentials import private_file
from environments.transits import SftpTransitSpec

__all__ = ["Line", "sync", "sync_folder"]

_CONNECT = 15.0
_ANSWER = 60.0
_CHANNELS = 4
_FSYNC = "fsync@openssh.com"


def _pinned(text: str) -> paramiko.PKey:
    kind, _, coded = text.partition(" ")
    try:
        return paramiko.PKey.from_type_string(kind, base64.b64decode(coded, validate=True))
    except (binascii.Error, paramiko.SSHException, UnknownKeyType, ValueError):
        raise UsageError("host_key: no public key of an SSH server", remedy="ssh-keyscan HOST") from None


def _same(where: str, shown: paramiko.PKey, pinned: paramiko.PKey) -> None:
    if shown != pinned:
        raise NotVerifiableError(
            f"{where}: the SSH server shows another key than the declared one",
            remedy="find out who answers there; nothing was said to it",
        )


class Line:
    """One connection, with a few channels."""

    def __init__(self, spec: SftpTransitSpec) -> None:
        """Read both keys; nothing is connected yet."""
        self._spec = spec
        self._host_key = _pinned(spec.host_key)
        path = private_file(spec.key, "the private key of a transit")
        try:
            self._key = paramiko.PKey.from_path(path)
        except (paramiko.SSHException, UnknownKeyType, ValueError, TypeError):
            raise UsageError(
                f"{path}: no private key that can be read",
                remedy="one without a passphrase: ssh-keygen -N ''",
            ) from None
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_CHANNELS)
        self._transport: paramiko.Transport | None = None
        self._free: list[paramiko.SFTPClient] = []

    @contextmanager
    def channel(self) -> Iterator[paramiko.SFTPClient]:
        """Lend one channel to one thread; connect where there is no connection, or it broke.

        Raises:
            NotVerifiableError: the server shows another key than the pinned one.
            UnreachableError: it cannot be reached, or refuses our key.
        """
        with self._room:
            sftp = self._open()
            try:
                yield sftp
            except (EOFError, TimeoutError, paramiko.SSHException):
                # Answers that are still under way must not be taken for those of another call.
                self._hang_up()
                raise
            finally:
                channel = sftp.get_channel()
                with self._lock:
                    if self._transport is not None and channel is not None and not channel.closed:
                        self._free.append(sftp)

    def _hang_up(self) -> None:
        with self._lock:
            if self._transport is not None:
                self._transport.close()
            self._transport = None
            self._free.clear()

    def _open(self) -> paramiko.SFTPClient:
        with self._lock:
            if self._transport is None or not self._transport.is_active():
                self._free.clear()
                self._transport = _connect(self._spec, self._host_key, self._key)
                # Whoever drops the transit closes the line, and with it the thread that serves it.
                weakref.finalize(self, self._transport.close)
            while self._free:
                sftp = self._free.pop()
                channel = sftp.get_channel()
                if channel is not None and not channel.closed:
                    return sftp
            return self._new_channel(self._transport)

    def _new_channel(self, transport: paramiko.Transport) -> paramiko.SFTPClient:
        sftp = paramiko.SFTPClient.from_transport(transport)
        channel = None if sftp is None else sftp.get_channel()
        if sftp is None or channel is None:
            raise UnreachableError(f"{self._spec.host}:{self._spec.port}: no SFTP there")
        channel.settimeout(_ANSWER)
        return sftp


def _connect(spec: SftpTransitSpec, pinned: paramiko.PKey, key: paramiko.PKey) -> paramiko.Transport:
    where = f"{spec.host}:{spec.port}"
    try:
        raw = socket.create_connection((spec.host, spec.port), timeout=_CONNECT)
        watch_link(raw)
    except OSError:
        raise UnreachableError(f"{where}: the SSH server cannot be reached") from None
    transport = paramiko.Transport(raw)
    transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = _CONNECT
    try:
        transport.get_security_options().key_types = _algorithms(pinned)
        transport.start_client(timeout=_CONNECT)
        _same(where, transport.get_remote_server_key(), pinned)
        transport.auth_publickey(spec.user, key)
    except NotVerifiableError:
        transport.close()
        raise
    except (OSError, EOFError, paramiko.SSHException) as error:
        transport.close()
        raise UnreachableError(
            f"{where}: the SSH server refuses: {type(error).__name__}",
            remedy="look whether it still has the declared host key, and knows our account and its key",
        ) from None
    return transport


def sync(file: paramiko.SFTPFile) -> None:
    """Have the server put an open file on disk."""
    # OpenSSH's extension (PROTOCOL, section 4.4); paramiko has no public call for it.
    file.sftp._request(CMD_EXTENDED, _FSYNC, file.handle)  # type: ignore[attr-defined]  # noqa: SLF001


def sync_folder(sftp: paramiko.SFTPClient, path: str) -> None:
    """Have the server put a folder's names on disk."""
    with sftp.open(path, "r") as folder:
        sync(folder)


def _algorithms(key: paramiko.PKey) -> list[str]:
    name = key.get_name()
    return ["rsa-sha2-512", "rsa-sha2-256"] if name == "ssh-rsa" else [name]
