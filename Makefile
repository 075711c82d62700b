# What a person types. `make` alone lists the commands.

IN_RANGE := 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
# The first Python on the path that the package runs on; name another with `make PYTHON=python3.12 book`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c $(IN_RANGE) 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
READY := .venv/bin/ready
UNFINISHED := .venv/unfinished
SITE := _build/html
SOLUTIONS := yes
COURSE := _build/without-solutions
COURSE_SOURCE := _build/source-without-solutions
# $(call compare,THREADS,PROCESSES): processes that share the cores have one thread each; more would wait for each other.
compare = OMP_NUM_THREADS=$(1) $(BIN)/pytest -n $(2) --dist loadscope --nbval --nbval-current-env \
	--nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 600
# What `make quick` tests: what a training step is made of.
CORE := tests/model tests/sampling tests/training tests/metrics tests/test_tasks.py
CHAPTERS := book
PORT := 8000
BINDS := 'import socketserver as s, sys; s.TCPServer.allow_reuse_address = True; s.TCPServer(("127.0.0.1", int(sys.argv[1])), None)'

.PHONY: help book serve quick test notebooks elsewhere bench lint format lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | \
		while IFS='|' read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done

book: $(READY) ## build the book and check its pages (SOLUTIONS=no: a copy for a course, without solutions)
ifeq ($(SOLUTIONS),yes)
	$(BIN)/jupyter-book build book -W --keep-going
	$(BIN)/python book/_tools/check_site.py $(SITE)
	@echo "The book is built: open $(SITE)/index.html, or run 'make serve'."
else ifeq ($(SOLUTIONS),no)
	$(BIN)/python book/_tools/without_solutions.py
	$(BIN)/jupyter-book build $(COURSE_SOURCE)/book -W --keep-going
	rm -rf $(COURSE) && mv $(COURSE_SOURCE)/_build/html $(COURSE)
	$(BIN)/python book/_tools/check_site.py --without-solutions $(COURSE)
	@echo "The book without solutions is built: open $(COURSE)/index.html. Its notebooks are in _build/notebooks-without-solutions."
else
	@echo "book: found SOLUTIONS=$(SOLUTIONS), expected yes or no" >&2; exit 1
endif

serve: ## show the built book at http://localhost:8000 (make serve PORT=8080)
	@test -f $(SITE)/index.html || { echo "serve: found no $(SITE)/index.html: run 'make book' first" >&2; exit 1; }
	@$(BIN)/python -c $(BINDS) "$(PORT)" 2>/dev/null || { echo "serve: found port $(PORT) taken, or none, expected a free one:" \
		"make serve PORT=8001" >&2; exit 1; }
	@echo "The book is at http://localhost:$(PORT); end with Ctrl-C."
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

quick: lint ## while you work, within a minute: what lint checks, and the tests of the core
	$(BIN)/pytest -n 2 --dist loadscope -m "not slow" $(CORE)

test: lint ## what lint checks, unit tests, examples in docstrings, and every notebook compared
	$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder --doctest-modules --cov --cov-report= tests pixelnet_edu
	@echo "The tests ran $$($(BIN)/coverage report --format=total) % of the lines of pixelnet_edu; '$(BIN)/coverage report -m' lists the others."
	$(call compare,1,2) book

notebooks: $(READY) ## execute every chapter and store it with its outputs
	$(BIN)/python book/_tools/run_notebooks.py
	$(BIN)/python book/_tools/objectives.py

elsewhere: $(READY) ## compare every chapter as another machine runs it: more threads, plain instructions
	$(call compare,2,1) $(CHAPTERS)
	ATEN_CPU_CAPABILITY=default $(call compare,1,2) $(CHAPTERS)

bench: $(READY) ## measure speed and memory against the obvious way, half an hour
	$(BIN)/pixelnet bench

lint: $(READY) ## style, spelling, the types of the core, and the form of the notebooks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/node book/_assets/node_modules/pyright/index.js
	$(BIN)/python book/_tools/check_notebooks.py

format: $(READY) ## bring code and notebooks into their normal form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python book/_tools/normal_form.py
	$(BIN)/python book/_tools/objectives.py

lock: $(READY) ## pin the newest requirements again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --upgrade --no-annotate --no-emit-index-url \
		--custom-compile-command "make lock" --output-file requirements.lock

clean: ## remove the built book, the caches and the environment
	rm -rf _build .venv book/_assets/node_modules .pytest_cache .ruff_cache .hypothesis .coverage*

# The environment: what the lock pins, this package, the scripts that the pages serve themselves, and pyright. The mark `unfinished`
# stands while it is made, and names the process; an environment whose making was interrupted is made anew.
$(READY): requirements.lock pyproject.toml book/_assets/package.json book/_assets/package-lock.json
	@"$(PYTHON)" -c $(IN_RANGE) 2>/dev/null || { echo "set-up: found no Python 3.11, 3.12 or 3.13 (tried: $(or $(PYTHON),the path)):" \
		"install one, or name it: make PYTHON=/path/to/python3.12 book" >&2; exit 1; }
	@if [ -s $(UNFINISHED) ] && kill -0 "$$(cat $(UNFINISHED))" 2>/dev/null; then \
		echo "set-up: found another one at work here (process $$(cat $(UNFINISHED))), expected none: wait for it" >&2; exit 1; fi
	@if [ -e $(UNFINISHED) ]; then rm -rf .venv; fi
	@rm -f $@ && mkdir -p .venv && echo $$PPID > $(UNFINISHED)
	@echo "Setting up .venv with $(PYTHON): some minutes the first time, nothing after that."
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock || { echo "set-up: found no way to fetch" \
		"the packages of requirements.lock, expected a network: see pip's words above, then run it again" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/npm --prefix book/_assets ci --loglevel error
	@rm -f $(UNFINISHED) && touch $@
