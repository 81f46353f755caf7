"""What `python -m diagnosis` prints survives any encoding."""

import io
import sys

import pytest

from diagnosis.__main__ import main


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_report_survives_the_encoding(encoding, tmp_path, monkeypatch):
    """Also what the checked file prints."""
    file = tmp_path / "net.py"
    file.write_text("print('\u2588 \u2212')\nfrom classifiers.neural_net import TwoLayerNet\n", encoding="utf-8")
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as end:
        main([str(file)])
    screen.flush()
    assert end.value.code == 0
    assert "No mistake found." in screen.buffer.getvalue().decode(encoding)
