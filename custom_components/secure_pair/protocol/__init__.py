"""What the three roles say to each other: no sockets, no event loop, no clock.

Bytes or messages go in, bytes or messages come out, time and randomness are arguments.
The integration imports this package as ``.protocol``; the key service and the virtual
devices import the same folder as ``secure_pair_protocol``. docs/protocol.md is its text.
"""
