"""Composition: one module per process puts rooms together from its settings.

Protects: that what a process can reach is read in one place.
Invariants: a module here imports only what its process may reach (DESIGN section 4, held by
import-linter); it decides nothing, and what it keeps (a public key, the nonces) is read
elsewhere.
May never import: another process's module, or `app.api` outside `wiring.api`.
"""
