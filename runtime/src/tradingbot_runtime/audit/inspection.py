"""`inspect`: what a journal holds, as tables or as JSON."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import yaml

from tradingbot_runtime.audit.accounts import days, plain
from tradingbot_runtime.audit.halts import told_halts
from tradingbot_runtime.audit.steps import Units, time_text
from tradingbot_runtime.audit.tables import VALUES, Amount, Cell, Section, page
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.account_check import AccountCheck
from tradingbot_runtime.core.carried import CarriedAccount
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.segments import segments
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import ASSET_EXPONENT, Instrument
from tradingbot_runtime.risk_memory import Rates
from tradingbot_runtime.standard_output import tell

JOURNAL = "Journal"
PROFIT, RATES, BALANCES = "profit of ", "rates of ", "balances of "  # as risk's memory names them
_FOR_THE_BOT = ("kind", "config", "risk ", "trades of ")  # what its next start goes on from: JSON, and shown below
Rows = Iterable[Sequence[Cell]]


def inspect(options: argparse.Namespace) -> int:
    """Raises JournalError and NobodyReads."""
    with JournalReader(options.journal) as reader:
        config = reader.config()
        if options.output == "json":
            tell(_as_json(_sections(reader, config), config))
            return 0
        shown = page()
        for section in _sections(reader, config):
            title = section.title
            section.print(shown, title if title == JOURNAL else f"{title}: {len(section.rows) or 'none'}")
            shown.print("")
    if config is not None:
        shown.print("Configuration", style="italic")
        shown.print(_as_yaml(config), markup=False, soft_wrap=True)
    return 0


def _as_json(sections: Iterable[Section], config: SlotConfig | None) -> str:
    """One object: what is said of the journal, a list for each table, and the configuration in effect."""
    found: dict[str, object] = {section.key: section.as_json() for section in sections}
    found["configuration"] = None if config is None else config.model_dump(mode="json", by_alias=True,
                                                                           exclude_none=True)  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"


def _sections(reader: JournalReader, config: SlotConfig | None) -> Iterator[Section]:
    for title, columns, rows in (
        (JOURNAL, VALUES, _identity(reader, config)),
        ("Positions", ("market", "position", "cost", "realised", "fees", "traded"), _positions(reader)),
        ("Taken over from other slots", ("market", "statement", "at", "account"), _carried(reader)),
        ("Profit per UTC day, before fees",
         ("day", "market", "realised", "fees", "fills", "bought", "sold", "turnover", "position"), _days(reader)),
        ("Orders not closed", ("order", "market", "side", "price", "quantity", "filled", "state", "venue's id",
                               "since"), _orders(reader)),
        ("Halts that hold", ("id", "reason", "market", "at", "by", "measured", "limit", "message"), _halts(reader)),
        ("Sizes", ("what", "rows", "bytes"), _sizes(reader)),
    ):  # fmt: skip
        yield Section(title, columns, list(rows))


def _identity(reader: JournalReader, config: SlotConfig | None) -> Rows:
    instruments = reader.instruments()
    yield "file", str(reader.path)
    for row in reader.rows("SELECT key, value FROM meta ORDER BY key"):
        if not row["key"].startswith(_FOR_THE_BOT):
            yield row["key"], _remembered(reader, instruments, row["key"], row["value"])
    if config is not None:
        yield "configuration", f"{config.config_hash()}: {config.mode}, {config.desired_state}"
    for row in reader.rows("SELECT min(time_ns) AS first, max(time_ns) AS last FROM events"):
        if row["first"] is not None:
            yield "recorded", f"{time_text(row['first'])} to {time_text(row['last'])}"


def _remembered(reader: JournalReader, instruments: Mapping[str, Instrument], key: str, value: str) -> Cell:
    """What risk must not forget, in a person's units; all else is text."""
    if key.startswith(RATES):
        rates = reader.decoded(value.encode(), Rates)
        return f"{rates.orders.total} orders, {rates.rejects.total} refused, in the latest minute"
    if key.startswith(PROFIT) and value.lstrip("-").isdecimal():
        instrument = instruments.get(key.removeprefix(PROFIT))
        money = Units(instrument, None).money(int(value))
        return Amount(money, instrument.quote) if instrument else money
    if key.startswith(BALANCES) and value:
        return _as_written(reader.decoded(value.encode(), AccountCheck))
    return value


