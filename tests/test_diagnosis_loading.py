"""Tests of files that contain a net, and of the messages for files that do not."""

import json
import sys
import warnings

import numpy as np
import pytest

from diagnosis import check_net, compat
from diagnosis.check import check_with_random_data
from diagnosis.compat import Missing, homework_imports
from diagnosis.loading import SIZES, explain_failure, make_net, run_file

NET = """
from classifiers.neural_net import TwoLayerNet as Right
class TwoLayerNet(Right):
    def loss(self, X, y=None, reg=0.0):
        LINE
        return super().loss(X) if y is None else super().loss(X, y, reg)
"""
NET_2021 = """
from classifiers.neural_net import TwoLayerNet as Right
from ..layers import *
class TwoLayerNet:
    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        self.params, self.reg = Right(input_dim, hidden_dim, num_classes, weight_scale).params, reg
    def loss(self, X, y=None):
        right = Right(1, 1, 1)
        right.params = self.params
        if y is None:
            return right.loss(X)
        loss, grads = right.loss(X, y, self.reg)
        return loss, {**grads, "W1": FACTOR * grads["W1"]}
"""


def write(path, source, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source if isinstance(source, bytes) else source.encode(encoding))
    return path


def load(path, name="TwoLayerNet"):
    with homework_imports(path.parent) as finder:
        return make_net(*run_file(path, finder), name, finder)


def ask(path):
    """Load a net and compute its loss, both with the imports of homework files."""
    with homework_imports(path.parent) as finder:
        net = make_net(*run_file(path, finder), "TwoLayerNet", finder)
        return net.loss(np.ones((2, 4)), np.array([0, 1]))[0]


def failure(path):
    """Return the message for a file that cannot be loaded, or for a loss that fails."""
    with pytest.raises(BaseException) as caught:
        ask(path)
    return explain_failure(caught.value, path, "TwoLayerNet")


@pytest.mark.parametrize(
    "imports, line",
    [
        ("from past.builtins import xrange", "assert list(xrange(2)) == [0, 1]"),
        ("from past.builtins import *", "xrange(2)"),
        ("from past.utils import old_div", "assert old_div(3, 2) == 1 and old_div(3.0, 2) == 1.5"),
        ("from builtins import range, object", "range(2)"),
        ("from future import standard_library\nstandard_library.install_aliases()", "pass"),
        ("import six.moves\nfrom six.moves import xrange, cPickle", "cPickle.dumps(xrange(2)); six.moves.range(2)"),
        ("import cPickle as pickle", "pickle.dumps(2)"),
        ("from ..layers import *\nfrom ..layer_utils import *\nfrom .softmax import softmax_loss_vectorized", "pass"),
        ("from cs231n.layers import *\nfrom cs231n.classifiers.linear_svm import *\nfrom cs231n import optim", "pass"),
        ("from assignment_2.cs231n.layers import *\nfrom assignment1.cs231n import optim", "pass"),
        ("from layers import *\nfrom layer_utils import *", "pass"),
        ("from .layers import relu\nUPDATE = relu", "pass"),
    ],
)
def test_homework_imports_load(imports, line, tmp_path, monkeypatch):
    """Substitutes replace absent modules. Afterwards all imports are as before."""
    monkeypatch.setitem(sys.modules, "six", None)  # installed or not
    monkeypatch.delitem(sys.modules, "six")
    monkeypatch.setattr(sys, "meta_path", [Without("six"), *sys.meta_path])
    before = set(sys.modules), list(sys.path), list(sys.meta_path)
    import classifiers.neural_net  # noqa: F401  what the file itself imports

    loss = ask(
        write(tmp_path / "net.py", f"from __future__ import print_function\n{imports}{NET.replace('LINE', line)}")
    )
    assert np.isclose(loss, np.log(3), atol=0.5)
    assert not [n for n in set(sys.modules) - before[0] if n.split(".")[0] in {"past", "future", "six", "cs231n"}]
    assert (sys.path, sys.meta_path) == before[1:]


