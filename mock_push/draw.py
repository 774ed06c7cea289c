"""Random identifiers in the shapes Google uses; repeatable when a seed is given."""

import random
from base64 import urlsafe_b64encode
from datetime import datetime

FID_BYTES = 17  # 22 base64url characters are 132 bits; the last four bits are cut off
FID_CHARACTERS = 22
FID_HEADER = 0b0111_0000  # a Firebase installation ID starts with c, d, e or f
TOKEN_TAIL_CHARACTERS = 134  # after "APA91b"; the whole token has 163 characters


class Draw:
    """A source of identifiers.

    Parameters
    ----------
    seed
        None draws from the operating system. A number makes every identifier, access tokens
        included, predictable: for rehearsals that must repeat.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 asked for by --seed

    def text(self, characters: int) -> str:
        return urlsafe_b64encode(self._random.randbytes(characters)).decode()[:characters]

    def fid(self) -> str:
        raw = bytearray(self._random.randbytes(FID_BYTES))
        raw[0] = FID_HEADER | raw[0] & 0b0000_1111
        return urlsafe_b64encode(bytes(raw)).decode()[:FID_CHARACTERS]

    def registration_token(self) -> str:
        return f"{self.fid()}:APA91b{self.text(TOKEN_TAIL_CHARACTERS)}"

    def access_token(self) -> str:
        return f"ya29.c.{self.text(180)}"

    def message_id(self, now: datetime) -> str:
        """As FCM writes it: 0, the time in microseconds, and sixteen hexadecimal digits."""
        return f"0:{int(now.timestamp() * 1_000_000)}%{self._random.randbytes(8).hex()}"

    def topic_message_id(self) -> str:
        return str(self._random.getrandbits(63))

    def queue_id(self) -> str:
        """As a mail server names what it took: twelve hexadecimal digits in capitals."""
        return self._random.randbytes(6).hex().upper()

    def telegram_id(self) -> int:
        """Of a bot or a user: ten digits, as those given out today."""
        return self._random.randrange(5_000_000_000, 8_000_000_000)

    def bot_secret(self) -> str:
        """What follows the bot's id and a colon in its token: 35 characters."""
        return f"AA{self.text(33)}"
