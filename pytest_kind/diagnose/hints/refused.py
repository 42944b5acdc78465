"""What the API server or somebody behind it did not take: told by words alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_kind.diagnose.hints.rule import Finding, Rule, quote, words
from pytest_kind.diagnose.scene import ERROR, EVENT, LOG, STATUS, Scene

_ASKED = (ERROR, EVENT)  # who is refused: the test, or a controller on its behalf
_ANYBODY = (ERROR, EVENT, LOG)
_CANNOT = (
    r'User "(?P<user>[^"]+)" cannot (?P<verb>[\w*]+) (?:resource|path) "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)"| at the (?P<scope>cluster scope))?'
)
_CALL = r'failed calling webhook "(?P<hook>[^"]+)": (?:failed to call webhook: )?(?P<why>[^\n}]*)'


def _rights(scene: Scene) -> Iterator[Finding]:
    for said in scene.said(*_ANYBODY):
        for match in re.finditer(_CANNOT, said.text):
            group, namespace, user = match["group"], match["namespace"], match["user"]
            what = f"{match['resource']}{f'.{group}' if group else ''}"
            where = f" in namespace {namespace}" if namespace else " in the whole cluster" if match["scope"] else ""
            kind = "Role" if namespace else "ClusterRole"
            rule = f'apiGroups: ["{group or ""}"], resources: ["{match["resource"]}"], verbs: ["{match["verb"]}"]'
            check = f"kubectl auth can-i {match['verb']} {what} --as={user}{f' -n {namespace}' if namespace else ''}"
            remedy = f"a {kind} with {rule}, and a {kind}Binding of it to {user}; see `{check}`"
            yield Finding(f"{user} may not {match['verb']} {what}{where}", quote(said, match), remedy, said.namespace)


_HOOK_REMEDIES = (
    (
        r"no endpoints available|connection refused",
        "its Service has no pod that listens: wait until its Deployment is available before the webhook's configuration is there",
    ),
    (r"x509|certificate", "its certificate is not one of the caBundle's authority, or not for the Service's DNS name: SERVICE.NAMESPACE.svc"),
    (r'service "[^"]+" not found|no such host', "clientConfig.service names a Service that is not there: its name and its namespace"),
    (
        r"deadline exceeded|Client\.Timeout|timed out",
        "its server does not answer within timeoutSeconds: a port that is not the server's, or a server that waits for the API itself",
    ),
)


def _webhooks(scene: Scene) -> Iterator[Finding]:
    for said in scene.said(*_ASKED):
        for match in re.finditer(_CALL, said.text):
            remedy = next((text for pattern, text in _HOOK_REMEDIES if re.search(pattern, match["why"])), "")
            yield Finding(f"webhook {match['hook']} cannot be reached, and its failurePolicy is Fail", quote(said, match), remedy, said.namespace)


RULES = (
    Rule(
        name="a webhook cannot be reached",
        sign="`failed calling webhook` in the test's error or an event",
        remedy="see that its server runs, or set failurePolicy: Ignore; a test may have left one behind: kubectl get validatingwebhookconfiguration",
        find=_webhooks,
    ),
    Rule(
        name="a webhook refuses",
        sign="`admission webhook … denied the request` in the test's error or an event",
        remedy="the reason is the webhook's own: change the object, or the webhook's rules and namespaceSelector",
        find=words(r'admission webhook "(?P<hook>[^"]+)" denied the request(?:: (?P<why>[^\n}]*))?', _ASKED, "webhook {hook} refuses: {why}"),
    ),
    Rule(
        name="an admission policy refuses",
        sign="`ValidatingAdmissionPolicy … denied request`",
        remedy="change the object, or the policy's binding",
        find=words(
            r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '[^']+' denied request: (?P<why>[^\n}]*)",
            _ASKED,
            "policy {policy} refuses: {why}",
        ),
    ),
    Rule(
        name="a quota is exceeded",
        sign="`exceeded quota` in the test's error or an event",
        remedy="ask for less, delete what is not needed, or raise the ResourceQuota",
        find=words(
            r"exceeded quota: (?P<quota>[^\s,]+), requested: (?P<asked>[^\s]+), used: (?P<used>[^\s]+), limited: (?P<limit>[^\s\"'}]+)",
            _ASKED,
            "ResourceQuota {quota} is exceeded: {asked} was asked for, {used} are used of {limit}",
        ),
    ),
    Rule(
        name="a quota wants requests or limits to be said",
        sign="`failed quota: … must specify`",
        remedy="give each container what the quota counts, or the namespace a LimitRange with defaults",
        find=words(
            r"failed quota: (?P<quota>[^\s:]+): must specify (?P<what>[^\n\"}]*)", _ASKED, "ResourceQuota {quota} wants each pod to say {what}"
        ),
    ),
    Rule(
        name="a LimitRange refuses",
        sign="`maximum`, `minimum` or `max limit to request ratio` `per Container` (`Pod`, `PersistentVolumeClaim`)",
        remedy="stay within the namespace's LimitRange, or change it",
        find=words(
            r"(?P<what>(?:(?:maximum|minimum) \S+ usage|\S+ max limit to request ratio) per \w+ is [^,\n]+, but [^\n,\"}]+)",
            _ASKED,
            "a LimitRange refuses: {what}",
        ),
    ),
    Rule(
        name="pod security refuses",
        sign="`violates PodSecurity`",
        remedy="give the pod the securityContext that is named, or the namespace another level: label pod-security.kubernetes.io/enforce",
        find=words(
            r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<why>[^\n}]*)',
            _ASKED,
            "the namespace's pod security level {level} refuses the pod: {why}",
        ),
    ),
    Rule(
        name="rights are missing",
        sign="`User … cannot VERB resource …` in the test's error, an event or a container's log",
        remedy="a Role and a RoleBinding that give the verb",
        find=_rights,
    ),
    Rule(
        name="rights that one has not cannot be given",
        sign="`attempting to grant RBAC permissions not currently held`",
        remedy="whoever makes the Role needs its rights, or the verb `escalate` (`bind` for a binding)",
        find=words(
            r'user "(?P<user>[^"]+)"[^\n]* is attempting to grant RBAC permissions not currently held',
            _ANYBODY,
            "{user} would give rights that it has not",
        ),
    ),
    Rule(
        name="who asks is not known",
        sign="`401 Unauthorized` in the test's error",
        remedy="take kind_client or kind_kubeconfig; another cluster's kubeconfig and tokens of deleted ServiceAccounts are nobody's here",
        find=words(
            r"\(401\)\s+Reason: Unauthorized|ApiError: 401 Unauthorized|You must be logged in to the server",
            (ERROR,),
            "the API does not know who asks: the credentials are not this cluster's",
        ),
    ),
    Rule(
        name="a kind is not there",
        sign="`no matches for kind`, `doesn't have a resource type`",
        remedy="apply its CustomResourceDefinition first, and wait for condition Established; see that group and version are those that it serves",
        find=words(
            r'(?:no matches for kind "(?P<kind>[^"]+)"(?: in (?:version|group)s? "(?P<version>[^"]+)")?'
            r'|doesn\'t have a resource type "(?P<type>[^"]+)")',
            (ERROR, LOG),
            "the API serves no {kind}{type} {version}",
        ),
    ),
    Rule(
        name="a namespace is going",
        sign="`because it is being terminated`",
        remedy="a deleted namespace takes nothing new: wait until it is gone, or use another name (kind_namespace has a fresh one for each test)",
        find=words(
            r"unable to create new content in namespace (?P<namespace>\S+) because it is being terminated",
            _ANYBODY,
            "namespace {namespace} is being deleted",
        ),
    ),
    Rule(
        name="a ConfigMap or Secret is missing",
        sign="`configmap \"…\" not found`, `couldn't find key` in a pod's status or an event",
        remedy="create it in the pod's namespace before the pod, or mark the reference optional: true",
        find=words(
            r"""(?:(?P<kind>configmap|secret)s? "(?P<name>[^"]+)" not found|couldn't find key (?P<key>\S+) in (?P<of>(?:ConfigMap|Secret) \S+))""",
            (STATUS, EVENT),
            "a pod waits for {kind}{of} {name}{key}, which is not there",
        ),
    ),
)
