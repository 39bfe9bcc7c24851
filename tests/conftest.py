"""What every test stands on: the real integration is found, and loopback sockets work."""

import logging

# Imported first: the plugin's own folder of custom components would take the name else.
import custom_components.secure_pair  # noqa: F401

# The plugin shows every statement of every database.
logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
