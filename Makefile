# make demo   키도 DB도 없이 내장 시뮬레이터로 실제 동작을 봅니다
# make test   필요한 것을 모두 갖추고 테스트를 돌립니다 (make test ARGS="-k settings -x")
# 다른 파이썬으로: make PYTHON=python3.13 test

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && exit; done; echo python3)
ARGS ?=
WORKERS ?= 4
VENV := .venv
CLIENTS := .venv-clients
PACKAGES := minute_candles kis_simulator
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

unexport PYTHONDONTWRITEBYTECODE # thousands of starts, each of them would compile everything anew

.PHONY: help demo chart screenshot test test-all test-clients lint soak bench clean

help:
	@echo "make demo   키도 DB도 없이 먼저 보기"
	@echo "make chart  움직이는 차트를 브라우저에서 보기 (키도 DB도 없이; 내 DB는 make chart ARGS=--port=8765)"
	@echo "make test   테스트, 3분쯤 (가상환경, 개발 패키지, 서버까지 스스로 준비)"
	@echo "make test-all  make test 와 오래 걸리는 테스트, 다른 사람들의 클라이언트까지 (15분쯤)"
	@echo "make test-clients  다른 사람들의 KIS 클라이언트를 시뮬레이터에 물려 봅니다"
	@echo "make lint   ruff, mypy --strict, import-linter, tsc"
	@echo "make soak   종목이 많거나 오래 달리는 테스트 (1시간쯤, 결과는 tests/SOAK.md)"
	@echo "make bench  속도 측정"
	@echo "make clean  가상환경과 캐시 지우기 (.env, 토큰, 로그, DB는 그대로)"

demo: $(VENV)/.run
	@$(BIN)/python fetch_minute_data.py --demo

chart: $(VENV)/.extra
	@sh .ci/npm $(BIN)/python
	@$(BIN)/python live_chart.py $(if $(ARGS),$(ARGS),--demo)

screenshot: $(VENV)/.dev
	@sh .ci/browser
	@sh .ci/npm $(BIN)/python
	@PYTHONPATH=tests:. $(BIN)/python benchmarks/screenshots.py

# 여럿이 나눠 돌립니다. 실패한 것은 실패입니다: 다시 돌리지 않습니다.
PYTEST = $(BIN)/python -m pytest -q --dist worksteal

.PHONY: services
services: $(VENV)/.dev
	@sh .ci/mariadb
	@sh .ci/redis
	@sh .ci/browser
	@sh .ci/npm $(BIN)/python

test: services
	@$(PYTEST) -n $(WORKERS) -m "not (slow or load or soak)" $(ARGS)

test-all: services test-clients
	@sh .ci/cluster
	@$(PYTEST) -n $(WORKERS) -m "not (slow or load or soak)" --cov --cov-report= $(ARGS)
	@$(BIN)/python -m coverage report --skip-covered --skip-empty --fail-under=92 | tail -n 40
	@$(PYTEST) --dist loadscope -n $(WORKERS) -m "slow and not (load or soak)" $(ARGS)

test-clients: $(CLIENTS)/.ready
	@cd tests/clients && $(CURDIR)/$(CLIENTS)/$(notdir $(BIN))/python -m pytest -q -c pytest.ini --rootdir . --confcutdir . $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check --quiet .
	@$(BIN)/python .ci/no-prose.py
	@$(BIN)/python -m mypy --strict *.py $(PACKAGES)
	@sh .ci/tsc $(BIN)/python
	@$(BIN)/lint-imports --no-cache >$(VENV)/floors 2>&1 || { cat $(VENV)/floors; exit 1; }

soak: $(VENV)/.dev
	@sh .ci/mariadb
	@sh .ci/redis
	@sh .ci/npm $(BIN)/python
	@RECORD_SOAK=1 $(BIN)/python -m pytest -q -m "soak or load" -o timeout=3600 $(ARGS)
	@$(BIN)/python docs/readme_parts.py

bench: $(VENV)/.dev
	@sh .ci/mariadb
	@sh .ci/redis
	@for file in benchmarks/bench_*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf $(VENV) $(CLIENTS) demo demo-realtime demo-chart minute_candles/chart/node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# 가상환경: 파이썬 버전이 바뀌면 새로 만들고, 패키지 목록이 바뀌면 다시 설치합니다.
$(VENV)/.python-$(VERSION):
	@test -n "$(VERSION)" || { echo "❌ $(PYTHON) 을 찾을 수 없습니다. Python 3.11 이상을 설치하세요 (https://www.python.org/downloads/)." >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "❌ Python 3.11 이상이 필요합니다 (지금: $(VERSION)). 다른 파이썬이 있으면: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "❌ 가상환경을 만들 수 없습니다. 먼저 설치하세요: sudo apt install python3-venv (또는 python$(VERSION)-venv)" >&2; exit 1; }
	@$(BIN)/python -c 'import sys, pip; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' 2>/dev/null || { echo "🐍 가상환경 $(VENV) 을 만듭니다 (Python $(VERSION))" >&2; $(PYTHON) -m venv --clear $(VENV); }
	@rm -f $(VENV)/.python-* && touch $@

$(VENV)/.run: requirements.txt $(VENV)/.python-$(VERSION)
	@echo "📦 패키지를 설치합니다 (처음 한 번, 1분쯤 걸립니다)" >&2
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.extra: requirements.txt requirements-extra.txt $(VENV)/.python-$(VERSION)
	@echo "📦 선택 기능의 패키지를 설치합니다 (처음 한 번, 1분쯤 걸립니다)" >&2
	@$(PIP) -r requirements-extra.txt
	@touch $@ $(VENV)/.run

# 다른 클라이언트들은 우리와 다른 패키지를 씁니다: 그들만의 가상환경
$(CLIENTS)/.ready: tests/clients/requirements.txt
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "❌ Python 3.11 이상이 필요합니다." >&2; exit 1; }
	@echo "📦 다른 KIS 클라이언트를 설치합니다 (처음 한 번)" >&2
	@$(PYTHON) -m venv --clear $(CLIENTS)
	@$(CLIENTS)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-extra.txt $(wildcard requirements/*.txt) $(VENV)/.python-$(VERSION)
	@echo "📦 개발 패키지를 설치합니다 (처음 한 번, 1분쯤 걸립니다)" >&2
	@$(PIP) -r requirements-extra.txt -r requirements/dev.txt
	@touch $@ $(VENV)/.run
