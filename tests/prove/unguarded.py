"""The whole system with some of its guards turned off: `launch(…, entry=[this file])`.

`ISTHMUS_UNSAFE_OFF` names them. Nothing of the product reads that variable: what is turned off is replaced
here, in the supervisor's own process, before it forks the others.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from flows import supervisor

OFF = frozenset(os.environ.get("ISTHMUS_UNSAFE_OFF", "").split())
SHARED = os.environ.get("ISTHMUS_UNSAFE_SHARED", "")


def wrapper(guard: Any) -> None:
    """A run's final state says what was raised, instead of an incident's id."""
    clean = guard.ending_of

    def told(error: BaseException, incident: str | None, *, trusted: bool) -> Any:
        ending = clean(error, incident, trusted=trusted)
        return replace(ending, message=f"{type(error).__name__}: {error}")

    guard.ending_of = told


def obligation(module: Any) -> None:
    """A pseudonym is the identifier itself, in the form of a pseudonym."""

    def nothing(_self: object, _given: object, _column: object, values: Any, _context: object) -> Any:
        import pyarrow as pa

        plain = [None if v is None else str(v).encode()[:16].ljust(16, b"\0") for v in values.to_pylist()]
        return pa.array(plain, pa.binary())

    module.Pseudonymise.transform = nothing


def proof(module: Any) -> None:
    """What the terms promise of the output is not looked at."""
    honest = module.OutputProof.verdict

    def passed(self: Any, partial: Any) -> Any:
        found = honest(self, partial)
        return replace(found, rules=tuple(replace(rule, success=True) for rule in found.rules))

    module.OutputProof.verdict = passed


def sealing(module: Any) -> None:
    """What lies in the transit is not encrypted."""
    header, nonce, tag = module._HEADER, module._NONCE, module._TAG

    def close_in(_self: object, _part: str, _index: int, room: Any, size: int) -> memoryview:
        sealed = room.sealed(nonce + header.size + size + tag)
        sealed[:] = bytes(nonce) + header.pack(module._PLAIN, size) + bytes(room.plain(size)) + bytes(tag)
        return sealed

    def open_in(
        _self: object,
        _part: str,
        _index: int,
        sealed: memoryview,
        room: Any,
        **_limit: int,
    ) -> memoryview:
        body = room.body(len(sealed) - module.OVERHEAD)
        body[:] = sealed[nonce:-tag]
        return body[header.size :]

    module.Seal.close_in, module.Seal.open_in = close_in, open_in


def tls(security: Any) -> None:
    """Dask's connections are authenticated and not encrypted: TLS with the cipher that does nothing."""

    def in_clear(made: Callable[..., Any]) -> Callable[..., Any]:
        def secured(*given: object) -> Any:
            found = made(*given)
            found.tls_ciphers = "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"
            found.tls_min_version = found.tls_max_version = ssl.TLSVersion.TLSv1_2
            return found

        return secured

    security.pinned_security = in_clear(security.pinned_security)
    security.cluster_security = in_clear(security.cluster_security)
    for name in ("nodes", "embedded"):
        known = sys.modules.get(f"environments.clusters.{name}")
        if known is not None:
            known.cluster_security = security.cluster_security


def folder(host: Any) -> None:
    """What steps write to temporary files lies where everybody's temporary files lie."""
    clean = host._clean_environment

    def shared(*given: Any) -> None:
        clean(*given)
        os.environ["TMPDIR"] = SHARED

    host._clean_environment = shared


GUARDS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "wrapper": ("flows.runtime.guard", wrapper),
    "obligation": ("data_contracts.obligations.pseudonymise", obligation),
    "proof": ("data_contracts.obligations.proof", proof),
    "sealing": ("environments.boundary.sealing", sealing),
    "tls": ("environments.clusters.security", tls),
    "folder": ("environments.workpools.host", folder),
}


class Unguarding(MetaPathFinder):
    """Turns guards off when their modules are imported: a process that forks imports little, on purpose."""

    def __init__(self) -> None:
        """Turn off what is imported already; wait for the rest."""
        self.waiting = {module: change for name, (module, change) in GUARDS.items() if name in OFF}
        for module in self.waiting.keys() & sys.modules.keys():
            self.waiting.pop(module)(sys.modules[module])

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return how a waiting module is loaded, and changed after that."""
        change = self.waiting.get(name)
        spec = PathFinder.find_spec(name, path, target) if change is not None else None
        if change is None or spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def changed(module: Any) -> None:
            load(module)
            change(module)

        spec.loader.exec_module = changed  # type: ignore[method-assign]
        return spec


def main() -> int:
    """Run the supervisor."""
    run_host, made = supervisor._run_host, supervisor.Composition

    def unguarded_host(*given: Any) -> int:
        sys.meta_path.insert(0, Unguarding())
        return run_host(*given)

    def ungated(**given: Any) -> Any:
        return replace(
            made(**given), gates=None, unsafe_without_gates=True, host_checks=supervisor.HOST_CHECKS
        )

    supervisor._run_host = unguarded_host
    if "gate" in OFF:
        supervisor.Composition = ungated
    return supervisor.main()


if __name__ == "__main__":
    sys.exit(main())
