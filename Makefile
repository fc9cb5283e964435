# The one place to start from; `make help` lists what there is. CMake (CMakePresets.json) does the building.
#
# On a fresh Debian 12, `make try` and `make test` install what is missing with apt (with sudo where you are not root); where
# everything is there, apt is not touched.
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
ACL_SHARED_DIR ?= ../shared

.DEFAULT_GOAL := help
.PHONY: help try demo test test-all build fmt lint bench fuzz fuzz-short pictures vscode install deps clean deps-build deps-check deps-editors fuzz-build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r t d; do printf '  make %-10s %s\n' "$$t" "$$d"; done

try: deps-build build/build.ninja ## build, then see aclc at work on examples/
	@cmake --build --preset release --target aclc -j$(JOBS)
	@tools/try.sh

demo: deps-build build/build.ninja ## build, then a tailnet of four nodes on this machine, and a policy enforced on it; needs root
	@cmake --build --preset release --target aclc aclnode aclnode-net -j$(JOBS)
	@tools/demo.py

test: build ## build, then run all tests
	@ctest --preset release -LE long --no-tests=error -j$(JOBS)

build: deps-build build/build.ninja ## build/bin/aclc
	@cmake --build --preset release -j$(JOBS)

build/build.ninja: CMakePresets.json
	cmake --preset release

fmt: deps-check ## clang-format on our sources
	@find $(wildcard engine compiler node lsp tests) -name node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print | xargs clang-format -i

lint: deps-check build ## all static checks, clang-tidy over every file included (minutes)
	@tools/lint.sh

bench: deps-check build ## parser, inventories, resolving, lookups, sizes, times from start to exit; BENCH_XL=1 for 250,000 nodes, too
	@tools/bench.sh $(ACL_SHARED_DIR)

fuzz: fuzz-build ## every fuzz target for FUZZ_SECONDS (60)
	@tools/fuzz.sh $(FUZZ_SECONDS)

SHORT_FUZZ := $(filter-out lsp_%,$(basename $(notdir $(wildcard tests/fuzz/*_fuzz.cc))))
fuzz-short: deps-build deps-check ## as the gate does: all but the language server's, which takes long to build
	@[ -f build-fuzz/build.ninja ] || cmake --preset fuzz
	@cmake --build --preset fuzz --target short_fuzz_targets -j$(JOBS)
	@tools/fuzz.sh $(FUZZ_SECONDS) $(SHORT_FUZZ)

fuzz-build: deps-build deps-check
	@[ -f build-fuzz/build.ninja ] || cmake --preset fuzz
	@cmake --build --preset fuzz --target fuzz_targets -j$(JOBS)

test-all: deps-editors lint fuzz ## lint, fuzz, tests under sanitizers, with clang, as released, then the long ones
	cmake --preset asan && cmake --build --preset asan -j$(JOBS) && ctest --preset asan -LE long --no-tests=error -j$(JOBS)
	@ctest --preset asan -L sanitized --no-tests=error -j$(JOBS)
	cmake --preset clang && cmake --build --preset clang -j$(JOBS) && ctest --test-dir build-clang -LE long --no-tests=error --output-on-failure -j$(JOBS)
	@$(MAKE) --no-print-directory test
	@ctest --preset release -L long --no-tests=error -j$(JOBS)

pictures: build ## docs/pictures again, by walking the tour of docs/editors.md in Neovim
	@ACL_LSP=build/bin/acl-lsp ACLC=build/bin/aclc /usr/bin/python3 -B tests/lsp/editors/tour.py --write

vscode: build deps-editors ## the extension for VS Code: lsp/editors/vscode/acl-lsp.vsix
	@cd lsp/editors/vscode && npm ci && npm run package

install: build ## into $(DESTDIR)$(PREFIX): the programs, what editors need, manual pages
	DESTDIR=$(DESTDIR) cmake --install build --prefix $(PREFIX)

deps: deps-build deps-check ## install every package that building and checking need

deps-build:
	@tools/deps.sh build

deps-check:
	@tools/deps.sh check

deps-editors:
	@tools/deps.sh editors

clean: ## remove all build folders
	rm -rf build build-debug build-asan build-fuzz build-clang build-coverage
