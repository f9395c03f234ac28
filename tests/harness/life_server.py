"""Starts one of our programs again and again, quickly: all is imported once, and each life is a fork of this process.

A life is a process of its own that runs the product's own `main`; with a `board` there are points at its seams
(`crash_points`). Requests are lines of JSON on stdin, answers lines of JSON on stdout. The argument is the package.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Request = Mapping[str, Any]
# Imported before the first fork, so that no life spends time on it.
WHOLE = {
    "tradingbot_runtime": ("tradingbot_runtime.command_line", "harness.crash_points"),
    "tradingbot_operator": (),
}


def live(program: str, request: Request) -> int:
    """The life of one child; its exit code."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "log"), (2, "errors")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [program, *request["arguments"]]
    if "board" in request:
        points = importlib.import_module("harness.crash_points")
        points.hurry()
        points.install(points.Passages(points.Board(Path(request["board"]))))
    try:
        return importlib.import_module(f"{program}.__main__").main() or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - os._exit leaves them out: log lines on their way would be lost
        sys.stdout.flush()
        sys.stderr.flush()


def begin(program: str, request: Request) -> int:
    """The pid of a new life."""
    pid = os.fork()
    if pid == 0:
        code = 70  # an exception that nobody expected; its traceback is in the errors
        try:
            code = live(program, request)
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


def serve(program: str) -> None:
    for module in (f"{program}.__main__", *WHOLE[program]):
        importlib.import_module(module)
    gc.freeze()  # what is there already is every life's, and stays one copy
    running: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            code = ended(request["pid"])
            if code is not None:
                running.discard(request["pid"])
            answer = {"code": code}
        else:
            pid = begin(program, request)
            running.add(pid)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    serve(sys.argv[1])
