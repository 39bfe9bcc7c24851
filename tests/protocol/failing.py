"""How a test says which failure it expects."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from secure_pair_protocol.errors import Failure, SecurePairError


@contextmanager
def fails(*failures: Failure) -> Iterator[pytest.ExceptionInfo[SecurePairError]]:
    """Hold that what is inside fails with this code, or one of these, and in no other way."""
    with pytest.raises(SecurePairError) as caught:
        yield caught
    assert caught.value.failure in failures, caught.value