class Without:
    """Import finder that hides a package, as if it were not installed."""

    def __init__(self, root):
        self.root = root

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.root:
            return compat.SubstituteFinder().find_spec(name)


def test_a_real_module_comes_before_its_substitute(tmp_path):
    """A module `past` beside the file is used instead of the substitute."""
    write(tmp_path / "past" / "builtins.py", "xrange = 'real'")
    source = "from past.builtins import xrange" + NET.replace("LINE", "assert xrange == 'real'")
    try:
        ask(write(tmp_path / "net.py", source))
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "past"]:
            del sys.modules[name]


@pytest.mark.parametrize(
    "neighbour, file, imports",
    [
        ("layers.py", "net.py", "from .layers import *"),
        ("layers.py", "net.py", "from ..layers import *"),
        ("layers.py", "net.py", "from cs231n.layers import twice"),
        ("layers.py", "net.py", "from layers import twice"),
        ("cs231n/layers.py", "cs231n/classifiers/net.py", "from ..layers import *"),
        ("cs231n/layers.py", "cs231n/classifiers/net.py", "from cs231n.layers import twice"),
        ("cs231n/layers.py", "net.py", "from cs231n.layers import *"),
        ("cs231n/classifiers/softmax.py", "cs231n/classifiers/net.py", "from .softmax import twice"),
        ("cs231n/classifiers/softmax.py", "net.py", "from cs231n.classifiers.softmax import twice"),
        ("checks.py", "net.py", "from checks import twice"),
    ],
)
def test_files_in_the_same_folder_are_used(neighbour, file, imports, tmp_path):
    """Files one folder up are used, too. The course's __init__.py is not run."""
    lab = sys.modules["checks"]
    write(tmp_path / "cs231n" / "classifiers" / "__init__.py", "import nothing_of_that_name")
    write(tmp_path / neighbour, "def twice(x): return 2 * x")
    path = write(tmp_path / file, f"{imports}\n{NET.replace('LINE', 'assert twice(2) == 4')}")
    try:
        ask(path)
    finally:
        sys.modules.pop("layers", None)
    assert sys.modules["checks"] is lab


@pytest.mark.parametrize(
    "module", ["classifiers.layers", "classifiers.mine", "checks", "tables", "gradient_check", "data_utils"]
)
@pytest.mark.parametrize("init", [True, False])
def test_another_copy_of_the_lab_uses_its_own_modules(module, init, tmp_path, monkeypatch):
    """The lab's modules of these names do not hide them. They only replace missing files."""
    import classifiers.layers  # noqa: F401

    monkeypatch.delitem(sys.modules, "data_utils", raising=False)  # the command has not loaded it
    before = {name: value for name, value in sys.modules.items() if name.partition(".")[0] in compat.LAB}
    file = tmp_path / f"{module.replace('.', '/')}.py"
    write(file, "class TwoLayerNet:\n    def __init__(self, *sizes): self.sizes = sizes")
    if init:
        write(tmp_path / "classifiers" / "__init__.py", "")
    source = f"from {module} import TwoLayerNet\nfrom classifiers.history import History"  # not in this copy
    try:
        net = load(write(tmp_path / "classifiers" / "neural_net.py", source))
    finally:
        sys.modules.pop("data_utils", None)
    assert net.sizes == SIZES
    assert before == {name: value for name, value in sys.modules.items() if name.partition(".")[0] in compat.LAB}


def test_a_file_may_have_the_name_of_the_package(tmp_path):
    """A file classifiers.py near the net is a module, not a package."""
    write(tmp_path / "classifiers.py", "class TwoLayerNet:\n    def __init__(self, *sizes): self.sizes = sizes")
    assert load(write(tmp_path / "net.py", "from classifiers import TwoLayerNet")).sizes == SIZES


