"""The bench itself: it measures every move, and a client that does not answer cannot look fast."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
VENUE = BENCH.parents[1] / ".cache" / "bench" / "venue"
WITHIN_S = 60
SUBSCRIBE = b'{"id":"s","method":"userDataStream.subscribe.signature","params":{}}'


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, float]]]:
    """What a very short bench found."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    options = ("--runs", "1", "--seconds", "0.6", "--warmup", "0.1", "--json", str(file))
    done = subprocess.run(
        [sys.executable, BENCH / "tick_to_order.py", *options], check=False, capture_output=True, text=True,
        timeout=WITHIN_S, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_every_move_of_the_price_is_answered_by_one_order_of_every_client(
    figures: dict[str, list[dict[str, float]]],
) -> None:
    assert [row["orders"] for row in figures["rows"]] == [row["moves"] for row in figures["rows"]]
    assert all(row["moves"] > 10 for row in figures["rows"])


def test_ratios_are_to_the_floor_that_ran_beside(figures: dict[str, list[dict[str, float]]]) -> None:
    floor, ours, *_ = figures["rows"]

    assert floor["p50_ratio"] == 1
    assert ours["p50_ratio"] == pytest.approx(ours["p50"] / floor["p50"])
    assert 0 < ours["p50"] <= ours["new_order_p50"]


def upgraded(port: int, path: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)
    link.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    # The key and its answer are RFC 6455's own example (1.3).
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in link.recv(4096)
    return link


@pytest.mark.usefixtures("figures")  # they have built the venue
def test_moves_without_an_order_are_told() -> None:
    command = [str(VENUE), "1000", "0.2", "5", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as venue:
        assert venue.stdout is not None
        port = int(venue.stdout.readline())
        with upgraded(port, "/stream?streams=btcusdt@bookTicker") as market, upgraded(port, "/ws-api/v3") as orders:
            orders.sendall(bytes((0x81, 0x80 | len(SUBSCRIBE), 0, 0, 0, 0)) + SUBSCRIBE)
            while market.recv(1 << 16):
                pass
        measured = json.loads(venue.stdout.read())

    assert (measured["moves"], measured["answered"], measured["measured"]) == (1, 0, 0)
