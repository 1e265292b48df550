{{- define "reductionist.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "reductionist.fullname" -}}
{{- $name := include "reductionist.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "reductionist.selectorLabels" -}}
app.kubernetes.io/name: {{ include "reductionist.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "reductionist.labels" -}}
{{ include "reductionist.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "reductionist.serviceAccountName" -}}
{{- $default := ternary (include "reductionist.fullname" .) "default" .Values.serviceAccount.create }}
{{- default $default .Values.serviceAccount.name }}
{{- end }}

{{/* The name of the port for clients, which is its scheme. */}}
{{- define "reductionist.scheme" -}}
{{- ternary "https" "http" .Values.tls.enabled }}
{{- end }}

{{/* A setting as text. Helm's numbers are floating: a large one must not become 1e+09. */}}
{{- define "reductionist.setting" -}}
{{- if kindIs "slice" . }}{{ join "," . }}
{{- else if kindIs "float64" . }}{{ int64 . }}
{{- else }}{{ . }}
{{- end }}
{{- end }}

{{/* Whole seconds of a duration such as 300, 90s or 1m 30s. One that makes no sense is for the service to refuse. */}}
{{- define "reductionist.seconds" -}}
{{- $units := dict "" 1 "s" 1 "m" 60 "h" 3600 "d" 86400 }}
{{- $seconds := 0 }}
{{- range regexFindAll "[0-9]+ *[a-z]*" (include "reductionist.setting" .) -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $unit = ternary $unit (trunc 1 $unit) (regexMatch "^m(s|il|ic|o)" $unit) }}
{{- $seconds = add $seconds (mul (int64 (regexFind "[0-9]+" .)) (get $units $unit | default 0)) }}
{{- end }}
{{- $seconds }}
{{- end }}

{{/* How long Kubernetes waits for a pod to stop. */}}
{{- define "reductionist.gracePeriod" -}}
{{- $longest := index .Values.settings "request-timeout" | default "60s" }}
{{- if lt (int .Values.shutdown.timeoutSeconds) (int (include "reductionist.seconds" $longest)) }}
{{- fail (printf "shutdown.timeoutSeconds (%v) has to be at least settings.request-timeout (%v)" .Values.shutdown.timeoutSeconds $longest) }}
{{- end }}
{{- add .Values.shutdown.delaySeconds .Values.shutdown.timeoutSeconds 10 }}
{{- end }}

{{/* Ports that the pods reach: of the allowed sources and of the receiver of traces, and those that are named. */}}
{{- define "reductionist.egressPorts" -}}
{{- $allowed := include "reductionist.setting" (index .Values.settings "allow-source" | default "") | splitList "," }}
{{- $ports := list }}
{{- range compact (append (concat $allowed .Values.s3OwnCredentials.sources) .Values.tracing.endpoint) }}
{{- $url := urlParse (trim .) }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) }}
{{- $ports = append $ports (int (default (ternary 80 443 (eq $url.scheme "http")) $port)) }}
{{- end }}
{{- $role := and .Values.s3OwnCredentials.sources (not .Values.s3OwnCredentials.secretName) }}
{{- if or $role (not (index .Values.settings "allow-source")) }}
{{- /* A role's credentials come from the node or the agent on it (80), or from the cloud's token service (443). */}}
{{- $ports = concat $ports (list 80 443) }}
{{- end }}
{{- range .Values.networkPolicy.extraPorts }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* The volumes of a pod; empty if there are none. */}}
{{- define "reductionist.volumes" -}}
{{- if .Values.tls.enabled }}
- name: tls
  secret: {secretName: {{ required "tls.enabled needs tls.secretName" .Values.tls.secretName }}, defaultMode: 0440}
{{- with .Values.tls.clientCaSecretName }}
- name: client-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}
{{- with .Values.authToken }}
{{- if .secretName }}
- name: auth
  secret: {secretName: {{ .secretName }}, defaultMode: 0440, items: [{key: {{ .key }}, path: tokens}]}
{{- end }}
{{- end }}
{{- with .Values.caBundle }}
{{- if .configMapName }}
- name: ca
  configMap: {name: {{ .configMapName }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
