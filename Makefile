# GNU make. Sources are found by folder: a new file needs no edit here.
#
#: make                          the tool and the library: build/goleak-report,
#:                               build/libgoleak.a, build/libgoleak.so
#: make check                    every test; ends with "N passed, N failed, N skipped"
#: make check T='arena pool'     only the tests whose name contains "arena" or "pool"
#: make check SAN=address,undefined   the same under sanitizers; SAN=thread for what has threads:
#:                              T='reading join decode thread workers glk_writer'
#: make tests                    build all of it, run nothing
#: make check-live               record real Go programs (root, Go, bpftrace, perf) and report on them
#: make golden CASE=testdata/x   only the golden cases of a file or folder
#: make golden-update CASE=...   rewrite their expected outputs (no CASE: all)
#: make conformance GOROOT=DIR   the Go tree's own files for its trace reader (with SAN=... too)
#: make fuzz F=trace TIME=60     fuzz one reader (no F: each in turn), TIME seconds each
#: make bench                    speed and memory, as ratios to zstd -dc
#: make evaluate                 how right the verdicts are, on $GOLEAK_CAPTURES
#: make cov                      line coverage of the tests, by file
#: make check-layers             who includes whom, against lib/layers.txt
#: make lint                     clang-format, clang-tidy, cppcheck: those that are there
#: make distcheck                build, test, install and uninstall from a source archive
#: make install PREFIX=/usr DESTDIR=stage     also: make uninstall
#: make clean
#:
#: DEV=1      warnings are errors            V=1      show the commands
#: SAN=...    -fsanitize=...                 COV=1    count lines
#: JOBS=2     tests at a time                CONFIG=  another build folder
#: Yours: CC CFLAGS CPPFLAGS LDFLAGS PREFIX DESTDIR BINDIR LIBDIR INCLUDEDIR MANDIR
#:
#: SAN, COV, DEV and CONFIG build in build/<config>/ and leave their results there.

.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

hash := \#
comma := ,
empty :=
space := $(empty) $(empty)
quote = '$(subst ','\'',$(1))'

# ---- configuration --------------------------------------------------------

ifndef CONFIG
CONFIG := $(subst $(space),-,$(strip $(if $(SAN),san-$(subst $(comma),-,$(SAN))) \
        $(if $(filter 1,$(COV)),cov) $(if $(filter 1,$(DEV)),dev)))
CONFIG := $(or $(CONFIG),default)
endif
OBJ := build/$(CONFIG)
OUT := $(if $(filter default,$(CONFIG)),build,$(OBJ))
JOBS ?= 2

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

# -O3: the line readers gain from it more than it costs elsewhere. A sanitizer tells lines, for which -g1 is enough.
CFLAGS ?= $(if $(SAN)$(filter 1,$(COV)),-O1 -g1,-O3 -g)
AR ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck

VERSION := $(shell sed -n 's/^.define GOLEAK_VERSION "\([0-9.]*\)".*/\1/p' include/goleak.h)
ABI := 0
SYSTEM := $(shell uname -s)

# One compilation serves both libraries: -fPIC costs next to nothing where
# everything but the API is hidden, and twice the build time is a real cost.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
PROJECT_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -fvisibility=hidden -fPIC -pthread $(WARNINGS)
MODE_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
        $(if $(filter 1,$(COV)),--coverage)
# Not among the flags that objects follow: what is compiled with it is the same.
STRICT := $(if $(filter 1,$(DEV)),-Werror)

ifeq ($(SYSTEM),Darwin)
PROJECT_CFLAGS += -D_DARWIN_C_SOURCE
SO := libgoleak.dylib
SO_ABI := libgoleak.$(ABI).dylib
SO_FILE := libgoleak.$(VERSION).dylib
SO_LDFLAGS := -dynamiclib -install_name $(LIBDIR)/$(SO_ABI) -current_version $(VERSION) -compatibility_version $(ABI)
else
SO := libgoleak.so
SO_ABI := libgoleak.so.$(ABI)
SO_FILE := libgoleak.so.$(VERSION)
SO_LDFLAGS := -shared -Wl,-soname,$(SO_ABI) $(if $(filter Linux,$(SYSTEM)),$(if $(SAN),,-Wl$(comma)-z$(comma)defs))
endif
AS_NEEDED := $(if $(filter Linux,$(SYSTEM)),-Wl$(comma)--as-needed)