@pytest.mark.parametrize(
    "imports, line, text",
    [
        (
            "from .softmax import f",
            "f(X)",
            "f belongs to softmax.py, which is missing. Put that file beside this one",
        ),
        ("from ..layers import *", "affine(X)", "affine belongs to layers.py, which is missing"),
        ("from .a import *; from .b import *", "f(X)", "f belongs to a.py or b.py, which is missing"),
        ("from cs231n.classifiers import Softmax", "Softmax()", "Softmax belongs to Softmax.py, which is missing"),
        ("from cs231n import optim", "optim.sgd(X)", "sgd belongs to optim.py, which is missing"),
    ],
)
def test_missing_function_is_reported_when_it_is_called(imports, line, text, tmp_path):
    """The import of the function is not an error. A call of it is not a mistake of the net."""
    path = write(tmp_path / "net.py", f"{imports}\n{NET.replace('LINE', line)}")
    message = failure(path)
    assert message.startswith(f": {text}") and message.endswith(f"(net.py, line 6: {line})")
    with homework_imports(path.parent) as finder, pytest.raises(Missing):
        check_net(make_net(*run_file(path, finder), "TwoLayerNet", finder), np.ones((2, 4)), np.array([0, 1]))


def test_missing_base_class(tmp_path):
    """A class that inherits from an absent class is reported."""
    path = write(tmp_path / "net.py", "from .linear import Linear\nclass TwoLayerNet(Linear):\n    pass\n")
    assert failure(path).startswith(": Linear belongs to linear.py, which is missing")


def test_syntax_error_of_another_file(tmp_path):
    """The message has its name, the line and its text. A print statement is called Python 2."""
    write(tmp_path / "softmax.py", "import numpy\nprint 'loss', 3\n")
    message = failure(write(tmp_path / "net.py", "from .softmax import *"))
    assert message.startswith(": softmax.py: This is Python 2, line 2 has a syntax error: Missing parenth")
    assert message.endswith(": print 'loss', 3")


@pytest.mark.parametrize(
    "source, text",
    [
        ("def f(:\n", ": line 1 has a syntax error: invalid syntax: def f(:"),
        ("if 1:\n\tx = 1\n        x = 2", ": line 3 mixes tabs and spaces. Indent with spaces only: x = 2"),
        ("x = 1\n<<<<<<< HEAD\ny = 2\n=======\ny = 3\n>>>>>>> theirs\n", ": line 2 is the mark of a merge conflict."),
        ("x = " + "-" * 200000 + "1", " is nested too deeply for Python"),
        ("# coding: klingon\n", " names an encoding that Python cannot use: unknown encoding: klingon"),
    ],
)
def test_files_that_are_not_python_3(source, text, tmp_path):
    """The message says what the file is, or in which line it is wrong."""
    assert failure(write(tmp_path / "net.py", source)).startswith(text)


