"""Send Message, the card of a client (which shows messages, so it lives in this room), and what clients agreed to."""

from django.urls import path

from parley.inbox import opt_outs, recording
from parley.inbox.client_card import client_card
from parley.inbox.send_message import send_message, send_message_to

urlpatterns = [
    path("clients/<uuid:id>", client_card, name="client"),
    path("clients/<uuid:id>/consent", recording.client_record, name="client_record"),
    path("clients/<uuid:id>/consent.csv", opt_outs.export_of_client, name="client_record_export"),
    path("clients/<uuid:id>/opt-out", recording.opt_out_of_client, name="client_opt_out"),
    path("clients/<uuid:id>/agrees", recording.client_agrees, name="client_agrees"),
    path("clients/<uuid:id>/answer/<int:line>", recording.answer_on_card, name="answer_on_card"),
    path("clients/opt-outs", opt_outs.opt_outs, name="opt_outs"),
    path("clients/opt-outs.csv", opt_outs.export, name="opt_outs_export"),
    path("clients/opt-outs/new", recording.opt_out_of_number, name="opt_out_new"),
    path("clients/opt-outs/<int:line>/answer", recording.answer_on_list, name="answer_on_list"),
    path("clients/opt-outs/<int:line>/undo", recording.opt_out_undo, name="opt_out_undo"),
    path(
        "inbox/<uuid:id>/answer/<int:line>", recording.answer_in_conversation, name="answer_in_conversation"
    ),
    path("send-message", send_message, name="send_message"),
    path("send-message/<uuid:id>", send_message_to, name="send_message_to"),
]
