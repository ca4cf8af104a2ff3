# Flowferry's tasks; `make help` lists them. Go (1.25 or later), git and make are enough to build; `make test` gets the
# rest itself where it may.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
FUZZTIME    ?= 30s
step         = printf '\n==> %s\n'

.PHONY: help build demo test prepare lint unit fuzz modules bench profile generate fields clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS=$$'\t' read -r t d; do printf '  make %-9s %s\n' "$$t" "$$d"; done

build: ## one static binary: ./flowferry
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o flowferry ./cmd/flowferry

demo: build ## the whole way on real flows, in this terminal
	@./flowferry demo

test: prepare lint unit modules fuzz ## all of the tests, as CI runs them

prepare: ## install what the tests need, where this is root on Debian or Ubuntu
	@$(step) 'tools and test engines'
	testdata/engine/prepare.sh

lint: ## gofmt, go vet, staticcheck, and the origin of every test file
	@$(step) 'gofmt, go vet, staticcheck'
	bad=$$(gofmt -l .)
	[[ -z $$bad ]] || { echo "gofmt these: $$bad"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	diff <(tail -n +2 testdata/PROVENANCE.tsv | cut -f1 | LC_ALL=C sort) \
	  <(git ls-files 'testdata/*/*' | sed -E '/^testdata\/(engine|golden|LICENSES)\//d;s,^testdata/,,' | LC_ALL=C sort) \
	  || { echo 'testdata/PROVENANCE.tsv must name every file: < is in it only, > is not in it'; exit 1; }

unit: ## go test -race, real engines included; the commands also without it, on the whole corpus
	@$(step) 'go test -race'
	go test -race -timeout 20m ./...
	$(step) 'go test of the commands, whole corpus and engines'
	go test -timeout 20m ./cmd/flowferry

modules: ## the tests of the modules beside the product's
	@for mod in $$(git ls-files '*/go.mod'); do
	  $(step) "go test in $$(dirname "$$mod")"
	  (cd "$$(dirname "$$mod")" && go vet ./... && go test ./...)
	done

# One target per core at a time. Go may report the end of the fuzz time itself as a failure, on a busy machine; only an
# input it wrote down is one.
fuzz: ## every fuzz target for FUZZTIME (30s)
	@$(step) 'fuzz each target for $(FUZZTIME)'
	one() {
	  log=$$(mktemp); trap 'rm -f "$$log"' EXIT
	  if go test -run='^$$' -fuzz="^$$2\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=5s -parallel=1 "$$1" </dev/null >"$$log" 2>&1; then
	    echo "$$2: $$(grep '^ok' "$$log")"
	  elif grep -q 'context deadline exceeded' "$$log" && ! grep -q 'Failing input written' "$$log"; then
	    echo "$$2: time is up"
	  else
	    cat "$$log"; return 1
	  fi
	}
	export -f one
	go list -f '{{.Dir}}' ./... | while read -r dir; do
	  { grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go 2>/dev/null || true; } | cut -c6- | sed "s,^,$$dir ,"
	done | xargs -P "$$(nproc)" -n 2 bash -euo pipefail -c 'one "$$@"' _

bench: ## cost per flow, packet and document, beside other programs
	@cd bench && go run .

profile: ## measure again what builds are optimised with (cmd/flowferry/default.pgo); needs a quiet machine, 2 minutes
	@cd bench; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT
	go run -pgo=off . child work "$$dir" ../cmd/flowferry/default.pgo >"$$dir/said"

generate: ## write again what is made from the fields table and the configuration
	@go generate ./...

fields: generate ## the same

clean: ## remove what was built here; test engines stay in the cache
	@rm -rf flowferry dist demo
