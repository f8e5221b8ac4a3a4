from django.urls import path

from parley.notifications import views

urlpatterns = [
    path("notifications", views.centre, name="notifications"),
    path("notifications/read", views.read, name="read_notifications"),
]
