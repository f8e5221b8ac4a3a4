"""The words of automatic messages: Liquid (python-liquid), with next to nothing in it, and what is wrong in words.

There is no loop, no assignment and no filter that makes long out of short, so rendering is linear in the template, and
a template is 1,000 characters at most. There is no loader: nothing can be included. Empty values are nil, so that
`{% if appointment.location %}` means what it says (in Liquid an empty string is true).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.builtin import content, illegal, output
from liquid.builtin.filters.misc import default
from liquid.builtin.filters.string import capitalize, downcase, strip, truncate, upcase
from liquid.builtin.tags import case_tag, if_tag, unless_tag
from liquid.exceptions import LiquidError
from liquid.static_analysis import Variable

from parley.alerts import defaults
from parley.alerts.kinds import KINDS
from parley.alerts.models import Rule
from parley.alerts.placeholders import Placeholder, Values, canonical, known
from parley.sms.segments import line_breaks, plain

LONGEST = 1_000
LONGEST_SUBJECT = 150
LONGEST_EMAIL = 4_000
STOP_LINES = {
    "en": "Reply STOP to stop texts.",
    "fr": "Répondez STOP pour ne plus recevoir de textos.",
    "es": "Responda STOP para dejar de recibir textos.",
}

Part = Literal["text", "subject", "email"]
LIMITS: dict[Part, int] = {"text": LONGEST, "subject": LONGEST_SUBJECT, "email": LONGEST_EMAIL}


class Unfit(Exception):
    """A template that cannot be rendered; `words` say why, for people."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Composed:
    """One message's words. `subject` and `email` are those of the email."""

    text: str
    subject: str
    email: str


class _Environment(Environment):
    block_nesting_limit = 8
    context_depth_limit = 8
    loop_iteration_limit = 1
    local_namespace_limit = 0
    output_stream_limit = 32_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Only what cannot make long out of short: nothing loops, assigns, includes or replaces."""
        for tag in (
            content.Literal,
            output.Output,
            illegal.Illegal,
            if_tag.IfTag,
            unless_tag.UnlessTag,
            case_tag.CaseTag,
        ):
            self.add_tag(tag)
        for filter in (default, capitalize, upcase, downcase, strip, truncate):
            self.add_filter(filter.__name__, filter)


_liquid = _Environment(undefined=StrictUndefined)
FILTERS = tuple(_liquid.filters)


@lru_cache(maxsize=8192)
def _template(source: str) -> BoundTemplate:
    return _liquid.from_string(source)


def fill(source: str, values: Values) -> str:
    """`source` with what its placeholders say. Raises Unfit."""
    return _filled(source, _spoken(values))


def _spoken(values: Values) -> dict[str, dict[str, str | None]]:
    """What Liquid is given: hyphens do as well, and what says nothing is nil."""
    return {
        group: {name: value or None for name, value in names.items()}
        | {name.replace("_", "-"): value or None for name, value in names.items() if "_" in name}
        for group, names in values.items()
    }


def _filled(source: str, spoken: dict[str, dict[str, str | None]]) -> str:
    try:
        return tidy(_template(source).render(spoken))
    except LiquidError as error:
        raise Unfit(_in_words(error, source)) from error


_TIDY = (
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" ?\( ?\)"), ""),
    (re.compile(r" +([,.;])(?=\s|$)"), r"\1"),
    (re.compile(r",(?:\s*,)+"), ","),
    (re.compile(r"[,;:]\s*([.!?])(?=\s|$)"), r"\1"),
    (re.compile(r"(?<!\.)\.\.(?!\.)"), "."),
    (re.compile(r" *\n *"), "\n"),
    (re.compile(r"\n[,;.] *"), "\n"),
    (re.compile(r"\n{3,}"), "\n\n"),
)


def tidy(words: str) -> str:
    """What a placeholder that said nothing leaves behind is taken away: "Hi , see you" is "Hi, see you"."""
    words = line_breaks(words)
    for pattern, instead in _TIDY:
        words = pattern.sub(instead, words)
    return words.strip().lstrip(",;. ")


def template(rule: Rule, part: Part, language: str) -> str:
    """The words that stand for one part: the business's own, else Parley's. An email left empty says the text's."""
    own = {"text": rule.texts, "subject": rule.subjects, "email": rule.emails}[part].get(language)
    if part == "email" and own == "":
        return template(rule, "text", language)
    return own or defaults.words(rule.kind, part, language, reads=rule.business.converses)


def compose(rule: Rule, values: Values, language: str) -> Composed:
    """The words of one message; those of its email are empty where the rule sends none.

    Raises Unfit where one of them cannot be rendered, or says nothing.
    """
    spoken = _spoken(values)
    text = sent(_filled(template(rule, "text", language), spoken), rule, language)
    subject = email = ""
    if rule.email:
        subject = " ".join(_filled(template(rule, "subject", language), spoken).split())
        email = _filled(template(rule, "email", language), spoken)
    if not text or (rule.email and not (subject and email)):
        raise Unfit("There would be nothing to read: every detail in these words is empty.")
    return Composed(text, subject, email)


