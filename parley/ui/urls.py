from django.urls import path

from parley.ui import views

urlpatterns = [
    path("sw.js", views.service_worker, name="service_worker"),
    path("offline", views.offline, name="offline"),
]
