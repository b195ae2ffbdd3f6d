{{/*
What all pods have in common. Each takes (dict "root" $ "role" "phase1").
Nothing here runs as root, writes to its image, keeps a capability or holds a token of the cluster it does not use.
*/}}

{{- define "millrace.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "millrace.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where and as whom a pod runs; with "token" true it may talk to the cluster. */}}
{{- define "millrace.placement" -}}
{{- $own := index .root.Values .role -}}
serviceAccountName: {{ include "millrace.serviceAccountName" . }}
automountServiceAccountToken: {{ default false .token }}
# Service links would put variables such as MILLRACE_METASTORE_PORT beside the settings.
enableServiceLinks: false
securityContext:
  {{- include "millrace.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with default .root.Values.priorityClassName $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with default .root.Values.nodeSelector $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with default .root.Values.tolerations $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with default .root.Values.affinity $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Keys of the object store, unless the cloud knows the ServiceAccount. */}}
{{- define "millrace.storeEnv" -}}
{{- if .root.Values.stores.keysFromSecret }}
{{- $secret := include "millrace.secretName" . }}
{{- range $name := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $name }}
{{- end }}
- name: AWS_SESSION_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: AWS_SESSION_TOKEN
      optional: true
{{- end }}
{{- end -}}

{{/* Settings of this role alone, and what people add. */}}
{{- define "millrace.ownEnv" -}}
{{- $own := index .root.Values .role -}}
{{- range $name, $value := $own.settings }}
- name: {{ $name }}
  value: {{ include "millrace.text" $value | quote }}
{{- end }}
{{- with concat .root.Values.extraEnv (default list $own.extraEnv) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "millrace.workerMounts" -}}
- name: state
  mountPath: /var/lib/millrace
- name: tmp
  mountPath: /tmp
{{- include "millrace.kafkaMounts" . }}
{{- include "millrace.storeMounts" . }}
{{- end -}}

{{- define "millrace.workerVolumes" -}}
# The last good configuration; a pod that comes back in the same place starts without the metastore.
- name: state
  emptyDir:
    sizeLimit: 64Mi
- name: tmp
  emptyDir:
    sizeLimit: {{ .root.Values.tmpSizeLimit }}
{{- include "millrace.kafkaVolumes" . }}
{{- include "millrace.storeVolumes" . }}
{{- end -}}

{{- define "millrace.kafkaMounts" -}}
{{- if .root.Values.kafka.propertiesFromSecret }}
- name: kafka
  mountPath: /etc/millrace/kafka
  readOnly: true
{{- end }}
{{- if .root.Values.kafka.certificatesSecret }}
- name: kafka-certificates
  mountPath: /etc/millrace/kafka-certificates
  readOnly: true
{{- end }}
{{- end -}}

{{- define "millrace.kafkaVolumes" -}}
{{- if .root.Values.kafka.propertiesFromSecret }}
- name: kafka
  secret:
    secretName: {{ include "millrace.secretName" . }}
    # 0440
    defaultMode: 288
    items:
      - key: kafka.properties
        path: kafka.properties
{{- end }}
{{- with .root.Values.kafka.certificatesSecret }}
- name: kafka-certificates
  secret:
    secretName: {{ . }}
    # 0440
    defaultMode: 288
{{- end }}
{{- end -}}

{{- define "millrace.storeMounts" -}}
{{- if .root.Values.stores.volume.enabled }}
- name: lake
  mountPath: {{ .root.Values.stores.volume.mountPath }}
{{- end }}
{{- end -}}

{{- define "millrace.storeVolumes" -}}
{{- with .root.Values.stores.volume }}
{{- if .enabled }}
- name: lake
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-lake" (include "millrace.fullname" $.root)) .existingClaim }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Live: the process answers. Ready: what it needs is there; a worker that is not stays running and waits. */}}
{{- define "millrace.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end -}}
