# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts beside this file share; they source it. It sets `root`, the folder of the checkout, and works from any
# current folder, without a terminal, as root and as an ordinary user. Only need_packages ever asks for root.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
jobs=${LAKEFEED_JOBS:-$(nproc)}
readonly jobs

# shellcheck disable=SC2034 # read by those who source this file
readonly BUILD_PACKAGES=(build-essential cmake ninja-build pkg-config libcjson-dev libyajl-dev libssl-dev
    libsqlite3-dev libpq-dev libuv1-dev libmicrohttpd-dev libcurl4-openssl-dev)
# shellcheck disable=SC2034
readonly TEST_PACKAGES=(libcmocka-dev postgresql postgresql-contrib sqlite3)
readonly PYTHON_PACKAGES=(python3 python3-venv)
# For Python packages that come as source: the virtual environment builds with these and fetches no others.
readonly PYTHON_BUILD_TOOLS=(setuptools==78.1.1 wheel==0.45.1)

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

need_writable_root() {
    [ -w "$root" ] || die "this user may not write to $root; use a clone of your own" 2
}

install_packages() {
    local -a as_root=()
    local -a install=(apt-get install --yes --no-install-recommends "$@")
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null </dev/null; then
            printf '%s: packages are missing, and only root can install them. Run this, then try again:\n\n    %s%s\n\n' \
                "${0##*/}" "$(command -v sudo >/dev/null && echo 'sudo ')" "${install[*]}" >&2
            exit 2
        fi
        as_root=(sudo -n)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    echo "installing: $*"
    "${as_root[@]}" "${install[@]}" -qq </dev/null >/dev/null 2>&1 && return
    # The lists may be absent or old; the second attempt shows what goes wrong.
    "${as_root[@]}" apt-get update -qq </dev/null && "${as_root[@]}" "${install[@]}" -qq </dev/null >/dev/null && return
    die "the packages could not be installed: ${install[*]}" 2
}

# need_packages NAME…: installs those Debian packages that are missing. Ends the script with 2 when it cannot.
need_packages() {
    local -a missing=()
    local name
    if ! command -v dpkg-query >/dev/null; then
        echo "${0##*/}: this is no Debian, so nothing is installed. Needed: $*" >&2
        return
    fi
    for name in "$@"; do
        if [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null)" != installed ]; then
            missing+=("$name")
        fi
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# need_venv REQUIREMENTS…: <root>/.venv with the pinned packages of these files; sets `python` to its interpreter. The files
# name every package, so that pip resolves nothing.
need_venv() {
    local venv=$root/.venv system=/usr/bin/python3 file stamp
    local -a pip
    need_packages "${PYTHON_PACKAGES[@]}"
    [ -x "$system" ] || system=python3
    python=$venv/bin/python
    # Made for another interpreter, or half made.
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        "$system" -m venv --clear -- "$venv" || die "no virtual environment in $venv" 1
    fi
    pip=("$python" -m pip --quiet --no-input --disable-pip-version-check install --no-deps)
    for file in "$@"; do
        stamp=$venv/installed-$({ "$python" --version && cat -- "$file"; } | sha256sum | cut -c 1-16)
        if [ ! -e "$stamp" ]; then
            echo "installing Python packages of ${file#"$root"/}"
            if ! { "${pip[@]}" "${PYTHON_BUILD_TOOLS[@]}" &&
                "${pip[@]}" --use-pep517 --no-build-isolation --requirement "$file"; } </dev/null; then
                die "the packages of $file could not be installed"
            fi
            touch -- "$stamp"
        fi
    done
}

# configure FOLDER ARGUMENT…: runs cmake for build/FOLDER. A build folder that was made elsewhere starts afresh.
configure() {
    local folder=$root/build/$1
    local -a fresh=()
    shift
    if [ -e "$folder/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
        fresh=(--fresh)
    fi
    mkdir -p -- "$folder"
    (cd -- "$root" && quietly "$folder/configure.log" cmake "${fresh[@]}" -B "$folder" "$@")
}

# build FOLDER TARGET…: builds in build/FOLDER; speaks only when it fails.
build() {
    local folder=$root/build/$1
    shift
    quietly "$folder/build.log" ninja -C "$folder" -j "$jobs" "$@"
}

# quietly LOG COMMAND…: what the command prints is shown only when it fails.
quietly() {
    local log=$1 status=0
    shift
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || tail -n 60 -- "$log" >&2
    return "$status"
}

step_lines=()
step_failures=0

# step NAME COMMAND…: runs one part, goes on after a failure, and keeps a line for print_steps.
step() {
    local name=$1 begin=$SECONDS status=0 word=ok
    shift
    printf '\n== %s\n' "$name"
    "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        word="FAILED ($status)"
        step_failures=$((step_failures + 1))
    fi
    step_lines+=("$(printf '%-14s %-12s %5d s' "$name" "$word" $((SECONDS - begin)))")
}

# The closing table; status 1 when a step failed.
print_steps() {
    printf '\n== %s: %d s in all\n' "${0##*/}" "$SECONDS"
    printf '%s\n' "${step_lines[@]}"
    [ "$step_failures" -eq 0 ]
}
