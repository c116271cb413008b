{{- define "changeover.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "changeover.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "changeover.labels" -}}
{{ include "changeover.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The watched namespaces as JSON {"names": [...]}; none when the whole cluster is watched. */}}
{{- define "changeover.namespaces" -}}
{{- if .Values.clusterWide -}}
{"names": []}
{{- else -}}
{{- dict "names" (.Values.watchNamespaces | default (list .Release.Namespace) | uniq) | toJson -}}
{{- end -}}
{{- end }}

{{/* Cluster-scoped objects carry the namespace in their name: a second install must not collide with them. */}}
{{- define "changeover.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "changeover.fullname" .) -}}
{{- end }}

{{/*
"true" if the CustomResourceDefinition belongs to this release: it is not there yet, or Helm made it for this release.
Without a cluster to ask (helm template) it counts as not there.
*/}}
{{- define "changeover.ownsCrd" -}}
{{- if .Values.crds.enabled -}}
{{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "exchangereleases.changeover.dev" | default dict -}}
{{- $annotations := dig "metadata" "annotations" dict $there | default dict -}}
{{- $owner := printf "%s/%s" (get $annotations "meta.helm.sh/release-namespace") (get $annotations "meta.helm.sh/release-name") -}}
{{- or (empty $there) (eq $owner (printf "%s/%s" .Release.Namespace .Release.Name)) -}}
{{- else -}}
false
{{- end -}}
{{- end }}

{{/* What the operator may do where exchanges live. It reads and writes no Secret. */}}
{{- define "changeover.rules" -}}
- apiGroups: [changeover.dev]
  resources: [exchangereleases]
  verbs: [get, list, watch]
- apiGroups: [changeover.dev]
  resources: [exchangereleases/status]
  verbs: [update]
# Lets its children name the release as their owner where the cluster asks for this (OwnerReferencesPermissionEnforcement).
- apiGroups: [changeover.dev]
  resources: [exchangereleases/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
