"""A model at the gate: what the file may be, and that it still answers as the trained model did.

Invariants, in order; a later one is looked at only where the earlier ones hold:
1. The version is exactly `model.onnx` and `parity.parquet`, within `maxBytes`.
2. The model parses, ONNX's own checker takes it, it needs no opset beyond the contract's and no domain
   but ONNX's own two, has no function of its own, and no tensor whose data lies in another file.
3. Its inputs and outputs are, by name and type, exactly the contract's.
4. The probes in `parity.parquet` keep the contract, there are enough of them, and run again here they give
   the recorded outputs within the contract's tolerance.

The model is loaded from bytes, so no path in it means anything. Sources: ONNX IR (onnx.proto3), ORT docs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.checks import compile_plan, merge
from data_contracts.errors import UsageError
from data_contracts.model import Column, Contract, ModelTerms
from environments.boundary.partitions import parts_of
from environments.boundary.result import GateRule, failed_rules

__all__ = ["MODEL_FILES", "check_model"]

MODEL_FILES = ("model.onnx", "parity.parquet")
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
_MAX_PROBE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class _Model:
    raw: bytes
    proto: Any
    contract: Contract
    terms: ModelTerms
    probes: Path


def check_model(contract: Contract, paths: dict[str, Path]) -> tuple[GateRule, ...]:
    """Return the rules that the model breaks; none if it may pass.

    Args:
        contract: a model contract (the source's, or the arrival contract).
        paths: each file of the version, by its path inside it.
    """
    # (1) The files and their sizes.
    if contract.model is None:
        return (GateRule("model.contract", "the contract is no model contract"),)
    if tuple(sorted(paths)) != MODEL_FILES:
        return (GateRule("model.files", "a model is model.onnx and parity.parquet, and nothing else"),)
    if paths["model.onnx"].stat().st_size > contract.model.max_bytes:
        return (GateRule("model.max-bytes", "the file is larger than the contract allows"),)
    if paths["parity.parquet"].stat().st_size > _MAX_PROBE_BYTES:
        return (GateRule("model.parity-bytes", "the probes are larger than any model needs"),)
    raw = paths["model.onnx"].read_bytes()
    proto = _parse(raw)
    if proto is None:
        return (GateRule("model.format", "the file is no ONNX model"),)
    model = _Model(raw, proto, contract, contract.model, paths["parity.parquet"])
    # (2), (3) and (4): the first that speaks ends it.
    steps: tuple[Callable[[_Model], Iterator[GateRule]], ...] = (_graph, _signature, _probes, _parity)
    for step in steps:
        found = tuple(step(model))
        if found:
            return found
    return ()


def _parse(raw: bytes) -> Any:  # noqa: ANN401 - onnx ships no types
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # ships no types

    try:
        return onnx.load_model_from_string(raw)
    except (DecodeError, ValueError):
        return None


def _graph(model: _Model) -> Iterator[GateRule]:
    import onnx

    # The data of an external tensor lies in a file that the model names: looked for before the checker,
    # which would open it.
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.proto)):
        yield GateRule("model.external-data", "a tensor's data lies outside the file")
        return
    domains = {opset.domain for opset in model.proto.opset_import}
    domains |= {node.domain for node in _nodes(model.proto.graph)}
    if domains - _DOMAINS or model.proto.functions or model.proto.training_info:
        yield GateRule("model.domains", "operators or functions that are not ONNX's own")
    versions = [opset.version for opset in model.proto.opset_import if opset.domain in ("", "ai.onnx")]
    if not versions or max(versions) > model.terms.opset:
        yield GateRule("model.opset", "a newer operator set than the contract's, or none")
    try:
        onnx.checker.check_model(model.raw, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError):
        # The checker's own text may quote names and constants of the model.
        yield GateRule("model.checker", "ONNX's own checker refuses it")


def _nodes(graph: Any) -> Iterator[Any]:  # noqa: ANN401 - onnx ships no types
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for below in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(below)


def _graphs(graph: Any) -> Iterator[Any]:  # noqa: ANN401 - onnx ships no types
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for below in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(below)


def _tensors(proto: Any) -> Iterator[Any]:  # noqa: ANN401 - onnx ships no types
    for graph in _graphs(proto.graph):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)


def _signature(model: _Model) -> Iterator[GateRule]:
    graph = model.proto.graph
    constants = {tensor.name for tensor in graph.initializer}
    sides = (
        ("inputs", [value for value in graph.input if value.name not in constants], model.contract.inputs),
        ("outputs", list(graph.output), model.contract.outputs),
    )
    for side, values, wanted in sides:
        found = {value.name: value.type.tensor_type.elem_type for value in values}
        types = {column.name: _element_types(column) for column in wanted.columns}
        if set(found) != set(types):
            yield GateRule(f"model.{side}.names", "not exactly the names of the contract")
        wrong = sum(found[name] not in types[name] for name in set(found) & set(types))
        if wrong:
            yield GateRule(f"model.{side}.types", "not the types of the contract", wrong)


def _element_types(column: Column) -> set[int]:
    import onnx

    kinds = onnx.TensorProto
    physical = column.physical_type.lower()
    if column.logical_type == "number":
        narrow, wide = ("float", "float32", "real"), ("double", "float64")
        return {kinds.FLOAT} if physical in narrow else {kinds.DOUBLE} if physical in wide else {
            kinds.FLOAT, kinds.DOUBLE}  # fmt: skip
    by_logical = {"string": {kinds.STRING}, "integer": {kinds.INT64, kinds.INT32}, "boolean": {kinds.BOOL}}
    return by_logical.get(column.logical_type, set())


def _probes(model: _Model) -> Iterator[GateRule]:
    contract = model.contract
    [*parts] = parts_of([model.probes])
    wanted = {*contract.inputs.names, *contract.outputs.names}
    for part in parts:
        table = part.read()
        if set(table.column_names) != wanted or len(table.column_names) != len(wanted):
            yield GateRule("model.parity.columns", "not exactly the contract's inputs and outputs")
            return
    for side, columns in (("inputs", contract.inputs.names), ("outputs", contract.outputs.names)):
        plan = compile_plan(contract, side=side)
        verdict = plan.verdict(merge([plan.partial(part.read().select(list(columns))) for part in parts]))
        for rule in failed_rules(verdict.failed):
            yield GateRule(f"model.parity.{rule.id}", rule.reason, rule.unexpected_count)


def _parity(model: _Model) -> Iterator[GateRule]:
    import numpy as np

    rows = wrong = 0
    try:
        session = _session(model.raw)
        outputs = list(model.contract.outputs.names)
        for part in parts_of([model.probes]):
            table = part.read()
            rows += table.num_rows
            answers = _run(session, outputs, table) if table.num_rows else []
            for name, answer in zip(outputs, answers, strict=False):
                recorded = table.column(name).to_numpy()
                again = np.asarray(answer).reshape(table.num_rows, -1)
                wrong += _differences(recorded, again, model.terms.parity.tolerance)
    except UsageError as error:
        yield GateRule("model.parity.run", str(error))
        return
    if rows < model.terms.parity.rows:
        yield GateRule("model.parity.rows", "fewer probes than the contract asks for")
    if wrong:
        yield GateRule("model.parity", "its answers are not the recorded ones", wrong)


def _session(raw: bytes) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - ORT raises its own unrelated classes; each one means "cannot load"
        raise UsageError("ONNX Runtime cannot load it") from None


def _run(session: Any, outputs: list[str], table: Any) -> list[Any]:  # noqa: ANN401 - onnxruntime objects
    feed = _feed(session, table)
    try:
        answers: list[Any] = session.run(outputs, feed)
    except Exception:  # noqa: BLE001 - as above; its text may quote a probe
        raise UsageError("ONNX Runtime cannot run it on the probes") from None
    return answers


def _feed(session: Any, table: Any) -> dict[str, Any]:  # noqa: ANN401 - onnxruntime and arrow objects
    import numpy as np

    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
             "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(string)": np.object_}  # fmt: skip
    feed = {}
    for value in session.get_inputs():
        if value.type not in kinds:
            raise UsageError("an input of a type that no probe has")
        column: Any = np.asarray(table.column(value.name).to_pylist(), dtype=kinds[value.type])
        feed[value.name] = column.reshape(-1, 1) if len(value.shape) > 1 else column
    return feed


def _differences(recorded: Any, again: Any, tolerance: float) -> int:  # noqa: ANN401 - numpy arrays
    import numpy as np

    if again.shape[1] != 1:
        return len(recorded)
    answers = again[:, 0]
    if answers.dtype.kind in "fiu":
        near = np.abs(answers.astype(np.float64) - recorded.astype(np.float64)) <= tolerance
        return int((~near).sum())
    return int((answers != recorded).sum())
