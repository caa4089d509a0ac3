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

{{/* Not empty where the policies are installed: API servers have them from 1.30 on. */}}
{{- define "databackbone.admissionPolicy" -}}
{{- if and .Values.admissionPolicy.enabled (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) -}}
true
{{- end -}}
{{- end -}}

{{/* What the operator may do in a namespace that it serves. */}}
{{- define "databackbone.rules" -}}
# Its own kinds: it reads them and replaces their status, nothing else.
- apiGroups: [backbone.emp.dev]
  resources: [databackbones, ingestplans, failoverdrills]
  verbs: [get, list, watch]
- apiGroups: [backbone.emp.dev]
  resources: [databackbones/status, ingestplans/status, failoverdrills/status]
  verbs: [update]
# Some clusters ask for this before an object may name an owner whose deletion it blocks.
- apiGroups: [backbone.emp.dev]
  resources: [databackbones/finalizers, ingestplans/finalizers, failoverdrills/finalizers]
  verbs: [update]
# The children that stay: applied, which takes create and patch. Their owners' deletion removes them.
- apiGroups: [""]
  resources: [persistentvolumeclaims, configmaps]
  verbs: [get, list, watch, create, patch]
# A claim that lost its volume while the rows are in TimescaleDB is made again; no other is ever deleted.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [delete]
# Schedules; deleted are those alone that an earlier version made under another name, and those of exports that left a plan.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
# Runs, exports and probes: started once, never changed, tidied away later.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# What became of them: their pods and the messages these left.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Its own events, and the Jobs': that a pod was refused, by a quota for instance, stands in an event alone.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
# Who serves the namespace: of two operators one stands by.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [databackbone-served-by]
  verbs: [get, update]
{{- end -}}
