# Set-up shared by scripts/demo and scripts/test; sourced, never run on its own.
#
# Makes .venv from the hashed lock and adds the Debian packages that pip cannot bring.
# The result is stamped, so a second run compares one hash, does nothing and opens no connection.
#
#   setup_main demo|test     after the caller has set ROOT; progress goes to file descriptor
#                            SETUP_FD (default 1)

SETUP_FD=${SETUP_FD:-1}
SETUP_LOG=
SETUP_BEGAN=$(date +%s%N)
readonly SETUP_FORMAT=1 # raise it when the steps below change, so that old environments are redone
readonly MIN_PYTHON="3.11"

setup_seconds() {
    local elapsed=$(($(date +%s%N) - SETUP_BEGAN))
    printf '%d.%d' $((elapsed / 1000000000)) $((elapsed / 100000000 % 10))
}

setup_say() { printf '[set-up %5ss] %s\n' "$(setup_seconds)" "$*" >&"$SETUP_FD"; }

# The one sentence of what is missing; the tail of the failed command comes before it.
setup_die() {
    if [ -n "$SETUP_LOG" ] && [ -s "$SETUP_LOG" ]; then tail -n 20 "$SETUP_LOG" >&2; fi
    printf 'set-up stopped: %s\n' "$*" >&2
    exit 1
}

# Quiet while it works; what it said is shown when it fails.
setup_run() { "$@" >"$SETUP_LOG" 2>&1 9>&-; }

setup_python_fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# `tripcord up` gives every process its own uid when it runs as root, which only works with
# an interpreter those uids can read (one under /root is not). So it is really run as one.
setup_python_is_shared() {
    [ "$(id -u)" -ne 0 ] && return 0
    command -v setpriv >/dev/null 2>&1 || return 0
    (cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "$1" -I -c '' >/dev/null 2>&1)
}

setup_find_python() {
    local name path second_best=
    if [ -n "${PYTHON:-}" ]; then
        setup_python_fits "$PYTHON" || return 1
        printf '%s\n' "$PYTHON"
        return 0
    fi
    for name in python3.11 python3 python3.12 python3.13 python3.14; do
        while IFS= read -r path; do
            setup_python_fits "$path" || continue
            if setup_python_is_shared "$path"; then
                printf '%s\n' "$path"
                return 0
            fi
            second_best=${second_best:-$path}
        done < <(type -aP "$name" 2>/dev/null)
    done
    [ -n "$second_best" ] && printf '%s\n' "$second_best"
}

# Prints the first existing file among the arguments (unmatched globs stay as they are).
setup_first_file() {
    local file
    for file in "$@"; do
        if [ -e "$file" ]; then
            printf '%s\n' "$file"
            return 0
        fi
    done
    return 1
}

setup_has_softhsm() {
    [ -n "${TRIPCORD_HSM_MODULE:-}" ] || setup_first_file \
        /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so \
        /usr/local/lib/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so >/dev/null
}

setup_has_nss() {
    setup_first_file /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so \
        /usr/lib64/libsoftokn3.so >/dev/null
}

# For the tests that show a page to a real browser: Debian has its headless shell, 60 MB. Elsewhere
# whatever Chromium there is does; without one those tests are skipped, and say so.
setup_lacks_browser() {
    grep -qx 'ID=debian' /etc/os-release 2>/dev/null || return 1
    ! { command -v chromium-headless-shell || command -v chromium; } >/dev/null 2>&1
}

# Root, or a sudo that asks nothing; sudo may ask only when a person is there to answer.
setup_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif command -v sudo >/dev/null 2>&1 && [ -t 0 ] && [ -z "${CI:-}" ]; then
        sudo "$@"
    else
        return 126
    fi
}

setup_apt() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300) code=0
    command -v apt-get >/dev/null 2>&1 ||
        setup_die "$* is missing and there is no apt-get here to install it; install it and run this again."
    setup_say "installing Debian package(s): $*"
    # The lists of an image are empty or old: fetched only when the first try fails.
    setup_run setup_as_root "${apt[@]}" install --no-install-recommends "$@" || code=$?
    if [ "$code" -ne 0 ] && [ "$code" -ne 126 ]; then
        code=0
        { setup_run setup_as_root "${apt[@]}" update &&
            setup_run setup_as_root "${apt[@]}" install --no-install-recommends "$@"; } || code=$?
    fi
    [ "$code" -ne 126 ] ||
        setup_die "$* is missing and installing it needs root or sudo; run 'sudo apt-get install $*' and this again."
    [ "$code" -eq 0 ] || setup_die "the Debian package(s) $* could not be installed."
}

