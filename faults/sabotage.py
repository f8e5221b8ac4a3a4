"""Is there a test behind every guard? Each is switched off in turn, in a scratch copy, and a test must turn red.

    python faults/sabotage.py [--only WORDS …] [--list]

First the named tests run on the untouched copy, and must be green. Then each guard is taken out and its own tests run
again: `let_in` counts the guards that could be missing without anybody noticing. A guard whose code is not found (it
moved) ends the run with its name. For each guard its verdict on stderr, and what the test that turned red said, for a
test may fail for another reason too; one JSON line; exit code 1 unless `let_in` is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faults.judge import tell  # noqa: E402

# Seconds for one run of pytest.
LONGEST = 900
# pytest's exit code for "tests ran, and some failed": any other is no proof.
RED = 1


@dataclass(frozen=True)
class Guard:
    """`old` stands once in `file`; with `new` in its place the guard is gone, and of `tests` one must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def in_schema(self) -> bool:
        """Is it in the database, so that the database must be made anew without it, and anew with it?"""
        return "/migrations/" in self.file or self.file.endswith("/tenancy.py")


DELIVERY, OUTCOMES, DOUBT = (f"parley/messaging/{name}.py" for name in ("delivery", "outcomes", "doubt"))
JOURNAL, INTAKE = "parley/messaging/journal.py", "parley/messaging/intake.py"
BACKFILL = "parley/messaging/backfill.py"
HOOKS, REVOKING, LEDGER = (
    "parley/messaging/hooks.py",
    "parley/messaging/revoking.py",
    "parley/quota/ledger.py",
)
CLOCK, CONTROL = "parley/campaigns/clock.py", "parley/campaigns/control.py"

