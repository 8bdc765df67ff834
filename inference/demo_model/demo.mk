# The demo model: `make demo-model` trains and exports it again, `make demo-eval` judges the exported file.
PYTHON ?= .venv/bin/python
DEMO := inference/demo_model
DEMO_VENV ?= .venv-demo
DEMO_WORK ?= var/demo-model
DEMO_PYTHON := $(DEMO_VENV)/bin/python

.PHONY: demo-model demo-eval

$(DEMO_VENV)/.ready: $(DEMO)/requirements.txt
	python3 -m venv $(DEMO_VENV)
	$(DEMO_PYTHON) -m pip install --quiet -r $(DEMO)/requirements.txt
	touch $@

# Interrupted training goes on from its last checkpoint; another recipe or corpus begins anew, in a folder of its own.
demo-model: export OMP_WAIT_POLICY = PASSIVE
demo-model: $(DEMO_VENV)/.ready
	$(DEMO_PYTHON) -m inference.demo_model.train --work $(DEMO_WORK)
	$(DEMO_PYTHON) -m inference.demo_model.plot --work $(DEMO_WORK)
	$(DEMO_PYTHON) -m inference.demo_model.export --work $(DEMO_WORK)

demo-eval:
	$(PYTHON) -m inference.demo_model.evaluate
