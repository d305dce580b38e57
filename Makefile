# A small front for Meson and Ninja; every target installs what it needs first (tool/deps).
# BUILD=dir builds elsewhere, SUITE=name or T=test narrows a test run, V=1 shows all output.

BUILD ?= build
BUILD_ASAN ?= $(BUILD)-asan
BUILD_FUZZ ?= $(BUILD)-fuzz
JOBS ?= $(shell nproc)
ARGS ?=
FUZZ_SECONDS ?= 20
PREFIX ?= /usr/local
WERROR = $(if $(CI),-Dwerror=true)

export BUILD BUILD_ASAN BUILD_FUZZ JOBS FUZZ_SECONDS SUITE T V

all: deps-build $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j$(JOBS)

run: deps-build $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j$(JOBS) programs
	@tool/run $(ARGS)

test: deps-test $(BUILD)/build.ninja $(BUILD_ASAN)/build.ninja
	@tool/test-run $(BUILD) $(BUILD_ASAN)

test-peers: deps-test deps-peers $(BUILD)/build.ninja
	@tool/test-run --only peers $(BUILD)

test-desktop: deps-test deps-desktop $(BUILD)/build.ninja
	@meson configure $(BUILD) -Ddesktop=enabled
	@tool/test-run --only window $(BUILD)

bench: deps-bench all
	@meson test -C $(BUILD) --benchmark --verbose $(T)

soak: deps-test all
	@tool/soak -C $(BUILD) $(T)

smoke: deps-test all
	@CAPOS_BUILDDIR=$(abspath $(BUILD)) test/e2e/smoke.py

instructions: deps-instructions all
	@bench/instructions $(BUILD)

fuzz: deps-fuzz $(BUILD_FUZZ)/build.ninja
	@ninja -C $(BUILD_FUZZ) -j$(JOBS)
	@tool/fuzz $(BUILD_FUZZ)

check: deps-check all
	@tool/test/check-test.py
	@tool/check $(BUILD)

format: deps-check
	@tool/check --format $(FILES)

doc: deps-check
	@doxygen doc/Doxyfile

install: all
	@meson configure $(BUILD) --prefix $(PREFIX)
	@meson install -C $(BUILD)
	@tool/installed $(BUILD)

uninstall:
	@ninja -C $(BUILD) uninstall

clean:
	rm -rf $(BUILD) $(BUILD_ASAN) $(BUILD_FUZZ) doc/api

deps-%:
	@tool/deps $*

# The sanitized build is made by the other compiler, so that each change is seen by both.
$(BUILD)/build.ninja: | deps-build
	@CC=$${CC:-gcc} meson setup $(WERROR) $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

$(BUILD_ASAN)/build.ninja: | deps-test
	@CC=clang CXX=clang++ meson setup $(WERROR) -Db_sanitize=address,undefined -Doptimization=1 \
		$(BUILD_ASAN) >$(BUILD_ASAN).log 2>&1 || { cat $(BUILD_ASAN).log; exit 1; }
	@rm -f $(BUILD_ASAN).log

$(BUILD_FUZZ)/build.ninja: | deps-fuzz
	@CC=clang CXX=clang++ meson setup -Dfuzz=true -Db_sanitize=address,undefined \
		$(BUILD_FUZZ) >$(BUILD_FUZZ).log 2>&1 || { cat $(BUILD_FUZZ).log; exit 1; }
	@rm -f $(BUILD_FUZZ).log

.PHONY: all run test test-peers test-desktop smoke soak bench instructions fuzz check format doc install uninstall clean
