# billing: one PostgreSQL extension in C. `make demo` and `make check` do everything on a fresh machine.

EXTENSION = billing
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" billing.control)

MODULE_big = billing
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c)))

SQL_PARTS = $(addprefix sql/,$(shell sed -e 's/\#.*//' -e '/^ *$$/d' sql/install.manifest))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
DATA = $(wildcard sql/updates/$(EXTENSION)--*--*.sql)

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -I$(srcdir)/src -DBILLING_VERSION='"$(EXTVERSION)"'
# FAULTS=1 makes a test build with the fault points of src/core/fault.c; see CONTRIBUTING.md
ifdef FAULTS
PG_CPPFLAGS += -DBILLING_FAULTS
else
OBJS := $(filter-out src/core/fault.o,$(OBJS))
endif
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -Wvla -Wno-unused-parameter -Wno-declaration-after-statement \
	-MMD -MP $(if $(findstring clang,$(CC)),-Wno-ignored-attributes)
SHLIB_LINK = -lcurl -lcrypto -ljansson
EXTRA_CLEAN = $(DATA_built) $(OBJS:.o=.d) test/unit/build .build

# Bitcode serves only JIT inlining, and building it needs the very clang of the server.
override with_llvm = no

# PGXS has a target "check" of its own, which says that it cannot; ours stand beside it.
OWN_GOALS = check check-majors check-sanitizers check-valgrind lint demo demo-stop bench deps histories torture freeze
ifeq ($(filter $(OWN_GOALS),$(MAKECMDGOALS)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)
endif

$(DATA_built): $(SQL_PARTS) sql/install.manifest billing.control
	cat $(SQL_PARTS) > $@.tmp && mv $@.tmp $@

.PHONY: $(OWN_GOALS)
ifneq ($(filter $(OWN_GOALS),$(MAKECMDGOALS)),)
check:
	tools/install-deps
	tools/check

check-majors:
	tools/install-deps
	tools/majors

check-sanitizers:
	tools/install-deps
	tools/majors 18 --sanitizers

check-valgrind:
	tools/install-deps
	tools/check --valgrind

lint:
	tools/lint/run

demo:
	demo/run

demo-stop:
	demo/stop

bench:
	test/bench/run

deps:
	tools/install-deps

# keeps the script of the version that is released
freeze: $(DATA_built)
	cp -n $< test/upgrade/
	cmp $< test/upgrade/$(notdir $<)

# needs make install
histories:
	test/histories/run --seeds $(or $(SEEDS),1000)

# needs make install
torture:
	test/torture/run --kills $(or $(KILLS),100) $(if $(SEED),--seed $(SEED))
endif
