"""Text without what is nobody else's to read: everything that leaves the process goes through here. Pure.

A secret is told by its own form (private keys, tokens of Kubernetes and of some well-known services) or by what stands before
it: a header, the password of a URL, a name that ends in a word such as ``password`` or ``token``, ``kind: Secret``. What such a
name stands before in plain prose is removed only where it looks like a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

REMOVED = "[removed]"
_WORDS = (
    r"(?:password|passwd|passphrase|[_-]pass|[_-]pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|key[_-]data|credentials?)"
)
_NAME = rf"(?<![\w.-])(?:[\w.-]*{_WORDS}|auth)"
# Quotes may be escaped: documents are quoted within documents.
_QUOTE = r"""\\{0,7}["']"""
_QUOTED = rf"(?P<q>{_QUOTE})(?!\[removed\])(?:\\.|[^\\\n])*?(?P=q)"
# Not what opens a mapping, and no word that is no secret.
_BARE = r"""(?!(?:[a-z0-9]{6}\.)?\[removed\]|[{\[](?:["'\s]|$|\w+:)|(?:true|false|null|none|nil|~)(?![^\s,}\]]))[^\s"'&\\]+"""
_VALUE = rf"(?:{_QUOTED}|{_BARE})"
_COLON = r"[ \t]*:[ \t]*+"
_SCHEMES = r"(?:bearer|basic|digest|token|negotiate)"
_OPENS = rf"(?:\[?{_QUOTE})?+"  # a list of values, a quoted one
_AUTHORIZATION = rf"(?<![\w-])(?:proxy-)?authorization(?:{_QUOTE})?[ \t]*[:=][ \t]*+{_OPENS}(?:{_SCHEMES}[ \t]++)?+"
_HEADER = rf"(?<![\w-])(?:set-cookie|cookie|x-[\w-]*(?:auth|token|key))(?:{_QUOTE})?{_COLON}{_OPENS}"
_VARIABLE = (
    rf"name(?:{_QUOTE})?{_COLON}(?:{_QUOTE})?[\w.-]*{_WORDS}[\w.-]*(?:{_QUOTE})?[ \t]*,?\s*"
    rf"(?:{_QUOTE})?value(?:{_QUOTE})?{_COLON}"
)
# A value of several lines, as YAML has it: they are further right than its name. And the same within a string of a document, where
# it is not known how far.
_BLOCK = (
    rf"(?P<p>^(?P<in>[ \t]*)(?P<item>-[ \t])?(?:{_QUOTE})?{_NAME}(?:{_QUOTE})?{_COLON})[|>][-+0-9]*[ \t]*"
    r"(?:\n(?:(?P=in)(?(item)[ \t]{2})[ \t]+\S.*|[ \t]*(?=\n)))+"
)
_QUOTED_BLOCK = rf"""(?P<p>{_NAME}{_COLON})[|>][-+0-9]*[ \t]*(?:\\{{1,7}}n(?:[ \t]+(?:[^\n"\\]|\\{{1,7}}(?![n\\]).)+|(?=\\{{1,7}}n)))+"""
_DOCUMENT_STRING = rf"{_QUOTE}(?:\\.|[^\\\n])*?{_QUOTE}"
_SECRET_OBJECT = re.compile(rf"""(?im)kind(?:{_QUOTE})?[ \t]*:[ \t]*(?:{_QUOTE})?Secret(?:List)?(?![\w-])""")
# The data of a Secret, as JSON or Python has it, and as YAML has it.
_DATA = (
    re.compile(rf"""({_QUOTE}(?:data|stringData|string_data){_QUOTE}\s*:\s*)\{{(?:{_DOCUMENT_STRING}|[^{{}}"'\\])*\}}"""),
    re.compile(r"""(?m)^([ \t-]*(?:data|stringData):)[ \t]*\n(?:[ \t]+\S.*(?:\n|\Z))+"""),
)


def _keeping(prefix: str) -> Callable[[re.Match[str]], str]:
    def put(match: re.Match[str]) -> str:
        quote = match.groupdict().get("q") or ""
        return f"{match[prefix]}{quote}{REMOVED}{quote}"

    return put


_Replacement = str | Callable[[re.Match[str]], str]
_RULES: tuple[tuple[str, _Replacement], ...] = (
    # Keys, whole or cut off; and in base64, as kubeconfigs and Secrets have them.
    (r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:(?!-----BEGIN).)*?(-----END [A-Z ]*PRIVATE KEY-----)", rf"\1{REMOVED}\2"),
    (r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?!\[removed\])[A-Za-z0-9+/=\s\\]+", rf"\1{REMOVED}"),
    (r"LS0tLS1CRUdJTi(?:BSU0Eg|BFQyBQ|BQUklW|BFTkNS|BPUEVO|BEU0Eg)[A-Za-z0-9+/=]*", REMOVED),
    # Tokens: JSON web tokens, kubeadm's, some services'.
    (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REMOVED),
    (r"\b([a-z0-9]{6}\.)[a-z0-9]{16}\b", rf"\1{REMOVED}"),
    (r"\b(gh[pousr]_|github_pat_|glpat-|xox[abeprs]-)[\w-]{10,}", rf"\1{REMOVED}"),
    (r"\b(A[KS]IA)[A-Z0-9]{16}\b", rf"\1{REMOVED}"),
    # Headers, and what they hold.
    (rf"""(?i)(?P<p>{_AUTHORIZATION})(?!\[removed\]|{_SCHEMES}[ \t])[^\s"',\\]+""", _keeping("p")),
    (rf"""(?i)(?P<p>{_HEADER})(?!\[removed\])[^\n"'\\\]]+""", _keeping("p")),
    (r"(?i)\b(bearer[ \t]+)(?=[A-Za-z0-9._~+/=-]*\d)[A-Za-z0-9._~+/=-]{12,}", rf"\1{REMOVED}"),
    # URLs: a password; a token in the place of a user.
    (r"""(?i)\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@"'?#]*:)(?!\[removed\]@)[^\s/"'?#]+@""", rf"\1{REMOVED}@"),
    (r"""(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/:@"'?#\[]{16,}@""", rf"\1{REMOVED}@"),
    (rf"(?im){_BLOCK}", _keeping("p")),
    (rf"(?i){_QUOTED_BLOCK}", _keeping("p")),
    # Named: in documents at the beginning of a line, in quotes, in assignments, as flags, as a container's variables, in prose.
    (rf"""(?im)(?P<p>(?:^|[{{,(])[ \t]*(?:- )?{_NAME}[ \t]*:[ \t]++){_VALUE}""", _keeping("p")),
    (rf"""(?i)(?P<p>{_QUOTE}{_NAME}{_QUOTE}{_COLON}){_VALUE}""", _keeping("p")),
    (rf"""(?i)(?P<p>{_NAME}(?:=(?!=)|:(?=[^\s/])(?!//)))(?!\[removed\]){_VALUE}""", _keeping("p")),
    (rf"""(?i)(?P<p>(?<![\w-])--?[\w-]*{_WORDS}[ \t]++)(?!-){_VALUE}""", _keeping("p")),
    (rf"""(?i)(?P<p>{_VARIABLE}){_VALUE}""", _keeping("p")),
    (rf"""(?i)(?P<p>{_NAME}: )(?=[^\s"']*\d)(?!\[removed\])[^\s"']{{12,}}""", _keeping("p")),
)


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], _Replacement], ...]:
    """Runs with clusters load this module; few of them need it."""
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _RULES)


