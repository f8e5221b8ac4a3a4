"""`{% texts_of business as meter %}`: for pages of rooms that may not ask this one in Python."""

from django import template

from parley.businesses.models import Business
from parley.quota.meter import Meter

register = template.Library()


@register.simple_tag
def texts_of(business: Business) -> Meter:
    """The business's texts this month, by one query."""
    return Meter.of(business)
