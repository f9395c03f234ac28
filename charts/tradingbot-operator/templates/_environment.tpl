{{- /* The operator's settings, as `tradingbot-operator --help` lists them. */ -}}
{{- define "operator.environment" -}}
{{- $settings := list
  (list "WATCH_NAMESPACES" (join "," .Values.watchNamespaces))
  (list "RUNTIME_IMAGE" (include "operator.image" (dict "image" .Values.runtimeImage "version" .Chart.AppVersion)))
  (list "LOG_LEVEL" .Values.logLevel)
  (list "WORKERS" .Values.settings.workers)
  (list "RESYNC_S" .Values.settings.resyncSeconds)
  (list "STUCK_AFTER_S" .Values.settings.stuckAfterSeconds)
  (list "DRAIN_TIMEOUT_S" .Values.settings.drainTimeoutSeconds)
  (list "CONTROL_PORT" .Values.settings.controlPort)
  (list "LEASE_DURATION_S" .Values.leaderElection.leaseDurationSeconds)
  (list "LEASE_RENEW_DEADLINE_S" .Values.leaderElection.renewDeadlineSeconds)
  (list "LEASE_RETRY_S" .Values.leaderElection.retryPeriodSeconds) }}
{{- $optional := list
  (list "OTEL_EXPORTER_OTLP_ENDPOINT" .Values.tracingEndpoint)
  (list "HTTP_PROXY" .Values.proxy.httpProxy)
  (list "HTTPS_PROXY" .Values.proxy.httpsProxy)
  (list "NO_PROXY" .Values.proxy.noProxy) }}
{{- range $optional }}
{{- if last . }}{{ $settings = append $settings . }}{{ end }}
{{- end }}
{{- range $settings }}
- name: {{ first . }}
  value: {{ last . | toString | quote }}
{{- end }}
{{- end }}
