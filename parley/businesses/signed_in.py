"""The session and the user of a request, with all that the user belongs to: two statements instead of four.

Named by `settings.SESSION_ENGINE` and `settings.AUTHENTICATION_BACKENDS`. What makes a session good is Django's to say.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from parley.businesses.models import Business, Member, Plan, User
from parley.businesses.planned import built, columns, row, rows, width

BACKEND = f"{__name__}.Backend"


@cache
def _session() -> str:
    return f"SELECT {columns(Session, 's')} FROM django_session s WHERE s.session_key = %(key)s AND s.expire_date > %(now)s"  # noqa: S608, E501


@cache
def _user() -> str:
    return f"""
        SELECT {columns(User, "u")}, {columns(Member, "m")}, {columns(Business, "b")}, {columns(Plan, "p")}
        FROM businesses_user u
        LEFT JOIN businesses_member m ON m.user_id = u.id
        LEFT JOIN businesses_business b ON b.id = m.business_id
        LEFT JOIN businesses_plan p ON p.code = b.plan_id
        WHERE u.id = %(user)s ORDER BY m.id
    """  # noqa: S608


class SessionStore(db.SessionStore):
    """Django's sessions in the database."""

    def _get_session_from_db(self) -> Session | None:
        found = row(_session(), {"key": self.session_key or "", "now": timezone.now()})
        if found is None:
            self._session_key = None
            return None
        return built(Session, found)


class Backend(AuthenticationBackend):
    """Signing in is allauth's; who has signed in is asked together with their memberships."""

    def get_user(self, user_id: Any) -> User | None:
        found = rows(_user(), {"user": user_id})
        if not found:
            return None
        at = width(User)
        user = built(User, found[0][:at])
        user.works_for = [_member(user, values[at:]) for values in found if values[at] is not None]
        return user if self.user_can_authenticate(user) else None


def _member(user: User, values: tuple[Any, ...]) -> Member:
    at, upto = width(Member), width(Member) + width(Business)
    member, business = built(Member, values[:at]), built(Business, values[at:upto])
    business.plan = built(Plan, values[upto:])
    member.user, member.business = user, business
    return member
