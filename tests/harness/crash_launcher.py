"""Starts the runtime again and again, quickly: everything is imported once, and each life is a fork of it.

A life is a process of its own, with points at its seams (`crash_points`), running the product's own `main`. Requests
are lines of JSON on stdin, answers lines of JSON on stdout.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tradingbot_runtime.run_command
from harness.crash_points import Board, Passages, hurry, install
from tradingbot_runtime.__main__ import main

Request = Mapping[str, Any]
IMPORTED = tradingbot_runtime.run_command  # before the first fork, so that no life spends time on it


def live(request: Request) -> int:
    """The life of one child; its exit code."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "log"), (2, "errors")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.update(request["environment"])
    hurry()
    install(Passages(Board(Path(request["board"]))))
    try:
        return main(request["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def begin(request: Request) -> int:
    """The pid of a new life."""
    pid = os.fork()
    if pid == 0:
        code = 70  # an exception that nobody expected; its traceback is in the errors
        try:
            code = live(request)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int | None:
    """The exit code, negative for a signal; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def serve() -> None:
    running: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            code = ended(request["pid"])
            if code is not None:
                running.discard(request["pid"])
            answer = {"code": code}
        else:
            pid = begin(request)
            running.add(pid)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    serve()
