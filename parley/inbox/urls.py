from django.urls import include, path
from django.views.generic import RedirectView

from parley.inbox import details, media, views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox"), name="home"),
    path("inbox", views.inbox, name="inbox"),
    path("inbox/<uuid:id>", views.conversation, name="conversation"),
    path("inbox/<uuid:id>/earlier", views.earlier, name="earlier_messages"),
    path("inbox/<uuid:id>/send", views.send, name="send_in_conversation"),
    path("inbox/<uuid:id>/again/<uuid:message>", views.again, name="send_again"),
    path("inbox/<uuid:id>/now/<uuid:message>", views.now, name="send_now"),
    path("inbox/<uuid:id>/details/<uuid:message>", details.details, name="message_details"),
    path("inbox/<uuid:id>/read", views.read, name="read_conversation"),
    path("inbox/<uuid:id>/assign", views.assign, name="assign_conversation"),
    path("inbox/<uuid:id>/close", views.close, name="close_conversation"),
    path("inbox/<uuid:id>/open", views.open_again, name="open_conversation"),
    path("media/<uuid:id>", media.media, name="media"),
    path("live", views.live, name="live"),
    path("", include("parley.inbox.send_message_urls")),
]
