from django.urls import path

from parley.appointments import services, views

urlpatterns = [
    path("calendar", views.calendar, name="calendar"),
    path("appointments/new", views.appointment_new, name="appointment_new"),
    path("appointments/new/<uuid:id>", views.appointment_for, name="appointment_for"),
    path("appointments/new/<uuid:id>/told", views.appointment_told, name="appointment_told"),
    path("appointments/of/<uuid:id>", views.client_appointments, name="client_appointments"),
    path("appointments/<uuid:id>", views.appointment, name="appointment"),
    path("appointments/<uuid:id>/move", views.appointment_move, name="appointment_move"),
    path("appointments/<uuid:id>/edit", views.appointment_edit, name="appointment_edit"),
    path("appointments/<uuid:id>/cancel", views.appointment_cancel, name="appointment_cancel"),
    path("appointments/<uuid:id>/confirm", views.appointment_confirm, name="appointment_confirm"),
    path("appointments/<uuid:id>/accept", views.appointment_accept, name="appointment_accept"),
    path("appointments/<uuid:id>/missed", views.appointment_missed, name="appointment_missed"),
    path("appointments/<uuid:id>/keep", views.appointment_keep, name="appointment_keep"),
    path("settings/services", services.services, name="services"),
    path("settings/services/new", services.service_new, name="service_new"),
    path("settings/services/<uuid:id>", services.service_edit, name="service_edit"),
    path("settings/services/<uuid:id>/offered", services.service_offered, name="service_offered"),
]
