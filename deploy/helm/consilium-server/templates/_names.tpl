{{- define "consilium.selector" -}}
app.kubernetes.io/name: consilium-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "consilium.labels" -}}
{{ include "consilium.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
