"""A pytest plugin that lets the test plugin work with a newer Home Assistant than its own.

Loaded before it (`-p tests.newest`). Home Assistant 2026.11 puts its own names in place of
httpx, which has to happen before the plugin imports that; and it has moved a function that
the plugin calls.
"""

import homeassistant  # noqa: F401 - for its effect
from homeassistant.components import logger
from homeassistant.components.logger import helpers

if not hasattr(logger, "_clear_logger_overwrites"):
    # Where the plugin looks for it.
    logger._clear_logger_overwrites = helpers._clear_logger_overwrites  # type: ignore[attr-defined]
