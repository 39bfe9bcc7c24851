"""A registration row: how a device's maker tells the key service about it.

JSON {"device_id", "initial_key", "claim_hash" or null, "model"}, bytes as unpadded
base64url (docs/protocol.md, section 11).
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .errors import OperatorError
from .wire import Bytes, DeviceId, Secret32


class Registration(BaseModel):
    """One device, as it left its maker."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    device_id: DeviceId
    initial_key: Secret32
    claim_hash: Annotated[Bytes, Field(min_length=32, max_length=32)] | None
    """None: a device without a label."""
    model: Annotated[str, StringConstraints(max_length=64)]


def parse_registration(row: str | bytes) -> Registration:
    """Read one row; raises OperatorError that names the fields, never a value."""
    return _checked(lambda: Registration.model_validate_json(row))


def registration_of(**fields: object) -> Registration:
    """Return a row from its fields; raises OperatorError that names them, never a value."""
    return _checked(lambda: Registration.model_validate(fields))


def _checked(validate: Callable[[], Registration]) -> Registration:
    try:
        return validate()
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, part['loc'])) or 'row'}: {part['msg']}"
            for part in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    # Outside of the except clause: the validation error holds the row.
    raise OperatorError("; ".join(wrong))
