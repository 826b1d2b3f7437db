"""Models and contracts that others sent: mutated, swollen, looping. A child looks first; none crashes us."""

from __future__ import annotations

import importlib.util
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from data_contracts.errors import DeclarationError, NotVerifiableError
from data_contracts.loading import contract_from_document, parse_contract
from data_contracts.model import Contract
from data_contracts.sandbox import GIB, MIB, Child, Limits, SandboxError
from environments.boundary.model_gate import check_model
from environments.boundary.model_probe import survive_model

pytestmark = pytest.mark.attack

_SPEC = importlib.util.spec_from_file_location("hostile_bytes", Path(__file__).with_name("hostile_files.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
hostile: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hostile)

MUTANTS = int(os.environ.get("ISTHMUS_FUZZ", "60"))
LOOK = "environments.boundary.model_work:look"
LIMITS = Limits(memory_bytes=GIB, cpu_seconds=60, wall_seconds=120)


def side(name: str, column: str) -> dict[str, Any]:
    return {"name": name, "properties": [{"name": column, "logicalType": "number", "required": True}]}


def contract(rows: int = 4) -> Contract:
    terms = {
        "format": "onnx",
        "opset": 18,
        "maxBytes": 100_000,
        "trainedOn": ["clinic.visits"],
        "parity": {"rows": rows, "tolerance": 0.001},
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "clinic.model",
        "version": "1.0.0",
        "status": "active",
        "schema": [side("inputs", "score"), side("outputs", "probability")],
        "customProperties": [{"property": "isthmusModel", "value": terms}],
    }
    return contract_from_document(document, file="x")


def model(folder: Path, nodes: list[Any], constants: list[Any] | None = None) -> dict[str, Path]:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("score", TensorProto.DOUBLE, [None])],
        [helper.make_tensor_value_info("probability", TensorProto.DOUBLE, [None])],
        initializer=constants or [],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path, probes = folder / "model.onnx", folder / "parity.parquet"
    onnx.save(made, path)
    scores = np.linspace(0, 1, 8)
    pq.write_table(pa.table({"score": scores, "probability": scores}), probes)
    return {"model.onnx": path, "parity.parquet": probes}


def test_a_sound_model_survives_and_passes(tmp_path: Path) -> None:
    files = model(tmp_path, [helper.make_node("Identity", ["score"], ["probability"])])
    survive_model(contract(), files)
    assert check_model(contract(), files) == ()


def test_mutated_models_are_looked_at_without_a_crash_here(tmp_path: Path) -> None:
    files = model(tmp_path, [helper.make_node("Identity", ["score"], ["probability"])])
    raw = files["model.onnx"].read_bytes()
    document = contract().document
    named = {name: str(path) for name, path in files.items()}
    found: Counter[str] = Counter()
    child: Child | None = None
    for mutant in hostile.mutants(raw, 31, MUTANTS):
        files["model.onnx"].write_bytes(mutant)
        child = child or Child(LOOK, LIMITS, read=list(files.values()))
        try:
            found[str(child.call({"contract": document, "files": named}))] += 1
        except SandboxError as error:
            found[error.code] += 1
            child = None
    if child is not None:
        child.close()
    assert sum(found.values()) == MUTANTS
    assert set(found) <= {"True", "False", "refused", "crash", "memory", "wall", "cpu"}, found
    assert found["False"] > MUTANTS // 2


def test_a_model_that_makes_gigabytes_ends_in_the_child(tmp_path: Path) -> None:
    size = helper.make_tensor("size", TensorProto.INT64, [2], [4_000_000, 4_000])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["one"], keepdims=0),
        helper.make_node("Cast", ["one"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Add", ["score", "wide"], ["probability"]),
    ]
    files = model(tmp_path, nodes, [size])
    assert files["model.onnx"].stat().st_size < 10_000
    start = time.monotonic()
    limits = Limits(memory_bytes=256 * MIB, cpu_seconds=20, wall_seconds=40)
    try:
        survive_model(contract(), files, limits)
    except NotVerifiableError as error:
        assert "safely" in str(error)  # noqa: PT017 - either end is lawful: the child's, or a refusal by rule
    else:
        assert check_model(contract(), files) != ()
    assert time.monotonic() - start < 45


def test_a_model_that_never_ends_is_ended(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["again"]),
            helper.make_node("Identity", ["carried"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.DOUBLE, [None]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.DOUBLE, [None]),
        ],
    )
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    loop = helper.make_node("Loop", ["", "yes", "score"], ["probability"], body=body)
    files = model(tmp_path, [loop], [yes])
    start = time.monotonic()
    with pytest.raises(NotVerifiableError, match=r"safely \((cpu|wall)\)"):
        survive_model(contract(), files, Limits(memory_bytes=GIB, cpu_seconds=3, wall_seconds=30))
    assert time.monotonic() - start < 35


def test_mutated_contracts_are_loaded_or_declared_wrong() -> None:
    catalog = Path(__file__).parents[2] / "data_contracts" / "catalog"
    text = (catalog / "hospital.covid-tests.odcs.yaml").read_bytes()
    refused = 0
    for mutant in hostile.mutants(text, 5, MUTANTS):
        try:
            parse_contract(mutant, file="x")
        except DeclarationError:
            refused += 1
    assert refused > MUTANTS // 3
