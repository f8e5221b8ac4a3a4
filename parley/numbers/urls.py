"""Settings, SMS Settings, the texting app, and the evidence page that carriers look at."""

from django.urls import path

from parley.numbers import opt_in, texting_app, views

urlpatterns = [
    path("settings", views.settings_home, name="settings"),
    path("settings/sms", views.sms_settings, name="sms_settings"),
    path("settings/plans", views.plans, name="plans"),
    path("apps/texting", texting_app.app, name="texting_app"),
    path("apps/texting/switch", texting_app.switch, name="texting_switch"),
    path("apps/texting/registration", texting_app.register, name="register_number"),
    path("apps/texting/registration/draft", texting_app.save_draft, name="registration_draft"),
    path("apps/texting/registration/picture", texting_app.picture, name="registration_picture"),
    path("opt-in/<uuid:id>", opt_in.page, name="opt_in_page"),
    path("opt-in/<uuid:id>/picture", opt_in.picture, name="opt_in_picture"),
]
