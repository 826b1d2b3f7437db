"""What goes to the server, as this gate knows it: which fields pass, and what each may hold.

Invariants:
1. Named fields only: a state's data, job variables and whatever a new Prefect adds do not pass.
2. Texts of a step have the forms of `forms`; parameters and labels hold references, digests, tokens, counts.

Example:
    >>> STATE({"type": "FAILED", "data": {"storage": "x"}}, Passing(Speaker("worker"), "cloud", "0" * 12))
    {'type': 'FAILED'}
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from data_contracts.digest import is_digest
from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from environments.apigate.answers import TYPES
from environments.apigate.checks import (
    Check,
    Passing,
    RefusedError,
    anything_of,
    boolean,
    given,
    hidden,
    integer,
    listing,
    maybe,
    moment,
    one_of,
    own_run,
    record,
    said,
    table,
    token,
    uid,
)
from environments.apigate.forms import (
    STATE_NAMES,
    is_ending,
    is_incident,
    is_plain,
    is_rules,
    is_tag,
    is_token,
    said_by_step,
)
from environments.apigate.speaker import Speaker
from environments.ref import NAME, AssetRef
from environments.trust.grants import GRANT_PARAMETER
from environments.trust.tokens import ONE_WORD, REQUEST_PARAMETER

__all__ = [
    "ARTIFACT",
    "CREATE",
    "HEARTBEAT",
    "LABELS",
    "LOGS",
    "NEW_FLOW",
    "NEW_RUN",
    "PATCH_RUN",
    "POOL",
    "PROPOSAL",
    "QUERY",
    "QUEUE",
    "SCHEDULED",
    "STATE",
    "TASK",
    "event",
]

_TITLE = re.compile(rf"{NAME}@{NAME}")
_LABEL = re.compile(rf"(?:out|in)\.{NAME}|isthmus\.(?:plan|rules|incident)")
_REF = "ref:"
_SIGNED = frozenset({REQUEST_PARAMETER, GRANT_PARAMETER})


def _state_text(text: str, speaker: Speaker) -> bool:
    return is_plain(text) if speaker.trusted else is_ending(text)


def _title(text: str, speaker: Speaker) -> bool:
    return speaker.trusted and _TITLE.fullmatch(text) is not None


def _ref(value: object, _passing: Passing) -> dict[str, Any]:
    """A reference, with its labels in their one form."""
    try:
        ref = AssetRef.from_json(value)
        labels = Labels.from_json(ref.labels).to_json() if ref.labels else {}
    except (UsageError, ValueError, KeyError, TypeError):
        raise RefusedError("not a reference") from None
    return AssetRef(ref.name, ref.environment, ref.version, ref.contract, labels).to_json()


def _parameter(value: object, passing: Passing) -> Any:  # noqa: ANN401 - any JSON value
    """A reference, a digest, a token, a number or a truth; a step's own only where it can be no data."""
    if value is None or isinstance(value, bool) or is_digest(value):
        return value
    if isinstance(value, dict):
        try:
            return _ref(value, passing)
        except RefusedError:
            return passing.withhold("parameter", value)
    simple = isinstance(value, int | float) or (isinstance(value, str) and is_token(value))
    return value if passing.speaker.trusted and simple else passing.withhold("parameter", value)


def _word(value: object, passing: Passing) -> Any:  # noqa: ANN401 - a signed statement, or the mark
    """A signed statement as one word: public, and worth what each environment's trust document says."""
    fits = isinstance(value, str) and (value == "" or re.fullmatch(ONE_WORD, value) is not None)
    return value if fits and passing.speaker.trusted else passing.withhold("parameter", value)


def _label(name: str) -> Check:
    def check(value: object, passing: Passing) -> Any:  # noqa: ANN401 - a text, a number or a truth
        fits = False
        if name == "isthmus.incident":
            fits = isinstance(value, str) and is_incident(value)
        elif name == "isthmus.plan":
            fits = is_digest(value)
        elif name == "isthmus.rules":
            fits = isinstance(value, str) and is_rules(value, plain=passing.speaker.trusted)
        elif _LABEL.fullmatch(name):
            fits = _result(value, passing)
        return value if fits else passing.withhold(f"label {name[:80]}", value)

    return check


def _result(value: object, passing: Passing) -> bool:
    if isinstance(value, bool | int | float) or is_digest(value):
        return True
    if not isinstance(value, str):
        return False
    if value.startswith(_REF):
        try:
            return bool(_ref(json.loads(value.removeprefix(_REF)), passing))
        except (RefusedError, ValueError):
            return False
    return passing.speaker.trusted and is_plain(value)


def _label_key(name: str, _passing: Passing) -> str:
    return name if _LABEL.fullmatch(name) else "isthmus.withheld"


def _parameter_key(name: str, passing: Passing) -> str:
    return (
        name
        if re.fullmatch(NAME, name) and passing.speaker.trusted
        else passing.withhold("parameter's name", name)
    )


