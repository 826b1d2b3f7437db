"""Every shipped contract, each of its crossings: lawful rows, or a lawful model, cross and arrive.

Egress proves the output and looks at every byte of its files, ingress does the latter again: what is shipped
must pass all of it, in the shipped environments, under their own rules. Rows are made from the contract's own
words, so a contract that is added later is in here at once, or fails here.
"""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boundary_world import NAMES, World

from data_contracts.arrow import object_schema
from data_contracts.checks import check_tables, compile_plan
from data_contracts.model import Column, Contract, SchemaObject
from data_contracts.policy import select_terms
from data_contracts.registry import ContractRegistry
from environments.boundary import CrossingRequest, EgressResult, egress, ingress
from environments.site import Site
from environments.stores import LocalStore

ROWS = 600
SHIPPED = ContractRegistry.shipped()
PROFILES = Site.load().profiles


def crossings() -> list[tuple[str, str, str]]:
    """Return (contract, destination, purpose) for every declared crossing and every shipped environment."""
    return [
        (made.reference, name, purpose)
        for made in SHIPPED.all()
        if made.terms is not None
        for name, profile in PROFILES.items()
        for purpose in sorted({word for declared in made.terms.crossings for word in declared.purposes})
        if select_terms(made, profile.destination(), purpose) is not None
    ]


PATTERNS = {"^[LMH][0-9]{5}$": "L{:05d}"}
"""How a row's value is written for each pattern of a shipped contract."""


def values(column: Column, count: int, *, alike: bool = False) -> list[Any]:
    """Return lawful values, as many different ones as there are; `alike`: one value only."""
    known = next(
        (rule.arguments["validValues"] for rule in column.rules if rule.metric == "invalidValues"), ()
    )
    options = dict(column.options)
    if known:
        found: list[Any] = list(known)
    elif "pattern" in options:
        assert options["pattern"] in PATTERNS, "teach this test to write the pattern"
        found = [PATTERNS[options["pattern"]].format(row) for row in range(count)]
    elif column.logical_type == "string":
        found = [f"{column.name[:20]}-{row}"[: options.get("maxLength", 64)] for row in range(count)]
    else:
        least = options.get("minimum", 0)
        most = options.get("maximum", least + count - 1)
        kind = int if column.logical_type == "integer" else float
        found = [kind(least + row * (most - least) / max(1, count - 1)) for row in range(count)]
    cycle = itertools.islice(itertools.cycle(found[:1] if alike else found), count)
    return [None if not column.required and row % 7 == 6 else value for row, value in enumerate(cycle)]


def lawful(item: SchemaObject, alike: tuple[str, ...] = (), count: int = ROWS) -> pa.Table:
    made = {column.name: values(column, count, alike=column.name in alike) for column in item.columns}
    return pa.table(made, schema=object_schema(item))


def model(contract: Contract) -> tuple[bytes, pa.Table]:
    """Return an ONNX file of exactly the contract's inputs and outputs, and its answers."""
    from onnx import TensorProto, helper

    tensors = {"string": TensorProto.STRING, "integer": TensorProto.INT64, "number": TensorProto.FLOAT}
    inputs = [
        helper.make_tensor_value_info(column.name, tensors[column.logical_type], ["rows", 1])
        for column in contract.inputs.columns
    ]
    first, (output,) = contract.inputs.columns[0].name, contract.outputs.names
    nodes = [
        helper.make_node("Shape", [first], ["shape"]),
        helper.make_node(
            "ConstantOfShape", ["shape"], [output], value=helper.make_tensor("v", 1, [1], [0.5])
        ),
    ]
    answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", 1])
    graph = helper.make_graph(nodes, "shipped", inputs, [answer])
    assert contract.model is not None
    opset = [helper.make_opsetid("", contract.model.opset)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=9)
    probes = lawful(contract.inputs).append_column(output, pa.array([0.5] * ROWS, pa.float32()))
    return proto.SerializeToString(), probes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("shipped"))
    assert set(NAMES) == set(PROFILES)
    made.profiles = dict(PROFILES)
    made.documents = {name: [dict(shipped.document) for shipped in SHIPPED.all()] for name in NAMES}
    return made


def sent(world: World, contract: Contract, name: str, to: str, purpose: str) -> tuple[str, EgressResult]:
    """Send it from the environments that may, and return the first; denied everywhere is a failure."""
    answers = {}
    for source in sorted(set(NAMES) - {to}):
        store = LocalStore(world.folder(source).store)
        with store.begin(name) as draft:
            if contract.model is None:
                terms = select_terms(contract, PROFILES[to].destination(), purpose)
                assert terms is not None
                alike = () if terms.anonymity is None else terms.anonymity.quasi_identifiers
                table = lawful(contract.object, alike)
                verdict = check_tables(compile_plan(contract), [table])
                assert verdict.success, verdict.failed
                pq.write_table(table, draft.path / "part-00000.parquet", row_group_size=ROWS // 3)
            else:
                raw, probes = model(contract)
                (draft.path / "model.onnx").write_bytes(raw)
                pq.write_table(probes, draft.path / "parity.parquet")
            record = draft.commit(contract, contract.labels, rows=None if contract.model else ROWS)
        asked = CrossingRequest(name, record.version, to, purpose, f"run-{name}")
        answer = egress(world.env(source), asked)
        if answer.outcome == "permitted":
            return source, answer
        answers[source] = (answer.outcome, answer.rules)
    raise AssertionError(answers)


def test_some_contracts_cross() -> None:
    assert {reference.partition("@")[0] for reference, _, _ in crossings()} >= {
        "hospital.covid-tests",
        "hospital.positivity-summary",
        "hospital.result-model",
        "bank.anonymous-new-clients",
        "bank.default-model",
    }


@pytest.mark.parametrize(("reference", "destination", "purpose"), crossings())
def test_the_lawful_output_passes_the_whole_check(
    world: World, reference: str, destination: str, purpose: str
) -> None:
    contract = SHIPPED.get(reference)
    name = f"{contract.id}.{destination}.{purpose}".replace(".", "_").replace("-", "_")
    source, answer = sent(world, contract, name, destination, purpose)
    arrived = ingress(world.env(destination), source, answer.crossing)
    assert arrived.outcome == "permitted", arrived.rules
    store = LocalStore(world.folder(destination).store)
    assert len(store.versions(name)) == 1