def sent(text: str, rule: Rule, language: str) -> str:
    """A text as it leaves: with its last line, and in the cheaper alphabet where only quotes and dashes forbid it."""
    if text and rule.stop_line:
        text = f"{text} {STOP_LINES[language]}"
    return plain(text)


def problems(source: str, kind: str, part: Part = "text") -> list[str]:
    """What keeps the words of an automatic message from being saved, in words; empty if nothing does."""
    if part == "email" and not source.strip():
        return []
    return wrong(source, known(KINDS[kind].about), LIMITS[part])


def wrong(source: str, names: Mapping[str, Placeholder], longest: int) -> list[str]:
    """What is wrong with a template that may name these placeholders, in words; empty if nothing is."""
    if not source.strip():
        return ["Write what they should read."]
    if len(source) > longest:
        return [f"That is {len(source):,} characters. Keep it to {longest:,}."]
    try:
        analysis = _template(source).analyze(include_partials=False)
    except LiquidError as error:
        return [_in_words(error, source)]
    found = [
        unknown
        for spoken in analysis.variables.values()
        for variable in spoken
        if (unknown := _unknown(variable, names))
    ]
    return list(dict.fromkeys(found)) or _rehearsed(source, names)


def _unknown(variable: Variable, names: Mapping[str, Placeholder]) -> str:
    name = ".".join(str(segment) for segment in variable.segments)
    if len(variable.segments) == 2 and canonical(name) in names:
        return ""
    tail = canonical(name).split(".")[-1]
    near = [each for each in names if each.endswith(f".{tail}")][:1]
    near = near or get_close_matches(canonical(name), names, n=1, cutoff=0.7)
    return f"There is no “{name}”." + (
        f" Did you mean {near[0]}?" if near else " Choose a detail from the list."
    )


def _rehearsed(source: str, names: Mapping[str, Placeholder]) -> list[str]:
    """What only shows when it is rendered: a filter that is given the wrong thing."""
    values: Values = {}
    for name in names:
        group, _, key = name.partition(".")
        values.setdefault(group, {})[key] = "x"
    try:
        fill(source, values)
    except Unfit as unfit:
        return [unfit.words]
    return []


def named(source: str) -> set[str]:
    """The placeholders that a template names, in our spelling. Raises Unfit where it cannot be read."""
    try:
        analysis = _template(source).analyze(include_partials=False)
    except LiquidError as error:
        raise Unfit(_in_words(error, source)) from error
    return {
        canonical(".".join(str(segment) for segment in variable.segments))
        for spoken in analysis.variables.values()
        for variable in spoken
    }


_EXAMPLE = "{{ client.first_name }}"
_IN_WORDS = (
    (r"^expected '[}%]", "A detail is not closed<near>. It ends with }}, as in " + _EXAMPLE + "."),
    (r"unexpected tag 'end", "An end has no beginning<near>. Take it out, or add its {% if … %}."),
    (
        r"unexpected tag '([^']*)'",
        "“<what>” is not something that Parley does<near>. You can use if, unless and case.",
    ),
    (r"expected tag end(\w+)", "A {% <what> … %} has no end. Add {% end<what> %} where it should end."),
    (
        r"unknown filter '([^']*)'",
        f"“<what>” is not something that Parley does<near>. You can use {', '.join(FILTERS)}.",
    ),
    (r"^unexpected '", "There is a character too many<near>. A detail looks like " + _EXAMPLE + "."),
    (r" is undefined", "A detail is not known<near>."),
    (r"^(\w+) expected", "“<what>” was given something that it can’t use<near>."),
)


def _in_words(error: LiquidError, source: str) -> str:
    """What is wrong, where, and what to do: the library's own words are for programmers."""
    said, near = str(error.message), _near(error, source)
    for pattern, words in _IN_WORDS:
        if found := re.search(pattern, said):
            return words.replace("<what>", next(iter(found.groups()), "")).replace("<near>", near)
    return f"Something is not right{near}. A detail looks like {_EXAMPLE}."


def _near(error: LiquidError, source: str) -> str:
    """Where: the words around it, and which line if there are several."""
    at = error.token.start_index if error.token else -1
    if str(error.message).startswith("expected '"):
        at = max(source.rfind("{{"), source.rfind("{%"))
    if not 0 <= at < len(source):
        return next((f" in “{piece}”" for piece in _suspects(source)), "")
    start = max(source.rfind(opening, 0, at + 2) for opening in ("{{", "{%"))
    words = " ".join(source[max(start, 0) :][:30].split())
    line = source.count("\n", 0, at) + 1
    return f" near “{words}”" + (f" on line {line}" if "\n" in source else "")


def _suspects(source: str) -> Iterator[str]:
    """Details that cannot be read by themselves: the library does not always say where it stopped."""
    for piece in re.findall(r"\{\{.*?\}\}", source):
        try:
            _template(piece)
        except LiquidError:
            yield piece
