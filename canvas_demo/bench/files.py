"""How fast a file comes and goes, encrypted, and the memory that it takes; beside a server that only writes it down.

Each round does the one and then the other; the median of all but the first counts. Both are spoken
to over one connection of their own, by a client that does nothing but send and receive. The memory
is the growth of the backend's processes (PSS, proc_pid_smaps(5)) over what they have after a small
file went through. The processor seconds, user and system, are those of the same processes: they tell
what a change is worth also on a machine that has other things to do.
"""

import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
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
WARM_UP = 64 * MIB
SAMPLE_SECONDS = 0.02
WAYS = ("upload", "download")
Figures = dict[str, list[float]]
"""A figure a round: MB/s as `upload_mb_s` and `download_mb_s`, processor seconds a GiB as `…_cpu_s`."""


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

    def download(self, path: str) -> None:
        """Receive a body to its end."""
        buffer = bytearray(BLOCK)
        with self._request("GET", path, {}) as sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the download was answered with {head[:500]!r}")
            while sock.recv_into(buffer):
                pass

    def _request(self, method: str, path: str, headers: dict[str, str]) -> socket.socket:
        said = {"Host": "bench", "Connection": "close", **self._headers, **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
        sock = socket.create_connection(self._address)
        sock.sendall("\r\n".join(lines).encode())
        return sock


def print_files(size: int, rounds: int, *, as_json: bool) -> None:
    """Measure on the stack that runs with files of ``size`` MiB, and print the figures, or JSON."""
    settings = load_settings()
    figures, memory = measure(of_running(settings), str(settings.home), size * MIB, rounds)
    if as_json:
        print(json.dumps({**figures, "memory_added_mib": memory}, indent=2))
        return
    print(f"{size} MiB, one after the other; median of {rounds} rounds, and the one before them")
    for name, of in figures.items():
        ways = (f"{way} {_typical(of[way + '_mb_s']):6.0f} MB/s (at first {of[way + '_mb_s'][0]:6.0f})" for way in WAYS)
        print(f"{name:10} {'   '.join(ways)}")
    seconds = (f"{_typical(figures['files'][way + '_cpu_s']):.1f} s {way}" for way in WAYS)
    print(f"the backend's processors, a GiB: {', '.join(seconds)}")
    print(f"the transfers added at most {memory:.0f} MiB to the backend")


def _typical(rounds: list[float]) -> float:
    """What is told of them: the first is told apart."""
    return statistics.median(rounds[1:])


def measure(environment: dict[str, Any], home: str, size: int, rounds: int) -> tuple[dict[str, Figures], float]:
    """MB/s (10⁶ bytes) up and down, the peer's too, by turns: a first round, and ``rounds`` more.

    The first writes to memory of the machine that nobody has used before, which can cost a virtual machine
    a fifth of it. And the MiB that the backend grew by at most.
    """
    figures: dict[str, Figures] = {"files": defaultdict(list), "plain": defaultdict(list)}
    ours = _Files(environment)
    ours.transfer(WARM_UP)  # what the first transfer needs, each has
    with (
        tempfile.TemporaryDirectory(dir=home) as folder,
        _plain_server(Path(folder) / "content") as url,
        _memory(home) as memory,
    ):
        peer = Exchange(url, {})
        for _ in range(1 + rounds):
            with _timed(figures["plain"], "upload", size):
                peer.upload("/", size)
            with _timed(figures["plain"], "download", size):
                peer.download("/")
            with _processors(home, figures["files"], "upload", size), _timed(figures["files"], "upload", size):
                file_id = ours.upload(size)
            with _processors(home, figures["files"], "download", size), _timed(figures["files"], "download", size):
                ours.download(file_id)
            ours.delete(file_id)
    return figures, memory()


class _Files:
    """Files on a canvas of the bench's own."""

    def __init__(self, environment: dict[str, Any]) -> None:
        self._web = environment["WEB_URL"]
        token, self._canvas = new_canvas(self._web)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._exchange = Exchange(self._web, self._headers)

    def upload(self, size: int) -> str:
        """Send a file of ``size`` bytes, as a browser does; its id."""
        before = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="bench.bin"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=cut"}
        answer = self._exchange.upload(f"/api/canvases/{self._canvas}/files", size, before, b"\r\n--cut--\r\n", **kind)
        return str(json.loads(answer)["file"]["id"])

    def download(self, file_id: str) -> None:
        """Receive its content."""
        self._exchange.download(f"/api/files/{file_id}/content")

    def delete(self, file_id: str) -> None:
        """Remove it."""
        httpx.delete(f"{self._web}/api/files/{file_id}", headers=self._headers, timeout=60).raise_for_status()

    def transfer(self, size: int) -> None:
        """All of it, with nothing left."""
        file_id = self.upload(size)
        self.download(file_id)
        self.delete(file_id)


@contextmanager
def _timed(figures: Figures, way: str, size: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    figures[f"{way}_mb_s"].append(round(size / 1e6 / (time.perf_counter() - start), 1))


@contextmanager
def _processors(home: str, figures: Figures, way: str, size: int) -> Iterator[None]:
    """The processor seconds of the backend in the block, as if ``size`` were a GiB."""
    processes = _backend(home)
    before = _cpu(processes)
    yield
    figures[f"{way}_cpu_s"].append(round((_cpu(processes) - before) * 1024 * MIB / size, 2))


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
