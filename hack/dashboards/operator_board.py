"""The operator: does it lead, does it keep up, what does it ask of the API server."""

from declared import (
    BYTES,
    PER_SECOND,
    RATE,
    RATIO,
    SECONDS,
    SOME_WANTED,
    Board,
    Look,
    Panel,
    Query,
    Row,
    Scale,
    Unit,
    none_of,
    number,
    times,
)

OF = 'job="tradingbot-operator"'
_, HALTED = times("tradingbot_halt_latency_seconds", OF)


AT_A_GLANCE = Row("At a glance", (
    number("Leaders", "One in each installation; none: nobody scales or repairs, the bots trade on.",
           f"sum by (namespace) (leader_election_master_status{{{OF}}})", scale=SOME_WANTED, each="{{namespace}}"),
    number("Replicas ready", "Those that say so at /readyz.", f"sum(tradingbot_operator_ready{{{OF}}})",
           scale=SOME_WANTED),
    number("Canary", "Since a touch of the canary came back through watch, queue and worker.",
           f"max(tradingbot_operator_canary_reconcile_age_seconds{{{OF}}})", scale=Scale(Unit.SECONDS, bad_from=60)),
    number("Last sweep", "Since everything was last listed.",
           f"max(tradingbot_operator_sweep_last_success_age_seconds{{{OF}}})", scale=Scale(Unit.SECONDS, bad_from=600)),
    number("Control streams", "To pods.", f"sum(tradingbot_operator_control_streams{{{OF}}})"),
    number("First certificate ends", "Of those that pods show at their control streams.",
           f"1000 * min(tradingbot_control_certificate_expiry_timestamp_seconds{{{OF}}})", scale=Scale(Unit.DATE)),
    Panel("Who leads", "A bar while the pod says so.",
          (Query(f"leader_election_master_status{{{OF}}} == 1", "{{namespace}}/{{pod}}"),),
          Look.STATES, width=24, height=4),
))  # fmt: skip

QUEUE = Row("Does it keep up", (
    Panel("Keys that wait", "By priority: halts before specs, before children, before the resync.",
          (Query(f"sum by (priority) (workqueue_depth{{{OF}}})", "{{priority}}"),), Look.STACKED),
    Panel("How long a key waits", "In the queue.", times("workqueue_queue_duration_seconds", OF), scale=SECONDS),
    Panel("How long a reconciliation takes", "Reads, decision and writes.",
          times("controller_runtime_reconcile_time_seconds", OF), scale=SECONDS),
    Panel("Reconciliations", "A second, by kind of resource and result.",
          (Query(f"sum by (controller, result) (rate(controller_runtime_reconcile_total{{{OF}}}{RATE}))",
                 "{{controller}} {{result}}"),), scale=PER_SECOND),
    Panel("Since a watch told of anything", "Where nothing changes that may be long.",
          (Query(f"max by (resource) (tradingbot_operator_watch_last_event_age_seconds{{{OF}}})", "{{resource}}"),),
          scale=SECONDS),
    Panel("What watches did not tell", "Objects, or changes, that a sweep found.",
          (Query(f"sum(tradingbot_operator_cache_ghosts_swept_total{{{OF}}})", "gone"),
           Query(f"sum(tradingbot_operator_cache_missed_total{{{OF}}})", "missed"))),
))  # fmt: skip

WORK = Row("Halts and rollouts", (
    Panel("Halt to Halted=True", "From the moment in which a runtime stopped to the status; 0 without a halt.",
          (Query(f"{HALTED.expr} >= 0 or vector(0)", HALTED.legend),),
          scale=Scale(Unit.SECONDS, bad_from=1)),
    Panel("Configurations pushed", "To runtimes, since this operator leads, by what they answered.",
          (Query(none_of(f"sum by (result) (tradingbot_config_reload_total{{{OF}}})", "result"), "{{result}}"),)),
    Panel("Rollouts that ended", "Of class Scale or Restart, since this operator leads.",
          (Query(none_of(f"sum by (outcome) (tradingbot_rollout_duration_seconds_count{{{OF}}})", "outcome"),
                 "{{outcome}}"),)),
    Panel("Control streams: what happened", "A second.",
          (Query(f"sum by (event) (rate(tradingbot_operator_control_stream_events_total{{{OF}}}{RATE}))",
                 "{{event}}"),),
          scale=PER_SECOND),
    Panel("Kubernetes Events", "A second: written, and those that could not be.",
          (Query(f"sum(rate(tradingbot_operator_events_posted_total{{{OF}}}{RATE}))", "written"),
           Query(f"sum(rate(tradingbot_operator_events_failed_total{{{OF}}}{RATE}))", "failed")), scale=PER_SECOND),
    Panel("Objects known", "In the store, by kind.",
          (Query(f"max by (kind) (tradingbot_operator_cache_objects{{{OF}}})", "{{kind}}"),)),
))  # fmt: skip

COST = Row("What it costs", (
    Panel("Requests to the API server", "A second, by code; the watches' are left out.",
          (Query(f"sum by (code) (rate(rest_client_requests_total{{{OF}}}{RATE}))", "{{code}}"),),
          scale=PER_SECOND),
    Panel("Memory", "Resident.", (Query(f"process_resident_memory_bytes{{{OF}}}", "{{pod}}"),), scale=BYTES),
    Panel("Processor", "Share of one.",
          (Query(f"rate(process_cpu_seconds_total{{{OF}}}{RATE})", "{{pod}}"),), scale=RATIO),
))  # fmt: skip

BOARD = Board("tradingbot-operator", "Trading bots: operator", "Does the operator lead and keep up.",
              (), (AT_A_GLANCE, QUEUE, WORK, COST))  # fmt: skip
