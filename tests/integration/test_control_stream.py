"""The control stream over real TLS: who may speak, what is answered, and what a bad peer cannot do."""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import uvloop

from harness.control_peer import QUICK, Runtime, Stream, over_tls, stream
from harness.self_signed import Authority
from harness.waiting import met
from tradingbot_runtime.control import MAX_CONNECTIONS, ControlServer, Deadlines
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.model.control import (
    HEARTBEAT_S,
    MAX_FRAME_BYTES,
    CommandRefused,
    ConfigAnswered,
    Configure,
    Drain,
    HaltAnswered,
    HaltTrading,
    Hello,
    Resume,
    SlotReport,
)


@over_tls()
async def test_a_hello_is_answered_with_a_report_at_once(made: Stream) -> None:
    peer = await made.connect()
    await peer.say(Hello(term=3, operator="op"))
    assert await peer.hear() == made.runtime.report()
    assert made.runtime.term == 3


@over_tls()
async def test_without_any_change_a_report_comes_every_heartbeat(made: Stream) -> None:
    peer = await made.operator()
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    for _ in range(2):
        assert isinstance(await peer.hear(), SlotReport)
    assert 1.8 * HEARTBEAT_S < loop.time() - before_s < 4 * HEARTBEAT_S


@over_tls()
async def test_a_change_is_reported_at_once_and_a_burst_of_changes_as_few_reports(made: Stream) -> None:
    peer = await made.operator()
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    for number in range(1, 1001):
        made.runtime.message = str(number)
        made.runtime.changed.set()
        await asyncio.sleep(0)  # other tasks run: each change could be a report
    heard = 1
    while getattr(await peer.hear(), "message", "") != "1000":
        heard += 1
    assert heard < 50
    assert loop.time() - before_s < HEARTBEAT_S / 2


@over_tls()
async def test_configuration_and_drain_reach_the_runtime(made: Stream) -> None:
    peer = await made.operator()
    await peer.say(Configure(term=1, document="{}"))
    assert await peer.hear_answer() == ConfigAnswered(config_hash="h2", outcome="Applied")
    await peer.say(Drain(term=1, reason="Deleted"))
    await met(lambda: made.runtime.drained == ["Deleted"])
    assert (made.runtime.configured, made.runtime.configured_by) == (["{}"], ["operator op"])


@over_tls()
async def test_a_halt_and_a_resume_reach_the_runtime_and_are_answered(made: Stream) -> None:
    peer = await made.operator()
    await peer.say(HaltTrading(term=1, by="ann", message="looks wrong", flatten=True))
    assert await peer.hear_answer() == HaltAnswered(halt_id="h1", done=True, halts=("h1",))
    assert made.runtime.halted == [("ann", "looks wrong", True)]
    await peer.say(Resume(term=1, halt_id="h2", by="ann"))
    assert await peer.hear_answer() == HaltAnswered(halt_id="h2", done=False, halts=("h1",))
    await peer.say(Resume(term=1, halt_id="h1", by="ann"))
    assert await peer.hear_answer() == HaltAnswered(halt_id="h1", done=True)
    assert made.runtime.resumed == [("h2", "ann"), ("h1", "ann")]


@over_tls()
async def test_an_old_leader_neither_halts_nor_resumes(made: Stream) -> None:
    peer = await made.operator(term=5)
    for message in (HaltTrading(term=4, by="old"), Resume(term=4, halt_id="h1", by="old")):
        await peer.say(message)
        assert isinstance(await peer.hear_answer(), CommandRefused)
    assert (made.runtime.halted, made.runtime.resumed) == ([], [])


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_wrong_token_is_refused_before_any_message(tmp_path: Path, token: str) -> None:
    async def body() -> None:
        async with stream(tmp_path, QUICK) as made:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await made.connect(token)
            assert refused.value.status == 401
            assert made.server.outcomes["Unauthorized"] == 1

    uvloop.run(body())


@pytest.mark.parametrize("spoil", [lambda path: path.write_text(""), lambda path: path.unlink()])
def test_an_empty_or_missing_token_file_lets_nobody_in(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    async def body() -> None:
        async with stream(tmp_path, QUICK) as made:
            spoil(made.folder / "token")
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await made.connect("")

    uvloop.run(body())


@over_tls()
async def test_a_rotated_token_counts_for_the_next_connection(made: Stream) -> None:
    former = made.token
    (made.folder / "token").write_text(secrets.token_urlsafe())
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await made.connect(former)
    await made.operator()


@over_tls()
async def test_a_peer_that_trusts_another_authority_does_not_connect(made: Stream) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await made.connect(authority=Authority("other"))


@over_tls()
async def test_a_rotated_certificate_is_served_to_new_connections_and_old_ones_stay(made: Stream) -> None:
    old = await made.operator()
    serial = made.authority.write_server(made.folder)
    new = await made.connect()
    tls: ssl.SSLObject = new.socket.get_extra_info("ssl_object")
    certificate = tls.getpeercert()
    assert certificate is not None
    assert int(str(certificate["serialNumber"]), 16) == serial
    assert isinstance(await old.hear(), SlotReport)


@over_tls()
async def test_half_of_a_rotation_leaves_the_former_certificate_in_use(made: Stream) -> None:
    (made.folder / "tls.key").write_text("not a key")
    await made.operator()
    Authority("bot").write_server(made.folder)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await made.connect()


def test_without_a_certificate_the_server_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="control certificate"):
        uvloop.run(ControlServer(Runtime(), tmp_path, "127.0.0.1", 0).start())


