"""The HTTP client against a real server on loopback that behaves in every bad way."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import socket
import ssl
import subprocess
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from loopback import PAGE, Site, answer

from ingest.errors import SettingsError
from ingest.read.http import Fetched, Fetcher, FetchFailed, FetchSettings, NotModified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(quick()) as fetcher:
        yield fetcher


def quick(**changes: Any) -> FetchSettings:
    """Settings for tests: loopback is let in, and nobody waits a second for manners."""
    return FetchSettings(**{"delay": 0, "max_wait": 0.2, "allow_private": True, **changes})


def fetched(result: object) -> Fetched:
    assert isinstance(result, Fetched), result
    return result


def failure(result: object) -> tuple[str, str]:
    assert isinstance(result, FetchFailed), result
    return result.reason, result.detail


# --- what comes back ------------------------------------------------------------------


def test_a_page_comes_back_with_what_was_said_of_it(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(
        content_type="text/html; charset=latin-1", ETag='"1"', Last_Modified="Sat, 1 Jan 2000"
    )
    page = fetched(fetcher.fetch(site.url("/a#part")))
    assert page.content == PAGE
    assert page.url == site.url("/a")
    assert page.media_type == "text/html; charset=latin-1"
    assert (page.etag, page.last_modified) == ('"1"', "Sat, 1 Jan 2000")
    assert page.moved_to == ""


def test_a_page_that_did_not_change(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(304, b"", ETag='"1"')
    result = fetcher.fetch(site.url("/a"), etag='"1"', last_modified="Sat, 1 Jan 2000")
    assert isinstance(result, NotModified)
    headers = site.requests[-1][1]
    assert headers["if-none-match"] == '"1"'
    assert headers["if-modified-since"] == "sat, 1 jan 2000"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("gzip", gzip.compress(PAGE[:5], mtime=0) + gzip.compress(PAGE[5:], mtime=0)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("identity", PAGE),
    ],
    ids=["gzip", "gzip in two members", "deflate", "bare deflate", "identity"],
)
def test_bodies_are_unpacked(site: Site, fetcher: Fetcher, encoding: str, body: bytes) -> None:
    site.pages["/a"] = answer(body=body, Content_Encoding=encoding)
    assert fetched(fetcher.fetch(site.url("/a"))).content == PAGE


def test_connections_are_kept(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer()
    for _ in range(20):
        fetched(fetcher.fetch(site.url("/a")))
    assert site.connections == 1


def test_cookies_are_not_kept(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(Set_Cookie="who=you")
    fetcher.fetch(site.url("/a"))
    fetcher.fetch(site.url("/a"))
    assert "cookie" not in site.requests[-1][1]


def test_the_user_agent_is_honest(site: Site) -> None:
    site.pages["/a"] = answer()
    with Fetcher(quick(contact="me@example.org")) as fetcher:
        fetcher.fetch(site.url("/a"))
    assert site.requests[-1][1]["user-agent"].startswith("ingest/")
    assert "me@example.org" in site.requests[-1][1]["user-agent"]


def test_a_contact_is_needed_beyond_loopback(fetcher: Fetcher) -> None:
    with pytest.raises(SettingsError, match=r"example\.invalid needs a contact"):
        fetcher.fetch("http://example.invalid/")


# --- redirects ------------------------------------------------------------------------


def test_redirects_are_followed_and_permanent_ones_told(site: Site, fetcher: Fetcher) -> None:
    site.pages["/old"] = answer(301, b"", Location="/older")
    site.pages["/older"] = answer(308, b"", Location=site.url("/new"))
    site.pages["/brief"] = answer(302, b"", Location="/new")
    site.pages["/new"] = answer()
    moved = fetched(fetcher.fetch(site.url("/old")))
    assert (moved.url, moved.moved_to) == (site.url("/new"), site.url("/new"))
    brief = fetched(fetcher.fetch(site.url("/brief")))
    assert (brief.url, brief.moved_to) == (site.url("/new"), "")


def test_a_loop_of_redirects(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(302, b"", Location="/b")
    site.pages["/b"] = answer(302, b"", Location="/a")
    assert failure(fetcher.fetch(site.url("/a"))) == ("redirect loop", f"back at {site.url('/a')}")


def test_redirects_without_end(site: Site, fetcher: Fetcher) -> None:
    for n in range(50):
        site.pages[f"/{n}"] = answer(302, b"", Location=f"/{n + 1}")
    assert failure(fetcher.fetch(site.url("/0"))) == ("too many redirects", "more than 10")
    assert len(site.paths) == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.org/", "//[bad/"])
def test_redirects_out_of_the_web_are_refused(site: Site, fetcher: Fetcher, target: str) -> None:
    site.pages["/a"] = answer(302, b"", Location=target)
    assert failure(fetcher.fetch(site.url("/a")))[0] == "bad URL"


def test_credentials_stay_with_their_host(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(302, b"", Location="/b")
    site.pages["/b"] = answer(302, b"", Location=site.url("/c", "localhost"))
    site.pages["/c"] = answer(500, b"")
    url = site.url("/a").replace("//", "//us%40er:secret@")
    result = fetcher.fetch(url)
    sent = {path: headers.get("authorization") for path, headers in site.requests}
    expected = base64.b64encode(b"us@er:secret").decode().lower()
    assert sent["/a"] == sent["/b"] == f"basic {expected}"
    assert sent["/c"] is None
    assert "secret" not in repr(result)


# --- failures, each with its name -----------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_refusals_are_not_tried_again(site: Site, fetcher: Fetcher, status: int) -> None:
    site.pages["/a"] = answer(status, b"no")
    assert failure(fetcher.fetch(site.url("/a")))[0] == f"http {status}"
    assert site.paths == ["/a"]


def test_errors_of_the_moment_are_tried_again(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = [answer(503, b""), b"", answer()]
    site.pages["/a"][1] = answer(429, b"", Retry_After="0")
    assert fetched(fetcher.fetch(site.url("/a"))).content == PAGE
    assert site.paths == ["/a"] * 3


def test_errors_that_stay(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(503, b"")
    assert failure(fetcher.fetch(site.url("/a")))[0] == "http 503"
    assert site.paths == ["/a"] * 3


def test_a_long_retry_after_is_handed_on(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(429, b"", Retry_After="3600")
    result = fetcher.fetch(site.url("/a"))
    assert isinstance(result, FetchFailed)
    assert (result.reason, result.retry_after) == ("http 429", 3600)
    assert site.paths == ["/a"]


def test_a_short_retry_after_is_waited_for(site: Site) -> None:
    site.pages["/a"] = [answer(503, b"", Retry_After="1"), answer()]
    with Fetcher(quick(max_wait=5)) as fetcher:
        fetched(fetcher.fetch(site.url("/a")))
    assert site.times[-1] - site.times[-2] >= 1


def test_a_connection_that_breaks_is_tried_again(site: Site, fetcher: Fetcher) -> None:
    async def nothing(_: object) -> AsyncIterator[bytes]:
        for piece in ():
            yield piece

    site.pages["/a"] = [nothing, answer()]
    assert fetched(fetcher.fetch(site.url("/a"))).content == PAGE


def test_a_body_that_breaks_off(site: Site, fetcher: Fetcher) -> None:
    async def half(_: object) -> AsyncIterator[bytes]:
        yield answer()[:-10]

    site.pages["/a"] = half
    assert failure(fetcher.fetch(site.url("/a")))[0] == "broken connection"


def test_nobody_there(fetcher: Fetcher) -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]
        assert failure(fetcher.fetch(f"http://127.0.0.1:{port}/"))[0] == "unreachable"


def endless(piece: bytes, seconds: float, head: bytes) -> Callable[[object], AsyncIterator[bytes]]:
    async def send(_: object) -> AsyncIterator[bytes]:
        yield head
        while True:
            yield piece
            await asyncio.sleep(seconds)

    return send


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [(HEAD + b"\r\n", b"x"), (HEAD, b"x-more: 1\r\n")],
    ids=["body", "head"],
)
def test_a_slow_drip_is_ended_by_the_whole_time(site: Site, head: bytes, piece: bytes) -> None:
    site.pages["/a"] = endless(piece, 0.05, head)
    with Fetcher(quick(total_seconds=0.5)) as fetcher:
        started = time.monotonic()
        assert failure(fetcher.fetch(site.url("/a")))[0] == "timeout"
        assert time.monotonic() - started < 2


def test_silence_is_ended_by_the_time_for_reading(site: Site) -> None:
    site.pages["/a"] = endless(b"", 60, HEAD)
    with Fetcher(quick(read_seconds=0.3)) as fetcher:
        assert failure(fetcher.fetch(site.url("/a")))[0] == "timeout"


def test_a_body_without_end(site: Site) -> None:
    site.pages["/a"] = endless(b"x" * 65_536, 0, HEAD + b"\r\n")
    with Fetcher(quick(max_bytes=1_000_000)) as fetcher:
        assert failure(fetcher.fetch(site.url("/a")))[0] == "too large"


def test_a_head_without_end(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = endless(b"x-more: " + b"1" * 50_000 + b"\r\n", 0, HEAD)
    assert failure(fetcher.fetch(site.url("/a")))[0] == "protocol"


def test_a_length_that_is_too_large_is_not_read(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = HEAD + b"content-length: 99999999999\r\n\r\n"
    assert failure(fetcher.fetch(site.url("/a"))) == ("too large", "99,999,999,999 bytes announced")


def test_a_gzip_bomb(site: Site, fetcher: Fetcher) -> None:
    bomb = gzip.compress(bytes(40 << 20))
    assert len(bomb) < 1 << 18
    site.pages["/a"] = answer(body=bomb, Content_Encoding="gzip")
    assert failure(fetcher.fetch(site.url("/a")))[0] == "too large"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_encodings_that_were_not_asked_for(site: Site, fetcher: Fetcher, encoding: str) -> None:
    site.pages["/a"] = answer(Content_Encoding=encoding)
    assert failure(fetcher.fetch(site.url("/a")))[0] == "content encoding"


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(PAGE, mtime=0)[:-12], b""])
def test_bodies_that_do_not_unpack(site: Site, fetcher: Fetcher, body: bytes) -> None:
    site.pages["/a"] = answer(body=body, Content_Encoding="gzip")
    result = fetcher.fetch(site.url("/a"))
    if body:
        assert failure(result)[0] == "content encoding"
    else:
        assert fetched(result).content == b""


def test_types_that_are_not_wanted(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = answer(content_type="video/mp4")
    result = fetcher.fetch(site.url("/a"), media_types=("text/html", "application/xhtml+xml"))
    assert failure(result)[0] == "content type"


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_not_http(site: Site, fetcher: Fetcher, nonsense: bytes) -> None:
    async def send(_: object) -> AsyncIterator[bytes]:
        yield nonsense

    site.pages["/a"] = send
    assert failure(fetcher.fetch(site.url("/a")))[0] in {"protocol", "broken connection"}


@pytest.mark.parametrize(
    "url", ["", "nowhere", "ftp://x.org/", "http://", "http://[::1", "http://a b/"]
)
def test_what_is_not_a_url(fetcher: Fetcher, url: str) -> None:
    assert failure(fetcher.fetch(url))[0] == "bad URL"


def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    site = Site(context)
    try:
        with Fetcher(quick()) as fetcher:
            assert failure(fetcher.fetch(site.url("/a")))[0] == "TLS"
            assert site.requests == []
    finally:
        site.stop()


# --- addresses ------------------------------------------------------------------------


def test_private_addresses_are_refused(site: Site) -> None:
    with Fetcher(quick(allow_private=False)) as fetcher:
        for host in ("127.0.0.1", "localhost"):
            assert failure(fetcher.fetch(site.url("/a", host)))[0] == "address refused"
    assert site.connections == 0


def test_a_name_that_changes_its_address_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: every look-up but the first gives loopback."""
    lookups = itertools.chain(["93.184.216.34"], itertools.repeat("127.0.0.1"))
    connected = []

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(lookups), port))]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    settings = quick(allow_private=False, obey_robots=False, contact="a@example.org")
    with Fetcher(settings) as fetcher:
        result = fetcher.fetch(f"http://rebind.example:{site.port}/a")
    assert failure(result)[0] == "address refused"
    assert connected == ["93.184.216.34"]


