"""The operator's metrics, each declared once: name, kind, labels, meaning.

`docs/reference/metrics.md` is generated from this, and /metrics shows exactly these.
What every controller has is named as controller-runtime names it, so that its dashboards and alerts work here, too.
"""

from tradingbot_runtime.metric_families import Family, Kind

# A halt is worked on in milliseconds; a key that waits for a minute fails the liveness probe.
BOUNDS_NS = (*(step * 10**power for power in range(6, 11) for step in (1, 2, 5)), 10**11)  # 1 ms to 100 s
CONTROLLER = "tradingbot-operator"  # the label `name` of the one work queue, and of the leader's Lease
MOST_SERIES = 100_000  # of the bots' families: 13 conditions of each of 5,000 bots, and some

COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

QUEUE_DEPTH = Family("workqueue_depth", GAUGE, ("name", "priority"), "Keys that wait.")
QUEUE_ADDS = Family("workqueue_adds_total", COUNTER, ("name",), "Keys added.")
QUEUE_RETRIES = Family("workqueue_retries_total", COUNTER, ("name",), "Keys that came again after a failure.")
QUEUE_WAIT = Family("workqueue_queue_duration_seconds", HISTOGRAM, ("name",), "How long a key waited.")
QUEUE_WORK = Family("workqueue_work_duration_seconds", HISTOGRAM, ("name",), "How long a key was worked on.")
QUEUE_UNFINISHED = Family("workqueue_unfinished_work_seconds", GAUGE, ("name",),
                          "Seconds of work that is being done, summed over the keys.")  # fmt: skip
QUEUE_LONGEST = Family("workqueue_longest_running_processor_seconds", GAUGE, ("name",),
                       "Age of the oldest work that is being done.")  # fmt: skip

RECONCILE = Family("controller_runtime_reconcile_total", COUNTER, ("controller", "result"),
                   "Reconciliations by kind of resource; result is success or error.")  # fmt: skip
RECONCILE_ERRORS = Family("controller_runtime_reconcile_errors_total", COUNTER, ("controller",),
                          "Reconciliations that failed, and are tried again.")  # fmt: skip
RECONCILE_TIME = Family("controller_runtime_reconcile_time_seconds", HISTOGRAM, ("controller",),
                        "How long a reconciliation took.")  # fmt: skip
WORKERS = Family("controller_runtime_max_concurrent_reconciles", GAUGE, (), "Workers: WORKERS of the settings.")
ACTIVE_WORKERS = Family("controller_runtime_active_workers", GAUGE, (), "Workers that reconcile at this moment.")

LEADER = Family("leader_election_master_status", GAUGE, ("name",), "1 while this replica leads, else 0.")
REQUESTS = Family("rest_client_requests_total", COUNTER, ("code", "method", "kind"),
                  "Requests to the API server but the watches'; code is 2xx, what was refused with, or <error>: "
                  "no answer.")  # fmt: skip

READY = Family("tradingbot_operator_ready", GAUGE, (), "1 while /readyz says yes, else 0.")
OBJECTS = Family("tradingbot_operator_cache_objects", GAUGE, ("kind",), "Objects in the store.")
WATCH_AGE = Family("tradingbot_operator_watch_last_event_age_seconds", GAUGE, ("resource",),
                   "Since a watch last told of such an object; where nothing changes that may be long.")  # fmt: skip
CANARY_AGE = Family("tradingbot_operator_canary_reconcile_age_seconds", GAUGE, (),
                    "Since a touch of the canary Lease came back through watch, queue and worker.")  # fmt: skip
SWEEP_AGE = Family("tradingbot_operator_sweep_last_success_age_seconds", GAUGE, (),
                   "Since everything was last listed; rises while the API server refuses that.")  # fmt: skip
GHOSTS = Family("tradingbot_operator_cache_ghosts_swept_total", COUNTER, (),
                "Objects that were gone and no watch had said so; a sweep dropped them.")  # fmt: skip
MISSED = Family("tradingbot_operator_cache_missed_total", COUNTER, (),
                "Objects, or changes of them, that a sweep found and no watch had told of.")  # fmt: skip
STREAMS = Family("tradingbot_operator_control_streams", GAUGE, (), "Control streams to pods that are up.")
STREAM_EVENTS = Family("tradingbot_operator_control_stream_events_total", COUNTER, ("event",),
                       "What happened on the control streams.")  # fmt: skip
EVENTS_POSTED = Family("tradingbot_operator_events_posted_total", COUNTER, (), "Kubernetes Events written.")
EVENTS_FAILED = Family("tradingbot_operator_events_failed_total", COUNTER, (),
                       "Kubernetes Events that could not be written.")  # fmt: skip
SPANS_DROPPED = Family("tradingbot_operator_spans_dropped_total", COUNTER, ("reason",),
                       "Spans that no collector has got: QueueFull, NotExported (it did not take them). Absent without "
                       "tracing.")  # fmt: skip