# ---- what we stand on -----------------------------------------------------

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null || echo $(2))
HAVE_ZLIB := $(shell echo '$(hash)include <zlib.h>' | $(CC) $(CPPFLAGS) $(CFLAGS) \
        $(call pkg_cflags,zlib) -E -x c - >/dev/null 2>&1 && echo 1)

DEP_CFLAGS := $(call pkg_cflags,libzstd) \
        $(if $(HAVE_ZLIB),-DGOLEAK_HAVE_ZLIB $(call pkg_cflags,zlib))
DEP_LIBS := $(call pkg_libs,libzstd,-lzstd) $(if $(HAVE_ZLIB),$(call pkg_libs,zlib,-lz)) \
        $(AS_NEEDED) -lm
# Tests read JSON with another's parser, too.
TEST_CFLAGS := $(call pkg_cflags,libcjson)
TEST_LIBS := $(DEP_LIBS) $(call pkg_libs,libcjson,-lcjson)

# ---- sources --------------------------------------------------------------

LIB_SRC := $(sort $(wildcard lib/*.c lib/*/*.c))
CLI_SRC := $(sort $(wildcard cli/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
PROPERTY_SRC := $(sort $(wildcard tests/property/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
CONFORM_SRC := $(sort $(wildcard tests/conformance/*.c))
EVALUATE_SRC := $(sort $(wildcard tests/evaluate/*.c))
ALL_SRC := $(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC) $(UNIT_SRC) $(PROPERTY_SRC) $(FUZZ_SRC) tests/fuzz/driver.c $(BENCH_SRC) \
        $(CONFORM_SRC) $(EVALUATE_SRC)

LIB_OBJ := $(LIB_SRC:%.c=$(OBJ)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(OBJ)/%.o)
SUPPORT_OBJ := $(SUPPORT_SRC:%.c=$(OBJ)/%.o)
UNIT := $(UNIT_SRC:%.c=$(OBJ)/%)
PROPERTY := $(PROPERTY_SRC:%.c=$(OBJ)/%)
FUZZ := $(FUZZ_SRC:%.c=$(OBJ)/%)
BENCH := $(BENCH_SRC:%.c=$(OBJ)/%)
GOTEXT := $(OBJ)/tests/conformance/gotext
EVALUATE := $(OBJ)/tests/evaluate/evaluate

TOOL := $(OUT)/goleak-report
LIB_A := $(OUT)/libgoleak.a
LIB_SO := $(OUT)/$(SO)
SUPPORT_A := $(OBJ)/libsupport.a
CLI_A := $(OBJ)/libcli.a

# ---- building -------------------------------------------------------------

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @echo
endif

all: $(TOOL) $(LIB_A) $(LIB_SO)

FLAGS = $(PROJECT_CFLAGS) $(DEP_CFLAGS) $(MODE_FLAGS) $(CPPFLAGS) $(CFLAGS)
# What AddressSanitizer knows of each variable are addresses: a third of a short run was putting them right.
LINK = $(CC) -pthread $(MODE_FLAGS) $(if $(and $(filter Linux,$(SYSTEM)),$(findstring address,$(SAN))),-no-pie) $(CFLAGS) $(LDFLAGS)

# The tool sees the public header only; tests see the inside of both. Ours come first:
# an installed goleak.h must not hide this one.
INCLUDES := -Iinclude -Ilib
$(CLI_OBJ): INCLUDES := -Iinclude
$(OBJ)/tests/%.o: INCLUDES := -Iinclude -Ilib -Icli -Itests $(TEST_CFLAGS)

# A stamp changes when the text in it does: objects follow the flags, archives
# and programs also the list of files, so that a deleted source leaves nothing.
stamp = mkdir -p $(@D); printf '%s\n' $(call quote,$(1)) | cmp -s - $@ || printf '%s\n' $(call quote,$(1)) >$@
$(OBJ)/flags: FORCE
	@$(call stamp,$(CC) $(FLAGS) | $(LINK) $(TEST_CFLAGS) $(TEST_LIBS))
$(OBJ)/files: FORCE
	@$(call stamp,$(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC))

$(OBJ)/%.o: %.c $(OBJ)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(INCLUDES) $(FLAGS) $(STRICT) -MMD -MP -c -o $@ $<

$(LIB_A): $(LIB_OBJ)
$(SUPPORT_A): $(SUPPORT_OBJ)
$(CLI_A): $(filter-out %/main.o,$(CLI_OBJ))
$(LIB_A) $(SUPPORT_A) $(CLI_A): $(OBJ)/files
	$(say) AR $@
	@mkdir -p $(@D) && rm -f $@
	$(Q)$(AR) rc $@ $(filter %.o,$^)

$(OUT)/$(SO_FILE): $(LIB_OBJ) $(OBJ)/files
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(LINK) $(SO_LDFLAGS) -o $@ $(LIB_OBJ) $(DEP_LIBS)

$(LIB_SO): $(OUT)/$(SO_FILE)
	@ln -sf $(SO_FILE) $(OUT)/$(SO_ABI)
	@ln -sf $(SO_ABI) $@

$(TOOL): $(CLI_OBJ) $(LIB_A)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $(CLI_OBJ) $(LIB_A) $(DEP_LIBS)

# ---- tests ----------------------------------------------------------------

# Tests link with all that is static: what is internal is hidden in the .so.
CMOCKA_LIBS = $(call pkg_libs,cmocka,-lcmocka)
INSIDES := $(SUPPORT_A) $(CLI_A) $(LIB_A)
# Named, though it is in the archive: what is in it the sanitizer has, too, and comes first.
REUSE := $(OBJ)/tests/support/reuse.o

$(UNIT) $(PROPERTY): %: %.o $(REUSE) $(INSIDES)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $< $(REUSE) $(INSIDES) $(TEST_LIBS) $(CMOCKA_LIBS)

# With libFuzzer the engine brings main(); everywhere else our driver does.
ifeq ($(ENGINE),libfuzzer)
FUZZ_MAIN := -fsanitize=fuzzer
else
FUZZ_MAIN := $(OBJ)/tests/fuzz/driver.o
endif
$(FUZZ): %: %.o $(filter %.o,$(FUZZ_MAIN)) $(REUSE) $(SUPPORT_A) $(LIB_A)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $< $(FUZZ_MAIN) $(REUSE) $(SUPPORT_A) $(LIB_A) $(TEST_LIBS)

$(BENCH): %: %.o
	$(say) LD $@
	$(Q)$(LINK) -o $@ $<

# Makes traces of text, for golden cases and for what Go's own tests read.
$(GOTEXT): %: %.o $(SUPPORT_A) $(LIB_A)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $< $(SUPPORT_A) $(LIB_A) $(TEST_LIBS)

$(EVALUATE): %: %.o $(INSIDES)
	$(say) LD $@
	$(Q)$(LINK) -o $@ $< $(INSIDES) $(TEST_LIBS) $(CMOCKA_LIBS)

# Programs and scripts alike; tests/run.sh says what it expects of them.
# What a sanitizer adds to a shared library is not ours to check.
# The longest come first, so that no core is left without one at the end.
TESTS := $(sort $(wildcard tests/golden/*.sh)) $(sort $(wildcard tests/property/test_*.sh)) $(PROPERTY) $(FUZZ) \
        $(UNIT) tests/check-layers.sh tests/selftest.sh $(if $(SAN)$(filter 1,$(COV)),,tests/check-exports.sh tests/check-32bit.sh)
ifdef T
TESTS := $(foreach test,$(TESTS),$(if $(strip $(foreach part,$(T),$(findstring $(part),$(test)))),$(test)))
endif

TEST_ENV = GOLEAK_REPORT=$(call quote,$(CURDIR)/$(TOOL)) GOLEAK_SO=$(call quote,$(CURDIR)/$(LIB_SO)) \
        GOLEAK_FEATURES=$(call quote,$(if $(HAVE_ZLIB),zlib) $(if $(SAN),san)) BUILD_DIR=$(OBJ) CC=$(call quote,$(CC))

# Everything that can be compiled, run or not: what warnings are looked for in.
tests: all $(UNIT) $(PROPERTY) $(FUZZ) $(BENCH) $(GOTEXT) $(EVALUATE)

check: $(filter $(OBJ)/%,$(TESTS)) $(if $(filter %.sh,$(TESTS)),$(TOOL) $(GOTEXT)) $(if $(filter %exports.sh,$(TESTS)),$(LIB_SO))
	@$(TEST_ENV) sh tests/run.sh -j $(JOBS) -o $(OBJ)/check $(TESTS)

golden golden-update: $(TOOL) $(GOTEXT)
	@$(TEST_ENV) sh tests/golden/golden.sh $(if $(filter %-update,$@),--update) $(CASE)

# Not part of `make check`: it needs a kernel to trace and the rights to do so.
check-live: $(TOOL)
	@$(TEST_ENV) sh tests/run.sh -o $(OBJ)/check-live $(sort $(wildcard tests/live/*.sh))

# The files are the Go project's and stay where they are: GOROOT is a Go source tree.
conformance: $(TOOL) $(GOTEXT)
	@$(TEST_ENV) sh tests/conformance/conformance.sh $(call quote,$(GOROOT))

check-layers:
	@sh tests/check-layers.sh .

# ---- fuzzing --------------------------------------------------------------

# libFuzzer where it links (clang unless you name a CC), else our driver under ASan.
TIME ?= 60
F ?= $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_CC ?= $(if $(filter default,$(origin CC)),$(or $(shell command -v clang 2>/dev/null),$(CC)),$(CC))
FUZZ_PROBE = echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d != 0 && n == 0; }' | \
        $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -w -x c -o /dev/null - 2>/dev/null

# What makes the inputs to begin with needs no sanitizer.
fuzz: $(TOOL) $(GOTEXT)
	@+if $(FUZZ_PROBE); then engine=libfuzzer; san=fuzzer-no-link,address,undefined; \
	else engine=driver; san=address,undefined; fi; \
	GOLEAK_REPORT=$(call quote,$(CURDIR)/$(TOOL)) GOLEAK_GOTEXT=$(call quote,$(CURDIR)/$(GOTEXT)) \
	$(MAKE) --no-print-directory fuzz-run CONFIG=fuzz-$$engine ENGINE=$$engine SAN=$$san CC=$(call quote,$(FUZZ_CC))

fuzz-run: $(F:%=$(OBJ)/tests/fuzz/fuzz_%)
	@sh tests/fuzz/fuzz.sh $(OBJ) $(ENGINE) $(TIME) $(F)

# ---- measuring ------------------------------------------------------------

# A second tool keeps nothing for verdicts: what do they cost?
bench: $(TOOL) $(BENCH) $(GOTEXT)
	@+$(MAKE) --no-print-directory build/unjudged/goleak-report CONFIG=unjudged CPPFLAGS='$(CPPFLAGS) -DGOLEAK_KEEPS_WAITS=0'
	@$(TEST_ENV) GOLEAK_UNJUDGED=$$PWD/build/unjudged/goleak-report sh tests/bench/bench.sh

cov:
	@find build/cov -name '*.gcda' -exec rm -f {} + 2>/dev/null || :
	@+$(MAKE) --no-print-directory check COV=1
	@sh tests/coverage.sh build/cov $(call quote,$(CC))

evaluate: $(EVALUATE)
	@if [ -n "$$GOLEAK_CAPTURES" ]; then $(EVALUATE) "$$GOLEAK_CAPTURES"; \
	else echo 'evaluate: GOLEAK_CAPTURES names no folder of recordings' >&2; exit 2; fi

# ---- keeping it tidy ------------------------------------------------------

ALL_FILES := $(sort $(wildcard include/*.h lib/*.[ch] lib/*/*.[ch] cli/*.[ch] tests/*/*.[ch]))

# Spacing is told, not enforced: some tables are set by hand, and better so.
lint: check-layers
	@if command -v $(CLANG_FORMAT) >/dev/null; then for file in $(ALL_FILES); do \
	count=$$($(CLANG_FORMAT) $$file | diff $$file - | grep -c '^<'); \
	[ $$count = 0 ] || echo "FORMAT $$file: $$count lines differ from .clang-format"; done; \
	else echo 'SKIP $(CLANG_FORMAT) is not here'; fi
	@if command -v $(CLANG_TIDY) >/dev/null; then echo TIDY; \
	$(CLANG_TIDY) --quiet --warnings-as-errors='*' $(LIB_SRC) $(CLI_SRC) -- \
	-std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -Ilib $(DEP_CFLAGS) 2>/dev/null; \
	else echo 'SKIP $(CLANG_TIDY) is not here'; fi
	@if command -v $(CPPCHECK) >/dev/null; then echo CPPCHECK; \
	$(CPPCHECK) --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
	--suppress=missingIncludeSystem -D_POSIX_C_SOURCE=200809L -D__GNUC__ -Iinclude -Ilib $(LIB_SRC) $(CLI_SRC); \
	else echo 'SKIP $(CPPCHECK) is not here'; fi

distcheck:
	@+MAKE=$(call quote,$(MAKE)) sh tests/distcheck.sh goleak-report-$(VERSION)

# ---- installing -----------------------------------------------------------

PC_REQUIRES := libzstd$(if $(HAVE_ZLIB),$(comma) zlib)

install: all
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)' \
	'$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -m 755 $(TOOL) '$(DESTDIR)$(BINDIR)/goleak-report'
	$(INSTALL) -m 644 docs/goleak-report.1 '$(DESTDIR)$(MANDIR)/man1/goleak-report.1'
	$(INSTALL) -m 644 include/goleak.h '$(DESTDIR)$(INCLUDEDIR)/goleak.h'
	$(INSTALL) -m 644 $(LIB_A) '$(DESTDIR)$(LIBDIR)/libgoleak.a'
	$(INSTALL) -m 755 $(OUT)/$(SO_FILE) '$(DESTDIR)$(LIBDIR)/$(SO_FILE)'
	ln -sf $(SO_FILE) '$(DESTDIR)$(LIBDIR)/$(SO_ABI)'
	ln -sf $(SO_ABI) '$(DESTDIR)$(LIBDIR)/$(SO)'
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))' \
	'includedir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))' '' 'Name: goleak' \
	'Description: finds leaked goroutines in recordings of Go processes' 'Version: $(VERSION)' \
	'Requires.private: $(PC_REQUIRES)' 'Libs: -L$${libdir} -lgoleak' 'Libs.private: -pthread -lm' \
	'Cflags: -I$${includedir}' >'$(DESTDIR)$(LIBDIR)/pkgconfig/goleak.pc'

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/goleak-report' '$(DESTDIR)$(INCLUDEDIR)/goleak.h' \
	'$(DESTDIR)$(LIBDIR)/libgoleak.a' '$(DESTDIR)$(LIBDIR)/$(SO_FILE)' '$(DESTDIR)$(LIBDIR)/$(SO_ABI)' \
	'$(DESTDIR)$(LIBDIR)/$(SO)' '$(DESTDIR)$(LIBDIR)/pkgconfig/goleak.pc' \
	'$(DESTDIR)$(MANDIR)/man1/goleak-report.1'

clean:
	rm -rf build

help:
	@sed -n 's/^$(hash): \{0,1\}//p' Makefile

FORCE:
.PHONY: all tests check check-live conformance golden golden-update check-layers fuzz fuzz-run bench evaluate cov lint distcheck install uninstall clean help FORCE
.SECONDARY:

-include $(ALL_SRC:%.c=$(OBJ)/%.d)
