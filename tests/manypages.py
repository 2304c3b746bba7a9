"""Pages with a text each of its own, and sites that are made of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from loopback import Site, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = (  # noqa: SIM905 - one word a string would be a page of them
    "river market council bridge winter harvest teacher library engine garden letter museum"
    " harbour farmer mayor railway orchard village concert painter doctor island forest student"
    " baker tunnel castle season journal captain valley temple planet mirror lantern basket"
    " hammer pepper saddle anchor meadow glacier lighthouse carpenter violin parliament quarry"
).split()
VERBS = "opened closed visited praised described repaired measured painted sold found".split()  # noqa: SIM905 - as above


def text_of(number: int, sentences: int = 5) -> list[str]:
    """Sentences that no other number has."""
    chance = random.Random(number)

    def noun() -> str:
        return f"the {chance.choice(WORDS)} of {chance.choice(WORDS)} {chance.randrange(10_000)}"

    return [
        f"On that day {noun()} {chance.choice(VERBS)} {noun()}, and {noun()} was"
        f" {chance.choice(VERBS)} by people who had come from {noun()}."
        for _ in range(sentences)
    ]


def article(number: int, links: Sequence[str] = (), sentences: int = 5) -> bytes:
    """A page of HTML with a main text and links around it."""
    menu = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    body = "".join(f"<p>{sentence}</p>" for sentence in text_of(number, sentences))
    return (
        f"<html><head><title>Report {number}</title></head><body><nav><ul>{menu}</ul></nav>"
        f"<article><h1>Report {number}</h1>{body}</article></body></html>"
    ).encode()


def fill(site: Site, count: int) -> list[str]:
    """A site of ``count`` pages, each linking to the next ten; the front page is ``/``."""
    paths = ["/", *(f"/p/{number}" for number in range(1, count))]
    for number, path in enumerate(paths):
        links = ["/", *paths[number * 10 + 1 : number * 10 + 11]]
        site.pages[path] = marked(article(number, links))
    return paths
