"""`{% open_payments client as looks %}`: for the card of a client, wherever it stands."""

from django import template

from parley.clients.models import Client
from parley.payments.listing import open_of
from parley.payments.looks import Look

register = template.Library()


@register.simple_tag(takes_context=True)
def open_payments(context: template.Context, client: Client) -> list[Look]:
    """What this client is asked for and has not paid, by one query."""
    return open_of(context["request"].member.business, client)
