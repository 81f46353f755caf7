PYTHON ?= python3
VENV = .venv/bin
CHECK = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo "This needs Python 3.10 or newer, but $(PYTHON) is older or missing. Run: make PYTHON=/path/to/python3.12"; exit 1; }

run: .venv/ready  # execute the notebook, write build/two_layer_net.html
	$(VENV)/python run_notebook.py

lab: .venv/ready  # open the notebook
	$(VENV)/jupyter lab two_layer_net.ipynb

test: .venv/ready  # all tests, on all cores
	$(VENV)/python -m pytest -n auto

test-oldest: .venv-oldest/ready  # all tests with the oldest packages of requirements.txt
	.venv-oldest/bin/python -m pytest -n auto

test-lab: .venv/ready  # the tests of the notebook in a browser; needs requirements-optional.txt
	$(VENV)/python -m pytest -m browser tests/test_lab.py

coverage: .venv/ready  # all tests, then a list of untested branches
	$(VENV)/python -m pytest -n auto --cov

exercise: .venv/ready  # make the exercise from the solution, in build/exercise
	$(VENV)/python -m exercise.make build/exercise

bench: .venv/ready  # speed and memory, as ratios
	$(VENV)/python -m benchmarks.speed
	$(VENV)/python -m benchmarks.loader

lint: .venv/ready  # check code and format before a commit
	$(VENV)/ruff check . && $(VENV)/ruff format --check .

.venv/ready: requirements.txt
	@$(CHECK)
	$(PYTHON) -m venv .venv
	$(VENV)/pip install -r requirements.txt
	touch .venv/ready

.venv-oldest/ready: requirements.txt requirements-oldest.txt
	@$(CHECK)
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install -r requirements-oldest.txt
	touch .venv-oldest/ready

.PHONY: run lab test test-oldest test-lab coverage exercise bench lint
