"""Three environments on three machines and the server on a fourth, each under a user of its own.

    hub      PostgreSQL, the Prefect server, its API by TLS; an environment to which nothing may cross
    onprem   its environment, and an SFTP server at which edge meets it
    cloud    its environment, and an SFTP server at which onprem and edge meet it
    edge     its environment; nothing listens there

Invariants:
1. Whatever one machine has of another came over a wire between them, or was carried as a file by a person:
   invitations, answers, admissions and the trust document.
2. No process runs as root but those that make and cut wires.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from netns import Net, network
from netns import why_not as no_network
from other_users import ISTHMUS, User, some_users, take_down
from other_users import why_not as no_users
from site_variants import shipped_site

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract_suites"))

from https_server import Authority
from ssh_server import MISSING, SSHD, new_key, write_config

HUB = "hub"
ENVIRONMENTS = ("onprem", "cloud", "edge")
MEET_AT = {("onprem", "cloud"): "cloud", ("edge", "cloud"): "cloud", ("edge", "onprem"): "onprem"}
"""Which machine serves the transit of two environments."""
API_PORT, SFTP_PORT = 4443, 2222
_HUB = """\
# The machine of the server: it asks and invites. Nothing may cross to it, and nothing lies there.
name: hub
kind: onprem
description: The machine of the Prefect server.
jurisdiction: US-PA
clearance: public
dask: embedded
store: local
capacity: {workers: {min: 1, max: 1}, threads: 1, memory: 256 MiB, pipelines: 1, steps: 1}
cost: {currency: USD}
steps: []
"""
Given, Done = TypeVar("Given"), TypeVar("Done")


def why_not() -> str:
    """Return why there can be no such machines here; empty where there can."""
    return no_network() or no_users(1 + len(ENVIRONMENTS)) or ("" if SSHD else MISSING)


@dataclass(frozen=True)
class Machines:
    """The machines.

    Attributes:
        net: their wires.
        users: whose home is on each, by its name.
        folder: everything of this run.
        running: what was started and stays; ended with the machines, or before by `end`.
        began: seconds that each part of the start took.
    """

    net: Net
    users: dict[str, User]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    began: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> User:
        return self.users[name]

    @property
    def url(self) -> str:
        """Where the API answers on the wires."""
        return f"https://{self.net.address(HUB)}:{API_PORT}/api"

    def exchange(self, host: str) -> Path:
        """Return the folder behind the SFTP server of a machine."""
        return self.users[host].folder / "exchange"

    def stay(self, name: str, log: str, *command: str) -> subprocess.Popen[bytes]:
        """Start what stays, on a machine, under its user; what it prints goes into a file."""
        user = self.users[name]
        with (self.folder / log).open("wb") as out, (self.folder / f"{log}.err").open("wb") as err:
            started = subprocess.Popen(
                user.words(*command), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=user.surroundings(), cwd=user.site,
            )  # fmt: skip
        self.running.append(started)
        return started

    def end(self) -> None:
        """End what stays, with its children: an SFTP server leaves a session to itself."""
        for process in self.running:
            with suppress(psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children(recursive=True)
                for each in (psutil.Process(process.pid), *children):
                    with suppress(psutil.NoSuchProcess):
                        each.terminate()
                psutil.wait_procs(children, timeout=10)
            process.wait(20)


def _own(user: User, *paths: Path) -> None:
    for path in paths:
        os.chown(path, user.uid, user.gid)
        path.chmod(0o700 if path.is_dir() else 0o600)


def at_once(work: Callable[[Given], Done], things: Iterable[Given]) -> list[Done]:
    """Do the same with several things at the same time."""
    known = list(things)
    with ThreadPoolExecutor(len(known)) as pool:
        return list(pool.map(work, known))


@contextmanager
def machines(names: tuple[str, ...] = (HUB, *ENVIRONMENTS)) -> Iterator[Machines]:
    """Make the machines, with everything on them up; take all of it away at the end."""
    # Short: a PostgreSQL socket's path must fit into 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ist-"))
    folder.chmod(0o755)
    site = shipped_site(folder / "site")
    users: dict[str, User] = {}
    left: list[str] = []
    try:
        with network(names) as net:
            authority = Authority(folder, "authority", net.address(HUB))
            for name, entry in zip(names, some_users(len(names)), strict=True):
                own = folder / name
                within = (*net.under(name), "env", f"SSL_CERT_FILE={authority.path}")
                users[name] = User(entry.pw_name, entry.pw_uid, entry.pw_gid, (), own, site, within)
                own.mkdir()
                _own(users[name], own)
            made = Machines(net, users, folder)
            try:
                _serve_transits(made)
                _declare(made)
                _start(made, authority)
                yield made
            finally:
                net.heal_all()
                made.end()
                left = take_down(users.values())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert not left, left


def _serve_transits(machines: Machines) -> None:
    """Start the SFTP servers, each with the keys of those who meet there."""
    assert SSHD is not None
    for name in ENVIRONMENTS:
        new_key(machines[name].folder / "id")
        _own(machines[name], machines[name].folder / "id")
    for host in dict.fromkeys(MEET_AT.values()):
        user, folder = machines[host], machines[host].folder / "sshd"
        folder.mkdir()
        new_key(folder / "host")
        write_config(folder, f"{machines.net.address(host)}:{SFTP_PORT}")
        guests = sorted({name for pair, at in MEET_AT.items() if at == host for name in pair})
        keys = [(machines[name].folder / "id.pub").read_text() for name in guests]
        (folder / "authorized").write_text("".join(keys))
        machines.exchange(host).mkdir()
        _own(user, folder, *folder.iterdir(), machines.exchange(host))
        machines.stay(host, f"sshd-{host}", SSHD, "-D", "-e", "-f", f"{folder}/config")


def _declare(machines: Machines) -> None:
    """Write the site that all machines have: what ships, the hub, and where environments meet."""
    site = machines[HUB].site
    (site / "environments" / "hub.yaml").write_text(_HUB, encoding="utf-8")
    for name in ENVIRONMENTS:
        lines = ["transits:"]
        for pair, host in MEET_AT.items():
            if name not in pair:
                continue
            peer = pair[1] if name == pair[0] else pair[0]
            key = (machines[host].folder / "sshd" / "host.pub").read_text().split()[:2]
            lines.append(
                f"  - {{with: {peer}, kind: sftp, host: {machines.net.address(host)}, port: {SFTP_PORT}, "
                f"user: {machines[host].name}, path: {machines.exchange(host)}, "
                f'host_key: "{" ".join(key)}", key: {machines[name].folder / "id"}}}'
            )
        with (site / "environments" / f"{name}.yaml").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _start(machines: Machines, authority: Authority) -> None:
    """Bring the server up, have the three join it, and bring these up."""
    clock, hub = time.monotonic(), machines[HUB]

    def lap(name: str) -> None:
        nonlocal clock
        machines.began[name], clock = round(time.monotonic() - clock, 1), time.monotonic()

    hub.json("up", "--only", HUB)
    certificate, key = (Path(shutil.move(path, hub.folder)) for path in authority.issue("api"))
    _own(hub, certificate, key)
    place = machines.url.removeprefix("https://").removesuffix("/api")
    words = ("api", "listen", "--on", place, "--certificate", str(certificate), "--key", str(key))
    machines.stay(HUB, "listen", *ISTHMUS, *words)
    lap("the server")
    _join(machines)
    lap("joining")
    at_once(lambda name: machines[name].json("up"), ENVIRONMENTS)
    lap("the environments")


def _join(machines: Machines) -> None:
    """Have each environment join: files that a person carries, and fingerprints that are compared."""
    hub = machines[HUB]

    def answers(name: str) -> dict[str, Any]:
        file = hub.folder / f"{name}.invitation.json"
        hub.json("env", "invite", name, "--api", machines.url, "--out", str(file))
        user = machines[name]
        invitation = hub.hand_over(file, user)
        told = user.json("env", "join", str(invitation), "--out", str(user.folder / f"{name}.answer.json"))
        return {"file": user.hand_over(Path(told["file"]), hub), "spoken": told["fingerprint"]}

    told = dict(zip(ENVIRONMENTS, at_once(answers, ENVIRONMENTS), strict=True))
    admissions = {}
    for name, answer in told.items():
        admissions[name] = hub.folder / f"{name}.admission.json"
        given = ("--fingerprint", answer["spoken"], "--out", str(admissions[name]))
        hub.json("env", "admit", str(answer["file"]), *given)
    newest = hub.folder / "trust.json"
    hub.run("trust", "export", "--out", str(newest))

    def completes(name: str) -> None:
        user = machines[name]
        here = hub.hand_over(admissions[name], user)
        user.json("env", "complete", str(here), "--fingerprint", told[name]["spoken"])
        if name != ENVIRONMENTS[-1]:  # who came last has the newest document
            user.run("trust", "update", str(hub.hand_over(newest, user)))

    at_once(completes, ENVIRONMENTS)
