"""From one bot to the objects that should exist for it: one builder each, in the order in which they are applied."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION
from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import Halted
from tradingbot_operator.core.closings import Statements
from tradingbot_operator.core.frozen_template import FrozenTemplate, as_text, marked
from tradingbot_operator.core.gates import Closed
from tradingbot_operator.core.guards import disruption_budget, network_policy
from tradingbot_operator.core.halts import Halts
from tradingbot_operator.core.observed import Bot, Installation, Manifest
from tradingbot_operator.core.pod_template import pod_template
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.config import CarriedMarket, SlotConfig, TradingBotSpec, VenueSpec

# Beside the instruments that are released: not every slot has said yet what it has. An operator from before takes it
# for an instrument of a slot that does not answer, and waits as well.
IN_DOUBT = "*"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The last valid spec, with the venues as they were: what runs while a newer spec is refused."""

    spec: TradingBotSpec
    venues: Mapping[str, VenueSpec]

    def document(self) -> str:
        content = {
            "spec": self.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "venues": {name: v.model_dump(mode="json", by_alias=True, exclude_none=True)
                       for name, v in sorted(self.venues.items())},
        }  # fmt: skip
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, document: str) -> "Accepted":
        """Raises ValueError (pydantic's ValidationError is one) when this version cannot read it."""
        match parsed(document):
            case {"spec": dict() as spec, "venues": dict() as venues}:
                read = {name: VenueSpec.model_validate(venue) for name, venue in venues.items()}
                return cls(TradingBotSpec.model_validate(spec), read)
        raise ValueError("neither a spec nor its venues")


@dataclass(frozen=True, slots=True)
class Stable:
    """What ran before the change that is on its way; each part empty where it is not known."""

    document: str = ""  # `Accepted.document()`
    template: FrozenTemplate | None = None

    @property
    def inputs(self) -> str:
        return self.template.inputs if self.template else ""

    def accepted(self) -> Accepted | None:
        try:
            return Accepted.read(self.document) if self.document else None
        except ValueError:
            return None  # another version's, or somebody's

    def annotations(self) -> dict[str, str]:
        return {names.STABLE_TEMPLATE: as_text(self.template)} if self.template else {}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the children are made of."""

    bot: Bot
    accepted: Accepted
    slots: Mapping[int, SlotConfig]
    releasing: Mapping[str, int]  # with `IN_DOUBT` where not every slot has said what it has
    replicas: int
    partition: int
    storage: Manifest  # spec of the volume claim; immutable once the StatefulSet exists
    installation: Installation
    kept: Accepted | None = None  # what is remembered as accepted; None: the same
    only_paper: bool = False  # for all its life
    held: frozenset[str] = frozenset()  # instruments that it has from mode Live, and is in mode Paper
    halts: Halts = field(default_factory=Halts)
    inputs: str = ""  # names all that takes effect only at a start of the process
    frozen: FrozenTemplate | None = None  # the pods' template as it is stored
    stable: Stable = field(default_factory=Stable)  # what ran before a change that is on its way
    goes_back: bool = False  # to that, for the change was taken back
    gate: Closed | None = None  # why the next restart waits
    canary: str = ""  # the slot that tries a change before the others (`canary_trial`)
    closed: Statements = field(default_factory=Statements)  # of instruments that no slot has
    taken: tuple[tuple[int, CarriedMarket], ...] = ()  # what slots take over now
    halted: Halted = field(default_factory=Halted)
    waits: Mapping[int, bool] = field(default_factory=dict)  # halted slots that hold up a scaling (`waited_for`)
    ending: frozenset[int] = frozenset()  # slots that are gone from the plan while their pods still hold a Lease

    @property
    def restart_hash(self) -> str:
        """Of all that takes effect only at a start of the process, and of which slot has which markets.

        A slot without a market idles, or is on its way out: neither may restart others.
        """
        serving = {n: config for n, config in self.slots.items() if config.markets}
        slots = {n: [leg.name for leg in config.legs] for n, config in serving.items()}
        return names.digest({"inputs": self.inputs, "slots": slots})

    def template(self) -> Manifest:
        """As long as nobody has changed the settings that it was made for, the one that is there."""
        if self.frozen is None or self.frozen.inputs != self.inputs:
            return self.rendered()
        return marked(self.frozen.template, self.restart_hash, self.inputs)

    def rendered(self) -> Manifest:
        """As this operator makes it."""
        made = pod_template(self.bot, self.accepted.spec, self.accepted.venues, self.installation)
        return marked(made, self.restart_hash, self.inputs)


def children(plan: Plan) -> tuple[Manifest, ...]:
    """Everything but the control Secret and the Leases, which are made once and never applied again."""
    return tuple(_owned(plan.bot, build(plan)) for build in BUILDERS)


def owner_reference(bot: Bot) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/{VERSION}", "kind": "TradingBot", "name": bot.name, "uid": bot.metadata.uid,
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def lease(bot: Bot, slot: int) -> Manifest:
    """Without a holder: the pod takes it."""
    metadata = {
        "name": names.slot_lease(bot.name, slot), "namespace": bot.namespace, "labels": names.labels(bot.name),
        "ownerReferences": [owner_reference(bot)],
    }  # fmt: skip
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}


def service_account(plan: Plan) -> Manifest:
    return _object("v1", "ServiceAccount", plan.bot.name, automountServiceAccountToken=True)


def role(plan: Plan) -> Manifest:
    """The runtime may renew its slots' Leases, and nothing else; a pod that ends must be able to release its own."""
    leases = [names.slot_lease(plan.bot.name, slot) for slot in sorted({*plan.slots, *plan.ending})]
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": leases,
            "verbs": ["get", "update", "patch"]}  # fmt: skip
    # Without names the rule would mean every Lease.
    return _object("rbac.authorization.k8s.io/v1", "Role", plan.bot.name, rules=[rule] if leases else [])


