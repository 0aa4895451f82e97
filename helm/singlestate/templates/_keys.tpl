{{/* A container that works on the Secret of one kind of keys. Takes a dict: root, use, secret, args. */}}
{{- define "singlestate.keysContainer" -}}
name: {{ .use }}
image: {{ include "singlestate.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  {{- concat (list "keys" (index .args 0) "--use" .use "--secret" .secret) (rest .args) | toYaml | nindent 2 }}
securityContext:
  {{- include "singlestate-pod.containerSecurityContext" . | nindent 2 }}
resources:
  requests: { cpu: 50m, memory: 64Mi, ephemeral-storage: 16Mi }
  limits: { memory: 256Mi, ephemeral-storage: 64Mi }
# Keys pass through memory, never through a disk.
volumeMounts: [{ name: scratch, mountPath: /tmp }]
{{- end -}}

{{/* The pod of a job with keys. Takes a dict: root, serviceAccount, restartPolicy, and per use the args: sig, enc. */}}
{{- define "singlestate.keysPod" -}}
serviceAccountName: {{ .serviceAccount }}
enableServiceLinks: false
restartPolicy: {{ .restartPolicy }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "singlestate-pod.securityContext" . | nindent 2 }}
containers:
  -
    {{- include "singlestate.keysContainer" (dict "root" .root "use" "sig" "secret" (include "singlestate.tokenKeys" .root) "args" .sig) | nindent 4 }}
  {{- with include "singlestate.sealingKeys" .root }}
  -
    {{- include "singlestate.keysContainer" (dict "root" $.root "use" "enc" "secret" . "args" $.enc) | nindent 4 }}
  {{- end }}
volumes:
  - { name: scratch, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
