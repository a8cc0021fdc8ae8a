"""What the durability measures run: a server of ours, a PostgreSQL of their own, and a client that says what it was answered."""

import glob
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
READY_LIMIT_S = 120


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Settings:
    """Binary, models and folders that every measure needs."""

    def __init__(self, shifu: str, models: str, work: str, database: str | None = None):
        self.shifu, self.models, self.work, self.database = shifu, models, work, database
        self.config = os.path.join(work, "shifu.toml")
        # One key sends everything here; the limit of a key is measured elsewhere.
        pathlib.Path(self.config).write_text("[limits]\nrequests_per_minute = 0\n", encoding="utf-8")

    def command(self, data: str, *arguments: str) -> list[str]:
        return [self.shifu, *arguments, "--data", data, "--models-dir", self.models, "--config", self.config]

    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("SHIFU_")}
        return {**others, **({"SHIFU_DATABASE_URL": self.database} if self.database else {})}

    def run(self, data: str, *arguments: str) -> dict:
        command = self.command(data, *arguments, "--format", "json")
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: exit status {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def prepared(self, name: str) -> tuple[str, str]:
        """A data directory with the bundled appliances loaded, and an admin key."""
        data = os.path.join(self.work, name)
        self.run(data, "demo", "--once")
        return data, self.run(data, "keys", "create", "--role", "admin")["key"]


class Server:
    """`shifu serve`; its log grows in one file over all restarts."""

    def __init__(self, settings: Settings, data: str):
        self.settings, self.data, self.port = settings, data, free_port()
        self.log = pathlib.Path(data + ".log")
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Seconds until it is ready."""
        command = self.settings.command(self.data, "serve", "--listen", f"127.0.0.1:{self.port}")
        started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.settings.environment())
        while Client(self.port, "").status("GET", "/ready") != 200:
            if self.process.poll() is not None or time.monotonic() - started > READY_LIMIT_S:
                raise SystemExit(f"the server did not become ready: {self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.005)
        return time.monotonic() - started

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def panics(self) -> int:
        return self.log.read_text(errors="replace").count("panicked")


class Client:
    """One connection; an answer is (status, body, headers), status 0 where none came."""

    def __init__(self, port: int, key: str, timeout_s: float = 60):
        self.port, self.key, self.timeout_s = port, key, timeout_s
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body=None, content_type="application/json", headers=None):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Accept-Language": "en", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
            self.connection.request(method, path, body, sent)
            reply = self.connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, None, {}
        try:
            value = json.loads(text) if text else None
        except ValueError:
            value = None
        return reply.status, value, {name.lower(): value for name, value in reply.getheaders()}

    def status(self, method: str, path: str) -> int:
        status = self.call(method, path)[0]
        self.close()
        return status

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def multipart(parts: list[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    """(body, content type) of (name, file name, bytes)."""
    boundary = "shifu-durability-4c1f0a7be95d4d0e"
    body = b""
    for name, file_name, content in parts:
        named = f'; filename="{file_name}"' if file_name else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class Postgres:
    """A cluster of its own in a temporary folder, run by a user who is not root."""

    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
        on_path = shutil.which("initdb")
        if not found and not on_path:
            raise FileNotFoundError("PostgreSQL (initdb, pg_ctl) is not installed")
        self.bin = found[-1] if found else os.path.dirname(on_path)
        self.folder = tempfile.mkdtemp(prefix="shifu-postgres-")
        self.port = free_port()
        self.user: list[str] = []
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.user = ["runuser", "-u", "postgres", "--"]
        self.tool("initdb", "-D", f"{self.folder}/cluster", "-U", "shifu", "-A", "trust", "-E", "UTF8", "--no-locale")
        self.start()

    def tool(self, name: str, *arguments: str) -> None:
        command = [*self.user, os.path.join(self.bin, name), *arguments]
        # Their output goes to a file: a pipe would stay open in the server that pg_ctl leaves behind.
        with open(f"{self.folder}/{name}.out", "wb") as out:
            done = subprocess.run(command, stdout=out, stderr=out, cwd="/")
        if done.returncode != 0:
            raise SystemExit(f"{name}: {pathlib.Path(out.name).read_text(errors='replace')[-2000:]}")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self.tool("pg_ctl", "-D", f"{self.folder}/cluster", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self.tool("pg_ctl", "-D", f"{self.folder}/cluster", "-w", "-m", mode, "stop")

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self.tool("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "shifu", name)
        return f"postgres://shifu@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        try:
            self.stop("fast")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
