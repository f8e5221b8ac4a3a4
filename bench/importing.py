"""How long until a file of people are clients who agreed to offers, durable? Prints one JSON line.

    python bench/importing.py [--rows 200000] [--workers 1] [--known] [--kill]

The file is looked through and kept as an upload is, then `parley jobs` works on it, on a database of its own that
commits to disk. The clock runs from the first batch to the last, as the database wrote them. `--known`: all of them are
clients already, whose cards lack what the file says. With `--kill` a worker gets SIGKILL in the middle and another
goes on, once it is missed (a minute or so, which is on the clock). Then every row is held against its client, its line
of the ledger and its place in the report. A figure is printed only if all agree.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, cpu_seconds, family, ground, machine  # noqa: E402

SAID = {
    "known": "fill",
    "agreed": "yes",
    "agreed_how": "web_form",
    "agreed_on": "2026-03-31",
    "agreed_words": "Yes, text me offers.",
    "proof": "on",
}
# As the file has them, beside what the database must hold.
WRONG = """
    SELECT count(*) FROM generate_series(0, %(rows)s - 1) n
    LEFT JOIN clients_client c ON c.business_id = %(business)s
         AND c.phone = '+1503' || (220 + n / 10000) || lpad((n %% 10000)::text, 4, '0')
    LEFT JOIN clients_importrow r ON r.business_id = c.business_id AND r.of_id = %(import)s AND r.number = n + 2
    LEFT JOIN clients_consent l ON l.business_id = c.business_id
         AND l.source = 'import:' || %(import)s || ':' || c.phone
    LEFT JOIN clients_handset h ON h.business_id = c.business_id AND h.phone = c.phone
    WHERE (c.first_name, c.email, c.tags, c.postal_code)
              IS DISTINCT FROM ('Person' || n, 'person' || n || '@example.com', '{New mom,VIP}', '97201')
       OR r.client_id IS DISTINCT FROM c.id OR r.outcome IS DISTINCT FROM %(outcome)s
       OR l.words IS DISTINCT FROM %(words)s OR h.marketing_by IS DISTINCT FROM l.id OR h.marketing <> 'agreed'
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--known", action="store_true", help="they are clients already")
    parser.add_argument("--kill", action="store_true", help="SIGKILL to the worker when a third is done")
    wish = parser.parse_args()
    with ground() as folder:
        print(json.dumps(measure(folder, wish)))


def phone(n: int) -> str:
    return f"503{220 + n // 10_000}{n % 10_000:04}"


def measure(folder: Path, wish: argparse.Namespace) -> dict[str, Any]:
    from django.core.files.uploadedfile import UploadedFile
    from django.db import connection

    from parley.clients import importing, tasks
    from parley.clients.import_form import ImportForm
    from parley.clients.models import Client, Import
    from tests.waiting import until
    from tests.world import World

    house = a_house(0)
    if wish.known:
        Client.objects.bulk_create(
            (Client(business=house.business, phone=f"+1{phone(n)}") for n in range(wish.rows)),
            batch_size=5_000,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with tempfile.TemporaryFile() as file:
        file.write(b"First name,Last name,Mobile,Email,Tags,ZIP\n")
        for n in range(wish.rows):
            line = f'Person{n},Okafor,{phone(n)},person{n}@example.com,"New mom, VIP",97201\n'
            file.write(line.encode())
        size = file.tell()
        file.seek(0)
        before = time.process_time()
        found = importing.keep(house.business, house.owner, UploadedFile(file, "people.csv", size=size))
        looking = time.process_time() - before
    form = ImportForm(found, SAID | {f"column_{n}": name for n, name in enumerate(found.mapping)})
    assert form.is_valid(), form.errors
    world = World(folder, patience=1.0)
    server = int(next((folder / "postgres").glob("data-*/postmaster.pid")).read_text().split()[0])

    # Where others use the cores too.
    longest = 120 + wish.rows / 50

    def reached() -> int:
        return Import.objects.values_list("reached", flat=True).get(pk=found.pk)

    try:
        world.start(*(f"jobs#{n}" for n in range(wish.workers)))
        lost, started, database = 0.0, _cpu_of(world), cpu_seconds(*family(server))
        tasks.begin(form.save())
        if wish.kill:
            until(lambda: reached() > wish.rows / 3, longest, what="a third")
            lost = _cpu_of(world)
            world.kill("jobs#0")
            world.start("jobs#0")
        began = time.monotonic()
        while (state := Import.objects.values_list("state", flat=True).get(pk=found.pk)) in Import.UNDER_WAY:
            assert time.monotonic() < began + longest, f"not all were imported in {longest:g} s"
            time.sleep(0.2)
        database = cpu_seconds(*family(server)) - database
        workers = lost + _cpu_of(world) - started
        memory = _memory(world)
    finally:
        world.close()
    found.refresh_from_db()
    assert (state, found.reached) == ("done", wish.rows), (state, found.reached, found.trouble)
    outcome = "filled" if wish.known else "added"
    with connection.cursor() as cursor:
        given = {
            "rows": wish.rows,
            "business": house.business.pk,
            "import": str(found.pk),
            "outcome": outcome,
        }
        cursor.execute(WRONG, given | {"words": SAID["agreed_words"]})
        assert cursor.fetchone() == (0,), "rows are missing or wrong"
    counts = (
        house.business.clients.count(),
        house.business.consents.count(),
        found.rows.count(),
        found.agreements,
    )
    assert counts == (wish.rows,) * 4, counts
    assert not found.parts.exists()
    assert found.started_at is not None
    assert found.ended_at is not None
    seconds = (found.ended_at - found.started_at).total_seconds()
    return {
        "bench": "importing",
        "rows": wish.rows,
        "known": wish.known,
        "workers": wish.workers,
        "killed": wish.kill,
        "megabytes": round(size / 1e6, 1),
        "seconds": round(seconds, 1),
        "per_second": round(wish.rows / seconds),
        "cpu_us_per_row": {
            "looking_through": round(1e6 * looking / wish.rows, 1),
            "jobs": round(1e6 * workers / wish.rows, 1),
            "postgres": round(1e6 * database / wish.rows, 1),
        },
        "cpu_seconds": round(looking + workers + database, 1),
        "jobs_mb_at_most": memory,
        "verified_rows": wish.rows,
        "machine": machine(),
    }


def _cpu_of(world: Any) -> float:
    return cpu_seconds(*(child.pid for child in world.children.values()))


def _memory(world: Any) -> int:
    """The most that a worker has held so far, in MB."""
    held = [Path(f"/proc/{child.pid}/status").read_text() for child in world.children.values()]
    return max(int(found[1]) for status in held if (found := re.search(r"VmHWM:\s+(\d+)", status))) // 1024


if __name__ == "__main__":
    main()
