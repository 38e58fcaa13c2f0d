#!/bin/bash
# Make the virtual environment and put exactly what the lock names into it.
# usage: venv.sh PYTHON VENV [-keras | -akida]
set -euo pipefail

python=$1
venv=$2
flavour=${3-}
unset PYTHONDONTWRITEBYTECODE # without bytecode every start is seconds slower

bash scripts/system-packages.sh venv "$python"
version=$("$python" -c 'import sys; print("%d%d" % sys.version_info[:2])')
if ! [ -x "$venv/bin/python" ] ||
    [ "$("$venv/bin/python" -c 'import sys; print("%d%d" % sys.version_info[:2])')" != "$version" ]; then
    "$python" -m venv --clear "$venv"
fi
echo "Installing what locks/py$version$flavour.txt names into $venv" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --compile \
    --require-hashes --only-binary :all: --no-binary esptool,crcmod,cnn2snn,quantizeml -r "locks/py$version$flavour.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --compile \
    --no-deps --no-build-isolation --editable .
# The service may not write here, so it would compile the packages at each start of a training.
"$venv/bin/python" -m compileall -q daemon firmware_export
