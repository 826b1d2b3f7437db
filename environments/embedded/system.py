"""One system's parts: how each is started, from the socket to the last environment's host.

Invariants:
1. The supervisor's memory holds no secret: password and credential are read by the child that needs them.
2. The supervisor opens no environment's folder: children do, each one.
3. Everything of a system carries its mark, stands in its own session, and dies with the supervisor.
4. It runs the environments that live in this home. A home that joined another machine's has no database and
   no server of its own: its API is that machine's.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

from data_contracts.errors import DefectError, IsthmusError, UnreachableError, UsageError
from environments.embedded.api import ApiAddress, client_settings, read_api, use_api, write_api
from environments.embedded.client import Client
from environments.embedded.composition import Composition
from environments.embedded.forks import fork_part
from environments.embedded.parts import DATABASE, GENTLY_THEN_FIRMLY, Part
from environments.embedded.postgres import Postgres, exec_postgres
from environments.embedded.processes import MARK, carries, threads
from environments.embedded.server import HOST, bind_loopback, preload_settings, run_server
from environments.embedded.settings import SystemSettings, make_secrets, remember_port, secret
from environments.members import environments_here, read_membership
from environments.profile import Profile

__all__ = ["NO_THREADS", "System"]

NO_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Linear algebra, and an allocator of Arrow's that it does not use, start threads when they are imported: no
fork were safe."""


