"""After the venue has refused an order: how long to leave it alone."""

from dataclasses import dataclass

from tradingbot_runtime.model import Nanos

FIRST_NS = 1_000_000_000
LONGEST_NS = 30_000_000_000


@dataclass(slots=True)
class Quiet:
    """Doubles with every refusal in a row, from one second to thirty; an accepted order ends the row.

    Refusals that come during the pause are of orders that were on their way already: they say nothing new.
    """

    until_ns: Nanos = Nanos(0)
    in_a_row: int = 0
    code: str = ""  # what the latest refusal that counted said
    message: str = ""

    def refused(self, now_ns: Nanos, code: str = "", message: str = "") -> None:
        if now_ns < self.until_ns:
            return
        self.code, self.message = code, message
        pause = min(FIRST_NS << min(self.in_a_row, 10), LONGEST_NS)
        self.in_a_row += 1
        self.until_ns = Nanos(now_ns + pause)

    def accepted(self) -> None:
        self.in_a_row = 0
