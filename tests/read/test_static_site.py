"""A folder of files behind nginx where it is installed, else behind the tests' own server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from loopback import Site, answer, marked
from manypages import article

from ingest.documents import Complete, RawDocument, Unchanged
from ingest.read.sitemap import Sitemap
from ingest.read.web import Web
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = 20
CONFIGURATION = """
user root; daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  types {{ text/html html; text/xml xml; application/gzip gz; }}
  access_log off; gzip on; gzip_types text/html text/xml; gzip_min_length 1;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def lay_out(folder: Path, url: str) -> None:
    (folder / "www").mkdir()
    names = [f"{number}.html" for number in range(COUNT)]
    for number, name in enumerate(names):
        (folder / "www" / name).write_bytes(article(number, names[number : number + 3]))
    (folder / "www" / "index.html").write_bytes(article(COUNT, names[:2]))
    locs = "".join(f"<url><loc>{url}/{name}</loc></url>" for name in names)
    (folder / "www" / "sitemap.xml").write_text(f"<urlset>{locs}</urlset>")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("static")
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        yield from _own(folder)
        return
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lay_out(folder, f"http://127.0.0.1:{port}")
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port))
    with subprocess.Popen([nginx, "-p", folder, "-c", folder / "nginx.conf"]) as server:
        end = time.monotonic() + 10
        with closing(socket.socket()) as probe:
            while probe.connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def _own(folder: Path) -> Iterator[str]:
    site = Site()
    lay_out(folder, site.url(""))
    for path in (folder / "www").iterdir():
        kind = "text/xml" if path.suffix == ".xml" else "text/html"
        site.pages[f"/{path.name}"] = marked(path.read_bytes(), content_type=kind)
    site.pages["/"] = site.pages["/index.html"]
    site.pages["/robots.txt"] = answer(404, b"")
    yield site.url("")
    site.stop()


@pytest.mark.parametrize("kind", ["web", "sitemap"])
def test_a_static_site_is_read_once(url: str, kind: str) -> None:
    manners = {"allow_private": True, "delay": 0}
    reader: Web | Sitemap = Sitemap(url=f"{url}/sitemap.xml", **manners)
    if kind == "web":
        reader = Web(url=f"{url}/", depth=COUNT, **manners)
    context = FakeContext()
    events = run(reader, context)
    documents = [event for event in events if isinstance(event, RawDocument)]
    assert len(documents) == COUNT + (kind == "web")
    assert all(b"On that day" in event.content for event in documents)
    assert isinstance(events[-1], Complete)
    again = run(reader, context)
    assert not [event for event in again if isinstance(event, RawDocument)]
    assert len({event.source_id for event in again if isinstance(event, Unchanged)}) > COUNT
    assert isinstance(again[-1], Complete)
