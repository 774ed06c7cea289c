"""A secret has no way out: no repr, no equality oracle, no pickling, no serialisation."""

from typing import NoReturn


class Secret:
    """Holds bytes for one use. Read them with `reveal()`, which is easy to search for."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not travel")
