"""What is tried by running it: the proxy before /metrics, and the program itself."""

import contextlib
import http.server
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

import watching

TOKEN = "t0ken-" + "x" * 120
PATIENCE_S = 60


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Stand(http.server.BaseHTTPRequestHandler):
    """In Gyre's place: as strict about names as Gyre is, and it tells what it was sent."""

    def do_GET(self):
        known = self.headers.get("Host", "").split(":")[0] in {"127.0.0.1", "localhost"}
        self.send_response(200 if known and self.headers.get("Authorization") in {None, ""} else 403)
        self.end_headers()
        self.wfile.write(f"behind {self.path}\n".encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def nginx(root, scratch):
    """The proxy as its image runs it: the token in its place, in an nginx that is not root's."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            folder / "tls.key",
            "-out",
            folder / "tls.crt",
        ],
        check=True,
        capture_output=True,
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stand)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    conf = (root / "deploy/helm/gyre/files/scrape.conf").read_text()
    for old, new in {
        "${GYRE_SCRAPE_TOKEN}": TOKEN,
        "listen 9443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{server.server_port}",
        "/etc/scrape/": f"{folder}/",
    }.items():
        conf = conf.replace(old, new)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ {paths} {conf} }}"
    )
    proxy = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_S
        while (
            socket.socket().connect_ex(("127.0.0.1", port)) != 0 and proxy.poll() is None and time.monotonic() < until
        ):
            time.sleep(0.1)
        yield f"https://localhost:{port}", folder
    finally:
        proxy.terminate()
        proxy.wait()
        server.shutdown()


def ask(url, folder, token=None, method="GET"):
    trusted = ssl.create_default_context(cafile=folder / "tls.crt")
    request = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, context=trusted, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError as error:
        return 0, str(error)


def proxy(root, scratch):
    faults = []
    with nginx(root, scratch) as (at, folder):
        wanted = [
            ("/metrics", TOKEN, "GET", 200),
            ("/metrics", None, "GET", 401),
            ("/metrics", TOKEN + "x", "GET", 401),
            ("/metrics", TOKEN, "POST", 403),
            ("/v1/status", TOKEN, "GET", 404),
            ("/", TOKEN, "GET", 404),
            ("/metrics/../v1/status", TOKEN, "GET", 404),
            ("/livez", None, "GET", 404),
        ]
        for path, token, method, status in wanted:
            got, body = ask(at + path, folder, token, method)
            if got != status or (got == 200 and body != "behind /metrics\n"):
                faults.append(f"{method} {path} {'with' if token else 'without'} a token: {got} {body}, not {status}")
        if ask(at.replace("https", "http") + "/metrics", folder, TOKEN)[0] == 200:
            faults.append("it answers without TLS")
    return f"{len(wanted)} requests: /metrics alone, over TLS, with the token alone", faults


def configs(root):
    """Every config that deploy/ gives to the program, by where it stands."""
    yield "compose/gyre.toml", (root / "deploy/compose/gyre.toml").read_text()
    yield "gyre.example.toml", (root / "deploy/gyre.example.toml").read_text()
    for file in [root / "deploy/helm/gyre/values.yaml", *sorted((root / "deploy/helm/gyre/cases").glob("*.yaml"))]:
        yield file.name, yaml.safe_load(file.read_text())["config"]
    for file in sorted((root / "deploy/kustomize").rglob("config.yaml")):
        yield str(file.relative_to(root)), yaml.safe_load(file.read_text())["data"]["gyre.toml"]


def demo(root, program):
    """Runs it, and asks it as probes and Prometheus do."""
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in configs(root):
            file = Path(scratch) / "gyre.toml"
            file.write_text(text)
            done = subprocess.run([program, "check", file], capture_output=True, text=True)
            faults += [f"{name}: {done.stdout}{done.stderr}"] if done.returncode != 0 else []
        log = Path(scratch) / "log"
        running = subprocess.Popen(
            [program, "demo", "--http-addr", "127.0.0.1:0", "--output", Path(scratch) / "out"],
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
        )
        try:
            at = wait_for(lambda: re.search(r"http://(127\.0\.0\.1:\d+)", log.read_text()))
            wait_for(lambda: get(f"http://{at[1]}/readyz")[0] == 200)
            # A record must have failed for good, and a minute's worth of laps be through, before all figures are there.
            missing = wait_for(
                lambda: None if lacking(root, scratch, at[1]) else "nothing",
                otherwise=lambda: lacking(root, scratch, at[1]),
            )
            faults += missing if isinstance(missing, list) else []
            faults += questions(scratch, at[1])
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(timeout=PATIENCE_S)
        faults += [f"it left with {running.returncode}"] if running.returncode != 0 else []
    return (
        f"{len(list(configs(root)))} configs are taken; a demo shows all {len(watching.used(root))} metrics that are used,"
        " and answers whatever may be asked as it says",
        faults,
    )


def questions(scratch, at):
    """Asks the API all that its own description allows, and what it does not: nothing may be a fault of the server's, and
    every answer is as it is described."""
    asked = [sys.executable, "-m", "schemathesis.cli", "run", f"http://{at}/v1/openapi.json"]
    asked += ["--checks", "all", "--max-examples", "60", "--continue-on-failure", "--seed", "1", "--no-color"]
    done = subprocess.run(asked, cwd=scratch, capture_output=True, text=True)
    return [] if done.returncode == 0 else [done.stdout[-8_000:] + done.stderr[-2_000:]]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def lacking(root, scratch, at):
    file = Path(scratch) / "scrape"
    file.write_text(get(f"http://{at}/metrics")[1])
    return watching.scrape(root, file)[1]


def wait_for(found, otherwise=lambda: None):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.5)
    return otherwise()
