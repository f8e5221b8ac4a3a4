"""Send Message, and the card of a client (which shows messages, so it lives in this room)."""

from django.urls import path

from parley.inbox.client_card import client_card
from parley.inbox.send_message import send_message, send_message_to

urlpatterns = [
    path("clients/<uuid:id>", client_card, name="client"),
    path("send-message", send_message, name="send_message"),
    path("send-message/<uuid:id>", send_message_to, name="send_message_to"),
]
