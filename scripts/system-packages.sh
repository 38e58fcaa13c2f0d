#!/bin/bash
# Make sure that the machine has what a target needs: install it with apt when root, else say how.
# usage: system-packages.sh venv PYTHON | system-packages.sh test
set -euo pipefail

need() { # need PACKAGE COMMAND...: the package is missing unless every command succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
has() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1"; }
has_newlib() { has arm-none-eabi-gcc && printf '#include <string.h>\n' | arm-none-eabi-gcc -fsyntax-only -xc -; }
has_avr_libc() { has avr-gcc && printf '#include <string.h>\n' | avr-gcc -fsyntax-only -xc -; }
has_picolibc() {
    has riscv64-unknown-elf-gcc &&
        printf '#include <string.h>\n' | riscv64-unknown-elf-gcc --specs=picolibc.specs -fsyntax-only -xc -
}
has_simavr_headers() { printf '#include <simavr/sim_avr.h>\n' | gcc -fsyntax-only -xc -; }
has_libc() { printf '#include <math.h>\n' | gcc -fsyntax-only -xc -; }
has_cxx() { printf '#include <cstdint>\n' | g++ -fsyntax-only -xc++ -; }
has_sanitizers() { echo 'int main(void) { return 0; }' | clang -fsanitize=address,undefined -xc -o /dev/null -; }
has_venv() { "$1" -c 'import ensurepip, venv'; }

# The package of clang's sanitizers has clang's version in its name.
sanitizers() {
    local version
    version=$(clang -dumpversion || apt-cache depends clang | sed -n 's/.*Depends: clang-//p') 2>/dev/null
    version=${version%%.*}
    echo "libclang-rt-${version:-14}-dev"
}

find_missing() {
    missing=()
    case "$1" in
    venv)
        need "$(basename "$2")-venv" has_venv "$2"
        ;;
    test)
        need gcc has gcc
        need libc6-dev has_libc
        need g++ has_cxx
        need clang has clang
        need "$(sanitizers)" has_sanitizers
        need mosquitto has mosquitto
        need mosquitto-clients has mosquitto_pub
        need openssl has openssl
        need bubblewrap has bwrap
        need gcc-arm-none-eabi has arm-none-eabi-gcc
        need libnewlib-arm-none-eabi has_newlib
        need qemu-system-arm has qemu-system-arm
        need qemu-system-misc has qemu-system-riscv32
        need chromium has chromium
        need npm has npm
        need faketime has faketime
        need gcc-avr has avr-gcc
        need avr-libc has_avr_libc
        need simavr has simavr
        need libsimavr-dev has_simavr_headers
        need arduino-core-avr dpkg -s arduino-core-avr
        need avrdude has avrdude
        need stm32flash has stm32flash
        need gdb-multiarch has gdb-multiarch
        need openocd has openocd
        need gcc-riscv64-unknown-elf has riscv64-unknown-elf-gcc
        need picolibc-riscv64-unknown-elf has_picolibc
        need cmake has cmake
        need make has make
        need systemd has systemd-analyze
        ;;
    esac
}

if [ "$1" = venv ]; then
    python=$2
    if ! command -v "$python" >/dev/null; then
        echo "$python is not there; name another one: make PYTHON=python3.11 ..." >&2
        exit 1
    fi
    if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
        echo "$("$python" --version) is not supported: trainerd needs 3.10 to 3.13." >&2
        echo "Name another one: make PYTHON=python3.11 ..." >&2
        exit 1
    fi
fi

find_missing "$@"
((${#missing[@]})) || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >&2
    find_missing "$@" # now that apt knows which clang there is
    echo "Installing ${missing[*]}" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >&2
else
    echo "Missing on this machine: ${missing[*]}. Install with:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
    exit 1
fi