# --- manners --------------------------------------------------------------------------


def test_robots_are_obeyed(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = answer(body=b"User-agent: ingest\nDisallow: /private\n")
    site.pages["/a"] = answer()
    fetched(fetcher.fetch(site.url("/a")))
    assert failure(fetcher.fetch(site.url("/private/b")))[0] == "robots"
    assert [path for path, _ in site.requests] == ["/robots.txt", "/a"]


def test_robots_are_obeyed_after_a_redirect(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = answer(body=b"User-agent: *\nDisallow: /private\n")
    site.pages["/a"] = answer(302, b"", Location="/private/b")
    assert failure(fetcher.fetch(site.url("/a")))[0] == "robots"
    assert site.paths == ["/a"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_no_robots_allow_everything(site: Site, fetcher: Fetcher, status: int) -> None:
    site.pages.update({"/robots.txt": answer(status, b"Disallow: /"), "/a": answer()})
    fetched(fetcher.fetch(site.url("/a")))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_robots_in_trouble_defer(site: Site, fetcher: Fetcher, status: int) -> None:
    site.pages.update({"/robots.txt": answer(status, b""), "/a": answer()})
    result = fetcher.fetch(site.url("/a"))
    assert failure(result) == ("robots unreachable", f"robots.txt: HTTP {status}")
    assert isinstance(result, FetchFailed)
    assert result.retry_after == 600
    assert site.paths == []


def test_robots_that_redirect_are_followed(site: Site, fetcher: Fetcher) -> None:
    site.pages["/robots.txt"] = answer(301, b"", Location="/rules")
    site.pages["/rules"] = answer(body=b"User-agent: *\nDisallow: /\n")
    assert failure(fetcher.fetch(site.url("/a")))[0] == "robots"


def test_huge_robots_are_read_as_far_as_need_be(site: Site, fetcher: Fetcher) -> None:
    rules = b"User-agent: *\nDisallow: /private\n" + b"# more\n" * 200_000
    site.pages.update({"/robots.txt": answer(body=rules), "/a": answer()})
    fetched(fetcher.fetch(site.url("/a")))
    assert failure(fetcher.fetch(site.url("/private")))[0] == "robots"


def test_robots_may_be_ignored_by_setting(site: Site) -> None:
    site.pages.update({"/robots.txt": answer(body=b"User-agent: *\nDisallow: /"), "/a": answer()})
    with Fetcher(quick(obey_robots=False)) as fetcher:
        fetched(fetcher.fetch(site.url("/a")))
    assert "/robots.txt" not in [path for path, _ in site.requests]


@pytest.mark.parametrize("rule", ["Crawl-delay: 0.4", "Request-rate: 5/2"])
def test_crawl_delay_is_kept(site: Site, fetcher: Fetcher, rule: str) -> None:
    site.pages["/robots.txt"] = answer(body=f"User-agent: *\n{rule}\n".encode())
    site.pages["/a"] = answer()
    for _ in range(3):
        fetched(fetcher.fetch(site.url("/a")))
    first, second, third = site.times[1:]
    assert min(second - first, third - second) >= 0.35


def test_crawl_delay_has_a_cap(site: Site) -> None:
    site.pages["/robots.txt"] = answer(body=b"User-agent: *\nCrawl-delay: 9000\n")
    site.pages["/a"] = answer()
    with Fetcher(quick(max_delay=0.1)) as fetcher:
        started = time.monotonic()
        for _ in range(2):
            fetched(fetcher.fetch(site.url("/a")))
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "page",
    [
        answer(X_Robots_Tag="noai, noimageai"),
        answer(TDM_Reservation="1"),
        answer(body=b"<head><meta content='noindex, NoAI' name=robots></head>"),
        answer(body=b'<meta name="tdm-reservation" content="1">'),
    ],
)
def test_opt_outs_are_obeyed(site: Site, page: bytes) -> None:
    site.pages["/a"] = page
    with Fetcher(quick()) as fetcher:
        assert failure(fetcher.fetch(site.url("/a")))[0] == "opted out"
    with Fetcher(quick(obey_opt_outs=False)) as fetcher:
        assert {"noai", "tdm-reservation"} & {*fetched(fetcher.fetch(site.url("/a"))).opt_outs}


@pytest.mark.parametrize(
    "page",
    [
        answer(X_Robots_Tag="googlebot: noai"),
        answer(X_Robots_Tag="noindex"),
        answer(TDM_Reservation="0"),
        answer(body=b"<p>noai</p><meta name=description content='noai'>"),
    ],
)
def test_what_is_no_opt_out(site: Site, fetcher: Fetcher, page: bytes) -> None:
    site.pages["/a"] = page
    fetched(fetcher.fetch(site.url("/a")))


def test_one_request_at_a_time_to_a_host(site: Site, fetcher: Fetcher) -> None:
    async def slow(_: object) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.05)
        yield answer()

    site.pages["/a"] = slow
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(fetcher.fetch(site.url("/a"))))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [fetched(result).content for result in results] == [PAGE] * 5
    assert site.most_at_once == 1


def test_waiting_is_cut_short_when_the_run_is_stopped(site: Site) -> None:
    site.pages["/a"] = answer()
    stop = threading.Event()
    with Fetcher(quick(delay=60), cancelled=stop.is_set) as fetcher:
        fetched(fetcher.fetch(site.url("/a")))
        threading.Timer(0.3, stop.set).start()
        started = time.monotonic()
        assert failure(fetcher.fetch(site.url("/a")))[0] == "cancelled"
        assert time.monotonic() - started < 1.3
