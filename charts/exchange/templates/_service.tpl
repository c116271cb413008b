{{/* One entry of spec.services. What a service sets itself goes before what is set for all. */}}
{{- define "exchange.service" -}}
{{- $own := .service -}}
{{- $all := .all -}}
- name: {{ .name }}
  image: {{ $own.image | default (printf "%s/exchange-%s:%s" $all.registry .name $all.version) }}
  replicas: {{ $own.replicas | default $all.replicas }}
  port: {{ $own.port }}
  {{- with $own.adminPort }}
  adminPort: {{ . }}
  {{- end }}
  {{- with mergeOverwrite (deepCopy $all.config) ($own.config | default dict) }}
  config:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with ternary $own.secrets $all.secrets (hasKey $own "secrets") }}
  secrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with mergeOverwrite (deepCopy $all.resources) ($own.resources | default dict) }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $field := list "command" "args" "env" "readiness" "liveness" "terminationGracePeriodSeconds" "podLabels" "podAnnotations" "nodeSelector" "tolerations" "volumes" "imagePullSecrets" "priorityClassName" "serviceAccountName" }}
  {{- with get $own $field }}
  {{ $field }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  smoke:
    - path: /version
      expect:
        status: 200
        json:
          "$.version": {{ $all.version | quote }}
    {{- with $own.smoke }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
