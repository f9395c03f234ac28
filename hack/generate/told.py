"""What the alerts and the rules before them ask alike: of the operator's series, whichever replica tells them."""

BOTS, VENUES = "namespace, bot", "namespace, venue"
REMEMBERED = "2m"  # longer than a standby takes to lead, to read the cluster and to be scraped


def told(selector: str, by: str = BOTS, *, whose: str = BOTS, proof: str = "tradingbot_info", how: str = "max") -> str:
    """By none of the labels of the operator's pod; while no operator says anything of that bot, what was said last.

    Else what holds on would end and begin anew whenever another replica leads: told as resolved, and paged again.
    `proof`: a series that is there of each of `whose` as long as an operator speaks of it.
    """
    last = f"last_over_time({selector}[{REMEMBERED}]) unless on ({whose}) {proof}"
    return f"{how} by ({by}) ({selector} or ({last}))"
