#!/bin/bash
# Resolve the dependencies anew, for each Python, with the hash of every file: into locks/pyXY-keras.txt all
# of them, into locks/pyXY.txt the same versions without TensorFlow and what only it needs.
# usage: lock.sh PYTHON [--upgrade]
set -euo pipefail

tools=.venv-lock
[ -x $tools/bin/uv ] || "$1" -m venv $tools
$tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8

compile() { # compile MINOR OUTPUT ARGUMENT...
    $tools/bin/uv pip compile pyproject.toml --quiet "${@:3}" \
        --python-version "3.$1" --python-platform linux --only-binary :all: --generate-hashes \
        --no-binary esptool --no-binary crcmod --no-binary cnn2snn --no-binary quantizeml \
        --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command "make lock" --output-file "$2"
}
for minor in 10 11 12 13; do
    compile $minor "locks/py3$minor-keras.txt" "${@:2}" --extra demo --extra dev --extra keras
    compile $minor "locks/py3$minor.txt" "${@:2}" --extra demo --extra dev \
        --constraint "locks/py3$minor-keras.txt"
done
for minor in 10 11 12; do
    compile $minor "locks/py3$minor-akida.txt" "${@:2}" --extra demo --extra dev --extra akida
done
