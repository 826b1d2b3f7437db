"""An HTTPS server that demands client certificates, and keeps files as WebDAV servers do (RFC 4918).

```python
with running_https(folder) as server:
    spec = server.spec()
```
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from environments.transits import HttpsTransitSpec


class Authority:
    """Signs certificates for one machine's tests."""

    def __init__(self, folder: Path, name: str, address: str = "127.0.0.1") -> None:
        self.folder, self.name, self.address = folder, name, address
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._sign(self.key, self.subject, ca=True))

    def _sign(self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, *, ca: bool = False) -> bytes:
        now = dt.datetime.now(dt.UTC)
        address = x509.IPAddress(ipaddress.ip_address(self.address))
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(hours=2))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert_path, key_path = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert_path.write_bytes(self._sign(key, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_path.chmod(0o600)
        return cert_path, key_path


@dataclass
class HttpsServer:
    """A server, its files, and what a client needs.

    Attributes:
        answers: path to what is answered to a GET of it instead: (status, headers, pieces of the body).
    """

    root: Path
    port: int
    ca: Path
    client: tuple[Path, Path]
    answers: dict[str, tuple[int, dict[str, str], Iterator[bytes]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spec(self, below: str = "", **changes: Any) -> HttpsTransitSpec:
        known = {"ca": self.ca, "cert": self.client[0], "key": self.client[1], **changes}
        return HttpsTransitSpec("cloud", f"https://127.0.0.1:{self.port}/{below}", **known)


class Handler(BaseHTTPRequestHandler):
    kept: HttpsServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    @property
    def place(self) -> Path:
        place = (self.kept.root / self.path.lstrip("/")).resolve()
        assert place.is_relative_to(self.kept.root)
        return place

    def answer(self, status: int, body: bytes = b"", *, size: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path in self.kept.answers:
            status, headers, pieces = self.kept.answers[self.path]
            self.send_response(status)
            for name, word in headers.items():
                self.send_header(name, word)
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                for piece in pieces:
                    self.wfile.write(piece)
            return
        found = self.place.read_bytes() if self.place.is_file() else None
        self.answer(404) if found is None else self.answer(200, found)

    def do_HEAD(self) -> None:
        if not self.place.is_file():
            self.answer(404)
        else:
            self.answer(200, size=self.place.stat().st_size)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.kept.lock:
            if not self.place.parent.is_dir():
                self.answer(409)
                return
            if self.headers.get("If-None-Match") == "*" and self.place.exists():
                self.answer(412)
                return
            draft = self.place.with_name(f".{threading.get_ident()}")
            draft.write_bytes(data)
            draft.replace(self.place)
            self.answer(201)

    def do_MKCOL(self) -> None:
        try:
            self.place.mkdir()
        except FileExistsError:
            self.answer(405)
        except FileNotFoundError:
            self.answer(409)
        else:
            self.answer(201)

    def do_DELETE(self) -> None:
        if self.place.is_dir():
            shutil.rmtree(self.place, ignore_errors=True)
            self.answer(204)
        elif self.place.is_file():
            self.place.unlink(missing_ok=True)
            self.answer(204)
        else:
            self.answer(404)

    def do_PROPFIND(self) -> None:
        if not self.place.is_dir():
            self.answer(404)
            return
        assert self.headers["Depth"] == "1"
        hrefs = [self.path, *(f"{self.path}{name.name}" for name in sorted(self.place.iterdir()))]
        items = "".join(f"<D:response><D:href>{href}</D:href></D:response>" for href in hrefs)
        self.answer(
            207, f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{items}</D:multistatus>'.encode()
        )


@contextmanager
def running_https(folder: Path) -> Iterator[HttpsServer]:
    """Start one in this process, on a free port of 127.0.0.1; a client without a certificate gets nothing."""
    authority = Authority(folder, "authority")
    cert, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(cert, key)
    context.load_verify_locations(authority.path)
    (folder / "files").mkdir()
    server = HttpsServer((folder / "files").resolve(), 0, authority.path, authority.issue("client"))
    running = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"kept": server}))
    # The handshake is each connection's own: one client that stalls in it stops no other.
    running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
    running.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.port = running.server_address[1]
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        running.server_close()
        thread.join(30)
