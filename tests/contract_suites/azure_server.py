"""Azurite, Microsoft's own emulator of Azure Blob Storage, with one account and one container.

```python
with running_azurite(folder) as server:
    spec = server.spec(tmp_path)
```
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from ssh_server import free_port

from environments.transits import AzureTransitSpec

HOME = "/opt/azurite/node_modules/.bin"
AZURITE = shutil.which("azurite-blob", path=f"{os.environ.get('PATH', '')}:{HOME}")
MISSING = "Azurite is not here"
ACCOUNT, CONTAINER, VERSION = "clinic", "exchange", "2021-12-02"


@dataclass(frozen=True)
class AzureServer:
    """A server that checks signatures, and the key of its account."""

    url: str
    key: str

    def credentials(self, folder: Path, text: str = "") -> Path:
        path = folder / "azure.toml"
        path.write_text(text or f'account_key = "{self.key}"\n')
        path.chmod(0o600)
        return path

    def spec(self, folder: Path, *, prefix: str = "clinic") -> AzureTransitSpec:
        credentials = self.credentials(folder)
        return AzureTransitSpec("cloud", ACCOUNT, CONTAINER, prefix, self.url, credentials)

    def sign(self, text: str) -> str:
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def make_container(self) -> int:
        now = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": now, "x-ms-version": VERSION}
        signed = "".join(f"{name}:{word}\n" for name, word in headers.items())
        resource = f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container"
        signature = self.sign("PUT" + "\n" * 12 + signed + resource)
        headers |= {"Authorization": f"SharedKey {ACCOUNT}:{signature}", "Content-Length": "0"}
        return httpx.put(f"{self.url}/{CONTAINER}?restype=container", headers=headers).status_code

    def token(self, rights: str) -> str:
        """Return a shared access signature of the container (service SAS, version 2021-12-02)."""
        until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = [rights, "", until, f"/blob/{ACCOUNT}/{CONTAINER}", "", "", "", VERSION, "c", *[""] * 7]
        query = {"sv": VERSION, "sr": "c", "sp": rights, "se": until, "sig": self.sign("\n".join(fields))}
        return str(httpx.QueryParams(query))


@contextmanager
def running_azurite(folder: Path) -> Iterator[AzureServer]:
    """Start one on a free port; it is stopped at the end."""
    assert AZURITE is not None
    port = free_port()
    server = AzureServer(
        f"http://127.0.0.1:{port}/{ACCOUNT}", base64.b64encode(secrets.token_bytes(64)).decode()
    )
    command = [AZURITE, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    env = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{server.key}"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(300):
            assert process.poll() is None, (folder / "log").read_text()
            with suppress(httpx.TransportError):
                status = server.make_container()
                assert status == httpx.codes.CREATED, status
                break
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)
