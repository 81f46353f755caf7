"""Tests of the download, from a local HTTP server with good and bad answers."""

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import posix, run_python

from datasets import fetch as fetch_module
from datasets.fetch import ABANDONED, fetch, main
from datasets.names import ARCHIVE, BATCHES, FOLDER


def make_archive(members):
    """Pack a .tar.gz of (TarInfo, bytes) pairs."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


pytestmark = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="this Python cannot unpack safely, see README"
)
GOOD = make_archive([(tarfile.TarInfo(f"{FOLDER}/{name}"), name.encode() + os.urandom(50_000)) for name in BATCHES])
ROOT = Path(fetch_module.__file__).resolve().parents[1]
GOOD_SHA256 = hashlib.sha256(GOOD).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Handler of HTTP requests. The path decides whether the answer is good or bad."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        body = GOOD[:-1] + b"?" if self.path == "/wrong" else GOOD
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path in ("/truncated", "/hanging"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if self.path == "/hanging":
                self.server.released.wait(60)
        else:
            self.wfile.write(body)

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


@pytest.fixture
def impatient(monkeypatch):
    """Set the time limit to half a second."""
    monkeypatch.setattr(fetch_module, "TIMEOUT", 0.5)


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("path", ["/good", "/redirect"])
def test_good_archive(server, tmp_path, path):
    """The archive is unpacked, and no temporary file stays."""
    target = fetch(tmp_path, [server.url + path], sha256=GOOD_SHA256)
    assert target == tmp_path / FOLDER and sorted(left_behind(target)) == sorted(BATCHES)
    assert (target / "test_batch").read_bytes().startswith(b"test_batch")
    assert left_behind(tmp_path) == [FOLDER]


@pytest.mark.parametrize("path", ["/wrong", "/truncated", "/missing", "/hanging"])
def test_bad_mirror_and_a_good_one(server, tmp_path, impatient, path):
    """If the first mirror sends wrong bytes, too few bytes or nothing, the second one is used."""
    fetch(tmp_path, [server.url + path, server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == [path, "/good"]
    assert left_behind(tmp_path) == [FOLDER]


def test_no_mirror_delivers(server, tmp_path, impatient):
    """The error gives the reason for each mirror and says what to do. No file stays."""
    urls = [server.url + path for path in ("/wrong", "/truncated", "/missing", "/hanging")]
    urls += ["http://127.0.0.1:9/refused", "http://no-such-host.invalid/"]
    with pytest.raises(ConnectionError, match="Put cifar-10-python.tar.gz into ") as caught:
        fetch(tmp_path, urls, sha256=GOOD_SHA256)
    for url, reason in zip(urls, ["hash", "", "404", "timed out", "refused", "cannot be resolved"], strict=True):
        assert url in str(caught.value) and reason in str(caught.value)
    assert f"into {tmp_path}, or set CIFAR10_DIR" in str(caught.value)
    assert left_behind(tmp_path) == []


def test_name_server_that_does_not_answer(tmp_path, impatient, monkeypatch):
    """The mirror is given up after the time limit."""
    waiting = threading.Event()
    monkeypatch.setattr(fetch_module.socket, "getaddrinfo", lambda *args: waiting.wait(60))
    with pytest.raises(ConnectionError, match="the name mirror.example cannot be resolved"):
        fetch(tmp_path, ["https://mirror.example/x"])
    waiting.set()


def test_connection_and_reads_have_a_time_limit(tmp_path, impatient, monkeypatch):
    """Both have the same limit."""
    limits = []
    monkeypatch.setattr(fetch_module.pooch, "HTTPDownloader", lambda timeout, **options: limits.append(timeout))
    with pytest.raises(ConnectionError, match="refused"):
        fetch(tmp_path, ["http://127.0.0.1:9/refused"])
    assert limits == [(0.5, 0.5)]


def test_proxy_resolves_the_name(server, tmp_path, monkeypatch):
    """If there is a proxy, this machine may not know the mirror's name."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    fetch(tmp_path, ["http://no-such-host.invalid/good"], sha256=GOOD_SHA256)
    assert server.asked == ["http://no-such-host.invalid/good"]


def test_error_without_a_text(tmp_path, monkeypatch):
    """The message gives the type of the error."""

    def fail(url):
        raise TimeoutError

    monkeypatch.setattr(fetch_module, "_resolve", fail)
    with pytest.raises(ConnectionError, match="http://mirror.example/x: TimeoutError"):
        fetch(tmp_path, ["http://mirror.example/x"])


def test_python_that_cannot_unpack_safely(tmp_path, monkeypatch):
    """The error comes before the download."""
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(ConnectionError, match="unpacking safely needs Python 3.10.12, 3.11.4 or newer"):
        fetch(tmp_path, ["http://127.0.0.1:9/refused"])


@pytest.mark.parametrize("faster", [True, False])
def test_rename_that_fails(server, tmp_path, monkeypatch, faster):
    """If another run has made the folder, it is used. If not, the error is raised."""

    def rename(source, target):
        if faster:
            shutil.copytree(source, target)
        raise OSError("the rename failed")

    monkeypatch.setattr(fetch_module.os, "rename", rename)
    if faster:
        target = fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
        assert left_behind(tmp_path) == [FOLDER] and sorted(left_behind(target)) == sorted(BATCHES)
    else:
        with pytest.raises(OSError, match="the rename failed"):
            fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
        assert left_behind(tmp_path) == []


