{{/* The whole configuration: `config` of the values, and what the chart knows by itself. YAML, keys sorted. */}}
{{- define "singlestate.config" -}}
{{- $ports := .Values.ports -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
{{- $check := ternary "unix:/run/singlestate/check.sock" (printf ":%v" $ports.check) $sidecar -}}
{{- $own := dict
  "listen" (dict "check" $check "api" (printf ":%v" $ports.api) "ops" (printf ":%v" $ports.ops))
  "store" dict "token" (dict "keysDir" "/keys/token") "tls" dict -}}
{{- if $ports.http -}}
{{- $_ := set $own.listen "http" (ternary "unix:/run/singlestate/http.sock" (printf ":%v" $ports.http) $sidecar) -}}
{{- end -}}
{{- if .Values.keys.sealing -}}
{{- $_ := set $own "sealing" (dict "keysDir" "/keys/sealing") -}}
{{- end -}}
{{- if .Values.valkey.enabled -}}
{{- $_ := set $own.store "url" (printf "redis://%s-valkey:6379" (include "singlestate.fullname" .)) -}}
{{- end -}}
{{- range $listener := list "check" "http" "api" "ops" -}}
{{- if include "singlestate.tlsSecret" (list $ $listener) -}}
{{- $folder := printf "tls/%s" $listener -}}
{{- $files := dict "certFile" (printf "%s/tls.crt" $folder) "keyFile" (printf "%s/tls.key" $folder) -}}
{{- if (index $.Values.tls $listener).clientCertificates -}}
{{- $_ := set $files "clientCaFile" (printf "%s/ca.crt" $folder) -}}
{{- end -}}
{{- $_ := set $own.tls $listener $files -}}
{{- end -}}
{{- end -}}
{{- if .Values.sessionRoutes.enabled -}}
{{- $_ := set $own "kubernetes" (include "singlestate.kubernetes" . | fromYaml) -}}
{{- end -}}
{{- $config := mergeOverwrite (deepCopy .Values.config) $own -}}
{{- include "singlestate.configProblems" (list . $config) -}}
{{- /* Nothing but the sidecar's own Envoy asks it, and that has ended before the sidecar is told to. */ -}}
{{- if and $sidecar (not (dig "check" "drainDelay" "" $config)) -}}
{{- $_ := set $config "check" (merge (dict "drainDelay" "0s") ($config.check | default dict)) -}}
{{- end -}}
{{- /* `helm test` shows the certificate of the listener itself, which has the name of its Service. */ -}}
{{- with dig "tls" "check" "clients" list $config -}}
{{- $name := printf "%s-check.%s.svc" (include "singlestate.fullname" $) $.Release.Namespace -}}
{{- if and $.Values.tls.check.clientCertificates (not $sidecar) (not (has $name .)) -}}
{{- $_ := set $config.tls.check "clients" (append . $name) -}}
{{- end -}}
{{- end -}}
{{- range $empty := list "store" "tls" -}}
{{- if not (get $config $empty) -}}
{{- $_ := unset $config $empty -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* `kubernetes` of the configuration. The keys of service account tokens are the API server's own. */}}
{{- define "singlestate.kubernetes" -}}
sessionRoutes: true
{{- with .Values.sessionRoutes.serviceAccountIssuer }}
serviceAccounts:
  issuer: {{ . | quote }}
  jwksUrl: https://kubernetes.default.svc/openid/v1/jwks
  caFile: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
  tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
{{- end }}
{{- end -}}

{{/* Fails on what no schema can say. Takes a list: the root, and the configuration. */}}
{{- define "singlestate.configProblems" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $sidecar := eq $root.Values.mode "sidecar" -}}
{{- if not $config.store.url -}}
{{- fail "config.store.url must name a Redis or Valkey, such as \"rediss://valkey.example.com:6379\"; or set valkey.enabled, to try it out" -}}
{{- end -}}
{{- if and $root.Values.valkey.enabled $root.Values.config.store (dig "store" "url" "" $root.Values.config) -}}
{{- fail "config.store.url and valkey.enabled are two stores: set one of them" -}}
{{- end -}}
{{- $many := or $root.Values.autoscaling.enabled (gt (int $root.Values.replicas) 1) (eq $root.Values.mode "sidecar") -}}
{{- if and $many (eq $config.store.url "memory:") -}}
{{- fail "config.store.url is \"memory:\", in which each replica has sessions of its own: set replicas to 1, or name a Redis" -}}
{{- end -}}
{{- if and $root.Values.ports.http (eq $root.Values.mode "service") (not (dig "http" "trustedPeers" "" $config)) -}}
{{- fail "config.http.trustedPeers must name the networks of the gateway's pods: without it, the listener http answers nobody but its own pod" -}}
{{- end -}}
{{- if and (include "singlestate.tlsSecret" (list $root "http")) (not $root.Values.ports.http) -}}
{{- fail "tls.http needs ports.http" -}}
{{- end -}}
{{- if $root.Values.tls.ops.clientCertificates -}}
{{- fail "tls.ops.clientCertificates can't be: the kubelet shows no certificate when it probes" -}}
{{- end -}}
{{- if and $root.Values.sessionRoutes.enabled $sidecar -}}
{{- fail "sessionRoutes.enabled is not for mode \"sidecar\": every pod of an app would have to read the whole cluster's routes; install a second release of mode \"service\" for them" -}}
{{- end -}}
{{- if and $root.Values.sessionRoutes.enabled (not $root.Values.serviceAccount.create) (has $root.Values.serviceAccount.name (list "" "default")) -}}
{{- fail "sessionRoutes.enabled without serviceAccount.create needs a serviceAccount.name of its own: the namespace's default account must not read the whole cluster's routes" -}}
{{- end -}}
{{- if and (not $root.Values.keys.sealing) $config.sealing -}}
{{- fail "config.sealing needs keys.sealing" -}}
{{- end -}}
{{- range $listener := list "check" "http" -}}
{{- if and $sidecar (include "singlestate.tlsSecret" (list $root $listener)) -}}
{{- fail (printf "tls.%s is not for mode \"sidecar\": the Envoy of the pod asks over a unix socket, in cleartext" $listener) -}}
{{- end -}}
{{- end -}}
{{- $listeners := dict -}}
{{- range $listener, $port := ternary (omit $root.Values.ports "check" "http") $root.Values.ports $sidecar -}}
{{- with and $port (get $listeners (toString $port)) -}}
{{- fail (printf "ports.%s and ports.%s are both %v: each listener needs a port of its own" . $listener $port) -}}
{{- end -}}
{{- $_ := set $listeners (toString $port) $listener -}}
{{- end -}}
{{- $keys := dict "singlestate.yaml" "singlestate.yaml" -}}
{{- range $path := keys $root.Values.files | sortAlpha -}}
{{- with get $keys (include "singlestate-pod.key" $path) -}}
{{- fail (printf "files has %s and %s, which would be one key of the ConfigMap: give one of them another name" . $path) -}}
{{- end -}}
{{- if hasKey $root.Values.secretFiles $path -}}
{{- fail (printf "%s is in files and in secretFiles: take it out of one of them" $path) -}}
{{- end -}}
{{- $_ := set $keys (include "singlestate-pod.key" $path) $path -}}
{{- end -}}
{{- with $root.Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas is %v, more than autoscaling.maxReplicas, %v" .minReplicas .maxReplicas) -}}
{{- end -}}
{{- end -}}
{{- if $root.Values.keys.rotation.enabled -}}
{{- include "singlestate.rotationProblems" (list $root $config) -}}
{{- end -}}
{{- end -}}

{{/* Fails where a key would be removed that what it made still needs. Takes a list: the root, and the configuration. */}}
{{- define "singlestate.rotationProblems" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $cookie := dig "token" "cookie" "ttl" "" $config -}}
{{- $needed := list (list "removeTokenKeysAfter" "token.ttl" (dig "token" "ttl" "5m" $config)) -}}
{{- if $cookie -}}
{{- $needed = append $needed (list "removeTokenKeysAfter" "token.cookie.ttl" $cookie) -}}
{{- end -}}
{{- if $root.Values.keys.sealing -}}
{{- $needed = append $needed (list "removeSealingKeysAfter" "session.absoluteTimeout" (dig "session" "absoluteTimeout" "12h" $config)) -}}
{{- $needed = append $needed (list "removeSealingKeysAfter" "audit.maxAge" (dig "audit" "maxAge" "90d" $config)) -}}
{{- end -}}
{{- range $needed -}}
{{- $kept := dict "key" "" "value" (get $root.Values.keys.rotation (index . 0)) -}}
{{- $used := dict "key" "" "value" (index . 2) -}}
{{- if regexMatch "^[0-9]+(ms|s|m|h|d)$" $used.value -}}
{{- if le (include "singlestate.seconds" $kept | int64) (include "singlestate.seconds" $used | int64) -}}
{{- fail (printf "keys.rotation.%s is %s, and must be more than config.%s, %s: until then a key is needed that it would remove" (index . 0) $kept.value (index . 1) $used.value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a running server does not take over, so that a change of it has to replace the pods; all else it reloads. */}}
{{- define "singlestate.restartOnly" -}}
{{- $config := include "singlestate.config" . | fromYaml -}}
{{- $parts := dict "listen" $config.listen "store" $config.store "tls" (keys ($config.tls | default dict) | sortAlpha) -}}
{{- with $config.kubernetes -}}
{{- $_ := set $parts "kubernetes" . -}}
{{- end -}}
{{- $parts | toJson | sha256sum -}}
{{- end -}}

{{/* drainDelay, then drainTimeout, and five seconds to close the store and write the last lines. */}}
{{- define "singlestate.gracePeriod" -}}
{{- $check := (include "singlestate.config" . | fromYaml).check | default dict -}}
{{- $delay := include "singlestate.seconds" (dict "key" "check.drainDelay" "value" ($check.drainDelay | default "5s")) -}}
{{- $timeout := include "singlestate.seconds" (dict "key" "check.drainTimeout" "value" ($check.drainTimeout | default "10s")) -}}
{{- add (int $delay) (int $timeout) 5 -}}
{{- end -}}

{{/* What the templates of singlestate-pod take, as JSON. */}}
{{- define "singlestate.pod" -}}
{{- $tls := dict -}}
{{- range $listener := list "check" "http" "api" "ops" -}}
{{- with include "singlestate.tlsSecret" (list $ $listener) -}}
{{- $_ := set $tls $listener (dict "secretName" . "clientCa" (index $.Values.tls $listener).clientCertificates) -}}
{{- end -}}
{{- end -}}
{{- dict
  "image" (include "singlestate.image" .)
  "pullPolicy" .Values.image.pullPolicy
  "config" (include "singlestate.fullname" .)
  "tokenKeys" (include "singlestate.tokenKeys" .)
  "sealingKeys" (include "singlestate.sealingKeys" .)
  "files" (keys .Values.files | sortAlpha)
  "secretFiles" .Values.secretFiles
  "tls" $tls
  "ports" .Values.ports
  "opsScheme" (include "singlestate.opsScheme" .)
  "env" .Values.env
  "resources" .Values.resources
  "mountToken" (or .Values.serviceAccount.mountToken .Values.sessionRoutes.enabled)
  | toJson -}}
{{- end -}}