setup_system_packages() {
    local wanted=()
    setup_has_softhsm || wanted+=(softhsm2)
    if [ "$1" = test ]; then
        setup_has_nss || wanted+=(libnss3)
        ! setup_lacks_browser || wanted+=(chromium-headless-shell)
    fi
    [ ${#wanted[@]} -eq 0 ] || setup_apt "${wanted[@]}"
}

setup_venv() {
    local python=$1 version
    if "$ROOT/.venv/bin/python" -m pip --version >/dev/null 2>&1 && setup_python_fits "$ROOT/.venv/bin/python"; then
        setup_say "keeping .venv"
        return 0
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # Debian cuts ensurepip out of its Python; without it a venv has no pip.
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || setup_apt "python$version-venv"
    setup_say "making .venv with Python $version ($python)"
    setup_run "$python" -m venv --clear "$ROOT/.venv" || setup_die "Python $version could not make a virtual environment."
}

setup_packages() {
    local pip=("$ROOT/.venv/bin/python" -I -m pip --disable-pip-version-check --no-input install --quiet)
    [ -d "${HOME:-}" ] && [ -w "$HOME" ] || pip+=(--no-cache-dir)
    setup_say "installing $(grep -c '^[a-z].*==' "$ROOT/requirements.lock") locked packages (a few minutes the first time)"
    # Wheels only: building a source package would fetch and run code whose hash is not in the lock.
    setup_run "${pip[@]}" --require-hashes --only-binary :all: -r "$ROOT/requirements.lock" ||
        setup_die "the locked Python packages could not be installed; the package index must be reachable for the first set-up."
    setup_say "installing tripcord itself"
    setup_run "${pip[@]}" --no-index --no-deps --no-build-isolation --editable "$ROOT" ||
        setup_die "tripcord itself could not be installed into .venv."
}

# What the environment was made from: a moved checkout has wrong paths inside, so it counts too.
setup_stamp() {
    printf 'format %s\ncheckout %s\n' "$SETUP_FORMAT" "$ROOT" |
        cat - "$ROOT/requirements.lock" "$ROOT/pyproject.toml" | sha256sum | cut -d' ' -f1
}

# The stamp says what was installed; the two file tests that it was not removed since.
setup_is_done() {
    local stamped=
    [ -r "$ROOT/.venv/.stamp" ] && read -r stamped <"$ROOT/.venv/.stamp"
    [ "$stamped" = "$(setup_stamp)" ] && [ -x "$ROOT/.venv/bin/python" ] && setup_has_softhsm &&
        { [ "$1" != test ] || { setup_has_nss && ! setup_lacks_browser; }; }
}

# Programs that keep something in HOME get a place where none is set, instead of the root directory.
setup_home() {
    if [ -n "${HOME:-}" ] && [ -d "$HOME" ] && [ -w "$HOME" ]; then return 0; fi
    export HOME="$ROOT/.venv/home"
    mkdir -p "$HOME"
}

setup_main() {
    local profile=$1 python
    umask 022
    if setup_is_done "$profile"; then
        setup_say "nothing to do"
        setup_home
        return 0
    fi
    # Two first runs at once would write into one .venv.
    exec 9<"$ROOT"
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    SETUP_LOG=$(mktemp)
    trap 'rm -f "$SETUP_LOG"' EXIT
    if ! setup_is_done "$profile"; then
        python=$(setup_find_python) ||
            setup_die "Python $MIN_PYTHON or newer is missing (set PYTHON to its path if it is not on PATH)."
        setup_say "1/3 system packages"
        setup_system_packages "$profile"
        setup_say "2/3 virtual environment"
        setup_venv "$python"
        setup_say "3/3 Python packages"
        setup_packages
        setup_stamp >"$ROOT/.venv/.stamp"
        setup_say "done"
    fi
    rm -f "$SETUP_LOG"
    trap - EXIT
    exec 9<&-
    setup_home
}
