from django.urls import path

from parley.payments import public, views

urlpatterns = [
    path("payments", views.payments, name="payments"),
    path("payments/estimates", views.estimates, name="estimates"),
    path("payments/new", views.payment_new, name="payment_new"),
    path("payments/<uuid:id>", views.payment, name="payment"),
    path("payments/<uuid:id>/edit", views.payment_edit, name="payment_edit"),
    path("payments/<uuid:id>/paid", views.payment_paid, name="payment_paid"),
    path("payments/<uuid:id>/cancel", views.payment_cancel, name="payment_cancel"),
    path("payments/estimates/new", views.estimate_new, name="estimate_new"),
    path("payments/estimates/<uuid:id>", views.estimate, name="estimate"),
    path("payments/estimates/<uuid:id>/edit", views.estimate_edit, name="estimate_edit"),
    path("payments/estimates/<uuid:id>/answer", views.estimate_answer, name="estimate_answer"),
    path("payments/estimates/<uuid:id>/cancel", views.estimate_cancel, name="estimate_cancel"),
    path("settings/payments", views.payment_settings, name="payment_settings"),
    # For clients: no sign-in.
    path("p/<str:token>", public.payment_page, name="payment_page"),
    path("p/<str:token>/seen", public.payment_seen, name="payment_seen"),
    path("e/<str:token>", public.estimate_page, name="estimate_page"),
    path("e/<str:token>/seen", public.estimate_seen, name="estimate_seen"),
    path("e/<str:token>/answer", public.estimate_answered, name="estimate_answered"),
]
