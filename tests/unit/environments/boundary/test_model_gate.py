"""Models at the gate: real ONNX files, each with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boundary_world import World, boundary
from onnx import TensorProto, helper

from data_contracts.labels import Classification, Labels
from data_contracts.loading import contract_from_document
from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.model_gate import check_model
from environments.stores import LocalStore

CONTRACT: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "clinic.model",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "inputs",
            "properties": [
                {
                    "name": "score",
                    "logicalType": "number",
                    "required": True,
                    "classification": "internal",
                    "logicalTypeOptions": {"minimum": 0},
                }
            ],
        },
        {
            "name": "outputs",
            "properties": [
                {
                    "name": "probability",
                    "logicalType": "number",
                    "required": True,
                    "classification": "internal",
                    "logicalTypeOptions": {"minimum": 0, "maximum": 1},
                }
            ],
        },
    ],
    "customProperties": [
        {
            "property": "isthmusModel",
            "value": {
                "format": "onnx",
                "opset": 18,
                "maxBytes": 10_000,
                "trainedOn": ["clinic.visits"],
                "parity": {"rows": 50, "tolerance": 0.000001},
            },
        },
        *boundary({"to": {"kind": "edge"}, "purposes": ["batch-inference"]}),
    ],
}


def model(*, slope: float = 0.5, opset: int = 18) -> onnx.ModelProto:
    shape = ["rows", 1]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["score", "slope"], ["scaled"]),
            helper.make_node("Sigmoid", ["scaled"], ["probability"]),
        ],
        "clinic",
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, shape)],
        [helper.make_tensor("slope", TensorProto.FLOAT, [1], [slope])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def probes(rows: int = 60) -> pa.Table:
    score = np.arange(rows, dtype=np.float32) / 8
    return pa.table({"score": score, "probability": 1 / (1 + np.exp(-score * np.float32(0.5)))})


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in ("model.onnx", "parity.parquet")}
    paths["model.onnx"].write_bytes(model().SerializeToString())
    pq.write_table(probes(), paths["parity.parquet"])
    return paths


def check(files: dict[str, Path]) -> list[str]:
    return [rule.id for rule in check_model(contract_from_document(CONTRACT), files)]


def test_a_genuine_model_passes(files: dict[str, Path]) -> None:
    assert check(files) == []


def _external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("float_data")
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def _external_in_a_constant(proto: onnx.ModelProto) -> None:
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["hidden"], value=tensor))


def _custom(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].domain = "com.evil"
    proto.opset_import.append(helper.make_opsetid("com.evil", 1))


def _custom_in_a_branch(proto: onnx.ModelProto) -> None:
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])
    branch = helper.make_graph([helper.make_node("Evil", [], ["b"], domain="com.evil")], "then", [], [out])
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    proto.graph.node.append(helper.make_node("Constant", [], ["cond"], value=condition))
    proto.graph.node.append(
        helper.make_node("If", ["cond"], ["unused"], then_branch=branch, else_branch=branch)
    )


def _function(proto: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    proto.functions.append(
        helper.make_function("local", "f", ["x"], ["y"], [node], [helper.make_opsetid("", 18)])
    )


def _renamed(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].name = proto.graph.node[1].output[0] = "answer"


def _unsound(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "nowhere"


def _large(proto: onnx.ModelProto) -> None:
    proto.doc_string = "x" * 20_000


def _another(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].float_data[0] = 0.6


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_external, "model.external-data"),
        (_external_in_a_constant, "model.external-data"),
        (_custom, "model.domains"),
        (_custom_in_a_branch, "model.domains"),
        (_function, "model.domains"),
        (_renamed, "model.outputs.names"),
        (_unsound, "model.checker"),
        (_large, "model.max-bytes"),
        (_another, "model.parity"),
    ],
)
def test_one_thing_wrong(
    files: dict[str, Path], change: Callable[[onnx.ModelProto], None], rule: str
) -> None:
    proto = model()
    change(proto)
    files["model.onnx"].write_bytes(proto.SerializeToString())
    assert rule in check(files)


def test_a_newer_opset(files: dict[str, Path]) -> None:
    files["model.onnx"].write_bytes(model(opset=21).SerializeToString())
    assert check(files) == ["model.opset"]


def test_another_type(files: dict[str, Path]) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["score"], ["probability"])],
        "clinic",
        [helper.make_tensor_value_info("score", TensorProto.INT64, ["rows", 1])],
        [helper.make_tensor_value_info("probability", TensorProto.INT64, ["rows", 1])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    files["model.onnx"].write_bytes(proto.SerializeToString())
    assert check(files) == ["model.inputs.types", "model.outputs.types"]


@pytest.mark.parametrize("raw", [b"", b"\x00", b"not a model", b"\xff" * 1000])
def test_no_model_at_all(files: dict[str, Path], raw: bytes) -> None:
    files["model.onnx"].write_bytes(raw)
    assert len(check(files)) >= 1


def _row(table: pa.Table, column: str, value: float) -> pa.Table:
    values = [value, *table[column].to_pylist()[1:]]
    return table.set_column(table.column_names.index(column), column, pa.array(values, table[column].type))


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (probes(49), "model.parity.rows"),
        (_row(probes(), "probability", 0.9), "model.parity"),
        (_row(probes(), "probability", 1.5), "model.parity.probability.maximum"),
        (_row(probes(), "score", -1.0), "model.parity.score.minimum"),
        (probes().append_column("name", pa.array(["Wilhelmina"] * 60)), "model.parity.columns"),
        (probes().select(["score"]), "model.parity.columns"),
    ],
    ids=["too few", "another answer", "impossible answer", "impossible probe", "a column more", "no answers"],
)
def test_probes(files: dict[str, Path], table: pa.Table, rule: str) -> None:
    pq.write_table(table, files["parity.parquet"])
    assert rule in check(files)


def test_nan_is_no_parity(files: dict[str, Path]) -> None:
    proto = model(slope=float("nan"))
    files["model.onnx"].write_bytes(proto.SerializeToString())
    assert "model.parity" in check(files)


def test_another_file_beside_it(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "custom_ops.so").write_bytes(b"\x7fELF")
    assert check({**files, "custom_ops.so": tmp_path / "custom_ops.so"}) == ["model.files"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    for name in ("cloud", "edge"):
        world.documents[name].append(CONTRACT)
    return world


def add_model(world: World, files: dict[str, Path]) -> CrossingRequest:
    store = LocalStore(world.folder("cloud").store)
    with store.begin("model") as draft:
        for name, path in files.items():
            (draft.path / name).write_bytes(path.read_bytes())
        labels = Labels(Classification.CONFIDENTIAL, frozenset({"health"}))
        record = draft.commit(contract_from_document(CONTRACT), labels)
    return CrossingRequest("model", record.version, "edge", "batch-inference", "run-1")


def test_a_model_crosses_whole_with_its_training_datas_labels(world: World, files: dict[str, Path]) -> None:
    request = add_model(world, files)
    sent = egress(world.env("cloud"), request)
    assert sent.outcome == "permitted", sent.rules
    assert sent.version == request.version
    arrived = ingress(world.env("edge"), "cloud", sent.crossing)
    assert arrived.outcome == "permitted", arrived.rules
    assert settle(world.env("cloud"), "edge", sent.crossing).outcome == "permitted"
    store = world.env("edge").store
    record = store.record("model")
    assert (record.version, record.rows) == (request.version, None)
    assert record.labels == Labels(Classification.CONFIDENTIAL, frozenset({"health"}))
    assert store.materialise(record, "model.onnx").read_bytes() == files["model.onnx"].read_bytes()


def test_a_broken_model_stays(world: World, files: dict[str, Path]) -> None:
    proto = model()
    _another(proto)
    files["model.onnx"].write_bytes(proto.SerializeToString())
    sent = egress(world.env("cloud"), add_model(world, files))
    assert (sent.outcome, [rule.id for rule in sent.rules]) == ("broken", ["model.parity"])
    assert not world.transit("cloud", "edge").exists()
