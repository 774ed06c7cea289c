"""Our own lints: rules that matter and that no public tool knows. `python -m scripts.lint`.

Each rule is one module with a docstring that tells the leak it is there for, what to use instead,
and the escape. An exemption names its reason, and one that nothing needs any more is an error.
Each rule has a test in `tests/lint/` that sees it fail.
"""
