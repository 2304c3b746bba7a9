"""Finding readers by name, and telling why one cannot be used."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from ingest.errors import SettingsError
from ingest.read import registry
from ingest.read.base import Reader, ReaderSettings
from ingest.read.files import Files


class NoReader(ReaderSettings):
    """Lacks both methods."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    def install(**values: Any) -> Any:
        points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda **_: points)

    return install


def test_files_is_installed_and_a_reader():
    assert "files" in registry.available()
    assert registry.load("files") is Files
    assert isinstance(Files(path="x"), Reader)


def test_listing_imports_nothing(installed: Any):
    installed(b="no.such.module:X", a="nor.this:Y")
    assert list(registry.available()) == ["a", "b"]


def test_an_unknown_reader_with_the_nearest_name(installed: Any):
    installed(files="ingest.read.files:Files", feed="x:y")
    with pytest.raises(SettingsError) as caught:
        registry.load("file")
    assert (
        str(caught.value)
        == "there is no reader 'file'; did you mean 'files'? Installed: feed, files"
    )
    with pytest.raises(SettingsError) as caught:
        registry.load("gopher")
    assert str(caught.value) == "there is no reader 'gopher'. Installed: feed, files"


def test_a_missing_package_is_named(installed: Any):
    installed(odd="no_such_package.reader:Odd")
    with pytest.raises(SettingsError, match="needs the Python module 'no_such_package'") as caught:
        registry.load("odd")
    assert caught.value.hint == "pip install no_such_package"


def test_a_missing_package_that_an_extra_brings_is_named_by_the_extra(
    monkeypatch: pytest.MonkeyPatch,
):
    class Dist:
        name = "acme-readers"
        requires = ("pydantic", 'Kafka_Client[fast]>=2 ; extra == "kafka"')

    point = EntryPoint("kafka", "x:y", registry.GROUP)
    vars(point)["dist"] = Dist()
    error = ModuleNotFoundError("No module named 'kafka_client.core'", name="kafka_client.core")
    assert registry._broken(point, error).hint == "pip install 'acme-readers[kafka]'"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("ingest.read.files:Nothing", "cannot be loaded"),
        ("ingest.read.records:parse", "is not a subclass of ReaderSettings"),
        (f"{__name__}:NoReader", "has no method check and no read"),
    ],
)
def test_what_is_no_reader_is_told(
    installed: Any, monkeypatch: pytest.MonkeyPatch, value: Any, words: Any
):
    import sys  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    installed(odd=value)
    with pytest.raises(SettingsError, match=words):
        registry.load("odd")


def _this() -> Any:
    import types  # noqa: PLC0415

    module = types.ModuleType(__name__)
    module.NoReader = NoReader
    return module


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-", "stdin"),
        ("news", "files"),
        ("news/*.txt", "files"),
        ("s3://bucket/x.jsonl", "files"),
        ("a-b.jsonl.gz", "files"),
        ("feed:https://x.org/rss", "feed"),
        ("sitemap:https://x.org/sitemap.xml", "sitemap"),
        ("https://x.org/page", "web"),
        ("crawl.warc.gz", "warc"),
        ("crawl/CC-1.wet", "warc"),
        ("https://x.org/a.warc.gz", "warc"),
        ("wet", "files"),
    ],
)
def test_the_reader_that_fits_an_input(text: Any, name: Any):
    assert registry.for_input(text) == name
