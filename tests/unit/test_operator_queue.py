"""The work queue: no lost key, never two workers on one, priorities, and nothing that waits for ever."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.examples import examples
from tradingbot_operator.queue import KeyedQueue, Priority, Timing, WorkQueue

KEYS = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from(list(Priority))
TIMING = Timing(ageing_s=10, backoff_s=1, backoff_max_s=60, halt_backoff_max_s=2)


class QueueMachine(RuleBasedStateMachine):
    """Against a model that only knows which keys are owed work, since when at the latest."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: KeyedQueue[str] = KeyedQueue(TIMING)
        self.now = 0.0
        self.owed: set[str] = set()
        self.later: dict[str, float] = {}
        self.active: set[str] = set()

    @rule(key=KEYS, priority=PRIORITIES)
    def add(self, key: str, priority: Priority) -> None:
        self.queue.add(key, priority, self.now)
        self.owed.add(key)

    @rule(key=KEYS, priority=PRIORITIES, delay=st.floats(-1800, 30))
    def add_after(self, key: str, priority: Priority, delay: float) -> None:
        waits = self.queue.add_after(key, delay, priority, self.now)
        assert TIMING.again_s <= waits or key in self.later, "the others have no time in between"
        assert waits <= max(delay, TIMING.again_max_s)
        self.later[key] = min(self.now + waits, self.later.get(key, 1e9))

    @rule(seconds=st.floats(0.1, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        due = {key for key, at in self.later.items() if at <= self.now}
        self.owed |= due
        for key in due:
            del self.later[key]
        taken = self.queue.take(self.now)
        if taken is None:
            assert not self.owed - self.active, "a key was lost"
            return
        key, _ = taken
        assert key not in self.active, "two workers on one key"
        assert key in self.owed, "work that nobody asked for"
        self.owed.discard(key)
        self.later.pop(key, None)  # it is looked at, and asks for another look where it needs one
        self.active.add(key)

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.active)))
        self.queue.done(key, self.now)
        self.active.discard(key)

    @precondition(lambda self: self.active)
    @rule(data=st.data(), priority=PRIORITIES, jitter=st.floats(0, 1))
    def fail(self, data: st.DataObject, priority: Priority, jitter: float) -> None:
        key = data.draw(st.sampled_from(sorted(self.active)))
        delay = self.queue.retry(key, priority, jitter, self.now)
        assert 0 < delay <= (TIMING.halt_backoff_max_s if priority is Priority.HALT else TIMING.backoff_max_s)
        self.later[key] = min(self.now + delay, self.later.get(key, 1e9))
        self.queue.done(key, self.now)
        self.active.discard(key)

    def teardown(self) -> None:
        """In the end everything that is owed is worked on."""
        for key in self.active:
            self.queue.done(key, self.now)
        self.now += 100
        owed = self.owed | self.later.keys()
        while taken := self.queue.take(self.now):
            self.queue.done(taken[0], self.now)
            owed.discard(taken[0])
        assert not owed, "keys were lost"

    @invariant()
    def a_key_waits_in_one_lane_only(self) -> None:
        waiting = sum(self.queue.depth().values())
        assert waiting + self.queue.unfinished() <= len(self.owed | self.active | set(self.later)) + len(self.active)


QueueMachine.TestCase.settings = settings(max_examples=examples(120), stateful_step_count=40)
test_any_history_loses_no_key_and_gives_none_to_two_workers = QueueMachine.TestCase


def filled(*entries: tuple[str, Priority, float]) -> KeyedQueue[str]:
    queue: KeyedQueue[str] = KeyedQueue(TIMING)
    for key, priority, at in entries:
        queue.add(key, priority, at)
    return queue


def order(queue: KeyedQueue[str], now: float) -> str:
    taken = []
    while found := queue.take(now):
        taken.append(found[0])
    return "".join(taken)


def test_halts_go_first_then_specs_then_children_then_resyncs() -> None:
    resync, child, spec = ("r", Priority.RESYNC, 0.0), ("c", Priority.CHILD, 0.0), ("s", Priority.SPEC, 0.0)

    assert order(filled(resync, child, spec, ("h", Priority.HALT, 1)), 2) == "hscr"


def test_a_key_that_waits_moves_up_when_something_urgent_happens_to_it() -> None:
    queue = filled(("a", Priority.SPEC, 0), ("b", Priority.RESYNC, 0))

    queue.add("b", Priority.HALT, 1)

    assert order(queue, 1) == "ba"


def test_a_resync_does_not_wait_for_ever_behind_new_specs() -> None:
    queue = filled(("old", Priority.RESYNC, 0))
    for second in range(1, 60):
        queue.add(f"s{second}", Priority.SPEC, second)
        taken = queue.take(second)
        assert taken
        queue.done(taken[0], second)
        if taken[0] == "old":
            break

    assert second <= 2 * TIMING.ageing_s + 1


