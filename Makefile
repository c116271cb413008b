# The few commands people type. Everything that is built lies in the cache, outside the checkout.

CACHE := $(or $(CHANGEOVER_CACHE),$(HOME)/.cache/changeover)
export CARGO_TARGET_DIR ?= $(CACHE)/target
# As in .cargo/config.toml; who cleans must name it.
TARGET := x86_64-unknown-linux-musl
BIN := $(CARGO_TARGET_DIR)/$(TARGET)/release
# Whose programs the target directory holds.
CHECKOUT := $(CARGO_TARGET_DIR)/checkout
CRD := charts/changeover/files/exchangerelease.yaml
# Where tests leave what they did in figures.
export CHANGEOVER_FIGURES := $(CURDIR)/target/figures
NAME ?= changeover
# In it cargo would find a jobserver that make has closed to it, and say so each time.
unexport MAKEFLAGS MFLAGS
# These have tiers of their own. Every cargo call names the whole workspace: a part of
# it would ask for other features of shared dependencies, and build them once more.
TIERS := changeover-apiserver-tests changeover-e2e changeover-engine

.PHONY: help
help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build every program (static, release)
	@tools/require.sh build
	@# Cargo tells by their times which sources are new: another checkout's programs can pass for ours.
	@mkdir -p $(CARGO_TARGET_DIR)
	@[ "$$(cat $(CHECKOUT) 2>&1)" = "$(CURDIR)" ] || cargo clean --workspace --release --target $(TARGET)
	@echo "$(CURDIR)" > $(CHECKOUT)
	cargo build --release --workspace --locked

.PHONY: demo
demo: build ## Release an exchange blue to green on a Kubernetes of its own, under load
	$(BIN)/changeover-demo

.PHONY: test
test: ## Run every tier, and print what they did in figures
	rm -rf $(CHANGEOVER_FIGURES)
	@# Units and the api-server tier mostly wait. The others need the processors, and clients that account for
	@# every request need them most.
	$(MAKE) --no-print-directory --jobs=2 test-units test-apiserver
	$(MAKE) --no-print-directory test-engine test-cluster
	@echo; cat $(CHANGEOVER_FIGURES)/*

.PHONY: test-units
test-units: build ## Services against PostgreSQL, and the tests of the tools
	@tools/require.sh test
	cargo test --release --locked --workspace --no-fail-fast $(addprefix --exclude ,$(TIERS))

.PHONY: test-engine
test-engine: build ## The engine against a model of the API: every fault at every point, random schedules
	cargo test --release --locked --workspace --lib --test engine

.PHONY: test-apiserver
test-apiserver: build ## The operator against a real API server
	trap '$(BIN)/changeover-cluster down --name changeover-api' EXIT; \
	cargo test --release --locked --workspace --test schema --test parity --test releases --test outage -- --test-threads=4

.PHONY: test-cluster
test-cluster: build ## The product as users see it: real pods, real traffic
	trap '$(BIN)/changeover-cluster down --name changeover-test' EXIT; \
	$(BIN)/changeover-cluster up --name changeover-test && \
	CHANGEOVER_CLUSTER=changeover-test cargo test --release --locked --workspace --test cluster -- --test-threads=2 --nocapture $(CLUSTER_TESTS)

.PHONY: soak
soak: ## 50 switches and 50 rollbacks in a row under load (five minutes)
	SOAK_ROUNDS=50 CLUSTER_TESTS=soak $(MAKE) test-cluster

.PHONY: bench
bench: build ## Speed of the switch, and what the operator takes (figures, no test)
	trap '$(BIN)/changeover-cluster down --name changeover-api; $(BIN)/changeover-cluster down --name changeover-bench' EXIT; \
	$(BIN)/changeover-bench

.PHONY: lint
lint: build ## Format, clippy, dependencies, drift of generated files, charts
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	$(BIN)/changeover-crds | cmp - $(CRD) || { echo 'run: make crds'; exit 1; }
	tools/cargo-deny.sh bans licenses sources
	tools/lint-charts.sh "$$($(BIN)/changeover-cluster build)/helm"

.PHONY: crds
crds: ## Write the CustomResourceDefinition from the Rust types
	cargo run --quiet --release --locked -p changeover-crds > $(CRD).new
	mv $(CRD).new $(CRD)

.PHONY: bench-trade
bench-trade: build ## Measure how many orders trade takes, and how fast
	cargo bench --profile release --locked -p trade-service --bench orders

.PHONY: openapi
openapi: build ## Write the OpenAPI documents of the services from their code
	for name in user trade notification; do $(BIN)/$$name-service --print-openapi > services/$$name/openapi.json || exit 1; done

.PHONY: images
images: build ## Build the container images as OCI archives
	$(BIN)/changeover-images --binaries $(BIN)

.PHONY: cluster
cluster: images ## Bring up a Kubernetes on this machine, with our images (NAME=...)
	$(BIN)/changeover-cluster up --name $(NAME)
	for image in $(CACHE)/images/*.tar; do $(BIN)/changeover-cluster load --name $(NAME) $$image || exit 1; done
	@echo 'Use it:    eval "$$($(BIN)/changeover-cluster env --name $(NAME))"'
	@echo 'Remove it: make cluster-down NAME=$(NAME)'

.PHONY: cluster-down
cluster-down: ## Remove it without a trace (NAME=...)
	$(BIN)/changeover-cluster down --name $(NAME)
