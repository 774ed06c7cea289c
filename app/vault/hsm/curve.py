"""Is a point on P-256? Asked before ECDH, whatever the module checks by itself."""

from typing import Final

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""SP 800-186 section 3.2.1.3; a = -3, cofactor 1, so on the curve is in the group."""
_POINT_BYTES: Final = 65
_UNCOMPRESSED: Final = 4


def on_p256(point: bytes) -> bool:
    """Whether `point` is 65 bytes, uncompressed, and y^2 = x^3 - 3x + b (mod p) holds."""
    if len(point) != _POINT_BYTES or point[0] != _UNCOMPRESSED:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0
