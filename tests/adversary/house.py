"""A real Home Assistant and all around it, as the integration's own tests have it."""

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
