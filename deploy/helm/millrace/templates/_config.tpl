{{/*
Settings that are no secrets, as maps of strings. What stands under `settings` wins over a default here; what the chart itself must know
(brokers, stores, group prefix) has a value of its own and is refused under `settings` by the schema of the values.
*/}}

{{- define "millrace.workerConfig" -}}
{{- $own := dict
  "MILLRACE_LISTEN" "0.0.0.0"
  "MILLRACE_STATE_DIR" "/var/lib/millrace"
  "MILLRACE_METASTORE_URL" (include "millrace.metastoreUrl" .)
  "MILLRACE_GROUP_PREFIX" .Values.groupPrefix
  "MILLRACE_RAW_URL" .Values.stores.rawUrl
  "MILLRACE_TABLES_URL" .Values.stores.tablesUrl
  "MILLRACE_S3_FORCE_PATH_STYLE" (.Values.stores.forcePathStyle | toString)
  "KAFKA_BROKERS" .Values.kafka.brokers
  "LOG_LEVEL" "info"
-}}
{{- with .Values.stores.region }}{{ $_ := set $own "AWS_REGION" . }}{{ end -}}
{{- with .Values.stores.endpoint }}{{ $_ := set $own "AWS_ENDPOINT_URL_S3" . }}{{ end -}}
{{- if .Values.kafka.propertiesFromSecret }}{{ $_ := set $own "KAFKA_PROPERTIES" "/etc/millrace/kafka/kafka.properties" }}{{ end -}}
{{- include "millrace.config" (dict "root" $ "own" $own) -}}
{{- end -}}

{{- define "millrace.metastoreConfig" -}}
{{- $own := dict "MILLRACE_LISTEN" "0.0.0.0" "PORT" "8080" "LOG_LEVEL" "info" -}}
{{- include "millrace.config" (dict "root" $ "own" $own) -}}
{{- end -}}

{{/* A setting as text: large whole numbers would become powers of ten. */}}
{{- define "millrace.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{- define "millrace.config" -}}
{{- $own := .own -}}
{{- range $name, $value := .root.Values.settings }}{{ $_ := set $own $name (include "millrace.text" $value) }}{{ end -}}
{{- range $name, $value := $own }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}
