"""Recovery codes and re-enrolments: how a trader who lost every device comes back.

Protects: that the way back is not a way in. A code is the seed of a signing key of which only the
public half is here; with one, nobody gets anything before every old device had a day to say no.
Invariants: a row is believed only with the HSM's MAC; a code begins one re-enrolment and a trader
has one open, both by a unique index; an ended one stays ended, by the database.
May never import: another room beside it.
"""
