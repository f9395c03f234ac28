{{- /* Names are fixed: a second release that would work in the same place is refused by its objects' names. */ -}}
{{- define "operator.selector" -}}
app.kubernetes.io/name: tradingbot-operator
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "operator.annotations" -}}
{{- with .Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* An image's reference: a digest is stronger than a tag. */ -}}
{{- define "operator.image" -}}
{{- $tag := .image.tag | default .version -}}
{{- if .image.digest -}}
{{ .image.repository }}:{{ $tag }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ $tag }}
{{- end -}}
{{- end }}

{{- /* Auto: where the API server that is asked has the kind; `helm template` asks nobody (--api-versions tells it). */ -}}
{{- define "operator.wanted" -}}
{{- if or (eq .when "Always") (and (eq .when "Auto") (.capabilities.APIVersions.Has .kind)) -}}yes{{- end -}}
{{- end }}

{{- define "operator.electionHolds" -}}
{{- with .Values.leaderElection }}
{{- if not (and (lt (int .retryPeriodSeconds) (int .renewDeadlineSeconds)) (lt (int .renewDeadlineSeconds) (int .leaseDurationSeconds))) }}
{{- fail "leaderElection: retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds must hold: a leader has to end before another may begin" }}
{{- end }}
{{- end }}
{{- end }}
