{{- /* Exactly what the operator uses: tests/integration/test_operator_rights.py sees each of these rights used. */ -}}
{{- define "operator.rules" -}}
- apiGroups: [tradingbot.dev]
  resources: [tradingbots, venues, tradinghalts]
  verbs: [list, watch]
- apiGroups: [tradingbot.dev]
  resources: [venues] # one that a bot names and no watch has told of yet
  verbs: [get]
- apiGroups: [tradingbot.dev]
  resources: [tradingbots, venues] # its own finalizer; never the spec
  verbs: [patch]
- apiGroups: [tradingbot.dev]
  resources: [tradingbots/status, venues/status, tradinghalts/status]
  verbs: [patch]
- apiGroups: [tradingbot.dev]
  resources: [tradingbots/finalizers] # children that block their owner's deletion, where admission asks for it
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods] # deleted when the token is void, after a drain; never created or changed by the operator
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [configmaps, services, serviceaccounts]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets] # control Secrets by name; of venues' credentials only whether they exist. No list, no watch.
  verbs: [get, create, update]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs] # that withdraw the orders of a slot that is lost
  verbs: [get, create, delete]
- apiGroups: [coordination.k8s.io]
  # Its own Lease and the slots'. Nobody can grant what he has not: the bots' Roles hold get, update and patch.
  resources: [leases]
  verbs: [get, create, update, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases] # its canary, by label: the slots' Leases are not watched
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events] # its own; and listed, those that say why a StatefulSet has no pods
  verbs: [get, list, create, patch]
{{- end }}