@over_tls()
async def test_a_lower_term_is_refused_and_does_nothing(made: Stream) -> None:
    made.runtime.term = 7
    peer = await made.connect()
    await peer.say(Hello(term=6, operator="old"))
    refused = await peer.hear()
    assert refused == CommandRefused(reason="StaleTerm", message="term 6 is older than 7")
    assert await peer.closed_with() == aiohttp.WSCloseCode.POLICY_VIOLATION

    leader = await made.operator(7)
    await leader.say(Configure(term=6, document="stale"))
    assert (await leader.hear_answer()) == refused
    await leader.say(Drain(term=5, reason="stale"))
    assert isinstance(await leader.hear_answer(), CommandRefused)
    assert (made.runtime.configured, made.runtime.drained, made.runtime.term) == ([], [], 7)


@pytest.mark.parametrize("term", [4, 5])
def test_a_newer_connection_of_the_same_or_a_higher_term_replaces_the_older(tmp_path: Path, term: int) -> None:
    async def body() -> None:
        async with stream(tmp_path, Deadlines()) as made:
            old = await made.operator(4)
            new = await made.operator(term)
            assert await old.closed_with() == 4000
            assert isinstance(await new.hear(), SlotReport)

    uvloop.run(body())


@over_tls()
async def test_a_stale_hello_does_not_replace_the_leader(made: Stream) -> None:
    leader = await made.operator(4)
    stale = await made.connect()
    await stale.say(Hello(term=3, operator="old"))
    await stale.closed_with()
    for _ in range(2):
        assert isinstance(await leader.hear(), SlotReport)


@pytest.mark.parametrize(
    "frame",
    ["", "garbage", "[]", '{"type": "Explode", "term": 1}', '{"type": "Drain", "term": 1}', '{"type": "Hello"}',
     '{"type": "Drain", "term": "1", "reason": "x"}', "\ud7ff" * 1000, b"binary"],
)  # fmt: skip
def test_an_unreadable_message_is_refused_counted_and_survived(tmp_path: Path, frame: str | bytes) -> None:
    async def body() -> None:
        async with stream(tmp_path, Deadlines()) as made:
            peer = await made.operator()
            await (peer.socket.send_bytes(frame) if isinstance(frame, bytes) else peer.socket.send_str(frame))
            answer = await peer.hear_answer()
            assert isinstance(answer, CommandRefused)
            assert answer.reason == "Unreadable"
            await peer.say(Drain(term=1, reason="still works"))
            await met(lambda: bool(made.runtime.drained))
            assert made.server.outcomes["Unreadable"] == 1

    uvloop.run(body())


@over_tls(QUICK)
async def test_a_connection_that_says_something_else_or_nothing_before_its_hello_is_closed(made: Stream) -> None:
    rude = await made.connect()
    await rude.say(Drain(term=9, reason="x"))
    assert isinstance(await rude.hear(), CommandRefused)
    assert await rude.closed_with() == aiohttp.WSCloseCode.POLICY_VIOLATION
    mute = await made.connect()
    assert await mute.closed_with() == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    assert (made.runtime.drained, made.runtime.term) == ([], 0)
    assert made.server.outcomes["Cut"] == 1


@over_tls()
async def test_a_frame_over_the_limit_closes_the_connection_and_the_next_one_works(made: Stream) -> None:
    peer = await made.operator()
    await peer.say(Configure(term=1, document="x" * MAX_FRAME_BYTES))
    assert await peer.closed_with() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert made.runtime.configured == []
    assert made.server.outcomes["FrameRefused"] == 1
    await made.operator()


@over_tls(QUICK)
async def test_a_peer_that_does_not_read_is_cut(made: Stream) -> None:
    made.runtime.message = "x" * 900_000
    peer = await made.operator()
    transport = peer.socket.get_extra_info("socket")
    assert transport is not None
    peer.socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # noqa: SLF001 - stops reading as a hung process does

    def cut() -> bool:
        made.runtime.changed.set()
        return made.server.outcomes["Cut"] == 1

    await met(cut)
    made.runtime.message = ""
    await made.operator()


@over_tls(QUICK)
async def test_more_connections_than_a_handful_are_turned_away(made: Stream) -> None:
    peers = [await made.connect() for _ in range(MAX_CONNECTIONS)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await made.connect()
    assert refused.value.status == 503
    for peer in peers:
        await peer.closed_with()
    await made.operator()


@over_tls(QUICK)
async def test_a_configuration_that_takes_too_long_is_rejected_and_reports_go_on(made: Stream) -> None:
    peer = await made.operator()
    await peer.say(Configure(term=1, document="slow"))
    answer = await peer.hear_answer()
    assert isinstance(answer, ConfigAnswered)
    assert answer.outcome == "Rejected"
    assert isinstance(await peer.hear(), SlotReport)


@over_tls()
async def test_a_configuration_is_applied_to_the_end_when_its_connection_is_lost(made: Stream) -> None:
    peer = await made.operator()
    await peer.say(Configure(term=1, document="slow"))
    await made.runtime.busy.wait()
    await made.operator(2)
    await peer.closed_with()
    made.runtime.free.set()
    await met(lambda: made.runtime.configured == ["slow"])


@over_tls()
async def test_what_an_old_leader_had_waiting_is_dropped_when_a_newer_one_speaks(made: Stream) -> None:
    first = await made.operator(1)
    await first.say(Configure(term=1, document="slow"))
    await made.runtime.busy.wait()
    second = await made.operator(1)
    await second.say(Configure(term=1, document="waits"))
    third = await made.operator(2)
    made.runtime.free.set()
    await third.say(Configure(term=2, document="new"))
    await third.hear_answer()
    assert made.runtime.configured == ["slow", "new"]
