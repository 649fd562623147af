"""HTML that somebody's data or a library wrote, made harmless before it becomes part of a page."""

import re
from html import unescape

_TAG = re.compile(r"""<[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(r"""\s([\w:-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""")
_ADDRESSES = ("href", "xlink:href", "src", "action", "formaction", "data")
_RUNS = ("javascript:", "vbscript:", "data:text/html")


def without_script_links(html: str) -> str:
    """HTML without addresses that run code, ``javascript:`` and its like, however they are written."""
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(_kept, tag[0]), html)


def still(html: str) -> str:
    """HTML without scripts, event handlers and links that run code."""
    html = re.sub(r"<script\b.*?</script\s*>", "", html, flags=re.DOTALL | re.IGNORECASE)
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(_kept_still, tag[0]), html)


def _kept(attribute):
    """The attribute, or nothing where it is an address that runs code."""
    value = re.sub(r"[\s\0-\x20]", "", unescape(attribute[2].strip("\"'"))).lower()
    return "" if attribute[1].lower() in _ADDRESSES and value.startswith(_RUNS) else attribute[0]


def _kept_still(attribute):
    return "" if attribute[1].lower().startswith("on") or attribute[1].lower() == "srcdoc" else _kept(attribute)