def test_nothing_overtakes_a_halt_however_old_it_is() -> None:
    queue = filled(("old", Priority.RESYNC, 0), ("halt", Priority.HALT, 10_000))

    assert order(queue, 10_000) == "haltold"


def test_a_key_that_changes_while_it_is_worked_on_comes_again_at_its_highest_priority() -> None:
    queue = filled(("a", Priority.CHILD, 0))
    queue.take(0)
    queue.add("a", Priority.RESYNC, 1)
    queue.add("a", Priority.HALT, 1)

    assert queue.take(1) is None
    queue.done("a", 2)
    assert queue.take(2) == ("a", Priority.HALT)


def test_back_off_grows_and_a_success_forgets_it() -> None:
    queue = filled()
    delays = [queue.retry("a", Priority.SPEC, 1.0, 0) for _ in range(8)]
    queue.succeeded("a")

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert queue.retry("a", Priority.SPEC, 1.0, 0) == 1


def test_a_look_that_comes_before_a_later_one_is_that_one() -> None:
    queue = filled(("a", Priority.CHILD, 0))
    queue.add_after("a", 10, Priority.CHILD, 0)
    queue.take(1)
    queue.add_after("a", 30, Priority.CHILD, 1)  # what this look asks for
    queue.done("a", 1)

    assert (order(queue, 30.9), order(queue, 31)) == ("", "a")


def looks_within(queue: KeyedQueue[str], seconds: float, delay_s: float) -> int:
    """How often a key is worked on whose every look asks for another one after `delay_s`."""
    now, looks = 0.0, 0
    queue.add("a", Priority.CHILD, now)
    while now < seconds:
        if (taken := queue.take(now)) is None:
            due = queue.next_due()
            assert due is not None
            assert due > now, "there is no time in between for anybody else"
            now = due
            continue
        looks += 1
        queue.add_after(taken[0], delay_s, Priority.CHILD, now)
        queue.done(taken[0], now)
    return looks


@pytest.mark.parametrize("delay_s", [-1800.0, -0.001, 0.0, 1e-9])
def test_a_key_that_always_asks_for_the_next_look_at_once_is_looked_at_once_a_second(delay_s: float) -> None:
    assert looks_within(filled(), 60, delay_s) <= 66


def test_one_that_asks_for_it_at_once_now_and_then_gets_it_soon() -> None:
    queue = filled(("a", Priority.CHILD, 0))
    for second in range(10):
        queue.take(second)
        assert queue.add_after("a", 0, Priority.CHILD, second) == TIMING.again_s
        queue.done("a", second)
        assert queue.take(second + 0.1)
        queue.done("a", second + 0.1)
        queue.add("a", Priority.CHILD, second + 1)


def test_keys_that_are_always_due_leave_the_loop_to_the_others() -> None:
    """Probes, streams and the election share the loop with the workers."""
    most = 1000

    async def scenario() -> int:
        queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time, lambda: 0.5)
        looks = 0

        async def worker() -> None:
            nonlocal looks
            while looks < most:
                key, _ = await queue.take()
                looks += 1
                queue.add(key, Priority.HALT)  # something has changed meanwhile, again and again
                queue.done(key)

        queue.add("a", Priority.HALT)
        working = asyncio.create_task(worker())
        for _ in range(20):  # turns of somebody else
            await asyncio.sleep(0)
        seen = looks
        await working
        return seen

    assert 0 < asyncio.run(scenario()) <= 30


def test_many_that_are_to_be_halted_do_not_wait_for_everybody_else_between_two_of_them() -> None:
    """A thousand orders to halt leave within seconds: the answers to the first ones come in between, and can wait."""

    async def scenario() -> int:
        queue: WorkQueue[int] = WorkQueue(asyncio.get_running_loop().time, lambda: 0.5)
        turns, working = 0, True

        async def others() -> None:
            nonlocal turns
            while working:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        for key in range(320):
            queue.add(key, Priority.HALT)
        for _ in range(320):
            key, _ = await queue.take()
            queue.done(key)
        working = False
        await beside
        return turns

    assert 5 <= asyncio.run(scenario()) <= 15


def test_workers_wake_up_for_new_and_for_delayed_keys() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time, lambda: 0.5)
        taken: list[str] = []
        both = asyncio.Event()

        async def worker() -> None:
            while True:
                key, _ = await queue.take()
                taken.append(key)
                queue.done(key)
                if len(taken) == 2:
                    both.set()

        workers = [asyncio.create_task(worker()) for _ in range(3)]
        queue.add_after("later", 0.05, Priority.CHILD)
        queue.add("now", Priority.CHILD)
        async with asyncio.timeout(5):
            await both.wait()
        for task in workers:
            task.cancel()
        return taken

    assert asyncio.run(scenario()) == ["now", "later"]
