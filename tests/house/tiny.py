"""A house with tiny programs, given as JSON: `python -m tests.house.tiny '{"data": …}'`.

`database` is true for an embedded server. `guests`, `steps` (run once, one after another) and `programs` map
names to Python source; it may use PORT, the first of `ports`, which is where the program "web" must answer.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from parley.config.embedded_postgres import EmbeddedPostgres
from parley.config.supervisor import House, Port, Program, Supervisor

WEB = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
SLEEP = "import signal; signal.pause()"


def build(asked: dict) -> House:
    data = Path(asked["data"])
    ports = asked.get("ports", [])

    def programs(kind: str) -> list[Program]:
        return [
            Program(
                name,
                (sys.executable, "-c", source),
                f"http://127.0.0.1:{ports[0]}/" if name == "web" else None,
            )
            for name, source in asked.get(kind, {}).items()
        ]

    return House(
        data=data,
        database=EmbeddedPostgres(data / "postgres") if asked.get("database") else None,
        variables={**os.environ, "PYTHONUNBUFFERED": "1", "PORT": str(ports[0] if ports else 0)},
        ports=[
            Port(variable, number)
            for variable, number in zip(("PARLEY_PORT", "PARLEY_SANDBOX_PORT"), ports, strict=False)
        ],
        guests=programs("guests"),
        stages=lambda variables: [
            *[[replace(step, once=True)] for step in programs("steps")],
            programs("programs"),
        ],
        welcome="everything answers",
    )


if __name__ == "__main__":
    sys.exit(Supervisor(build(json.loads(sys.argv[1]))).run())
