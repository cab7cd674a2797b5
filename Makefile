# Two targets matter to a newcomer: `make demo` and `make test`.

GO       ?= go
GOBIN    := $(CURDIR)/bin
LINT_VERSION := v2.15.0
LINT     := $(GOBIN)/golangci-lint-$(LINT_VERSION)

# The newest release of Go, which need not be the one that is installed.
NEXT     := go1.27.4

# Every module of the repository; internal/e2e has a target of its own.
MODULES  := $(shell git ls-files '*go.mod' | xargs -n1 dirname | grep -v '^internal/e2e')

.PHONY: help
help: ## Show the targets.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: demo
demo: ## Run the search service under load for 15 seconds and show what was measured.
	$(GO) run -C examples/httpdemo . -drive 15s

.PHONY: test
test: ## Run all tests: with the race detector, then the allocation budgets without it.
	@set -e; for m in $(MODULES); do \
	  echo "== $$m: tests, race detector on"; \
	  (cd $$m && $(GO) test -race -shuffle=on ./...); \
	done
	@set -e; for m in $(MODULES); do \
	  echo "== $$m: allocation budgets, race detector off"; \
	  (cd $$m && $(GO) test -shuffle=on -run 'Alloc' ./...); \
	done

.PHONY: test-next
test-next: ## Run all tests with the newest release of Go, which is downloaded.
	GOTOOLCHAIN=$(NEXT) $(MAKE) test

.PHONY: check
check: $(LINT) ## Run vet, the linter, and check that modules and generated files are up to date.
	@set -e; for m in $(MODULES) internal/e2e; do \
	  echo "== $$m: vet, lint, tidy"; \
	  (cd $$m && $(GO) vet ./... && $(LINT) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./... && $(GO) mod tidy -diff); \
	done
	@echo "== examples/httpdemo: vet of the build that nothing measures"; $(GO) vet -C examples/httpdemo -tags bare ./...
	@echo "== generated files"; $(GO) generate ./... && git diff --exit-code --stat

$(LINT):
	@mkdir -p $(GOBIN)
	GOBIN=$(GOBIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(GOBIN)/golangci-lint $@

.PHONY: bench
bench: ## Compare with the bare call, the floor and other libraries.
	$(GO) run -C internal/bench .
	$(GO) test -run '^$$' -bench . ./views ./internal/profiling ./internal/evidence

.PHONY: e2e
e2e: ## Run against the real Collector, Prometheus, Alertmanager and VictoriaMetrics, built once into .cache.
	$(GO) run -C internal/e2e ./build
	$(GO) test -C internal/e2e -count=1 -parallel 6 -timeout 20m ./...

.PHONY: e2e-mimir
e2e-mimir: ## The same with Mimir, which takes long to build.
	$(GO) run -C internal/e2e ./build mimir prometheus otelcol
	OTELPERF_E2E_MIMIR=1 $(GO) test -C internal/e2e -count=1 -timeout 20m -run Mimir .

.PHONY: bench-service
bench-service: ## Compare the demo, measured, with the demo that nothing measures, under load (an hour).
	$(GO) run -C internal/bench ./service -json $(CURDIR)/.cache/service.json

.PHONY: bench-service-gc
bench-service-gc: ## The same for some, collecting garbage as often as Go does by default (12 minutes).
	GOGC=100 $(GO) run -C internal/bench ./service -rounds 15 -run '^(full|hot)$$' -json $(CURDIR)/.cache/service-gogc100.json

.PHONY: bench-service-long
bench-service-long: ## The mix alone with a few of them, for longer (80 minutes).
	$(GO) run -C internal/bench ./service -rounds 75 -time 5s -load '^mix$$' -run '^(full|hot|everything-hot)$$' -json $(CURDIR)/.cache/service-long.json

.PHONY: bench-service-next
bench-service-next: ## The same with the newest release of Go (70 minutes).
	GOTOOLCHAIN=$(NEXT) $(GO) run -C internal/bench ./service -rounds 62 -time 5s -load '^mix$$' -run '^(full|hot|everything-hot)$$' -json $(CURDIR)/.cache/service-next.json

.PHONY: bench-service-heap
bench-service-heap: ## The same where more documents live, those of Go's src/cmd (70 minutes).
	$(GO) run -C internal/bench ./service -rounds 50 -time 5s -load '^mix$$' -run '^(full|hot|everything-hot)$$' -corpus "$$($(GO) env GOROOT)/src/cmd" -json $(CURDIR)/.cache/service-heap.json

.PHONY: bench-service-half
bench-service-half: ## The same where requests arrive at random moments, half of what the service can answer (50 minutes).
	$(GO) run -C internal/bench ./service -share 0.5 -rounds 48 -time 5s -load '^mix$$' -run '^(full|hot|everything-hot)$$' -json $(CURDIR)/.cache/service-half.json

.PHONY: soak
soak: ## Drive the demo for ten minutes and fail if memory, goroutines or descriptors grow.
	$(GO) run -C internal/bench ./soak -json $(CURDIR)/.cache/soak.json

.PHONY: soak-sdk
soak-sdk: ## The same on the SDK's own road.
	$(GO) run -C internal/bench ./soak -hot=false -json $(CURDIR)/.cache/soak-sdk.json

.cache/service.json:
	$(MAKE) bench-service

.cache/service-long.json:
	$(MAKE) bench-service-long

.cache/service-next.json:
	$(MAKE) bench-service-next

.cache/service-heap.json:
	$(MAKE) bench-service-heap

.cache/service-half.json:
	$(MAKE) bench-service-half

.cache/service-gogc100.json:
	$(MAKE) bench-service-gc

.cache/soak.json:
	$(MAKE) soak

.cache/soak-sdk.json:
	$(MAKE) soak-sdk

.PHONY: bench-report
bench-report: .cache/service.json .cache/service-long.json .cache/service-next.json .cache/service-heap.json .cache/service-gogc100.json .cache/service-half.json .cache/soak.json .cache/soak-sdk.json ## Write docs/PERFORMANCE.md from a run, after the bench-service and soak targets that were not run (seven hours).
	$(GO) run -C internal/bench ./report

.PHONY: pictures
pictures: ## Make the screenshots of the page in docs/images; needs Chromium.
	$(GO) run -C internal/browsertest ./screenshots

.PHONY: load
load: ## Load real servers for 60 seconds and compare every count.
	OTELPERF_LOAD=60s $(GO) test -C internal/compat -count=1 -run TestLoad -v -timeout 5m .

.PHONY: clean
clean: ## Remove what the targets built.
	rm -rf bin .cache
