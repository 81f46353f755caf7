"""Tests of README.md, docs/ and the other READMEs: code, quoted output, numbers, links."""

import json
import re
import sys
from pathlib import Path
from unittest.mock import MagicMock

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT

import data_utils
from classifiers.neural_net import TwoLayerNet
from exercise.parts import PARTS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "datasets" / "README.md"]
PAGES += [ROOT / "exercise" / "README.md", ROOT / "CHANGES.md"]
README = PAGES[0].read_text(encoding="utf-8")
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def doc(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(text):
    """Return the blocks of Python code in a text."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def tiny_world(tiny_cifar10, tmp_path, monkeypatch):
    """Tiny data and an empty folder, so that README's code can run as it is."""
    whole = data_utils.get_CIFAR10_data
    monkeypatch.setattr(data_utils, "get_CIFAR10_data", lambda root: whole(80, 20, 20, root=root))
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def test_script_and_sweep(tiny_world, capsys):
    """README's script runs, and then the sweep of docs/sweep.md. test_cluster.py tests the cluster."""
    script, _ = blocks(README)
    on_one_machine, on_a_cluster = blocks(doc("sweep.md"))
    assert "Client(" in on_a_cluster
    names = {}
    for block in (script, on_one_machine):
        assert "num_iters=2000" in block
        exec(block.replace("num_iters=2000", "num_iters=3"), names)
    printed = capsys.readouterr().out
    assert "test accuracy" in printed and "within one standard error" in printed
    assert isinstance(names["net"].load("net.npz").params["W1"], np.ndarray) and Path("best.npz").exists()


def test_answer_of_check_net(capsys):
    """README quotes what check_net prints for its wrong net. The rounding of the numbers may differ."""
    _, code = blocks(README)
    exec(code, {})
    printed = capsys.readouterr().out
    quoted = max(re.findall(r"\n\n((?:    .*\n)+)", README.partition(code)[2]), key=len)
    words, quoted_words = printed.split(), quoted.split()  # however the sentences are wrapped
    (W2, b2), (quoted_W2, quoted_b2) = ((words.index("W2"), words.index("b2")) for words in (words, quoted_words))
    assert words[b2 + 6 :] == quoted_words[quoted_b2 + 6 :] and "not divided by N" in printed
    row, quoted_row = words[W2:b2], quoted_words[quoted_W2:quoted_b2]
    assert row[:4] == quoted_row[:4]  # W2, its error, and where
    assert [float(text) for text in row[4:]] == pytest.approx([float(text) for text in quoted_row[4:]], rel=1e-6)


def find_figures(text):
    """Return the numbers before a ±."""
    return re.findall(r"(0\.\d+) ±", text)


def test_figures_of_readme():
    """Accuracies in README's tables are those of the stored notebook, or of docs/results.md. So is the speed."""
    notebook = json.loads((ROOT / "two_layer_net.ipynb").read_text(encoding="utf-8"))
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", ())]
    printed = "".join("".join(o.get("text", ())) for o in outputs)
    notebook_rows, recipe_rows = (
        re.findall(r"^\|.*", part, re.MULTILINE) for part in doc("results.md").split("## ")[1:3]
    )
    assert [figure for figure in find_figures("".join(notebook_rows)) if figure not in printed] == []
    rounded = {f"{float(row.split(' | ')[1]):.3f}" for row in recipe_rows[2:]} | set(
        find_figures("".join(notebook_rows))
    )
    figures = find_figures("".join(re.findall(r"^\|.*", README, re.MULTILINE)))
    assert len(figures) >= 6 and set(figures) <= rounded
    table = re.search(r"\|.*PyTorch, fused SGD.*\n(\|.*\n)+", doc("results.md")).group()
    header, _, *rows = [line.split(" | ") for line in table.splitlines()]
    ratios = [re.search(r"\((.*)\)", row[header.index("PyTorch, fused SGD")])[1] for row in rows]
    assert len(ratios) == 4 and f"{min(ratios)} to {max(ratios)}" in README


def test_example_entry_of_the_table_of_mistakes():
    """docs/check_net.md shows an entry that is in the table."""
    *_, entry = blocks(doc("check_net.md"))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "diagnosis").glob("*.py"))
    assert "".join(entry.split()) in "".join(source.split())


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links(page):
    """Every link leads to a file, and to a section if it names one."""
    for name in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = name.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), name
        if anchor:
            headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings], name


