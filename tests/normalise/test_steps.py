"""Steps: the built-in ones, third parties' of both kinds, and settings that are wrong."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from ingest.documents import Document, Rejected
from ingest.errors import SettingsError
from ingest.normalise import available_steps, chain, load_steps, run_steps, steps_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENT = Document(
    "news", "x", "Some words here", words=3, language="en", url="https://example.org/news/1"
)


def outcome(name: str, document: Document = DOCUMENT, **settings: Any) -> str:
    result = run_steps(load_steps([(name, settings)]), document)
    if isinstance(result, Rejected):
        assert result.stage == f"step:{name}"
        assert result.detail
        return result.reason
    assert result == document
    return "kept"


def test_min_words() -> None:
    assert outcome("min_words", words=3) == "kept"
    assert outcome("min_words", words=4) == "too few words"
    assert outcome("min_words") == "too few words"


def test_languages() -> None:
    assert outcome("languages", keep=["DE", "en"]) == "kept"
    assert outcome("languages", keep=["de"]) == "language"
    assert outcome("languages", replace(DOCUMENT, language="und"), keep=["und"]) == "kept"


def test_urls() -> None:
    assert outcome("urls", allow=[r"/news/"]) == "kept"
    assert outcome("urls", allow=[r"/blog/"]) == "address not allowed"
    assert outcome("urls", allow=[r"/news/"], deny=[r"/\d$"]) == "address denied"
    assert outcome("urls", replace(DOCUMENT, url=""), allow=["x"], deny=["."]) == "kept"


def test_the_first_that_refuses_ends_the_chain() -> None:
    steps = load_steps([("min_words", {"words": 9}), ("languages", {"keep": ["de"]})])
    result = run_steps(steps, DOCUMENT)
    assert isinstance(result, Rejected)
    assert result.stage == "step:min_words"
    assert run_steps((), DOCUMENT) is DOCUMENT


def test_every_wrong_setting_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_steps(
            [
                ("min_word", {}),
                ("min_words", {"words": 0, "wrds": 1}),
                ("languages", {}),
                ("urls", {"deny": ["("]}),
                ("quite_another", {}),
            ]
        )
    message = str(caught.value)
    assert "there is no step 'min_word'; did you mean 'min_words'?" in message
    assert "no step 'quite_another'. Installed: languages, min_words, urls" in message
    for part in ("'min_words': words", "'min_words': wrds", "'languages': keep", "'urls': deny"):
        assert part in message


def test_configs_are_values_that_travel_to_workers() -> None:
    configs = [("min_words", {"words": 2}), ("languages", {"keep": ["en"]})]
    assert run_steps(load_steps(pickle.loads(pickle.dumps(configs))), DOCUMENT) == DOCUMENT  # noqa: S301


def test_the_version_changes_with_order_and_settings() -> None:
    one, two = ("min_words", {"words": 2}), ("languages", {"keep": ["en"]})
    versions = {steps_version(c) for c in ([], [one], [one, two], [two, one], [("min_words", {})])}
    assert len(versions) == 5
    assert steps_version([("x", {"a": 1, "b": 2})]) == steps_version([("x", {"b": 2, "a": 1})])


# --- third parties --------------------------------------------------------------------


def shout(document: Document, settings: Mapping[str, Any]) -> Document | Rejected:
    return replace(document, text=document.text.upper() + " \r\n" + settings["add"])


def fail(document: Document, settings: Mapping[str, Any]) -> Document | Rejected:
    raise KeyError("missing")


def refuse(document: Document, settings: Mapping[str, Any]) -> Document | Rejected:
    return Rejected("my own stage", "not today", "for a reason")


def forget(document: Document, settings: Mapping[str, Any]) -> None:
    return None


def empty(document: Document, settings: Mapping[str, Any]) -> Document:
    return replace(document, text=" ")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def install(step: Any) -> None:
        module = ModuleType("somebody_elses_steps")
        module.__dict__["theirs"] = step
        monkeypatch.setitem(sys.modules, "somebody_elses_steps", module)
        point = EntryPoint("theirs", "somebody_elses_steps:theirs", "ingest.steps")
        monkeypatch.setattr(chain, "entry_points", lambda **_: [point])

    return install


def test_a_plain_function_is_a_step(installed: Callable[[Any], None]) -> None:
    installed(shout)
    assert list(available_steps()) == ["theirs"]
    result = run_steps(load_steps([("theirs", {"add": "one  more\n\n\n"})]), DOCUMENT)
    assert isinstance(result, Document)
    assert result.text == "SOME WORDS HERE\none more"
    assert result.words == 5


@pytest.mark.parametrize(
    ("step", "reason", "detail"),
    [
        (fail, "step failed", "KeyError: 'missing'"),
        (refuse, "not today", "for a reason"),
        (forget, "step failed", "gave NoneType, not a document"),
        (empty, "no text", "the step left nothing of the text"),
    ],
)
def test_what_a_step_may_do_wrong(
    installed: Callable[[Any], None], step: Any, reason: str, detail: str
) -> None:
    installed(step)
    result = run_steps(load_steps([("theirs", {})]), DOCUMENT)
    assert result == Rejected("step:theirs", reason, detail)


def test_a_step_that_cannot_be_imported_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("theirs", "no_such_module:theirs", "ingest.steps")
    monkeypatch.setattr(chain, "entry_points", lambda **_: [point])
    with pytest.raises(SettingsError, match="cannot be loaded: No module named 'no_such_module'"):
        load_steps([("theirs", {})])
