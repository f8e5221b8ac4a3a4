"""Django as the ASGI shell calls it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parley.config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
