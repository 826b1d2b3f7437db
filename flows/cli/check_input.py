"""What `isthmus check` checks: a file against a contract or a suite, or an asset where it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from data_contracts.errors import UsageError
from environments.home import Home
from environments.site import Site

if TYPE_CHECKING:
    import pyarrow as pa

    from data_contracts.checks import CheckPlan
    from data_contracts.formats import Source
    from data_contracts.labels import Labels
    from data_contracts.measure import Reading
    from data_contracts.model import Contract
    from data_contracts.suites import Compiled, Suite
    from data_contracts.verdict import Verdict

__all__ = ["Checked", "Part", "check_asset", "check_contract", "check_suite", "read_references"]


@dataclass(frozen=True)
class Part:
    """Rows as they were checked, flags of those with unreadable cells, and of text files the text itself."""

    table: pa.Table
    unreadable: object = None
    written: Callable[[], pa.Table] | None = None

    def shown(self) -> pa.Table:
        """Return the rows as they stand in the file: every part of one file has the same types."""
        return self.table if self.written is None else self.written()


@dataclass(frozen=True)
class Checked:
    """What was checked, and what was found.

    Attributes:
        name: of the file or asset.
        reference: what it was checked against.
        verdict: what was found.
        plan: the rules, as they were evaluated.
        parts: reads the rows again.
        labels: of the data; what is written of it carries them. Without a contract, the highest.
        suite: the suite, where it was one.
        compiled: its expectations.
    """

    name: str
    reference: str
    verdict: Verdict
    plan: CheckPlan
    parts: Callable[[], Iterator[Part]]
    labels: Labels
    suite: Suite | None = None
    compiled: tuple[Compiled, ...] = ()


def read_references(said: tuple[str, ...]) -> dict[str, Reading]:
    """Return the other sides of foreign keys by object name.

    Raises:
        UsageError: one is not `NAME=FILE`, or a name stands twice.
    """
    found: dict[str, Reading] = {}
    for item in said:
        name, sign, path = item.partition("=")
        if not (name and sign and path) or name in found:
            raise UsageError(
                f"--reference {item}: not NAME=FILE", remedy="an object's name once, and its file"
            )
        found[name] = _typed(Path(path))[1]
    return found


Result = TypeVar("Result")


def _reading(file: Path, action: Callable[[], Result]) -> Result:
    """Do what reads a file; what the machine refuses is about the name that was given."""
    try:
        return action()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None


def _typed(path: Path) -> tuple[pa.Schema, Reading]:
    """Open a file without a contract: its own types, and of CSV those that its cells have."""
    from data_contracts.checks import Files
    from data_contracts.formats import open_source
    from data_contracts.suites.csvtypes import typed_csv

    source = open_source(path)
    if source.kind == "csv":
        typed = typed_csv(source.read)
        return typed.schema, typed.read
    return source.schema, Files((path,)) if source.kind == "parquet" else source.read


def check_suite(file: Path, suite_file: Path) -> Checked:
    """Check a file against a suite of Great Expectations.

    Raises:
        UsageError: file or suite cannot be read.
        DeclarationError: it is no suite.
        DataBreaksContractError: the file is damaged.
    """
    from data_contracts.checks import examine
    from data_contracts.checks.expectations import compile_suite, plan_of_suite
    from data_contracts.labels import Labels
    from data_contracts.suites import load_suite

    suite = load_suite(suite_file)
    schema, read = _reading(file, lambda: _typed(file))
    plan = plan_of_suite(suite, schema)
    verdict = _reading(file, lambda: examine(plan, read).verdict)

    def parts() -> Iterator[Part]:
        for table in read(None):
            yield Part(table)

    compiled = compile_suite(suite, schema)
    return Checked(file.name, suite.name, verdict, plan, parts, Labels(), suite, compiled)


def check_contract(file: Path, contract: Contract, references: Mapping[str, Reading]) -> Checked:
    """Check a file against a contract.

    Raises:
        UsageError: it is a model's contract, or the file cannot be read.
        DataBreaksContractError: the file is damaged, or its columns are not the contract's.
    """
    from datetime import UTC, datetime

    from data_contracts.checks import Files, compile_plan, examine
    from data_contracts.checks.text import with_unreadable
    from data_contracts.formats import open_source

    if contract.model is not None:
        raise UsageError(f"{contract.reference} is a model's contract", remedy="name a contract of data")
    source: Source = _reading(file, lambda: open_source(file, contract))
    read = Files((file,)) if source.kind == "parquet" else source.read
    # A key may refer to its own object.
    others = {contract.object.name: read, **references}
    plan = compile_plan(contract, references=others, now=datetime.now(UTC))
    verdict = _reading(file, lambda: examine(plan, read).verdict)
    # A folder has types, and its keys are text all the same.
    verdict = with_unreadable(verdict, source.unreadable)

    def parts() -> Iterator[Part]:
        for batch in source.batches(None):
            yield Part(batch.table, batch.rejected, batch.written)

    return Checked(file.name, contract.reference, verdict, plan, parts, contract.labels)


def check_asset(home: Home, site: Site, env: str, asset: str, given: Contract | None) -> Checked:
    """Check an asset of an environment's store, against its own contract or a given one.

    Raises:
        UsageError: there is no such environment or asset, or it is a model.
    """
    from datetime import UTC, datetime

    from data_contracts.checks import Files, check_files, compile_plan
    from environments.assets import reference_files
    from environments.ref import check_name, parse_asset
    from environments.stores import open_store

    profile = site.profile(check_name(env, "--env"))
    store = open_store(home.environment(env), profile)
    record = store.record(*parse_asset(asset))
    contract = given or store.contract(record)
    if contract.model is not None:
        raise UsageError(
            f"{asset} is a model", remedy="models are checked at the gate: isthmus sync NAME --from … --to …"
        )
    paths = [path for path in store.open(record) if path.suffix == ".parquet"]
    others = reference_files(store, contract, paths)
    plan = compile_plan(contract, references=others, now=datetime.now(UTC))
    verdict = check_files(plan, paths)

    def parts() -> Iterator[Part]:
        for table in Files(tuple(paths))(None):
            yield Part(table)

    return Checked(asset, contract.reference, verdict, plan, parts, record.labels)
