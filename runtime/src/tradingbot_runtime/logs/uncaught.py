"""What nobody has caught, on standard error as Python tells it, but without what is secret."""

import sys
import traceback
from types import TracebackType

from tradingbot_runtime.redaction import KnownSecrets


def tell_uncaught_without(secrets: KnownSecrets) -> None:
    """From now on, in this process; once, at its start."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(secrets.text("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = tell