@pytest.mark.parametrize(
    "source, problem",
    [
        (" \n", "AttributeError: the file is empty"),
        (
            "class Net:\n    loss = None",
            "AttributeError: the file has no class TwoLayerNet. It has Net: name one with --class",
        ),
        ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero (net.py, line 2: y = x / 0)"),
        (
            "class TwoLayerNet:\n    def __init__(self, *sizes):\n        self.W = sizes[9]",
            "IndexError: tuple index out of range (net.py, line 3: self.W = sizes[9])",
        ),
        (
            "import numpy as np\nnp.stack([])",
            "ValueError: need at least one array to stack (net.py, line 2: np.stack([]))",
        ),
        ("import sys\nsys.exit(0)", "SystemExit: 0 (net.py, line 2: sys.exit(0))"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (net.py, line 1: raise KeyboardInterrupt)"),
        (
            "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
            "E: (its text cannot be printed) (net.py, line 3: raise E)",
        ),
        ("raise ValueError('a\\n  b')", "ValueError: a b (net.py, line 1: "),
    ],
)
def test_exceptions_name_their_line(source, problem, tmp_path):
    """The message has the file, the line and its text."""
    message = failure(write(tmp_path / "net.py", source))
    assert message.startswith(f": TwoLayerNet(4, 10, 3, 0.1) is not a two-layer net: {problem}") and "\n" not in message


def test_settings_of_the_file_are_undone(tmp_path):
    """The file makes warnings and floating-point errors raise. Afterwards they are as before."""
    source = "import warnings, numpy as np\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\n"
    before = np.geterr(), list(warnings.filters)
    load(write(tmp_path / "net.py", source + NET.replace("LINE", "pass")))
    assert (np.geterr(), list(warnings.filters)) == before


@pytest.mark.parametrize("factor", [1, 2])
def test_interface_of_2021(factor, tmp_path):
    """The attribute `reg` is set for each call and restored after it. A note says so."""
    net = load(write(tmp_path / "fc_net.py", NET_2021.replace("FACTOR", str(factor))))
    for param in net.params.values():
        param += np.random.default_rng(0).standard_normal(param.shape)
    report = check_net(net, np.random.default_rng(1).standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]))
    assert report.notes == ["loss has no argument reg, so the check sets the attribute reg of the net"]
    assert report.ok == (factor == 1) and all("W1" in finding for finding in report.findings)
    assert net.reg == 0.0


def test_other_interfaces_are_left_as_they_are(tmp_path):
    """`reg` is an argument of loss, or it is missing. The check reports the latter."""
    for constructor, loss in (("*sizes, reg=0", "X, y=None, reg=0"), ("*sizes", "X, y=None"), ("*sizes", "*arguments")):
        source = f"class TwoLayerNet:\n    reg = 0\n    def __init__(self, {constructor}): pass\n"
        path = write(tmp_path / "net.py", f"{source}    def loss(self, {loss}): pass\n")
        net = load(path)
        assert type(net).__name__ == "TwoLayerNet"


@pytest.mark.parametrize(
    "neighbour, imports",
    [
        (None, "import torch_of_nobody"),
        (None, "import torch_of_nobody.nn as nn\nfrom sympy_ import symbols\nfrom torch_of_nobody.utils import data"),
        (None, "from helpers import *\nfrom ..data.plots import draw"),
        (None, "from scipy.misc import imread_of_2016"),
        ("print 'Python 2'", "from .fast_layers import *"),
        ("import im2col_cython_of_nobody\ndef conv(x): return x", "from .fast_layers import conv, pool"),
        ("1 / 0", "import fast_layers"),
        ("raise ImportError('run setup.py')", "from fast_layers import conv"),
    ],
)
def test_modules_that_the_net_does_not_need(neighbour, imports, tmp_path):
    """They may be missing, or broken. The net is checked all the same, and the imports are as before."""
    before = list(sys.path), list(sys.meta_path)
    if neighbour:
        write(tmp_path / "fast_layers.py", neighbour)
    assert np.isclose(ask(write(tmp_path / "net.py", imports + NET.replace("LINE", "pass"))), np.log(3), atol=0.5)
    assert not set(sys.modules) & {"torch_of_nobody", "sympy_", "helpers", "torch_of_nobody.nn", "fast_layers"}
    assert (sys.path, sys.meta_path) == before


@pytest.mark.parametrize(
    "neighbour, imports, line, text",
    [
        (None, "import torch_of_nobody", "torch_of_nobody.zeros(3)",
         ": zeros belongs to torch_of_nobody, which is missing. Install it, or put it beside this file (net.py, line"),
        ("print 'Python 2'", "from .fast_layers import conv", "conv(X)",
         ": conv belongs to fast_layers.py, which cannot be imported: SyntaxError: Missing parentheses"),
        ("def conv(x): return x\n1 / 0", "from .fast_layers import conv, pool", "pool(conv(X))",
         ": pool belongs to fast_layers.py, which cannot be imported: ZeroDivisionError"),
    ],
)  # fmt: skip
def test_modules_that_the_net_needs(neighbour, imports, line, text, tmp_path):
    """The message says why their functions cannot be called."""
    if neighbour:
        write(tmp_path / "fast_layers.py", neighbour)
    assert failure(write(tmp_path / "net.py", f"{imports}\n{NET.replace('LINE', line)}")).startswith(text)


