"""What every template may use: icons, avatars, times as the screen says them, and form fields.

Times are shown in the business's zone, which the context processor `shell` gives every page as `zone`:
`{{ message.at|clock:zone }}`. A zone that is missing means UTC.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, tzinfo
from functools import cache, lru_cache
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, urlize
from django.utils.safestring import SafeString, mark_safe

from parley.sms.numbers import pretty

register = template.Library()


@register.simple_tag
def press() -> SafeString:
    """`{% press %}`: in a form whose button does something once for each time that it is shown (`ui.pressed`)."""
    return format_html('<input type="hidden" name="press" value="{}">', uuid.uuid4())


# A list of conversations asks for the same few drawings hundreds of times.
@register.simple_tag
@cache
def icon(name: str, size: str = "") -> SafeString:
    """`{% icon "send" %}`: one of the sprite's drawings, silent for screen readers. `size` is a CSS length."""
    style = format_html(' style="--icon: {}"', size) if size else ""
    return format_html(
        '<svg class="icon" aria-hidden="true"{}><use href="{}#{}"/></svg>',
        style,
        static("ui/icons.svg"),
        name,
    )


@register.simple_tag
def avatar(person: Any, size: str = "") -> SafeString:
    """`{% avatar client %}` or `{% avatar member %}`: the speaking corner, with initials or a face for nobody."""
    side, value = ("tint", person.tint) if hasattr(person, "tint") else ("team", person.team)
    return _avatar(side, value, person.initials, size)


# Initials are few, and a list asks for 60 faces.
@lru_cache(4096)
def _avatar(side: str, value: str, initials: str, size: str) -> SafeString:
    style = format_html(' style="--avatar: {}"', size) if size else ""
    return format_html(
        '<span class="avatar" data-{}="{}"{} aria-hidden="true">{}</span>',
        side,
        value,
        style,
        initials or icon("person"),
    )


def _days_ago(at: datetime, zone: tzinfo | None) -> tuple[datetime, date, int]:
    local, today = at.astimezone(zone or UTC), timezone.now().astimezone(zone or UTC).date()
    return local, today, (today - local.date()).days


def _date(local: datetime, today: date, month: str) -> str:
    year = f", {local.year}" if local.year != today.year else ""
    return f"{local.strftime(month)} {local.day}{year}"


def _hour(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local.minute:02}"


@register.filter
def clock(at: datetime, zone: tzinfo | None = None) -> str:
    """The time of day: 9:46 AM."""
    local = at.astimezone(zone or UTC)
    return f"{_hour(local)} {'AM' if local.hour < 12 else 'PM'}"


@register.filter
def when(at: datetime, zone: tzinfo | None = None) -> str:
    """As a list says it: 9:46, Yesterday, Tue, Nov 12, or Nov 12, 2024."""
    local, today, ago = _days_ago(at, zone)
    if ago <= 0:
        return _hour(local)
    if ago == 1:
        return "Yesterday"
    return local.strftime("%a") if ago < 7 else _date(local, today, "%b")


@register.filter
def in_sentence(at: datetime, zone: tzinfo | None = None) -> str:
    """As `when`, in the middle of a sentence: wrote yesterday."""
    said = when(at, zone)
    return "yesterday" if said == "Yesterday" else said


@register.filter
def ago(at: datetime, zone: tzinfo | None = None) -> str:
    """As the notification centre says it: just now, 4 min ago, 9:46 AM, Yesterday, Tue 3:58 PM, Nov 12."""
    local, today, days = _days_ago(at, zone)
    minutes = int((timezone.now() - at).total_seconds() // 60)
    if minutes < 1:
        return "Just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if days == 0:
        return clock(at, zone)
    if days == 1:
        return "Yesterday"
    return f"{local.strftime('%a')} {clock(at, zone)}" if days < 7 else _date(local, today, "%b")


@register.filter
def day(at: datetime, zone: tzinfo | None = None) -> str:
    """As a heading inside a conversation says it: Today, Yesterday, Tuesday, November 12."""
    local, today, ago = _days_ago(at, zone)
    if ago <= 0:
        return "Today"
    if ago == 1:
        return "Yesterday"
    return local.strftime("%A") if ago < 7 else _date(local, today, "%B")


@register.filter
def weekday(at: datetime, zone: tzinfo | None = None) -> str:
    """A day that people plan by: Tue, Nov 18, or Tue, Nov 18, 2025."""
    local, today, _ = _days_ago(at, zone)
    return f"{local.strftime('%a')}, {_date(local, today, '%b')}"


@register.filter
def to_the_second(at: datetime, zone: tzinfo | None = None) -> str:
    """For what is compared with somebody else's records: Nov 18, 9:46:07 AM."""
    local, today, _ = _days_ago(at, zone)
    return (
        f"{_date(local, today, '%b')}, {_hour(local)}:{local.second:02} {'AM' if local.hour < 12 else 'PM'}"
    )


@register.filter
def short_date(on: date) -> str:
    """Nov 18."""
    return f"{on.strftime('%b')} {on.day}"


@register.filter
def full_date(on: date) -> str:
    """A day that a deadline names: Nov 18, 2025."""
    return f"{on.strftime('%b')} {on.day}, {on.year}"


@register.filter
def local_date(at: datetime, zone: tzinfo | None = None) -> date:
    """The calendar day in the business's zone, for `datetime` attributes and for telling days apart."""
    return at.astimezone(zone or UTC).date()


@register.filter
def month(on: date) -> str:
    """March 2022."""
    return on.strftime("%B %Y")


@register.filter
def pretty_number(number: str) -> str:
    """(503) 555-0118"""
    return pretty(number)


@register.filter
def bounded(count: int) -> str:
    """A count that was not counted past 100: 99+."""
    return "99+" if count > 99 else str(count)


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's control, dressed as the design's."""
    dress = "tick" if isinstance(field.field.widget, CheckboxInput) else "input"
    return field.as_widget(attrs={"class": dress})


@register.filter
def linked(text: str) -> SafeString:
    """A stranger's words, escaped, with their web addresses as links that open apart."""
    # Escaped text holds no "<a": every one of these is urlize's own.
    links = urlize(text, nofollow=True, autoescape=True).replace("<a ", '<a target="_blank" ')
    return mark_safe(links)  # noqa: S308
