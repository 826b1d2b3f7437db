"""AWS Signature Version 4 of one POST of JSON: who asks, and that nothing of it was changed.

Invariants:
1. Every header that is sent for the request's meaning is signed, and the body's digest with them.
2. The secret key is used for HMAC alone; it is in nothing that is returned.

Source: AWS, "Create a signed AWS API request".

Example:
    >>> headers = signed_headers(asked, b"{}", credentials, now)
    >>> headers["authorization"].partition(" ")[0]
    'AWS4-HMAC-SHA256'
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Asked", "signed_headers"]


@dataclass(frozen=True)
class Asked:
    """What is asked, of whom.

    Attributes:
        host: the server as its header names it.
        region: of the service.
        service: such as `kms`.
        target: the operation, for the header `x-amz-target`.
    """

    host: str
    region: str
    service: str
    target: str


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_headers(
    asked: Asked, body: bytes, credentials: Mapping[str, str], now: dt.datetime
) -> dict[str, str]:
    """Return the headers of a request for `/`, with its signature among them."""
    moment = now.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": asked.host,
        "x-amz-date": moment,
        "x-amz-target": asked.target,
    }
    if "session_token" in credentials:
        headers["x-amz-security-token"] = credentials["session_token"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{asked.region}/{asked.service}/aws4_request"
    said = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials['secret_access_key']}".encode()
    for part in scope.split("/"):
        key = _keyed(key, part)
    signature = _keyed(key, said).hex()
    who = f"{credentials['access_key_id']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={who}, SignedHeaders={names}, Signature={signature}"
    return headers | {"authorization": authorization}
