{{- define "polyv-exporter.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects; short enough for the suffixes of some. */}}
{{- define "polyv-exporter.fullname" -}}
{{- $name := include "polyv-exporter.name" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 43 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 43 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 43 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "polyv-exporter.namespace" -}}
{{ default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "polyv-exporter.serviceAccountName" -}}
{{ default (ternary (include "polyv-exporter.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "polyv-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "polyv-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The simulated Polyv has a name of its own, or the Service would lead to it too. */}}
{{- define "polyv-exporter.simulatorSelectorLabels" -}}
app.kubernetes.io/name: {{ include "polyv-exporter.name" . | trunc 53 | trimSuffix "-" }}-simulator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of an object: (dict "root" $ "selector" … "labels" …). What is selected by stays as it is. */}}
{{- define "polyv-exporter.labels" -}}
{{- $selector := include (default "polyv-exporter.selectorLabels" .selector) .root | fromYaml }}
{{- $own := default dict .labels | deepCopy }}
{{- $common := deepCopy .root.Values.commonLabels }}
{{- with .root }}
{{- $standard := dict
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "polyv-exporter"
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63)
}}
{{- merge $selector $own $common $standard | toYaml }}
{{- end }}
{{- end }}

{{/* The head of an object: (dict "root" $ "suffix" … "namespace" … "labels" … "annotations" …), of
     which only "root" is required. */}}
{{- define "polyv-exporter.metadata" -}}
name: {{ include "polyv-exporter.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ default (include "polyv-exporter.namespace" .root) .namespace }}
labels:
  {{- include "polyv-exporter.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "polyv-exporter.image" -}}
{{- with .Values.image -}}
{{ with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* What the pods of the exporter and of the simulated Polyv have in common. */}}
{{- define "polyv-exporter.podDefaults" -}}
automountServiceAccountToken: false
# Kubernetes would make variables POLYV_EXPORTER_… of the Service, and so are our own called.
enableServiceLinks: false
serviceAccountName: {{ include "polyv-exporter.serviceAccountName" . }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A probe. Kubernetes knows no password, so behind one it runs the program's own check. */}}
{{- define "polyv-exporter.probe" -}}
{{- $probe := deepCopy .probe }}
{{- if .root.Values.webConfig.existingSecret }}
{{- $probe = set (omit $probe "httpGet") "exec" (dict "command" (list "/usr/local/bin/polyv-exporter" "healthcheck")) }}
{{- end }}
{{- toYaml $probe }}
{{- end }}

{{/* The update strategy of the Deployment: never more than two exporters at a time. */}}
{{- define "polyv-exporter.strategy" -}}
{{- if .Values.updateStrategy }}{{ toYaml .Values.updateStrategy }}
{{- else if .Values.recorder.enabled -}}
# The new exporter can't record, and does not start, before the old one has ended.
type: Recreate
{{- else if gt (int .Values.replicaCount) 1 -}}
type: RollingUpdate
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else -}}
# The old pod goes when the new one is ready, so a configuration with a fault stops the update and
# not the monitoring.
type: RollingUpdate
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}
{{- end }}

{{/* How many exporters run at a time: they share Polyv's limit. */}}
{{- define "polyv-exporter.concurrentPods" -}}
{{- if gt (int .Values.shards) 1 }}{{ int .Values.shards }}
{{- else }}
{{- $strategy := include "polyv-exporter.strategy" . | fromYaml }}
{{- $rolling := default dict $strategy.rollingUpdate }}
{{- $surge := ternary 0 (ternary $rolling.maxSurge 1 (hasKey $rolling "maxSurge")) (eq (default "" $strategy.type) "Recreate") }}
{{- add (int .Values.replicaCount) (int $surge) }}
{{- end }}
{{- end }}

{{/* The configuration file. */}}
{{- define "polyv-exporter.config" -}}
{{- $share := div 1400 (int (include "polyv-exporter.concurrentPods" .)) }}
{{- $api := deepCopy .Values.config.api }}
{{- $limit := merge (default dict $api.rate_limit) (dict "requests" $share "per" "10s") }}
{{- $api = set $api "rate_limit" $limit }}
{{- $accounts := list }}
{{- if .Values.simulator.enabled }}
{{- $api = set $api "base_url" (printf "http://%s-simulator:8899" (include "polyv-exporter.fullname" .)) }}
{{- /* No secret: the simulated Polyv accepts it, and nothing else does. */}}
{{- $account := dict "name" "simulated" "app_id" "simulated" "app_secret" "simulated-secret" "channel_files" (list "channels/simulated.yml") }}
{{- $accounts = append $accounts $account }}
{{- else }}
{{- range .Values.accounts }}
{{- $extra := default dict .extraConfig }}
{{- $account := dict "name" .name "app_id" .appId "app_secret_file" (printf "/run/secrets/polyv/%s" .name) }}
{{- $files := default list $extra.channel_files }}
{{- if .channels }}{{ $files = prepend $files (printf "channels/%s.yml" .name) }}{{ end }}
{{- if $files }}{{ $account = set $account "channel_files" $files }}{{ end }}
{{- if hasKey . "discover" }}{{ $account = set $account "discover" .discover }}{{ end }}
{{- $accounts = append $accounts (merge $account $extra) }}
{{- end }}
{{- end }}
{{- $config := dict "api" $api "accounts" $accounts }}
{{- with .Values.config.poll }}{{ $config = set $config "poll" . }}{{ end }}
{{- with .Values.recorder }}
{{- if .enabled }}
{{- $recorder := dict "path" .path "retention" .retention "max_size" .maxSize }}
{{- $config = set $config "recorder" (merge $recorder (deepCopy .extraConfig)) }}
{{- end }}
{{- end }}
{{- with .Values.remoteWrite }}{{ $config = set $config "remote_write" . }}{{ end }}
{{- toYaml $config }}
{{- end }}

{{/* What the claim of a recording asks for. */}}
{{- define "polyv-exporter.claim" -}}
{{- with .Values.recorder.persistence -}}
accessModes:
  {{- toYaml .accessModes | nindent 2 }}
{{- if eq .storageClass "-" }}
storageClassName: ""
{{- else if .storageClass }}
storageClassName: {{ .storageClass }}
{{- end }}
resources:
  requests: {storage: {{ .size }}}
{{- end }}
{{- end }}

{{/* The channel files, by name. */}}
{{- define "polyv-exporter.channelFiles" -}}
{{- $files := dict }}
{{- if .Values.simulator.enabled }}
{{- $files = set $files "simulated.yml" (toYaml .Values.simulator.channels) }}
{{- else }}
{{- range .Values.accounts }}
{{- if .channels }}{{ $files = set $files (printf "%s.yml" .name) (toYaml .channels) }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{/* What no schema can say. */}}
{{- define "polyv-exporter.validate" -}}
{{- if not (or .Values.accounts .Values.simulator.enabled) }}
{{- fail "accounts: name at least one, or set simulator.enabled to try the chart without" }}
{{- end }}
{{- if and (gt (int .Values.shards) 1) (gt (int .Values.replicaCount) 1) }}
{{- fail "replicaCount: leave it at 1 with shards, each of which watches other channels" }}
{{- end }}
{{- if .Values.recorder.enabled }}
{{- if gt (int .Values.replicaCount) 1 }}
{{- fail "replicaCount: leave it at 1 with recorder: one process records at a time" }}
{{- end }}
{{- if and .Values.recorder.persistence.existingClaim (gt (int .Values.shards) 1) }}
{{- fail "recorder.persistence.existingClaim: leave it out with shards: each has a claim of its own" }}
{{- end }}
{{- else if .Values.remoteWrite }}
{{- fail "remoteWrite: set recorder.enabled, which keeps what is to be sent" }}
{{- end }}
{{- $names := list }}
{{- if not .Values.simulator.enabled }}
{{- range .Values.accounts }}
{{- if has .name $names }}{{ fail (printf "accounts: %s is there twice" .name) }}{{ end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- end }}
