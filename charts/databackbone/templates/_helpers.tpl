{{- define "databackbone.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "databackbone.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "databackbone.labels" -}}
{{ include "databackbone.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: databackbone
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "databackbone.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "databackbone.fullname" .) -}}
{{- end -}}

{{- define "databackbone.operatorImage" -}}
{{- .Values.images.operator | default (printf "backbone-operator:%s" .Chart.AppVersion) -}}
{{- end -}}

{{- define "databackbone.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "databackbone.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What the operator may do in a namespace that it serves. */}}
{{- define "databackbone.rules" -}}
# Its own kinds: it reads them, writes their status, and keeps a finalizer and its framework's annotations on them.
- apiGroups: [backbone.emp.dev]
  resources: [databackbones, ingestplans, failoverdrills]
  verbs: [get, list, watch, patch]
- apiGroups: [backbone.emp.dev]
  resources: [databackbones/status, ingestplans/status, failoverdrills/status]
  verbs: [get, update, patch]
# Owner references that block the owner's deletion need this where the API server enforces it.
- apiGroups: [backbone.emp.dev]
  resources: [databackbones/finalizers, ingestplans/finalizers]
  verbs: [update]
# The children. Applying needs create and patch.
- apiGroups: [""]
  resources: [persistentvolumeclaims, configmaps]
  verbs: [get, list, create, patch, delete]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [get, list, watch, create, patch, delete]
# What became of a run: its pods and their termination messages.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
