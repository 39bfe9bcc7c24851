"""A real Home Assistant, as the integration's own tests have it."""

from tests.integration.conftest import (
    _every_step_has_its_texts,
    _ready,
    answers,
    attacker,
    house,
    key_service,
    made,
    quick_loop,
    registered,
    settings,
    until,
    virtual_lock,
)

__all__ = [
    "_every_step_has_its_texts",
    "_ready",
    "answers",
    "attacker",
    "house",
    "key_service",
    "made",
    "quick_loop",
    "registered",
    "settings",
    "until",
    "virtual_lock",
]
