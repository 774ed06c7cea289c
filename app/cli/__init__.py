"""The `tripcord` command: starts parts, migrates, registers platforms, contains.

Protects: that the parts run apart (own process, own uid where possible, own database role), that
PostgreSQL never runs as root, and that no secret appears in arguments, output or help.
Invariants: one `up` per data directory; children do not outlive their supervisor; every refusal
is one sentence.
May import every room (it is the top layer); no room imports it.
"""
