{{/*
One Deployment. Takes (dict "root" $ "role" "phase1" "adminPort" 9101 "scaled" false).
Roles differ by what they may see: only the metastore sees the database, only workers, and the doctor, see Kafka and the stores.
*/}}
{{- define "millrace.deployment" -}}
{{- $root := .root -}}
{{- $own := index $root.Values .role -}}
{{- $isWorker := ne .role "metastore" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "millrace.fullname" $root }}-{{ .role }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "millrace.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ $own.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "millrace.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "millrace.labels" . | nindent 8 }}
        {{- with $own.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ (ternary (include "millrace.workerConfig" $root) (include "millrace.metastoreConfig" $root) $isWorker) | sha256sum }}
        {{- with $own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "millrace.placement" . | nindent 6 }}
      # Above the time a process takes to end by itself (10 s at most): what is buffered is published, the group is left.
      terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        {{- range $root.Values.topologySpread }}
        - maxSkew: 1
          topologyKey: {{ .topologyKey }}
          whenUnsatisfiable: {{ .whenUnsatisfiable }}
          labelSelector:
            matchLabels:
              {{- include "millrace.selector" $ | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      containers:
        - name: {{ .role }}
          image: {{ include "millrace.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [{{ .role }}]
          securityContext:
            {{- include "millrace.containerSecurity" . | nindent 12 }}
          ports:
            {{- if not $isWorker }}
            - name: api
              containerPort: 8080
            {{- end }}
            - name: admin
              containerPort: {{ .adminPort }}
          envFrom:
            - configMapRef:
                name: {{ include "millrace.fullname" $root }}{{ if not $isWorker }}-metastore{{ end }}
          env:
            - name: MILLRACE_ADMIN_PORT
              value: {{ .adminPort | quote }}
            {{- if $isWorker }}
            {{- with include "millrace.storeEnv" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- else }}
            - name: DATABASE_URL
              valueFrom:
                secretKeyRef:
                  name: {{ include "millrace.secretName" . }}
                  key: DATABASE_URL
            {{- end }}
            {{- with include "millrace.ownEnv" . | trim }}
            {{- . | nindent 12 }}
            {{- end }}
          {{- include "millrace.probes" . | nindent 10 }}
          {{- if not $isWorker }}
          # Requests still come for a moment after the pod was taken out of the Service.
          lifecycle:
            preStop:
              sleep:
                seconds: 5
          {{- end }}
          resources:
            {{- toYaml $own.resources | nindent 12 }}
          volumeMounts:
            {{- if $isWorker }}
            {{- include "millrace.workerMounts" . | nindent 12 }}
            {{- else }}
            - name: tmp
              mountPath: /tmp
            {{- end }}
      volumes:
        {{- if $isWorker }}
        {{- include "millrace.workerVolumes" . | nindent 8 }}
        {{- else }}
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
        {{- end }}
{{- end -}}