class System:
    """One system, being started."""

    def __init__(self, composition: Composition, settings: SystemSettings) -> None:
        """Take what runs, and what this home remembers."""
        self.composition = composition
        self.home = composition.home
        self.settings = settings
        self.logs = self.home.system / "logs"
        self.data = self.home.system / "postgresql"
        self.listener: socket.socket | None = None
        self.joined = read_membership(self.home)
        if self.joined is not None and self.joined.state == "waiting":
            raise UsageError(
                f"this home waits to be admitted as {self.joined.name}",
                remedy="have its answer admitted on the other machine, then `isthmus env complete FILE`",
            )
        if self.joined is not None and not self.joined.api:
            raise UsageError(
                f"this home joined as {self.joined.name} without an API: no worker of it has anybody to ask",
                remedy="carry crossings on a disk (`isthmus media`)",
            )
        self._gates: dict[str, socket.socket] = {}

    @property
    def url(self) -> str:
        """The API's address."""
        if self.joined is not None:
            return self.joined.api
        return f"http://{HOST}:{self.settings.port}/api"

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """The environments that live in this home, by name.

        Raises:
            UsageError: none does.
        """
        declared = self.composition.site.profiles
        here = environments_here(self.home, declared)
        if not here:
            raise UsageError(
                "no environment lives in this home", remedy="`isthmus env list` shows what lives where"
            )
        return {name: declared[name] for name in here}

    def settle_in(self) -> None:
        """Give this process the ground that all parts stand on: mark, folder, private files, one thread."""
        os.umask(0o077)
        os.chdir(self.home.system)
        if not carries(self.settings.mark):
            raise DefectError(f"started without {MARK}", remedy="start it with `isthmus up`")
        os.environ.update(NO_THREADS)
        use_api(preload_settings(self.home.system / "prefect"))

    def bind(self) -> str | None:
        """Bind the API's port; return a note if it is another than last time.

        Raises:
            UnreachableError: the port that the user named is taken.
        """
        explicit, remembered = self.composition.port, self.settings.port
        note = None
        try:
            self.listener = bind_loopback(explicit or remembered or 0)
        except OSError as error:
            if explicit or not remembered:
                raise UnreachableError(
                    f"port {explicit or 'any'} on {HOST} cannot be used: {error.strerror}",
                    remedy="stop what uses it, or name a free one with --port, or leave --port out",
                ) from None
            self.listener = bind_loopback(0)
            note = f"port {remembered}, used last time, is taken by another program"
        self.settings = remember_port(self.home, self.settings, self.listener.getsockname()[1])
        return note

    def prepare_hosts(self) -> None:
        """Import what hosts share, and read the site's contracts: each step would judge all of them anew.

        What is wrong with one is told by whoever needs it.

        Raises:
            DefectError: as `preload`.
        """
        with suppress(IsthmusError):
            self.composition.site.contracts.all()
        self.preload(self.composition.preload)

    def preload(self, names: Sequence[str]) -> None:
        """Import what parts share, then keep the collector off those pages.

        Raises:
            DefectError: an import started a thread, so that no fork were safe.
        """
        for name in names:
            importlib.import_module(name)
        if threads() != 1:
            raise DefectError(
                f"{threads()} threads after preloading", remedy="report it: an import starts a thread"
            )
        gc.collect()
        gc.freeze()

    def publish(self) -> None:
        """Make the secrets and write the API's address; runs in a child."""
        make_secrets(self.home)
        write_api(self.home, ApiAddress(self.url, f"isthmus:{secret(self.home, 'api')}"))

    def ask_joined(self) -> str:
        """Ask the API that this home joined; empty where it answers, else why it does not. Runs in a child.

        Raises:
            NotVerifiableError: the credential is missing, or the API refuses it.
        """
        try:
            Client(read_api(self.home), timeout=5.0).get("/admin/version")
        except UnreachableError as error:
            return str(error)
        return ""

    def _postgres(self) -> Postgres:
        return Postgres(self.data, secret(self.home, "database"), self.settings.database_uid)

    def postgresql(self) -> Part:
        """The database."""

        def body() -> int:
            exec_postgres(self._postgres())

        start = partial(fork_part, body, log=self.logs / "postgresql.log")
        return Part("postgresql", start, DATABASE)

    def server(self) -> Part:
        """The Prefect server."""
        listener = self.listener
        if listener is None:
            raise DefectError("the server before its port")

        def body() -> int:
            return run_server(self.home.system, read_api(self.home), self._postgres(), listener)

        start = partial(fork_part, body, log=self.logs / "server.log", keep=[listener.fileno()])
        return Part("server", start, ((signal.SIGTERM, 5.0), (signal.SIGKILL, 3.0)))

    def gate_url(self, name: str) -> str | None:
        """Return where an environment's processes reach its gate; binds it first. None: without gates.

        Raises:
            DefectError: nobody said that hosts may do without.
        """
        gates = self.composition.gates
        if gates is None:
            if not self.composition.unsafe_without_gates:
                raise DefectError("hosts without API gates")
            return None
        if name not in self._gates:
            self._gates[name] = gates.bind()
        return gates.url(self._gates[name])

    def gate(self, profile: Profile) -> Part:
        """One environment's gate for API traffic: the only one of its processes with the real credential."""
        folder, gates = self.home.environment(profile.name), self.composition.gates
        listener = self._gates.get(profile.name)
        if gates is None or listener is None:
            raise DefectError("a gate before its port")
        run = gates.run

        def body() -> int:
            os.chdir(folder.tmp)
            return run(folder, read_api(self.home), listener)

        start = partial(fork_part, body, log=lambda: folder.logs / "gate.log", keep=[listener.fileno()])
        return Part(f"gate@{profile.name}", start, ((signal.SIGTERM, 5.0), (signal.SIGKILL, 3.0)))

    def close(self) -> None:
        """Give the ports back."""
        for listener in (self.listener, *self._gates.values()):
            if listener is not None:
                listener.close()

    def host(self, profile: Profile) -> Part:
        """One environment's host."""
        folder = self.home.environment(profile.name)
        run_host = self.composition.run_host
        if run_host is None:
            raise DefectError("a host without a runner")

        gate = self.gate_url(profile.name)

        def body() -> int:
            os.chdir(folder.tmp)
            # The gate's own credential is in the folder, for the worker alone (environments.apigate.address).
            api = read_api(self.home) if gate is None else ApiAddress(gate, "")
            use_api(client_settings(api, prefect_home=folder.prefect))
            _refresh_prefect()
            return run_host(folder, profile, api, self.composition.site)

        def log() -> Path:
            return folder.logs / "host.log"

        return Part(f"host@{profile.name}", partial(fork_part, body, log=log), GENTLY_THEN_FIRMLY)

    def pump(self, profile: Profile) -> Part:
        """One environment's pump; it has no credential of the server's."""
        folder, run_pump = self.home.environment(profile.name), self.composition.run_pump
        if run_pump is None:
            raise DefectError("a pump without a runner")

        def body() -> int:
            os.chdir(folder.tmp)
            return run_pump(folder, self.composition.site)

        start = partial(fork_part, body, log=lambda: folder.logs / "pump.log")
        return Part(f"pump@{profile.name}", start, GENTLY_THEN_FIRMLY)

    def register(self) -> object:
        """Register deployments; runs in a child."""
        if self.composition.register is None:
            return None
        use_api(client_settings(read_api(self.home), prefect_home=self.home.system / "prefect"))
        _refresh_prefect()
        self.composition.register(self.home, self.composition.site)
        return None


def _refresh_prefect() -> None:
    """Let Prefect, imported before the fork with settings without secrets, see this process's own."""
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
