"""The app's menu, and what its parts need to know of calls on pages of other rooms."""

from __future__ import annotations

from typing import Any

from django import template

from parley.businesses.models import Business
from parley.calls.answering import rules_of, takes_calls

register = template.Library()


@register.inclusion_tag("calls/_app_menu.html", takes_context=True)
def app_menu(context: Any, here: str) -> dict[str, Any]:
    """`{% app_menu "texting" %}`: the app's left menu. What is not installed is not in it."""
    member = context["request"].member
    business = member.business
    combined = business.mode == Business.Mode.CALLS
    return {
        "here": here,
        "manages": member.manages,
        "combined": combined,
        "installed": combined and takes_calls(business, rules_of(business)),
    }


@register.simple_tag
def calls_installed(business: Business) -> bool:
    """`{% calls_installed business as installed %}`: are calls to this business answered?"""
    return business.mode == Business.Mode.CALLS and takes_calls(business, rules_of(business))
