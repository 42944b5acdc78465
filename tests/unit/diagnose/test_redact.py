"""Redaction: no secret stays, whatever is around it; what is none stays, and a second time changes nothing."""

from __future__ import annotations

import base64
import json
import string
import time
from urllib.parse import quote

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_kind.diagnose.redact import REMOVED, redacted, redacted_document

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\nEEIBase64\n-----END EC PRIVATE KEY-----"
WITHOUT = "-----BEGIN EC PRIVATE KEY-----[removed]-----END EC PRIVATE KEY-----"
UNTOUCHED = [
    "v1.37.1, 198.19.255.1 nothing secret: v1.37.1, 198.19.255.1",
    "abcdef.0123456789abcdef0",
    'MountVolume.SetUp failed for volume "v" : secret "db-password" not found',
    'failed to fetch token: serviceaccounts "x" is forbidden',
    'pods "x" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=1, limited: pods=1',
    'User "system:serviceaccount:a:default" cannot list resource "secrets" in API group "" in the namespace "a"',
    "automountServiceAccountToken: false",
    "volumes:\n- secret: {secretName: x}\n- secret:\n    secretName: y\n- projected: {sources: [{serviceAccountToken: {path: token}}]}",
    "env: [{name: P, valueFrom: {secretKeyRef: {name: a, key: password}}}]",
    "assert token == 'abc'",
    "GET https://198.19.255.1:6443/api/v1/namespaces/a/pods?limit=500",
    "https://registry.example.com:5000/v2/a/manifests/1",
    "-----BEGIN CERTIFICATE-----\nMHcCAQ\n-----END CERTIFICATE-----",
    "kind: ConfigMap\ndata:\n  a: b\n",
    '{"kind":"ConfigMap","data":{"a":"b"}}',
    "kind: SecretStore\ndata:\n  a: b\n",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KEY, WITHOUT),
        (f"a\n{KEY}\nb\n{KEY}\nc", f"a\n{WITHOUT}\nb\n{WITHOUT}\nc"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQ\nEEIBas", "-----BEGIN PRIVATE KEY-----[removed]"),
        ("kubeadm join --token abcdef.0123456789abcdef", "kubeadm join --token abcdef.[removed]"),
        ("    client-key-data: TUhjQ0FR", "    client-key-data: [removed]"),
        ("token: eyJhbGciOi", "token: [removed]"),
        ("Authorization: Bearer abc", "Authorization: Bearer [removed]"),
        ('"Authorization": "Basic dXNlcjpwYXNz"', '"Authorization": "Basic [removed]"'),
        ("{'authorization': ['abc']}", "{'authorization': ['[removed]']}"),
        ("Cookie: a=b; c=d\nnext", "Cookie: [removed]\nnext"),
        ("postgres://user:p@ss@host:5432/db", "postgres://user:[removed]@host:5432/db"),
        ("https://0123456789abcdef0123@example.com/x.git", "https://[removed]@example.com/x.git"),
        ("DB_PASSWORD=hunter2 PATH=/bin", "DB_PASSWORD=[removed] PATH=/bin"),
        ("--client-secret hunter2 --port 1", "--client-secret [removed] --port 1"),
        ("GET /x?token=abc&b=c", "GET /x?token=[removed]&b=c"),
        ("- name: DB_PASSWORD\n  value: hunter2\n- name: X\n  value: y", "- name: DB_PASSWORD\n  value: [removed]\n- name: X\n  value: y"),
        ("password: |-\n  hunter2\n\n   and more\nx: 1", "password: [removed]\nx: 1"),
        ("a:\n  dbPassword: >\n    hunter2\n  x: 1", "a:\n  dbPassword: [removed]\n  x: 1"),
        ("- password: |2\n    hunter2\n  x: 1\n- y", "- password: [removed]\n  x: 1\n- y"),
        ("'token': |  \n\thunter2", "'token': [removed]"),
        (r'"a": "token: |\n  hunter2\n\n  and\nx: 1"', r'"a": "token: [removed]\nx: 1"'),
        (r"""{"a": "token: |\n  it's \"hunter2\"\n  and\n", "x": 1}""", r"""{"a": "token: [removed]\n", "x": 1}"""),
        ("the password: abcdefghijk1 is it", "the password: [removed] is it"),
        (r"{\"password\":\"hun\",\"b\":1}", r"{\"password\":\"[removed]\",\"b\":1}"),
        ('{"kind":"Secret","data":{"a":"Yg=="},"type":"Opaque"}', '{"kind":"Secret","data":{[removed]},"type":"Opaque"}'),
        ("{'data': {'a': 'Yg=='}, 'kind': 'Secret'}", "{'data': {[removed]}, 'kind': 'Secret'}"),
        ("kind: Secret\ndata:\n  a: Yg==\n  b: |\n    x\ntype: Opaque\n", "kind: Secret\ndata: [removed]\ntype: Opaque\n"),
        *((text, text) for text in UNTOUCHED),
    ],
)
def test_secrets_are_removed_and_nothing_else(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected


LETTERS = string.ascii_letters + string.digits
# What passwords and tokens are made of; what opens or ends a value is not among it.
secrets = st.text(LETTERS + "+/_.-~!%^*@", min_size=12, max_size=40).filter(lambda one: one[0] in LETTERS and any(map(str.isdigit, one)))
plain = st.text(LETTERS + " \n:,.-_/", max_size=40).filter(lambda one: "token" not in one)
around = st.tuples(plain, plain)
names = st.sampled_from(
    ["password", "DB_PASSWORD", "dbPassword", "api-key", "apiKey", "clientSecret", "TOKEN", "aws_secret_access_key", "client-key-data", "MYSQL_PASS"]
)
TEMPLATES = [
    "{name}={secret}",
    "{name}: {secret}",
    '"{name}": "{secret}"',
    "'{name}': '{secret}'",
    "- name: {name}\n  value: {secret}",
    '{{"name": "{name}", "value": "{secret}"}}',
    r"{{\"{name}\":\"{secret}\"}}",
    "Authorization: Bearer {secret}",
    "authorization: {secret}",
    "https://{name}:{secret}@example.com",
    "?{name}={secret}&x=y",
    "-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----",
    '{{"kind": "Secret", "data": {{"a": "{secret}"}}}}',
    '{{"data": {{"a": "{secret}", "b": "{{}}"}}, "kind": "Secret"}}',
    "kind: Secret\nstringData:\n  a: {secret}\n",
]


@given(around=around, name=names, secret=secrets, template=st.sampled_from(TEMPLATES))
@example(around=("", ""), name="password", secret="hunter.hunter2", template="{name}={secret}")  # noqa: S106 - nobody's
def test_no_secret_stays(around: tuple[str, str], name: str, secret: str, template: str) -> None:
    assume(not any(secret in one for one in around))
    assume("://" not in template or "/" not in secret)  # a URL has it as %2F
    text = f"{around[0]}\n{template.format(name=name, secret=secret)}\n{around[1]}"
    found = redacted(text)
    assert secret not in found
    assert REMOVED in found
    assert redacted(found) == found


@given(st.text(LETTERS + " \n:=\"'{}[],.-_@/\\", max_size=200))
def test_a_second_time_changes_nothing(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(around, st.binary(min_size=30, max_size=60))
def test_a_key_in_base64_is_removed(around: tuple[str, str], content: bytes) -> None:
    for kind in (b"RSA ", b"EC ", b"", b"ENCRYPTED ", b"OPENSSH ", b"DSA "):
        encoded = base64.b64encode(b"-----BEGIN " + kind + b"PRIVATE KEY-----\n" + content).decode()
        assert redacted(f"{around[0]} {encoded} {around[1]}") == f"{around[0]} {REMOVED} {around[1]}"


@given(secrets, names)
def test_a_document_is_left_without_its_secrets(secret: str, name: str) -> None:
    documents = [
        {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": secret}, "stringData": {"b": secret}},
        {
            "kind": "Pod",
            "spec": {"containers": [{"env": [{"name": name, "value": secret}, {"name": "X", "value": "y"}], "args": [f"--{name}={secret}"]}]},
        },
        {"kind": "ConfigMap", "data": {name: secret, "url": f"amqp://u:{quote(secret, safe='')}@host"}},
        {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": secret}, "managedFields": [{"x": secret}]}},
    ]
    found = redacted_document(documents)
    assert secret not in json.dumps(found)
    assert secret not in yaml.safe_dump(found)
    assert found[0] == {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": REMOVED}, "stringData": {"b": REMOVED}}
    assert found[1]["spec"]["containers"][0]["env"][1] == {"name": "X", "value": "y"}


def test_a_document_without_secrets_stays_as_it_is() -> None:
    document = {"kind": "Pod", "spec": {"a": 1, "b": [True, None, "text"]}, "status": {"message": "no"}}
    assert redacted_document(document) == document


def test_long_texts_take_no_time() -> None:
    # A hundred thousand of whatever looks like the beginning of something: nothing here is tried from each place to the end.
    begin = time.process_time()
    for piece in (
        "a-",
        "password",
        "{",
        '"',
        "\\",
        "https://a:",
        "kind: Secret\n",
        "-----BEGIN PRIVATE KEY-----",
        "data:\n  ",
        "eyJ-",
        "token: ",
        "Bearer ",
        "password: |\n  ",
        "password: |\\n  ",
        "- ",
        "\n ",
    ):
        redacted(piece * (100_000 // len(piece)))
    assert time.process_time() - begin < 30  # where one was, it took minutes
