"""Django's settings. What an operator decides comes from `environment`; the rest is decided here, once."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from parley import __version__
from parley.config.environment import env
from parley.live.dsn import noticing

PACKAGE = Path(__file__).resolve().parent.parent
VERSION = __version__

DEBUG = False
DEMO = env.demo
SECRET_KEY = env.secret_key
PUBLIC_URL = env.public_url
ALLOWED_HOSTS = ["*"] if DEMO else [PUBLIC_URL.split("://")[1].split(":")[0], "localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# Clocks are those of the locked `tzdata`, on every machine: the law's hours and a business's month must not depend on
# when somebody last updated theirs.
zoneinfo.reset_tzpath(to=())

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    # Before allauth and the admin, whose templates ours take the place of.
    "parley.ui",
    "parley.pulse",
    "parley.businesses",
    "parley.operating",
    "django.contrib.admin",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "procrastinate.contrib.django",
    "parley.notifications",
    "parley.numbers",
    "parley.quota",
    "parley.clients",
    "parley.appointments",
    "parley.payments",
    "parley.leads",
    "parley.messaging",
    "parley.alerts",
    "parley.campaigns",
    "parley.calls",
    "parley.connectors",
    "parley.inbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "parley.ui.middleware.content_security_policy",
    "parley.ui.middleware.page_or_part",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "parley.config.urls"
WSGI_APPLICATION = "parley.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "ui" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "parley.inbox.context.shell",
            ],
            "builtins": ["parley.ui.templatetags.ui"],
        },
    }
]


def _database(url: str) -> dict[str, object]:
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return {
        "ENGINE": "parley.config.postgres",
        "NAME": parts.pop("dbname", "parley"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # One lasting connection for each of the fixed threads of the ASGI shell: no pool is needed.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": noticing(parts),
    }


DATABASES = {"default": _database(env.database_url or "postgresql:///parley")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "businesses.User"
# The email is unique whatever its letter case, by a constraint that this check does not know of.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = [
    "parley.businesses.signed_in.Backend",
    # Sessions that began before there was ours.
    "django.contrib.auth.backends.ModelBackend",
]
SESSION_ENGINE = "parley.businesses.signed_in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "inbox"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Who signs up proves that the address is theirs, by a code sent to it. Members were invited at theirs: see
# `accounts.ProveEmail`.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
PASSWORD_RESET_TIMEOUT = 60 * 60 * 24
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "parley.businesses.accounts.Adapter"
ACCOUNT_FORMS = {
    "login": "parley.businesses.accounts.SignIn",
    "signup": "parley.businesses.accounts.SignUp",
    "confirm_email_verification_code": "parley.businesses.accounts.EmailCode",
    "reauthenticate": "parley.businesses.accounts.PasswordAgain",
    "change_password": "parley.businesses.accounts.ChangePassword",
    "reset_password": "parley.businesses.accounts.AskForReset",
    "reset_password_from_key": "parley.businesses.accounts.NewPassword",
}
MFA_FORMS = {
    "authenticate": "parley.businesses.accounts.SecondFactor",
    "reauthenticate": "parley.businesses.accounts.SecondFactorAgain",
    "activate_totp": "parley.businesses.accounts.ActivateSecondFactor",
}
MFA_ADAPTER = "parley.businesses.accounts.SecondFactorAdapter"
MFA_TOTP_ISSUER = "Parley"
# A phone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1
ACCOUNT_PREVENT_ENUMERATION = True
# A stranger's address gets no mail from us, whoever types it in.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# Invitations are letters to strangers in Parley's name.
ACCOUNT_RATE_LIMITS = {"invite": "30/h/user", "sign_up_business": "10/h/user", "client_page": "30/m/key"}
# The lead form is open to the world: by address, and by business, whoever writes.
ACCOUNT_RATE_LIMITS |= {"lead_form": "10/m/ip,60/h/ip", "lead_form_of": "60/m/key"}
# allauth counts in the cache; several web processes must count together, so the cache is a table.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL.startswith("https://") else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.smtp_host or "localhost"
EMAIL_PORT = env.smtp_port
EMAIL_HOST_USER = env.smtp_user
EMAIL_HOST_PASSWORD = env.smtp_password
EMAIL_USE_TLS = env.smtp_security == "starttls"
EMAIL_USE_SSL = env.smtp_security == "tls"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.email_from

# Webhooks that came while the database was away. On a disk that outlives the process.
JOURNAL = env.data / "journal"

SANDBOX_URL = env.sandbox_url
TWILIO = {
    "account_sid": env.twilio_account_sid,
    "auth_token": env.twilio_auth_token,
}
if env.twilio_api_url != "https://api.twilio.com":
    # The sandbox stands in for all of Twilio's hosts: none of them may be called by accident.
    TWILIO |= dict.fromkeys(("api_url", "messaging_url", "lookups_url"), env.twilio_api_url)
# Who writes down what voicemails say (calls.speech): empty is nobody.
TRANSCRIBER = env.transcriber
STRIPE = {
    "key": env.stripe_key,
    "webhook_secret": env.stripe_webhook_secret,
    "url": env.stripe_url,
}
# Every wait of the two roads is multiplied by this; below 1 only where a test has no minutes to spend.
PATIENCE = env.patience
# The highest tick of the database that this machine has seen (messaging.quarantine).
TICK_FILE = env.data / "tick"
CALL_TIMEOUT = 20.0 * PATIENCE
# Calls to carriers under way at once in one `parley texts`.
TEXTS_AT_ONCE = 200

COUNTRIES_FIRST = ["US", "CA"]
COUNTRIES_OVERRIDE = {"US": "United States", "GB": "United Kingdom"}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE / "ui" / "static"]
# The files are few and live in the package: they are served straight from there, with no collecting step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 0
WHITENOISE_MIMETYPES = {".webmanifest": "application/manifest+json"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": f"parley.config.logs.{'Json' if env.log_format == 'json' else 'Text'}"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.log_level.upper()},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "procrastinate": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
        "aiohttp": {"level": "WARNING"},
        # It would log the addresses of pushes, which are secrets.
        "urllib3": {"level": "WARNING"},
        # It would log what is asked of it: who pays, and how much.
        "stripe": {"level": "WARNING"},
    },
}