@pytest.mark.parametrize("old", [("folder",), ("file",), ("folder", "file")])
def test_only_folders_without_recent_changes_are_abandoned(server, tmp_path, old):
    """A folder is removed only if the folder and its files are old."""
    (tmp_path / ".fetch-x").mkdir()
    (tmp_path / ".fetch-x" / "file").write_bytes(b"half")
    paths = {"file": tmp_path / ".fetch-x" / "file", "folder": tmp_path / ".fetch-x"}
    for name in old:
        os.utime(paths[name], (0, time.time() - ABANDONED - 1))
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert paths["folder"].exists() == (len(old) == 1)


def test_own_archive_is_taken(server, tmp_path):
    """An archive that the user has put there is used without a download. It is not removed."""
    (tmp_path / ARCHIVE).write_bytes(GOOD)
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == [] and left_behind(tmp_path) == [FOLDER, ARCHIVE]


def test_own_archive_of_a_readonly_installation(server, tmp_path, monkeypatch):
    """The archive in datasets/ is for all users. Each user unpacks it into their own cache."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / ARCHIVE).write_bytes(GOOD)
    monkeypatch.setattr(fetch_module, "DATASETS", tmp_path / "datasets")
    target = fetch(tmp_path / "cache", [server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == [] and target == tmp_path / "cache" / FOLDER
    assert left_behind(tmp_path / "datasets") == [ARCHIVE]


def test_own_archive_that_is_damaged(server, tmp_path, capsys):
    """A message names the archive. It is not used and not changed."""
    (tmp_path / ARCHIVE).write_bytes(GOOD[:-10])
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    out = capsys.readouterr().out
    assert (
        f"{tmp_path / ARCHIVE} is not used: its SHA-256 is not {GOOD_SHA256[:12]}..., so it is damaged or another file"
        in out
    )
    assert server.asked == ["/good"]
    assert (tmp_path / ARCHIVE).read_bytes() == GOOD[:-10]


def test_own_archive_under_a_browsers_name(server, tmp_path):
    """A browser adds (1) to the name of a second download. The hash identifies the archive."""
    (tmp_path / "cifar-10-python (1).tar.gz").write_bytes(GOOD)
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert server.asked == [] and (tmp_path / FOLDER).is_dir()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cifar-10-python.tar", 'cifar-10-python.tar is there: unpack it with tar -xf "cifar-10-python.tar"'),
        ("cifar-10-python.tar.gz.crdownload", "cifar-10-python.tar.gz.crdownload is an incomplete download: finish it"),
        ("cifar-10-python.tar.gz.part", "cifar-10-python.tar.gz.part is an incomplete download: finish it"),
    ],
)
def test_archive_that_a_browser_has_changed(server, tmp_path, capsys, name, advice):
    """For an unpacked or incomplete archive a message says what to do. It is not used."""
    (tmp_path / name).write_bytes(b"something")
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    out = capsys.readouterr().out
    assert f"{tmp_path / name} is not used: its SHA-256" in out and advice in out
    assert server.asked == ["/good"] and (tmp_path / name).read_bytes() == b"something"


@pytest.mark.parametrize("error", [ConnectionError("no mirror"), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("faster", [True, False])
def test_another_run_finishes_while_this_one_fails(tmp_path, monkeypatch, faster, error):
    """This run uses the folder of the other run. Without such a folder, the error is raised."""

    def fail(*args):
        if faster:
            (tmp_path / FOLDER).mkdir()
            for name in BATCHES:
                (tmp_path / FOLDER / name).touch()
        raise error

    monkeypatch.setattr(fetch_module, "_download", fail)
    if faster:
        assert fetch(tmp_path) == tmp_path / FOLDER
    else:
        with pytest.raises(type(error)):
            fetch(tmp_path)
    assert left_behind(tmp_path) == [FOLDER] * faster


def test_several_processes_at_once(tmp_path):
    """All have unpacked the archive before one of them renames its folder. All use this folder."""
    code = """if True:
        import os, sys
        from datasets import fetch
        def rename(source, target, rename=os.rename):
            print("ready", flush=True)
            sys.stdin.readline()
            rename(source, target)
        os.rename = rename
        folder = fetch.fetch(sys.argv[1], [], sha256=sys.argv[2])
        print(folder.stat().st_ino, [path.stat().st_size for path in sorted(folder.iterdir())])
    """
    (tmp_path / ARCHIVE).write_bytes(GOOD)
    processes = [run_python(code, tmp_path, GOOD_SHA256, stdin=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4 and len(set(results)) == 1, results
    assert left_behind(tmp_path) == [FOLDER, ARCHIVE]


@posix
def test_abandoned_folder_that_another_run_removes(server, tmp_path):
    """A file may disappear while the folder is examined. A link without a target simulates this."""
    (tmp_path / ".fetch-x").mkdir()
    (tmp_path / ".fetch-x" / "file").symlink_to(tmp_path / "nothing")
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert left_behind(tmp_path) == [".fetch-x", FOLDER]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE])
def test_errors_of_the_machine_are_not_those_of_a_mirror(tmp_path, monkeypatch, code):
    """No other mirror is tried, and the error is not a ConnectionError."""
    asked = []

    def fail(url, *args, **options):
        asked.append(url)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fetch_module.pooch, "retrieve", fail)
    monkeypatch.setattr(fetch_module, "_resolve", lambda url: None)
    with pytest.raises(OSError) as caught:
        fetch(tmp_path, ["http://mirror.example/1", "http://mirror.example/2"])
    assert caught.value.errno == code and not isinstance(caught.value, ConnectionError)
    assert asked == ["http://mirror.example/1"] and left_behind(tmp_path) == []


def test_folder_that_is_there(server, tmp_path):
    """A complete folder is not fetched again. An incomplete one is an error."""
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert fetch(tmp_path, [server.url + "/missing"]) == tmp_path / FOLDER
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
        member("../above"),
        member(f"{FOLDER}/../../above"),
        member(f"{FOLDER}/link", tarfile.SYMTYPE, "data_batch_1"),
        member(f"{FOLDER}/hard", tarfile.LNKTYPE, f"{FOLDER}/data_batch_1"),
        member(f"{FOLDER}/device", tarfile.CHRTYPE),
        member(f"{FOLDER}/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda evil: evil.name,
)
def test_archive_with_surprises(tmp_path, evil):
    """Even if the hash is right, only plain files and folders with relative names are unpacked."""
    content = make_archive([(member(f"{FOLDER}/data_batch_1"), b"fine"), (evil, b"")])
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / ARCHIVE).write_bytes(content)
    with pytest.raises(tarfile.FilterError, match=evil.name.strip("/")):
        fetch(tmp_path / "datasets", [], sha256=hashlib.sha256(content).hexdigest())
    assert left_behind(tmp_path) == ["datasets"] and left_behind(tmp_path / "datasets") == [ARCHIVE]


def test_killed_during_the_download(server, tmp_path):
    """SIGKILL leaves no incomplete data. The next run succeeds. A later one removes old folders."""
    code = "import sys; from datasets.fetch import fetch; fetch(sys.argv[1], [sys.argv[2]])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, server.url + "/hanging"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not any(path.stat().st_size > 10_000 for path in tmp_path.glob(".fetch-*/*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    (abandoned,) = tmp_path.iterdir()
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert left_behind(tmp_path) == [abandoned.name, FOLDER]  # its last change is too recent

    for path in (*abandoned.iterdir(), abandoned):
        os.utime(path, (0, time.time() - ABANDONED - 1))
    (tmp_path / FOLDER).rename(tmp_path / "elsewhere")
    fetch(tmp_path, [server.url + "/good"], sha256=GOOD_SHA256)
    assert left_behind(tmp_path) == [FOLDER, "elsewhere"]


def test_command_line(server, tmp_path, monkeypatch, capsys):
    """The command takes --dir and --mirror. A failure gives a message and exit status 1."""
    monkeypatch.setattr(fetch_module.fetch, "__kwdefaults__", {"sha256": GOOD_SHA256})
    with pytest.raises(SystemExit, match="fetch: no mirror delivered"):
        main(["--dir", str(tmp_path), "--mirror", server.url + "/missing"])
    main(["--dir", str(tmp_path), "--mirror", server.url + "/missing", "--mirror", server.url + "/good"])
    assert f"CIFAR-10 is in {tmp_path / FOLDER}" in capsys.readouterr().out
    (tmp_path / FOLDER / "test_batch").unlink()
    with pytest.raises(SystemExit, match=f"fetch: .*{FOLDER} exists, but lacks test_batch"):
        main(["--dir", str(tmp_path)])


def test_folder_that_cannot_be_made(tmp_path):
    """If the cache folder cannot be made or --dir is wrong, one message says what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="fetch: nothing can be written into .*cache: .*--dir, or set CIFAR10_DIR"):
        main(["--dir", str(tmp_path / "file" / "cache")])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_in_any_encoding(tmp_path, encoding):
    """The output goes to a file, and the code page does not have a letter of the path."""
    folder = tmp_path / "daten-\u0434" / FOLDER
    folder.mkdir(parents=True)
    for name in BATCHES:
        (folder / name).touch()
    command = [sys.executable, str(ROOT / "datasets" / "fetch.py"), "--dir", str(folder.parent)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    assert b"daten-\\u0434" in out


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [([str(ROOT / "datasets" / "fetch.py")], "."), (["-m", "datasets.fetch"], ROOT)],
    ids=["script", "module"],
)
def test_ways_to_start_it(tmp_path, arguments, folder):
    """The script works in every folder. Another package `datasets` does not hide the module."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("raise ImportError('of another package')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, *arguments, "--help"]
    out = subprocess.run(command, cwd=tmp_path / folder, env=environment, check=True, capture_output=True).stdout
    assert b"--mirror" in out and b"SHA-256" in out
