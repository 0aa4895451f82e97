{{- define "singlestate.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Of everything in the release; a release that is called after the chart does not say it twice. */}}
{{- define "singlestate.fullname" -}}
{{- $name := include "singlestate.name" . -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $both | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "singlestate.selector" -}}
app.kubernetes.io/name: {{ include "singlestate.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Labels of an object. Takes a list: the root, and the component. */}}
{{- define "singlestate.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "singlestate.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: singlestate
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "singlestate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "singlestate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "singlestate.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Of what belongs to the cluster: two namespaces may have releases of one name. */}}
{{- define "singlestate.clusterName" -}}
{{- printf "%s-%s-session-routes" .Release.Namespace (include "singlestate.fullname" .) -}}
{{- end -}}

{{- define "singlestate.tokenKeys" -}}
{{ .Values.keys.tokenSecret | default (printf "%s-token-keys" (include "singlestate.fullname" .)) }}
{{- end -}}

{{- define "singlestate.sealingKeys" -}}
{{- if .Values.keys.sealing -}}
{{ .Values.keys.sealingSecret | default (printf "%s-sealing-keys" (include "singlestate.fullname" .)) }}
{{- end -}}
{{- end -}}

{{/* The Secret of a listener's certificate, or nothing. Takes a list: the root, and the listener's name. */}}
{{- define "singlestate.tlsSecret" -}}
{{- $root := index . 0 -}}
{{- $listener := index . 1 -}}
{{- $tls := index $root.Values.tls $listener -}}
{{- if $tls.secretName -}}
{{ $tls.secretName }}
{{- else if $tls.certificate.issuerRef -}}
{{ include "singlestate.fullname" $root }}-{{ $listener }}-tls
{{- end -}}
{{- end -}}

{{/* `http` or `https`, as a Service's appProtocol has it. Takes a list: the root, and the listener. */}}
{{- define "singlestate.scheme" -}}
{{- ternary "https" "http" (ne (include "singlestate.tlsSecret" .) "") -}}
{{- end -}}

{{/* HTTP or HTTPS, as a probe has it. */}}
{{- define "singlestate.opsScheme" -}}
{{- include "singlestate.scheme" (list . "ops") | upper -}}
{{- end -}}

{{/* A duration of the configuration in whole seconds, rounded up. Takes a dict: key, value. */}}
{{- define "singlestate.seconds" -}}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h|d)$" .value) -}}
{{- fail (printf "config.%s must be a plain duration here, such as \"10s\": the pod's grace period is made from it" .key) -}}
{{- end -}}
{{- $unit := regexFind "[a-z]+$" .value -}}
{{- $ms := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) $unit -}}
{{- /* Without its leading zeros, with which it would be octal. */ -}}
{{- $count := regexReplaceAll "^0+" (regexFind "^[0-9]+" .value) "" | default "0" -}}
{{- divf (mul (int64 $count) $ms) 1000 | ceil | int64 -}}
{{- end -}}
