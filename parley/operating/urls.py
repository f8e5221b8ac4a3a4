"""The operator's page. /healthz and /metrics are answered before Django: see watch.py."""

from django.urls import path

from parley.operating.views import operation

urlpatterns = [path("office/operation/", operation, name="operation")]
