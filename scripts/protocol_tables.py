"""Write the tables of docs/protocol.md that follow from the code and from the vectors.

Run it with the test environment's Python.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.inspect import (
    BoolType,
    DictType,
    EnumType,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from cloud_stub.wire import AuthorizeAnswer, AuthorizeRequest
from secure_pair_protocol.envelope import Welcome
from secure_pair_protocol.errors import REFUSALS, Failure
from secure_pair_protocol.handshake import STAGES, Stage
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Challenge,
    DeviceKey,
    Greeting,
    Message,
    Resume,
    ResumeAnswer,
)
from secure_pair_protocol.model import KINDS
from secure_pair_protocol.model.base import Action, Entity, Event, State

REPLIES = {
    Stage.CHALLENGED: Challenge,
    Stage.ANSWERED: DeviceKey,
    Stage.RESUMING: ResumeAnswer,
}
"""What a device says when it has come to a stage."""

FILE = Path(__file__).parent.parent / "docs" / "protocol.md"
VECTORS = FILE.with_name("vectors.json")


def tables() -> dict[str, str]:
    """Return each table by the name of its marker in the document."""
    return {
        "negotiation": _sequence(AuthenticationRequest),
        "resumption": _sequence(Resume),
        "examples": _examples(),
        "kinds": _kinds(),
        "failures": _failures(),
        "refusals": _refusals(),
    }


def document(text: str) -> str:
    """Return the document with its tables as they are now."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}{end}{rest.partition(end)[2]}"
    return text


def _sequence(first: type[Message]) -> str:
    """Draw a handshake by the device's own state machine, from its first message to records."""
    lines = ["```mermaid", "sequenceDiagram", "    participant T as terminal"]
    lines.append("    participant D as device")
    if first is AuthenticationRequest:
        lines.append("    participant C as key service")
    lines.append(_arrow("D", "T", "Greeting", Greeting.__struct_fields__))
    stage, message = Stage.GREETED, first
    while True:
        lines.append(_arrow("T", "D", message.__name__, message.__struct_fields__))
        stage = STAGES[stage, message]
        if stage is Stage.ESTABLISHED:
            break
        reply = REPLIES[stage]
        lines.append(_arrow("D", "T", reply.__name__, reply.__struct_fields__))
        if reply is Challenge:
            lines.append(_arrow("T", "C", "authorize", AuthorizeRequest.model_fields))
            lines.append(_arrow("C", "T", "grant", AuthorizeAnswer.model_fields))
        (message,) = (message for at, message in STAGES if at is stage)
    lines.append(_arrow("D", "T", "the first record, Welcome", Welcome.__struct_fields__))
    return "\n".join([*lines, "```", ""])


def _arrow(sender: str, receiver: str, name: str, fields: Iterable[str]) -> str:
    spelled = ", ".join(field.replace("_", " ") for field in fields)
    return f"    {sender}->>{receiver}: {name}: {spelled}"


def _examples() -> str:
    """Return a few of the vectors' messages, each with its bytes."""
    messages = json.loads(VECTORS.read_text())["messages"]
    lines = []
    for name in ("description", "states", "command", "outcome_failed"):
        fields = json.dumps(messages[name]["fields"])
        lines.append(f"    {name}: {fields}\n    {messages[name]['plaintext']}\n")
    return "\n".join(lines)


def _failures() -> str:
    rows = "".join(f"| `{failure}` | {failure.meaning} |\n" for failure in Failure)
    return f"| code | meaning |\n|---|---|\n{rows}"


def _refusals() -> str:
    return ", ".join(f"`{failure}`" for failure in sorted(REFUSALS)) + ".\n"


def _kinds() -> str:
    lines = ["| kind | entity | state | action |\n|---|---|---|---|\n"]
    lines.append(f"| *every* | {_fields(Entity)} | {_fields(State)} | |\n")
    for tag, kind in sorted(KINDS.items()):
        entity = _fields(kind.entity, without=Entity)
        state = _fields(kind.state, without=State) if kind.state else "has none"
        action = _fields(kind.action, without=Action) if kind.action else "takes none"
        lines.append(f"| {tag} | {entity} | {state} | {action} |\n")
    lines.append(f"\nAn event is a map: {_fields(Event)}.\n")
    return "".join(lines)


def _fields(struct: type[Struct], without: type[Struct] | None = None) -> str:
    info = type_info(struct)
    assert isinstance(info, StructType)  # noqa: S101
    common = set(without.__struct_fields__) if without else set()
    return "; ".join(
        f"**{field.name}** {_name(field.type)}{_default(field)}"
        for field in info.fields
        if field.name not in common
    )


def _default(field: msgspec.inspect.Field) -> str:
    if field.required:
        return ", required"
    if field.default in {None, msgspec.NODEFAULT}:
        return ""
    return f", else {_value(field.default)}"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(kind: Type) -> str:  # noqa: C901, PLR0911 - one line a type
    match kind:
        case BoolType():
            return "bool"
        case StrType(max_length=limit):
            return f"str of at most {limit}" if limit else "key" if kind.pattern else "str"
        case IntType(ge=low, le=high):
            return "int" + _range(low, high)
        case FloatType(ge=low, le=high):
            return "float" + _range(low, high)
        case EnumType(cls=cls):
            return _choice(member.value for member in cls)
        case LiteralType(values=values):
            return _choice(values)
        case VarTupleType(item_type=item):
            return f"array of {_name(item)}"
        case TupleType(item_types=items):
            return f"array ({', '.join(map(_name, items))})"
        case DictType(value_type=value):
            return f"map to {_name(value)}"
        case UnionType(types=types):
            return " or ".join(_name(each) for each in types if not isinstance(each, NoneType))
    raise TypeError(kind)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None and high is None else f" {low}…{high}"


def _choice(values: Any) -> str:
    return " · ".join(f"`{value}`" for value in sorted(values))


if __name__ == "__main__":
    FILE.write_text(document(FILE.read_text()))