GUARDS: Sequence[Guard] = [
    Guard(
        "R1: a claim is committed before the call",
        "parley/messaging/line.py",
        "async with self._db.transaction():",
        "async with self._db.transaction(force_rollback=True):",
        "tests/messaging/test_delivery.py::test_a_claim_is_durable_before_anything_is_sent",
    ),
    Guard(
        "R2: a receipt that names the attempt binds it",
        OUTCOMES,
        "named = [fact for fact in chosen if fact.attempt_id is not None]",
        "named: list[Fact] = []",
        "tests/messaging/test_receipts.py::test_a_receipt_binds_an_attempt_whose_answer_was_lost",
    ),
    Guard(
        "R3: the index of open attempts",
        "parley/messaging/migrations/0002_send_past.py",
        "condition=models.Q(('state__in', ['sending', 'unknown'])), fields=('number', 'recipient', 'apart')",
        "condition=models.Q(('state__in', ['nothing'])), fields=('number', 'recipient', 'apart')",
        "tests/messaging/test_delivery.py::test_the_database_itself_refuses_a_second_open_attempt",
    ),
    Guard(
        "R3: the claim leaves a pair alone that has an open attempt",
        DELIVERY,
        "AND a.recipient = o.recipient AND a.state IN ('sending', 'unknown')",
        "AND a.recipient = o.recipient AND a.state IN ('nothing')",
        "tests/messaging/test_delivery.py::test_one_open_attempt_for_a_pair_and_its_texts_in_order",
    ),
    Guard(
        "R3: a pair's texts leave in order",
        DELIVERY,
        "AND older.message_id < o.message_id AND older.priority <= o.priority",
        "AND false",
        "tests/messaging/test_delivery.py::"
        "test_a_younger_text_does_not_overtake_one_that_waits_to_be_tried_again",
    ),
    Guard(
        "R3: only a text of other words goes past one in doubt",
        DELIVERY,
        "AND open.body = mine.body",
        "AND false",
        "tests/messaging/test_delivery.py::"
        "test_a_text_of_the_same_words_is_not_let_past_even_if_its_row_says_so",
    ),
    Guard(
        "R4: an answer that nobody understands is doubt",
        "parley/carriers/twilio/http.py",
        "return Doubt(_NO_ANSWER, code=str(status))",
        "return NotSent(_NO_ANSWER, code=str(status))",
        "tests/carriers/test_twilio_send.py -k refused_or_doubtful",
    ),
    Guard(
        "R4: a redirect is not followed",
        "parley/carriers/twilio/http.py",
        "data=body, allow_redirects=False",
        "data=body, allow_redirects=True",
        "tests/carriers/test_twilio_send.py -k refused_or_doubtful",
    ),
    Guard(
        "R5: absence needs a second listing",
        DOUBT,
        "elif attempt.checks == 0:",
        "elif False:",
        "tests/messaging/test_doubt.py -k weather4",
    ),
    Guard(
        "R5: a listing that failed proves nothing",
        DOUBT,
        "await line.run(lambda db: _ask_again(db, attempt, self.patience.unanswered))\n            return\n"
        "        await line.run(lambda db: self._settle",
        "listed = []\n        await line.run(lambda db: self._settle",
        "tests/messaging/test_doubt.py::test_a_log_that_does_not_answer_proves_nothing",
    ),
    Guard(
        "R5: what the carrier's log shows is bound, not sent again",
        DOUBT,
        "if match is not None:",
        "if False:",
        "tests/messaging/test_doubt.py -k weather3",
    ),
    Guard(
        "R6: an opt-out waits for what is under way",
        REVOKING,
        "        if wait is not None:\n",
        "        if False:\n",
        "tests/messaging/test_revoking.py::test_an_opt_out_waits_for_a_text_that_is_being_handed_over",
    ),
    Guard(
        "R6: the claim takes the lock",
        DELIVERY,
        "pg_try_advisory_lock_shared({LOCK}, key) AS held FROM share",
        "true AS held FROM share",
        "tests/messaging/test_revoking.py::test_a_text_is_passed_over_while_its_client_is_opting_out",
    ),
    Guard(
        "R6: with its session a claim's locks are gone, and it begins nothing",
        DELIVERY,
        "if session != self._line.session or",
        "if",
        "tests/messaging/test_delivery.py::test_a_worker_that_lost_the_session_with_the_locks_begins_nothing",
    ),
    Guard(
        "R6: a session that the server ended is noticed before the next call, not at the next claim",
        DELIVERY,
        " or self._line.ended(idle=not self._using_line.locked()):",
        ":",
        "tests/messaging/test_delivery.py::test_a_session_that_the_server_ends_is_noticed_at_once",
    ),
    Guard(
        "R6: it is asked whether a text may begin when the connection is there",
        "parley/carriers/twilio/http.py",
        "if self._why_not is not None and (why_not := self._why_not()):",
        "if why_not := None:",
        "tests/carriers/test_twilio_send.py::test_it_is_asked_whether_to_begin_when_the_connection_is_there",
    ),
    Guard(
        "R6: the claim asks again whether they opted out",
        DELIVERY,
        "NOT o.confirms AND (\n",
        "false AND (\n",
        "tests/messaging/test_revoking.py::test_the_claim_asks_again",
    ),
    Guard(
        "R6: the claim asks again whether marketing is agreed",
        DELIVERY,
        "OR (o.priority = 2 AND coalesce(h.marketing, '') <> 'agreed')",
        "",
        "tests/messaging/test_revoking.py::test_the_claim_asks_whether_marketing_is_still_agreed",
    ),
    Guard(
        "R6: an opt-out that the carrier's log shows is obeyed with its row",
        BACKFILL,
        "await revoking.obey(db, [one for one in said if one is not None], changes, wait=patience.under_way)",
        "pass",
        "tests/messaging/test_backfill.py::test_what_no_webhook_brought_is_found_once",
    ),
    Guard(
        "R6: and it waits for what is under way, too",
        BACKFILL,
        "changes, wait=patience.under_way)",
        "changes, wait=None)",
        "tests/messaging/test_backfill.py::"
        "test_an_opt_out_in_a_log_waits_for_a_text_that_is_being_handed_over",
    ),
    Guard(
        "while nobody knows whether they opted out, automatic texts wait",
        DELIVERY,
        "AND (o.priority = 0 OR o.confirms OR coalesce(h.doubt_ends_at, '-infinity') <= clock_timestamp())",
        "",
        "tests/messaging/test_revoking.py::test_a_doubtful_stop_holds_what_no_member_writes",
    ),
    Guard(
        "quiet hours are asked in the claim",
        DELIVERY,
        "AND (o.closes_at IS NULL OR o.closes_at > clock_timestamp() + %(arriving)s)",
        "",
        "tests/messaging/test_quiet.py::test_at_night_it_waits_for_the_morning_and_says_so",
    ),
    Guard(
        "the carrier may not keep a text into quiet hours",
        DELIVERY,
        "validity_seconds=self._validity(text),",
        "validity_seconds=None,",
        "tests/messaging/test_delivery.py::test_the_carrier_is_told_how_long_it_may_keep_a_text",
    ),
    Guard(
        "R7: states only climb",
        OUTCOMES,
        'AND {RANK_OF.format("m.state")} < said.rank',
        "AND true",
        "tests/messaging/test_receipts.py::test_any_order_of_receipts_ends_in_the_highest",
    ),
    Guard(
        "an attempt has a lease",
        DELIVERY,
        "clock_timestamp() + %(lease)s * interval '1 second', 0, CASE WHEN past",
        "NULL::timestamptz, 0, CASE WHEN past",
        "tests/messaging/test_delivery.py::test_a_claim_is_durable_before_anything_is_sent",
    ),
    Guard(
        "a claim that is too old is not begun",
        DELIVERY,
        "if time.monotonic() - text.claimed_at > self.patience.stale:",
        "if False:",
        "tests/messaging/test_delivery.py::test_a_worker_that_was_stopped_past_its_lease_begins_nothing",
    ),
    Guard(
        "a number keeps its pace",
        DELIVERY,
        "max(1, int(lane.pace * HORIZON)) if lane.pace else None",
        "None",
        "tests/messaging/test_delivery.py::test_a_number_keeps_its_pace",
    ),
    Guard(
        "a paced number's share is counted in segments",
        DELIVERY,
        "WHERE turn = 1 OR most IS NULL OR segments <= most",
        "",
        "tests/messaging/test_delivery.py::test_long_texts_are_a_smaller_share_of_a_numbers_pace",
    ),
    Guard(
        "a carrier's id belongs to one attempt",
        "parley/messaging/migrations/0001_initial.py",
        "fields=('carrier_id',), name='one_attempt_per_carrier_id'",
        "fields=('id', 'carrier_id'), name='one_attempt_per_carrier_id'",
        "tests/messaging/test_delivery.py::test_two_attempts_with_one_carrier_id_leave_only_the_second_in_doubt",
    ),
    Guard(
        "a webhook is kept once, for ever",
        HOOKS,
        'return NewEvent(name, "text", text.carrier_id, None,',
        'return NewEvent(name, "text", f"{text.carrier_id}:{datetime.now(UTC)}", None,',
        "tests/messaging/test_hooks.py::test_the_same_webhook_twenty_times_at_once_is_one_event",
    ),
    Guard(
        "a journal's record counts after its fsync only",
        "parley/messaging/journal.py",
        "os.fdatasync(self._file)",
        "pass",
        "tests/messaging/test_journal.py::"
        "test_a_record_counts_only_after_fsync_and_no_file_is_trusted_after_one_failed",
    ),
    Guard(
        "R9: in quarantine nothing leaves",
        DELIVERY,
        " AND NOT {quarantine.HELD}",
        "",
        "tests/messaging/test_quarantine.py::"
        "test_a_database_that_is_behind_what_was_seen_goes_into_quarantine",
    ),
    Guard(
        "a webhook is signed",
        HOOKS,
        "if not form or not carrier.authentic(url, headers, form):",
        "if not form:",
        "tests/messaging/test_hooks.py -k forged",
    ),
    Guard(
        "a signature covers the words",
        "parley/carriers/twilio/signature.py",
        'signed = url + "".join([name + value for name, value in sorted(set(form))])',
        "signed = url",
        "tests/carriers/test_twilio_webhooks.py",
    ),
    Guard(
        "one key of a page is one message",
        "parley/messaging/migrations/0010_only_what_has_a_key.py",
        'fields=("business", "client_key")',
        'fields=("id", "client_key")',
        "tests/messaging/test_sending.py::test_one_key_is_one_message_even_from_many_hands_at_once",
    ),
    Guard(
        "a text is paid for only if there is one left",
        LEDGER,
        "AND monthly + bought >= %(segments)s::int {only}",
        "{only}",
        "tests/quota/test_ledger.py::test_20_senders_at_a_balance_of_one_send_one_in_every_round",
    ),
    Guard(
        "and nobody else pays with it meanwhile",
        LEDGER,
        "monthly + bought >= %(segments)s::int {only}\n        FOR UPDATE\n",
        "monthly + bought >= %(segments)s::int {only}\n",
        "tests/quota/test_ledger.py::test_20_senders_at_a_balance_of_one_send_one_in_every_round",
    ),
    Guard(
        "a debit counts for the balance's own month",
        LEDGER,
        "AND month = %(month)s AND monthly + bought >= %(segments)s",
        "AND monthly + bought >= %(segments)s",
        "tests/quota/test_ledger.py",
    ),
    Guard(
        "the ledger of texts is never changed",
        "parley/quota/migrations/0002_ledger.py",
        "ON quota_entry\n    FOR EACH ROW EXECUTE",
        "ON quota_entry\n    FOR EACH ROW WHEN (false) EXECUTE",
        "tests/quota/test_ledger.py::test_the_database_refuses_to_change_a_line",
    ),
    Guard(
        "the ledger of consent is never changed",
        "parley/clients/migrations/0003_ledger.py",
        "    FOR EACH ROW EXECUTE FUNCTION parley_append_only()",
        "    FOR EACH ROW WHEN (false) EXECUTE FUNCTION parley_append_only()",
        "tests/messaging/test_revoking.py::test_the_ledger_is_never_changed",
    ),
    Guard(
        "a new card of a number that opted out says so",
        "parley/clients/migrations/0003_ledger.py",
        "CREATE TRIGGER ask_handset BEFORE INSERT OR UPDATE OF phone ON clients_client",
        "CREATE TRIGGER ask_handset BEFORE UPDATE OF phone ON clients_client",
        "tests/clients/test_consent.py::"
        "test_a_refusal_holds_for_the_number_s_next_card_and_for_one_business_only",
    ),
    Guard(
        "a row cannot refer to another business's",
        "parley/businesses/tenancy.py",
        """            f"FOREIGN KEY ({quote('business_id')}, {quote(relation.column)}) "\n"""
        """            f"REFERENCES {quote(target._meta.db_table)} ({quote('business_id')}, {quote('id')}) "\n"""
        """            "DEFERRABLE INITIALLY DEFERRED"\n""",
        '            "CHECK (true)"\n',
        "tests/messaging/test_sending.py -k database_refuses",
    ),
    Guard(
        "a conversation is reached through its business",
        "parley/inbox/views.py",
        'own = request.member.business.conversations.select_related("client", "assignee__user")\n'
        "    return get_object_or_404(",
        'own = Conversation.objects.select_related("client", "assignee__user")\n'
        "    return get_object_or_404(",
        "tests/inbox/test_list.py::test_nobody_sees_another_business",
    ),
    Guard(
        "pages load nothing of others",
        "parley/ui/middleware.py",
        """"default-src 'self'",""",
        """"default-src *",""",
        "tests/inbox/test_actions.py::test_every_page_forbids_scripts_of_others",
    ),
    Guard(
        "the back office asks for a second factor",
        "parley/businesses/office.py",
        "user.is_active and user.is_staff and second_factor.used(request)",
        "user.is_active and user.is_staff",
        "tests/businesses/test_office.py -k second_factor",
    ),
    Guard(
        "our credentials go to the carrier's own hosts only",
        "parley/carriers/twilio/media.py",
        "    if not known:\n        raise Unfetchable(_ELSEWHERE)",
        "    if False:\n        raise Unfetchable(_ELSEWHERE)",
        "tests/carriers/test_twilio_media.py::test_a_foreign_host_is_never_asked",
    ),
    Guard(
        "the journal: nothing is claimed while an opt-out waits in it",
        DELIVERY,
        "if opt_outs_wait():",
        "if False:",
        "tests/messaging/test_journal.py::test_an_opt_out_in_a_journal_is_obeyed_as_it_is_brought_in",
    ),
    Guard(
        "the journal: an opt-out in it gets no 200",
        INTAKE,
        "self._journal_counts = kind != OPT_OUTS",
        "self._journal_counts = True",
        "tests/messaging/test_journal.py::"
        "test_nothing_is_lost_and_nothing_sent_wrongly_while_the_database_is_away",
    ),
    Guard(
        "the journal: its opt-outs are obeyed by its own transaction",
        INTAKE,
        "(OBEYED_AT_ONCE, _obey) if kind == OPT_OUTS else (BATCH, _insert)",
        "(BATCH, _insert)",
        "tests/messaging/test_journal.py::test_an_opt_out_in_a_journal_is_obeyed_as_it_is_brought_in",
    ),
    Guard(
        "the journal: a full disk is no 200",
        INTAKE,
        "durable = False",
        "durable = True",
        "tests/messaging/test_journal.py::test_without_a_disk_either_the_carrier_is_asked_to_try_again",
    ),
    Guard(
        "the journal: a file in use is locked before it has its name",
        JOURNAL,
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n            _write",
        "_write",
        "tests/messaging/test_journal.py::test_a_file_is_left_alone_while_somebody_writes_or_reads_it",
    ),
    Guard(
        "the journal: a file that was removed meanwhile is not read",
        JOURNAL,
        "os.path.samestat(os.fstat(file), os.stat(path))",
        "True",
        "tests/messaging/test_journal.py::test_a_file_is_left_alone_while_somebody_writes_or_reads_it",
    ),
    Guard(
        "the journal: a torn end is told from another key",
        JOURNAL,
        "if crc32(sealed) != of_record:",
        "if False:",
        "tests/messaging/test_journal.py::test_a_torn_end_takes_only_what_nobody_was_told_of",
    ),
    Guard(
        "the journal: a length that lies is noticed",
        JOURNAL,
        "!= crc32(data[at : at + FRAME.size])",
        "is None",
        "tests/messaging/test_journal.py::test_what_is_damaged_is_noticed_and_takes_no_other_with_it",
    ),
    Guard(
        "the journal: what could not be read is kept",
        JOURNAL,
        "if self.damaged:",
        "if False:",
        "tests/messaging/test_journal.py::test_what_is_damaged_is_noticed_and_takes_no_other_with_it",
    ),
    Guard(
        "the journal: nobody else can read it",
        JOURNAL,
        "self._seal.encrypt(nonce, record, MAGIC)",
        "record + bytes(16)",
        "tests/messaging/test_journal.py::test_nobody_else_can_read_it",
    ),
    Guard(
        "the journal: what a dead process left is brought in",
        INTAKE,
        "if self._outage.away or journal.waiting(settings.JOURNAL):",
        "if self._outage.away:",
        "tests/messaging/test_journal.py::"
        "test_nothing_is_lost_and_nothing_sent_wrongly_while_the_database_is_away",
    ),
    Guard(
        "the journal: a webhook is answered within a second",
        INTAKE,
        "IN_TIME = 0.8",
        "IN_TIME = 8.0",
        "tests/messaging/test_journal.py::"
        "test_nothing_is_lost_and_nothing_sent_wrongly_while_the_database_is_away",
    ),
    Guard(
        "a killed database comes back though one of its servants did not notice",
        "parley/config/embedded_postgres.py",
        "self._end_servants()",
        "pass",
        "tests/house/test_embedded_postgres.py::"
        "test_a_servant_that_does_not_notice_its_postmasters_death_is_no_obstacle",
    ),
    Guard(
        "texts are read in the order in which they came",
        "parley/messaging/receiving.py",
        "ORDER BY e.id LIMIT",
        "ORDER BY e.id DESC LIMIT",
        "tests/messaging/test_receiving.py::test_what_came_at_one_moment_keeps_its_order",
    ),
    Guard(
        "one reader at a time reads a shard",
        "parley/messaging/receiving.py",
        "for row in busy if row.got]",
        "for row in busy]",
        "tests/messaging/test_receiving.py",
    ),
    Guard(
        "the journal: opt-outs come before all else in it",
        INTAKE,
        "for kind in (OPT_OUTS, EVENTS):",
        "for kind in (EVENTS, OPT_OUTS):",
        "tests/messaging/test_journal.py::test_an_opt_out_in_a_journal_is_obeyed_as_it_is_brought_in",
    ),
    Guard(
        "of events only the one that cannot be read is set aside",
        "parley/messaging/receiving.py",
        "[trouble[:200], events[0].id]",
        "[trouble[:200], events[0].id - 1]",
        "tests/messaging/test_receiving.py",
    ),
    Guard(
        "one webhook that spoils a batch is found",
        INTAKE,
        "        if len(batch) > 1:",
        "        if False:",
        "tests/messaging/test_journal.py::test_what_spoils_a_batch_takes_no_other_with_it",
    ),
    Guard(
        "automatic messages: what somebody is changing is left for the next look",
        "parley/alerts/clock.py",
        'free = own.filter(pk__in=ids).select_for_update(of=("self",), skip_locked=True, no_key=True)',
        "free = own.filter(pk__in=ids)",
        "tests/alerts/test_clock.py::test_what_somebody_is_changing_just_now_is_left_for_the_next_look",
    ),
    Guard(
        "automatic messages: a message's key is of what is due",
        "parley/alerts/clock.py",
        'return uuid.uuid5(due.pk, f"{channel}:late" if late else str(channel))',
        "return uuid.uuid4()",
        "tests/alerts/test_clock.py::test_a_booking_a_reminder_and_nothing_twice",
    ),
    Guard(
        "many at once: who may have opted out goes the way that has words for it",
        "parley/messaging/sending_many.py",
        "and not why_not_automatic(text.client, known, kind)",
        "",
        "tests/messaging/test_sending_many.py::test_what_becomes_of_one_becomes_of_many",
    ),
    Guard(
        "R9: many at once: a text that left before a restore",
        "parley/messaging/sending_many.py",
        "and (text.client.pk, body) not in left",
        "",
        "tests/messaging/test_sending_many.py::test_a_text_known_from_the_carrier_s_records_is_this_one",
    ),
    Guard(
        "campaigns: only who waits is texted",
        CLOCK,
        "waiting.filter(campaign=self.campaign, state=State.WAITING, opens_at__lte=now)",
        "waiting.filter(campaign=self.campaign, opens_at__lte=now)",
        "tests/campaigns/test_engine.py::test_whoever_agreed_gets_it_once_and_whoever_did_not_is_told_why",
    ),
    Guard(
        "campaigns: a recipient whom somebody holds keeps nobody waiting",
        CLOCK,
        "Recipient.objects.select_for_update(no_key=True, skip_locked=True, of=",
        "Recipient.objects.select_for_update(no_key=True, of=",
        "tests/campaigns/test_at_once.py::test_what_somebody_is_changing_is_left_for_the_next_look",
    ),
    Guard(
        "campaigns: nor a pause",
        CONTROL,
        "FOR NO KEY UPDATE OF r SKIP LOCKED FOR UPDATE OF o, m SKIP LOCKED",
        "FOR NO KEY UPDATE OF r FOR UPDATE OF o, m",
        "tests/campaigns/test_at_once.py::test_what_somebody_is_changing_is_left_for_the_next_look",
    ),
    Guard(
        "campaigns: a text is written in the transaction that takes its recipient",
        CLOCK,
        "        self._record(recipients, became or {}, tally, now)\n",
        '        connection.cursor().execute("COMMIT")\n'
        "        self._record(recipients, became or {}, tally, now)\n",
        "tests/campaigns/test_guards.py::test_a_worker_that_dies_with_a_block_has_written_nothing_of_it",
    ),
    Guard(
        "campaigns: a text's key is of this try",
        CLOCK,
        'f"{recipient.pk}:{recipient.tries}"',
        'f"{recipient.pk}"',
        "tests/campaigns/test_at_once.py::test_a_text_that_was_tried_is_kept_and_another_follows",
    ),
    Guard(
        "campaigns: a pause takes the queue back",
        CONTROL,
        "reason=why[:300], braked=braked)\n    withdraw(campaign)",
        "reason=why[:300], braked=braked)",
        "tests/campaigns/test_engine.py::"
        "test_a_pause_takes_back_what_has_not_left_and_it_goes_on_with_everybody",
    ),
    Guard(
        "campaigns: a block that is being written is waited for",
        CLOCK,
        'held = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("business__plan")',
        'held = Campaign.objects.select_related("business__plan")',
        "tests/campaigns/test_at_once.py::"
        "test_a_pause_waits_for_the_block_that_is_being_written_and_takes_it_back",
    ),
    Guard(
        "campaigns: and whether it is still their number",
        CLOCK,
        "if client is None or client.phone != recipient.phone:",
        "if client is None:",
        "tests/campaigns/test_at_once.py::"
        "test_whoever_changed_their_number_or_had_another_campaign_since_is_spared",
    ),
    Guard(
        "campaigns: and whether they had another since",
        CLOCK,
        "if client.phone in rested:",
        "if False:",
        "tests/campaigns/test_at_once.py::"
        "test_whoever_changed_their_number_or_had_another_campaign_since_is_spared",
    ),
    Guard(
        "campaigns: quiet hours are asked before a text is written",
        CLOCK,
        "if window.opens_at > now:",
        "if False:",
        "tests/campaigns/test_guards.py::test_who_sleeps_is_not_written_to_yet",
    ),
    Guard(
        "campaigns: too few texts pause it, and leave nobody out",
        CLOCK,
        "all_paid=True",
        "all_paid=False",
        "tests/campaigns/test_at_once.py::test_texts_that_somebody_else_uses_up_meanwhile_pause_it",
    ),
    Guard(
        "campaigns: the brake",
        CLOCK,
        "    if _braked(campaign, seen):\n",
        "    if False:\n",
        "tests/campaigns/test_engine.py::test_too_many_failures_stop_it",
    ),
    Guard(
        "campaigns: the first few are waited for",
        CLOCK,
        "if known * 100 < campaign.queued * HEARD and waited < WATCHED * patience().scale:",
        "if False:",
        "tests/campaigns/test_engine.py::test_the_first_few_go_first_and_are_waited_for",
    ),
    Guard(
        "campaigns: what is stopped while it is prepared has nobody",
        "parley/campaigns/preparing.py",
        "        raise _Halted\n",
        "        pass\n",
        "tests/campaigns/test_at_once.py::test_a_campaign_that_is_stopped_while_it_is_prepared_has_nobody",
    ),
    Guard(
        "campaigns: only what changed is counted",
        "parley/campaigns/counting.py",
        "AND (was.state, was.code) IS DISTINCT FROM (now.state, now.code)",
        "",
        "tests/campaigns/test_guards.py::test_what_is_told_twice_is_counted_once",
    ),
    Guard(
        "campaigns: a token has its MAC",
        "parley/campaigns/tokens.py",
        "if not constant_time_compare(mac, _mac(number)) or b62_encode(whole) != token:",
        "if b62_encode(whole) != token:",
        "tests/campaigns/test_guards.py::test_a_token_that_we_did_not_make_names_nobody",
    ),
    Guard(
        "campaigns: only the business's own clients",
        "parley/campaigns/audience.py",
        "WHERE c.business_id = %(business)s {which}",
        "WHERE true {which}",
        "tests/campaigns/test_guards.py::test_nobody_of_another_business_and_nothing_they_said_there",
    ),
    Guard(
        "campaigns: only what they said to this business",
        "parley/campaigns/audience.py",
        "ON h.business_id = c.business_id AND h.phone = c.phone",
        "ON h.phone = c.phone",
        "tests/campaigns/test_guards.py::test_nobody_of_another_business_and_nothing_they_said_there",
    ),
    Guard(
        "many at once: a marketing number that several businesses use is shared from then on",
        "parley/messaging/routing.py",
        "holds = CASE WHEN r.business_id = excluded.business_id THEN r.holds ELSE 'shared' END\n"
        "        WHERE r.business_id = excluded.business_id OR",
        "holds = r.holds\n        WHERE r.business_id = excluded.business_id OR",
        "tests/messaging/test_sending_many.py::test_what_becomes_of_one_becomes_of_many",
    ),
    Guard(
        "many at once: each handset keeps the marketing number that it knows",
        "parley/messaging/routing.py",
        "number = own or (",
        "number = (",
        "tests/messaging/test_sending_many.py::"
        "test_offers_go_by_the_numbers_pace_and_each_handset_keeps_its_own",
    ),
    Guard(
        "answers: once a member has written, a yes may answer the member",
        "parley/messaging/answering.py",
        "or (last.spoken and not said.plain)",
        "",
        "tests/messaging/test_answering.py::test_once_a_member_has_written_yes_may_answer_the_member",
    ),
    Guard(
        "what is in doubt is sent again by itself only by its kind: an old text of a member's",
        DOUBT,
        'again = (attempt.kind == "direct" and attempt.message_age <= self.patience.direct_in_time) or (',
        'again = attempt.kind == "direct" or (',
        "tests/messaging/test_doubt.py::test_what_follows_proved_absence",
    ),
    Guard(
        "and an opt-out's confirmation never",
        DOUBT,
        "and attempt.try_number < TRIES[attempt.kind] and not attempt.confirms",
        "and attempt.try_number < TRIES[attempt.kind]",
        "tests/messaging/test_doubt.py::test_what_follows_proved_absence",
    ),
    Guard(
        "and an automatic one or an offer no oftener than each may",
        DOUBT,
        "and attempt.try_number < TRIES[attempt.kind] and not attempt.confirms",
        "and not attempt.confirms",
        "tests/messaging/test_doubt.py::test_what_follows_proved_absence",
    ),
    Guard(
        "R7: an attempt that was followed by another says no more",
        OUTCOMES,
        "WHERE later.message_id = a.message_id AND later.try_number > a.try_number",
        "WHERE false",
        "tests/messaging/test_receipts.py::test_any_order_of_receipts_ends_in_the_highest",
    ),
    Guard(
        "R7: a text that arrived after all is not tried again",
        OUTCOMES,
        "DELETE FROM messaging_outbox USING said WHERE messaging_outbox.message_id = said.message_id",
        "DELETE FROM messaging_outbox USING said WHERE messaging_outbox.message_id = said.message_id AND false",
        "tests/messaging/test_receipts.py::test_a_receipt_for_a_text_given_up_takes_it_out_of_the_queue_again",
    ),
    Guard(
        "R7: an answer that comes after the lease does not queue the text again",
        OUTCOMES,
        "FROM o WHERE a.id = o.attempt_id AND a.state = 'sending' AND a.carrier_id IS NULL\n"
        "            RETURNING a.message_id, a.number_id",
        "FROM o WHERE a.id = o.attempt_id AND a.carrier_id IS NULL\n"
        "            RETURNING a.message_id, a.number_id",
        "tests/messaging/test_delivery.py::test_an_outcome_that_comes_after_the_lease_binds_but_never_regresses",
    ),
    Guard(
        "R7: a refusal that comes after the lease says nothing of the next attempt",
        OUTCOMES,
        "a.state IN ('sending', 'unknown') AND a.carrier_id IS NULL",
        "a.carrier_id IS NULL",
        "tests/messaging/test_delivery.py::"
        "test_what_is_said_late_of_an_attempt_that_was_given_up_is_not_said_of_the_next",
    ),
    Guard(
        "R7: nor does doubt",
        OUTCOMES,
        "WHERE id = ANY(%s) AND state = 'sending' AND carrier_id IS NULL RETURNING message_id",
        "WHERE id = ANY(%s) RETURNING message_id",
        "tests/messaging/test_delivery.py::"
        "test_what_is_said_late_of_an_attempt_that_was_given_up_is_not_said_of_the_next",
    ),
    Guard(
        "R7: what the carrier itself refused is not bound by a receipt",
        OUTCOMES,
        "AND a.carrier_id IS NULL AND a.state <> 'refused'",
        "AND a.carrier_id IS NULL",
        "tests/messaging/test_receipts.py::test_what_the_carrier_itself_refused_gets_no_id",
    ),
    Guard(
        "R5: a row of the log belongs to one attempt",
        DOUBT,
        "if row.carrier_id not in taken",
        "if True",
        "tests/messaging/test_doubt.py::test_a_row_of_the_log_belongs_to_one_text_of_the_same_words",
    ),
    Guard(
        "R5: and to a text of its words",
        DOUBT,
        "if row.body == attempt.body",
        "if True",
        "tests/messaging/test_doubt.py::test_a_row_of_the_log_belongs_to_one_text_of_the_same_words",
    ),
    Guard(
        "R5: absence is not concluded of what was bound meanwhile",
        DOUBT,
        "WHERE id = %s AND state = 'unknown' RETURNING message_id",
        "WHERE id = %s RETURNING message_id",
        "tests/messaging/test_doubt.py::test_an_answer_that_comes_while_the_log_is_read_is_believed",
    ),
    Guard(
        "only what is queued is begun",
        DELIVERY,
        "AND m.state = 'queued' AND NOT taken.refused",
        "AND NOT taken.refused",
        "tests/messaging/test_delivery.py::test_what_is_queued_no_more_is_not_begun",
    ),
    Guard(
        "R6: an opt-out that may not be obeyed yet gets no 200",
        INTAKE,
        "        if wait is None:\n            raise StillUnderWay\n",
        "",
        "tests/messaging/test_revoking.py::test_if_it_may_still_begin_the_carrier_is_told_to_try_again",
    ),
    Guard(
        "what is canceled by an opt-out is not paid for",
        REVOKING,
        '            await cursor.execute(ledger.REFUND, {"messages": gone})',
        "            pass",
        "tests/messaging/test_revoking.py::test_a_stop_is_a_line_of_the_ledger_and_empties_the_queue",
    ),
    Guard(
        "a member does not undo what the client texted",
        "parley/clients/consent.py",
        "            raise OnlyTheClient\n",
        "            pass\n",
        "tests/messaging/test_revoking.py::test_only_the_client_undoes_their_stop",
    ),
    Guard(
        "a START that is found late undoes no later STOP",
        REVOKING,
        "if row.refused_at is not None and row.refused_at > said.at:",
        "if False:",
        "tests/messaging/test_revoking.py::test_a_start_found_late_does_not_undo_a_later_stop",
    ),
    Guard(
        "no second confirmation beside the network's",
        REVOKING,
        "                and not said.carrier.answers(said.text.recipient, said.text.body)\n",
        "",
        "tests/messaging/test_revoking.py::test_one_confirmation_where_the_network_did_not",
    ),
    Guard(
        "R9: a database that is behind is noticed",
        "parley/messaging/quarantine.py",
        "WHERE house IS DISTINCT FROM %(house)s::uuid OR tick >= %(tick)s",
        "WHERE house IS DISTINCT FROM %(house)s::uuid OR tick >= 0 * %(tick)s",
        "tests/messaging/test_quarantine.py::"
        "test_a_database_that_is_behind_what_was_seen_goes_into_quarantine",
    ),
    Guard(
        "R9: it is released when every log was read",
        "parley/messaging/quarantine.py",
        "AND NOT EXISTS ({UNSETTLED}) AND",
        "AND",
        "tests/messaging/test_quarantine.py::test_it_is_released_when_all_is_settled_and_not_before",
    ),
    Guard(
        "R9: and when all that came is read",
        "parley/messaging/quarantine.py",
        " AND NOT EXISTS ({UNREAD})",
        "",
        "tests/messaging/test_quarantine.py::test_it_is_released_when_all_is_settled_and_not_before",
    ),
    Guard(
        "a carrier's log that could not be read is read again from where it was",
        BACKFILL,
        "        if found is None:\n            wait",
        "        if False:\n            wait",
        "tests/messaging/test_backfill.py::test_a_log_that_cannot_be_read_proves_nothing",
    ),
    Guard(
        "one worker at a time reads a number's log",
        BACKFILL,
        "SET next_at = clock_timestamp() + %(hold)s * interval '1 second'",
        "SET next_at = clock_timestamp() - %(hold)s * interval '1 second'",
        "tests/messaging/test_backfill.py::test_one_worker_at_a_time_reads_a_log",
    ),
    Guard(
        "we push to push services only",
        "parley/notifications/push_services.py",
        'return any(host.endswith(one) if one.startswith(".") else host == one for one in HOSTS)',
        "return True",
        "tests/notifications/test_push.py::test_we_push_only_to_push_services",
    ),
    Guard(
        "a payment's webhook is signed",
        "parley/quota/stripe_checkout.py",
        'body, headers.get("Stripe-Signature"), self._secret, TOLERANCE\n            )',
        'body, headers.get("Stripe-Signature"), self._secret, TOLERANCE\n            ) if False else None',
        "tests/quota/test_payments.py::test_only_what_stripe_signed_just_now_is_heard",
    ),
    Guard(
        "figures are for who has the token",
        "parley/operating/watch.py",
        'if not hmac.compare_digest(given, b"Bearer " + self._token):',
        "if False:",
        "tests/operating/test_watch.py::test_who_is_well_and_what_is_told_to_a_monitor",
    ),
    Guard(
        "numbers are in no log",
        "parley/config/logs.py",
        'return masked(" ".join(words.split()))',
        'return " ".join(words.split())',
        "tests/operating/test_logs.py::test_an_exception_says_where_and_of_what_kind_but_not_its_words",
    ),
]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A copy of this tree as it is now, what is not committed included, without what is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="parley-sabotage-") as folder:
        tree = Path(folder) / "tree"
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        (tree / ".venv").symlink_to((ROOT / ".venv").resolve())
        yield tree


