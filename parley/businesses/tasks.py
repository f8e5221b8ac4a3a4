"""What happens on a clock to sign-ups and invitations."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from parley.businesses.models import Business, User

# Long enough to find a code in a spam folder, and to sign in once more for a new one.
UNPROVEN_FOR = timedelta(days=3)


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="forget_unproven_sign_ups")
def forget_unproven_sign_ups(timestamp: int) -> None:
    """Somebody who never entered the code does not keep the address from its owner, nor a business in the lists."""
    unproven = User.objects.filter(
        emailaddress__verified=False, last_login=None, date_joined__lt=timezone.now() - UNPROVEN_FOR
    )
    with transaction.atomic():
        users = list(unproven.select_for_update(of=("self",)))
        # They never came in, so nobody else can have been invited.
        Business.objects.filter(members__user__in=users).delete()
        User.objects.filter(pk__in=[user.pk for user in users]).delete()
