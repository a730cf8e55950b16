# The one list of chores. `make help` shows it.

.DEFAULT_GOAL := help

.PHONY: help
help: ## Shows this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 25

.PHONY: demo
demo: ## Shows the exporter on a simulated Polyv, at http://127.0.0.1:9847
	cargo run --locked -- demo

.PHONY: test
test: ## Installs what the tests need where it may, and runs them all
	scripts/test

.PHONY: build
build: ## Builds target/release/polyv-exporter
	cargo build --locked --release

.PHONY: lint
lint: ## Checks format and code with warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: check
check: ## Checks import cycles, words and documents (needs Python)
	scripts/import-cycles
	scripts/check-words
	scripts/check-docs

.PHONY: fuzz
fuzz: ## Fuzzes each target of fuzz/ for a minute (needs cargo-fuzz and a C++ compiler)
	scripts/fuzz 60

.PHONY: deny
deny: ## Checks the dependencies' licences, sources and duplicates (needs cargo-deny)
	cargo deny --locked check bans licenses sources

.PHONY: advisories
advisories: ## Checks the dependencies against published advisories (needs cargo-deny, network)
	cargo deny --locked check advisories

.PHONY: bench-recorder
bench-recorder: ## Measures what recording costs: processor, memory, disk (4 minutes)
	cargo bench --locked --bench recorder

.PHONY: recorder-kill
recorder-kill: ## Kills a recording exporter 200 times in a broadcast and compares all copies (50 minutes; needs victoria-metrics and prometheus)
	POLYV_KILL_ROUNDS=200 cargo test --locked --test integration killed_exporter -- --nocapture

.PHONY: docs
docs: ## Generates docs/metrics.md from the metric families
	UPDATE_DOCS=1 cargo test --locked --test integration metrics_page_equals_the_metric_families

.PHONY: sample-report
sample-report: ## Writes the sample reports in docs/ and the picture of one (needs Chromium)
	UPDATE_DOCS=1 cargo test --locked --lib sample_report_in_the_documents
	chromium --headless --no-sandbox --hide-scrollbars --window-size=980,1130 \
		--screenshot=docs/report.png file://$(CURDIR)/docs/sample-report.html

.PHONY: picture
picture: ## Makes the picture of the status page from the demonstration (needs Chromium)
	scripts/status-page-picture

.PHONY: dashboards
dashboards: ## Generates dashboards/*.json from dashboards/source, and copies them into the Helm chart
	target/test-tools/python/bin/python3 -B dashboards/source/build.py
	target/test-tools/python/bin/python3 -B scripts/helm-chart

.PHONY: kubernetes
kubernetes: ## Generates the cluster's alert rules, and the Helm chart's, dashboards and table of values
	scripts/kubernetes-rules > deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml
	target/test-tools/python/bin/python3 -B scripts/helm-chart

.PHONY: load
load: ## Polls 1,000 live channels on one core for a minute and shows lag and memory
	scripts/load

.PHONY: fleet
fleet: ## Simulates a day of 100,000 channels, 500 of them live, and shows how fresh they stay
	cargo test --locked --release --test integration hundred_thousand_channels -- --ignored --nocapture

.PHONY: fleet-any-cdn
fleet-any-cdn: ## Simulates hours of 20,000 live channels on any CDN among 100,000, and shows how fresh they stay
	cargo test --locked --release --test integration twenty_thousand_live_channels -- --ignored --nocapture

.PHONY: detection
detection: ## Plays thousands of hours of broadcasts and faults to the alert rules (after `make test`)
	PATH="$(CURDIR)/target/test-tools/forky/promtool/usr/bin:$$PATH" \
		cargo test --locked --test detection -- --ignored --nocapture

.PHONY: chaos
chaos: ## Simulates a day of random faults and shows whether anything is left behind
	cargo test --locked --release --test integration day_of_faults -- --ignored --nocapture

.PHONY: bench
bench: ## Compares scrapes with a file server and others, and shows polls meanwhile (on Debian)
	scripts/bench

.PHONY: bench-remote-write
bench-remote-write: ## Shows how far a remote write is behind, and how fast it catches up (needs victoria-metrics)
	cargo bench --locked --bench remote_write

.PHONY: bench-scale
bench-scale: ## Shows what a channel costs, from 1,000 to 100,000 of them
	scripts/bench scale

.PHONY: dist
dist: ## Builds the release's archives and Debian packages into target/dist
	scripts/dist

.PHONY: image-test
image-test: ## Builds the image without a container engine and looks at it (as root, on Debian)
	scripts/image-test

.PHONY: image-test-arm64
image-test-arm64: ## The same for ARM
	scripts/image-test arm64

.PHONY: package-test
package-test: ## Packs the image's program and installs it on a virtual Debian (as root, on Debian)
	scripts/dist --binaries target/image-test x86_64-unknown-linux-musl
	scripts/host-test

.PHONY: clean
clean: ## Removes everything that was built or fetched
	cargo clean
