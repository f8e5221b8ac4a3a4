"""The room's jobs, where procrastinate looks for them, and the clock of its housekeeping."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app

from parley.notifications.letters import send_letter, write_news
from parley.notifications.models import KEPT, Letter, Notification
from parley.notifications.push import push_news, push_test, push_to_browser

__all__ = ["forget_old_news", "push_news", "push_test", "push_to_browser", "send_letter", "write_news"]


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="forget_old_news")
def forget_old_news(timestamp: int) -> None:
    """Delete what the centre does not show any more. An event that is told once keeps its row, to stay told."""
    old = {"created_at__lt": timezone.now() - KEPT}
    Notification.objects.filter(**old, key="").delete()
    Letter.objects.filter(**old).delete()
