"""Which limits a new configuration makes wider: it may, and the audit trail says so."""

from tradingbot_runtime.config.limit_widths import WIDTHS
from tradingbot_runtime.config.risk import Risk


def loosened(before: Risk, after: Risk) -> tuple[str, ...]:
    """The fields, as they are written in a manifest, that allow more in `after` than in `before`."""
    return tuple(
        Risk.model_fields[name].alias or name
        for name, width in WIDTHS.items()
        if width(getattr(after, name)) > width(getattr(before, name))
    )