def test_import_error_that_the_file_handles(tmp_path):
    """The file has its own substitute for a missing module."""
    source = "try:\n    import cupy_of_nobody as xp\nexcept ImportError:\n    import numpy as xp"
    ask(write(tmp_path / "net.py", source + NET.replace("LINE", "assert xp.__name__ == 'numpy'")))


@pytest.mark.parametrize(
    "source, text",
    [
        ('"""Homework."""\nfrom numpy import *\nimport sys\n', ". It only imports: name the file that has the class"),
        ("class Error(Exception): pass\nclass Data:\n    pass\n", ""),
        ("class Error(Exception): pass\nclass Net:\n    def loss(self): pass", ". It has Net: name one with --class"),
        ("x = 1", ""),
    ],
)
def test_file_without_the_class(source, text, tmp_path):
    """Only classes that may be nets are proposed."""
    message = failure(write(tmp_path / "net.py", source))
    assert f"AttributeError: the file has no class TwoLayerNet{text} (" in message


def notebook(*cells):
    kinds = [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Text"]}, *kinds]})


@pytest.mark.parametrize("name", ["net.ipynb", "net.py"])
def test_class_in_the_cells_of_a_notebook(name, tmp_path):
    """Imports, classes and functions are run. Other lines are not."""
    cells = (
        "%matplotlib inline\nimport numpy as np\nopen('/nowhere')", "!ls", "this is not Python", "while True: pass",
        "%time x\n!ls\n" + NET.replace("LINE", "helper(X)"), "def helper(X):\n    return X",
    )  # fmt: skip
    assert np.isclose(ask(write(tmp_path / name, notebook(*cells))), np.log(3), atol=0.5)
    cells = "%run me", NET.replace("LINE", "1 / 0")
    message = failure(write(tmp_path / name, notebook(*cells)))
    assert (
        message.startswith(": TwoLayerNet(4, 10, 3, 0.1) is not a two-layer net: ZeroDivisionError")
        and "1 / 0" in message
    )


@pytest.mark.parametrize("cells", [(), ("x = 1",), ("import numpy",)])
def test_notebook_without_classes(cells, tmp_path):
    """The message says that it is a notebook."""
    assert failure(write(tmp_path / "net.ipynb", notebook(*cells))).startswith(
        " is a notebook. Save the class to a .py"
    )


UNTOUCHED_2021 = """
from builtins import range
from builtins import object
import numpy as np
from ..layers import *
from ..layer_utils import *


class TwoLayerNet(object):
    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        self.params = {}
        self.reg = reg

    def loss(self, X, y=None):
        scores = None
        if y is None:
            return scores
        loss, grads = 0, {}
        return loss, grads
"""


def test_untouched_file_of_2021(tmp_path):
    """Its constructor is a task, too. The finding says so. The next one is the scores."""
    report = check_with_random_data(load(write(tmp_path / "fc_net.py", UNTOUCHED_2021)))
    assert report.findings == [
        "W1, b1, W2, b2 are missing in params. Next: in __init__, create W1 (D, H), b1 (H,), W2 (H, C) and b2 (C,)"
    ]
    create = "{'W1': weight_scale * np.random.randn(input_dim, hidden_dim), 'b1': 0, 'b2': 0, " \
        "'W2': weight_scale * np.random.randn(hidden_dim, num_classes)}"  # fmt: skip
    net = load(write(tmp_path / "fc_net.py", UNTOUCHED_2021.replace("params = {}", f"params = {create}")))
    report = check_with_random_data(net)
    assert report.findings == ["loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2"]
