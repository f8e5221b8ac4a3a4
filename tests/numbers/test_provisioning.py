"""Buying, registering and giving back: whoever dies at whatever step, one number is bought and one request is made."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.carriers.base import Doubt
from parley.notifications.models import Letter
from parley.numbers import provisioning
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.provisioning import (
    NotReady,
    Waits,
    advance,
    bind,
    choose,
    give_back,
    hand_over,
    release,
    rent,
    submit,
)
from parley.numbers.texting import own_number
from parley.numbers.verification import poll
from parley.sms.numbers import is_toll_free
from tests.numbers.carrier import Desk, Workers, drive, filled
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def jobs(thing: Registration | PhoneNumber) -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(lock=str(thing.pk)))


def assert_one(desk: Desk, registration: Registration, requests: int = 1) -> None:
    """One number was bought and is known, and so many requests were made for it."""
    number = PhoneNumber.objects.get(registration=registration)
    assert [(n["phone_number"], n["sid"]) for n in desk.numbers(registration)] == [
        (number.number, number.carrier_id)
    ]
    assert {r["number_sid"] for r in desk.requests(registration)} == {number.carrier_id}
    assert len(desk.requests(registration)) == requests


def again(registration: Registration) -> Registration:
    return Registration.objects.select_related("business", "number").get(pk=registration.pk)


# The whole road


def test_the_whole_road(desk: Desk, draft: Registration, juniper: House, alder: House) -> None:
    submit(draft)
    assert (draft.status, draft.submissions, draft.submitted_at is not None) == ("submitted", 1, True)
    assert draft.sent is not None
    assert draft.sent[:3] == [
        ["Legal business name", "Juniper Hair Studio LLC"],
        ["Business type", "Limited liability company"],
        ["EIN (tax ID)", "84-3190000"],
    ]
    [job] = jobs(draft)
    assert (job.task_name, job.queue_name) == ("hand_over_registration", "numbers")
    submit(draft)  # a second tap
    assert (again(draft).submissions, len(jobs(draft))) == (1, 1)

    registration = drive(draft)
    assert (registration.status, registration.trouble, registration.tried_at) == ("in_review", "", None)
    number = registration.number
    assert number is not None
    assert is_toll_free(number.number)
    assert (number.business, number.duty, number.approved_at) == (juniper.business, "business", None)
    [bought] = desk.numbers(registration)
    assert bought["sms_url"].split("#")[0] == "http://localhost:8000/hooks/twilio/text"
    [asked] = desk.requests(registration)
    assert asked["sid"] == registration.verification_id
    assert asked["asked"]["business_name"] == "Juniper Hair Studio LLC"
    assert asked["asked"]["opt_in_image_urls"] == [f"http://localhost:8000/opt-in/{draft.pk}"]
    assert asked["asked"]["business_contact_phone"] == "+15035550190"
    advance(draft.pk, draft.business_id)  # the job again, as after a worker's death
    assert_one(desk, registration)

    # A stranger's business is no key to it.
    Registration.objects.filter(pk=draft.pk).update(status="submitted")
    advance(draft.pk, alder.business.id)
    assert again(draft).status == "submitted"
    assert alder.business.numbers.count() == 1


def test_what_is_missing_is_said_and_nothing_is_sent(desk: Desk, juniper: House) -> None:
    registration = filled(juniper.business, website="juniperhair", agreed=False)
    registration.save()
    with pytest.raises(NotReady) as caught:
        submit(registration)
    assert [finding.field for finding in caught.value.findings] == ["website", "agreed"]
    assert again(registration).status == "draft"
    assert jobs(registration) == []


@pytest.mark.parametrize(
    ("change", "words"), [({"plan_id": "free"}, "paid plans"), ({"country": "GB"}, "Canada")]
)
def test_who_may_not_have_two_way_texting(draft: Registration, change: dict[str, str], words: str) -> None:
    type(draft.business).objects.filter(pk=draft.business_id).update(**change)
    with pytest.raises(NotReady) as caught:
        submit(draft)
    assert words in caught.value.findings[0].words
    assert again(draft).status == "draft"


def test_the_picture_comes_first(juniper: House) -> None:
    registration = filled(juniper.business, opt_in_picture=b"x", opt_in_picture_type="image/png")
    assert provisioning.evidence_urls(registration) == [
        f"http://localhost:8000/opt-in/{registration.pk}/picture",
        f"http://localhost:8000/opt-in/{registration.pk}",
    ]


def test_parley_jobs_does_it(transactional_db: None, tmp_path: Path, draft: Registration) -> None:
    """The real worker, from the form to the owner's letter box."""
    world = World(tmp_path)
    desk = Desk(world)

    def letters() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{world.mailbox_url}/api/mails", timeout=10) as answer:
            return list(json.loads(answer.read())["mails"])

    try:
        world.afresh("sandbox", "jobs")
        submit(draft)
        until(lambda: again(draft).status == "in_review", 30, what="the registration in review")
        assert_one(desk, draft)
        desk.approve(draft)
        for _ in range(2):
            app.configure_task("ask_carriers").defer(timestamp=0)
            until(lambda: again(draft).status == "approved", 30, what="the approval")
        until(lambda: Letter.objects.filter(state="sent").exists(), 30, what="the letter sent")
        [letter] = letters()
        assert letter["recipients"] == ["nora@juniper.example"]
        assert letter["subject"].startswith("Your texting number is ready: (8")
    finally:
        world.close()


