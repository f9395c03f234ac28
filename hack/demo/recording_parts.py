"""A recording as ConfigMaps: one object of the API server holds at most 1 MiB, so it goes there in parts.

Whether it is one is found out first, by the simulator's own reader: in the cluster that would take minutes to show.
"""

import base64
from pathlib import Path
from typing import Any

from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.recording import UnusableRecording, require_events

PART_BYTES = 700_000  # as base64 below 1 MiB
MOST_PARTS = 8  # as many as manifests/demo/simulator.yaml mounts
SYMBOL = "BTCUSDT"  # as manifests/demo/simulator.yaml trades


class NoRecording(Exception):
    """The demo cannot play it; the message says why."""


def require_recording(path: Path) -> None:
    """Raises NoRecording for a file that cannot be read, does not fit, or has no market of the demo's symbol in it."""
    try:
        with path.open("rb"):
            size = path.stat().st_size
        if size > MOST_PARTS * PART_BYTES:
            raise NoRecording(f"{path}: at most {MOST_PARTS * PART_BYTES} bytes; this one has {size}")
        require_events(path, [listing(SYMBOL)])
    except OSError as error:
        raise NoRecording(f"{path}: {in_words(error)}") from error
    except UnusableRecording as wrong:
        raise NoRecording(str(wrong)) from wrong


def config_maps(recording: Path | None, namespace: str) -> list[dict[str, Any]]:
    """The parts of `recording`, and an empty ConfigMap for every part that it does not need (None: needs none).

    Applied as they are they leave nothing of another recording behind. `recording` fits: `require_recording` says so.
    """
    content = recording.read_bytes() if recording else b""
    return [_config_map(number, content[number * PART_BYTES :][:PART_BYTES], namespace) for number in range(MOST_PARTS)]


def _config_map(number: int, part: bytes, namespace: str) -> dict[str, Any]:
    data = {f"part-{number}": base64.b64encode(part).decode()} if part else {}
    metadata = {"name": f"recording-{number}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data}
