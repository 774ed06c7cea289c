"""Initialise the module with OS locking and its own parameters, which python-pkcs11 cannot do.

python-pkcs11 0.10.1 calls C_Initialize(NULL), which promises a single thread, and then releases the
GIL around every call: SoftHSM switches its mutexes off and two threads crash it. Our worker has one
thread; this keeps that from being the only line of defence. NSS needs the same entry point to learn
where its database is. We replace the C_Initialize pointer in the module's own function list.
"""

import ctypes
from pathlib import Path
from typing import Any, Final

from app.vault.errors import ModuleRefused

_OS_LOCKING_OK: Final = 2
"""CKF_OS_LOCKING_OK (PKCS#11 2.40 section 3.7)."""
_PAGE_BYTES: Final = 4096
_READ_WRITE: Final = 3
_MUTEXES: Final = [
    (name, ctypes.c_void_p) for name in ("CreateMutex", "DestroyMutex", "LockMutex", "UnlockMutex")
]


class _InitArgs(ctypes.Structure):
    _fields_ = [*_MUTEXES, ("flags", ctypes.c_ulong), ("reserved", ctypes.c_void_p)]


class _NssInitArgs(ctypes.Structure):
    """NSS puts its library parameters before the reserved pointer."""

    _fields_ = [
        *_MUTEXES,
        ("flags", ctypes.c_ulong),
        ("parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    ]


class _FunctionListHead(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_ubyte * 2),
        ("C_Initialize", ctypes.c_void_p),
    ]


_Initialize = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
_kept: list[Any] = []
"""The module keeps raw pointers to these for the life of the process."""


def enable_os_locking(module: Path, parameters: str | None) -> ctypes.CDLL:
    """Make the next C_Initialize of `module` pass CKF_OS_LOCKING_OK. Call before `pkcs11.lib()`.

    Raises
    ------
    ModuleRefused
        The file is not a PKCS#11 module.
    """
    try:
        library = ctypes.CDLL(str(module))
        get_function_list = library.C_GetFunctionList
    except (OSError, AttributeError):
        raise ModuleRefused(rule="module file") from None
    functions = ctypes.POINTER(_FunctionListHead)()
    if get_function_list(ctypes.byref(functions)) != 0:
        raise ModuleRefused(rule="function list")
    real = _Initialize(functions.contents.C_Initialize)
    arguments: _InitArgs | _NssInitArgs = _InitArgs(flags=_OS_LOCKING_OK)
    if parameters is not None:
        arguments = _NssInitArgs(flags=_OS_LOCKING_OK, parameters=parameters.encode())

    def with_arguments(_: object) -> int:
        return int(real(ctypes.addressof(arguments)))

    initialize = _Initialize(with_arguments)
    _overwrite_pointer(functions.contents, initialize)
    _kept.extend([library, arguments, initialize, real, functions])
    return library


def _overwrite_pointer(functions: _FunctionListHead, replacement: Any) -> None:
    """The list may lie in read-only relocated data: make its pages writable first."""
    address = ctypes.addressof(functions) + _FunctionListHead.C_Initialize.offset
    libc = ctypes.CDLL(None, use_errno=True)
    start = ctypes.c_void_p(address & ~(_PAGE_BYTES - 1))
    if libc.mprotect(start, ctypes.c_size_t(2 * _PAGE_BYTES), _READ_WRITE) != 0:
        raise ModuleRefused(rule="function list is read-only")
    functions.C_Initialize = ctypes.cast(replacement, ctypes.c_void_p).value
