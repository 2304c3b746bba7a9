"""Documentation that cannot drift."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import reference

import ingest

ROOT = Path(__file__).parent.parent
SEEDS = {
    "000": "4f7a38795d66ec0a",
    "001": "8f9712421061a363",
    "002": "eec75b1fd62fef0a",
    "003": "531bb4cdc51650be",
    "004": "10d9efdfb016ca68",
}
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "store" / "README.md"])


@pytest.mark.parametrize(
    ("name", "page"), [("commands", reference.commands_page), ("settings", reference.settings_page)]
)
def test_reference_pages_are_as_the_code_says(name: str, page: object) -> None:
    assert callable(page)
    written = (ROOT / "docs" / f"{name}.md").read_text()
    assert written == page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    known = re.findall(r"^#+ ingest ?(.*)$", reference.commands_page(), re.MULTILINE)
    first = {name.split()[0] for name in known if name}
    for word in re.findall(r"`ingest ([a-z]+)", page.read_text()):
        assert word in first, f"{page.name} speaks of `ingest {word}`"


def test_every_module_has_its_place_in_the_architecture() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text().split("## Folders")[1].split("## ")[0]
    named = set(re.findall(r"`(?:ingest/)?([a-z_]+)(?:/|\.py)`", table))
    package = ROOT / "ingest"
    modules = {path.stem for path in package.glob("[a-z]*.py")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert named == modules | folders


def test_public_names() -> None:
    assert ingest.__all__ == [
        "IngestError", "RawDocument", "Reader", "Record", "Settings", "Step", "open_corpus", "run",
    ]  # fmt: skip
    assert all(getattr(ingest, name) for name in ingest.__all__)
    assert dir(ingest) == sorted(ingest.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        ingest.nothing  # noqa: B018 - asking is the test


def test_the_seeds_are_as_they_were_given() -> None:
    found = {
        path.name[:3]: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in (ROOT / "seeds").iterdir()
    }
    assert found == SEEDS