HALTS = Family(
    "tradingbot_halts_total", COUNTER, ("reason",), "Halts of all bots since this operator leads, by reason."
)
HALT_LATENCY = Family(
    "tradingbot_halt_latency_seconds",
    HISTOGRAM,
    (),
    "From the moment in which a runtime stopped trading, by its clock, to Halted=True in the status.",
)
ROLLOUT = Family("tradingbot_rollout_duration_seconds", HISTOGRAM, ("outcome",),
                 "How long a change of class Scale or Restart took, time that it waited left out; outcome is Completed "
                 "or RolledBack.")  # fmt: skip
ROLLOUT_WAITED = Family("tradingbot_rollout_waiting_seconds", HISTOGRAM, ("outcome",),
                        "How long it waited for a window, a position, its canary or a person.")  # fmt: skip
LIFECYCLE = Family("tradingbot_lifecycle_state_seconds", HISTOGRAM, ("state",),
                   "How long bots were in a phase that has ended.")  # fmt: skip
RELOADS = Family("tradingbot_config_reload_total", COUNTER, ("result",),
                 "Configurations that were pushed to a runtime: Applied, RestartRequired or Rejected.")  # fmt: skip

BOT = ("namespace", "bot")  # as the scrape names a slot's series: one alert may then hide another one of that bot
BOT_INFO = Family("tradingbot_info", GAUGE, (*BOT, "strategy", "mode", "revision"),
                  "1 for each TradingBot; revision is that of the pods.", MOST_SERIES)  # fmt: skip
BOT_DESIRED_STATE = Family("tradingbot_desired_state", GAUGE, (*BOT, "state"), "1 for spec.desiredState.", MOST_SERIES)
BOT_PHASE = Family("tradingbot_phase", GAUGE, (*BOT, "phase"), "1 for the present phase.", MOST_SERIES)
BOT_CONDITION = Family("tradingbot_condition", GAUGE, (*BOT, "type", "status"),
                       "1 for the present status of each condition.", MOST_SERIES)  # fmt: skip
BOT_REPLICAS = Family("tradingbot_replicas", GAUGE, (*BOT, "kind"),
                      "Slots: kind is desired, current (pods that exist), ready or updated.", MOST_SERIES)  # fmt: skip
BOT_SLOTS = Family("tradingbot_slots", GAUGE, (*BOT, "state"),
                   "Slots by what their runtime says it does; Unknown: it is not heard.", MOST_SERIES)  # fmt: skip
BOT_HALTED = Family("tradingbot_halted", GAUGE, (*BOT, "reason"),
                    "Halts in force by reason; Halted: another reason.", MOST_SERIES)  # fmt: skip
BOT_GENERATION = Family("tradingbot_config_generation", GAUGE, (*BOT, "kind"),
                        "Generation of the spec: kind is desired (as written) or observed (what the status is about).",
                        MOST_SERIES)  # fmt: skip

BOT_CERTIFICATE = Family("tradingbot_control_certificate_expiry_timestamp_seconds", GAUGE, BOT,
                         "When the first of the certificates ends that the bot's pods show at their control streams. "
                         "They are renewed a month before.", MOST_SERIES)  # fmt: skip
VENUE_CONDITION = Family("tradingbot_venue_condition", GAUGE, ("namespace", "venue", "type", "status"),
                         "1 for the present status of each condition of a Venue.", MOST_SERIES)  # fmt: skip
VENUE_CREDENTIALS = Family("tradingbot_venue_credentials_expiry_timestamp_seconds", GAUGE, ("namespace", "venue"),
                           "When the day begins that spec.credentialsExpire of a Venue names; absent: it names none.",
                           MOST_SERIES)  # fmt: skip

OF_BOTS = (BOT_INFO, BOT_DESIRED_STATE, BOT_PHASE, BOT_CONDITION, BOT_REPLICAS, BOT_SLOTS, BOT_HALTED, BOT_GENERATION)
FAMILIES = (
    QUEUE_DEPTH, QUEUE_ADDS, QUEUE_RETRIES, QUEUE_WAIT, QUEUE_WORK, QUEUE_UNFINISHED, QUEUE_LONGEST, RECONCILE,
    RECONCILE_ERRORS, RECONCILE_TIME, WORKERS, ACTIVE_WORKERS, LEADER, REQUESTS, READY, OBJECTS, WATCH_AGE,
    CANARY_AGE, SWEEP_AGE, GHOSTS,
    MISSED, STREAMS, STREAM_EVENTS, EVENTS_POSTED, EVENTS_FAILED, SPANS_DROPPED, HALTS, HALT_LATENCY, ROLLOUT,
    ROLLOUT_WAITED, LIFECYCLE, RELOADS, *OF_BOTS, BOT_CERTIFICATE, VENUE_CONDITION, VENUE_CREDENTIALS,
)  # fmt: skip
