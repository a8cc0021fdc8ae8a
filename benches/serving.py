"""Times the demo and a server's start, and reads the server's resident memory: serving.py SHIFU MODELS_DIR WORK_DIR"""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time
import urllib.request


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def demo_seconds(shifu: str, models: str, data: str, **environment: str) -> float:
    started = time.monotonic()
    subprocess.run(
        [shifu, "demo", "--once", "--format", "json", "--data", data, "--models-dir", models],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment},
    )
    return time.monotonic() - started


def resident_mb(pid: int, figure: str = "VmRSS") -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{figure}:")[1].split()[0]) / 1024


def post(url: str, key: str, body: dict) -> dict:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


def inspect_visit(base: str, key: str) -> dict:
    """The bundled visit, nameplate included, as a technician's telephone submits it."""
    visit = pathlib.Path(__file__).parent.parent / "datasets/split_air_conditioner/inspection"
    photos = [f"photos=@{photo}" for photo in sorted((visit / "photos").iterdir())]
    forms = [f"ticket=<{visit / 'ticket.json'}", f"photos_meta=<{visit / 'photos_meta.json'}", *photos]
    command = ["curl", "-s", "--fail-with-body", "-H", f"Authorization: Bearer {key}", f"{base}/v1/inspections"]
    for form in forms:
        command += ["-F", form]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def serve(shifu: str, models: str, data: str, label: str) -> None:
    port = free_port()
    key = json.loads(
        subprocess.run(
            [shifu, "keys", "create", "--role", "admin", "--format", "json", "--data", data],
            check=True, capture_output=True, text=True,
        ).stdout
    )["key"]
    command = [shifu, "serve", "--listen", f"127.0.0.1:{port}", "--data", data, "--models-dir", models]
    started = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    try:
        base = f"http://127.0.0.1:{port}"
        while True:
            try:
                with urllib.request.urlopen(f"{base}/ready", timeout=5):
                    break
            except OSError:
                if server.poll() is not None or time.monotonic() - started > 60:
                    raise SystemExit("the server did not become ready")
                time.sleep(0.01)
        ready = time.monotonic() - started
        took = []
        for number in range(200):
            question = f"E{number % 9 + 1} 是什么故障，怎么处理？"
            began = time.monotonic()
            post(f"{base}/v1/answers", key, {"question": question, "product_line": "split_air_conditioner"})
            took.append((time.monotonic() - began) * 1000)
        took.sort()
        print(
            f"{label}: start to ready {ready:.2f} s; 200 questions p50 {statistics.median(took):.1f} ms, p99 {took[197]:.1f} ms; "
            f"resident {resident_mb(server.pid):.0f} MB"
        )
        took = [inspect_visit(base, key)["took_ms"] for _ in range(3)]
        print(
            f"{label}: six photos of a visit inspected three times, {', '.join(f'{ms:.0f}' for ms in took)} ms; "
            f"resident {resident_mb(server.pid):.0f} MB, peak {resident_mb(server.pid, 'VmHWM'):.0f} MB"
        )
    finally:
        server.terminate()
        server.wait(20)


def main(shifu: str, models: str, work: str) -> None:
    with_models, lexical, none = f"{work}/with", f"{work}/lexical", f"{work}/no-models"
    os.makedirs(none)
    seconds = demo_seconds(shifu, models, with_models)
    print(f"demo --once, models present: {seconds:.1f} s to all five results")
    # pip finds nothing, as on a machine without a network: no model is installed.
    seconds = demo_seconds(shifu, none, lexical, PIP_NO_INDEX="1")
    print(f"demo --once, no wheel to be had: {seconds:.1f} s")
    serve(shifu, none, lexical, "lexical only")
    serve(shifu, models, with_models, "with models")


if __name__ == "__main__":
    main(*sys.argv[1:])
