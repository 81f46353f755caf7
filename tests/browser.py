"""JupyterLab server and headless Chromium for tests, with their own settings and processes."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import matplotlib
import psutil
import pytest

BROWSERS = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
]
OPTIONS = [
    "--headless=new",
    "--window-size=1400,1000",
    "--no-sandbox",  # the sandbox does not start as root, or in many containers
    "--disable-dev-shm-usage",  # /dev/shm is small in containers
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # pages load from here only
]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false"},  # else JupyterLab asks for news
    "notebook-extension/tracker": {"windowingMode": "none"},  # else hidden cells are missing
}
FOLDERS = {
    "HOME": "",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}
TOKEN = "token-of-the-test"


def find_browser():
    """Return the paths of the system's browser and its driver. Skip the test if one is missing."""
    pytest.importorskip("selenium", reason="Selenium is not installed")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not browser:
        pytest.skip("neither Chromium nor Chrome is installed")
    if not driver:
        pytest.skip("chromedriver is not on the PATH")
    return browser, driver


def wait_for(condition, what, timeout=300):
    """Call a function until it returns a true value, and return this value."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {timeout} seconds, but not yet: {what}")


def processes_of(folder):
    """Return the other processes that have a folder in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended or belongs to another user
            texts = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in text for text in texts):
                found.append(process)
    return found


def end_processes(folder):
    """Kill the processes of a folder."""
    for process in processes_of(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@contextlib.contextmanager
def open_browser(folder):
    """Start headless Chromium with its profile in a folder. Yield the driver, then end both."""
    browser, chromedriver = find_browser()
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in [*OPTIONS, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        service = webdriver.ChromeService(chromedriver, env={**os.environ, "HOME": str(folder)})
        driver = webdriver.Chrome(options, service)
        try:
            yield driver
        finally:
            driver.quit()
    finally:
        end_processes(folder)


def read_console(driver, harmless=None):
    """Return the console's errors and warnings since the last call, without harmless ones."""
    messages = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    return [message for message in messages if not (harmless and harmless.search(message))]


class LabServer:
    """JupyterLab on a free port of the loopback address.

    Parameters
    ----------
    lab : Path
        The folder that JupyterLab shows.
    private : Path
        The folder to make for the settings of Jupyter and IPython, and for the log.
    """

    def __init__(self, lab, private):
        self.private, self.log = private, private / "server.log"
        for name, values in SETTINGS.items():
            path = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(values))
        # Settings of the user and of the test run must not change JupyterLab.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON", "MPL", "COV"))}
        environment |= {name: str(private / folder) for name, folder in FOLDERS.items()}
        environment |= {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # else it lists all fonts again
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=lab, env={**environment, "JUPYTER_TOKEN": TOKEN}, stdout=log, stderr=log
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_processes(self.private)
        self.process.wait(60)
        print(self.log.read_text(encoding="utf-8", errors="replace"))  # shown if the test fails

    def wait_for_address(self):
        """Return URL and port as soon as the server answers."""

        def read_address():
            assert self.process.poll() is None, "JupyterLab ended"
            for path in (self.private / "runtime").glob("jpserver-*.json"):
                with contextlib.suppress(ValueError):  # half written
                    written = json.loads(path.read_text())
                    return written["url"], written["port"]

        return wait_for(read_address, "JupyterLab answers", 120)

    def find_kernel(self):
        """Return the kernel's process as soon as exactly one kernel runs."""

        def read_kernels():
            with contextlib.suppress(psutil.NoSuchProcess):  # one has just ended
                kernels = [p for p in processes_of(self.private) if "ipykernel_launcher" in p.cmdline()]
                return len(kernels) == 1 and kernels[0]

        return wait_for(read_kernels, "one kernel runs", 60)
