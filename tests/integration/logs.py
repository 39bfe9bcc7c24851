"""What the integration writes into the log."""

import logging

import pytest


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the integration's warnings, and all that is worse."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components.secure_pair")
        and record.levelno >= logging.WARNING
    ]
