"""A seeded plan of faults: how often which kind befalls which requests and frames. Pure.

The n-th request (or frame) of a target meets the same fate whenever the seed is the same, whatever else happens in
between: each rule draws from a generator of its own for each target.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tradingbot_runtime.config.document import documents
from tradingbot_runtime.config.problems import InvalidConfig, problems
from tradingbot_runtime.config.spec import Spec
from tradingbot_runtime.simulator.faults import ON_REQUEST_ONLY, FaultKind, FaultRequest

SYNTAX = "seed=7,rate=0.02[,kinds=drop+delay][,match=GLOB][,delayMs=N][,seconds=N][,stepMs=N], or a YAML file"
MAX_GENERATORS = 1000  # a websocket API client may call methods that do not exist
_WORDS = ("kinds",)  # joined by + in the one-line form
Rate = Annotated[float, Field(ge=0, le=1)]


class PlannedFaults(Spec):
    """One rule of a plan; the first that draws a fault wins."""

    match: str = Field(default="*", min_length=1, max_length=200, description="Glob over targets.")
    rate: Rate = Field(description="Share of the requests and frames that something befalls.")
    kinds: tuple[FaultKind, ...] = Field(default=tuple(FaultKind), description="What may befall them.")
    delay_ms: int = Field(default=200, ge=1, le=60_000, description="Longest delay; drawn from 1 on.")
    seconds: float = Field(default=1.0, gt=0, le=3600, description="How long a silence or a lock lasts.")
    step_ms: int = Field(default=500, ge=1, le=3_600_000, description="Longest jump of the clock, either way.")
    retry_after_s: int = Field(default=1, ge=1, le=3600, description="Retry-After of 429 and 418.")


class FaultPlan(Spec):
    seed: int = Field(ge=0, description="The same seed, the same fates.")
    faults: tuple[PlannedFaults, ...] = Field(max_length=100, description="Rules, first match first.")

    @model_validator(mode="before")
    @classmethod
    def _one_rule(cls, data: object) -> object:
        """A plan of one rule may be written without the list."""
        if isinstance(data, dict) and "rate" in data and "faults" not in data:
            return {"seed": data.get("seed"), "faults": [{k: v for k, v in data.items() if k != "seed"}]}
        return data

    @model_validator(mode="after")
    def _something_happens(self) -> Self:
        if not any(rule.rate and rule.kinds for rule in self.faults):
            raise PydanticCustomError("idle", "no rule has both a rate above 0 and kinds: nothing would ever happen")
        return self


class SeededFaults:
    """Draws by a plan."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._generators: dict[tuple[int, str], Random] = {}

    def draw(self, kinds: tuple[FaultKind, ...], target: str) -> FaultRequest | None:
        for number, rule in enumerate(self.plan.faults):
            allowed = [kind for kind in rule.kinds if kind in kinds and kind not in ON_REQUEST_ONLY]
            if not allowed or not fnmatchcase(target, rule.match):
                continue
            random = self._generator(number, target)
            if random.random() < rule.rate:
                return _request(rule, random.choice(allowed), random)
        return None

    def _generator(self, number: int, target: str) -> Random:
        key = (number, target) if len(self._generators) < MAX_GENERATORS else (number, "")
        found = self._generators.get((number, target)) or self._generators.get(key)
        if found is None:
            found = self._generators[key] = Random(f"{self.plan.seed}/{key}")  # noqa: S311 - a drawing, nothing secret
        return found


def read_plan(text: str) -> FaultPlan:
    """A plan as written on the command line: one line, or the path of a YAML file. InvalidConfig says what is wrong.

    OSError when the file cannot be read.
    """
    if "=" in text:
        return parse_plan(_one_line(text))
    try:
        written = documents(Path(text).read_bytes())
    except InvalidConfig as wrong:
        raise InvalidConfig(f"fault plan {text}: {problem}" for problem in wrong.problems) from wrong
    if len(written) != 1:
        raise InvalidConfig([f"fault plan {text}: must be one document with `seed` and `faults`"])
    return parse_plan(written[0])


def parse_plan(written: object) -> FaultPlan:
    """InvalidConfig has one line for each mistake."""
    try:
        return FaultPlan.model_validate(written)
    except ValidationError as wrong:
        raise InvalidConfig(problems(wrong, FaultPlan, "fault plan")) from wrong


def _one_line(text: str) -> dict[str, object]:
    pairs = [part.partition("=") for part in text.split(",")]
    return {name: value.split("+") if name in _WORDS else value for name, _, value in pairs}


def _request(rule: PlannedFaults, kind: FaultKind, random: Random) -> FaultRequest:
    return FaultRequest(
        kind=kind, match=rule.match, seconds=rule.seconds, delay_ms=random.randint(1, rule.delay_ms),
        step_ms=random.randint(-rule.step_ms, rule.step_ms), retry_after_s=rule.retry_after_s,
    )  # fmt: skip
