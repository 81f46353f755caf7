"""Test of the notebook in JupyterLab, and of its report, in a real browser."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import matplotlib
import nbformat
import psutil
import pytest
from conftest import ROOT
from test_notebook import code_cells, make_tiny

from run_notebook import NOTEBOOK, render

pytestmark = pytest.mark.browser

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
FOLDERS = {  # settings of the user must not change JupyterLab
    "HOME": "",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false"},  # else JupyterLab asks for news
    "notebook-extension/tracker": {"windowingMode": "none"},  # else hidden cells are missing
}
TOKEN = "token-of-the-test"
READ_PAGE = """
const find = (selector) => [...document.querySelectorAll(selector)];
const texts = (selector) => find(selector).map((element) => element.textContent.trim());
return {
  idle: find('.jp-Notebook-ExecutionIndicator[data-status="idle"]').length > 0,
  counts: texts(".jp-Notebook .jp-CodeCell .jp-InputArea-prompt"),
  sizes: find(".jp-Notebook .jp-OutputArea img").map((image) => [image.naturalWidth, image.naturalHeight]),
  errors: texts('[data-mime-type$="jupyter.error"], [data-mime-type$="jupyter.stderr"]'),
  notices: texts(".jp-Dialog, .Toastify__toast"),
};
"""
READ_REPORT = """
return {
  ready: document.readyState === "complete" && document.URL === arguments[0],
  images: [...document.images].map((image) => [image.alt, image.naturalWidth, image.naturalHeight]),
  fonts: [...document.querySelectorAll("pre")].map((pre) => getComputedStyle(pre).fontFamily),
  loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
};
"""
READ_FORMULAS = """
const formulas = [...document.querySelectorAll("mjx-container, math:not(mjx-container *)")];
const boxes = formulas.map((formula) => formula.getBoundingClientRect());
const cells = [...document.querySelectorAll(".jp-RenderedMarkdown")];
return [boxes.map((box) => [box.width, box.height]), cells.map((cell) => cell.innerText).join()];
"""
READ_WIDE = """
const found = [...document.querySelectorAll(arguments[0])];
return found.filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.innerText);
"""
# What must fit on a narrow window, where code, tables and block formulas may scroll, and on A4 paper.
FITS = [
    ("screen", 400, "html, .jp-RenderedMarkdown"),
    ("print", 698, "html, .jp-RenderedMarkdown, p, .jp-InputArea-editor, .jp-OutputArea-output"),
]
FORMULAS = r"""The loss $L$ is $\frac{1}{N} \sum_i L_i$. This is wider than a narrow window:

$$\begin{aligned} \text{scores} &= \max(0, X W_1 + b_1) W_2 + b_2 && \in \mathbb{R}^{N \times C} \\
p_{ic} &= e^{s_{ic}} / \textstyle\sum_k e^{s_{ik}} && \in \mathbb{R}^{N \times C} \end{aligned}$$
"""
# Messages that JupyterLab may write to the console. None of them comes from the notebook.
HARMLESS = re.compile(
    r'"Plugin \S+ (is taking too long|\(with \d+ dependants\) took [\d.]+ms) to activate\."$'  # on a busy machine
    r'|"Connection lost, reconnecting in 0 seconds\."$'  # a restart closes the old kernel's socket
)


def find_browser():
    """Return the paths of the system's browser and its driver. Skip the test if one is missing."""
    pytest.importorskip("selenium", reason="Selenium is not installed")
    browser, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("Chromium, Chrome or chromedriver is not installed")
    return browser, driver


def wait_for(condition, what, timeout=300):
    """Call a function until it returns a true value, and return this value."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {timeout} seconds, but not yet: {what}")


def end_processes(folder):
    """Kill the other processes that have a folder in their command line or environment."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended or belongs to another user
            texts = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in text for text in texts):
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
        with webdriver.Chrome(options, service) as driver:
            yield driver
    finally:
        end_processes(folder)


def read_console(driver, harmless=None):
    """Return the console's errors and warnings since the last call, without harmless ones."""
    messages = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    return [message for message in messages if not (harmless and harmless.search(message))]


@contextlib.contextmanager
def start_lab(lab, private):
    """Start JupyterLab for a folder on a free port, with its settings in another. Yield its address."""
    for name, values in SETTINGS.items():
        path = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON", "MPL", "COV"))}
    environment |= {name: str(private / folder) for name, folder in FOLDERS.items()}
    environment |= {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # else it lists all fonts again
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    with (private / "server.log").open("wb") as log:
        environment["JUPYTER_TOKEN"] = TOKEN
        process = subprocess.Popen(command, cwd=lab, env=environment, stdout=log, stderr=log)

    def read_address():
        assert process.poll() is None, "JupyterLab ended"
        for path in (private / "runtime").glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # half written
                return json.loads(path.read_text())["url"]

    try:
        yield wait_for(read_address, "JupyterLab answers")
    finally:
        end_processes(private)
        process.wait(60)
        print((private / "server.log").read_text(encoding="utf-8", errors="replace"))  # shown if the test fails


def count_pictures(notebook):
    return sum("image/png" in output.get("data", ()) for cell in code_cells(notebook) for output in cell.outputs)


def copy_lab(folder):
    """Copy a student's files, with tiny parameters and no outputs. Return the notebook's path."""
    for room in ("", "classifiers/**/", "datasets/", "diagnosis/"):
        for path in ROOT.glob(f"{room}*.py"):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    make_tiny(notebook)
    notebook.cells.append(nbformat.v4.new_markdown_cell(FORMULAS))
    for cell in code_cells(notebook):
        cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, folder / NOTEBOOK.name)
    return folder / NOTEBOOK.name