def test_pictures_have_a_description():
    """The text beside each picture of the project says what one sees, in at least a dozen words."""
    pictures = [found for page in PAGES for found in re.findall(r"!\[([^]]*)\]\(([^):]+)\)", page.read_text("utf-8"))]
    assert {Path(name).name for _, name in pictures} == {path.name for path in (ROOT / "docs").glob("*.png")}
    assert [name for text, name in pictures if len(text.split()) < 12] == []


def test_points_in_the_readme_of_the_exercise():
    """The table has the module of the solution and the points of each function."""
    text = (ROOT / "exercise" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+)` \| `(\S+)` \| (\d+) \|$", text, re.MULTILINE)
    right = [(part.name, f"{part.module.replace('.', '/')}.py", str(sum(part.points.values()))) for part in PARTS]
    assert rows == right


@pytest.mark.parametrize("text", [README, doc("contributing.md")], ids=["README.md", "contributing.md"])
def test_listed_files_exist(text):
    """Each file in the first column of a table exists, and each package and module has a row."""
    cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`([\w/.]+)`", cell)]
    assert len(names) > 10 and [name for name in names if not (ROOT / name).exists()] == []
    found = [path.name for path in ROOT.glob("*.py")] + [path.parent.name + "/" for path in ROOT.glob("*/__init__.py")]
    assert text is README or set(found) <= set(names)


# docs/tools.md

SECTIONS = {part.partition("\n")[0]: part for part in doc("tools.md").split("\n## ")[1:]}
STANDARDISED = "Standardised and varied images, momentum"


@pytest.fixture
def names(request):
    """The variables of README's script, with ten classes of D inputs that are easy to separate."""
    rng, D = np.random.default_rng(0), getattr(request, "param", 12)
    centres = 3 * rng.standard_normal((10, D))
    labels = rng.integers(0, 10, (3, 300))
    X_train, X_val, X_test = ((centres[y] + rng.standard_normal((300, D))).astype(np.float32) for y in labels)
    y_train, y_val, y_test = labels
    data = X_train, y_train, X_val, y_val
    yield dict(locals()) | {"np": np, "TwoLayerNet": TwoLayerNet, "net": TwoLayerNet(D, 5, 10)}
    plt.close("all")


def run(section, names, *replaced):
    """Run the code blocks of a section in order, and return the variables."""
    text = SECTIONS[section]
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    for block in blocks(text):
        exec(block.replace("3072", str(names["D"])), names)
    return names


@pytest.mark.parametrize("names", [3072], indirect=True)
def test_standardised_and_varied_images(names, capsys):
    """The net learns, and takes images that are not standardised."""
    run(STANDARDISED, names, ("num_iters=2000", "num_iters=30"))
    assert float(capsys.readouterr().out.removeprefix("test accuracy ")) > 0.8


def test_callbacks(names, capsys):
    """Training stops, and the code prints the best epoch."""
    stats = run("Callbacks: stop early, watch, log", names)["stats"]
    assert stats.ended == "stopped"
    assert f"stopped best epoch {len(stats['val_acc_history']) - 6}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["torch.utils.tensorboard", "mlflow"])
def test_writers(names, monkeypatch, name):
    """The block of each tool passes it the accuracy of each epoch. Stand-ins replace the tools."""
    for path in ("torch", "torch.utils", "torch.utils.tensorboard", "mlflow"):
        monkeypatch.setitem(sys.modules, path, MagicMock())
    (block,) = [block for block in blocks(SECTIONS["TensorBoard and MLflow"]) if name in block]
    exec(block, names)
    tool = sys.modules[name]
    log = tool.log_metric if name == "mlflow" else tool.SummaryWriter.return_value.add_scalar
    accuracies = names["net"].history["val_acc_history"]
    assert [call.args for call in log.call_args_list] == [("val", a, it) for it, a in enumerate(accuracies)]


@pytest.mark.filterwarnings("default")  # Optuna itself warns
def test_optuna_prunes(names):
    """It prunes bad trials and finds a good one."""
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed (requirements-optional.txt)")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = run("Optuna", names, ("num_iters=2000", "num_iters=30"))["study"]
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 20 and set(states) == {"PRUNED", "COMPLETE"} and study.best_value > 0.8


def test_scikit_learn(names, capsys):
    """Each search finds a good learning rate."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (requirements-optional.txt)")
    sizes = [("num_iters=500", "num_iters=60"), ("max_resources=900", "max_resources=90")]
    run("scikit-learn", names, *sizes)
    assert names["search"].score(names["X_test"], names["y_test"]) > 0.8 and names["halving"].best_score_ > 0.8
    assert "cross-validated" in capsys.readouterr().out
