"""`tripcord up` with its four own processes replaced by stand-ins (run it with `python -m`).

PostgreSQL, migrations, the HSM token, mock_push and the sandbox venue are the real ones. It
reaches beneath `app.cli.parts` because the supervisor is tested here, not what it supervises.
"""

import sys
from pathlib import Path

from app.cli import parts
from app.cli.main import main
from app.cli.parts import Plan, answers_ready, socket_accepts
from app.cli.site import Site
from app.cli.supervisor import Part

STAND_IN = """
import http.server, os, signal, socket, socketserver, sys
name, where = sys.argv[1], sys.argv[2]
def leave(*_):
    print("stopped", flush=True)
    raise SystemExit
signal.signal(signal.SIGTERM, leave)
print("started", os.getpid(), os.getuid(), sorted(os.getgroups()), flush=True)
for key, value in sorted(os.environ.items()):
    if key.startswith("TRIPCORD_") and key.endswith("_FILE"):
        print("read", key, len(open(value, "rb").read()) > 0, flush=True)
if where.isdecimal():
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()
        def log_message(self, *_): pass
    http.server.HTTPServer(("127.0.0.1", int(where)), Ready).serve_forever()
elif where != "-":
    if os.path.exists(where): os.unlink(where)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen(8)
    while True:
        listener.accept()[0].close()
else:
    signal.pause()
"""


def stand_in(part: Part, where: str, ready: parts.Check | None = None) -> Part:
    return Part(
        name=part.name,
        argv=(sys.executable, "-I", "-c", STAND_IN, part.name, where),
        environ=part.environ,
        log=part.log,
        account=part.account,
        groups=part.groups,
        ready=ready,
    )


def install() -> None:
    """Put the stand-ins where `app.cli.up` looks for the real ones."""
    real_signer, real_courier = parts.signer, parts.courier
    real_dispatcher, real_api = parts.dispatcher, parts.api

    def signer(site: Site, plan: Plan) -> Part:
        path = Path(plan.signer_socket)
        return stand_in(real_signer(site, plan), str(path), socket_accepts(path))

    def courier(site: Site, plan: Plan) -> Part:
        return stand_in(real_courier(site, plan), str(plan.courier_socket))

    def dispatcher(site: Site, plan: Plan) -> Part:
        return stand_in(real_dispatcher(site, plan), "-")

    def api(site: Site, plan: Plan) -> Part:
        ready = answers_ready(f"http://127.0.0.1:{plan.api_port}/readyz")
        return stand_in(real_api(site, plan), str(plan.api_port), ready)

    parts.signer, parts.courier = signer, courier
    parts.dispatcher, parts.api = dispatcher, api


if __name__ == "__main__":
    install()
    main(["up"])
