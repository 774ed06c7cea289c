"""Words every room shares: refusals, time, ids, encodings, tokens, signatures over JSON.

Protects: that two rooms never encode, hash or compare the same thing in two ways.
Invariants: no I/O, no settings, no state beyond pure caches; secrets have no repr.
May never import: any other room.
"""
