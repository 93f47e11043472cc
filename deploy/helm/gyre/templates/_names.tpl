{{- define "gyre.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "gyre.selector" -}}
app.kubernetes.io/name: gyre
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gyre.labels" -}}
{{ include "gyre.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* gyre.image (list image default-tag) */}}
{{- define "gyre.image" -}}
{{- $image := index . 0 }}{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}

{{- /* Limits are the requests: what is given is what may be taken. */}}
{{- define "gyre.resources" -}}
requests: {cpu: {{ .cpu | quote }}, memory: {{ .memory | quote }}}
limits: {cpu: {{ .cpu | quote }}, memory: {{ .memory | quote }}}
{{- end }}

{{- define "gyre.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Where each process listens for the others, in order. */}}
{{- define "gyre.addresses" -}}
{{- range $at := until (int .Values.replicas) }}{{ if $at }},{{ end }}{{ include "gyre.name" $ }}-{{ $at }}.{{ include "gyre.name" $ }}.{{ $.Release.Namespace }}.svc:{{ $.Values.cluster.port }}{{ end }}
{{- end }}

{{- /* Asks in the pod itself, for Gyre answers nowhere else: any answer but 200 is a failure. */}}
{{- define "gyre.ask" -}}
exec:
  command: [/usr/bin/busybox, wget, -q, -O, "-", "http://127.0.0.1:8080/{{ . }}"]
{{- end }}

{{- /* A quantity such as 4Gi, in bytes. */}}
{{- define "gyre.bytes" -}}
{{- $powers := dict "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- mul (regexFind "^[0-9]+" . | int64) (get $powers (regexFind "[A-Z]i$" .) | int64) }}
{{- end }}
