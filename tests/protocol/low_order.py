"""The points of Curve25519 with which every agreement is all zero."""

P = 2**255 - 19

_LOW = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
    # Not reduced: the same points as 0 and 1, in other clothes.
    P,
    P + 1,
)

LOW_ORDER = tuple(
    # X25519 ignores the highest bit.
    (point | high_bit << 255).to_bytes(32, "little")
    for point in _LOW
    for high_bit in (0, 1)
)
