"""OpenSSH's own server on a high port of this machine, for the user who runs the tests.

```python
with running_sshd(folder) as server:
    spec = server.spec("/in")
```
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments.transits import SftpTransitSpec

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = "OpenSSH's server is not here"


@dataclass(frozen=True)
class SshServer:
    """A server, and a key that it knows.

    Attributes:
        port: where it listens on 127.0.0.1.
        host_key: what it shows.
        key: the file of a private key that it takes.
    """

    port: int
    host_key: str
    key: Path
    log: Path

    def spec(self, path: str, **changes: object) -> SftpTransitSpec:
        known = {"host_key": self.host_key, "key": self.key, **changes}
        return SftpTransitSpec("cloud", "127.0.0.1", self.port, getpass.getuser(), path, **known)  # type: ignore[arg-type]


def new_key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, place: str) -> None:
    """Write what the server reads: one key of its own, one file of those that it takes, and SFTP alone."""
    (folder / "config").write_text(
        f"ListenAddress {place}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n"
    )


@contextmanager
def running_sshd(folder: Path) -> Iterator[SshServer]:
    assert SSHD is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host_key, public = new_key(folder / "host"), new_key(folder / "client")
    (folder / "authorized").write_text(public + "\n")
    port = free_port()
    write_config(folder, f"127.0.0.1:{port}")
    log = folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "config")], stdin=subprocess.DEVNULL, stderr=stderr
        )
    try:
        _wait(port, process, log)
        yield SshServer(port, host_key, folder / "client", log)
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
