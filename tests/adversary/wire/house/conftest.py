"""The attacker in front of a whole house."""

import pytest

from cloud_stub.limits import Limits
from cloud_stub.settings import Settings
from tests.adversary.house import *  # noqa: F403 - its fixtures


@pytest.fixture
def settings() -> Settings:
    """What takes a home years is asked of this key service in a minute."""
    return Settings(limits=Limits().times(1000))
