"""Django as the ASGI shell calls it."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parley.config.settings")

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()

# What is loaded stays: looking through it again for garbage was a pause of a tenth of a second in one page of thirty.
# A page makes some 30,000 objects, so the young ones were looked through forty times a page.
get_resolver().url_patterns  # noqa: B018  loads every page
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)