def click_menu(driver, menu, command):
    """Open a menu of JupyterLab and click on an item."""
    (title,) = (e for e in driver.find_elements("css selector", ".lm-MenuBar-item") if e.text == menu)
    title.click()
    selector = f'.lm-Menu-item[data-command="{command}"]'
    wait_for(lambda: driver.find_elements("css selector", selector), f"{menu} has {command}")[0].click()


def check_run(driver, n_cells, n_pictures):
    """Wait until all cells have run. Check counts and pictures, and that there is no error."""
    notices = set()

    def read_finished_page():
        page = driver.execute_script(READ_PAGE)
        notices.update(page["notices"])
        return "[*]:" not in page["counts"] and page

    wait_for(lambda: "[*]:" in driver.execute_script(READ_PAGE)["counts"], "a cell runs")
    page = wait_for(read_finished_page, "all cells have run")
    assert page["errors"] == [] and notices == set()
    assert page["counts"] == [f"[{count}]:" for count in range(1, n_cells + 1)]
    assert len(page["sizes"]) == n_pictures and min(map(min, page["sizes"])) > 0
    assert read_console(driver, HARMLESS) == []


def save(driver, path):
    """Save by the menu. Return the notebook in the file."""
    before = path.stat().st_mtime_ns

    def read_saved():
        with contextlib.suppress(nbformat.reader.NotJSONError):  # half written
            return path.stat().st_mtime_ns != before and nbformat.read(path, as_version=4)

    click_menu(driver, "File", "docmanager:save")
    return wait_for(read_saved, "the notebook is saved")


def count_formulas(driver):
    """Wait until no LaTeX is visible. Check that each formula is drawn, and return their number."""

    def read_sizes():
        sizes, text = driver.execute_script(READ_FORMULAS)
        return not re.search(r"\$|\\[a-zA-Z]", text) and sizes

    sizes = wait_for(read_sizes, "formulas replace all LaTeX", timeout=60)
    assert min(map(min, sizes)) > 0
    return len(sizes)


def find_faults(driver, path):
    """Open a report. Return its faults and its number of images."""

    def read_report():
        page = driver.execute_script(READ_REPORT, path.as_uri())
        return page["ready"] and page

    driver.get(path.as_uri())
    seen = wait_for(read_report, "the report is open")
    faults = [f"loads {address}" for address in seen["loaded"]]
    faults += [f"image without pixels: {alt}" for alt, *size in seen["images"] if 0 in size]
    faults += [f"code in the font {font}" for font in set(seen["fonts"]) if "monospace" not in font]
    for media, width, selector in FITS:
        metrics = {"width": width, "height": 0, "deviceScaleFactor": 0, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        faults += [f"too wide for {media}: {text}" for text in driver.execute_script(READ_WIDE, selector)]
    return faults + read_console(driver), len(seen["images"])


def test_lab(tmp_path, cifar10_of_the_notebook, monkeypatch):
    """All cells run by the menu, and again after a restart. The saved notebook makes a good report."""
    find_browser()  # skips before a server starts
    stored = nbformat.read(NOTEBOOK, as_version=4)
    expected = len(code_cells(stored)), count_pictures(stored)
    notebook = copy_lab(tmp_path / "lab")
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_of_the_notebook))
    monkeypatch.delenv("DATA", raising=False)
    with start_lab(notebook.parent, tmp_path / "private") as url, open_browser(tmp_path) as driver:
        driver.get(f"{url}lab/tree/{notebook.name}?token={TOKEN}")
        ready = {"idle": True, "counts": ["[ ]:"] * expected[0], "sizes": [], "errors": [], "notices": []}
        wait_for(lambda: driver.execute_script(READ_PAGE) == ready, "the notebook and its kernel are ready")
        click_menu(driver, "Run", "runmenu:run-all")
        check_run(driver, *expected)
        click_menu(driver, "Run", "runmenu:restart-and-run-all")
        wait_for(lambda: driver.find_elements("css selector", ".jp-Dialog .jp-mod-accept"), "a question")[0].click()
        check_run(driver, *expected)
        formulas = count_formulas(driver)
        executed = save(driver, notebook)
        outputs = [output for cell in code_cells(executed) for output in cell.outputs]
        assert not [out for out in outputs if out.output_type == "error" or out.get("name") == "stderr"]
        (tmp_path / "report.html").write_text(render(executed), encoding="utf-8")
        driver.switch_to.new_window()
        assert find_faults(driver, tmp_path / "report.html") == ([], expected[1])
        assert count_formulas(driver) == formulas >= 30
