"""A terminal, good and bad, that tries any device: does it hold what docs/protocol.md says?

The good part is the terminal's own code; the bad part is bytes on a socket. It pairs as one
terminal and unpairs at the end, and commands nothing that its user has not named.
"""
