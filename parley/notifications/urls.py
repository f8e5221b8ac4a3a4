from django.urls import path

from parley.notifications import settings, views

urlpatterns = [
    path("notifications", views.centre, name="notifications"),
    path("notifications/read", views.read, name="read_notifications"),
    path("settings/notifications", settings.notification_settings, name="notification_settings"),
    path("settings/notifications/browsers", settings.allow_browser, name="allow_browser"),
    path("settings/notifications/browsers/renew", settings.renew_browser, name="renew_browser"),
    path("settings/notifications/browsers/<uuid:id>/off", settings.forget_browser, name="forget_browser"),
    path("settings/notifications/test", settings.test_browser, name="test_browser"),
]
