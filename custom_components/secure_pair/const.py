"""Names that several files of the integration share."""

import logging
from typing import Final

DOMAIN: Final = "secure_pair"
LOGGER = logging.getLogger(__package__)

CONF_DEVICE_ID: Final = "device_id"
CONF_KEY_SERVICE: Final = "key_service"
CONF_SETUP_CODE: Final = "setup_code"
CONF_FINGERPRINT: Final = "fingerprint"
CONF_NO_LABEL: Final = "no_label"

CONF_REASON: Final = "reason"
CONF_REGISTRY_ID: Final = "registry_id"
"""The device id that the registries began with; it stays when the device is replaced."""
CONF_RENEW: Final = "renew"

DEFAULT_PORT: Final = 8441
