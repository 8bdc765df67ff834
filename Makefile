# `make run` needs Python 3.11 or newer and a C++ compiler; everything else is installed below .venv.
PYTHON3 ?= python3
VENV_PYTHON = .venv/bin/python
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test test-fast check format conformance bench bench-engine bench-api bench-batch bench-scale bench-ui fuzz soak pins messages screenshots clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## .venv, requirements, front end; seconds when nothing changed
	@$(PYTHON3) -m tools.setup

setup-dev:
	@$(PYTHON3) -m tools.setup --dev

run: setup ## start Parley on this machine (PORT, DATA_DIR, MODEL, … as environment variables)
	@exec $(VENV_PYTHON) manage.py up

test: setup-dev ## every test, on real services and in a real browser
	@exec $(VENV_PYTHON) -m tests.run

test-fast: setup-dev ## the quick tests that need no services
	@exec $(VENV_PYTHON) -m tests.run --fast

check: setup-dev ## format, lint, types, import rules
	@exec $(VENV_PYTHON) -m tools.check

format: setup-dev ## let ruff rewrite what it can
	@.venv/bin/ruff check --fix-only --quiet . && .venv/bin/ruff format --quiet .

conformance: setup-dev ## OpenAI's Python and JavaScript packages, LangChain, LiteLLM and a fuzzer against a running stack
	@exec $(VENV_PYTHON) -m conformance

bench: setup-dev ## side-by-side benchmarks with peers
	@exec $(VENV_PYTHON) -m bench

bench-engine: setup-dev ## the engine beside llama-server, which it builds first (BENCH="decode-8 --repeat 3")
	@exec $(VENV_PYTHON) -m bench.engine $(BENCH)

bench-api: setup-dev ## lists and search of the chat API on both databases, /v1 streams beside llama-server (BENCH="streams")
	@exec $(VENV_PYTHON) -m bench.api $(BENCH)

bench-batch: setup-dev ## batch jobs beside chat, the engine and llama-server, and under kills (BENCH="kills --lines 5000")
	@exec $(VENV_PYTHON) -m bench.batch $(BENCH)

bench-scale: setup-dev ## what the control plane costs from 1 to 16 workers, and where it is full
	@exec $(VENV_PYTHON) -m bench.scale $(SCALE)

bench-ui: setup-dev ## what the chat page costs a browser: opening, long sessions, streams (BENCH="streams --quick")
	@exec $(VENV_PYTHON) -m bench.ui $(BENCH)

fuzz: setup-dev ## ever new requests against one engine (FUZZ="--minutes 60 --seed 7")
	@exec $(VENV_PYTHON) -m tests.inference.fuzz.run $(FUZZ)

soak: setup-dev ## 500 sockets, 100 replies at a time, a fault every 20 s, 20 minutes (SOAK="--minutes 5 --sockets 100")
	@exec $(VENV_PYTHON) -m bench.soak $(SOAK)

pins: setup-dev ## compile requirements*.in to the pinned lists (PINS=--upgrade for the newest versions)
	@exec $(VENV_PYTHON) -m tools.pins $(PINS)

screenshots: setup-dev ## the main pages, in every theme and on a phone, into var/screenshots (SHOTS=readme)
	@exec $(VENV_PYTHON) -m bench.screenshots $(SHOTS)

messages: setup-dev ## take new strings into chat/locale/*.po; says what is left to translate
	@exec $(VENV_PYTHON) -m tools.messages

clean: ## remove what set-up made; data in DATA_DIR stays
	rm -rf .venv chat/web/frontend/node_modules chat/static/chat/build

-include inference/demo_model/demo.mk
