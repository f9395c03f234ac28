"""How much is said."""

import logging

LEVELS = ("debug", "info", "warning", "error")  # from most to least


def in_detail() -> bool:
    """Whether `debug` is said now. Asked before anything is put together for it: on the tick path it is one comparison.

    The standard library's root has the level `debug` exactly then (`Logs.set_level`).
    """
    return logging.root.level <= logging.DEBUG
