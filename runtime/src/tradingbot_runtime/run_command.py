"""`tradingbot-runtime run`: from arguments, environment and files to a running app. Everything is read here, once."""

import argparse
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError

from tradingbot_runtime.app import App, Process
from tradingbot_runtime.config import InvalidConfig, Mode, SlotConfig, VenueType, load, problems, slot_config, warnings
from tradingbot_runtime.config.labels import bot_labels
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.halt_file import NAME as HALT_FILE
from tradingbot_runtime.lease import KubernetesLeases
from tradingbot_runtime.logs import Logs, configure_logs, of_bot, tell_uncaught_without
from tradingbot_runtime.logs.schema import BOT, POD, SERVICE, SLOT, VERSION
from tradingbot_runtime.model.control import CONTROL_PORT
from tradingbot_runtime.options import PORT
from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.servers import Addresses
from tradingbot_runtime.tracing.switch import begin
from tradingbot_runtime.venues.credentials import CredentialsFolder, SecretShape
from tradingbot_runtime.venues.link import SECRETS

log = structlog.get_logger("run")

PROGRAM = "tradingbot-runtime"


def run(options: argparse.Namespace) -> int:
    environment = os.environ
    tell_uncaught_without(secrets := KnownSecrets())
    logs = configure_logs(options.log_level, secrets=secrets)
    config = _config(options, environment)
    who = whose(config, environment)
    logs.name(**who)
    for line in warnings(config, config.venues):
        log.warning("ConfigWarning", message=line)
    process = _process(options, config, environment, logs, secrets)
    exporting = begin(environment, who)
    if exporting is None:
        return uvloop.run(App(config, process).run())
    orders = import_module("tradingbot_runtime.tracing.order_tracing").OrderTracing(exporting)  # needs its extra
    with closing(orders):
        traced = replace(process, open_journal=orders.open_journal, spans_dropped=orders.dropped)
        return uvloop.run(App(config, traced).run())


def _process(
    options: argparse.Namespace, config: SlotConfig, environment: Mapping[str, str], logs: Logs, secrets: KnownSecrets
) -> Process:
    journal = options.journal or _default_journal(config, environment)
    return Process(
        journal=journal,
        halt_file=options.halt_file or journal.parent / HALT_FILE,
        credentials=partial(venue_credentials, options.credentials, environment, shapes=taught(SECRETS, secrets)),
        secrets=secrets,
        addresses=Addresses(
            host=options.host or ("0.0.0.0" if options.slot_config else "127.0.0.1"),  # noqa: S104 - a pod is reached
            http_port=options.http_port,
            control_port=_control_port(options.control_port, environment),
            control=options.control,
        ),
        pod_uid=environment.get("POD_UID", f"process-{os.getpid()}"),
        leases=_leases(config, environment),
        logs=logs,
        shutdown_within_s=options.shutdown_within,
        tells_progress=options.slot_config is None,
    )


def whose(config: SlotConfig, environment: Mapping[str, str]) -> dict[str, object]:
    """What every line of the log says of this process."""
    bot = {BOT: config.bot.name}
    if "POD_NAME" in environment:  # else there is no namespace either: a manifest's is the one that it would have
        bot = {POD: environment["POD_NAME"], **of_bot(config.bot.namespace, config.bot.name)}
    return {SERVICE: PROGRAM, VERSION: version(PROGRAM), **bot, SLOT: config.slot}


def _config(options: argparse.Namespace, environment: Mapping[str, str]) -> SlotConfig:
    if options.slot_config is not None:
        return mounted(options.slot_config, ordinal(options.slot, environment))
    try:
        text = options.manifest.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidConfig([f"{options.manifest}: {in_words(error)}"]) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig([f"{options.manifest}: is no YAML: byte {error.start + 1} is not UTF-8"]) from error
    if options.slot is not None:
        raise ConfigError("--slot goes with --slot-config; a manifest is run as one slot with all its markets")
    manifest = load(text, options.overrides, str(options.manifest))
    # As in a cluster: no slots, no trading.
    everything = {0: [market.name for market in manifest.bot.markets] if manifest.bot.replicas else []}
    # Two journals of one manifest are two bots: they must never mark their orders alike. A journal keeps the first.
    identity = manifest.identity.model_copy(update={"uid": f"{manifest.identity.uid}-{token_hex(8)}"})
    return slot_config(identity, manifest.bot, manifest.venues, everything, 0)


def mounted(folder: Path, slot: int) -> SlotConfig:
    """The configuration that the operator has made. Raises InvalidConfig."""
    file = folder / f"slot-{slot}.json"
    try:
        return SlotConfig.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InvalidConfig([f"{file}: {line}" for line in problems(error, SlotConfig)]) from error
    except OSError as error:
        raise InvalidConfig([f"{file}: {in_words(error)}"]) from error


def ordinal(given: int | None, environment: Mapping[str, str]) -> int:
    """The slot's number: what was given, or the ordinal at the end of a StatefulSet pod's name."""
    if given is not None:
        return given
    number = environment.get("POD_NAME", "").rpartition("-")[2]
    if not number.isdecimal():
        raise ConfigError("--slot or POD_NAME (ending in -N) must say which slot this is")
    return int(number)


def _control_port(given: int | None, environment: Mapping[str, str]) -> int:
    if given is not None:
        return given
    text = environment.get("CONTROL_PORT", str(CONTROL_PORT))
    try:
        return PORT.read(text)
    except ValueError as error:
        raise ConfigError(f"CONTROL_PORT={text}: must be {PORT}") from error


def _default_journal(config: SlotConfig, environment: Mapping[str, str]) -> Path:
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "tradingbot" / f"{config.bot.namespace}-{config.bot.name}-{config.slot}.sqlite3"


def venue_credentials(
    folder: Path | None,
    environment: Mapping[str, str],
    config: SlotConfig,
    venue: str,
    shapes: Mapping[VenueType, SecretShape[Any]],
) -> Callable[[], Any] | None:
    """Where the credentials of `venue` come from; None when neither orders nor market data of this slot need any."""
    spec, secret = config.venues[venue], shapes[config.venues[venue].type]
    sends_orders = config.mode is Mode.LIVE and any(leg.execution.venue == venue for leg in config.legs)
    if not sends_orders and not (secret.for_market_data and spec.credentials_secret_ref):
        return None
    if folder is not None:
        return CredentialsFolder(folder / venue, secret.parse)
    found = secret.from_environment(environment, f"TRADINGBOT_{venue.upper().replace('-', '_')}")
    return lambda: found


def taught(shapes: Mapping[VenueType, SecretShape[Any]], secrets: KnownSecrets) -> Mapping[VenueType, SecretShape[Any]]:
    """The same shapes; what is read by them is told to `secrets` first."""
    return {kind: shape.taught_to(secrets) for kind, shape in shapes.items()}


def _leases(config: SlotConfig, environment: Mapping[str, str]) -> KubernetesLeases | None:
    if config.lease is None:
        return None
    if "KUBERNETES_SERVICE_HOST" not in environment:
        raise ConfigError("the configuration names a Lease, but there is no cluster here (KUBERNETES_SERVICE_HOST)")
    return KubernetesLeases.from_environment(environment, config.bot.namespace, labels=bot_labels(config.bot.name))