STATE = record(
    {
        "type": one_of(*TYPES),
        "name": maybe(said("state's name", lambda text, _: text in STATE_NAMES)),
        "message": maybe(said("state's message", _state_text)),
        "timestamp": moment,
        "state_details": maybe(record({"scheduled_time": maybe(moment), "deferred": maybe(boolean)})),
    },
    ("type",),
)
PROPOSAL = record({"state": STATE, "force": maybe(given(False))}, ("state",))
_TAGS = listing(said("tag", lambda text, _: is_tag(text)), 32)
_PARAMETERS = table(_parameter_key, lambda name: _word if name in _SIGNED else _parameter)
_NAME = maybe(said("run's name", _title))
NEW_RUN = record(
    {
        "flow_id": uid,
        "name": _NAME,
        "parameters": _PARAMETERS,
        "tags": _TAGS,
        "parent_task_run_id": maybe(uid),
        "state": maybe(STATE),
    },
    ("flow_id",),
)
CREATE = record(
    {
        "name": _NAME,
        "parameters": _PARAMETERS,
        "idempotency_key": maybe(token),
        "tags": _TAGS,
        "parent_task_run_id": maybe(uid),
        "state": maybe(STATE),
    }
)
PATCH_RUN = record({"name": _NAME, "tags": _TAGS})
LABELS = table(_label_key, _label)
_LOG = record(
    {
        "name": lambda value, passing: value if value == "isthmus" else passing.speaker.kind,
        "level": integer(0, 100),
        "message": maybe(lambda value, _passing: value),
        "timestamp": moment,
        "flow_run_id": maybe(own_run),
    },
    ("name", "message", "timestamp", "level"),
)


def _log(value: object, passing: Passing) -> dict[str, Any]:
    """A line; of a pipeline's process only those of our own logger are ours."""
    line: dict[str, Any] = _LOG(value, passing)
    text, ours = line["message"], line["name"] == "isthmus" and passing.speaker.trusted
    fits = isinstance(text, str) and (is_plain(text) if ours else said_by_step(text, passing.speaker.phases))
    return line if fits else line | {"message": passing.withhold("log line", text)}


LOGS = listing(_log, 2000)
TASK = record(
    {
        "flow_run_id": own_run,
        "task_key": token,
        "dynamic_key": token,
        "name": said("task's name", _title),
        "tags": _TAGS,
        "task_inputs": table(
            _parameter_key,
            lambda _name: listing(
                record({"input_type": one_of("flow_run"), "id": uid}, ("input_type", "id")), 200
            ),
        ),
        "state": maybe(STATE),
    },
    ("flow_run_id", "task_key", "dynamic_key"),
)


def _flow_name(value: object, passing: Passing) -> str:
    """One name for all flows of Prefect's own inside steps: each would else be a flow of its own for ever."""
    passing.withhold("flow's name", value)
    return "withheld.flow"


NEW_FLOW = record({"name": _flow_name}, ("name",))
ARTIFACT = record(
    {
        "key": maybe(given("withheld")),
        "type": given("markdown"),
        "description": maybe(hidden("artifact's description")),
        "data": hidden("artifact"),
        "flow_run_id": maybe(own_run),
    }
)
_EVENT = record(
    {"id": uid, "occurred": moment, "event": lambda value, _passing: value}, ("id", "occurred", "event")
)


def event(value: object, passing: Passing) -> dict[str, Any]:
    """Somebody's event: that there was one, when, in which run; its name, resources, payload are withheld."""
    if not isinstance(value, dict):
        raise RefusedError("not an event")
    kept = {key: value.get(key) for key in ("event", "resource", "related", "payload")}
    mark = passing.withhold("event", json.dumps(kept, default=repr))
    whose = passing.speaker.run or passing.environment
    known: dict[str, Any] = _EVENT(value, passing)
    return known | {
        "event": "isthmus.withheld",
        "resource": {"prefect.resource.id": f"isthmus.run.{whose}"},
        "payload": {"withheld": mark},
    }


HEARTBEAT = record({"name": token, "heartbeat_interval_seconds": integer(1, 3600)}, ("name",))
SCHEDULED = record(
    {
        "work_queue_names": listing(one_of("pipelines", "steps"), 2),
        "scheduled_before": moment,
        "limit": integer(1, 10_000),
    },
    ("work_queue_names", "scheduled_before"),
)
QUERY = anything_of(token)
POOL = record(
    {
        "name": lambda value, passing: value if value == passing.environment else _not_ours(),
        "type": one_of("isthmus-sealed"),
        "description": maybe(said("description", lambda text, _: is_plain(text))),
        "base_job_template": given(
            {"job_configuration": {"sealed": True}, "variables": {"type": "object", "properties": {}}}
        ),
    },
    ("name", "type"),
)
QUEUE = record({"name": one_of("pipelines", "steps"), "priority": integer(1, 100)}, ("name",))


def _not_ours() -> NoReturn:
    raise RefusedError("another environment's work pool")
