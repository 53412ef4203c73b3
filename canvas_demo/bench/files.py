"""How fast a file comes and goes, encrypted, and the memory that it takes; beside a server that only writes it down.

Both are spoken to over one connection of their own, by a client that does nothing but send and
receive. The memory is the growth of the backend's processes (PSS, proc_pid_smaps(5)) over what they
have after a small file went through. The processor seconds, user and system, are those of the same
processes: they tell what a change is worth also on a machine that has other things to do.
"""

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from canvas_demo.bench.latency import new_canvas
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings

MIB = 1024 * 1024
BLOCK = 4 * MIB
SAMPLE_SECONDS = 0.02


class Exchange:
    """A connection to a server on this machine, and requests with bodies of any length."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._address = (str(urlsplit(url).hostname), int(urlsplit(url).port or 80))
        self._headers = headers
        self._block = secrets.token_bytes(BLOCK)

    def upload(self, path: str, size: int, before: bytes = b"", after: bytes = b"", **headers: str) -> bytes:
        """Send ``size`` bytes between ``before`` and ``after``; the body of the answer."""
        with self._request("POST", path, {**headers, "Content-Length": str(len(before) + size + len(after))}) as sock:
            sock.sendall(before)
            left = size
            while left:
                left -= len(piece := memoryview(self._block)[: min(left, BLOCK)])
                sock.sendall(piece)
            sock.sendall(after)
            answer = b""
            while piece_ := sock.recv(65536):
                answer += piece_
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"the upload was answered with {answer[:500]!r}")
        return body

    def download(self, path: str) -> int:
        """Receive a body; its bytes."""
        buffer = bytearray(BLOCK)
        with self._request("GET", path, {}) as sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the download was answered with {head[:500]!r}")
            size = len(head.partition(b"\r\n\r\n")[2])
            while received := sock.recv_into(buffer):
                size += received
        return size

    def _request(self, method: str, path: str, headers: dict[str, str]) -> socket.socket:
        said = {"Host": "bench", "Connection": "close", **self._headers, **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
        sock = socket.create_connection(self._address)
        sock.sendall("\r\n".join(lines).encode())
        return sock


def print_files(size: int, *, as_json: bool) -> None:
    """Measure on the stack that runs with files of ``size`` MiB, and print the figures, or JSON."""
    settings = load_settings()
    figures = measure(of_running(settings), str(settings.home), size * MIB)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{size} MiB, one after the other")
    for name, of in figures.items():
        print(f"{name:10} upload {of['upload_mb_s']:6.0f} MB/s   download {of['download_mb_s']:6.0f} MB/s")
    files = figures["files"]
    print(f"the backend's processors, a GiB: {files['upload_cpu_s']:.1f} s up, {files['download_cpu_s']:.1f} s down")
    print(f"the transfer added at most {files['memory_added_mib']:.0f} MiB to the backend")


def measure(environment: dict[str, Any], home: str, size: int) -> dict[str, dict[str, float]]:
    """MB/s (10⁶ bytes) up and down, and the MiB that the backend grew by; of the peer too."""
    with tempfile.TemporaryDirectory(dir=home) as folder, _plain_server(Path(folder) / "content") as url:
        peer = Exchange(url, {})
        peer.upload("/", 8 * MIB)
        plain = {
            "upload_mb_s": _speed(size, lambda: peer.upload("/", size)),
            "download_mb_s": _speed(size, lambda: peer.download("/")),
        }
    return {"files": _files(environment, home, size), "plain": plain}


def _files(environment: dict[str, Any], home: str, size: int) -> dict[str, float]:
    web = environment["WEB_URL"]
    token, canvas = new_canvas(web)
    headers = {"Authorization": f"Bearer {token}"}
    exchange = Exchange(web, headers)
    with httpx.Client(base_url=web, timeout=60, headers=headers) as http:

        def upload(size: int) -> str:
            before = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="bench.bin"\r\n\r\n'
            kind = {"Content-Type": "multipart/form-data; boundary=cut"}
            path = f"/api/canvases/{canvas}/files"
            answer = json.loads(exchange.upload(path, size, before, b"\r\n--cut--\r\n", **kind))
            return str(answer["file"]["id"])

        exchange.download(f"/api/files/{upload(64 * MIB)}/content")  # what the first transfer needs, each has
        ids: list[str] = []
        with _memory(home) as memory:
            with _processors(home, size) as up_cpu:
                up = _speed(size, lambda: ids.append(upload(size)))
            with _processors(home, size) as down_cpu:
                down = _speed(size, lambda: exchange.download(f"/api/files/{ids[0]}/content"))
        http.delete(f"/api/files/{ids[0]}").raise_for_status()
    return {
        "upload_mb_s": up,
        "download_mb_s": down,
        "upload_cpu_s": up_cpu[0],
        "download_cpu_s": down_cpu[0],
        "memory_added_mib": memory(),
    }


def _speed(size: int, transfer: Any) -> float:  # noqa: ANN401  (whatever it answers)
    start = time.perf_counter()
    transfer()
    return round(size / 1e6 / (time.perf_counter() - start), 1)


@contextmanager
def _plain_server(path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "canvas_demo.bench.plain_server", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  (our own module)
        try:
            assert server.stdout is not None  # noqa: S101  (a pipe)
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


@contextmanager
def _processors(home: str, size: int) -> Iterator[list[float]]:
    """The processor seconds of the backend in the block, as if ``size`` were a GiB."""
    processes, taken = _backend(home), list[float]()
    before = _cpu(processes)
    yield taken
    taken.append(round((_cpu(processes) - before) * 1024 * MIB / size, 2))


@contextmanager
def _memory(home: str) -> Iterator[Any]:
    """How many MiB the backend's processes grew by at most while the block ran, as a function."""
    processes = _backend(home)
    before, peak, over = _pss(processes), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(SAMPLE_SECONDS):
            peak = max(peak, _pss(processes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: round(max(peak - before, 0.0), 1)
    finally:
        over.set()
        watcher.join()


def _backend(home: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if "serve" in process.cmdline() and process.environ().get("CANVAS_DEMO_HOME") == home:
                found.append(process.pid)
        except psutil.Error:
            continue
    if not found:
        raise RuntimeError(f"no backend runs in {home}")
    return found


def _cpu(pids: list[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def _pss(pids: list[int]) -> float:
    """MiB of these processes."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
