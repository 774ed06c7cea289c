"""The mock's SMTP: a submission server that keeps what it is given.

Protects the likeness: login only under TLS, mail only after login, nothing that was sent in clear
counts after STARTTLS, and a mail ends where CRLF "." CRLF is and nowhere else.

Our own and not aiosmtpd: that one has had no release since May 2024, its STARTTLS puts asyncio's
private SSLProtocol into the transport's place (which broke on Python 3.11 and under uvloop, the
loop we run), and faults have to reach below its handlers, to the socket.

May never import ``mock_push.api``, ``server`` or ``cli``.
"""
