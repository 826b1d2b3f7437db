"""A strict double of AWS KMS for Ed25519 keys: another implementation computes each signature anew.

```python
with running_kms() as server:
    key = find_kms_key(server.make_key(), "eu-central-1", server.credentials(tmp_path), server.url)
```

It knows GetPublicKey and Sign, as KMS documents them; what a request has too many is refused.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REGION = "eu-central-1"
SHAPES = {"GetPublicKey": {"KeyId"}, "Sign": {"KeyId", "Message", "MessageType", "SigningAlgorithm"}}
Answer = tuple[int, dict[str, Any]]


@dataclass
class KmsServer:
    """The double, its keys, and the one user that may use them.

    Attributes:
        lie: what is made of an answer before it is sent.
        kinds: how each request was answered.
    """

    url: str = ""
    access_key_id: str = "AKIDEXAMPLE"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    token: str | None = None
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    lie: Callable[[Answer], Answer] = lambda answer: answer
    kinds: list[str] = field(default_factory=list)

    def make_key(self, name: str = "alias/isthmus") -> str:
        self.keys[name] = Ed25519PrivateKey.generate()
        return name

    def credentials(self, folder: Path, **changes: str) -> Path:
        words = {"access_key_id": self.access_key_id, "secret_access_key": self.secret}
        words |= ({"session_token": self.token} if self.token else {}) | changes
        path = folder / "kms.credentials.toml"
        path.write_text("".join(f'{name} = "{word}"\n' for name, word in words.items()))
        path.chmod(0o600)
        return path

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        refusal = self.unsigned(path, headers, body)
        if refusal:
            return 400, {"__type": refusal, "message": f"the signature of {self.secret[:4]} is not yours"}
        operation = headers["x-amz-target"].removeprefix("TrentService.")
        asked = json.loads(body)
        if operation not in SHAPES or set(asked) != SHAPES[operation]:
            return 400, {"__type": "ValidationException"}
        if asked["KeyId"] not in self.keys:
            return 400, {"__type": "com.amazonaws.kms#NotFoundException", "message": "who knows"}
        key = self.keys[asked["KeyId"]]
        if operation == "GetPublicKey":
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            facts = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}
            return 200, facts | {"KeyId": asked["KeyId"], "PublicKey": base64.b64encode(der).decode()}
        message = base64.b64decode(asked["Message"], validate=True)
        if (asked["MessageType"], asked["SigningAlgorithm"]) != ("RAW", "ED25519_SHA_512"):
            return 400, {"__type": "ValidationException"}
        if len(message) > 4096:
            return 400, {"__type": "ValidationException"}
        signed = {"Signature": base64.b64encode(key.sign(message)).decode(), "KeyId": asked["KeyId"]}
        return 200, signed | {"SigningAlgorithm": "ED25519_SHA_512"}

    def unsigned(self, path: str, headers: dict[str, str], body: bytes) -> str:
        """Return why a request is not the user's; empty if it is."""
        said = headers.get("authorization", "")
        now = datetime.now(UTC)
        moment = datetime.strptime(headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(now - moment) > timedelta(minutes=5):
            return "RequestExpired"
        if f"Credential={self.access_key_id}/" not in said:
            return "UnrecognizedClientException"
        if headers.get("x-amz-security-token") != self.token or path != "/":
            return "UnrecognizedClientException"
        names = said.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if not {"host", "content-type", "x-amz-date", "x-amz-target"} <= set(names):
            return "IncompleteSignatureException"
        request = AWSRequest("POST", self.url + path, {name: headers[name] for name in names}, body)
        request.context["timestamp"] = headers["x-amz-date"]
        judge = SigV4Auth(Credentials(self.access_key_id, self.secret), "kms", REGION)
        signature = judge.signature(judge.string_to_sign(request, judge.canonical_request(request)), request)
        return "" if said.endswith(f"Signature={signature}") else "InvalidSignatureException"


@contextmanager
def running_kms() -> Iterator[KmsServer]:
    """Start one in this process, on a free port."""
    server = KmsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = server.answer(
                self.path, headers, self.rfile.read(int(headers["content-length"]))
            )
            server.kinds.append(str(answer.get("__type", "ok")))
            status, answer = server.lie((status, answer))
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
