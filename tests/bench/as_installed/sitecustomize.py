"""For a process that is to have what its image has: other packages of the development environment are not there.

structlog, for one, imports rich where there is any, which is five megabytes of an operator that never shows a colour.
"""

import os
import sys

for name in os.environ["NOT_INSTALLED"].split(","):
    sys.modules[name] = None  # type: ignore[assignment]  # so that its import fails, as the language's reference says