def redacted(text: str) -> str:
    """The text without private keys, tokens, passwords and the data of Secrets. A second time it changes nothing."""
    if _SECRET_OBJECT.search(text):
        text = _DATA[0].sub(rf"\1{{{REMOVED}}}", text)
        text = _DATA[1].sub(rf"\1 {REMOVED}\n", text)
    for pattern, replacement in _compiled():
        text = pattern.sub(replacement, text)
    return text


def redacted_document(document: Any) -> Any:  # noqa: ANN401 - any object of an API
    """An object without the same, for a dump; and without the fields that say who manages which of the others."""
    if isinstance(document, Mapping):
        return {name: _field(document, name, value) for name, value in document.items() if name not in _LEFT_OUT}
    if isinstance(document, list | tuple):
        return [redacted_document(one) for one in document]
    return redacted(document) if isinstance(document, str) else document


_LEFT_OUT = {"managedFields", "kubectl.kubernetes.io/last-applied-configuration"}
_IS_NAME = re.compile(rf"(?i){_NAME}")


def _field(document: Mapping[str, Any], name: str, value: Any) -> Any:  # noqa: ANN401 - as above
    if document.get("kind") == "Secret" and name in {"data", "stringData"} and value:
        return dict.fromkeys(value, REMOVED)
    about = document.get("name") if name == "value" else name  # a container's variable has its name beside its value
    if isinstance(value, str) and isinstance(about, str) and _IS_NAME.fullmatch(about):
        return REMOVED
    return redacted_document(value)
