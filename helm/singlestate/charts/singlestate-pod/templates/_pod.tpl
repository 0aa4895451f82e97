{{/*
The parts of a pod that runs Singlestate. Each template takes one dict, the same for all:

  image        the whole reference of the image
  config       the name of the ConfigMap that has the configuration, under the key singlestate.yaml
  tokenKeys    the name of the Secret that has the signing keys
  sealingKeys  that of the sealing keys; left out, nothing is sealed
  pullPolicy   IfNotPresent where it is left out
  files        paths below /etc/singlestate, each under the key "singlestate-pod.key" of the ConfigMap
  secretFiles  path below /etc/singlestate -> {secretName, key}
  tls          listener -> {secretName, clientCa}; mounted at /etc/singlestate/tls/LISTENER
  ports        {check, http, api, ops}: 9001, none, 9003 and 9090 where they are left out
  opsScheme    HTTPS where the listener `ops` has TLS
  env          environment variables, for ${NAME} in the configuration
  resources    of the container
  mountToken   true: the pod's service account token and the cluster's CA at their usual place
*/}}

{{/* The ConfigMap's key of a file: slashes are not allowed there. */}}
{{- define "singlestate-pod.key" -}}
{{- replace "/" "." . -}}
{{- end -}}

{{/* The container of a pod that is a replica of the shared service. */}}
{{- define "singlestate-pod.container" -}}
{{- $ports := merge (dict) (.ports | default dict) (dict "check" 9001 "api" 9003 "ops" 9090) -}}
name: singlestate
{{ include "singlestate-pod.program" . }}
ports:
  - { name: check, containerPort: {{ $ports.check }}, protocol: TCP }
  {{- if $ports.http }}
  - { name: http, containerPort: {{ $ports.http }}, protocol: TCP }
  {{- end }}
  - { name: api, containerPort: {{ $ports.api }}, protocol: TCP }
  - { name: ops, containerPort: {{ $ports.ops }}, protocol: TCP }
startupProbe:
  httpGet: { path: /livez, port: ops, scheme: {{ .opsScheme | default "HTTP" }} }
  periodSeconds: 1
  failureThreshold: 60
{{ include "singlestate-pod.probes" . }}
volumeMounts:
  {{- include "singlestate-pod.mounts" . | nindent 2 }}
{{- end -}}

{{/* An entry of initContainers: a native sidecar, which starts before the pod's containers and ends after them. */}}
{{- define "singlestate-pod.sidecar" -}}
{{- $ports := merge (dict) (.ports | default dict) (dict "check" 9001 "api" 9003 "ops" 9090) -}}
name: singlestate
restartPolicy: Always
{{ include "singlestate-pod.program" . }}
ports:
  - { name: session-api, containerPort: {{ $ports.api }}, protocol: TCP }
  - { name: ops, containerPort: {{ $ports.ops }}, protocol: TCP }
# Until it listens, Envoy is not started.
startupProbe:
  httpGet: { path: /livez, port: ops, scheme: {{ .opsScheme | default "HTTP" }} }
  periodSeconds: 1
  failureThreshold: 60
{{ include "singlestate-pod.probes" . }}
volumeMounts:
  {{- include "singlestate-pod.mounts" . | nindent 2 }}
  {{- include "singlestate-pod.socketMount" . | nindent 2 }}
{{- end -}}

{{/* The volume mount by which Envoy reaches the sidecar, at /run/singlestate/check.sock (gRPC) and http.sock. */}}
{{- define "singlestate-pod.socketMount" -}}
- { name: singlestate-socket, mountPath: /run/singlestate }
{{- end -}}

{{/* The securityContext of the pod. The group lets Envoy, whatever its user is, connect to the sidecar's socket. */}}
{{- define "singlestate-pod.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "singlestate-pod.containerSecurityContext" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "singlestate-pod.program" -}}
image: {{ .image | quote }}
imagePullPolicy: {{ .pullPolicy | default "IfNotPresent" }}
args: [serve, --config, /etc/singlestate/singlestate.yaml]
{{- with .env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "singlestate-pod.containerSecurityContext" . | nindent 2 }}
{{- with .resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "singlestate-pod.probes" -}}
livenessProbe:
  httpGet: { path: /livez, port: ops, scheme: {{ .opsScheme | default "HTTP" }} }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
# A new pod has to reach the store first. Later an outage of the store, which hits all pods alike, takes none of them out of
# the Services: their own 503 says more than a gateway that finds nobody. gRPC health tells Envoy of a pod that lost it alone.
readinessProbe:
  httpGet: { path: '/readyz?exclude=store', port: ops, scheme: {{ .opsScheme | default "HTTP" }} }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{- define "singlestate-pod.mounts" -}}
- { name: singlestate-config, mountPath: /etc/singlestate, readOnly: true }
- { name: singlestate-token-keys, mountPath: /keys/token, readOnly: true }
{{- if .sealingKeys }}
- { name: singlestate-sealing-keys, mountPath: /keys/sealing, readOnly: true }
{{- end }}
{{- if .mountToken }}
- { name: singlestate-cluster, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
{{- end }}
{{- end -}}

{{/* The volumes of a pod of the shared service. */}}
{{- define "singlestate-pod.volumes" -}}
- name: singlestate-config
  # One volume, so that the configuration and the files that it names change in one step.
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ .config }}
          items:
            - { key: singlestate.yaml, path: singlestate.yaml }
            {{- range .files }}
            - { key: {{ include "singlestate-pod.key" . }}, path: {{ . }} }
            {{- end }}
      {{- range $path, $from := .secretFiles }}
      - secret:
          name: {{ $from.secretName }}
          items: [{ key: {{ $from.key }}, path: {{ $path }} }]
      {{- end }}
      {{- range $listener, $tls := .tls }}
      - secret:
          name: {{ $tls.secretName }}
          items:
            - { key: tls.crt, path: tls/{{ $listener }}/tls.crt }
            - { key: tls.key, path: tls/{{ $listener }}/tls.key }
            {{- if $tls.clientCa }}
            - { key: ca.crt, path: tls/{{ $listener }}/ca.crt }
            {{- end }}
      {{- end }}
- name: singlestate-token-keys
  secret: { secretName: {{ .tokenKeys }}, defaultMode: 0440 }
{{- if .sealingKeys }}
- name: singlestate-sealing-keys
  secret: { secretName: {{ .sealingKeys }}, defaultMode: 0440 }
{{- end }}
{{- if .mountToken }}
- name: singlestate-cluster
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3600 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
{{- end }}
{{- end -}}

{{/* The volumes of a pod with the sidecar: those of the service, and the one that the socket is in. */}}
{{- define "singlestate-pod.sidecarVolumes" -}}
{{ include "singlestate-pod.volumes" . }}
- name: singlestate-socket
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end -}}
