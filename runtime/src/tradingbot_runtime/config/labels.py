"""Labels by which people and the operator find a bot's objects: `kubectl delete lease -l ...` is a way to stop it."""

MANAGED_BY = "app.kubernetes.io/managed-by"
OPERATOR = "tradingbot-operator"
BOT = "tradingbot.dev/bot"


def bot_labels(name: str) -> dict[str, str]:
    return {MANAGED_BY: OPERATOR, BOT: name}