# Dying between two commits


def steps(registration: Registration) -> list[Callable[[], Any]]:
    """What a worker does, in its order; each looks at the row as it is then."""
    return [
        lambda: choose(again(registration)),
        lambda: rent(again(registration)),
        lambda: bind(again(registration), rent(again(registration))),
        lambda: hand_over(again(registration)),
    ]


@pytest.mark.parametrize("done", range(5))
def test_a_worker_that_stops_after_any_step(desk: Desk, draft: Registration, done: int) -> None:
    submit(draft)
    for step in steps(draft)[:done]:
        step()
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_a_database_from_a_backup_buys_no_second_number(desk: Desk, draft: Registration) -> None:
    submit(draft)
    before = Registration.objects.filter(pk=draft.pk).values().get()
    drive(draft)
    # All that was written since is gone.
    Registration.objects.filter(pk=draft.pk).update(**before)
    PhoneNumber.objects.filter(number=desk.numbers(draft)[0]["phone_number"]).delete()
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_a_lost_job_is_made_again(desk: Desk, draft: Registration) -> None:
    submit(draft)
    poll()
    assert len(jobs(draft)) == 1
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE lock = %s", [str(draft.pk)])
    poll()
    poll()
    assert len(jobs(draft)) == 1


def test_the_first_choice_stands(desk: Desk, draft: Registration) -> None:
    submit(draft)
    first, second = again(draft), again(draft)
    choose(first)
    choose(second)
    assert second.wanted == first.wanted == again(draft).wanted


def test_strays_go_back(desk: Desk, draft: Registration) -> None:
    """However it came to be: what bears our label, and no row knows, is not paid for any longer."""
    submit(draft)
    choose(again(draft))
    rent(again(draft))
    Registration.objects.filter(pk=draft.pk).update(wanted="+18335550199")
    bind(again(draft), rent(again(draft)))
    assert len(desk.numbers(draft)) == 2
    drive(draft)
    assert_one(desk, draft)


# SIGKILL


def held_up(workers: Workers, row: Any, seen: Callable[[], Any], function: str, *ids: Any) -> None:
    """Kill a worker that waits to write to this row, once `seen` is true of the carrier."""
    with transaction.atomic():
        type(row).objects.select_for_update(of=("self",)).get(pk=row.pk)
        pid = workers.start(function, *ids)
        until(workers.waiting, what="the worker at the row")
        assert seen()
        workers.kill(pid)


