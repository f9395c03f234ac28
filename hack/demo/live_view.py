"""The bot as it is now, for the terminal: quotes, orders, position and profit, twice a second."""

import time
from collections.abc import Iterator

from kubectl import forwarded
from rich.console import Console
from rich.live import Live

from tradingbot_runtime.top import ask_state, line, picture
from tradingbot_runtime.top.asked import State

REFRESH_S = 0.5
PLAIN_EVERY_S = 5.0


def show(console: Console, pod: str, seconds: float) -> None:
    """For `seconds`; where the output is no terminal, a line every few seconds instead. Raises NoAnswer."""
    with forwarded(f"pod/{pod}", 8080) as port:
        states = _states(port, seconds)
        if console.is_terminal:
            with Live(console=console, refresh_per_second=4) as live:
                for left, state in states:
                    live.update(picture(state, f"{left:.0f} s left"))
            return
        shown = -PLAIN_EVERY_S
        for left, state in states:
            if seconds - left - shown >= PLAIN_EVERY_S:
                shown = seconds - left
                console.print(f"  {line(state)}", highlight=False, markup=False)


def _states(port: int, seconds: float) -> Iterator[tuple[float, State]]:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        yield left, ask_state(f"127.0.0.1:{port}")
        time.sleep(REFRESH_S)
