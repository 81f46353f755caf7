"""Tests of the download, from a local HTTP server with good and bad answers."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT

from datasets import fetch as fetch_module
from datasets.fetch import fetch, main
from datasets.names import ARCHIVE, BATCHES, FOLDER

pytestmark = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="this Python cannot unpack safely, see datasets/README.md"
)


def make_archive(members):
    """Pack a .tar.gz of (TarInfo, bytes) pairs."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


GOOD = make_archive([(tarfile.TarInfo(f"{FOLDER}/{name}"), name.encode() + os.urandom(50_000)) for name in BATCHES])
GOOD_SHA256 = hashlib.sha256(GOOD).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Handler of HTTP requests. The path decides whether the answer is good or bad."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/silent":
            self.server.released.wait(60)
        else:
            body = GOOD[:-1] + b"?" if self.path == "/wrong" else GOOD
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path == "/truncated" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """HTTP server on the loopback address. Its list `asked` holds the requested paths."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked, httpd.released, httpd.url = [], threading.Event(), f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, args=[0.01])
    thread.start()
    yield httpd
    httpd.released.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Set the time limit to a minute. A busy machine may need more than five seconds."""
    monkeypatch.setattr(fetch_module, "TIMEOUT", 60)


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("path", ["/wrong", "/truncated", "/missing"])
def test_bad_mirror_and_a_good_one(server, tmp_path, path):
    """If the first mirror sends wrong bytes, too few bytes or nothing, the second one is used."""
    target = fetch(tmp_path, [server.url + path, server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == [path, "/good"]
    assert target == tmp_path / FOLDER and left_behind(target) == sorted(BATCHES)
    assert (target / "test_batch").read_bytes().startswith(b"test_batch")
    assert left_behind(tmp_path) == [FOLDER]


def test_no_mirror_delivers(server, tmp_path):
    """The error gives the reason for each mirror and says what to do. No file stays."""
    urls = [server.url + path for path in ("/wrong", "/truncated", "/missing")]
    urls += ["http://127.0.0.1:9/refused", "http://no-such-host.invalid/"]
    with pytest.raises(ConnectionError, match="Put cifar-10-python.tar.gz into ") as caught:
        fetch(tmp_path, urls, sha256=GOOD_SHA256)
    for url, reason in zip(urls, ["hash", "", "404", "refused", ""], strict=True):
        assert url in str(caught.value) and reason in str(caught.value)
    assert f"into {tmp_path}, or set CIFAR10_DIR" in str(caught.value)
    assert left_behind(tmp_path) == []


def test_server_that_stops_answering(server, tmp_path, monkeypatch):
    """The mirror is given up after the time limit."""
    monkeypatch.setattr(fetch_module, "TIMEOUT", 0.1)
    with pytest.raises(ConnectionError, match="timed out|timeout"):
        fetch(tmp_path, [server.url + "/silent"])


MACHINE = [OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EACCES)]
MIRROR = [TimeoutError(), TimeoutError(errno.ETIMEDOUT, "late"), ConnectionResetError(errno.ECONNRESET, "reset")]


@pytest.mark.parametrize("error", MACHINE + MIRROR, ids=repr)
def test_errors_of_the_machine_are_not_those_of_a_mirror(tmp_path, monkeypatch, error):
    """After an error of the machine no other mirror is tried, and the stand-in is not used."""
    asked = []

    def fail(url, *args, **options):
        asked.append(url)
        raise error

    monkeypatch.setattr("pooch.retrieve", fail)
    urls = ["http://127.0.0.1/1", "http://127.0.0.1/2"]
    with pytest.raises(OSError) as caught:
        fetch(tmp_path, urls)
    if error in MACHINE:
        assert caught.value.errno == error.errno and asked == urls[:1]
        assert ("needs 360 MB there, and the stand-in 185 MB" in str(caught.value)) is (error.errno == errno.ENOSPC)
    else:
        assert isinstance(caught.value, ConnectionError) and f"{urls[1]}: {str(error) or 'Time'}" in str(caught.value)
        assert asked == urls
    assert left_behind(tmp_path) == []


def test_python_that_cannot_unpack_safely(tmp_path, monkeypatch):
    """The error comes before the download."""
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(ConnectionError, match="unpacking safely needs Python 3.10.12, 3.11.4 or newer"):
        fetch(tmp_path, ["http://127.0.0.1:9/refused"])


@pytest.mark.parametrize("name", [ARCHIVE, "cifar-10-python (1).tar.gz"])
@pytest.mark.parametrize("place", ["datasets", "cache"])
def test_own_archive_is_taken(server, tmp_path, monkeypatch, capsys, name, place):
    """The user's archive there or in datasets/ is used, also if a browser renamed it. It stays."""
    for folder in ("datasets", "cache"):
        (tmp_path / folder).mkdir()
    (tmp_path / place / name).write_bytes(GOOD)
    (tmp_path / place / "cifar-10-python (0).extracted").mkdir()
    if name == ARCHIVE:
        (tmp_path / place / "cifar-10-python (2).tar.gz").write_bytes(b"not examined")
    monkeypatch.setattr(fetch_module, "DATASETS", tmp_path / "datasets")
    assert fetch(tmp_path / "cache", [server.url + "/good"], sha256=GOOD_SHA256) == tmp_path / "cache" / FOLDER
    assert server.asked == [] and capsys.readouterr().out == ""
    assert (tmp_path / "cache" / FOLDER / "test_batch").is_file() and (tmp_path / place / name).read_bytes() == GOOD


def test_own_archive_that_is_not_used(server, tmp_path, capsys):
    """A message says which archive is damaged, unpacked or incomplete. The file stays."""
    path = tmp_path / "cifar-10-python.tar.gz.crdownload"
    path.write_bytes(GOOD[:-10])
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert f"{path} is not used: its SHA-256 is wrong" in capsys.readouterr().out
    assert server.asked == ["/good"] and path.read_bytes() == GOOD[:-10]


def test_folder_that_is_there(server, tmp_path, monkeypatch):
    """A complete folder is not fetched again. An incomplete one is an error."""
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert fetch("~", [server.url + "/missing"]) == tmp_path / FOLDER
    (tmp_path / FOLDER / "data_batch_3").unlink()
    with pytest.raises(FileExistsError, match=f"{FOLDER} exists, but lacks data_batch_3. Move it away"):
        fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == ["/good"]


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "evil",
    [
        member("/tmp/absolute"),
        member(f"{FOLDER}/../../above"),
        member(f"{FOLDER}/link", tarfile.SYMTYPE, "data_batch_1"),
        member(f"{FOLDER}/hard", tarfile.LNKTYPE, f"{FOLDER}/data_batch_1"),
        member(f"{FOLDER}/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda evil: evil.name,
)
def test_archive_with_surprises(tmp_path, evil):
    """Even if the hash is correct, only plain files and folders with relative names are unpacked."""
    content = make_archive([(member(f"{FOLDER}/data_batch_1"), b"fine"), (evil, b"")])
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / ARCHIVE).write_bytes(content)
    with pytest.raises(tarfile.FilterError, match=evil.name.strip("/")):
        fetch(tmp_path / "datasets", [], sha256=hashlib.sha256(content).hexdigest())
    assert left_behind(tmp_path) == ["datasets"] and left_behind(tmp_path / "datasets") == [ARCHIVE]


def test_command_line(server, tmp_path, monkeypatch, capsys):
    """The command takes --dir and --mirror. A failure gives a message and exit status 1. Only a terminal gets a bar."""
    monkeypatch.setattr(fetch_module.fetch, "__kwdefaults__", {"sha256": GOOD_SHA256})
    with pytest.raises(SystemExit, match="fetch: no mirror delivered"):
        main(["--dir", str(tmp_path), "--mirror", server.url + "/missing"])
    main(["--dir", str(tmp_path), "--mirror", server.url + "/missing", "--mirror", server.url + "/good"])
    printed = capsys.readouterr()
    assert f"CIFAR-10 is in {tmp_path / FOLDER}" in printed.out and "%" not in printed.err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["--dir", str(tmp_path / "other"), "--mirror", server.url + "/good"])
    assert "%" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="fetch: nothing can be written into .*test_batch"):
        main(["--dir", str(tmp_path / FOLDER / "test_batch")])


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [([str(ROOT / "datasets" / "fetch.py")], "."), (["-m", "datasets.fetch"], ROOT)],
    ids=["script", "module"],
)
def test_ways_to_start_it(tmp_path, arguments, folder):
    """It works in every folder, beside another package `datasets`, and prints to a file in any encoding."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("raise ImportError('of another package')")
    data = tmp_path / "daten-\u0434" / FOLDER
    data.mkdir(parents=True)
    for name in BATCHES:
        (data / name).touch()
    command = [sys.executable, *arguments, "--dir", str(data.parent)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "cp1252"}
    out = subprocess.run(command, cwd=tmp_path / folder, env=environment, check=True, stdout=subprocess.PIPE).stdout
    assert b"daten-\\u0434" in out


def test_name_server_that_does_not_answer(tmp_path, monkeypatch):
    """The mirror is given up after the time limit."""
    monkeypatch.setattr(fetch_module, "TIMEOUT", 0.1)
    waiting = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: waiting.wait(60))
    with pytest.raises(ConnectionError, match="the name mirror.example cannot be resolved"):
        fetch(tmp_path, ["https://mirror.example/x"])
    waiting.set()


def test_proxy_resolves_the_name(server, tmp_path, monkeypatch):
    """If there is a proxy, this machine may not know the mirror's name."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    fetch(tmp_path, ["http://no-such-host.invalid/good"], sha256=GOOD_SHA256)
    assert server.asked == ["http://no-such-host.invalid/good"]