def run(tree: Path, *arguments: str, fresh: bool) -> tuple[int, str]:
    """pytest in the copy, on a database of its own, that is the last run's unless `fresh`.

    Its exit code, and the last of what it said.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [
        *(tree / ".venv/bin/python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
        *("--reuse-db", *(["--create-db"] if fresh else []), *arguments),
    ]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return -1, f"not done after {LONGEST} s"
    return done.returncode, (done.stdout + done.stderr)[-8000:]


def together(guards: Sequence[Guard]) -> list[list[str]]:
    """What to run before anything is broken: all in one run, but for those that are chosen by a word."""
    chosen = dict.fromkeys(guard.tests for guard in guards)
    plain = sorted({test for tests in chosen if " -k " not in tests for test in tests.split()})
    return [*([plain] if plain else []), *(tests.split() for tests in chosen if " -k " in tests)]


def moved(tree: Path, guards: Sequence[Guard] = GUARDS) -> list[str]:
    """Guards whose code is not where it was, or not there alone."""
    return [
        f"“{guard.name}”: its code is {found} times in {guard.file}. Did it move?\n{guard.old}"
        for guard in guards
        if (found := (tree / guard.file).read_text().count(guard.old)) != 1
    ]


def broken(tree: Path, guard: Guard) -> str:
    """Take the guard out. Returns the file as it was."""
    was = (tree / guard.file).read_text()
    (tree / guard.file).write_text(was.replace(guard.old, guard.new))
    return was


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], help="guards whose name has one of these")
    parser.add_argument("--list", action="store_true", help="only look whether each guard is where it was")
    wish = parser.parse_args()
    guards = [guard for guard in GUARDS if any(words in guard.name for words in wish.only)]
    began = time.monotonic()
    unnoticed: list[str] = []
    with scratch() as tree:
        if gone := moved(tree, guards):
            raise SystemExit("\n".join(gone))
        if wish.list:
            print(f"{len(guards)} guards, each where it was.")
            return
        fresh = True
        for tests in together(guards):
            code, said = run(tree, *tests, fresh=fresh)
            fresh = False
            if code != 0:
                raise SystemExit(f"{' '.join(tests)}: not green before anything was broken\n{said}")
        for guard in guards:
            was = broken(tree, guard)
            code, said = run(tree, *guard.tests.split(), fresh=fresh or guard.in_schema)
            (tree / guard.file).write_text(was)
            fresh = guard.in_schema
            verdict = {0: "GREEN", RED: "red  "}.get(code, f"{code}, which proves nothing:")
            print(verdict, guard.name, file=sys.stderr, flush=True)
            for line in said.splitlines():
                if line.startswith(("E  ", "FAILED", "ERROR tests/")):
                    print("     ", line[:160], file=sys.stderr, flush=True)
            if code != RED:
                unnoticed.append(guard.name)
    tell("sabotage", {"tried": len(guards), "let_in": len(unnoticed)}, began, unnoticed=unnoticed)


if __name__ == "__main__":
    main()
