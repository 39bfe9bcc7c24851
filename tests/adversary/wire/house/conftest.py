"""A real Home Assistant, as the integration's own tests have it; and the attacker in front."""

import pytest

from cloud_stub.limits import Limits
from cloud_stub.settings import Settings
from tests.integration.conftest import (
    _each_code_is_stretched_once,
    _every_step_has_its_texts,
    _ready,
    answers,
    attacker,
    house,
    key_service,
    made,
    registered,
    until,
    virtual_lock,
)

__all__ = [
    "_each_code_is_stretched_once",
    "_every_step_has_its_texts",
    "_ready",
    "answers",
    "attacker",
    "house",
    "key_service",
    "made",
    "registered",
    "until",
    "virtual_lock",
]


@pytest.fixture
def settings() -> Settings:
    """What takes a home years is asked of this key service in a minute."""
    return Settings(limits=Limits().times(1000))