def role_binding(plan: Plan) -> Manifest:
    name = plan.bot.name
    return _object(
        "rbac.authorization.k8s.io/v1", "RoleBinding", name,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=[{"kind": "ServiceAccount", "name": name, "namespace": plan.bot.namespace}],
    )  # fmt: skip


def service(plan: Plan) -> Manifest:
    """Headless: gives the pods their names."""
    ports = [{"name": "control", "port": plan.installation.control_port, "targetPort": "control"},
             {"name": "http", "port": plan.installation.http_port, "targetPort": "http"}]  # fmt: skip
    spec = {"clusterIP": "None", "selector": names.labels(plan.bot.name), "ports": ports,
            "publishNotReadyAddresses": True}  # fmt: skip
    return _object("v1", "Service", plan.bot.name, spec=spec)


def config_map(plan: Plan) -> Manifest:
    documents = {names.slot_document(slot): config.document() for slot, config in plan.slots.items()}
    stable = {names.STABLE: plan.stable.document} if plan.stable.document else {}
    closed = {names.CLOSED: document} if (document := plan.closed.document()) else {}
    accepted = {names.ACCEPTED: (plan.kept or plan.accepted).document()}
    manifest = _object("v1", "ConfigMap", names.slots_config_map(plan.bot.name),
                       data=documents | accepted | stable | closed)  # fmt: skip
    manifest["metadata"]["annotations"] = {names.RELEASING: json.dumps(plan.releasing, sort_keys=True)}
    if plan.only_paper:
        manifest["metadata"]["annotations"][names.ONLY_PAPER] = plan.bot.metadata.uid
    if markets := plan.halted.document():
        manifest["metadata"]["annotations"][names.HALTED_MARKETS] = markets
    if plan.canary:
        manifest["metadata"]["annotations"][names.CANARY] = plan.canary
    if plan.held:
        manifest["metadata"]["annotations"][names.HELD] = json.dumps(sorted(plan.held))
    return manifest


def budget(plan: Plan) -> Manifest:
    return _object("policy/v1", "PodDisruptionBudget", plan.bot.name, spec=disruption_budget(plan.bot))


def policy(plan: Plan) -> Manifest:
    spec = network_policy(plan.bot, plan.installation)
    return _object("networking.k8s.io/v1", "NetworkPolicy", plan.bot.name, spec=spec)


def stateful_set(plan: Plan) -> Manifest:
    template = plan.template()
    claim = {"metadata": {"name": "journal"}, "spec": plan.storage}
    spec = {
        "replicas": plan.replicas,
        "serviceName": plan.bot.name,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": plan.partition}},
        "selector": {"matchLabels": names.labels(plan.bot.name)},
        "template": template,
        "volumeClaimTemplates": [claim],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    }
    manifest = _object("apps/v1", "StatefulSet", plan.bot.name, spec=spec)
    frozen = FrozenTemplate(template, plan.inputs)
    manifest["metadata"]["annotations"] = frozen.annotations() | plan.stable.annotations()
    return manifest


def storage_claim(spec: TradingBotSpec, stateful_set: Manifest | None) -> Manifest:
    """Of a StatefulSet that is there its own, in the fields that we own: it cannot be changed any more."""
    claims = stateful_set["spec"].get("volumeClaimTemplates") if stateful_set else None
    if claims:
        there = claims[0]["spec"]
        kept = {key: there[key] for key in ("accessModes", "storageClassName") if key in there}
        return kept | {"resources": {"requests": there["resources"]["requests"]}}
    claim: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": spec.storage.size}}}
    if spec.storage.storage_class_name is not None:
        claim["storageClassName"] = spec.storage.storage_class_name
    return claim


BUILDERS: tuple[Callable[[Plan], Manifest], ...] = (
    service_account, role, role_binding, service, config_map,
    budget, policy, stateful_set,
)  # fmt: skip


def _object(api_version: str, kind: str, name: str, **content: object) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


def _owned(bot: Bot, manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"] | {
        "namespace": bot.namespace, "labels": names.labels(bot.name), "ownerReferences": [owner_reference(bot)],
    }  # fmt: skip
    manifest = manifest | {"metadata": metadata}
    annotations = metadata.get("annotations", {}) | {names.SPEC_HASH: names.digest(manifest)}
    return manifest | {"metadata": metadata | {"annotations": annotations}}
