"""One spelling of an address, without harm: what two spellings share, they must mean.

courlan's own clean-up sorts the query, drops empty and many meaningful parameters
(``id``, ``source``, ``ref``) and folds ``//`` in paths; here only what never chooses
another page is changed.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_TRACKERS = re.compile(
    r"(?:utm_[a-z_]+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|igshid|mc_cid"
    r"|mc_eid|_hsenc|_hsmi|mkt_tok|xtor|wt_mc|vero_id|oly_anon_id|oly_enc_id)(?:=|$)",
    re.IGNORECASE,
)
_SAFE = "/%:@!$&'()*+,;=~?-._"
_LONGEST = 4096


def canonical_url(url: str) -> str:
    """Canonical form of an http(s) address; another address stays, what is none is ``""``.

    Lower-case scheme and host, IDN as it is read, no default port, ``/`` for an empty path, no
    tracking parameters, no fragment unless it is a route (``#!``, ``#/``), everything beyond
    ASCII percent-encoded.
    """
    url = "".join(url.split())
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = _host(parts.netloc)
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT:
        return url[:_LONGEST] if scheme and (parts.netloc or parts.path) else ""
    if not host or len(url) > _LONGEST:
        return ""
    host = host.removesuffix(_DEFAULT_PORT[scheme])
    query = "&".join(pair for pair in parts.query.split("&") if not _TRACKERS.match(pair))
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""
    path = quote(parts.path or "/", safe=_SAFE)
    return urlunsplit((scheme, host, path, quote(query, safe=_SAFE), quote(fragment, safe=_SAFE)))


def _host(netloc: str) -> str:
    """Lower-case host and port; who logs in is nobody's business."""
    from courlan.clean import decode_punycode  # noqa: PLC0415  # 0.1 s

    host = netloc.rpartition("@")[2].lower().rstrip(".")
    return str(decode_punycode(host))
