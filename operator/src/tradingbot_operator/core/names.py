"""Names, labels and annotations of what belongs to a bot: declared once, because selectors and RBAC rely on them."""

import hashlib
import json
import re

from tradingbot_operator.api.v1alpha1 import GROUP
from tradingbot_runtime.config import labels as declared

FIELD_MANAGER = declared.OPERATOR
MANAGED_BY = declared.MANAGED_BY
BOT = declared.BOT
NAME = "app.kubernetes.io/name"
OF_BOT = f"{GROUP}/of-bot"  # on what is not one of its pods
SELECTOR = f"{MANAGED_BY}={FIELD_MANAGER}"
FINALIZER = f"{GROUP}/drain"
IN_USE = f"{GROUP}/in-use"  # finalizer of a Venue: it stays until no bot names it
SPEC_HASH = f"{GROUP}/spec-hash"  # on each child: of what was applied last
TEMPLATE = f"{GROUP}/template"  # on the StatefulSet: its pod template as it was applied
TEMPLATE_HASH = f"{GROUP}/template-hash"  # on the StatefulSet: of its pod template
STABLE_TEMPLATE = f"{GROUP}/stable-template"  # on the StatefulSet: the one before a change that is on its way
TEMPLATE_INPUTS = f"{GROUP}/template-inputs"  # on the StatefulSet and the pods: of the settings that they were made for
RESTART_HASH = f"{GROUP}/restart-hash"  # on the pods: of all that takes effect only at a start
BOT_UID = f"{GROUP}/bot-uid"  # on the pods: a recreated bot of the same name is another one
RELEASING = f"{GROUP}/releasing"  # on the ConfigMap: instrument -> slot that has yet to let go of it
HELD = f"{GROUP}/held"  # on the ConfigMap: instruments of mode Live that a Paper bot has yet to let go of
HALTED_MARKETS = f"{GROUP}/halted-markets"  # on the ConfigMap: instrument -> slots whose halts hold it
CANARY = f"{GROUP}/canary"  # on the ConfigMap: which slot tries a change first, and what it is compared with
ONLY_PAPER = f"{GROUP}/only-paper"  # on the ConfigMap: uid of the bot that has been in mode Paper for all its life
LEFT = f"{GROUP}/left"  # on the pod of a Job: configuration of the slot whose orders it withdraws
RENEW_AFTER = f"{GROUP}/renew-after"  # on the control Secret
RESUME = f"{GROUP}/resume"  # on the bot, by a person: ids of the halts that are released, with commas between them
RECONCILE = f"{GROUP}/reconcile"  # on the bot, by a person: DISABLED keeps the operator's hands off
DISABLED = "disabled"
RECONCILES = frozenset({DISABLED, "enabled", ""})  # what is understood there, with blanks around it and in capitals
ABANDON = f"{GROUP}/abandon"  # on a bot that is being deleted, by a person: "true" lets it go, whatever is left
ACCEPTED = "accepted.json"  # key of the ConfigMap: the last valid spec, with its venues
CLOSED = "closed.json"  # key of the ConfigMap: what slots have said of markets that no slot has at the moment
STABLE = "stable.json"  # key of the ConfigMap: the one before a change that is on its way


def labels(bot: str) -> dict[str, str]:
    return declared.bot_labels(bot)


def selector(bot: str) -> str:
    return f"{SELECTOR},{BOT}={bot}"


def slots_config_map(bot: str) -> str:
    return f"{bot}-slots"


def control_secret(bot: str) -> str:
    return f"{bot}-control"


def slot_lease(bot: str, slot: int) -> str:
    return f"{bot}-{slot}"


def cancel_job(bot: str, slot: int, renewal: str) -> str:
    """One for each time that the slot's Lease runs out: `renewal` names the last one."""
    return f"{bot}-{slot}-cancel-{renewal[:8]}"


def cancel_labels(bot: str) -> dict[str, str]:
    """Of the Job and its pod, which is no slot: no selector of the bot's objects may mean it."""
    return {NAME: "tradingbot-cancel", OF_BOT: bot}


def slot_document(slot: int) -> str:
    return f"slot-{slot}.json"


_SLOT_DOCUMENT = re.compile(r"slot-(0|[1-9][0-9]?)\.json", re.ASCII)


def slot_of(key: str) -> int | None:
    """Whose document it is; None where it is no slot's."""
    found = _SLOT_DOCUMENT.fullmatch(key)
    return int(found[1]) if found else None


def control_server_name(namespace: str, bot: str) -> str:
    """In the certificate of the control stream; checked whatever address the pod has."""
    return f"{bot}.{namespace}.svc"


def listed(text: str) -> frozenset[str]:
    """The words of an annotation that lists some; whoever writes blanks between them instead means the same."""
    return frozenset(text.replace(",", " ").split())


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # `json.dumps` makes one for each call


def digest(content: object) -> str:
    """Sixteen hex digits that name `content` (anything that JSON can write)."""
    return hashlib.sha256(_JSON.encode(content).encode()).hexdigest()[:16]
