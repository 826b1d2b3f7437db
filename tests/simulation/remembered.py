"""What the checks say about bytes, asked of the real checks once for each input and then remembered.

The simulation is about the order of things, not about Parquet: a contract is compiled, a file checked,
decoded and transformed once in a test process, and the same question later gets the same answer. Everything
else of a step is real: what is read from the store is verified, what is written is written, and each answer
is noted in the simulated process that asked, so that a commit without it is seen.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from running import aside, current

from data_contracts.model import Contract
from data_contracts.obligations import verify_file
from data_contracts.projection import project
from data_contracts.sandbox.probing import probe_files
from environments.boundary.checking import check_arrived, check_parts
from environments.boundary.context import EnvironmentContext
from environments.boundary.preparing import Output, prepare
from environments.private import make_private
from environments.stores.cutting import cut

__all__ = ["digests", "remembering"]

_KNOWN: dict[tuple[Any, ...], Any] = {}


def digests(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the SHA-256 of each file, sorted."""
    return tuple(sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))


def _known(key: tuple[Any, ...], ask: Callable[[], Any]) -> Any:
    if key not in _KNOWN:
        with aside():  # a seed is the same run whether it was asked before or not
            _KNOWN[key] = ask()
    return _KNOWN[key]


def _project(contract: Contract, destination: Any, purpose: str) -> Contract:
    key = ("project", contract.digest, str(destination), purpose)
    return _known(key, lambda: project(contract, destination, purpose))


def _verify_file(path: Path, arrival: Contract, decoded: Any = None) -> Any:
    key = ("verify", digests([path]), path.name, arrival.digest)
    return _known(key, lambda: verify_file(path, arrival, decoded))


def _probe_files(paths: Sequence[Path]) -> bool:
    return bool(_known(("probe", digests(paths)), lambda: probe_files(paths)))


def _check_parts(env: EnvironmentContext, contract: Contract, paths: Sequence[Path]) -> Any:
    return _passed(paths, ("check", contract.digest), lambda: check_parts(env, contract, paths))


def _check_arrived(env: EnvironmentContext, contract: Contract, paths: Sequence[Path]) -> Any:
    return _passed(paths, ("arrived", contract.digest), lambda: check_arrived(env, contract, paths))


def _passed(paths: Sequence[Path], key: tuple[str, ...], check: Callable[[], Any]) -> Any:
    found = digests(paths)
    verdict = _known((*key, found), check)
    process = current()
    if verdict.success and process is not None:
        process.passed.add(found)
    return verdict


def _prepare(env: EnvironmentContext, asked: Any, work: Callable[[], Path]) -> Any:
    """As `prepare`: the store's bytes verified, the answer about them, and what it says written anew."""
    request = asked.request
    members = tuple(
        (each.record.name, each.record.version, each.contract.digest if each.contract else "")
        for each in asked.members
    )
    key = ("prepare", env.name, members, request.destination, request.purpose)
    answer = _known(key, lambda: _prepared(env, asked))
    env.progress("egress.check")
    for each in asked.members:
        for entry in each.record.files:
            env.store.materialise(each.record, entry.path)
    if not isinstance(answer[0], _Kept):
        return answer
    env.progress("egress.obligations")
    folder, outputs = work(), []
    for number, kept in enumerate(answer):
        place = folder if len(answer) == 1 else make_private(folder / str(number))
        files = {name: place / name for name in kept.data}
        for name, path in files.items():
            path.write_bytes(kept.data[name])
        entries = tuple(cut(files[name], name, durable=False) for name in sorted(files))
        outputs.append(replace(kept.output, files=files, entries=entries))
    env.progress("egress.output")
    return tuple(outputs)


@dataclass(frozen=True)
class _Kept:
    output: Output
    data: dict[str, bytes]


def _prepared(env: EnvironmentContext, asked: Any) -> Any:
    quiet = replace(env, progress=lambda _name: None)
    with tempfile.TemporaryDirectory() as folder:
        found = prepare(quiet, asked, lambda: Path(folder))
        if not isinstance(found[0], Output):
            return found
        return tuple(
            _Kept(output, {name: path.read_bytes() for name, path in output.files.items()})
            for output in found
        )


_INSTEAD: tuple[tuple[Any, Any], ...] = (
    (project, _project),
    (verify_file, _verify_file),
    (probe_files, _probe_files),
    (check_parts, _check_parts),
    (check_arrived, _check_arrived),
    (prepare, _prepare),
)


@contextmanager
def remembering() -> Iterator[None]:
    """Put the remembered answers in place of the functions, wherever the gate's modules call them."""
    with ExitStack() as stack:
        for real, instead in _INSTEAD:
            places = [
                (module, name)
                for path, module in list(sys.modules.items())
                if path.startswith("environments.boundary.")
                for name, found in list(vars(module).items())
                if found is real
            ]
            callers = [place for place in places if place[0].__name__ != real.__module__]
            if not callers:
                raise AssertionError(f"nothing at the gate calls {real.__name__} any more: say what does")
            for module, name in callers:
                stack.enter_context(mock.patch.object(module, name, instead))
        yield
