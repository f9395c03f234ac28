"""The values of charts/tradingbot-operator, declared once: its values.yaml, its schema and its README follow."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from tradingbot_runtime.logs import LEVELS

Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Digest = Annotated[str, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Level = Annotated[str, Field(json_schema_extra={"enum": list(LEVELS)})]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Words = dict[str, str]  # of labels, annotations, node selectors
Anything = dict[str, Any]  # of Kubernetes' own, which judges it


class Part(BaseModel):
    """Names as in YAML; what is not declared is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class PullPolicy(StrEnum):
    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class When(StrEnum):
    """Of objects whose kind belongs to somebody else's installation."""

    AUTO = "Auto"
    ALWAYS = "Always"
    NEVER = "Never"


class Crds(Part):
    enabled: bool = Field(
        default=True, description="Whether the chart brings the CustomResourceDefinitions, and upgrades them."
    )
    keep: bool = Field(default=True, description="They stay when the chart goes: with them all bots would be deleted.")


class Image(Part):
    repository: str = Field(min_length=1, description="Where it is pulled from.")
    tag: str = Field("", description="Empty: the chart's `appVersion`.")
    digest: Digest = Field("", description="`sha256:...`: this very image, whatever the tag says.")
    pull_policy: PullPolicy = Field(PullPolicy.IF_NOT_PRESENT, description="When the node asks for it anew.")


class RuntimeImage(Part):
    repository: str = Field("tradingbot.dev/runtime", min_length=1, description="Where it is pulled from.")
    tag: str = Field("", description="Empty: the chart's `appVersion`.")
    digest: Digest = Field("", description="`sha256:...`: this very image, whatever the tag says.")


class LeaderElection(Part):
    lease_duration_seconds: Seconds = Field(
        15, description="How long nobody else may lead after a leader was last heard."
    )
    renew_deadline_seconds: Seconds = Field(10, description="A leader that could not renew for so long ends.")
    retry_period_seconds: Seconds = Field(2, description="Between two tries.")


class Settings(Part):
    workers: int = Field(8, ge=1, le=64, description="Reconciliations at once.")
    resync_seconds: Seconds = Field(60, description="Between two listings of everything.")
    stuck_after_seconds: Seconds = Field(60, description="How long nothing may move before the probe fails.")
    drain_timeout_seconds: Seconds = Field(
        60, description="How long a deleted bot waits until its venue is proved empty."
    )
    control_port: int = Field(8443, ge=1, le=65535, description="Of the control stream in the bots' pods.")


class Proxy(Part):
    http_proxy: str = Field(
        "", description="HTTP_PROXY of the operator, which talks to the API server and the bots' pods."
    )
    https_proxy: str = Field("", description="HTTPS_PROXY.")
    no_proxy: str = Field("", description="NO_PROXY: name the API server and the pods' network here.")


class Budget(Part):
    enabled: bool = Field(default=True, description="Whether a drain of nodes takes one replica at a time.")
    max_unavailable: int = Field(1, ge=1, description="Replicas that an eviction may take at once.")


class Policy(Part):
    enabled: bool = Field(default=False, description="Whether only the probes' and the metrics' port is reachable.")
    metrics_from: list[Anything] = Field([], description="NetworkPolicyPeers that may read /metrics; empty: everybody.")


class ServiceAccount(Part):
    annotations: Words = Field({}, description="For a cloud's identity, for instance.")


class Roles(Part):
    aggregate: bool = Field(
        default=True, description="Adds TradingBot, Venue and TradingHalt to the cluster's view, edit and admin."
    )
    halter: bool = Field(default=True, description="The role tradingbot-halter: may stop bots and change none.")


class Monitoring(Part):
    pod_monitors: When = Field(When.AUTO, description="PodMonitors; Auto: where the Prometheus Operator's kinds exist.")
    prometheus_rule: When = Field(When.AUTO, description="The alerts, as a PrometheusRule.")
    dashboards: bool = Field(default=False, description="The four dashboards as ConfigMaps for Grafana's sidecar.")
    labels: Words = Field({}, description="Further labels of these, by which a Prometheus or a sidecar finds them.")


class PreDelete(Part):
    enabled: bool = Field(
        default=True, description="Refuses an uninstall while bots or Venues wait for this operator to let them go."
    )


class ReleaseNamespace(Part):
    create: bool = Field(
        default=False, description="Renders the release's namespace too, for `helm template | kubectl apply`."
    )


SPREAD: list[Anything] = [
    {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
]
RESOURCES: Anything = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


class Values(Part):
    """All of them."""

    watch_namespaces: list[Namespace] = Field([], description=(
        "Namespaces to work in: a Role in each, no right on the cluster; empty: all of it."))  # fmt: skip
    replicas: int = Field(2, ge=1, le=5, description="One leads, the others wait for its Lease.")
    image: Image = Field(Image(repository="tradingbot.dev/operator"), description="Of the operator.")
    runtime_image: RuntimeImage = Field(RuntimeImage(), description="Of the bots that name none.")
    image_pull_secrets: list[Anything] = Field([], description="`[{name: ...}]`, of the operator's pods.")
    log_level: Level = Field("info", description="Of the operator.")
    settings: Settings = Field(Settings(), description="`tradingbot-operator --help` says more of each.")
    leader_election: LeaderElection = Field(LeaderElection(), description="Retry < renew deadline < duration.")
    tracing_endpoint: str = Field("", description="OTEL_EXPORTER_OTLP_ENDPOINT: where reconciliations are traced to.")
    proxy: Proxy = Field(Proxy(), description="For a cluster behind one.")
    extra_env: list[Anything] = Field([], description="Further variables of the operator's container.")
    resources: Anything = Field(RESOURCES, description="Of the operator's container; 1,000 bots want 300Mi.")
    priority_class_name: str = Field(
        "", description="Halts wait for an operator that is not scheduled: name a high one."
    )
    node_selector: Words = Field({}, description="Of the operator's pods.")
    tolerations: list[Anything] = Field([], description="Of the operator's pods.")
    affinity: Anything = Field({}, description="Of the operator's pods.")
    topology_spread_constraints: list[Anything] = Field(SPREAD, description=(
        "A node that is lost should take one replica. The selector is added."))  # fmt: skip
    pod_disruption_budget: Budget = Field(Budget(), description="Of the operator.")
    network_policy: Policy = Field(
        Policy(), description="Of the operator's pods; the bots' own are the operator's work."
    )
    service_account: ServiceAccount = Field(ServiceAccount(), description="Of the operator.")
    roles: Roles = Field(Roles(), description="For people.")
    monitoring: Monitoring = Field(Monitoring(), description="Scraping, alerts, dashboards.")
    crds: Crds = Field(Crds(), description="The kinds themselves.")
    namespace: ReleaseNamespace = Field(ReleaseNamespace(), description="Of the release.")
    pre_delete: PreDelete = Field(PreDelete(), description="What an uninstall looks at first.")
    labels: Words = Field({}, description="Further labels of all objects.")
    annotations: Words = Field({}, description="Further annotations of all objects.")
    pod_labels: Words = Field({}, description="Further labels of the operator's pods.")
    pod_annotations: Words = Field({}, description="Further annotations of the operator's pods.")
    global_: Anything = Field({}, alias="global", description="Of a chart that this one is part of; not read.")
