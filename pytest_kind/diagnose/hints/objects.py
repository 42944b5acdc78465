"""Claims and Services: told by what they wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_kind.diagnose import stuck
from pytest_kind.diagnose.hints.rule import Finding, Rule, tell
from pytest_kind.diagnose.scene import ERROR, LOG, Scene

_REFUSED = re.compile(r"(?i)connection refused|no endpoints available|connection reset|econnrefused|remote end closed|timed out|503 Service")


def _claims(scene: Scene) -> Iterator[Finding]:
    for claim in stuck.pending_claims(scene):
        meta, spec = claim["metadata"], claim.get("spec") or {}
        words = stuck.last_words(scene, "PersistentVolumeClaim", claim)
        if "first consumer" in words or "WaitForFirstConsumer" in words:
            why, remedy = "its class waits for the first pod that uses it", "create a pod that uses it; what waits for the claim alone waits for ever"
        elif "no storage class is set" in words or (not words and not spec.get("storageClassName")):
            why, remedy = "it names no class, and there is no default class or volume that fits", "storageClassName: standard"
        elif "not found" in words:
            why, remedy = (
                f"there is no StorageClass {spec.get('storageClassName')}",
                "kubectl get storageclass has those that there are: `standard`, with several nodes `shared`",
            )
        elif "ReadWriteMany" in (spec.get("accessModes") or ()):
            why, remedy = "its class gives no ReadWriteMany", "class `shared`, where the cluster has several nodes"
        else:
            why, remedy = "no volume was made for it", ""
        where = f"{meta.get('namespace')}/{meta['name']}"
        yield Finding(
            f"claim {where} has no volume: {why}", tell(f"PersistentVolumeClaim {where}", words or "no event"), remedy, meta.get("namespace", "")
        )


def _services(scene: Scene) -> Iterator[Finding]:
    """A Service without an endpoint is the cause where somebody who asked it, or anybody at all, was refused."""
    empty = [one for one in stuck.without_endpoints(scene) if (one["metadata"].get("namespace"), one["metadata"]["name"]) != stuck.DNS]
    for said in scene.said(ERROR, LOG) if empty else ():
        match = _REFUSED.search(said.text)
        for service in empty if match else ():
            name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "")
            if namespace not in scene.own and name not in said.text:
                continue
            pods = stuck.chosen(scene, service)
            why = f"of its pods ({len(pods)}) none is ready" if pods else "no pod has the labels of its selector"
            remedy = "wait until its pods are ready before asking it" if pods else "selector and the labels of the pods' template must be the same"
            yield Finding(f"Service {namespace}/{name} has no endpoint: {why}", tell(said.where, match[0] if match else ""), remedy, namespace)


RULES = (
    Rule(
        name="a claim has no volume",
        sign="a PersistentVolumeClaim that is Pending; its event: no class, no such class, WaitForFirstConsumer",
        remedy="the provisioner's words are in the event",
        find=_claims,
    ),
    Rule(
        name="a Service has no endpoint",
        sign="`connection refused`, `no endpoints available`, a timeout in the test's error or a log, and a Service without ready endpoints",
        remedy="its selector, and the readiness of its pods",
        find=_services,
    ),
)