def _as_written(check: AccountCheck) -> str:
    """As JSON, with amounts as people write them: sums of the journal's units have exponents."""
    held, moved = ({asset: plain(amount) for asset, amount in amounts.items()} for amounts in (check.held, check.moved))
    return msgspec.json.encode(msgspec.structs.asdict(check) | {"held": held, "moved": moved}).decode()


def _positions(reader: JournalReader) -> Rows:
    for market, instrument in reader.instruments().items():
        position = reader.account(market, Position(instrument))
        fees = {asset: Decimal(units).scaleb(ASSET_EXPONENT) for asset, units in position.fees.items()}
        yield (market, Amount(instrument.quantity_text(position.lots), instrument.base),
               Amount(instrument.money_text(position.cost), instrument.quote),
               Amount(instrument.money_text(position.realised), instrument.quote), _amounts(fees),
               Amount(instrument.quantity_text(position.traded), instrument.base))  # fmt: skip


def _carried(reader: JournalReader) -> Rows:
    for row in reader.carried():
        account = str(reader.decoded(row["account"], CarriedAccount)) if row["account"] else "not known: see halts"
        yield row["market"], row["statement"], time_text(row["time_ns"]), account


def _days(reader: JournalReader) -> Rows:
    for market, instrument in reader.instruments().items():
        base, quote = instrument.base, instrument.quote
        for day in days(market, instrument, reader):
            yield (day.day.isoformat(), market, Amount(plain(day.realised), quote), _amounts(day.fees), day.fills,
                   Amount(plain(day.bought), base), Amount(plain(day.sold), base), Amount(plain(day.turnover), quote),
                   Amount(plain(day.position), base))  # fmt: skip


def _orders(reader: JournalReader) -> Rows:
    instruments = reader.instruments()
    for row in reader.rows("SELECT * FROM orders WHERE closed = 0 ORDER BY market, side, price"):
        instrument = instruments.get(row["market"])
        units = Units(instrument, None)
        numbers: list[Cell] = [units.price(row["price"]), units.quantity(row["quantity"]),
                               units.quantity(row["filled"])]  # fmt: skip
        if instrument is not None:
            assets = (instrument.quote, instrument.base, instrument.base)
            numbers = [Amount(str(number), asset) for number, asset in zip(numbers, assets, strict=True)]
        yield (row["order_id"], row["market"], row["side"], *numbers, row["state"], row["venue_order_id"],
               time_text(row["created_ns"]))  # fmt: skip


def _halts(reader: JournalReader) -> Rows:
    for halt in told_halts(reader):
        if not halt.resumed_at:
            yield (halt.id, halt.reason, halt.market, halt.at, halt.by, halt.measured, halt.limit,
                   halt.message)  # fmt: skip


def _sizes(reader: JournalReader) -> Rows:
    for table, rows in reader.tables().items():
        yield f"table {table}", rows, None
    for end in ("", "-wal"):
        file = reader.path.with_name(f"{reader.path.name}{end}")
        if file.exists():
            yield file.name, None, file.stat().st_size
    recorded: list[Path] = segments(inputs_folder(reader.path))
    yield "recorded inputs, in segments", len(recorded), sum(path.stat().st_size for path in recorded)


def _amounts(by_asset: Mapping[str, Decimal]) -> list[Amount]:
    return [Amount(plain(number), asset) for asset, number in sorted(by_asset.items())]


def _as_yaml(config: SlotConfig) -> str:
    return yaml.safe_dump(config.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)
