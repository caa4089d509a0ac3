"""The least that a kopf operator can be: one patch of the status, and a timer that repeats it.

    python tests/bench/bare_operator.py NAMESPACE SECONDS

Events are off and the status does not change, so that nothing comes of a tick but one request.
"""

from __future__ import annotations

import sys
from typing import Any

import kopf

from backbone.vocabulary import GROUP

RESOURCE = (GROUP, "v1alpha1", "databackbones")
NAMESPACE, SECONDS = sys.argv[1], float(sys.argv[2])


@kopf.on.startup()
async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage()


@kopf.on.create(*RESOURCE)
@kopf.on.resume(*RESOURCE)
@kopf.on.timer(*RESOURCE, interval=SECONDS, initial_delay=SECONDS)
async def tell(meta: kopf.Meta, patch: kopf.Patch, **_: Any) -> None:
    patch.status["observedGeneration"] = meta["generation"]


if __name__ == "__main__":
    kopf.configure(log_format=kopf.LogFormat.PLAIN)
    kopf.run(namespaces=[NAMESPACE], standalone=True)
