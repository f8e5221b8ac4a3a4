"""`{% demo as in_demo %}`: is this the demo? Its sign-in page has a door without a key."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def demo() -> bool:
    return settings.DEMO
