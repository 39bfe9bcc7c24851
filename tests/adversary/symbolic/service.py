"""The key service: whose devices it authorizes, and what it has authorized."""

from collections.abc import Mapping
from dataclasses import dataclass

from secure_pair_protocol import negotiation
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.messages import AuthenticationRequest
from secure_pair_protocol.negotiation import Authorization, AuthorizationRequest
from secure_pair_protocol.secret import Secret

from .backend import Symbolic


@dataclass(frozen=True, eq=False, slots=True)
class Authorized:
    """One answer: to whose token, for what, and the answer itself."""

    token: bytes
    """The terminal id that the token was issued to."""
    request: AuthorizationRequest
    version: int
    first_public_key: bytes
    grant: Grant
    answer: Authorization


@dataclass(frozen=True, eq=False, slots=True)
class Service:
    """The key service between two changes of an owner. `rights`: which token for which devices."""

    initial_keys: Mapping[str, bytes]
    rights: Mapping[bytes, frozenset[str]]
    grant: Grant

    def authorize(
        self,
        crypto: Symbolic,
        token: bytes,
        m1: bytes,
        m2: bytes,
        first_public_key: bytes,
        nonce: bytes,
    ) -> Authorized:
        """Steps 3 and 4, as `cloud_stub.authorization` takes them."""
        request = negotiation.parse_authorization_request(crypto, m1, m2)
        if request.device_id not in self.rights.get(token, ()):
            raise SecurePairError(Failure.NOT_YOURS)
        answer = negotiation.authorize(
            crypto,
            request,
            m1=m1,
            m2=m2,
            first_public_key=first_public_key,
            token_terminal_id=token,
            initial_key=Secret(self.initial_keys[request.device_id]),
            grant=self.grant,
            nonce=nonce,
        )
        version = crypto.decode(AuthenticationRequest, m1).version
        return Authorized(token, request, version, first_public_key, self.grant, answer)
