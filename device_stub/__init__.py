"""Virtual devices: the smart home device's role, without Home Assistant.

Everything that the three roles say to each other is in `secure_pair_protocol`; in here is
what a device adds: sockets, a clock, a file, and something that moves.
"""
