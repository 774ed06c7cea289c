"""Tripcord: the kill cord for a crypto trader's exchange keys.

Rooms are cut by feature and import in one direction only; `pyproject.toml` holds the contracts.
"""