def test_killed_before_its_choice_is_written(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    held_up(workers, draft, lambda: desk.numbers(draft) == [], "advance", draft.pk, draft.business_id)
    assert again(draft).wanted == ""
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_after_its_choice(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    choose(again(draft))
    held_up(workers, draft, lambda: desk.numbers(draft) == [], "advance", draft.pk, draft.business_id)
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_when_it_had_bought_and_not_written(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    choose(again(draft))
    Registration.objects.filter(pk=draft.pk).update(tried_at=timezone.now())
    held_up(workers, draft, lambda: len(desk.numbers(draft)) == 1, "advance", draft.pk, draft.business_id)
    assert again(draft).number is None
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_while_it_buys(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    desk.weather(hang=1)
    pid = workers.start("advance", draft.pk, draft.business_id)
    until(lambda: again(draft).tried_at, what="the purchase under way")
    workers.kill(pid)
    desk.fine()
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_before_it_hands_over(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    for step in steps(draft)[:3]:
        step()
    held_up(workers, draft, lambda: desk.requests(draft) == [], "advance", draft.pk, draft.business_id)
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_when_it_had_handed_over_and_not_written(
    desk: Desk, workers: Workers, draft: Registration
) -> None:
    submit(draft)
    for step in steps(draft)[:3]:
        step()
    desk.weather(slow=1, slow_seconds=[0.5, 0.5])
    pid = workers.start("advance", draft.pk, draft.business_id)
    until(lambda: again(draft).tried_at, what="the request under way")
    with transaction.atomic():
        Registration.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        until(workers.waiting, what="the worker at the row")
        assert len(desk.requests(draft)) == 1
        workers.kill(pid)
    desk.fine()
    assert again(draft).status == "submitted"
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_killed_when_it_had_given_back_and_not_written(
    desk: Desk, workers: Workers, draft: Registration
) -> None:
    submit(draft)
    number = drive(draft).number
    assert number is not None
    release(number)
    held_up(workers, number, lambda: desk.numbers(draft) == [], "give_back", number.pk)
    assert PhoneNumber.objects.get(pk=number.pk).released_at is None
    give_back(number.pk)
    assert PhoneNumber.objects.get(pk=number.pk).released_at is not None


def test_killed_at_any_moment_in_bad_weather(desk: Desk, workers: Workers, draft: Registration) -> None:
    submit(draft)
    dice = random.Random(3)
    desk.weather(
        error_before=0.1,
        error_after=0.2,
        reset_after=0.2,
        slow=0.2,
        hang=0.1,
        slow_seconds=[0, 0.2],
        hang_seconds=0.3,
        list_fails=0.1,
        list_lag_seconds=0.2,
        seed=3,
    )
    for _ in range(12):
        pids = [workers.start("advance", draft.pk, draft.business_id) for _ in range(dice.choice([1, 2]))]
        until(lambda: not any(map(workers.lives, pids)) or dice.random() < 0.1)  # noqa: B023
        for pid in filter(workers.lives, pids):
            workers.kill(pid)
    desk.fine()
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


# Two at once


def at_once(*works: Callable[[], Any]) -> None:
    """Each in its own thread, as in two workers."""
    gate = threading.Barrier(len(works))
    wrong: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            gate.wait()
            work()
        except Waits:
            pass
        except BaseException as error:
            wrong.append(error)
        finally:
            close_old_connections()
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


def test_two_workers_at_once(desk: Desk, draft: Registration, settings: Any) -> None:
    settings.PATIENCE = 1
    submit(draft)
    for _ in range(3):
        at_once(*[lambda: advance(draft.pk, draft.business_id)] * 3)
    settings.PATIENCE = 0
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def test_two_businesses_that_choose_the_same(desk: Desk, draft: Registration, alder: House) -> None:
    other = filled(alder.business, region="ON", postal_code="K1A 0B1", registration_number="123456782")
    other.save()
    submit(draft)
    submit(other)
    choose(again(draft))
    Registration.objects.filter(pk=other.pk).update(wanted=again(draft).wanted)
    at_once(lambda: advance(draft.pk, draft.business_id), lambda: advance(other.pk, other.business_id))
    assert drive(draft).status == "in_review"
    assert drive(other).status == "in_review"
    assert_one(desk, draft)
    assert_one(desk, other)


# Doubt


@pytest.mark.parametrize("fault", ["error_before", "error_after", "reset_after", "garbage", "rate_limit"])
def test_doubt_about_everything(desk: Desk, draft: Registration, fault: str) -> None:
    submit(draft)
    desk.weather(**{fault: 1})
    for _ in range(3):
        with pytest.raises(Waits):
            advance(draft.pk, draft.business_id)
            raise Waits
    assert len(desk.numbers(draft)) <= 1
    assert len(desk.requests(draft)) <= 1
    desk.fine()
    registration = drive(draft)
    assert (registration.status, registration.trouble) == ("in_review", "")
    assert_one(desk, draft)


def test_the_carriers_lists_lag_behind(desk: Desk, draft: Registration, settings: Any) -> None:
    """What was done and not heard of is in no list yet: it is waited for, and not done again."""
    settings.PATIENCE = 1
    submit(draft)
    desk.weather(reset_after=1, list_lag_seconds=300)
    for _ in range(2):
        with pytest.raises(Waits):
            advance(draft.pk, draft.business_id)
    wanted = again(draft).wanted
    desk.fine()
    desk.weather(list_lag_seconds=300)
    with pytest.raises(Waits):
        advance(draft.pk, draft.business_id)
    assert again(draft).trouble
    assert again(draft).wanted == wanted
    desk.fine()
    until(lambda: again(draft).number or not _waits(draft), what="the number in the list")
    desk.weather(reset_after=1, list_lag_seconds=300)
    if again(draft).status == "submitted":
        assert _waits(draft)
        assert _waits(draft)
    desk.fine()
    assert drive(draft).status == "in_review"
    assert_one(desk, draft)


def _waits(registration: Registration) -> bool:
    try:
        advance(registration.pk, registration.business_id)
    except Waits:
        return True
    return False


def test_a_number_that_somebody_else_took(desk: Desk, draft: Registration) -> None:
    submit(draft)
    Registration.objects.filter(pk=draft.pk).update(wanted="+12125550100")  # not to be had here
    desk.world.sandbox(
        "PUT",
        "/sandbox/world",
        {"numbers": [], "handsets": [{"phone_number": "+12125550100"}], "history": []},
    )
    registration = drive(draft)
    assert registration.status == "in_review"
    assert registration.wanted != "+12125550100"
    assert_one(desk, draft)


def test_a_carrier_that_cannot_be_had(desk: Desk, draft: Registration, settings: Any) -> None:
    submit(draft)
    right = settings.TWILIO
    settings.TWILIO = right | {"auth_token": "wrong"}
    with pytest.raises(Waits):
        advance(draft.pk, draft.business_id)
    assert again(draft).trouble == "The carrier's records could not be read."
    settings.TWILIO = right | {"account_sid": ""}
    with pytest.raises(Waits):
        advance(draft.pk, draft.business_id)
    assert "set one up" in again(draft).trouble
    settings.TWILIO = right
    assert drive(draft).trouble == ""


def test_answers_that_the_carrier_refuses_come_back_at_once(desk: Desk, draft: Registration) -> None:
    submit(draft)
    for step in steps(draft)[:3]:
        step()
    number = again(draft).number
    assert number is not None
    # An operator's own request for this number is under way: the carrier takes no second one.
    PhoneNumber.objects.filter(pk=number.pk).update(carrier_id="PN" + "0" * 32)
    registration = drive(draft)
    assert (registration.status, registration.may_resubmit) == ("rejected", True)
    assert (
        registration.reasons[0]["words"] == "TollfreePhoneNumberSid is not a toll-free number of this account"
    )


# Giving back


def test_giving_a_number_back(desk: Desk, draft: Registration, juniper: House) -> None:
    submit(draft)
    drive(draft)
    desk.approve(draft)
    poll()
    number = PhoneNumber.objects.get(registration=draft)
    release(number)
    release(number)
    [job] = jobs(number)
    assert job.task_name == "give_back_number"
    assert own_number(juniper.business) == juniper.number
    registration = again(draft)
    assert (registration.status, registration.number, registration.wanted) == ("draft", None, "")

    # It can be sent again at once: the number that is leaving is not taken for a new one.
    submit(registration)
    desk.weather(error_after=1)
    with pytest.raises(Waits):
        give_back(number.pk)
    desk.fine()
    give_back(number.pk)
    give_back(number.pk)
    number.refresh_from_db()
    assert number.released_at is not None
    assert drive(registration).status == "in_review"
    # The request for the old number went with it: this is one for the new.
    assert desk.requests(draft)[0]["number_sid"] == desk.numbers(draft)[0]["sid"]
    assert [n["phone_number"] for n in desk.numbers(draft)] == [again(draft).wanted]


def test_a_number_without_the_carriers_id_is_looked_up(desk: Desk, draft: Registration) -> None:
    submit(draft)
    number = drive(draft).number
    assert number is not None
    PhoneNumber.objects.filter(pk=number.pk).update(carrier_id="")
    release(number)
    give_back(number.pk)
    assert desk.numbers(draft) == []
    assert PhoneNumber.objects.get(pk=number.pk).released_at is not None


def test_released_while_it_is_being_handed_over(desk: Desk, draft: Registration) -> None:
    submit(draft)
    for step in steps(draft)[:3]:
        step()
    stale = again(draft)
    assert stale.number is not None
    release(stale.number)
    with pytest.raises(Doubt):
        hand_over(stale)
    assert desk.requests(draft) == []
    assert again(draft).status == "draft"
    give_back(stale.number.pk)
    assert desk.numbers(draft) == []


# Shared numbers


def shared(desk: Desk, number: str) -> PhoneNumber:
    return PhoneNumber.objects.create(number=number, duty="system")


def test_a_shared_number_is_taken_into_use(desk: Desk, draft: Registration) -> None:
    submit(draft)
    bought = drive(draft).number
    assert bought is not None
    # The operator's own: bought and registered at the carrier's console, as this one was.
    Registration.objects.all().delete()
    bought.delete()
    number = shared(desk, bought.number)
    provisioning.adopt(number)
    assert (number.approved_at, number.paused) == (None, "The carriers have not verified this number.")
    desk.approve(draft)
    poll()
    [job] = jobs(number)
    assert job.task_name == "adopt_number"
    provisioning.adopt(number)
    assert (number.approved_at is not None, number.paused, number.carrier_id) == (True, "", bought.carrier_id)
    poll()
    assert len(jobs(number)) == 1


def test_a_shared_number_that_is_not_ours(desk: Desk, db: None, settings: Any) -> None:
    number = shared(desk, "+18775550123")
    provisioning.adopt(number)
    assert number.paused == "The carrier’s account does not have this number."
    settings.TWILIO = settings.TWILIO | {"auth_token": "wrong"}
    with pytest.raises(Waits):
        provisioning.adopt(number)
    assert number.approved_at is None
