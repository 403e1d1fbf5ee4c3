#!/usr/bin/env bash
#
# The layout of .clang-format, over src/ and test/unit/. With --fix it is applied, not checked.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fix=
while [ $# -gt 0 ]; do
	case "$1" in
		--fix) fix=yes ;;
		--root)
			root=$(cd "$2" && pwd)
			shift
			;;
		*)
			echo "usage: check_format.sh [--fix] [--root DIR]" >&2
			exit 2
			;;
	esac
	shift
done

cd "$root"
folders=()
for folder in src test/unit; do
	[ ! -d "$folder" ] || folders+=("$folder")
done
[ ${#folders[@]} -gt 0 ] || exit 0
sources()
{
	find "${folders[@]}" -name build -prune -o \( -name '*.c' -o -name '*.h' \) -print0 | sort -z
}

if [ -n "$fix" ]; then
	sources | xargs -0 -r clang-format --style=file -i
	exit
fi
# the first place of each file is enough to find the rest
if ! found=$(sources | xargs -0 -r clang-format --style=file --dry-run -Werror 2>&1); then
	grep -o '^[^ ]*:[0-9]*:[0-9]*: error' <<< "$found" | sort -t: -u -k1,1 |
		sed 's/:[0-9]*: error$/: not in the layout of .clang-format/'
	echo 'tools/lint/check_format.sh --fix applies it'
	exit 1
fi
