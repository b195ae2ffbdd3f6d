{{/* Names and labels. A role is phase1, phase2, metastore, migrate, doctor or test. */}}

{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "millrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "millrace.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "millrace.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which a role's pods are found; they never change. Takes (dict "root" $ "role" "phase1"). */}}
{{- define "millrace.selector" -}}
app.kubernetes.io/name: {{ include "millrace.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "millrace.labels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/part-of: millrace
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "millrace.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of a role: its own, the one named, or the namespace's default. */}}
{{- define "millrace.serviceAccountName" -}}
{{- $own := (index .root.Values .role).serviceAccount -}}
{{- if $own.create -}}
{{ default (printf "%s-%s" (include "millrace.fullname" .root) .role) $own.name }}
{{- else -}}
{{ default "default" $own.name }}
{{- end -}}
{{- end -}}

{{/* The Secret of a role: its own, or everybody's. The doctor's is phase 1's unless it has one: it asks what phase 1 asks. */}}
{{- define "millrace.secretName" -}}
{{- $own := (index .root.Values .role).existingSecret -}}
{{- if eq .role "doctor" }}{{ $own = default .root.Values.phase1.existingSecret $own }}{{ end -}}
{{- default .root.Values.existingSecret $own -}}
{{- end -}}

{{- define "millrace.metastoreUrl" -}}
{{- default (printf "http://%s-metastore:8080" (include "millrace.fullname" .)) .Values.metastoreUrl -}}
{{- end -}}

{{/* The internal topic on which phase 1 announces chain entries. */}}
{{- define "millrace.announcementsTopic" -}}
{{- default (printf "_%s_announcements" .Values.groupPrefix) .Values.settings.MILLRACE_ANNOUNCEMENTS_TOPIC -}}
{{- end -}}

{{/* The port of an http or https URL. */}}
{{- define "millrace.portOf" -}}
{{- $url := urlParse . -}}
{{- default (ternary "80" "443" (eq $url.scheme "http")) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") -}}
{{- end -}}
