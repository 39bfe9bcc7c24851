"""A flood in front of a whole house."""

from tests.adversary.house import *  # noqa: F403 - its fixtures
from tests.integration.conftest import settings as settings  # noqa: PLC0414
