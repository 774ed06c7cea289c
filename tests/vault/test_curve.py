"""Our own check of a foreign point, for a module that would not make it."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.vault.hsm.curve import on_p256

P = 2**256 - 2**224 + 2**192 + 2**96 - 1


def _point(curve: ec.EllipticCurve) -> bytes:
    key = ec.generate_private_key(curve).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_points_of_p256_are_on_it() -> None:
    assert all(on_p256(_point(ec.SECP256R1())) for _ in range(50))


def test_points_of_another_curve_of_the_same_size_are_not() -> None:
    assert not any(on_p256(_point(ec.SECP256K1())) for _ in range(50))
    assert not on_p256(_point(ec.SECP384R1()))


@pytest.mark.parametrize("at", [1, 32, 33, 64])
def test_a_changed_coordinate_is_not_on_the_curve(at: int) -> None:
    point = bytearray(_point(ec.SECP256R1()))
    point[at] ^= 1
    assert not on_p256(bytes(point))


def test_infinity_and_other_forms_are_refused() -> None:
    point = _point(ec.SECP256R1())
    assert not on_p256(b"")
    assert not on_p256(b"\0")
    assert not on_p256(b"\x06" + point[1:])
    assert not on_p256(point + b"\0")
    assert not on_p256(b"\x04" + bytes(64))


def test_a_number_beyond_the_field_is_no_second_spelling_of_a_point() -> None:
    # x = 5 is on the curve (SP 800-186, b as published), and 5 + p still fits 32 bytes.
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    y = pow(5**3 - 3 * 5 + b, (P + 1) // 4, P)
    assert on_p256(b"\x04" + (5).to_bytes(32, "big") + y.to_bytes(32, "big"))
    assert not on_p256(b"\x04" + (5 + P).to_bytes(32, "big") + y.to_bytes(32, "big"))
