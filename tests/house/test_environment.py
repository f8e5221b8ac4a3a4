"""Wrong settings stop Parley at once, and the message names the variable."""

from pathlib import Path

import pytest

from parley.config.environment import BadEnvironment, Environment

WRONG = [
    ("PARLEY_PORT", "80000", "from 1 to 65535"),
    ("PARLEY_PORT", "tcp://10.0.0.1:80", "from 1 to 65535"),
    ("PARLEY_SANDBOX_PORT", "0", "from 1 to 65535"),
    ("PARLEY_MAILBOX_PORT", "eight", "from 1 to 65535"),
    ("PARLEY_SMTP_PORT", "-1", "from 1 to 65535"),
    ("PARLEY_SMTP_SECURITY", "ssl", "none, starttls, tls"),
    ("PARLEY_DEMO", "maybe", "1 or 0"),
    ("PARLEY_LOG_LEVEL", "chatty", "debug, info, warning, error"),
    ("PARLEY_LOG_FORMAT", "xml", "text, json"),
    ("PARLEY_METRICS_TOKEN", "hunter2", "at least 16 characters"),
    ("PARLEY_WEB_PROCESSES", "0", "from 1 to 64"),
    ("PARLEY_WEB_THREADS", "0", "from 1 to 64"),
    ("PARLEY_PUBLIC_URL", "texts.example.com", "web address"),
    ("PARLEY_PUBLIC_URL", "https://texts.example.com/parley", "only scheme, host and port"),
    ("PARLEY_TWILIO_API_URL", "ftp://api.example.com", "web address"),
    ("PARLEY_DATA", __file__, "not a folder"),
    ("PARLEY_PG_BIN", "/", "no `postgres` program"),
    ("PARLEY_STRIPE_KEY", "pk_live_hunter2", "must start with sk_ or rk_"),
    ("PARLEY_STRIPE_WEBHOOK_SECRET", "hunter2", "must start with whsec_"),
    ("PARLEY_STRIPE_URL", "https://pay.example.com/v1", "only scheme, host and port"),
    ("PARLEY_SECRET_KEY", "hunter2", "at least 32 characters"),
    ("DATABASE_URL", "mysql://root:hunter2@db/parley", "postgresql://"),
    ("DATABASE_URL", "postgresql://parley:hunter2@db", "must name a database"),
    ("DATABASE_URL", "postgresql://parley:hunter2@db/parley?colour=red", "cannot read it"),
]


@pytest.mark.parametrize(("variable", "value", "words"), WRONG)
def test_a_wrong_value_is_named_and_explained(variable: str, value: str, words: str) -> None:
    with pytest.raises(BadEnvironment) as caught:
        Environment.read({variable: value})
    assert caught.value.variable == variable
    assert str(caught.value).startswith(f"{variable} ")
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_payments_need_both_secrets() -> None:
    key, secret = {"PARLEY_STRIPE_KEY": "sk_hunter2"}, {"PARLEY_STRIPE_WEBHOOK_SECRET": "whsec_hunter2"}
    assert Environment.read(key | secret).stripe_key == "sk_hunter2"
    for given, missing in ((key, *secret), (secret, *key)):
        with pytest.raises(BadEnvironment) as caught:
            Environment.read(given)
        assert caught.value.variable == missing
        assert "hunter2" not in str(caught.value)


def test_what_an_empty_environment_means() -> None:
    env = Environment.read({})
    assert (env.port, env.sandbox_port, env.mailbox_port, env.bind) == (8000, 8001, 8025, "127.0.0.1")
    assert env.data == Path("var").absolute()
    assert env.public_url == "http://localhost:8000"
    assert env.database_url is None
    assert not env.demo
    assert env.smtp_host is None, "without the demo no mail leaves before a mail server is named"


def test_an_empty_variable_counts_as_unset() -> None:
    assert Environment.read({"PARLEY_PORT": "", "DATABASE_URL": " "}) == Environment.read({})


def test_the_demo_sends_mail_to_the_mailbox() -> None:
    env = Environment.read({"PARLEY_DEMO": "1", "PARLEY_MAILBOX_PORT": "8150"})
    assert (env.smtp_host, env.smtp_port, env.smtp_security) == ("127.0.0.1", 8151, "none")


def test_secrets_stay_out_of_repr() -> None:
    env = Environment.read(
        {
            "DATABASE_URL": "postgresql://parley:hunter2@db/parley",
            "PARLEY_SECRET_KEY": "hunter2" * 8,
            "PARLEY_TWILIO_AUTH_TOKEN": "hunter2",
            "PARLEY_SMTP_PASSWORD": "hunter2",
            "PARLEY_STRIPE_KEY": "sk_hunter2",
            "PARLEY_STRIPE_WEBHOOK_SECRET": "whsec_hunter2",
        }
    )
    assert "hunter2" not in repr(env)


def test_the_secret_key_is_read_from_where_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("k" * 50 + "\n")
    assert Environment.read({"PARLEY_DATA": str(tmp_path)}).secret_key == "k" * 50
    given = {"PARLEY_DATA": str(tmp_path), "PARLEY_SECRET_KEY": "g" * 50}
    assert Environment.read(given).secret_key == "g" * 50
