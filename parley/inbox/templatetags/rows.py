"""A row of the list, written here instead of in a template: a page has sixty, and they were half of its work."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from parley.inbox.listing import Row
from parley.ui.templatetags.ui import avatar, bounded, icon, when

register = template.Library()

ROW = (
    '<a class="conversation" id="row-{id}{suffix}" href="{address}{at}{place}" data-key="{key}" data-part="{part}"'
    ' data-client="{id}"{unread}{current}\n'
    '  hx-get="{address}{at}" hx-push-url="true" hx-swap="none" hx-sync="#inbox:replace">{face}<b>{client}</b>'
    '<time datetime="{iso}">{when}</time>\n'
    "  <p{tone}>{icon}<span>{words}</span></p>{end}</a>\n"
)
_NOTHING = mark_safe("")
_UNREAD, _CURRENT = mark_safe(" data-unread"), mark_safe(' aria-current="true"')


@register.simple_tag(takes_context=True)
def conversation_row(context: Context, row: Row) -> SafeString:
    """`{% conversation_row row %}`: the same on the page, in a search, and in an answer of `/live`."""
    c, zone = row.conversation, context.get("zone")
    found = row.message_id
    return format_html(
        ROW,
        id=c.id,
        suffix="-words" if found else "",
        address=reverse("conversation", args=[c.id]),
        at=f"?at={found}" if found else "",
        place=f"#m-{found}" if found else "",
        key=row.key,
        part=row.part,
        unread=_UNREAD if c.unread else _NOTHING,
        current=_CURRENT if c.id == context.get("current") else _NOTHING,
        face=avatar(c.client),
        client=c.client,
        iso=c.last_at.isoformat(),
        when=when(c.last_at, zone),
        tone=format_html(' data-tone="{}"', row.tone) if row.tone else _NOTHING,
        icon=icon(row.icon) if row.icon else _NOTHING,
        words=row.words,
        end=_end(c),
    )


def _end(conversation: Any) -> SafeString:
    """How many are unread; where none are, whose it is."""
    if conversation.unread:
        count = bounded(conversation.unread)
        return format_html('<span class="count" role="img" aria-label="{} unread">{}</span>', count, count)
    if conversation.assignee:
        return format_html(
            '{}<span class="unseen">Assigned to {}</span>',
            avatar(conversation.assignee),
            conversation.assignee,
        )
    return _NOTHING
