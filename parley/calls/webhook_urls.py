"""Where carriers ask and tell about calls, under /voice/."""

from django.urls import path

from parley.calls import webhooks

urlpatterns = [
    path("<slug:carrier>/call", webhooks.came, name="voice_came"),
    path("<slug:carrier>/ended", webhooks.ended, name="voice_ended"),
    path("<slug:carrier>/rings/<uuid:id>/<slug:what>", webhooks.about_ring, name="voice_ring"),
    path("<slug:carrier>/calls/<uuid:id>/<slug:what>", webhooks.about_call, name="voice_call"),
]
