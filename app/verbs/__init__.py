"""What processes say to each other: structs on Unix sockets, length-prefixed msgpack.

Protects: that a process can be asked only what its closed list names, and only by the peer whose
uid the socket is for.
Invariants: unknown verbs, fields and oversize frames end the connection; a refusal crosses as its
code and sentence, a fault as nothing but "unavailable".
May never import: any room but core.
"""
