"""Writing a campaign, and letting it go."""

from django.urls import path

from parley.campaigns import editing

urlpatterns = [
    path("campaigns/new", editing.campaign_new, name="campaign_new"),
    path("campaigns/preview", editing.campaign_preview, name="campaign_preview"),
    path("campaigns/picked", editing.campaign_picked, name="campaign_picked"),
    path("campaigns/foretelling", editing.campaign_foretelling, name="campaign_foretelling"),
    path("campaigns/test", editing.campaign_test, name="campaign_test"),
    path("campaigns/<uuid:id>/edit", editing.campaign_edit, name="campaign_edit"),
    path("campaigns/<uuid:id>/send", editing.campaign_send, name="campaign_send"),
    path("campaigns/<uuid:id>/unschedule", editing.campaign_unschedule, name="campaign_unschedule"),
    path("campaigns/<uuid:id>/again", editing.campaign_again, name="campaign_again"),
    path("campaigns/<uuid:id>/delete", editing.campaign_delete, name="campaign_delete"),
]
